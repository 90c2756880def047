import CBLAS

/// Matrix products, in 32-bit floats by the BLAS library, to which this file is the one door; narrower types are in
/// `GEMM+PackedMatrix.swift`.
///
/// Rows do not influence each other's rounding: row `i` of a product has the same bits whatever the other rows are
/// and however many there are. OpenBLAS 0.3 breaks that with its small-matrix kernels, which serve products of up to
/// 10⁶ multiplications; ``linear(_:weight:into:rows:inputs:outputs:resultStride:)`` fills such a product up with zero rows. Measured on AVX-512
/// kernels (SkylakeX, Cooperlake); the AVX2 kernels of OpenBLAS 0.3.21 treat the rows of the last tile differently.
package enum GEMM {
    /// The product size, in multiplications, up to which OpenBLAS may take its small-matrix kernels.
    ///
    /// Source: OpenMathLib/OpenBLAS, `kernel/x86_64/sgemm_small_kernel_permit_skylakex.c`.
    private static let smallProductLimit = 1_000_000

    /// Whether the rows of a product of that size, or of one with more rows, have the same bits whatever their number.
    package static func isRowIndependent(rows: Int, columns: Int, depth: Int) -> Bool {
        rows * columns * depth > smallProductLimit
    }

    /// How many threads one product uses, process-wide.
    ///
    /// One: callers run products side by side on threads of their own. More: one caller at a time.
    package static func setThreadCount(_ count: Int) {
        threads.withLock { $0 = count }
        openblas_set_num_threads(Int32(count))
    }

    /// Threads of one product.
    static var threadCount: Int { threads.withLock { $0 } }

    private static let threads = Lock(Parallel.threadCount)

    /// `input · weightᵀ`, the product of a linear layer, with row-independent rounding.
    ///
    /// - Parameters:
    ///   - input: `[rows, inputs]`.
    ///   - weight: `[outputs, inputs]`.
    /// - Returns: `[rows, outputs]`.
    package static func linear(_ input: Tensor, weight: Tensor) -> Tensor {
        let (rows, inputs, outputs) = (input.rowCount, input.columnCount, weight.rowCount)
        precondition(weight.columnCount == inputs, "input \(input.shape) does not fit weight \(weight.shape)")
        return unsafe input.withUnsafeBuffer { x in
            unsafe weight.withUnsafeBuffer { w in
                unsafe Tensor([rows, outputs]) { y in
                    guard let x = x.baseAddress, let w = w.baseAddress, let y = y.baseAddress else { return }
                    unsafe linear(x, weight: w, into: y, rows: rows, inputs: inputs, outputs: outputs)
                }
            }
        }
    }

    /// `y = x · wᵀ` on plain memory, with row-independent rounding.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`.
    ///   - weight: `[outputs, inputs]`.
    ///   - y: `[rows, outputs]` within rows of `resultStride` numbers, overwritten.
    ///   - rows: Row count of `x` and `y`.
    ///   - inputs: Column count of `x`.
    ///   - outputs: Rows of `weight`.
    ///   - resultStride: Distance of two rows of `y`; `outputs` when left out.
    package static func linear(
        _ x: UnsafePointer<Float>,
        weight: UnsafePointer<Float>,
        into y: UnsafeMutablePointer<Float>,
        rows: Int,
        inputs: Int,
        outputs: Int,
        resultStride: Int? = nil
    ) {
        let least = smallProductLimit / max(1, inputs * outputs) + 1
        guard rows < least else {
            unsafe multiply(
                x,
                weight,
                into: y,
                rows: rows,
                columns: outputs,
                depth: inputs,
                transposeRight: true,
                resultStride: resultStride
            )
            return
        }
        let padded = unsafe Tensor([least, inputs]) { buffer in
            unsafe buffer.update(repeating: 0)
            unsafe buffer.baseAddress?.update(from: x, count: rows * inputs)
        }
        let product = unsafe padded.withUnsafeBuffer { left in
            unsafe Tensor([least, outputs]) { right in
                guard let left = left.baseAddress, let right = right.baseAddress else { return }
                unsafe multiply(
                    left,
                    weight,
                    into: right,
                    rows: least,
                    columns: outputs,
                    depth: inputs,
                    transposeRight: true
                )
            }
        }
        unsafe product.withUnsafeBuffer { result in
            guard let result = result.baseAddress else { return }
            let stride = resultStride ?? outputs
            guard stride != outputs else {
                unsafe y.update(from: result, count: rows * outputs)
                return
            }
            for row in 0..<rows {
                unsafe (y + row * stride).update(from: result + row * outputs, count: outputs)
            }
        }
    }

    /// `c = α · op(a) · op(b) + β · c` on plain memory, row-major.
    ///
    /// - Parameters:
    ///   - a: `[rows, depth]`, or `[depth, rows]` when `transposeLeft`.
    ///   - b: `[depth, columns]`, or `[columns, depth]` when `transposeRight`.
    ///   - c: `[rows, columns]`.
    ///   - rows: Row count of the result.
    ///   - columns: Column count of the result.
    ///   - depth: Length of the sums.
    ///   - transposeLeft: Whether `a` is stored transposed.
    ///   - transposeRight: Whether `b` is stored transposed.
    ///   - alpha: Factor of the product.
    ///   - beta: Factor of what `c` held; 0 ignores it, NaN included.
    ///   - leftStride: Distance of two rows of `a` as stored; its row length when left out.
    ///   - rightStride: Distance of two rows of `b` as stored; its row length when left out.
    ///   - resultStride: Distance of two rows of `c`; `columns` when left out.
    package static func multiply(
        _ a: UnsafePointer<Float>,
        _ b: UnsafePointer<Float>,
        into c: UnsafeMutablePointer<Float>,
        rows: Int,
        columns: Int,
        depth: Int,
        transposeLeft: Bool = false,
        transposeRight: Bool = false,
        alpha: Float = 1,
        beta: Float = 0,
        leftStride: Int? = nil,
        rightStride: Int? = nil,
        resultStride: Int? = nil
    ) {
        guard rows > 0, columns > 0 else { return }
        unsafe cblas_sgemm(
            CblasRowMajor,
            transposeLeft ? CblasTrans : CblasNoTrans,
            transposeRight ? CblasTrans : CblasNoTrans,
            Int32(rows),
            Int32(columns),
            Int32(depth),
            alpha,
            a,
            Int32(max(1, leftStride ?? (transposeLeft ? rows : depth))),
            b,
            Int32(max(1, rightStride ?? (transposeRight ? depth : columns))),
            beta,
            c,
            Int32(resultStride ?? columns)
        )
    }
}
