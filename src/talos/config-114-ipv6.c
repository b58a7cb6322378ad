/* What a cluster without IPv4 needs beyond what Talos generates, in the documents of contract 1.14. The same options as in config-ipv6.c, which says why
 * each is there. */
#include "talos/config-private.h"

/* The document of a kind, made before the first of the other kind when there is none: documents stay in the order of Talos' generator. */
static struct yaml_node *document_before(struct yaml_docs *config, const char *kind, const char *name, const char *before) {
        struct yaml_node *d = config_document(config, kind, name);
        size_t at = 0;

        while (at + 1 < config->n && !str_eq(yaml_str(yaml_get(config->items[at], "kind")), before))
                at++;
        memmove(&config->items[at + 1], &config->items[at], (config->n - 1 - at) * sizeof *config->items);
        config->items[at] = d;
        return d;
}

static struct yaml_node *sysctls(struct yaml_docs *config) {
        struct yaml_node *d = config_find_document(config, "SysctlConfig");

        return yaml_set_map(d ? d : document_before(config, "SysctlConfig", NULL, "VolumeConfig"), "params");
}

static void pin_address(const struct talos_config_input *in, struct yaml_docs *config) {
        char text[IP6_STR_MAX];

        ip6_format(&in->node_address, text);
        _cleanup_str_ char *subnet = xasprintf("%s/128", text);
        config_add_text(config_map(config->items[0], "machine"), "certSANs", text);
        config_add_text(config_map(config_find_document(config, "KubeNodeConfig"), "nodeIP"), "validSubnets", subnet);
        if (in->type != TALOS_CONTROL_PLANE)
                return;
        config_add_text(config_find_document(config, "KubeAPIServerConfig"), "certExtraSANs", text);
        config_add_text(config_map(config->items[0], "cluster.etcd"), "advertisedSubnets", subnet);
}

static void add_resolvers_and_time(const struct talos_config_input *in, struct yaml_docs *config) {
        struct yaml_node *resolver = config_find_document(config, "ResolverConfig"), *time;

        for (size_t i = 0; i < in->nameservers.n; i++) {
                struct yaml_node *one = yaml_new_map();
                yaml_append(yaml_set_seq(resolver, "nameservers"), one);
                yaml_set_str(one, "address", in->nameservers.items[i]);
        }
        if (in->nameservers.n)
                yaml_set_bool(yaml_set_map(resolver, "searchDomains"), "disableDefault", true);
        if (in->no_dns_forward)
                yaml_set_bool(yaml_set_map(resolver, "hostDNS"), "forwardKubeDNSToHost", false);
        if (!in->ntp_servers.n)
                return;
        time = document_before(config, "TimeSyncConfig", NULL, "KubeClusterConfig");
        yaml_set_bool(time, "enabled", true);
        config_add_texts(yaml_set_map(time, "ntp"), "servers", &in->ntp_servers);
}

/* A LinkConfig ends Talos' DHCP on every link that no platform and no document configures (talos: config/container RunDefaultDHCPOperators()). The public
 * interface is configured by Hetzner's metadata, so it goes on as before. */
static void add_private_interface(const struct talos_config_input *in, struct yaml_docs *config) {
        struct yaml_node *link = document_before(config, "LinkConfig", "eth1", "KubeClusterConfig"), *address, *to_gateway, *to_range;

        if (!in->private_address)
                return;
        yaml_set_int(link, "mtu", 1450);
        address = yaml_new_map();
        yaml_append(yaml_set_seq(link, "addresses"), address);
        yaml_set(address, "address", yaml_new_strf("%s/32", in->private_address));
        if (!in->private_gateway || !in->private_range)
                return;
        to_gateway = yaml_new_map();
        to_range = yaml_new_map();
        yaml_append(yaml_set_seq(link, "routes"), to_gateway);
        yaml_append(yaml_set_seq(link, "routes"), to_range);
        yaml_set(to_gateway, "destination", yaml_new_strf("%s/32", in->private_gateway));
        yaml_set_str(to_range, "destination", in->private_range);
        yaml_set_str(to_range, "gateway", in->private_gateway);
}

