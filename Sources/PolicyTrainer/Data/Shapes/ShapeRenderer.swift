import Imaging

/// Draws scenes of the ShapeEdit world with anti-aliased edges.
///
/// Coverage is `clip(½ − d, 0, 1)` of the signed distance `d` between a pixel's centre and the outline. Only
/// additions, products, square roots and comparisons are used, so the pixels are the same on every machine.
enum ShapeRenderer {
    /// The picture in 8 bits.
    ///
    /// - Parameter scene: What to draw.
    /// - Returns: An image of 48×48 pixels.
    static func image(of scene: ShapeScene) -> PixelImage {
        quantized(samples(of: scene))
    }

    /// The picture before rounding.
    ///
    /// - Parameter scene: What to draw.
    /// - Returns: `[48, 48, 3]`, 0 to 1.
    static func samples(of scene: ShapeScene) -> [Float] {
        let side = ShapeScene.side
        let ground = color(of: scene.background)
        var samples = [Float](repeating: 0, count: side * side * 3)
        for index in samples.indices {
            samples[index] = ground[index % 3]
        }
        for object in scene.objects {
            draw(object, into: &samples)
        }
        return samples
    }

    /// Rounds samples of 0 to 1 to 8 bits; what lies outside is clipped.
    ///
    /// - Parameter samples: `[48, 48, 3]`.
    /// - Returns: An image of 48×48 pixels.
    static func quantized(_ samples: [Float]) -> PixelImage {
        let pixels = samples.map { UInt8((min(max($0, 0), 1) * 255).rounded()) }
        return PixelImage(width: ShapeScene.side, height: ShapeScene.side, pixels: pixels)
    }

    private static func draw(_ object: ShapeScene.Object, into samples: inout [Float]) {
        let side = ShapeScene.side
        let ink = color(of: object.color)
        let half = Float(ShapeScene.cellSide) / 2
        let centreX = Float(object.cell % 3 * ShapeScene.cellSide) + half + Float(object.offsetX)
        let centreY = Float(object.cell / 3 * ShapeScene.cellSide) + half + Float(object.offsetY)
        let reach = Float(object.radius) + 2
        let columns = max(0, Int(centreX - reach))..<min(side, Int(centreX + reach) + 1)
        for row in max(0, Int(centreY - reach))..<min(side, Int(centreY + reach) + 1) {
            for column in columns {
                let distance = signedDistance(
                    to: object.shape,
                    radius: Float(object.radius),
                    x: Float(column) + 0.5 - centreX,
                    y: Float(row) + 0.5 - centreY
                )
                let coverage = min(max(0.5 - distance, 0), 1)
                guard coverage > 0 else { continue }
                let start = (row * side + column) * 3
                for channel in 0..<3 {
                    samples[start + channel] =
                        samples[start + channel] * (1 - coverage) + ink[channel] * coverage
                }
            }
        }
    }

    private static func signedDistance(to shape: ShapeScene.Shape, radius: Float, x: Float, y: Float) -> Float
    {
        switch shape {
        case .circle:
            (x * x + y * y).squareRoot() - radius
        case .square:
            max(abs(x), abs(y)) - radius * 0.88
        case .triangle:
            // Pointing up: tip one radius above the centre, base 0.75 below, sides at 60 degrees.
            max(y - radius * 0.75, abs(x) * 0.866 - y * 0.5 - radius * 0.5)
        }
    }

    private static func color(of color: ShapeScene.Color) -> [Float] {
        switch color {
        case .red: [0.86, 0.16, 0.16]
        case .green: [0.16, 0.67, 0.24]
        case .blue: [0.16, 0.31, 0.86]
        case .yellow: [0.94, 0.82, 0.12]
        case .purple: [0.59, 0.20, 0.75]
        case .orange: [0.95, 0.51, 0.10]
        }
    }

    private static func color(of background: ShapeScene.Background) -> [Float] {
        switch background {
        case .white: [0.93, 0.93, 0.93]
        case .sky: [0.72, 0.85, 0.95]
        case .sand: [0.95, 0.88, 0.75]
        case .black: [0.15, 0.15, 0.18]
        }
    }
}
