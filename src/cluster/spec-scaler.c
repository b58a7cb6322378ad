/* The profile's `scaler`: its keys, defaults and forms. */
#include "cluster/cost.h"
#include "cluster/spec-keys.h"
#include "kube/quantity.h"

#define AT(field) offsetof(struct cluster_spec, scaler.field)
#define SPAN "seconds, or `90s`, `10m`, `1h`"

static int read_threshold(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        double v = n->type == YAML_FLOAT || n->type == YAML_INT ? strtod(n->text, NULL) : -1;
        if (!(v >= 0 && v <= 1))
                return spec_fail(r, n, err, "'threshold' wants a number from 0 to 1");
        *(double *) target = v;
        return 0;
}

static int read_span(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        if ((n->type != YAML_STR && n->type != YAML_INT) || !spec_span_parse(n->text, target))
                return spec_fail(r, n, err, "a time span is wanted here: " SPAN);
        return 0;
}

static int read_text(const struct yaml_node *n, void *target) {
        char **at = target;
        free(*at);
        *at = xstrdup(n->text);
        return 0;
}

static int read_money(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        int64_t units;
        if (n->type == YAML_MAP || n->type == YAML_SEQ || !money_parse(n->text, &units))
                return spec_fail(r, n, err, "an amount of money is wanted here, in the currency of the project's prices: 49.90");
        return read_text(n, target);
}

static int read_quantity(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct quantity q;
        if (n->type == YAML_MAP || n->type == YAML_SEQ || !quantity_parse(n->text, &q) || q.nano < 0)
                return spec_fail(r, n, err, "a quantity as Kubernetes writes them is wanted here: 50m, 300Mi");
        return read_text(n, target);
}

const struct spec_key spec_scaler_keys[] = {
        { "threshold", KEY_CUSTOM, AT(threshold), "number from 0 to 1", "0.5", "a node that asks for less of both its cpu and memory may go", .read = read_threshold },
        { "unneededTime", KEY_CUSTOM, AT(unneeded_ms), SPAN, "`10m`", "for how long a node must have been unneeded, in every tick, before it goes", .read = read_span },
        { "tickGap", KEY_CUSTOM, AT(tick_gap_ms), SPAN, "`6m`", "ticks further apart than this start that time again; three times the timer's period",
          .read = read_span },
        { "pendingAge", KEY_CUSTOM, AT(pending_ms), SPAN, "`30s`", "younger pods are left to the scheduler", .read = read_span },
        { "bootTime", KEY_CUSTOM, AT(boot_ms), SPAN, "`15m`", "for how long a server that boots counts as room to come; then it is replaced", .read = read_span },
        { "maxNodes", KEY_INT, AT(max_nodes), "number", "no cap", "most servers of the cluster, control planes too", .min = 0, .max = SPEC_NODES_MAX },
        { "maxCostPerMonth", KEY_CUSTOM, AT(max_cost), "amount of money", "no cap",
          "most that all servers of the cluster may cost a month, net, by the prices of the day", .read = read_money },
        { "emptyAtOnce", KEY_INT, AT(empty_at_once), "number", "10", "most nodes without pods that one tick takes away", .min = 0, .max = SPEC_NODES_MAX },
        { "evictLocalStorage", KEY_BOOL, AT(evict_local_storage), "boolean", "false", "pods with emptyDir or hostPath volumes may be evicted: what they hold there is lost" },
        { "reservedCpu", KEY_CUSTOM, AT(reserved_cpu), "quantity", "`50m`",
          "of a server type's cores, what a node keeps for itself; counts while a pool has no node to look at", .read = read_quantity },
        { "reservedMemory", KEY_CUSTOM, AT(reserved_memory), "quantity", "`300Mi`", "the same of memory, besides the 7 % that kernel and firmware take",
          .read = read_quantity },
        { NULL },
};

bool spec_span_parse(const char *text, int64_t *ret_ms) {
        static const struct { const char *unit; int64_t ms; } units[] = { { "", 1000 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
        size_t digits = text ? strspn(text, "0123456789") : 0;
        int64_t n;
        _cleanup_str_ char *number = xstrndup(text ? text : "", digits);
        if (!parse_int64(number, 0, 100000000, &n))
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (str_eq(text + digits, units[i].unit)) {
                        *ret_ms = n * units[i].ms;
                        return true;
                }
        return false;
}

/* Reserved: Talos' systemReserved of a worker (50m, 192Mi) and the kubelet's eviction threshold of 100Mi. */
void spec_scaler_defaults(struct spec_scaler *ret) {
        *ret = (struct spec_scaler) { .threshold = 0.5, .unneeded_ms = 600000, .tick_gap_ms = 360000, .pending_ms = 30000, .boot_ms = 900000,
                                      .empty_at_once = 10, .reserved_cpu = xstrdup("50m"), .reserved_memory = xstrdup("300Mi") };
}

void spec_scaler_done(struct spec_scaler *s) {
        free(s->max_cost);
        free(s->reserved_cpu);
        free(s->reserved_memory);
        *s = (struct spec_scaler) { 0 };
}
