/// One value of a GGUF file's metadata.
///
/// The widths of numbers are forgotten: every whole number is an `Int`, every other number a `Double`.
package enum GGUFValue: Sendable, Equatable {
    /// A whole number of any width.
    case integer(Int)
    /// A number of single or double precision, or a whole number that an `Int` cannot hold.
    case number(Double)
    /// True or false.
    case flag(Bool)
    /// A text.
    case text(String)
    /// A list of whole numbers.
    case integers([Int])
    /// A list of numbers.
    case numbers([Double])
    /// A list of flags.
    case flags([Bool])
    /// A list of texts.
    case texts([String])
    /// A list of lists.
    case lists([GGUFValue])
}
