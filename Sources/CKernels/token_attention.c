#include "CKernels.h"
#include "ck_math.h"

#include <math.h>

// softmax(scale · q kᵀ) v of one head, without a mask, in tiles of QUERIES × KEYS: the matrix of all weights is never
// held. The backward pass recomputes the weights of a tile from the logarithm of the row's sum of exponentials.
// Rows of every operand are `stride` numbers apart, a multiple of 16; the numbers beyond the head's width are zero.

enum { QUERIES = 64, KEYS = 128 };

/// c[rows, columns] (+)= a[rows, depth] · b[depth, columns], where a's element (r, k) is a[r · a_row + k · a_step] and
/// `columns` is a multiple of 16.
CK_INLINE void tile_product(
    const float *restrict a, size_t a_row, size_t a_step, const float *restrict b, size_t b_stride,
    float *restrict c, size_t c_stride, size_t rows, size_t depth, size_t columns, int adds
) {
    size_t r = 0;
    for (; r + 4 <= rows; r += 4) {
        const float *restrict a0 = a + r * a_row;
        const float *restrict a1 = a0 + a_row;
        const float *restrict a2 = a1 + a_row;
        const float *restrict a3 = a2 + a_row;
        float *restrict c0 = c + r * c_stride;
        float *restrict c1 = c0 + c_stride;
        float *restrict c2 = c1 + c_stride;
        float *restrict c3 = c2 + c_stride;
        size_t j = 0;
        for (; j + 32 <= columns; j += 32) {
            ck_lanes s00 = {0}, s01 = {0}, s10 = {0}, s11 = {0}, s20 = {0}, s21 = {0}, s30 = {0}, s31 = {0};
            if (adds) {
                s00 = CK_LANES(c0 + j), s01 = CK_LANES(c0 + j + 16);
                s10 = CK_LANES(c1 + j), s11 = CK_LANES(c1 + j + 16);
                s20 = CK_LANES(c2 + j), s21 = CK_LANES(c2 + j + 16);
                s30 = CK_LANES(c3 + j), s31 = CK_LANES(c3 + j + 16);
            }
            for (size_t k = 0; k < depth; k++) {
                ck_lanes b0 = CK_LANES(b + k * b_stride + j);
                ck_lanes b1 = CK_LANES(b + k * b_stride + j + 16);
                float v0 = a0[k * a_step], v1 = a1[k * a_step], v2 = a2[k * a_step], v3 = a3[k * a_step];
                s00 += v0 * b0, s01 += v0 * b1;
                s10 += v1 * b0, s11 += v1 * b1;
                s20 += v2 * b0, s21 += v2 * b1;
                s30 += v3 * b0, s31 += v3 * b1;
            }
            CK_STORE_LANES(c0 + j, s00), CK_STORE_LANES(c0 + j + 16, s01);
            CK_STORE_LANES(c1 + j, s10), CK_STORE_LANES(c1 + j + 16, s11);
            CK_STORE_LANES(c2 + j, s20), CK_STORE_LANES(c2 + j + 16, s21);
            CK_STORE_LANES(c3 + j, s30), CK_STORE_LANES(c3 + j + 16, s31);
        }
        for (; j < columns; j += 16) {
            ck_lanes s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
            if (adds) {
                s0 = CK_LANES(c0 + j), s1 = CK_LANES(c1 + j), s2 = CK_LANES(c2 + j), s3 = CK_LANES(c3 + j);
            }
            for (size_t k = 0; k < depth; k++) {
                ck_lanes b0 = CK_LANES(b + k * b_stride + j);
                s0 += a0[k * a_step] * b0;
                s1 += a1[k * a_step] * b0;
                s2 += a2[k * a_step] * b0;
                s3 += a3[k * a_step] * b0;
            }
            CK_STORE_LANES(c0 + j, s0), CK_STORE_LANES(c1 + j, s1);
            CK_STORE_LANES(c2 + j, s2), CK_STORE_LANES(c3 + j, s3);
        }
    }
    for (; r < rows; r++) {
        for (size_t j = 0; j < columns; j += 16) {
            ck_lanes s = {0};
            if (adds) {
                s = CK_LANES(c + r * c_stride + j);
            }
            for (size_t k = 0; k < depth; k++) {
                s += a[r * a_row + k * a_step] * CK_LANES(b + k * b_stride + j);
            }
            CK_STORE_LANES(c + r * c_stride + j, s);
        }
    }
}

/// to[i, j] = from[j, i] for j in 0 ..< rows, i in 0 ..< width; columns up to `columns` are zero.
CK_INLINE void transpose_tile(
    const float *restrict from, size_t stride, float *restrict to, size_t rows, size_t columns, size_t width
) {
    for (size_t i = 0; i < width; i++) {
        for (size_t j = 0; j < rows; j++) {
            to[i * KEYS + j] = from[j * stride + i];
        }
        for (size_t j = rows; j < columns; j++) {
            to[i * KEYS + j] = 0.0f;
        }
    }
}

size_t ck_token_attention_scratch_f32(size_t stride) {
    return 2 * stride * KEYS + 2 * QUERIES * KEYS + 2 * QUERIES;
}

