import Foundation
import MLLMRuntime
import Shared

/// What `inspect` says about a model folder.
struct ModelReport: Encodable {
    let name: String
    let family: String
    let parameters: Int
    let hiddenSize: Int
    let layers: Int
    let visionBlocks: Int
    let vocabularySize: Int
    let contextLength: Int
    let weightType: String
    let fingerprint: String
    let preprocessHash: String
    let rubrics: [RubricReport]

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
        case hiddenSize = "hidden_size"
        case layers
        case visionBlocks = "vision_blocks"
        case vocabularySize = "vocabulary_size"
        case contextLength = "context_length"
        case weightType = "weight_type"
        case fingerprint
        case preprocessHash = "preprocess_hash"
        case rubrics
    }

    /// Loads a model and looks its rubrics' labels up.
    ///
    /// - Parameter folder: The model's folder.
    /// - Throws: What the runtime throws; ``RubricError``.
    init(folder: String) throws {
        let judge = try LanguageModelJudge(folder: folder)
        let library = try RubricLibrary(own: ModelLocation.ownRubric(of: folder))
        let information = judge.model.information
        name = information.name
        family = information.family.rawValue
        parameters = information.parameterCount
        hiddenSize = information.hiddenSize
        layers = information.layerCount
        visionBlocks = information.visionBlockCount
        vocabularySize = information.vocabularySize
        contextLength = information.contextLength
        weightType = information.weightElementType
        fingerprint = judge.identity.fingerprint
        preprocessHash = judge.identity.preprocessHash
        rubrics = library.all.map { rubric in
            let resolved = Result { () throws(RubricError) in try ResolvedRubric(rubric, judge: judge) }
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
        [
            "model        \(name) (\(family))",
            "parameters   \(parameters), stored as \(weightType)",
            "decoder      \(layers) layers of width \(hiddenSize), vocabulary \(vocabularySize), "
                + "context \(contextLength)",
            "vision       \(visionBlocks) blocks",
            "fingerprint  \(fingerprint)",
        ]
            + rubrics.map { rubric in
                let answers =
                    rubric.tokens.map { tokens in
                        ScoreTable.sorted(Array(tokens.keys))
                            .map { "\($0) = \((tokens[$0] ?? []).map(String.init).joined(separator: "/"))" }
                            .joined(separator: ", ")
                    } ?? rubric.problem ?? ""
                return "rubric       \(rubric.name) (\(rubric.order)): \(answers)"
            }
    }
}
