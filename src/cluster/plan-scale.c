/* Nodes that come and go, as plans over the same steps as `up` has. What comes: address, firewall, server, power, config, pod CIDR, labels. What goes was
 * drained before: server off and deleted, Node deleted, its /64 out of the firewall, its address given back. */
#include "cluster/model.h"
#include "kube/node.h"

#define TICK_CERTIFICATES_MS (60 * 1000)
#define SECOND_LOOK_MS 2000

/* The joints, and what is built with them. */
struct scaling {
        struct cluster *c;
        const struct scale_options *o;
        struct plan *p;
        struct plan_step *lock, *secrets, *addresses, *firewall, *applied, *up, *ready, *removed;
        struct plan_step **groups;
};

struct gone_node { struct cluster *c; char *name; };
struct gone_ip { struct cluster *c; int64_t id; };
struct wished { struct cluster *c; char *key, *value; };

static struct plan_step *add(struct scaling *s, const char *verb, const char *kind, const char *name, step_fn fn, void *arg, struct plan_step *after) {
        struct plan_step *step = plan_add(s->p, verb, kind, name, fn, arg);
        plan_after(step, after);
        return step;
}

static struct plan_step *add_quiet(struct scaling *s, const char *verb, const char *kind, const char *name, step_fn fn, void *arg, struct plan_step *after) {
        struct plan_step *step = add(s, verb, kind, name, fn, arg, after);
        plan_step_quiet(step);
        return step;
}

/* ---- lock ---- */

/* The decision was made before the lock was ours: it holds only if the servers are still those that it saw. */
static int check_same(struct cluster *c, struct error *err) {
        _cleanup_str_ char *selector = cluster_selector(c);
        struct hcloud_list_options o = { .label_selector = selector };
        struct hcloud_server_list *now = NULL;
        size_t had = 0, known = 0;
        if (hcloud_server_list(c->hcloud, &o, &now, err) < 0)
                return -1;
        for (size_t i = 0; i < c->cloud.servers->n; i++) {
                if (!is_ours(c, &c->cloud.servers->items[i].labels))
                        continue;
                had++;
                for (size_t j = 0; j < now->n; j++)
                        known += now->items[j].id == c->cloud.servers->items[i].id;
        }
        bool same = known == had && now->n == had;
        hcloud_server_list_free(now);
        return same ? 0 : error_set(err, ERR_CONFLICT, "the cluster's servers have changed since it was looked at; the next run decides anew");
}

static int step_scale_lock(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        if (c->lock.id)
                return lock_check(c, LOCK_BEGUN, err);
        return lock_cloud(c, err) < 0 ? -1 : check_same(c, err);
}

static int step_config(struct plan_step *s, void *arg, struct error *err) {
        return render_check(arg, err);
}

/* ---- a count by hand ---- */

static void wished_free(void *p) {
        struct wished *w = p;
        free(w->key);
        free(w->value);
        free(w);
}

static int step_wish(struct plan_step *s, void *arg, struct error *err) {
        struct wished *w = arg;
        struct cluster *c = w->c;
        struct hcloud_firewall *f = NULL;
        if (may_change(c, LOCK_BEGUN, err) < 0 || hcloud_firewall_get(c->hcloud, c->firewall_id, &f, err) < 0)
                return -1;
        if (w->value)
                hcloud_labels_set(&f->labels, w->key, w->value);
        else
                hcloud_labels_unset(&f->labels, w->key);
        int rc = hcloud_firewall_update(c->hcloud, c->firewall_id, NULL, &f->labels, NULL, err);
        hcloud_firewall_free(f);
        return rc;
}

static struct pool_state *find_pool(struct cluster *c, const char *name) {
        for (size_t i = 0; i < c->n_pools; i++)
                if (str_eq(c->pools[i].spec->name, name))
                        return &c->pools[i];
        return NULL;
}

