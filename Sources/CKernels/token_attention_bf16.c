#include "CKernels.h"
#include "ck_math.h"
#include "ck_transpose.h"

#include <math.h>

// The tiles of token_attention.c in pairs of bfloat16: the factors of every product are rounded, sums and the softmax are
// float32. A pair is two neighbouring terms of a sum, so operands exist in up to two forms: rows of pairs of neighbouring
// channels, and zipped, one channel of two neighbouring rows.

enum { QUERIES = 64, KEYS = 128, LANES = 16 };

CK_INLINE size_t round_up(size_t count) {
    return (count + LANES - 1) / LANES * LANES;
}

static size_t scratch_count(size_t queries, size_t stride) {
    size_t rows = round_up(queries);
    return 2 * rows * stride + 2 * round_up(stride / 2) * KEYS + KEYS / 2 * stride + 2 * QUERIES * KEYS
           + 3 * QUERIES * KEYS / 2 + 2 * rows;
}

size_t ck_token_attention_scratch_bf16(size_t queries, size_t stride) {
    size_t plain = ck_token_attention_scratch_f32(stride);
    size_t paired = scratch_count(queries, stride);
    return plain > paired ? plain : paired;
}

#if defined(__x86_64__)

#define BF16_TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma")))
#define BF16_INLINE BF16_TARGET CK_INLINE

/// Pairs of up to 32 neighbouring numbers of a row of `width` numbers, a multiple of 16; zeros behind the last one.
BF16_INLINE __m512i pairs_at(const float *row, size_t start, size_t width) {
    __m512 first = _mm512_loadu_ps(row + start);
    __m512 second = start + LANES < width ? _mm512_loadu_ps(row + start + LANES) : _mm512_setzero_ps();
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

/// Rows of pairs: to[r, i] = (from[r, 2 i], from[r, 2 i + 1]); rows from `rows` up to `filled` are zero.
BF16_INLINE void round_rows(
    const float *from, size_t from_stride, size_t width, size_t rows, size_t filled, uint32_t *restrict to,
    size_t to_stride
) {
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = 0; i < width; i += 2 * LANES) {
            __mmask16 mask = i + LANES < width ? 0xFFFF : 0xFF;
            _mm512_mask_storeu_epi32(to + r * to_stride + i / 2, mask, pairs_at(from + r * from_stride, i, width));
        }
    }
    for (size_t r = rows; r < filled; r++) {
        memset(to + r * to_stride, 0, width / 2 * sizeof(uint32_t));
    }
}

/// Zipped rows: to[r, i] = (from[2 r, i], from[2 r + 1, i]) for 2 r below `filled`; rows from `rows` on count as zero.
BF16_INLINE void zip_rows(
    const float *from, size_t from_stride, size_t width, size_t rows, size_t filled, uint32_t *restrict to,
    size_t to_stride
) {
    // Numbers 0, 16, 1, 17, ... of two vectors of 16 halves one behind the other.
    __m512i zip = _mm512_set_epi16(
        31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1,
        16, 0);
    for (size_t r = 0; r < filled; r += 2) {
        for (size_t i = 0; i < width; i += LANES) {
            __m512 a = r < rows ? _mm512_loadu_ps(from + r * from_stride + i) : _mm512_setzero_ps();
            __m512 b = r + 1 < rows ? _mm512_loadu_ps(from + (r + 1) * from_stride + i) : _mm512_setzero_ps();
            __m512i both = (__m512i)_mm512_cvtne2ps_pbh(b, a);
            _mm512_storeu_si512(to + r / 2 * to_stride + i, _mm512_permutexvar_epi16(zip, both));
        }
    }
}

