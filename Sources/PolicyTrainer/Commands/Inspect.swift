import ArgumentParser
import Foundation
import Shared

/// Says what a policy folder holds.
struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Say what a policy is, how its weights are stored, and what a step costs.",
        discussion: """
            Reads configurations and the headers of the weights only. A checkpoint whose weights are not there is \
            counted from its configuration.
            """
    )

    @Option(
        help:
            "Folder of a FluxKontextPipeline, QwenImageEditPipeline or QwenImageEditPlusPipeline, or \(EmbeddedPolicy.names); \"embedded\" when left out."
    )
    var policy: String?

    @Option(help: "Safetensors or GGUF file with the transformer's weights instead of the folder's.")
    var transformer: String?

    @Option(help: "Size of the picture to make, for the costs.")
    var size = PictureSize(width: 512, height: 512)

    @Option(
        name: .customLong("max-sequence-length"),
        help: "Tokens of the text, for the costs; as in Edit-R1 (128 or 256 by family) when left out."
    )
    var maximumSequenceLength: Int?

    @Flag(help: "One JSON object.")
    var json = false

    func run() throws {
        let report = try PolicyReport(
            folder: try EmbeddedPolicy.folder(named: policy),
            transformerFile: transformer,
            size: size,
            textTokens: maximumSequenceLength
        )
        print(json ? try report.json() : report.table)
    }
}
