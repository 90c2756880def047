import Foundation

/// Which files of a model are fetched.
///
/// Always the small ones that a judge reads (`*.json`, `*.jinja`, `*.txt`, `tokenizer*`, its rubric), and of the
/// weights `*.safetensors`, or what ``include`` asks for instead. Never pickle files: loading one may run any code.
package struct HubSelection: Sendable, Hashable {
    /// The files of a model that are wanted, and those that are not although they hold weights.
    package struct Choice: Sendable, Hashable {
        /// What to fetch, sorted.
        package var wanted: [String] = []
        /// Pickle files, which are left out.
        package var pickles: [String] = []
    }

    private static let companions = ["*.json", "*.jinja", "*.txt", "tokenizer*", "rubric.yaml", "rubric.yml"]
    private static let weights = ["*.safetensors"]
    private static let pickleNames = ["*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.pickle"]

    /// Patterns (`*`, `?`, `[…]`) of weight files to fetch instead of `*.safetensors`; a `*` also fits slashes.
    package var include: [String]

    /// Makes a selection.
    ///
    /// - Parameter include: See ``include``.
    package init(include: [String] = []) {
        self.include = include
    }

    /// Chooses among a model's files.
    ///
    /// - Parameters:
    ///   - files: All paths in the model's folder.
    ///   - reference: The model, for error messages.
    /// - Returns: The choice; it holds weights.
    /// - Throws: ``HubError/nothingToFetch(_:reason:)``.
    package func choice(of files: [String], in reference: HubReference) throws(HubError) -> Choice {
        let isPickle = Dictionary(
            uniqueKeysWithValues: Set(files).map { ($0, Self.fits($0, Self.pickleNames)) }
        )
        let sound = isPickle.filter { !$0.value }.keys.sorted()
        let isInFolder = { (name: String) in !name.contains("/") }
        let heavy =
            include.isEmpty
            ? sound.filter { isInFolder($0) && Self.fits($0, Self.weights) }
            : sound.filter { Self.fits($0, include) }
        let pickles = isPickle.filter(\.value).keys.sorted()
        guard !heavy.isEmpty else {
            throw .nothingToFetch(
                reference,
                reason: Self.reason(include: include, sound: sound, pickles: pickles)
            )
        }
        let light = sound.filter { isInFolder($0) && Self.fits($0, Self.companions) }
        return Choice(wanted: Set(heavy + light).sorted(), pickles: pickles)
    }

    private static func reason(include: [String], sound: [String], pickles: [String]) -> String {
        let weights = sound.filter { fits($0, ["*.gguf", "*.safetensors"]) }
        if !include.isEmpty {
            return "has no file like \(include.joined(separator: " or ")) that may be fetched; "
                + (weights.isEmpty ? "it has no .safetensors or .gguf at all" : "it has \(list(weights))")
        }
        if let first = weights.first(where: { $0.hasSuffix(".gguf") }) {
            return
                "has no .safetensors; for its GGUF files say which, as in --include '\(first)': it has \(list(weights))"
        }
        if !pickles.isEmpty {
            return
                "holds its weights as pickle files only (\(list(pickles))), which are never fetched since loading "
                + "one may run any code; look for a revision with .safetensors"
        }
        return "holds no .safetensors in its folder; check that it is a model"
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(6).joined(separator: ", ") + (names.count > 6 ? " and \(names.count - 6) more" : "")
    }

    private static func fits(_ name: String, _ patterns: [String]) -> Bool {
        patterns.contains { unsafe fnmatch($0, name, 0) == 0 }
    }
}
