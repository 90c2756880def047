#include "ck_segment_attention.h"
#include "ck_transpose.h"

#if defined(__x86_64__)

// The tiles of segment_attention.c with pairs of bfloat16: queries, keys, weights and values are rounded, sums and the
// softmax are float32. A pair is two neighbouring channels of a query or key, or one channel of two neighbouring keys'
// values.

#define BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")))
#define BF16_INLINE BF16_TARGET CK_INLINE

typedef struct {
    uint32_t *queries;    // [rows, stride], scaled
    uint32_t *keys;       // [stride, BLOCK]
    uint32_t *values;     // [BLOCK / 2, width]
    uint32_t *weights;    // [TILE, BLOCK / 2]
    float *sums;          // [rows, width], values weighted so far
    float *scores;        // [TILE, BLOCK]
    float *maxima;        // [rows]
    float *totals;        // [rows]
    size_t pairs;         // of one query or key
    size_t stride;        // pairs rounded up to whole vectors
    size_t width;         // dimension rounded up to whole vectors
} workspace;

/// As many of the first lanes as numbers are left.
BF16_INLINE __mmask16 mask_of(size_t dimension, size_t start) {
    size_t left = dimension > start ? dimension - start : 0;
    return left >= LANES ? 0xFFFF : (__mmask16)((1u << left) - 1);
}

/// The pairs of 32 numbers, zeros behind the last one.
BF16_INLINE __m512i pairs_of(const float *row, size_t start, size_t dimension, float scale) {
    __m512 first = _mm512_maskz_loadu_ps(mask_of(dimension, start), row + start);
    __m512 second = _mm512_maskz_loadu_ps(mask_of(dimension, start + LANES), row + start + LANES);
    __m512 factor = _mm512_set1_ps(scale);
    return (__m512i)_mm512_cvtne2ps_pbh(_mm512_mul_ps(second, factor), _mm512_mul_ps(first, factor));
}

/// Rounds one block of keys (transposed) and values, with zeros behind the last one.
BF16_INLINE void pack(
    const workspace *w, const ck_head_rows *keys, const ck_head_rows *values, size_t start, size_t count,
    size_t dimension
) {
    for (size_t j = 0; j < BLOCK; j += LANES) {
        for (size_t pair = 0; pair < w->stride; pair += LANES) {
            __m512i rows[16];
#pragma clang loop unroll(full)
            for (size_t i = 0; i < LANES; i++) {
                rows[i] = j + i < count ? pairs_of(row_of(keys, start + j + i), 2 * pair, dimension, 1)
                                        : _mm512_setzero_si512();
            }
            ck_transpose_words(rows);
            for (size_t i = 0; i < LANES; i++) {
                _mm512_storeu_si512(w->keys + (pair + i) * BLOCK + j, rows[i]);
            }
        }
    }
    // Numbers 0, 16, 1, 17, ... of two vectors of 16 halves one behind the other.
    __m512i zip = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1,
        16, 0);
    for (size_t j = 0; j < BLOCK; j += 2) {
        const float *first = j < count ? row_of(values, start + j) : NULL;
        const float *second = j + 1 < count ? row_of(values, start + j + 1) : NULL;
        for (size_t i = 0; i < w->width; i += LANES) {
            __mmask16 mask = mask_of(dimension, i);
            __m512 a = first ? _mm512_maskz_loadu_ps(mask, first + i) : _mm512_setzero_ps();
            __m512 b = second ? _mm512_maskz_loadu_ps(mask, second + i) : _mm512_setzero_ps();
            __m512i both = (__m512i)_mm512_cvtne2ps_pbh(b, a);
            _mm512_storeu_si512(w->values + j / 2 * w->width + i, _mm512_permutexvar_epi16(zip, both));
        }
    }
}

BF16_INLINE __m512 dot(__m512 sum, __m512i left, uint32_t right) {
    return _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)_mm512_set1_epi32((int)right));
}

