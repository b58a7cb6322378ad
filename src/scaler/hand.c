#include "scaler/hand.h"

#include <stdio.h>

#include "kube/node.h"
#include "kube/pod.h"
#include "scaler/snapshot.h"

#define DRAIN_MS (10 * 60 * 1000)
#define POOL "hcloud-v6/pool"
#define INDEX "hcloud-v6/index"
#define CONTROL_PLANES "control-plane"

/* ---- what is asked for ---- */

static const struct spec_pool *spec_pool_of(const struct hand *h) {
        for (size_t i = 0; i < h->view.spec->n_pools; i++)
                if (str_eq(h->view.spec->pools[i].name, h->pool))
                        return &h->view.spec->pools[i];
        return NULL;
}

static int no_pool(const struct hand *h, const char *name, struct error *err) {
        _cleanup_strv_ struct strv names = { 0 };
        for (size_t i = 0; i < h->view.spec->n_pools; i++)
                strv_add(&names, h->view.spec->pools[i].name);
        _cleanup_str_ char *list = strv_join(&names, ", ");
        return error_set(err, ERR_USAGE, "there is no pool '%s'; %s has %s", name, h->view.spec->source, names.n ? list : "none");
}

static const struct hcloud_server *find_server(const struct hand *h, const char *name) {
        for (size_t i = 0; i < h->view.servers->n; i++)
                if (cluster_owns(h->c, &h->view.servers->items[i]) && str_eq(h->view.servers->items[i].name, name))
                        return &h->view.servers->items[i];
        return NULL;
}

static int control_planes(struct error *err) {
        error_set(err, ERR_USAGE, "control planes are not scaled: each is a member of etcd, and a cluster that loses one at the wrong moment is lost");
        return error_hint(err, "hcloud-v6 up --control-planes N adds some; removing one is not in this version");
}

/* --node names the pool; all of them must be of one. */
static int pool_of_nodes(struct hand *h, struct error *err) {
        for (size_t i = 0; h->o.nodes && i < h->o.nodes->n; i++) {
                const struct hcloud_server *s = find_server(h, h->o.nodes->items[i]);
                if (!s)
                        return error_set(err, ERR_USAGE, "the cluster has no server '%s'", h->o.nodes->items[i]);
                const char *pool = hcloud_labels_get(&s->labels, POOL);
                if (str_eq(pool, CONTROL_PLANES))
                        return control_planes(err);
                if (h->pool && !str_eq(h->pool, pool))
                        return error_set(err, ERR_USAGE, "'%s' is of pool '%s', not '%s'", s->name, pool ? pool : "?", h->pool);
                for (size_t j = 0; j < i; j++)
                        if (str_eq(h->o.nodes->items[j], s->name))
                                return error_set(err, ERR_USAGE, "'%s' is named twice", s->name);
                if (!h->pool)
                        h->pool = xstrdup(pool);
        }
        return 0;
}

static int check_count(struct hand *h, struct error *err) {
        if (pool_of_nodes(h, err) < 0)
                return -1;
        if (str_eq(h->pool, CONTROL_PLANES))
                return control_planes(err);
        h->have = cluster_pool_size(h->c, h->pool);
        if (h->have < 0)
                return no_pool(h, h->pool, err);
        size_t named = h->o.nodes ? h->o.nodes->n : 0;
        h->want = h->o.count >= 0 ? h->o.count : h->have - (int64_t) named;
        if (named && h->want != h->have - (int64_t) named)
                return error_set(err, ERR_USAGE, "pool '%s' has %lld nodes: without the %zu named there are %lld, not %lld", h->pool, (long long) h->have, named,
                                 (long long) (h->have - (int64_t) named), (long long) h->want);
        const struct spec_pool *p = spec_pool_of(h);
        if (!p && h->want > h->have)
                return no_pool(h, h->pool, err);
        if (p && p->autoscale && (h->want < p->min || h->want > p->max)) {
                error_set(err, ERR_USAGE, "pool '%s' may have %lld to %lld nodes (autoscale in %s), not %lld", h->pool, (long long) p->min, (long long) p->max,
                          h->view.spec->source, (long long) h->want);
                return error_hint(err, "change autoscale.min or autoscale.max there: the next scale --auto would undo it");
        }
        return 0;
}

/* ---- what is there ---- */

struct seen { struct hand *h; struct hand_node *nodes; size_t n; };

static void hand_nodes_done(struct hand_node *nodes, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(nodes[i].name);
                free(nodes[i].a_bare_pod);
        }
        free(nodes);
}

