/* `destroy`: everything with the cluster's label, in the order in which Hetzner lets go of things, and a last look at every kind. */
#include <stdio.h>

#include "base/file.h"
#include "cluster/model.h"

/* One thing to be deleted. */
struct target { struct cluster *c; int64_t id; char *kind, *name; };

void destroy_view_done(struct destroy_view *v) {
        for (size_t i = 0; i < v->n; i++) {
                free(v->items[i].kind);
                free(v->items[i].name);
                free(v->items[i].detail);
        }
        free(v->items);
        cost_done(&v->cost);
        *v = (struct destroy_view) { 0 };
}

void left_view_done(struct left_view *v) {
        strv_done(&v->items);
        *v = (struct left_view) { 0 };
}

static void target_free(void *p) {
        struct target *t = p;
        free(t->kind);
        free(t->name);
        free(t);
}

static void view_add(struct destroy_view *v, const char *kind, const char *name, int64_t id, char *detail, bool kept) {
        ARRAY_APPEND(v->items, v->n,
                     ((struct destroy_item) { .kind = xstrdup(kind), .name = xstrdup(name ? name : "?"), .id = id, .detail = detail ? detail : xstrdup(""), .kept = kept }));
        v->n_delete += !kept;
}

static bool is_lock(const struct hcloud_labels *l) {
        return str_eq(hcloud_labels_get(l, LABEL_ROLE), ROLE_LOCK);
}

static bool our_server(const struct cluster *c, const struct cloud *v, int64_t id) {
        for (size_t i = 0; v->servers && i < v->servers->n; i++)
                if (v->servers->items[i].id == id && is_ours(c, &v->servers->items[i].labels))
                        return true;
        return false;
}

static bool our_volume(const struct cluster *c, const struct cloud *v, const struct hcloud_volume *x) {
        return is_ours(c, &x->labels) || (x->server && our_server(c, v, x->server));
}

/* Balancers that the cluster's own controllers made have its servers as targets, or its label. */
static bool our_balancer(const struct cluster *c, const struct cloud *v, const struct hcloud_load_balancer *x) {
        if (is_ours(c, &x->labels))
                return true;
        for (size_t i = 0; i < x->targets.n; i++)
                if (x->targets.items[i].server && our_server(c, v, x->targets.items[i].server))
                        return true;
        return false;
}

static void add_cost(const struct cloud *v, const struct hcloud_server *s, struct cost *cost) {
        const struct hcloud_server_type *t = v->types ? hcloud_server_type_find(v->types, s->server_type) : NULL;
        const struct hcloud_location_price *p = t ? hcloud_server_type_price(t, s->location) : NULL;
        struct money m = { 0 };
        if (!p)
                return;
        money_parse(p->hourly.net, &m.hour);
        money_parse(p->monthly.net, &m.month);
        _cleanup_str_ char *what = xasprintf("%s in %s", s->server_type, s->location);
        cost_add(cost, what, 1, m);
}

static void collect(const struct cluster *c, const struct cloud *v, const struct destroy_options *o, struct destroy_view *ret) {
        for (size_t i = 0; i < v->servers->n; i++) {
                const struct hcloud_server *x = &v->servers->items[i];
                if (!is_ours(c, &x->labels))
                        continue;
                view_add(ret, "server", x->name, x->id, xasprintf("%s in %s", x->server_type, x->location), false);
                add_cost(v, x, &ret->cost);
        }
        for (size_t i = 0; i < v->primary_ips->n; i++)
                if (is_ours(c, &v->primary_ips->items[i].labels))
                        view_add(ret, "primary-ip", v->primary_ips->items[i].name, v->primary_ips->items[i].id, xstrdup(v->primary_ips->items[i].ip), false);
        for (size_t i = 0; i < v->firewalls->n; i++)
                if (is_ours(c, &v->firewalls->items[i].labels))
                        view_add(ret, "firewall", v->firewalls->items[i].name, v->firewalls->items[i].id, NULL, false);
        for (size_t i = 0; i < v->networks->n; i++)
                if (is_ours(c, &v->networks->items[i].labels))
                        view_add(ret, "network", v->networks->items[i].name, v->networks->items[i].id, xstrdup(v->networks->items[i].ip_range), false);
        for (size_t i = 0; i < v->groups->n; i++)
                if (is_ours(c, &v->groups->items[i].labels) && !is_lock(&v->groups->items[i].labels))
                        view_add(ret, "placement-group", v->groups->items[i].name, v->groups->items[i].id, NULL, false);
        for (size_t i = 0; i < v->keys->n; i++)
                if (is_ours(c, &v->keys->items[i].labels))
                        view_add(ret, "ssh-key", v->keys->items[i].name, v->keys->items[i].id, NULL, false);
        for (size_t i = 0; i < v->floating_ips->n; i++)
                if (is_ours(c, &v->floating_ips->items[i].labels))
                        view_add(ret, "floating-ip", v->floating_ips->items[i].name, v->floating_ips->items[i].id, xstrdup(v->floating_ips->items[i].ip), false);
        for (size_t i = 0; i < v->volumes->n; i++)
                if (our_volume(c, v, &v->volumes->items[i]))
                        view_add(ret, "volume", v->volumes->items[i].name, v->volumes->items[i].id, xasprintf("%g GB", v->volumes->items[i].size), !o->volumes);
        for (size_t i = 0; i < v->balancers->n; i++)
                if (our_balancer(c, v, &v->balancers->items[i]))
                        view_add(ret, "load-balancer", v->balancers->items[i].name, v->balancers->items[i].id, xstrdup(v->balancers->items[i].load_balancer_type),
                                 !o->load_balancers);
}

