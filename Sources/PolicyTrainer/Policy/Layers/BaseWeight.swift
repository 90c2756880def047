internal import Shared

/// The frozen numbers of a ``LinearLayer``, `[outputs, inputs]`.
enum BaseWeight: Sendable {
    /// Float32 in memory.
    case floats(Tensor)
    /// As a checkpoint stores them, or compressed; each product unpacks them panel by panel.
    case stored(WeightStack)

    /// Length of an output row.
    var outputs: Int {
        switch self {
        case .floats(let tensor): tensor.rowCount
        case .stored(let stack): stack.rowCount
        }
    }

    /// Length of an input row.
    var inputs: Int {
        switch self {
        case .floats(let tensor): tensor.columnCount
        case .stored(let stack): stack.columnCount
        }
    }

    /// The numbers as float32, `[outputs, inputs]`.
    var tensor: Tensor {
        switch self {
        case .floats(let tensor): tensor
        case .stored(let stack): stack.tensor()
        }
    }

    /// `y = x Wᵀ`, or `y += x Wᵀ`.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`.
    ///   - y: `[rows, outputs]`.
    ///   - rows: How many rows.
    ///   - adds: Whether to add to what `y` holds.
    func multiply(
        _ x: UnsafePointer<Float>,
        into y: UnsafeMutablePointer<Float>,
        rows: Int,
        adds: Bool
    ) {
        let (inputs, outputs) = (inputs, outputs)
        unsafe forEachPanel { panel, numbers in
            unsafe GEMM.multiply(
                x,
                numbers,
                into: y + panel.lowerBound,
                rows: rows,
                columns: panel.count,
                depth: inputs,
                transposeRight: true,
                beta: adds ? 1 : 0,
                resultStride: outputs
            )
        }
    }

    /// `dx = g W`, or `dx += g W`: a derivative by the outputs carried to the inputs.
    ///
    /// - Parameters:
    ///   - g: `[rows, outputs]`.
    ///   - dx: `[rows, inputs]`.
    ///   - rows: How many rows.
    ///   - adds: Whether to add to what `dx` holds.
    func multiplyBack(
        _ g: UnsafePointer<Float>,
        into dx: UnsafeMutablePointer<Float>,
        rows: Int,
        adds: Bool
    ) {
        let (inputs, outputs) = (inputs, outputs)
        unsafe forEachPanel { panel, numbers in
            unsafe GEMM.multiply(
                g + panel.lowerBound,
                numbers,
                into: dx,
                rows: rows,
                columns: inputs,
                depth: panel.count,
                beta: adds || panel.lowerBound > 0 ? 1 : 0,
                leftStride: outputs
            )
        }
    }

    private func forEachPanel(_ body: (Range<Int>, UnsafePointer<Float>) -> Void) {
        switch self {
        case .floats(let tensor):
            unsafe tensor.withUnsafeBuffer { numbers in
                guard let numbers = numbers.baseAddress else { return }
                unsafe body(0..<tensor.rowCount, numbers)
            }
        case .stored(let stack): unsafe stack.forEachPanel(body)
        }
    }
}
