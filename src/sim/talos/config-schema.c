/* The keys a machine config may have: talos/pkg/machinery/config/types at v1.13.9 with what 1.14.1 added; the kinds that are new in 1.14 stand in
 * config-schema-114.c. */
#include <strings.h>

#include "sim/talos/config-schema.h"

static const struct key pair[] = { TEXT("crt"), TEXT("key"), END };
static const struct key crt[] = { TEXT("crt"), END };
static const struct key key_only[] = { TEXT("key"), END };
static const struct key disabled[] = { FLAG("disabled"), END };

/* --- machine --- */

static const struct key machine_control_plane[] = { STRUCT("controllerManager", disabled), STRUCT("scheduler", disabled), END };
static const struct key node_ip[] = { TEXTS("validSubnets"), END };
static const struct key extra_mount[] = { TEXT("destination"), TEXT("type"), TEXT("source"), TEXTS("options"), ANY("uidMappings"),
                                          ANY("gidMappings"), END };
static const struct key kubelet[] = { TEXT("image"),
                                      TEXTS("clusterDNS"),
                                      ARGS("extraArgs"),
                                      STRUCTS("extraMounts", extra_mount),
                                      ANY("extraConfig"),
                                      ANY("credentialProviderConfig"),
                                      FLAG("defaultRuntimeSeccompProfileEnabled"),
                                      FLAG("registerWithFQDN"),
                                      STRUCT("nodeIP", node_ip),
                                      FLAG("skipNodeRegistration"),
                                      FLAG("disableManifestsDirectory"),
                                      END };

static const struct key route[] = { TEXT("network"), TEXT("gateway"), TEXT("source"), INT("metric"), INT("mtu"), END };
static const struct key dhcp_options[] = { INT("routeMetric"), FLAG("ipv4"), FLAG("ipv6"), TEXT("duidv6"), END };
static const struct key api_token[] = { TEXT("apiToken"), END };
static const struct key vip[] = { TEXT("ip"), STRUCT("equinixMetal", api_token), STRUCT("hcloud", api_token), END };
static const struct key vlan[] = { TEXTS("addresses"),
                                   TEXT("cidr"),
                                   STRUCTS("routes", route),
                                   FLAG("dhcp"),
                                   INT("vlanId"),
                                   INT("mtu"),
                                   STRUCT("vip", vip),
                                   STRUCT("dhcpOptions", dhcp_options),
                                   END };
static const struct key device_selector[] = {
        TEXT("busPath"), TEXT("hardwareAddr"), TEXT("permanentAddr"), TEXT("pciID"), TEXT("driver"), FLAG("physical"), END
};
static const struct key bond[] = { TEXTS("interfaces"),
                                   STRUCTS("deviceSelectors", device_selector),
                                   TEXTS("arpIPTarget"),
                                   TEXT("mode"),
                                   TEXT("xmitHashPolicy"),
                                   TEXT("lacpRate"),
                                   TEXT("adActorSystem"),
                                   TEXT("arpValidate"),
                                   TEXT("arpAllTargets"),
                                   TEXT("primary"),
                                   TEXT("primaryReselect"),
                                   TEXT("failOverMac"),
                                   TEXT("adSelect"),
                                   INT("miimon"),
                                   INT("updelay"),
                                   INT("downdelay"),
                                   INT("arpInterval"),
                                   INT("resendIgmp"),
                                   INT("minLinks"),
                                   INT("lpInterval"),
                                   INT("packetsPerSlave"),
                                   INT("numPeerNotif"),
                                   INT("tlbDynamicLb"),
                                   INT("allSlavesActive"),
                                   FLAG("useCarrier"),
                                   INT("adActorSysPrio"),
                                   INT("adUserPortKey"),
                                   INT("peerNotifyDelay"),
                                   END };
