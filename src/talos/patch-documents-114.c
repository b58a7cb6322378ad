/* The documents that Talos 1.14 brought (talos: config/types/{k8s,cluster,runtime,cri,block,network,container,storage} at 1.14.1). Most hold what the v1alpha1
 * document held before; patch-moved.c says which. Those that this program does not write and that a cluster on Hetzner hardly needs are known by name. */
#include "talos/patch-schema-words.h"

TYPE(resources, { "requests", FREE, SCHEMA_DROP_EMPTY }, { "limits", FREE, SCHEMA_DROP_EMPTY });
#define RESOURCES { "resources", &resources, SCHEMA_BY_VALUE | SCHEMA_DROP_EMPTY }
#define COMPONENT { "extraArgs", ARGUMENTS }, { "env", TEXT_MAP }, RESOURCES
/* PEM as text, not as base64; the halves merge one by one. */
TYPE(certificate_and_key, { "cert", TEXT }, { "key", TEXT });
TYPE(trim, { "enabled", BOOLEAN }, { "interval", &schema_duration });

#define SINCE_114 14

const struct schema_document schema_documents_114[] = {
        /* Kubernetes on every machine */
        { "KubeClusterConfig", DOCUMENT({ "clusterName", TEXT }, { "endpoint", TEXT }), SINCE_114 },
        { "KubeNodeConfig", DOCUMENT({ "skipNodeRegistration", BOOLEAN }, { "registerWithFQDN", BOOLEAN },
                                     { "nodeIP", STRUCT({ "validSubnets", TEXTS }), SCHEMA_BY_VALUE }, { "labels", TEXT_MAP }, { "annotations", TEXT_MAP },
                                     { "taints", TEXT_MAP }), SINCE_114 },
        { "KubeletConfig", DOCUMENT({ "image", TEXT }, { "config", FREE }, { "extraArgs", ARGUMENTS }, { "clusterDNS", TEXTS },
                                    { "defaultRuntimeSeccompProfileEnabled", BOOLEAN }), SINCE_114 },
        { "KubeNetworkConfig", DOCUMENT({ "dnsDomain", TEXT }, { "podSubnets", LIST(&schema_prefix), SCHEMA_REPLACE },
                                        { "serviceSubnets", LIST(&schema_prefix), SCHEMA_REPLACE }, { "nodeCIDRMaskSizeIPv4", NUMBER },
                                        { "nodeCIDRMaskSizeIPv6", NUMBER }), SINCE_114 },
        { "KubeAPIServerCAConfig", DOCUMENT({ "issuingCA", &certificate_and_key }, { "acceptedCAs", TEXTS }), SINCE_114 },
        { "KubePrismConfig", DOCUMENT({ "port", NUMBER }, { "tlsServerName", TEXT }), SINCE_114 },
        { "KubeCredentialProviderConfig", DOCUMENT({ "configuration", FREE, SCHEMA_REPLACE }), SINCE_114 },
        { "KubeStaticPodConfig", NAMED({ "pod", FREE, SCHEMA_REPLACE }), SINCE_114 },
        /* Kubernetes on control planes */
        { "KubeAggregatorCAConfig", DOCUMENT({ "issuingCA", &certificate_and_key }, { "acceptedCAs", TEXTS }), SINCE_114, true },
        { "KubeAdmissionControlConfig", NAMED({ "configuration", FREE }), SINCE_114, true },
        { "KubeAuditPolicyConfig", DOCUMENT({ "configuration", FREE, SCHEMA_REPLACE }), SINCE_114, true },
        { "KubeAuthenticationConfig", DOCUMENT({ "configuration", FREE, SCHEMA_REPLACE }), SINCE_114, true },
        { "KubeAuthorizerConfig", NAMED({ "type", TEXT }, { "webhook", FREE, SCHEMA_DROP_EMPTY }), SINCE_114, true },
        { "KubeEtcdEncryptionConfig", DOCUMENT({ "config", FREE }), SINCE_114, true },
        { "KubeServiceAccountConfig", DOCUMENT({ "issuer", STRUCT({ "privateKey", TEXT }, { "issuerURL", TEXT }), SCHEMA_BY_VALUE },
                                               { "accepted", STRUCT({ "publicKeys", TEXTS }, { "issuers", TEXTS }, { "audiences", TEXTS }),
                                                 SCHEMA_BY_VALUE | SCHEMA_DROP_EMPTY }), SINCE_114, true },
        { "KubeAPIServerConfig", DOCUMENT({ "image", TEXT }, COMPONENT, { "apiPort", NUMBER }, { "certExtraSANs", TEXTS }, { "startupProbes", BOOLEAN }), SINCE_114,
          true },
        { "KubeControllerManagerConfig", DOCUMENT({ "enabled", BOOLEAN }, { "image", TEXT }, COMPONENT), SINCE_114, true },
        { "KubeSchedulerConfig", DOCUMENT({ "enabled", BOOLEAN }, { "image", TEXT }, { "config", FREE }, COMPONENT), SINCE_114, true },
        { "KubeProxyConfig", DOCUMENT({ "enabled", BOOLEAN }, { "image", TEXT }, { "mode", TEXT }, { "config", FREE }, { "extraArgs", ARGUMENTS }, RESOURCES),
          SINCE_114, true },
        { "KubeFlannelCNIConfig", DOCUMENT({ "backendType", TEXT }, { "backendPort", NATURAL }, { "backendMTU", NATURAL },
                                           { "backendExtraConfig", FREE, SCHEMA_DROP_EMPTY }, RESOURCES, { "extraArgs", TEXTS },
                                           { "kubeNetworkPoliciesEnabled", BOOLEAN }), SINCE_114, true },
        { "KubeCoreDNSConfig", DOCUMENT({ "enabled", BOOLEAN }, { "image", TEXT }), SINCE_114, true },
        { "KubeExternalManifestConfig", NAMED({ "headers", TEXT_MAP }, { "url", TEXT }), SINCE_114, true },
        { "KubeInlineManifestConfig", NAMED({ "manifest", TEXT }), SINCE_114, true },
        { "KubeTalosAPIAccessConfig", DOCUMENT({ "allowedRoles", TEXTS }, { "allowedKubernetesNamespaces", TEXTS }), SINCE_114, true },
        /* the cluster as Talos knows it */
        { "DiscoveryServiceConfig", NAMED({ "endpoint", TEXT }), SINCE_114 },
        { "DiscoveryIdentityConfig", DOCUMENT({ "clusterID", TEXT }, { "clusterSecret", TEXT }), SINCE_114 },
        /* the system */
        { "SysctlConfig", DOCUMENT({ "params", TEXT_MAP }), SINCE_114 },
        { "SysfsConfig", DOCUMENT({ "params", TEXT_MAP }), SINCE_114 },
        { "UdevRulesConfig", DOCUMENT({ "rules", TEXTS }), SINCE_114 },
        { "KernelModuleConfig", NAMED({ "parameters", TEXTS }), SINCE_114 },
        { "SecurityProfileConfig", DOCUMENT({ "workloadIsolation", BOOLEAN }), SINCE_114 },
        { "UnattendedInstallConfig", DOCUMENT({ "reboot", BOOLEAN }, { "installer", STRUCT({ "image", TEXT }), SCHEMA_BY_VALUE },
                                              { "provisioning", STRUCT({ "diskSelector", STRUCT({ "match", TEXT }), SCHEMA_BY_VALUE | SCHEMA_DROP_EMPTY },
                                                                       { "wipe", BOOLEAN }), SCHEMA_BY_VALUE }), SINCE_114 },
        { "EtcFileConfig", NULL, SINCE_114 },
        /* images and containers */
        { "ImageCacheConfig", DOCUMENT({ "local", STRUCT({ "enabled", BOOLEAN }), SCHEMA_BY_VALUE }), SINCE_114 },
        { "CRICustomizationConfig", NAMED({ "content", TEXT }), SINCE_114 },
        { "CRIBaseRuntimeSpecConfig", DOCUMENT({ "overrides", FREE, SCHEMA_REPLACE | SCHEMA_DROP_EMPTY }), SINCE_114 },
        { "ContainerConfig", NULL, SINCE_114 },
        /* disks */
        { "FilesystemTrimConfig", DOCUMENT({ "interval", &schema_duration }), SINCE_114 },
        { "FilesystemScrubConfig", DOCUMENT({ "interval", &schema_duration }), SINCE_114 },
        { "LVMLogicalVolumeConfig", NULL, SINCE_114 }, { "LVMVolumeGroupConfig", NULL, SINCE_114 }, { "RAIDArrayConfig", NULL, SINCE_114 },
        /* links and probes */
        { "BGPInstanceConfig", NULL, SINCE_114 }, { "HTTPProbeConfig", NULL, SINCE_114 }, { "VethConfig", NULL, SINCE_114 },
        { 0 },
};

/* An older kind: its trim and scrub, and that mount has more than one key, are new. */
const struct schema schema_volume = {
        .kind = SCHEMA_STRUCT,
        FIELDS({ "apiVersion", TEXT }, { "kind", TEXT }, { "name", TEXT },
               { "provisioning", STRUCT({ "diskSelector", STRUCT({ "match", TEXT }), SCHEMA_BY_VALUE | SCHEMA_DROP_EMPTY }, { "grow", BOOLEAN },
                                        { "minSize", TEXT, SCHEMA_REPLACE }, { "maxSize", TEXT, SCHEMA_REPLACE }), SCHEMA_BY_VALUE | SCHEMA_DROP_EMPTY },
               { "filesystem", FREE, SCHEMA_DROP_EMPTY }, { "encryption", FREE, SCHEMA_DROP_EMPTY },
               { "mount", STRUCT({ "secure", BOOLEAN }, { "disableAccessTime", BOOLEAN }), SCHEMA_BY_VALUE | SCHEMA_DROP_EMPTY }, { "trim", &trim }, { "scrub", &trim }),
};
