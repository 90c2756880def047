import Imaging
import Shared

/// What a job with square images of 512 × 512 pixels costs: one source image, some candidates, 150 tokens of text
/// with each.
struct ModelCosts {
    /// Side of the images before they are resized.
    private static let side = 512
    /// Tokens of a prompt that do not stand for image cells.
    private static let textTokens = 150
    /// Tokens of them before the source image's first cell and at its end, which all candidates share: the
    /// default system turn, the opening of the user's, and the two marks of the image.
    private static let sharedTextTokens = 16
    /// The program, the tokenizer's tables, the work space of products, and what is kept of released tensors.
    private static let programByteCount = 192 << 20 + Tensor.mostKeptByteCount

    let text: DecoderConfiguration
    let vision: VisionConfiguration
    let family: any FamilyConfiguration
    let processor: ImageProcessor
    /// Bytes of the weights as they are held.
    let weightByteCount: Int
    /// Arithmetic of linear layers.
    let precision: ModelPrecision

    /// - Parameters:
    ///   - family: The model.
    ///   - processor: Its image processor.
    ///   - tensors: Its checkpoint.
    init(_ family: any FamilyConfiguration, processor: ImageProcessor, tensors: TensorSource) {
        self.init(
            family,
            processor: processor,
            weightByteCount: tensors.heldByteCount,
            precision: tensors.precision
        )
    }

    /// - Parameters:
    ///   - family: The model.
    ///   - processor: Its image processor.
    ///   - weightByteCount: Bytes of the weights as they are held.
    ///   - precision: Arithmetic of linear layers.
    init(
        _ family: any FamilyConfiguration,
        processor: ImageProcessor,
        weightByteCount: Int,
        precision: ModelPrecision
    ) {
        self.family = family
        text = family.text
        vision = family.vision
        self.processor = processor
        self.weightByteCount = weightByteCount
        self.precision = precision
    }

    /// Patches of one image, by row and column.
    private func grid() throws -> (rows: Int, columns: Int) {
        let plan = try processor.plan(width: Self.side, height: Self.side)
        return (plan.height / vision.patchSize, plan.width / vision.patchSize)
    }

    // MARK: Arithmetic

    /// Operations of a source image with each of some candidates, nothing shared or cached.
    ///
    /// - Parameter candidates: How many.
    /// - Returns: Operations of tower and decoder.
    /// - Throws: `ResizeError`, which a square image does not cause.
    func operations(candidates: Int) throws -> OperationCount {
        let grid = try grid()
        let tokens = 2 * grid.rows * grid.columns / vision.patchesPerCell + Self.textTokens
        return OperationCount(
            vision: Double(2 * candidates) * visionOperations(rows: grid.rows, columns: grid.columns),
            prefill: Double(candidates) * text.operations(prompt: tokens)
        )
    }

    /// Operations of the tower for one image: patch embedding, linear layers, attention, mergers.
    func visionOperations(rows: Int, columns: Int) -> Double {
        let patches = Double(rows * columns)
        let weights = family.visionShapes.reduce(0.0) { sum, tensor in
            // Tables of positions are looked up, norms and biases are not worth counting.
            let isMatrix = tensor.value.count > 1 && !tensor.key.hasSuffix("pos_embed.weight")
            guard isMatrix else { return sum }
            let isPerCell = tensor.key.contains("merger")
            let count = Double(tensor.value.reduce(1, *))
            return sum + (isPerCell ? count / Double(vision.patchesPerCell) : count)
        }
        let attention = 4 * Double(vision.hiddenSize) * family.attendedRows(rows: rows, columns: columns)
        return 2 * patches * weights + attention
    }

    // MARK: Memory

    /// Bytes at the peak of a group.
    ///
    /// - Parameter candidates: Candidates of the group; each is compared with the one source image.
    /// - Returns: Bytes by what they are for.
    /// - Throws: `ResizeError`, which a square image does not cause.
    func memory(candidates: Int) throws -> MemoryEstimate {
        let grid = try grid()
        let patches = grid.rows * grid.columns
        let cells = patches / vision.patchesPerCell
        let images = candidates + 1
        let prepared = images * patches * vision.patchLength
        let features = images * cells * vision.outputSize * (1 + family.deepstackLevelCount)
        let trunk = (cells + Self.sharedTextTokens) * 2 * text.keyWidth * text.layerCount
        let activations = max(
            towerNumbers(patches: patches, images: images),
            decoderNumbers(branch: cells + Self.textTokens - Self.sharedTextTokens, branches: candidates)
        )
        return MemoryEstimate(
            weightByteCount: weightByteCount,
            cacheByteCount: 4 * (prepared + features + trunk),
            activationByteCount: 4 * activations + Self.programByteCount
        )
    }

    /// Numbers alive at once in a block of the tower: the patches themselves, the residual rows, and either
    /// what attention holds or what the feed-forward part holds.
    private func towerNumbers(patches: Int, images: Int) -> Int {
        let fitting = max(1, LanguageVisionModel.patchesAtATime / patches)
        let rows = patches * min(images, fitting)
        let attention = rows * 6 * vision.hiddenSize
        let feedForward = feedForwardNumbers(
            rows,
            vision.hiddenSize,
            vision.intermediateSize,
            from: precision.sensitive
        )
        return rows * (vision.patchLength + vision.hiddenSize) + max(attention, feedForward)
    }

    /// Numbers alive at once in a layer of the decoder.
    private func decoderNumbers(branch: Int, branches: Int) -> Int {
        let fitting = max(1, LanguageVisionModel.rowsAtATime / branch)
        let rows = branch * min(branches, fitting)
        let attention = rows * (text.hiddenSize + 2 * text.queryWidth + 2 * text.keyWidth)
        let feedForward = feedForwardNumbers(
            rows,
            text.hiddenSize,
            text.intermediateSize,
            from: precision.linear
        )
        return rows * text.hiddenSize + max(attention, feedForward)
    }

    /// Numbers alive at once in a feed-forward part, beside the residual rows.
    ///
    /// Narrow products leave nothing but what the last of them takes.
    private func feedForwardNumbers(_ rows: Int, _ width: Int, _ inside: Int, from first: Precision) -> Int {
        switch (first, precision.sensitive) {
        case (_, .bfloat16): rows * (inside + width) / 2
        case (.float32, _): min(rows, GatedMLP.rowsAtATime) * 3 * inside + rows * 3 * width
        default: rows * (inside + 2 * width)
        }
    }
}
