/* The cluster's firewall: who may reach what, and the careful write. Rules of ours are known by their descriptions, which begin with
 * "hcloud-v6 "; all others are the user's own and stay. */
#include <stdio.h>

#include "cluster/model.h"

#define OURS "hcloud-v6 "
#define OPERATOR OURS "operator "
/* Up to here every node's /64 stands in the rules by itself: two rules (tcp, udp) each stay far below Hetzner's 500 effective rules. */
#define NODES_EXACT 150
#define EFFECTIVE_MAX 500

struct pair { size_t left; unsigned common; };

static unsigned common_length(const struct ip6_prefix *a, const struct ip6_prefix *b) {
        unsigned len = 0;
        for (size_t i = 0; i < sizeof(a->addr.b); i++) {
                uint8_t x = a->addr.b[i] ^ b->addr.b[i];
                if (x) {
                        len += (unsigned) __builtin_clz((unsigned) x) - 24;
                        break;
                }
                len += 8;
        }
        unsigned shorter = MIN(a->len, b->len);
        return MIN(len, shorter);
}

static int compare_prefixes(const void *a, const void *b) {
        const struct ip6_prefix *x = a, *y = b;
        int c = ip6_compare(&x->addr, &y->addr);
        return c ? c : (x->len > y->len) - (x->len < y->len);
}

/* Drops prefixes that an earlier one covers; the input is sorted. */
static size_t drop_covered(struct ip6_prefix *p, size_t n) {
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
                if (kept == 0 || !ip6_prefix_covers(&p[kept - 1], &p[i]))
                        p[kept++] = p[i];
        return kept;
}

size_t prefixes_cover(const struct ip6_prefix *in, size_t n, size_t max, struct ip6_prefix **ret) {
        struct ip6_prefix *p = n ? xmemdup(in, n * sizeof(*in)) : NULL;
        if (n)
                qsort(p, n, sizeof(*p), compare_prefixes);
        n = drop_covered(p, n);
        while (n > max && n > 1) {             /* the neighbours whose union is narrowest become one */
                struct pair best = { 0, 0 };
                for (size_t i = 0; i + 1 < n; i++) {
                        unsigned len = common_length(&p[i], &p[i + 1]);
                        if (i == 0 || len > best.common)
                                best = (struct pair) { i, len };
                }
                p[best.left] = ip6_mask(&p[best.left].addr, best.common);
                memmove(&p[best.left + 1], &p[best.left + 2], (n - best.left - 2) * sizeof(*p));
                n = drop_covered(p, n - 1);
        }
        *ret = p;
        return n;
}

static struct hcloud_firewall_rule *add_rule(struct hcloud_firewall_rules *r, const char *protocol, const char *port, const char *description) {
        return hcloud_firewall_rules_add(r, "in", protocol, port, description);
}

static void add_operator(struct hcloud_firewall_rules *r, const char *prefix, const char *description) {
        static const char *const ports[] = { "50000", "6443" };
        for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
                hcloud_strings_add(&add_rule(r, "tcp", ports[i], description)->source_ips, prefix);
}

static bool has_source(const struct hcloud_firewall_rules *r, const char *prefix, const char *port) {
        struct ip6_prefix want, have;
        if (!ip6_prefix_parse(prefix, &want, NULL))
                return false;
        for (size_t i = 0; i < r->n; i++)
                for (size_t j = 0; str_eq(r->items[i].port, port) && j < r->items[i].source_ips.n; j++)
                        if (ip6_prefix_parse(r->items[i].source_ips.items[j], &have, NULL) && ip6_prefix_equal(&want, &have))
                                return true;
        return false;
}

