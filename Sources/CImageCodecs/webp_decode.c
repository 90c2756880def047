#include "internal.h"

#include <webp/decode.h>

static ci_status failure(VP8StatusCode code, ci_message message) {
    switch (code) {
    case VP8_STATUS_OK:
        return CI_OK;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        ci_write_message(message, "the data end inside the picture");
        return CI_TRUNCATED;
    case VP8_STATUS_OUT_OF_MEMORY:
        ci_write_message(message, "no memory for the decoder");
        return CI_NO_MEMORY;
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        ci_write_message(message, "it uses a feature that libwebp does not read");
        return CI_UNSUPPORTED;
    default:
        ci_write_message(message, "its bit stream is invalid");
        return CI_CORRUPT;
    }
}

ci_status ci_webp_read_header(
    const uint8_t *bytes, size_t count, ci_webp_header *header, ci_message message) {
    WebPBitstreamFeatures features;
    const ci_status status = failure(WebPGetFeatures(bytes, count, &features), message);
    if (status == CI_OK) {
        header->width = (uint32_t)features.width;
        header->height = (uint32_t)features.height;
        header->channels = features.has_alpha ? 4 : 3;
        header->is_animated = features.has_animation;
    }
    return status;
}

ci_status ci_webp_decode(
    const uint8_t *bytes, size_t count, const ci_webp_header *header, uint8_t *samples, size_t sample_bytes,
    ci_message message) {
    WebPDecoderConfig config;
    if (!WebPInitDecoderConfig(&config)) {
        ci_write_message(message, "libwebp is of another version than its headers");
        return CI_UNSUPPORTED;
    }
    const size_t row_bytes = (size_t)header->width * (size_t)header->channels;
    if (sample_bytes / header->height < row_bytes) {
        ci_write_message(message, "the header changed between two readings");
        return CI_CORRUPT;
    }
    config.output.colorspace = header->channels == 4 ? MODE_RGBA : MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = samples;
    config.output.u.RGBA.stride = (int)row_bytes;
    config.output.u.RGBA.size = sample_bytes;
    const ci_status status = failure(WebPDecode(bytes, count, &config), message);
    WebPFreeDecBuffer(&config.output);
    return status;
}
