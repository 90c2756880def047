import CKernels

/// LayerNorm without affine parameters, followed by a modulation with one row of scale and shift for each sample.
///
/// `y = x̂ (1 + scale) + shift`, `x̂ = (x - mean) / √(variance + ε)`. Scale and shift are columns of one tensor
/// `modulation`, `[samples, k · width]`, as an adaptive layer's linear map gives them.
package enum LayerNorm {
    /// What the backward pass needs of a forward pass besides its input.
    package struct Statistics: Sendable {
        /// Mean of every row, `[rows]`.
        package var mean: Tensor
        /// Reciprocal standard deviation of every row, `[rows]`.
        package var inverseDeviation: Tensor

        /// Puts both together.
        package init(mean: Tensor, inverseDeviation: Tensor) {
            self.mean = mean
            self.inverseDeviation = inverseDeviation
        }
    }

    /// Normalises and modulates the rows of `x`.
    ///
    /// - Parameters:
    ///   - x: `[rows, width]`; the rows of a sample lie together.
    ///   - modulation: `[samples, k · width]`.
    ///   - shift: Which `width` columns of `modulation` are the shift.
    ///   - scale: Which `width` columns of `modulation` are the scale.
    ///   - epsilon: Added to the variance.
    /// - Returns: `[rows, width]`, and the statistics of the rows.
    package static func modulated(
        _ x: Tensor,
        modulation: Tensor,
        shift: Int,
        scale: Int,
        epsilon: Float
    ) -> (output: Tensor, statistics: Statistics) {
        let (rows, width, stride) = (x.rowCount, x.columnCount, modulation.columnCount)
        let perSample = rowsPerSample(x, modulation)
        var mean = unsafe Tensor([rows]) { _ in }
        var deviation = unsafe Tensor([rows]) { _ in }
        let output = unsafe x.withUnsafeBuffer { x in
            unsafe modulation.withUnsafeBuffer { m in
                unsafe mean.withUnsafeMutableBuffer { mean in
                    unsafe deviation.withUnsafeMutableBuffer { deviation in
                        unsafe Tensor([rows, width]) { y in
                            guard
                                rows > 0, let x = x.baseAddress, let m = m.baseAddress, let y = y.baseAddress,
                                let mean = mean.baseAddress, let deviation = deviation.baseAddress
                            else { return }
                            nonisolated(unsafe) let pointers = unsafe (x, m, y, mean, deviation)
                            RowBlocks.forEach(rows, width: width, group: perSample) { range in
                                let (x, m, y, mean, deviation) = unsafe pointers
                                let (first, sample) = (range.lowerBound, range.lowerBound / perSample)
                                unsafe ck_layer_norm_modulate_f32(
                                    x + first * width,
                                    m + sample * stride + shift * width,
                                    m + sample * stride + scale * width,
                                    stride,
                                    y + first * width,
                                    mean + first,
                                    deviation + first,
                                    range.count,
                                    perSample,
                                    width,
                                    epsilon
                                )
                            }
                        }
                    }
                }
            }
        }
        return (output, Statistics(mean: mean, inverseDeviation: deviation))
    }

    /// Writes or adds the derivative by `x`.
    ///
    /// - Parameters:
    ///   - gradient: Derivative by the output, `[rows, width]`.
    ///   - x: Input of the forward pass.
    ///   - modulation: That of the forward pass.
    ///   - scale: Which `width` columns of `modulation` are the scale.
    ///   - statistics: What the forward pass gave.
    ///   - dx: `[rows, width]`.
    ///   - adds: Whether to add to what `dx` holds.
    package static func backward(
        _ gradient: Tensor,
        x: Tensor,
        modulation: Tensor,
        scale: Int,
        statistics: Statistics,
        into dx: UnsafeMutablePointer<Float>,
        adds: Bool
    ) {
        let (rows, width, stride) = (x.rowCount, x.columnCount, modulation.columnCount)
        let perSample = rowsPerSample(x, modulation)
        precondition(gradient.count == x.count, "gradient \(gradient.shape) does not fit \(x.shape)")
        unsafe gradient.withUnsafeBuffer { g in
            unsafe x.withUnsafeBuffer { x in
                unsafe modulation.withUnsafeBuffer { m in
                    unsafe statistics.mean.withUnsafeBuffer { mean in
                        unsafe statistics.inverseDeviation.withUnsafeBuffer { deviation in
                            guard
                                rows > 0, let x = x.baseAddress, let m = m.baseAddress, let g = g.baseAddress,
                                let mean = mean.baseAddress, let deviation = deviation.baseAddress
                            else { return }
                            nonisolated(unsafe) let pointers = unsafe (x, m, g, mean, deviation, dx)
                            RowBlocks.forEach(rows, width: width, group: perSample) { range in
                                let (x, m, g, mean, deviation, dx) = unsafe pointers
                                let (first, sample) = (range.lowerBound, range.lowerBound / perSample)
                                unsafe ck_layer_norm_modulate_backward_f32(
                                    x + first * width,
                                    m + sample * stride + scale * width,
                                    stride,
                                    mean + first,
                                    deviation + first,
                                    g + first * width,
                                    dx + first * width,
                                    range.count,
                                    perSample,
                                    width,
                                    adds ? 1 : 0
                                )
                            }
                        }
                    }
                }
            }
        }
    }

    /// Adds the derivatives by shift and scale to their columns of `dModulation`.
    ///
    /// - Parameters:
    ///   - gradient: Derivative by the output, `[rows, width]`.
    ///   - x: Input of the forward pass.
    ///   - shift: Which `width` columns are the shift.
    ///   - scale: Which `width` columns are the scale.
    ///   - statistics: What the forward pass gave.
    ///   - dModulation: `[samples, k · width]`.
    package static func modulationBackward(
        _ gradient: Tensor,
        x: Tensor,
        shift: Int,
        scale: Int,
        statistics: Statistics,
        into dModulation: inout Tensor
    ) {
        let (rows, width, stride) = (x.rowCount, x.columnCount, dModulation.columnCount)
        let perSample = rowsPerSample(x, dModulation)
        unsafe dModulation.withUnsafeMutableBuffer { target in
            unsafe gradient.withUnsafeBuffer { g in
                unsafe x.withUnsafeBuffer { x in
                    unsafe statistics.mean.withUnsafeBuffer { mean in
                        unsafe statistics.inverseDeviation.withUnsafeBuffer { deviation in
                            guard
                                rows > 0, let x = x.baseAddress, let g = g.baseAddress,
                                let mean = mean.baseAddress, let deviation = deviation.baseAddress,
                                let target = target.baseAddress
                            else { return }
                            unsafe ck_modulation_backward_f32(
                                x,
                                mean,
                                deviation,
                                g,
                                target + shift * width,
                                target + scale * width,
                                stride,
                                rows,
                                perSample,
                                width
                            )
                        }
                    }
                }
            }
        }
    }

    private static func rowsPerSample(_ x: Tensor, _ modulation: Tensor) -> Int {
        let samples = modulation.rowCount
        precondition(
            samples > 0 && x.rowCount % samples == 0,
            "\(x.shape) does not divide into the samples of modulation \(modulation.shape)"
        )
        return max(1, x.rowCount / samples)
    }
}
