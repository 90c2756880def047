/// How far numbers may lie apart, with the reason.
public enum Tolerance {
    /// Two float32 implementations of one formula: rounding of sums of up to some thousand terms, relative.
    public static let float32Relative: Float = 1e-4
    /// Logits of a tiny judge against transformers in float32, absolute (issue: 1e-4).
    public static let logits: Float = 1e-4
    /// Analytic against central-difference gradients in float32, relative to the largest gradient.
    public static let gradientRelative: Float = 1e-3

    /// The largest absolute difference of two rows of equal length; infinity when one of them is NaN.
    ///
    /// - Parameters:
    ///   - left: Any numbers.
    ///   - right: As many numbers.
    /// - Returns: max |left − right|.
    public static func largestDifference(_ left: [Float], _ right: [Float]) -> Float {
        precondition(left.count == right.count, "\(left.count) numbers against \(right.count)")
        return zip(left, right).reduce(0) { worst, pair in
            let difference = abs(pair.0 - pair.1)
            return difference.isNaN ? .infinity : max(worst, difference)
        }
    }

    /// ``largestDifference(_:_:)`` divided by the largest magnitude of `right`.
    ///
    /// - Parameters:
    ///   - left: Numbers under test.
    ///   - right: The reference, as many numbers.
    /// - Returns: max |left − right| / max |right|.
    public static func relativeDifference(_ left: [Float], _ right: [Float]) -> Float {
        largestDifference(left, right) / max(right.reduce(0) { max($0, abs($1)) }, .leastNormalMagnitude)
    }
}
