/* Lists: pages, filters, what cannot be understood; and the shapes of all resources. */
#include "fake.h"

static struct fake f;

#define META(page, next)                                                                                           \
        "\"meta\":{\"pagination\":{\"page\":" #page ",\"per_page\":50,\"previous_page\":null,\"next_page\":" #next \
        ",\"last_page\":9,\"total_entries\":3}}"
#define KEY(id)                                                                                                             \
        "{\"id\":" #id ",\"name\":\"k" #id "\",\"fingerprint\":\"b7\",\"public_key\":\"ssh-rsa\",\"labels\":{\"a\":\"b\"}," \
                                           "\"created\":\"2016-01-30T23:55:00+00:00\"}"

START_TEST(all_pages_are_read_until_next_page_is_null) {
        struct hcloud_ssh_key_list *list = NULL;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "GET /ssh_keys?page=1&per_page=50", 200, "{\"ssh_keys\":[" KEY(1) "," KEY(2) "]," META(1, 2) "}" },
                    { "GET /ssh_keys?page=2&per_page=50", 200, "{\"ssh_keys\":[]," META(2, 4) "}" },
                    { "GET /ssh_keys?page=4&per_page=50", 200, "{\"ssh_keys\":[" KEY(3) "]," META(4, null) "}" });
        ck_ok(hcloud_ssh_key_list(f.client, NULL, &list, &f.error), f.error);
        ck_assert_uint_eq(list->n, 3);
        ck_assert_str_eq(list->items[2].name, "k3");
        ck_assert_str_eq(hcloud_labels_get(&list->items[0].labels, "a"), "b");
        ck_assert_int_eq(list->items[0].created, 1454198100000);
        hcloud_ssh_key_list_free(list);
        fake_stop(&f);
} END_TEST

START_TEST(pages_one_at_a_time) {
        struct hcloud_ssh_key_list *list = NULL;
        struct hcloud_page page = { 0 };
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { NULL, 200, "{\"ssh_keys\":[" KEY(1) "]," META(1, 2) "}" },
                    { "GET /ssh_keys?page=2", 200, "{\"ssh_keys\":[]," META(2, null) "}" });
        ck_assert_int_eq(hcloud_ssh_key_list_page(f.client, NULL, &page, &list, &f.error), 1);
        ck_assert_int_eq(page.total, 3);
        hcloud_ssh_key_list_free(list);
        ck_assert_int_eq(hcloud_ssh_key_list_page(f.client, NULL, &page, &list, &f.error), 1);
        ck_assert_uint_eq(list->n, 0);
        hcloud_ssh_key_list_free(list);
        ck_assert_int_eq(hcloud_ssh_key_list_page(f.client, NULL, &page, &list, &f.error), 0);
        fake_stop(&f);
} END_TEST

START_TEST(pages_that_lead_nowhere_end) {
        struct hcloud_ssh_key_list *list = NULL;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { NULL, 200, "{\"ssh_keys\":[" KEY(1) "]," META(1, 1) "}" });
        ck_fails(hcloud_ssh_key_list(f.client, NULL, &list, &f.error), f.error, ERR_PROTOCOL);
        fake_stop(&f);
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { NULL, 200, "{\"ssh_keys\":[" KEY(1) "]," META(1, 10001) "}" });
        ck_fails(hcloud_ssh_key_list(f.client, NULL, &list, &f.error), f.error, ERR_PROTOCOL);
        ck_assert_ptr_nonnull(strstr(f.error.message, "goes on behind page 10000"));
        fake_stop(&f);
} END_TEST

START_TEST(filters_are_encoded) {
        struct hcloud_image_list *list = NULL;
        const struct hcloud_list_options o = {
                .label_selector = "example.com/a=b,c in (d,e)",
                .type = (const char *const[]) { "snapshot", "backup", NULL },
                .status = (const char *const[]) { "available", NULL },
                .architecture = "arm",
                .sort = (const char *const[]) { "created:desc", NULL },
                .include_deprecated = true,
        };
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "GET "
                          "/images?label_selector=example.com%2Fa%3Db%2Cc%20in%20%28d%2Ce%29&status=available&type=snapshot&type="
                          "backup&architecture=arm"
                          "&include_deprecated=true&sort=created%3Adesc&page=1&per_page=50",
                          200, "{\"images\":[]," META(1, null) "}" });
        ck_ok(hcloud_image_list(f.client, &o, &list, &f.error), f.error);
        hcloud_image_list_free(list);
        ck_fails(hcloud_image_list(f.client, &(struct hcloud_list_options) { .fingerprint = "x" }, &list, &f.error), f.error,
                 ERR_INVALID);
        fake_stop(&f);
} END_TEST

