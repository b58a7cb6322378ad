#include "talos/grpc.h"

#include "base/codec.h"

/* ---- the table of status codes ---- */

static const struct status_row {
        const char *name;
        enum error_kind kind;
        bool retryable, ambiguous;
} status_rows[] = {
        [GRPC_OK] = { "OK", ERR_NONE, false, false },
        [GRPC_CANCELLED] = { "CANCELLED", ERR_UNAVAILABLE, true, true },
        [GRPC_UNKNOWN] = { "UNKNOWN", ERR_REFUSED, false, false },
        [GRPC_INVALID_ARGUMENT] = { "INVALID_ARGUMENT", ERR_INVALID, false, false },
        [GRPC_DEADLINE_EXCEEDED] = { "DEADLINE_EXCEEDED", ERR_TIMEOUT, true, true },
        [GRPC_NOT_FOUND] = { "NOT_FOUND", ERR_NOT_FOUND, false, false },
        [GRPC_ALREADY_EXISTS] = { "ALREADY_EXISTS", ERR_EXISTS, false, false },
        [GRPC_PERMISSION_DENIED] = { "PERMISSION_DENIED", ERR_AUTH, false, false },
        [GRPC_RESOURCE_EXHAUSTED] = { "RESOURCE_EXHAUSTED", ERR_RATE_LIMITED, true, false },
        /* Talos says this for "not yet": CRI not up, time not in sync, another apply in progress. */
        [GRPC_FAILED_PRECONDITION] = { "FAILED_PRECONDITION", ERR_REFUSED, true, false },
        [GRPC_ABORTED] = { "ABORTED", ERR_CONFLICT, true, false },
        [GRPC_OUT_OF_RANGE] = { "OUT_OF_RANGE", ERR_INVALID, false, false },
        [GRPC_UNIMPLEMENTED] = { "UNIMPLEMENTED", ERR_REFUSED, false, false },
        [GRPC_INTERNAL] = { "INTERNAL", ERR_REFUSED, false, true },
        [GRPC_UNAVAILABLE] = { "UNAVAILABLE", ERR_UNAVAILABLE, true, true },
        [GRPC_DATA_LOSS] = { "DATA_LOSS", ERR_PROTOCOL, false, false },
        [GRPC_UNAUTHENTICATED] = { "UNAUTHENTICATED", ERR_AUTH, false, false },
};

static const struct status_row *status_row(int status) {
        if (status < 0 || (size_t) status >= ARRAY_SIZE(status_rows))
                return &status_rows[GRPC_UNKNOWN];
        return &status_rows[status];
}

const char *grpc_status_name(int status) {
        return status_row(status)->name;
}

/* ---- frames ---- */

void grpc_frame_add(struct strbuf *b, const void *p, size_t n) {
        uint8_t head[5] = { 0, (uint8_t) (n >> 24), (uint8_t) (n >> 16), (uint8_t) (n >> 8), (uint8_t) n };
        strbuf_add(b, head, sizeof(head));
        if (n)
                strbuf_add(b, p, n);
}

void grpc_frames_done(struct grpc_frames *f) {
        if (!f)
                return;
        strbuf_done(&f->message);
        *f = (struct grpc_frames) { 0 };
}

bool grpc_frames_partial(const struct grpc_frames *f) {
        return f->head_len > 0;
}

static int frame_begin(struct grpc_frames *f, struct error *err) {
        size_t max = f->max ? f->max : GRPC_MAX_MESSAGE;
        if (f->head[0] != 0)
                return error_set(err, ERR_PROTOCOL, "a compressed message came although none was asked for");
        f->want = (size_t) f->head[1] << 24 | (size_t) f->head[2] << 16 | (size_t) f->head[3] << 8 | f->head[4];
        if (f->want > max)
                return error_set(err, ERR_PROTOCOL, "a message of %zu bytes came, the limit is %zu", f->want, max);
        f->message.max = max + 1;
        return 0;
}

int grpc_frames_feed(struct grpc_frames *f, const void *p, size_t n, grpc_message_fn fn, void *arg, struct error *err) {
        const uint8_t *at = p, *end = at + n;
        while (at < end) {
                if (f->head_len < sizeof(f->head)) {
                        f->head[f->head_len++] = *at++;
                        if (f->head_len == sizeof(f->head) && frame_begin(f, err) < 0)
                                return -1;
                } else {
                        size_t take = MIN(f->want - f->message.len, (size_t) (end - at));
                        strbuf_add(&f->message, at, take);
                        at += take;
                }
                if (f->head_len < sizeof(f->head) || f->message.len < f->want)
                        continue;
                f->count++;
                f->head_len = 0;
                int rc = fn(arg, strbuf_str(&f->message), f->want, err);
                strbuf_clear(&f->message);
                if (rc)
                        return rc;
        }
        return 0;
}

