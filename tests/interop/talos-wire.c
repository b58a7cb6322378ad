/* Our side of tests/interop/talos-node: makes the calls that it is told to make, and says what became of each. One JSON object a line, as for
 * talos-batch.
 *
 *   {"op": "version", "address": "::1", "port": 40000, "ca": "…", "crt": "…", "key": "…", "timeout_ms": 2000, …}
 *   {"op": "version", "address": "::1", "port": 40000}                 without a CA: maintenance mode
 *   {"op": "push", "address": "2001:db8::1", "config": "…", …}         what `up` does, on port 50000: push, etcd, wait …
 *
 * An answer is {"ok": true, "result": …, "ms": N, "notes": […]} or {"ok": false, "kind": "unavailable", "error": …, "hint": …, "grpc": 14, "retryable": …,
 * "ambiguous": …}. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "bootstrap/bootstrap.h"
#include "talos/api.h"

struct asked {
        const json_t *request;
        struct talos_client client;
        struct bootstrap bootstrap;
        struct bootstrap_node node;
        int64_t timeout_ms;
};

static const char *text_of(const json_t *request, const char *key) {
        const char *s = jget_text(request, key);

        return s ? s : "";
}

static int64_t number_of(const json_t *request, const char *key) { return json_integer_value(json_object_get(request, key)); }
static bool truth_of(const json_t *request, const char *key) { return json_is_true(json_object_get(request, key)); }

static json_t *texts(const struct strv *v) {
        json_t *list = json_array();

        for (size_t i = 0; i < v->n; i++)
                json_array_append_new(list, json_string(v->items[i]));
        return list;
}

/* ---- single calls ---- */

static int ask_status(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_(talos_machine_status_done) struct talos_machine_status s = { 0 };

        if (talos_machine_status(&a->client, &s, err) < 0)
                return -1;
        _cleanup_str_ char *text = talos_machine_status_text(&s);
        *ret = json_string(text);
        return 0;
}

static int ask_version(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_(talos_version_info_done) struct talos_version_info v = { 0 };

        if (talos_version(&a->client, &v, err) < 0)
                return -1;
        *ret = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "hostname", (int) (v.hostname ? strlen(v.hostname) : 0), "tag", v.tag, "sha", v.sha, "arch", v.arch,
                         "platform", v.platform, "mode", v.platform_mode);
        return 0;
}

static int ask_hostname(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_str_ char *name = NULL;

        if (talos_hostname(&a->client, &name, err) < 0)
                return -1;
        *ret = json_string(name);
        return 0;
}

static int ask_apply(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_(talos_apply_result_done) struct talos_apply_result r = { 0 };
        const json_t *filler = json_object_get(a->request, "filler");
        _cleanup_strbuf_ struct strbuf config = STRBUF_INIT;

        strbuf_adds(&config, text_of(a->request, "config"));
        for (int64_t i = 0; filler && i < json_integer_value(filler); i++)
                strbuf_addc(&config, i % 100 == 0 ? '\n' : '#');
        if (talos_apply_config(&a->client, config.data, config.len, (enum talos_apply_mode) number_of(a->request, "mode"), truth_of(a->request, "dry_run"), &r,
                               err) < 0)
                return -1;
        *ret = json_pack("{s:i, s:s, s:o}", "mode", (int) r.mode, "details", r.mode_details, "warnings", texts(&r.warnings));
        return 0;
}

static int ask_bootstrap(const struct asked *a, json_t **ret, struct error *err) {
        static const char *const verdicts[] = { [TALOS_BOOTSTRAP_RETRY] = "retry", [TALOS_BOOTSTRAP_DONE_BEFORE] = "done", [TALOS_BOOTSTRAP_FATAL] = "fatal" };

        if (talos_bootstrap(&a->client, err) >= 0)
                return 0;
        error_hint(err, "verdict: %s", verdicts[talos_bootstrap_verdict(err)]);
        return -1;
}

