public import Foundation
import Shared

/// A hub with one model, on two servers: the hub itself, and the other host to which it redirects for large files.
public final class FakeHub: Sendable {
    /// A request that came.
    public struct Visit: Sendable, Hashable {
        /// The method.
        public let method: String
        /// The path.
        public let path: String
        /// The Range header.
        public let range: String?
        /// The Authorization header.
        public let authorization: String?
    }

    /// What a test puts in the place of a server's answer; nil lets it answer.
    public typealias Interference = @Sendable (ScriptedServer.Request) -> ScriptedServer.Reaction?

    /// The model.
    public static let repository = "org/judge"

    /// Address of the hub.
    public var url: String { hub.url }
    private let hub: ScriptedServer
    private let store: ScriptedServer
    private let hubVisits: Lock<[Visit]>
    private let storeVisits: Lock<[Visit]>

    /// Starts both servers.
    ///
    /// - Parameters:
    ///   - commits: The files of each commit by their paths.
    ///   - refs: The commits of branches and tags.
    ///   - large: Files of at least so many bytes are large: they are named by SHA-256 and lie on the other host.
    ///   - atHub: What the hub does instead of answering.
    ///   - atStore: What the other host does instead of answering.
    /// - Throws: `POSIXError` when no port can be had.
    public init(
        commits: [String: [String: Data]],
        refs: [String: String],
        large: Int = 1_000,
        atHub: @escaping Interference = { _ in nil },
        atStore: @escaping Interference = { _ in nil }
    ) throws {
        let (hubVisits, storeVisits) = (Lock<[Visit]>([]), Lock<[Visit]>([]))
        let contents = Dictionary(
            commits.values.flatMap { $0.values }.map { (ContentHash(Array($0)).hexadecimal, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        let store = try ScriptedServer { request in
            storeVisits.withLock { $0.append(Visit(request)) }
            if let reaction = atStore(request) { return reaction }
            guard let content = contents[String(request.path.split(separator: "/").last ?? "")] else {
                return .reply(status: 404)
            }
            return FakeHub.reply(content, to: request)
        }
        let storeURL = store.url
        hub = try ScriptedServer { request in
            hubVisits.withLock { $0.append(Visit(request)) }
            if let reaction = atHub(request) { return reaction }
            let parts = request.path.split(separator: "/").map { String($0).removingPercentEncoding ?? "" }
            if request.path.hasPrefix("/api/models/\(FakeHub.repository)/revision/") {
                guard let revision = parts.last,
                    let commit = commits[revision] == nil ? refs[revision] : revision,
                    let files = commits[commit]
                else {
                    return .reply(status: 404, headers: ["X-Error-Code": "RevisionNotFound"])
                }
                return FakeHub.listing(commit: commit, names: files.keys.sorted())
            }
            guard parts.count >= 5, request.path.hasPrefix("/\(FakeHub.repository)/resolve/"),
                let content = commits[parts[3]]?[parts[4...].joined(separator: "/")]
            else {
                return .reply(status: 404, headers: ["X-Error-Code": "EntryNotFound"])
            }
            let commit = ["X-Repo-Commit": parts[3]]
            guard content.count >= large else {
                let name = GitBlob.name(of: Array(content)) ?? ""
                return FakeHub.reply(
                    content,
                    to: request,
                    headers: commit.merging(["ETag": "\"\(name)\""]) { $1 }
                )
            }
            let hash = ContentHash(Array(content)).hexadecimal
            let headers = [
                "X-Linked-Etag": "\"\(hash)\"", "X-Linked-Size": "\(content.count)",
                "Location": "\(storeURL)/store/\(hash)",
            ]
            return .reply(status: 302, headers: commit.merging(headers) { $1 }, body: Data("moved".utf8))
        }
        self.store = store
        self.hubVisits = hubVisits
        self.storeVisits = storeVisits
    }

    /// Requests that came to the hub.
    public var visits: [Visit] { hubVisits.withLock { $0 } }

    /// Requests that came to the other host.
    public var visitsToStore: [Visit] { storeVisits.withLock { $0 } }

    /// Forgets all requests.
    public func forgetVisits() {
        hubVisits.withLock { $0 = [] }
        storeVisits.withLock { $0 = [] }
    }

    /// A revision as the API describes it.
    public static func listing(commit: String, names: [String]) -> ScriptedServer.Reaction {
        let object: [String: Any] = ["sha": commit, "siblings": names.map { ["rfilename": $0] }]
        return .reply(status: 200, body: (try? JSONSerialization.data(withJSONObject: object)) ?? Data())
    }

    /// A content, or the end of it that a Range header asks for.
    public static func reply(
        _ content: Data,
        to request: ScriptedServer.Request,
        headers: [String: String] = [:]
    ) -> ScriptedServer.Reaction {
        guard let range = request.headers["range"],
            let offset = Int(range.dropFirst("bytes=".count).dropLast())
        else {
            return .reply(status: 200, headers: headers, body: content)
        }
        guard offset < content.count else { return .reply(status: 416, headers: headers) }
        let part = ["Content-Range": "bytes \(offset)-\(content.count - 1)/\(content.count)"]
        return .reply(status: 206, headers: headers.merging(part) { $1 }, body: Data(content[offset...]))
    }
}

extension FakeHub.Visit {
    fileprivate init(_ request: ScriptedServer.Request) {
        method = request.method
        path = request.path
        range = request.headers["range"]
        authorization = request.headers["authorization"]
    }
}
