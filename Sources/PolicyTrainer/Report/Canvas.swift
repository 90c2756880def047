import Imaging

/// A picture to draw pictures, rectangles and text on.
struct Canvas: Sendable {
    /// A colour, 8 bits per channel.
    struct Color: Sendable, Hashable {
        var red: UInt8
        var green: UInt8
        var blue: UInt8

        static let white = Color(red: 255, green: 255, blue: 255)
        static let black = Color(red: 0, green: 0, blue: 0)
        static let grey = Color(red: 110, green: 110, blue: 110)
        static let green = Color(red: 20, green: 130, blue: 60)
        static let red = Color(red: 190, green: 40, blue: 40)
    }

    /// The picture so far.
    private(set) var image: PixelImage

    /// Makes a canvas of one colour.
    init(width: Int, height: Int, color: Color = .white) {
        let pixel = [color.red, color.green, color.blue]
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * 3)
        for _ in 0..<(width * height) {
            pixels += pixel
        }
        image = PixelImage(width: width, height: height, pixels: pixels)
    }

    /// Makes a canvas of a picture.
    init(_ image: PixelImage) {
        self.image = image
    }

    /// Draws a picture, each of its pixels as a square; what lies outside is cut.
    ///
    /// - Parameters:
    ///   - picture: What to draw.
    ///   - x: Left edge in pixels.
    ///   - y: Upper edge in pixels.
    ///   - scale: Side of a square in pixels.
    mutating func draw(_ picture: PixelImage, x: Int, y: Int, scale: Int = 1) {
        for row in 0..<(picture.height * scale) {
            for column in 0..<(picture.width * scale) {
                let source = (row / scale * picture.width + column / scale) * 3
                set(
                    x + column,
                    y + row,
                    Color(
                        red: picture.pixels[source],
                        green: picture.pixels[source + 1],
                        blue: picture.pixels[source + 2]
                    )
                )
            }
        }
    }

    /// Writes a text in the built-in font, ``BitmapFont``.
    ///
    /// - Parameters:
    ///   - text: The text; letters become capitals, what the font lacks becomes a question mark.
    ///   - x: Left edge in pixels.
    ///   - y: Upper edge in pixels.
    ///   - scale: Side of a dot in pixels.
    ///   - color: The colour of the dots.
    mutating func write(_ text: String, x: Int, y: Int, scale: Int = 1, color: Color = .black) {
        for (position, character) in text.enumerated() {
            for (row, bits) in BitmapFont.rows(of: character).enumerated() {
                for column in 0..<BitmapFont.width where bits >> (BitmapFont.width - 1 - column) & 1 == 1 {
                    let left = x + (position * BitmapFont.advance + column) * scale
                    for dot in 0..<(scale * scale) {
                        set(left + dot % scale, y + row * scale + dot / scale, color)
                    }
                }
            }
        }
    }

    /// A part of the picture.
    ///
    /// - Returns: The pixels of the rectangle, which lies inside.
    func cut(x: Int, y: Int, width: Int, height: Int) -> PixelImage {
        precondition(
            x >= 0 && y >= 0 && x + width <= image.width && y + height <= image.height,
            "the rectangle lies outside \(image.width)×\(image.height)"
        )
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * 3)
        for row in y..<(y + height) {
            let start = (row * image.width + x) * 3
            pixels += image.pixels[start..<(start + width * 3)]
        }
        return PixelImage(width: width, height: height, pixels: pixels)
    }

    private mutating func set(_ x: Int, _ y: Int, _ color: Color) {
        guard x >= 0, y >= 0, x < image.width, y < image.height else { return }
        let start = (y * image.width + x) * 3
        image.pixels[start] = color.red
        image.pixels[start + 1] = color.green
        image.pixels[start + 2] = color.blue
    }
}
