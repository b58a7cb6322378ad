/* The machine config of contract 1.14 as Talos' own generator writes it (talos: config/generate/{init,worker,kubernetes,network,block}.go at 1.14.1): the
 * v1alpha1 document keeps what identifies the machine and etcd, everything else is a document of its own. What this program adds for clusters without IPv4
 * stands in config-114-ipv6.c. */
#include "talos/config-private.h"

#include "talos/tree.h"

struct yaml_node *config_document(struct yaml_docs *config, const char *kind, const char *name) {
        struct yaml_node *d = yaml_new_map();

        yaml_set_str(d, "apiVersion", "v1alpha1");
        yaml_set_str(d, "kind", kind);
        if (name)
                yaml_set_str(d, "name", name);
        ARRAY_APPEND(config->items, config->n, d);
        return d;
}

struct yaml_node *config_find_document(const struct yaml_docs *config, const char *kind) {
        for (size_t i = 0; i < config->n; i++)
                if (str_eq(yaml_str(yaml_get(config->items[i], "kind")), kind))
                        return config->items[i];
        return NULL;
}

static void add_v1alpha1(const struct talos_config_input *in, struct yaml_docs *config) {
        bool control_plane = in->type == TALOS_CONTROL_PLANE;
        struct yaml_node *root = yaml_new_map(), *machine, *cluster;

        ARRAY_APPEND(config->items, config->n, root);
        yaml_set_str(root, "version", "v1alpha1");
        yaml_set_bool(root, "debug", false);
        yaml_set_bool(root, "persist", true);
        machine = yaml_set_map(root, "machine");
        yaml_set_str(machine, "type", control_plane ? "controlplane" : "worker");
        yaml_set_str(machine, "token", in->secrets->machine_token);
        config_set_pair(machine, "ca", &in->secrets->os, control_plane);
        yaml_set_seq(machine, "certSANs");
        config_add_texts(machine, "certSANs", &in->cert_sans);
        yaml_set_bool(yaml_set_map(machine, "features"), "diskQuotaSupport", true);
        cluster = yaml_set_map(root, "cluster");
        yaml_set_str(cluster, "token", in->secrets->bootstrap_token);
        if (control_plane)
                config_set_pair(yaml_set_map(cluster, "etcd"), "ca", &in->secrets->etcd, true);
}

static void add_install(const struct talos_config_input *in, struct yaml_docs *config) {
        struct yaml_node *install, *provisioning;

        if (!in->install_disk)
                return;
        install = config_document(config, "UnattendedInstallConfig", NULL);
        yaml_set_map(install, "installer");
        if (in->install_image)
                yaml_set_str(yaml_set_map(install, "installer"), "image", in->install_image);
        provisioning = yaml_set_map(install, "provisioning");
        yaml_set(yaml_set_map(provisioning, "diskSelector"), "match", yaml_new_strf("disk.dev_path == \"%s\"", in->install_disk));
        yaml_set_bool(provisioning, "wipe", false);
}

/* What every machine gets besides Kubernetes. */
static void add_system(const struct talos_config_input *in, struct yaml_docs *config) {
        struct yaml_node *d;

        if (!in->disable_discovery) {
                d = config_document(config, "DiscoveryServiceConfig", "default");
                yaml_set_str(d, "endpoint", "https://discovery.talos.dev/");
        }
        d = config_document(config, "DiscoveryIdentityConfig", NULL);
        yaml_set_str(d, "clusterID", in->secrets->cluster_id);
        yaml_set_str(d, "clusterSecret", in->secrets->cluster_secret);
        add_install(in, config);
        d = yaml_set_map(config_document(config, "ResolverConfig", NULL), "hostDNS");
        yaml_set_bool(d, "enabled", true);
        yaml_set_bool(d, "forwardKubeDNSToHost", true);
        d = config_document(config, "VolumeConfig", "EPHEMERAL");
        yaml_set_bool(yaml_set_map(d, "mount"), "secure", true);
        yaml_set_str(config_document(config, "FilesystemTrimConfig", NULL), "interval", "168h0m0s");
        yaml_set_bool(config_document(config, "SecurityProfileConfig", NULL), "workloadIsolation", true);
        yaml_set_str(config_document(config, "HostnameConfig", NULL), "auto", "stable");
}

/* These documents are used as they stand: unlike machine.nodeLabels and nodeTaints, the control plane's own label and taint are named in them. */
static void add_node(const struct talos_config_input *in, struct yaml_docs *config) {
        struct yaml_node *d = config_document(config, "KubeNodeConfig", NULL);

        yaml_set_map(d, "nodeIP");
        if (in->type != TALOS_CONTROL_PLANE)
                return;
        yaml_set_str(yaml_set_map(d, "labels"), "node-role.kubernetes.io/control-plane", "");
        yaml_set_str(yaml_set_map(d, "labels"), "node.kubernetes.io/exclude-from-external-load-balancers", "");
        if (!in->allow_scheduling_on_control_planes)
                yaml_set_str(yaml_set_map(d, "taints"), "node-role.kubernetes.io/control-plane", "NoSchedule");
}

/* PEM stands as text in these documents, not as base64 of it. */
static void set_pem_pair(struct yaml_node *d, const struct pki_pair *pair) {
        struct yaml_node *n = yaml_set_map(d, "issuingCA");

        yaml_set_str(n, "cert", pair->cert);
        yaml_set_str(n, "key", pair->key);
}

