#include "CDigest.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

void cd_sha256(const void *bytes, size_t count, uint8_t *digest) {
    SHA256((const unsigned char *)bytes, count, digest);
}

int cd_sha1(const void *head, size_t head_count, const void *bytes, size_t count, uint8_t *digest) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int done = context && EVP_DigestInit_ex(context, EVP_sha1(), NULL) && EVP_DigestUpdate(context, head, head_count)
               && EVP_DigestUpdate(context, bytes, count) && EVP_DigestFinal_ex(context, digest, NULL);
    EVP_MD_CTX_free(context);
    return done ? 0 : -1;
}
