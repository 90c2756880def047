import Shared

extension LoRAAdapter {
    /// The numbers of all factors, in the order of ``parameters()``, as the optimiser wants them.
    var values: [[Float]] {
        parameters().map(\.tensor.values)
    }

    /// Replaces all factors.
    ///
    /// - Parameter tensors: As many tensors of the same shapes, in the order of ``parameters()``.
    mutating func replaceParameters(with tensors: [Tensor]) {
        for (parameter, tensor) in zip(parameters(), tensors) {
            set(parameter.name, tensor)
        }
    }

    /// Replaces the numbers of all factors.
    ///
    /// - Parameter values: As many arrays of the same lengths, in the order of ``parameters()``.
    mutating func replaceValues(with values: [[Float]]) {
        for (parameter, numbers) in zip(parameters(), values) {
            set(parameter.name, Tensor(numbers, shape: parameter.tensor.shape))
        }
    }
}
