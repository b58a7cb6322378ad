/* Labels against selectors, taints against tolerations. */
#include "scaler/request.h"

const char *pairs_get(const struct pairs *p, const char *key) {
        for (size_t i = 0; i < p->n; i++)
                if (p->items[i].key == key)
                        return p->items[i].value;
        return NULL;
}

int64_t amounts_get(const struct amounts *a, uint32_t resource) {
        for (size_t i = 0; i < a->n; i++)
                if (a->items[i].resource == resource)
                        return a->items[i].amount;
        return 0;
}

static bool has_value(const struct requirement *r, const char *value) {
        for (size_t i = 0; i < r->n; i++)
                if (r->values[i] == value)
                        return true;
        return false;
}

/* kubernetes: labels.Requirement.Matches. NotIn and DoesNotExist hold when the key is absent. */
static bool requirement_holds(const struct requirement *r, const char *value) {
        int64_t number;
        switch (r->op) {
        case OP_IN: return value && has_value(r, value);
        case OP_NOT_IN: return !value || !has_value(r, value);
        case OP_EXISTS: return value != NULL;
        case OP_DOES_NOT_EXIST: return value == NULL;
        case OP_GT: return value && parse_int64(value, INT64_MIN, INT64_MAX, &number) && number > r->number;
        case OP_LT: return value && parse_int64(value, INT64_MIN, INT64_MAX, &number) && number < r->number;
        }
        return false;
}

static bool requirements_hold(const struct requirements *r, const struct pairs *labels, const char *name) {
        for (size_t i = 0; i < r->n; i++)
                if (!requirement_holds(&r->items[i], r->items[i].field ? name : pairs_get(labels, r->items[i].key)))
                        return false;
        return true;
}

bool selector_matches(const struct requirements *r, const struct pairs *labels) {
        return !r->null && requirements_hold(r, labels, NULL);
}

/* kubernetes: a term without requirements matches no node. */
bool node_terms_match(const struct node_terms *t, const struct pairs *labels, const char *node_name) {
        for (size_t i = 0; i < t->n; i++)
                if (t->items[i].n && !t->items[i].null && requirements_hold(&t->items[i], labels, node_name))
                        return true;
        return t->n == 0;
}

bool term_matches(const struct pod_term *t, const struct pod_class *c) {
        bool inside = t->all_namespaces;
        for (size_t i = 0; i < t->n_namespaces && !inside; i++)
                inside = t->namespaces[i] == c->ns;
        return inside && selector_matches(&t->selector, &c->labels);
}

static bool tolerates(const struct toleration *t, const struct taint *taint) {
        if (t->effect && t->effect != taint->effect)
                return false;
        if (!t->key)
                return t->exists;
        return t->key == taint->key && (t->exists || t->value == taint->value);
}

bool taints_tolerated(const struct taints *t, const struct pod_class *c) {
        for (size_t i = 0; i < t->n; i++) {
                if (!str_eq(t->items[i].effect, "NoSchedule") && !str_eq(t->items[i].effect, "NoExecute"))
                        continue;
                bool tolerated = false;
                for (size_t k = 0; k < c->n_tolerations && !tolerated; k++)
                        tolerated = tolerates(&c->tolerations[k], &t->items[i]);
                if (!tolerated)
                        return false;
        }
        return true;
}
