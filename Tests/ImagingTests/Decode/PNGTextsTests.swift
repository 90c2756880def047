import Imaging
import Testing

@Suite struct PNGTextsTests {
    @Test(
        "orientation in texts turns a picture as in Pillow",
        arguments: ImagingFixtures.files(in: "pngtext")
    )
    func matchesPillow(file: ImagingFixtures.File) throws {
        let image = try ImageDecoder.decode(ImagingFixtures.bytes(of: file.file), name: file.file)
        #expect(image.width == file.width && image.height == file.height)
        #expect(image.digest == file.sha256)
    }

    @Test("a compressed orientation turns the picture, and a damaged one leaves it")
    func turns() throws {
        let turned = try ImageDecoder.decode(
            ImagingFixtures.bytes(of: "pngtext/xmp-squeezed6.png"),
            name: "6"
        )
        let stored = try ImageDecoder.decode(ImagingFixtures.bytes(of: "pngtext/text-damaged.png"), name: "1")
        #expect(turned.width == 6 && turned.height == 9)
        #expect(stored.width == 9 && stored.height == 6)
    }

    @Test("a text of orientation that inflates to more than 1 MiB is refused")
    func refusesBomb() throws {
        let plain = try ImagingFixtures.bytes(of: "bombs/plain.png")
        let bomb = try ImagingFixtures.bytes(of: "bombs/text.png")
        let start = try #require(bomb.firstRange(of: Array("zTXtComment".utf8))?.lowerBound)
        let length = bomb[start - 4..<start].reduce(0) { $0 << 8 | Int($1) }
        let stream = bomb[start + 4 + 9..<start + 4 + length]
        for (type, keyword) in [
            ("zTXt", Array("Raw profile type exif".utf8) + [0, 0]),
            ("iTXt", Array("XML:com.adobe.xmp".utf8) + [0, 1, 0, 0, 0]),
        ] {
            let bytes = Array(plain.prefix(33)) + PNGFile.chunk(type, keyword + stream) + plain.dropFirst(33)
            #expect(throws: DecodeError.tooMuchMetadata(name: "b", bytes: 1_048_577, limit: 1_048_576)) {
                try ImageDecoder.decode(bytes, name: "b")
            }
        }
    }
}
