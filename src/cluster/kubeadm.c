#include "cluster/kubeadm.h"

#include "talos/tree.h"

/* kubeadm.k8s.io/v1beta4 is the form of Kubernetes 1.31 and later (kubernetes: cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go). */
#define KUBEADM_API "kubeadm.k8s.io/v1beta4"

static struct yaml_node *document(struct yaml_docs *docs, const char *api, const char *kind) {
        struct yaml_node *d = yaml_new_map();

        yaml_set_str(d, "apiVersion", api);
        yaml_set_str(d, "kind", kind);
        ARRAY_APPEND(docs->items, docs->n, d);
        return d;
}

static void add_argument(struct yaml_node *list, const char *name, const char *value) {
        struct yaml_node *one = yaml_new_map();

        yaml_set_str(one, "name", name);
        yaml_set_str(one, "value", value);
        yaml_append(list, one);
}

/* Talos' extraArgs, one value or several, as kubeadm's list of name and value. */
static void add_arguments(struct yaml_node *owner, const struct yaml_node *args) {
        for (size_t i = 0; args && args->type == YAML_MAP && i < args->n; i++) {
                const struct yaml_node *value = args->pairs[i].value;
                for (size_t j = 0; value->type == YAML_SEQ && j < value->n; j++)
                        add_argument(yaml_set_seq(owner, "extraArgs"), args->pairs[i].key, yaml_str(value->items[j]));
                if (value->type != YAML_SEQ)
                        add_argument(yaml_set_seq(owner, "extraArgs"), args->pairs[i].key, yaml_str(value) ? yaml_str(value) : "");
        }
}

static void copy_list(struct yaml_node *to, const char *key, const struct yaml_node *list) {
        for (size_t i = 0; list && list->type == YAML_SEQ && i < list->n; i++)
                yaml_append(yaml_set_seq(to, key), yaml_copy(list->items[i]));
}

static char *joined(const struct yaml_node *list, const char *separator) {
        struct strbuf b = STRBUF_INIT;

        for (size_t i = 0; list && list->type == YAML_SEQ && i < list->n; i++)
                strbuf_addf(&b, "%s%s", i ? separator : "", yaml_str(list->items[i]));
        return strbuf_take(&b);
}

/* "v1.36.3" of "registry.k8s.io/kube-apiserver:v1.36.3", or of the kubelet's image on a worker. */
static const char *version_of(const struct yaml_node *root) {
        const char *image = yaml_str(yaml_path(root, "machine.kubelet.image"));
        const char *colon = image ? strrchr(image, ':') : NULL;

        return colon ? colon + 1 : "";
}

/* "[2001:db8::1]:6443" of the endpoint's URL. */
static const char *host_and_port(const struct yaml_node *root) {
        const char *url = yaml_str(yaml_path(root, "cluster.controlPlane.endpoint"));

        return url && strncmp(url, "https://", 8) == 0 ? url + 8 : "";
}

/* Talos gives the kubelet these itself: an external cloud provider, and the one address that the node may have. */
static void add_registration(const struct yaml_node *root, struct yaml_node *to) {
        struct yaml_node *registration = yaml_set_map(to, "nodeRegistration"), *list = yaml_set_seq(registration, "kubeletExtraArgs");
        const struct yaml_node *subnets = yaml_path(root, "machine.kubelet.nodeIP.validSubnets");
        const char *subnet = NULL;
        const struct yaml_node *args = yaml_path(root, "machine.kubelet.extraArgs"), *external = yaml_path(root, "cluster.externalCloudProvider.enabled");

        if (subnets && subnets->type == YAML_SEQ && subnets->n)
                subnet = yaml_str(subnets->items[0]);
        _cleanup_str_ char *address = subnet ? xstrndup(subnet, strcspn(subnet, "/")) : xstrdup("::");
        if (external && external->type == YAML_BOOL && external->boolean && !yaml_get(args, "cloud-provider"))
                add_argument(list, "cloud-provider", "external");
        if (!yaml_get(args, "node-ip"))
                add_argument(list, "node-ip", address);
        /* rotate-server-certificates is a field of the kubelet's configuration (serverTLSBootstrap), and no longer a flag to be used. */
        for (size_t i = 0; args && args->type == YAML_MAP && i < args->n; i++)
                if (!str_eq(args->pairs[i].key, "rotate-server-certificates") && yaml_str(args->pairs[i].value))
                        add_argument(list, args->pairs[i].key, yaml_str(args->pairs[i].value));
}

