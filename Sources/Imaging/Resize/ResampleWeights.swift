/// For every output pixel of one axis: which input pixels it sums, and their weights.
///
/// When the axis shrinks, the kernel is widened by the same ratio, so every input pixel counts
/// (antialiasing). Weights are normalised to the sum 1 in double precision, then become integers in units of
/// 2⁻²², halves away from zero.
///
/// Source: `precompute_coeffs`, `normalize_coeffs_8bpc` in Pillow's `libImaging/Resample.c`, 11.0 to 12.2.
struct ResampleWeights {
    /// First input pixel of each output pixel.
    private(set) var first: [Int32] = []
    /// Count of input pixels of each output pixel.
    private(set) var length: [Int32] = []
    /// `[outputs, stride]`, in units of 2⁻²².
    private(set) var weights: [Int32]
    /// Room for weights of one output pixel.
    let stride: Int

    /// Computes the weights of one axis.
    ///
    /// - Parameters:
    ///   - inputSize: Length of the axis before, in pixels.
    ///   - outputSize: Length of the axis after, in pixels.
    ///   - filter: The kernel.
    init(from inputSize: Int, to outputSize: Int, filter: ResampleFilter) {
        let scale = Double(inputSize) / Double(outputSize)
        let widening = max(scale, 1)
        let support = filter.support * widening
        let inverseWidening = 1 / widening
        stride = Int(support.rounded(.up)) * 2 + 1
        weights = [Int32](repeating: 0, count: outputSize * stride)
        first.reserveCapacity(outputSize)
        length.reserveCapacity(outputSize)
        var row = [Double](repeating: 0, count: stride)
        for output in 0..<outputSize {
            let center = (Double(output) + 0.5) * scale
            let start = max(0, Int(center - support + 0.5))
            let count = min(inputSize, Int(center + support + 0.5)) - start
            var sum = 0.0
            for tap in 0..<count {
                row[tap] = filter.weight(at: (Double(tap + start) - center + 0.5) * inverseWidening)
                sum += row[tap]
            }
            for tap in 0..<count {
                let weight = sum == 0 ? row[tap] : row[tap] / sum
                let units = weight * Double(1 << 22)
                weights[output * stride + tap] = Int32(units < 0 ? units - 0.5 : units + 0.5)
            }
            first.append(Int32(start))
            length.append(Int32(count))
        }
    }
}