START_TEST(by_name_is_exact) {
        struct hcloud_ssh_key *key = NULL;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "GET /ssh_keys?name=k2&", 200, "{\"ssh_keys\":[" KEY(1) "," KEY(2) "]," META(1, null) "}" },
                    { "GET /ssh_keys?name=k9&", 200, "{\"ssh_keys\":[" KEY(1) "]," META(1, null) "}" });
        ck_ok(hcloud_ssh_key_get_by_name(f.client, "k2", &key, &f.error), f.error);
        ck_assert_int_eq(key->id, 2);
        hcloud_ssh_key_free(key);
        ck_fails(hcloud_ssh_key_get_by_name(f.client, "k9", &key, &f.error), f.error, ERR_NOT_FOUND);
        fake_stop(&f);
} END_TEST

static const char *const nonsense[] = {
        "{\"ssh_keys\":{}}", "{\"ssh_keys\":null}", "{}", "[]", "{\"ssh_keys\":[null]}", "{\"ssh_keys\":[{\"name\":\"no id\"}]}",
        "{\"ssh_keys\":[{\"id\":\"1\"}]}", "{\"ssh_keys\":[{\"id\":1,\"name\":5}]}", "{\"ssh_keys\":[{\"id\":1,\"labels\":[]}]}",
        "{\"ssh_keys\":[{\"id\":1,\"labels\":{\"a\":1}}]}", "{\"ssh_keys\":[{\"id\":1.5}]}", "{\"ssh_keys\":[{\"id\":-4}]}",
        "{\"ssh_keys\":[{\"id\":1,\"created\":\"yesterday\"}]}", "{\"ssh_keys\":[" KEY(1) ",{\"id\":2,\"name\":{}}]}",
        "{\"ssh_keys\":[],\"meta\":{\"pagination\":{\"next_page\":\"2\"}}}", "{\"ssh_keys\":[{\"id\":1e300}]}", "{\"ssh_keys\":[{\"id\":9007199254740993}]}",
};

START_TEST(wrong_types_are_clear_errors) {
        struct hcloud_ssh_key_list *list = NULL;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { NULL, 200, nonsense[_i] });
        ck_fails(hcloud_ssh_key_list(f.client, NULL, &list, &f.error), f.error, ERR_PROTOCOL);
        ck_assert_ptr_nonnull(strstr(f.error.message, "listing SSH keys: "));
        ck_assert_ptr_null(list);
        fake_stop(&f);
} END_TEST

START_TEST(huge_bodies_are_cut_off) {
        struct hcloud_ssh_key_list *list = NULL;
        size_t n = (32u << 20) + 100;
        char *body = xcalloc(n + 1, 1);
        memset(body, ' ', n);
        fake_start(&f, &(struct hcloud_client_options) { .retry_budget_ms = -1 });
        FAKE_SCRIPT(&f, { NULL, 200, body });
        ck_fails(hcloud_ssh_key_list(f.client, NULL, &list, &f.error), f.error, ERR_PROTOCOL);
        fake_stop(&f);
        free(body);
} END_TEST

static void answer(const char *body) {
        fake_start(&f, NULL);
        const struct fake_step step = { NULL, 200, body };
        fake_script(&f, &step, 1);
}

