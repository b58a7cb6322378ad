/* Reading certificates and keys back, and checking that they belong together. */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <stdio.h>
#include <time.h>

#include "base/codec.h"
#include "base/secret.h"
#include "talos/pki-private.h"
#include "talos/pki.h"

/* The labels that Talos' loader reads (talos: secrets.Bundle.Validate). */
static const char *const key_labels[] = { "RSA PRIVATE KEY", "EC PRIVATE KEY", "ED25519 PRIVATE KEY", "PRIVATE KEY" };

static bool known_label(const char *label) {
        for (size_t i = 0; i < ARRAY_SIZE(key_labels); i++)
                if (str_eq(label, key_labels[i]))
                        return true;
        return false;
}

static bool only_blanks_left(BIO *bio) {
        char c;

        while (BIO_read(bio, &c, 1) == 1)
                if (!strchr(" \t\r\n", c))
                        return false;
        return true;
}

static int decode_key(const char *label, const char *headers, const unsigned char *der, long n, EVP_PKEY **ret_key,
                      struct error *err) {
        const unsigned char *p = der;

        if (!known_label(label))
                return error_set(err, ERR_INVALID, "PEM block '%.40s' where a private key should be", label);
        if (*headers)
                return error_set(err, ERR_INVALID, "the private key is encrypted or has PEM headers");
        EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &p, n);
        if (!key)
                return pki_fail(err, ERR_INVALID, "the private key cannot be decoded");
        if (p != der + n) {
                EVP_PKEY_free(key);
                return error_set(err, ERR_INVALID, "the private key has bytes after its end");
        }
        *ret_key = key;
        return 0;
}

int pki_parse_key(const char *text, EVP_PKEY **ret_key, struct error *err) {
        _cleanup_bio_ BIO *bio = BIO_new_mem_buf(text ? text : "", -1);
        char *label = NULL, *headers = NULL;
        unsigned char *der = NULL;
        long n = 0;
        int r;

        if (!bio || PEM_read_bio(bio, &label, &headers, &der, &n) != 1)
                return pki_fail(err, ERR_INVALID, "no private key in PEM form");
        if (!only_blanks_left(bio))
                r = error_set(err, ERR_INVALID, "text after the private key");
        else
                r = decode_key(label, headers, der, n, ret_key, err);
        OPENSSL_free(label);
        OPENSSL_free(headers);
        OPENSSL_clear_free(der, (size_t) n);
        return r;
}

int pki_parse_cert(const char *text, X509 **ret_cert, struct error *err) {
        _cleanup_bio_ BIO *bio = BIO_new_mem_buf(text ? text : "", -1);
        X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

        if (!cert)
                return pki_fail(err, ERR_INVALID, "no certificate in PEM form");
        *ret_cert = cert;
        return 0;
}

int pki_check_key(const char *key, struct error *err) {
        _cleanup_pkey_ EVP_PKEY *k = NULL;

        return pki_parse_key(key, &k, err);
}

int pki_check_pair(const char *cert, const char *key, struct error *err) {
        _cleanup_x509_ X509 *c = NULL;
        _cleanup_pkey_ EVP_PKEY *k = NULL;

        if (pki_parse_cert(cert, &c, err) < 0 || pki_parse_key(key, &k, err) < 0)
                return -1;
        if (X509_check_private_key(c, k) != 1) {
                ERR_clear_error();
                return error_set(err, ERR_INVALID, "the key does not belong to the certificate");
        }
        return 0;
}

int pki_check_signed(const char *cert, const char *ca, struct error *err) {
        _cleanup_x509_ X509 *c = NULL, *a = NULL;

        if (pki_parse_cert(cert, &c, err) < 0)
                return -1;
        if (pki_parse_cert(ca, &a, err) < 0)
                return error_wrap(err, "certificate authority");
        if (X509_NAME_cmp(X509_get_issuer_name(c), X509_get_subject_name(a)) != 0)
                return error_set(err, ERR_INVALID, "the certificate names another issuer");
        if (X509_verify(c, X509_get0_pubkey(a)) != 1) {
                ERR_clear_error();
                return error_set(err, ERR_INVALID, "the certificate was not signed by this authority");
        }
        return 0;
}

static char *string_text(const ASN1_STRING *s) {
        unsigned char *utf8 = NULL;
        int n = ASN1_STRING_to_UTF8(&utf8, s);
        char *text = n >= 0 ? xstrndup((const char *) utf8, (size_t) n) : xstrdup("?");

        OPENSSL_free(utf8);
        ERR_clear_error();
        return text;
}

static char *name_text(const X509_NAME *name) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

        for (int i = 0; i < X509_NAME_entry_count(name); i++) {
                X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
                _cleanup_str_ char *value = string_text(X509_NAME_ENTRY_get_data(e));
                int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(e));
                strbuf_addf(&b, "%s%s=%s", i ? ", " : "", nid == NID_undef ? "?" : OBJ_nid2sn(nid), value);
        }
        return strbuf_take(&b);
}

