import Testing

@testable import RewardServer

@Suite struct ByteSizeTests {
    @Test(
        "sizes are read with binary, decimal or no unit",
        arguments: [
            ("0", 0), ("1048576", 1 << 20), ("256MiB", 256 << 20), ("1.5GiB", 3 << 29),
            ("500MB", 500_000_000),
            ("4 kb", 4_000), ("12B", 12),
        ]
    )
    func sizes(text: String, count: Int) {
        #expect(ByteSize(argument: text)?.count == count)
    }

    @Test("what is no size is refused", arguments: ["", "MiB", "-1", "12 apples", "1e400", "nan", "inf"])
    func refused(text: String) {
        #expect(ByteSize(argument: text) == nil)
    }

    @Test("a size is shown in a unit that it is a whole number of")
    func shown() {
        #expect(ByteSize(count: 256 << 20).defaultValueDescription == "256MiB")
        #expect(ByteSize(count: 1_000).defaultValueDescription == "1000")
    }

    @Test("serve takes the sizes of its caches, and refuses what is none")
    func serve() async throws {
        let help = try await Shell.run(["serve", "--help"])
        #expect(help.output.contains("--image-cache") && help.output.contains("--prefix-cache"))
        let wrong = try await Shell.run(["serve", "--image-cache", "much"])
        #expect(wrong.status == 1)
        #expect(wrong.errorLines.count == 1 && wrong.errors.contains("image-cache"))
    }
}
