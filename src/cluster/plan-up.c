/* What `up` has to do, as a graph. The order is docs/design.md's; each step waits only for what it needs. */
#include <stdio.h>

#include "cluster/model.h"

/* The joints that many steps wait for. */
struct joints {
        struct plan *p;
        struct plan_step *lock, *secrets, *network, *addresses, *firewall, *control_planes, *files, *applied_control_planes, *applied_workers, *started, *etcd,
                *members, *api, *ccm, *cni, *ready, *attached;
        struct plan_step **groups;             /* by group index */
        struct plan_step **up;                 /* by node index: its machine has its config */
        struct plan_step **cidr, **node_ready; /* by node index */
};

static struct plan_step *add(struct joints *j, const char *verb, const char *kind, const char *name, step_fn fn, void *arg, bool needed) {
        struct plan_step *s = plan_add(j->p, verb, kind, name, fn, arg);
        if (!needed)
                plan_step_unchanged(s);
        return s;
}

static struct plan_step *add_quiet(struct joints *j, const char *verb, const char *kind, const char *name, step_fn fn, void *arg) {
        struct plan_step *s = plan_add(j->p, verb, kind, name, fn, arg);
        plan_step_quiet(s);
        return s;
}

static void plan_shared(struct cluster *c, struct joints *j, bool new_vault) {
        j->lock = add_quiet(j, "lock", "cluster", c->name, step_lock, c);
        j->secrets = add(j, "seal", "secrets", c->name, step_secrets, c, new_vault);
        plan_after(j->secrets, j->lock);
        for (size_t i = 0; i < c->n_groups; i++) {
                struct node *member = NULL;
                for (size_t k = 0; k < c->n_nodes && !member; k++)
                        member = c->nodes[k].group == i ? &c->nodes[k] : NULL;
                if (!member && c->groups[i].id)
                        continue;
                j->groups[i] = add(j, "create", "placement-group", c->groups[i].name, step_group, member, !c->groups[i].id);
                plan_after(j->groups[i], j->secrets);
        }
        if (c->use_network) {
                _cleanup_str_ char *name = name_network(c->name);
                j->network = add(j, "create", "network", name, step_network, c, !c->network_id);
                plan_step_detail(j->network, "%s", c->spec->network_range);
                plan_after(j->network, j->secrets);
        }
        j->addresses = add_quiet(j, "all", "primary-ips", "", NULL, NULL);
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                struct plan_step *s = add(j, "create", "primary-ip", n->name, step_ip, n, !n->ip_id);
                plan_step_row(s, n->name);
                if (n->prefix.len) {
                        char buf[IP6_STR_MAX];
                        plan_step_detail(s, "%s in %s", ip6_prefix_format(&n->prefix, buf), n->location);
                } else {
                        plan_step_detail(s, "/64 in %s", n->pool->candidates[0].location);
                }
                plan_after(s, j->secrets);
                plan_after(j->addresses, s);
        }
        _cleanup_str_ char *firewall = name_firewall(c->name);
        j->firewall = add(j, c->firewall_id ? "update" : "create", "firewall", firewall, step_firewall, c, !c->firewall_current);
        plan_after(j->firewall, j->addresses);
}

static void detail_server(struct plan_step *s, const struct node *n) {
        if (n->existed)
                plan_step_detail(s, "%s in %s", n->type, n->location);
        else
                plan_step_detail(s, "%s in %s", n->pool->candidates[0].type, n->location ? n->location : n->pool->candidates[0].location);
}

