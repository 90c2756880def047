import Imaging
import Testing

@Suite struct PixelFloatsTests {
    @Test("floats for the autoencoder equal diffusers' bit for bit, both ways")
    func matchesDiffusers() throws {
        let expected = try ImagingFixtures.load().autoencoder
        let image = ImagingFixtures.synthetic(width: expected.width, height: expected.height)
        #expect(ImagingFixtures.digest(of: image.rgbFloats()) == expected.floats)
        let count = 3 * expected.width * expected.height
        let output = (0..<count).map { Float(($0 * 7_919) % 2_601 - 1_300) / 1_020 }
        let back = try PixelImage(rgbFloats: output, width: expected.width, height: expected.height)
        #expect(back.digest == expected.image)
    }

    @Test("every level survives the way there and back")
    func roundTrip() throws {
        let image = PixelImage(width: 16, height: 16, pixels: (0..<768).map { UInt8($0 % 256) })
        #expect(try PixelImage(rgbFloats: image.rgbFloats(), width: 16, height: 16) == image)
    }

    @Test("values that are not finite are refused", arguments: [Float.nan, .infinity, -.infinity])
    func refusesNonFinite(value: Float) {
        var floats = [Float](repeating: 0, count: 12)
        floats[7] = value
        #expect(throws: PixelError.nonFinite(index: 7)) {
            try PixelImage(rgbFloats: floats, width: 2, height: 2)
        }
        #expect(throws: PixelError.wrongCount(count: 12, width: 2, height: 3)) {
            try PixelImage(rgbFloats: floats, width: 2, height: 3)
        }
    }
}
