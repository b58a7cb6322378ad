/* The part of the world: machines come up and go down, control planes form clusters, API servers listen, kubelets look for
 * them. */
#include "sim/kube/kube.h"
#include "sim/kube/server.h"
#include "sim/real/mirror.h"
#include "sim/talos/talos.h"

#define PROBE_PAUSE_MS 300
#define PROBE_TIMEOUT_MS 2000
#define ETCD_LATENCY_MS 8000             /* estimate: pull and start of etcd */

struct member { uint64_t id; char *hostname; struct ip6_addr addr; int64_t server_id; bool running; };

/* A cluster is its id and its Kubernetes CA. */
struct group {
        struct sim_world *world;
        struct kube_cluster *core;
        struct mirror *mirror;           /* of the real API servers, NULL: the core is the API server */
        char *id, *ca;
        struct member *members;
        size_t n_members;
        struct loop_timer *timer;
        int64_t due_ms;
};

/* What kube knows of one machine: sim_machine.kube. */
struct record {
        struct sim_machine *m;
        struct sim_config *config;       /* NULL while it is down */
        struct group *group;             /* NULL: its cluster was not bootstrapped yet */
        struct kube_machine *node;
        struct kube_server *server;
        struct loop_timer *api_timer, *etcd_timer, *probe_timer;
        struct net_probe *probe;
        unsigned probes;
        bool etcd;
};

struct state { struct group **groups; size_t n_groups; struct record **records; size_t n_records; };

static struct state *state_of(struct sim_world *w) {
        if (!w->kube)
                w->kube = xnew0(struct state);
        return w->kube;
}

/* Does an API server run on this machine? */
static bool has_server(const struct record *r) {
        return r->server || (r->group && r->group->mirror && real_plane_api_ready(r->m));
}

static int64_t env_now(void *data) { return sim_now_ms(((struct group *) data)->world); }
static uint64_t env_random(void *data) { return sim_random(((struct group *) data)->world); }

static struct sim_machine *machine_of(const struct kube_machine *node) {
        const struct record *r = node ? node->owner : NULL;
        return r ? r->m : NULL;
}

static int64_t env_latency(void *data, const struct kube_machine *node, int64_t real_ms) {
        return sim_latency(((struct group *) data)->world, machine_of(node), real_ms);
}

static bool env_fault(void *data, const char *name, const struct kube_machine *node) {
        struct sim_world *w = ((struct group *) data)->world;
        return machine_of(node) ? sim_fault_machine(w, name, machine_of(node)) : sim_fault_on(w, name);
}

static void env_changed(void *data, const struct kube_machine *node) {
        (void) data;
        if (machine_of(node) && machine_of(node)->talos)
                sim_talos_changed(machine_of(node));
}

static void reconcile(void *data) {
        struct group *g = data;
        g->due_ms = 0;
        if (!g->mirror || mirror_is_synced(g->mirror))
                kube_reconcile(g->core);
}

static void env_wake(void *data, int64_t in_ms) {
        struct group *g = data;
        int64_t due = sim_now_ms(g->world) + in_ms;
        if (g->timer && g->due_ms <= due)
                return;
        g->due_ms = due;
        loop_timer_set(g->world->loop, &g->timer, in_ms, reconcile, g);
}

static struct group *group_find(struct state *s, const struct sim_config *config) {
        for (size_t i = 0; i < s->n_groups; i++)
                if (str_eq(s->groups[i]->id, config->cluster_id) && str_eq(s->groups[i]->ca, config->k8s_ca.cert_pem))
                        return s->groups[i];
        return NULL;
}

static char *image_tag(const char *image) {
        const char *colon = image ? strrchr(image, ':') : NULL;
        return colon && !strchr(colon, '/') ? xstrndup(colon + 1, strcspn(colon + 1, "@")) : NULL;
}

