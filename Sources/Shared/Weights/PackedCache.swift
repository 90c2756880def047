import Foundation

/// Packed matrices of one model in one arithmetic, kept in a file from one start to the next.
///
/// The file is mapped, so a start that finds it packs next to nothing. A matrix of the file is taken only after one of
/// its panels, packed anew from the checkpoint, has the same bytes: neither another checkpoint nor another version of
/// the product library, nor another CPU, can give wrong numbers. The file has the numbers of all panels, each on a
/// 64-byte boundary, then an index in JSON, its length, and a mark.
package final class PackedCache: Sendable {
    /// What a whole file ends in.
    private static let mark = Array("edit-r1 packed 1".utf8)
    private static let alignment = 64

    private struct Entry: Codable {
        var rowCount: Int
        var columnCount: Int
        var precision: String
        /// Where each panel starts.
        var panels: [Int]
        /// Where the scales and sums of each panel's outputs start; empty in bfloat16.
        var scales: [Int]
    }

    private struct Contents {
        /// What was asked for, from the file or not.
        var matrices: [String: PackedMatrix] = [:]
        var isInFile = true
    }

    /// The file.
    package let path: String
    private let file: MappedFile?
    private let index: [String: Entry]
    private let contents = Lock(Contents())

    /// Opens a cache; a file that is missing, cut short or of another version counts as empty.
    ///
    /// - Parameter path: The file.
    package init(path: String) {
        self.path = path
        let file = try? MappedFile(path: path)
        let index = file.flatMap(Self.index)
        self.file = index == nil ? nil : file
        self.index = index ?? [:]
    }

    /// Whether all matrices that were asked for came from the file.
    package var isInFile: Bool { contents.withLock(\.isInFile) }

    /// A matrix from the file, or else packed now.
    ///
    /// - Parameters:
    ///   - name: The matrix's name, the same at every start.
    ///   - source: The weight; one in a compressed format is never kept.
    ///   - precision: One without an ``Precision/obstacle``, not float32.
    /// - Returns: The matrix.
    package func matrix(_ name: String, of source: WeightMatrix, precision: Precision) -> PackedMatrix {
        if source.format.isCompressed { return PackedMatrix(source, precision: precision) }
        let known = known(name, of: source, precision: precision)
        let matrix = known ?? PackedMatrix(source, precision: precision)
        contents.withLock { contents in
            contents.matrices[name] = matrix
            contents.isInFile = contents.isInFile && known != nil
        }
        return matrix
    }

    /// Writes the file unless it has everything that was asked for; it appears whole or not at all.
    ///
    /// - Throws: An error of the file system, such as a full disk; the file is then as it was.
    package func save() throws {
        let contents = contents.withLock { $0 }
        guard !contents.isInFile else { return }
        let folder = PathText.folder(of: path)
        if !folder.isEmpty {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        }
        let partial = path + ".partial"
        defer { try? FileManager.default.removeItem(atPath: partial) }
        guard FileManager.default.createFile(atPath: partial, contents: nil),
            let handle = FileHandle(forWritingAtPath: partial)
        else {
            throw WeightError.unreadable(path: partial, reason: unsafe String(cString: strerror(errno)))
        }
        defer { try? handle.close() }
        try Self.write(contents.matrices, to: handle)
        try handle.synchronize()
        guard unsafe rename(partial, path) == 0 else {
            throw WeightError.unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        try AtomicFile.syncFolder(folder)
    }

    private static func write(_ matrices: [String: PackedMatrix], to handle: FileHandle) throws {
        var index: [String: Entry] = [:]
        var offset = 0
        func append(_ bytes: UnsafeRawBufferPointer) throws -> Int {
            let start = (offset + alignment - 1) / alignment * alignment
            try handle.write(contentsOf: Data(count: start - offset))
            if let base = bytes.baseAddress {
                let base = unsafe UnsafeMutableRawPointer(mutating: base)
                try handle.write(
                    contentsOf: unsafe Data(bytesNoCopy: base, count: bytes.count, deallocator: .none)
                )
            }
            offset = start + bytes.count
            return start
        }
        for (name, matrix) in matrices.sorted(by: { $0.key < $1.key }) {
            var entry = Entry(
                rowCount: matrix.rowCount,
                columnCount: matrix.columnCount,
                precision: matrix.precision.rawValue,
                panels: [],
                scales: []
            )
            for packed in matrix.panels.compactMap(\.packed) {
                entry.panels.append(
                    try unsafe append(
                        UnsafeRawBufferPointer(start: packed.numbers.base, count: packed.numbers.byteCount)
                    )
                )
                guard !packed.scales.isEmpty else { continue }
                entry.scales.append(try unsafe packed.scales.withUnsafeBytes { try unsafe append($0) })
                _ = try unsafe packed.sums.withUnsafeBytes { try unsafe append($0) }
            }
            index[name] = entry
        }
        let text = try JSONEncoder().encode(index)
        try handle.write(contentsOf: text)
        try handle.write(
            contentsOf: unsafe withUnsafeBytes(of: UInt64(text.count).littleEndian) { unsafe Data($0) }
        )
        try handle.write(contentsOf: mark)
    }

    private static func index(of file: MappedFile) -> [String: Entry]? {
        let end = file.count - mark.count - 8
        guard end > 0 else { return nil }
        let tail = unsafe file.withUnsafeBytes(end..<file.count) { unsafe Array($0) }
        guard Array(tail.dropFirst(8)) == mark else { return nil }
        let length = tail.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length <= UInt64(end) else { return nil }
        let text = unsafe file.withUnsafeBytes(end - Int(length)..<end) { unsafe Data($0) }
        return try? JSONDecoder().decode([String: Entry].self, from: text)
    }

    private func known(_ name: String, of source: WeightMatrix, precision: Precision) -> PackedMatrix? {
        guard let file, let entry = index[name], entry.precision == precision.rawValue,
            entry.rowCount == source.rowCount, entry.columnCount == source.columnCount
        else { return nil }
        return PackedMatrix(source, precision: precision) { panel, outputs, byteCount in
            guard entry.panels.indices.contains(panel),
                let numbers = AlignedMemory(file, at: entry.panels[panel], byteCount: byteCount)
            else { return nil }
            guard precision == .int8 else { return PackedPanel(numbers: numbers, scales: [], sums: []) }
            let byteCount = 4 * outputs.count
            let distance = (byteCount + Self.alignment - 1) / Self.alignment * Self.alignment
            guard entry.scales.indices.contains(panel),
                let scales = AlignedMemory(file, at: entry.scales[panel], byteCount: byteCount),
                let sums = AlignedMemory(file, at: entry.scales[panel] + distance, byteCount: byteCount)
            else { return nil }
            return unsafe PackedPanel(
                numbers: numbers,
                scales: Array(
                    UnsafeRawBufferPointer(start: scales.base, count: byteCount).bindMemory(to: Float.self)
                ),
                sums: Array(
                    UnsafeRawBufferPointer(start: sums.base, count: byteCount).bindMemory(to: Int32.self)
                )
            )
        }
    }
}