/* Autoscaled pools need none: `up` keeps any count within their bounds. Nor do pools that the profile no longer has. */
static void plan_wish(struct scaling *s, const struct scale_wish *w) {
        const struct pool_state *p = find_pool(s->c, w->pool);
        if (!p || p->spec->autoscale || p->lost || !s->c->firewall_id || (w->count == p->spec->count ? p->scaled < 0 : p->scaled == w->count))
                return;
        struct wished *wished = xnew0(struct wished);
        *wished = (struct wished) { .c = s->c, .key = xasprintf(LABEL_SCALED "%s", w->pool) };
        if (w->count != p->spec->count)
                wished->value = xasprintf("%lld-not-%lld", (long long) w->count, (long long) p->spec->count);
        plan_own(s->p, wished, wished_free);
        struct plan_step *step = add(s, "keep", "count", w->pool, step_wish, wished, s->lock);
        plan_step_detail(step, "%lld for up, the profile says %lld", (long long) w->count, (long long) p->spec->count);
}

/* ---- what comes ---- */

static struct pool_state *choose(struct cluster *c, struct pool_state *p, const struct scale_add *a, struct error *err) {
        if (!p->n_candidates && placement_pool(c, p, err) < 0)
                return NULL;
        if (!a->n_choices)
                return p;
        struct pool_state *chosen = xnew0(struct pool_state);
        *chosen = (struct pool_state) { .spec = p->spec, .scaled = -1 };
        ARRAY_APPEND(c->chosen, c->n_chosen, chosen);
        for (size_t i = 0; i < a->n_choices; i++)
                for (size_t j = 0; j < p->n_candidates; j++) {
                        const struct candidate *k = &p->candidates[j];
                        if (!str_eq(k->type, a->choices[i].type) || !str_eq(k->location, a->choices[i].location))
                                continue;
                        struct candidate copy = *k;
                        copy.type = xstrdup(k->type);
                        copy.location = xstrdup(k->location);
                        copy.arch = xstrdup(k->arch);
                        ARRAY_APPEND(chosen->candidates, chosen->n_candidates, copy);
                }
        if (chosen->n_candidates)
                return chosen;
        error_set(err, ERR_CAPACITY, "none of the server types that hold the pods can be made in pool '%s' (no snapshot for them, or not sold there)", a->pool);
        return NULL;
}

static int add_nodes(struct cluster *c, const struct scale_options *o, struct error *err) {
        for (size_t i = 0; i < o->n_add; i++) {
                struct pool_state *p = find_pool(c, o->add[i].pool);
                if (!p || p->control_plane || p->lost)
                        return error_set(err, ERR_NOT_FOUND, "the profile has no pool '%s'", o->add[i].pool);
                struct pool_state *chosen = choose(c, p, &o->add[i], err);
                if (!chosen || nodes_add(c, chosen, o->add[i].count, err) < 0)
                        return -1;
        }
        if (nodes_settle(c, err) < 0)
                return -1;
        c->use_network &= c->network_id != 0;          /* a missing one is for up to make */
        return 0;
}

static bool is_new(const struct node *n) {
        return !n->existed && !n->gone && !n->server_id;
}

/* A server that an earlier run made and did not get to switch on. One with a Node was switched off by somebody. */
static bool never_started(const struct node *n) {
        return n->existed && !n->gone && !n->control_plane && n->off && !n->seen_node;
}

static int step_boot(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct bootstrap b;
        if (!n->c->node_ms)
                return step_wait_talos(s, arg, err);
        cluster_bootstrap(n->c, s, &b);
        struct bootstrap_node ref = node_ref(n);
        _cleanup_error_ struct error e = ERROR_INIT;
        if (bootstrap_wait_talos(&b, &ref, false, n->c->node_ms, &e) >= 0)
                return 0;
        if (e.kind != ERR_TIMEOUT)
                return error_move(err, &e);
        n->late = true;
        cluster_note(n->c, "server '%s' does not answer yet; the next tick looks again", n->name);
        return 0;
}

static int step_cidr(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct bootstrap b;
        _cleanup_error_ struct error e = ERROR_INIT;
        if (n->late)
                return 0;
        cluster_bootstrap(n->c, s, &b);
        struct bootstrap_node ref = node_ref(n);
        if (bootstrap_pod_cidr(&b, &ref, n->c->pod_rule, n->c->node_ms, &e) >= 0)
                return 0;
        if (e.kind != ERR_TIMEOUT || !n->c->node_ms)
                return error_move(err, &e);
        n->late = true;
        cluster_note(n->c, "%s; the next tick looks again", error_text(&e));
        return 0;
}

