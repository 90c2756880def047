import Shared

extension Variable {
    /// The tokens of two streams, one behind the other within each sample.
    ///
    /// - Parameters:
    ///   - other: `[samples · n, width]`; this variable is `[samples · m, width]`.
    ///   - samples: How many samples.
    ///   - tape: Where to record.
    /// - Returns: `[samples · (m + n), width]`.
    func followed(by other: Variable, samples: Int, tape: Tape?) -> Variable {
        let (m, n) = (value.rowCount / samples, other.value.rowCount / samples)
        let output = Tensor.joiningTokens(value, other.value, samples: samples)
        guard let tape, id != nil || other.id != nil else { return Variable(output) }
        let result = tape.variable(output)
        let (left, right, resultID, samples) = (id, other.id, result.id, samples / tape.runs)
        tape.record { table in
            guard let gradient = table.take(resultID) else { return }
            if left != nil {
                table.add(gradient.tokens(0..<m, samples: samples), to: left)
            }
            if right != nil {
                table.add(gradient.tokens(m..<(m + n), samples: samples), to: right)
            }
        }
        return result
    }

    /// Some tokens of each sample.
    ///
    /// - Parameters:
    ///   - range: Which tokens; this variable is `[samples · tokens, width]`.
    ///   - samples: How many samples.
    ///   - tape: Where to record.
    /// - Returns: `[samples · range.count, width]`.
    func tokens(_ range: Range<Int>, samples: Int, tape: Tape?) -> Variable {
        let output = value.tokens(range, samples: samples)
        guard let tape, id != nil else { return Variable(output) }
        let result = tape.variable(output)
        let (inputID, shape, resultID) = (id, tape.keptShape(value), result.id)
        let samples = samples / tape.runs
        tape.record { table in
            guard let gradient = table.take(resultID) else { return }
            table.accumulateFromZero(inputID, shape: shape) { sum in
                sum.addTokens(gradient, at: range, samples: samples)
            }
        }
        return result
    }
}

extension Tensor {
    /// The tensor as a matrix `[rowCount, columnCount]`.
    var asRows: Tensor { reshaped([rowCount, columnCount]) }

    /// Rows of two tensors, one behind the other within each sample.
    ///
    /// - Returns: `[samples · (m + n), width]` for `[samples · m, width]` and `[samples · n, width]`.
    static func joiningTokens(_ first: Tensor, _ second: Tensor, samples: Int) -> Tensor {
        let width = max(first.columnCount, second.columnCount)
        precondition(
            (first.columnCount == width || first.count == 0)
                && (second.columnCount == width || second.count == 0)
                && first.rowCount % samples == 0 && second.rowCount % samples == 0,
            "tokens \(first.shape) and \(second.shape) of \(samples) samples do not join"
        )
        let (m, n) = (first.count / samples, second.count / samples)
        return unsafe Tensor([first.rowCount + second.rowCount, width]) { target in
            unsafe first.withUnsafeBuffer { first in
                unsafe second.withUnsafeBuffer { second in
                    guard
                        let to = target.baseAddress, let left = first.baseAddress,
                        let right = second.baseAddress
                    else { return }
                    for sample in 0..<samples {
                        unsafe (to + sample * (m + n)).update(from: left + sample * m, count: m)
                        unsafe (to + sample * (m + n) + m).update(from: right + sample * n, count: n)
                    }
                }
            }
        }
    }

    /// Some rows of each sample.
    ///
    /// - Returns: `[samples · range.count, width]`.
    func tokens(_ range: Range<Int>, samples: Int) -> Tensor {
        let (width, perSample) = (columnCount, rowCount / samples)
        precondition(
            rowCount % samples == 0 && range.upperBound <= perSample,
            "tokens \(range) of \(samples) samples are outside \(shape)"
        )
        return unsafe withUnsafeBuffer { source in
            unsafe Tensor([samples * range.count, width]) { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                for sample in 0..<samples {
                    unsafe (to + sample * range.count * width).update(
                        from: from + (sample * perSample + range.lowerBound) * width,
                        count: range.count * width
                    )
                }
            }
        }
    }

    /// Adds `part`, `[samples · range.count, width]`, to some rows of each sample.
    mutating func addTokens(_ part: Tensor, at range: Range<Int>, samples: Int) {
        let (width, perSample) = (columnCount, rowCount / samples)
        unsafe withUnsafeMutableBuffer { target in
            unsafe part.withUnsafeBuffer { source in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                let length = range.count * width
                unsafe Elementwise.add(
                    from,
                    stride: length,
                    to: to + range.lowerBound * width,
                    stride: perSample * width,
                    rows: samples,
                    width: length
                )
            }
        }
    }
}
