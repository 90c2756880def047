import Foundation

/// Where the hub, its cache and the user's token are, by the variables that huggingface_hub reads.
///
/// An empty variable counts as not set; `~` and `$NAME` in the values of folders are replaced as there.
///
/// Source: `constants.py` and `utils/_auth.py` of huggingface_hub.
package struct HubEnvironment: Sendable {
    /// The hub that is asked when `HF_ENDPOINT` names no other.
    package static let defaultEndpoint = "https://huggingface.co"

    private let variables: [String: String]

    /// Takes variables.
    ///
    /// - Parameter variables: Names and values; those of the process when left out.
    package init(_ variables: [String: String]? = nil) {
        self.variables = (variables ?? ProcessInfo.processInfo.environment).filter { !$0.value.isEmpty }
    }

    /// The cache's folder: `HF_HUB_CACHE`, `HUGGINGFACE_HUB_CACHE`, or `hub` in Hugging Face's home.
    package var cacheFolder: String {
        let named = variables["HF_HUB_CACHE"] ?? variables["HUGGINGFACE_HUB_CACHE"]
        return named.map(expanded) ?? home + "/hub"
    }

    /// The hub's address without a slash at its end.
    ///
    /// - Throws: ``HubError/invalidEndpoint(_:)`` for what is no http or https address of a host.
    package func endpoint() throws(HubError) -> String {
        var text = variables["HF_ENDPOINT"] ?? Self.defaultEndpoint
        while text.hasSuffix("/") { text.removeLast() }
        guard let origin = HTTPOrigin(text), origin.host != "", !text.contains(where: \.isWhitespace),
            !text.contains("?"), !text.contains("#")
        else {
            throw .invalidEndpoint(text)
        }
        return text
    }

    /// Whether the user forbids the network: `HF_HUB_OFFLINE` or `TRANSFORMERS_OFFLINE`.
    package var isOffline: Bool {
        let value = variables["HF_HUB_OFFLINE"] ?? variables["TRANSFORMERS_OFFLINE"] ?? ""
        return ["1", "ON", "YES", "TRUE"].contains(value.uppercased())
    }

    /// The user's token: `HF_TOKEN`, else the file that `hf auth login` writes; nil when there is none.
    ///
    /// - Throws: ``HubError/invalidToken(source:)`` for one that cannot stand in a header.
    package func token() throws(HubError) -> String? {
        for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
            if let token = try Self.token(variables[name], source: name) { return token }
        }
        let path = variables["HF_TOKEN_PATH"].map(expanded) ?? home + "/token"
        let file = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) }
        return try Self.token(file, source: path)
    }

    private static func token(_ text: String?, source: String) throws(HubError) -> String? {
        guard let token = text?.trimmingCharacters(in: .whitespacesAndNewlines), !token.isEmpty else {
            return nil
        }
        guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), token.utf8.count <= 2_048 else {
            throw .invalidToken(source: source)
        }
        return token
    }

    private var home: String {
        if let named = variables["HF_HOME"] { return expanded(named) }
        return (variables["XDG_CACHE_HOME"].map(expanded) ?? userHome + "/.cache") + "/huggingface"
    }

    private var userHome: String { variables["HOME"] ?? NSHomeDirectory() }

    /// Replaces a leading `~`, then `$NAME` and `${NAME}`; names that are not set stay as they are.
    private func expanded(_ path: String) -> String {
        let rest = path == "~" || path.hasPrefix("~/") ? userHome + path.dropFirst() : path
        return rest.replacing(/\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))/) { match in
            variables[String(match.1 ?? match.2 ?? "")] ?? String(match.0)
        }
    }
}
