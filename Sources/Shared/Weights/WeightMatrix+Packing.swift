import CKernels

extension WeightMatrix {
    /// Formats that ``packed(as:name:)`` makes.
    package static let packableFormats: [WeightFormat] = [.bfloat16, .q8_0, .q4_0]

    /// Numbers that one thread brings into a format at a time.
    private static let numbersPacked = 1 << 20

    /// The nearest numbers of another format, in memory; pages of a file that was read are given back.
    ///
    /// - Parameters:
    ///   - format: One of ``packableFormats``; bfloat16 is taken instead for rows that are no whole blocks.
    ///   - name: What error messages call the matrix.
    /// - Returns: A matrix of the same shape; the matrix itself when it has the format.
    /// - Throws: ``WeightError/unreadable(path:reason:)`` when there is no memory for it.
    package func packed(as format: WeightFormat, name: String) throws(WeightError) -> WeightMatrix {
        precondition(Self.packableFormats.contains(format), "\(format.rawValue) blocks are not made here")
        let format = columnCount.isMultiple(of: format.blockLength) ? format : .bfloat16
        guard format != self.format, rowCount * columnCount > 0 else { return self }
        let rowBytes = columnCount / format.blockLength * format.blockByteCount
        let memory = unsafe try MappedFile(byteCount: rowCount * rowBytes, name: name) { bytes in
            // Each thread writes its own rows.
            nonisolated(unsafe) let target = unsafe bytes
            let height = max(1, Self.numbersPacked / columnCount)
            Parallel.forEach((rowCount + height - 1) / height) { part in
                let rows = (part * height)..<min(rowCount, (part + 1) * height)
                unsafe UnpackScratch.withFloats(rows.count * columnCount) { floats in
                    unsafe unpack(rows: rows, into: floats)
                    unsafe Self.pack(
                        floats,
                        as: format,
                        into: target + rows.lowerBound * rowBytes,
                        count: rows.count * columnCount,
                        level: .best
                    )
                }
            }
        }
        releasePages()
        return try WeightMatrix(
            memory,
            range: 0..<memory.count,
            format: format,
            rowCount: rowCount,
            columnCount: columnCount
        )
    }

    /// A taller matrix that repeats the rows of this one, in memory; its format is one of ``packableFormats``.
    ///
    /// Measurements need weights of true sizes, whatever numbers they hold.
    ///
    /// - Parameters:
    ///   - rowCount: Rows of the result.
    ///   - name: What error messages call it.
    /// - Returns: `[rowCount, columnCount]`.
    /// - Throws: ``WeightError/unreadable(path:reason:)`` when there is no memory for it.
    package func repeated(rowCount: Int, name: String) throws(WeightError) -> WeightMatrix {
        guard case .blocks(let source, let start) = body, byteCount > 0 else {
            preconditionFailure("a \(format.rawValue) matrix is not repeated here")
        }
        let total = byteCount / self.rowCount * rowCount
        let memory = unsafe try MappedFile(byteCount: total, name: name) { target in
            unsafe source.withUnsafeBytes(start..<(start + byteCount)) { bytes in
                guard let from = bytes.baseAddress else { return }
                for first in stride(from: 0, to: total, by: byteCount) {
                    unsafe (target + first).copyMemory(from: from, byteCount: min(byteCount, total - first))
                }
            }
        }
        return try WeightMatrix(
            memory,
            range: 0..<total,
            format: format,
            rowCount: rowCount,
            columnCount: columnCount
        )
    }

    /// Brings numbers into whole blocks with the given instructions; the CPU must have them.
    static func pack(
        _ x: UnsafePointer<Float>,
        as format: WeightFormat,
        into target: UnsafeMutableRawPointer,
        count: Int,
        level: InstructionLevel
    ) {
        switch format {
        case .bfloat16:
            unsafe ck_round_f32_bf16(
                level.rawValue,
                x,
                target.assumingMemoryBound(to: UInt16.self),
                count
            )
        case .q8_0: unsafe ck_pack_q8_0_f32(level.rawValue, x, target, count)
        case .q4_0: unsafe ck_pack_q4_0_f32(level.rawValue, x, target, count)
        default: preconditionFailure("\(format.rawValue) blocks are not made here")
        }
    }
}
