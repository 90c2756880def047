import Foundation
import Imaging
import Testing

@Suite struct PictureFileTests {
    /// Runs `body` in a new folder that holds a picture and links.
    private func inFolder(_ body: (String) throws -> Void) throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "pictures-\(UUID().uuidString)")
            .path
        try FileManager.default.createDirectory(atPath: folder + "/a/b", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(ImagingFixtures.bytes(of: "png/rgb8.png")).write(to: URL(filePath: folder + "/p.png"))
        for (name, target) in [
            ("l.png", "p.png"), ("a/l.png", "../p.png"), ("a/b/l.png", "../l.png"),
            ("absolute", folder + "/p.png"),
            ("dangling", "nowhere.png"), ("chained", "dangling"), ("x", "y"), ("y", "x"), ("folder", "a"),
        ] {
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/" + name,
                withDestinationPath: target
            )
        }
        try body(folder)
    }

    @Test("links to a picture are the picture, relative ones and chains included")
    func followsLinks() throws {
        try inFolder { folder in
            let bytes = try PictureFile.read(folder + "/p.png")
            for name in ["l.png", "a/l.png", "a/b/l.png", "absolute", "folder/l.png"] {
                #expect(try PictureFile.read(folder + "/" + name) == bytes, "\(name)")
            }
        }
    }

    @Test(
        "a link that leads nowhere is named with the reason",
        arguments: [
            ("dangling", "a link to nowhere.png"), ("chained", "a link to dangling"), ("x", "circle"),
            ("folder", "folder"), ("a", "folder"), ("p.png/q", "no such file"), ("none", "no such file"),
        ]
    )
    func namesFailures(name: String, reason: String) throws {
        try inFolder { folder in
            let error = #expect(throws: DecodeError.self) { try PictureFile.read(folder + "/" + name) }
            #expect(error?.name == folder + "/" + name)
            #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
        }
    }

    @Test("a file over the limit is refused before it is read")
    func limitsBytes() throws {
        try inFolder { folder in
            let path = folder + "/l.png"
            let count = try PictureFile.read(path).count
            #expect(throws: DecodeError.tooManyBytes(name: path, count: count, limit: count - 1)) {
                try PictureFile.read(path, limits: DecodeLimits(maximumBytes: count - 1))
            }
        }
    }
}
