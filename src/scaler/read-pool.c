/* Pools and settings, as in the profile but in JSON. */
#include "cluster/spec.h"
#include "kube/quantity.h"
#include "scaler/read.h"

/* A list of strings, or one string. */
static int read_words(struct snapshot *s, const json_t *o, const char *key, const char *const *standard, size_t n_standard, const char ***ret, size_t *ret_n,
                      struct error *err) {
        const json_t *v = jget(o, key);
        if (v && !json_is_array(v) && !json_is_string(v))
                return error_set(err, ERR_INVALID, "'%s' is no list of strings", key);
        size_t n = json_is_string(v) ? 1 : json_array_size(v);
        *ret = arena_alloc(&s->arena, n ? n : n_standard, sizeof(**ret));
        for (size_t i = 0; i < n; i++) {
                const json_t *one = json_is_string(v) ? v : json_array_get(v, i);
                if (!json_is_string(one))
                        return error_set(err, ERR_INVALID, "'%s' is no list of strings", key);
                (*ret)[i] = arena_text(&s->arena, json_string_value(one));
        }
        for (size_t i = 0; i < n_standard && n == 0; i++)
                (*ret)[i] = arena_text(&s->arena, standard[i]);
        *ret_n = n ? n : n_standard;
        return 0;
}

/* "key=value:Effect", "key:Effect", or Kubernetes' own object. */
static int read_pool_taint(struct snapshot *s, const json_t *o, struct taint *ret, struct error *err) {
        const char *text = json_string_value(o);
        if (!text) {
                const char *value = jget_text(o, "value");
                *ret = (struct taint) { text_at(s, o, "key"), arena_text(&s->arena, value ? value : ""), text_at(s, o, "effect") };
                return ret->key && ret->effect ? 0 : error_set(err, ERR_INVALID, "a taint is written as key=value:Effect or key:Effect");
        }
        const char *colon = strrchr(text, ':'), *equals = strchr(text, '=');
        if (!colon || colon == text)
                return error_set(err, ERR_INVALID, "the taint '%.60s' is not of the form key=value:Effect or key:Effect", text);
        if (equals > colon)
                equals = NULL;
        ret->key = arena_text_n(&s->arena, text, (size_t) ((equals ? equals : colon) - text));
        ret->value = equals ? arena_text_n(&s->arena, equals + 1, (size_t) (colon - equals - 1)) : arena_text(&s->arena, "");
        ret->effect = arena_text(&s->arena, colon + 1);
        return 0;
}

static int read_pool_taints(struct snapshot *s, const json_t *list, struct taints *ret, struct error *err) {
        ret->items = arena_alloc(&s->arena, json_array_size(list), sizeof(*ret->items));
        for (size_t i = 0; i < json_array_size(list); i++)
                if (read_pool_taint(s, json_array_get(list, i), &ret->items[ret->n++], err) < 0)
                        return -1;
        return 0;
}

static int read_bounds(const json_t *autoscale, struct pool *p, struct error *err) {
        p->autoscale = true;
        p->min = p->max = -1;
        if (!json_is_object(autoscale))
                return error_set(err, ERR_INVALID, "'autoscale' is no map of 'min' and 'max'");
        if (!jget_int(autoscale, "min", &p->min, err) || !jget_int(autoscale, "max", &p->max, err))
                return -1;
        if (p->min < 0 || p->max < 0)
                return error_set(err, ERR_INVALID, "'autoscale' wants 'min' and 'max', both not negative");
        if (p->min > p->max)
                return error_set(err, ERR_INVALID, "'autoscale.min' (%lld) is larger than 'autoscale.max' (%lld)", (long long) p->min, (long long) p->max);
        if (p->max > SPEC_NODES_MAX)
                return error_set(err, ERR_INVALID, "'autoscale.max' is %lld; at most %d", (long long) p->max, SPEC_NODES_MAX);
        return 0;
}

static int read_pool_body(struct snapshot *s, const json_t *o, struct pool *p, struct error *err) {
        static const char *const types[] = { "cax11", "cx23", "cpx22" }, *const locations[] = { "hel1", "nbg1", "fsn1" };
        const json_t *autoscale = jget(o, "autoscale");
        if (read_words(s, o, "types", types, ARRAY_SIZE(types), &p->types, &p->n_types, err) < 0 ||
            read_words(s, o, "locations", locations, ARRAY_SIZE(locations), &p->locations, &p->n_locations, err) < 0 ||
            read_pairs(s, o, "labels", &p->labels, err) < 0 || read_pool_taints(s, jget(o, "taints"), &p->taints, err) < 0 ||
            !jget_int(o, "count", &p->count, err))
                return -1;
        return autoscale ? read_bounds(autoscale, p, err) : 0;
}

int read_pool(struct snapshot *s, const json_t *o, struct error *err) {
        struct pool p = { .name = text_at(s, o, "name") };
        if (str_empty(p.name))
                return error_set(err, ERR_INVALID, "a pool has no name");
        if (read_pool_body(s, o, &p, err) < 0)
                return error_wrap(err, "pool '%s'", p.name);
        ARRAY_APPEND(s->pools, s->n_pools, p);
        return 0;
}

/* ---- settings ---- */

struct settings settings_default(void) {
        struct spec_scaler d;
        spec_scaler_defaults(&d);
        struct settings s = { .threshold = d.threshold, .unneeded_ms = d.unneeded_ms, .tick_gap_ms = d.tick_gap_ms, .pending_ms = d.pending_ms,
                              .boot_ms = d.boot_ms, .max_nodes = d.max_nodes, .max_empty = d.empty_at_once,
                              .evict_local_storage = d.evict_local_storage };
        struct quantity q = { 0 };
        if (quantity_parse(d.reserved_cpu, &q))
                s.reserved_cpu = quantity_milli(q);
        if (quantity_parse(d.reserved_memory, &q))
                s.reserved_memory = quantity_units(q);
        spec_scaler_done(&d);
        return s;
}

