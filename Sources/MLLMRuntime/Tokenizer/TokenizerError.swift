/// What can be wrong with the tokenizer files of a model folder.
package enum TokenizerError: Error, Equatable, CustomStringConvertible {
    /// Neither tokenizer.json nor vocab.json with merges.txt is there.
    case missing(folder: String)
    /// A file does not hold what its format says.
    case malformed(path: String, reason: String)
    /// The file asks for a kind of tokenizer that this runtime does not have.
    case unsupported(path: String, feature: String)

    /// One line: what is wrong, and what to do.
    package var description: String {
        switch self {
        case .missing(let folder):
            "\(folder) holds neither tokenizer.json nor vocab.json with merges.txt; "
                + "copy them from the model's hub page"
        case .malformed(let path, let reason):
            "\(path) is not a sound tokenizer file: \(reason); download it again"
        case .unsupported(let path, let feature):
            "\(path) asks for \(feature); supported is the byte-level BPE of the Qwen2 family"
        }
    }
}
