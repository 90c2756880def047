/// Why an answer gives no score.
enum ScoreError: Error, Equatable, CustomStringConvertible {
    /// A logit is a NaN or an infinity.
    case nonFiniteLogits
    /// The labels hold less probability than the request asks for.
    case lowLabelMass(mass: Double, minimum: Double)

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .nonFiniteLogits:
            "the model's logits are not finite; its weights are damaged or overflow"
        case .lowLabelMass(let mass, let minimum):
            "the labels hold \(mass) of the answer's probability, less than min_mass \(minimum); "
                + "the judge wanted to say something else"
        }
    }
}
