/* The node's judgement of machine configs: Talos' own golden files are accepted, each broken rule is refused. */
#include "../unit.h"

#include "base/codec.h"
#include "base/file.h"
#include "sim/talos/config.h"

static char *golden(const char *name) {
        _cleanup_str_ char *path = xasprintf("%s/talos/golden/%s.yaml", getenv("SHARED_DATA") ? getenv("SHARED_DATA") : "", name);
        char *text;
        size_t len;
        if (file_read(path, 1 << 20, &text, &len, NULL) < 0) {
                printf("skipped: %s is not there\n", path);
                return NULL;
        }
        return text;
}

static const struct { const char *name, *version;
} files[] = {
        { "v1.11-controlplane", "v1.11.6" },
        { "v1.11-controlplane-seed", "v1.11.6" },
        { "v1.11-worker", "v1.11.6" },
        { "v1.11-worker-seed", "v1.11.6" },
        { "v1.12-controlplane", "v1.12.11" },
        { "v1.12-controlplane-seed", "v1.12.11" },
        { "v1.12-worker-seed", "v1.12.11" },
        { "v1.13-controlplane", "v1.13.9" },
        { "v1.13-controlplane-seed", "v1.13.9" },
        { "v1.13-controlplane-seed-ghcr", "v1.13.9" },
        { "v1.13-worker", "v1.13.9" },
        { "v1.13-worker-seed", "v1.13.9" },
        { "v1.13-controlplane-seed", "v1.14.1" },
        { "v1.13-worker", "v1.14.1" },
        { "v1.14-controlplane", "v1.14.1" },
        { "v1.14-worker", "v1.14.1" },
};

START_TEST(golden_files_are_accepted) {
        _cleanup_str_ char *text = golden(files[_i].name);
        _cleanup_sim_config_ struct sim_config *c = NULL;
        struct error err = ERROR_INIT;
        if (!text)
                return;
        int r = sim_config_load(text, strlen(text), files[_i].version, &c, &err);
        ck_assert_msg(r == 0, "%s: %s", files[_i].name, error_text(&err));
        bool control_plane = strstr(files[_i].name, "controlplane") != NULL;
        ck_assert_int_eq(c->control_plane, control_plane);
        ck_assert_str_eq(c->cluster_name, "demo");
        ck_assert_str_eq(c->endpoint_host, "2001:db8:1::1");
        ck_assert_uint_eq(c->endpoint_port, 6443);
        ck_assert_str_eq(c->cluster_id, "v6Uz5J9bTx12rPNa9CKVCFavBT8bQswsKXCejZEjAps=");
        ck_assert_str_eq(c->token, "sdjytf.c0y4zrerql0t6f9o");
        ck_assert_ptr_nonnull(strstr(c->k8s_ca.cert_pem, "BEGIN CERTIFICATE"));
        ck_assert_int_eq(c->k8s_ca.key_pem != NULL, control_plane);
        ck_assert_int_eq(c->service_account_key != NULL, control_plane);
        ck_assert(!c->allow_scheduling);
        ck_assert_uint_eq(c->n_node_taints, 0);
}
END_TEST

START_TEST(seed_is_read) {
        _cleanup_str_ char *text = golden("v1.13-controlplane-seed-ghcr");
        _cleanup_sim_config_ struct sim_config *c = NULL;
        struct error err = ERROR_INIT;
        if (!text)
                return;
        ck_ok(sim_config_load(text, strlen(text), "v1.13.9", &c, &err), err);
        ck_assert_str_eq(c->kubernetes_version, "v1.36.3");
        ck_assert_str_eq(kvs_get(&c->kubelet_args, "cloud-provider"), "external");
        ck_assert_str_eq(kvs_get(&c->controller_manager_args, "node-cidr-mask-size-ipv6"), "112");
        ck_assert_str_eq(c->cni, "none");
        ck_assert_str_eq(c->pod_subnets.items[0], "fd40:10::/96");
        ck_assert(c->proxy_disabled && c->external_cloud_provider && c->discovery && c->talos_api_access);
        ck_assert_uint_eq(c->nameservers.n, 3);
        ck_assert_uint_eq(c->n_inline_manifests, 1);
        ck_assert_str_eq(c->inline_manifests[0].name, "hcloud-secret");
        ck_assert_str_eq(c->registry_auth_hosts.items[0], "ghcr.io");
        ck_assert_uint_eq(json_array_size(c->admission_control), 1);
        ck_assert(!c->metadata_route_guarded);
}
END_TEST