int server_delete(struct cluster *c, int64_t id, struct error *err) {
        int64_t action = 0;

        if (hcloud_server_delete(c->hcloud, id, &action, err) < 0)
                return -1;
        return action ? hcloud_actions_wait(c->hcloud, &action, 1, err) : 0;
}

static int step_delete(struct plan_step *s, void *arg, struct error *err) {
        struct target *t = arg;
        struct cluster *c = t->c;
        int64_t action = 0;
        if (lock_check(c, str_eq(t->kind, "server") ? LOCK_BEGUN : LOCK_AFTER, err) < 0)
                return -1;
        if (str_eq(t->kind, "server"))
                return server_delete(c, t->id, err);
        if (str_eq(t->kind, "primary-ip"))
                return hcloud_primary_ip_delete(c->hcloud, t->id, true, err);
        if (str_eq(t->kind, "firewall"))
                return hcloud_firewall_delete(c->hcloud, t->id, true, err);
        if (str_eq(t->kind, "network"))
                return hcloud_network_delete(c->hcloud, t->id, err);
        if (str_eq(t->kind, "placement-group"))
                return hcloud_placement_group_delete(c->hcloud, t->id, err);
        if (str_eq(t->kind, "ssh-key"))
                return hcloud_ssh_key_delete(c->hcloud, t->id, err);
        if (str_eq(t->kind, "volume"))
                return hcloud_volume_delete(c->hcloud, t->id, err);
        if (str_eq(t->kind, "load-balancer"))
                return hcloud_load_balancer_delete(c->hcloud, t->id, err);
        if (str_eq(t->kind, "floating-ip")) {
                _cleanup_error_ struct error e = ERROR_INIT;
                if (hcloud_floating_ip_unassign(c->hcloud, t->id, &action, &e) >= 0 && hcloud_actions_wait(c->hcloud, &action, 1, err) < 0)
                        return -1;
                return hcloud_floating_ip_delete(c->hcloud, t->id, err);
        }
        return error_set(err, ERR_BUG, "nobody knows how to delete a %s", t->kind);
}

static char *marker(const struct cluster *c) {
        return xasprintf("%s/%s/destroying", c->state_dir, c->name);
}

/* So that a run that dies between the last deletion and the archive is not taken for another project. */
static int step_mark(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct vault_options o = vault_options_of(c);
        if (lock_cloud(c, err) < 0)
                return -1;
        if (!vault_exists(&o))
                return 0;
        _cleanup_str_ char *path = marker(c);
        return file_write_atomic(path, "destroy began\n", 14, 0600, err);
}

/* Every kind once more; what of ours is there still is left over. */
static int step_list_again(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct cloud v = { 0 };
        struct destroy_view seen = { 0 };
        if (cloud_observe(c, OBSERVE_DESTROY, &v, err) < 0)
                return -1;
        collect(c, &v, &c->destroy_o, &seen);
        left_view_done(&c->left);
        for (size_t i = 0; i < seen.n; i++)
                strv_take(&c->left.items, xasprintf("%s %s", seen.items[i].kind, seen.items[i].name));
        /* Volumes and balancers that were kept no longer lead to our servers: found by their ids. */
        for (size_t i = 0; i < c->kept.n; i++)
                for (size_t j = 0; j < v.volumes->n; j++)
                        if (v.volumes->items[j].id == c->kept.items[i])
                                strv_take(&c->left.items, xasprintf("volume %s (kept: --volumes removes it)", v.volumes->items[j].name));
        for (size_t i = 0; i < c->kept.n; i++)
                for (size_t j = 0; j < v.balancers->n; j++)
                        if (v.balancers->items[j].id == c->kept.items[i])
                                strv_take(&c->left.items, xasprintf("load-balancer %s (kept: --load-balancers removes it)", v.balancers->items[j].name));
        c->left.n = c->left.items.n;
        c->left_known = true;
        destroy_view_done(&seen);
        cloud_done(&v);
        return 0;
}

static struct plan_step *add_target(struct cluster *c, struct plan *p, const struct destroy_item *item) {
        struct target *t = xnew0(struct target);
        *t = (struct target) { .c = c, .id = item->id, .kind = xstrdup(item->kind), .name = xstrdup(item->name) };
        plan_own(p, t, target_free);
        struct plan_step *s = plan_add(p, "delete", item->kind, item->name, step_delete, t);
        if (*item->detail)
                plan_step_detail(s, "%s", item->detail);
        return s;
}

