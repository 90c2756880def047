import Foundation

/// The files of a model that llama.cpp's `gguf-split` cut in parts.
///
/// Source: ggml-org/llama.cpp, `tools/gguf-split/gguf-split.cpp` and `llama_split_path` in `src/llama.cpp`: parts are
/// called `<name>-00001-of-0000N.gguf`; the metadata of the model stand in the first.
enum GGUFSplit {
    /// The keys in which parts differ.
    private static let own: Set<String> = ["split.no"]

    /// Opens the other parts of a file and puts all together.
    ///
    /// - Parameter file: Any part.
    /// - Returns: All tensors; the metadata of the first part.
    /// - Throws: ``WeightError/parts(path:reason:remedy:)`` for a part that is missing or of another model.
    static func joined(_ file: GGUFFile) throws(WeightError) -> GGUFFile {
        func failure(_ path: String, _ reason: String, _ remedy: String) -> WeightError {
            .parts(path: path, reason: reason, remedy: remedy)
        }
        let name = PathText.name(of: file.path)
        let folder = PathText.folder(of: file.path)
        guard let match = name.wholeMatch(of: /(.*)-([0-9]{5})-of-([0-9]{5})\.(gguf|GGUF)/),
            let count = Int(match.output.3), count == file.metadata.integer("split.count")
        else {
            throw failure(
                file.path,
                "it is cut in \(file.metadata.integer("split.count") ?? 0), but its name does not end in -0000N-of-0000M.gguf",
                "give the parts the names that they had"
            )
        }
        var (entries, parts, metadata): ([String: GGUFFile.Entry], [GGUFFile.Part], GGUFMetadata?) = (
            [:], [], nil
        )
        for index in 0..<count {
            let number = String(repeating: "0", count: max(0, 5 - "\(index + 1)".count)) + "\(index + 1)"
            let partName = "\(match.output.1)-\(number)-of-\(match.output.3).\(match.output.4)"
            let path = partName == name ? file.path : PathText.path(partName, in: folder)
            guard path == file.path || FileManager.default.fileExists(atPath: path) else {
                throw failure(file.path, "\(partName) is missing beside it", "download all \(count) parts")
            }
            let part = path == file.path ? file : try GGUFFile(single: path)
            guard part.metadata.integer("split.no") == index, isSameModel(part, file) else {
                throw failure(file.path, "\(partName) belongs to another model", "use the parts of one model")
            }
            for (name, entry) in part.entries {
                var entry = entry
                entry.part = index
                guard entries.updateValue(entry, forKey: name) == nil else {
                    throw failure(file.path, "\(partName) holds \(name) again", "use the parts of one model")
                }
            }
            parts += part.parts
            metadata = metadata ?? part.metadata
        }
        let total = file.metadata.integer("split.tensors.count")
        guard total == nil || total == entries.count else {
            throw failure(
                file.path,
                "the parts hold \(entries.count) tensors, not \(total ?? 0)",
                "use the parts of one model"
            )
        }
        return GGUFFile(
            path: file.path,
            metadata: metadata ?? file.metadata,
            entries: entries,
            parts: parts
        )
    }

    /// Whether all that both files say is the same.
    private static func isSameModel(_ part: GGUFFile, _ file: GGUFFile) -> Bool {
        part.metadata.values.allSatisfy { key, value in
            own.contains(key) || file.metadata.values[key].map { $0 == value } ?? true
        }
    }
}
