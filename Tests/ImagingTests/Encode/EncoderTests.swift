import Imaging
import Testing

@Suite struct EncoderTests {
    private static func noise(width: Int, height: Int) -> PixelImage {
        var generator = FixedGenerator(state: UInt64(width * 1_000 + height))
        return PixelImage(
            width: width,
            height: height,
            pixels: (0..<width * height * 3).map { _ in UInt8.random(in: 0...255, using: &generator) }
        )
    }

    @Test("a PNG round trip is exact", arguments: [(1, 1), (1, 40), (37, 1), (64, 64), (301, 203)])
    func pngRoundTrip(width: Int, height: Int) throws {
        for image in [
            Self.noise(width: width, height: height), ImagingFixtures.synthetic(width: width, height: height),
        ] {
            #expect(try ImageDecoder.decode(PNGEncoder.encode(image), name: "r") == image)
        }
    }

    @Test("PNG text is written as tEXt chunks and does not change the picture")
    func pngText() throws {
        let image = Self.noise(width: 5, height: 4)
        let bytes = try PNGEncoder.encode(image, text: [("Title", "rot für grün"), ("Software", "")])
        #expect(bytes.firstRange(of: Array("tEXtTitle".utf8) + [0] + Array("rot f".utf8) + [0xFC]) != nil)
        #expect(bytes.firstRange(of: Array("tEXtSoftware".utf8) + [0]) != nil)
        #expect(try ImageDecoder.decode(bytes, name: "t") == image)
    }

    @Test(
        "PNG text that is not Latin-1, or a keyword of the wrong length, is refused",
        arguments: [("", "x"), (String(repeating: "k", count: 80), "x"), ("k", "\u{4E2D}"), ("k", "a\0b")]
    )
    func pngTextRefused(keyword: String, value: String) {
        #expect(throws: EncodeError.invalidText(keyword: keyword)) {
            try PNGEncoder.encode(Self.noise(width: 1, height: 1), text: [(keyword, value)])
        }
    }

    @Test("a smooth picture survives JPEG", arguments: JPEGEncoder.Chroma.allCases)
    func jpegRoundTrip(chroma: JPEGEncoder.Chroma) throws {
        var pixels: [UInt8] = []
        for y in 0..<45 {
            for x in 0..<83 {
                pixels += [UInt8(x * 3), UInt8(y * 5), UInt8(x + y)]
            }
        }
        let image = PixelImage(width: 83, height: 45, pixels: pixels)
        let bytes = try JPEGEncoder.encode(image, quality: 100, chroma: chroma)
        let decoded = try ImageDecoder.decode(bytes, name: "j")
        #expect(image.largestDifference(to: decoded) <= 6)
    }

    @Test("less quality gives fewer bytes")
    func jpegQuality() throws {
        let image = ImagingFixtures.synthetic(width: 64, height: 64)
        let sizes = try [100, 95, 75, 30, 1].map { try JPEGEncoder.encode(image, quality: $0).count }
        #expect(sizes == sizes.sorted(by: >))
        #expect(try JPEGEncoder.encode(image) == JPEGEncoder.encode(image, quality: 95, chroma: .half))
    }

    @Test("a quality outside 1...100 and a picture too long for JPEG are refused")
    func jpegRefused() {
        let image = Self.noise(width: 1, height: 1)
        #expect(throws: EncodeError.invalidQuality(0)) { try JPEGEncoder.encode(image, quality: 0) }
        #expect(throws: EncodeError.invalidQuality(101)) { try JPEGEncoder.encode(image, quality: 101) }
        let long = PixelImage(width: 65_501, height: 1, pixels: [UInt8](repeating: 0, count: 65_501 * 3))
        #expect(throws: EncodeError.tooLarge(format: .jpeg, width: 65_501, height: 1)) {
            try JPEGEncoder.encode(long)
        }
    }
}
