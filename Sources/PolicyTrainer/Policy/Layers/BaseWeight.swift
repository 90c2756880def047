import Shared

/// The frozen numbers of a ``LinearLayer``, `[outputs, inputs]`.
enum BaseWeight: Sendable {
    /// Float32 in memory.
    case floats(Tensor)
    /// As a checkpoint stores them, or compressed; each product unpacks them panel by panel to float32.
    case stored(WeightStack)
    /// The same, multiplied in bfloat16 with sums in float32.
    case bfloat16(WeightStack)

    /// Frozen weights that stay as they are.
    ///
    /// - Parameters:
    ///   - stack: The numbers.
    ///   - precision: The arithmetic of products: float32, or bfloat16 where the machine has it.
    init(_ stack: WeightStack, precision: Precision) {
        switch precision {
        case .float32: self = .stored(stack)
        case .bfloat16: self = .bfloat16(stack)
        case .int8: preconditionFailure("gradients in int8 do not exist")
        }
    }

    /// Length of an output row.
    var outputs: Int {
        switch self {
        case .floats(let tensor): tensor.rowCount
        case .stored(let stack), .bfloat16(let stack): stack.rowCount
        }
    }

    /// Length of an input row.
    var inputs: Int {
        switch self {
        case .floats(let tensor): tensor.columnCount
        case .stored(let stack), .bfloat16(let stack): stack.columnCount
        }
    }

    /// The precision of products.
    var precision: Precision {
        if case .bfloat16 = self { .bfloat16 } else { .float32 }
    }

    /// Bytes in memory or in mapped files.
    var byteCount: Int {
        switch self {
        case .floats(let tensor): tensor.count * MemoryLayout<Float>.stride
        case .stored(let stack), .bfloat16(let stack): stack.byteCount
        }
    }

    /// The numbers as float32, `[outputs, inputs]`.
    var tensor: Tensor {
        switch self {
        case .floats(let tensor): tensor
        case .stored(let stack), .bfloat16(let stack): stack.tensor()
        }
    }

    /// `x Wᵀ + bias`.
    ///
    /// - Parameters:
    ///   - x: `[rows, inputs]`, of the weight's precision.
    ///   - bias: `[outputs]`; nil for none.
    ///   - runs: Into how many equal runs the rows are cut; each has the bits that it has alone.
    /// - Returns: `[rows, outputs]`.
    func product(_ x: ProductRows, bias: Tensor?, runs: Int) -> Tensor {
        if case .bfloat16(let stack) = self { return GEMM.bfloat16(x, weight: stack, bias: bias) }
        guard let x = x.tensor else {
            preconditionFailure("\(x.precision.rawValue) rows do not fit a float32 product")
        }
        let (rows, inputs, outputs) = (x.rowCount, inputs, outputs)
        return unsafe x.withUnsafeBuffer { x in
            unsafe Tensor([rows, outputs]) { y in
                guard let x = x.baseAddress, let y = y.baseAddress else { return }
                unsafe bias?.withUnsafeBuffer { bias in
                    guard let bias = bias.baseAddress else { return }
                    unsafe Elementwise.fill(y, stride: outputs, rows: rows, width: outputs, with: bias)
                }
                unsafe forEachPanel { panel, numbers in
                    // A product that rounds by its number of rows is computed run by run.
                    let isTogether = GEMM.isRowIndependent(
                        rows: rows / runs,
                        columns: panel.count,
                        depth: inputs
                    )
                    let height = isTogether ? rows : rows / runs
                    for first in stride(from: 0, to: rows, by: max(1, height)) {
                        unsafe GEMM.multiply(
                            x + first * inputs,
                            numbers,
                            into: y + first * outputs + panel.lowerBound,
                            rows: height,
                            columns: panel.count,
                            depth: inputs,
                            transposeRight: true,
                            beta: bias == nil ? 0 : 1,
                            resultStride: outputs
                        )
                    }
                }
            }
        }
    }

    /// `dx = g W`, or `dx += g W`: a derivative by the outputs carried to the inputs.
    ///
    /// - Parameters:
    ///   - gradient: `g`, `[rows, outputs]`.
    ///   - dx: `[rows, inputs]`.
    ///   - adds: Whether to add to what `dx` holds.
    func addInputGradient(_ gradient: Tensor, into dx: UnsafeMutablePointer<Float>, adds: Bool) {
        let (rows, inputs, outputs) = (gradient.rowCount, inputs, outputs)
        if case .bfloat16(let stack) = self {
            unsafe GEMM.bfloat16Back(gradient, weight: stack, into: dx, adds: adds)
            return
        }
        unsafe gradient.withUnsafeBuffer { g in
            guard let g = g.baseAddress else { return }
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
    }

    private func forEachPanel(_ body: (Range<Int>, UnsafePointer<Float>) -> Void) {
        switch self {
        case .floats(let tensor):
            unsafe tensor.withUnsafeBuffer { numbers in
                guard let numbers = numbers.baseAddress else { return }
                unsafe body(0..<tensor.rowCount, numbers)
            }
        case .stored(let stack), .bfloat16(let stack): unsafe stack.forEachPanel(body)
        }
    }
}