/* One change of a good config, and what the message must name. base: c control plane, w worker of contract 1.13; C, W of 1.14 on a node of 1.14. */
static const struct { char base; const char *from, *to, *says;
} broken[] = {
        { 'c', "    kubelet:\n", "    kubelets: {}\n    kubelet:\n", "kubelets: {}" },
        { 'c', "            name: none\n", "            name: none\n            url: x\n", "unknown keys" },
        { 'c', "persist: true", "persist: false", ".persist should be enabled" },
        { 'c', "persist: true", "persist: \"true\"", "cannot unmarshal" },
        { 'c', "https://[2001:db8:1::1]:6443", "https://2001:db8:1::1:6443", "invalid controlplane endpoint" },
        { 'c', "https://[2001:db8:1::1]:6443", "\"[2001:db8:1::1]:6443\"", "invalid controlplane endpoint" },
        { 'c', "type: controlplane", "type: master", "unknown machine type \"master\"" },
        { 'c', "kubelet:v1.36.3", "kubelet:1.36.3", "no tag of the form" },
        { 'c', "kubelet:v1.36.3", "kubelet:v1.37.0", "Kubernetes 1.37.0 is too new to be used with Talos 1.13.9" },
        { 'c', "kube-apiserver:v1.36.3", "kube-apiserver:v1.30.9", "too old" },
        { 'c', "            name: none", "            name: cilium", "cni name should be one of" },
        { 'c', "    id: v6Uz5J9bTx12rPNa9CKVCFavBT8bQswsKXCejZEjAps=\n", "", "requires .cluster.id" },
        { 'c', "                - os:reader", "                - os:god", "invalid role \"os:god\"" },
        { 'c', "            serializeImagePulls: false", "            port: 1", "kubelet configuration field \"port\"" },
        { 'c', "            - fd40:10::/96", "            - \"fd40:10::\"", "not a valid subnet" },
        { 'c', "auto: stable", "auto: stable\nhostname: x", "cannot be set at the same time" },
        { 'c', "auto: stable", "auto: maybe", "invalid value for 'auto'" },
        { 'c', "        disableSearchDomain: true", "        hostname: x", "already set in v1alpha1 config (HostnameConfig)" },
        { 'c', "kind: HostnameConfig", "kind: HostConfig", "not registered" },
        { 'c', "kind: HostnameConfig", "kind: KubeletConfig", "not registered" },
        { 'c', "kind: HostnameConfig\nauto: stable",
          "kind: HostnameConfig\nauto: stable\n---\napiVersion: v1alpha1\nkind: HostnameConfig\nauto: off",
          "duplicate document" },
        { 'c', "apiVersion: v1alpha1\nkind: HostnameConfig", "kind: HostnameConfig", "missing apiVersion" },
        { 'c', "        - name: hcloud-secret", "        - name: \"\"", "inline manifest name can't be empty" },
        { 'c', "        forwardKubeDNSToHost: false", "        forwardKubeDNSToHost: maybe", "cannot unmarshal" },
        { 'c', "            enabled: true\n            forwardKubeDNSToHost: false",
          "            enabled: false\n            forwardKubeDNSToHost: true", "requires hostDNS.enabled" },
        { 'c', "        node.kubernetes.io/exclude-from-external-load-balancers: \"\"", "        -bad-: \"\"",
          "invalid machine node labels" },
        { 'w', "    clusterName: demo\n", "    clusterName: demo\n    etcd: {}\n",
          "etcd config is only allowed on control plane machines" },
        { 'w', "        key: \"\"\n    certSANs", "        key: UEVN\n    certSANs", "issuing Talos API CA key is not allowed" },
        { 'w', "        key: \"\"\n    proxy", "        key: UEVN\n    proxy", "cluster CA key is not allowed" },
        { 'w', "    nodeLabels:\n", "    nodeTaints:\n        a: NoScheduling\n    nodeLabels:\n", "invalid taint effect" },
        { 'w', "        crt: LS0t", "        crt: ????", "illegal base64" },
        { 'w', "        diskQuotaSupport: true\n",
          "        diskQuotaSupport: true\n        kubernetesTalosAPIAccess:\n            enabled: true\n",
          "can only be enabled on control plane" },
        { 'w', "    network:\n        nameservers:",
          "    network:\n        interfaces:\n            - dhcp: true\n        nameservers:", "networking.os.device.interface" },
        { 'W', "    features:\n", "    nodeLabels:\n        a: b\n    features:\n", ".machine.nodeLabels is already set in v1alpha1 config (KubeNodeConfig)" },
        { 'W', "    features:\n", "    kubelet: {}\n    features:\n", ".machine.kubelet is already set in v1alpha1 config (KubeletConfig)" },
        { 'W', "    features:\n", "    features:\n        hostDNS: {}\n", ".machine.features.hostDNS is already set" },
        { 'W', "port: 7445", "port: 7445\nports: 1", "unknown keys" },
        { 'W', "port: 7445", "port: 70000", "invalid port" },
        { 'W', "    - 10.244.0.0/16", "    - fd40::/96", "smaller than the per-node pod CIDR mask size /64" },
        { 'W', "    - 10.96.0.0/12", "    - 10.96.0.0/11", "service subnets: invalid subnet" },
        { 'W', "    - 10.96.0.0/12", "    - 10.96.0.0/12\n    - fd40::/112", "number of pod subnets must match" },
        { 'W', "image: ghcr.io/siderolabs/kubelet:v1.37.0", "image: \"\"", "image cannot be empty" },
        { 'W', "kubelet:v1.37.0", "kubelet:v1.38.0", "too new to be used with Talos 1.14.1" },
        { 'W', "    enabled: true\n    forwardKubeDNSToHost", "    enabled: false\n    forwardKubeDNSToHost", "cannot be enabled when hostDNS.enabled is false" },
        { 'W', "kind: KubePrismConfig\nport: 7445", "kind: KubeProxyConfig\nenabled: false", "only allowed on control plane machines: [KubeProxyConfig]" },
        { 'W', "clusterName: demo", "clusterName: \"\"", "clusterName is required" },
        { 'C', "cluster:\n", "cluster:\n    allowSchedulingOnControlPlanes: false\n", ".cluster.allowSchedulingOnControlPlanes is already set" },
        { 'C', "image: registry.k8s.io/kube-apiserver:v1.37.0", "image: registry.k8s.io/kube-apiserver:v1.37.0\nextraArgs:\n    oidc-issuer-url: x", "is not allowed" },
        { 'C', "type: RBAC", "type: Maybe", "authorizer type Maybe is not allowed" },
        { 'C', "backendType: vxlan", "backendPort2: 1", "unknown keys" },
};

