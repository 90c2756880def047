import Foundation
import Shared
import Testing

@testable import RewardServer

@Suite struct BenchCommandTests {
    private static let numbers = [
        "seconds", "tflop", "tflop_per_second", "peak_tflop_per_second", "share_of_peak",
    ]

    @Test("every case has finite, positive figures, and a group costs less than its candidates one by one")
    func embedded() async throws {
        let outcome = try await Shell.run(["bench", "--quick", "--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        let records = try outcome.outputLines.map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        for record in records {
            for name in Self.numbers {
                let value = try #require(record[name] as? Double, "\(name) of \(record)")
                #expect(value.isFinite && value > 0, "\(name) of \(record)")
            }
            #expect(try #require(record["peak_resident_bytes"] as? Int) > 0)
        }
        let names = Set(records.compactMap { $0["case"] as? String })
        #expect(names == ["peak", "product", "vision", "prefill", "pair", "group", "group, warm"])
        func operations(_ name: String, _ candidates: Int) -> Double {
            records.first { $0["case"] as? String == name && $0["candidates"] as? Int == candidates }
                .flatMap { $0["tflop"] as? Double } ?? .nan
        }
        #expect(operations("group", 4) < 4 * operations("pair", 1))
        #expect(operations("group, warm", 4) < operations("group", 4))
    }

    @Test(
        "a forward pass takes no buffer from the system once one of its shape has run",
        .enabled(if: Precision.bfloat16.obstacle == nil),
        arguments: ["f32", "bf16"]
    )
    func buffers(precision: String) async throws {
        let outcome = try await Shell.run([
            "bench", "--quick", "--json", "--precision", precision, "--case", "vision", "--case", "prefill",
            "--case", "groups",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.outputLines.count == 8)
        for line in outcome.outputLines {
            let record = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            )
            #expect(record["new_buffers"] as? Int == 0, "\(line)")
        }
    }

    @Test("without --json there is a table")
    func table() async throws {
        let outcome = try await Shell.run(["bench", "--quick"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.outputLines.first?.hasPrefix("case ") == true)
        #expect(outcome.outputLines.contains { $0.hasPrefix("prefill") && $0.contains("512 tokens") })
    }
}
