/// The picture sizes that FLUX.1-Kontext was trained on.
///
/// Source: huggingface/diffusers 0.42.1, `pipelines/flux/pipeline_flux_kontext.py`, `PREFERRED_KONTEXT_RESOLUTIONS`.
enum KontextSize {
    /// Width and height in pixels, from the narrowest to the widest.
    static let preferred: [(width: Int, height: Int)] = [
        (672, 1568), (688, 1504), (720, 1456), (752, 1392), (800, 1328), (832, 1248), (880, 1184),
        (944, 1104),
        (1024, 1024), (1104, 944), (1184, 880), (1248, 832), (1328, 800), (1392, 752), (1456, 720),
        (1504, 688),
        (1568, 672),
    ]

    /// The preferred size whose ratio of width to height is nearest; of two equally near the narrower one.
    ///
    /// - Parameters:
    ///   - width: Pixels of a picture, positive.
    ///   - height: Pixels of a picture, positive.
    /// - Returns: Width and height in pixels.
    static func nearest(width: Int, height: Int) -> (width: Int, height: Int) {
        let ratio = Double(width) / Double(height)
        func distance(_ size: (width: Int, height: Int)) -> Double {
            abs(ratio - Double(size.width) / Double(size.height))
        }
        // `min` keeps the first of equals.
        return preferred.min { distance($0) < distance($1) } ?? (1024, 1024)
    }
}
