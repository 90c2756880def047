#include "CKernels.h"
#include "ck_unpack.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Four-bit weights in words of eight, transposed against the rows that are wanted: w = (q - zero) · scale, rounded to
// the type of the scales, in which the reference decoders multiply. A group of an output has sixteen possible weights,
// which are computed once and then looked up.
//
// Sources: casper-hansen/AutoAWQ 0.2.9, awq/utils/packing_utils.py; AutoGPTQ/AutoGPTQ 0.7.1,
// auto_gptq/nn_modules/qlinear/qlinear_cuda.py.
#pragma STDC FP_CONTRACT OFF

/// Outputs that are unpacked together: their words of one input fill a cache line in AWQ's order.
#define CK_PACKED_BLOCK 128

/// Place of nibble p of an AWQ word among the word's eight outputs.
static const uint8_t ck_awq_order[8] = {0, 2, 4, 6, 1, 3, 5, 7};
/// Nibble of output p of an AWQ word.
static const uint8_t ck_awq_nibble[8] = {0, 4, 1, 5, 2, 6, 3, 7};

CK_INLINE float ck_packed_scale(const ck_packed_rows *p, size_t group, size_t output) {
    const uint8_t *scales = p->scales;
    size_t i = group * p->outputs + output;
    if (p->scale_type == 1) {
        return ck_float_of_half(ck_load_u16(scales + 2 * i));
    }
    if (p->scale_type == 2) {
        return ck_float_of_bits((uint32_t)ck_load_u16(scales + 2 * i) << 16);
    }
    return ck_float_of_bits(ck_load_u32(scales + 4 * i));
}

CK_INLINE int ck_packed_zero(const ck_packed_rows *p, size_t group, size_t output, int isAWQ) {
    size_t word = group * (p->outputs / 8) + output / 8;
    uint32_t bits = ck_load_u32((const uint8_t *)p->zeros + 4 * word);
    uint32_t nibble = isAWQ ? ck_awq_nibble[output % 8] : (uint32_t)(output % 8);
    return (int)(((bits >> (4 * nibble)) + p->zero_offset) & 15u);
}

/// The weight that four bits stand for.
CK_INLINE float ck_packed_weight(int q, int zero, float scale, int rounding) {
    float weight = (float)(q - zero) * scale;
    return rounding == 1 ? ck_round_to_half(weight) : rounding == 2 ? ck_round_to_bfloat16(weight) : weight;
}

/// The sixteen weights of a group for each of the outputs first ..< first + count.
CK_INLINE void ck_packed_tables(
    const ck_packed_rows *p, size_t group, size_t first, size_t count, int isAWQ, float (*restrict tables)[16]
) {
    int rounding = p->scale_type;
    for (size_t i = 0; i < count; i++) {
        float scale = ck_packed_scale(p, group, first + i);
        int zero = ck_packed_zero(p, group, first + i, isAWQ);
        for (int q = 0; q < 16; q++) {
            tables[i][q] = ck_packed_weight(q, zero, scale, rounding);
        }
    }
}

/// Whether `count` inputs from `input` on belong to one group.
CK_INLINE int ck_packed_is_uniform(const ck_packed_rows *p, size_t input, size_t count) {
    int32_t different = 0;
    for (size_t l = 1; l < count; l++) {
        different |= p->groups[input + l] ^ p->groups[input];
    }
    return different == 0;
}

/// One weight by itself, for inputs that do not lie in order of their groups and for the ends of rows.
CK_INLINE float ck_packed_single(
    const ck_packed_rows *p, uint32_t q, size_t input, size_t output, int isAWQ
) {
    size_t group = (size_t)p->groups[input];
    return ck_packed_weight(
        (int)q, ck_packed_zero(p, group, output, isAWQ), ck_packed_scale(p, group, output), p->scale_type);
}

/// out[l] = table[(words[l] >> shift) & 15] for sixteen lanes.
typedef void (*ck_lookup)(const float *table, const uint32_t *words, uint32_t shift, float *restrict out);
/// out[l] = table[nibble l of the words low, high].
typedef void (*ck_pair_lookup)(const float *table, uint32_t low, uint32_t high, float *restrict out);

