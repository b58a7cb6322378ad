/* The v1alpha1 document. Keys, their order and their types are those of talos: config/types/v1alpha1/v1alpha1_types.go, the
 * same for 1.11 to 1.14 but for what the comments name. */
#include "talos/patch-schema-words.h"

const struct schema schema_free = { .kind = SCHEMA_FREE };
const struct schema schema_text = { .kind = SCHEMA_TEXT };
const struct schema schema_number = { .kind = SCHEMA_NUMBER };
const struct schema schema_mode = { .kind = SCHEMA_MODE };
const struct schema schema_boolean = { .kind = SCHEMA_BOOLEAN };
const struct schema schema_text_map = { .kind = SCHEMA_TEXT_MAP };
const struct schema schema_arguments = { .kind = SCHEMA_ARGUMENTS };
const struct schema schema_texts = { .kind = SCHEMA_LIST, .item = &schema_text };
const struct schema schema_free_list = { .kind = SCHEMA_LIST, .item = &schema_object };

static const struct schema pair = { .kind = SCHEMA_STRUCT, .flags = SCHEMA_BYTES_PAIR,
                                    FIELDS({ "crt", TEXT }, { "key", TEXT }) };
static const struct schema certificate = { .kind = SCHEMA_STRUCT, .flags = SCHEMA_BYTES_PAIR, FIELDS({ "crt", TEXT }) };
static const struct schema key = { .kind = SCHEMA_STRUCT, .flags = SCHEMA_BYTES_PAIR, FIELDS({ "key", TEXT }) };

/* machine.network */
TYPE(route, { "network", TEXT }, { "gateway", TEXT }, { "source", TEXT }, { "metric", NATURAL }, { "mtu", NATURAL });
TYPE(dhcp_options, { "routeMetric", NATURAL }, { "ipv4", BOOLEAN }, { "ipv6", BOOLEAN }, { "duidv6", TEXT });
TYPE(vip, { "ip", TEXT }, { "equinixMetal", STRUCT({ "apiToken", TEXT }) }, { "hcloud", STRUCT({ "apiToken", TEXT }) });
TYPE(device_selector, { "busPath", TEXT }, { "hardwareAddr", TEXT }, { "permanentAddr", TEXT }, { "pciID", TEXT },
     { "driver", TEXT }, { "physical", BOOLEAN });
TYPE(vlan, { "addresses", TEXTS }, { "cidr", TEXT }, { "routes", LIST(&route) }, { "dhcp", BOOLEAN }, { "vlanId", NATURAL },
     { "mtu", NATURAL }, { "vip", &vip }, { "dhcpOptions", &dhcp_options });
TYPE(bond, { "interfaces", TEXTS }, { "deviceSelectors", LIST(&device_selector) }, { "arpIPTarget", TEXTS }, { "mode", TEXT },
     { "xmitHashPolicy", TEXT }, { "lacpRate", TEXT }, { "adActorSystem", TEXT }, { "arpValidate", TEXT },
     { "arpAllTargets", TEXT }, { "primary", TEXT }, { "primaryReselect", TEXT }, { "failOverMac", TEXT },
     { "adSelect", TEXT }, { "miimon", NUMBER }, { "updelay", NUMBER }, { "downdelay", NUMBER }, { "arpInterval", NUMBER },
     { "resendIgmp", NUMBER }, { "minLinks", NUMBER }, { "lpInterval", NUMBER }, { "packetsPerSlave", NUMBER },
     { "numPeerNotif", NUMBER }, { "tlbDynamicLb", NUMBER }, { "allSlavesActive", NUMBER }, { "useCarrier", BOOLEAN },
     { "adActorSysPrio", NUMBER }, { "adUserPortKey", NUMBER }, { "peerNotifyDelay", NUMBER });
TYPE(bridge, { "interfaces", TEXTS }, { "stp", STRUCT({ "enabled", BOOLEAN }) },
     { "vlan", STRUCT({ "vlanFiltering", BOOLEAN }) });