/// Turned pairs: to[i, r] = (from[r, 2 i], from[r, 2 i + 1]) for up to KEYS rows; columns up to a multiple of 16 and pairs
/// up to one are zero.
BF16_INLINE void turn_rows(const float *from, size_t stride, size_t rows, uint32_t *restrict to) {
    for (size_t r = 0; r < rows; r += LANES) {
        for (size_t i = 0; i < stride; i += 2 * LANES) {
            __m512i block[LANES];
#pragma clang loop unroll(full)
            for (size_t n = 0; n < LANES; n++) {
                block[n] = r + n < rows ? pairs_at(from + (r + n) * stride, i, stride) : _mm512_setzero_si512();
            }
            ck_transpose_words(block);
#pragma clang loop unroll(full)
            for (size_t n = 0; n < LANES; n++) {
                _mm512_storeu_si512(to + (i / 2 + n) * KEYS + r, block[n]);
            }
        }
    }
}

/// A part of a product: `rows` up to 4 rows and `vectors` up to 4 vectors of columns, both known to the compiler.
BF16_INLINE void tile_part(
    const uint32_t *a, size_t a_row, size_t a_step, const uint32_t *b, size_t b_stride, float *c, size_t c_stride,
    size_t pairs, int adds, const size_t rows, const size_t vectors
) {
    __m512 sums[4][4];
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            sums[r][v] = adds ? _mm512_loadu_ps(c + r * c_stride + v * LANES) : _mm512_setzero_ps();
        }
    }
    for (size_t k = 0; k < pairs; k++) {
        __m512bh right[4];
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            right[v] = (__m512bh)_mm512_loadu_si512(b + k * b_stride + v * LANES);
        }
#pragma clang loop unroll(full)
        for (size_t r = 0; r < rows; r++) {
            __m512bh left = (__m512bh)_mm512_set1_epi32((int)a[r * a_row + k * a_step]);
#pragma clang loop unroll(full)
            for (size_t v = 0; v < vectors; v++) {
                sums[r][v] = _mm512_dpbf16_ps(sums[r][v], left, right[v]);
            }
        }
    }
#pragma clang loop unroll(full)
    for (size_t r = 0; r < rows; r++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) {
            _mm512_storeu_ps(c + r * c_stride + v * LANES, sums[r][v]);
        }
    }
}

/// c[rows, columns] (+)= a · b over `pairs` pairs, where a's pair k of row r is a[r · a_row + k · a_step], b is
/// [pairs, columns], and `columns` is a multiple of 16.
BF16_TARGET static void tile_product(
    const uint32_t *a, size_t a_row, size_t a_step, const uint32_t *b, size_t b_stride, float *c, size_t c_stride,
    size_t rows, size_t pairs, size_t columns, int adds
) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const uint32_t *left = a + r * a_row;
        float *to = c + r * c_stride;
        size_t j = 0;
        for (; j + 4 * LANES <= columns; j += 4 * LANES) {
            tile_part(left, a_row, a_step, b + j, b_stride, to + j, c_stride, pairs, adds, 4, 4);
        }
        for (; j < columns; j += LANES) {
            tile_part(left, a_row, a_step, b + j, b_stride, to + j, c_stride, pairs, adds, 4, 1);
        }
    }
    for (; r < rows; r++) {
        for (size_t j = 0; j < columns; j += LANES) {
            tile_part(a + r * a_row, a_row, a_step, b + j, b_stride, c + r * c_stride + j, c_stride, pairs, adds, 1, 1);
        }
    }
}

/// Turns a row's scores into weights e^(scale · score - maximum), and brings its maximum and total up to date. Returns
/// the factor for what was summed up before.
BF16_INLINE float weigh(
    float *restrict row, size_t height, size_t padded, float scale, float *maximum, float *total
) {
    float tops[LANES];
    for (size_t j = height; j < padded; j++) {
        row[j] = row[0];
    }
    memcpy(tops, row, sizeof tops);
    for (size_t j = LANES; j < padded; j += LANES) {
        for (size_t i = 0; i < LANES; i++) {
            tops[i] = row[j + i] > tops[i] ? row[j + i] : tops[i];
        }
    }
    float greatest = tops[0];
    for (size_t i = 1; i < LANES; i++) {
        greatest = tops[i] > greatest ? tops[i] : greatest;
    }
    greatest *= scale;
    greatest = greatest > *maximum ? greatest : *maximum;
    for (size_t j = 0; j < padded; j++) {
        row[j] = ck_exp(row[j] * scale - greatest);
    }
    for (size_t j = height; j < padded; j++) {
        row[j] = 0.0f;
    }
    ck_lanes sums = {0};
    for (size_t j = 0; j < padded; j += LANES) {
        sums += CK_LANES(row + j);
    }
    float factor = ck_exp(*maximum - greatest);
    *total = *total * factor + CK_LANE_SUM(sums);
    *maximum = greatest;
    return factor;
}

