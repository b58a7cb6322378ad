/* What the three files of the HTTP engine share: one request on its way. Private to src/base/http*.c. */
#pragma once

#include <curl/curl.h>
#include <pthread.h>

#include "base/http.h"

enum transfer_end {
        END_BY_CURL,      /* code says how */
        END_CANCELLED,
        END_IDLE,
        END_STOPPED,      /* the engine is being freed */
};

/* Lives on its caller's stack. Until submitted and after done it is the caller's; in between the I/O thread's. */
struct transfer {
        const struct http_request *req;
        struct http_response *response;
        CURL *easy;
        struct curl_slist *headers;
        char *key;                    /* relabelled private key, or NULL */
        char message[CURL_ERROR_SIZE];
        struct transfer *next;        /* in the queue, then among the active */
        pthread_cond_t finished;      /* with the engine's lock */
        bool done;
        CURLcode code;
        enum transfer_end end;

        int64_t last_byte_ms;
        size_t header_bytes;
        bool too_large;               /* body or headers past their limit */
        bool refused_by_caller;       /* on_data said stop */
        bool resend_refused;          /* libcurl wanted to send a non-idempotent request a second time */
        unsigned attempts;

        long connects, http_version;
        long verify_result;           /* OpenSSL's verdict on the peer's certificate, X509_V_ERR_UNSPECIFIED without one */
        long request_size;            /* bytes of request heads sent */
        int alert;                    /* the last TLS alert that came, or 0 */
        bool heard;                   /* the peer has sent something inside TLS, so it took our certificate or wants none */
        uint64_t bytes_in, bytes_out;
};

/* Makes the easy handle. On failure nothing but transfer_done() is left to do. */
int transfer_init(struct transfer *t, const char *user_agent, struct error *err);
void transfer_done(struct transfer *t);

/* Keeps one header line, "Name: value", under its lower-case name, trimmed. */
void http_store_header(struct http_response *r, const char *line, size_t n);

/* Reads figures out of the finished handle into t and its response. */
void transfer_read_info(struct transfer *t);
/* What the end means: 0 or the error that http_perform() documents. */
int transfer_result(const struct transfer *t, struct error *err);

/* A copy of text with each occurrence of secret replaced by "***"; owned. */
char *cut_secret(const char *text, const char *secret);
