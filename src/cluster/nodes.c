/* Existing servers and addresses, and the profile's counts, become one list of wanted nodes. */
#include <stdio.h>

#include "cluster/model.h"

void nodes_done(struct cluster *c) {
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                free(n->name);
                free(n->pool_name);
                free(n->location);
                free(n->private_ip);
                free(n->type);
                hcloud_ids_done(&n->actions);
        }
        free(c->nodes);
        c->nodes = NULL;
        c->n_nodes = 0;
        for (size_t i = 0; i < c->n_groups; i++) {
                free(c->groups[i].name);
                free(c->groups[i].pool);
        }
        free(c->groups);
        c->groups = NULL;
        c->n_groups = 0;
}

struct bootstrap_node node_ref(const struct node *n) {
        return (struct bootstrap_node) { .name = n->name, .addr = n->addr, .prefix = n->prefix, .server_id = n->server_id, .control_plane = n->control_plane };
}

struct bootstrap_node *node_refs(struct cluster *c, bool control_planes_only, size_t *ret_n) {
        struct bootstrap_node *refs = NULL;
        size_t n = 0;
        for (size_t i = 0; i < c->n_nodes; i++)
                if ((!control_planes_only || c->nodes[i].control_plane) && c->nodes[i].prefix.len)
                        ARRAY_APPEND(refs, n, node_ref(&c->nodes[i]));
        *ret_n = n;
        return refs;
}

struct node *first_control_plane(struct cluster *c) {
        struct node *first = NULL;
        for (size_t i = 0; i < c->n_nodes; i++)
                if (c->nodes[i].control_plane && (!first || c->nodes[i].index < first->index))
                        first = &c->nodes[i];
        return first;
}

char *cluster_endpoint(struct cluster *c) {
        struct node *n = first_control_plane(c);
        if (!n || !n->prefix.len)
                return NULL;
        _cleanup_str_ char *host = ip6_bracket(&n->addr, 6443);
        return xasprintf("https://%s", host);
}

static bool take_prefix(struct node *n, const char *text) {
        struct ip6_prefix p;
        if (!text || !ip6_prefix_parse(text, &p, NULL) || p.len != 64)
                return false;
        n->prefix = p;
        n->addr = ip6_host(&p, 1);
        return true;
}

static int64_t label_index(const struct hcloud_labels *labels) {
        const char *text = hcloud_labels_get(labels, LABEL_INDEX);
        int64_t v = 0;
        return text && parse_int64(text, 1, SPEC_NODES_MAX, &v) ? v : 0;
}

static bool in_pool(const struct cluster *c, const struct hcloud_labels *labels, const char *pool) {
        return is_ours(c, labels) && str_eq(hcloud_labels_get(labels, LABEL_POOL), pool);
}

static void take_server(struct cluster *c, struct node *n, const struct hcloud_server *s) {
        n->existed = true;
        n->server_id = s->id;
        n->type = xstrdup(s->server_type);
        n->settling = str_eq(s->status, "initializing");
        n->off = str_eq(s->status, "off") || n->settling;
        n->running = str_eq(s->status, "running") || str_eq(s->status, "starting");
        n->group_id = s->placement_group;
        if (s->ipv6) {
                n->ip_id = s->ipv6->id;
                take_prefix(n, s->ipv6->ip);
        }
        free(n->location);
        n->location = xstrdup(s->location);
        for (size_t i = 0; i < s->firewalls.n; i++)
                n->has_firewall |= s->firewalls.items[i].id == c->firewall_id;
        for (size_t i = 0; i < s->private_nets.n; i++)
                if (s->private_nets.items[i].network == c->network_id) {
                        n->attached = true;
                        free(n->private_ip);
                        n->private_ip = xstrdup(s->private_nets.items[i].ip);
                }
}

