import CDigest

/// The SHA-256 digest of some bytes: the identity of an image, a rubric or a model file.
package struct ContentHash: Sendable, Hashable, CustomStringConvertible {
    /// The 32 bytes of the digest.
    package let bytes: [UInt8]

    /// Digests bytes.
    package init(_ content: [UInt8]) {
        self = unsafe content.withUnsafeBytes { unsafe ContentHash(buffer: $0) }
    }

    /// Digests the UTF-8 bytes of a text.
    package init(_ text: String) {
        self.init(Array(text.utf8))
    }

    /// Digests a whole mapped file.
    package init(_ file: MappedFile) {
        self = unsafe file.withUnsafeBytes(0..<file.count) { unsafe ContentHash(buffer: $0) }
    }

    private init(buffer: UnsafeRawBufferPointer) {
        var digest = [UInt8](repeating: 0, count: 32)
        unsafe cd_sha256(buffer.baseAddress, buffer.count, &digest)
        bytes = digest
    }

    /// The digest in 64 lower-case hexadecimal digits.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef")
        return String(bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] })
    }

    /// `sha256:` and the hexadecimal digits, as replies carry it.
    package var description: String { "sha256:" + hexadecimal }
}
