/* The simulated Hetzner API, called without a network: sim_hetzner_handle() and the turns of the loop. */
#include "hetzner-world.h"

START_TEST(tokens_and_routes_are_checked_in_the_live_order) {
        json_decref(call_as(NULL, "GET", "/nonsense", NULL, 404));
        json_decref(call_as(NULL, "PUT", "/servers", NULL, 401));
        json_decref(call_as("short", "GET", "/servers", NULL, 401));
        json_decref(call("PUT", "/servers", NULL, 405));
        json_decref(call_as(READONLY, "GET", "/servers", NULL, 200));
        json_decref(call_as(READONLY, "POST", "/placement_groups", "{\"name\":\"a\",\"type\":\"spread\"}", 403));
        refused("POST", "/servers", "{", 400, "json_error");
        refused("GET", "/datacenters", NULL, 410, "deprecated_api_endpoint");
        refused("GET", "/actions", NULL, 410, "deprecated_api_endpoint");
}
END_TEST

START_TEST(a_server_lives) {
        _cleanup_json_ json_t *j = NULL;
        int64_t id = make_server("node-1", "");

        ck_assert(id > INT32_MAX);
        act(id, "poweroff", NULL, 423);
        j = show("servers", id);
        ck_assert_str_eq(jget_text(j, "server.status"), "initializing");
        ck_assert(json_is_true(jget(j, "server.locked")));
        settle();
        json_decref(j);
        j = show("servers", id);
        ck_assert_str_eq(jget_text(j, "server.status"), "running");
        ck_assert(json_is_false(jget(j, "server.locked")));
        ck_assert(json_is_null(json_object_get(json_object_get(json_object_get(j, "server"), "public_net"), "ipv4")));
        act(id, "poweroff", NULL, 201);
        settle();
        json_decref(j);
        j = show("servers", id);
        ck_assert_str_eq(jget_text(j, "server.status"), "off");
}
END_TEST

START_TEST(a_server_is_created_off_when_asked) {
        int64_t id = make_server("node-1", ",\"start_after_create\":false");

        settle();
        _cleanup_json_ json_t *j = show("servers", id);
        ck_assert_str_eq(jget_text(j, "server.status"), "off");
}
END_TEST

