/* Machine configs of whole profiles, and Cilium's values. */
#include "unit.h"

#include "base/codec.h"
#include "base/secret.h"
#include "cluster/model.h"
#include "talos/config.h"

static struct error err;
static struct talos_secrets *bundle;

/* A cluster as far as rendering looks at it, with one control plane and one worker. */
struct world { struct cluster c; struct vault vault; struct node nodes[2]; struct cluster_spec *spec; };

static void open_world(struct world *w, const char *profile, const struct cluster_overrides *o) {
        memset(w, 0, sizeof(*w));
        err = ERROR_INIT;
        if (!bundle) {
                struct talos_contract contract = { 1, 13 };
                ck_ok(talos_secrets_generate(&contract, NULL, &bundle, &err), err);
        }
        ck_ok(profile[0] == '!' ? cluster_spec_parse("p.yaml", profile + 1, strlen(profile + 1), NULL, o, &w->spec, &err)
                                : cluster_spec_load(profile, o, &w->spec, &err), err);
        w->vault.secrets = bundle;
        w->c = (struct cluster) { .spec = w->spec, .name = w->spec->name, .vault = &w->vault, .nodes = w->nodes, .n_nodes = 2, .use_network = true };
        ARRAY_APPEND(w->c.pools, w->c.n_pools, ((struct pool_state) { .spec = &w->spec->control_planes, .control_plane = true }));
        ARRAY_APPEND(w->c.pools, w->c.n_pools, ((struct pool_state) { .spec = &w->spec->pools[0] }));
        for (int i = 0; i < 2; i++) {
                char text[64];
                snprintf(text, sizeof(text), "2001:db8:0:%d::/64", i + 1);
                w->nodes[i] = (struct node) { .c = &w->c, .pool = &w->c.pools[i], .control_plane = i == 0, .index = 1, .name = i ? (char *) "d-worker-1" : (char *) "d-control-plane-1",
                                              .private_ip = i ? (char *) "10.0.0.3" : (char *) "10.0.0.2" };
                ip6_prefix_parse(text, &w->nodes[i].prefix, NULL);
                w->nodes[i].addr = ip6_host(&w->nodes[i].prefix, 1);
        }
}

static void close_world(struct world *w) {
        free(w->c.pools);
        cluster_spec_free(w->spec);
        error_done(&err);
}

static struct yaml_docs config(struct world *w, int node) {
        char *text = NULL;
        ck_ok(render_config(&w->c, &w->nodes[node], &text, &err), err);
        struct yaml_docs d = { 0 };
        ck_ok(yaml_parse("config", text, strlen(text), &d, &err), err);
        secret_free(text);
        return d;
}

static void holds(const struct yaml_docs *d, const char *path, const char *want) {
        const struct yaml_node *n = yaml_path(d->items[0], path);
        ck_assert_msg(n != NULL, "no %s", path);
        _cleanup_str_ char *text = n->type == YAML_SEQ || n->type == YAML_MAP ? yaml_write(n, 2) : xstrdup(yaml_str(n));
        ck_assert_msg(strstr(text, want) != NULL, "%s is '%s', without '%s'", path, text, want);
}

START_TEST(default_profile) {
        struct world w;
        open_world(&w, "default", NULL);
        ck_ok(render_check(&w.c, &err), err);
        struct yaml_docs cp = config(&w, 0), worker = config(&w, 1);
        for (int i = 0; i < 2; i++) {
                struct yaml_docs *d = i ? &worker : &cp;
                holds(d, "cluster.controlPlane.endpoint", "https://[2001:db8:0:1::1]:6443");
                holds(d, "machine.network.nameservers", "2a00:1098:2c::1");
                holds(d, "machine.time.servers", "ntp1.hetzner.de");
                holds(d, "machine.kubelet.nodeIP.validSubnets", i ? "2001:db8:0:2::1/128" : "2001:db8:0:1::1/128");
                holds(d, "machine.features.hostDNS.forwardKubeDNSToHost", "false");
                holds(d, "cluster.externalCloudProvider.enabled", "true");
        }
        holds(&cp, "cluster.network.podSubnets", "fd40:10::/96");
        holds(&cp, "cluster.network.cni.name", "none");
        holds(&cp, "cluster.etcd.advertisedSubnets", "2001:db8:0:1::1/128");
        holds(&cp, "cluster.controllerManager.extraArgs.controllers", "*,-node-ipam-controller");
        ck_assert_ptr_null(yaml_path(worker.items[0], "cluster.etcd"));
        ck_assert(node_gets_push(&w.c, &w.nodes[0]));
        ck_assert(!node_gets_push(&w.c, &w.nodes[1]));
        yaml_docs_done(&cp);
        yaml_docs_done(&worker);
        close_world(&w);
}
END_TEST