static int ask_services(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_(talos_services_done) struct talos_services s = { 0 };

        if (talos_service_list(&a->client, &s, err) < 0)
                return -1;
        *ret = json_array();
        for (size_t i = 0; i < s.n; i++)
                json_array_append_new(*ret, json_strf("%s %s %s %s %s %s", s.items[i].id, s.items[i].state, s.items[i].healthy ? "healthy" : "not healthy",
                                                      s.items[i].health_message, s.items[i].last_event, s.items[i].last_event_state));
        return 0;
}

static int ask_members(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_(talos_etcd_members_done) struct talos_etcd_members m = { 0 };

        if (talos_etcd_member_list(&a->client, truth_of(a->request, "local"), &m, err) < 0)
                return -1;
        *ret = json_array();
        for (size_t i = 0; i < m.n; i++)
                json_array_append_new(*ret, json_strf("%016llx %s %s %s %s", (unsigned long long) m.items[i].id, m.items[i].hostname,
                                                      m.items[i].peer_urls.n ? m.items[i].peer_urls.items[0] : "-",
                                                      m.items[i].client_urls.n ? m.items[i].client_urls.items[0] : "-",
                                                      m.items[i].learner ? "learner" : "voter"));
        return 0;
}

static int ask_etcd_status(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_(talos_etcd_status_done) struct talos_etcd_status s = { 0 };

        if (talos_etcd_status(&a->client, &s, err) < 0)
                return -1;
        *ret = json_strf("%016llx %016llx %llu %llu %llu %lld %lld %s %s %zu", (unsigned long long) s.member_id, (unsigned long long) s.leader,
                         (unsigned long long) s.raft_index, (unsigned long long) s.raft_term, (unsigned long long) s.raft_applied_index, (long long) s.db_size,
                         (long long) s.db_size_in_use, s.protocol_version, s.storage_version, s.errors.n);
        return 0;
}

static int ask_leave(const struct asked *a, json_t **ret, struct error *err) { return talos_etcd_leave_cluster(&a->client, err); }

static int ask_remove(const struct asked *a, json_t **ret, struct error *err) {
        return talos_etcd_remove_member(&a->client, (uint64_t) number_of(a->request, "member"), err);
}

static int ask_forfeit(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_str_ char *member = NULL;

        if (talos_etcd_forfeit_leadership(&a->client, &member, err) < 0)
                return -1;
        *ret = json_string(member);
        return 0;
}

static int ask_reboot(const struct asked *a, json_t **ret, struct error *err) {
        return talos_reboot(&a->client, (enum talos_reboot_mode) number_of(a->request, "mode"), err);
}

static int ask_shutdown(const struct asked *a, json_t **ret, struct error *err) { return talos_shutdown(&a->client, truth_of(a->request, "force"), err); }

static int ask_reset(const struct asked *a, json_t **ret, struct error *err) {
        const char *const partitions[] = { text_of(a->request, "partition"), "EPHEMERAL" };
        struct talos_reset_options o = {
                .graceful = true, .reboot = truth_of(a->request, "reboot"), .partitions = partitions, .n_partitions = str_empty(partitions[0]) ? 0 : 2,
        };

        return talos_reset(&a->client, &o, err);
}

static int ask_get(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_(talos_resource_done) struct talos_resource r = { 0 };

        if (talos_resource_get(&a->client, text_of(a->request, "namespace"), text_of(a->request, "type"), text_of(a->request, "id"), &r, err) < 0)
                return -1;
        *ret = json_strf("%s %s %s %s", r.namespace_, r.type, r.id, r.yaml_spec);
        return 0;
}

