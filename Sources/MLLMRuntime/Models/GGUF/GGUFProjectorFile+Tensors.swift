import Shared

extension GGUFProjectorFile {
    /// Where the tensors of a checkpoint of generation B are found in this file, by their names there.
    ///
    /// What is unknown keeps its name, so that it shows as surplus.
    ///
    /// - Throws: `WeightError.malformed` for two tensors in one place.
    func places() throws(WeightError) -> [String: GGUFWeights.Place] {
        var places: [String: GGUFWeights.Place] = [:]
        let stacked = file.entries.keys.filter { $0.contains(".attn_q.") }.compactMap(Self.triple)
            .filter { $0.allSatisfy { file.entries[$0] != nil } }
        var taken = Set(stacked.joined())
        for names in stacked {
            let name = checkpointName(of: names[0].replacing(".attn_q.", with: ".attn_qkv."))
            places[name] = .stacked(file, names)
        }
        let slices = ["v.patch_embd.weight", "v.patch_embd.weight.1"]
        if slices.allSatisfy({ file.entries[$0] != nil }) {
            places["model.visual.patch_embed.proj.weight"] = .slices(file, slices)
            taken.formUnion(slices)
        }
        for name in file.entries.keys where !taken.contains(name) {
            guard places.updateValue(.whole(file, name), forKey: checkpointName(of: name)) == nil else {
                throw .malformed(path: file.path, reason: "\(name) stands where other tensors stand already")
            }
        }
        return places
    }

    /// The names of queries, keys and values that belong together.
    private static func triple(_ queries: String) -> [String]? {
        ["q", "k", "v"].map { queries.replacing(".attn_q.", with: ".attn_\($0).") }
    }

    private func checkpointName(of name: String) -> String {
        let words = name.split(separator: ".").map(String.init)
        guard let end = words.last, let part = part(of: words.dropLast()) else { return name }
        return "model.visual.\(part).\(end)"
    }

    private func part(of words: ArraySlice<String>) -> String? {
        let isThird = family == .qwen3VL
        switch words.joined(separator: ".") {
        case "v.patch_embd": return "patch_embed.proj"
        case "v.position_embd": return "pos_embed"
        case "v.post_ln": return isThird ? "merger.norm" : "merger.ln_q"
        case "mm.0": return isThird ? "merger.linear_fc1" : "merger.mlp.0"
        case "mm.2": return isThird ? "merger.linear_fc2" : "merger.mlp.2"
        default: break
        }
        guard words.count == 4, words[0] == "v", let index = Int(words[2]) else { return nil }
        switch words[1] {
        case "blk":
            return blockPart(words[3], isSwapped: Self.hasSwappedLayers(file, block: index))
                .map { "blocks.\(index).\($0)" }
        case "deepstack":
            // Published checkpoints count the mergers, the file counts the blocks.
            let parts = ["norm": "norm", "fc1": "linear_fc1", "fc2": "linear_fc2"]
            guard let place = deepstackBlocks.firstIndex(of: index), let part = parts[words[3]] else {
                return nil
            }
            return "deepstack_merger_list.\(place).\(part)"
        default: return nil
        }
    }

    private func blockPart(_ name: String, isSwapped: Bool) -> String? {
        switch name {
        case "ln1": return "norm1"
        case "ln2": return "norm2"
        case "attn_qkv": return "attn.qkv"
        case "attn_out": return "attn.proj"
        case "ffn_gate": return family == .qwen25VL ? "mlp.gate_proj" : nil
        case "ffn_up", "ffn_down":
            let isFirst = (name == "ffn_up") != isSwapped
            switch family {
            case .qwen2VL: return isFirst ? "mlp.fc1" : "mlp.fc2"
            case .qwen25VL: return isFirst ? "mlp.up_proj" : "mlp.down_proj"
            case .qwen3VL: return isFirst ? "mlp.linear_fc1" : "mlp.linear_fc2"
            }
        default: return nil
        }
    }
}