/* ---- one call ---- */

struct exchange {
        struct grpc_frames frames;
        grpc_message_fn fn;
        void *arg;
        bool enough;                 /* fn ended the stream */
        bool failed;
        struct error err;            /* of the frames or of fn */
};

static int on_data(void *data, const void *p, size_t n) {
        struct exchange *x = data;
        int rc = grpc_frames_feed(&x->frames, p, n, x->fn, x->arg, &x->err);
        x->enough = rc > 0;
        x->failed = rc < 0;
        return rc;
}

static void exchange_done(struct exchange *x) {
        grpc_frames_done(&x->frames);
        error_done(&x->err);
}

static void add_headers(const struct grpc_call *call, int64_t timeout_ms, struct kvs *h) {
        kvs_set(h, "content-type", "application/grpc");
        kvs_set(h, "te", "trailers");
        if (call->node)
                kvs_set(h, "node", call->node);
        if (timeout_ms <= 0)
                return;
        /* At most eight digits. */
        bool fits = timeout_ms <= 99999999;
        int64_t value = fits ? timeout_ms : MIN(timeout_ms / 1000, INT64_C(99999999));
        _cleanup_str_ char *t = xasprintf("%lld%c", (long long) value, fits ? 'm' : 'S');
        kvs_set(h, "grpc-timeout", t);
}

/* One line for people: percent-decoded, line breaks and control characters made blanks. */
static char *status_message(const struct kvs *headers) {
        const char *raw = kvs_get(headers, "grpc-message");
        char *text = percent_decode(raw ? raw : "");
        for (char *p = text; *p; p++)
                if ((unsigned char) *p < 0x20 || *p == 0x7f)
                        *p = ' ';
        return text;
}

static int status_error(const struct kvs *headers, int status, struct error *err) {
        const struct status_row *row = status_row(status);
        _cleanup_str_ char *text = status_message(headers);
        int rc = error_set(err, row->kind == ERR_NONE ? ERR_PROTOCOL : row->kind, "%s%s%s", row->name, *text ? ": " : "", text);
        if (err) {
                err->grpc_status = status;
                err->retryable = row->retryable;
                err->ambiguous = row->ambiguous;
                err->http_status = 200;
                free(err->api_code);
                err->api_code = xstrdup(row->name);
        }
        return rc;
}

/* What an answer that is not gRPC means, by the gRPC project's http-grpc-status-mapping. */
static int foreign_error(const struct http_response *resp, struct error *err) {
        enum error_kind kind = ERR_PROTOCOL;
        switch (resp->status) {
        case 401:
        case 403:
                kind = ERR_AUTH;
                break;
        case 404:
                kind = ERR_REFUSED;
                break;
        case 429:
        case 502:
        case 503:
        case 504:
                kind = ERR_UNAVAILABLE;
                break;
        }
        const char *type = kvs_get(&resp->headers, "content-type");
        int rc = error_set(err, kind, "the peer does not speak gRPC: HTTP status %d, content type %s", resp->status, type ? type : "none");
        if (err)
                err->http_status = resp->status;
        return rc;
}

static bool is_grpc(const struct http_response *resp) {
        const char *type = kvs_get(&resp->headers, "content-type");
        if (!type || !str_starts(type, "application/grpc"))
                return false;
        char next = type[strlen("application/grpc")];
        return next == '\0' || next == '+' || next == ';' || next == ' ';
}

/* What became of the call; rc and herr are http_perform()'s. */
static int judge(struct exchange *x, const struct http_response *resp, int rc, struct error *herr, struct error *err) {
        if (x->enough)
                return 0;
        if (rc < 0 && herr->kind == ERR_CANCELLED && !x->failed)
                return error_move(err, herr);
        const char *status_text = kvs_get(&resp->headers, "grpc-status");
        if (resp->got_headers && resp->status && (!is_grpc(resp) || (resp->status != 200 && !status_text)))
                return foreign_error(resp, err);
        int64_t status = GRPC_UNKNOWN;
        if (status_text) {
                parse_int64(status_text, 0, INT32_MAX, &status);
                if (status != GRPC_OK)
                        return status_error(&resp->headers, (int) status, err);
        }
        if (x->failed)
                return error_move(err, &x->err);
        /* A status 0 counts even when the connection broke right behind it: everything had been said. */
        if (status_text && !grpc_frames_partial(&x->frames))
                return 0;
        if (rc < 0)
                return error_move(err, herr);
        error_set(err, ERR_UNAVAILABLE, grpc_frames_partial(&x->frames) ? "the answer ended inside a message"
                                                                        : "the answer ended without a grpc-status");
        if (err) {
                err->ambiguous = true;
                err->http_status = resp->status;
        }
        return -1;
}