/// scores[t][j] = query t · key j, for TILE queries and all keys of the block.
BF16_INLINE void score(const workspace *w, size_t row) {
    __m512 sums[TILE][BLOCK / LANES];
    memset(sums, 0, sizeof(sums));
    const uint32_t *q = w->queries + row * w->stride;
    for (size_t i = 0; i < w->pairs; i++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < BLOCK / LANES; v++) {
            __m512i key = _mm512_loadu_si512(w->keys + i * BLOCK + v * LANES);
#pragma clang loop unroll(full)
            for (size_t t = 0; t < TILE; t++) {
                sums[t][v] = dot(sums[t][v], key, q[t * w->stride + i]);
            }
        }
    }
    memcpy(w->scores, sums, sizeof(sums));
}

/// sums[t] = sums[t] · factor[t] + weights[t] · values, for `vectors` vectors from column `column` on.
BF16_INLINE void collect(
    const workspace *w, size_t row, size_t column, const float *factors, const size_t vectors
) {
    __m512 sums[TILE][4];
#pragma clang loop unroll(full)
    for (size_t t = 0; t < TILE; t++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            __m512 old = _mm512_loadu_ps(w->sums + (row + t) * w->width + column + v * LANES);
            sums[t][v] = _mm512_mul_ps(old, _mm512_set1_ps(factors[t]));
        }
    }
    for (size_t j = 0; j < BLOCK / 2; j++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            __m512i value = _mm512_loadu_si512(w->values + j * w->width + column + v * LANES);
#pragma clang loop unroll(full)
            for (size_t t = 0; t < TILE; t++) {
                sums[t][v] = dot(sums[t][v], value, w->weights[t * BLOCK / 2 + j]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (size_t t = 0; t < TILE; t++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            _mm512_storeu_ps(w->sums + (row + t) * w->width + column + v * LANES, sums[t][v]);
        }
    }
}

BF16_TARGET static void attend(
    const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension, const ck_head_rows *keys,
    const ck_head_rows *values, int causal, size_t firstIndex, float scale, float *restrict out, size_t outStride,
    float *restrict scratch
) {
    size_t rows = queries * heads;
    size_t full = (rows + TILE - 1) / TILE * TILE;
    workspace w;
    w.pairs = (dimension + 1) / 2;
    w.stride = ck_padded(w.pairs);
    w.width = ck_padded(dimension);
    w.sums = scratch;
    w.scores = w.sums + full * w.width;
    w.maxima = w.scores + TILE * BLOCK;
    w.totals = w.maxima + full;
    w.queries = (uint32_t *)(w.totals + full);
    w.keys = w.queries + full * w.stride;
    w.values = w.keys + w.stride * BLOCK;
    w.weights = w.values + BLOCK / 2 * w.width;
    // Row (query r, head h) is r · heads + h, so that the queries of a tile see nearly the same keys.
    for (size_t row = 0; row < full; row++) {
        w.maxima[row] = -3.0e38f;
        w.totals[row] = 0;
        const float *from = q + row / heads * qStride + row % heads * dimension;
        for (size_t i = 0; i < w.stride; i += LANES) {
            _mm512_storeu_si512(
                w.queries + row * w.stride + i,
                row < rows ? pairs_of(from, 2 * i, dimension, scale) : _mm512_setzero_si512());
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
            score(&w, row);
            float factors[TILE];
            for (size_t t = 0; t < TILE; t++) {
                float *scores = w.scores + t * BLOCK;
                factors[t] = weigh(scores, visible[t], w.maxima + row + t, w.totals + row + t);
                for (size_t j = 0; j < BLOCK; j += 2 * LANES) {
                    _mm512_storeu_si512(w.weights + t * BLOCK / 2 + j / 2, pairs_of(scores, j, BLOCK, 1));
                }
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
#endif

int ck_has_bf16_attention(void) {
#if defined(__x86_64__)
    return ck_instruction_level() == 2 && __builtin_cpu_supports("avx512bf16");
#else
    return 0;
#endif
}

void ck_segment_attention_bf16(
    const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension, const ck_head_rows *keys,
    const ck_head_rows *values, int causal, size_t firstIndex, float scale, float *restrict out, size_t outStride,
    float *restrict scratch
) {
#if defined(__x86_64__)
    if (ck_has_bf16_attention()) {
        attend(
            q, qStride, queries, heads, dimension, keys, values, causal, firstIndex, scale, out, outStride, scratch);
        return;
    }
#endif
    ck_segment_attention_f32(
        q, qStride, queries, heads, dimension, keys, values, causal, firstIndex, scale, out, outStride, scratch);
}