static void settings_of(const struct sim_config *config, struct kube_settings *ret) {
        struct kube_settings s = { .cluster_id = xstrdup(config->cluster_id), .cluster_name = xstrdup(config->cluster_name),
                                   .dns_domain = xstrdup(config->dns_domain),
                                   .coredns = !config->coredns_disabled, .proxy = !config->proxy_disabled,
                                   .proxy_image = xstrdup(config->proxy_image),
                                   .talos_api_access = config->talos_api_access };
        s.kubernetes_version = image_tag(config->api_server_image);
        if (!s.kubernetes_version)
                s.kubernetes_version = xstrdup(config->kubernetes_version);
        s.ca.cert_pem = xstrdup(config->k8s_ca.cert_pem);
        s.ca.key_pem = xstrdup(config->k8s_ca.key_pem);
        strv_copy(&s.pod_subnets, &config->pod_subnets);
        strv_copy(&s.talos_api_namespaces, &config->talos_api_namespaces);
        if (config->service_subnets.n == 0 || !ip6_prefix_parse(config->service_subnets.items[0], &s.service_subnet, NULL))
                ip6_prefix_parse("fd40:10:100::/112", &s.service_subnet, NULL);
        *ret = s;
}

/* KubePrism: the API server of one's own machine, else any other of the cluster. */
static struct sim_machine *server_for(void *data, const struct kube_machine *at) {
        const struct group *g = data;
        struct sim_machine *own = machine_of(at);
        const struct state *s = g->world->kube;
        if (own && real_plane_api_ready(own))
                return own;
        for (size_t i = 0; i < s->n_records; i++)
                if (s->records[i]->group == g && real_plane_api_ready(s->records[i]->m))
                        return s->records[i]->m;
        return NULL;
}

static struct group *group_new(struct sim_machine *m, const struct sim_config *config) {
        struct state *s = state_of(m->world);
        struct group *g = xnew0(struct group);
        g->world = m->world;
        g->id = xstrdup(config->cluster_id);
        g->ca = xstrdup(config->k8s_ca.cert_pem);
        if (sim_real_on(m->world)) {
                struct mirror_options o = { .world = m->world, .data = g, .server = server_for, .ca_pem = g->ca };
                _cleanup_error_ struct error err = ERROR_INIT;
                if (mirror_new(&o, &g->mirror, &err) < 0)
                        sim_say(m->world, "%s: Kubernetes is the double's: %s", m->name, error_text(&err));
        }
        struct kube_env env = { .data = g, .now_ms = env_now, .latency = env_latency, .random = env_random, .wake = env_wake,
                                .fault = env_fault, .changed = env_changed, .remote = g->mirror ? mirror_remote(g->mirror) : NULL };
        struct kube_settings settings;
        settings_of(config, &settings);
        g->core = kube_cluster_new(&env, &settings);
        if (g->mirror)
                mirror_attach(g->mirror, g->core);
        ARRAY_APPEND(s->groups, s->n_groups, g);
        return g;
}

static void server_stop(struct record *r) {
        loop_timer_cancel(&r->api_timer);
        loop_timer_cancel(&r->etcd_timer);
        kube_server_free(TAKE(r->server));
        r->etcd = false;
}

static void group_free(struct state *s, struct group *g) {
        for (size_t i = 0; i < s->n_records; i++)
                if (s->records[i]->group == g) {
                        server_stop(s->records[i]);
                        s->records[i]->group = NULL;
                        s->records[i]->node = NULL;
                }
        loop_timer_cancel(&g->timer);
        kube_cluster_free(g->core);
        mirror_free(g->mirror);
        for (size_t i = 0; i < g->n_members; i++)
                free(g->members[i].hostname);
        free(g->members);
        free(g->id);
        free(g->ca);
        free(g);
        for (size_t i = 0; i < s->n_groups; i++)
                if (s->groups[i] == g) {
                        memmove(&s->groups[i], &s->groups[i + 1], (s->n_groups - i - 1) * sizeof(*s->groups));
                        s->n_groups--;
                        break;
                }
}

static void add_taint(struct kube_node_settings *s, const char *key, const char *value, const char *effect, bool at_registration) {
        struct kube_taint t = { xstrdup(key), xstrdup(value), xstrdup(effect), at_registration };
        ARRAY_APPEND(s->taints, s->n_taints, t);
}

