/* The documents beside the v1alpha1 one: talos: config/types/{network,cri,block,runtime,security,siderolink} of 1.13. Those
 * that an IPv6-only cluster is likely to meet have their keys; the others are known by name. */
#include "talos/patch-schema-words.h"

static const struct schema address = { .kind = SCHEMA_STRUCT, FIELDS({ "address", &schema_prefix }, { "routePriority", NATURAL }) };
static const struct schema route = {
        .kind = SCHEMA_STRUCT, FIELDS({ "destination", &schema_prefix }, { "gateway", &schema_address }, { "source", &schema_address }, { "metric", NATURAL },
                                      { "mtu", NATURAL }, { "table", TEXT }) };

#define LINK                                                                                        \
        { "up", BOOLEAN }, { "mtu", NATURAL }, { "addresses", LIST(&address) }, { "routes", LIST(&route) }, \
        { "multicast", BOOLEAN }

#define DHCP(...)                                                                                   \
        { "routeMetric", NATURAL }, { "ignoreHostname", BOOLEAN }, __VA_ARGS__ { "clientIdentifier", TEXT }, { "duidRaw", TEXT }

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

/* The keys besides address, and all of hostDNS, are there from 1.14 on. */
#define NAMESERVERS { "nameservers", LIST(STRUCT({ "address", &schema_address }, { "protocol", TEXT }, { "tlsServerName", TEXT })) }
#define HOST_DNS                                                                                    \
        { "hostDNS", STRUCT({ "enabled", BOOLEAN }, { "forwardKubeDNSToHost", BOOLEAN }, { "resolveMemberNames", BOOLEAN }), SCHEMA_BY_VALUE | SCHEMA_DROP_EMPTY }
/* From 1.14 on a patch's search domains replace. */
TYPE(resolver_114, { "apiVersion", TEXT }, { "kind", TEXT }, NAMESERVERS,
     { "searchDomains", STRUCT({ "domains", TEXTS, SCHEMA_REPLACE }, { "disableDefault", BOOLEAN }), SCHEMA_BY_VALUE | SCHEMA_DROP_EMPTY }, HOST_DNS);

const struct schema_document schema_documents[] = {
        /* names, resolvers, time */
        { "HostnameConfig", DOCUMENT({ "auto", &schema_host_auto }, { "hostname", TEXT }), 12 },
        { "ResolverConfig", DOCUMENT(NAMESERVERS,
                                     { "searchDomains", STRUCT({ "domains", TEXTS }, { "disableDefault", BOOLEAN }), SCHEMA_BY_VALUE },
                                     HOST_DNS), 12, .type_114 = &resolver_114 },
        { "StaticHostConfig", NAMED({ "hostnames", TEXTS }), 12 },
        { "TimeSyncConfig", DOCUMENT({ "enabled", BOOLEAN }, { "bootTimeout", &schema_duration }, { "ntp", STRUCT({ "servers", TEXTS }, { "useNTS", BOOLEAN }) },
                                     { "ptp", STRUCT({ "devices", TEXTS }) }), 12 },
        /* links */
        { "LinkConfig", NAMED(LINK), 12 },
        { "DHCPv4Config", NAMED(DHCP({ "ignoreRoutes", BOOLEAN } /* from 1.14 on */, )), 12 },
        { "DHCPv6Config", NAMED(DHCP()), 12 },
        { "DummyLinkConfig", NAMED({ "hardwareAddr", TEXT }, LINK), 12 },
        { "VLANConfig", NAMED({ "vlanID", NATURAL }, { "vlanMode", TEXT }, { "parent", TEXT }, LINK), 12 },
        { "LinkAliasConfig", NAMED({ "selector", STRUCT({ "match", TEXT }) }), 12 },
        { "Layer2VIPConfig", NAMED({ "link", TEXT }), 12 },
        { "HCloudVIPConfig", NAMED({ "link", TEXT }, { "apiToken", TEXT }), 12 },
        { "BlackholeRouteConfig", NAMED({ "metric", NATURAL }), 13 },
        { "KubeSpanConfig", DOCUMENT({ "enabled", BOOLEAN }, { "advertiseKubernetesNetworks", BOOLEAN },
                                     { "allowDownPeerBypass", BOOLEAN },
                                     { "harvestExtraEndpoints", BOOLEAN }, { "mtu", NATURAL },
                                     { "filters", STRUCT({ "endpoints", TEXTS }, { "excludeAdvertisedNetworks", TEXTS }) }), 13 },
        { "KubeSpanEndpointsConfig", DOCUMENT({ "extraAnnouncedEndpoints", TEXTS }) }, { "BondConfig", NULL, 12 }, { "BridgeConfig", NULL, 12 }, { "EthernetConfig", NULL },
        { "RoutingRuleConfig", NULL, 13 }, { "TCPProbeConfig", NULL, 13 }, { "VRFConfig", NULL, 13 },
        { "WireguardConfig", NULL, 12 },
        /* the node's own firewall */
        { "NetworkDefaultActionConfig", DOCUMENT({ "ingress", &schema_action }) },
        { "NetworkRuleConfig", NAMED({ "portSelector", STRUCT({ "ports", LIST(&schema_port), SCHEMA_REPLACE }, { "protocol", &schema_protocol }), SCHEMA_BY_VALUE },
                                     { "ingress", LIST(STRUCT({ "subnet", &schema_prefix }, { "except", &schema_prefix })), SCHEMA_REPLACE }) },
        /* registries and images */
        { "RegistryMirrorConfig", NAMED({ "endpoints", LIST(STRUCT({ "url", TEXT }, { "overridePath", BOOLEAN })) },
                                        { "skipFallback", BOOLEAN }), 12 },
        { "RegistryAuthConfig", NAMED({ "username", TEXT }, { "password", TEXT }, { "auth", TEXT }, { "identityToken", TEXT }), 12 },
        { "RegistryTLSConfig", NAMED({ "clientIdentity", STRUCT({ "cert", TEXT }, { "key", TEXT }) }, { "ca", TEXT },
                                     { "insecureSkipVerify", BOOLEAN }), 12 },
        { "ImageVerificationConfig", DOCUMENT({ "rules", &image_rules }), 13 },
        { "TrustedRootsConfig", NAMED({ "certificates", TEXT }) },
        /* disks */
        { "VolumeConfig", &schema_volume }, { "UserVolumeConfig", NULL }, { "RawVolumeConfig", NULL }, { "SwapVolumeConfig", NULL },
        { "ExistingVolumeConfig", NULL }, { "ExternalVolumeConfig", NULL, 13 },
        { "ZswapConfig", DOCUMENT({ "maxPoolPercent", NATURAL }, { "shrinkerEnabled", BOOLEAN }) },
        /* the system */
        { "EnvironmentConfig", DOCUMENT({ "variables", TEXT_MAP }), 13 },
        { "ExtensionServiceConfig", NAMED({ "configFiles", &config_files },
                                          { "environment", TEXTS }) },
        { "EventSinkConfig", DOCUMENT({ "endpoint", TEXT }) },
        { "KmsgLogConfig", NAMED({ "url", TEXT }) },
        { "WatchdogTimerConfig", DOCUMENT({ "device", TEXT }, { "timeout", &schema_duration }) },
        { "SideroLinkConfig", DOCUMENT({ "apiUrl", TEXT }, { "uniqueToken", TEXT }) }, { "OOMConfig", NULL, 12 }, { "PCIDriverRebindConfig", NULL },
        { 0 },
};
