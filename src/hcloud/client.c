/* The client's life, and what can be read from it. */
#include <hcloud/client.h>

#include <arpa/inet.h>

#include "base/codec.h"
#include "base/ip6.h"
#include "base/memory.h"
#include "base/secret.h"
#include "hcloud/request.h"
#include "hcloud/watch.h"

#define DEFAULT_TIMEOUT_MS 60000
#define DEFAULT_CONNECT_TIMEOUT_MS 10000
#define DEFAULT_BUDGET_MS 300000
#define DEFAULT_CONNECTIONS 8

/* Unencrypted HTTP is for a simulated cloud: on this machine, or in the range for documentation (RFC 3849), which the simulator
 * uses. */
static bool may_be_plain(const char *host) {
        static const struct ip6_prefix documentation = { .addr.b = { 0x20, 0x01, 0x0d, 0xb8 }, .len = 32 };
        struct in_addr v4;
        struct ip6_addr v6;
        _cleanup_str_ char *bare = xstrdup(host[0] == '[' ? host + 1 : host);
        size_t n = strlen(bare);
        if (n > 0 && bare[n - 1] == ']')
                bare[n - 1] = '\0';
        if (strcmp(bare, "localhost") == 0)
                return true;
        if (inet_pton(AF_INET, bare, &v4) == 1)
                return (ntohl(v4.s_addr) >> 24) == 127;
        if (!ip6_parse(bare, &v6))
                return false;
        static const struct ip6_addr loopback = { .b = { [15] = 1 } };
        return ip6_equal(&v6, &loopback) || ip6_prefix_has(&documentation, &v6);
}

static int check_endpoint(const char *endpoint, char **ret, struct error *err) {
        _cleanup_str_ char *scheme = NULL, *host = NULL, *path = NULL;
        unsigned port;
        if (!url_split(endpoint, &scheme, &host, &port, &path))
                return error_set(err, ERR_INVALID, "endpoint '%s' is no https URL", endpoint);
        if (strpbrk(endpoint, "?#@ \t\r\n"))
                return error_set(err, ERR_INVALID, "endpoint '%s' may have neither user, query, fragment nor blanks", endpoint);
        if (strcmp(scheme, "https") != 0 && !may_be_plain(host))
                return error_set(err, ERR_INVALID,
                                 "endpoint '%s': http:// is allowed only towards loopback and 2001:db8::/32, since the token "
                                 "would travel in the clear",
                                 endpoint);
        char *trimmed = xstrdup(endpoint);
        for (size_t n = strlen(trimmed); n > 0 && trimmed[n - 1] == '/'; n--)
                trimmed[n - 1] = '\0';
        *ret = trimmed;
        return 0;
}

/* A byte that cannot stand in a header would be sent to the wire as something else; a line break from a file is the usual one. */
static int check_token(const char *token, struct error *err) {
        if (str_empty(token)) {
                error_set(err, ERR_AUTH, "no token for the Hetzner Cloud API is given");
                return error_hint(err, "make one in the Cloud Console: project, Security, API tokens, Read & Write");
        }
        for (const char *p = token; *p; p++) {
                if (*p > 0x20 && *p < 0x7f)
                        continue;
                error_set(err, ERR_AUTH, "the token has %s at position %zu, which cannot be part of one",
                          *p == '\n' || *p == '\r' ? "a line break"
                          : *p == ' '              ? "a blank"
                                                   : "an invalid byte",
                          (size_t) (p - token) + 1);
                return error_hint(err, "copy the token again; it has 64 letters and digits");
        }
        return 0;
}

int hcloud_client_new(const struct hcloud_client_options *options, struct hcloud_client **ret, struct error *err) {
        return hcloud_client_new_with(options, NULL, ret, err);
}

static int64_t or_default(int64_t value, int64_t otherwise) {
        return value ? value : otherwise;
}

static void set_options(struct hcloud_client *c, const struct hcloud_client_options *o, const struct hcloud_client_inner *inner) {
        c->token = xstrdup(o->token);
        c->authorization = xasprintf("Bearer %s", o->token);
        c->user_agent = xasprintf("%s%slibhcloud/%s", o->application ? o->application : "", o->application ? " " : "",
                                  hcloud_version());
        c->timeout_ms = or_default(o->timeout_ms, DEFAULT_TIMEOUT_MS);
        c->connect_timeout_ms = or_default(o->connect_timeout_ms, DEFAULT_CONNECT_TIMEOUT_MS);
        c->budget_ms = or_default(o->retry_budget_ms, DEFAULT_BUDGET_MS);
        c->observer = o->observer;
        c->observer_data = o->observer_data;
        c->guard = o->guard;
        c->guard_data = o->guard_data;
        c->clock = inner && inner->clock ? inner->clock : clock_system();
        c->owns_cancel = !inner || !inner->cancel;
        c->cancel = c->owns_cancel ? cancel_new() : inner->cancel;
        c->use_proxy = !inner || !inner->no_proxy;
        c->stats.rate_limit = c->stats.rate_remaining = c->stats.rate_reset = -1;
        if (inner && inner->jitter_seed)
                c->jitter_state = inner->jitter_seed;
        else
                random_bytes(&c->jitter_state, sizeof(c->jitter_state));
        c->watch = watch_new();
}

int hcloud_client_new_with(const struct hcloud_client_options *options, const struct hcloud_client_inner *inner,
                           struct hcloud_client **ret, struct error *err) {
        _cleanup_(hcloud_client_freep) struct hcloud_client *c = xnew0(struct hcloud_client);
        pthread_mutex_init(&c->lock, NULL);
        json_needs_memory();
        int r = check_token(options->token, err);
        if (r < 0)
                return r;
        r = check_endpoint(str_empty(options->endpoint) ? HCLOUD_DEFAULT_ENDPOINT : options->endpoint, &c->endpoint, err);
        if (r < 0)
                return r;
        set_options(c, options, inner);
        if (inner && inner->engine) {
                c->engine = inner->engine;
        } else {
                r = http_engine_new(c->user_agent, &c->engine, err);
                if (r < 0)
                        return r;
                c->owns_engine = true;
                http_engine_set_max_host_connections(c->engine,
                                                     options->max_connections ? options->max_connections : DEFAULT_CONNECTIONS);
        }
        *ret = TAKE(c);
        return 0;
}

void hcloud_client_free(struct hcloud_client *c) {
        if (!c)
                return;
        if (c->owns_engine)
                http_engine_free(c->engine);
        if (c->owns_cancel)
                cancel_free(c->cancel);
        watch_free(c->watch);
        secret_free(c->token);
        secret_free(c->authorization);
        free(c->endpoint);
        free(c->user_agent);
        pthread_mutex_destroy(&c->lock);
        free(c);
}

void hcloud_client_cancel(struct hcloud_client *c) {
        cancel_trigger(c->cancel);
}

void hcloud_client_stats(struct hcloud_client *c, struct hcloud_client_stats *ret) {
        pthread_mutex_lock(&c->lock);
        *ret = c->stats;
        pthread_mutex_unlock(&c->lock);
}

bool hcloud_client_server_time(struct hcloud_client *c, int64_t *ret_ms) {
        pthread_mutex_lock(&c->lock);
        bool known = c->date_ms != 0;
        if (known)
                *ret_ms = c->date_ms + (clock_mono_ms(c->clock) - c->date_mono_ms);
        pthread_mutex_unlock(&c->lock);
        return known;
}
