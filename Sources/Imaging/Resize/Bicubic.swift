/// Keys' cubic convolution kernel with a = −0.5.
///
/// Source: R. Keys, Cubic Convolution Interpolation for Digital Image Processing, 1981, equation 15; the
/// order of operations is that of `bicubic_filter` in Pillow's `libImaging/Resample.c`, whose bits depend on
/// it.
enum Bicubic {
    static let support = 2.0

    /// With x = |distance|: `(a+2)x³ − (a+3)x² + 1` below 1, `a(x³ − 5x² + 8x − 4)` below 2, else 0.
    static func weight(at distance: Double) -> Double {
        let a = -0.5
        let x = abs(distance)
        if x < 1 {
            return ((a + 2) * x - (a + 3)) * x * x + 1
        }
        if x < 2 {
            return (((x - 5) * x + 8) * x - 4) * a
        }
        return 0
    }
}
