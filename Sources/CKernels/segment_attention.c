#include "ck_segment_attention.h"

typedef struct {
    float *queries;    // [rows, dimension], scaled
    float *keys;       // [dimension, BLOCK]
    float *values;     // [BLOCK, width]
    float *sums;       // [rows, width], values weighted so far
    float *scores;     // [TILE, BLOCK]
    float *maxima;     // [rows]
    float *totals;     // [rows]
    size_t width;      // dimension rounded up to whole vectors
} workspace;

size_t ck_segment_attention_scratch(size_t rows, size_t dimension) {
    size_t full = (rows + TILE - 1) / TILE * TILE;
    size_t width = ck_padded(dimension);
    // Queries, keys, values, sums, scores, maxima and totals; pairs of bfloat16 rounded up to whole vectors take no more.
    return full * width + BLOCK * width + BLOCK * width + full * width + TILE * BLOCK + 2 * full;
}

// Copies one block of keys (transposed) and values, with zeros behind the last one.
CK_INLINE void pack(
    const workspace *w, const ck_head_rows *keys, const ck_head_rows *values, size_t start, size_t count,
    size_t dimension
) {
    for (size_t j = 0; j < count; j++) {
        const float *key = row_of(keys, start + j);
        for (size_t i = 0; i < dimension; i++) {
            w->keys[i * BLOCK + j] = key[i];
        }
        memcpy(w->values + j * w->width, row_of(values, start + j), dimension * sizeof(float));
        for (size_t i = dimension; i < w->width; i++) {
            w->values[j * w->width + i] = 0;
        }
    }
    for (size_t j = count; j < BLOCK; j++) {
        for (size_t i = 0; i < dimension; i++) {
            w->keys[i * BLOCK + j] = 0;
        }
        memset(w->values + j * w->width, 0, w->width * sizeof(float));
    }
}

// scores[t][j] = query t · key j, for TILE queries and all keys of the block.
CK_INLINE void score(const workspace *w, size_t row, size_t dimension) {
    lanes sums[TILE][BLOCK / LANES];
    memset(sums, 0, sizeof(sums));
    const float *q = w->queries + row * dimension;
    for (size_t i = 0; i < dimension; i++) {
        const lanes *key = (const lanes *)(w->keys + i * BLOCK);
#pragma clang loop unroll(full)
        for (size_t t = 0; t < TILE; t++) {
            float one = q[t * dimension + i];
#pragma clang loop unroll(full)
            for (size_t v = 0; v < BLOCK / LANES; v++) {
                sums[t][v] += key[v] * one;
            }
        }
    }
    memcpy(w->scores, sums, sizeof(sums));
}

// sums[t] = sums[t] · factor[t] + weights[t] · values, for `vectors` vectors from column `column` on.
CK_INLINE void collect(
    const workspace *w, size_t row, size_t column, const float *factors, const size_t vectors
) {
    lanes sums[TILE][4];
#pragma clang loop unroll(full)
    for (size_t t = 0; t < TILE; t++) {
        const lanes *old = (const lanes *)(w->sums + (row + t) * w->width + column);
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            sums[t][v] = old[v] * factors[t];
        }
    }
    for (size_t j = 0; j < BLOCK; j++) {
        const lanes *value = (const lanes *)(w->values + j * w->width + column);
#pragma clang loop unroll(full)
        for (size_t t = 0; t < TILE; t++) {
            float one = w->scores[t * BLOCK + j];
#pragma clang loop unroll(full)
            for (size_t v = 0; v < vectors; v++) {
                sums[t][v] += value[v] * one;
            }
        }
    }
#pragma clang loop unroll(full)
    for (size_t t = 0; t < TILE; t++) {
        lanes *new = (lanes *)(w->sums + (row + t) * w->width + column);
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            new[v] = sums[t][v];
        }
    }
}

CK_INLINE void ck_segment_attention_f32_body(
    const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension, const ck_head_rows *keys,
    const ck_head_rows *values, int causal, size_t firstIndex, float scale, float *restrict out, size_t outStride,
    float *restrict scratch
) {
    size_t rows = queries * heads;
    size_t full = (rows + TILE - 1) / TILE * TILE;
    workspace w;
    w.width = ck_padded(dimension);
    w.queries = scratch;
    w.keys = w.queries + full * dimension;
    w.values = w.keys + BLOCK * dimension;
    w.sums = w.values + BLOCK * w.width;
    w.scores = w.sums + full * w.width;
    w.maxima = w.scores + TILE * BLOCK;
    w.totals = w.maxima + full;
    // Row (query r, head h) is r · heads + h, so that the queries of a tile see nearly the same keys.
    for (size_t row = 0; row < full; row++) {
        w.maxima[row] = -3.0e38f;
        w.totals[row] = 0;
        for (size_t i = 0; i < dimension; i++) {
            w.queries[row * dimension + i] =
                row < rows ? q[row / heads * qStride + row % heads * dimension + i] * scale : 0;
        }
    }
    memset(w.sums, 0, full * w.width * sizeof(float));
    size_t all = keys[0].count + keys[1].count;
    size_t reach = causal && firstIndex + queries < all ? firstIndex + queries : all;
    for (size_t start = 0; start < reach; start += BLOCK) {
        size_t count = reach - start < BLOCK ? reach - start : BLOCK;
        pack(&w, keys, values, start, count, dimension);
        for (size_t row = 0; row < full; row += TILE) {
            size_t visible[TILE];
            size_t most = 0;
            for (size_t t = 0; t < TILE; t++) {
                size_t last = causal ? firstIndex + (row + t) / heads + 1 : all;
                size_t seen = last <= start ? 0 : last - start;
                visible[t] = seen < count ? seen : count;
                most = visible[t] > most ? visible[t] : most;
            }
            if (most == 0) {
                continue;
            }
            score(&w, row, dimension);
            float factors[TILE];
            for (size_t t = 0; t < TILE; t++) {
                factors[t] = weigh(
                    w.scores + t * BLOCK, visible[t], w.maxima + row + t, w.totals + row + t);
            }
            size_t column = 0;
            for (; column + 4 * LANES <= w.width; column += 4 * LANES) {
                collect(&w, row, column, factors, 4);
            }
            for (; column < w.width; column += LANES) {
                collect(&w, row, column, factors, 1);
            }
        }
    }
    for (size_t row = 0; row < rows; row++) {
        float *to = out + row / heads * outStride + row % heads * dimension;
        float inverse = 1.0f / w.totals[row];
        for (size_t i = 0; i < dimension; i++) {
            to[i] = w.sums[row * w.width + i] * inverse;
        }
    }
}

CK_MULTIVERSION(
    ck_segment_attention_f32,
    (const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension, const ck_head_rows *keys,
     const ck_head_rows *values, int causal, size_t firstIndex, float scale, float *restrict out, size_t outStride,
     float *restrict scratch),
    (q, qStride, queries, heads, dimension, keys, values, causal, firstIndex, scale, out, outStride, scratch))
