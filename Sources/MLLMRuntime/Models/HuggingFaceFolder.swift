import Foundation
import Shared

/// A folder as huggingface/transformers writes it with `save_pretrained`; files of other names do not matter.
struct HuggingFaceFolder: ModelSource {
    /// Path of the folder.
    let path: String

    /// The folder's name; in the cache of a hub, where that is a commit, the model's.
    var name: String {
        HubCache.reference(ofPath: path)?.description
            ?? PathText.name(of: PathText.absolute(path))
    }

    func configuration() throws -> JSONFields {
        let file = path + "/config.json"
        let adapter = path + "/adapter_config.json"
        if !FileManager.default.fileExists(atPath: file), FileManager.default.fileExists(atPath: adapter) {
            throw ModelError.adapter(path: path)
        }
        return try JSONFields(path: file)
    }

    /// Reads preprocessor_config.json, or the `image_processor` of processor_config.json.
    func preprocessing() throws -> JSONFields {
        let own = path + "/preprocessor_config.json"
        let whole = path + "/processor_config.json"
        if !FileManager.default.fileExists(atPath: own), FileManager.default.fileExists(atPath: whole),
            let fields = try JSONFields(path: whole).object("image_processor")
        {
            return fields
        }
        return try JSONFields(path: own)
    }

    func tokenizer() throws -> Tokenizer { try Tokenizer(folder: path) }

    func chatTemplate() throws -> ChatTemplate { try ChatTemplate.load(folder: path) }

    func weights() throws -> any WeightStore {
        let quantization = try configuration().values("quantization_config").map {
            try WeightQuantization($0, path: path + "/config.json")
        }
        return try WeightFolder(folder: path, stem: "model", quantization: quantization)
    }

    func fingerprint() throws -> ContentHash { try ModelFingerprint.make(folder: path) }
}
