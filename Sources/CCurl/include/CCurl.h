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

/// Takes bytes of a reply; returning anything but `count` ends the exchange with an error.
typedef size_t (*cc_sink)(void *context, const char *bytes, size_t count);

/// Sends one GET, or one HEAD when `head` is not 0, and hands the reply over as it arrives: each header line, the status
/// line first, to `on_header`, the body to `on_body`, both with `context`. Redirects are not followed; `reply->body`
/// stays NULL. `headers` holds `header_count` whole lines such as "Range: bytes=5-". `connect_timeout` is milliseconds;
/// an exchange in which nothing arrives for `stall_timeout` seconds ends with an error.
void cc_fetch(const char *url, int head, const char *const *headers, size_t header_count, long connect_timeout,
              long stall_timeout, void *context, cc_sink on_header, cc_sink on_body, cc_reply *reply);

/// Releases the body of a reply.
void cc_reply_free(cc_reply *reply);

#endif
