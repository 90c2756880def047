import Testing

@testable import Shared

@Suite struct StoragePoolTests {
    @Test("a large tensor takes the place of one that is gone, and a live one keeps its own")
    func reuse() {
        func address(_ tensor: Tensor) -> UInt? {
            tensor.withUnsafeBuffer { buffer in buffer.baseAddress.map { UInt(bitPattern: $0) } }
        }
        // A size of its own, so that tests beside this one do not take the buffer.
        let count = 3_000_017
        let first = address(Tensor(zeros: [count]))
        let second = Tensor(zeros: [count])
        #expect(address(second) == first)
        #expect(address(Tensor(zeros: [count])) != address(second))
    }

    @Test("released memory is set anew by what asks for zeros", arguments: [1, 65_535, 65_536, 700_000])
    func zeros(count: Int) {
        _ = Tensor([Float](repeating: 7, count: count))
        #expect(Tensor(zeros: [count]).values.allSatisfy { $0 == 0 })
    }

    @Test("within its peak, the pool keeps no more than fits beside the live tensors")
    func peak() {
        Tensor.staysWithinPeak = true
        defer { Tensor.staysWithinPeak = false }
        var held: [Tensor] = []
        for count in [700_000, 1_500_000, 300_000, 2_900_000, 1_500_000] {
            held.append(Tensor(zeros: [count]))
            if held.count > 2 { held.removeFirst() }
            let (kept, lent, mostLent) = StoragePool.byteCounts
            #expect(kept + lent <= mostLent)
        }
        held = []
        let (kept, lent, mostLent) = StoragePool.byteCounts
        #expect(kept > 0 && kept + lent <= mostLent)
    }
}
