/// What a generated dataset holds.
struct ShapeDatasetOptions: Sendable, Hashable {
    /// How many training rows.
    var count: Int
    /// How many test rows; these may have held-out combinations.
    var testCount = 0
    /// The seed: the same options and seed give the same bytes.
    var seed: UInt64 = 0
    /// How many graded candidates each row carries; 0 for none.
    var candidates = 0
    /// The operations, taken in turn; one named twice comes up twice as often.
    var operations = ShapeOperation.allCases

    /// Checks the numbers.
    ///
    /// - Throws: ``ShapeDatasetError/invalidOption(name:reason:)``.
    func validate() throws(ShapeDatasetError) {
        guard count >= 0, testCount >= 0, count + testCount > 0 else {
            throw .invalidOption(name: "count", reason: "and --test-count must give at least one row")
        }
        guard (0...64).contains(candidates) else {
            throw .invalidOption(name: "candidates", reason: "takes 0 to 64, not \(candidates)")
        }
        guard !operations.isEmpty else {
            throw .invalidOption(name: "operations", reason: "needs at least one operation")
        }
    }
}
