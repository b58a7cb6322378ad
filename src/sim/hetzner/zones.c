/* DNS zones and their record sets, which have no ids: they are named "name/TYPE" inside their zone. Nothing here answers DNS questions. */
#include "sim/hetzner/internal.h"

#include <ctype.h>

#include "sim/world/latency.h"

static const char *const types[] = { "A", "AAAA", "CAA", "CNAME", "DS", "HINFO", "HTTPS", "MX", "NS", "PTR", "RP", "SOA", "SRV", "SVCB", "TLSA", "TXT" };

static struct cloud_zone *subject(struct cloud_call *c) {
        return (struct cloud_zone *) c->object;
}

static struct cloud_action *action_on(struct cloud_call *c, const char *command, int64_t zone) {
        struct cloud_action *a = cloud_action_start(c->cloud, command, LATENCY_ZONE, NULL);

        cloud_action_on(a, KIND_ZONE, zone);
        return a;
}

static void set_free(struct cloud_rrset *s) {
        for (size_t i = 0; i < s->n_records; i++) {
                free(s->records[i].value);
                free(s->records[i].comment);
        }
        free(s->records);
        free(s->name);
        free(s->type);
        kvs_done(&s->labels);
        free(s);
}

static void free_zone(struct cloud_object *o) {
        struct cloud_zone *z = (struct cloud_zone *) o;

        cloud_object_done(o);
        for (size_t i = 0; i < z->n_sets; i++)
                set_free(z->sets[i]);
        free(z->sets);
        json_decref(z->primary_nameservers);
        free(z->zonefile);
        free(z);
}

/* ---- showing ---- */

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_zone *z = (const struct cloud_zone *) o;
        json_int_t records = 0;

        (void) c;
        for (size_t i = 0; i < z->n_sets; i++)
                records += (json_int_t) z->sets[i]->n_records;
        json_t *j = json_pack("{s:I,s:s,s:o,s:s,s:o,s:{s:b},s:I,s:s,s:I,s:{s:[s,s,s],s:[],s:n,s:s},s:s}", "id", (json_int_t) o->id, "name", o->name,
                              "created", json_time(o->created_ms), "mode", z->mode, "labels", json_from_kvs(&o->labels), "protection", "delete",
                              o->protect_delete, "ttl", (json_int_t) z->ttl, "status", "ok", "record_count", records, "authoritative_nameservers",
                              "assigned", "hydrogen.ns.hetzner.com.", "oxygen.ns.hetzner.com.", "helium.ns.hetzner.de.", "delegated",
                              "delegation_last_check", "delegation_status", "unknown", "registrar", "unknown");
        if (z->primary_nameservers)
                json_object_set(j, "primary_nameservers", z->primary_nameservers);
        return j;
}

static json_t *set_render(const struct cloud_zone *z, const struct cloud_rrset *s) {
        json_t *records = json_array();
        _cleanup_str_ char *id = xasprintf("%s/%s", s->name, s->type);

        for (size_t i = 0; i < s->n_records; i++) {
                json_t *r = json_pack("{s:s}", "value", s->records[i].value);
                if (s->records[i].comment)
                        json_object_set_new(r, "comment", json_string(s->records[i].comment));
                json_array_append_new(records, r);
        }
        return json_pack("{s:s,s:s,s:s,s:o,s:o,s:{s:b},s:o,s:I}", "id", id, "name", s->name, "type", s->type, "ttl", json_id(s->ttl), "labels",
                         json_from_kvs(&s->labels), "protection", "change", s->protect_change, "records", records, "zone", (json_int_t) z->o.id);
}

/* ---- record sets ---- */

static struct cloud_rrset *find_set(struct cloud_zone *z, const char *name, const char *type, size_t *ret_index) {
        for (size_t i = 0; i < z->n_sets; i++)
                if (str_eq(z->sets[i]->name, name) && str_eq(z->sets[i]->type, type)) {
                        if (ret_index)
                                *ret_index = i;
                        return z->sets[i];
                }
        return NULL;
}

static struct cloud_rrset *path_set(struct cloud_call *c) {
        struct cloud_rrset *s = find_set(subject(c), kvs_get(&c->path, "rr_name"), kvs_get(&c->path, "rr_type"), NULL);

        if (!s)
                reply_error(c, 404, "not_found", "rrset '%s/%s' not found", kvs_get(&c->path, "rr_name"), kvs_get(&c->path, "rr_type"));
        return s;
}

