#include "talos/pki.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/secret.h"
#include "shared.h"

#define YEAR_S ((int64_t) 8760 * 3600)

static const int64_t now_ms = 1795431772000; /* 2026-11-23T11:02:52Z */

struct with_clock { struct clock *clock; struct pki_pair ca; };

static void setup(struct with_clock *w, const char *organization, enum pki_key_type type) {
        _cleanup_error_ struct error err = ERROR_INIT;

        w->clock = clock_manual_new(now_ms);
        ck_ok(pki_ca_new(organization, type, w->clock, &w->ca, &err), err);
}

static void teardown(struct with_clock *w) {
        pki_pair_done(&w->ca);
        clock_manual_free(w->clock);
}

static void check_ca_form(const struct pki_pair *ca, const char *subject, const char *key_type, const char *signature) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_pki_info_ struct pki_info i = { 0 };

        ck_ok(pki_read(ca->cert, &i, &err), err);
        ck_assert_str_eq(i.subject, subject);
        ck_assert_str_eq(i.issuer, subject);
        ck_assert_str_eq(i.key_type, key_type);
        ck_assert_str_eq(i.signature, signature);
        ck_assert(i.is_ca && i.has_basic_constraints);
        ck_assert_uint_eq(i.key_usage, PKI_USAGE_DIGITAL_SIGNATURE | PKI_USAGE_KEY_CERT_SIGN);
        ck_assert(i.key_usage_critical && i.client_auth && i.server_auth && !i.other_ext_usage);
        ck_assert_int_eq(i.not_after_ms - i.not_before_ms, (int64_t) 3650 * 86400 * 1000);
        ck_assert_uint_eq(strlen(i.subject_key_id), 40);
        ck_assert_ptr_null(i.authority_key_id);
        _cleanup_str_ char *extensions = strv_join(&i.extensions, " ");
        ck_assert_str_eq(extensions, "2.5.29.15 2.5.29.37 2.5.29.19 2.5.29.14");
        ck_assert_uint_eq(i.dns_names.n + i.addresses.n, 0);
        ck_ok(pki_check_pair(ca->cert, ca->key, &err), err);
        ck_ok(pki_check_signed(ca->cert, ca->cert, &err), err);
}

START_TEST(authorities_have_talos_form) {
        struct with_clock p256, ed, empty;

        setup(&p256, "kubernetes", PKI_P256);
        check_ca_form(&p256.ca, "O=kubernetes", "P-256", "ecdsa-with-SHA256");
        setup(&ed, "talos", PKI_ED25519);
        check_ca_form(&ed.ca, "O=talos", "Ed25519", "ED25519");
        setup(&empty, NULL, PKI_P256);
        check_ca_form(&empty.ca, "", "P-256", "ecdsa-with-SHA256");

        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_pki_info_ struct pki_info i = { 0 };
        ck_ok(pki_read(ed.ca.cert, &i, &err), err);
        ck_assert_int_eq(i.not_before_ms, now_ms);
        teardown(&p256);
        teardown(&ed);
        teardown(&empty);
}
END_TEST

/* The DER of our Ed25519 CA must be like Talos' own, but for the random parts: same length of everything. */
START_TEST(golden_authorities_read_the_same) {
        _cleanup_talos_secrets_ struct talos_secrets *s = shared_secrets("talos/golden/secrets.yaml");

        if (!s)
                return;
        check_ca_form(&s->etcd, "O=etcd", "P-256", "ecdsa-with-SHA256");
        check_ca_form(&s->kubernetes, "O=kubernetes", "P-256", "ecdsa-with-SHA256");
        check_ca_form(&s->aggregator, "", "P-256", "ecdsa-with-SHA256");
        check_ca_form(&s->os, "O=talos", "Ed25519", "ED25519");
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_pki_info_ struct pki_info i = { 0 };
        ck_ok(pki_read(s->os.cert, &i, &err), err);
        ck_assert_str_eq(i.spki_sha256, "MbhQ5fT9szumgJPzHbVYuDLFHgeCQkQotP5gNDtxZW8=");
        ck_assert_int_eq(i.not_before_ms, now_ms);
}
END_TEST

