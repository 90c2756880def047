#if canImport(Glibc)
import Glibc
#endif

/// A random stream whose n-th value is a function of its key and n.
package struct CounterGenerator: RandomNumberGenerator, Sendable {
    private let key: UInt64
    private var counter: UInt64 = 0

    /// Starts the stream of a key; use ``SeedTree/generator`` to get one.
    package init(key: UInt64) {
        self.key = key
    }

    /// The next 64 random bits.
    package mutating func next() -> UInt64 {
        counter &+= 1
        return SeedTree.mix(key &+ counter &* 0x9E37_79B9_7F4A_7C15)
    }

    /// A number of `[0, 1)` with 53 random bits.
    package mutating func nextUnit() -> Double {
        Double(next() >> 11) * 0x1p-53
    }

    /// A number of `[lower, upper)`.
    package mutating func nextUniform(_ lower: Double, _ upper: Double) -> Double {
        lower + (upper - lower) * nextUnit()
    }

    /// A whole number of `0 ..< bound`; `bound` is positive.
    package mutating func nextInt(_ bound: Int) -> Int {
        precondition(bound > 0, "nextInt needs a positive bound, got \(bound)")
        return Int(next(upperBound: UInt64(bound)))
    }

    /// Standard normal numbers by the Box–Muller transform, computed in double precision.
    ///
    /// - Parameter count: How many numbers; two are made from two uniform draws.
    /// - Returns: `[count]` independent draws of N(0, 1).
    package mutating func normals(count: Int) -> [Float] {
        var result = [Float]()
        result.reserveCapacity(count + 1)
        while result.count < count {
            // 1 - u keeps the logarithm's argument in (0, 1].
            let radius = (-2 * log(1 - nextUnit())).squareRoot()
            let angle = 2 * Double.pi * nextUnit()
            result.append(Float(radius * cos(angle)))
            result.append(Float(radius * sin(angle)))
        }
        return Array(result.prefix(count))
    }
}
