/* A Node's pod CIDR, and the gates about it: what must never be let through. */
#include "bootstrap/private.h"
#include "ground.h"

#define NODE(name, n, spec)                                                                                      \
        "{\"metadata\":{\"name\":\"" name "\",\"creationTimestamp\":\"2026-09-21T14:00:00Z\"},"                  \
        "\"spec\":{\"providerID\":\"hcloud://10" n "\"" spec "},"                                                \
        "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}],"                                 \
        "\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"2001:db8:0:" n "::1\"}]}}"
#define CIDR(text) ",\"podCIDR\":\"" text "\",\"podCIDRs\":[\"" text "\"]"
#define LIST(items) { 200, NULL, "{\"items\":[" items "]}" }
#define ISSUED(name)                                                                                             \
        "{\"metadata\":{\"name\":\"csr-" name "\"},"                                                             \
        "\"spec\":{\"signerName\":\"kubernetes.io/kubelet-serving\",\"username\":\"system:node:" name "\"},"     \
        "\"status\":{\"certificate\":\"UEVN\",\"conditions\":[{\"type\":\"Approved\",\"status\":\"True\"}]}}"
#define COREDNS                                                                                                  \
        { 200, NULL, "{\"metadata\":{\"generation\":1},\"spec\":{\"replicas\":2},\"status\":{\"observedGeneration\":1,"    \
                     "\"replicas\":2,\"readyReplicas\":2,\"updatedReplicas\":2,\"availableReplicas\":2,"         \
                     "\"conditions\":[{\"type\":\"Available\",\"status\":\"True\"}]}}" }

/* ---- bootstrap_pod_cidr() ---- */

static int give(struct ground *g, enum pod_cidr_rule rule, int64_t timeout_ms, struct error *err) {
        const struct bootstrap_node node = ground_node(1);
        return bootstrap_pod_cidr(&g->b, &node, rule, timeout_ms, err);
}

START_TEST(the_client_gives_the_second_80_once_the_node_appears) {
        GROUND(g, { 404, NULL, "{}" }, { 200, NULL, NODE("demo-1", "1", "") }, { 200, NULL, NODE("demo-1", "1", "") });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(give(&g, POD_CIDR_CLIENT, 0, &err), err);
        ck_assert_uint_eq(peer_count(g.peer), 3);
        ck_assert_msg(str_starts(peer_request(g.peer, 2)->line, "PATCH "), "%s", peer_request(g.peer, 2)->line);
        ck_assert_msg(strstr(peer_request(g.peer, 2)->body, "\"2001:db8:0:1:1::/80\""), "%s", peer_request(g.peer, 2)->body);
        ck_assert(strstr(g.notes, "waiting for the node to register") != NULL);
}
END_TEST

START_TEST(a_pod_cidr_that_is_there_is_left_alone) {
        GROUND(g, { 200, NULL, NODE("demo-1", "1", CIDR("2001:db8:0:1:5::/80")) });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(give(&g, POD_CIDR_CLIENT, 0, &err), err);
        ck_assert_uint_eq(peer_count(g.peer), 1);
}
END_TEST

START_TEST(a_pod_cidr_outside_the_nodes_64_is_refused) {
        static const char *const foreign[] = {
                NODE("demo-1", "1", CIDR("2001:db8:0:2:1::/80")), NODE("demo-1", "1", CIDR("10.244.0.0/24")),
                NODE("demo-1", "1", CIDR("2001:db8::/56")), NODE("demo-1", "1", CIDR("nonsense")),
                NODE("demo-1", "1", ",\"podCIDRs\":[\"2001:db8:0:1:1::/80\",\"2001:db8:0:2:1::/80\"]"),
        };
        for (size_t i = 0; i < ARRAY_SIZE(foreign); i++) {
                GROUND(g, { 200, NULL, foreign[i] });
                _cleanup_error_ struct error err = ERROR_INIT;

                ck_fails(give(&g, i % 2 ? POD_CIDR_CLIENT : POD_CIDR_CCM, 0, &err), err, ERR_REFUSED);
                ck_assert_msg(strstr(err.message, "demo-1") && err.hint && strstr(err.hint, "kubectl delete node demo-1"),
                              "%s", err.message);
                ck_assert_uint_eq(peer_count(g.peer), 1);
        }
}
END_TEST

START_TEST(a_pod_cidr_that_holds_the_nodes_address_is_refused) {
        GROUND(g, { 200, NULL, NODE("demo-1", "1", CIDR("2001:db8:0:1::/80")) });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_fails(give(&g, POD_CIDR_CCM, 0, &err), err, ERR_REFUSED);
        ck_assert_msg(strstr(err.message, "2001:db8:0:1::/80") != NULL, "%s", err.message);
}
END_TEST

START_TEST(under_the_ccms_rule_it_is_waited_for_and_never_given) {
        GROUND(g, { 200, NULL, NODE("demo-1", "1", "") }, { 200, NULL, NODE("demo-1", "1", "") },
               { 200, NULL, NODE("demo-1", "1", CIDR("2001:db8:0:1:1::/80")) });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(give(&g, POD_CIDR_CCM, 0, &err), err);
        for (size_t i = 0; i < peer_count(g.peer); i++)
                ck_assert(str_starts(peer_request(g.peer, i)->line, "GET "));
}
END_TEST

START_TEST(a_node_that_never_registers_is_named) {
        GROUND(g, { 404, NULL, "{}" });
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_fails(give(&g, POD_CIDR_CLIENT, SECOND_MS, &err), err, ERR_TIMEOUT);
        ck_assert_msg(strstr(err.message, "demo-1") && strstr(err.message, "did not register"), "%s", err.message);
}
END_TEST

