import Foundation
import Shared
import TestSupport
import Testing

@testable import PolicyTrainer

@Suite("Memory plan")
struct MemoryPlanTests {
    private let flux: PolicyOutline
    private let qwen: PolicyOutline

    init() throws {
        let root = try #require(Bundle.module.resourcePath) + "/Fixtures"
        flux = try PolicyOutline(index: ModelIndex(folder: root + "/TinyKontext"))
        qwen = try PolicyOutline(index: ModelIndex(folder: root + "/TinyQwenEdit"))
    }

    private func work(
        _ change: (inout MemoryPlan.Work.Training) -> Void = { _ in }
    ) -> MemoryPlan.Work {
        var training = MemoryPlan.Work.Training(
            rank: 4,
            targets: LoRAConfiguration.publishedTargets,
            checkpointing: 0,
            predictions: 3,
            cachedRows: 1
        )
        change(&training)
        return MemoryPlan.Work(
            width: 64,
            height: 64,
            textLength: 16,
            shardSize: 2,
            threads: 2,
            training: training
        )
    }

    private func part(_ name: String, _ plan: MemoryPlan) throws -> Int {
        try #require(plan.parts.first { $0.name == name }).byteCount
    }

    @Test("adapters count what an adapter of the loaded model has", arguments: ["flux", "qwen"])
    func adapters(family: String) throws {
        let root = try #require(Bundle.module.resourcePath) + "/Fixtures"
        let policy = try PolicyFamily.load(
            folder: root + (family == "flux" ? "/TinyKontext" : "/TinyQwenEdit")
        )
        let adapter = try LoRAAdapter.initial(
            for: policy.transformer,
            configuration: LoRAConfiguration(
                rank: 4,
                alpha: 4,
                targets: LoRAConfiguration.publishedTargets
            ),
            seeds: SeedTree(seed: 1)
        )
        let outline = family == "flux" ? flux : qwen
        #expect(
            outline.adapterParameterCount(rank: 4, targets: LoRAConfiguration.publishedTargets)
                == adapter.parameterCount
        )
    }

    @Test(
        "base weights count what the loaded layers hold",
        arguments: [BaseWeightFormat.float32, .stored, .bfloat16, .q8_0, .q4_0]
    )
    func baseWeights(format: BaseWeightFormat) throws {
        let root = try #require(Bundle.module.resourcePath) + "/Fixtures/TinyQwenEdit/transformer"
        let options = BaseWeightOptions(format: format)
        let transformer = try QwenImageTransformer(folder: root, options: options)
        let held = transformer.linearLayers.reduce(0) { $0 + $1.weight.byteCount }
        let planned = options.byteCounts(of: qwen.transformer)
        let vectors = qwen.transformer.names.reduce(0) { sum, name in
            let shape = qwen.transformer.shape(of: name) ?? []
            return shape.count == 1 ? sum + 4 * shape[0] : sum
        }
        #expect(planned.owned + planned.mapped == held + vectors)
        #expect((planned.mapped > 0) == [.stored, .bfloat16, .q8_0, .q4_0].contains(format))
    }

    @Test("checkpointing, fewer predictions and fewer bits take less")
    func savings() throws {
        // With one prediction the backward pass is the highest.
        func activations(checkpointing: Int) throws -> Int {
            let work = work { ($0.checkpointing, $0.predictions) = (checkpointing, 1) }
            return try part("activations", MemoryPlan(flux, weights: BaseWeightOptions(), work: work))
        }
        #expect(try activations(checkpointing: 1) < activations(checkpointing: 2))
        #expect(try activations(checkpointing: 2) < activations(checkpointing: 0))
        let plain = MemoryPlan(flux, weights: BaseWeightOptions(), work: work())
        let fewer = MemoryPlan(flux, weights: BaseWeightOptions(), work: work { $0.predictions = 2 })
        #expect(try part("activations", fewer) < part("activations", plain))
        // Rows of the tiny FLUX are no whole blocks of 32; those of the tiny Qwen are.
        let floats = MemoryPlan(qwen, weights: BaseWeightOptions(), work: work())
        let four = MemoryPlan(qwen, weights: BaseWeightOptions(format: .q4_0), work: work())
        #expect(try part("base weights", four) < part("base weights", floats) / 3)
        #expect(plain.byteCount == plain.parts.reduce(0) { $0 + $1.byteCount })
        let sampling = MemoryPlan(
            flux,
            weights: BaseWeightOptions(),
            work: MemoryPlan.Work(width: 64, height: 64)
        )
        #expect(!sampling.parts.contains { $0.name == "optimiser" })
    }

    @Test("what cannot fit is refused in one line with a remedy; mapped weights are streamed instead")
    func fitting() throws {
        let plan = MemoryPlan(qwen, weights: BaseWeightOptions(format: .stored), work: work())
        #expect(try plan.fitted(to: nil) == plan.weights)
        let ample = AvailableMemory(byteCount: plan.byteCount, source: .machine)
        #expect(try !plan.fitted(to: ample).isStreamed)
        let scarce = AvailableMemory(byteCount: plan.byteCount - 1, source: .machine)
        #expect(try plan.fitted(to: scarce).isStreamed)
        #expect(plan.table(available: scarce, isStreamed: true).contains("streamed from disk"))
        let tiny = AvailableMemory(byteCount: 1 << 20, source: .controlGroup)
        let error = #expect(throws: MemoryPlanError.self) { try plan.fitted(to: tiny) }
        let text = try #require(error).description
        #expect(text.contains("the container's memory limit leaves 1.0 MiB") && !text.contains("\n"))
    }

    @Test("the remedy names the part that is largest")
    func remedies() throws {
        let none = AvailableMemory(byteCount: 0, source: .machine)
        func remedy(_ work: MemoryPlan.Work) -> String {
            let plan = MemoryPlan(flux, weights: BaseWeightOptions(), work: work)
            do {
                _ = try plan.fitted(to: none)
                return ""
            } catch {
                return error.remedy
            }
        }
        var large = work()
        (large.width, large.height) = (4096, 4096)
        #expect(remedy(large).contains("gradientCheckpointing"))
        #expect(remedy(work { $0.rank = 1 << 24 }).contains("lora.rank"))
    }
}
