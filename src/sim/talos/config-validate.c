/* The rules a config must keep to on platform hcloud (ModeCloud), as far as they are known: talos v1alpha1_validation.go at
 * v1.13.9, and for 1.14 its release notes. Where Talos would accept a config and then hang (a key that is not its certificate's),
 * this says so at once. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>

#include "sim/talos/config-private.h"

struct rules {
        const struct yaml_node *doc;     /* v1alpha1 */
        const struct yaml_docs *docs;
        unsigned minor;                  /* of the running Talos */
        const char *talos_version;
        struct sim_config *c;
        struct config_errors *errors;
};

static const char *text_at(const struct rules *v, const char *path) {
        return yaml_str(yaml_path(v->doc, path));
}

static bool is_set(const struct rules *v, const char *path) {
        const struct yaml_node *n = yaml_path(v->doc, path);
        return n && n->type != YAML_NULL && !(n->type == YAML_STR && str_empty(n->text)) &&
               !((n->type == YAML_MAP || n->type == YAML_SEQ) && n->n == 0);
}

static const struct yaml_node *document(const struct rules *v, const char *kind) {
        for (size_t i = 0; i < v->docs->n; i++)
                if (str_eq(yaml_str(yaml_get(v->docs->items[i], "kind")), kind))
                        return v->docs->items[i];
        return NULL;
}

static bool is_address(const char *s) {
        struct ip6_addr a;
        struct in_addr v4;
        return ip6_parse(s, &a) || inet_pton(AF_INET, s, &v4) == 1;
}

static bool is_subnet(const char *s) {
        struct ip6_prefix p;
        struct ip6_addr a;
        struct in_addr v4;
        int64_t len;
        if (strchr(s, ':'))
                return strchr(s, '/') && ip6_prefix_parse(s, &p, &a);
        const char *slash = strchr(s, '/');
        _cleanup_str_ char *base = slash ? xstrndup(s, (size_t) (slash - s)) : NULL;
        return slash && inet_pton(AF_INET, base, &v4) == 1 && parse_int64(slash + 1, 0, 32, &len);
}

/* --- endpoint --- */

/* Go 1.26's net/url refuses an address without brackets ("https://2001:db8::1:6443"). Splits into host and port. */
static bool split_endpoint(struct sim_config *c) {
        const char *rest = str_starts(c->endpoint, "https://")  ? c->endpoint + 8
                           : str_starts(c->endpoint, "http://") ? c->endpoint + 7
                                                                : NULL;
        if (!rest)
                return false;
        size_t n = strcspn(rest, "/?#");
        _cleanup_str_ char *authority = xstrndup(rest, n);
        char *host = authority, *port = NULL;
        if (*host == '[') {
                char *end = strchr(host, ']');
                struct ip6_addr a;
                if (!end)
                        return false;
                *end = '\0';
                host++;
                port = end[1] == ':' ? end + 2 : NULL;
                if (!ip6_parse(host, &a) || (end[1] && end[1] != ':'))
                        return false;
        } else {
                port = strchr(host, ':');
                if (port && strchr(port + 1, ':'))
                        return false;
                if (port)
                        *port++ = '\0';
        }
        int64_t number = 443;
        if (!*host || strchr(host, ' ') || (port && !parse_int64(port, 1, 65535, &number)))
                return false;
        c->endpoint_host = xstrdup(host);
        c->endpoint_port = (unsigned) number;
        return true;
}

static void check_endpoint(const struct rules *v) {
        if (str_empty(v->c->endpoint))
                config_error(v->errors, "cluster controlplane endpoint is required");
        else if (!split_endpoint(v->c))
                config_error(v->errors, "invalid controlplane endpoint: %s", v->c->endpoint);
}

/* --- certificates --- */

