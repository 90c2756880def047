import Foundation
import Shared

/// A token that may come next, and how likely that is.
package struct NextToken: Sendable, Equatable {
    /// The token's id.
    package let id: Int
    /// Natural logarithm of its probability among all tokens, padding rows included.
    package let logProbability: Double
}

extension LanguageDecoder {
    private static let headParts = 64

    /// The hidden state after the last token of a text.
    ///
    /// - Parameter tokens: Ids below the vocabulary's size, at least one.
    /// - Returns: `[1, hiddenSize]`, after the final norm.
    /// - Throws: ``ModelError/emptyPrompt``, ``ModelError/promptTooLong(tokens:limit:)``,
    ///   ``ModelError/unknownToken(id:vocabulary:)``.
    func hidden(after tokens: [Int]) throws -> Tensor {
        let rows = configuration.vocabularySize
        guard !tokens.isEmpty else { throw ModelError.emptyPrompt }
        guard tokens.count <= configuration.contextLength else {
            throw ModelError.promptTooLong(tokens: tokens.count, limit: configuration.contextLength)
        }
        if let id = tokens.first(where: { !(0..<rows).contains($0) }) {
            throw ModelError.unknownToken(id: id, vocabulary: rows)
        }
        let result = try run(
            embedding.gatheringRows(tokens),
            positions: Prompt(tokens: tokens, images: []).positions,
            deepstack: DeepstackRows(),
            branches: [.init(0..<tokens.count)],
            purpose: .lastRows
        )
        return result.hidden ?? Tensor(zeros: [0, configuration.hiddenSize])
    }

    /// Scores of all tokens after a text.
    ///
    /// - Parameter tokens: Ids below the vocabulary's size, at least one.
    /// - Returns: `[vocabularySize]`, unnormalised natural-log units.
    /// - Throws: What ``hidden(after:)`` throws.
    func scores(after tokens: [Int]) throws -> [Float] {
        scores(of: try hidden(after: tokens).reshaped([configuration.hiddenSize]))
    }

    /// Scores of all tokens, given the hidden state `[hiddenSize]` before them.
    func scores(of hidden: Tensor) -> [Float] {
        let rows = configuration.vocabularySize
        let parts = Lock([[Float]](repeating: [], count: Self.headParts))
        Parallel.forEach(Self.headParts) { part in
            let range = (rows * part / Self.headParts)..<(rows * (part + 1) / Self.headParts)
            let scores = RowArithmetic.dots(head, rows: range, with: hidden)
            parts.withLock { $0[part] = scores }
        }
        return Array(parts.withLock { $0 }.joined())
    }
}

extension NextToken {
    /// The likeliest tokens, most likely first; equal ones by id.
    ///
    /// - Parameters:
    ///   - count: How many; fewer come back when there are not so many.
    ///   - scores: Scores of all tokens, unnormalised natural-log units.
    /// - Returns: The tokens.
    static func likeliest(_ count: Int, of scores: [Float]) -> [NextToken] {
        let largest = Double(scores.max() ?? 0)
        let total = largest + log(scores.reduce(0.0) { $0 + exp(Double($1) - largest) })
        let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
        return order.prefix(count).map { NextToken(id: $0, logProbability: Double(scores[$0]) - total) }
    }
}

extension LanguageVisionModel {
    /// The tokens that are likeliest after some tokens, without a chat template.
    ///
    /// - Parameters:
    ///   - tokens: Ids below the vocabulary's size, at least one.
    ///   - count: How many to give.
    /// - Returns: Most likely first.
    /// - Throws: ``ModelError/promptTooLong(tokens:limit:)``, ``ModelError/unknownToken(id:vocabulary:)``.
    package func nextTokens(after tokens: [Int], count: Int) throws -> [NextToken] {
        NextToken.likeliest(count, of: try decoder.scores(after: tokens))
    }

    /// The tokens that are likeliest to begin an answer.
    ///
    /// - Parameters:
    ///   - state: From this model.
    ///   - count: How many to give.
    /// - Returns: Most likely first.
    package func nextTokens(_ state: BranchState, count: Int) -> [NextToken] {
        NextToken.likeliest(count, of: decoder.scores(of: state.hidden))
    }
}
