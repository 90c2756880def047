import Shared

/// Keys and values of a run of tokens in every layer: what later tokens need of them.
struct TrunkState: Sendable {
    /// How many tokens.
    let tokenCount: Int
    /// Keys and values of each layer.
    var layers: [SegmentAttention.Trunk] = []

    /// Bytes of all keys and values.
    var byteCount: Int {
        layers.reduce(0) { $0 + 4 * ($1.keys.count + $1.values.count) }
    }
}
