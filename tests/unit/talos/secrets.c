#include "talos/secrets.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/secret.h"
#include "shared.h"
#include "talos/secrets-import.h"

static struct talos_secrets *fresh(unsigned minor) {
        static struct talos_secrets *s[15];

        if (!s[minor])
                s[minor] = new_secrets(minor);
        return s[minor];
}

START_TEST(generates_a_valid_bundle) {
        struct talos_secrets *s = fresh(13);
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_pki_info_ struct pki_info etcd = { 0 }, aggregator = { 0 }, os = { 0 };

        ck_ok(talos_secrets_validate(s, &err), err);
        ck_assert_uint_eq(strlen(s->cluster_id), 44);
        ck_assert_uint_eq(strlen(s->cluster_secret), 44);
        ck_assert_uint_eq(strlen(s->bootstrap_token), 23);
        ck_assert_str_ne(s->bootstrap_token, s->machine_token);
        ck_assert_ptr_null(s->aescbc_secret);
        ck_assert(str_starts(s->service_account_key, "-----BEGIN RSA PRIVATE KEY-----\n"));
        ck_ok(pki_read(s->etcd.cert, &etcd, &err), err);
        ck_ok(pki_read(s->aggregator.cert, &aggregator, &err), err);
        ck_ok(pki_read(s->os.cert, &os, &err), err);
        ck_assert_str_eq(etcd.subject, "O=etcd");
        ck_assert_str_eq(aggregator.subject, "");
        ck_assert_str_eq(os.subject, "O=talos");
        ck_assert_str_eq(os.key_type, "Ed25519");
}
END_TEST

/* 32 bytes hold no '+' or '/' in one of five bundles: only the wrong alphabet's letters can be looked for. */
START_TEST(the_contract_decides_the_id_alphabet) {
        ck_assert_ptr_null(strpbrk(fresh(13)->cluster_id, "+/"));
        ck_assert_ptr_null(strpbrk(fresh(14)->cluster_id, "-_"));
}
END_TEST

static void round_trip(const char *name, const char *text) {
        _cleanup_talos_secrets_ struct talos_secrets *s = NULL;
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(talos_secrets_parse(name, text, strlen(text), &s, &err), err);
        _cleanup_secret_ char *again = talos_secrets_write(s);
        if (*text == '#')
                text = strchr(text, '\n') + 1;
        ck_assert_msg(str_eq(again, text), "%s:\n%s", name, again);
}

START_TEST(writes_as_talosctl_does) {
        static const char *const files[] = { "talos/golden/secrets.yaml", "talos/secrets-stability.yaml",
                                             "talos/secrets-ecdsa-sa.yaml" };
        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                _cleanup_str_ char *text = shared_file(files[i]);
                if (!text)
                        return;
                round_trip(files[i], text);
        }
}
END_TEST

START_TEST(reads_its_own_writing) {
        _cleanup_secret_ char *text = talos_secrets_write(fresh(13));
        round_trip("own", text);
}
END_TEST

START_TEST(refuses_the_invalid_fixture) {
        _cleanup_str_ char *text = shared_file("talos/secrets-invalid.yaml");
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_secrets *s = NULL;

        if (!text)
                return;
        ck_fails(talos_secrets_parse("secrets-invalid.yaml", text, strlen(text), &s, &err), err, ERR_INVALID);
        ck_assert_ptr_null(s);
        ck_assert_msg(str_starts(err.message, "secrets-invalid.yaml: 'cluster.secret' is missing"), "%s", err.message);
}
END_TEST

/* Changes one line of a good bundle; the value NULL leaves the line out. */
static char *changed(const char *key, unsigned nth, const char *value) {
        _cleanup_secret_ char *text = talos_secrets_write(fresh(13));
        _cleanup_str_ char *label = xasprintf(" %s: ", key);
        struct strbuf b = STRBUF_INIT;

        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
                char *at = strstr(line, label);
                if (!at || nth-- > 0) {
                        strbuf_addf(&b, "%s\n", line);
                        continue;
                }
                nth = 1000;
                if (value)
                        strbuf_addf(&b, "%.*s%s%s\n", (int) (at - line), line, label, value);
        }
        return strbuf_take(&b);
}

