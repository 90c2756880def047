import COneDNN

/// How oneDNN wants a weight `[outputs, inputs]` to lie in memory, and its products with such weights.
///
/// `@unchecked Sendable` is sound because the library's objects behind it never change; the table of products has a
/// lock.
@safe final class ProductLayout: @unchecked Sendable {
    private struct Shape: Hashable {
        let precision: Precision
        let outputs: Int
        let inputs: Int
    }

    /// The most rows of one product: rows and results of 256 stay in the second-level cache.
    static let largestRowCount = 256
    /// Products exist for multiples of so many rows; it bounds how many of them there are.
    static let rowStep = 16

    private static let layouts = Lock<[Shape: ProductLayout]>([:])

    /// Outputs that lie side by side in a layout of words.
    static let wordsAbreast = 64

    /// Bytes of a weight in this layout.
    let byteCount: Int
    /// Words of an output, in a layout that consists of matrices `[words, wordsAbreast]`, each for as many outputs; nil
    /// in other layouts.
    let wordCount: Int?
    private let handle: OpaquePointer
    private let products = Lock<[Int: Product]>([:])

    /// The layout of a weight, made on the first call.
    ///
    /// - Parameters:
    ///   - precision: Not float32.
    ///   - outputs: Rows of the weight.
    ///   - inputs: Columns of the weight.
    /// - Returns: Nil when the library has no such product.
    static func shared(_ precision: Precision, outputs: Int, inputs: Int) -> ProductLayout? {
        let shape = Shape(precision: precision, outputs: outputs, inputs: inputs)
        return layouts.withLock { layouts in
            if let layout = layouts[shape] { return layout }
            let type = precision == .int8 ? OD_INT8 : OD_BF16
            guard let handle = unsafe od_layout_create(type, outputs, inputs) else { return nil }
            let layout = unsafe ProductLayout(handle, outputs: outputs)
            layouts[shape] = layout
            return layout
        }
    }

    private init(_ handle: OpaquePointer, outputs: Int) {
        unsafe self.handle = unsafe handle
        byteCount = unsafe od_layout_size(handle)
        let blocks = (outputs + Self.wordsAbreast - 1) / Self.wordsAbreast
        let isPlain = unsafe od_layout_is_plain_words(handle) != 0
        wordCount = isPlain ? byteCount / (blocks * Self.wordsAbreast * MemoryLayout<UInt32>.stride) : nil
    }

    deinit {
        unsafe od_layout_destroy(handle)
    }

    /// Brings a row-major weight into the layout.
    ///
    /// - Parameters:
    ///   - weight: `[outputs, inputs]`, bfloat16 or int8.
    ///   - packed: ``byteCount`` bytes on a 64-byte boundary.
    func pack(_ weight: UnsafeRawPointer, into packed: UnsafeMutableRawPointer) {
        let status = unsafe od_layout_pack(handle, weight, packed)
        precondition(status == 0, "oneDNN could not reorder a weight: status \(status)")
    }

    /// Brings the transposed of a row-major weight into the layout.
    ///
    /// - Parameters:
    ///   - weight: `[inputs, outputs]`, bfloat16 or int8.
    ///   - packed: ``byteCount`` bytes on a 64-byte boundary.
    func packTransposed(_ weight: UnsafeRawPointer, into packed: UnsafeMutableRawPointer) {
        let status = unsafe od_layout_pack_transposed(handle, weight, packed)
        precondition(status == 0, "oneDNN could not reorder a transposed weight: status \(status)")
    }

    /// The product of a number of rows, made on the first call.
    ///
    /// - Parameter rows: A multiple of ``rowStep`` up to ``largestRowCount``.
    /// - Returns: The product.
    func product(rows: Int) -> Product {
        products.withLock { products in
            if let product = products[rows] { return product }
            guard let handle = unsafe od_product_create(handle, rows) else {
                preconditionFailure("oneDNN has a layout, but no product of \(rows) rows")
            }
            let product = unsafe Product(handle)
            products[rows] = product
            return product
        }
    }

    /// A product of some rows with any weight of the layout.
    ///
    /// `@unchecked Sendable` is sound because the library's object never changes.
    @safe final class Product: @unchecked Sendable {
        /// Bytes of work memory.
        let scratchByteCount: Int
        private let handle: OpaquePointer

        fileprivate init(_ handle: OpaquePointer) {
            unsafe self.handle = unsafe handle
            scratchByteCount = unsafe od_product_scratch(handle)
        }

        deinit {
            unsafe od_product_destroy(handle)
        }

        /// y = x · wᵀ on the calling thread.
        ///
        /// - Parameters:
        ///   - x: `[rows, inputs]`, bfloat16 or uint8.
        ///   - packed: A weight in the layout.
        ///   - y: `[rows, outputs]`, float32 or int32.
        ///   - scratch: ``scratchByteCount`` bytes on a 64-byte boundary.
        func run(
            _ x: UnsafeRawPointer,
            packed: UnsafeRawPointer,
            into y: UnsafeMutableRawPointer,
            scratch: UnsafeMutableRawPointer
        ) {
            let status = unsafe od_product_run(handle, x, packed, y, scratch)
            precondition(status == 0, "a product of oneDNN failed: status \(status)")
        }
    }
}
