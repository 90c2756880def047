import Imaging
import Shared

/// Draws graded results of an edit, from exact to wrong, as an imperfect editor would leave them.
///
/// The mix covers what the embedded policy does (half-made objects, faint colours, blur) and what it should
/// never do (another edit, a wrong object), so that a judge trained on it ranks both.
struct ShapeCandidates: Sendable {
    private static let side = ShapeScene.side

    private let task: ShapeEditTask
    private let source: [Float]
    private let target: [Float]

    /// Prepares the candidates of one edit.
    ///
    /// - Parameter task: The edit.
    init(task: ShapeEditTask) {
        self.task = task
        source = ShapeRenderer.samples(of: task.scene)
        target = ShapeRenderer.samples(of: task.editedScene)
    }

    /// Draws one candidate.
    ///
    /// - Parameter generator: The stream that decides its kind and details.
    /// - Returns: A picture of 48×48 pixels.
    func next(generator: inout CounterGenerator) -> PixelImage {
        let choice = generator.nextUnit()
        var samples =
            switch choice {
            case ..<0.12: target
            case ..<0.19: source
            case ..<0.32: blended(source, target, weight: Float(generator.nextUnit()))
            case ..<0.50: blendedByCell(generator: &generator)
            case ..<0.68: otherTarget(generator: &generator)
            case ..<0.88: wrongEdit(generator: &generator)
            default: halved(generator: &generator)
            }
        degrade(&samples, generator: &generator)
        return ShapeRenderer.quantized(samples)
    }

    private func blended(_ first: [Float], _ second: [Float], weight: Float) -> [Float] {
        zip(first, second).map { $0 * (1 - weight) + $1 * weight }
    }

    /// Source and target mixed with another weight in every cell, sometimes towards a wrong edit.
    private func blendedByCell(generator: inout CounterGenerator) -> [Float] {
        let other = generator.nextUnit() < 0.5 ? wrongEdit(generator: &generator) : source
        let sharp = generator.nextUnit() < 0.5
        let count = ShapeScene.cellNames.count
        let weights = (0..<count).map { _ in
            sharp ? Float(generator.nextUnit() < 0.7 ? 1 : 0) : Float(generator.nextUnit())
        }
        return mapCells { cell, index in
            other[index] * (1 - weights[cell]) + target[index] * weights[cell]
        }
    }

    /// The target with one more change that nobody asked for.
    private func otherTarget(generator: inout CounterGenerator) -> [Float] {
        let picture = ShapeRenderer.samples(of: disturbed(task.editedScene, generator: &generator))
        // Now and then only a hint of it.
        return generator.nextUnit() < 0.35
            ? blended(target, picture, weight: Float(generator.nextUnit())) : picture
    }

    /// The source with one change other than the one asked for.
    private func wrongEdit(generator: inout CounterGenerator) -> [Float] {
        let picture = ShapeRenderer.samples(of: disturbed(task.scene, generator: &generator))
        return generator.nextUnit() < 0.35
            ? blended(source, picture, weight: Float(generator.nextUnit())) : picture
    }

    private func disturbed(_ scene: ShapeScene, generator: inout CounterGenerator) -> ShapeScene {
        var scene = scene
        guard !scene.objects.isEmpty, generator.nextUnit() < 0.9 else {
            scene.background = generator.nextElement(of: ShapeScene.Background.allCases)
            return scene
        }
        let chosen = generator.nextInt(scene.objects.count)
        switch generator.nextUnit() {
        case ..<0.35:
            scene.objects[chosen].color = generator.nextElement(of: ShapeScene.Color.allCases)
        case ..<0.50:
            scene.objects.remove(at: chosen)
        case ..<0.70:
            scene.objects[chosen].shape = generator.nextElement(of: ShapeScene.Shape.allCases)
        case ..<0.82:
            scene.objects[chosen].cell = generator.nextInt(ShapeScene.cellNames.count)
        default:
            var extra = scene.objects[chosen]
            extra.kind = generator.nextElement(of: ShapeScene.Kind.all)
            extra.cell = generator.nextElement(of: scene.emptyCells)
            scene.objects.append(extra)
        }
        return scene
    }

    /// The target with the source's upper or left part.
    private func halved(generator: inout CounterGenerator) -> [Float] {
        let border = 12 + generator.nextInt(24)
        let byRow = generator.nextUnit() < 0.5
        return mapPixels { row, column, index in
            (byRow ? row : column) < border ? source[index] : target[index]
        }
    }

    private func degrade(_ samples: inout [Float], generator: inout CounterGenerator) {
        guard generator.nextUnit() < 0.55 else { return }
        switch generator.nextUnit() {
        case ..<0.35:
            let strength = Float(generator.nextUniform(0, 0.1))
            let noise = generator.normals(count: samples.count)
            for index in samples.indices {
                samples[index] += noise[index] * strength
            }
        case ..<0.65:
            for _ in 0...generator.nextInt(3) {
                samples = blurred(samples)
            }
        case ..<0.80:
            let tint = (0..<3).map { _ in Float(generator.nextUniform(-0.06, 0.06)) }
            for index in samples.indices {
                samples[index] += tint[index % 3]
            }
        default:
            // Another tint in every cell, as an autoencoder's tokens drift apart.
            let strength = generator.nextUniform(0, 0.12)
            let tints = (0..<ShapeScene.cellNames.count * 3).map { _ in
                Float(generator.nextUniform(-strength, strength))
            }
            let before = samples
            samples = mapCells { cell, index in before[index] + tints[cell * 3 + index % 3] }
        }
    }

    private func blurred(_ samples: [Float]) -> [Float] {
        let side = ShapeCandidates.side
        return mapPixels { row, column, index in
            let channel = index % 3
            func sample(_ row: Int, _ column: Int) -> Float {
                let row = min(max(row, 0), side - 1)
                let column = min(max(column, 0), side - 1)
                return samples[(row * side + column) * 3 + channel]
            }
            let around =
                sample(row - 1, column) + sample(row + 1, column) + sample(row, column - 1)
                + sample(row, column + 1)
            return (around + samples[index] * 2) / 6
        }
    }

    private func mapCells(_ sample: (_ cell: Int, _ index: Int) -> Float) -> [Float] {
        mapPixels { row, column, index in
            sample(row / ShapeScene.cellSide * 3 + column / ShapeScene.cellSide, index)
        }
    }

    private func mapPixels(_ sample: (_ row: Int, _ column: Int, _ index: Int) -> Float) -> [Float] {
        let side = ShapeCandidates.side
        var result = [Float]()
        result.reserveCapacity(side * side * 3)
        for row in 0..<side {
            for column in 0..<side {
                for channel in 0..<3 {
                    result.append(sample(row, column, (row * side + column) * 3 + channel))
                }
            }
        }
        return result
    }
}