static const struct key enabled[] = { FLAG("enabled"), END };
static const struct key bridge_vlan[] = { FLAG("vlanFiltering"), END };
static const struct key bridge[] = { TEXTS("interfaces"), STRUCT("stp", enabled), STRUCT("vlan", bridge_vlan), END };
static const struct key bridge_port[] = { TEXT("master"), END };
static const struct key wireguard_peer[] = { TEXT("publicKey"), TEXT("endpoint"), TEXT("persistentKeepaliveInterval"),
                                             TEXTS("allowedIPs"), END };
static const struct key wireguard[] = { TEXT("privateKey"), INT("listenPort"), INT("firewallMark"),
                                        STRUCTS("peers", wireguard_peer), END };
static const struct key interface[] = { TEXT("interface"),
                                        STRUCT("deviceSelector", device_selector),
                                        TEXTS("addresses"),
                                        TEXT("cidr"),
                                        STRUCTS("routes", route),
                                        STRUCT("bond", bond),
                                        STRUCT("bridge", bridge),
                                        STRUCT("bridgePort", bridge_port),
                                        STRUCTS("vlans", vlan),
                                        INT("mtu"),
                                        FLAG("dhcp"),
                                        FLAG("ignore"),
                                        FLAG("dummy"),
                                        STRUCT("dhcpOptions", dhcp_options),
                                        STRUCT("wireguard", wireguard),
                                        STRUCT("vip", vip),
                                        END };
static const struct key extra_host[] = { TEXT("ip"), TEXTS("aliases"), END };
static const struct key kubespan_filters[] = { TEXTS("endpoints"), TEXTS("excludeAdvertisedNetworks"), END };
static const struct key kubespan[] = { FLAG("enabled"), FLAG("advertiseKubernetesNetworks"), FLAG("allowDownPeerBypass"),
                                       FLAG("harvestExtraEndpoints"), INT("mtu"), STRUCT("filters", kubespan_filters), END };
static const struct key network[] = { TEXT("hostname"),
                                      STRUCTS("interfaces", interface),
                                      TEXTS("nameservers"),
                                      TEXTS("searchDomains"),
                                      STRUCTS("extraHostEntries", extra_host),
                                      STRUCT("kubespan", kubespan),
                                      FLAG("disableSearchDomain"),
                                      END };

static const struct key partition[] = { ANY("size"), TEXT("mountpoint"), END };
static const struct key disk[] = { TEXT("device"), STRUCTS("partitions", partition), END };
static const struct key disk_selector[] = { ANY("size"),  TEXT("name"), TEXT("model"), TEXT("serial"),  TEXT("modalias"),
                                            TEXT("uuid"), TEXT("wwid"), TEXT("type"),  TEXT("busPath"), END };
static const struct key image_only[] = { TEXT("image"), END };
static const struct key install[] = { TEXT("disk"),
                                      STRUCT("diskSelector", disk_selector),
                                      TEXTS("extraKernelArgs"),
                                      TEXT("image"),
                                      STRUCTS("extensions", image_only),
                                      FLAG("bootloader"),
                                      FLAG("wipe"),
                                      FLAG("legacyBIOSSupport"),
                                      FLAG("grubUseUKICmdline"),
                                      END };
static const struct key file[] = { TEXT("content"), ANY("permissions"), TEXT("path"), TEXT("op"), END };
static const struct key time_keys[] = { FLAG("disabled"), TEXTS("servers"), TEXT("bootTimeout"), END };
static const struct key mirror[] = { TEXTS("endpoints"), FLAG("overridePath"), FLAG("skipFallback"), END };
static const struct key registry_tls[] = { STRUCT("clientIdentity", pair), TEXT("ca"), FLAG("insecureSkipVerify"), END };
static const struct key registry_auth[] = { TEXT("username"), TEXT("password"), TEXT("auth"), TEXT("identityToken"), END };
static const struct key registry[] = { STRUCT("tls", registry_tls), STRUCT("auth", registry_auth), END };
static const struct key registries[] = { STRUCT_MAP("mirrors", mirror), STRUCT_MAP("config", registry), END };
static const struct key encryption[] = { TEXT("provider"), ANY("keys"), TEXT("cipher"), INT("keySize"), INT("blockSize"),
                                         TEXTS("options"), END };
