/* How a kubelet gets into a cluster: with the bootstrap token of the machine config it asks for a client certificate, which the real controller
 * manager approves and signs; everything else it does with that (kubernetes: pkg/kubelet/certificate/bootstrap). */
#include "base/codec.h"
#include "sim/kube/csr.h"
#include "sim/real/internal.h"
#include "sim/real/kubelet-api.h"

#define LOOK_MS 1000
#define ANEW_MS 60000

struct credentials {
        int64_t server_id;               /* whose disk they lie on */
        char *request, *key_pem;         /* the one under way */
        int64_t since_ms;
        struct cert_pair certificate;
        char *name;                      /* "kubelet of worker-1" */
        struct kubelet_api *api;
};

static void credentials_free(struct credentials *k) {
        if (!k)
                return;
        kubelet_api_free(k->api);
        free(k->request);
        free(k->key_pem);
        free(k->certificate.cert_pem);
        free(k->certificate.key_pem);
        free(k->name);
        free(k);
}

void mirror_forget(void *data, struct kube_machine *m) {
        (void) data;
        credentials_free(m->credentials);
        m->credentials = NULL;
        m->self = (struct kube_identity) { .at = m };
}

static void ask(struct mirror *mirror, struct kube_machine *m, struct credentials *k) {
        struct kube_cluster *c = mirror->cluster;
        const struct kube_identity *before = c->as;
        _cleanup_str_ char *user = xasprintf("system:node:%s", m->settings.name), *suffix = kube_suffix(c, 10), *pem = NULL, *encoded = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;
        free(k->request);
        free(k->key_pem);
        k->request = k->key_pem = NULL;
        if (csr_make(user, "system:nodes", NULL, NULL, &pem, &k->key_pem, &err) < 0)
                return;
        encoded = base64_encode(pem, strlen(pem));
        _cleanup_str_ char *name = xasprintf("node-csr-%s", suffix), *who = xasprintf("kubelet of %s (bootstrap token)", m->settings.name);
        struct kube_identity token = { .name = who, .token = m->settings.bootstrap_token, .at = m };
        c->as = &token;
        if (kube_save(c, "kubelet", "", json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:s, s:[ss]}}", "apiVersion", "certificates.k8s.io/v1", "kind",
                                                  "CertificateSigningRequest", "metadata", "name", name, "spec", "request", encoded, "signerName",
                                                  "kubernetes.io/kube-apiserver-client-kubelet", "usages", "digital signature", "client auth")))
                k->request = TAKE(name);
        k->since_ms = kube_now(c);
        c->as = before;
}

/* The answer to the request under way, if there is one. */
static bool take(struct mirror *mirror, struct kube_machine *m, struct credentials *k) {
        const json_t *request = kube_find(mirror->cluster, "certificates.k8s.io", "certificatesigningrequests", NULL, k->request);
        const char *encoded = jget_text(request, "status.certificate");
        _cleanup_free_ uint8_t *pem = NULL;
        size_t n;
        _cleanup_error_ struct error err = ERROR_INIT;
        if (!encoded || base64_decode(encoded, strlen(encoded), false, &pem, &n, &err) < 0)
                return false;
        k->certificate = (struct cert_pair) { .cert_pem = xstrdup((const char *) pem), .key_pem = TAKE(k->key_pem) };
        k->name = xasprintf("kubelet of %s", m->settings.name);
        m->self = (struct kube_identity) { .name = k->name, .certificate = &k->certificate, .at = m };
        return true;
}

bool mirror_join(void *data, struct kube_machine *m) {
        struct mirror *mirror = data;
        struct credentials *k = m->credentials;
        if (k && k->server_id != m->settings.server_id) {        /* another server of that name: an empty disk */
                mirror_forget(mirror, m);
                k = NULL;
        }
        if (!k) {
                k = xnew0(struct credentials);
                k->server_id = m->settings.server_id;
                m->credentials = k;
        }
        if (k->certificate.cert_pem)
                return true;
        if (k->request && take(mirror, m, k))
                return true;
        const json_t *request = k->request ? kube_find(mirror->cluster, "certificates.k8s.io", "certificatesigningrequests", NULL, k->request) : NULL;
        bool lost = meta_condition(request, "Denied") || meta_condition(request, "Failed") || k->since_ms + ANEW_MS <= kube_now(mirror->cluster);
        if (!k->request || lost)
                ask(mirror, m, k);
        kube_wake_at(mirror->cluster, kube_now(mirror->cluster) + LOOK_MS);
        return false;
}

void mirror_serve(void *data, struct kube_machine *m, const char *certificate_pem) {
        struct mirror *mirror = data;
        struct credentials *k = m->credentials;
        _cleanup_error_ struct error err = ERROR_INIT;
        struct cert_pair pair = { (char *) certificate_pem, m->serving_key };
        if (!k || !m->serving_key)
                return;
        kubelet_api_free(TAKE(k->api));
        if (kubelet_api_new(mirror, m, &pair, &k->api, &err) < 0)
                sim_say(mirror->world, "kubelet of %s: %s", m->settings.name, error_text(&err));
}
