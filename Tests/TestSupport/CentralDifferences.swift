public import Shared

/// Gradients of a double-precision reference by central differences.
public enum CentralDifferences {
    /// The derivative of `f` by every number of `x`.
    public static func gradient(_ x: [Double], step: Double = 1e-5, _ f: ([Double]) -> Double) -> [Double] {
        var point = x
        return x.indices.map { index in
            point[index] = x[index] + step
            let above = f(point)
            point[index] = x[index] - step
            let below = f(point)
            point[index] = x[index]
            return (above - below) / (2 * step)
        }
    }

    /// Greatest difference over the greatest expected number; infinite for NaN or another count.
    public static func relativeError(_ found: [Float], _ expected: [Double]) -> Double {
        guard found.count == expected.count else { return .infinity }
        let scale = max(expected.map(abs).max() ?? 0, 1e-6)
        let worst = zip(found, expected).map { abs(Double($0) - $1) }
        return worst.contains(where: \.isNaN) ? .infinity : (worst.max() ?? 0) / scale
    }

    /// Standard normal test data, the same on every run.
    public static func numbers(_ count: Int, seed: Int) -> [Double] {
        var generator = SeedTree(seed: 77)[seed].generator
        return generator.normals(count: count).map(Double.init)
    }

    /// The inner product, which makes one number of an operator's output.
    public static func dot(_ x: [Double], _ y: [Double]) -> Double {
        zip(x, y).reduce(0) { $0 + $1.0 * $1.1 }
    }
}

extension Tensor {
    /// A tensor of rounded doubles.
    public init(doubles: [Double], shape: [Int]) {
        self.init(doubles.map(Float.init), shape: shape)
    }
}
