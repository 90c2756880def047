#include "CKernels.h"
#include "ck_unpack.h"

#pragma STDC FP_CONTRACT OFF

/// The exact float32 value of an E4M3 pattern (the "fn" kind: no infinity, 0x7F and 0xFF are NaN).
///
/// Source: Micikevicius et al., FP8 Formats for Deep Learning, arXiv:2209.05433, table 1.
CK_INLINE float ck_float_of_e4m3(uint8_t byte) {
    uint32_t magnitude = byte & 0x7Fu;
    uint32_t small = ck_bits_of_float((float)(int)magnitude * 0x1p-9f);
    uint32_t bits = magnitude < 8u ? small : (magnitude << 20) + (120u << 23);
    bits = magnitude == 0x7Fu ? 0x7FC00000u : bits;
    return ck_float_of_bits(bits | (uint32_t)(byte & 0x80u) << 24);
}

CK_INLINE void ck_unpack_f8_f32_body(
    int level, const void *in, const ck_scale_tiles *tiles, float *restrict out, size_t first, size_t rows,
    size_t columns
) {
    size_t across = (columns + tiles->columns - 1) / tiles->columns;
    for (size_t r = first; r < first + rows; r++) {
        const uint8_t *from = (const uint8_t *)in + r * columns;
        const float *scales = tiles->scales + r / tiles->rows * across;
        for (size_t tile = 0; tile < across; tile++) {
            size_t start = tile * tiles->columns;
            size_t end = columns - start < tiles->columns ? columns : start + tiles->columns;
            float scale = scales[tile];
            for (size_t c = start; c < end; c++) {
                out[c] = ck_float_of_e4m3(from[c]) * scale;
            }
        }
        if (tiles->rounding == 2) {
            for (size_t c = 0; c < columns; c++) {
                out[c] = ck_round_to_bfloat16(out[c]);
            }
        } else if (tiles->rounding == 1) {
            for (size_t c = 0; c < columns; c++) {
                out[c] = ck_round_to_half(out[c]);
            }
        }
        out += columns;
    }
}

CK_LEVELS(
    ck_unpack_f8_f32,
    (int level, const void *in, const ck_scale_tiles *tiles, float *restrict out, size_t first, size_t rows,
     size_t columns),
    (level, in, tiles, out, first, rows, columns))
