/* What the mirror of a real API server is made of, without one: patches, the copy, and kubelets that write in their own name. */
#include "sim/real/difference.h"
#include "tests/unit/sim/kube-world.h"

static json_t *parse(const char *text) {
        json_t *v = json_loads(text, 0, NULL);
        ck_assert_msg(v != NULL, "%s", text);
        return v;
}

START_TEST(patches) {
        static const struct { const char *before, *after, *subresource, *patch; } cases[] = {
                { "{\"a\":1}", "{\"a\":1}", "", NULL },
                { "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":3}}", "", "{\"a\":{\"c\":3}}" },
                { "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1}}", "", "{\"a\":{\"c\":null}}" },
                { "{\"a\":1,\"b\":2}", "{\"a\":1}", "", "{\"b\":null}" },
                { "{\"l\":[1,2]}", "{\"l\":[1]}", "", "{\"l\":[1]}" },
                { "{}", "{\"spec\":{\"x\":[]}}", "", "{\"spec\":{\"x\":[]}}" },
                /* the status is another matter, and so is what the server writes itself */
                { "{\"status\":{\"p\":1}}", "{\"status\":{\"p\":2}}", "", NULL },
                { "{\"status\":{\"p\":1},\"spec\":{}}", "{\"status\":{\"p\":2},\"spec\":{\"x\":1}}", "status", "{\"status\":{\"p\":2}}" },
                { "{\"metadata\":{\"resourceVersion\":\"1\",\"uid\":\"u\"}}", "{\"metadata\":{\"resourceVersion\":\"2\",\"managedFields\":[1]}}", "", NULL },
                { "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}", "{\"metadata\":{\"labels\":{\"a\":\"c\"},\"annotations\":{\"x\":\"y\"}}}", "",
                  "{\"metadata\":{\"labels\":{\"a\":\"c\"},\"annotations\":{\"x\":\"y\"}}}" },
                /* kubelets set labels of Nodes with the status, of nothing else */
                { "{\"kind\":\"Node\",\"metadata\":{}}", "{\"kind\":\"Node\",\"metadata\":{\"labels\":{\"a\":\"b\"}}}", "status",
                  "{\"metadata\":{\"labels\":{\"a\":\"b\"}}}" },
                { "{\"kind\":\"Pod\",\"metadata\":{}}", "{\"kind\":\"Pod\",\"metadata\":{\"labels\":{\"a\":\"b\"}}}", "status", NULL },
        };
        _cleanup_json_ json_t *before = parse(cases[_i].before), *after = parse(cases[_i].after);
        _cleanup_json_ json_t *patch = difference_patch(before, after, cases[_i].subresource);
        _cleanup_json_ json_t *wanted = cases[_i].patch ? parse(cases[_i].patch) : NULL;
        _cleanup_str_ char *text = patch ? json_write(patch) : xstrdup("none");
        ck_assert_msg(wanted ? json_equal(patch, wanted) : !patch, "%s", text);
}
END_TEST

/* ---- a remote that keeps books ---- */

struct books {
        struct kube_cluster *c;
        int64_t revision;
        bool joined;
        const char *refuses;             /* names of this begin are refused, or NULL */
        struct strv log;                 /* "who verb kind name subresource" */
};

static int books_write(void *data, struct kube_type *t, const json_t *before, const json_t *value, const struct kube_writer *w, json_t **ret,
                       struct kube_failure *f) {
        struct books *b = data;
        const char *who = b->c->as && b->c->as->name ? b->c->as->name : "administrator";
        strv_take(&b->log, xasprintf("%s %s %s %s%s%s", who, !before ? "create" : w->replace ? "update" : "patch", t->kind, meta_name(value),
                                     *w->subresource ? " " : "", w->subresource));
        if (b->refuses && str_starts(meta_name(value), b->refuses))
                return kube_fail(f, 403, "Forbidden", "no");
        json_t *copy = json_deep_copy(value);
        json_object_set_new(meta_object(copy, "metadata"), "resourceVersion", json_strf("%lld", (long long) ++b->revision));
        if (!before)
                json_object_set_new(meta_object(copy, "metadata"), "uid", json_strf("uid-%lld", (long long) b->revision));
        *ret = json_incref(copy);
        kube_copy_put(b->c, t, copy);
        return 0;
}

