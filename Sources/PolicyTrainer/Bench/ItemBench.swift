import Foundation
import Shared

/// One DiffusionNFT item of FLUX.1-Kontext in full size at 128×128 pixels, with random weights.
///
/// Current, old and reference prediction as one batch, the gradient by the adapter with every block computed again, and
/// the optimiser's step.
final class ItemBench {
    private static let textTokens = 128
    private static let grid = TokenGrid(rows: 8, columns: 8)
    /// Text, target and reference tokens of the item.
    static let tokenCount = textTokens + 2 * grid.count

    private let transformer: FluxTransformer
    private let input: FluxInput
    private var state: TrainerState

    /// Arithmetic of the item.
    var operations: Double { transformer.configuration.trainingOperations(tokens: Self.tokenCount) }

    /// Makes the model.
    ///
    /// - Parameters:
    ///   - weights: How frozen weights are kept and multiplied.
    ///   - format: How the random weights are stored.
    /// - Throws: `WeightError` without memory for the weights.
    init(weights: BaseWeightOptions, format: WeightFormat) throws {
        try weights.checkPrecision()
        let configuration = try FluxConfiguration(
            Data(#"{"guidance_embeds": true}"#.utf8),
            path: "the published configuration"
        )
        transformer = try FluxTransformer(
            store: RandomWeights(shapes: configuration.tensorShapes, format: format),
            configuration: configuration,
            options: weights
        )
        let settings = TrainerConfiguration()
        state = TrainerState(
            adapter: try LoRAAdapter.initial(
                for: transformer,
                configuration: settings.adapterConfiguration,
                seeds: SeedTree(seed: 3)
            ),
            settings: settings.optimizerSettings
        )
        // Three runs of one item: current, old, reference.
        var generator = SeedTree(seed: 9)["item"].generator
        func random(_ tokens: Int, _ width: Int) -> Tensor {
            let values = generator.normals(count: tokens * width)
            return Tensor(values + values + values, shape: [3, tokens, width])
        }
        input = FluxInput(
            target: random(Self.grid.count, configuration.inputChannels),
            reference: random(Self.grid.count, configuration.inputChannels),
            text: random(Self.textTokens, configuration.jointDimension),
            pooled: random(1, configuration.pooledDimension).reshaped([3, configuration.pooledDimension]),
            sigma: [0.6, 0.6, 0.6],
            guidance: [2.5, 2.5, 2.5],
            targetGrid: Self.grid,
            referenceGrid: Self.grid
        )
    }

    /// Computes the item and takes a step.
    func run() {
        let tape = Tape(runs: 3)
        let velocity = transformer.velocity(
            input,
            adapters: BatchAdapters(runs: [state.current, state.old, nil]),
            tape: tape,
            checkpointing: 1
        )
        let gradients = tape.backward(from: velocity, gradient: velocity.value.run(0, of: 3))
        let parameters = state.current.parameters()
        var values = parameters.map(\.tensor.values)
        _ = state.optimizer.step(
            &values,
            gradients: parameters.map { name, tensor in
                gradients[name]?.values ?? [Float](repeating: 0, count: tensor.count)
            }
        )
        state.current.replaceValues(with: values)
    }
}
