/// What can be wrong with a dataset folder.
enum DatasetError: Error, Equatable, CustomStringConvertible {
    /// The folder or its metadata file cannot be read.
    case unreadable(path: String, reason: String)
    /// A line is no row of the Edit-R1 layout.
    case invalidLine(file: String, line: Int, reason: String)
    /// A row names an image that does not exist.
    case missingImage(file: String, line: Int, image: String)
    /// A row names a file that is not below the dataset's folder.
    case outsideFolder(file: String, line: Int, image: String)
    /// The metadata file has no rows.
    case empty(file: String)

    var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "cannot read \(path): \(reason); a dataset is a folder with images/, train_metadata.jsonl and "
                + "test_metadata.jsonl"
        case .invalidLine(let file, let line, let reason):
            "\(file), line \(line): \(reason); a row is {\"prompt\": …, \"image\": …, \"requirement\": …}"
        case .missingImage(let file, let line, let image):
            "\(file), line \(line): there is no image \(image); add the file or delete the line"
        case .outsideFolder(let file, let line, let image):
            "\(file), line \(line): \(image) lies outside the dataset's folder; use a path below it"
        case .empty(let file):
            "\(file) has no rows; write at least one"
        }
    }
}