/* KubeletConfiguration's registerWithTaints; and the kubelet's argument, "key=value:Effect,…". */
static void registration_taints(struct kube_node_settings *s, const struct sim_config *config) {
        const char *argument = kvs_get(&config->kubelet_args, "register-with-taints");
        _cleanup_strv_ struct strv parts = { 0 };
        size_t i;
        json_t *each;
        json_array_foreach(json_object_get(config->kubelet_extra_config, "registerWithTaints"), i, each)
                add_taint(s, jget_text(each, "key"), jget_text(each, "value"), jget_text(each, "effect"), true);
        if (!str_empty(argument))
                strv_split(&parts, argument, ',');
        for (i = 0; i < parts.n; i++) {
                const char *colon = strrchr(parts.items[i], ':'), *equals = strchr(parts.items[i], '=');
                if (!colon)
                        continue;
                _cleanup_str_ char *key = xstrndup(parts.items[i], (size_t) ((equals ? equals : colon) - parts.items[i]));
                _cleanup_str_ char *value = equals ? xstrndup(equals + 1, (size_t) (colon - equals - 1)) : NULL;
                add_taint(s, key, value, colon + 1, true);
        }
}

static void node_settings_of(const struct sim_machine *m, const struct sim_config *config, struct kube_node_settings *ret) {
        struct kube_node_settings s = {
                .name = xstrdup(sim_talos_hostname(m) ? sim_talos_hostname(m) :
                                m->name), .server_id = m->server_id, .location = xstrdup(m->location),
                .network_zone = xstrdup(m->network_zone), .server_type = xstrdup(m->server_type), .arch = xstrdup(m->arch),
                .talos_version = xstrdup(m->talos_version), .kubernetes_version = xstrdup(config->kubernetes_version),
                .kubelet_image = xstrdup(config->kubelet_image), .cluster_name = xstrdup(config->cluster_name), .addr = m->addr,
                .prefix = m->prefix,
                .cores = m->cores, .memory_gib = m->memory_gib, .disk_gb = m->disk_gb, .control_plane = config->control_plane,
                .allow_scheduling = config->allow_scheduling, .external_cloud_provider = config->external_cloud_provider,
                .rotate_certificates = str_eq(kvs_get(&config->kubelet_args, "rotate-server-certificates"), "true"),
                .cni_built_in = str_eq(config->cni, "flannel"), .bootstrap_token = xstrdup(config->bootstrap_token),
                .prism_port = config->kube_prism ? config->kube_prism_port : 0,
        };
        /* Which address the kubelet takes: one inside validSubnets (talos: k8s.NodeIPController). Without any it does not
         * start. */
        s.has_node_ip = config->node_ip_subnets.n == 0;
        for (size_t i = 0; i < config->node_ip_subnets.n; i++) {
                struct ip6_prefix p;
                s.has_node_ip |= ip6_prefix_parse(config->node_ip_subnets.items[i], &p, NULL) && ip6_prefix_has(&p, &m->addr);
        }
        if (json_is_true(json_object_get(config->kubelet_extra_config, "serverTLSBootstrap")))
                s.rotate_certificates = true;
        strv_copy(&s.resolvers, &config->nameservers);
        for (size_t i = 0; i < config->n_mirrors; i++)
                if (config->mirrors[i].endpoints.n > 0)
                        strv_add(&s.mirrors, config->mirrors[i].host);
        kvs_copy(&s.labels, &config->node_labels);
        kvs_copy(&s.annotations, &config->node_annotations);
        for (size_t i = 0; i < config->n_node_taints; i++)
                add_taint(&s, config->node_taints[i].key, config->node_taints[i].value, config->node_taints[i].effect, false);
        registration_taints(&s, config);
        *ret = s;
}

static void probe_start(void *data);

static void probe_done(void *data, bool reached) {
        struct record *r = data;
        if (!reached || !r->node) {
                loop_timer_set(r->m->world->loop, &r->probe_timer, PROBE_PAUSE_MS, probe_start, r);
                return;
        }
        r->node->reached = true;
        r->group->core->dirty = true;
        env_wake(r->group, 0);
}

/* An API server that runs, for nodes that learn of it by discovery; NULL when there is none. */
static const struct record *other_server(const struct record *r) {
        const struct state *s = r->m->world->kube;
        for (size_t i = 0; i < s->n_records; i++)
                if (s->records[i]->group == r->group && has_server(s->records[i]))
                        return s->records[i];
        return NULL;
}

