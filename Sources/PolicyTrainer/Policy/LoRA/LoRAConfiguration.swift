import Shared

/// Which linear maps get a low-rank term, of which rank and strength.
struct LoRAConfiguration: Sendable, Codable, Equatable {
    /// The attention maps that Edit-R1 trains.
    ///
    /// Source: PKU-YuanGroup/Edit-R1, `scripts/train_nft_kontext.py`.
    static let publishedTargets = [
        "attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "attn.add_q_proj", "attn.add_k_proj",
        "attn.add_v_proj", "attn.to_add_out",
    ]

    /// Rows of A and columns of B.
    var rank = 32
    /// The term's strength times the rank.
    var alpha: Float = 64
    /// Endings of the module paths that get a term; a path matches when it equals one or ends in a dot and it.
    var targets = LoRAConfiguration.publishedTargets

    /// Factor of `(x Aᵀ) Bᵀ`.
    var scale: Float { alpha / Float(rank) }
}

/// A linear map that can carry a low-rank term.
struct LoRATarget: Sendable, Equatable {
    /// Module path.
    var name: String
    /// Length of an input row.
    var inputs: Int
    /// Length of an output row.
    var outputs: Int
}

/// The two factors of a low-rank term.
struct LoRAPair: Sendable {
    /// `[rank, inputs]`.
    var a: Tensor
    /// `[outputs, rank]`.
    var b: Tensor

    /// Rows of A.
    var rank: Int { a.rowCount }
}
