/* Calls to a peer that speaks TLS and HTTP/2 and misbehaves on demand. */
#include "h2-peer.h"
#include "talos/api.h"
#include "talos/proto.h"
#include "tests/unit/unit.h"

/* What the peer is told to do, and what it saw of the last request. */
static struct script {
        struct h2_answer answer;       /* body is borrowed here, copied for each answer */
        struct strbuf seen_body;
        char *seen_path;
        struct kvs seen_headers;
        bool seen_certificate;
} script;

static struct test_pki pki;
static struct h2_peer *peer;
static struct http_engine *engine;

static void play(void *arg, const struct h2_request *request, struct h2_answer *ret) {
        free(script.seen_path);
        script.seen_path = xstrdup(request->path);
        kvs_done(&script.seen_headers);
        kvs_copy(&script.seen_headers, &request->headers);
        strbuf_clear(&script.seen_body);
        strbuf_add(&script.seen_body, request->body.data, request->body.len);
        script.seen_certificate = request->has_client_certificate;
        *ret = script.answer;
        ret->body = STRBUF_INIT;
        if (script.answer.body.len)
                strbuf_add(&ret->body, script.answer.body.data, script.answer.body.len);
}

static void clear_script(void) {
        strbuf_done(&script.answer.body);
        strbuf_done(&script.seen_body);
        free(script.seen_path);
        kvs_done(&script.seen_headers);
        script = (struct script) { 0 };
}

static void setup_with(enum h2_client_auth auth) {
        _cleanup_error_ struct error err = ERROR_INIT;
        test_pki_make(&pki);
        peer = h2_peer_new(&pki, auth, play, NULL);
        ck_ok(http_engine_new("test", &engine, &err), err);
}

static void setup(void) { setup_with(H2_CLIENT_REQUIRED); }
static void setup_open(void) { setup_with(H2_CLIENT_OPTIONAL); }

static void teardown(void) {
        http_engine_free(engine);
        h2_peer_free(peer);
        test_pki_done(&pki);
        clear_script();
}

static struct talos_client client(void) {
        static struct ip6_addr loopback;
        ip6_parse("::1", &loopback);
        struct talos_client c = talos_client_secure(engine, &loopback, pki.ca_pem, pki.client_crt, pki.client_key, NULL);
        c.port = h2_peer_port(peer);
        return c;
}

/* XResponse{1 X} around the element, as one frame. */
static void answer_element(const struct strbuf *element) {
        _cleanup_strbuf_ struct strbuf response = STRBUF_INIT;
        proto_put_message(&response, 1, element);
        grpc_frame_add(&script.answer.body, response.data, response.len);
        script.answer.grpc_status = "0";
}

static void answer_version(void) {
        _cleanup_strbuf_ struct strbuf element = STRBUF_INIT, version = STRBUF_INIT, platform = STRBUF_INIT, metadata = STRBUF_INIT;
        proto_put_str(&version, 1, "v1.13.9");
        proto_put_str(&version, 6, "arm64");
        proto_put_str(&version, 99, "a field of the future");
        proto_put_str(&platform, 1, "hcloud");
        proto_put_str(&platform, 2, "cloud");
        proto_put_str(&metadata, 1, "demo-control-plane-1");
        proto_put_message(&element, 2, &version);
        proto_put_message(&element, 3, &platform);
        proto_put_message(&element, 1, &metadata); /* apid appends it */
        answer_element(&element);
}

START_TEST(unary_call_split_at_every_size) {
        answer_version();
        for (size_t split = 0; split < 12; split++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_(talos_version_info_done) struct talos_version_info v = { 0 };
                struct talos_client c = client();
                script.answer.split = split;
                ck_ok(talos_version(&c, &v, &err), err);
                ck_assert_str_eq(v.tag, "v1.13.9");
                ck_assert_str_eq(v.arch, "arm64");
                ck_assert_str_eq(v.platform, "hcloud");
                ck_assert_str_eq(v.hostname, "demo-control-plane-1");
        }
        ck_assert_uint_eq(h2_peer_connections(peer), 1); /* one connection for all calls */
        ck_assert_uint_eq(h2_peer_requests(peer), 12);
}
END_TEST

