#include "scaler/request.h"

#include <stdio.h>

#include "kube/quantity.h"

/* Sums of one pod while they are made, by resource number. */
struct sums { struct quantity of[RESOURCES_MAX]; };

static bool quantity_of_json(const json_t *v, struct quantity *ret) {
        if (json_is_string(v))
                return quantity_parse(json_string_value(v), ret);
        if (json_is_integer(v)) {
                *ret = quantity_of(json_integer_value(v));
                return true;
        }
        char text[64];
        snprintf(text, sizeof(text), "%.9f", json_real_value(v));
        return json_is_real(v) && quantity_parse(text, ret);
}

static int64_t amount_of(uint32_t resource, struct quantity q) {
        return resource == RESOURCE_CPU ? quantity_milli(q) : quantity_units(q);
}

/* One entry of a map of quantities; NULL, or why it cannot be counted. */
static const char *one_quantity(struct snapshot *s, const char *name, const json_t *v, uint32_t *ret_resource, struct quantity *ret) {
        char text[200];
        const char *given = json_is_string(v) ? json_string_value(v) : "";
        if (!quantity_of_json(v, ret)) {
                snprintf(text, sizeof(text), "%.60s '%.60s' is no quantity", name, given);
                return arena_text(&s->arena, text);
        }
        if (ret->nano < 0) {
                snprintf(text, sizeof(text), "%.60s '%.60s' is negative", name, given);
                return arena_text(&s->arena, text);
        }
        *ret_resource = resource_number(s, arena_text(&s->arena, name));
        return *ret_resource < RESOURCES_MAX ? NULL : "more kinds of resources than can be counted";
}

int read_amounts(struct snapshot *s, const json_t *o, struct amounts *ret, const char **ret_broken) {
        const char *name;
        json_t *v;
        struct amount *list = NULL;
        size_t n = 0;
        *ret_broken = NULL;
        json_object_foreach((json_t *) o, name, v) {
                uint32_t resource;
                struct quantity q;
                const char *broken = one_quantity(s, name, v, &resource, &q);
                if (broken)
                        *ret_broken = broken;
                else
                        ARRAY_APPEND(list, n, ((struct amount) { resource, amount_of(resource, q) }));
        }
        *ret = (struct amounts) { arena_copy(&s->arena, list, n, sizeof(*list)), n };
        free(list);
        return 0;
}

/* A request that is absent is the limit (API server's defaulting; pod templates are not defaulted). */
static const char *add_container(struct snapshot *s, const json_t *container, struct sums *to) {
        const json_t *requests = jget(container, "resources.requests"), *limits = jget(container, "resources.limits");
        const char *name;
        json_t *v;
        uint32_t resource;
        struct quantity q;
        json_object_foreach((json_t *) requests, name, v) {
                const char *broken = one_quantity(s, name, v, &resource, &q);
                if (broken)
                        return broken;
                to->of[resource] = quantity_add(to->of[resource], q);
        }
        json_object_foreach((json_t *) limits, name, v) {
                if (json_object_get(requests, name))
                        continue;
                const char *broken = one_quantity(s, name, v, &resource, &q);
                if (broken)
                        return broken;
                to->of[resource] = quantity_add(to->of[resource], q);
        }
        return NULL;
}

static bool is_sidecar(const json_t *init) {
        return str_eq(jget_text(init, "restartPolicy"), "Always");
}

/* Init containers run one after another, each beside the sidecars that were declared before it. */
static const char *init_containers(struct snapshot *s, const json_t *list, struct sums *containers, struct sums *peak) {
        struct sums *sidecars = xnew0(struct sums), *one = xnew0(struct sums);
        const char *broken = NULL;
        for (size_t i = 0; i < json_array_size(list) && !broken; i++) {
                const json_t *c = json_array_get(list, i);
                *one = (struct sums) { 0 };
                broken = add_container(s, c, one);
                for (size_t r = 0; r < s->n_resources; r++) {
                        struct quantity beside = quantity_add(sidecars->of[r], one->of[r]);
                        if (quantity_compare(beside, peak->of[r]) > 0)
                                peak->of[r] = beside;
                        if (!is_sidecar(c))
                                continue;
                        sidecars->of[r] = beside;
                        containers->of[r] = quantity_add(containers->of[r], one->of[r]);
                }
        }
        free(sidecars);
        free(one);
        return broken;
}

/* Requests of the pod as a whole take the place of the sums, for the resources that may be given so. */
static const char *pod_level(struct snapshot *s, const json_t *spec, struct sums *sums) {
        struct sums *level = xnew0(struct sums);
        const char *broken = add_container(s, spec, level), *name;
        json_t *v;
        const json_t *requests = jget(spec, "resources.requests"), *limits = jget(spec, "resources.limits");
        const json_t *both[] = { requests, limits };
        for (size_t i = 0; i < ARRAY_SIZE(both) && !broken; i++)
                json_object_foreach((json_t *) both[i], name, v) {
                        uint32_t r = resource_number(s, arena_text(&s->arena, name));
                        /* A pod's limit becomes its request only where no container asks for the resource itself. */
                        bool counts = r == RESOURCE_CPU || r == RESOURCE_MEMORY || str_starts(name, "hugepages-");
                        if (counts && (both[i] == requests || (!json_object_get(requests, name) && sums->of[r].nano == 0)))
                                sums->of[r] = level->of[r];
                }
        free(level);
        return broken;
}

