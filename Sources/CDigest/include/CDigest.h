// SHA-256 through OpenSSL's libcrypto: the digest behind content identities.
#ifndef CDIGEST_H
#define CDIGEST_H

#include <stddef.h>
#include <stdint.h>

/// Writes the 32-byte SHA-256 digest of `bytes[0 ..< count]` to `digest`.
void cd_sha256(const void *bytes, size_t count, uint8_t *digest);

#endif
