/// The sizes of a vision tower that all families have.
struct VisionConfiguration: Sendable, Equatable {
    let hiddenSize: Int
    let intermediateSize: Int
    let blockCount: Int
    let headCount: Int
    let patchSize: Int
    let temporalPatchSize: Int
    let mergeSize: Int
    /// Width of the decoder that takes the features.
    let outputSize: Int

    var headDimension: Int { hiddenSize / headCount }
    /// Values of one patch.
    var patchLength: Int { 3 * temporalPatchSize * patchSize * patchSize }
    /// Patches that become one token.
    var patchesPerCell: Int { mergeSize * mergeSize }
    /// Numbers of the patches of one token.
    var cellWidth: Int { hiddenSize * patchesPerCell }
    /// ε of the tower's norms; not in any file.
    static let normEpsilon: Float = 1e-6

    /// Names of fields and defaults in which families differ; a default of nil makes a field required.
    struct Keys {
        /// The field of the tower's width.
        let hiddenSize: String
        let defaultHiddenSize: Int?
        /// The field of the decoder's width; Qwen2-VL calls it `hidden_size`.
        let outputSize: String
        let defaultBlockCount: Int
        let defaultPatchSize: Int
        /// The one activation that the tower knows, as the file spells it.
        let activation: String
    }

    /// Reads and checks the fields.
    ///
    /// - Parameters:
    ///   - fields: The fields of `vision_config`.
    ///   - keys: How this family calls them.
    ///   - decoderWidth: Width of the decoder.
    ///   - intermediateSize: Width of the feed-forward part, given the tower's width.
    /// - Throws: ``ModelError/field(path:name:reason:)``, ``ModelError/unsupported(path:feature:)``.
    init(
        _ fields: JSONFields,
        keys: Keys,
        decoderWidth: Int,
        intermediateSize: (Int) throws(ModelError) -> Int
    ) throws(ModelError) {
        hiddenSize = try fields.integer(keys.hiddenSize, in: 1...65_536, fallback: keys.defaultHiddenSize)
        headCount = try fields.integer("num_heads", in: 1...1024, fallback: 16)
        guard hiddenSize % headCount == 0, hiddenSize / headCount % 4 == 0 else {
            throw fields.failure(
                "num_heads",
                "is \(headCount), which does not cut \(hiddenSize) into heads of 4·n"
            )
        }
        for name in ["in_channels", "in_chans"] {
            let channels = try fields.integer(name, in: 1...16, fallback: 3)
            guard channels == 3 else { throw fields.failure(name, "is \(channels), not 3") }
        }
        let activation = try fields.text("hidden_act", fallback: keys.activation)
        guard activation == keys.activation else {
            throw .unsupported(path: fields.path, feature: "the activation \(activation) in its vision tower")
        }
        outputSize = try fields.integer(keys.outputSize, in: 1...65_536, fallback: 3584)
        guard outputSize == decoderWidth else {
            throw fields.failure(
                keys.outputSize,
                "is \(outputSize), but the decoder's hidden_size is \(decoderWidth)"
            )
        }
        blockCount = try fields.integer("depth", in: 1...1024, fallback: keys.defaultBlockCount)
        patchSize = try fields.integer("patch_size", in: 1...256, fallback: keys.defaultPatchSize)
        let spatial = try fields.integer("spatial_patch_size", in: 1...256, fallback: patchSize)
        guard spatial == patchSize else {
            throw fields.failure("spatial_patch_size", "is \(spatial), but the patch size is \(patchSize)")
        }
        temporalPatchSize = try fields.integer("temporal_patch_size", in: 1...16, fallback: 2)
        mergeSize = try fields.integer("spatial_merge_size", in: 1...16, fallback: 2)
        self.intermediateSize = try intermediateSize(hiddenSize)
    }
}