/* Rules that stay as they are: the user's own, and other operators' unless they are to be forgotten. */
static void keep_old(const struct firewall_wish *w, struct hcloud_firewall_rules *r) {
        for (size_t i = 0; w->old && i < w->old->n; i++) {
                const struct hcloud_firewall_rule *o = &w->old->items[i];
                bool operator = str_starts(o->description ? o->description : "", OPERATOR);
                bool ours = str_starts(o->description ? o->description : "", OURS);
                if (ours && (!operator || w->forget_operators))
                        continue;
                struct hcloud_firewall_rule *k = hcloud_firewall_rules_add(r, o->direction, o->protocol, o->port, o->description);
                for (size_t j = 0; j < o->source_ips.n; j++)
                        hcloud_strings_add(&k->source_ips, o->source_ips.items[j]);
                for (size_t j = 0; j < o->destination_ips.n; j++)
                        hcloud_strings_add(&k->destination_ips, o->destination_ips.items[j]);
        }
}

static void add_nodes(struct hcloud_firewall_rules *r, const struct ip6_prefix *nodes, size_t n) {
        static const char *const protocols[] = { "tcp", "udp" };
        for (size_t p = 0; p < ARRAY_SIZE(protocols); p++)
                for (size_t i = 0; i < n; i += HCLOUD_FIREWALL_MAX_CIDRS) {
                        struct hcloud_firewall_rule *rule = add_rule(r, protocols[p], "1-65535", OURS "nodes and their pods");
                        for (size_t j = i; j < n && j < i + HCLOUD_FIREWALL_MAX_CIDRS; j++) {
                                char buf[IP6_STR_MAX];
                                hcloud_strings_add(&rule->source_ips, ip6_prefix_format(&nodes[j], buf));
                        }
                }
}

static int check_limits(const struct hcloud_firewall_rules *r, struct error *err) {
        size_t effective = 0;
        for (size_t i = 0; i < r->n; i++)
                effective += r->items[i].source_ips.n + r->items[i].destination_ips.n;
        if (r->n > HCLOUD_FIREWALL_MAX_RULES || effective > EFFECTIVE_MAX) {
                error_set(err, ERR_QUOTA, "the firewall would need %zu rules with %zu prefixes; Hetzner allows %d and %d", r->n, effective, HCLOUD_FIREWALL_MAX_RULES,
                          EFFECTIVE_MAX);
                return error_hint(err, "fewer firewall.open rules, or --forget-operators");
        }
        return 0;
}

int firewall_rules(const struct firewall_wish *w, struct hcloud_firewall_rules *ret, size_t *ret_supernets, struct error *err) {
        struct hcloud_firewall_rules r = { 0 };
        keep_old(w, &r);
        for (size_t i = 0; i < w->operators->n; i++) {
                _cleanup_str_ char *description = xasprintf(OPERATOR "%s %s", w->host, w->date);
                if (!has_source(&r, w->operators->items[i], "50000") || !has_source(&r, w->operators->items[i], "6443"))
                        add_operator(&r, w->operators->items[i], description);
        }
        if (w->n_nodes > NODES_EXACT && w->refuse_large) {
                hcloud_firewall_rules_done(&r);
                return error_set(err, ERR_QUOTA, "%zu nodes need more firewall rules than Hetzner allows, and firewall.large is 'refuse'", w->n_nodes);
        }
        struct ip6_prefix *nodes = NULL;
        size_t n = prefixes_cover(w->nodes, w->n_nodes, NODES_EXACT, &nodes);
        add_nodes(&r, nodes, n);
        *ret_supernets = w->n_nodes > NODES_EXACT ? n : 0;
        free(nodes);
        /* From everywhere: without "packet too big" path MTU discovery fails. This covers node to node too. */
        struct hcloud_firewall_rule *icmp = add_rule(&r, "icmp", NULL, OURS "icmp");
        hcloud_strings_add(&icmp->source_ips, "::/0");
        if (w->ipv4)
                hcloud_strings_add(&icmp->source_ips, "0.0.0.0/0");
        for (size_t i = 0; i < w->n_open; i++) {
                const struct spec_open *o = &w->open[i];
                _cleanup_str_ char *description = xasprintf(OURS "open: %.200s", o->description ? o->description : "");
                struct hcloud_firewall_rule *rule = add_rule(&r, o->protocol, o->port, description);
                for (size_t j = 0; j < o->sources.n; j++)
                        hcloud_strings_add(&rule->source_ips, o->sources.items[j]);
        }
        if (check_limits(&r, err) < 0) {
                hcloud_firewall_rules_done(&r);
                return -1;
        }
        *ret = r;
        return 0;
}

