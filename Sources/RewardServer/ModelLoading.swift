import Foundation
import Imaging
import MLLMRuntime
import Shared

/// The way from a `--model` argument to a model that can be asked.
struct ModelLoading: Sendable {
    /// The argument; `nil` takes the embedded judge.
    var model: String?
    /// The `--mmproj` argument.
    var projector: String?
    /// The arithmetic of linear layers.
    var precision = PrecisionChoice.auto
    /// Largest area of a picture that the model sees, in pixels; `nil` takes the model's own.
    var maximumPixels: Int?
    /// Whether NaN and infinity are looked for in all weights.
    var checksWeights = false
    /// Whether a model is loaded even if it does not seem to fit.
    var ignoresMemory = false
    /// Most bytes of image features that are kept for later requests.
    var imageCacheByteCount = InferenceCache.defaultFeatureBytes
    /// Most bytes of keys and values that are kept for later requests.
    var prefixCacheByteCount = InferenceCache.defaultTrunkBytes
    /// What picture files may ask for.
    var imageLimits = DecodeLimits.standard
    /// The folder that keeps packed weights for the next start; `nil` keeps none.
    var packedFolder: String?
    /// Told which share of the weights has been taken in.
    var progress: @Sendable (_ share: Double) -> Void = { _ in }
    /// Says what memory is left.
    var available: @Sendable () -> AvailableMemory? = { AvailableMemory.measure() }

    /// Loads the model and its rubrics; one that cannot fit is refused before a weight is read.
    ///
    /// - Returns: The model.
    /// - Throws: ``MemoryError`` when it cannot fit; ``RubricError``; what resolving and the runtime throw.
    func load() throws -> ServedModel {
        let files = try ModelLocation.resolve(model, projector: projector)
        let information = try LanguageVisionModel.inspect(
            files,
            precision: precision,
            maximumPixels: maximumPixels
        )
        for warning in information.warnings {
            FileHandle.standardError.write(Data("warning: \(warning)\n".utf8))
        }
        if !ignoresMemory {
            try MemoryCheck.require(
                information.groupMemory.totalByteCount,
                for: information.name,
                of: available()
            )
        }
        return ServedModel(
            judge: try LanguageModelJudge(
                files,
                precision: precision,
                maximumPixels: maximumPixels,
                checksWeights: checksWeights,
                cache: InferenceCache(featureBytes: imageCacheByteCount, trunkBytes: prefixCacheByteCount),
                packedFolder: packedFolder,
                progress: progress
            ),
            rubrics: try RubricLibrary(own: ModelLocation.ownRubric(of: files)),
            imageLimits: imageLimits
        )
    }
}
