// The C kernels of the package. Every function works on plain pointers and counts, allocates nothing, keeps no
// state but the instruction level, and starts no thread; the Swift fronts in Sources/Shared/Kernels check shapes
// before they call.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stddef.h>
#include <stdint.h>

// MARK: instruction_level

/// The instruction level that kernels with several variants use: 2 AVX-512, 1 AVX2, 0 plain C. The best of this CPU,
/// but no better than the variable EDIT_R1_MAX_ISA of the environment allows (avx512, avx2 or portable; the
/// programs refuse every other value), which is read once.
int ck_instruction_level(void);

// MARK: convert

/// out[i] = in[i] for unaligned float32 input, i in 0 ..< count.
void ck_convert_f32_f32(const void *in, float *restrict out, size_t count);

/// 1 when every number of x[0 ..< count] is finite, else 0.
int ck_all_finite_f32(const float *x, size_t count);

// MARK: rms_norm

/// y[r][c] = x[r][c] / sqrt(mean of x[r]² + epsilon) · weight[c]; x and y are [rows, columns], weight is [columns].
void ck_rms_norm_f32(
    const float *x, const float *weight, float *restrict y, size_t rows, size_t columns, float epsilon);

// MARK: half_rotary

/// Turns the pairs (j, j + dimension/2) of every head of every row in place.
///
/// x is [rows, stride] with `heads` heads of `dimension` numbers side by side at its start; cosine and sine are
/// [rows, dimension/2].
void ck_half_rotary_f32(
    float *restrict x, size_t stride, const float *restrict cosine, const float *restrict sine, size_t rows,
    size_t heads, size_t dimension);

// MARK: gated_silu

/// out[i] = gate[i] · sigmoid(gate[i]) · up[i], i in 0 ..< count; out overlaps neither.
void ck_gated_silu_f32(const float *gate, const float *up, float *restrict out, size_t count);

// MARK: row_arithmetic

/// x[r][c] += bias[c]; x is [rows, columns], bias is [columns].
void ck_add_bias_f32(float *restrict x, const float *restrict bias, size_t rows, size_t columns);

/// x[i] += y[i], i in 0 ..< count.
void ck_accumulate_f32(float *restrict x, const float *restrict y, size_t count);

/// out[r] = sum over c of matrix[r][c] · x[c], added up in an order that depends on nothing but `columns`.
void ck_row_dots_f32(const float *matrix, const float *x, float *restrict out, size_t rows, size_t columns);

// MARK: segment_attention

/// Keys or values of one head: row i starts at base + i · stride.
typedef struct {
    const float *base;
    size_t stride;
    size_t count;
} ck_head_rows;

/// Floats that ck_segment_attention_f32 and ck_segment_attention_bf16 need as scratch for `rows` = queries · heads.
size_t ck_segment_attention_scratch(size_t rows, size_t dimension);

/// Softmax attention of `queries` rows of `heads` heads that share one key and value head.
///
/// The keys are those of keys[0] followed by those of keys[1]; values has the same counts. They are taken in blocks
/// of 64 from the first on, whatever keys[0].count is, so a row's rounding does not depend on where the
/// keys are split. With causal != 0 query r sees the keys 0 ... firstIndex + r, else all.
/// q row r, head h is at q + r · qStride + h · dimension; out likewise with outStride.
void ck_segment_attention_f32(
    const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension, const ck_head_rows *keys,
    const ck_head_rows *values, int causal, size_t firstIndex, float scale, float *restrict out, size_t outStride,
    float *restrict scratch);

/// The same with queries, keys, weights and values rounded to bfloat16; sums and the softmax stay float32. Rounds
/// nothing where ck_has_bf16_attention() is 0.
void ck_segment_attention_bf16(
    const float *q, size_t qStride, size_t queries, size_t heads, size_t dimension, const ck_head_rows *keys,
    const ck_head_rows *values, int causal, size_t firstIndex, float scale, float *restrict out, size_t outStride,
    float *restrict scratch);

