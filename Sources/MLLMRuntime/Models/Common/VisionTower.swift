import Imaging
import Shared

/// From patches to the tokens that the decoder takes.
protocol VisionTower: Sendable {
    /// The tower's sizes.
    var configuration: VisionConfiguration { get }

    /// The features of some images, computed together; an image's features do not depend on the others.
    ///
    /// - Parameters:
    ///   - grids: Patches of each image.
    ///   - isCancelled: Asked before every block.
    ///   - observe: Sees every step's rows, in the order that the tower keeps them in.
    /// - Returns: One value for each image, tokens in raster order of merged cells.
    /// - Throws: `CancellationError`.
    func features(
        of grids: [PatchGrid],
        isCancelled: () -> Bool,
        observe: (VisionStep, Tensor) -> Void
    ) throws -> [ImageFeatures]
}

extension VisionTower {
    /// The features of some images; see ``features(of:isCancelled:observe:)``.
    func features(of grids: [PatchGrid], isCancelled: () -> Bool = { false }) throws -> [ImageFeatures] {
        try features(of: grids, isCancelled: isCancelled) { _, _ in }
    }
}

/// Steps of a tower whose results tests compare with the reference.
enum VisionStep: Hashable {
    case patches
    case patchEmbedding
    case positions
    case block(Int)
    case merger
    case deepstack(Int)
}