static bool allows_port(const struct hcloud_firewall_rules *rules, const struct ip6_addr *a, const char *port) {
        for (size_t i = 0; i < rules->n; i++) {
                const struct hcloud_firewall_rule *r = &rules->items[i];
                if (!str_eq(r->direction, "in") || !str_eq(r->protocol, "tcp") || !(str_eq(r->port, port) || str_eq(r->port, "1-65535") || str_eq(r->port, "any")))
                        continue;
                for (size_t j = 0; j < r->source_ips.n; j++) {
                        struct ip6_prefix p;
                        if (ip6_prefix_parse(r->source_ips.items[j], &p, NULL) && ip6_prefix_has(&p, a))
                                return true;
                }
        }
        return false;
}

bool firewall_allows_operator(const struct hcloud_firewall_rules *rules, const struct ip6_addr *a) {
        return allows_port(rules, a, "50000") && allows_port(rules, a, "6443");
}

/* ---- the cluster's own ---- */

void firewall_operators(const struct cluster *c, struct strv *ret) {
        bool wants_self = false, covered = false;
        for (size_t i = 0; i < c->spec->operators.n; i++) {
                struct ip6_prefix p;
                struct ip6_addr a;
                if (str_eq(c->spec->operators.items[i], "auto")) {
                        wants_self = true;
                } else if (ip6_prefix_parse(c->spec->operators.items[i], &p, &a)) {
                        _cleanup_str_ char *text = ip6_prefix_str(&p);
                        covered |= ip6_prefix_has(&p, &c->operator_addr);
                        if (!strv_has(ret, text))
                                strv_add(ret, text);
                }
        }
        if (!c->operator_prefix.len || (c->o.no_firewall_change && c->firewall_id) || (!wants_self && covered))
                return;
        _cleanup_str_ char *self = ip6_prefix_str(&c->operator_prefix);
        if (!strv_has(ret, self))
                strv_add(ret, self);
}

int firewall_wish_rules(struct cluster *c, struct hcloud_firewall_rules *ret, struct error *err) {
        _cleanup_str_ char *host = host_name(), *date = time_format_rfc3339(clock_now_ms(c->clock));
        date[10] = '\0';                      /* the day is enough */
        struct ip6_prefix *nodes = NULL;
        size_t n = 0, supernets = 0;
        for (size_t i = 0; i < c->n_nodes; i++)
                if (c->nodes[i].prefix.len)
                        ARRAY_APPEND(nodes, n, c->nodes[i].prefix);
        _cleanup_strv_ struct strv operators = { 0 };
        firewall_operators(c, &operators);
        struct firewall_wish w = { .nodes = nodes, .n_nodes = n, .operators = &operators, .host = host, .date = date, .open = c->spec->open,
                                   .n_open = c->spec->n_open, .old = c->firewall_id ? &c->seen_rules : NULL, .forget_operators = c->o.forget_operators,
                                   .refuse_large = c->spec->firewall_large == LARGE_REFUSE, .ipv4 = c->spec->ipv4 };
        int rc = firewall_rules(&w, ret, &supernets, err);
        if (rc >= 0 && supernets)
                cluster_note(c, "%zu nodes: the firewall lets %zu larger prefixes through instead of each node's /64, so neighbours inside them may reach the nodes", n,
                             supernets);
        free(nodes);
        return rc;
}