/// 1 when the CPU multiplies pairs of bfloat16 in vectors of 512 bits and the instruction level allows it.
int ck_has_bf16_attention(void);

// MARK: activation

/// y[r, i] = silu(x[r, i]) for `rows` rows of `width` numbers that lie `stride` numbers apart; x and y may not overlap.
void ck_silu_f32(
    const float *restrict x, size_t x_stride, float *restrict y, size_t y_stride, size_t rows, size_t width);
/// The same for GELU in its error-function form.
void ck_gelu_erf_f32(
    const float *restrict x, size_t x_stride, float *restrict y, size_t y_stride, size_t rows, size_t width);
/// The same for GELU in its tanh form.
void ck_gelu_tanh_f32(
    const float *restrict x, size_t x_stride, float *restrict y, size_t y_stride, size_t rows, size_t width);
/// The same for x·sigmoid(1.702 x).
void ck_quick_gelu_f32(
    const float *restrict x, size_t x_stride, float *restrict y, size_t y_stride, size_t rows, size_t width);

/// dx[r, i] (+)= g[r, i] · silu'(x[r, i]); adds to dx when `adds` is not 0.
void ck_silu_backward_f32(
    const float *restrict x, size_t x_stride, const float *restrict g, size_t g_stride, float *restrict dx,
    size_t dx_stride, size_t rows, size_t width, int adds);
/// The same for GELU in its error-function form.
void ck_gelu_erf_backward_f32(
    const float *restrict x, size_t x_stride, const float *restrict g, size_t g_stride, float *restrict dx,
    size_t dx_stride, size_t rows, size_t width, int adds);
/// The same for GELU in its tanh form.
void ck_gelu_tanh_backward_f32(
    const float *restrict x, size_t x_stride, const float *restrict g, size_t g_stride, float *restrict dx,
    size_t dx_stride, size_t rows, size_t width, int adds);
/// The same for x·sigmoid(1.702 x).
void ck_quick_gelu_backward_f32(
    const float *restrict x, size_t x_stride, const float *restrict g, size_t g_stride, float *restrict dx,
    size_t dx_stride, size_t rows, size_t width, int adds);

// MARK: convolution

/// Shape of a 2-D convolution over one image with a border of one pixel: [height + 2, width + 2, channels].
/// Output pixel (row, column) of the grid reads a window that starts at (row · stride + origin_row,
/// column · stride + origin_column) and is stored at (row · out_step + out_row, column · out_step + out_column);
/// all positions count the border.
typedef struct {
    size_t in_pitch, channels;            // pixels of an input row; input channels
    size_t out_pitch, out_channels;       // pixels of an output row; output channels
    size_t columns;                       // columns of the grid of output pixels
    size_t kernel, stride;                // side of the window; distance of two windows
    size_t origin_row, origin_column;
    size_t out_step, out_row, out_column;
} ck_conv2d_shape;

/// Computes the pixels first ..< first + count (row-major in the grid) of one image; the border of out is not
/// written. weight is [blocks, kernel, kernel, channels, 16] with blocks = out_channels / 16 rounded up, bias
/// [blocks * 16]; add (in out's layout, or NULL) is added at the end. A pixel's bits depend on its window alone.
void ck_conv2d_f32(const float *in, const float *weight, const float *bias, const float *add,
                   float *restrict out, const ck_conv2d_shape *shape, size_t first, size_t count);

// MARK: group norm

/// Shape of a group normalisation over one image with a border of one pixel.
typedef struct {
    size_t height, width, channels, groups;
    float epsilon;
    int silu;             // whether x · sigmoid(x) follows
} ck_group_norm_shape;

/// out = (in - mean of the group) / sqrt(variance of the group + epsilon) · scale + shift, inside the border; the
/// border is not written. line [3 * channels] and total [channels] are scratch.
void ck_group_norm_f32(const float *in, const float *scale, const float *shift, float *restrict out,
                       float *restrict line, double *restrict total, const ck_group_norm_shape *shape);

// MARK: layer norm