START_TEST(what_goes_over_the_wire) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(talos_version_info_done) struct talos_version_info v = { 0 };
        struct talos_client c = client();
        c.timeout_ms = 54321;
        answer_version();
        ck_ok(talos_version(&c, &v, &err), err);
        ck_assert_str_eq(script.seen_path, "/machine.MachineService/Version");
        ck_assert_str_eq(kvs_get(&script.seen_headers, "content-type"), "application/grpc");
        ck_assert_str_eq(kvs_get(&script.seen_headers, "te"), "trailers");
        ck_assert_str_eq(kvs_get(&script.seen_headers, "grpc-timeout"), "54321m");
        ck_assert_str_eq(kvs_get(&script.seen_headers, ":method"), "POST");
        ck_assert_ptr_null(kvs_get(&script.seen_headers, "node"));
        ck_assert_ptr_null(kvs_get(&script.seen_headers, "grpc-accept-encoding"));
        ck_assert_ptr_null(kvs_get(&script.seen_headers, "expect"));
        ck_assert_uint_eq(script.seen_body.len, 5);
        ck_assert_mem_eq(script.seen_body.data, "\0\0\0\0\0", 5);
        ck_assert(script.seen_certificate);
}
END_TEST

/* libcurl says OK to both of these. */
START_TEST(no_trailers_is_a_failure) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_version_info v = { 0 };
        struct talos_client c = client();
        answer_version();
        script.answer.grpc_status = NULL;
        ck_fails(talos_version(&c, &v, &err), err, ERR_UNAVAILABLE);
        ck_assert(err.ambiguous && err.retryable);
        ck_assert_int_eq(err.grpc_status, -1);
        ck_assert_ptr_null(v.tag);
}
END_TEST

START_TEST(reset_after_data_is_a_failure) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_version_info v = { 0 };
        struct talos_client c = client();
        answer_version();
        script.answer.grpc_status = NULL;
        script.answer.reset = true;
        ck_assert_int_lt(talos_version(&c, &v, &err), 0);
        ck_assert_msg(err.ambiguous, "%s", err.message);
        ck_assert_int_eq(err.grpc_status, -1);
}
END_TEST

START_TEST(connection_dropped_behind_data) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_version_info v = { 0 };
        struct talos_client c = client();
        answer_version();
        script.answer.grpc_status = NULL;
        script.answer.drop = true;
        ck_assert_int_lt(talos_version(&c, &v, &err), 0);
        ck_assert_msg(err.ambiguous, "%s", err.message);
        ck_assert_int_ne(err.kind, ERR_TLS); /* headers had come: it was not our certificate */
}
END_TEST

START_TEST(status_zero_without_a_message_is_refused) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_version_info v = { 0 };
        struct talos_client c = client();
        script.answer.grpc_status = "0";
        script.answer.trailers_only = true;
        ck_fails(talos_version(&c, &v, &err), err, ERR_PROTOCOL);
}
END_TEST

START_TEST(two_messages_in_a_unary_answer) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_version_info v = { 0 };
        struct talos_client c = client();
        answer_version();
        answer_version();
        ck_fails(talos_version(&c, &v, &err), err, ERR_PROTOCOL);
}
END_TEST

START_TEST(trailers_only_error_with_encoded_message) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_client c = client();
        script.answer = (struct h2_answer) { .trailers_only = true, .grpc_status = "9", .grpc_message = "boom%20%C3%A9%25%0Ax" };
        ck_fails(talos_bootstrap(&c, &err), err, ERR_REFUSED);
        ck_assert_msg(strstr(err.message, "boom \xc3\xa9% x") != NULL, "%s", err.message);
        ck_assert_int_eq(err.grpc_status, GRPC_FAILED_PRECONDITION);
        ck_assert_str_eq(err.api_code, "FAILED_PRECONDITION");
        ck_assert(err.retryable && !err.ambiguous);
}
END_TEST