static const struct { const char *key; unsigned nth; const char *value, *says; } damages[] = {
        { "id", 0, NULL, "'cluster.id' is missing" },
        { "secret", 0, "c2hvcnQ=", "cluster.secret" },
        { "secret", 0, "not base64!", "cluster.secret" },
        { "bootstraptoken", 0, "abcdef.0123456789abcde", "secrets.bootstraptoken" },
        { "bootstraptoken", 0, "ABCDEF.0123456789abcdef", "secrets.bootstraptoken" },
        { "bootstraptoken", 0, "abcdef.0123456789abcdef0", "secrets.bootstraptoken" },
        { "token", 0, "abcdef-0123456789abcdef", "trustdinfo.token" },
        { "secretboxencryptionsecret", 0, NULL, "exactly one" },
        { "crt", 0, NULL, "'certs.etcd.crt' is missing" },
        { "crt", 1, "no-base64", "certs.k8s.crt" },
        { "crt", 2, "eA==", "certs.k8saggregator" },
        { "key", 0, "eA==", "certs.etcd" },
        { "key", 3, NULL, "'certs.k8sserviceaccount.key' is missing" },
        { "key", 3, "eA==", "certs.k8sserviceaccount.key" },
        { "key", 4, "'******'", "certs.os.key" },
};

START_TEST(refuses_damage) {
        _cleanup_secret_ char *text = changed(damages[_i].key, damages[_i].nth, damages[_i].value);
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_secrets *s = NULL;

        ck_assert_msg(talos_secrets_parse("s", text, strlen(text), &s, &err) < 0, "accepted");
        ck_assert_int_eq(err.kind, ERR_INVALID);
        ck_assert_msg(strstr(err.message, damages[_i].says), "%s, not %s", err.message, damages[_i].says);
}
END_TEST

/* Talos does not notice this; a cluster made of it never starts. */
START_TEST(notices_a_key_of_another_certificate) {
        struct talos_secrets mixed = *fresh(13);
        _cleanup_error_ struct error err = ERROR_INIT;

        mixed.kubernetes.key = fresh(14)->kubernetes.key;
        ck_fails(talos_secrets_validate(&mixed, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "certs.k8s"));
        ck_assert_ptr_nonnull(strstr(err.message, "does not belong"));
        mixed = *fresh(13);
        mixed.os = fresh(13)->etcd;
        mixed.os.key = fresh(13)->os.key;
        ck_fails(talos_secrets_validate(&mixed, &err), err, ERR_INVALID);
}
END_TEST

START_TEST(notices_a_certificate_that_is_no_authority) {
        struct talos_secrets mixed = *fresh(13);
        _cleanup_pki_pair_ struct pki_pair leaf = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;

        ck_ok(talos_client_certificate(&mixed, "os:admin", 0, NULL, &leaf, &err), err);
        mixed.os = leaf;
        ck_fails(talos_secrets_validate(&mixed, &err), err, ERR_INVALID);
        ck_assert_ptr_nonnull(strstr(err.message, "no certificate authority"));
}
END_TEST

START_TEST(refuses_what_is_no_yaml) {
        static const char *const bad[] = { "\t", "a: b: c", "- x", "cluster: [", "cluster: {id: [x]}", "" };
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
                _cleanup_error_ struct error err = ERROR_INIT;
                struct talos_secrets *s = NULL;
                ck_fails(talos_secrets_parse("s", bad[i], strlen(bad[i]), &s, &err), err, ERR_INVALID);
        }
}
END_TEST

/* What people have instead of a readable bundle, and the way to one. */
static const struct { const char *text, *says, *way; } no_bundles[] = {
        { "cluster:\n  id: ENC[AES256_GCM,data:x]\nsops:\n  mac: x\n", "encrypted by SOPS", "sops -d" },
        { "cluster:\n  id: ENC[AES256_GCM,data:x]\n", "encrypted by SOPS", "sops -d" },
        { "{\"data\": \"ENC[AES256_GCM,data:x]\", \"sops\": {}}", "encrypted by SOPS", "sops -d" },
        { "cluster:\n  id: ${CLUSTER_ID}\n", "still to be filled in: ${CLUSTER_ID}", "envsubst" },
        { "cluster:\n  id: ${CLUSTER_ID\n", "still to be filled in: ${CLUSTER_ID", "envsubst" },
        { "version: v1alpha1\nmachine:\n  type: worker\n", "a machine config", "--from-controlplane-config" },
        { "version: v1alpha1\nmachine: {}\n---\nkind: HostnameConfig\n", "a machine config", "--from-controlplane-config" },
        { "clusterSecret: x\nmachineToken: y\n", "talenv.yaml", "--from-controlplane-config" },
        { "cluster: {}\n---\ncluster: {}\n", "a second document", "" },
};

START_TEST(says_what_to_do_with_what_is_no_bundle_yet) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct talos_secrets *s = NULL;

        ck_fails(talos_secrets_import("s.yaml", no_bundles[_i].text, strlen(no_bundles[_i].text), &s, &err), err, ERR_INVALID);
        ck_assert_msg(strstr(err.message, no_bundles[_i].says) && str_starts(err.message, "s.yaml:"), "%s", err.message);
        ck_assert_msg(!*no_bundles[_i].way || (err.hint && strstr(err.hint, no_bundles[_i].way)), "%s", err.hint ? err.hint : "no hint");
}
END_TEST

