/* What may be evicted to empty a node: cluster-autoscaler's rules, in its order. */
#include "scaler/work.h"
#include "scaler/request.h"

#define SYSTEM_POD_MS 3600000  /* a pod of kube-system without a budget may go after an hour */

bool pod_moves(const struct pod *p) {
        return !p->finished && !p->deleting && !p->class->daemon && !p->class->mirror;
}

const struct budget *budget_of(const struct snapshot *s, const struct pod_class *c, size_t *ret_n) {
        const struct budget *found = NULL;
        *ret_n = 0;
        for (size_t i = 0; i < s->n_budgets; i++)
                if (s->budgets[i].ns == c->ns && selector_matches(&s->budgets[i].selector, &c->labels)) {
                        found = &s->budgets[i];
                        (*ret_n)++;
                }
        return found;
}

static bool has_replica_set(const struct snapshot *s, const struct pod_class *c) {
        for (size_t i = 0; i < s->n_replica_sets; i++)
                if (s->replica_sets[i].ns == c->ns && s->replica_sets[i].name == c->owner_name)
                        return true;
        return !s->known[SNAPSHOT_REPLICA_SETS];
}

static const char *owner_refusal(const struct snapshot *s, const struct pod_class *c) {
        static const char *const kinds[] = { "ReplicaSet", "StatefulSet", "Job", "ReplicationController" };
        if (!c->owner_kind)
                return "no controller would make it again";
        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
                if (str_eq(c->owner_kind, kinds[i]))
                        return str_eq(kinds[i], "ReplicaSet") && !has_replica_set(s, c) ? "its ReplicaSet does not exist any more" : NULL;
        return "its controller is of a kind that is not known to make it again";
}

static char *budget_refusal(const struct snapshot *s, const struct pod_class *c) {
        size_t n;
        const struct budget *b = budget_of(s, c, &n);
        if (!s->known[SNAPSHOT_BUDGETS])
                return xstrdup("the snapshot has no 'podDisruptionBudgets'");
        if (n > 1)
                return xstrdup("several PodDisruptionBudgets select it, which the eviction API refuses");
        if (b && (b->allowed < 1 || !b->fresh))
                return xasprintf("PodDisruptionBudget '%s' allows no disruption", b->name);
        return NULL;
}

char *evictable_refusal(const struct snapshot *s, const struct pod *p) {
        const struct pod_class *c = p->class;
        size_t n_budgets;
        if (c->broken)
                return xasprintf("its requests cannot be counted: %s", c->broken);
        if (c->unknown)
                return xasprintf("it cannot be judged here: %s", c->unknown);
        if (c->safe == EVICT_NO)
                return xstrdup("it says safe-to-evict: false");
        if (c->safe != EVICT_YES) {
                const char *owner = owner_refusal(s, c);
                if (owner)
                        return xstrdup(owner);
                if (str_eq(c->ns, "kube-system") && !budget_of(s, c, &n_budgets) && s->now_ms - p->created_ms < SYSTEM_POD_MS)
                        return xstrdup("it is of kube-system, has no PodDisruptionBudget, and is younger than an hour");
                if (c->local_storage && !c->local_storage_listed && !s->settings.evict_local_storage)
                        return xstrdup("it has local storage");
        }
        return budget_refusal(s, c);
}
