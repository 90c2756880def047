/// What can be wrong with a run's configuration; all of it is found before anything runs.
enum ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// The file cannot be read or is no YAML.
    case unreadable(path: String, reason: String)
    /// There is no such key.
    case unknownKey(key: String, nearest: String?)
    /// A key has a value of another kind.
    case invalidValue(key: String, value: String, expected: String)
    /// An override is not `key=value`.
    case invalidOverride(text: String)
    /// A value makes no sense, alone or beside another one.
    case rejected(key: String, reason: String)
    /// A run cannot be continued under another configuration.
    case changed(keys: [String], path: String)

    var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "cannot read the configuration \(path): \(reason)"
        case .unknownKey(let key, let nearest):
            "there is no key \"\(key)\"" + (nearest.map { "; did you mean \"\($0)\"?" } ?? "")
                + " ('policy-trainer train --print-config' lists all keys)"
        case .invalidValue(let key, let value, let expected):
            "\(key) is \(value), but it must be \(expected)"
        case .invalidOverride(let text):
            "\"\(text)\" is no override; write key=value, for example nft.beta=0.5"
        case .rejected(let key, let reason):
            "\(key) \(reason)"
        case .changed(let keys, let path):
            "\(path) was trained with another \(keys.joined(separator: ", ")); give the same values, or start a new run"
        }
    }
}
