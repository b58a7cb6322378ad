#include "sim/net/cert.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <time.h>

void cert_pair_done(struct cert_pair *p) {
        free(p->cert_pem);
        if (p->key_pem)
                OPENSSL_cleanse(p->key_pem, strlen(p->key_pem));
        free(p->key_pem);
        *p = (struct cert_pair) { 0 };
}

static int openssl_failed(struct error *err, const char *what) {
        unsigned long e = ERR_peek_last_error();
        int r = error_set(err, ERR_INVALID, "%s: %s", what, e ? ERR_reason_error_string(e) : "failed");
        ERR_clear_error();
        return r;
}

/* --- reading --- */

int cert_read(const char *pem, X509 **ret, struct error *err) {
        BIO *bio = BIO_new_mem_buf(pem ? pem : "", -1);
        X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        BIO_free(bio);
        ERR_clear_error();
        if (!cert)
                return error_set(err, ERR_INVALID, "failed to parse PEM block as a certificate");
        *ret = cert;
        return 0;
}

int cert_read_key(const char *pem, EVP_PKEY **ret, struct error *err) {
        BIO *bio = BIO_new_mem_buf(pem ? pem : "", -1);
        char *label = NULL, *header = NULL;
        unsigned char *der = NULL;
        long len = 0;
        EVP_PKEY *key = NULL;

        /* PEM_read_bio_PrivateKey() refuses Talos' label; the DER below it is self-describing. */
        if (PEM_read_bio(bio, &label, &header, &der, &len) == 1 && str_ends(label, "PRIVATE KEY")) {
                const unsigned char *p = der;
                key = d2i_AutoPrivateKey(NULL, &p, len);
        }
        if (der)
                OPENSSL_clear_free(der, (size_t) len);
        OPENSSL_free(label);
        OPENSSL_free(header);
        BIO_free(bio);
        ERR_clear_error();
        if (!key)
                return error_set(err, ERR_INVALID, "failed to parse PEM block as a private key");
        *ret = key;
        return 0;
}

bool cert_key_matches(X509 *cert, EVP_PKEY *key) {
        bool same = X509_check_private_key(cert, key) == 1;
        ERR_clear_error();
        return same;
}

bool cert_is_ca(X509 *cert) {
        return X509_check_ca(cert) == 1;
}

int cert_pair_check(const char *what, const struct cert_pair *p, struct error *err) {
        _cleanup_(X509_freep) X509 *cert = NULL;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        int r;

        if ((r = cert_read(p->cert_pem, &cert, err)) < 0 || (r = cert_read_key(p->key_pem, &key, err)) < 0)
                return error_wrap(err, "%s", what);
        if (!cert_key_matches(cert, key))
                return error_set(err, ERR_INVALID, "%s: the private key does not belong to the certificate", what);
        return 0;
}

static char *bio_text(BIO *bio) {
        char *p;
        long n = BIO_get_mem_data(bio, &p);
        char *text = xstrndup(p, (size_t) n);
        BIO_free(bio);
        return text;
}

char *cert_public_key_pem(EVP_PKEY *key) {
        BIO *bio = BIO_new(BIO_s_mem());
        PEM_write_bio_PUBKEY(bio, key);
        return bio_text(bio);
}

static char *cert_text(X509 *cert) {
        BIO *bio = BIO_new(BIO_s_mem());
        PEM_write_bio_X509(bio, cert);
        return bio_text(bio);
}

static char *key_text(EVP_PKEY *key) {
        BIO *bio = BIO_new(BIO_s_mem());
        if (EVP_PKEY_base_id(key) == EVP_PKEY_EC)
                PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL);
        else
                PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
        return bio_text(bio);
}

/* --- making --- */

static bool add_extension(X509 *cert, X509V3_CTX *ctx, int nid, const char *value) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
        bool ok = e && X509_add_ext(cert, e, -1) == 1;
        X509_EXTENSION_free(e);
        return ok;
}

static bool add_name_text(GENERAL_NAMES *names, const char *text) {
        ASN1_IA5STRING *s = ASN1_IA5STRING_new();
        GENERAL_NAME *g = GENERAL_NAME_new();
        ASN1_STRING_set(s, text, -1);
        GENERAL_NAME_set0_value(g, GEN_DNS, s);
        return sk_GENERAL_NAME_push(names, g) > 0;
}

static bool add_name_address(GENERAL_NAMES *names, const void *bytes, int n) {
        ASN1_OCTET_STRING *s = ASN1_OCTET_STRING_new();
        GENERAL_NAME *g = GENERAL_NAME_new();
        ASN1_OCTET_STRING_set(s, bytes, n);
        GENERAL_NAME_set0_value(g, GEN_IPADD, s);
        return sk_GENERAL_NAME_push(names, g) > 0;
}

