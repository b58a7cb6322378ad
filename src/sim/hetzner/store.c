/* The resources by kind, and the operations that are the same for all kinds: list, show, rename, protect, actions. */
#include "sim/hetzner/internal.h"

#include "base/clock.h"
#include "base/codec.h"

#include <strings.h>

int64_t cloud_new_id(struct sim_hetzner *c) {
        c->next_id += 1 + (int64_t) sim_random_below(c->world, 9);
        return c->next_id;
}

void cloud_add(struct sim_hetzner *c, enum cloud_kind kind, struct cloud_object *o) {
        struct cloud_store *s = &c->stores[kind];

        o->kind = kind;
        if (!o->id)
                o->id = cloud_new_id(c);
        if (!o->created_ms)
                o->created_ms = sim_now_ms(c->world);
        ARRAY_APPEND(s->items, s->n, o);
        c->counts[kind]++;
}

void cloud_object_done(struct cloud_object *o) {
        free(o->name);
        kvs_done(&o->labels);
}

static void object_free(struct cloud_object *o) {
        if (cloud_classes[o->kind]->free) {
                cloud_classes[o->kind]->free(o);
        } else {
                cloud_object_done(o);
                free(o);
        }
}

void cloud_remove(struct sim_hetzner *c, struct cloud_object *o) {
        struct cloud_store *s = &c->stores[o->kind];

        for (size_t i = 0; i < s->n; i++) {
                if (s->items[i] != o)
                        continue;
                memmove(&s->items[i], &s->items[i + 1], (s->n - i - 1) * sizeof(*s->items));
                s->n--;
                object_free(o);
                return;
        }
}

struct cloud_object *cloud_get(struct sim_hetzner *c, enum cloud_kind kind, int64_t id) {
        struct cloud_store *s = &c->stores[kind];

        if (!id)
                return NULL;
        for (size_t i = 0; i < s->n; i++)
                if (s->items[i]->id == id)
                        return s->items[i];
        return NULL;
}

struct cloud_object *cloud_by_name(struct sim_hetzner *c, enum cloud_kind kind, const char *name) {
        struct cloud_store *s = &c->stores[kind];

        for (size_t i = 0; name && i < s->n; i++)
                if (str_eq(s->items[i]->name, name))
                        return s->items[i];
        return NULL;
}

/* ---- sorting ---- */

struct order { const char *field; bool down; };
struct orders { struct order items[8]; size_t n; };

static int compare_objects(const void *pa, const void *pb, void *data) {
        const struct cloud_object *a = *(struct cloud_object *const *) pa, *b = *(struct cloud_object *const *) pb;
        const struct orders *orders = data;

        for (size_t i = 0; i < orders->n; i++) {
                int d = 0;
                if (str_eq(orders->items[i].field, "id"))
                        d = (a->id > b->id) - (a->id < b->id);
                else if (str_eq(orders->items[i].field, "name"))
                        d = strcmp(a->name ? a->name : "", b->name ? b->name : "");
                else
                        d = (a->created_ms > b->created_ms) - (a->created_ms < b->created_ms);
                if (d)
                        return orders->items[i].down ? -d : d;
        }
        return (a->id > b->id) - (a->id < b->id);
}

static int compare_actions(const void *pa, const void *pb, void *data) {
        const struct cloud_action *a = *(struct cloud_action *const *) pa, *b = *(struct cloud_action *const *) pb;
        const struct orders *orders = data;

        for (size_t i = 0; i < orders->n; i++) {
                const char *f = orders->items[i].field;
                int d = 0;
                if (str_eq(f, "id"))
                        d = (a->id > b->id) - (a->id < b->id);
                else if (str_eq(f, "command"))
                        d = strcmp(a->command, b->command);
                else if (str_eq(f, "status"))
                        d = strcmp(a->status, b->status);
                else if (str_eq(f, "started"))
                        d = (a->started_ms > b->started_ms) - (a->started_ms < b->started_ms);
                else
                        d = (a->finished_ms > b->finished_ms) - (a->finished_ms < b->finished_ms);
                if (d)
                        return orders->items[i].down ? -d : d;
        }
        return (a->id > b->id) - (a->id < b->id);
}

