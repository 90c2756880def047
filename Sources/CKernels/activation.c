#include "CKernels.h"
#include "ck_math.h"

// SiLU x·σ(x), GELU x·Φ(x) (Hendrycks and Gimpel, arXiv:1606.08415), quick GELU x·σ(1.702 x), and their derivatives.
// The tanh form of GELU is x·σ(2u) with
// u = √(2/π)(x + 0.044715 x³), since ½(1 + tanh u) = σ(2u): one exponential and one division.

static const float gelu_scale = 1.59576912f;  // 2·√(2/π)
static const float gelu_cubic = 0.044715f;
static const float inverse_root_two = 0.707106781f;
static const float inverse_root_two_pi = 0.398942280f;
static const float quick_slope = 1.702f;

CK_INLINE float silu(float x) {
    return x * ck_sigmoid(x);
}

CK_INLINE float gelu_erf(float x) {
    return 0.5f * x * (1.0f + ck_erf(x * inverse_root_two));
}

CK_INLINE float gelu_tanh(float x) {
    return x * ck_sigmoid(gelu_scale * (x + gelu_cubic * x * x * x));
}

CK_INLINE float quick_gelu(float x) {
    return x * ck_sigmoid(quick_slope * x);
}

CK_INLINE float silu_slope(float x) {
    float s = ck_sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}

CK_INLINE float gelu_erf_slope(float x) {
    return 0.5f * (1.0f + ck_erf(x * inverse_root_two)) + x * inverse_root_two_pi * ck_exp(-0.5f * x * x);
}

CK_INLINE float gelu_tanh_slope(float x) {
    float s = ck_sigmoid(gelu_scale * (x + gelu_cubic * x * x * x));
    return s + x * s * (1.0f - s) * gelu_scale * (1.0f + 3.0f * gelu_cubic * x * x);
}

CK_INLINE float quick_gelu_slope(float x) {
    float s = ck_sigmoid(quick_slope * x);
    return s + quick_slope * x * s * (1.0f - s);
}

// Rows of `width` numbers; a row of y may be wider than a row of x, and either may lie inside wider rows.
#define ACTIVATION(name, function)                                                                                 \
    CK_INLINE void ck_##name##_f32_body(                                                                           \
        const float *restrict x, size_t x_stride, float *restrict y, size_t y_stride, size_t rows, size_t width    \
    ) {                                                                                                            \
        for (size_t row = 0; row < rows; row++) {                                                                  \
            const float *restrict from = x + row * x_stride;                                                       \
            float *restrict to = y + row * y_stride;                                                               \
            for (size_t i = 0; i < width; i++) {                                                                   \
                to[i] = function(from[i]);                                                                         \
            }                                                                                                      \
        }                                                                                                          \
    }                                                                                                              \
    CK_INLINE void ck_##name##_backward_f32_body(                                                                  \
        const float *restrict x, size_t x_stride, const float *restrict g, size_t g_stride, float *restrict dx,    \
        size_t dx_stride, size_t rows, size_t width, int adds                                                      \
    ) {                                                                                                            \
        for (size_t row = 0; row < rows; row++) {                                                                  \
            const float *restrict from = x + row * x_stride;                                                       \
            const float *restrict slope = g + row * g_stride;                                                      \
            float *restrict to = dx + row * dx_stride;                                                             \
            if (adds) {                                                                                            \
                for (size_t i = 0; i < width; i++) {                                                               \
                    to[i] += slope[i] * function##_slope(from[i]);                                                 \
                }                                                                                                  \
            } else {                                                                                               \
                for (size_t i = 0; i < width; i++) {                                                               \
                    to[i] = slope[i] * function##_slope(from[i]);                                                  \
                }                                                                                                  \
            }                                                                                                      \
        }                                                                                                          \
    }                                                                                                              \
    CK_MULTIVERSION(                                                                                               \
        ck_##name##_f32,                                                                                           \
        (const float *restrict x, size_t x_stride, float *restrict y, size_t y_stride, size_t rows, size_t width), \
        (x, x_stride, y, y_stride, rows, width)                                                                    \
    )                                                                                                              \
    CK_MULTIVERSION(                                                                                               \
        ck_##name##_backward_f32,                                                                                  \
        (const float *restrict x, size_t x_stride, const float *restrict g, size_t g_stride, float *restrict dx,   \
         size_t dx_stride, size_t rows, size_t width, int adds),                                                   \
        (x, x_stride, g, g_stride, dx, dx_stride, rows, width, adds)                                               \
    )

ACTIVATION(silu, silu)
ACTIVATION(gelu_erf, gelu_erf)
ACTIVATION(gelu_tanh, gelu_tanh)
ACTIVATION(quick_gelu, quick_gelu)
