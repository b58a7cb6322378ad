#include "kube/client.h"

#include <arpa/inet.h>

#include "base/codec.h"
#include "base/ip6.h"
#include "base/log.h"
#include "base/secret.h"
#include "kube/client-private.h"

enum {
        DEFAULT_TRIES = 8,                        /* some 20 s: an API server that restarts is back by then */
        FIRST_DELAY_MS = 250,
        LONGEST_DELAY_MS = 8000,
        LONGEST_RETRY_AFTER_S = 60,               /* a server that asks for more gets its error reported instead */
        PAGE = 500,                               /* kubectl's chunk size */
        LIST_RESTARTS = 3,
        CONNECT_MS = 5000,
        LONGEST_SILENCE_MS = 15000,               /* a dead cluster must not hold up status or destroy */
        MAX_PAGES = 10000,
};

/* ---- the client ---- */

/* Plain http would show the administrator's powers to everybody on the way: only to this very machine. */
static bool is_loopback(const char *host) {
        struct in_addr v4;
        struct ip6_addr v6;
        size_t n = strlen(host);
        _cleanup_str_ char *bare = *host == '[' && n > 2 ? xstrndup(host + 1, n - 2) : xstrdup(host);
        if (ip6_parse(bare, &v6))
                return ip6_is_loopback(&v6);
        if (inet_pton(AF_INET, bare, &v4) == 1)
                return ntohl(v4.s_addr) >> 24 == 127;
        return str_eq(bare, "localhost");
}

static int check_server(const char *server, struct error *err) {
        _cleanup_str_ char *scheme = NULL, *host = NULL, *path = NULL;
        unsigned port = 0;
        if (str_empty(server) || !url_split(server, &scheme, &host, &port, &path))
                return error_set(err, ERR_INVALID, "'%s' is not the URL of a Kubernetes API server", server ? server : "");
        if (str_eq(scheme, "https") || is_loopback(host))
                return 0;
        return error_set(err, ERR_INVALID, "'%s': plain http is only for a loopback address", server);
}

static struct kube_client *client_make(const struct kube_config *config) {
        struct kube_client *c = xnew0(struct kube_client);
        c->server = xstrdup(config->server);
        for (size_t n = strlen(c->server); n > 0 && c->server[n - 1] == '/'; n--)
                c->server[n - 1] = '\0';
        c->ca_pem = xstrdup(config->ca_pem);
        c->cert_pem = xstrdup(config->cert_pem);
        c->key_pem = xstrdup(config->key_pem);
        c->tls = (struct http_tls) { .ca_pem = c->ca_pem, .cert_pem = c->cert_pem, .key_pem = c->key_pem, .clock_off_ms = config->clock_off_ms };
        c->engine = config->engine;
        c->clock = config->clock;
        c->cancel = config->cancel;
        c->timeout_ms = config->timeout_ms ? config->timeout_ms : 30000;
        c->max_tries = config->max_tries ? config->max_tries : DEFAULT_TRIES;
        pthread_mutex_init(&c->lock, NULL);
        return c;
}

int kube_client_new(const struct kube_config *config, struct kube_client **ret, struct error *err) {
        if (check_server(config->server, err) < 0)
                return -1;
        *ret = client_make(config);
        return 0;
}

void kube_client_free(struct kube_client *c) {
        if (!c)
                return;
        for (size_t i = 0; i < c->n_kinds; i++) {
                free(c->kinds[i].api_version);
                free(c->kinds[i].kind);
                free(c->kinds[i].plural);
        }
        free(c->kinds);
        free(c->server);
        free(c->ca_pem);
        free(c->cert_pem);
        secret_free(c->key_pem);
        pthread_mutex_destroy(&c->lock);
        free(c);
}

struct kube_client *kube_client_hurried(const struct kube_client *c, int64_t timeout_ms, unsigned max_tries) {
        return kube_client_beside(c, c->server, timeout_ms, max_tries);
}

struct kube_client *kube_client_beside(const struct kube_client *c, const char *server, int64_t timeout_ms, unsigned max_tries) {
        struct kube_config config = { .server = server, .ca_pem = c->ca_pem, .cert_pem = c->cert_pem, .key_pem = c->key_pem,
                                      .engine = c->engine, .clock = c->clock, .cancel = c->cancel, .timeout_ms = timeout_ms,
                                      .max_tries = max_tries, .clock_off_ms = c->tls.clock_off_ms };
        return client_make(&config);
}

