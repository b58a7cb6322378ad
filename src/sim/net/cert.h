/* X.509 of the simulator: reads keys and certificates, issues leaves. Written apart from src/talos, whose output it is meant to
 * check. PEM texts are owned by who receives them and are freed with free(). */
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/error.h"
#include "base/ip6.h"
#include "base/strbuf.h"

/* A certificate and its key as PEM; key_pem may be NULL where only the certificate is known (workers). */
struct cert_pair { char *cert_pem, *key_pem; };
void cert_pair_done(struct cert_pair *p);
#define _cleanup_cert_pair_ _cleanup_(cert_pair_done)

enum cert_key_type { CERT_KEY_LIKE_CA, CERT_KEY_ED25519, CERT_KEY_P256 };

struct cert_spec {
        const char *common_name;                 /* or NULL */
        const char *const *organizations;        /* ends with NULL; or NULL */
        const struct strv *dns_names;            /* or NULL */
        const struct ip6_addr *addresses;        /* IPv6 SANs */
        size_t n_addresses;
        bool loopback;                           /* 127.0.0.1 among the SANs */
        const uint8_t *v4;                       /* one more IPv4 address among them, 4 bytes; or NULL */
        bool server_auth, client_auth;
        int64_t not_before_ms, lifetime_ms;      /* by the loop's clock */
        enum cert_key_type key;
};

/* A self-signed CA. */
int cert_make_ca(const struct cert_spec *s, struct cert_pair *ret, struct error *err);
/* A leaf with a new key, signed by ca (whose key must be there). */
int cert_issue(const struct cert_pair *ca, const struct cert_spec *s, struct cert_pair *ret, struct error *err);
/* Signs a PKCS#10 request: its subject, its public key and its SANs are taken from the request, usages and life from s. */
int cert_sign_request(const struct cert_pair *ca, const char *csr_pem, const struct cert_spec *s, char **ret_pem,
                      struct error *err);
/* What a request asks for. */
struct cert_request {
        char *common_name;
        struct strv organizations, dns_names;
        struct ip6_addr *addresses;
        size_t n_addresses;
        size_t n_other;
};
int cert_request_parse(const char *csr_pem, struct cert_request *ret, struct error *err);       /* checks its signature too */
void cert_request_done(struct cert_request *r);

/* Reading. The label "ED25519 PRIVATE KEY" is PKCS#8 under another name (talos: crypto/x509/constants.go). ERR_INVALID. */
int cert_read(const char *pem, X509 **ret, struct error *err);
int cert_read_key(const char *pem, EVP_PKEY **ret, struct error *err);
bool cert_key_matches(X509 *cert, EVP_PKEY *key);
/* 0 when key belongs to the certificate, both as PEM; what names them in the message. */
int cert_pair_check(const char *what, const struct cert_pair *p, struct error *err);
bool cert_is_ca(X509 *cert);
char *cert_public_key_pem(EVP_PKEY *key);
DEFINE_CLEANUP(X509 *, X509_free)
DEFINE_CLEANUP(EVP_PKEY *, EVP_PKEY_free)
