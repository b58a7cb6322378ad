/* An HTTP/2 server on libnghttp2 over TLS (ALPN h2 only), as much as gRPC needs: whole requests in, headers, data and trailers
 * out, server streams that stay open. A stream is valid until it was ended, reset, or its on_gone function was called. */
#pragma once

#include "sim/net/conn.h"

struct http2_server;
struct http2_stream;

typedef void (*http2_handler)(void *data, struct http2_stream *s);       /* the request is whole (END_STREAM came) */

struct http2_options {
        const struct ip6_addr *addr;
        unsigned port;                   /* 0: any */
        struct tls_server *tls;          /* with alpn { "h2", NULL } and alpn_required */
        size_t max_body;                 /* of a request; 0 = 32 MiB + 5, Talos' GRPCMaxMessageSize; more resets the stream */
        http2_handler handler;
        void *data;
};

int http2_server_new(struct sim_loop *l, const struct http2_options *o, struct http2_server **ret, struct error *err);
void http2_server_free(struct http2_server *s);                  /* NULL-safe; connections drop, open streams are told */
DEFINE_CLEANUP(struct http2_server *, http2_server_free)
unsigned http2_server_port(const struct http2_server *s);
void http2_server_set_tls(struct http2_server *s, struct tls_server *tls);

const char *http2_method(const struct http2_stream *s);
const char *http2_path(const struct http2_stream *s);
const char *http2_header(const struct http2_stream *s, const char *name);        /* last value, or NULL */
const char *http2_header_n(const struct http2_stream *s, const char *name, size_t n);    /* the n-th value, or NULL */
const uint8_t *http2_body(const struct http2_stream *s, size_t *ret_len);
const struct ip6_addr *http2_peer_addr(const struct http2_stream *s);
const struct tls_peer *http2_tls_peer(const struct http2_stream *s);
void http2_on_gone(struct http2_stream *s, void (*fn)(void *data), void *data);

/* The answer: headers, then any number of data pieces, then trailers, which end the stream. http2_trailers() without
 * http2_start() is gRPC's "trailers-only" form: one HEADERS block with :status 200 and END_STREAM. s is invalid after
 * http2_trailers() and http2_reset(). */
void http2_start(struct http2_stream *s, int status, const struct kvs *headers);
void http2_data(struct http2_stream *s, const void *p, size_t n);
void http2_trailers(struct http2_stream *s, const struct kvs *trailers);
void http2_reset(struct http2_stream *s, uint32_t error_code);
