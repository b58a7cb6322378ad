/* The documents that are new in Talos 1.14: their keys (talos/pkg/machinery/config/types at v1.14.1), the v1alpha1 fields that must not stand beside
 * them (V1Alpha1ConflictValidate() there), and the rules of each (Validate() there, ModeCloud). */
#include "sim/talos/config-schema.h"

static const struct key certificate[] = { TEXT("cert"), TEXT("key"), END };
static const struct key resources[] = { ANY("requests"), ANY("limits"), END };

static const struct key kube_cluster[] = { TEXT("clusterName"), TEXT("endpoint"), END };
static const struct key node_ip[] = { TEXTS("validSubnets"), END };
static const struct key kube_node[] = { FLAG("skipNodeRegistration"), FLAG("registerWithFQDN"), STRUCT("nodeIP", node_ip), MAP("labels"), MAP("annotations"),
                                        MAP("taints"), END };
static const struct key kubelet[] = { TEXT("image"), ANY("config"), ARGS("extraArgs"), TEXTS("clusterDNS"), FLAG("defaultRuntimeSeccompProfileEnabled"), END };
static const struct key kube_network[] = { TEXT("dnsDomain"), TEXTS("podSubnets"), TEXTS("serviceSubnets"), INT("nodeCIDRMaskSizeIPv4"), INT("nodeCIDRMaskSizeIPv6"),
                                           END };
static const struct key kube_ca[] = { STRUCT("issuingCA", certificate), TEXTS("acceptedCAs"), END };
static const struct key kube_prism[] = { INT("port"), TEXT("tlsServerName"), END };
static const struct key api_access[] = { TEXTS("allowedRoles"), TEXTS("allowedKubernetesNamespaces"), END };
static const struct key named_configuration[] = { TEXT("name"), ANY("configuration"), END };
static const struct key configuration[] = { ANY("configuration"), END };
static const struct key authorizer[] = { TEXT("name"), TEXT("type"), ANY("webhook"), END };
static const struct key config_only[] = { ANY("config"), END };
static const struct key issuer[] = { TEXT("privateKey"), TEXT("issuerURL"), END };
static const struct key accepted[] = { TEXTS("publicKeys"), TEXTS("issuers"), TEXTS("audiences"), END };
static const struct key service_account[] = { STRUCT("issuer", issuer), STRUCT("accepted", accepted), END };
static const struct key api_server[] = { TEXT("image"), ARGS("extraArgs"), MAP("env"), STRUCT("resources", resources), INT("apiPort"), TEXTS("certExtraSANs"),
                                         FLAG("startupProbes"), END };
static const struct key controller_manager[] = { FLAG("enabled"), TEXT("image"), ARGS("extraArgs"), MAP("env"), STRUCT("resources", resources), END };
static const struct key scheduler[] = { FLAG("enabled"), TEXT("image"), ANY("config"), ARGS("extraArgs"), MAP("env"), STRUCT("resources", resources), END };
static const struct key proxy[] = { FLAG("enabled"), TEXT("image"), TEXT("mode"), ANY("config"), ARGS("extraArgs"), STRUCT("resources", resources), END };
static const struct key flannel[] = { TEXT("backendType"), INT("backendPort"), INT("backendMTU"), ANY("backendExtraConfig"), STRUCT("resources", resources),
                                      TEXTS("extraArgs"), FLAG("kubeNetworkPoliciesEnabled"), END };
