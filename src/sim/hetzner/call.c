/* Reading a call's query and body, and answering it in the API's envelope. */
#include "sim/hetzner/internal.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "sim/world/faults.h"

const char *call_query(const struct cloud_call *c, const char *name, size_t n) {
        for (size_t i = 0; i < c->n_query; i++)
                if (str_eq(c->query[i].key, name) && n-- == 0)
                        return c->query[i].value;
        return NULL;
}

/* ---- answers ---- */

int reply_json(struct cloud_call *c, int status, json_t *body) {
        if (status < 300)
                lie_in_json(c, body);
        if (status < 300 && sim_fault_holds(c->cloud->world, "unknown-status", NULL, 0))
                c->answer->spoilt = "unknown-status";
        _cleanup_str_ char *text = json_write(body);
        json_decref(body);
        c->answer->status = status;
        strbuf_clear(&c->answer->body);
        strbuf_adds(&c->answer->body, text);
        kvs_set(&c->answer->headers, "Content-Type", "application/json");
        return 0;
}

int reply_empty(struct cloud_call *c, int status) {
        c->answer->status = status;
        strbuf_clear(&c->answer->body);
        return 0;
}

static int reply_error_va(struct cloud_call *c, int status, const char *code, json_t *details, const char *fmt, va_list ap) {
        _cleanup_strbuf_ struct strbuf message = STRBUF_INIT;
        json_t *o = json_object(), *e = json_object();

        strbuf_vaddf(&message, fmt, ap);
        if (details && sim_fault_on(c->cloud->world, "details-null")) {
                json_decref(details);
                details = NULL;
        }
        json_object_set_new(e, "code", json_string(code));
        json_object_set_new(e, "message", json_string(strbuf_str(&message)));
        json_object_set_new(e, "details", details ? details : json_null());
        json_object_set_new(o, "error", e);
        reply_json(c, status, o);
        return -1;
}

int reply_error(struct cloud_call *c, int status, const char *code, const char *fmt, ...) {
        va_list ap;

        va_start(ap, fmt);
        int r = reply_error_va(c, status, code, NULL, fmt, ap);
        va_end(ap);
        return r;
}

int reply_error_details(struct cloud_call *c, int status, const char *code, json_t *details, const char *fmt, ...) {
        va_list ap;

        va_start(ap, fmt);
        int r = reply_error_va(c, status, code, details, fmt, ap);
        va_end(ap);
        return r;
}

int reply_invalid(struct cloud_call *c, const char *field, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf message = STRBUF_INIT;
        va_list ap;

        va_start(ap, fmt);
        strbuf_vaddf(&message, fmt, ap);
        va_end(ap);
        json_t *details = json_pack("{s:[{s:s,s:[s]}]}", "fields", "name", field, "messages", strbuf_str(&message));
        return reply_error_details(c, 422, "invalid_input", details, "invalid input in field '%s'", field);
}

int reply_not_found(struct cloud_call *c, enum cloud_kind kind, int64_t id) {
        return reply_error(c, 404, "not_found", "%s with ID '%lld' not found", cloud_classes[kind]->singular, (long long) id);
}

int reply_action(struct cloud_call *c, struct cloud_action *a) {
        json_t *o = json_object();

        json_object_set_new(o, "action", cloud_action_render(a));
        return reply_json(c, 201, o);
}

int reply_actions(struct cloud_call *c, json_t *actions) {
        json_t *o = json_object();

        json_object_set_new(o, "actions", actions);
        return reply_json(c, 201, o);
}

/* ---- the body ---- */

static json_t *body_get(struct cloud_call *c, const char *key) {
        json_t *v = c->body ? json_object_get(c->body, key) : NULL;
        return v && !json_is_null(v) ? v : NULL;
}

int body_int(struct cloud_call *c, const char *key, int64_t *ret) {
        json_t *v = body_get(c, key);

        if (v && !json_is_integer(v))
                return reply_invalid(c, key, "must be an integer");
        if (v)
                *ret = json_integer_value(v);
        return 0;
}

