import Foundation
import Imaging
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("The Edit-R1 dataset layout")
struct JSONLinesDatasetTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder.file("images"),
            withIntermediateDirectories: true
        )
        for (name, width) in [("a.png", 5), ("b.png", 4)] {
            let pixels = (0..<(width * 4 * 3)).map { UInt8($0 % 251) }
            let image = PixelImage(width: width, height: 4, pixels: pixels)
            try Data(PNGEncoder.encode(image)).write(to: folder.url.appending(path: "images/\(name)"))
        }
    }

    private func dataset(_ lines: String) throws -> JSONLinesDataset {
        try Data(lines.utf8).write(to: folder.url.appending(path: "train_metadata.jsonl"))
        return try JSONLinesDataset(folder: folder.path, split: .train)
    }

    @Test("rows keep their order, and optional columns may be missing")
    func rows() throws {
        let examples = try dataset(
            """
            {"prompt": "first", "image": "images/a.png", "requirement": "keep", "extra": {"x": [1]}}

            {"prompt": "second", "image": "images/b.png", "target": "images/a.png", "operation": "add"}\r
            """
        ).examples
        #expect(examples.map(\.row) == [0, 1])
        #expect(examples.map(\.instruction) == ["first", "second"])
        #expect(examples.map(\.requirement) == ["keep", ""])
        #expect(examples.map(\.operation) == [nil, "add"])
        #expect(examples[1].target == examples[0].image)
        #expect(examples[0].target == nil)
    }

    @Test(
        "a bad line is named",
        arguments: [
            "{", "[]", "{\"image\": \"images/a.png\"}", "{\"prompt\": 1, \"image\": \"images/a.png\"}",
            "{\"prompt\": \"\", \"image\": \"images/a.png\"}",
        ]
    )
    func badLine(line: String) throws {
        do {
            _ = try dataset("{\"prompt\": \"x\", \"image\": \"images/a.png\"}\n\(line)\n")
            Issue.record("\(line) was accepted")
        } catch DatasetError.invalidLine(let file, let number, _) {
            #expect(file.hasSuffix("train_metadata.jsonl"))
            #expect(number == 2)
        }
    }

    @Test("missing images and files outside the folder are refused with their line")
    func images() throws {
        func error(_ image: String) -> DatasetError? {
            do {
                _ = try dataset("\n{\"prompt\": \"x\", \"image\": \"\(image)\"}")
                return nil
            } catch {
                return error as? DatasetError
            }
        }
        let file = folder.path + "/train_metadata.jsonl"
        #expect(error("images/c.png") == .missingImage(file: file, line: 2, image: "images/c.png"))
        #expect(error("images") == .missingImage(file: file, line: 2, image: "images"))
        for outside in ["../a.png", "/etc/hostname", "images/../../a.png"] {
            #expect(error(outside) == .outsideFolder(file: file, line: 2, image: outside))
        }
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("images/dangling.png"),
            withDestinationPath: "../blobs/none"
        )
        let words = "images/dangling.png (a link to ../blobs/none, which leads to no file)"
        #expect(error("images/dangling.png") == .missingImage(file: file, line: 2, image: words))
    }

    @Test("a link to a picture is a picture, also outside the folder as in the cache of a hub")
    func links() throws {
        let blobs = try TemporaryFolder()
        let blob = blobs.file("0123abcd")
        try FileManager.default.copyItem(atPath: folder.file("images/a.png"), toPath: blob)
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("images/first.png"),
            withDestinationPath: blob
        )
        try FileManager.default.createSymbolicLink(
            atPath: folder.file("images/second.png"),
            withDestinationPath: "first.png"
        )
        let linked = try dataset("{\"prompt\": \"x\", \"image\": \"images/second.png\"}")
        let image = try ImageDecoder.decode(contentsOf: linked.examples[0].image)
        #expect(try image == ImageDecoder.decode(contentsOf: folder.file("images/a.png")))
    }

    @Test("a folder without rows or without metadata is refused")
    func empty() throws {
        #expect(throws: DatasetError.empty(file: folder.path + "/train_metadata.jsonl")) {
            try dataset("\n\n")
        }
        #expect(throws: DatasetError.self) {
            try JSONLinesDataset(folder: folder.path, split: .test)
        }
        #expect(throws: DatasetError.self) {
            try JSONLinesDataset(folder: folder.path + "/none", split: .train)
        }
    }

    @Test("images are cut to their centre and resized")
    func loading() throws {
        let image = try ExampleImage.load(folder.file("images/a.png"), resolution: 4)
        let whole = try ImageDecoder.decode(contentsOf: folder.file("images/a.png"))
        // Five columns: none is left out at the left, one at the right.
        #expect(image.width == 4 && image.height == 4)
        for row in 0..<4 {
            #expect(image.pixels[(row * 12)..<(row * 12 + 12)] == whole.pixels[(row * 15)..<(row * 15 + 12)])
        }
        let large = try ExampleImage.load(folder.file("images/a.png"), resolution: 16)
        #expect(large.width == 16 && large.height == 16)
    }
}
