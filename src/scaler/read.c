#include "scaler/read.h"

#include "base/clock.h"

/* Name and namespace of a Kubernetes object. */
static int read_names(struct snapshot *s, const json_t *o, const char *what, const char **ret_ns, const char **ret_name, struct error *err) {
        const char *ns = jget_text(o, "metadata.namespace"), *name = jget_text(o, "metadata.name");
        if (str_empty(name))
                return error_set(err, ERR_PROTOCOL, "a %s has no name", what);
        if (ret_ns)
                *ret_ns = arena_text(&s->arena, str_empty(ns) ? "default" : ns);
        *ret_name = arena_text(&s->arena, name);
        return 0;
}

/* ---- nodes ---- */

/* 0 when the annotation is absent or no time: what somebody scribbled there counts as nothing. */
static int64_t annotation_time(const json_t *annotations, const char *key, bool *ret_present) {
        const json_t *v = json_object_get(annotations, key);
        int64_t at = 0;
        *ret_present = *ret_present || v;
        return time_parse_rfc3339(json_string_value(v) ? json_string_value(v) : "", &at) ? at : 0;
}

static void read_marks(struct snapshot *s, const json_t *annotations, struct node *n) {
        bool ignored = false;
        n->unneeded_since_ms = annotation_time(annotations, ANNOTATION_UNNEEDED_SINCE, &n->has_marks);
        n->unneeded_seen_ms = annotation_time(annotations, ANNOTATION_UNNEEDED_SEEN, &n->has_marks);
        n->phase_since_ms = annotation_time(annotations, ANNOTATION_PHASE_SINCE, &ignored);
        n->gone_since_ms = annotation_time(annotations, ANNOTATION_GONE_SINCE, &n->has_gone_mark);
        const char *phase = json_string_value(json_object_get(annotations, ANNOTATION_PHASE));
        n->phase = str_empty(phase) ? NULL : arena_text(&s->arena, phase);
        static const char *const keep[] = { ANNOTATION_SCALE_DOWN, "cluster-autoscaler.kubernetes.io/scale-down-disabled" };
        for (size_t i = 0; i < ARRAY_SIZE(keep); i++)
                n->keep = n->keep || str_eq(json_string_value(json_object_get(annotations, keep[i])), "true");
}

static void read_taints(struct snapshot *s, const json_t *list, struct taints *ret) {
        ret->items = arena_alloc(&s->arena, json_array_size(list), sizeof(*ret->items));
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *o = json_array_get(list, i);
                const char *value = jget_text(o, "value");
                ret->items[ret->n++] = (struct taint) { text_at(s, o, "key"), arena_text(&s->arena, value ? value : ""), text_at(s, o, "effect") };
        }
}

/* A node that was Ready once changed its condition after it registered; one that never was has the condition it registered with. */
#define REGISTERING_MS 120000

static void read_ready(const json_t *conditions, struct node *n) {
        bool seen = false;
        for (size_t i = 0; i < json_array_size(conditions); i++) {
                const json_t *c = json_array_get(conditions, i);
                if (!str_eq(jget_text(c, "type"), "Ready"))
                        continue;
                const char *at = jget_text(c, "lastTransitionTime");
                seen = at && time_parse_rfc3339(at, &n->ready_change_ms);
                n->ready = str_eq(jget_text(c, "status"), "True");
        }
        n->never_ready = !n->ready && (!seen || n->ready_change_ms - n->created_ms < REGISTERING_MS);
}

static void read_provider(const json_t *spec, struct node *n) {
        const char *id = jget_text(spec, "providerID");
        if (str_empty(id))
                return;
        n->foreign = !str_starts(id, "hcloud://") || !parse_int64(id + strlen("hcloud://"), 1, INT64_MAX, &n->server_id);
}

int read_node(struct snapshot *s, const json_t *o, struct error *err) {
        struct node n = { .server = NONE, .pool = NONE };
        if (read_names(s, o, "node", NULL, &n.name, err) < 0)
                return -1;
        const json_t *metadata = jget(o, "metadata"), *spec = jget(o, "spec"), *allocatable = jget(o, "status.allocatable");
        if (read_pairs(s, metadata, "labels", &n.labels, err) < 0)
                return error_wrap(err, "node %s", n.name);
        const char *created = jget_text(metadata, "creationTimestamp");
        if (created && !time_parse_rfc3339(created, &n.created_ms))
                return error_set(err, ERR_PROTOCOL, "node %s: its creationTimestamp '%.40s' is no time", n.name, created);
        read_marks(s, jget(metadata, "annotations"), &n);
        read_taints(s, jget(spec, "taints"), &n.taints);
        read_amounts(s, allocatable ? allocatable : jget(o, "status.capacity"), &n.allocatable, &n.broken);
        read_ready(jget(o, "status.conditions"), &n);
        read_provider(spec, &n);
        n.unschedulable = json_is_true(jget(spec, "unschedulable"));
        n.has_pod_cidr = jget_text(spec, "podCIDR") || json_array_size(jget(spec, "podCIDRs"));
        n.deleting = jget(metadata, "deletionTimestamp") != NULL;
        static const char *const roles[] = { "node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master" };
        for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
                n.control_plane = n.control_plane || pairs_get(&n.labels, arena_text(&s->arena, roles[i]));
        ARRAY_APPEND(s->nodes, s->n_nodes, n);
        return 0;
}