static int see_nodes(const json_t *items, void *data, struct error *err) {
        struct seen *s = data;
        const json_t *item;
        size_t i;
        json_array_foreach((json_t *) items, i, item) {
                struct kube_node k = { 0 };
                if (kube_node_parse(item, &k, err) < 0)
                        return -1;
                cluster_saw_node(s->h->c, &k);
                if (kvs_get(&k.annotations, ANNOTATION_PHASE) && !find_server(s->h, k.name))
                        strv_add(&s->h->lost, k.name);
                for (size_t j = 0; j < s->n; j++)
                        if (str_eq(s->nodes[j].name, k.name)) {
                                s->nodes[j].healthy = kube_node_is_ready(&k);
                                s->nodes[j].begun = kvs_get(&k.annotations, ANNOTATION_PHASE) != NULL;
                        }
                kube_node_done(&k);
        }
        return 0;
}

static void see_again(void *data) {
        struct seen *s = data;
        cluster_saw_no_nodes(s->h->c);
        strv_done(&s->h->lost);
        s->h->lost = (struct strv) { 0 };
}

static int see_pods(const json_t *items, void *data, struct error *err) {
        struct seen *s = data;
        const json_t *item;
        size_t i;
        json_array_foreach((json_t *) items, i, item) {
                struct kube_pod p = { 0 };
                if (kube_pod_parse(item, &p, err) < 0)
                        return -1;
                for (size_t j = 0; p.node && j < s->n; j++) {
                        struct hand_node *n = &s->nodes[j];
                        if (!str_eq(n->name, p.node) || !drain_must_move(&p))
                                continue;
                        n->pods++;
                        if (p.owner_kind)
                                continue;
                        n->bare++;
                        if (!n->a_bare_pod)
                                n->a_bare_pod = xasprintf("%s/%s", p.ns, p.name);
                }
                kube_pod_done(&p);
        }
        return 0;
}

static void count_again(void *data) {
        struct seen *s = data;
        for (size_t i = 0; i < s->n; i++) {
                s->nodes[i].pods = s->nodes[i].bare = 0;
                free(s->nodes[i].a_bare_pod);
                s->nodes[i].a_bare_pod = NULL;
        }
}

static int see(struct hand *h, struct seen *s, struct error *err) {
        struct kube_pages nodes = { .limit = 100, .fn = see_nodes, .restart = see_again, .data = s };
        struct kube_pages pods = { .limit = 250, .fn = see_pods, .restart = count_again, .data = s };
        for (size_t i = 0; i < h->view.servers->n; i++) {
                const struct hcloud_server *v = &h->view.servers->items[i];
                const char *index = hcloud_labels_get(&v->labels, INDEX);
                struct hand_node n = { 0 };
                if (!cluster_owns(h->c, v) || !str_eq(hcloud_labels_get(&v->labels, POOL), h->pool) || !index ||
                    !parse_int64(index, 1, SPEC_NODES_MAX, &n.index))
                        continue;
                n.name = xstrdup(v->name);
                ARRAY_APPEND(s->nodes, s->n, n);
        }
        if (kube_list_pages(h->view.kube, "/api/v1/nodes", NULL, &nodes, err) < 0)
                return -1;
        return h->want < h->have ? kube_list_pages(h->view.kube, "/api/v1/pods", NULL, &pods, err) : 0;
}

/* ---- which of them go ---- */

static int compare(const void *a, const void *b) {
        const struct hand_node *x = a, *y = b;
        if (x->begun != y->begun)
                return x->begun ? -1 : 1;
        if (x->healthy != y->healthy)
                return x->healthy ? 1 : -1;
        if ((x->bare > 0) != (y->bare > 0))
                return x->bare > 0 ? 1 : -1;
        if (x->pods != y->pods)
                return x->pods < y->pods ? -1 : 1;
        return x->index > y->index ? -1 : 1;
}

static bool is_named(const struct hand *h, const struct hand_node *n) {
        return h->o.nodes && strv_has(h->o.nodes, n->name);
}

static int choose(struct hand *h, struct seen *s, struct error *err) {
        bool named = h->o.nodes && h->o.nodes->n;
        int64_t go = h->have - h->want;
        if (s->n)
                qsort(s->nodes, s->n, sizeof(*s->nodes), compare);
        for (size_t i = 0; i < s->n && go > 0; i++) {
                if (named && !is_named(h, &s->nodes[i]))
                        continue;
                go--;
                ARRAY_APPEND(h->nodes, h->n, s->nodes[i]);
                s->nodes[i] = (struct hand_node) { 0 };
        }
        for (size_t i = 0; i < h->n && !h->o.force; i++)
                if (h->nodes[i].bare) {
                        error_set(err, ERR_REFUSED, "node '%s' has %zu pod%s without a controller, which nobody starts again elsewhere: %s%s", h->nodes[i].name, h->nodes[i].bare,
                                  h->nodes[i].bare == 1 ? "" : "s", h->nodes[i].a_bare_pod, h->nodes[i].bare == 1 ? "" : ", …");
                        return error_hint(err, "delete or move them, choose other nodes with --node, or give --force to lose them");
                }
        return 0;
}

/* ---- the whole ---- */