START_TEST(table_of_statuses) {
        static const struct { const char *status; enum error_kind kind; bool retryable, ambiguous; } rows[] = {
                { "1", ERR_UNAVAILABLE, true, true },   { "2", ERR_REFUSED, false, false },   { "3", ERR_INVALID, false, false },
                { "4", ERR_TIMEOUT, true, true },       { "5", ERR_NOT_FOUND, false, false }, { "6", ERR_EXISTS, false, false },
                { "7", ERR_AUTH, false, false },        { "8", ERR_RATE_LIMITED, true, false }, { "9", ERR_REFUSED, true, false },
                { "10", ERR_CONFLICT, true, false },    { "12", ERR_REFUSED, false, false },  { "13", ERR_REFUSED, false, true },
                { "14", ERR_UNAVAILABLE, true, true },  { "15", ERR_PROTOCOL, false, false }, { "16", ERR_AUTH, false, false },
                { "99", ERR_REFUSED, false, false },    { "nonsense", ERR_REFUSED, false, false },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                for (int only = 0; only < 2; only++) {
                        _cleanup_error_ struct error err = ERROR_INIT;
                        struct talos_client c = client();
                        script.answer = (struct h2_answer) { .trailers_only = only, .grpc_status = rows[i].status, .grpc_message = "" };
                        ck_fails(talos_bootstrap(&c, &err), err, rows[i].kind);
                        ck_assert_msg(err.retryable == rows[i].retryable && err.ambiguous == rows[i].ambiguous, "status %s", rows[i].status);
                }
        }
}
END_TEST

/* A server may refuse as soon as it has the headers, and reset the stream behind its answer. When that overtakes the request's body
 * (on loopback it can), libcurl 7.88 waits for the end until the deadline: the status that came still counts, not the timeout. */
START_TEST(an_answer_before_the_request_is_read) {
        h2_peer_set_early(peer, true);
        for (int reset = 0; reset < 2; reset++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct talos_client c = client();
                c.timeout_ms = 3000;
                script.answer = (struct h2_answer) { .trailers_only = true, .grpc_status = "12", .grpc_message = "unknown method",
                                                     .reset_no_error = reset };
                ck_fails(talos_bootstrap(&c, &err), err, ERR_REFUSED);
                ck_assert_int_eq(err.grpc_status, GRPC_UNIMPLEMENTED);
        }
}
END_TEST

START_TEST(answers_that_are_not_grpc) {
        static const struct { int status; const char *type; enum error_kind kind; } rows[] = {
                { 200, "text/html", ERR_PROTOCOL }, { 200, "application/grpcish", ERR_PROTOCOL }, { 404, "text/plain", ERR_REFUSED },
                { 403, "text/html", ERR_AUTH },     { 503, "text/html", ERR_UNAVAILABLE },        { 502, "application/grpc", ERR_UNAVAILABLE },
        };
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct talos_client c = client();
                clear_script();
                script.answer.status = rows[i].status;
                script.answer.content_type = rows[i].type;
                strbuf_adds(&script.answer.body, "<html>nobody here speaks gRPC</html>");
                ck_fails(talos_bootstrap(&c, &err), err, rows[i].kind);
                ck_assert_int_eq(err.http_status, rows[i].status);
                ck_assert_int_eq(err.grpc_status, -1);
        }
}
END_TEST

START_TEST(deadline) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_client c = client();
        script.answer.hang = true;
        unsigned before = h2_peer_requests(peer);
        /* Longer where the machine is slow: what never left is not ambiguous. */
        for (c.timeout_ms = 50; h2_peer_requests(peer) == before; c.timeout_ms *= 4) {
                error_done(&err);
                ck_fails(talos_bootstrap(&c, &err), err, ERR_TIMEOUT);
        }
        ck_assert(err.ambiguous && err.retryable);
}
END_TEST

