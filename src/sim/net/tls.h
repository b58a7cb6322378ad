/* TLS for the simulator's servers, and what it learns about the client. Contexts are counted references, so that a listener may
 * get a new certificate while old connections live on. */
#pragma once

#include <openssl/ssl.h>

#include "base/error.h"
#include "base/ip6.h"
#include "base/strbuf.h"

enum tls_client_auth {
        TLS_CLIENT_NONE, /* no certificate is asked for (Talos' maintenance mode) */
        TLS_CLIENT_OPTIONAL, /* one signed by the CA is noted, none is fine, a wrong one ends the handshake (kube-apiserver) */
        TLS_CLIENT_REQUIRED, /* no connection without one signed by the CA (Talos' apid) */
};

struct tls_server;

struct tls_options {
        const char *cert_pem;            /* leaf first, then intermediates */
        const char *key_pem;             /* any label, "ED25519 PRIVATE KEY" too */
        const char *client_ca_pem;       /* one or more certificates; needed unless TLS_CLIENT_NONE */
        enum tls_client_auth client_auth;
        const char *const *alpn; /* server's preference, ends with NULL; NULL: no ALPN. A client that offers none of them is
                                    refused when alpn_required, else served without */
        bool alpn_required;
        struct sim_loop *loop;           /* by whose clock a client's certificate may have begun; NULL: any has */
        struct tls_server *(*instead)(void *data);       /* asked at each connection: answers it in this one's place, or NULL; a fault */
        void *data;
};

/* TLS 1.2 and up, no session tickets. ERR_INVALID for bad PEM or a key that is not the certificate's. */
int tls_server_new(const struct tls_options *o, struct tls_server **ret, struct error *err);
struct tls_server *tls_server_ref(struct tls_server *s);
void tls_server_unref(struct tls_server *s);
DEFINE_CLEANUP(struct tls_server *, tls_server_unref)
SSL *tls_server_session(struct tls_server *s);                   /* a new SSL in accept state; the caller frees */

/* The verified certificate of the client. */
struct tls_peer {
        char *common_name;               /* "" when there is none */
        struct strv organizations;       /* O values in order */
        struct strv dns_names;
        struct ip6_addr *addresses;      /* IPv6 SANs */
        size_t n_addresses;
        struct strv key_usages;          /* extended key usages as OpenSSL short names: "clientAuth", "serverAuth" */
        int64_t not_after_ms;
};
struct tls_peer *tls_peer_of(SSL *ssl);                          /* NULL when the client showed none */
void tls_peer_free(struct tls_peer *p);
bool tls_peer_in(const struct tls_peer *p, const char *organization);    /* NULL-safe */
