import Shared
import Testing

@Suite("Tensor")
struct TensorTests {
    @Test("a copy does not see later writes")
    func valueSemantics() {
        var first = Tensor([1, 2, 3])
        let second = first
        first.withUnsafeMutableBuffer { $0[0] = 9 }
        #expect(first.values == [9, 2, 3])
        #expect(second.values == [1, 2, 3])
    }

    @Test("rows are cut, gathered, joined and transposed in row-major order")
    func rows() {
        let matrix = Tensor([0, 1, 2, 3, 4, 5], shape: [3, 2])
        #expect(matrix.rows(1..<3).values == [2, 3, 4, 5])
        #expect(matrix.gatheringRows([2, 0, 2]).values == [4, 5, 0, 1, 4, 5])
        #expect(Tensor.concatenatingRows([matrix, matrix.rows(0..<1)]).shape == [4, 2])
        #expect(matrix.transposed().values == [0, 2, 4, 1, 3, 5])
        #expect(matrix.reshaped([2, 3]).shape == [2, 3])
    }

    @Test("a NaN or an infinity anywhere is found", arguments: [Float.nan, .infinity, -.infinity])
    func finite(value: Float) {
        #expect(Tensor([1, 2, 3]).isFinite)
        #expect(Tensor(zeros: [0]).isFinite)
        #expect(!Tensor([1, value, 3]).isFinite)
    }
}
