internal import CKernels
internal import Foundation

/// A memory-mapped safetensors file whose header has been checked.
///
/// Source: huggingface/safetensors, README.md, section "Format".
public struct SafetensorsFile: Sendable {
    /// Where one tensor lies and how it is stored.
    public struct Entry: Sendable, Equatable {
        /// The element type as the header spells it, `BF16` for example.
        public let elementType: String
        /// Length of every axis.
        public let shape: [Int]
        /// The tensor's bytes, counted from the start of the file.
        public let range: Range<Int>
    }

    /// The file's path.
    public var path: String { mapping.path }
    /// The tensors by name.
    public let entries: [String: Entry]
    /// The header's `__metadata__`, empty when it has none.
    public let metadata: [String: String]
    /// The mapped file itself, for example to digest it with ``ContentHash``.
    public let mapping: MappedFile

    /// Maps a file and checks its header: lengths, offsets, overlap, and element type × shape.
    ///
    /// - Parameter path: The file.
    /// - Throws: ``WeightError/unreadable(path:reason:)``, ``WeightError/malformed(path:reason:)``.
    public init(path: String) throws(WeightError) {
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
            guard
                let fields = value as? [String: Any],
                let elementType = fields["dtype"] as? String,
                let shape = fields["shape"] as? [Int],
                let offsets = fields["data_offsets"] as? [Int],
                offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1],
                offsets[1] <= mapping.count - dataStart,
                shape.count <= 8, shape.allSatisfy({ $0 >= 0 })
            else {
                throw malformed("the entry of \(name) is damaged or points outside the file")
            }
            var count = 1
            for length in shape {
                let (product, overflow) = count.multipliedReportingOverflow(by: length)
                guard !overflow else { throw malformed("the shape of \(name) is absurd: \(shape)") }
                count = product
            }
            if let known = ElementType(rawValue: elementType),
                count > mapping.count
                    || offsets[1] - offsets[0] != count * known.byteCount
            {
                throw malformed("\(name) takes \(offsets[1] - offsets[0]) bytes for \(elementType) \(shape)")
            }
            entries[name] = Entry(
                elementType: elementType,
                shape: shape,
                range: (dataStart + offsets[0])..<(dataStart + offsets[1])
            )
        }
        let ordered = entries.sorted { $0.value.range.lowerBound < $1.value.range.lowerBound }
        for (left, right) in zip(ordered, ordered.dropFirst())
        where left.value.range.upperBound > right.value.range.lowerBound {
            throw malformed("\(left.key) and \(right.key) overlap")
        }
        self.mapping = mapping
        self.entries = entries
        self.metadata = metadata
    }

    /// Reads one tensor as float32.
    ///
    /// Float32 tensors that lie on a multiple of four bytes stay in the mapped file; all others are converted.
    ///
    /// - Parameter name: Name in the file.
    /// - Returns: The tensor, in the shape that the header gives it.
    /// - Throws: ``WeightError/missing(name:path:)``; ``WeightError/elementType(name:found:)``.
    public func tensor(_ name: String) throws(WeightError) -> Tensor {
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
                switch elementType {
                case .float32: unsafe ck_convert_f32_f32(source, target, count)
                case .float16: unsafe ck_convert_f16_f32(source, target, count)
                case .bfloat16: unsafe ck_convert_bf16_f32(source, target, count)
                }
            }
        }
    }

    /// Reads one tensor of 64- or 32-bit integers, as fixtures hold token ids.
    ///
    /// - Parameter name: Name in the file.
    /// - Returns: The numbers, row-major.
    /// - Throws: ``WeightError/missing(name:path:)``; ``WeightError/elementType(name:found:)``.
    public func integers(_ name: String) throws(WeightError) -> [Int] {
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
