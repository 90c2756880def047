import Foundation
import Shared

/// The identity of a model folder: a digest that changes with any file that was loaded from it.
///
/// Files up to 64 MiB are digested whole; of larger ones, which would take minutes, the byte count and the first and
/// last MiB count.
enum Fingerprint {
    private static let wholeLimit = 64 << 20
    private static let sample = 1 << 20

    /// Digests a folder.
    ///
    /// - Parameters:
    ///   - folder: The model's folder, whose `model_index.json` counts too.
    ///   - parts: Folders inside it whose files count.
    ///   - file: A file outside of it that counts too.
    /// - Returns: `sha256:` and 64 hexadecimal digits.
    /// - Throws: `WeightError` for a file that cannot be read.
    static func of(_ folder: String, parts: [String], file: String? = nil) throws -> String {
        var lines = [try line("model_index.json", path: folder + "/model_index.json")]
        for part in parts {
            let names = try FileManager.default.contentsOfDirectory(atPath: part).sorted()
            for name in names
            where ["json", "model", "safetensors", "txt"].contains(PathText.fileExtension(of: name)) {
                lines.append(
                    try line(PathText.name(of: part) + "/" + name, path: part + "/" + name)
                )
            }
        }
        if let file {
            lines.append(try line("transformer file", path: file))
        }
        return ContentHash(lines.sorted().joined(separator: "\n")).description
    }

    private static func line(_ name: String, path: String) throws -> String {
        let file = try MappedFile(path: path)
        guard file.count > wholeLimit else {
            return "\(name) \(file.count) \(ContentHash(file).hexadecimal)"
        }
        let ends = [0..<sample, (file.count - sample)..<file.count].map { range in
            unsafe file.withUnsafeBytes(range) { unsafe ContentHash(Array($0)).hexadecimal }
        }
        return "\(name) \(file.count) \(ends.joined(separator: " "))"
    }
}
