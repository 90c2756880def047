#include "CKernels.h"

#include <string.h>

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
