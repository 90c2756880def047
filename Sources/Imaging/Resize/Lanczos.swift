import Foundation

/// The Lanczos kernel with three lobes.
///
/// Source: `lanczos_filter` in Pillow's `libImaging/Resample.c` (order of operations); C. Duchon, Lanczos
/// Filtering in One and Two Dimensions, 1979.
enum Lanczos {
    static let support = 3.0

    /// `sinc(x)·sinc(x/3)` for −3 ≤ x < 3, else 0.
    static func weight(at distance: Double) -> Double {
        -support <= distance && distance < support ? sinc(distance) * sinc(distance / support) : 0
    }

    private static func sinc(_ x: Double) -> Double {
        if x == 0 {
            return 1
        }
        let angle = x * Double.pi
        return sin(angle) / angle
    }
}
