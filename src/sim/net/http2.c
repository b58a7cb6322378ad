#include "sim/net/http2.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>

#define DEFAULT_MAX_BODY ((32u << 20) + 5)       /* talos: constants.GRPCMaxMessageSize and gRPC's frame prefix */

struct http2_conn;

struct http2_server {
        struct sim_loop *loop;
        struct listener *listener;
        size_t max_body;
        http2_handler handler;
        void *data;
};

struct http2_stream {
        struct http2_conn *conn;
        struct http2_stream *next, *prev;
        int32_t id;
        char *method, *path;
        struct kv *headers;              /* in order, names may repeat */
        size_t n_headers;
        struct strbuf body;
        bool handled;                    /* the handler has it */
        bool started;
        bool ended;                      /* the owner has ended it */
        struct strbuf out;
        size_t out_sent;
        struct kvs trailers;
        void (*gone)(void *data);
        void *gone_data;
};

struct http2_conn {
        struct http2_server *server;
        struct conn *conn;               /* NULL once closed */
        nghttp2_session *session;
        struct http2_stream *streams;
        bool pump_waits;
        unsigned busy;
};

/* --- streams --- */

static struct http2_stream *stream_new(struct http2_conn *h, int32_t id) {
        struct http2_stream *s = xnew0(struct http2_stream);
        s->conn = h;
        s->id = id;
        s->body.max = h->server->max_body;
        s->next = h->streams;
        if (h->streams)
                h->streams->prev = s;
        h->streams = s;
        nghttp2_session_set_stream_user_data(h->session, id, s);
        return s;
}

static void stream_free(struct http2_stream *s) {
        if (s->prev)
                s->prev->next = s->next;
        else
                s->conn->streams = s->next;
        if (s->next)
                s->next->prev = s->prev;
        for (size_t i = 0; i < s->n_headers; i++) {
                free(s->headers[i].key);
                free(s->headers[i].value);
        }
        free(s->headers);
        free(s->method);
        free(s->path);
        strbuf_done(&s->body);
        strbuf_done(&s->out);
        kvs_done(&s->trailers);
        free(s);
}

static void stream_gone(struct http2_stream *s) {
        void (*gone)(void *) = s->gone;
        s->gone = NULL;
        if (gone && s->handled && !s->ended)
                gone(s->gone_data);
        s->ended = true;
}

const char *http2_method(const struct http2_stream *s) { return s->method; }
const char *http2_path(const struct http2_stream *s) { return s->path; }
const struct ip6_addr *http2_peer_addr(const struct http2_stream *s) { return conn_peer_addr(s->conn->conn); }
const struct tls_peer *http2_tls_peer(const struct http2_stream *s) { return conn_tls_peer(s->conn->conn); }

const char *http2_header(const struct http2_stream *s, const char *name) {
        for (size_t i = s->n_headers; i-- > 0;)
                if (str_eq(s->headers[i].key, name))
                        return s->headers[i].value;
        return NULL;
}

const char *http2_header_n(const struct http2_stream *s, const char *name, size_t n) {
        for (size_t i = 0; i < s->n_headers; i++)
                if (str_eq(s->headers[i].key, name) && n-- == 0)
                        return s->headers[i].value;
        return NULL;
}

const uint8_t *http2_body(const struct http2_stream *s, size_t *ret_len) {
        *ret_len = s->body.len;
        return (const uint8_t *) strbuf_str(&s->body);
}

void http2_on_gone(struct http2_stream *s, void (*fn)(void *data), void *data) {
        s->gone = fn;
        s->gone_data = data;
}

/* --- sending. nghttp2 must not send from inside its own callbacks: a pump runs after them --- */

static void pump(void *data) {
        struct http2_conn *h = data;
        const uint8_t *p;
        ssize_t n;

        h->pump_waits = false;
        while (h->conn && (n = nghttp2_session_mem_send(h->session, &p)) > 0)
                conn_write(h->conn, p, (size_t) n);
        if (h->conn && !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session))
                conn_close(h->conn);
}

