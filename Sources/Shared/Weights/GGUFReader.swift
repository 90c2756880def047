/// Walks through the header of a GGUF file; every step is checked against the end of the file.
struct GGUFReader {
    /// Kinds of metadata values, under the numbers that the format gives them.
    private enum Kind: UInt32 {
        case uint8 = 0
        case int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

        /// The fewest bytes that a value takes.
        var leastByteCount: Int {
            switch self {
            case .uint8, .int8, .bool: 1
            case .uint16, .int16: 2
            case .uint32, .int32, .float32: 4
            case .string, .uint64, .int64, .float64: 8
            case .array: 12
            }
        }
    }

    /// How deep lists may lie in lists.
    private static let deepest = 4

    let mapping: MappedFile
    /// The next byte.
    private(set) var position = 0

    /// Bytes up to the end of the file.
    var remaining: Int { mapping.count - position }

    init(_ mapping: MappedFile) {
        self.mapping = mapping
    }

    /// An error about the file.
    func malformed(_ reason: String) -> WeightError {
        .malformed(path: mapping.path, reason: reason)
    }

    /// Reads a little-endian whole number.
    ///
    /// - Parameters:
    ///   - what: What it is, for the error.
    ///   - type: Its width.
    /// - Returns: The number.
    /// - Throws: ``WeightError/malformed(path:reason:)``.
    mutating func integer<Number: FixedWidthInteger>(
        _ what: @autoclosure () -> String,
        as type: Number.Type
    ) throws(WeightError) -> Number {
        let width = MemoryLayout<Number>.size
        guard remaining >= width else { throw malformed("it ends inside \(what())") }
        defer { position += width }
        return unsafe mapping.withUnsafeBytes(position..<position + width) { bytes in
            Number(littleEndian: unsafe bytes.loadUnaligned(as: Number.self))
        }
    }

    /// Reads a number of things, which cannot be more than there is room for.
    ///
    /// - Parameters:
    ///   - what: What is counted, for the error.
    ///   - least: The fewest bytes that each of them takes.
    /// - Returns: The number.
    /// - Throws: ``WeightError/malformed(path:reason:)``.
    mutating func count(
        _ what: @autoclosure () -> String,
        least: Int
    ) throws(WeightError) -> Int {
        let claimed = try integer("the number of \(what())", as: UInt64.self)
        guard claimed <= UInt64(remaining / least) else {
            throw malformed("it claims \(claimed) \(what()) in the last \(remaining) bytes of the file")
        }
        return Int(claimed)
    }

    /// Reads a text; bytes that are not UTF-8 become U+FFFD.
    mutating func text(_ what: @autoclosure () -> String) throws(WeightError) -> String {
        let length = try count("bytes of \(what())", least: 1)
        defer { position += length }
        return unsafe mapping.withUnsafeBytes(position..<position + length) { bytes in
            unsafe String(decoding: bytes, as: UTF8.self)
        }
    }

    /// Reads a name that must be well-formed UTF-8 and not empty.
    mutating func name(_ what: @autoclosure () -> String) throws(WeightError) -> String {
        let name = try text(what())
        guard !name.isEmpty, name.utf8.count <= 65_535, !name.unicodeScalars.contains("\u{FFFD}") else {
            throw malformed("\(what()) is empty, absurdly long or not UTF-8")
        }
        return name
    }

    /// Reads one metadata value: its kind, then the value.
    mutating func value(of key: String) throws(WeightError) -> GGUFValue {
        try value(try kind(of: key), of: key, depth: 0)
    }

    private mutating func kind(of key: String) throws(WeightError) -> Kind {
        let number = try integer("the type of \(key)", as: UInt32.self)
        guard let kind = Kind(rawValue: number) else {
            throw malformed("\(key) has a value of the unknown type \(number)")
        }
        return kind
    }

    private mutating func value(_ kind: Kind, of key: String, depth: Int) throws(WeightError) -> GGUFValue {
        switch kind {
        case .uint8, .int8, .uint16, .int16, .uint32, .int32, .int64:
            return .integer(try whole(kind, of: key))
        case .uint64:
            let value = try integer(key, as: UInt64.self)
            return Int(exactly: value).map(GGUFValue.integer) ?? .number(Double(value))
        case .float32, .float64: return .number(try number(kind, of: key))
        case .bool: return .flag(try flag(of: key))
        case .string: return .text(try text("the text of \(key)"))
        case .array: return try list(of: key, depth: depth)
        }
    }

    private mutating func list(of key: String, depth: Int) throws(WeightError) -> GGUFValue {
        guard depth < Self.deepest else { throw malformed("\(key) nests lists too deep") }
        let kind = try kind(of: key)
        let count = try count("elements of \(key)", least: kind.leastByteCount)
        switch kind {
        case .uint8, .int8, .uint16, .int16, .uint32, .int32, .int64, .uint64:
            var values: [Int] = []
            values.reserveCapacity(count)
            for _ in 0..<count { values.append(try whole(kind, of: key)) }
            return .integers(values)
        case .float32, .float64:
            var values: [Double] = []
            values.reserveCapacity(count)
            for _ in 0..<count { values.append(try number(kind, of: key)) }
            return .numbers(values)
        case .bool:
            var values: [Bool] = []
            for _ in 0..<count { values.append(try flag(of: key)) }
            return .flags(values)
        case .string:
            var values: [String] = []
            values.reserveCapacity(count)
            for _ in 0..<count { values.append(try text("the texts of \(key)")) }
            return .texts(values)
        case .array:
            var values: [GGUFValue] = []
            for _ in 0..<count { values.append(try list(of: key, depth: depth + 1)) }
            return .lists(values)
        }
    }

    private mutating func whole(_ kind: Kind, of key: String) throws(WeightError) -> Int {
        switch kind {
        case .uint8: return Int(try integer(key, as: UInt8.self))
        case .int8: return Int(try integer(key, as: Int8.self))
        case .uint16: return Int(try integer(key, as: UInt16.self))
        case .int16: return Int(try integer(key, as: Int16.self))
        case .uint32: return Int(try integer(key, as: UInt32.self))
        case .int32: return Int(try integer(key, as: Int32.self))
        default: return Int(truncatingIfNeeded: try integer(key, as: UInt64.self))
        }
    }

    private mutating func number(_ kind: Kind, of key: String) throws(WeightError) -> Double {
        kind == .float32
            ? Double(Float(bitPattern: try integer(key, as: UInt32.self)))
            : Double(bitPattern: try integer(key, as: UInt64.self))
    }

    private mutating func flag(of key: String) throws(WeightError) -> Bool {
        let byte = try integer(key, as: UInt8.self)
        guard byte <= 1 else { throw malformed("the flag \(key) is \(byte), neither 0 nor 1") }
        return byte == 1
    }
}