static void add_registries(const struct talos_config_input *in, struct yaml_docs *config) {
        for (size_t i = 0; i < in->n_mirrors; i++) {
                const struct talos_mirror *m = &in->mirrors[i];
                struct yaml_node *d = document_before(config, "RegistryMirrorConfig", m->registry, "HostnameConfig");
                for (size_t j = 0; j < m->endpoints.n; j++) {
                        struct yaml_node *endpoint = yaml_new_map();
                        yaml_append(yaml_set_seq(d, "endpoints"), endpoint);
                        yaml_set_str(endpoint, "url", m->endpoints.items[j]);
                        if (m->override_path)
                                yaml_set_bool(endpoint, "overridePath", true);
                }
                if (m->skip_fallback)
                        yaml_set_bool(d, "skipFallback", true);
        }
        for (size_t i = 0; i < in->n_auths; i++) {
                const struct talos_registry_auth *a = &in->auths[i];
                struct yaml_node *d = document_before(config, "RegistryAuthConfig", a->registry, "HostnameConfig");
                if (a->username)
                        yaml_set_str(d, "username", a->username);
                if (a->password)
                        yaml_set_str(d, "password", a->password);
                if (a->token)
                        yaml_set_str(d, "identityToken", a->token);
        }
}

static void add_node(const struct talos_config_input *in, struct yaml_docs *config) {
        struct yaml_node *node = config_find_document(config, "KubeNodeConfig"), *kubelet = config_find_document(config, "KubeletConfig"), *access;

        config_add_pairs(node, "labels", &in->node_labels);
        config_add_pairs(node, "taints", &in->node_taints);
        for (size_t i = 0; i < in->sysctls.n; i++)
                yaml_set_str(sysctls(config), in->sysctls.items[i].key, in->sysctls.items[i].value);
        if (in->forward_ipv6)
                yaml_set_str(sysctls(config), "net.ipv6.conf.all.forwarding", "1");
        config_add_pairs(kubelet, "extraArgs", &in->kubelet_extra_args);
        if (in->rotate_server_certificates)
                yaml_set_str(config_map(kubelet, "extraArgs"), "rotate-server-certificates", "true");
        if (!in->talos_api_access || in->type != TALOS_CONTROL_PLANE)
                return;
        access = config_document(config, "KubeTalosAPIAccessConfig", NULL);
        config_add_text(access, "allowedRoles", "os:reader");
        config_add_text(access, "allowedKubernetesNamespaces", "kube-system");
}

static void add_kubernetes(const struct talos_config_input *in, struct yaml_docs *config) {
        if (in->pod_node_mask)
                yaml_set_int(config_find_document(config, "KubeNetworkConfig"), "nodeCIDRMaskSizeIPv6", in->pod_node_mask);
        /* The one of these settings that is still in the v1alpha1 document. */
        if (in->external_cloud_provider)
                yaml_set_bool(config_map(config->items[0], "cluster.externalCloudProvider"), "enabled", true);
        if (in->type != TALOS_CONTROL_PLANE)
                return;
        if (in->disable_proxy)
                yaml_set_bool(config_find_document(config, "KubeProxyConfig"), "enabled", false);
        config_add_pairs(config_find_document(config, "KubeControllerManagerConfig"), "extraArgs", &in->controller_manager_extra_args);
        config_add_pairs(config_find_document(config, "KubeSchedulerConfig"), "extraArgs", &in->scheduler_extra_args);
        if (in->etcd_extra_args.n)
                config_add_pairs(config_map(config->items[0], "cluster.etcd"), "extraArgs", &in->etcd_extra_args);
}

void config_add_ipv6_documents(const struct talos_config_input *in, struct yaml_docs *config) {
        if (in->has_node_address)
                pin_address(in, config);
        add_registries(in, config);
        add_resolvers_and_time(in, config);
        if (in->private_interface)
                add_private_interface(in, config);
        add_node(in, config);
        add_kubernetes(in, config);
}
