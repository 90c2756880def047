import Testing

@testable import MLLMRuntime

@Suite("Qwen3-VL against transformers")
struct Qwen3VLParityTests {
    @Test("every step of the tower equals the reference", arguments: ["tied", "untied"])
    func tower(kind: String) throws {
        try ParityCase(.qwen3VL, kind: kind).compareTower()
    }

    @Test(
        "tokens, positions and every step of the decoder equal the reference",
        arguments: ["tied", "untied"]
    )
    func decoder(kind: String) throws {
        try ParityCase(.qwen3VL, kind: kind).compareDecoder()
    }

    @Test("the whole way from image files to scores equals the reference", arguments: ["tied", "untied"])
    func wholeWay(kind: String) throws {
        try ParityCase(.qwen3VL, kind: kind).compareWholeWay()
    }
}
