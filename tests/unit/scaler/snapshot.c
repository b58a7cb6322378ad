/* Reading snapshots: every form that they come in, and every refusal by its name. */
#include "table.h"

#include <unistd.h>

#include "base/json.h"
#include "scaler/feed.h"
#include "scaler/scan.h"

static struct error err;
static void setup(void) { err = ERROR_INIT; }
static void teardown(void) { error_done(&err); }

/* ---- what is refused ---- */

static const struct refusal {
        const char *name, *scene;
        const char *says;
} refusals[] = {
        { "no time", "set {\"time\": null}", "has no 'time'" },
        { "a time that is none", "set {\"time\": \"noon\"}", "'time' must be a time" },
        { "nodes unknown", "set {\"nodes\": null}", "has no 'nodes'" },
        { "pods unknown", "set {\"pods\": null}", "has no 'pods'" },
        { "servers unknown", "set {\"servers\": null}", "has no 'servers'" },
        { "types unknown", "set {\"serverTypes\": null}", "has no 'serverTypes'" },
        { "pools unknown", "set {\"pools\": null}", "has no 'pools'" },
        { "nodes of another form", "set {\"nodes\": 3}", "'[' is expected" },
        { "a list of another form", "set {\"nodes\": {\"kind\": \"Node\"}}", "neither an array nor a list with 'items'" },
        { "a partial list of pods", "set {\"pods\": {\"items\": [], \"metadata\": {\"continue\": \"abc\"}}}", "pods: the list is partial" },
        { "a partial list of servers", "set {\"servers\": {\"servers\": [], \"meta\": {\"pagination\": {\"next_page\": 2}}}}", "servers: the list is partial" },
        { "two pools with one name", "pool worker\npool worker", "two pools are named 'worker'" },
        { "min larger than max", "pool worker min=3 max=2", "pool 'worker': 'autoscale.min' (3) is larger than 'autoscale.max' (2)" },
        { "no max", "pool worker {\"autoscale\": {\"max\": null}}", "'min' and 'max'" },
        { "a negative min", "pool worker min=-1", "both not negative" },
        { "an absurd max", "pool worker max=100000", "at most 5000" },
        { "autoscale that is no map", "pool worker {\"autoscale\": true}", "'autoscale' is no map" },
        { "a pool without a name", "pool worker {\"name\": null}", "a pool has no name" },
        { "types that are no list", "pool worker {\"types\": 5}", "'types' is no list" },
        { "a taint without effect", "pool worker {\"taints\": [\"a=b\"]}", "the taint 'a=b'" },
        { "a node twice", "node w1\nlone w1", "the node 'w1' is listed twice" },
        { "a pod twice", "pod a\npod a", "the pod 'default/a' is listed twice" },
        { "a server twice", "server s\nserver s", "the server 's' is listed twice" },
        { "a node without a name", "node w1 {\"metadata\": {\"name\": null}}", "nodes[1]: a node has no name" },
        { "a pod without a name", "pod a {\"metadata\": {\"name\": null}}", "pods[0]: a pod has no name" },
        { "a pod that is no object", "set {\"pods\": [5]}", "pods[0] is no object" },
        { "a node that is no object", "set {\"nodes\": [\"x\"]}", "nodes[0] is no object" },
        { "labels that are no map", "node w1 {\"metadata\": {\"labels\": [1]}}", "node w1: 'labels' is an array" },
        { "a pod's creation that is no time", "pod a {\"metadata\": {\"creationTimestamp\": \"x\"}}", "'creationTimestamp' is 'x'" },
        { "a node's creation that is no time", "node w1 {\"metadata\": {\"creationTimestamp\": \"x\"}}", "'x' is no time" },
        { "an operator that is none", "pod a {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": {\"nodeSelectorTerms\": "
                "[{\"matchExpressions\": [{\"key\": \"x\", \"operator\": \"Near\"}]}]}}}}}", "'Near' is no operator" },
        { "an affinity without topologyKey", "pod a {\"spec\": {\"affinity\": {\"podAntiAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": [{}]}}}}", "topologyKey" },
        { "a server without id", "server s {\"id\": null}", "a server has no id" },
        { "a server's id that is text", "server s {\"id\": \"5\"}", "'id' is a string" },
        { "servers of two clusters", "node w1\nnode w2 cluster=d", "clusters 'c' and 'd'" },
        { "a threshold above one", "scaler {\"threshold\": 1.5}", "'threshold' is no number from 0 to 1" },
        { "a span that is none", "scaler {\"bootTime\": \"soon\"}", "'bootTime' is no time span" },
        { "a cap that is no money", "scaler {\"maxCostPerMonth\": \"much\"}", "'maxCostPerMonth' is no amount of money" },
        { "a negative cap", "scaler {\"maxNodes\": -1}", "'maxNodes' is no whole number" },
        { "a reserve that is no quantity", "scaler {\"reservedCpu\": \"1x\"}", "'reservedCpu' is no quantity" },
};

