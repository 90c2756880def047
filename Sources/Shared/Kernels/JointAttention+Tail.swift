/// The columns of the projections that pass by the attention: hidden numbers of a feed-forward layer.
extension JointAttention {
    /// Rows that are unpacked at a time.
    private static let rowsAtATime = 4

    /// Writes the function of a stream's tail behind the heads.
    static func activateTail(
        _ stream: Stream,
        _ layout: Layout,
        _ tail: ActivationKind,
        into target: UnsafeMutablePointer<Float>
    ) {
        let width = stream.projected.columnCount - 2 * layout.merged
        // Each thread writes its own rows.
        nonisolated(unsafe) let to = unsafe target
        unsafe forEachTail(stream, layout) { rows, numbers, stride in
            unsafe Activation.apply(
                tail,
                numbers,
                stride: stride,
                into: to + rows.lowerBound * width + layout.merged,
                stride: width,
                rows: rows.count,
                width: width - layout.merged
            )
        }
    }

    /// Writes the derivative by a stream's tail.
    static func tailBackward(
        _ stream: Stream,
        _ gradient: Tensor,
        _ layout: Layout,
        _ tail: ActivationKind,
        into target: UnsafeMutablePointer<Float>
    ) {
        let (width, slopeWidth) = (stream.projected.columnCount, gradient.columnCount)
        unsafe gradient.withUnsafeBuffer { slope in
            guard let slope = slope.baseAddress else { return }
            // Each thread writes its own rows.
            nonisolated(unsafe) let pointers = unsafe (slope, target)
            unsafe forEachTail(stream, layout) { rows, numbers, stride in
                let (slope, to) = unsafe pointers
                unsafe Activation.backward(
                    tail,
                    numbers,
                    stride: stride,
                    gradient: slope + rows.lowerBound * slopeWidth + layout.merged,
                    stride: slopeWidth,
                    into: to + rows.lowerBound * width + 3 * layout.merged,
                    stride: width,
                    rows: rows.count,
                    width: slopeWidth - layout.merged,
                    adds: false
                )
            }
        }
    }

    private static func forEachTail(
        _ stream: Stream,
        _ layout: Layout,
        _ body:
            @Sendable (_ rows: Range<Int>, _ numbers: UnsafePointer<Float>, _ stride: Int) -> Void
    ) {
        let columns = (3 * layout.merged)..<stream.projected.columnCount
        guard !columns.isEmpty else { return }
        RowBlocks.forEach(stream.projected.rowCount, width: columns.count) { range in
            unsafe WorkMemory.withBytes(rowsAtATime * columns.count * MemoryLayout<Float>.stride) { raw in
                let scratch = unsafe raw.assumingMemoryBound(to: Float.self)
                for first in stride(from: range.lowerBound, to: range.upperBound, by: rowsAtATime) {
                    let rows = first..<min(first + rowsAtATime, range.upperBound)
                    unsafe stream.projected.withFloats(rows: rows, columns: columns, scratch: scratch) {
                        unsafe body(rows, $0, $1)
                    }
                }
            }
        }
    }
}
