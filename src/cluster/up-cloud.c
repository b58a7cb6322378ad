/* Steps of `up` that change the cloud: lock, groups, network, addresses, firewall, servers, power, attachment. */
#include "cluster/model.h"

#define STALE_MS (60 * 1000)
#define LOOK_MS (30 * 1000)
#define QUOTA_HINT "ask for more in the Hetzner Console (Limits, Request change); then run the same command again: what exists is used"

int may_change(struct cluster *c, enum lock_group group, struct error *err) {
        pthread_mutex_lock(&c->mutex);
        _cleanup_str_ char *limit = xstrdup(c->quota_text);
        pthread_mutex_unlock(&c->mutex);
        if (limit) {
                error_set(err, ERR_QUOTA, "a limit of the project was reached, nothing more is created: %s", limit);
                return error_hint(err, QUOTA_HINT);
        }
        return lock_check(c, group, err);
}

/* The first refusal for a limit stops all further creates of this run. */
static int creating(struct cluster *c, int rc, struct error *err) {
        if (rc < 0 && err && err->kind == ERR_QUOTA) {
                pthread_mutex_lock(&c->mutex);
                if (!c->quota_text)
                        c->quota_text = xstrdup(error_text(err));
                pthread_mutex_unlock(&c->mutex);
                error_hint(err, QUOTA_HINT);
        }
        return rc;
}

/* Somebody thought long about the question, and somebody else may have worked on the cluster meanwhile. */
static int check_servers(struct cluster *c, bool no_more, struct error *err) {
        _cleanup_str_ char *selector = cluster_selector(c);
        struct hcloud_list_options o = { .label_selector = selector };
        struct hcloud_server_list *now = NULL;
        if (hcloud_server_list(c->hcloud, &o, &now, err) < 0)
                return -1;
        size_t known = 0, had = 0;
        for (size_t i = 0; i < c->n_nodes; i++) {
                had += c->nodes[i].existed;
                for (size_t j = 0; j < now->n; j++)
                        known += c->nodes[i].existed && now->items[j].id == c->nodes[i].server_id;
        }
        bool same = known == had && (now->n == had || !no_more);
        hcloud_server_list_free(now);
        return same ? 0 : error_set(err, ERR_CONFLICT, "the cluster's servers have changed since this plan was made; run the command again");
}

/* An `up` that finds nothing to make takes no lock, and may wait for a cluster that somebody else destroys meanwhile. One of the threads that wait looks, and
 * all of them learn it. A look that fails says nothing. */
int cluster_may_wait(void *cluster, struct error *err) {
        struct cluster *c = cluster;
        _cleanup_error_ struct error e = ERROR_INIT;
        int64_t now = clock_mono_ms(c->clock);
        if (lock_check(c, LOCK_BEGUN, err) < 0)
                return -1;
        pthread_mutex_lock(&c->mutex);
        bool due = c->looked_ms && !c->servers_gone && now - c->looked_ms >= LOOK_MS;
        if (due)
                c->looked_ms = now;
        pthread_mutex_unlock(&c->mutex);
        bool missing = due && check_servers(c, false, &e) < 0 && e.kind == ERR_CONFLICT;
        pthread_mutex_lock(&c->mutex);
        c->servers_gone = missing = c->servers_gone || missing;
        pthread_mutex_unlock(&c->mutex);
        if (!missing)
                return 0;
        error_set(err, ERR_CONFLICT, "servers of the cluster have gone while this run waited for them");
        return error_hint(err, "see who works on the cluster, then run the command again");
}

int step_lock(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        pthread_mutex_lock(&c->mutex);
        c->looked_ms = clock_mono_ms(c->clock);
        c->servers_gone = false;
        pthread_mutex_unlock(&c->mutex);
        if (!c->work)
                return 0;
        if (lock_cloud(c, err) < 0)
                return -1;
        /* What is only created has names that nobody can give twice. But servers that were seen may have been destroyed before the lock was ours. */
        bool from_nothing = true;
        for (size_t i = 0; i < c->n_nodes; i++)
                from_nothing = from_nothing && !c->nodes[i].existed;
        return from_nothing && clock_mono_ms(c->clock) - c->observed_ms < STALE_MS ? 0 : check_servers(c, true, err);
}

