/// A memory-mapped GGUF file whose header has been checked: llama.cpp's container of one model.
///
/// Versions 2 and 3, little-endian. Nothing is copied but the metadata; no number is read before it is asked for.
///
/// Source: ggml-org/ggml, `docs/gguf.md`.
package struct GGUFFile: Sendable {
    /// Where one tensor lies and how it is stored.
    package struct Entry: Sendable, Equatable {
        /// How ggml stores the numbers.
        package let type: GGUFTensorType
        /// Length of every axis, outermost first: `[outputs, inputs]` for a matrix; the file lists them reversed.
        package let shape: [Int]
        /// The tensor's bytes, counted from the start of the file.
        package let range: Range<Int>
        /// The file that holds them: its place among ``GGUFFile/parts``.
        package var part = 0
    }

    /// One file of a model; most models have one.
    package struct Part: Sendable {
        /// The mapped file, for example to digest it with ``ContentHash``.
        package let mapping: MappedFile
        /// Where the header ends and the numbers begin, in bytes.
        package let dataStart: Int
    }

    private static let magic: UInt32 = 0x4655_4747
    private static let defaultAlignment = 32
    /// The most dimensions that ggml gives a tensor.
    private static let mostDimensions: UInt32 = 4
    /// The shortest entries: an empty key or name, one number.
    private static let leastPairBytes = 13
    private static let leastEntryBytes = 24

    /// The file's path.
    package let path: String
    /// The file's metadata.
    package let metadata: GGUFMetadata
    /// The tensors by name.
    package let entries: [String: Entry]
    /// The files, in order.
    package let parts: [Part]

    /// Opens a model: one file, or all files of a split one, whichever of them is named.
    ///
    /// - Parameter path: The file.
    /// - Throws: ``WeightError/unreadable(path:reason:)``, ``WeightError/malformed(path:reason:)``,
    ///   ``WeightError/parts(path:reason:remedy:)``.
    package init(path: String) throws(WeightError) {
        let file = try GGUFFile(single: path)
        self =
            try file.metadata.integer("split.count").map { $0 > 1 } ?? false ? GGUFSplit.joined(file) : file
    }

    /// Puts files together.
    init(path: String, metadata: GGUFMetadata, entries: [String: Entry], parts: [Part]) {
        self.path = path
        self.metadata = metadata
        self.entries = entries
        self.parts = parts
    }

    /// Maps a file and checks its header: every length and count, keys and names that occur twice, alignment,
    /// dimensions, and where the tensors lie.
    ///
    /// - Parameter path: The file.
    /// - Throws: ``WeightError/unreadable(path:reason:)``, ``WeightError/malformed(path:reason:)``.
    init(single path: String) throws(WeightError) {
        let mapping = try MappedFile(path: path)
        var reader = GGUFReader(mapping)
        guard try reader.integer("its magic number", as: UInt32.self) == Self.magic else {
            throw reader.malformed("it does not begin with GGUF")
        }
        let version = try reader.integer("its version", as: UInt32.self)
        guard version == 2 || version == 3 else {
            guard version & 0xFFFF == 0 else {
                throw reader.malformed("it is of version \(version), not 2 or 3")
            }
            throw reader.malformed("it is big-endian, little-endian files are read")
        }
        let tensorCount = try reader.count("tensors", least: Self.leastEntryBytes)
        let pairCount = try reader.count("metadata values", least: Self.leastPairBytes)
        let metadata = try Self.metadata(pairCount, &reader)
        var headers: [String: (type: GGUFTensorType, shape: [Int], offset: UInt64)] = [:]
        headers.reserveCapacity(tensorCount)
        for _ in 0..<tensorCount {
            let name = try reader.name("the name of a tensor")
            guard headers.updateValue(try Self.header(of: name, &reader), forKey: name) == nil else {
                throw reader.malformed("it has two tensors \(name)")
            }
        }
        let alignment = try Self.alignment(metadata, reader)
        let start = (reader.position + alignment - 1) / alignment * alignment
        var entries: [String: Entry] = [:]
        entries.reserveCapacity(tensorCount)
        for (name, header) in headers {
            let blocks = header.shape.reduce(1, *) / header.type.blockLength
            let (length, overflow) = blocks.multipliedReportingOverflow(by: header.type.blockByteCount)
            guard header.offset.isMultiple(of: UInt64(alignment)) else {
                throw reader.malformed("\(name) lies at \(header.offset), no multiple of \(alignment)")
            }
            guard !overflow, start <= mapping.count, header.offset <= UInt64(mapping.count - start),
                length <= mapping.count - start - Int(header.offset)
            else {
                throw reader.malformed("\(name) \(header.shape) ends after the end of the file")
            }
            let first = start + Int(header.offset)
            entries[name] = Entry(type: header.type, shape: header.shape, range: first..<first + length)
        }
        let ordered = entries.sorted { $0.value.range.lowerBound < $1.value.range.lowerBound }
        for (left, right) in zip(ordered, ordered.dropFirst())
        where left.value.range.upperBound > right.value.range.lowerBound {
            throw reader.malformed("\(left.key) and \(right.key) overlap")
        }
        self.init(
            path: path,
            metadata: metadata,
            entries: entries,
            parts: [Part(mapping: mapping, dataStart: min(start, mapping.count))]
        )
    }

    private static func metadata(
        _ count: Int,
        _ reader: inout GGUFReader
    ) throws(WeightError) -> GGUFMetadata {
        var values: [String: GGUFValue] = [:]
        values.reserveCapacity(count)
        for _ in 0..<count {
            let key = try reader.name("a metadata key")
            guard values.updateValue(try reader.value(of: key), forKey: key) == nil else {
                throw reader.malformed("it has two values of \(key)")
            }
        }
        return GGUFMetadata(values: values)
    }

    /// Reads one tensor's dimensions, type and offset.
    private static func header(
        of name: String,
        _ reader: inout GGUFReader
    ) throws(WeightError) -> (type: GGUFTensorType, shape: [Int], offset: UInt64) {
        let dimensionCount = try reader.integer("the dimensions of \(name)", as: UInt32.self)
        guard (1...mostDimensions).contains(dimensionCount) else {
            throw reader.malformed("\(name) has \(dimensionCount) dimensions, not 1 to \(mostDimensions)")
        }
        var shape: [Int] = []
        var product = 1
        for _ in 0..<dimensionCount {
            let length = try reader.integer("the dimensions of \(name)", as: UInt64.self)
            let known = Int(exactly: length) ?? 0
            let (next, overflow) = product.multipliedReportingOverflow(by: known)
            guard known > 0, !overflow else {
                throw reader.malformed("\(name) has an absurd dimension: \(length) after \(shape)")
            }
            product = next
            shape.append(known)
        }
        let identifier = try reader.integer("the type of \(name)", as: UInt32.self)
        guard let type = GGUFTensorType(identifier: identifier) else {
            throw reader.malformed("\(name) is of the ggml type \(identifier), which is unknown here")
        }
        guard shape[0].isMultiple(of: type.blockLength) else {
            throw reader.malformed(
                "\(name) has rows of \(shape[0]) numbers, but \(type.name) has blocks of \(type.blockLength)"
            )
        }
        let offset = try reader.integer("the offset of \(name)", as: UInt64.self)
        return (type, shape.reversed(), offset)
    }

    private static func alignment(
        _ metadata: GGUFMetadata,
        _ reader: GGUFReader
    ) throws(WeightError) -> Int {
        let key = "general.alignment"
        guard metadata.has(key) else { return defaultAlignment }
        guard let alignment = metadata.integer(key), (1...1 << 30).contains(alignment),
            alignment.nonzeroBitCount == 1
        else {
            throw reader.malformed("its \(key) is no power of two")
        }
        return alignment
    }
}