START_TEST(wrong_servers_are_refused) {
        long long x86 = talos_image("x86"), arm = talos_image("arm");
        static char body[40000];
        struct { const char *name, *type, *location; long long image; int status; const char *code; } cases[] = {
                { "bad_name", "cx23", "hel1", x86, 422, "invalid_input" },  { "-a", "cx23", "hel1", x86, 422, "invalid_input" },
                { "a", "cx23", "ash", x86, 412, "resource_unavailable" },   { "a", "cx22", "hel1", x86, 412, "resource_unavailable" },
                { "a", "cx23", "mars", x86, 422, "invalid_input" },         { "a", "cx99", "hel1", x86, 422, "invalid_input" },
                { "a", "cx23", "hel1", arm, 422, "invalid_input" },         { "a", "cx23", "hel1", 1, 422, "invalid_input" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                snprintf(body, sizeof(body), "{\"name\":\"%s\",\"server_type\":\"%s\",\"image\":%lld,\"location\":\"%s\"}", cases[i].name, cases[i].type,
                         cases[i].image, cases[i].location);
                refused("POST", "/servers", body, cases[i].status, cases[i].code);
        }
        int n = snprintf(body, sizeof(body), "{\"name\":\"a\",\"server_type\":\"cx23\",\"image\":%lld,\"user_data\":\"", x86);
        memset(body + n, 'x', 32769);
        strcpy(body + n + 32769, "\"}");
        refused("POST", "/servers", body, 422, "invalid_input");
        strcpy(body + n + 32768, "\"}");
        json_decref(call("POST", "/servers", body, 201));
        refused("POST", "/servers", body, 409, "uniqueness_error");
}
END_TEST

START_TEST(a_primary_ip_is_bound_to_its_server) {
        int64_t ip = make("/primary_ips", "primary_ip.id", "{\"name\":\"a\",\"type\":\"ipv6\",\"location\":\"hel1\"}");
        _cleanup_str_ char *net = xasprintf(",\"start_after_create\":false,\"x\":1"), *path = xasprintf("/primary_ips/%lld", (long long) ip);
        _cleanup_json_ json_t *j = show("primary_ips", ip);
        long long image = talos_image("x86");

        ck_assert_str_eq(jget_text(j, "primary_ip.assignee_type"), "unassigned");
        ck_assert(str_starts(jget_text(j, "primary_ip.ip"), "2001:db8:") && str_ends(jget_text(j, "primary_ip.ip"), "::/64"));
        _cleanup_str_ char *elsewhere = xasprintf("{\"name\":\"n\",\"server_type\":\"cx23\",\"image\":%lld,\"location\":\"fsn1\",\"public_net\":"
                                                  "{\"enable_ipv4\":false,\"ipv6\":%lld}}", image, (long long) ip);
        refused("POST", "/servers", elsewhere, 422, "primary_ip_datacenter_mismatch");
        _cleanup_str_ char *here = xasprintf("{\"name\":\"n\",\"server_type\":\"cx23\",\"image\":%lld,\"location\":\"hel1\",\"public_net\":"
                                             "{\"enable_ipv4\":false,\"ipv6\":%lld}}", image, (long long) ip);
        int64_t server = make("/servers", "server.id", here);
        settle();
        refused("DELETE", path, NULL, 422, "must_be_unassigned");
        _cleanup_str_ char *server_path = xasprintf("/servers/%lld", (long long) server);
        json_decref(call("DELETE", server_path, NULL, 200));
        refused("DELETE", path, NULL, 422, "must_be_unassigned");
        settle();
        json_decref(call("DELETE", path, NULL, 204));
        refused("GET", server_path, NULL, 404, "not_found");
        refused("POST", "/primary_ips", "{\"name\":\"b\",\"type\":\"ipv6\"}", 422, "invalid_input");
}
END_TEST

START_TEST(lists_come_in_pages) {
        for (int i = 0; i < 5; i++) {
                _cleanup_str_ char *body = xasprintf("{\"name\":\"g%d\",\"type\":\"spread\",\"labels\":{\"n\":\"%d\"}}", i, i);
                make("/placement_groups", "placement_group.id", body);
        }
        _cleanup_json_ json_t *j = call("GET", "/placement_groups?per_page=2&page=2&sort=name:desc", NULL, 200);
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(j, "placement_groups"), 0), "name")), "g2");
        ck_assert_int_eq(json_integer_value(jget(j, "meta.pagination.next_page")), 3);
        ck_assert_int_eq(json_integer_value(jget(j, "meta.pagination.total_entries")), 5);
        ck_assert(strstr(kvs_get(&last.headers, "Link"), "rel=\"next\"") != NULL);
        json_decref(j);
        j = call("GET", "/placement_groups?page=99", NULL, 200);
        ck_assert_uint_eq(json_array_size(json_object_get(j, "placement_groups")), 0);
        ck_assert(jget(j, "meta.pagination.next_page") == NULL);
        ck_assert_int_eq(json_integer_value(jget(j, "meta.pagination.previous_page")), 98);
        refused("GET", "/placement_groups?per_page=51", NULL, 422, "invalid_input");
        json_decref(call("GET", "/placement_groups?a%0D%0AX%3D=b%0A", NULL, 200));
        ck_assert_ptr_nonnull(strstr(kvs_get(&last.headers, "Link"), "?a%0D%0AX%3D=b%0A&page=1"));
        refused("GET", "/placement_groups?sort=size", NULL, 422, "invalid_input");
        json_decref(j);
        j = call("GET", "/placement_groups?label_selector=n%20in%20(1,3)", NULL, 200);
        ck_assert_uint_eq(json_array_size(json_object_get(j, "placement_groups")), 2);
        refused("GET", "/placement_groups?label_selector=n%20in%201", NULL, 422, "invalid_input");
        refused("POST", "/placement_groups", "{\"name\":\"g1\",\"type\":\"spread\"}", 409, "uniqueness_error");
        refused("POST", "/placement_groups", "{\"name\":\"x\",\"type\":\"spread\",\"labels\":{\"hetzner.cloud/a\":\"b\"}}", 422, "invalid_input");
}
END_TEST