static int step_scale_labels(struct plan_step *s, void *arg, struct error *err) {
        const struct node *n = arg;
        return n->late ? 0 : step_labels(s, arg, err);
}

/* Networks end at their zone's border, and hold a hundred servers. */
static bool can_attach(const struct cluster *c, const struct node *n) {
        const struct node *first = first_control_plane((struct cluster *) c);
        return c->use_network && n->private_ip && n->location && str_eq(location_zone(n->location), location_zone(first->location));
}

static int step_scale_attach(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct cluster *c = n->c;
        int64_t action = 0;
        if (n->late || !can_attach(c, n))
                return 0;
        if (lock_check(c, LOCK_AFTER, err) < 0 ||
            hcloud_server_attach_to_network(c->hcloud, n->server_id, c->network_id, n->private_ip, NULL, &action, err) < 0)
                return -1;
        return action ? hcloud_actions_wait(c->hcloud, &action, 1, err) : 0;
}

static int step_scale_certificates(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct bootstrap b;
        struct bootstrap_node *refs = NULL;
        size_t n = 0, approved = 0;
        _cleanup_error_ struct error e = ERROR_INIT;
        for (size_t i = 0; i < c->n_nodes; i++)
                if (!c->nodes[i].existed && !c->nodes[i].late && c->nodes[i].server_id)
                        ARRAY_APPEND(refs, n, node_ref(&c->nodes[i]));
        cluster_bootstrap(c, s, &b);
        int rc = n ? bootstrap_serving_certificates(&b, refs, n, c->node_ms ? TICK_CERTIFICATES_MS : 0, &approved, &e) : 0;
        free(refs);
        if (rc >= 0)
                return 0;
        if (e.kind != ERR_TIMEOUT)
                return error_move(err, &e);
        cluster_note(c, "%s; hcloud-v6 up approves it", error_text(&e));
        return 0;
}

/* The addresses, the groups, and the rules that name them, before any server. */
static void plan_ground(struct scaling *s, bool rules) {
        struct cluster *c = s->c;
        s->addresses = add_quiet(s, "all", "primary-ips", "", NULL, NULL, s->lock);
        for (size_t i = 0; i < c->n_groups; i++) {
                struct node *member = NULL;
                for (size_t k = 0; k < c->n_nodes && !member; k++)
                        member = c->nodes[k].group == i && is_new(&c->nodes[k]) ? &c->nodes[k] : NULL;
                if (member && !c->groups[i].id)
                        s->groups[i] = add(s, "create", "placement-group", c->groups[i].name, step_group, member, s->secrets);
        }
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                if (!is_new(n) || n->ip_id)
                        continue;
                struct plan_step *step = add(s, "create", "primary-ip", n->name, step_ip, n, s->secrets);
                plan_step_detail(step, "/64 in %s", n->pool->candidates[0].location);
                plan_after(s->addresses, step);
        }
        _cleanup_str_ char *name = name_firewall(c->name);
        s->firewall = add(s, "update", "firewall", name, step_firewall, c, s->addresses);
        if (!rules)
                plan_step_unchanged(s->firewall);
        s->applied = add_quiet(s, "wait", "firewall", "applied", step_applied_workers, c, s->firewall);
}