TYPE(wireguard, { "privateKey", TEXT }, { "listenPort", NUMBER }, { "firewallMark", NUMBER },
     { "peers", LIST(STRUCT({ "publicKey", TEXT }, { "endpoint", TEXT }, { "persistentKeepaliveInterval", &schema_duration },
                            { "allowedIPs", TEXTS })) });
TYPE(device, { "interface", TEXT }, { "deviceSelector", &device_selector }, { "addresses", TEXTS }, { "cidr", TEXT },
     { "routes", LIST(&route) }, { "bond", &bond }, { "bridge", &bridge }, { "bridgePort", STRUCT({ "master", TEXT }) },
     { "vlans", LIST_BY(&vlan, "vlanId") }, { "mtu", NUMBER }, { "dhcp", BOOLEAN }, { "ignore", BOOLEAN },
     { "dummy", BOOLEAN }, { "dhcpOptions", &dhcp_options }, { "wireguard", &wireguard }, { "vip", &vip });
TYPE(kubespan, { "enabled", BOOLEAN }, { "advertiseKubernetesNetworks", BOOLEAN }, { "allowDownPeerBypass", BOOLEAN },
     { "harvestExtraEndpoints", BOOLEAN }, { "mtu", NATURAL },
     { "filters", STRUCT({ "endpoints", TEXTS }, { "excludeAdvertisedNetworks", TEXTS }) });
TYPE(network, { "hostname", TEXT }, { "interfaces", LIST_BY(&device, "interface", "deviceSelector") },
     { "nameservers", TEXTS }, { "searchDomains", TEXTS, SCHEMA_DROP_EMPTY },
     { "extraHostEntries", LIST(STRUCT({ "ip", TEXT }, { "aliases", TEXTS })) }, { "kubespan", &kubespan },
     { "disableSearchDomain", BOOLEAN });

/* machine.kubelet */
static const struct schema id_mappings = {
        .kind = SCHEMA_LIST, .item = STRUCT({ "containerID", NUMBER }, { "hostID", NUMBER }, { "size", NUMBER }) };
TYPE(extra_mount, { "destination", TEXT }, { "type", TEXT }, { "source", TEXT }, { "options", TEXTS },
     { "uidMappings", &id_mappings }, { "gidMappings", &id_mappings });
TYPE(kubelet, { "image", TEXT }, { "clusterDNS", TEXTS }, { "extraArgs", ARGUMENTS }, { "extraMounts", LIST(&extra_mount) },
     { "extraConfig", FREE }, { "credentialProviderConfig", FREE }, { "defaultRuntimeSeccompProfileEnabled", BOOLEAN },
     { "registerWithFQDN", BOOLEAN }, { "nodeIP", STRUCT({ "validSubnets", TEXTS }) }, { "skipNodeRegistration", BOOLEAN },
     { "disableManifestsDirectory", BOOLEAN });

/* machine.install, disks, files */
TYPE(install_selector, { "size", TEXT }, { "name", TEXT }, { "model", TEXT }, { "serial", TEXT }, { "modalias", TEXT },
     { "uuid", TEXT }, { "wwid", TEXT }, { "type", TEXT }, { "busPath", TEXT });
TYPE(install, { "disk", TEXT }, { "diskSelector", &install_selector }, { "extraKernelArgs", TEXTS }, { "image", TEXT },
     { "extensions", LIST(STRUCT({ "image", TEXT })) }, { "bootloader", BOOLEAN }, { "wipe", BOOLEAN },
     { "legacyBIOSSupport", BOOLEAN }, { "grubUseUKICmdline", BOOLEAN } /* from 1.12 on */);
