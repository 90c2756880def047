#include "internal.h"

#include <setjmp.h>
#include <stdio.h>
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

/// Counts scans. `base` is first: libjpeg hands back a pointer to it.
typedef struct {
    struct jpeg_progress_mgr base;
    int32_t maximum_scans;
} jpeg_progress;

static ci_status status_of(int code) {
    switch (code) {
    case JERR_OUT_OF_MEMORY:
        return CI_NO_MEMORY;
    case JERR_INPUT_EOF:
    case JERR_INPUT_EMPTY:
    case JWRN_JPEG_EOF:
        return CI_TRUNCATED;
    case JERR_BAD_PRECISION:
    case JERR_SOF_UNSUPPORTED:
    case JERR_ARITH_NOTIMPL:
    case JERR_CONVERSION_NOTIMPL:
    case JERR_NOT_COMPILED:
        return CI_UNSUPPORTED;
    default:
        return CI_CORRUPT;
    }
}

static void fail(jpeg_failure *failure, ci_status status, const char *text) {
    failure->status = status;
    ci_write_message(failure->message, text);
    longjmp(failure->jump, 1);
}

static void on_error(j_common_ptr codec) {
    jpeg_failure *failure = (jpeg_failure *)codec->err;
    char text[JMSG_LENGTH_MAX];
    codec->err->format_message(codec, text);
    fail(failure, status_of(codec->err->msg_code), text);
}

/// Called for warnings (level -1) and traces. Warnings about metadata, or about bytes between two complete
/// parts of the file, leave every sample intact; all others mean that samples are made up.
static void on_message(j_common_ptr codec, int level) {
    if (level >= 0) {
        return;
    }
    switch (codec->err->msg_code) {
    case JWRN_ADOBE_XFORM:
    case JWRN_BOGUS_ICC:
    case JWRN_EXTRANEOUS_DATA:
    case JWRN_JFIF_MAJOR:
        return;
    default:
        on_error(codec);
    }
}

static void on_progress(j_common_ptr codec) {
    const jpeg_progress *progress = (const jpeg_progress *)codec->progress;
    if (((j_decompress_ptr)codec)->input_scan_number > progress->maximum_scans) {
        fail((jpeg_failure *)codec->err, CI_UNSUPPORTED, "it has more scans than the limit");
    }
}

/// Starts a decoder and reads up to the first scan. Jumps to `failure->jump`.
static void read_header(
    struct jpeg_decompress_struct *codec, jpeg_failure *failure, const uint8_t *bytes, size_t count) {
    jpeg_create_decompress(codec);
    jpeg_mem_src(codec, bytes, count);
    jpeg_read_header(codec, TRUE);
    switch (codec->num_components) {
    case 1:
        codec->out_color_space = JCS_GRAYSCALE;
        break;
    case 3:
        codec->out_color_space = JCS_RGB;
        break;
    case 4:
        codec->out_color_space = JCS_CMYK;
        break;
    default:
        fail(failure, CI_UNSUPPORTED, "it has neither 1, 3 nor 4 components");
    }
}

static void make_failure(jpeg_failure *failure, struct jpeg_decompress_struct *codec, ci_message message) {
    memset(codec, 0, sizeof *codec);
    memset(failure, 0, sizeof *failure);
    codec->err = jpeg_std_error(&failure->base);
    failure->base.error_exit = on_error;
    failure->base.emit_message = on_message;
    failure->message = message;
}

/// The part of ci_jpeg_read_header inside which libjpeg may jump.
static ci_status header_of(
    struct jpeg_decompress_struct *codec, jpeg_failure *failure, const uint8_t *bytes, size_t count,
    ci_jpeg_header *header) {
    if (setjmp(failure->jump)) {
        return failure->status;
    }
    read_header(codec, failure, bytes, count);
    header->width = codec->image_width;
    header->height = codec->image_height;
    header->channels = codec->num_components;
    header->is_progressive = codec->progressive_mode;
    return CI_OK;
}

ci_status ci_jpeg_read_header(
    const uint8_t *bytes, size_t count, ci_jpeg_header *header, ci_message message) {
    struct jpeg_decompress_struct codec;
    jpeg_failure failure;
    make_failure(&failure, &codec, message);
    const ci_status status = header_of(&codec, &failure, bytes, count, header);
    codec.err = &failure.base;  // jpeg_create_decompress may have failed before it kept it
    jpeg_destroy_decompress(&codec);
    return status;
}

/// The part of ci_jpeg_decode inside which libjpeg may jump.
static ci_status decode(
    struct jpeg_decompress_struct *codec, jpeg_failure *failure, jpeg_progress *progress,
    const uint8_t *bytes, size_t count, const ci_jpeg_header *header, uint8_t *samples, size_t sample_bytes) {
    if (setjmp(failure->jump)) {
        return failure->status;
    }
    read_header(codec, failure, bytes, count);
    codec->progress = &progress->base;
    codec->dct_method = JDCT_ISLOW;
    codec->do_fancy_upsampling = TRUE;
    jpeg_start_decompress(codec);
    const size_t row_bytes = (size_t)header->width * (size_t)header->channels;
    if (codec->output_width != header->width || codec->output_height != header->height
        || codec->output_components != header->channels || sample_bytes / header->height < row_bytes) {
        fail(failure, CI_CORRUPT, "the header changed between two readings");
    }
    while (codec->output_scanline < codec->output_height) {
        JSAMPROW row = samples + (size_t)codec->output_scanline * row_bytes;
        jpeg_read_scanlines(codec, &row, 1);
    }
    jpeg_finish_decompress(codec);
    return CI_OK;
}

ci_status ci_jpeg_decode(
    const uint8_t *bytes, size_t count, const ci_jpeg_header *header, int32_t maximum_scans, uint8_t *samples,
    size_t sample_bytes, ci_message message) {
    struct jpeg_decompress_struct codec;
    jpeg_failure failure;
    jpeg_progress progress;
    memset(&progress, 0, sizeof progress);
    progress.base.progress_monitor = on_progress;
    progress.maximum_scans = maximum_scans;
    make_failure(&failure, &codec, message);
    const ci_status status = decode(&codec, &failure, &progress, bytes, count, header, samples, sample_bytes);
    codec.err = &failure.base;
    jpeg_destroy_decompress(&codec);
    return status;
}