/* Reads sort=field[:asc|:desc]…; fields ends with NULL. */
static int read_orders(struct cloud_call *c, const char *const *fields, struct orders *ret) {
        ret->n = 0;
        const char *v;
        for (size_t i = 0; (v = call_query(c, "sort", i)); i++) {
                size_t n = strcspn(v, ":");
                const char *direction = v[n] ? v + n + 1 : "asc";
                const char *field = NULL;
                for (size_t j = 0; fields && fields[j]; j++)
                        if (strlen(fields[j]) == n && strncmp(fields[j], v, n) == 0)
                                field = fields[j];
                if (!field || (!str_eq(direction, "asc") && !str_eq(direction, "desc")))
                        return reply_invalid(c, "sort", "cannot sort by '%s'", v);
                if (ret->n < ARRAY_SIZE(ret->items))
                        ret->items[ret->n++] = (struct order) { field, str_eq(direction, "desc") };
        }
        return 0;
}

/* ---- pages ---- */

static int read_page(struct cloud_call *c, int64_t *ret_page, int64_t *ret_per_page) {
        const char *page = call_query(c, "page", 0), *per_page = call_query(c, "per_page", 0);

        *ret_page = 1;
        *ret_per_page = 25;
        if (page && !parse_int64(page, 1, INT64_MAX / 100, ret_page))
                return reply_invalid(c, "page", "page must be a number greater than 0");
        if (per_page && !parse_int64(per_page, 1, INT32_MAX, ret_per_page))
                return reply_invalid(c, "per_page", "per_page must be a number greater than 0");
        int most = strstr(c->route->pattern, "rrsets") ? 100 : 50;
        if (*ret_per_page > most)       /* clamped or refused in reality: not known (hetzner-api 1.3); refusing shows the mistake */
                return reply_invalid(c, "per_page", "per_page must not be greater than %d", most);
        return 0;
}

static void link_add(struct cloud_call *c, struct strbuf *b, int64_t page, int64_t per_page, const char *rel) {
        strbuf_addf(b, "%s<%s%s?", b->len ? ", " : "", c->request->host, c->request->path);
        for (size_t i = 0; i < c->n_query; i++) {
                if (str_eq(c->query[i].key, "page") || str_eq(c->query[i].key, "per_page"))
                        continue;
                /* The name as well: decoded, it may hold a line end, and this becomes a header. */
                _cleanup_str_ char *k = percent_encode(c->query[i].key), *v = percent_encode(c->query[i].value);
                strbuf_addf(b, "%s=%s&", k, v);
        }
        strbuf_addf(b, "page=%lld&per_page=%lld>; rel=\"%s\"", (long long) page, (long long) per_page, rel);
}

