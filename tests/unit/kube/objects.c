/* Nodes, pods, workloads, CSRs: as read, and as changed. */
#include "world.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/codec.h"
#include "kube/csr.h"
#include "kube/ready.h"

static json_t *parse(const char *text) {
        _cleanup_error_ struct error err = ERROR_INIT;
        json_t *o = NULL;
        ck_ok(json_parse("test", text, strlen(text), &o, &err), err);
        return o;
}

/* ---- nodes ---- */

static const char node_json[] =
        "{\"metadata\":{\"name\":\"demo-worker-1\",\"uid\":\"u1\",\"resourceVersion\":\"42\",\"creationTimestamp\":\"2026-10-01T12:00:00Z\",\"labels\":{\"a\":\"b\"}},"
        "\"spec\":{\"providerID\":\"hcloud://4711\",\"podCIDR\":\"2001:db8:1:2:1::/80\",\"podCIDRs\":[\"2001:db8:1:2:1::/80\"],\"unschedulable\":true,"
        "\"taints\":[{\"key\":\"node.cloudprovider.kubernetes.io/uninitialized\",\"value\":\"true\",\"effect\":\"NoSchedule\"},"
        "{\"key\":\"keep\",\"effect\":\"NoExecute\"}]},"
        "\"status\":{\"capacity\":{\"cpu\":\"2\",\"pods\":110},\"allocatable\":{\"memory\":\"3900Mi\"},\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"2001:db8:1:2::1\"},"
        "{\"type\":\"Hostname\",\"address\":\"demo-worker-1\"}],\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\",\"reason\":\"KubeletNotReady\","
        "\"message\":\"cni plugin not initialized\",\"lastTransitionTime\":\"2026-10-01T12:00:05Z\"}],"
        "\"nodeInfo\":{\"kubeletVersion\":\"v1.36.3\",\"osImage\":\"Talos (v1.13.9)\",\"architecture\":\"arm64\",\"unknown\":null}}}";

START_TEST(node_fields) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = parse(node_json);
        _cleanup_(kube_node_done) struct kube_node n = { 0 };
        ck_ok(kube_node_parse(o, &n, &err), err);
        ck_assert_str_eq(n.name, "demo-worker-1");
        ck_assert_str_eq(n.uid, "u1");
        ck_assert_str_eq(n.provider_id, "hcloud://4711");
        ck_assert(n.unschedulable && !n.deleting && !kube_node_is_ready(&n));
        ck_assert_str_eq(n.pod_cidrs.items[0], "2001:db8:1:2:1::/80");
        ck_assert_str_eq(kube_node_address(&n, "InternalIP"), "2001:db8:1:2::1");
        ck_assert_ptr_null(kube_node_address(&n, "ExternalIP"));
        ck_assert_str_eq(kube_node_taint(&n, "keep")->effect, "NoExecute");
        ck_assert_str_eq(kube_condition_find(&n.conditions, "Ready")->message, "cni plugin not initialized");
        ck_assert_int_eq(n.created_ms, INT64_C(1790856000000));
        ck_assert_str_eq(kvs_get(&n.capacity, "pods"), "110");
        ck_assert_str_eq(kvs_get(&n.allocatable, "memory"), "3900Mi");
        ck_assert_str_eq(n.os_image, "Talos (v1.13.9)");
}
END_TEST

START_TEST(a_new_node_has_nearly_nothing) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = parse("{\"metadata\":{\"name\":\"n\"},\"spec\":{},\"status\":{\"conditions\":null}}");
        _cleanup_(kube_node_done) struct kube_node n = { 0 };
        ck_ok(kube_node_parse(o, &n, &err), err);
        ck_assert_ptr_null(n.provider_id);
        ck_assert(!kube_node_is_ready(&n) && n.pod_cidrs.n == 0);
}
END_TEST

