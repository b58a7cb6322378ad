/* Profiles and flags: every bad input must name its place and its rule, every good one must arrive. */
#include "unit.h"

#include <unistd.h>

#include "base/file.h"
#include "cluster/spec.h"
#include "cluster/versions.h"

static struct error err;

static void setup(void) { err = ERROR_INIT; }
static void teardown(void) { error_done(&err); }

static int parse(const char *text, const struct cluster_overrides *o, struct cluster_spec **ret) {
        return cluster_spec_parse("p.yaml", text, strlen(text), NULL, o, ret, &err);
}

/* The text must be refused, as a profile error, with these words in the message. */
static void refused(const char *text, const char *words) {
        struct cluster_spec *s = NULL;
        ck_fails(parse(text, NULL, &s), err, ERR_PROFILE);
        ck_assert_ptr_null(s);
        ck_assert_msg(strstr(err.message, words) != NULL, "'%s' lacks '%s'", err.message, words);
        error_done(&err);
}

static void flag_refused(const struct cluster_overrides *o, const char *text, const char *words) {
        struct cluster_spec *s = NULL;
        ck_fails(parse(text, o, &s), err, ERR_USAGE);
        ck_assert_msg(strstr(err.message, words) != NULL, "'%s' lacks '%s'", err.message, words);
        error_done(&err);
}

START_TEST(empty_profile_is_the_default) {
        struct cluster_spec *s = NULL, *d = NULL;
        ck_ok(parse("", NULL, &s), err);
        ck_ok(cluster_spec_load(NULL, NULL, &d, &err), err);
        ck_assert_str_eq(s->name, "default");
        ck_assert_int_eq(cluster_spec_nodes(s), 3);
        ck_assert_int_eq(cluster_spec_nodes(d), 3);
        ck_assert_str_eq(s->talos, d->talos);
        ck_assert_str_eq(s->talos, version_default()->talos);
        ck_assert_str_eq(s->kubernetes, d->kubernetes);
        ck_assert_str_eq(s->cilium.digest, version_default()->cilium.digest);
        ck_assert(s->cilium.pinned && d->cilium.pinned);
        ck_assert_int_eq(s->dns64.n, d->dns64.n);
        ck_assert_int_eq(s->pools[0].types.n, 3);
        ck_assert_str_eq(s->control_planes.types.items[0], s->pools[0].types.items[0]);
        ck_assert_str_eq(s->control_planes.locations.items[0], "hel1");
        cluster_spec_free(s);
        cluster_spec_free(d);
}
END_TEST

START_TEST(unknown_keys_name_their_place_and_neighbour) {
        refused("cluster: a\nclustr: b\n", "p.yaml:2:1: unknown key 'clustr'; did you mean 'cluster'?");
        refused("firewall:\n  operatrs: [auto]\n", "p.yaml:2:3: unknown key 'operatrs'; did you mean 'operators'?");
        refused("pools:\n  - name: a\n    cuont: 2\n", "p.yaml:3:5: unknown key 'cuont'; did you mean 'count'?");
        refused("zzzzzzzzzzzz: 1\n", "known here: cluster, talos");
}
END_TEST

START_TEST(wrong_types_name_their_place) {
        refused("cluster: [a]\n", "p.yaml:1:10: a string is wanted here, not a list");
        refused("ipv4: maybe\n", "p.yaml:1:7: 'ipv4' wants true or false");
        refused("pools: 3\n", "a list of pools is wanted here, not a number");
        refused("pools:\n  - name: a\n    count: two\n", "p.yaml:3:12: 'count' wants a number, not a string");
        refused("pools:\n  - name: a\n    count: -1\n", "must be from 0 to");
        refused("- a\n", "a map is wanted here, not a list");
        refused("delivery: pushh\n", "did you mean 'push'?");
        refused("patches:\n  all: 5\n", "a patch is a map, or the name of a file");
        refused("controlPlanes: many\n", "'controlPlanes' wants an odd number or a map");
}
END_TEST

START_TEST(bad_yaml_is_refused) {
        refused("cluster: a\ncluster: b\n", "p.yaml:2:");
        refused("cluster:\n\t- a\n", "p.yaml:2:");
        refused("cluster: [a\n", "p.yaml:");
        size_t n = SPEC_FILE_MAX + 1;
        char *big = malloc(n + 1);
        memset(big, '#', n);
        big[n] = '\0';
        refused(big, "larger than");
        free(big);
}
END_TEST