START_TEST(our_certificate_is_refused) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct test_pki other;
        struct talos_client c = client();
        test_pki_make(&other);
        c.tls.cert_pem = other.client_crt;
        c.tls.key_pem = other.client_key;
        answer_version();
        /* Under TLS 1.3 the client's handshake has succeeded by then: it shows as a fresh connection closed without one header. */
        ck_fails(talos_bootstrap(&c, &err), err, ERR_TLS);
        ck_assert_uint_eq(h2_peer_requests(peer), 0);
        test_pki_done(&other);
}
END_TEST

/* No header line came on a new connection, but the peer's settings did: it had taken our certificate. */
START_TEST(a_call_that_is_reset_is_no_matter_of_certificates) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_client c = client();
        c.fresh = true;
        script.answer.reset_first = true;
        ck_fails(talos_bootstrap(&c, &err), err, ERR_UNAVAILABLE);
        ck_assert(err.ambiguous && err.retryable);
        ck_assert_ptr_null(strstr(err.message, "certificate"));
}
END_TEST

START_TEST(their_certificate_is_not_trusted) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct test_pki other;
        struct talos_client c = client();
        test_pki_make(&other);
        c.tls.ca_pem = other.ca_pem;
        ck_fails(talos_apply_config(&c, "secret", 6, TALOS_APPLY_AUTO, false, NULL, &err), err, ERR_TLS);
        ck_assert_uint_eq(h2_peer_requests(peer), 0);
        test_pki_done(&other);
}
END_TEST

START_TEST(a_secure_client_without_a_ca_never_calls) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_client c = client();
        c.tls.ca_pem = NULL;
        ck_fails(talos_bootstrap(&c, &err), err, ERR_BUG);
        c = client();
        c.tls.insecure = true;
        ck_fails(talos_bootstrap(&c, &err), err, ERR_BUG);
        ck_assert_uint_eq(h2_peer_connections(peer), 0);
}
END_TEST

START_TEST(secure_and_maintenance_never_share_a_connection) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(talos_version_info_done) struct talos_version_info v = { 0 }, w = { 0 };
        struct talos_client secure = client(), open = talos_client_maintenance(engine, &secure.addr, NULL);
        open.port = secure.port;
        answer_version();
        ck_ok(talos_version(&open, &v, &err), err);
        ck_assert(!script.seen_certificate);
        ck_ok(talos_version(&secure, &w, &err), err);
        ck_assert(script.seen_certificate);
        ck_assert_uint_eq(h2_peer_connections(peer), 2);
}
END_TEST

START_TEST(fresh_means_a_new_connection) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_client c = client();
        script.answer = (struct h2_answer) { .trailers_only = true, .grpc_status = "9" };
        c.fresh = true;
        for (int i = 0; i < 3; i++)
                ck_assert_int_lt(talos_bootstrap(&c, &err), 0);
        ck_assert_uint_eq(h2_peer_connections(peer), 3);
}
END_TEST

START_TEST(big_messages) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_strbuf_ struct strbuf got = STRBUF_INIT, data = STRBUF_INIT, big = STRBUF_INIT;
        struct talos_client c = client();
        for (size_t i = 0; i < 3 * 1000 * 1000; i++)
                strbuf_addc(&big, (char) ('a' + i % 26));
        proto_put_bytes(&data, 2, big.data, big.len);
        grpc_frame_add(&script.answer.body, data.data, data.len);
        script.answer.grpc_status = "0";
        ck_ok(talos_read_file(&c, "/var/log/big", 4 << 20, &got, &err), err);
        ck_assert_uint_eq(got.len, big.len);
        ck_assert_mem_eq(got.data, big.data, big.len);
        /* More than the caller allows. */
        ck_fails(talos_read_file(&c, "/var/log/big", 1 << 20, &got, &err), err, ERR_PROTOCOL);
        ck_assert_uint_eq(got.len, big.len);
        /* A frame that claims 33 MiB. */
        strbuf_clear(&script.answer.body);
        strbuf_add(&script.answer.body, "\0\2\20\0\0", 5);
        ck_fails(talos_read_file(&c, "/var/log/big", 64 << 20, &got, &err), err, ERR_PROTOCOL);
}
END_TEST

