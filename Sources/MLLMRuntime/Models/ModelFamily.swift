/// The families of models that the runtime knows; a new family is a case here and a folder beside this file.
package enum ModelFamily: String, Sendable, CaseIterable {
    /// Qwen2-VL, all sizes.
    case qwen2VL = "qwen2_vl"
    /// Qwen2.5-VL, all sizes.
    case qwen25VL = "qwen2_5_vl"
    /// Qwen3-VL, the dense sizes.
    case qwen3VL = "qwen3_vl"

    /// The family that a configuration names.
    ///
    /// - Parameter configuration: The fields of config.json.
    /// - Throws: ``ModelError/unsupported(path:feature:)``.
    init(_ configuration: JSONFields) throws(ModelError) {
        let type = try configuration.text("model_type")
        guard let family = ModelFamily(rawValue: type) else {
            throw .unsupported(path: configuration.path, feature: Self.feature(of: type))
        }
        self = family
    }

    private static func feature(of type: String) -> String {
        switch type {
        case "qwen3_vl_moe": "a mixture of experts (model type qwen3_vl_moe)"
        case _ where type.hasSuffix("_text"): "a decoder without a vision tower (model type \(type))"
        default: "a model of type \(type)"
        }
    }

    /// The name that users know the family by.
    package var title: String {
        switch self {
        case .qwen2VL: "Qwen2-VL"
        case .qwen25VL: "Qwen2.5-VL"
        case .qwen3VL: "Qwen3-VL"
        }
    }

    /// Reads and checks the sizes of a model of this family.
    func configuration(_ fields: JSONFields) throws(ModelError) -> any FamilyConfiguration {
        switch self {
        case .qwen2VL: try Qwen2VLConfiguration(fields)
        case .qwen25VL: try Qwen25VLConfiguration(fields)
        case .qwen3VL: try Qwen3VLConfiguration(fields)
        }
    }
}
