#include "talos/config.h"

#include "base/codec.h"
#include "base/secret.h"
#include "shared.h"
#include "talos/patch.h"

static struct talos_config_input base_input(const struct talos_secrets *s, unsigned minor, enum talos_machine_type type) {
        return (struct talos_config_input) {
                .contract = { 1, minor }, .type = type, .secrets = s, .cluster_name = "base", .endpoint = "https://base:6443",
                .kubernetes_version = "1.28.0",
        };
}

static struct talos_config_input demo_input(const struct talos_secrets *s, unsigned minor, enum talos_machine_type type) {
        static const char *const kubernetes[] = { "1.34.1", "1.35.4", "1.36.3", "1.37.0" };
        struct talos_config_input in = base_input(s, minor, type);

        in.cluster_name = "demo";
        in.endpoint = "https://[2001:db8:1::1]:6443";
        in.kubernetes_version = kubernetes[minor - 11];
        return in;
}

static void same_text(const char *have, const char *want, const char *what) {
        size_t line = 1, i = 0;

        for (; have[i] && have[i] == want[i]; i++)
                line += have[i] == '\n';
        size_t start = i;
        while (start && want[start - 1] != '\n')
                start--;
        ck_assert_msg(have[i] == want[i], "%s differs at line %zu:\nwant %.100s\nhave %.100s", what, line, want + start,
                      have + start);
}

static struct talos_secrets *demo_secrets(void) {
        return shared_secrets("talos/golden/secrets.yaml");
}

static struct yaml_docs generate(const struct talos_config_input *in) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct yaml_docs docs = { 0 };

        ck_ok(talos_config_generate(in, &docs, &err), err);
        return docs;
}

/* Byte for byte what Talos' generator wrote into its own stability fixtures. */
START_TEST(reproduces_talos_fixtures) {
        static const struct { unsigned minor; enum talos_machine_type type; const char *file; } cases[] = {
                { 11, TALOS_CONTROL_PLANE, "talos/v1.11-base-controlplane.yaml" },
                { 11, TALOS_WORKER, "talos/v1.11-base-worker.yaml" },
                { 13, TALOS_CONTROL_PLANE, "talos/v1.13-base-controlplane.yaml" },
                { 13, TALOS_WORKER, "talos/v1.13-base-worker.yaml" },
                { 14, TALOS_CONTROL_PLANE, "talos/v1.14-base-controlplane.yaml" },
                { 14, TALOS_WORKER, "talos/v1.14-base-worker.yaml" },
        };
        _cleanup_talos_secrets_ struct talos_secrets *s = shared_secrets("talos/secrets-stability.yaml");

        for (size_t i = 0; s && i < ARRAY_SIZE(cases); i++) {
                _cleanup_str_ char *want = shared_file(cases[i].file);
                if (!want)
                        return;
                struct talos_config_input in = base_input(s, cases[i].minor, cases[i].type);
                _cleanup_talos_config_ struct yaml_docs docs = generate(&in);
                _cleanup_secret_ char *have = talos_config_write(&docs);
                same_text(have, want, cases[i].file);
        }
}
END_TEST

static void apply_file(struct yaml_docs *docs, const char *file) {
        _cleanup_str_ char *text = shared_file(file);
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_assert_ptr_nonnull(text);
        ck_ok(talos_patch_apply(docs, file, text, strlen(text), &err), err);
}

START_TEST(reproduces_golden_documents) {
        _cleanup_talos_secrets_ struct talos_secrets *s = demo_secrets();

        for (unsigned i = 0; s && i < 2; i++) {
                const char *file = i ? "talos/golden/v1.14-controlplane.yaml" : "talos/golden/v1.14-worker.yaml";
                _cleanup_str_ char *want = shared_file(file);
                struct talos_config_input in = demo_input(s, 14, i ? TALOS_CONTROL_PLANE : TALOS_WORKER);
                _cleanup_talos_config_ struct yaml_docs docs = generate(&in);
                _cleanup_secret_ char *have = talos_config_write(&docs);
                _cleanup_error_ struct error err = ERROR_INIT;
                same_text(have, want, file);
                ck_ok(talos_config_validate(&docs, in.type, &err), err);
        }
}
END_TEST