START_TEST(wrong_types_are_named) {
        static const char *const wrong[] = {
                "{\"metadata\":{\"name\":7}}", "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"taints\":{}}}",
                "{\"metadata\":{\"name\":\"n\"},\"spec\":{\"podCIDRs\":[1]}}", "{\"metadata\":{\"name\":\"n\"},\"status\":{\"conditions\":[[]]}}",
                "{\"metadata\":{\"name\":\"n\",\"creationTimestamp\":\"yesterday\"}}", "{\"metadata\":[]}", "{}",
        };
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_json_ json_t *o = parse(wrong[i]);
                struct kube_node n;
                ck_fails(kube_node_parse(o, &n, &err), err, ERR_PROTOCOL);
        }
        /* The same in a list: what was read before is freed. */
        _cleanup_error_ struct error err = ERROR_INIT;
        struct kube_nodes nodes = { 0 };
        WORLD(w, { 200, NULL, "{\"items\":[{\"metadata\":{\"name\":\"a\"}},{\"metadata\":{\"name\":7}}]}" });
        ck_fails(kube_nodes_list(w.client, &nodes, &err), err, ERR_PROTOCOL);
        ck_assert_uint_eq(nodes.n, 0);
}
END_TEST

START_TEST(pod_cidrs_are_set) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_strv_ struct strv cidrs = { 0 };
        strv_add(&cidrs, "2001:db8:1:2:1::/80");
        WORLD(w, { 200, NULL, "{}" });
        ck_ok(kube_node_set_pod_cidrs(w.client, "demo-worker-1", &cidrs, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 0)->line, "PATCH /api/v1/nodes/demo-worker-1");
        ck_assert_str_eq(peer_request(w.peer, 0)->content_type, "application/merge-patch+json");
        ck_assert_str_eq(peer_request(w.peer, 0)->body, "{\"spec\":{\"podCIDR\":\"2001:db8:1:2:1::/80\",\"podCIDRs\":[\"2001:db8:1:2:1::/80\"]}}");
}
END_TEST

START_TEST(a_taint_is_removed_and_others_stay) {
        _cleanup_error_ struct error err = ERROR_INIT;
        WORLD(w, { 200, NULL, node_json }, { 409, NULL, "{\"reason\":\"Conflict\"}" }, { 200, NULL, node_json }, { 200, NULL, "{}" });
        ck_ok(kube_node_remove_taint(w.client, "demo-worker-1", "node.cloudprovider.kubernetes.io/uninitialized", &err), err);
        ck_assert_uint_eq(peer_count(w.peer), 4);
        ck_assert_str_eq(peer_request(w.peer, 3)->body,
                         "{\"metadata\":{\"resourceVersion\":\"42\"},\"spec\":{\"taints\":[{\"key\":\"keep\",\"effect\":\"NoExecute\"}]}}");
}
END_TEST

START_TEST(a_taint_that_is_not_there) {
        _cleanup_error_ struct error err = ERROR_INIT;
        WORLD(w, { 200, NULL, node_json });
        ck_ok(kube_node_remove_taint(w.client, "demo-worker-1", "other", &err), err);
        ck_assert_uint_eq(peer_count(w.peer), 1);
        ck_ok(kube_node_set_taint(w.client, "demo-worker-1", &(struct kube_taint) { "keep", NULL, "NoExecute" }, &err), err);
        ck_assert_uint_eq(peer_count(w.peer), 2); /* it is there already: nothing is written */
}
END_TEST

START_TEST(labels_and_cordon) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct kube_change changes[] = { { "hcloud-v6/pool", "blue" }, { "old", NULL } };
        WORLD(w, { 200, NULL, "{}" });
        ck_ok(kube_node_set_labels(w.client, "n", changes, 2, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 0)->body, "{\"metadata\":{\"labels\":{\"hcloud-v6/pool\":\"blue\",\"old\":null}}}");
        ck_ok(kube_node_cordon(w.client, "n", true, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 1)->body, "{\"spec\":{\"unschedulable\":true}}");
        ck_ok(kube_node_cordon(w.client, "n", false, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 2)->body, "{\"spec\":{\"unschedulable\":null}}");
}
END_TEST

/* ---- pods ---- */

