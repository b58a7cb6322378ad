/* The one table of versions: which Talos, Kubernetes, Cilium and Talos CCM a cluster gets by default, and which combinations are known to
 * belong together. Everything is static; nothing to free. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"
#include "talos/contract.h"

struct chart_pin { const char *version, *digest; };     /* digest: sha256 hex of the published archive, or NULL where nobody has read it */

struct version_set {
        const char *name;            /* "default", "blog" */
        const char *talos;           /* "v1.13.9" */
        const char *kubernetes;      /* "v1.36.3" */
        struct chart_pin cilium;
        const char *ccm;             /* image tag "v1.12.0" */
        const char *note;            /* where the combination comes from */
};

#define CILIUM_REPOSITORY "https://helm.cilium.io"
#define CCM_NAME "talos-cloud-controller-manager"

const struct version_set *version_sets(size_t *ret_n);
const struct version_set *version_default(void);
/* The set that a Talos version belongs to by major.minor, or NULL. */
const struct version_set *version_for_talos(const char *talos);
/* The form of machine configs for a Talos version: text ("1.14"), or NULL for the version's own, at most 1.13, the last form with nearly everything in one
 * document. ERR_PROFILE: no form that is known, or one that is newer than the version. */
int version_contract(const char *talos, const char *text, struct talos_contract *ret, struct error *err);
/* The digest of a Cilium chart that we know, or NULL. */
const char *version_cilium_digest(const char *version);

/* Talos below our floor, Kubernetes outside Talos' range, Cilium 1.19.0 and 1.19.1 (IPv6 NodePort regression): ERR_PROFILE with what would do. A
 * combination outside the table, but possible, adds a sentence to warnings. */
int version_check(const char *talos, const char *kubernetes, const char *cilium, const char *ccm, struct strv *warnings, struct error *err);
