/* Everything that can be found wrong before anything is made: token, project, profile against the cloud, the operator's address, resolvers,
 * charts, disk. */
#include <stdarg.h>
#include <stdio.h>

#include "base/dns.h"
#include "base/file.h"
#include "cluster/charts.h"
#include "cluster/model.h"
#include "cluster/versions.h"

#define STATE_SPACE (1024 * 1024)      /* bytes that must fit into the state directory */
#define PROBE_MS 2000

void cluster_warn(struct cluster *c, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        if (c->o.warn)
                c->o.warn(c->o.warn_data, strbuf_str(&b));
}

void cluster_note(struct cluster *c, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        pthread_mutex_lock(&c->notes_mutex);
        if (!strv_has(&c->notes, strbuf_str(&b)))
                strv_add(&c->notes, strbuf_str(&b));
        pthread_mutex_unlock(&c->notes_mutex);
}

/* Found without a third party: the source address the kernel would take towards a global address; nothing is sent. */
int operator_find(struct cluster *c, struct error *err) {
        struct ip6_addr dest, source;
        ip6_parse("2a01:4f8::1", &dest);       /* Hetzner's own range; any global address would do */
        _cleanup_error_ struct error e = ERROR_INIT;
        if (net_source_address(&dest, &source, &e) < 0 || !ip6_is_global(&source)) {
                error_set(err, ERR_UNAVAILABLE, "this machine has no global IPv6 address, and the cluster's nodes have nothing else: they could not be reached%s%s",
                          e.message ? ": " : "", e.message ? e.message : "");
                if (err)
                        err->retryable = false;
                return error_hint(err, "run the command where IPv6 works (a small server at Hetzner, another network, a VPN with IPv6), or give the nodes IPv4 too "
                                       "(ipv4: true in the profile) and still use IPv6 for the operator");
        }
        c->operator_addr = source;
        c->operator_prefix = ip6_mask(&source, 64);
        return 0;
}

/* Does a resolver synthesize addresses for an IPv4-only host, and does something answer there? */
static int probe_dns64(struct cluster *c, const char *resolver, bool *ret_synthesizes, bool *ret_reaches, char **ret_why, struct error *err) {
        struct ip6_addr server;
        if (!ip6_parse(resolver, &server))
                return 0;
        static const char host[] = "ghcr.io";
        struct ip6_addr *answers = NULL;
        size_t n = 0;
        _cleanup_error_ struct error e = ERROR_INIT;
        if (dns_query_aaaa(&server, host, PROBE_MS, c->o.cancel, &answers, &n, &e) < 0) {
                if (e.kind == ERR_CANCELLED)
                        return error_move(err, &e);
                *ret_why = xasprintf("%s: %s", resolver, error_text(&e));
                return 0;
        }
        *ret_synthesizes |= n > 0;
        if (!n)
                *ret_why = xasprintf("%s: has no IPv6 address for %s", resolver, host);
        if (n && net_probe_tcp(&answers[0], 443, PROBE_MS, c->o.cancel, &e) >= 0)
                *ret_reaches = true;
        else if (n)
                *ret_why = xasprintf("%s: the address it makes for %s does not answer on port 443", resolver, host);
        free(answers);
        return cancel_check(c->o.cancel, err);
}

/* One good resolver is enough for a start; none at all is worth a stop only when nothing else would reach the registries. */
int preflight_dns64(struct cluster *c, struct error *err) {
        const struct cluster_spec *s = c->spec;
        _cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
        bool synthesizes = false, reaches = false;
        for (size_t i = 0; i < s->dns64.n && !reaches; i++) {
                _cleanup_str_ char *text = NULL;
                if (probe_dns64(c, s->dns64.items[i], &synthesizes, &reaches, &text, err) < 0)
                        return -1;
                if (text)
                        strbuf_addf(&why, "%s%s", why.len ? "; " : "", text);
        }
        if (reaches || !s->dns64.n) {
                if (!s->dns64.n && !s->n_mirrors && !s->ipv4)
                        cluster_warn(c, "without DNS64, mirrors or IPv4 the nodes cannot pull from ghcr.io, which has no IPv6");
                return 0;
        }
        if (synthesizes || s->n_mirrors || s->ipv4) {
                cluster_warn(c, "DNS64 looks ill from here: %s", strbuf_str(&why));
                return 0;
        }
        error_set(err, ERR_UNAVAILABLE, "none of the DNS64 resolvers works from here, so the nodes could not pull from ghcr.io: %s", strbuf_str(&why));
        return error_hint(err, "choose other resolvers (dns64), a mirror (registries.mirrors), a pull-through proxy (registries.proxy), or ipv4: true");
}

