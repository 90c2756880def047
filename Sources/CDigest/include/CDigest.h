// SHA-256 and SHA-1 through OpenSSL's libcrypto: the digests behind content identities and git objects.
#ifndef CDIGEST_H
#define CDIGEST_H

#include <stddef.h>
#include <stdint.h>

/// Writes the 32-byte SHA-256 digest of `bytes[0 ..< count]` to `digest`.
void cd_sha256(const void *bytes, size_t count, uint8_t *digest);

/// Writes the 20-byte SHA-1 digest of `head[0 ..< head_count]` followed by `bytes[0 ..< count]` to `digest`.
/// Returns 0 on success.
int cd_sha1(const void *head, size_t head_count, const void *bytes, size_t count, uint8_t *digest);

#endif