/* As the API answers for a server without IPv4, with a status and keys nobody knows yet. */
START_TEST(server_is_read) {
        struct hcloud_server *s = NULL;
        answer("{\"server\":{\"id\":9007199254740991,\"name\":\"web\",\"status\":\"teleporting\",\"new\":{\"x\":[1]},\"created\":"
               "\"2016-01-30T23:55:00Z\",\"public_net\":{"
               "\"ipv4\":null,\"ipv6\":{\"id\":8,\"ip\":\"2a01:4f8:c014:b0a7::/"
               "64\",\"blocked\":false,\"dns_ptr\":null},\"floating_ips\":[3],\"firewalls\":"
               "[{\"id\":38,\"status\":\"pending\"}]},\"private_net\":[{\"network\":4,\"ip\":\"10.0.0.2\",\"alias_ips\":[\"10.0."
               "0.3\"],\"mac_address\":\"86:00\"}],"
               "\"server_type\":{\"id\":22,\"name\":\"cx23\",\"cores\":2,\"memory\":4.0,\"disk\":40,\"architecture\":\"x86\"},"
               "\"location\":{\"id\":3,\"name\":\"hel1\","
               "\"network_zone\":\"eu-central\"},\"image\":null,\"iso\":null,\"rescue_enabled\":true,\"locked\":true,\"outgoing_"
               "traffic\":null,\"ingoing_traffic\":5,"
               "\"protection\":{\"delete\":true,\"rebuild\":false},\"labels\":{\"a.b/"
               "c.d\":\"e\"},\"volumes\":[1,2],\"placement_group\":{\"id\":7},\"primary_disk_size\":40}}");
        ck_ok(hcloud_server_get(f.client, 9007199254740991, &s, &f.error), f.error);
        ck_assert_str_eq(fake_line(&f, 0), "GET /servers/9007199254740991");
        ck_assert_int_eq(s->id, 9007199254740991);
        ck_assert_str_eq(s->status, "teleporting");
        ck_assert_ptr_null(s->ipv4);
        ck_assert_str_eq(s->ipv6->ip, "2a01:4f8:c014:b0a7::/64");
        ck_assert_int_eq(s->ipv6->id, 8);
        ck_assert_str_eq(s->firewalls.items[0].status, "pending");
        ck_assert_str_eq(s->private_nets.items[0].alias_ips.items[0], "10.0.0.3");
        ck_assert_str_eq(s->server_type, "cx23");
        ck_assert(s->memory == 4.0 && s->disk == 40 && s->locked && s->rescue_enabled && s->protected_delete &&
                  !s->protected_rebuild);
        ck_assert_str_eq(s->location, "hel1");
        ck_assert_int_eq(s->placement_group, 7);
        ck_assert_int_eq(s->image, 0);
        ck_assert_int_eq(s->outgoing_traffic, -1);
        ck_assert_int_eq(s->ingoing_traffic, 5);
        ck_assert_str_eq(hcloud_labels_get(&s->labels, "a.b/c.d"), "e");
        ck_assert_uint_eq(s->volumes.n, 2);
        hcloud_server_free(s);
        fake_stop(&f);
} END_TEST

START_TEST(primary_ip_is_read) {
        struct hcloud_primary_ip *ip = NULL;
        answer("{\"primary_ip\":{\"id\":42,\"name\":\"n\",\"type\":\"ipv6\",\"ip\":\"2001:db8::/"
               "64\",\"location\":{\"name\":\"nbg1\"},\"assignee_type\":\"unassigned\","
               "\"assignee_id\":null,\"auto_delete\":true,\"dns_ptr\":[{\"ip\":\"2001:db8::1\",\"dns_ptr\":\"a.example\"}],"
               "\"protection\":{\"delete\":false},\"labels\":{}}}");
        ck_ok(hcloud_primary_ip_get(f.client, 42, &ip, &f.error), f.error);
        ck_assert_str_eq(ip->location, "nbg1");
        ck_assert_int_eq(ip->assignee_id, 0);
        ck_assert(ip->auto_delete);
        ck_assert_str_eq(ip->dns_ptr.items[0].dns_ptr, "a.example");
        hcloud_primary_ip_free(ip);
        fake_stop(&f);
} END_TEST

START_TEST(firewall_is_read) {
        struct hcloud_firewall *fw = NULL;
        answer("{\"firewall\":{\"id\":42,\"name\":\"n\",\"labels\":{},\"rules\":[{\"description\":null,\"direction\":\"in\","
               "\"source_ips\":[\"::/0\"],\"destination_ips\":[],"
               "\"protocol\":\"icmp\",\"port\":null}],\"applied_to\":[{\"type\":\"server\",\"server\":{\"id\":5}},{\"type\":"
               "\"label_selector\",\"label_selector\":"
               "{\"selector\":\"a=b\"},\"applied_to_resources\":[{\"type\":\"server\",\"server\":{\"id\":6}},{\"type\":\"new\"}]}"
               "]}}");
        ck_ok(hcloud_firewall_get(f.client, 42, &fw, &f.error), f.error);
        ck_assert_ptr_null(fw->rules.items[0].port);
        ck_assert_str_eq(fw->rules.items[0].source_ips.items[0], "::/0");
        ck_assert_str_eq(fw->applied_to.items[1].selector, "a=b");
        ck_assert(hcloud_firewall_is_applied_to(fw, 5) && hcloud_firewall_is_applied_to(fw, 6) &&
                  !hcloud_firewall_is_applied_to(fw, 7));
        hcloud_firewall_free(fw);
        fake_stop(&f);
} END_TEST

