/// The metadata of a GGUF file: values by key.
package struct GGUFMetadata: Sendable {
    /// All values.
    package let values: [String: GGUFValue]

    /// Whether the key is there.
    package func has(_ key: String) -> Bool { values[key] != nil }

    /// The whole number under a key; nil when it is missing or another kind of value.
    package func integer(_ key: String) -> Int? {
        if case .integer(let value) = values[key] { value } else { nil }
    }

    /// The number under a key, whole or not; nil when it is missing or another kind of value.
    package func number(_ key: String) -> Double? {
        switch values[key] {
        case .number(let value): value
        case .integer(let value): Double(value)
        default: nil
        }
    }

    /// The flag under a key; nil when it is missing or another kind of value.
    package func flag(_ key: String) -> Bool? {
        if case .flag(let value) = values[key] { value } else { nil }
    }

    /// The text under a key; nil when it is missing or another kind of value.
    package func text(_ key: String) -> String? {
        if case .text(let value) = values[key] { value } else { nil }
    }

    /// The list of whole numbers under a key; nil when it is missing or another kind of value.
    package func integers(_ key: String) -> [Int]? {
        if case .integers(let value) = values[key] { value } else { nil }
    }

    /// The list of numbers under a key; nil when it is missing or another kind of value.
    package func numbers(_ key: String) -> [Double]? {
        if case .numbers(let value) = values[key] { value } else { nil }
    }

    /// The list of flags under a key; nil when it is missing or another kind of value.
    package func flags(_ key: String) -> [Bool]? {
        if case .flags(let value) = values[key] { value } else { nil }
    }

    /// The list of texts under a key; nil when it is missing or another kind of value.
    package func texts(_ key: String) -> [String]? {
        if case .texts(let value) = values[key] { value } else { nil }
    }
}