START_TEST(selectors_mean_what_is_documented) {
        struct kvs labels = { 0 };
        struct { const char *selector; int want; } cases[] = {
                { "a=1", 1 }, { "a==1", 1 }, { "a!=1", 0 }, { "a", 1 }, { "!a", 0 }, { "!z", 1 }, { "z!=1", 1 }, { "a in (1,2)", 1 }, { "a notin (1)", 0 },
                { "a=1,b/c=2", 1 }, { "a=1,b/c=3", 0 }, { "", 1 }, { "a=", 0 }, { "=1", -1 }, { "a=1,", -1 }, { "a in 1", -1 }, { "a=1 b=2", -1 },
        };

        kvs_set(&labels, "a", "1");
        kvs_set(&labels, "b/c", "2");
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                ck_assert_msg(cloud_label_selector_valid(cases[i].selector) == (cases[i].want >= 0), "'%s' validity", cases[i].selector);
                if (cases[i].want >= 0)
                        ck_assert_msg(cloud_label_selector_matches(cases[i].selector, &labels) == (cases[i].want == 1), "'%s'", cases[i].selector);
        }
        kvs_done(&labels);
        ck_assert(cloud_label_key_valid("hcloud-v6/cluster") && !cloud_label_key_valid("-a") && !cloud_label_key_valid("a/b/c"));
        ck_assert(cloud_label_value_valid("") && !cloud_label_value_valid("a."));
}
END_TEST

START_TEST(firewall_rules_are_checked_and_made_canonical) {
        static const char *const bad[] = {
                "{\"direction\":\"in\",\"protocol\":\"tcp\",\"source_ips\":[\"::/0\"]}",
                "{\"direction\":\"in\",\"protocol\":\"icmp\",\"port\":\"80\",\"source_ips\":[\"::/0\"]}",
                "{\"direction\":\"in\",\"protocol\":\"tcp\",\"port\":\"0\",\"source_ips\":[\"::/0\"]}",
                "{\"direction\":\"in\",\"protocol\":\"tcp\",\"port\":\"90-80\",\"source_ips\":[\"::/0\"]}",
                "{\"direction\":\"in\",\"protocol\":\"tcp\",\"port\":\"80\",\"source_ips\":[\"2001:db8::1/64\"]}",
                "{\"direction\":\"out\",\"protocol\":\"tcp\",\"port\":\"80\",\"source_ips\":[\"::/0\"]}",
                "{\"direction\":\"up\",\"protocol\":\"tcp\",\"port\":\"80\",\"source_ips\":[\"::/0\"]}",
        };

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_str_ char *body = xasprintf("{\"name\":\"f\",\"rules\":[%s]}", bad[i]);
                refused("POST", "/firewalls", body, 422, "invalid_input");
        }
        _cleanup_json_ json_t *j = call("POST", "/firewalls", "{\"name\":\"f\",\"rules\":[{\"direction\":\"in\",\"protocol\":\"tcp\",\"port\":\"any\","
                                        "\"source_ips\":[\"2001:DB8:0::/32\"]}]}", 201);
        json_t *rule = json_array_get(json_object_get(json_object_get(j, "firewall"), "rules"), 0);
        ck_assert_str_eq(json_string_value(json_object_get(rule, "port")), "any");
        ck_assert_str_eq(json_string_value(json_array_get(json_object_get(rule, "source_ips"), 0)), "2001:db8::/32");
}
END_TEST

