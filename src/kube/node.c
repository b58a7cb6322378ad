#include "kube/node.h"

#include "kube/parse.h"

enum { CONFLICT_TRIES = 5 };

/* ---- conditions ---- */

static void condition_done(void *item) {
        struct kube_condition *c = item;
        free(c->type);
        free(c->status);
        free(c->reason);
        free(c->message);
}

void kube_conditions_done(struct kube_conditions *c) {
        if (!c)
                return;
        for (size_t i = 0; i < c->n; i++)
                condition_done(&c->items[i]);
        free(c->items);
        *c = (struct kube_conditions) { 0 };
}

static int condition_parse(const json_t *o, void *into, struct error *err) {
        struct kube_condition c = { 0 };
        if (jget_str(o, "type", &c.type, err) && jget_str(o, "status", &c.status, err) && jget_str(o, "reason", &c.reason, err) &&
            jget_str(o, "message", &c.message, err) && parse_time(o, "lastTransitionTime", &c.since_ms, err)) {
                *(struct kube_condition *) into = c;
                return 0;
        }
        condition_done(&c);
        return -1;
}

int kube_conditions_parse(const json_t *a, struct kube_conditions *ret, struct error *err) {
        void *items;
        size_t n;
        if (a && !json_is_array(a))
                return error_set(err, ERR_PROTOCOL, "conditions are not an array");
        if (parse_items(a, sizeof(struct kube_condition), condition_parse, condition_done, &items, &n, err) < 0)
                return -1;
        *ret = (struct kube_conditions) { items, n };
        return 0;
}

const struct kube_condition *kube_condition_find(const struct kube_conditions *c, const char *type) {
        for (size_t i = 0; i < c->n; i++)
                if (str_eq(c->items[i].type, type))
                        return &c->items[i];
        return NULL;
}

bool kube_condition_is_true(const struct kube_conditions *c, const char *type) {
        const struct kube_condition *found = kube_condition_find(c, type);
        return found && str_eq(found->status, "True");
}

/* ---- reading ---- */

static void taint_done(void *item) {
        struct kube_taint *t = item;
        free(t->key);
        free(t->value);
        free(t->effect);
}

static int taint_parse(const json_t *o, void *into, struct error *err) {
        struct kube_taint t = { 0 };
        if (jget_str(o, "key", &t.key, err) && jget_str(o, "value", &t.value, err) && jget_str(o, "effect", &t.effect, err)) {
                *(struct kube_taint *) into = t;
                return 0;
        }
        taint_done(&t);
        return -1;
}

static void address_done(void *item) {
        struct kube_address *a = item;
        free(a->type);
        free(a->address);
}

static int address_parse(const json_t *o, void *into, struct error *err) {
        struct kube_address a = { 0 };
        if (jget_str(o, "type", &a.type, err) && jget_str(o, "address", &a.address, err)) {
                *(struct kube_address *) into = a;
                return 0;
        }
        address_done(&a);
        return -1;
}

void kube_node_done(struct kube_node *n) {
        if (!n)
                return;
        char *texts[] = { n->name, n->uid, n->resource_version, n->provider_id, n->kubelet_version, n->os_image, n->kernel_version,
                          n->architecture, n->container_runtime };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(texts[i]);
        kvs_done(&n->labels);
        kvs_done(&n->annotations);
        for (size_t i = 0; i < n->n_taints; i++)
                taint_done(&n->taints[i]);
        free(n->taints);
        kube_conditions_done(&n->conditions);
        for (size_t i = 0; i < n->n_addresses; i++)
                address_done(&n->addresses[i]);
        free(n->addresses);
        strv_done(&n->pod_cidrs);
        kvs_done(&n->capacity);
        kvs_done(&n->allocatable);
        *n = (struct kube_node) { 0 };
}

void kube_nodes_done(struct kube_nodes *n) {
        if (!n)
                return;
        for (size_t i = 0; i < n->n; i++)
                kube_node_done(&n->items[i]);
        free(n->items);
        *n = (struct kube_nodes) { 0 };
}

static bool parse_metadata(const json_t *o, struct kube_node *n, struct error *err) {
        const json_t *m = jget(o, "metadata");
        n->deleting = jget(m, "deletionTimestamp") != NULL;
        return jget_str(m, "name", &n->name, err) && jget_str(m, "uid", &n->uid, err) &&
               jget_str(m, "resourceVersion", &n->resource_version, err) && jget_kvs(m, "labels", &n->labels, err) &&
               jget_kvs(m, "annotations", &n->annotations, err) && parse_time(m, "creationTimestamp", &n->created_ms, err);
}

