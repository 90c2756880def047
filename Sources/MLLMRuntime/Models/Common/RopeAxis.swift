/// What a frequency of a head turns with.
enum RopeAxis: Sendable {
    case time
    case row
    case column
}

extension RopePosition {
    /// The number that belongs to an axis.
    func along(_ axis: RopeAxis) -> Int {
        switch axis {
        case .time: time
        case .row: row
        case .column: column
        }
    }
}

extension DecoderConfiguration {
    /// What a frequency turns with.
    ///
    /// Interleaved, rows have the frequencies 1, 4, 7, … and columns 2, 5, 8, …, each up to three times its
    /// section.
    ///
    /// Source: arXiv:2409.12191, section 2.1; huggingface/transformers 5.23.0,
    /// `models/qwen3_vl/modeling_qwen3_vl.py`, `recomposition_frequencies`.
    func axis(of frequency: Int) -> RopeAxis {
        let (time, row, column) = (ropeSections[0], ropeSections[1], ropeSections[2])
        switch traits.ropeLayout {
        case .chunked:
            return frequency < time ? .time : frequency < time + row ? .row : .column
        case .interleaved:
            if frequency % 3 == 1, frequency < 3 * row { return .row }
            if frequency % 3 == 2, frequency < 3 * column { return .column }
            return .time
        }
    }
}