static int books_remove(void *data, struct kube_type *t, const json_t *object, const struct kube_delete *how, struct kube_failure *f) {
        struct books *b = data;
        (void) f;
        strv_take(&b->log, xasprintf("%s delete %s %s %lld", b->c->as && b->c->as->name ? b->c->as->name : "administrator", t->kind, meta_name(object),
                                     (long long) how->grace));
        return 0;
}

static int books_call(void *data, const char *method, const char *path, const json_t *body, json_t **ret, struct kube_failure *f) {
        struct books *b = data;
        (void) body;
        (void) ret;
        strv_take(&b->log, xasprintf("%s %s %s", b->c->as && b->c->as->name ? b->c->as->name : "administrator", method, path));
        return kube_fail(f, 403, "Forbidden", "no");
}

static bool books_join(void *data, struct kube_machine *m) {
        struct books *b = data;
        m->self.name = m->settings.name;
        return b->joined;
}

static void books_forget(void *data, struct kube_machine *m) { (void) data; (void) m; }
static bool books_run(void *data, struct kube_machine *m, const json_t *pod, struct pod_run *run) {
        (void) data; (void) m; (void) pod; (void) run;
        return false;
}
static void books_stop(void *data, const char *uid) { (void) data; (void) uid; }
static void books_serve(void *data, struct kube_machine *m, const char *pem) { (void) data; (void) m; (void) pem; }

static bool logged(const struct books *b, const char *line) { return strv_has(&b->log, line); }

static struct kube_remote remote;

static void copy_start(struct kube_bench *bench, struct books *b) {
        *b = (struct books) { .revision = 100 };
        remote = (struct kube_remote) { .data = b, .write = books_write, .remove = books_remove, .call = books_call, .join = books_join,
                                        .forget = books_forget, .run = books_run, .stop = books_stop, .serve = books_serve };
        *bench = (struct kube_bench) { .now_ms = 1795000000000, .wake_ms = -1, .random = 7 };
        struct kube_env env = { .remote = &remote, .data = bench, .now_ms = bench_now, .latency = bench_latency, .random = bench_random,
                                .wake = bench_wake, .fault = bench_fault };
        struct kube_settings s = { .cluster_id = xstrdup("id"), .kubernetes_version = xstrdup("v1.36.3") };
        ck_assert(ip6_prefix_parse("fd40:10:100::/112", &s.service_subnet, NULL));
        b->c = bench->c = kube_cluster_new(&env, &s);
        bench_wake(bench, 0);
}

static void copy_stop(struct kube_bench *bench, struct books *b) {
        bench_stop(bench);
        strv_done(&b->log);
}

static void put(struct books *b, const char *group, const char *plural, const char *text) {
        kube_copy_put(b->c, kube_type(b->c, group, plural), parse(text));
}

START_TEST(copy_takes_only_what_is_newer) {
        struct kube_bench bench;
        struct books b;
        copy_start(&bench, &b);
        struct kube_type *t = kube_type(b.c, "", "configmaps");
#define MAP(uid, rv, x) "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"m\",\"namespace\":\"n\",\"uid\":\"" uid "\",\"resourceVersion\":\"" rv "\"},\"data\":{\"x\":\"" x "\"}}"
        ck_assert(t->n == 0);            /* no API server's own objects: they are the real one's */
        ck_assert(kube_copy_put(b.c, t, parse(MAP("u", "9", "a"))));
        ck_assert(!kube_copy_put(b.c, t, parse(MAP("u", "8", "old"))));
        ck_assert(!kube_copy_put(b.c, t, parse(MAP("u", "9", "same"))));
        ck_assert(kube_copy_put(b.c, t, parse(MAP("u", "10", "b"))));
        ck_text(kube_get(b.c, t, "n", "m"), "data.x", "b");
        ck_assert(kube_uid_exists(b.c, "u"));
        ck_assert(kube_copy_put(b.c, t, parse(MAP("v", "12", "anew"))));
        ck_assert(!kube_uid_exists(b.c, "u") && kube_uid_exists(b.c, "v"));
        _cleanup_json_ json_t *late = parse(MAP("u", "11", "gone"));
        ck_assert(!kube_copy_drop(b.c, t, late));        /* the end of the one before */
        ck_assert_ptr_nonnull(kube_get(b.c, t, "n", "m"));
        _cleanup_json_ json_t *last = parse(MAP("v", "13", "gone"));
        ck_assert(kube_copy_drop(b.c, t, last));
        ck_assert_ptr_null(kube_get(b.c, t, "n", "m"));
        ck_assert(!kube_uid_exists(b.c, "v"));
        copy_stop(&bench, &b);
}
END_TEST

