import Foundation
import Shared

/// Scoring by a running server; what comes out is what ``LocalScoring`` gives.
struct RemoteScoring {
    private static let timeout = Duration.seconds(1_800)
    private static let http = HTTPExchange(connectTimeout: .seconds(10), replyLimit: 64 << 20)

    /// The server's address.
    let url: String

    /// Sends one request with all images that can be read.
    ///
    /// - Parameter question: The question.
    /// - Returns: One row for each image.
    /// - Throws: ``RemoteError``, ``RequestError``, ``RubricError``.
    func answer(to question: ShellQuestion) throws -> ShellAnswer {
        let candidates = question.candidates()
        let source = try question.sourceFile()
        let readable = candidates.compactMap { candidate in
            (try? candidate.file.get()).map {
                EditCandidate(id: candidate.id, image: DataURI(image: $0.bytes).text)
            }
        }
        var outcomes: [String: ScoreOutcome] = [:]
        for candidate in candidates {
            if case .failure(let failure) = candidate.file { outcomes[candidate.id] = .failure(failure) }
        }
        var answer = ShellAnswer(model: "", rubric: "", rows: [])
        if !readable.isEmpty {
            let reply = try exchange(
                EditScoresRequest(
                    source: SourceImage(image: DataURI(image: source.bytes).text),
                    instruction: question.instruction,
                    requirement: question.requirement,
                    edits: readable,
                    rubric: try question.rubricReference()
                ),
                source: question.source
            )
            (answer.model, answer.rubric) = (reply.model, reply.rubric)
            for item in reply.items {
                outcomes[item.id] = Self.renamed(item, paths: question.edited)
            }
        }
        answer.rows = try zip(question.edited, candidates).map { path, candidate in
            guard let outcome = outcomes[candidate.id] else {
                throw RemoteError.missing(path: path, url: url)
            }
            return ShellAnswer.Row(image: path, outcome: outcome)
        }
        return answer
    }

    private typealias Reply = (model: String, rubric: String, items: [EditScoreItem])

    private func exchange(_ request: EditScoresRequest, source: String) throws -> Reply {
        let address = (url.hasSuffix("/") ? String(url.dropLast()) : url) + "/v1/edit-scores"
        let body = Array(try JSONEncoder().encode(request))
        let reply: HTTPExchange.Reply
        do {
            reply = try Self.http.perform(address, body: body, timeout: Self.timeout)
        } catch {
            throw RemoteError.unreachable(url: address, reason: error.reason)
        }
        if reply.status == 200 {
            do {
                let response = try JSONDecoder().decode(EditScoresResponse.self, from: Data(reply.body))
                return (response.model, response.rubric.name, response.scores)
            } catch {
                throw RemoteError.unreadable(url: url, reason: DecodingReason(error).text)
            }
        }
        guard let refusal = try? JSONDecoder().decode(ErrorBody.self, from: Data(reply.body)) else {
            throw RemoteError.refused(url: url, status: reply.status, message: "it is no reward-server")
        }
        if let items = refusal.scores { return ("", "", items) }
        let message = refusal.error.message.replacing("source.image", with: source)
        throw RemoteError.refused(url: url, status: reply.status, message: message)
    }

    /// An item whose message calls the image by its path, as scoring in this process does.
    private static func renamed(_ item: EditScoreItem, paths: [String]) -> ScoreOutcome {
        guard case .failure(var failure) = item.outcome, let index = Int(item.id),
            paths.indices.contains(index)
        else {
            return item.outcome
        }
        failure.message = failure.message.replacing("edits[\(item.index)].image", with: paths[index])
        return .failure(failure)
    }
}

/// Why a server gave no scores.
enum RemoteError: Error, Equatable, CustomStringConvertible {
    /// No server answers.
    case unreachable(url: String, reason: String)
    /// The server refuses the request.
    case refused(url: String, status: Int, message: String)
    /// The reply is not what the contract says.
    case unreadable(url: String, reason: String)
    /// The reply leaves an image out.
    case missing(path: String, url: String)

    /// One line: what is wrong, and what to do.
    var description: String {
        switch self {
        case .unreachable(let url, let reason):
            "cannot reach \(url): \(reason); start it with reward-server serve"
        case .refused(let url, let status, let message): "\(url) answers \(status): \(message)"
        case .unreadable(let url, let reason): "\(url) sends no scores: \(reason); are both of one version?"
        case .missing(let path, let url): "\(url) says nothing about \(path); are both of one version?"
        }
    }
}
