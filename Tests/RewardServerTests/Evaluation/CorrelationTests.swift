import Testing

@testable import RewardServer

/// Expected numbers: `scipy.stats.pearsonr`, `spearmanr`, `kendalltau` and `rankdata` of scipy 1.17.1.
@Suite struct CorrelationTests {
    struct Case: Sendable {
        let x: [Double]
        let y: [Double]
        let pearson: Double
        let spearman: Double
        let kendall: Double
    }

    private static let many: [(first: Int, second: Int)] = (0..<500).map { index in
        (first: index * 7919 % 101, second: index * 104_729 % 37)
    }

    private static let cases: [Case] = [
        Case(
            x: [0.1, 0.4, 0.4, 0.7, 0.9, 0.9, 0.9, 0.2],
            y: [1, 2, 2, 3, 5, 4, 4, 1],
            pearson: 0.969563925846466,
            spearman: 0.9750761808025541,
            kendall: 0.938971068066885
        ),
        Case(
            x: [0.001, 0.299, -0.274, -0.891, -0.455, -0.992, 0.06, 1.34, -0.492, -0.62, 0.49, 0.357],
            y: [0.106, -0.781, -0.166, 0.25, -1.572, -0.954, -1.871, -0.62, -2.088, -0.545, -1.022, 0.45],
            pearson: 0.07834775140796726,
            spearman: 0.034965034965034975,
            kendall: 0.0606060606060606
        ),
        Case(
            x: [1, 0, 0, 2, 3, 1, 3, 3, 3, 2, 1, 2, 1, 1, 1, 0, 3, 0, 0, 0],
            y: [2, 2, 2, 0, 2, 1, 1, 0, 1, 2, 1, 0, 1, 0, 2, 2, 0, 1, 2, 2],
            pearson: -0.5021212777302972,
            spearman: -0.5197462597317142,
            kendall: -0.457495710997814
        ),
        Case(x: [1, 2, 3, 4], y: [4, 3, 2, 1], pearson: -1, spearman: -1, kendall: -1),
        Case(
            x: many.map { Double($0.first) / 100 },
            y: many.map { Double($0.second) + Double($0.first) / 10 },
            pearson: 0.27316683328137065,
            spearman: 0.26850277014386087,
            kendall: 0.20825723762060194
        ),
    ]

    @Test("the coefficients are scipy's, ties included", arguments: cases)
    func coefficients(_ one: Case) throws {
        #expect(abs(try #require(Correlation.pearson(one.x, one.y)) - one.pearson) < 1e-12)
        #expect(abs(try #require(Correlation.spearman(one.x, one.y)) - one.spearman) < 1e-12)
        #expect(abs(try #require(Correlation.kendallTauB(one.x, one.y)) - one.kendall) < 1e-12)
    }

    @Test("they do not depend on the order of the pairs", arguments: cases)
    func order(_ one: Case) throws {
        let order = one.x.indices.sorted { ($0 * 7 % 5, $0) < ($1 * 7 % 5, $1) }
        let (x, y) = (order.map { one.x[$0] }, order.map { one.y[$0] })
        #expect(Correlation.kendallTauB(x, y) == Correlation.kendallTauB(one.x, one.y))
        #expect(abs(try #require(Correlation.spearman(y, x)) - one.spearman) < 1e-12)
    }

    @Test("equal numbers share the mean of their ranks")
    func ranks() {
        #expect(Correlation.ranks([0.3, 0.1, 0.3, 0.3, 0.9]) == [3, 1, 3, 3, 5])
    }

    @Test(
        "what is undefined is no number",
        arguments: [[Double](), [1.0], [0.1, 0.1, 0.1]]
    )
    func undefined(_ x: [Double]) {
        let y = x.indices.map(Double.init)
        #expect(Correlation.pearson(x, y) == nil)
        #expect(Correlation.spearman(y, x) == nil)
        #expect(Correlation.kendallTauB(x, y) == nil)
    }
}
