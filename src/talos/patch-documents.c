/* The documents beside the v1alpha1 one: talos: config/types/{network,cri,block,runtime,security,siderolink} of 1.13. Those
 * that an IPv6-only cluster is likely to meet have their keys; the others are known by name. */
#include "talos/patch-schema.h"

#define TEXT &schema_text
#define NUMBER &schema_natural
#define BOOLEAN &schema_boolean
#define FREE &schema_free
#define TEXTS &schema_texts
#define FIELDS(...) .fields = (const struct schema_field[]) { __VA_ARGS__, { 0 } }
#define STRUCT(...) &(const struct schema) { .kind = SCHEMA_STRUCT, FIELDS(__VA_ARGS__) }
#define LIST(of) &(const struct schema) { .kind = SCHEMA_LIST, .item = of }
#define KEYS(...) (const char *const[]) { __VA_ARGS__, NULL }
#define LIST_BY(of, ...) &(const struct schema) { .kind = SCHEMA_LIST, .item = of, .keys = KEYS(__VA_ARGS__) }
#define DOCUMENT(...) STRUCT({ "apiVersion", TEXT }, { "kind", TEXT }, __VA_ARGS__)
#define NAMED(...) DOCUMENT({ "name", TEXT }, __VA_ARGS__)

static const struct schema address = { .kind = SCHEMA_STRUCT, FIELDS({ "address", &schema_prefix }, { "routePriority", NUMBER }) };
static const struct schema route = {
        .kind = SCHEMA_STRUCT, FIELDS({ "destination", &schema_prefix }, { "gateway", &schema_address }, { "source", &schema_address }, { "metric", NUMBER },
                                      { "mtu", NUMBER }, { "table", TEXT }) };

#define LINK                                                                                        \
        { "up", BOOLEAN }, { "mtu", NUMBER }, { "addresses", LIST(&address) }, { "routes", LIST(&route) }, \
        { "multicast", BOOLEAN }

#define DHCP                                                                                        \
        { "routeMetric", NUMBER }, { "ignoreHostname", BOOLEAN }, { "ignoreRoutes", BOOLEAN },      \
        { "clientIdentifier", TEXT }, { "duidRaw", TEXT }

static const struct schema image_rules = {
        .kind = SCHEMA_LIST,
        .flags = SCHEMA_REPLACE_ELEMENT,
        .keys = KEYS("image"),
        .item = STRUCT({ "image", TEXT }, { "skip", BOOLEAN }, { "deny", BOOLEAN },
                       { "keyless", STRUCT({ "issuer", TEXT }, { "subject", TEXT }, { "subjectRegex", TEXT }) },
                       { "publicKey", STRUCT({ "certificate", TEXT }) }),
};

static const struct schema config_files = { .kind = SCHEMA_LIST, .flags = SCHEMA_EMPTY_KEY, .keys = KEYS("mountPath"),
                                            .item = STRUCT({ "content", TEXT }, { "mountPath", TEXT }) };

static const struct schema text_map = { .kind = SCHEMA_TEXT_MAP };