/* Servers: control planes first, since a worker's config needs their final address. Power only when the firewall is applied. */
static void plan_servers(struct cluster *c, struct joints *j) {
        j->control_planes = add_quiet(j, "all", "control-planes", "", NULL, NULL);
        j->files = add_quiet(j, "write", "kubeconfig", c->name, step_files, c);
        j->applied_control_planes = add_quiet(j, "wait", "firewall", "control planes", step_applied_control_planes, c);
        j->applied_workers = add_quiet(j, "wait", "firewall", "workers", step_applied_workers, c);
        _cleanup_str_ char *firewall = name_firewall(c->name);
        plan_step_row(j->applied_control_planes, firewall);
        plan_step_row(j->applied_workers, firewall);
        plan_after(j->control_planes, j->firewall);
        plan_after(j->files, j->control_planes);
        struct plan_step *first = NULL;
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                struct plan_step *server = add(j, "create", "server", n->name, step_server, n, !n->existed);
                detail_server(server, n);
                plan_step_row(server, n->name);
                plan_after(server, j->firewall);
                plan_after(server, n->group != SIZE_MAX ? j->groups[n->group] : NULL);
                for (size_t k = 0; k < n->pool->n_candidates && !n->existed; k++)
                        plan_after(server, images_ready(c, n->pool->candidates[k].arch));
                if (n->control_plane)
                        plan_after(j->control_planes, server);
                else
                        plan_after(server, j->files);
                if (n == first_control_plane(c))
                        first = server;
                else if (n->control_plane && !node_gets_push(c, n))
                        plan_after(server, first);     /* its user data names the first one's final address */
                struct plan_step *applied = n->control_plane ? j->applied_control_planes : j->applied_workers;
                plan_after(applied, server);
                if (n->existed && !n->has_firewall) {
                        struct plan_step *s = add(j, "apply", "firewall", n->name, step_apply_firewall, n, true);
                        plan_after(s, server);
                        plan_after(applied, s);
                } else if (!n->existed || n->settling) {
                        struct plan_step *s = add_quiet(j, "wait", "server", n->name, step_created, n);
                        plan_step_row(s, n->name);
                        plan_after(s, server);
                        plan_after(applied, s);
                }
        }
}

static void plan_boot(struct cluster *c, struct joints *j) {
        j->started = add_quiet(j, "wait", "power", c->name, step_started, c);
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                bool push = node_gets_push(c, n);
                struct plan_step *start = add(j, "start", "server", n->name, step_start, n, !n->existed || n->off);
                plan_step_row(start, n->name);
                plan_after(start, n->control_plane ? j->applied_control_planes : j->applied_workers);
                if (n->stale_node) {
                        struct plan_step *forget = add(j, "delete", "node", n->name, step_forget_node, n, true);
                        plan_step_detail(forget, "its server is gone");
                        plan_after(forget, j->secrets);
                        plan_after(start, forget);
                }
                if (push) {
                        j->up[i] = add(j, "push", "config", n->name, step_push, n, !n->configured);
                        plan_after(j->up[i], j->files);
                } else {
                        j->up[i] = add(j, "wait", "talos", n->name, step_wait_talos, n, !n->configured);
                        plan_step_quiet(j->up[i]);
                }
                plan_step_row(j->up[i], n->name);
                if (n->control_plane)
                        plan_step_urgent(j->up[i]);
                plan_after(j->up[i], start);
                plan_after(j->started, j->up[i]);      /* by then the actions have ended: one question instead of several */
        }
}