static void check_pair(const struct rules *v, const char *path, const struct cert_pair *p, bool key_wanted) {
        _cleanup_error_ struct error err = ERROR_INIT;
        X509 *cert = NULL;

        if (!p->cert_pem)
                return;
        if (cert_read(p->cert_pem, &cert, &err) < 0) {
                config_error(v->errors, "%s (.%s.crt)", error_text(&err), path);
                return;
        }
        if (!cert_is_ca(cert))
                config_error(v->errors, "the certificate is not a CA (.%s.crt)", path);
        X509_free(cert);
        if (p->key_pem && cert_pair_check(path, p, &err) < 0)
                config_error(v->errors, "%s", error_text(&err));
        else if (key_wanted && !p->key_pem)
                config_error(v->errors, "the CA's key is required on control plane nodes (.%s.key)", path);
}

static void check_control_plane_secrets(const struct rules *v) {
        const struct sim_config *c = v->c;
        if (!c->os_ca.cert_pem)
                config_error(v->errors, "issuing CA is required (.machine.ca)");
        else if (!c->os_ca.key_pem)
                config_error(v->errors, "issuing CA key is required for controlplane nodes (.machine.ca.key)");
        check_pair(v, "machine.ca", &c->os_ca, false);
        check_pair(v, "cluster.ca", &c->k8s_ca, true);
        check_pair(v, "cluster.aggregatorCA", &c->aggregator_ca, true);
        check_pair(v, "cluster.etcd.ca", &c->etcd_ca, true);
        if (!c->k8s_ca.cert_pem)
                config_error(v->errors, "the Kubernetes CA is required on control plane nodes (.cluster.ca)");
        if (!c->etcd_ca.cert_pem)
                config_error(v->errors, "key/cert combination should not be empty (.cluster.etcd.ca)");
        if (!c->aggregator_ca.cert_pem)
                config_error(v->errors, "the aggregator CA is required on control plane nodes (.cluster.aggregatorCA)");
        EVP_PKEY *key = NULL;
        if (!c->service_account_key)
                config_error(v->errors,
                             "the service account key is required on control plane nodes (.cluster.serviceAccount.key)");
        else if (cert_read_key(c->service_account_key, &key, NULL) < 0)
                config_error(v->errors, "failed to parse PEM block as a private key (.cluster.serviceAccount.key)");
        EVP_PKEY_free(key);
        if (c->secretbox_secret && c->aescbc_secret)
                config_error(v->errors,
                             "only one of .cluster.secretboxEncryptionSecret and .cluster.aescbcEncryptionSecret can be set");
        if (v->minor >= 14 && !c->secretbox_secret && !c->aescbc_secret && !document(v, "KubeEtcdEncryptionConfig"))
                config_error(v->errors, "etcd encryption config is required for control plane machines running kube-apiserver");
}

static bool wants_vip(const struct yaml_node *interfaces) {
        for (size_t i = 0; interfaces && i < interfaces->n; i++) {
                const struct yaml_node *vlans = yaml_get(interfaces->items[i], "vlans");
                if (yaml_get(interfaces->items[i], "vip") || (vlans && vlans->type == YAML_SEQ && wants_vip(vlans)))
                        return true;
        }
        return false;
}

static void check_worker(const struct rules *v) {
        const struct sim_config *c = v->c;
        if (c->os_ca.key_pem)
                config_error(v->errors, "issuing Talos API CA key is not allowed on non-controlplane nodes (.machine.ca)");
        if (!c->os_ca.cert_pem && c->accepted_ca.n == 0)
                config_error(
                        v->errors,
                        "trusted CA certificates are required on non-controlplane nodes (.machine.ca.crt, .machine.acceptedCAs)");
        if (c->k8s_ca.key_pem) {
                config_error(v->errors, "cluster CA key is not allowed on non-controlplane nodes (.cluster.ca)");
                config_error(v->errors, "issuing Kubernetes API CA key is not allowed on non-controlplane nodes (.cluster.ca)");
        }
        if (yaml_path(v->doc, "cluster.etcd"))
                config_error(v->errors, "etcd config is only allowed on control plane machines");
        if (wants_vip(yaml_path(v->doc, "machine.network.interfaces")))
                config_error(v->errors, "virtual (shared) IP is not allowed on non-controlplane nodes");
        if (c->talos_api_access)
                config_error(v->errors, "feature Kubernetes Talos API Access can only be enabled on control plane machines");
        check_pair(v, "machine.ca", &(struct cert_pair) { c->os_ca.cert_pem, NULL }, false);
        check_pair(v, "cluster.ca", &(struct cert_pair) { c->k8s_ca.cert_pem, NULL }, false);
}

