import Foundation
import Shared

/// What `inspect` says about a policy, from configurations and headers.
struct PolicyReport: Encodable {
    /// A network of the policy.
    struct Part: Encodable {
        let name: String
        let parameters: Int
        /// Tensors by the format that they are stored in; empty when the weights are not there.
        let formats: [String: Int]
        /// Bytes of the weights as stored; nil when they are not there.
        let storedByteCount: Int?

        private enum CodingKeys: String, CodingKey {
            case name, parameters, formats
            case storedByteCount = "stored_bytes"
        }
    }

    /// Arithmetic of one sample, in 10¹² floating-point operations.
    struct Cost: Encodable {
        let size: String
        let tokens: Int
        /// One velocity: a step of a first-order solver.
        let step: Double
        /// Training on one level: old, reference and new prediction, the gradient, and blocks computed again.
        let trainingItem: Double

        private enum CodingKeys: String, CodingKey {
            case size, tokens
            case step = "step_tflop"
            case trainingItem = "training_item_tflop"
        }
    }

    let folder: String
    let family: String
    let doubleBlocks: Int
    let singleBlocks: Int
    let width: Int
    let guidance: Bool
    let parts: [Part]
    /// Of the transformer by its configuration alone.
    let transformerParameters: Int
    /// Bytes of the transformer's weights at 4, 2, about 1 and about half a byte a number.
    let transformerByteCounts: [String: Int]
    /// Bytes of an adapter of rank 32 on the published targets: three adapters, gradient, two moments.
    let adapterByteCount: Int
    /// Bytes that a gradient with checkpointed blocks keeps for one sample.
    let activationByteCount: Int
    let cost: Cost

    private enum CodingKeys: String, CodingKey {
        case folder, family, width, guidance, parts, cost
        case doubleBlocks = "double_blocks"
        case singleBlocks = "single_blocks"
        case transformerParameters = "transformer_parameters"
        case transformerByteCounts = "transformer_bytes"
        case adapterByteCount = "adapter_training_bytes"
        case activationByteCount = "activation_bytes"
    }

    /// Inspects a folder.
    ///
    /// - Parameters:
    ///   - folder: A diffusers folder.
    ///   - transformerFile: A file with the transformer's weights instead of the folder's.
    ///   - size: Size of the picture whose costs are told.
    ///   - textTokens: Tokens of its text; as in Edit-R1 when nil.
    /// - Throws: ``PolicyError`` or `WeightError`: one line that names file and remedy.
    init(folder: String, transformerFile: String?, size: PictureSize, textTokens: Int?) throws {
        let index = try ModelIndex(folder: folder)
        let family = try PolicyFamily.family(of: index)
        let inventory = try PolicyInventory(index: index, family: family)
        self.family = family.rawValue
        self.folder = folder
        let configuration = inventory.transformer
        (doubleBlocks, singleBlocks) = (configuration.doubleBlockCount, configuration.singleBlockCount)
        (width, guidance) = (configuration.width, configuration.hasGuidance)
        transformerParameters = configuration.parameterCount
        let store: (any WeightStore)? =
            if let transformerFile {
                try inventory.transformerFile(transformerFile)
            } else {
                try Self.store(inventory.transformerFolder, stem: "diffusion_pytorch_model")
            }
        var parts = [Self.part("transformer", store, otherwise: configuration.parameterCount)]
        for (name, kind, stem) in inventory.otherParts {
            let path = try index.part(name, accepted: [kind])
            parts.append(Self.part(name, try Self.store(path, stem: stem), otherwise: 0))
        }
        self.parts = parts
        let count = Double(configuration.parameterCount)
        transformerByteCounts = [
            "F32": Int(count * 4), "BF16": Int(count * 2), "Q8_0": Int(count * 34 / 32),
            "Q4_K": Int(count * 4.5 / 8),
        ]
        adapterByteCount = 6 * 4 * configuration.publishedAdapterParameterCount(rank: 32)
        let side = 2 * inventory.spatialFactor
        guard size.width % side == 0, size.height % side == 0 else {
            throw PolicyError.size(width: size.width, height: size.height, multiple: side)
        }
        let tokens = (textTokens ?? inventory.textTokens) + 2 * (size.width / side) * (size.height / side)
        let step = configuration.operations(tokens: tokens)
        cost = Cost(
            size: size.description,
            tokens: tokens,
            step: step / 1e12,
            trainingItem: configuration.trainingOperations(tokens: tokens) / 1e12
        )
        // Saved bytes in units of tokens · width numbers: one for a block that is computed again, 13.2 within a block.
        let units = Double(doubleBlocks + singleBlocks) + 13.2
        activationByteCount = Int(units * Double(tokens * width * 4))
    }

    /// The weights of a part; nil when neither a file nor an index is there.
    private static func store(_ folder: String, stem: String) throws -> (any WeightStore)? {
        let isThere = ["\(stem).safetensors", "\(stem).safetensors.index.json"].contains {
            FileManager.default.fileExists(atPath: "\(folder)/\($0)")
        }
        return isThere ? try WeightFolder(folder: folder, stem: stem) : nil
    }

    private static func part(_ name: String, _ store: (any WeightStore)?, otherwise: Int) -> Part {
        guard let store else {
            return Part(name: name, parameters: otherwise, formats: [:], storedByteCount: nil)
        }
        var formats: [String: Int] = [:]
        var count = 0
        for tensor in store.names {
            formats[store.format(of: tensor)?.rawValue ?? "unknown", default: 0] += 1
            count += store.shape(of: tensor)?.reduce(1, *) ?? 0
        }
        return Part(name: name, parameters: count, formats: formats, storedByteCount: store.byteCount)
    }

    /// The report as one JSON object.
    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// The report for people.
    var table: String {
        func gibibytes(_ count: Int) -> String { Text.decimal(Double(count) / 1_073_741_824, 2) + " GiB" }
        func line(_ name: String, _ text: String) -> String { Text.padded(name, 16) + text }
        let guided = guidance ? ", guidance embedded" : ""
        var lines = [
            line("folder", folder),
            line(
                "family",
                "\(family), \(doubleBlocks) double and \(singleBlocks) single blocks of width \(width)\(guided)"
            ),
            line("configuration", "\(transformerParameters) parameters in the transformer"),
        ]
        for part in parts {
            let formats = part.formats.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
            let text = part.storedByteCount.map {
                "\(part.parameters) parameters, \(formats.joined(separator: ", ")), \(gibibytes($0))"
            }
            lines.append(line(part.name, text ?? "no weights in the folder"))
        }
        let sizes = transformerByteCounts.sorted { $0.value > $1.value }.map {
            "\($0.key) \(gibibytes($0.value))"
        }
        lines.append(line("memory", "transformer \(sizes.joined(separator: ", "))"))
        lines.append(line("", "training state of an adapter of rank 32 \(gibibytes(adapterByteCount))"))
        lines.append(
            line("", "activations of a sample, blocks checkpointed, \(gibibytes(activationByteCount))")
        )
        lines.append(line("cost", "\(cost.size) pixels, \(cost.tokens) tokens"))
        lines.append(line("", "a step \(Text.decimal(cost.step, 4)) TFLOP"))
        lines.append(line("", "a training item \(Text.decimal(cost.trainingItem, 4)) TFLOP"))
        return lines.joined(separator: "\n")
    }
}