BF16_TARGET static void attend(
    const float *restrict q, const float *restrict k, const float *restrict v, float *restrict o,
    float *restrict log_sum, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch
) {
    size_t filled = round_up(queries);
    size_t pairs = stride / 2;
    uint32_t *rows_q = (uint32_t *)scratch;
    uint32_t *turned_k = rows_q + filled * pairs;
    uint32_t *zipped_v = turned_k + round_up(pairs) * KEYS;
    float *weights = (float *)(zipped_v + KEYS / 2 * stride);
    uint32_t *rows_weights = (uint32_t *)(weights + QUERIES * KEYS);
    float *totals = (float *)(rows_weights + QUERIES * KEYS / 2);
    round_rows(q, stride, stride, queries, filled, rows_q, pairs);
    for (size_t query = 0; query < queries; query++) {
        log_sum[query] = -3.0e38f;
        totals[query] = 0.0f;
    }
    for (size_t key = 0; key < keys; key += KEYS) {
        size_t height = keys - key < KEYS ? keys - key : KEYS;
        size_t padded = round_up(height);
        turn_rows(k + key * stride, stride, height, turned_k);
        zip_rows(v + key * stride, stride, stride, height, padded, zipped_v, stride);
        for (size_t query = 0; query < queries; query += QUERIES) {
            size_t rows = queries - query < QUERIES ? queries - query : QUERIES;
            float *out = o + query * stride;
            tile_product(
                rows_q + query * pairs, pairs, 1, turned_k, KEYS, weights, KEYS, rows, pairs, padded, 0);
            for (size_t r = 0; r < rows; r++) {
                // log_sum holds the row's maximum until the end.
                float factor = weigh(
                    weights + r * KEYS, height, padded, scale, log_sum + query + r, totals + query + r);
                if (key > 0 && factor != 1.0f) {
                    for (size_t i = 0; i < stride; i++) {
                        out[r * stride + i] *= factor;
                    }
                }
            }
            round_rows(weights, KEYS, padded, rows, rows, rows_weights, KEYS / 2);
            tile_product(
                rows_weights, KEYS / 2, 1, zipped_v, stride, out, stride, rows, padded / 2, stride, key > 0);
        }
    }
    for (size_t query = 0; query < queries; query++) {
        float inverse = 1.0f / totals[query];
        for (size_t i = 0; i < stride; i++) {
            o[query * stride + i] *= inverse;
        }
        log_sum[query] += logf(totals[query]);
    }
}

