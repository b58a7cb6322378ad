#include "scaler/observe.h"

#include "kube/client.h"
#include "kube/node.h"
#include "scaler/feed.h"
#include "scaler/scan.h"

#define TRIES 3

/* Bytes, not objects, are what a page costs: a Node with its images is ten kilobytes and more, a Pod about five. */
static const struct feed_list lists[] = {
        { SNAPSHOT_PODS, "/api/v1/pods", 500 },
        { SNAPSHOT_NODES, "/api/v1/nodes", 250 },
        { SNAPSHOT_REPLICA_SETS, "/apis/apps/v1/replicasets", 500 },
        { SNAPSHOT_BUDGETS, "/apis/policy/v1/poddisruptionbudgets", 500 },
        { SNAPSHOT_DAEMON_SETS, "/apis/apps/v1/daemonsets", 500 },
        { SNAPSHOT_VOLUMES, "/api/v1/persistentvolumes", 500 },
};

void observation_done(struct observation *o) {
        snapshot_free(o->snapshot);
        free(o->view.uid);
        *o = (struct observation) { 0 };
}

/* ---- Kubernetes ---- */

/* What the cluster wants to know of its Nodes; all else (images, conditions, managed fields) would be most of the work. */
static const struct scan_field node_metadata[] = { { "name", NULL }, { "labels", NULL }, { NULL, NULL } };
static const struct scan_field node_spec[] = { { "providerID", NULL }, { "podCIDRs", NULL }, { "taints", NULL }, { NULL, NULL } };
static const struct scan_field node_fields[] = { { "metadata", node_metadata }, { "spec", node_spec }, { NULL, NULL } };
static const struct scan_field nodes_page[] = { { "items", node_fields }, { NULL, NULL } };

static int show_nodes(struct cluster *c, const struct feed_page *p, struct error *err) {
        _cleanup_(scan_done) struct scan scan;
        _cleanup_strbuf_ struct strbuf cut = STRBUF_INIT;
        _cleanup_json_ json_t *page = NULL;
        json_t *item;
        size_t i;
        scan_init_text(&scan, p->list->path, strbuf_str(&p->body), p->body.len);
        if (scan_value(&scan, nodes_page, &cut, err) < 0 || json_parse(p->list->path, strbuf_str(&cut), cut.len, &page, err) < 0)
                return -1;
        json_array_foreach(jget(page, "items"), i, item) {
                struct kube_node k = { 0 };
                if (kube_node_parse(item, &k, err) < 0)
                        return -1;
                cluster_saw_node(c, &k);
                kube_node_done(&k);
        }
        return 0;
}

static int take_page(struct cluster *c, struct observation *o, const struct feed_page *p, struct error *err) {
        _cleanup_str_ char *next = NULL;
        if (p->list->part == SNAPSHOT_NODES && show_nodes(c, p, err) < 0)
                return -1;
        if (snapshot_add(o->snapshot, p->list->part, p->list->path, strbuf_str(&p->body), p->body.len, &next, err) < 0)
                return -1;
        if (!str_eq(next ? next : "", p->next ? p->next : ""))         /* "metadata" stands there twice */
                return error_set(err, ERR_PROTOCOL, "GET %s: the page has two continue tokens", p->list->path);
        return 0;
}

static int read_lists(struct cluster *c, struct observation *o, struct feeds *feeds, struct error *err) {
        for (;;) {
                _cleanup_(feed_page_freep) struct feed_page *p = NULL;
                if (feeds_next(feeds, &p, err) < 0)
                        return -1;
                if (!p)
                        return 0;
                if (take_page(c, o, p, err) < 0)
                        return -1;
        }
}

/* ---- the cloud: its own objects, as far as a decision looks at them ---- */

static json_t *price_json(const struct hcloud_price *p) {
        json_t *o = json_object();
        jset_str(o, "net", p->net);
        jset_str(o, "gross", p->gross);
        return o;
}

static json_t *prices_json(const struct hcloud_location_prices *prices) {
        json_t *all = json_array();
        for (size_t i = 0; i < prices->n; i++) {
                const struct hcloud_location_price *p = &prices->items[i];
                json_t *o = json_object();
                jset_str(o, "location", p->location);
                jset(o, "price_hourly", price_json(&p->hourly));
                jset(o, "price_monthly", price_json(&p->monthly));
                json_array_append_new(all, o);
        }
        return all;
}

static void set_time(json_t *o, const char *key, int64_t ms) {
        _cleanup_str_ char *text = ms ? time_format_rfc3339(ms) : NULL;
        jset(o, key, text ? json_string(text) : json_null());
}

static json_t *server_json(const struct hcloud_server *s) {
        json_t *o = json_object(), *labels = json_object(), *type = json_object(), *location = json_object(), *net = json_object();
        jset(o, "id", json_integer(s->id));
        jset_str(o, "name", s->name);
        jset_str(o, "status", s->status);
        set_time(o, "created", s->created);
        for (size_t i = 0; i < s->labels.n; i++)
                jset_str(labels, s->labels.items[i].key, s->labels.items[i].value);
        jset(o, "labels", labels);
        jset_str(type, "name", s->server_type);
        jset_str(type, "architecture", s->architecture);
        jset(type, "cores", json_real(s->cores));
        jset(type, "memory", json_real(s->memory));
        jset(type, "disk", json_real(s->disk));
        jset(o, "server_type", type);
        jset_str(location, "name", s->location);
        jset_str(location, "network_zone", s->network_zone);
        jset(o, "location", location);
        jset(net, "ipv4", s->ipv4 ? json_pack("{s:I}", "id", (json_int_t) s->ipv4->id) : json_null());
        jset(net, "ipv6", s->ipv6 ? json_pack("{s:I, s:s}", "id", (json_int_t) s->ipv6->id, "ip", s->ipv6->ip ? s->ipv6->ip : "") : json_null());
        jset(o, "public_net", net);
        return o;
}

