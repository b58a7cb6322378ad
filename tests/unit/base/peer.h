/* A server in the test's own process, on [::1]: HTTP/1.1 or HTTP/2, plain or TLS, polite or broken. What it answers hangs on the path:
 *   /hello        200 "hello"
 *   /echo         the request's body; answer headers x-method, x-expect, x-te-name, x-type say what came
 *   /size/N       N bytes
 *   /twice        the header "x-twice" twice
 *   /redirect     302 to /hello       /loop  302 to itself      /away  302 to http://[::1]:1/
 *   /never        no answer           /stall a beginning, then nothing
 *   /close        closes unanswered   /half  closes in the body
 *   /once         answers once a connection, then closes unanswered
 * and over HTTP/2 only:
 *   /grpc         body in two frames, trailers      /no-trailers  as before, without
 *   /only         trailers-only                     /reset        RST_STREAM after some body */
#pragma once

#include <pthread.h>

#include "base/util.h"

struct peer_options {
        bool tls;
        bool drop;                   /* closes each connection at once */
        bool http2;                  /* offered by ALPN; always spoken without TLS */
        const char *client_ca_pem;   /* a client certificate of it is required */
        void (*on_never)(void *);    /* called when a request for /never or /stall has come */
        void *data;
};

struct peer;

struct peer *peer_start(const struct peer_options *o);
void peer_stop(struct peer *p);
char *peer_url(const struct peer *p, const char *path);  /* owned */
unsigned peer_connections(struct peer *p);
unsigned peer_requests(struct peer *p);

/* Test identities: Ed25519 CA, a certificate for [::1] (server and client) under it. All owned by the struct. */
struct identity {
        char *ca_pem, *ca_key_pem;
        char *cert_pem, *key_pem;
        char *pin;                   /* "sha256//…" of the certificate's key */
};
void identity_make(struct identity *id);
void identity_done(struct identity *id);
const struct identity *peer_identity(const struct peer *p);   /* the server's */
