/// A resampling kernel.
package enum ResampleFilter: String, Sendable, Hashable, CaseIterable {
    /// Keys' cubic with a = −0.5, two input pixels to either side.
    case bicubic
    /// Lanczos' windowed sinc, three input pixels to either side.
    case lanczos

    /// How far the kernel reaches to either side, in input pixels at scale 1.
    var support: Double {
        switch self {
        case .bicubic: Bicubic.support
        case .lanczos: Lanczos.support
        }
    }

    /// The kernel at a distance from the centre, in input pixels at scale 1.
    func weight(at distance: Double) -> Double {
        switch self {
        case .bicubic: Bicubic.weight(at: distance)
        case .lanczos: Lanczos.weight(at: distance)
        }
    }
}
