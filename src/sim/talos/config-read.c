/* From documents to struct sim_config. */
#include "base/codec.h"
#include "sim/talos/config-private.h"

void config_text(const struct yaml_node *n, const char *path, char **target) {
        const char *text = yaml_str(yaml_path(n, path));
        if (!text)
                return;
        free(*target);
        *target = xstrdup(text);
}

void config_bool(const struct yaml_node *n, const char *path, bool *target) {
        const struct yaml_node *v = yaml_path(n, path);
        if (v && v->type != YAML_NULL)
                *target = config_truth(v);
}

void config_strings(const struct yaml_node *n, const char *path, struct strv *target) {
        const struct yaml_node *v = yaml_path(n, path);
        for (size_t i = 0; v && v->type == YAML_SEQ && i < v->n; i++)
                if (yaml_str(v->items[i]))
                        strv_add(target, yaml_str(v->items[i]));
}

/* A list of values (1.13's form of extra arguments) becomes one with commas, as the command line gets it. */
void config_map(const struct yaml_node *n, const char *path, struct kvs *target) {
        const struct yaml_node *v = yaml_path(n, path);
        for (size_t i = 0; v && v->type == YAML_MAP && i < v->n; i++) {
                const struct yaml_node *value = v->pairs[i].value;
                if (value->type == YAML_SEQ) {
                        _cleanup_strv_ struct strv parts = { 0 };
                        for (size_t j = 0; j < value->n; j++)
                                if (yaml_str(value->items[j]))
                                        strv_add(&parts, yaml_str(value->items[j]));
                        _cleanup_str_ char *joined = strv_join(&parts, ",");
                        kvs_set(target, v->pairs[i].key, joined);
                } else {
                        kvs_set(target, v->pairs[i].key, yaml_str(value) ? yaml_str(value) : "");
                }
        }
}

json_t *config_json(const struct yaml_node *n, const char *path) {
        const struct yaml_node *v = yaml_path(n, path);
        return v && v->type != YAML_NULL ? yaml_to_json(v) : NULL;
}

/* "value:Effect" or "Effect" (talos: labels.ParseTaint). */
void config_taints(const struct yaml_node *n, const char *path, struct sim_config *c) {
        const struct yaml_node *v = yaml_path(n, path);
        for (size_t i = 0; v && v->type == YAML_MAP && i < v->n; i++) {
                const char *text = yaml_str(v->pairs[i].value);
                const char *colon = text ? strchr(text, ':') : NULL;
                struct sim_taint t = { xstrdup(v->pairs[i].key), colon ? xstrndup(text, (size_t) (colon - text)) : xstrdup(""),
                                       xstrdup(colon ? colon + 1 : text ? text : "") };
                ARRAY_APPEND(c->node_taints, c->n_node_taints, t);
        }
}

void config_pem(const struct yaml_node *n, const char *path, char **target, struct config_errors *errors) {
        const char *text = yaml_str(yaml_path(n, path));
        uint8_t *bytes;
        size_t len;
        if (str_empty(text))
                return;
        free(*target);
        *target = NULL;
        if (base64_decode(text, strlen(text), false, &bytes, &len, NULL) < 0)
                config_error(errors, "illegal base64 data (.%s)", path);
        else
                *target = (char *) bytes;
}

static void read_pair(const struct yaml_node *n, const char *path, struct cert_pair *target, struct config_errors *errors) {
        _cleanup_str_ char *crt = xasprintf("%s.crt", path), *key = xasprintf("%s.key", path);
        config_pem(n, crt, &target->cert_pem, errors);
        config_pem(n, key, &target->key_pem, errors);
}

static void read_accepted(const struct yaml_node *n, const char *path, struct strv *target, struct config_errors *errors) {
        const struct yaml_node *v = yaml_path(n, path);
        for (size_t i = 0; v && v->type == YAML_SEQ && i < v->n; i++) {
                char *pem = NULL;
                config_pem(v->items[i], "crt", &pem, errors);
                if (pem)
                        strv_take(target, pem);
        }
}

static void read_registries(const struct yaml_node *n, struct sim_config *c) {
        const struct yaml_node *mirrors = yaml_path(n, "machine.registries.mirrors"),
                               *hosts = yaml_path(n, "machine.registries.config");
        for (size_t i = 0; mirrors && mirrors->type == YAML_MAP && i < mirrors->n; i++) {
                struct sim_mirror m = { .host = xstrdup(mirrors->pairs[i].key) };
                config_strings(mirrors->pairs[i].value, "endpoints", &m.endpoints);
                config_bool(mirrors->pairs[i].value, "skipFallback", &m.skip_fallback);
                ARRAY_APPEND(c->mirrors, c->n_mirrors, m);
        }
        for (size_t i = 0; hosts && hosts->type == YAML_MAP && i < hosts->n; i++)
                if (yaml_get(hosts->pairs[i].value, "auth"))
                        strv_add(&c->registry_auth_hosts, hosts->pairs[i].key);
}

