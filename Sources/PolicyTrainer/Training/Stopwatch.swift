/// Measures the seconds of phases that follow one another.
final class Stopwatch {
    private var start = ContinuousClock.now

    /// Seconds since the beginning or the last lap.
    func lap() -> Double {
        let now = ContinuousClock.now
        defer { start = now }
        return start.duration(to: now) / .seconds(1)
    }
}