START_TEST(refused_by_name) {
        const struct refusal *r = &refusals[_i];
        _cleanup_json_ json_t *o = scene_json(r->scene);
        _cleanup_str_ char *text = json_dumps(o, JSON_INDENT(1));
        _cleanup_snapshot_ struct snapshot *s = NULL;
        ck_assert_msg(snapshot_parse("rec.json", text, strlen(text), &s, &err) < 0, "%s: is taken", r->name);
        ck_assert_msg(strstr(err.message, r->says) != NULL, "%s: '%s' is not in: %s", r->name, r->says, err.message);
        ck_assert_msg(strstr(err.message, "rec.json") != NULL, "%s: the file is not in: %s", r->name, err.message);
}
END_TEST

#define RICH "node w1\nnode w2\ndaemon d cpu=100m\npdb p allowed=1\npv v\npod a on=w1 cpu=1 n=3 {\"metadata\": {\"managedFields\": [{\"x\": [1, 2.5e3, true]}]}}\npending b cpu=1\n" \
             "server w9 age=3m\nscaler {\"maxNodes\": 30}"

START_TEST(a_text_cut_anywhere_is_refused_with_its_place) {
        _cleanup_json_ json_t *o = scene_json(RICH);
        _cleanup_str_ char *text = json_dumps(o, JSON_INDENT(1));
        size_t len = strlen(text);
        for (size_t cut = 0; cut < len; cut += 7) {
                struct snapshot *s = NULL;
                struct error e = ERROR_INIT;
                unsigned line = 1;
                for (size_t i = 0; i < cut; i++)
                        line += text[i] == '\n';
                ck_assert_msg(snapshot_parse("half.json", text, cut, &s, &e) < 0, "the first %zu bytes are taken", cut);
                unsigned told = 0, column = 0;
                ck_assert_msg(sscanf(e.message, "half.json:%u:%u: ", &told, &column) == 2, "no place in: %s", e.message);
                ck_assert_msg(told == line && column >= 1, "line %u is said, %u is right: %s", told, line, e.message);
                error_done(&e);
        }
}
END_TEST

START_TEST(a_file_is_read_as_its_text_is) {
        _cleanup_json_ json_t *o = scene_json(RICH);
        char path[] = "/tmp/test-snapshot-XXXXXX";
        int fd = mkstemp(path);
        ck_assert(fd >= 0 && json_dumpfd(o, fd, JSON_INDENT(2)) == 0);
        _cleanup_snapshot_ struct snapshot *s = NULL;
        int rc = snapshot_load(path, &s, &err);
        ck_assert_msg(rc == 0, "%s", err.message);
        ck_assert(ftruncate(fd, lseek(fd, 0, SEEK_END) / 2) == 0);
        struct snapshot *half = NULL;
        ck_assert(snapshot_load(path, &half, &err) < 0);
        ck_assert_ptr_nonnull(strstr(err.message, path));
        close(fd);
        unlink(path);
        error_done(&err);
        ck_fails(snapshot_load(path, &half, &err), err, ERR_IO);
        struct snapshot_counts counts;
        snapshot_counts(s, &counts);
        ck_assert_uint_eq(counts.nodes, 3);
        ck_assert_uint_eq(counts.ready, 3);
        ck_assert_uint_eq(counts.control_planes, 1);
        ck_assert_uint_eq(counts.servers, 4);
        ck_assert_uint_eq(counts.coming, 1);
        ck_assert_uint_eq(counts.pending, 1);
}
END_TEST

