import Foundation

/// The API of a hub, as far as fetching a model needs it; blocks the calling thread.
///
/// Used are `GET /api/models/<org/name>/revision/<revision>` and `HEAD` and `GET /<org/name>/resolve/<commit>/<path>`.
/// Redirects are followed by hand: the token goes to the hub alone, never to the hosts that it redirects to, and no
/// redirect leads from https to http.
///
/// Source of the API: `hf_api.py`, `file_download.py` and `utils/_http.py` of huggingface_hub.
package struct HubClient: Sendable {
    /// A commit of a model with the paths of its files.
    package struct Revision: Sendable, Hashable {
        /// The commit.
        package let commit: String
        /// Paths in the model's folder, all of them safe.
        package let files: [String]
    }

    private static let redirectLimit = 8
    private static let documentLimit = 32 << 20
    private static let messageLimit = 4 << 10

    /// The hub's address without a slash at its end.
    package let endpoint: String
    /// How often failures are tried again.
    package let retry: RetryPolicy
    private let token: String?
    private let http: HTTPFetch

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - endpoint: The hub's address without a slash at its end.
    ///   - token: The user's token; nil for public models.
    ///   - retry: How often failures are tried again.
    package init(
        endpoint: String,
        token: String?,
        retry: RetryPolicy = RetryPolicy(attempts: 6, firstDelay: .milliseconds(500), timeout: .seconds(30))
    ) {
        self.endpoint = endpoint
        self.token = token
        self.retry = retry
        http = HTTPFetch(stallTimeout: retry.timeout)
    }

    /// Asks which commit a revision is, and which files it has.
    ///
    /// - Parameters:
    ///   - reference: The model.
    ///   - onRetry: Told why a try failed that is followed by another.
    /// - Returns: The commit and its files.
    /// - Throws: ``HubError``.
    package func revision(
        of reference: HubReference,
        onRetry: (HubError) -> Void = { _ in }
    ) throws(HubError) -> Revision {
        let url =
            "\(endpoint)/api/models/\(reference.repository)/revision/"
            + Self.encoded(reference.effectiveRevision, keepingSlashes: false)
        var body: [UInt8] = []
        let head = try trying(onRetry) { () throws(HubAttempt) in
            body = []
            return try unsafe send(url, for: reference, headers: ["Accept: application/json"]) {
                _,
                bytes throws(HubAttempt) in
                guard body.count + bytes.count <= Self.documentLimit else {
                    throw .failed(
                        .unreadable(url: url, reason: "its answer exceeds \(Self.documentLimit) bytes")
                    )
                }
                unsafe body.append(contentsOf: bytes)
            }.last
        }
        guard head.status == 200,
            let object = try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any],
            let commit = object["sha"] as? String, HubReference.isCommit(commit),
            let siblings = object["siblings"] as? [[String: Any]]
        else {
            throw .unreadable(url: url, reason: "its answer names no commit and files")
        }
        var files: [String] = []
        for sibling in siblings {
            guard let name = sibling["rfilename"] as? String else {
                throw .unreadable(url: url, reason: "it lists a file without a name")
            }
            guard HubFile.isSafe(name) else { throw .unsafeName(name, endpoint: endpoint) }
            files.append(name)
        }
        return Revision(commit: commit, files: files)
    }

    /// Asks for the size and the checksum of a file.
    ///
    /// - Parameters:
    ///   - path: The file's path in the model's folder.
    ///   - reference: The model.
    ///   - commit: The commit.
    ///   - onRetry: Told why a try failed that is followed by another.
    /// - Returns: The file.
    /// - Throws: ``HubError``.
    package func file(
        _ path: String,
        of reference: HubReference,
        commit: String,
        onRetry: (HubError) -> Void = { _ in }
    ) throws(HubError) -> HubFile {
        let url = address(of: path, in: reference, commit: commit)
        let hops = try trying(onRetry) { () throws(HubAttempt) in
            try unsafe send(url, for: reference, isHead: true, headers: ["Accept-Encoding: identity"])
        }
        func header(_ name: String) -> String? { hops.heads.lazy.compactMap { $0[name] }.first }
        if let found = header("x-repo-commit"), found != commit {
            throw .unreadable(url: url, reason: "it answers for commit \(found)")
        }
        let etag = header("x-linked-etag") ?? hops.last["etag"]
        guard let checksum = etag.flatMap(HubFile.Checksum.init(etag:)) else {
            throw .unreadable(url: url, reason: "it sends no checksum (ETag \(etag ?? "missing"))")
        }
        guard let size = (header("x-linked-size") ?? hops.last["content-length"]).flatMap({ Int($0) }),
            (0...HubFile.largestSize).contains(size)
        else {
            throw .unreadable(url: url, reason: "it does not say how long the file is")
        }
        return HubFile(path: path, size: size, checksum: checksum)
    }

    /// The address of a file.
    func address(of path: String, in reference: HubReference, commit: String) -> String {
        "\(endpoint)/\(reference.repository)/resolve/\(commit)/\(Self.encoded(path, keepingSlashes: true))"
    }

    /// Sends one request and follows its redirects.
    ///
    /// - Parameters:
    ///   - url: The address.
    ///   - reference: The model, for error messages.
    ///   - isHead: Whether to ask for headers alone; a redirect that says all about a file is then not followed.
    ///   - headers: Header lines.
    ///   - receive: Takes the body of a reply of status 200 or 206.
    /// - Returns: The heads of all replies; the last has status 200, 206 or 416, or is a redirect not followed.
    /// - Throws: ``HubAttempt``.
    func send(
        _ url: String,
        for reference: HubReference,
        isHead: Bool = false,
        headers: [String],
        receive: (HTTPFetch.Head, UnsafeRawBufferPointer) throws(HubAttempt) -> Void = { _, _ in }
    ) throws(HubAttempt) -> HubHops {
        var hops = HubHops()
        var address = url
        var mayHaveToken = true
        for _ in 0...Self.redirectLimit {
            mayHaveToken = mayHaveToken && HTTPOrigin(address) == HTTPOrigin(endpoint)
            let authorization = mayHaveToken ? token.map { ["Authorization: Bearer \($0)"] } ?? [] : []
            var message: [UInt8] = []
            let head: HTTPFetch.Head
            do {
                head = try unsafe http.perform(
                    address,
                    isHead: isHead,
                    headers: ["User-Agent: reward-server/\(Version.current)"] + headers + authorization
                ) { head, bytes in
                    if head.status == 200 || head.status == 206 {
                        unsafe try receive(head, bytes)
                    } else {
                        unsafe message.append(contentsOf: bytes.prefix(Self.messageLimit - message.count))
                    }
                }
            } catch let attempt as HubAttempt {
                throw attempt
            } catch {
                let reason = (error as? HTTPExchange.Failure)?.reason ?? "\(error)"
                throw .mayPass(.unreachable(url: Self.withoutQuery(address), reason: reason), after: nil)
            }
            hops.heads.append(head)
            if [200, 206, 416].contains(head.status) { return hops }
            guard [301, 302, 303, 307, 308].contains(head.status) else {
                throw refusal(head, message: message, url: address, reference)
            }
            if isHead, head["x-linked-etag"] != nil, head["x-linked-size"] != nil { return hops }
            address = try target(of: head, from: address)
        }
        throw .failed(.redirect(url: url, target: "more than \(Self.redirectLimit) places"))
    }

    /// Tries until it works, fails for good, or has failed too often in a row.
    private func trying<Value>(
        _ onRetry: (HubError) -> Void,
        _ body: () throws(HubAttempt) -> Value
    ) throws(HubError) -> Value {
        var failures = 0
        while true {
            do {
                return try body()
            } catch {
                failures += 1
                switch error {
                case .mayPass(let error, let after) where failures < retry.attempts:
                    onRetry(error)
                    pause(failures: failures, after: after)
                case .failed(let error), .mayPass(let error, _): throw error
                }
            }
        }
    }

    /// Rests after a failure.
    func pause(failures: Int, after: Duration?) {
        let asked = after.map { min($0, .seconds(300)) }
        let delay = retry.delay(failures: failures, retryAfter: asked, jitter: Double.random(in: 0...1))
        Thread.sleep(forTimeInterval: delay / .seconds(1))
    }

    private func target(of head: HTTPFetch.Head, from address: String) throws(HubAttempt) -> String {
        guard let location = head["location"],
            let target = URL(string: location, relativeTo: URL(string: address))?.absoluteString,
            let origin = HTTPOrigin(target), origin.scheme == "https" || HTTPOrigin(address)?.scheme == "http"
        else {
            throw .failed(.redirect(url: Self.withoutQuery(address), target: head["location"] ?? ""))
        }
        return target
    }

    private func refusal(
        _ head: HTTPFetch.Head,
        message: [UInt8],
        url: String,
        _ reference: HubReference
    ) -> HubAttempt {
        let url = Self.withoutQuery(url)
        let hasToken = token != nil
        if RetryPolicy.isTransient(status: head.status) {
            let after = head["retry-after"].flatMap { Int($0) }.map { Duration.seconds(max(0, $0)) }
            return .mayPass(.refused(url: url, status: head.status, message: ""), after: after)
        }
        switch head["x-error-code"] {
        case "GatedRepo": return .failed(.gated(reference, endpoint: endpoint, hasToken: hasToken))
        case "RevisionNotFound": return .failed(.noRevision(reference, endpoint: endpoint))
        case "EntryNotFound":
            return .failed(.unreadable(url: url, reason: "it does not have a file that it lists"))
        default: break
        }
        let said = head["x-error-message"] ?? String(decoding: message.prefix(200), as: UTF8.self)
        let words = said.split { $0.isWhitespace || $0.isNewline }.joined(separator: " ")
        let refused = HubError.refused(url: url, status: head.status, message: words)
        // A host behind a redirect refuses a signature that is too old; the next try gets a new one.
        guard HTTPOrigin(url) == HTTPOrigin(endpoint) else { return .mayPass(refused, after: nil) }
        switch head.status {
        case 401, 403: return .failed(.unauthorized(reference, endpoint: endpoint, hasToken: hasToken))
        case 404: return .failed(.noRepository(reference, endpoint: endpoint, hasToken: hasToken))
        default: return .failed(refused)
        }
    }

    /// An address without what may be a signature.
    private static func withoutQuery(_ address: String) -> String {
        String(address.prefix { $0 != "?" })
    }

    private static func encoded(_ text: String, keepingSlashes: Bool) -> String {
        text.utf8.map { byte in
            let scalar = Unicode.Scalar(byte)
            let isPlain =
                byte < 0x80
                && (scalar.properties.isAlphabetic || "0123456789-._~".unicodeScalars.contains(scalar))
            if isPlain || (keepingSlashes && byte == 0x2F) { return String(Character(scalar)) }
            return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }.joined()
    }
}

/// The heads of the replies on the way from an address to what it redirects to.
struct HubHops: Sendable {
    /// First to last; never empty after a request.
    var heads: [HTTPFetch.Head] = []

    /// The last one.
    var last: HTTPFetch.Head { heads.last ?? HTTPFetch.Head() }
}

/// How one try ended that did not work.
enum HubAttempt: Error {
    /// Another try would end the same way.
    case failed(HubError)
    /// Another try may work, after the time that the hub asks for.
    case mayPass(HubError, after: Duration?)
}
