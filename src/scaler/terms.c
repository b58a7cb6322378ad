/* Reading selectors, node terms, affinity and spread constraints. */
#include "scaler/request.h"

static int compare_pairs(const void *a, const void *b) {
        const struct pair *x = a, *y = b;
        return strcmp(x->key, y->key);
}

int read_pairs(struct snapshot *s, const json_t *o, const char *key, struct pairs *ret, struct error *err) {
        _cleanup_kvs_ struct kvs m = { 0 };
        if (!jget_kvs(o, key, &m, err))
                return -1;
        ret->items = arena_alloc(&s->arena, m.n, sizeof(*ret->items));
        ret->n = m.n;
        for (size_t i = 0; i < m.n; i++)
                ret->items[i] = (struct pair) { arena_text(&s->arena, m.items[i].key), arena_text(&s->arena, m.items[i].value ? m.items[i].value : "") };
        if (ret->n)
                qsort(ret->items, ret->n, sizeof(*ret->items), compare_pairs);
        return 0;
}

const char *text_at(struct snapshot *s, const json_t *o, const char *dotted) {
        return arena_text(&s->arena, jget_text(o, dotted));
}

static int read_operator(const json_t *o, enum operator *ret, struct error *err) {
        static const char *const names[] = { "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt" };
        const char *name = jget_text(o, "operator");
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (str_eq(name, names[i])) {
                        *ret = (enum operator) i;
                        return 0;
                }
        return error_set(err, ERR_PROTOCOL, "'%s' is no operator of a selector", name ? name : "");
}

static int read_requirement(struct snapshot *s, const json_t *o, bool field, struct requirement *ret, struct error *err) {
        const json_t *values = jget(o, "values");
        *ret = (struct requirement) { .field = field, .key = text_at(s, o, "key"), .n = json_array_size(values) };
        if (!ret->key)
                return error_set(err, ERR_PROTOCOL, "a selector's requirement has no key");
        if (read_operator(o, &ret->op, err) < 0)
                return -1;
        ret->values = arena_alloc(&s->arena, ret->n, sizeof(*ret->values));
        for (size_t i = 0; i < ret->n; i++)
                ret->values[i] = arena_text(&s->arena, json_string_value(json_array_get(values, i)));
        bool compares = ret->op == OP_GT || ret->op == OP_LT;
        if (compares && (ret->n != 1 || !ret->values[0] || !parse_int64(ret->values[0], INT64_MIN, INT64_MAX, &ret->number)))
                return error_set(err, ERR_PROTOCOL, "Gt and Lt want one integer");
        return 0;
}

static int read_expressions(struct snapshot *s, const json_t *list, bool field, struct requirements *r, struct error *err) {
        for (size_t i = 0; i < json_array_size(list); i++)
                if (read_requirement(s, json_array_get(list, i), field, &r->items[r->n++], err) < 0)
                        return -1;
        return 0;
}

static void add_equals(struct snapshot *s, struct requirements *r, enum operator op, const char *key, const char *value) {
        struct requirement *q = &r->items[r->n++];
        *q = (struct requirement) { .op = op, .key = key, .n = 1, .values = arena_alloc(&s->arena, 1, sizeof(*q->values)) };
        q->values[0] = value;
}

/* A label selector with room for extra requirements. null matches nothing, {} everything. */
static int read_selector_more(struct snapshot *s, const json_t *o, size_t extra, struct requirements *ret, struct error *err) {
        const json_t *labels = jget(o, "matchLabels"), *expressions = jget(o, "matchExpressions");
        *ret = (struct requirements) { .null = o == NULL };
        ret->items = arena_alloc(&s->arena, json_object_size(labels) + json_array_size(expressions) + extra, sizeof(*ret->items));
        const char *key;
        json_t *v;
        json_object_foreach((json_t *) labels, key, v)
                add_equals(s, ret, OP_IN, arena_text(&s->arena, key), arena_text(&s->arena, json_string_value(v)));
        return read_expressions(s, expressions, false, ret, err);
}

int read_selector(struct snapshot *s, const json_t *o, struct requirements *ret, struct error *err) {
        return read_selector_more(s, o, 0, ret, err);
}

int read_node_terms(struct snapshot *s, const json_t *node_selector, struct node_terms *ret, struct error *err) {
        const json_t *terms = jget(node_selector, "nodeSelectorTerms");
        *ret = (struct node_terms) { .n = json_array_size(terms) };
        ret->items = arena_alloc(&s->arena, ret->n, sizeof(*ret->items));
        for (size_t i = 0; i < ret->n; i++) {
                const json_t *t = json_array_get(terms, i), *labels = jget(t, "matchExpressions"), *fields = jget(t, "matchFields");
                struct requirements *r = &ret->items[i];
                r->items = arena_alloc(&s->arena, json_array_size(labels) + json_array_size(fields), sizeof(*r->items));
                if (read_expressions(s, labels, false, r, err) < 0 || read_expressions(s, fields, true, r, err) < 0)
                        return -1;
        }
        return 0;
}

/* ---- which other pods ---- */

