import Foundation
import Imaging
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("Conditioning on disk")
struct ConditioningStoreTests {
    private let folder: TemporaryFolder
    private let store: ConditioningStore
    private let input: ConditioningStore.Input
    private let conditioning: EditConditioning

    init() throws {
        folder = try TemporaryFolder()
        store = ConditioningStore(
            folder: folder.file("cache"),
            byteLimit: 1 << 20,
            policyFingerprint: "sha256:policy"
        )
        input = ConditioningStore.Input(
            instruction: "make it blue",
            image: PixelImage(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 6]),
            textLength: 16
        )
        conditioning = EditConditioning(
            text: Tensor([0.25, -1, 3, 4, 5, 6], shape: [3, 2]),
            pooled: Tensor([7, 8]),
            unguidedText: nil,
            references: [
                ReferenceLatents(
                    tokens: Tensor([1, 2], shape: [2, 1]),
                    grid: TokenGrid(rows: 1, columns: 2)
                ),
                ReferenceLatents(tokens: Tensor([9], shape: [1, 1]), grid: TokenGrid(rows: 1, columns: 1)),
            ]
        )
    }

    private var file: String { "\(store.folder)/\(store.key(input)).safetensors" }

    @Test("an entry comes back bit for bit")
    func roundTrip() throws {
        #expect(store.load(input) == nil)
        try store.save(conditioning, for: input)
        let found = try #require(store.load(input))
        #expect(found.text.values == conditioning.text.values && found.text.shape == [3, 2])
        #expect(found.pooled?.values == [7, 8] && found.unguidedText == nil)
        #expect(found.references.map(\.grid) == conditioning.references.map(\.grid))
        #expect(found.references.map(\.tokens.values) == [[1, 2], [9]])
    }

    @Test("policy, instruction, picture and text length each give another entry")
    func keys() {
        var changed: [String] = [store.key(input)]
        var other = input
        other.instruction = "make it Blue"
        changed.append(store.key(other))
        other = input
        other.image = PixelImage(width: 1, height: 2, pixels: input.image.pixels)
        changed.append(store.key(other))
        other = input
        other.image = PixelImage(width: 2, height: 1, pixels: [1, 2, 3, 4, 5, 7])
        changed.append(store.key(other))
        other = input
        other.textLength = nil
        changed.append(store.key(other))
        let another = ConditioningStore(folder: store.folder, byteLimit: 1, policyFingerprint: "sha256:other")
        changed.append(another.key(input))
        #expect(Set(changed).count == changed.count)
    }

    @Test("an entry with any byte changed, cut, or under another name counts as missing")
    func damage() throws {
        try store.save(conditioning, for: input)
        let whole = try Data(contentsOf: URL(filePath: file))
        for index in stride(from: 0, to: whole.count, by: 7) {
            var damaged = whole
            damaged[index] ^= 0x10
            try damaged.write(to: URL(filePath: file))
            if let found = store.load(input) {
                // Only bytes that say nothing, such as spaces behind the header, may change.
                #expect(found.text.values == conditioning.text.values, "byte \(index)")
                #expect(found.references.map(\.tokens.values) == [[1, 2], [9]], "byte \(index)")
                #expect(found.references.map(\.grid) == conditioning.references.map(\.grid), "byte \(index)")
            }
        }
        try whole.prefix(whole.count - 4).write(to: URL(filePath: file))
        #expect(store.load(input) == nil)
        try Data().write(to: URL(filePath: file))
        #expect(store.load(input) == nil)
        var other = input
        other.instruction = "another"
        try whole.write(to: URL(filePath: "\(store.folder)/\(store.key(other)).safetensors"))
        #expect(store.load(other) == nil)
        try whole.write(to: URL(filePath: file))
        #expect(store.load(input) != nil)
    }

    @Test("the entries unused for longest go when there are too many bytes")
    func bound() throws {
        try store.save(conditioning, for: input)
        let size = try Data(contentsOf: URL(filePath: file)).count
        let small = ConditioningStore(
            folder: store.folder,
            byteLimit: 3 * size + size / 2,
            policyFingerprint: store.policyFingerprint
        )
        var inputs = [input]
        for index in 1...5 {
            var next = input
            next.instruction = "edit number \(index)"
            inputs.append(next)
            // The clock of the file system is coarse.
            let old = Date().addingTimeInterval(-1_000 + Double(index))
            for path in try FileManager.default.contentsOfDirectory(atPath: small.folder)
            where !path.hasPrefix(small.key(input)) {
                let name = "\(small.folder)/\(path)"
                let date = try FileManager.default.attributesOfItem(atPath: name)[.modificationDate] as? Date
                if let date, date.timeIntervalSinceNow > -500 {
                    try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: name)
                }
            }
            _ = small.load(input)
            try small.save(conditioning, for: next)
        }
        let kept = inputs.indices.filter { small.load(inputs[$0]) != nil }
        #expect(kept == [0, 4, 5])
    }

    @Test("a second run of one configuration reads what the first computed, and damage is mended")
    func cache() throws {
        var configuration = TrainerConfiguration()
        configuration.resolution = 48
        configuration.maxSequenceLength = 0
        let runner = try PolicyRunner(folder: EmbeddedPolicy.folder(), configuration: configuration)
        try ShapeDatasetWriter.write(
            ShapeDatasetOptions(count: 3, testCount: 1, seed: 5),
            to: folder.url.appending(path: "data")
        )
        let examples = try JSONLinesDataset(folder: folder.file("data"), split: .train).examples
        func entries() throws -> [[Float]] {
            let cache = ConditioningCache(examples: examples, runner: runner, store: store)
            return try cache.entries([0, 1, 2]).map {
                $0.conditioning.text.values + ($0.conditioning.references.first?.tokens.values ?? [])
            }
        }
        let plain = try ConditioningCache(examples: examples, runner: runner).entries([0, 1, 2]).map {
            $0.conditioning.text.values + ($0.conditioning.references.first?.tokens.values ?? [])
        }
        #expect(try entries() == plain)
        let files = try FileManager.default.contentsOfDirectory(atPath: store.folder).sorted()
        #expect(files.count == 3)
        try Data([1, 2, 3]).write(to: URL(filePath: "\(store.folder)/\(files[0])"))
        #expect(try entries() == plain)
        #expect(try SafetensorsFile(path: "\(store.folder)/\(files[0])").entries["text"] != nil)
    }
}
