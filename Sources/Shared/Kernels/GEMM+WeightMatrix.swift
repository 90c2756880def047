extension GEMM {
    /// Outputs of one panel: as many as fit the scratch, evenly dealt, in multiples of 64 where possible.
    ///
    /// Depends on the weight's shape alone, so that a row's bits do too.
    static func panelHeight(outputs: Int, inputs: Int) -> Int {
        let most = max(1, UnpackScratch.pieceCount / max(1, inputs))
        guard outputs > most else { return outputs }
        let panels = (outputs + most - 1) / most
        let even = (outputs + panels - 1) / panels
        return min(most >= 64 ? most / 64 * 64 : most, (even + 63) / 64 * 64)
    }

    /// `input · weightᵀ`, the product of a linear layer, with row-independent rounding.
    ///
    /// The weight is taken in panels of rows that are unpacked on all compute threads, then multiplied; no more than
    /// one panel is held as float32. Weights that are float32 already take the same panels in place, so a weight has
    /// the same product before and after ``WeightMatrix/expanded()``.
    ///
    /// - Parameters:
    ///   - input: `[rows, inputs]`.
    ///   - weight: `[outputs, inputs]`.
    /// - Returns: `[rows, outputs]`.
    package static func linear(_ input: Tensor, weight: WeightMatrix) -> Tensor {
        let (rows, inputs, outputs) = (input.rowCount, input.columnCount, weight.rowCount)
        precondition(
            weight.columnCount == inputs,
            "input \(input.shape) does not fit a weight [\(outputs), \(weight.columnCount)]"
        )
        let height = panelHeight(outputs: outputs, inputs: inputs)
        return unsafe input.withUnsafeBuffer { x in
            unsafe Tensor([rows, outputs]) { y in
                guard let x = x.baseAddress, let y = y.baseAddress, rows > 0 else { return }
                for first in stride(from: 0, to: outputs, by: max(1, height)) {
                    let panel = first..<min(outputs, first + height)
                    unsafe weight.withFloats(rows: panel) { w in
                        unsafe linear(
                            x,
                            weight: w,
                            into: y + first,
                            rows: rows,
                            inputs: inputs,
                            outputs: panel.count,
                            resultStride: outputs
                        )
                    }
                }
            }
        }
    }
}

extension WeightMatrix {
    /// Lends rows as float32: in place where they are kept so, else unpacked into scratch on all compute threads.
    func withFloats(rows: Range<Int>, _ body: (UnsafePointer<Float>) -> Void) {
        if let floats {
            unsafe floats.withUnsafeBuffer { buffer in
                guard let base = buffer.baseAddress else { return }
                unsafe body(base + rows.lowerBound * columnCount)
            }
        } else {
            unsafe UnpackScratch.withFloats(rows.count * columnCount) { scratch in
                unsafe unpackInParallel(rows: rows, into: scratch)
                unsafe body(scratch)
            }
        }
    }
}
