import CKernels
import Foundation

/// A memory-mapped safetensors file whose header has been checked.
///
/// Source: huggingface/safetensors, README.md, section "Format".
package struct SafetensorsFile: Sendable {
    /// Where one tensor lies and how it is stored.
    package struct Entry: Sendable, Equatable {
        /// The element type as the header spells it, `BF16` for example.
        package let elementType: String
        /// Length of every axis.
        package let shape: [Int]
        /// The tensor's bytes, counted from the start of the file.
        package let range: Range<Int>
    }

    /// The file's path.
    package var path: String { mapping.path }
    /// The tensors by name.
    package let entries: [String: Entry]
    /// The header's `__metadata__`, empty when it has none.
    package let metadata: [String: String]
    /// The mapped file itself, for example to digest it with ``ContentHash``.
    package let mapping: MappedFile

    /// Bytes of a number of every element type of the format; types of fewer than eight bits are not among them.
    private static let byteCounts = [
        "BOOL": 1, "U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "U16": 2, "I16": 2, "F16": 2,
        "BF16": 2, "U32": 4, "I32": 4, "F32": 4, "U64": 8, "I64": 8, "F64": 8, "C64": 8,
    ]

    /// Maps a file and checks its header: lengths, offsets, overlap, holes, and element type × shape.
    ///
    /// - Parameter path: The file.
    /// - Throws: ``WeightError/unreadable(path:reason:)``, ``WeightError/malformed(path:reason:)``.
    package init(path: String) throws(WeightError) {
        let mapping = try MappedFile(path: path)
        func malformed(_ reason: String) -> WeightError { .malformed(path: path, reason: reason) }
        guard mapping.count >= 8 else { throw malformed("it is shorter than its 8-byte length field") }
        let headerLength = unsafe mapping.withUnsafeBytes(0..<8) { bytes in
            unsafe bytes.enumerated().reduce(UInt64(0)) { $0 | UInt64($1.element) << (8 * UInt64($1.offset)) }
        }
        guard headerLength >= 2, headerLength <= 100_000_000, headerLength <= UInt64(mapping.count - 8) else {
            throw malformed("its header claims \(headerLength) bytes of a file of \(mapping.count)")
        }
        let dataStart = 8 + Int(headerLength)
        let header = unsafe mapping.withUnsafeBytes(8..<dataStart) { unsafe Data($0) }
        guard let object = try? JSONSerialization.jsonObject(with: header) as? [String: Any] else {
            throw malformed("its header is not a JSON object")
        }
        var entries: [String: Entry] = [:]
        var metadata: [String: String] = [:]
        for (name, value) in object {
            if name == "__metadata__" {
                guard let pairs = value as? [String: String] else {
                    throw malformed("its __metadata__ is not a map of strings")
                }
                metadata = pairs
                continue
            }
            do throws(HeaderFault) {
                entries[name] = try Self.entry(value, dataStart: dataStart, fileLength: mapping.count)
            } catch {
                throw malformed("\(name) \(error.reason)")
            }
        }
        var end = dataStart
        let ordered = entries.sorted { left, right in
            let (l, r) = (left.value.range, right.value.range)
            return (l.lowerBound, l.upperBound, left.key) < (r.lowerBound, r.upperBound, right.key)
        }
        for (name, entry) in ordered {
            guard entry.range.lowerBound == end else {
                throw malformed(
                    entry.range.lowerBound < end
                        ? "\(name) overlaps another tensor"
                        : "\(entry.range.lowerBound - end) bytes before \(name) belong to no tensor"
                )
            }
            end = entry.range.upperBound
        }
        guard end == mapping.count else {
            throw malformed("its last \(mapping.count - end) bytes belong to no tensor")
        }
        self.mapping = mapping
        self.entries = entries
        self.metadata = metadata
    }

    /// What is wrong with one entry of a header.
    private struct HeaderFault: Error {
        let reason: String
    }

    /// Checks one entry by itself.
    private static func entry(
        _ value: Any,
        dataStart: Int,
        fileLength: Int
    ) throws(HeaderFault) -> Entry {
        guard
            let fields = value as? [String: Any],
            let elementType = fields["dtype"] as? String,
            let shape = fields["shape"] as? [Int],
            let offsets = fields["data_offsets"] as? [Int],
            offsets.count == 2
        else {
            throw HeaderFault(reason: "has no dtype, shape and pair of data_offsets")
        }
        guard offsets[0] >= 0, offsets[0] <= offsets[1], offsets[1] <= fileLength - dataStart else {
            throw HeaderFault(
                reason: "lies at \(offsets), outside the data of \(fileLength - dataStart) bytes"
            )
        }
        guard let byteCount = byteCounts[elementType] else {
            throw HeaderFault(reason: "has the unknown dtype \(elementType)")
        }
        guard shape.count <= 8, shape.allSatisfy({ $0 >= 0 }) else {
            throw HeaderFault(reason: "has the absurd shape \(shape)")
        }
        var bytes = byteCount
        for length in shape {
            // An axis of length 0 must not hide others whose product overflows.
            let (product, overflow) = bytes.multipliedReportingOverflow(by: max(1, length))
            guard !overflow else { throw HeaderFault(reason: "has the absurd shape \(shape)") }
            bytes = product
        }
        if shape.contains(0) {
            bytes = 0
        }
        guard offsets[1] - offsets[0] == bytes else {
            throw HeaderFault(reason: "takes \(offsets[1] - offsets[0]) bytes for \(elementType) \(shape)")
        }
        return Entry(
            elementType: elementType,
            shape: shape,
            range: (dataStart + offsets[0])..<(dataStart + offsets[1])
        )
    }

    /// Reads one tensor as float32.
    ///
    /// Float32 tensors that lie on a multiple of four bytes stay in the mapped file; all others are converted.
    ///
    /// - Parameter name: Name in the file.
    /// - Returns: The tensor, in the shape that the header gives it.
    /// - Throws: ``WeightError/missing(name:path:)``; ``WeightError/elementType(name:found:)``.
    package func tensor(_ name: String) throws(WeightError) -> Tensor {
        guard let entry = entries[name] else { throw .missing(name: name, path: path) }
        guard let elementType = ElementType(rawValue: entry.elementType) else {
            throw .elementType(name: name, found: entry.elementType)
        }
        let count = entry.shape.reduce(1, *)
        if elementType == .float32, entry.range.lowerBound % 4 == 0 {
            let storage = TensorStorage(mapping: mapping, byteOffset: entry.range.lowerBound, count: count)
            return Tensor(shape: entry.shape, storage: storage)
        }
        return unsafe mapping.withUnsafeBytes(entry.range) { bytes in
            unsafe Tensor(entry.shape) { target in
                guard let source = bytes.baseAddress, let target = target.baseAddress else { return }
                let level = InstructionLevel.best.rawValue
                switch elementType {
                case .float32: unsafe ck_convert_f32_f32(source, target, count)
                case .float16: unsafe ck_unpack_f16_f32(level, source, target, count)
                case .bfloat16: unsafe ck_unpack_bf16_f32(level, source, target, count)
                }
            }
        }
    }

    /// Reads one tensor of 64- or 32-bit integers, as fixtures hold token ids.
    ///
    /// - Parameter name: Name in the file.
    /// - Returns: The numbers, row-major.
    /// - Throws: ``WeightError/missing(name:path:)``; ``WeightError/elementType(name:found:)``.
    package func integers(_ name: String) throws(WeightError) -> [Int] {
        guard let entry = entries[name] else { throw .missing(name: name, path: path) }
        switch entry.elementType {
        case "I64":
            return unsafe mapping.withUnsafeBytes(entry.range) { bytes in
                (0..<bytes.count / 8).map {
                    Int(unsafe bytes.loadUnaligned(fromByteOffset: $0 * 8, as: Int64.self))
                }
            }
        case "I32":
            return unsafe mapping.withUnsafeBytes(entry.range) { bytes in
                (0..<bytes.count / 4).map {
                    Int(unsafe bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Int32.self))
                }
            }
        default:
            throw .elementType(name: name, found: entry.elementType)
        }
    }
}