/* 169.254.169.254 is safe when a static route of the config names it, or when the private interface (eth1: Talos' hcloud images
 * boot with net.ifnames=0) is configured otherwise than by DHCP (hcloud-k8s/terraform-hcloud-kubernetes issue 490). */
static bool is_metadata_route(const char *destination) {
        return destination && str_starts(destination, "169.254.169.254");
}

static void read_interfaces(const struct yaml_node *n, struct sim_config *c) {
        const struct yaml_node *v = yaml_path(n, "machine.network.interfaces");
        for (size_t i = 0; v && v->type == YAML_SEQ && i < v->n; i++) {
                const struct yaml_node *interface = v->items[i], *routes = yaml_get(interface, "routes");
                const char *name = yaml_str(yaml_get(interface, "interface"));
                for (size_t j = 0; routes && routes->type == YAML_SEQ && j < routes->n; j++)
                        if (is_metadata_route(yaml_str(yaml_get(routes->items[j], "network"))))
                                c->metadata_route_guarded = true;
                if (str_eq(name, "eth1") &&
                    (config_truth(yaml_get(interface, "ignore")) || !config_truth(yaml_get(interface, "dhcp"))))
                        c->metadata_route_guarded = true;
        }
}

static void read_machine(const struct yaml_node *n, struct sim_config *c, struct config_errors *errors) {
        const char *type = yaml_str(yaml_path(n, "machine.type"));
        c->control_plane = str_eq(type, "controlplane") || str_eq(type, "init");
        config_text(n, "machine.token", &c->token);
        read_pair(n, "machine.ca", &c->os_ca, errors);
        read_accepted(n, "machine.acceptedCAs", &c->accepted_ca, errors);
        config_strings(n, "machine.certSANs", &c->cert_sans);
        config_text(n, "machine.network.hostname", &c->hostname);
        config_text(n, "machine.kubelet.image", &c->kubelet_image);
        config_map(n, "machine.kubelet.extraArgs", &c->kubelet_args);
        c->kubelet_extra_config = config_json(n, "machine.kubelet.extraConfig");
        config_strings(n, "machine.kubelet.nodeIP.validSubnets", &c->node_ip_subnets);
        config_map(n, "machine.nodeLabels", &c->node_labels);
        config_map(n, "machine.nodeAnnotations", &c->node_annotations);
        config_taints(n, "machine.nodeTaints", c);
        config_strings(n, "machine.network.nameservers", &c->nameservers);
        config_strings(n, "machine.time.servers", &c->ntp_servers);
        config_map(n, "machine.sysctls", &c->sysctls);
        read_registries(n, c);
        read_interfaces(n, c);
        config_bool(n, "machine.features.kubernetesTalosAPIAccess.enabled", &c->talos_api_access);
        config_strings(n, "machine.features.kubernetesTalosAPIAccess.allowedRoles", &c->talos_api_roles);
        config_strings(n, "machine.features.kubernetesTalosAPIAccess.allowedKubernetesNamespaces", &c->talos_api_namespaces);
        config_bool(n, "machine.features.kubePrism.enabled", &c->kube_prism);
        const struct yaml_node *port = yaml_path(n, "machine.features.kubePrism.port");
        if (port && port->type == YAML_INT)
                c->kube_prism_port = (unsigned) port->integer;
}