static void pump_soon(struct http2_conn *h) {
        if (h->pump_waits || !h->conn)
                return;
        h->pump_waits = true;
        loop_defer(h->server->loop, pump, h);
}

static size_t fill_headers(nghttp2_nv *nv, size_t n, size_t max, const struct kvs *headers) {
        for (size_t i = 0; headers && i < headers->n && n < max; i++)
                nv[n++] = (nghttp2_nv) { (uint8_t *) headers->items[i].key, (uint8_t *) headers->items[i].value,
                                         strlen(headers->items[i].key), strlen(headers->items[i].value), NGHTTP2_NV_FLAG_NONE };
        return n;
}

/* nghttp2 asks for body bytes. After the last ones come the trailers, which end the stream. */
static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buffer, size_t max, uint32_t *flags,
                         nghttp2_data_source *source, void *user_data) {
        struct http2_stream *s = source->ptr;
        size_t n = MIN(max, s->out.len - s->out_sent);

        if (n > 0)
                memcpy(buffer, s->out.data + s->out_sent, n);
        s->out_sent += n;
        if (s->out_sent < s->out.len)
                return (ssize_t) n;
        strbuf_clear(&s->out);
        s->out_sent = 0;
        if (s->ended) {
                nghttp2_nv nv[32];
                *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
                size_t count = fill_headers(nv, 0, ARRAY_SIZE(nv), &s->trailers);
                if (nghttp2_submit_trailer(session, id, nv, count) != 0)
                        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
                return (ssize_t) n;
        }
        return n > 0 ? (ssize_t) n : NGHTTP2_ERR_DEFERRED;
}

void http2_start(struct http2_stream *s, int status, const struct kvs *headers) {
        nghttp2_nv nv[32];
        char code[16];

        if (s->started || s->ended)
                return;
        s->started = true;
        snprintf(code, sizeof(code), "%d", status);
        nv[0] = (nghttp2_nv) { (uint8_t *) ":status", (uint8_t *) code, 7, strlen(code), NGHTTP2_NV_FLAG_NONE };
        size_t n = fill_headers(nv, 1, ARRAY_SIZE(nv), headers);
        nghttp2_data_provider body = { .source.ptr = s, .read_callback = read_body };
        nghttp2_submit_response(s->conn->session, s->id, nv, n, &body);
        pump_soon(s->conn);
}

void http2_data(struct http2_stream *s, const void *p, size_t n) {
        if (s->ended)
                return;
        strbuf_add(&s->out, p, n);
        nghttp2_session_resume_data(s->conn->session, s->id);
        pump_soon(s->conn);
}

void http2_trailers(struct http2_stream *s, const struct kvs *trailers) {
        if (s->ended)
                return;
        s->ended = true;
        if (s->started) {
                kvs_copy(&s->trailers, trailers);
                nghttp2_session_resume_data(s->conn->session, s->id);
        } else {
                nghttp2_nv nv[32];
                nv[0] = (nghttp2_nv) { (uint8_t *) ":status", (uint8_t *) "200", 7, 3, NGHTTP2_NV_FLAG_NONE };
                size_t n = fill_headers(nv, 1, ARRAY_SIZE(nv), trailers);
                nghttp2_submit_response(s->conn->session, s->id, nv, n, NULL);
        }
        pump_soon(s->conn);
}

void http2_reset(struct http2_stream *s, uint32_t error_code) {
        if (s->ended)
                return;
        s->ended = true;
        nghttp2_submit_rst_stream(s->conn->session, NGHTTP2_FLAG_NONE, s->id, error_code);
        pump_soon(s->conn);
}