static const char pod_json[] =
        "{\"metadata\":{\"name\":\"cilium-x\",\"namespace\":\"kube-system\",\"uid\":\"p1\",\"ownerReferences\":[{\"kind\":\"Other\",\"name\":\"o\",\"uid\":\"x\"},"
        "{\"kind\":\"DaemonSet\",\"name\":\"cilium\",\"uid\":\"d\",\"controller\":true}]},"
        "\"spec\":{\"nodeName\":\"n1\",\"hostNetwork\":true,\"priority\":2000001000,\"initContainers\":[{\"name\":\"config\",\"image\":\"quay.io/cilium\"},"
        "{\"name\":\"log\",\"restartPolicy\":\"Always\"}],\"containers\":[{\"name\":\"config\",\"resources\":{\"requests\":{\"cpu\":\"100m\"}}}]},"
        "\"status\":{\"phase\":\"Pending\",\"podIPs\":[{\"ip\":\"2001:db8::7\"}],\"initContainerStatuses\":[{\"name\":\"config\",\"ready\":false,\"restartCount\":0,"
        "\"state\":{\"waiting\":{\"reason\":\"ImagePullBackOff\",\"message\":\"Back-off pulling image \\\"quay.io/cilium\\\"\"}}}],"
        "\"containerStatuses\":[{\"name\":\"config\",\"state\":{\"waiting\":{\"reason\":\"PodInitializing\"}}}]}}";

START_TEST(pod_fields_and_image_trouble) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_json_ json_t *o = parse(pod_json);
        _cleanup_(kube_pod_done) struct kube_pod p = { 0 };
        const struct kube_container *c = NULL;
        ck_ok(kube_pod_parse(o, &p, &err), err);
        ck_assert_str_eq(p.owner_kind, "DaemonSet");
        ck_assert_str_eq(p.ips.items[0], "2001:db8::7");
        ck_assert_uint_eq(p.n_containers, 3);
        ck_assert(p.containers[0].init && !p.containers[0].sidecar && p.containers[1].sidecar && !p.containers[2].init);
        ck_assert_str_eq(p.containers[2].reason, "PodInitializing"); /* the same name twice, told apart by init */
        ck_assert_str_eq(kvs_get(&p.containers[2].requests, "cpu"), "100m");
        ck_assert(kube_pod_image_trouble(&p, &c) && c == &p.containers[0]);
        ck_assert_int_eq(p.priority, 2000001000);
        _cleanup_str_ char *text = kube_pod_trouble(&p);
        ck_assert_str_eq(text, "kube-system/cilium-x on n1: container config: ImagePullBackOff: Back-off pulling image \"quay.io/cilium\"");
}
END_TEST

START_TEST(pod_troubles) {
        static const struct { const char *status, *want; } rows[] = {
                { "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"running\":{}}}]}", NULL },
                { "{\"phase\":\"Pending\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"waiting\":{\"reason\":\"ContainerCreating\"}}}]}", NULL },
                { "{\"phase\":\"Pending\",\"conditions\":[{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":\"0/1 nodes are available\"}]}",
                  "d/p: Unschedulable: 0/1 nodes are available" },
                { "{\"phase\":\"Running\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off\"}},"
                  "\"lastState\":{\"terminated\":{\"reason\":\"Error\",\"exitCode\":137,\"message\":\"killed\\u001b\"}}}]}",
                  "d/p: container c: CrashLoopBackOff: back-off; last time: Error (exit status 137): killed " },
                { "{\"phase\":\"Failed\",\"reason\":\"Evicted\",\"message\":\"low on disk\"}", "d/p: Evicted: low on disk" },
                { "{\"phase\":\"Succeeded\",\"containerStatuses\":[{\"name\":\"c\",\"state\":{\"terminated\":{\"exitCode\":0,\"reason\":\"Completed\"}}}]}", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_str_ char *text = xasprintf("{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\"},\"spec\":{\"containers\":[{\"name\":\"c\"}]},\"status\":%s}",
                                                     rows[i].status);
                _cleanup_json_ json_t *o = parse(text);
                _cleanup_(kube_pod_done) struct kube_pod p = { 0 };
                ck_ok(kube_pod_parse(o, &p, &err), err);
                _cleanup_str_ char *trouble = kube_pod_trouble(&p);
                ck_assert_msg(str_eq(trouble, rows[i].want), "%s", trouble ? trouble : "none");
        }
}
END_TEST

START_TEST(pod_selectors) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(kube_pods_done) struct kube_pods pods = { 0 };
        WORLD(w, { 200, NULL, "{\"items\":[]}" });
        ck_ok(kube_pods_list(w.client, NULL, "k8s-app in (a,b)", "spec.nodeName=n", &pods, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 0)->line,
                         "GET /api/v1/pods?limit=500&labelSelector=k8s-app%20in%20%28a%2Cb%29&fieldSelector=spec.nodeName%3Dn");
}
END_TEST

