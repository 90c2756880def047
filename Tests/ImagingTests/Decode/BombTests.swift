import Imaging
import Testing

@Suite struct BombTests {
    @Test("a PNG header of 60,000 × 60,000 is refused before anything is allocated")
    func refusesHugePNG() {
        let file = PNGFile.signature + PNGFile.header(width: 60_000, height: 60_000)
        let expected = DecodeError.tooManyPixels(name: "b", width: 60_000, height: 60_000, limit: 50_000_000)
        #expect(throws: expected) { try ImageDecoder.decode(file, name: "b") }
    }

    @Test("a PNG header with the largest numbers does not overflow", arguments: [UInt32.max, 0x7FFF_FFFF])
    func refusesLargestNumbers(side: UInt32) {
        let file = PNGFile.signature + PNGFile.header(width: side, height: side)
        #expect(throws: DecodeError.self) { try ImageDecoder.decode(file, name: "b") }
    }

    @Test("a PNG without area is refused", arguments: [(0, 5), (5, 0)] as [(UInt32, UInt32)])
    func refusesNoArea(width: UInt32, height: UInt32) {
        let file =
            PNGFile.signature + PNGFile.header(width: width, height: height) + PNGFile.chunk("IEND", [])
        #expect(throws: DecodeError.self) { try ImageDecoder.decode(file, name: "b") }
    }

    @Test("a JPEG frame of 65,535 × 65,535 is refused before anything is allocated")
    func refusesHugeJPEG() throws {
        var bytes = try ImagingFixtures.bytes(of: "jpg/ycc420.jpg")
        let frame = try #require(bytes.firstRange(of: [0xFF, 0xC0])?.lowerBound)
        bytes.replaceSubrange(frame + 5..<frame + 9, with: [0xFF, 0xFF, 0xFF, 0xFF])
        let expected = DecodeError.tooManyPixels(name: "b", width: 65_535, height: 65_535, limit: 50_000_000)
        #expect(throws: expected) { try ImageDecoder.decode(bytes, name: "b") }
    }

    @Test("metadata that would inflate to 30 MB does no harm", arguments: ["text", "profile"])
    func skipsCompressedMetadata(kind: String) throws {
        let plain = try ImageDecoder.decode(ImagingFixtures.bytes(of: "bombs/plain.png"), name: "plain")
        let bytes = try ImagingFixtures.bytes(of: "bombs/\(kind).png")
        #expect(try ImageDecoder.decode(bytes, name: kind) == plain)
        let limits = DecodeLimits(maximumMetadataBytes: 1_000)
        let error = #expect(throws: DecodeError.self) {
            try ImageDecoder.decode(bytes, name: kind, limits: limits)
        }
        #expect(error?.description.contains("metadata") == true)
    }

    @Test("a PNG with too many ancillary chunks is refused")
    func limitsChunkCount() throws {
        let limit = DecodeLimits.standard.maximumMetadataParts
        let bytes = try ImagingFixtures.bytes(of: "bombs/plain.png")
        let header = Array(bytes.prefix(33))
        let text = PNGFile.chunk("tEXt", Array("k".utf8) + [0])
        let full = header + (0..<limit).flatMap { _ in text } + bytes.dropFirst(33)
        #expect(try ImageDecoder.decode(full, name: "b") == ImageDecoder.decode(bytes, name: "b"))
        #expect(throws: DecodeError.tooManyMetadataParts(name: "b", limit: limit)) {
            try ImageDecoder.decode(header + text + full.dropFirst(33), name: "b")
        }
    }

    @Test("a JPEG with too many application segments is refused")
    func limitsSegmentCount() throws {
        let limit = DecodeLimits.standard.maximumMetadataParts
        let bytes = try ImagingFixtures.bytes(of: "jpg/gray.jpg")
        let segments = [UInt8]((0...limit).flatMap { _ in [0xFF, 0xED, 0, 2] as [UInt8] })
        #expect(throws: DecodeError.tooManyMetadataParts(name: "b", limit: limit)) {
            try ImageDecoder.decode(Array(bytes.prefix(2)) + segments + bytes.dropFirst(2), name: "b")
        }
    }

    @Test("a progressive JPEG with more scans than the limit is refused")
    func limitsScans() throws {
        let bytes = try ImagingFixtures.bytes(of: "jpg/ycc444-progressive.jpg")
        let error = #expect(throws: DecodeError.self) {
            try ImageDecoder.decode(bytes, name: "b", limits: DecodeLimits(maximumScans: 3))
        }
        #expect(error?.description.contains("scans") == true)
        #expect(throws: Never.self) {
            try ImageDecoder.decode(bytes, name: "b", limits: DecodeLimits(maximumScans: 10))
        }
    }
}
