import Shared

/// Derivatives of a loss by parameters, by name.
struct Gradients: Sendable {
    private var tensors: [String: Tensor] = [:]

    /// Makes a set without gradients.
    init() {}

    /// Names of all parameters that have a gradient, sorted.
    var names: [String] { tensors.keys.sorted() }

    /// The derivative by a parameter; nil when the loss does not depend on it.
    subscript(name: String) -> Tensor? { tensors[name] }

    /// Adds a contribution to the derivative by one parameter.
    mutating func add(_ gradient: Tensor, to name: String) {
        guard var sum = tensors.removeValue(forKey: name) else {
            tensors[name] = gradient
            return
        }
        sum.add(gradient)
        tensors[name] = sum
    }

    /// Adds the derivatives of another loss, as of another shard of the batch.
    mutating func add(_ other: Gradients) {
        for name in other.names {
            if let gradient = other[name] {
                add(gradient, to: name)
            }
        }
    }

    /// Multiplies every derivative by a factor.
    mutating func scale(by factor: Float) {
        for name in names {
            unsafe tensors[name]?.withUnsafeMutableBuffer { buffer in
                for index in buffer.indices {
                    unsafe buffer[index] *= factor
                }
            }
        }
    }

    /// Euclidean norm over all parameters, summed in double precision in the order of their names.
    var globalNorm: Double {
        var sum = 0.0
        for name in names {
            unsafe tensors[name]?.withUnsafeBuffer { buffer in
                for index in buffer.indices {
                    let value = unsafe Double(buffer[index])
                    sum += value * value
                }
            }
        }
        return sum.squareRoot()
    }
}
