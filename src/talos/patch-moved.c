#include "talos/patch-moved.h"

#include "talos/patch-schema.h"

enum when {
        GIVEN,      /* at all, an empty mapping too */
        FILLED,     /* not "", 0 or an empty list */
        LASTING,    /* a duration that is not 0 */
        ADDRESSES,  /* a list in which one is an IP address */
        TRUE,
};

/* tests/interop/talos-moved.test sets every key that the v1alpha1 document has, beside every document, and asks Talos. */
static const struct conflict {
        const char *kind, *path;
        enum when when;
        const char *needs;      /* only when this key of the document is set */
} conflicts[] = {
        { "HostnameConfig", "machine.network.hostname", FILLED, NULL },
        { "HostnameConfig", "machine.features.stableHostname", TRUE, NULL },
        { "ResolverConfig", "machine.network.nameservers", ADDRESSES, NULL },
        { "ResolverConfig", "machine.network.searchDomains", FILLED, NULL },
        { "ResolverConfig", "machine.network.disableSearchDomain", TRUE, NULL },
        { "ResolverConfig", "machine.features.hostDNS", GIVEN, "hostDNS" },
        { "TimeSyncConfig", "machine.time.disabled", TRUE, NULL },
        { "TimeSyncConfig", "machine.time.servers", FILLED, NULL },
        { "TimeSyncConfig", "machine.time.bootTimeout", LASTING, NULL },
        { "KubeSpanConfig", "machine.network.kubespan", GIVEN, NULL },
        { "VolumeConfig/EPHEMERAL", "machine.systemDiskEncryption.ephemeral", GIVEN, "encryption" },
        { "VolumeConfig/STATE", "machine.systemDiskEncryption.state", GIVEN, "encryption" },
        { "DiscoveryServiceConfig", "cluster.discovery", GIVEN, NULL },
        { "DiscoveryIdentityConfig", "cluster.id", FILLED, NULL },
        { "DiscoveryIdentityConfig", "cluster.secret", FILLED, NULL },
        { "UnattendedInstallConfig", "machine.install", GIVEN, NULL },
        { "ImageCacheConfig", "machine.features.imageCache", GIVEN, NULL },
        { "CRIBaseRuntimeSpecConfig", "machine.baseRuntimeSpecOverrides", FILLED, NULL },
        { "KubeClusterConfig", "cluster.clusterName", FILLED, NULL },
        { "KubeClusterConfig", "cluster.controlPlane.endpoint", FILLED, NULL },
        { "KubeNodeConfig", "cluster.allowSchedulingOnControlPlanes", GIVEN, NULL },
        { "KubeNodeConfig", "cluster.allowSchedulingOnMasters", GIVEN, NULL },
        { "KubeNodeConfig", "machine.kubelet.skipNodeRegistration", GIVEN, NULL },
        { "KubeNodeConfig", "machine.kubelet.registerWithFQDN", GIVEN, NULL },
        { "KubeNodeConfig", "machine.kubelet.nodeIP", GIVEN, NULL },
        { "KubeNodeConfig", "machine.nodeLabels", FILLED, NULL },
        { "KubeNodeConfig", "machine.nodeAnnotations", FILLED, NULL },
        { "KubeNodeConfig", "machine.nodeTaints", FILLED, NULL },
        { "KubeletConfig", "machine.kubelet", GIVEN, NULL },
        { "KubeCredentialProviderConfig", "machine.kubelet", GIVEN, NULL },
        { "KubeNetworkConfig", "cluster.network", GIVEN, NULL },
        { "KubeFlannelCNIConfig", "cluster.network", GIVEN, NULL },
        { "KubeAPIServerCAConfig", "cluster.ca", GIVEN, NULL },
        { "KubePrismConfig", "machine.features.kubePrism", GIVEN, NULL },
        { "KubeTalosAPIAccessConfig", "machine.features.kubernetesTalosAPIAccess", GIVEN, NULL },
        { "KubeAggregatorCAConfig", "cluster.aggregatorCA", GIVEN, NULL },
        { "KubeServiceAccountConfig", "cluster.serviceAccount", GIVEN, NULL },
        { "KubeEtcdEncryptionConfig", "cluster.secretboxEncryptionSecret", FILLED, NULL },
        { "KubeEtcdEncryptionConfig", "cluster.aescbcEncryptionSecret", FILLED, NULL },
        { "KubeAPIServerConfig", "cluster.apiServer", GIVEN, NULL },
        { "KubeAPIServerConfig", "cluster.controlPlane.localAPIServerPort", FILLED, NULL },
        { "KubeAdmissionControlConfig", "cluster.apiServer.admissionControl", FILLED, NULL },
        { "KubeAuthorizerConfig", "cluster.apiServer.admissionControl", FILLED, NULL },
        { "KubeAuditPolicyConfig", "cluster.apiServer.auditPolicy", FILLED, NULL },
        { "KubeControllerManagerConfig", "cluster.controllerManager", GIVEN, NULL },
        { "KubeControllerManagerConfig", "machine.controlPlane.controllerManager", GIVEN, NULL },
        { "KubeSchedulerConfig", "cluster.scheduler", GIVEN, NULL },
        { "KubeSchedulerConfig", "machine.controlPlane.scheduler", GIVEN, NULL },
        { "KubeProxyConfig", "cluster.proxy", GIVEN, NULL },
        { "KubeCoreDNSConfig", "cluster.coreDNS", GIVEN, NULL },
};