static void add_cluster(const struct yaml_node *root, struct yaml_docs *docs) {
        const struct yaml_node *cluster = yaml_get(root, "cluster"), *disabled = yaml_path(cluster, "proxy.disabled");
        struct yaml_node *d = document(docs, KUBEADM_API, "ClusterConfiguration"), *network = yaml_set_map(d, "networking");
        _cleanup_str_ char *pods = joined(yaml_path(cluster, "network.podSubnets"), ","), *services = joined(yaml_path(cluster, "network.serviceSubnets"), ",");
        const char *domain = yaml_str(yaml_path(cluster, "network.dnsDomain")), *name = yaml_str(yaml_get(cluster, "clusterName"));

        yaml_set_str(d, "clusterName", name ? name : "kubernetes");
        yaml_set_str(d, "kubernetesVersion", version_of(root));
        yaml_set_str(d, "controlPlaneEndpoint", host_and_port(root));
        yaml_set_str(network, "podSubnet", pods);
        yaml_set_str(network, "serviceSubnet", services);
        yaml_set_str(network, "dnsDomain", domain ? domain : "cluster.local");
        copy_list(yaml_set_map(d, "apiServer"), "certSANs", yaml_path(cluster, "apiServer.certSANs"));
        add_arguments(yaml_set_map(d, "apiServer"), yaml_path(cluster, "apiServer.extraArgs"));
        add_arguments(yaml_set_map(d, "controllerManager"), yaml_path(cluster, "controllerManager.extraArgs"));
        add_arguments(yaml_set_map(d, "scheduler"), yaml_path(cluster, "scheduler.extraArgs"));
        add_arguments(yaml_set_map(yaml_set_map(d, "etcd"), "local"), yaml_path(cluster, "etcd.extraArgs"));
        if (disabled && disabled->type == YAML_BOOL && disabled->boolean)
                yaml_set_bool(yaml_set_map(d, "proxy"), "disabled", true);
}

static void add_kubelet(const struct yaml_node *root, struct yaml_docs *docs) {
        struct yaml_node *d = document(docs, "kubelet.config.k8s.io/v1beta1", "KubeletConfiguration");
        const struct yaml_node *extra = yaml_path(root, "machine.kubelet.extraConfig");
        const char *rotate = yaml_str(yaml_path(root, "machine.kubelet.extraArgs.rotate-server-certificates"));

        yaml_set_bool(d, "serverTLSBootstrap", str_eq(rotate, "true"));
        /* Pods must ask the DNS64 resolvers themselves: the stub listener has an IPv4 address that they cannot reach. */
        yaml_set_str(d, "resolvConf", "/run/systemd/resolve/resolv.conf");
        for (size_t i = 0; extra && extra->type == YAML_MAP && i < extra->n; i++)
                yaml_set(d, extra->pairs[i].key, yaml_copy(extra->pairs[i].value));
}

static void put(struct kvs *files, const char *stem, const char *file, const char *text) {
        _cleanup_str_ char *path = xasprintf("%s/%s", stem, file);

        kvs_set(files, path, text);
}

static void put_documents(struct kvs *files, const char *stem, const char *file, struct yaml_docs *docs) {
        _cleanup_str_ char *text = yaml_write_docs(docs, 2);

        put(files, stem, file, text);
        yaml_docs_done(docs);
}

