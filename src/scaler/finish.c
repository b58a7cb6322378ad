/* Connecting what was read, and refusing what no decision can be made from. */
#include <stdio.h>

#include "scaler/read.h"

/* ---- order ---- */

static int by_node_name(const void *a, const void *b) {
        return strcmp(((const struct node *) a)->name, ((const struct node *) b)->name);
}

static int by_pod_name(const void *a, const void *b) {
        const struct pod *x = a, *y = b;
        int by_ns = x->class->ns == y->class->ns ? 0 : strcmp(x->class->ns, y->class->ns);
        return by_ns ? by_ns : strcmp(x->name, y->name);
}

static int by_server(const void *a, const void *b) {
        const struct server *x = a, *y = b;
        int by_name = strcmp(x->name, y->name);
        return by_name ? by_name : (x->id > y->id) - (x->id < y->id);
}

static int by_pool_name(const void *a, const void *b) {
        return strcmp(((const struct pool *) a)->name, ((const struct pool *) b)->name);
}

static int by_type_name(const void *a, const void *b) {
        return strcmp(((const struct server_type *) a)->name, ((const struct server_type *) b)->name);
}

static int by_daemon_name(const void *a, const void *b) {
        const struct daemon *x = a, *y = b;
        int by_ns = strcmp(x->ns, y->ns);
        return by_ns ? by_ns : strcmp(x->name, y->name);
}

static int by_claim(const void *a, const void *b) {
        const struct volume *x = a, *y = b;
        int by_ns = strcmp(x->ns, y->ns), by_name = strcmp(x->claim, y->claim);
        return by_ns ? by_ns : by_name ? by_name : strcmp(x->name, y->name);
}

static int by_budget_name(const void *a, const void *b) {
        const struct budget *x = a, *y = b;
        int by_ns = strcmp(x->ns, y->ns);
        return by_ns ? by_ns : strcmp(x->name, y->name);
}

static int by_replica_set_name(const void *a, const void *b) {
        const struct replica_set *x = a, *y = b;
        int by_ns = strcmp(x->ns, y->ns);
        return by_ns ? by_ns : strcmp(x->name, y->name);
}

static void sort(void *items, size_t n, size_t size, int (*compare)(const void *, const void *)) {
        if (n)
                qsort(items, n, size, compare);
}

static void sort_all(struct snapshot *s) {
        sort(s->nodes, s->n_nodes, sizeof(*s->nodes), by_node_name);
        sort(s->pods, s->n_pods, sizeof(*s->pods), by_pod_name);
        sort(s->servers, s->n_servers, sizeof(*s->servers), by_server);
        sort(s->pools, s->n_pools, sizeof(*s->pools), by_pool_name);
        sort(s->types, s->n_types, sizeof(*s->types), by_type_name);
        sort(s->price_lists, s->n_price_lists, sizeof(*s->price_lists), by_type_name);
        sort(s->daemons, s->n_daemons, sizeof(*s->daemons), by_daemon_name);
        sort(s->volumes, s->n_volumes, sizeof(*s->volumes), by_claim);
        sort(s->budgets, s->n_budgets, sizeof(*s->budgets), by_budget_name);
        sort(s->replica_sets, s->n_replica_sets, sizeof(*s->replica_sets), by_replica_set_name);
}

/* ---- what cannot be used ---- */

static int refuse_unknown(const struct snapshot *s, struct error *err) {
        static const enum snapshot_part needed[] = { SNAPSHOT_NODES, SNAPSHOT_PODS, SNAPSHOT_SERVERS, SNAPSHOT_SERVER_TYPES, SNAPSHOT_POOLS };
        if (!s->has_time)
                return error_set(err, ERR_INVALID, "the snapshot has no 'time'");
        for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
                if (!s->known[needed[i]]) {
                        error_set(err, ERR_INVALID, "the snapshot has no '%s'", snapshot_part_key(needed[i]));
                        return error_hint(err, "an empty list means that there are none; a missing one means that nobody looked");
                }
        for (int i = 0; i < _SNAPSHOT_PARTS; i++)
                if (s->partial[i])
                        return error_set(err, ERR_INVALID, "the list of %s is partial; no decision is made of less than everything",
                                         snapshot_part_key((enum snapshot_part) i));
        return 0;
}

static int refuse_doubles(const struct snapshot *s, struct error *err) {
        for (size_t i = 1; i < s->n_pools; i++)
                if (s->pools[i].name == s->pools[i - 1].name)
                        return error_set(err, ERR_INVALID, "two pools are named '%s'", s->pools[i].name);
        for (size_t i = 1; i < s->n_nodes; i++)
                if (s->nodes[i].name == s->nodes[i - 1].name)
                        return error_set(err, ERR_INVALID, "the node '%s' is listed twice", s->nodes[i].name);
        for (size_t i = 1; i < s->n_pods; i++)
                if (by_pod_name(&s->pods[i], &s->pods[i - 1]) == 0)
                        return error_set(err, ERR_INVALID, "the pod '%s/%s' is listed twice", s->pods[i].class->ns, s->pods[i].name);
        for (size_t i = 1; i < s->n_servers; i++)
                if (s->servers[i].id == s->servers[i - 1].id)
                        return error_set(err, ERR_INVALID, "the server '%s' is listed twice", s->servers[i].name);
        return 0;
}