START_TEST(too_many_effective_rules_are_refused) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

        strbuf_adds(&b, "{\"name\":\"f\",\"rules\":[");
        for (int r = 0; r < 6; r++) {
                strbuf_addf(&b, "%s{\"direction\":\"in\",\"protocol\":\"udp\",\"port\":\"1\",\"source_ips\":[", r ? "," : "");
                for (int i = 0; i < 84; i++)
                        strbuf_addf(&b, "%s\"2001:db8:%x:%x::/64\"", i ? "," : "", r, i);
                strbuf_adds(&b, "]}");
        }
        strbuf_adds(&b, "]}");
        refused("POST", "/firewalls", strbuf_str(&b), 422, "invalid_input");      /* 504 */
}
END_TEST

START_TEST(a_firewall_is_pending_before_it_is_applied) {
        int64_t f = make("/firewalls", "firewall.id", "{\"name\":\"f\",\"rules\":[{\"direction\":\"in\",\"protocol\":\"tcp\",\"port\":\"50000\","
                         "\"source_ips\":[\"2001:db8:ffff::/64\"]}]}");
        _cleanup_str_ char *extra = xasprintf(",\"firewalls\":[{\"firewall\":%lld}]", (long long) f), *path = xasprintf("/firewalls/%lld", (long long) f);
        int64_t s = make_server("node-1", extra);
        _cleanup_json_ json_t *j = show("servers", s);
        _cleanup_strbuf_ struct strbuf before = STRBUF_INIT, after = STRBUF_INIT;
        char text[IP6_STR_MAX];
        const char *prefix = ip6_prefix_format(&sim_machine_by_id(&world, s)->prefix, text);

        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(jget(j, "server.public_net.firewalls"), 0), "status")), "pending");
        sim_hetzner_filter(&world, "sim", &before);
        ck_assert_msg(!strstr(strbuf_str(&before), prefix), "a pending firewall is enforced");
        refused("DELETE", path, NULL, 422, "resource_in_use");
        settle();
        json_decref(j);
        j = show("servers", s);
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(jget(j, "server.public_net.firewalls"), 0), "status")), "applied");
        sim_hetzner_filter(&world, "sim", &after);
        ck_assert(strstr(strbuf_str(&after), prefix) != NULL);
        ck_assert(strstr(strbuf_str(&after), "ip6 saddr { 2001:db8:ffff::/64 } tcp dport 50000 accept") != NULL);
        _cleanup_str_ char *server_path = xasprintf("/servers/%lld", (long long) s);
        json_decref(call("DELETE", server_path, NULL, 200));
        settle();
        json_decref(call("DELETE", path, NULL, 204));
}
END_TEST

START_TEST(a_label_selector_brings_a_firewall_to_servers) {
        int64_t s = make_server("node-1", ",\"labels\":{\"role\":\"web\"}");

        settle();
        make("/firewalls", "firewall.id", "{\"name\":\"f\",\"apply_to\":[{\"type\":\"label_selector\",\"label_selector\":{\"selector\":\"role=web\"}}]}");
        settle();
        _cleanup_json_ json_t *j = show("servers", s);
        ck_assert_uint_eq(json_array_size(jget(j, "server.public_net.firewalls")), 1);
        _cleanup_str_ char *path = xasprintf("/servers/%lld", (long long) s);
        json_decref(call("PUT", path, "{\"labels\":{}}", 200));
        json_decref(j);
        j = show("servers", s);
        ck_assert_uint_eq(json_array_size(jget(j, "server.public_net.firewalls")), 0);
}
END_TEST

START_TEST(a_spread_group_holds_ten) {
        int64_t g = make("/placement_groups", "placement_group.id", "{\"name\":\"g\",\"type\":\"spread\"}");
        _cleanup_str_ char *extra = xasprintf(",\"placement_group\":%lld", (long long) g);

        for (int i = 0; i < 10; i++) {
                char name[16];
                snprintf(name, sizeof(name), "n%d", i);
                make_server(name, extra);
        }
        _cleanup_str_ char *body = xasprintf("{\"name\":\"n10\",\"server_type\":\"cx23\",\"image\":%lld%s}", (long long) talos_image("x86"), extra);
        refused("POST", "/servers", body, 422, "placement_error");
}
END_TEST