static const char *add_overhead(struct snapshot *s, const json_t *spec, struct sums *sums) {
        const char *name;
        json_t *v;
        json_object_foreach((json_t *) jget(spec, "overhead"), name, v) {
                uint32_t resource;
                struct quantity q;
                const char *broken = one_quantity(s, name, v, &resource, &q);
                if (broken)
                        return broken;
                sums->of[resource] = quantity_add(sums->of[resource], q);
        }
        return NULL;
}

static void keep_sums(struct snapshot *s, const struct sums *sums, struct pod_class *c) {
        struct amount list[RESOURCES_MAX];
        size_t n = 0;
        for (uint32_t r = 0; r < s->n_resources; r++) {
                int64_t amount = r == RESOURCE_PODS ? 1 : amount_of(r, sums->of[r]);
                if (amount == 0)
                        continue;
                list[n++] = (struct amount) { r, amount };
                double real = quantity_real(sums->of[r]);
                c->weight += r == RESOURCE_CPU      ? real
                             : r == RESOURCE_MEMORY ? real / 1024 / 1024 / 1024 / 2
                             : r >= RESOURCE_FIXED  ? 1000
                                                    : 0;
        }
        c->weight += 0.001;            /* a pod that asks for nothing still takes a place */
        c->requests = (struct amounts) { arena_copy(&s->arena, list, n, sizeof(*list)), n };
}

static void read_requests(struct snapshot *s, const json_t *spec, struct pod_class *c) {
        struct sums *sums = xnew0(struct sums), *peak = xnew0(struct sums);
        const json_t *containers = jget(spec, "containers");
        const char *broken = NULL;
        for (size_t i = 0; i < json_array_size(containers) && !broken; i++)
                broken = add_container(s, json_array_get(containers, i), sums);
        if (!broken)
                broken = init_containers(s, jget(spec, "initContainers"), sums, peak);
        for (size_t r = 0; r < s->n_resources; r++)
                if (quantity_compare(peak->of[r], sums->of[r]) > 0)
                        sums->of[r] = peak->of[r];
        if (!broken)
                broken = pod_level(s, spec, sums);
        if (!broken)
                broken = add_overhead(s, spec, sums);
        if (broken)
                c->broken = broken;
        keep_sums(s, sums, c);
        free(sums);
        free(peak);
}

/* ---- where and beside what ---- */

static void read_tolerations(struct snapshot *s, const json_t *list, struct pod_class *c) {
        size_t n = json_array_size(list);
        c->tolerations = arena_alloc(&s->arena, n, sizeof(*c->tolerations));
        for (size_t i = 0; i < n; i++) {
                const json_t *o = json_array_get(list, i);
                const char *op = jget_text(o, "operator"), *key = jget_text(o, "key"), *effect = jget_text(o, "effect"), *value = jget_text(o, "value");
                if (!str_empty(op) && !str_eq(op, "Equal") && !str_eq(op, "Exists"))
                        continue;              /* an operator that is not known tolerates nothing */
                c->tolerations[c->n_tolerations++] = (struct toleration) {
                        .key = str_empty(key) ? NULL : arena_text(&s->arena, key),
                        .effect = str_empty(effect) ? NULL : arena_text(&s->arena, effect),
                        .value = arena_text(&s->arena, value ? value : ""),
                        .exists = str_eq(op, "Exists"),
                };
        }
}

static void add_ports(struct snapshot *s, const json_t *container, bool host_network, struct port **ports, size_t *n) {
        const json_t *list = jget(container, "ports");
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *o = json_array_get(list, i);
                int64_t number = json_integer_value(jget(o, "hostPort"));
                if (number == 0 && host_network)
                        number = json_integer_value(jget(o, "containerPort"));
                const char *protocol = jget_text(o, "protocol"), *ip = jget_text(o, "hostIP");
                bool any = str_empty(ip) || str_eq(ip, "0.0.0.0") || str_eq(ip, "::");
                if (number > 0)
                        ARRAY_APPEND(*ports, *n, ((struct port) { arena_text(&s->arena, str_empty(protocol) ? "TCP" : protocol),
                                                                  any ? NULL : arena_text(&s->arena, ip), number }));
        }
}