START_TEST(network_is_read) {
        struct hcloud_network *net = NULL;
        answer("{\"network\":{\"id\":4,\"name\":\"n\",\"ip_range\":\"10.0.0.0/"
               "16\",\"subnets\":[{\"type\":\"cloud\",\"ip_range\":\"10.0.1.0/24\",\"network_zone\":\"eu-central\","
               "\"gateway\":\"10.0.0.1\",\"vswitch_id\":null}],\"routes\":[{\"destination\":\"10.100.1.0/"
               "24\",\"gateway\":\"10.0.1.1\"}],\"servers\":[42]}}");
        ck_ok(hcloud_network_get(f.client, 4, &net, &f.error), f.error);
        ck_assert_str_eq(net->subnets.items[0].ip_range, "10.0.1.0/24");
        ck_assert_str_eq(net->routes.items[0].gateway, "10.0.1.1");
        ck_assert(hcloud_ids_has(&net->servers, 42));
        hcloud_network_free(net);
        fake_stop(&f);
} END_TEST

START_TEST(load_balancer_is_read) {
        struct hcloud_load_balancer *lb = NULL;
        answer("{\"load_balancer\":{\"id\":4,\"name\":\"lb\",\"public_net\":{\"enabled\":true,\"ipv4\":{\"ip\":\"1.2.3.4\"},"
               "\"ipv6\":{\"ip\":\"2001:db8::1\"}},"
               "\"load_balancer_type\":{\"name\":\"lb11\"},\"algorithm\":{\"type\":\"round_robin\"},\"services\":[{\"protocol\":"
               "\"tcp\",\"listen_port\":6443,"
               "\"destination_port\":6443,\"proxyprotocol\":false,\"health_check\":{\"protocol\":\"tcp\",\"port\":6443,"
               "\"interval\":15,\"timeout\":10,\"retries\":3}}],"
               "\"targets\":[{\"type\":\"server\",\"server\":{\"id\":80,\"ip\":\"2001:db8:1::1\"},\"health_status\":[{\"listen_"
               "port\":6443,\"status\":\"healthy\"}],"
               "\"use_private_ip\":false}],\"included_traffic\":10000}}");
        ck_ok(hcloud_load_balancer_get(f.client, 4, &lb, &f.error), f.error);
        ck_assert_str_eq(lb->ipv6, "2001:db8::1");
        ck_assert_int_eq(lb->services.items[0].check_retries, 3);
        ck_assert_str_eq(lb->targets.items[0].server_ip, "2001:db8:1::1");
        ck_assert_str_eq(lb->targets.items[0].health.items[0].status, "healthy");
        hcloud_load_balancer_free(lb);
        fake_stop(&f);
} END_TEST

START_TEST(load_balancer_target_names_its_address) {
        int64_t action;
        const struct hcloud_load_balancer_target target = { .server = 80, .server_ip = (char *) "2001:db8:1::1" };
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "POST /load_balancers/4/actions/add_target", 201, "{\"action\":{\"id\":1,\"status\":\"running\"}}" });
        ck_ok(hcloud_load_balancer_add_target(f.client, 4, &target, &action, &f.error), f.error);
        ck_assert_str_eq(fake_body(&f, 0),
                         "{\"type\":\"server\",\"server\":{\"id\":80,\"ip\":\"2001:db8:1::1\"},\"use_private_ip\":false}");
        fake_stop(&f);
} END_TEST

START_TEST(images_by_architecture) {
        struct hcloud_image *image = NULL;
        answer("{\"images\":[{\"id\":1,\"name\":\"debian-12\",\"architecture\":\"arm\"},{\"id\":2,\"name\":\"debian-12\","
               "\"architecture\":\"x86\",\"image_size\":2.3,"
               "\"disk_size\":10,\"created_from\":{\"id\":1,\"name\":\"s\"},\"deprecated\":\"2018-02-28T00:00:00+00:00\"}]"
               "," PAGE_END "}");
        ck_ok(hcloud_image_get_by_name(f.client, "debian-12", "x86", &image, &f.error), f.error);
        ck_assert_int_eq(image->id, 2);
        ck_assert(image->image_size == 2.3 && image->disk_size == 10);
        ck_assert_int_eq(image->deprecated, 1519776000000);
        hcloud_image_free(image);
        fake_stop(&f);
} END_TEST

