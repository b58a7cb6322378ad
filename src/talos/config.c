/* The machine config as Talos' own generator writes it (talos: config/generate/{init,worker}.go), contracts 1.11 to 1.13; config-114.c writes the form of
 * 1.14. What this program adds for clusters without IPv4 stands in config-ipv6.c. */
#include "talos/config-private.h"

#include <stdio.h>

#include "base/codec.h"
#include "base/secret.h"
#include "talos/patch-schema.h"
#include "talos/tree.h"

char *config_pem(const char *pem) {
        return base64_encode(pem ? pem : "", pem ? strlen(pem) : 0);
}

void config_add_text(struct yaml_node *map, const char *key, const char *text) {
        struct yaml_node *list = yaml_set_seq(map, key);

        for (size_t i = 0; i < list->n; i++)
                if (str_eq(yaml_str(list->items[i]), text))
                        return;
        yaml_append(list, yaml_new_str(text));
}

void config_add_texts(struct yaml_node *map, const char *key, const struct strv *texts) {
        for (size_t i = 0; i < texts->n; i++)
                config_add_text(map, key, texts->items[i]);
}

void config_add_pairs(struct yaml_node *map, const char *key, const struct kvs *pairs) {
        for (size_t i = 0; i < pairs->n; i++)
                yaml_set_str(yaml_set_map(map, key), pairs->items[i].key, pairs->items[i].value);
}

struct yaml_node *config_map(struct yaml_node *n, const char *dotted) {
        _cleanup_strv_ struct strv parts = { 0 };

        strv_split(&parts, dotted, '.');
        for (size_t i = 0; i < parts.n; i++)
                n = yaml_set_map(n, parts.items[i]);
        return n;
}

void config_order(struct yaml_docs *config) {
        for (size_t i = 0; i < config->n; i++) {
                const struct schema *s = schema_of_document(config->items[i]);
                if (s && s != &schema_free)
                        schema_order(s, config->items[i]);
        }
}

void config_set_pair(struct yaml_node *map, const char *key, const struct pki_pair *pair, bool with_key) {
        struct yaml_node *n = yaml_set_map(map, key);
        _cleanup_str_ char *cert = config_pem(pair->cert);
        _cleanup_secret_ char *private_key = config_pem(with_key ? pair->key : NULL);

        yaml_set_str(n, "crt", cert);
        yaml_set_str(n, "key", private_key);
}

void config_set_image(struct yaml_node *map, const char *repository, const char *kubernetes_version) {
        yaml_set(map, "image", yaml_new_strf("%s:v%s", repository, kubernetes_version + (*kubernetes_version == 'v')));
}

static void add_install(const struct talos_config_input *in, struct yaml_node *machine) {
        struct yaml_node *install = yaml_set_map(machine, "install");

        if (in->install_disk)
                yaml_set_str(install, "disk", in->install_disk);
        if (in->install_image)
                yaml_set_str(install, "image", in->install_image);
        yaml_set_bool(install, "wipe", false);
        if (talos_contract_at_least(&in->contract, 1, 12))
                yaml_set_bool(install, "grubUseUKICmdline", true);
}

static void add_features(const struct talos_config_input *in, struct yaml_node *machine) {
        struct yaml_node *features = yaml_set_map(machine, "features");

        /* From 1.12 on these are locked to true and a stable host name is a document of its own. */
        if (!talos_contract_at_least(&in->contract, 1, 12)) {
                yaml_set_bool(features, "rbac", true);
                yaml_set_bool(features, "stableHostname", true);
                yaml_set_bool(features, "apidCheckExtKeyUsage", true);
        }
        yaml_set_bool(features, "diskQuotaSupport", true);
        struct yaml_node *prism = yaml_set_map(features, "kubePrism");
        yaml_set_bool(prism, "enabled", true);
        yaml_set_int(prism, "port", 7445);
        struct yaml_node *dns = yaml_set_map(features, "hostDNS");
        yaml_set_bool(dns, "enabled", true);
        yaml_set_bool(dns, "forwardKubeDNSToHost", true);
}

static void add_machine(const struct talos_config_input *in, struct yaml_node *root) {
        bool control_plane = in->type == TALOS_CONTROL_PLANE;
        struct yaml_node *machine = yaml_set_map(root, "machine");

        yaml_set_str(machine, "type", control_plane ? "controlplane" : "worker");
        yaml_set_str(machine, "token", in->secrets->machine_token);
        config_set_pair(machine, "ca", &in->secrets->os, control_plane);
        yaml_set_seq(machine, "certSANs");
        config_add_texts(machine, "certSANs", &in->cert_sans);

        struct yaml_node *kubelet = yaml_set_map(machine, "kubelet");
        config_set_image(kubelet, "ghcr.io/siderolabs/kubelet", in->kubernetes_version);
        yaml_set_bool(kubelet, "defaultRuntimeSeccompProfileEnabled", true);
        yaml_set_bool(kubelet, "disableManifestsDirectory", true);

        if (!talos_contract_at_least(&in->contract, 1, 13))
                yaml_set_map(machine, "network");
        add_install(in, machine);
        add_features(in, machine);
        if (control_plane)
                yaml_set_str(yaml_set_map(machine, "nodeLabels"), "node.kubernetes.io/exclude-from-external-load-balancers", "");
}

