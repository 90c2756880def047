import Shared

/// Reads the layers of an AutoencoderKLQwenImage by their names in a checkpoint, as layers of one image.
///
/// A video's first frame sees zeros before it, so that of a kernel over three frames only the last slice counts, and the
/// convolutions along time are never run. One image is a first frame.
///
/// Source: huggingface/diffusers 0.42.1, `models/autoencoders/autoencoder_kl_qwenimage.py`.
struct QwenImageAutoencoderWeights {
    private var source: CheckpointReader
    private var unused: Set<String> = []

    /// Opens `diffusion_pytorch_model.safetensors` of a folder.
    init(folder: String) throws {
        source = try CheckpointReader(folder: folder, stem: "diffusion_pytorch_model")
    }

    /// A causal convolution over time, rows and columns, as one over rows and columns.
    ///
    /// The checkpoint has `[outputs, inputs, side, side, side]`.
    mutating func convolution(_ name: String, inputs: Int, outputs: Int, side: Int) throws
        -> Convolution
    {
        let weight = try source.take(name + ".weight", shape: [outputs, inputs, side, side, side])
        return Convolution(
            weight: weight.lastSlices(side, of: side * side).reshaped([outputs, inputs, side, side]),
            bias: try source.take(name + ".bias", shape: [outputs])
        )
    }

    /// The change of size named `name`: a plain convolution over rows and columns.
    ///
    /// - Parameters:
    ///   - name: Module path.
    ///   - inputs: Channels before.
    ///   - outputs: Channels behind.
    ///   - motion: Halving or doubling.
    ///   - changesTime: Whether the checkpoint has a convolution along time beside it, which one image does not need.
    /// - Returns: The convolution.
    /// - Throws: `WeightError` for a misshapen tensor.
    mutating func resize(
        _ name: String,
        inputs: Int,
        outputs: Int,
        motion: Convolution.Motion,
        changesTime: Bool
    ) throws -> Convolution {
        if changesTime {
            unused.formUnion([name + ".time_conv.weight", name + ".time_conv.bias"])
        }
        return Convolution(
            weight: try source.take(name + ".resample.1.weight", shape: [outputs, inputs, 3, 3]),
            bias: try source.take(name + ".resample.1.bias", shape: [outputs]),
            motion: motion
        )
    }

    /// A norm of channels named `name`; `axes` trailing axes of length 1 follow the channels in the checkpoint.
    mutating func norm(_ name: String, channels: Int, axes: Int = 3) throws -> ChannelNorm {
        let shape = [channels] + [Int](repeating: 1, count: axes)
        return ChannelNorm(weight: try source.take(name + ".gamma", shape: shape).reshaped([channels]))
    }

    /// A residual block named `name`.
    mutating func residual(_ name: String, inputs: Int, outputs: Int) throws -> AutoencoderResidual {
        AutoencoderResidual(
            firstNorm: try norm(name + ".norm1", channels: inputs),
            first: try convolution(name + ".conv1", inputs: inputs, outputs: outputs, side: 3),
            secondNorm: try norm(name + ".norm2", channels: outputs),
            second: try convolution(name + ".conv2", inputs: outputs, outputs: outputs, side: 3),
            shortcut: inputs == outputs
                ? nil : try convolution(name + ".conv_shortcut", inputs: inputs, outputs: outputs, side: 1)
        )
    }

    /// The middle of encoder or decoder: a residual block, attention, a residual block.
    mutating func middle(_ name: String, channels: Int) throws -> AutoencoderMiddle {
        let first = try residual(name + ".resnets.0", inputs: channels, outputs: channels)
        let prefix = name + ".attentions.0"
        let weight = try source.take(prefix + ".to_qkv.weight", shape: [3 * channels, channels, 1, 1])
            .reshaped([3 * channels, channels])
        let bias = try source.take(prefix + ".to_qkv.bias", shape: [3 * channels])
        let parts = (0..<3).map { index in
            let rows = (index * channels)..<((index + 1) * channels)
            return EncoderLinear(weight: weight.rows(rows), bias: Tensor(Array(bias.values[rows])))
        }
        let attention = AutoencoderAttention(
            norm: try norm(prefix + ".norm", channels: channels, axes: 2),
            query: parts[0],
            key: parts[1],
            value: parts[2],
            output: EncoderLinear(
                weight: try source.take(prefix + ".proj.weight", shape: [channels, channels, 1, 1])
                    .reshaped([channels, channels]),
                bias: try source.take(prefix + ".proj.bias", shape: [channels])
            )
        )
        let second = try residual(name + ".resnets.1", inputs: channels, outputs: channels)
        return AutoencoderMiddle(first: first, attention: attention, second: second)
    }

    /// Refuses a checkpoint with tensors that no layer asked for.
    func finish() throws {
        try source.finish(ignoring: unused)
    }
}

extension Tensor {
    /// Of every run of `count` slices the last.
    ///
    /// - Parameters:
    ///   - count: Slices of a run.
    ///   - length: Numbers of a slice.
    /// - Returns: `[runs, length]`.
    fileprivate func lastSlices(_ count: Int, of length: Int) -> Tensor {
        let runs = self.count / (count * length)
        let slices = reshaped([runs * count, length])
        return count == 1 ? slices : slices.gatheringRows((1...runs).map { $0 * count - 1 })
    }
}
