#include "CKernels.h"

#include "ck_math.h"

CK_INLINE void ck_add_bias_f32_body(
    float *restrict x, const float *restrict bias, size_t rows, size_t columns
) {
    for (size_t r = 0; r < rows; r++) {
        float *restrict row = x + r * columns;
        for (size_t c = 0; c < columns; c++) {
            row[c] += bias[c];
        }
    }
}

CK_MULTIVERSION(
    ck_add_bias_f32, (float *restrict x, const float *restrict bias, size_t rows, size_t columns),
    (x, bias, rows, columns))

CK_INLINE void ck_accumulate_f32_body(float *restrict x, const float *restrict y, size_t count) {
    for (size_t i = 0; i < count; i++) {
        x[i] += y[i];
    }
}

CK_MULTIVERSION(
    ck_accumulate_f32, (float *restrict x, const float *restrict y, size_t count), (x, y, count))

// Thirty-two running sums: enough chains to hide the latency of the additions.
CK_INLINE void ck_row_dots_f32_body(
    const float *matrix, const float *x, float *restrict out, size_t rows, size_t columns
) {
    for (size_t r = 0; r < rows; r++) {
        const float *row = matrix + r * columns;
        float sums[32] = {0};
        size_t c = 0;
        for (; c + 32 <= columns; c += 32) {
            for (size_t lane = 0; lane < 32; lane++) {
                sums[lane] += row[c + lane] * x[c + lane];
            }
        }
        for (size_t lane = 0; c < columns; c++, lane++) {
            sums[lane] += row[c] * x[c];
        }
        for (size_t width = 16; width > 0; width /= 2) {
            for (size_t lane = 0; lane < width; lane++) {
                sums[lane] += sums[lane + width];
            }
        }
        out[r] = sums[0];
    }
}

CK_MULTIVERSION(
    ck_row_dots_f32, (const float *matrix, const float *x, float *restrict out, size_t rows, size_t columns),
    (matrix, x, out, rows, columns))
