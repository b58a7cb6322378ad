/* The admin kubeconfig, minted from the secrets bundle: the same that a node's Kubeconfig call returns. Merging into a file
 * never loses what others wrote. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "talos/secrets.h"
#include "talos/userfile.h"

struct talos_kubeconfig {
        char *cluster;               /* name of the cluster entry */
        char *server;                /* "https://[2001:db8::1]:6443" */
        char *user;                  /* "admin@<cluster>" */
        char *context;               /* "admin@<cluster>" */
        char *ca;                    /* PEM */
        struct pki_pair client;      /* PEM */
};
void talos_kubeconfig_done(struct talos_kubeconfig *k);
#define _cleanup_talos_kubeconfig_ _cleanup_(talos_kubeconfig_done)

/* lifetime_s 0: 8760 h. */
int talos_kubeconfig_mint(const struct talos_secrets *s, const char *cluster, const char *server, int64_t lifetime_s,
                          struct clock *clock, struct talos_kubeconfig *ret_kubeconfig, struct error *err);

/* A whole file with this one context, in kubectl's form; owned, secret_free(). */
char *talos_kubeconfig_write(const struct talos_kubeconfig *k);

/* Reads one context of a file's text whose user has an embedded client certificate; context NULL: the current one.
 * ERR_INVALID, ERR_NOT_FOUND. */
int talos_kubeconfig_parse(const char *name, const char *text, size_t len, const char *context,
                           struct talos_kubeconfig *ret_kubeconfig, struct error *err);

/* Writes cluster, user and context into the file (replacing entries of the same names), keeping everything else; made (0600)
 * when missing. flags: enum talos_merge_flags. It also becomes the current context when there was none. ERR_INVALID (no
 * kubeconfig) and ERR_EXISTS (the context or user of this name belongs to another cluster) leave the file alone. */
int talos_kubeconfig_merge_file(const char *path, const struct talos_kubeconfig *k, unsigned flags, struct error *err);

/* Whether such a merge would be possible, found without writing: a file that is none, or whose context of this name has another CA than `ca`
 * (PEM; "" when ours is not made yet). ERR_INVALID, ERR_EXISTS, ERR_IO. */
int talos_kubeconfig_check_file(const char *path, const char *cluster, const char *ca, struct error *err);

/* Takes the context "admin@<cluster>", its user and its cluster out of the file, unless another context uses them. Absence is
 * success. */
int talos_kubeconfig_remove_file(const char *path, const char *cluster, struct error *err);
