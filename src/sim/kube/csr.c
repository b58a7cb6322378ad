#include "sim/kube/csr.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/codec.h"

static int add_san(X509_REQ *request, const char *dns_name, const struct ip6_addr *address) {
        char text[IP6_STR_MAX];
        _cleanup_str_ char *value = xasprintf("DNS:%s,IP:%s", dns_name, ip6_format(address, text));
        STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
        X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
        bool done = list && san && sk_X509_EXTENSION_push(list, san) > 0 && X509_REQ_add_extensions(request, list) == 1;
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        return done ? 0 : -1;
}

static char *bio_text(BIO *b) {
        char *text;
        long n = BIO_get_mem_data(b, &text);
        return xstrndup(text, (size_t) n);
}

int csr_make(const char *common_name, const char *organization, const char *dns_name, const struct ip6_addr *address,
             char **ret_pem, char **ret_key, struct error *err) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509_REQ *request = X509_REQ_new();
        BIO *out = BIO_new(BIO_s_mem()), *secret = BIO_new(BIO_s_mem());
        X509_NAME *name = request ? X509_REQ_get_subject_name(request) : NULL;
        bool done = key && out && secret && name &&
                X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *) organization, -1, -1, 0) == 1 &&
                X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *) common_name, -1, -1, 0) == 1 &&
                X509_REQ_set_pubkey(request, key) == 1 && (!dns_name || add_san(request, dns_name, address) == 0) &&
                X509_REQ_sign(request, key, EVP_sha256()) > 0 &&
                PEM_write_bio_X509_REQ(out, request) == 1 && PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) == 1;
        if (done) {
                *ret_pem = bio_text(out);
                if (ret_key)
                        *ret_key = bio_text(secret);
        }
        EVP_PKEY_free(key);
        X509_REQ_free(request);
        BIO_free(out);
        BIO_free(secret);
        return done ? 0 : error_set(err, ERR_BUG, "no certificate request could be made for %s", common_name);
}

void csr_request_serving(struct kube_cluster *c, struct kube_machine *m) {
        _cleanup_str_ char *user = xasprintf("system:node:%s", m->settings.name), *suffix = kube_suffix(c,
                                                                                          5), *pem = NULL, *encoded = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;
        free(m->serving_key);
        m->serving_key = NULL;
        if (csr_make(user, "system:nodes", m->settings.name, &m->settings.addr, &pem, &m->serving_key, &err) < 0)
                return;
        encoded = base64_encode(pem, strlen(pem));
        free(m->csr_name);
        m->csr_name = xasprintf("csr-%s", suffix);
        m->csr_due_ms = kube_now(c) + CSR_RETRY_MS;
        bool sent = kube_save(c, "kubelet", "", json_pack("{s:s, s:s, s:{s:s}, s:{s:s, s:s, s:[ss], s:s, s:[ss]}}", "apiVersion",
                                              "certificates.k8s.io/v1", "kind",
                                              "CertificateSigningRequest", "metadata", "name", m->csr_name, "spec", "request",
                                              encoded, "signerName",
                                              "kubernetes.io/kubelet-serving", "usages", "digital signature", "server auth",
                                              "username", user, "groups",
                                              "system:nodes", "system:authenticated"));
        if (!sent)                       /* refused by a real API server, or it did not answer */
                m->csr_due_ms = kube_now(c) + BACKOFF_MIN_MS;
}

/* What the signer checks itself (kubernetes: pkg/controller/certificates/signer). */
static bool signer_accepts(const char *signer, const struct cert_request *request) {
        if (str_eq(signer, "kubernetes.io/kubelet-serving"))
                return request->common_name && str_starts(request->common_name, "system:node:") &&
                request->organizations.n == 1 &&
                        strv_has(&request->organizations, "system:nodes") && request->n_other == 0;
        return str_eq(signer, "kubernetes.io/kube-apiserver-client") || str_eq(signer,
                                                                               "kubernetes.io/kube-apiserver-client-kubelet");
}

static bool has_usage(const json_t *request, const char *usage) {
        size_t i;
        json_t *each;
        json_array_foreach(jget(request, "spec.usages"), i, each)
                if (str_eq(json_string_value(each), usage))
                        return true;
        return false;
}

