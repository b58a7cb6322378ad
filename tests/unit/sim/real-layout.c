/* What a real control plane is given: certificates field by field, arguments merged by Talos' rules, the bootstrap manifests. */
#include "../unit.h"

#include <openssl/x509v3.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "sim/real/plane.h"

#define SEED "v1.13-controlplane-seed"

/* Talos' own golden file, with some of its text replaced; NULL where the files are not there. */
static struct sim_config *config_with(const char *name, const char *version, const char *find, const char *replace) {
        _cleanup_str_ char *path = xasprintf("%s/talos/golden/%s.yaml", getenv("SHARED_DATA") ? getenv("SHARED_DATA") : "", name), *text = NULL;
        struct sim_config *c;
        struct error err = ERROR_INIT;
        size_t len;

        if (file_read(path, 1 << 20, &text, &len, NULL) < 0) {
                printf("skipped: %s is not there\n", path);
                return NULL;
        }
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        char *at = find ? strstr(text, find) : NULL;
        ck_assert(!find || at);
        if (at)
                strbuf_addf(&b, "%.*s%s%s", (int) (at - text), text, replace, at + strlen(find));
        else
                strbuf_adds(&b, text);
        ck_ok(sim_config_load(b.data, b.len, version, &c, &err), err);
        return c;
}

static struct real_place place_in(const char *folder) {
        struct real_place p = { .folder = folder, .hostname = "cp-1", .loopback = { 127, 1, 0, 7 }, .now_ms = 1780000000000 };
        ck_assert(ip6_parse("2001:db8:1::1", &p.addr));
        return p;
}

static const char *argument(const struct strv *v, const char *name) {
        _cleanup_str_ char *prefix = xasprintf("--%s=", name);
        for (size_t i = 0; i < v->n; i++)
                if (str_starts(v->items[i], prefix))
                        return v->items[i] + strlen(prefix);
        return NULL;
}

static void arguments_of(enum real_program which, const struct sim_config *c, const struct real_etcd_start *etcd, struct strv *ret) {
        struct real_place p = place_in("/f");
        struct error err = ERROR_INIT;
        ck_ok(real_layout_arguments(which, c, &p, etcd, ret, &err), err);
}

START_TEST(api_server_listens_where_its_machine_is) {
        _cleanup_sim_config_ struct sim_config *c = config_with(SEED, "v1.13.9", NULL, NULL);
        _cleanup_strv_ struct strv v = { 0 };
        if (!c)
                return;
        arguments_of(REAL_API_SERVER, c, NULL, &v);
        ck_assert_str_eq(argument(&v, "bind-address"), "2001:db8:1::1");
        ck_assert_str_eq(argument(&v, "advertise-address"), "2001:db8:1::1");
        ck_assert_str_eq(argument(&v, "secure-port"), "6443");
        ck_assert_str_eq(argument(&v, "etcd-servers"), "https://127.1.0.7:2379");
        ck_assert_str_eq(argument(&v, "service-cluster-ip-range"), "fd40:10:100::/112");
        ck_assert_str_eq(argument(&v, "anonymous-auth"), "false");
        ck_assert_str_eq(argument(&v, "enable-admission-plugins"), "NodeRestriction");
        ck_assert_str_eq(argument(&v, "authorization-config"), "/f/apiserver/authorization-config.yaml");
        ck_assert_ptr_null(argument(&v, "authorization-mode"));
        ck_assert_str_eq(argument(&v, "service-account-issuer"), c->endpoint);
}
END_TEST

START_TEST(controller_manager_takes_the_seeds_arguments) {
        _cleanup_sim_config_ struct sim_config *c = config_with(SEED, "v1.13.9", NULL, NULL);
        _cleanup_strv_ struct strv manager = { 0 }, scheduler = { 0 };
        if (!c)
                return;
        arguments_of(REAL_CONTROLLER_MANAGER, c, NULL, &manager);
        arguments_of(REAL_SCHEDULER, c, NULL, &scheduler);
        ck_assert_str_eq(argument(&manager, "node-cidr-mask-size-ipv6"), "112");
        ck_assert_str_eq(argument(&manager, "cluster-cidr"), "fd40:10::/96");
        ck_assert(str_starts(argument(&manager, "controllers"), "*,tokencleaner"));
        /* The seed says "::": the machine's own address, not everybody's. */
        ck_assert_str_eq(argument(&manager, "bind-address"), "2001:db8:1::1");
        ck_assert_str_eq(argument(&scheduler, "bind-address"), "2001:db8:1::1");
}
END_TEST

