/* X.509 as Talos makes it: certificate authorities, leaf certificates, and reading certificates back.
 *
 * Everything is PEM text at this interface. Ed25519 keys carry Talos' own label "ED25519 PRIVATE KEY" (PKCS#8 inside), which
 * OpenSSL does not understand: it is translated here and nowhere else. Keys are freed with secret_free(), a pair with
 * pki_pair_done(). Thread-safe: no state. Source of the forms: talos crypto/x509. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/strbuf.h"

enum pki_key_type { PKI_ED25519, PKI_P256, PKI_RSA4096 };

/* A certificate and its private key, PEM. Owned. */
struct pki_pair { char *cert, *key; };
void pki_pair_done(struct pki_pair *p);                 /* wipes the key */
#define _cleanup_pki_pair_ _cleanup_(pki_pair_done)

/* A new private key, PEM with the label Talos uses: "ED25519 PRIVATE KEY", "EC PRIVATE KEY" or "RSA PRIVATE KEY". RSA-4096
 * takes about a second. ERR_BUG when OpenSSL fails. */
int pki_key_new(enum pki_key_type type, char **ret_key, struct error *err);

/* A self-signed CA valid from now for 3650 days. organization NULL: empty subject, as the aggregator CA of Talos has. */
int pki_ca_new(const char *organization, enum pki_key_type type, struct clock *clock, struct pki_pair *ret_pair,
               struct error *err);

/* What a leaf certificate shall say. Everything borrowed. */
struct pki_request {
        const struct strv *organizations;   /* O, one attribute each, before CN; or NULL */
        const char *common_name;            /* or NULL */
        bool key_encipherment;              /* keyUsage digitalSignature is always set */
        bool client_auth, server_auth;      /* extKeyUsage */
        const struct strv *dns_names;       /* or NULL */
        const struct strv *addresses;       /* IPv4 or IPv6 without brackets; or NULL */
        int64_t back_date_s;                /* not before = now minus this */
        int64_t lifetime_s;                 /* not after = now plus this */
};

/* Mints a key of the CA's own type and a certificate for it, signed by the CA. ERR_INVALID: the CA's certificate or key cannot be
 * read, they do not belong together, or an address is none. */
int pki_leaf_new(const struct pki_pair *ca, const struct pki_request *request, struct clock *clock, struct pki_pair *ret_pair,
                 struct error *err);

#define PKI_USAGE_DIGITAL_SIGNATURE 0x80
#define PKI_USAGE_KEY_ENCIPHERMENT  0x20
#define PKI_USAGE_KEY_CERT_SIGN     0x04
#define PKI_USAGE_CRL_SIGN          0x02

/* A certificate's fields as plain values, for status and for tests. */
struct pki_info {
        char *subject, *issuer;             /* "O=system:masters, CN=admin" in the order as encoded; "" when empty */
        char *common_name;                  /* of the subject, or NULL */
        struct strv organizations;          /* of the subject */
        int64_t not_before_ms, not_after_ms;
        char *serial;                       /* hex */
        char *key_type;                     /* "Ed25519", "P-256", "RSA-4096" … */
        char *signature;                    /* "ED25519", "ecdsa-with-SHA256" … */
        unsigned key_usage;                 /* first byte of the bit string: PKI_USAGE_…; 0 when absent */
        bool key_usage_critical, client_auth, server_auth, other_ext_usage;
        bool has_basic_constraints, is_ca;
        struct strv dns_names, addresses;   /* subjectAltName; addresses in canonical text */
        char *subject_key_id, *authority_key_id; /* hex, or NULL */
        struct strv extensions;             /* object identifiers in file order */
        char *spki_sha256;                  /* base64 of SHA-256 of the public key (what talosctl calls the fingerprint) */
};
void pki_info_done(struct pki_info *i);
#define _cleanup_pki_info_ _cleanup_(pki_info_done)

/* Reads the first certificate of a PEM text. ERR_INVALID. */
int pki_read(const char *cert, struct pki_info *ret_info, struct error *err);

/* Fails with ERR_INVALID unless the text is exactly one readable private key with a label Talos reads (RSA, EC, ED25519 or no
 * prefix). */
int pki_check_key(const char *key, struct error *err);
/* Fails with ERR_INVALID unless key is the private key of cert. Talos itself does not check this. */
int pki_check_pair(const char *cert, const char *key, struct error *err);
/* Fails with ERR_INVALID unless cert was signed by ca and names it as its issuer. Dates are not looked at. */
int pki_check_signed(const char *cert, const char *ca, struct error *err);

/* The same key under the label "PRIVATE KEY" when it had Talos' Ed25519 label, for libraries that refuse that label; a copy of
 * any other text. Owned, secret_free(). */
char *pki_key_for_openssl(const char *key);