static const struct key disk_encryption[] = { STRUCT("state", encryption), STRUCT("ephemeral", encryption), END };
static const struct key api_access[] = { FLAG("enabled"), TEXTS("allowedRoles"), TEXTS("allowedKubernetesNamespaces"), END };
static const struct key kube_prism[] = { FLAG("enabled"), INT("port"), END };
static const struct key host_dns[] = { FLAG("enabled"), FLAG("forwardKubeDNSToHost"), FLAG("resolveMemberNames"), END };
static const struct key image_cache[] = { FLAG("localEnabled"), END };
static const struct key features[] = {
        FLAG("rbac"), FLAG("stableHostname"), STRUCT("kubernetesTalosAPIAccess", api_access), FLAG("apidCheckExtKeyUsage"),
        FLAG("diskQuotaSupport"), STRUCT("kubePrism", kube_prism), STRUCT("hostDNS", host_dns), STRUCT("imageCache", image_cache),
        TEXT("nodeAddressSortAlgorithm"), END };
static const struct key udev[] = { TEXTS("rules"), END };
static const struct key destination[] = { TEXT("endpoint"), TEXT("format"), MAP("extraTags"), END };
static const struct key logging[] = { STRUCTS("destinations", destination), END };
static const struct key module[] = { TEXT("name"), TEXTS("parameters"), END };
static const struct key kernel[] = { STRUCTS("modules", module), END };
static const struct key seccomp_profile[] = { TEXT("name"), ANY("value"), END };

static const struct key machine[] = { TEXT("type"),
                                      TEXT("token"),
                                      STRUCT("ca", pair),
                                      STRUCTS("acceptedCAs", crt),
                                      TEXTS("certSANs"),
                                      STRUCT("controlPlane", machine_control_plane),
                                      STRUCT("kubelet", kubelet),
                                      ANY("pods"),
                                      STRUCT("network", network),
                                      STRUCTS("disks", disk),
                                      STRUCT("install", install),
                                      STRUCTS("files", file),
                                      MAP("env"),
                                      STRUCT("time", time_keys),
                                      MAP("sysctls"),
                                      MAP("sysfs"),
                                      STRUCT("registries", registries),
                                      STRUCT("systemDiskEncryption", disk_encryption),
                                      STRUCT("features", features),
                                      STRUCT("udev", udev),
                                      STRUCT("logging", logging),
                                      STRUCT("kernel", kernel),
                                      STRUCTS("seccompProfiles", seccomp_profile),
                                      ANY("baseRuntimeSpecOverrides"),
                                      MAP("nodeLabels"),
                                      MAP("nodeAnnotations"),
                                      MAP("nodeTaints"),
                                      END };

/* --- cluster --- */

static const struct key endpoint[] = { TEXT("endpoint"), INT("localAPIServerPort"), END };
static const struct key flannel[] = { TEXTS("extraArgs"), FLAG("kubeNetworkPoliciesEnabled"), END };
static const struct key cni[] = { TEXT("name"), TEXTS("urls"), STRUCT("flannel", flannel), END };
static const struct key cluster_network[] = { STRUCT("cni", cni), TEXT("dnsDomain"), TEXTS("podSubnets"), TEXTS("serviceSubnets"),
                                              END };
static const struct key volume_mount[] = { TEXT("hostPath"), TEXT("mountPath"), FLAG("readonly"), END };
static const struct key resources[] = { ANY("requests"), ANY("limits"), END };
static const struct key plugin[] = { TEXT("name"), ANY("configuration"), END };
static const struct key authorizer[] = { TEXT("type"), TEXT("name"), ANY("webhook"), END };
static const struct key api_server[] = {
        TEXT("image"), ARGS("extraArgs"), STRUCTS("extraVolumes", volume_mount), MAP("env"), TEXTS("certSANs"),
        FLAG("disablePodSecurityPolicy"), STRUCTS("admissionControl", plugin), ANY("auditPolicy"), STRUCT("resources", resources),
        STRUCTS("authorizationConfig", authorizer), END };