START_TEST(apply_always_says_its_mode) {
        static const enum talos_apply_mode modes[] = { TALOS_APPLY_REBOOT, TALOS_APPLY_AUTO, TALOS_APPLY_NO_REBOOT, TALOS_APPLY_TRY };
        _cleanup_strbuf_ struct strbuf element = STRBUF_INIT;
        proto_put_str(&element, 2, "a warning");
        proto_put_uint(&element, 3, TALOS_APPLY_NO_REBOOT);
        proto_put_str(&element, 4, "Applied configuration without a reboot");
        answer_element(&element);
        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_(talos_apply_result_done) struct talos_apply_result r = { 0 };
                struct talos_client c = client();
                ck_ok(talos_apply_config(&c, "version: v1alpha1\n", 18, modes[i], i == 1, &r, &err), err);
                ck_assert_int_eq(r.mode, TALOS_APPLY_NO_REBOOT);
                ck_assert_str_eq(r.mode_details, "Applied configuration without a reboot");
                ck_assert_str_eq(r.warnings.items[0], "a warning");
                struct proto_reader reader = proto_read("request", script.seen_body.data + 5, script.seen_body.len - 5);
                struct proto_field f;
                uint64_t mode = 99, dry_run = 0;
                while (proto_next(&reader, &f, &err) > 0) {
                        if (f.number == 1) {
                                ck_assert_uint_eq(f.len, 18);
                                ck_assert_mem_eq(f.data, "version: v1alpha1\n", 18);
                        } else if (f.number == 4) {
                                mode = f.value;
                        } else if (f.number == 5) {
                                dry_run = f.value;
                        }
                }
                ck_assert_uint_eq(mode, modes[i]);
                ck_assert_uint_eq(dry_run, i == 1);
        }
}
END_TEST

START_TEST(a_nodes_failure_inside_an_answer) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_strbuf_ struct strbuf element = STRBUF_INIT, metadata = STRBUF_INIT, status = STRBUF_INIT;
        struct talos_client c = client();
        proto_put_uint(&status, 1, GRPC_UNAVAILABLE);
        proto_put_str(&metadata, 1, "demo-worker-1");
        proto_put_str(&metadata, 2, "connection refused");
        proto_put_message(&metadata, 3, &status);
        proto_put_message(&element, 1, &metadata);
        answer_element(&element);
        ck_fails(talos_reboot(&c, TALOS_REBOOT_DEFAULT, &err), err, ERR_REFUSED);
        ck_assert(strstr(err.message, "demo-worker-1: connection refused"));
        ck_assert_int_eq(err.grpc_status, GRPC_UNAVAILABLE);
}
END_TEST

static void add_service(struct strbuf *element, const char *id, const char *const *states, bool healthy) {
        _cleanup_strbuf_ struct strbuf service = STRBUF_INIT, events = STRBUF_INIT, health = STRBUF_INIT;
        for (; *states; states++) {
                _cleanup_strbuf_ struct strbuf event = STRBUF_INIT;
                proto_put_str(&event, 2, *states);
                proto_put_message(&events, 1, &event);
        }
        proto_put_bool(&health, 2, healthy);
        proto_put_str(&service, 1, id);
        proto_put_str(&service, 2, "Running");
        proto_put_message(&service, 3, &events);
        proto_put_message(&service, 4, &health);
        proto_put_message(element, 2, &service);
}

