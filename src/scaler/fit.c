#include "scaler/fit.h"

#include "kube/quantity.h"
#include "scaler/request.h"

/* What is known of a class on a node, apart from who else is there. */
enum { FIT_KNOWN = 1, FIT_ALLOWED = 2, FIT_AFFINITY = 4, FIT_TAINTS = 8 };

#define DEFAULT_PODS 110       /* kubelet's maxPods */

static bool selects(const struct pairs *selector, const struct pairs *labels) {
        for (size_t i = 0; i < selector->n; i++)
                if (pairs_get(labels, selector->items[i].key) != selector->items[i].value)
                        return false;
        return true;
}

static uint8_t judge(const struct pod_class *c, const struct pairs *labels, const struct taints *taints, const char *name) {
        bool affinity = selects(&c->node_selector, labels) && node_terms_match(&c->node_terms, labels, name);
        bool tolerated = taints_tolerated(taints, c), volumes = true;
        for (size_t i = 0; i < c->n_volume_terms && volumes; i++)
                volumes = node_terms_match(&c->volume_terms[i], labels, name);
        return (uint8_t) (FIT_KNOWN | (affinity ? FIT_AFFINITY : 0) | (tolerated ? FIT_TAINTS : 0) | (affinity && tolerated && volumes ? FIT_ALLOWED : 0));
}

/* A name that no node has, so that matchFields of a node's name never match what is made up. */
#define NO_NAME "(new)"

static uint8_t template_judge(struct template *t, const struct pod_class *c) {
        if (!(t->fits[c->number] & FIT_KNOWN))
                t->fits[c->number] = judge(c, &t->labels, &t->taints, NO_NAME);
        return t->fits[c->number];
}

static uint8_t place_judge(struct world *w, const struct pod_class *c, uint32_t place) {
        struct place *p = &w->places[place];
        if (place >= w->n_real)
                return template_judge(p->template, c);
        uint8_t **row = &w->fits[c->number];
        if (!*row)
                *row = xcalloc(w->n_real, 1);
        if (!((*row)[place] & FIT_KNOWN))
                (*row)[place] = judge(c, p->labels, p->taints, p->name);
        return (*row)[place];
}

/* ---- templates ---- */

bool template_allows(const struct snapshot *s, struct template *t, const struct pod_class *c) {
        return template_judge(t, c) & FIT_ALLOWED;
}

void template_finish(const struct snapshot *s, struct template *t) {
        t->fits = xcalloc(s->n_classes + 1, 1);
        t->room = xcalloc(s->n_resources, sizeof(*t->room));
        t->room[RESOURCE_PODS] = DEFAULT_PODS;
        for (size_t i = 0; i < t->allocatable.n; i++)
                t->room[t->allocatable.items[i].resource] = t->allocatable.items[i].amount;
        for (size_t i = 0; i < s->n_daemons; i++) {
                struct pod_class *c = s->daemons[i].class;
                if (!template_allows(s, t, c))
                        continue;
                for (size_t k = 0; k < c->requests.n; k++)
                        t->room[c->requests.items[k].resource] -= c->requests.items[k].amount;
                for (size_t k = 0; k < c->n_ports; k++)
                        ARRAY_APPEND(t->ports, t->n_ports, c->ports[k]);
                ARRAY_APPEND(t->daemons, t->n_daemons, c);
        }
}

void template_done(struct template *t) {
        free(t->fits);
        free(t->room);
        free(t->ports);
        free(t->daemons);
        *t = (struct template) { 0 };
}

/* ---- domains ---- */

static uint32_t domain_of(struct world *w, uint32_t topology, uint32_t place) {
        const char *value = pairs_get(w->places[place].labels, w->s->topologies[topology]);
        if (topology == w->host_topology)
                return value || w->places[place].template ? place : NONE;
        if (!value)
                return NONE;
        for (uint32_t i = 0; i < w->n_domains[topology]; i++)
                if (w->domain_names[topology][i] == value)
                        return i;
        ARRAY_APPEND(w->domain_names[topology], w->n_domains[topology], value);
        return (uint32_t) w->n_domains[topology] - 1;
}

static uint32_t term_domain(struct world *w, uint32_t term, uint32_t place) {
        return domain_of(w, w->s->terms[term]->topology, place);
}

/* Counts of a term, made when first touched: most terms of a large cluster are never asked about. */
static struct term_count *count_of(struct world *w, uint32_t term) {
        struct term_count *t = &w->counts[term];
        if (!t->matching) {
                t->matching = xcalloc(w->capacity, sizeof(*t->matching));
                t->owners = xcalloc(w->capacity, sizeof(*t->owners));
        }
        return t;
}