/* The eighteen configs of 1.11 to 1.13: bare, with the seed's patches, and with registry credentials. Byte for byte. */
START_TEST(reproduces_golden_configs) {
        static const char *const variants[] = { "", "-seed", "-seed-ghcr" };
        _cleanup_talos_secrets_ struct talos_secrets *s = demo_secrets();

        for (unsigned i = 0; s && i < 18; i++) {
                unsigned minor = 11 + i / 6, variant = i % 3;
                bool control_plane = i / 3 % 2;
                _cleanup_str_ char *file = xasprintf("talos/golden/v1.%u-%s%s.yaml", minor, control_plane ? "controlplane"
                                                     : "worker", variants[variant]);
                _cleanup_str_ char *want = shared_file(file);
                ck_assert_ptr_nonnull(want);
                struct talos_config_input in = demo_input(s, minor, control_plane ? TALOS_CONTROL_PLANE : TALOS_WORKER);
                _cleanup_talos_config_ struct yaml_docs docs = generate(&in);
                if (variant) {
                        apply_file(&docs, "talos/golden/patches/all.yaml");
                        apply_file(&docs, control_plane ? "talos/golden/patches/controlplane.yaml"
                                   : "talos/golden/patches/worker.yaml");
                        apply_file(&docs, variant == 1 ? "talos/golden/patches/registries.yaml"
                                   : "talos/golden/patches/registries-ghcr.yaml");
                }
                _cleanup_secret_ char *have = talos_config_write(&docs);
                same_text(have, want, file);
                _cleanup_error_ struct error err = ERROR_INIT;
                ck_ok(talos_config_validate(&docs, in.type, &err), err);
        }
}
END_TEST

static struct talos_secrets *fresh_secrets(void) {
        static struct talos_secrets *s;

        if (!s)
                s = new_secrets(13);
        return s;
}

static const char *at(const struct yaml_docs *docs, const char *path) {
        return yaml_str(yaml_path(docs->items[0], path));
}

static const char *first(const struct yaml_docs *docs, const char *path) {
        const struct yaml_node *n = yaml_path(docs->items[0], path);

        return n && n->type == YAML_SEQ && n->n ? yaml_str(n->items[0]) : NULL;
}