/* --- images --- */

static const struct {
        unsigned talos, oldest, newest;
} kubernetes_range[] = { /* by minor version; talos: compatibility/talos1xx */
                         { 11, 29, 34 },
                         { 12, 30, 35 },
                         { 13, 31, 36 },
                         { 14, 32, 37 }
};

static void check_image(const struct rules *v, const char *what, const char *image) {
        unsigned major, minor, patch;
        int end = 0;
        if (!image)
                return;
        const char *slash = strrchr(image, '/'), *colon = strrchr(image, ':');
        if (!colon || (slash && colon < slash) || sscanf(colon, ":v%u.%u.%u%n", &major, &minor, &patch, &end) != 3 ||
            (colon[end] && !strchr("-+@", colon[end]))) {
                config_error(v->errors, "%s image is not valid: %s has no tag of the form vX.Y.Z", what, image);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(kubernetes_range); i++) {
                if (kubernetes_range[i].talos != v->minor)
                        continue;
                bool old = major < 1 || minor < kubernetes_range[i].oldest, new = major > 1 || minor > kubernetes_range[i].newest;
                if (old || new)
                        config_error(v->errors,
                                     "%s image is not valid: version of Kubernetes %u.%u.%u is too %s to be used with Talos %s",
                                     what, major, minor, patch, old ? "old" : "new",
                                     v->talos_version + (*v->talos_version == 'v'));
        }
}

static void check_images(const struct rules *v) {
        check_image(v, "kubelet", v->c->kubelet_image);
        check_image(v, "kube-apiserver", v->c->api_server_image);
        check_image(v, "kube-controller-manager", v->c->controller_manager_image);
        check_image(v, "kube-scheduler", v->c->scheduler_image);
        /* Only the document's is looked at. */
        if (!v->c->proxy_disabled && document(v, "KubeProxyConfig"))
                check_image(v, "kube-proxy", v->c->proxy_image);
}

/* --- labels, annotations, taints (talos: labels.Validate, after Kubernetes) --- */

static bool is_qualified_part(const char *s, size_t n, size_t max) {
        if (n == 0 || n > max || !isalnum((unsigned char) s[0]) || !isalnum((unsigned char) s[n - 1]))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) s[i]) && !strchr("-_.", s[i]))
                        return false;
        return true;
}

static bool is_label_key(const char *key) {
        const char *slash = strchr(key, '/');
        if (slash && (!is_qualified_part(key, (size_t) (slash - key), 253) || strchr(slash + 1, '/')))
                return false;
        const char *name = slash ? slash + 1 : key;
        return is_qualified_part(name, strlen(name), 63);
}

static void check_labels(const struct rules *v) {
        const struct sim_config *c = v->c;
        for (size_t i = 0; i < c->node_labels.n; i++) {
                const struct kv *l = &c->node_labels.items[i];
                if (!is_label_key(l->key))
                        config_error(v->errors, "invalid machine node labels: name \"%s\" is invalid", l->key);
                if (*l->value && !is_qualified_part(l->value, strlen(l->value), 63))
                        config_error(v->errors, "invalid machine node labels: label value \"%s\" is invalid (key %s)", l->value,
                                     l->key);
        }
        for (size_t i = 0; i < c->node_annotations.n; i++)
                if (!is_label_key(c->node_annotations.items[i].key))
                        config_error(v->errors, "invalid machine node annotations: name \"%s\" is invalid",
                                     c->node_annotations.items[i].key);
        for (size_t i = 0; i < c->n_node_taints; i++) {
                const struct sim_taint *t = &c->node_taints[i];
                if (!str_eq(t->effect, "NoSchedule") && !str_eq(t->effect, "PreferNoSchedule") && !str_eq(t->effect, "NoExecute"))
                        config_error(v->errors, "invalid machine node taints: invalid taint effect: \"%s\" (key %s)", t->effect,
                                     t->key);
                if (!is_label_key(t->key))
                        config_error(v->errors, "invalid machine node taints: name \"%s\" is invalid", t->key);
        }
}