START_TEST(without_arguments_talos_own_hold) {
        _cleanup_sim_config_ struct sim_config *c = config_with("v1.13-controlplane", "v1.13.9", NULL, NULL);
        _cleanup_strv_ struct strv manager = { 0 };
        if (!c)
                return;
        arguments_of(REAL_CONTROLLER_MANAGER, c, NULL, &manager);
        ck_assert_str_eq(argument(&manager, "bind-address"), "127.1.0.7");
        ck_assert_str_eq(argument(&manager, "controllers"), "*,tokencleaner");
        ck_assert_str_eq(argument(&manager, "allocate-node-cidrs"), "true");
        ck_assert_str_eq(argument(&manager, "leader-elect"), "true");
}
END_TEST

static const struct { const char *extra; bool good; const char *name, *value; } merges[] = {
        { "enable-admission-plugins: AlwaysPullImages", true, "enable-admission-plugins", "NodeRestriction,AlwaysPullImages" },
        { "authorization-mode: Webhook", true, "authorization-mode", "Node,RBAC,Webhook" },
        { "profiling: \"true\"", true, "profiling", "true" },
        { "audit-log-maxage: \"7\"", true, "audit-log-maxage", "7" },
        { "bind-address: \"::\"", true, "bind-address", "2001:db8:1::1" },
        { "etcd-servers: https://[2001:db8::9]:2379", false, NULL, NULL },
        { "tls-cert-file: /x", false, NULL, NULL },
        { "client-ca-file: /x", false, NULL, NULL },
};

START_TEST(extra_arguments_merge_as_talos_merges_them) {
        _cleanup_str_ char *with = xasprintf("apiServer:\n        extraArgs:\n            %s", merges[_i].extra);
        _cleanup_sim_config_ struct sim_config *c = config_with("v1.13-controlplane", "v1.13.9", "apiServer:", with);
        _cleanup_strv_ struct strv v = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;
        struct real_place p = place_in("/f");
        if (!c)
                return;
        int r = real_layout_arguments(REAL_API_SERVER, c, &p, NULL, &v, &err);
        ck_assert_int_eq(r == 0, merges[_i].good);
        if (merges[_i].good)
                ck_assert_str_eq(argument(&v, merges[_i].name), merges[_i].value);
        else
                ck_assert_ptr_nonnull(strstr(error_text(&err), "is not allowed to be overridden"));
}
END_TEST

START_TEST(an_issuer_is_added_as_a_further_one) {
        _cleanup_sim_config_ struct sim_config *c = config_with("v1.13-controlplane", "v1.13.9", "apiServer:",
                                                               "apiServer:\n        extraArgs:\n            service-account-issuer: https://issuer");
        _cleanup_strv_ struct strv v = { 0 };
        unsigned n = 0;
        if (!c)
                return;
        arguments_of(REAL_API_SERVER, c, NULL, &v);
        for (size_t i = 0; i < v.n; i++)
                n += str_starts(v.items[i], "--service-account-issuer=");
        ck_assert_uint_eq(n, 2);
        ck_assert_str_eq(argument(&v, "service-account-issuer"), c->endpoint);   /* the one that signs comes first */
}
END_TEST

START_TEST(etcd_begins_joins_and_goes_on) {
        _cleanup_sim_config_ struct sim_config *c = config_with(SEED, "v1.13.9", NULL, NULL);
        _cleanup_strv_ struct strv alone = { 0 }, joins = { 0 }, on = { 0 };
        if (!c)
                return;
        arguments_of(REAL_ETCD, c, &(struct real_etcd_start) { .initial_cluster = "cp-1=https://[2001:db8:1::1]:2380" }, &alone);
        ck_assert_str_eq(argument(&alone, "initial-cluster-state"), "new");
        ck_assert_str_eq(argument(&alone, "initial-cluster"), "cp-1=https://[2001:db8:1::1]:2380");
        ck_assert_str_eq(argument(&alone, "listen-client-urls"), "https://[2001:db8:1::1]:2379,https://127.1.0.7:2379");
        ck_assert_str_eq(argument(&alone, "listen-peer-urls"), "https://[2001:db8:1::1]:2380");
        ck_assert_str_eq(argument(&alone, "peer-client-cert-auth"), "true");
        ck_assert_str_eq(argument(&alone, "client-cert-auth"), "true");
        arguments_of(REAL_ETCD, c, &(struct real_etcd_start) { .initial_cluster = "a=b", .existing = true }, &joins);
        ck_assert_str_eq(argument(&joins, "initial-cluster-state"), "existing");
        arguments_of(REAL_ETCD, c, &(struct real_etcd_start) { .existing = true }, &on);
        ck_assert_ptr_null(argument(&on, "initial-cluster"));
}
END_TEST

/* --- files --- */

static char *read_below(const char *folder, const char *name) {
        _cleanup_str_ char *path = path_join(folder, name);
        struct error err = ERROR_INIT;
        char *text;
        size_t n;
        ck_ok(file_read(path, 1 << 20, &text, &n, &err), err);
        return text;
}

