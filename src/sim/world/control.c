/* The control interface: state, faults, clock. It is for whoever runs the world, so it has no token. */
#include "sim/world/internal.h"

#include "base/clock.h"
#include "base/json.h"
#include "sim/net/loop.h"

static void respond(struct http1_exchange *x, int status, json_t *body) {
        _cleanup_json_ json_t *owned = body;
        _cleanup_str_ char *text = json_write(owned);
        _cleanup_kvs_ struct kvs headers = { 0 };

        kvs_set(&headers, "Content-Type", "application/json");
        http1_respond(x, status, &headers, text, strlen(text));
}

static void respond_error(struct http1_exchange *x, int status, const char *message) {
        respond(x, status, json_pack("{s:s}", "error", message));
}

static json_t *clock_state(struct sim_world *w) {
        _cleanup_str_ char *now = time_format_rfc3339(sim_now_ms(w));
        return json_pack("{s:s,s:I}", "now", now, "now_ms", (json_int_t) sim_now_ms(w));
}

static void get_state(struct sim_world *w, struct http1_exchange *x) {
        json_t *state = sim_hetzner_state(w);

        json_object_set_new(state, "clock", clock_state(w));
        json_object_set_new(state, "seed", json_integer((json_int_t) (w->options.seed & INT64_MAX)));
        json_object_set_new(state, "speed", w->options.speed_times > 1 ? json_strf("%ux", w->options.speed_times)
                                                               : json_string(w->options.speed_real ? "real" : "instant"));
        json_object_set_new(state, "kubernetes", json_string(w->real ? "real" : "double"));
        json_object_set_new(state, "faults", sim_faults_render(w->faults));
        json_object_set_new(state, "firewall", json_pack("{s:b,s:I}", "enforced", w->firewall != NULL, "nft_runs", (json_int_t) sim_firewall_runs(w)));
        respond(x, 200, state);
}

static json_t *read_body(struct http1_exchange *x) {
        size_t n;
        const char *body = http1_body(x, &n);
        struct error err = ERROR_INIT;
        json_t *j = NULL;

        if (json_parse("body", body, n, &j, &err) < 0) {
                respond_error(x, 400, error_text(&err));
                error_done(&err);
        }
        return j;
}

static void post_fault(struct sim_world *w, struct http1_exchange *x) {
        _cleanup_json_ json_t *j = read_body(x);
        struct error err = ERROR_INIT;
        const char *spec = json_string_value(json_object_get(j, "spec"));

        if (!j)
                return;
        if (!spec) {
                respond_error(x, 400, "expected {\"spec\": \"NAME[:KEY=VALUE,…]\"}");
                return;
        }
        if (sim_faults_add(w->faults, spec, &err) < 0) {
                respond_error(x, 400, error_text(&err));
                error_done(&err);
                return;
        }
        sim_services_faults_changed(w);
        respond(x, 201, json_pack("{s:o}", "faults", sim_faults_render(w->faults)));
}

/* The clock moves after the callbacks of now: timers may not fire inside one. */
struct forward { struct sim_world *world; struct http1_exchange *exchange; int64_t ms; };

static void forward_gone(void *data) {
        ((struct forward *) data)->exchange = NULL;
}

static void forward_now(void *data) {
        struct forward *f = data;

        loop_forward(f->world->loop, f->ms);
        if (f->exchange) {
                http1_on_gone(f->exchange, NULL, NULL);
                respond(f->exchange, 200, clock_state(f->world));
        }
        free(f);
}

static void post_clock(struct sim_world *w, struct http1_exchange *x) {
        _cleanup_json_ json_t *j = read_body(x);

        if (!j)
                return;
        double s = json_number_value(json_object_get(j, "forward_s"));
        if (!(s > 0) || s > 10.0 * 366 * 86400) {
                respond_error(x, 400, "expected {\"forward_s\": N}, N > 0 and at most ten years");
                return;
        }
        struct forward *f = xnew0(struct forward);
        *f = (struct forward) { w, x, (int64_t) (s * 1000) };
        http1_on_gone(x, forward_gone, f);
        loop_defer(w->loop, forward_now, f);
}

void sim_control_handle(struct sim_world *w, const char *path, struct http1_exchange *x) {
        const char *method = http1_method(x);

        if (str_eq(path, "/state") && str_eq(method, "GET"))
                get_state(w, x);
        else if (str_eq(path, "/faults") && str_eq(method, "GET"))
                respond(x, 200, json_pack("{s:o}", "faults", sim_faults_render(w->faults)));
        else if (str_eq(path, "/faults") && str_eq(method, "POST"))
                post_fault(w, x);
        else if (str_eq(path, "/faults") && str_eq(method, "DELETE")) {
                sim_faults_clear(w->faults);
                sim_services_faults_changed(w);
                http1_respond(x, 204, NULL, NULL, 0);
        } else if (str_eq(path, "/clock") && str_eq(method, "GET"))
                respond(x, 200, clock_state(w));
        else if (str_eq(path, "/clock") && str_eq(method, "POST"))
                post_clock(w, x);
        else
                respond_error(x, 404, "known here: GET /state, GET POST DELETE /faults, GET POST /clock");
}