/* Balancers and servers first; what servers hold on to (addresses, firewall, groups, network, volumes) when they are gone. */
static void build(struct cluster *c, const struct destroy_view *v, struct plan *p) {
        struct plan_step *lock = plan_add(p, "lock", "cluster", c->name, step_mark, c);
        struct plan_step *servers = plan_add(p, "all", "servers", "", NULL, NULL), *again = plan_add(p, "list", "everything", "again", step_list_again, c);
        plan_step_row(again, c->name);
        plan_step_quiet(lock);
        plan_step_quiet(servers);
        plan_step_quiet(again);
        plan_after(servers, lock);
        plan_after(again, servers);
        for (size_t i = 0; i < v->n; i++) {
                if (v->items[i].kept) {
                        hcloud_ids_add(&c->kept, v->items[i].id);
                        continue;
                }
                struct plan_step *s = add_target(c, p, &v->items[i]);
                if (str_eq(v->items[i].kind, "server")) {
                        plan_after(s, lock);
                        plan_after(servers, s);
                } else if (str_eq(v->items[i].kind, "load-balancer")) {
                        plan_after(s, lock);
                } else {
                        plan_after(s, servers);
                }
                plan_after(again, s);
        }
}

/* Nothing of ours is in this project. Was it ever, and is that right? */
static int nothing_there(struct cluster *c, struct error *err) {
        struct vault_options o = vault_options_of(c);
        _cleanup_str_ char *path = marker(c), *who = NULL;
        if (lock_seen(c, &who)) {
                error_set(err, ERR_LOCKED, "cluster '%s' is being worked on by %s", c->name, who);
                return error_hint(err, "wait for it, then run the command again");
        }
        if (vault_exists(&o) && was_used(c) && !file_exists(path)) {
                error_set(err, ERR_PARTIAL, "the secrets of cluster '%s' are here, but this project shows nothing of it: another project's token, or destroyed elsewhere", c->name);
                return error_hint(err, "use the right token, or --forget to drop the secrets");
        }
        return 0;
}

/* A lock that a killed run left behind is the last thing of the cluster: taken over and removed like any other. */
static bool has_lock(const struct cluster *c) {
        for (size_t i = 0; i < c->cloud.groups->n; i++)
                if (is_ours(c, &c->cloud.groups->items[i].labels) && is_lock(&c->cloud.groups->items[i].labels))
                        return true;
        return false;
}

int cluster_plan_destroy(struct cluster *c, const struct destroy_options *o, struct destroy_view *ret_view, struct plan **ret, struct error *err) {
        cluster_forget_observations(c);
        c->destroy_o = *o;
        c->destroying = true;
        c->left_known = false;
        left_view_done(&c->left);
        hcloud_ids_done(&c->kept);
        c->kept = (struct hcloud_ids) { 0 };
        struct vault_options vo = vault_options_of(c);
        if (!o->dry_run && lock_host(c, err) < 0)
                return -1;
        if (cloud_observe(c, OBSERVE_DESTROY, &c->cloud, err) < 0)
                return -1;
        struct destroy_view v = { 0 };
        collect(c, &c->cloud, o, &v);
        _cleanup_str_ char *uid = NULL;
        if (vault_exists(&vo))
                vault_read_uid(&vo, &uid, NULL);
        const char *seen = cloud_uid(c, &c->cloud);
        int rc = 0;
        if (!v.n)
                rc = nothing_there(c, err);
        else if (uid && seen && !str_eq(uid, seen))
                rc = error_hint((error_set(err, ERR_PARTIAL, "the cluster '%s' in this project is another one (uid %s) than the one whose secrets are here (uid %s)", c->name,
                                           seen, uid), err),
                                "use the right token; to remove this one all the same, first --forget the secrets");
        if (rc < 0) {
                destroy_view_done(&v);
                return -1;
        }
        _cleanup_str_ char *title = xasprintf("destroy %s", c->name);
        struct plan *p = plan_new(title);
        free(c->uid);
        c->uid = uid ? TAKE(uid) : xstrdup(seen);
        if (v.n || has_lock(c))
                build(c, &v, p);
        else
                c->left_known = true;
        c->work = v.n_delete > 0;
        *ret_view = v;
        *ret = p;
        return 0;
}

int cluster_left(struct cluster *c, struct left_view *ret, struct error *err) {
        if (!c->left_known && step_list_again(NULL, c, err) < 0)
                return -1;
        *ret = (struct left_view) { .n = c->left.n };
        strv_copy(&ret->items, &c->left.items);
        return 0;
}

int cluster_forget(struct cluster *c, struct error *err) {
        struct vault_options o = vault_options_of(c);
        if (lock_host(c, err) < 0)
                return -1;
        access_remove_contexts(c);
        return vault_archive(&o, err);
}
