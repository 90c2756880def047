import Foundation

/// The small policies that come with the program, one of each family; they know only the ShapeEdit world.
///
/// The raw value is the name that stands for a policy wherever a folder can be given.
enum EmbeddedPolicy: String, CaseIterable, Sendable {
    /// Of FLUX.1-Kontext's architecture.
    case kontext = "embedded"
    /// Of Qwen-Image-Edit's architecture.
    case qwen = "embedded-qwen"

    /// The names, for help and error messages.
    static let names = allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")

    private var resource: String {
        switch self {
        case .kontext: "EmbeddedPolicy"
        case .qwen: "EmbeddedQwenPolicy"
        }
    }

    /// Its diffusers folder, found from any working directory.
    ///
    /// - Throws: ``PolicyError/missingFile(path:)`` when the program was moved without its resources.
    func folder() throws -> String {
        let folder = Bundle.module.bundleURL.appending(path: resource).path(percentEncoded: false)
        guard FileManager.default.fileExists(atPath: folder + "/model_index.json") else {
            throw PolicyError.missingFile(path: folder + "/model_index.json")
        }
        return folder
    }

    /// The folder that a policy's name means.
    ///
    /// - Parameter name: An embedded policy's name or a folder; the Kontext one when nil.
    /// - Returns: A diffusers folder.
    /// - Throws: ``PolicyError/missingFile(path:)`` when the program was moved without its resources.
    static func folder(named name: String? = nil) throws -> String {
        guard let name else { return try EmbeddedPolicy.kontext.folder() }
        return try EmbeddedPolicy(rawValue: name)?.folder() ?? name
    }
}