BF16_TARGET static void attend_backward(
    const float *restrict q, const float *restrict k, const float *restrict v, const float *restrict o,
    const float *restrict log_sum, const float *restrict g, float *restrict dq, float *restrict dk,
    float *restrict dv, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch
) {
    size_t filled = round_up(queries);
    size_t pairs = stride / 2;
    uint32_t *rows_q = (uint32_t *)scratch;
    uint32_t *rows_g = rows_q + filled * pairs;
    uint32_t *zipped_q = rows_g + filled * pairs;
    uint32_t *zipped_g = zipped_q + filled * pairs;
    uint32_t *turned_k = zipped_g + filled * pairs;
    uint32_t *turned_v = turned_k + round_up(pairs) * KEYS;
    uint32_t *zipped_k = turned_v + round_up(pairs) * KEYS;
    float *weights = (float *)(zipped_k + KEYS / 2 * stride);
    float *slopes = weights + QUERIES * KEYS;
    uint32_t *zipped_weights = (uint32_t *)(slopes + QUERIES * KEYS);
    uint32_t *zipped_slopes = zipped_weights + QUERIES * KEYS / 2;
    uint32_t *rows_slopes = zipped_slopes + QUERIES * KEYS / 2;
    float *shares = (float *)(rows_slopes + QUERIES * KEYS / 2);
    round_rows(q, stride, stride, queries, filled, rows_q, pairs);
    round_rows(g, stride, stride, queries, filled, rows_g, pairs);
    zip_rows(q, stride, stride, queries, filled, zipped_q, stride);
    zip_rows(g, stride, stride, queries, filled, zipped_g, stride);
    for (size_t query = 0; query < queries; query++) {
        ck_lanes products = {0};
        for (size_t i = 0; i < stride; i += LANES) {
            products += CK_LANES(o + query * stride + i) * CK_LANES(g + query * stride + i);
        }
        shares[query] = CK_LANE_SUM(products);
    }
    for (size_t key = 0; key < keys; key += KEYS) {
        size_t height = keys - key < KEYS ? keys - key : KEYS;
        size_t padded = round_up(height);
        turn_rows(k + key * stride, stride, height, turned_k);
        turn_rows(v + key * stride, stride, height, turned_v);
        zip_rows(k + key * stride, stride, stride, height, padded, zipped_k, stride);
        for (size_t query = 0; query < queries; query += QUERIES) {
            size_t rows = queries - query < QUERIES ? queries - query : QUERIES;
            size_t even = (rows + 1) / 2 * 2;
            tile_product(
                rows_q + query * pairs, pairs, 1, turned_k, KEYS, weights, KEYS, rows, pairs, padded, 0);
            tile_product(
                rows_g + query * pairs, pairs, 1, turned_v, KEYS, slopes, KEYS, rows, pairs, padded, 0);
            for (size_t r = 0; r < rows; r++) {
                float *restrict p = weights + r * KEYS;
                float *restrict d = slopes + r * KEYS;
                float total = log_sum[query + r];
                float share = shares[query + r];
                for (size_t j = 0; j < padded; j++) {
                    p[j] = ck_exp(p[j] * scale - total);
                    d[j] = p[j] * (d[j] - share) * scale;
                }
                for (size_t j = height; j < padded; j++) {
                    p[j] = d[j] = 0.0f;
                }
            }
            zip_rows(weights, KEYS, padded, rows, even, zipped_weights, KEYS);
            zip_rows(slopes, KEYS, padded, rows, even, zipped_slopes, KEYS);
            round_rows(slopes, KEYS, padded, rows, rows, rows_slopes, KEYS / 2);
            tile_product(
                zipped_weights, 1, KEYS, zipped_g + query / 2 * stride, stride, dv + key * stride, stride, height,
                even / 2, stride, query > 0);
            tile_product(
                zipped_slopes, 1, KEYS, zipped_q + query / 2 * stride, stride, dk + key * stride, stride, height,
                even / 2, stride, query > 0);
            tile_product(
                rows_slopes, KEYS / 2, 1, zipped_k, stride, dq + query * stride, stride, rows, padded / 2, stride,
                key > 0);
        }
    }
}
#endif

void ck_token_attention_bf16(
    const float *restrict q, const float *restrict k, const float *restrict v, float *restrict o,
    float *restrict log_sum, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch
) {
#if defined(__x86_64__)
    if (ck_has_bf16_attention()) {
        attend(q, k, v, o, log_sum, queries, keys, stride, scale, scratch);
        return;
    }
#endif
    ck_token_attention_f32(q, k, v, o, log_sum, queries, keys, stride, scale, scratch);
}

void ck_token_attention_backward_bf16(
    const float *restrict q, const float *restrict k, const float *restrict v, const float *restrict o,
    const float *restrict log_sum, const float *restrict g, float *restrict dq, float *restrict dk,
    float *restrict dv, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch
) {
#if defined(__x86_64__)
    if (ck_has_bf16_attention()) {
        attend_backward(q, k, v, o, log_sum, g, dq, dk, dv, queries, keys, stride, scale, scratch);
        return;
    }
#endif
    ck_token_attention_backward_f32(q, k, v, o, log_sum, g, dq, dk, dv, queries, keys, stride, scale, scratch);
}
