/// The families of editing policies that can be run, by the pipeline class of their `model_index.json`.
enum PolicyFamily: String, Sendable, CaseIterable {
    /// FLUX.1-Kontext.
    case fluxKontext = "FluxKontextPipeline"
    /// Qwen-Image-Edit, whose text encoder sees the picture as large as the autoencoder does.
    case qwenImageEdit = "QwenImageEditPipeline"
    /// Qwen-Image-Edit-2509, whose text encoder sees one to three small pictures by number.
    case qwenImageEditPlus = "QwenImageEditPlusPipeline"

    /// The class of its transformer in diffusers.
    var transformerClass: TransformerClass {
        switch self {
        case .fluxKontext: .flux
        case .qwenImageEdit, .qwenImageEditPlus: .qwenImage
        }
    }

    /// Finds the family of a folder.
    ///
    /// - Parameter index: The folder's `model_index.json`.
    /// - Returns: The family.
    /// - Throws: ``PolicyError/unsupported(path:reason:)`` that names the class found and those supported.
    static func family(of index: ModelIndex) throws -> PolicyFamily {
        guard let family = PolicyFamily(rawValue: index.pipelineClass) else {
            let known = PolicyFamily.allCases.map(\.rawValue).joined(separator: ", ")
            throw PolicyError.unsupported(
                path: index.folder + "/model_index.json",
                reason: "pipeline class \(index.pipelineClass) is not supported, only \(known)"
            )
        }
        return family
    }
}