static void count_terms(struct world *w, const struct pod_class *c, uint32_t place, int32_t by) {
        for (size_t i = 0; i < c->n_matches; i++) {
                uint32_t domain = term_domain(w, c->matches[i], place);
                struct term_count *t = count_of(w, c->matches[i]);
                t->all += by;
                if (domain != NONE)
                        t->matching[domain] += by;
        }
        for (size_t i = 0; i < c->n_anti; i++) {
                uint32_t domain = term_domain(w, c->anti[i]->number, place);
                if (domain != NONE)
                        count_of(w, c->anti[i]->number)->owners[domain] += by;
        }
        w->version++;
}

/* ---- putting pods ---- */

static void add_port(struct place *p, const struct port *port) {
        ARRAY_APPEND(p->ports, p->n_ports, port);
}

void world_put(struct world *w, const struct pod_class *c, uint32_t place) {
        struct place *p = &w->places[place];
        for (size_t i = 0; i < c->requests.n; i++)
                p->room[c->requests.items[i].resource] -= c->requests.items[i].amount;
        for (size_t i = 0; i < c->n_ports; i++)
                add_port(p, &c->ports[i]);
        count_terms(w, c, place, 1);
}

void world_take(struct world *w, const struct pod_class *c, uint32_t place) {
        struct place *p = &w->places[place];
        for (size_t i = 0; i < c->requests.n; i++)
                p->room[c->requests.items[i].resource] += c->requests.items[i].amount;
        for (size_t i = 0; i < c->n_ports; i++)
                for (size_t k = p->n_ports; k > 0; k--)
                        if (p->ports[k - 1] == &c->ports[i]) {
                                p->ports[k - 1] = p->ports[--p->n_ports];
                                break;
                        }
        count_terms(w, c, place, -1);
        w->epoch++;
}

void world_open(struct world *w, uint32_t place, bool open) {
        w->places[place].open = open;
        w->epoch++;
}

static bool ports_clash(const struct port *a, const struct port *b) {
        return a->port == b->port && a->protocol == b->protocol && (!a->ip || !b->ip || a->ip == b->ip);
}

static bool ports_free(const struct place *p, const struct pod_class *c) {
        for (size_t i = 0; i < c->n_ports; i++)
                for (size_t k = 0; k < p->n_ports; k++)
                        if (ports_clash(&c->ports[i], p->ports[k]))
                                return false;
        return true;
}

static bool room_for(const struct place *p, const struct pod_class *c) {
        for (size_t i = 0; i < c->requests.n; i++)
                if (p->room[c->requests.items[i].resource] < c->requests.items[i].amount)
                        return false;
        return true;
}

static bool own_term(const struct pod_class *c, const struct pod_term *t) {
        for (size_t i = 0; i < c->n_matches; i++)
                if (c->matches[i] == t->number)
                        return true;
        return false;
}

static bool apart(struct world *w, const struct pod_class *c, uint32_t place) {
        for (size_t i = 0; i < c->n_anti; i++) {
                uint32_t domain = term_domain(w, c->anti[i]->number, place);
                if (domain != NONE && count_of(w, c->anti[i]->number)->matching[domain] > 0)
                        return false;
        }
        /* Others' anti-affinity holds against this pod as well. */
        for (size_t i = 0; i < c->n_matches; i++) {
                uint32_t domain = term_domain(w, c->matches[i], place);
                if (domain != NONE && count_of(w, c->matches[i])->owners[domain] > 0)
                        return false;
        }
        return true;
}

static bool together(struct world *w, const struct pod_class *c, uint32_t place) {
        bool all_there = true, first_of_its_kind = true;
        for (size_t i = 0; i < c->n_affinity; i++) {
                uint32_t domain = term_domain(w, c->affinity[i]->number, place);
                struct term_count *t = count_of(w, c->affinity[i]->number);
                if (domain == NONE)
                        return false;
                all_there = all_there && t->matching[domain] > 0;
                first_of_its_kind = first_of_its_kind && t->all == 0 && own_term(c, c->affinity[i]);
        }
        /* The first pod of a group that wants to be with itself may go anywhere. */
        return all_there || first_of_its_kind;
}

/* For each spread constraint the smallest count of any domain that counts. */
static void prepare(struct world *w, const struct pod_class *c) {
        if (w->prepared == c && w->prepared_version == w->version)
                return;
        for (size_t i = 0; i < MIN(c->n_spreads, ARRAY_SIZE(w->least)); i++) {
                const struct spread *p = &c->spreads[i];
                const struct term_count *t = count_of(w, p->term->number);
                int64_t least = INT64_MAX, domains = 0;
                w->stamp++;
                for (uint32_t k = 0; k < w->n; k++) {
                        uint8_t known = place_judge(w, c, k);
                        uint32_t domain = term_domain(w, p->term->number, k);
                        if (domain == NONE || w->places[k].gone || (!p->ignore_affinity && !(known & FIT_AFFINITY)) || (p->honor_taints && !(known & FIT_TAINTS)))
                                continue;
                        least = MIN(least, (int64_t) t->matching[domain]);
                        domains += w->stamps[domain] != w->stamp;
                        w->stamps[domain] = w->stamp;
                }
                w->least[i] = least == INT64_MAX || domains < p->min_domains ? 0 : least;
        }
        w->prepared = c;
        w->prepared_version = w->version;
}

