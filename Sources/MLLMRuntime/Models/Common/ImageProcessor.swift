import Foundation
import Imaging
import Shared

/// From pixels to the patches that a vision tower takes.
///
/// Source: huggingface/transformers 5.23.0, `models/qwen2_vl/image_processing_pil_qwen2_vl.py`; when a file
/// gives both `min_pixels`/`max_pixels` and `size`, the former win.
struct ImageProcessor: Sendable {
    /// What a family does when the model's file does not say.
    struct Defaults: Sendable {
        /// Smallest area of the resized image, in pixels.
        let minimumPixels: Int
        /// Largest area of the resized image, in pixels.
        let maximumPixels: Int
        let mean: [Double]
        let standardDeviation: [Double]
    }

    let patchSize: Int
    let temporalPatchSize: Int
    let mergeSize: Int
    /// Smallest area of the resized image, in pixels.
    let minimumPixels: Int
    /// Largest area of the resized image, in pixels.
    private(set) var maximumPixels: Int
    let normalization: PixelNormalization

    /// Reads and checks the fields.
    ///
    /// - Parameters:
    ///   - fields: The fields of preprocessor_config.json.
    ///   - vision: The tower that takes the patches; its patch sizes must be the processor's.
    ///   - defaults: What the family does when the file does not say.
    /// - Throws: ``ModelError``.
    init(_ fields: JSONFields, vision: VisionConfiguration, defaults: Defaults) throws(ModelError) {
        for name in ["do_resize", "do_rescale", "do_normalize"] where !(try fields.flag(name, fallback: true))
        {
            throw .unsupported(path: fields.path, feature: "\(name) = false")
        }
        let resample = try fields.integer("resample", in: 0...5, fallback: 3)
        guard resample == 3 else {
            throw .unsupported(path: fields.path, feature: "resample = \(resample) (bicubic is 3)")
        }
        func size(_ name: String, _ expected: Int) throws(ModelError) -> Int {
            let value = try fields.integer(name, in: 1...256, fallback: expected)
            guard value == expected else {
                throw fields.failure(
                    name,
                    "is \(value), but the vision tower of config.json takes \(expected)"
                )
            }
            return value
        }
        patchSize = try size("patch_size", vision.patchSize)
        temporalPatchSize = try size("temporal_patch_size", vision.temporalPatchSize)
        mergeSize = try size("merge_size", vision.mergeSize)
        let bounds = try fields.object("size")
        func area(_ name: String, _ edge: String, _ fallback: Int) throws(ModelError) -> Int {
            let areas = 1...(1 << 40)
            let older = try bounds?.integer(name, in: areas, fallback: fallback) ?? fallback
            let sized = try bounds?.integer(edge, in: areas, fallback: older) ?? fallback
            return try fields.integer(name, in: areas, fallback: sized)
        }
        minimumPixels = try area("min_pixels", "shortest_edge", defaults.minimumPixels)
        maximumPixels = try area("max_pixels", "longest_edge", defaults.maximumPixels)
        guard minimumPixels <= maximumPixels else {
            throw fields.failure("min_pixels", "is \(minimumPixels), more than max_pixels \(maximumPixels)")
        }
        let mean = try fields.numbers("image_mean") ?? defaults.mean
        let deviation = try fields.numbers("image_std") ?? defaults.standardDeviation
        guard mean.count == 3, deviation.count == 3, (mean + deviation).allSatisfy(\.isFinite),
            deviation.allSatisfy({ $0 > 0 })
        else {
            throw fields.failure("image_mean", "and image_std are not three sound numbers each")
        }
        normalization = PixelNormalization(
            mean: mean,
            standardDeviation: deviation,
            rescaleFactor: try fields.number("rescale_factor", in: 1e-9...1, fallback: 1.0 / 255.0)
        )
    }

    /// The same processor with another largest area, as `max_pixels` given to transformers' processor sets it.
    ///
    /// - Parameters:
    ///   - maximumPixels: Largest area of the resized image, in pixels; nil keeps the model's own.
    ///   - path: The model, for the error.
    /// - Returns: The processor.
    /// - Throws: ``ModelError/field(path:name:reason:)`` for less than the smallest area.
    func limited(to maximumPixels: Int?, path: String) throws(ModelError) -> ImageProcessor {
        guard let maximumPixels else { return self }
        let least = max(minimumPixels, patchSize * patchSize * mergeSize * mergeSize)
        guard maximumPixels >= least else {
            throw .field(
                path: path,
                name: "max_pixels",
                reason:
                    "is set to \(maximumPixels), less than the model's smallest picture of \(least) pixels"
            )
        }
        var processor = self
        processor.maximumPixels = maximumPixels
        return processor
    }

    /// How an image of some size is resized.
    ///
    /// - Throws: `ResizeError` for an image that is too thin.
    func plan(width: Int, height: Int) throws -> ResizePlan {
        try ResizePlan.smart(
            width: width,
            height: height,
            factor: patchSize * mergeSize,
            minimumPixels: minimumPixels,
            maximumPixels: maximumPixels
        )
    }

    /// Resizes an image and cuts it into patches.
    ///
    /// - Parameters:
    ///   - image: Any size up to an aspect ratio of 200.
    ///   - model: Identity of the model, part of the result's identity.
    /// - Returns: Patches and identity.
    /// - Throws: `ResizeError` for an image that is too thin.
    func prepare(_ image: PixelImage, model: ContentHash) throws -> PreparedImage {
        let resized = image.resized(try plan(width: image.width, height: image.height))
        let grid = PatchGrid(
            resized,
            normalization: normalization,
            patchSize: patchSize,
            mergeSize: mergeSize,
            temporalPatchSize: temporalPatchSize
        )
        let identity = [
            model.hexadecimal,
            "\(patchSize) \(temporalPatchSize) \(mergeSize) \(minimumPixels) \(maximumPixels)",
            "\(normalization.mean) \(normalization.standardDeviation) \(normalization.rescaleFactor)",
            "\(resized.width) \(resized.height)",
            ContentHash(resized.pixels).hexadecimal,
        ]
        return PreparedImage(
            patches: grid,
            mergeSize: mergeSize,
            contentHash: ContentHash(identity.joined(separator: "\n"))
        )
    }
}
