#include "internal.h"

enum { WEIGHT_BITS = 22 };

/// Half a unit, so that the shift rounds to nearest.
static const int32_t HALF = 1 << (WEIGHT_BITS - 1);

static inline uint8_t clip(int32_t sum) {
    const int32_t value = sum >> WEIGHT_BITS;
    return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value;
}

void ci_resample_rows(
    const uint8_t *restrict input, uint8_t *restrict output, size_t height, size_t input_width,
    size_t output_width, const int32_t *first, const int32_t *length, const int32_t *weights, size_t stride) {
    for (size_t y = 0; y < height; y++) {
        const uint8_t *row = input + y * input_width * 3;
        uint8_t *out = output + y * output_width * 3;
        for (size_t x = 0; x < output_width; x++) {
            const uint8_t *pixel = row + (size_t)first[x] * 3;
            const int32_t *weight = weights + x * stride;
            int32_t red = HALF, green = HALF, blue = HALF;
            for (int32_t tap = 0; tap < length[x]; tap++) {
                red += pixel[0] * weight[tap];
                green += pixel[1] * weight[tap];
                blue += pixel[2] * weight[tap];
                pixel += 3;
            }
            out[0] = clip(red);
            out[1] = clip(green);
            out[2] = clip(blue);
            out += 3;
        }
    }
}

void ci_resample_columns(
    const uint8_t *restrict input, uint8_t *restrict output, size_t width, size_t output_height,
    const int32_t *first, const int32_t *length, const int32_t *weights, size_t stride) {
    enum { BLOCK = 256 };
    const size_t row_samples = width * 3;
    for (size_t y = 0; y < output_height; y++) {
        const uint8_t *top = input + (size_t)first[y] * row_samples;
        const int32_t *weight = weights + y * stride;
        uint8_t *out = output + y * row_samples;
        for (size_t start = 0; start < row_samples; start += BLOCK) {
            const size_t count = row_samples - start < BLOCK ? row_samples - start : BLOCK;
            int32_t sums[BLOCK];
            for (size_t index = 0; index < count; index++) {
                sums[index] = HALF;
            }
            for (int32_t tap = 0; tap < length[y]; tap++) {
                const uint8_t *samples = top + (size_t)tap * row_samples + start;
                const int32_t factor = weight[tap];
                for (size_t index = 0; index < count; index++) {
                    sums[index] += samples[index] * factor;
                }
            }
            for (size_t index = 0; index < count; index++) {
                out[start + index] = clip(sums[index]);
            }
        }
    }
}
