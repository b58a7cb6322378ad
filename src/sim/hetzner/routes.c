/* The table of routes, the checks every call passes, and the faults that strike calls. */
#include "sim/hetzner/internal.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/secret.h"
#include "sim/world/faults.h"
#include "sim/world/spoil.h"

const struct cloud_class *const cloud_classes[KIND_MAX] = {
        [KIND_SERVER] = &class_server, [KIND_PRIMARY_IP] = &class_primary_ip, [KIND_FLOATING_IP] = &class_floating_ip,
        [KIND_FIREWALL] = &class_firewall, [KIND_NETWORK] = &class_network, [KIND_PLACEMENT_GROUP] = &class_placement_group,
        [KIND_SSH_KEY] = &class_ssh_key, [KIND_IMAGE] = &class_image, [KIND_LOAD_BALANCER] = &class_load_balancer,
        [KIND_VOLUME] = &class_volume, [KIND_CERTIFICATE] = &class_certificate, [KIND_ZONE] = &class_zone, [KIND_ISO] = &class_iso,
        [KIND_LOCATION] = &class_location, [KIND_SERVER_TYPE] = &class_server_type, [KIND_LOAD_BALANCER_TYPE] = &class_load_balancer_type,
};

static const struct cloud_routes *const tables[] = {
        &routes_action, &routes_server, &routes_server_actions, &routes_server_power, &routes_primary_ip, &routes_floating_ip, &routes_firewall, &routes_network,
        &routes_placement_group, &routes_ssh_key, &routes_image, &routes_load_balancer, &routes_volume, &routes_certificate, &routes_zone,
        &routes_rrset, &routes_catalogue,
};

/* Does path fit pattern? Fixed words win over parameters because the tables list them first. */
static bool route_fits(const char *pattern, const char *path, struct kvs *parameters) {
        kvs_done(parameters);
        *parameters = (struct kvs) { 0 };
        while (*pattern == '/' && *path == '/') {
                size_t np = strcspn(++pattern, "/"), n = strcspn(++path, "/");
                if (*pattern == '{') {
                        if (n == 0)
                                return false;
                        _cleanup_str_ char *key = xstrndup(pattern + 1, np - 2), *raw = xstrndup(path, n), *value = percent_decode(raw);
                        kvs_set(parameters, key, value);
                } else if (np != n || strncmp(pattern, path, n) != 0) {
                        return false;
                }
                pattern += np;
                path += n;
        }
        return !*pattern && !*path;
}

/* 0: found. Else the status: 404, or 405 when only the method is wrong. */
static int find_route(struct cloud_call *c) {
        bool path_known = false;

        for (size_t t = 0; t < ARRAY_SIZE(tables); t++)
                for (size_t i = 0; i < tables[t]->n; i++) {
                        const struct cloud_route_entry *r = &tables[t]->items[i];
                        if (!route_fits(r->pattern, c->request->path, &c->path))
                                continue;
                        path_known = true;
                        if (!str_eq(r->method, c->request->method))
                                continue;
                        /* "/servers/actions" is no "/servers/{id}" */
                        if (str_eq(kvs_get(&c->path, "id"), "actions"))
                                continue;
                        c->route = r;
                        c->kind = r->kind;
                        return 0;
                }
        kvs_done(&c->path);
        c->path = (struct kvs) { 0 };
        return path_known ? 405 : 404;
}

static void read_query(struct cloud_call *c) {
        _cleanup_strv_ struct strv parts = { 0 };

        strv_split(&parts, c->request->query ? c->request->query : "", '&');
        for (size_t i = 0; i < parts.n; i++) {
                char *p = parts.items[i], *equals = strchr(p, '=');
                if (!*p)
                        continue;
                for (char *q = p; *q; q++)
                        if (*q == '+')
                                *q = ' ';
                if (equals)
                        *equals = '\0';
                struct kv kv = { percent_decode(p), percent_decode(equals ? equals + 1 : "") };
                ARRAY_APPEND(c->query, c->n_query, kv);
        }
}

/* ---- the token bucket: 3600 an hour, burst 3600, one back each second (docs.hetzner.cloud, "Rate Limiting") ---- */

enum { RATE_LIMIT = 3600 };

static bool take_from_bucket(struct sim_hetzner *c) {
        int64_t now = sim_now_ms(c->world);

        c->bucket = MIN((double) RATE_LIMIT, c->bucket + (double) (now - c->bucket_ms) / 1000.0);
        c->bucket_ms = now;
        if (c->world->options.no_rate_limit)
                return true;
        if (c->bucket < 1)
                return false;
        c->bucket -= 1;
        return true;
}

