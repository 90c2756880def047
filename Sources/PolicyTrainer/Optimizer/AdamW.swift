/// Adam with decoupled weight decay, and the clip of the gradient's norm before it.
///
/// `p ← p (1 − lr · decay)`; `m ← β₁ m + (1 − β₁) g`; `v ← β₂ v + (1 − β₂) g²`;
/// `p ← p − lr / (1 − β₁ˢ) · m / (√v / √(1 − β₂ˢ) + ε)`.
///
/// Generic over the number type: training runs in `Float`, the fixture in `Double`.
///
/// Source: arXiv:1711.05101; order of operations as in PyTorch's `AdamW`, clip as in `clip_grad_norm_`.
struct AdamW<Scalar: BinaryFloatingPoint & Sendable>: Sendable {
    /// The settings.
    struct Settings: Sendable, Hashable {
        /// Learning rate.
        var learningRate = 3e-4
        /// Decay of the first moment, 0 to below 1.
        var beta1 = 0.9
        /// Decay of the second moment, 0 to below 1.
        var beta2 = 0.999
        /// Added to the root of the second moment.
        var epsilon = 1e-8
        /// Decoupled weight decay.
        var weightDecay = 1e-4
        /// The norm that the whole gradient is clipped to.
        var clipNorm = 1.0
    }

    /// The settings.
    let settings: Settings
    /// First moments, one array per parameter.
    private(set) var first: [[Scalar]]
    /// Second moments, one array per parameter.
    private(set) var second: [[Scalar]]
    /// How many steps were taken.
    private(set) var stepCount: Int

    /// Starts without moments.
    ///
    /// - Parameters:
    ///   - settings: The settings.
    ///   - counts: How many numbers each parameter has.
    init(settings: Settings, counts: [Int]) {
        self.init(
            settings: settings,
            first: counts.map { [Scalar](repeating: 0, count: $0) },
            second: counts.map { [Scalar](repeating: 0, count: $0) },
            stepCount: 0
        )
    }

    /// Continues with moments of a checkpoint.
    init(settings: Settings, first: [[Scalar]], second: [[Scalar]], stepCount: Int) {
        precondition(first.map(\.count) == second.map(\.count), "the moments do not belong together")
        self.settings = settings
        self.first = first
        self.second = second
        self.stepCount = stepCount
    }

    /// The Euclidean norm of all gradients together, summed in double precision.
    static func norm(of gradients: [[Scalar]]) -> Double {
        gradients.reduce(0.0) { $0 + $1.reduce(0.0) { $0 + Double($1) * Double($1) } }.squareRoot()
    }

    /// Clips the gradients and takes one step.
    ///
    /// - Parameters:
    ///   - parameters: The parameters; overwritten.
    ///   - gradients: As many arrays of the same lengths.
    ///   - rateShare: The share of the learning rate that this step takes.
    /// - Returns: The gradient's norm before the clip.
    mutating func step(
        _ parameters: inout [[Scalar]],
        gradients: [[Scalar]],
        rateShare: Double = 1
    ) -> Double {
        precondition(
            parameters.map(\.count) == first.map(\.count) && gradients.map(\.count) == first.map(\.count),
            "parameters, gradients and moments differ in size"
        )
        let norm = AdamW.norm(of: gradients)
        let clip = Scalar(min(1, settings.clipNorm / (norm + 1e-6)))
        stepCount += 1
        let learningRate = settings.learningRate * rateShare
        let shrink = Scalar(1 - learningRate * settings.weightDecay)
        let (beta1, beta2) = (Scalar(settings.beta1), Scalar(settings.beta2))
        let (rest1, rest2) = (Scalar(1 - settings.beta1), Scalar(1 - settings.beta2))
        let rate = Scalar(learningRate / (1 - AdamW.power(settings.beta1, stepCount)))
        let root = Scalar((1 - AdamW.power(settings.beta2, stepCount)).squareRoot())
        let epsilon = Scalar(settings.epsilon)
        for index in parameters.indices {
            for i in parameters[index].indices {
                let gradient = gradients[index][i] * clip
                first[index][i] = beta1 * first[index][i] + rest1 * gradient
                second[index][i] = beta2 * second[index][i] + rest2 * gradient * gradient
                parameters[index][i] =
                    parameters[index][i] * shrink
                    - rate * first[index][i] / (second[index][i].squareRoot() / root + epsilon)
            }
        }
        return norm
    }

    /// `base` to a whole power, by repeated multiplication: the same bits on every machine.
    private static func power(_ base: Double, _ exponent: Int) -> Double {
        var (result, factor, rest) = (1.0, base, exponent)
        while rest > 0 {
            if rest & 1 == 1 { result *= factor }
            factor *= factor
            rest >>= 1
        }
        return result
    }
}
