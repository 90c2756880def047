#include "CKernels.h"
#include "ck_math.h"

// Sixteen output channels of one pixel: one AVX-512 register, or as many narrower ones as the machine needs.
typedef float ck_lanes __attribute__((vector_size(64), aligned(4)));

/// Sums `vectors` blocks of 16 output channels for `pixels` pixels whose windows start at x[p].
CK_INLINE void conv_tile(const size_t pixels, const size_t vectors, const float *const *x,
                         const ck_conv2d_shape *shape, const float *weight, const float *bias,
                         ck_lanes *restrict out) {
    ck_lanes sum[8][2];
    const size_t block = shape->kernel * shape->kernel * shape->channels * 16;
#pragma clang loop unroll(full)
    for (size_t p = 0; p < pixels; p++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) sum[p][v] = *(const ck_lanes *)(bias + 16 * v);
    }
    // A row of the window is one run of kernel · channels numbers.
    const size_t run = shape->kernel * shape->channels;
    const float *w0 = weight;
    const float *w1 = vectors > 1 ? weight + block : weight;
    for (size_t row = 0; row < shape->kernel; row++) {
        const float *pointer[8];
#pragma clang loop unroll(full)
        for (size_t p = 0; p < pixels; p++) pointer[p] = x[p] + row * shape->in_pitch * shape->channels;
        for (size_t i = 0; i < run; i++) {
            const ck_lanes a = *(const ck_lanes *)(w0 + 16 * i);
            const ck_lanes b = *(const ck_lanes *)(w1 + 16 * i);
#pragma clang loop unroll(full)
            for (size_t p = 0; p < pixels; p++) {
                const float value = pointer[p][i];
                sum[p][0] += value * a;
                if (vectors > 1) sum[p][1] += value * b;
            }
        }
        w0 += 16 * run;
        w1 += 16 * run;
    }
#pragma clang loop unroll(full)
    for (size_t p = 0; p < pixels; p++) {
#pragma clang loop unroll(full)
        for (size_t v = 0; v < vectors; v++) out[p * 2 + v] = sum[p][v];
    }
}

CK_INLINE void conv_body(const size_t pixels, const size_t widest, const float *in, const float *weight,
                         const float *bias, const float *add, float *restrict out,
                         const ck_conv2d_shape *shape, size_t first, size_t count) {
    const size_t channels = shape->out_channels;
    const size_t blocks = (channels + 15) / 16;
    const size_t block = shape->kernel * shape->kernel * shape->channels * 16;
    for (size_t done = 0; done < count; done += pixels) {
        const float *x[8];
        size_t target[8];
        for (size_t p = 0; p < pixels; p++) {
            // Past the end the last pixel is computed again and not stored.
            const size_t index = first + (done + p < count ? done + p : count - 1);
            const size_t row = index / shape->columns, column = index % shape->columns;
            const size_t y = row * shape->stride + shape->origin_row;
            const size_t z = column * shape->stride + shape->origin_column;
            x[p] = in + (y * shape->in_pitch + z) * shape->channels;
            const size_t to_row = row * shape->out_step + shape->out_row;
            const size_t to_column = column * shape->out_step + shape->out_column;
            target[p] = (to_row * shape->out_pitch + to_column) * channels;
        }
        const size_t live = count - done < pixels ? count - done : pixels;
        for (size_t b = 0; b < blocks;) {
            ck_lanes sums[16];
            const size_t vectors = widest > 1 && b + 1 < blocks ? 2 : 1;
            if (vectors == 2) {
                conv_tile(pixels, 2, x, shape, weight + b * block, bias + 16 * b, sums);
            } else {
                conv_tile(pixels, 1, x, shape, weight + b * block, bias + 16 * b, sums);
            }
            for (size_t p = 0; p < live; p++) {
                for (size_t v = 0; v < vectors; v++) {
                    const size_t start = 16 * (b + v);
                    const size_t width = channels - start < 16 ? channels - start : 16;
                    const float *values = (const float *)&sums[p * 2 + v];
                    float *to = out + target[p] + start;
                    if (add) {
                        const float *other = add + target[p] + start;
                        for (size_t c = 0; c < width; c++) to[c] = values[c] + other[c];
                    } else {
                        for (size_t c = 0; c < width; c++) to[c] = values[c];
                    }
                }
            }
            b += vectors;
        }
    }
}

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))) static void conv_avx512(
    const float *in, const float *weight, const float *bias, const float *add, float *restrict out,
    const ck_conv2d_shape *shape, size_t first, size_t count) {
    conv_body(8, 2, in, weight, bias, add, out, shape, first, count);
}

__attribute__((target("avx2,fma"))) static void conv_avx2(
    const float *in, const float *weight, const float *bias, const float *add, float *restrict out,
    const ck_conv2d_shape *shape, size_t first, size_t count) {
    conv_body(4, 1, in, weight, bias, add, out, shape, first, count);
}
#endif

void ck_conv2d_f32(const float *in, const float *weight, const float *bias, const float *add,
                   float *restrict out, const ck_conv2d_shape *shape, size_t first, size_t count) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw")) {
        conv_avx512(in, weight, bias, add, out, shape, first, count);
        return;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        conv_avx2(in, weight, bias, add, out, shape, first, count);
        return;
    }
#endif
    conv_body(4, 1, in, weight, bias, add, out, shape, first, count);
}
