import Shared
import Testing

@Suite struct DataURITests {
    @Test("bytes survive the way there and back", arguments: [0, 1, 2, 3, 255, 10_000])
    func roundTrip(count: Int) throws {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        let uri = try DataURI(DataURI(mediaType: "image/png", bytes: bytes).text)
        #expect(uri.bytes == bytes)
        #expect(uri.mediaType == "image/png")
    }

    @Test("an image's media type is read from its first bytes")
    func mediaType() {
        #expect(DataURI(image: [0x89, 0x50, 0x4E, 0x47, 0x0D]).mediaType == "image/png")
        #expect(DataURI(image: [0xFF, 0xD8, 0xFF]).mediaType == "image/jpeg")
        #expect(DataURI(image: [1]).mediaType == "application/octet-stream")
    }

    @Test("parameters and letter case of the header do not matter")
    func header() throws {
        #expect(try DataURI("data:Image/PNG;name=a.png;BASE64,AAE=").bytes == [0, 1])
    }

    @Test(
        "what is no strict data URI is refused",
        arguments: [
            ("", DataURIError.scheme),
            ("https://example.org/a.png", .scheme),
            ("file:///etc/passwd", .scheme),
            ("data:image/png;base64", .noComma),
            ("data:image/png,abc", .notBase64),
            ("data:;base64,AAE=", .noMediaType),
            ("data:image/png;base64,AAE", .malformedBase64),
            ("data:image/png;base64,AA E=", .malformedBase64),
            ("data:image/png;base64,AAE=\n", .malformedBase64),
            ("data:image/png;base64,AA-_", .malformedBase64),
            ("data:image/png;base64,é===", .malformedBase64),
        ]
    )
    func refusals(text: String, error: DataURIError) {
        #expect(throws: error) { try DataURI(text) }
    }
}