START_TEST(services) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(talos_services_done) struct talos_services s = { 0 };
        _cleanup_strbuf_ struct strbuf element = STRBUF_INIT;
        struct talos_client c = client();
        add_service(&element, "apid", (const char *const[]) { NULL }, false);
        add_service(&element, "etcd", (const char *const[]) { "Preparing", "Running", NULL }, true);
        answer_element(&element);
        ck_ok(talos_service_list(&c, &s, &err), err);
        ck_assert_uint_eq(s.n, 2);
        const struct talos_service *etcd = talos_services_find(&s, "etcd");
        ck_assert(etcd && etcd->healthy && !etcd->health_unknown);
        ck_assert_str_eq(etcd->last_event_state, "Running");
        ck_assert_ptr_null(talos_services_find(&s, "apid")->last_event_state);
        ck_assert_ptr_null(talos_services_find(&s, "kubelet"));
}
END_TEST

START_TEST(etcd_members_and_status) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(talos_etcd_members_done) struct talos_etcd_members m = { 0 };
        _cleanup_(talos_etcd_status_done) struct talos_etcd_status status = { 0 };
        _cleanup_strbuf_ struct strbuf element = STRBUF_INIT, member = STRBUF_INIT, status_element = STRBUF_INIT, sub = STRBUF_INIT;
        struct talos_client c = client();
        proto_put_str(&element, 2, "demo-control-plane-1"); /* legacy_members: ignored */
        proto_put_uint(&member, 2, UINT64_C(0xfedcba9876543210));
        proto_put_str(&member, 3, "demo-control-plane-1");
        proto_put_str(&member, 4, "https://[2001:db8::1]:2380");
        proto_put_bool(&member, 6, true);
        proto_put_message(&element, 3, &member);
        answer_element(&element);
        ck_ok(talos_etcd_member_list(&c, true, &m, &err), err);
        ck_assert_uint_eq(m.n, 1);
        ck_assert(m.items[0].id == UINT64_C(0xfedcba9876543210) && m.items[0].learner);
        ck_assert_str_eq(m.items[0].peer_urls.items[0], "https://[2001:db8::1]:2380");
        ck_assert_mem_eq(script.seen_body.data, "\0\0\0\0\2\x08\1", 7);

        strbuf_clear(&script.answer.body);
        proto_put_uint(&sub, 10, 77);
        proto_put_uint(&sub, 4, 77);
        proto_put_str_always(&sub, 8, "NOSPACE");
        proto_put_message(&status_element, 2, &sub);
        answer_element(&status_element);
        ck_ok(talos_etcd_status(&c, &status, &err), err);
        ck_assert(status.member_id == 77 && status.leader == 77);
        ck_assert_str_eq(status.errors.items[0], "NOSPACE");
}
END_TEST

static void add_resource(const char *id, const void *proto, size_t proto_len, const char *yaml) {
        _cleanup_strbuf_ struct strbuf metadata = STRBUF_INIT, spec = STRBUF_INIT, resource = STRBUF_INIT, message = STRBUF_INIT;
        proto_put_str(&metadata, 3, id);
        proto_put_bytes(&spec, 1, proto, proto_len);
        proto_put_str(&spec, 2, yaml);
        proto_put_message(&resource, 1, &metadata);
        proto_put_message(&resource, 2, &spec);
        proto_put_message(&message, 1, &resource);
        grpc_frame_add(&script.answer.body, message.data, message.len);
        script.answer.grpc_status = "0";
}

