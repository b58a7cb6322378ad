/* The double of Helm: archives, templates, releases; and certificate requests. */
#include "sim/kube/csr.h"
#include "sim/kube/helm.h"
#include "tests/unit/sim/kube-world.h"

/* A ustar archive of one directory; enough for charts. */
static void tar_add(struct strbuf *tar, const char *path, const char *text) {
        char h[512] = { 0 };
        size_t n = strlen(text);
        unsigned sum = 0;
        snprintf(h, 100, "%s", path);
        snprintf(h + 100, 8, "0000644");
        snprintf(h + 124, 12, "%011o", (unsigned) n);
        memset(h + 148, ' ', 8);
        h[156] = '0';
        memcpy(h + 257, "ustar\00000", 8);
        for (size_t i = 0; i < sizeof(h); i++)
                sum += (unsigned char) h[i];
        snprintf(h + 148, 8, "%06o", sum);
        strbuf_add(tar, h, sizeof(h));
        strbuf_add(tar, text, n);
        static const char zeros[512];
        strbuf_add(tar, zeros, (512 - n % 512) % 512);
}

static char *chart_archive(const char *template, size_t *ret_n) {
        _cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
        struct error err = ERROR_INIT;
        uint8_t *packed;
        static const char end[1024];
        tar_add(&tar, "web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\nappVersion: \"9\"\n");
        tar_add(&tar, "web/values.yaml", "image: a:1\nport: 0\nextra: {on: false}\n");
        tar_add(&tar, "web/templates/web.yaml", template);
        strbuf_add(&tar, end, sizeof(end));
        ck_ok(gzip_compress(tar.data, tar.len, &packed, ret_n, &err), err);
        return (char *) packed;
}

START_TEST(archives_are_read) {
        size_t n;
        _cleanup_str_ char *gz = chart_archive("a: b\n", &n);
        _cleanup_tar_files_ struct tar_files t = { 0 };
        struct error err = ERROR_INIT;
        ck_ok(tar_read_gz(gz, n, &t, &err), err);
        ck_assert_uint_eq(t.n, 3);
        ck_assert_str_eq(t.items[2].path, "web/templates/web.yaml");
        ck_assert_str_eq(t.items[2].data, "a: b\n");
        struct tar_files none = { 0 };
        ck_fails(tar_read_gz("nonsense", 8, &none, &err), err, ERR_INVALID);
        error_done(&err);
}
END_TEST

START_TEST(damaged_archives_are_refused) {
        _cleanup_strbuf_ struct strbuf tar = STRBUF_INIT;
        struct error err = ERROR_INIT;
        struct tar_files t = { 0 };
        _cleanup_free_ uint8_t *packed = NULL;
        size_t n;
        tar_add(&tar, "web/a", "text");
        tar.data[130] = '7';             /* the size no longer fits the checksum */
        ck_ok(gzip_compress(tar.data, tar.len, &packed, &n, &err), err);
        ck_fails(tar_read_gz(packed, n, &t, &err), err, ERR_INVALID);
        error_done(&err);
}
END_TEST

START_TEST(templates_of_the_subset) {
        static const struct { const char *text, *want; } cases[] = {
                { "a: {{ .Values.x.y }}", "a: 1" }, { "{{.Release.Name}}/{{ .Release.Namespace }}",
                                                      "rel/ns" }, { "v{{ .Chart.Version | quote }}", "v\"1.0\"" },
                { "a\n{{- if .Values.off }}\nb\n{{- end }}\nc", "a\nc" }, { "a\n{{- if .Values.x }}\nb\n{{- end }}\nc",
                                                                            "a\nb\nc" },
                { "{{ .Values.none.there }}.", "." }, { "{{ .Values.l }}", "[1,2]" }, { "a{{/* note */}}b", "ab" },
        };
        _cleanup_json_ json_t *values = json_loads("{\"x\":{\"y\":1},\"off\":false,\"l\":[1,2]}", 0, NULL);
        struct helm_scope scope = { .values = values, .release = "rel", .name_space = "ns", .chart = "c", .version = "1.0",
                                    .app_version = "2" };
        struct error err = ERROR_INIT;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_str_ char *out = NULL;
                ck_ok(helm_render("f", cases[i].text, &scope, &out, &err), err);
                ck_assert_str_eq(out, cases[i].want);
        }
        static const char *const bad[] = { "{{ include \"x\" . }}", "{{ if .Values.x }}", "{{ end }}",
                                           "{{ .Values.x | toYaml }}", "{{" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                char *out = NULL;
                ck_fails(helm_render("f", bad[i], &scope, &out, &err), err, ERR_INVALID);
                error_done(&err);
        }
}
END_TEST

