import Foundation
import Imaging
import Shared
import Testing

@testable import PolicyTrainer

@Suite("ShapeEdit world")
struct ShapeWorldTests {
    private let options = ShapeDatasetOptions(count: 2000, testCount: 2000, seed: 1, candidates: 8)

    @Test(
        "the same seed draws the same pixels on every machine",
        arguments: [
            (
                0, "bbe220783e3f1fcd3a23e8c246121b45a5296b73a28a0e76514e6d2f53bdb5fd",
                "37ce7d27e3ffa6afad22033ab920fffa46fe359da4e3e436b4f270cff31514c5"
            ),
            (
                1, "b61d7978c7ea363012e0ed8b0969e74dbb559e8c501046c43e4241c33c30ddca",
                "5a29619a2b61a7fdee227a257337b5c6a08ffdb7bcf02985d906379f21e16d0b"
            ),
            (
                2, "23a2aa9c6e9dde82324d4cca60a67d8a98cb1026fb79015fdd74328f8b88a01a",
                "b182ba3623d00d6a29d73b1b7d874ffad42e492bd7e07d0f48cde0568e87b71b"
            ),
        ]
    )
    func goldenRows(index: Int, source: String, target: String) {
        let task = ShapeDatasetWriter.task(index: index, split: .train, options: options)
        #expect(ContentHash(ShapeRenderer.image(of: task.scene).pixels).hexadecimal == source)
        #expect(ContentHash(ShapeRenderer.image(of: task.editedScene).pixels).hexadecimal == target)
    }

    @Test("candidates of a row are the same whenever they are drawn, and differ from each other")
    func candidatesRepeat() throws {
        let task = ShapeDatasetWriter.task(index: 3, split: .train, options: options)
        let first = try ShapeDatasetWriter.candidates(of: task, index: 3, split: .train, options: options)
        let second = try ShapeDatasetWriter.candidates(of: task, index: 3, split: .train, options: options)
        #expect(first.map(\.image) == second.map(\.image))
        #expect(first.map(\.score) == second.map(\.score))
        #expect(Set(first.map(\.image)).count > 4)
    }

    @Test("another seed, another split and another row give other edits")
    func seedsSeparate() {
        var other = options
        other.seed = 2
        let task = ShapeDatasetWriter.task(index: 0, split: .train, options: options)
        #expect(ShapeDatasetWriter.task(index: 0, split: .train, options: other) != task)
        #expect(ShapeDatasetWriter.task(index: 0, split: .test, options: options) != task)
        #expect(ShapeDatasetWriter.task(index: 5, split: .train, options: options) != task)
    }

    @Test("training rows never have a held-out combination, test rows do")
    func heldOut() {
        let train = (0..<options.count).map {
            ShapeDatasetWriter.task(index: $0, split: .train, options: options)
        }
        let test = (0..<options.testCount).map {
            ShapeDatasetWriter.task(index: $0, split: .test, options: options)
        }
        #expect(train.filter(\.isHeldOut).isEmpty)
        let share = Double(test.filter(\.isHeldOut).count) / Double(test.count)
        #expect((0.04...0.16).contains(share))
        #expect(Set(test.compactMap(\.combination)).isSuperset(of: ShapeEditTask.heldOutCombinations))
    }

    @Test("operations come up equally often, or as often as they are named")
    func operationsBalanced() {
        let tasks = (0..<options.count).map {
            ShapeDatasetWriter.task(index: $0, split: .train, options: options)
        }
        for operation in ShapeOperation.allCases {
            #expect(tasks.filter { $0.operation == operation }.count == options.count / 5)
        }
        var twice = options
        twice.operations = [.add, .add, .remove]
        let named = (0..<300).map { ShapeDatasetWriter.task(index: $0, split: .train, options: twice) }
        #expect(named.filter { $0.operation == .add }.count == 200)
    }

    @Test("instructions have at most nine words of a small vocabulary")
    func vocabulary() {
        let colors =
            ShapeScene.Color.allCases.map(\.rawValue) + ShapeScene.Background.allCases.map(\.rawValue)
        let words = Set(
            colors + ShapeScene.Shape.allCases.map(\.rawValue)
                + ShapeScene.cellNames.flatMap { $0.split(separator: " ").map(String.init) }
                + ["make", "the", "remove", "add", "a", "at", "replace", "with", "background"]
        )
        for index in 0..<options.count {
            let task = ShapeDatasetWriter.task(index: index, split: .train, options: options)
            let used = task.instruction.split(separator: " ").map(String.init)
            #expect(used.count <= 9)
            #expect(words.isSuperset(of: used), "\(task.instruction)")
        }
    }

    @Test("scenes are unambiguous and only what was asked for changes")
    func scenes() {
        for index in 0..<options.count {
            let task = ShapeDatasetWriter.task(index: index, split: .test, options: options)
            for scene in [task.scene, task.editedScene] {
                #expect(Set(scene.objects.map(\.kind)).count == scene.objects.count)
                #expect(Set(scene.objects.map(\.cell)).count == scene.objects.count)
            }
            let kept = Set(task.scene.objects).intersection(task.editedScene.objects).count
            switch task.operation {
            case .recolor, .replace: #expect(kept == task.scene.objects.count - 1)
            case .remove: #expect(kept == task.editedScene.objects.count)
            case .add: #expect(task.editedScene.objects.count == task.scene.objects.count + 1)
            case .background: #expect(task.editedScene.background != task.scene.background)
            }
        }
    }

    @Test("objects stay inside their cells, so that one token holds one object")
    func cellsHoldObjects() {
        for shape in ShapeScene.Shape.allCases {
            let object = ShapeScene.Object(
                color: .red,
                shape: shape,
                cell: 4,
                radius: 6.6,
                offsetX: 0.8,
                offsetY: -0.8
            )
            let empty = ShapeRenderer.image(of: ShapeScene(background: .white, objects: []))
            let drawn = ShapeRenderer.image(of: ShapeScene(background: .white, objects: [object]))
            for index in 0..<48 * 48 where drawn.pixels[index * 3 + 1] != empty.pixels[index * 3 + 1] {
                #expect((16..<32).contains(index % 48))
                #expect((16..<32).contains(index / 48))
            }
        }
    }
}
