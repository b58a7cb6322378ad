/* What can be done with a cluster's profile and secrets alone: no cloud is asked and no node. A cluster opened without a token does (cluster.h). */
#pragma once

#include "cluster/cluster.h"

/* The vault's bundle in talosctl's form (secrets.yaml); owned, secret_free(). ERR_NOT_FOUND: no vault. */
int cluster_secrets_export(struct cluster *c, char **ret, struct error *err);
/* A new vault with this bundle (talos/secrets-import.h has the forms), or with new secrets when text is NULL. name is for messages. ERR_EXISTS: there is
 * one, ERR_INVALID. */
int cluster_secrets_import(struct cluster *c, const char *name, const char *text, size_t len, struct error *err);

struct render_options {
        const char *endpoint;              /* "https://[…]:6443"; NULL: a stand-in of the documentation range, for checks only */
        const struct strv *addresses;      /* "NODE=ADDRESS", for nodes whose address is known; or NULL */
        bool kubeadm;                      /* files for kubeadm and systemd instead of machine configs */
        bool throwaway_secrets;            /* where there is no vault: new secrets that nobody keeps */
};
struct rendered_file { char *name, *text; bool secret; };      /* name: "worker.yaml", with folders below it for kubeadm */
struct rendered { struct rendered_file *items; size_t n; };
void rendered_done(struct rendered *r);                        /* wipes */

/* The machine configs that up would push: one per node whose address is given, and one per role that has others. Needs a spec. ERR_NOT_FOUND: no vault.
 * ERR_USAGE: no such node, no address. ERR_PROFILE. */
int cluster_render(struct cluster *c, const struct render_options *o, struct rendered *ret, struct error *err);

/* The values that a chart is installed with, as YAML; name is an add-on's. Owned. ERR_NOT_FOUND. */
int cluster_chart_values(struct cluster *c, const char *name, char **ret, struct error *err);
/* Warns of values in the profile that the charts do not know. files: archives of charts to compare with (of any version), or NULL; the others are fetched, or taken
 * from the cache, and one that cannot be had is only warned of. ERR_USAGE: a file that the profile has no use for; ERR_INVALID: no chart. */
int cluster_check_values(struct cluster *c, const struct strv *files, struct error *err);

/* All checks of the profile that need no cloud: the configs of every pool are made, patched, validated and packed. ERR_PROFILE. */
int cluster_validate(struct cluster *c, struct error *err);
