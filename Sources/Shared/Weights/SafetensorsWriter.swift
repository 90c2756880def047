import Foundation

/// Writes safetensors files.
package enum SafetensorsWriter {
    /// Writes tensors to a file that appears whole or not at all.
    ///
    /// The bytes go to a neighbour of `path`, are synced to disk, and take the name last.
    ///
    /// - Parameters:
    ///   - tensors: Tensors by name; written in the order of their names.
    ///   - path: The file to make or replace.
    ///   - elementType: How numbers are stored; conversion rounds to nearest, ties to even.
    ///   - metadata: The header's `__metadata__`.
    /// - Throws: ``WeightError/unreadable(path:reason:)`` when the file cannot be written.
    package static func write(
        _ tensors: [String: Tensor],
        to path: String,
        elementType: ElementType = .float32,
        metadata: [String: String] = ["format": "pt"]
    ) throws {
        var header: [String: Any] = ["__metadata__": metadata]
        var offset = 0
        let ordered = tensors.sorted { $0.key < $1.key }
        for (name, tensor) in ordered {
            let length = tensor.count * elementType.byteCount
            header[name] = [
                "dtype": elementType.rawValue,
                "shape": tensor.shape,
                "data_offsets": [offset, offset + length],
            ]
            offset += length
        }
        var json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys])
        json.append(Data(repeating: 0x20, count: (8 - json.count % 8) % 8))
        var file = Data(capacity: 8 + json.count + offset)
        unsafe withUnsafeBytes(of: UInt64(json.count).littleEndian) { unsafe file.append(contentsOf: $0) }
        file.append(json)
        for (_, tensor) in ordered {
            unsafe tensor.withUnsafeBuffer { values in
                switch elementType {
                case .float32:
                    unsafe file.append(contentsOf: UnsafeRawBufferPointer(values))
                case .bfloat16:
                    let halves = unsafe values.map { BFloat16.bits($0).littleEndian }
                    unsafe halves.withUnsafeBytes { unsafe file.append(contentsOf: $0) }
                case .float16:
                    let halves = unsafe values.map { Float16($0).bitPattern.littleEndian }
                    unsafe halves.withUnsafeBytes { unsafe file.append(contentsOf: $0) }
                }
            }
        }
        try AtomicFile.write(file, to: path)
    }
}