/* ---- readiness ---- */

START_TEST(readiness) {
        static const struct { enum kube_workload kind; const char *json; int64_t min; bool ready, failed; const char *text; } rows[] = {
                { KUBE_DAEMON_SET, "{\"metadata\":{\"generation\":2},\"status\":{\"observedGeneration\":1,\"desiredNumberScheduled\":1,\"updatedNumberScheduled\":1,\"numberReady\":1}}",
                  0, false, false, "not seen by its controller yet" },
                { KUBE_DAEMON_SET, "{\"metadata\":{\"generation\":2},\"status\":{\"observedGeneration\":2,\"desiredNumberScheduled\":3,\"updatedNumberScheduled\":3,\"numberReady\":2}}",
                  0, false, false, "2 of 3 pods ready" },
                { KUBE_DAEMON_SET, "{\"metadata\":{\"generation\":2},\"status\":{\"observedGeneration\":2,\"desiredNumberScheduled\":3,\"updatedNumberScheduled\":1,\"numberReady\":3}}",
                  0, false, false, "1 of 3 pods are of the newest template" },
                { KUBE_DAEMON_SET, "{\"metadata\":{\"generation\":2},\"status\":{\"observedGeneration\":2,\"desiredNumberScheduled\":3,\"updatedNumberScheduled\":3,\"numberReady\":3}}",
                  3, true, false, "3 of 3 pods ready" },
                { KUBE_DAEMON_SET, "{\"metadata\":{\"generation\":1},\"status\":{\"observedGeneration\":1,\"desiredNumberScheduled\":0,\"numberReady\":0}}",
                  1, false, false, "0 pods are wanted so far, 1 are expected" },
                { KUBE_DAEMON_SET, "{\"metadata\":{\"generation\":1}}", 0, false, false, "not seen by its controller yet" },
                { KUBE_DEPLOYMENT, "{\"metadata\":{\"generation\":1},\"spec\":{\"replicas\":2},\"status\":{\"observedGeneration\":1,\"replicas\":2,\"updatedReplicas\":2,\"availableReplicas\":2}}",
                  0, true, false, "2 of 2 pods ready" },
                { KUBE_DEPLOYMENT, "{\"metadata\":{\"generation\":1},\"spec\":{\"replicas\":2},\"status\":{\"observedGeneration\":1,\"replicas\":3,\"updatedReplicas\":2,\"availableReplicas\":2}}",
                  0, false, false, "1 old pods are still there" },
                { KUBE_DEPLOYMENT, "{\"metadata\":{\"generation\":1},\"spec\":{},\"status\":{\"observedGeneration\":1,\"replicas\":1,\"updatedReplicas\":1,\"conditions\":"
                                   "[{\"type\":\"Progressing\",\"status\":\"False\",\"reason\":\"ProgressDeadlineExceeded\"}]}}",
                  0, false, false, "0 of 1 pods ready; its progress deadline has passed" },
                { KUBE_STATEFUL_SET, "{\"metadata\":{\"generation\":1},\"spec\":{\"replicas\":1},\"status\":{\"observedGeneration\":1,\"readyReplicas\":1,\"currentRevision\":\"a\",\"updateRevision\":\"a\"}}",
                  0, true, false, "1 of 1 pods ready" },
                { KUBE_JOB, "{\"spec\":{},\"status\":{\"active\":1}}", 0, false, false, "0 of 1 complete, 1 running, 0 failed" },
                { KUBE_JOB, "{\"spec\":{},\"status\":{\"succeeded\":1,\"conditions\":[{\"type\":\"Complete\",\"status\":\"True\"}]}}", 0, true, false, "complete" },
                { KUBE_JOB, "{\"spec\":{},\"status\":{\"failed\":1,\"conditions\":[{\"type\":\"Failed\",\"status\":\"True\",\"reason\":\"BackoffLimitExceeded\",\"message\":\"limit\"}]}}",
                  0, false, true, "failed: BackoffLimitExceeded: limit" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_json_ json_t *o = parse(rows[i].json);
                _cleanup_(kube_ready_done) struct kube_ready r = { 0 };
                ck_ok(kube_ready_parse(rows[i].kind, o, rows[i].min, &r, &err), err);
                ck_assert_msg(r.ready == rows[i].ready && r.failed == rows[i].failed, "case %zu: %s", i, r.text);
                ck_assert_str_eq(r.text, rows[i].text);
        }
}
END_TEST

START_TEST(an_absent_workload_and_its_troubles) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(kube_ready_done) struct kube_ready absent = { 0 }, present = { 0 };
        _cleanup_str_ char *lines = NULL, *none = NULL, *items = xasprintf("{\"items\":[%s,%s]}", pod_json, "{\"metadata\":{\"name\":\"fine\"}}");
        WORLD(w, { 404, NULL, "{\"reason\":\"NotFound\"}" },
              { 200, NULL, "{\"metadata\":{\"generation\":1,\"uid\":\"u\"},\"spec\":{\"selector\":{\"matchLabels\":{\"k8s-app\":\"cilium\"}}}}" },
              { 200, NULL, items });
        ck_ok(kube_ready_check(w.client, KUBE_DAEMON_SET, "kube-system", "cilium", 1, &absent, &err), err);
        ck_assert(!absent.exists && !absent.ready);
        ck_ok(kube_ready_troubles(w.client, "kube-system", &absent, &none, &err), err);
        ck_assert_str_eq(none, "");
        ck_assert_uint_eq(peer_count(w.peer), 1); /* without a selector nobody is blamed */
        ck_ok(kube_ready_check(w.client, KUBE_DAEMON_SET, "kube-system", "cilium", 1, &present, &err), err);
        ck_ok(kube_ready_troubles(w.client, "kube-system", &present, &lines, &err), err);
        ck_assert_str_eq(peer_request(w.peer, 2)->line, "GET /api/v1/namespaces/kube-system/pods?limit=500&labelSelector=k8s-app%3Dcilium");
        ck_assert_ptr_nonnull(strstr(lines, "ImagePullBackOff"));
        ck_assert_ptr_null(strchr(lines, '\n'));
}
END_TEST

