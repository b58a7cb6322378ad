/* The PKCS#10 inside a CertificateSigningRequest, read with OpenSSL. */
#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "kube/csr.h"

DEFINE_CLEANUP(BIO *, BIO_free_all)
DEFINE_CLEANUP(X509_REQ *, X509_REQ_free)
DEFINE_CLEANUP(GENERAL_NAMES *, GENERAL_NAMES_free)
DEFINE_CLEANUP(ASN1_BIT_STRING *, ASN1_BIT_STRING_free)
DEFINE_CLEANUP(EXTENDED_KEY_USAGE *, EXTENDED_KEY_USAGE_free)

static void extensions_free(STACK_OF(X509_EXTENSION) **list) {
        sk_X509_EXTENSION_pop_free(*list, X509_EXTENSION_free);
}

void kube_csr_request_done(struct kube_csr_request *r) {
        if (!r)
                return;
        free(r->common_name);
        strv_done(&r->organizations);
        strv_done(&r->dns_names);
        strv_done(&r->ips);
        strv_done(&r->emails);
        strv_done(&r->uris);
        strv_done(&r->key_usages);
        free(r->key_type);
        *r = (struct kube_csr_request) { 0 };
}

/* A NUL inside a name could make it look like another one: such a request is refused. *ret is owned. */
static int asn1_text(const ASN1_STRING *s, char **ret, struct error *err) {
        unsigned char *utf8 = NULL;
        int len = ASN1_STRING_to_UTF8(&utf8, s);
        if (len < 0)
                return error_set(err, ERR_INVALID, "a name in the request is no text");
        bool clean = memchr(utf8, '\0', (size_t) len) == NULL;
        if (clean)
                *ret = xstrndup((const char *) utf8, (size_t) len);
        OPENSSL_free(utf8);
        return clean ? 0 : error_set(err, ERR_INVALID, "a name in the request holds a NUL");
}

static int read_subject(X509_REQ *req, struct kube_csr_request *r, struct error *err) {
        const X509_NAME *name = X509_REQ_get_subject_name(req);
        for (int i = 0; i < X509_NAME_entry_count(name); i++) {
                const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
                int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(e));
                _cleanup_str_ char *text = NULL;
                if (nid != NID_commonName && nid != NID_organizationName)
                        continue;
                if (asn1_text(X509_NAME_ENTRY_get_data(e), &text, err) < 0)
                        return -1;
                if (nid == NID_organizationName) {
                        strv_take(&r->organizations, TAKE(text));
                } else {
                        free(r->common_name); /* of several the last counts, as in Go */
                        r->common_name = TAKE(text);
                }
        }
        return 0;
}

static int add_ip(const ASN1_OCTET_STRING *ip, struct kube_csr_request *r, struct error *err) {
        char text[INET6_ADDRSTRLEN];
        struct ip6_addr v6;
        char v6_text[IP6_STR_MAX];
        switch (ASN1_STRING_length(ip)) {
        case 4:
                strv_add(&r->ips, inet_ntop(AF_INET, ASN1_STRING_get0_data(ip), text, sizeof(text)));
                return 0;
        case 16:
                memcpy(v6.b, ASN1_STRING_get0_data(ip), sizeof(v6.b));
                strv_add(&r->ips, ip6_format(&v6, v6_text));
                return 0;
        default:
                return error_set(err, ERR_INVALID, "an address in the request has %d bytes", ASN1_STRING_length(ip));
        }
}

static int add_name(const ASN1_STRING *s, struct strv *into, struct error *err) {
        char *text = NULL;
        if (asn1_text(s, &text, err) < 0)
                return -1;
        strv_take(into, text);
        return 0;
}

