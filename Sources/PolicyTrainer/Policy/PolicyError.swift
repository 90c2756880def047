/// Why a policy folder or a request to a policy is refused.
enum PolicyError: Error, Equatable, CustomStringConvertible {
    /// A file that the folder must hold is not there.
    case missingFile(path: String)
    /// A file is not the JSON that it should be.
    case malformed(path: String, reason: String)
    /// A file asks for something that is not supported here.
    case unsupported(path: String, reason: String)
    /// Two parts of the folder do not fit one another.
    case mismatch(folder: String, reason: String)
    /// The size of a picture does not fit the grid of tokens.
    case size(width: Int, height: Int, multiple: Int)
    /// A tensor given by the caller has another shape than the picture needs.
    case latentShape(expected: [Int], found: [Int])
    /// A number of steps, a guidance, or a text length that makes no sense.
    case setting(name: String, value: String, reason: String)

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .missingFile(let path):
            "\(path) is missing; give the folder of a whole diffusers pipeline"
        case .malformed(let path, let reason):
            "\(path) cannot be read: \(reason)"
        case .unsupported(let path, let reason):
            "\(path): \(reason)"
        case .mismatch(let folder, let reason):
            "the parts of \(folder) do not fit together: \(reason)"
        case .size(let width, let height, let multiple):
            "a picture of \(width)×\(height) pixels does not fit the policy's grid: "
                + "width and height must be multiples of \(multiple)"
        case .latentShape(let expected, let found):
            "the latents have shape \(found), this picture needs \(expected) (packed [tokens, channels])"
        case .setting(let name, let value, let reason):
            "\(name) \(value) is refused: \(reason)"
        }
    }
}
