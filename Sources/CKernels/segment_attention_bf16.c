#include "ck_segment_attention.h"
#include "ck_transpose.h"

#if defined(__x86_64__)

// The steps of segment_attention.c with pairs of bfloat16: queries, keys, weights and values are rounded, sums and the
// softmax are float32. A pair is two neighbouring channels of a query or key, or one channel of two neighbouring keys'
// values. Scores are in powers of two: queries are scaled by log₂ e besides.

#define BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")))
#define BF16_INLINE BF16_TARGET CK_INLINE

/// As many of the first lanes as numbers are left.
BF16_INLINE __mmask16 mask_of(size_t dimension, size_t start) {
    size_t left = dimension > start ? dimension - start : 0;
    return left >= LANES ? 0xFFFF : (__mmask16)((1u << left) - 1);
}

/// The pairs of 32 numbers.
BF16_INLINE __m512i rounded(__m512 first, __m512 second) {
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

/// The pairs of 32 numbers of a row, zeros behind the last one.
BF16_INLINE __m512i pairs_of(const float *row, size_t start, size_t dimension, float scale) {
    __m512 first = _mm512_maskz_loadu_ps(mask_of(dimension, start), row + start);
    __m512 second = _mm512_maskz_loadu_ps(mask_of(dimension, start + LANES), row + start + LANES);
    __m512 factor = _mm512_set1_ps(scale);
    return rounded(_mm512_mul_ps(first, factor), _mm512_mul_ps(second, factor));
}

/// Pairs of a query or key.
BF16_INLINE size_t pair_count(const workspace *w) {
    return (w->dimension + 1) / 2;
}

/// Words from one query to the next: the pairs in whole vectors.
BF16_INLINE size_t query_stride(const workspace *w) {
    return ck_whole(pair_count(w), LANES);
}

BF16_INLINE void query(const workspace *w, size_t row, const float *from, float scale) {
    uint32_t *to = (uint32_t *)w->queries + row * query_stride(w);
    for (size_t i = 0; i < query_stride(w); i += LANES) {
        _mm512_storeu_si512(to + i, pairs_of(from, 2 * i, w->dimension, scale));
    }
}

BF16_INLINE void pack(
    const workspace *w, const ck_head_rows *keys, const ck_head_rows *values, size_t start, size_t count
) {
    for (size_t j = 0; j < BLOCK; j += LANES) {
        for (size_t pair = 0; pair < pair_count(w); pair += LANES) {
            __m512i rows[16];
#pragma clang loop unroll(full)
            for (size_t i = 0; i < LANES; i++) {
                rows[i] = j + i < count ? pairs_of(row_of(keys, start + j + i), 2 * pair, w->dimension, 1)
                                        : _mm512_setzero_si512();
            }
            ck_transpose_words(rows);
            for (size_t i = 0; i < LANES; i++) {
                _mm512_storeu_si512((uint32_t *)w->keys + (pair + i) * BLOCK + j, rows[i]);
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
            __mmask16 mask = mask_of(w->dimension, i);
            __m512 a = first ? _mm512_maskz_loadu_ps(mask, first + i) : _mm512_setzero_ps();
            __m512 b = second ? _mm512_maskz_loadu_ps(mask, second + i) : _mm512_setzero_ps();
            _mm512_storeu_si512(
                (uint32_t *)w->values + j / 2 * w->width + i, _mm512_permutexvar_epi16(zip, rounded(a, b)));
        }
    }
}

BF16_INLINE __m512 dot(__m512 sum, __m512i left, uint32_t right) {
    return _mm512_dpbf16_ps(sum, (__m512bh)left, (__m512bh)_mm512_set1_epi32((int)right));
}

BF16_INLINE void score(const workspace *w, size_t first, size_t end) {
    size_t pairs = pair_count(w);
    size_t stride = query_stride(w);
    for (size_t row = first; row < end; row += TILE) {
        __m512 sums[TILE][BLOCK / LANES];
        memset(sums, 0, sizeof(sums));
        const uint32_t *q = (const uint32_t *)w->queries + row * stride;
        const uint32_t *keys = w->keys;
        for (size_t i = 0; i < pairs; i++) {
            __m512i key[BLOCK / LANES];
#pragma clang loop unroll(full)
            for (size_t v = 0; v < BLOCK / LANES; v++) {
                key[v] = _mm512_loadu_si512(keys + i * BLOCK + v * LANES);
            }
#pragma clang loop unroll(full)
            for (size_t t = 0; t < TILE; t++) {
#pragma clang loop unroll(full)
                for (size_t v = 0; v < BLOCK / LANES; v++) {
                    sums[t][v] = dot(sums[t][v], key[v], q[t * stride + i]);
                }
            }
        }
        memcpy((float *)w->scores + (row - first) * BLOCK, sums, sizeof(sums));
    }
}

/// 2^x for x of at most 0, within 3e-6 of itself; 0 far below, NaN stays NaN.
BF16_INLINE __m512 power_of_two(__m512 x) {
    // The polynomial was fitted here (minimax of the relative error in -0.5 ... 0.5) with the constant 1.
    x = _mm512_max_ps(_mm512_set1_ps(-1000), x);
    __m512 whole = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_sub_ps(x, whole);
    __m512 p = _mm512_set1_ps(0.00958285311f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.0559064256f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.240240986f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.693124193f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
    return _mm512_scalef_ps(p, whole);
}

/// The largest of the lanes, in all of them.
BF16_INLINE __m512 largest_of(__m512 x) {
    x = _mm512_max_ps(x, _mm512_shuffle_f32x4(x, x, 0x4E));
    x = _mm512_max_ps(x, _mm512_shuffle_f32x4(x, x, 0xB1));
    x = _mm512_max_ps(x, _mm512_permute_ps(x, 0x4E));
    return _mm512_max_ps(x, _mm512_permute_ps(x, 0xB1));
}

BF16_INLINE void weigh(const workspace *w, size_t first, size_t end, size_t start) {
    float maxima[PANEL];
    for (size_t row = first; row < end; row++) {
        float *scores = (float *)w->scores + (row - first) * BLOCK;
        for (size_t j = ck_visible(w, row, start); j < BLOCK; j++) {
            scores[j] = -INFINITY;
        }
        // Of a NaN and a number the second operand is taken, so that a maximum is a number.
        __m512 largest = _mm512_set1_ps(w->maxima[row]);
        __m512 other = _mm512_max_ps(_mm512_loadu_ps(scores), largest);
        largest = _mm512_max_ps(_mm512_loadu_ps(scores + LANES), largest);
        other = _mm512_max_ps(_mm512_loadu_ps(scores + 2 * LANES), other);
        largest = _mm512_max_ps(_mm512_loadu_ps(scores + 3 * LANES), largest);
        _mm_store_ss(maxima + (row - first), _mm512_castps512_ps128(largest_of(_mm512_max_ps(other, largest))));
    }
    for (size_t i = 0; i < end - first; i += LANES) {
        __mmask16 mask = mask_of(end - first, i);
        __m512 new = _mm512_maskz_loadu_ps(mask, maxima + i);
        __m512 old = _mm512_maskz_loadu_ps(mask, w->maxima + first + i);
        _mm512_mask_storeu_ps(w->factors + i, mask, power_of_two(_mm512_sub_ps(old, new)));
        _mm512_mask_storeu_ps(w->maxima + first + i, mask, new);
    }
    for (size_t row = first; row < end; row++) {
        float *scores = (float *)w->scores + (row - first) * BLOCK;
        float *totals = w->totals + row * LANES;
        __m512 largest = _mm512_set1_ps(maxima[row - first]);
        __m512 x[BLOCK / LANES];
#pragma clang loop unroll(full)
        for (size_t v = 0; v < BLOCK / LANES; v++) {
            x[v] = power_of_two(_mm512_sub_ps(_mm512_loadu_ps(scores + v * LANES), largest));
        }
        __m512 sum = _mm512_add_ps(_mm512_add_ps(x[0], x[1]), _mm512_add_ps(x[2], x[3]));
        __m512 factor = _mm512_set1_ps(w->factors[row - first]);
        _mm512_storeu_ps(totals, _mm512_fmadd_ps(_mm512_loadu_ps(totals), factor, sum));
        _mm512_storeu_si512(scores, rounded(x[0], x[1]));
        _mm512_storeu_si512(scores + LANES, rounded(x[2], x[3]));
    }
}

/// The sums of one tile, for `vectors` vectors from column `column` on.
BF16_INLINE void collect_columns(
    const workspace *w, float *rows, const uint32_t *weights, const float *factors, size_t column, size_t visible,
    const size_t vectors
) {
    __m512 sums[TILE][4];
    const uint32_t *values = (const uint32_t *)w->values + column;
#pragma clang loop unroll(full)
    for (size_t t = 0; t < TILE; t++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            __m512 old = _mm512_loadu_ps(rows + t * w->width + column + v * LANES);
            sums[t][v] = _mm512_mul_ps(old, _mm512_set1_ps(factors[t]));
        }
    }
    for (size_t j = 0; j < (visible + 1) / 2; j++) {
        __m512i value[4];
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            value[v] = _mm512_loadu_si512(values + j * w->width + v * LANES);
        }
#pragma clang loop unroll(full)
        for (size_t t = 0; t < TILE; t++) {
#pragma clang loop unroll(full)
            for (size_t v = 0; v < vectors; v++) {
                sums[t][v] = dot(sums[t][v], value[v], weights[t * BLOCK + j]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (size_t t = 0; t < TILE; t++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            _mm512_storeu_ps(rows + t * w->width + column + v * LANES, sums[t][v]);
        }
    }
}

BF16_INLINE void collect(const workspace *w, size_t first, size_t end, size_t visible) {
    for (size_t column = 0; column < w->width;) {
        size_t vectors = ck_vectors_at_once((w->width - column) / LANES);
        for (size_t row = first; row < end; row += TILE) {
            float *rows = w->sums + row * w->width;
            const uint32_t *weights = (const uint32_t *)w->scores + (row - first) * BLOCK;
            const float *factors = w->factors + (row - first);
            switch (vectors) {
            case 4: collect_columns(w, rows, weights, factors, column, visible, 4); break;
            case 3: collect_columns(w, rows, weights, factors, column, visible, 3); break;
            case 2: collect_columns(w, rows, weights, factors, column, visible, 2); break;
            default: collect_columns(w, rows, weights, factors, column, visible, 1); break;
            }
        }
        column += vectors * LANES;
    }
}

BF16_TARGET static void attend(
    const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension, const ck_head_rows *keys,
    const ck_head_rows *values, int causal, size_t firstIndex, float scale, float *restrict out, size_t outStride,
    float *restrict scratch
) {
    ck_attend(
        (ck_attention_steps){query, pack, score, weigh, collect}, q, qStride, queries, heads, dimension, keys, values,
        causal, firstIndex, scale * 1.44269504f, out, outStride, scratch);
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
