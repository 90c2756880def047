import Imaging
import Testing

@Suite struct PNGDecoderTests {
    @Test(
        "every kind of PNG decodes to Pillow's samples",
        arguments: ImagingFixtures.files(in: "png")
            + ImagingFixtures.files(in: "photos").filter { $0.file.hasSuffix("png") }
    )
    func matchesPillow(file: ImagingFixtures.File) throws {
        let image = try ImageDecoder.decode(ImagingFixtures.bytes(of: file.file), name: file.file)
        #expect(image.width == file.width && image.height == file.height)
        if let expected = try ImagingFixtures.expectedPixels(of: file) {
            #expect(image.pixels == expected)
        }
        #expect(image.digest == file.sha256)
    }

    @Test("the fixtures hold every colour type and depth")
    func fixturesAreComplete() {
        let files = Set(ImagingFixtures.files(in: "png").map(\.file))
        let kinds = [
            "gray1", "gray2", "gray4", "gray8", "gray16", "rgb8", "rgb16", "palette1", "palette2", "palette4",
            "palette8", "grayalpha8", "grayalpha16", "rgba8", "rgba16",
        ]
        for kind in kinds {
            #expect(
                files.contains("png/\(kind).png") && files.contains("png/\(kind)-interlaced.png"),
                "\(kind)"
            )
        }
    }

    @Test("half-transparent red over white is pink")
    func compositesOverWhite() throws {
        let image = try ImageDecoder.decode(ImagingFixtures.bytes(of: "png/rgba8-blends.png"), name: "blends")
        // Row 0 is transparent throughout, so it is white whatever its colour.
        #expect(image.pixels[0..<768].allSatisfy { $0 == 255 })
    }

    @Test("a palette index without an entry is an error")
    func refusesIndexPastPalette() throws {
        var bytes = try ImagingFixtures.bytes(of: "png/palette4.png")
        // Shorten PLTE from 16 to 2 entries and put its new checksum after it.
        let start = try #require(bytes.firstRange(of: Array("PLTE".utf8))?.lowerBound)
        let content = Array(bytes[start..<start + 4 + 6])
        bytes.replaceSubrange(
            start - 4..<start + 4 + 48 + 4,
            with: [0, 0, 0, 6] + content + PNGFile.checksum(content)
        )
        let error = #expect(throws: DecodeError.self) { try ImageDecoder.decode(bytes, name: "p.png") }
        #expect(error?.description.contains("in a palette of 2") == true)
    }
}