START_TEST(adds_what_ipv6_needs) {
        struct talos_config_input in = demo_input(fresh_secrets(), 13, TALOS_CONTROL_PLANE);
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_assert(ip6_parse("2001:db8:1::1", &in.node_address));
        in.has_node_address = in.disable_discovery = in.cni_none = in.disable_proxy = in.external_cloud_provider = in.rotate_server_certificates = true;
        in.no_dns_forward = in.talos_api_access = in.forward_ipv6 = in.private_interface = true;
        strv_add(&in.nameservers, "2a00:1098:2c::1");
        strv_add(&in.ntp_servers, "ntp1.hetzner.de");
        strv_add(&in.pod_subnets, "fd40:10::/96");
        strv_add(&in.service_subnets, "fd40:10:100::/112");
        kvs_set(&in.controller_manager_extra_args, "controllers", "*,-node-ipam-controller");
        kvs_set(&in.node_labels, "zone", "nbg1");
        _cleanup_talos_config_ struct yaml_docs docs = generate(&in);

        ck_assert_str_eq(first(&docs, "machine.certSANs"), "2001:db8:1::1");
        ck_assert_str_eq(first(&docs, "cluster.apiServer.certSANs"), "2001:db8:1::1");
        ck_assert_str_eq(first(&docs, "machine.kubelet.nodeIP.validSubnets"), "2001:db8:1::1/128");
        ck_assert_str_eq(first(&docs, "cluster.etcd.advertisedSubnets"), "2001:db8:1::1/128");
        ck_assert_str_eq(first(&docs, "machine.network.nameservers"), "2a00:1098:2c::1");
        ck_assert_str_eq(at(&docs, "machine.network.disableSearchDomain"), "true");
        ck_assert_str_eq(first(&docs, "machine.time.servers"), "ntp1.hetzner.de");
        ck_assert_str_eq(first(&docs, "cluster.network.podSubnets"), "fd40:10::/96");
        ck_assert_uint_eq(yaml_path(docs.items[0], "cluster.network.podSubnets")->n, 1);
        ck_assert_str_eq(first(&docs, "cluster.network.serviceSubnets"), "fd40:10:100::/112");
        ck_assert_str_eq(at(&docs, "cluster.network.cni.name"), "none");
        ck_assert_str_eq(at(&docs, "cluster.proxy.disabled"), "true");
        ck_assert_str_eq(at(&docs, "cluster.discovery.enabled"), "false");
        ck_assert_str_eq(at(&docs, "cluster.externalCloudProvider.enabled"), "true");
        ck_assert_str_eq(at(&docs, "machine.kubelet.extraArgs.rotate-server-certificates"), "true");
        ck_assert_str_eq(at(&docs, "machine.features.hostDNS.forwardKubeDNSToHost"), "false");
        ck_assert_str_eq(first(&docs, "machine.features.kubernetesTalosAPIAccess.allowedRoles"), "os:reader");
        ck_assert_str_eq(at(&docs, "cluster.controllerManager.extraArgs.controllers"), "*,-node-ipam-controller");
        ck_assert_str_eq(at(&docs, "machine.nodeLabels.zone"), "nbg1");
        ck_ok(talos_config_validate(&docs, in.type, &err), err);

        in.type = TALOS_WORKER;
        _cleanup_talos_config_ struct yaml_docs worker = generate(&in);
        ck_assert_ptr_null(yaml_path(worker.items[0], "cluster.etcd"));
        ck_assert_ptr_null(yaml_path(worker.items[0], "machine.features.kubernetesTalosAPIAccess"));
        ck_assert_ptr_null(yaml_path(worker.items[0], "cluster.controllerManager"));
        ck_assert_str_eq(at(&worker, "machine.ca.key"), "");
        ck_ok(talos_config_validate(&worker, in.type, &err), err);
        strv_done(&in.nameservers);
        strv_done(&in.ntp_servers);
        strv_done(&in.pod_subnets);
        strv_done(&in.service_subnets);
        kvs_done(&in.controller_manager_extra_args);
        kvs_done(&in.node_labels);
}
END_TEST

START_TEST(keeps_dhcp_off_the_private_interface) {
        for (unsigned minor = 11; minor <= 13; minor++) {
                struct talos_config_input in = demo_input(fresh_secrets(), minor, TALOS_WORKER);
                in.private_interface = true;
                _cleanup_talos_config_ struct yaml_docs docs = generate(&in);
                const struct yaml_node *list = yaml_path(docs.items[0], "machine.network.interfaces");
                ck_assert_uint_eq(list->n, 1);
                ck_assert_str_eq(yaml_str(yaml_get(list->items[0], "interface")), "eth1");
                ck_assert_str_eq(yaml_str(yaml_get(list->items[0], "dhcp")), "false");
                ck_assert_ptr_null(yaml_get(list->items[0], "addresses"));

                in.private_address = "10.0.0.5";
                in.private_range = "10.0.0.0/16";
                in.private_gateway = "10.0.0.1";
                _cleanup_talos_config_ struct yaml_docs fixed = generate(&in);
                const struct yaml_node *one = yaml_path(fixed.items[0], "machine.network.interfaces")->items[0];
                ck_assert_str_eq(yaml_str(yaml_get(one, "addresses")->items[0]), "10.0.0.5/32");
                ck_assert_str_eq(yaml_str(yaml_get(yaml_get(one, "routes")->items[1], "gateway")), "10.0.0.1");
                _cleanup_error_ struct error err = ERROR_INIT;
                ck_ok(talos_config_validate(&fixed, in.type, &err), err);
        }
}
END_TEST