static bool add_alternative_names(X509 *cert, const struct cert_spec *s) {
        GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
        bool ok = true;
        for (size_t i = 0; s->dns_names && i < s->dns_names->n; i++)
                ok = ok && add_name_text(names, s->dns_names->items[i]);
        for (size_t i = 0; i < s->n_addresses; i++)
                ok = ok && add_name_address(names, s->addresses[i].b, 16);
        if (s->loopback) {
                const uint8_t v4[4] = { 127, 0, 0, 1 };
                ok = ok && add_name_address(names, v4, sizeof(v4));
        }
        if (s->v4)
                ok = ok && add_name_address(names, s->v4, 4);
        if (sk_GENERAL_NAME_num(names) > 0)
                ok = ok && X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0) == 1;
        GENERAL_NAMES_free(names);
        return ok;
}

static bool set_subject(X509 *cert, const struct cert_spec *s) {
        X509_NAME *name = X509_NAME_new();
        bool ok = true;
        for (size_t i = 0; s->organizations && s->organizations[i]; i++)
                ok = ok &&
                     X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const uint8_t *) s->organizations[i], -1, -1, 0) == 1;
        if (s->common_name)
                ok = ok &&
                     X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *) s->common_name, -1, -1, 0) == 1;
        ok = ok && X509_set_subject_name(cert, name) == 1;
        X509_NAME_free(name);
        return ok;
}

/* The simulated clock may have been moved forward; clients judge by the real one. A certificate therefore never begins later than
 * now. */
static bool set_serial_and_times(X509 *cert, const struct cert_spec *s) {
        uint8_t serial[16];
        time_t begin = MIN((time_t) (s->not_before_ms / 1000), time(NULL));
        RAND_bytes(serial, sizeof(serial));
        serial[0] &= 0x7f;
        BIGNUM *n = BN_bin2bn(serial, sizeof(serial), NULL);
        bool ok = BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert)) != NULL;
        BN_free(n);
        return ok && X509_set_version(cert, X509_VERSION_3) == 1 && ASN1_TIME_set(X509_getm_notBefore(cert), begin) &&
               ASN1_TIME_set(X509_getm_notAfter(cert), (time_t) ((s->not_before_ms + s->lifetime_ms) / 1000));
}

static bool add_usages(X509 *cert, X509V3_CTX *ctx, const struct cert_spec *s, bool ca) {
        const char *usage = ca ? "critical,digitalSignature,keyCertSign" : "critical,digitalSignature,keyEncipherment";
        bool ok = add_extension(cert, ctx, NID_key_usage, usage);
        if (s->server_auth || s->client_auth)
                ok = ok && add_extension(cert, ctx, NID_ext_key_usage,
                                         s->server_auth && s->client_auth ? "serverAuth,clientAuth"
                                         : s->server_auth                 ? "serverAuth"
                                                                          : "clientAuth");
        return ok;
}

static const EVP_MD *digest_for(EVP_PKEY *key) {
        return EVP_PKEY_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
}

