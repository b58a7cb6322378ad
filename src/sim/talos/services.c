/* The node's services as ServiceList and COSI show them, and whether the machine is ready. */
#include <stdio.h>

#include "sim/talos/internal.h"

static const char *const all_services[] = { "apid",    "auditd",   "containerd", "cri",    "etcd",
                                            "kubelet", "machined", "syslogd",    "trustd", "udevd" };

static void set_state(struct sim_talos *t, struct talos_service *s, const char *state, const char *message) {
        if (str_eq(s->state, state))
                return;
        free(s->state);
        s->state = xstrdup(state);
        struct service_event e = { xstrdup(state), xstrdup(message), loop_now_ms(t->world->loop) };
        ARRAY_APPEND(s->events, s->n_events, e);
}

static void set_health(struct sim_talos *t, struct talos_service *s, bool unknown, bool healthy, const char *message) {
        if (s->health_message && s->unknown == unknown && s->healthy == healthy && str_eq(s->health_message, message))
                return;
        s->unknown = unknown;
        s->healthy = healthy;
        free(s->health_message);
        s->health_message = xstrdup(message);
        s->health_at_ms = loop_now_ms(t->world->loop);
}

static struct talos_service *service_get(struct sim_talos *t, const char *id) {
        for (size_t i = 0; i < t->n_services; i++)
                if (str_eq(t->services[i].id, id))
                        return &t->services[i];
        struct talos_service s = { .id = id, .unknown = true };
        ARRAY_APPEND(t->services, t->n_services, s);
        return &t->services[t->n_services - 1];
}

const struct talos_service *talos_service_find(const struct sim_talos *t, const char *id) {
        for (size_t i = 0; i < t->n_services; i++)
                if (str_eq(t->services[i].id, id))
                        return &t->services[i];
        return NULL;
}

static void running(struct sim_talos *t, const char *id, bool up, const char *waiting) {
        struct talos_service *s = service_get(t, id);
        if (up) {
                set_state(t, s, "Running", "Started task");
                set_health(t, s, false, true, "");
        } else {
                set_state(t, s, "Waiting", waiting);
                set_health(t, s, true, false, "");
        }
}

static void update_etcd(struct sim_talos *t) {
        struct talos_service *s = service_get(t, "etcd");
        if (sim_kube_etcd_running(t->machine)) {
                set_state(t, s, "Running", "Started task etcd");
                set_health(t, s, false, true, "");
        } else if (!t->cri_up) {
                set_state(t, s, "Waiting", "Waiting for service \"cri\" to be \"up\", time sync, network, etcd spec");
                set_health(t, s, true, false, "");
        } else {
                set_state(t, s, "Preparing", "Running pre state");
                set_health(t, s, true, false, "");
        }
}

void talos_services_update(struct sim_talos *t) {
        running(t, "machined", true, "");
        running(t, "containerd", true, "");
        running(t, "udevd", true, "");
        running(t, "syslogd", true, "");
        running(t, "auditd", true, "");
        running(t, "apid", t->api_up, "Waiting for api certificates");
        if (!t->config)
                return;
        running(t, "cri", t->cri_up, "Waiting for network");
        running(t, "kubelet", t->cri_up, "Waiting for service \"cri\" to be \"up\", time sync, network");
        if (!t->config->control_plane)
                return;
        running(t, "trustd", t->trustd != NULL, "Waiting for service \"containerd\" to be \"up\"");
        update_etcd(t);
}

void talos_services_done(struct sim_talos *t) {
        for (size_t i = 0; i < t->n_services; i++) {
                struct talos_service *s = &t->services[i];
                for (size_t j = 0; j < s->n_events; j++) {
                        free(s->events[j].state);
                        free(s->events[j].message);
                }
                free(s->events);
                free(s->state);
                free(s->health_message);
        }
        free(t->services);
        t->services = NULL;
        t->n_services = 0;
}

static void add_unmet(struct unmet *ret, size_t max, size_t *n, const char *name, const char *fmt, const char *arg) {
        if (*n >= max)
                return;
        ret[*n].name = name;
        snprintf(ret[*n].reason, sizeof(ret[*n].reason), "%s%s", fmt, arg);
        (*n)++;
}

/* talos: controllers/runtime/machine_status.go: time, network, services, staticPods, nodeReady. */
size_t talos_unmet(const struct sim_talos *t, struct unmet *ret, size_t max) {
        size_t n = 0;
        char names[128] = "";
        if (t->maintenance || !t->config)
                return 0;
        if (!talos_time_synced(t))
                add_unmet(ret, max, &n, "time", "time is not synced", "");
        for (size_t i = 0; i < ARRAY_SIZE(all_services); i++) {
                const struct talos_service *s = talos_service_find(t, all_services[i]);
                if (s && !s->healthy)
                        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s not healthy", *names ? ", " : "",
                                 s->id);
        }
        if (*names)
                add_unmet(ret, max, &n, "services", "", names);
        if (!sim_kube_node_ready(t->machine)) {
                char text[128];
                snprintf(text, sizeof(text), "node \"%s\" is not ready", sim_talos_hostname(t->machine));
                add_unmet(ret, max, &n, "nodeReady", text, "");
        }
        return n;
}

void talos_write_services(struct sim_talos *t, struct strbuf *reply) {
        talos_services_update(t);
        for (size_t i = 0; i < ARRAY_SIZE(all_services); i++) {
                const struct talos_service *s = talos_service_find(t, all_services[i]);
                _cleanup_strbuf_ struct strbuf info = STRBUF_INIT, events = STRBUF_INIT, health = STRBUF_INIT;
                if (!s)
                        continue;
                for (size_t j = 0; j < s->n_events; j++) {
                        _cleanup_strbuf_ struct strbuf e = STRBUF_INIT;
                        pb_text(&e, 1, s->events[j].message);
                        pb_text(&e, 2, s->events[j].state);
                        pb_timestamp(&e, 3, s->events[j].at_ms);
                        pb_message(&events, 1, &e);
                }
                pb_bool(&health, 1, s->unknown);
                pb_bool(&health, 2, s->healthy);
                pb_text(&health, 3, s->health_message);
                pb_timestamp(&health, 4, s->health_at_ms);
                pb_text(&info, 1, s->id);
                pb_text(&info, 2, s->state);
                pb_message(&info, 3, &events);   /* talosctl dereferences both, also when empty */
                pb_message(&info, 4, &health);
                pb_message(reply, 2, &info);
        }
}
