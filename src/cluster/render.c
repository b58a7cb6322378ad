/* From profile and secrets to a machine config of one node. */
#include "base/secret.h"
#include "cluster/model.h"
#include "talos/config.h"
#include "talos/patch.h"

bool node_gets_push(const struct cluster *c, const struct node *n) {
        switch (c->spec->delivery) {
        case DELIVERY_PUSH: return true;
        case DELIVERY_USER_DATA: return false;
        case DELIVERY_AUTO: break;
        }
        return n->control_plane;
}

/* Talos 1.14 checks in its own form that the pod subnet holds a node's part, and at most 2^16 of them (talos: KubeNetworkConfig). */
static unsigned pod_node_mask(const struct cluster_spec *s) {
        struct ip6_prefix p;

        if (!talos_contract_at_least(&s->contract, 1, 14) || !ip6_prefix_parse(s->pod_subnet, &p, NULL))
                return 112;
        return p.len > 112 ? p.len : p.len + 16 < 112 ? p.len + 16 : 112;
}

static void common_input(struct cluster *c, const struct node *n, const char *endpoint, struct talos_config_input *in) {
        const struct cluster_spec *s = c->spec;
        in->type = n->control_plane ? TALOS_CONTROL_PLANE : TALOS_WORKER;
        in->secrets = c->vault->secrets;
        in->cluster_name = c->name;
        in->endpoint = endpoint;
        in->kubernetes_version = s->kubernetes;
        strv_add(&in->pod_subnets, s->pod_subnet);
        strv_add(&in->service_subnets, s->service_subnet);
        in->allow_scheduling_on_control_planes = s->control_planes_schedulable;
        in->node_address = n->addr;
        in->has_node_address = n->prefix.len > 0;      /* written for a role: not known yet */
        if (s->dns64.n) {
                strv_copy(&in->nameservers, &s->dns64);
        } else {                        /* Hetzner's own, which nodes would not take from the metadata by themselves */
                strv_add(&in->nameservers, "2a01:4ff:ff00::add:1");
                strv_add(&in->nameservers, "2a01:4ff:ff00::add:2");
        }
        strv_copy(&in->ntp_servers, &s->ntp);
        in->disable_discovery = s->discovery == DISCOVERY_OFF || (s->discovery == DISCOVERY_AUTO && s->control_planes.count == 1);
        in->cni_none = in->disable_proxy = in->external_cloud_provider = in->rotate_server_certificates = true;
        in->no_dns_forward = in->talos_api_access = in->forward_ipv6 = true;
        in->private_interface = c->use_network;
        if (c->use_network && n->private_ip) {
                in->private_address = n->private_ip;
                in->private_range = s->network_range;
        }
        /* The pod network is a dummy: without the override kube-controller-manager refuses its size; its own allocator is off, since nodes get
         * their pod CIDRs from their own /64. */
        in->pod_node_mask = pod_node_mask(s);
        kvs_set(&in->controller_manager_extra_args, "controllers", "*,-node-ipam-controller");
}

static void input_done(struct talos_config_input *in) {
        strv_done(&in->pod_subnets);
        strv_done(&in->service_subnets);
        strv_done(&in->nameservers);
        strv_done(&in->ntp_servers);
        kvs_done(&in->controller_manager_extra_args);
        free((void *) in->mirrors);
        free((void *) in->auths);
}

static void registries_input(const struct cluster_spec *s, struct talos_config_input *in) {
        struct talos_mirror *mirrors = s->n_mirrors ? xcalloc(s->n_mirrors, sizeof(*mirrors)) : NULL;
        for (size_t i = 0; i < s->n_mirrors; i++)
                mirrors[i] = (struct talos_mirror) { .registry = s->mirrors[i].registry, .endpoints = s->mirrors[i].endpoints,
                                                     .override_path = s->mirrors[i].override_path, .skip_fallback = s->mirrors[i].skip_fallback };
        struct talos_registry_auth *auths = s->n_auths ? xcalloc(s->n_auths, sizeof(*auths)) : NULL;
        for (size_t i = 0; i < s->n_auths; i++)
                auths[i] = (struct talos_registry_auth) { .registry = s->auths[i].registry, .username = s->auths[i].username, .password = s->auths[i].password,
                                                          .token = s->auths[i].token };
        in->mirrors = mirrors, in->n_mirrors = s->n_mirrors;
        in->auths = auths, in->n_auths = s->n_auths;
}

