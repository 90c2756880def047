import Shared
import Testing

@Suite struct HubSelectionTests {
    private static let folder = [
        ".gitattributes", "README.md", "chat_template.jinja", "config.json", "merges.txt",
        "model-1.safetensors",
        "model-2.safetensors", "model.safetensors.index.json", "onnx/model.safetensors", "optimizer.pt",
        "pytorch_model.bin", "rubric.yaml", "tokenizer.model", "training_args.bin", "q4.gguf", "q8.gguf",
    ]
    private static let companions = [
        "chat_template.jinja", "config.json", "merges.txt", "model.safetensors.index.json", "rubric.yaml",
        "tokenizer.model",
    ]

    private func choice(_ files: [String], include: [String] = []) throws -> HubSelection.Choice {
        try HubSelection(include: include).choice(of: files, in: HubReference("org/judge"))
    }

    @Test("by default the files of a judge with its safetensors, never pickle files")
    func defaults() throws {
        let choice = try choice(Self.folder)
        #expect(choice.wanted == (Self.companions + ["model-1.safetensors", "model-2.safetensors"]).sorted())
        #expect(choice.pickles == ["optimizer.pt", "pytorch_model.bin", "training_args.bin"])
    }

    @Test("--include names other weights, which may lie deeper")
    func include() throws {
        #expect(try choice(Self.folder, include: ["*q4*"]).wanted == (Self.companions + ["q4.gguf"]).sorted())
        #expect(
            try choice(Self.folder, include: ["onnx/*"]).wanted
                == (Self.companions + ["onnx/model.safetensors"]).sorted()
        )
    }

    @Test("pickle files stay away even when they are asked for")
    func pickles() throws {
        let error = #expect(throws: HubError.self) { try choice(Self.folder, include: ["*.bin"]) }
        #expect(error?.description.contains("it has model-1.safetensors") == true)
        let only = #expect(throws: HubError.self) { try choice(["config.json", "pytorch_model.bin"]) }
        #expect(only?.description.contains("pickle files only (pytorch_model.bin)") == true)
    }

    @Test("a model of GGUF files says how to choose one; one without weights is refused")
    func nothing() throws {
        let error = #expect(throws: HubError.self) { try choice(["q4.gguf", "mmproj.gguf"]) }
        #expect(error?.description.contains("--include 'mmproj.gguf'") == true)
        #expect(throws: HubError.self) { try choice(["README.md"]) }
        #expect(throws: HubError.self) { try choice([]) }
    }
}
