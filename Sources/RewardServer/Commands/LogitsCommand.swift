import ArgumentParser
import Foundation
import Imaging
import MLLMRuntime
import Shared

/// `reward-server logits`.
struct LogitsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logits",
        abstract: "Show the tokens that a model finds likeliest to come next.",
        discussion: """
            For comparing a model with other runtimes. --prompt asks as scoring does, through the chat template with \
            the images first; --text and --tokens go to the decoder as they are. For those two, a .gguf file needs no \
            vision tower, so that text models of the architectures qwen2 and qwen3 can be asked too.
            """
    )

    @OptionGroup var model: ModelOptions

    @Option(help: "What the user says; special tokens in it have no power.")
    var prompt: String?

    @Option(
        name: .customLong("image"),
        help: "A picture before the prompt (PNG, JPEG or WebP); may be repeated."
    )
    var images: [String] = []

    @Option(help: "Text that the next token follows; special tokens in it have no power.")
    var text: String?

    @Option(help: "A JSON file with a list of lists of token ids; each is a text of its own.")
    var tokens: String?

    @Option(help: "How many tokens to show.")
    var top = 20

    @Flag(help: "One JSON object a line for each text.")
    var json = false

    func validate() throws {
        guard [prompt, text, tokens].count(where: { $0 != nil }) == 1 else {
            throw ValidationError("give one of --prompt, --text and --tokens")
        }
        try ShellQuestion.requireOneInput(images)
        guard images.isEmpty || prompt != nil else { throw ValidationError("--image needs --prompt") }
        guard top >= 1 else { throw ValidationError("--top must be at least 1") }
    }

    func run() async throws {
        try await ExitStatus.reporting {
            ComputeThreads.configure(model.threads)
            if let prompt {
                let model = try visionModel()
                let parts = try images.map { PromptPart.image(try model.prepare(try Self.picture($0))) }
                let group = PromptGroup(shared: [], branches: [parts + [.text(prompt)]])
                let branches = try model.answerStates(group, cache: nil) { false }.states.branches
                for state in branches {
                    try show(state.promptTokens, model.nextTokens(state, count: top), model.tokenizer)
                }
            } else if let path = model.model, path.lowercased().hasSuffix(".gguf") {
                let model = try TextModel(gguf: path, precision: model.precision)
                try answer(model.tokenizer, model.nextTokens)
            } else {
                let model = try visionModel()
                try answer(model.tokenizer, model.nextTokens)
            }
        }
    }

    private func visionModel() throws -> LanguageVisionModel {
        let files = try ModelLocation.resolve(model.model, projector: model.mmproj)
        if !model.force {
            let information = try LanguageVisionModel.inspect(
                files,
                precision: model.precision,
                maximumPixels: model.maxPixels
            )
            let needed = information.pairMemory.totalByteCount
            try MemoryCheck.require(needed, for: information.name, of: AvailableMemory.measure())
        }
        return try LanguageVisionModel.load(
            files,
            checkWeights: model.checkWeights,
            precision: model.precision,
            maximumPixels: model.maxPixels
        )
    }

    private static func picture(_ path: String) throws -> PixelImage {
        try ImageDecoder.decode(contentsOf: path)
    }

    /// Shows what comes after every text.
    private func answer(_ tokenizer: Tokenizer, _ next: ([Int], Int) throws -> [NextToken]) throws {
        var texts: [[Int]] = []
        if let text {
            texts = [tokenizer.encode(text)]
        } else if let tokens {
            guard let data = FileManager.default.contents(atPath: tokens) else {
                throw ValidationError("\(tokens) cannot be read; check the path")
            }
            guard let lists = try? JSONDecoder().decode([[Int]].self, from: data) else {
                throw ValidationError("\(tokens) is no list of lists of token ids like [[1, 2], [3]]")
            }
            texts = lists
        }
        for text in texts {
            try show(text.count, try next(text, top), tokenizer)
        }
    }

    private func show(_ count: Int, _ next: [NextToken], _ tokenizer: Tokenizer) throws {
        let rows = next.map {
            Answer.Row(id: $0.id, logProbability: $0.logProbability, text: tokenizer.decode([$0.id]))
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let line = try encoder.encode(Answer(tokenCount: count, next: rows))
            StandardStreams.print(String(decoding: line, as: UTF8.self))
        } else {
            StandardStreams.print("after \(count) tokens")
            for row in rows {
                let number = String(format: "%10.5f", row.logProbability)
                StandardStreams.print("\(number)  \(row.id)  \(String(reflecting: row.text))")
            }
        }
    }

    /// What one text gives.
    private struct Answer: Encodable {
        struct Row: Encodable {
            let id: Int
            let logProbability: Double
            let text: String
        }

        let tokenCount: Int
        let next: [Row]
    }
}
