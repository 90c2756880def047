extension WeightMatrix {
    /// Some of the rows as a matrix of its own; blocks of a mapped file stay where and as they are.
    ///
    /// - Parameter range: Rows within the matrix.
    /// - Returns: `[range.count, columnCount]`; float32 in memory for the formats whose rows do not stand alone.
    /// - Throws: ``WeightError/malformed(path:reason:)``, which a matrix that was checked before does not cause.
    package func rows(_ range: Range<Int>) throws(WeightError) -> WeightMatrix {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= rowCount,
            "rows \(range) are outside a matrix of \(rowCount)"
        )
        guard case .blocks(let mapping, let start) = body else {
            return WeightMatrix(tensor().rows(range))
        }
        let rowBytes = columnCount / format.blockLength * format.blockByteCount
        return try WeightMatrix(
            mapping,
            range: (start + range.lowerBound * rowBytes)..<(start + range.upperBound * rowBytes),
            format: format,
            rowCount: range.count,
            columnCount: columnCount
        )
    }
}