static const struct key controller_manager[] = {
        TEXT("image"), ARGS("extraArgs"), STRUCTS("extraVolumes", volume_mount), MAP("env"), STRUCT("resources", resources), END
};
static const struct key scheduler[] = { TEXT("image"), ARGS("extraArgs"), STRUCTS("extraVolumes", volume_mount), MAP("env"),
                                        STRUCT("resources", resources), ANY("config"), END };
static const struct key proxy[] = { FLAG("disabled"), TEXT("image"), TEXT("mode"), ARGS("extraArgs"), END };
static const struct key service_registry[] = { FLAG("disabled"), TEXT("endpoint"), END };
static const struct key discovery_registries[] = { STRUCT("kubernetes", disabled), STRUCT("service", service_registry), END };
static const struct key discovery[] = { FLAG("enabled"), STRUCT("registries", discovery_registries), END };
static const struct key etcd[] = { TEXT("image"),
                                   STRUCT("ca", pair),
                                   ARGS("extraArgs"),
                                   TEXT("subnet"),
                                   TEXTS("advertisedSubnets"),
                                   TEXTS("listenSubnets"),
                                   END };
static const struct key coredns[] = { FLAG("disabled"), TEXT("image"), END };
static const struct key cloud_provider[] = { FLAG("enabled"), TEXTS("manifests"), END };
static const struct key manifest[] = { TEXT("name"), TEXT("contents"), END };
static const struct key admin_kubeconfig[] = { TEXT("certLifetime"), END };

static const struct key cluster[] = { TEXT("id"),
                                      TEXT("secret"),
                                      STRUCT("controlPlane", endpoint),
                                      TEXT("clusterName"),
                                      STRUCT("network", cluster_network),
                                      TEXT("token"),
                                      TEXT("aescbcEncryptionSecret"),
                                      TEXT("secretboxEncryptionSecret"),
                                      STRUCT("ca", pair),
                                      STRUCTS("acceptedCAs", crt),
                                      STRUCT("aggregatorCA", pair),
                                      STRUCT("serviceAccount", key_only),
                                      STRUCT("apiServer", api_server),
                                      STRUCT("controllerManager", controller_manager),
                                      STRUCT("proxy", proxy),
                                      STRUCT("scheduler", scheduler),
                                      STRUCT("discovery", discovery),
                                      STRUCT("etcd", etcd),
                                      STRUCT("coreDNS", coredns),
                                      STRUCT("externalCloudProvider", cloud_provider),
                                      TEXTS("extraManifests"),
                                      MAP("extraManifestHeaders"),
                                      STRUCTS("inlineManifests", manifest),
                                      STRUCT("adminKubeconfig", admin_kubeconfig),
                                      FLAG("allowSchedulingOnMasters"),
                                      FLAG("allowSchedulingOnControlPlanes"),
                                      END };

const struct key v1alpha1_keys[] = {
        TEXT("version"), FLAG("debug"), FLAG("persist"), STRUCT("machine", machine), STRUCT("cluster", cluster), END
};

/* --- further documents --- */

static const struct key hostname_config[] = { TEXT("auto"), TEXT("hostname"), END };
static const struct key nameserver[] = { TEXT("address"), NEW_114("protocol"), NEW_114("tlsServerName"), END };
static const struct key search_domains[] = { TEXTS("domains"), FLAG("disableDefault"), END };
static const struct key resolver_config[] = { STRUCTS("nameservers", nameserver), STRUCT("searchDomains", search_domains),
                                              { "hostDNS", KEY_STRUCT, host_dns, 14 }, END };
static const struct key servers[] = { TEXTS("servers"), { "useNTS", KEY_BOOL, NULL, 14 }, END };
static const struct key devices[] = { TEXTS("devices"), END };
static const struct key time_sync_config[] = { FLAG("enabled"), TEXT("bootTimeout"), STRUCT("ntp", servers),
                                               STRUCT("ptp", devices), END };