static const struct key core_dns[] = { FLAG("enabled"), TEXT("image"), END };
static const struct key external_manifest[] = { TEXT("name"), MAP("headers"), TEXT("url"), END };
static const struct key inline_manifest[] = { TEXT("name"), TEXT("manifest"), END };
static const struct key static_pod[] = { TEXT("name"), ANY("pod"), END };
static const struct key discovery_service[] = { TEXT("name"), TEXT("endpoint"), END };
static const struct key discovery_identity[] = { TEXT("clusterID"), TEXT("clusterSecret"), END };
static const struct key parameters[] = { MAP("params"), END };
static const struct key rules[] = { TEXTS("rules"), END };
static const struct key kernel_module[] = { TEXT("name"), TEXTS("parameters"), END };
static const struct key isolation[] = { FLAG("workloadIsolation"), END };
static const struct key interval[] = { TEXT("interval"), END };
static const struct key content[] = { TEXT("name"), TEXT("content"), END };
static const struct key overrides[] = { ANY("overrides"), END };
static const struct key installer[] = { TEXT("image"), END };
static const struct key disk_selector[] = { TEXT("match"), END };
static const struct key provisioning[] = { STRUCT("diskSelector", disk_selector), FLAG("wipe"), END };
static const struct key unattended_install[] = { FLAG("reboot"), STRUCT("installer", installer), STRUCT("provisioning", provisioning), END };
static const struct key local_cache[] = { FLAG("enabled"), END };
static const struct key image_cache[] = { STRUCT("local", local_cache), END };

static const struct key volume_provisioning[] = { STRUCT("diskSelector", disk_selector), FLAG("grow"), ANY("minSize"), ANY("maxSize"), END };
static const struct key mount[] = { FLAG("secure"), { "disableAccessTime", KEY_BOOL, NULL, 14 }, END };
static const struct key trim[] = { FLAG("enabled"), TEXT("interval"), END };
const struct key volume_keys[] = { TEXT("name"), STRUCT("provisioning", volume_provisioning), { "filesystem", KEY_ANY, NULL, 14 }, ANY("encryption"), STRUCT("mount", mount),
                                   { "trim", KEY_STRUCT, trim, 14 }, { "scrub", KEY_STRUCT, trim, 14 }, END };