/* ---- what else Kubernetes has ---- */

int read_budget(struct snapshot *s, const json_t *o, struct error *err) {
        struct budget b = { .fresh = true };
        int64_t generation = 0, observed = 0;
        if (read_names(s, o, "PodDisruptionBudget", &b.ns, &b.name, err) < 0)
                return -1;
        if (read_selector(s, jget(o, "spec.selector"), &b.selector, err) < 0 || !jget_int(jget(o, "status"), "disruptionsAllowed", &b.allowed, err) ||
            !jget_int(jget(o, "metadata"), "generation", &generation, err) || !jget_int(jget(o, "status"), "observedGeneration", &observed, err))
                return error_wrap(err, "PodDisruptionBudget %s/%s", b.ns, b.name);
        b.fresh = observed >= generation;
        ARRAY_APPEND(s->budgets, s->n_budgets, b);
        return 0;
}

/* The DaemonSet controller adds these to its pods (kubernetes: pkg/controller/daemon/util AddOrUpdateDaemonPodTolerations). */
static void add_daemon_tolerations(struct snapshot *s, struct pod_class *c) {
        static const char *const keys[] = { "not-ready", "unreachable", "disk-pressure", "memory-pressure", "pid-pressure", "unschedulable",
                                            "network-unavailable" };
        struct toleration *all = arena_alloc(&s->arena, c->n_tolerations + ARRAY_SIZE(keys), sizeof(*all));
        if (c->n_tolerations)
                memcpy(all, c->tolerations, c->n_tolerations * sizeof(*all));
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
                _cleanup_str_ char *key = xasprintf("node.kubernetes.io/%s", keys[i]);
                all[c->n_tolerations++] = (struct toleration) { .key = arena_text(&s->arena, key), .value = arena_text(&s->arena, ""), .exists = true };
        }
        c->tolerations = all;
}

int read_daemon_set(struct snapshot *s, const json_t *o, struct error *err) {
        struct daemon d = { 0 };
        if (read_names(s, o, "DaemonSet", &d.ns, &d.name, err) < 0)
                return -1;
        if (request_read(s, jget(o, "spec.template"), d.ns, NULL, &d.class, err) < 0)
                return error_wrap(err, "DaemonSet %s/%s", d.ns, d.name);
        d.class->daemon = true;
        add_daemon_tolerations(s, d.class);
        d.class->number = (uint32_t) s->n_classes;
        ARRAY_APPEND(s->classes, s->n_classes, d.class);
        ARRAY_APPEND(s->daemons, s->n_daemons, d);
        return 0;
}

int read_replica_set(struct snapshot *s, const json_t *o, struct error *err) {
        struct replica_set r = { .replicas = 1 };
        if (read_names(s, o, "ReplicaSet", &r.ns, &r.name, err) < 0)
                return -1;
        if (!jget_int(jget(o, "spec"), "replicas", &r.replicas, err))
                return error_wrap(err, "ReplicaSet %s/%s", r.ns, r.name);
        ARRAY_APPEND(s->replica_sets, s->n_replica_sets, r);
        return 0;
}

int read_volume(struct snapshot *s, const json_t *o, struct error *err) {
        struct volume v = { 0 };
        if (read_names(s, o, "PersistentVolume", NULL, &v.name, err) < 0)
                return -1;
        v.ns = text_at(s, o, "spec.claimRef.namespace");
        v.claim = text_at(s, o, "spec.claimRef.name");
        if (read_node_terms(s, jget(o, "spec.nodeAffinity.required"), &v.terms, err) < 0)
                return error_wrap(err, "PersistentVolume %s", v.name);
        if (v.ns && v.claim)
                ARRAY_APPEND(s->volumes, s->n_volumes, v);
        return 0;
}

/* ---- the cloud ---- */

int read_server(struct snapshot *s, const json_t *o, struct error *err) {
        struct server v = { .node = NONE, .pool = NONE };
        if (!jget_int(o, "id", &v.id, err))
                return -1;
        v.name = text_at(s, o, "name");
        if (v.id <= 0 || str_empty(v.name))
                return error_set(err, ERR_PROTOCOL, "a server has no id or no name");
        const json_t *labels = jget(o, "labels");
        const char *created = jget_text(o, "created");
        if (created && !time_parse_rfc3339(created, &v.created_ms))
                return error_set(err, ERR_PROTOCOL, "server %s: 'created' is '%.40s', which is no time", v.name, created);
        v.status = text_at(s, o, "status");
        v.type = text_at(s, o, "server_type.name");
        v.location = text_at(s, o, "location.name");
        if (!v.location)
                v.location = text_at(s, o, "datacenter.location.name");
        v.cluster = arena_text(&s->arena, json_string_value(json_object_get(labels, "hcloud-v6/cluster")));
        v.role = arena_text(&s->arena, json_string_value(json_object_get(labels, "hcloud-v6/role")));
        v.pool_name = arena_text(&s->arena, json_string_value(json_object_get(labels, "hcloud-v6/pool")));
        v.control_plane = str_eq(v.role, "control-plane");
        v.ipv4 = jget(o, "public_net.ipv4") != NULL;
        ARRAY_APPEND(s->servers, s->n_servers, v);
        return 0;
}

