import Foundation
import Shared

/// The fields of a JSON object, with errors that name file and field.
///
/// Source of the rules: a field that is `null` counts as missing, as in huggingface/transformers.
struct JSONFields {
    /// The file, for error messages.
    let path: String
    private let prefix: String
    private let fields: [String: Any]

    /// Reads a file.
    ///
    /// - Parameter path: A file with one JSON object.
    /// - Throws: ``ModelError/missingFile(path:)``, ``ModelError/malformed(path:reason:)``, ``ModelError/pointer(path:)``.
    init(path: String) throws(ModelError) {
        guard let data = FileManager.default.contents(atPath: path) else { throw .missingFile(path: path) }
        guard !JSONText.isPointer(data) else { throw .pointer(path: path) }
        guard let object = JSONText.object(data) else {
            throw .malformed(path: path, reason: "it is not a JSON object")
        }
        self.init(path: path, prefix: "", fields: object)
    }

    /// Wraps fields that come from somewhere else, for example from the metadata of a GGUF file.
    ///
    /// - Parameters:
    ///   - path: The file that they come from, for error messages.
    ///   - fields: What `JSONSerialization` would give for the object.
    init(path: String, fields: [String: Any]) {
        self.init(path: path, prefix: "", fields: fields)
    }

    private init(path: String, prefix: String, fields: [String: Any]) {
        self.path = path
        self.prefix = prefix
        self.fields = fields.filter { !($0.value is NSNull) }
    }

    /// An error about a field.
    func failure(_ name: String, _ reason: String) -> ModelError {
        .field(path: path, name: prefix + name, reason: reason)
    }

    /// Whether the field is there and not null.
    func has(_ name: String) -> Bool { fields[name] != nil }

    /// The object in a field; nil when it is missing.
    func object(_ name: String) throws(ModelError) -> JSONFields? {
        guard let value = fields[name] else { return nil }
        guard let object = value as? [String: Any] else { throw failure(name, "is not an object") }
        return JSONFields(path: path, prefix: prefix + name + ".", fields: object)
    }

    /// What `JSONSerialization` gives for the object in a field; nil when it is missing.
    func values(_ name: String) throws(ModelError) -> [String: Any]? {
        try object(name)?.fields
    }

    /// The whole number in a field.
    ///
    /// - Parameters:
    ///   - name: The field.
    ///   - range: What makes sense.
    ///   - fallback: The value when the field is missing; nil makes the field required.
    /// - Returns: The number.
    /// - Throws: ``ModelError/field(path:name:reason:)``.
    func integer(
        _ name: String,
        in range: ClosedRange<Int>,
        fallback: Int? = nil
    ) throws(ModelError) -> Int {
        guard let value = fields[name] else {
            guard let fallback else { throw failure(name, "is missing") }
            return fallback
        }
        guard let number = value as? Int else { throw failure(name, Self.reason(value, "a whole number")) }
        guard range.contains(number) else { throw failure(name, "is \(number), not in \(range)") }
        return number
    }

    /// The finite number in a field; parameters as for ``integer(_:in:fallback:)``.
    func number(
        _ name: String,
        in range: ClosedRange<Double>,
        fallback: Double? = nil
    ) throws(ModelError) -> Double {
        guard let value = fields[name] else {
            guard let fallback else { throw failure(name, "is missing") }
            return fallback
        }
        // Fields that do not come from JSON may hold a whole number as such.
        guard let number = value as? Double ?? (value as? Int).map(Double.init) else {
            throw failure(name, Self.reason(value, "a number"))
        }
        guard range.contains(number) else { throw failure(name, "is \(number), not in \(range)") }
        return number
    }

    private static func reason(_ value: Any, _ kind: String) -> String {
        guard let text = value as? String, ["Infinity", "-Infinity", "NaN"].contains(text) else {
            return "is not \(kind)"
        }
        return "is \(text), not \(kind)"
    }

    /// The text in a field.
    func text(_ name: String, fallback: String? = nil) throws(ModelError) -> String {
        guard let value = fields[name] else {
            guard let fallback else { throw failure(name, "is missing") }
            return fallback
        }
        guard let text = value as? String else { throw failure(name, "is not a text") }
        return text
    }

    /// The flag in a field.
    func flag(_ name: String, fallback: Bool) throws(ModelError) -> Bool {
        guard let value = fields[name] else { return fallback }
        guard let flag = value as? Bool else { throw failure(name, "is not true or false") }
        return flag
    }

    /// The list of whole numbers in a field.
    func integers(_ name: String) throws(ModelError) -> [Int] {
        guard let value = fields[name] else { throw failure(name, "is missing") }
        guard let list = value as? [Int] else { throw failure(name, "is not a list of whole numbers") }
        return list
    }

    /// The list of numbers in a field; nil when it is missing.
    func numbers(_ name: String) throws(ModelError) -> [Double]? {
        guard let value = fields[name] else { return nil }
        guard let list = value as? [Double] else { throw failure(name, "is not a list of numbers") }
        return list
    }
}
