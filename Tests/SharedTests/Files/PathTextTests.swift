import Foundation
import Shared
import Testing

@Suite struct PathTextTests {
    @Test(
        "a path has a folder and a name, whatever it is",
        arguments: [
            ("r", "", "r"), ("", "", ""), ("/", "/", "/"), ("//", "/", "/"), ("/r", "/", "r"),
            ("a/b", "a", "b"),
            ("a/", "", "a"), ("a//b//", "a", "b"), ("/a/b/", "/a", "b"), (".", "", "."), ("..", "", ".."),
            ("./r", ".", "r"), ("../r", "..", "r"), ("a/.", "a", "."), (".r", "", ".r"), ("//r", "/", "r"),
            ("\u{FFFD}", "", "\u{FFFD}"), ("é/\u{1F600}", "é", "\u{1F600}"),
        ]
    )
    func splits(path: String, folder: String, name: String) {
        #expect(PathText.folder(of: path) == folder)
        #expect(PathText.name(of: path) == name)
    }

    @Test(
        "an extension is what follows the last dot of the name",
        arguments: [
            ("a.b", "b", "a"), ("a", "", "a"), (".a", "", ".a"), ("..", "", ".."), ("a.b/c", "", "a.b/c"),
            ("a.b/c.d.e", "e", "a.b/c.d"), ("a.", "", "a"), ("x.jsonl/", "jsonl", "x"), ("", "", ""),
            ("/", "", "/"),
            ("r.é", "é", "r"),
        ]
    )
    func extensions(path: String, ending: String, rest: String) {
        #expect(PathText.fileExtension(of: path) == ending)
        #expect(PathText.withoutExtension(path) == rest)
    }

    @Test(
        "a path inside a folder",
        arguments: [
            ("a", "f", "f/a"), ("a", "f/", "f/a"), ("a", "", "a"), ("/a", "f", "/a"), ("a", "/", "/a"),
            ("", "f", "f/"),
        ]
    )
    func joins(path: String, folder: String, whole: String) {
        #expect(PathText.path(path, in: folder) == whole)
    }

    @Test("an absolute path has no dots")
    func absolute() {
        let here = FileManager.default.currentDirectoryPath
        #expect(PathText.absolute("r") == PathText.path("r", in: here))
        #expect(PathText.absolute(".") == here)
        #expect(PathText.absolute("/a/./b/../c/") == "/a/c")
        #expect(PathText.absolute("/../..") == "/")
    }

    @Test("a file with a name of one letter is written in the current folder")
    func writesOneLetter() throws {
        // A name that no other test takes; the current folder is the process's, so it is not changed here.
        let name = "\u{E000}"
        defer { try? FileManager.default.removeItem(atPath: name) }
        try AtomicFile.write(Data("x".utf8), to: name)
        #expect(FileSize.of(name) == 1)
        #expect(FileSize.free(in: name) != nil)
    }
}
