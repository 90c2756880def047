import Foundation

/// Ranks or strengths of single modules, `rank_pattern` or `alpha_pattern` of peft.
///
/// A key names the module paths that equal it or end in a dot and it. peft takes keys as regular expressions; those that
/// are more than a name are refused.
///
/// Source: huggingface/peft 0.21.2, `utils/other.py`, `get_pattern_key`.
struct LoRAPattern: Sendable {
    private let values: [(key: String, value: Double)]

    /// Reads the object of a configuration.
    ///
    /// - Parameters:
    ///   - json: What the key holds; nothing for a key that is left out or null.
    ///   - name: The key, for the error.
    ///   - path: The adapter, for the error.
    /// - Throws: ``LoRAError/unsupported(path:feature:)``.
    init(_ json: Any?, name: String, path: String) throws(LoRAError) {
        guard let json, !(json is NSNull) else {
            values = []
            return
        }
        guard let fields = json as? [String: NSNumber] else {
            throw .unsupported(path: path, feature: "a \(name) that does not map names to numbers")
        }
        let plain = { (scalar: Unicode.Scalar) in
            scalar.properties.isAlphabetic || ("0"..."9").contains(scalar)
                || "._-".unicodeScalars.contains(scalar)
        }
        if let key = fields.keys.first(where: { !$0.unicodeScalars.allSatisfy(plain) }) {
            throw .unsupported(path: path, feature: "\(name) with the regular expression \(key)")
        }
        // The longest key that fits is the most particular one.
        values = fields.map { ($0.key, $0.value.doubleValue) }.sorted {
            ($0.key.count, $1.key) > ($1.key.count, $0.key)
        }
    }

    /// The value for a module; nil when no key names it.
    subscript(module: String) -> Double? {
        values.first { module == $0.key || module.hasSuffix("." + $0.key) }?.value
    }
}