#define OFFERS_MAX 1000                    /* locations: Hetzner has six, and each is looked up among the others */

static struct offer *offer_at(struct offer **list, size_t *n, const char *location) {
        for (size_t i = 0; i < *n; i++)
                if ((*list)[i].location == location)
                        return &(*list)[i];
        ARRAY_APPEND(*list, *n, ((struct offer) { .location = location }));
        return &(*list)[*n - 1];
}

#define HOURS_A_MONTH 730

/* Prices are decimal strings; a type without one in a location is not bought there. */
static void read_prices(struct snapshot *s, const json_t *prices, struct offer **offers, size_t *n) {
        for (size_t i = 0; i < json_array_size(prices); i++) {
                const json_t *p = json_array_get(prices, i);
                const char *location = text_at(s, p, "location"), *hour = jget_text(p, "price_hourly.net"), *month = jget_text(p, "price_monthly.net");
                struct money m = { 0 };
                bool by_hour = hour && money_parse(hour, &m.hour), by_month = month && money_parse(month, &m.month);
                if (!location || (!by_hour && !by_month) || *n == OFFERS_MAX)
                        continue;
                if (!by_month)
                        m.month = m.hour * HOURS_A_MONTH;
                if (!by_hour)
                        m.hour = m.month / HOURS_A_MONTH;
                struct offer *o = offer_at(offers, n, location);
                o->price = m;
                o->priced = true;
        }
}

static int read_type_locations(struct snapshot *s, const json_t *list, struct offer **offers, size_t *n, struct error *err) {
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *l = json_array_get(list, i);
                const char *name = text_at(s, l, "name"), *until = jget_text(l, "deprecation.unavailable_after");
                if (!name)
                        return error_set(err, ERR_PROTOCOL, "a location has no name");
                if (*n == OFFERS_MAX)
                        return error_set(err, ERR_PROTOCOL, "more than %d locations", OFFERS_MAX);
                struct offer *o = offer_at(offers, n, name);
                o->listed = true;
                o->available = !json_is_false(jget(l, "available"));
                if (until && !time_parse_rfc3339(until, &o->unavailable_after_ms))
                        return error_set(err, ERR_PROTOCOL, "'unavailable_after' is '%.40s', which is no time", until);
        }
        return 0;
}

int read_server_type(struct snapshot *s, const json_t *o, struct error *err) {
        struct server_type t = { 0 };
        t.name = text_at(s, o, "name");
        t.architecture = text_at(s, o, "architecture");
        if (str_empty(t.name))
                return error_set(err, ERR_PROTOCOL, "a server type has no name");
        struct offer *offers = NULL;
        size_t n = 0;
        const json_t *locations = jget(o, "locations");
        t.has_locations = json_array_size(locations) > 0;
        int rc = 0;
        if (!jget_real(o, "cores", &t.cores, err) || !jget_real(o, "memory", &t.memory_gb, err) || !jget_real(o, "disk", &t.disk_gb, err) ||
            !jget_bool(o, "deprecated", &t.deprecated, err) || read_type_locations(s, locations, &offers, &n, err) < 0)
                rc = error_wrap(err, "server type %s", t.name);
        read_prices(s, jget(o, "prices"), &offers, &n);
        t.offers = arena_copy(&s->arena, offers, n, sizeof(*offers));
        t.n_offers = n;
        free(offers);
        if (rc == 0)
                ARRAY_APPEND(s->types, s->n_types, t);
        return rc;
}

int read_pricing(struct snapshot *s, const json_t *o, struct error *err) {
        const json_t *p = jget(o, "pricing") ? jget(o, "pricing") : o, *ips = jget(p, "primary_ips"), *types = jget(p, "server_types");
        s->currency = text_at(s, p, "currency");
        for (size_t i = 0; i < json_array_size(ips); i++) {
                const json_t *ip = json_array_get(ips, i);
                struct offer *offers = NULL;
                size_t n = 0;
                if (str_eq(jget_text(ip, "type"), "ipv4"))
                        read_prices(s, jget(ip, "prices"), &offers, &n);
                if (n) {
                        s->ipv4_price = offers[0].price;       /* the same everywhere, so far */
                        s->has_ipv4_price = true;
                }
                free(offers);
        }
        for (size_t i = 0; i < json_array_size(types); i++) {
                const json_t *t = json_array_get(types, i);
                struct server_type priced = { .name = text_at(s, t, "name") };
                struct offer *offers = NULL;
                read_prices(s, jget(t, "prices"), &offers, &priced.n_offers);
                priced.offers = arena_copy(&s->arena, offers, priced.n_offers, sizeof(*offers));
                free(offers);
                if (priced.name)
                        ARRAY_APPEND(s->price_lists, s->n_price_lists, priced);
        }
        return 0;
}
