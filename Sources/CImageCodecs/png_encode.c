#include "internal.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

/// The growing output, and where libpng's complaint goes.
typedef struct {
    uint8_t *bytes;
    size_t count, capacity;
    ci_status status;
    ci_message message;
} png_output;

static void on_error(png_structp png, png_const_charp text) {
    png_output *output = png_get_error_ptr(png);
    if (output->status == CI_OK) {
        output->status = CI_UNSUPPORTED;
    }
    ci_write_message(output->message, text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void write_bytes(png_structp png, png_bytep source, size_t count) {
    png_output *output = png_get_io_ptr(png);
    if (count > output->capacity - output->count) {
        size_t capacity = output->capacity * 2;
        if (capacity < output->count + count) {
            capacity = output->count + count;
        }
        uint8_t *grown = realloc(output->bytes, capacity);
        if (grown == NULL) {
            output->status = CI_NO_MEMORY;
            png_error(png, "no memory for the encoded image");
        }
        output->bytes = grown;
        output->capacity = capacity;
    }
    memcpy(output->bytes + output->count, source, count);
    output->count += count;
}

static void flush_nothing(png_structp png) {
    (void)png;
}

/// The part of ci_png_encode inside which libpng may jump.
static ci_status encode(
    png_structp png, png_infop info, png_output *output, const uint8_t *rgb, uint32_t width, uint32_t height,
    const char *const *texts, size_t text_count) {
    if (setjmp(png_jmpbuf(png))) {
        return output->status;
    }
    png_set_write_fn(png, output, write_bytes, flush_nothing);
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(
        png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
        PNG_FILTER_TYPE_DEFAULT);
    for (size_t index = 0; index < text_count; index++) {
        png_text text;
        memset(&text, 0, sizeof text);
        text.compression = PNG_TEXT_COMPRESSION_NONE;
        text.key = (png_charp)texts[2 * index];
        text.text = (png_charp)texts[2 * index + 1];
        text.text_length = strlen(texts[2 * index + 1]);
        png_set_text(png, info, &text, 1);
    }
    png_write_info(png, info);
    for (uint32_t row = 0; row < height; row++) {
        png_write_row(png, rgb + (size_t)row * width * 3);
    }
    png_write_end(png, NULL);
    return CI_OK;
}

ci_status ci_png_encode(
    const uint8_t *rgb, uint32_t width, uint32_t height, const char *const *texts, size_t text_count,
    uint8_t **output, size_t *output_count, ci_message message) {
    png_output sink = {NULL, 0, 0, CI_OK, message};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &sink, on_error, on_warning);
    png_infop info = png == NULL ? NULL : png_create_info_struct(png);
    ci_status status = CI_NO_MEMORY;
    if (info == NULL) {
        ci_write_message(message, "no memory for the encoder");
    } else {
        status = encode(png, info, &sink, rgb, width, height, texts, text_count);
    }
    png_destroy_write_struct(&png, &info);
    if (status != CI_OK) {
        free(sink.bytes);
        return status;
    }
    *output = sink.bytes;
    *output_count = sink.count;
    return CI_OK;
}
