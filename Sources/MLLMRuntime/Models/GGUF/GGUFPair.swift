import Foundation
import Shared

/// A model as llama.cpp keeps it: a text file and a file of the vision tower.
struct GGUFPair: ModelSource {
    private let text: GGUFTextFile
    private let projector: GGUFProjectorFile

    /// Opens both files and checks that they belong together.
    ///
    /// - Parameters:
    ///   - text: Path of the text file.
    ///   - projector: Path of the mmproj file.
    /// - Throws: ``GGUFModelError``, ``ModelError`` or `WeightError`, naming the file.
    init(text: String, projector: String) throws {
        self.text = try GGUFTextFile(path: text)
        self.projector = try GGUFProjectorFile(path: projector)
        let expected: GGUFTextFile.Architecture = self.projector.family == .qwen3VL ? .qwen3VL : .qwen2VL
        guard self.text.architecture == expected else {
            throw GGUFModelError.strangers(
                text: text,
                architecture: self.text.architecture.rawValue,
                projector: projector,
                type: self.projector.type
            )
        }
    }

    var name: String {
        PathText.name(of: PathText.withoutExtension(text.file.path))
    }

    func configuration() throws -> JSONFields {
        let textFields = try text.configuration()
        let hiddenSize = textFields["hidden_size"] as? Int ?? 0
        var fields: [String: Any] = [
            "model_type": projector.family.rawValue,
            "text_config": textFields,
            "vision_config": try projector.configuration(hiddenSize: hiddenSize),
            "tie_word_embeddings": text.tiesEmbeddings,
        ]
        // The ids are not among the metadata; the tokens are.
        let tokens = text.file.metadata.texts("tokenizer.ggml.tokens") ?? []
        for (token, name) in [
            (ChatTemplate.SpecialToken.imagePad, "image_token_id"), (.visionStart, "vision_start_token_id"),
            (.visionEnd, "vision_end_token_id"),
        ] {
            guard let id = tokens.firstIndex(of: token.rawValue) else {
                throw ModelError.missingToken(token.rawValue, folder: text.file.path)
            }
            fields[name] = id
        }
        return JSONFields(path: text.file.path, fields: fields)
    }

    func preprocessing() throws -> JSONFields {
        JSONFields(path: projector.file.path, fields: try projector.preprocessing())
    }

    func tokenizer() throws -> Tokenizer { try text.tokenizer() }

    func chatTemplate() throws -> ChatTemplate { try text.chatTemplate() }

    func weights() throws -> any WeightStore { try GGUFWeights(text, projector) }

    func fingerprint() throws -> ContentHash {
        let files = (text.file.parts + projector.file.parts).map { part in
            let digest = ModelFingerprint.digest(of: part.mapping, header: 0..<part.dataStart)
            return "\(part.mapping.count) \(digest.hexadecimal)"
        }
        return ContentHash(files.joined(separator: "\n"))
    }
}
