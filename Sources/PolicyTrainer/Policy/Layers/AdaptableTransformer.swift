/// A velocity predictor whose linear maps can carry low-rank terms.
protocol AdaptableTransformer: Sendable {
    /// All linear layers, in the order of the forward pass.
    var linearLayers: [LinearLayer] { get }
    /// Its class in diffusers.
    var transformerClass: TransformerClass { get }
}

extension AdaptableTransformer {
    /// The linear maps whose module path equals a suffix, or ends in a dot and it, in the order of the forward pass.
    ///
    /// Source: the matching rule of `target_modules` in huggingface/peft, `tuners/tuners_utils.py`.
    func loraTargets(suffixes: [String]) -> [LoRATarget] {
        linearLayers.flatMap { layer in
            layer.parts.filter { part in
                suffixes.contains { part.name == $0 || part.name.hasSuffix("." + $0) }
            }.map { LoRATarget(name: $0.name, inputs: layer.inputs, outputs: $0.columns.count) }
        }
    }
}
