import CKernels

extension WeightMatrix {
    /// Columns from which a row of any format can be unpacked on its own: a multiple of every block length.
    static let columnStep = 256

    /// Unpacks some columns of a row to float32 on the calling thread.
    private func unpack(row: Int, columns: Range<Int>, into target: UnsafeMutablePointer<Float>) {
        let start = row * columnCount + columns.lowerBound
        if case .blocks(let mapping, let base) = body {
            let first = base + start / format.blockLength * format.blockByteCount
            let count = columns.count / format.blockLength * format.blockByteCount
            unsafe mapping.withUnsafeBytes(first..<(first + count)) { bytes in
                guard let source = bytes.baseAddress else { return }
                unsafe unpackBlocks(
                    source,
                    into: target,
                    count: columns.count,
                    level: InstructionLevel.best.rawValue
                )
            }
        } else if let floats {
            unsafe floats.withUnsafeBuffer { source in
                guard let source = source.baseAddress else { return }
                unsafe target.update(from: source + start, count: columns.count)
            }
        } else {
            unsafe UnpackScratch.withFloats(columnCount) { whole in
                unsafe unpack(rows: row..<(row + 1), into: whole)
                unsafe target.update(from: whole + columns.lowerBound, count: columns.count)
            }
        }
    }

    /// Some columns of some rows in bfloat16, on the calling thread.
    ///
    /// - Parameters:
    ///   - rows: The rows.
    ///   - columns: The columns; they start and end at a multiple of ``columnStep`` or at the end of the row.
    ///   - target: `[rows.count, columns.count]`, overwritten.
    func bfloat16(rows: Range<Int>, columns: Range<Int>, into target: UnsafeMutablePointer<UInt16>) {
        precondition(
            columns.lowerBound.isMultiple(of: Self.columnStep) && columns.upperBound <= columnCount
                && (columns.upperBound.isMultiple(of: Self.columnStep) || columns.upperBound == columnCount),
            "columns \(columns) do not cut rows of \(columnCount) between blocks"
        )
        let width = columns.count
        if case .blocks(let mapping, let base) = body, format == .bfloat16 {
            for row in rows {
                let first = base + 2 * (row * columnCount + columns.lowerBound)
                unsafe mapping.withUnsafeBytes(first..<(first + 2 * width)) { bytes in
                    guard let source = bytes.baseAddress else { return }
                    let place = unsafe UnsafeMutableRawPointer(target + (row - rows.lowerBound) * width)
                    unsafe place.copyMemory(from: source, byteCount: 2 * width)
                }
            }
            return
        }
        unsafe WorkMemory.withBytes(rows.count * width * MemoryLayout<Float>.stride) { raw in
            let floats = unsafe raw.assumingMemoryBound(to: Float.self)
            if width == columnCount {
                unsafe unpack(rows: rows, into: floats)
            } else {
                for row in rows {
                    unsafe unpack(row: row, columns: columns, into: floats + (row - rows.lowerBound) * width)
                }
            }
            unsafe ck_round_f32_bf16(InstructionLevel.best.rawValue, floats, target, rows.count * width)
        }
    }
}
