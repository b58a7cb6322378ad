/* What a cluster without IPv4 needs in its machine configs beyond what Talos generates, and why. */
#include "talos/config-private.h"

#include <arpa/inet.h>

#include "base/secret.h"

/* Only the node's own address may become the kubelet's and etcd's: the pods of the node live in the same /64, so a wider
 * subnet could pick an address of Cilium's. The names in the certificates are set too, because Talos from 1.12.4 on leaves a
 * node address that lies inside the node's own pod CIDR out of them. */
static void pin_address(const struct talos_config_input *in, struct yaml_node *root) {
        char text[IP6_STR_MAX];
        ip6_format(&in->node_address, text);
        _cleanup_str_ char *subnet = xasprintf("%s/128", text);

        config_add_text(config_map(root, "machine"), "certSANs", text);
        config_add_text(config_map(root, "machine.kubelet.nodeIP"), "validSubnets", subnet);
        if (in->type != TALOS_CONTROL_PLANE)
                return;
        config_add_text(config_map(root, "cluster.apiServer"), "certSANs", text);
        config_add_text(config_map(root, "cluster.etcd"), "advertisedSubnets", subnet);
}

/* Talos' defaults, 1.1.1.1 and 8.8.8.8, cannot be reached, and it takes no resolvers from Hetzner's metadata. */
static void add_resolvers_and_time(const struct talos_config_input *in, struct yaml_node *root) {
        if (in->nameservers.n) {
                struct yaml_node *network = config_map(root, "machine.network");
                config_add_texts(network, "nameservers", &in->nameservers);
                yaml_set_bool(network, "disableSearchDomain", true);
        }
        if (in->ntp_servers.n) {
                struct yaml_node *time = config_map(root, "machine.time");
                yaml_set_bool(time, "disabled", false);
                config_add_texts(time, "servers", &in->ntp_servers);
        }
}

/* The private network's interface, by a static configuration instead of DHCP.
 *
 * A server's second interface, eth1, appears when it is attached to a network. Hetzner's DHCP server there sometimes hands out
 * a route 169.254.169.254/32 through the private gateway, which is a black hole: after the next reboot the node cannot read
 * its metadata through eth0 any more. Being the longest prefix it wins over eth0's routes whatever its metric, so a metric
 * (dhcpOptions.routeMetric) is no cure; 1.11 to 1.13 cannot ignore the routes of a lease (DHCPv4Config.ignoreRoutes is newer).
 *
 * Talos runs its DHCP client only on physical links that have no configuration (talos:
 * controllers/network/operator_config.go), so naming the interface with `dhcp: false` is enough, and it does so in the same
 * words from 1.11 to 1.13. The name is sure: Talos' hcloud images boot with net.ifnames=0 (talos: platform/hcloud KernelArgs),
 * the public interface is eth0. An interface that is not there yet does no harm. Where the private address is known beforehand
 * it is set here; Kubernetes uses it in no case (pin_address). 1450 is the MTU of Hetzner's private networks. */
static void add_private_interface(const struct talos_config_input *in, struct yaml_node *root) {
        struct yaml_node *interface = yaml_new_map();

        yaml_append(yaml_set_seq(config_map(root, "machine.network"), "interfaces"), interface);
        yaml_set_str(interface, "interface", "eth1");
        yaml_set_bool(interface, "dhcp", false);
        if (!in->private_address)
                return;
        yaml_append(yaml_set_seq(interface, "addresses"), yaml_new_strf("%s/32", in->private_address));
        yaml_set_int(interface, "mtu", 1450);
        if (!in->private_gateway || !in->private_range)
                return;
        struct yaml_node *routes = yaml_set_seq(interface, "routes"), *to_gateway = yaml_new_map(), *to_range = yaml_new_map();
        yaml_append(routes, to_gateway);
        yaml_set(to_gateway, "network", yaml_new_strf("%s/32", in->private_gateway));
        yaml_set_str(to_gateway, "gateway", "");       /* on the link; Talos always writes the key */
        yaml_append(routes, to_range);
        yaml_set_str(to_range, "network", in->private_range);
        yaml_set_str(to_range, "gateway", in->private_gateway);
}

/* machine.registries is the same in 1.11 to 1.13; the documents that replace it begin with 1.12. */
static void add_registries(const struct talos_config_input *in, struct yaml_node *root) {
        for (size_t i = 0; i < in->n_mirrors; i++) {
                const struct talos_mirror *m = &in->mirrors[i];
                struct yaml_node *mirror = yaml_set_map(config_map(root, "machine.registries.mirrors"), m->registry);
                config_add_texts(mirror, "endpoints", &m->endpoints);
                if (m->override_path)
                        yaml_set_bool(mirror, "overridePath", true);
                if (m->skip_fallback)
                        yaml_set_bool(mirror, "skipFallback", true);
        }
        for (size_t i = 0; i < in->n_auths; i++) {
                const struct talos_registry_auth *a = &in->auths[i];
                struct yaml_node *registry = yaml_set_map(config_map(root, "machine.registries.config"), a->registry);
                struct yaml_node *auth = yaml_set_map(registry, "auth");
                if (a->username)
                        yaml_set_str(auth, "username", a->username);
                if (a->password)
                        yaml_set_str(auth, "password", a->password);
                if (a->token)
                        yaml_set_str(auth, "identityToken", a->token);
        }
}

