/* What could be bought: every pool's types and locations, each as the node it would become. */
#include "scaler/work.h"

/* Of the memory that a type is sold with, kernel and firmware keep some before the kubelet counts: about 7 % on small types, less on large. */
#define MEMORY_USABLE 0.93
#define DISK_USABLE 0.8
#define GIB (1024.0 * 1024 * 1024)

struct label_list { struct pair *items; size_t n; };

/* A word as the snapshot has it, so that equal words stay one pointer; the snapshot itself is not changed. */
static const char *word(struct work *k, const char *text) {
        const char *known = arena_find(&k->s->arena, text);
        return known ? known : arena_text(&k->arena, text);
}

static void set_label(struct work *k, struct label_list *l, const char *key, const char *value) {
        struct pair p = { word(k, key), word(k, value ? value : "") };
        for (size_t i = 0; i < l->n; i++)
                if (l->items[i].key == p.key) {
                        l->items[i] = p;
                        return;
                }
        ARRAY_APPEND(l->items, l->n, p);
}

/* The zone that Nodes in this location say they are in, NULL when there is none. */
static const char *zone_of(const struct snapshot *s, const char *location) {
        const char *region = arena_find(&s->arena, "topology.kubernetes.io/region"), *zone = arena_find(&s->arena, "topology.kubernetes.io/zone");
        for (size_t i = 0; i < s->n_nodes && region && zone; i++)
                if (pairs_get(&s->nodes[i].labels, region) == location && pairs_get(&s->nodes[i].labels, zone))
                        return pairs_get(&s->nodes[i].labels, zone);
        return NULL;
}

/* Labels that every Node of the pool has: those that machine configs and add-ons give. */
static void shared_labels(struct work *k, const struct pool *pool, struct label_list *l) {
        const struct snapshot *s = k->s;
        const struct node *first = NULL;
        for (size_t i = 0; i < s->n_nodes && !first; i++)
                if (s->nodes[i].pool != NONE && &s->pools[s->nodes[i].pool] == pool)
                        first = &s->nodes[i];
        for (size_t i = 0; first && i < first->labels.n; i++) {
                const struct pair *p = &first->labels.items[i];
                bool everywhere = !str_eq(p->key, "kubernetes.io/hostname") && !str_starts(p->key, "topology.") && !str_starts(p->key, "failure-domain.");
                for (size_t n = 0; n < s->n_nodes && everywhere; n++)
                        if (s->nodes[n].pool != NONE && &s->pools[s->nodes[n].pool] == pool)
                                everywhere = pairs_get(&s->nodes[n].labels, p->key) == p->value;
                if (everywhere)
                        set_label(k, l, p->key, p->value);
        }
}

