internal import Foundation

/// The small policy that comes with the program; it knows only the ShapeEdit world.
enum EmbeddedPolicy {
    /// Its diffusers folder, found from any working directory.
    ///
    /// - Throws: ``PolicyError/missingFile(path:)`` when the program was moved without its resources.
    static func folder() throws -> String {
        let folder = Bundle.module.bundleURL.appending(path: "EmbeddedPolicy").path(percentEncoded: false)
        guard FileManager.default.fileExists(atPath: folder + "/model_index.json") else {
            throw PolicyError.missingFile(path: folder + "/model_index.json")
        }
        return folder
    }
}