START_TEST(rules_of_names_and_counts) {
        refused("cluster: Upper\n", "at most 32 of [a-z0-9-]");
        refused("cluster: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", "at most 32 of [a-z0-9-]");
        refused("cluster: -a\n", "p.yaml:1:10");
        refused("controlPlanes: 2\n", "must be odd");
        refused("controlPlanes: {count: 4}\n", "must be odd");
        refused("controlPlanes: 0\n", "odd number from 1 to");
        refused("pools: [{name: control-plane}]\n", "may not be called 'control-plane'");
        refused("pools: [{name: a}, {name: a}]\n", "there is a pool 'a' already");
        refused("pools: [{name: A_b}]\n", "[a-z0-9-]");
        refused("pools: [{count: 1}]\n", "'name' is missing");
        refused("pools: [{name: a, autoscale: {min: 5, max: 2}}]\n", "'min' is larger than 'max'");
        refused("pools: [{name: a, count: 9, autoscale: {min: 1, max: 3}}]\n", "outside autoscale");
        refused("pools: [{name: a, taints: [nonsense]}]\n", "effect must be");
        refused("dns64: [1.2.3.4]\n", "no IPv6 address");
        refused("firewall: {operators: [\"300::/4\", foo]}\n", "neither 'auto' nor an IPv6 prefix");
        refused("firewall: {open: [{protocol: tcp}]}\n", "'port' is missing");
        refused("firewall: {open: [{protocol: tcp, port: 443, sources: [\"2001:db8::1/64\"]}]}\n", "host bits");
        refused("podSubnet: fd40::/48\n", "podSubnet");
        refused("serviceSubnet: fd40::/64\n", "serviceSubnet");
        refused("addons: [{name: x}]\n", "needs 'repository' and 'version'");
        refused("addons: [{name: cilium, digest: abc}]\n", "64 hex digits");
        refused("registries: {mirrors: {ghcr.io: [ftp://x]}}\n", "no URL");
}
END_TEST

START_TEST(versions_are_checked) {
        refused("talos: banana\n", "p.yaml");
        refused("talos: v1.9.0\n", "p.yaml");
        refused("kubernetes: v1.20.0\n", "1.20");
        refused("addons: [{name: cilium, version: 1.19.1}]\n", "IPv6 regression");
        struct cluster_spec *s = NULL;
        ck_ok(parse("talos: 1.12.11\n", NULL, &s), err);
        ck_assert_str_eq(s->talos, "v1.12.11");
        ck_assert_str_eq(s->kubernetes, "v1.35.4");
        size_t known = s->warnings.n;
        cluster_spec_free(s);
        ck_ok(parse("talos: 1.12.11\nkubernetes: 1.34.1\n", NULL, &s), err);
        ck_assert_int_eq(s->warnings.n, known + 1);
        cluster_spec_free(s);
}
END_TEST

START_TEST(nodes_arithmetic) {
        struct { const char *profile, *nodes; int64_t control_planes, workers; bool schedulable; } good[] = {
                { "", "3", 1, 2, false }, { "", "1", 1, 0, true }, { "controlPlanes: 3\n", "5", 3, 2, false }, { "controlPlanes: 3\n", "3", 3, 0, true },
                { "pools: []\n", "4", 1, 3, false }, { "pools: [{name: a, autoscale: {min: 1, max: 5}}]\n", "4", 1, 3, false },
        };
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                struct cluster_overrides o = { .nodes = good[i].nodes };
                struct cluster_spec *s = NULL;
                ck_ok(parse(good[i].profile, &o, &s), err);
                ck_assert_int_eq(s->control_planes.count, good[i].control_planes);
                ck_assert_int_eq(cluster_spec_nodes(s) - s->control_planes.count, good[i].workers);
                ck_assert_int_eq(s->control_planes_schedulable, good[i].schedulable);
                cluster_spec_free(s);
        }
        static const char *const bad[] = { "0", "-1", "1e9", "99999999999999999999", "", "3 ", "0x3", "2.5" };
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                flag_refused(&(struct cluster_overrides) { .nodes = bad[i] }, "", "whole number from 1 to");
        flag_refused(&(struct cluster_overrides) { .nodes = "2" }, "controlPlanes: 3\n", "fewer than the 3 control planes");
        flag_refused(&(struct cluster_overrides) { .nodes = "5" }, "pools: [{name: a}, {name: b}]\n", "which of the 2 pools");
        flag_refused(&(struct cluster_overrides) { .nodes = "9" }, "pools: [{name: a, autoscale: {min: 1, max: 5}}]\n", "may have 1 to 5");
        flag_refused(&(struct cluster_overrides) { .control_planes = "2" }, "", "odd number");
}
END_TEST

