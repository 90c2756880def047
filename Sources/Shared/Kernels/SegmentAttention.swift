import CKernels

/// Heads that lie side by side in the rows of a tensor, from some column on.
package struct HeadColumns: Sendable {
    /// `[rows, columns]`.
    package let tensor: Tensor
    /// First column of the first head.
    package let firstColumn: Int

    /// Names the columns.
    ///
    /// - Parameters:
    ///   - tensor: `[rows, columns]`.
    ///   - firstColumn: First column of the first head.
    package init(_ tensor: Tensor, firstColumn: Int = 0) {
        self.tensor = tensor
        self.firstColumn = firstColumn
    }
}

/// Softmax attention in tiles with a running maximum, without a matrix of all scores.
///
/// Every row of queries goes through its keys in blocks of 64 from the first key on, in the same order of
/// operations whatever rows are computed beside it and wherever the keys are stored: its bits depend on its
/// own query and keys.
///
/// Source: Milakov and Gimelshein, arXiv:1805.02867 (running softmax); Dao et al., arXiv:2205.14135 (tiles).
package enum SegmentAttention {
    /// Keys and values of earlier positions that several branches continue.
    package struct Trunk: Sendable {
        /// `[trunk length, keyValueHeadCount · headDimension]`.
        package let keys: Tensor
        /// `[trunk length, keyValueHeadCount · headDimension]`.
        package let values: Tensor

        /// Wraps keys and values.
        ///
        /// - Parameters:
        ///   - keys: `[trunk length, keyValueHeadCount · headDimension]`.
        ///   - values: The same shape.
        package init(keys: Tensor, values: Tensor) {
            self.keys = keys
            self.values = values
        }
    }

    /// Rows of one sequence, behind a trunk or not.
    package struct Branch: Sendable {
        /// The sequence's rows in the tensors of keys and values.
        package let keyRows: Range<Int>
        /// Its rows in the tensor of queries; they belong to the last positions of `keyRows`.
        package let queryRows: Range<Int>
        /// What comes before the rows; branches may share it.
        package let trunk: Trunk?

        /// Names the rows.
        ///
        /// - Parameters:
        ///   - keyRows: The sequence's rows in the tensors of keys and values.
        ///   - queryRows: Its rows in the tensor of queries, for the last positions of `keyRows`.
        ///   - trunk: What comes before the rows.
        package init(keyRows: Range<Int>, queryRows: Range<Int>, trunk: Trunk? = nil) {
            self.keyRows = keyRows
            self.queryRows = queryRows
            self.trunk = trunk
        }
    }

    /// Most rows of queries that go through the kernel together, heads counted: enough that packing a block of keys
    /// costs little beside their products, few enough that sums stay in the core's cache.
    private static let mostTileRows = 768
    /// Tiles that a thread should get at least, so that all threads end at about the same time.
    private static let tilesOfThread = 4

    /// Attention inside segments, every row to every row of its segment.
    ///
    /// - Parameters:
    ///   - queries: `headCount` heads.
    ///   - keys: `headCount` heads.
    ///   - values: `headCount` heads.
    ///   - segments: Ranges of rows; together all rows.
    ///   - headCount: How many heads.
    ///   - headDimension: Numbers of a head; scores are scaled by its inverse square root.
    ///   - precision: See ``causal(queries:keys:values:branches:trunk:headCount:keyValueHeadCount:headDimension:precision:)``.
    /// - Returns: `[rows, headCount · headDimension]`.
    package static func full(
        queries: HeadColumns,
        keys: HeadColumns,
        values: HeadColumns,
        segments: [Range<Int>],
        headCount: Int,
        headDimension: Int,
        precision: Precision = .float32
    ) -> Tensor {
        attend(
            queries,
            keys,
            values,
            branches: segments.map { Branch(keyRows: $0, queryRows: $0) },
            isCausal: false,
            headCount: headCount,
            keyValueHeadCount: headCount,
            headDimension: headDimension,
            precision: precision
        )
    }

    /// Causal attention of branches to their trunks and to themselves.
    ///
    /// - Parameters:
    ///   - queries: `[query rows, headCount · headDimension]`.
    ///   - keys: `[rows, keyValueHeadCount · headDimension]`.
    ///   - values: The shape of `keys`.
    ///   - branches: The sequences; their query rows are together all rows of `queries`.
    ///   - headCount: Heads of the queries, a multiple of `keyValueHeadCount`.
    ///   - keyValueHeadCount: Heads of keys and values; each serves a run of query heads.
    ///   - headDimension: Numbers of a head; scores are scaled by its inverse square root.
    ///   - precision: Float32, or bfloat16 for all others: queries, keys, weights and values are rounded to it where the
    ///     CPU multiplies it; sums and the softmax stay float32.
    /// - Returns: `[query rows, headCount · headDimension]`.
    package static func causal(
        queries: Tensor,
        keys: Tensor,
        values: Tensor,
        branches: [Branch],
        headCount: Int,
        keyValueHeadCount: Int,
        headDimension: Int,
        precision: Precision = .float32
    ) -> Tensor {
        attend(
            HeadColumns(queries),
            HeadColumns(keys),
            HeadColumns(values),
            branches: branches,
            isCausal: true,
            headCount: headCount,
            keyValueHeadCount: keyValueHeadCount,
            headDimension: headDimension,
            precision: precision
        )
    }

    private struct Job {
        let branch: Branch
        let queryRows: Range<Int>
        let head: Int
    }

    private static func attend(
        _ queries: HeadColumns,
        _ keys: HeadColumns,
        _ values: HeadColumns,
        branches: [Branch],
        isCausal: Bool,
        headCount: Int,
        keyValueHeadCount: Int,
        headDimension: Int,
        precision: Precision
    ) -> Tensor {
        let width = headCount * headDimension
        let keyWidth = keyValueHeadCount * headDimension
        precondition(
            headCount % keyValueHeadCount == 0 && queries.firstColumn + width <= queries.tensor.columnCount
                && keys.firstColumn + keyWidth <= keys.tensor.columnCount
                && values.firstColumn + keyWidth <= values.tensor.columnCount
                && keys.tensor.rowCount == values.tensor.rowCount,
            "\(headCount) heads and \(keyValueHeadCount) key heads of \(headDimension) do not fit "
                + "\(queries.tensor.shape), \(keys.tensor.shape), \(values.tensor.shape)"
        )
        for branch in branches {
            precondition(
                branch.keyRows.upperBound <= keys.tensor.rowCount
                    && branch.queryRows.upperBound <= queries.tensor.rowCount
                    && branch.queryRows.count <= branch.keyRows.count
                    && branch.trunk.map {
                        $0.keys.columnCount == keyWidth && $0.values.shape == $0.keys.shape
                    } ?? true,
                "rows \(branch) lie outside \(queries.tensor.shape), \(keys.tensor.shape)"
            )
        }
        let groupSize = headCount / keyValueHeadCount
        let queryCount = branches.reduce(0) { $0 + $1.queryRows.count }
        let fairShare = queryCount * keyValueHeadCount / (Parallel.threadCount * tilesOfThread)
        let tile = max(4, min(mostTileRows / groupSize, fairShare))
        let jobs = (0..<keyValueHeadCount).flatMap { head in
            branches.flatMap { branch in
                stride(from: branch.queryRows.lowerBound, to: branch.queryRows.upperBound, by: tile).map {
                    Job(
                        branch: branch,
                        queryRows: $0..<min($0 + tile, branch.queryRows.upperBound),
                        head: head
                    )
                }
            }
        }
        let scale = 1 / Float(headDimension).squareRoot()
        let scratchByteCount =
            ck_segment_attention_scratch(tile * groupSize, headDimension) * MemoryLayout<Float>.stride
        let kernel =
            unsafe precision == .float32 ? ck_segment_attention_f32 : ck_segment_attention_bf16
        return unsafe Tensor([queries.tensor.rowCount, width]) { output in
            guard let output = output.baseAddress else { return }
            // Jobs write disjoint rows and heads of the output.
            nonisolated(unsafe) let target = unsafe output
            Parallel.forEach(jobs.count) { index in
                let job = jobs[index]
                let own = job.branch.keyRows
                let trunk = job.branch.trunk
                let firstIndex =
                    (trunk?.keys.rowCount ?? 0) + own.count - job.branch.queryRows.count
                    + (job.queryRows.lowerBound - job.branch.queryRows.lowerBound)
                unsafe withHeadRows(keys, own, trunk?.keys, head: job.head, headDimension) { keyRows in
                    unsafe withHeadRows(values, own, trunk?.values, head: job.head, headDimension) {
                        valueRows in
                        unsafe queries.tensor.withUnsafeBuffer { rows in
                            guard let rows = rows.baseAddress else { return }
                            let column = job.head * groupSize * headDimension
                            let stride = queries.tensor.columnCount
                            unsafe WorkMemory.withBytes(scratchByteCount) { scratch in
                                unsafe kernel(
                                    rows + job.queryRows.lowerBound * stride + queries.firstColumn + column,
                                    stride,
                                    job.queryRows.count,
                                    groupSize,
                                    headDimension,
                                    keyRows,
                                    valueRows,
                                    isCausal ? 1 : 0,
                                    firstIndex,
                                    scale,
                                    target + job.queryRows.lowerBound * width + column,
                                    width,
                                    scratch.assumingMemoryBound(to: Float.self)
                                )
                            }
                        }
                    }
                }
            }
        }
    }

    private static func withHeadRows(
        _ own: HeadColumns,
        _ range: Range<Int>,
        _ trunk: Tensor?,
        head: Int,
        _ headDimension: Int,
        _ body: (UnsafePointer<ck_head_rows>) -> Void
    ) {
        let width = own.tensor.columnCount
        unsafe own.tensor.withUnsafeBuffer { rows in
            guard let rows = rows.baseAddress else { return }
            let start = range.lowerBound * width + own.firstColumn + head * headDimension
            let second = unsafe ck_head_rows(base: rows + start, stride: width, count: range.count)
            guard let trunk else {
                let parts = unsafe [ck_head_rows(base: rows, stride: width, count: 0), second]
                unsafe parts.withUnsafeBufferPointer { parts in
                    guard let parts = parts.baseAddress else { return }
                    unsafe body(parts)
                }
                return
            }
            unsafe trunk.withUnsafeBuffer { earlier in
                guard let earlier = earlier.baseAddress else { return }
                let first = unsafe ck_head_rows(
                    base: earlier + head * headDimension,
                    stride: trunk.columnCount,
                    count: trunk.rowCount
                )
                unsafe [first, second].withUnsafeBufferPointer { parts in
                    guard let parts = parts.baseAddress else { return }
                    unsafe body(parts)
                }
            }
        }
    }
}
