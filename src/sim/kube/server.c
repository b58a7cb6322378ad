#include "sim/kube/server.h"

#include "base/codec.h"
#include "sim/kube/rest.h"
#include "sim/world/spoil.h"

struct kube_server {
        struct sim_world *world;
        struct sim_loop *loop;
        struct kube_cluster *cluster;
        struct http1_server *http;
        struct cert_pair pair;
        struct tls_options tls;          /* as it answers when nothing is wrong */
        struct ip6_addr addr;
        char *name;
        struct sim_tls_spoil spoil;
};

/* A watch on its way to a client. */
struct stream {
        struct kube_server *server;
        struct http1_exchange *x;
        struct kube_watch *watch;
        struct loop_timer *timer;
        const struct kube_type *type;
        bool table, table_objects, headers_sent;
};

static void stream_free(struct stream *s) {
        loop_timer_cancel(&s->timer);
        kube_watch_stop(s->watch);
        free(s);
}

static void stream_gone(void *data) {
        stream_free(data);
}

static void stream_end(void *data) {
        struct stream *s = data;
        struct http1_exchange *x = s->x;
        http1_on_gone(x, NULL, NULL);
        stream_free(s);
        http1_end(x);
}

static void stream_ended(void *data) {
        struct stream *s = data;
        loop_timer_set(s->server->loop, &s->timer, 0, stream_end, s);
}

static void stream_event(void *data, const char *what, const json_t *object) {
        struct stream *s = data;
        _cleanup_json_ json_t *shown = NULL;
        if (s->table && !str_eq(what, "BOOKMARK")) {
                _cleanup_json_ json_t *one = json_array();
                json_array_append(one, (json_t *) object);
                shown = table_of(s->server->cluster, s->type, one, jget_text(object, "metadata.resourceVersion"),
                                 s->table_objects, !s->headers_sent);
                s->headers_sent = true;
        } else {
                shown = json_incref((json_t *) object);
        }
        _cleanup_json_ json_t *event = json_pack("{s:s, s:O}", "type", what, "object", shown);
        _cleanup_str_ char *text = json_write(event), *line = xasprintf("%s\n", text);
        http1_chunk(s->x, line, strlen(line));
}

/* The end of the initial events (kubernetes: WatchList). */
static void send_bookmark(struct stream *s) {
        _cleanup_str_ char *version = kube_type_api_version(s->type), *rv = xasprintf("%lld", (long long) s->server->cluster->rv);
        _cleanup_json_ json_t *object = json_pack("{s:s, s:s, s:{s:s, s:{s:s}}}", "kind", s->type->kind, "apiVersion", version,
                                                  "metadata", "resourceVersion", rv,
                                                  "annotations", "k8s.io/initial-events-end", "true");
        stream_event(s, "BOOKMARK", object);
}

static void send_existing(struct stream *s) {
        struct kube_watch *w = s->watch;
        _cleanup_json_ json_t *all = kube_all(s->server->cluster, w->type->group, w->type->plural);
        size_t i;
        json_t *each;
        json_array_foreach(all, i, each)
                if ((!w->name_space || str_eq(w->name_space, meta_namespace(each))) &&
                    selector_matches(w->labels, jget(each, "metadata.labels")) &&
                    field_selector_matches(&w->fields, each))
                        stream_event(s, "ADDED", each);
}

static void start_stream(struct kube_server *server, struct http1_exchange *x, struct kube_answer *a) {
        _cleanup_kvs_ struct kvs headers = { 0 };
        kvs_set(&headers, "Content-Type", a->content_type);
        kvs_set(&headers, "Cache-Control", "no-cache, private");
        struct stream *s = xnew0(struct stream);
        s->server = server;
        s->x = x;
        s->watch = TAKE(a->watch);
        s->type = s->watch->type;
        s->table = a->table;
        s->table_objects = a->table_objects;
        s->watch->fn = stream_event;
        s->watch->ended = stream_ended;
        s->watch->data = s;
        http1_start(x, 200, &headers);
        http1_on_gone(x, stream_gone, s);
        loop_timer_set(server->loop, &s->timer, a->timeout_s * 1000, stream_end, s);
        if (a->watch_initial)
                send_existing(s);
        if (a->watch_bookmark)
                send_bookmark(s);
        (void) kube_watch_start(server->cluster, s->watch, a->watch_rv);         /* its age was checked before */
}