static void add_kubernetes(const struct talos_config_input *in, struct yaml_docs *config) {
        struct yaml_node *d = config_document(config, "KubeClusterConfig", NULL);

        yaml_set_str(d, "clusterName", in->cluster_name);
        yaml_set_str(d, "endpoint", in->endpoint);
        add_node(in, config);
        d = config_document(config, "KubeletConfig", NULL);
        config_set_image(d, "ghcr.io/siderolabs/kubelet", in->kubernetes_version);
        yaml_set_map(d, "config");
        yaml_set_bool(d, "defaultRuntimeSeccompProfileEnabled", true);
        config_add_cluster_network(in, config_document(config, "KubeNetworkConfig", NULL));
        d = config_document(config, "KubeAPIServerCAConfig", NULL);
        if (in->type == TALOS_CONTROL_PLANE)
                set_pem_pair(d, &in->secrets->kubernetes);
        else
                config_add_text(d, "acceptedCAs", in->secrets->kubernetes.cert);
        yaml_set_int(config_document(config, "KubePrismConfig", NULL), "port", 7445);
}

static void add_policies(struct yaml_docs *config) {
        static const char *const authorizers[][2] = { { "node", "Node" }, { "rbac", "RBAC" } };
        static const char *const probes[] = { "/livez", "/readyz", "/healthz" };
        struct yaml_node *d, *anonymous, *conditions;

        d = config_document(config, "KubeAdmissionControlConfig", "PodSecurity");
        yaml_set(d, "configuration", config_new_pod_security());
        d = config_document(config, "KubeAuditPolicyConfig", NULL);
        yaml_set(d, "configuration", config_new_audit_policy());
        d = yaml_set_map(config_document(config, "KubeAuthenticationConfig", NULL), "configuration");
        anonymous = yaml_set_map(d, "anonymous");
        conditions = yaml_set_seq(anonymous, "conditions");
        for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
                struct yaml_node *condition = yaml_new_map();
                yaml_append(conditions, condition);
                yaml_set_str(condition, "path", probes[i]);
        }
        yaml_set_bool(anonymous, "enabled", true);
        yaml_set_seq(d, "jwt");
        for (size_t i = 0; i < ARRAY_SIZE(authorizers); i++)
                yaml_set_str(config_document(config, "KubeAuthorizerConfig", authorizers[i][0]), "type", authorizers[i][1]);
}

static void add_provider(struct yaml_node *providers, const char *kind, const char *name, const char *secret) {
        struct yaml_node *provider, *key;

        if (!secret)
                return;
        provider = yaml_new_map();
        key = yaml_new_map();
        yaml_append(providers, provider);
        yaml_append(yaml_set_seq(yaml_set_map(provider, kind), "keys"), key);
        yaml_set_str(key, "name", name);
        yaml_set_str(key, "secret", secret);
}

/* Kubernetes' EncryptionConfiguration. The names of the keys are those under which Talos up to 1.13 encrypted, so that a cluster that moves to this form still
 * reads its secrets. For an AES-CBC secret Talos 1.14.1's generator names the provider secretbox, which could not. */
static void add_etcd_encryption(const struct talos_secrets *s, struct yaml_docs *config) {
        struct yaml_node *d = yaml_set_map(config_document(config, "KubeEtcdEncryptionConfig", NULL), "config"), *resource = yaml_new_map();

        yaml_append(yaml_set_seq(d, "resources"), resource);
        add_provider(yaml_set_seq(resource, "providers"), "secretbox", "key2", s->secretbox_secret);
        add_provider(yaml_set_seq(resource, "providers"), "aescbc", "key1", s->aescbc_secret);
        config_add_text(resource, "resources", "secrets");
}

static void add_control_plane(const struct talos_config_input *in, struct yaml_docs *config) {
        const struct talos_secrets *s = in->secrets;
        struct yaml_node *d;

        set_pem_pair(config_document(config, "KubeAggregatorCAConfig", NULL), &s->aggregator);
        add_policies(config);
        add_etcd_encryption(s, config);
        d = yaml_set_map(config_document(config, "KubeServiceAccountConfig", NULL), "issuer");
        yaml_set_str(d, "privateKey", s->service_account_key);
        yaml_set_str(d, "issuerURL", in->endpoint);
        d = config_document(config, "KubeAPIServerConfig", NULL);
        config_set_image(d, "registry.k8s.io/kube-apiserver", in->kubernetes_version);
        if (in->cert_sans.n)
                config_add_texts(d, "certExtraSANs", &in->cert_sans);
        config_set_image(config_document(config, "KubeControllerManagerConfig", NULL), "registry.k8s.io/kube-controller-manager", in->kubernetes_version);
        d = config_document(config, "KubeSchedulerConfig", NULL);
        config_set_image(d, "registry.k8s.io/kube-scheduler", in->kubernetes_version);
        yaml_set_map(d, "config");
        d = config_document(config, "KubeProxyConfig", NULL);
        config_set_image(d, "registry.k8s.io/kube-proxy", in->kubernetes_version);
        yaml_set_map(d, "config");
        if (!in->cni_none) {        /* this document is the CNI: without it there is none */
                d = config_document(config, "KubeFlannelCNIConfig", NULL);
                yaml_set_str(d, "backendType", "vxlan");
                yaml_set_int(d, "backendPort", 4789);
        }
        yaml_set_bool(config_document(config, "KubeCoreDNSConfig", NULL), "enabled", true);
}

void config_generate_documents(const struct talos_config_input *in, struct yaml_docs *config) {
        add_v1alpha1(in, config);
        add_system(in, config);
        add_kubernetes(in, config);
        if (in->type == TALOS_CONTROL_PLANE)
                add_control_plane(in, config);
}
