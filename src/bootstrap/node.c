/* What is done to one Kubernetes Node: its pod CIDR, its labels and taints, waiting for it. */
#include "bootstrap/private.h"

/* Talos since v1.12.4 drops addresses inside the node's own pod CIDRs from its list, and every released CCM (up to v1.12.0) hands out the first /80,
 * which holds the node's ::1 (docs/design.md, "the own-address trap"); the gate refuses that for any Talos. A CCM that keeps the address free has been
 * merged (its pull request 358) but no release is known to hold it: name it here once one has been seen. */
enum pod_cidr_rule bootstrap_pod_cidr_auto(const char *talos_version, const char *ccm_version) {
        (void) talos_version;
        (void) ccm_version;
        return POD_CIDR_CLIENT;
}

/* 0: fine; 1: it has none; negative: one that must not be. */
static int check_pod_cidr(const struct kube_node *k, const struct bootstrap_node *node, struct error *err) {
        for (size_t i = 0; i < k->pod_cidrs.n; i++) {
                const char *text = k->pod_cidrs.items[i], *wrong = NULL;
                struct ip6_prefix p;

                if (!ip6_prefix_parse(text, &p, NULL) || !ip6_prefix_covers(&node->prefix, &p))
                        wrong = "is outside its own /64";
                else if (ip6_prefix_has(&p, &node->addr))
                        wrong = "holds its own address";
                if (wrong) {
                        error_set(err, ERR_REFUSED, "node '%s' has the pod CIDR %s, which %s", node->name, text, wrong);
                        /* A kubelet registers when it starts, and not again. */
                        return error_hint(err, "a pod CIDR cannot be changed: set 'podCIDRs: auto' in the profile and run the command again, which stops the CCM's allocator; "
                                          "then delete the Node (kubectl delete node %s), reboot its server and run it once more", node->name);
                }
        }
        return k->pod_cidrs.n > 0 ? 0 : 1;
}

static int give_pod_cidr(const struct bootstrap *b, const struct bootstrap_node *node, struct error *err) {
        _cleanup_strv_ struct strv cidrs = { 0 };
        struct ip6_prefix p;

        if (!ip6_subnet(&node->prefix, 80, 1, &p))
                return error_set(err, ERR_BUG, "node '%s' has no /64 to take a pod CIDR from", node->name);
        strv_take(&cidrs, ip6_prefix_str(&p));
        return kube_node_set_pod_cidrs(b->kube, node->name, &cidrs, err);
}

static int wait_pod_cidr(const struct bootstrap *b, const struct bootstrap_node *node, enum pod_cidr_rule rule, int64_t timeout_ms,
                         struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 10 * MINUTE_MS);

        for (;;) {
                _cleanup_(node_look_done) struct node_look look = { 0 };
                _cleanup_error_ struct error why = ERROR_INIT;
                bool registered = node_look(b, node->name, &w, &look, &why) >= 0;
                int r = 1;

                if (!registered && why.kind != ERR_NOT_FOUND && !kube_error_passes(&why))
                        return error_move(err, &why);
                if (registered)
                        r = check_pod_cidr(look.node, node, err);
                if (r <= 0)
                        return r;
                if (registered && rule == POD_CIDR_CLIENT) {
                        r = give_pod_cidr(b, node, &why);
                        if (r < 0 && !kube_error_passes(&why)) {
                                error_move(err, &why);
                                return error_wrap(err, "giving node '%s' its pod CIDR", node->name);
                        }
                        if (r >= 0)
                                return 0;
                }
                bootstrap_note(b, registered ? "waiting for the pod CIDR" : "waiting for the node to register");
                r = wait_pause(&w, err, registered ? "node '%s' got no pod CIDR" : "node '%s' did not register with Kubernetes", node->name);
                if (r < 0)
                        return r;
        }
}

int bootstrap_pod_cidr(const struct bootstrap *b, const struct bootstrap_node *node, enum pod_cidr_rule rule, int64_t timeout_ms,
                       struct error *err) {
        node_looks_enter(b);
        int r = wait_pod_cidr(b, node, rule, timeout_ms, err);
        node_looks_leave(b);
        return r;
}

/* "key=value:Effect" or "key:Effect". */
static int set_taint(const struct bootstrap *b, const char *node, const char *text, struct error *err) {
        _cleanup_str_ char *copy = xstrdup(text);
        char *effect = strrchr(copy, ':'), *value;
        struct kube_taint taint = { .key = copy };

        if (!effect || effect == copy)
                return error_set(err, ERR_BUG, "taint '%s' has no effect", text);
        *effect = '\0';
        taint.effect = effect + 1;
        value = strchr(copy, '=');
        if (value) {
                *value = '\0';
                taint.value = value + 1;
        }
        return kube_node_set_taint(b->kube, node, &taint, err);
}

int bootstrap_label_node(const struct bootstrap *b, const char *node, const struct kvs *labels, const struct strv *taints, struct error *err) {
        size_t n = labels ? labels->n : 0;
        _cleanup_free_ struct kube_change *changes = xcalloc(n + 1, sizeof(*changes));
        int r = 0;

        for (size_t i = 0; i < n; i++)
                changes[i] = (struct kube_change) { .key = labels->items[i].key, .value = labels->items[i].value };
        if (n > 0)
                r = kube_node_set_labels(b->kube, node, changes, n, err);
        for (size_t i = 0; r >= 0 && taints && i < taints->n; i++)
                r = set_taint(b, node, taints->items[i], err);
        return r < 0 ? error_wrap(err, "labels and taints of node '%s'", node) : 0;
}

static int wait_ready(const struct bootstrap *b, const char *node, int64_t timeout_ms, struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 10 * MINUTE_MS);

        for (;;) {
                _cleanup_(node_look_done) struct node_look look = { 0 };
                _cleanup_error_ struct error why = ERROR_INIT;
                const struct kube_condition *ready = NULL;
                const char *text;
                int r = node_look(b, node, &w, &look, &why);

                if (r < 0 && why.kind != ERR_NOT_FOUND && !kube_error_passes(&why))
                        return error_move(err, &why);
                if (r >= 0 && kube_node_is_ready(look.node))
                        return 0;
                if (r >= 0)
                        ready = kube_condition_find(&look.node->conditions, "Ready");
                text = r < 0 ? error_text(&why) : ready && !str_empty(ready->message) ? ready->message : "the kubelet has not reported yet";
                bootstrap_note(b, "%s", text);
                r = wait_pause(&w, err, "node '%s' is not Ready: %s", node, text);
                if (r < 0)
                        return r;
        }
}

int bootstrap_wait_node_ready(const struct bootstrap *b, const char *node, int64_t timeout_ms, struct error *err) {
        node_looks_enter(b);
        int r = wait_ready(b, node, timeout_ms, err);
        node_looks_leave(b);
        return r;
}
