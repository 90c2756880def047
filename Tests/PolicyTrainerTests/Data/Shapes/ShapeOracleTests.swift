import Imaging
import Testing

@testable import PolicyTrainer

@Suite("ShapeEdit oracle")
struct ShapeOracleTests {
    private let options = ShapeDatasetOptions(count: 60, testCount: 60, seed: 9)

    private func pictures(_ index: Int) -> (source: PixelImage, target: PixelImage) {
        let task = ShapeDatasetWriter.task(index: index, split: .test, options: options)
        return (ShapeRenderer.image(of: task.scene), ShapeRenderer.image(of: task.editedScene))
    }

    private func mixed(_ first: PixelImage, _ second: PixelImage, weight: Double) -> PixelImage {
        let pixels = zip(first.pixels, second.pixels).map { first, second in
            UInt8((Double(first) * (1 - weight) + Double(second) * weight).rounded())
        }
        return PixelImage(width: first.width, height: first.height, pixels: pixels)
    }

    @Test("the target gets exactly 1 and the unchanged source exactly 0", arguments: 0..<60)
    func ends(index: Int) throws {
        let (source, target) = pictures(index)
        let oracle = try ShapeOracle(source: source, target: target)
        #expect(try oracle.grade(target).score == 1)
        #expect(try oracle.grade(source).score == 0)
    }

    @Test("blending from source to target raises the score step by step", arguments: 0..<10)
    func blending(index: Int) throws {
        let (source, target) = pictures(index)
        let oracle = try ShapeOracle(source: source, target: target)
        let scores = try stride(from: 0.0, through: 1, by: 0.125).map {
            try oracle.grade(mixed(source, target, weight: $0)).score
        }
        let rises = zip(scores, scores.dropFirst()).filter(<).count
        #expect(rises == scores.count - 1)
    }

    @Test("a change elsewhere lowers only the preserved part")
    func collateral() throws {
        let scene = ShapeScene(
            background: .white,
            objects: [.init(color: .red, shape: .circle, cell: 0, radius: 6, offsetX: 0, offsetY: 0)]
        )
        var edited = scene
        edited.objects[0].color = .blue
        var spoiled = edited
        spoiled.objects.append(
            .init(color: .green, shape: .square, cell: 8, radius: 6, offsetX: 0, offsetY: 0)
        )
        let oracle = try ShapeOracle(
            source: ShapeRenderer.image(of: scene),
            target: ShapeRenderer.image(of: edited)
        )
        let grade = try oracle.grade(ShapeRenderer.image(of: spoiled))
        #expect(grade.accomplished == 1)
        #expect((0.2..<0.8).contains(grade.preserved))
        #expect(grade.score == 0.25 + 0.75 * grade.preserved)
    }

    @Test("images of another size are refused with both sizes")
    func sizes() throws {
        let (source, target) = pictures(0)
        let small = PixelImage(width: 2, height: 1, pixels: [UInt8](repeating: 0, count: 6))
        let expected = ShapeDatasetError.sizeMismatch(name: "candidate", expected: "48×48", found: "2×1")
        let oracle = try ShapeOracle(source: source, target: target)
        #expect(throws: expected) { try oracle.grade(small) }
    }

    @Test("groups of synthetic candidates spread over the whole scale")
    func spread() throws {
        var options = options
        options.candidates = 12
        var scores: [Double] = []
        for index in 0..<60 {
            let task = ShapeDatasetWriter.task(index: index, split: .train, options: options)
            scores += try ShapeDatasetWriter.candidates(
                of: task,
                index: index,
                split: .train,
                options: options
            )
            .map(\.score)
        }
        #expect(scores.filter((0...1).contains).count == scores.count)
        for band in [0.0..<0.2, 0.2..<0.5, 0.5..<0.8, 0.8..<1.01] {
            #expect(scores.filter(band.contains).count > scores.count / 12)
        }
    }
}