static void sign(struct kube_cluster *c, const json_t *request) {
        _cleanup_free_ uint8_t *pem = NULL;
        size_t n;
        _cleanup_error_ struct error err = ERROR_INIT;
        struct cert_request parsed = { 0 };
        const char *text = jget_text(request, "spec.request"), *signer = jget_text(request, "spec.signerName");
        _cleanup_json_ json_t *copy = json_deep_copy(request);
        if (!text || base64_decode(text, strlen(text), false, &pem, &n, &err) < 0 ||
            cert_request_parse((const char *) pem, &parsed, &err) < 0)
                return;
        bool accepted = signer_accepts(signer, &parsed);
        cert_request_done(&parsed);
        _cleanup_str_ char *certificate = NULL;
        struct cert_spec spec = { .server_auth = has_usage(request, "server auth"),
                                  .client_auth = has_usage(request, "client auth"),
                                  .not_before_ms = kube_now(c) - 300000, .lifetime_ms = 365LL * 86400000,
                                  .key = CERT_KEY_LIKE_CA };
        if (!accepted) {
                if (!str_starts(signer, "kubernetes.io/"))
                        return;
                meta_set_condition(meta_object(copy, "status"), "Failed", "True", "SignerValidationFailure",
                                   "the request does not fit its signer", kube_now(c));
        } else if (cert_sign_request(&c->settings.ca, (const char *) pem, &spec, &certificate, &err) < 0) {
                meta_set_condition(meta_object(copy, "status"), "Failed", "True", "SigningError", error_text(&err), kube_now(c));
        } else {
                _cleanup_str_ char *encoded = base64_encode(certificate, strlen(certificate));
                json_object_set_new(meta_object(copy, "status"), "certificate", json_string(encoded));
        }
        kube_save(c, "kube-controller-manager", "status", TAKE(copy));
}

static void serve(struct kube_cluster *c, struct kube_machine *m, const char *encoded) {
        _cleanup_free_ uint8_t *pem = NULL;
        size_t n;
        _cleanup_error_ struct error err = ERROR_INIT;
        if (base64_decode(encoded, strlen(encoded), false, &pem, &n, &err) == 0)
                c->env.remote->serve(c->env.remote->data, m, (const char *) pem);
}

/* A kubelet with rotate-server-certificates asks when its Node has an address, and anew when nothing came for a quarter of an
 * hour. */
static void kubelet_side(struct kube_cluster *c, struct kube_machine *m) {
        if (!m->up || !m->registered || !m->settings.rotate_certificates || m->has_serving)
                return;
        const json_t *request = m->csr_name ? kube_find(c, "certificates.k8s.io", "certificatesigningrequests", NULL,
                                                        m->csr_name) : NULL;
        if (jget_text(request, "status.certificate")) {
                m->has_serving = true;
                if (kube_is_copy(c))
                        serve(c, m, jget_text(request, "status.certificate"));
                return;
        }
        const json_t *node = kube_find(c, "", "nodes", NULL, m->settings.name);
        if (!node || json_array_size(jget(node, "status.addresses")) == 0)
                return;
        bool again = !m->csr_name || m->csr_due_ms <= kube_now(c) || meta_condition(request, "Denied");
        if (again)
                csr_request_serving(c, m);
        kube_wake_at(c, m->csr_due_ms);
}

static void kubelets(struct kube_cluster *c) {
        for (size_t m = 0; m < c->n_machines; m++) {
                c->as = &c->machines[m]->self;
                kubelet_side(c, c->machines[m]);
        }
        c->as = NULL;
}

void csr_pass(struct kube_cluster *c) {
        if (kube_is_copy(c)) {           /* the real controller manager signs */
                kubelets(c);
                return;
        }
        _cleanup_json_ json_t *all = kube_all(c, "certificates.k8s.io", "certificatesigningrequests");
        size_t i, k;
        json_t *each, *condition;
        json_array_foreach(all, i, each) {
                if (jget_text(each, "status.certificate") || meta_condition(each, "Failed") || meta_condition(each, "Denied"))
                        continue;
                json_array_foreach(jget(each, "status.conditions"), k, condition) {
                        if (!str_eq(jget_text(condition, "type"), "Approved"))
                                continue;
                        int64_t since = MAX(meta_time_of(condition, "lastTransitionTime"),
                                            meta_time_of(condition, "lastUpdateTime"));
                        int64_t due = since ? since + kube_latency(c, NULL, LATENCY_SIGN) : 0;
                        if (due > kube_now(c) && due < kube_now(c) + 5000)
                                kube_wake_at(c, due);
                        else
                                sign(c, each);
                }
        }
        kubelets(c);
}
