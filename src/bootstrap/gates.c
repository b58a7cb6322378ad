/* What must be true before a cluster is called done. */
#include "bootstrap/certificates.h"
#include "bootstrap/private.h"
#include "kube/node.h"
#include "kube/ready.h"

#define API_PORT 6443
#define API_LOOK_MS 5000

void gate_list_done(struct gate_list *g) {
        for (size_t i = 0; i < g->n; i++) {
                free(g->items[i].gate);
                free(g->items[i].object);
                free(g->items[i].text);
        }
        free(g->items);
        *g = (struct gate_list) { 0 };
}

void gate_list_add(struct gate_list *g, const char *gate, const char *object, bool passed, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        struct gate_result result = { .gate = xstrdup(gate), .object = xstrdup(object), .passed = passed };
        va_list ap;

        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        result.text = strbuf_take(&text);
        ARRAY_APPEND(g->items, g->n, result);
}

static void gate_ready(struct gate_list *g, const char *object, const struct kube_node *k) {
        const struct kube_condition *ready = kube_condition_find(&k->conditions, "Ready");
        bool passed = kube_node_is_ready(k);

        gate_list_add(g, "node ready", object, passed, "Ready is %s%s%s", ready ? ready->status : "unknown", ready && !passed ? ": " : "",
                      ready && !passed && ready->message ? ready->message : "");
}

static void gate_initialized(struct gate_list *g, const char *object, const struct kube_node *k) {
        bool tainted = kube_node_taint(k, "node.cloudprovider.kubernetes.io/uninitialized") != NULL;

        gate_list_add(g, "node initialized", object, !tainted, tainted ? "still has the taint node.cloudprovider.kubernetes.io/uninitialized"
                                                                       : "no uninitialized taint");
}

static void gate_provider(struct gate_list *g, const char *object, const struct kube_node *k, const struct bootstrap_node *node) {
        _cleanup_str_ char *wanted = xasprintf("hcloud://%lld", (long long) node->server_id);

        gate_list_add(g, "provider id", object, str_eq(k->provider_id, wanted), "%s, wanted %s", k->provider_id ? k->provider_id : "none", wanted);
}

static void gate_address(struct gate_list *g, const char *object, const struct kube_node *k, const struct bootstrap_node *node) {
        const char *text = kube_node_address(k, "InternalIP");
        char wanted[IP6_STR_MAX];
        struct ip6_addr a;
        bool passed = text && ip6_parse(text, &a) && ip6_equal(&a, &node->addr);

        gate_list_add(g, "internal address", object, passed, "%s, wanted %s", text ? text : "none", ip6_format(&node->addr, wanted));
}

static void gate_pod_cidr(struct gate_list *g, const char *object, const struct kube_node *k, const struct bootstrap_node *node,
                          struct ip6_prefix *ret) {
        const char *text = k->pod_cidrs.n > 0 ? k->pod_cidrs.items[0] : NULL;
        struct ip6_prefix p = { 0 };

        *ret = p;
        if (!text)
                gate_list_add(g, "pod CIDR", object, false, "none");
        else if (!ip6_prefix_parse(text, &p, NULL))
                gate_list_add(g, "pod CIDR", object, false, "%s is no IPv6 prefix", text);
        else if (!ip6_prefix_covers(&node->prefix, &p))
                gate_list_add(g, "pod CIDR", object, false, "%s is outside the node's own /64", text);
        else
                gate_list_add(g, "pod CIDR", object, true, "%s", text);
        if (text)
                *ret = p;
}

/* Talos from 1.12.4 on would drop the node's own address (the own-address trap), and a pod could be given it. */
static void gate_own_address(struct gate_list *g, const char *object, const struct bootstrap_node *node, const struct ip6_prefix *p) {
        char addr[IP6_STR_MAX];
        bool inside = p->len > 0 && ip6_prefix_has(p, &node->addr);

        gate_list_add(g, "own address", object, !inside, "%s lies %s the node's pod CIDR", ip6_format(&node->addr, addr), inside ? "inside" : "outside");
}

static void gate_certificate(const struct bootstrap *b, struct gate_list *g, const char *object, const struct kube_csrs *csrs,
                             const struct kube_node *k) {
        _cleanup_str_ char *user = xasprintf("system:node:%s", k->name);
        bool issued = false, pending = false, forgotten;

        for (size_t i = 0; i < csrs->n; i++) {
                bool ours = str_eq(csrs->items[i].username, user) && str_eq(csrs->items[i].signer, "kubernetes.io/kubelet-serving");
                issued = issued || (ours && csrs->items[i].state == KUBE_CSR_ISSUED);
                pending = pending || (ours && csrs->items[i].state == KUBE_CSR_PENDING);
        }
        forgotten = !issued && !pending && kube_now_ms(b->kube) - k->created_ms > 55 * MINUTE_MS;
        gate_list_add(g, "serving certificate", object, issued || forgotten, issued ? "issued" : forgotten ? "issued over an hour ago" :
                      pending ? "its request is pending" : "none was asked for");
}

