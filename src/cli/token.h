/* Where the token and the endpoint come from: the environment, or the hcloud CLI's own cli.toml. Never the command line. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

struct credentials {
        char *token;      /* wiped by credentials_done() */
        char *endpoint;   /* NULL: the public API */
        char *source;     /* "HCLOUD_TOKEN", "context 'x' of …/cli.toml"; for people */
};

void credentials_done(struct credentials *c);
#define _cleanup_credentials_ _cleanup_(credentials_done)

/* HCLOUD_TOKEN, else HCLOUD_CONTEXT or active_context in $HCLOUD_CONFIG or $XDG_CONFIG_HOME/hcloud/cli.toml. HCLOUD_ENDPOINT goes before the
 * context's endpoint. ERR_AUTH with a hint where a token comes from. */
int credentials_find(struct credentials *ret, struct error *err);

/* The subset of TOML that the hcloud CLI writes: top-level strings and [[contexts]] tables of strings. ERR_INVALID with name:line. Finds the
 * context's token and endpoint; wanted NULL means active_context. ERR_NOT_FOUND when there is none. */
int toml_context(const char *name, const char *text, const char *wanted, char **ret_token, char **ret_endpoint, char **ret_context,
                 struct error *err);