/* ---- the forms ---- */

static char *decided(const char *text, size_t len) {
        _cleanup_snapshot_ struct snapshot *s = NULL;
        _cleanup_decision_ struct decision d = { 0 };
        ck_ok(snapshot_parse("text", text, len, &s, &err), err);
        ck_ok(decide(s, &d, &err), err);
        _cleanup_json_ json_t *o = decision_json(&d);
        return json_dumps(o, JSON_SORT_KEYS);
}

static char *decided_json(json_t *o) {
        _cleanup_str_ char *text = json_dumps(o, 0);
        return decided(text, strlen(text));
}

#define BUSY RICH "\nnode w3 since=11m seen=1m\npending g cpu=3 n=4\npool worker types=cx23,cx33 locations=hel1,nbg1\npod e on=w2 cpu=1200m"

START_TEST(lists_as_kubectl_and_hcloud_write_them) {
        _cleanup_json_ json_t *plain = scene_json(BUSY), *wrapped = json_deep_copy(plain);
        static const char *const kubernetes[] = { "nodes", "pods", "podDisruptionBudgets", "daemonSets", "replicaSets", "persistentVolumes" };
        for (size_t i = 0; i < ARRAY_SIZE(kubernetes); i++)
                json_object_set_new(wrapped, kubernetes[i], json_pack("{s:s, s:s, s:{s:s}, s:O}", "apiVersion", "v1", "kind", "List", "metadata", "resourceVersion", "",
                                                                      "items", json_object_get(plain, kubernetes[i])));
        json_object_set_new(wrapped, "servers", json_pack("{s:O, s:{s:{s:i, s:n}}}", "servers", json_object_get(plain, "servers"), "meta", "pagination", "page", 1, "next_page"));
        json_object_set_new(wrapped, "serverTypes", json_pack("{s:O}", "server_types", json_object_get(plain, "serverTypes")));
        json_object_set_new(wrapped, "pricing", json_pack("{s:O}", "pricing", json_object_get(plain, "pricing")));
        _cleanup_str_ char *a = decided_json(plain), *b = decided_json(wrapped);
        ck_assert_str_eq(a, b);
        ck_assert_ptr_nonnull(strstr(a, "\"up\": {\"worker\": 4}"));
}
END_TEST

static json_t *reversed(json_t *o) {
        json_t *out = json_object(), *v;
        const char *key;
        json_object_foreach(o, key, v) {
                if (!json_is_array(v)) {
                        json_object_set(out, key, v);
                        continue;
                }
                json_t *list = json_array();
                for (size_t i = json_array_size(v); i > 0; i--)
                        json_array_append(list, json_array_get(v, i - 1));
                json_object_set_new(out, key, list);
        }
        return out;
}

START_TEST(the_order_of_lists_does_not_matter) {
        _cleanup_json_ json_t *o = scene_json(BUSY), *back = reversed(o);
        _cleanup_str_ char *a = decided_json(o), *b = decided_json(back), *c = decided_json(o);
        ck_assert_str_eq(a, b);
        ck_assert_str_eq(a, c);
}
END_TEST

