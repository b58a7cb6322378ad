/* Rules of Talos' validation for the documents of contract 1.14 (talos: Validate() of each kind and container/validate.go at 1.14.1, cloud mode). */
#include "talos/config-private.h"

#include "talos/patch-schema.h"

static int broken(const char *kind, struct error *err, const char *fmt, ...) _printf_(3, 4);
static int broken(const char *kind, struct error *err, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        va_list ap;

        va_start(ap, fmt);
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        return error_set(err, ERR_PROFILE, "machine config: %s: %s", kind, strbuf_str(&b));
}

static bool is_false(const struct yaml_node *n) { return n && n->type == YAML_BOOL && !n->boolean; }

static const char *text_of(const struct yaml_node *d, const char *path) {
        const char *s = yaml_str(yaml_path(d, path));

        return s ? s : "";
}

static size_t length_of(const struct yaml_node *d, const char *key) {
        const struct yaml_node *n = yaml_get(d, key);

        return n && (n->type == YAML_SEQ || n->type == YAML_MAP) ? n->n : 0;
}

static int check_cluster(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        if (str_empty(text_of(d, "clusterName")) || !str_starts(text_of(d, "endpoint"), "https://"))
                return broken("KubeClusterConfig", err, "clusterName and an https URL as endpoint are needed");
        return 0;
}

static int check_images(const struct yaml_docs *config, struct error *err) {
        static const char *const kinds[] = { "KubeletConfig", "KubeAPIServerConfig", "KubeControllerManagerConfig", "KubeSchedulerConfig", "KubeProxyConfig" };

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                const struct yaml_node *d = config_find_document(config, kinds[i]);
                if (!d || is_false(yaml_get(d, "enabled")))
                        continue;
                if (str_empty(text_of(d, "image")))
                        return broken(kinds[i], err, "image must not be empty");
                if (config_check_image(kinds[i], text_of(d, "image"), err) < 0)
                        return -1;
        }
        return 0;
}

static int check_api_server_arguments(const struct yaml_node *d, struct error *err) {
        static const char *const denied[][2] = { { "anonymous-auth", "KubeAuthenticationConfig" }, { "oidc-", "KubeAuthenticationConfig" },
                                                 { "authentication-config", "KubeAuthenticationConfig" }, { "authorization-config", "KubeAuthorizerConfig" },
                                                 { "authorization-mode", "KubeAuthorizerConfig" }, { "authorization-webhook-", "KubeAuthorizerConfig" } };
        const struct yaml_node *args = yaml_get(d, "extraArgs");

        for (size_t i = 0; args && args->type == YAML_MAP && i < args->n; i++)
                for (size_t j = 0; j < ARRAY_SIZE(denied); j++)
                        if (str_starts(args->pairs[i].key, denied[j][0]))
                                return broken("KubeAPIServerConfig", err, "extraArgs may not have '%s': that is said in the document %s", args->pairs[i].key, denied[j][1]);
        return 0;
}

static bool is_ipv6(const char *subnet) { return strchr(subnet, ':') != NULL; }

static unsigned subnet_bits(const char *subnet) {
        const char *slash = strchr(subnet, '/');
        int64_t n;

        return slash && parse_int64(slash + 1, 0, 128, &n) ? (unsigned) n : 0;
}

static int check_subnet(const char *subnet, bool pods, unsigned mask, struct error *err) {
        unsigned bits = subnet_bits(subnet), all = is_ipv6(subnet) ? 128 : 32;

        if (bits + 4 > all)
                return broken("KubeNetworkConfig", err, "subnet %s is too small", subnet);
        if (pods && (bits > mask || mask - bits > 16))
                return broken("KubeNetworkConfig", err, "pod subnet %s: each node's part is a /%u (nodeCIDRMaskSize), which must fit into it, at most 2^16 times", subnet, mask);
        if (!pods && all - bits > 20)
                return broken("KubeNetworkConfig", err, "service subnet %s is too large, /%u at most", subnet, all - 20);
        return 0;
}

static int check_network(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        static const char *const keys[] = { "podSubnets", "serviceSubnets" };
        const struct yaml_node *mask4 = yaml_get(d, "nodeCIDRMaskSizeIPv4"), *mask6 = yaml_get(d, "nodeCIDRMaskSizeIPv6");
        unsigned mask[2] = { mask4 && mask4->integer ? (unsigned) mask4->integer : 24, mask6 && mask6->integer ? (unsigned) mask6->integer : 64 };

        if (mask[0] > 32 || mask[1] > 128)
                return broken("KubeNetworkConfig", err, "nodeCIDRMaskSizeIPv4 is 1 to 32 and nodeCIDRMaskSizeIPv6 is 1 to 128");
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                const struct yaml_node *list = yaml_get(d, keys[i]);
                size_t n = length_of(d, keys[i]);
                if (n < 1 || n > 2 || n != length_of(d, keys[0]))
                        return broken("KubeNetworkConfig", err, "podSubnets and serviceSubnets need one or two subnets, as many of each");
                for (size_t j = 0; j < n; j++)
                        if (check_subnet(yaml_str(list->items[j]) ? yaml_str(list->items[j]) : "", i == 0, mask[is_ipv6(list->items[j]->text)], err) < 0)
                                return -1;
                if (n == 2 && is_ipv6(list->items[0]->text) == is_ipv6(list->items[1]->text))
                        return broken("KubeNetworkConfig", err, "%s: two subnets are one of IPv4 and one of IPv6", keys[i]);
        }
        return 0;
}

static int check_kubelet(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        return config_check_kubelet_config("KubeletConfig: config", yaml_get(d, "config"), err);
}

static int check_node(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        return config_check_taints(yaml_get(d, "taints"), err);
}

