import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// Reads the body of a JSON request within the limits.
struct RequestBodyReader {
    /// The limits.
    let limits: ServerLimits

    /// Looks at the headers before a byte of the body is read.
    ///
    /// - Parameter request: The request.
    /// - Returns: Bytes that the body may take in memory.
    /// - Throws: ``WireError``.
    func announcedLength(of request: Request) throws(WireError) -> Int {
        let headers = request.headers
        if let type = headers[.contentType] {
            let name = type.split(separator: ";").first?.trimmingCharacters(in: .whitespaces).lowercased()
            guard name == "application/json" else { throw .mediaType(String(type.prefix(80))) }
        }
        if let encoding = headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw .contentEncoding(String(encoding.prefix(80)))
        }
        guard let text = headers[.contentLength] else {
            guard headers[.transferEncoding] != nil else { throw .lengthRequired }
            return limits.maximumBody
        }
        guard let length = Int(text), length >= 0, length <= limits.maximumBody else {
            throw .bodyTooLarge(limit: limits.maximumBody)
        }
        return length
    }

    /// Reads the whole body.
    ///
    /// - Parameter body: The request's body.
    /// - Returns: The bytes.
    /// - Throws: ``WireError/bodyTooLarge(limit:)``, ``WireError/bodyTooSlow(limit:)``.
    func bytes(of body: RequestBody) async throws -> ByteBuffer {
        try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            group.addTask {
                var buffer = ByteBuffer()
                for try await var part in body {
                    guard buffer.readableBytes + part.readableBytes <= limits.maximumBody else {
                        throw WireError.bodyTooLarge(limit: limits.maximumBody)
                    }
                    buffer.writeBuffer(&part)
                }
                return buffer
            }
            group.addTask {
                try await Task.sleep(for: limits.bodyTimeout)
                throw WireError.bodyTooSlow(limit: limits.bodyTimeout)
            }
            defer { group.cancelAll() }
            guard let buffer = try await group.next() else { throw CancellationError() }
            return buffer
        }
    }
}