/* The kubelet asks KubePrism, which knows the cluster's endpoint, the API server of its own machine, and the discovered ones. */
static void probe_start(void *data) {
        struct record *r = data;
        struct ip6_addr dest;
        unsigned port = r->config->endpoint_port ? r->config->endpoint_port : 6443;
        if (!r->node || r->node->reached)
                return;
        if (has_server(r)) {
                probe_done(r, true);
                return;
        }
        bool literal = ip6_parse(r->config->endpoint_host ? r->config->endpoint_host : "", &dest);
        bool discovered = !literal || (r->config->discovery && r->probes++ % 2 == 1);
        if (discovered) {
                const struct record *other = other_server(r);
                if (!other) {
                        loop_timer_set(r->m->world->loop, &r->probe_timer, PROBE_PAUSE_MS, probe_start, r);
                        return;
                }
                dest = other->m->addr;
                port = other->config->api_port ? other->config->api_port : 6443;
        }
        net_probe_start(r->m->world->loop, &r->m->addr, &dest, port, PROBE_TIMEOUT_MS, probe_done, r, &r->probe);
}

static void api_start(void *data) {
        struct record *r = data;
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_strv_ struct strv names = { 0 };
        struct ip6_addr *addresses = xcalloc(r->config->api_server_cert_sans.n + 1, sizeof(*addresses));
        size_t n = 0;
        strv_add(&names, r->node ? r->node->settings.name : r->m->name);
        for (size_t i = 0; i <= r->config->api_server_cert_sans.n; i++) {
                const char *san = i < r->config->api_server_cert_sans.n ? r->config->api_server_cert_sans.items[i] : r->config->endpoint_host;
                if (san && ip6_parse(san, &addresses[n]))
                        n++;
                else if (!str_empty(san))
                        strv_add(&names, san);
        }
        struct kube_server_options o = { .world = r->m->world, .loop = r->m->world->loop, .cluster = r->group->core,
                                         .addr = r->m->addr,
                                         .port = r->config->api_port ? r->config->api_port : 6443, .dns_names = &names,
                                         .addresses = addresses, .n_addresses = n };
        if (kube_server_new(&o, &r->server, &err) < 0)
                sim_say(r->m->world, "%s: %s", r->m->name, error_text(&err));
        free(addresses);
        env_changed(NULL, r->node);
}

static void etcd_start(void *data) {
        struct record *r = data;
        r->etcd = true;
        if (r->m->talos)
                sim_talos_changed(r->m);
}

/* What the real programs report (sim/real/real.h). */
static void real_etcd_changed(void *data, struct sim_machine *m) {
        struct record *r = m->kube;
        (void) data;
        if (!r || r->etcd == real_plane_etcd_running(m))
                return;
        r->etcd = real_plane_etcd_running(m);
        if (m->talos)
                sim_talos_changed(m);
}

static void real_servers_changed(void *data, struct sim_machine *m) {
        struct record *r = m->kube;
        (void) data;
        if (!r || !r->group || !r->group->mirror)
                return;
        mirror_servers_changed(r->group->mirror);
        env_changed(NULL, r->node);
}

static int part_start(struct sim_world *w, struct error *err) {
        (void) err;
        if (sim_real_on(w))
                real_listen(w, &(struct real_listener) { .data = w, .etcd_changed = real_etcd_changed, .api_up = real_servers_changed,
                                                      .api_down = real_servers_changed });
        return 0;
}

static void control_plane_start(struct record *r, bool bootstrap, bool fresh) {
        struct sim_world *w = r->m->world;
        struct group *g = r->group;
        bool known = false;
        for (size_t i = 0; i < g->n_members; i++)
                if (g->members[i].server_id == r->m->server_id)
                        known = g->members[i].running = true;
        if (!known) {
                struct member member = { .id = sim_random(w) | 1u, .hostname = xstrdup(r->node->settings.name),
                                         .addr = r->m->addr, .server_id = r->m->server_id,
                                         .running = true };
                ARRAY_APPEND(g->members, g->n_members, member);
        }
        if (sim_real_on(w)) {
                real_plane_start(r->m, r->config, bootstrap);
                return;
        }
        r->m->etcd_data = true;
        loop_timer_set(w->loop, &r->etcd_timer, sim_latency(w, r->m, ETCD_LATENCY_MS), etcd_start, r);
        loop_timer_set(w->loop, &r->api_timer, sim_latency(w, r->m, fresh ? LATENCY_API_SERVER : LATENCY_API_RESTART), api_start,
                       r);
}

