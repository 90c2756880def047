/// Splits a loop over rows between the compute threads when there is enough work for them.
enum RowBlocks {
    /// Numbers below which starting threads costs more than it saves.
    private static let leastNumbers = 1 << 18

    /// Runs `body` over ranges of rows that together make `0 ..< rows`.
    ///
    /// - Parameters:
    ///   - rows: How many rows.
    ///   - width: Numbers of a row.
    ///   - group: Ranges start and end at a multiple of this many rows.
    ///   - body: Work of one range; rows do not depend on each other.
    static func forEach(_ rows: Int, width: Int, group: Int = 1, _ body: @Sendable (Range<Int>) -> Void) {
        let groups = (rows + group - 1) / group
        let blocks = rows * width < leastNumbers ? 1 : min(Parallel.threadCount, groups)
        guard blocks > 1 else {
            body(0..<rows)
            return
        }
        Parallel.forEach(blocks) { block in
            let range = (groups * block / blocks)..<(groups * (block + 1) / blocks)
            body((range.lowerBound * group)..<min(rows, range.upperBound * group))
        }
    }
}
