import Imaging
import Testing

@Suite struct JPEGDecoderTests {
    /// Largest difference of a sample.
    ///
    /// Pillow 12.2.0 bundles libjpeg-turbo 3.1.4; Debian 12 ships 2.1.5, and between the two no sample of
    /// these files differs. Other builds of libjpeg may round differently in transform and upsampling.
    private static let tolerance = 2

    @Test("every kind of JPEG decodes to Pillow's samples", arguments: ImagingFixtures.files(in: "jpg"))
    func matchesPillow(file: ImagingFixtures.File) throws {
        let image = try ImageDecoder.decode(ImagingFixtures.bytes(of: file.file), name: file.file)
        let expected = try #require(try ImagingFixtures.expectedPixels(of: file))
        let reference = PixelImage(width: file.width, height: file.height, pixels: expected)
        #expect(image.largestDifference(to: reference) <= Self.tolerance)
    }

    @Test(
        "photographs decode to Pillow's samples bit for bit with libjpeg-turbo 2.1 to 3.1",
        arguments: ImagingFixtures.files(in: "photos").filter { $0.file.hasSuffix("jpg") }
    )
    func photographsMatchPillow(file: ImagingFixtures.File) throws {
        let image = try ImageDecoder.decode(contentsOf: ImagingFixtures.path(of: file.file))
        #expect(image.width == file.width && image.height == file.height)
        #expect(image.digest == file.sha256)
    }

    @Test("the fixtures hold every colour space, both codings and all orientations")
    func fixturesAreComplete() {
        let files = Set(ImagingFixtures.files(in: "jpg").map(\.file))
        let kinds = [
            "gray", "ycc444", "ycc422", "ycc420", "ycc420-progressive", "rgb-adobe", "cmyk-adobe",
            "ycck-adobe",
        ]
        for kind in kinds + (1...8).map({ "exif\($0)" }) {
            #expect(files.contains("jpg/\(kind).jpg"), "\(kind)")
        }
    }

    @Test("orientation 6 turns a wide picture upright")
    func turnsUpright() throws {
        let stored = try ImageDecoder.decode(ImagingFixtures.bytes(of: "jpg/exif1.jpg"), name: "1")
        let turned = try ImageDecoder.decode(ImagingFixtures.bytes(of: "jpg/exif6.jpg"), name: "6")
        #expect(stored.width == 20 && stored.height == 13)
        #expect(turned.width == 13 && turned.height == 20)
        // The stored bottom left corner becomes the top left one.
        #expect(turned.pixels[0..<3] == stored.pixels[12 * 20 * 3..<12 * 20 * 3 + 3])
    }
}
