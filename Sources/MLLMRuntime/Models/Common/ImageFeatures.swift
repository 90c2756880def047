import Shared

/// What the decoder sees of one image.
struct ImageFeatures: Sendable {
    /// `[tokens, hiddenSize]`, in place of the embeddings of the image's tokens; raster order of cells.
    let rows: Tensor
    /// `[tokens, hiddenSize]` each: level K is added to the image's rows after layer K of the decoder.
    ///
    /// Source: Meng et al., arXiv:2406.04334 (DeepStack).
    let deepstack: [Tensor]

    var byteCount: Int { 4 * (rows.count + deepstack.reduce(0) { $0 + $1.count }) }
}

/// The deepstack levels of the images in a batch of rows.
struct DeepstackRows: Sendable {
    /// A run of rows of the batch, and the features that belong to them.
    struct Run: Sendable {
        /// First row in the batch.
        let row: Int
        /// Rows of the features that stand there.
        let range: Range<Int>
        let features: ImageFeatures
    }

    var runs: [Run] = []

    /// Adds a level to its rows.
    ///
    /// - Parameters:
    ///   - level: The level; one that no image has changes nothing.
    ///   - hidden: Rows of the whole batch, or those named by `rows`.
    ///   - rows: Which rows of the batch `hidden` holds; nil for all.
    func add(level: Int, to hidden: inout Tensor, rows: [Int]? = nil) {
        for run in runs where level < run.features.deepstack.count {
            let source = run.features.deepstack[level]
            guard let rows else {
                RowArithmetic.accumulate(source, rows: run.range, into: &hidden, at: run.row)
                continue
            }
            for (place, row) in rows.enumerated() where (0..<run.range.count).contains(row - run.row) {
                let own = run.range.lowerBound + row - run.row
                RowArithmetic.accumulate(source, rows: own..<own + 1, into: &hidden, at: place)
            }
        }
    }
}
