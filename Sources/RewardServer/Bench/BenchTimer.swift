import Shared

/// Times one case after another, each between two measurements of what the instructions can do.
struct BenchTimer {
    /// What the case is compared with.
    let peak: InstructionPeak
    /// Number formats of the arithmetic.
    let precision: String
    /// How long a case is repeated.
    let budget: Duration

    /// Most runs of a case.
    private static let mostRuns = 200

    /// Times a case: one run to warm up, then runs until the budget is used up.
    ///
    /// - Parameters:
    ///   - name: The case.
    ///   - detail: What exactly is worked on.
    ///   - operations: Arithmetic of a run.
    ///   - tokens: Rows that a run works on.
    ///   - candidates: Candidates that a run scores.
    ///   - prepare: Makes the input of a run; not timed.
    ///   - body: A run.
    /// - Returns: The record.
    /// - Throws: What `prepare` and `body` throw.
    func measure<Input>(
        _ name: String,
        _ detail: String,
        operations: Double,
        tokens: Int? = nil,
        candidates: Int? = nil,
        prepare: (_ run: Int) throws -> Input,
        body: (Input) throws -> Void
    ) throws -> BenchRecord {
        ProcessMemory.resetPeak()
        try body(try prepare(0))
        let before = peak.measure()
        var times: [Double] = []
        var newBuffers = 0
        let start = ContinuousClock.now
        repeat {
            let input = try prepare(times.count + 1)
            let known = Tensor.newBufferCount
            let begun = ContinuousClock.now
            try body(input)
            times.append((ContinuousClock.now - begun) / .seconds(1))
            newBuffers += Tensor.newBufferCount - known
        } while ContinuousClock.now - start < budget && times.count < Self.mostRuns
        return BenchRecord(
            name: name,
            detail: detail,
            precision: precision,
            tokens: tokens,
            candidates: candidates,
            newBufferCount: newBuffers,
            measured: Measured(
                times: times,
                operations: operations,
                peaks: [before, peak.measure()],
                peakByteCount: ProcessMemory.peakByteCount
            )
        )
    }

    /// Times a case whose runs all have the same input.
    func measure(
        _ name: String,
        _ detail: String,
        operations: Double,
        tokens: Int? = nil,
        candidates: Int? = nil,
        body: () throws -> Void
    ) throws -> BenchRecord {
        try measure(
            name,
            detail,
            operations: operations,
            tokens: tokens,
            candidates: candidates,
            prepare: { _ in },
            body: body
        )
    }
}
