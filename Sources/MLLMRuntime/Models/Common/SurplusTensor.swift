import Shared

/// Tensors of a checkpoint that the model does not have, and that mean nothing for its numbers.
enum SurplusTensor {
    /// Tables that are computed from the configuration; huggingface/transformers kept them in older checkpoints.
    private static let tables: Set<Substring> = ["inv_freq", "original_inv_freq", "cos_cached", "sin_cached"]

    /// Ends of the names of scales and zero points of activations and of a key/value cache, which stay float32 here.
    ///
    /// Source: vllm-project/vllm, `model_executor/layers/quantization/kv_cache.py` and
    /// `model_executor/model_loader/weight_utils.py` (`maybe_remap_kv_scale_name`); vllm-project/compressed-tensors.
    private static let scales: Set<Substring> = [
        "k_scale", "v_scale", "q_scale", "kv_scale", "prob_scale", "k_zero_point", "v_zero_point",
        "q_zero_point",
        "input_scale", "input_zero_point", "output_scale", "output_zero_point", "activation_scale",
    ]

    /// Whether a tensor is left out.
    ///
    /// - Parameters:
    ///   - name: The tensor by the names of ``TensorSource``.
    ///   - fileName: Its name in the files.
    ///   - shapes: Shape of every tensor of the model.
    ///   - store: The files.
    /// - Returns: False for a tensor that is not known.
    /// - Throws: ``ModelError/field(path:name:reason:)`` for a bias with other numbers than zeros, of a layer that has
    ///   none.
    static func isSkipped(
        _ name: String,
        fileName: String,
        shapes: [String: [Int]],
        store: any WeightStore
    ) throws -> Bool {
        let parts = name.split(separator: ".")
        guard let last = parts.last else { return false }
        if tables.contains(last) { return parts.dropLast().last?.hasPrefix("rotary") ?? false }
        let owner = parts.dropLast().joined(separator: ".")
        if scales.contains(last) {
            return shapes[owner + ".weight"] != nil || owner.contains(".self_attn")
                || owner.hasSuffix(".attn")
        }
        guard last == "bias", let outputs = shapes[owner + ".weight"]?.first,
            let shape = store.shape(of: fileName),
            shape == [outputs]
        else { return false }
        guard try store.tensor(fileName, shape: shape).values.allSatisfy({ $0 == 0 }) else {
            throw ModelError.field(
                path: store.path,
                name: fileName,
                reason: "holds numbers other than zero, but the layer has no bias in this family"
            )
        }
        return true
    }
}
