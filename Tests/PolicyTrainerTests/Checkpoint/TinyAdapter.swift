import Shared

@testable import PolicyTrainer

/// A small adapter with arbitrary numbers, for tests of what does not look into them.
enum TinyAdapter {
    static func make(seed: UInt64) -> LoRAAdapter {
        var generator = SeedTree(seed: seed).generator
        let pairs = ["transformer_blocks.0.attn.to_q", "single_transformer_blocks.0.attn.to_v"].map { name in
            (
                name,
                LoRAPair(
                    a: Tensor(generator.normals(count: 6), shape: [2, 3]),
                    b: Tensor(generator.normals(count: 8), shape: [4, 2])
                )
            )
        }
        return LoRAAdapter(
            configuration: LoRAConfiguration(rank: 2, alpha: 4, targets: ["attn.to_q", "attn.to_v"]),
            pairs: Dictionary(uniqueKeysWithValues: pairs)
        )
    }

    /// A state in the middle of a run.
    static func state(epoch: Int) -> TrainerState {
        var state = TrainerState(adapter: make(seed: 1), settings: .init())
        state.old = make(seed: 2)
        state.average = make(seed: 3)
        var values = state.current.values
        _ = state.optimizer.step(&values, gradients: make(seed: UInt64(10 + epoch)).values)
        state.current.replaceValues(with: values)
        state.epoch = epoch
        state.globalStep = 2 * epoch
        state.bannedRows = [7, 3]
        state.seenRows = [1, 3, 7, 9]
        return state
    }
}