#define SYSTEM "/api/v1/namespaces/kube-system"

static void run_job(struct kube_bench *b, const char *name, const char *template) {
        size_t n;
        _cleanup_str_ char *gz = chart_archive(template, &n), *chart = base64_encode(gz, n);
        _cleanup_str_ char *map = xasprintf("{\"metadata\":{\"name\":\"%s\"},\"binaryData\":{\"chart.tgz\":\"%s\"}}", name,
                                            chart);
        json_decref(ck_call(b, 201, "POST", SYSTEM "/configmaps", NULL, JSON, map));
        _cleanup_str_ char *values = xasprintf("{\"metadata\":{\"name\":\"%s\"},\"stringData\":{\"values.yaml\":\"image: b:2\\n\"}}", name);
        json_decref(ck_call(b, 201, "POST", SYSTEM "/secrets", NULL, JSON, values));
        _cleanup_str_ char *job = xasprintf(
                "{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"backoffLimit\":0,\"template\":{\"spec\":{\"restartPolicy\":\"Never\",\"hostNetwork\":true,\"tolerations\":[{\"operator\":"
                "\"Exists\"}],\"containers\":[{\"name\":\"helm\",\"image\":\"docker.io/alpine/helm:3.22.0\",\"command\":[\"helm\"],\"args\":[\"upgrade\",\"--install\",\"rel\","
                "\"/chart/chart.tgz\",\"--namespace\",\"kube-system\",\"--values\",\"/values/values.yaml\"],\"volumeMounts\":[{\"name\":\"c\",\"mountPath\":\"/chart\"},{\"name\":\"v\","
                "\"mountPath\":\"/values\"}]}],\"volumes\":[{\"name\":\"c\",\"configMap\":{\"name\":\"%s\"}},{\"name\":\"v\",\"secret\":{\"secretName\":\"%s\"}}]}}}}", name, name, name);
        json_decref(ck_call(b, 201, "POST", "/apis/batch/v1/namespaces/kube-system/jobs", NULL, JSON, job));
        bench_run(b, 20000);
}

