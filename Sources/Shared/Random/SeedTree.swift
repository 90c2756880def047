/// A tree of independent random streams addressed by name.
///
/// `seeds["rollout", epoch, row, candidate]` always gives the same stream, whatever was drawn before and on
/// whichever thread: a run is the same for any number of workers, and a resumed run needs only the seed.
///
/// Source: counter-based generation after Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"
/// (SC 2011); the mixing function is the finaliser of SplitMix64 (Steele et al., OOPSLA 2014).
package struct SeedTree: Sendable, Hashable {
    /// The 64-bit key of this node.
    package let key: UInt64

    /// Makes the root of a run.
    package init(seed: UInt64) {
        key = SeedTree.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    }

    private init(key: UInt64) {
        self.key = key
    }

    /// The node below this one under a path of names and numbers.
    ///
    /// Names and numbers live in separate spaces, so `tree["1"]` and `tree[1]` differ.
    package subscript(_ path: any SeedPathComponent...) -> SeedTree {
        var key = key
        for component in path {
            key = SeedTree.mix((key ^ component.seedPathValue) &+ 0x9E37_79B9_7F4A_7C15)
            key = SeedTree.mix(key &+ 0xD1B5_4A32_D192_ED03)
        }
        return SeedTree(key: key)
    }

    /// The stream of this node, from its beginning.
    package var generator: CounterGenerator {
        CounterGenerator(key: key)
    }

    static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

/// A name or a number in the path of a ``SeedTree``.
package protocol SeedPathComponent: Sendable {
    /// The 64-bit value that stands for this component.
    var seedPathValue: UInt64 { get }
}

extension Int: SeedPathComponent {
    /// The number itself.
    package var seedPathValue: UInt64 { UInt64(bitPattern: Int64(self)) }
}

extension String: SeedPathComponent {
    /// The FNV-1a hash of the name's UTF-8 bytes, with the top bit set to keep it apart from numbers.
    package var seedPathValue: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
        }
        return hash | (1 << 63)
    }
}