/* ---- CSRs ---- */

static void add_extension(STACK_OF(X509_EXTENSION) *list, int nid, const char *value) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
        ck_assert_ptr_nonnull(e);
        sk_X509_EXTENSION_push(list, e);
}

/* A kubelet's request; name may hold a NUL (length counts). */
static char *make_request(const char *name, int name_len, const char *sans, bool break_signature) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509_REQ *req = X509_REQ_new();
        X509_NAME *subject = X509_REQ_get_subject_name(req);
        X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *) "system:nodes", -1, -1, 0);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *) name, name_len, -1, 0);
        X509_REQ_set_pubkey(req, key);
        if (sans) {
                STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
                add_extension(list, NID_subject_alt_name, sans);
                add_extension(list, NID_key_usage, "digitalSignature,keyEncipherment");
                add_extension(list, NID_ext_key_usage, "serverAuth");
                X509_REQ_add_extensions(req, list);
                sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        }
        X509_REQ_sign(req, key, EVP_sha256());
        if (break_signature) {
                EVP_PKEY *other = EVP_EC_gen("P-256");
                X509_REQ_set_pubkey(req, other);
                EVP_PKEY_free(other);
        }
        BIO *b = BIO_new(BIO_s_mem());
        char *p;
        PEM_write_bio_X509_REQ(b, req);
        long n = BIO_get_mem_data(b, &p);
        char *pem = xstrndup(p, (size_t) n);
        BIO_free_all(b);
        X509_REQ_free(req);
        EVP_PKEY_free(key);
        return pem;
}