/* ---- which cluster ---- */

static const struct server *server_of_id(const struct snapshot *s, int64_t id) {
        for (size_t i = 0; i < s->n_servers && id; i++)
                if (s->servers[i].id == id)
                        return &s->servers[i];
        return NULL;
}

/* Without a name the cluster is that of the servers that have Nodes here, or of all servers when none has. */
static int find_cluster(struct snapshot *s, struct error *err) {
        const char *found = NULL;
        if (s->cluster)
                return 0;
        for (int by_node = 1; by_node >= 0 && !found; by_node--)
                for (size_t i = 0; i < s->n_servers; i++) {
                        const struct server *v = &s->servers[i];
                        if (!v->cluster || (by_node && v->node == NONE))
                                continue;
                        if (found && found != v->cluster)
                                return error_set(err, ERR_INVALID, "there are servers of the clusters '%s' and '%s': 'cluster' must say which one is meant",
                                                 strcmp(found, v->cluster) < 0 ? found : v->cluster, strcmp(found, v->cluster) < 0 ? v->cluster : found);
                        found = v->cluster;
                }
        s->cluster = found;
        return 0;
}

static void forget_other_clusters(struct snapshot *s) {
        size_t n = 0;
        for (size_t i = 0; i < s->n_servers; i++)
                if (!s->servers[i].cluster || s->servers[i].cluster == s->cluster)
                        s->servers[n++] = s->servers[i];
        s->n_servers = n;
        for (size_t i = 0; i < s->n_nodes; i++)
                s->nodes[i].server = NONE;
}

/* ---- nodes, servers, pools ---- */

static uint32_t node_of_name(const struct snapshot *s, const char *name) {
        if (!name)
                return NONE;
        struct node key = { .name = name };
        const struct node *found = s->n_nodes ? bsearch(&key, s->nodes, s->n_nodes, sizeof(key), by_node_name) : NULL;
        return found ? (uint32_t) (found - s->nodes) : NONE;
}

static uint32_t pool_of_name(const struct snapshot *s, const char *name) {
        for (size_t i = 0; i < s->n_pools && name; i++)
                if (s->pools[i].name == name)
                        return (uint32_t) i;
        return NONE;
}

/* By provider id; a Node that has none yet by its name. */
static void connect_servers(struct snapshot *s) {
        for (size_t i = 0; i < s->n_servers; i++)
                s->servers[i].node = NONE;
        for (uint32_t i = 0; i < s->n_nodes; i++) {
                struct node *n = &s->nodes[i];
                const struct server *v = server_of_id(s, n->server_id);
                for (size_t k = 0; k < s->n_servers && !v && !n->server_id && !n->foreign; k++)
                        if (s->servers[k].name == n->name)
                                v = &s->servers[k];
                if (!v || v->node != NONE)
                        continue;
                n->server = (uint32_t) (v - s->servers);
                s->servers[n->server].node = i;
        }
}

/* A cordon of our own is no reason why a node that is taken back could not be used. */
static void forget_own_cordon(struct node *n) {
        size_t kept = 0;
        for (size_t i = 0; i < n->taints.n && n->phase; i++)
                if (!str_eq(n->taints.items[i].key, "node.kubernetes.io/unschedulable"))
                        n->taints.items[kept++] = n->taints.items[i];
        n->taints.n = n->phase ? kept : n->taints.n;
}

static void connect_pools(struct snapshot *s) {
        const char *label = arena_text(&s->arena, "hcloud-v6/pool");
        for (size_t i = 0; i < s->n_servers; i++) {
                struct server *v = &s->servers[i];
                v->control_plane = v->control_plane || (v->node != NONE && s->nodes[v->node].control_plane);
                v->pool = v->cluster && !v->control_plane ? pool_of_name(s, v->pool_name) : NONE;
        }
        for (size_t i = 0; i < s->n_nodes; i++) {
                struct node *n = &s->nodes[i];
                forget_own_cordon(n);
                if (n->server != NONE)
                        n->control_plane = n->control_plane || s->servers[n->server].control_plane;
                if (n->control_plane)
                        continue;
                n->pool = n->server != NONE ? s->servers[n->server].pool : pool_of_name(s, pairs_get(&n->labels, label));
        }
}

/* ---- pods ---- */

static void connect_pods(struct snapshot *s) {
        for (size_t i = 0; i < s->n_pods; i++)
                s->pods[i].node = node_of_name(s, s->pods[i].node_name);
        uint32_t *count = xcalloc(s->n_nodes + 1, sizeof(*count));
        for (size_t i = 0; i < s->n_pods; i++)
                if (s->pods[i].node != NONE && !s->pods[i].nominated)
                        count[s->pods[i].node]++;
        uint32_t at = 0;
        for (size_t i = 0; i < s->n_nodes; i++) {
                s->nodes[i].first_pod = at;
                at += count[i];
        }
        s->by_node = xcalloc(at + 1, sizeof(*s->by_node));
        for (uint32_t i = 0; i < s->n_pods; i++)
                if (s->pods[i].node != NONE && !s->pods[i].nominated) {
                        struct node *n = &s->nodes[s->pods[i].node];
                        s->by_node[n->first_pod + n->n_pods++] = i;
                }
        free(count);
}

