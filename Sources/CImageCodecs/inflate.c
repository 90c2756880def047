#include "internal.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

ci_status ci_inflate(
    const uint8_t *bytes, size_t count, uint8_t *output, size_t capacity, size_t *written,
    ci_message message) {
    *written = 0;
    if (count > UINT_MAX || capacity > UINT_MAX) {
        ci_write_message(message, "the compressed text is too long");
        return CI_UNSUPPORTED;
    }
    z_stream stream;
    memset(&stream, 0, sizeof stream);
    stream.next_in = (Bytef *)bytes;
    stream.avail_in = (uInt)count;
    stream.next_out = output;
    stream.avail_out = (uInt)capacity;
    if (inflateInit(&stream) != Z_OK) {
        ci_write_message(message, "no memory to inflate text");
        return CI_NO_MEMORY;
    }
    const int outcome = inflate(&stream, Z_SYNC_FLUSH);
    *written = capacity - stream.avail_out;
    const int is_full = stream.avail_out == 0 && outcome != Z_STREAM_END;
    inflateEnd(&stream);
    if (is_full) {
        ci_write_message(message, "the compressed text is longer than its limit");
        return CI_UNSUPPORTED;
    }
    if (outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR) {
        ci_write_message(message, "the compressed text is damaged");
        return CI_CORRUPT;
    }
    return CI_OK;
}
