import Shared

extension Tape {
    /// Runs a block without keeping its insides, and once more when gradients are asked for.
    ///
    /// The block must depend on nothing but its inputs and constants, so that its second run gives the same bits. Of a
    /// batch with several runs, the second time it gets the first run alone and a tape for one run.
    ///
    /// - Parameters:
    ///   - inputs: What the block gets; their first run is kept until the backward pass.
    ///   - block: Computes outputs, recording on the tape it is given; nil the first time.
    /// - Returns: The block's outputs.
    func checkpoint(
        _ inputs: [Variable],
        _ block: @escaping (_ inputs: [Variable], _ tape: Tape?) -> [Variable]
    ) -> [Variable] {
        let outputs = block(inputs.map { Variable($0.value) }, nil).map { variable($0.value) }
        let ids = outputs.map(\.id)
        let trainsBase = trainsBase
        let keptInputs = inputs.map { Variable(kept($0.value), id: $0.id) }
        record { table in
            let gradients = ids.map { table.take($0) }
            guard gradients.contains(where: { $0 != nil }) else { return }
            let inner = Tape(trainsBase: trainsBase)
            let leaves = keptInputs.map { $0.id == nil ? $0 : inner.variable($0.value) }
            let results = block(leaves, inner)
            var innerTable = inner.makeTable()
            // What the inputs have gathered so far goes along, so that sums keep the order of a plain backward pass.
            for (input, leaf) in zip(keptInputs, leaves) {
                if let gathered = table.take(input.id) {
                    innerTable.add(gathered, to: leaf.id)
                }
            }
            for (result, gradient) in zip(results, gradients) {
                if let gradient {
                    innerTable.add(gradient, to: result.id)
                }
            }
            innerTable.parameters = table.parameters
            table.parameters = Gradients()
            inner.run(&innerTable)
            table.parameters = innerTable.parameters
            innerTable.parameters = Gradients()
            for (input, leaf) in zip(keptInputs, leaves) {
                if let gradient = innerTable.take(leaf.id) {
                    table.add(gradient, to: input.id)
                }
            }
        }
        return outputs
    }
}
