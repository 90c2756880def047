import Foundation
import Shared

/// A rubric that has been checked: how the judge is asked, and which answers count.
struct Rubric: Sendable, Equatable {
    /// Longest template, in characters.
    static let maximumTemplateLength = 16_000
    /// Most labels of a scale.
    static let maximumLabels = 128
    /// Most spellings of one value.
    static let maximumSpellings = 16

    /// The rubric's name.
    let name: String
    /// The text part of the prompt.
    let template: PromptTemplate
    /// The order of the prompt's parts.
    let order: RubricOrder
    /// The answers that count.
    let labels: [Label]
    /// The digest of everything but the name.
    let hash: ContentHash
    /// The rubric in full, as it is listed.
    let document: RubricDocument

    /// One value of the scale.
    struct Label: Sendable, Hashable {
        /// The spellings, each one token; the first names the label.
        let tokens: [String]
        /// What the answer is worth.
        let value: Double
    }

    /// Checks a rubric.
    ///
    /// - Parameters:
    ///   - document: The rubric as it was written.
    ///   - fallbackName: What to call it when the document has no name of its own.
    /// - Throws: ``RubricError``.
    init(_ document: RubricDocument, name fallbackName: String) throws(RubricError) {
        let name = document.name ?? fallbackName
        guard document.template.count <= Self.maximumTemplateLength else {
            throw .templateTooLong(
                rubric: name,
                count: document.template.count,
                limit: Self.maximumTemplateLength
            )
        }
        template = try PromptTemplate(document.template, name: name)
        order = document.order ?? .published
        guard (2...Self.maximumLabels).contains(document.labels.count) else {
            throw .labelCount(rubric: name, count: document.labels.count, limit: Self.maximumLabels)
        }
        var seen: Set<String> = []
        for label in document.labels {
            guard (1...Self.maximumSpellings).contains(label.tokens.count), !label.tokens.contains("") else {
                throw .labelTokens(rubric: name, value: label.value)
            }
            for token in label.tokens where !seen.insert(token).inserted {
                throw .repeatedToken(rubric: name, token: token)
            }
        }
        let values = document.labels.map(\.value)
        guard values.allSatisfy(\.isFinite), Set(values).count > 1 else { throw .values(rubric: name) }
        if let normalize = document.normalize, normalize != "minmax" {
            throw .unknownNormalization(rubric: name, name: normalize)
        }
        labels = document.labels.map { Label(tokens: $0.tokens, value: $0.value) }
        hash = Self.hash(of: document, order: order)
        self.name = name
        self.document = RubricDocument(
            name: name,
            template: document.template,
            order: order,
            labels: document.labels,
            normalize: "minmax"
        )
    }

    /// Digests the fields that decide a score, each with its length, so that no two rubrics share a text.
    private static func hash(of document: RubricDocument, order: RubricOrder) -> ContentHash {
        var fields = ["edit-r1 rubric 1", document.template, order.description, "minmax"]
        for label in document.labels {
            fields.append(String(label.value.bitPattern, radix: 16))
            fields.append(String(label.tokens.count))
            fields += label.tokens
        }
        return ContentHash(fields.map { "\($0.utf8.count):\($0)" }.joined())
    }

    /// Name and digest, as replies carry them.
    var identity: RubricIdentity {
        RubricIdentity(name: name, hash: hash.description)
    }
}
