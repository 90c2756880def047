import Shared

/// A tensor that may take part in a backward pass.
///
/// A variable without an identifier is a constant: nothing is recorded for it and no gradient is kept.
struct Variable: Sendable {
    /// The numbers.
    var value: Tensor
    /// The variable's place on its ``Tape``; nil for a constant.
    let id: Int?

    /// Wraps a constant.
    init(_ value: Tensor) {
        self.init(value, id: nil)
    }

    init(_ value: Tensor, id: Int?) {
        self.value = value
        self.id = id
    }
}
