/// Arithmetic of the decoder, a multiplication and an addition being two operations.
extension DecoderConfiguration {
    /// Weights that every row meets in a layer, for keys and values.
    private var keyValueWeights: Double { Double(2 * hiddenSize * keyWidth) }
    /// The other weights of a layer.
    private var otherWeights: Double { Double(hiddenSize) * Double(2 * queryWidth + 3 * intermediateSize) }
    /// Operations of a query with one key and its value, in all heads of a layer.
    private var pairOperations: Double { Double(4 * queryWidth) }

    /// Operations of a prompt in all layers, with the head at one position.
    ///
    /// - Parameter prompt: Tokens of the prompt.
    /// - Returns: Operations, with nothing left out.
    func operations(prompt: Int) -> Double {
        let linear = 2 * Double(prompt) * (keyValueWeights + otherWeights)
        let attention = pairOperations * Double(Self.pairs(prompt))
        return Double(layerCount) * (linear + attention) + 2 * Double(vocabularySize * hiddenSize)
    }

    /// Operations that are carried out for prompts that begin with a common trunk, up to the hidden state at the end of
    /// each: the last layer does no more than that takes.
    ///
    /// - Parameters:
    ///   - trunk: Tokens of the trunk.
    ///   - branches: Tokens of each prompt behind the trunk.
    ///   - knowsTrunk: Whether the trunk's keys and values are there already.
    /// - Returns: Operations; the rows of the head that are asked for are not counted.
    func operations(trunk: Int, branches: [Int], knowsTrunk: Bool = false) -> Double {
        let own = branches.reduce(0, +)
        let rows = Double(own + (knowsTrunk ? 0 : trunk))
        let seen = branches.reduce(knowsTrunk ? 0 : Self.pairs(trunk)) { $0 + Self.pairs($1) + $1 * trunk }
        let whole = 2 * rows * (keyValueWeights + otherWeights) + pairOperations * Double(seen)
        let lastSeen = Double(branches.reduce(0) { $0 + $1 + trunk })
        let last =
            2 * rows * keyValueWeights + 2 * Double(branches.count) * otherWeights + pairOperations * lastSeen
        return Double(layerCount - 1) * whole + last
    }

    /// Pairs of a row and a row not behind it.
    private static func pairs(_ count: Int) -> Int { count * (count + 1) / 2 }
}
