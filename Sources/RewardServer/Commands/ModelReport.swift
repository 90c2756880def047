import Foundation
import MLLMRuntime
import Shared

/// What `inspect` says about a model.
struct ModelReport: Encodable {
    let name: String
    let family: String
    let parameters: Int
    let visionParameters: Int
    let hiddenSize: Int
    let layers: Int
    let visionBlocks: Int
    let vocabularySize: Int
    let tiedEmbeddings: Bool
    let contextLength: Int
    let weightType: String
    let weightByteCount: Int
    /// Arithmetic of the linear layers.
    let precision: String
    /// Tensors by the format that they are stored in.
    let formats: [String: Int]
    let chatTemplate: String
    let specialTokens: [String: Int]
    /// Of a source and an edited image of 512×512 pixels.
    let pairMemory: Memory
    /// Of a source and twelve edited images of 512×512 pixels; what loading a model asks for.
    let groupMemory: Memory
    /// What this machine has left; `nil` when that is not known.
    let availableByteCount: Int?
    /// Of a source and an edited image of 512×512 pixels.
    let pairCost: Cost
    let fingerprint: String
    let preprocessHash: String
    let defaultRubric: String
    let rubrics: [RubricReport]

    /// Bytes at the highest point.
    struct Memory: Encodable {
        let weights: Int
        let caches: Int
        let activations: Int
        let total: Int

        init(_ estimate: MemoryEstimate) {
            weights = estimate.weightByteCount
            caches = estimate.cacheByteCount
            activations = estimate.activationByteCount
            total = estimate.totalByteCount
        }

        var text: String {
            "\(ByteText.gibibytes(total)) (weights \(ByteText.gibibytes(weights)), caches "
                + "\(ByteText.gibibytes(caches)), activations \(ByteText.gibibytes(activations)))"
        }
    }

    /// Arithmetic, and how long it may take here.
    struct Cost: Encodable {
        let visionTeraOperations: Double
        let prefillTeraOperations: Double
        let teraOperations: Double
        /// What a large float32 product reaches on this machine's compute threads.
        let measuredTeraOperationsPerSecond: Double
        let threads: Int
        let estimatedSeconds: Double

        init(_ count: OperationCount, rate: Double) {
            visionTeraOperations = count.vision / 1e12
            prefillTeraOperations = count.prefill / 1e12
            teraOperations = count.total / 1e12
            measuredTeraOperationsPerSecond = rate / 1e12
            threads = Parallel.threadCount
            estimatedSeconds = count.total / rate
        }

        private enum CodingKeys: String, CodingKey {
            case visionTeraOperations = "vision_tflop"
            case prefillTeraOperations = "prefill_tflop"
            case teraOperations = "tflop"
            case measuredTeraOperationsPerSecond = "measured_tflop_per_second"
            case threads
            case estimatedSeconds = "estimated_seconds"
        }
    }

    /// A rubric, and the ids of its labels or why the model cannot use it.
    struct RubricReport: Encodable {
        let name: String
        let hash: String
        let order: String
        let tokens: [String: [Int]]?
        let problem: String?
    }

    private enum CodingKeys: String, CodingKey {
        case name, family, parameters
        case visionParameters = "vision_parameters"
        case hiddenSize = "hidden_size"
        case layers
        case visionBlocks = "vision_blocks"
        case vocabularySize = "vocabulary_size"
        case tiedEmbeddings = "tied_embeddings"
        case contextLength = "context_length"
        case weightType = "weight_type"
        case weightByteCount = "weight_bytes"
        case precision, formats
        case chatTemplate = "chat_template"
        case specialTokens = "special_tokens"
        case pairMemory = "pair_memory_bytes"
        case groupMemory = "group_memory_bytes"
        case availableByteCount = "available_memory_bytes"
        case pairCost = "pair_cost"
        case fingerprint
        case preprocessHash = "preprocess_hash"
        case defaultRubric = "default_rubric"
        case rubrics
    }