static const char good[] = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {image: \"{{ .Values.image }}\", release: {{ .Release.Name }}}\n";

/* Message of the only container of the Job's pod. */
static const char *ended_with(struct kube_bench *b, const char *job) {
        const struct kube_type *pods = kube_type(b->c, "", "pods");
        for (size_t i = 0; i < pods->n; i++)
                if (str_eq(meta_label(pods->items[i].value, "job-name"), job))
                        return jget_text(json_array_get(jget(pods->items[i].value, "status.containerStatuses"), 0),
                                         "state.terminated.message");
        return NULL;
}

START_TEST(a_job_installs_a_chart) {
        struct kube_bench b;
        bench_start(&b, false);
        bench_machine(&b, "cp-1", "2001:db8:1::/64", true);
        bench_run(&b, 10000);
        run_job(&b, "one", good);
        ck_assert(meta_condition_is(kube_find(b.c, "batch", "jobs", "kube-system", "one"), "Complete", "True"));
        const json_t *made = kube_find(b.c, "", "configmaps", "kube-system", "web");
        ck_text(made, "data.image", "b:2");
        ck_assert_str_eq(meta_label(made, "app.kubernetes.io/managed-by"), "Helm");
        const json_t *release = kube_find(b.c, "", "secrets", "kube-system", "sh.helm.release.v1.rel.v1");
        ck_assert_str_eq(meta_label(release, "status"), "deployed");
        run_job(&b, "two", good);
        ck_assert_str_eq(meta_label(kube_find(b.c, "", "secrets", "kube-system", "sh.helm.release.v1.rel.v1"), "status"),
                         "superseded");
        ck_assert_str_eq(meta_label(kube_find(b.c, "", "secrets", "kube-system", "sh.helm.release.v1.rel.v2"), "status"),
                         "deployed");
        bench_stop(&b);
}
END_TEST

START_TEST(a_pending_release_is_in_the_way) {
        struct kube_bench b;
        bench_start(&b, false);
        bench_machine(&b, "cp-1", "2001:db8:1::/64", true);
        bench_run(&b, 10000);
        json_decref(ck_call(&b, 201, "POST", SYSTEM "/secrets", NULL, JSON,
                            "{\"metadata\":{\"name\":\"sh.helm.release.v1.rel.v1\",\"labels\":{\"status\":\"pending-install\","
                            "\"version\":\"1\"}}}"));
        run_job(&b, "one", good);
        ck_assert(meta_condition_is(kube_find(b.c, "batch", "jobs", "kube-system", "one"), "Failed", "True"));
        ck_assert_ptr_nonnull(strstr(ended_with(&b, "one"), "another operation (install/upgrade/rollback) is in progress"));
        bench_stop(&b);
}
END_TEST

START_TEST(unknown_templates_fail_the_job) {
        struct kube_bench b;
        bench_start(&b, false);
        bench_machine(&b, "cp-1", "2001:db8:1::/64", true);
        bench_run(&b, 10000);
        run_job(&b, "one", "a: {{ tpl . }}\n");
        ck_assert_ptr_nonnull(strstr(ended_with(&b, "one"), "does not know {{ tpl . }}"));
        bench_stop(&b);
}
END_TEST

START_TEST(requests_are_signed_by_the_cluster) {
        struct kube_bench b;
        struct error err = ERROR_INIT;
        bench_start(&b, false);
        bench_run(&b, 1000);
        struct ip6_addr a;
        ck_assert(ip6_parse("2001:db8:2::1", &a));
        _cleanup_str_ char *pem = NULL;
        ck_ok(csr_make("system:node:w", "system:nodes", "w", &a, &pem, NULL, &err), err);
        _cleanup_str_ char *encoded = base64_encode(pem, strlen(pem));
        _cleanup_str_ char *body = xasprintf("{\"metadata\":{\"name\":\"r\"},\"spec\":{\"request\":\"%s\",\"signerName\":\"kubernetes.io/kubelet-serving\",\"usages\":["
                                             "\"digital signature\",\"server auth\"]}}", encoded);
        json_decref(ck_call(&b, 201, "POST", "/apis/certificates.k8s.io/v1/certificatesigningrequests", NULL, JSON, body));
        bench_run(&b, 1000);
        json_t *r = json_deep_copy(kube_find(b.c, "certificates.k8s.io", "certificatesigningrequests", NULL, "r"));
        ck_text(r, "spec.username", "admin");
        ck_assert_ptr_null(jget(r, "status.certificate"));
        meta_set_condition(meta_object(r, "status"), "Approved", "True", "Test", "", b.now_ms);
        _cleanup_str_ char *approved = json_write(r);
        json_decref(r);
        json_decref(ck_call(&b, 200, "PUT", "/apis/certificates.k8s.io/v1/certificatesigningrequests/r/approval", NULL, JSON,
                            approved));
        bench_run(&b, 5000);
        const char *certificate = jget_text(kube_find(b.c, "certificates.k8s.io", "certificatesigningrequests", NULL, "r"),
                                            "status.certificate");
        ck_assert_ptr_nonnull(certificate);
        _cleanup_free_ uint8_t *text = NULL;
        size_t n;
        ck_ok(base64_decode(certificate, strlen(certificate), false, &text, &n, &err), err);
        _cleanup_(X509_freep) X509 *leaf = NULL, *ca = NULL;
        ck_ok(cert_read((const char *) text, &leaf, &err), err);
        ck_ok(cert_read(b.c->settings.ca.cert_pem, &ca, &err), err);
        EVP_PKEY *key = X509_get0_pubkey(ca);
        ck_assert_int_eq(X509_verify(leaf, key), 1);
        bench_stop(&b);
}
END_TEST

static Suite *suite_helm(void) {
        Suite *s = suite_create("sim-kube-helm");
        TCase *t = tcase_create("helm");
        tcase_set_timeout(t, 60);
        tcase_add_test(t, archives_are_read);
        tcase_add_test(t, damaged_archives_are_refused);
        tcase_add_test(t, templates_of_the_subset);
        tcase_add_test(t, a_job_installs_a_chart);
        tcase_add_test(t, a_pending_release_is_in_the_way);
        tcase_add_test(t, unknown_templates_fail_the_job);
        tcase_add_test(t, requests_are_signed_by_the_cluster);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_helm())