TYPE(disk, { "device", TEXT }, { "partitions", LIST(STRUCT({ "size", TEXT }, { "mountpoint", TEXT })) });
TYPE(file, { "content", TEXT }, { "permissions", MODE, SCHEMA_ALWAYS }, { "path", TEXT }, { "op", TEXT });
TYPE(encryption, { "provider", TEXT },
     { "keys", LIST(STRUCT({ "static", STRUCT({ "passphrase", TEXT }) }, { "nodeID", FREE },
                           { "kms", STRUCT({ "endpoint", TEXT }) }, { "slot", NUMBER },
                           { "tpm", STRUCT({ "checkSecurebootStatusOnEnroll", BOOLEAN }) })) }, { "cipher", TEXT },
     { "keySize", NUMBER }, { "blockSize", NUMBER }, { "options", TEXTS });

/* machine.registries, features, the rest */
TYPE(mirror, { "endpoints", TEXTS }, { "overridePath", BOOLEAN }, { "skipFallback", BOOLEAN });
TYPE(registry, { "tls", STRUCT({ "clientIdentity", &pair }, { "ca", TEXT }, { "insecureSkipVerify", BOOLEAN }) },
     { "auth", STRUCT({ "username", TEXT }, { "password", TEXT }, { "auth", TEXT }, { "identityToken", TEXT }) });
TYPE(features, { "rbac", BOOLEAN }, { "stableHostname", BOOLEAN },
     { "kubernetesTalosAPIAccess", STRUCT({ "enabled", BOOLEAN }, { "allowedRoles", TEXTS },
                                          { "allowedKubernetesNamespaces", TEXTS }) }, { "apidCheckExtKeyUsage", BOOLEAN },
     { "diskQuotaSupport", BOOLEAN }, { "kubePrism", STRUCT({ "enabled", BOOLEAN }, { "port", NUMBER }) },
     { "hostDNS", STRUCT({ "enabled", BOOLEAN }, { "forwardKubeDNSToHost", BOOLEAN }, { "resolveMemberNames", BOOLEAN }) },
     { "imageCache", STRUCT({ "localEnabled", BOOLEAN }) }, { "nodeAddressSortAlgorithm", TEXT });
TYPE(logging, { "destinations", LIST(STRUCT({ "endpoint", TEXT }, { "format", TEXT }, { "extraTags", TEXT_MAP })) });
TYPE(kernel, { "modules", LIST(STRUCT({ "name", TEXT }, { "parameters", TEXTS })) });

TYPE(machine, { "type", TEXT }, { "token", TEXT }, { "ca", &pair }, { "acceptedCAs", LIST(&certificate) },
     { "certSANs", TEXTS },
     { "controlPlane", STRUCT({ "controllerManager", STRUCT({ "disabled", BOOLEAN }) },
                              { "scheduler", STRUCT({ "disabled", BOOLEAN }) }) }, { "kubelet", &kubelet },
     { "pods", &schema_free_list }, { "network", &network }, { "disks", LIST(&disk) }, { "install", &install },
     { "files", LIST(&file) }, { "env", TEXT_MAP },
     { "time", STRUCT({ "disabled", BOOLEAN }, { "servers", TEXTS }, { "bootTimeout", &schema_duration }) }, { "sysctls", TEXT_MAP },
     { "sysfs", TEXT_MAP },
     { "registries", STRUCT({ "mirrors", MAP(&mirror) }, { "config", MAP(&registry) }), SCHEMA_DROP_EMPTY | SCHEMA_BY_VALUE },
     { "systemDiskEncryption", STRUCT({ "state", &encryption }, { "ephemeral", &encryption }) }, { "features", &features },
     { "udev", STRUCT({ "rules", TEXTS }) }, { "logging", &logging }, { "kernel", &kernel },
     { "seccompProfiles", LIST(STRUCT({ "name", TEXT }, { "value", FREE })) }, { "baseRuntimeSpecOverrides", FREE, SCHEMA_DROP_EMPTY },
     { "nodeLabels", TEXT_MAP }, { "nodeAnnotations", TEXT_MAP }, { "nodeTaints", TEXT_MAP });

/* cluster */
TYPE(resources, { "requests", FREE }, { "limits", FREE });
static const struct schema volumes = {
        .kind = SCHEMA_LIST, .item = STRUCT({ "hostPath", TEXT }, { "mountPath", TEXT }, { "readonly", BOOLEAN }) };
