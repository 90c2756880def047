import Foundation
import Shared

/// One block of true widths with random weights and a LoRA of rank 32 on the published targets.
struct BlockBench {
    /// Which block.
    enum Kind: String {
        /// Two streams, as FLUX has 19 of.
        case fluxDouble = "flux-double"
        /// One stream, as FLUX has 38 of.
        case fluxSingle = "flux-single"
        /// Two streams, as Qwen-Image has 60 of.
        case qwen = "qwen-block"
    }

    /// Text tokens of a sample.
    private static let textTokens = 128
    /// Width of the streams of both families.
    private static let width = 3072
    private static let heads = 24

    private let apply: ([Variable], BlockContext, Tape?) -> [Variable]
    private let streams: [Tensor]
    private let activated: Tensor
    private let context: BlockContext
    private let tokens: Int

    /// Arithmetic of a forward pass.
    var forwardOperations: Double { linearOperations + attentionOperations }
    /// Arithmetic of a forward pass and the gradients by adapter and inputs.
    var trainingOperations: Double { 2 * linearOperations + 3.5 * attentionOperations }

    private var linearOperations: Double { 24 * Double(Self.width) * Double(Self.width) * Double(tokens) }
    private var attentionOperations: Double { 4 * Double(tokens) * Double(tokens) * Double(Self.width) }

    /// Makes a block and its input.
    ///
    /// - Parameters:
    ///   - kind: Which block.
    ///   - tokens: Tokens of the sample, text included.
    ///   - weights: How frozen weights are kept and multiplied.
    ///   - format: How the random weights are stored.
    /// - Throws: `WeightError` without memory for the weights.
    init(_ kind: Kind, tokens: Int, weights: BaseWeightOptions, format: WeightFormat) throws {
        try weights.checkPrecision()
        self.tokens = tokens
        let layers: [LinearLayer]
        let flux = try FluxConfiguration(Data("{}".utf8), path: "the published configuration")
        let name = kind == .fluxSingle ? "single_transformer_blocks.0" : "transformer_blocks.0"
        let own = flux.tensorShapes.filter { $0.key.hasPrefix(name + ".") }
        switch kind {
        case .fluxSingle:
            var reader = LayerReader(folder: RandomWeights(shapes: own, format: format), options: weights)
            let block = try reader.singleBlock(name, flux)
            layers = [block.projections]
            apply = { streams, context, tape in
                [block(streams[0], activated: streams[1], context: context, tape: tape)]
            }
        case .fluxDouble, .qwen:
            // Both families have the same two streams; Qwen-Image only names some maps otherwise.
            var reader = LayerReader(folder: RandomWeights(shapes: own, format: format), options: weights)
            let block = try reader.doubleBlock(name, flux)
            layers = block.linearLayers
            apply = { streams, context, tape in
                block(Array(streams.dropLast()), activated: streams[2], context: context, tape: tape)
            }
        }
        var generator = SeedTree(seed: 9)["block"].generator
        func random(_ rows: Int, _ columns: Int, _ factor: Float = 1) -> Tensor {
            // Row by row, so that no second copy of the whole stays behind in the allocator.
            unsafe Tensor([rows, columns]) { buffer in
                for row in 0..<rows {
                    let numbers = generator.normals(count: columns).map { factor * $0 }
                    _ = unsafe buffer[(row * columns)...].initialize(fromContentsOf: numbers)
                }
            }
        }
        let text = kind == .fluxSingle ? 0 : Self.textTokens
        streams = (text > 0 ? [random(text, Self.width)] : []) + [random(tokens - text, Self.width)]
        activated = random(1, Self.width, 0.1)
        var pairs: [String: LoRAPair] = [:]
        let targets = LoRAConfiguration.publishedTargets
        for part in layers.flatMap(\.parts) where targets.contains(where: { part.name.hasSuffix("." + $0) }) {
            pairs[part.name] = LoRAPair(
                a: random(32, Self.width, 0.02),
                b: random(part.columns.count, 32, 0.02)
            )
        }
        let side = 32
        let positions = (0..<tokens).map { $0 < text ? [0, 0, 0] : [0, $0 / side, $0 % side] }
        context = BlockContext(
            layout: JointAttention.Layout(
                samples: 1,
                heads: Self.heads,
                width: Self.width / Self.heads,
                epsilon: BlockContext.epsilon
            ),
            textTokens: text,
            textLengths: nil,
            imageTokens: tokens - text,
            rotary: RotaryAxes(dimensions: flux.rotaryDimensions, theta: 10_000).table(positions),
            adapters: BatchAdapters(LoRAAdapter(configuration: LoRAConfiguration(), pairs: pairs))
        )
    }

    /// The block without a tape.
    func forward() {
        _ = apply((streams + [activated]).map { Variable($0) }, context, nil)
    }

    /// The block on a tape, and the gradients by adapter and streams.
    func train() {
        let tape = Tape()
        let outputs = apply(streams.map { tape.variable($0) } + [Variable(activated)], context, tape)
        var table = tape.makeTable()
        for output in outputs {
            table.add(output.value, to: output.id)
        }
        tape.run(&table)
    }
}
