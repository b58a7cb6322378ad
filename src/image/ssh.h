/* SSH to a rescue system, by libssh: a key that never leaves memory, no file read (no ssh_config, no known_hosts, no agent), one command at a time
 * with its standard input and output as streams. */
#pragma once

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/strbuf.h"

/* An Ed25519 key pair made for one run. */
struct ssh_identity;
int ssh_identity_new(const char *comment, struct ssh_identity **ret, struct error *err);
const char *ssh_identity_public(const struct ssh_identity *i);       /* a line for authorized_keys; borrowed */
void ssh_identity_free(struct ssh_identity *i);
DEFINE_CLEANUP(struct ssh_identity *, ssh_identity_free)

struct ssh_target {
        const struct strv *addresses;        /* literals, tried in their order again and again: which one a rescue system takes is not documented */
        unsigned port;                       /* 0: 22 */
        const char *user;
        const struct ssh_identity *identity;
        /* Fingerprint "SHA256:…" that the host must show; empty at first contact: then it becomes the one that was shown, which is trust on first
         * use. Owned by the caller. */
        char **pin;
        int64_t timeout_ms;                  /* until it answers; 0: 5 min */
        int64_t silence_ms;                  /* no byte either way for so long ends a connection; 0: 2 min */
        struct clock *clock;
        const struct cancel *cancel;
};

struct ssh_link;
/* ERR_TIMEOUT (nobody answers), ERR_TLS (another host key than pinned), ERR_REFUSED (the key is not accepted), ERR_CANCELLED. */
int ssh_link_open(const struct ssh_target *t, struct ssh_link **ret, struct error *err);
void ssh_link_close(struct ssh_link *l);
DEFINE_CLEANUP(struct ssh_link *, ssh_link_close)
const char *ssh_link_address(const struct ssh_link *l);              /* the one that answered; borrowed */

/* One command. Whole lines of its standard output go to on_line; its standard error is kept (the last 4 KiB). Write and finish may be called from
 * different threads, one after the other. */
struct ssh_command;
int ssh_command_start(struct ssh_link *l, const char *command, void (*on_line)(void *data, const char *line), void *data, struct ssh_command **ret,
                      struct error *err);
/* Gives bytes to its standard input; blocks while the other side is busy. ERR_UNAVAILABLE when the command has ended or the connection broke. */
int ssh_command_write(struct ssh_command *c, const void *p, size_t n, struct error *err);
/* Ends its input, waits for its end and frees it. *ret_status is the exit status, *ret_errors (owned, may be NULL) what it said on standard error.
 * ERR_UNAVAILABLE when the connection broke before an exit status came. */
int ssh_command_finish(struct ssh_command *c, int *ret_status, char **ret_errors, struct error *err);
