import CKernels

/// Brings the channels of every pixel to length √channels, then weights each channel; forward only.
///
/// `y = x / max(‖x‖, 10⁻¹²) · √channels · weight`, which is a root-mean-square norm whose ε, 10⁻²⁴ / channels, matters
/// only for a pixel of zeros: that stays zero.
///
/// Source: `QwenImageRMS_norm` in huggingface/diffusers 0.42.1, `models/autoencoders/autoencoder_kl_qwenimage.py`.
package struct ChannelNorm: Sendable {
    private let weight: Tensor

    /// Holds the weight.
    ///
    /// - Parameter weight: `[channels]`.
    package init(weight: Tensor) {
        self.weight = weight
    }

    /// Normalises every pixel on its own.
    ///
    /// - Parameters:
    ///   - input: `[batch, height, width, channels]`.
    ///   - silu: Whether x · sigmoid(x) follows.
    /// - Returns: A map of the same shape.
    package func callAsFunction(_ input: FeatureMap, silu: Bool) -> FeatureMap {
        let (height, width, channels) = (input.height, input.width, input.channels)
        precondition(channels == weight.count, "\(channels) channels meet a norm of \(weight.shape)")
        var output = FeatureMap(zeros: input.batch, height: height, width: width, channels: channels)
        let imageCount = input.imageCount
        let count = width * channels
        let epsilon = 1e-24 / Float(channels)
        unsafe output.values.withUnsafeMutableBuffer { target in
            unsafe input.values.withUnsafeBuffer { source in
                unsafe weight.withUnsafeBuffer { weight in
                    guard let from = source.baseAddress, let to = target.baseAddress,
                        let weight = weight.baseAddress
                    else { return }
                    // Each line writes its own pixels; everything else is only read.
                    nonisolated(unsafe) let job = unsafe (from, weight, to)
                    Parallel.forEach(input.batch * height) { line in
                        let start =
                            line / height * imageCount + ((line % height + 1) * (width + 2) + 1) * channels
                        let (from, to) = unsafe (job.0 + start, job.2 + start)
                        guard silu else {
                            unsafe ck_rms_norm_f32(from, job.1, to, width, channels, epsilon)
                            return
                        }
                        _ = unsafe Tensor([count]) { scratch in
                            guard let scratch = scratch.baseAddress else { return }
                            unsafe ck_rms_norm_f32(from, job.1, scratch, width, channels, epsilon)
                            unsafe Activation.apply(
                                .silu,
                                scratch,
                                stride: count,
                                into: to,
                                stride: count,
                                rows: 1,
                                width: count
                            )
                        }
                    }
                }
            }
        }
        return output
    }
}