/* The Primary IP of a node by its name; ERR_EXISTS when somebody else has that name. */
static int take_ip(struct cluster *c, struct node *n, struct error *err) {
        for (size_t i = 0; i < c->cloud.primary_ips->n; i++) {
                const struct hcloud_primary_ip *ip = &c->cloud.primary_ips->items[i];
                if (!str_eq(ip->name, n->name))
                        continue;
                if (!is_ours(c, &ip->labels))
                        return error_set(err, ERR_EXISTS, "a Primary IP '%s' exists and is not this cluster's: it is left alone, choose another cluster name", n->name);
                if (!n->ip_id && take_prefix(n, ip->ip)) {
                        n->ip_id = ip->id;
                        n->location = xstrdup(ip->location);
                }
                if (!n->private_ip)
                        n->private_ip = xstrdup(hcloud_labels_get(&ip->labels, LABEL_PRIVATE));
        }
        return 0;
}

static struct node *add_node(struct cluster *c, struct pool_state *p, int64_t index) {
        ARRAY_APPEND(c->nodes, c->n_nodes, ((struct node) { .c = c, .pool = p, .index = index, .control_plane = p->control_plane, .group = SIZE_MAX }));
        struct node *n = &c->nodes[c->n_nodes - 1];
        n->pool_name = xstrdup(p->spec->name);
        n->name = name_node(c->name, p->spec->name, index);
        return n;
}

static bool has_index(const struct cluster *c, const struct pool_state *p, int64_t index) {
        for (size_t i = 0; i < c->n_nodes; i++)
                if (str_eq(c->nodes[i].pool_name, p->spec->name) && c->nodes[i].index == index)
                        return true;
        return false;
}

static int check_free_name(struct cluster *c, const char *name, struct error *err) {
        for (size_t i = 0; i < c->cloud.servers->n; i++)
                if (str_eq(c->cloud.servers->items[i].name, name))
                        return error_set(err, ERR_EXISTS, "a server '%s' exists and is not this cluster's: it is left alone, choose another cluster name", name);
        return 0;
}

/* A count by hand holds as long as the profile still says what it overruled: who edits the profile afterwards, or says --nodes, means that. */
static int64_t wanted_count(struct cluster *c, const struct pool_state *p, int64_t have) {
        int64_t want = p->spec->count;
        if (p->spec->autoscale && have >= p->spec->min && have <= p->spec->max)
                return have;
        if (p->scaled < 0 || p->spec->count_given || p->scaled == want)
                return want;
        cluster_warn(c, "pool '%s' keeps the count that scale gave it, %lld (the profile says %lld); scale again, change the profile or give --nodes", p->spec->name,
                     (long long) p->scaled, (long long) want);
        return p->scaled;
}

static int add_new(struct cluster *c, struct pool_state *p, int64_t count, struct error *err) {
        for (int64_t index = 1; count > 0; index++) {
                if (has_index(c, p, index))
                        continue;
                struct node *n = add_node(c, p, index);
                if (check_free_name(c, n->name, err) < 0)
                        return -1;
                count--;
        }
        return 0;
}

static int build_pool(struct cluster *c, struct pool_state *p, struct error *err) {
        int64_t have = 0;
        for (size_t i = 0; i < c->cloud.servers->n; i++) {
                const struct hcloud_server *s = &c->cloud.servers->items[i];
                int64_t index = label_index(&s->labels);
                if (!in_pool(c, &s->labels, p->spec->name) || !index || has_index(c, p, index))
                        continue;
                take_server(c, add_node(c, p, index), s);
                have++;
        }
        int64_t want = c->scaling ? have : wanted_count(c, p, have);
        if (have > want) {
                error_set(err, ERR_REFUSED, "pool '%s' has %lld nodes, %lld are wanted: up never removes a node", p->spec->name, (long long) have, (long long) want);
                return p->control_plane ? error_hint(err, "control planes are never removed while the cluster lives")
                                        : error_hint(err, "hcloud-v6 scale --pool %s --count %lld removes nodes after draining them", p->spec->name, (long long) want);
        }
        return add_new(c, p, want - have, err);
}

