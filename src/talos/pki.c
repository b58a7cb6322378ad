#include "talos/pki.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/secret.h"
#include "talos/pki-private.h"

/* The label under which Talos writes Ed25519 keys (talos crypto/x509/constants.go); the content is PKCS#8. */
#define ED25519_LABEL "ED25519 PRIVATE KEY"

#define CA_LIFETIME_S ((int64_t) 3650 * 24 * 3600)

void pki_pair_done(struct pki_pair *p) {
        if (!p)
                return;
        free(p->cert);
        secret_free(p->key);
        *p = (struct pki_pair) { 0 };
}

int pki_fail(struct error *err, enum error_kind kind, const char *what) {
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        int r = reason ? error_set(err, kind, "%s: %s", what, reason) : error_set(err, kind, "%s", what);

        ERR_clear_error();
        return r;
}

static char *bio_text(BIO *bio) {
        char *data = NULL;
        long n = BIO_get_mem_data(bio, &data);

        return xstrndup(data ? data : "", n > 0 ? (size_t) n : 0);
}

/* Secure memory BIOs wipe what they held. */
static BIO *secret_bio(void) {
        return BIO_new(BIO_s_secmem());
}

static EVP_PKEY *ed25519_new(void) {
        unsigned char seed[32];
        random_bytes(seed, sizeof seed);
        EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
        secret_wipe(seed, sizeof seed);
        return key;
}

static EVP_PKEY *key_new(enum pki_key_type type) {
        switch (type) {
        case PKI_ED25519:
                return ed25519_new();
        case PKI_P256:
                return EVP_EC_gen("P-256");
        case PKI_RSA4096:
                return EVP_RSA_gen(4096);
        }
        return NULL;
}

static bool write_ed25519(BIO *bio, EVP_PKEY *key) {
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
        unsigned char *der = NULL;
        int n = info ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
        bool ok = n > 0 && PEM_write_bio(bio, ED25519_LABEL, "", der, n) > 0;

        if (der)
                OPENSSL_clear_free(der, (size_t) n);
        PKCS8_PRIV_KEY_INFO_free(info);
        return ok;
}

static int key_write(EVP_PKEY *key, char **ret_text, struct error *err) {
        _cleanup_bio_ BIO *bio = secret_bio();

        bool ok = bio && (EVP_PKEY_is_a(key, "ED25519")
                                  ? write_ed25519(bio, key)
                                  : PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0, NULL, NULL) > 0);
        if (!ok)
                return pki_fail(err, ERR_BUG, "writing a private key");
        *ret_text = bio_text(bio);
        return 0;
}

int pki_key_new(enum pki_key_type type, char **ret_key, struct error *err) {
        _cleanup_pkey_ EVP_PKEY *key = key_new(type);

        if (!key)
                return pki_fail(err, ERR_BUG, "making a private key");
        return key_write(key, ret_key, err);
}

static int cert_write(X509 *cert, char **ret_text, struct error *err) {
        _cleanup_bio_ BIO *bio = BIO_new(BIO_s_mem());

        if (!bio || PEM_write_bio_X509(bio, cert) <= 0)
                return pki_fail(err, ERR_BUG, "writing a certificate");
        *ret_text = bio_text(bio);
        return 0;
}

/* Go encodes names as PrintableString where the characters allow it, else as UTF8String. */
static int string_type(const char *s) {
        static const char printable[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?";

        return s[strspn(s, printable)] ? V_ASN1_UTF8STRING : V_ASN1_PRINTABLESTRING;
}

static bool name_add(X509_NAME *name, int nid, const char *value, int set) {
        return X509_NAME_add_entry_by_NID(name, nid, string_type(value), (const unsigned char *) value, -1, -1, set) == 1;
}

static bool set_serial(X509 *cert) {
        unsigned char serial[16];
        random_bytes(serial, sizeof serial);
        _cleanup_(BN_freep) BIGNUM *n = BN_bin2bn(serial, sizeof serial, NULL);

        return n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(cert));
}

static bool set_validity(X509 *cert, int64_t from_s, int64_t until_s) {
        return ASN1_TIME_set(X509_getm_notBefore(cert), (time_t) from_s) &&
               ASN1_TIME_set(X509_getm_notAfter(cert), (time_t) until_s);
}

static bool add_extension(X509 *cert, int nid, const char *value) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
        bool ok = e && X509_add_ext(cert, e, -1) == 1;

        X509_EXTENSION_free(e);
        return ok;
}

