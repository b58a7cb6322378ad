/* What a node answers: the first byte chooses the call, the second how the bytes are cut, the rest is one message, or (high bit)
 * raw frames. */
#include "answers.h"
#include "talos/api.h"

static void machine_status(const struct talos_client *c, struct error *err) {
        struct talos_machine_status s = { 0 };
        if (talos_machine_status(c, &s, err) >= 0) {
                free(talos_machine_status_text(&s));
                CHECK(talos_stage_name(s.stage) != NULL);
        }
        talos_machine_status_done(&s);
}

static void apply(const struct talos_client *c, struct error *err) {
        struct talos_apply_result r = { 0 };
        talos_apply_config(c, "x", 1, TALOS_APPLY_AUTO, false, &r, err);
        talos_apply_result_done(&r);
}

static void bootstrap(const struct talos_client *c, struct error *err) {
        if (talos_bootstrap(c, err) < 0)
                talos_bootstrap_verdict(err);
}

static void version(const struct talos_client *c, struct error *err) {
        struct talos_version_info v = { 0 };
        char *name = NULL;
        talos_version(c, &v, err);
        talos_version_info_done(&v);
        canned.asked = 0;
        talos_hostname(c, &name, err);
        free(name);
}

static void services(const struct talos_client *c, struct error *err) {
        struct talos_services s = { 0 };
        if (talos_service_list(c, &s, err) >= 0)
                talos_services_find(&s, "etcd");
        talos_services_done(&s);
}

static void etcd(const struct talos_client *c, struct error *err) {
        struct talos_etcd_members m = { 0 };
        struct talos_etcd_status s = { 0 };
        char *leader = NULL;
        talos_etcd_member_list(c, false, &m, err);
        talos_etcd_members_done(&m);
        canned.asked = 0;
        talos_etcd_status(c, &s, err);
        talos_etcd_status_done(&s);
        canned.asked = 0;
        talos_etcd_forfeit_leadership(c, &leader, err);
        free(leader);
        canned.asked = 0;
        talos_etcd_remove_member(c, 1, err);
}

static void resource(const struct talos_client *c, struct error *err) {
        struct talos_resource r = { 0 };
        if (talos_resource_get(c, "runtime", "T", "id", &r, err) >= 0)
                CHECK(r.yaml_spec != NULL);
        talos_resource_done(&r);
}

static void resources(const struct talos_client *c, struct error *err) {
        struct talos_resources all = { 0 };
        struct talos_routes routes = { 0 };
        talos_resource_list(c, "runtime", "T", &all, err);
        talos_resources_done(&all);
        canned.asked = 0;
        if (talos_route_list(c, &routes, err) >= 0)
                talos_routes_find_ipv4(&routes, "169.254.169.254");
        talos_routes_done(&routes);
}

static void streams(const struct talos_client *c, struct error *err) {
        struct strbuf file = STRBUF_INIT;
        struct strv lines = { 0 }, more = { 0 };
        if (talos_read_file(c, "/etc/os-release", 100, &file, err) >= 0)
                CHECK(file.len <= 100);
        strbuf_done(&file);
        canned.asked = 0;
        if (talos_logs_tail(c, "etcd", 5, &lines, err) >= 0)
                CHECK(lines.n <= 5);
        strv_done(&lines);
        canned.asked = 0;
        talos_dmesg_tail(c, 5, &more, err);
        strv_done(&more);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        static void (*const calls[])(const struct talos_client *, struct error *) = {
                machine_status, apply, bootstrap, version, services, etcd, resource, resources, streams,
        };
        static const struct ip6_addr node = { .b = { 0x20, 0x01, 0x0d, 0xb8 } };
        struct error err = ERROR_INIT;
        _cleanup_strbuf_ struct strbuf body = STRBUF_INIT;
        struct talos_client c = talos_client_secure(NULL, &node, "ca", "cert", "key", NULL);
        if (n < 2)
                return 0;
        if (p[0] & 0x80)
                strbuf_add(&body, p + 2, n - 2);
        else
                grpc_frame_add(&body, p + 2, n - 2);
        canned = (struct canned_answer) { .status = 200, .content_type = "application/grpc", .grpc_status = p[1] & 0x40 ? NULL : "0",
                                          .p = (const uint8_t *) body.data, .n = body.len, .piece = p[1] & 0x3f };
        calls[(p[0] & 0x7f) % ARRAY_SIZE(calls)](&c, &err);
        CHECK(err.kind == ERR_NONE || !strpbrk(err.message, "\n\r\x1b"));
        error_done(&err);
        return 0;
}
