/* A small TLS and HTTP/2 server for tests, on nghttp2 and OpenSSL (the client under test uses libcurl): it answers gRPC calls as a
 * test tells it to, also in ways that no healthy server would. One thread a connection; on [::1]. */
#pragma once

#include "base/strbuf.h"

struct h2_request {
        char *path;
        struct kvs headers;
        struct strbuf body;            /* frames and all */
        bool has_client_certificate;
};

struct h2_answer {
        int status;                    /* 0 = 200 */
        const char *content_type;      /* NULL = application/grpc */
        struct strbuf body;
        size_t split;                  /* bytes in each DATA frame; 0: as much as fits */
        const char *grpc_status;       /* NULL: none is sent */
        const char *grpc_message;
        bool trailers_only;            /* status in the only HEADERS frame */
        bool reset;                    /* RST_STREAM(CANCEL) behind the body */
        bool drop;                     /* close the connection behind the body */
        bool hang;                     /* never answer */
        bool reset_first;              /* RST_STREAM(INTERNAL_ERROR) instead of any header */
        bool reset_no_error;           /* RST_STREAM(NO_ERROR) behind the end, as gRPC servers do when they did not wait for the request */
};

/* Fills the answer; runs on the connection's thread. */
typedef void (*h2_handler)(void *arg, const struct h2_request *request, struct h2_answer *ret);

struct test_pki {
        char *ca_pem, *server_crt, *server_key, *client_crt, *client_key;
};
/* Ed25519 throughout, as in Talos; the client's key under Talos' own PEM label. */
void test_pki_make(struct test_pki *ret);
void test_pki_done(struct test_pki *p);

enum h2_client_auth { H2_CLIENT_NONE, H2_CLIENT_OPTIONAL, H2_CLIENT_REQUIRED };

struct h2_peer;
struct h2_peer *h2_peer_new(const struct test_pki *pki, enum h2_client_auth auth, h2_handler handler, void *arg);
void h2_peer_free(struct h2_peer *p);
/* From now on the peer answers when a request's headers have come, without waiting for its body. */
void h2_peer_set_early(struct h2_peer *p, bool early);
unsigned h2_peer_port(const struct h2_peer *p);
unsigned h2_peer_connections(struct h2_peer *p);   /* finished handshakes so far */
unsigned h2_peer_requests(struct h2_peer *p);