/* --- the rest of v1alpha1 --- */

static void check_kubelet(const struct rules *v) {
        static const char *const forbidden[] = { "apiVersion",    "authentication",     "authorization", "cgroupRoot",
                                                 "kind",          "kubeletCgroups",     "port",          "protectKernelDefaults",
                                                 "resolvConf",    "rotateCertificates", "systemCgroups", "staticPodPath",
                                                 "seccompDefault" };
        for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
                if (v->c->kubelet_extra_config && json_object_get(v->c->kubelet_extra_config, forbidden[i]))
                        config_error(v->errors, "kubelet configuration field \"%s\" can't be overridden", forbidden[i]);
        for (size_t i = 0; i < v->c->node_ip_subnets.n; i++) {
                const char *s = v->c->node_ip_subnets.items[i];
                if (!is_subnet(*s == '!' ? s + 1 : s) && !is_address(*s == '!' ? s + 1 : s))
                        config_error(v->errors, "kubelet nodeIP subnet is not valid: \"%s\"", s);
        }
}

static void check_cni(const struct rules *v) {
        const char *name = v->c->cni;
        bool urls = is_set(v, "cluster.network.cni.urls");
        if (!str_eq(name, "flannel") && !str_eq(name, "custom") && !str_eq(name, "none"))
                config_error(v->errors, "cni name should be one of [\"flannel\", \"custom\", \"none\"]");
        else if (urls && !str_eq(name, "custom"))
                config_error(v->errors, "\"urls\" field should be empty for \"%s\" CNI", name);
        if (!str_eq(name, "flannel") && is_set(v, "cluster.network.cni.flannel.extraArgs"))
                config_error(v->errors, "\"flanneldExtraArgs\" field should be empty for \"%s\" CNI", name);
}

static void check_dns_domain(const struct rules *v) {
        const char *s = v->c->dns_domain;
        if (!s)
                return;
        bool good = *s && *s != '.' && strlen(s) <= 255;
        for (const char *p = s; good && *p; p++)
                good = isalnum((unsigned char) *p) || strchr("_-.", *p);
        if (!good)
                config_error(v->errors, "\"%s\" is not a valid DNS name", s);
}

static void check_subnets(const struct rules *v) {
        const struct strv *lists[] = { &v->c->pod_subnets, &v->c->service_subnets, &v->c->etcd_advertised_subnets };
        static const char *const names[] = { "cluster.network.podSubnets", "cluster.network.serviceSubnets",
                                             "cluster.etcd.advertisedSubnets" };
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                for (size_t j = 0; j < lists[i]->n; j++)
                        if (!is_subnet(lists[i]->items[j]) && !(i == 2 && is_address(lists[i]->items[j])))
                                config_error(v->errors, "\"%s\" is not a valid subnet (.%s)", lists[i]->items[j], names[i]);
        for (size_t i = 0; i < v->c->nameservers.n; i++)
                if (!is_address(v->c->nameservers.items[i]))
                        config_error(v->errors, "unable to parse IP address \"%s\" (.machine.network.nameservers)",
                                     v->c->nameservers.items[i]);
}

static void check_inline_manifests(const struct rules *v) {
        _cleanup_strv_ struct strv seen = { 0 };
        for (size_t i = 0; i < v->c->n_inline_manifests; i++) {
                const char *name = v->c->inline_manifests[i].name;
                if (str_empty(name) || name[strspn(name, " \t")] == '\0')
                        config_error(v->errors, "inline manifest name can't be empty");
                else if (strv_has(&seen, name))
                        config_error(v->errors, "inline manifest name \"%s\" is duplicate", name);
                else
                        strv_add(&seen, name);
        }
}

