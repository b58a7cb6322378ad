/* cosi.resource.State: Get, List, Watch (cosi-project/specification, proto/v1alpha1/state.proto). */
#include "sim/talos/cosi.h"

enum event_type { EVENT_CREATED, EVENT_UPDATED, EVENT_DESTROYED, EVENT_BOOTSTRAPPED };

struct query { char *namespace_, *type, *id; bool bootstrap, aggregated; };

static void query_done(struct query *q) {
        free(q->namespace_);
        free(q->type);
        free(q->id);
}

static struct query read_query(struct grpc_call *c, bool watch) {
        struct query q = { 0 };
        struct pb_reader r = pb_reader(c->request, c->request_len);
        struct pb_value v, o;
        bool list = str_ends(c->method, "/List");
        while (pb_next(&r, &v)) {
                char **target = v.field == 1 ? &q.namespace_ : v.field == 2 ? &q.type : v.field == 3 && !list ? &q.id : NULL;
                if (target) {
                        free(*target);
                        *target = pb_copy(&v);
                }
                struct pb_reader options = pb_reader(v.bytes, v.field == 4 && watch ? v.n : 0);
                while (pb_next(&options, &o)) {
                        q.bootstrap = q.bootstrap || (o.field == 1 && o.number);
                        q.aggregated = q.aggregated || (o.field == 5 && o.number);
                }
        }
        return q;
}

/* The kind that may be read by this caller, or the call has failed. Unknown types are refused like forbidden ones. */
static const struct resource_kind *admit(struct grpc_call *c, const struct query *q) {
        const struct resource_kind *k = resource_kind_find(q->type);
        if (!k || (k->sensitive && !(c->roles & ROLE_ADMIN))) {
                grpc_fail(c, GRPC_PERMISSION_DENIED, "no access to resource %s", q->type ? q->type : "");
                return NULL;
        }
        if (!str_empty(q->namespace_) && !str_eq(q->namespace_, k->namespace_)) {
                grpc_fail(c, GRPC_PERMISSION_DENIED, "namespace %s is not accessible", q->namespace_);
                return NULL;
        }
        return k;
}

static void get(struct grpc_call *c) {
        _cleanup_(query_done) struct query q = read_query(c, false);
        _cleanup_resources_ struct resources list = { 0 };
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, r = STRBUF_INIT;
        const struct resource_kind *k = admit(c, &q);

        if (!k)
                return;
        resources_list(c->talos, k, &list);
        for (size_t i = 0; i < list.n; i++) {
                if (!str_eq(list.items[i].id, q.id))
                        continue;
                resource_write(c->talos, &list.items[i], &r);
                pb_message(&b, 1, &r);
                grpc_send(c, &b);
                grpc_finish(c);
                return;
        }
        grpc_fail(c, GRPC_NOT_FOUND, "resource %s(%s/%s) doesn't exist", k->type, k->namespace_, q.id ? q.id : "");
}

static void list_all(struct grpc_call *c) {
        _cleanup_(query_done) struct query q = read_query(c, false);
        _cleanup_resources_ struct resources list = { 0 };
        const struct resource_kind *k = admit(c, &q);

        if (!k)
                return;
        resources_list(c->talos, k, &list);
        for (size_t i = 0; i < list.n; i++) {
                _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, r = STRBUF_INIT;
                resource_write(c->talos, &list.items[i], &r);
                pb_message(&b, 1, &r);
                grpc_send(c, &b);
        }
        grpc_finish(c);
}

/* --- watches: the difference between the last look and this one --- */

struct watch { const struct resource_kind *kind; char *id; bool aggregated; struct resources seen; };

static void watch_free(void *data) {
        struct watch *w = data;
        resources_done(&w->seen);
        free(w->id);
        free(w);
}

static void add_event(struct sim_talos *t, struct strbuf *events, enum event_type type, const struct resource *now,
                      const struct resource *before) {
        _cleanup_strbuf_ struct strbuf e = STRBUF_INIT, r = STRBUF_INIT, old = STRBUF_INIT;
        if (now) {
                resource_write(t, now, &r);
                pb_message(&e, 1, &r);
        }
        pb_uint(&e, 2, type);
        if (before) {
                resource_write(t, before, &old);
                pb_message(&e, 3, &old);
        }
        pb_message(events, 1, &e);
}