/* The namespaces that a term is about, as a canonical text too. */
static void read_namespaces(struct snapshot *s, const json_t *o, struct pod_class *c, struct pod_term *t, struct strbuf *text) {
        const json_t *list = jget(o, "namespaces"), *selector = json_object_get(o, "namespaceSelector");
        bool selects = json_is_object(selector);
        const json_t *by_name = jget(selector, "matchLabels");
        const char *named = json_string_value(json_object_get(by_name, "kubernetes.io/metadata.name"));
        bool plain = named && json_object_size(by_name) == 1 && !json_array_size(jget(selector, "matchExpressions"));
        t->all_namespaces = selects && !plain;
        if (t->all_namespaces && (json_object_size(by_name) || json_array_size(jget(selector, "matchExpressions"))))
                c->unknown = "a namespaceSelector by labels: namespaces' labels are not in the snapshot";
        size_t n = json_array_size(list);
        t->namespaces = arena_alloc(&s->arena, n + 1, sizeof(*t->namespaces));
        for (size_t i = 0; i < n; i++)
                t->namespaces[t->n_namespaces++] = arena_text(&s->arena, json_string_value(json_array_get(list, i)));
        if (plain)
                t->namespaces[t->n_namespaces++] = arena_text(&s->arena, named);
        if (n == 0 && !selects)
                t->namespaces[t->n_namespaces++] = c->ns;
        for (size_t i = 0; i < t->n_namespaces; i++)
                strbuf_addf(text, "%s,", t->namespaces[i] ? t->namespaces[i] : "");
        strbuf_adds(text, t->all_namespaces ? "*|" : "|");
}

/* Adds "this label as on the pod itself" for the keys of a list that the pod has. */
static void add_own_labels(struct snapshot *s, const json_t *keys, enum operator op, const struct pod_class *c, struct pod_term *t, struct strbuf *text) {
        for (size_t i = 0; i < json_array_size(keys) && !t->selector.null; i++) {
                const char *key = arena_text(&s->arena, json_string_value(json_array_get(keys, i)));
                const char *value = key ? pairs_get(&c->labels, key) : NULL;
                if (!value)
                        continue;
                add_equals(s, &t->selector, op, key, value);
                strbuf_addf(text, "|%s%s=%s", op == OP_IN ? "" : "!", key, value);
        }
}

/* The one object for equal terms. */
static struct pod_term *term_share(struct snapshot *s, struct pod_term *t) {
        for (size_t i = 0; i < s->n_terms; i++)
                if (s->terms[i]->hash_key == t->hash_key)
                        return s->terms[i];
        t->number = (uint32_t) s->n_terms;
        ARRAY_APPEND(s->terms, s->n_terms, t);
        return t;
}

static int read_term(struct snapshot *s, const json_t *o, struct pod_class *c, struct pod_term **ret, struct error *err) {
        struct pod_term *t = arena_alloc(&s->arena, 1, sizeof(*t));
        const char *key = text_at(s, o, "topologyKey");
        const json_t *same = jget(o, "matchLabelKeys"), *other = jget(o, "mismatchLabelKeys"), *selector = jget(o, "labelSelector");
        if (str_empty(key))
                return error_set(err, ERR_PROTOCOL, "an affinity or spread constraint has no topologyKey");
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        read_namespaces(s, o, c, t, &text);
        if (read_selector_more(s, selector, json_array_size(same) + json_array_size(other), &t->selector, err) < 0)
                return -1;
        _cleanup_str_ char *written = selector ? json_dumps(selector, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        strbuf_addf(&text, "%s|%s", key, written ? written : "");
        add_own_labels(s, same, OP_IN, c, t, &text);
        add_own_labels(s, other, OP_NOT_IN, c, t, &text);
        t->topology = topology_number(s, key);
        t->hash_key = arena_text(&s->arena, strbuf_str(&text));
        *ret = term_share(s, t);
        return 0;
}

static int read_terms(struct snapshot *s, const json_t *list, struct pod_class *c, struct pod_term ***ret, size_t *ret_n, struct error *err) {
        size_t n = json_array_size(list);
        *ret = arena_alloc(&s->arena, n, sizeof(**ret));
        for (size_t i = 0; i < n; i++)
                if (read_term(s, json_array_get(list, i), c, &(*ret)[(*ret_n)++], err) < 0)
                        return -1;
        return 0;
}

static int read_spreads(struct snapshot *s, const json_t *list, struct pod_class *c, struct error *err) {
        size_t n = json_array_size(list);
        c->spreads = arena_alloc(&s->arena, n, sizeof(*c->spreads));
        for (size_t i = 0; i < n; i++) {
                const json_t *o = json_array_get(list, i);
                if (!str_eq(jget_text(o, "whenUnsatisfiable"), "DoNotSchedule"))
                        continue;
                struct spread *p = &c->spreads[c->n_spreads++];
                p->max_skew = 1;
                if (!jget_int(o, "maxSkew", &p->max_skew, err) || !jget_int(o, "minDomains", &p->min_domains, err) ||
                    read_term(s, o, c, &p->term, err) < 0)
                        return -1;
                p->ignore_affinity = str_eq(jget_text(o, "nodeAffinityPolicy"), "Ignore");
                p->honor_taints = str_eq(jget_text(o, "nodeTaintsPolicy"), "Honor");
        }
        return 0;
}

int read_pod_terms(struct snapshot *s, const json_t *spec, struct pod_class *c, struct error *err) {
        const json_t *with = jget(spec, "affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution");
        const json_t *without = jget(spec, "affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution");
        if (read_terms(s, with, c, &c->affinity, &c->n_affinity, err) < 0 || read_terms(s, without, c, &c->anti, &c->n_anti, err) < 0)
                return -1;
        return read_spreads(s, jget(spec, "topologySpreadConstraints"), c, err);
}
