/* The vault: what cannot be read back from anywhere, sealed on the operator's disk. Format: docs/vault.md.
 *
 * Files below $XDG_STATE_HOME/hcloud-v6/<cluster>/ (0700, files 0600): vault (sealed), key (32 random bytes as hex, absent with a
 * passphrase), kubeconfig, talosconfig, lock. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "talos/secrets.h"

/* Asks the operator for the passphrase; returns an owned text (secret_free()) or NULL with err. */
typedef char *(*vault_ask)(void *data, const char *question, struct error *err);

struct vault_options {
        const char *state_dir;       /* NULL: $XDG_STATE_HOME/hcloud-v6 */
        const char *cluster;
        bool passphrase;             /* a new vault is sealed with a passphrase instead of a key file */
        vault_ask ask; void *ask_data;
        struct clock *clock;
};

struct vault {
        char *dir;                   /* …/hcloud-v6/<cluster> */
        char *uid;                   /* of the cluster, 16 hex digits; also a label on everything in the cloud */
        struct talos_secrets *secrets;
        int64_t created_ms;
};
void vault_free(struct vault *v);
DEFINE_CLEANUP(struct vault *, vault_free)
#define _cleanup_vault_ _cleanup_(vault_freep)

/* The directory's path, owned; nothing is made. */
int vault_dir(const struct vault_options *o, char **ret, struct error *err);
bool vault_exists(const struct vault_options *o);
/* Only the uid, which is readable without the key (the header is authenticated, not secret). ERR_NOT_FOUND. */
int vault_read_uid(const struct vault_options *o, char **ret_uid, struct error *err);
/* ERR_NOT_FOUND (none), ERR_AUTH is never used here: a wrong key or passphrase and a damaged file are ERR_REFUSED with different words and a hint. */
int vault_open(const struct vault_options *o, struct vault **ret, struct error *err);
/* Makes new secrets and writes them, unless a vault exists (ERR_EXISTS). Written whole or not at all. */
int vault_create(const struct vault_options *o, const struct talos_contract *contract, struct vault **ret, struct error *err);
/* The same with given secrets (import of a secrets.yaml; tests). */
int vault_create_with(const struct vault_options *o, const char *uid, struct talos_secrets *secrets, struct vault **ret, struct error *err);
/* Moves the vault and its key aside to archive/<cluster>-<uid>-<time>/ and removes the directory's other files. Absence is success. */
int vault_archive(const struct vault_options *o, struct error *err);