static const struct key mirror_endpoint[] = { TEXT("url"), FLAG("overridePath"), END };
static const struct key mirror_config[] = { TEXT("name"), STRUCTS("endpoints", mirror_endpoint), FLAG("skipFallback"), END };
static const struct key auth_config[] = { TEXT("name"), TEXT("username"),      TEXT("password"),
                                          TEXT("auth"), TEXT("identityToken"), END };
static const struct key registry_tls_config[] = { TEXT("name"), ANY("clientIdentity"), TEXT("ca"), FLAG("insecureSkipVerify"),
                                                  END };
static const struct key link_address[] = { TEXT("address"), INT("routePriority"), END };
static const struct key link_route[] = {
        TEXT("destination"), TEXT("gateway"), TEXT("source"), INT("metric"), INT("mtu"), ANY("table"), END
};
static const struct key link_config[] = {
        TEXT("name"),      FLAG("up"), INT("mtu"), STRUCTS("addresses", link_address), STRUCTS("routes", link_route),
        FLAG("multicast"), END
};
static const struct key dhcp_config[] = { TEXT("name"), INT("routeMetric"), FLAG("ignoreHostname"), { "ignoreRoutes", KEY_BOOL, NULL, 14 }, TEXT("clientIdentifier"),
                                          TEXT("duidRaw"), END };
static const struct key dhcp6_config[] = { TEXT("name"), INT("routeMetric"), FLAG("ignoreHostname"), TEXT("clientIdentifier"), TEXT("duidRaw"), END };
static const struct key static_host[] = { TEXT("name"), TEXTS("hostnames"), END };
static const struct key default_action[] = { TEXT("ingress"), END };
static const struct key port_selector[] = { { "ports", KEY_SCALARS_OR_RANGES, NULL }, TEXT("protocol"), END };
static const struct key ingress_rule[] = { TEXT("subnet"), TEXT("except"), END };
static const struct key rule_config[] = { TEXT("name"), STRUCT("portSelector", port_selector), STRUCTS("ingress", ingress_rule),
                                          END };
static const struct key blackhole_route[] = { TEXT("name"), INT("metric"), END };
static const struct key event_sink[] = { TEXT("endpoint"), END };
static const struct key kmsg_log[] = { TEXT("name"), TEXT("url"), END };
static const struct key watchdog[] = { TEXT("device"), TEXT("timeout"), END };
static const struct key trusted_roots[] = { TEXT("name"), TEXT("certificates"), END };
static const struct key environment[] = { MAP("variables"), END };

