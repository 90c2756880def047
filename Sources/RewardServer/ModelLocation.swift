import Foundation
import MLLMRuntime
import Shared

/// Where a model is: what the user names, or the folder that the program brings along.
enum ModelLocation {
    /// The files in which a model may carry its own rubric, in the order in which they are looked for.
    private static let rubricNames = ["rubric.yaml", "rubric.yml", "rubric.json"]

    /// The folder of the judge that is part of the program; independent of the working directory.
    static var embedded: String {
        Bundle.module.bundleURL.appending(path: "EmbeddedJudge").path(percentEncoded: false)
    }

    /// Finds a model without network, and without reading it.
    ///
    /// A folder or a `.gguf` file that is there comes first; else the argument is a model of a hub, which is looked
    /// for in the cache.
    ///
    /// - Parameters:
    ///   - model: A folder, a `.gguf` file, or `org/name[@revision]`; `nil` takes ``embedded``.
    ///   - projector: The vision tower of a GGUF model; `nil` looks for it beside the model.
    ///   - environment: Where the hub's cache is.
    /// - Returns: The files.
    /// - Throws: ``ModelLocationError``, ``HubError``, ``GGUFModelError``.
    static func resolve(
        _ model: String?,
        projector: String?,
        environment: HubEnvironment = HubEnvironment()
    ) throws -> ModelFiles {
        guard let model else { return .folder(embedded) }
        var isFolder: ObjCBool = false
        if unsafe FileManager.default.fileExists(atPath: model, isDirectory: &isFolder) {
            return isFolder.boolValue
                ? try files(in: model, projector: projector) : try gguf(model, projector: projector)
        }
        let place = FileManager.default.currentDirectoryPath
        guard !isGGUF(model), let reference = try? HubReference(model) else {
            throw ModelLocationError.notFound(model, place: place)
        }
        let snapshot: String
        do {
            snapshot = try HubCache(folder: environment.cacheFolder).snapshot(of: reference)
        } catch HubError.notCached(let reference, let folder, let revisions) {
            throw ModelLocationError.notCached(
                .notCached(reference, folder: folder, revisions: revisions),
                model,
                place: place
            )
        }
        if let name = HubCache.missingFile(in: snapshot) {
            throw HubError.missingFile(path: snapshot + "/" + name, reference)
        }
        return try files(in: snapshot, projector: projector)
    }

    /// The rubric that a model carries, if it carries one.
    ///
    /// - Parameter files: The model; the rubric of a GGUF model lies beside it.
    /// - Returns: The rubric; `nil` when there is none.
    /// - Throws: ``RubricError`` for a file that is no sound rubric.
    static func ownRubric(of files: ModelFiles) throws(RubricError) -> Rubric? {
        switch files {
        case .folder(let path): try ownRubric(of: path)
        case .gguf(let text, _): try ownRubric(of: PathText.folder(of: text))
        }
    }

    /// The rubric that a folder carries, if it carries one.
    ///
    /// - Parameter folder: The model's folder.
    /// - Returns: The rubric; `nil` when the folder has none.
    /// - Throws: ``RubricError`` for a file that is no sound rubric.
    private static func ownRubric(of folder: String) throws(RubricError) -> Rubric? {
        let paths = rubricNames.map { PathText.path($0, in: folder) }
        guard let path = paths.first(where: FileManager.default.fileExists) else { return nil }
        return try RubricFile.load(path)
    }

    /// An error about a file that is missing in the cache, with the command that fetches it.
    ///
    /// - Parameter error: What reading a model threw.
    /// - Returns: ``HubError/missingFile(path:_:)``; every other error as it is.
    static func explained(_ error: any Error) -> any Error {
        let path: String
        switch error {
        case ModelError.missingFile(let missing): path = missing
        case WeightError.unreadable(let unreadable, _): path = unreadable
        default: return error
        }
        guard !FileManager.default.fileExists(atPath: path), let reference = HubCache.reference(ofPath: path)
        else {
            return error
        }
        return HubError.missingFile(path: path, reference)
    }

    /// The model in a folder: the folder, or the one GGUF model of a folder that has no safetensors.
    private static func files(in folder: String, projector: String?) throws -> ModelFiles {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
        let texts = names.filter { isGGUF($0) && !$0.lowercased().contains("mmproj") }
        if texts.isEmpty, !names.contains("config.json"), let tower = names.first(where: isGGUF) {
            throw GGUFModelError.notText(path: PathText.path(tower, in: folder))
        }
        guard !names.contains(where: { $0.hasSuffix(".safetensors") }), let text = texts.first else {
            guard projector == nil else { throw ModelLocationError.needlessProjector(model: folder) }
            return .folder(folder)
        }
        guard parts(of: text, among: texts) || texts.count == 1 else {
            throw ModelLocationError.severalModels(folder: folder, names: texts)
        }
        return try gguf(PathText.path(text, in: folder), projector: projector)
    }

    /// Whether files are the parts of one split model; which are there is seen when it is opened.
    private static func parts(of text: String, among texts: [String]) -> Bool {
        let pattern = /(.*)-[0-9]{5}-of-([0-9]{5})\.gguf/.ignoresCase()
        let names = texts.map { name in name.wholeMatch(of: pattern).map { "\($0.output.1) \($0.output.2)" } }
        return names.allSatisfy { $0 != nil && $0 == names[0] }
    }

    private static func gguf(_ path: String, projector: String?) throws -> ModelFiles {
        guard isGGUF(path) else { throw ModelLocationError.otherFile(path) }
        return try projector.map { .gguf(text: path, projector: $0) } ?? .gguf(beside: path)
    }

    private static func isGGUF(_ path: String) -> Bool {
        path.lowercased().hasSuffix(".gguf")
    }
}

/// Why a `--model` argument leads to no model.
enum ModelLocationError: Error, Equatable, CustomStringConvertible {
    /// It is no path that exists, and no name of a hub.
    case notFound(String, place: String)
    /// It is no path that exists, and the hub's cache does not hold it.
    case notCached(HubError, String, place: String)
    /// It is a file of another kind.
    case otherFile(String)
    /// A folder holds several GGUF models.
    case severalModels(folder: String, names: [String])
    /// A vision tower is named for a model that has its own.
    case needlessProjector(model: String)

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .notFound(let text, let place):
            "there is no folder or .gguf file \(text)" + (text.hasPrefix("/") ? "" : " in \(place)")
                + "; give a path, or org/name[@revision] of a model fetched with reward-server pull"
        case .notCached(let error, let text, let place):
            "there is no folder or .gguf file \(text) in \(place), and \(error)"
        case .otherFile(let path):
            "\(path) is no .gguf file; give one, or the folder of a model with config.json and .safetensors"
        case .severalModels(let folder, let names):
            "\(folder) holds several GGUF models (\(names.joined(separator: ", "))); name one with --model \(folder)/"
                + (names.first ?? "")
        case .needlessProjector(let model):
            "\(model) is no GGUF model and has its own vision tower; leave --mmproj out"
        }
    }
}