static EVP_PKEY *new_key(enum cert_key_type type, EVP_PKEY *ca_key) {
        if (type == CERT_KEY_ED25519 || (type == CERT_KEY_LIKE_CA && ca_key && EVP_PKEY_base_id(ca_key) == EVP_PKEY_ED25519))
                return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

int cert_make_ca(const struct cert_spec *s, struct cert_pair *ret, struct error *err) {
        _cleanup_(X509_freep) X509 *cert = X509_new();
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = new_key(s->key, NULL);
        X509V3_CTX ctx;

        X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
        if (!key || !set_serial_and_times(cert, s) || !set_subject(cert, s) ||
            X509_set_issuer_name(cert, X509_get_subject_name(cert)) != 1 || X509_set_pubkey(cert, key) != 1 ||
            !add_usages(cert, &ctx, s, true) || !add_extension(cert, &ctx, NID_basic_constraints, "critical,CA:TRUE") ||
            !add_extension(cert, &ctx, NID_subject_key_identifier, "hash") || X509_sign(cert, key, digest_for(key)) == 0)
                return openssl_failed(err, "making a CA");
        ret->cert_pem = cert_text(cert);
        ret->key_pem = key_text(key);
        return 0;
}

/* Everything of a leaf but subject, names and key. */
static bool finish_leaf(X509 *cert, X509 *ca, EVP_PKEY *ca_key, const struct cert_spec *s) {
        X509V3_CTX ctx;
        X509V3_set_ctx(&ctx, ca, cert, NULL, NULL, 0);
        return set_serial_and_times(cert, s) && X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1 &&
               add_usages(cert, &ctx, s, false) && add_extension(cert, &ctx, NID_basic_constraints, "critical,CA:FALSE") &&
               add_extension(cert, &ctx, NID_authority_key_identifier, "keyid") &&
               X509_sign(cert, ca_key, digest_for(ca_key)) != 0;
}

int cert_issue(const struct cert_pair *ca, const struct cert_spec *s, struct cert_pair *ret, struct error *err) {
        _cleanup_(X509_freep) X509 *ca_cert = NULL, *cert = X509_new();
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *ca_key = NULL, *key = NULL;
        int r;

        if ((r = cert_read(ca->cert_pem, &ca_cert, err)) < 0 || (r = cert_read_key(ca->key_pem, &ca_key, err)) < 0)
                return error_wrap(err, "the issuing CA");
        key = new_key(s->key, ca_key);
        if (!key || !set_subject(cert, s) || X509_set_pubkey(cert, key) != 1 || !add_alternative_names(cert, s) ||
            !finish_leaf(cert, ca_cert, ca_key, s))
                return openssl_failed(err, "issuing a certificate");
        ret->cert_pem = cert_text(cert);
        ret->key_pem = key_text(key);
        return 0;
}

/* --- requests --- */

static int read_request(const char *pem, X509_REQ **ret, struct error *err) {
        BIO *bio = BIO_new_mem_buf(pem ? pem : "", -1);
        X509_REQ *req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
        BIO_free(bio);
        ERR_clear_error();
        if (!req)
                return error_set(err, ERR_INVALID, "PEM block type must be CERTIFICATE REQUEST");
        EVP_PKEY *key = X509_REQ_get0_pubkey(req);
        if (!key || X509_REQ_verify(req, key) != 1) {
                ERR_clear_error();
                X509_REQ_free(req);
                return error_set(err, ERR_INVALID, "the request's signature is wrong");
        }
        *ret = req;
        return 0;
}

static void request_names(X509_REQ *req, struct cert_request *ret) {
        STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(req);
        GENERAL_NAMES *names = X509V3_get_d2i(extensions, NID_subject_alt_name, NULL, NULL);
        for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
                if (g->type == GEN_DNS) {
                        strv_take(&ret->dns_names, xstrndup((const char *) ASN1_STRING_get0_data(g->d.dNSName),
                                                            (size_t) ASN1_STRING_length(g->d.dNSName)));
                } else if (g->type == GEN_IPADD && ASN1_STRING_length(g->d.iPAddress) == 16) {
                        struct ip6_addr a;
                        memcpy(a.b, ASN1_STRING_get0_data(g->d.iPAddress), 16);
                        ARRAY_APPEND(ret->addresses, ret->n_addresses, a);
                } else {
                        ret->n_other++;
                }
        }
        GENERAL_NAMES_free(names);
        sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
}

int cert_request_parse(const char *csr_pem, struct cert_request *ret, struct error *err) {
        X509_REQ *req;
        int r = read_request(csr_pem, &req, err);
        if (r < 0)
                return r;
        *ret = (struct cert_request) { 0 };
        const X509_NAME *name = X509_REQ_get_subject_name(req);
        for (int i = 0; i < X509_NAME_entry_count(name); i++) {
                const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
                const ASN1_STRING *s = X509_NAME_ENTRY_get_data(e);
                char *text = xstrndup((const char *) ASN1_STRING_get0_data(s), (size_t) ASN1_STRING_length(s));
                int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(e));
                if (nid == NID_organizationName) {
                        strv_take(&ret->organizations, text);
                } else if (nid == NID_commonName) {              /* of several the last counts, as in Go */
                        free(ret->common_name);
                        ret->common_name = text;
                } else {
                        free(text);
                }
        }
        request_names(req, ret);
        X509_REQ_free(req);
        return 0;
}

void cert_request_done(struct cert_request *r) {
        free(r->common_name);
        strv_done(&r->organizations);
        strv_done(&r->dns_names);
        free(r->addresses);
        *r = (struct cert_request) { 0 };
}

int cert_sign_request(const struct cert_pair *ca, const char *csr_pem, const struct cert_spec *s, char **ret_pem,
                      struct error *err) {
        _cleanup_(X509_freep) X509 *ca_cert = NULL, *cert = X509_new();
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *ca_key = NULL;
        struct cert_request names = { 0 };
        X509_REQ *req = NULL;
        int r;

        if ((r = cert_read(ca->cert_pem, &ca_cert, err)) < 0 || (r = cert_read_key(ca->key_pem, &ca_key, err)) < 0)
                return error_wrap(err, "the issuing CA");
        if ((r = cert_request_parse(csr_pem, &names, err)) < 0 || (r = read_request(csr_pem, &req, err)) < 0) {
                cert_request_done(&names);
                return r;
        }
        struct cert_spec with_names = *s;
        with_names.dns_names = &names.dns_names;
        with_names.addresses = names.addresses;
        with_names.n_addresses = names.n_addresses;
        with_names.loopback = false;
        bool ok = X509_set_subject_name(cert, X509_REQ_get_subject_name(req)) == 1 &&
                  X509_set_pubkey(cert, X509_REQ_get0_pubkey(req)) == 1 && add_alternative_names(cert, &with_names) &&
                  finish_leaf(cert, ca_cert, ca_key, &with_names);
        X509_REQ_free(req);
        cert_request_done(&names);
        if (!ok)
                return openssl_failed(err, "signing a certificate request");
        *ret_pem = cert_text(cert);
        return 0;
}