/* Talos' CAs carry 20 random bytes, not a hash of the key (crypto/x509/certificate_authority.go). */
static bool add_random_key_id(X509 *cert) {
        unsigned char id[20];
        random_bytes(id, sizeof id);
        _cleanup_(ASN1_OCTET_STRING_freep) ASN1_OCTET_STRING *o = ASN1_OCTET_STRING_new();

        return o && ASN1_OCTET_STRING_set(o, id, sizeof id) == 1 &&
               X509_add1_ext_i2d(cert, NID_subject_key_identifier, o, 0, X509V3_ADD_APPEND) == 1;
}

static bool add_authority_key_id(X509 *cert, X509 *ca) {
        const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(ca);
        if (!id)
                return true;
        AUTHORITY_KEYID *a = AUTHORITY_KEYID_new();
        if (!a)
                return false;
        a->keyid = ASN1_OCTET_STRING_dup(id);
        bool ok = a->keyid && X509_add1_ext_i2d(cert, NID_authority_key_identifier, a, 0, X509V3_ADD_APPEND) == 1;
        AUTHORITY_KEYID_free(a);
        return ok;
}

/* Ed25519 hashes inside; RSA leaves of Talos are signed with SHA-512. */
static const EVP_MD *digest_for(EVP_PKEY *key) {
        if (EVP_PKEY_is_a(key, "ED25519"))
                return NULL;
        return EVP_PKEY_is_a(key, "RSA") ? EVP_sha512() : EVP_sha256();
}

int pki_ca_new(const char *organization, enum pki_key_type type, struct clock *clock, struct pki_pair *ret_pair,
               struct error *err) {
        _cleanup_pkey_ EVP_PKEY *key = key_new(type);
        _cleanup_x509_ X509 *cert = X509_new();
        _cleanup_pki_pair_ struct pki_pair pair = { 0 };
        int64_t now_s = clock_now_ms(clock) / 1000;

        if (!key || !cert)
                return pki_fail(err, ERR_BUG, "making a CA");
        X509_NAME *subject = X509_get_subject_name(cert);
        bool ok = X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
                  (!organization || name_add(subject, NID_organizationName, organization, 0)) &&
                  X509_set_issuer_name(cert, subject) == 1 && set_validity(cert, now_s, now_s + CA_LIFETIME_S) &&
                  X509_set_pubkey(cert, key) == 1 &&
                  add_extension(cert, NID_key_usage, "critical,digitalSignature,keyCertSign") &&
                  add_extension(cert, NID_ext_key_usage, "serverAuth,clientAuth") &&
                  add_extension(cert, NID_basic_constraints, "critical,CA:TRUE") && add_random_key_id(cert) &&
                  X509_sign(cert, key, digest_for(key)) > 0;
        if (!ok)
                return pki_fail(err, ERR_BUG, "making a CA");
        if (cert_write(cert, &pair.cert, err) < 0 || key_write(key, &pair.key, err) < 0)
                return -1;
        *ret_pair = pair;
        pair = (struct pki_pair) { 0 };
        return 0;
}

/* The leaf's key is of the CA's own kind, as Talos does it (crypto/x509/certificate.go). */
static EVP_PKEY *leaf_key(EVP_PKEY *ca_key) {
        if (EVP_PKEY_is_a(ca_key, "ED25519"))
                return key_new(PKI_ED25519);
        return key_new(EVP_PKEY_is_a(ca_key, "RSA") ? PKI_RSA4096 : PKI_P256);
}

static bool set_subject(X509 *cert, const struct pki_request *request) {
        X509_NAME *name = X509_get_subject_name(cert);

        for (size_t i = 0; request->organizations && i < request->organizations->n; i++)
                /* Go puts all organizations into one relative distinguished name. */
                if (!name_add(name, NID_organizationName, request->organizations->items[i], i ? -1 : 0))
                        return false;
        return !request->common_name || name_add(name, NID_commonName, request->common_name, 0);
}

static bool add_general_name(GENERAL_NAMES *names, int type, ASN1_STRING *value) {
        GENERAL_NAME *g = value ? GENERAL_NAME_new() : NULL;
        if (!g) {
                ASN1_STRING_free(value);
                return false;
        }
        GENERAL_NAME_set0_value(g, type, value);
        if (sk_GENERAL_NAME_push(names, g) > 0)
                return true;
        GENERAL_NAME_free(g);
        return false;
}

static ASN1_STRING *dns_value(const char *s) {
        ASN1_IA5STRING *v = ASN1_IA5STRING_new();

        if (v && ASN1_STRING_set(v, s, -1) != 1) {
                ASN1_IA5STRING_free(v);
                v = NULL;
        }
        return v;
}

