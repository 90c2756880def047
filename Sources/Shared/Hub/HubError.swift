/// Why a model of a hub cannot be found, or not be fetched.
package enum HubError: Error, Equatable, CustomStringConvertible {
    /// A text names no model of a hub.
    case invalidReference(text: String, reason: String)
    /// The cache does not hold a model, or not this revision of it.
    case notCached(HubReference, folder: String, revisions: [String])
    /// A file among a model's refs holds no commit.
    case damagedRef(path: String, HubReference)
    /// A shortened commit fits several commits.
    case ambiguousCommit(HubReference, commits: [String])
    /// A file of a model in the cache is not there.
    case missingFile(path: String, HubReference)
    /// `HF_ENDPOINT` is no address.
    case invalidEndpoint(String)
    /// A token cannot stand in a header.
    case invalidToken(source: String)
    /// The user forbids the network.
    case offline(HubReference)
    /// No reply came, however often it was tried.
    case unreachable(url: String, reason: String)
    /// The model's owner lets in only who asked for it.
    case gated(HubReference, endpoint: String, hasToken: Bool)
    /// The hub does not know the user, or not enough of them.
    case unauthorized(HubReference, endpoint: String, hasToken: Bool)
    /// The hub has no such model.
    case noRepository(HubReference, endpoint: String, hasToken: Bool)
    /// The model has no such revision.
    case noRevision(HubReference, endpoint: String)
    /// A status that says nothing else.
    case refused(url: String, status: Int, message: String)
    /// A reply is not what the API answers.
    case unreadable(url: String, reason: String)
    /// A redirect that must not be followed.
    case redirect(url: String, target: String)
    /// A file's name would leave the model's folder.
    case unsafeName(String, endpoint: String)
    /// A file's content is not what its checksum says.
    case checksum(file: String, expected: String, found: String)
    /// There is nothing to fetch.
    case nothingToFetch(HubReference, reason: String)
    /// The disk is too small.
    case noSpace(needed: Int, free: Int, folder: String)
    /// The file system refuses something.
    case file(path: String, reason: String)

    /// One line: what is wrong, and what to do.
    package var description: String {
        switch self {
        case .invalidReference(let text, let reason): "\(Self.quoted(text)) is no model of a hub: \(reason)"
        case .notCached(let reference, let folder, let revisions):
            "\(reference) is not in \(folder)" + Self.held(revisions)
                + "; fetch it with: \(reference.pullCommand)"
        case .damagedRef(let path, let reference):
            "\(path) holds no commit; mend it with: \(reference.pullCommand)"
        case .ambiguousCommit(let reference, let commits):
            "\(reference) fits \(commits.joined(separator: " and ")); write more of the commit"
        case .missingFile(let path, let reference):
            "\(path) is missing; fetch it with: \(reference.pullCommand)"
        case .invalidEndpoint(let text):
            "HF_ENDPOINT is \(Self.quoted(text)); it must be an address such as \(HubEnvironment.defaultEndpoint)"
        case .invalidToken(let source):
            "the token in \(source) holds characters that no token has; copy it again"
        case .offline(let reference):
            "\(reference) cannot be fetched while HF_HUB_OFFLINE is set; unset it"
        case .unreachable(let url, let reason):
            "cannot reach \(url): \(reason); check the network and HF_ENDPOINT, "
                + "what has arrived is kept for the next try"
        case .gated(let reference, let endpoint, let hasToken):
            "\(reference.repository) is gated: ask for access on \(endpoint)/\(reference.repository)"
                + (hasToken
                    ? " with the account of your token" : ", then set HF_TOKEN to a token of that account")
        case .unauthorized(let reference, let endpoint, let hasToken):
            hasToken
                ? "\(endpoint) refuses the token for \(reference.repository); "
                    + "set HF_TOKEN to a valid one that may read it"
                : "\(endpoint) has no public model \(reference.repository); check the spelling, "
                    + "or set HF_TOKEN if it is private"
        case .noRepository(let reference, let endpoint, let hasToken):
            "\(endpoint) has no model \(reference.repository); check the spelling"
                + (hasToken ? ", and that your token may read it" : ", or set HF_TOKEN if it is private")
        case .noRevision(let reference, let endpoint):
            "\(reference.repository) has no revision \(reference.effectiveRevision); "
                + "see \(endpoint)/\(reference.repository)/tree/main"
        case .refused(let url, let status, let message):
            "\(url) answers \(status)\(message.isEmpty ? "" : ": \(message)"); try again later"
        case .unreadable(let url, let reason):
            "\(url) does not answer like a hub: \(reason); check HF_ENDPOINT"
        case .redirect(let url, let target):
            "\(url) redirects to \(Self.quoted(target)), which is not followed; check HF_ENDPOINT"
        case .unsafeName(let name, let endpoint):
            "\(endpoint) lists a file \(Self.quoted(name)), which would leave the model's folder; "
                + "do not use this model"
        case .checksum(let file, let expected, let found):
            "\(file) arrived damaged (checksum \(found), not \(expected)) and was removed; try again"
        case .nothingToFetch(let reference, let reason): "\(reference) \(reason)"
        case .noSpace(let needed, let free, let folder):
            "\(ByteCount.text(needed)) are still to fetch and \(folder) has room for \(ByteCount.text(free)); "
                + "make room, or name another place with HF_HUB_CACHE or --to"
        case .file(let path, let reason):
            "cannot write \(path): \(reason); check the folder and its permissions"
        }
    }

    private static func held(_ revisions: [String]) -> String {
        guard !revisions.isEmpty else { return "" }
        let more = revisions.count > 4 ? ", …" : ""
        return " (which holds its revision " + revisions.prefix(4).joined(separator: ", ") + more + ")"
    }

    /// A text of somebody else on one line: quoted, control characters written out, cut when long.
    private static func quoted(_ text: String) -> String {
        let characters = text.unicodeScalars.prefix(120).map { scalar in
            scalar.properties.generalCategory == .control
                ? "\\u{\(String(scalar.value, radix: 16))}" : String(Character(scalar))
        }
        return "'" + characters.joined() + (text.unicodeScalars.count > 120 ? "…'" : "'")
    }
}
