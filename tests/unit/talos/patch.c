#include "talos/patch.h"

#include "base/secret.h"
#include "shared.h"

static struct yaml_docs parse(const char *name, const char *text) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct yaml_docs docs = { 0 };

        ck_ok(yaml_parse(name, text, strlen(text), &docs, &err), err);
        return docs;
}

static bool is_nothing(const struct yaml_node *n) {
        switch (n->type) {
        case YAML_NULL: return true;
        case YAML_STR: return !*n->text;
        case YAML_MAP:
        case YAML_SEQ: return n->n == 0;
        case YAML_INT:
        case YAML_BOOL:
        case YAML_FLOAT: break;
        }
        return false;
}

/* Takes out what Talos adds or drops when it writes a config anew: null, "", [], {} and permissions of zero. */
static void strip(struct yaml_node *n) {
        for (size_t i = 0; n->type == YAML_MAP && i < n->n;) {
                struct yaml_pair *p = &n->pairs[i];
                strip(p->value);
                bool no_mode = str_eq(p->key, "permissions") && p->value->type == YAML_INT && p->value->integer == 0;
                if (!is_nothing(p->value) && !no_mode) {
                        i++;
                        continue;
                }
                _cleanup_str_ char *key = xstrdup(p->key);
                yaml_unset(n, key);
        }
        for (size_t i = 0; n->type == YAML_SEQ && i < n->n; i++)
                strip(n->items[i]);
}

static void compare(const char *what, struct yaml_docs *have, struct yaml_docs *want) {
        ck_assert_msg(have->n == want->n, "%s: %zu documents, not %zu", what, have->n, want->n);
        for (size_t i = 0; i < have->n; i++) {
                strip(have->items[i]);
                strip(want->items[i]);
                if (yaml_equal(have->items[i], want->items[i]))
                        continue;
                _cleanup_str_ char *a = yaml_write(have->items[i], 4), *b = yaml_write(want->items[i], 4);
                ck_abort_msg("%s, document %zu:\n--- have\n%s\n--- want\n%s", what, i, a, b);
        }
}

static const char *const triples[] = {
        "01-nameservers-append", "02-subnets-replace", "03-interfaces-by-name", "04-vlans-by-id", "05-admission-by-name",
        "06-delete-map-key",
        "07-delete-list-element", "08-delete-document", "09-hostname-document", "10-multi-document", "11-null-and-empty-map",
        "12-empty-lists",
        "13-booleans", "14-cert-sans", "15-extra-args", "16-numbers-and-quotes", "17-comments-anchors-blocks", "18-firewall-rule",
        "19-refuse-unknown-key", "20-refuse-delete-missing",
};

/* What Talos' own patcher made of the same. */
START_TEST(merges_as_talos_does) {
        const char *triple = triples[_i];
        _cleanup_str_ char *base_name = xasprintf("talos/patch-triples/%s/base.yaml", triple);
        _cleanup_str_ char *patch_name = xasprintf("talos/patch-triples/%s/patch.yaml", triple);
        _cleanup_str_ char *result_name = xasprintf("talos/patch-triples/%s/result.yaml", triple);
        _cleanup_str_ char *base = shared_file(base_name), *patch = shared_file(patch_name);
        _cleanup_error_ struct error err = ERROR_INIT;

        if (!base || !patch)
                return;
        _cleanup_(yaml_docs_done) struct yaml_docs docs = parse(base_name, base);
        if (strstr(triple, "refuse")) {
                ck_fails(talos_patch_apply(&docs, "patch.yaml", patch, strlen(patch), &err), err, ERR_PROFILE);
                ck_assert_msg(str_starts(err.message, "patch.yaml:"), "%s", err.message);
                return;
        }
        ck_ok(talos_patch_apply(&docs, "patch.yaml", patch, strlen(patch), &err), err);
        _cleanup_str_ char *result = shared_file(result_name);
        ck_assert_ptr_nonnull(result);
        _cleanup_(yaml_docs_done) struct yaml_docs want = parse(result_name, result);
        compare(triple, &docs, &want);
}
END_TEST

START_TEST(seed_patches_are_understood) {
        static const char *const files[] = { "seed/patches/all.yaml", "seed/patches/controlplane.yaml",
                                             "seed/patches/worker.yaml",
                                             "seed/patches/registries.yaml" };
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_str_ char *text = shared_file(files[i]);
                _cleanup_error_ struct error err = ERROR_INIT;
                if (!text)
                        return;
                ck_ok(talos_patch_check(files[i], text, strlen(text), &err), err);
        }
}
END_TEST

static const char base_text[] =
        "version: v1alpha1\nmachine:\n  type: worker\n  ca: {crt: AAAA, key: BBBB}\n  network:\n    interfaces:\n      - interface: eth0\n"
        "        dhcp: true\n    nameservers: [a]\n  sysctls: {a.b: '1'}\n  nodeLabels: {zone: x}\n  kubelet:\n    extraArgs: {v: '1'}\n"
        "    extraConfig: {a: {b: [1]}, n: 3}\ncluster:\n  clusterName: demo\n---\napiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n";

