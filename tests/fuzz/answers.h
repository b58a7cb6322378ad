/* Answers from memory: the linker puts this in the place of http_perform() (--wrap), so that what a peer might say goes through all
 * that reads it, without a network. The first request gets the answer; whatever is asked after it finds the connection closed. */
#pragma once

#include "base/http.h"
#include "check.h"

struct canned_answer {
        int status;
        const char *content_type, *grpc_status;   /* or NULL */
        const uint8_t *p;
        size_t n, piece;                          /* bytes given to on_data at once; 0: all */
        bool every;                               /* the same answer to every request */
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
        size_t max = req->max_body ? req->max_body : 32u << 20;
        if (canned.n > max)
                return error_set(err, ERR_PROTOCOL, "too big");
        strbuf_add(&ret->body, canned.p, canned.n);
        return 0;
}
