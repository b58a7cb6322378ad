/* Faults that make the API refuse with any documented code, or say what is not so: lists of the past, of somebody else's, of pages that
 * shift under the reader; words, keys and numbers nobody has seen yet. */
#include "sim/hetzner/internal.h"

#include "base/clock.h"
#include "sim/world/faults.h"

enum { REMEMBERED = 8, FOREIGN_ID = 1000003 };

#define PAST_2_53 ((json_int_t) 1 << 53)

/* docs.hetzner.cloud, "Errors" and the tables of the single operations. */
static const struct { const char *code; int status; const char *message, *details; } refusals[] = {
        { "json_error", 400, "invalid JSON in request body", NULL },
        { "unauthorized", 401, "the token you have provided is invalid", NULL },
        { "token_readonly", 401, "the token is only allowed to perform GET requests", NULL },
        { "forbidden", 403, "insufficient permissions for this request", NULL },
        { "maintenance", 403, "the API is under maintenance", NULL },
        { "resource_limit_exceeded", 403, "server limit exceeded", "{\"limits\":[{\"name\":\"server_limit\"}]}" },
        { "not_found", 404, "resource not found", NULL },
        { "firewall_resource_not_found", 404, "firewall resource not found", NULL },
        { "method_not_allowed", 405, "method is not allowed", NULL },
        { "uniqueness_error", 409, "name is already used", "{\"fields\":[{\"name\":\"name\",\"messages\":[\"is already used\"]}]}" },
        { "conflict", 409, "the resource has changed during the request", NULL },
        { "deprecated_api_endpoint", 410, "this endpoint was removed", "{\"announcement\":\"https://docs.hetzner.cloud/changelog\"}" },
        { "resource_unavailable", 412, "error during placement", NULL },
        { "placement_error", 412, "error during placement", NULL },
        { "primary_ip_assigned", 412, "primary IP is already assigned", NULL },
        { "primary_ip_version_mismatch", 412, "primary IP has the wrong version", NULL },
        { "invalid_input", 422, "invalid input in field 'name'", "{\"fields\":[{\"name\":\"name\",\"messages\":[\"is not valid\"]}]}" },
        { "service_error", 422, "a service failed", NULL },
        { "unsupported_error", 422, "this is not supported", NULL },
        { "resource_in_use", 422, "resource is still in use", NULL },
        { "must_be_unassigned", 422, "resource must be unassigned", NULL },
        { "server_not_stopped", 422, "server is not stopped", NULL },
        { "server_already_attached", 422, "server is already attached", NULL },
        { "no_subnet_available", 422, "no subnet available", NULL },
        { "ip_not_available", 422, "IP is not available", NULL },
        { "firewall_already_applied", 422, "firewall is already applied", NULL },
        { "already_in_placement_group", 422, "server is already in a placement group", NULL },
        { "locked", 423, "cannot perform operation because resource is locked", NULL },
        { "protected", 423, "resource is protected", NULL },
        { "rate_limit_exceeded", 429, "limit of 3600 requests per hour reached", NULL },
        { "server_error", 500, "an internal error occurred", NULL },
        { "bad_gateway", 502, "bad gateway", NULL },
        { "unavailable", 503, "service is temporarily unavailable", NULL },
        { "timeout", 504, "the request timed out", NULL },
};

int refuse_as_told(struct cloud_call *c, const struct sim_fault *f) {
        const char *code = sim_fault_value(f, "code", "invalid_input");

        for (size_t i = 0; i < ARRAY_SIZE(refusals); i++)
                if (str_eq(refusals[i].code, code)) {
                        json_t *details = refusals[i].details ? json_loads(refusals[i].details, 0, NULL) : NULL;
                        return reply_error_details(c, (int) sim_fault_number(f, "status", refusals[i].status), code, details, "%s", refusals[i].message);
                }
        return reply_error(c, (int) sim_fault_number(f, "status", 422), code, "the simulator was told to fail here");
}

/* ---- answers with what nobody knows ---- */

/* Keys whose words are an open set: the documentation gives those of today. */
static bool may_grow(const char *key) {
        static const char *const keys[] = { "assignee_type", "storage_type", "type", "status", "architecture", "cpu_type", "category", "network_zone",
                                            "command", "os_flavor" };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (str_eq(keys[i], key))
                        return true;
        return false;
}

static void make_unknown(json_t *j, bool all) {
        const char *key;
        json_t *v;
        void *next;
        size_t i;

        json_array_foreach(j, i, v) make_unknown(v, all);
        if (!json_is_object(j))
                return;
        json_object_foreach_safe(j, next, key, v) {
                if (json_is_string(v) && (all ? may_grow(key) : str_eq(key, "assignee_type") || str_eq(key, "storage_type")))
                        json_object_set_new(j, key, json_string("something_new"));
                else if (!str_eq(key, "labels"))         /* a map of texts by its nature */
                        make_unknown(v, all);
        }
        json_object_set_new(j, "something_new", json_pack("{s:[i,n]}", "deep", 1));
}

static void make_large(json_t *j) {
        const char *key;
        json_t *v;
        size_t i;

        json_array_foreach(j, i, v) make_large(v);
        json_object_foreach(j, key, v)
                if (str_eq(key, "id") && json_is_integer(v))
                        json_integer_set(v, PAST_2_53 + json_integer_value(v));
                else
                        make_large(v);
}