/* The new place of a setting, the most exact row counts. No kind: contract 1.14 has no place for it. */
static const struct place { const char *path, *kind, *key; } places[] = {
        { "machine.network.hostname", "HostnameConfig", "hostname, with auto: off" },
        { "machine.features.stableHostname", "HostnameConfig", "auto: stable" },
        { "machine.network.nameservers", "ResolverConfig", "nameservers[].address" },
        { "machine.network.searchDomains", "ResolverConfig", "searchDomains.domains" },
        { "machine.network.disableSearchDomain", "ResolverConfig", "searchDomains.disableDefault" },
        { "machine.features.hostDNS", "ResolverConfig", "hostDNS" },
        { "machine.time.disabled", "TimeSyncConfig", "enabled" },
        { "machine.time.servers", "TimeSyncConfig", "ntp.servers" },
        { "machine.time.bootTimeout", "TimeSyncConfig", "bootTimeout" },
        { "machine.network.kubespan", "KubeSpanConfig", NULL },
        { "machine.systemDiskEncryption.ephemeral", "VolumeConfig", "encryption, in the one named EPHEMERAL" },
        { "machine.systemDiskEncryption.state", "VolumeConfig", "encryption, in the one named STATE" },
        { "machine.install", "UnattendedInstallConfig", NULL },
        { "machine.install.disk", "UnattendedInstallConfig", "provisioning.diskSelector.match" },
        { "machine.install.image", "UnattendedInstallConfig", "installer.image" },
        { "machine.install.wipe", "UnattendedInstallConfig", "provisioning.wipe" },
        { "machine.features.imageCache", "ImageCacheConfig", "local" },
        { "machine.baseRuntimeSpecOverrides", "CRIBaseRuntimeSpecConfig", "overrides" },
        { "machine.kubelet", "KubeletConfig", NULL },
        { "machine.kubelet.image", "KubeletConfig", "image" },
        { "machine.kubelet.clusterDNS", "KubeletConfig", "clusterDNS" },
        { "machine.kubelet.extraArgs", "KubeletConfig", "extraArgs" },
        { "machine.kubelet.extraConfig", "KubeletConfig", "config" },
        { "machine.kubelet.extraMounts", NULL, NULL },
        { "machine.kubelet.disableManifestsDirectory", NULL, NULL },
        { "machine.kubelet.defaultRuntimeSeccompProfileEnabled", "KubeletConfig", "defaultRuntimeSeccompProfileEnabled" },
        { "machine.kubelet.credentialProviderConfig", "KubeCredentialProviderConfig", "configuration" },
        { "machine.kubelet.nodeIP", "KubeNodeConfig", "nodeIP.validSubnets" },
        { "machine.kubelet.registerWithFQDN", "KubeNodeConfig", "registerWithFQDN" },
        { "machine.kubelet.skipNodeRegistration", "KubeNodeConfig", "skipNodeRegistration" },
        { "machine.nodeLabels", "KubeNodeConfig", "labels" },
        { "machine.nodeAnnotations", "KubeNodeConfig", "annotations" },
        { "machine.nodeTaints", "KubeNodeConfig", "taints" },
        { "machine.features.kubePrism", "KubePrismConfig", NULL },
        { "machine.features.kubePrism.port", "KubePrismConfig", "port" },
        { "machine.features.kubernetesTalosAPIAccess", "KubeTalosAPIAccessConfig", NULL },
        { "machine.features.kubernetesTalosAPIAccess.allowedRoles", "KubeTalosAPIAccessConfig", "allowedRoles" },
        { "machine.features.kubernetesTalosAPIAccess.allowedKubernetesNamespaces", "KubeTalosAPIAccessConfig", "allowedKubernetesNamespaces" },
        { "machine.controlPlane.controllerManager", "KubeControllerManagerConfig", "enabled" },
        { "machine.controlPlane.scheduler", "KubeSchedulerConfig", "enabled" },
        { "cluster.discovery", "DiscoveryServiceConfig", "endpoint; without the document there is no discovery" },
        { "cluster.id", "DiscoveryIdentityConfig", "clusterID" },
        { "cluster.secret", "DiscoveryIdentityConfig", "clusterSecret" },
        { "cluster.clusterName", "KubeClusterConfig", "clusterName" },
        { "cluster.controlPlane.endpoint", "KubeClusterConfig", "endpoint" },
        { "cluster.controlPlane.localAPIServerPort", "KubeAPIServerConfig", "apiPort" },
        { "cluster.allowSchedulingOnControlPlanes", "KubeNodeConfig", "taints: without node-role.kubernetes.io/control-plane" },
        { "cluster.allowSchedulingOnMasters", "KubeNodeConfig", "taints: without node-role.kubernetes.io/control-plane" },
        { "cluster.network", "KubeNetworkConfig", NULL },
        { "cluster.network.dnsDomain", "KubeNetworkConfig", "dnsDomain" },
        { "cluster.network.podSubnets", "KubeNetworkConfig", "podSubnets" },
        { "cluster.network.serviceSubnets", "KubeNetworkConfig", "serviceSubnets" },
        { "cluster.network.cni", "KubeFlannelCNIConfig", "without the document there is no CNI" },
        { "cluster.network.cni.urls", "KubeExternalManifestConfig", "url" },
        { "cluster.ca", "KubeAPIServerCAConfig", "issuingCA" },
        { "cluster.aggregatorCA", "KubeAggregatorCAConfig", "issuingCA" },
        { "cluster.serviceAccount", "KubeServiceAccountConfig", "issuer.privateKey" },
        { "cluster.secretboxEncryptionSecret", "KubeEtcdEncryptionConfig", "config" },
        { "cluster.aescbcEncryptionSecret", "KubeEtcdEncryptionConfig", "config" },
        { "cluster.apiServer", "KubeAPIServerConfig", NULL },
        { "cluster.apiServer.image", "KubeAPIServerConfig", "image" },
        { "cluster.apiServer.extraArgs", "KubeAPIServerConfig", "extraArgs" },
        { "cluster.apiServer.env", "KubeAPIServerConfig", "env" },
        { "cluster.apiServer.certSANs", "KubeAPIServerConfig", "certExtraSANs" },
        { "cluster.apiServer.resources", "KubeAPIServerConfig", "resources" },
        { "cluster.apiServer.extraVolumes", NULL, NULL },
        { "cluster.apiServer.disablePodSecurityPolicy", NULL, NULL },
        { "cluster.apiServer.admissionControl", "KubeAdmissionControlConfig", "one document a plugin: name, configuration" },
        { "cluster.apiServer.auditPolicy", "KubeAuditPolicyConfig", "configuration" },
        { "cluster.apiServer.authorizationConfig", "KubeAuthorizerConfig", "one document an authorizer: name, type, webhook" },
        { "cluster.controllerManager", "KubeControllerManagerConfig", NULL },
        { "cluster.controllerManager.image", "KubeControllerManagerConfig", "image" },
        { "cluster.controllerManager.extraArgs", "KubeControllerManagerConfig", "extraArgs" },
        { "cluster.controllerManager.env", "KubeControllerManagerConfig", "env" },
        { "cluster.controllerManager.resources", "KubeControllerManagerConfig", "resources" },
        { "cluster.controllerManager.extraVolumes", NULL, NULL },
        { "cluster.scheduler", "KubeSchedulerConfig", NULL },
        { "cluster.scheduler.image", "KubeSchedulerConfig", "image" },
        { "cluster.scheduler.extraArgs", "KubeSchedulerConfig", "extraArgs" },
        { "cluster.scheduler.config", "KubeSchedulerConfig", "config" },
        { "cluster.scheduler.env", "KubeSchedulerConfig", "env" },
        { "cluster.scheduler.resources", "KubeSchedulerConfig", "resources" },
        { "cluster.scheduler.extraVolumes", NULL, NULL },
        { "cluster.proxy", "KubeProxyConfig", NULL },
        { "cluster.proxy.disabled", "KubeProxyConfig", "enabled" },
        { "cluster.proxy.image", "KubeProxyConfig", "image" },
        { "cluster.proxy.mode", "KubeProxyConfig", "mode" },
        { "cluster.proxy.extraArgs", "KubeProxyConfig", "extraArgs" },
        { "cluster.coreDNS", "KubeCoreDNSConfig", NULL },
        { "cluster.coreDNS.disabled", "KubeCoreDNSConfig", "enabled" },
        { "cluster.coreDNS.image", "KubeCoreDNSConfig", "image" },
};

