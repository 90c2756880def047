import Foundation
import Shared
import TestSupport
import Testing

@Suite struct FileLockTests {
    @Test("one holder at a time, also when holders remove the file")
    func exclusion() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("deep/er/x.lock")
        let (inside, most, total) = (Lock(0), Lock(0), Lock(0))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<4 {
                group.addTask {
                    try await withCheckedThrowingContinuation {
                        (continuation: CheckedContinuation<Void, any Error>) in
                        Thread.detachNewThread {
                            continuation.resume(
                                with: Result {
                                    for _ in 0..<25 {
                                        let lock = try FileLock(path)
                                        let count = inside.withLock { value in
                                            value += 1
                                            return value
                                        }
                                        most.withLock { $0 = max($0, count) }
                                        Thread.sleep(forTimeInterval: 0.000_5)
                                        inside.withLock { $0 -= 1 }
                                        total.withLock { $0 += 1 }
                                        lock.release(removing: index % 2 == 0)
                                    }
                                }
                            )
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(most.withLock { $0 } == 1)
        #expect(total.withLock { $0 } == 100)
    }

    @Test("who has to wait is told so once; a lock that cannot be made is an error")
    func waiting() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("x.lock")
        let first = try FileLock(path) { Issue.record("nobody holds it") }
        let isWaiting = Lock(0)
        async let second: Void = withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread {
                continuation.resume(
                    with: Result { _ = try FileLock(path) { isWaiting.withLock { $0 += 1 } } }
                )
            }
        }
        while isWaiting.withLock({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(2)) }
        first.release()
        try await second
        #expect(isWaiting.withLock { $0 } == 1)
        #expect(throws: WeightError.self) { try FileLock("/proc/none/x.lock") }
    }

    @Test(
        "sizes in words",
        arguments: [
            (0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (1_234_567, "1.23 MB"), (7_512_000_000, "7.51 GB"),
            (99_960_000, "100 MB"),
        ]
    )
    func sizes(_ bytes: Int, _ text: String) {
        #expect(ByteCount.text(bytes) == text)
    }
}
