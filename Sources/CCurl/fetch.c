#include "CCurl.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

typedef struct {
    void *context;
    cc_sink on_header, on_body;
} sinks;

static size_t pass_header(char *data, size_t size, size_t count, void *target) {
    sinks *both = target;
    return both->on_header(both->context, data, size * count);
}

static size_t pass_body(char *data, size_t size, size_t count, void *target) {
    sinks *both = target;
    return both->on_body(both->context, data, size * count);
}

void cc_fetch(const char *url, int head, const char *const *headers, size_t header_count, long connect_timeout,
              long stall_timeout, void *context, cc_sink on_header, cc_sink on_body, cc_reply *reply) {
    memset(reply, 0, sizeof *reply);
    reply->retry_after = -1;
    CURL *handle = curl_easy_init();
    if (!handle) {
        reply->code = -1;
        snprintf(reply->message, sizeof reply->message, "libcurl could not start");
        return;
    }
    sinks both = {context, on_header, on_body};
    char message[CURL_ERROR_SIZE] = "";
    struct curl_slist *lines = NULL;
    for (size_t index = 0; index < header_count; index++) lines = curl_slist_append(lines, headers[index]);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(handle, CURLOPT_NOBODY, head ? 1L : 0L);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, stall_timeout);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, message);
    // A proxy's answer to CONNECT is no header of the reply.
    curl_easy_setopt(handle, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, pass_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, &both);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, pass_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &both);
    CURLcode code = curl_easy_perform(handle);
    reply->code = (int)code;
    if (code == CURLE_OK) {
        curl_off_t retry_after = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &reply->status);
        if (curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0) {
            reply->retry_after = (long)retry_after;
        }
    } else {
        snprintf(reply->message, sizeof reply->message, "%s", message[0] ? message : curl_easy_strerror(code));
    }
    curl_slist_free_all(lines);
    curl_easy_cleanup(handle);
}