/* ---- gates ---- */

static const struct gate_result *gate(const struct gate_list *list, const char *name, const char *object) {
        for (size_t i = 0; i < list->n; i++)
                if (str_eq(list->items[i].gate, name) && strstr(list->items[i].object, object))
                        return &list->items[i];
        ck_abort_msg("there is no gate '%s' of %s", name, object);
}

/* One look: the timeout ends before the first pause. */
static int gates(struct ground *g, size_t n, struct gate_list *ret, struct error *err) {
        const struct bootstrap_node nodes[] = { ground_node(1), ground_node(2) };
        return bootstrap_gates(&g->b, nodes, n, 1, ret, err);
}

#define GOOD_1 NODE("demo-1", "1", CIDR("2001:db8:0:1:1::/80"))
#define GOOD_2 NODE("demo-2", "2", CIDR("2001:db8:0:2:1::/80"))

START_TEST(a_good_cluster_passes) {
        GROUND(g, LIST(GOOD_1 "," GOOD_2), LIST(ISSUED("demo-1") "," ISSUED("demo-2")), COREDNS);
        _cleanup_(gate_list_done) struct gate_list list = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(gates(&g, 2, &list, &err), err);
        for (size_t i = 0; i < list.n; i++)
                ck_assert_msg(list.items[i].passed, "%s: %s: %s", list.items[i].gate, list.items[i].object, list.items[i].text);
        ck_assert_uint_ge(list.n, 2 * 7 + 2);
}
END_TEST

/* Nodes, requests and CoreDNS are asked for in turn, look after look; each look must end at the named gate. */
static void refused(const char *node, const char *csrs, const char *name, const char *object) {
        _cleanup_str_ char *nodes = xasprintf("{\"items\":[%s]}", node), *requests = xasprintf("{\"items\":[%s]}", csrs);
        const struct peer_answer round[] = { { 200, NULL, nodes }, { 200, NULL, requests }, COREDNS };
        struct peer_answer answers[12];
        _cleanup_ground_ struct ground g;
        _cleanup_(gate_list_done) struct gate_list list = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                answers[i] = round[i % 3];
        ground_init(&g);
        ground_kube(&g, answers, ARRAY_SIZE(answers));
        ck_fails(gates(&g, 1, &list, &err), err, ERR_REFUSED);
        ck_assert_msg(!gate(&list, name, object)->passed, "%s", name);
        ck_assert_msg(strstr(err.message, name) != NULL, "%s does not name %s", err.message, name);
}

START_TEST(each_gate_can_fail) {
        refused(NODE("demo-1", "1", CIDR("2001:db8:0:1::/80")), ISSUED("demo-1"), "own address", "demo-1");
        refused(NODE("demo-1", "1", CIDR("2001:db8:0:2:1::/80")), ISSUED("demo-1"), "pod CIDR", "demo-1");
        refused(NODE("demo-1", "1", ""), ISSUED("demo-1"), "pod CIDR", "demo-1");
        refused(NODE("demo-1", "1", CIDR("10.0.0.0/24")), ISSUED("demo-1"), "pod CIDR", "demo-1");
        refused(NODE("demo-1", "2", CIDR("2001:db8:0:1:1::/80")), ISSUED("demo-1"), "provider id", "demo-1");
        refused(NODE("demo-1", "1", CIDR("2001:db8:0:1:1::/80")
                     ",\"taints\":[{\"key\":\"node.cloudprovider.kubernetes.io/uninitialized\",\"effect\":\"NoSchedule\"}]"),
                ISSUED("demo-1"), "node initialized", "demo-1");
        refused(GOOD_1, "", "serving certificate", "demo-1");
        refused(GOOD_1, ISSUED("demo-2"), "serving certificate", "demo-1");
        refused(GOOD_2, ISSUED("demo-1"), "node registered", "demo-1");
}
END_TEST

START_TEST(overlapping_pod_cidrs_fail) {
        const struct peer_answer round[] = { LIST(GOOD_1 "," NODE("demo-2", "2", CIDR("2001:db8:0:1:1::/80"))),
                                             LIST(ISSUED("demo-1") "," ISSUED("demo-2")), COREDNS };
        struct peer_answer answers[12];
        _cleanup_ground_ struct ground g;
        _cleanup_(gate_list_done) struct gate_list list = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                answers[i] = round[i % 3];
        ground_init(&g);
        ground_kube(&g, answers, ARRAY_SIZE(answers));
        ck_fails(gates(&g, 2, &list, &err), err, ERR_REFUSED);
        ck_assert(!gate(&list, "pod CIDRs distinct", "demo-1")->passed);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("bootstrap node");
        TCase *cidr = tcase_create("pod CIDR"), *all = tcase_create("gates");

        tcase_add_test(cidr, the_client_gives_the_second_80_once_the_node_appears);
        tcase_add_test(cidr, a_pod_cidr_that_is_there_is_left_alone);
        tcase_add_test(cidr, a_pod_cidr_outside_the_nodes_64_is_refused);
        tcase_add_test(cidr, a_pod_cidr_that_holds_the_nodes_address_is_refused);
        tcase_add_test(cidr, under_the_ccms_rule_it_is_waited_for_and_never_given);
        tcase_add_test(cidr, a_node_that_never_registers_is_named);
        tcase_add_test(all, a_good_cluster_passes);
        tcase_add_test(all, each_gate_can_fail);
        tcase_add_test(all, overlapping_pod_cidrs_fail);
        suite_add_tcase(s, cidr);
        suite_add_tcase(s, all);
        return s;
}

UNIT_MAIN(suite())