START_TEST(flags_override) {
        struct strv types = { 0 }, locations = { 0 }, operators = { 0 };
        strv_add(&types, "cx23");
        strv_add(&locations, "fsn1");
        strv_add(&operators, "2001:db8:5::7/64");
        struct cluster_overrides o = { .name = "other", .types = &types, .locations = &locations, .operators = &operators, .delivery = "push", .network = "none" };
        struct cluster_spec *s = NULL;
        ck_ok(parse("cluster: one\npools: [{name: a, types: [cax11], locations: [hel1]}]\n", &o, &s), err);
        ck_assert_str_eq(s->name, "other");
        ck_assert_str_eq(s->pools[0].types.items[0], "cx23");
        ck_assert_str_eq(s->pools[0].locations.items[0], "fsn1");
        ck_assert_int_eq(s->operators.n, 2);
        ck_assert_str_eq(s->operators.items[1], "2001:db8:5::/64");
        ck_assert_int_eq(s->delivery, DELIVERY_PUSH);
        ck_assert_int_eq(s->network, NETWORK_NONE);
        cluster_spec_free(s);
        strv_done(&types);
        strv_done(&locations);
        strv_done(&operators);
        flag_refused(&(struct cluster_overrides) { .name = "Not_A_Name" }, "", "cannot be a cluster's name");
        flag_refused(&(struct cluster_overrides) { .delivery = "mail" }, "", "auto, user-data or push");
}
END_TEST

START_TEST(rich_profile_arrives) {
        static const char text[] =
                "controlPlanes: {count: 3, types: [cpx22], schedulable: true}\n"
                "pools:\n  - name: gpu\n    count: 1\n    labels: {a: b}\n    taints: [\"k=v:NoSchedule\", \"x:NoExecute\"]\n"
                "network: {mode: none}\n"
                "registries:\n  mirrors: {docker.io: [\"https://m.example\"]}\n  proxy: https://harbor.example/v2/proxy-{registry}\n"
                "  auth: {ghcr.io: {username: u, password: p}}\n"
                "discovery: true\n"
                "addons:\n  - {name: talos-ccm, version: v1.11.0, values: {extraArgs: [--v=4]}}\n"
                "  - {name: metrics-server, repository: \"https://r.example\", version: 3.1.0, values: {a: {b: 1}}}\n"
                "patches:\n  worker:\n    - machine: {sysctls: {vm.swappiness: \"0\"}}\n";
        struct cluster_spec *s = NULL;
        ck_ok(parse(text, NULL, &s), err);
        ck_assert_int_eq(s->control_planes.count, 3);
        ck_assert(s->control_planes_schedulable);
        ck_assert_int_eq(s->pools[0].n_taints, 2);
        ck_assert_str_eq(s->pools[0].taints[0].value, "v");
        ck_assert_str_eq(s->pools[0].taints[1].key, "x");
        ck_assert_str_eq(s->pools[0].taints[1].value, "");
        ck_assert_int_eq(s->network, NETWORK_NONE);
        ck_assert_int_eq(s->n_mirrors, 7);
        ck_assert_str_eq(s->mirrors[1].endpoints.items[0], "https://harbor.example/v2/proxy-ghcr.io");
        ck_assert(s->mirrors[1].override_path);
        ck_assert_str_eq(s->auths[0].password, "p");
        ck_assert_str_eq(s->ccm_version, "v1.11.0");
        ck_assert_str_eq(s->ccm_extra_args.items[0], "--v=4");
        ck_assert_int_eq(s->n_addons, 1);
        ck_assert_str_eq(s->addons[0].chart, "metrics-server");
        ck_assert_int_eq(s->n_patches_worker, 1);
        cluster_spec_free(s);
        refused("addons: [{name: talos-ccm, values: {transformations: []}}]\n", "not supported");
        refused("patches: {all: [\"file.yaml\"]}\n", "not read from a file");
        refused("patches:\n  all:\n    - nosuch: {a: b}\n", "p.yaml:3:");
        refused("registries: {auth: {ghcr.io: {username: u}}}\n", "go together");
}
END_TEST