START_TEST(a_network_gives_private_addresses) {
        int64_t n = make("/networks", "network.id", "{\"name\":\"n\",\"ip_range\":\"10.0.0.0/16\",\"subnets\":[{\"type\":\"cloud\",\"ip_range\":"
                         "\"10.0.1.0/24\",\"network_zone\":\"eu-central\"}]}");
        int64_t s = make_server("node-1", "");
        _cleanup_str_ char *body = xasprintf("{\"network\":%lld}", (long long) n);

        settle();
        act(s, "attach_to_network", body, 201);
        settle();
        act(s, "attach_to_network", body, 422);
        _cleanup_json_ json_t *j = show("servers", s);
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(jget(j, "server.private_net"), 0), "ip")), "10.0.1.1");
        ck_assert(sim_machine_by_id(&world, s)->private_network);
        refused("POST", "/networks", "{\"name\":\"v6\",\"ip_range\":\"2001:db8::/32\"}", 422, "invalid_input");
        refused("POST", "/networks", "{\"name\":\"public\",\"ip_range\":\"8.8.0.0/16\"}", 422, "invalid_input");
}
END_TEST

START_TEST(a_load_balancer_reaches_ipv6_servers_by_explicit_address) {
        int64_t s = make_server("node-1", "");
        settle();
        char text[IP6_STR_MAX];
        const char *ip = ip6_format(&sim_machine_by_id(&world, s)->addr, text);
        int64_t b = make("/load_balancers", "load_balancer.id", "{\"name\":\"b\",\"load_balancer_type\":\"lb11\",\"location\":\"hel1\"}");
        _cleanup_str_ char *path = xasprintf("/load_balancers/%lld/actions/add_target", (long long) b);
        _cleanup_str_ char *plain = xasprintf("{\"type\":\"server\",\"server\":{\"id\":%lld}}", (long long) s),
                           *other = xasprintf("{\"type\":\"server\",\"server\":{\"id\":%lld,\"ip\":\"2001:db8::1\"}}", (long long) s),
                           *good = xasprintf("{\"type\":\"server\",\"server\":{\"id\":%lld,\"ip\":\"%s\"}}", (long long) s, ip);

        refused("POST", path, plain, 422, "resolve_cloud_public_targets_error");
        refused("POST", path, other, 422, "ip_not_assigned_to_server");
        json_decref(call("POST", path, good, 201));
        refused("POST", path, good, 422, "target_already_defined");
}
END_TEST

/* Services are shown as they were given: what the description does not allow must not get in. */
START_TEST(a_load_balancer_service_is_checked_and_filled) {
        static const char *const wrong[] = {
                "{\"protocol\": \"http\", \"health_check\": {\"protocol\": \"http\", \"http\": {\"path\": 1}}}",
                "{\"protocol\": \"http\", \"health_check\": {\"http\": {\"status_codes\": [1]}}}", "{\"protocol\": \"http\", \"health_check\": \"x\"}",
                "{\"protocol\": \"http\", \"http\": {\"cookie_lifetime\": 29}}", "{\"protocol\": \"http\", \"http\": []}",
                "{\"protocol\": \"https\", \"http\": {\"certificates\": [\"x\"]}}", "{\"protocol\": \"tcp\", \"destination_port\": 1}",
                "{\"protocol\": \"http\", \"health_check\": {\"protocol\": \"udp\"}}", "{\"protocol\": \"http\", \"listen_port\": \"80\"}",
        };
        int64_t id = make("/load_balancers", "load_balancer.id", "{\"name\": \"b\", \"load_balancer_type\": \"lb11\", \"location\": \"fsn1\"}");
        _cleanup_str_ char *add = xasprintf("/load_balancers/%lld/actions/add_service", (long long) id);
        _cleanup_str_ char *update = xasprintf("/load_balancers/%lld/actions/update_service", (long long) id);

        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                refused("POST", add, wrong[i], 422, "invalid_input");
        json_decref(call("POST", add, "{\"protocol\": \"http\", \"strange\": 1, \"health_check\": {\"retries\": 5}}", 201));
        json_decref(call("POST", update, "{\"listen_port\": 80, \"http\": {\"sticky_sessions\": true}}", 201));
        refused("POST", update, "{\"listen_port\": 80, \"http\": {\"timeout_idle\": 301}}", 422, "invalid_input");
        _cleanup_json_ json_t *j = show("load_balancers", id);
        const json_t *s = json_array_get(jget(j, "load_balancer.services"), 0);
        ck_assert_int_eq(json_integer_value(jget(s, "health_check.retries")), 5);
        ck_assert_str_eq(jget_text(s, "health_check.http.path"), "/");
        ck_assert(json_is_true(jget(s, "http.sticky_sessions")) && !jget(s, "strange"));
        _cleanup_str_ char *metrics = xasprintf("/load_balancers/%lld/metrics?type=bandwidth&start=&end=", (long long) id);
        refused("GET", metrics, NULL, 422, "invalid_input");
}
END_TEST

