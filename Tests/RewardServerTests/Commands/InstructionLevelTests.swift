import Foundation
import Shared
import TestSupport
import Testing

@testable import RewardServer

@Suite struct InstructionLevelTests {
    /// Log-probabilities of the likeliest tokens after two texts, by token.
    private func answers(_ level: String) async throws -> [[Int: Double]] {
        let folder = try TemporaryFolder()
        let texts = [(0..<70).map { $0 * 3 % 256 }, [5, 6, 7]]
        try JSONEncoder().encode(texts).write(to: URL(filePath: folder.file("tokens.json")))
        let outcome = try await Shell.run(
            ["logits", "--tokens", folder.file("tokens.json"), "--json", "--top", "20"],
            environment: ["EDIT_R1_MAX_ISA": level]
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try outcome.outputLines.map { line in
            let object = try #require(
                try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            )
            let rows = try #require(object["next"] as? [[String: Any]])
            return Dictionary(
                uniqueKeysWithValues: try rows.map {
                    (try #require($0["id"] as? Int), try #require($0["logProbability"] as? Double))
                }
            )
        }
    }

    @Test("a level that does not exist is an error that names those that do")
    func unknown() async throws {
        let outcome = try await Shell.run(["--version"], environment: ["EDIT_R1_MAX_ISA": "sse2"])
        #expect(outcome.status == 1 && outcome.output.isEmpty)
        let line = #"EDIT_R1_MAX_ISA is "sse2"; unset it, or take one of avx512, avx2, portable"#
        #expect(outcome.errors == "reward-server: \(line)\n")
    }

    @Test("AVX2 and portable kernels give the answers of the widest ones", arguments: ["avx2", "portable"])
    func levels(level: String) async throws {
        let (expected, found) = (try await answers("avx512"), try await answers(level))
        #expect(found.count == expected.count)
        for (one, other) in zip(expected, found) {
            // The last of twenty tokens may differ where two are equally likely.
            let common = Set(one.keys).intersection(other.keys)
            #expect(common.count >= 18)
            for id in common {
                #expect(abs((one[id] ?? 0) - (other[id] ?? 0)) < 1e-3)
            }
        }
    }
}