/// y = x̂ (1 + scale) + shift with x̂ = (x - mean) / sqrt(variance + epsilon) over each row of `width` numbers. Rows
/// r · rows_per_sample ... share row r of shift and scale, which lie `modulation_stride` numbers apart. mean and
/// inverse_deviation are [rows], written for the backward pass.
void ck_layer_norm_modulate_f32(
    const float *restrict x, const float *restrict shift, const float *restrict scale, size_t modulation_stride,
    float *restrict y, float *restrict mean, float *restrict inverse_deviation, size_t rows, size_t rows_per_sample,
    size_t width, float epsilon);
/// dx (+)= the derivative by x; adds to dx when `adds` is not 0.
void ck_layer_norm_modulate_backward_f32(
    const float *restrict x, const float *restrict scale, size_t modulation_stride, const float *restrict mean,
    const float *restrict inverse_deviation, const float *restrict g, float *restrict dx, size_t rows,
    size_t rows_per_sample, size_t width, int adds);
/// dshift += sum of g and dscale += sum of g x̂ over the rows of each sample.
void ck_modulation_backward_f32(
    const float *restrict x, const float *restrict mean, const float *restrict inverse_deviation,
    const float *restrict g, float *restrict dshift, float *restrict dscale, size_t modulation_stride, size_t rows,
    size_t rows_per_sample, size_t width);

// MARK: layer norm with weight and bias

/// y = (x - mean) / sqrt(variance + epsilon) · weight + bias over each row of `columns` numbers; weight and bias are
/// [columns], y does not overlap x.
void ck_layer_norm_affine_f32(
    const float *x, const float *weight, const float *bias, float *restrict y, size_t rows, size_t columns,
    float epsilon);

// MARK: head RMS norm and pair rotary

/// y = weight · x / sqrt(mean of x² + epsilon) over rows of `width` numbers.
void ck_head_rms_norm_f32(
    const float *restrict x, size_t x_stride, const float *restrict weight, float *restrict y, size_t y_stride,
    size_t rows, size_t width, float epsilon);
/// dx (+)= the derivative by x.
void ck_head_rms_norm_backward_f32(
    const float *restrict x, size_t x_stride, const float *restrict weight, const float *restrict g, size_t g_stride,
    float *restrict dx, size_t dx_stride, size_t rows, size_t width, float epsilon, int adds);
/// sum[i] += the derivative by the weight for the derivative g of y.
void ck_head_rms_norm_weight_f32(
    const float *restrict x, size_t x_stride, const float *restrict g, size_t g_stride, float *restrict sum,
    size_t rows, size_t width, float epsilon);
/// Turns the pairs (x[2i], x[2i + 1]) of every row by direction · angle in place; cosine and sine are [rows, pairs].
void ck_pair_rotary_f32(
    float *restrict x, size_t stride, const float *restrict cosine, const float *restrict sine, size_t rows,
    size_t pairs, float direction);

// MARK: token attention

/// Floats of scratch that the two functions below need.
size_t ck_token_attention_scratch_f32(size_t stride);
/// o = softmax(scale · q kᵀ) v of one head. q, o: [queries, stride]; k, v: [keys, stride]; stride is a multiple of 16
/// and numbers beyond the head's width are zero. log_sum [queries] receives the logarithm of each row's sum.
void ck_token_attention_f32(
    const float *restrict q, const float *restrict k, const float *restrict v, float *restrict o,
    float *restrict log_sum, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch);
/// dq, dk, dv = the derivatives for the derivative g [queries, stride] of o; overwritten.
void ck_token_attention_backward_f32(
    const float *restrict q, const float *restrict k, const float *restrict v, const float *restrict o,
    const float *restrict log_sum, const float *restrict g, float *restrict dq, float *restrict dk,
    float *restrict dv, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch);

