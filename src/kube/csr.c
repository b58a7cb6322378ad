#include "kube/csr.h"

#include "base/codec.h"
#include "kube/parse.h"

#define CSRS "certificatesigningrequests"

static void csr_item_done(void *item) {
        kube_csr_done(item);
}

void kube_csr_done(struct kube_csr *c) {
        if (!c)
                return;
        char *texts[] = { c->name, c->uid, c->resource_version, c->signer, c->username, c->reason, c->message, c->certificate_pem,
                          c->request_error };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(texts[i]);
        strv_done(&c->groups);
        strv_done(&c->usages);
        kube_csr_request_done(&c->request);
        *c = (struct kube_csr) { 0 };
}

void kube_csrs_done(struct kube_csrs *c) {
        if (!c)
                return;
        for (size_t i = 0; i < c->n; i++)
                kube_csr_done(&c->items[i]);
        free(c->items);
        *c = (struct kube_csrs) { 0 };
}

/* Denied and Failed outweigh Approved; a certificate settles it. */
static bool parse_state(const json_t *status, struct kube_csr *c, struct error *err) {
        static const struct { const char *type; enum kube_csr_state state; } states[] = {
                { "Approved", KUBE_CSR_APPROVED }, { "Failed", KUBE_CSR_FAILED }, { "Denied", KUBE_CSR_DENIED },
        };
        const json_t *conditions;
        if (!parse_array(status, "conditions", &conditions, err))
                return false;
        for (size_t k = 0; k < ARRAY_SIZE(states); k++)
                for (size_t i = 0; i < json_array_size(conditions); i++) {
                        const json_t *o = json_array_get(conditions, i);
                        if (!str_eq(jget_text(o, "type"), states[k].type) || str_eq(jget_text(o, "status"), "False"))
                                continue;
                        c->state = states[k].state;
                        free(c->reason);
                        free(c->message);
                        c->reason = xstrdup(jget_text(o, "reason"));
                        c->message = xstrdup(jget_text(o, "message"));
                }
        if (c->state == KUBE_CSR_APPROVED && c->certificate_pem)
                c->state = KUBE_CSR_ISSUED;
        return true;
}

/* The base64 of PEM at key; absence leaves NULL. */
static bool parse_pem(const json_t *o, const char *key, char **ret, struct error *err) {
        _cleanup_str_ char *text = NULL;
        uint8_t *pem = NULL;
        size_t len;
        if (!jget_str(o, key, &text, err))
                return false;
        if (str_empty(text))
                return true;
        if (base64_decode(text, strlen(text), false, &pem, &len, NULL) < 0) {
                error_set(err, ERR_PROTOCOL, "'%s' is not base64", key);
                return false;
        }
        *ret = (char *) pem;
        return true;
}

/* A bad request in one CSR must not hide the others. */
static void parse_request(const json_t *spec, struct kube_csr *c) {
        _cleanup_str_ char *pem = NULL;
        _cleanup_error_ struct error why = ERROR_INIT;
        if (!parse_pem(spec, "request", &pem, &why) || (pem && kube_csr_request_parse(pem, strlen(pem), &c->request, &why) < 0))
                c->request_error = xstrdup(error_text(&why));
        else if (!pem)
                c->request_error = xstrdup("it holds no request");
}

int kube_csr_parse(const json_t *o, struct kube_csr *ret, struct error *err) {
        _cleanup_(kube_csr_done) struct kube_csr c = { 0 };
        const json_t *m = jget(o, "metadata"), *spec = jget(o, "spec"), *status = jget(o, "status");
        if (!jget_str(m, "name", &c.name, err) || !jget_str(m, "uid", &c.uid, err) ||
            !jget_str(m, "resourceVersion", &c.resource_version, err) || !parse_time(m, "creationTimestamp", &c.created_ms, err) ||
            !jget_str(spec, "signerName", &c.signer, err) || !jget_str(spec, "username", &c.username, err) ||
            !jget_strv(spec, "groups", &c.groups, err) || !jget_strv(spec, "usages", &c.usages, err) ||
            !parse_pem(status, "certificate", &c.certificate_pem, err) || !parse_state(status, &c, err))
                return error_wrap(err, "CertificateSigningRequest %s", c.name ? c.name : "?");
        parse_request(spec, &c);
        *ret = c;
        c = (struct kube_csr) { 0 };
        return 0;
}