static void add_node(const struct talos_config_input *in, struct yaml_node *root) {
        struct yaml_node *machine = config_map(root, "machine");

        config_add_pairs(machine, "nodeLabels", &in->node_labels);
        config_add_pairs(machine, "nodeTaints", &in->node_taints);
        config_add_pairs(machine, "sysctls", &in->sysctls);
        /* Talos sets default.forwarding only. */
        if (in->forward_ipv6)
                yaml_set_str(config_map(machine, "sysctls"), "net.ipv6.conf.all.forwarding", "1");
        config_add_pairs(config_map(machine, "kubelet"), "extraArgs", &in->kubelet_extra_args);
        if (in->rotate_server_certificates)
                yaml_set_str(config_map(machine, "kubelet.extraArgs"), "rotate-server-certificates", "true");
        /* Pods without IPv4 cannot reach the address to which CoreDNS would be pointed; from 1.14 on it is IPv6, but Cilium's
         * masquerading gets in its way. */
        if (in->no_dns_forward)
                yaml_set_bool(config_map(machine, "features.hostDNS"), "forwardKubeDNSToHost", false);
        if (!in->talos_api_access || in->type != TALOS_CONTROL_PLANE)
                return;
        struct yaml_node *access = config_map(machine, "features.kubernetesTalosAPIAccess");
        yaml_set_bool(access, "enabled", true);
        config_add_text(access, "allowedRoles", "os:reader");
        config_add_text(access, "allowedKubernetesNamespaces", "kube-system");
}

static void add_kubernetes(const struct talos_config_input *in, struct yaml_node *root) {
        struct yaml_node *cluster = config_map(root, "cluster");

        if (in->disable_discovery)
                yaml_set_bool(config_map(cluster, "discovery"), "enabled", false);
        /* This makes Talos start every kubelet with --cloud-provider=external. */
        if (in->external_cloud_provider)
                yaml_set_bool(config_map(cluster, "externalCloudProvider"), "enabled", true);
        if (in->cni_none)
                yaml_set_str(config_map(cluster, "network.cni"), "name", "none");
        if (in->disable_proxy)
                yaml_set_bool(config_map(cluster, "proxy"), "disabled", true);
        if (in->type != TALOS_CONTROL_PLANE)
                return;
        if (in->pod_node_mask) {
                _cleanup_str_ char *mask = xasprintf("%u", in->pod_node_mask);
                yaml_set_str(config_map(cluster, "controllerManager.extraArgs"), "node-cidr-mask-size-ipv6", mask);
        }
        config_add_pairs(config_map(cluster, "controllerManager"), "extraArgs", &in->controller_manager_extra_args);
        config_add_pairs(config_map(cluster, "scheduler"), "extraArgs", &in->scheduler_extra_args);
        config_add_pairs(config_map(cluster, "etcd"), "extraArgs", &in->etcd_extra_args);
}

static int check_input(const struct talos_config_input *in, struct error *err) {
        struct in_addr ignored;

        if (in->private_interface && in->private_address &&
            (inet_pton(AF_INET, in->private_address, &ignored) != 1 || (in->private_gateway && inet_pton(AF_INET, in->private_gateway, &ignored) != 1)))
                return error_set(err, ERR_INVALID, "private address '%s' or its gateway is no IPv4 address", in->private_address);
        for (size_t i = 0; i < in->n_mirrors; i++)
                if (str_empty(in->mirrors[i].registry) || !in->mirrors[i].endpoints.n)
                        return error_set(err, ERR_INVALID, "a mirror needs a registry and endpoints");
        for (size_t i = 0; i < in->n_auths; i++)
                if (str_empty(in->auths[i].registry))
                        return error_set(err, ERR_INVALID, "registry credentials need a registry");
        return 0;
}

static void add_v1alpha1(const struct talos_config_input *in, struct yaml_node *root) {
        if (in->has_node_address)
                pin_address(in, root);
        add_resolvers_and_time(in, root);
        if (in->private_interface)
                add_private_interface(in, root);
        add_registries(in, root);
        add_node(in, root);
        add_kubernetes(in, root);
}

int talos_config_add_ipv6(const struct talos_config_input *in, struct yaml_docs *config, struct error *err) {
        struct yaml_node *root = config->n ? config->items[0] : NULL;

        if (!root || root->type != YAML_MAP)
                return error_set(err, ERR_BUG, "machine config without a first document");
        if (check_input(in, err) < 0)
                return error_wrap(err, "machine config");
        if (config_has_documents(&in->contract))
                config_add_ipv6_documents(in, config);
        else
                add_v1alpha1(in, root);
        config_order(config);
        return 0;
}
