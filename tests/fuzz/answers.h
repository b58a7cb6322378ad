/* Answers from memory: the linker puts this in the place of http_perform() (--wrap), so that what a peer might say goes through all
 * that reads it, without a network. The first request gets the answer; whatever is asked after it finds the connection closed. */
#pragma once

#include "base/http-internal.h"
#include "check.h"

struct canned_answer {
        int status;
        const char *content_type, *grpc_status;   /* or NULL */
        const uint8_t *p;
        size_t n, piece;                          /* bytes given to on_data at once; 0: all */
        bool every;                               /* the same answer to every request */
        bool with_headers;                        /* the bytes begin with header lines, ended by an empty one */
        unsigned asked;
};
static struct canned_answer canned;

int __wrap_http_perform(struct http_engine *e, const struct http_request *req, struct http_response *ret, struct error *err);

static int canned_stream(const struct http_request *req) {
        size_t piece = canned.piece ? canned.piece : canned.n;
        for (size_t at = 0, some; at < canned.n; at += some) {
                some = MIN(piece, canned.n - at);
                if (req->on_data(req->on_data_arg, canned.p + at, some) != 0)
                        return -1;
        }
        return 0;
}

/* Takes the header lines off the front of the bytes. */
static void canned_headers(struct http_response *ret, const uint8_t **p, size_t *n) {
        while (*n > 0) {
                const uint8_t *end = memchr(*p, '\n', *n);
                size_t len = end ? (size_t) (end - *p) : *n;
                if (len > 0)
                        http_store_header(ret, (const char *) *p, len);
                *p += MIN(len + 1, *n);
                *n -= MIN(len + 1, *n);
                if (len == 0)
                        return;
        }
}

int __wrap_http_perform(struct http_engine *e, const struct http_request *req, struct http_response *ret, struct error *err) {
        (void) e;
        *ret = (struct http_response) { 0 };
        if (canned.asked++ && !canned.every)
                return error_set(err, ERR_UNAVAILABLE, "closed");
        ret->status = canned.status;
        ret->got_headers = true;
        kvs_set(&ret->headers, "content-type", canned.content_type ? canned.content_type : "application/json");
        if (canned.grpc_status)
                kvs_set(&ret->headers, "grpc-status", canned.grpc_status);
        if (req->on_data)
                return canned_stream(req) < 0 ? error_set(err, ERR_CANCELLED, "enough") : 0;
        size_t max = req->max_body ? req->max_body : 32u << 20, n = canned.n;
        const uint8_t *p = canned.p;
        if (canned.with_headers)
                canned_headers(ret, &p, &n);
        if (n > max)
                return error_set(err, ERR_PROTOCOL, "too big");
        strbuf_add(&ret->body, p, n);
        return 0;
}