START_TEST(pages_make_a_whole) {
        _cleanup_json_ json_t *o = scene_json(BUSY);
        _cleanup_snapshot_ struct snapshot *s = snapshot_new(true);
        for (int i = 0; i < _SNAPSHOT_PARTS; i++) {
                json_t *v = json_object_get(o, snapshot_part_key((enum snapshot_part) i));
                for (size_t from = 0; json_is_array(v) && from < json_array_size(v); from += 2) {
                        bool more = from + 2 < json_array_size(v);
                        json_t *items = json_array();
                        for (size_t k = from; k < MIN(from + 2, json_array_size(v)); k++)
                                json_array_append(items, json_array_get(v, k));
                        _cleanup_json_ json_t *page = json_pack("{s:{s:s}, s:o}", "metadata", "continue", more ? "t" : "", "items", items);
                        _cleanup_str_ char *text = json_dumps(page, 0), *token = NULL;
                        ck_ok(snapshot_add(s, (enum snapshot_part) i, "GET /x", text, strlen(text), &token, &err), err);
                        ck_assert_int_eq(token != NULL, more);
                }
                if (json_array_size(v) == 0) {
                        _cleanup_str_ char *text = json_dumps(v, 0);
                        ck_ok(snapshot_add(s, (enum snapshot_part) i, "GET /x", text, strlen(text), NULL, &err), err);
                }
        }
        snapshot_set_time(s, 1795435200000);
        ck_ok(snapshot_finish(s, &err), err);
        _cleanup_decision_ struct decision d = { 0 };
        ck_ok(decide(s, &d, &err), err);
        _cleanup_json_ json_t *have = decision_json(&d);
        _cleanup_str_ char *a = decided_json(o), *b = json_dumps(have, JSON_SORT_KEYS);
        ck_assert_str_eq(a, b);
}
END_TEST

START_TEST(an_unfinished_list_is_refused_at_the_end) {
        _cleanup_snapshot_ struct snapshot *s = snapshot_new(false);
        static const enum snapshot_part parts[] = { SNAPSHOT_NODES, SNAPSHOT_SERVERS, SNAPSHOT_SERVER_TYPES, SNAPSHOT_POOLS };
        snapshot_set_time(s, 1795435200000);
        for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
                ck_ok(snapshot_add(s, parts[i], "x", "[]", 2, NULL, &err), err);
        const char *page = "{\"items\": [], \"metadata\": {\"continue\": \"t\"}}";
        _cleanup_str_ char *token = NULL;
        ck_ok(snapshot_add(s, SNAPSHOT_PODS, "x", page, strlen(page), &token, &err), err);
        ck_assert_str_eq(token, "t");
        ck_fails(snapshot_finish(s, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "the list of pods is partial"));
}
END_TEST

START_TEST(a_profile_gives_pools_and_settings) {
        static const char profile[] = "cluster: c\npools: [{name: worker, types: [cx33], locations: [nbg1], labels: {disk: ssd}, taints: ['a=b:NoSchedule', 'x:NoExecute'],\n"
                                      "  autoscale: {min: 0, max: 4}}]\nscaler: {maxNodes: 3, maxCostPerMonth: 500, pendingAge: 90s}\n";
        struct cluster_spec *spec = NULL;
        ck_ok(cluster_spec_parse("p.yaml", profile, strlen(profile), NULL, NULL, &spec, &err), err);
        _cleanup_json_ json_t *o = scene_json("pending old cpu=3 n=5 tolerates-all select=disk=ssd\npending young age=80s cpu=3 tolerates-all\nserver z cluster=other pool=worker age=1m");
        _cleanup_snapshot_ struct snapshot *s = snapshot_new(false);
        for (int i = 0; i < SNAPSHOT_POOLS; i++) {
                _cleanup_str_ char *text = json_dumps(json_object_get(o, snapshot_part_key((enum snapshot_part) i)), 0);
                ck_ok(snapshot_add(s, (enum snapshot_part) i, "x", text, strlen(text), NULL, &err), err);
        }
        snapshot_set_time(s, 1795435200000);
        ck_ok(snapshot_add_spec(s, spec, &err), err);
        ck_ok(snapshot_finish(s, &err), err);
        cluster_spec_free(spec);
        _cleanup_decision_ struct decision d = { 0 };
        ck_ok(decide(s, &d, &err), err);
        _cleanup_str_ char *have = scene_decision(&d), *words = scene_words(&d);
        ck_assert_str_eq(have, "up worker=2 cx33@nbg1");
        ck_assert_msg(strstr(words, "unplaceable default/old-0002 ×3") && strstr(words, "scaler.maxNodes") && !strstr(words, "young"), "%s", words);
}
END_TEST

/* ---- recording ---- */