static void check_features(const struct rules *v) {
        static const char *const roles[] = { "os:admin",          "os:operator",    "os:reader",      "os:etcd:backup",
                                             "os:image:verifier", "os:meta:writer", "os:impersonator" };
        for (size_t i = 0; v->c->talos_api_access && i < v->c->talos_api_roles.n; i++) {
                bool known = false;
                for (size_t j = 0; j < ARRAY_SIZE(roles); j++)
                        known = known || str_eq(roles[j], v->c->talos_api_roles.items[i]);
                if (!known)
                        config_error(v->errors, "invalid role \"%s\" in allowed roles for Kubernetes Talos API Access",
                                     v->c->talos_api_roles.items[i]);
        }
        const struct yaml_node *dns = yaml_path(v->doc, "machine.features.hostDNS.enabled");
        if (v->minor >= 13 && config_truth(yaml_path(v->doc, "machine.features.hostDNS.forwardKubeDNSToHost")) &&
            !config_truth(dns))
                config_error(
                        v->errors,
                        "feature hostDNS.forwardKubeDNSToHost requires hostDNS.enabled to be true (.machine.features.hostDNS)");
}

static void check_discovery(const struct rules *v) {
        if (!v->c->discovery || config_truth(yaml_path(v->doc, "cluster.discovery.registries.service.disabled")))
                return;
        if (str_empty(v->c->cluster_id))
                config_error(v->errors, "cluster discovery service requires .cluster.id");
        if (str_empty(v->c->cluster_secret))
                config_error(v->errors, "cluster discovery service requires .cluster.secret");
}

static void check_interfaces(const struct rules *v) {
        const struct yaml_node *list = yaml_path(v->doc, "machine.network.interfaces");
        for (size_t i = 0; list && i < list->n; i++) {
                bool name = yaml_get(list->items[i], "interface"), selector = yaml_get(list->items[i], "deviceSelector");
                if (name == selector)
                        config_error(v->errors, "[networking.os.device.interface], [networking.os.device.deviceSelector]: %s",
                                     name ? "config sections are mutually exclusive" : "required config section (one of)");
        }
}

static void check_files(const struct rules *v) {
        const struct yaml_node *list = yaml_path(v->doc, "machine.files");
        for (size_t i = 0; list && i < list->n; i++) {
                const char *path = yaml_str(yaml_get(list->items[i], "path")), *op = yaml_str(yaml_get(list->items[i], "op"));
                if (str_eq(op, "create") && path && !str_starts(path, "/var/") &&
                    !str_eq(path, "/etc/cri/conf.d/20-customization.part"))
                        config_error(v->errors, "create operation not allowed outside of /var: \"%s\" (.machine.files)", path);
        }
        if (v->minor >= 14 && list && list->n)
                strv_add(&v->c->warnings, ".machine.files is deprecated");
}

static void check_machine_type(const struct rules *v) {
        const char *type = text_at(v, "machine.type");
        if (str_eq(type, "controlplane") || str_eq(type, "init"))
                check_control_plane_secrets(v);
        else if (str_eq(type, "worker") || str_eq(type, "join"))
                check_worker(v);
        else
                config_error(v->errors, "unknown machine type \"%s\"", type ? type : "");
        if (str_eq(type, "join"))
                strv_add(&v->c->warnings, "use \"worker\" instead of \"join\" for machine type");
}

/* --- further documents --- */

