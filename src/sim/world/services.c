/* The world's HTTP server: the Hetzner API below /v1, control below /control, charts below /charts. */
#include "sim/world/internal.h"

#include "sim/net/loop.h"
#include "sim/world/factory.h"
#include "sim/world/latency.h"
#include "sim/world/spoil.h"

struct services {
        struct sim_world *world;
        struct http1_server *http;
        struct sim_dns *dns;
        char *base;                      /* "http://[::1]:8080" */
        struct pending *pending;         /* answers that wait for their latency */
};

/* An answer on its way. */
struct pending {
        struct services *services;
        struct http1_exchange *exchange;
        struct sim_api_answer answer;
        struct loop_timer *timer;
        struct pending *next, **back;
};

static void pending_free(struct pending *p) {
        loop_timer_cancel(&p->timer);
        *p->back = p->next;
        if (p->next)
                p->next->back = p->back;
        sim_api_answer_done(&p->answer);
        free(p);
}

/* Content-Length of the whole, half of the bytes, then the end. */
static void respond_truncated(struct http1_exchange *x, const struct sim_api_answer *a) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

        strbuf_addf(&b, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", a->status, http1_reason(a->status),
                    a->body.len * 2 + 1);
        strbuf_add(&b, a->body.data, a->body.len);
        http1_respond_raw(x, b.data, b.len);
}

static void send_answer(struct http1_exchange *x, const struct sim_api_answer *a) {
        if (a->drop)
                http1_drop(x);
        else if (a->spoil)
                sim_spoil_answer(x, (enum sim_spoil) a->spoil, a->status, a->body.data, a->body.len);
        else if (a->truncate)
                respond_truncated(x, a);
        else
                http1_respond(x, a->status, &a->headers, a->body.data, a->body.len);
}

static void pending_due(void *data) {
        struct pending *p = data;

        http1_on_gone(p->exchange, NULL, NULL);
        send_answer(p->exchange, &p->answer);
        pending_free(p);
}

static void pending_gone(void *data) {
        pending_free(data);
}

/* "Bearer TOKEN" without the first word; owned. */
static char *token_of(struct http1_exchange *x) {
        const char *v = http1_header(x, "authorization");

        if (!v || strncasecmp(v, "Bearer ", 7) != 0)
                return NULL;
        return xstrdup(v + 7);
}

static int64_t latency_of(struct sim_world *w, const char *method, const char *path) {
        if (!w->options.speed_real)
                return 0;
        return sim_latency(w, NULL, str_eq(method, "POST") && str_eq(path, "/servers") ? LATENCY_API_CREATE : LATENCY_API_ANSWER);
}

static void handle_api(struct services *s, struct http1_exchange *x) {
        _cleanup_str_ char *token = token_of(x), *host = xasprintf("%s/v1", s->base);
        char peer[IP6_STR_MAX];
        size_t n;
        const char *body = http1_body(x, &n), *path = http1_path(x) + strlen("/v1");
        const struct sim_api_request request = { .method = http1_method(x), .path = *path ? path : "/", .query = http1_query(x), .token = token,
                                                 .host = host, .body = body, .body_len = n };
        struct sim_api_answer answer;

        sim_hetzner_handle(s->world, &request, &answer);
        sim_trace_spoilt(s->world, answer.spoilt);
        sim_trace_exchange(s->world, "hetzner", ip6_format(http1_peer_addr(x), peer), request.method, http1_target(x), body, n,
                           answer.drop ? 0 : answer.status, answer.body.data, answer.body.len);
        int64_t delay = answer.delay_ms + latency_of(s->world, request.method, request.path);
        if (delay <= 0) {
                send_answer(x, &answer);
                sim_api_answer_done(&answer);
                return;
        }
        struct pending *p = xnew0(struct pending);
        p->services = s;
        p->exchange = x;
        p->answer = answer;
        p->next = s->pending;
        p->back = &s->pending;
        if (p->next)
                p->next->back = &p->next;
        s->pending = p;
        http1_on_gone(x, pending_gone, p);
        loop_timer_set(s->world->loop, &p->timer, delay, pending_due, p);
}

static bool below(const char *path, const char *prefix) {
        size_t n = strlen(prefix);
        return strncmp(path, prefix, n) == 0 && (!path[n] || path[n] == '/');
}

static void handle(void *data, struct http1_exchange *x) {
        static const char missing[] = "{\n  \"error\": {\n    \"message\": \"api route not found\",\n    \"code\": \"not_found\",\n    \"details\": null\n  }\n}\n";
        struct services *s = data;
        const char *path = http1_path(x);

        if (below(path, "/v1")) {
                handle_api(s, x);
        } else if (below(path, "/control")) {
                sim_control_handle(s->world, path + strlen("/control"), x);
        } else if (below(path, "/charts")) {
                _cleanup_str_ char *base = xasprintf("%s/charts", s->base);
                sim_charts_handle(s->world, path + strlen("/charts"), base, x);
        } else if (below(path, "/factory")) {
                sim_factory_handle(s->world, path + strlen("/factory"), x);
        } else {
                struct kvs headers = { 0 };
                kvs_set(&headers, "Content-Type", "application/json");
                http1_respond(x, 404, &headers, missing, sizeof(missing) - 1);
                kvs_done(&headers);
        }
}

int sim_services_start(struct sim_world *w, struct sim_places *places, struct error *err) {
        struct services *s = xnew0(struct services);
        const struct http1_options o = { .addr = &places->api, .port = places->api_port, .handler = handle, .data = s };

        s->world = w;
        w->net = s;
        if (http1_server_new(w->loop, &o, &s->http, err) < 0)
                return error_wrap(err, "starting the API");
        places->api_port = http1_server_port(s->http);
        _cleanup_str_ char *host = ip6_bracket(&places->api, places->api_port);
        s->base = xasprintf("http://%s", host);
        return places->namespaced ? sim_dns_start(w, &s->dns, err) : 0;
}

void sim_services_stop(struct sim_world *w) {
        struct services *s = w->net;

        if (!s)
                return;
        http1_server_free(s->http);      /* tells the pending answers that their exchange is gone */
        while (s->pending)
                pending_free(s->pending);
        sim_dns_stop(s->dns);
        sim_charts_free();
        sim_factory_free();
        free(s->base);
        free(s);
        w->net = NULL;
}

void sim_services_faults_changed(struct sim_world *w) {
        struct services *s = w->net;
        if (s && s->dns)
                sim_dns_faults_changed(s->dns);
}

char *sim_services_endpoint(struct sim_world *w) {
        return xasprintf("%s/v1", ((struct services *) w->net)->base);
}

char *sim_services_control(struct sim_world *w) {
        return xasprintf("%s/control", ((struct services *) w->net)->base);
}

char *sim_services_factory(struct sim_world *w) {
        return xasprintf("%s/factory", ((struct services *) w->net)->base);
}

char *sim_services_charts(struct sim_world *w) {
        return xasprintf("%s/charts", ((struct services *) w->net)->base);
}
