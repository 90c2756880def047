import Shared

/// The kinds of edit that the ShapeEdit world asks for.
enum ShapeOperation: String, Sendable, Hashable, Codable, CaseIterable {
    case recolor, remove, add, replace, background
}

/// One edit: a scene, an instruction, and the scene that the instruction asks for.
struct ShapeEditTask: Sendable, Hashable {
    /// An operation together with the object it makes or takes away.
    struct Combination: Sendable, Hashable {
        /// The operation.
        var operation: ShapeOperation
        /// What stands in the target afterwards; for `remove`, what no longer does.
        var kind: ShapeScene.Kind
    }

    /// Combinations that training rows never contain, two for each operation on objects.
    static let heldOutCombinations: Set<Combination> = [
        Combination(operation: .recolor, kind: .init(color: .blue, shape: .triangle)),
        Combination(operation: .recolor, kind: .init(color: .yellow, shape: .circle)),
        Combination(operation: .remove, kind: .init(color: .orange, shape: .square)),
        Combination(operation: .remove, kind: .init(color: .green, shape: .circle)),
        Combination(operation: .add, kind: .init(color: .purple, shape: .circle)),
        Combination(operation: .add, kind: .init(color: .red, shape: .triangle)),
        Combination(operation: .replace, kind: .init(color: .green, shape: .square)),
        Combination(operation: .replace, kind: .init(color: .orange, shape: .triangle)),
    ]

    /// Which operation it is.
    let operation: ShapeOperation
    /// The instruction: at most nine lower-case words.
    let instruction: String
    /// The scene before the edit.
    let scene: ShapeScene
    /// The scene after the edit.
    let editedScene: ShapeScene
    /// The operation and its object; nil for `background`.
    let combination: Combination?

    /// Whether training rows must not contain this edit.
    var isHeldOut: Bool {
        combination.map(ShapeEditTask.heldOutCombinations.contains) ?? false
    }

    /// Draws an edit.
    ///
    /// - Parameters:
    ///   - operation: Which edit to ask for.
    ///   - allowsHeldOut: Whether the held-out combinations may come up; otherwise they are drawn again.
    ///   - generator: The stream that decides everything else.
    init(operation: ShapeOperation, allowsHeldOut: Bool, generator: inout CounterGenerator) {
        repeat {
            self.init(operation: operation, generator: &generator)
        } while isHeldOut && !allowsHeldOut
    }

    private init(operation: ShapeOperation, generator: inout CounterGenerator) {
        let scene = ShapeEditTask.scene(generator: &generator)
        let chosen = generator.nextInt(scene.objects.count)
        let object = scene.objects[chosen]
        let freeKinds = ShapeScene.Kind.all.filter { !scene.kinds.contains($0) }
        var edited = scene
        var combination: Combination?
        switch operation {
        case .recolor:
            let kind = generator.nextElement(of: freeKinds.filter { $0.shape == object.shape })
            edited.objects[chosen].kind = kind
            instruction = "make the \(object.kind.words) \(kind.color.rawValue)"
            combination = Combination(operation: operation, kind: kind)
        case .remove:
            edited.objects.remove(at: chosen)
            instruction = "remove the \(object.kind.words)"
            combination = Combination(operation: operation, kind: object.kind)
        case .add:
            let cell = generator.nextElement(of: scene.emptyCells)
            let kind = generator.nextElement(of: freeKinds)
            // Size and place of a new object are fixed, so that the target is a function of the instruction.
            edited.objects.append(
                .init(color: kind.color, shape: kind.shape, cell: cell, radius: 5.8, offsetX: 0, offsetY: 0)
            )
            instruction = "add a \(kind.words) at the \(ShapeScene.cellNames[cell])"
            combination = Combination(operation: operation, kind: kind)
        case .replace:
            let kind = generator.nextElement(of: freeKinds)
            edited.objects[chosen].kind = kind
            instruction = "replace the \(object.kind.words) with a \(kind.words)"
            combination = Combination(operation: operation, kind: kind)
        case .background:
            let others = ShapeScene.Background.allCases.filter { $0 != scene.background }
            edited.background = generator.nextElement(of: others)
            instruction = "make the background \(edited.background.rawValue)"
        }
        self.operation = operation
        self.scene = scene
        editedScene = edited
        self.combination = combination
    }

    private static func scene(generator: inout CounterGenerator) -> ShapeScene {
        let background = generator.nextElement(of: ShapeScene.Background.allCases)
        let count = 1 + generator.nextInt(3)
        var cells = Array(0..<ShapeScene.cellNames.count)
        var kinds = ShapeScene.Kind.all
        let objects = (0..<count).map { _ in
            let cell = cells.remove(at: generator.nextInt(cells.count))
            let kind = kinds.remove(at: generator.nextInt(kinds.count))
            return ShapeScene.Object(
                color: kind.color,
                shape: kind.shape,
                cell: cell,
                radius: hundredths(generator.nextUniform(5, 6.6)),
                offsetX: hundredths(generator.nextUniform(-0.8, 0.8)),
                offsetY: hundredths(generator.nextUniform(-0.8, 0.8))
            )
        }
        return ShapeScene(background: background, objects: objects)
    }

    private static func hundredths(_ value: Double) -> Double {
        (value * 100).rounded() / 100
    }
}

extension CounterGenerator {
    /// One of the elements, each as likely; the list is not empty.
    mutating func nextElement<Element>(of elements: [Element]) -> Element {
        elements[nextInt(elements.count)]
    }
}
