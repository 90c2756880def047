import Foundation
import Testing

@testable import Shared

/// The order in which weights larger than the memory are read ahead.
@Suite("Weight stream")
struct WeightStreamTests {
    /// A stream of matrices of these many float32 numbers.
    private func stream(_ counts: [Int]) -> WeightStream {
        let stream = WeightStream()
        for count in counts {
            _ = WeightStack([WeightMatrix(Tensor(zeros: [1, count]))], stream: stream)
        }
        return stream
    }

    @Test("a forward pass reads what follows, and behind the last matrix the first ones again")
    func forward() {
        let stream = stream([10, 20, 30, 40])
        #expect(stream.upcoming(after: 0, byteCount: 1) == [1])
        #expect(stream.upcoming(after: 1, byteCount: 4 * 30 + 1) == [2, 3])
        #expect(stream.upcoming(after: 3, byteCount: 4 * 10) == [0])
    }

    @Test("a backward pass reads what comes before, and nothing before the first matrix")
    func backward() {
        let stream = stream([10, 20, 30, 40])
        _ = stream.upcoming(after: 3, byteCount: 1)
        #expect(stream.upcoming(after: 2, byteCount: 4 * 20 + 1) == [1, 0])
        #expect(stream.upcoming(after: 1, byteCount: 1000) == [0])
        #expect(stream.upcoming(after: 0, byteCount: 1000) == [])
    }

    @Test("the matrix in use is never asked for again, however little there is")
    func short() {
        #expect(stream([10]).upcoming(after: 0, byteCount: 1000) == [])
        #expect(stream([10, 10]).upcoming(after: 0, byteCount: 1000) == [1])
    }

    @Test("pages that were given back are read again with the same numbers")
    func pages() throws {
        let path = NSTemporaryDirectory() + "weight-stream-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 / 251) }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let file = try MappedFile(path: path)
        for range in [0..<3_000_000, 4097..<2_500_001, 2_999_999..<3_000_000] {
            file.releasePages(range)
            file.prefetchPages(range)
            #expect(file.withUnsafeBytes(range) { $0.elementsEqual(bytes[range]) })
        }
    }
}