/* systemd-resolved, systemd-timesyncd and sysctl.d, for what Talos does itself. */
static void put_system(const struct yaml_node *root, const char *stem, struct kvs *files) {
        _cleanup_str_ char *resolvers = joined(yaml_path(root, "machine.network.nameservers"), " "), *ntp = joined(yaml_path(root, "machine.time.servers"), " ");
        const struct yaml_node *sysctls = yaml_path(root, "machine.sysctls");
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

        _cleanup_str_ char *resolved = xasprintf("[Resolve]\nDNS=%s\nFallbackDNS=\nDomains=~.\n", resolvers);
        put(files, stem, "etc/systemd/resolved.conf.d/50-hcloud-v6.conf", resolved);
        _cleanup_str_ char *timesyncd = xasprintf("[Time]\nNTP=%s\n", ntp);
        put(files, stem, "etc/systemd/timesyncd.conf.d/50-hcloud-v6.conf", timesyncd);
        for (size_t i = 0; sysctls && sysctls->type == YAML_MAP && i < sysctls->n; i++)
                strbuf_addf(&b, "%s = %s\n", sysctls->pairs[i].key, yaml_str(sysctls->pairs[i].value) ? yaml_str(sysctls->pairs[i].value) : "");
        put(files, stem, "etc/sysctl.d/50-hcloud-v6.conf", strbuf_str(&b));
}

/* The token and the certificate key are kubeadm's own: `kubeadm init` prints them, `kubeadm join` is given them. */
static void put_join(const struct yaml_node *root, const char *stem, bool control_plane, struct kvs *files) {
        struct yaml_docs docs = { 0 };
        struct yaml_node *d = document(&docs, KUBEADM_API, "JoinConfiguration"), *token = yaml_set_map(yaml_set_map(d, "discovery"), "bootstrapToken");

        yaml_set_str(token, "apiServerEndpoint", host_and_port(root));
        yaml_set_str(token, "token", "TOKEN");
        yaml_append(yaml_set_seq(token, "caCertHashes"), yaml_new_str("sha256:HASH"));
        if (control_plane)
                yaml_set_str(yaml_set_map(d, "controlPlane"), "certificateKey", "CERTIFICATE-KEY");
        add_registration(root, d);
        put_documents(files, stem, "kubeadm-join.yaml", &docs);
}

static void put_init(const struct yaml_node *root, const char *stem, struct kvs *files) {
        const struct yaml_node *disabled = yaml_path(root, "cluster.proxy.disabled");
        struct yaml_docs docs = { 0 };
        struct yaml_node *d = document(&docs, KUBEADM_API, "InitConfiguration");

        if (disabled && disabled->type == YAML_BOOL && disabled->boolean)
                yaml_append(yaml_set_seq(d, "skipPhases"), yaml_new_str("addon/kube-proxy"));
        add_registration(root, d);
        add_cluster(root, &docs);
        add_kubelet(root, &docs);
        put_documents(files, stem, "kubeadm-init.yaml", &docs);
}

int kubeadm_files(const char *name, const char *config, struct kvs *ret_files, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs docs = { 0 };
        const char *dot = strrchr(name, '.');
        _cleanup_str_ char *stem = xstrndup(name, dot ? (size_t) (dot - name) : strlen(name));

        if (yaml_parse(name, config, strlen(config), &docs, err) < 0)
                return -1;
        for (size_t i = 0; i < docs.n; i++) {
                struct yaml_node *root = docs.items[i];
                const char *type = yaml_str(yaml_path(root, "machine.type"));
                if (!type)
                        continue;
                kubeadm_fold_documents(&docs, root);
                if (str_eq(type, "controlplane"))
                        put_init(root, stem, ret_files);
                put_join(root, stem, str_eq(type, "controlplane"), ret_files);
                put_system(root, stem, ret_files);
                return 0;
        }
        return error_set(err, ERR_INVALID, "%s: no document of this machine config has machine.type", name);
}
