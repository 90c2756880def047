/// Compositing over white, as transformers' `convert_to_rgb` does it through Pillow's `alpha_composite`.
///
/// With 7 extra bits: `t = sample·alpha·128 + 255·(255 − alpha)·128 + 128·128`, then `t / 255` by the shift
/// `(t/256 + t)/256`, then 7 bits down. Alpha 0 gives exactly white, alpha 255 exactly the sample.
///
/// Source: `convert_to_rgb` in `transformers/image_transforms.py` 5.23.0; `libImaging/AlphaComposite.c` of
/// Pillow.
enum WhiteBackground {
    /// One sample over white.
    @inline(__always)
    static func composite(_ sample: UInt8, alpha: UInt8) -> UInt8 {
        let weight = UInt32(alpha) << 7
        let total = UInt32(sample) &* weight &+ 255 &* ((255 << 7) &- weight) &+ (128 << 7)
        return UInt8(truncatingIfNeeded: ((total >> 8) &+ total) >> 15)
    }
}
