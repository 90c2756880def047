#include "internal.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

/// The input as libpng sees it, and where its complaint goes.
typedef struct {
    const uint8_t *bytes;
    size_t count, position;
    ci_status status;
    ci_message message;
} png_input;

static void on_error(png_structp png, png_const_charp text) {
    png_input *input = png_get_error_ptr(png);
    if (input->status == CI_OK) {
        input->status = CI_CORRUPT;
    }
    ci_write_message(input->message, text);
    png_longjmp(png, 1);
}

/// libpng's warnings concern metadata or bytes after the picture; damage to the picture itself is an error
/// there.
static void on_warning(png_structp png, png_const_charp text) {
    (void)png;
    (void)text;
}

static void read_bytes(png_structp png, png_bytep destination, size_t count) {
    png_input *input = png_get_io_ptr(png);
    if (count > input->count - input->position) {
        input->status = CI_TRUNCATED;
        png_error(png, "the data ends inside a chunk");
    }
    memcpy(destination, input->bytes + input->position, count);
    input->position += count;
}

/// libpng's two structures; both NULL or both set.
typedef struct {
    png_structp png;
    png_infop info;
} png_reader;

static png_reader make_reader(png_input *input) {
    png_reader reader = {png_create_read_struct(PNG_LIBPNG_VER_STRING, input, on_error, on_warning), NULL};
    if (reader.png != NULL) {
        reader.info = png_create_info_struct(reader.png);
        if (reader.info == NULL) {
            png_destroy_read_struct(&reader.png, NULL, NULL);
        }
    }
    if (reader.png == NULL) {
        input->status = CI_NO_MEMORY;
        ci_write_message(input->message, "no memory for the decoder");
    } else {
        png_set_read_fn(reader.png, input, read_bytes);
    }
    return reader;
}

/// Reads up to the first IDAT. Every CRC is checked, and every ancillary chunk but tRNS is skipped unread, so
/// compressed text and colour profiles are never inflated.
static void read_info(png_reader reader) {
    png_set_keep_unknown_chunks(reader.png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_set_crc_action(reader.png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // the caller checked its own
    png_read_info(reader.png, reader.info);
}

static void copy_palette(png_structp png, png_infop info, ci_png_header *header, uint8_t *palette) {
    png_colorp colors = NULL;
    int color_count = 0;
    png_bytep alphas = NULL;
    int alpha_count = 0;
    png_color_16p transparent = NULL;
    memset(palette, 255, 256 * 4);
    if (header->color_type == PNG_COLOR_TYPE_PALETTE && png_get_PLTE(png, info, &colors, &color_count)) {
        header->palette_count = color_count;
        for (int index = 0; index < color_count && index < 256; index++) {
            palette[4 * index] = colors[index].red;
            palette[4 * index + 1] = colors[index].green;
            palette[4 * index + 2] = colors[index].blue;
        }
    }
    if (png_get_tRNS(png, info, &alphas, &alpha_count, &transparent)) {
        if (header->color_type == PNG_COLOR_TYPE_PALETTE) {
            for (int index = 0; index < alpha_count && index < 256; index++) {
                palette[4 * index + 3] = alphas[index];
            }
        } else if (transparent != NULL && header->color_type == PNG_COLOR_TYPE_GRAY) {
            header->has_transparent_color = 1;
            header->transparent_red = transparent->gray;
        } else if (transparent != NULL) {
            header->has_transparent_color = 1;
            header->transparent_red = transparent->red;
            header->transparent_green = transparent->green;
            header->transparent_blue = transparent->blue;
        }
    }
}

/// The part of ci_png_read_header inside which libpng may jump.
static ci_status read_header(png_reader reader, png_input *input, ci_png_header *header, uint8_t *palette) {
    png_structp png = reader.png;
    png_infop info = reader.info;
    if (setjmp(png_jmpbuf(png))) {
        return input->status;
    }
    read_info(reader);
    memset(header, 0, sizeof *header);
    header->width = png_get_image_width(png, info);
    header->height = png_get_image_height(png, info);
    header->bit_depth = png_get_bit_depth(png, info);
    header->color_type = png_get_color_type(png, info);
    header->channels = png_get_channels(png, info);
    header->bytes_per_sample = header->bit_depth == 16 && header->color_type == PNG_COLOR_TYPE_GRAY ? 2 : 1;
    copy_palette(png, info, header, palette);
    if (header->color_type == PNG_COLOR_TYPE_PALETTE && header->palette_count == 0) {
        png_error(png, "the palette is missing");
    }
    return CI_OK;
}

ci_status ci_png_read_header(
    const uint8_t *bytes, size_t count, ci_png_header *header, uint8_t *palette, ci_message message) {
    png_input input = {bytes, count, 0, CI_OK, message};
    png_reader reader = make_reader(&input);
    if (reader.png == NULL) {
        return input.status;
    }
    const ci_status status = read_header(reader, &input, header, palette);
    png_destroy_read_struct(&reader.png, &reader.info, NULL);
    return status;
}

/// The part of ci_png_decode inside which libpng may jump.
static ci_status decode(
    png_reader reader, png_input *input, const ci_png_header *header, uint8_t *samples, size_t sample_bytes) {
    png_structp png = reader.png;
    if (setjmp(png_jmpbuf(png))) {
        return input->status;
    }
    read_info(reader);
    png_set_packing(png);
    if (header->bit_depth == 16 && header->bytes_per_sample == 1) {
        png_set_strip_16(png);
    }
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader.info);
    const size_t row_bytes = png_get_rowbytes(png, reader.info);
    const size_t pixel_bytes = (size_t)header->channels * (size_t)header->bytes_per_sample;
    if (row_bytes != header->width * pixel_bytes || png_get_image_height(png, reader.info) != header->height
        || sample_bytes / header->height < row_bytes) {
        png_error(png, "the header changed between two readings");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t row = 0; row < header->height; row++) {
            png_read_row(png, samples + (size_t)row * row_bytes, NULL);
        }
    }
    png_read_end(png, NULL);
    return CI_OK;
}

ci_status ci_png_decode(
    const uint8_t *bytes, size_t count, const ci_png_header *header, uint8_t *samples, size_t sample_bytes,
    ci_message message) {
    png_input input = {bytes, count, 0, CI_OK, message};
    png_reader reader = make_reader(&input);
    if (reader.png == NULL) {
        return input.status;
    }
    const ci_status status = decode(reader, &input, header, samples, sample_bytes);
    png_destroy_read_struct(&reader.png, &reader.info, NULL);
    return status;
}