static int read_span(const json_t *o, const char *key, int64_t *ret_ms, struct error *err) {
        const json_t *v = jget(o, key);
        if (!v)
                return 0;
        _cleanup_str_ char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : json_is_integer(v) ? json_write(v) : NULL;
        if (!text || !spec_span_parse(text, ret_ms))
                return error_set(err, ERR_INVALID, "scaler: '%s' is no time span (\"90s\", \"10m\", \"1h\", or seconds)", key);
        return 0;
}

static int read_whole(const json_t *o, const char *key, int64_t *ret, struct error *err) {
        int64_t v = *ret;
        if (!jget_int(o, key, &v, err) || v < 0)
                return error_set(err, ERR_INVALID, "scaler: '%s' is no whole number from 0 on", key);
        *ret = v;
        return 0;
}

static int read_reserved(const json_t *o, const char *key, bool cpu, int64_t *ret, struct error *err) {
        const json_t *v = jget(o, key);
        if (!v)
                return 0;
        _cleanup_str_ char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : json_write(v);
        struct quantity q;
        if (!quantity_parse(text, &q) || q.nano < 0)
                return error_set(err, ERR_INVALID, "scaler: '%s' is no quantity", key);
        *ret = cpu ? quantity_milli(q) : quantity_units(q);
        return 0;
}

static int read_cap(const json_t *o, int64_t *ret, struct error *err) {
        const json_t *v = jget(o, "maxCostPerMonth");
        if (!v)
                return 0;
        _cleanup_str_ char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : NULL;
        if (json_is_number(v))
                text = xasprintf("%.10f", json_number_value(v));
        if (!text || !money_parse(text, ret))
                return error_set(err, ERR_INVALID, "scaler: 'maxCostPerMonth' is no amount of money");
        return 0;
}

int read_settings(struct snapshot *s, const json_t *o, struct error *err) {
        struct settings v = settings_default();
        if (!jget_real(o, "threshold", &v.threshold, err) || v.threshold < 0 || v.threshold > 1)
                return error_set(err, ERR_INVALID, "scaler: 'threshold' is no number from 0 to 1");
        if (read_span(o, "unneededTime", &v.unneeded_ms, err) < 0 || read_span(o, "tickGap", &v.tick_gap_ms, err) < 0 ||
            read_span(o, "pendingAge", &v.pending_ms, err) < 0 || read_span(o, "bootTime", &v.boot_ms, err) < 0 ||
            read_whole(o, "maxNodes", &v.max_nodes, err) < 0 || read_whole(o, "emptyAtOnce", &v.max_empty, err) < 0 ||
            read_cap(o, &v.max_month, err) < 0 || read_reserved(o, "reservedCpu", true, &v.reserved_cpu, err) < 0 ||
            read_reserved(o, "reservedMemory", false, &v.reserved_memory, err) < 0 || !jget_bool(o, "evictLocalStorage", &v.evict_local_storage, err))
                return -1;
        s->settings = v;
        return 0;
}

/* ---- from a profile ---- */

static json_t *words_json(const struct strv *v) {
        json_t *a = json_array();
        for (size_t i = 0; i < v->n; i++)
                json_array_append_new(a, json_string(v->items[i]));
        return a;
}

static json_t *pool_json(const struct spec_pool *p) {
        json_t *o = json_pack("{s:s, s:o, s:o}", "name", p->name, "types", words_json(&p->types), "locations", words_json(&p->locations)), *taints = json_array();
        jset(o, "count", json_integer(p->count));
        jset(o, "labels", json_from_kvs(&p->labels));
        for (size_t i = 0; i < p->n_taints; i++)
                json_array_append_new(taints, json_strf("%s=%s:%s", p->taints[i].key, p->taints[i].value, p->taints[i].effect));
        jset(o, "taints", taints);
        if (p->autoscale)
                jset(o, "autoscale", json_pack("{s:I, s:I}", "min", (json_int_t) p->min, "max", (json_int_t) p->max));
        return o;
}

static json_t *scaler_json(const struct spec_scaler *v) {
        json_t *o = json_pack("{s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "threshold", v->threshold, "unneededTime", (json_int_t) (v->unneeded_ms / 1000),
                              "tickGap", (json_int_t) (v->tick_gap_ms / 1000), "pendingAge", (json_int_t) (v->pending_ms / 1000), "bootTime",
                              (json_int_t) (v->boot_ms / 1000), "maxNodes", (json_int_t) v->max_nodes, "emptyAtOnce", (json_int_t) v->empty_at_once,
                              "evictLocalStorage", v->evict_local_storage);
        jset_str(o, "maxCostPerMonth", v->max_cost);
        jset_str(o, "reservedCpu", v->reserved_cpu);
        jset_str(o, "reservedMemory", v->reserved_memory);
        return o;
}

int snapshot_add_spec(struct snapshot *s, const struct cluster_spec *spec, struct error *err) {
        _cleanup_json_ json_t *pools = json_array(), *scaler = scaler_json(&spec->scaler);
        for (size_t i = 0; i < spec->n_pools; i++)
                json_array_append_new(pools, pool_json(&spec->pools[i]));
        _cleanup_str_ char *pools_text = json_write(pools), *scaler_text = json_write(scaler);
        snapshot_set_cluster(s, spec->name);
        if (snapshot_add(s, SNAPSHOT_POOLS, "profile", pools_text, strlen(pools_text), NULL, err) < 0)
                return -1;
        return snapshot_add(s, SNAPSHOT_SCALER, "profile", scaler_text, strlen(scaler_text), NULL, err);
}
