import Dispatch
import Foundation
import Shared

/// Asks the judges for scores, one request per group.
///
/// Every call blocks on threads of its own, never on those of Swift's cooperative pool; ``submit(_:)``
/// returns at once, so that the next rollout overlaps the scoring of the last. Replies come back in the order
/// of the requests whatever the servers' timing.
final class ScoreClient: Sendable {
    /// The servers.
    let pool: ServerPool
    private let exchange: HTTPExchange
    private let retry: RetryPolicy
    private let rubric: String?
    private let threads: Int
    /// One slot per request that may run at once, whichever batch of groups it belongs to.
    private let slots: DispatchSemaphore

    /// Makes a client.
    ///
    /// - Parameters:
    ///   - urls: Base addresses of the servers, at least one.
    ///   - retry: How often and how long requests are tried.
    ///   - rubric: The rubric's name; nil leaves the choice to the server.
    ///   - requestsInFlight: How many requests run at once on each server.
    ///   - token: Sent as a bearer token when not nil.
    /// - Throws: ``RewardError/invalidServer(url:)``.
    init(
        urls: [String],
        retry: RetryPolicy = RetryPolicy(),
        rubric: String? = nil,
        requestsInFlight: Int = 2,
        token: String? = nil
    ) throws {
        pool = try ServerPool(urls: urls, retry: retry)
        exchange = HTTPExchange(token: token)
        self.retry = retry
        self.rubric = rubric
        threads = max(1, requestsInFlight) * urls.count
        slots = DispatchSemaphore(value: threads)
    }