START_TEST(the_bucket_empties_and_fills_again) {
        const struct sim_api_request r = { .method = "GET", .path = "/locations", .token = TOKEN, .host = "" };
        int n = 0;

        do {                             /* the clock runs on: some more than 3600 may pass */
                sim_api_answer_done(&last);
                sim_hetzner_handle(&world, &r, &last);
                n++;
        } while (last.status == 200 && n < 3700);
        ck_assert_int_eq(last.status, 429);
        ck_assert_int_gt(n, 3600);
        ck_assert_str_eq(kvs_get(&last.headers, "RateLimit-Remaining"), "0");
        loop_forward(world.loop, 2500);
        json_decref(call("GET", "/locations", NULL, 200));
        json_decref(call("GET", "/locations", NULL, 200));
}
END_TEST

START_TEST(real_speed_takes_its_time) {
        int64_t id = make_server("node-1", "");

        loop_forward(world.loop, 4000);
        _cleanup_json_ json_t *j = show("servers", id);
        ck_assert_str_eq(jget_text(j, "server.status"), "initializing");
        loop_forward(world.loop, 20000);
        json_decref(j);
        j = show("servers", id);
        ck_assert_str_eq(jget_text(j, "server.status"), "running");
}
END_TEST

START_TEST(snapshots_come_from_servers) {
        int64_t s = make_server("node-1", ",\"start_after_create\":false");
        settle();
        _cleanup_str_ char *path = xasprintf("/servers/%lld/actions/create_image", (long long) s);
        int64_t i = make(path, "image.id", "{\"description\":\"d\",\"labels\":{\"a\":\"b\"}}");
        _cleanup_json_ json_t *j = show("images", i);
        ck_assert_str_eq(jget_text(j, "image.status"), "creating");
        settle();
        json_decref(j);
        j = show("images", i);
        ck_assert_str_eq(jget_text(j, "image.status"), "available");
}
END_TEST

/* ---- faults ---- */

static void fault(const char *spec) {
        struct error err = ERROR_INIT;
        ck_ok(sim_faults_add(world.faults, spec, &err), err);
}

START_TEST(faults_strike_by_route_and_count) {
        fault("429:route=GET /servers*,count=2,skip=1");
        json_decref(call("GET", "/locations", NULL, 200));
        json_decref(call("GET", "/servers", NULL, 200));
        json_decref(call("GET", "/servers", NULL, 429));
        json_decref(call("GET", "/servers", NULL, 429));
        json_decref(call("GET", "/servers", NULL, 200));
}
END_TEST