static int require_primary(struct cloud_call *c) {
        if (str_eq(subject(c)->mode, "primary"))
                return 0;
        return reply_error(c, 422, "incorrect_zone_mode", "the zone is not a primary zone");
}

/* Appends the records of list to s. */
static int read_records(struct cloud_call *c, json_t *list, struct cloud_rrset *s) {
        json_t *item;
        size_t i;

        if (json_array_size(list) < 1 || json_array_size(list) + s->n_records > 50)
                return reply_invalid(c, "records", "between 1 and 50 records are possible");
        json_array_foreach(list, i, item) {
                const char *value = json_string_value(json_object_get(item, "value"));
                struct ip6_addr six;
                uint32_t four;
                if (!value || (str_eq(s->type, "AAAA") && !ip6_parse(value, &six)) || (str_eq(s->type, "A") && !ip4_parse(value, &four)))
                        return reply_invalid(c, "records", "'%s' is not a valid value for type %s", value ? value : "", s->type);
                struct cloud_record r = { xstrdup(value), xstrdup(json_string_value(json_object_get(item, "comment"))) };
                ARRAY_APPEND(s->records, s->n_records, r);
        }
        return 0;
}

static bool name_valid(const char *name) {
        for (const char *p = name; p && *p; p++)
                if (isupper((unsigned char) *p))
                        return false;
        return !str_empty(name);
}

static int make_set(struct cloud_call *c, struct cloud_zone *z, json_t *j, struct cloud_rrset **ret) {
        const char *name = json_string_value(json_object_get(j, "name")), *type = json_string_value(json_object_get(j, "type"));
        bool known = false;
        json_t *labels = json_object_get(j, "labels"), *v;
        const char *key;

        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                known |= str_eq(type, types[i]);
        if (!known)
                return reply_invalid(c, "type", "unknown record type");
        if (!name_valid(name))
                return reply_invalid(c, "name", "must be lower case, '@' for the apex");
        if (find_set(z, name, type, NULL))
                return reply_error(c, 409, "uniqueness_error", "rrset '%s/%s' already exists", name, type);
        struct cloud_rrset *s = xnew0(struct cloud_rrset);
        s->name = xstrdup(name);
        s->type = xstrdup(type);
        s->ttl = json_integer_value(json_object_get(j, "ttl"));
        s->created_ms = sim_now_ms(c->cloud->world);
        json_object_foreach(labels, key, v) if (json_is_string(v)) kvs_set(&s->labels, key, json_string_value(v));
        if (read_records(c, json_object_get(j, "records"), s) < 0) {
                set_free(s);
                return -1;
        }
        ARRAY_APPEND(z->sets, z->n_sets, s);
        *ret = s;
        return 0;
}

static json_t *render_item(struct cloud_call *c, void *item) {
        return set_render(subject(c), item);
}

static int list_sets(struct cloud_call *c) {
        struct cloud_zone *z = subject(c);
        const char *name = call_query(c, "name", 0), *selector = call_query(c, "label_selector", 0), *t;
        _cleanup_free_ void **found = xcalloc(z->n_sets + 1, sizeof(*found));
        size_t n = 0;

        for (size_t i = 0; i < z->n_sets; i++) {
                bool any = false, hit = false;
                for (size_t k = 0; (t = call_query(c, "type", k)); k++) {
                        any = true;
                        hit |= str_eq(t, z->sets[i]->type);
                }
                if ((name && !str_eq(name, z->sets[i]->name)) || (any && !hit) ||
                    (!str_empty(selector) && !cloud_label_selector_matches(selector, &z->sets[i]->labels)))
                        continue;
                found[n++] = z->sets[i];
        }
        return cloud_answer_page(c, "rrsets", n, render_item, found);
}

static int reply_set(struct cloud_call *c, int status, struct cloud_rrset *s, struct cloud_action *a) {
        json_t *j = json_object();

        json_object_set_new(j, "rrset", set_render(subject(c), s));
        if (a)
                json_object_set_new(j, "action", cloud_action_render(a));
        return reply_json(c, status, j);
}

static int create_set(struct cloud_call *c) {
        struct cloud_rrset *s = NULL;

        if (require_primary(c) < 0 || make_set(c, subject(c), c->body, &s) < 0)
                return -1;
        return reply_set(c, 201, s, action_on(c, "create_rrset", c->object->id));
}

static int show_set(struct cloud_call *c) {
        struct cloud_rrset *s = path_set(c);
        return s ? reply_set(c, 200, s, NULL) : -1;
}

static int update_set(struct cloud_call *c) {
        struct cloud_rrset *s = path_set(c);

        if (!s || body_labels(c, &s->labels) < 0)
                return -1;
        return reply_set(c, 200, s, NULL);
}

