/// What can be wrong with a file of weights.
public enum WeightError: Error, Equatable, CustomStringConvertible {
    /// The file cannot be opened or mapped.
    case unreadable(path: String, reason: String)
    /// The header is not what the format says.
    case malformed(path: String, reason: String)
    /// A tensor that the model needs is not in the files.
    case missing(name: String, path: String)
    /// Tensors that the model does not know.
    case surplus(names: [String], path: String)
    /// A tensor has another shape than the configuration gives it.
    case shape(name: String, expected: [Int], found: [Int])
    /// A tensor is stored in an element type that is not supported here.
    case elementType(name: String, found: String)
    /// A tensor holds a NaN or an infinity.
    case nonFinite(name: String)

    /// One line: what is wrong, and what to do.
    public var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "cannot read \(path): \(reason); check the path and its permissions"
        case .malformed(let path, let reason):
            "\(path) is not a sound safetensors file: \(reason); download or convert it again"
        case .missing(let name, let path):
            "tensor \(name) is missing in \(path); the folder does not match its config.json"
        case .surplus(let names, let path):
            "\(path) holds \(names.count) tensors that this model does not have: "
                + names.prefix(4).joined(separator: ", ") + (names.count > 4 ? ", …" : "")
                + "; the folder does not match its config.json"
        case .shape(let name, let expected, let found):
            "tensor \(name) has shape \(found), the configuration asks for \(expected); check config.json"
        case .elementType(let name, let found):
            "tensor \(name) is stored as \(found); supported are F32, F16 and BF16: convert the checkpoint"
        case .nonFinite(let name):
            "tensor \(name) holds a NaN or an infinity; the checkpoint is damaged"
        }
    }
}
