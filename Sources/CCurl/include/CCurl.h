// A fixed-argument front of libcurl's easy interface: Swift cannot call variadic C functions.
#ifndef CCURL_H
#define CCURL_H

#include <stddef.h>

/// One finished exchange, or the reason there is none.
typedef struct {
    /// libcurl's result code; 0 when a reply arrived.
    int code;
    /// The HTTP status, 0 when `code` is not 0.
    long status;
    /// Seconds of the reply's Retry-After header, -1 when it has none.
    long retry_after;
    /// The reply's body; `cc_reply_free` releases it.
    unsigned char *body;
    size_t body_length;
    /// One line on what went wrong, empty when nothing did.
    char message[256];
} cc_reply;

/// Prepares libcurl; call once before any other thread uses it. Returns 0 on success.
int cc_global_init(void);

/// POSTs `body` as JSON, or GETs when `body` is NULL, and waits for the reply.
/// Times are milliseconds: `connect_timeout` for the connection, `timeout` for the whole exchange. `token` is sent
/// as a bearer token when not NULL. Replies above `body_limit` bytes are an error.
/// When `*cancelled` becomes non-zero the exchange ends at once with an error; `cancelled` may be NULL.
void cc_exchange(const char *url, const unsigned char *body, size_t body_length, const char *token,
                 long connect_timeout, long timeout, size_t body_limit, const volatile int *cancelled,
                 cc_reply *reply);

/// Releases the body of a reply.
void cc_reply_free(cc_reply *reply);

#endif