/* The set of the path when it may be changed. */
static struct cloud_rrset *changeable(struct cloud_call *c) {
        struct cloud_rrset *s = require_primary(c) < 0 ? NULL : path_set(c);

        if (s && s->protect_change) {
                reply_error(c, 423, "protected", "rrset is protected");
                return NULL;
        }
        return s;
}

static void drop_set(struct cloud_zone *z, struct cloud_rrset *s) {
        size_t i;

        if (!find_set(z, s->name, s->type, &i))
                return;
        memmove(&z->sets[i], &z->sets[i + 1], (z->n_sets - i - 1) * sizeof(*z->sets));
        z->n_sets--;
        set_free(s);
}

static int delete_set(struct cloud_call *c) {
        struct cloud_rrset *s = changeable(c);

        if (!s)
                return -1;
        drop_set(subject(c), s);
        return reply_action(c, action_on(c, "delete_rrset", c->object->id));
}

static int set_records(struct cloud_call *c) {
        struct cloud_rrset *s = changeable(c), fresh = { 0 };

        if (!s)
                return -1;
        fresh.type = s->type;
        int bad = read_records(c, json_object_get(c->body, "records"), &fresh);
        struct cloud_record *old = bad < 0 ? fresh.records : s->records;
        size_t n_old = bad < 0 ? fresh.n_records : s->n_records;
        if (bad >= 0) {
                s->records = fresh.records;
                s->n_records = fresh.n_records;
        }
        for (size_t i = 0; i < n_old; i++) {
                free(old[i].value);
                free(old[i].comment);
        }
        free(old);
        return bad < 0 ? -1 : reply_action(c, action_on(c, "set_rrset_records", c->object->id));
}

/* Creates the set when it is not there. */
static int add_records(struct cloud_call *c) {
        struct cloud_rrset *s = find_set(subject(c), kvs_get(&c->path, "rr_name"), kvs_get(&c->path, "rr_type"), NULL);

        if (require_primary(c) < 0)
                return -1;
        if (!s) {
                json_object_set_new(c->body, "name", json_string(kvs_get(&c->path, "rr_name")));
                json_object_set_new(c->body, "type", json_string(kvs_get(&c->path, "rr_type")));
                if (make_set(c, subject(c), c->body, &s) < 0)
                        return -1;
        } else if (!changeable(c) || read_records(c, json_object_get(c->body, "records"), s) < 0) {
                return -1;
        }
        return reply_action(c, action_on(c, "add_rrset_records", c->object->id));
}

static int remove_records(struct cloud_call *c) {
        struct cloud_rrset *s = changeable(c);
        json_t *list = json_object_get(c->body, "records"), *item;
        size_t k;

        if (!s)
                return -1;
        json_array_foreach(list, k, item)
                for (size_t i = s->n_records; i > 0; i--)
                        if (str_eq(s->records[i - 1].value, json_string_value(json_object_get(item, "value")))) {
                                free(s->records[i - 1].value);
                                free(s->records[i - 1].comment);
                                memmove(&s->records[i - 1], &s->records[i], (s->n_records - i) * sizeof(*s->records));
                                s->n_records--;
                        }
        if (s->n_records == 0)
                drop_set(subject(c), s);
        return reply_action(c, action_on(c, "remove_rrset_records", c->object->id));
}

static int update_records(struct cloud_call *c) {
        struct cloud_rrset *s = changeable(c);
        json_t *list = json_object_get(c->body, "records"), *item, *j;
        size_t k;

        if (!s)
                return -1;
        json_array_foreach(list, k, item)
                for (size_t i = 0; i < s->n_records; i++)
                        if (str_eq(s->records[i].value, json_string_value(json_object_get(item, "value")))) {
                                free(s->records[i].comment);
                                s->records[i].comment = xstrdup(json_string_value(json_object_get(item, "comment")));
                        }
        j = json_object();
        json_object_set_new(j, "action", cloud_action_render(action_on(c, "update_rrset_records", c->object->id)));
        return reply_json(c, 200, j);           /* 200, unlike every other action */
}

static int set_ttl(struct cloud_call *c) {
        struct cloud_rrset *s = changeable(c);
        int64_t ttl = 0;

        if (!s || body_int(c, "ttl", &ttl) < 0)
                return -1;
        if (ttl && (ttl < 60 || ttl > INT32_MAX))
                return reply_invalid(c, "ttl", "Must be between 60 and 2147483647.");
        s->ttl = ttl;
        return reply_action(c, action_on(c, "change_rrset_ttl", c->object->id));
}

