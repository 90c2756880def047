import Imaging
package import Shared

/// A linear layer of a model, to be timed by itself.
package struct MeasuredLayer: Sendable {
    /// What it does in its layer, such as `decoder gate`.
    package let name: String
    private let layer: LinearLayer

    /// Numbers of an input row.
    package var inputs: Int { layer.weight.columnCount }
    /// Numbers of an output row.
    package var outputs: Int { layer.weight.rowCount }
    /// The arithmetic of its product.
    package var precision: Precision { layer.precision }

    init(_ name: String, _ layer: LinearLayer) {
        self.name = name
        self.layer = layer
    }

    /// - Parameter x: `[rows, inputs]`.
    /// - Returns: `[rows, outputs]`.
    package func callAsFunction(_ x: Tensor) -> Tensor { layer(x) }
}

/// A model whose decoder can be timed by itself.
package protocol MeasuredDecoder: Sendable {
    /// The linear layers of the decoder's first layer that differ in shape.
    var measuredLayers: [MeasuredLayer] { get }
    /// Tokens of a text at most.
    var contextLength: Int { get }
    /// Tokens that a text may hold have smaller ids.
    var vocabularySize: Int { get }
    /// The arithmetic of linear layers.
    var linearPrecision: Precision { get }

    /// Runs the decoder over a text, up to the hidden state after its last token.
    ///
    /// - Parameter tokens: Ids below the vocabulary's size, at least one.
    /// - Returns: `[1, hiddenSize]`, after the final norm.
    /// - Throws: ``ModelError`` for a text that is empty, too long or has an unknown token.
    func prefill(_ tokens: [Int]) throws -> Tensor

    /// Arithmetic of ``prefill(_:)``.
    func operations(prefilling tokenCount: Int) -> Double
}

extension LanguageDecoder {
    var measuredLayers: [MeasuredLayer] {
        guard let layer = layers.first else { return [] }
        return [
            MeasuredLayer("decoder queries", layer.queries),
            MeasuredLayer("decoder keys", layer.keys),
            MeasuredLayer("decoder gate", layer.mlp.gate),
            MeasuredLayer("decoder down", layer.mlp.down),
        ]
    }
}

extension TextModel: MeasuredDecoder {
    /// See ``MeasuredDecoder``.
    package var measuredLayers: [MeasuredLayer] { decoder.measuredLayers }
    /// See ``MeasuredDecoder``.
    package var contextLength: Int { decoder.configuration.contextLength }
    /// See ``MeasuredDecoder``.
    package var vocabularySize: Int { decoder.configuration.vocabularySize }

    /// See ``MeasuredDecoder``.
    package func prefill(_ tokens: [Int]) throws -> Tensor {
        try decoder.hidden(after: tokens)
    }

    /// See ``MeasuredDecoder``.
    package func operations(prefilling tokenCount: Int) -> Double {
        decoder.configuration.operations(trunk: 0, branches: [tokenCount])
    }
}

/// The parts of the way from images and text to an answer, one by one and with their arithmetic, for benchmarks.
extension LanguageVisionModel: MeasuredDecoder {
    /// See ``MeasuredDecoder``.
    package var measuredLayers: [MeasuredLayer] { decoder.measuredLayers }
    /// See ``MeasuredDecoder``.
    package var contextLength: Int { information.contextLength }
    /// See ``MeasuredDecoder``.
    package var vocabularySize: Int { information.vocabularySize }
    /// See ``MeasuredDecoder``.
    package var linearPrecision: Precision { information.precision.linear }
    /// The arithmetic of the vision tower's layers.
    package var visionPrecision: Precision { information.precision.ofLayer("visual.") }

    /// See ``MeasuredDecoder``.
    package func prefill(_ tokens: [Int]) throws -> Tensor {
        try decoder.hidden(after: tokens)
    }

    /// See ``MeasuredDecoder``.
    package func operations(prefilling tokenCount: Int) -> Double {
        decoder.configuration.operations(trunk: 0, branches: [tokenCount])
    }

    /// Runs the vision tower over images, as one batch.
    ///
    /// - Parameter images: From this model.
    /// - Returns: Tokens that the decoder would take.
    /// - Throws: Nothing that an image of this model causes.
    package func encode(_ images: [PreparedImage]) throws -> Int {
        try tower.features(of: images.map(\.patches)).reduce(0) { $0 + $1.rows.rowCount }
    }

    /// Arithmetic of ``encode(_:)``.
    package func operations(encoding images: [PreparedImage]) -> Double {
        images.reduce(0) {
            $0 + costs.visionOperations(rows: $1.patches.gridHeight, columns: $1.patches.gridWidth)
        }
    }

    /// Arithmetic of the prompts of a group, each image and the trunk once.
    ///
    /// - Parameters:
    ///   - group: The prompts.
    ///   - knowsTrunk: Whether the trunk and the images in it come from a cache.
    /// - Returns: Operations of tower and decoder.
    package func operations(of group: PromptGroup, knowsTrunk: Bool) -> OperationCount {
        let prompts = group.branches.map { builder.prompt(group.shared + $0) }
        let trunk = trunkLength(of: prompts, sharing: group.shared)
        var seen: Set<ContentHash> = []
        let images = prompts.flatMap(\.images).filter { placed in
            !(knowsTrunk && placed.range.upperBound <= trunk)
                && seen.insert(placed.image.contentHash).inserted
        }
        return OperationCount(
            vision: operations(encoding: images.map(\.image)),
            prefill: decoder.configuration.operations(
                trunk: trunk,
                branches: prompts.map { $0.tokens.count - trunk },
                knowsTrunk: knowsTrunk
            )
        )
    }
}
