/* Asynchronous work: what the API calls actions. */
#include "sim/hetzner/internal.h"

#include "sim/world/faults.h"

static void action_due(void *data);

static void action_arm(struct cloud_action *a) {
        if (a->stuck)
                return;
        loop_timer_set(a->cloud->world->loop, &a->timer, a->latency_ms, action_due, a);
}

struct cloud_action *cloud_action_start(struct sim_hetzner *c, const char *command, int64_t real_ms, cloud_action_fn done) {
        struct cloud_action *a = xnew0(struct cloud_action);
        const struct kv facts[] = { { (char *) "command", (char *) command } };
        const struct sim_fault *fault = sim_fault_hit(c->world, "action-error", facts, ARRAY_SIZE(facts));

        a->cloud = c;
        a->id = cloud_new_id(c);
        a->command = command;
        a->status = "running";
        a->started_ms = sim_now_ms(c->world);
        a->latency_ms = sim_latency(c->world, NULL, real_ms);
        a->done = done;
        if (fault)
                a->fail_code = xstrdup(sim_fault_value(fault, "code", "action_failed"));
        ARRAY_APPEND(c->actions, c->n_actions, a);
        a->stuck = sim_fault_hit(c->world, "action-stuck", facts, ARRAY_SIZE(facts)) != NULL;
        action_arm(a);
        return a;
}

void cloud_action_on(struct cloud_action *a, enum cloud_kind kind, int64_t id) {
        for (size_t i = 0; i < a->n_resources; i++)
                if (a->resources[i].kind == kind && a->resources[i].id == id)
                        return;
        if (a->n_resources < ARRAY_SIZE(a->resources))
                a->resources[a->n_resources++] = (struct cloud_resource) { kind, id };
}

void cloud_action_lock(struct cloud_action *a, struct cloud_server *s) {
        cloud_action_on(a, KIND_SERVER, s->o.id);
        a->locked_server = s->o.id;
        s->locks++;
}

void cloud_action_fail(struct cloud_action *a, const char *code, const char *message) {
        free(a->error_code);
        free(a->error_message);
        a->error_code = xstrdup(code);
        a->error_message = xstrdup(message);
}

void cloud_action_finish(struct cloud_action *a) {
        struct sim_hetzner *c = a->cloud;

        if (!str_eq(a->status, "running"))
                return;
        a->status = a->error_code ? "error" : "success";
        a->finished_ms = sim_now_ms(c->world);
        struct cloud_server *s = cloud_server(c, a->locked_server);
        if (s && s->locks)
                s->locks--;
        if (s && a->error_code && (str_eq(s->status, "starting") || str_eq(s->status, "stopping")))
                s->status = s->machine.powered ? "running" : "off";     /* what was not done did not begin either */
        free(a->data);
        a->data = NULL;
        for (size_t i = 0; i < c->n_actions; i++)        /* those that waited for this one */
                if (c->actions[i]->after == a->id) {
                        c->actions[i]->after = 0;
                        if (a->error_code)
                                cloud_action_fail(c->actions[i], "action_failed", "a preceding action failed");
                        action_arm(c->actions[i]);
                }
}

static void action_due(void *data) {
        struct cloud_action *a = data;

        if (a->after)            /* armed again when that one has finished */
                return;
        if (a->fail_code)
                cloud_action_fail(a, a->fail_code, "the action failed");
        if (!a->error_code && a->done)
                a->done(a->cloud, a);
        if (!a->held)
                cloud_action_finish(a);
}

struct cloud_action *cloud_action_get(struct sim_hetzner *c, int64_t id) {
        size_t low = 0, high = c->n_actions;     /* ids grow */