static void apply_to_base(const char *patch, struct yaml_docs *ret) {
        _cleanup_error_ struct error err = ERROR_INIT;

        *ret = parse("base", base_text);
        ck_ok(talos_patch_apply(ret, "p", patch, strlen(patch), &err), err);
}

static void check_result(const char *patch, const char *path, const char *want) {
        _cleanup_(yaml_docs_done) struct yaml_docs docs = { 0 };

        apply_to_base(patch, &docs);
        const char *have = yaml_str(yaml_path(docs.items[0], path));
        ck_assert_msg(str_eq(have, want), "%s: %s is %s, not %s", patch, path, have ? have : "absent", want ? want : "absent");
}

START_TEST(facts_without_fixture) {
        /* Naming one half of a certificate and its key empties the other. */
        check_result("machine: {ca: {crt: CCCC}}", "machine.ca.crt", "CCCC");
        check_result("machine: {ca: {crt: CCCC}}", "machine.ca.key", "");
        /* Zero values replace nothing in maps; they do in arguments. */
        check_result("machine: {nodeLabels: {zone: ''}}", "machine.nodeLabels.zone", "x");
        check_result("machine: {nodeLabels: {fresh: ''}}", "machine.nodeLabels.fresh", "");
        check_result("machine: {kubelet: {extraArgs: {v: ''}}}", "machine.kubelet.extraArgs.v", "");
        check_result("machine: {kubelet: {extraConfig: {n: 0}}}", "machine.kubelet.extraConfig.n", "3");
        check_result("cluster: {clusterName: ''}", "cluster.clusterName", "demo");
        /* YAML 1.1 words are booleans where a boolean is wanted, and text elsewhere. */
        check_result("machine: {network: {disableSearchDomain: yes}}", "machine.network.disableSearchDomain", "true");
        check_result("machine: {nodeLabels: {zone: yes}}", "machine.nodeLabels.zone", "yes");
        check_result("machine: {files: [{path: /var/a, op: create, permissions: 0755}]}", "cluster.clusterName", "demo");
        /* A field of a type may be deleted although it is not set. */
        check_result("machine: {nodeTaints: {$patch: delete}}", "machine.type", "worker");
        check_result("machine: {nodeLabels: {$patch: delete}}", "machine.nodeLabels", NULL);
        check_result("cluster: {$patch: delete}", "cluster.clusterName", NULL);
        /* A delete and a merge of one document: merge first. */
        check_result("machine: {sysctls: {c.d: 2, a.b: {$patch: delete}}}", "machine.nodeLabels.zone", "x");
}
END_TEST

START_TEST(modes_are_written_in_octal) {
        static const char *const modes[] = { "420", "0644", "0o644" };
        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                _cleanup_str_ char *patch = xasprintf("machine: {files: [{path: /var/a, op: create, permissions: %s}]}",
                                                      modes[i]);
                _cleanup_(yaml_docs_done) struct yaml_docs docs = { 0 };
                apply_to_base(patch, &docs);
                _cleanup_str_ char *text = yaml_write_docs(&docs, 4);
                ck_assert_msg(strstr(text, "permissions: 0o644"), "%s: %s", modes[i], text);
        }
}
END_TEST

START_TEST(an_interface_without_a_key_is_appended) {
        _cleanup_(yaml_docs_done) struct yaml_docs docs = { 0 };

        apply_to_base("machine: {network: {interfaces: [{mtu: 1280}, {interface: eth0, mtu: 1400}]}}", &docs);
        const struct yaml_node *list = yaml_path(docs.items[0], "machine.network.interfaces");
        ck_assert_uint_eq(list->n, 2);
        ck_assert_str_eq(yaml_str(yaml_get(list->items[0], "mtu")), "1400");
        ck_assert_str_eq(yaml_str(yaml_get(list->items[0], "dhcp")), "true");
}
END_TEST