static void plan_server(struct scaling *s, struct node *n) {
        struct plan_step *made;
        if (n->existed) {
                made = add_quiet(s, "wait", "server", n->name, step_created, n, s->firewall);
        } else {
                struct plan_step *server = add(s, "create", "server", n->name, step_server, n, s->firewall);
                const struct candidate *first = &n->pool->candidates[0];
                plan_step_detail(server, "%s in %s", first->type, n->location ? n->location : first->location);
                plan_after(server, n->group != SIZE_MAX ? s->groups[n->group] : NULL);
                made = add_quiet(s, "wait", "server", n->name, step_created, n, server);
        }
        plan_after(s->applied, made);
        if (n->existed && !n->has_firewall)
                plan_after(s->applied, add(s, "apply", "firewall", n->name, step_apply_firewall, n, made));
        struct plan_step *start = add(s, "start", "server", n->name, step_start, n, s->applied);
        if (strv_has(&s->c->lost_nodes, n->name) || n->stale_node) {
                struct plan_step *forget = add(s, "delete", "node", n->name, step_forget_node, n, s->lock);
                plan_step_detail(forget, "its server is gone");
                plan_after(start, forget);
        }
        struct plan_step *boot = node_gets_push(s->c, n) ? add(s, "push", "config", n->name, step_push, n, start)
                                                         : add_quiet(s, "wait", "talos", n->name, step_boot, n, start);
        struct plan_step *cidr = add(s, "assign", "pod-cidr", n->name, step_cidr, n, boot);
        struct plan_step *labels = add(s, "label", "node", n->name, step_scale_labels, n, cidr);
        plan_after(s->up, labels);
        if (s->c->use_network)
                plan_after(s->up, add(s, "attach", "network", n->name, step_scale_attach, n, boot));
        if (!s->o->node_ms)
                plan_after(s->ready, add_quiet(s, "wait", "node", n->name, step_ready, n, labels));
}

/* Nodes that are there and not as they should be: what a run that was killed left to do. */
static void plan_finish(struct scaling *s, struct node *n) {
        struct plan_step *before = s->lock;
        if (n->seen_node && !n->has_cidr) {
                before = add(s, "assign", "pod-cidr", n->name, step_cidr, n, before);
                plan_after(s->up, before);
        }
        if (n->seen_node && !n->labelled && !n->pool->lost)
                plan_after(s->up, add(s, "label", "node", n->name, step_scale_labels, n, before));
        if (n->seen_node && !n->attached && can_attach(s->c, n))
                plan_after(s->up, add(s, "attach", "network", n->name, step_scale_attach, n, s->lock));
        if (!n->has_firewall)
                plan_after(s->up, add(s, "apply", "firewall", n->name, step_apply_firewall, n, s->firewall));
        if (!n->seen_node && n->running && !n->control_plane && node_gets_push(s->c, n))
                plan_after(s->up, add(s, "push", "config", n->name, step_push, n, s->firewall));
}

static bool is_going(const struct scale_options *o, const char *name) {
        for (size_t i = 0; i < o->n_remove; i++)
                if (str_eq(o->remove[i], name))
                        return true;
        for (size_t i = 0; i < o->n_leave; i++)
                if (str_eq(o->leave[i], name))
                        return true;
        return false;
}

static void plan_coming(struct scaling *s) {
        struct cluster *c = s->c;
        bool any = false;
        s->up = add_quiet(s, "all", "nodes", "", NULL, NULL, s->lock);
        s->ready = add_quiet(s, "all", "nodes-ready", "", NULL, NULL, s->up);
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                if (is_going(s->o, n->name))
                        continue;
                if (is_new(n) || (s->o->finish && never_started(n) && !n->pool->lost)) {
                        plan_server(s, n);
                        any = true;
                } else if (s->o->finish && n->existed && !n->gone) {
                        plan_finish(s, n);
                }
        }
        if (any)
                add_quiet(s, "wait", "serving-certificates", c->name, step_scale_certificates, c, s->ready);
}

/* ---- what goes ---- */

static int step_remove_server(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct cluster *c = n->c;
        int64_t action = 0;
        _cleanup_error_ struct error e = ERROR_INIT;
        if (lock_check(c, LOCK_AFTER, err) < 0)
                return -1;
        /* Off first: nothing on it may speak for its Node once that is deleted. A server that cannot be switched off is deleted all the same. */
        if (hcloud_server_poweroff(c->hcloud, n->server_id, &action, &e) >= 0 && action)
                (void) hcloud_actions_wait(c->hcloud, &action, 1, &e);
        if (e.kind == ERR_CANCELLED)
                return error_move(err, &e);
        return server_delete(c, n->server_id, err);
}

static int step_remove_node(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct cluster *c = n->c;
        if (kube_node_delete(c->kube, n->name, NULL, err) < 0)
                return -1;
        pthread_mutex_lock(&c->mutex);
        n->gone = true;
        n->prefix = (struct ip6_prefix) { 0 };
        pthread_mutex_unlock(&c->mutex);
        return 0;
}

