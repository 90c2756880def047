#include "CKernels.h"
#include "ck_unpack.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// The formats of two, three and four bits that importance matrices made common. Rounding is that of unpack_blocks.c.
//
// Layouts: ggml-org/ggml, src/ggml-common.h; decoders: gguf 0.19.0, gguf/quants.py.
#pragma STDC FP_CONTRACT OFF

CK_INLINE void ck_unpack_q2_k_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 256, block += 84) {
        float d = ck_float_of_half(ck_load_u16(block + 80));
        float dmin = ck_float_of_half(ck_load_u16(block + 82));
        for (size_t sixteenth = 0; sixteenth < 16; sixteenth++) {
            const uint8_t *q = block + 16 + 32 * (sixteenth / 8) + 16 * (sixteenth % 2);
            int shift = (int)(sixteenth % 8 / 2 * 2);
            float scale = d * (float)(block[sixteenth] & 15), minimum = dmin * (float)(block[sixteenth] >> 4);
            float *restrict part = out + i + 16 * sixteenth;
            for (size_t l = 0; l < 16; l++) {
                part[l] = scale * (float)((q[l] >> shift) & 3) - minimum;
            }
        }
    }
}

CK_LEVELS(
    ck_unpack_q2_k_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

/// The sixteen six-bit scales of Q3_K, out of their twelve bytes: four low bits each in eight bytes, two high bits
/// each in four.
CK_INLINE void ck_q3_k_scales(const uint8_t *packed, int8_t *scales) {
    for (size_t s = 0; s < 16; s++) {
        int low = (packed[s % 8] >> (s < 8 ? 0 : 4)) & 15;
        int high = (packed[8 + s % 4] >> (2 * (s / 4))) & 3;
        scales[s] = (int8_t)((low | (high << 4)) - 32);
    }
}

CK_INLINE void ck_unpack_q3_k_f32_body(int level, const void *in, float *restrict out, size_t count) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 256, block += 110) {
        float d = ck_float_of_half(ck_load_u16(block + 108));
        int8_t scales[16];
        ck_q3_k_scales(block + 96, scales);
        for (size_t sixteenth = 0; sixteenth < 16; sixteenth++) {
            const uint8_t *low = block + 32 + 32 * (sixteenth / 8) + 16 * (sixteenth % 2);
            const uint8_t *third = block + 16 * (sixteenth % 2);
            int lowShift = (int)(sixteenth % 8 / 2 * 2), thirdShift = (int)(sixteenth / 2);
            float scale = d * (float)scales[sixteenth];
            float *restrict part = out + i + 16 * sixteenth;
            for (size_t l = 0; l < 16; l++) {
                // A set third bit stands for 0, a clear one for -4.
                int value = ((low[l] >> lowShift) & 3) - 4 + (((third[l] >> thirdShift) & 1) << 2);
                part[l] = scale * (float)value;
            }
        }
    }
}

CK_LEVELS(
    ck_unpack_q3_k_f32, (int level, const void *in, float *restrict out, size_t count), (level, in, out, count))

/// The numbers that the sixteen codes of IQ4_NL and IQ4_XS stand for.
static const int8_t ck_iq4_values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// Writes the numbers of 32 codes under one scale: first the low halves of sixteen bytes, then the high ones.
typedef void (*ck_iq4_lookup)(const uint8_t *codes, float scale, float *restrict out);

CK_INLINE void ck_iq4_lookup_portable(const uint8_t *codes, float scale, float *restrict out) {
    for (size_t l = 0; l < 16; l++) {
        out[l] = scale * (float)ck_iq4_values[codes[l] & 15];
        out[16 + l] = scale * (float)ck_iq4_values[codes[l] >> 4];
    }
}

CK_INLINE void ck_unpack_iq4_nl_f32_body(const void *in, float *restrict out, size_t count, ck_iq4_lookup lookup) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 32, block += 18) {
        lookup(block + 2, ck_float_of_half(ck_load_u16(block)), out + i);
    }
}

