#include "CKernels.h"
#include "ck_math.h"

// Sums and products of rows; the rows of every operand may lie inside wider rows.

CK_INLINE void ck_fill_rows_f32_body(const float *restrict row, float *restrict y, size_t stride, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        memcpy(y + r * stride, row, width * sizeof(float));
    }
}

CK_MULTIVERSION(
    ck_fill_rows_f32,
    (const float *restrict row, float *restrict y, size_t stride, size_t rows, size_t width),
    (row, y, stride, rows, width)
)

CK_INLINE void ck_sum_rows_f32_body(const float *restrict x, size_t stride, float *restrict sum, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) {
        const float *restrict from = x + r * stride;
        for (size_t i = 0; i < width; i++) {
            sum[i] += from[i];
        }
    }
}

CK_MULTIVERSION(
    ck_sum_rows_f32,
    (const float *restrict x, size_t stride, float *restrict sum, size_t rows, size_t width),
    (x, stride, sum, rows, width)
)

CK_INLINE void ck_add_rows_f32_body(
    const float *restrict x, size_t x_stride, float *restrict y, size_t y_stride, size_t rows, size_t width
) {
    for (size_t r = 0; r < rows; r++) {
        const float *restrict from = x + r * x_stride;
        float *restrict to = y + r * y_stride;
        for (size_t i = 0; i < width; i++) {
            to[i] += from[i];
        }
    }
}

CK_MULTIVERSION(
    ck_add_rows_f32,
    (const float *restrict x, size_t x_stride, float *restrict y, size_t y_stride, size_t rows, size_t width),
    (x, x_stride, y, y_stride, rows, width)
)

CK_INLINE void ck_scaled_sum_f32_body(
    float a, const float *restrict x, float b, const float *restrict y, float *restrict z, size_t count
) {
    for (size_t i = 0; i < count; i++) {
        z[i] = a * x[i] + b * y[i];
    }
}

CK_MULTIVERSION(
    ck_scaled_sum_f32,
    (float a, const float *restrict x, float b, const float *restrict y, float *restrict z, size_t count),
    (a, x, b, y, z, count)
)

CK_INLINE void ck_gated_sum_f32_body(
    const float *restrict x, const float *restrict gate, size_t gate_stride, const float *restrict f,
    float *restrict y, size_t rows, size_t rows_per_sample, size_t width
) {
    for (size_t r = 0; r < rows; r++) {
        const float *restrict from = x + r * width;
        const float *restrict added = f + r * width;
        const float *restrict factor = gate + r / rows_per_sample * gate_stride;
        float *restrict to = y + r * width;
        for (size_t i = 0; i < width; i++) {
            to[i] = from[i] + factor[i] * added[i];
        }
    }
}

CK_MULTIVERSION(
    ck_gated_sum_f32,
    (const float *restrict x, const float *restrict gate, size_t gate_stride, const float *restrict f,
     float *restrict y, size_t rows, size_t rows_per_sample, size_t width),
    (x, gate, gate_stride, f, y, rows, rows_per_sample, width)
)

CK_INLINE void ck_gated_rows_f32_body(
    const float *restrict gate, size_t gate_stride, const float *restrict g, float *restrict df, size_t rows,
    size_t rows_per_sample, size_t width
) {
    for (size_t r = 0; r < rows; r++) {
        const float *restrict slope = g + r * width;
        const float *restrict factor = gate + r / rows_per_sample * gate_stride;
        float *restrict to = df + r * width;
        for (size_t i = 0; i < width; i++) {
            to[i] = factor[i] * slope[i];
        }
    }
}

CK_MULTIVERSION(
    ck_gated_rows_f32,
    (const float *restrict gate, size_t gate_stride, const float *restrict g, float *restrict df, size_t rows,
     size_t rows_per_sample, size_t width),
    (gate, gate_stride, g, df, rows, rows_per_sample, width)
)

CK_INLINE void ck_gate_backward_f32_body(
    const float *restrict f, const float *restrict g, float *restrict dgate, size_t gate_stride, size_t rows,
    size_t rows_per_sample, size_t width
) {
    for (size_t r = 0; r < rows; r++) {
        const float *restrict added = f + r * width;
        const float *restrict slope = g + r * width;
        float *restrict to = dgate + r / rows_per_sample * gate_stride;
        for (size_t i = 0; i < width; i++) {
            to[i] += slope[i] * added[i];
        }
    }
}

CK_MULTIVERSION(
    ck_gate_backward_f32,
    (const float *restrict f, const float *restrict g, float *restrict dgate, size_t gate_stride, size_t rows,
     size_t rows_per_sample, size_t width),
    (f, g, dgate, gate_stride, rows, rows_per_sample, width)
)
