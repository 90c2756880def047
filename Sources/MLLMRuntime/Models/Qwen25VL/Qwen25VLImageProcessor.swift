internal import Foundation
internal import Imaging
internal import Shared

/// From pixels to the patches that the vision tower takes.
///
/// Source: huggingface/transformers 5.23.0, `models/qwen2_vl/image_processing_pil_qwen2_vl.py`; when a file
/// gives both `min_pixels`/`max_pixels` and `size`, the former win.
struct Qwen25VLImageProcessor: Sendable {
    let patchSize: Int
    let temporalPatchSize: Int
    let mergeSize: Int
    /// Smallest area of the resized image, in pixels.
    let minimumPixels: Int
    /// Largest area of the resized image, in pixels.
    let maximumPixels: Int
    let normalization: PixelNormalization

    /// Reads preprocessor_config.json, or the `image_processor` of processor_config.json.
    ///
    /// - Parameters:
    ///   - folder: Path of the model folder.
    ///   - vision: The tower that takes the patches; its patch sizes must be the processor's.
    /// - Throws: ``ModelError``.
    init(folder: String, vision: Qwen25VLConfiguration.Vision) throws(ModelError) {
        let fields = try Self.fields(folder: folder)
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
        let areas = 1...(1 << 40)
        let bounds = try fields.object("size")
        let least = try bounds?.integer("shortest_edge", in: areas, fallback: 56 * 56) ?? 56 * 56
        let most = try bounds?.integer("longest_edge", in: areas, fallback: 28 * 28 * 1280) ?? 28 * 28 * 1280
        minimumPixels = try fields.integer("min_pixels", in: areas, fallback: least)
        maximumPixels = try fields.integer("max_pixels", in: areas, fallback: most)
        guard minimumPixels <= maximumPixels else {
            throw fields.failure("min_pixels", "is \(minimumPixels), more than max_pixels \(maximumPixels)")
        }
        let mean = try fields.numbers("image_mean") ?? [0.48145466, 0.4578275, 0.40821073]
        let deviation = try fields.numbers("image_std") ?? [0.26862954, 0.26130258, 0.27577711]
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

    private static func fields(folder: String) throws(ModelError) -> JSONFields {
        let own = folder + "/preprocessor_config.json"
        let whole = folder + "/processor_config.json"
        if !FileManager.default.fileExists(atPath: own), FileManager.default.fileExists(atPath: whole),
            let fields = try JSONFields(path: whole).object("image_processor")
        {
            return fields
        }
        return try JSONFields(path: own)
    }

    /// Resizes an image and cuts it into patches.
    ///
    /// - Parameters:
    ///   - image: Any size up to an aspect ratio of 200.
    ///   - model: Identity of the model, part of the result's identity.
    /// - Returns: Patches and identity.
    /// - Throws: `ResizeError` for an image that is too thin.
    func prepare(_ image: PixelImage, model: ContentHash) throws -> PreparedImage {
        let plan = try ResizePlan.smart(
            width: image.width,
            height: image.height,
            factor: patchSize * mergeSize,
            minimumPixels: minimumPixels,
            maximumPixels: maximumPixels
        )
        let resized = image.resized(plan)
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
