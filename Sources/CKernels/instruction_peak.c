#include "CKernels.h"

#include "ck_math.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Independent sums: enough of them to hide the latency of one operation.
enum { CHAINS = 12 };

typedef uint32_t words __attribute__((vector_size(64)));

/// Defines a function that runs STEP, a statement about `sum` and `factor`, on all sums `rounds` times; a step is PAIRS
/// multiplications and additions.
#define CK_PEAK(NAME, TARGET, VECTOR, FACTORS, FACTOR, PAIRS, STEP)                                                \
    TARGET static double NAME(size_t rounds, float *sink) {                                                        \
        FACTORS factor = (FACTORS){0} + FACTOR;                                                                    \
        VECTOR sums[CHAINS];                                                                                       \
        for (uint8_t chain = 0; chain < CHAINS; chain++) {                                                         \
            sums[chain] = (VECTOR){chain};                                                                         \
        }                                                                                                          \
        for (size_t round = 0; round < rounds; round++) {                                                          \
            _Pragma("clang loop unroll(full)") for (size_t chain = 0; chain < CHAINS; chain++) {                   \
                VECTOR sum = sums[chain];                                                                          \
                STEP;                                                                                              \
                sums[chain] = sum;                                                                                 \
            }                                                                                                      \
        }                                                                                                          \
        for (size_t chain = 1; chain < CHAINS; chain++) {                                                          \
            sums[0] += sums[chain];                                                                                \
        }                                                                                                          \
        *sink = (float)sums[0][0];                                                                                 \
        return 2.0 * (PAIRS)*CHAINS * (double)rounds;                                                              \
    }

CK_PEAK(peak_f32_portable, , ck_lanes, ck_lanes, 0.5f, 16, sum = sum * factor + factor)

#if defined(__x86_64__)
#define CK_TARGET(features) __attribute__((target(features)))

CK_PEAK(
    peak_f32_avx512, CK_TARGET("avx512f,fma"), __m512, __m512, 0.5f, 16, sum = _mm512_fmadd_ps(sum, factor, factor))
CK_PEAK(
    peak_f32_avx2, CK_TARGET("avx2,fma"), __m256, __m256, 0.5f, 8, sum = _mm256_fmadd_ps(sum, factor, factor))
// Pairs of one half.
CK_PEAK(
    peak_bf16_avx512, CK_TARGET("avx512f,avx512bf16"), __m512, words, 0x3F003F00u, 32,
    sum = _mm512_dpbf16_ps(sum, (__m512bh)factor, (__m512bh)factor))
// The additions wrap and their result is known beforehand; the barrier keeps the compiler from using that.
CK_PEAK(
    peak_int8_avx512, CK_TARGET("avx512f,avx512vnni"), words, words, 0x03030303u, 64,
    sum = (words)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)factor, (__m512i)factor);
    __asm__ volatile("" : "+v"(sum)))
#endif

double ck_peak_f32(size_t rounds, float *sink) {
#if defined(__x86_64__)
    switch (ck_instruction_level()) {
    case 2: return peak_f32_avx512(rounds, sink);
    case 1: return peak_f32_avx2(rounds, sink);
    default: break;
    }
#endif
    return peak_f32_portable(rounds, sink);
}

double ck_peak_bf16(size_t rounds, float *sink) {
#if defined(__x86_64__)
    if (ck_instruction_level() == 2 && __builtin_cpu_supports("avx512bf16")) {
        return peak_bf16_avx512(rounds, sink);
    }
#endif
    return 0;
}

double ck_peak_int8(size_t rounds, float *sink) {
#if defined(__x86_64__)
    if (ck_instruction_level() == 2 && __builtin_cpu_supports("avx512vnni")) {
        return peak_int8_avx512(rounds, sink);
    }
#endif
    return 0;
}
