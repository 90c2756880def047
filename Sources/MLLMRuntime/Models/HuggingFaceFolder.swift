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

    /// Reads the `image_processor` of processor_config.json, else preprocessor_config.json.
    ///
    /// Source of the order: huggingface/transformers 5.23.0, `image_processing_base.py`
    /// (`get_image_processor_dict`): a newer library that saves its processor into an older folder leaves both.
    func preprocessing() throws -> JSONFields {
        if let fields = try Self.nestedPreprocessing(path) { return fields }
        return try JSONFields(path: path + "/preprocessor_config.json")
    }

    /// The name of the file that ``preprocessing()`` reads.
    static func preprocessingFile(_ folder: String) throws -> String {
        try nestedPreprocessing(folder) == nil ? "preprocessor_config.json" : "processor_config.json"
    }

    private static func nestedPreprocessing(_ folder: String) throws -> JSONFields? {
        let whole = folder + "/processor_config.json"
        guard FileManager.default.fileExists(atPath: whole) else { return nil }
        return try JSONFields(path: whole).object("image_processor")
    }

    func tokenizer() throws -> Tokenizer { try Tokenizer(folder: path) }

    func chatTemplate() throws -> ChatTemplate { try ChatTemplate.load(folder: path) }

    func weights() throws -> any WeightStore {
        let fields = try configuration()
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        if names.contains("adapter_config.json"), !names.contains(where: Self.isModelFile) {
            throw ModelError.adapter(path: path)
        }
        // The outer object counts, as in `get_hf_quantizer` of huggingface/transformers 5.23.0, `quantizers/auto.py`.
        let nested = try fields.object("text_config")?.values("quantization_config")
        let quantization = try (try fields.values("quantization_config") ?? nested).map {
            try WeightQuantization($0, path: path + "/config.json")
        }
        return try WeightFolder(folder: path, stem: "model", quantization: quantization)
    }

    /// Whether a file may hold weights of a whole model.
    private static func isModelFile(_ name: String) -> Bool {
        name.hasPrefix("model") && name.contains(".safetensors") || name.hasPrefix("pytorch_model")
    }

    func fingerprint() throws -> ContentHash { try ModelFingerprint.make(folder: path) }
}