static const struct { const char *patch, *says; } refusals[] = {
        { "[{op: add, path: /machine/type, value: worker}]", "p:1:1: a list of operations (RFC 6902" },
        { "- op: remove\n  path: /machine\n", "RFC 6902" },
        { "machine:\n  network:\n    nameserver: [a]\n", "p:3:5: unknown key 'nameserver'; did you mean 'nameservers'?" },
        { "machnie: {}\n", "p:1:1: unknown key 'machnie'; did you mean 'machine'?" },
        { "machine: {kubelets: {}}", "p:1:11: unknown key 'kubelets'" },
        { "machine: {network: [a]}", "p:1:20: a list where a mapping should be" },
        { "machine: {network: {nameservers: a}}", "text where a list should be" },
        { "machine: {network: {disableSearchDomain: 'true'}}", "text where true or false should be" },
        { "machine: {network: {interfaces: [{interface: eth0, mtu: '1400'}]}}", "text where a number should be" },
        { "machine: {type: {a: b}}", "a mapping where text should be" },
        { "machine: {kubelet: {extraConfig: {a: [1]}}}", "a list cannot be merged into a mapping" },
        { "machine: {files: [{permissions: rw}]}", "permissions" },
        { "machine: {sysctls: {x.y: {$patch: delete}}}", "p:1:26: cannot delete 'machine.sysctls.x.y'" },
        { "machine: {sysctls: {a.b: {$patch: remove}}}", "the only value of $patch" },
        { "machine: {network: {interfaces: [{interface: eth0, mtu: {$patch: delete}}]}}", "inside an element of a list" },
        { "machine: {network: {interfaces: [{interface: eth9, $patch: delete}]}}", "no element has 'interface: eth9'" },
        { "machine: {network: {interfaces: [{$patch: delete}]}}", "needs a key" },
        { "$patch: delete\n", "cannot be deleted" },
        { "apiVersion: v1alpha1\nkind: TimeSyncConfig\n$patch: delete\n", "no such document" },
        { "apiVersion: v1alpha1\nkind: TimeSyncConfig\nntp: {$patch: delete}\n", "no such document" },
        { "apiVersion: v1alpha1\nkind: HostnameConfg\n", "p:2:7: unknown kind 'HostnameConfg'; did you mean 'HostnameConfig'?" },
        { "apiVersion: v1\nkind: HostnameConfig\n", "is not v1alpha1" },
        { "kind: HostnameConfig\n", "both apiVersion and kind" },
        { "apiVersion: v1alpha1\nkind: HostnameConfig\nautomatic: off\n", "unknown key 'automatic'" },
        { "machine: {}\n---\ncluster: {}\n", "stands twice" },
        { "just text", "a patch is a mapping" },
        { "machine:\n\ttype: worker\n", "p:2" },
        { "machine: {type: worker, type: worker}\n", "p:1" },
        { "machine: [", "p:" },
};

START_TEST(refuses) {
        _cleanup_(yaml_docs_done) struct yaml_docs docs = parse("base", base_text), before = parse("base", base_text);
        _cleanup_error_ struct error err = ERROR_INIT;
        const char *patch = refusals[_i].patch;

        ck_assert_msg(talos_patch_apply(&docs, "p", patch, strlen(patch), &err) < 0, "accepted: %s", patch);
        ck_assert_msg(err.kind == ERR_PROFILE, "%s: kind %s", patch, error_kind_name(err.kind));
        ck_assert_msg(strstr(err.message, refusals[_i].says), "%s: %s", patch, err.message);
        /* Nothing was half done. */
        ck_assert_uint_eq(docs.n, before.n);
        for (size_t i = 0; i < docs.n; i++)
                ck_assert(yaml_equal(docs.items[i], before.items[i]));
}
END_TEST

START_TEST(applies_parts_of_a_profile) {
        static const char profile[] = "patches:\n  all:\n    - machine:\n        sysctls: {c.d: 2}\n    - |\n      machine:\n        sysctls:\n          e.f: 3\n"
                                      "    - |\n      machine:\n        networks: {}\n";
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(yaml_freep) struct yaml_node *root = NULL;
        _cleanup_(yaml_docs_done) struct yaml_docs docs = parse("base", base_text);

        ck_ok(yaml_parse_one("profile", profile, strlen(profile), &root, &err), err);
        const struct yaml_node *list = yaml_path(root, "patches.all");
        ck_ok(talos_patch_check_tree("profile.yaml", list->items[0], &err), err);
        ck_ok(talos_patch_apply_tree(&docs, "profile.yaml", list->items[0], &err), err);
        ck_ok(talos_patch_apply_tree(&docs, "profile.yaml", list->items[1], &err), err);
        const struct yaml_node *sysctls = yaml_path(docs.items[0], "machine.sysctls");
        ck_assert_str_eq(yaml_str(yaml_get(sysctls, "c.d")), "2");
        ck_assert_str_eq(yaml_str(yaml_get(sysctls, "e.f")), "3");
        ck_fails(talos_patch_check_tree("profile.yaml", list->items[2], &err), err, ERR_PROFILE);
        ck_assert_msg(str_starts(err.message, "profile.yaml:11:"), "%s", err.message);
}
END_TEST

START_TEST(empty_patches_do_nothing) {
        static const char *const patches[] = { "", "# only a comment\n", "---\n", "machine: {}\n" };
        for (size_t i = 0; i < ARRAY_SIZE(patches); i++) {
                _cleanup_(yaml_docs_done) struct yaml_docs docs = { 0 }, before = parse("base", base_text);
                apply_to_base(patches[i], &docs);
                ck_assert_uint_eq(docs.n, before.n);
                ck_assert(yaml_equal(docs.items[0], before.items[0]));
        }
}
END_TEST

static Suite *patch_suite(void) {
        Suite *s = suite_create("talos/patch");
        TCase *t = tcase_create("patch");

        tcase_add_loop_test(t, merges_as_talos_does, 0, ARRAY_SIZE(triples));
        tcase_add_test(t, seed_patches_are_understood);
        tcase_add_test(t, facts_without_fixture);
        tcase_add_test(t, modes_are_written_in_octal);
        tcase_add_test(t, an_interface_without_a_key_is_appended);
        tcase_add_loop_test(t, refuses, 0, ARRAY_SIZE(refusals));
        tcase_add_test(t, applies_parts_of_a_profile);
        tcase_add_test(t, empty_patches_do_nothing);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(patch_suite())