static X509 *certificate(const char *folder, const char *name) {
        _cleanup_str_ char *text = read_below(folder, name);
        struct error err = ERROR_INIT;
        X509 *x;
        ck_ok(cert_read(text, &x, &err), err);
        return x;
}

static bool signed_by(X509 *leaf, const struct cert_pair *ca) {
        _cleanup_(X509_freep) X509 *issuer = NULL;
        ck_assert_int_eq(cert_read(ca->cert_pem, &issuer, NULL), 0);
        return X509_verify(leaf, X509_get0_pubkey(issuer)) == 1;
}

static void check_subject(X509 *x, const char *expected) {
        char text[256];
        X509_NAME_oneline(X509_get_subject_name(x), text, sizeof(text));
        ck_assert_str_eq(text, expected);
}

static void check_certificates(const struct sim_config *c, const char *folder) {
        static const struct { const char *file, *subject; char ca; bool server, client; } leaves[] = {
                { "etcd/peer.crt", "/CN=cp-1", 'e', true, true },
                { "etcd/server.crt", "/CN=cp-1", 'e', true, true },
                { "apiserver/etcd-client.crt", "/CN=kube-apiserver", 'e', false, true },
                { "apiserver/apiserver.crt", "/O=kube-master/CN=kube-apiserver", 'k', true, false },
                { "apiserver/kubelet-client.crt", "/O=system:masters/CN=apiserver-kubelet-client", 'k', false, true },
                { "apiserver/front-proxy-client.crt", "/CN=front-proxy-client", 'a', false, true },
        };
        for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
                _cleanup_(X509_freep) X509 *x = certificate(folder, leaves[i].file);
                const struct cert_pair *ca = leaves[i].ca == 'e' ? &c->etcd_ca : leaves[i].ca == 'k' ? &c->k8s_ca : &c->aggregator_ca;
                check_subject(x, leaves[i].subject);
                ck_assert_msg(signed_by(x, ca), "%s", leaves[i].file);
                uint32_t usage = X509_get_extended_key_usage(x);
                ck_assert_msg(((usage & XKU_SSL_SERVER) != 0) == leaves[i].server, "%s", leaves[i].file);
                ck_assert_msg(((usage & XKU_SSL_CLIENT) != 0) == leaves[i].client, "%s", leaves[i].file);
        }
        _cleanup_(X509_freep) X509 *api = certificate(folder, "apiserver/apiserver.crt"), *peer = certificate(folder, "etcd/peer.crt");
        static const char *const addresses[] = { "2001:db8:1::1", "127.0.0.1", "127.1.0.7" };
        static const char *const names[] = { "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost",
                                             "cp-1" };
        for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
                ck_assert_msg(X509_check_ip_asc(api, addresses[i], 0) == 1, "%s", addresses[i]);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                ck_assert_msg(X509_check_host(api, names[i], 0, 0, NULL) == 1, "%s", names[i]);
        if (str_eq(c->service_subnets.items[0], "fd40:10:100::/112"))
                ck_assert_int_eq(X509_check_ip_asc(api, "fd40:10:100::1", 0), 1);
        ck_assert_int_ne(X509_check_ip_asc(api, "::1", 0), 1);           /* Talos has no ::1 there */
        ck_assert_int_eq(X509_check_ip_asc(peer, "2001:db8:1::1", 0), 1);
        ck_assert_int_ne(X509_check_ip_asc(peer, "127.0.0.1", 0), 1);
}

static void check_configurations(const struct sim_config *c, const char *folder) {
        _cleanup_str_ char *admission_text = read_below(folder, "apiserver/admission-control-config.yaml");
        _cleanup_str_ char *encryption_text = read_below(folder, "apiserver/encryptionconfig.yaml"), *audit_text = read_below(folder, "apiserver/auditpolicy.yaml");
        _cleanup_json_ json_t *admission = json_loads(admission_text, 0, NULL), *encryption = json_loads(encryption_text, 0, NULL);
        _cleanup_json_ json_t *audit = json_loads(audit_text, 0, NULL);
        ck_assert_str_eq(jget_text(admission, "plugins.0.name"), "PodSecurity");
        ck_assert_str_eq(jget_text(admission, "plugins.0.configuration.defaults.enforce"), "baseline");
        ck_assert_str_eq(jget_text(admission, "plugins.0.configuration.exemptions.namespaces.0"), "kube-system");
        ck_assert_str_eq(jget_text(encryption, "resources.0.resources.0"), "secrets");
        ck_assert_str_eq(jget_text(encryption, "resources.0.providers.0.secretbox.keys.0.secret"), c->secretbox_secret);
        ck_assert_ptr_nonnull(jget(encryption, "resources.0.providers.1.identity"));
        ck_assert_str_eq(jget_text(audit, "rules.0.level"), "Metadata");
}

