import Shared

/// What earlier prompts left behind: features of images, and keys and values of trunks.
///
/// Entries are found by content, so a hit gives the same bits as computing anew. Safe to use from several
/// threads.
package final class InferenceCache: Sendable {
    /// Bytes of image features that are kept when nothing else is asked for.
    package static let defaultFeatureBytes = 256 << 20
    /// Bytes of keys and values that are kept when nothing else is asked for.
    package static let defaultTrunkBytes = 512 << 20

    private let features: Lock<LRUCache<ContentHash, ImageFeatures>>
    private let trunks: Lock<LRUCache<ContentHash, TrunkState>>

    /// Makes an empty cache.
    ///
    /// - Parameters:
    ///   - featureBytes: Most bytes of image features to keep; 0 keeps none.
    ///   - trunkBytes: Most bytes of keys and values to keep; 0 keeps none.
    package init(featureBytes: Int = defaultFeatureBytes, trunkBytes: Int = defaultTrunkBytes) {
        features = Lock(LRUCache(byteLimit: featureBytes))
        trunks = Lock(LRUCache(byteLimit: trunkBytes))
    }

    /// Bytes that are kept now.
    package var byteCount: Int {
        features.withLock { $0.byteCount } + trunks.withLock { $0.byteCount }
    }

    func features(of image: ContentHash) -> ImageFeatures? {
        features.withLock { $0.value(for: image) }
    }

    func keep(_ image: ImageFeatures, for identity: ContentHash) {
        features.withLock { $0.insert(image, for: identity, byteCount: image.byteCount) }
    }

    func trunk(_ identity: ContentHash) -> TrunkState? {
        trunks.withLock { $0.value(for: identity) }
    }

    func keep(_ trunk: TrunkState, for identity: ContentHash) {
        trunks.withLock { $0.insert(trunk, for: identity, byteCount: trunk.byteCount) }
    }
}