static int set_protection(struct cloud_call *c) {
        struct cloud_rrset *s = path_set(c);

        if (!s || body_bool(c, "change", &s->protect_change) < 0)
                return -1;
        return reply_action(c, action_on(c, "change_rrset_protection", c->object->id));
}

/* ---- zones ---- */

/* "A default SOA and three NS resource records with the assigned Hetzner nameservers are created automatically" (POST /zones). */
static int add_default_sets(struct cloud_call *c, struct cloud_zone *z) {
        struct cloud_rrset *s;
        _cleanup_json_ json_t *soa = json_pack("{s:s,s:s,s:[{s:s}]}", "name", "@", "type", "SOA", "records", "value",
                                               "hydrogen.ns.hetzner.com. dns.hetzner.com. 2026010100 86400 10800 3600000 3600");
        _cleanup_json_ json_t *ns = json_pack("{s:s,s:s,s:[{s:s},{s:s},{s:s}]}", "name", "@", "type", "NS", "records", "value", "hydrogen.ns.hetzner.com.",
                                              "value", "oxygen.ns.hetzner.com.", "value", "helium.ns.hetzner.de.");

        if (!find_set(z, "@", "SOA", NULL) && make_set(c, z, soa, &s) < 0)
                return -1;
        return find_set(z, "@", "NS", NULL) ? 0 : make_set(c, z, ns, &s);
}

static int create(struct cloud_call *c) {
        const char *name = NULL, *mode = NULL;
        int64_t ttl = 3600;
        json_t *sets, *item;
        size_t i;
        int bad = 0;

        if (body_required(c, (const char *const[]) { "name", "mode", NULL }) < 0 || body_str(c, "name", &name) < 0 ||
            body_str(c, "mode", &mode) < 0 || body_int(c, "ttl", &ttl) < 0 || check_name(c, KIND_ZONE, name, NULL) < 0)
                return -1;
        if (!str_eq(mode, "primary") && !str_eq(mode, "secondary"))
                return reply_invalid(c, "mode", "Must be one of: primary, secondary.");
        if (!name_valid(name) || !strchr(name, '.'))
                return reply_invalid(c, "name", "must be a domain name");
        struct cloud_zone *z = xnew0(struct cloud_zone);
        z->o.name = xstrdup(name);
        z->mode = str_eq(mode, "primary") ? "primary" : "secondary";
        z->ttl = ttl;
        z->primary_nameservers = json_is_array(json_object_get(c->body, "primary_nameservers"))
                                         ? json_deep_copy(json_object_get(c->body, "primary_nameservers")) : NULL;
        z->zonefile = xstrdup(json_string_value(json_object_get(c->body, "zonefile")));
        bad = body_labels(c, &z->o.labels);
        sets = json_object_get(c->body, "rrsets");
        json_array_foreach(sets, i, item) {
                struct cloud_rrset *s;
                if (bad >= 0)
                        bad = make_set(c, z, item, &s);
        }
        if (bad >= 0 && str_eq(z->mode, "primary"))
                bad = add_default_sets(c, z);
        if (bad < 0) {
                free_zone(&z->o);
                return -1;
        }
        cloud_add(c->cloud, KIND_ZONE, &z->o);
        json_t *j = json_object();
        json_object_set_new(j, "zone", render(c->cloud, &z->o));
        json_object_set_new(j, "action", cloud_action_render(action_on(c, "create_zone", z->o.id)));
        return reply_json(c, 201, j);
}

static int delete(struct cloud_call *c) {
        if (c->object->protect_delete)
                return reply_error(c, 423, "protected", "zone deletion is protected");
        struct cloud_action *a = action_on(c, "delete_zone", c->object->id);
        cloud_remove(c->cloud, c->object);
        return reply_action(c, a);
}

static int zonefile(struct cloud_call *c) {
        struct cloud_zone *z = subject(c);
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

        if (require_primary(c) < 0)
                return -1;
        strbuf_addf(&b, "$ORIGIN\t%s.\n$TTL\t%lld\n", z->o.name, (long long) z->ttl);
        for (size_t i = 0; i < z->n_sets; i++)
                for (size_t r = 0; r < z->sets[i]->n_records; r++)
                        strbuf_addf(&b, "%s\tIN\t%s\t%s\n", z->sets[i]->name, z->sets[i]->type, z->sets[i]->records[r].value);
        return reply_json(c, 200, json_pack("{s:s}", "zonefile", strbuf_str(&b)));
}

