#include "sim/kube/token.h"

static char *request(struct kube_cluster *c, const char *name_space, const char *account, const json_t *body) {
        _cleanup_str_ char *path = xasprintf("/api/v1/namespaces/%s/serviceaccounts/%s/token", name_space, account);
        _cleanup_kube_failure_ struct kube_failure f = { 0 };
        _cleanup_json_ json_t *answer = NULL;
        if (c->env.remote->call(c->env.remote->data, "POST", path, body, &answer, &f) < 0)
                return NULL;
        return xstrdup(jget_text(answer, "status.token"));
}

char *token_of_pod(struct kube_cluster *c, const struct kube_identity *kubelet, const json_t *pod) {
        const char *account = jget_text(pod, "spec.serviceAccountName");
        _cleanup_json_ json_t *body = json_pack("{s:s, s:s, s:{s:i, s:{s:s, s:s, s:s, s:s}}}", "apiVersion", "authentication.k8s.io/v1", "kind",
                                                "TokenRequest", "spec", "expirationSeconds", 3607, "boundObjectRef", "apiVersion", "v1", "kind", "Pod",
                                                "name", meta_name(pod), "uid", meta_uid(pod));
        const struct kube_identity *before = c->as;
        c->as = kubelet;
        char *token = request(c, meta_namespace(pod), account ? account : "default", body);
        c->as = before;
        return token;
}

char *token_of_account(struct kube_cluster *c, const char *name_space, const char *account) {
        _cleanup_str_ char *path = xasprintf("/api/v1/namespaces/%s/serviceaccounts/%s", name_space, account), *all = xasprintf("/api/v1/namespaces/%s/serviceaccounts",
                                                                                                                                 name_space);
        _cleanup_kube_failure_ struct kube_failure f = { 0 }, g = { 0 };
        if (c->env.remote->call(c->env.remote->data, "GET", path, NULL, NULL, &f) < 0) {
                if (f.code != 404)
                        return NULL;
                _cleanup_json_ json_t *object = json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", "v1", "kind", "ServiceAccount", "metadata", "name",
                                                          account, "namespace", name_space);
                int r = c->env.remote->call(c->env.remote->data, "POST", all, object, NULL, &g);
                kube_failure_done(&g);
                if (r < 0)
                        return NULL;
        }
        _cleanup_json_ json_t *body = json_pack("{s:s, s:s, s:{s:i}}", "apiVersion", "authentication.k8s.io/v1", "kind", "TokenRequest", "spec",
                                                "expirationSeconds", 3600);
        return request(c, name_space, account, body);
}
