/* Every operation once against the API's own description (SHARED_DATA/hcloud-openapi.json): the requests must be as described,
 * and answers made of its examples must be read. Skipped, with the reason, where the description is not there. */
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "fake.h"
#include "openapi.h"

static struct fake f;
static json_t *spec;

static struct fake_step answer_as_described(struct fake *fake, const char *line, const char *body) {
        struct strbuf complaints = STRBUF_INIT;
        const json_t *operation = openapi_operation(spec, line);
        int status = 599;
        json_t *answer = NULL;
        if (!operation) {
                strbuf_addf(&fake->wrong, "\n%s: no such operation", line);
        } else {
                openapi_judge(operation, line, body, &complaints);
                if (complaints.len)
                        strbuf_addf(&fake->wrong, "\n%s%s\n    %s", line, strbuf_str(&complaints), body);
                answer = openapi_answer(operation, &status);
        }
        strbuf_done(&complaints);
        const char *text = answer ? fake_keep(fake, json_dumps(answer, JSON_COMPACT)) : NULL;
        json_decref(answer);
        return (struct fake_step) { NULL, status, text };
}

static void start(void) {
        struct error err = ERROR_INIT;
        char *path = xasprintf("%s/hcloud-openapi.json", getenv("SHARED_DATA")), *text = NULL;
        size_t len;
        ck_ok(file_read(path, 64u << 20, &text, &len, &err), err);
        spec = json_loadb(text, len, 0, NULL);
        ck_assert_ptr_nonnull(spec);
        free(text);
        free(path);
        fake_start(&f, NULL);
        f.handler = answer_as_described;
}

static void stop(void) {
        fake_stop(&f);
        json_decref(spec);
}

