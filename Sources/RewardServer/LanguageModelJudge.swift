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
    ///   - maximumPixels: Largest area of a picture that the model sees; nil takes the model's own.
    ///   - checksWeights: Whether NaN and infinity are looked for in all weights.
    ///   - cache: Where features and trunks are kept.
    ///   - packedFolder: Where packed weights are kept for the next start.
    ///   - progress: Told which share of the weights has been taken in.
    /// - Throws: What the runtime throws.
    init(
        _ files: ModelFiles,
        precision: PrecisionChoice = .auto,
        maximumPixels: Int? = nil,
        checksWeights: Bool = false,
        cache: InferenceCache = InferenceCache(),
        packedFolder: String? = nil,
        progress: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws {
        model = try LanguageVisionModel.load(
            files,
            checkWeights: checksWeights,
            precision: precision,
            maximumPixels: maximumPixels,
            packedFolder: packedFolder,
            progress: progress
        )
        self.cache = cache
        let information = model.information
        identity = JudgeIdentity(
            name: information.name,
            family: information.family.rawValue,
            parameterCount: information.parameterCount,
            precision: information.precision.linear.rawValue,
            fingerprint: information.fingerprint.description,
            preprocessHash: try Self.preprocessHash(of: files, information, maximumPixels: maximumPixels)
        )
    }

    func tokens(of text: String) -> [Int] {
        model.tokenizer.encode(text)
    }

    func text(ofToken token: Int) -> String {
        model.tokenizer.decode([token])
    }

    /// A group whose prompts are token rows.
    struct Question: PreparedQuestion {
        /// Why a candidate cannot be asked about; nil for those that are in the group, in their order.
        fileprivate let failures: [ScoreFailure?]
        /// The prompts; nil when no candidate is left.
        fileprivate let group: PlannedGroup?
        /// The ids whose logits are wanted.
        fileprivate let tokens: [Int]
        fileprivate let wantsLogSumExp: Bool

        var rowCount: Int { group?.rowCount ?? 0 }
    }

    func prepare(_ question: JudgeQuestion) throws -> any PreparedQuestion {
        let source: PreparedImage
        do {
            source = try model.prepare(question.source)
        } catch {
            throw RequestError.sourceImage(ScoreFailure(preparing: error, name: "source.image"))
        }
        var candidates = question.candidates.map { image in
            Result { try model.prepare(image) }.mapError {
                ScoreFailure(preparing: $0, name: "the edited image")
            }
        }
        func plan(_ images: [PreparedImage]) throws -> PlannedGroup? {
            guard !images.isEmpty else { return nil }
            return try model.plan(
                Self.promptGroup(images, source: source, text: question.text, order: question.order)
            )
        }
        func ready() -> [PreparedImage] { candidates.compactMap { try? $0.get() } }
        var group: PlannedGroup?
        do {
            group = try plan(ready())
        } catch let error as ModelError where error.isAboutLength {
            // A prompt that is too long fails the candidate that it is about, not the group.
            for (index, candidate) in candidates.enumerated() {
                guard case .success(let image) = candidate else { continue }
                do {
                    _ = try plan([image])
                } catch let error as ModelError where error.isAboutLength {
                    candidates[index] = .failure(
                        ScoreFailure(type: "invalid_image", code: "prompt_too_long", message: "\(error)")
                    )
                }
            }
            group = try plan(ready())
        }
        return Question(
            failures: candidates.map { candidate in
                if case .failure(let failure) = candidate { failure } else { nil }
            },
            group: group,
            tokens: question.tokens,
            wantsLogSumExp: question.wantsLogSumExp
        )
    }

    func answers(
        to questions: [any PreparedQuestion],
        isCancelled: () -> Bool
    ) throws -> [JudgeReply] {
        let questions = questions.map { question in
            guard let question = question as? Question else {
                preconditionFailure("\(type(of: question)) was prepared by another judge")
            }
            return question
        }
        let (states, timings) = try model.answerStates(
            questions.compactMap(\.group),
            cache: cache,
            isCancelled: isCancelled
        )
        var remaining = states[...]
        return questions.map { question in
            var reply = JudgeReply(answers: [])
            reply.vision = timings.vision
            reply.prefill = timings.prefill
            guard question.group != nil, let group = remaining.popFirst() else {
                reply.answers = question.failures.compactMap { $0.map(Result.failure) }
                return reply
            }
            reply.usage.imagesEncoded = group.imagesEncoded
            reply.usage.imagesCached = group.imagesCached
            let start = ContinuousClock.now
            var branches = group.branches[...]
            reply.answers = question.failures.map { failure in
                if let failure { return .failure(failure) }
                let branch = branches.removeFirst()
                reply.usage.promptTokens += branch.promptTokens
                reply.usage.cachedTokens += branch.cachedTokens
                reply.usage.imageTokens += branch.imageTokens
                return .success(
                    JudgeAnswer(
                        logits: model.logits(branch, tokens: question.tokens),
                        logSumExp: question.wantsLogSumExp ? model.logSumExp(branch) : nil
                    )
                )
            }
            reply.head = ContinuousClock.now - start
            return reply
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
    ///   - maximumPixels: What the owner set instead of the model's own; nil for nothing.
    /// - Returns: `sha256:…`.
    /// - Throws: `WeightError` for a file that cannot be read.
    static func preprocessHash(
        of files: ModelFiles,
        _ information: ModelInformation,
        maximumPixels: Int? = nil
    ) throws -> String {
        let content: String
        switch files {
        case .folder(let folder):
            let name = try ModelFiles.preprocessingFile(inFolder: folder)
            let file = PathText.path(name, in: folder)
            let path = FileManager.default.fileExists(atPath: file) ? file : nil
            content = try path.map { ContentHash(try MappedFile(path: $0)).hexadecimal } ?? "defaults"
        case .gguf:
            content = information.fingerprint.hexadecimal
        }
        let limit = maximumPixels.map { " max_pixels \($0)" } ?? ""
        return ContentHash("edit-r1 preprocessing 2 \(content)\(limit)").description
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