static bool group_alive(const struct group *g) {
        for (size_t i = 0; i < g->n_members; i++)
                if (g->members[i].running)
                        return true;
        return false;
}

/* The machine's kubelet begins to belong to a cluster that exists. */
static void attach(struct record *r, struct group *g) {
        struct kube_node_settings settings;
        node_settings_of(r->m, r->config, &settings);
        r->group = g;
        r->node = kube_machine_find(g->core, settings.name);
        if (r->node) {
                kube_node_settings_done(&r->node->settings);
                r->node->settings = settings;
        } else {
                r->node = kube_machine_add(g->core, &settings);
        }
        r->node->owner = r;
        if (!r->node->settings.has_node_ip) {
                sim_say(r->m->world, "%s: no suitable node IP found, the kubelet does not start", r->m->name);
                return;
        }
        if (!r->node->up)
                kube_machine_up(r->node);
        loop_timer_set(r->m->world->loop, &r->probe_timer, 0, probe_start, r);
}

static struct record *record_of(struct sim_machine *m) {
        struct state *s = state_of(m->world);
        if (!m->kube) {
                struct record *r = xnew0(struct record);
                r->m = m;
                m->kube = r;
                ARRAY_APPEND(s->records, s->n_records, r);
        }
        return m->kube;
}

static void set_config(struct record *r, const struct sim_config *config) {
        struct sim_config *old = r->config;
        r->config = sim_config_ref(config);
        if (old)
                sim_config_unref(old);
}

void sim_kube_bootstrap(struct sim_machine *m, const struct sim_config *config) {
        struct state *s = state_of(m->world);
        struct record *r = record_of(m);
        set_config(r, config);
        struct group *old = group_find(s, config);
        if (old && group_alive(old))
                return;
        if (old)                         /* its data went with the last member */
                group_free(s, old);
        struct group *g = group_new(m, config);
        for (size_t i = 0; i < s->n_records; i++)
                if (s->records[i]->config && !s->records[i]->group && group_find(s, s->records[i]->config) == g)
                        attach(s->records[i], g);
        if (r->group != g)
                attach(r, g);
        control_plane_start(r, true, true);
        /* Control planes that were waiting for an etcd to join. */
        for (size_t i = 0; i < s->n_records; i++)
                if (s->records[i] != r && s->records[i]->group == g && s->records[i]->config->control_plane)
                        control_plane_start(s->records[i], false, true);
}

void sim_kube_node_up(struct sim_machine *m, const struct sim_config *config) {
        struct state *s = state_of(m->world);
        struct record *r = record_of(m);
        bool was_up = r->config != NULL && r->group;
        set_config(r, config);
        struct group *g = group_find(s, config);
        if (!g || (config->control_plane && !m->etcd_data && !group_alive(g)))
                return;
        attach(r, g);
        if (config->control_plane && !was_up)
                control_plane_start(r, false, !m->etcd_data);
}

static void stop(struct record *r) {
        server_stop(r);
        real_plane_stop(r->m);
        loop_timer_cancel(&r->probe_timer);
        net_probe_cancel(&r->probe);
        if (r->group)
                for (size_t i = 0; i < r->group->n_members; i++)
                        if (r->group->members[i].server_id == r->m->server_id)
                                r->group->members[i].running = false;
        if (r->node) {
                kube_machine_down(r->node);
                r->node->owner = NULL;
        }
        r->node = NULL;
        r->group = NULL;
        if (r->config)
                sim_config_unref(r->config);
        r->config = NULL;
}

void sim_kube_node_down(struct sim_machine *m) {
        if (m->kube)
                stop(m->kube);
}

size_t sim_kube_etcd_members(struct sim_machine *m, struct sim_etcd_member *ret, size_t max) {
        const struct record *r = m->kube;
        size_t n = 0;
        if (sim_real_on(m->world))
                return real_etcd_members(m, ret, max);
        for (size_t i = 0; r && r->group && i < r->group->n_members && n < max; i++) {
                const struct member *member = &r->group->members[i];
                ret[n++] = (struct sim_etcd_member) { member->id, member->hostname, member->addr, false };
        }
        return n;
}

#define MEMBERS_MAX 16