/* --- what nghttp2 reports --- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
        if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
                stream_new(user_data, frame->hd.stream_id);
        return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *user_data) {
        struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (!s || s->n_headers >= 256)
                return s ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
        struct kv h = { xstrndup((const char *) name, name_len), xstrndup((const char *) value, value_len) };
        if (str_eq(h.key, ":method") && !s->method)
                s->method = xstrdup(h.value);
        if (str_eq(h.key, ":path") && !s->path)
                s->path = xstrdup(h.value);
        ARRAY_APPEND(s->headers, s->n_headers, h);
        return 0;
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user_data) {
        struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);
        if (!s)
                return 0;
        strbuf_add(&s->body, p, n);
        if (strbuf_failed(&s->body)) {
                s->ended = true;
                nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
        }
        return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
        struct http2_conn *h = user_data;
        if ((frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
                return 0;
        struct http2_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (!s || s->handled || s->ended)
                return 0;
        s->handled = true;
        h->server->handler(h->server->data, s);
        return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error_code, void *user_data) {
        struct http2_stream *s = nghttp2_session_get_stream_user_data(session, id);
        if (s) {
                stream_gone(s);
                stream_free(s);
        }
        return 0;
}

/* --- connections --- */

static void http2_conn_free_if_idle(struct http2_conn *h) {
        if (h->conn || h->busy)
                return;
        while (h->streams) {
                stream_gone(h->streams);
                stream_free(h->streams);
        }
        nghttp2_session_del(h->session);
        free(h);
}

static void on_data(void *data, struct conn *c, const uint8_t *p, size_t n) {
        struct http2_conn *h = data;

        h->busy++;
        ssize_t used = nghttp2_session_mem_recv(h->session, p, n);
        if (h->conn && used < 0)
                conn_drop(h->conn);
        if (h->conn)
                pump(h);
        h->busy--;
        http2_conn_free_if_idle(h);
}

static void on_close(void *data, struct conn *c) {
        struct http2_conn *h = data;

        h->conn = NULL;
        loop_forget(h->server->loop, h);
        for (struct http2_stream *s = h->streams; s; s = s->next)
                stream_gone(s);
        http2_conn_free_if_idle(h);
}

static const struct conn_ops http2_ops = { .on_data = on_data, .on_close = on_close };

static nghttp2_session *session_new(struct http2_conn *h) {
        nghttp2_session_callbacks *cb;
        nghttp2_session *session = NULL;
        nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 250 },
                                              { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20 } };

        nghttp2_session_callbacks_new(&cb);
        nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data_chunk);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
        int r = nghttp2_session_server_new(&session, cb, h);
        nghttp2_session_callbacks_del(cb);
        if (r == 0)
                nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings));
        return r == 0 ? session : NULL;
}

static void on_connection(void *data, struct conn *c) {
        struct http2_server *server = data;

        if (!str_eq(conn_alpn(c), "h2")) {       /* recent gRPC refuses peers without ALPN, and so do we */
                conn_drop(c);
                return;
        }
        struct http2_conn *h = xnew0(struct http2_conn);
        h->server = server;
        h->session = session_new(h);
        if (!h->session) {
                free(h);
                conn_drop(c);
                return;
        }
        h->conn = c;
        conn_set_ops(c, &http2_ops, h);
        pump_soon(h);
}

int http2_server_new(struct sim_loop *l, const struct http2_options *o, struct http2_server **ret, struct error *err) {
        struct http2_server *s = xnew0(struct http2_server);

        s->loop = l;
        s->max_body = o->max_body ? o->max_body : DEFAULT_MAX_BODY;
        s->handler = o->handler;
        s->data = o->data;
        int r = listener_new(l, o->addr, o->port, o->tls, on_connection, s, &s->listener, err);
        if (r < 0) {
                free(s);
                return r;
        }
        *ret = s;
        return 0;
}

void http2_server_free(struct http2_server *s) {
        if (!s)
                return;
        listener_free(s->listener);
        free(s);
}

unsigned http2_server_port(const struct http2_server *s) { return listener_port(s->listener); }
void http2_server_set_tls(struct http2_server *s, struct tls_server *tls) { listener_set_tls(s->listener, tls); }
