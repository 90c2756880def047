internal import Shared

/// The record of a forward pass, from which gradients are computed once.
///
/// Every operator takes an optional tape: without one nothing is kept. A tape serves one thread; shards of a batch
/// have a tape each.
final class Tape {
    /// Whether frozen linear layers get gradients too, as full training needs; adapters alone otherwise.
    let trainsBase: Bool
    private var variableCount = 0
    private var steps: [(inout GradientTable) -> Void] = []

    /// Starts an empty record.
    init(trainsBase: Bool = false) {
        self.trainsBase = trainsBase
    }

    /// Gives a tensor a place on the tape.
    func variable(_ value: Tensor) -> Variable {
        defer { variableCount += 1 }
        return Variable(value, id: variableCount)
    }

    /// Keeps the step that carries gradients from an operator's outputs to its inputs.
    func record(_ step: @escaping (inout GradientTable) -> Void) {
        steps.append(step)
    }

    /// Runs the record backwards and empties it.
    ///
    /// - Parameters:
    ///   - variable: The output; a constant gives no gradients.
    ///   - gradient: The loss's derivative by it, of the same number of elements.
    /// - Returns: The loss's derivatives by all parameters.
    func backward(from variable: Variable, gradient: Tensor) -> Gradients {
        precondition(
            gradient.count == variable.value.count,
            "gradient \(gradient.shape) does not fit \(variable.value.shape)"
        )
        guard let id = variable.id else { return Gradients() }
        var table = makeTable()
        table.add(gradient, to: id)
        run(&table)
        return table.parameters
    }

    /// An empty table for the variables of this tape.
    func makeTable() -> GradientTable {
        GradientTable(count: variableCount)
    }

    /// Runs the steps, last first, and releases each with what it kept.
    func run(_ table: inout GradientTable) {
        while let step = steps.popLast() {
            step(&table)
        }
    }
}
