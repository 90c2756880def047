import Foundation

/// The memory behind a ``Tensor``: 64-byte aligned floats of its own, or a window of a mapped file.
///
/// `@unchecked Sendable` is sound because the bytes are written only while one ``Tensor`` holds the only reference
/// (``Tensor/withUnsafeMutableBuffer(_:)`` checks that), and are read-only afterwards.
@safe package final class TensorStorage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let count: Int
    /// The mapping that `base` points into; nil when this object owns `base`.
    let mapping: MappedFile?

    /// Allocates `count` floats without setting them.
    init(count: Int) {
        let raw = unsafe StoragePool.take(Self.byteCount(count))
        unsafe base = raw.bindMemory(to: Float.self, capacity: max(count, 1))
        self.count = count
        mapping = nil
    }

    /// Refers to `count` floats of a mapped file, starting at a byte offset that is a multiple of four.
    init(mapping: MappedFile, byteOffset: Int, count: Int) {
        precondition(
            byteOffset % MemoryLayout<Float>.alignment == 0,
            "byte offset \(byteOffset) is not aligned"
        )
        let start = unsafe mapping.base.advanced(by: byteOffset)
        unsafe base = UnsafeMutableRawPointer(mutating: start).assumingMemoryBound(to: Float.self)
        self.count = count
        self.mapping = mapping
    }

    deinit {
        if mapping == nil {
            unsafe StoragePool.give(base, Self.byteCount(count))
        }
    }

    private static func byteCount(_ count: Int) -> Int {
        max(count, 1) * MemoryLayout<Float>.stride
    }
}