static int ask_routes(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_(talos_routes_done) struct talos_routes all = { 0 };

        if (talos_route_list(&a->client, &all, err) < 0)
                return -1;
        const struct talos_route *metadata = talos_routes_find_ipv4(&all, "169.254.169.254");
        *ret = json_array();
        for (size_t i = 0; i < all.n; i++)
                json_array_append_new(*ret, json_strf("%s %s %s %s %s %lld%s", all.items[i].family, all.items[i].destination, all.items[i].gateway,
                                                      all.items[i].link, all.items[i].table, (long long) all.items[i].priority,
                                                      &all.items[i] == metadata ? " metadata" : ""));
        return 0;
}

static int ask_read(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_strbuf_ struct strbuf content = STRBUF_INIT;

        if (talos_read_file(&a->client, text_of(a->request, "path"), (size_t) number_of(a->request, "max"), &content, err) < 0)
                return -1;
        *ret = content.len > 100 ? json_strf("%zu bytes", content.len) : json_string(strbuf_str(&content));
        return 0;
}

static int ask_logs(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_strv_ struct strv lines = { 0 };

        if (talos_logs_tail(&a->client, text_of(a->request, "service"), (unsigned) number_of(a->request, "lines"), &lines, err) < 0)
                return -1;
        *ret = texts(&lines);
        return 0;
}

static int ask_dmesg(const struct asked *a, json_t **ret, struct error *err) {
        _cleanup_strv_ struct strv lines = { 0 };

        if (talos_dmesg_tail(&a->client, (unsigned) number_of(a->request, "lines"), &lines, err) < 0)
                return -1;
        *ret = texts(&lines);
        return 0;
}

/* ---- what `up` does ---- */

static int up_look(const struct asked *a, json_t **ret, struct error *err) {
        static const char *const conditions[] = { "unreachable", "maintenance", "foreign", "booting", "running" };
        _cleanup_(talos_view_done) struct talos_view v = { 0 };

        if (bootstrap_look_talos(&a->bootstrap, &a->node, a->timeout_ms, &v, err) < 0)
                return -1;
        *ret = json_strf("%s; %s; %s", conditions[v.condition], v.version ? v.version : "-", v.problem ? v.problem : "-");
        return 0;
}

static int up_push(const struct asked *a, json_t **ret, struct error *err) {
        const char *config = text_of(a->request, "config");

        return bootstrap_push_config(&a->bootstrap, &a->node, config, strlen(config), a->timeout_ms, err);
}

static int up_etcd(const struct asked *a, json_t **ret, struct error *err) { return bootstrap_etcd(&a->bootstrap, &a->node, a->timeout_ms, err); }

static int up_has_etcd(const struct asked *a, json_t **ret, struct error *err) {
        bool has = false;

        if (bootstrap_has_etcd(&a->bootstrap, &a->node, 1, a->timeout_ms, &has, err) < 0)
                return -1;
        *ret = json_boolean(has);
        return 0;
}

static int up_wait_etcd(const struct asked *a, json_t **ret, struct error *err) {
        return bootstrap_wait_etcd(&a->bootstrap, &a->node, 1, a->timeout_ms, err);
}

static int up_wait(const struct asked *a, json_t **ret, struct error *err) {
        return bootstrap_wait_talos(&a->bootstrap, &a->node, true, a->timeout_ms, err);
}

static int up_metadata(const struct asked *a, json_t **ret, struct error *err) { return bootstrap_check_metadata_route(&a->bootstrap, &a->node, err); }

/* ---- questions ---- */

static const struct { const char *op; int (*fn)(const struct asked *a, json_t **ret, struct error *err); } ops[] = {
        { "status", ask_status }, { "version", ask_version }, { "hostname", ask_hostname }, { "apply", ask_apply }, { "bootstrap", ask_bootstrap },
        { "services", ask_services }, { "members", ask_members }, { "etcd-status", ask_etcd_status }, { "leave", ask_leave }, { "remove", ask_remove },
        { "forfeit", ask_forfeit }, { "reboot", ask_reboot }, { "shutdown", ask_shutdown }, { "reset", ask_reset }, { "get", ask_get },
        { "routes", ask_routes }, { "read", ask_read }, { "logs", ask_logs }, { "dmesg", ask_dmesg },
        { "look", up_look }, { "push", up_push }, { "etcd", up_etcd }, { "has-etcd", up_has_etcd }, { "wait-etcd", up_wait_etcd }, { "wait", up_wait },
        { "metadata", up_metadata },
};