CK_INLINE void ck_unpack_awq_f32_body(
    const ck_packed_rows *p, float *restrict out, size_t first, size_t rows, ck_lookup lookup
) {
    size_t end = first + rows, lastWord = (end + 7) / 8 * 8;
    size_t width = p->outputs / 8;
    float tables[CK_PACKED_BLOCK][16];
    for (size_t block = first / 8 * 8; block < end; block += CK_PACKED_BLOCK) {
        size_t blockEnd = lastWord - block < CK_PACKED_BLOCK ? lastWord : block + CK_PACKED_BLOCK;
        int32_t current = -1;
        for (size_t i = 0; i < p->inputs; i += 16) {
            size_t lanes = p->inputs - i < 16 ? p->inputs - i : 16;
            int isFast = lanes == 16 && ck_packed_is_uniform(p, i, lanes);
            if (isFast && p->groups[i] != current) {
                current = p->groups[i];
                ck_packed_tables(p, (size_t)current, block, blockEnd - block, 1, tables);
            }
            for (size_t o = block; o < blockEnd; o += 8) {
                uint32_t words[16];
                for (size_t l = 0; l < lanes; l++) {
                    words[l] = ck_load_u32((const uint8_t *)p->words + 4 * ((i + l) * width + o / 8));
                }
                for (uint32_t nibble = 0; nibble < 8; nibble++) {
                    size_t output = o + ck_awq_order[nibble];
                    if (output < first || output >= end) {
                        continue;
                    }
                    float *restrict target = out + (output - first) * p->inputs + i;
                    if (isFast) {
                        lookup(tables[output - block], words, 4 * nibble, target);
                        continue;
                    }
                    for (size_t l = 0; l < lanes; l++) {
                        target[l] = ck_packed_single(p, (words[l] >> (4 * nibble)) & 15u, i + l, output, 1);
                    }
                }
            }
        }
    }
}

CK_INLINE void ck_unpack_gptq_f32_body(
    const ck_packed_rows *p, float *restrict out, size_t first, size_t rows, ck_pair_lookup lookup
) {
    size_t end = first + rows;
    float tables[CK_PACKED_BLOCK][16];
    for (size_t block = first; block < end; block += CK_PACKED_BLOCK) {
        size_t blockEnd = end - block < CK_PACKED_BLOCK ? end : block + CK_PACKED_BLOCK;
        int32_t current = -1;
        for (size_t i = 0; i < p->inputs; i += 16) {
            size_t lanes = p->inputs - i < 16 ? 8 : 16;
            int isFast = lanes == 16 && ck_packed_is_uniform(p, i, lanes);
            if (isFast && p->groups[i] != current) {
                current = p->groups[i];
                ck_packed_tables(p, (size_t)current, block, blockEnd - block, 0, tables);
            }
            const uint8_t *words = (const uint8_t *)p->words + 4 * (i / 8 * p->outputs);
            for (size_t o = block; o < blockEnd; o++) {
                uint32_t low = ck_load_u32(words + 4 * o);
                uint32_t high = lanes == 16 ? ck_load_u32(words + 4 * (p->outputs + o)) : 0;
                float *restrict target = out + (o - first) * p->inputs + i;
                if (isFast) {
                    lookup(tables[o - block], low, high, target);
                    continue;
                }
                for (size_t l = 0; l < lanes; l++) {
                    uint32_t q = ((l < 8 ? low : high) >> (4 * (l % 8))) & 15u;
                    target[l] = ck_packed_single(p, q, i + l, o, 0);
                }
            }
        }
    }
}

CK_INLINE void ck_lookup_portable(
    const float *table, const uint32_t *words, uint32_t shift, float *restrict out
) {
    for (size_t l = 0; l < 16; l++) {
        out[l] = table[(words[l] >> shift) & 15u];
    }
}

CK_INLINE void ck_pair_lookup_portable(const float *table, uint32_t low, uint32_t high, float *restrict out) {
    for (size_t l = 0; l < 8; l++) {
        out[l] = table[(low >> (4 * l)) & 15u];
        out[8 + l] = table[(high >> (4 * l)) & 15u];
    }
}

