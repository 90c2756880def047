package import ArgumentParser
import Imaging
package import MLLMRuntime

/// The options of every command that takes a model.
struct ModelOptions: ParsableArguments {
    @Option(
        help: """
            A model: a folder, a .gguf file, or org/name[@revision] in the Hugging Face cache; the embedded judge when \
            left out.
            """
    )
    var model: String?

    @Option(help: "The vision tower of a .gguf model; looked for beside it when left out.")
    var mmproj: String?

    @Option(
        help: """
            Arithmetic of the linear layers: f32, bf16, int8, or auto, which is bf16 for large models stored in bf16 or \
            fewer bits where the CPU has it, else f32.
            """
    )
    var precision = PrecisionChoice.auto

    @Option(
        help: """
            Largest area, in pixels, to which pictures are shrunk for the model (its processor's max_pixels); the model's \
            own when left out.
            """
    )
    var maxPixels: Int?

    @Option(
        help: """
            A folder that keeps weights packed for bf16 or int8 arithmetic, so that the next start need not pack them; as \
            large as the weights. Compressed formats are not kept.
            """,
        completion: .directory
    )
    var packedCache: String?

    @Flag(help: "Look for NaN and infinity in all weights before use.")
    var checkWeights = false

    @Flag(help: "Load the model even if it does not seem to fit into memory.")
    var force = false

    @Option(help: "Compute threads; all cores when left out.")
    var threads: Int?

    func validate() throws {
        guard maxPixels ?? 1 >= 1 else { throw ValidationError("--max-pixels must be at least 1") }
        guard threads ?? 1 >= 1 else { throw ValidationError("--threads must be at least 1") }
        guard mmproj == nil || model != nil else { throw ValidationError("--mmproj needs --model") }
    }

    /// Refuses options that name a model beside a server that has one.
    ///
    /// - Parameter url: The server's address, if one is given.
    /// - Throws: `ValidationError`.
    func refuse(url: String?) throws {
        guard url == nil || (model == nil && mmproj == nil) else {
            throw ValidationError("give --model or --url, not both")
        }
        guard url == nil || precision == .auto else {
            throw ValidationError("--precision is the server's with --url; give it to serve")
        }
        guard url == nil || maxPixels == nil else {
            throw ValidationError("--max-pixels is the server's with --url; give it to serve")
        }
    }

    /// Sets the compute threads and loads the model.
    ///
    /// - Parameter images: What picture files may ask for.
    /// - Returns: The model.
    /// - Throws: What ``ModelLoading/load()`` throws.
    func load(images: DecodeLimits = .standard) throws -> ServedModel {
        ComputeThreads.configure(threads)
        var loading = loading
        loading.imageLimits = images
        return try loading.load()
    }

    /// Which model, and how it is read.
    var loading: ModelLoading {
        ModelLoading(
            model: model,
            projector: mmproj,
            precision: precision,
            maximumPixels: maxPixels,
            checksWeights: checkWeights,
            ignoresMemory: force,
            packedFolder: packedCache,
            progress: LoadingProgress.make()
        )
    }
}

extension PrecisionChoice: ExpressibleByArgument {}
