/// A file of a model as a hub announces it.
package struct HubFile: Sendable, Hashable {
    /// What a file's checksum is made of.
    package enum Checksum: Sendable, Hashable {
        /// SHA-256 of the content, as hubs give it for large files.
        case sha256(String)
        /// The name of a git blob, as hubs give it for small files.
        case gitBlob(String)

        /// Reads an ETag header; nil when it holds no such digest.
        ///
        /// - Parameter etag: The header's value, with or without quotation marks.
        init?(etag: String) {
            var digits = etag.hasPrefix("W/") ? String(etag.dropFirst(2)) : etag
            if digits.count >= 2, digits.hasPrefix("\""), digits.hasSuffix("\"") {
                digits = String(digits.dropFirst().dropLast())
            }
            let isHexadecimal = digits.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x61...0x66).contains($0)
            }
            switch (digits.utf8.count, isHexadecimal) {
            case (64, true): self = .sha256(digits)
            case (40, true): self = .gitBlob(digits)
            default: return nil
            }
        }

        /// The digits, under which a cache keeps the content.
        package var digits: String {
            switch self {
            case .sha256(let digits), .gitBlob(let digits): digits
            }
        }

        /// The digits that the content of a file gives.
        ///
        /// - Parameter path: The file; an empty one has a checksum as well.
        /// - Returns: Lower-case hexadecimal digits, as ``digits``.
        /// - Throws: ``HubError/file(path:reason:)``.
        func digits(ofFile path: String) throws(HubError) -> String {
            let isEmpty = FileSize.of(path) == 0
            let mapped: MappedFile?
            do {
                mapped = isEmpty ? nil : try MappedFile(path: path)
            } catch {
                throw .file(path: path, reason: error.description)
            }
            switch self {
            case .sha256: return (mapped.map { ContentHash($0) } ?? ContentHash([])).hexadecimal
            case .gitBlob:
                guard let name = mapped.map({ GitBlob.name(of: $0) }) ?? GitBlob.name(of: []) else {
                    throw .file(path: path, reason: "libcrypto computes no SHA-1 here")
                }
                return name
            }
        }
    }

    /// The largest file that is believed to exist, in bytes.
    static let largestSize = 1 << 46

    /// The path in the model's folder.
    package let path: String
    /// Length in bytes.
    package let size: Int
    /// The checksum of the content.
    package let checksum: Checksum

    /// Whether a name stays inside a folder, whatever its parts mean to the file system.
    ///
    /// - Parameter name: A path with slashes between its parts.
    /// - Returns: False for what is absolute, climbs, is too long or holds control characters or backslashes.
    static func isSafe(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return name.utf8.count <= 1_024
            && parts.allSatisfy { part in
                !part.isEmpty && part != "." && part != ".." && part.utf8.count <= 255
                    && part.unicodeScalars.allSatisfy {
                        $0.properties.generalCategory != .control && $0 != "\\"
                    }
            }
    }
}
