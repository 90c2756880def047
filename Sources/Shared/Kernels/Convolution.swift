import CKernels

/// A 2-D convolution with a square window of side 1 or 3 over channels-last images, forward only.
///
/// Every output pixel is summed in one fixed order, so its bits depend neither on the batch nor on the threads.
/// Big images are spread over the threads of ``Parallel``.
package struct Convolution: Sendable {
    /// How the window moves over the image.
    package enum Motion: Sendable {
        /// One output pixel per input pixel; a 3×3 window sees one zero pixel beyond every edge.
        case same
        /// Every second window, with the zero pixel at the right and bottom edges only: half the size, rounded down.
        case halving
        /// Over the image enlarged twice by repeating pixels: double the size.
        ///
        /// Repeated pixels meet several weights of the window, so each of the four parities of an output position is
        /// a 2×2 convolution of the small image with sums of weights; the large image is never made.
        case doubling
    }

    /// Numbers of an input pixel.
    package let inputChannels: Int
    /// Numbers of an output pixel.
    package let outputChannels: Int
    private let motion: Motion
    private let passes: [Pass]
    private let bias: Tensor

    /// One sweep over the image: weights packed for the kernel, and where it reads and writes.
    private struct Pass {
        let weight: Tensor
        let kernel: Int
        let origin: (row: Int, column: Int)
        let parity: (row: Int, column: Int)
    }

    /// Packs the weights.
    ///
    /// - Parameters:
    ///   - weight: `[outputs, inputs, side, side]` with side 1 or 3; side 3 unless the motion is `same`.
    ///   - bias: `[outputs]`.
    ///   - motion: How the window moves.
    package init(weight: Tensor, bias: Tensor, motion: Motion = .same) {
        let shape = weight.shape
        precondition(
            shape.count == 4 && shape[2] == shape[3] && (shape[2] == 3 || shape[2] == 1 && motion == .same)
                && bias.shape == [shape[0]],
            "convolution weights \(shape) with bias \(bias.shape) do not fit motion \(motion)"
        )
        let (outputs, inputs, side) = (shape[0], shape[1], shape[2])
        outputChannels = outputs
        inputChannels = inputs
        self.motion = motion
        let blocks = (outputs + 15) / 16
        self.bias = Tensor(bias.values + [Float](repeating: 0, count: blocks * 16 - outputs))
        let values = weight.values
        /// Sums the given rows × columns of each window into a window of `rows.count` × `columns.count`.
        func pack(_ rows: [[Int]], _ columns: [[Int]]) -> Tensor {
            let kernel = rows.count
            var packed = [Float](repeating: 0, count: blocks * kernel * kernel * inputs * 16)
            for output in 0..<outputs {
                for (y, sourceRows) in rows.enumerated() {
                    for (x, sourceColumns) in columns.enumerated() {
                        for input in 0..<inputs {
                            var sum: Float = 0
                            for row in sourceRows {
                                for column in sourceColumns {
                                    sum += values[((output * inputs + input) * side + row) * side + column]
                                }
                            }
                            let tap = ((output / 16 * kernel + y) * kernel + x) * inputs + input
                            packed[tap * 16 + output % 16] = sum
                        }
                    }
                }
            }
            return Tensor(packed)
        }
        switch motion {
        case .same, .halving:
            let taps = (0..<side).map { [$0] }
            let start = side == 3 && motion == .same ? 0 : 1
            passes = [
                Pass(weight: pack(taps, taps), kernel: side, origin: (start, start), parity: (0, 0))
            ]
        case .doubling:
            let taps = [[[0], [1, 2]], [[0, 1], [2]]]
            passes = (0..<4).map { index in
                let (row, column) = (index / 2, index % 2)
                return Pass(
                    weight: pack(taps[row], taps[column]),
                    kernel: 2,
                    origin: (row, column),
                    parity: (row, column)
                )
            }
        }
    }

    /// Convolves every image of a batch.
    ///
    /// - Parameters:
    ///   - input: `[batch, height, width, inputs]`.
    ///   - other: A map of the result's shape that is added to it.
    /// - Returns: `[batch, height', width', outputs]`; the motion says which size.
    package func callAsFunction(_ input: FeatureMap, adding other: FeatureMap? = nil) -> FeatureMap {
        precondition(
            input.channels == inputChannels,
            "\(input.channels) channels meet a convolution of \(inputChannels)"
        )
        let (height, width): (Int, Int) =
            switch motion {
            case .same: (input.height, input.width)
            case .halving: (input.height / 2, input.width / 2)
            case .doubling: (input.height * 2, input.width * 2)
            }
        var output = FeatureMap(zeros: input.batch, height: height, width: width, channels: outputChannels)
        if let other {
            precondition(
                other.values.shape == output.values.shape,
                "a map of \(other.values.shape) is added to one of \(output.values.shape)"
            )
        }
        let imageCount = output.imageCount
        unsafe output.values.withUnsafeMutableBuffer { target in
            unsafe input.values.withUnsafeBuffer { source in
                unsafe Convolution.withOptionalBuffer(of: other?.values) { added in
                    for image in 0..<input.batch {
                        for pass in passes {
                            guard let from = source.baseAddress, let to = target.baseAddress else { return }
                            unsafe run(
                                pass,
                                from: from + image * input.imageCount,
                                pitch: input.width + 2,
                                adding: added.map { unsafe $0 + image * imageCount },
                                into: to + image * imageCount,
                                height: height,
                                width: width
                            )
                        }
                    }
                }
            }
        }
        return output
    }

    private static func withOptionalBuffer(
        of tensor: Tensor?,
        _ body: (UnsafePointer<Float>?) -> Void
    ) {
        guard let tensor else { return body(nil) }
        unsafe tensor.withUnsafeBuffer { unsafe body($0.baseAddress) }
    }

    /// Sweeps one image; rows of pixels are dealt to threads.
    private func run(
        _ pass: Pass,
        from input: UnsafePointer<Float>,
        pitch: Int,
        adding other: UnsafePointer<Float>?,
        into output: UnsafeMutablePointer<Float>,
        height: Int,
        width: Int
    ) {
        let step = motion == .doubling ? 2 : 1
        let shape = ck_conv2d_shape(
            in_pitch: pitch,
            channels: inputChannels,
            out_pitch: width + 2,
            out_channels: outputChannels,
            columns: width / step,
            kernel: pass.kernel,
            stride: motion == .halving ? 2 : 1,
            origin_row: pass.origin.row,
            origin_column: pass.origin.column,
            out_step: step,
            out_row: pass.parity.row + 1,
            out_column: pass.parity.column + 1
        )
        let pixels = (height / step) * (width / step)
        // A share of work that pays for a thread's start: about a million multiplications.
        let taps = pass.kernel * pass.kernel * inputChannels * outputChannels
        let chunk = max(8, (1_000_000 / taps + 7) / 8 * 8)
        unsafe pass.weight.withUnsafeBuffer { weight in
            unsafe bias.withUnsafeBuffer { bias in
                guard let weight = weight.baseAddress, let bias = bias.baseAddress else { return }
                // Each chunk writes its own pixels; everything else is only read.
                nonisolated(unsafe) let job = unsafe (input, weight, bias, other, output)
                Parallel.forEach((pixels + chunk - 1) / chunk) { index in
                    let first = index * chunk
                    var shape = shape
                    unsafe ck_conv2d_f32(
                        job.0,
                        job.1,
                        job.2,
                        job.3,
                        job.4,
                        &shape,
                        first,
                        min(chunk, pixels - first)
                    )
                }
            }
        }
    }
}
