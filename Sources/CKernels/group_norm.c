#include "CKernels.h"

#include "ck_math.h"

#include <math.h>

CK_INLINE void ck_group_norm_f32_body(const float *in, const float *scale, const float *shift, float *restrict out,
                               float *restrict line, double *restrict total, const ck_group_norm_shape *shape) {
    const size_t channels = shape->channels, pitch = (shape->width + 2) * channels;
    const size_t size = channels / shape->groups;
    const double count = (double)(shape->width * shape->height * size);
    const float *inside = in + pitch + channels;
    float *mean = line + channels, *factor = line + 2 * channels;
    // Two passes: the mean of a group, then the mean squared distance from it. Lines in float, their sum in double.
    for (int pass = 0; pass < 2; pass++) {
        for (size_t c = 0; c < channels; c++) total[c] = 0;
        for (size_t y = 0; y < shape->height; y++) {
            for (size_t c = 0; c < channels; c++) line[c] = 0;
            for (size_t x = 0; x < shape->width; x++) {
                const float *pixel = inside + y * pitch + x * channels;
                if (pass == 0) {
#pragma clang loop vectorize(enable)
                    for (size_t c = 0; c < channels; c++) line[c] += pixel[c];
                } else {
#pragma clang loop vectorize(enable)
                    for (size_t c = 0; c < channels; c++) {
                        const float distance = pixel[c] - mean[c];
                        line[c] += distance * distance;
                    }
                }
            }
            for (size_t c = 0; c < channels; c++) total[c] += line[c];
        }
        for (size_t g = 0; g < shape->groups; g++) {
            double sum = 0;
            for (size_t c = 0; c < size; c++) sum += total[g * size + c];
            for (size_t c = g * size; c < (g + 1) * size; c++) {
                if (pass == 0) {
                    mean[c] = (float)(sum / count);
                } else {
                    factor[c] = (float)(1.0 / sqrt(sum / count + (double)shape->epsilon)) * scale[c];
                    line[c] = shift[c] - mean[c] * factor[c];
                }
            }
        }
    }
    for (size_t y = 0; y < shape->height; y++) {
        for (size_t x = 0; x < shape->width; x++) {
            const size_t at = y * pitch + x * channels;
            const float *pixel = inside + at;
            float *to = out + pitch + channels + at;
            if (shape->silu) {
#pragma clang loop vectorize(enable)
                for (size_t c = 0; c < channels; c++) {
                    const float value = pixel[c] * factor[c] + line[c];
                    to[c] = value * ck_sigmoid(value);
                }
            } else {
#pragma clang loop vectorize(enable)
                for (size_t c = 0; c < channels; c++) to[c] = pixel[c] * factor[c] + line[c];
            }
        }
    }
}

CK_MULTIVERSION(
    ck_group_norm_f32,
    (const float *in, const float *scale, const float *shift, float *restrict out, float *restrict line,
     double *restrict total, const ck_group_norm_shape *shape),
    (in, scale, shift, out, line, total, shape))