static void connect_volumes(struct snapshot *s, struct pod_class *c) {
        c->volume_terms = arena_alloc(&s->arena, c->n_claims, sizeof(*c->volume_terms));
        for (size_t i = 0; i < c->n_claims; i++) {
                size_t low = 0, high = s->n_volumes;
                while (low < high) {
                        size_t middle = (low + high) / 2;
                        const struct volume *v = &s->volumes[middle];
                        int order = strcmp(v->ns, c->ns);
                        order = order ? order : strcmp(v->claim, c->claims[i]);
                        low = order < 0 ? middle + 1 : low;
                        high = order < 0 ? high : middle;
                }
                const struct volume *v = low < s->n_volumes ? &s->volumes[low] : NULL;
                if (v && v->ns == c->ns && v->claim == c->claims[i] && v->terms.n)
                        c->volume_terms[c->n_volume_terms++] = v->terms;
        }
}

static void connect_classes(struct snapshot *s) {
        uint32_t *list = xcalloc(s->n_terms + 1, sizeof(*list));
        for (size_t i = 0; i < s->n_classes; i++) {
                struct pod_class *c = s->classes[i];
                connect_volumes(s, c);
                size_t n = 0;
                for (uint32_t t = 0; t < s->n_terms; t++)
                        if (term_matches(s->terms[t], c))
                                list[n++] = t;
                c->matches = arena_copy(&s->arena, list, n, sizeof(*list));
                c->n_matches = n;
        }
        free(list);
}

/* ---- the cloud ---- */

const struct server_type *server_type_find(const struct snapshot *s, const char *name) {
        for (size_t i = 0; i < s->n_types; i++)
                if (s->types[i].name == name)
                        return &s->types[i];
        return NULL;
}

const struct offer *offer_find(const struct server_type *t, const char *location) {
        for (size_t i = 0; i < t->n_offers; i++)
                if (t->offers[i].location == location)
                        return &t->offers[i];
        return NULL;
}

/* A type that comes without prices takes those of the price list. */
static void fill_prices(struct snapshot *s, struct server_type *t) {
        for (size_t i = 0; i < s->n_price_lists; i++) {
                const struct server_type *list = &s->price_lists[i];
                if (list->name != t->name)
                        continue;
                struct offer *all = arena_alloc(&s->arena, t->n_offers + list->n_offers, sizeof(*all));
                size_t n = t->n_offers;
                if (n)
                        memcpy(all, t->offers, n * sizeof(*all));
                for (size_t k = 0; k < list->n_offers; k++) {
                        const struct offer *known = offer_find(t, list->offers[k].location);
                        if (known && !known->priced) {
                                all[known - t->offers].price = list->offers[k].price;
                                all[known - t->offers].priced = true;
                        } else if (!known) {
                                all[n++] = list->offers[k];
                        }
                }
                t->offers = all;
                t->n_offers = n;
        }
}

static void warn_missing(struct snapshot *s) {
        static const struct { enum snapshot_part part; const char *meaning; } lists[] = {
                { SNAPSHOT_BUDGETS, "no node with pods is taken away" },
                { SNAPSHOT_DAEMON_SETS, "a new node's room is counted without DaemonSet pods" },
                { SNAPSHOT_VOLUMES, "pods with volume claims are not judged" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                if (!s->known[lists[i].part])
                        strv_take(&s->warnings, xasprintf("the snapshot has no '%s': %s", snapshot_part_key(lists[i].part), lists[i].meaning));
}

int snapshot_finish(struct snapshot *s, struct error *err) {
        if (s->finished)
                return 0;
        if (refuse_unknown(s, err) < 0)
                return -1;
        sort_all(s);
        if (refuse_doubles(s, err) < 0)
                return -1;
        connect_servers(s);
        if (find_cluster(s, err) < 0)
                return -1;
        forget_other_clusters(s);
        connect_servers(s);
        connect_pools(s);
        connect_pods(s);
        connect_classes(s);
        for (size_t i = 0; i < s->n_types; i++)
                fill_prices(s, &s->types[i]);
        warn_missing(s);
        s->finished = true;
        return 0;
}

void snapshot_counts(const struct snapshot *s, struct snapshot_counts *ret) {
        *ret = (struct snapshot_counts) { .nodes = s->n_nodes, .pods = s->n_pods };
        for (size_t i = 0; i < s->n_nodes; i++) {
                ret->ready += s->nodes[i].ready;
                ret->control_planes += s->nodes[i].control_plane;
        }
        for (size_t i = 0; i < s->n_pods; i++)
                ret->pending += pod_is_demand(s, &s->pods[i]);
        for (size_t i = 0; i < s->n_servers; i++) {
                ret->servers += s->servers[i].cluster != NULL;
                ret->coming += server_is_coming(s, &s->servers[i]);
        }
}