START_TEST(a_lost_answer_leaves_the_work_done) {
        fault("drop:route=POST /placement_groups,count=1");
        json_decref(call("POST", "/placement_groups", "{\"name\":\"g\",\"type\":\"spread\"}", 201));
        ck_assert(last.drop);
        _cleanup_json_ json_t *j = call("GET", "/placement_groups?name=g", NULL, 200);
        ck_assert_uint_eq(json_array_size(json_object_get(j, "placement_groups")), 1);
}
END_TEST

START_TEST(answers_are_spoilt) {
        fault("502:count=1");
        json_decref(call("GET", "/servers", NULL, 502));
        ck_assert_str_eq(kvs_get(&last.headers, "Content-Type"), "text/html");
        fault("truncated:count=1");
        _cleanup_json_ json_t *j = call("GET", "/servers", NULL, 200);
        ck_assert(j == NULL);
        fault("details-null");
        j = call("POST", "/placement_groups", "{}", 422);
        ck_assert(json_is_null(json_object_get(json_object_get(j, "error"), "details")));
}
END_TEST

START_TEST(capacity_and_quota_run_out) {
        long long image = talos_image("x86");
        fault("no-capacity:type=cx*,location=hel1");
        fault("quota:kind=placement_groups,after=1");
        _cleanup_str_ char *body = xasprintf("{\"name\":\"a\",\"server_type\":\"cx23\",\"image\":%lld,\"location\":\"hel1\"}", image),
                           *elsewhere = xasprintf("{\"name\":\"a\",\"server_type\":\"cx23\",\"image\":%lld,\"location\":\"fsn1\"}", image);
        refused("POST", "/servers", body, 412, "resource_unavailable");
        json_decref(call("POST", "/servers", elsewhere, 201));
        json_decref(call("POST", "/placement_groups", "{\"name\":\"a\",\"type\":\"spread\"}", 201));
        refused("POST", "/placement_groups", "{\"name\":\"b\",\"type\":\"spread\"}", 403, "resource_limit_exceeded");
}
END_TEST

START_TEST(actions_fail_or_never_end) {
        fault("action-error:command=create_server,count=1");
        int64_t id = make_server("node-1", "");
        settle();
        _cleanup_str_ char *path = xasprintf("/servers/%lld/actions?status=error", (long long) id);
        _cleanup_json_ json_t *j = call("GET", path, NULL, 200);
        ck_assert_uint_eq(json_array_size(json_object_get(j, "actions")), 2);    /* create_server, and start_server after it */
        fault("action-stuck:command=start_server");
        int64_t other = make_server("node-2", "");
        settle();
        json_decref(j);
        j = show("servers", other);
        ck_assert(json_is_true(jget(j, "server.locked")));
}
END_TEST

START_TEST(wrong_faults_are_named) {
        static const char *const bad[] = { "", "nothing", "429:rout=x", "429:count=x", "502:p=2", "no-capacity:route=x", "429:route" };
        struct error err = ERROR_INIT;

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                ck_fails(sim_faults_add(world.faults, bad[i], &err), err, ERR_USAGE);
                error_done(&err);
        }
        ck_assert(sim_faults_add(world.faults, "node-never-boot", &err) < 0);
        ck_assert(strstr(err.message, "node-never-boots") != NULL);
        error_done(&err);
}
END_TEST

/* ---- the world ---- */

START_TEST(the_same_seed_gives_the_same_world) {
        int64_t first = make_server("node-1", "");
        struct ip6_addr a = sim_machine_by_id(&world, first)->addr;

        stop();
        start(false);
        ck_assert_int_eq(make_server("node-1", ""), first);
        ck_assert(ip6_equal(&sim_machine_by_id(&world, first)->addr, &a));
}
END_TEST