/// Floats of scratch that the two functions below need.
size_t ck_token_attention_scratch_bf16(size_t queries, size_t stride);
/// The same two with both factors of every product rounded to bfloat16; sums and the softmax stay float32. Round nothing
/// where ck_has_bf16_attention() is 0.
void ck_token_attention_bf16(
    const float *restrict q, const float *restrict k, const float *restrict v, float *restrict o,
    float *restrict log_sum, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch);
void ck_token_attention_backward_bf16(
    const float *restrict q, const float *restrict k, const float *restrict v, const float *restrict o,
    const float *restrict log_sum, const float *restrict g, float *restrict dq, float *restrict dk,
    float *restrict dv, size_t queries, size_t keys, size_t stride, float scale, float *restrict scratch);

// MARK: elementwise

/// Every row of y [rows, width] = row [width].
void ck_fill_rows_f32(const float *restrict row, float *restrict y, size_t stride, size_t rows, size_t width);
/// sum [width] += the rows of x [rows, width].
void ck_sum_rows_f32(const float *restrict x, size_t stride, float *restrict sum, size_t rows, size_t width);
/// y += x, both [rows, width].
void ck_add_rows_f32(
    const float *restrict x, size_t x_stride, float *restrict y, size_t y_stride, size_t rows, size_t width);
/// z = a x + b y, all [count].
void ck_scaled_sum_f32(
    float a, const float *restrict x, float b, const float *restrict y, float *restrict z, size_t count);
/// y = x + gate · f with x, f, y [rows, width] and one row of gate for each sample.
void ck_gated_sum_f32(
    const float *restrict x, const float *restrict gate, size_t gate_stride, const float *restrict f,
    float *restrict y, size_t rows, size_t rows_per_sample, size_t width);
/// df = gate · g.
void ck_gated_rows_f32(
    const float *restrict gate, size_t gate_stride, const float *restrict g, float *restrict df, size_t rows,
    size_t rows_per_sample, size_t width);
/// dgate += sum of f · g over the rows of each sample.
void ck_gate_backward_f32(
    const float *restrict f, const float *restrict g, float *restrict dgate, size_t gate_stride, size_t rows,
    size_t rows_per_sample, size_t width);

// MARK: unpack

// The functions of this section take the instruction level to use; all levels give the same bits. A level above the
// CPU's own must not be passed.


/// out[i] = float of number i of a run of `count` numbers, whole blocks: `in` may be unaligned.
void ck_unpack_bf16_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_f16_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q8_0_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q4_0_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q4_1_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q5_0_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q5_1_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q2_k_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q3_k_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q4_k_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q5_k_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_q6_k_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_iq4_nl_f32(int level, const void *in, float *restrict out, size_t count);
void ck_unpack_iq4_xs_f32(int level, const void *in, float *restrict out, size_t count);

/// The reverse for finite numbers: the nearest block under the format's usual choice of scale; `out` may be unaligned.
void ck_pack_q8_0_f32(int level, const float *x, void *out, size_t count);
void ck_pack_q4_0_f32(int level, const float *x, void *out, size_t count);

/// The scales of an eight-bit matrix: scales[r / rows][c / columns] belongs to number (r, c). Products are rounded to
/// half (rounding 1), to bfloat16 (2) or not at all (0).
typedef struct {
    const float *scales;
    size_t rows, columns;
    int rounding;
} ck_scale_tiles;

/// out [rows, columns] = rows `first` ... of the E4M3 matrix `in` of `columns` columns, times their scales.
void ck_unpack_f8_f32(int level, const void *in, const ck_scale_tiles *tiles, float *restrict out, size_t first,
                      size_t rows, size_t columns);

/// A four-bit matrix [outputs, inputs] in words of eight. scales is [groups, outputs] of float32 (scale_type 0), half
/// (1) or bfloat16 (2); zeros is [groups, outputs / 8] words, to whose nibbles zero_offset is added modulo 16; input i
/// belongs to group groups[i]. AWQ: words is [inputs, outputs / 8]; GPTQ: [inputs / 8, outputs]. outputs, and for GPTQ
/// inputs, are multiples of 8. All but groups may be unaligned.
typedef struct {
    const void *words, *zeros, *scales;
    const int32_t *groups;
    size_t outputs, inputs;
    int scale_type;
    uint32_t zero_offset;
} ck_packed_rows;

