#include "CKernels.h"

#include "ck_math.h"

CK_INLINE void ck_gated_silu_f32_body(const float *gate, const float *up, float *restrict out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[i] = gate[i] * ck_sigmoid(gate[i]) * up[i];
    }
}

CK_MULTIVERSION(
    ck_gated_silu_f32, (const float *gate, const float *up, float *restrict out, size_t count),
    (gate, up, out, count))
