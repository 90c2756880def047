import Imaging
import Testing

@Suite struct DamagedFileTests {
    static let samples = [
        "png/gray1-interlaced.png", "png/palette4-alphas.png", "png/rgb16.png", "png/rgba8-interlaced.png",
        "png/rgb8-text-and-pieces.png", "png/rgb8-exif5.png", "png/rgb8-xmp7.png", "png/rgb8-animation.png",
        "jpg/gray.jpg", "jpg/ycc420.jpg", "jpg/ycc422-progressive.jpg", "jpg/ycc420-restarts.jpg",
        "jpg/cmyk-adobe.jpg", "jpg/ycck-adobe.jpg", "jpg/exif6.jpg", "jpg/xmp5.jpg",
        "pngtext/text-squeezed5.png", "pngtext/xmp-language8.png", "pngtext/text-capitals6.png",
        "webp/lossy.webp", "webp/lossless-alpha.webp", "webp/lossy-alpha.webp", "webp/exif6.webp",
    ]

    /// Small, so that a damaged header cannot slow the tests down.
    private static let limits = DecodeLimits(maximumPixels: 300_000)

    @Test("a file cut anywhere is an error that names it", arguments: samples)
    func refusesTruncatedFile(file: String) throws {
        let bytes = try ImagingFixtures.bytes(of: file)
        let ends = Array(stride(from: 0, to: bytes.count, by: 7)) + [bytes.count - 2, bytes.count - 1]
        for end in ends {
            let error = #expect(throws: DecodeError.self, "cut at \(end)") {
                try ImageDecoder.decode(Array(bytes[..<end]), name: "cut")
            }
            #expect(error?.name == "cut")
        }
    }

    @Test("a JPEG cut inside its picture is called truncated")
    func namesTruncation() throws {
        let bytes = try ImagingFixtures.bytes(of: "jpg/ycc420.jpg")
        let error = #expect(throws: DecodeError.self) {
            try ImageDecoder.decode(Array(bytes.prefix(bytes.count * 3 / 4)), name: "cut.jpg")
        }
        #expect(error?.description.hasPrefix("cut.jpg: truncated JPEG") == true)
    }

    @Test("random bytes in a file never crash the decoder", arguments: samples)
    func survivesMutation(file: String) throws {
        let bytes = try ImagingFixtures.bytes(of: file)
        var generator = FixedGenerator(state: UInt64(bytes.count))
        for _ in 0..<2_000 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                damaged[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                    in: 0...255,
                    using: &generator
                )
            }
            do {
                let image = try ImageDecoder.decode(damaged, name: "m", limits: Self.limits)
                #expect(image.pixels.count == image.width * image.height * 3)
            } catch let error as DecodeError {
                #expect(error.name == "m")
            }
        }
    }

    @Test(
        "damaged chunks with right checksums never crash the decoder",
        arguments: samples.filter { $0.hasPrefix("png") }
    )
    func survivesMutationBehindChecksums(file: String) throws {
        let bytes = try ImagingFixtures.bytes(of: file)
        var generator = FixedGenerator(state: UInt64(bytes.count))
        for _ in 0..<1_000 {
            var damaged = bytes
            damaged[Int.random(in: 8..<bytes.count, using: &generator)] = UInt8.random(
                in: 0...255,
                using: &generator
            )
            damaged = Self.withChecksums(damaged)
            do {
                let image = try ImageDecoder.decode(damaged, name: "m", limits: Self.limits)
                #expect(image.pixels.count == image.width * image.height * 3)
            } catch let error as DecodeError {
                #expect(error.name == "m")
            }
        }
    }

    @Test("a wrong checksum is an error", arguments: ["IHDR", "IDAT", "IEND"])
    func refusesWrongChecksum(type: String) throws {
        var bytes = try ImagingFixtures.bytes(of: "png/rgb8.png")
        let start = try #require(bytes.firstRange(of: Array(type.utf8))?.lowerBound)
        let length = bytes[start - 4..<start].reduce(0) { $0 << 8 | Int($1) }
        bytes[start + 4 + length] ^= 1
        #expect(throws: DecodeError.self) { try ImageDecoder.decode(bytes, name: "m") }
    }

    /// Puts the right checksum after every chunk that still lies inside the file.
    private static func withChecksums(_ bytes: [UInt8]) -> [UInt8] {
        var result = bytes
        var position = 8
        while position + 12 <= result.count {
            let length = result[position..<position + 4].reduce(0) { $0 << 8 | Int($1) }
            guard position + 12 + length <= result.count else { break }
            let sum = PNGFile.checksum(Array(result[position + 4..<position + 8 + length]))
            result.replaceSubrange(position + 8 + length..<position + 12 + length, with: sum)
            position += 12 + length
        }
        return result
    }
}
