import Shared

/// How fast this machine multiplies matrices, which is nearly all that a model does.
enum ProductRate {
    /// Multiplies for a while.
    ///
    /// - Parameter duration: How long, after one product to warm up.
    /// - Returns: Floating-point operations a second in float32, on the configured compute threads.
    static func measure(for duration: Duration = .milliseconds(300)) -> Double {
        let (rows, depth, columns) = (512, 1024, 1024)
        let input = Tensor([Float](repeating: 0.5, count: rows * depth), shape: [rows, depth])
        let weight = Tensor([Float](repeating: 0.25, count: columns * depth), shape: [columns, depth])
        _ = GEMM.linear(input, weight: weight)
        var products = 0
        let start = ContinuousClock.now
        repeat {
            _ = GEMM.linear(input, weight: weight)
            products += 1
        } while ContinuousClock.now - start < duration
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        return Double(2 * rows * depth * columns * products) / seconds
    }
}
