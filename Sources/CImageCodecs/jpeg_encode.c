#include "internal.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

/// Where libjpeg's complaint goes, and where it jumps. `base` is first: libjpeg hands back a pointer to it.
typedef struct {
    struct jpeg_error_mgr base;
    jmp_buf jump;
    ci_status status;
    ci_message message;
} jpeg_failure;

static void on_error(j_common_ptr codec) {
    jpeg_failure *failure = (jpeg_failure *)codec->err;
    char text[JMSG_LENGTH_MAX];
    codec->err->format_message(codec, text);
    failure->status = codec->err->msg_code == JERR_OUT_OF_MEMORY ? CI_NO_MEMORY : CI_UNSUPPORTED;
    ci_write_message(failure->message, text);
    longjmp(failure->jump, 1);
}

static void on_message(j_common_ptr codec, int level) {
    (void)codec;
    (void)level;
}

/// What libjpeg grows while it writes.
typedef struct {
    unsigned char *bytes;
    unsigned long count;
} jpeg_output;

/// The part of ci_jpeg_encode inside which libjpeg may jump.
static ci_status encode(
    struct jpeg_compress_struct *codec, jpeg_failure *failure, jpeg_output *output, const uint8_t *rgb,
    uint32_t width, uint32_t height, int32_t quality, int32_t chroma_factor) {
    if (setjmp(failure->jump)) {
        return failure->status;
    }
    jpeg_create_compress(codec);
    jpeg_mem_dest(codec, &output->bytes, &output->count);
    codec->image_width = width;
    codec->image_height = height;
    codec->input_components = 3;
    codec->in_color_space = JCS_RGB;
    jpeg_set_defaults(codec);
    jpeg_set_quality(codec, quality, TRUE);
    codec->dct_method = JDCT_ISLOW;
    codec->comp_info[0].h_samp_factor = chroma_factor;
    codec->comp_info[0].v_samp_factor = chroma_factor;
    jpeg_start_compress(codec, TRUE);
    while (codec->next_scanline < codec->image_height) {
        JSAMPROW row = (JSAMPROW)(rgb + (size_t)codec->next_scanline * width * 3);
        jpeg_write_scanlines(codec, &row, 1);
    }
    jpeg_finish_compress(codec);
    return CI_OK;
}

ci_status ci_jpeg_encode(
    const uint8_t *rgb, uint32_t width, uint32_t height, int32_t quality, int32_t chroma_factor,
    uint8_t **output, size_t *output_count, ci_message message) {
    struct jpeg_compress_struct codec;
    jpeg_failure failure;
    jpeg_output sink = {NULL, 0};
    memset(&codec, 0, sizeof codec);
    memset(&failure, 0, sizeof failure);
    codec.err = jpeg_std_error(&failure.base);
    failure.base.error_exit = on_error;
    failure.base.emit_message = on_message;
    failure.message = message;
    const ci_status status = encode(&codec, &failure, &sink, rgb, width, height, quality, chroma_factor);
    codec.err = &failure.base;
    jpeg_destroy_compress(&codec);
    if (status != CI_OK) {
        free(sink.bytes);
        return status;
    }
    *output = sink.bytes;
    *output_count = sink.count;
    return CI_OK;
}
