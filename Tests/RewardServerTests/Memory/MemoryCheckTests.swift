import Shared
import Testing

@testable import RewardServer

@Suite struct MemoryCheckTests {
    private static let gibibyte = 1 << 30

    @Test("what cannot fit is refused with the figures; what is not known refuses nothing")
    func check() throws {
        let available = AvailableMemory(byteCount: Self.gibibyte * 3 / 2, source: .controlGroup)
        try MemoryCheck.require(Self.gibibyte, for: "m", of: available)
        try MemoryCheck.require(Int.max, for: "m", of: nil)
        let error = #expect(throws: MemoryError.self) {
            try MemoryCheck.require(2 * Self.gibibyte, for: "m", of: available)
        }
        #expect(
            try #require(error).description
                == "m needs about 2.00 GiB of memory, the container's memory limit leaves 1.50 GiB; free some, "
                + "take a smaller or a quantised model, or add --force"
        )
    }
}
