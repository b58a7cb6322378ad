/* Firewall rules, money, versions, names. */
#include "unit.h"

#include "cluster/model.h"
#include "cluster/versions.h"

static struct error err;
static struct strv operators;

static void setup(void) {
        err = ERROR_INIT;
        operators = (struct strv) { 0 };
        strv_add(&operators, "2001:db8:ffff::/64");
}

static void teardown(void) {
        error_done(&err);
        strv_done(&operators);
}

static struct ip6_prefix prefix(const char *text) {
        struct ip6_prefix p;
        ck_assert_msg(ip6_prefix_parse(text, &p, NULL), "%s", text);
        return p;
}

static struct ip6_prefix *many(size_t n) {
        struct ip6_prefix *p = calloc(n, sizeof(*p));
        for (size_t i = 0; i < n; i++) {
                char text[64];
                snprintf(text, sizeof(text), "2001:db8:%zx:%zx::/64", 0x1000 + i % 7, i * 3 + 1);
                p[i] = prefix(text);
        }
        return p;
}

static bool lets_in(const struct hcloud_firewall_rules *r, const char *protocol, const char *from) {
        struct ip6_addr a;
        ip6_parse(from, &a);
        for (size_t i = 0; i < r->n; i++)
                for (size_t j = 0; str_eq(r->items[i].protocol, protocol) && (!r->items[i].port || str_eq(r->items[i].port, "1-65535")) &&
                                   j < r->items[i].source_ips.n; j++) {
                        struct ip6_prefix p;
                        if (ip6_prefix_parse(r->items[i].source_ips.items[j], &p, NULL) && ip6_prefix_has(&p, &a))
                                return true;
                }
        return false;
}

static void make(const struct firewall_wish *w, struct hcloud_firewall_rules *r, size_t *supernets) {
        *r = (struct hcloud_firewall_rules) { 0 };
        ck_ok(firewall_rules(w, r, supernets, &err), err);
        ck_ok(hcloud_firewall_rules_check(r, &err), err);
}

START_TEST(three_nodes) {
        struct ip6_prefix nodes[] = { prefix("2001:db8:1:1::/64"), prefix("2001:db8:1:2::/64"), prefix("2001:db8:1:3::/64") };
        struct firewall_wish w = { .nodes = nodes, .n_nodes = 3, .operators = &operators, .host = "here", .date = "2026-11-23" };
        struct hcloud_firewall_rules r;
        size_t supernets;
        make(&w, &r, &supernets);
        ck_assert_int_eq(supernets, 0);
        struct ip6_addr me, stranger;
        ip6_parse("2001:db8:ffff::10", &me);
        ip6_parse("2001:db8:eeee::10", &stranger);
        ck_assert(firewall_allows_operator(&r, &me));
        ck_assert(!firewall_allows_operator(&r, &stranger));
        ck_assert(lets_in(&r, "tcp", "2001:db8:1:2:1::77"));
        ck_assert(lets_in(&r, "udp", "2001:db8:1:3::1"));
        ck_assert(!lets_in(&r, "tcp", "2001:db8:1:4::1"));
        ck_assert(lets_in(&r, "icmp", "2a00::1"));
        hcloud_firewall_rules_done(&r);
}
END_TEST

