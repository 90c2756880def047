import Foundation
import Shared
import Yams

/// What a `DecodingError` says, in one line, with the path of the value at fault.
struct DecodingReason {
    /// The path of the value at fault, such as `edits[2].image`; `nil` for the whole text.
    let path: String?
    /// The exact reason: `unknown_key`, `missing_key`, `wrong_type`, `invalid_value`, `malformed`.
    let code: String
    /// One line for people.
    let text: String

    /// Reads the error of a JSON or YAML decoder.
    init(_ error: any Error) {
        switch error {
        case DecodingError.keyNotFound(let key, let context):
            let path = (context.codingPath + [key]).pathText
            self.init(path: path, code: "missing_key", text: "\"\(path)\" is missing")
        case DecodingError.typeMismatch(let type, let context),
            DecodingError.valueNotFound(let type, let context):
            let path = context.codingPath.pathText
            let place = path.isEmpty ? "the whole text" : "\"\(path)\""
            self.init(path: path, code: "wrong_type", text: "\(place) must be \(Self.name(of: type))")
        case DecodingError.dataCorrupted(let context):
            let path = context.codingPath.pathText
            if let unknown = context.underlyingError as? UnknownKeyError {
                self.init(path: unknown.path, code: "unknown_key", text: unknown.description)
            } else if path.isEmpty {
                self.init(path: nil, code: "malformed", text: Self.reason(of: context))
            } else {
                self.init(path: path, code: "invalid_value", text: "\"\(path)\": \(context.debugDescription)")
            }
        default:
            self.init(path: nil, code: "malformed", text: Self.oneLine("\(error)"))
        }
    }

    private init(path: String?, code: String, text: String) {
        self.path = path.flatMap { $0.isEmpty ? nil : $0 }
        self.code = code
        self.text = Self.oneLine(text)
    }

    private static func reason(of context: DecodingError.Context) -> String {
        let detail = context.underlyingError.map { error in
            (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String ?? "\(error)"
        }
        return context.debugDescription + (detail.map { " (\($0))" } ?? "")
    }

    /// The first 300 characters without line breaks: a hostile text must not fill the log.
    private static func oneLine(_ text: String) -> String {
        String(text.map { $0.isNewline ? " " : $0 }.prefix(300))
    }

    private static func name(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "a text"
        case is Double.Type: "a number"
        case is Int.Type: "a whole number"
        case is Bool.Type: "true or false"
        case is any ExpressibleByArrayLiteral.Type: "a list"
        default: "an object"
        }
    }
}