int cloud_answer_page(struct cloud_call *c, const char *key, size_t total, json_t *(*render)(struct cloud_call *c, void *item), void **items) {
        int64_t page, per_page, first;

        if (read_page(c, &page, &per_page) < 0)
                return -1;
        shift_page(c, page, &per_page, &first);
        int64_t last = MAX(((int64_t) total + per_page - 1) / per_page, (int64_t) 1);
        bool duplicate = false;
        json_t *list = json_array();
        for (int64_t i = first; i < (int64_t) total && i < first + per_page; i++) {
                json_array_append_new(list, render(c, items[i]));
                if (!duplicate && sim_fault_on(c->cloud->world, "duplicate")) {
                        json_array_append_new(list, render(c, items[i]));
                        duplicate = true;
                }
        }

        if (page == last)
                add_foreign(c, list);
        _cleanup_strbuf_ struct strbuf links = STRBUF_INIT;
        if (page > 1)
                link_add(c, &links, page - 1, per_page, "prev");
        if (page < last)
                link_add(c, &links, page + 1, per_page, "next");
        link_add(c, &links, last, per_page, "last");
        kvs_set(&c->answer->headers, "Link", strbuf_str(&links));

        json_t *o = json_object(), *p = json_object(), *meta = json_object();
        json_object_set_new(p, "page", json_integer(page));
        json_object_set_new(p, "per_page", json_integer(per_page));
        /* Past the end the live API says page - 1, too (hetzner-api 1.3). */
        json_object_set_new(p, "previous_page", page > 1 ? json_integer(page - 1) : json_null());
        json_object_set_new(p, "next_page", page < last ? json_integer(page + 1) : json_null());
        json_object_set_new(p, "last_page", json_integer(last));
        json_object_set_new(p, "total_entries", json_integer((json_int_t) total));
        json_object_set_new(meta, "pagination", p);
        json_object_set_new(o, key, list);
        json_object_set_new(o, "meta", meta);
        return reply_json(c, 200, o);
}

/* ---- the same for every kind ---- */

static json_t *render_object(struct cloud_call *c, void *item) {
        struct cloud_object *o = item;
        return cloud_classes[o->kind]->render(c->cloud, o);
}

static bool is_listed(struct cloud_call *c, const struct cloud_class *k, const struct cloud_object *o) {
        const char *name = call_query(c, "name", 0), *selector = call_query(c, "label_selector", 0);

        if (name && !(o->name && strcasecmp(o->name, name) == 0))
                return false;
        if (k->labels && !str_empty(selector) && !cloud_label_selector_matches(selector, &o->labels))
                return false;
        return !k->matches || k->matches(c, o);
}

int cloud_list(struct cloud_call *c) {
        const struct cloud_class *k = cloud_classes[c->kind];
        struct cloud_store *s = &c->cloud->stores[c->kind];
        const char *selector = call_query(c, "label_selector", 0);
        struct orders orders;

        if (k->labels && !str_empty(selector) && !cloud_label_selector_valid(selector))
                return reply_invalid(c, "label_selector", "label selector is malformed");
        if (read_orders(c, k->sort, &orders) < 0)
                return -1;
        bool answered;
        int r = answer_stale(c, &answered);
        if (answered)
                return r;
        _cleanup_free_ void **found = xcalloc(s->n + 1, sizeof(*found));
        size_t n = 0;
        for (size_t i = 0; i < s->n; i++)
                if (is_listed(c, k, s->items[i]))
                        found[n++] = s->items[i];
        if (orders.n)
                qsort_r(found, n, sizeof(*found), compare_objects, &orders);
        return cloud_answer_page(c, k->path, n, render_object, found);
}

int cloud_show(struct cloud_call *c) {
        json_t *o = json_object();

        json_object_set_new(o, cloud_classes[c->kind]->singular, render_object(c, c->object));
        return reply_json(c, 200, o);
}

int cloud_update(struct cloud_call *c) {
        const char *name = NULL;

        if (body_str(c, "name", &name) < 0)
                return -1;
        if (name && check_name(c, c->kind, name, c->object) < 0)
                return -1;
        if (body_labels(c, &c->object->labels) < 0)
                return -1;
        if (name) {
                free(c->object->name);
                c->object->name = xstrdup(name);
        }
        if (c->kind == KIND_SERVER)
                firewalls_follow_labels(c->cloud);
        return cloud_show(c);
}

static void done_nothing(struct sim_hetzner *cloud, struct cloud_action *a) {
        (void) cloud;
        (void) a;
}

int cloud_change_protection(struct cloud_call *c) {
        struct cloud_action *a;

        if (body_bool(c, "delete", &c->object->protect_delete) < 0)
                return -1;
        if (c->kind == KIND_SERVER && body_bool(c, "rebuild", &((struct cloud_server *) c->object)->protect_rebuild) < 0)
                return -1;
        a = cloud_action_start(c->cloud, "change_protection", 200, done_nothing);
        cloud_action_on(a, c->kind, c->object->id);
        return reply_action(c, a);
}