/* get, get_by_name (which may not find the example's name), list, each freed. */
#define READ(kind)                                                                                   \
        do {                                                                                         \
                struct hcloud_##kind *one = NULL;                                                    \
                struct hcloud_##kind##_list *many = NULL;                                            \
                ck_ok(hcloud_##kind##_get(f.client, 42, &one, &f.error), f.error);                   \
                ck_assert_int_gt(one->id, 0);                                                        \
                ck_assert_ptr_nonnull(one->name);                                                    \
                hcloud_##kind##_free(one);                                                           \
                ck_ok(hcloud_##kind##_list(f.client, NULL, &many, &f.error), f.error);               \
                ck_assert_uint_ge(many->n, 1);                                                       \
                hcloud_##kind##_list_free(many);                                                     \
        } while (0)

START_TEST(every_object_is_read) {
        struct hcloud_pricing *pricing = NULL;
        struct hcloud_rrset *set = NULL;
        struct hcloud_rrset_list *sets = NULL;
        struct hcloud_action *action = NULL;
        struct hcloud_action_list *actions = NULL;
        start();
        READ(server);
        READ(primary_ip);
        READ(firewall);
        READ(network);
        READ(placement_group);
        READ(ssh_key);
        READ(image);
        READ(load_balancer);
        READ(volume);
        READ(floating_ip);
        READ(certificate);
        READ(zone);
        READ(location);
        READ(server_type);
        ck_ok(hcloud_pricing_get(f.client, &pricing, &f.error), f.error);
        ck_assert_uint_ge(pricing->primary_ips.n, 1);
        hcloud_pricing_free(pricing);
        ck_ok(hcloud_rrset_get(f.client, 42, "www", "A", &set, &f.error), f.error);
        hcloud_rrset_free(set);
        ck_ok(hcloud_rrset_list(f.client, 42, NULL, &sets, &f.error), f.error);
        hcloud_rrset_list_free(sets);
        ck_ok(hcloud_action_get(f.client, 42, &action, &f.error), f.error);
        ck_assert_ptr_nonnull(action->command);
        hcloud_action_free(action);
        ck_ok(hcloud_action_list_of(f.client, "servers", 42, "running", &actions, &f.error), f.error);
        hcloud_action_list_free(actions);
        ck_ok(hcloud_action_list_of(f.client, "firewalls", 0, "running", &actions, &f.error), f.error);
        hcloud_action_list_free(actions);
        stop();
} END_TEST

START_TEST(every_filter_is_described) {
        static const char *const sort[] = { "created:desc", NULL }, *const spread[] = { "spread", NULL };
        struct hcloud_server_list *servers = NULL;
        struct hcloud_primary_ip_list *ips = NULL;
        struct hcloud_image_list *images = NULL;
        struct hcloud_placement_group_list *groups = NULL;
        struct hcloud_ssh_key_list *keys = NULL;
        struct hcloud_zone_list *zones = NULL;
        start();
        const struct hcloud_list_options all = { .name = "a", .label_selector = "a=b", .sort = sort };
        struct hcloud_list_options o = all;
        o.status = (const char *const[]) { "off", "running", NULL };
        ck_ok(hcloud_server_list(f.client, &o, &servers, &f.error), f.error);
        o = all;
        o.ip = "1.2.3.4";
        ck_ok(hcloud_primary_ip_list(f.client, &o, &ips, &f.error), f.error);
        o = all;
        o.type = (const char *const[]) { "snapshot", NULL };
        o.status = (const char *const[]) { "available", NULL };
        o.architecture = "arm";
        o.include_deprecated = true;
        o.bound_to = 4;
        ck_ok(hcloud_image_list(f.client, &o, &images, &f.error), f.error);
        o = all;
        o.type = spread;
        ck_ok(hcloud_placement_group_list(f.client, &o, &groups, &f.error), f.error);
        o = (struct hcloud_list_options) { .fingerprint = "b7", .name = "a" };
        ck_ok(hcloud_ssh_key_list(f.client, &o, &keys, &f.error), f.error);
        o = (struct hcloud_list_options) { .mode = "primary", .sort = sort };
        ck_ok(hcloud_zone_list(f.client, &o, &zones, &f.error), f.error);
        hcloud_server_list_free(servers);
        hcloud_primary_ip_list_free(ips);
        hcloud_image_list_free(images);
        hcloud_placement_group_list_free(groups);
        hcloud_ssh_key_list_free(keys);
        hcloud_zone_list_free(zones);
        stop();
} END_TEST

static struct hcloud_label pair[] = { { (char *) "a", (char *) "b" } };
static const struct hcloud_labels labels = { pair, 1 };
static const int64_t ids[] = { 4711, 4712 };

START_TEST(servers_are_asked_as_described) {
        struct hcloud_server_created *created = NULL;
        struct hcloud_server *server = NULL;
        struct hcloud_image *image = NULL;
        char *password = NULL;
        int64_t action = 0;
        start();
        const struct hcloud_server_create o = {
                .name = "my-server",
                .server_type = "cx23",
                .image = 7,
                .location = "hel1",
                .no_ipv4 = true,
                .primary_ipv6 = 5,
                .ssh_keys = ids,
                .n_ssh_keys = 2,
                .firewalls = ids,
                .n_firewalls = 1,
                .networks = ids,
                .n_networks = 1,
                .volumes = ids,
                .n_volumes = 1,
                .placement_group = 3,
                .user_data = "x",
                .labels = &labels,
        };
        ck_ok(hcloud_server_create(f.client, &o, &created, &f.error), f.error);
        ck_assert_uint_ge(created->actions.n, 2);
        ck_ok(hcloud_server_update(f.client, 42, "new", &labels, &server, &f.error), f.error);
        ck_ok(hcloud_server_poweron(f.client, 42, &action, &f.error), f.error);
        ck_assert_int_gt(action, 0);
        ck_ok(hcloud_server_poweroff(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_server_shutdown(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_server_reboot(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_server_reset(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_server_rebuild(f.client, 42, 7, "x", &action, NULL, &f.error), f.error);
        ck_ok(hcloud_server_enable_rescue(f.client, 42, ids, 2, &action, &password, &f.error), f.error);
        ck_assert_ptr_nonnull(password);
        ck_ok(hcloud_server_disable_rescue(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_server_create_image(f.client, 42, "text", &labels, &image, &action, &f.error), f.error);
        ck_ok(hcloud_server_change_protection(f.client, 42, true, &action, &f.error), f.error);
        ck_ok(hcloud_server_change_type(f.client, 42, "cx33", false, &action, &f.error), f.error);
        ck_ok(hcloud_server_attach_to_network(f.client, 42, 4, "10.0.0.2", "10.0.0.0/24", &action, &f.error), f.error);
        ck_ok(hcloud_server_detach_from_network(f.client, 42, 4, &action, &f.error), f.error);
        ck_ok(hcloud_server_change_alias_ips(f.client, 42, 4, (const char *const[]) { "10.0.0.3" }, 1, &action, &f.error), f.error);
        ck_ok(hcloud_server_add_to_placement_group(f.client, 42, 3, &action, &f.error), f.error);
        ck_ok(hcloud_server_remove_from_placement_group(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_server_change_dns_ptr(f.client, 42, "2001:db8::1", NULL, &action, &f.error), f.error);
        ck_ok(hcloud_server_delete(f.client, 42, &action, &f.error), f.error);
        ck_assert_int_gt(action, 0);
        hcloud_server_created_free(created);
        hcloud_server_free(server);
        hcloud_image_free(image);
        free(password);
        stop();
} END_TEST

START_TEST(addresses_and_firewalls_are_asked_as_described) {
        struct hcloud_primary_ip *ip = NULL;
        struct hcloud_floating_ip *floating = NULL;
        struct hcloud_firewall *firewall = NULL;
        struct hcloud_firewall_rules rules = { 0 };
        struct hcloud_ids actions = { 0 };
        int64_t action = 0;
        start();
        hcloud_strings_add(&hcloud_firewall_rules_add(&rules, "in", "tcp", "1-65535", "text")->source_ips, "2001:db8::/64");
        hcloud_strings_add(&hcloud_firewall_rules_add(&rules, "out", "icmp", NULL, NULL)->destination_ips, "::/0");
        ck_ok(hcloud_primary_ip_create(
                      f.client,
                      &(struct hcloud_primary_ip_create) { .name = "a", .type = "ipv6", .location = "hel1", .labels = &labels },
                      &ip, NULL, NULL, &f.error),
              f.error);
        hcloud_primary_ip_free(ip);
        ck_ok(hcloud_primary_ip_create(f.client, &(struct hcloud_primary_ip_create) { .name = "a", .type = "ipv4", .server = 5 },
                                       &ip, &action, NULL, &f.error),
              f.error);
        hcloud_primary_ip_free(ip);
        ck_ok(hcloud_primary_ip_update(
                      f.client, 42,
                      &(struct hcloud_primary_ip_update) { .name = "b", .labels = &labels, .auto_delete = &(bool) { true } }, &ip,
                      &f.error),
              f.error);
        hcloud_primary_ip_free(ip);
        ck_ok(hcloud_primary_ip_assign(f.client, 42, 5, &action, &f.error), f.error);
        ck_ok(hcloud_primary_ip_unassign(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_primary_ip_change_protection(f.client, 42, true, &action, &f.error), f.error);
        ck_ok(hcloud_primary_ip_change_dns_ptr(f.client, 42, "2001:db8::1", "a.example", &action, &f.error), f.error);
        ck_ok(hcloud_primary_ip_delete(f.client, 42, true, &f.error), f.error);
        ck_ok(hcloud_firewall_create(f.client,
                                     &(struct hcloud_firewall_create){
                                             .name = "a", .rules = &rules, .servers = ids, .n_servers = 2, .labels = &labels },
                                     &firewall, &actions, NULL, &f.error),
              f.error);
        hcloud_firewall_free(firewall);
        hcloud_ids_done(&actions);
        ck_ok(hcloud_firewall_update(f.client, 42, "b", &labels, NULL, &f.error), f.error);
        ck_ok(hcloud_firewall_set_rules(f.client, 42, &rules, &actions, &f.error), f.error);
        ck_assert_uint_ge(actions.n, 1);
        ck_ok(hcloud_firewall_set_rules(f.client, 42, &(struct hcloud_firewall_rules) { 0 }, NULL, &f.error), f.error);
        ck_ok(hcloud_firewall_apply(f.client, 42, ids, 2, NULL, &f.error), f.error);
        ck_ok(hcloud_firewall_remove(f.client, 42, ids, 2, NULL, &f.error), f.error);
        ck_ok(hcloud_firewall_apply_selector(f.client, 42, "a=b", NULL, &f.error), f.error);
        ck_ok(hcloud_firewall_remove_selector(f.client, 42, "a=b", NULL, &f.error), f.error);
        ck_ok(hcloud_firewall_delete(f.client, 42, true, &f.error), f.error);
        ck_ok(hcloud_floating_ip_create(
                      f.client,
                      &(struct hcloud_floating_ip_create){
                              .name = "a", .type = "ipv6", .home_location = "hel1", .description = "d", .labels = &labels },
                      &floating, &action, NULL, &f.error),
              f.error);
        hcloud_floating_ip_free(floating);
        ck_ok(hcloud_floating_ip_update(f.client, 42, &(struct hcloud_floating_ip_update) { .description = "d" }, NULL, &f.error),
              f.error);
        ck_ok(hcloud_floating_ip_assign(f.client, 42, 5, &action, &f.error), f.error);
        ck_ok(hcloud_floating_ip_unassign(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_floating_ip_change_dns_ptr(f.client, 42, "2001:db8::1", NULL, &action, &f.error), f.error);
        ck_ok(hcloud_floating_ip_change_protection(f.client, 42, true, &action, &f.error), f.error);
        ck_ok(hcloud_floating_ip_delete(f.client, 42, &f.error), f.error);
        hcloud_ids_done(&actions);
        hcloud_firewall_rules_done(&rules);
        stop();
} END_TEST

START_TEST(networks_groups_keys_images_volumes_are_asked_as_described) {
        struct hcloud_network *network = NULL;
        struct hcloud_placement_group *group = NULL;
        struct hcloud_ssh_key *key = NULL;
        struct hcloud_volume *volume = NULL;
        struct hcloud_certificate *certificate = NULL;
        struct hcloud_ids actions = { 0 };
        int64_t action = 0;
        start();
        ck_ok(hcloud_network_create(f.client,
                                    &(struct hcloud_network_create) { .name = "a",
                                                                     .ip_range = "10.0.0.0/8",
                                                                     .subnet_ip_range = "10.0.0.0/16",
                                                                     .subnet_network_zone = "eu-central",
                                                                     .labels = &labels },
                                    &network, NULL, &f.error),
              f.error);
        ck_ok(hcloud_network_update(f.client, 42, "b", NULL, NULL, &f.error), f.error);
        ck_ok(hcloud_network_add_subnet(f.client, 42, NULL, NULL, "eu-central", &action, &f.error), f.error);
        ck_ok(hcloud_network_delete_subnet(f.client, 42, "10.0.0.0/24", &action, &f.error), f.error);
        ck_ok(hcloud_network_add_route(f.client, 42, "10.1.0.0/16", "10.0.0.2", &action, &f.error), f.error);
        ck_ok(hcloud_network_delete_route(f.client, 42, "10.1.0.0/16", "10.0.0.2", &action, &f.error), f.error);
        ck_ok(hcloud_network_change_ip_range(f.client, 42, "10.0.0.0/8", &action, &f.error), f.error);
        ck_ok(hcloud_network_change_protection(f.client, 42, true, &action, &f.error), f.error);
        ck_ok(hcloud_network_delete(f.client, 42, &f.error), f.error);
        ck_ok(hcloud_placement_group_create(f.client, &(struct hcloud_placement_group_create) { .name = "a", .labels = &labels },
                                            &group, NULL, &f.error),
              f.error);
        ck_ok(hcloud_placement_group_update(f.client, 42, NULL, &labels, NULL, &f.error), f.error);
        ck_ok(hcloud_placement_group_delete(f.client, 42, &f.error), f.error);
        ck_ok(hcloud_ssh_key_create(f.client, &(struct hcloud_ssh_key_create) { .name = "a", .public_key = "ssh-ed25519 A" }, &key,
                                    NULL, &f.error),
              f.error);
        ck_ok(hcloud_ssh_key_update(f.client, 42, "b", NULL, NULL, &f.error), f.error);
        ck_ok(hcloud_ssh_key_delete(f.client, 42, &f.error), f.error);
        ck_ok(hcloud_image_update(f.client, 42,
                                  &(struct hcloud_image_update) { .description = "d", .type = "snapshot", .labels = &labels },
                                  NULL, &f.error),
              f.error);
        ck_ok(hcloud_image_change_protection(f.client, 42, true, &action, &f.error), f.error);
        ck_ok(hcloud_image_delete(f.client, 42, &f.error), f.error);
        ck_ok(hcloud_volume_create(
                      f.client,
                      &(struct hcloud_volume_create) { .name = "a", .size = 10, .server = 5, .format = "xfs", .labels = &labels },
                      &volume, &actions, NULL, &f.error),
              f.error);
        ck_ok(hcloud_volume_update(f.client, 42, "b", NULL, NULL, &f.error), f.error);
        ck_ok(hcloud_volume_attach(f.client, 42, 5, true, &action, &f.error), f.error);
        ck_ok(hcloud_volume_detach(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_volume_resize(f.client, 42, 20, &action, &f.error), f.error);
        ck_ok(hcloud_volume_change_protection(f.client, 42, true, &action, &f.error), f.error);
        ck_ok(hcloud_volume_delete(f.client, 42, &f.error), f.error);
        ck_ok(hcloud_certificate_create(f.client,
                                        &(struct hcloud_certificate_create){
                                                .name = "a", .domain_names = (const char *const[]) { "a.example", NULL } },
                                        &certificate, &action, NULL, &f.error),
              f.error);
        ck_ok(hcloud_certificate_update(f.client, 42, "b", &labels, NULL, &f.error), f.error);
        ck_ok(hcloud_certificate_retry(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_certificate_delete(f.client, 42, &f.error), f.error);
        hcloud_network_free(network);
        hcloud_placement_group_free(group);
        hcloud_ssh_key_free(key);
        hcloud_volume_free(volume);
        hcloud_certificate_free(certificate);
        hcloud_ids_done(&actions);
        stop();
} END_TEST

START_TEST(load_balancers_and_dns_are_asked_as_described) {
        static const char *const values[] = { "2001:db8::1" };
        struct hcloud_load_balancer *lb = NULL;
        struct hcloud_zone *zone = NULL;
        struct hcloud_rrset *set = NULL;
        int64_t action = 0;
        start();
        const struct hcloud_load_balancer_service services[] = {
                { .protocol = (char *) "tcp", .listen_port = 6443, .destination_port = 6443 },
        };
        const struct hcloud_load_balancer_target targets[] = { { .server = 5, .server_ip = (char *) "2001:db8::1" },
                                                               { .selector = (char *) "a=b" },
                                                               { .ip = (char *) "1.2.3.4" } };
        const struct hcloud_load_balancer_create o = {
                .name = "lb",
                .load_balancer_type = "lb11",
                .location = "hel1",
                .services = services,
                .n_services = 1,
                .targets = targets,
                .n_targets = 3,
                .network = 4,
                .labels = &labels,
        };
        ck_ok(hcloud_load_balancer_create(f.client, &o, &lb, &action, NULL, &f.error), f.error);
        ck_ok(hcloud_load_balancer_update(f.client, 42, "b", NULL, NULL, &f.error), f.error);
        for (size_t i = 0; i < 3; i++) {
                ck_ok(hcloud_load_balancer_add_target(f.client, 42, &targets[i], &action, &f.error), f.error);
                ck_ok(hcloud_load_balancer_remove_target(f.client, 42, &targets[i], &action, &f.error), f.error);
        }
        ck_ok(hcloud_load_balancer_add_service(f.client, 42, &services[0], &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_update_service(f.client, 42, &services[0], &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_delete_service(f.client, 42, 6443, &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_attach_to_network(f.client, 42, 4, "10.0.0.2", &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_detach_from_network(f.client, 42, 4, &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_change_algorithm(f.client, 42, "round_robin", &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_change_type(f.client, 42, "lb21", &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_change_protection(f.client, 42, true, &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_enable_public_interface(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_disable_public_interface(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_load_balancer_delete(f.client, 42, &f.error), f.error);
        ck_ok(hcloud_zone_create(f.client, &(struct hcloud_zone_create) { .name = "example.com", .ttl = 60, .labels = &labels },
                                 &zone, &action, NULL, &f.error),
              f.error);
        ck_ok(hcloud_zone_update(f.client, 42, &labels, NULL, &f.error), f.error);
        ck_ok(hcloud_zone_change_ttl(f.client, 42, 60, &action, &f.error), f.error);
        ck_ok(hcloud_zone_change_protection(f.client, 42, true, &action, &f.error), f.error);
        ck_ok(hcloud_zone_delete(f.client, 42, &action, &f.error), f.error);
        ck_ok(hcloud_rrset_create(f.client, 42,
                                  &(struct hcloud_rrset_create){
                                          .name = "www", .type = "AAAA", .values = values, .n_values = 1, .labels = &labels },
                                  &set, &action, NULL, &f.error),
              f.error);
        ck_ok(hcloud_rrset_update(f.client, 42, "www", "AAAA", &labels, NULL, &f.error), f.error);
        ck_ok(hcloud_rrset_set_records(f.client, 42, "www", "AAAA", values, 1, &action, &f.error), f.error);
        ck_ok(hcloud_rrset_add_records(f.client, 42, "www", "AAAA", 60, values, 1, &action, &f.error), f.error);
        ck_ok(hcloud_rrset_remove_records(f.client, 42, "www", "AAAA", values, 1, &action, &f.error), f.error);
        ck_ok(hcloud_rrset_change_ttl(f.client, 42, "www", "AAAA", 0, &action, &f.error), f.error);
        ck_ok(hcloud_rrset_delete(f.client, 42, "www", "AAAA", &action, &f.error), f.error);
        hcloud_load_balancer_free(lb);
        hcloud_zone_free(zone);
        hcloud_rrset_free(set);
        stop();
} END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("hcloud as described");
        TCase *c = tcase_create("described");
        tcase_set_timeout(c, 60);
        tcase_add_test(c, every_object_is_read);
        tcase_add_test(c, every_filter_is_described);
        tcase_add_test(c, servers_are_asked_as_described);
        tcase_add_test(c, addresses_and_firewalls_are_asked_as_described);
        tcase_add_test(c, networks_groups_keys_images_volumes_are_asked_as_described);
        tcase_add_test(c, load_balancers_and_dns_are_asked_as_described);
        suite_add_tcase(s, c);
        return s;
}

/* 77 tells meson that all of it was skipped. */
int main(void) {
        const char *dir = getenv("SHARED_DATA");
        char *path = xasprintf("%s/hcloud-openapi.json", dir ? dir : ".");
        bool there = access(path, R_OK) == 0;
        if (!there)
                printf("SKIP: no description of the API at %s\n", path);
        free(path);
        if (!there)
                return 77;
        SRunner *r = srunner_create(suite());
        srunner_run_all(r, CK_ENV);
        int failed = srunner_ntests_failed(r);
        srunner_free(r);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