static bool parse_spec(const json_t *o, struct kube_node *n, struct error *err) {
        const json_t *s = jget(o, "spec"), *taints;
        void *items;
        if (!jget_str(s, "providerID", &n->provider_id, err) || !jget_strv(s, "podCIDRs", &n->pod_cidrs, err) ||
            !jget_bool(s, "unschedulable", &n->unschedulable, err) || !parse_array(s, "taints", &taints, err))
                return false;
        if (parse_items(taints, sizeof(struct kube_taint), taint_parse, taint_done, &items, &n->n_taints, err) < 0)
                return false;
        n->taints = items;
        return true;
}

static bool parse_node_info(const json_t *o, struct kube_node *n, struct error *err) {
        const json_t *i = jget(o, "status.nodeInfo");
        return jget_str(i, "kubeletVersion", &n->kubelet_version, err) && jget_str(i, "osImage", &n->os_image, err) &&
               jget_str(i, "kernelVersion", &n->kernel_version, err) && jget_str(i, "architecture", &n->architecture, err) &&
               jget_str(i, "containerRuntimeVersion", &n->container_runtime, err);
}

static bool parse_status(const json_t *o, struct kube_node *n, struct error *err) {
        const json_t *s = jget(o, "status"), *addresses;
        void *items;
        if (kube_conditions_parse(jget(s, "conditions"), &n->conditions, err) < 0 || !parse_quantities(s, "capacity", &n->capacity, err) ||
            !parse_quantities(s, "allocatable", &n->allocatable, err) || !parse_array(s, "addresses", &addresses, err))
                return false;
        if (parse_items(addresses, sizeof(struct kube_address), address_parse, address_done, &items, &n->n_addresses, err) < 0)
                return false;
        n->addresses = items;
        return true;
}

int kube_node_parse(const json_t *o, struct kube_node *ret, struct error *err) {
        _cleanup_(kube_node_done) struct kube_node n = { 0 };
        if (!parse_metadata(o, &n, err) || !parse_spec(o, &n, err) || !parse_node_info(o, &n, err) || !parse_status(o, &n, err))
                return error_wrap(err, "Node %s", n.name ? n.name : "?");
        if (str_empty(n.name))
                return error_set(err, ERR_PROTOCOL, "a Node without a name");
        *ret = n;
        n = (struct kube_node) { 0 };
        return 0;
}

static int node_item(const json_t *o, void *into, struct error *err) {
        return kube_node_parse(o, into, err);
}

static void node_item_done(void *item) {
        kube_node_done(item);
}

int kube_nodes_list(struct kube_client *c, struct kube_nodes *ret, struct error *err) {
        void *nodes;
        size_t n;
        if (parse_list(c, "/api/v1/nodes", sizeof(struct kube_node), node_item, node_item_done, &nodes, &n, err) < 0)
                return error_wrap(err, "listing Nodes");
        *ret = (struct kube_nodes) { nodes, n };
        return 0;
}

int kube_node_get(struct kube_client *c, const char *name, struct kube_node *ret, struct error *err) {
        _cleanup_str_ char *path = kube_path("v1", "nodes", NULL, name, NULL);
        _cleanup_json_ json_t *o = NULL;
        if (kube_get(c, path, &o, err) < 0)
                return -1;
        return kube_node_parse(o, ret, err);
}

const struct kube_node *kube_nodes_find(const struct kube_nodes *n, const char *name) {
        for (size_t i = 0; i < n->n; i++)
                if (str_eq(n->items[i].name, name))
                        return &n->items[i];
        return NULL;
}

const struct kube_taint *kube_node_taint(const struct kube_node *n, const char *key) {
        for (size_t i = 0; i < n->n_taints; i++)
                if (str_eq(n->taints[i].key, key))
                        return &n->taints[i];
        return NULL;
}

const char *kube_node_address(const struct kube_node *n, const char *type) {
        for (size_t i = 0; i < n->n_addresses; i++)
                if (str_eq(n->addresses[i].type, type))
                        return n->addresses[i].address;
        return NULL;
}

bool kube_node_is_ready(const struct kube_node *n) {
        return kube_condition_is_true(&n->conditions, "Ready");
}

/* ---- changing ---- */

static int patch_node(struct kube_client *c, const char *name, const json_t *patch, struct error *err) {
        _cleanup_str_ char *path = kube_path("v1", "nodes", NULL, name, NULL);
        return kube_merge_patch(c, path, patch, NULL, err);
}

int kube_node_set_pod_cidrs(struct kube_client *c, const char *name, const struct strv *cidrs, struct error *err) {
        if (cidrs->n == 0)
                return error_set(err, ERR_BUG, "Node %s: no pod CIDR to set", name);
        json_t *list = json_array();
        for (size_t i = 0; i < cidrs->n; i++)
                json_array_append_new(list, json_string(cidrs->items[i]));
        _cleanup_json_ json_t *patch = json_pack("{s:{s:s, s:o}}", "spec", "podCIDR", cidrs->items[0], "podCIDRs", list);
        if (patch_node(c, name, patch, err) < 0)
                return error_wrap(err, "setting the pod CIDR of Node %s", name);
        return 0;
}