static bool spread_well(struct world *w, const struct pod_class *c, uint32_t place) {
        if (c->n_spreads == 0)
                return true;
        if (c->n_spreads > ARRAY_SIZE(w->least))
                return false;
        prepare(w, c);
        for (size_t i = 0; i < c->n_spreads; i++) {
                const struct spread *p = &c->spreads[i];
                uint32_t domain = term_domain(w, p->term->number, place);
                if (domain == NONE)
                        return false;
                int64_t here = count_of(w, p->term->number)->matching[domain] + own_term(c, p->term);
                if (here - w->least[i] > p->max_skew)
                        return false;
        }
        return true;
}

bool world_fits(struct world *w, const struct pod_class *c, uint32_t place) {
        struct place *p = &w->places[place];
        return p->open && !c->broken && room_for(p, c) && (place_judge(w, c, place) & FIT_ALLOWED) && ports_free(p, c) && apart(w, c, place) &&
               together(w, c, place) && spread_well(w, c, place);
}

uint32_t world_find(struct world *w, const struct pod_class *c, uint32_t from, uint32_t to) {
        /* Without these two a place that has no room keeps having none. */
        bool shrinks_only = c->n_affinity == 0 && c->n_spreads == 0;
        uint32_t *cursor = &w->cursor[c->number];
        if (w->cursor_epoch[c->number] != w->epoch)
                *cursor = 0;
        w->cursor_epoch[c->number] = w->epoch;
        uint32_t i = shrinks_only ? MAX(from, *cursor) : from;
        while (i < to && !world_fits(w, c, i))
                i++;
        if (shrinks_only && from <= *cursor)
                *cursor = MAX(*cursor, i);
        return i < to ? i : NONE;
}

/* ---- the world ---- */

static void fill_place(struct world *w, uint32_t i) {
        const struct snapshot *s = w->s;
        const struct node *n = &s->nodes[i];
        struct place *p = &w->places[i];
        *p = (struct place) { .node = n, .labels = &n->labels, .taints = &n->taints, .name = n->name,
                              .room = xcalloc(s->n_resources, sizeof(*p->room)), .open = n->ready && !n->unschedulable && !n->broken && !n->phase && !n->deleting };
        p->room[RESOURCE_PODS] = DEFAULT_PODS;
        for (size_t k = 0; k < n->allocatable.n; k++)
                p->room[n->allocatable.items[k].resource] = n->allocatable.items[k].amount;
        for (uint32_t k = 0; k < n->n_pods; k++) {
                const struct pod *pod = &s->pods[s->by_node[n->first_pod + k]];
                if (pod->finished)
                        continue;
                world_put(w, pod->class, i);
                if (pod->class->broken)
                        p->open = false;       /* nobody knows how much of its room is taken */
        }
}

/* Pods for which others are being preempted on a node have that node's room as good as taken. */
static void put_nominated(struct world *w) {
        for (size_t i = 0; i < w->s->n_pods; i++) {
                const struct pod *p = &w->s->pods[i];
                if (p->nominated && p->node != NONE && !p->finished && !p->deleting)
                        world_put(w, p->class, p->node);
        }
}

struct world *world_new(const struct snapshot *s, size_t extra) {
        struct world *w = xnew0(struct world);
        w->s = s;
        w->n_real = s->n_nodes;
        w->capacity = s->n_nodes + extra + 1;
        w->places = xcalloc(w->capacity, sizeof(*w->places));
        w->counts = xcalloc(s->n_terms + 1, sizeof(*w->counts));
        w->domain_names = xcalloc(s->n_topologies + 1, sizeof(*w->domain_names));
        w->n_domains = xcalloc(s->n_topologies + 1, sizeof(*w->n_domains));
        w->fits = xcalloc(s->n_classes + 1, sizeof(*w->fits));
        w->cursor = xcalloc(s->n_classes + 1, sizeof(*w->cursor));
        w->cursor_epoch = xcalloc(s->n_classes + 1, sizeof(*w->cursor_epoch));
        w->stamps = xcalloc(w->capacity, sizeof(*w->stamps));
        w->host_topology = NONE;
        for (uint32_t i = 0; i < s->n_topologies; i++)
                if (str_eq(s->topologies[i], "kubernetes.io/hostname"))
                        w->host_topology = i;
        w->n = s->n_nodes;
        for (uint32_t i = 0; i < s->n_nodes; i++)
                fill_place(w, i);
        put_nominated(w);
        return w;
}

