/// The classes of code points that the pre-tokenizer tells apart.
///
/// The reference's expressions know Unicode 16.0; code points that came later belong to no class there.
enum CharacterClass {
    /// General category L.
    case letter
    /// General category N.
    case number
    /// U+000A or U+000D.
    case lineBreak
    /// Any other code point with the property White_Space.
    case space
    /// Everything else: punctuation, symbols, combining marks, controls, unassigned.
    case other

    init(_ scalar: Unicode.Scalar) {
        if scalar.isASCII {
            self = Self.ascii[Int(scalar.value)]
        } else {
            self = Self.unicode(scalar)
        }
    }

    /// Whether `\s` matches.
    var isWhitespace: Bool { self == .space || self == .lineBreak }

    private static let ascii: [CharacterClass] = (0..<128).map { (value: UInt8) in
        value == 10 || value == 13 ? .lineBreak : unicode(Unicode.Scalar(value))
    }

    private static func unicode(_ scalar: Unicode.Scalar) -> CharacterClass {
        let properties = scalar.properties
        if let age = properties.age, age.major > 16 {
            return .other
        }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return .letter
        case .decimalNumber, .letterNumber, .otherNumber:
            return .number
        default:
            return properties.isWhitespace ? .space : .other
        }
    }
}