static const struct yaml_node *v1alpha1_of(const struct yaml_docs *config) {
        for (size_t i = 0; i < config->n; i++)
                if (config->items[i]->type == YAML_MAP && !yaml_get(config->items[i], "kind"))
                        return config->items[i];
        return NULL;
}

/* kind: "Kind" or "Kind/name". */
static const struct yaml_node *find(const struct yaml_docs *config, const char *kind) {
        size_t len = strcspn(kind, "/");

        for (size_t i = 0; i < config->n; i++) {
                const char *have = yaml_str(yaml_get(config->items[i], "kind"));
                if (have && strlen(have) == len && strncmp(have, kind, len) == 0 &&
                    (!kind[len] || str_eq(kind + len + 1, yaml_str(yaml_get(config->items[i], "name")))))
                        return config->items[i];
        }
        return NULL;
}

bool config_is_documents(const struct yaml_docs *config) {
        return find(config, "KubeClusterConfig") != NULL;
}

static bool holds(const struct yaml_node *n, enum when when) {
        if (!n || n->type == YAML_NULL)
                return false;
        switch (when) {
        case GIVEN:
                return true;
        case FILLED:
                return n->type == YAML_MAP || n->type == YAML_SEQ ? n->n > 0 : n->type == YAML_INT ? n->integer != 0 : n->type != YAML_STR || *n->text;
        case LASTING:
                return n->text && strpbrk(n->text, "123456789");
        case ADDRESSES:
                for (size_t i = 0; n->type == YAML_SEQ && i < n->n; i++)
                        if (!str_empty(yaml_str(n->items[i])) && schema_address.valid(n->items[i]))
                                return true;
                return false;
        case TRUE:
                return n->type == YAML_BOOL && n->boolean;
        }
        return false;
}

