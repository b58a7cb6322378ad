/* An HTTP/1.1 server on conn.h: keep-alive, one request at a time per connection, bodies by length or chunked, 100-continue,
 * limits.
 *
 * A handler receives an exchange and answers it whenever it likes: at once, after a timer, piece by piece (watches), or by
 * dropping the connection (faults). The exchange is valid until it was answered whole, dropped, or its on_gone function was
 * called; without one it stays valid until it is answered, wherever the answer then goes. */
#pragma once

#include "sim/net/conn.h"

struct http1_server;
struct http1_exchange;

typedef void (*http1_handler)(void *data, struct http1_exchange *x);

struct http1_options {
        const struct ip6_addr *addr;
        unsigned port;                   /* 0: any */
        int listen_fd;                   /* 0: none; else a listening socket to take over instead of addr and port */
        struct tls_server *tls;          /* or NULL */
        size_t max_head;                 /* 0 = 64 KiB; more is 431 */
        size_t max_body;                 /* 0 = 4 MiB; more is 413 */
        http1_handler handler;
        void *data;
};

int http1_server_new(struct sim_loop *l, const struct http1_options *o, struct http1_server **ret, struct error *err);
void http1_server_free(struct http1_server *s);                  /* NULL-safe; open exchanges are told that they are gone */
DEFINE_CLEANUP(struct http1_server *, http1_server_free)
unsigned http1_server_port(const struct http1_server *s);

/* The request. All borrowed. */
const char *http1_method(const struct http1_exchange *x);
const char *http1_target(const struct http1_exchange *x);        /* as sent: "/v1/servers?name=a%20b" */
const char *http1_path(const struct http1_exchange *x);          /* up to '?', not decoded */
const char *http1_query(const struct http1_exchange *x);         /* after '?', not decoded; "" without */
/* Parameter of the query, decoded; the n-th of that name (0 first). Owned, NULL when absent. */
char *http1_param(const struct http1_exchange *x, const char *name, size_t n);
const char *http1_header(const struct http1_exchange *x,
                         const char *name); /* name in lower case; repeated ones joined with ", " */
const struct kvs *http1_headers(const struct http1_exchange *x);
const char *http1_body(const struct http1_exchange *x, size_t *ret_len);         /* NUL-terminated, never NULL */
const struct ip6_addr *http1_peer_addr(const struct http1_exchange *x);
const struct tls_peer *http1_tls_peer(const struct http1_exchange *x);
struct sim_loop *http1_loop(const struct http1_exchange *x);

/* Called once if the client leaves, or the server is freed, before the answer was whole. x is invalid afterwards. NULL takes it
 * back. */
void http1_on_gone(struct http1_exchange *x, void (*fn)(void *data), void *data);

/* Whole answer. headers may be NULL; Content-Length and Date are added, Date by the loop's clock. x is invalid afterwards.
 * Statuses 204 and 304 and the method HEAD send no body. */
void http1_respond(struct http1_exchange *x, int status, const struct kvs *headers, const void *body, size_t len);
/* Streaming answer, chunked. */
void http1_start(struct http1_exchange *x, int status, const struct kvs *headers);
void http1_chunk(struct http1_exchange *x, const void *p, size_t n);
void http1_end(struct http1_exchange *x);                        /* x is invalid afterwards */
/* Faults: the connection breaks without an answer; or exactly these bytes are sent and the connection ends. x is invalid
 * afterwards. */
void http1_drop(struct http1_exchange *x);
void http1_respond_raw(struct http1_exchange *x, const void *p, size_t n);
size_t http1_pending(const struct http1_exchange *x);            /* bytes of the answer that are not sent yet */
const char *http1_reason(int status);                            /* "Not Found" */