const struct schema_document schema_documents[] = {
        /* names, resolvers, time */
        { "HostnameConfig", DOCUMENT({ "auto", &schema_host_auto }, { "hostname", TEXT }) },
        { "ResolverConfig", DOCUMENT({ "nameservers", LIST(STRUCT({ "address", &schema_address })) },
                                     { "searchDomains", STRUCT({ "domains", TEXTS }, { "disableDefault", BOOLEAN }), SCHEMA_BY_VALUE },
                                     /* from 1.14 on */
                                     { "hostDNS", STRUCT({ "enabled", BOOLEAN }, { "forwardKubeDNSToHost", BOOLEAN },
                                                         { "resolveMemberNames", BOOLEAN }) }) },
        { "StaticHostConfig", NAMED({ "hostnames", TEXTS }) },
        { "TimeSyncConfig", DOCUMENT({ "enabled", BOOLEAN }, { "bootTimeout", &schema_duration }, { "ntp", STRUCT({ "servers", TEXTS }) },
                                     { "ptp", STRUCT({ "devices", TEXTS }) }) },
        /* links */
        { "LinkConfig", NAMED(LINK) },
        { "DHCPv4Config", NAMED(DHCP) },
        { "DHCPv6Config", NAMED(DHCP) },
        { "DummyLinkConfig", NAMED({ "hardwareAddr", TEXT }, LINK) },
        { "VLANConfig", NAMED({ "vlanID", NUMBER }, { "vlanMode", TEXT }, { "parent", TEXT }, LINK) },
        { "LinkAliasConfig", NAMED({ "selector", STRUCT({ "match", TEXT }) }) },
        { "Layer2VIPConfig", NAMED({ "link", TEXT }) },
        { "HCloudVIPConfig", NAMED({ "link", TEXT }, { "apiToken", TEXT }) },
        { "BlackholeRouteConfig", NAMED({ "metric", NUMBER }) },
        { "KubeSpanConfig", DOCUMENT({ "enabled", BOOLEAN }, { "advertiseKubernetesNetworks", BOOLEAN },
                                     { "allowDownPeerBypass", BOOLEAN },
                                     { "harvestExtraEndpoints", BOOLEAN }, { "mtu", NUMBER },
                                     { "filters", STRUCT({ "endpoints", TEXTS }, { "excludeAdvertisedNetworks", TEXTS }) }) },
        { "KubeSpanEndpointsConfig", DOCUMENT({ "extraAnnouncedEndpoints", TEXTS }) },
        { "BGPInstanceConfig", NULL }, { "BondConfig", NULL }, { "BridgeConfig", NULL }, { "EthernetConfig", NULL },
        { "HTTPProbeConfig", NULL },
        { "RoutingRuleConfig", NULL }, { "TCPProbeConfig", NULL }, { "VRFConfig", NULL }, { "VethConfig", NULL },
        { "WireguardConfig", NULL },
        /* the node's own firewall */
        { "NetworkDefaultActionConfig", DOCUMENT({ "ingress", &schema_action }) },
        { "NetworkRuleConfig", NAMED({ "portSelector", STRUCT({ "ports", LIST(&schema_port), SCHEMA_REPLACE }, { "protocol", &schema_protocol }), SCHEMA_BY_VALUE },
                                     { "ingress", LIST(STRUCT({ "subnet", &schema_prefix }, { "except", &schema_prefix })), SCHEMA_REPLACE }) },
        /* registries and images */
        { "RegistryMirrorConfig", NAMED({ "endpoints", LIST(STRUCT({ "url", TEXT }, { "overridePath", BOOLEAN })) },
                                        { "skipFallback", BOOLEAN }) },
        { "RegistryAuthConfig", NAMED({ "username", TEXT }, { "password", TEXT }, { "auth", TEXT }, { "identityToken", TEXT }) },
        { "RegistryTLSConfig", NAMED({ "clientIdentity", STRUCT({ "cert", TEXT }, { "key", TEXT }) }, { "ca", TEXT },
                                     { "insecureSkipVerify", BOOLEAN }) },
        { "ImageVerificationConfig", DOCUMENT({ "rules", &image_rules }) },
        { "TrustedRootsConfig", NAMED({ "certificates", TEXT }) },
        { "CRIBaseRuntimeSpecConfig", NULL }, { "CRICustomizationConfig", NULL }, { "ContainerConfig", NULL },
        /* disks */
        { "VolumeConfig", NULL }, { "UserVolumeConfig", NULL }, { "RawVolumeConfig", NULL }, { "SwapVolumeConfig", NULL },
        { "ExistingVolumeConfig", NULL }, { "ExternalVolumeConfig", NULL }, { "FilesystemTrimConfig", NULL },
        { "FilesystemScrubConfig", NULL },
        { "LVMLogicalVolumeConfig", NULL }, { "LVMVolumeGroupConfig", NULL }, { "RAIDArrayConfig", NULL },
        { "UnattendedInstallConfig", NULL },
        { "ZswapConfig", DOCUMENT({ "maxPoolPercent", NUMBER }, { "shrinkerEnabled", BOOLEAN }) },
        /* the system */
        { "EnvironmentConfig", DOCUMENT({ "variables", &text_map }) },
        { "ExtensionServiceConfig", NAMED({ "configFiles", &config_files },
                                          { "environment", TEXTS }) },
        { "EventSinkConfig", DOCUMENT({ "endpoint", TEXT }) },
        { "KmsgLogConfig", NAMED({ "url", TEXT }) },
        { "WatchdogTimerConfig", DOCUMENT({ "device", TEXT }, { "timeout", &schema_duration }) },
        { "SideroLinkConfig", DOCUMENT({ "apiUrl", TEXT }, { "uniqueToken", TEXT }) },
        { "EtcFileConfig", NULL }, { "KernelModuleConfig", NULL }, { "OOMConfig", NULL }, { "PCIDriverRebindConfig", NULL },
        { "SecurityProfileConfig", NULL }, { "SysctlConfig", NULL }, { "SysfsConfig", NULL }, { "UdevRulesConfig", NULL },
        { "DiscoveryIdentityConfig", NULL }, { "DiscoveryServiceConfig", NULL },
        { 0 },
};