void config_add_cluster_network(const struct talos_config_input *in, struct yaml_node *network) {
        yaml_set_str(network, "dnsDomain", in->dns_domain ? in->dns_domain : "cluster.local");
        if (in->pod_subnets.n)
                config_add_texts(network, "podSubnets", &in->pod_subnets);
        else
                config_add_text(network, "podSubnets", "10.244.0.0/16");
        if (in->service_subnets.n)
                config_add_texts(network, "serviceSubnets", &in->service_subnets);
        else
                config_add_text(network, "serviceSubnets", "10.96.0.0/12");
}

/* Kubernetes' own admission configuration: every namespace but kube-system is held to the baseline policy. */
struct yaml_node *config_new_pod_security(void) {
        static const char *const modes[][2] = {
                { "audit", "restricted" }, { "audit-version", "latest" }, { "enforce", "baseline" },
                { "enforce-version", "latest" },
                { "warn", "restricted" }, { "warn-version", "latest" },
        };
        struct yaml_node *configuration = yaml_new_map();

        yaml_set_str(configuration, "apiVersion", "pod-security.admission.config.k8s.io/v1alpha1");
        struct yaml_node *defaults = yaml_set_map(configuration, "defaults");
        for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
                yaml_set_str(defaults, modes[i][0], modes[i][1]);
        struct yaml_node *exemptions = yaml_set_map(configuration, "exemptions");
        config_add_text(exemptions, "namespaces", "kube-system");
        yaml_set_seq(exemptions, "runtimeClasses");
        yaml_set_seq(exemptions, "usernames");
        yaml_set_str(configuration, "kind", "PodSecurityConfiguration");
        return configuration;
}

static void add_admission_control(struct yaml_node *api_server) {
        struct yaml_node *plugin = yaml_new_map();

        yaml_append(yaml_set_seq(api_server, "admissionControl"), plugin);
        yaml_set_str(plugin, "name", "PodSecurity");
        yaml_set(plugin, "configuration", config_new_pod_security());
}

struct yaml_node *config_new_audit_policy(void) {
        struct yaml_node *policy = yaml_new_map(), *rule = yaml_new_map();

        yaml_set_str(policy, "apiVersion", "audit.k8s.io/v1");
        yaml_set_str(policy, "kind", "Policy");
        yaml_append(yaml_set_seq(policy, "rules"), rule);
        yaml_set_str(rule, "level", "Metadata");
        return policy;
}

static void add_api_server(const struct talos_config_input *in, const char *host, struct yaml_node *cluster) {
        struct yaml_node *api_server = yaml_set_map(cluster, "apiServer");
        bool is_1_11 = !talos_contract_at_least(&in->contract, 1, 12);

        config_set_image(api_server, "registry.k8s.io/kube-apiserver", in->kubernetes_version);
        /* From 1.12 on the node adds the endpoint's host itself. */
        if (is_1_11)
                config_add_text(api_server, "certSANs", host);
        config_add_texts(api_server, "certSANs", &in->cert_sans);
        if (is_1_11)
                yaml_set_bool(api_server, "disablePodSecurityPolicy", true);
        add_admission_control(api_server);
        yaml_set(api_server, "auditPolicy", config_new_audit_policy());
}

static void add_control_plane(const struct talos_config_input *in, const char *host, struct yaml_node *cluster) {
        const struct talos_secrets *s = in->secrets;

        if (s->aescbc_secret)
                yaml_set_str(cluster, "aescbcEncryptionSecret", s->aescbc_secret);
        else
                yaml_set_str(cluster, "secretboxEncryptionSecret", s->secretbox_secret);
        config_set_pair(cluster, "aggregatorCA", &s->aggregator, true);
        _cleanup_secret_ char *key = config_pem(s->service_account_key);
        yaml_set_str(yaml_set_map(cluster, "serviceAccount"), "key", key);
        add_api_server(in, host, cluster);
        config_set_image(yaml_set_map(cluster, "controllerManager"), "registry.k8s.io/kube-controller-manager", in->kubernetes_version);
        config_set_image(yaml_set_map(cluster, "proxy"), "registry.k8s.io/kube-proxy", in->kubernetes_version);
        config_set_image(yaml_set_map(cluster, "scheduler"), "registry.k8s.io/kube-scheduler", in->kubernetes_version);
        config_set_pair(yaml_set_map(cluster, "etcd"), "ca", &s->etcd, true);
        if (in->allow_scheduling_on_control_planes)
                yaml_set_bool(cluster, "allowSchedulingOnControlPlanes", true);
}

