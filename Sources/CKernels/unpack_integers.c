#include "CKernels.h"
#include "ck_unpack.h"

// Whole numbers of four or eight bits, row by row: w = (q - zero) · scale, rounded to the type of the scales, in which
// the reference decoder multiplies. Numbers and zeros are counted from the lowest that their bits can hold, so that
// both may be taken as unsigned.
//
// Source: vllm-project/compressed-tensors 0.20.1, compressed_tensors/compressors/pack_quantized/helpers.py and
// compressed_tensors/quantization/lifecycle/forward_helpers.py.
#pragma STDC FP_CONTRACT OFF

CK_INLINE float ck_integer_scale(const ck_integer_rows *p, size_t row, size_t group) {
    const uint8_t *scales = p->scales;
    size_t i = p->has_row_scales ? row * p->groups + group : 0;
    if (p->scale_type == 1) {
        return ck_float_of_half(ck_load_u16(scales + 2 * i));
    }
    if (p->scale_type == 2) {
        return ck_float_of_bits((uint32_t)ck_load_u16(scales + 2 * i) << 16);
    }
    return ck_float_of_bits(ck_load_u32(scales + 4 * i));
}

CK_INLINE int ck_integer_zero(const ck_integer_rows *p, size_t row, size_t group) {
    int middle = 1 << (p->bits - 1);
    if (p->zeros == NULL) {
        return middle;
    }
    if (p->has_plain_zeros) {
        const int8_t *zeros = p->zeros;
        return zeros[p->has_row_scales ? row * p->groups + group : 0] + middle;
    }
    size_t per_word = (size_t)(32 / p->bits);
    const uint8_t *word = (const uint8_t *)p->zeros + 4 * (row / per_word * p->groups + group);
    uint32_t shift = (uint32_t)(row % per_word) * (uint32_t)p->bits;
    return (int)((ck_load_u32(word) >> shift) & ((1u << p->bits) - 1u));
}

CK_INLINE void ck_unpack_integers_f32_body(
    int level, const ck_integer_rows *p, float *restrict out, size_t first, size_t rows
) {
    size_t inputs = p->inputs;
    for (size_t row = first; row < first + rows; row++, out += inputs) {
        const uint8_t *numbers = (const uint8_t *)p->numbers + row * p->row_bytes;
        if (p->bits == 4) {
            size_t pairs = inputs / 2;
            for (size_t i = 0; i < pairs; i++) {
                out[2 * i] = (float)(numbers[i] & 15);
                out[2 * i + 1] = (float)(numbers[i] >> 4);
            }
            if (inputs % 2 == 1) {
                out[inputs - 1] = (float)(numbers[pairs] & 15);
            }
        } else {
            // A signed number becomes unsigned by the change of its highest bit.
            uint8_t flip = p->is_signed ? 0x80 : 0;
            for (size_t i = 0; i < inputs; i++) {
                out[i] = (float)(numbers[i] ^ flip);
            }
        }
        if (p->group_of_input != NULL) {
            for (size_t i = 0; i < inputs; i++) {
                size_t group = (size_t)p->group_of_input[i];
                out[i] = (out[i] - (float)ck_integer_zero(p, row, group)) * ck_integer_scale(p, row, group);
            }
        } else {
            for (size_t group = 0; group < p->groups; group++) {
                size_t start = group * p->group_length;
                size_t end = inputs - start < p->group_length ? inputs : start + p->group_length;
                float zero = (float)ck_integer_zero(p, row, group), scale = ck_integer_scale(p, row, group);
                for (size_t i = start; i < end; i++) {
                    out[i] = (out[i] - zero) * scale;
                }
            }
        }
        if (p->scale_type == 2) {
            for (size_t i = 0; i < inputs; i++) {
                out[i] = ck_round_to_bfloat16(out[i]);
            }
        } else if (p->scale_type == 1) {
            for (size_t i = 0; i < inputs; i++) {
                out[i] = ck_round_to_half(out[i]);
            }
        }
    }
}

CK_LEVELS(
    ck_unpack_integers_f32, (int level, const ck_integer_rows *p, float *restrict out, size_t first, size_t rows),
    (level, p, out, first, rows))
