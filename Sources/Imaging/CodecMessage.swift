import CImageCodecs

/// Runs one codec call with a message buffer.
///
/// - Parameter body: Calls the C function with the buffer it may write its reason to.
/// - Returns: The status, and the reason ("" when the call succeeded).
func withCodecMessage(_ body: (ci_message) -> ci_status) -> (status: ci_status, reason: String) {
    var text = [CChar](repeating: 0, count: 256)
    let status = unsafe text.withUnsafeMutableBufferPointer { buffer in
        unsafe body(ci_message(text: buffer.baseAddress, capacity: buffer.count))
    }
    let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return (status, reason)
}

/// Decodes into samples of a known count, which are not cleared first.
///
/// - Parameters:
///   - bytes: The file.
///   - header: What the codec read of the file before.
///   - count: Samples of the whole picture.
///   - name: The file's name, for the error.
///   - format: The file's format, for the error.
///   - decode: Calls the C function with the file, the header, the samples, and where it may write its reason.
/// - Returns: The samples.
/// - Throws: ``DecodeError``.
func decodedSamples<Header>(
    of bytes: [UInt8],
    header: Header,
    count: Int,
    name: String,
    format: ImageFormat,
    decode: (UnsafeBufferPointer<UInt8>, UnsafePointer<Header>, UnsafeMutablePointer<UInt8>?, ci_message) ->
        ci_status
) throws -> [UInt8] {
    var outcome = (status: CI_OK, reason: "")
    let samples = unsafe [UInt8](unsafeUninitializedCapacity: count) { samples, initializedCount in
        outcome = unsafe withCodecMessage { message in
            unsafe bytes.withUnsafeBufferPointer { input in
                unsafe withUnsafePointer(to: header) { header in
                    unsafe decode(input, header, samples.baseAddress, message)
                }
            }
        }
        initializedCount = outcome.status == CI_OK ? count : 0
    }
    try DecodeError.check(outcome, name: name, format: format)
    return samples
}

extension DecodeError {
    /// Throws what a codec call came to, unless it succeeded.
    ///
    /// - Parameters:
    ///   - outcome: Status and reason of the call.
    ///   - name: The file's name.
    ///   - format: The file's format.
    /// - Throws: The error of the status, with the codec's reason.
    static func check(
        _ outcome: (status: ci_status, reason: String),
        name: String,
        format: ImageFormat
    ) throws(DecodeError) {
        switch outcome.status {
        case CI_OK: return
        case CI_TRUNCATED: throw .truncated(name: name, format: format, reason: outcome.reason)
        case CI_CORRUPT: throw .corrupt(name: name, format: format, reason: outcome.reason)
        default: throw .unsupported(name: name, format: format, reason: outcome.reason)
        }
    }
}