START_TEST(saves_privately) {
        char dir[] = "/tmp/talos-secrets-XXXXXX";
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_talos_secrets_ struct talos_secrets *again = NULL;
        struct stat st;

        ck_assert_ptr_nonnull(mkdtemp(dir));
        _cleanup_str_ char *path = path_join(dir, "secrets.yaml");
        ck_fails(talos_secrets_load(path, &again, &err), err, ERR_NOT_FOUND);
        ck_ok(talos_secrets_save(fresh(13), path, &err), err);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_mode & 0777, 0600);
        ck_ok(talos_secrets_load(path, &again, &err), err);
        ck_assert_str_eq(again->os.key, fresh(13)->os.key);
        unlink(path);
        rmdir(dir);
}
END_TEST

/* Fields as certificates.txt of the golden folder has them. */
START_TEST(client_certificates_have_talos_form) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_pki_pair_ struct pki_pair talos = { 0 }, kubernetes = { 0 };
        _cleanup_pki_info_ struct pki_info t = { 0 }, k = { 0 };
        struct clock *clock = clock_manual_new(1795431772000);

        ck_ok(talos_client_certificate(fresh(13), "os:admin", 0, clock, &talos, &err), err);
        ck_ok(pki_read(talos.cert, &t, &err), err);
        ck_assert_str_eq(t.subject, "O=os:admin");
        ck_assert_str_eq(t.issuer, "O=talos");
        ck_assert_str_eq(t.key_type, "Ed25519");
        ck_assert_uint_eq(t.key_usage, PKI_USAGE_DIGITAL_SIGNATURE);
        ck_assert(t.client_auth && !t.server_auth && !t.other_ext_usage && !t.has_basic_constraints);
        ck_assert_int_eq(t.not_before_ms, 1795431772000);
        ck_assert_int_eq(t.not_after_ms - t.not_before_ms, (int64_t) 8760 * 3600 * 1000);
        ck_assert(str_starts(talos.key, "-----BEGIN ED25519 PRIVATE KEY-----"));
        ck_ok(pki_check_signed(talos.cert, fresh(13)->os.cert, &err), err);

        ck_ok(talos_kubernetes_client_certificate(fresh(13), 0, clock, &kubernetes, &err), err);
        ck_ok(pki_read(kubernetes.cert, &k, &err), err);
        ck_assert_str_eq(k.subject, "O=system:masters, CN=admin");
        ck_assert_str_eq(k.key_type, "P-256");
        ck_assert_uint_eq(k.key_usage, PKI_USAGE_DIGITAL_SIGNATURE | PKI_USAGE_KEY_ENCIPHERMENT);
        ck_assert(k.client_auth && !k.server_auth);
        ck_assert_int_eq(k.not_after_ms - k.not_before_ms, ((int64_t) 8760 * 3600 + 10) * 1000);
        _cleanup_str_ char *extensions = strv_join(&k.extensions, " ");
        ck_assert_str_eq(extensions, "2.5.29.15 2.5.29.37 2.5.29.35");
        ck_assert_ptr_null(k.subject_key_id);

        pki_pair_done(&talos);
        ck_ok(talos_client_certificate(fresh(13), "os:reader", 3600, clock, &talos, &err), err);
        pki_info_done(&t);
        ck_ok(pki_read(talos.cert, &t, &err), err);
        ck_assert_str_eq(t.organizations.items[0], "os:reader");
        ck_assert_int_eq(t.not_after_ms - t.not_before_ms, 3600 * 1000);
        clock_manual_free(clock);
}
END_TEST

static Suite *secrets_suite(void) {
        Suite *s = suite_create("talos/secrets");
        TCase *t = tcase_create("secrets");

        tcase_set_timeout(t, 60);
        /* Made before the tests fork, so that all share them. */
        fresh(13);
        fresh(14);
        tcase_add_test(t, generates_a_valid_bundle);
        tcase_add_test(t, the_contract_decides_the_id_alphabet);
        tcase_add_test(t, writes_as_talosctl_does);
        tcase_add_test(t, reads_its_own_writing);
        tcase_add_test(t, refuses_the_invalid_fixture);
        tcase_add_loop_test(t, refuses_damage, 0, ARRAY_SIZE(damages));
        tcase_add_test(t, notices_a_key_of_another_certificate);
        tcase_add_test(t, notices_a_certificate_that_is_no_authority);
        tcase_add_test(t, refuses_what_is_no_yaml);
        tcase_add_loop_test(t, says_what_to_do_with_what_is_no_bundle_yet, 0, ARRAY_SIZE(no_bundles));
        tcase_add_test(t, saves_privately);
        tcase_add_test(t, client_certificates_have_talos_form);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(secrets_suite())