static void rate_headers(struct cloud_call *c) {
        double left = c->cloud->bucket;
        int64_t reset = sim_now_ms(c->cloud->world) / 1000 + (int64_t) (RATE_LIMIT - left);
        _cleanup_str_ char *limit = xasprintf("%d", RATE_LIMIT), *remaining = xasprintf("%d", (int) left),
                           *when = xasprintf("%lld", (long long) reset),
                           *correlation = xasprintf("%016llx", (unsigned long long) sim_random(c->cloud->world));

        kvs_set(&c->answer->headers, "RateLimit-Limit", limit);
        kvs_set(&c->answer->headers, "RateLimit-Remaining", remaining);
        kvs_set(&c->answer->headers, "RateLimit-Reset", when);
        kvs_set(&c->answer->headers, "X-Correlation-Id", correlation);
}

/* ---- checks ---- */

static int check_token(struct cloud_call *c) {
        const struct sim_options *o = &c->cloud->world->options;
        const char *t = c->request->token;

        if (str_empty(t))
                return reply_error(c, 401, "unauthorized", "token is required");
        if (secret_equal(t, o->readonly_token ? o->readonly_token : "")) {
                if (str_eq(c->request->method, "GET"))
                        return 0;
                if (sim_fault_on(c->cloud->world, "readonly-401"))
                        return reply_error(c, 401, "token_readonly", "the token is only allowed to perform GET requests");
                return reply_error(c, 403, "forbidden", "insufficient permissions for this request");
        }
        if (o->any_token ? strlen(t) == 64 : secret_equal(t, o->token ? o->token : ""))
                return 0;
        return reply_error(c, 401, "unauthorized", "the token you have provided is invalid");
}

static int read_body(struct cloud_call *c) {
        struct error err = ERROR_INIT;

        if (str_eq(c->request->method, "GET") || str_eq(c->request->method, "DELETE"))
                return 0;
        if (!c->request->body_len) {
                if (c->route->flags & ROUTE_BODY)
                        return reply_error(c, 400, "json_error", "invalid JSON: empty body");
                return 0;
        }
        if (json_parse("body", c->request->body, c->request->body_len, &c->body, &err) < 0) {
                reply_error(c, 400, "json_error", "invalid JSON in request body");
                error_done(&err);
                return -1;
        }
        if (!json_is_object(c->body))
                return reply_error(c, 400, "json_error", "request body must be a JSON object");
        return 0;
}

static int find_object(struct cloud_call *c) {
        const char *text = kvs_get(&c->path, "id");
        int64_t id = 0;

        if (!text || c->kind == KIND_MAX || (c->route->flags & ROUTE_NO_LOOKUP))
                return 0;
        if (parse_int64(text, 1, INT64_MAX, &id))
                c->object = cloud_get(c->cloud, c->kind, id);
        if (!c->object && cloud_classes[c->kind]->by_name)
                c->object = cloud_by_name(c->cloud, c->kind, text);
        if (!c->object)
                return reply_error(c, 404, "not_found", "%s with ID '%s' not found", cloud_classes[c->kind]->singular, text);
        if (c->kind == KIND_SERVER && (c->route->flags & ROUTE_LOCK))
                return server_refuse_locked(c, (struct cloud_server *) c->object);
        return 0;
}

/* ---- faults ---- */

static const char html[] = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n"
                           "</body>\r\n</html>\r\n";

static int reply_html(struct cloud_call *c, int status) {
        c->answer->status = status;
        c->answer->spoilt = "html";
        strbuf_clear(&c->answer->body);
        strbuf_adds(&c->answer->body, html);
        kvs_set(&c->answer->headers, "Content-Type", "text/html");
        return -1;
}