static void gate_distinct(struct gate_list *g, const struct bootstrap_node *nodes, const struct ip6_prefix *cidrs, size_t n) {
        for (size_t i = 0; i < n; i++)
                for (size_t j = i + 1; j < n; j++)
                        if (cidrs[i].len > 0 && cidrs[j].len > 0 && ip6_prefix_overlaps(&cidrs[i], &cidrs[j])) {
                                gate_list_add(g, "pod CIDRs distinct", nodes[i].name, false, "overlaps with that of %s", nodes[j].name);
                                return;
                        }
        gate_list_add(g, "pod CIDRs distinct", "all nodes", true, "%zu", n);
}

static void gate_workload(const struct bootstrap *b, struct gate_list *g, enum kube_workload kind, const char *gate, const char *ns, const char *name,
                          struct error *err) {
        _cleanup_(kube_ready_done) struct kube_ready ready = { 0 };
        _cleanup_str_ char *object = xasprintf("%s/%s", ns, name);

        if (kube_ready_check(b->kube, kind, ns, name, 1, &ready, err) >= 0)
                gate_list_add(g, gate, object, ready.ready, "%s", ready.exists ? ready.text : "does not exist");
}

/* Of several control planes the kubeconfig names one; the others' API servers must answer too, or they are of no use when that one is lost. */
static void gate_api_servers(const struct bootstrap *b, struct gate_list *g, const struct bootstrap_node *nodes, size_t n) {
        size_t control_planes = 0;

        for (size_t i = 0; i < n; i++)
                control_planes += nodes[i].control_plane;
        for (size_t i = 0; i < n && control_planes > 1; i++) {
                if (!nodes[i].control_plane)
                        continue;
                _cleanup_error_ struct error why = ERROR_INIT;
                _cleanup_str_ char *place = ip6_bracket(&nodes[i].addr, API_PORT), *server = xasprintf("https://%s", place);
                _cleanup_str_ char *object = xasprintf("node %s", nodes[i].name);
                _cleanup_(kube_client_freep) struct kube_client *k = kube_client_beside(b->kube, server, API_LOOK_MS, 1);
                bool passed = kube_readyz(k, &why) >= 0;
                gate_list_add(g, "API server", object, passed, "%s", passed ? "ready" : error_text(&why));
        }
}

static int look(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, struct gate_list *g, struct error *err) {
        _cleanup_free_ struct ip6_prefix *cidrs = xcalloc(n + 1, sizeof(*cidrs));
        _cleanup_(kube_nodes_done) struct kube_nodes all = { 0 };
        _cleanup_(kube_csrs_done) struct kube_csrs csrs = { 0 };
        int r = kube_nodes_list(b->kube, &all, err);

        r = r < 0 ? r : kube_csrs_list(b->kube, &csrs, err);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                const struct kube_node *k = kube_nodes_find(&all, nodes[i].name);
                _cleanup_str_ char *object = xasprintf("node %s", nodes[i].name);

                if (!k) {
                        gate_list_add(g, "node registered", object, false, "Kubernetes does not know it");
                        continue;
                }
                gate_ready(g, object, k);
                gate_initialized(g, object, k);
                gate_provider(g, object, k, &nodes[i]);
                gate_address(g, object, k, &nodes[i]);
                gate_pod_cidr(g, object, k, &nodes[i], &cidrs[i]);
                gate_own_address(g, object, &nodes[i], &cidrs[i]);
                gate_certificate(b, g, object, &csrs, k);
        }
        gate_distinct(g, nodes, cidrs, n);
        gate_api_servers(b, g, nodes, n);
        gate_workload(b, g, KUBE_DEPLOYMENT, "CoreDNS", "kube-system", "coredns", err);
        return err->kind == ERR_NONE ? 0 : -1;
}

static const struct gate_result *first_failed(const struct gate_list *g) {
        for (size_t i = 0; i < g->n; i++)
                if (!g->items[i].passed)
                        return &g->items[i];
        return NULL;
}

static void append(struct gate_list *dst, struct gate_list *src) {
        for (size_t i = 0; i < src->n; i++)
                ARRAY_APPEND(dst->items, dst->n, src->items[i]);
        free(src->items);
        *src = (struct gate_list) { 0 };
}

int bootstrap_gates(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, int64_t timeout_ms, struct gate_list *ret,
                    struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 5 * MINUTE_MS);

        for (;;) {
                _cleanup_(gate_list_done) struct gate_list g = { 0 };
                _cleanup_error_ struct error why = ERROR_INIT;
                const struct gate_result *failed = NULL;
                int r = look(b, nodes, n, &g, &why);

                if (r < 0 && !kube_error_passes(&why))
                        return error_move(err, &why);
                failed = first_failed(&g);
                if (r >= 0 && !failed) {
                        append(ret, &g);
                        return 0;
                }
                bootstrap_note(b, "%s", failed ? failed->text : error_text(&why));
                if (wait_pause(&w, err, "%s", error_text(&why)) >= 0)
                        continue;
                if (err->kind == ERR_TIMEOUT && failed)
                        error_set(err, ERR_REFUSED, "%s: %s: %s", failed->gate, failed->object, failed->text);
                append(ret, &g);
                return -1;
        }
}
