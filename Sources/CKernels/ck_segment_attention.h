// What attention in float32 and in bfloat16 have in common: blocks of keys, and the running softmax.
#ifndef CK_SEGMENT_ATTENTION_H
#define CK_SEGMENT_ATTENTION_H

#include "CKernels.h"
#include "ck_math.h"

#include <math.h>

// Keys of one block, and rows of queries that go through a block together.
enum { BLOCK = 64, LANES = 16, TILE = 4 };

typedef float lanes __attribute__((vector_size(4 * LANES), aligned(4)));

CK_INLINE size_t ck_padded(size_t dimension) {
    return (dimension + LANES - 1) / LANES * LANES;
}

CK_INLINE const float *row_of(const ck_head_rows *parts, size_t index) {
    return index < parts[0].count ? parts[0].base + index * parts[0].stride
                                  : parts[1].base + (index - parts[0].count) * parts[1].stride;
}

// Turns the scores of one query into weights exp(score - maximum), and brings its maximum and total up to
// date. Returns the factor that the sums collected so far must be multiplied with.
CK_INLINE float weigh(
    float *scores, size_t visible, float *maximum, float *total
) {
    for (size_t j = visible; j < BLOCK; j++) {
        scores[j] = -INFINITY;
    }
    // Lane by lane, since a single running maximum would be one long chain.
    float largests[LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        largests[lane] = *maximum;
    }
    for (size_t start = 0; start < BLOCK; start += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            float one = scores[start + lane];
            largests[lane] = one > largests[lane] ? one : largests[lane];
        }
    }
    for (size_t width = LANES / 2; width > 0; width /= 2) {
        for (size_t lane = 0; lane < width; lane++) {
            float other = largests[lane + width];
            largests[lane] = other > largests[lane] ? other : largests[lane];
        }
    }
    float largest = largests[0];
    float factor = ck_exp(*maximum - largest);
    for (size_t j = 0; j < BLOCK; j++) {
        scores[j] = ck_exp(scores[j] - largest);
    }
    float partial[LANES];
    for (size_t lane = 0; lane < LANES; lane++) {
        partial[lane] = ((scores[lane] + scores[LANES + lane]) + scores[2 * LANES + lane]) + scores[3 * LANES + lane];
    }
    for (size_t width = LANES / 2; width > 0; width /= 2) {
        for (size_t lane = 0; lane < width; lane++) {
            partial[lane] += partial[lane + width];
        }
    }
    *total = *total * factor + partial[0];
    *maximum = largest;
    return factor;
}

#endif