static int apply_patches(const struct spec_patch *p, size_t n, struct yaml_docs *config, struct error *err) {
        for (size_t i = 0; i < n; i++)
                if ((p[i].tree ? talos_patch_apply_tree(config, p[i].name, p[i].tree, err)
                               : talos_patch_apply(config, p[i].name, p[i].text, strlen(p[i].text), err)) < 0)
                        return -1;
        return 0;
}

/* "10.0.0.1", the first address of the network, which is Hetzner's gateway. */
static char *gateway_of(const char *range) {
        _cleanup_str_ char *base = xstrdup(range);
        char *slash = strchr(base, '/'), *dot;
        if (slash)
                *slash = '\0';
        dot = strrchr(base, '.');
        if (!dot)
                return NULL;
        *dot = '\0';
        return xasprintf("%s.1", base);
}

int render_config_at(struct cluster *c, const struct node *n, const char *endpoint, char **ret, struct error *err) {
        const struct cluster_spec *s = c->spec;
        struct talos_config_input in = { .contract = s->contract };
        common_input(c, n, endpoint, &in);
        registries_input(s, &in);
        _cleanup_str_ char *gateway = in.private_range ? gateway_of(in.private_range) : NULL;
        in.private_gateway = gateway;
        struct yaml_docs docs = { 0 };
        int rc = talos_config_generate(&in, &docs, err);
        input_done(&in);
        if (rc < 0)
                return -1;
        rc = apply_patches(s->patches_all, s->n_patches_all, &docs, err);
        if (rc >= 0)
                rc = n->control_plane ? apply_patches(s->patches_control_plane, s->n_patches_control_plane, &docs, err)
                                      : apply_patches(s->patches_worker, s->n_patches_worker, &docs, err);
        struct talos_contract release = { 0 };
        if (rc >= 0)
                rc = talos_contract_parse(s->talos, &release, err);
        if (rc >= 0)
                rc = talos_config_check_release(&docs, &release, err);
        if (rc >= 0)
                rc = talos_config_validate(&docs, in.type, err);
        if (rc >= 0)
                *ret = talos_config_write(&docs);
        yaml_docs_done(&docs);
        return rc;
}

int render_config(struct cluster *c, const struct node *n, char **ret, struct error *err) {
        _cleanup_str_ char *endpoint = cluster_endpoint(c);
        if (!endpoint)
                return error_set(err, ERR_BUG, "the config of '%s' was asked for before the endpoint is known", n->name);
        if (render_config_at(c, n, endpoint, ret, err) < 0)
                return error_wrap(err, "machine config of '%s'", n->name);
        return 0;
}

/* Nothing fails then: the node only never gets them, and Talos' log alone says why. */
static void warn_of_refusals(struct cluster *c, const struct pool_state *pool, const char *text) {
        struct yaml_docs docs = { 0 };
        _cleanup_error_ struct error ignored = ERROR_INIT;
        if (pool->control_plane || yaml_parse("machine config", text, strlen(text), &docs, &ignored) < 0)
                return;
        _cleanup_str_ char *refused = talos_config_worker_refusal(&docs);
        if (refused)
                cluster_warn(c, "pool '%s': the patches set the %s, which Kubernetes takes from no worker (NodeRestriction), and refuses all labels and taints of its "
                             "machine config with it; 'labels' and 'taints' of the pool are set through the Kubernetes API", pool->spec->name, refused);
        talos_config_done(&docs);
}