START_TEST(writes_registries) {
        struct talos_config_input in = demo_input(fresh_secrets(), 13, TALOS_WORKER);
        struct talos_mirror mirror = { .registry = (char *) "ghcr.io", .override_path = true };
        struct talos_registry_auth auth = { .registry = (char *) "ghcr.io", .username = (char *) "u", .password = (char *) "p" };

        strv_add(&mirror.endpoints, "https://proxy.example:5000/v2/ghcr.io");
        in.mirrors = &mirror;
        in.n_mirrors = 1;
        in.auths = &auth;
        in.n_auths = 1;
        _cleanup_talos_config_ struct yaml_docs docs = generate(&in);
        const struct yaml_node *registries = yaml_path(docs.items[0], "machine.registries");
        const struct yaml_node *have = yaml_get(yaml_get(registries, "mirrors"), "ghcr.io");
        ck_assert_str_eq(yaml_str(yaml_get(have, "endpoints")->items[0]), "https://proxy.example:5000/v2/ghcr.io");
        ck_assert_str_eq(yaml_str(yaml_get(have, "overridePath")), "true");
        ck_assert_str_eq(yaml_str(yaml_path(yaml_get(yaml_get(registries, "config"), "ghcr.io"), "auth.password")), "p");
        strv_done(&mirror.endpoints);
}
END_TEST

START_TEST(refuses_bad_input) {
        static const char *const endpoints[] = { "", "http://base:6443", "https://2001:db8::1:6443", "base:6443", "https://",
                                                 "https://[2001:db8::1:6443",
                                                 "https://base:6443x" };
        for (size_t i = 0; i < ARRAY_SIZE(endpoints); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct yaml_docs docs;
                struct talos_config_input in = demo_input(fresh_secrets(), 13, TALOS_WORKER);
                in.endpoint = endpoints[i];
                ck_fails(talos_config_generate(&in, &docs, &err), err, ERR_INVALID);
        }
        _cleanup_error_ struct error err = ERROR_INIT;
        struct yaml_docs docs;
        struct talos_config_input in = demo_input(fresh_secrets(), 13, TALOS_WORKER);
        in.kubernetes_version = "latest";
        ck_fails(talos_config_generate(&in, &docs, &err), err, ERR_INVALID);
        in = demo_input(fresh_secrets(), 13, TALOS_WORKER);
        in.contract.minor = 10;
        ck_fails(talos_config_generate(&in, &docs, &err), err, ERR_INVALID);
        in = demo_input(NULL, 13, TALOS_WORKER);
        ck_fails(talos_config_generate(&in, &docs, &err), err, ERR_INVALID);
        in = demo_input(fresh_secrets(), 13, TALOS_WORKER);
        in.private_interface = true;
        in.private_address = "10.0.0";
        ck_fails(talos_config_generate(&in, &docs, &err), err, ERR_INVALID);
}
END_TEST

