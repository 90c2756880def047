/// The exponential moving average of the trained weights, which evaluation and inference use.
///
/// `ema = d · ema + (1 − d) · current` after every optimiser step, with a warm-up of the decay.
///
/// Source: PKU-YuanGroup/Edit-R1, `flow_grpo/ema.py`.
struct MovingAverage: Sendable, Hashable {
    /// The decay after the warm-up, 0 to below 1.
    var limit = 0.9

    /// The decay at an optimiser step.
    ///
    /// - Parameter step: How many optimiser steps were taken, this one included.
    /// - Returns: `min((1 + s) / (10 + s), limit)`.
    func decay(step: Int) -> Double {
        min(Double(1 + step) / Double(10 + step), limit)
    }
}
