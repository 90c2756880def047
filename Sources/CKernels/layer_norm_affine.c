#include "CKernels.h"

#include "ck_math.h"

#include <math.h>

// Sixteen running sums, so that the compiler may use vectors and the order of the additions depends on
// `columns` alone.
static inline __attribute__((always_inline)) float ck_lane_sum(float *sums) {
    for (size_t width = 8; width > 0; width /= 2) {
        for (size_t lane = 0; lane < width; lane++) {
            sums[lane] += sums[lane + width];
        }
    }
    return sums[0];
}

CK_INLINE void ck_layer_norm_affine_f32_body(
    const float *x, const float *weight, const float *bias, float *restrict y, size_t rows, size_t columns,
    float epsilon
) {
    for (size_t r = 0; r < rows; r++) {
        const float *from = x + r * columns;
        float *to = y + r * columns;
        float sums[16] = {0};
        size_t c = 0;
        for (; c + 16 <= columns; c += 16) {
            for (size_t lane = 0; lane < 16; lane++) {
                sums[lane] += from[c + lane];
            }
        }
        for (size_t lane = 0; c < columns; c++, lane++) {
            sums[lane] += from[c];
        }
        float mean = ck_lane_sum(sums) / (float)columns;
        float squares[16] = {0};
        for (c = 0; c + 16 <= columns; c += 16) {
            for (size_t lane = 0; lane < 16; lane++) {
                float distance = from[c + lane] - mean;
                squares[lane] += distance * distance;
            }
        }
        for (size_t lane = 0; c < columns; c++, lane++) {
            float distance = from[c] - mean;
            squares[lane] += distance * distance;
        }
        float factor = 1.0f / sqrtf(ck_lane_sum(squares) / (float)columns + epsilon);
        for (c = 0; c < columns; c++) {
            to[c] = (from[c] - mean) * factor * weight[c] + bias[c];
        }
    }
}

CK_MULTIVERSION(
    ck_layer_norm_affine_f32,
    (const float *x, const float *weight, const float *bias, float *restrict y, size_t rows, size_t columns,
     float epsilon),
    (x, weight, bias, y, rows, columns, epsilon))
