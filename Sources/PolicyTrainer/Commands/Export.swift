import ArgumentParser
import Foundation
import Shared

/// Writes a trained adapter for other programs.
struct ExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write an adapter as peft or diffusers read it, or merged into its transformer.",
        discussion: """
            peft: adapter_config.json and adapter_model.safetensors. diffusers: pytorch_lora_weights.safetensors, its \
            strength in the header. merged: config.json and diffusion_pytorch_model.safetensors, a transformer folder \
            that needs no adapter; all its weights are in memory while it is written.
            """
    )

    /// What to write.
    enum Format: String, ExpressibleByArgument, CaseIterable {
        case peft, diffusers, merged
    }

    /// How merged numbers are stored.
    enum StoredType: String, ExpressibleByArgument, CaseIterable {
        case float32 = "F32"
        case bfloat16 = "BF16"
        case float16 = "F16"

        /// The type of safetensors.
        var elementType: ElementType {
            switch self {
            case .float32: .float32
            case .bfloat16: .bfloat16
            case .float16: .float16
            }
        }
    }

    @Option(name: .customLong("run"), help: "Run folder of 'train'; its latest checkpoint is taken.")
    var runFolder: String?

    @Option(help: "Adapter: a folder of peft or diffusers, or a .safetensors file of diffusers or kohya.")
    var lora: String?

    @Option(
        help:
            "The policy that the adapter belongs to, a folder or \(EmbeddedPolicy.names); the run's, else \"embedded\"."
    )
    var policy: String?

    @Option(help: "One of \(Format.allCases.map(\.rawValue).joined(separator: ", ")).")
    var format: Format

    @Option(
        name: .customLong("type"),
        help:
            "Element type of merged weights: \(StoredType.allCases.map(\.rawValue).joined(separator: ", "))."
    )
    var elementType = StoredType.float32

    @Argument(help: "Folder to write; it must not exist.")
    var output: String

    func validate() throws {
        guard (lora == nil) != (runFolder == nil) else {
            throw ValidationError("give either --run or --lora")
        }
    }

    func run() throws {
        guard !FileManager.default.fileExists(atPath: output) else {
            throw PolicyError.setting(name: "output", value: output, reason: "it exists already")
        }
        let adapterFolder =
            try lora ?? CheckpointStore.resolve("latest", run: runFolder ?? "") + "/lora"
        let index = try ModelIndex(folder: try policyFolder())
        let family = try PolicyFamily.family(of: index)
        let folder = try index.part("transformer", accepted: [family.transformerClass.name])
        let transformer: any AdaptableTransformer =
            switch family {
            case .fluxKontext: try FluxTransformer(folder: folder)
            case .qwenImageEdit, .qwenImageEditPlus: try QwenImageTransformer(folder: folder)
            }
        let adapter = try LoRAAdapter.read(path: adapterFolder, for: transformer)
        switch format {
        case .peft:
            try PEFTFolder.write(
                adapter,
                to: output,
                baseClass: family.transformerClass,
                baseModel: policy ?? ""
            )
        case .diffusers: try LoRAFile.write(adapter, to: output)
        case .merged:
            try MergedTransformer.write(
                base: folder,
                adapter: adapter,
                layers: transformer.linearLayers,
                elementType: elementType.elementType,
                to: output
            )
        }
        print(
            "\(output): \(adapter.names.count) terms of rank \(adapter.configuration.rank), \(format.rawValue)"
        )
    }

    /// The policy's folder: as given, as the run's configuration says, or the embedded one.
    private func policyFolder() throws -> String {
        let name =
            try policy ?? runFolder.map { try TrainerConfiguration(contentsOf: $0 + "/config.yaml").policy }
        return try EmbeddedPolicy.folder(named: name)
    }
}