CK_INLINE void ck_token_attention_f32_body(
    const float *restrict q, const float *restrict k, const float *restrict v, float *restrict o,
    float *restrict log_sum, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch
) {
    float *restrict turned = scratch;
    float *restrict weights = scratch + 2 * stride * KEYS;
    for (size_t key = 0; key < keys; key += KEYS) {
        size_t height = keys - key < KEYS ? keys - key : KEYS;
        size_t padded = (height + 15) / 16 * 16;
        transpose_tile(k + key * stride, stride, turned, height, padded, stride);
        for (size_t query = 0; query < queries; query += QUERIES) {
            size_t rows = queries - query < QUERIES ? queries - query : QUERIES;
            tile_product(
                q + query * stride, stride, 1, turned, KEYS, weights, KEYS, rows, stride, padded, 0
            );
            for (size_t r = 0; r < rows; r++) {
                float *restrict row = weights + r * KEYS;
                float *restrict out = o + (query + r) * stride;
                // log_sum holds the row's running logarithm: everything before is worth e^log_sum.
                float before = key > 0 ? log_sum[query + r] : 0.0f;
                for (size_t j = height; j < padded; j++) {
                    row[j] = row[0];
                }
                float tops[16];
                memcpy(tops, row, sizeof tops);
                for (size_t j = 16; j < padded; j += 16) {
                    for (size_t i = 0; i < 16; i++) {
                        tops[i] = row[j + i] > tops[i] ? row[j + i] : tops[i];
                    }
                }
                float greatest = tops[0];
                for (size_t i = 1; i < 16; i++) {
                    greatest = tops[i] > greatest ? tops[i] : greatest;
                }
                greatest *= scale;
                ck_lanes sums = {0};
                for (size_t j = 0; j < padded; j++) {
                    row[j] = ck_exp(row[j] * scale - greatest);
                }
                for (size_t j = height; j < padded; j++) {
                    row[j] = 0.0f;
                }
                for (size_t j = 0; j < padded; j += 16) {
                    sums += CK_LANES(row + j);
                }
                float sum = CK_LANE_SUM(sums);
                float here = greatest + logf(sum);
                float kept = 0.0f;
                float total = here;
                if (key > 0) {
                    float top = before > here ? before : here;
                    total = top + logf(expf(before - top) + expf(here - top));
                    kept = expf(before - total);
                    for (size_t i = 0; i < stride; i++) {
                        out[i] *= kept;
                    }
                }
                float factor = key > 0 ? expf(greatest - total) : 1.0f / sum;
                for (size_t j = 0; j < padded; j++) {
                    row[j] *= factor;
                }
                log_sum[query + r] = total;
            }
            tile_product(
                weights, KEYS, 1, v + key * stride, stride, o + query * stride, stride, rows, height, stride, key > 0
            );
        }
    }
}

CK_MULTIVERSION(
    ck_token_attention_f32,
    (const float *restrict q, const float *restrict k, const float *restrict v, float *restrict o,
     float *restrict log_sum, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch),
    (q, k, v, o, log_sum, queries, keys, stride, scale, scratch)
)

CK_INLINE void ck_token_attention_backward_f32_body(
    const float *restrict q, const float *restrict k, const float *restrict v, const float *restrict o,
    const float *restrict log_sum, const float *restrict g, float *restrict dq, float *restrict dk,
    float *restrict dv, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch
) {
    float *restrict turned_keys = scratch;
    float *restrict turned_values = scratch + stride * KEYS;
    float *restrict weights = turned_values + stride * KEYS;
    float *restrict slopes = weights + QUERIES * KEYS;
    float *restrict shares = slopes + QUERIES * KEYS;
    for (size_t key = 0; key < keys; key += KEYS) {
        size_t height = keys - key < KEYS ? keys - key : KEYS;
        size_t padded = (height + 15) / 16 * 16;
        transpose_tile(k + key * stride, stride, turned_keys, height, padded, stride);
        transpose_tile(v + key * stride, stride, turned_values, height, padded, stride);
        for (size_t query = 0; query < queries; query += QUERIES) {
            size_t rows = queries - query < QUERIES ? queries - query : QUERIES;
            const float *restrict tile = q + query * stride;
            const float *restrict slope = g + query * stride;
            for (size_t r = 0; r < rows; r++) {
                const float *restrict output = o + (query + r) * stride;
                ck_lanes products = {0};
                for (size_t i = 0; i < stride; i += 16) {
                    products += CK_LANES(output + i) * CK_LANES(slope + r * stride + i);
                }
                shares[r] = CK_LANE_SUM(products);
            }
            tile_product(tile, stride, 1, turned_keys, KEYS, weights, KEYS, rows, stride, padded, 0);
            tile_product(slope, stride, 1, turned_values, KEYS, slopes, KEYS, rows, stride, padded, 0);
            for (size_t r = 0; r < rows; r++) {
                float *restrict p = weights + r * KEYS;
                float *restrict d = slopes + r * KEYS;
                float total = log_sum[query + r];
                float share = shares[r];
                for (size_t j = 0; j < padded; j++) {
                    p[j] = ck_exp(p[j] * scale - total);
                    d[j] = p[j] * (d[j] - share) * scale;
                }
            }
            tile_product(
                weights, 1, KEYS, slope, stride, dv + key * stride, stride, height, rows, stride, query > 0
            );
            tile_product(slopes, 1, KEYS, tile, stride, dk + key * stride, stride, height, rows, stride, query > 0);
            tile_product(
                slopes, KEYS, 1, k + key * stride, stride, dq + query * stride, stride, rows, height, stride, key > 0
            );
        }
    }
}

CK_MULTIVERSION(
    ck_token_attention_backward_f32,
    (const float *restrict q, const float *restrict k, const float *restrict v, const float *restrict o,
     const float *restrict log_sum, const float *restrict g, float *restrict dq, float *restrict dk,
     float *restrict dv, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch),
    (q, k, v, o, log_sum, g, dq, dk, dv, queries, keys, stride, scale, scratch)
)
