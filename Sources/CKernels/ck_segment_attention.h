// What attention in float32 and in bfloat16 have in common: the walk over blocks of keys, who sees what, and the
// division at the end.
#ifndef CK_SEGMENT_ATTENTION_H
#define CK_SEGMENT_ATTENTION_H

#include "CKernels.h"
#include "ck_math.h"

#include <math.h>

// BLOCK keys are packed at a time; TILE rows of queries are multiplied with them in registers; PANEL rows, whole tiles,
// pass through a block step by step, so that its keys, then its values, stay in the first cache for all of them.
enum { BLOCK = 64, LANES = 16, TILE = 6, PANEL = 4 * TILE };

// Rows are words of 32 bits, a float or a pair of bfloat16, on 64-byte boundaries.
typedef struct {
    void *queries;       // [rows, width], scaled
    void *keys;          // [width, BLOCK]
    void *values;        // [BLOCK, width]
    void *scores;        // [PANEL, BLOCK] floats, then the weights in their place
    float *factors;      // [PANEL], what the sums so far are multiplied with
    float *sums;         // [rows, width], values weighted so far
    float *totals;       // [rows, LANES], weights so far, added lane by lane
    float *maxima;       // [rows]
    uint32_t *seen;      // [rows], how many keys a row sees, the first ones of all
    size_t dimension;
    size_t width;        // dimension rounded up to whole vectors
} workspace;

// What differs between the number formats. Rows are those of the workspace; a panel's scores begin with its first row.
typedef struct {
    /// Writes row `row` of the queries.
    void (*query)(const workspace *w, size_t row, const float *from, float scale);
    /// Writes one block of keys (transposed) and values, with zeros behind the last one.
    void (*pack)(
        const workspace *w, const ck_head_rows *keys, const ck_head_rows *values, size_t start, size_t count);
    /// Scores of the rows first ..< end, whole tiles, with all keys of the block.
    void (*score)(const workspace *w, size_t first, size_t end);
    /// Turns the scores with the keys from `start` on into weights by the rows' new maxima.
    void (*weigh)(const workspace *w, size_t first, size_t end, size_t start);
    /// sums = sums · factor + weights · values, for the first `visible` keys: the weights of others are 0 in all rows.
    void (*collect)(const workspace *w, size_t first, size_t end, size_t visible);
} ck_attention_steps;

CK_INLINE size_t ck_whole(size_t count, size_t unit) {
    return (count + unit - 1) / unit * unit;
}

CK_INLINE const float *row_of(const ck_head_rows *parts, size_t index) {
    return index < parts[0].count ? parts[0].base + index * parts[0].stride
                                  : parts[1].base + (index - parts[0].count) * parts[1].stride;
}

/// How many keys of the block from `start` on a row sees.
CK_INLINE size_t ck_visible(const workspace *w, size_t row, size_t start) {
    size_t seen = w->seen[row] < start ? 0 : w->seen[row] - start;
    return seen < BLOCK ? seen : BLOCK;
}

/// Vectors that one pass over a block's values takes of `left`: at most four, and no single one behind them, whose few
/// sums would wait for one another.
CK_INLINE size_t ck_vectors_at_once(size_t left) {
    return left % 4 == 0 ? 4 : left > 4 ? 3 : left;
}

/// Has rows first ..< end of keys and values fetched, which lie too far apart for the core to foresee.
CK_INLINE void prefetch(
    const workspace *w, const ck_head_rows *keys, const ck_head_rows *values, size_t first, size_t end
) {
    for (size_t j = first; j < end; j++) {
        const float *key = row_of(keys, j);
        const float *value = row_of(values, j);
        for (size_t i = 0; i < w->dimension; i += LANES) {
            __builtin_prefetch(key + i, 0, 2);
            __builtin_prefetch(value + i, 0, 2);
        }
    }
}

// The steps are constants in every caller, so that they become part of this loop.
CK_INLINE void ck_attend(
    ck_attention_steps steps, const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension,
    const ck_head_rows *keys, const ck_head_rows *values, int causal, size_t firstIndex, float scale,
    float *restrict out, size_t outStride, float *restrict scratch
) {
    size_t rows = queries * heads;
    size_t full = ck_whole(rows, TILE);
    size_t panels = ck_whole(full, PANEL) / PANEL;
    workspace w;
    w.dimension = dimension;
    w.width = ck_whole(dimension, LANES);
    w.sums = scratch;
    w.totals = w.sums + full * w.width;
    float *packed = w.totals + full * LANES;
    w.queries = packed;
    w.keys = packed + full * w.width;
    w.values = packed + (full + BLOCK) * w.width;
    w.scores = packed + (full + 2 * BLOCK) * w.width;
    w.factors = packed + (full + 2 * BLOCK) * w.width + PANEL * BLOCK;
    w.maxima = w.factors + PANEL;
    w.seen = (uint32_t *)(w.maxima + full);
    memset(w.sums, 0, full * (w.width + LANES) * sizeof(float));
    size_t all = keys[0].count + keys[1].count;
    // Row (query r, head h) is r · heads + h, so that the rows of a panel see nearly the same keys. Rows that fill up
    // the last tile are the last row once more.
    for (size_t row = 0; row < full; row++) {
        size_t same = row < rows ? row : rows - 1;
        size_t index = firstIndex + same / heads;
        w.maxima[row] = -3.0e38f;
        w.seen[row] = (uint32_t)(causal && index < all ? index + 1 : all);
        steps.query(&w, row, q + same / heads * qStride + same % heads * dimension, scale);
    }
    size_t reach = causal && firstIndex + queries < all ? firstIndex + queries : all;
    // Rows of the next block that each panel fetches.
    size_t share = ck_whole(BLOCK, panels) / panels;
    for (size_t start = 0; start < reach; start += BLOCK) {
        size_t count = reach - start < BLOCK ? reach - start : BLOCK;
        steps.pack(&w, keys, values, start, count);
        for (size_t panel = 0; panel < full; panel += PANEL) {
            size_t end = full - panel < PANEL ? full : panel + PANEL;
            size_t next = start + BLOCK + panel / PANEL * share;
            prefetch(&w, keys, values, next, next + share < reach ? next + share : reach);
            // Later queries see more: only the first tiles may see nothing of the block.
            size_t first = panel;
            while (first < end && w.seen[first + TILE - 1] <= start) {
                first += TILE;
            }
            if (first < end) {
                steps.score(&w, first, end);
                steps.weigh(&w, first, end, start);
                steps.collect(&w, first, end, ck_visible(&w, end - 1, start));
            }
        }
    }
    for (size_t row = 0; row < rows; row++) {
        float *to = out + row / heads * outStride + row % heads * dimension;
        ck_lanes total = CK_LANES(w.totals + row * LANES);
        float inverse = 1.0f / CK_LANE_SUM(total);
        for (size_t i = 0; i < dimension; i++) {
            to[i] = w.sums[row * w.width + i] * inverse;
        }
    }
}

#endif
