import Shared

/// Reads the layers of an AutoencoderKL by their names in a checkpoint and keeps account of what was read.
///
/// Source of the names: huggingface/diffusers 0.42.1, `models/autoencoders/vae.py`, `unet_2d_blocks.py`, `resnet.py`.
struct AutoencoderWeights {
    private var source: CheckpointReader
    private let groups: Int

    /// Opens `diffusion_pytorch_model.safetensors` of a folder.
    init(folder: String, groups: Int) throws {
        source = try CheckpointReader(folder: folder, stem: "diffusion_pytorch_model")
        self.groups = groups
    }

    /// A convolution named `name`, with weights `[outputs, inputs, side, side]`.
    mutating func convolution(
        _ name: String,
        inputs: Int,
        outputs: Int,
        side: Int,
        motion: Convolution.Motion = .same
    ) throws -> Convolution {
        Convolution(
            weight: try source.take(name + ".weight", shape: [outputs, inputs, side, side]),
            bias: try source.take(name + ".bias", shape: [outputs]),
            motion: motion
        )
    }

    /// A group normalisation named `name`.
    mutating func norm(_ name: String, channels: Int) throws -> GroupNorm {
        GroupNorm(
            scale: try source.take(name + ".weight", shape: [channels]),
            shift: try source.take(name + ".bias", shape: [channels]),
            groups: groups
        )
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

    /// The middle of encoder or decoder: a residual block, attention if asked for, a residual block.
    mutating func middle(_ name: String, channels: Int, attends: Bool) throws -> AutoencoderMiddle {
        let first = try residual(name + ".resnets.0", inputs: channels, outputs: channels)
        var attention: AutoencoderAttention?
        if attends {
            let prefix = name + ".attentions.0"
            attention = AutoencoderAttention(
                norm: try norm(prefix + ".group_norm", channels: channels),
                query: try linear(prefix + ".to_q", channels: channels),
                key: try linear(prefix + ".to_k", channels: channels),
                value: try linear(prefix + ".to_v", channels: channels),
                output: try linear(prefix + ".to_out.0", channels: channels)
            )
        }
        let second = try residual(name + ".resnets.1", inputs: channels, outputs: channels)
        return AutoencoderMiddle(first: first, attention: attention, second: second)
    }

    private mutating func linear(_ name: String, channels: Int) throws -> EncoderLinear {
        try source.linear(name, inputs: channels, outputs: channels)
    }

    /// Refuses a checkpoint with tensors that no layer asked for.
    func finish() throws {
        try source.finish()
    }
}
