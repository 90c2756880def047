import Foundation
import Shared

/// Weights of a model's true sizes whose numbers are random, for measurements without a checkpoint.
///
/// Matrices repeat the same few rows, each in memory of its own; vectors are near one (norms) or near zero (biases).
final class RandomWeights: WeightStore {
    /// Rows that a matrix repeats.
    private static let rows = 64

    let path = "random weights"
    let names: [String]
    private let shapes: [String: [Int]]
    private let matrixFormat: WeightFormat
    private let patterns = Lock<[Int: WeightMatrix]>([:])

    /// Describes a model.
    ///
    /// - Parameters:
    ///   - shapes: Shape of every tensor by its name in a checkpoint.
    ///   - format: How matrices are stored; float32 and the formats that can be packed here.
    init(shapes: [String: [Int]], format: WeightFormat) {
        self.shapes = shapes
        matrixFormat = format
        names = shapes.keys.sorted()
    }

    var byteCount: Int {
        shapes.values.reduce(0) {
            $0 + $1.reduce(1, *) / matrixFormat.blockLength * matrixFormat.blockByteCount
        }
    }

    func shape(of name: String) -> [Int]? { shapes[name] }

    func format(of name: String) -> WeightFormat? {
        shapes[name].map { $0.count == 2 ? matrixFormat : .float32 }
    }

    func tensor(_ name: String, shape: [Int]) throws(WeightError) -> Tensor {
        guard shape.count < 2 else { return try matrix(name, shape: shape).tensor() }
        let isNorm = name.hasSuffix("weight")
        var generator = SeedTree(seed: 7)[name].generator
        return Tensor(generator.normals(count: shape.reduce(1, *)).map { (isNorm ? 1 : 0) + 0.02 * $0 })
            .reshaped(shape)
    }

    func matrix(_ name: String, shape: [Int]) throws(WeightError) -> WeightMatrix {
        guard shapes[name] == shape, shape.count == 2 else {
            throw .shape(name: name, expected: shape, found: shapes[name] ?? [])
        }
        let columns = shape[1]
        let pattern: WeightMatrix
        if let known = patterns.withLock({ $0[columns] }) {
            pattern = known
        } else {
            pattern = try self.pattern(columns: columns)
            patterns.withLock { $0[columns] = pattern }
        }
        guard matrixFormat != .float32 else {
            let rows = (0..<shape[0]).map { $0 % Self.rows }
            return WeightMatrix(pattern.tensor().gatheringRows(rows))
        }
        return try pattern.repeated(rowCount: shape[0], name: name)
    }

    private func pattern(columns: Int) throws(WeightError) -> WeightMatrix {
        var generator = SeedTree(seed: 7)["pattern", columns].generator
        let spread = 1 / Float(columns).squareRoot()
        let numbers = generator.normals(count: Self.rows * columns).map { $0 * spread }
        let floats = WeightMatrix(Tensor(numbers, shape: [Self.rows, columns]))
        return matrixFormat == .float32 ? floats : try floats.packed(as: matrixFormat, name: path)
    }
}
