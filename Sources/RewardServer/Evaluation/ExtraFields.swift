import Foundation

/// What an object says beside the keys that are known, as texts.
struct ExtraFields {
    /// Texts as they are, other values as JSON with sorted keys, by key.
    let texts: [String: String]

    /// Collects the other keys.
    ///
    /// - Parameters:
    ///   - decoder: At the object.
    ///   - keys: The keys that are known.
    /// - Throws: A `DecodingError` when it is no object.
    init<Keys: CodingKey & CaseIterable>(from decoder: any Decoder, besides keys: Keys.Type) throws {
        let known = Set(keys.allCases.map(\.stringValue))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var texts: [String: String] = [:]
        for (key, value) in try [String: Value](from: decoder) where !known.contains(key) {
            texts[key] =
                if case .text(let text) = value {
                    text
                } else {
                    String(decoding: try encoder.encode(value), as: UTF8.self)
                }
        }
        self.texts = texts
    }

    /// Any JSON value.
    private enum Value: Codable {
        case null
        case flag(Bool)
        case whole(Int)
        case number(Double)
        case text(String)
        case list([Value])
        case object([String: Value])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let flag = try? container.decode(Bool.self) {
                self = .flag(flag)
            } else if let whole = try? container.decode(Int.self) {
                self = .whole(whole)
            } else if let number = try? container.decode(Double.self) {
                self = .number(number)
            } else if let text = try? container.decode(String.self) {
                self = .text(text)
            } else if let list = try? container.decode([Value].self) {
                self = .list(list)
            } else {
                self = .object(try container.decode([String: Value].self))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .null: try container.encodeNil()
            case .flag(let flag): try container.encode(flag)
            case .whole(let whole): try container.encode(whole)
            case .number(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            case .list(let list): try container.encode(list)
            case .object(let object): try container.encode(object)
            }
        }
    }
}