START_TEST(a_kubelets_request) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(kube_csr_request_done) struct kube_csr_request r = { 0 };
        _cleanup_str_ char *pem = make_request("system:node:demo-worker-1", -1, "DNS:demo-worker-1,IP:2001:db8:0:0:0:0:0:1,IP:10.0.0.2,email:a@b.c,URI:spiffe://x", false);
        ck_ok(kube_csr_request_parse(pem, strlen(pem), &r, &err), err);
        ck_assert_str_eq(r.common_name, "system:node:demo-worker-1");
        ck_assert(r.organizations.n == 1 && strv_has(&r.organizations, "system:nodes"));
        ck_assert(r.dns_names.n == 1 && strv_has(&r.dns_names, "demo-worker-1"));
        ck_assert(r.ips.n == 2 && strv_has(&r.ips, "2001:db8::1") && strv_has(&r.ips, "10.0.0.2"));
        ck_assert(strv_has(&r.emails, "a@b.c") && strv_has(&r.uris, "spiffe://x"));
        ck_assert(r.key_usages.n == 3 && strv_has(&r.key_usages, "digital signature") && strv_has(&r.key_usages, "server auth"));
        ck_assert_str_eq(r.key_type, "EC");
        ck_assert_int_eq(r.key_bits, 256);
}
END_TEST

START_TEST(requests_that_lie) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct kube_csr_request r = { 0 };
        _cleanup_str_ char *nul = make_request("system:node:a\0.example.com", 26, NULL, false);
        _cleanup_str_ char *foreign = make_request("system:node:a", -1, NULL, true);
        _cleanup_str_ char *odd = make_request("system:node:a", -1, "RID:1.2.3.4", false);
        ck_fails(kube_csr_request_parse(nul, strlen(nul), &r, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "NUL"));
        ck_fails(kube_csr_request_parse(foreign, strlen(foreign), &r, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "signed"));
        ck_fails(kube_csr_request_parse(odd, strlen(odd), &r, &err), err, ERR_INVALID);
        ck_fails(kube_csr_request_parse("nonsense", 8, &r, &err), err, ERR_INVALID);
        ck_fails(kube_csr_request_parse("", 0, &r, &err), err, ERR_INVALID);
}
END_TEST

static char *csr_json(const char *name, const char *status) {
        _cleanup_str_ char *pem = make_request("system:node:n", -1, "DNS:n", false);
        _cleanup_str_ char *encoded = base64_encode(pem, strlen(pem));
        return xasprintf("{\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"9\"},\"spec\":{\"request\":\"%s\",\"signerName\":\"kubernetes.io/kubelet-serving\","
                         "\"username\":\"system:node:n\",\"groups\":[\"system:nodes\"],\"usages\":[\"digital signature\",\"server auth\"]},\"status\":%s}",
                         name, encoded, status);
}

START_TEST(csr_states) {
        static const struct { const char *status; enum kube_csr_state state; } rows[] = {
                { "{}", KUBE_CSR_PENDING },
                { "{\"conditions\":[{\"type\":\"Approved\",\"status\":\"True\",\"reason\":\"r\"}]}", KUBE_CSR_APPROVED },
                { "{\"certificate\":\"UEVN\",\"conditions\":[{\"type\":\"Approved\",\"status\":\"True\"}]}", KUBE_CSR_ISSUED },
                { "{\"conditions\":[{\"type\":\"Denied\",\"status\":\"True\"},{\"type\":\"Approved\",\"status\":\"True\"}]}", KUBE_CSR_DENIED },
                { "{\"conditions\":[{\"type\":\"Approved\",\"status\":\"True\"},{\"type\":\"Failed\",\"status\":\"True\",\"message\":\"m\"}]}", KUBE_CSR_FAILED },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_str_ char *text = csr_json("csr-a", rows[i].status);
                _cleanup_json_ json_t *o = parse(text);
                _cleanup_(kube_csr_done) struct kube_csr c = { 0 };
                ck_ok(kube_csr_parse(o, &c, &err), err);
                ck_assert_int_eq(c.state, rows[i].state);
                ck_assert_ptr_null(c.request_error);
                ck_assert_str_eq(c.request.common_name, "system:node:n");
                ck_assert(strv_has(&c.usages, "server auth"));
        }
}
END_TEST