START_TEST(certificate_volume_floating_ip_zone_are_read) {
        struct hcloud_certificate *certificate = NULL;
        struct hcloud_volume *volume = NULL;
        struct hcloud_floating_ip *ip = NULL;
        struct hcloud_zone *zone = NULL;
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f,
                    { "GET /certificates/1", 200,
                      "{\"certificate\":{\"id\":1,\"name\":\"c\",\"type\":\"managed\",\"certificate\":null,\"domain_names\":["
                      "\"a\"],\"status\":"
                      "{\"issuance\":\"failed\",\"error\":{\"code\":\"error\",\"message\":\"m\"}},\"used_by\":[{\"id\":4,"
                      "\"type\":\"load_balancer\"}]}}" },
                    { "GET /volumes/2", 200,
                      "{\"volume\":{\"id\":2,\"name\":\"v\",\"server\":null,\"size\":42,\"location\":{\"name\":\"fsn1\"},"
                      "\"format\":\"xfs\"}}" },
                    { "GET /floating_ips/3", 200,
                      "{\"floating_ip\":{\"id\":3,\"name\":\"i\",\"ip\":\"2001:db8::/"
                      "64\",\"server\":9,\"home_location\":{\"name\":\"fsn1\"}}}" },
                    { "GET /zones/4", 200,
                      "{\"zone\":{\"id\":4,\"name\":\"example.com\",\"mode\":\"primary\",\"ttl\":3600,\"authoritative_"
                      "nameservers\":{\"assigned\":"
                      "[\"hydrogen.ns.hetzner.com.\"],\"delegated\":[],\"delegation_status\":\"valid\"}}}" });
        ck_ok(hcloud_certificate_get(f.client, 1, &certificate, &f.error), f.error);
        ck_assert_str_eq(certificate->error_message, "m");
        ck_assert_int_eq(certificate->used_by.items[0].id, 4);
        ck_ok(hcloud_volume_get(f.client, 2, &volume, &f.error), f.error);
        ck_assert(volume->size == 42 && volume->server == 0);
        ck_ok(hcloud_floating_ip_get(f.client, 3, &ip, &f.error), f.error);
        ck_assert_int_eq(ip->server, 9);
        ck_ok(hcloud_zone_get(f.client, 4, &zone, &f.error), f.error);
        ck_assert_str_eq(zone->assigned_nameservers.items[0], "hydrogen.ns.hetzner.com.");
        hcloud_certificate_free(certificate);
        hcloud_volume_free(volume);
        hcloud_floating_ip_free(ip);
        hcloud_zone_free(zone);
        fake_stop(&f);
} END_TEST

START_TEST(rrsets) {
        struct hcloud_rrset *set = NULL;
        int64_t action = 0;
        bool adopted = false;
        struct hcloud_label own[] = { { (char *) "own", (char *) "er" } };
        const struct hcloud_labels labels = { own, 1 };
        static const char *const values[] = { "2001:db8::1", "2001:db8::2" };
        const struct hcloud_rrset_create create = {
                .name = "kube", .type = "AAAA", .ttl = 60, .values = values, .n_values = 2, .labels = &labels, .adopt = &labels
        };
        fake_start(&f, NULL);
        FAKE_SCRIPT(
                &f, { "POST /zones/4/rrsets", 409, ERROR_BODY("uniqueness_error", "x") },
                { "GET /zones/4/rrsets/kube/AAAA", 200,
                  "{\"rrset\":{\"id\":\"kube/AAAA\",\"name\":\"kube\",\"type\":\"AAAA\",\"ttl\":null,\"labels\":{\"own\":\"er\"},"
                  "\"records\":[{\"value\":\"2001:db8::1\"}],\"zone\":4,\"protection\":{\"change\":false}}}" },
                { "POST /zones/4/rrsets/%40/AAAA/actions/set_records", 201, "{\"action\":{\"id\":3,\"status\":\"running\"}}" },
                { "DELETE /zones/4/rrsets/kube/AAAA", 404, ERROR_BODY("not_found", "x") });
        ck_ok(hcloud_rrset_create(f.client, 4, &create, &set, NULL, &adopted, &f.error), f.error);
        ck_assert(adopted && set->ttl == 0 && set->records.n == 1);
        ck_assert_ptr_nonnull(strstr(fake_body(&f, 0), "\"records\":[{\"value\":\"2001:db8::1\"},{\"value\":\"2001:db8::2\"}]"));
        hcloud_rrset_free(set);
        ck_ok(hcloud_rrset_set_records(f.client, 4, "@", "AAAA", values, 1, &action, &f.error), f.error);
        ck_assert_int_eq(action, 3);
        ck_ok(hcloud_rrset_delete(f.client, 4, "kube", "AAAA", &action, &f.error), f.error);
        ck_assert_int_eq(action, 0);
        ck_fails(hcloud_rrset_set_records(f.client, 4, "Kube", "AAAA", values, 1, &action, &f.error), f.error, ERR_INVALID);
        fake_stop(&f);
} END_TEST

