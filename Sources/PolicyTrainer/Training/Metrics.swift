import Foundation
import Shared

/// The metrics of a run as JSON lines, one object per epoch, optimiser step or evaluation.
///
/// Names are those of PKU-YuanGroup/Edit-R1's training scripts where it has the quantity; others are ours.
struct Metrics: Sendable {
    /// A number or a list of them.
    enum Value: Sendable, Encodable {
        case integer(Int)
        case number(Double)
        case text(String)
        case list([Double])
        case map([String: Double])

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .integer(let value): try container.encode(value)
            // JSON has no word for a number that is none.
            case .number(let value): try value.isFinite ? container.encode(value) : container.encodeNil()
            case .text(let value): try container.encode(value)
            case .list(let values): try container.encode(values)
            case .map(let values): try container.encode(values)
            }
        }
    }

    /// The file.
    let path: String

    /// Opens the metrics of a run.
    ///
    /// - Parameters:
    ///   - run: The run's folder.
    ///   - epoch: The epoch that comes next; lines of it and of later ones, written before a crash, are
    ///     removed.
    /// - Throws: What the file system throws.
    init(run: String, resumingAt epoch: Int) throws {
        path = "\(run)/metrics.jsonl"
        guard FileManager.default.fileExists(atPath: path) else {
            try AtomicFile.write(Data(), to: path)
            return
        }
        let lines = try Metrics.lines(of: path).filter { line in
            guard let kind = line.object["kind"] as? String, let at = line.object["epoch"] as? Int else {
                return false
            }
            // An evaluation named after epoch n is made when n epochs are done.
            return kind == "evaluation" ? at <= epoch : at < epoch
        }
        try AtomicFile.write(Data(lines.map { $0.text + "\n" }.joined().utf8), to: path)
    }

    /// Adds a line.
    ///
    /// - Parameters:
    ///   - kind: `epoch`, `step` or `evaluation`.
    ///   - values: The quantities by name.
    /// - Throws: What the file system throws.
    func append(_ kind: String, _ values: [String: Value]) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var values = values
        values["kind"] = .text(kind)
        let line = try encoder.encode(values) + Data("\n".utf8)
        let handle = try FileHandle(forWritingTo: URL(filePath: path))
        defer { try? handle.close() }
        try handle.seekToEnd()
        try handle.write(contentsOf: line)
    }

    /// All whole lines of a metrics file.
    ///
    /// - Parameter path: The file.
    /// - Returns: The lines' texts and objects; a line that a crash cut is left out.
    /// - Throws: What the file system throws.
    static func lines(of path: String) throws -> [(text: String, object: [String: Any])] {
        let text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        return text.split(separator: "\n").compactMap { line in
            let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return object.map { (String(line), $0) }
        }
    }
}
