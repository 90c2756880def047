// The C kernels of the package. Every function works on plain pointers and counts, allocates nothing, keeps no
// state and starts no thread; the Swift fronts in Sources/Shared/Kernels check shapes before they call.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// MARK: convert

/// out[i] = float of the bfloat16 pattern in[i], i in 0 ..< count. `in` may be unaligned.
void ck_convert_bf16_f32(const void *in, float *restrict out, size_t count);

/// out[i] = float of the IEEE half pattern in[i], i in 0 ..< count. `in` may be unaligned.
void ck_convert_f16_f32(const void *in, float *restrict out, size_t count);

/// out[i] = in[i] for unaligned float32 input, i in 0 ..< count.
void ck_convert_f32_f32(const void *in, float *restrict out, size_t count);

/// 1 when every number of x[0 ..< count] is finite, else 0.
int ck_all_finite_f32(const float *x, size_t count);

#endif