static const struct document_kind kinds[] = {
        { "HostnameConfig",
          12,
          false,
          false,
          hostname_config,
          { "machine.network.hostname", "machine.features.stableHostname" } },
        { "ResolverConfig",
          12,
          false,
          false,
          resolver_config,
          { "machine.network.nameservers", "+machine.network.searchDomains", "machine.network.disableSearchDomain" } },
        { "TimeSyncConfig", 12, false, false, time_sync_config, { "machine.time.servers", "machine.time.disabled", "machine.time.bootTimeout" } },
        { "RegistryMirrorConfig", 12, true, false, mirror_config, { NULL } },
        { "RegistryAuthConfig", 12, true, false, auth_config, { NULL } },
        { "RegistryTLSConfig", 12, true, false, registry_tls_config, { NULL } },
        { "LinkConfig", 12, true, false, link_config, { NULL } },
        { "DHCPv4Config", 12, true, false, dhcp_config, { NULL } },
        { "DHCPv6Config", 12, true, false, dhcp6_config, { NULL } },
        { "StaticHostConfig", 12, true, false, static_host, { NULL } },
        { "LinkAliasConfig", 12, true, false, NULL, { NULL } },
        { "BondConfig", 12, true, false, NULL, { NULL } },
        { "BridgeConfig", 12, true, false, NULL, { NULL } },
        { "VLANConfig", 12, true, false, NULL, { NULL } },
        { "DummyLinkConfig", 12, true, false, NULL, { NULL } },
        { "WireguardConfig", 12, true, false, NULL, { NULL } },
        { "HCloudVIPConfig", 12, true, false, NULL, { NULL } },
        { "Layer2VIPConfig", 12, true, false, NULL, { NULL } },
        { "EthernetConfig", 11, true, false, NULL, { NULL } },
        { "BlackholeRouteConfig", 13, true, false, blackhole_route, { NULL } },
        { "RoutingRuleConfig", 13, true, false, NULL, { NULL } },
        { "VRFConfig", 13, true, false, NULL, { NULL } },
        { "TCPProbeConfig", 13, true, false, NULL, { NULL } },
        { "KubeSpanConfig", 13, false, false, kubespan, { "+machine.network.kubespan" } },
        { "KubespanEndpointsConfig", 7, false, false, NULL, { NULL } },
        { "KubeSpanEndpointsConfig", 7, false, false, NULL, { NULL } },
        { "NetworkDefaultActionConfig", 6, false, false, default_action, { NULL } },
        { "NetworkRuleConfig", 6, true, false, rule_config, { NULL } },
        { "VolumeConfig", 8, true, false, volume_keys, { NULL } },
        { "UserVolumeConfig", 10, true, false, NULL, { NULL } },
        { "RawVolumeConfig", 11, true, false, NULL, { NULL } },
        { "SwapVolumeConfig", 11, true, false, NULL, { NULL } },
        { "ZswapConfig", 11, false, false, NULL, { NULL } },
        { "ExistingVolumeConfig", 11, true, false, NULL, { NULL } },
        { "ExternalVolumeConfig", 13, true, false, NULL, { NULL } },
        { "ExtensionServiceConfig", 7, true, false, NULL, { NULL } },
        { "SideroLinkConfig", 5, false, false, NULL, { NULL } },
        { "EventSinkConfig", 5, false, false, event_sink, { NULL } },
        { "KmsgLogConfig", 5, true, false, kmsg_log, { NULL } },
        { "WatchdogTimerConfig", 7, false, false, watchdog, { NULL } },
        { "TrustedRootsConfig", 7, true, false, trusted_roots, { NULL } },
        { "OOMConfig", 12, false, false, NULL, { NULL } },
        { "PCIDriverRebindConfig", 10, true, false, NULL, { NULL } },
        { "EnvironmentConfig", 13, false, false, environment, { NULL } },
        { "ImageVerificationConfig", 13, false, false, NULL, { NULL } },
};

const struct document_kind *document_kind_find(const char *kind) {
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (str_eq(kinds[i].kind, kind))
                        return &kinds[i];
        for (const struct document_kind *k = document_kinds_114; k->kind; k++)
                if (str_eq(k->kind, kind))
                        return k;
        return NULL;
}

/* --- checking --- */

static bool is_scalar(const struct yaml_node *n) {
        return n->type != YAML_MAP && n->type != YAML_SEQ;
}

static bool is_bool(const struct yaml_node *n) {
        static const char *const words[] = { "true", "false", "yes",  "no",    "on",  "off", "True", "False", "Yes", "No",
                                             "On",   "Off",   "TRUE", "FALSE", "YES", "NO",  "ON",   "OFF",   "y",   "n" };
        if (n->type == YAML_BOOL)
                return true;
        for (size_t i = 0; !n->quoted && n->type == YAML_STR && i < ARRAY_SIZE(words); i++)
                if (str_eq(n->text, words[i]))
                        return true;
        return false;
}

bool config_truth(const struct yaml_node *n) {
        if (!n)
                return false;
        return n->type == YAML_BOOL ? n->boolean : n->text && strchr("yYoOtT", n->text[0]) && strcasecmp(n->text, "off") != 0;
}

static void wrong_type(const struct yaml_node *n, const char *key, const char *wanted, struct config_errors *errors) {
        config_error(errors, "yaml: unmarshal errors: line %u: cannot unmarshal %s into %s (.%s)", n->line,
                     n->type == YAML_MAP    ? "!!map"
                     : n->type == YAML_SEQ  ? "!!seq"
                     : n->type == YAML_INT  ? "!!int"
                     : n->type == YAML_BOOL ? "!!bool"
                                            : "!!str",
                     wanted, key);
}

