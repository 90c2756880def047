import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Replies in JSON.
enum JSONReply {
    /// Encodes a value; keys are sorted, so that equal replies are equal bytes.
    ///
    /// - Parameters:
    ///   - value: The body.
    ///   - status: The status.
    /// - Returns: The reply; a plain 500 when the value cannot be written, which needs a NaN in it.
    static func response(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            return Response(status: .internalServerError)
        }
        return Response(
            status: status,
            headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: data))
        )
    }
}
