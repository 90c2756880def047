/// The loss of DiffusionNFT for one sample at one noise level, and its gradient with respect to the velocity.
///
/// With `v± = old ± b (v − old)`, `e± = x_t − t v± − x₀`, `w± = max(mean|e±|, 10⁻⁵)` (no gradient),
/// `L± = mean(e±²) / w±`:
/// `l = (r L⁺ + (1 − r) L⁻) / b`, and the loss of a step is `Σ weight · m (C l + klWeight · mean((v −
/// v_ref)²))`.
///
/// Generic over the number type: training runs in `Float` with sums in double precision, the fixtures in
/// `Double`.
///
/// Source: arXiv:2509.16117, equation 5; PKU-YuanGroup/Edit-R1 and NVlabs/DiffusionNFT, training scripts
/// (factors C and 1/b, self-normalisation).
struct NFTLoss<Scalar: BinaryFloatingPoint & Sendable>: Sendable {
    /// What the loss needs to know about one item; all arrays hold the D numbers of one packed latent.
    struct Item: Sendable {
        /// The clean latent.
        var clean: [Scalar]
        /// The noised latent.
        var noised: [Scalar]
        /// The trained adapter's prediction.
        var velocity: [Scalar]
        /// The sampling adapter's prediction.
        var oldVelocity: [Scalar]
        /// The prediction without an adapter; nil when the pull to it has no weight.
        var referenceVelocity: [Scalar]?
        /// The noise level t, 0 to 1.
        var sigma: Double
        /// The optimality r, 0 to 1.
        var optimality: Double
    }

    /// Everything one item adds to the metrics.
    struct Terms: Sendable, Hashable {
        /// The loss `l` of the item, before C.
        var loss = 0.0
        /// `L⁺`.
        var positive = 0.0
        /// `L⁻`.
        var negative = 0.0
        /// `w⁺`.
        var positiveWeight = 0.0
        /// `w⁻`.
        var negativeWeight = 0.0
        /// `mean((v − v_ref)²)`; 0 without a reference.
        var divergence = 0.0
        /// `mean((v_old − v_ref)²)`; 0 without a reference.
        var oldDivergence = 0.0
        /// `mean((v − v_old)²)`.
        var deviation = 0.0
        /// `mean(x₀²)`.
        var cleanNorm = 0.0
    }

    /// The mixing strength b.
    var mixing = 1.0
    /// The factor C of the policy term: the advantage clip.
    var advantageClip = 5.0
    /// The weight of the pull to the base model.
    var divergenceWeight = 1e-4

    /// The smallest normaliser.
    static var smallestWeight: Double { 1e-5 }

    /// Evaluates one kept item; what the mask drops must not be passed in, it has no loss and no gradient.
    ///
    /// - Parameters:
    ///   - item: The item.
    ///   - weight: The item's share in the step's loss, see ``MaskNormaliser``.
    /// - Returns: The terms, without the weight, and `[D]` the gradient of the weighted loss in `velocity`.
    func evaluate(_ item: Item, weight: Double) -> (terms: Terms, gradient: [Scalar]) {
        let count = item.velocity.count
        let b = Scalar(mixing)
        let t = Scalar(item.sigma)
        var positiveErrors = [Scalar](repeating: 0, count: count)
        var negativeErrors = positiveErrors
        var positive = (absolute: 0.0, squared: 0.0)
        var negative = positive
        var terms = Terms()
        for i in 0..<count {
            let (v, old, clean) = (item.velocity[i], item.oldVelocity[i], item.clean[i])
            let toward = item.noised[i] - t * (b * v + (1 - b) * old) - clean
            let away = item.noised[i] - t * ((1 + b) * old - b * v) - clean
            positiveErrors[i] = toward
            negativeErrors[i] = away
            positive.absolute += Double(abs(toward))
            positive.squared += Double(toward) * Double(toward)
            negative.absolute += Double(abs(away))
            negative.squared += Double(away) * Double(away)
            terms.deviation += Double(v - old) * Double(v - old)
            terms.cleanNorm += Double(clean) * Double(clean)
        }
        let scale = 1 / Double(count)
        terms.deviation *= scale
        terms.cleanNorm *= scale
        terms.positiveWeight = max(positive.absolute * scale, NFTLoss.smallestWeight)
        terms.negativeWeight = max(negative.absolute * scale, NFTLoss.smallestWeight)
        terms.positive = positive.squared * scale / terms.positiveWeight
        terms.negative = negative.squared * scale / terms.negativeWeight
        let r = item.optimality
        terms.loss = (r * terms.positive + (1 - r) * terms.negative) / mixing

        // d(C l)/dv: the b of v± cancels the 1/b of the loss.
        let common = advantageClip * weight * 2 * item.sigma * scale
        let toPositive = Scalar(-common * r / terms.positiveWeight)
        let toNegative = Scalar(common * (1 - r) / terms.negativeWeight)
        var gradient = (0..<count).map { toPositive * positiveErrors[$0] + toNegative * negativeErrors[$0] }
        if let reference = item.referenceVelocity {
            let pull = Scalar(divergenceWeight * weight * 2 * scale)
            for i in 0..<count {
                let difference = item.velocity[i] - reference[i]
                let oldDifference = item.oldVelocity[i] - reference[i]
                terms.divergence += Double(difference) * Double(difference)
                terms.oldDivergence += Double(oldDifference) * Double(oldDifference)
                gradient[i] += pull * difference
            }
            terms.divergence *= scale
            terms.oldDivergence *= scale
        }
        return (terms, gradient)
    }
}
