/// What can be wrong with a rubric; every case names the rubric or the file.
enum RubricError: Error, Equatable, CustomStringConvertible {
    /// The rubric's file cannot be read.
    case unreadable(path: String, reason: String)
    /// The text is no rubric object.
    case malformed(rubric: String, reason: String)
    /// No rubric has this name.
    case unknownName(name: String, known: [String])
    /// The template has a place that nothing fills.
    case unknownPlaceholder(rubric: String, placeholder: String)
    /// The template has a brace that opens or closes nothing.
    case strayBrace(rubric: String, near: String)
    /// The template is longer than the limit.
    case templateTooLong(rubric: String, count: Int, limit: Int)
    /// A scale needs at least two values, and not more than the limit.
    case labelCount(rubric: String, count: Int, limit: Int)
    /// A label has no token, too many tokens, or an empty one.
    case labelTokens(rubric: String, value: Double)
    /// A value is not finite, or all values are equal.
    case values(rubric: String)
    /// One token stands at two labels.
    case repeatedToken(rubric: String, token: String)
    /// The scale is mapped in a way that is not known.
    case unknownNormalization(rubric: String, name: String)
    /// The model does not write the label as one token.
    case notOneToken(rubric: String, label: String, tokenization: String)
    /// The model writes two labels with the same token.
    case sameToken(rubric: String, first: String, second: String, token: Int)

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "cannot read the rubric \(path): \(reason); check the path"
        case .malformed(let rubric, let reason):
            "rubric \(rubric): \(reason)"
        case .unknownName(let name, let known):
            "no rubric is called \"\(name)\"; there are \(known.joined(separator: ", "))"
        case .unknownPlaceholder(let rubric, let placeholder):
            "rubric \(rubric): unknown placeholder {\(placeholder)}; use {instruction} and {requirement}, "
                + "and {{ }} for braces"
        case .strayBrace(let rubric, let near):
            "rubric \(rubric): a brace without its partner near \"\(near)\"; write {{ or }} for a brace"
        case .templateTooLong(let rubric, let count, let limit):
            "rubric \(rubric): the template has \(count) characters; the limit is \(limit)"
        case .labelCount(let rubric, let count, let limit):
            "rubric \(rubric): \(count) labels; give 2 to \(limit)"
        case .labelTokens(let rubric, let value):
            "rubric \(rubric): the label of value \(value) needs 1 to \(Rubric.maximumSpellings) tokens, none empty"
        case .values(let rubric):
            "rubric \(rubric): the labels' values must be finite and not all equal"
        case .repeatedToken(let rubric, let token):
            "rubric \(rubric): the token \"\(token)\" stands twice; each belongs to one label"
        case .unknownNormalization(let rubric, let name):
            "rubric \(rubric): unknown normalize \"\(name)\"; use minmax"
        case .notOneToken(let rubric, let label, let tokenization):
            "rubric \(rubric): this model does not write \"\(label)\" as one token but as \(tokenization); "
                + "use labels that are one token"
        case .sameToken(let rubric, let first, let second, let token):
            "rubric \(rubric): this model writes \"\(first)\" and \"\(second)\" with the same token \(token)"
        }
    }
}
