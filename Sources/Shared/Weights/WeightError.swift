/// What can be wrong with a file of weights.
package enum WeightError: Error, Equatable, CustomStringConvertible {
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
    /// The weights are quantised in a way that is not supported here.
    case quantization(path: String, feature: String)
    /// The configuration says one thing of a tensor, the tensor another.
    case contradiction(name: String, reason: String, remedy: String)
    /// The file is what git leaves in the place of a large file.
    case pointer(path: String)
    /// Files of several parts do not make a whole.
    case parts(path: String, reason: String, remedy: String)
    /// The weights are in a pickle file.
    case pickle(path: String, stem: String)

    /// One line: what is wrong, and what to do.
    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "cannot read \(path): \(reason); check the path and its permissions"
        case .malformed(let path, let reason):
            "\(path) is not a sound weight file: \(reason); download or convert it again"
        case .missing(let name, let path):
            "tensor \(name) is missing in \(path); the folder does not match its config.json"
        case .surplus(let names, let path):
            "\(path) holds \(names.count) tensors that this model does not have: "
                + names.prefix(4).joined(separator: ", ") + (names.count > 4 ? ", …" : "")
                + "; the folder does not match its config.json"
        case .shape(let name, let expected, let found):
            "tensor \(name) has shape \(found), the configuration asks for \(expected); check config.json"
        case .elementType(let name, let found):
            "tensor \(name) is stored as \(found), which is not read here; GGUF files may hold "
                + WeightFormat.ofGGUF.map(\.rawValue).joined(separator: ", ")
                + ", safetensors F32, F16, BF16 and, for matrices, F8_E4M3, AWQ, GPTQ and compressed-tensors' INT4 and "
                + "INT8: convert the checkpoint"
        case .nonFinite(let name):
            "tensor \(name) holds a NaN or an infinity; the checkpoint is damaged"
        case .quantization(let path, let feature):
            "\(path) has \(feature), which is not supported; supported are FP8 E4M3, AWQ of 4 bits in version GEMM, "
                + "GPTQ of 4 bits and compressed-tensors of 4 or 8 bits: take one of these or the unquantised checkpoint"
        case .contradiction(let name, let reason, let remedy):
            "tensor \(name) \(reason); \(remedy)"
        case .pointer(let path):
            "\(path) is a pointer of Git LFS, not the file itself; run git lfs pull in its folder, or download the file"
        case .parts(let path, let reason, let remedy):
            "\(path) is one part of several: \(reason); \(remedy)"
        case .pickle(let path, let stem):
            "\(path) is a pickle, which can run any program while it is read, so it is refused; convert it once, in its "
                + "folder: " + Self.conversion(path, stem: stem)
        }
    }

    /// A command that writes a folder's pickles into one safetensors file without running what they hold.
    private static func conversion(_ path: String, stem: String) -> String {
        let name = path.split(separator: "/").last ?? ""
        let start = name.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        let suffix = name.split(separator: ".").last ?? ""
        return
            "python3 -c \"import glob, torch, safetensors.torch as s; s.save_file({k: v.contiguous().clone() for f in "
            + "sorted(glob.glob('\(start)*.\(suffix)')) for k, v in torch.load(f, map_location='cpu', "
            + "weights_only=True).items()}, '\(stem).safetensors', {'format': 'pt'})\""
    }
}
