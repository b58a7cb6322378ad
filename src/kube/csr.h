/* CertificateSigningRequests: create, read with the PKCS#10 inside, approve, deny. certificates.k8s.io/v1. */
#pragma once

#include "base/ip6.h"
#include "kube/client.h"

/* What a PKCS#10 asks for. */
struct kube_csr_request {
        char *common_name;                        /* "system:node:demo-worker-1", or NULL */
        struct strv organizations;                /* "system:nodes" */
        struct strv dns_names, ips, emails, uris; /* subject alternative names; IP addresses in canonical text */
        struct strv key_usages;                   /* as Kubernetes names them: "digital signature", "server auth"; of the extensions
                                                   * in the PKCS#10, which kubelets leave out: see kube_csr.usages */
        char *key_type;                           /* "EC", "RSA", "ED25519" */
        int key_bits;
};
void kube_csr_request_done(struct kube_csr_request *r);
/* Reads PEM and verifies the request's own signature. ERR_INVALID. */
int kube_csr_request_parse(const char *pem, size_t len, struct kube_csr_request *ret, struct error *err);

enum kube_csr_state { KUBE_CSR_PENDING, KUBE_CSR_APPROVED, KUBE_CSR_ISSUED, KUBE_CSR_DENIED, KUBE_CSR_FAILED };
struct kube_csr {
        char *name, *uid, *resource_version;
        char *signer;                             /* "kubernetes.io/kubelet-serving" */
        char *username;                           /* who asked */
        struct strv groups, usages;
        int64_t created_ms;
        enum kube_csr_state state;
        char *reason, *message;                   /* of the deciding condition, or NULL */
        char *certificate_pem;                    /* once issued, or NULL */
        struct kube_csr_request request;
        char *request_error;                      /* why the PKCS#10 could not be read, or NULL */
};
struct kube_csrs { struct kube_csr *items; size_t n; };
void kube_csr_done(struct kube_csr *c);
void kube_csrs_done(struct kube_csrs *c);
int kube_csr_parse(const json_t *o, struct kube_csr *ret, struct error *err);
int kube_csrs_list(struct kube_client *c, struct kube_csrs *ret, struct error *err);
/* usages ends with NULL; expiration_s 0: the signer's own. */
int kube_csr_create(struct kube_client *c, const char *name, const char *signer, const char *pem, const char *const *usages,
                    int64_t expiration_s, struct error *err);
/* PUT …/approval with the condition added. ERR_CONFLICT when it changed meanwhile, ERR_INVALID when decided the other way already. */
int kube_csr_approve(struct kube_client *c, const char *name, const char *reason, const char *message, struct error *err);
int kube_csr_deny(struct kube_client *c, const char *name, const char *reason, const char *message, struct error *err);