START_TEST(server_types_are_offered_or_not) {
        struct hcloud_server_type_list *list = NULL;
        answer("{\"server_types\":[{\"id\":22,\"name\":\"cx23\",\"cores\":2,\"memory\":4.0,\"disk\":40,\"architecture\":\"x86\","
               "\"deprecated\":false,\"prices\":[{\"location\":\"hel1\","
               "\"price_hourly\":{\"net\":\"0.0088000000\",\"gross\":\"0.0104720000000000\"},\"price_monthly\":{\"net\":\"5.49\","
               "\"gross\":\"6.53\"},\"included_traffic\":"
               "21990232555520,\"price_per_tb_traffic\":{\"net\":\"1\",\"gross\":\"1.19\"}}],\"locations\":[{\"id\":1,\"name\":"
               "\"hel1\",\"deprecation\":null,\"available\":true,"
               "\"recommended\":true},{\"id\":2,\"name\":\"nbg1\",\"deprecation\":null,\"available\":false,\"recommended\":false}"
               ",{\"id\":3,\"name\":\"fsn1\",\"deprecation\":"
               "{\"announced\":\"2025-01-01T00:00:00Z\",\"unavailable_after\":\"2025-04-01T00:00:00Z\"},\"available\":true,"
               "\"recommended\":false}]},"
               "{\"id\":1,\"name\":\"old\",\"prices\":[{\"location\":\"hel1\"}]}]," PAGE_END "}");
        ck_ok(hcloud_server_type_list(f.client, NULL, &list, &f.error), f.error);
        const struct hcloud_server_type *t = hcloud_server_type_find(list, "cx23"), *old = hcloud_server_type_find(list, "old");
        const int64_t january = 1735689600000, may = 1746057600000;
        ck_assert_int_eq(hcloud_server_type_offer(t, "hel1", may), HCLOUD_OFFER_YES);
        ck_assert_int_eq(hcloud_server_type_offer(t, "nbg1", may), HCLOUD_OFFER_SOLD_OUT);
        ck_assert_int_eq(hcloud_server_type_offer(t, "fsn1", january), HCLOUD_OFFER_YES);
        ck_assert_int_eq(hcloud_server_type_offer(t, "fsn1", may), HCLOUD_OFFER_DEPRECATED);
        ck_assert_int_eq(hcloud_server_type_offer(t, "ash", may), HCLOUD_OFFER_NEVER);
        ck_assert_int_eq(hcloud_server_type_offer(old, "hel1", may), HCLOUD_OFFER_YES);
        ck_assert_int_eq(hcloud_server_type_offer(old, "ash", may), HCLOUD_OFFER_NEVER);
        ck_assert_str_eq(hcloud_server_type_price(t, "hel1")->hourly.net, "0.0088000000");
        ck_assert_ptr_null(hcloud_server_type_price(t, "ash"));
        ck_assert_ptr_null(hcloud_server_type_find(list, "cx"));
        hcloud_server_type_list_free(list);
        fake_stop(&f);
} END_TEST

