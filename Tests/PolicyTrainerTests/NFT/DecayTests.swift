import Testing

@testable import PolicyTrainer

@Suite("Decays of the averages")
struct DecayTests {
    @Test("the sampling adapter's schedules")
    func old() throws {
        let decay = try WorkedExample.load().decay
        for (step, expected) in decay.type1 {
            let number = try #require(Int(step))
            #expect(agree(OldPolicyUpdate.slow.decay(step: number), expected), "type 1, step \(step)")
        }
        for (step, expected) in decay.type2 {
            let number = try #require(Int(step))
            #expect(agree(OldPolicyUpdate.late.decay(step: number), expected), "type 2, step \(step)")
        }
        #expect((0..<100).allSatisfy { OldPolicyUpdate.immediate.decay(step: $0) == 0 })
    }

    @Test("the moving average's warm-up")
    func average() throws {
        for (step, expected) in try WorkedExample.load().decay.ema {
            let number = try #require(Int(step))
            #expect(agree(MovingAverage().decay(step: number), expected), "step \(step)")
        }
    }
}
