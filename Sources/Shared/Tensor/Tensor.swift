/// A dense array of 32-bit floats in row-major order.
///
/// A value: copies share memory until one of them is written. There are no strides; an operator that needs another
/// order of the axes copies, so that every kernel may rely on contiguous rows.
package struct Tensor: Sendable {
    /// The length of every axis, outermost first; an empty shape is one number.
    package let shape: [Int]
    /// Most bytes of released tensors that the process keeps for later ones.
    package static var mostKeptByteCount: Int { StoragePool.mostKept }
    /// Whether released tensors are kept only as far as they and the live ones take no more than live ones took before.
    ///
    /// Then keeping them does not add to the peak of the process, at the price of some fresh pages. Counting starts when
    /// this is set.
    package static var staysWithinPeak: Bool {
        get { StoragePool.staysWithinPeak }
        set { StoragePool.staysWithinPeak = newValue }
    }
    /// Large buffers that tensors of this process have taken from the system; one that is used again does not count.
    package static var newBufferCount: Int { StoragePool.newCount }

    private var storage: TensorStorage

    /// How many numbers the tensor holds.
    package var count: Int { storage.count }

    /// Length of the last axis; 1 for a single number.
    package var columnCount: Int { shape.last ?? 1 }

    /// Product of all axes but the last.
    package var rowCount: Int { shape.dropLast().reduce(1, *) }

    /// Makes a tensor of zeros.
    package init(zeros shape: [Int]) {
        unsafe self.init(shape) { buffer in
            unsafe buffer.update(repeating: 0)
        }
    }

    /// Makes a tensor whose every number is written by `initialize`.
    ///
    /// - Parameters:
    ///   - shape: Length of every axis.
    ///   - initialize: Writes the whole buffer, `[shape product]`; what it leaves out is undefined.
    package init(
        _ shape: [Int],
        initialize: (UnsafeMutableBufferPointer<Float>) throws -> Void
    ) rethrows {
        let count = shape.reduce(1, *)
        precondition(shape.allSatisfy { $0 >= 0 }, "shape \(shape) has a negative axis")
        self.shape = shape
        storage = TensorStorage(count: count)
        try unsafe initialize(UnsafeMutableBufferPointer(start: storage.base, count: count))
    }

    /// Makes a tensor of the given numbers.
    ///
    /// - Parameters:
    ///   - values: `[shape product]`, row-major.
    ///   - shape: Length of every axis; one axis when left out.
    package init(_ values: [Float], shape: [Int]? = nil) {
        let shape = shape ?? [values.count]
        precondition(shape.reduce(1, *) == values.count, "\(values.count) values do not fill \(shape)")
        unsafe self.init(shape) { buffer in
            _ = unsafe buffer.initialize(fromContentsOf: values)
        }
    }

    /// The file that the numbers lie in and the byte where they start; nil for memory of the tensor's own.
    var mappedPlace: (file: MappedFile, start: Int)? {
        storage.mapping.map { unsafe ($0, UnsafeRawPointer(storage.base) - $0.base) }
    }

    init(shape: [Int], storage: TensorStorage) {
        precondition(shape.reduce(1, *) == storage.count, "\(storage.count) values do not fill \(shape)")
        self.shape = shape
        self.storage = storage
    }

    /// The numbers as an array, row-major.
    package var values: [Float] {
        unsafe withUnsafeBuffer { unsafe Array($0) }
    }

    /// Reads the numbers in place.
    package func withUnsafeBuffer<Result>(
        _ body: (UnsafeBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        defer { withExtendedLifetime(storage) {} }
        return try unsafe body(UnsafeBufferPointer(start: storage.base, count: storage.count))
    }

    /// Writes the numbers in place, after copying them when another tensor or a mapped file shares them.
    package mutating func withUnsafeMutableBuffer<Result>(
        _ body: (UnsafeMutableBufferPointer<Float>) throws -> Result
    ) rethrows -> Result {
        if !isKnownUniquelyReferenced(&storage) || storage.mapping != nil {
            let copy = TensorStorage(count: storage.count)
            unsafe copy.base.update(from: storage.base, count: storage.count)
            storage = copy
        }
        defer { withExtendedLifetime(storage) {} }
        return try unsafe body(UnsafeMutableBufferPointer(start: storage.base, count: storage.count))
    }

    /// The same numbers under another shape of equal size; shares memory.
    package func reshaped(_ shape: [Int]) -> Tensor {
        Tensor(shape: shape, storage: storage)
    }

    /// Rows `range` of the tensor seen as a matrix `[rowCount, columnCount]`; a copy.
    ///
    /// - Returns: `[range.count, columnCount]`.
    package func rows(_ range: Range<Int>) -> Tensor {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= rowCount,
            "rows \(range) are outside a tensor of shape \(shape)"
        )
        let width = columnCount
        return unsafe withUnsafeBuffer { source in
            unsafe Tensor([range.count, width]) { target in
                _ = unsafe target.initialize(
                    fromContentsOf: source[(range.lowerBound * width)..<(range.upperBound * width)]
                )
            }
        }
    }

    /// Rows at the given indices, in that order; a copy.
    ///
    /// - Returns: `[indices.count, columnCount]`.
    package func gatheringRows(_ indices: [Int]) -> Tensor {
        let width = columnCount
        let height = rowCount
        precondition(
            indices.allSatisfy { $0 >= 0 && $0 < height },
            "a row index is outside a tensor of shape \(shape)"
        )
        return unsafe withUnsafeBuffer { source in
            unsafe Tensor([indices.count, width]) { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for (row, index) in indices.enumerated() {
                    unsafe (to + row * width).update(from: from + index * width, count: width)
                }
            }
        }
    }

    /// Rows of several tensors of equal column count, one below the other.
    ///
    /// - Returns: `[sum of row counts, columnCount]`.
    package static func concatenatingRows(_ parts: [Tensor]) -> Tensor {
        let width = parts.first?.columnCount ?? 0
        precondition(
            parts.allSatisfy { $0.columnCount == width },
            "column counts differ: \(parts.map(\.shape))"
        )
        let height = parts.reduce(0) { $0 + $1.rowCount }
        return unsafe Tensor([height, width]) { target in
            var offset = 0
            for part in parts {
                unsafe part.withUnsafeBuffer { source in
                    guard let from = source.baseAddress, let to = target.baseAddress else { return }
                    unsafe (to + offset).update(from: from, count: source.count)
                }
                offset += part.count
            }
        }
    }

    /// The tensor with rows and columns of its last two axes exchanged; the tensor is a matrix `[m, n]`.
    ///
    /// - Returns: `[n, m]`.
    package func transposed() -> Tensor {
        precondition(shape.count == 2, "only a matrix is transposed, got \(shape)")
        let (height, width) = (shape[0], shape[1])
        return unsafe withUnsafeBuffer { source in
            unsafe Tensor([width, height]) { target in
                for row in 0..<height {
                    for column in 0..<width {
                        unsafe target[column * height + row] = source[row * width + column]
                    }
                }
            }
        }
    }
}
