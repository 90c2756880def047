#include "CKernels.h"

#include "ck_math.h"

#include <math.h>

// Sixteen running sums, so that the compiler may use vectors and the order of the additions depends on
// `columns` alone.
CK_INLINE void ck_rms_norm_f32_body(
    const float *x, const float *weight, float *restrict y, size_t rows, size_t columns, float epsilon
) {
    for (size_t r = 0; r < rows; r++) {
        const float *from = x + r * columns;
        float *to = y + r * columns;
        float sums[16] = {0};
        size_t c = 0;
        for (; c + 16 <= columns; c += 16) {
            for (size_t lane = 0; lane < 16; lane++) {
                sums[lane] += from[c + lane] * from[c + lane];
            }
        }
        for (size_t lane = 0; c < columns; c++, lane++) {
            sums[lane] += from[c] * from[c];
        }
        for (size_t width = 8; width > 0; width /= 2) {
            for (size_t lane = 0; lane < width; lane++) {
                sums[lane] += sums[lane + width];
            }
        }
        float factor = 1.0f / sqrtf(sums[0] / (float)columns + epsilon);
        for (c = 0; c < columns; c++) {
            to[c] = from[c] * factor * weight[c];
        }
    }
}

CK_MULTIVERSION(
    ck_rms_norm_f32,
    (const float *x, const float *weight, float *restrict y, size_t rows, size_t columns, float epsilon),
    (x, weight, y, rows, columns, epsilon))
