/* What the Hetzner Cloud API answers, from HTTP status to plain struct. The first byte chooses the resource, the second the call and
 * the status; the rest is the body, with the second byte's highest bit header lines before it. Its next bit lets the client try again. */
#include "answers.h"
#include "hcloud/client-internal.h"
#include <hcloud/hcloud.h>

#define KIND(NAME)                                                                                       \
        static void NAME(struct hcloud_client *c, unsigned how, struct error *err) {                     \
                struct hcloud_##NAME *one = NULL;                                                        \
                struct hcloud_##NAME##_list *list = NULL;                                                \
                if (how % 2 == 0 && hcloud_##NAME##_get(c, 1, &one, err) >= 0)                           \
                        CHECK(one != NULL);                                                              \
                if (how % 2 == 1 && hcloud_##NAME##_list(c, NULL, &list, err) >= 0)                      \
                        CHECK(!list || list->n == 0 || list->items != NULL);                             \
                hcloud_##NAME##_free(one);                                                               \
                hcloud_##NAME##_list_free(list);                                                         \
        }
KIND(server)
KIND(primary_ip)
KIND(firewall)
KIND(network)
KIND(placement_group)
KIND(ssh_key)
KIND(image)
KIND(load_balancer)
KIND(volume)
KIND(floating_ip)
KIND(certificate)
KIND(zone)
KIND(location)
KIND(server_type)

static void pricing(struct hcloud_client *c, unsigned how, struct error *err) {
        struct hcloud_pricing *p = NULL;
        if (hcloud_pricing_get(c, &p, err) >= 0)
                hcloud_pricing_primary_ip(p, "ipv6", "fsn1");
        hcloud_pricing_free(p);
}

static void action(struct hcloud_client *c, unsigned how, struct error *err) {
        struct hcloud_action *a = NULL;
        hcloud_action_get(c, 1, &a, err);
        hcloud_action_free(a);
}

static void rrset(struct hcloud_client *c, unsigned how, struct error *err) {
        struct hcloud_rrset *one = NULL;
        struct hcloud_rrset_list *list = NULL;
        if (how % 2 == 0)
                hcloud_rrset_get(c, 1, "www", "AAAA", &one, err);
        else
                hcloud_rrset_list(c, 1, NULL, &list, err);
        hcloud_rrset_free(one);
        hcloud_rrset_list_free(list);
}

static void changes(struct hcloud_client *c, unsigned how, struct error *err) {
        int64_t action_id = 0;
        const struct hcloud_server_create create = { .name = "a", .server_type = "cax11", .image = 1, .location = "fsn1" };
        struct hcloud_server_created *created = NULL;
        if (how % 2 == 0)
                hcloud_server_poweron(c, 1, &action_id, err);
        else
                hcloud_server_create(c, &create, &created, err);
        hcloud_server_created_free(created);
}

/* Words of answers and of users: amounts, labels, names, rules. The body is all of them at once. */
static void words(struct hcloud_client *c, unsigned how, struct error *err) {
        _cleanup_str_ char *text = xstrndup((const char *) canned.p, canned.n), *amount = NULL;
        struct hcloud_firewall_rules rules = { 0 };
        int64_t nano = 0, again = 0;
        if (hcloud_amount_parse(text, &nano)) {
                amount = hcloud_amount_format(nano, 9);
                CHECK(hcloud_amount_parse(amount, &again) && again == nano);
        }
        if (hcloud_label_check("key", text, err) >= 0)
                CHECK(strlen(text) <= 63);
        hcloud_label_check(text, "", err);
        if (hcloud_name_check(HCLOUD_NAME_SERVER, text, err) >= 0)
                CHECK(*text && strlen(text) <= 253 && !strpbrk(text, "_ /\n"));
        struct hcloud_firewall_rule *rule = hcloud_firewall_rules_add(&rules, "in", "tcp", text, "operator");
        hcloud_strings_add(&rule->source_ips, text);
        hcloud_firewall_rules_check(&rules, err);
        CHECK(hcloud_firewall_rule_equal(rule, rule, true));
        hcloud_firewall_rules_done(&rules);
}

static const struct { void (*call)(struct hcloud_client *, unsigned, struct error *); } kinds[] = {
        { server }, { primary_ip }, { firewall }, { network }, { placement_group }, { ssh_key }, { image }, { load_balancer }, { volume },
        { floating_ip }, { certificate }, { zone }, { location }, { server_type }, { pricing }, { action }, { rrset }, { changes },
        { words },
};

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        static const int statuses[] = { 200, 201, 204, 400, 401, 403, 404, 409, 410, 412, 422, 423, 429, 500, 502, 503 };
        struct hcloud_client_options options = { .endpoint = "http://[::1]:1/v1", .token = "t", .retry_budget_ms = -1 };
        static struct http_engine *engine;
        struct clock *clock = clock_manual_new(INT64_C(1790000000000));
        struct hcloud_client_inner inner = { .clock = clock, .jitter_seed = 1 };
        struct hcloud_client *c = NULL;
        struct error err = ERROR_INIT;
        if (!engine)
                CHECK(http_engine_new("fuzz", &engine, NULL) >= 0);
        inner.engine = engine;
        if (n >= 2) {
                bool again = p[1] & 0x40;
                if (again)
                        options.retry_budget_ms = 60000;
                CHECK(hcloud_client_new_with(&options, &inner, &c, &err) >= 0);
                canned = (struct canned_answer) { .status = statuses[(p[1] >> 1) % ARRAY_SIZE(statuses)], .p = p + 2, .n = n - 2,
                                                  .with_headers = p[1] & 0x80, .every = again };
                kinds[p[0] % ARRAY_SIZE(kinds)].call(c, p[1], &err);
                CHECK(err.kind == ERR_NONE || (err.message && !strpbrk(err.message, "\n\r\x1b")));
                CHECK(clock_mono_ms(clock) - INT64_C(1790000000000) < 2 * 3600000); /* no answer makes it wait for ever */
                hcloud_client_free(c);
        }
        clock_manual_free(clock);
        error_done(&err);
        return 0;
}