/* Each patch breaks one rule that a node would only tell its console. */
START_TEST(validates_as_a_node_does) {
        static const struct { enum talos_machine_type type; const char *patch, *says; } cases[] = {
                { TALOS_CONTROL_PLANE, "machine: {type: worker}", "machine.type" },
                { TALOS_CONTROL_PLANE, "machine: {ca: {crt: eA==}}", "machine.ca.key" },
                { TALOS_WORKER, "machine: {ca: {key: eA==}}", "machine.ca.key" },
                { TALOS_WORKER, "cluster: {ca: {key: eA==}}", "cluster.ca.key" },
                { TALOS_WORKER, "cluster: {etcd: {subnet: '::/0'}}", "cluster.etcd" },
                { TALOS_WORKER, "machine: {features: {kubernetesTalosAPIAccess: {enabled: true}}}", "kubernetesTalosAPIAccess" },
                { TALOS_WORKER, "persist: false", "persist" },
                { TALOS_WORKER, "machine: {features: {hostDNS: {enabled: false}}}", "forwardKubeDNSToHost" },
                { TALOS_WORKER, "machine: {kubelet: {image: 'ghcr.io/siderolabs/kubelet:latest'}}", "machine.kubelet.image" },
                { TALOS_WORKER, "machine: {kubelet: {extraConfig: {port: 1}}}", "extraConfig" },
                { TALOS_WORKER, "machine: {nodeTaints: {a: 'b:NoScheduling'}}", "taint 'a'" },
                { TALOS_WORKER, "cluster: {controlPlane: {endpoint: 'http://x:6443'}}", "endpoint" },
                { TALOS_WORKER, "cluster: {network: {cni: {name: cilium}}}", "cni.name" },
                { TALOS_WORKER, "cluster: {network: {cni: {name: none, urls: [a]}}}", "cni.urls" },
                { TALOS_CONTROL_PLANE, "cluster: {inlineManifests: [{name: a, contents: x}, {name: a, contents: y}]}",
                  "two inline manifests" },
                { TALOS_CONTROL_PLANE, "cluster: {inlineManifests: [{contents: x}]}", "no name" },
                { TALOS_WORKER, "machine: {network: {hostname: a}}", "HostnameConfig" },
                { TALOS_WORKER, "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: a", "auto: off" },
                { TALOS_WORKER, "cluster: {id: {$patch: delete}}", "cluster.discovery" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct talos_config_input in = demo_input(fresh_secrets(), 13, cases[i].type);
                _cleanup_talos_config_ struct yaml_docs docs = generate(&in);
                ck_ok(talos_patch_apply(&docs, "p", cases[i].patch, strlen(cases[i].patch), &err), err);
                ck_assert_msg(talos_config_validate(&docs, cases[i].type, &err) < 0, "accepted: %s", cases[i].patch);
                ck_assert_int_eq(err.kind, ERR_PROFILE);
                ck_assert_msg(strstr(err.message, cases[i].says), "%s: %s", cases[i].patch, err.message);
        }
}
END_TEST

static struct yaml_docs generate_documents(enum talos_machine_type type) {
        struct talos_config_input in = demo_input(fresh_secrets(), 14, type);

        return generate(&in);
}

START_TEST(validates_documents_as_a_node_does) {
        static const struct { enum talos_machine_type type; const char *patch, *says; } cases[] = {
                { TALOS_WORKER, "kind: KubeClusterConfig\nendpoint: 'http://x:6443'", "https" },
                { TALOS_WORKER, "kind: KubeNetworkConfig\npodSubnets: ['fd40:10::/96']", "nodeCIDRMaskSize" },
                { TALOS_WORKER, "kind: KubeNetworkConfig\npodSubnets: [10.1.0.0/16, 'fd40::/56']", "as many of each" },
                { TALOS_WORKER, "kind: KubeNetworkConfig\nserviceSubnets: ['fd40:10::/96']", "too large" },
                { TALOS_WORKER, "kind: KubeletConfig\nimage: 'ghcr.io/siderolabs/kubelet:latest'", "v1.2.3" },
                { TALOS_WORKER, "kind: KubeletConfig\nconfig: {port: 1}", "may not set 'port'" },
                { TALOS_WORKER, "kind: KubeNodeConfig\ntaints: {a: 'b:NoScheduling'}", "taint 'a'" },
                { TALOS_WORKER, "kind: KubePrismConfig\nport: 70000", "65535" },
                { TALOS_WORKER, "kind: ResolverConfig\nhostDNS: {enabled: false}", "hostDNS.enabled" },
                { TALOS_WORKER, "kind: DiscoveryIdentityConfig\n$patch: delete", "DiscoveryIdentityConfig" },
                { TALOS_WORKER, "kind: KubeClusterConfig\n$patch: delete", "cluster.controlPlane.endpoint" },
                { TALOS_WORKER, "kind: KubeProxyConfig\nenabled: false", "only control planes" },
                { TALOS_WORKER, "kind: HostnameConfig\nhostname: a", "auto: off" },
                { TALOS_CONTROL_PLANE, "kind: KubeAPIServerConfig\nextraArgs: {oidc-issuer-url: x}", "KubeAuthenticationConfig" },
                { TALOS_CONTROL_PLANE, "kind: KubeEtcdEncryptionConfig\n$patch: delete", "KubeEtcdEncryptionConfig" },
                { TALOS_CONTROL_PLANE, "kind: KubeAuthorizerConfig\nname: x\ntype: Maybe", "Webhook" },
                { TALOS_CONTROL_PLANE, "kind: KubeProxyConfig\nmode: fast", "nftables" },
                { TALOS_CONTROL_PLANE, "kind: KubeServiceAccountConfig\nissuer: {$patch: delete}", "privateKey" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_str_ char *patch = xasprintf("apiVersion: v1alpha1\n%s\n", cases[i].patch);
                _cleanup_talos_config_ struct yaml_docs docs = generate_documents(cases[i].type);
                ck_ok(talos_config_validate(&docs, cases[i].type, &err), err);
                ck_ok(talos_patch_apply(&docs, "p", patch, strlen(patch), &err), err);
                ck_assert_msg(talos_config_validate(&docs, cases[i].type, &err) < 0, "accepted: %s", patch);
                ck_assert_int_eq(err.kind, ERR_PROFILE);
                ck_assert_msg(strstr(err.message, cases[i].says), "%s: %s", patch, err.message);
        }
}
END_TEST

/* Each names what it would set, where it stands in the patch, and where it belongs. */
START_TEST(refuses_what_moved) {
        static const struct { const char *patch, *says; } cases[] = {
                { "machine:\n  network:\n    nameservers: ['::1']\n", "p:3:5: machine.network.nameservers moved to the document ResolverConfig (nameservers[].address)" },
                { "cluster: {apiServer: {certSANs: [a]}}", "p:1:23: cluster.apiServer.certSANs moved to the document KubeAPIServerConfig (certExtraSANs)" },
                { "cluster: {proxy: {}}", "p:1:11: cluster.proxy moved to the document KubeProxyConfig" },
                { "machine: {kubelet: {nodeIP: {validSubnets: [a]}}}", "moved to the document KubeNodeConfig (nodeIP.validSubnets)" },
                { "machine: {kubelet: {extraMounts: [{source: a}]}}", "machine.kubelet.extraMounts has no place in contract 1.14" },
        };
        static const char *const fine[] = {
                "machine: {network: {nameservers: [], disableSearchDomain: false}, sysctls: {a: b}, registries: {mirrors: {x: {endpoints: [y]}}}, kubelet: null}",
                "cluster: {proxy: {disabled: true}}\n---\napiVersion: v1alpha1\nkind: KubeProxyConfig\n$patch: delete",
                "apiVersion: v1alpha1\nkind: KubeProxyConfig\nenabled: false",
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_talos_config_ struct yaml_docs docs = generate_documents(TALOS_CONTROL_PLANE);
                _cleanup_secret_ char *before = talos_config_write(&docs);
                ck_fails(talos_patch_apply(&docs, "p", cases[i].patch, strlen(cases[i].patch), &err), err, ERR_PROFILE);
                ck_assert_msg(strstr(err.message, cases[i].says), "%s: %s", cases[i].patch, err.message);
                _cleanup_secret_ char *after = talos_config_write(&docs);
                ck_assert_str_eq(before, after);
        }
        for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_talos_config_ struct yaml_docs docs = generate_documents(TALOS_CONTROL_PLANE);
                ck_ok(talos_patch_apply(&docs, "p", fine[i], strlen(fine[i]), &err), err);
                ck_ok(talos_config_validate(&docs, TALOS_CONTROL_PLANE, &err), err);
        }
        struct talos_config_input in = demo_input(fresh_secrets(), 13, TALOS_WORKER);
        _cleanup_talos_config_ struct yaml_docs docs = generate(&in);
        _cleanup_error_ struct error err = ERROR_INIT;
        const char *patch = "apiVersion: v1alpha1\nkind: KubeletConfig\nimage: x\n";
        ck_fails(talos_patch_apply(&docs, "p", patch, strlen(patch), &err), err, ERR_PROFILE);
        ck_assert_msg(strstr(err.message, "p:1:1: the document KubeletConfig cannot stand beside machine.kubelet"), "%s", err.message);
}
END_TEST

START_TEST(knows_which_release_has_a_document) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_talos_config_ struct yaml_docs docs = generate_documents(TALOS_WORKER);

        ck_ok(talos_config_check_release(&docs, &(struct talos_contract) { 1, 14 }, &err), err);
        ck_fails(talos_config_check_release(&docs, &(struct talos_contract) { 1, 13 }, &err), err, ERR_PROFILE);
        ck_assert_msg(strstr(err.message, "Talos 1.13 does not know the document DiscoveryServiceConfig, which came with 1.14"), "%s", err.message);
}
END_TEST

