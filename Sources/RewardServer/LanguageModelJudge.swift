import Foundation
import Imaging
import MLLMRuntime
import Shared

/// A judge over a Qwen-VL model of the runtime.
struct LanguageModelJudge: Judge {
    /// The model.
    let model: LanguageVisionModel
    let identity: JudgeIdentity
    private let cache: InferenceCache

    /// Loads a model.
    ///
    /// - Parameters:
    ///   - files: Where it is.
    ///   - precision: The arithmetic of linear layers.
    ///   - checksWeights: Whether NaN and infinity are looked for in all weights.
    ///   - cache: Where features and trunks are kept.
    /// - Throws: What the runtime throws.
    init(
        _ files: ModelFiles,
        precision: PrecisionChoice = .auto,
        checksWeights: Bool = false,
        cache: InferenceCache = InferenceCache()
    ) throws {
        model = try LanguageVisionModel.load(files, checkWeights: checksWeights, precision: precision)
        self.cache = cache
        let information = model.information
        identity = JudgeIdentity(
            name: information.name,
            family: information.family.rawValue,
            parameterCount: information.parameterCount,
            precision: information.precision.linear.rawValue,
            fingerprint: information.fingerprint.description,
            preprocessHash: try Self.preprocessHash(of: files, information)
        )
    }

    func tokens(of text: String) -> [Int] {
        model.tokenizer.encode(text)
    }

    func text(ofToken token: Int) -> String {
        model.tokenizer.decode([token])
    }

    func answers(to question: JudgeQuestion, isCancelled: () -> Bool) throws -> JudgeReply {
        let source: PreparedImage
        do {
            source = try model.prepare(question.source)
        } catch {
            throw RequestError.sourceImage(ScoreFailure(preparing: error, name: "source.image"))
        }
        let candidates = question.candidates.map { image in
            Result { try model.prepare(image) }.mapError {
                ScoreFailure(preparing: $0, name: "the edited image")
            }
        }
        let ready = candidates.compactMap { try? $0.get() }
        var reply = JudgeReply(answers: [])
        var answers = try answers(for: ready, source: source, question, &reply, isCancelled)[...]
        reply.answers = candidates.map { candidate in
            candidate.flatMap { _ in answers.removeFirst() }
        }
        return reply
    }

    /// The logits of a group of images that the model takes.
    ///
    /// A prompt that is too long is looked for image by image, since only the candidates it concerns must
    /// fail; scores do not depend on the grouping.
    private func answers(
        for images: [PreparedImage],
        source: PreparedImage,
        _ question: JudgeQuestion,
        _ reply: inout JudgeReply,
        _ isCancelled: () -> Bool
    ) throws -> [Result<JudgeAnswer, ScoreFailure>] {
        guard !images.isEmpty else { return [] }
        do {
            let group = Self.promptGroup(images, source: source, text: question.text, order: question.order)
            let (branches, timings, imagesEncoded, imagesCached) = try model.answerStates(
                group,
                cache: cache,
                isCancelled: isCancelled
            )
            reply.usage.imagesEncoded += imagesEncoded
            reply.usage.imagesCached += imagesCached
            reply.vision += timings.vision
            reply.prefill += timings.prefill
            reply.head += timings.head
            return branches.map { branch in
                reply.usage.promptTokens += branch.promptTokens
                reply.usage.cachedTokens += branch.cachedTokens
                reply.usage.imageTokens += branch.imageTokens
                let start = ContinuousClock.now
                let answer = JudgeAnswer(
                    logits: model.logits(branch, tokens: question.tokens),
                    logSumExp: model.logSumExp(branch)
                )
                reply.head += ContinuousClock.now - start
                return .success(answer)
            }
        } catch let error as ModelError where error.isAboutLength {
            guard images.count > 1 else {
                return [
                    .failure(
                        ScoreFailure(type: "invalid_image", code: "prompt_too_long", message: "\(error)")
                    )
                ]
            }
            return try images.flatMap { image in
                try answers(for: [image], source: source, question, &reply, isCancelled)
            }
        }
    }

    /// The tree of a group's prompts: what stands before the candidate is the trunk that all branches share.
    static func promptGroup(
        _ candidates: [PreparedImage],
        source: PreparedImage,
        text: String,
        order: RubricOrder
    ) -> PromptGroup {
        func parts(_ names: ArraySlice<RubricOrder.Part>, candidate: PreparedImage?) -> [PromptPart] {
            names.compactMap { name in
                switch name {
                case .source: .image(source)
                case .edited: candidate.map { .image($0) }
                case .text: .text(text)
                }
            }
        }
        let split = order.parts.firstIndex(of: .edited) ?? order.parts.endIndex
        return PromptGroup(
            shared: parts(order.parts[..<split], candidate: nil),
            branches: candidates.map { parts(order.parts[split...], candidate: $0) }
        )
    }

    /// Digests what decides how images are prepared; the version stands for our own resize and normalisation.
    ///
    /// - Parameters:
    ///   - files: Where the model is.
    ///   - information: What the model says of itself; its identity covers the fields of GGUF files.
    /// - Returns: `sha256:…`.
    /// - Throws: `WeightError` for a file that cannot be read.
    static func preprocessHash(of files: ModelFiles, _ information: ModelInformation) throws -> String {
        let content: String
        switch files {
        case .folder(let folder):
            let paths = ["preprocessor_config.json", "processor_config.json"].map {
                (folder as NSString).appendingPathComponent($0)
            }
            let path = paths.first(where: FileManager.default.fileExists)
            content = try path.map { ContentHash(try MappedFile(path: $0)).hexadecimal } ?? "defaults"
        case .gguf:
            content = information.fingerprint.hexadecimal
        }
        return ContentHash("edit-r1 preprocessing 1 \(content)").description
    }
}

extension ModelError {
    /// Whether it is the prompt's length, and so one candidate's image, that is at fault.
    fileprivate var isAboutLength: Bool {
        switch self {
        case .promptTooLong, .tooManyImageTokens: true
        default: false
        }
    }
}