static void note_date(struct kube_client *c, const struct http_response *resp) {
        const char *date = kvs_get(&resp->headers, "date");
        int64_t ms;
        if (!date || !time_parse_http_date(date, &ms))
                return;
        pthread_mutex_lock(&c->lock);
        c->has_date = true;
        c->date_offset_ms = ms - clock_mono_ms(c->clock);
        pthread_mutex_unlock(&c->lock);
}

int64_t kube_now_ms(struct kube_client *c) {
        pthread_mutex_lock(&c->lock);
        int64_t now = c->has_date ? c->date_offset_ms + clock_mono_ms(c->clock) : clock_now_ms(c->clock);
        pthread_mutex_unlock(&c->lock);
        return now;
}

/* ---- errors ---- */

static enum error_kind kind_of(int status, const char *reason) {
        switch (status) {
        case 400:
        case 422:
                return ERR_INVALID;
        case 401:
        case 403:
                return ERR_AUTH;
        case 404:
                return ERR_NOT_FOUND;
        case 409:
                return str_eq(reason, "AlreadyExists") ? ERR_EXISTS : ERR_CONFLICT;
        case 410:
                return ERR_CONFLICT;
        case 429:
                return ERR_RATE_LIMITED;
        case 500:
        case 502:
        case 503:
                return ERR_UNAVAILABLE;
        case 504:
                return ERR_TIMEOUT;
        default:
                return ERR_REFUSED;
        }
}

static bool has_cause(const json_t *details, const char *reason) {
        const json_t *causes = jget(details, "causes");
        for (size_t i = 0; i < json_array_size(causes); i++)
                if (str_eq(jget_text(json_array_get(causes, i), "reason"), reason))
                        return true;
        return false;
}

/* The Status' details, with the header Retry-After put where the Status would say it. NULL when there is neither. */
static json_t *details_of(const json_t *status, const struct http_response *resp) {
        const json_t *given = jget(status, "details");
        json_t *details = json_is_object(given) ? json_deep_copy(given) : json_object();
        const char *header = kvs_get(&resp->headers, "retry-after");
        int64_t seconds;
        if (header && !jget(details, "retryAfterSeconds") && parse_int64(header, 0, 86400, &seconds))
                jset(details, "retryAfterSeconds", json_integer(seconds));
        if (json_object_size(details) == 0) {
                json_decref(details);
                return NULL;
        }
        return details;
}

/* The message in one line, from a Status or from a proxy's plain text. */
static char *message_of(const json_t *status, const struct http_response *resp) {
        const char *text = jget_text(status, "message");
        if (!str_empty(text)) {
                char *line = xstrdup(text);
                for (char *p = line; *p; p++)
                        if ((unsigned char) *p < 0x20 || *p == 0x7f)
                                *p = ' ';
                return line;
        }
        return xasprintf("HTTP status %d", resp->status);
}

int kube_status_error(const struct kube_request *r, const struct http_response *resp, struct error *err) {
        _cleanup_json_ json_t *status = NULL, *details = NULL;
        _cleanup_error_ struct error no_json = ERROR_INIT;
        if (json_parse("Status", resp->body.data, resp->body.len, &status, &no_json) < 0)
                status = NULL;
        details = details_of(status, resp);
        const char *reason = jget_text(status, "reason");
        enum error_kind kind = kind_of(resp->status, reason);
        if (resp->status == 403 && has_cause(details, "NamespaceTerminating"))
                kind = ERR_CONFLICT;
        _cleanup_str_ char *message = message_of(status, resp);
        int rc = error_set(err, kind, "%s %s: %s", r->method, r->path, message);
        if (err) {
                err->http_status = resp->status;
                /* The server's own word, but a gateway's 502 or 504 says nothing of what happened behind it. */
                err->ambiguous = resp->status == 502 || resp->status == 504;
                err->api_code = xstrdup(reason);
                err->details = details ? json_write(details) : NULL;
        }
        if (resp->status == 401)
                error_hint(err, "the API server knows nobody by our client certificate: it has ended, has not begun yet (is a clock wrong?), or is of another cluster's "
                                "authority; `hcloud-v6 kubeconfig` makes a new one where it has ended");
        return rc;
}

