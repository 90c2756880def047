#include "ck_segment_attention.h"

size_t ck_segment_attention_scratch(size_t rows, size_t dimension) {
    size_t full = ck_whole(rows, TILE);
    size_t width = ck_whole(dimension, LANES);
    // Sums and totals; queries, keys and values; scores and factors; maxima and counts of keys.
    return full * (width + LANES) + (full + 2 * BLOCK) * width + PANEL * BLOCK + PANEL + 2 * full;
}

CK_INLINE void query(const workspace *w, size_t row, const float *from, float scale) {
    float *to = (float *)w->queries + row * w->width;
    for (size_t i = 0; i < w->dimension; i++) {
        to[i] = from[i] * scale;
    }
}

CK_INLINE void pack(
    const workspace *w, const ck_head_rows *keys, const ck_head_rows *values, size_t start, size_t count
) {
    float *packedKeys = w->keys;
    float *packedValues = w->values;
    for (size_t j = 0; j < count; j++) {
        const float *key = row_of(keys, start + j);
        for (size_t i = 0; i < w->dimension; i++) {
            packedKeys[i * BLOCK + j] = key[i];
        }
        float *value = packedValues + j * w->width;
        memcpy(value, row_of(values, start + j), w->dimension * sizeof(float));
        for (size_t i = w->dimension; i < w->width; i++) {
            value[i] = 0;
        }
    }
    for (size_t j = count; j < BLOCK; j++) {
        for (size_t i = 0; i < w->dimension; i++) {
            packedKeys[i * BLOCK + j] = 0;
        }
        memset(packedValues + j * w->width, 0, w->width * sizeof(float));
    }
}

CK_INLINE void score(const workspace *w, size_t first, size_t end) {
    float *scores = w->scores;
    for (size_t row = first; row < end; row += TILE) {
        ck_lanes sums[TILE][BLOCK / LANES];
        memset(sums, 0, sizeof(sums));
        const float *q = (const float *)w->queries + row * w->width;
        const float *keys = w->keys;
        for (size_t i = 0; i < w->dimension; i++) {
#pragma clang loop unroll(full)
            for (size_t t = 0; t < TILE; t++) {
                float one = q[t * w->width + i];
#pragma clang loop unroll(full)
                for (size_t v = 0; v < BLOCK / LANES; v++) {
                    sums[t][v] += CK_LANES(keys + i * BLOCK + v * LANES) * one;
                }
            }
        }
        memcpy(scores + (row - first) * BLOCK, sums, sizeof(sums));
    }
}

CK_INLINE void weigh(const workspace *w, size_t first, size_t end, size_t start) {
    for (size_t row = first; row < end; row++) {
        float *scores = (float *)w->scores + (row - first) * BLOCK;
        for (size_t j = ck_visible(w, row, start); j < BLOCK; j++) {
            scores[j] = -INFINITY;
        }
        // Lane by lane, since a single running maximum would be one long chain.
        float largests[LANES];
        for (size_t lane = 0; lane < LANES; lane++) {
            largests[lane] = w->maxima[row];
        }
        for (size_t j = 0; j < BLOCK; j += LANES) {
            for (size_t lane = 0; lane < LANES; lane++) {
                float one = scores[j + lane];
                largests[lane] = one > largests[lane] ? one : largests[lane];
            }
        }
        for (size_t width = LANES / 2; width > 0; width /= 2) {
            for (size_t lane = 0; lane < width; lane++) {
                float other = largests[lane + width];
                largests[lane] = other > largests[lane] ? other : largests[lane];
            }
        }
        float factor = ck_exp(w->maxima[row] - largests[0]);
        for (size_t j = 0; j < BLOCK; j++) {
            scores[j] = ck_exp(scores[j] - largests[0]);
        }
        float *totals = w->totals + row * LANES;
        for (size_t lane = 0; lane < LANES; lane++) {
            float early = scores[lane] + scores[LANES + lane];
            float late = scores[2 * LANES + lane] + scores[3 * LANES + lane];
            totals[lane] = totals[lane] * factor + (early + late);
        }
        w->maxima[row] = largests[0];
        w->factors[row - first] = factor;
    }
}

// The sums of one tile, for `vectors` vectors from column `column` on.
CK_INLINE void collect_columns(
    const workspace *w, float *rows, const float *weights, const float *factors, size_t column, size_t visible,
    const size_t vectors
) {
    ck_lanes sums[TILE][4];
    const float *values = (const float *)w->values + column;
#pragma clang loop unroll(full)
    for (size_t t = 0; t < TILE; t++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            sums[t][v] = CK_LANES(rows + t * w->width + column + v * LANES) * factors[t];
        }
    }
    for (size_t j = 0; j < visible; j++) {
#pragma clang loop unroll(full)
        for (size_t t = 0; t < TILE; t++) {
            float one = weights[t * BLOCK + j];
#pragma clang loop unroll(full)
            for (size_t v = 0; v < vectors; v++) {
                sums[t][v] += CK_LANES(values + j * w->width + v * LANES) * one;
            }
        }
    }
#pragma clang loop unroll(full)
    for (size_t t = 0; t < TILE; t++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            CK_STORE_LANES(rows + t * w->width + column + v * LANES, sums[t][v]);
        }
    }
}

CK_INLINE void collect(const workspace *w, size_t first, size_t end, size_t visible) {
    for (size_t row = first; row < end; row += TILE) {
        float *rows = w->sums + row * w->width;
        const float *weights = (const float *)w->scores + (row - first) * BLOCK;
        const float *factors = w->factors + (row - first);
        for (size_t column = 0; column < w->width;) {
            size_t vectors = ck_vectors_at_once((w->width - column) / LANES);
            switch (vectors) {
            case 4: collect_columns(w, rows, weights, factors, column, visible, 4); break;
            case 3: collect_columns(w, rows, weights, factors, column, visible, 3); break;
            case 2: collect_columns(w, rows, weights, factors, column, visible, 2); break;
            default: collect_columns(w, rows, weights, factors, column, visible, 1); break;
            }
            column += vectors * LANES;
        }
    }
}

CK_INLINE void ck_segment_attention_f32_body(
    const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension, const ck_head_rows *keys,
    const ck_head_rows *values, int causal, size_t firstIndex, float scale, float *restrict out, size_t outStride,
    float *restrict scratch
) {
    ck_attend(
        (ck_attention_steps){query, pack, score, weigh, collect}, q, qStride, queries, heads, dimension, keys, values,
        causal, firstIndex, scale, out, outStride, scratch);
}

CK_MULTIVERSION(
    ck_segment_attention_f32,
    (const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension, const ck_head_rows *keys,
     const ck_head_rows *values, int causal, size_t firstIndex, float scale, float *restrict out, size_t outStride,
     float *restrict scratch),
    (q, qStride, queries, heads, dimension, keys, values, causal, firstIndex, scale, out, outStride, scratch))