void world_free(struct world *w) {
        if (!w)
                return;
        for (size_t i = 0; i < w->n; i++) {
                free(w->places[i].room);
                free(w->places[i].ports);
        }
        for (size_t i = 0; i < w->s->n_terms; i++) {
                free(w->counts[i].matching);
                free(w->counts[i].owners);
        }
        for (size_t i = 0; i < w->s->n_topologies; i++)
                free(w->domain_names[i]);
        for (size_t i = 0; i < w->s->n_classes; i++)
                free(w->fits[i]);
        free(w->places);
        free(w->counts);
        free(w->domain_names);
        free(w->n_domains);
        free(w->fits);
        free(w->cursor);
        free(w->cursor_epoch);
        free(w->stamps);
        free(w);
}

uint32_t world_add(struct world *w, struct template *t) {
        if (w->n == w->capacity)
                return NONE;
        uint32_t i = (uint32_t) w->n++;
        struct place *p = &w->places[i];
        *p = (struct place) { .template = t, .labels = &t->labels, .taints = &t->taints, .name = NO_NAME, .open = true,
                              .room = xmemdup(t->room, w->s->n_resources * sizeof(*t->room)) };
        for (size_t k = 0; k < t->n_ports; k++)
                add_port(p, &t->ports[k]);
        for (size_t k = 0; k < t->n_daemons; k++)
                count_terms(w, t->daemons[k], i, 1);
        w->version++;
        return i;
}

void world_pop(struct world *w) {
        uint32_t i = (uint32_t) w->n - 1;
        struct place *p = &w->places[i];
        for (size_t k = 0; k < p->template->n_daemons; k++)
                count_terms(w, p->template->daemons[k], i, -1);
        free(p->room);
        free(p->ports);
        *p = (struct place) { 0 };
        w->n--;
        w->version++;
}

double node_utilisation(const struct snapshot *s, const struct node *n) {
        int64_t used[2] = { 0, 0 };
        double most = 0;
        for (uint32_t k = 0; k < n->n_pods; k++) {
                const struct pod *p = &s->pods[s->by_node[n->first_pod + k]];
                for (uint32_t r = RESOURCE_CPU; r <= RESOURCE_MEMORY && !p->finished; r++)
                        used[r] += amounts_get(&p->class->requests, r);
        }
        for (uint32_t r = RESOURCE_CPU; r <= RESOURCE_MEMORY; r++) {
                int64_t all = amounts_get(&n->allocatable, r);
                double part = all > 0 ? (double) used[r] / (double) all : used[r] > 0 ? 1 : 0;
                most = MAX(most, part);
        }
        return most;
}

/* ---- for people ---- */

static char *amount_text(const struct snapshot *s, uint32_t resource, int64_t amount) {
        if (resource == RESOURCE_CPU) {
                struct quantity q = { (__int128) amount * 1000000 };
                return quantity_text_cpu(q);
        }
        if (resource == RESOURCE_MEMORY || resource == RESOURCE_STORAGE)
                return quantity_text_bytes(quantity_of(amount));
        return xasprintf("%lld", (long long) amount);
}

char *template_refusal(const struct world *w, struct template *t, const struct pod_class *c) {
        uint8_t known = template_judge(t, c);
        const struct snapshot *s = w->s;
        if (!(known & FIT_AFFINITY))
                return xstrdup("its node selector or affinity does not match");
        if (!(known & FIT_TAINTS))
                return xstrdup("it does not tolerate the pool's taint");
        if (!(known & FIT_ALLOWED))
                return xasprintf("its volume is not in %s", t->location);
        for (size_t i = 0; i < c->requests.n; i++) {
                const struct amount *a = &c->requests.items[i];
                if (t->room[a->resource] >= a->amount)
                        continue;
                _cleanup_str_ char *want = amount_text(s, a->resource, a->amount), *have = amount_text(s, a->resource, MAX(t->room[a->resource], 0));
                return xasprintf("%s of %s wanted, %s has %s", want, s->resources[a->resource], t->type->name, have);
        }
        struct place empty = { .ports = xcalloc(t->n_ports + 1, sizeof(*empty.ports)), .n_ports = t->n_ports };
        for (size_t k = 0; k < t->n_ports; k++)
                empty.ports[k] = &t->ports[k];
        bool clash = !ports_free(&empty, c);
        free(empty.ports);
        return clash ? xstrdup("a DaemonSet has its host port") : NULL;
}
