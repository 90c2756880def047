#include "CDigest.h"

#include <openssl/sha.h>

void cd_sha256(const void *bytes, size_t count, uint8_t *digest) {
    SHA256((const unsigned char *)bytes, count, digest);
}