static void read_control_plane(const struct yaml_node *n, struct sim_config *c, struct config_errors *errors) {
        read_pair(n, "cluster.aggregatorCA", &c->aggregator_ca, errors);
        read_pair(n, "cluster.etcd.ca", &c->etcd_ca, errors);
        config_pem(n, "cluster.serviceAccount.key", &c->service_account_key, errors);
        config_text(n, "cluster.secretboxEncryptionSecret", &c->secretbox_secret);
        config_text(n, "cluster.aescbcEncryptionSecret", &c->aescbc_secret);
        config_text(n, "cluster.apiServer.image", &c->api_server_image);
        config_text(n, "cluster.controllerManager.image", &c->controller_manager_image);
        config_text(n, "cluster.scheduler.image", &c->scheduler_image);
        config_text(n, "cluster.proxy.image", &c->proxy_image);
        config_text(n, "cluster.etcd.image", &c->etcd_image);
        config_strings(n, "cluster.apiServer.certSANs", &c->api_server_cert_sans);
        config_map(n, "cluster.apiServer.extraArgs", &c->api_server_args);
        config_map(n, "cluster.controllerManager.extraArgs", &c->controller_manager_args);
        config_map(n, "cluster.scheduler.extraArgs", &c->scheduler_args);
        config_map(n, "cluster.etcd.extraArgs", &c->etcd_args);
        config_strings(n, "cluster.etcd.advertisedSubnets", &c->etcd_advertised_subnets);
        if (c->etcd_advertised_subnets.n == 0)
                config_strings(n, "cluster.etcd.subnet", &c->etcd_advertised_subnets);
        c->admission_control = config_json(n, "cluster.apiServer.admissionControl");
        c->audit_policy = config_json(n, "cluster.apiServer.auditPolicy");
        config_bool(n, "cluster.allowSchedulingOnMasters", &c->allow_scheduling);
        config_bool(n, "cluster.allowSchedulingOnControlPlanes", &c->allow_scheduling);
        const struct yaml_node *manifests = yaml_path(n, "cluster.inlineManifests");
        for (size_t i = 0; manifests && manifests->type == YAML_SEQ && i < manifests->n; i++) {
                struct sim_inline_manifest m = { NULL, NULL };
                config_text(manifests->items[i], "name", &m.name);
                config_text(manifests->items[i], "contents", &m.contents);
                ARRAY_APPEND(c->inline_manifests, c->n_inline_manifests, m);
        }
}

void config_read_v1alpha1(const struct yaml_node *n, struct sim_config *c, struct config_errors *errors) {
        read_machine(n, c, errors);
        config_text(n, "cluster.id", &c->cluster_id);
        config_text(n, "cluster.secret", &c->cluster_secret);
        config_text(n, "cluster.clusterName", &c->cluster_name);
        config_text(n, "cluster.controlPlane.endpoint", &c->endpoint);
        const struct yaml_node *port = yaml_path(n, "cluster.controlPlane.localAPIServerPort");
        if (port && port->type == YAML_INT && port->integer > 0)
                c->api_port = (unsigned) port->integer;
        config_text(n, "cluster.network.dnsDomain", &c->dns_domain);
        config_strings(n, "cluster.network.podSubnets", &c->pod_subnets);
        config_strings(n, "cluster.network.serviceSubnets", &c->service_subnets);
        config_text(n, "cluster.network.cni.name", &c->cni);
        config_bool(n, "cluster.proxy.disabled", &c->proxy_disabled);
        config_bool(n, "cluster.coreDNS.disabled", &c->coredns_disabled);
        config_bool(n, "cluster.externalCloudProvider.enabled", &c->external_cloud_provider);
        config_bool(n, "cluster.discovery.enabled", &c->discovery);
        config_text(n, "cluster.token", &c->bootstrap_token);
        read_pair(n, "cluster.ca", &c->k8s_ca, errors);
        read_accepted(n, "cluster.acceptedCAs", &c->accepted_k8s_ca, errors);
        if (c->control_plane)
                read_control_plane(n, c, errors);
        else
                config_text(n, "cluster.proxy.image", &c->proxy_image);
}

/* --- the documents of 1.12 to 1.14. In those of 1.14 PEM stands as text --- */

static void read_node_document(const struct yaml_node *d, struct sim_config *c) {
        config_map(d, "labels", &c->node_labels);
        config_map(d, "annotations", &c->node_annotations);
        config_taints(d, "taints", c);
        config_strings(d, "nodeIP.validSubnets", &c->node_ip_subnets);
        /* The generator names a control plane's label and taint; in the older form Talos adds them itself. One form for our readers: not
         * named. */
        kvs_unset(&c->node_labels, "node-role.kubernetes.io/control-plane");
        c->allow_scheduling = c->control_plane;
        for (size_t i = 0; i < c->n_node_taints; i++) {
                struct sim_taint *t = &c->node_taints[i];
                if (!str_eq(t->key, "node-role.kubernetes.io/control-plane"))
                        continue;
                c->allow_scheduling = false;
                free(t->key);
                free(t->value);
                free(t->effect);
                *t = c->node_taints[--c->n_node_taints];
                break;
        }
}

static void read_pem_pair(const struct yaml_node *d, const char *path, struct cert_pair *target) {
        _cleanup_str_ char *cert = xasprintf("%s.cert", path), *key = xasprintf("%s.key", path);
        config_text(d, cert, &target->cert_pem);
        config_text(d, key, &target->key_pem);
}