extension GGUFFile: WeightStore {
    /// All tensor names, sorted.
    package var names: [String] { entries.keys.sorted() }

    /// Length of all files.
    package var byteCount: Int { parts.reduce(0) { $0 + $1.mapping.count } }

    /// Shape of a tensor, outermost axis first; nil when the file does not hold it.
    package func shape(of name: String) -> [Int]? { entries[name]?.shape }

    /// How a tensor is stored; nil when the file does not hold it, or holds it in a type that is not unpacked.
    package func format(of name: String) -> WeightFormat? { entries[name]?.type.format }

    /// Reads one tensor as float32.
    ///
    /// - Parameters:
    ///   - name: Name in the file.
    ///   - shape: The shape that the configuration gives it.
    /// - Returns: The tensor, of shape `shape`.
    /// - Throws: ``WeightError/missing(name:path:)``, ``WeightError/shape(name:expected:found:)``,
    ///   ``WeightError/elementType(name:found:)``, ``WeightError/nonFinite(name:)``.
    package func tensor(_ name: String, shape: [Int]) throws(WeightError) -> Tensor {
        let width = shape.last ?? 1
        let matrix = try matrix(
            name,
            shape: shape,
            rowCount: shape.dropLast().reduce(1, *),
            columnCount: width
        )
        let tensor = matrix.tensor().reshaped(shape)
        guard tensor.isFinite else { throw .nonFinite(name: name) }
        return tensor
    }

    /// Takes one matrix as it is stored.
    ///
    /// - Parameters:
    ///   - name: Name in the file.
    ///   - shape: The shape that the configuration gives it; axes after the first form one row.
    /// - Returns: The matrix.
    /// - Throws: ``WeightError/missing(name:path:)``, ``WeightError/shape(name:expected:found:)``,
    ///   ``WeightError/elementType(name:found:)``.
    package func matrix(_ name: String, shape: [Int]) throws(WeightError) -> WeightMatrix {
        try matrix(
            name,
            shape: shape,
            rowCount: shape.first ?? 1,
            columnCount: shape.dropFirst().reduce(1, *)
        )
    }

    private func matrix(
        _ name: String,
        shape: [Int],
        rowCount: Int,
        columnCount: Int
    ) throws(WeightError) -> WeightMatrix {
        guard let entry = entries[name] else { throw .missing(name: name, path: path) }
        guard entry.shape == shape else { throw .shape(name: name, expected: shape, found: entry.shape) }
        guard let format = entry.type.format else {
            throw .elementType(name: name, found: entry.type.name)
        }
        return try WeightMatrix(
            parts[entry.part].mapping,
            range: entry.range,
            format: format,
            rowCount: rowCount,
            columnCount: columnCount
        )
    }
}
