/* What contract 1.14 says in documents of their own, put where the older form has it, so that kubeadm.c reads one form. */
#include "cluster/kubeadm.h"

static const struct { const char *kind, *from, *to; } places[] = {
        { "KubeClusterConfig", "clusterName", "cluster.clusterName" },
        { "KubeClusterConfig", "endpoint", "cluster.controlPlane.endpoint" },
        { "KubeNodeConfig", "nodeIP.validSubnets", "machine.kubelet.nodeIP.validSubnets" },
        { "KubeletConfig", "image", "machine.kubelet.image" },
        { "KubeletConfig", "extraArgs", "machine.kubelet.extraArgs" },
        { "KubeletConfig", "config", "machine.kubelet.extraConfig" },
        { "KubeNetworkConfig", "dnsDomain", "cluster.network.dnsDomain" },
        { "KubeNetworkConfig", "podSubnets", "cluster.network.podSubnets" },
        { "KubeNetworkConfig", "serviceSubnets", "cluster.network.serviceSubnets" },
        { "KubeAPIServerConfig", "certExtraSANs", "cluster.apiServer.certSANs" },
        { "KubeAPIServerConfig", "extraArgs", "cluster.apiServer.extraArgs" },
        { "KubeControllerManagerConfig", "extraArgs", "cluster.controllerManager.extraArgs" },
        { "KubeNetworkConfig", "nodeCIDRMaskSizeIPv6", "cluster.controllerManager.extraArgs.node-cidr-mask-size-ipv6" },
        { "KubeSchedulerConfig", "extraArgs", "cluster.scheduler.extraArgs" },
        { "TimeSyncConfig", "ntp.servers", "machine.time.servers" },
        { "SysctlConfig", "params", "machine.sysctls" },
};

static const struct yaml_node *find(const struct yaml_docs *docs, const char *kind) {
        for (size_t i = 0; i < docs->n; i++)
                if (str_eq(yaml_str(yaml_get(docs->items[i], "kind")), kind))
                        return docs->items[i];
        return NULL;
}

/* Mappings are joined, all else is replaced. */
static void put(struct yaml_node *root, const char *to, const struct yaml_node *value) {
        _cleanup_strv_ struct strv parts = { 0 };
        struct yaml_node *at = root;

        strv_split(&parts, to, '.');
        for (size_t i = 0; i + 1 < parts.n; i++)
                at = yaml_set_map(at, parts.items[i]);
        if (value->type != YAML_MAP) {
                yaml_set(at, parts.items[parts.n - 1], yaml_copy(value));
                return;
        }
        at = yaml_set_map(at, parts.items[parts.n - 1]);
        for (size_t i = 0; i < value->n; i++)
                yaml_set(at, value->pairs[i].key, yaml_copy(value->pairs[i].value));
}

void kubeadm_fold_documents(const struct yaml_docs *docs, struct yaml_node *root) {
        const struct yaml_node *servers = yaml_get(find(docs, "ResolverConfig"), "nameservers"), *proxy = yaml_get(find(docs, "KubeProxyConfig"), "enabled");
        _cleanup_(yaml_freep) struct yaml_node *addresses = yaml_new_seq(), *disabled = yaml_new_bool(proxy && proxy->type == YAML_BOOL && !proxy->boolean);

        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                const struct yaml_node *value = yaml_path(find(docs, places[i].kind), places[i].from);
                /* This one is a control plane's alone. */
                if (value && !(str_eq(places[i].from, "nodeCIDRMaskSizeIPv6") && !find(docs, "KubeControllerManagerConfig")))
                        put(root, places[i].to, value);
        }
        for (size_t i = 0; servers && servers->type == YAML_SEQ && i < servers->n; i++)
                if (yaml_str(yaml_get(servers->items[i], "address")))
                        yaml_append(addresses, yaml_new_str(yaml_str(yaml_get(servers->items[i], "address"))));
        if (addresses->n)
                put(root, "machine.network.nameservers", addresses);
        if (proxy)
                put(root, "cluster.proxy.disabled", disabled);
}