/* Ours is only the list of those that a restart counts on; etcd's own ids are different. */
static bool real_member_remove(struct sim_machine *m, uint64_t id) {
        struct sim_etcd_member all[MEMBERS_MAX];
        const struct record *r = m->kube;
        struct group *g = r ? r->group : NULL;
        size_t n = real_etcd_members(m, all, ARRAY_SIZE(all));
        for (size_t i = 0; g && i < n; i++)
                for (size_t k = 0; all[i].id == id && k < g->n_members; k++)
                        if (ip6_equal(&g->members[k].addr, &all[i].addr)) {
                                free(g->members[k].hostname);
                                memmove(&g->members[k], &g->members[k + 1], (g->n_members - k - 1) * sizeof(*g->members));
                                g->n_members--;
                                break;
                        }
        return real_etcd_remove(m, id);
}

bool sim_kube_etcd_remove(struct sim_machine *m, uint64_t id) {
        const struct record *r = m->kube;
        if (sim_real_on(m->world))
                return real_member_remove(m, id);
        for (size_t i = 0; r && r->group && i < r->group->n_members; i++) {
                struct group *g = r->group;
                if (g->members[i].id != id)
                        continue;
                struct sim_machine *gone = sim_machine_by_id(m->world, g->members[i].server_id);
                free(g->members[i].hostname);
                memmove(&g->members[i], &g->members[i + 1], (g->n_members - i - 1) * sizeof(*g->members));
                g->n_members--;
                if (gone && gone->kube)
                        server_stop(gone->kube);
                return true;
        }
        return false;
}

bool sim_kube_etcd_running(struct sim_machine *m) {
        const struct record *r = m->kube;
        return r && r->etcd;
}

bool sim_kube_node_ready(struct sim_machine *m) {
        const struct record *r = m->kube;
        return r && r->node && meta_condition_is(kube_find(r->group->core, "", "nodes", NULL, r->node->settings.name), "Ready",
                                                 "True");
}

bool sim_kube_node_pod_cidr(struct sim_machine *m, struct ip6_prefix *ret) {
        const struct record *r = m->kube;
        const json_t *node = r && r->node ? kube_find(r->group->core, "", "nodes", NULL, r->node->settings.name) : NULL;
        const char *text = jget_text(node, "spec.podCIDR");
        return text && ip6_prefix_parse(text, ret, NULL);
}

static json_t *machine_state(struct sim_machine *m) {
        const struct record *r = m->kube;
        if (!r || !r->node)
                return NULL;
        json_t *out = kube_node_state(r->node);
        json_object_set_new(out, "etcd", json_boolean(sim_kube_etcd_running(m)));
        json_object_set_new(out, "apiServer", json_boolean(has_server(r)));
        if (has_server(r)) {
                json_t *cluster = kube_cluster_state(r->group->core);
                if (r->group->mirror)
                        json_object_set_new(cluster, "refused", mirror_state(r->group->mirror));
                json_object_set_new(out, "cluster", cluster);
        }
        return out;
}

static void machine_gone(struct sim_machine *m) {
        struct state *s = m->world->kube;
        struct record *r = m->kube;
        if (!r)
                return;
        stop(r);
        if (sim_real_on(m->world))
                real_plane_wipe(m);
        loop_forget(m->world->loop, r);
        m->kube = NULL;
        for (size_t i = 0; i < s->n_records; i++)
                if (s->records[i] == r) {
                        memmove(&s->records[i], &s->records[i + 1], (s->n_records - i - 1) * sizeof(*s->records));
                        s->n_records--;
                        break;
                }
        free(r);
}

static void part_stop(struct sim_world *w) {
        struct state *s = w->kube;
        if (!s)
                return;
        for (size_t i = 0; i < s->n_records; i++) {
                struct record *r = s->records[i];
                server_stop(r);
                loop_timer_cancel(&r->probe_timer);
                net_probe_cancel(&r->probe);
                if (r->config)
                        sim_config_unref(r->config);
                r->group = NULL;
                r->node = NULL;
        }
        while (s->n_groups > 0)
                group_free(s, s->groups[s->n_groups - 1]);
        for (size_t i = 0; i < s->n_records; i++)
                free(s->records[i]);
        free(s->groups);
        free(s->records);
        free(s);
        w->kube = NULL;
}

const struct sim_part sim_kube_part = { .name = "kubernetes", .start = part_start, .stop = part_stop, .machine_state = machine_state,
                                        .machine_gone = machine_gone };