static json_t *type_json(const struct hcloud_server_type *t) {
        json_t *o = json_object(), *locations = json_array();
        jset(o, "id", json_integer(t->id));
        jset_str(o, "name", t->name);
        jset_str(o, "architecture", t->architecture);
        jset_str(o, "cpu_type", t->cpu_type);
        jset(o, "cores", json_real(t->cores));
        jset(o, "memory", json_real(t->memory));
        jset(o, "disk", json_real(t->disk));
        jset(o, "deprecated", json_boolean(t->deprecated));
        for (size_t i = 0; i < t->locations.n; i++) {
                const struct hcloud_server_type_location *l = &t->locations.items[i];
                json_t *at = json_object(), *deprecation = NULL;
                jset_str(at, "name", l->name);
                jset(at, "available", json_boolean(l->available));
                jset(at, "recommended", json_boolean(l->recommended));
                if (l->deprecated_announced || l->unavailable_after) {
                        deprecation = json_object();
                        set_time(deprecation, "announced", l->deprecated_announced);
                        set_time(deprecation, "unavailable_after", l->unavailable_after);
                }
                jset(at, "deprecation", deprecation ? deprecation : json_null());
                json_array_append_new(locations, at);
        }
        jset(o, "locations", locations);
        jset(o, "prices", prices_json(&t->prices));
        return o;
}

static json_t *pricing_json(const struct hcloud_pricing *p) {
        json_t *o = json_object(), *ips = json_array();
        jset_str(o, "currency", p->currency);
        jset_str(o, "vat_rate", p->vat_rate);
        for (size_t i = 0; i < p->primary_ips.n; i++) {
                json_t *ip = json_object();
                jset_str(ip, "type", p->primary_ips.items[i].type);
                jset(ip, "prices", prices_json(&p->primary_ips.items[i].prices));
                json_array_append_new(ips, ip);
        }
        jset(o, "primary_ips", ips);
        return o;
}

static int add_json(struct snapshot *s, enum snapshot_part part, const char *what, json_t *value, struct error *err) {
        _cleanup_json_ json_t *owned = value;
        _cleanup_str_ char *text = json_write(owned);
        return snapshot_add(s, part, what, text, strlen(text), NULL, err);
}

static int add_cloud(const struct scale_view *v, struct snapshot *s, struct error *err) {
        json_t *types = json_array(), *servers = json_array();
        for (size_t i = 0; i < v->types->n; i++)
                json_array_append_new(types, type_json(&v->types->items[i]));
        for (size_t i = 0; i < v->servers->n; i++)
                json_array_append_new(servers, server_json(&v->servers->items[i]));
        int rc = add_json(s, SNAPSHOT_SERVERS, "GET /servers", servers, err);
        if (rc < 0) {
                json_decref(types);
                return -1;
        }
        if (add_json(s, SNAPSHOT_SERVER_TYPES, "GET /server_types", types, err) < 0)
                return -1;
        return v->pricing ? add_json(s, SNAPSHOT_PRICING, "GET /pricing", pricing_json(v->pricing), err) : 0;
}

/* ---- the whole ---- */

static int observe_once(struct cluster *c, struct observation *o, bool recording, struct error *err) {
        snapshot_free(o->snapshot);
        o->snapshot = snapshot_new(recording);
        cluster_saw_no_nodes(c);
        _cleanup_(feeds_freep) struct feeds *feeds = NULL;
        if (feeds_start(o->view.kube, lists, ARRAY_SIZE(lists), &feeds, err) < 0)
                return -1;
        int rc = read_lists(c, o, feeds, err);
        o->calls += feeds_calls(feeds);
        o->time_ms = feeds_time_ms(feeds);
        if (rc < 0)
                return -1;
        if (add_cloud(&o->view, o->snapshot, err) < 0 || snapshot_add_spec(o->snapshot, o->view.spec, err) < 0)
                return -1;
        snapshot_set_time(o->snapshot, o->time_ms);
        snapshot_set_cluster(o->snapshot, cluster_name(c));
        return snapshot_finish(o->snapshot, err);
}

/* Whatever Kubernetes refused, the outcome is one: no decision. */
static int no_decision(struct error *why, struct error *err) {
        if (why->kind == ERR_AUTH || why->kind == ERR_TIMEOUT || why->kind == ERR_RATE_LIMITED || why->kind == ERR_NOT_FOUND)
                why->kind = ERR_UNAVAILABLE;
        error_move(err, why);
        return err && err->kind == ERR_CANCELLED ? -1 : error_wrap(err, "no decision");
}

int observe(struct cluster *c, const struct scale_view *view, bool recording, struct observation *ret, struct error *err) {
        struct observation o = { .view = *view };
        o.view.uid = xstrdup(view->uid);
        for (int tries = 1;; tries++) {
                _cleanup_error_ struct error e = ERROR_INIT;
                if (observe_once(c, &o, recording, &e) >= 0)
                        break;
                /* A continue token lives some five minutes; what was read so far may be as old: all of it again. */
                if (e.http_status == 410 && tries < TRIES)
                        continue;
                observation_done(&o);
                return no_decision(&e, err);
        }
        *ret = o;
        return 0;
}