static const struct yaml_node *conflicting_document(const struct yaml_docs *config, const struct yaml_node *root, const struct conflict *c) {
        const struct yaml_node *d = holds(yaml_path(root, c->path), c->when) ? find(config, c->kind) : NULL;

        return d && (!c->needs || holds(yaml_get(d, c->needs), FILLED)) ? d : NULL;
}

int config_check_conflicts(const struct yaml_docs *config, struct error *err) {
        const struct yaml_node *root = v1alpha1_of(config);

        for (size_t i = 0; i < ARRAY_SIZE(conflicts); i++)
                if (conflicting_document(config, root, &conflicts[i]))
                        return error_set(err, ERR_PROFILE, "machine config: %s and a %s document cannot stand together", conflicts[i].path, conflicts[i].kind);
        return 0;
}

static const struct place *place_of(const char *path) {
        for (size_t i = 0; i < ARRAY_SIZE(places); i++)
                if (str_eq(places[i].path, path))
                        return &places[i];
        return NULL;
}

/* The key at a dotted path. */
static const struct yaml_pair *pair_at(const struct yaml_node *root, const char *path) {
        const char *dot = strrchr(path, '.');
        _cleanup_str_ char *parent = dot ? xstrndup(path, (size_t) (dot - path)) : NULL;

        return yaml_pair(dot ? yaml_path(root, parent) : root, dot ? dot + 1 : path);
}