const struct document_kind document_kinds_114[] = {
        /* kind, since, named, control planes only, keys, conflicts */
        { "DiscoveryServiceConfig", 14, true, false, discovery_service, { "+cluster.discovery" } },
        { "DiscoveryIdentityConfig", 14, false, false, discovery_identity, { "cluster.id", "cluster.secret" } },
        { "UnattendedInstallConfig", 14, false, false, unattended_install, { "+machine.install" } },
        { "SysctlConfig", 14, false, false, parameters, { NULL } },
        { "SysfsConfig", 14, false, false, parameters, { NULL } },
        { "UdevRulesConfig", 14, false, false, rules, { NULL } },
        { "KernelModuleConfig", 14, true, false, kernel_module, { NULL } },
        { "EtcFileConfig", 14, true, false, NULL, { NULL } },
        { "ContainerConfig", 14, true, false, NULL, { NULL } },
        { "FilesystemTrimConfig", 14, false, false, interval, { NULL } },
        { "FilesystemScrubConfig", 14, false, false, interval, { NULL } },
        { "SecurityProfileConfig", 14, false, false, isolation, { NULL } },
        { "CRICustomizationConfig", 14, true, false, content, { NULL } },
        { "CRIBaseRuntimeSpecConfig", 14, false, false, overrides, { "+machine.baseRuntimeSpecOverrides" } },
        { "ImageCacheConfig", 14, false, false, image_cache, { "+machine.features.imageCache" } },
        { "LVMLogicalVolumeConfig", 14, true, false, NULL, { NULL } },
        { "LVMVolumeGroupConfig", 14, true, false, NULL, { NULL } },
        { "RAIDArrayConfig", 14, true, false, NULL, { NULL } },
        { "BGPInstanceConfig", 14, true, false, NULL, { NULL } },
        { "HTTPProbeConfig", 14, true, false, NULL, { NULL } },
        { "VethConfig", 14, true, false, NULL, { NULL } },
        { "KubeClusterConfig", 14, false, false, kube_cluster, { "cluster.clusterName", "cluster.controlPlane.endpoint" } },
        { "KubeNodeConfig", 14, false, false, kube_node,
          { "machine.nodeLabels", "machine.nodeAnnotations", "machine.nodeTaints", "+machine.kubelet.nodeIP", "+machine.kubelet.registerWithFQDN",
            "+machine.kubelet.skipNodeRegistration", "+cluster.allowSchedulingOnControlPlanes", "+cluster.allowSchedulingOnMasters" } },
        { "KubeletConfig", 14, false, false, kubelet, { "+machine.kubelet" } },
        { "KubeNetworkConfig", 14, false, false, kube_network, { "+cluster.network" } },
        { "KubeAPIServerCAConfig", 14, false, false, kube_ca, { "+cluster.ca" } },
        { "KubePrismConfig", 14, false, false, kube_prism, { "+machine.features.kubePrism" } },
        { "KubeCredentialProviderConfig", 14, false, false, configuration, { "+machine.kubelet" } },
        { "KubeStaticPodConfig", 14, true, false, static_pod, { NULL } },
        { "KubeTalosAPIAccessConfig", 14, false, true, api_access, { "+machine.features.kubernetesTalosAPIAccess" } },
        { "KubeAggregatorCAConfig", 14, false, true, kube_ca, { "+cluster.aggregatorCA" } },
        { "KubeAdmissionControlConfig", 14, true, true, named_configuration, { "cluster.apiServer.admissionControl" } },
        { "KubeAuditPolicyConfig", 14, false, true, configuration, { "cluster.apiServer.auditPolicy" } },
        { "KubeAuthenticationConfig", 14, false, true, configuration, { NULL } },
        { "KubeAuthorizerConfig", 14, true, true, authorizer, { "cluster.apiServer.admissionControl" } },
        { "KubeEtcdEncryptionConfig", 14, false, true, config_only, { "cluster.secretboxEncryptionSecret", "cluster.aescbcEncryptionSecret" } },
        { "KubeServiceAccountConfig", 14, false, true, service_account, { "+cluster.serviceAccount" } },
        { "KubeAPIServerConfig", 14, false, true, api_server, { "+cluster.apiServer", "cluster.controlPlane.localAPIServerPort" } },
        { "KubeControllerManagerConfig", 14, false, true, controller_manager, { "+cluster.controllerManager", "+machine.controlPlane.controllerManager" } },
        { "KubeSchedulerConfig", 14, false, true, scheduler, { "+cluster.scheduler", "+machine.controlPlane.scheduler" } },
        { "KubeProxyConfig", 14, false, true, proxy, { "+cluster.proxy" } },
        { "KubeFlannelCNIConfig", 14, false, true, flannel, { "+cluster.network" } },
        { "KubeCoreDNSConfig", 14, false, true, core_dns, { "+cluster.coreDNS" } },
        { "KubeExternalManifestConfig", 14, true, true, external_manifest, { NULL } },
        { "KubeInlineManifestConfig", 14, true, true, inline_manifest, { NULL } },
        { NULL, 0, false, false, NULL, { NULL } },
};

/* --- rules --- */

static const char *text(const struct yaml_node *d, const char *path) {
        const char *s = yaml_str(yaml_path(d, path));
        return s ? s : "";
}

static int64_t number(const struct yaml_node *d, const char *key, int64_t otherwise) {
        const struct yaml_node *n = yaml_get(d, key);
        return n && n->type == YAML_INT && n->integer ? n->integer : otherwise;
}

static bool is_off(const struct yaml_node *d, const char *key) {
        return yaml_get(d, key) && !config_truth(yaml_get(d, key));
}

static int64_t prefix_length(const char *s) {
        const char *slash = strchr(s, '/');
        int64_t length;
        return slash && parse_int64(slash + 1, 0, 128, &length) ? length : 0;
}

