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
