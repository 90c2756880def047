import Imaging

/// Grades of the oracle for edited rows of a dataset that has targets.
///
/// Only `evaluate` and `report` ask for them; training never does.
enum OracleGrades {
    /// Grades pictures.
    ///
    /// - Parameters:
    ///   - pictures: Rows and what a policy made of them.
    ///   - resolution: Side of the pictures in pixels.
    /// - Returns: One grade of 0 to 1 per row, in order; nil for a row without a target.
    /// - Throws: `DecodeError` that names an image; ``ShapeDatasetError`` for a size that differs.
    static func grade(_ pictures: [(example: EditExample, edited: PixelImage)], resolution: Int) throws
        -> [Double?]
    {
        try pictures.map { example, edited in
            guard let path = example.target else { return nil }
            let oracle = try ShapeOracle(
                source: try ExampleImage.load(example.image, resolution: resolution),
                target: try ExampleImage.load(path, resolution: resolution)
            )
            return try oracle.grade(edited).score
        }
    }
}