static int create(struct cluster *c, const struct hcloud_firewall_rules *rules, struct error *err) {
        _cleanup_str_ char *name = name_firewall(c->name);
        struct hcloud_labels labels;
        cluster_labels(c, NULL, NULL, 0, &labels);
        struct hcloud_firewall_create o = { .name = name, .rules = rules, .labels = &labels, .adopt = &labels };
        struct hcloud_firewall *f = NULL;
        struct hcloud_ids actions = { 0 };
        bool adopted = false;
        int rc = hcloud_firewall_create(c->hcloud, &o, &f, &actions, &adopted, err);
        if (rc >= 0) {
                c->firewall_id = f->id;
                hcloud_firewall_rules_done(&c->seen_rules);
                hcloud_firewall_rules_copy(&c->seen_rules, &f->rules);
                rc = hcloud_actions_wait(c->hcloud, actions.items, actions.n, err);
                hcloud_firewall_free(f);
        }
        hcloud_ids_done(&actions);
        hcloud_labels_done(&labels);
        return rc < 0 ? -1 : adopted ? 1 : 0;
}

/* Under the mutex. set_rules replaces everything, so what stands there now is read first. */
static int write_locked(struct cluster *c, struct error *err) {
        struct hcloud_firewall_rules rules = { 0 };
        if (!c->firewall_id) {
                if (firewall_wish_rules(c, &rules, err) < 0)
                        return -1;
                int rc = create(c, &rules, err);
                hcloud_firewall_rules_done(&rules);
                if (rc <= 0)
                        return rc;
        }
        struct hcloud_firewall *f = NULL;
        if (hcloud_firewall_get(c->hcloud, c->firewall_id, &f, err) < 0)
                return -1;
        hcloud_firewall_rules_done(&c->seen_rules);
        hcloud_firewall_rules_copy(&c->seen_rules, &f->rules);
        hcloud_firewall_free(f);
        if (firewall_wish_rules(c, &rules, err) < 0)
                return -1;
        struct hcloud_ids actions = { 0 };
        int rc = 0;
        if (!hcloud_firewall_rules_equal(&rules, &c->seen_rules, false)) {
                rc = hcloud_firewall_set_rules(c->hcloud, c->firewall_id, &rules, &actions, err);
                if (rc >= 0)
                        rc = hcloud_actions_wait(c->hcloud, actions.items, actions.n, err);
        }
        hcloud_ids_done(&actions);
        if (rc >= 0) {
                hcloud_firewall_rules_done(&c->seen_rules);
                c->seen_rules = rules;
        } else {
                hcloud_firewall_rules_done(&rules);
        }
        return rc;
}

int firewall_write(struct cluster *c, struct error *err) {
        pthread_mutex_lock(&c->mutex);
        int rc = write_locked(c, err);
        pthread_mutex_unlock(&c->mutex);
        return rc;
}

static int admit_locked(struct cluster *c, struct error *err) {
        struct hcloud_firewall *f = NULL;
        if (hcloud_firewall_get(c->hcloud, c->firewall_id, &f, err) < 0)
                return -1;
        _cleanup_str_ char *host = host_name(), *today = time_format_rfc3339(clock_now_ms(c->clock)), *prefix = ip6_prefix_str(&c->operator_prefix);
        _cleanup_str_ char *description = xasprintf(OPERATOR "%s %.10s", host, today);
        add_operator(&f->rules, prefix, description);
        struct hcloud_ids actions = { 0 };
        int rc = check_limits(&f->rules, err);
        if (rc >= 0)
                rc = hcloud_firewall_set_rules(c->hcloud, c->firewall_id, &f->rules, &actions, err);
        if (rc >= 0)
                rc = hcloud_actions_wait(c->hcloud, actions.items, actions.n, err);
        if (rc >= 0)
                cluster_note(c, "this machine's %s was added to the firewall", prefix);
        hcloud_ids_done(&actions);
        hcloud_firewall_free(f);
        return rc;
}

int firewall_admit(struct cluster *c, struct error *err) {
        if (!c->firewall_id || firewall_allows_operator(&c->seen_rules, &c->operator_addr))
                return 0;
        if (c->o.no_firewall_change) {
                _cleanup_str_ char *p = ip6_prefix_str(&c->operator_prefix);
                return error_set(err, ERR_REFUSED, "the cluster's firewall does not let this machine (%s) through, and --no-firewall-change forbids to add it", p);
        }
        if (lock_host(c, err) < 0 || lock_cloud(c, err) < 0)
                return -1;
        int rc = admit_locked(c, err);
        lock_release(c);
        return rc;
}