START_TEST(blog_profile_is_whole) {
        struct cluster_spec *s = NULL;
        ck_ok(cluster_spec_load("blog", NULL, &s, &err), err);
        ck_assert_str_eq(s->talos, "v1.11.5");
        ck_assert_str_eq(s->cilium.version, "1.18.2");
        ck_assert_ptr_null(s->cilium.digest);
        ck_assert_int_eq(cluster_spec_nodes(s), 3);
        ck_assert_int_eq(s->n_patches_all, 1);
        ck_assert_ptr_nonnull(yaml_path(s->cilium.values, "hubble.redact.http.headers.allow"));
        cluster_spec_free(s);
        ck_fails(cluster_spec_load("blok", NULL, &s, &err), err, ERR_PROFILE);
        ck_assert_ptr_nonnull(strstr(err.message, "did you mean 'blog'?"));
        error_done(&err);
        ck_fails(cluster_spec_load("/nonexistent/x.yaml", NULL, &s, &err), err, ERR_PROFILE);
}
END_TEST

START_TEST(files_are_relative_to_the_profile) {
        char dir[] = "/tmp/spec-test-XXXXXX";
        ck_assert_ptr_nonnull(mkdtemp(dir));
        _cleanup_str_ char *profile = path_join(dir, "p.yaml"), *patch = path_join(dir, "patch.yaml"), *values = path_join(dir, "v.yaml");
        static const char p[] = "patches: {all: [patch.yaml]}\naddons: [{name: cilium, values: v.yaml}]\n", q[] = "machine:\n  sysctls: {a.b: \"1\"}\n";
        static const char v[] = "hubble: {enabled: true}\n";
        ck_ok(file_write_atomic(profile, p, strlen(p), 0600, &err), err);
        ck_ok(file_write_atomic(patch, q, strlen(q), 0600, &err), err);
        ck_ok(file_write_atomic(values, v, strlen(v), 0600, &err), err);
        struct cluster_spec *s = NULL;
        ck_ok(cluster_spec_load(profile, NULL, &s, &err), err);
        ck_assert_str_eq(s->patches_all[0].name, "patch.yaml");
        ck_assert_ptr_nonnull(yaml_path(s->cilium.values, "hubble.enabled"));
        cluster_spec_free(s);
        unlink(patch);
        ck_fails(cluster_spec_load(profile, NULL, &s, &err), err, ERR_PROFILE);
        ck_assert_ptr_nonnull(strstr(err.message, ":1:17: "));
        unlink(profile);
        unlink(values);
        rmdir(dir);
}
END_TEST

START_TEST(scaler_keys_arrive_or_are_refused) {
        struct cluster_spec *s = NULL, *d = NULL;
        ck_ok(parse("scaler: {threshold: 0.6, unneededTime: 15m, tickGap: 90, pendingAge: 1h, bootTime: 20m, maxNodes: 12, maxCostPerMonth: 49.90,\n"
                    "  emptyAtOnce: 3, evictLocalStorage: true, reservedCpu: 200m, reservedMemory: 550Mi}\n", NULL, &s), err);
        ck_assert(s->scaler.threshold == 0.6 && s->scaler.unneeded_ms == 900000 && s->scaler.tick_gap_ms == 90000 && s->scaler.pending_ms == 3600000);
        ck_assert(s->scaler.boot_ms == 1200000 && s->scaler.max_nodes == 12 && s->scaler.empty_at_once == 3 && s->scaler.evict_local_storage);
        ck_assert_str_eq(s->scaler.max_cost, "49.90");
        ck_assert_str_eq(s->scaler.reserved_cpu, "200m");
        ck_assert_str_eq(s->scaler.reserved_memory, "550Mi");
        cluster_spec_free(s);
        ck_ok(parse("", NULL, &d), err);
        ck_assert(d->scaler.threshold == 0.5 && d->scaler.unneeded_ms == 600000 && d->scaler.pending_ms == 30000 && d->scaler.boot_ms == 900000 && !d->scaler.max_cost);
        cluster_spec_free(d);
        refused("scaler: {threshold: 1.1}\n", "p.yaml:1:21: 'threshold' wants a number from 0 to 1");
        refused("scaler: {threshold: high}\n", "from 0 to 1");
        refused("scaler: {bootTime: soon}\n", "a time span is wanted");
        refused("scaler: {bootTime: -5}\n", "a time span is wanted");
        refused("scaler: {maxCostPerMonth: much}\n", "an amount of money is wanted");
        refused("scaler: {reservedCpu: 1x}\n", "a quantity as Kubernetes writes them");
        refused("scaler: {maxNodes: -1}\n", "'maxNodes' must be from 0");
        refused("scaler: {treshold: 0.5}\n", "did you mean 'threshold'");
}
END_TEST