int body_bool(struct cloud_call *c, const char *key, bool *ret) {
        json_t *v = body_get(c, key);

        if (v && !json_is_boolean(v))
                return reply_invalid(c, key, "must be a boolean");
        if (v)
                *ret = json_is_true(v);
        return 0;
}

int body_str(struct cloud_call *c, const char *key, const char **ret) {
        json_t *v = body_get(c, key);

        if (v && !json_is_string(v))
                return reply_invalid(c, key, "must be a string");
        if (v)
                *ret = json_string_value(v);
        return 0;
}

int body_labels(struct cloud_call *c, struct kvs *ret) {
        json_t *v = body_get(c, "labels"), *item;
        const char *key;

        if (!v)
                return 0;
        if (!json_is_object(v))
                return reply_invalid(c, "labels", "must be an object");
        _cleanup_kvs_ struct kvs labels = { 0 };
        json_object_foreach(v, key, item) {
                if (!cloud_label_key_valid(key))
                        return reply_invalid(c, "labels", "label key '%s' is not correctly formatted", key);
                if (!json_is_string(item) || !cloud_label_value_valid(json_string_value(item)))
                        return reply_invalid(c, "labels", "label value for key '%s' is not correctly formatted", key);
                kvs_set(&labels, key, json_string_value(item));
        }
        kvs_done(ret);
        *ret = labels;
        labels = (struct kvs) { 0 };
        return 0;
}

int body_ids(struct cloud_call *c, const char *key, int64_t **ret, size_t *ret_n) {
        json_t *v = body_get(c, key), *item;
        size_t i;

        *ret = NULL;
        *ret_n = 0;
        if (!v)
                return 0;
        if (!json_is_array(v))
                return reply_invalid(c, key, "must be an array");
        json_array_foreach(v, i, item) {
                if (!json_is_integer(item)) {
                        free(*ret);
                        *ret = NULL;
                        return reply_invalid(c, key, "must be an array of integers");
                }
                ARRAY_APPEND(*ret, *ret_n, json_integer_value(item));
        }
        return 0;
}

int body_required(struct cloud_call *c, const char *const *keys) {
        json_t *fields = json_array();
        const char *first = NULL;

        for (; *keys; keys++) {
                json_t *v = body_get(c, *keys);
                if (v && !(json_is_string(v) && !*json_string_value(v)))
                        continue;
                if (!first)
                        first = *keys;
                json_array_append_new(fields, json_pack("{s:s,s:[s]}", "name", *keys, "messages", "Missing data for required field."));
        }
        if (!first) {
                json_decref(fields);
                return 0;
        }
        json_t *details = json_object();
        json_object_set_new(details, "fields", fields);
        return reply_error_details(c, 422, "invalid_input", details, "invalid input in field '%s'", first);
}

int body_ref(struct cloud_call *c, enum cloud_kind kind, const char *key, struct cloud_object **ret) {
        json_t *v = body_get(c, key);
        int64_t id;

        if (!v)
                return 0;
        if (json_is_integer(v))
                *ret = cloud_get(c->cloud, kind, json_integer_value(v));
        else if (json_is_string(v)) {
                *ret = cloud_by_name(c->cloud, kind, json_string_value(v));
                if (!*ret && parse_int64(json_string_value(v), 1, INT64_MAX, &id))
                        *ret = cloud_get(c->cloud, kind, id);
        } else
                return reply_invalid(c, key, "must be an ID or a name");
        if (!*ret) {
                _cleanup_str_ char *text = json_is_string(v) ? xstrdup(json_string_value(v))
                                                             : xasprintf("%lld", (long long) json_integer_value(v));
                return reply_invalid(c, key, "%s '%s' not found", cloud_classes[kind]->singular, text);
        }
        return 0;
}

/* ---- names and limits ---- */