START_TEST(machine_status_in_both_forms) {
        _cleanup_strbuf_ struct strbuf spec = STRBUF_INIT, status = STRBUF_INIT, unmet = STRBUF_INIT;
        proto_put_str(&unmet, 1, "nodeReady");
        proto_put_str(&unmet, 2, "node is not ready");
        proto_put_message(&status, 2, &unmet);
        proto_put_uint(&spec, 1, TALOS_STAGE_RUNNING);
        proto_put_message(&spec, 2, &status);
        static const char *const yaml = "stage: running\nstatus:\n    ready: false\n    unmetConditions:\n        - name: nodeReady\n"
                                        "          reason: node is not ready\n";
        for (int form = 0; form < 2; form++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_(talos_machine_status_done) struct talos_machine_status s = { 0 };
                struct talos_client c = client();
                clear_script();
                add_resource("machine", form == 0 ? spec.data : NULL, form == 0 ? spec.len : 0, yaml);
                ck_ok(talos_machine_status(&c, &s, &err), err);
                ck_assert_int_eq(s.stage, TALOS_STAGE_RUNNING);
                ck_assert(!s.ready);
                _cleanup_str_ char *text = talos_machine_status_text(&s);
                ck_assert_str_eq(text, "running, not ready: nodeReady (node is not ready)");
        }
        ck_assert_str_eq(script.seen_path, "/cosi.resource.State/Get");
}
END_TEST

START_TEST(a_list_is_whole_or_not_at_all) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_resources r = { 0 };
        struct talos_client c = client();
        add_resource("one", NULL, 0, "a: 1\n");
        add_resource("two", NULL, 0, "a: 2\n");
        for (size_t split = 0; split < 8; split++) {
                script.answer.split = split;
                ck_ok(talos_resource_list(&c, "runtime", "Services.v1alpha1.talos.dev", &r, &err), err);
                ck_assert_uint_eq(r.n, 2);
                ck_assert_str_eq(r.items[1].id, "two");
                ck_assert_str_eq(r.items[1].yaml_spec, "a: 2\n");
                talos_resources_done(&r);
        }
        script.answer.grpc_status = "14";
        ck_fails(talos_resource_list(&c, "runtime", "Services.v1alpha1.talos.dev", &r, &err), err, ERR_UNAVAILABLE);
        ck_assert_uint_eq(r.n, 0);
        script.answer.grpc_status = NULL;
        ck_fails(talos_resource_list(&c, "runtime", "Services.v1alpha1.talos.dev", &r, &err), err, ERR_UNAVAILABLE);
        ck_assert_uint_eq(r.n, 0);
        /* An empty list is a list. */
        strbuf_clear(&script.answer.body);
        script.answer.grpc_status = "0";
        ck_ok(talos_resource_list(&c, "runtime", "Services.v1alpha1.talos.dev", &r, &err), err);
        ck_assert_uint_eq(r.n, 0);
}
END_TEST

START_TEST(routes) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_(talos_routes_done) struct talos_routes r = { 0 };
        struct talos_client c = client();
        add_resource("eth0/inet4/172.31.1.1//1024", NULL, 0,
                     "family: inet4\ndst: \"\"\nsrc: \"\"\ngateway: 172.31.1.1\noutLinkIndex: 4\noutLinkName: eth0\ntable: main\npriority: 1024\n"
                     "scope: global\ntype: unicast\nflags: \"\"\nprotocol: static\n");
        ck_ok(talos_route_list(&c, &r, &err), err);
        const struct talos_route *t = talos_routes_find_ipv4(&r, "169.254.169.254");
        ck_assert_ptr_nonnull(t);
        ck_assert_str_eq(t->link, "eth0");
        ck_assert_str_eq(t->gateway, "172.31.1.1");
        ck_assert_int_eq(t->priority, 1024);
}
END_TEST

/* The node's fault, not the user's: a protocol error that names the node. */
START_TEST(an_answer_that_cannot_be_read_names_the_node) {
        static const char *const yaml[] = { "family: [", "\xff", "a: b: c" };
        for (size_t i = 0; i < ARRAY_SIZE(yaml); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct talos_routes r = { 0 };
                struct talos_machine_status s = { 0 };
                struct talos_client c = client();
                clear_script();
                add_resource("one", NULL, 0, yaml[i]);
                ck_fails(talos_route_list(&c, &r, &err), err, ERR_PROTOCOL);
                ck_assert_msg(str_starts(err.message, "Talos API of [::1]:"), "%s", err.message);
                error_done(&err);
                ck_fails(talos_machine_status(&c, &s, &err), err, ERR_PROTOCOL);
                ck_assert_msg(str_starts(err.message, "Talos API of [::1]:"), "%s", err.message);
        }
}
END_TEST

