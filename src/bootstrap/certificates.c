/* Serving certificates of kubelets: seen to be issued, and approved by us when the CCM has missed one. */
#include "bootstrap/certificates.h"
#include "bootstrap/private.h"
#include "kube/node.h"

#define SIGNER "kubernetes.io/kubelet-serving"
#define LATE_MS (20 * SECOND_MS)
#define ONE_BY_ONE 3
/* Kubernetes removes issued requests after an hour (csrcleaner); an older Node without one has had its certificate. */
#define FORGOTTEN_MS (55 * MINUTE_MS)

static bool usages_fit(const struct strv *usages) {
        static const char *const allowed[] = { "digital signature", "key encipherment", "server auth" };
        bool server = false;

        for (size_t i = 0; i < usages->n; i++) {
                bool known = false;
                for (size_t j = 0; j < ARRAY_SIZE(allowed); j++)
                        known = known || str_eq(usages->items[i], allowed[j]);
                if (!known)
                        return false;
                server = server || str_eq(usages->items[i], "server auth");
        }
        return server;
}

const char *serving_csr_refusal(const struct kube_csr *csr, const struct bootstrap_node *node) {
        _cleanup_str_ char *user = xasprintf("system:node:%s", node->name);
        struct ip6_addr addr;

        if (!str_eq(csr->signer, SIGNER))
                return "it is for another signer";
        if (csr->request_error)
                return "its request cannot be read";
        if (!str_eq(csr->username, user) || !str_eq(csr->request.common_name, user))
                return "user and common name are not the node's";
        if (!strv_has(&csr->groups, "system:nodes") || csr->request.organizations.n != 1 || !strv_has(&csr->request.organizations, "system:nodes"))
                return "the organisation is not system:nodes alone";
        if (!usages_fit(&csr->usages))
                return "its usages are not those of a serving certificate";
        if (csr->request.emails.n > 0 || csr->request.uris.n > 0)
                return "it names e-mail addresses or URIs";
        for (size_t i = 0; i < csr->request.dns_names.n; i++)
                if (!str_eq(csr->request.dns_names.items[i], node->name))
                        return "it names a host that is not the node";
        if (csr->request.ips.n == 0)
                return "it names no address";
        for (size_t i = 0; i < csr->request.ips.n; i++)
                if (!ip6_parse(csr->request.ips.items[i], &addr) || !ip6_equal(&addr, &node->addr))
                        return "it names an address that is not the node's";
        return NULL;
}

/* Approves a late one of this node. Returns whether a certificate was issued already. */
static int look_at_csrs(const struct bootstrap *b, const struct kube_csrs *csrs, const struct bootstrap_node *node, size_t *approved, bool *issued,
                        struct error *err) {
        _cleanup_str_ char *user = xasprintf("system:node:%s", node->name);

        for (size_t i = 0; i < csrs->n; i++) {
                const struct kube_csr *csr = &csrs->items[i];
                const char *refusal;
                int r;

                if (!str_eq(csr->username, user) || !str_eq(csr->signer, SIGNER))
                        continue;
                *issued = *issued || csr->state == KUBE_CSR_ISSUED;
                if (csr->state != KUBE_CSR_PENDING || kube_now_ms(b->kube) - csr->created_ms < LATE_MS)
                        continue;
                refusal = serving_csr_refusal(csr, node);
                if (refusal) {
                        bootstrap_note(b, "certificate request %s is not approved: %s", csr->name, refusal);
                        continue;
                }
                r = kube_csr_approve(b->kube, csr->name, "hcloud-v6", "approved by hcloud-v6: user, organisation, usages and addresses are the node's", err);
                if (r < 0 && err->kind != ERR_CONFLICT)
                        return error_wrap(err, "approving the serving certificate of '%s'", node->name);
                *approved += r >= 0;
                error_done(err);
        }
        return 0;
}

/* Is the Node so old that its issued request has been removed by Kubernetes? */
static bool is_forgotten(const struct bootstrap *b, const struct kube_node *k) {
        return k && kube_now_ms(b->kube) - k->created_ms > FORGOTTEN_MS;
}

static bool is_forgotten_by_name(const struct bootstrap *b, const char *name) {
        _cleanup_(kube_node_done) struct kube_node k = { 0 };
        _cleanup_error_ struct error why = ERROR_INIT;

        return kube_node_get(b->kube, name, &k, &why) >= 0 && is_forgotten(b, &k);
}

/* Takes those whose certificates are only forgotten off the list of the missing. A few are asked for one by one, many by one list. */
static void drop_forgotten(const struct bootstrap *b, const char **missing, size_t *n) {
        _cleanup_(kube_nodes_done) struct kube_nodes all = { 0 };
        _cleanup_error_ struct error why = ERROR_INIT;
        bool one_by_one = *n <= ONE_BY_ONE;
        size_t left = 0;

        if (!one_by_one && kube_nodes_list(b->kube, &all, &why) < 0)
                return;
        for (size_t i = 0; i < *n; i++)
                if (!(one_by_one ? is_forgotten_by_name(b, missing[i]) : is_forgotten(b, kube_nodes_find(&all, missing[i]))))
                        missing[left++] = missing[i];
        *n = left;
}

/* One look at all requests; late ones are approved. missing: names of those that have no certificate. */
static int look_at_all(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, const char **missing, size_t *ret_missing,
                       size_t *approved, struct error *err) {
        _cleanup_(kube_csrs_done) struct kube_csrs csrs = { 0 };

        *ret_missing = 0;
        if (kube_csrs_list(b->kube, &csrs, err) < 0)
                return -1;
        for (size_t i = 0; i < n; i++) {
                bool issued = false;

                if (look_at_csrs(b, &csrs, &nodes[i], approved, &issued, err) < 0)
                        return -1;
                if (!issued)
                        missing[(*ret_missing)++] = nodes[i].name;
        }
        if (*ret_missing > 0)
                drop_forgotten(b, missing, ret_missing);
        return 0;
}

int bootstrap_serving_certificates(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, int64_t timeout_ms,
                                   size_t *ret_approved, struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 3 * MINUTE_MS);
        _cleanup_free_ const char **missing = xcalloc(n + 1, sizeof(*missing));
        size_t approved = 0;

        for (;;) {
                _cleanup_error_ struct error why = ERROR_INIT;
                size_t n_missing;
                int r = look_at_all(b, nodes, n, missing, &n_missing, &approved, &why);

                if (r < 0 && !kube_error_passes(&why))
                        return error_move(err, &why);
                if (r >= 0 && n_missing == 0) {
                        *ret_approved = approved;
                        return 0;
                }
                if (r < 0) {
                        bootstrap_note(b, "%s", error_text(&why));
                        r = wait_pause(&w, err, "serving certificates: %s", error_text(&why));
                } else {
                        bootstrap_note(b, "%zu of %zu serving certificates", n - n_missing, n);
                        r = wait_pause(&w, err, "node '%s' has no issued serving certificate (%zu of %zu have)", missing[n_missing - 1], n - n_missing, n);
                }
                if (r < 0)
                        return r;
        }
}
