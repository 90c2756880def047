import CKernels

extension WeightMatrix {
    /// Numbers that one thread unpacks at a time when a matrix is looked through.
    private static let numbersAtATime = 1 << 18

    /// Rows at the given indices, in that order, as float32: an embedding lookup.
    ///
    /// - Returns: `[indices.count, columnCount]`.
    package func gatheringRows(_ indices: [Int]) -> Tensor {
        precondition(
            indices.allSatisfy { $0 >= 0 && $0 < rowCount },
            "a row index is outside a matrix of \(rowCount) rows"
        )
        return unsafe Tensor([indices.count, columnCount]) { target in
            guard let base = target.baseAddress else { return }
            for (row, index) in indices.enumerated() {
                unsafe unpack(rows: index..<index + 1, into: base + row * columnCount)
            }
        }
    }

    /// All rows as float32; shares memory when they are kept so.
    ///
    /// - Returns: `[rowCount, columnCount]`.
    package func tensor() -> Tensor {
        if let floats { return floats.reshaped([rowCount, columnCount]) }
        return unsafe Tensor([rowCount, columnCount]) { target in
            guard let base = target.baseAddress else { return }
            unsafe unpackInParallel(rows: 0..<rowCount, into: base)
        }
    }

    /// The same matrix kept as float32 in memory: more bytes, and nothing to unpack.
    package func expanded() -> WeightMatrix {
        WeightMatrix(tensor())
    }

    /// Gives the memory of the file's pages behind the matrix back to the system.
    func releasePages() {
        mappedPlace.map { $0.mapping.releasePages($0.range) }
    }

    /// Asks the system to read the file's pages behind the matrix soon.
    func prefetchPages() {
        mappedPlace.map { $0.mapping.prefetchPages($0.range) }
    }

    /// Where the matrix lies in a mapped file; nil for one in memory.
    private var mappedPlace: (mapping: MappedFile, range: Range<Int>)? {
        switch body {
        case .floats(let tensor): tensor.mappedPlace.map { ($0, $1..<($1 + byteCount)) }
        case .blocks(let mapping, let start): (mapping, start..<(start + byteCount))
        case .float8, .packed, .integers: nil
        }
    }

    /// Whether the matrix holds neither a NaN nor an infinity; looks at every number, on all compute threads.
    package var isFinite: Bool {
        let height = max(1, Self.numbersAtATime / max(1, columnCount))
        let isSound = Lock(true)
        Parallel.forEach((rowCount + height - 1) / height) { part in
            let rows = (part * height)..<min(rowCount, (part + 1) * height)
            if !isFinite(rows) {
                isSound.withLock { $0 = false }
            }
        }
        return isSound.withLock { $0 }
    }

    private func isFinite(_ rows: Range<Int>) -> Bool {
        let count = rows.count * columnCount
        if let floats {
            return unsafe floats.withUnsafeBuffer { numbers in
                guard let base = numbers.baseAddress else { return true }
                return unsafe ck_all_finite_f32(base + rows.lowerBound * columnCount, count) != 0
            }
        }
        return unsafe UnpackScratch.withFloats(count) { scratch in
            unsafe unpack(rows: rows, into: scratch)
            return unsafe ck_all_finite_f32(scratch, count) != 0
        }
    }

    /// Unpacks rows on all compute threads.
    func unpackInParallel(rows: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        // Each thread writes its own rows.
        nonisolated(unsafe) let base = unsafe target
        RowBlocks.forEach(rows.count, width: columnCount, group: 16) { part in
            let first = rows.lowerBound + part.lowerBound
            unsafe unpack(
                rows: first..<(first + part.count),
                into: base + part.lowerBound * columnCount
            )
        }
    }
}