static char *replace(const char *text, const char *from, const char *to) {
        const char *at = strstr(text, from);
        ck_assert_msg(at != NULL, "the golden file has no '%s'", from);
        return xasprintf("%.*s%s%s", (int) (at - text), text, to, at + strlen(from));
}

START_TEST(broken_rules_are_refused) {
        char base = broken[_i].base;
        bool documents = base == 'C' || base == 'W';
        _cleanup_str_ char *text = golden(base == 'c' ? "v1.13-controlplane-seed-ghcr" : base == 'w' ? "v1.13-worker-seed" : base == 'C' ? "v1.14-controlplane" : "v1.14-worker");
        struct error err = ERROR_INIT;
        struct sim_config *c = NULL;
        if (!text)
                return;
        _cleanup_str_ char *wrong = replace(text, broken[_i].from, broken[_i].to);
        ck_fails(sim_config_load(wrong, strlen(wrong), documents ? "v1.14.1" : "v1.13.9", &c, &err), err, ERR_INVALID);
        ck_assert_msg(strstr(err.message, broken[_i].says) != NULL, "%s: %s", broken[_i].says, err.message);
        error_done(&err);
}
END_TEST

/* A key that belongs to another certificate; and a new document on an old Talos. */
START_TEST(more_refusals) {
        _cleanup_str_ char *cp = golden("v1.13-controlplane"), *seed = golden("v1.13-controlplane-seed"),
                           *many = golden("v1.14-worker");
        struct error err = ERROR_INIT;
        struct sim_config *c = NULL;
        if (!cp || !seed || !many)
                return;
        char *aggregator = strstr(cp, "aggregatorCA:"), *etcd = strstr(cp, "    etcd:\n        ca:");
        char *etcd_key = strstr(etcd, "key: ") + 5, *aggregator_key = strstr(aggregator, "key: ") + 5;
        _cleanup_str_ char *swapped_key = xstrndup(etcd_key, strcspn(etcd_key, "\n"));
        _cleanup_str_ char *own_key = xstrndup(aggregator_key, strcspn(aggregator_key, "\n"));
        _cleanup_str_ char *wrong = replace(cp, own_key, swapped_key);
        ck_fails(sim_config_load(wrong, strlen(wrong), "v1.13.9", &c, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "does not belong to the certificate"));
        error_done(&err);
        ck_fails(sim_config_load(many, strlen(many), "v1.13.9", &c, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "not registered"));
        error_done(&err);
        ck_fails(sim_config_load("foo: [", 6, "v1.13.9", &c, &err), err, ERR_INVALID);
        error_done(&err);
        ck_fails(sim_config_load("machine: {}\n", 12, "v1.13.9", &c, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "errors occurred"));
        error_done(&err);
}
END_TEST

