#include "CKernels.h"

#include "ck_math.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Independent sums: enough of them to hide the latency of one operation.
enum { CHAINS = 12 };

CK_INLINE double ck_peak_f32_body(size_t rounds, float *sink) {
    ck_lanes sums[CHAINS];
    ck_lanes factor = {0};
    factor = factor + 0.5f;
    for (size_t chain = 0; chain < CHAINS; chain++) {
        sums[chain] = factor + (float)chain;
    }
    for (size_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
        for (size_t chain = 0; chain < CHAINS; chain++) {
            sums[chain] = sums[chain] * factor + factor;
        }
    }
    for (size_t chain = 1; chain < CHAINS; chain++) {
        sums[0] += sums[chain];
    }
    *sink = CK_LANE_SUM(sums[0]);
    return 2.0 * 16 * CHAINS * (double)rounds;
}

#if defined(__x86_64__)
__attribute__((target("avx512f,fma"))) static double ck_peak_f32_avx512(size_t rounds, float *sink) {
    return ck_peak_f32_body(rounds, sink);
}

__attribute__((target("avx2,fma"))) static double ck_peak_f32_avx2(size_t rounds, float *sink) {
    __m256 sums[CHAINS];
    __m256 factor = _mm256_set1_ps(0.5f);
    for (size_t chain = 0; chain < CHAINS; chain++) {
        sums[chain] = _mm256_set1_ps((float)chain);
    }
    for (size_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
        for (size_t chain = 0; chain < CHAINS; chain++) {
            sums[chain] = _mm256_fmadd_ps(sums[chain], factor, factor);
        }
    }
    for (size_t chain = 1; chain < CHAINS; chain++) {
        sums[0] = _mm256_add_ps(sums[0], sums[chain]);
    }
    *sink = sums[0][0];
    return 2.0 * 8 * CHAINS * (double)rounds;
}

__attribute__((target("avx512f,avx512bf16"))) static double ck_peak_bf16_avx512(size_t rounds, float *sink) {
    __m512 sums[CHAINS];
    __m512i bits = _mm512_set1_epi32(0x3F003F00);
    __m512bh factor;
    memcpy(&factor, &bits, sizeof(factor));
    for (size_t chain = 0; chain < CHAINS; chain++) {
        sums[chain] = _mm512_set1_ps((float)chain);
    }
    for (size_t round = 0; round < rounds; round++) {
#pragma clang loop unroll(full)
        for (size_t chain = 0; chain < CHAINS; chain++) {
            sums[chain] = _mm512_dpbf16_ps(sums[chain], factor, factor);
        }
    }
    for (size_t chain = 1; chain < CHAINS; chain++) {
        sums[0] = _mm512_add_ps(sums[0], sums[chain]);
    }
    *sink = sums[0][0];
    return 2.0 * 32 * CHAINS * (double)rounds;
}

__attribute__((target("avx512f,avx512vnni"))) static double ck_peak_int8_avx512(size_t rounds, float *sink) {
    __m512i sums[CHAINS];
    __m512i factor = _mm512_set1_epi8(3);
    for (size_t chain = 0; chain < CHAINS; chain++) {
        sums[chain] = _mm512_set1_epi32((int)chain);
    }
    for (size_t round = 0; round < rounds; round++) {
        // The additions wrap and their result is known beforehand; the barrier keeps the compiler from using that.
#pragma clang loop unroll(full)
        for (size_t chain = 0; chain < CHAINS; chain++) {
            sums[chain] = _mm512_dpbusd_epi32(sums[chain], factor, factor);
            __asm__ volatile("" : "+v"(sums[chain]));
        }
    }
    for (size_t chain = 1; chain < CHAINS; chain++) {
        sums[0] = _mm512_add_epi32(sums[0], sums[chain]);
    }
    *sink = (float)_mm512_reduce_add_epi32(sums[0]);
    return 2.0 * 64 * CHAINS * (double)rounds;
}
#endif

double ck_peak_f32(size_t rounds, float *sink) {
#if defined(__x86_64__)
    switch (ck_instruction_level()) {
    case 2: return ck_peak_f32_avx512(rounds, sink);
    case 1: return ck_peak_f32_avx2(rounds, sink);
    default: break;
    }
#endif
    return ck_peak_f32_body(rounds, sink);
}

double ck_peak_bf16(size_t rounds, float *sink) {
#if defined(__x86_64__)
    if (ck_instruction_level() == 2 && __builtin_cpu_supports("avx512bf16")) {
        return ck_peak_bf16_avx512(rounds, sink);
    }
#endif
    return 0;
}

double ck_peak_int8(size_t rounds, float *sink) {
#if defined(__x86_64__)
    if (ck_instruction_level() == 2 && __builtin_cpu_supports("avx512vnni")) {
        return ck_peak_int8_avx512(rounds, sink);
    }
#endif
    return 0;
}