        while (low < high) {
                size_t middle = (low + high) / 2;
                if (c->actions[middle]->id == id)
                        return c->actions[middle];
                if (c->actions[middle]->id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

bool cloud_object_busy(struct sim_hetzner *c, enum cloud_kind kind, int64_t id) {
        for (size_t i = c->n_actions; i > 0; i--) {
                struct cloud_action *a = c->actions[i - 1];
                if (!str_eq(a->status, "running"))
                        continue;
                for (size_t j = 0; j < a->n_resources; j++)
                        if (a->resources[j].kind == kind && a->resources[j].id == id)
                                return true;
        }
        return false;
}

static int64_t progress(const struct cloud_action *a) {
        if (!str_eq(a->status, "running"))
                return 100;
        if (a->after || a->latency_ms <= 0)
                return 0;
        int64_t percent = (sim_now_ms(a->cloud->world) - a->started_ms) * 100 / a->latency_ms;
        return MIN((int64_t) 95, percent);
}

json_t *cloud_action_render(const struct cloud_action *a) {
        json_t *o = json_object(), *resources = json_array();

        json_object_set_new(o, "id", json_integer(a->id));
        json_object_set_new(o, "command", json_string(a->command));
        json_object_set_new(o, "status", json_string(a->status));
        json_object_set_new(o, "progress", json_integer(progress(a)));
        json_object_set_new(o, "started", json_time(a->started_ms));
        json_object_set_new(o, "finished", json_time(a->finished_ms));
        for (size_t i = 0; i < a->n_resources; i++) {
                json_t *r = json_object();
                json_object_set_new(r, "id", json_integer(a->resources[i].id));
                json_object_set_new(r, "type", json_string(cloud_classes[a->resources[i].kind]->singular));
                json_array_append_new(resources, r);
        }
        json_object_set_new(o, "resources", resources);
        if (a->error_code) {
                json_t *e = json_object();
                json_object_set_new(e, "code", json_string(a->error_code));
                json_object_set_new(e, "message", json_string(a->error_message));
                json_object_set_new(o, "error", e);
        } else {
                json_object_set_new(o, "error", json_null());
        }
        return o;
}

void cloud_action_free(struct cloud_action *a) {
        loop_timer_cancel(&a->timer);
        free(a->error_code);
        free(a->error_message);
        free(a->fail_code);
        free(a->data);
        free(a);
}

/* ---- GET /actions?id=… and GET /actions/{id} ---- */

static int get_actions(struct cloud_call *c) {
        json_t *list = json_array();
        const char *v;

        if (!call_query(c, "id", 0)) {          /* removed on 2025-01-30 */
                json_decref(list);
                json_t *details = json_object();
                json_object_set_new(details, "announcement",
                                    json_string("https://docs.hetzner.cloud/changelog#2025-01-30-listing-arbitrary-actions-in-the-actions-list-endpoint-is-removed"));
                return reply_error_details(c, 410, "deprecated_api_endpoint", details, "listing all actions is no longer possible");
        }
        for (size_t i = 0; (v = call_query(c, "id", i)); i++) {
                int64_t id;
                if (!parse_int64(v, 1, INT64_MAX, &id)) {
                        json_decref(list);
                        return reply_invalid(c, "id", "'%s' is not an id", v);
                }
                struct cloud_action *a = cloud_action_get(c->cloud, id);
                if (a)
                        json_array_append_new(list, cloud_action_render(a));
        }
        json_t *o = json_object();
        json_object_set_new(o, "actions", list);
        return reply_json(c, 200, o);
}

static int get_action(struct cloud_call *c) {
        int64_t id = 0;
        (void) parse_int64(kvs_get(&c->path, "id"), 1, INT64_MAX, &id);
        struct cloud_action *a = cloud_action_get(c->cloud, id);

        if (!a)
                return reply_error(c, 404, "not_found", "action with ID '%lld' not found", (long long) id);
        json_t *o = json_object();
        json_object_set_new(o, "action", cloud_action_render(a));
        return reply_json(c, 200, o);
}

static const struct cloud_route_entry routes[] = {
        { "GET", "/actions", KIND_MAX, get_actions, 0 },
        { "GET", "/actions/{id}", KIND_MAX, get_action, ROUTE_NO_LOOKUP },
};
const struct cloud_routes routes_action = { routes, ARRAY_SIZE(routes) };
