// Around products in bfloat16 and eight-bit integers: numbers go down to the narrow type, results come back up.
#include "CKernels.h"

#include "ck_unpack.h"

// All instruction levels give the same bits, so no product may be fused with the addition after it.
#pragma clang fp contract(off)

CK_INLINE void ck_round_f32_bf16_body(int level, const float *x, uint16_t *restrict out, size_t count) {
    (void)level;
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint16_t)(ck_bits_of_float(ck_round_to_bfloat16(x[i])) >> 16);
    }
}

CK_LEVELS(ck_round_f32_bf16, (int level, const float *x, uint16_t *restrict out, size_t count), (level, x, out, count))

/// Adding and subtracting this rounds a number of magnitude below 2^22 to the nearest integer, ties to even.
#define CK_ROUNDER 12582912.0f

/// Rounds to an integer whose magnitude is below 2^22.
CK_INLINE int32_t ck_nearest(float x) {
    return (int32_t)((x + CK_ROUNDER) - CK_ROUNDER);
}

/// A number's place among all numbers but NaN: integers, unlike floats, have minima that compilers turn into vector code.
CK_INLINE int32_t ck_order(float x) {
    int32_t bits = (int32_t)ck_bits_of_float(x);
    return bits ^ ((bits >> 31) & 0x7FFFFFFF);
}

/// The number at a place.
CK_INLINE float ck_float_of_order(int32_t order) {
    return ck_float_of_bits((uint32_t)(order ^ ((order >> 31) & 0x7FFFFFFF)));
}

CK_INLINE void ck_quantize_f32_u8_body(
    int level, const float *x, uint8_t *restrict out, float *restrict scales, int32_t *restrict zeros, size_t rows,
    size_t columns, int highest) {
    (void)level;
    for (size_t r = 0; r < rows; r++) {
        const float *row = x + r * columns;
        uint8_t *codes = out + r * columns;
        // The range holds 0, so that 0 has a code of its own.
        int32_t first = 0, last = 0;
        for (size_t c = 0; c < columns; c++) {
            int32_t order = ck_order(row[c]);
            first = order < first ? order : first;
            last = order > last ? order : last;
        }
        // NaN has places before and after all numbers.
        float least = ck_float_of_order(first), most = ck_float_of_order(last);
        // Differences of very large numbers overflow; their halves do not.
        float scale = (most * 0.5f - least * 0.5f) / (0.5f * (float)highest);
        if (!(scale >= 1e-30f && scale < ck_float_of_bits(0x7F800000u))) {
            scales[r] = scale < 1e-30f ? 0 : ck_float_of_bits(0x7FC00000u);
            zeros[r] = 0;
            memset(codes, 0, columns);
            continue;
        }
        float inverse = 1 / scale;
        int32_t zero = ck_nearest(-least * inverse);
        scales[r] = scale;
        zeros[r] = zero;
        for (size_t c = 0; c < columns; c++) {
            int32_t code = ck_nearest(row[c] * inverse) + zero;
            code = code < 0 ? 0 : code;
            codes[c] = (uint8_t)(code > highest ? highest : code);
        }
    }
}

CK_LEVELS(
    ck_quantize_f32_u8,
    (int level, const float *x, uint8_t *restrict out, float *restrict scales, int32_t *restrict zeros, size_t rows,
     size_t columns, int highest),
    (level, x, out, scales, zeros, rows, columns, highest))

CK_INLINE void ck_quantize_f32_s8_body(
    int level, const float *w, int8_t *restrict out, float *restrict scales, int32_t *restrict sums, size_t rows,
    size_t columns) {
    (void)level;
    for (size_t r = 0; r < rows; r++) {
        const float *row = w + r * columns;
        int8_t *codes = out + r * columns;
        uint32_t largest = 0;
        for (size_t c = 0; c < columns; c++) {
            uint32_t magnitude = ck_bits_of_float(row[c]) & 0x7FFFFFFFu;
            largest = magnitude > largest ? magnitude : largest;
        }
        float scale = ck_float_of_bits(largest) / 127;
        if (largest >= 0x7F800000u || scale < 1e-30f) {
            scales[r] = largest >= 0x7F800000u ? ck_float_of_bits(0x7FC00000u) : 0;
            sums[r] = 0;
            memset(codes, 0, columns);
            continue;
        }
        float inverse = 1 / scale;
        int32_t sum = 0;
        for (size_t c = 0; c < columns; c++) {
            int32_t code = ck_nearest(row[c] * inverse);
            code = code < -127 ? -127 : code;
            code = code > 127 ? 127 : code;
            codes[c] = (int8_t)code;
            sum += code;
        }
        scales[r] = scale;
        sums[r] = sum;
    }
}

CK_LEVELS(
    ck_quantize_f32_s8,
    (int level, const float *w, int8_t *restrict out, float *restrict scales, int32_t *restrict sums, size_t rows,
     size_t columns),
    (level, w, out, scales, sums, rows, columns))

CK_INLINE void ck_scale_s32_body(
    int level, const int32_t *sums, const float *row_scales, const int32_t *row_zeros, const float *column_scales,
    const int32_t *column_sums, float *restrict y, size_t rows, size_t columns) {
    (void)level;
    for (size_t r = 0; r < rows; r++) {
        const int32_t *sum = sums + r * columns;
        float *out = y + r * columns;
        float scale = row_scales[r];
        int32_t zero = row_zeros[r];
        for (size_t c = 0; c < columns; c++) {
            out[c] = (float)(sum[c] - zero * column_sums[c]) * (scale * column_scales[c]);
        }
    }
}

CK_LEVELS(
    ck_scale_s32,
    (int level, const int32_t *sums, const float *row_scales, const int32_t *row_zeros, const float *column_scales,
     const int32_t *column_sums, float *restrict y, size_t rows, size_t columns),
    (level, sums, row_scales, row_zeros, column_scales, column_sums, y, rows, columns))
