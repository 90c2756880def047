import Shared

/// The tensors of GGUF files under the names, and in the shapes, of a checkpoint of generation B.
struct GGUFWeights: WeightStore {
    /// Where a tensor of the checkpoint is found.
    enum Place: Sendable {
        /// One tensor of a file.
        case whole(GGUFFile, String)
        /// Rows of several tensors, one after the other: queries, keys and values.
        case stacked(GGUFFile, [String])
        /// Both time slices of the patch embedding, `[outputs, channels, rows, columns]` each.
        case slices(GGUFFile, [String])
    }

    let path: String
    let byteCount: Int
    private let places: [String: Place]

    var names: [String] { places.keys.sorted() }

    /// Takes a decoder without its vision tower.
    init(_ text: GGUFTextFile) {
        path = text.file.path
        byteCount = text.file.byteCount
        places = Self.places(of: text)
    }

    /// Takes a decoder with its vision tower.
    ///
    /// - Throws: `WeightError.malformed` for files that name one tensor twice.
    init(_ text: GGUFTextFile, _ projector: GGUFProjectorFile) throws(WeightError) {
        path = text.file.path + " with " + projector.file.path
        byteCount = text.file.byteCount + projector.file.byteCount
        var places = Self.places(of: text)
        for (name, place) in try projector.places() {
            guard places.updateValue(place, forKey: name) == nil else {
                throw .malformed(path: projector.file.path, reason: "\(name) is also in the text file")
            }
        }
        self.places = places
    }

    private static func places(of text: GGUFTextFile) -> [String: Place] {
        let names = text.checkpointNames().map { ($0.value, Place.whole(text.file, $0.key)) }
        return Dictionary(names) { first, _ in first }
    }

    func shape(of name: String) -> [Int]? {
        switch places[name] {
        case .whole(let file, let own): return file.shape(of: own)
        case .stacked(let file, let parts):
            let shapes = parts.compactMap(file.shape)
            return shapes.first.map { [shapes.reduce(0) { $0 + ($1.first ?? 0) }] + $0.dropFirst() }
        case .slices(let file, let parts):
            return parts.first.flatMap(file.shape).map { $0.prefix(2) + [parts.count] + $0.dropFirst(2) }
        case nil: return nil
        }
    }

    func format(of name: String) -> WeightFormat? {
        switch places[name] {
        case .whole(let file, let own): return file.format(of: own)
        case .stacked(let file, let parts), .slices(let file, let parts):
            let formats = Set(parts.map(file.format))
            return formats.count == 1 ? formats.first ?? nil : .float32
        case nil: return nil
        }
    }

    func tensor(_ name: String, shape: [Int]) throws(WeightError) -> Tensor {
        switch try place(of: name, shape: shape) {
        case .whole(let file, let own):
            return try file.tensor(own, shape: shape)
        case .stacked(let file, let parts):
            var tensors: [Tensor] = []
            for part in parts {
                let own = [file.shape(of: part)?.first ?? 0] + shape.dropFirst()
                let width = shape.dropFirst().reduce(1, *)
                tensors.append(try file.tensor(part, shape: own).reshaped([own[0], width]))
            }
            return Tensor.concatenatingRows(tensors).reshaped(shape)
        case .slices(let file, let parts):
            var slices: [Tensor] = []
            for part in parts {
                slices.append(
                    try file.tensor(part, shape: Array(shape.prefix(2) + shape.dropFirst(3)))
                        .reshaped([shape[0] * shape[1], shape.dropFirst(3).reduce(1, *)])
                )
            }
            let rows = (0..<shape[0] * shape[1]).flatMap { row in slices.map { $0.rows(row..<row + 1) } }
            return Tensor.concatenatingRows(rows).reshaped(shape)
        }
    }

    func matrix(_ name: String, shape: [Int]) throws(WeightError) -> WeightMatrix {
        switch try place(of: name, shape: shape) {
        case .whole(let file, let own):
            return try file.matrix(own, shape: shape)
        case .stacked(let file, let parts):
            if let range = Self.run(of: parts, in: file), let format = format(of: name) {
                return try WeightMatrix(
                    file.parts[file.entries[parts[0]]?.part ?? 0].mapping,
                    range: range,
                    format: format,
                    rowCount: shape[0],
                    columnCount: shape.dropFirst().reduce(1, *)
                )
            }
            return Self.matrix(try tensor(name, shape: shape))
        case .slices:
            return Self.matrix(try tensor(name, shape: shape))
        }
    }

    /// A tensor's first axis as rows, all others as one row.
    private static func matrix(_ tensor: Tensor) -> WeightMatrix {
        WeightMatrix(tensor.reshaped([tensor.shape[0], tensor.shape.dropFirst().reduce(1, *)]))
    }

    /// The bytes of several tensors of one type that lie back to back in a file, as converters write them; nil for
    /// tensors that do not.
    private static func run(of parts: [String], in file: GGUFFile) -> Range<Int>? {
        let entries = parts.compactMap { file.entries[$0] }
        guard let first = entries.first, let last = entries.last,
            entries.allSatisfy({
                $0.type == first.type && $0.part == first.part
                    && $0.shape.dropFirst() == first.shape.dropFirst()
            }),
            zip(entries, entries.dropFirst()).allSatisfy({ $0.range.upperBound == $1.range.lowerBound })
        else { return nil }
        return first.range.lowerBound..<last.range.upperBound
    }

    private func place(of name: String, shape: [Int]) throws(WeightError) -> Place {
        guard let place = places[name] else { throw .missing(name: name, path: path) }
        guard let found = self.shape(of: name), found == shape else {
            throw .shape(name: name, expected: shape, found: self.shape(of: name) ?? [])
        }
        return place
    }
}