static bool is_hostname(const char *s) {
        size_t label = 0;

        if (!*s || strlen(s) > 253)
                return false;
        for (const char *p = s;; p++) {
                if (*p == '.' || !*p) {
                        if (label < 1 || label > 63 || p[-1] == '-')
                                return false;
                        label = 0;
                        if (!*p)
                                return true;
                        continue;
                }
                bool alphanumeric = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
                if (!alphanumeric && !(*p == '-' && label > 0))
                        return false;
                label++;
        }
}

int check_name(struct cloud_call *c, enum cloud_kind kind, const char *name, const struct cloud_object *self) {
        size_t n = strlen(name);

        if (kind == KIND_SERVER && !is_hostname(name))
                return reply_invalid(c, "name", "Name must be a valid hostname.");
        if (n < 1 || n > (kind == KIND_VOLUME ? 64 : kind == KIND_SERVER ? 253 : 128) || name[0] == ' ' || name[n - 1] == ' ')
                return reply_invalid(c, "name", "Length must be between 1 and %d.", kind == KIND_VOLUME ? 64 : 128);
        struct cloud_object *other = cloud_classes[kind]->unique_names ? cloud_by_name(c->cloud, kind, name) : NULL;
        if (other && other != self) {
                json_t *details = json_pack("{s:[{s:s,s:[s]}]}", "fields", "name", "name", "messages", "is already used");
                return reply_error_details(c, 409, "uniqueness_error", details, "%s name is already used", cloud_classes[kind]->singular);
        }
        return 0;
}

int check_quota(struct cloud_call *c, enum cloud_kind kind) {
        const struct kv facts[] = { { (char *) "kind", (char *) cloud_classes[kind]->path } };
        const struct sim_fault *f = sim_fault_holds(c->cloud->world, "quota", facts, ARRAY_SIZE(facts));

        if (!f || c->cloud->stores[kind].n < (size_t) sim_fault_number(f, "after", 0))
                return 0;
        _cleanup_str_ char *limit = xasprintf("%s_limit", cloud_classes[kind]->singular);
        json_t *details = json_pack("{s:[{s:s}]}", "limits", "name", limit);
        return reply_error_details(c, 403, "resource_limit_exceeded", details, "%s limit exceeded", cloud_classes[kind]->title);
}

/* ---- values ---- */

json_t *json_time(int64_t ms) {
        if (!ms)
                return json_null();
        _cleanup_str_ char *text = time_format_rfc3339(ms);
        return json_string(text);
}

/* VAT as in Germany; sixteen digits after the point as the real API prints gross prices. */
json_t *json_price(double net) {
        _cleanup_str_ char *n = xasprintf("%.10f", net), *g = xasprintf("%.16f", net * 1.19);
        return json_pack("{s:s,s:s}", "net", n, "gross", g);
}

json_t *json_size(double n) {
        return n == floor(n) ? json_integer((json_int_t) n) : json_real(n);
}

json_t *json_id(int64_t id) {
        return id ? json_integer(id) : json_null();
}

char *ip4_str(uint32_t ip) {
        return xasprintf("%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

bool ip4_parse(const char *s, uint32_t *ret) {
        struct in_addr a;

        if (!s || inet_pton(AF_INET, s, &a) != 1)
                return false;
        *ret = ntohl(a.s_addr);
        return true;
}

bool ip4_cidr_parse(const char *s, uint32_t *ret, unsigned *ret_len, bool strict) {
        const char *slash = s ? strchr(s, '/') : NULL;
        int64_t len = 32;

        if (!s || (slash && !parse_int64(slash + 1, 0, 32, &len)))
                return false;
        _cleanup_str_ char *ip = slash ? xstrndup(s, (size_t) (slash - s)) : xstrdup(s);
        if (!ip4_parse(ip, ret))
                return false;
        uint32_t mask = len ? ~0u << (32 - len) : 0;
        if (strict && (*ret & ~mask))
                return false;
        *ret &= mask;
        *ret_len = (unsigned) len;
        return true;
}