static int csr_item(const json_t *o, void *into, struct error *err) {
        return kube_csr_parse(o, into, err);
}

int kube_csrs_list(struct kube_client *c, struct kube_csrs *ret, struct error *err) {
        _cleanup_str_ char *path = kube_path("certificates.k8s.io/v1", CSRS, NULL, NULL, NULL);
        void *items;
        size_t n;
        if (parse_list(c, path, sizeof(struct kube_csr), csr_item, csr_item_done, &items, &n, err) < 0)
                return error_wrap(err, "listing CertificateSigningRequests");
        *ret = (struct kube_csrs) { items, n };
        return 0;
}

int kube_csr_create(struct kube_client *c, const char *name, const char *signer, const char *pem, const char *const *usages,
                    int64_t expiration_s, struct error *err) {
        _cleanup_str_ char *path = kube_path("certificates.k8s.io/v1", CSRS, NULL, NULL, NULL);
        _cleanup_str_ char *encoded = base64_encode(pem, strlen(pem));
        json_t *list = json_array();
        for (size_t i = 0; usages[i]; i++)
                json_array_append_new(list, json_string(usages[i]));
        json_t *spec = json_pack("{s:s, s:s, s:o}", "request", encoded, "signerName", signer, "usages", list);
        if (expiration_s > 0)
                json_object_set_new(spec, "expirationSeconds", json_integer(expiration_s));
        _cleanup_json_ json_t *o = json_pack("{s:s, s:s, s:{s:s}, s:o}", "apiVersion", "certificates.k8s.io/v1", "kind",
                                             "CertificateSigningRequest", "metadata", "name", name, "spec", spec);
        return kube_create(c, path, o, NULL, err);
}

/* Adds the condition to what the server has. Approval and denial are final: the other one cannot follow. */
static int decide(struct kube_client *c, const char *name, const char *type, const char *reason, const char *message, struct error *err) {
        _cleanup_str_ char *path = kube_path("certificates.k8s.io/v1", CSRS, NULL, name, NULL);
        _cleanup_str_ char *approval = kube_path("certificates.k8s.io/v1", CSRS, NULL, name, "approval");
        _cleanup_json_ json_t *o = NULL;
        if (kube_get(c, path, &o, err) < 0)
                return -1;
        const char *other = str_eq(type, "Approved") ? "Denied" : "Approved";
        json_t *status = json_object_get(o, "status");
        if (!json_is_object(status)) {
                status = json_object();
                json_object_set_new(o, "status", status);
        }
        json_t *conditions = json_object_get(status, "conditions");
        if (!json_is_array(conditions)) {
                conditions = json_array();
                json_object_set_new(status, "conditions", conditions);
        }
        for (size_t i = 0; i < json_array_size(conditions); i++) {
                const char *had = jget_text(json_array_get(conditions, i), "type");
                if (str_eq(had, type))
                        return 0;
                if (str_eq(had, other))
                        return error_set(err, ERR_INVALID, "CertificateSigningRequest %s is already %s", name, other);
        }
        _cleanup_str_ char *now = time_format_rfc3339(kube_now_ms(c));
        json_array_append_new(conditions, json_pack("{s:s, s:s, s:s, s:s, s:s}", "type", type, "status", "True", "reason", reason,
                                                    "message", message, "lastUpdateTime", now));
        if (kube_replace(c, approval, o, NULL, err) < 0)
                return error_wrap(err, "CertificateSigningRequest %s", name);
        return 0;
}

int kube_csr_approve(struct kube_client *c, const char *name, const char *reason, const char *message, struct error *err) {
        return decide(c, name, "Approved", reason, message, err);
}

int kube_csr_deny(struct kube_client *c, const char *name, const char *reason, const char *message, struct error *err) {
        return decide(c, name, "Denied", reason, message, err);
}
