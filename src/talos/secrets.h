/* The secrets bundle of a cluster: everything that cannot be read back once it is lost. The owner frees it with
 * talos_secrets_free(), which wipes it.
 *
 * The text form is that of `talosctl gen secrets` (secrets.yaml), byte for byte, so talosctl can use our bundle and we its. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "talos/contract.h"
#include "talos/pki.h"

struct talos_secrets {
        char *cluster_id;            /* base64 text, only an identifier */
        char *cluster_secret;        /* base64 of 32 bytes, discovery's AES key */
        char *bootstrap_token;       /* "abcdef.0123456789abcdef", kubelets join with it */
        char *secretbox_secret;      /* base64 of 32 bytes, etcd at rest; NULL when aescbc_secret is set */
        char *aescbc_secret;         /* of very old bundles, or NULL */
        char *machine_token;         /* workers ask trustd for a certificate with it */
        struct pki_pair etcd, kubernetes, aggregator, os;
        char *service_account_key;   /* PEM */
};

void talos_secrets_free(struct talos_secrets *s);
DEFINE_CLEANUP(struct talos_secrets *, talos_secrets_free)
#define _cleanup_talos_secrets_ _cleanup_(talos_secrets_freep)

/* A new bundle. The RSA-4096 key is made in a thread beside the others; about a second. The contract decides the alphabet of the
 * cluster id only. */
int talos_secrets_generate(const struct talos_contract *contract, struct clock *clock, struct talos_secrets **ret_secrets,
                           struct error *err);

/* Reads secrets.yaml text and validates it; name is used in messages. ERR_INVALID with the place or the field. */
int talos_secrets_parse(const char *name, const char *text, size_t len, struct talos_secrets **ret_secrets, struct error *err);

/* Every field present and well formed, every certificate a CA, every key readable and the one of its certificate. ERR_INVALID
 * with the field's path in secrets.yaml. */
int talos_secrets_validate(const struct talos_secrets *s, struct error *err);

/* secrets.yaml as talosctl writes it; owned, secret_free(). */
char *talos_secrets_write(const struct talos_secrets *s);

/* The same from and to a file; written with mode 0600. ERR_NOT_FOUND, ERR_IO, ERR_INVALID. */
int talos_secrets_load(const char *path, struct talos_secrets **ret_secrets, struct error *err);
int talos_secrets_save(const struct talos_secrets *s, const char *path, struct error *err);

/* A client certificate for the Talos API. role "os:admin", "os:operator", "os:reader" …; lifetime_s 0 means 8760 h. */
int talos_client_certificate(const struct talos_secrets *s, const char *role, int64_t lifetime_s, struct clock *clock,
                             struct pki_pair *ret_pair, struct error *err);

/* A client certificate for the Kubernetes API with all rights (O=system:masters, CN=admin); lifetime_s 0 means 8760 h. */
int talos_kubernetes_client_certificate(const struct talos_secrets *s, int64_t lifetime_s, struct clock *clock,
                                        struct pki_pair *ret_pair, struct error *err);
