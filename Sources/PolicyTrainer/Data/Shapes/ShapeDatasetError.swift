/// What can go wrong with a folder of the ShapeEdit world.
enum ShapeDatasetError: Error, Equatable, CustomStringConvertible {
    /// An image has another size than the one it is compared with.
    case sizeMismatch(name: String, expected: String, found: String)
    /// An option has a value that makes no dataset.
    case invalidOption(name: String, reason: String)
    /// A row of a metadata file cannot be read.
    case invalidRow(file: String, line: Int, reason: String)
    /// A strip of candidates does not divide into pictures of the row's size.
    case invalidStrip(file: String, width: Int, height: Int)
    /// The folder holds no metadata file.
    case noMetadata(folder: String)

    var description: String {
        switch self {
        case .sizeMismatch(let name, let expected, let found):
            "the \(name) image is \(found) pixels where \(expected) are needed; resize it first"
        case .invalidOption(let name, let reason):
            "--\(name) \(reason)"
        case .invalidRow(let file, let line, let reason):
            "\(file), line \(line): \(reason)"
        case .invalidStrip(let file, let width, let height):
            "\(file) is \(width)×\(height); a strip of candidates is as high as one picture and a multiple as wide"
        case .noMetadata(let folder):
            "\(folder) holds neither train_metadata.jsonl nor test_metadata.jsonl; make one with "
                + "'policy-trainer dataset shapes'"
        }
    }
}