/* Before anything billable: secrets, and one config of every kind to see that all fits. */
int step_secrets(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        if (access_create(c, err) < 0)
                return -1;
        return render_check(c, err);
}

int step_group(struct plan_step *s, void *arg, struct error *err) {
        struct node *first = arg;                  /* any node of the group */
        struct cluster *c = first->c;
        struct group *g = &c->groups[first->group];
        if (may_change(c, LOCK_BEGUN, err) < 0)
                return -1;
        struct hcloud_labels labels;
        cluster_labels(c, NULL, g->pool, 0, &labels);
        struct hcloud_placement_group_create o = { .name = g->name, .labels = &labels, .adopt = &labels };
        struct hcloud_placement_group *made = NULL;
        int rc = creating(c, hcloud_placement_group_create(c->hcloud, &o, &made, NULL, err), err);
        hcloud_labels_done(&labels);
        if (rc < 0)
                return -1;
        g->id = made->id;
        hcloud_placement_group_free(made);
        return 0;
}

int step_network(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        if (may_change(c, LOCK_BEGUN, err) < 0)
                return -1;
        _cleanup_str_ char *name = name_network(c->name);
        struct hcloud_labels labels;
        cluster_labels(c, NULL, NULL, 0, &labels);
        struct hcloud_network_create o = { .name = name, .ip_range = c->spec->network_range, .subnet_ip_range = c->spec->network_range,
                                           .subnet_network_zone = c->network_zone, .labels = &labels, .adopt = &labels };
        struct hcloud_network *made = NULL;
        int rc = creating(c, hcloud_network_create(c->hcloud, &o, &made, NULL, err), err);
        hcloud_labels_done(&labels);
        if (rc < 0)
                return -1;
        c->network_id = made->id;
        hcloud_network_free(made);
        return 0;
}

int step_ip(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        if (may_change(n->c, LOCK_BEGUN, err) < 0)
                return -1;
        return creating(n->c, place_ip(n, n->pool->candidates[0].location, err), err);
}

int step_firewall(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        if (may_change(c, LOCK_BEGUN, err) < 0)
                return -1;
        return creating(c, firewall_write(c, err), err);
}

/* A server of ours that stands without the firewall: nobody but a person in the console does that. */
int step_apply_firewall(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct cluster *c = n->c;
        struct hcloud_ids actions = { 0 };
        if (may_change(c, LOCK_BEGUN, err) < 0)
                return -1;
        int rc = hcloud_firewall_apply(c->hcloud, c->firewall_id, &n->server_id, 1, &actions, err);
        if (rc >= 0)
                rc = hcloud_actions_wait(c->hcloud, actions.items, actions.n, err);
        hcloud_ids_done(&actions);
        return rc;
}

int step_server(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        if (may_change(n->c, LOCK_SERVERS, err) < 0)
                return -1;
        return creating(n->c, place_server(n, s, err), err);
}

int step_created(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct cluster *c = n->c;
        if (n->actions.n)
                return hcloud_actions_wait(c->hcloud, n->actions.items, n->actions.n, err);
        _cleanup_str_ char *selector = cluster_selector(c);
        return hcloud_servers_wait(c->hcloud, &n->server_id, 1, selector, NULL, 0, err);
}

#define APPLIED_MS (60 * 1000)           /* seconds are usual */

