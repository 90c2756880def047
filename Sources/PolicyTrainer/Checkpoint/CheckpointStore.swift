import Foundation
import Shared

/// Keeps the checkpoints of one run.
///
/// A checkpoint is a folder `epoch-000010` that is written beside its final name, synced and then renamed;
/// the link
/// `latest` moves last. Whatever kills the process, `latest` names a complete checkpoint. Each holds `lora/`
/// (the averaged adapter in PEFT layout, which diffusers loads), `state.safetensors` (the three adapters and
/// the moments, exact float32) and `state.json` (the rest).
struct CheckpointStore: Sendable {
    /// The part of a checkpoint that is not numbers.
    struct Record: Codable, Sendable {
        var version = 1
        var epoch: Int
        var globalStep: Int
        var optimizerStep: Int
        var seed: Int
        var bannedRows: [Int]
        var seenRows: [Int]
        var policyFingerprint: String
        var datasetHash: String
        var judgeFingerprint: String?
        var configuration: String
        var stateHash: String
    }

    /// The folder of all checkpoints of the run.
    let folder: String

    /// Opens the checkpoints of a run; removes what a crash left half written.
    ///
    /// - Parameter run: The run's folder; `checkpoints` below it is made when missing.
    /// - Throws: What the file system throws.
    init(run: String) throws {
        folder = "\(run)/checkpoints"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) where name.hasPrefix(".") {
            try FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    /// Names of all checkpoints, oldest first.
    var names: [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return all.filter { $0.hasPrefix("epoch-") }.sorted()
    }

    /// Writes a checkpoint and lets `latest` point to it.
    ///
    /// - Parameters:
    ///   - state: What to save.
    ///   - configuration: The run's configuration.
    ///   - transformerClass: Class of the transformer that the adapters belong to.
    ///   - policyFingerprint: Identity of the policy's files.
    ///   - datasetHash: Identity of the training split.
    ///   - judgeFingerprint: Identity of the judge that gave the last scores.
    ///   - keep: How many checkpoints stay; older ones are deleted afterwards.
    /// - Returns: The checkpoint's folder.
    /// - Throws: What the file system throws; `latest` is then as it was.
    @discardableResult
    func save(
        _ state: TrainerState,
        configuration: TrainerConfiguration,
        transformerClass: TransformerClass,
        policyFingerprint: String,
        datasetHash: String,
        judgeFingerprint: String?,
        keep: Int
    ) throws -> String {
        let name = CheckpointStore.name(epoch: state.epoch)
        let (partial, final) = ("\(folder)/.\(name)", "\(folder)/\(name)")
        let manager = FileManager.default
        try? manager.removeItem(atPath: partial)
        try manager.createDirectory(atPath: "\(partial)/lora", withIntermediateDirectories: true)
        try PEFTFolder.write(state.average, to: "\(partial)/lora", baseClass: transformerClass)
        try SafetensorsWriter.write(CheckpointStore.tensors(of: state), to: "\(partial)/state.safetensors")
        let record = Record(
            epoch: state.epoch,
            globalStep: state.globalStep,
            optimizerStep: state.optimizer.stepCount,
            seed: configuration.seed,
            bannedRows: state.bannedRows,
            seenRows: state.seenRows.sorted(),
            policyFingerprint: policyFingerprint,
            datasetHash: datasetHash,
            judgeFingerprint: judgeFingerprint,
            configuration: configuration.yaml(),
            stateHash: ContentHash(try MappedFile(path: "\(partial)/state.safetensors")).hexadecimal
        )
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.write(try encoder.encode(record), to: "\(partial)/state.json")
        try CheckpointStore.sync(partial)
        try CheckpointStore.replace(final, by: partial)
        try AtomicFile.syncFolder(folder)
        try pointLatest(to: name)
        for old in names.dropLast(keep) where old != name {
            try manager.removeItem(atPath: "\(folder)/\(old)")
        }
        return final
    }

    /// The checkpoint that `--resume` means.
    ///
    /// - Parameters:
    ///   - choice: `latest`, or the path of a checkpoint's folder.
    ///   - run: The run's folder.
    /// - Returns: The checkpoint's folder.
    /// - Throws: ``CheckpointError/none(run:)``.
    static func resolve(_ choice: String, run: String) throws(CheckpointError) -> String {
        guard choice == "latest" else { return choice }
        let folder = "\(run)/checkpoints"
        guard let name = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/latest") else {
            throw .none(run: run)
        }
        return "\(folder)/\(name)"
    }

