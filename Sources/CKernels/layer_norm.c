#include "CKernels.h"
#include "ck_math.h"

#include <math.h>

// LayerNorm without affine parameters, followed by the modulation y = x̂ (1 + scale) + shift whose scale and shift
// are one row for each sample. x̂ = (x − mean)/√(variance + ε) (Ba et al., arXiv:1607.06450).

CK_INLINE void ck_layer_norm_modulate_f32_body(
    const float *restrict x, const float *restrict shift, const float *restrict scale, size_t modulation_stride,
    float *restrict y, float *restrict mean, float *restrict inverse_deviation, size_t rows,
    size_t rows_per_sample, size_t width, float epsilon
) {
    size_t whole = width / 16 * 16;
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict a = scale + row / rows_per_sample * modulation_stride;
        const float *restrict b = shift + row / rows_per_sample * modulation_stride;
        float *restrict to = y + row * width;
        ck_lanes sums = {0};
        for (size_t i = 0; i < whole; i += 16) {
            sums += CK_LANES(from + i);
        }
        float sum = CK_LANE_SUM(sums);
        for (size_t i = whole; i < width; i++) {
            sum += from[i];
        }
        float m = sum / (float)width;
        ck_lanes squares = {0};
        for (size_t i = 0; i < whole; i += 16) {
            ck_lanes d = CK_LANES(from + i) - m;
            squares += d * d;
        }
        float square = CK_LANE_SUM(squares);
        for (size_t i = whole; i < width; i++) {
            square += (from[i] - m) * (from[i] - m);
        }
        float r = 1.0f / sqrtf(square / (float)width + epsilon);
        for (size_t i = 0; i < width; i++) {
            to[i] = (from[i] - m) * r * (1.0f + a[i]) + b[i];
        }
        mean[row] = m;
        inverse_deviation[row] = r;
    }
}

CK_MULTIVERSION(
    ck_layer_norm_modulate_f32,
    (const float *restrict x, const float *restrict shift, const float *restrict scale, size_t modulation_stride,
     float *restrict y, float *restrict mean, float *restrict inverse_deviation, size_t rows,
     size_t rows_per_sample, size_t width, float epsilon),
    (x, shift, scale, modulation_stride, y, mean, inverse_deviation, rows, rows_per_sample, width, epsilon)
)

CK_INLINE void ck_layer_norm_modulate_backward_f32_body(
    const float *restrict x, const float *restrict scale, size_t modulation_stride, const float *restrict mean,
    const float *restrict inverse_deviation, const float *restrict g, float *restrict dx, size_t rows,
    size_t rows_per_sample, size_t width, int adds
) {
    size_t whole = width / 16 * 16;
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict slope = g + row * width;
        const float *restrict a = scale + row / rows_per_sample * modulation_stride;
        float *restrict to = dx + row * width;
        float m = mean[row];
        float r = inverse_deviation[row];
        ck_lanes sums = {0};
        ck_lanes products = {0};
        for (size_t i = 0; i < whole; i += 16) {
            ck_lanes d = CK_LANES(slope + i) * (1.0f + CK_LANES(a + i));
            sums += d;
            products += d * ((CK_LANES(from + i) - m) * r);
        }
        float sum = CK_LANE_SUM(sums);
        float product = CK_LANE_SUM(products);
        for (size_t i = whole; i < width; i++) {
            float d = slope[i] * (1.0f + a[i]);
            sum += d;
            product += d * ((from[i] - m) * r);
        }
        sum /= (float)width;
        product /= (float)width;
        if (adds) {
            for (size_t i = 0; i < width; i++) {
                to[i] += r * (slope[i] * (1.0f + a[i]) - sum - (from[i] - m) * r * product);
            }
        } else {
            for (size_t i = 0; i < width; i++) {
                to[i] = r * (slope[i] * (1.0f + a[i]) - sum - (from[i] - m) * r * product);
            }
        }
    }
}

CK_MULTIVERSION(
    ck_layer_norm_modulate_backward_f32,
    (const float *restrict x, const float *restrict scale, size_t modulation_stride, const float *restrict mean,
     const float *restrict inverse_deviation, const float *restrict g, float *restrict dx, size_t rows,
     size_t rows_per_sample, size_t width, int adds),
    (x, scale, modulation_stride, mean, inverse_deviation, g, dx, rows, rows_per_sample, width, adds)
)

CK_INLINE void ck_modulation_backward_f32_body(
    const float *restrict x, const float *restrict mean, const float *restrict inverse_deviation,
    const float *restrict g, float *restrict dshift, float *restrict dscale, size_t modulation_stride, size_t rows,
    size_t rows_per_sample, size_t width
) {
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * width;
        const float *restrict slope = g + row * width;
        float *restrict da = dscale + row / rows_per_sample * modulation_stride;
        float *restrict db = dshift + row / rows_per_sample * modulation_stride;
        for (size_t i = 0; i < width; i++) {
            da[i] += slope[i] * ((from[i] - mean[row]) * inverse_deviation[row]);
            db[i] += slope[i];
        }
    }
}

CK_MULTIVERSION(
    ck_modulation_backward_f32,
    (const float *restrict x, const float *restrict mean, const float *restrict inverse_deviation,
     const float *restrict g, float *restrict dshift, float *restrict dscale, size_t modulation_stride, size_t rows,
     size_t rows_per_sample, size_t width),
    (x, mean, inverse_deviation, g, dshift, dscale, modulation_stride, rows, rows_per_sample, width)
)
