import Foundation
import Imaging
import Shared

/// Draws scenes, and spoils pictures.
///
/// Lengths are in units of 1/48 of the side, the embedded judge's pixels. Coverage of a pixel is `clip(½ − d,
/// 0, 1)` of the signed distance `d` in pixels between its centre and the outline.
struct SelfcheckPicture {
    /// Width and height of a picture in units.
    private static let units = 48
    /// Width and height of a cell in units.
    private static let cell = 16.0
    /// Half the size of an object in units.
    private static let radius = 5.8

    /// Width and height of the pictures in pixels, a multiple of 48.
    let side: Int

    /// The picture of a scene.
    func image(of scene: SelfcheckScene) -> PixelImage {
        let ground = Self.color(of: scene.background)
        var pixels = [UInt8]()
        pixels.reserveCapacity(side * side * 3)
        let scale = Double(Self.units) / Double(side)
        for row in 0..<side {
            for column in 0..<side {
                let (x, y) = ((Double(column) + 0.5) * scale, (Double(row) + 0.5) * scale)
                var color = ground
                for object in scene.objects {
                    let distance = Self.distance(to: object, x: x, y: y) / scale
                    let coverage = min(max(0.5 - distance, 0), 1)
                    color += (Self.color(of: object.color) - color) * coverage
                }
                for channel in 0..<3 {
                    pixels.append(UInt8((color[channel] * 255).rounded()))
                }
            }
        }
        return PixelImage(width: side, height: side, pixels: pixels)
    }

    /// A black picture.
    var black: PixelImage {
        PixelImage(width: side, height: side, pixels: [UInt8](repeating: 0, count: side * side * 3))
    }

    /// A picture under normal noise, one draw for every channel of every square unit.
    ///
    /// - Parameters:
    ///   - image: The picture.
    ///   - deviation: The standard deviation of the noise; full scale is 1.
    ///   - generator: Decides the noise.
    /// - Returns: The spoiled picture.
    func noisy(_ image: PixelImage, deviation: Double, _ generator: inout CounterGenerator) -> PixelImage {
        let noise = generator.normals(count: Self.units * Self.units * 3)
        var result = image
        for index in result.pixels.indices {
            let (row, column) = (index / 3 / side, index / 3 % side)
            let unit = (row * Self.units / side) * Self.units + column * Self.units / side
            let value = Double(image.pixels[index]) + 255 * deviation * Double(noise[unit * 3 + index % 3])
            result.pixels[index] = UInt8(min(max(value, 0), 255).rounded())
        }
        return result
    }

    /// The signed distance to an object's outline, in units; below 0 inside.
    private static func distance(to object: SelfcheckScene.Object, x: Double, y: Double) -> Double {
        let x = x - (Double(object.cell % 3) + 0.5) * cell
        let y = y - (Double(object.cell / 3) + 0.5) * cell
        switch object.shape {
        case .circle: return (x * x + y * y).squareRoot() - radius
        case .square: return max(abs(x), abs(y)) - radius * 0.88
        // Tip one radius above the centre, base 0.75 below, sides at 60 degrees.
        case .triangle: return max(y - radius * 0.75, abs(x) * 0.866 - y * 0.5 - radius * 0.5)
        }
    }

    private static func color(of color: SelfcheckScene.Color) -> SIMD3<Double> {
        switch color {
        case .red: SIMD3(0.86, 0.16, 0.16)
        case .green: SIMD3(0.16, 0.67, 0.24)
        case .blue: SIMD3(0.16, 0.31, 0.86)
        case .yellow: SIMD3(0.94, 0.82, 0.12)
        case .purple: SIMD3(0.59, 0.20, 0.75)
        case .orange: SIMD3(0.95, 0.51, 0.10)
        }
    }

    private static func color(of background: SelfcheckScene.Background) -> SIMD3<Double> {
        switch background {
        case .white: SIMD3(0.93, 0.93, 0.93)
        case .sky: SIMD3(0.72, 0.85, 0.95)
        case .sand: SIMD3(0.95, 0.88, 0.75)
        case .black: SIMD3(0.15, 0.15, 0.18)
        }
    }
}
