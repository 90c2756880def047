/// A key of a JSON object, whatever its name.
private struct AnyKey: CodingKey {
    let stringValue: String
    let intValue: Int?

    init?(stringValue: String) {
        self.stringValue = stringValue
        intValue = nil
    }

    init?(intValue: Int) {
        stringValue = String(intValue)
        self.intValue = intValue
    }
}

/// A `DecodingError`'s underlying error: the object has a key that the contract does not know.
package struct UnknownKeyError: Error, CustomStringConvertible {
    /// The whole path of the key, such as `options.top_p` or `edits[2].path`.
    package let path: String
    /// The keys that the object may have.
    package let known: [String]

    /// One line: the key, and those that exist.
    package var description: String {
        "unknown key \"\(path)\"; known here: \(known.joined(separator: ", "))"
    }
}

extension Decoder {
    /// Throws a `DecodingError` that names the first key, in alphabetical order, that `keys` does not hold.
    package func refuseUnknownKeys<Keys: CodingKey & CaseIterable>(_ keys: Keys.Type) throws {
        let known = keys.allCases.map(\.stringValue)
        let found = try container(keyedBy: AnyKey.self).allKeys.map(\.stringValue)
        guard let unknown = found.filter({ !known.contains($0) }).min() else { return }
        let error = UnknownKeyError(
            path: codingPath.isEmpty ? unknown : codingPath.pathText + "." + unknown,
            known: known
        )
        throw DecodingError.dataCorrupted(
            DecodingError.Context(
                codingPath: codingPath,
                debugDescription: error.description,
                underlyingError: error
            )
        )
    }
}

extension [any CodingKey] {
    /// The path as people write it: `edits[2].image`.
    package var pathText: String {
        reduce(into: "") { text, key in
            if let index = key.intValue {
                text += "[\(index)]"
            } else {
                text += (text.isEmpty ? "" : ".") + key.stringValue
            }
        }
    }
}