/* Changes the array; false when it is as wanted already. */
typedef bool (*taints_fn)(json_t *taints, const struct kube_taint *taint);

/* A merge patch replaces the whole array, so it is tied to the version that was read. */
static int change_taints(struct kube_client *c, const char *name, taints_fn change, const struct kube_taint *taint, struct error *err) {
        _cleanup_str_ char *path = kube_path("v1", "nodes", NULL, name, NULL);
        for (unsigned tries = 1;; tries++) {
                _cleanup_json_ json_t *node = NULL, *patch = NULL;
                _cleanup_error_ struct error patch_err = ERROR_INIT;
                if (kube_get(c, path, &node, err) < 0)
                        return -1;
                const json_t *old = jget(node, "spec.taints");
                json_t *taints = json_is_array(old) ? json_deep_copy(old) : json_array();
                const char *version = jget_text(node, "metadata.resourceVersion");
                if (!change(taints, taint)) {
                        json_decref(taints);
                        return 0;
                }
                patch = json_pack("{s:{s:s}, s:{s:o}}", "metadata", "resourceVersion", version ? version : "", "spec", "taints", taints);
                if (kube_merge_patch(c, path, patch, NULL, &patch_err) == 0)
                        return 0;
                if (patch_err.kind != ERR_CONFLICT || tries == CONFLICT_TRIES) {
                        error_move(err, &patch_err);
                        return error_wrap(err, "changing the taints of Node %s", name);
                }
        }
}

static bool without_taint(json_t *taints, const struct kube_taint *taint) {
        size_t before = json_array_size(taints);
        for (size_t i = before; i > 0; i--)
                if (str_eq(jget_text(json_array_get(taints, i - 1), "key"), taint->key))
                        json_array_remove(taints, i - 1);
        return json_array_size(taints) != before;
}

static bool with_taint(json_t *taints, const struct kube_taint *taint) {
        for (size_t i = json_array_size(taints); i > 0; i--) {
                const json_t *t = json_array_get(taints, i - 1);
                if (!str_eq(jget_text(t, "key"), taint->key) || !str_eq(jget_text(t, "effect"), taint->effect))
                        continue;
                const char *value = jget_text(t, "value");
                if (str_eq(value ? value : "", taint->value ? taint->value : ""))
                        return false;
                json_array_remove(taints, i - 1);
        }
        json_t *t = json_object();
        jset_str(t, "key", taint->key);
        jset_str(t, "value", str_empty(taint->value) ? NULL : taint->value);
        jset_str(t, "effect", taint->effect);
        json_array_append_new(taints, t);
        return true;
}

int kube_node_remove_taint(struct kube_client *c, const char *name, const char *key, struct error *err) {
        struct kube_taint t = { .key = (char *) key };
        return change_taints(c, name, without_taint, &t, err);
}

int kube_node_set_taint(struct kube_client *c, const char *name, const struct kube_taint *taint, struct error *err) {
        return change_taints(c, name, with_taint, taint, err);
}

static int change_map(struct kube_client *c, const char *name, const char *map, const struct kube_change *changes, size_t n,
                      struct error *err) {
        json_t *values = json_object();
        for (size_t i = 0; i < n; i++)
                json_object_set_new(values, changes[i].key, changes[i].value ? json_string(changes[i].value) : json_null());
        _cleanup_json_ json_t *patch = json_pack("{s:{s:o}}", "metadata", map, values);
        if (patch_node(c, name, patch, err) < 0)
                return error_wrap(err, "changing the %s of Node %s", map, name);
        return 0;
}

int kube_node_set_labels(struct kube_client *c, const char *name, const struct kube_change *changes, size_t n, struct error *err) {
        return change_map(c, name, "labels", changes, n, err);
}

int kube_node_set_annotations(struct kube_client *c, const char *name, const struct kube_change *changes, size_t n, struct error *err) {
        return change_map(c, name, "annotations", changes, n, err);
}

int kube_node_cordon(struct kube_client *c, const char *name, bool cordon, struct error *err) {
        /* null removes the field, as kubectl uncordon does; false would be the same but stays in the object. */
        _cleanup_json_ json_t *patch = json_pack("{s:{s:o}}", "spec", "unschedulable", cordon ? json_true() : json_null());
        if (patch_node(c, name, patch, err) < 0)
                return error_wrap(err, "%s Node %s", cordon ? "cordoning" : "uncordoning", name);
        return 0;
}

int kube_node_delete(struct kube_client *c, const char *name, const char *uid, struct error *err) {
        _cleanup_str_ char *path = kube_path("v1", "nodes", NULL, name, NULL);
        _cleanup_error_ struct error gone = ERROR_INIT;
        if (kube_delete(c, path, uid, &gone) == 0 || gone.kind == ERR_NOT_FOUND)
                return 0;
        return error_move(err, &gone);
}