static void add_data(const char *text) {
        _cleanup_strbuf_ struct strbuf data = STRBUF_INIT;
        proto_put_bytes(&data, 2, text, strlen(text));
        grpc_frame_add(&script.answer.body, data.data, data.len);
        script.answer.grpc_status = "0";
}

START_TEST(tails) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_strv_ struct strv lines = { 0 }, kernel = { 0 };
        struct talos_client c = client();
        add_data("one\ntw");
        add_data("o\nthree\x1b[2J\nfour\nfi");
        add_data("ve");
        ck_ok(talos_logs_tail(&c, "kubelet", 3, &lines, &err), err);
        ck_assert_uint_eq(lines.n, 3);
        ck_assert_str_eq(lines.items[0], "three?[2J"); /* nobody else moves our terminal's cursor */
        ck_assert_str_eq(lines.items[1], "four");
        ck_assert_str_eq(lines.items[2], "five");
        strbuf_clear(&script.answer.body);
        add_data("kern: info: one");
        add_data("kern: info: two\n");
        ck_ok(talos_dmesg_tail(&c, 10, &kernel, &err), err);
        ck_assert_uint_eq(kernel.n, 2);
        ck_assert_str_eq(kernel.items[1], "kern: info: two");
}
END_TEST

START_TEST(cancelled) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct cancel *cancel = cancel_new();
        struct talos_client c = client();
        c.cancel = cancel;
        script.answer.hang = true;
        cancel_trigger(cancel);
        ck_fails(talos_bootstrap(&c, &err), err, ERR_CANCELLED);
        cancel_free(cancel);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("talos api");
        TCase *t = tcase_create("secure");
        tcase_add_checked_fixture(t, setup, teardown);
        tcase_set_timeout(t, 30);
        tcase_add_test(t, unary_call_split_at_every_size);
        tcase_add_test(t, what_goes_over_the_wire);
        tcase_add_test(t, no_trailers_is_a_failure);
        tcase_add_test(t, reset_after_data_is_a_failure);
        tcase_add_test(t, connection_dropped_behind_data);
        tcase_add_test(t, status_zero_without_a_message_is_refused);
        tcase_add_test(t, two_messages_in_a_unary_answer);
        tcase_add_test(t, trailers_only_error_with_encoded_message);
        tcase_add_test(t, table_of_statuses);
        tcase_add_test(t, an_answer_before_the_request_is_read);
        tcase_add_test(t, answers_that_are_not_grpc);
        tcase_add_test(t, deadline);
        tcase_add_test(t, our_certificate_is_refused);
        tcase_add_test(t, a_call_that_is_reset_is_no_matter_of_certificates);
        tcase_add_test(t, their_certificate_is_not_trusted);
        tcase_add_test(t, a_secure_client_without_a_ca_never_calls);
        tcase_add_test(t, fresh_means_a_new_connection);
        tcase_add_test(t, big_messages);
        tcase_add_test(t, apply_always_says_its_mode);
        tcase_add_test(t, a_nodes_failure_inside_an_answer);
        tcase_add_test(t, services);
        tcase_add_test(t, etcd_members_and_status);
        tcase_add_test(t, machine_status_in_both_forms);
        tcase_add_test(t, a_list_is_whole_or_not_at_all);
        tcase_add_test(t, routes);
        tcase_add_test(t, an_answer_that_cannot_be_read_names_the_node);
        tcase_add_test(t, tails);
        tcase_add_test(t, cancelled);
        suite_add_tcase(s, t);
        t = tcase_create("maintenance");
        tcase_add_checked_fixture(t, setup_open, teardown);
        tcase_add_test(t, secure_and_maintenance_never_share_a_connection);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