static void template_labels(struct work *k, struct template *t) {
        struct label_list l = { 0 };
        const char *zone = zone_of(k->s, t->location), *arch = str_eq(t->type->architecture, "arm") ? "arm64" : "amd64";
        shared_labels(k, t->pool, &l);
        const char *const fixed[][2] = {
                { "kubernetes.io/os", "linux" }, { "kubernetes.io/arch", arch }, { "beta.kubernetes.io/os", "linux" }, { "beta.kubernetes.io/arch", arch },
                { "node.kubernetes.io/instance-type", t->type->name }, { "beta.kubernetes.io/instance-type", t->type->name },
                { "topology.kubernetes.io/region", t->location }, { "failure-domain.beta.kubernetes.io/region", t->location },
                { "csi.hetzner.cloud/location", t->location }, { "instance.hetzner.cloud/provided-by", "cloud" },
                { "hcloud-v6/pool", t->pool->name }, { "node-role.kubernetes.io/worker", "" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
                set_label(k, &l, fixed[i][0], fixed[i][1]);
        if (zone)
                set_label(k, &l, "topology.kubernetes.io/zone", zone);
        for (size_t i = 0; i < t->pool->labels.n; i++)
                set_label(k, &l, t->pool->labels.items[i].key, t->pool->labels.items[i].value);
        t->labels = (struct pairs) { arena_copy(&k->arena, l.items, l.n, sizeof(*l.items)), l.n };
        free(l.items);
}

/* The smallest of what Nodes of the type have to give: of this pool with all its resources, else of any worker with the ordinary ones. */
static bool room_as_seen(struct work *k, struct template *t, bool of_pool) {
        const struct snapshot *s = k->s;
        int64_t *least = xcalloc(s->n_resources, sizeof(*least));
        bool seen = false;
        for (size_t i = 0; i < s->n_nodes; i++) {
                const struct node *n = &s->nodes[i];
                if (n->server == NONE || n->pool == NONE || n->broken || s->servers[n->server].type != t->type->name || !n->allocatable.n ||
                    (of_pool && &s->pools[n->pool] != t->pool))
                        continue;
                for (uint32_t r = 0; r < s->n_resources; r++) {
                        int64_t has = amounts_get(&n->allocatable, r);
                        least[r] = seen ? MIN(least[r], has) : has;
                }
                seen = true;
        }
        struct amount *list = arena_alloc(&k->arena, s->n_resources, sizeof(*list));
        size_t n = 0;
        for (uint32_t r = 0; r < (of_pool ? s->n_resources : RESOURCE_FIXED) && seen; r++)
                if (least[r] > 0)
                        list[n++] = (struct amount) { r, least[r] };
        free(least);
        if (seen)
                t->allocatable = (struct amounts) { list, n };
        return seen;
}

static void template_room(struct work *k, struct template *t) {
        const struct settings *v = &k->s->settings;
        t->from_node = room_as_seen(k, t, true) || room_as_seen(k, t, false);
        if (t->from_node)
                return;
        int64_t cpu = (int64_t) (t->type->cores * 1000) - v->reserved_cpu;
        int64_t memory = (int64_t) (t->type->memory_gb * GIB * MEMORY_USABLE) - v->reserved_memory;
        struct amount list[] = { { RESOURCE_CPU, MAX(cpu, 0) }, { RESOURCE_MEMORY, MAX(memory, 0) },
                                 { RESOURCE_STORAGE, (int64_t) (t->type->disk_gb * 1e9 * DISK_USABLE) }, { RESOURCE_PODS, 110 } };
        t->allocatable = (struct amounts) { arena_copy(&k->arena, list, ARRAY_SIZE(list), sizeof(*list)), ARRAY_SIZE(list) };
}

/* Why the type cannot be bought there, or NULL. */
static const char *refusal(const struct snapshot *s, const struct server_type *t, const struct offer *o) {
        if (!o || (t->has_locations && !o->listed))
                return "is not sold there";
        if ((o->unavailable_after_ms && o->unavailable_after_ms <= s->now_ms) || (!t->has_locations && t->deprecated))
                return "is no longer sold there";
        if (!o->priced)
                return "has no price there, and nothing is bought without one";
        return NULL;
}

static void template_base(struct work *k, struct template *t) {
        t->taints = t->pool->taints;
        template_labels(k, t);
        template_room(k, t);
        template_finish(k->s, t);
}

static void add_option(struct work *k, size_t pool, const char *type_name, const char *location, uint32_t rank) {
        const struct snapshot *s = k->s;
        const struct server_type *type = server_type_find(s, type_name);
        if (!type) {
                _cleanup_str_ char *text = xasprintf("there is no server type '%s'", type_name);
                if (!strv_has(&k->pool_trouble[pool], text))
                        strv_add(&k->pool_trouble[pool], text);
                return;
        }
        const struct offer *o = offer_find(type, location);
        const char *why = refusal(s, type, o);
        if (why) {
                strv_take(&k->pool_trouble[pool], xasprintf("%s in %s %s", type_name, location, why));
                return;
        }
        struct template t = { .pool = &s->pools[pool], .type = type, .location = location, .price = o->price, .rank = rank,
                              .sold_out = type->has_locations && !o->available };
        bool ipv4 = false;
        for (size_t i = 0; i < s->n_servers; i++)
                ipv4 = ipv4 || (s->servers[i].cluster && s->servers[i].ipv4);
        if (ipv4 && s->has_ipv4_price) {
                t.price.hour += s->ipv4_price.hour;
                t.price.month += s->ipv4_price.month;
        }
        template_base(k, &t);
        ARRAY_APPEND(k->options, k->n_options, t);
}

void options_build(struct work *k) {
        const struct snapshot *s = k->s;
        for (size_t p = 0; p < s->n_pools; p++) {
                const struct pool *pool = &s->pools[p];
                for (size_t t = 0; t < pool->n_types && pool->autoscale; t++)
                        for (size_t l = 0; l < pool->n_locations; l++)
                                add_option(k, p, pool->types[t], pool->locations[l], (uint32_t) (t * pool->n_locations + l));
        }
}

void option_of_server(struct work *k, const struct server *v, struct template *ret) {
        static const struct server_type unknown = { .name = "?" };
        const struct server_type *type = server_type_find(k->s, v->type);
        *ret = (struct template) { .pool = &k->s->pools[v->pool], .type = type ? type : &unknown, .location = v->location ? v->location : "" };
        template_base(k, ret);
}

struct money price_of_server(const struct snapshot *s, const struct server *v, bool *ret_known) {
        const struct server_type *t = server_type_find(s, v->type);
        const struct offer *o = t ? offer_find(t, v->location) : NULL;
        struct money m = { 0 };
        *ret_known = o && o->priced;
        if (*ret_known)
                m = o->price;
        if (v->ipv4 && s->has_ipv4_price) {
                m.hour += s->ipv4_price.hour;
                m.month += s->ipv4_price.month;
        }
        return m;
}