START_TEST(what_is_recorded_decides_the_same_and_holds_no_secret) {
        _cleanup_json_ json_t *o = scene_json(BUSY "\npod s on=w2 cpu=1m note=kubectl.kubernetes.io/last-applied-configuration=hunter2 {\"spec\": {\"containers\": [{\"name\": \"m\", \"env\": "
                                                   "[{\"name\": \"TOKEN\", \"value\": \"hunter2\"}], \"command\": [\"hunter2\"], \"image\": \"hunter2\", \"resources\": {\"requests\": "
                                                   "{\"cpu\": \"1m\"}}}]}}");
        _cleanup_snapshot_ struct snapshot *s = snapshot_new(true);
        for (int i = 0; i < _SNAPSHOT_PARTS; i++) {
                json_t *v = json_object_get(o, snapshot_part_key((enum snapshot_part) i));
                _cleanup_str_ char *text = json_dumps(v, 0);
                ck_ok(snapshot_add(s, (enum snapshot_part) i, "x", text, strlen(text), NULL, &err), err);
        }
        snapshot_set_time(s, 1795435200000);
        ck_ok(snapshot_finish(s, &err), err);
        char *text = NULL;
        size_t len = 0;
        FILE *f = open_memstream(&text, &len);
        ck_ok(snapshot_write(s, f, &err), err);
        fclose(f);
        ck_assert_ptr_null(strstr(text, "hunter2"));
        ck_assert_ptr_null(strstr(text, "managedFields"));
        _cleanup_str_ char *a = decided_json(o), *b = decided(text, len);
        ck_assert_str_eq(a, b);
        free(text);
}
END_TEST

START_TEST(a_snapshot_that_does_not_record_cannot_be_written) {
        _cleanup_snapshot_ struct snapshot *s = scene(RICH);
        ck_fails(snapshot_write(s, stdout, &err), err, ERR_BUG);
}
END_TEST

/* ---- other input that must not hurt ---- */

static const struct row odd[] = {
        { "a type that is gone", "pool worker types=cx99,cx23\npending b cpu=1", "up worker=1 cx23@hel1", "there is no server type 'cx99'" },
        { "all types gone", "pool worker types=cx99\npending b cpu=1", "", "worker: there is no server type 'cx99'" },
        { "no price", "only\ntype cx23 price=none\npool worker\npending b cpu=1", "", "has no price there" },
        { "the price stands in the price list", "only\ntype cx23 price=none\npool worker\nset {\"pricing\": {\"server_types\": [{\"name\": \"cx23\", \"prices\": [{\"location\": \"hel1\", "
                "\"price_hourly\": {\"net\": \"0.005\"}, \"price_monthly\": {\"net\": \"3.25\"}}]}]}}\npending b cpu=1", "up worker=1 cx23@hel1", "3.25 EUR" },
        { "a price by the hour only", "only\ntype cx23 {\"prices\": [{\"location\": \"hel1\", \"price_hourly\": {\"net\": \"0.01\"}}]}\npool worker\npending b cpu=1", "up worker=1 cx23@hel1",
          "7.30 EUR" },
        { "no pricing at all", "set {\"pricing\": null}\npending b cpu=1", "up worker=1 cx23@hel1", "3.49 (currency not given)" },
        { "a type without room", "only\ntype cx23 cores=0 memory=0\npool worker\npending b cpu=1", "", "cx23 has 0" },
        { "no pools", "only\npending b cpu=1", "", "no pool has 'autoscale'" },
        { "no pool with autoscale", "pool worker fixed\npending b cpu=1", "", "no pool has 'autoscale'" },
        { "no nodes to hold on to", "pending b cpu=1", "up worker=1 cx23@hel1", NULL },
        { "a node without allocatable", "node w1 {\"status\": {\"allocatable\": null}}\npending b cpu=1", "up worker=1 cx23@hel1", NULL },
        { "a node with a malformed quantity", "node w1 since=11m seen=1m {\"status\": {\"allocatable\": {\"memory\": \"lots\"}}}\npending b cpu=1", "up worker=1 cx23@hel1", NULL },
        { "a pod on a node that is not there", "node w1 keep\npod a on=w7 cpu=1", "", NULL },
        { "a pod without containers", "pending b {\"spec\": {\"containers\": []}}", "up worker=1 cx23@hel1", NULL },
        { "daemons unknown", "set {\"daemonSets\": null}\npending b cpu=1", "up worker=1 cx23@hel1", "counted without DaemonSet pods" },
        { "volumes unknown", "set {\"persistentVolumes\": null}\npending b cpu=1 claim=x", "", "has volume claims" },
        { "ReplicaSets unknown", "set {\"replicaSets\": null}\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m", "down w1 drain", NULL },
        { "servers of other clusters do not count", "set {\"cluster\": \"c\"}\nnode w1 keep\nserver z cluster=d pool=worker age=3m\npending b cpu=1900m", "", "left to the scheduler" },
        { "a server without labels", "server z {\"labels\": null}", "", NULL },
        { "a server in a location that has no price", "node w1 keep location=mars", "", NULL },
        { "unknown keys", "set {\"weather\": {\"nodes\": [1, 2, {\"x\": null}]}}\npending b cpu=1", "up worker=1 cx23@hel1", NULL },
        { "types as one word", "pool worker {\"types\": \"cx33\"}\npending b cpu=1", "up worker=1 cx33@hel1", NULL },
        { "types and locations not given", "pool worker {\"types\": null, \"locations\": null}\npending b cpu=1", "up worker=1 cx23@hel1", "there is no server type 'cpx22'" },
        { "taints as Kubernetes writes them", "pool worker {\"taints\": [{\"key\": \"a\", \"value\": \"b\", \"effect\": \"NoSchedule\"}]}\npending b cpu=1", "", "does not tolerate" },
};

