/// How much one training item counts in the loss of an optimiser step.
///
/// The step's loss is a mean over the items the mask keeps; the two rules differ in when that mean is taken,
/// and agree when nothing is masked and all micro-batches are equally large.
///
/// Source: PKU-YuanGroup/Edit-R1, training scripts (`micro`: the mean of each micro-batch, then the mean of
/// those, masked ones included); `global` is ours: a sample whose neighbours are masked counts no more than
/// others.
enum MaskNormaliser: String, Sendable, CaseIterable {
    /// One mean over all kept items of the step.
    case global
    /// One mean per micro-batch and timestep, averaged over all of them.
    case micro

    /// The weight of the items of each micro-batch.
    ///
    /// - Parameters:
    ///   - masks: For every micro-batch of the step, whether each of its samples is kept.
    ///   - timesteps: How many noise levels each sample is trained at.
    /// - Returns: One weight per micro-batch; 0 for one that keeps nothing.
    func weights(masks: [[Bool]], timesteps: Int) -> [Double] {
        let kept = masks.map { mask in mask.count { $0 } }
        let total = kept.reduce(0, +)
        return kept.map { count in
            guard count > 0 else { return 0 }
            return switch self {
            case .global: 1 / Double(total * timesteps)
            case .micro: 1 / Double(masks.count * timesteps * count)
            }
        }
    }
}
