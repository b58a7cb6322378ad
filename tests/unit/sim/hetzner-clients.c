/* What other people's programs rely on: each was found by the acceptance tests of the Hetzner Terraform provider, which its makers run against the real API. */
#include "hetzner-world.h"

START_TEST(catalogue_speaks_the_api_s_words) {
        _cleanup_json_ json_t *j = call("GET", "/server_types", NULL, 200), *old = show("server_types", 1), *balancer = show("load_balancer_types", 1),
                              *iso = show("isos", 8638);
        json_t *first = json_array_get(json_object_get(j, "server_types"), 0);

        ck_assert_int_eq(json_integer_value(json_object_get(first, "id")), 22);
        ck_assert_str_eq(json_string_value(json_object_get(first, "description")), "CPX 11");
        ck_assert_str_eq(json_string_value(json_object_get(first, "category")), "regular_purpose");
        ck_assert_str_eq(jget_text(old, "server_type.name"), "cx11");
        ck_assert_str_eq(jget_text(balancer, "load_balancer_type.description"), "LB11");
        ck_assert_str_eq(jget_text(iso, "iso.description"), "Windows Server 2022 German");
}
END_TEST

START_TEST(both_reverse_names_are_set_at_once) {
        int64_t s = make("/servers", "server.id", "{\"name\":\"n\",\"server_type\":\"cx23\",\"image\":\"debian-13\",\"location\":\"hel1\"}");
        char text[IP6_STR_MAX];

        settle();
        _cleanup_json_ json_t *j = show("servers", s);
        _cleanup_str_ char *four = xasprintf("{\"ip\":\"%s\",\"dns_ptr\":\"a.example\"}", jget_text(j, "server.public_net.ipv4.ip"));
        _cleanup_str_ char *six = xasprintf("{\"ip\":\"%s\",\"dns_ptr\":\"b.example\"}", ip6_format(&sim_machine_by_id(&world, s)->addr, text));
        act(s, "change_dns_ptr", four, 201);
        act(s, "change_dns_ptr", six, 201);     /* the first is still running */
        act(s, "poweroff", NULL, 201);
}
END_TEST

START_TEST(a_server_without_public_network_waits_for_a_private_one) {
        static const char body[] = "{\"name\":\"n\",\"server_type\":\"cx23\",\"image\":\"debian-13\",\"location\":\"hel1\",\"start_after_create\":%s,"
                                   "\"public_net\":{\"enable_ipv4\":false,\"enable_ipv6\":false}}";
        char started[256], off[256];

        snprintf(started, sizeof(started), body, "true");
        snprintf(off, sizeof(off), body, "false");
        refused("POST", "/servers", started, 422, "invalid_input");
        make("/servers", "server.id", off);
}
END_TEST

START_TEST(a_server_put_into_a_group_runs_again) {
        int64_t g = make("/placement_groups", "placement_group.id", "{\"name\":\"g\",\"type\":\"spread\"}"), s = make_server("n", "");
        _cleanup_str_ char *body = xasprintf("{\"placement_group\":%lld}", (long long) g);

        settle();
        act(s, "add_to_placement_group", body, 422);
        act(s, "poweroff", NULL, 201);
        settle();
        act(s, "add_to_placement_group", body, 201);
        settle();
        _cleanup_json_ json_t *j = show("servers", s);
        ck_assert_str_eq(jget_text(j, "server.status"), "running");
        ck_assert_int_eq(id_of(j, "server.placement_group.id"), g);
}
END_TEST

START_TEST(a_floating_ip_moves) {
        int64_t a = make_server("a", ""), b = make_server("b", "");
        int64_t f = make("/floating_ips", "floating_ip.id", "{\"type\":\"ipv6\",\"home_location\":\"hel1\"}");
        _cleanup_str_ char *path = xasprintf("/floating_ips/%lld/actions/assign", (long long) f), *to_a = xasprintf("{\"server\":%lld}", (long long) a),
                           *to_b = xasprintf("{\"server\":%lld}", (long long) b);

        json_decref(call("POST", path, to_a, 201));
        refused("POST", path, to_a, 422, "floating_ip_assigned");
        json_decref(call("POST", path, to_b, 201));
        _cleanup_json_ json_t *j = show("floating_ips", f);
        ck_assert_int_eq(id_of(j, "floating_ip.server"), b);
}
END_TEST