static void read_api_server_ca(const struct yaml_node *d, struct sim_config *c) {
        read_pem_pair(d, "issuingCA", &c->k8s_ca);
        config_strings(d, "acceptedCAs", &c->accepted_k8s_ca);
        if (!c->k8s_ca.cert_pem && c->accepted_k8s_ca.n > 0)
                c->k8s_ca.cert_pem = xstrdup(c->accepted_k8s_ca.items[0]);
}

static void read_network_document(const struct yaml_node *d, struct sim_config *c) {
        config_text(d, "dnsDomain", &c->dns_domain);
        config_strings(d, "podSubnets", &c->pod_subnets);
        config_strings(d, "serviceSubnets", &c->service_subnets);
        /* kube-controller-manager's flag, which in the older form is an argument. */
        const struct yaml_node *mask = yaml_get(d, "nodeCIDRMaskSizeIPv6");
        if (c->control_plane && mask && mask->type == YAML_INT)
                kvs_set(&c->controller_manager_args, "node-cidr-mask-size-ipv6", mask->text);
}

/* The first key of the first resource, under the provider's name. */
static void read_provider(const struct yaml_node *provider, const char *name, char **target) {
        _cleanup_str_ char *path = xasprintf("%s.keys", name);
        const struct yaml_node *keys = yaml_path(provider, path);
        if (keys && keys->type == YAML_SEQ && keys->n)
                config_text(keys->items[0], "secret", target);
}

static void read_encryption(const struct yaml_node *d, struct sim_config *c) {
        const struct yaml_node *resources = yaml_path(d, "config.resources");
        const struct yaml_node *providers = resources && resources->type == YAML_SEQ && resources->n ? yaml_get(resources->items[0], "providers") : NULL;
        for (size_t i = 0; providers && providers->type == YAML_SEQ && i < providers->n; i++) {
                read_provider(providers->items[i], "secretbox", &c->secretbox_secret);
                read_provider(providers->items[i], "aescbc", &c->aescbc_secret);
        }
}

static void read_component(const struct yaml_node *d, char **image, struct kvs *args) {
        config_text(d, "image", image);
        config_map(d, "extraArgs", args);
}

static void read_admission(const struct yaml_node *d, struct sim_config *c) {
        if (!c->admission_control)
                c->admission_control = json_array();
        json_t *o = json_object();
        json_object_set_new(o, "name", json_string(yaml_str(yaml_get(d, "name")) ? yaml_str(yaml_get(d, "name")) : ""));
        json_t *configuration = config_json(d, "configuration");
        if (configuration)
                json_object_set_new(o, "configuration", configuration);
        json_array_append_new(c->admission_control, o);
}

static void read_mirror(const struct yaml_node *d, struct sim_config *c) {
        struct sim_mirror m = { 0 };
        const struct yaml_node *endpoints = yaml_get(d, "endpoints");
        config_text(d, "name", &m.host);
        config_bool(d, "skipFallback", &m.skip_fallback);
        for (size_t i = 0; endpoints && endpoints->type == YAML_SEQ && i < endpoints->n; i++)
                if (yaml_str(yaml_get(endpoints->items[i], "url")))
                        strv_add(&m.endpoints, yaml_str(yaml_get(endpoints->items[i], "url")));
        if (!m.host)
                m.host = xstrdup("");
        ARRAY_APPEND(c->mirrors, c->n_mirrors, m);
}

static void read_link(const struct yaml_node *d, struct sim_config *c) {
        const struct yaml_node *routes = yaml_get(d, "routes");
        if (str_eq(yaml_str(yaml_get(d, "name")), "eth1"))
                c->metadata_route_guarded = true;
        for (size_t i = 0; routes && routes->type == YAML_SEQ && i < routes->n; i++)
                if (is_metadata_route(yaml_str(yaml_get(routes->items[i], "destination"))))
                        c->metadata_route_guarded = true;
}

static void read_resolver(const struct yaml_node *d, struct sim_config *c) {
        const struct yaml_node *v = yaml_get(d, "nameservers");
        for (size_t i = 0; v && v->type == YAML_SEQ && i < v->n; i++)
                if (yaml_str(yaml_get(v->items[i], "address")))
                        strv_add(&c->nameservers, yaml_str(yaml_get(v->items[i], "address")));
}