START_TEST(odd_input_holds) {
        check_row(&odd[_i]);
}
END_TEST

START_TEST(too_many_unready_nodes_are_refused) {
        static const struct { const char *scene; bool refused; } cases[] = {
                { "node w1 unready", true }, { "node w1 unready\nnode w2", false }, { "node w1 unready\nnode w2\nnode w3 unready\nnode w4", false },
                { "node w1 unready\nnode w2\nnode w3 unready", true }, { "node w1 unready age=2m changed=2m\nnode w2 unready age=2m changed=2m\nnode w3 unready age=2m changed=2m", false },
                { "bare", true },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_snapshot_ struct snapshot *s = scene(cases[i].scene);
                _cleanup_decision_ struct decision d = { 0 };
                int rc = decide(s, &d, &err);
                ck_assert_msg((rc < 0) == cases[i].refused, "%s: %s", cases[i].scene, rc < 0 ? err.message : "decided");
                ck_assert(rc == 0 || err.kind == ERR_REFUSED);
                error_done(&err);
        }
}
END_TEST

START_TEST(ten_thousand_pods_for_a_gpu_are_one_line) {
        _cleanup_snapshot_ struct snapshot *s = scene("node w1\npending g gpu=1 cpu=1 n=10000");
        _cleanup_decision_ struct decision d = { 0 };
        ck_ok(decide(s, &d, &err), err);
        ck_assert_uint_eq(d.n_unplaceable, 1);
        ck_assert_uint_eq(d.unplaceable[0].count, 10000);
        ck_assert_str_eq(d.unplaceable[0].pod, "default/g-0000");
        ck_assert_uint_eq(d.reasons.n, 1);
}
END_TEST

/* ---- passing over ---- */

#define PASSED "{\"a\":[1,-2.5e3,true,false,null,\"x\\\"y\",{},[],[[]],{\"b\":{\"c\":\"d\"}}],\"e\":\"f\"},"

/* Where the fast way gives an answer, a JSON parser finds a whole value there, and the careful way ends at the same place. */
static void passes_as_it_should(const char *text, size_t len) {
        _cleanup_error_ struct error e = ERROR_INIT;
        const char *behind = scan_quick_value(text, text + len, 0);
        if (!behind)
                return;
        _cleanup_json_ json_t *v = json_loadb(text, (size_t) (behind - text), JSON_DECODE_ANY, NULL);
        ck_assert_msg(v != NULL, "%.*s", (int) len, text);
        _cleanup_(scan_done) struct scan scan;
        _cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
        static const struct scan_field all[] = { { "*", NULL }, { NULL, NULL } };
        scan_init_text(&scan, "x", text, len);
        ck_ok(scan_value(&scan, all, &out, &e), e);              /* keeps every member, one by one */
        ck_assert_ptr_eq(scan.p, behind);
        ck_assert_int_eq(out.len, behind - text);
        ck_assert_mem_eq(out.data, text, out.len);
}