/// out [rows, inputs] = outputs `first` ... of the matrix.
void ck_unpack_awq_f32(int level, const ck_packed_rows *p, float *restrict out, size_t first, size_t rows);
void ck_unpack_gptq_f32(int level, const ck_packed_rows *p, float *restrict out, size_t first, size_t rows);

/// A matrix of whole numbers of `bits` (4 or 8) bits, lowest bits first, row after row of row_bytes bytes. scales is
/// [outputs, groups] of float32 (scale_type 0), half (1) or bfloat16 (2), or one number without has_row_scales. zeros
/// is NULL for zeros in the middle, signed bytes like the scales (has_plain_zeros), or [outputs · bits / 32, groups]
/// words with one output above the other. Inputs go in groups of group_length, or input i belongs to group
/// group_of_input[i]. is_signed: eight-bit numbers in two's complement. All but group_of_input may be unaligned.
typedef struct {
    const void *numbers, *scales, *zeros;
    const int32_t *group_of_input;
    size_t row_bytes, inputs, groups, group_length;
    int bits, is_signed, scale_type, has_row_scales, has_plain_zeros;
} ck_integer_rows;

/// out [rows, inputs] = outputs `first` ... of the matrix.
void ck_unpack_integers_f32(int level, const ck_integer_rows *p, float *restrict out, size_t first, size_t rows);

// MARK: instruction_peak

/// Multiplies and adds on registers alone for `rounds` rounds with the widest instructions of the CPU; *sink receives
/// a number that depends on all of them. Returns the operations, two for a multiplication and an addition; 0 when the
/// CPU has no instruction for the type.
double ck_peak_f32(size_t rounds, float *sink);
double ck_peak_bf16(size_t rounds, float *sink);
double ck_peak_int8(size_t rounds, float *sink);

// MARK: low precision

/// out[i] = the nearest bfloat16 of x[i], ties to even; NaN stays NaN.
void ck_round_f32_bf16(int level, const float *x, uint16_t *restrict out, size_t count);

/// Eight-bit codes of rows of activations: x[r][c] ≈ scales[r] · (out[r][c] - zeros[r]), codes 0 ... highest. A row
/// with a NaN or an infinity gets the scale NaN. x and out are [rows, columns].
void ck_quantize_f32_u8(int level, const float *x, uint8_t *restrict out, float *restrict scales,
                        int32_t *restrict zeros, size_t rows, size_t columns, int highest);

/// Eight-bit codes of rows of weights: w[r][c] ≈ scales[r] · out[r][c], codes -127 ... 127; sums[r] = sum of out[r].
void ck_quantize_f32_s8(int level, const float *w, int8_t *restrict out, float *restrict scales,
                        int32_t *restrict sums, size_t rows, size_t columns);

/// y[r][c] = row_scales[r] · column_scales[c] · (sums[r][c] - row_zeros[r] · column_sums[c]); sums and y are
/// [rows, columns].
void ck_scale_s32(int level, const int32_t *sums, const float *row_scales, const int32_t *row_zeros,
                  const float *column_scales, const int32_t *column_sums, float *restrict y, size_t rows,
                  size_t columns);

// MARK: pack_words

/// Sixteen columns of words out of as many rows: out[w · pitch + r] = bytes 4 w ... 4 w + 3 of row r, for w in
/// 0 ..< words and r in 0 ..< 16. Bytes behind `row_bytes` and rows behind `rows`, at most 16, are zero; `words` is a
/// multiple of 16.
void ck_pack_words(int level, const void *in, size_t row_bytes, size_t rows, uint32_t *restrict out, size_t pitch,
                   size_t words);

/// out[i] = the word of first[i] and, in its upper half, second[i], for i in 0 ..< count.
void ck_zip_halves(int level, const uint16_t *first, const uint16_t *second, uint32_t *restrict out, size_t count);

#endif