static void read_ports(struct snapshot *s, const json_t *spec, struct pod_class *c) {
        struct port *ports = NULL;
        size_t n = 0;
        bool host_network = json_is_true(jget(spec, "hostNetwork"));
        const json_t *containers = jget(spec, "containers"), *inits = jget(spec, "initContainers");
        for (size_t i = 0; i < json_array_size(containers); i++)
                add_ports(s, json_array_get(containers, i), host_network, &ports, &n);
        for (size_t i = 0; i < json_array_size(inits); i++)
                if (is_sidecar(json_array_get(inits, i)))
                        add_ports(s, json_array_get(inits, i), host_network, &ports, &n);
        c->ports = arena_copy(&s->arena, ports, n, sizeof(*ports));
        c->n_ports = n;
        free(ports);
}

/* Is the name one of a list separated by commas? */
static bool listed(const char *list, const char *name) {
        _cleanup_strv_ struct strv parts = { 0 };
        if (list)
                strv_split(&parts, list, ',');
        return strv_has(&parts, name);
}

static void read_volumes(struct snapshot *s, const json_t *o, const char *pod_name, struct pod_class *c) {
        const json_t *list = jget(o, "spec.volumes"), *annotations = jget(o, "metadata.annotations");
        const char *local = json_string_value(json_object_get(annotations, "cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"));
        size_t n = json_array_size(list);
        c->claims = arena_alloc(&s->arena, n, sizeof(*c->claims));
        c->local_storage_listed = true;
        for (size_t i = 0; i < n; i++) {
                const json_t *v = json_array_get(list, i);
                const char *name = jget_text(v, "name"), *claim = jget_text(v, "persistentVolumeClaim.claimName");
                const json_t *empty = jget(v, "emptyDir");
                if (claim)
                        c->claims[c->n_claims++] = arena_text(&s->arena, claim);
                if (jget(v, "ephemeral") && pod_name) {
                        _cleanup_str_ char *own = xasprintf("%s-%s", pod_name, name ? name : "");
                        c->claims[c->n_claims++] = arena_text(&s->arena, own);
                }
                if (!jget(v, "hostPath") && (!empty || str_eq(jget_text(empty, "medium"), "Memory")))
                        continue;
                c->local_storage = true;
                c->local_storage_listed = c->local_storage_listed && listed(local, name ? name : "");
        }
}

static void read_metadata(struct snapshot *s, const json_t *metadata, struct pod_class *c) {
        const json_t *owners = jget(metadata, "ownerReferences"), *annotations = jget(metadata, "annotations");
        for (size_t i = 0; i < json_array_size(owners) && !c->owner_kind; i++) {
                const json_t *o = json_array_get(owners, i);
                if (!json_is_true(jget(o, "controller")))
                        continue;
                c->owner_kind = text_at(s, o, "kind");
                c->owner_name = text_at(s, o, "name");
        }
        c->daemon = str_eq(c->owner_kind, "DaemonSet");
        c->mirror = json_object_get(annotations, "kubernetes.io/config.mirror") || str_eq(c->owner_kind, "Node");
        const char *safe = json_string_value(json_object_get(annotations, "cluster-autoscaler.kubernetes.io/safe-to-evict"));
        c->safe = str_eq(safe, "true") ? EVICT_YES : str_eq(safe, "false") ? EVICT_NO : EVICT_UNSAID;
}

/* What the rules here cannot judge. */
static void read_unknown(struct snapshot *s, const json_t *spec, struct pod_class *c) {
        const json_t *containers = jget(spec, "containers");
        const char *scheduler = jget_text(spec, "schedulerName");
        if (json_array_size(jget(spec, "resourceClaims")))
                c->unknown = "it has resource claims (dynamic resource allocation)";
        for (size_t i = 0; i < json_array_size(containers); i++)
                if (json_array_size(jget(json_array_get(containers, i), "resources.claims")))
                        c->unknown = "it has resource claims (dynamic resource allocation)";
        if (!str_empty(scheduler) && !str_eq(scheduler, "default-scheduler")) {
                _cleanup_str_ char *text = xasprintf("it is for another scheduler, '%s'", scheduler);
                c->unknown = arena_text(&s->arena, text);
        }
}

int request_read(struct snapshot *s, const json_t *o, const char *ns, const char *pod_name, struct pod_class **ret, struct error *err) {
        struct pod_class *c = arena_alloc(&s->arena, 1, sizeof(*c));
        const json_t *metadata = jget(o, "metadata"), *spec = jget(o, "spec");
        c->ns = ns;
        if (read_pairs(s, metadata, "labels", &c->labels, err) < 0 || read_pairs(s, spec, "nodeSelector", &c->node_selector, err) < 0)
                return -1;
        read_metadata(s, metadata, c);
        read_requests(s, spec, c);
        read_tolerations(s, jget(spec, "tolerations"), c);
        read_ports(s, spec, c);
        read_volumes(s, o, pod_name, c);
        read_unknown(s, spec, c);
        c->gated = json_array_size(jget(spec, "schedulingGates")) > 0;
        c->priority = json_integer_value(jget(spec, "priority"));
        const json_t *nodes = jget(spec, "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution");
        if (read_node_terms(s, nodes, &c->node_terms, err) < 0 || read_pod_terms(s, spec, c, err) < 0)
                return -1;
        *ret = c;
        return 0;
}