static void check_network_document(const struct yaml_node *d, const struct sim_config *c, struct config_errors *errors) {
        const struct strv *lists[] = { &c->pod_subnets, &c->service_subnets };
        int64_t masks[] = { number(d, "nodeCIDRMaskSizeIPv4", 24), number(d, "nodeCIDRMaskSizeIPv6", 64) };
        if (masks[0] < 1 || masks[0] > 32)
                config_error(errors, "KubeNetworkConfig: nodeCIDRMaskSizeIPv4 must be between 1 and 32");
        if (masks[1] < 1 || masks[1] > 128)
                config_error(errors, "KubeNetworkConfig: nodeCIDRMaskSizeIPv6 must be between 1 and 128");
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                const char *what = i ? "service subnets" : "pod subnets";
                size_t of_ipv6 = 0;
                if (lists[i]->n < 1 || lists[i]->n > 2)
                        config_error(errors, "KubeNetworkConfig: %s: at least one subnet must be specified, at most two", what);
                for (size_t j = 0; j < lists[i]->n; j++) {
                        const char *s = lists[i]->items[j];
                        bool ipv6 = strchr(s, ':');
                        int64_t all = ipv6 ? 128 : 32, length = prefix_length(s), mask = masks[ipv6];
                        of_ipv6 += ipv6;
                        if (all - length < 4)
                                config_error(errors, "KubeNetworkConfig: %s: invalid subnet: /%d is too small", what, (int) length);
                        else if (i == 0 && length > mask)
                                config_error(errors, "KubeNetworkConfig: %s: invalid subnet: %s is smaller than the per-node pod CIDR mask size /%d", what, s, (int) mask);
                        else if (i == 0 && mask - length > 16)
                                config_error(errors, "KubeNetworkConfig: %s: invalid subnet: %s is too large for the per-node pod CIDR mask size /%d", what, s, (int) mask);
                        else if (i == 1 && all - length > 20)
                                config_error(errors, "KubeNetworkConfig: %s: invalid subnet: %s is too large, it must be at least /%d", what, s, (int) all - 20);
                }
                if (of_ipv6 > 1 || lists[i]->n - of_ipv6 > 1)
                        config_error(errors, "KubeNetworkConfig: %s: at most one IPv4 and one IPv6 subnet can be specified", what);
        }
        if (lists[0]->n != lists[1]->n)
                config_error(errors, "KubeNetworkConfig: the number of pod subnets must match the number of service subnets");
}

static void check_api_server(const struct yaml_node *d, struct config_errors *errors) {
        static const char *const denied[] = { "anonymous-auth", "oidc-", "authentication-config", "authorization-config", "authorization-mode", "authorization-webhook-" };
        const struct yaml_node *args = yaml_get(d, "extraArgs");
        for (size_t i = 0; args && args->type == YAML_MAP && i < args->n; i++)
                for (size_t j = 0; j < ARRAY_SIZE(denied); j++)
                        if (str_starts(args->pairs[i].key, denied[j]))
                                config_error(errors, "KubeAPIServerConfig: kube-apiserver extra argument \"%s\" is not allowed", args->pairs[i].key);
}

static void check_resolver_document(const struct yaml_node *d, struct config_errors *errors) {
        static const char *const features[] = { "forwardKubeDNSToHost", "resolveMemberNames" };
        const struct yaml_node *dns = yaml_get(d, "hostDNS");
        for (size_t i = 0; i < ARRAY_SIZE(features); i++)
                if (config_truth(yaml_get(dns, features[i])) && !config_truth(yaml_get(dns, "enabled")))
                        config_error(errors, "ResolverConfig: hostDNS.%s cannot be enabled when hostDNS.enabled is false", features[i]);
}

static void check_named_image(const struct yaml_node *d, const char *kind, struct config_errors *errors) {
        if (!is_off(d, "enabled") && str_empty(text(d, "image")))
                config_error(errors, "%s: image cannot be empty", kind);
}