int64_t kube_error_retry_after_s(const struct error *err) {
        _cleanup_json_ json_t *details = NULL;
        if (!err->details || json_parse("details", err->details, strlen(err->details), &details, NULL) < 0)
                return -1;
        const json_t *s = jget(details, "retryAfterSeconds");
        return json_is_integer(s) && json_integer_value(s) >= 0 ? json_integer_value(s) : -1;
}

char *kube_error_cause(const struct error *err, const char *reason) {
        _cleanup_json_ json_t *details = NULL;
        if (!err->details || json_parse("details", err->details, strlen(err->details), &details, NULL) < 0)
                return NULL;
        const json_t *causes = jget(details, "causes");
        for (size_t i = 0; i < json_array_size(causes); i++) {
                const json_t *cause = json_array_get(causes, i);
                if (str_eq(jget_text(cause, "reason"), reason))
                        return xstrdup(jget_text(cause, "message"));
        }
        return NULL;
}

/* ---- calls ---- */

int kube_attempt(struct kube_client *c, const struct kube_request *r, struct http_response *resp, struct error *err) {
        _cleanup_kvs_ struct kvs headers = { 0 };
        _cleanup_str_ char *url = xasprintf("%s%s%s%s", c->server, r->path, str_empty(r->query) ? "" : "?", r->query ? r->query : "");
        kvs_set(&headers, "accept", r->accept ? r->accept : "application/json");
        if (r->body)
                kvs_set(&headers, "content-type", r->content_type ? r->content_type : "application/json");
        struct http_request req = {
                .method = r->method, .url = url, .headers = &headers, .body = r->body, .body_len = r->body_len,
                .tls = str_starts(c->server, "https") ? &c->tls : NULL, .timeout_ms = c->timeout_ms, .connect_timeout_ms = CONNECT_MS, .max_body = 64u << 20,
                .cancel = c->cancel, .gzip = str_eq(r->method, "GET"), /* the API server compresses answers of more than 128 KiB, as kubectl lets it */
        };
        pthread_mutex_lock(&c->lock);
        req.accepted = c->has_date;
        pthread_mutex_unlock(&c->lock);
        if (http_perform(c->engine, &req, resp, err) < 0)
                return error_wrap(err, "%s %s", r->method, r->path);
        note_date(c, resp);
        return 0;
}

static bool worth_another_try(const struct kube_request *r, const struct error *err) {
        switch (err->kind) {
        case ERR_RATE_LIMITED:
                return !r->keep_429 && kube_error_retry_after_s(err) <= LONGEST_RETRY_AFTER_S;
        case ERR_UNAVAILABLE:
        case ERR_TIMEOUT:
                return r->retry || (err->http_status == 0 && !err->ambiguous);
        default:
                return false;
        }
}

/* Doubles with each try; half of it is chance, so that many clients do not come back together. */
static int64_t delay_before(unsigned tries, const struct error *err) {
        unsigned doublings = MIN(tries - 1, 10u);
        int64_t delay = MIN((int64_t) FIRST_DELAY_MS << doublings, (int64_t) LONGEST_DELAY_MS);
        delay = delay / 2 + random_uniform((uint32_t) delay / 2 + 1);
        int64_t asked = kube_error_retry_after_s(err);
        return MAX(delay, MIN(asked, (int64_t) LONGEST_RETRY_AFTER_S) * 1000);
}

int kube_call(struct kube_client *c, const struct kube_request *r, int *ret_status, struct strbuf *ret_body, struct error *err) {
        int64_t silent_since = clock_mono_ms(c->clock);
        for (unsigned tries = 1;; tries++) {
                _cleanup_http_response_ struct http_response resp = { 0 };
                _cleanup_error_ struct error try_err = ERROR_INIT;
                int rc = kube_attempt(c, r, &resp, &try_err);
                if (rc == 0 && resp.status < 400) {
                        if (ret_status)
                                *ret_status = resp.status;
                        if (ret_body) {
                                strbuf_done(ret_body);
                                *ret_body = resp.body;
                                resp.body = STRBUF_INIT;
                        }
                        return 0;
                }
                int64_t now = clock_mono_ms(c->clock);
                if (rc == 0) {
                        kube_status_error(r, &resp, &try_err);
                        silent_since = now;
                }
                if (tries >= c->max_tries || !worth_another_try(r, &try_err) || now - silent_since > LONGEST_SILENCE_MS)
                        return error_move(err, &try_err);
                log_debug("kube", "try %u failed: %s", tries, error_text(&try_err));
                if (clock_sleep(c->clock, delay_before(tries, &try_err), c->cancel, err) < 0)
                        return -1;
        }
}

