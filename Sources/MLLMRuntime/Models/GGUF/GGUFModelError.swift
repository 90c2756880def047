/// What can be wrong with the pair of GGUF files that makes a model.
package enum GGUFModelError: Error, Equatable, CustomStringConvertible {
    /// No file of the vision tower lies beside the text file.
    case missingProjector(text: String)
    /// Several files beside the text file may be its vision tower.
    case severalProjectors(text: String, names: [String])
    /// The file that should be the decoder is a vision tower.
    case notText(path: String)
    /// The file that should be the vision tower is something else.
    case notProjector(path: String, architecture: String)
    /// The two files are of different families.
    case strangers(text: String, architecture: String, projector: String, type: String)

    /// One line: what is wrong, and what to do.
    package var description: String {
        switch self {
        case .missingProjector(let text):
            "no file *mmproj*.gguf lies beside \(text); put the model's vision tower there, or name it with --mmproj"
        case .severalProjectors(let text, let names):
            "several vision towers lie beside \(text): " + names.joined(separator: ", ")
                + "; name the right one with --mmproj"
        case .notText(let path):
            "\(path) is the vision tower of a model; give it with --mmproj, and the model's text file with --model"
        case .notProjector(let path, let architecture):
            "\(path) is no vision tower (its architecture is \(architecture), not clip); "
                + "name the model's mmproj file with --mmproj"
        case .strangers(let text, let architecture, let projector, let type):
            "\(text) is of the architecture \(architecture), \(projector) has a projector \(type); "
                + "use two files of one model"
        }
    }
}