static void read_query(const struct http1_exchange *x, struct kvs *ret) {
        _cleanup_strv_ struct strv parts = { 0 };
        strv_split(&parts, http1_query(x), '&');
        for (size_t i = 0; i < parts.n; i++) {
                if (!*parts.items[i])
                        continue;
                size_t n = strcspn(parts.items[i], "=");
                _cleanup_str_ char *key = xstrndup(parts.items[i],
                                                   n), *raw = xstrdup(parts.items[i] + n + (parts.items[i][n] == '='));
                for (char *p = raw; *p; p++)
                        if (*p == '+')
                                *p = ' ';
                _cleanup_str_ char *value = percent_decode(raw);
                kvs_set(ret, key, value);
        }
}

/* The reasons of k8s.io/apimachinery that go with a status. */
static const char *reason_of(int status) {
        static const struct { int status; const char *reason; } reasons[] = {
                { 400, "BadRequest" },   { 401, "Unauthorized" },     { 403, "Forbidden" },     { 404, "NotFound" }, { 405, "MethodNotAllowed" },
                { 409, "Conflict" },     { 410, "Expired" },          { 415, "UnsupportedMediaType" }, { 422, "Invalid" },
                { 429, "TooManyRequests" }, { 500, "InternalError" }, { 503, "ServiceUnavailable" }, { 504, "Timeout" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
                if (reasons[i].status == status)
                        return reasons[i].reason;
        return "Unknown";
}

static void refuse(struct kube_server *s, struct http1_exchange *x, const char *fault, int status, const char *reason, const char *message) {
        _cleanup_json_ json_t *answer = json_pack("{s:s, s:s, s:{}, s:s, s:s, s:s, s:i}", "kind", "Status", "apiVersion", "v1", "metadata", "status", "Failure",
                                                  "message", message, "reason", reason, "code", status);
        _cleanup_str_ char *text = json_write(answer);
        _cleanup_kvs_ struct kvs headers = { 0 };
        kvs_set(&headers, "Content-Type", "application/json");
        if (status == 429)
                kvs_set(&headers, "Retry-After", "1");
        sim_trace_spoilt(s->world, fault);
        http1_respond(x, status, &headers, text, strlen(text));
}

/* A server may give less than it was asked for (Kubernetes API, "Retrieving large results sets in chunks"): lists of a small cluster become long. */
static void make_pages_small(struct kube_server *s, struct kvs *query, const struct kv *facts, size_t n) {
        const char *text = kvs_get(query, "limit");
        int64_t limit = 0;
        const struct sim_fault *f = text && parse_int64(text, 1, INT64_MAX, &limit) ? sim_fault_hit(s->world, "small-pages", facts, n) : NULL;
        if (!f)
                return;
        _cleanup_str_ char *less = xasprintf("%lld", (long long) MIN(limit, MAX(1, (int64_t) sim_fault_number(f, "n", 5))));
        kvs_set(query, "limit", less);
}

/* Faults that strike before any work is done. True: the exchange is over. */
static bool spoilt_before(struct kube_server *s, struct http1_exchange *x, const struct kvs *query, const struct kv *facts, size_t n) {
        const struct sim_fault *f;
        if (sim_fault_hit(s->world, "kube-drop-before", facts, n)) {
                http1_drop(x);
                return true;
        }
        if (kvs_get(query, "continue") && sim_fault_hit(s->world, "page-expired", facts, n)) {
                refuse(s, x, "page-expired", 410, "Expired", "The provided continue parameter is too old to display a consistent list result. "
                                                             "You can start a new list without the continue parameter.");
                return true;
        }
        if (!(f = sim_fault_hit(s->world, "kube-error", facts, n)))
                return false;
        int status = (int) sim_fault_number(f, "status", 503);
        refuse(s, x, "kube-error", status, reason_of(status), "the simulator was told to fail here");
        return true;
}

/* Keys of a release to come, in every object. */
static void add_unknown_keys(json_t *j) {
        const char *key;
        json_t *v;
        size_t i;
        json_array_foreach(j, i, v) add_unknown_keys(v);
        json_object_foreach(j, key, v)
                if (!str_eq(key, "labels") && !str_eq(key, "annotations") && !str_eq(key, "data") && !str_eq(key, "managedFields"))
                        add_unknown_keys(v);
        if (json_is_object(j) && (json_object_get(j, "metadata") || json_object_get(j, "name")))
                json_object_set_new(j, "somethingNew", json_pack("{s:[i,n]}", "deep", 1));
}

/* Faults that strike when the work was done. True: the exchange is over. */
static bool spoilt_after(struct kube_server *s, struct http1_exchange *x, struct kube_answer *a, const struct kv *facts, size_t n) {
        if (sim_fault_hit(s->world, "kube-drop", facts, n)) {
                http1_drop(x);
                return true;
        }
        if (a->body && sim_fault_hit(s->world, "kube-unknown", facts, n)) {
                _cleanup_json_ json_t *j = json_loads(a->body, 0, NULL);
                add_unknown_keys(j);
                free(a->body);
                a->body = j ? json_write(j) : xstrdup("");
        }
        enum sim_spoil how = sim_spoil_hit(s->world, "kube-", facts, n);
        if (how)
                sim_spoil_answer(x, how, a->status, a->body ? a->body : "", a->body ? strlen(a->body) : 0);
        return how != SPOIL_NOT;
}

static void handle(void *data, struct http1_exchange *x) {
        struct kube_server *server = data;
        const struct tls_peer *peer = http1_tls_peer(x);
        _cleanup_str_ char *path = percent_decode(http1_path(x));
        _cleanup_strv_ struct strv groups = { 0 };
        _cleanup_kube_answer_ struct kube_answer a = { 0 };
        struct kube_request r = { .method = http1_method(x), .path = path, .accept = http1_header(x, "accept"),
                                  .content_type = http1_header(x, "content-type"),
                                  .user_agent = http1_header(x, "user-agent"), .groups = &groups };
        r.body = http1_body(x, &r.body_len);
        _cleanup_kvs_ struct kvs query = { 0 };
        read_query(x, &query);
        r.query = query;
        if (peer) {
                strv_copy(&groups, &peer->organizations);
                strv_add(&groups, "system:authenticated");
                r.user = peer->common_name;
        } else {
                strv_add(&groups, "system:unauthenticated");
        }
        _cleanup_str_ char *route = xasprintf("%s %s", r.method, path);
        const struct kv facts[] = { { "route", route } };
        if (server->world) {
                make_pages_small(server, &query, facts, ARRAY_SIZE(facts));
                r.query = query;
                if (spoilt_before(server, x, &query, facts, ARRAY_SIZE(facts)))
                        return;
        }
        kube_handle(server->cluster, &r, &a);
        if (server->world)
                sim_trace_exchange(server->world, "kube", peer ? peer->common_name : NULL, r.method, http1_target(x), r.body,
                                   r.body_len, a.status, a.body,
                                   a.body ? strlen(a.body) : 0);
        if (a.watch) {
                start_stream(server, x, &a);
                return;
        }
        if (server->world && spoilt_after(server, x, &a, facts, ARRAY_SIZE(facts)))
                return;
        kvs_set(&a.headers, "Content-Type", a.content_type ? a.content_type : "application/json");
        kvs_set(&a.headers, "Cache-Control", "no-cache, private");
        http1_respond(x, a.status, &a.headers, a.body ? a.body : "", a.body ? strlen(a.body) : 0);
}

/* SANs of Talos' API server certificates: no ::1 among them (talos:
 * internal/app/machined/pkg/controllers/secrets/kubernetes_dynamic_certs.go). */
static int issue(const struct kube_server_options *o, struct cert_pair *ret, struct error *err) {
        struct kube_cluster *c = o->cluster;
        _cleanup_strv_ struct strv names = { 0 };
        const char *domain = c->settings.dns_domain ? c->settings.dns_domain : "cluster.local";
        static const char *const usual[] = { "kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost" };
        for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
                strv_add(&names, usual[i]);
        strv_take(&names, xasprintf("kubernetes.default.svc.%s", domain));
        for (size_t i = 0; o->dns_names && i < o->dns_names->n; i++)
                strv_add(&names, o->dns_names->items[i]);
        struct ip6_addr *addresses = xcalloc(o->n_addresses + 2, sizeof(*addresses));
        if (o->n_addresses)
                memcpy(addresses, o->addresses, o->n_addresses * sizeof(*addresses));
        addresses[o->n_addresses] = o->addr;
        addresses[o->n_addresses + 1] = ip6_host(&c->settings.service_subnet, 1);
        struct cert_spec spec = { .common_name = "kube-apiserver", .dns_names = &names, .addresses = addresses,
                                  .n_addresses = o->n_addresses + 2, .loopback = true,
                                  .server_auth = true, .not_before_ms = kube_now(c) - 10000, .lifetime_ms = 365LL * 86400000,
                                  .key = CERT_KEY_P256 };
        int r = cert_issue(&c->settings.ca, &spec, ret, err);
        free(addresses);
        return r;
}

static struct tls_server *instead(void *data) {
        struct kube_server *s = data;
        return s->world ? sim_tls_spoiled(&s->spoil, s->world, "kube", s->name, &s->tls, &s->addr) : NULL;
}

int kube_server_new(const struct kube_server_options *o, struct kube_server **ret, struct error *err) {
        static const char *const alpn[] = { "http/1.1", NULL };
        _cleanup_(tls_server_unrefp) struct tls_server *tls = NULL;
        _cleanup_(kube_server_freep) struct kube_server *s = xnew0(struct kube_server);
        s->world = o->world;
        s->loop = o->loop;
        s->cluster = o->cluster;
        s->addr = o->addr;
        s->name = xstrdup(o->dns_names && o->dns_names->n ? o->dns_names->items[0] : "");
        if (issue(o, &s->pair, err) < 0)
                return error_wrap(err, "the API server's certificate");
        s->tls = (struct tls_options) { .cert_pem = s->pair.cert_pem, .key_pem = s->pair.key_pem, .client_ca_pem = o->cluster->settings.ca.cert_pem,
                                        .client_auth = TLS_CLIENT_OPTIONAL, .alpn = alpn, .loop = o->loop, .instead = instead, .data = s };
        if (tls_server_new(&s->tls, &tls, err) < 0)
                return error_wrap(err, "the API server's TLS");
        struct http1_options http = { .addr = &o->addr, .port = o->port, .tls = tls, .max_body = 3u << 20, .handler = handle,
                                      .data = s };
        if (http1_server_new(o->loop, &http, &s->http, err) < 0)
                return error_wrap(err, "the API server");
        *ret = TAKE(s);
        return 0;
}

void kube_server_free(struct kube_server *s) {
        if (!s)
                return;
        http1_server_free(s->http);
        sim_tls_spoil_done(&s->spoil);
        cert_pair_done(&s->pair);
        free(s->name);
        free(s);
}

unsigned kube_server_port(const struct kube_server *s) {
        return http1_server_port(s->http);
}