/* The action that applies it has failed in the cloud: it stays `pending` for ever. These servers are off, so the firewall may go and come again. */
static int apply_again(struct cluster *c, const struct hcloud_ids *servers, struct error *err) {
        struct hcloud_ids gone = { 0 }, applied = { 0 };
        int rc = lock_check(c, LOCK_AFTER, err);
        if (rc >= 0)
                rc = hcloud_firewall_remove(c->hcloud, c->firewall_id, servers->items, servers->n, &gone, err);
        if (rc >= 0)
                rc = hcloud_actions_wait(c->hcloud, gone.items, gone.n, err);
        if (rc >= 0)
                rc = hcloud_firewall_apply(c->hcloud, c->firewall_id, servers->items, servers->n, &applied, err);
        if (rc >= 0)
                rc = hcloud_actions_wait(c->hcloud, applied.items, applied.n, err);
        hcloud_ids_done(&gone);
        hcloud_ids_done(&applied);
        return rc < 0 ? error_wrap(err, "applying firewall %lld again", (long long) c->firewall_id) : 0;
}

static int wait_applied(struct cluster *c, bool control_planes, struct error *err) {
        struct hcloud_ids ids = { 0 };
        for (size_t i = 0; i < c->n_nodes; i++)
                if (c->nodes[i].control_plane == control_planes && !c->nodes[i].gone && (!c->nodes[i].existed || c->nodes[i].off))
                        hcloud_ids_add(&ids, c->nodes[i].server_id);
        _cleanup_str_ char *selector = cluster_selector(c);
        _cleanup_error_ struct error e = ERROR_INIT;
        int rc = ids.n ? hcloud_firewall_wait_applied(c->hcloud, c->firewall_id, ids.items, ids.n, selector, APPLIED_MS, &e) : 0;
        if (rc < 0 && e.kind == ERR_TIMEOUT && !cancel_is_set(c->o.cancel)) {
                cluster_warn(c, "the firewall is not applied after %d s; it is applied again", APPLIED_MS / 1000);
                rc = apply_again(c, &ids, err);
                if (rc >= 0)
                        rc = hcloud_firewall_wait_applied(c->hcloud, c->firewall_id, ids.items, ids.n, selector, APPLIED_MS, err);
        } else if (rc < 0) {
                rc = error_move(err, &e);
        }
        hcloud_ids_done(&ids);
        return rc;
}

int step_applied_control_planes(struct plan_step *s, void *arg, struct error *err) {
        return wait_applied(arg, true, err);
}

int step_applied_workers(struct plan_step *s, void *arg, struct error *err) {
        return wait_applied(arg, false, err);
}

int step_start(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        if (lock_check(n->c, LOCK_AFTER, err) < 0)
                return -1;
        return hcloud_server_poweron(n->c->hcloud, n->server_id, &n->start_action, err);
}

int step_started(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct hcloud_ids ids = { 0 };
        for (size_t i = 0; i < c->n_nodes; i++)
                hcloud_ids_add(&ids, c->nodes[i].start_action);
        int rc = hcloud_actions_wait(c->hcloud, ids.items, ids.n, err);
        hcloud_ids_done(&ids);
        return rc;
}

/* After the boot: at boot the private interface's DHCP could take the metadata service's route. */
int step_attach(struct plan_step *s, void *arg, struct error *err) {
        struct node *n = arg;
        struct cluster *c = n->c;
        int64_t action = 0;
        if (lock_check(c, LOCK_AFTER, err) < 0)
                return -1;
        if (hcloud_server_attach_to_network(c->hcloud, n->server_id, c->network_id, n->private_ip, NULL, &action, err) < 0)
                return -1;
        hcloud_ids_add(&n->actions, action);
        return 0;
}

int step_attached(struct plan_step *s, void *arg, struct error *err) {
        struct cluster *c = arg;
        struct hcloud_ids ids = { 0 };
        for (size_t i = 0; i < c->n_nodes; i++)
                hcloud_ids_add_all(&ids, &c->nodes[i].actions);
        int rc = hcloud_actions_wait(c->hcloud, ids.items, ids.n, err);
        hcloud_ids_done(&ids);
        return rc;
}
