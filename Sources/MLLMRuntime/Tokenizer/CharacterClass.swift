/// The classes of code points that the pre-tokenizer tells apart.
///
/// They are those of the reference's regular expressions, see ``UnicodeTables``, whatever Unicode version the
/// Swift runtime has.
enum CharacterClass {
    /// What `\p{L}` matches.
    case letter
    /// What `\p{N}` matches.
    case number
    /// U+000A or U+000D.
    case lineBreak
    /// Any other code point that `\s` matches.
    case space
    /// Everything else: punctuation, symbols, combining marks, controls, unassigned.
    case other

    init(_ scalar: Unicode.Scalar) {
        self = Self.all[Int(scalar.value)]
    }

    /// Whether `\s` matches.
    var isWhitespace: Bool { self == .space || self == .lineBreak }

    /// The class of every code point.
    private static let all: [CharacterClass] = {
        var classes = [CharacterClass](repeating: .other, count: 0x110000)
        for (kind, rows) in [
            (CharacterClass.letter, UnicodeTables.letters), (.number, UnicodeTables.numbers),
            (.space, UnicodeTables.spaces),
        ] {
            for row in rows {
                for point in row[0]...row[0] + row[1] {
                    classes[point] = kind
                }
            }
        }
        classes[10] = .lineBreak
        classes[13] = .lineBreak
        return classes
    }()
}
