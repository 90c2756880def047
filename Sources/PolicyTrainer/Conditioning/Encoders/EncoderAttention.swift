import Foundation
import Shared

/// Softmax attention inside one sequence, for the frozen encoders: forward only, heads side by side in a row.
enum EncoderAttention {
    /// Query rows that are scored at a time, to bound the memory of the scores.
    private static let block = 256

    /// Attends every token to every token, or to itself and those before it.
    ///
    /// - Parameters:
    ///   - query: `[tokens, heads · width]`.
    ///   - key: `[tokens, heads · width]`.
    ///   - value: `[tokens, heads · width]`.
    ///   - heads: How many heads.
    ///   - scale: Factor of a score.
    ///   - bias: `[heads, tokens, tokens]`, added to the scaled scores.
    ///   - isCausal: Whether a token sees only itself and tokens before it.
    /// - Returns: `[tokens, heads · width]`.
    static func attend(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        heads: Int,
        scale: Float,
        bias: Tensor? = nil,
        isCausal: Bool = false
    ) -> Tensor {
        let (tokens, columns) = (query.rowCount, query.columnCount)
        let width = columns / heads
        precondition(
            key.shape == query.shape && value.shape == query.shape && width * heads == columns,
            "query \(query.shape), key \(key.shape), value \(value.shape) do not fit \(heads) heads"
        )
        var result = Tensor(zeros: [tokens, columns])
        for head in 0..<heads {
            let q = gather(query, head: head, width: width)
            let k = gather(key, head: head, width: width)
            let v = gather(value, head: head, width: width)
            for start in stride(from: 0, to: tokens, by: block) {
                let rows = start..<min(start + block, tokens)
                var scores = product(q.rows(rows), k, transposed: true)
                let addend = bias.map { all in
                    all.rows((head * tokens + rows.lowerBound)..<(head * tokens + rows.upperBound))
                }
                softmax(&scores, scale: scale, bias: addend, firstRow: isCausal ? start : nil)
                scatter(product(scores, v, transposed: false), into: &result, row: start, head: head)
            }
        }
        return result
    }

    /// One head's columns.
    private static func gather(_ rows: Tensor, head: Int, width: Int) -> Tensor {
        let (height, columns) = (rows.rowCount, rows.columnCount)
        guard columns != width else { return rows }
        return unsafe rows.withUnsafeBuffer { source in
            unsafe Tensor([height, width]) { target in
                for row in 0..<height {
                    for column in 0..<width {
                        unsafe target[row * width + column] = source[row * columns + head * width + column]
                    }
                }
            }
        }
    }

    private static func scatter(_ part: Tensor, into result: inout Tensor, row: Int, head: Int) {
        let (height, width, columns) = (part.rowCount, part.columnCount, result.columnCount)
        unsafe part.withUnsafeBuffer { source in
            unsafe result.withUnsafeMutableBuffer { target in
                for line in 0..<height {
                    for column in 0..<width {
                        unsafe target[(row + line) * columns + head * width + column] =
                            source[line * width + column]
                    }
                }
            }
        }
    }

    private static func product(_ left: Tensor, _ right: Tensor, transposed: Bool) -> Tensor {
        let columns = transposed ? right.rowCount : right.columnCount
        return unsafe left.withUnsafeBuffer { a in
            unsafe right.withUnsafeBuffer { b in
                unsafe Tensor([left.rowCount, columns]) { c in
                    guard let a = a.baseAddress, let b = b.baseAddress, let c = c.baseAddress else { return }
                    unsafe GEMM.multiply(
                        a,
                        b,
                        into: c,
                        rows: left.rowCount,
                        columns: columns,
                        depth: left.columnCount,
                        transposeRight: transposed
                    )
                }
            }
        }
    }

    /// Turns rows of scores into weights that sum to one.
    ///
    /// - Parameters:
    ///   - scores: `[rows, tokens]`, overwritten.
    ///   - scale: Factor of a score.
    ///   - bias: `[rows, tokens]`, added to the scaled scores.
    ///   - firstRow: Position of the first row when later tokens are hidden; nil when all are seen.
    private static func softmax(_ scores: inout Tensor, scale: Float, bias: Tensor?, firstRow: Int?) {
        let (height, width) = (scores.rowCount, scores.columnCount)
        let addends = bias?.values
        unsafe scores.withUnsafeMutableBuffer { values in
            for row in 0..<height {
                let start = row * width
                let seen = firstRow.map { min(width, $0 + row + 1) } ?? width
                var largest = -Float.infinity
                for column in 0..<seen {
                    let score = unsafe values[start + column] * scale + (addends?[start + column] ?? 0)
                    unsafe values[start + column] = score
                    largest = max(largest, score)
                }
                var sum: Float = 0
                for column in 0..<seen {
                    let weight = unsafe exp(values[start + column] - largest)
                    unsafe values[start + column] = weight
                    sum += weight
                }
                for column in 0..<width {
                    unsafe values[start + column] = column < seen ? unsafe values[start + column] / sum : 0
                }
            }
        }
    }
}
