/* The CCM's objects against what Helm renders of its chart; the Job that runs Helm; the checks before a CSR is approved. */
#include "../unit.h"
#include "base/file.h"
#include "base/json.h"
#include "base/yaml.h"
#include "bootstrap/ccm.h"
#include "bootstrap/certificates.h"
#include "bootstrap/helm-job.h"

static struct error err;
static void setup(void) { err = ERROR_INIT; }
static void teardown(void) { error_done(&err); }

/* What we add for Helm's sake, and for our own. */
static void drop_ownership(json_t *o) {
        json_t *metadata = json_object_get(o, "metadata"), *labels = json_object_get(metadata, "labels");

        json_object_del(metadata, "annotations");
        json_object_del(labels, "app.kubernetes.io/managed-by");
        if (json_object_size(labels) == 0)
                json_object_del(metadata, "labels");
}

static json_t *rendered(const char *name) {
        const char *data = getenv("SHARED_DATA");
        _cleanup_str_ char *path = data ? xasprintf("%s/charts/talos-ccm/%s", data, name) : NULL, *text = NULL;
        _cleanup_(yaml_docs_done) struct yaml_docs docs = { 0 };
        json_t *list = json_array();
        size_t len;

        if (!path || !file_exists(path)) {
                printf("skip: %s is not here\n", name);
                json_decref(list);
                return NULL;
        }
        ck_ok(file_read(path, 1 << 20, &text, &len, &err), err);
        ck_ok(yaml_parse(name, text, len, &docs, &err), err);
        for (size_t i = 0; i < docs.n; i++)
                if (docs.items[i]->type == YAML_MAP) {
                        json_t *o = yaml_to_json(docs.items[i]);
                        drop_ownership(o);
                        json_array_append_new(list, o);
                }
        return list;
}

static const json_t *same_object(const json_t *list, const json_t *o) {
        size_t i;
        json_t *item;

        json_array_foreach(list, i, item)
                if (str_eq(jget_text(item, "kind"), jget_text(o, "kind")) && str_eq(jget_text(item, "apiVersion"), jget_text(o, "apiVersion")) &&
                    str_eq(jget_text(item, "metadata.name"), jget_text(o, "metadata.name")))
                        return item;
        return NULL;
}

static void compare(const char *file, enum pod_cidr_rule rule) {
        const struct ccm_options o = { .version = "v1.12.0", .pod_cidrs = rule };
        _cleanup_json_ json_t *wanted = rendered(file), *ours = NULL;
        json_t *item;
        size_t i;

        if (!wanted)
                return;
        ck_ok(ccm_objects(&o, &ours, &err), err);
        ck_assert_uint_eq(json_array_size(ours), json_array_size(wanted));
        json_array_foreach(ours, i, item) {
                const json_t *other;

                drop_ownership(item);
                other = same_object(wanted, item);
                ck_assert_msg(other != NULL, "Helm makes no %s %s", jget_text(item, "kind"), jget_text(item, "metadata.name"));
                if (!json_equal(item, other)) {
                        _cleanup_str_ char *a = json_write(item), *b = json_write(other);
                        ck_abort_msg("%s differs:\n%s\n%s", jget_text(item, "kind"), a, b);
                }
        }
}

START_TEST(objects_equal_those_of_helm_with_the_ccm_allocating) { compare("rendered-csr.yaml", POD_CIDR_CCM); }
END_TEST
START_TEST(objects_equal_those_of_helm_without_the_allocator) { compare("rendered-no-ipam.yaml", POD_CIDR_CLIENT); }
END_TEST

START_TEST(every_object_can_be_adopted_by_helm) {
        const struct ccm_options o = { .version = "v1.12.0" };
        _cleanup_json_ json_t *ours = NULL;
        json_t *item;
        size_t i;

        ck_ok(ccm_objects(&o, &ours, &err), err);
        json_array_foreach(ours, i, item) {
                const json_t *m = json_object_get(item, "metadata");
                ck_assert_str_eq(json_string_value(json_object_get(json_object_get(m, "labels"), "app.kubernetes.io/managed-by")), "Helm");
                ck_assert_str_eq(json_string_value(json_object_get(json_object_get(m, "annotations"), "meta.helm.sh/release-name")),
                                 "talos-cloud-controller-manager");
        }
}
END_TEST

