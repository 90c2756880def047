/// A picture of the ShapeEdit world as a graph: one background and up to four objects on a 3×3 grid.
///
/// Every pair of colour and shape stands at most once in a scene, so that "the red circle" is never ambiguous.
struct ShapeScene: Sendable, Hashable, Codable {
    /// What an object can be.
    enum Shape: String, Sendable, Hashable, Codable, CaseIterable {
        case circle, square, triangle
    }

    /// The colours of objects.
    enum Color: String, Sendable, Hashable, Codable, CaseIterable {
        case red, green, blue, yellow, purple, orange
    }

    /// The colours of the background.
    enum Background: String, Sendable, Hashable, Codable, CaseIterable {
        case white, sky, sand, black
    }

    /// A colour together with a shape: what an instruction calls an object by.
    struct Kind: Sendable, Hashable, Codable {
        /// The colour.
        var color: Color
        /// The shape.
        var shape: Shape

        /// Every pair of a colour and a shape, colour by colour.
        static let all: [Kind] = Color.allCases.flatMap { color in
            Shape.allCases.map { Kind(color: color, shape: $0) }
        }

        /// The words of an instruction, such as "red circle".
        var words: String { "\(color.rawValue) \(shape.rawValue)" }
    }

    /// One object.
    struct Object: Sendable, Hashable, Codable {
        /// Its colour.
        var color: Color
        /// Its shape.
        var shape: Shape
        /// Its cell, `0 ..< 9`, row by row from the top left.
        var cell: Int
        /// Half its size in pixels.
        var radius: Double
        /// How far its centre lies right of the cell's centre, in pixels.
        var offsetX: Double
        /// How far its centre lies below the cell's centre, in pixels.
        var offsetY: Double

        /// Its colour and shape.
        var kind: Kind {
            get { Kind(color: color, shape: shape) }
            set { (color, shape) = (newValue.color, newValue.shape) }
        }

        private enum CodingKeys: String, CodingKey {
            case color, shape, cell, radius
            case offsetX = "offset_x"
            case offsetY = "offset_y"
        }
    }

    /// Width and height of a picture in pixels.
    static let side = 48
    /// Width and height of a cell in pixels: exactly one token of both embedded models.
    static let cellSide = 16
    /// The words for the nine cells, row by row.
    static let cellNames = [
        "top left", "top", "top right", "left", "center", "right", "bottom left", "bottom", "bottom right",
    ]

    /// The background.
    var background: Background
    /// The objects, drawn in this order.
    var objects: [Object]

    /// The colours and shapes that stand in the scene.
    var kinds: Set<Kind> { Set(objects.map(\.kind)) }

    /// The cells that hold no object, in order.
    var emptyCells: [Int] {
        let taken = Set(objects.map(\.cell))
        return (0..<ShapeScene.cellNames.count).filter { !taken.contains($0) }
    }
}
