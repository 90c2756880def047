package import ArgumentParser
import Imaging

/// The options of every command that decodes pictures of strangers.
struct ImageOptions: ParsableArguments {
    @Option(help: "Largest picture, in pixels; a larger one is refused before it is decoded.")
    var maxImagePixels = DecodeLimits.standard.maximumPixels

    @Option(help: "Longest picture file, in bytes, such as 32MiB.")
    var maxImageBytes = ByteSize(count: DecodeLimits.standard.maximumBytes)

    func validate() throws {
        guard maxImagePixels >= 1 else { throw ValidationError("--max-image-pixels must be at least 1") }
        guard maxImageBytes.count >= 1 else { throw ValidationError("--max-image-bytes must be at least 1") }
    }

    /// Refuses an option that a server decides.
    ///
    /// - Parameter url: The server's address, if one is given.
    /// - Throws: `ValidationError`.
    func refuse(url: String?) throws {
        guard url == nil || maxImagePixels == DecodeLimits.standard.maximumPixels else {
            throw ValidationError("--max-image-pixels is the server's with --url; give it to serve")
        }
    }

    /// What a file may ask for.
    var limits: DecodeLimits {
        DecodeLimits(maximumPixels: maxImagePixels, maximumBytes: maxImageBytes.count)
    }
}