static int check_prism(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        const struct yaml_node *port = yaml_get(d, "port");

        if (!port || port->type != YAML_INT || port->integer < 1 || port->integer > 65535)
                return broken("KubePrismConfig", err, "port must be from 1 to 65535");
        return 0;
}

static int check_resolver(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        static const char *const features[] = { "hostDNS.forwardKubeDNSToHost", "hostDNS.resolveMemberNames" };
        const struct yaml_node *enabled = yaml_path(d, "hostDNS.enabled");

        for (size_t i = 0; i < ARRAY_SIZE(features); i++) {
                const struct yaml_node *n = yaml_path(d, features[i]);
                if (n && n->type == YAML_BOOL && n->boolean && (!enabled || is_false(enabled)))
                        return broken("ResolverConfig", err, "%s needs hostDNS.enabled: true", features[i]);
        }
        return 0;
}

static int check_discovery(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        const struct yaml_node *identity = config_find_document(config, "DiscoveryIdentityConfig");

        if (str_empty(text_of(d, "endpoint")))
                return broken("DiscoveryServiceConfig", err, "endpoint is needed");
        if (!identity && (str_empty(text_of(config->items[0], "cluster.id")) || str_empty(text_of(config->items[0], "cluster.secret"))))
                return broken("DiscoveryServiceConfig", err, "a DiscoveryIdentityConfig must stand beside it");
        return 0;
}

static int check_identity(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        if (str_empty(text_of(d, "clusterID")) || str_empty(text_of(d, "clusterSecret")))
                return broken("DiscoveryIdentityConfig", err, "clusterID and clusterSecret are needed");
        return 0;
}

static int check_api_server_ca(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        if (!config_find_document(config, "KubeClusterConfig"))
                return broken("KubeAPIServerCAConfig", err, "a KubeClusterConfig must stand beside it");
        return 0;
}

static int check_api_server(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        return check_api_server_arguments(d, err);
}

static int check_aggregator(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        if (str_empty(text_of(d, "issuingCA.cert")) || str_empty(text_of(d, "issuingCA.key")))
                return broken("KubeAggregatorCAConfig", err, "issuingCA needs cert and key");
        return 0;
}

static int check_service_account(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        if (str_empty(text_of(d, "issuer.privateKey")) || str_empty(text_of(d, "issuer.issuerURL")))
                return broken("KubeServiceAccountConfig", err, "issuer needs privateKey and issuerURL");
        return 0;
}

static int check_authorizer(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        const char *type = text_of(d, "type");

        if (!str_eq(type, "Node") && !str_eq(type, "RBAC") && !str_eq(type, "Webhook"))
                return broken("KubeAuthorizerConfig", err, "type '%s' is not Node, RBAC or Webhook", type);
        if (str_eq(type, "Webhook") && !length_of(d, "webhook"))
                return broken("KubeAuthorizerConfig", err, "type Webhook needs webhook");
        return 0;
}

static int check_proxy(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        const char *mode = text_of(d, "mode");

        if (!is_false(yaml_get(d, "enabled")) && *mode && !str_eq(mode, "nftables") && !str_eq(mode, "iptables") && !str_eq(mode, "ipvs"))
                return broken("KubeProxyConfig", err, "mode '%s' is not nftables, iptables or ipvs", mode);
        return 0;
}

static int check_time(const struct yaml_docs *config, const struct yaml_node *d, struct error *err) {
        if (yaml_get(d, "ntp") && yaml_get(d, "ptp"))
                return broken("TimeSyncConfig", err, "ntp and ptp cannot stand together");
        return 0;
}

static const struct { const char *kind; int (*fn)(const struct yaml_docs *config, const struct yaml_node *d, struct error *err); } checks[] = {
        { "KubeClusterConfig", check_cluster }, { "KubeNetworkConfig", check_network }, { "KubeletConfig", check_kubelet }, { "KubeNodeConfig", check_node },
        { "KubePrismConfig", check_prism }, { "ResolverConfig", check_resolver }, { "TimeSyncConfig", check_time }, { "DiscoveryServiceConfig", check_discovery },
        { "DiscoveryIdentityConfig", check_identity }, { "KubeAPIServerCAConfig", check_api_server_ca }, { "KubeAPIServerConfig", check_api_server },
        { "KubeAggregatorCAConfig", check_aggregator }, { "KubeServiceAccountConfig", check_service_account }, { "KubeAuthorizerConfig", check_authorizer },
        { "KubeProxyConfig", check_proxy },
};

static int check_document(const struct yaml_docs *config, const struct yaml_node *d, enum talos_machine_type type, struct error *err) {
        const char *kind = yaml_str(yaml_get(d, "kind"));
        const struct schema_document *known = kind ? schema_document_find(kind) : NULL;

        if (known && known->control_plane && type != TALOS_CONTROL_PLANE)
                return broken(kind, err, "only control planes may have this document");
        for (size_t i = 0; kind && i < ARRAY_SIZE(checks); i++)
                if (str_eq(checks[i].kind, kind) && checks[i].fn(config, d, err) < 0)
                        return -1;
        return 0;
}

int config_check_documents_114(const struct yaml_docs *config, enum talos_machine_type type, struct error *err) {
        for (size_t i = 0; i < config->n; i++)
                if (check_document(config, config->items[i], type, err) < 0)
                        return -1;
        if (type == TALOS_CONTROL_PLANE && config_find_document(config, "KubeAPIServerCAConfig") && !config_find_document(config, "KubeEtcdEncryptionConfig") &&
            str_empty(text_of(config->items[0], "cluster.secretboxEncryptionSecret")) && str_empty(text_of(config->items[0], "cluster.aescbcEncryptionSecret")))
                return broken("KubeEtcdEncryptionConfig", err, "a control plane needs this document");
        return check_images(config, err);
}