/* Servers of pools that the profile no longer has: up never removes them. */
static int check_lost_pools(struct cluster *c, struct error *err) {
        for (size_t i = 0; i < c->cloud.servers->n; i++) {
                const struct hcloud_server *s = &c->cloud.servers->items[i];
                if (!is_ours(c, &s->labels))
                        continue;
                const char *pool = hcloud_labels_get(&s->labels, LABEL_POOL);
                bool known = false;
                for (size_t j = 0; j < c->n_pools; j++)
                        known |= str_eq(c->pools[j].spec->name, pool);
                if (!known) {
                        error_set(err, ERR_REFUSED, "server '%s' is of pool '%s', which the profile does not have: up never removes a node", s->name, pool ? pool : "?");
                        return error_hint(err, "add the pool to the profile, or remove its nodes: hcloud-v6 scale --pool %s --count 0", pool ? pool : "?");
                }
        }
        return 0;
}

static void take_scaled(struct cluster *c, const struct hcloud_labels *labels) {
        for (size_t i = 0; i < c->n_pools; i++) {
                struct pool_state *p = &c->pools[i];
                _cleanup_str_ char *key = xasprintf(LABEL_SCALED "%s", p->spec->name);
                const char *value = hcloud_labels_get(labels, key);
                long long count = 0, instead = 0;
                p->scaled = -1;
                if (value && sscanf(value, "%lld-not-%lld", &count, &instead) == 2 && count >= 0 && count <= SPEC_NODES_MAX && instead == p->spec->count)
                        p->scaled = count;
        }
}

static int take_shared(struct cluster *c, struct error *err) {
        _cleanup_str_ char *firewall = name_firewall(c->name), *network = name_network(c->name);
        for (size_t i = 0; i < c->cloud.firewalls->n; i++) {
                const struct hcloud_firewall *f = &c->cloud.firewalls->items[i];
                if (!str_eq(f->name, firewall))
                        continue;
                if (!is_ours(c, &f->labels))
                        return error_set(err, ERR_EXISTS, "a firewall '%s' exists and is not this cluster's: it is left alone, choose another cluster name", f->name);
                take_scaled(c, &f->labels);
                c->firewall_id = f->id;
                hcloud_firewall_rules_done(&c->seen_rules);
                hcloud_firewall_rules_copy(&c->seen_rules, &f->rules);
        }
        for (size_t i = 0; i < c->cloud.networks->n; i++) {
                const struct hcloud_network *f = &c->cloud.networks->items[i];
                if (!str_eq(f->name, network))
                        continue;
                if (!is_ours(c, &f->labels))
                        return error_set(err, ERR_EXISTS, "a network '%s' exists and is not this cluster's: it is left alone, choose another cluster name", f->name);
                c->network_id = f->id;
        }
        return 0;
}

/* Addresses in the private network: 10.0.0.2 upwards, the lowest that no node has. Only for ranges of /24 and larger. */
static void give_private_ips(struct cluster *c) {
        unsigned a, b, d, len;
        if (!c->use_network || sscanf(c->spec->network_range, "%u.%u.%*u.%u/%u", &a, &b, &d, &len) != 4 || len > 24)
                return;
        unsigned third = 0;
        sscanf(c->spec->network_range, "%*u.%*u.%u", &third);
        unsigned host = 2;
        for (size_t i = 0; i < c->n_nodes; i++) {
                while (!c->nodes[i].private_ip) {
                        _cleanup_str_ char *ip = xasprintf("%u.%u.%u.%u", a, b, third, host++);
                        bool used = false;
                        for (size_t j = 0; j < c->n_nodes; j++)
                                used |= str_eq(c->nodes[j].private_ip, ip);
                        if (!used)
                                c->nodes[i].private_ip = TAKE(ip);
                }
        }
}

static struct group *find_group(struct cluster *c, const char *pool) {
        for (size_t i = 0; i < c->n_groups; i++)
                if (str_eq(c->groups[i].pool, pool) && c->groups[i].members < GROUP_MAX)
                        return &c->groups[i];
        return NULL;
}

