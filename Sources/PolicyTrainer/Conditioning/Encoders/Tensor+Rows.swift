import Shared

/// Small row-wise operators of the frozen encoders.
extension Tensor {
    /// The product, number by number, with a tensor of as many numbers.
    func multiplied(by other: Tensor) -> Tensor {
        precondition(count == other.count, "shapes \(shape) and \(other.shape) do not fit")
        return unsafe withUnsafeBuffer { left in
            unsafe other.withUnsafeBuffer { right in
                unsafe Tensor(shape) { target in
                    for index in left.indices {
                        unsafe target[index] = left[index] * right[index]
                    }
                }
            }
        }
    }

    /// Every number mapped by `body`.
    func mapped(_ body: (Float) -> Float) -> Tensor {
        unsafe withUnsafeBuffer { source in
            unsafe Tensor(shape) { target in
                for index in source.indices {
                    unsafe target[index] = body(source[index])
                }
            }
        }
    }

    /// Every number mapped by `body`, which is told the number's place on the last axis.
    func mappedByColumn(_ body: (_ column: Int, _ value: Float) -> Float) -> Tensor {
        let width = columnCount
        return unsafe withUnsafeBuffer { source in
            unsafe Tensor(shape) { target in
                for index in source.indices {
                    unsafe target[index] = body(index % width, source[index])
                }
            }
        }
    }

    /// The first columns of every row.
    ///
    /// - Returns: The same shape with a last axis of `width`.
    func leadingColumns(_ width: Int) -> Tensor {
        let (height, pitch) = (rowCount, columnCount)
        precondition(width <= pitch, "\(width) columns are asked of a tensor of shape \(shape)")
        return unsafe withUnsafeBuffer { source in
            unsafe Tensor(shape.dropLast() + [width]) { target in
                for row in 0..<height {
                    for column in 0..<width {
                        unsafe target[row * width + column] = source[row * pitch + column]
                    }
                }
            }
        }
    }

    /// Every row shifted and scaled to mean 0 and variance 1, then weighted and shifted by column.
    ///
    /// - Parameters:
    ///   - weight: `[columns]`.
    ///   - bias: `[columns]`.
    ///   - epsilon: Added to the variance.
    /// - Returns: A tensor of the same shape.
    func layerNormalized(weight: Tensor, bias: Tensor, epsilon: Float) -> Tensor {
        let (height, width) = (rowCount, columnCount)
        let (weights, shifts) = (weight.values, bias.values)
        precondition(
            weights.count == width && shifts.count == width,
            "weights \(weight.shape) and \(bias.shape) do not fit rows of \(width)"
        )
        return unsafe withUnsafeBuffer { source in
            unsafe Tensor(shape) { target in
                for row in 0..<height {
                    let start = row * width
                    let values = unsafe source[start..<start + width]
                    let mean = unsafe values.reduce(Float(0), +) / Float(width)
                    let variance =
                        unsafe values.reduce(Float(0)) { $0 + ($1 - mean) * ($1 - mean) } / Float(width)
                    let factor = 1 / (variance + epsilon).squareRoot()
                    for column in 0..<width {
                        let value = unsafe (source[start + column] - mean) * factor
                        unsafe target[start + column] = value * weights[column] + shifts[column]
                    }
                }
            }
        }
    }
}