TYPE(api_server, { "image", TEXT }, { "extraArgs", ARGUMENTS }, { "extraVolumes", &volumes }, { "env", TEXT_MAP },
     { "certSANs", TEXTS }, { "disablePodSecurityPolicy", BOOLEAN },
     { "admissionControl", LIST_BY(STRUCT({ "name", TEXT }, { "configuration", FREE }), "name") },
     { "auditPolicy", FREE, SCHEMA_REPLACE }, { "resources", &resources },
     { "authorizationConfig", LIST(STRUCT({ "type", TEXT }, { "name", TEXT }, { "webhook", FREE })) });
TYPE(controller_manager, { "image", TEXT }, { "extraArgs", ARGUMENTS }, { "extraVolumes", &volumes }, { "env", TEXT_MAP },
     { "resources", &resources });
TYPE(scheduler, { "image", TEXT }, { "extraArgs", ARGUMENTS }, { "extraVolumes", &volumes }, { "env", TEXT_MAP },
     { "resources", &resources }, { "config", FREE });
TYPE(cluster_network,
     { "cni", STRUCT({ "name", TEXT }, { "urls", TEXTS },
                     { "flannel", STRUCT({ "extraArgs", TEXTS }, { "kubeNetworkPoliciesEnabled", BOOLEAN }) }) },
     { "dnsDomain", TEXT }, { "podSubnets", TEXTS, SCHEMA_REPLACE }, { "serviceSubnets", TEXTS, SCHEMA_REPLACE });
TYPE(discovery, { "enabled", BOOLEAN },
     { "registries", STRUCT({ "kubernetes", STRUCT({ "disabled", BOOLEAN }), SCHEMA_BY_VALUE },
                            { "service", STRUCT({ "disabled", BOOLEAN }, { "endpoint", TEXT }), SCHEMA_BY_VALUE }), SCHEMA_BY_VALUE });
TYPE(etcd, { "image", TEXT }, { "ca", &pair }, { "extraArgs", ARGUMENTS }, { "subnet", TEXT }, { "advertisedSubnets", TEXTS },
     { "listenSubnets", TEXTS });

TYPE(cluster, { "id", TEXT }, { "secret", TEXT },
     { "controlPlane", STRUCT({ "endpoint", TEXT }, { "localAPIServerPort", NUMBER }) }, { "clusterName", TEXT },
     { "network", &cluster_network }, { "token", TEXT }, { "aescbcEncryptionSecret", TEXT },
     { "secretboxEncryptionSecret", TEXT }, { "ca", &pair }, { "acceptedCAs", LIST(&certificate) }, { "aggregatorCA", &pair },
     { "serviceAccount", &key }, { "apiServer", &api_server }, { "controllerManager", &controller_manager },
     { "proxy", STRUCT({ "disabled", BOOLEAN }, { "image", TEXT }, { "mode", TEXT }, { "extraArgs", ARGUMENTS }) },
     { "scheduler", &scheduler }, { "discovery", &discovery }, { "etcd", &etcd },
     { "coreDNS", STRUCT({ "disabled", BOOLEAN }, { "image", TEXT }) },
     { "externalCloudProvider", STRUCT({ "enabled", BOOLEAN }, { "manifests", TEXTS }) }, { "extraManifests", TEXTS },
     { "extraManifestHeaders", TEXT_MAP }, { "inlineManifests", LIST(STRUCT({ "name", TEXT }, { "contents", TEXT })) },
     { "adminKubeconfig", STRUCT({ "certLifetime", &schema_duration }) }, { "allowSchedulingOnMasters", BOOLEAN },
     { "allowSchedulingOnControlPlanes", BOOLEAN });

const struct schema schema_v1alpha1 = {
        .kind = SCHEMA_STRUCT,
        FIELDS({ "version", TEXT }, { "debug", BOOLEAN }, { "persist", BOOLEAN }, { "machine", &machine },
               { "cluster", &cluster }),
};