static int build_groups(struct cluster *c, struct error *err) {
        bool known = c->n_groups > 0;                  /* the second plan of a look has them already */
        for (size_t i = 0; !known && i < c->cloud.groups->n; i++) {
                const struct hcloud_placement_group *g = &c->cloud.groups->items[i];
                const char *pool = hcloud_labels_get(&g->labels, LABEL_POOL);
                if (is_ours(c, &g->labels) && pool)
                        ARRAY_APPEND(c->groups, c->n_groups,
                                     ((struct group) { .name = xstrdup(g->name), .pool = xstrdup(pool), .id = g->id, .members = g->servers.n }));
        }
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                /* One control plane has nobody to keep away from; later ones get a group of their own. */
                if (n->existed || n->group != SIZE_MAX || (n->control_plane && c->spec->control_planes.count == 1))
                        continue;
                struct group *g = find_group(c, n->pool_name);
                for (size_t number = 1; !g; number++) {
                        _cleanup_str_ char *name = name_group(c->name, n->pool_name, number);
                        bool taken = false;
                        for (size_t j = 0; j < c->n_groups; j++)
                                taken |= str_eq(c->groups[j].name, name);
                        if (taken)
                                continue;
                        for (size_t j = 0; j < c->cloud.groups->n; j++)
                                if (str_eq(c->cloud.groups->items[j].name, name))
                                        return error_set(err, ERR_EXISTS, "a placement group '%s' exists and is not this cluster's: choose another cluster name", name);
                        ARRAY_APPEND(c->groups, c->n_groups, ((struct group) { .name = TAKE(name), .pool = xstrdup(n->pool_name) }));
                        g = &c->groups[c->n_groups - 1];
                }
                g->members++;
                n->group = (size_t) (g - c->groups);
        }
        return 0;
}

int nodes_add(struct cluster *c, struct pool_state *p, int64_t count, struct error *err) {
        size_t before = c->n_nodes;
        if (add_new(c, p, count, err) < 0)
                return -1;
        for (size_t i = before; i < c->n_nodes; i++)
                if (take_ip(c, &c->nodes[i], err) < 0)
                        return -1;
        return 0;
}

int nodes_build(struct cluster *c, struct error *err) {
        for (size_t i = 0; i < c->n_pools; i++)
                c->pools[i].scaled = -1;
        if (take_shared(c, err) < 0 || (!c->scaling && check_lost_pools(c, err) < 0))
                return -1;
        for (size_t i = 0; i < c->n_pools; i++)
                if (build_pool(c, &c->pools[i], err) < 0)
                        return -1;
        for (size_t i = 0; i < c->n_nodes; i++)
                if (take_ip(c, &c->nodes[i], err) < 0)
                        return -1;
        return c->scaling ? 0 : nodes_settle(c, err);
}

int nodes_settle(struct cluster *c, struct error *err) {
        c->use_network = c->spec->network == NETWORK_PRIVATE;
        if (c->use_network && c->n_nodes > SPEC_PRIVATE_NODES_MAX) {
                c->use_network = false;
                cluster_warn(c, "no private network: Hetzner's limit is %d servers in one", SPEC_PRIVATE_NODES_MAX);
        }
        give_private_ips(c);
        return build_groups(c, err);
}

void nodes_from_cloud(struct cluster *c) {
        take_shared(c, NULL);
        for (size_t i = 0; i < c->cloud.servers->n; i++) {
                const struct hcloud_server *s = &c->cloud.servers->items[i];
                if (!is_ours(c, &s->labels))
                        continue;
                const char *pool = hcloud_labels_get(&s->labels, LABEL_POOL);
                ARRAY_APPEND(c->nodes, c->n_nodes, ((struct node) { .c = c, .index = label_index(&s->labels), .group = SIZE_MAX }));
                struct node *n = &c->nodes[c->n_nodes - 1];
                n->name = xstrdup(s->name);
                n->pool_name = xstrdup(pool ? pool : "?");
                n->control_plane = str_eq(hcloud_labels_get(&s->labels, LABEL_ROLE), ROLE_CONTROL_PLANE);
                take_server(c, n, s);
        }
}
