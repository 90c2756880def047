/// How fast the sampling adapter follows the trained one: `old = d · old + (1 − d) · current`.
///
/// Source: PKU-YuanGroup/Edit-R1 and NVlabs/DiffusionNFT, `return_decay`.
enum OldPolicyUpdate: Int, Sendable, CaseIterable {
    /// `d = 0`: sampling always uses the newest weights.
    case immediate = 0
    /// `d = min(0.001 s, 0.5)`.
    case slow = 1
    /// `d = 0` for the first 75 steps, then `min(0.0075 (s − 75), 0.999)`.
    case late = 2

    /// The decay at an optimiser step.
    ///
    /// - Parameter step: How many optimiser steps were taken.
    /// - Returns: The share of itself that the old adapter keeps, 0 to below 1.
    func decay(step: Int) -> Double {
        switch self {
        case .immediate: 0
        case .slow: min(0.001 * Double(step), 0.5)
        case .late: step < 75 ? 0 : min(0.0075 * Double(step - 75), 0.999)
        }
    }
}
