import CDigest

/// The name that git gives a file's content, which hubs use as checksum of small files.
package enum GitBlob {
    /// The SHA-1 of `blob <size>`, a zero byte and the content, in 40 lower-case hexadecimal digits.
    ///
    /// - Parameter content: The file's bytes.
    /// - Returns: The name; nil when libcrypto refuses SHA-1, as it may under a security policy.
    package static func name(of content: [UInt8]) -> String? {
        unsafe content.withUnsafeBytes { unsafe name(of: $0) }
    }

    /// The name of a whole mapped file.
    ///
    /// - Parameter file: The file.
    /// - Returns: As ``name(of:)-([UInt8])``.
    package static func name(of file: MappedFile) -> String? {
        unsafe file.withUnsafeBytes(0..<file.count) { unsafe name(of: $0) }
    }

    private static func name(of content: UnsafeRawBufferPointer) -> String? {
        let head = Array("blob \(content.count)\u{0}".utf8)
        var digest = [UInt8](repeating: 0, count: 20)
        let status = unsafe cd_sha1(head, head.count, content.baseAddress, content.count, &digest)
        let digits = Array("0123456789abcdef")
        return status == 0 ? String(digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }) : nil
    }
}