static void note(void *data, const char *text) {
        json_t *notes = data;
        const char *last = json_string_value(json_array_get(notes, json_array_size(notes) - 1));

        if (!str_eq(last, text))
                json_array_append_new(notes, json_string(text));
}

static int answer(struct http_engine *engine, struct clock *clock, const json_t *request, json_t *notes, json_t **ret, struct error *err) {
        struct asked a = { .request = request, .timeout_ms = number_of(request, "timeout_ms") };
        struct http_tls tls = { .ca_pem = jget_text(request, "ca"), .cert_pem = jget_text(request, "crt"), .key_pem = jget_text(request, "key") };
        const char *name = jget_text(request, "name");

        a.node = (struct bootstrap_node) { .name = name ? name : "node", .control_plane = true };
        if (!ip6_parse(text_of(request, "address"), &a.node.addr))
                return error_set(err, ERR_USAGE, "no address");
        a.bootstrap = (struct bootstrap) { .http = engine, .clock = clock, .talos = tls, .note = note, .note_data = notes };
        a.client = tls.ca_pem ? talos_client_secure(engine, &a.node.addr, tls.ca_pem, tls.cert_pem, tls.key_pem, NULL)
                              : talos_client_maintenance(engine, &a.node.addr, NULL);
        a.client.port = (unsigned) number_of(request, "port");
        a.client.timeout_ms = a.timeout_ms;
        a.client.fresh = truth_of(request, "fresh");
        a.client.node = jget_text(request, "node");
        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                if (str_eq(ops[i].op, text_of(request, "op")))
                        return ops[i].fn(&a, ret, err);
        return error_set(err, ERR_USAGE, "there is no op '%s'", text_of(request, "op"));
}

static json_t *reply_to(struct http_engine *engine, const json_t *request) {
        _cleanup_error_ struct error err = ERROR_INIT;
        int64_t start = clock_mono_ms(NULL);
        json_t *reply = json_object(), *notes = json_array(), *result = NULL;
        /* "virtual": pauses pass at once, so that waits of minutes can be seen to end. */
        struct clock *clock = truth_of(request, "virtual") ? clock_manual_new(0) : NULL;
        bool ok = answer(engine, clock, request, notes, &result, &err) >= 0;

        clock_manual_free(clock);
        jset(reply, "ok", json_boolean(ok));
        jset(reply, "ms", json_integer(clock_mono_ms(NULL) - start));
        jset(reply, "notes", notes);
        jset(reply, "result", result);
        if (ok)
                return reply;
        jset_str(reply, "kind", error_kind_name(err.kind));
        jset_str(reply, "error", error_text(&err));
        jset_str(reply, "hint", err.hint);
        jset(reply, "grpc", json_integer(err.grpc_status));
        jset(reply, "retryable", json_boolean(err.retryable));
        jset(reply, "ambiguous", json_boolean(err.ambiguous));
        return reply;
}

int main(void) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_free_ char *line = NULL;
        struct http_engine *engine = NULL;
        size_t size = 0;

        if (http_engine_new("talos-wire", &engine, &err) < 0) {
                fprintf(stderr, "%s\n", error_text(&err));
                return 1;
        }
        while (getline(&line, &size, stdin) > 0) {
                json_t *request = json_loads(line, JSON_ALLOW_NUL, NULL), *reply = reply_to(engine, request);
                char *out = json_write(reply);
                puts(out);
                fflush(stdout);
                free(out);
                json_decref(reply);
                json_decref(request);
        }
        http_engine_free(engine);
        return 0;
}