static void flush(struct grpc_call *c, struct strbuf *events, bool aggregated) {
        if (!aggregated && events->len)
                grpc_send(c, events);
        if (!aggregated)
                strbuf_clear(events);
}

static const struct resource *find(const struct resources *l, const char *id) {
        for (size_t i = 0; i < l->n; i++)
                if (str_eq(l->items[i].id, id))
                        return &l->items[i];
        return NULL;
}

static void look(struct sim_talos *t, const struct watch *w, struct resources *ret) {
        resources_list(t, w->kind, ret);
        for (size_t i = 0; w->id && i < ret->n;) {
                if (str_eq(ret->items[i].id, w->id)) {
                        i++;
                        continue;
                }
                struct resource out = ret->items[i];
                ret->items[i] = ret->items[--ret->n];
                struct resources one = { xmemdup(&out, sizeof(out)), 1 };
                resources_done(&one);
        }
}

static void watch_changed(struct grpc_call *c) {
        struct watch *w = c->data;
        struct resources now = { 0 };
        _cleanup_strbuf_ struct strbuf events = STRBUF_INIT;

        look(c->talos, w, &now);
        for (size_t i = 0; i < now.n; i++) {
                const struct resource *before = find(&w->seen, now.items[i].id);
                if (!before)
                        add_event(c->talos, &events, EVENT_CREATED, &now.items[i], NULL);
                else if (!str_eq(strbuf_str(&before->yaml), strbuf_str(&now.items[i].yaml)))
                        add_event(c->talos, &events, EVENT_UPDATED, &now.items[i], before);
                flush(c, &events, w->aggregated);
        }
        for (size_t i = 0; i < w->seen.n; i++)
                if (!find(&now, w->seen.items[i].id)) {
                        add_event(c->talos, &events, EVENT_DESTROYED, &w->seen.items[i], NULL);
                        flush(c, &events, w->aggregated);
                }
        if (events.len)
                grpc_send(c, &events);
        resources_done(&w->seen);
        w->seen = now;
}

/* A watch of one resource begins with its state, DESTROYED when there is none; of a kind, on demand, with everything and
 * BOOTSTRAPPED. */
static void watch_begin(struct grpc_call *c, const struct query *q) {
        struct watch *w = c->data;
        _cleanup_strbuf_ struct strbuf events = STRBUF_INIT;

        grpc_send(c, &events);           /* an empty answer says that the watch is ready; clients drop the first one unread */
        look(c->talos, w, &w->seen);
        for (size_t i = 0; (w->id || q->bootstrap) && i < w->seen.n; i++) {
                add_event(c->talos, &events, EVENT_CREATED, &w->seen.items[i], NULL);
                flush(c, &events, w->aggregated);
        }
        if (w->id && w->seen.n == 0) {
                struct resource none = { .namespace_ = w->kind->namespace_, .type = w->kind->type, .id = w->id };
                add_event(c->talos, &events, EVENT_DESTROYED, &none, NULL);
        } else if (!w->id && q->bootstrap) {
                add_event(c->talos, &events, EVENT_BOOTSTRAPPED, NULL, NULL);
        }
        if (events.len)
                grpc_send(c, &events);
}

static void watch(struct grpc_call *c) {
        _cleanup_(query_done) struct query q = read_query(c, true);
        const struct resource_kind *k = admit(c, &q);

        if (!k)
                return;
        if (c->merging) {
                grpc_fail(c, GRPC_INVALID_ARGUMENT, "one-2-many proxying is not supported for COSI methods");
                return;
        }
        struct watch *w = xnew0(struct watch);
        w->kind = k;
        w->id = str_empty(q.id) ? NULL : xstrdup(q.id);
        w->aggregated = q.aggregated;
        c->data = w;
        c->data_free = watch_free;
        grpc_keep(c, watch_changed);
        watch_begin(c, &q);
        talos_touch(c->talos);           /* begins to look again from time to time */
}

#define ST "/cosi.resource.State/"
const struct grpc_method cosi_methods[] = {
        { ST "Get", ROLE_ANY, 0, true, get },
        { ST "List", ROLE_ANY, 0, true, list_all },
        { ST "Watch", ROLE_ANY, 0, true, watch },
        { NULL, 0, 0, false, NULL },
};
