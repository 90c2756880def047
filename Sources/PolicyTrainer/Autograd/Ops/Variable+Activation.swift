import Shared

extension Variable {
    /// An activation of every number.
    func activated(_ kind: ActivationKind, tape: Tape?) -> Variable {
        var result = self
        result.activate(kind, tape: tape)
        return result
    }

    /// Applies an activation to every number, in place where nobody else holds the numbers.
    ///
    /// - Parameters:
    ///   - kind: The function.
    ///   - precision: How to keep its inputs for the backward pass.
    ///   - tape: Where to record.
    mutating func activate(_ kind: ActivationKind, keeping precision: Precision = .float32, tape: Tape?) {
        guard let tape, let inputID = id else {
            Activation.apply(kind, to: &value)
            return
        }
        let input = ProductRows(tape.kept(value), for: precision)
        if precision == .float32 {
            value = Activation.apply(kind, value)
        } else {
            Activation.apply(kind, to: &value)
        }
        self = tape.variable(value)
        let resultID = id
        tape.record { table in
            guard var gradient = table.take(resultID) else { return }
            Activation.multiplySlopes(kind, at: input, into: &gradient)
            table.add(gradient, to: inputID)
        }
    }

    /// The sum of two variables of one shape.
    func plus(_ other: Variable, tape: Tape?) -> Variable {
        let output = Elementwise.sum(value, other.value)
        guard let tape, id != nil || other.id != nil else { return Variable(output) }
        let result = tape.variable(output)
        let (left, right, resultID) = (id, other.id, result.id)
        tape.record { table in
            guard let gradient = table.take(resultID) else { return }
            table.add(gradient, to: right)
            table.add(gradient, to: left)
        }
        return result
    }
}