START_TEST(resolvers_synthesize) {
        static const uint8_t question[] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 4, 'G', 'h', 'c', 'r', 2, 'i', 'o', 0, 0, 28, 0, 1 };
        uint8_t answer[512];
        struct ip6_prefix p;
        struct ip6_addr want;

        ck_assert(ip6_prefix_parse("2a00:1098:2c:1::/96", &p, NULL));
        ck_assert(ip6_parse("2a00:1098:2c:1::192.0.2.10", &want));
        size_t n = sim_dns_answer(question, sizeof(question), &p, answer);
        ck_assert_uint_eq(n, sizeof(question) + 28);
        ck_assert_int_eq(answer[7], 1);
        ck_assert(memcmp(answer + n - 16, want.b, 16) == 0);
        n = sim_dns_answer(question, sizeof(question), NULL, answer);     /* exists, has no AAAA */
        ck_assert_uint_eq(n, sizeof(question));
        ck_assert_int_eq(answer[3] & 15, 0);
        uint8_t unknown[sizeof(question)];
        memcpy(unknown, question, sizeof(question));
        unknown[13] = 'x';
        n = sim_dns_answer(unknown, sizeof(unknown), &p, answer);
        ck_assert_int_eq(answer[3] & 15, 3);
        for (size_t i = 0; i < sizeof(question); i++)
                ck_assert(sim_dns_answer(question, i, &p, answer) == 0);
}
END_TEST

START_TEST(traces_have_no_secrets) {
        _cleanup_json_ json_t *j = json_loads("{\"user_data\":\"s3cret\",\"server\":{\"root_password\":\"s3cret\",\"name\":\"n\"},"
                                              "\"list\":[{\"kind\":\"Secret\",\"data\":{\"a\":\"s3cret\"}}],\"key\":null}", 0, NULL);
        sim_trace_cut(j);
        _cleanup_str_ char *text = json_write(j);
        ck_assert_msg(!strstr(text, "s3cret"), "%s", text);
        ck_assert(strstr(text, "\"name\":\"n\"") != NULL);
}
END_TEST

static Suite *suite_hetzner(void) {
        Suite *s = suite_create("sim-hetzner");
        TCase *instant = tcase_create("instant"), *real = tcase_create("real");

        tcase_add_checked_fixture(instant, start_instant, stop);
        tcase_add_checked_fixture(real, start_real, stop);
        tcase_add_test(instant, tokens_and_routes_are_checked_in_the_live_order);
        tcase_add_test(instant, a_server_lives);
        tcase_add_test(instant, a_server_is_created_off_when_asked);
        tcase_add_test(instant, wrong_servers_are_refused);
        tcase_add_test(instant, a_primary_ip_is_bound_to_its_server);
        tcase_add_test(instant, lists_come_in_pages);
        tcase_add_test(instant, selectors_mean_what_is_documented);
        tcase_add_test(instant, firewall_rules_are_checked_and_made_canonical);
        tcase_add_test(instant, too_many_effective_rules_are_refused);
        tcase_add_test(instant, a_firewall_is_pending_before_it_is_applied);
        tcase_add_test(instant, a_label_selector_brings_a_firewall_to_servers);
        tcase_add_test(instant, a_spread_group_holds_ten);
        tcase_add_test(instant, a_network_gives_private_addresses);
        tcase_add_test(instant, a_load_balancer_reaches_ipv6_servers_by_explicit_address);
        tcase_add_test(instant, a_load_balancer_service_is_checked_and_filled);
        tcase_add_test(instant, snapshots_come_from_servers);
        tcase_add_test(instant, faults_strike_by_route_and_count);
        tcase_add_test(instant, a_lost_answer_leaves_the_work_done);
        tcase_add_test(instant, answers_are_spoilt);
        tcase_add_test(instant, capacity_and_quota_run_out);
        tcase_add_test(instant, actions_fail_or_never_end);
        tcase_add_test(instant, wrong_faults_are_named);
        tcase_add_test(instant, the_same_seed_gives_the_same_world);
        tcase_add_test(instant, resolvers_synthesize);
        tcase_add_test(instant, traces_have_no_secrets);
        tcase_add_test(real, the_bucket_empties_and_fills_again);
        tcase_add_test(real, real_speed_takes_its_time);
        suite_add_tcase(s, instant);
        suite_add_tcase(s, real);
        return s;
}

UNIT_MAIN(suite_hetzner())
