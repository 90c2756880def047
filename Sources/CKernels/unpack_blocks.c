#include "CKernels.h"
#include "ck_unpack.h"

// Formats whose rows are runs of whole blocks. Every product and difference is rounded to float32 on its own, as the
// reference decoders do: no fused multiply-add.
//
// Layouts: ggml-org/ggml, src/ggml-common.h; decoders: gguf 0.19.0, gguf/quants.py.
#pragma STDC FP_CONTRACT OFF

CK_INLINE void ck_unpack_bf16_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *bytes = in;
    for (size_t i = 0; i < count; i++) {
        out[i] = ck_float_of_bits((uint32_t)ck_load_u16(bytes + 2 * i) << 16);
    }
}

CK_LEVELS(
    ck_unpack_bf16_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

CK_INLINE void ck_unpack_f16_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *bytes = in;
    for (size_t i = 0; i < count; i++) {
        out[i] = ck_float_of_half(ck_load_u16(bytes + 2 * i));
    }
}

CK_LEVELS(
    ck_unpack_f16_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

CK_INLINE void ck_unpack_q8_0_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 32, block += 34) {
        float d = ck_float_of_half(ck_load_u16(block));
        const int8_t *q = (const int8_t *)block + 2;
        for (size_t l = 0; l < 32; l++) {
            out[i + l] = d * (float)q[l];
        }
    }
}

CK_LEVELS(
    ck_unpack_q8_0_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

CK_INLINE void ck_unpack_q4_0_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 32, block += 18) {
        float d = ck_float_of_half(ck_load_u16(block));
        const uint8_t *q = block + 2;
        int8_t values[32];
        for (size_t l = 0; l < 16; l++) {
            values[l] = (int8_t)((q[l] & 15) - 8);
            values[16 + l] = (int8_t)((q[l] >> 4) - 8);
        }
        for (size_t l = 0; l < 32; l++) {
            out[i + l] = d * (float)values[l];
        }
    }
}

CK_LEVELS(
    ck_unpack_q4_0_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

CK_INLINE void ck_unpack_q4_1_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 32, block += 20) {
        float d = ck_float_of_half(ck_load_u16(block));
        float minimum = ck_float_of_half(ck_load_u16(block + 2));
        const uint8_t *q = block + 4;
        for (size_t l = 0; l < 16; l++) {
            out[i + l] = d * (float)(q[l] & 15) + minimum;
        }
        for (size_t l = 0; l < 16; l++) {
            out[i + 16 + l] = d * (float)(q[l] >> 4) + minimum;
        }
    }
}

CK_LEVELS(
    ck_unpack_q4_1_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

CK_INLINE void ck_unpack_q5_0_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 32, block += 22) {
        float d = ck_float_of_half(ck_load_u16(block));
        uint32_t fifth = ck_load_u32(block + 2);
        const uint8_t *q = block + 6;
        int8_t values[32];
        for (uint32_t l = 0; l < 16; l++) {
            values[l] = (int8_t)(((q[l] & 15) | (((fifth >> l) & 1) << 4)) - 16);
            values[16 + l] = (int8_t)(((q[l] >> 4) | (((fifth >> (16 + l)) & 1) << 4)) - 16);
        }
        for (size_t l = 0; l < 32; l++) {
            out[i + l] = d * (float)values[l];
        }
    }
}

CK_LEVELS(
    ck_unpack_q5_0_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

CK_INLINE void ck_unpack_q5_1_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 32, block += 24) {
        float d = ck_float_of_half(ck_load_u16(block));
        float minimum = ck_float_of_half(ck_load_u16(block + 2));
        uint32_t fifth = ck_load_u32(block + 4);
        const uint8_t *q = block + 8;
        uint8_t values[32];
        for (uint32_t l = 0; l < 16; l++) {
            values[l] = (uint8_t)((q[l] & 15) | (((fifth >> l) & 1) << 4));
            values[16 + l] = (uint8_t)((q[l] >> 4) | (((fifth >> (16 + l)) & 1) << 4));
        }
        for (size_t l = 0; l < 32; l++) {
            out[i + l] = d * (float)values[l] + minimum;
        }
    }
}