/* An AES-CBC secret of an imported bundle keeps its provider's name, or Kubernetes could not read what it wrote. */
START_TEST(keeps_the_kind_of_an_encryption_secret) {
        struct talos_secrets s = *fresh_secrets();
        struct talos_config_input in = demo_input(&s, 14, TALOS_CONTROL_PLANE);

        s.aescbc_secret = s.secretbox_secret;
        s.secretbox_secret = NULL;
        _cleanup_talos_config_ struct yaml_docs docs = generate(&in);
        _cleanup_secret_ char *text = talos_config_write(&docs);
        ck_assert_ptr_nonnull(strstr(text, "            - aescbc:\n                keys:\n                    - name: key1\n"));
        ck_assert_ptr_null(strstr(text, "secretbox"));
}
END_TEST

START_TEST(packs_user_data) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_config_input in = demo_input(fresh_secrets(), 13, TALOS_CONTROL_PLANE);
        _cleanup_talos_config_ struct yaml_docs docs = generate(&in);
        _cleanup_secret_ char *text = talos_config_write(&docs), *packed = NULL, *again = NULL;

        ck_ok(talos_user_data_encode("demo-1", text, &packed, &err), err);
        ck_assert_uint_lt(strlen(packed), strlen(text));
        ck_assert(str_starts(packed, "H4sI"));
        ck_ok(talos_user_data_decode(packed, &again, &err), err);
        ck_assert_str_eq(again, text);
        secret_free(TAKE(again));
        ck_ok(talos_user_data_decode("machine:\n  type: worker\n", &again, &err), err);
        ck_assert_str_eq(again, "machine:\n  type: worker\n");
        secret_free(TAKE(again));
        ck_ok(talos_user_data_decode("YTogYgo=", &again, &err), err);
        ck_assert_str_eq(again, "a: b\n");
}
END_TEST