START_TEST(reference_page_is_current) {
        const char *root = getenv("PROJECT_ROOT");
        if (!root) {
                printf("skipped: PROJECT_ROOT is not set\n");
                return;
        }
        _cleanup_str_ char *path = xasprintf("%s/docs/profile.md", root), *have = NULL, *want = cluster_spec_reference();
        size_t n;
        ck_ok(file_read(path, 1 << 20, &have, &n, &err), err);
        ck_assert_msg(strcmp(have, want) == 0, "docs/profile.md is not what the table of keys says: write cluster_spec_reference() into it");
}
END_TEST

START_TEST(the_contract_is_not_newer_than_talos) {
        static const struct { const char *profile; const char *talos; unsigned minor; } good[] = {
                { "", NULL, 13 }, { "talos: v1.14.1\n", "v1.14.1", 13 }, { "talos: 1.12.11\n", "v1.12.11", 12 }, { "talos: {version: 1.14.1}\n", "v1.14.1", 13 },
                { "talos: {version: 1.14.1, contract: '1.14'}\n", "v1.14.1", 14 }, { "talos: {contract: 1.14}\n", "v1.14.1", 14 },
                { "talos: {contract: '1.12'}\n", NULL, 12 }, { "talos: {version: v1.15.0, contract: '1.14'}\nkubernetes: 1.37.0\n", "v1.15.0", 14 },
        };
        for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
                struct cluster_spec *s = NULL;
                ck_ok(parse(good[i].profile, NULL, &s), err);
                ck_assert_str_eq(s->talos, good[i].talos ? good[i].talos : version_default()->talos);
                ck_assert_uint_eq(s->contract.minor, good[i].minor);
                cluster_spec_free(s);
        }
        refused("talos: {version: v1.13.9, contract: '1.14'}\n", "talos.contract 1.14 is newer than Talos v1.13.9");
        refused("talos: {version: v1.14.1, contract: '1.15'}\n", "none of 1.11 to 1.14");
        refused("talos: {version: v1.14.1, contract: '1.10'}\n", "none of 1.11 to 1.14");
        refused("talos: {version: v1.14.1, contrct: '1.14'}\n", "did you mean 'contract'?");
        refused("talos: [v1.14.1]\n", "a string is wanted here");
        refused("talos: {version: v1.14.1, contract: '1.14'}\nkubernetes: v1.31.4\n", "Talos 1.14 runs Kubernetes 1.32 to 1.37");
        refused("talos: {version: v1.14.1, contract: '1.14'}\nkubernetes: v1.38.0\n", "Talos 1.14 runs Kubernetes 1.32 to 1.37");
        struct cluster_spec *s = NULL;
        struct cluster_overrides o = { .talos = "v1.13.9" };
        ck_fails(parse("talos: {version: v1.14.1, contract: '1.14'}\n", &o, &s), err, ERR_PROFILE);
}
END_TEST

static Suite *suite_spec(void) {
        Suite *s = suite_create("spec");
        TCase *t = tcase_create("spec");
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, the_contract_is_not_newer_than_talos);
        tcase_add_test(t, empty_profile_is_the_default);
        tcase_add_test(t, unknown_keys_name_their_place_and_neighbour);
        tcase_add_test(t, wrong_types_name_their_place);
        tcase_add_test(t, bad_yaml_is_refused);
        tcase_add_test(t, rules_of_names_and_counts);
        tcase_add_test(t, versions_are_checked);
        tcase_add_test(t, nodes_arithmetic);
        tcase_add_test(t, flags_override);
        tcase_add_test(t, rich_profile_arrives);
        tcase_add_test(t, blog_profile_is_whole);
        tcase_add_test(t, files_are_relative_to_the_profile);
        tcase_add_test(t, scaler_keys_arrive_or_are_refused);
        tcase_add_test(t, reference_page_is_current);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_spec())
