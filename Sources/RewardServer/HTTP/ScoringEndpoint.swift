import Foundation
import Hummingbird
import Logging
import NIOCore
import Shared

/// `POST /v1/edit-scores`: body → group → queue → model → reply.
struct ScoringEndpoint: Sendable {
    let state: ServerState
    let limits: ServerLimits
    let queue: ScoreQueue
    let intake: IntakeHost
    let host: ModelHost
    let metrics: ServerMetrics
    let logger: Logger

    /// Scores the group of a request; the work ends early when the client goes away.
    ///
    /// - Parameters:
    ///   - request: The request.
    ///   - requestID: Its name.
    /// - Returns: The scores.
    /// - Throws: Everything that ``ErrorReply`` classifies.
    func scores(for request: Request, requestID: String) async throws -> EditScoresResponse {
        let reader = RequestBodyReader(limits: limits)
        let length = try reader.announcedLength(of: request)
        let model = try state.beginRequest(bytes: length, limit: limits.maximumBufferedBytes)
        defer { state.endRequest(bytes: length) }
        let start = ContinuousClock.now
        let response = try await request.body.consumeWithCancellationOnInboundClose { body in
            let bytes = try await reader.bytes(of: body)
            return try await scores(for: bytes, model: model, start: start)
        }
        logger.info(
            "scored",
            metadata: [
                "request": "\(requestID)", "ok": "\(response.group.scored)", "n": "\(response.group.count)",
                "ms": "\((ContinuousClock.now - start).milliseconds)",
            ]
        )
        return response
    }

    private func scores(
        for body: ByteBuffer,
        model: ServedModel,
        start: ContinuousClock.Instant
    ) async throws -> EditScoresResponse {
        let (request, group) = try await intake.run {
            let request = try RequestParser.request(Array(body.readableBytesView))
            if let name = request.model, name != model.identity.name {
                throw RequestError.unknownModel(name: String(name.prefix(80)), known: model.identity.name)
            }
            let group = try ScoreGroup(request, rubrics: model.rubrics, maximumEdits: limits.maximumEdits)
            return (request: Facts(request), group: try model.scorer.decode(group))
        }
        try queue.enter(items: request.items)
        let asked = ContinuousClock.now
        var share: Duration?
        defer { queue.leave(items: request.items, compute: share) }
        let scored: ModelHost.Scored
        do {
            scored = try await host.score(
                intake.run { try model.scorer.prepare(group) },
                scorer: model.scorer,
                asked: asked,
                deadline: request.deadline.map { start + .milliseconds($0) }
            )
        } catch let error as CancellationError {
            guard let deadline = request.deadline, !Task.isCancelled else { throw error }
            throw RequestError.deadline(milliseconds: deadline)
        }
        share = scored.share
        var response = scored.response
        response.timings?.total = (ContinuousClock.now - start).milliseconds
        metrics.record(response, sharedPass: scored.groupCount)
        response = response.keeping(request.returned)
        if response.group.scored == 0 || (request.isStrict && response.group.scored < response.group.count) {
            throw RequestError.failedItems(response.scores)
        }
        return response
    }

    /// What is still needed of a request once its images are decoded; the request itself is released.
    private struct Facts: Sendable {
        let items: Int
        let deadline: Int?
        let isStrict: Bool
        let returned: [ReplyPart]?

        init(_ request: EditScoresRequest) {
            items = request.edits.count
            deadline = request.options?.deadlineMilliseconds
            isStrict = request.strict ?? false
            returned = request.options?.returned
        }
    }
}
