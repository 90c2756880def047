import Foundation
import Shared

/// From the bytes of a body to a request, with bounds that hold before the JSON decoder sees them.
enum RequestParser {
    /// Deepest nesting of the body.
    private static let maximumDepth = 16
    /// Most lists, objects and commas of the body: what its parsed form costs in memory goes by them.
    private static let maximumNodes = 20_000

    /// Reads a request.
    ///
    /// - Parameter bytes: The body.
    /// - Returns: The request.
    /// - Throws: ``WireError/malformed(parameter:code:reason:)``.
    static func request(_ bytes: [UInt8]) throws(WireError) -> EditScoresRequest {
        guard !bytes.isEmpty else {
            throw .malformed(
                parameter: nil,
                code: "empty_body",
                reason: "the body is empty; send a JSON object"
            )
        }
        try checkStructure(bytes)
        do {
            return try JSONDecoder().decode(EditScoresRequest.self, from: Data(bytes))
        } catch {
            let reason = DecodingReason(error)
            throw .malformed(
                parameter: reason.path,
                code: reason.code == "malformed" ? "malformed_json" : reason.code,
                reason: reason.text
            )
        }
    }

    private static func checkStructure(_ bytes: [UInt8]) throws(WireError) {
        var depth = 0
        var nodes = 0
        var isInText = false
        var isEscaped = false
        for byte in bytes {
            if isInText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInText = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                nodes += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): nodes += 1
            default: break
            }
            if depth > maximumDepth {
                throw .malformed(
                    parameter: nil,
                    code: "too_deep",
                    reason: "the JSON is nested deeper than \(maximumDepth) levels"
                )
            }
            if nodes > maximumNodes {
                throw .malformed(
                    parameter: nil,
                    code: "too_many_values",
                    reason: "the JSON has more than \(maximumNodes) values"
                )
            }
        }
    }
}