/* What each kind needs at least: paths whose texts may not be empty. */
static const struct { const char *kind, *paths[3]; } needed[] = {
        { "KubeClusterConfig", { "clusterName", "endpoint" } },
        { "DiscoveryIdentityConfig", { "clusterID", "clusterSecret" } },
        { "DiscoveryServiceConfig", { "endpoint" } },
        { "KubeAggregatorCAConfig", { "issuingCA.cert", "issuingCA.key" } },
        { "KubeServiceAccountConfig", { "issuer.privateKey", "issuer.issuerURL" } },
        { "KubeFlannelCNIConfig", { "backendType" } },
        { "KubeExternalManifestConfig", { "url" } },
};

static void check_needed(const struct yaml_node *d, const char *kind, struct config_errors *errors) {
        for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
                for (size_t j = 0; str_eq(needed[i].kind, kind) && j < ARRAY_SIZE(needed[i].paths) && needed[i].paths[j]; j++)
                        if (str_empty(text(d, needed[i].paths[j])))
                                config_error(errors, "%s: %s is required", kind, needed[i].paths[j]);
}

static void check_document(const struct yaml_node *d, const char *kind, const struct sim_config *c, struct config_errors *errors) {
        static const char *const with_image[] = { "KubeletConfig", "KubeAPIServerConfig", "KubeControllerManagerConfig", "KubeSchedulerConfig", "KubeProxyConfig" };
        const char *type = text(d, "type"), *mode = text(d, "mode");
        check_needed(d, kind, errors);
        for (size_t i = 0; i < ARRAY_SIZE(with_image); i++)
                if (str_eq(with_image[i], kind))
                        check_named_image(d, kind, errors);
        if (str_eq(kind, "KubeNetworkConfig"))
                check_network_document(d, c, errors);
        else if (str_eq(kind, "KubeAPIServerConfig"))
                check_api_server(d, errors);
        else if (str_eq(kind, "ResolverConfig"))
                check_resolver_document(d, errors);
        else if (str_eq(kind, "KubePrismConfig") && (number(d, "port", 0) < 1 || number(d, "port", 0) > 65535))
                config_error(errors, "KubePrismConfig: invalid port: must be in range 1-65535");
        else if (str_eq(kind, "KubeAuthorizerConfig") && !str_eq(type, "Node") && !str_eq(type, "RBAC") && !str_eq(type, "Webhook"))
                config_error(errors, "KubeAuthorizerConfig: authorizer type %s is not allowed", type);
        else if (str_eq(kind, "KubeAuthorizerConfig") && str_eq(type, "Webhook") && (!yaml_get(d, "webhook") || yaml_get(d, "webhook")->n == 0))
                config_error(errors, "KubeAuthorizerConfig: authorizer webhook configuration is required for Webhook authorizer type");
        else if (str_eq(kind, "KubeProxyConfig") && !is_off(d, "enabled") && *mode && !str_eq(mode, "nftables") && !str_eq(mode, "iptables") && !str_eq(mode, "ipvs"))
                config_error(errors, "KubeProxyConfig: invalid proxy mode \"%s\"", mode);
        else if (str_eq(kind, "KubeEtcdEncryptionConfig") && (!yaml_get(d, "config") || yaml_get(d, "config")->n == 0))
                config_error(errors, "KubeEtcdEncryptionConfig: etcd encryption config is required");
        else if (str_eq(kind, "TimeSyncConfig") && yaml_get(d, "ntp") && yaml_get(d, "ptp"))
                config_error(errors, "TimeSyncConfig: only one of ntp or ptp configuration can be specified");
}

void config_validate_114(const struct yaml_docs *docs, const struct sim_config *c, struct config_errors *errors) {
        for (size_t i = 0; i < docs->n; i++) {
                const char *kind = yaml_str(yaml_get(docs->items[i], "kind"));
                if (kind)
                        check_document(docs->items[i], kind, c, errors);
        }
}