static void read_subject(const X509_NAME *name, struct pki_info *info) {
        for (int i = 0; i < X509_NAME_entry_count(name); i++) {
                X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
                int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(e));
                if (nid == NID_organizationName)
                        strv_take(&info->organizations, string_text(X509_NAME_ENTRY_get_data(e)));
                else if (nid == NID_commonName && !info->common_name)
                        info->common_name = string_text(X509_NAME_ENTRY_get_data(e));
        }
}

static int64_t time_ms(const ASN1_TIME *t) {
        struct tm tm = { 0 };

        return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t) timegm(&tm) * 1000 : 0;
}

static char *key_type_text(EVP_PKEY *key) {
        char group[32] = "";

        if (!key)
                return xstrdup("unknown");
        if (EVP_PKEY_is_a(key, "ED25519"))
                return xstrdup("Ed25519");
        if (EVP_PKEY_is_a(key, "RSA"))
                return xasprintf("RSA-%d", EVP_PKEY_get_bits(key));
        if (EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1)
                return xstrdup(str_eq(group, "prime256v1") ? "P-256" : group);
        ERR_clear_error();
        return xstrdup("unknown");
}

static void read_usages(X509 *cert, struct pki_info *info) {
        uint32_t flags = X509_get_extension_flags(cert), usage = X509_get_key_usage(cert);

        info->has_basic_constraints = flags & EXFLAG_BCONS;
        info->is_ca = flags & EXFLAG_CA && flags & EXFLAG_BCONS;
        info->key_usage = flags & EXFLAG_KUSAGE ? usage & 0xff : 0;
        int at = X509_get_ext_by_NID(cert, NID_key_usage, -1);
        info->key_usage_critical = at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(cert, at));
        if (flags & EXFLAG_XKUSAGE) {
                uint32_t purposes = X509_get_extended_key_usage(cert);
                info->client_auth = purposes & XKU_SSL_CLIENT;
                info->server_auth = purposes & XKU_SSL_SERVER;
                info->other_ext_usage = purposes & ~(uint32_t) (XKU_SSL_CLIENT | XKU_SSL_SERVER);
        }
}

static void read_alternative_names(X509 *cert, struct pki_info *info) {
        _cleanup_(GENERAL_NAMES_freep) GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

        for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
                int type;
                ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);
                char buf[INET6_ADDRSTRLEN];
                if (type == GEN_DNS)
                        strv_take(&info->dns_names, string_text(value));
                if (type != GEN_IPADD)
                        continue;
                int n = ASN1_STRING_length(value);
                if ((n == 4 || n == 16) && inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(value), buf, sizeof buf))
                        strv_add(&info->addresses, buf);
        }
}

static char *octets_text(const ASN1_OCTET_STRING *o) {
        return o ? hex_encode(ASN1_STRING_get0_data(o), (size_t) ASN1_STRING_length(o)) : NULL;
}

static char *serial_text(X509 *cert) {
        const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);

        return hex_encode(ASN1_STRING_get0_data(serial), (size_t) ASN1_STRING_length(serial));
}

static void read_extensions(X509 *cert, struct pki_info *info) {
        for (int i = 0; i < X509_get_ext_count(cert); i++) {
                char buf[80];
                OBJ_obj2txt(buf, sizeof buf, X509_EXTENSION_get_object(X509_get_ext(cert, i)), 1);
                strv_add(&info->extensions, buf);
        }
        info->subject_key_id = octets_text(X509_get0_subject_key_id(cert));
        info->authority_key_id = octets_text(X509_get0_authority_key_id(cert));
}

static char *spki_text(X509 *cert) {
        unsigned char *der = NULL;
        uint8_t hash[32];
        int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

        if (n <= 0)
                return xstrdup("");
        sha256(der, (size_t) n, hash);
        OPENSSL_free(der);
        return base64_encode(hash, sizeof hash);
}

int pki_read(const char *cert, struct pki_info *ret_info, struct error *err) {
        _cleanup_x509_ X509 *x = NULL;
        struct pki_info info = { 0 };

        if (pki_parse_cert(cert, &x, err) < 0)
                return -1;
        info.subject = name_text(X509_get_subject_name(x));
        info.issuer = name_text(X509_get_issuer_name(x));
        read_subject(X509_get_subject_name(x), &info);
        info.not_before_ms = time_ms(X509_get0_notBefore(x));
        info.not_after_ms = time_ms(X509_get0_notAfter(x));
        info.serial = serial_text(x);
        info.key_type = key_type_text(X509_get0_pubkey(x));
        info.signature = xstrdup(OBJ_nid2ln(X509_get_signature_nid(x)));
        read_usages(x, &info);
        read_alternative_names(x, &info);
        read_extensions(x, &info);
        info.spki_sha256 = spki_text(x);
        ERR_clear_error();
        *ret_info = info;
        return 0;
}

void pki_info_done(struct pki_info *i) {
        if (!i)
                return;
        free(i->subject);
        free(i->issuer);
        free(i->common_name);
        strv_done(&i->organizations);
        free(i->serial);
        free(i->key_type);
        free(i->signature);
        strv_done(&i->dns_names);
        strv_done(&i->addresses);
        free(i->subject_key_id);
        free(i->authority_key_id);
        strv_done(&i->extensions);
        free(i->spki_sha256);
        *i = (struct pki_info) { 0 };
}
