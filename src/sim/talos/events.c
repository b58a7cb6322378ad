/* The event stream (machine.MachineService/Events): what `talosctl reboot`, `reset` and `bootstrap` wait for. */
#include <stdio.h>

#include "sim/talos/internal.h"

#define KEPT_EVENTS 512

/* Types are named "talos/runtime/" and the message's full name (talos: pkg/machinery/proto, runtime events). */
static void write_event(struct grpc_call *c, const struct talos_event *e, struct strbuf *b) {
        _cleanup_strbuf_ struct strbuf any = STRBUF_INIT;
        _cleanup_str_ char *url = xasprintf("talos/runtime/%s", e->type);
        pb_text(&any, 1, url);
        if (e->value.len)
                pb_bytes(&any, 2, e->value.data, e->value.len);
        grpc_metadata(c, b);
        pb_message(b, 2, &any);
        pb_text(b, 3, e->id);
        pb_text(b, 4, e->actor);
}

struct listener_state { char *actor; uint64_t next; };

static void listener_free_(void *data) {
        struct listener_state *l = data;
        free(l->actor);
        free(l);
}

/* Sends what is new. Events are numbered by t->event_sequence; the array holds the last ones. */
static void send_new(struct grpc_call *c) {
        struct listener_state *l = c->data;
        struct sim_talos *t = c->talos;
        uint64_t first = t->event_sequence - t->n_events;
        for (uint64_t i = MAX(l->next, first); i < t->event_sequence; i++) {
                const struct talos_event *e = &t->events[i - first];
                if (l->actor && !str_eq(l->actor, e->actor))
                        continue;
                _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
                write_event(c, e, &b);
                grpc_send(c, &b);
        }
        l->next = t->event_sequence;
}

void talos_event(struct sim_talos *t, const char *type, const char *actor, const struct strbuf *value) {
        if (t->n_events == KEPT_EVENTS) {
                free(t->events[0].id);
                free(t->events[0].actor);
                free(t->events[0].type);
                strbuf_done(&t->events[0].value);
                memmove(t->events, t->events + 1, (KEPT_EVENTS - 1) * sizeof(*t->events));
                t->n_events--;
        }
        struct talos_event e = { .type = xstrdup(type), .actor = xstrdup(actor ? actor : "") };
        e.id = xasprintf("%016llx%04llx", (unsigned long long) loop_now_ms(t->world->loop),
                         (unsigned long long) t->event_sequence & 0xffff);
        strbuf_add(&e.value, strbuf_str(value), value->len);
        if (!t->events)
                t->events = xcalloc(KEPT_EVENTS, sizeof(*t->events));
        t->events[t->n_events++] = e;
        t->event_sequence++;
        talos_touch(t);
}

void talos_event_sequence(struct sim_talos *t, const char *sequence, unsigned action, const char *actor) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        pb_text(&b, 1, sequence);
        pb_uint(&b, 2, action);
        talos_event(t, "machine.SequenceEvent", actor, &b);
}

void talos_event_task(struct sim_talos *t, const char *task, unsigned action, const char *actor) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        pb_text(&b, 1, task);
        pb_uint(&b, 2, action);
        talos_event(t, "machine.TaskEvent", actor, &b);
}

void talos_event_status(struct sim_talos *t) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, status = STRBUF_INIT;
        struct unmet unmet[8];
        size_t n = talos_unmet(t, unmet, ARRAY_SIZE(unmet));
        bool ready = n == 0 && (t->stage == SIM_STAGE_RUNNING || t->stage == SIM_STAGE_MAINTENANCE);

        if (t->told_stage == t->stage && t->told_ready == ready)
                return;
        t->told_stage = t->stage;
        t->told_ready = ready;
        t->version++;
        pb_bool(&status, 1, ready);
        for (size_t i = 0; i < n; i++) {
                _cleanup_strbuf_ struct strbuf u = STRBUF_INIT;
                pb_text(&u, 1, unmet[i].name);
                pb_text(&u, 2, unmet[i].reason);
                pb_message(&status, 2, &u);
        }
        pb_uint(&b, 1, t->stage);
        pb_message(&b, 2, &status);
        talos_event(t, "machine.MachineStatusEvent", NULL, &b);
}

void talos_events_done(struct sim_talos *t) {
        for (size_t i = 0; i < t->n_events; i++) {
                free(t->events[i].id);
                free(t->events[i].actor);
                free(t->events[i].type);
                strbuf_done(&t->events[i].value);
        }
        free(t->events);
        t->events = NULL;
        t->n_events = 0;
}

/* tail_events: how many past ones first (negative: all); tail_id: those after this one. */
void talos_events_handler(struct grpc_call *c) {
        struct sim_talos *t = c->talos;
        struct pb_reader r = pb_reader(c->request, c->request_len);
        struct listener_state *l = xnew0(struct listener_state);
        _cleanup_str_ char *tail_id = NULL;
        struct pb_value v;
        int32_t tail = 0;

        while (pb_next(&r, &v)) {
                if (v.field == 1) {
                        tail = (int32_t) v.number;
                } else if (v.field == 2) {
                        free(tail_id);
                        tail_id = pb_copy(&v);
                } else if (v.field == 4 && v.n) {
                        free(l->actor);
                        l->actor = pb_copy(&v);
                }
        }
        uint64_t first = t->event_sequence - t->n_events,
                 count = tail < 0 ? t->n_events : MIN((uint64_t) tail, (uint64_t) t->n_events);
        l->next = t->event_sequence - count;
        for (size_t i = 0; !str_empty(tail_id) && i < t->n_events; i++)
                if (str_eq(t->events[i].id, tail_id))
                        l->next = first + i + 1;
        c->data = l;
        c->data_free = listener_free_;
        if (c->merging) {
                grpc_fail(c, GRPC_INVALID_ARGUMENT, "events of several nodes at once are not offered by the simulator");
                return;
        }
        grpc_keep(c, send_new);
        send_new(c);
}