static int read_names(STACK_OF(X509_EXTENSION) *extensions, struct kube_csr_request *r, struct error *err) {
        _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
        for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                const GENERAL_NAME *n = sk_GENERAL_NAME_value(names, i);
                int rc = 0;
                switch (n->type) {
                case GEN_DNS: rc = add_name(n->d.dNSName, &r->dns_names, err); break;
                case GEN_EMAIL: rc = add_name(n->d.rfc822Name, &r->emails, err); break;
                case GEN_URI: rc = add_name(n->d.uniformResourceIdentifier, &r->uris, err); break;
                case GEN_IPADD: rc = add_ip(n->d.iPAddress, r, err); break;
                default: rc = error_set(err, ERR_INVALID, "a subject alternative name of an unusual type (%d)", n->type);
                }
                if (rc < 0)
                        return rc;
        }
        return 0;
}

static void read_usages(STACK_OF(X509_EXTENSION) *extensions, struct strv *usages) {
        /* Bit numbers of RFC 5280 4.2.1.3 by Kubernetes' names (certificates/v1 KeyUsage). */
        static const char *const bits[] = { "digital signature", "content commitment", "key encipherment", "data encipherment",
                                            "key agreement", "cert sign", "crl sign", "encipher only", "decipher only" };
        static const struct { int nid; const char *name; } extended[] = {
                { NID_server_auth, "server auth" }, { NID_client_auth, "client auth" }, { NID_code_sign, "code signing" },
                { NID_email_protect, "email protection" }, { NID_time_stamp, "timestamping" }, { NID_OCSP_sign, "ocsp signing" },
                { NID_anyExtendedKeyUsage, "any" },
        };
        _cleanup_(ASN1_BIT_STRING_freep) ASN1_BIT_STRING *ku = X509V3_get_d2i(extensions, NID_key_usage, NULL, NULL);
        _cleanup_(EXTENDED_KEY_USAGE_freep) EXTENDED_KEY_USAGE *eku = X509V3_get_d2i(extensions, NID_ext_key_usage, NULL, NULL);
        for (size_t i = 0; ku && i < ARRAY_SIZE(bits); i++)
                if (ASN1_BIT_STRING_get_bit(ku, (int) i))
                        strv_add(usages, bits[i]);
        for (int i = 0; i < sk_ASN1_OBJECT_num(eku); i++) {
                int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(eku, i));
                const char *name = "unknown";
                for (size_t k = 0; k < ARRAY_SIZE(extended); k++)
                        if (extended[k].nid == nid)
                                name = extended[k].name;
                strv_add(usages, name);
        }
}

static int read_key(X509_REQ *req, struct kube_csr_request *r, struct error *err) {
        EVP_PKEY *key = X509_REQ_get0_pubkey(req);
        if (!key)
                return error_set(err, ERR_INVALID, "the request's key cannot be read");
        if (X509_REQ_verify(req, key) != 1)
                return error_set(err, ERR_INVALID, "the request is not signed by its own key");
        const char *type = EVP_PKEY_get0_type_name(key);
        r->key_type = xstrdup(type ? type : "unknown");
        r->key_bits = EVP_PKEY_get_bits(key);
        return 0;
}

int kube_csr_request_parse(const char *pem, size_t len, struct kube_csr_request *ret, struct error *err) {
        if (len > 1 << 20)
                return error_set(err, ERR_INVALID, "the request has %zu bytes", len);
        _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, (int) len);
        _cleanup_(X509_REQ_freep) X509_REQ *req = bio ? PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL) : NULL;
        _cleanup_(kube_csr_request_done) struct kube_csr_request r = { 0 };
        if (!req)
                return error_set(err, ERR_INVALID, "the request is no PEM of a PKCS#10");
        if (read_key(req, &r, err) < 0 || read_subject(req, &r, err) < 0)
                return -1;
        _cleanup_(extensions_free) STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
        if (extensions) {
                if (read_names(extensions, &r, err) < 0)
                        return -1;
                read_usages(extensions, &r.key_usages);
        }
        *ret = r;
        r = (struct kube_csr_request) { 0 };
        return 0;
}
