#include "CKernels.h"
#include "ck_unpack.h"

#include <math.h>

// Numbers into the formats of whole blocks that unpack_blocks.c reads. All instruction levels give the same bits: no
// product is fused with the addition after it.
//
// Layouts: ggml-org/ggml, src/ggml-common.h; choice of scales and codes: gguf 0.19.0, gguf/quants.py.
#pragma clang fp contract(off)

/// The pattern of the nearest half of a finite number, ties to even.
CK_INLINE uint16_t ck_half_of_float(float x) {
    float rounded = ck_round_to_half(x);
    uint32_t bits = ck_bits_of_float(rounded);
    uint32_t magnitude = bits & 0x7FFFFFFFu;
    uint32_t pattern = (magnitude >> 13) - (112u << 10);
    if (magnitude < 0x38800000u) {
        // A subnormal half counts steps of 2^-24.
        pattern = (uint32_t)(ck_float_of_bits(magnitude) * 16777216.0f);
    }
    pattern = magnitude >= 0x47800000u ? 0x7C00u : pattern;
    return (uint16_t)(pattern | ((bits >> 16) & 0x8000u));
}

CK_INLINE void ck_pack_q8_0_f32_body(int level, const float *x, void *out, size_t count) {
    (void)level;
    uint8_t *block = out;
    for (size_t i = 0; i < count; i += 32, block += 34) {
        float most = 0;
        for (size_t l = 0; l < 32; l++) {
            float magnitude = fabsf(x[i + l]);
            most = magnitude > most ? magnitude : most;
        }
        float scale = most / 127.0f;
        float inverse = scale == 0 ? 0 : 1.0f / scale;
        uint16_t half = ck_half_of_float(scale);
        memcpy(block, &half, 2);
        int8_t *codes = (int8_t *)block + 2;
        for (size_t l = 0; l < 32; l++) {
            float code = x[i + l] * inverse;
            codes[l] = (int8_t)(code + (code < 0 ? -0.5f : 0.5f));
        }
    }
}

CK_LEVELS(ck_pack_q8_0_f32, (int level, const float *x, void *out, size_t count), (level, x, out, count))

CK_INLINE void ck_pack_q4_0_f32_body(int level, const float *x, void *out, size_t count) {
    (void)level;
    uint8_t *block = out;
    for (size_t i = 0; i < count; i += 32, block += 18) {
        // The number of greatest magnitude, whose sign the scale takes: it gets the code -8, beyond which there is none.
        float most = 0, extreme = 0;
        for (size_t l = 0; l < 32; l++) {
            float magnitude = fabsf(x[i + l]);
            extreme = magnitude > most ? x[i + l] : extreme;
            most = magnitude > most ? magnitude : most;
        }
        float scale = extreme / -8.0f;
        float inverse = scale == 0 ? 0 : 1.0f / scale;
        uint16_t half = ck_half_of_float(scale);
        memcpy(block, &half, 2);
        uint8_t codes[32];
        for (size_t l = 0; l < 32; l++) {
            float code = x[i + l] * inverse + 8.5f;
            code = code < 15.0f ? code : 15.0f;
            codes[l] = (uint8_t)code;
        }
        for (size_t l = 0; l < 16; l++) {
            block[2 + l] = (uint8_t)(codes[l] | (codes[16 + l] << 4));
        }
    }
}

CK_LEVELS(ck_pack_q4_0_f32, (int level, const float *x, void *out, size_t count), (level, x, out, count))