    /// Inspects a model without its weights, and looks its rubrics' labels up.
    ///
    /// - Parameter loading: Which model; with `checksWeights` it is loaded after all, to look at every
    ///   weight.
    /// - Throws: What resolving and the runtime throw; ``RubricError``.
    init(_ loading: ModelLoading) throws {
        let files = try ModelLocation.resolve(loading.model, projector: loading.projector)
        if loading.checksWeights { _ = try loading.load() }
        let information = try LanguageVisionModel.inspect(
            files,
            precision: loading.precision,
            maximumPixels: loading.maximumPixels
        )
        let vocabulary = TokenizerVocabulary(tokenizer: try LanguageVisionModel.tokenizer(of: files))
        let library = try RubricLibrary(own: ModelLocation.ownRubric(of: files))
        name = information.name
        family = information.family.rawValue
        parameters = information.parameterCount
        visionParameters = information.visionParameterCount
        hiddenSize = information.hiddenSize
        layers = information.layerCount
        visionBlocks = information.visionBlockCount
        vocabularySize = information.vocabularySize
        tiedEmbeddings = information.tiesEmbeddings
        contextLength = information.contextLength
        weightType = information.weightElementType
        weightByteCount = information.weightByteCount
        precision = information.precision.linear.rawValue
        formats = information.formats
        chatTemplate = information.chatTemplate
        specialTokens = information.specialTokens
        pairMemory = Memory(information.pairMemory)
        groupMemory = Memory(information.groupMemory)
        availableByteCount = loading.available()?.byteCount
        pairCost = Cost(information.pairOperations, rate: ProductRate.measure())
        fingerprint = information.fingerprint.description
        preprocessHash = try LanguageModelJudge.preprocessHash(of: files, information)
        defaultRubric = library.standard.name
        rubrics = library.all.map { rubric in
            let resolved = Result { () throws(RubricError) in
                try ResolvedRubric(rubric, vocabulary: vocabulary)
            }
            let names = rubric.labels.map { $0.tokens[0] }
            let problem: String? = if case .failure(let error) = resolved { error.description } else { nil }
            return RubricReport(
                name: rubric.name,
                hash: rubric.hash.description,
                order: rubric.order.description,
                tokens: (try? resolved.get()).map {
                    Dictionary(uniqueKeysWithValues: zip(names, $0.tokens))
                },
                problem: problem
            )
        }
    }

    /// The report for people.
    var lines: [String] {
        let stored = formats.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.value) \($0.key)" }
            .joined(separator: ", ")
        let special = specialTokens.sorted { $0.value < $1.value }.map { "\($0.key) \($0.value)" }
        return [
            "model        \(name) (\(family))",
            "parameters   \(parameters), of them \(visionParameters) in the vision tower",
            "stored as    \(ByteText.gibibytes(weightByteCount)); tensors: \(stored)",
            "arithmetic   linear layers in \(precision)",
            "decoder      \(layers) layers of width \(hiddenSize), vocabulary \(vocabularySize)"
                + "\(tiedEmbeddings ? " (tied)" : ""), context \(contextLength)",
            "vision       \(visionBlocks) blocks",
            "template     \(chatTemplate): \(special.joined(separator: ", "))",
            "memory       a 512×512 pair \(pairMemory.text)",
            "             with 12 edits  \(groupMemory.text)"
                + (availableByteCount.map { "; available \(ByteText.gibibytes($0))" } ?? ""),
            "cost         a 512×512 pair \(tera(pairCost.teraOperations)) TFLOP (vision "
                + "\(tera(pairCost.visionTeraOperations)), decoder \(tera(pairCost.prefillTeraOperations)))",
            "             about \(seconds(pairCost.estimatedSeconds)) s here: an estimate, at the measured "
                + "\(tera(pairCost.measuredTeraOperationsPerSecond)) TFLOP/s of \(pairCost.threads) thread(s)",
            "fingerprint  \(fingerprint)",
        ]
            + rubrics.map { rubric in
                let answers =
                    rubric.tokens.map { tokens in
                        ScoreTable.sorted(Array(tokens.keys))
                            .map { "\($0) = \((tokens[$0] ?? []).map(String.init).joined(separator: "/"))" }
                            .joined(separator: ", ")
                    } ?? rubric.problem ?? ""
                let standard = rubric.name == defaultRubric ? ", default" : ""
                return "rubric       \(rubric.name) (\(rubric.order)\(standard)): \(answers)"
            }
    }

    private func tera(_ value: Double) -> String {
        String(format: value < 0.1 ? "%.4f" : "%.2f", value)
    }

    private func seconds(_ value: Double) -> String {
        String(format: value < 1 ? "%.3f" : "%.1f", value)
    }
}

/// A tokenizer, asked about labels.
private struct TokenizerVocabulary: LabelVocabulary {
    let tokenizer: Tokenizer

    func tokens(of text: String) -> [Int] { tokenizer.encode(text) }

    func text(ofToken token: Int) -> String { tokenizer.decode([token]) }
}