/* What the patch names at or below a path, as exactly as the table knows it. */
static char *named_below(const struct yaml_node *root, const char *path) {
        _cleanup_str_ char *best = xstrdup(path), *at = xstrdup(path);

        for (const struct yaml_node *n = yaml_path(root, path); n && n->type == YAML_MAP && n->n;) {
                char *deeper = xasprintf("%s.%s", at, n->pairs[0].key);
                free(at);
                at = deeper;
                n = n->pairs[0].value;
                if (!place_of(at))
                        continue;
                free(best);
                best = xstrdup(at);
        }
        return TAKE(best);
}

static int moved(const struct yaml_node *root, const struct conflict *c, const char *name, struct error *err) {
        _cleanup_str_ char *path = named_below(root, c->path);
        const struct place *p = place_of(path);
        const struct yaml_pair *at = pair_at(root, path);

        if (p && !p->kind)
                return schema_error(err, name, at->line, at->column, "%s has no place in contract 1.14: the document %s does not know it", path, c->kind);
        return schema_error(err, name, at->line, at->column, "%s moved to the document %s%s%s%s", path, p ? p->kind : c->kind, p && p->key ? " (" : "",
                            p && p->key ? p->key : "", p && p->key ? ")" : "");
}

/* The v1alpha1 document of the patch that names a path. */
static const struct yaml_node *naming(const struct yaml_docs *patch, const char *path) {
        for (size_t i = 0; i < patch->n; i++)
                if (patch->items[i]->type == YAML_MAP && !yaml_get(patch->items[i], "kind") && pair_at(patch->items[i], path))
                        return patch->items[i];
        return NULL;
}

static bool is_older(const char *kind) {
        _cleanup_str_ char *alone = xstrndup(kind, strcspn(kind, "/"));
        const struct schema_document *d = schema_document_find(alone);

        return d && d->since < 14;
}

int patch_check_moved(const struct yaml_docs *config, const struct yaml_docs *patch, const char *name, struct error *err) {
        const struct yaml_node *root = v1alpha1_of(config), *old;
        bool documents = config_is_documents(config);

        for (size_t i = 0; i < ARRAY_SIZE(conflicts); i++) {
                const struct conflict *c = &conflicts[i];
                const struct yaml_node *d = (documents || !is_older(c->kind)) ? conflicting_document(config, root, c) : NULL;
                if (!d)
                        continue;
                old = naming(patch, c->path);
                if (old)
                        return moved(old, c, name, err);
                d = find(patch, c->kind);
                if (d)
                        return schema_error(err, name, d->line, d->column, "the document %s cannot stand beside %s, which the config sets", c->kind, c->path);
        }
        return 0;
}
