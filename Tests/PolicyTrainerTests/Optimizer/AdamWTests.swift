import Testing

@testable import PolicyTrainer

@Suite("AdamW")
struct AdamWTests {
    @Test("two steps of the worked example to 12 digits, with both averages")
    func workedExample() throws {
        let steps = try WorkedExample.load().optimiser
        var optimizer = AdamW<Double>(settings: .init(), counts: [3])
        var parameters = [[0.5, -0.25, 0.1]]
        var average = parameters[0]
        var old = parameters[0]
        for step in steps {
            let norm = optimizer.step(&parameters, gradients: [step.grad])
            #expect(agree(norm, step.norm))
            #expect(optimizer.stepCount == step.step)
            #expect(agree(parameters[0], step.theta, 2e-12))
            let averageDecay = MovingAverage().decay(step: step.step)
            let oldDecay = OldPolicyUpdate.slow.decay(step: step.step)
            #expect(agree(averageDecay, step.ema_decay))
            #expect(agree(oldDecay, step.old_decay))
            average = zip(average, parameters[0]).map { averageDecay * $0 + (1 - averageDecay) * $1 }
            old = zip(old, parameters[0]).map { oldDecay * $0 + (1 - oldDecay) * $1 }
            #expect(agree(average, step.ema, 2e-12))
            #expect(agree(old, step.old, 2e-12))
        }
    }

    @Test("clipping acts on all parameters together")
    func clip() {
        var together = AdamW<Double>(settings: .init(), counts: [1, 2])
        var apart = AdamW<Double>(settings: .init(), counts: [3])
        var first = [[0.5], [-0.25, 0.1]]
        var second = [[0.5, -0.25, 0.1]]
        _ = together.step(&first, gradients: [[1.2], [-0.9, 2]])
        _ = apart.step(&second, gradients: [[1.2, -0.9, 2]])
        #expect(first.flatMap { $0 } == second[0])
        #expect(together.first.flatMap { $0 } == apart.first[0])
    }

    @Test("a share of the learning rate is that learning rate", arguments: [0, 0.1, 0.5, 1])
    func rateShare(share: Double) {
        var scaled = AdamW<Double>(settings: .init(learningRate: 0.01), counts: [3])
        var plain = AdamW<Double>(settings: .init(learningRate: 0.01 * share), counts: [3])
        var first = [[0.5, -0.25, 0.1]]
        var second = first
        for gradient in [[0.2, -0.1, 0.4], [0.1, 0.3, -0.2]] {
            _ = scaled.step(&first, gradients: [gradient], rateShare: share)
            _ = plain.step(&second, gradients: [gradient])
        }
        #expect(first == second)
        #expect((first == [[0.5, -0.25, 0.1]]) == (share == 0))
    }

    @Test("single precision follows double precision")
    func single() {
        var double = AdamW<Double>(settings: .init(learningRate: 1e-2), counts: [4])
        var single = AdamW<Float>(settings: .init(learningRate: 1e-2), counts: [4])
        var exact: [[Double]] = [[1, -2, 0.5, 0]]
        var rounded: [[Float]] = [[1, -2, 0.5, 0]]
        for step in 1...50 {
            let gradient = exact[0].map { 0.1 * $0 + 0.01 * Double(step % 3) }
            _ = double.step(&exact, gradients: [gradient])
            _ = single.step(&rounded, gradients: [gradient.map { Float($0) }])
        }
        #expect(zip(exact[0], rounded[0]).allSatisfy { abs($0 - Double($1)) < 1e-5 })
    }
}
