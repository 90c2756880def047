import Testing

@testable import RewardServer

@Suite struct CalibrationTableTests {
    @Test("a border belongs to the upper bin, and 1 to the last")
    func borders() {
        let table = CalibrationTable([(0, 0), (0.1, 0.5), (0.0999, 1), (1, 1), (0.9, 0)])
        #expect(table.bins.map(\.count) == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2])
        #expect(table.bins[0].meanLabel == 0.5)
        #expect(table.bins[9].meanScore == 0.95)
        #expect(table.bins[5].meanScore == nil)
    }

    @Test("the error is the mean distance of the bins, by their counts")
    func error() throws {
        let table = CalibrationTable([(0.2, 0.5), (0.22, 0.5), (0.8, 0.7)])
        let error = try #require(table.error)
        #expect(abs(error - 0.68 / 3) < 1e-12)
        #expect(CalibrationTable([]).error == nil)
    }
}
