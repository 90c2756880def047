import Foundation
import Imaging
import Testing

@Suite struct ImageDecoderTests {
    static let strangers: [(bytes: [UInt8], words: String)] = [
        (Array("GIF89a".utf8) + [1, 0, 1, 0], "a GIF image"),
        (Array("RIFF".utf8) + [9, 0, 0, 0] + Array("WAVEfmt ".utf8), "binary data beginning 52 49 46 46"),
        ([0, 0, 0, 24] + Array("ftypheic".utf8), "a HEIC image"),
        ([0, 0, 0, 24] + Array("ftypavif".utf8), "an AVIF image"),
        (Array("BM".utf8) + [0, 0], "a BMP image"),
        ([0x49, 0x49, 0x2A, 0, 8, 0, 0, 0], "a TIFF image"),
        (Array("<!DOCTYPE html><html></html>".utf8), "an HTML page"),
        (Array("<svg xmlns=\"\"/>".utf8), "an SVG drawing"),
        (Array("hello, this is no picture\n".utf8), "text"),
        (Array("version https://git-lfs.github.com/spec/v1\n".utf8), "a Git LFS pointer"),
        ([0, 1, 2, 3], "binary data beginning 00 01 02 03"),
        ([0x89], "binary data beginning 89"),
    ]

    @Test("bytes that are no picture are named for what they are", arguments: strangers)
    func namesStrangers(bytes: [UInt8], words: String) {
        let error = #expect(throws: DecodeError.self) { try ImageDecoder.decode(bytes, name: "cat.png") }
        let line = error?.description ?? ""
        #expect(
            line.hasPrefix("cat.png: ") && line.contains(words) && line.contains("PNG or JPEG"),
            "\(line)"
        )
        #expect(!line.contains("\n"))
    }

    @Test("the content decides, not the name")
    func contentDecides() throws {
        let jpeg = try ImagingFixtures.bytes(of: "jpg/ycc444.jpg")
        #expect(try ImageDecoder.decode(jpeg, name: "a.png") == ImageDecoder.decode(jpeg, name: "a.jpg"))
    }

    @Test("an empty file is an error that names it")
    func refusesEmptyFile() {
        #expect(throws: DecodeError.empty(name: "none.png")) { try ImageDecoder.decode([], name: "none.png") }
    }

    @Test("a file over the byte limit is refused unread")
    func limitsBytes() throws {
        let bytes = try ImagingFixtures.bytes(of: "png/rgb8.png")
        let limits = DecodeLimits(maximumBytes: bytes.count - 1)
        let expected = DecodeError.tooManyBytes(name: "x", count: bytes.count, limit: bytes.count - 1)
        #expect(throws: expected) { try ImageDecoder.decode(bytes, name: "x", limits: limits) }
        let path = try ImagingFixtures.path(of: "png/rgb8.png")
        #expect(throws: DecodeError.tooManyBytes(name: path, count: bytes.count, limit: bytes.count - 1)) {
            try ImageDecoder.decode(contentsOf: path, limits: limits)
        }
    }

    @Test(
        "a picture over the pixel limit is refused, one at the limit is not",
        arguments: ["png/rgb8.png", "jpg/gray.jpg", "webp/lossy.webp", "webp/lossless-alpha.webp"]
    )
    func limitsPixels(file: String) throws {
        let bytes = try ImagingFixtures.bytes(of: file)
        let image = try ImageDecoder.decode(bytes, name: file)
        let area = image.width * image.height
        #expect(
            try ImageDecoder.decode(bytes, name: file, limits: DecodeLimits(maximumPixels: area)) == image
        )
        let expected = DecodeError.tooManyPixels(
            name: file,
            width: image.width,
            height: image.height,
            limit: area - 1
        )
        #expect(throws: expected) {
            try ImageDecoder.decode(bytes, name: file, limits: DecodeLimits(maximumPixels: area - 1))
        }
    }

    @Test(
        "a path that cannot be read is an error that names it",
        arguments: ["/nowhere/at/all.png", "/", "/dev/zero"]
    )
    func namesUnreadablePath(path: String) {
        let error = #expect(throws: DecodeError.self) { try ImageDecoder.decode(contentsOf: path) }
        #expect(error?.name == path)
        let line = error?.description ?? ""
        #expect(line.contains("cannot be read (") && line.contains("check the path"), "\(line)")
    }

    @Test("a link to a file is followed")
    func followsLink() throws {
        let path = try ImagingFixtures.path(of: "png/rgb8.png")
        let link = FileManager.default.temporaryDirectory.appending(path: "imaging-\(UUID().uuidString).png")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: URL(filePath: path))
        defer { try? FileManager.default.removeItem(at: link) }
        let linked = try ImageDecoder.decode(contentsOf: link.path(percentEncoded: false))
        #expect(try linked == ImageDecoder.decode(contentsOf: path))
    }
}