START_TEST(the_fast_way_is_right_or_silent) {
        static const char whole[] = PASSED, other[] = "{}[]\",:\\ \n0t-";
        char text[sizeof(whole)];
        ck_assert_ptr_eq(scan_quick_value(whole, whole + strlen(whole), 0), whole + strlen(whole) - 1);
        for (size_t n = 0; n < strlen(whole); n++)
                ck_assert_msg(n == strlen(whole) - 1 || !scan_quick_value(whole, whole + n, 0), "%zu", n);
        for (size_t at = 0; at < strlen(whole); at++)
                for (size_t o = 0; o < strlen(other); o++) {
                        memcpy(text, whole, sizeof(whole));
                        text[at] = other[o];
                        passes_as_it_should(text, strlen(whole));
                }
}
END_TEST

START_TEST(the_fast_way_ends_where_the_careful_one_does) {
        char deep[2 * SCAN_DEPTH + 8];
        for (unsigned depth = SCAN_DEPTH - 1; depth <= SCAN_DEPTH + 1; depth++) {
                memset(deep, '[', depth);
                memset(deep + depth, ']', depth);
                bool fits = scan_quick_value(deep, deep + 2 * depth, 0) != NULL;
                ck_assert_int_eq(fits, depth <= SCAN_DEPTH);
        }
}
END_TEST

START_TEST(the_token_of_a_page) {
        static const struct { const char *text, *token; } pages[] = {
                { "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"1\",\"continue\":\"abc\",\"remainingItemCount\":3},\"items\":[", "abc" },
                { "{\"items\":[{\"metadata\":{\"continue\":\"no\"}}],\"metadata\":{\"continue\":\"a\\/b\"}}", "a/b" },
                { "{\"metadata\":{\"continue\":\"\"},\"items\":[]}", NULL },
                { "{\"metadata\":{},\"items\":[]}", NULL },
                { "{\"items\":[]}", NULL },
        };
        for (size_t i = 0; i < ARRAY_SIZE(pages); i++) {
                _cleanup_str_ char *token = NULL;
                ck_ok(feed_token("x", pages[i].text, strlen(pages[i].text), &token, &err), err);
                ck_assert_str_eq(token ? token : "none", pages[i].token ? pages[i].token : "none");
        }
        char *token = NULL;
        ck_fails(feed_token("x", "{\"items\":[{", 11, &token, &err), err, ERR_INVALID);
        ck_fails(feed_token("x", "<html>", 6, &token, &err), err, ERR_INVALID);
}
END_TEST

static Suite *suite_snapshot(void) {
        Suite *s = suite_create("snapshot");
        TCase *t = tcase_create("snapshot");
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_loop_test(t, refused_by_name, 0, (int) ARRAY_SIZE(refusals));
        tcase_add_loop_test(t, odd_input_holds, 0, (int) ARRAY_SIZE(odd));
        tcase_add_test(t, a_text_cut_anywhere_is_refused_with_its_place);
        tcase_add_test(t, a_file_is_read_as_its_text_is);
        tcase_add_test(t, lists_as_kubectl_and_hcloud_write_them);
        tcase_add_test(t, the_order_of_lists_does_not_matter);
        tcase_add_test(t, pages_make_a_whole);
        tcase_add_test(t, an_unfinished_list_is_refused_at_the_end);
        tcase_add_test(t, a_profile_gives_pools_and_settings);
        tcase_add_test(t, what_is_recorded_decides_the_same_and_holds_no_secret);
        tcase_add_test(t, a_snapshot_that_does_not_record_cannot_be_written);
        tcase_add_test(t, too_many_unready_nodes_are_refused);
        tcase_add_test(t, the_fast_way_is_right_or_silent);
        tcase_add_test(t, the_fast_way_ends_where_the_careful_one_does);
        tcase_add_test(t, the_token_of_a_page);
        tcase_add_test(t, ten_thousand_pods_for_a_gpu_are_one_line);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_snapshot())