CK_LEVELS(
    ck_unpack_q5_1_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

/// The six-bit scales and minima of the eight groups of Q4_K and Q5_K, out of their twelve bytes.
CK_INLINE void ck_k_scales(const uint8_t *packed, uint8_t *scales, uint8_t *minima) {
    for (size_t g = 0; g < 4; g++) {
        scales[g] = packed[g] & 63;
        minima[g] = packed[g + 4] & 63;
        scales[g + 4] = (uint8_t)((packed[g + 8] & 15) | ((packed[g] >> 6) << 4));
        minima[g + 4] = (uint8_t)((packed[g + 8] >> 4) | ((packed[g + 4] >> 6) << 4));
    }
}

CK_INLINE void ck_unpack_q4_k_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 256, block += 144) {
        float d = ck_float_of_half(ck_load_u16(block));
        float dmin = ck_float_of_half(ck_load_u16(block + 2));
        uint8_t scales[8], minima[8];
        ck_k_scales(block + 4, scales, minima);
        for (size_t pair = 0; pair < 4; pair++) {
            const uint8_t *q = block + 16 + 32 * pair;
            float *restrict low = out + i + 64 * pair;
            float *restrict high = low + 32;
            float lowScale = d * (float)scales[2 * pair], lowMinimum = dmin * (float)minima[2 * pair];
            float highScale = d * (float)scales[2 * pair + 1], highMinimum = dmin * (float)minima[2 * pair + 1];
            for (size_t l = 0; l < 32; l++) {
                low[l] = lowScale * (float)(q[l] & 15) - lowMinimum;
            }
            for (size_t l = 0; l < 32; l++) {
                high[l] = highScale * (float)(q[l] >> 4) - highMinimum;
            }
        }
    }
}

CK_LEVELS(
    ck_unpack_q4_k_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

CK_INLINE void ck_unpack_q5_k_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 256, block += 176) {
        float d = ck_float_of_half(ck_load_u16(block));
        float dmin = ck_float_of_half(ck_load_u16(block + 2));
        uint8_t scales[8], minima[8];
        ck_k_scales(block + 4, scales, minima);
        const uint8_t *fifth = block + 16;
        for (size_t g = 0; g < 8; g++) {
            const uint8_t *q = block + 48 + 32 * (g / 2);
            float *restrict group = out + i + 32 * g;
            float scale = d * (float)scales[g], minimum = dmin * (float)minima[g];
            int shift = g % 2 == 0 ? 0 : 4;
            for (size_t l = 0; l < 32; l++) {
                int value = ((q[l] >> shift) & 15) | (((fifth[l] >> g) & 1) << 4);
                group[l] = scale * (float)value - minimum;
            }
        }
    }
}

CK_LEVELS(
    ck_unpack_q5_k_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

CK_INLINE void ck_unpack_q6_k_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 256, block += 210) {
        const int8_t *scales = (const int8_t *)block + 192;
        float d = ck_float_of_half(ck_load_u16(block + 208));
        for (size_t sixteenth = 0; sixteenth < 16; sixteenth++) {
            size_t half = sixteenth / 8, quarter = sixteenth % 8 / 2, offset = sixteenth % 2 * 16;
            const uint8_t *low = block + 64 * half + 32 * (quarter % 2) + offset;
            const uint8_t *high = block + 128 + 32 * half + offset;
            int lowShift = quarter < 2 ? 0 : 4;
            int highShift = (int)(2 * quarter);
            float scale = d * (float)scales[sixteenth];
            float *restrict part = out + i + 16 * sixteenth;
            for (size_t l = 0; l < 16; l++) {
                int value = ((low[l] >> lowShift) & 15) | (((high[l] >> highShift) & 3) << 4);
                part[l] = scale * (float)(value - 32);
            }
        }
    }
}

CK_LEVELS(
    ck_unpack_q6_k_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))