START_TEST(kubelets_write_in_their_own_name) {
        struct kube_bench bench;
        struct books b;
        copy_start(&bench, &b);
        struct kube_machine *w = bench_machine(&bench, "w-1", "2001:db8:2::/64", false), *cp = bench_machine(&bench, "cp-1", "2001:db8:1::/64", true);
        kvs_set(&w->settings.labels, "example.com/tier", "db");
        bench_run(&bench, 5000);
        ck_assert_uint_eq(b.log.n, 0);   /* no certificate yet, no Node */
        b.joined = true;
        b.c->dirty = true;
        bench_wake(&bench, 0);
        bench_run(&bench, 5000);
        ck_assert(logged(&b, "w-1 create Node w-1") && logged(&b, "cp-1 create Node cp-1"));
        _cleanup_str_ char *request = xasprintf("w-1 create CertificateSigningRequest %s", w->csr_name);
        ck_assert(logged(&b, "w-1 create Lease w-1") && logged(&b, request));
        ck_assert(logged(&b, "Talos (as kubelet) update Node w-1") && logged(&b, "Talos update Node cp-1"));
        ck_assert(logged(&b, "cp-1 create Pod kube-apiserver-cp-1"));
        ck_assert(!logged(&b, "w-1 create Pod kube-apiserver-w-1"));
        const json_t *node = kube_find(b.c, "", "nodes", NULL, "cp-1");
        ck_assert_pstr_eq(meta_label(node, "node-role.kubernetes.io/control-plane"), "");
        ck_assert_pstr_eq(meta_annotation(node, "talos.dev/owned-taints"), "[\"node-role.kubernetes.io/control-plane\"]");
        ck_assert_pstr_eq(meta_label(kube_find(b.c, "", "nodes", NULL, "w-1"), "example.com/tier"), "db");
        ck_assert(cp->applied && w->applied);
        copy_stop(&bench, &b);
}
END_TEST

START_TEST(leases_are_renewed) {
        struct kube_bench bench;
        struct books b;
        copy_start(&bench, &b);
        b.joined = true;
        bench_machine(&bench, "w-1", "2001:db8:2::/64", false);
        bench_run(&bench, 1000);
        size_t renewed = 0;
        bench_run(&bench, 60000);
        for (size_t i = 0; i < b.log.n; i++)
                renewed += str_eq(b.log.items[i], "w-1 patch Lease w-1");
        ck_assert_uint_ge(renewed, 5);   /* every ten seconds: a real controller takes a node for dead after 50 */
        ck_assert_uint_le(renewed, 7);
        copy_stop(&bench, &b);
}
END_TEST