START_TEST(another_rule_gives_another_hash) {
        struct ccm_options o = { .version = "v1.12.0" };
        _cleanup_str_ char *a = bootstrap_ccm_hash(&o), *b = NULL;

        o.pod_cidrs = POD_CIDR_CLIENT;
        b = bootstrap_ccm_hash(&o);
        ck_assert_str_ne(a, b);
}
END_TEST

START_TEST(the_helm_job_carries_chart_and_values) {
        struct chart chart = { .name = "cilium", .version = "1.19.6", .digest = "d", .data = (uint8_t *) "abc", .len = 3 };
        struct helm_release r = { .release = "cilium", .namespace_ = "kube-system", .chart = &chart, .values = "a: 1\n", .image = "helm@sha256:x",
                                  .before_cni = true };
        _cleanup_str_ char *hash = bootstrap_release_hash(&r), *other = NULL, *name = helm_job_name(&r, hash);
        _cleanup_json_ json_t *objects = helm_job_objects(&r, hash);
        const json_t *map, *job;

        ck_assert_uint_eq(json_array_size(objects), 5);
        map = json_array_get(objects, 2);
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(map, "binaryData"), "chart.tgz")), "YWJj");
        job = json_array_get(objects, 4);
        ck_assert_str_eq(jget_text(job, "metadata.name"), name);
        ck_assert(json_is_true(jget(job, "spec.template.spec.hostNetwork")));
        r.values = "a: 2\n";
        other = bootstrap_release_hash(&r);
        ck_assert_str_ne(hash, other);
}
END_TEST

static void add(struct strv *v, const char *s) { strv_add(v, s); }

static struct kube_csr good_csr(void) {
        struct kube_csr c = { .signer = xstrdup("kubernetes.io/kubelet-serving"), .username = xstrdup("system:node:n1") };

        add(&c.groups, "system:nodes");
        add(&c.groups, "system:authenticated");
        add(&c.usages, "digital signature");
        add(&c.usages, "server auth");
        c.request.common_name = xstrdup("system:node:n1");
        add(&c.request.organizations, "system:nodes");
        add(&c.request.dns_names, "n1");
        add(&c.request.ips, "2001:db8::1");
        return c;
}

START_TEST(only_a_nodes_own_request_is_approved) {
        struct bootstrap_node node = { .name = "n1" };
        struct kube_csr c = good_csr();

        ck_assert(ip6_parse("2001:db8::1", &node.addr));
        ck_assert_ptr_null(serving_csr_refusal(&c, &node));
        add(&c.request.ips, "2001:db8::2");
        ck_assert_ptr_nonnull(serving_csr_refusal(&c, &node));
        kube_csr_done(&c);
        c = good_csr();
        add(&c.usages, "client auth");
        ck_assert_ptr_nonnull(serving_csr_refusal(&c, &node));
        kube_csr_done(&c);
        c = good_csr();
        add(&c.request.organizations, "system:masters");
        ck_assert_ptr_nonnull(serving_csr_refusal(&c, &node));
        kube_csr_done(&c);
        c = good_csr();
        add(&c.request.dns_names, "other");
        ck_assert_ptr_nonnull(serving_csr_refusal(&c, &node));
        kube_csr_done(&c);
        c = good_csr();
        free(c.username);
        c.username = xstrdup("system:node:n2");
        ck_assert_ptr_nonnull(serving_csr_refusal(&c, &node));
        kube_csr_done(&c);
}
END_TEST

static Suite *ccm_suite(void) {
        Suite *s = suite_create("bootstrap");
        TCase *t = tcase_create("objects");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, objects_equal_those_of_helm_with_the_ccm_allocating);
        tcase_add_test(t, objects_equal_those_of_helm_without_the_allocator);
        tcase_add_test(t, every_object_can_be_adopted_by_helm);
        tcase_add_test(t, another_rule_gives_another_hash);
        tcase_add_test(t, the_helm_job_carries_chart_and_values);
        tcase_add_test(t, only_a_nodes_own_request_is_approved);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(ccm_suite())
