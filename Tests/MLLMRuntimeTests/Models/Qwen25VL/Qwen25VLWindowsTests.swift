import Testing

@testable import MLLMRuntime

@Suite("Windows of the Qwen2.5-VL tower")
struct Qwen25VLWindowsTests {
    private func windows(_ grids: [(rows: Int, columns: Int)]) -> Qwen25VLWindows {
        Qwen25VLWindows(grids: grids, windowCells: 4, patchesPerCell: 4)
    }

    private func boundaries(_ windows: Qwen25VLWindows) -> [Int] {
        [0] + windows.windows.map(\.upperBound)
    }

    @Test("one window of 8 × 8 patches keeps the order")
    func single() {
        let found = windows([(4, 4)])
        #expect(found.cells == Array(0..<16))
        #expect(boundaries(found) == [0, 64])
        #expect(found.images == [0..<64])
    }

    @Test("10 × 14 patches make ragged windows")
    func ragged() {
        let found = windows([(5, 7)])
        #expect(
            found.cells == [
                0, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 17, 21, 22, 23, 24, 4, 5, 6, 11, 12, 13, 18, 19, 20, 25,
                26, 27,
                28, 29, 30, 31, 32, 33, 34,
            ]
        )
        #expect(boundaries(found) == [0, 64, 112, 128, 140])
        #expect(found.placeOfCell.enumerated().allSatisfy { found.cells[$0.element] == $0.offset })
    }

    @Test("36 × 36 patches make 25 windows")
    func large() {
        #expect(
            boundaries(windows([(18, 18)])) == [
                0, 64, 128, 192, 256, 288, 352, 416, 480, 544, 576, 640, 704, 768, 832, 864, 928, 992, 1056,
                1120, 1152,
                1184, 1216, 1248, 1280, 1296,
            ]
        )
    }

    @Test("images follow each other without sharing a window")
    func several() {
        let found = windows([(5, 7), (4, 4)])
        #expect(Array(found.cells.suffix(16)) == Array(35..<51))
        #expect(boundaries(found) == [0, 64, 112, 128, 140, 204])
        #expect(found.images == [0..<140, 140..<204])
    }
}