static int step_remove_ip(struct plan_step *s, void *arg, struct error *err) {
        struct gone_ip *g = arg;
        return lock_check(g->c, LOCK_AFTER, err) < 0 ? -1 : hcloud_primary_ip_delete(g->c->hcloud, g->id, true, err);
}

static void plan_ip(struct scaling *s, const char *name, int64_t id, const char *prefix, struct plan_step *after) {
        struct gone_ip *g = xnew0(struct gone_ip);
        *g = (struct gone_ip) { .c = s->c, .id = id };
        plan_own(s->p, g, free);
        struct plan_step *step = add(s, "delete", "primary-ip", name, step_remove_ip, g, after);
        if (prefix)
                plan_step_detail(step, "%s", prefix);
}

static struct node *find_existing(struct cluster *c, const char *name) {
        for (size_t i = 0; i < c->n_nodes; i++)
                if (str_eq(c->nodes[i].name, name) && c->nodes[i].existed && !c->nodes[i].gone)
                        return &c->nodes[i];
        return NULL;
}

static int plan_removal(struct scaling *s, const char *name, struct error *err) {
        struct node *n = find_existing(s->c, name);
        if (!n)
                return error_set(err, ERR_NOT_FOUND, "the cluster has no server '%s'", name);
        if (n->control_plane)
                return error_set(err, ERR_REFUSED, "'%s' is a control plane: those are never removed while the cluster lives", name);
        struct plan_step *before = s->o->before ? s->o->before(s->o->before_data, s->p, name) : NULL;
        if (before)
                plan_after(before, s->lock);
        struct plan_step *server = add(s, "delete", "server", name, step_remove_server, n, before ? before : s->lock);
        plan_step_detail(server, "%s in %s", n->type, n->location);
        struct plan_step *node = add(s, "delete", "node", name, step_remove_node, n, server);
        plan_after(s->removed, node);
        return 0;
}

static void plan_address(struct scaling *s, const char *name) {
        const struct node *n = find_existing(s->c, name);
        _cleanup_str_ char *prefix = n && n->prefix.len ? ip6_prefix_str(&n->prefix) : NULL;
        if (n && n->ip_id)
                plan_ip(s, name, n->ip_id, prefix, s->firewall);
}

static void gone_free(void *p) {
        struct gone_node *g = p;
        free(g->name);
        free(g);
}

/* Twice "not found" is 0; 1: it is there. One may be a fault of a moment: a Node whose server lives would be registered anew, without its pods. */
static int server_lives(struct cluster *c, const char *name, int64_t id, struct error *err) {
        for (int look = 0; look < 2; look++) {
                struct hcloud_server *server = NULL;
                _cleanup_error_ struct error e = ERROR_INIT;
                if (look && clock_sleep(c->clock, SECOND_LOOK_MS, c->o.cancel, err) < 0)
                        return -1;
                int rc = id ? hcloud_server_get(c->hcloud, id, &server, &e) : hcloud_server_get_by_name(c->hcloud, name, &server, &e);
                hcloud_server_free(server);
                if (rc >= 0)
                        return 1;
                if (e.kind != ERR_NOT_FOUND)
                        return error_move(err, &e);
        }
        return 0;
}

static int step_forget(struct plan_step *s, void *arg, struct error *err) {
        static const char scheme[] = "hcloud://";
        struct gone_node *g = arg;
        struct kube_node k = { 0 };
        _cleanup_error_ struct error e = ERROR_INIT;
        if (kube_node_get(g->c->kube, g->name, &k, &e) < 0)
                return e.kind == ERR_NOT_FOUND ? 0 : error_move(err, &e);
        int64_t id = 0;
        if (k.provider_id && str_starts(k.provider_id, scheme))
                (void) parse_int64(k.provider_id + strlen(scheme), 1, INT64_MAX, &id);
        _cleanup_str_ char *uid = xstrdup(k.uid);
        kube_node_done(&k);
        int lives = server_lives(g->c, g->name, id, err);
        if (lives < 0)
                return -1;
        if (lives)
                cluster_note(g->c, "Node '%s' stays: its server is there after all", g->name);
        return lives ? 0 : kube_node_delete(g->c->kube, g->name, uid, err);
}

