/* The CCM against a real API server: its start, request by request, and the ServiceAccounts in whose names its controllers write. Facts:
 * k8s.io/cloud-provider/app (controllermanager.go, core.go), k8s.io/controller-manager/pkg/clientbuilder, and the CCM's cmd/…/main.go: cloud-node and
 * node-ipam-controller are clients named node-controller, the approving controller is one named as the CCM's own account. */
#include "sim/kube/ccm.h"

#include <stdio.h>

#include "base/clock.h"
#include "sim/kube/token.h"

#define LEASE "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
#define LEASE_MS 10000                   /* constant: --leader-elect-renew-deadline */
#define OWN_ACCOUNT "talos-cloud-controller-manager"

static int call(struct kube_cluster *c, const char *method, const char *path, const json_t *body, json_t **ret, int *ret_code) {
        _cleanup_kube_failure_ struct kube_failure f = { 0 };
        int r = c->env.remote->call(c->env.remote->data, method, path, body, ret, &f);
        *ret_code = r < 0 ? f.code : 200;
        return r;
}

static const char *lease_name(const json_t *pod) {
        static const char flag[] = "--leader-elect-resource-name=";
        size_t i;
        json_t *arg;
        json_array_foreach(json_object_get(json_array_get(jget(pod, "spec.containers"), 0), "args"), i, arg)
                if (str_starts(json_string_value(arg), flag))
                        return json_string_value(arg) + strlen(flag);
        return "cloud-controller-manager";
}

/* Leader election: get, then create or update. */
static bool hold_lease(struct kube_cluster *c, struct ccm *ccm, const json_t *pod) {
        _cleanup_str_ char *path = xasprintf(LEASE "/%s", lease_name(pod)), *now = time_format_micro(kube_now(c));
        _cleanup_json_ json_t *lease = NULL;
        int code;
        bool there = call(c, "GET", path, NULL, &lease, &code) == 0;
        if (!there && code != 404)
                return false;
        if (!lease)
                lease = json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
                                  lease_name(pod), "namespace", "kube-system");
        json_object_set_new(lease, "spec", json_pack("{s:s, s:i, s:s}", "holderIdentity", ccm->holder, "leaseDurationSeconds", 15, "renewTime", now));
        if (call(c, there ? "PUT" : "POST", there ? path : LEASE, lease, NULL, &code) < 0)
                return false;
        ccm->lease_due_ms = kube_now(c) + LEASE_MS;
        return true;
}

static bool look(struct kube_cluster *c, const char *path) {
        int code;
        return call(c, "GET", path, NULL, NULL, &code) == 0;
}

static const char *account_of_approval(const struct ccm *ccm, const json_t *pod) {
        const char *own = jget_text(pod, "spec.serviceAccountName");
        return ccm->version->account_by_environment && own ? own : OWN_ACCOUNT;
}

/* Without --use-service-account-credentials all controllers are the pod's own account. */
static bool take_token(struct kube_cluster *c, struct ccm *ccm, size_t which, const char *account, const char *name, struct kube_identity *as) {
        *as = ccm->self;
        as->name = name;
        if (!ccm->own_accounts)
                return true;
        ccm->tokens[which] = token_of_account(c, "kube-system", account);
        as->token = ccm->tokens[which];
        return ccm->tokens[which] != NULL;
}

/* One step of the start; true when it was done. */
static bool step(struct kube_cluster *c, struct ccm *ccm, const json_t *pod, struct kube_machine *m) {
        switch (ccm->step) {
        case 0:
                ccm->tokens[0] = token_of_pod(c, &m->self, pod);
                ccm->self = (struct kube_identity) { .name = "Talos CCM", .token = ccm->tokens[0], .at = m };
                return ccm->tokens[0] != NULL;
        case 1:
                return look(c, "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication");
        case 2:
                return hold_lease(c, ccm, pod);
        case 3:
                return look(c, "/api/v1/nodes?limit=1");
        case 4:
                return take_token(c, ccm, 1, "node-controller", "Talos CCM (node-controller)", &ccm->nodes_as);
        case 5:
                return take_token(c, ccm, 2, account_of_approval(ccm, pod), "Talos CCM (node-csr-approval)", &ccm->approval_as);
        case 6:
                c->as = &ccm->approval_as;
                return !ccm->approve || look(c, "/apis/certificates.k8s.io/v1/certificatesigningrequests?limit=1");
        default:
                return false;
        }
}

#define STEPS 7

bool ccm_accounts_ready(struct kube_cluster *c, struct ccm *ccm, const json_t *pod) {
        struct kube_machine *m = kube_machine_find(c, jget_text(pod, "spec.nodeName"));
        _cleanup_json_ json_t *held = json_incref((json_t *) pod);
        if (!m)
                return false;
        if (!ccm->holder)
                ccm->holder = xasprintf("%s_%s", m->settings.name, meta_uid(held));
        for (bool done = true; done && ccm->step < STEPS; ccm->step += done) {
                c->as = ccm->self.token ? &ccm->self : NULL;
                done = step(c, ccm, held, m);
        }
        c->as = &ccm->self;
        if (ccm->step == STEPS && ccm->lease_due_ms <= kube_now(c))
                (void) hold_lease(c, ccm, held);
        c->as = NULL;
        if (ccm->step == STEPS)
                kube_wake_at(c, MAX(ccm->lease_due_ms, kube_now(c) + BACKOFF_MIN_MS));
        return ccm->step == STEPS;
}

void ccm_accounts_done(struct ccm *ccm) {
        for (size_t i = 0; i < ARRAY_SIZE(ccm->tokens); i++)
                free(ccm->tokens[i]);
        free(ccm->holder);
}

const json_t *ccm_node(struct kube_cluster *c, const char *name) {
        _cleanup_str_ char *path = xasprintf("/api/v1/nodes/%s", name);
        json_t *node = NULL;
        int code;
        if (kube_is_copy(c) && call(c, "GET", path, NULL, &node, &code) < 0)
                return NULL;
        if (node)
                kube_copy_put(c, kube_type(c, "", "nodes"), node);
        return kube_find(c, "", "nodes", NULL, name);
}