    /// Reads a checkpoint.
    ///
    /// - Parameters:
    ///   - path: The checkpoint's folder.
    ///   - template: An adapter of the run's rank and targets, whose numbers are replaced.
    ///   - settings: The optimiser's settings.
    /// - Returns: The state and the record beside it.
    /// - Throws: ``CheckpointError/damaged(path:reason:)``; `WeightError` that names a tensor.
    static func load(
        _ path: String,
        template: LoRAAdapter,
        settings: AdamW<Float>.Settings
    ) throws -> (state: TrainerState, record: Record) {
        let record = try record(of: path)
        let file = try SafetensorsFile(path: "\(path)/state.safetensors")
        guard ContentHash(file.mapping).hexadecimal == record.stateHash else {
            throw CheckpointError.damaged(
                path: path,
                reason: "state.safetensors does not have the recorded SHA-256"
            )
        }
        let parameters = template.parameters()
        func tensors(_ group: String) throws -> [Tensor] {
            try parameters.map { name, tensor in
                let found = try file.tensor("\(group).\(name)")
                guard found.shape == tensor.shape else {
                    throw WeightError.shape(
                        name: "\(group).\(name)",
                        expected: tensor.shape,
                        found: found.shape
                    )
                }
                return found
            }
        }
        var state = TrainerState(adapter: template, settings: settings)
        state.current.replaceParameters(with: try tensors("current"))
        state.old.replaceParameters(with: try tensors("old"))
        state.average.replaceParameters(with: try tensors("ema"))
        state.optimizer = AdamW(
            settings: settings,
            first: try tensors("adam.first").map(\.values),
            second: try tensors("adam.second").map(\.values),
            stepCount: record.optimizerStep
        )
        state.epoch = record.epoch
        state.globalStep = record.globalStep
        state.bannedRows = record.bannedRows
        state.seenRows = Set(record.seenRows)
        return (state, record)
    }

    /// Reads what a checkpoint says about itself.
    ///
    /// - Parameter path: The checkpoint's folder.
    /// - Returns: The record.
    /// - Throws: ``CheckpointError/damaged(path:reason:)``.
    static func record(of path: String) throws(CheckpointError) -> Record {
        guard let data = FileManager.default.contents(atPath: "\(path)/state.json") else {
            throw .damaged(path: path, reason: "state.json is missing")
        }
        guard let record = try? JSONDecoder().decode(Record.self, from: data) else {
            throw .damaged(path: path, reason: "state.json is not what this program writes")
        }
        guard record.version == 1 else {
            throw .damaged(path: path, reason: "it has version \(record.version), this program reads 1")
        }
        return record
    }

    static func name(epoch: Int) -> String {
        let digits = String(epoch)
        return "epoch-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
    }

    private static func tensors(of state: TrainerState) -> [String: Tensor] {
        var tensors: [String: Tensor] = [:]
        for (group, adapter) in [("current", state.current), ("old", state.old), ("ema", state.average)] {
            for (name, tensor) in adapter.parameters() {
                tensors["\(group).\(name)"] = tensor
            }
        }
        for (index, parameter) in state.current.parameters().enumerated() {
            let shape = parameter.tensor.shape
            tensors["adam.first.\(parameter.name)"] = Tensor(state.optimizer.first[index], shape: shape)
            tensors["adam.second.\(parameter.name)"] = Tensor(state.optimizer.second[index], shape: shape)
        }
        return tensors
    }

    private static func sync(_ path: String) throws {
        for name in FileManager.default.enumerator(atPath: path)?.compactMap({ $0 as? String }) ?? [] {
            let file = "\(path)/\(name)"
            // Opening read-only is enough for fsync; folders and files alike.
            try AtomicFile.syncFolder(file)
        }
        try AtomicFile.syncFolder(path)
    }

    /// Renames a folder onto a name that an earlier attempt at the same epoch may have taken.
    private static func replace(_ final: String, by partial: String) throws {
        let manager = FileManager.default
        if manager.fileExists(atPath: final) {
            let aside = partial + ".old"
            try? manager.removeItem(atPath: aside)
            try manager.moveItem(atPath: final, toPath: aside)
            try manager.moveItem(atPath: partial, toPath: final)
            try manager.removeItem(atPath: aside)
        } else {
            try manager.moveItem(atPath: partial, toPath: final)
        }
    }

    private func pointLatest(to name: String) throws {
        let temporary = "\(folder)/.latest"
        try? FileManager.default.removeItem(atPath: temporary)
        try FileManager.default.createSymbolicLink(atPath: temporary, withDestinationPath: name)
        guard unsafe rename(temporary, "\(folder)/latest") == 0 else {
            throw CheckpointError.damaged(path: "\(folder)/latest", reason: "the link cannot be moved")
        }
        try AtomicFile.syncFolder(folder)
    }
}
