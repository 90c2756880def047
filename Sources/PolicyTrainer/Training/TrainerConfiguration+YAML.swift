import Foundation
import Yams

extension TrainerConfiguration {
    /// Reads a configuration from YAML text.
    ///
    /// - Parameters:
    ///   - text: A map of keys, nested or dotted; empty gives the defaults.
    ///   - name: What errors call the text.
    /// - Throws: ``ConfigurationError``.
    init(yaml text: String, name: String) throws(ConfigurationError) {
        self.init()
        guard let root = try TrainerConfiguration.node(text, name: name) else { return }
        guard let mapping = root.mapping else {
            throw .unreadable(path: name, reason: "it is not a map of keys")
        }
        try set(mapping, prefix: "")
    }

    /// Reads a configuration file.
    ///
    /// - Parameter path: A YAML file.
    /// - Throws: ``ConfigurationError``.
    init(contentsOf path: String) throws(ConfigurationError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw .unreadable(path: path, reason: "no such file")
        }
        try self.init(yaml: String(decoding: data, as: UTF8.self), name: path)
    }

    /// Applies one override of the command line.
    ///
    /// - Parameter text: `key=value`, the value in YAML.
    /// - Throws: ``ConfigurationError``.
    mutating func apply(override text: String) throws(ConfigurationError) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { throw .invalidOverride(text: text) }
        let value = try TrainerConfiguration.node(String(parts[1]), name: text) ?? Node("")
        try set(value, for: String(parts[0]))
    }

    /// The configuration as YAML.
    ///
    /// - Parameter isDocumented: Whether every key carries its meaning as a comment.
    /// - Returns: Text that gives an equal configuration when read.
    func yaml(isDocumented: Bool = false) -> String {
        var lines: [String] = []
        var section = ""
        for key in ConfigurationKey.all {
            let parts = key.name.split(separator: ".").map(String.init)
            if parts.count > 1, parts[0] != section {
                lines.append("\(parts[0]):")
            }
            section = parts.count > 1 ? parts[0] : ""
            let line = (parts.count > 1 ? "  " : "") + "\(parts[parts.count - 1]): \(key.read(self))"
            lines.append(isDocumented ? "\(line)  # \(key.help)" : line)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Keys whose values differ although results depend on them.
    func keysThatForbidResuming(from other: TrainerConfiguration) -> [String] {
        ConfigurationKey.all.filter { !$0.mayChange && $0.read(self) != $0.read(other) }.map(\.name)
    }

    private mutating func set(_ mapping: Node.Mapping, prefix: String) throws(ConfigurationError) {
        for (key, value) in mapping {
            let name = prefix + (key.scalar?.string ?? "?")
            if let inner = value.mapping {
                guard ConfigurationKey.all.contains(where: { $0.name.hasPrefix("\(name).") }) else {
                    throw .unknownKey(key: name, nearest: ConfigurationKey.nearest(to: name))
                }
                try set(inner, prefix: "\(name).")
            } else {
                try set(value, for: name)
            }
        }
    }

    private mutating func set(_ value: Node, for name: String) throws(ConfigurationError) {
        guard let key = ConfigurationKey.all.first(where: { $0.name == name }) else {
            throw .unknownKey(key: name, nearest: ConfigurationKey.nearest(to: name))
        }
        try key.write(&self, value)
    }

    private static func node(_ text: String, name: String) throws(ConfigurationError) -> Node? {
        do {
            return try Yams.compose(yaml: text)
        } catch {
            let reason = "\(error)".split(separator: "\n").joined(separator: " ")
            throw .unreadable(path: name, reason: "it is no YAML: \(reason)")
        }
    }
}