START_TEST(a_load_balancer_s_address_is_of_a_subnet) {
        int64_t n = make("/networks", "network.id", "{\"name\":\"n\",\"ip_range\":\"10.0.0.0/16\",\"subnets\":[{\"type\":\"cloud\",\"ip_range\":"
                         "\"10.0.1.0/24\",\"network_zone\":\"eu-central\"},{\"type\":\"cloud\",\"ip_range\":\"10.0.2.0/24\",\"network_zone\":\"eu-central\"}]}");
        int64_t b = make("/load_balancers", "load_balancer.id", "{\"name\":\"b\",\"load_balancer_type\":\"lb11\",\"location\":\"hel1\"}");
        _cleanup_str_ char *attach = xasprintf("/load_balancers/%lld/actions/attach_to_network", (long long) b),
                           *outside = xasprintf("{\"network\":%lld,\"ip\":\"10.0.1.7\",\"ip_range\":\"10.0.2.0/24\"}", (long long) n),
                           *second = xasprintf("{\"network\":%lld,\"ip_range\":\"10.0.2.0/24\"}", (long long) n),
                           *drop = xasprintf("/networks/%lld/actions/delete_subnet", (long long) n);

        refused("POST", attach, outside, 422, "invalid_input");
        json_decref(call("POST", attach, second, 201));
        _cleanup_json_ json_t *j = show("load_balancers", b);
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(jget(j, "load_balancer.private_net"), 0), "ip")), "10.0.2.1");
        refused("POST", drop, "{\"ip_range\":\"10.0.2.0/24\"}", 422, "service_error");
        json_decref(call("POST", drop, "{\"ip_range\":\"10.0.1.0/24\"}", 201));
}
END_TEST

START_TEST(a_primary_zone_is_born_with_soa_and_ns) {
        int64_t primary = make("/zones", "zone.id", "{\"name\":\"example.org\",\"mode\":\"primary\"}");
        int64_t secondary = make("/zones", "zone.id", "{\"name\":\"example.net\",\"mode\":\"secondary\",\"primary_nameservers\":[{\"address\":\"192.0.2.1\"}]}");
        _cleanup_json_ json_t *sets = call("GET", "/zones/example.org/rrsets?per_page=100", NULL, 200), *j = show("zones", primary), *k = show("zones", secondary);

        ck_assert_uint_eq(json_array_size(json_object_get(sets, "rrsets")), 2);
        ck_assert_int_eq(id_of(j, "zone.record_count"), 4);
        ck_assert_int_eq(id_of(k, "zone.record_count"), 0);
        json_decref(call("GET", "/zones/example.org/rrsets/@/SOA", NULL, 200));
        refused("GET", "/zones/example.org/rrsets?per_page=101", NULL, 422, "invalid_input");
        refused("GET", "/zones?per_page=51", NULL, 422, "invalid_input");
}
END_TEST

static Suite *suite_hetzner_clients(void) {
        Suite *s = suite_create("sim-hetzner-clients");
        TCase *t = tcase_create("instant");

        tcase_add_checked_fixture(t, start_instant, stop);
        tcase_add_test(t, catalogue_speaks_the_api_s_words);
        tcase_add_test(t, both_reverse_names_are_set_at_once);
        tcase_add_test(t, a_server_without_public_network_waits_for_a_private_one);
        tcase_add_test(t, a_server_put_into_a_group_runs_again);
        tcase_add_test(t, a_floating_ip_moves);
        tcase_add_test(t, a_load_balancer_s_address_is_of_a_subnet);
        tcase_add_test(t, a_primary_zone_is_born_with_soa_and_ns);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_hetzner_clients())
