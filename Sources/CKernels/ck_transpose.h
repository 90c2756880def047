// Exchange of rows and columns in registers. Internal to this target.
#ifndef CK_TRANSPOSE_H
#define CK_TRANSPOSE_H

#include "ck_math.h"

#if defined(__x86_64__)
#include <immintrin.h>

/// Exchanges rows and columns of 16 × 16 words of 32 bits.
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) CK_INLINE void ck_transpose_words(
    __m512i rows[16]) {
    __m512i t[16];
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
#pragma clang loop unroll(full)
    for (size_t i = 0; i < 16; i += 4) {
        rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    // Now block b of 128 bits of rows[4 g + c] holds column 4 b + c of the rows 4 g ... 4 g + 3.
#pragma clang loop unroll(full)
    for (size_t c = 0; c < 4; c++) {
        __m512i even = _mm512_shuffle_i32x4(rows[c], rows[4 + c], 0x88);
        __m512i odd = _mm512_shuffle_i32x4(rows[c], rows[4 + c], 0xDD);
        __m512i later_even = _mm512_shuffle_i32x4(rows[8 + c], rows[12 + c], 0x88);
        __m512i later_odd = _mm512_shuffle_i32x4(rows[8 + c], rows[12 + c], 0xDD);
        t[c] = _mm512_shuffle_i32x4(even, later_even, 0x88);
        t[4 + c] = _mm512_shuffle_i32x4(odd, later_odd, 0x88);
        t[8 + c] = _mm512_shuffle_i32x4(even, later_even, 0xDD);
        t[12 + c] = _mm512_shuffle_i32x4(odd, later_odd, 0xDD);
    }
    memcpy(rows, t, sizeof(t));
}
#endif

#endif