START_TEST(files_are_talos_own) {
        static const char *const which[][2] = { { SEED, "v1.13.9" }, { "v1.14-controlplane", "v1.14.1" } };
        _cleanup_sim_config_ struct sim_config *c = config_with(which[_i][0], which[_i][1], NULL, NULL);
        char folder[] = "/tmp/real-layout.XXXXXX";
        struct error err = ERROR_INIT;
        if (!c)
                return;
        ck_assert_ptr_nonnull(mkdtemp(folder));
        struct real_place p = place_in(folder);
        ck_ok(real_layout_write(c, &p, &err), err);
        check_certificates(c, folder);
        check_configurations(c, folder);
        _cleanup_str_ char *kubeconfig = read_below(folder, "controller-manager/kubeconfig");
        _cleanup_json_ json_t *j = json_loads(kubeconfig, 0, NULL);
        ck_assert_str_eq(jget_text(j, "clusters.0.cluster.server"), "https://[2001:db8:1::1]:6443");
        real_remove_folder(folder);
        ck_assert(!file_exists(folder));
}
END_TEST

START_TEST(manifests_are_talos_own) {
        _cleanup_sim_config_ struct sim_config *c = config_with("v1.13-controlplane-seed-ghcr", "v1.13.9", NULL, NULL);
        static const char *const expected[] = {
                "Secret bootstrap-token-", "ClusterRoleBinding system-bootstrap-approve-node-client-csr", "ClusterRoleBinding system-bootstrap-node-bootstrapper",
                "ClusterRoleBinding system-bootstrap-node-renewal", "ClusterRole system:talos-nodes", "ConfigMap kubeconfig-in-cluster", "Deployment coredns",
                "Service kube-dns", "CustomResourceDefinition serviceaccounts.talos.dev", "Secret hcloud",
        };
        _cleanup_strbuf_ struct strbuf seen = STRBUF_INIT;
        struct error err = ERROR_INIT;
        size_t i;
        json_t *each;
        if (!c)
                return;
        _cleanup_json_ json_t *list = real_manifests_of(c, &err);
        ck_assert_msg(list != NULL, "%s", error_text(&err));
        json_array_foreach(list, i, each)
                strbuf_addf(&seen, "%s %s\n", jget_text(each, "kind"), jget_text(each, "metadata.name"));
        for (i = 0; i < ARRAY_SIZE(expected); i++)
                ck_assert_msg(strstr(strbuf_str(&seen), expected[i]) != NULL, "%s is not among\n%s", expected[i], strbuf_str(&seen));
        ck_assert_ptr_null(strstr(strbuf_str(&seen), "kube-proxy"));     /* the seed switches it off */
}
END_TEST

START_TEST(missing_programs_are_named_with_the_way_to_get_them) {
        _cleanup_error_ struct error err = ERROR_INIT;
        char folder[] = "/tmp/real-programs.XXXXXX";
        ck_assert_ptr_nonnull(mkdtemp(folder));
        _cleanup_str_ char *etcd = path_join(folder, "etcd");
        ck_assert_int_eq(symlink("/bin/true", etcd), 0);
        ck_assert_int_lt(sim_real_check(folder, &err), 0);
        ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
        ck_assert_ptr_nonnull(strstr(error_text(&err), "kube-apiserver, kube-controller-manager, kube-scheduler"));
        ck_assert_ptr_null(strstr(error_text(&err), "etcd"));
        ck_assert_ptr_nonnull(strstr(err.hint, "tests/interop/witness kubernetes"));
        ck_assert_ptr_null(strstr(err.hint, "witness etcd"));
        real_remove_folder(folder);
}
END_TEST

static Suite *layout_suite(void) {
        Suite *s = suite_create("sim-real-layout");
        TCase *t = tcase_create("layout");
        tcase_add_test(t, api_server_listens_where_its_machine_is);
        tcase_add_test(t, controller_manager_takes_the_seeds_arguments);
        tcase_add_test(t, without_arguments_talos_own_hold);
        tcase_add_loop_test(t, extra_arguments_merge_as_talos_merges_them, 0, (int) ARRAY_SIZE(merges));
        tcase_add_test(t, an_issuer_is_added_as_a_further_one);
        tcase_add_test(t, etcd_begins_joins_and_goes_on);
        tcase_add_loop_test(t, files_are_talos_own, 0, 2);
        tcase_add_test(t, manifests_are_talos_own);
        tcase_add_test(t, missing_programs_are_named_with_the_way_to_get_them);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(layout_suite())