/* Faults that strike before any work is done. */
static int faults_before(struct cloud_call *c, const struct kv *facts, size_t n) {
        struct sim_world *w = c->cloud->world;
        const struct sim_fault *f;

        if ((f = sim_fault_hit(w, "slow-answer", facts, n)))
                c->answer->delay_ms = (int64_t) sim_fault_number(f, "ms", 1000);
        if (sim_fault_hit(w, "429", facts, n))
                return reply_error(c, 429, "rate_limit_exceeded", "limit of %d requests per hour reached", RATE_LIMIT);
        if ((f = sim_fault_hit(w, "api-error", facts, n)))
                return refuse_as_told(c, f);
        if (sim_fault_hit(w, "502", facts, n))
                return reply_html(c, 502);
        if (sim_fault_hit(w, "500", facts, n))
                return reply_error(c, 500, "server_error", "an internal error occurred");
        if (sim_fault_hit(w, "503", facts, n))
                return reply_error(c, 503, "unavailable", "service is temporarily unavailable");
        if (sim_fault_hit(w, "504", facts, n))
                return reply_error(c, 504, "timeout", "the request timed out");
        if (sim_fault_hit(w, "html", facts, n))
                return reply_html(c, 200);
        if (sim_fault_hit(w, "maintenance", facts, n))
                return reply_error(c, 403, "maintenance", "the API is under maintenance");
        if (sim_fault_hit(w, "drop-before", facts, n)) {
                c->answer->drop = true;
                return -1;
        }
        if (!str_eq(c->request->method, "GET") && sim_fault_hit(w, "conflict", facts, n))
                return reply_error(c, 409, "conflict", "the resource has changed during the request");
        if (!str_eq(c->request->method, "GET") && sim_fault_hit(w, "locked", facts, n))
                return reply_error(c, 423, "locked", "cannot perform operation because %s is locked",
                                    c->kind == KIND_MAX ? "resource" : cloud_classes[c->kind]->singular);
        return 0;
}

/* Faults that strike when the work was done and only the answer is lost. */
static void faults_after(struct cloud_call *c, const struct kv *facts, size_t n) {
        struct sim_world *w = c->cloud->world;

        if (sim_fault_hit(w, "drop", facts, n))
                c->answer->drop = true;
        if (sim_fault_hit(w, "502-after", facts, n))
                reply_html(c, 502);
        const struct sim_fault *f = c->answer->body.len > 1 ? sim_fault_hit(w, "truncated", facts, n) : NULL;
        if (f) {
                const char *part = sim_fault_value(f, "part", sim_random_below(w, 2) ? "json" : "http");
                c->answer->spoilt = "truncated";
                c->answer->body.len /= 2;
                c->answer->body.data[c->answer->body.len] = '\0';
                c->answer->truncate = str_eq(part, "http");     /* else the framing is whole and only the JSON is cut */
        }
        c->answer->spoil = (int) sim_spoil_hit(w, "", facts, n);
        if (sim_fault_hit(w, "huge", facts, n)) {
                c->answer->spoilt = "huge";
                strbuf_clear(&c->answer->body);
                strbuf_adds(&c->answer->body, "{\"padding\":\"");
                char piece[1024];
                memset(piece, 'x', sizeof(piece));
                for (int i = 0; i < 40 * 1024; i++)              /* 40 MiB: more than any client should keep */
                        strbuf_add(&c->answer->body, piece, sizeof(piece));
                strbuf_adds(&c->answer->body, "\"}");
        }
}

static void work(struct cloud_call *c) {
        int status = find_route(c);

        if (status == 404) {
                reply_error(c, 404, "not_found", "api route not found");
                return;
        }
        if (check_token(c) < 0)
                return;
        if (status == 405) {
                reply_error(c, 405, "method_not_allowed", "method %s is not allowed", c->request->method);
                return;
        }
        if (!take_from_bucket(c->cloud)) {
                reply_error(c, 429, "rate_limit_exceeded", "limit of %d requests per hour reached", RATE_LIMIT);
                return;
        }
        _cleanup_str_ char *route = xasprintf("%s %s", c->request->method, c->request->path);
        const struct kv facts[] = { { (char *) "route", route } };
        kvs_set(&c->path, "route", route);
        if (faults_before(c, facts, ARRAY_SIZE(facts)) < 0)
                return;
        if (read_body(c) < 0 || find_object(c) < 0)
                return;
        if (!str_eq(c->request->method, "GET"))
                remember_lists(c->cloud);
        (void) c->route->handler(c);
        faults_after(c, facts, ARRAY_SIZE(facts));
}

void sim_hetzner_handle(struct sim_world *w, const struct sim_api_request *req, struct sim_api_answer *ret) {
        struct cloud_call c = { .cloud = w->hetzner, .request = req, .answer = ret, .kind = KIND_MAX };

        *ret = (struct sim_api_answer) { 0 };
        w->hetzner->requests++;
        read_query(&c);
        work(&c);
        rate_headers(&c);
        date_as_told(&c);
        w->hetzner->calls_by_status[MIN(ret->status / 100, 5)]++;
        kvs_done(&c.path);
        for (size_t i = 0; i < c.n_query; i++) {
                free(c.query[i].key);
                free(c.query[i].value);
        }
        free(c.query);
        json_decref(c.body);
}

void sim_api_answer_done(struct sim_api_answer *a) {
        kvs_done(&a->headers);
        strbuf_done(&a->body);
}