/* A server that answers before it has read the request resets the stream behind its answer. libcurl 7.88 drops an answer that comes together with
 * a reset while our body has not left yet (http2.c: cf_h2_recv()): a matter of microseconds, so of loopback and of machines under load. Nothing was
 * carried out; on a new connection our request is mostly there before its answer. */
enum { UNREAD_TRIES = 12 };

static int exchange_once(struct http_engine *engine, const struct http_request *req, int64_t deadline_ms, struct exchange *x, bool *ret_unread,
                         struct error *err) {
        _cleanup_http_response_ struct http_response resp = { 0 };
        _cleanup_error_ struct error herr = ERROR_INIT;
        int rc = http_perform(engine, req, &resp, &herr);
        *ret_unread = rc < 0 && resp.unread;
        rc = judge(x, &resp, rc, &herr, err);
        /* A server of grpc-go cancels the stream at the deadline that we named, before we give up ourselves. */
        if (rc < 0 && err->kind == ERR_UNAVAILABLE && err->grpc_status < 0 && deadline_ms > 0 && resp.duration_ms >= deadline_ms) {
                error_done(err);
                error_set(err, ERR_TIMEOUT, "timed out: no answer within %lld ms", (long long) deadline_ms);
                err->ambiguous = true;
        }
        return rc;
}

static int perform(const struct grpc_call *call, grpc_message_fn fn, void *arg, size_t *ret_count, struct error *err) {
        _cleanup_(exchange_done) struct exchange x = { .fn = fn, .arg = arg, .err = ERROR_INIT };
        _cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
        _cleanup_kvs_ struct kvs headers = { 0 };
        int64_t timeout_ms = call->timeout_ms ? call->timeout_ms : 30000;

        body.secret = true; /* machine configurations hold keys */
        body.max = 2 * (size_t) GRPC_MAX_MESSAGE;
        x.frames.max = call->max_message;
        if (call->framed)
                strbuf_add(&body, call->request, call->request_len);
        else
                grpc_frame_add(&body, call->request, call->request_len);
        if (strbuf_failed(&body) || (!call->framed && call->request_len > GRPC_MAX_MESSAGE))
                return error_set(err, ERR_INVALID, "%s: the request is too big", call->method);
        add_headers(call, timeout_ms, &headers);

        _cleanup_str_ char *url = xasprintf("%s%s", call->origin, call->method);
        struct http_request req = {
                .method = "POST", .url = url, .headers = &headers, .body = body.data, .body_len = body.len, .tls = call->tls,
                .version = HTTP_2, .timeout_ms = timeout_ms > 0 ? timeout_ms + 500 : -1, .idle_timeout_ms = call->idle_timeout_ms,
                .fresh = call->fresh, .cancel = call->cancel, .on_data = on_data, .on_data_arg = &x,
        };
        for (int tries = 1;; tries++) {
                _cleanup_error_ struct error why = ERROR_INIT;
                bool unread;
                if (exchange_once(call->engine, &req, timeout_ms, &x, &unread, &why) >= 0)
                        break;
                if (!unread || tries == UNREAD_TRIES) {
                        error_move(err, &why);
                        return error_wrap(err, "%s", call->method);
                }
                req.fresh = true;
        }
        *ret_count = x.frames.count;
        return 0;
}

static int take_one(void *arg, const void *p, size_t n, struct error *err) {
        struct strbuf *b = arg;
        if (b->failed || b->len)
                return error_set(err, ERR_PROTOCOL, "more than one message in a unary answer");
        b->max = GRPC_MAX_MESSAGE + 1;
        strbuf_add(b, p, n);
        return 0;
}

int grpc_unary(const struct grpc_call *call, struct strbuf *ret_message, struct error *err) {
        _cleanup_strbuf_ struct strbuf message = STRBUF_INIT;
        size_t count = 0;
        if (perform(call, take_one, &message, &count, err) < 0)
                return -1;
        if (count != 1)
                return error_set(err, ERR_PROTOCOL, "%s: %zu messages in a unary answer", call->method, count);
        strbuf_done(ret_message);
        *ret_message = message;
        message = STRBUF_INIT;
        return 0;
}

int grpc_server_stream(const struct grpc_call *call, grpc_message_fn fn, void *arg, struct error *err) {
        size_t count = 0;
        return perform(call, fn, arg, &count, err);
}
