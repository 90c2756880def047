import Shared

/// Two linear maps with a SiLU between them: a number or a vector into the conditioning vector.
struct ConditionEmbedder: Sendable {
    /// First map.
    var first: LinearLayer
    /// Second map.
    var second: LinearLayer

    /// Embeds every row.
    ///
    /// - Parameters:
    ///   - x: `[samples, inputs]`.
    ///   - adapters: Low-rank terms.
    ///   - tape: Where to record.
    /// - Returns: `[samples, width]`.
    func callAsFunction(_ x: Tensor, adapters: BatchAdapters, tape: Tape?) -> Variable {
        let hidden = first(Variable(x), adapters: adapters, tape: tape).activated(.silu, tape: tape)
        return second(hidden, adapters: adapters, tape: tape)
    }

    /// The embedder with an adapter's low-rank terms added to its weights.
    func merging(_ adapter: LoRAAdapter) -> ConditionEmbedder {
        ConditionEmbedder(first: first.merging(adapter), second: second.merging(adapter))
    }
}

/// Reads tensors of a checkpoint by their upstream names and remembers which.
struct LayerReader {
    private let folder: any WeightStore
    private let options: BaseWeightOptions
    /// The order of weights that do not fit into memory; layers are used in the order in which they are read.
    private let stream: WeightStream?
    private var seen: Set<String> = []

    /// Starts to read a checkpoint.
    ///
    /// - Parameters:
    ///   - folder: The checkpoint.
    ///   - options: How the weights of linear maps are kept.
    init(folder: any WeightStore, options: BaseWeightOptions) {
        self.folder = folder
        self.options = options.resolved(for: folder)
        stream = options.isStreamed ? WeightStream() : nil
    }

    /// A tensor of a name and shape.
    mutating func tensor(_ name: String, _ shape: [Int]) throws -> Tensor {
        seen.insert(name)
        return try folder.tensor(name, shape: shape)
    }

    /// The weight of an RMS norm.
    mutating func norm(_ name: String, _ width: Int) throws -> NormWeight {
        NormWeight(name: name + ".weight", values: try tensor(name + ".weight", [width]))
    }

    /// A linear map with a bias.
    mutating func linear(_ name: String, _ inputs: Int, _ outputs: Int) throws -> LinearLayer {
        try linear([(name, outputs)], inputs)
    }

    /// Several maps of one input as one layer.
    mutating func linear(_ maps: [(name: String, outputs: Int)], _ inputs: Int) throws -> LinearLayer {
        var parts: [LinearLayer.Part] = []
        var weights: [WeightMatrix] = []
        var biases: [Tensor] = []
        for (name, outputs) in maps {
            seen.insert("\(name).weight")
            weights.append(try options.matrix("\(name).weight", [outputs, inputs], from: folder))
            biases.append(try tensor("\(name).bias", [outputs]).reshaped([outputs, 1]))
            let start = parts.last?.columns.upperBound ?? 0
            parts.append(LinearLayer.Part(name: name, columns: start..<(start + outputs)))
        }
        let stack = WeightStack(weights, stream: stream)
        return LinearLayer(
            weight: options.weight(of: stack),
            bias: biases.count == 1 ? biases[0] : Tensor.concatenatingRows(biases),
            parts: parts
        )
    }

    /// Two linear maps with a SiLU between them, named as diffusers names an embedding.
    mutating func embedder(_ name: String, _ inputs: Int, _ width: Int) throws -> ConditionEmbedder {
        ConditionEmbedder(
            first: try linear("\(name).linear_1", inputs, width),
            second: try linear("\(name).linear_2", width, width)
        )
    }

    /// One stream of a double block.
    ///
    /// - Parameters:
    ///   - names: Module paths of the stream's maps and norms.
    ///   - width: Width of the stream.
    ///   - headDimension: Channels of a head.
    /// - Returns: The stream's weights; the feed-forward layer is four times as wide.
    /// - Throws: `WeightError` that names a missing or misshapen tensor.
    mutating func stream(
        _ names: DoubleBlock.Names,
        width: Int,
        headDimension: Int
    ) throws -> DoubleBlock.Stream {
        DoubleBlock.Stream(
            modulation: try linear(names.modulation, width, 6 * width),
            projections: try linear(names.projections.map { ($0, width) }, width),
            queryNorm: try norm(names.queryNorm, headDimension),
            keyNorm: try norm(names.keyNorm, headDimension),
            merge: try linear(names.merge, width, width),
            expand: try linear(names.feedForward + ".net.0.proj", width, 4 * width),
            contract: try linear(names.feedForward + ".net.2", 4 * width, width)
        )
    }

    /// Refuses a checkpoint that holds tensors which were not asked for.
    func finish() throws {
        let surplus = folder.names.filter { !seen.contains($0) }
        guard surplus.isEmpty else { throw WeightError.surplus(names: surplus, path: folder.path) }
    }
}