static void check_scalars(const struct yaml_node *n, const struct key *k, bool lists_too, struct config_errors *errors) {
        for (size_t i = 0; i < n->n; i++) {
                const struct yaml_node *v = n->type == YAML_MAP ? n->pairs[i].value : n->items[i];
                if (lists_too && v->type == YAML_SEQ)
                        check_scalars(v, k, false, errors);
                else if (!is_scalar(v))
                        wrong_type(v, k->name, "string", errors);
        }
}

static struct yaml_node *check_value(const struct yaml_node *n, const struct key *k, unsigned minor, struct config_errors *errors);

static struct yaml_node *check_each(const struct yaml_node *n, const struct key *k, unsigned minor, struct config_errors *errors) {
        struct yaml_node *unknown = NULL;
        for (size_t i = 0; i < n->n; i++) {
                const struct yaml_node *v = n->type == YAML_MAP ? n->pairs[i].value : n->items[i];
                if (v->type == YAML_NULL)
                        continue;
                if (v->type != YAML_MAP) {
                        wrong_type(v, k->name, "struct", errors);
                        continue;
                }
                struct yaml_node *u = config_check_keys(v, k->sub, false, minor, errors);
                if (!u)
                        continue;
                if (!unknown)
                        unknown = n->type == YAML_MAP ? yaml_new_map() : yaml_new_seq();
                if (n->type == YAML_MAP)
                        yaml_set(unknown, n->pairs[i].key, u);
                else
                        yaml_append(unknown, u);
        }
        return unknown;
}

static struct yaml_node *check_value(const struct yaml_node *n, const struct key *k, unsigned minor, struct config_errors *errors) {
        if (n->type == YAML_NULL || k->type == KEY_ANY)
                return NULL;
        switch (k->type) {
        case KEY_STRING:
                if (!is_scalar(n))
                        wrong_type(n, k->name, "string", errors);
                return NULL;
        case KEY_BOOL:
                if (!is_bool(n))
                        wrong_type(n, k->name, "bool", errors);
                return NULL;
        case KEY_INT:
                if (n->type != YAML_INT)
                        wrong_type(n, k->name, "int", errors);
                return NULL;
        case KEY_STRINGS:
        case KEY_SCALARS_OR_RANGES:
                if (n->type != YAML_SEQ)
                        wrong_type(n, k->name, "[]string", errors);
                else
                        check_scalars(n, k, false, errors);
                return NULL;
        case KEY_MAP:
        case KEY_ARGS:
                if (n->type != YAML_MAP)
                        wrong_type(n, k->name, "map[string]string", errors);
                else
                        check_scalars(n, k, k->type == KEY_ARGS, errors);
                return NULL;
        case KEY_STRUCT:
                if (n->type == YAML_MAP)
                        return config_check_keys(n, k->sub, false, minor, errors);
                break;
        case KEY_STRUCTS:
                if (n->type == YAML_SEQ)
                        return check_each(n, k, minor, errors);
                break;
        default:
                if (n->type == YAML_MAP)
                        return check_each(n, k, minor, errors);
        }
        wrong_type(n, k->name, k->type == KEY_STRUCTS ? "list" : "struct", errors);
        return NULL;
}

struct yaml_node *config_check_keys(const struct yaml_node *n, const struct key *keys, bool document, unsigned minor,
                                    struct config_errors *errors) {
        struct yaml_node *unknown = NULL;

        for (size_t i = 0; i < n->n; i++) {
                const struct yaml_pair *p = &n->pairs[i];
                const struct key *k = keys;
                while (k->name && (!str_eq(k->name, p->key) || k->since > minor))
                        k++;
                struct yaml_node *u = NULL;
                if (k->name)
                        u = check_value(p->value, k, minor, errors);
                else if (!document || (!str_eq(p->key, "apiVersion") && !str_eq(p->key, "kind")))
                        u = yaml_copy(p->value);
                if (!u)
                        continue;
                if (!unknown)
                        unknown = yaml_new_map();
                yaml_set(unknown, p->key, u);
        }
        return unknown;
}
