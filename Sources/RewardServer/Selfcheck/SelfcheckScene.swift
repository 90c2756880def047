import Shared

/// A picture of coloured shapes that can be edited exactly, so that the right result of an instruction is
/// known.
///
/// It is the world that the embedded judge was trained in, and simple enough for any judge of photographs;
/// its pictures are drawn here and not read, at any size.
///
/// Source: docs/EmbeddedModels.md.
struct SelfcheckScene: Sendable, Equatable {
    /// What an object can be.
    enum Shape: String, Sendable, CaseIterable {
        case circle, square, triangle
    }

    /// The colours of objects.
    enum Color: String, Sendable, CaseIterable {
        case red, green, blue, yellow, purple, orange
    }

    /// The colours of the background.
    enum Background: String, Sendable, CaseIterable {
        case white, sky, sand, black
    }

    /// One object in the middle of a cell of the 3×3 grid.
    struct Object: Sendable, Equatable {
        /// Its colour.
        var color: Color
        /// Its shape.
        var shape: Shape
        /// Its cell, row by row from the top left.
        var cell: Int

        /// What an instruction calls it.
        var words: String { "\(color.rawValue) \(shape.rawValue)" }
    }

    /// The words for the nine cells, row by row.
    static let cellNames = [
        "top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right",
    ]

    /// The background.
    var background: Background
    /// The objects; no two have both colour and shape in common, and each has a cell of its own.
    var objects: [Object]

    /// An instruction and the scene it asks for.
    struct Edit: Sendable, Equatable {
        /// At most nine words.
        let instruction: String
        /// The scene afterwards.
        let target: SelfcheckScene
    }

    /// The kinds of edit.
    enum Operation: CaseIterable {
        case recolor, remove, add, replace, background
    }

    /// Draws a scene of two or three objects.
    ///
    /// - Parameter generator: Decides everything.
    init(_ generator: inout CounterGenerator) {
        background = Background.allCases[generator.nextInt(Background.allCases.count)]
        var cells = Array(0..<Self.cellNames.count)
        objects = []
        for _ in 0..<2 + generator.nextInt(2) {
            let cell = cells.remove(at: generator.nextInt(cells.count))
            let kinds = freeKinds
            let kind = kinds[generator.nextInt(kinds.count)]
            objects.append(Object(color: kind.color, shape: kind.shape, cell: cell))
        }
    }

    /// Draws an edit of this scene.
    ///
    /// - Parameters:
    ///   - operation: Which.
    ///   - generator: Decides everything else.
    /// - Returns: The instruction and its right result.
    func edit(_ operation: Operation, _ generator: inout CounterGenerator) -> Edit {
        var target = self
        let chosen = generator.nextInt(objects.count)
        let object = objects[chosen]
        switch operation {
        case .recolor:
            let colors = freeKinds.filter { $0.shape == object.shape }.map(\.color)
            target.objects[chosen].color = colors[generator.nextInt(colors.count)]
            return Edit(
                instruction: "make the \(object.words) \(target.objects[chosen].color.rawValue)",
                target: target
            )
        case .remove:
            target.objects.remove(at: chosen)
            return Edit(instruction: "remove the \(object.words)", target: target)
        case .add:
            let cells = Self.cellNames.indices.filter { cell in !objects.contains { $0.cell == cell } }
            let kind = freeKinds[generator.nextInt(freeKinds.count)]
            let added = Object(
                color: kind.color,
                shape: kind.shape,
                cell: cells[generator.nextInt(cells.count)]
            )
            target.objects.append(added)
            return Edit(
                instruction: "add a \(added.words) at the \(Self.cellNames[added.cell])",
                target: target
            )
        case .replace:
            let kind = freeKinds[generator.nextInt(freeKinds.count)]
            (target.objects[chosen].color, target.objects[chosen].shape) = kind
            return Edit(
                instruction: "replace the \(object.words) with a \(target.objects[chosen].words)",
                target: target
            )
        case .background:
            let others = Background.allCases.filter { $0 != background }
            target.background = others[generator.nextInt(others.count)]
            return Edit(
                instruction: "make the background \(target.background.rawValue)",
                target: target
            )
        }
    }

    /// Pairs of colour and shape that no object has.
    private var freeKinds: [(color: Color, shape: Shape)] {
        Color.allCases.flatMap { color in Shape.allCases.map { (color: color, shape: $0) } }
            .filter { kind in !objects.contains { $0.color == kind.color && $0.shape == kind.shape } }
    }
}
