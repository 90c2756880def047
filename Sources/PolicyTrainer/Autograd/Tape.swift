import Shared

/// The record of a forward pass, from which gradients are computed once.
///
/// Every operator takes an optional tape: without one nothing is kept. A tape serves one thread; shards of a batch
/// have a tape each.
final class Tape {
    /// Whether frozen linear layers and norms get gradients too, as full training needs; adapters alone otherwise.
    let trainsBase: Bool
    /// Into how many equal runs of samples every value is cut; the first run alone gets gradients and is kept.
    let runs: Int
    private var variableCount = 0
    private var steps: [(inout GradientTable) -> Void] = []

    /// Starts an empty record.
    ///
    /// - Parameters:
    ///   - trainsBase: Whether frozen linear layers and norms get gradients too.
    ///   - runs: Into how many equal runs of samples every value is cut, see ``BatchAdapters``.
    init(trainsBase: Bool = false, runs: Int = 1) {
        self.trainsBase = trainsBase
        self.runs = runs
    }

    /// What a backward pass needs of a value: the rows of the first run.
    func kept(_ value: Tensor) -> Tensor {
        value.run(0, of: runs)
    }

    /// Shape of the derivative by a variable.
    func keptShape(_ value: Tensor) -> [Int] {
        [value.rowCount / runs, value.columnCount]
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
    ///   - gradient: The loss's derivative by its first run, of the same number of elements.
    /// - Returns: The loss's derivatives by all parameters.
    func backward(from variable: Variable, gradient: Tensor) -> Gradients {
        precondition(
            gradient.count * runs == variable.value.count,
            "gradient \(gradient.shape) does not fit \(runs) runs of \(variable.value.shape)"
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