static void add_cluster(const struct talos_config_input *in, const char *host, struct yaml_node *root) {
        bool control_plane = in->type == TALOS_CONTROL_PLANE;
        struct yaml_node *cluster = yaml_set_map(root, "cluster");

        yaml_set_str(cluster, "id", in->secrets->cluster_id);
        yaml_set_str(cluster, "secret", in->secrets->cluster_secret);
        yaml_set_str(yaml_set_map(cluster, "controlPlane"), "endpoint", in->endpoint);
        yaml_set_str(cluster, "clusterName", in->cluster_name);
        config_add_cluster_network(in, yaml_set_map(cluster, "network"));
        yaml_set_str(cluster, "token", in->secrets->bootstrap_token);
        config_set_pair(cluster, "ca", &in->secrets->kubernetes, control_plane);
        if (control_plane)
                add_control_plane(in, host, cluster);

        struct yaml_node *discovery = yaml_set_map(cluster, "discovery");
        yaml_set_bool(discovery, "enabled", true);
        yaml_set_bool(config_map(discovery, "registries.kubernetes"), "disabled", true);
        config_map(discovery, "registries.service");
}

/* The host of "https://host:port", without brackets; NULL when it is no such URL. Owned. */
static char *endpoint_host(const char *url) {
        if (!str_starts(url, "https://"))
                return NULL;
        const char *p = url + strlen("https://");
        bool brackets = *p == '[';
        p += brackets;
        size_t n = strcspn(p, brackets ? "]" : ":/");
        const char *rest = p + n;
        if (!n || (brackets && !*rest))
                return NULL;
        rest += brackets;
        if (*rest == ':')
                rest += 1 + strspn(rest + 1, "0123456789");
        return !*rest || *rest == '/' ? xstrndup(p, n) : NULL;
}

static int check_input(const struct talos_config_input *in, char **ret_host, struct error *err) {
        struct talos_version kubernetes;

        if (!in->secrets || str_empty(in->cluster_name) || str_empty(in->endpoint) || str_empty(in->kubernetes_version))
                return error_set(err, ERR_INVALID,
                                 "a machine config needs secrets, cluster name, endpoint and Kubernetes version");
        if (in->contract.major != 1 || in->contract.minor < 11)
                return error_set(err, ERR_INVALID, "no machine config can be written for Talos %u.%u", in->contract.major,
                                 in->contract.minor);
        if (talos_version_parse(in->kubernetes_version, &kubernetes, err) < 0)
                return error_wrap(err, "Kubernetes version");
        char *host = endpoint_host(in->endpoint);
        if (!host)
                return error_set(err, ERR_INVALID, "the endpoint '%s' is no URL of the form https://host:port, IPv6 in brackets",
                                 in->endpoint);
        *ret_host = host;
        return 0;
}

bool config_has_documents(const struct talos_contract *contract) {
        return talos_contract_at_least(contract, 1, 14);
}

static void generate_v1alpha1(const struct talos_config_input *in, const char *host, struct yaml_docs *config) {
        struct yaml_node *root = yaml_new_map();

        ARRAY_APPEND(config->items, config->n, root);
        yaml_set_str(root, "version", "v1alpha1");
        yaml_set_bool(root, "debug", false);
        yaml_set_bool(root, "persist", true);
        add_machine(in, root);
        add_cluster(in, host, root);
        if (talos_contract_at_least(&in->contract, 1, 12))
                yaml_set_str(config_document(config, "HostnameConfig", NULL), "auto", "stable");
}

int talos_config_generate_base(const struct talos_config_input *in, struct yaml_docs *ret_config, struct error *err) {
        _cleanup_str_ char *host = NULL;
        struct yaml_docs config = { 0 };

        if (check_input(in, &host, err) < 0)
                return error_wrap(err, "machine config");
        if (config_has_documents(&in->contract))
                config_generate_documents(in, &config);
        else
                generate_v1alpha1(in, host, &config);
        config_order(&config);
        *ret_config = config;
        return 0;
}

int talos_config_generate(const struct talos_config_input *in, struct yaml_docs *ret_config, struct error *err) {
        struct yaml_docs config = { 0 };

        if (talos_config_generate_base(in, &config, err) < 0)
                return -1;
        if (talos_config_add_ipv6(in, &config, err) < 0) {
                talos_config_done(&config);
                return -1;
        }
        *ret_config = config;
        return 0;
}

void talos_config_done(struct yaml_docs *config) {
        tree_docs_free_secret(config);
}

char *talos_config_write(const struct yaml_docs *config) {
        return yaml_write_docs(config, 4);
}
