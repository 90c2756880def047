import Foundation
import Imaging
import Shared

/// Text states and reference latents on disk, by the content that they were computed from.
///
/// An entry is a safetensors file whose name is a digest of the policy's identity and the input; its header repeats the
/// name and holds a digest of the numbers. An entry that is damaged, or was written for something else, counts as missing
/// and is computed again. Entries unused for longest are removed when there are too many bytes.
struct ConditioningStore: Sendable {
    /// Changes when an entry's layout or the arithmetic behind it does.
    private static let version = 1

    /// What an entry is computed from.
    struct Input: Sendable {
        /// What to change.
        var instruction: String
        /// The picture at the run's resolution.
        var image: PixelImage
        /// Tokens that the text is padded to; nil for the policy's own number.
        var textLength: Int?
    }

    /// The folder; made when the first entry is written.
    let folder: String
    /// Most bytes of all entries together.
    let byteLimit: Int
    /// SHA-256 over the policy's files; see ``Fingerprint``.
    let policyFingerprint: String

    /// The file name of an entry.
    func key(_ input: Input) -> String {
        let text = [
            "conditioning \(Self.version)", policyFingerprint,
            ContentHash(input.instruction).hexadecimal,
            "\(input.image.width)x\(input.image.height)", ContentHash(input.image.pixels).hexadecimal,
            input.textLength.map(String.init) ?? "own",
        ].joined(separator: "\n")
        return ContentHash(text).hexadecimal
    }

    /// The stored entry of an input; nil when there is none that is whole.
    func load(_ input: Input) -> EditConditioning? {
        let key = key(input)
        let path = path(key)
        guard
            let file = try? SafetensorsFile(path: path), file.metadata["key"] == key,
            let places = file.metadata["grids"],
            let tensors = try? file.entries.keys.reduce(
                into: [String: Tensor](),
                { $0[$1] = try file.tensor($1) }
            ), file.metadata["digest"] == Self.digest(tensors, places), let text = tensors["text"]
        else { return nil }
        let grids = places.split(separator: " ").compactMap { TokenGrid(text: $0) }
        let references = grids.enumerated().compactMap { index, grid in
            tensors["reference.\(index)"].map { ReferenceLatents(tokens: $0, grid: grid) }
        }
        guard references.count == grids.count, !references.isEmpty else { return nil }
        // The date tells which entries are in use.
        try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: path)
        return EditConditioning(
            text: text,
            pooled: tensors["pooled"],
            unguidedText: tensors["unguided"],
            references: references
        )
    }

    /// Writes an entry and removes the oldest ones that are too many.
    ///
    /// - Parameters:
    ///   - conditioning: What was computed.
    ///   - input: What it was computed from.
    /// - Throws: `WeightError` that names the file when the folder cannot be written.
    func save(_ conditioning: EditConditioning, for input: Input) throws {
        let key = key(input)
        var tensors = ["text": conditioning.text]
        tensors["pooled"] = conditioning.pooled
        tensors["unguided"] = conditioning.unguidedText
        for (index, reference) in conditioning.references.enumerated() {
            tensors["reference.\(index)"] = reference.tokens
        }
        let places = conditioning.references.map { "\($0.grid.rows)x\($0.grid.columns)" }
            .joined(separator: " ")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try SafetensorsWriter.write(
            tensors,
            to: path(key),
            metadata: ["key": key, "grids": places, "digest": Self.digest(tensors, places)]
        )
        removeOldest()
    }

    private func path(_ key: String) -> String { "\(folder)/\(key).safetensors" }

    /// A digest of names, shapes and numbers, and of how the references' tokens stand.
    private static func digest(_ tensors: [String: Tensor], _ places: String) -> String {
        let lines = tensors.sorted { $0.key < $1.key }.map { name, tensor in
            let bytes = unsafe tensor.withUnsafeBuffer { unsafe Array(UnsafeRawBufferPointer($0)) }
            return "\(name) \(tensor.shape) \(ContentHash(bytes).hexadecimal)"
        }
        return ContentHash((lines + [places]).joined(separator: "\n")).hexadecimal
    }

    private func removeOldest() {
        let folder = URL(filePath: folder)
        let keys: Set<URLResourceKey> = [.contentModificationDateKey, .fileSizeKey]
        let files =
            (try? FileManager.default.contentsOfDirectory(
                at: folder,
                includingPropertiesForKeys: Array(keys)
            )) ?? []
        let entries = files.filter { $0.pathExtension == "safetensors" }.compactMap { url in
            (try? url.resourceValues(forKeys: keys)).map {
                (url: url, date: $0.contentModificationDate ?? .distantPast, size: $0.fileSize ?? 0)
            }
        }
        var total = entries.reduce(0) { $0 + $1.size }
        for entry in entries.sorted(by: { $0.date < $1.date }) where total > byteLimit {
            try? FileManager.default.removeItem(at: entry.url)
            total -= entry.size
        }
    }
}

extension TokenGrid {
    /// Reads `rows x columns`, such as `3x4`.
    fileprivate init?(text: Substring) {
        let sides = text.split(separator: "x").compactMap { Int($0) }
        guard sides.count == 2, sides.allSatisfy({ $0 > 0 }) else { return nil }
        self.init(rows: sides[0], columns: sides[1])
    }
}