/* The second write over the first changes nothing; others' operators and the user's own rules stay; ours of nodes that went do not. */
START_TEST(merge) {
        struct ip6_prefix nodes[] = { prefix("2001:db8:1:1::/64"), prefix("2001:db8:1:2::/64") };
        struct firewall_wish w = { .nodes = nodes, .n_nodes = 2, .operators = &operators, .host = "here", .date = "2026-11-23" };
        struct hcloud_firewall_rules first, again, other;
        size_t supernets;
        make(&w, &first, &supernets);
        w.old = &first;
        w.date = "2027-01-01";
        make(&w, &again, &supernets);
        ck_assert(hcloud_firewall_rules_equal(&first, &again, false));
        hcloud_firewall_rules_done(&again);

        hcloud_strings_add(&hcloud_firewall_rules_add(&first, "in", "tcp", "8080", "mine")->source_ips, "2001:db8:9::/48");
        struct strv elsewhere = { 0 };
        strv_add(&elsewhere, "2001:db8:eeee::/64");
        w.operators = &elsewhere;
        w.n_nodes = 1;
        make(&w, &other, &supernets);
        struct ip6_addr me, them;
        ip6_parse("2001:db8:ffff::10", &me);
        ip6_parse("2001:db8:eeee::10", &them);
        ck_assert(firewall_allows_operator(&other, &me));
        ck_assert(firewall_allows_operator(&other, &them));
        ck_assert(!lets_in(&other, "tcp", "2001:db8:1:2::1"));
        bool kept = false;
        for (size_t i = 0; i < other.n; i++)
                kept |= str_eq(other.items[i].description, "mine");
        ck_assert(kept);
        hcloud_firewall_rules_done(&other);
        w.forget_operators = true;
        make(&w, &other, &supernets);
        ck_assert(!firewall_allows_operator(&other, &me));
        ck_assert(firewall_allows_operator(&other, &them));
        hcloud_firewall_rules_done(&other);
        hcloud_firewall_rules_done(&first);
        strv_done(&elsewhere);
}
END_TEST

START_TEST(large_clusters) {
        size_t sizes[] = { 100, 150, 151, 500 };
        for (size_t s = 0; s < 4; s++) {
                size_t n = sizes[s], supernets;
                struct ip6_prefix *nodes = many(n);
                struct firewall_wish w = { .nodes = nodes, .n_nodes = n, .operators = &operators, .host = "here", .date = "2026-11-23" };
                struct hcloud_firewall_rules r;
                make(&w, &r, &supernets);
                ck_assert_int_eq(supernets > 0, n > 150);
                ck_assert_int_le(supernets, 150);
                size_t effective = 0;
                for (size_t i = 0; i < r.n; i++)
                        effective += r.items[i].source_ips.n;
                ck_assert_int_le(effective, 500);
                for (size_t i = 0; i < n; i++) {
                        struct ip6_addr a = ip6_host(&nodes[i], 1);
                        char buf[IP6_STR_MAX];
                        ck_assert(lets_in(&r, "tcp", ip6_format(&a, buf)));
                }
                ck_assert(!lets_in(&r, "tcp", "2001:db8:ffff::10"));
                hcloud_firewall_rules_done(&r);
                w.refuse_large = true;
                if (n > 150)
                        ck_fails(firewall_rules(&w, &r, &supernets, &err), err, ERR_QUOTA);
                error_done(&err);
                free(nodes);
        }
}
END_TEST

START_TEST(cover) {
        struct ip6_prefix in[] = { prefix("2001:db8:0:1::/64"), prefix("2001:db8:0:0::/64"), prefix("2001:db8:8000::/64"), prefix("2001:db8:0:1::/64") }, *out;
        size_t n = prefixes_cover(in, 4, 10, &out);
        ck_assert_int_eq(n, 3);
        free(out);
        n = prefixes_cover(in, 4, 2, &out);
        ck_assert_int_eq(n, 2);
        struct ip6_prefix want = prefix("2001:db8::/63");
        ck_assert(ip6_prefix_equal(&out[0], &want));
        free(out);
        n = prefixes_cover(in, 0, 2, &out);
        ck_assert_int_eq(n, 0);
        free(out);
}
END_TEST