static void plan_kubernetes(struct cluster *c, struct joints *j) {
        bool begun = c->seen == KUBE_SEEN;
        struct node *first = first_control_plane(c);
        j->etcd = add(j, "bootstrap", "etcd", first->name, step_etcd, c, !begun);
        j->members = add_quiet(j, "wait", "etcd-members", c->name, step_etcd_members, c);
        j->api = add_quiet(j, "wait", "kubernetes-api", c->name, step_api, c);
        j->ccm = add(j, "apply", "ccm", c->spec->ccm_version, step_ccm, c, !c->ccm_current);
        plan_step_row(j->ccm, "talos-ccm");
        j->cni = add(j, "install", "chart", c->releases[0].addon->name, step_chart, &c->releases[0], !c->releases[0].current);
        plan_step_detail(j->cni, "%s %s", c->releases[0].chart.name, c->releases[0].chart.version);
        struct plan_step *const urgent[] = { j->etcd, j->members, j->api, j->ccm, j->cni };
        for (size_t i = 0; i < ARRAY_SIZE(urgent); i++)
                plan_step_urgent(urgent[i]);   /* while hundreds of nodes are waited for */
        j->ready = add_quiet(j, "all", "nodes-ready", "", NULL, NULL);
        plan_after(j->etcd, j->files);
        plan_after(j->members, j->etcd);
        plan_after(j->api, j->etcd);
        plan_after(j->ccm, j->api);
        plan_after(j->cni, j->ccm);
        plan_after(j->started, j->cni);                /* asked about in one call with the attachments */
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                if (n->control_plane)
                        plan_after(n == first ? j->etcd : j->members, j->up[i]);
                j->cidr[i] = add(j, c->pod_rule == POD_CIDR_CLIENT ? "assign" : "wait", "pod-cidr", n->name, step_pod_cidr, n, !n->has_cidr);
                if (c->pod_rule == POD_CIDR_CCM)
                        plan_step_quiet(j->cidr[i]);
                plan_step_row(j->cidr[i], n->name);
                plan_after(j->cidr[i], j->api);
                plan_after(j->cidr[i], j->up[i]);
                if (c->pod_rule == POD_CIDR_CCM)
                        plan_after(j->cidr[i], j->ccm);
                struct plan_step *labels = add(j, "label", "node", n->name, step_labels, n, !n->labelled);
                plan_step_row(labels, n->name);
                plan_after(labels, j->cidr[i]);
                j->node_ready[i] = add_quiet(j, "wait", "node", n->name, step_ready, n);
                plan_step_row(j->node_ready[i], n->name);
                plan_after(j->node_ready[i], j->cidr[i]);
                plan_after(j->node_ready[i], j->cni);
                plan_after(j->ready, j->node_ready[i]);
                plan_after(j->ready, labels);
        }
}

static void plan_network(struct cluster *c, struct joints *j) {
        if (!c->use_network)
                return;
        j->attached = add_quiet(j, "wait", "attachments", c->name, step_attached, c);
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                struct plan_step *s = add(j, "attach", "network", n->name, step_attach, n, !n->attached);
                plan_step_row(s, n->name);
                if (n->private_ip)
                        plan_step_detail(s, "%s", n->private_ip);
                plan_after(s, j->network);
                plan_after(s, j->up[i]);
                plan_after(j->attached, s);
        }
        plan_after(j->attached, j->cni);               /* by then the actions have ended, and nothing waits for the one question */
}

static void plan_end(struct cluster *c, struct joints *j, bool smoke) {
        struct plan_step *certificates = add_quiet(j, "wait", "serving-certificates", c->name, step_certificates, c);
        struct plan_step *gates = add_quiet(j, "check", "gates", c->name, step_gates, c);
        struct plan_step *previous = j->ready;
        for (size_t i = 1; i < c->n_releases; i++) {
                struct release_state *r = &c->releases[i];
                struct plan_step *s = add(j, "install", "chart", r->addon->name, step_chart, r, !r->current);
                plan_step_detail(s, "%s %s", r->chart.name, r->chart.version);
                plan_after(s, previous);
                previous = s;
        }
        plan_after(certificates, j->ready);
        plan_after(gates, previous);
        plan_after(gates, certificates);
        plan_after(gates, j->members);
        plan_after(gates, j->attached);
        plan_after(gates, j->started);
        if (smoke)
                plan_after(add_quiet(j, "run", "smoke-test", c->name, step_smoke, c), gates);
}

