import Foundation

/// The parts of a path, read off its text alone: no file is looked at, and every string has an answer.
///
/// All path arithmetic of the package is here, since Foundation's `deletingLastPathComponent` traps on relative
/// names of one letter. Slashes that follow each other count as one, and slashes at the end are ignored, as POSIX
/// `dirname` and `basename` have it; only the folder of a bare name is "" here and not ".".
///
/// Source: IEEE Std 1003.1-2017, `dirname` and `basename`.
package enum PathText {
    /// The folder of a path: "a/b" → "a", "/b" → "/", "b" → "" (the current one).
    package static func folder(of path: String) -> String {
        let trimmed = withoutTrailingSlashes(path)
        if trimmed == "/" { return "/" }
        guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        let folder = withoutTrailingSlashes(String(trimmed[..<slash]))
        return folder.isEmpty ? "/" : folder
    }

    /// The last name of a path: "a/b.c/" → "b.c", "/" → "/", "" → "".
    package static func name(of path: String) -> String {
        let trimmed = withoutTrailingSlashes(path)
        if trimmed == "/" { return "/" }
        guard let slash = trimmed.utf8.lastIndex(of: UInt8(ascii: "/")) else { return trimmed }
        return String(trimmed[trimmed.utf8.index(after: slash)...])
    }

    /// What follows the last dot of a path's name: "a/b.c" → "c"; "" without a dot, or when the dot is first.
    package static func fileExtension(of path: String) -> String {
        let name = name(of: path)
        guard let dot = dot(in: name) else { return "" }
        return String(name[name.utf8.index(after: dot)...])
    }

    /// A path without its extension and the dot before it: "a.b/c.d" → "a.b/c", "a.b/c" → "a.b/c".
    package static func withoutExtension(_ path: String) -> String {
        let trimmed = withoutTrailingSlashes(path)
        let name = name(of: trimmed)
        guard let dot = dot(in: name) else { return trimmed }
        return String(
            decoding: trimmed.utf8.dropLast(name.utf8.distance(from: dot, to: name.endIndex)),
            as: UTF8.self
        )
    }

    /// A path inside a folder; an absolute path stays as it is, and "" is the current folder.
    ///
    /// - Parameters:
    ///   - path: The path as seen from the folder.
    ///   - folder: The folder.
    /// - Returns: The path as seen from where the folder is named.
    package static func path(_ path: String, in folder: String) -> String {
        if folder.isEmpty || path.hasPrefix("/") { return path }
        return folder.hasSuffix("/") ? folder + path : folder + "/" + path
    }

    /// The absolute form of a path, "." and ".." worked off by their text.
    package static func absolute(_ path: String) -> String {
        let whole = self.path(path, in: FileManager.default.currentDirectoryPath)
        var names: [Substring] = []
        for name in whole.split(separator: "/") where name != "." {
            if name == ".." { _ = names.popLast() } else { names.append(name) }
        }
        return "/" + names.joined(separator: "/")
    }

    /// The place of the dot before an extension; a dot at the start of a name marks a hidden file instead.
    private static func dot(in name: String) -> String.Index? {
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot > name.startIndex,
            name.utf8[..<dot].contains(where: { $0 != UInt8(ascii: ".") })
        else { return nil }
        return dot
    }

    private static func withoutTrailingSlashes(_ path: String) -> String {
        var bytes = path.utf8[...]
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes = bytes.dropLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