static void plan_forget(struct scaling *s, const char *node) {
        struct gone_node *g = xnew0(struct gone_node);
        *g = (struct gone_node) { .c = s->c, .name = xstrdup(node) };
        plan_own(s->p, g, gone_free);
        struct plan_step *step = add(s, "delete", "node", node, step_forget, g, s->lock);
        plan_step_detail(step, "its server is gone");
}

static bool is_wanted_name(const struct cluster *c, const char *name) {
        for (size_t i = 0; i < c->n_nodes; i++)
                if (str_eq(c->nodes[i].name, name))
                        return true;
        return false;
}

/* Workers' addresses whose server is gone: a run died between the two deletions. */
static void plan_lost_ips(struct scaling *s) {
        struct cluster *c = s->c;
        for (size_t i = 0; i < c->cloud.primary_ips->n; i++) {
                const struct hcloud_primary_ip *ip = &c->cloud.primary_ips->items[i];
                if (is_ours(c, &ip->labels) && str_eq(hcloud_labels_get(&ip->labels, LABEL_ROLE), ROLE_WORKER) && !ip->assignee_id && !is_wanted_name(c, ip->name))
                        plan_ip(s, ip->name, ip->id, ip->ip, s->firewall);
        }
}

/* ---- the whole ---- */

static bool rules_change(struct cluster *c, const struct scale_options *o, struct error *err) {
        struct hcloud_firewall_rules want = { 0 };
        if (o->n_remove || o->n_add)
                return true;
        if (!o->finish || firewall_wish_rules(c, &want, err) < 0)
                return false;
        bool equal = hcloud_firewall_rules_equal(&want, &c->seen_rules, false);
        hcloud_firewall_rules_done(&want);
        return !equal;
}

static int build(struct scaling *s, struct error *err) {
        struct cluster *c = s->c;
        s->lock = add_quiet(s, "lock", "cluster", c->name, step_scale_lock, c, NULL);
        s->secrets = s->o->n_add ? add_quiet(s, "check", "config", c->name, step_config, c, s->lock) : s->lock;
        s->removed = add_quiet(s, "all", "removed", "", NULL, NULL, s->lock);
        for (size_t i = 0; i < s->o->n_wish; i++)
                plan_wish(s, &s->o->wish[i]);
        for (size_t i = 0; i < s->o->n_remove; i++)
                if (plan_removal(s, s->o->remove[i], err) < 0)
                        return -1;
        plan_ground(s, rules_change(c, s->o, err));
        plan_after(s->firewall, s->removed);
        for (size_t i = 0; i < s->o->n_remove; i++)
                plan_address(s, s->o->remove[i]);
        plan_coming(s);
        for (size_t i = 0; i < s->o->n_forget; i++)
                plan_forget(s, s->o->forget[i]);
        if (s->o->finish)
                plan_lost_ips(s);
        return 0;
}

int cluster_plan_scale(struct cluster *c, const struct scale_options *o, struct plan **ret, struct error *err) {
        if (!c->scaling)
                return error_set(err, ERR_BUG, "a plan to scale without a look");
        for (size_t i = 0; i < o->n_wish; i++)
                if (!find_pool(c, o->wish[i].pool))
                        return error_set(err, ERR_NOT_FOUND, "there is no pool '%s'", o->wish[i].pool);
        if (add_nodes(c, o, err) < 0 || (o->n_add && cost_build(c, err) < 0))
                return -1;
        c->node_ms = o->node_ms;
        _cleanup_str_ char *title = xasprintf("scale %s", c->name);
        struct scaling s = { .c = c, .o = o, .p = plan_new(title) };
        s.groups = xcalloc(c->n_groups + 1, sizeof(*s.groups));
        int rc = build(&s, err);
        free(s.groups);
        if (rc < 0) {
                plan_free(s.p);
                return -1;
        }
        c->work = plan_work(s.p) > 0;
        *ret = s.p;
        return 0;
}