START_TEST(one_bad_request_does_not_hide_others) {
        static const char *const bad[] = { "\"bm9uc2Vuc2U=\"", "\"!!!\"", "[]", "null" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_(kube_csrs_done) struct kube_csrs csrs = { 0 };
                _cleanup_str_ char *good = csr_json("good", "{}");
                _cleanup_str_ char *list = xasprintf("{\"items\":[{\"metadata\":{\"name\":\"bad\"},\"spec\":{\"request\":%s}},%s]}", bad[i], good);
                WORLD(w, { 200, NULL, list });
                ck_ok(kube_csrs_list(w.client, &csrs, &err), err);
                ck_assert_uint_eq(csrs.n, 2);
                ck_assert_ptr_nonnull(csrs.items[0].request_error);
                ck_assert_ptr_null(csrs.items[1].request_error);
        }
}
END_TEST

START_TEST(approving) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_str_ char *pending = csr_json("csr-a", "{}");
        _cleanup_str_ char *denied = csr_json("csr-b", "{\"conditions\":[{\"type\":\"Denied\",\"status\":\"True\"}]}");
        WORLD(w, { 200, NULL, pending }, { 200, NULL, "{}" }, { 200, NULL, denied }, { 200, NULL, pending }, { 409, NULL, "{\"reason\":\"Conflict\"}" });
        ck_ok(kube_csr_approve(w.client, "csr-a", "Checked", "addresses are the node's", &err), err);
        ck_assert_str_eq(peer_request(w.peer, 1)->line, "PUT /apis/certificates.k8s.io/v1/certificatesigningrequests/csr-a/approval");
        _cleanup_json_ json_t *sent = parse(peer_request(w.peer, 1)->body);
        ck_assert_str_eq(jget_text(sent, "status.conditions.0.type"), "Approved");
        ck_assert_str_eq(jget_text(sent, "status.conditions.0.status"), "True");
        ck_assert_str_eq(jget_text(sent, "metadata.resourceVersion"), "9");
        ck_assert_str_eq(jget_text(sent, "spec.username"), "system:node:n");
        ck_fails(kube_csr_approve(w.client, "csr-b", "r", "m", &err), err, ERR_INVALID);
        ck_assert_uint_eq(peer_count(w.peer), 3);
        ck_fails(kube_csr_deny(w.client, "csr-a", "r", "m", &err), err, ERR_CONFLICT);
}
END_TEST

START_TEST(creating_a_csr) {
        static const char *const usages[] = { "digital signature", "client auth", NULL };
        _cleanup_error_ struct error err = ERROR_INIT;
        WORLD(w, { 201, NULL, "{}" });
        ck_ok(kube_csr_create(w.client, "me", "kubernetes.io/kube-apiserver-client", "PEM", usages, 3600, &err), err);
        _cleanup_json_ json_t *sent = parse(peer_request(w.peer, 0)->body);
        ck_assert_str_eq(jget_text(sent, "spec.request"), "UEVN");
        ck_assert_int_eq(json_integer_value(jget(sent, "spec.expirationSeconds")), 3600);
        ck_assert_str_eq(jget_text(sent, "spec.usages.1"), "client auth");
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("kube objects");
        TCase *t = tcase_create("nodes");
        tcase_add_test(t, node_fields);
        tcase_add_test(t, a_new_node_has_nearly_nothing);
        tcase_add_test(t, wrong_types_are_named);
        tcase_add_test(t, pod_cidrs_are_set);
        tcase_add_test(t, a_taint_is_removed_and_others_stay);
        tcase_add_test(t, a_taint_that_is_not_there);
        tcase_add_test(t, labels_and_cordon);
        suite_add_tcase(s, t);
        t = tcase_create("pods");
        tcase_add_test(t, pod_fields_and_image_trouble);
        tcase_add_test(t, pod_troubles);
        tcase_add_test(t, pod_selectors);
        suite_add_tcase(s, t);
        t = tcase_create("readiness");
        tcase_add_test(t, readiness);
        tcase_add_test(t, an_absent_workload_and_its_troubles);
        suite_add_tcase(s, t);
        t = tcase_create("certificate requests");
        tcase_add_test(t, a_kubelets_request);
        tcase_add_test(t, requests_that_lie);
        tcase_add_test(t, csr_states);
        tcase_add_test(t, one_bad_request_does_not_hide_others);
        tcase_add_test(t, approving);
        tcase_add_test(t, creating_a_csr);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