static int call_json(struct kube_client *c, const struct kube_request *r, json_t **ret, struct error *err) {
        _cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
        if (kube_call(c, r, NULL, &body, err) < 0)
                return -1;
        if (!ret)
                return 0;
        if (json_parse(r->path, body.data, body.len, ret, err) < 0)
                return -1;
        if (json_is_object(*ret))
                return 0;
        json_decref(*ret);
        *ret = NULL;
        return error_set(err, ERR_PROTOCOL, "%s %s: the answer is not an object", r->method, r->path);
}

int kube_get(struct kube_client *c, const char *path, json_t **ret, struct error *err) {
        struct kube_request r = { .method = "GET", .path = path, .retry = true };
        return call_json(c, &r, ret, err);
}

static int send_json(struct kube_client *c, struct kube_request r, const json_t *object, json_t **ret, struct error *err) {
        _cleanup_secret_ char *text = json_write(object); /* it may be a Secret */
        r.body = text;
        r.body_len = strlen(text);
        return call_json(c, &r, ret, err);
}

int kube_create(struct kube_client *c, const char *path, const json_t *object, json_t **ret, struct error *err) {
        return send_json(c, (struct kube_request) { .method = "POST", .path = path }, object, ret, err);
}

int kube_replace(struct kube_client *c, const char *path, const json_t *object, json_t **ret, struct error *err) {
        return send_json(c, (struct kube_request) { .method = "PUT", .path = path }, object, ret, err);
}

int kube_merge_patch(struct kube_client *c, const char *path, const json_t *patch, json_t **ret, struct error *err) {
        return send_json(c, (struct kube_request) { .method = "PATCH", .path = path, .retry = true,
                                                    .content_type = "application/merge-patch+json" }, patch, ret, err);
}

int kube_delete(struct kube_client *c, const char *path, const char *uid, struct error *err) {
        _cleanup_json_ json_t *options = json_pack("{s:s, s:s, s:s}", "kind", "DeleteOptions", "apiVersion", "v1", "propagationPolicy",
                                                   "Background");
        if (uid)
                json_object_set_new(options, "preconditions", json_pack("{s:s}", "uid", uid));
        return send_json(c, (struct kube_request) { .method = "DELETE", .path = path, .retry = true }, options, NULL, err);
}

/* ---- lists ---- */

static char *page_query(unsigned limit, const char *query, const char *token) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_addf(&b, "limit=%u", limit);
        if (!str_empty(query))
                strbuf_addf(&b, "&%s", query);
        if (!str_empty(token)) {
                _cleanup_str_ char *escaped = percent_encode(token);
                strbuf_addf(&b, "&continue=%s", escaped);
        }
        return strbuf_take(&b);
}

/* Kubernetes leaves out apiVersion and kind of items in lists; readers here do not miss them. */
static int list_once(struct kube_client *c, const char *path, const char *query, const struct kube_pages *p, struct error *err) {
        _cleanup_str_ char *token = NULL;
        for (unsigned pages = 0; pages < MAX_PAGES; pages++) {
                _cleanup_str_ char *q = page_query(p->limit ? p->limit : PAGE, query, token);
                _cleanup_json_ json_t *page = NULL;
                struct kube_request r = { .method = "GET", .path = path, .query = q, .retry = true };
                if (call_json(c, &r, &page, err) < 0)
                        return -1;
                const json_t *items = jget(page, "items");
                if (items && !json_is_array(items))
                        return error_set(err, ERR_PROTOCOL, "GET %s: 'items' is not an array", path);
                if (items && p->fn(items, p->data, err) < 0)
                        return -1;
                const char *next = jget_text(page, "metadata.continue");
                if (str_empty(next))
                        return 0;
                if (str_eq(next, token))
                        return error_set(err, ERR_PROTOCOL, "GET %s: the server repeats its continue token", path);
                free(token);
                token = xstrdup(next);
        }
        return error_set(err, ERR_PROTOCOL, "GET %s: the list has no end", path);
}