    /// Waits until at least one server says that it is ready.
    ///
    /// - Parameter limit: Longest wait.
    /// - Returns: The servers that are not ready, with reasons.
    /// - Throws: ``RewardError/noServer(reasons:seconds:)`` when the time is over.
    func waitUntilReady(within limit: Duration = .seconds(9)) async throws -> [String] {
        let start = ContinuousClock.now
        while true {
            let urls = pool.urls
            let left = max(.milliseconds(200), limit - start.duration(to: .now))
            let states = await BlockingWork.map(urls.count, threads: urls.count) { index in
                self.reasonNotReady(urls[index], timeout: min(left, .seconds(5)))
            }
            let reasons = states.compactMap { $0 }
            if reasons.count < urls.count { return reasons }
            guard start.duration(to: .now) + .milliseconds(250) < limit else {
                throw RewardError.noServer(reasons: reasons, seconds: limit / .seconds(1))
            }
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    /// Starts scoring and returns at once.
    ///
    /// - Parameter requests: The groups.
    /// - Returns: What to wait for.
    func submit(_ requests: [JudgeRequest]) -> BlockingWork<Result<JudgeReply, RewardError>> {
        BlockingWork(requests.count, threads: threads) { index in
            self.slots.wait()
            defer { self.slots.signal() }
            return Result { () throws(RewardError) in try self.score(requests[index]) }
        }
    }

    /// Scores groups.
    ///
    /// - Parameter requests: The groups.
    /// - Returns: One reply per group, in order.
    /// - Throws: ``RewardError/refused(url:status:message:)``.
    func score(_ requests: [JudgeRequest]) async throws -> [JudgeReply] {
        try await submit(requests).values().map { try $0.get() }
    }

    /// Scores one group, trying again while that may help; blocks.
    private func score(_ request: JudgeRequest) throws(RewardError) -> JudgeReply {
        let start = ContinuousClock.now
        func reply(_ scores: GroupScores, attempts: Int, fingerprint: String? = nil) -> JudgeReply {
            JudgeReply(
                scores: scores,
                fingerprint: fingerprint,
                seconds: start.duration(to: .now) / .seconds(1),
                attempts: attempts
            )
        }
        let body: [UInt8]
        do {
            body = Array(try JSONEncoder().encode(try request.encoded(rubric: rubric)))
        } catch {
            return reply(.missing(reason: "the request could not be encoded: \(error)"), attempts: 0)
        }
        var reason = ""
        for attempt in 1...max(1, retry.attempts) {
            let lease = pool.acquire()
            let left = retry.deadline - start.duration(to: .now)
            guard lease.wait < left else {
                pool.abandoned(lease)
                let limit = retry.deadline / .seconds(1)
                reason += reason.isEmpty ? "" : "; "
                return reply(
                    .missing(reason: "\(reason)given up after \(limit) seconds"),
                    attempts: attempt - 1
                )
            }
            Thread.sleep(forTimeInterval: lease.wait / .seconds(1))
            let timeout = min(retry.timeout, retry.deadline - start.duration(to: .now))
            switch outcome(of: body, at: lease.url, timeout: timeout, count: request.candidates.count) {
            case .answered(let scores, let fingerprint):
                pool.succeeded(lease)
                return reply(scores, attempts: attempt, fingerprint: fingerprint)
            case .refused(let status, let message):
                pool.succeeded(lease)
                if RetryPolicy.isFatal(status: status) {
                    throw .refused(url: lease.url, status: status, message: message)
                }
                return reply(.missing(reason: "status \(status): \(message)"), attempts: attempt)
            case .failed(let why, let retryAfter):
                pool.failed(lease, retryAfter: retryAfter)
                reason = "\(lease.url): \(why)"
            }
        }
        return reply(
            .missing(reason: "\(reason); given up after \(retry.attempts) tries"),
            attempts: retry.attempts
        )
    }

    private enum Outcome {
        /// The judge answered for every candidate.
        case answered(GroupScores, fingerprint: String)
        /// The same request would be refused again.
        case refused(status: Int, message: String)
        /// Another try may succeed.
        case failed(String, retryAfter: Duration?)
    }

    private func outcome(of body: [UInt8], at url: String, timeout: Duration, count: Int) -> Outcome {
        let reply: HTTPExchange.Reply
        do {
            reply = try exchange.perform("\(url)/v1/edit-scores", body: body, timeout: timeout)
        } catch {
            return .failed(error.reason, retryAfter: nil)
        }
        guard reply.status == 200 else {
            let message = ScoreClient.message(in: reply)
            return RetryPolicy.isTransient(status: reply.status)
                ? .failed("status \(reply.status): \(message)", retryAfter: reply.retryAfter)
                : .refused(status: reply.status, message: message)
        }
        guard let response = try? JSONDecoder().decode(EditScoresResponse.self, from: Data(reply.body)) else {
            return .failed("the reply is not what /v1/edit-scores answers", retryAfter: nil)
        }
        let isInOrder = response.scores.enumerated().allSatisfy {
            $0.element.index == $0.offset && $0.element.id == String($0.offset)
        }
        guard response.scores.count == count, isInOrder else {
            return .failed("the reply does not list the \(count) candidates in order", retryAfter: nil)
        }
        var scores: [Double] = []
        for item in response.scores {
            switch item.outcome {
            case .score(let score) where score.score.isFinite && (0...1).contains(score.score):
                scores.append(score.score)
            case .score(let score):
                return .failed("candidate \(item.index) has the score \(score.score)", retryAfter: nil)
            case .failure(let failure):
                let reason = "candidate \(item.index): \(failure.message)"
                return .answered(.missing(reason: reason), fingerprint: response.modelFingerprint)
            }
        }
        return .answered(.complete(scores), fingerprint: response.modelFingerprint)
    }

    private func reasonNotReady(_ url: String, timeout: Duration) -> String? {
        do {
            let reply = try exchange.perform("\(url)/readyz", body: nil, timeout: timeout)
            return reply.status == 200
                ? nil : "\(url): status \(reply.status): \(ScoreClient.message(in: reply))"
        } catch {
            return "\(url): \(error.reason)"
        }
    }

    /// The message of an error reply, or the beginning of whatever came instead.
    private static func message(in reply: HTTPExchange.Reply) -> String {
        if let body = try? JSONDecoder().decode(ErrorBody.self, from: Data(reply.body)) {
            return body.error.message
        }
        let text = String(decoding: reply.body.prefix(120), as: UTF8.self)
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
}
