import Foundation
import Imaging
import Testing

@testable import PolicyTrainer

@Suite("ShapeEdit datasets")
struct ShapeDatasetTests {
    private func inTemporaryFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "shapes-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    private func rows(_ file: URL) throws -> [ShapeDatasetRow] {
        try Data(contentsOf: file).split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(ShapeDatasetRow.self, from: $0)
        }
    }

    @Test("a folder has the Edit-R1 layout, and its images are the rows' scenes")
    func layout() throws {
        try inTemporaryFolder { folder in
            try ShapeDatasetWriter.write(.init(count: 7, testCount: 3, seed: 5), to: folder)
            let train = try rows(folder.appending(path: "train_metadata.jsonl"))
            let test = try rows(folder.appending(path: "test_metadata.jsonl"))
            #expect(train.count == 7)
            #expect(test.map(\.image) == ["images/000007.png", "images/000008.png", "images/000009.png"])
            for row in train + test {
                let source = try ImageDecoder.decode(contentsOf: folder.appending(path: row.image).path)
                let target = try ImageDecoder.decode(contentsOf: folder.appending(path: row.target).path)
                #expect(source == ShapeRenderer.image(of: row.scene))
                #expect(target == ShapeRenderer.image(of: row.editedScene))
                #expect(row.candidates == nil && row.candidateScores == nil)
            }
        }
    }

    @Test("grading a folder again gives the scores that it was written with")
    func grading() throws {
        try inTemporaryFolder { folder in
            try ShapeDatasetWriter.write(.init(count: 4, testCount: 2, seed: 5, candidates: 3), to: folder)
            let file = folder.appending(path: "train_metadata.jsonl")
            let before = try Data(contentsOf: file)
            #expect(try ShapeDatasetGrader.grade(folder) == 18)
            #expect(try Data(contentsOf: file) == before)
            #expect(try rows(file).allSatisfy { $0.candidateScores?.count == 3 })
        }
    }

    @Test("a strip of another height is refused by name")
    func badStrip() throws {
        try inTemporaryFolder { folder in
            try ShapeDatasetWriter.write(.init(count: 1, seed: 5, candidates: 2), to: folder)
            let narrow = PixelImage(width: 50, height: 48, pixels: [UInt8](repeating: 0, count: 50 * 48 * 3))
            try Data(PNGEncoder.encode(narrow)).write(to: folder.appending(path: "candidates/000000.png"))
            let expected = ShapeDatasetError.invalidStrip(
                file: "candidates/000000.png",
                width: 50,
                height: 48
            )
            #expect(throws: expected) { try ShapeDatasetGrader.grade(folder) }
        }
    }

    @Test("a row that is not of this world is refused with its line")
    func badRow() throws {
        try inTemporaryFolder { folder in
            try ShapeDatasetWriter.write(.init(count: 1, seed: 5), to: folder)
            let file = folder.appending(path: "train_metadata.jsonl")
            try (Data(contentsOf: file) + Data("{}\n".utf8)).write(to: file)
            let error = #expect(throws: ShapeDatasetError.self) { try ShapeDatasetGrader.grade(folder) }
            guard case .invalidRow(let name, let line, _) = error else {
                Issue.record("expected invalidRow, got \(String(describing: error))")
                return
            }
            #expect(name == "train_metadata.jsonl" && line == 2)
        }
    }

    @Test("a strip taken apart gives the pictures that it was made of")
    func strips() {
        let pictures = (0..<3).map { number in
            PixelImage(width: 2, height: 2, pixels: (0..<12).map { UInt8($0 + number * 12) })
        }
        let strip = ShapeStrip.joined(pictures)
        #expect(strip.width == 6 && strip.height == 2)
        #expect(ShapeStrip.split(strip, width: 2, height: 2) == pictures)
        #expect(ShapeStrip.split(strip, width: 4, height: 2) == nil)
    }

    @Test("options that make no dataset are refused")
    func badOptions() {
        #expect(throws: ShapeDatasetError.self) { try ShapeDatasetOptions(count: 0).validate() }
        #expect(throws: ShapeDatasetError.self) {
            try ShapeDatasetOptions(count: 1, candidates: 65).validate()
        }
        #expect(throws: ShapeDatasetError.self) {
            try ShapeDatasetOptions(count: 1, operations: []).validate()
        }
    }
}
