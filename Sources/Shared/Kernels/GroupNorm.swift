import CKernels

/// Normalises groups of channels over a whole image, with a scale and a shift per channel, forward only.
///
/// Statistics are float32 along a row and double across rows; a SiLU may follow in the same sweep.
/// Source: Wu and He, "Group Normalization" (2018), equation 1; the variance is the biased one.
package struct GroupNorm: Sendable {
    private let scale: Tensor
    private let shift: Tensor
    private let groups: Int
    private let epsilon: Float

    /// Holds the parameters.
    ///
    /// - Parameters:
    ///   - scale: `[channels]`.
    ///   - shift: `[channels]`.
    ///   - groups: How many groups; divides the channels.
    ///   - epsilon: Added to the variance.
    package init(scale: Tensor, shift: Tensor, groups: Int, epsilon: Float = 1e-6) {
        precondition(
            scale.shape == shift.shape && groups > 0 && scale.count % groups == 0,
            "\(groups) groups do not divide \(scale.shape) channels"
        )
        self.scale = scale
        self.shift = shift
        self.groups = groups
        self.epsilon = epsilon
    }

    /// Normalises every image of a batch on its own.
    ///
    /// - Parameters:
    ///   - input: `[batch, height, width, channels]`.
    ///   - silu: Whether x · sigmoid(x) follows.
    /// - Returns: A map of the same shape.
    package func callAsFunction(_ input: FeatureMap, silu: Bool) -> FeatureMap {
        precondition(
            input.channels == scale.count,
            "\(input.channels) channels meet a normalisation of \(scale.count)"
        )
        var output = FeatureMap(
            zeros: input.batch,
            height: input.height,
            width: input.width,
            channels: input.channels
        )
        var shape = ck_group_norm_shape(
            height: input.height,
            width: input.width,
            channels: input.channels,
            groups: groups,
            epsilon: epsilon,
            silu: silu ? 1 : 0
        )
        var line = [Float](repeating: 0, count: 3 * input.channels)
        var total = [Double](repeating: 0, count: input.channels)
        unsafe output.values.withUnsafeMutableBuffer { target in
            unsafe input.values.withUnsafeBuffer { source in
                unsafe scale.withUnsafeBuffer { scale in
                    unsafe shift.withUnsafeBuffer { shift in
                        guard let from = source.baseAddress, let to = target.baseAddress else { return }
                        for image in 0..<input.batch {
                            let start = image * input.imageCount
                            unsafe ck_group_norm_f32(
                                from + start,
                                scale.baseAddress,
                                shift.baseAddress,
                                to + start,
                                &line,
                                &total,
                                &shape
                            )
                        }
                    }
                }
            }
        }
        return output
    }
}