void lie_in_json(struct cloud_call *c, json_t *body) {
        const char *route = kvs_get(&c->path, "route");
        const struct kv facts[] = { { (char *) "route", (char *) (route ? route : "") } };
        const struct sim_fault *f = sim_fault_hit(c->cloud->world, "unknown", facts, ARRAY_SIZE(facts));

        if (f) {
                make_unknown(body, str_eq(sim_fault_value(f, "words", ""), "all"));
                c->answer->spoilt = "unknown";
        }
        if (sim_fault_hit(c->cloud->world, "large-ids", facts, ARRAY_SIZE(facts))) {
                make_large(body);
                c->answer->spoilt = "large-ids";
        }
}

/* ---- lists of the past ---- */

/* Before a change: what each list would say. */
void remember_lists(struct sim_hetzner *c) {
        json_t *all;

        if (!sim_faults_any(c->world, "stale"))
                return;
        if (!c->past)
                c->past = json_array();
        all = json_object();
        for (size_t k = 0; k < KIND_MAX; k++) {
                json_t *list = json_array();
                for (size_t i = 0; cloud_classes[k]->labels && i < c->stores[k].n; i++)
                        json_array_append_new(list, cloud_classes[k]->render(c, c->stores[k].items[i]));
                json_object_set_new(all, cloud_classes[k]->path, list);
        }
        json_array_insert_new(c->past, 0, all);
        if (json_array_size(c->past) > REMEMBERED)
                json_array_remove(c->past, REMEMBERED);
}

static bool was_listed(struct cloud_call *c, const json_t *object) {
        const char *name = call_query(c, "name", 0), *selector = call_query(c, "label_selector", 0);
        _cleanup_kvs_ struct kvs labels = { 0 };
        const char *key;
        json_t *value;

        json_object_foreach(json_object_get(object, "labels"), key, value)
                kvs_set(&labels, key, json_string_value(value));
        return (!name || str_eq(name, jget_text(object, "name"))) &&
               (str_empty(selector) || cloud_label_selector_matches(selector, &labels));
}

static json_t *as_it_was(struct cloud_call *c, void *item) {
        return json_incref(item);
}

int answer_stale(struct cloud_call *c, bool *ret_answered) {
        const struct kv facts[] = { { (char *) "route", (char *) kvs_get(&c->path, "route") } };
        const struct sim_fault *f = c->cloud->past && cloud_classes[c->kind]->labels ? sim_fault_hit(c->cloud->world, "stale", facts, ARRAY_SIZE(facts)) : NULL;
        size_t i, n = 0;
        json_t *each;

        *ret_answered = f != NULL;
        if (!f)
                return 0;
        size_t back = (size_t) MAX(sim_fault_number(f, "changes", 1), 1.0), known = json_array_size(c->cloud->past);
        const json_t *list = json_object_get(json_array_get(c->cloud->past, MIN(back, known) - 1), cloud_classes[c->kind]->path);
        _cleanup_free_ void **found = xcalloc(json_array_size(list) + 1, sizeof(*found));
        json_array_foreach((json_t *) list, i, each)
                if (was_listed(c, each))
                        found[n++] = each;
        c->answer->spoilt = "stale";
        return cloud_answer_page(c, cloud_classes[c->kind]->path, n, as_it_was, found);
}

/* ---- pages ---- */

void shift_page(struct cloud_call *c, int64_t page, int64_t *per_page, int64_t *ret_first) {
        const struct kv facts[] = { { (char *) "route", (char *) kvs_get(&c->path, "route") } };
        const struct sim_fault *f = sim_fault_hit(c->cloud->world, "pages", facts, ARRAY_SIZE(facts));
        const char *move = f ? sim_fault_value(f, "move", "") : "";

        if (f)
                *per_page = (int64_t) MAX(sim_fault_number(f, "size", 2), 1.0);
        *ret_first = (page - 1) * *per_page + (page > 1 ? str_eq(move, "lost") - str_eq(move, "twice") : 0);
}

void add_foreign(struct cloud_call *c, json_t *list) {
        const struct kv facts[] = { { (char *) "route", (char *) kvs_get(&c->path, "route") } };
        json_t *first = json_array_get(list, 0);

        if (!first || !json_object_get(first, "labels") || !sim_fault_hit(c->cloud->world, "foreign", facts, ARRAY_SIZE(facts)))
                return;
        json_t *other = json_deep_copy(first);
        json_object_set_new(other, "id", json_integer(FOREIGN_ID));
        if (json_is_string(json_object_get(other, "name")))
                json_object_set_new(other, "name", json_string("somebody-else"));
        json_object_set_new(other, "labels", json_object());
        json_array_append_new(list, other);
        c->answer->spoilt = "foreign";
}

void date_as_told(struct cloud_call *c) {
        const char *route = kvs_get(&c->path, "route");
        const struct kv facts[] = { { (char *) "route", (char *) (route ? route : "") } };
        const struct sim_fault *f = sim_fault_hit(c->cloud->world, "wrong-date", facts, ARRAY_SIZE(facts));

        if (!f)
                return;
        _cleanup_str_ char *date = time_format_http_date(sim_now_ms(c->cloud->world) + (int64_t) sim_fault_number(f, "seconds", -86400) * 1000);
        kvs_set(&c->answer->headers, "Date", date);
}