static void forget_last(struct cluster *c) {
        nodes_done(c);
        cloud_done(&c->cloud);
        for (size_t i = 0; i < c->n_pools; i++)
                pool_state_done(&c->pools[i]);
        free(c->pools);
        c->pools = NULL;
        c->n_pools = 0;
        for (size_t i = 0; i < c->n_releases; i++) {
                chart_done(&c->releases[i].chart);
                free(c->releases[i].values);
        }
        free(c->releases);
        c->releases = NULL;
        c->n_releases = 0;
        strv_done(&c->build_archs);
        c->build_archs = (struct strv) { 0 };
        c->images = NULL;
        kube_view_done(&c->kube_view);
        c->kube_view = (struct kube_view) { 0 };
        hcloud_firewall_rules_done(&c->seen_rules);
        c->seen_rules = (struct hcloud_firewall_rules) { 0 };
        c->firewall_id = c->network_id = 0;
        c->firewall_current = c->ccm_current = c->destroying = c->scaling = c->keep_lock = false;
        for (size_t i = 0; i < c->n_lost_pools; i++) {
                free(c->lost_pools[i]->name);
                free(c->lost_pools[i]);
        }
        free(c->lost_pools);
        c->lost_pools = NULL;
        c->n_lost_pools = 0;
        for (size_t i = 0; i < c->n_chosen; i++) {
                pool_state_done(c->chosen[i]);
                free(c->chosen[i]);
        }
        free(c->chosen);
        c->chosen = NULL;
        c->n_chosen = 0;
        strv_done(&c->lost_nodes);
        c->lost_nodes = (struct strv) { 0 };
        free(c->quota_text);
        c->quota_text = NULL;
        c->seen = KUBE_NOT_ASKED;
}

void cluster_forget_observations(struct cluster *c) {
        forget_last(c);
}

int cluster_plan_up(struct cluster *c, const struct up_options *o, struct plan **ret, struct error *err) {
        if (!c->spec)
                return error_set(err, ERR_BUG, "up without a profile");
        forget_last(c);
        for (size_t i = 0; i < c->spec->warnings.n; i++)
                cluster_warn(c, "%s", c->spec->warnings.items[i]);
        if (preflight_up(c, o, err) < 0)
                return -1;
        _cleanup_str_ char *title = xasprintf("up %s", c->name);
        struct joints j = { .p = plan_new(title) };
        j.groups = xcalloc(c->n_groups + 1, sizeof(*j.groups));
        j.up = xcalloc(c->n_nodes, sizeof(*j.up));
        j.cidr = xcalloc(c->n_nodes, sizeof(*j.cidr));
        j.node_ready = xcalloc(c->n_nodes, sizeof(*j.node_ready));
        plan_shared(c, &j, c->vault == NULL);
        struct image_build_options images = { .dry_run = o->dry_run };
        int rc = 0;
        if (c->build_archs.n)
                rc = images_plan(c, &images, &c->build_archs, j.p, j.secrets, err);
        else if (images_left_builder(c))         /* an earlier `up` was killed between snapshot and tidying up */
                rc = images_plan_leftovers(c, j.p, err);
        if (rc == 0) {
                plan_servers(c, &j);
                plan_boot(c, &j);
                plan_kubernetes(c, &j);
                plan_network(c, &j);
                plan_end(c, &j, o->smoke);
        }
        free(j.groups);
        free(j.up);
        free(j.cidr);
        free(j.node_ready);
        if (rc < 0) {
                plan_free(j.p);
                return -1;
        }
        c->work = plan_work(j.p) > 0;
        *ret = j.p;
        return 0;
}

int cluster_cost(struct cluster *c, struct cost *ret_all, struct cost *ret_new, struct error *err) {
        if (!c->cost_all.currency) {
                if (!c->pricing && hcloud_pricing_get(c->hcloud, &c->pricing, err) < 0)
                        return -1;
                c->cost_all.currency = xstrdup(c->pricing->currency);
                free(c->cost_new.currency);
                c->cost_new.currency = xstrdup(c->pricing->currency);
        }
        cost_copy(ret_all, &c->cost_all);
        cost_copy(ret_new, &c->cost_new);
        return 0;
}
