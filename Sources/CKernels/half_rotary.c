#include "CKernels.h"

#include "ck_math.h"

CK_INLINE void ck_half_rotary_f32_body(
    float *restrict x, size_t stride, const float *restrict cosine, const float *restrict sine, size_t rows,
    size_t heads, size_t dimension
) {
    size_t half = dimension / 2;
    for (size_t r = 0; r < rows; r++) {
        const float *c = cosine + r * half;
        const float *s = sine + r * half;
        for (size_t h = 0; h < heads; h++) {
            float *restrict low = x + r * stride + h * dimension;
            float *restrict high = low + half;
            for (size_t j = 0; j < half; j++) {
                float a = low[j];
                float b = high[j];
                low[j] = a * c[j] - b * s[j];
                high[j] = b * c[j] + a * s[j];
            }
        }
    }
}

CK_MULTIVERSION(
    ck_half_rotary_f32,
    (float *restrict x, size_t stride, const float *restrict cosine, const float *restrict sine, size_t rows,
     size_t heads, size_t dimension),
    (x, stride, cosine, sine, rows, heads, dimension))
