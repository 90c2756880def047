import Shared

/// Loss and gradients of one optimiser step.
///
/// The predictions of the current, the old and the reference policy are one batch, so that frozen weights are read and
/// unpacked once. Only the current one's insides are kept.
///
/// Predictions that are provably equal or unused are skipped: the old one when both adapters have the same
/// numbers, the reference when its pull has no weight.
struct GradientStep: Sendable {
    /// Sums over the items of a step; see ``Metrics`` for their names.
    struct Totals: Sendable {
        /// Σ weight · l, before the factor C.
        var loss = 0.0
        /// Σ weight · mean((v − v_ref)²).
        var divergence = 0.0
        /// Σ weight · mean((v_old − v_ref)²).
        var oldDivergence = 0.0
        /// Σ mean(x₀²).
        var cleanNorm = 0.0
        /// The largest mean(x₀²).
        var largestCleanNorm = 0.0
        /// Σ mean((v − v_old)²).
        var deviation = 0.0
        /// The largest mean((v − v_old)²).
        var largestDeviation = 0.0
        /// How many items there are.
        var count = 0
        /// Gradients of the adapter's matrices.
        var gradients = Gradients()

        mutating func add(_ terms: NFTLoss<Float>.Terms, weight: Double) {
            loss += weight * terms.loss
            divergence += weight * terms.divergence
            oldDivergence += weight * terms.oldDivergence
            cleanNorm += terms.cleanNorm
            largestCleanNorm = max(largestCleanNorm, terms.cleanNorm)
            deviation += terms.deviation
            largestDeviation = max(largestDeviation, terms.deviation)
            count += 1
        }

        mutating func add(_ other: Totals) {
            loss += other.loss
            divergence += other.divergence
            oldDivergence += other.oldDivergence
            cleanNorm += other.cleanNorm
            largestCleanNorm = max(largestCleanNorm, other.largestCleanNorm)
            deviation += other.deviation
            largestDeviation = max(largestDeviation, other.largestDeviation)
            count += other.count
            gradients.add(other.gradients)
        }
    }

    /// The policy.
    let runner: PolicyRunner
    /// The loss.
    let loss: NFTLoss<Float>
    /// How many blocks are computed again together instead of kept; 0 keeps all.
    let checkpointing: Int
    /// Noise of the epoch: `noise[row, candidate, column]`.
    let noise: SeedTree

    /// Computes a step.
    ///
    /// - Parameters:
    ///   - batch: The items.
    ///   - conditionings: What the model sees of each row.
    ///   - current: The trained adapter.
    ///   - old: The sampling adapter; nil when it equals the trained one.
    /// - Returns: Loss terms and gradients, summed in the order of the items.
    func totals(
        of batch: TrainingBatch,
        conditionings: [Int: PolicyRunner.Conditioning],
        current: LoRAAdapter,
        old: LoRAAdapter?
    ) -> Totals {
        Shards(
            count: batch.items.count,
            size: runner.shardSize,
            isSideBySide: runner.isSideBySide
        ).reduce(into: Totals()) { total, part in
            total.add(part)
        } _: { range in
            totals(of: batch.items[range], conditionings: conditionings, current: current, old: old)
        }
    }

    private func totals(
        of items: ArraySlice<TrainingBatch.Item>,
        conditionings: [Int: PolicyRunner.Conditioning],
        current: LoRAAdapter,
        old: LoRAAdapter?
    ) -> Totals {
        let noised = items.compactMap { item in
            conditionings[item.sample.row].map {
                PolicyRunner.Item(conditioning: $0, latent: self.noised(item), sigma: item.sigma)
            }
        }
        precondition(noised.count == items.count, "a row of the batch has no conditioning")
        let usesReference = loss.divergenceWeight > 0
        var totals = Totals()
        totals.gradients = runner.backward(
            noised[...],
            trained: current,
            others: (old.map { [$0] } ?? []) + (usesReference ? [nil] : []),
            checkpointing: checkpointing
        ) { velocity, others in
            let oldVelocity = old == nil ? velocity : others[0]
            let reference = usesReference ? others.last : nil
            let width = velocity.count / max(1, items.count)
            func row(_ tensor: Tensor, _ index: Int) -> [Float] {
                tensor.reshaped([items.count, width]).rows(index..<(index + 1)).values
            }
            var gradient: [Float] = []
            gradient.reserveCapacity(velocity.count)
            for (index, item) in items.enumerated() {
                let (terms, part) = loss.evaluate(
                    NFTLoss.Item(
                        clean: item.sample.latent.values,
                        noised: noised[index].latent.values,
                        velocity: row(velocity, index),
                        oldVelocity: row(oldVelocity, index),
                        referenceVelocity: reference.map { row($0, index) },
                        sigma: Double(item.sigma),
                        optimality: item.sample.optimality
                    ),
                    weight: item.weight
                )
                totals.add(terms, weight: item.weight)
                gradient += part
            }
            return Tensor(gradient, shape: velocity.shape)
        }
        return totals
    }

    /// `x_t = (1 − t) x₀ + t ε` with the item's own noise.
    private func noised(_ item: TrainingBatch.Item) -> Tensor {
        var generator = noise[item.sample.row, item.sample.candidate, item.column].generator
        let clean = item.sample.latent.values
        let noise = generator.normals(count: clean.count)
        let values = zip(clean, noise).map { (1 - item.sigma) * $0 + item.sigma * $1 }
        return Tensor(values, shape: item.sample.latent.shape)
    }
}