static bool read_old_kind(const struct yaml_node *d, const char *kind, struct sim_config *c) {
        if (str_eq(kind, "HostnameConfig"))
                config_text(d, "hostname", &c->hostname);
        else if (str_eq(kind, "ResolverConfig"))
                read_resolver(d, c);
        else if (str_eq(kind, "TimeSyncConfig"))
                config_strings(d, "ntp.servers", &c->ntp_servers);
        else if (str_eq(kind, "RegistryMirrorConfig"))
                read_mirror(d, c);
        else if (str_eq(kind, "RegistryAuthConfig"))
                strv_add(&c->registry_auth_hosts, yaml_str(yaml_get(d, "name")) ? yaml_str(yaml_get(d, "name")) : "");
        else if (str_eq(kind, "LinkConfig"))
                read_link(d, c);
        else
                return false;
        return true;
}

static bool read_cluster_kind(const struct yaml_node *d, const char *kind, struct sim_config *c) {
        if (str_eq(kind, "DiscoveryIdentityConfig")) {
                config_text(d, "clusterID", &c->cluster_id);
                config_text(d, "clusterSecret", &c->cluster_secret);
        } else if (str_eq(kind, "DiscoveryServiceConfig")) {
                c->discovery = true;
        } else if (str_eq(kind, "SysctlConfig")) {
                config_map(d, "params", &c->sysctls);
        } else if (str_eq(kind, "KubeClusterConfig")) {
                config_text(d, "clusterName", &c->cluster_name);
                config_text(d, "endpoint", &c->endpoint);
        } else if (str_eq(kind, "KubeNodeConfig")) {
                read_node_document(d, c);
        } else if (str_eq(kind, "KubeletConfig")) {
                read_component(d, &c->kubelet_image, &c->kubelet_args);
                c->kubelet_extra_config = config_json(d, "config");
        } else if (str_eq(kind, "KubeNetworkConfig")) {
                read_network_document(d, c);
        } else if (str_eq(kind, "KubeAPIServerCAConfig")) {
                read_api_server_ca(d, c);
        } else if (str_eq(kind, "KubePrismConfig")) {
                c->kube_prism = true;
        } else if (str_eq(kind, "KubeTalosAPIAccessConfig")) {
                c->talos_api_access = true;
                config_strings(d, "allowedRoles", &c->talos_api_roles);
                config_strings(d, "allowedKubernetesNamespaces", &c->talos_api_namespaces);
        } else {
                return false;
        }
        return true;
}

static void read_control_plane_kind(const struct yaml_node *d, const char *kind, struct sim_config *c) {
        if (str_eq(kind, "KubeAggregatorCAConfig")) {
                read_pem_pair(d, "issuingCA", &c->aggregator_ca);
        } else if (str_eq(kind, "KubeAdmissionControlConfig")) {
                read_admission(d, c);
        } else if (str_eq(kind, "KubeAuditPolicyConfig")) {
                c->audit_policy = config_json(d, "configuration");
        } else if (str_eq(kind, "KubeEtcdEncryptionConfig")) {
                read_encryption(d, c);
        } else if (str_eq(kind, "KubeServiceAccountConfig")) {
                config_text(d, "issuer.privateKey", &c->service_account_key);
        } else if (str_eq(kind, "KubeAPIServerConfig")) {
                read_component(d, &c->api_server_image, &c->api_server_args);
                config_strings(d, "certExtraSANs", &c->api_server_cert_sans);
                const struct yaml_node *port = yaml_get(d, "apiPort");
                if (port && port->type == YAML_INT)
                        c->api_port = (unsigned) port->integer;
        } else if (str_eq(kind, "KubeControllerManagerConfig")) {
                read_component(d, &c->controller_manager_image, &c->controller_manager_args);
        } else if (str_eq(kind, "KubeSchedulerConfig")) {
                read_component(d, &c->scheduler_image, &c->scheduler_args);
        } else if (str_eq(kind, "KubeProxyConfig")) {
                config_text(d, "image", &c->proxy_image);
                c->proxy_disabled = yaml_get(d, "enabled") && !config_truth(yaml_get(d, "enabled"));
        } else if (str_eq(kind, "KubeFlannelCNIConfig")) {
                free(c->cni);
                c->cni = xstrdup("flannel");
        } else if (str_eq(kind, "KubeCoreDNSConfig")) {
                c->coredns_disabled = yaml_get(d, "enabled") && !config_truth(yaml_get(d, "enabled"));
        } else if (str_eq(kind, "KubeInlineManifestConfig")) {
                struct sim_inline_manifest m = { NULL, NULL };
                config_text(d, "name", &m.name);
                config_text(d, "manifest", &m.contents);
                ARRAY_APPEND(c->inline_manifests, c->n_inline_manifests, m);
        }
}

void config_read_document(const struct yaml_node *d, const char *kind, struct sim_config *c, struct config_errors *errors) {
        if (!read_old_kind(d, kind, c) && !read_cluster_kind(d, kind, c))
                read_control_plane_kind(d, kind, c);
}
