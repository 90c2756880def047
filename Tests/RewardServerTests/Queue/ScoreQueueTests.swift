import Testing

@testable import RewardServer

@Suite struct ScoreQueueTests {
    @Test("the queue counts candidates, refuses what does not fit, and says when to come back")
    func bounds() throws {
        let queue = ScoreQueue(capacity: 10)
        try queue.enter(items: 6)
        try queue.enter(items: 4)
        #expect(throws: QueueFull(depth: 10, capacity: 10, retryAfter: 10)) { try queue.enter(items: 1) }
        queue.leave(items: 6, compute: .seconds(60))
        #expect(queue.depth == 4)
        try queue.enter(items: 6)
        let full = #expect(throws: QueueFull.self) { try queue.enter(items: 1) }
        #expect((full?.retryAfter ?? 0) > 10)
        queue.leave(items: 6, compute: nil)
        queue.leave(items: 4, compute: nil)
        #expect(queue.depth == 0)
    }
}
