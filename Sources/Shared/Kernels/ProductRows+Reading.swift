/// Rows that a backward pass reads again: what a forward pass keeps of them takes half the memory in bfloat16.
extension ProductRows {
    /// The rows as float32; shares memory when they are kept so.
    ///
    /// - Returns: `[rowCount, columnCount]`.
    package func floats() -> Tensor {
        switch storage {
        case .float32(let tensor): return tensor
        case .narrow(let narrow):
            return unsafe Tensor([rowCount, columnCount]) { target in
                guard let target = target.baseAddress else { return }
                // Each thread writes its own rows.
                nonisolated(unsafe) let first = unsafe target
                RowBlocks.forEach(rowCount, width: columnCount) { range in
                    unsafe narrow.unpack(
                        rows: range,
                        columns: 0..<narrow.columnCount,
                        into: first + range.lowerBound * narrow.columnCount
                    )
                }
            }
        }
    }

    /// One of `count` equal runs of rows; shares memory when it is the only one.
    package func run(_ index: Int, of count: Int) -> ProductRows {
        guard count > 1 else { return self }
        precondition(rowCount % count == 0, "\(rowCount) rows are not cut into \(count) runs")
        let height = rowCount / count
        let range = (index * height)..<((index + 1) * height)
        switch storage {
        case .float32(let tensor): return ProductRows(tensor.rows(range), for: .float32)
        case .narrow(let narrow): return ProductRows(narrow.rows(range))
        }
    }

    /// Lends some columns of some rows as float32: in place where they are so, else unpacked.
    ///
    /// - Parameters:
    ///   - rows: The rows.
    ///   - columns: The columns.
    ///   - scratch: `[rows.count, columns.count]`, of undefined contents afterwards.
    ///   - body: Gets the first number and the distance of two rows; lets no pointer escape.
    func withFloats(
        rows: Range<Int>,
        columns: Range<Int>,
        scratch: UnsafeMutablePointer<Float>,
        _ body: (_ numbers: UnsafePointer<Float>, _ stride: Int) -> Void
    ) {
        switch storage {
        case .float32(let tensor):
            precondition(
                rows.upperBound <= tensor.rowCount && columns.upperBound <= tensor.columnCount,
                "rows \(rows), columns \(columns) are outside \(tensor.shape)"
            )
            let width = tensor.columnCount
            unsafe tensor.withUnsafeBuffer { numbers in
                guard let base = numbers.baseAddress else { return }
                unsafe body(base + rows.lowerBound * width + columns.lowerBound, width)
            }
        case .narrow(let narrow):
            unsafe narrow.unpack(rows: rows, columns: columns, into: scratch)
            unsafe body(scratch, columns.count)
        }
    }
}
