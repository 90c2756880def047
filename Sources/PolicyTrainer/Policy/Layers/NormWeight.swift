import Shared

/// The weight of an RMS norm and the name under which a gradient addresses it.
struct NormWeight: Sendable {
    /// Name of the tensor in the checkpoint.
    let name: String
    /// `[width]`.
    let values: Tensor
}

extension NormWeight {
    /// The norm of rows that are no variable; only full training asks for the derivative by the weight.
    ///
    /// - Parameters:
    ///   - x: `[rows, width]`.
    ///   - tape: Where to record.
    /// - Returns: A tensor of the shape of `x`.
    func normalizing(_ x: Tensor, tape: Tape?) -> Variable {
        let output = RMSNorm.apply(x, weight: values, epsilon: BlockContext.epsilon)
        guard let tape, tape.trainsBase else { return Variable(output) }
        let result = tape.variable(output)
        let (input, resultID, name) = (tape.kept(x), result.id, name)
        tape.record { table in
            guard let gradient = table.take(resultID) else { return }
            table.parameters.add(
                RMSNorm.weightGradient(gradient, x: input, epsilon: BlockContext.epsilon),
                to: name
            )
        }
        return result
    }
}