START_TEST(refuses_user_data_over_the_limit) {
        _cleanup_error_ struct error err = ERROR_INIT;
        uint8_t noise[24577];
        char *packed = NULL;

        random_bytes(noise, sizeof noise);
        _cleanup_str_ char *text = hex_encode(noise, sizeof noise);
        ck_fails(talos_user_data_encode("demo-1", text, &packed, &err), err, ERR_PROFILE);
        ck_assert_ptr_nonnull(strstr(err.message, "demo-1"));
        ck_assert_ptr_nonnull(strstr(err.message, "49154 bytes"));
        ck_assert_ptr_nonnull(strstr(err.message, "32768"));
        ck_assert_ptr_null(packed);
}
END_TEST

START_TEST(refuses_damaged_user_data) {
        _cleanup_error_ struct error err = ERROR_INIT;
        char *text = NULL;

        ck_assert_int_lt(talos_user_data_decode("H4sIAAAAAAAA", &text, &err), 0);
        ck_assert_ptr_null(text);
}
END_TEST

static Suite *config_suite(void) {
        Suite *s = suite_create("talos/config");
        TCase *t = tcase_create("config");

        tcase_set_timeout(t, 60);
        fresh_secrets(); /* before the tests fork */
        tcase_add_test(t, reproduces_talos_fixtures);
        tcase_add_test(t, reproduces_golden_configs);
        tcase_add_test(t, reproduces_golden_documents);
        tcase_add_test(t, adds_what_ipv6_needs);
        tcase_add_test(t, keeps_dhcp_off_the_private_interface);
        tcase_add_test(t, writes_registries);
        tcase_add_test(t, refuses_bad_input);
        tcase_add_test(t, validates_as_a_node_does);
        tcase_add_test(t, validates_documents_as_a_node_does);
        tcase_add_test(t, refuses_what_moved);
        tcase_add_test(t, knows_which_release_has_a_document);
        tcase_add_test(t, keeps_the_kind_of_an_encryption_secret);
        tcase_add_test(t, packs_user_data);
        tcase_add_test(t, refuses_user_data_over_the_limit);
        tcase_add_test(t, refuses_damaged_user_data);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(config_suite())