START_TEST(pricing_is_read) {
        struct hcloud_pricing *p = NULL;
        answer("{\"pricing\":{\"currency\":\"EUR\",\"vat_rate\":\"19.00\",\"primary_ips\":[{\"type\":\"ipv4\",\"prices\":[{"
               "\"location\":\"hel1\",\"price_hourly\":{\"net\":\"0.0008\","
               "\"gross\":\"0.001\"},\"price_monthly\":{\"net\":\"0.5\",\"gross\":\"0.6\"}}]}],\"floating_ips\":[],\"image\":{"
               "\"price_per_gb_month\":{\"net\":\"0.0143\"}},"
               "\"volume\":{\"price_per_gb_month\":{\"net\":\"0.0572\"}},\"server_backup\":{\"percentage\":\"20\"},\"server_"
               "types\":[],\"load_balancer_types\":"
               "[{\"id\":1,\"name\":\"lb11\",\"prices\":[{\"location\":\"hel1\",\"price_monthly\":{\"net\":\"7.49\"}}]}]}}");
        ck_ok(hcloud_pricing_get(f.client, &p, &f.error), f.error);
        ck_assert_str_eq(hcloud_pricing_primary_ip(p, "ipv4", "hel1")->monthly.net, "0.5");
        ck_assert_ptr_null(hcloud_pricing_primary_ip(p, "ipv6", "hel1"));
        ck_assert_str_eq(hcloud_pricing_load_balancer(p, "lb11", "hel1")->monthly.net, "7.49");
        ck_assert_str_eq(p->image_per_gb_month.net, "0.0143");
        hcloud_pricing_free(p);
        fake_stop(&f);
} END_TEST

START_TEST(updates_send_only_what_changes) {
        struct hcloud_label pair[] = { { (char *) "a", (char *) "b" } };
        const struct hcloud_labels labels = { pair, 1 };
        fake_start(&f, NULL);
        FAKE_SCRIPT(&f, { "PUT /servers/5", 200, "{}" }, { "PUT /servers/5", 200, "{}" }, { "PUT /primary_ips/6", 200, "{}" },
                    { "PUT /images/7", 200, "{}" });
        ck_ok(hcloud_server_update(f.client, 5, "new-name", NULL, NULL, &f.error), f.error);
        ck_ok(hcloud_server_update(f.client, 5, NULL, &labels, NULL, &f.error), f.error);
        ck_ok(hcloud_primary_ip_update(f.client, 6, &(struct hcloud_primary_ip_update) { .auto_delete = &(bool) { true } }, NULL,
                                       &f.error),
              f.error);
        ck_ok(hcloud_image_update(f.client, 7, &(struct hcloud_image_update) { .description = "d" }, NULL, &f.error), f.error);
        ck_assert_str_eq(fake_body(&f, 0), "{\"name\":\"new-name\"}");
        ck_assert_str_eq(fake_body(&f, 1), "{\"labels\":{\"a\":\"b\"}}");
        ck_assert_str_eq(fake_body(&f, 2), "{\"auto_delete\":true}");
        ck_assert_str_eq(fake_body(&f, 3), "{\"description\":\"d\"}");
        fake_stop(&f);
} END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("hcloud lists and shapes");
        TCase *c = tcase_create("lists");
        tcase_set_timeout(c, 30);
        tcase_add_test(c, all_pages_are_read_until_next_page_is_null);
        tcase_add_test(c, pages_one_at_a_time);
        tcase_add_test(c, pages_that_lead_nowhere_end);
        tcase_add_test(c, filters_are_encoded);
        tcase_add_test(c, by_name_is_exact);
        tcase_add_loop_test(c, wrong_types_are_clear_errors, 0, (int) (sizeof(nonsense) / sizeof(nonsense[0])));
        tcase_add_test(c, huge_bodies_are_cut_off);
        tcase_add_test(c, server_is_read);
        tcase_add_test(c, primary_ip_is_read);
        tcase_add_test(c, firewall_is_read);
        tcase_add_test(c, network_is_read);
        tcase_add_test(c, load_balancer_is_read);
        tcase_add_test(c, load_balancer_target_names_its_address);
        tcase_add_test(c, images_by_architecture);
        tcase_add_test(c, certificate_volume_floating_ip_zone_are_read);
        tcase_add_test(c, rrsets);
        tcase_add_test(c, server_types_are_offered_or_not);
        tcase_add_test(c, pricing_is_read);
        tcase_add_test(c, updates_send_only_what_changes);
        suite_add_tcase(s, c);
        return s;
}

UNIT_MAIN(suite())