static int import_zonefile(struct cloud_call *c) {
        return reply_error(c, 422, "unsupported_error", "the simulator does not read zone files");
}

static int change_nameservers(struct cloud_call *c) {
        struct cloud_zone *z = subject(c);

        if (str_eq(z->mode, "primary"))
                return reply_error(c, 422, "incorrect_zone_mode", "the zone is not a secondary zone");
        json_decref(z->primary_nameservers);
        z->primary_nameservers = json_deep_copy(json_object_get(c->body, "primary_nameservers"));
        return reply_action(c, action_on(c, "change_zone_primary_nameservers", c->object->id));
}

static int change_ttl(struct cloud_call *c) {
        int64_t ttl = 0;

        if (body_int(c, "ttl", &ttl) < 0)
                return -1;
        if (ttl < 60 || ttl > INT32_MAX)
                return reply_invalid(c, "ttl", "Must be between 60 and 2147483647.");
        subject(c)->ttl = ttl;
        return reply_action(c, action_on(c, "change_zone_ttl", c->object->id));
}

static bool matches(struct cloud_call *c, const struct cloud_object *o) {
        const char *mode = call_query(c, "mode", 0);
        return !mode || str_eq(mode, ((const struct cloud_zone *) o)->mode);
}

static const char *const sort[] = { "id", "name", "created", NULL };
const struct cloud_class class_zone = { .path = "zones", .singular = "zone", .title = "Zone", .render = render, .matches = matches, .free = free_zone,
                                        .sort = sort, .unique_names = true, .labels = true, .by_name = true };

static const struct cloud_route_entry zone_routes[] = {
        { "GET", "/zones", KIND_ZONE, cloud_list, 0 },
        { "POST", "/zones", KIND_ZONE, create, ROUTE_BODY },
        { "GET", "/zones/actions", KIND_ZONE, cloud_list_all_actions, 0 },
        { "GET", "/zones/actions/{action_id}", KIND_ZONE, cloud_show_own_action, 0 },
        { "GET", "/zones/{id}", KIND_ZONE, cloud_show, 0 },
        { "PUT", "/zones/{id}", KIND_ZONE, cloud_update, ROUTE_BODY },
        { "DELETE", "/zones/{id}", KIND_ZONE, delete, 0 },
        { "GET", "/zones/{id}/zonefile", KIND_ZONE, zonefile, 0 },
        { "GET", "/zones/{id}/actions", KIND_ZONE, cloud_list_own_actions, 0 },
        { "GET", "/zones/{id}/actions/{action_id}", KIND_ZONE, cloud_show_own_action, 0 },
        { "POST", "/zones/{id}/actions/change_primary_nameservers", KIND_ZONE, change_nameservers, ROUTE_BODY },
        { "POST", "/zones/{id}/actions/change_protection", KIND_ZONE, cloud_change_protection, ROUTE_BODY },
        { "POST", "/zones/{id}/actions/change_ttl", KIND_ZONE, change_ttl, ROUTE_BODY },
        { "POST", "/zones/{id}/actions/import_zonefile", KIND_ZONE, import_zonefile, ROUTE_BODY },
};
const struct cloud_routes routes_zone = { zone_routes, ARRAY_SIZE(zone_routes) };

#define SET "/zones/{id}/rrsets/{rr_name}/{rr_type}"
static const struct cloud_route_entry set_routes[] = {
        { "GET", "/zones/{id}/rrsets", KIND_ZONE, list_sets, 0 },
        { "POST", "/zones/{id}/rrsets", KIND_ZONE, create_set, ROUTE_BODY },
        { "GET", SET, KIND_ZONE, show_set, 0 },
        { "PUT", SET, KIND_ZONE, update_set, ROUTE_BODY },
        { "DELETE", SET, KIND_ZONE, delete_set, 0 },
        { "POST", SET "/actions/change_protection", KIND_ZONE, set_protection, ROUTE_BODY },
        { "POST", SET "/actions/change_ttl", KIND_ZONE, set_ttl, ROUTE_BODY },
        { "POST", SET "/actions/set_records", KIND_ZONE, set_records, ROUTE_BODY },
        { "POST", SET "/actions/add_records", KIND_ZONE, add_records, ROUTE_BODY },
        { "POST", SET "/actions/remove_records", KIND_ZONE, remove_records, ROUTE_BODY },
        { "POST", SET "/actions/update_records", KIND_ZONE, update_records, ROUTE_BODY },
};
const struct cloud_routes routes_rrset = { set_routes, ARRAY_SIZE(set_routes) };
