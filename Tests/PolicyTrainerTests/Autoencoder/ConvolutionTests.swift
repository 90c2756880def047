import Shared
import Testing

@Suite("Convolution and group normalisation")
struct ConvolutionTests {
    /// Numbers of -1...1 from a named stream.
    private func random(_ shape: [Int], _ name: String) -> Tensor {
        var generator = SeedTree(seed: 7)[name].generator
        let count = shape.reduce(1, *)
        return Tensor((0..<count).map { _ in Float(generator.nextUniform(-1, 1)) }, shape: shape)
    }

    /// A convolution by its definition, in double: `[height, width, inputs]` to `[rows, columns, outputs]`.
    private func reference(
        _ image: Tensor,
        weight: Tensor,
        bias: Tensor,
        rows: Int,
        columns: Int,
        stride: Int,
        before: Int
    ) -> [Float] {
        let (height, width, inputs) = (image.shape[1], image.shape[2], image.shape[3])
        let (outputs, side) = (weight.shape[0], weight.shape[2])
        let (x, w, b) = (image.values, weight.values, bias.values)
        var result: [Float] = []
        for row in 0..<rows {
            for column in 0..<columns {
                for output in 0..<outputs {
                    var sum = Double(b[output])
                    for dy in 0..<side {
                        for dx in 0..<side {
                            let (y, z) = (row * stride + dy - before, column * stride + dx - before)
                            guard y >= 0, z >= 0, y < height, z < width else { continue }
                            for input in 0..<inputs {
                                let pixel = Double(x[(y * width + z) * inputs + input])
                                sum += pixel * Double(w[((output * inputs + input) * side + dy) * side + dx])
                            }
                        }
                    }
                    result.append(Float(sum))
                }
            }
        }
        return result
    }

    private func largestDifference(_ left: [Float], _ right: [Float]) -> Float {
        left.count == right.count ? zip(left, right).map { abs($0 - $1) }.max() ?? 0 : .infinity
    }

    @Test(
        "a 3×3 window gives what the definition gives",
        arguments: [(1, 1, 1, 1), (5, 7, 3, 16), (6, 6, 17, 33), (9, 4, 8, 3), (3, 16, 16, 48)]
    )
    func same(height: Int, width: Int, inputs: Int, outputs: Int) {
        let image = random([1, height, width, inputs], "image")
        let (weight, bias) = (random([outputs, inputs, 3, 3], "weight"), random([outputs], "bias"))
        let expected = reference(
            image,
            weight: weight,
            bias: bias,
            rows: height,
            columns: width,
            stride: 1,
            before: 1
        )
        let found = Convolution(weight: weight, bias: bias)(FeatureMap(image)).pixels()
        #expect(largestDifference(found.values, expected) < 2e-5)
    }

    @Test("halving pads at the right and at the bottom only", arguments: [(6, 8), (7, 5), (2, 2), (3, 3)])
    func halving(height: Int, width: Int) {
        let image = random([1, height, width, 5], "image")
        let (weight, bias) = (random([18, 5, 3, 3], "weight"), random([18], "bias"))
        let expected = reference(
            image,
            weight: weight,
            bias: bias,
            rows: height / 2,
            columns: width / 2,
            stride: 2,
            before: 0
        )
        let found = Convolution(weight: weight, bias: bias, motion: .halving)(FeatureMap(image)).pixels()
        #expect(found.shape == [1, height / 2, width / 2, 18])
        #expect(largestDifference(found.values, expected) < 2e-5)
    }

    @Test(
        "doubling equals a convolution of the image with repeated pixels",
        arguments: [(1, 1), (3, 5), (6, 2)]
    )
    func doubling(height: Int, width: Int) {
        let image = random([1, height, width, 4], "image")
        let (weight, bias) = (random([20, 4, 3, 3], "weight"), random([20], "bias"))
        var large: [Float] = []
        for row in 0..<(2 * height) {
            for column in 0..<(2 * width) {
                let start = (row / 2 * width + column / 2) * 4
                large += image.values[start..<start + 4]
            }
        }
        let expected = reference(
            Tensor(large, shape: [1, 2 * height, 2 * width, 4]),
            weight: weight,
            bias: bias,
            rows: 2 * height,
            columns: 2 * width,
            stride: 1,
            before: 1
        )
        let found = Convolution(weight: weight, bias: bias, motion: .doubling)(FeatureMap(image)).pixels()
        #expect(largestDifference(found.values, expected) < 2e-5)
    }

    @Test("a 1×1 window and an added map work together, image by image")
    func adding() {
        let images = random([2, 3, 4, 6], "images")
        let (weight, bias) = (random([6, 6, 1, 1], "weight"), random([6], "bias"))
        let map = FeatureMap(images)
        let found = Convolution(weight: weight, bias: bias)(map, adding: map).pixels().values
        for index in 0..<2 {
            let part = images.rows((index * 12)..<((index + 1) * 12)).reshaped([1, 3, 4, 6])
            let expected = zip(
                reference(part, weight: weight, bias: bias, rows: 3, columns: 4, stride: 1, before: 0),
                part.values
            ).map(+)
            #expect(largestDifference(Array(found[(index * 72)..<((index + 1) * 72)]), expected) < 2e-5)
        }
    }

    @Test(
        "groups get mean 0 and variance 1 before scale and shift; small inputs feel epsilon",
        arguments: [1, 1e-3]
    )
    func groupNorm(size: Float) {
        let image = Tensor(
            random([1, 5, 3, 12], "image").values.map { $0 * size + 0.3 * size },
            shape: [1, 5, 3, 12]
        )
        let (scale, shift) = (random([12], "scale"), random([12], "shift"))
        let found = GroupNorm(scale: scale, shift: shift, groups: 4)(FeatureMap(image), silu: false).pixels()
            .values
        let activated = GroupNorm(scale: scale, shift: shift, groups: 4)(FeatureMap(image), silu: true)
            .pixels().values
        for group in 0..<4 {
            let members = (0..<image.count).filter { $0 % 12 / 3 == group }
            let values = members.map { Double(image.values[$0]) }
            let mean = values.reduce(0, +) / Double(values.count)
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)
            for (index, value) in zip(members, values) {
                let unit = (value - mean) / (variance + 1e-6).squareRoot()
                let expected = Float(unit) * scale.values[index % 12] + shift.values[index % 12]
                #expect(abs(found[index] - expected) < 2e-5)
                #expect(activated[index].isFinite && abs(activated[index]) <= abs(found[index]))
            }
        }
    }
}
