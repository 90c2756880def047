/// What a benchmark measured of a case, for records that say besides what the case was.
package struct Measured: Encodable, Sendable {
    /// Seconds of a run: the median.
    package let seconds: Double
    /// Runs that were timed.
    package let runs: Int
    /// Arithmetic of a run, in 10¹² operations.
    package let teraOperations: Double
    /// What the instructions of the precision reached right before and after, in 10¹² operations a second.
    package let peakTeraOperationsPerSecond: Double
    /// Most memory of the process during the case, in bytes.
    package let peakByteCount: Int

    /// 10¹² operations a second.
    package var teraOperationsPerSecond: Double { teraOperations / seconds }
    /// The part of the peak that was reached.
    package var shareOfPeak: Double { teraOperationsPerSecond / peakTeraOperationsPerSecond }

    /// Describes the runs of a case.
    ///
    /// - Parameters:
    ///   - times: Seconds of each run, at least one.
    ///   - operations: Arithmetic of a run.
    ///   - peaks: Operations a second that the instructions reached, each time they were measured.
    ///   - peakByteCount: Most memory of the process.
    package init(times: [Double], operations: Double, peaks: [Double], peakByteCount: Int) {
        precondition(!times.isEmpty && !peaks.isEmpty, "nothing was measured")
        seconds = times.sorted()[times.count / 2]
        runs = times.count
        teraOperations = operations / 1e12
        peakTeraOperationsPerSecond = peaks.reduce(0, +) / Double(peaks.count) / 1e12
        self.peakByteCount = peakByteCount
    }

    private enum CodingKeys: String, CodingKey {
        case seconds, runs
        case teraOperations = "tflop"
        case teraOperationsPerSecond = "tflop_per_second"
        case peakTeraOperationsPerSecond = "peak_tflop_per_second"
        case shareOfPeak = "share_of_peak"
        case peakByteCount = "peak_resident_bytes"
    }

    /// Writes the figures, and those that follow from them.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(seconds, forKey: .seconds)
        try container.encode(runs, forKey: .runs)
        try container.encode(teraOperations, forKey: .teraOperations)
        try container.encode(teraOperationsPerSecond, forKey: .teraOperationsPerSecond)
        try container.encode(peakTeraOperationsPerSecond, forKey: .peakTeraOperationsPerSecond)
        try container.encode(shareOfPeak, forKey: .shareOfPeak)
        try container.encode(peakByteCount, forKey: .peakByteCount)
    }
}
