#include "CCurl.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    unsigned char *bytes;
    size_t length, capacity, limit;
    int overflow;
} buffer;

static size_t receive(char *data, size_t size, size_t count, void *context) {
    buffer *target = context;
    size_t length = size * count;
    if (target->length + length > target->limit) {
        target->overflow = 1;
        return 0;
    }
    if (target->length + length > target->capacity) {
        size_t capacity = target->capacity ? target->capacity : 4096;
        while (capacity < target->length + length) capacity *= 2;
        unsigned char *grown = realloc(target->bytes, capacity);
        if (!grown) return 0;
        target->bytes = grown;
        target->capacity = capacity;
    }
    memcpy(target->bytes + target->length, data, length);
    target->length += length;
    return length;
}

static int progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    (void)a, (void)b, (void)c, (void)d;
    const volatile int *cancelled = context;
    return cancelled && *cancelled;
}

int cc_global_init(void) {
    return (int)curl_global_init(CURL_GLOBAL_DEFAULT);
}

void cc_exchange(const char *url, const unsigned char *body, size_t body_length, const char *token,
                 long connect_timeout, long timeout, size_t body_limit, const volatile int *cancelled,
                 cc_reply *reply) {
    memset(reply, 0, sizeof *reply);
    reply->retry_after = -1;
    CURL *handle = curl_easy_init();
    if (!handle) {
        reply->code = -1;
        snprintf(reply->message, sizeof reply->message, "libcurl could not start");
        return;
    }
    buffer received = {.limit = body_limit};
    char message[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    headers = curl_slist_append(headers, "Content-Type: application/json");
    headers = curl_slist_append(headers, "Accept: application/json");
    // Without this a body above 1 KiB waits for "100 Continue" first.
    headers = curl_slist_append(headers, "Expect:");
    char authorization[4096];
    if (token) {
        snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token);
        headers = curl_slist_append(headers, authorization);
    }
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, connect_timeout);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, timeout);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, message);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &received);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, (void *)cancelled);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    if (body) {
        curl_easy_setopt(handle, CURLOPT_POST, 1L);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, body);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_length);
    }
    CURLcode code = curl_easy_perform(handle);
    reply->code = (int)code;
    if (code == CURLE_OK) {
        curl_off_t retry_after = 0;
        curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &reply->status);
        if (curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK && retry_after > 0) {
            reply->retry_after = (long)retry_after;
        }
        reply->body = received.bytes;
        reply->body_length = received.length;
    } else {
        const char *reason = message[0] ? message : curl_easy_strerror(code);
        if (received.overflow) {
            snprintf(reply->message, sizeof reply->message, "the reply exceeds %zu bytes", body_limit);
        } else {
            snprintf(reply->message, sizeof reply->message, "%s", reason);
        }
        free(received.bytes);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(handle);
}

void cc_reply_free(cc_reply *reply) {
    free(reply->body);
    reply->body = NULL;
    reply->body_length = 0;
}