/* ---- actions as lists ---- */

static bool action_is_on(const struct cloud_action *a, enum cloud_kind kind, int64_t id) {
        for (size_t i = 0; i < a->n_resources; i++)
                if (a->resources[i].kind == kind && (!id || a->resources[i].id == id))
                        return true;
        return false;
}

static bool action_is_asked_for(struct cloud_call *c, const struct cloud_action *a) {
        bool any = false, hit = false;
        const char *v;

        for (size_t i = 0; (v = call_query(c, "status", i)); i++) {
                any = true;
                hit |= str_eq(v, a->status);
        }
        if (any && !hit)
                return false;
        any = hit = false;
        for (size_t i = 0; (v = call_query(c, "id", i)); i++) {
                any = true;
                hit |= strtoll(v, NULL, 10) == a->id;
        }
        return !any || hit;
}

static json_t *render_action(struct cloud_call *c, void *item) {
        (void) c;
        return cloud_action_render(item);
}

static int list_actions(struct cloud_call *c, int64_t id) {
        static const char *const fields[] = { "id", "command", "status", "started", "finished", NULL };
        struct sim_hetzner *cloud = c->cloud;
        struct orders orders;

        if (read_orders(c, fields, &orders) < 0)
                return -1;
        _cleanup_free_ void **found = xcalloc(cloud->n_actions + 1, sizeof(*found));
        size_t n = 0;
        for (size_t i = 0; i < cloud->n_actions; i++)
                if (action_is_on(cloud->actions[i], c->kind, id) && action_is_asked_for(c, cloud->actions[i]))
                        found[n++] = cloud->actions[i];
        if (orders.n)
                qsort_r(found, n, sizeof(*found), compare_actions, &orders);
        return cloud_answer_page(c, "actions", n, render_action, found);
}

int cloud_list_all_actions(struct cloud_call *c) {
        return list_actions(c, 0);
}

int cloud_list_own_actions(struct cloud_call *c) {
        return list_actions(c, c->object->id);
}

int cloud_show_own_action(struct cloud_call *c) {
        int64_t id = 0;
        (void) parse_int64(kvs_get(&c->path, "action_id"), 1, INT64_MAX, &id);
        struct cloud_action *a = cloud_action_get(c->cloud, id);

        if (!a || !action_is_on(a, c->kind, c->object ? c->object->id : 0))
                return reply_error(c, 404, "not_found", "action with ID '%lld' not found", (long long) id);
        json_t *o = json_object();
        json_object_set_new(o, "action", cloud_action_render(a));
        return reply_json(c, 200, o);
}

/* GET …/{id}/metrics: the shape without load. */
int cloud_metrics(struct cloud_call *c) {
        static const char *const of_servers[] = { "cpu", "disk", "network", NULL };
        static const char *const of_balancers[] = { "open_connections", "connections_per_second", "requests_per_second", "bandwidth", NULL };
        const char *const *known = c->kind == KIND_SERVER ? of_servers : of_balancers;
        const char *start = call_query(c, "start", 0), *end = call_query(c, "end", 0), *type = call_query(c, "type", 0);
        int64_t from, to;

        while (*known && !str_eq(*known, type))
                known++;
        if (!*known)
                return reply_invalid(c, "type", "unknown or missing type of metrics");
        if (!start || !time_parse_rfc3339(start, &from))
                return reply_invalid(c, "start", "must be a time of RFC 3339");
        if (!end || !time_parse_rfc3339(end, &to) || to < from)
                return reply_invalid(c, "end", "must be a time of RFC 3339 after start");
        return reply_json(c, 200, json_pack("{s:{s:o,s:o,s:f,s:{}}}", "metrics", "start", json_time(from), "end", json_time(to), "step", 60.0,
                                            "time_series"));
}