START_TEST(partial_configs) {
        static const char partial[] = "apiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n";
        struct error err = ERROR_INIT;
        bool is = false;
        ck_ok(sim_config_is_partial(partial, strlen(partial), "v1.13.9", &is, &err), err);
        ck_assert(is);
}
END_TEST

START_TEST(user_data_forms) {
        static const char plain[] = "machine:\n    type: worker\n";
        struct error err = ERROR_INIT;
        uint8_t *gz;
        size_t n, len;
        _cleanup_str_ char *once = base64_encode(plain, strlen(plain));
        ck_ok(gzip_compress(plain, strlen(plain), &gz, &n, &err), err);
        _cleanup_str_ char *packed = base64_encode(gz, n);
        free(gz);
        const char *const forms[] = { plain, once, packed };
        for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
                char *text;
                ck_ok(sim_user_data_decode(forms[i], &text, &len, &err), err);
                ck_assert_str_eq(text, plain);
                ck_assert_uint_eq(len, strlen(plain));
                free(text);
        }
        char *text;
        ck_ok(sim_user_data_decode(NULL, &text, &len, &err), err);
        ck_assert_uint_eq(len, 0);
        free(text);
}
END_TEST

START_TEST(metadata_guard_and_reboot) {
        _cleanup_str_ char *text = golden("v1.13-worker-seed");
        struct error err = ERROR_INIT;
        _cleanup_sim_config_ struct sim_config *a = NULL, *b = NULL, *d = NULL;
        const char *why;
        if (!text)
                return;
        _cleanup_str_ char *guarded =
                replace(text, "    network:\n",
                        "    network:\n        interfaces:\n            - interface: eth1\n              dhcp: false\n");
        _cleanup_str_ char *dhcp =
                replace(text, "    network:\n",
                        "    network:\n        interfaces:\n            - interface: eth1\n              dhcp: true\n");
        ck_ok(sim_config_load(text, strlen(text), "v1.13.9", &a, &err), err);
        ck_ok(sim_config_load(guarded, strlen(guarded), "v1.13.9", &b, &err), err);
        ck_ok(sim_config_load(dhcp, strlen(dhcp), "v1.13.9", &d, &err), err);
        ck_assert(!a->metadata_route_guarded && b->metadata_route_guarded && !d->metadata_route_guarded);
        ck_assert(!sim_config_needs_reboot(a, b, &why));
        _cleanup_sim_config_ struct sim_config *e = NULL;
        _cleanup_str_ char *with_env = replace(text, "    sysctls:\n", "    env:\n        A: b\n    sysctls:\n");
        ck_ok(sim_config_load(with_env, strlen(with_env), "v1.13.9", &e, &err), err);
        ck_assert(sim_config_needs_reboot(a, e, &why));
        ck_assert_str_eq(why, "machine.env");
}
END_TEST

static Suite *config_suite(void) {
        Suite *s = suite_create("sim/talos config");
        TCase *c = tcase_create("config");
        tcase_add_loop_test(c, golden_files_are_accepted, 0, ARRAY_SIZE(files));
        tcase_add_test(c, seed_is_read);
        tcase_add_loop_test(c, broken_rules_are_refused, 0, ARRAY_SIZE(broken));
        tcase_add_test(c, more_refusals);
        tcase_add_test(c, partial_configs);
        tcase_add_test(c, user_data_forms);
        tcase_add_test(c, metadata_guard_and_reboot);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(config_suite())
