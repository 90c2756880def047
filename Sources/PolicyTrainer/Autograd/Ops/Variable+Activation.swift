internal import Shared

extension Variable {
    /// An activation of every number.
    func activated(_ kind: ActivationKind, tape: Tape?) -> Variable {
        let output = Activation.apply(kind, value)
        guard let tape, id != nil else { return Variable(output) }
        let result = tape.variable(output)
        let (input, inputID, resultID) = (tape.kept(value), id, result.id)
        tape.record { table in
            guard let gradient = table.take(resultID) else { return }
            unsafe table.accumulate(inputID, shape: input.shape) { dx, adds in
                unsafe input.withUnsafeBuffer { x in
                    unsafe gradient.withUnsafeBuffer { g in
                        guard let x = x.baseAddress, let g = g.baseAddress else { return }
                        unsafe Activation.backward(
                            kind,
                            x,
                            stride: input.count,
                            gradient: g,
                            stride: input.count,
                            into: dx,
                            stride: input.count,
                            rows: 1,
                            width: input.count,
                            adds: adds
                        )
                    }
                }
            }
        }
        return result
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