/* With addresses of the documentation range, in the longest form there is. */
int render_check(struct cluster *c, struct error *err) {
        for (size_t i = 0; i < c->n_pools; i++) {
                struct node n = { .c = c, .pool = &c->pools[i], .control_plane = c->pools[i].control_plane, .index = 1 };
                ip6_prefix_parse("2001:db8:ffff:ffff::/64", &n.prefix, NULL);
                n.addr = ip6_host(&n.prefix, 1);
                _cleanup_str_ char *name = name_node(c->name, c->pools[i].spec->name, 1), *ip = xstrdup("10.0.255.255");
                n.name = name;
                n.private_ip = ip;
                char *text = NULL, *packed = NULL;
                int rc = render_config_at(c, &n, "https://[2001:db8:ffff:ffff::1]:6443", &text, err);
                if (rc >= 0 && !node_gets_push(c, &n))
                        rc = talos_user_data_encode(name, text, &packed, err);
                if (rc >= 0)
                        warn_of_refusals(c, &c->pools[i], text);
                secret_free(text);
                secret_free(packed);
                if (rc < 0)
                        return error_wrap(err, "machine config of pool '%s'", c->pools[i].spec->name);
        }
        return 0;
}

static void set_path(struct yaml_node *values, const char *dotted, struct yaml_node *value) {
        _cleanup_strv_ struct strv parts = { 0 };
        strv_split(&parts, dotted, '.');
        struct yaml_node *at = values;
        for (size_t i = 0; i + 1 < parts.n; i++)
                at = yaml_set_map(at, parts.items[i]);
        yaml_set(at, parts.items[parts.n - 1], value);
}

static struct yaml_node *list_of(const char *const *items) {
        struct yaml_node *seq = yaml_new_seq();
        for (size_t i = 0; items[i]; i++)
                yaml_append(seq, yaml_new_str(items[i]));
        return seq;
}

/* The blog's values without what no chart reads, plus what an IPv6-only cluster on Talos needs; the profile's are laid over them. */
char *cilium_values(const struct cluster *c) {
        static const char *const agent[] = { "CHOWN", "KILL", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "SYS_ADMIN", "SYS_RESOURCE", "DAC_OVERRIDE", "FOWNER", "SETGID",
                                             "SETUID", NULL };
        static const char *const clean[] = { "NET_ADMIN", "SYS_ADMIN", "SYS_RESOURCE", NULL };
        _cleanup_(yaml_freep) struct yaml_node *v = yaml_new_map();
        set_path(v, "cluster.name", yaml_new_str(c->name));
        set_path(v, "cluster.id", yaml_new_int(0));
        /* KubePrism listens on 127.0.0.1 only, on every node. */
        set_path(v, "k8sServiceHost", yaml_new_str("127.0.0.1"));
        set_path(v, "k8sServicePort", yaml_new_str("7445"));
        set_path(v, "ipv4.enabled", yaml_new_bool(false));
        set_path(v, "ipv6.enabled", yaml_new_bool(true));
        set_path(v, "routingMode", yaml_new_str("native"));
        set_path(v, "kubeProxyReplacement", yaml_new_bool(true));
        set_path(v, "bpf.masquerade", yaml_new_bool(false));
        set_path(v, "loadBalancer.acceleration", yaml_new_str("disabled"));
        set_path(v, "ipam.mode", yaml_new_str("kubernetes"));
        /* The agent waits until its Node has a pod CIDR. */
        set_path(v, "k8s.requireIPv4PodCIDR", yaml_new_bool(false));
        set_path(v, "k8s.requireIPv6PodCIDR", yaml_new_bool(true));
        set_path(v, "enableIPv4Masquerade", yaml_new_bool(false));
        set_path(v, "enableIPv6Masquerade", yaml_new_bool(false));
        set_path(v, "cgroup.autoMount.enabled", yaml_new_bool(false));
        set_path(v, "cgroup.hostRoot", yaml_new_str("/sys/fs/cgroup"));
        set_path(v, "securityContext.capabilities.ciliumAgent", list_of(agent));
        set_path(v, "securityContext.capabilities.cleanCiliumState", list_of(clean));
        /* Two operators on one node never both become ready: they refuse to share a host. */
        set_path(v, "operator.replicas", yaml_new_int(cluster_spec_nodes(c->spec) > 1 ? 2 : 1));
        set_path(v, "hubble.enabled", yaml_new_bool(false));
        yaml_overlay(v, c->spec->cilium.values);
        return yaml_write(v, 2);
}