int kube_list_pages(struct kube_client *c, const char *path, const char *query, const struct kube_pages *pages, struct error *err) {
        for (unsigned restarts = 0;; restarts++) {
                _cleanup_error_ struct error list_err = ERROR_INIT;
                if (list_once(c, path, query, pages, &list_err) == 0)
                        return 0;
                /* The token lives some five minutes; what was read so far may be old: begin again. */
                if (list_err.http_status != 410 || restarts == LIST_RESTARTS)
                        return error_move(err, &list_err);
                pages->restart(pages->data);
        }
}

static int collect_page(const json_t *items, void *data, struct error *err) {
        (void) err;
        json_array_extend(data, (json_t *) items);
        return 0;
}

static void forget_pages(void *data) {
        json_array_clear(data);
}

int kube_list(struct kube_client *c, const char *path, const char *query, json_t **ret, struct error *err) {
        _cleanup_json_ json_t *all = json_array();
        const struct kube_pages pages = { .fn = collect_page, .restart = forget_pages, .data = all };
        if (kube_list_pages(c, path, query, &pages, err) < 0)
                return -1;
        *ret = TAKE(all);
        return 0;
}

/* ---- paths, readyz, version ---- */

char *kube_path(const char *api_version, const char *plural, const char *ns, const char *name, const char *sub) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_addf(&b, "/%s/%s", strchr(api_version, '/') ? "apis" : "api", api_version);
        if (ns) {
                _cleanup_str_ char *e = percent_encode(ns);
                strbuf_addf(&b, "/namespaces/%s", e);
        }
        strbuf_addf(&b, "/%s", plural);
        if (name) {
                _cleanup_str_ char *e = percent_encode(name);
                strbuf_addf(&b, "/%s", e);
        }
        if (sub)
                strbuf_addf(&b, "/%s", sub);
        return strbuf_take(&b);
}

/* The names of the lines "[-]etcd failed: reason withheld"; owned. */
static char *failing_checks(const char *body) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (const char *p = strstr(body, "[-]"); p; p = strstr(p + 3, "[-]"))
                strbuf_addf(&b, "%s%.*s", b.len ? ", " : "", (int) strcspn(p + 3, " \n"), p + 3);
        return strbuf_take(&b);
}

int kube_readyz(struct kube_client *c, struct error *err) {
        _cleanup_http_response_ struct http_response resp = { 0 };
        struct kube_request r = { .method = "GET", .path = "/readyz", .query = "verbose", .accept = "text/plain, */*" };
        if (kube_attempt(c, &r, &resp, err) < 0)
                return -1;
        if (resp.status < 400)
                return 0;
        _cleanup_str_ char *failing = failing_checks(strbuf_str(&resp.body));
        if (str_empty(failing))
                return kube_status_error(&r, &resp, err);
        error_set(err, ERR_UNAVAILABLE, "the API server is not ready: %s", failing);
        if (err)
                err->http_status = resp.status;
        return -1;
}

void kube_version_done(struct kube_version *v) {
        if (!v)
                return;
        free(v->git_version);
        free(v->platform);
        *v = (struct kube_version) { 0 };
}

int kube_version(struct kube_client *c, struct kube_version *ret, struct error *err) {
        _cleanup_json_ json_t *o = NULL;
        _cleanup_(kube_version_done) struct kube_version v = { 0 };
        if (kube_get(c, "/version", &o, err) < 0)
                return -1;
        if (!jget_str(o, "gitVersion", &v.git_version, err) || !jget_str(o, "platform", &v.platform, err))
                return error_wrap(err, "GET /version");
        /* "36" or, from some distributors, "36+". */
        v.major = strtol(jget_text(o, "major") ? jget_text(o, "major") : "0", NULL, 10);
        v.minor = strtol(jget_text(o, "minor") ? jget_text(o, "minor") : "0", NULL, 10);
        *ret = v;
        v = (struct kube_version) { 0 };
        return 0;
}
