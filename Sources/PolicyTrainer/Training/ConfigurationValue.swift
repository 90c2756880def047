import Yams

/// A type that a configuration key may have.
protocol ConfigurationValue: Equatable {
    /// What people should write, for error messages.
    static var expectation: String { get }
    /// Reads a YAML node; nil when it holds something else.
    init?(node: Node)
    /// The value as YAML.
    var yaml: String { get }
}

extension Int: ConfigurationValue {
    static var expectation: String { "a whole number" }

    init?(node: Node) {
        guard let text = node.scalar?.string, let value = Int(text) else { return nil }
        self = value
    }

    var yaml: String { String(self) }
}

extension Double: ConfigurationValue {
    static var expectation: String { "a number" }

    init?(node: Node) {
        guard let text = node.scalar?.string, let value = Double(text), value.isFinite else { return nil }
        self = value
    }

    var yaml: String {
        self == rounded() && abs(self) < 1e15 ? String(Int(self)) : String(self)
    }
}

extension Bool: ConfigurationValue {
    static var expectation: String { "true or false" }

    init?(node: Node) {
        switch node.scalar?.string {
        case "true": self = true
        case "false": self = false
        default: return nil
        }
    }

    var yaml: String { String(self) }
}

extension String: ConfigurationValue {
    static var expectation: String { "a text" }

    init?(node: Node) {
        guard let text = node.scalar?.string else { return nil }
        self = text
    }

    var yaml: String {
        let isPlain = !isEmpty && allSatisfy { $0.isLetter || $0.isNumber || "/._-".contains($0) }
        return isPlain && Double(self) == nil
            ? self
            : "\"" + replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}

extension Array: ConfigurationValue where Element: ConfigurationValue {
    static var expectation: String { "a list, each \(Element.expectation)" }

    /// Reads a sequence; a single value is a list of one.
    init?(node: Node) {
        let nodes = node.sequence.map { Array<Node>($0) } ?? [node]
        let values = nodes.compactMap(Element.init(node:))
        guard values.count == nodes.count else { return nil }
        self = values
    }

    var yaml: String { "[" + map(\.yaml).joined(separator: ", ") + "]" }
}

extension ConfigurationValue where Self: RawRepresentable & CaseIterable, RawValue == String {
    static var expectation: String {
        "one of " + allCases.map(\.rawValue).joined(separator: ", ")
    }

    init?(node: Node) {
        guard let text = node.scalar?.string, let value = Self(rawValue: text) else { return nil }
        self = value
    }

    var yaml: String { rawValue }
}

extension Advantage.Mode: ConfigurationValue {}
extension BaseWeightFormat: ConfigurationValue {}
extension TrainingPrecision: ConfigurationValue {}
extension Advantage.Deviation: ConfigurationValue {}
extension GroupFilter.Rule: ConfigurationValue {}
extension MaskNormaliser: ConfigurationValue {}
extension SolverKind: ConfigurationValue {}