static int add_alternative_names(X509 *cert, const struct pki_request *request, struct error *err) {
        _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = GENERAL_NAMES_new();

        if (!names)
                return pki_fail(err, ERR_BUG, "making a certificate");
        for (size_t i = 0; request->dns_names && i < request->dns_names->n; i++)
                if (!add_general_name(names, GEN_DNS, dns_value(request->dns_names->items[i])))
                        return pki_fail(err, ERR_BUG, "making a certificate");
        for (size_t i = 0; request->addresses && i < request->addresses->n; i++) {
                ASN1_OCTET_STRING *address = a2i_IPADDRESS(request->addresses->items[i]);
                if (!address) {
                        ERR_clear_error();
                        return error_set(err, ERR_INVALID, "'%s' is no IP address", request->addresses->items[i]);
                }
                if (!add_general_name(names, GEN_IPADD, address))
                        return pki_fail(err, ERR_BUG, "making a certificate");
        }
        if (sk_GENERAL_NAME_num(names) == 0)
                return 0;
        /* RFC 5280 4.2.1.6: critical when the subject is empty. */
        bool critical = X509_NAME_entry_count(X509_get_subject_name(cert)) == 0;
        if (X509_add1_ext_i2d(cert, NID_subject_alt_name, names, critical, X509V3_ADD_APPEND) != 1)
                return pki_fail(err, ERR_BUG, "making a certificate");
        return 0;
}

static int fill_leaf(X509 *cert, X509 *ca, EVP_PKEY *key, const struct pki_request *request, int64_t now_s, struct error *err) {
        static const char *const purposes[] = { NULL, "clientAuth", "serverAuth", "serverAuth,clientAuth" };
        const char *purpose = purposes[(request->client_auth ? 1 : 0) + (request->server_auth ? 2 : 0)];
        const char *usage = request->key_encipherment ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature";

        bool ok = X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) && set_subject(cert, request) &&
                  X509_set_issuer_name(cert, X509_get_subject_name(ca)) == 1 &&
                  set_validity(cert, now_s - request->back_date_s, now_s + request->lifetime_s) &&
                  X509_set_pubkey(cert, key) == 1 &&
                  add_extension(cert, NID_key_usage, usage) && (!purpose || add_extension(cert, NID_ext_key_usage, purpose)) &&
                  add_authority_key_id(cert, ca);
        if (!ok)
                return pki_fail(err, ERR_BUG, "making a certificate");
        return add_alternative_names(cert, request, err);
}

int pki_leaf_new(const struct pki_pair *ca, const struct pki_request *request, struct clock *clock, struct pki_pair *ret_pair,
                 struct error *err) {
        _cleanup_x509_ X509 *ca_cert = NULL;
        _cleanup_pkey_ EVP_PKEY *ca_key = NULL;
        _cleanup_pki_pair_ struct pki_pair pair = { 0 };

        if (pki_parse_cert(ca->cert, &ca_cert, err) < 0 || pki_parse_key(ca->key, &ca_key, err) < 0)
                return error_wrap(err, "certificate authority");
        if (X509_check_private_key(ca_cert, ca_key) != 1)
                return pki_fail(err, ERR_INVALID, "the certificate authority's key does not belong to its certificate");

        _cleanup_x509_ X509 *cert = X509_new();
        _cleanup_pkey_ EVP_PKEY *key = leaf_key(ca_key);
        if (!cert || !key)
                return pki_fail(err, ERR_BUG, "making a certificate");
        if (fill_leaf(cert, ca_cert, key, request, clock_now_ms(clock) / 1000, err) < 0)
                return -1;
        if (X509_sign(cert, ca_key, digest_for(ca_key)) <= 0)
                return pki_fail(err, ERR_BUG, "signing a certificate");
        if (cert_write(cert, &pair.cert, err) < 0 || key_write(key, &pair.key, err) < 0)
                return -1;
        *ret_pair = pair;
        pair = (struct pki_pair) { 0 };
        return 0;
}

char *pki_key_for_openssl(const char *key) {
        _cleanup_strbuf_ struct strbuf b = { .secret = true };
        const char *p = key, *at;

        if (!key)
                return NULL;
        while ((at = strstr(p, " " ED25519_LABEL "-----"))) {
                strbuf_add(&b, p, (size_t) (at - p));
                strbuf_adds(&b, " PRIVATE KEY-----");
                p = at + strlen(" " ED25519_LABEL "-----");
        }
        strbuf_adds(&b, p);
        return strbuf_take(&b);
}
