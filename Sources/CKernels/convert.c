#include "CKernels.h"

#include <string.h>

void ck_convert_bf16_f32(const void *in, float *restrict out, size_t count) {
    const unsigned char *bytes = in;
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, 2);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(&out[i], &bits, 4);
    }
}

void ck_convert_f16_f32(const void *in, float *restrict out, size_t count) {
    const unsigned char *bytes = in;
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, 2);
        uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
        uint32_t exponent = (half >> 10) & 0x1Fu;
        uint32_t mantissa = half & 0x3FFu;
        uint32_t bits;
        if (exponent == 31) {
            bits = sign | 0x7F800000u | (mantissa << 13);
        } else if (exponent != 0) {
            bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
        } else {
            // A subnormal half is mantissa · 2^-24, which float32 holds exactly.
            float value = (float)mantissa * 0x1p-24f;
            memcpy(&bits, &value, 4);
            bits |= sign;
        }
        memcpy(&out[i], &bits, 4);
    }
}

void ck_convert_f32_f32(const void *in, float *restrict out, size_t count) {
    memcpy(out, in, count * sizeof(float));
}

int ck_all_finite_f32(const float *x, size_t count) {
    uint32_t worst = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        uint32_t magnitude = bits & 0x7FFFFFFFu;
        worst = magnitude > worst ? magnitude : worst;
    }
    return worst < 0x7F800000u;
}