/* The subject's encoding: O as PrintableString, which an issuer comparison byte by byte depends on. */
START_TEST(names_are_printable_strings) {
        struct with_clock w;
        setup(&w, "talos", PKI_ED25519);
        BIO *bio = BIO_new_mem_buf(w.ca.cert, -1);
        X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        X509_NAME_ENTRY *e = X509_NAME_get_entry(X509_get_subject_name(x), 0);

        ck_assert_int_eq(ASN1_STRING_type(X509_NAME_ENTRY_get_data(e)), V_ASN1_PRINTABLESTRING);
        ck_assert_int_eq(ASN1_STRING_length(X509_get0_serialNumber(x)) <= 16, 1);
        ck_assert_int_eq(X509_get_version(x), X509_VERSION_3);
        /* keyUsage as Go encodes it: 03 02 02 84. */
        ASN1_OCTET_STRING *usage = X509_EXTENSION_get_data(X509_get_ext(x, 0));
        ck_assert_int_eq(ASN1_STRING_length(usage), 4);
        ck_assert_mem_eq(ASN1_STRING_get0_data(usage), "\x03\x02\x02\x84", 4);
        X509_free(x);
        BIO_free(bio);
        teardown(&w);
}
END_TEST

START_TEST(keys_carry_their_labels) {
        static const struct { enum pki_key_type type; const char *first; } cases[] = {
                { PKI_ED25519, "-----BEGIN ED25519 PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI" },
                { PKI_P256, "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE" },
                { PKI_RSA4096, "-----BEGIN RSA PRIVATE KEY-----\n" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_secret_ char *key = NULL;
                _cleanup_error_ struct error err = ERROR_INIT;
                ck_ok(pki_key_new(cases[i].type, &key, &err), err);
                ck_assert_msg(str_starts(key, cases[i].first), "%.80s", key);
                ck_assert(str_ends(key, "PRIVATE KEY-----\n"));
                ck_ok(pki_check_key(key, &err), err);
        }
}
END_TEST

/* OpenSSL refuses Talos' label; translated it takes the key. If the first half fails, the translation is no longer needed. */
START_TEST(translates_the_ed25519_label) {
        _cleanup_secret_ char *key = NULL, *translated = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(pki_key_new(PKI_ED25519, &key, &err), err);
        translated = pki_key_for_openssl(key);
        ck_assert(str_starts(translated, "-----BEGIN PRIVATE KEY-----\n"));
        ck_assert(str_ends(translated, "-----END PRIVATE KEY-----\n"));
        BIO *theirs = BIO_new_mem_buf(key, -1), *ours = BIO_new_mem_buf(translated, -1);
        ck_assert_ptr_null(PEM_read_bio_PrivateKey(theirs, NULL, NULL, NULL));
        EVP_PKEY *read = PEM_read_bio_PrivateKey(ours, NULL, NULL, NULL);
        ck_assert_ptr_nonnull(read);
        EVP_PKEY_free(read);
        BIO_free(theirs);
        BIO_free(ours);

        _cleanup_secret_ char *other = pki_key_for_openssl("-----BEGIN EC PRIVATE KEY-----\n");
        ck_assert_str_eq(other, "-----BEGIN EC PRIVATE KEY-----\n");
        ck_assert_ptr_null(pki_key_for_openssl(NULL));
}
END_TEST

START_TEST(mints_server_certificates) {
        struct with_clock w;
        setup(&w, "kubernetes", PKI_P256);
        _cleanup_strv_ struct strv dns = { 0 }, addresses = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_pki_pair_ struct pki_pair leaf = { 0 };
        _cleanup_pki_info_ struct pki_info i = { 0 };

        strv_add(&dns, "node-1");
        strv_add(&addresses, "2001:db8:1::1");
        strv_add(&addresses, "127.0.0.1");
        struct pki_request request = { .common_name = "node-1", .server_auth = true, .key_encipherment = true, .dns_names = &dns,
                                       .addresses = &addresses, .lifetime_s = 3600, .back_date_s = 60 };
        ck_ok(pki_leaf_new(&w.ca, &request, w.clock, &leaf, &err), err);
        ck_ok(pki_check_signed(leaf.cert, w.ca.cert, &err), err);
        ck_ok(pki_check_pair(leaf.cert, leaf.key, &err), err);
        ck_ok(pki_read(leaf.cert, &i, &err), err);
        ck_assert_str_eq(i.subject, "CN=node-1");
        ck_assert_str_eq(i.issuer, "O=kubernetes");
        ck_assert(i.server_auth && !i.client_auth && !i.is_ca && !i.has_basic_constraints);
        ck_assert_str_eq(i.dns_names.items[0], "node-1");
        ck_assert_str_eq(i.addresses.items[0], "2001:db8:1::1");
        ck_assert_str_eq(i.addresses.items[1], "127.0.0.1");
        ck_assert_int_eq(i.not_before_ms, now_ms - 60000);
        ck_assert_int_eq(i.not_after_ms, now_ms + 3600000);
        ck_assert_ptr_null(i.subject_key_id);
        _cleanup_pki_info_ struct pki_info ca = { 0 };
        ck_ok(pki_read(w.ca.cert, &ca, &err), err);
        ck_assert_str_eq(i.authority_key_id, ca.subject_key_id);

        strv_add(&addresses, "[2001:db8::1]");
        ck_fails(pki_leaf_new(&w.ca, &request, w.clock, &leaf, &err), err, ERR_INVALID);
        teardown(&w);
}
END_TEST

START_TEST(refuses_strangers) {
        struct with_clock a, b;
        _cleanup_error_ struct error err = ERROR_INIT;

        setup(&a, "kubernetes", PKI_P256);
        setup(&b, "kubernetes", PKI_P256);
        ck_fails(pki_check_pair(a.ca.cert, b.ca.key, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "does not belong"));
        ck_fails(pki_check_signed(a.ca.cert, b.ca.cert, &err), err, ERR_INVALID);
        struct pki_pair mixed = { a.ca.cert, b.ca.key }, leaf;
        struct pki_request request = { .client_auth = true, .lifetime_s = YEAR_S };
        ck_fails(pki_leaf_new(&mixed, &request, a.clock, &leaf, &err), err, ERR_INVALID);
        teardown(&a);
        teardown(&b);
}
END_TEST

static const char *const bad_keys[] = {
        "", "x", "-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n",
        "-----BEGIN ED25519 PRIVATE KEY-----\n!!!!\n-----END ED25519 PRIVATE KEY-----\n",
        "-----BEGIN ED25519 PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END ED25519 PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
};

START_TEST(refuses_malformed_keys) {
        _cleanup_error_ struct error err = ERROR_INIT;
        ck_fails(pki_check_key(bad_keys[_i], &err), err, ERR_INVALID);
}
END_TEST

START_TEST(refuses_malformed_certificates) {
        static const char *const bad[] = { "", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                                           "-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----\n" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct pki_info info;
                ck_fails(pki_read(bad[i], &info, &err), err, ERR_INVALID);
        }
        _cleanup_error_ struct error err = ERROR_INIT;
        struct pki_info info;
        ck_fails(pki_read(NULL, &info, &err), err, ERR_INVALID);
        _cleanup_secret_ char *key = NULL;
        ck_ok(pki_key_new(PKI_P256, &key, &err), err);
        ck_fails(pki_read(key, &info, &err), err, ERR_INVALID);
        _cleanup_secret_ char *two = xasprintf("%s%s", key, key);
        ck_fails(pki_check_key(two, &err), err, ERR_INVALID);
}
END_TEST

static Suite *pki_suite(void) {
        Suite *s = suite_create("talos/pki");
        TCase *t = tcase_create("pki");

        tcase_set_timeout(t, 60);
        tcase_add_test(t, authorities_have_talos_form);
        tcase_add_test(t, golden_authorities_read_the_same);
        tcase_add_test(t, names_are_printable_strings);
        tcase_add_test(t, keys_carry_their_labels);
        tcase_add_test(t, translates_the_ed25519_label);
        tcase_add_test(t, mints_server_certificates);
        tcase_add_test(t, refuses_strangers);
        tcase_add_loop_test(t, refuses_malformed_keys, 0, ARRAY_SIZE(bad_keys));
        tcase_add_test(t, refuses_malformed_certificates);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(pki_suite())