static int begin(struct hand *h, struct error *err) {
        struct seen s = { .h = h };
        if (cluster_scale_look(h->c, h->o.dry_run, &h->view, err) < 0 || check_count(h, err) < 0)
                return -1;
        if (!h->o.dry_run) {
                _cleanup_str_ char *holder = cluster_holder(h->c);
                if (hold_take(h->view.kube, holder, &h->hold, err) < 0)
                        return -1;
        }
        int rc = see(h, &s, err);
        if (rc >= 0)
                rc = choose(h, &s, err);
        hand_nodes_done(s.nodes, s.n);
        return rc;
}

int hand_begin(struct cluster *c, const struct hand_options *o, struct hand *ret, struct error *err) {
        struct hand h = { .c = c, .o = *o, .pool = xstrdup(o->pool) };
        if (begin(&h, err) < 0) {
                hand_end(&h);
                return -1;
        }
        *ret = h;
        return 0;
}

void hand_end(struct hand *h) {
        if (!h->c)
                return;
        hold_release(h->hold);
        cluster_scale_end(h->c);
        hand_nodes_done(h->nodes, h->n);
        strv_done(&h->lost);
        free(h->pool);
        *h = (struct hand) { 0 };
}

static void note_step(void *data, const char *text) {
        plan_step_note(data, "%s", text);
}

static struct drainer drainer_of(const struct hand *h) {
        return (struct drainer) { .kube = h->view.kube, .clock = cluster_clock(h->c), .cancel = cluster_cancel(h->c), .hold = h->hold, .by_hand = true,
                                  .deadline_ms = h->deadline_ms };
}

/* All of them before any is emptied: no pod shall move to one that goes next. */
static int step_cordon(struct plan_step *s, void *arg, struct error *err) {
        struct hand *h = arg;
        h->deadline_ms = clock_mono_ms(cluster_clock(h->c)) + (h->o.drain_ms ? h->o.drain_ms : DRAIN_MS);
        struct drainer d = drainer_of(h);
        for (size_t i = 0; i < h->n; i++) {
                enum drain_state state;
                int64_t since;
                if (drain_cordon(&d, h->nodes[i].name, &state, &since, err) < 0)
                        return -1;
        }
        return 0;
}

static int step_drain(struct plan_step *s, void *arg, struct error *err) {
        struct hand *h = arg;
        struct drainer d = drainer_of(h);
        struct drain_result r = { 0 };
        d.note = note_step;
        d.note_data = s;
        if (drain_node(&d, step_name(s), &r, err) < 0)
                return -1;
        int rc = 0;
        if (r.state == DRAIN_DONE)
                rc = drain_set_phase(&d, step_name(s), "deleting", err);
        else if (r.state != DRAIN_NO_NODE) {
                rc = error_set(err, ERR_TIMEOUT, "node '%s' is not empty after %lld s%s%s", step_name(s), (long long) (h->o.drain_ms ? h->o.drain_ms : DRAIN_MS) / 1000,
                               r.waits_for ? ": " : "", r.waits_for ? r.waits_for : "");
                error_hint(err, "it stays cordoned, and the same command goes on; to keep it: kubectl uncordon %s && kubectl annotate node %s %s- %s-", step_name(s),
                           step_name(s), ANNOTATION_PHASE, ANNOTATION_PHASE_SINCE);
        }
        drain_result_done(&r);
        return rc;
}

static struct plan_step *before_removal(void *data, struct plan *p, const char *server) {
        struct hand *h = data;
        if (!h->cordoned) {
                h->cordoned = plan_add(p, "cordon", "nodes", h->pool, step_cordon, h);
                plan_step_quiet(h->cordoned);
                plan_after(h->cordoned, plan_at(p, 0));
        }
        struct plan_step *s = plan_add(p, "drain", "node", server, step_drain, h);
        for (size_t i = 0; i < h->n; i++)
                if (str_eq(h->nodes[i].name, server))
                        plan_step_detail(s, "%zu pod%s to move", h->nodes[i].pods, h->nodes[i].pods == 1 ? "" : "s");
        plan_after(s, h->cordoned);
        return s;
}

int hand_plan(struct hand *h, struct plan **ret, struct error *err) {
        const char **names = xcalloc(h->n + 1, sizeof(*names));
        struct scale_add add = { .pool = h->pool, .count = h->want - h->have };
        struct scale_wish wish = { .pool = h->pool, .count = h->want };
        for (size_t i = 0; i < h->n; i++)
                names[i] = h->nodes[i].name;
        struct scale_options o = { .add = &add, .n_add = h->want > h->have, .wish = &wish, .n_wish = 1, .remove = names, .n_remove = h->n,
                                   .before = before_removal, .before_data = h, .forget = (const char *const *) h->lost.items, .n_forget = h->lost.n, .finish = true };
        int rc = cluster_plan_scale(h->c, &o, ret, err);
        free(names);
        return rc;
}
