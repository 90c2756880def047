import Foundation

/// Writes the bytes of GGUF files, sound and unsound ones.
struct GGUFBytes {
    private(set) var data = Data()

    /// Magic number, version and the two counts.
    init(magic: String = "GGUF", version: UInt32 = 3, tensors: UInt64, pairs: UInt64) {
        data.append(contentsOf: Array(magic.utf8))
        append(version)
        append(tensors)
        append(pairs)
    }

    mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { data.append(contentsOf: $0) }
    }

    mutating func append(_ text: String) {
        append(UInt64(text.utf8.count))
        data.append(contentsOf: Array(text.utf8))
    }

    /// A key, the number of its type, and the value's bytes.
    mutating func pair(_ key: String, type: UInt32, value: (inout GGUFBytes) -> Void) {
        append(key)
        append(type)
        value(&self)
    }

    mutating func text(_ key: String, _ value: String) {
        pair(key, type: 8) { $0.append(value) }
    }

    mutating func tensor(_ name: String, dimensions: [UInt64], type: UInt32, offset: UInt64) {
        append(name)
        append(UInt32(dimensions.count))
        dimensions.forEach { append($0) }
        append(type)
        append(offset)
    }

    /// Zeros up to a multiple of the alignment, then the numbers.
    mutating func numbers(_ values: [Float], alignment: Int = 32) {
        data.append(Data(count: (alignment - data.count % alignment) % alignment))
        values.forEach { append($0.bitPattern) }
    }

    /// A sound file: two metadata values and two tensors, the last byte of the file being the last of a tensor.
    static func small(version: UInt32 = 3) -> Data {
        var bytes = GGUFBytes(version: version, tensors: 2, pairs: 2)
        bytes.text("general.architecture", "qwen2vl")
        bytes.pair("list", type: 9) { bytes in
            bytes.append(UInt32(8))
            bytes.append(UInt64(2))
            bytes.append("one")
            bytes.append("two")
        }
        bytes.tensor("matrix", dimensions: [3, 2], type: 0, offset: 0)
        bytes.tensor("row", dimensions: [2], type: 0, offset: 32)
        bytes.numbers([1, 2, 3, 4, 5, 6])
        bytes.numbers([7, 8])
        return bytes.data
    }
}