START_TEST(money) {
        struct { const char *in, *out; } good[] = {
                { "0.0070000000000000", "0.0070" }, { "5.4900000000", "5.4900" }, { "12", "12.0000" }, { "0.00005", "0.0001" }, { "0.0000499999", "0.0000" },
                { "0.99999999999999", "1.0000" }, { "138.49", "138.4900" },
        };
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                int64_t v = -1;
                ck_assert(money_parse(good[i].in, &v));
                _cleanup_str_ char *text = money_format(v, 4);
                ck_assert_str_eq(text, good[i].out);
        }
        static const char *const bad[] = { "", "-1", "1.", ".5", "1,5", "1.5x", "1e3", "999999999999999999999" };
        int64_t v;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                ck_assert_msg(!money_parse(bad[i], &v), "%s", bad[i]);
        ck_assert(!money_parse(NULL, &v));
        /* A tenth, ten times, is one: no binary fractions. */
        struct cost c = { 0 }, copy;
        struct money each = { 0 };
        ck_assert(money_parse("0.1", &each.hour));
        for (int i = 0; i < 10; i++)
                cost_add(&c, "x", 1, each);
        ck_assert_int_eq(c.total.hour, MONEY_UNIT);
        ck_assert_int_eq(c.n, 1);
        ck_assert_int_eq(c.lines[0].count, 10);
        cost_copy(&copy, &c);
        ck_assert_str_eq(copy.lines[0].what, "x");
        cost_done(&copy);
        cost_done(&c);
}
END_TEST

START_TEST(version_table) {
        size_t n;
        const struct version_set *sets = version_sets(&n);
        for (size_t i = 0; i < n; i++) {
                struct strv warnings = { 0 };
                ck_ok(version_check(sets[i].talos, sets[i].kubernetes, sets[i].cilium.version, sets[i].ccm, &warnings, &err), err);
                ck_assert_int_eq(warnings.n, 0);
                ck_assert_ptr_eq(version_for_talos(sets[i].talos), &sets[i]);
                if (sets[i].cilium.digest)
                        ck_assert_int_eq(strlen(sets[i].cilium.digest), 64);
        }
        ck_assert_str_eq(version_default()->talos, "v1.13.9");
        ck_assert_ptr_null(version_for_talos("v0.1.0"));
        ck_assert_ptr_null(version_cilium_digest("1.18.2"));
}
END_TEST

START_TEST(names) {
        _cleanup_str_ char *node = name_node("demo", "worker", 12), *lock = name_lock("demo");
        ck_assert_str_eq(node, "demo-worker-12");
        ck_assert_str_eq(lock, "hcloud-v6-lock-demo");
        struct { const char *in, *out; } values[] = { { "my host!", "my-host" }, { "--x--", "x" }, { "", "x" }, { "a.b_c", "a.b_c" } };
        for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
                _cleanup_str_ char *v = label_value(values[i].in);
                ck_assert_str_eq(v, values[i].out);
                ck_ok(hcloud_label_check(LABEL_HOST, v, &err), err);
        }
        struct cluster c = { .name = (char *) "demo", .uid = (char *) "0011223344556677" };
        struct hcloud_labels l;
        cluster_labels(&c, ROLE_WORKER, "worker", 7, &l);
        ck_ok(hcloud_labels_check(&l, &err), err);
        ck_assert_str_eq(hcloud_labels_get(&l, LABEL_INDEX), "7");
        ck_assert(is_ours(&c, &l));
        c.name = (char *) "demo2";
        ck_assert(!is_ours(&c, &l));
        hcloud_labels_done(&l);
        char buf[64];
        struct hcloud_labels image = { 0 };
        hcloud_labels_set(&image, "os", "talos");
        ck_assert_ptr_null(image_talos_version(&image, buf));
        hcloud_labels_set(&image, "version", "1.13.9");
        ck_assert_str_eq(image_talos_version(&image, buf), "v1.13.9");
        hcloud_labels_set(&image, "hcloud-v6/talos-version", "v1.14.1");
        ck_assert_str_eq(image_talos_version(&image, buf), "v1.14.1");
        hcloud_labels_done(&image);
}
END_TEST

static Suite *suite_rules(void) {
        Suite *s = suite_create("rules");
        TCase *t = tcase_create("rules");
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, three_nodes);
        tcase_add_test(t, merge);
        tcase_add_test(t, large_clusters);
        tcase_add_test(t, cover);
        tcase_add_test(t, money);
        tcase_add_test(t, version_table);
        tcase_add_test(t, names);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_rules())
