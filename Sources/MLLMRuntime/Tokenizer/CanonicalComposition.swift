/// Unicode's normalisation form C, as the reference's tokenizers compute it.
///
/// The reference knows the mappings of Unicode 9.0 and takes later code points for letters that nothing
/// combines with; the tables are in ``UnicodeTables``, so Foundation's and Swift's own versions play no part.
///
/// Source: Unicode Standard Annex 15 and chapter 3.11–3.12; huggingface/tokenizers, `normalizers.NFC`.
enum CanonicalComposition {
    /// - Parameter text: Any text.
    /// - Returns: The code points of its normal form.
    static func apply(_ text: String) -> [Unicode.Scalar] {
        let scalars = Array(text.unicodeScalars)
        // Below U+0300 nothing combines and all letters are composed.
        guard scalars.contains(where: { $0.value >= 0x300 && !tables.isInert($0) }) else { return scalars }
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(scalars.count)
        var segment = Segment()
        for scalar in scalars {
            if tables.isInert(scalar) {
                segment.flush(into: &result)
                segment.append(scalar, kind: 0)
            } else {
                segment.append(decomposing: scalar, flushingInto: &result)
            }
        }
        segment.flush(into: &result)
        return result
    }

    private static let tables = Tables()

    /// A starter and what may combine with it, decomposed and in canonical order once composed.
    private struct Segment {
        private var scalars: [Unicode.Scalar] = []
        private var kinds: [UInt8] = []

        mutating func append(_ scalar: Unicode.Scalar, kind: UInt8) {
            scalars.append(scalar)
            kinds.append(kind)
        }

        /// Adds the full decomposition of a code point; a starter that does not compose with the one before
        /// ends the segment.
        mutating func append(decomposing scalar: Unicode.Scalar, flushingInto result: inout [Unicode.Scalar])
        {
            if let parts = Hangul.parts(of: scalar) {
                for part in parts {
                    start(part, flushingInto: &result)
                }
            } else if let mapping = tables.mapping(of: scalar) {
                for part in mapping {
                    append(decomposing: part, flushingInto: &result)
                }
            } else {
                let kind = tables.combiningClass(of: scalar)
                if kind == 0 {
                    start(scalar, flushingInto: &result)
                } else {
                    append(scalar, kind: kind)
                }
            }
        }

        private mutating func start(_ scalar: Unicode.Scalar, flushingInto result: inout [Unicode.Scalar]) {
            compose()
            if let last = scalars.last, scalars.count == 1, kinds[0] == 0,
                let whole = tables.composition(last, scalar)
            {
                scalars[0] = whole
            } else {
                result.append(contentsOf: scalars)
                scalars = [scalar]
                kinds = [0]
            }
        }

        mutating func flush(into result: inout [Unicode.Scalar]) {
            compose()
            result.append(contentsOf: scalars)
            scalars.removeAll(keepingCapacity: true)
            kinds.removeAll(keepingCapacity: true)
        }

        /// Puts the marks in order and joins those with the starter that no mark of their class blocks.
        private mutating func compose() {
            guard scalars.count > 1 else { return }
            let first = kinds[0] == 0 ? 1 : 0
            // Stable: marks of one class keep their order.
            let order = (first..<scalars.count).sorted { (kinds[$0], $0) < (kinds[$1], $1) }
            guard first == 1 else {
                scalars = order.map { scalars[$0] }
                kinds = order.map { kinds[$0] }
                return
            }
            var starter = scalars[0]
            var kept: [(Unicode.Scalar, UInt8)] = []
            for index in order {
                if kept.last?.1 != kinds[index], let whole = tables.composition(starter, scalars[index]) {
                    starter = whole
                } else {
                    kept.append((scalars[index], kinds[index]))
                }
            }
            scalars = [starter] + kept.map(\.0)
            kinds = [0] + kept.map(\.1)
        }
    }
}

/// Korean syllables, which decompose by arithmetic.
private enum Hangul {
    static func parts(of scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
        guard (0xAC00..<0xAC00 + 11_172).contains(scalar.value) else { return nil }
        let index = scalar.value - 0xAC00
        let parts = [0x1100 + index / 588, 0x1161 + index % 588 / 28, 0x11A7 + index % 28]
        return (index % 28 == 0 ? parts.dropLast() : parts[...]).compactMap(Unicode.Scalar.init)
    }

    static func whole(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        if (0x1100..<0x1113).contains(first.value), (0x1161..<0x1176).contains(second.value) {
            return Unicode.Scalar(0xAC00 + (first.value - 0x1100) * 588 + (second.value - 0x1161) * 28)
        }
        if (0xAC00..<0xAC00 + 11_172).contains(first.value), (first.value - 0xAC00) % 28 == 0,
            (0x11A8..<0x11C3).contains(second.value)
        {
            return Unicode.Scalar(first.value + second.value - 0x11A7)
        }
        return nil
    }
}

/// ``UnicodeTables`` in a form for looking up.
private struct Tables {
    private static let blockLength = 64
    private var mappings: [UInt32: [Unicode.Scalar]] = [:]
    private var compositions: [UInt64: Unicode.Scalar] = [:]
    private var classes: [UInt32: UInt8] = [:]
    /// Blocks of 64 code points that have neither mappings nor marks nor second parts of compositions.
    private var inertBlocks = [Bool](repeating: true, count: 0x110000 / blockLength)

    init() {
        func scalar(_ value: Int) -> Unicode.Scalar { Unicode.Scalar(UInt32(value)) ?? "\u{FFFD}" }
        for row in UnicodeTables.decompositions {
            let parts = row.dropFirst().filter { $0 >= 0 }.map(scalar)
            mappings[UInt32(row[0])] = parts
            if row.last != -1 {
                compositions[Self.key(parts[0], parts[1])] = scalar(row[0])
                inertBlocks[Int(parts[1].value) / Self.blockLength] = false
            }
            inertBlocks[row[0] / Self.blockLength] = false
        }
        for row in UnicodeTables.combiningClasses {
            for value in row[0]...row[0] + row[1] {
                classes[UInt32(value)] = UInt8(row[2])
                inertBlocks[value / Self.blockLength] = false
            }
        }
        for value in Array(0x1100..<0x1200) + Array(0xAC00..<0xAC00 + 11_172) {
            inertBlocks[value / Self.blockLength] = false
        }
    }

    private static func key(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> UInt64 {
        UInt64(first.value) << 32 | UInt64(second.value)
    }

    func isInert(_ scalar: Unicode.Scalar) -> Bool {
        inertBlocks[Int(scalar.value) / Self.blockLength]
    }

    func mapping(of scalar: Unicode.Scalar) -> [Unicode.Scalar]? {
        mappings[scalar.value]
    }

    func combiningClass(of scalar: Unicode.Scalar) -> UInt8 {
        classes[scalar.value] ?? 0
    }

    func composition(_ first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
        Hangul.whole(first, second) ?? compositions[Self.key(first, second)]
    }
}
