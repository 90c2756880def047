// Matrix products of oneDNN with packed weights, through its C API of version 2 or 3.
//
// The library is opened at run time (dlopen), so a program neither needs it to be linked nor to start; without it, or
// when this target was built without its headers, od_unavailable() says why. All products run on the thread that
// calls them: callers split a weight's outputs over threads of their own, so that no second thread pool exists and a
// sum is never split between threads. Functions may be called from several threads at once.
#ifndef CONEDNN_H
#define CONEDNN_H

#include <stddef.h>
#include <stdint.h>

/// Why the library cannot be used, one line; NULL when it can.
const char *od_unavailable(void);

/// Version of the opened library, for example "2.6.3"; NULL without one.
const char *od_version(void);

/// 1 when CPU and library multiply bfloat16 by instructions made for it, and ONEDNN_MAX_CPU_ISA allows them.
int od_has_bf16(void);

/// 1 when sums of products of eight-bit numbers are exact; else the library adds pairs of them in 16 bits, which
/// overflow unless x is at most 127.
int od_has_exact_int8(void);

/// Types of a product y = x · wᵀ.
typedef enum {
    /// x and w bfloat16, y float32.
    OD_BF16 = 0,
    /// x uint8, w int8, y int32.
    OD_INT8 = 1,
} od_type;

/// How the library wants a weight [outputs, inputs] to lie in memory.
typedef struct od_layout od_layout;

/// Asks for the layout of a product of some hundred rows; NULL when the library has none but its reference loops.
od_layout *od_layout_create(od_type type, size_t outputs, size_t inputs);
void od_layout_destroy(od_layout *layout);

/// Bytes of a weight in this layout.
size_t od_layout_size(const od_layout *layout);

/// 1 when the layout is one of words of 32 bits, a word being 2 bfloat16 or 4 int8 inputs of an output: for every 64
/// outputs a matrix [words, 64], words filled up with zeros to a multiple of 16, outputs to one of 64. Else 0.
int od_layout_is_plain_words(const od_layout *layout);

/// Brings row-major `weight` [outputs, inputs] into the layout; `packed` is 64-byte aligned. 0 on success.
int od_layout_pack(const od_layout *layout, const void *weight, void *packed);

/// Brings the transposed of such a weight, row-major [inputs, outputs], into the layout. 0 on success.
int od_layout_pack_transposed(const od_layout *layout, const void *weight, void *packed);

/// A product of `rows` rows with weights of one layout; immutable.
typedef struct od_product od_product;

/// Makes a product; NULL when the library has none for this layout.
od_product *od_product_create(const od_layout *layout, size_t rows);
void od_product_destroy(od_product *product);

/// Bytes of work memory that a run needs.
size_t od_product_scratch(const od_product *product);

/// y = x · wᵀ with x [rows, inputs], `packed` a weight in the layout, y [rows, outputs] and 64-byte aligned scratch.
/// 0 on success.
int od_product_run(const od_product *product, const void *x, const void *packed, void *y, void *scratch);

#endif
