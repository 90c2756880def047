#include "CKernels.h"
#include "ck_math.h"

#include <math.h>

// RMS norm of one head's channels and the rotation of adjacent channel pairs. With
// r = 1/√(mean x² + ε): y = w x r (Zhang and Sennrich, arXiv:1910.07467, equation 4); then the pair (a, b) becomes
// (a cos − b sin, a sin + b cos) (Su et al., arXiv:2104.09864, equation 34).

// One over the root of the mean square of a row.
CK_INLINE float ck_reciprocal_rms(const float *restrict from, size_t width, float epsilon) {
    size_t whole = width / 16 * 16;
    ck_lanes squares = {0};
    for (size_t i = 0; i < whole; i += 16) {
        squares += CK_LANES(from + i) * CK_LANES(from + i);
    }
    float square = CK_LANE_SUM(squares);
    for (size_t i = whole; i < width; i++) {
        square += from[i] * from[i];
    }
    return 1.0f / sqrtf(square / (float)width + epsilon);
}

CK_INLINE void ck_head_rms_norm_f32_body(
    const float *restrict x, size_t x_stride, const float *restrict weight, float *restrict y, size_t y_stride,
    size_t rows, size_t width, float epsilon
) {
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * x_stride;
        float *restrict to = y + row * y_stride;
        float r = ck_reciprocal_rms(from, width, epsilon);
        for (size_t i = 0; i < width; i++) {
            to[i] = from[i] * r * weight[i];
        }
    }
}

CK_MULTIVERSION(
    ck_head_rms_norm_f32,
    (const float *restrict x, size_t x_stride, const float *restrict weight, float *restrict y, size_t y_stride,
     size_t rows, size_t width, float epsilon),
    (x, x_stride, weight, y, y_stride, rows, width, epsilon)
)

CK_INLINE void ck_head_rms_norm_backward_f32_body(
    const float *restrict x, size_t x_stride, const float *restrict weight, const float *restrict g, size_t g_stride,
    float *restrict dx, size_t dx_stride, size_t rows, size_t width, float epsilon, int adds
) {
    size_t whole = width / 16 * 16;
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * x_stride;
        const float *restrict slope = g + row * g_stride;
        float *restrict to = dx + row * dx_stride;
        ck_lanes squares = {0};
        ck_lanes products = {0};
        for (size_t i = 0; i < whole; i += 16) {
            ck_lanes v = CK_LANES(from + i);
            squares += v * v;
            products += v * (CK_LANES(weight + i) * CK_LANES(slope + i));
        }
        float square = CK_LANE_SUM(squares);
        float product = CK_LANE_SUM(products);
        for (size_t i = whole; i < width; i++) {
            square += from[i] * from[i];
            product += from[i] * (weight[i] * slope[i]);
        }
        float r = 1.0f / sqrtf(square / (float)width + epsilon);
        float c = r * r * product / (float)width;
        if (adds) {
            for (size_t i = 0; i < width; i++) {
                to[i] += r * (weight[i] * slope[i] - from[i] * c);
            }
        } else {
            for (size_t i = 0; i < width; i++) {
                to[i] = r * (weight[i] * slope[i] - from[i] * c);
            }
        }
    }
}

CK_MULTIVERSION(
    ck_head_rms_norm_backward_f32,
    (const float *restrict x, size_t x_stride, const float *restrict weight, const float *restrict g, size_t g_stride,
     float *restrict dx, size_t dx_stride, size_t rows, size_t width, float epsilon, int adds),
    (x, x_stride, weight, g, g_stride, dx, dx_stride, rows, width, epsilon, adds)
)

CK_INLINE void ck_head_rms_norm_weight_f32_body(
    const float *restrict x, size_t x_stride, const float *restrict g, size_t g_stride, float *restrict sum,
    size_t rows, size_t width, float epsilon
) {
    for (size_t row = 0; row < rows; row++) {
        const float *restrict from = x + row * x_stride;
        const float *restrict slope = g + row * g_stride;
        float r = ck_reciprocal_rms(from, width, epsilon);
        for (size_t i = 0; i < width; i++) {
            sum[i] += slope[i] * (from[i] * r);
        }
    }
}

CK_MULTIVERSION(
    ck_head_rms_norm_weight_f32,
    (const float *restrict x, size_t x_stride, const float *restrict g, size_t g_stride, float *restrict sum,
     size_t rows, size_t width, float epsilon),
    (x, x_stride, g, g_stride, sum, rows, width, epsilon)
)

CK_INLINE void ck_pair_rotary_f32_body(
    float *restrict x, size_t stride, const float *restrict cosine, const float *restrict sine, size_t rows,
    size_t pairs, float direction
) {
    for (size_t row = 0; row < rows; row++) {
        float *restrict at = x + row * stride;
        const float *restrict c = cosine + row * pairs;
        const float *restrict s = sine + row * pairs;
        for (size_t i = 0; i < pairs; i++) {
            float a = at[2 * i];
            float b = at[2 * i + 1];
            float turn = direction * s[i];
            at[2 * i] = a * c[i] - b * turn;
            at[2 * i + 1] = a * turn + b * c[i];
        }
    }
}

CK_MULTIVERSION(
    ck_pair_rotary_f32,
    (float *restrict x, size_t stride, const float *restrict cosine, const float *restrict sine, size_t rows,
     size_t pairs, float direction),
    (x, stride, cosine, sine, rows, pairs, direction)
)
