#include "CKernels.h"
#include "ck_transpose.h"
#include "ck_unpack.h"

enum { GROUP = 16 };

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))) static void ck_pack_words_avx512(
    const void *in, size_t row_bytes, size_t rows, uint32_t *restrict out, size_t pitch, size_t words
) {
    for (size_t word = 0; word < words; word += GROUP) {
        size_t left = row_bytes > 4 * word ? row_bytes - 4 * word : 0;
        __mmask64 mask = left >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1;
        __m512i block[GROUP];
#pragma clang loop unroll(full)
        for (size_t r = 0; r < GROUP; r++) {
            block[r] = r < rows ? _mm512_maskz_loadu_epi8(mask, (const uint8_t *)in + r * row_bytes + 4 * word)
                                : _mm512_setzero_si512();
        }
        ck_transpose_words(block);
#pragma clang loop unroll(full)
        for (size_t w = 0; w < GROUP; w++) {
            _mm512_storeu_si512(out + (word + w) * pitch, block[w]);
        }
    }
}
#endif

void ck_pack_words(
    int level, const void *in, size_t row_bytes, size_t rows, uint32_t *restrict out, size_t pitch, size_t words
) {
#if defined(__x86_64__)
    if (level >= 2) {
        ck_pack_words_avx512(in, row_bytes, rows, out, pitch, words);
        return;
    }
#endif
    for (size_t word = 0; word < words; word++) {
        size_t left = row_bytes > 4 * word ? row_bytes - 4 * word : 0;
        for (size_t r = 0; r < GROUP; r++) {
            uint32_t value = 0;
            if (r < rows) {
                memcpy(&value, (const uint8_t *)in + r * row_bytes + 4 * word, left < 4 ? left : 4);
            }
            out[word * pitch + r] = value;
        }
    }
}

CK_INLINE void ck_zip_halves_body(
    int level, const uint16_t *first, const uint16_t *second, uint32_t *restrict out, size_t count
) {
    (void)level;
    for (size_t i = 0; i < count; i++) {
        out[i] = (uint32_t)second[i] << 16 | first[i];
    }
}

CK_LEVELS(
    ck_zip_halves, (int level, const uint16_t *first, const uint16_t *second, uint32_t *restrict out, size_t count),
    (level, first, second, out, count))