#if defined(__x86_64__)
CK_TARGET_AVX2 CK_INLINE void ck_lookup_eight(__m256i q, const float *table, float *restrict out) {
    __m256 low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table), q);
    __m256 high = _mm256_permutevar8x32_ps(_mm256_loadu_ps(table + 8), q);
    // Bit 3 of the index, moved to the sign, says which half of the table it means.
    __m256 isHigh = _mm256_castsi256_ps(_mm256_slli_epi32(q, 28));
    _mm256_storeu_ps(out, _mm256_blendv_ps(low, high, isHigh));
}

CK_TARGET_AVX2 CK_INLINE void ck_lookup_avx2(
    const float *table, const uint32_t *words, uint32_t shift, float *restrict out
) {
    __m128i count = _mm_cvtsi32_si128((int)shift);
    for (size_t half = 0; half < 2; half++) {
        __m256i word = _mm256_loadu_si256((const __m256i *)(words + 8 * half));
        ck_lookup_eight(_mm256_srl_epi32(word, count), table, out + 8 * half);
    }
}

CK_TARGET_AVX2 CK_INLINE void ck_pair_lookup_avx2(
    const float *table, uint32_t low, uint32_t high, float *restrict out
) {
    __m256i shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    ck_lookup_eight(_mm256_srlv_epi32(_mm256_set1_epi32((int)low), shifts), table, out);
    ck_lookup_eight(_mm256_srlv_epi32(_mm256_set1_epi32((int)high), shifts), table, out + 8);
}

CK_TARGET_AVX512 CK_INLINE void ck_lookup_avx512(
    const float *table, const uint32_t *words, uint32_t shift, float *restrict out
) {
    __m512i q = _mm512_srl_epi32(_mm512_loadu_si512(words), _mm_cvtsi32_si128((int)shift));
    _mm512_storeu_ps(out, _mm512_permutexvar_ps(q, _mm512_loadu_ps(table)));
}

CK_TARGET_AVX512 CK_INLINE void ck_pair_lookup_avx512(
    const float *table, uint32_t low, uint32_t high, float *restrict out
) {
    __m512i shifts = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28);
    __m512i words = _mm512_mask_set1_epi32(_mm512_set1_epi32((int)low), 0xFF00, (int)high);
    __m512i q = _mm512_srlv_epi32(words, shifts);
    _mm512_storeu_ps(out, _mm512_permutexvar_ps(q, _mm512_loadu_ps(table)));
}

CK_TARGET_AVX2 static void ck_unpack_awq_f32_avx2(
    const ck_packed_rows *p, float *restrict out, size_t first, size_t rows
) {
    ck_unpack_awq_f32_body(p, out, first, rows, ck_lookup_avx2);
}

CK_TARGET_AVX512 static void ck_unpack_awq_f32_avx512(
    const ck_packed_rows *p, float *restrict out, size_t first, size_t rows
) {
    ck_unpack_awq_f32_body(p, out, first, rows, ck_lookup_avx512);
}

CK_TARGET_AVX2 static void ck_unpack_gptq_f32_avx2(
    const ck_packed_rows *p, float *restrict out, size_t first, size_t rows
) {
    ck_unpack_gptq_f32_body(p, out, first, rows, ck_pair_lookup_avx2);
}

CK_TARGET_AVX512 static void ck_unpack_gptq_f32_avx512(
    const ck_packed_rows *p, float *restrict out, size_t first, size_t rows
) {
    ck_unpack_gptq_f32_body(p, out, first, rows, ck_pair_lookup_avx512);
}
#endif

void ck_unpack_awq_f32(int level, const ck_packed_rows *p, float *restrict out, size_t first, size_t rows) {
#if defined(__x86_64__)
    if (level >= 1) {
        (level >= 2 ? ck_unpack_awq_f32_avx512 : ck_unpack_awq_f32_avx2)(p, out, first, rows);
        return;
    }
#endif
    ck_unpack_awq_f32_body(p, out, first, rows, ck_lookup_portable);
}

void ck_unpack_gptq_f32(int level, const ck_packed_rows *p, float *restrict out, size_t first, size_t rows) {
#if defined(__x86_64__)
    if (level >= 1) {
        (level >= 2 ? ck_unpack_gptq_f32_avx512 : ck_unpack_gptq_f32_avx2)(p, out, first, rows);
        return;
    }
#endif
    ck_unpack_gptq_f32_body(p, out, first, rows, ck_pair_lookup_portable);
}
