/// Matrices of the same inputs, one below the other, each kept as its file stores it: the weight of maps that read the
/// same rows.
package struct WeightStack: Sendable {
    /// The matrices, top first.
    package let parts: [WeightMatrix]
    /// Rows of all matrices.
    package let rowCount: Int
    /// Inputs.
    package let columnCount: Int
    /// The order that weights larger than the memory pass through it in, and the stack's place; nil for weights that stay.
    private let stream: (order: WeightStream, place: Int)?

    /// Whether a file's pages are given back after each use.
    var isStreamed: Bool { stream != nil }

    /// Bytes as stored.
    package var byteCount: Int { parts.reduce(0) { $0 + $1.byteCount } }

    /// Puts matrices one below the other.
    ///
    /// - Parameters:
    ///   - parts: Matrices with the same number of columns, at least one.
    ///   - stream: The order of all weights that do not fit into memory: pages of files are read ahead of each use and
    ///     given back after it. nil for weights that stay.
    package init(_ parts: [WeightMatrix], stream: WeightStream? = nil) {
        columnCount = parts.first?.columnCount ?? 0
        precondition(
            !parts.isEmpty && parts.allSatisfy { $0.columnCount == parts[0].columnCount },
            "matrices of \(parts.map(\.columnCount)) columns do not stand on one another"
        )
        self.parts = parts
        rowCount = parts.reduce(0) { $0 + $1.rowCount }
        self.stream = stream.map { ($0, $0.append(parts)) }
        if stream != nil { releasePages() }
    }

    /// Reads what is used next while this stack is; for streamed weights only.
    func prefetchNext() {
        if let stream { stream.order.use(stream.place) }
    }

    /// All rows as float32.
    ///
    /// - Returns: `[rowCount, columnCount]`.
    package func tensor() -> Tensor {
        parts.count == 1 ? parts[0].tensor() : Tensor.concatenatingRows(parts.map { $0.tensor() })
    }

    /// Lends all rows as float32, panel by panel: no more than one panel is unpacked at a time.
    ///
    /// A panel may hold rows of several matrices. Weights of at most 32 MiB in float32 are one panel.
    ///
    /// - Parameter body: Gets the rows of a panel and their numbers, `[rows.count, columnCount]`; lets no pointer escape.
    package func forEachPanel(_ body: (_ rows: Range<Int>, _ numbers: UnsafePointer<Float>) -> Void) {
        prefetchNext()
        let height = max(1, GEMM.panelHeight(outputs: rowCount, inputs: columnCount))
        for first in stride(from: 0, to: rowCount, by: height) {
            let rows = first..<min(rowCount, first + height)
            if parts.count == 1 {
                unsafe parts[0].withFloats(rows: rows) { unsafe body(rows, $0) }
            } else {
                unsafe UnpackScratch.withFloats(rows.count * columnCount) { scratch in
                    for (part, own, place) in pieces(of: rows) {
                        unsafe part.unpackInParallel(rows: own, into: scratch + place * columnCount)
                    }
                    unsafe body(rows, scratch)
                }
            }
        }
        if isStreamed { releasePages() }
    }

    /// Some columns of some rows in bfloat16, on the calling thread.
    ///
    /// - Parameters:
    ///   - rows: The rows.
    ///   - columns: Columns that start and end as `WeightMatrix` wants them.
    ///   - target: `[rows.count, columns.count]`, overwritten.
    func bfloat16(rows: Range<Int>, columns: Range<Int>, into target: UnsafeMutablePointer<UInt16>) {
        for (part, own, place) in pieces(of: rows) {
            unsafe part.bfloat16(rows: own, columns: columns, into: target + place * columns.count)
        }
    }

    /// Gives the pages of mapped files back to the system.
    func releasePages() {
        for part in parts {
            part.releasePages()
        }
    }

    /// Where rows of the stack lie: in which matrix, which of its rows, and how many rows of the range come before.
    private func pieces(of rows: Range<Int>) -> [(part: WeightMatrix, rows: Range<Int>, place: Int)] {
        var pieces: [(part: WeightMatrix, rows: Range<Int>, place: Int)] = []
        var start = 0
        for part in parts {
            let own = rows.clamped(to: start..<(start + part.rowCount))
            if !own.isEmpty {
                let shifted = (own.lowerBound - start)..<(own.upperBound - start)
                pieces.append((part, shifted, own.lowerBound - rows.lowerBound))
            }
            start += part.rowCount
        }
        return pieces
    }
}