START_TEST(blog_profile) {
        struct world w;
        open_world(&w, "blog", NULL);
        ck_ok(render_check(&w.c, &err), err);
        struct yaml_docs cp = config(&w, 0);
        holds(&cp, "machine.sysctls", "vm.swappiness");
        holds(&cp, "machine.kubelet.extraArgs", "kube-reserved");
        holds(&cp, "cluster.etcd.extraArgs", "http://[::]:2381");
        holds(&cp, "cluster.apiServer.image", "v1.34.2");
        yaml_docs_done(&cp);
        _cleanup_str_ char *values = cilium_values(&w.c);
        ck_assert_ptr_nonnull(strstr(values, "routingMode: native"));
        ck_assert_ptr_nonnull(strstr(values, "traceparent"));
        close_world(&w);
}
END_TEST

/* Each of the four ways around registries without IPv6 reaches the config. */
START_TEST(ways_to_registries) {
        struct world w;
        open_world(&w, "!dns64: [\"2001:db8:64::1\"]\nregistries:\n  mirrors: {ghcr.io: [\"https://mirror.example\"]}\n  auth: {mirror.example: {username: u, password: p}}\n",
                   NULL);
        struct yaml_docs d = config(&w, 1);
        _cleanup_str_ char *text = yaml_write_docs(&d, 2);
        ck_assert_ptr_nonnull(strstr(text, "2001:db8:64::1"));
        ck_assert_ptr_nonnull(strstr(text, "https://mirror.example"));
        ck_assert_ptr_nonnull(strstr(text, "password: p"));
        ck_assert_ptr_null(strstr(text, "2a00:1098:2c::1"));
        yaml_docs_done(&d);
        close_world(&w);
        open_world(&w, "!dns64: none\nregistries: {proxy: \"https://harbor.example\"}\n", NULL);
        d = config(&w, 1);
        _cleanup_str_ char *proxied = yaml_write_docs(&d, 2);
        ck_assert_ptr_nonnull(strstr(proxied, "https://harbor.example/v2/ghcr.io"));
        ck_assert_ptr_nonnull(strstr(proxied, "2a01:4ff:ff00::add:1"));
        yaml_docs_done(&d);
        close_world(&w);
}
END_TEST

START_TEST(too_large_for_user_data) {
        char *big = malloc(200000), *p = big + sprintf(big, "!delivery: user-data\npatches:\n  worker:\n    - machine:\n        sysctls:\n");
        for (int i = 0; i < 2000; i++) {       /* random enough that gzip cannot help */
                uint8_t noise[24];
                random_bytes(noise, sizeof(noise));
                char *hex = hex_encode(noise, sizeof(noise));
                p += sprintf(p, "          k%d: \"%s\"\n", i, hex);
                free(hex);
        }
        struct world w;
        open_world(&w, big, NULL);
        ck_fails(render_check(&w.c, &err), err, ERR_PROFILE);
        ck_assert_ptr_nonnull(strstr(err.message, "32768"));
        close_world(&w);
        free(big);
}
END_TEST

START_TEST(scalar_overlay_of_values) {
        struct world w;
        open_world(&w, "!addons:\n  - name: cilium\n    values: {ipam: {mode: multi-pool}, extra: {a: 1}}\n", NULL);
        _cleanup_str_ char *text = cilium_values(&w.c);
        struct yaml_node *v = NULL;
        ck_ok(yaml_parse_one("values", text, strlen(text), &v, &err), err);
        ck_assert_str_eq(yaml_str(yaml_path(v, "ipam.mode")), "multi-pool");
        ck_assert_str_eq(yaml_str(yaml_path(v, "extra.a")), "1");
        ck_assert_str_eq(yaml_str(yaml_path(v, "k8sServiceHost")), "127.0.0.1");
        ck_assert_str_eq(yaml_str(yaml_path(v, "cluster.name")), "default");
        yaml_free(v);
        close_world(&w);
}
END_TEST

static void forget_bundle(void) { talos_secrets_free(bundle); bundle = NULL; }

static Suite *suite_render(void) {
        Suite *s = suite_create("render");
        TCase *t = tcase_create("render");
        tcase_set_timeout(t, 60);
        tcase_add_checked_fixture(t, NULL, forget_bundle);
        tcase_add_test(t, default_profile);
        tcase_add_test(t, blog_profile);
        tcase_add_test(t, ways_to_registries);
        tcase_add_test(t, too_large_for_user_data);
        tcase_add_test(t, scalar_overlay_of_values);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_render())