/* The vault against what the cloud shows. */
int preflight_secrets(struct cluster *c, struct error *err) {
        struct vault_options o = vault_options_of(c);
        const char *seen = cloud_uid(c, &c->cloud);
        bool ours = cloud_has_ours(c, &c->cloud, NULL);
        if (!vault_exists(&o)) {
                if (!ours)
                        return 0;
                error_set(err, ERR_REFUSED, "cluster '%s' exists in the cloud, but its secrets are not on this machine: without them it cannot be changed, and new ones are "
                                            "never made over a living cluster", c->name);
                return error_hint(err, "bring %s/%s from the machine that made it, or hcloud-v6 destroy", c->state_dir, c->name);
        }
        if (access_open(c, err) < 0)
                return -1;
        if (cloud_has_ours(c, &c->cloud, c->vault->uid)) {
                if (c->lock.fd >= 0)            /* a run that was killed made its first resource and did not come to this */
                        mark_used(c);
                return 0;
        }
        if (seen)
                return error_set(err, ERR_REFUSED, "the cluster '%s' in this project was made with other secrets (uid %s) than those on this machine (uid %s)", c->name, seen,
                                 c->vault->uid);
        if (!was_used(c))
                return 0;
        error_set(err, ERR_AUTH, "the secrets of cluster '%s' are here, but this project shows nothing of it: another project's token, or destroyed elsewhere", c->name);
        return error_hint(err, "use the token of the right project; if the cluster is gone, hcloud-v6 destroy --forget drops its secrets, then run up again");
}

static void look_inside(struct cluster *c) {
        bool any = false;
        for (size_t i = 0; i < c->n_nodes; i++)
                any |= c->nodes[i].existed && c->nodes[i].control_plane && c->nodes[i].running && c->nodes[i].has_firewall;
        if (!any || !c->vault || !firewall_allows_operator(&c->seen_rules, &c->operator_addr) || access_kube(c, NULL) < 0)
                return;
        struct bootstrap b;
        cluster_bootstrap(c, NULL, &b);
        c->seen = KUBE_SILENT;
        if (bootstrap_look_kube(&b, 8000, &c->kube_view, NULL) >= 0)
                c->seen = KUBE_SEEN;
}

/* A Node outlives its machine's reset (talosctl reset): then the machine stands in maintenance and wants its config again. The Node reads Ready for
 * most of a minute still, while etcd misses the member at once: so control planes are always asked, others when they are silent. */
static bool in_maintenance(struct cluster *c, const struct node *n, bool ready) {
        struct bootstrap b;
        struct talos_view v = { 0 };
        struct bootstrap_node ref = node_ref(n);
        if (!n->running || n->off || !node_gets_push(c, n) || (ready && !n->control_plane))
                return false;
        cluster_bootstrap(c, NULL, &b);
        bool maintenance = bootstrap_look_talos(&b, &ref, 0, &v, NULL) >= 0 && v.condition == TALOS_MAINTENANCE;
        talos_view_done(&v);
        return maintenance;
}

static void judge_nodes(struct cluster *c) {
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                const struct node_view *v = c->seen == KUBE_SEEN ? kube_view_node(&c->kube_view, n->name) : NULL;
                if (!v)
                        continue;
                _cleanup_str_ char *provider = xasprintf("hcloud://%lld", (long long) n->server_id);
                n->stale_node = !n->existed || (v->provider_id && !str_eq(v->provider_id, provider));
                if (n->stale_node)
                        continue;
                n->configured = !in_maintenance(c, n, v->ready);
                n->has_cidr = v->pod_cidr.len != 0;
                struct kvs labels = { 0 };
                struct strv taints = { 0 };
                node_kube_labels(n, &labels, &taints);
                n->labelled = true;
                for (size_t j = 0; j < labels.n; j++)
                        n->labelled &= str_eq(kvs_get(&v->labels, labels.items[j].key), labels.items[j].value);
                for (size_t j = 0; j < taints.n; j++)
                        n->labelled &= strv_has(&v->taints, taints.items[j]);
                kvs_done(&labels);
                strv_done(&taints);
        }
}

static void judge_kube(struct cluster *c) {
        struct ccm_options o = ccm_options_of(c);
        _cleanup_str_ char *hash = bootstrap_ccm_hash(&o);
        if (c->seen != KUBE_SEEN)
                return;
        c->ccm_current = c->kube_view.ccm_present && (!c->kube_view.ccm_ours || str_eq(hash, c->kube_view.ccm_spec_hash));
        for (size_t i = 0; i < c->n_releases; i++) {
                struct release_state *r = &c->releases[i];
                struct helm_release h = { .release = r->addon->name, .namespace_ = r->addon->namespace_, .chart = &r->chart, .values = r->values,
                                          .image = c->spec->helm_image, .mode = c->spec->helm_mode, .before_cni = r->before_cni };
                _cleanup_str_ char *want = bootstrap_release_hash(&h);
                bool deployed = false;
                for (size_t j = 0; j < c->kube_view.n_releases; j++)
                        deployed |= str_eq(c->kube_view.releases[j].name, r->addon->name) && str_eq(c->kube_view.releases[j].status, "deployed");
                r->current = deployed && str_eq(kvs_get(&c->kube_view.chart_hashes, r->addon->name), want);
        }
}

