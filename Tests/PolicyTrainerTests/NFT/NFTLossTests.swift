import Shared
import Testing

@testable import PolicyTrainer

@Suite("The loss of the worked example")
struct NFTLossTests {
    let example: WorkedExample

    init() throws {
        example = try WorkedExample.load()
    }

    /// Terms and gradients of the six samples; masked samples are left out, as training does.
    private func evaluate<Scalar>(
        _ loss: NFTLoss<Scalar>,
        mask: [Int],
        velocity: [[Double]]? = nil,
        reference: Bool = true
    ) -> (terms: [NFTLoss<Scalar>.Terms?], gradients: [[Double]], weight: Double) {
        let inputs = example.inputs
        let weight = MaskNormaliser.global.weights(masks: [mask.map { $0 == 1 }], timesteps: 1)[0]
        var terms: [NFTLoss<Scalar>.Terms?] = []
        var gradients: [[Double]] = []
        for index in mask.indices {
            guard mask[index] == 1 else {
                terms.append(nil)
                gradients.append([0, 0, 0])
                continue
            }
            let t = inputs.t[index]
            let noised = zip(inputs.x0[index], inputs.eps[index]).map { (1 - t) * $0 + t * $1 }
            let (item, gradient) = loss.evaluate(
                NFTLoss<Scalar>.Item(
                    clean: inputs.x0[index].map { Scalar($0) },
                    noised: noised.map { Scalar($0) },
                    velocity: (velocity ?? inputs.v)[index].map { Scalar($0) },
                    oldVelocity: inputs.v_old[index].map { Scalar($0) },
                    referenceVelocity: reference ? inputs.v_ref[index].map { Scalar($0) } : nil,
                    sigma: t,
                    optimality: example.stats.r_global[index]
                ),
                weight: weight
            )
            terms.append(item)
            gradients.append(gradient.map { Double($0) })
        }
        return (terms, gradients, weight)
    }

    private func check<Scalar>(_ scalar: Scalar.Type, tolerance: Double)
    where Scalar: BinaryFloatingPoint & Sendable {
        for expected in example.loss {
            let loss = NFTLoss<Scalar>(mixing: expected.b)
            for (mask, masked) in [
                (example.stats.mask_paper, expected.mask_all), (example.stats.mask_code, expected.mask_code),
            ] {
                let (terms, gradients, weight) = evaluate(loss, mask: mask)
                #expect(agree(terms.map { $0?.loss ?? 0 }, masked.l, tolerance))
                let sum = terms.reduce(0) { $0 + ($1?.loss ?? 0) } * weight
                let divergence = terms.reduce(0) { $0 + ($1?.divergence ?? 0) } * weight
                #expect(agree(sum, masked.unweighted_policy_loss, tolerance))
                #expect(agree(5 * sum, masked.policy_loss, tolerance))
                #expect(agree(divergence, masked.kl, tolerance))
                #expect(agree(5 * sum + 1e-4 * divergence, masked.total, tolerance))
                #expect(agree(gradients.flatMap { $0 }, masked.grad_total.flatMap { $0 }, tolerance * 3))
                #expect(agree(AdamW<Double>.norm(of: gradients), masked.grad_norm, tolerance))
                let policy = evaluate(loss, mask: mask, reference: false).gradients
                #expect(agree(policy.flatMap { $0 }, masked.grad_policy.flatMap { $0 }, tolerance * 3))
            }
            let terms = evaluate(loss, mask: example.stats.mask_paper).terms.compactMap { $0 }
            #expect(agree(terms.map(\.positiveWeight), expected.w_pos, tolerance))
            #expect(agree(terms.map(\.negativeWeight), expected.w_neg, tolerance))
            #expect(agree(terms.map(\.positive), expected.L_pos, tolerance))
            #expect(agree(terms.map(\.negative), expected.L_neg, tolerance))
        }
    }

    @Test("loss, terms and gradients in double precision")
    func double() {
        check(Double.self, tolerance: 1e-7)
    }

    @Test("loss, terms and gradients in single precision")
    func single() {
        check(Float.self, tolerance: 1e-4)
    }

    @Test("the gradient of the pull to the base model alone")
    func divergence() {
        let mask = example.stats.mask_paper
        let with = evaluate(NFTLoss<Double>(), mask: mask).gradients.flatMap { $0 }
        let without = evaluate(NFTLoss<Double>(), mask: mask, reference: false).gradients.flatMap { $0 }
        let difference = zip(with, without).map { $0 - $1 }
        // Both sides are sums of size 0.1, so 10⁻¹⁵ is what their difference can resolve.
        #expect(zip(difference, example.kl_only_grad_all.flatMap { $0 }).allSatisfy { abs($0 - $1) < 1e-13 })
    }

