/// The families of models that the runtime knows; a new family is a case here and a folder beside this file.
public enum ModelFamily: String, Sendable, CaseIterable {
    /// Qwen2.5-VL, all sizes.
    case qwen25VL = "qwen2_5_vl"

    /// The family that a configuration names.
    ///
    /// - Parameter configuration: The fields of config.json.
    /// - Throws: ``ModelError/unsupported(path:feature:)``.
    init(_ configuration: JSONFields) throws(ModelError) {
        let type = try configuration.text("model_type")
        guard let family = ModelFamily(rawValue: type) else {
            throw .unsupported(path: configuration.path, feature: "a model of type \(type)")
        }
        self = family
    }
}