static int judge_firewall(struct cluster *c, struct error *err) {
        if (!c->firewall_id)
                return 0;
        c->operator_allowed = firewall_allows_operator(&c->seen_rules, &c->operator_addr);
        if (!c->operator_allowed && c->o.no_firewall_change) {
                _cleanup_str_ char *p = ip6_prefix_str(&c->operator_prefix);
                error_set(err, ERR_REFUSED, "the cluster's firewall does not let this machine (%s) through, and --no-firewall-change forbids to add it", p);
                return error_hint(err, "leave the flag out, or let an operator who is allowed add --operator %s", p);
        }
        struct hcloud_firewall_rules want = { 0 };
        for (size_t i = 0; i < c->n_nodes; i++)
                if (!c->nodes[i].prefix.len)
                        return 0;                      /* new nodes: it will change */
        if (firewall_wish_rules(c, &want, err) < 0)
                return -1;
        c->firewall_current = hcloud_firewall_rules_equal(&want, &c->seen_rules, false);
        hcloud_firewall_rules_done(&want);
        return 0;
}

int build_pools(struct cluster *c, struct error *err) {
        ARRAY_APPEND(c->pools, c->n_pools, ((struct pool_state) { .spec = &c->spec->control_planes, .control_plane = true }));
        for (size_t i = 0; i < c->spec->n_pools; i++)
                ARRAY_APPEND(c->pools, c->n_pools, ((struct pool_state) { .spec = &c->spec->pools[i] }));
        if (c->scaling)
                scale_lost_pools(c);
        return nodes_build(c, err);
}

/* Certificates begin now: nodes whose clock is behind ours do not take them yet, and we do not take theirs when ours is behind. */
static void preflight_clock(struct cluster *c) {
        int64_t theirs, ours = clock_now_ms(c->clock);
        if (!hcloud_client_server_time(c->hcloud, &theirs) || llabs(ours - theirs) <= CLOCK_OFF_MS)
                return;
        _cleanup_str_ char *span = time_format_span(llabs(ours - theirs));
        cluster_warn(c, "this machine's clock is %s %s Hetzner's: certificates that are made now are refused for that long; set it right first (timedatectl set-ntp true)",
                     span, ours > theirs ? "ahead of" : "behind");
}

int preflight_state(struct cluster *c, struct error *err) {
        _cleanup_str_ char *dir = path_join(c->state_dir, c->name);
        if (dir_make(dir, 0700, err) < 0 || dir_probe_writable(dir, STATE_SPACE, err) < 0)
                return error_hint((error_wrap(err, "the state directory"), err), "set XDG_STATE_HOME to a directory with space that can be written");
        return lock_host(c, err);
}

void choose_pod_rule(struct cluster *c) {
        c->pod_rule = c->spec->pod_cidrs == POD_CIDRS_CCM      ? POD_CIDR_CCM
                      : c->spec->pod_cidrs == POD_CIDRS_CLIENT ? POD_CIDR_CLIENT
                                                               : bootstrap_pod_cidr_auto(c->spec->talos, c->spec->ccm_version);
}

int preflight_up(struct cluster *c, const struct up_options *o, struct error *err) {
        if (!o->dry_run && preflight_state(c, err) < 0)
                return -1;
        if (cloud_observe(c, OBSERVE_UP, &c->cloud, err) < 0)
                return -1;
        preflight_clock(c);
        if (preflight_secrets(c, err) < 0 || access_check_files(c, err) < 0 || operator_find(c, err) < 0 || build_pools(c, err) < 0 ||
            placement_build(c, !o->no_image_build, err) < 0 || cost_build(c, err) < 0)
                return -1;
        if (judge_firewall(c, err) < 0)
                return -1;
        choose_pod_rule(c);
        if (!o->dry_run)
                access_prepare(c);
        bool new_nodes = false;
        for (size_t i = 0; i < c->n_nodes; i++)
                new_nodes |= !c->nodes[i].existed;
        if (new_nodes && !o->skip_preflight_network && preflight_dns64(c, err) < 0)
                return -1;
        if (charts_prepare(c, err) < 0)
                return -1;
        look_inside(c);
        judge_nodes(c);
        judge_kube(c);
        return 0;
}