START_TEST(pods_are_run_and_removed_by_their_kubelet) {
        struct kube_bench bench;
        struct books b;
        copy_start(&bench, &b);
        b.joined = true;
        struct kube_machine *w = bench_machine(&bench, "w-1", "2001:db8:2::/64", false);
        w->settings.cni_built_in = true;
        bench_run(&bench, 1000);
#define POD(rv, more) "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\",\"namespace\":\"default\",\"uid\":\"p-uid\",\"resourceVersion\":\"" rv "\"" more "},\"spec\":{\"nodeName\":\"w-1\",\"hostNetwork\":true,\"containers\":[{\"name\":\"c\",\"image\":\"quay.io/x:1\"}]}}"
        put(&b, "", "pods", POD("1000", ""));
        bench_run(&bench, 5000);
        const json_t *pod = kube_find(b.c, "", "pods", "default", "p");
        ck_assert(logged(&b, "w-1 patch Pod p status"));
        ck_text(pod, "status.phase", "Running");
        ck_text(pod, "status.podIP", "2001:db8:2::1");
        b.revision = 3000;
        put(&b, "", "pods", POD("2000", ",\"deletionTimestamp\":\"2026-11-23T16:00:00Z\",\"deletionGracePeriodSeconds\":30"));
        bench_run(&bench, 1000);
        ck_assert(logged(&b, "w-1 delete Pod p 0"));
        size_t before = b.log.n;
        bench_run(&bench, 3000);         /* a finalizer holds it: asked again, but not in every pass */
        size_t again = 0;
        for (size_t i = before; i < b.log.n; i++)
                again += str_eq(b.log.items[i], "w-1 delete Pod p 0");
        ck_assert_uint_eq(again, 0);
        bench_run(&bench, 10000);
        for (size_t i = before; i < b.log.n; i++)
                again += str_eq(b.log.items[i], "w-1 delete Pod p 0");
        ck_assert_uint_ge(again, 1);
        copy_stop(&bench, &b);
}
END_TEST

START_TEST(what_is_refused_is_asked_again) {
        struct kube_bench bench;
        struct books b;
        copy_start(&bench, &b);
        b.joined = true;
        b.refuses = "w-1";
        struct kube_machine *w = bench_machine(&bench, "w-1", "2001:db8:2::/64", false);
        bench_run(&bench, 5000);
        ck_assert(!w->registered && !kube_find(b.c, "", "nodes", NULL, "w-1"));
        b.refuses = NULL;
        b.c->dirty = true;
        bench_wake(&bench, 0);
        bench_run(&bench, 5000);
        ck_assert(w->registered);
        copy_stop(&bench, &b);
}
END_TEST

/* Doubles of controllers, scheduler and API server keep their hands off a copy. */
START_TEST(controllers_are_the_real_ones) {
        struct kube_bench bench;
        struct books b;
        copy_start(&bench, &b);
        b.joined = true;
        bench_machine(&bench, "w-1", "2001:db8:2::/64", false);
        put(&b, "apps", "daemonsets", "{\"apiVersion\":\"apps/v1\",\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"d\",\"namespace\":\"kube-system\",\"uid\":\"d\","
            "\"resourceVersion\":\"1\"},\"spec\":{\"template\":{\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}}}");
        put(&b, "", "namespaces", "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"metadata\":{\"name\":\"n\",\"uid\":\"n\",\"resourceVersion\":\"1\"}}");
        put(&b, "", "pods", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"unbound\",\"namespace\":\"n\",\"uid\":\"q\",\"resourceVersion\":\"1\"},"
            "\"spec\":{\"containers\":[{\"name\":\"c\",\"image\":\"x\"}]}}");
        bench_run(&bench, 120000);
        for (size_t i = 0; i < b.log.n; i++)
                ck_assert_msg(str_starts(b.log.items[i], "w-1 ") || str_starts(b.log.items[i], "Talos (as kubelet) "), "%s", b.log.items[i]);
        ck_assert_ptr_null(jget_text(kube_find(b.c, "", "pods", "n", "unbound"), "spec.nodeName"));
        copy_stop(&bench, &b);
}
END_TEST

static Suite *suite_mirror(void) {
        Suite *s = suite_create("sim-real-mirror");
        TCase *t = tcase_create("mirror");
        tcase_set_timeout(t, 60);
        tcase_add_loop_test(t, patches, 0, 12);
        tcase_add_test(t, copy_takes_only_what_is_newer);
        tcase_add_test(t, kubelets_write_in_their_own_name);
        tcase_add_test(t, leases_are_renewed);
        tcase_add_test(t, pods_are_run_and_removed_by_their_kubelet);
        tcase_add_test(t, what_is_refused_is_asked_again);
        tcase_add_test(t, controllers_are_the_real_ones);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_mirror())
