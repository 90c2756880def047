import Imaging
import Testing

@Suite struct WebPDecoderTests {
    @Test("every kind of WebP decodes to Pillow's samples", arguments: ImagingFixtures.files(in: "webp"))
    func matchesPillow(file: ImagingFixtures.File) throws {
        let image = try ImageDecoder.decode(ImagingFixtures.bytes(of: file.file), name: file.file)
        #expect(image.width == file.width && image.height == file.height)
        if let expected = try ImagingFixtures.expectedPixels(of: file) {
            #expect(image.pixels == expected)
        }
        #expect(image.digest == file.sha256)
    }

    @Test("the fixtures hold both codings, alpha and all orientations")
    func fixturesAreComplete() {
        let files = Set(ImagingFixtures.files(in: "webp").map(\.file))
        let kinds = ["lossy", "lossless", "lossy-alpha", "lossless-alpha", "xmp6", "exif6-unannounced"]
        for kind in kinds + (1...8).map({ "exif\($0)" }) {
            #expect(files.contains("webp/\(kind).webp"), "\(kind)")
        }
    }

    @Test("an animation is refused by name")
    func refusesAnimation() throws {
        let bytes = try ImagingFixtures.bytes(of: "refused/animation.webp")
        let error = #expect(throws: DecodeError.self) { try ImageDecoder.decode(bytes, name: "a.webp") }
        let line = error?.description ?? ""
        #expect(line.hasPrefix("a.webp: unsupported WebP") && line.contains("animation"), "\(line)")
    }

    @Test("a header of 16,384 × 16,384 is refused before anything is allocated")
    func refusesHugePicture() throws {
        var bytes = try ImagingFixtures.bytes(of: "webp/lossless.webp")
        // The lossless header: a signature byte, then width − 1 and height − 1 in 14 bits each.
        let start = try #require(bytes.firstRange(of: Array("VP8L".utf8))?.lowerBound) + 8
        #expect(bytes[start] == 0x2F)
        bytes.replaceSubrange(start + 1..<start + 4, with: [0xFF, 0xFF, 0xFF])
        bytes[start + 4] |= 0x0F
        let expected = DecodeError.tooManyPixels(name: "b", width: 16_384, height: 16_384, limit: 50_000_000)
        #expect(throws: expected) { try ImageDecoder.decode(bytes, name: "b") }
    }
}
