/* One HTTP engine on libcurl's multi interface for everything the program calls: Hetzner's REST, Kubernetes' REST, Talos' gRPC.
 *
 * An engine owns one I/O thread and its connections; http_perform() blocks its caller until the answer is whole, any number of
 * threads may call it at once. Requests to one origin with the same TLS identity share connections (HTTP/2 multiplexed where the
 * peer offers it). No retry here; redirects are not followed unless asked; nothing is read from the environment but proxies, and
 * those only when use_proxy is set. CAPATH is always off when a CA blob is given. A POST or PATCH is never sent a second time, not even
 * when the reused connection turns out dead. Header lines past 256 KiB or 1000 are ERR_PROTOCOL; past 128 connections to all hosts together requests
 * wait (that is what keeps 500 nodes within a client of 64 MB). */
#pragma once

#include "base/cancel.h"
#include "base/error.h"
#include "base/strbuf.h"

enum http_version { HTTP_AUTO, HTTP_1_1, HTTP_2 };   /* AUTO: h2 by ALPN else 1.1; HTTP_2: must be h2 */

/* Identity and trust of a TLS connection. Borrowed by the request until it is done. */
struct http_tls {
        const char *ca_pem;       /* the only trust; NULL: the system's store */
        const char *cert_pem;     /* client certificate, or NULL */
        const char *key_pem;      /* its key (label "ED25519 PRIVATE KEY" is translated), or NULL */
        bool insecure;            /* no verification at all: Talos maintenance mode */
        const char *pin;          /* "sha256//<base64>" or NULL */
        int64_t clock_off_ms;     /* to add to this machine's clock when the peer's certificate is judged */
};

struct http_request {
        const char *method;       /* "GET" … */
        const char *url;
        const struct kvs *headers;/* or NULL */
        const void *body;         /* or NULL */
        size_t body_len;
        const struct http_tls *tls;      /* NULL: system trust */
        enum http_version version;
        int64_t timeout_ms;       /* of the whole exchange; 0 = 60 s; negative = none (streams) */
        int64_t connect_timeout_ms;      /* 0 = 10 s */
        int64_t idle_timeout_ms;  /* no byte for so long ends it with ERR_TIMEOUT; 0 = off */
        size_t max_body;          /* 0 = 32 MiB; more is ERR_PROTOCOL */
        bool accepted;            /* this peer has answered this identity before: a new connection that closes in silence is broken, not refused */
        bool fresh;               /* do not reuse a connection for this one, and do not leave it for others */
        bool gzip;                /* the answer may come compressed; it is unpacked, and max_body counts what comes out */
        bool use_proxy;           /* honour https_proxy and friends */
        bool follow;              /* follow up to 5 redirects, https only (or same scheme on loopback) */
        const char *source;       /* address of this machine to come from, or NULL: the system's choice */
        const char *secret;       /* a text cut out of debug traces wherever it appears (token), or NULL */
        const struct cancel *cancel;
        /* Streaming: called on the I/O thread for each piece as it arrives; the body is then not collected. Non-zero ends the exchange
         * with ERR_CANCELLED. */
        int (*on_data)(void *data, const void *p, size_t n);
        void *on_data_arg;
};

struct http_response {
        int status;               /* 0: none came */
        struct kvs headers;       /* lower-case names, last value of a repeated one; HTTP/2 trailers are among them */
        struct strbuf body;
        bool got_headers;         /* at least one header line arrived */
        bool unread;              /* HTTP/2: the peer ended the stream before any of the body was sent: it has carried out nothing */
        bool http2;
        bool new_connection;
        int64_t duration_ms;
};

struct http_engine;
struct http_engine_stats { uint64_t requests, connections, bytes_in, bytes_out; };

int http_engine_new(const char *user_agent, struct http_engine **ret, struct error *err);
void http_engine_free(struct http_engine *e);     /* waits for the thread; running requests end with ERR_CANCELLED */
DEFINE_CLEANUP(struct http_engine *, http_engine_free)
void http_engine_stats(struct http_engine *e, struct http_engine_stats *ret);
/* Asked before every request that is not a GET or HEAD, on its caller's thread; what it refuses is not sent. To be set before the first request. */
void http_engine_set_guard(struct http_engine *e, int (*guard)(void *data, struct error *err), void *data);
/* At most n connections to one host at once (default 8; HTTP/2 multiplexes over them). */
void http_engine_set_max_host_connections(struct http_engine *e, unsigned n);

void http_response_done(struct http_response *r);
#define _cleanup_http_response_ _cleanup_(http_response_done)

/* 0 when an answer came, whatever its status. Else: ERR_UNAVAILABLE (no connection, closed), ERR_TIMEOUT, ERR_TLS (their certificate is
 * not trusted, or ours was refused: under TLS 1.3 that shows as a fresh connection closed without one header line), ERR_PROTOCOL,
 * ERR_CANCELLED. What tells a refused certificate from a connection that breaks: the TLS alert, and whether anything came inside TLS. err->ambiguous says that the request may have been carried out (bytes were sent). ret is filled as far as it
 * came, also on failure (exception to the house rule: callers need got_headers and trailers); always call http_response_done(). */
int http_perform(struct http_engine *e, const struct http_request *req, struct http_response *ret, struct error *err);

/* scheme://host[:port]/path?query split; owned parts: the host without brackets, the port filled in, the path with its query. false
 * when it is no http(s) URL or holds a user name. */
bool url_split(const char *url, char **ret_scheme, char **ret_host, unsigned *ret_port, char **ret_path);
