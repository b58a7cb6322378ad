/* The talosconfig file: whom to call and with which certificate, in talosctl's own form. Merging never loses what others
 * wrote. */
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "talos/secrets.h"
#include "talos/userfile.h"

/* One context. Owned; talosconfig_context_done(). */
struct talosconfig_context {
        char *name;
        struct strv endpoints;       /* bare addresses, no brackets */
        struct strv nodes;           /* may be empty */
        char *ca;                    /* PEM */
        struct pki_pair client;      /* PEM */
};
void talosconfig_context_done(struct talosconfig_context *c);
#define _cleanup_talosconfig_context_ _cleanup_(talosconfig_context_done)

/* Mints a client certificate (role NULL: "os:admin"; lifetime_s 0: 8760 h) and makes a context of it. */
int talosconfig_mint(const struct talos_secrets *s, const char *name, const struct strv *endpoints, const struct strv *nodes,
                     const char *role,
                     int64_t lifetime_s, struct clock *clock, struct talosconfig_context *ret_context, struct error *err);

/* A whole file with this one context; owned, secret_free(). */
char *talosconfig_write(const struct talosconfig_context *c);

/* Reads one context of a file's text; context NULL: the current one. ERR_INVALID, ERR_NOT_FOUND (no such context). */
int talosconfig_parse(const char *name, const char *text, size_t len, const char *context,
                      struct talosconfig_context *ret_context, struct error *err);

/* Writes the context into the file, keeping everything else; makes the file (0600) when it is missing. flags: enum
 * talos_merge_flags. It also becomes the current context when there was none. A file that cannot be read as a talosconfig is
 * left alone: ERR_INVALID; so is one whose context of this name belongs to another cluster: ERR_EXISTS. */
int talosconfig_merge_file(const char *path, const struct talosconfig_context *c, unsigned flags, struct error *err);

/* Whether such a merge would be possible, found without writing; ca as for talos_kubeconfig_check_file(). */
int talosconfig_check_file(const char *path, const char *context, const char *ca, struct error *err);

/* Takes the context out of the file; absence of file or context is success. */
int talosconfig_remove_file(const char *path, const char *context, struct error *err);
