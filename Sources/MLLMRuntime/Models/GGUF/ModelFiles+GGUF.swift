import Foundation
import Shared

extension ModelFiles {
    /// How precise the vision towers are that lie beside one another, best first, as their names say it.
    private static let precisions = ["f32", "f16", "bf16"]

    /// Finds the vision tower of a text file.
    ///
    /// It is the file of the same folder with `mmproj` in its name and the extension `gguf`, in any case of letters.
    /// Several files whose names differ only in how they say their precision (`F32`, `F16`, `BF16`, `Q8_0`, …) are
    /// one tower, of which the most precise is taken, in that order; any other plurality is an error.
    ///
    /// - Parameter text: Path of the text file.
    /// - Returns: Both files.
    /// - Throws: ``GGUFModelError/missingProjector(text:)``, ``GGUFModelError/severalProjectors(text:names:)``.
    package static func gguf(beside text: String) throws(GGUFModelError) -> ModelFiles {
        let folder = PathText.folder(of: text)
        let own = PathText.name(of: text)
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
        let names = all.filter { name in
            let lower = name.lowercased()
            return lower.hasSuffix(".gguf") && lower.contains("mmproj") && name != own
        }.sorted()
        guard let first = names.first else {
            // The file itself may be the tower of a model that is not there.
            let architecture = (try? GGUFFile(path: text))?.metadata.text("general.architecture")
            throw architecture == "clip" ? .notText(path: text) : .missingProjector(text: text)
        }
        guard Set(names.map(withoutPrecision)).count == 1 else {
            throw .severalProjectors(text: text, names: names)
        }
        let best = names.min { rank($0) < rank($1) } ?? first
        return .gguf(text: text, projector: PathText.path(best, in: folder))
    }

    /// The place of a file's precision among ``precisions``; those that are none of them come last.
    private static func rank(_ name: String) -> Int {
        let found = name.lowercased().firstMatch(of: precision).map { String($0.output.2) } ?? ""
        return precisions.firstIndex(of: found) ?? precisions.count
    }

    private static func withoutPrecision(_ name: String) -> String {
        name.lowercased().replacing(precision) { $0.output.1 }
    }

    /// What precedes a precision, and the precision.
    private static var precision: Regex<(Substring, Substring, Substring)> {
        /(^|[^a-z0-9])(f32|f16|bf16|i?q[0-9]+(?:_[a-z0-9]+)*)(?![a-z0-9])/
    }
}
