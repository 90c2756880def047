import Shared

/// The rubrics that can be asked for by name: the built-in ones, and the model folder's own.
struct RubricLibrary: Sendable {
    private let rubrics: [Rubric]
    /// The rubric of a request that names none.
    let standard: Rubric

    /// Collects the rubrics.
    ///
    /// - Parameter own: The model folder's own rubric, which becomes the default.
    /// - Throws: ``RubricError`` for a built-in rubric that is wrong.
    init(own: Rubric? = nil) throws(RubricError) {
        var rubrics: [Rubric] = []
        for document in BuiltInRubrics.documents {
            rubrics.append(try Rubric(document, name: BuiltInRubrics.defaultName))
        }
        if let own {
            rubrics.removeAll { $0.name == own.name }
            rubrics.insert(own, at: 0)
        }
        self.rubrics = rubrics
        guard let standard = own ?? rubrics.first else {
            throw .unknownName(name: BuiltInRubrics.defaultName, known: [])
        }
        self.standard = standard
    }

    /// All names, the default first.
    var names: [String] { rubrics.map(\.name) }

    /// All rubrics, the default first.
    var all: [Rubric] { rubrics }

    /// Finds what a request asks for.
    ///
    /// - Parameter reference: A name or a whole rubric; `nil` takes the default.
    /// - Returns: The rubric.
    /// - Throws: ``RubricError``.
    func rubric(_ reference: RubricReference?) throws(RubricError) -> Rubric {
        switch reference {
        case nil:
            return standard
        case .named(let name):
            guard let rubric = rubrics.first(where: { $0.name == name }) else {
                throw .unknownName(name: String(name.prefix(80)), known: names)
            }
            return rubric
        case .inline(let document):
            return try Rubric(document, name: "request")
        }
    }
}