static void check_hostname(const struct rules *v) {
        const struct yaml_node *d = document(v, "HostnameConfig");
        if (!d)
                return;
        const char *automatic = yaml_str(yaml_get(d, "auto")), *hostname = yaml_str(yaml_get(d, "hostname"));
        if (!automatic && str_empty(hostname))
                config_error(v->errors, "HostnameConfig: either 'auto' or 'hostname' must be set");
        if (!str_eq(automatic, "off") && !str_empty(hostname))
                config_error(v->errors, "HostnameConfig: 'auto' and 'hostname' cannot be set at the same time");
        if (automatic && !str_eq(automatic, "off") && !str_eq(automatic, "stable"))
                config_error(v->errors, "HostnameConfig: invalid value for 'auto': %s", automatic);
        if (hostname && (strlen(hostname) > 253 || strcspn(hostname, ".") > 63))
                config_error(v->errors, "HostnameConfig: invalid hostname \"%s\"", hostname);
}

/* A document of its own and the old field of the same meaning exclude each other. */
static bool is_in_conflict(const struct rules *v, const char *path) {
        const struct yaml_node *n = yaml_path(v->doc, path + (*path == '+'));
        if (!n || n->type == YAML_NULL)
                return false;
        if (*path == '+')
                return true;
        return n->type == YAML_BOOL ? n->boolean : n->type == YAML_INT ? n->integer != 0 : is_set(v, path);
}

static void check_conflicts(const struct rules *v) {
        for (size_t i = 0; i < v->docs->n; i++) {
                const struct yaml_node *d = v->docs->items[i];
                const struct document_kind *k = document_kind_find(yaml_str(yaml_get(d, "kind")));
                for (size_t j = 0; k && j < ARRAY_SIZE(k->conflicts) && k->conflicts[j]; j++)
                        if (is_in_conflict(v, k->conflicts[j]))
                                config_error(v->errors, ".%s is already set in v1alpha1 config (%s)", k->conflicts[j] + (*k->conflicts[j] == '+'), k->kind);
                /* hostDNS is newer than its document. */
                if (k && str_eq(k->kind, "ResolverConfig") && yaml_get(d, "hostDNS") && yaml_get(d, "hostDNS")->n && is_in_conflict(v, "+machine.features.hostDNS"))
                        config_error(v->errors, ".machine.features.hostDNS is already set in v1alpha1 config");
                if (k && k->control_plane && !v->c->control_plane)
                        config_error(v->errors, "the following document kinds are only allowed on control plane machines: [%s]", k->kind);
        }
}

void config_validate(const struct yaml_docs *docs, const struct yaml_node *main_doc, const char *talos_version,
                     struct sim_config *c, struct config_errors *errors) {
        struct rules v = {
                main_doc, docs, config_talos_minor(talos_version), talos_version ? talos_version : "v1.13.9", c, errors
        };
        const struct yaml_node *persist = yaml_get(main_doc, "persist"),
                               *provider = yaml_path(main_doc, "cluster.externalCloudProvider");

        if (!yaml_get(main_doc, "machine") || yaml_get(main_doc, "machine")->type == YAML_NULL) {
                config_error(errors, "machine instructions are required");
                return;
        }
        if (!yaml_get(main_doc, "cluster") || yaml_get(main_doc, "cluster")->type == YAML_NULL)
                config_error(errors, "cluster instructions are required");
        else
                check_endpoint(&v);
        if (persist && persist->type != YAML_NULL && !config_truth(persist))
                config_error(errors, ".persist should be enabled");
        if (!c->os_ca.cert_pem && c->accepted_ca.n == 0)
                config_error(errors, "issuing CA or some accepted CAs are required (.machine.ca, machine.acceptedCAs)");
        if (provider && !c->external_cloud_provider && is_set(&v, "cluster.externalCloudProvider.manifests"))
                config_error(errors, "external cloud provider is disabled, but manifests are provided");
        check_machine_type(&v);
        check_images(&v);
        check_labels(&v);
        check_kubelet(&v);
        if (c->control_plane)
                check_cni(&v);
        check_dns_domain(&v);
        check_subnets(&v);
        check_inline_manifests(&v);
        check_features(&v);
        check_discovery(&v);
        check_interfaces(&v);
        check_files(&v);
        check_hostname(&v);
        check_conflicts(&v);
        config_validate_114(docs, c, errors);
}
