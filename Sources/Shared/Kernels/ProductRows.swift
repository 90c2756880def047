/// The left side of products `x · weightᵀ`, in the type that the products multiply.
///
/// Made once for all products that share it. What makes narrow rows hands them over in blocks that stay in a core's
/// cache, so that their float32 form is never written to memory.
package struct ProductRows: Sendable {
    enum Storage: Sendable {
        case float32(Tensor)
        case narrow(NarrowRows)
    }

    let storage: Storage

    /// How many rows.
    package var rowCount: Int {
        switch storage {
        case .float32(let rows): rows.rowCount
        case .narrow(let rows): rows.rowCount
        }
    }

    /// Numbers of a row.
    package var columnCount: Int {
        switch storage {
        case .float32(let rows): rows.columnCount
        case .narrow(let rows): rows.columnCount
        }
    }

    /// The products that take these rows.
    package var precision: Precision {
        switch storage {
        case .float32: .float32
        case .narrow(let rows): rows.precision
        }
    }

    /// The rows as a tensor, when they are float32.
    package var tensor: Tensor? {
        switch storage {
        case .float32(let rows): rows
        case .narrow: nil
        }
    }

    init(_ rows: NarrowRows) {
        storage = .narrow(rows)
    }

    /// Brings the rows of a tensor into the type of a precision.
    ///
    /// - Parameters:
    ///   - x: `[rows, columns]`.
    ///   - precision: Of the products.
    package init(_ x: Tensor, for precision: Precision) {
        storage = precision == .float32 ? .float32(x) : .narrow(NarrowRows(x, precision: precision))
    }

    /// Takes some columns of some rows, `[rows.count, columns.count]`.
    typealias Place =
        @Sendable (
            _ floats: UnsafePointer<Float>, _ rows: Range<Int>, _ columns: Range<Int>
        ) -> Void

    /// Collects rows that come in pieces.
    ///
    /// - Parameters:
    ///   - rowCount: How many rows.
    ///   - columnCount: Numbers of a row.
    ///   - precision: Of the products that take them; not int8, where a row must come whole.
    ///   - fill: Hands over all pieces, each once, from any thread.
    init(
        rowCount: Int,
        columnCount: Int,
        for precision: Precision,
        _ fill: (_ place: @escaping Place) -> Void
    ) {
        guard precision == .float32 else {
            let rows = NarrowRows(rowCount: rowCount, columnCount: columnCount, precision: precision)
            unsafe fill { unsafe rows.write($0, rows: $1, columns: $2) }
            storage = .narrow(rows)
            return
        }
        storage = .float32(
            unsafe Tensor([rowCount, columnCount]) { target in
                guard let target = target.baseAddress else { return }
                // Every piece has a place of its own.
                nonisolated(unsafe) let first = unsafe target
                unsafe fill { floats, rows, columns in
                    for row in 0..<rows.count {
                        let place = (rows.lowerBound + row) * columnCount + columns.lowerBound
                        unsafe (first + place).update(
                            from: floats + row * columns.count,
                            count: columns.count
                        )
                    }
                }
            }
        )
    }
}
