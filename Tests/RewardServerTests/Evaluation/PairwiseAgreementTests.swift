import Testing

@testable import RewardServer

@Suite struct PairwiseAgreementTests {
    /// All kinds of pairs at once; counted by hand and with the published definition in Python.
    private static let pairs = zip(
        [1, 1, -1, 0, 0, 1, -1, 0, 1, -1],
        [0.5, -0.1, -0.2, 0.05, -0.3, 0.0, 0.15, 0.0, 0.12, -0.6]
    ).map { PairwiseAgreement.Pair(label: $0, difference: $1) }

    @Test("strict leaves the labels' ties out and counts the judge's as misses")
    func strict() throws {
        let agreement = PairwiseAgreement(Self.pairs)
        #expect(agreement.count == 10)
        #expect(agreement.labelTies == 3)
        #expect(agreement.judgeTies == 2)
        #expect(abs(try #require(agreement.strict) - 4.0 / 7) < 1e-15)
    }

    @Test("tolerant takes the smallest threshold that is best")
    func tolerant() throws {
        let agreement = PairwiseAgreement(Self.pairs)
        #expect(agreement.threshold == 0.05)
        #expect(agreement.tolerant == 0.6)
    }

    @Test(
        "a given threshold is taken as it is",
        arguments: [(0, 0.5), (0.05, 0.6), (0.1, 0.6), (0.12, 0.5), (0.2, 0.4), (0.3, 0.5), (0.6, 0.3)]
    )
    func given(_ threshold: Double, _ accuracy: Double) {
        let agreement = PairwiseAgreement(Self.pairs, threshold: threshold)
        #expect(agreement.threshold == threshold)
        #expect(agreement.tolerant == accuracy)
        #expect(agreement.strict == PairwiseAgreement(Self.pairs).strict, "strict knows no threshold")
    }

    @Test("the calibrated threshold is as good as the best of all")
    func calibration() {
        var state = 1
        for _ in 0..<50 {
            let pairs = (0..<40).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let bits = Int(UInt(bitPattern: state) >> 40)
                return PairwiseAgreement.Pair(
                    label: bits % 3 - 1,
                    difference: Double(bits / 3 % 21 - 10) / 10
                )
            }
            let agreement = PairwiseAgreement(pairs)
            let all = (0...10).compactMap { threshold in
                PairwiseAgreement(pairs, threshold: Double(threshold) / 10).tolerant
            }
            #expect(agreement.tolerant == all.max())
        }
    }

    @Test("without ties in the labels no threshold helps")
    func noTies() {
        let pairs = [0.4, 0.1, 0.2].map { PairwiseAgreement.Pair(label: 1, difference: $0) }
        let agreement = PairwiseAgreement(pairs)
        #expect((agreement.threshold, agreement.strict, agreement.tolerant) == (0, 1, 1))
    }

    @Test("no pairs give no accuracy, only ties no strict one")
    func empty() {
        #expect(PairwiseAgreement([]).strict == nil)
        #expect(PairwiseAgreement([]).tolerant == nil)
        let tie = PairwiseAgreement([PairwiseAgreement.Pair(label: 0, difference: 0.2)])
        #expect(tie.strict == nil)
        #expect((tie.tolerant, tie.threshold) == (1, 0.2))
    }
}
