#include "cli/token.h"

#include <ctype.h>

#include "base/file.h"
#include "base/secret.h"

#define TOML_MAX (1024 * 1024)

void credentials_done(struct credentials *c) {
        secret_free(c->token);
        free(c->endpoint);
        free(c->source);
        *c = (struct credentials) { 0 };
}

struct toml { const char *name; unsigned line; };

static int toml_error(const struct toml *t, const char *what, struct error *err) {
        return error_set(err, ERR_INVALID, "%s:%u: %s", t->name, t->line, what);
}

static char *trim(char *s) {
        char *end;

        while (isspace((unsigned char) *s))
                s++;
        end = s + strlen(s);
        while (end > s && isspace((unsigned char) end[-1]))
                *--end = '\0';
        return s;
}

/* "text" with the escapes \" and \\, or 'text'; what follows may be a comment. In place. */
static int toml_string(const struct toml *t, char *s, char **ret, struct error *err) {
        char quote = *s, *out = s;

        if (quote != '"' && quote != '\'')
                return toml_error(t, "a string in quotes was expected", err);
        for (char *in = s + 1; *in; in++) {
                if (*in == quote) {
                        char *rest = trim(in + 1);
                        if (*rest && *rest != '#')
                                return toml_error(t, "text after the string's end", err);
                        *out = '\0';
                        *ret = s;
                        return 0;
                }
                if (quote == '"' && *in == '\\') {
                        in++;
                        if (*in != '"' && *in != '\\')
                                return toml_error(t, "an escape that is not understood", err);
                }
                *out++ = *in;
        }
        return toml_error(t, "the string does not end on its line", err);
}

struct context { char *name, *token, *endpoint; };

static void context_done(struct context *c) {
        secret_free(c->token);
        free(c->name);
        free(c->endpoint);
        *c = (struct context) { 0 };
}

static void context_set(struct context *c, const char *key, const char *value) {
        char **slot = str_eq(key, "name") ? &c->name : str_eq(key, "token") ? &c->token : str_eq(key, "endpoint") ? &c->endpoint : NULL;

        if (!slot)
                return;
        free(*slot);
        *slot = xstrdup(value);
}

/* The context just read ends here: keep it if it is the wanted one. */
static void context_end(struct context *now, struct context *found, const char *wanted) {
        if (wanted && str_eq(now->name, wanted) && !found->name) {
                *found = *now;
                *now = (struct context) { 0 };
        }
        context_done(now);
}

/* The value of exactly this key: another one that begins alike must not choose another project. */
static char *active_context(const char *text) {
        static const char key[] = "active_context";

        for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
                const char *p = line + strspn(line, " \t");
                char quotes[] = "\"\n";
                size_t len;

                if (!str_starts(p, key))
                        continue;
                p += strlen(key);
                p += strspn(p, " \t");
                if (*p != '=')
                        continue;
                p++;
                p += strspn(p, " \t");
                if (*p != '"' && *p != '\'')
                        return NULL;
                quotes[0] = *p++;
                len = strcspn(p, quotes);
                return p[len] == quotes[0] ? xstrndup(p, len) : NULL;
        }
        return NULL;
}

static int toml_line(const struct toml *t, char *line, struct context *now, struct context *found, const char *wanted, bool *in_context,
                     struct error *err) {
        char *key, *value, *equals;
        int r;

        line = trim(line);
        if (!*line || *line == '#')
                return 0;
        if (*line == '[') {
                context_end(now, found, wanted);
                *in_context = str_starts(line, "[[contexts]]");
                return 0;
        }
        equals = strchr(line, '=');
        if (!equals)
                return toml_error(t, "neither a table nor key = value", err);
        *equals = '\0';
        key = trim(line);
        value = trim(equals + 1);
        /* Other keys may hold other types, which are none of our business. */
        if (!*in_context || (!str_eq(key, "name") && !str_eq(key, "token") && !str_eq(key, "endpoint")))
                return 0;
        r = toml_string(t, value, &value, err);
        if (r < 0)
                return r;
        context_set(now, key, value);
        return 0;
}

int toml_context(const char *name, const char *text, const char *wanted, char **ret_token, char **ret_endpoint, char **ret_context,
                 struct error *err) {
        _cleanup_str_ char *active = wanted ? xstrdup(wanted) : active_context(text);
        _cleanup_secret_ char *copy = xstrdup(text);
        _cleanup_(context_done) struct context now = { 0 }, found = { 0 };
        struct toml t = { .name = name };
        bool in_context = false;
        char *save = copy;

        if (!active)
                return error_set(err, ERR_NOT_FOUND, "%s names no active_context", name);
        for (char *line = strsep(&save, "\n"); line; line = strsep(&save, "\n")) {
                int r;

                t.line++;
                r = toml_line(&t, line, &now, &found, active, &in_context, err);
                if (r < 0)
                        return r;
        }
        context_end(&now, &found, active);
        if (!found.token)
                return error_set(err, ERR_NOT_FOUND, "%s has no context '%s' with a token", name, active);
        *ret_token = TAKE(found.token);
        *ret_endpoint = TAKE(found.endpoint);
        *ret_context = TAKE(active);
        return 0;
}

static int no_token(struct error *err, const char *why) {
        error_set(err, ERR_AUTH, "%s", why);
        return error_hint(err, "make a read-and-write API token in the Hetzner Cloud Console (project, Security, API tokens), then: "
                               "export HCLOUD_TOKEN=…");
}

static int from_file(const char *path, struct credentials *ret, struct error *err) {
        _cleanup_secret_ char *text = NULL;
        _cleanup_str_ char *context = NULL, *endpoint = NULL;
        const char *wanted = getenv("HCLOUD_CONTEXT");
        size_t len;
        int r;

        r = file_read(path, TOML_MAX, &text, &len, err);
        if (r < 0)
                return r;
        r = toml_context(path, text, str_empty(wanted) ? NULL : wanted, &ret->token, &endpoint, &context, err);
        if (r < 0)
                return r;
        ret->source = xasprintf("context '%s' of %s", context, path);
        if (!ret->endpoint)
                ret->endpoint = TAKE(endpoint);
        return 0;
}

int credentials_find(struct credentials *ret, struct error *err) {
        _cleanup_credentials_ struct credentials found = { 0 };
        _cleanup_str_ char *dir = NULL, *path = NULL;
        const char *token = getenv("HCLOUD_TOKEN"), *endpoint = getenv("HCLOUD_ENDPOINT"), *file = getenv("HCLOUD_CONFIG");
        struct error why = ERROR_INIT;

        if (!str_empty(endpoint))
                found.endpoint = xstrdup(endpoint);
        if (!str_empty(token)) {
                found.token = xstrdup(token);
                found.source = xstrdup("HCLOUD_TOKEN");
        } else {
                if (str_empty(file) && xdg_config_dir(&dir, err) < 0)
                        return -1;
                path = str_empty(file) ? path_join(dir, "hcloud/cli.toml") : xstrdup(file);
                if (from_file(path, &found, &why) < 0) {
                        _cleanup_str_ char *text = xasprintf("no token: HCLOUD_TOKEN is not set, and %s", error_text(&why));
                        error_done(&why);
                        return no_token(err, text);
                }
        }
        *ret = found;
        found = (struct credentials) { 0 };
        return 0;
}
