import Foundation

/// The `model_index.json` of a diffusers folder: which class each part is.
struct ModelIndex: Sendable, Equatable {
    /// The folder.
    let folder: String
    /// The pipeline's class.
    let pipelineClass: String
    /// Class of every part that is not null, by the name of its folder.
    let classes: [String: String]

    /// Reads the file.
    ///
    /// - Parameter folder: Folder of a diffusers pipeline.
    /// - Throws: ``PolicyError``.
    init(folder: String) throws {
        let path = folder + "/model_index.json"
        let data = try ModelIndex.data(path: path)
        guard
            let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let name = object["_class_name"] as? String
        else {
            throw PolicyError.malformed(path: path, reason: "it is not a JSON object with a _class_name")
        }
        self.folder = folder
        pipelineClass = name
        classes = object.reduce(into: [:]) { classes, entry in
            if let pair = entry.value as? [Any], pair.count == 2, let name = pair[1] as? String {
                classes[entry.key] = name
            }
        }
    }

    /// The folder of a part after checking its class.
    ///
    /// - Parameters:
    ///   - name: Key of the part and name of its folder.
    ///   - accepted: Class names that this program can run.
    /// - Returns: Path of the part's folder.
    /// - Throws: ``PolicyError`` when the part is missing or of another class.
    func part(_ name: String, accepted: [String]) throws -> String {
        let path = folder + "/model_index.json"
        guard let found = classes[name] else {
            throw PolicyError.unsupported(
                path: path,
                reason: "it has no part \(name) of class \(accepted[0])"
            )
        }
        guard accepted.contains(found) else {
            throw PolicyError.unsupported(
                path: path,
                reason: "part \(name) is a \(found), supported is \(accepted.joined(separator: " or "))"
            )
        }
        let part = folder + "/" + name
        var isFolder: ObjCBool = false
        let exists = unsafe FileManager.default.fileExists(atPath: part, isDirectory: &isFolder)
        guard exists, isFolder.boolValue else { throw PolicyError.missingFile(path: part) }
        return part
    }

    /// Reads a whole small file.
    static func data(path: String) throws -> Data {
        guard FileManager.default.fileExists(atPath: path) else {
            throw PolicyError.missingFile(path: path)
        }
        do {
            return try Data(contentsOf: URL(filePath: path))
        } catch {
            throw PolicyError.malformed(path: path, reason: error.localizedDescription)
        }
    }

    /// Decodes a JSON file.
    static func decode<Value: Decodable>(_ type: Value.Type, path: String) throws -> Value {
        let data = try data(path: path)
        do {
            return try JSONDecoder().decode(type, from: data)
        } catch DecodingError.keyNotFound(let key, _) {
            throw PolicyError.malformed(path: path, reason: "key \(key.stringValue) is missing")
        } catch DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context) {
            let key = context.codingPath.map(\.stringValue).joined(separator: ".")
            throw PolicyError.malformed(path: path, reason: "key \(key) has the wrong type")
        } catch {
            throw PolicyError.malformed(path: path, reason: "it is not a JSON object")
        }
    }
}