    @Test("at the sampling adapter's own prediction")
    func onPolicy() {
        let (terms, gradients, weight) = evaluate(
            NFTLoss<Double>(),
            mask: example.stats.mask_paper,
            velocity: example.inputs.v_old,
            reference: false
        )
        let loss = terms.reduce(0) { $0 + ($1?.loss ?? 0) } * weight * 5
        #expect(agree(loss, example.on_policy.policy_loss))
        #expect(agree(gradients.flatMap { $0 }, example.on_policy.grad_policy.flatMap { $0 }))
    }

    @Test("the noised latents of the worked example")
    func noised() {
        let inputs = example.inputs
        for index in inputs.t.indices {
            let t = inputs.t[index]
            let noised = zip(inputs.x0[index], inputs.eps[index]).map { (1 - t) * $0 + t * $1 }
            #expect(agree(noised, example.x_t[index]))
        }
    }
}

@Suite("Properties of the loss")
struct NFTLossPropertyTests {
    private func item(seed: UInt64, optimality: Double, isOnPolicy: Bool = false) -> NFTLoss<Double>.Item {
        var generator = SeedTree(seed: seed).generator
        func draw() -> [Double] { (0..<16).map { _ in generator.nextUniform(-1, 1) } }
        let (clean, noised, velocity) = (draw(), draw(), draw())
        let old = isOnPolicy ? velocity : zip(velocity, draw()).map { $0 + 0.1 * $1 }
        return .init(
            clean: clean,
            noised: noised,
            velocity: velocity,
            oldVelocity: old,
            referenceVelocity: nil,
            sigma: 0.7,
            optimality: optimality
        )
    }

    @Test("the gradient vanishes when both adapters agree and the optimality is one half", arguments: 1...10)
    func balance(seed: UInt64) {
        let gradient = NFTLoss<Double>().evaluate(
            item(seed: seed, optimality: 0.5, isOnPolicy: true),
            weight: 1
        ).gradient
        #expect(gradient.allSatisfy { abs($0) < 1e-15 })
    }

    @Test("on policy, mixing strength and optimality do not change the value", arguments: 1...10)
    func value(seed: UInt64) {
        let losses = [0.0, 0.3, 1].map {
            NFTLoss<Double>().evaluate(item(seed: seed, optimality: $0, isOnPolicy: true), weight: 1).terms
                .loss
        }
        #expect(losses.allSatisfy { agree($0, losses[0], 1e-12) })
    }

    @Test("the gradient equals central differences with constant normalisers", arguments: 1...10)
    func differences(seed: UInt64) {
        let loss = NFTLoss<Double>(mixing: 0.7, advantageClip: 5, divergenceWeight: 0)
        let item = item(seed: seed, optimality: 0.8)
        let (terms, gradient) = loss.evaluate(item, weight: 0.25)
        for index in item.velocity.indices {
            func value(_ change: Double) -> Double {
                var moved = item
                moved.velocity[index] += change
                let found = loss.evaluate(moved, weight: 1).terms
                // Undo the normalisers of the moved point, put in those of the point itself.
                let positive = found.positive * found.positiveWeight / terms.positiveWeight
                let negative = found.negative * found.negativeWeight / terms.negativeWeight
                return 0.25 * 5 * (0.8 * positive + 0.2 * negative) / 0.7
            }
            let numeric = (value(1e-6) - value(-1e-6)) / 2e-6
            #expect(abs(numeric - gradient[index]) < 1e-7)
        }
    }

    @Test("both normalisers agree when nothing is masked, and differ when something is")
    func normalisers() {
        let full = [[true, true, true], [true, true, true]]
        #expect(
            MaskNormaliser.global.weights(masks: full, timesteps: 5)
                == MaskNormaliser.micro.weights(masks: full, timesteps: 5)
        )
        let masked = [[true, false, false], [true, true, true], [false, false, false]]
        #expect(MaskNormaliser.global.weights(masks: masked, timesteps: 5) == [1 / 20.0, 1 / 20.0, 0])
        #expect(MaskNormaliser.micro.weights(masks: masked, timesteps: 5) == [1 / 15.0, 1 / 45.0, 0])
    }
}