CK_INLINE void ck_unpack_iq4_xs_f32_body(const void *in, float *restrict out, size_t count, ck_iq4_lookup lookup) {
    const uint8_t *block = in;
    for (size_t i = 0; i < count; i += 256, block += 136) {
        float d = ck_float_of_half(ck_load_u16(block));
        uint32_t high = ck_load_u16(block + 2);
        for (size_t g = 0; g < 8; g++) {
            uint32_t low = (uint32_t)(block[4 + g / 2] >> (g % 2 == 0 ? 0 : 4)) & 15u;
            int scale = (int)(low | (((high >> (2 * g)) & 3u) << 4)) - 32;
            lookup(block + 8 + 16 * g, d * (float)scale, out + i + 32 * g);
        }
    }
}

#if defined(__x86_64__)
CK_TARGET_AVX2 CK_INLINE void ck_iq4_lookup_avx2(const uint8_t *codes, float scale, float *restrict out) {
    __m128i packed = _mm_loadu_si128((const __m128i *)codes);
    __m128i table = _mm_loadu_si128((const __m128i *)ck_iq4_values);
    __m128i mask = _mm_set1_epi8(15);
    __m128i low = _mm_shuffle_epi8(table, _mm_and_si128(packed, mask));
    __m128i high = _mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16(packed, 4), mask));
    __m256 factor = _mm256_set1_ps(scale);
    __m128i parts[4] = {low, _mm_srli_si128(low, 8), high, _mm_srli_si128(high, 8)};
    for (size_t part = 0; part < 4; part++) {
        __m256 values = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(parts[part]));
        _mm256_storeu_ps(out + 8 * part, _mm256_mul_ps(factor, values));
    }
}

CK_TARGET_AVX512 CK_INLINE void ck_iq4_lookup_avx512(const uint8_t *codes, float scale, float *restrict out) {
    __m128i packed = _mm_loadu_si128((const __m128i *)codes);
    __m128i table = _mm_loadu_si128((const __m128i *)ck_iq4_values);
    __m128i mask = _mm_set1_epi8(15);
    __m128i low = _mm_shuffle_epi8(table, _mm_and_si128(packed, mask));
    __m128i high = _mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16(packed, 4), mask));
    __m512 factor = _mm512_set1_ps(scale);
    _mm512_storeu_ps(out, _mm512_mul_ps(factor, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(low))));
    _mm512_storeu_ps(out + 16, _mm512_mul_ps(factor, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(high))));
}

/// Defines `void name(int level, …)` that runs `name_body` with the lookup of the instruction level.
#define CK_IQ4_LEVELS(name)                                                                                        \
    CK_TARGET_AVX512 static void name##_avx512(const void *in, float *restrict out, size_t count) {                \
        name##_body(in, out, count, ck_iq4_lookup_avx512);                                                         \
    }                                                                                                              \
    CK_TARGET_AVX2 static void name##_avx2(const void *in, float *restrict out, size_t count) {                    \
        name##_body(in, out, count, ck_iq4_lookup_avx2);                                                           \
    }                                                                                                              \
    void name(int level, const void *in, float *restrict out, size_t count) {                                      \
        if (level >= 1) {                                                                                          \
            (level >= 2 ? name##_avx512 : name##_avx2)(in, out, count);                                            \
        } else {                                                                                                   \
            name##_body(in, out, count, ck_iq4_lookup_portable);                                                   \
        }                                                                                                          \
    }
#else
#define CK_IQ4_LEVELS(name)                                                                                        \
    void name(int level, const void *in, float *restrict out, size_t count) {                                      \
        name##_body(in, out, count, ck_iq4_lookup_portable);                                                       \
    }
#endif

CK_IQ4_LEVELS(ck_unpack_iq4_nl_f32)
CK_IQ4_LEVELS(ck_unpack_iq4_xs_f32)
