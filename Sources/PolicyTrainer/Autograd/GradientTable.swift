import Shared

/// Derivatives by the variables of one tape while its steps run backwards, and by the parameters met so far.
struct GradientTable {
    /// Derivatives by parameters.
    var parameters = Gradients()
    private var slots: [Tensor?]

    /// Makes a table without gradients.
    init(count: Int) {
        slots = Array(repeating: nil, count: count)
    }

    /// Removes and returns the derivative by a variable; nil when nothing depends on it.
    mutating func take(_ id: Int?) -> Tensor? {
        guard let id else { return nil }
        defer { slots[id] = nil }
        return slots[id]
    }

    /// Adds a contribution to the derivative by a variable; a constant takes none.
    mutating func add(_ gradient: Tensor, to id: Int?) {
        guard let id else { return }
        guard var sum = slots[id] else {
            slots[id] = gradient
            return
        }
        slots[id] = nil
        sum.add(gradient)
        slots[id] = sum
    }

    /// Lets an operator write or add its contribution in place.
    ///
    /// - Parameters:
    ///   - id: The variable; nothing happens for a constant.
    ///   - shape: Shape of the variable.
    ///   - body: Gets the memory of the derivative and whether it must add to what it holds.
    mutating func accumulate(
        _ id: Int?,
        shape: [Int],
        _ body: (_ memory: UnsafeMutablePointer<Float>, _ adds: Bool) -> Void
    ) {
        guard let id else { return }
        guard var sum = slots[id] else {
            slots[id] = unsafe Tensor(shape) { buffer in
                guard let base = buffer.baseAddress else { return }
                unsafe body(base, false)
            }
            return
        }
        slots[id] = nil
        unsafe sum.withUnsafeMutableBuffer { buffer in
            guard let base = buffer.baseAddress else { return }
            unsafe body(base, true)
        }
        slots[id] = sum
    }

    /// Lets an operator add to some columns of a derivative that starts at zero.
    mutating func accumulateFromZero(_ id: Int?, shape: [Int], _ body: (inout Tensor) -> Void) {
        guard let id else { return }
        var sum = slots[id] ?? Tensor(zeros: shape)
        slots[id] = nil
        body(&sum)
        slots[id] = sum
    }
}

extension Tensor {
    /// Adds another tensor of the same number of elements.
    mutating func add(_ other: Tensor) {
        precondition(count == other.count, "the sum of \(shape) and \(other.shape)")
        let count = count
        unsafe withUnsafeMutableBuffer { target in
            unsafe other.withUnsafeBuffer { source in
                guard let to = target.baseAddress, let from = source.baseAddress else { return }
                unsafe Elementwise.add(from, stride: count, to: to, stride: count, rows: 1, width: count)
            }
        }
    }
}
