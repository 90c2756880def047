// The C side of Imaging: PNG through libpng, JPEG through libjpeg(-turbo), WebP through libwebp, and the
// inner loops of resampling.
//
// Every function works from memory to memory, keeps no state between calls, and reports failure by its status
// and a message; the setjmp/longjmp of the two libraries begins and ends inside one function, so no Swift
// frame is ever jumped over. Sizes are in bytes unless a name says pixels or samples.
#ifndef CIMAGECODECS_H
#define CIMAGECODECS_H

#include <stddef.h>
#include <stdint.h>

/// Outcome of a call; anything but CI_OK comes with a message.
typedef enum ci_status {
    CI_OK = 0,
    /// The input ends too early.
    CI_TRUNCATED = 1,
    /// The input breaks its format.
    CI_CORRUPT = 2,
    /// The input is legal but outside what this decoder takes, or beyond a limit given by the caller.
    CI_UNSUPPORTED = 3,
    /// malloc failed.
    CI_NO_MEMORY = 4
} ci_status;

/// Where a function writes the reason of a failure: `capacity` bytes, always left zero-terminated.
typedef struct ci_message {
    char *text;
    size_t capacity;
} ci_message;

/// What the header of a PNG file says. Colour types are those of the format: 0 grey, 2 RGB, 3 palette,
/// 4 grey + alpha, 6 RGB + alpha.
typedef struct ci_png_header {
    uint32_t width, height;
    int32_t bit_depth, color_type;
    /// Samples per pixel that ci_png_decode writes, and bytes per sample (2 only for 16-bit grey).
    int32_t channels, bytes_per_sample;
    /// Entries of the palette, 0 without one.
    int32_t palette_count;
    /// 1 when a tRNS chunk names one transparent colour (grey: in transparent_red).
    int32_t has_transparent_color;
    uint16_t transparent_red, transparent_green, transparent_blue;
} ci_png_header;

/// Reads everything before the first IDAT. `palette` [256, 4] receives red, green, blue, alpha of every
/// palette entry (alpha 255 where tRNS says nothing).
ci_status ci_png_read_header(
    const uint8_t *bytes, size_t count, ci_png_header *header, uint8_t *palette, ci_message message);

/// Decodes the image that `header` (from ci_png_read_header on the same bytes) describes. `samples` [height,
/// width, channels]: packed samples widened to a byte each without scaling; 16-bit samples cut to their high
/// byte, except 16-bit grey, which stays two bytes, high byte first. `sample_bytes` is its size.
ci_status ci_png_decode(
    const uint8_t *bytes, size_t count, const ci_png_header *header, uint8_t *samples, size_t sample_bytes,
    ci_message message);

/// Encodes `rgb` [height, width, 3] as an 8-bit RGB PNG with `text_count` tEXt chunks. `texts` holds keyword,
/// value, keyword, value …, each Latin-1 and zero-terminated. `*output` is malloc'd; free it with ci_free.
ci_status ci_png_encode(
    const uint8_t *rgb, uint32_t width, uint32_t height, const char *const *texts, size_t text_count,
    uint8_t **output, size_t *output_count, ci_message message);

/// What the header of a JPEG file says.
typedef struct ci_jpeg_header {
    uint32_t width, height;
    /// Samples per pixel that ci_jpeg_decode writes: 1 grey, 3 RGB, 4 CMYK as stored (Adobe: inverted).
    int32_t channels;
    int32_t is_progressive;
} ci_jpeg_header;

/// Reads everything before the first scan.
ci_status ci_jpeg_read_header(const uint8_t *bytes, size_t count, ci_jpeg_header *header, ci_message message);

/// Decodes the image that `header` describes into `samples` [height, width, channels]. A warning of libjpeg
/// that means missing or damaged picture data is a failure, as are more than `maximum_scans` scans.
ci_status ci_jpeg_decode(
    const uint8_t *bytes, size_t count, const ci_jpeg_header *header, int32_t maximum_scans, uint8_t *samples,
    size_t sample_bytes, ci_message message);

/// Encodes `rgb` [height, width, 3] as a baseline YCbCr JPEG. `chroma_factor` 1 keeps chroma at full size
/// (4:4:4), 2 halves it both ways (4:2:0). Free `*output` with ci_free.
ci_status ci_jpeg_encode(
    const uint8_t *rgb, uint32_t width, uint32_t height, int32_t quality, int32_t chroma_factor,
    uint8_t **output, size_t *output_count, ci_message message);

/// What the header of a WebP file says.
typedef struct ci_webp_header {
    uint32_t width, height;
    /// Samples per pixel that ci_webp_decode writes: 3 RGB, 4 RGB + alpha.
    int32_t channels;
    int32_t is_animated;
} ci_webp_header;

/// Reads the header; nothing is allocated.
ci_status ci_webp_read_header(const uint8_t *bytes, size_t count, ci_webp_header *header, ci_message message);

/// Decodes the still image that `header` describes into `samples` [height, width, channels], alpha not
/// multiplied in.
ci_status ci_webp_decode(
    const uint8_t *bytes, size_t count, const ci_webp_header *header, uint8_t *samples, size_t sample_bytes,
    ci_message message);

/// Inflates a zlib stream into `output` and sets `*written`. A stream that ends early gives what it holds;
/// CI_UNSUPPORTED when it holds more than `capacity` bytes, CI_CORRUPT when it is no zlib stream.
ci_status ci_inflate(
    const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity, size_t *written, ci_message message);

/// Frees what ci_png_encode and ci_jpeg_encode returned.
void ci_free(uint8_t *output);

/// Filters rows: `input` [height, input_width, 3] to `output` [height, output_width, 3]. Output pixel x sums
/// inputs `first[x]` ..< `first[x] + length[x]` with the weights at `weights[x * stride]`, in units of 2^-22.
void ci_resample_rows(
    const uint8_t *restrict input, uint8_t *restrict output, size_t height, size_t input_width,
    size_t output_width, const int32_t *first, const int32_t *length, const int32_t *weights, size_t stride);

/// Filters columns: `input` [input_height, width, 3] to `output` [output_height, width, 3], weights as above
/// by output row.
void ci_resample_columns(
    const uint8_t *restrict input, uint8_t *restrict output, size_t width, size_t output_height,
    const int32_t *first, const int32_t *length, const int32_t *weights, size_t stride);

#endif
