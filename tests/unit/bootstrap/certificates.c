/* Late requests for serving certificates are approved, the node's own and no other's. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/codec.h"
#include "bootstrap/private.h"
#include "ground.h"

/* What a kubelet asks for, as base64 of PEM. Owned. */
static char *make_request(const char *common_name, const char *names) {
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509_REQ *req = X509_REQ_new();
        X509_NAME *subject = X509_REQ_get_subject_name(req);
        STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
        BIO *bio = BIO_new(BIO_s_mem());
        char *pem;
        long len;

        X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8, (const unsigned char *) "system:nodes", -1, -1, 0);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *) common_name, -1, -1, 0);
        sk_X509_EXTENSION_push(list, X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names));
        X509_REQ_add_extensions(req, list);
        X509_REQ_set_pubkey(req, key);
        X509_REQ_sign(req, key, EVP_sha256());
        PEM_write_bio_X509_REQ(bio, req);
        len = BIO_get_mem_data(bio, &pem);
        char *text = base64_encode((const uint8_t *) pem, (size_t) len);
        BIO_free_all(bio);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        X509_REQ_free(req);
        EVP_PKEY_free(key);
        return text;
}

#define PENDING "{}"
#define ISSUED "{\"certificate\":\"UEVN\",\"conditions\":[{\"type\":\"Approved\",\"status\":\"True\"}]}"

/* One CSR of demo-1's kubelet, made so many milliseconds before the test begins. Owned. */
static char *csr_json(const char *names, int64_t age_ms, const char *status) {
        _cleanup_str_ char *request = make_request("system:node:demo-1", names);
        _cleanup_str_ char *created = time_format_rfc3339(START_MS - age_ms);

        return xasprintf("{\"metadata\":{\"name\":\"csr-a\",\"resourceVersion\":\"9\",\"creationTimestamp\":\"%s\"},"
                         "\"spec\":{\"request\":\"%s\",\"signerName\":\"kubernetes.io/kubelet-serving\","
                         "\"username\":\"system:node:demo-1\",\"groups\":[\"system:nodes\"],"
                         "\"usages\":[\"digital signature\",\"server auth\"]},\"status\":%s}", created, request, status);
}

static char *list_of(const char *item) { return xasprintf("{\"items\":[%s]}", item); }

#define YOUNG_NODE { 200, NULL, "{\"metadata\":{\"name\":\"demo-1\",\"creationTimestamp\":\"2026-09-21T14:00:00Z\"}}" }
#define OLD_NODE { 200, NULL, "{\"metadata\":{\"name\":\"demo-1\",\"creationTimestamp\":\"2026-09-20T13:30:00Z\"}}" }
#define OWN "DNS:demo-1,IP:2001:db8:0:1::1"

static int certificates(struct ground *g, int64_t timeout_ms, size_t *ret_approved, struct error *err) {
        const struct bootstrap_node node = ground_node(1);

        *ret_approved = 0;
        return bootstrap_serving_certificates(&g->b, &node, 1, timeout_ms, ret_approved, err);
}

/* How many of the requests wrote an approval. */
static unsigned approvals(struct ground *g) {
        unsigned n = 0;

        for (size_t i = 0; i < peer_count(g->peer); i++)
                n += strstr(peer_request(g->peer, i)->line, "/csr-a/approval") != NULL;
        return n;
}

START_TEST(a_late_request_is_approved) {
        _cleanup_str_ char *late = csr_json(OWN, 21 * SECOND_MS, PENDING), *issued = csr_json(OWN, 21 * SECOND_MS, ISSUED);
        _cleanup_str_ char *first = list_of(late), *second = list_of(issued);
        /* list, the request as it is now, its approval, the node's age; list again */
        GROUND(g, { 200, NULL, first }, { 200, NULL, late }, { 200, NULL, late }, YOUNG_NODE, { 200, NULL, second });
        _cleanup_error_ struct error err = ERROR_INIT;
        size_t approved;

        ck_ok(certificates(&g, 0, &approved, &err), err);
        ck_assert_uint_eq(approved, 1);
        ck_assert_uint_eq(approvals(&g), 1);
        ck_assert_msg(str_starts(peer_request(g.peer, 2)->line, "PUT "), "%s", peer_request(g.peer, 2)->line);
        ck_assert(strstr(peer_request(g.peer, 2)->body, "\"Approved\"") != NULL);
}
END_TEST

START_TEST(a_fresh_request_is_left_to_the_ccm) {
        _cleanup_str_ char *fresh = csr_json(OWN, 5 * SECOND_MS, PENDING), *issued = csr_json(OWN, 5 * SECOND_MS, ISSUED);
        _cleanup_str_ char *first = list_of(fresh), *second = list_of(issued);
        GROUND(g, { 200, NULL, first }, YOUNG_NODE, { 200, NULL, first }, YOUNG_NODE, { 200, NULL, second });
        _cleanup_error_ struct error err = ERROR_INIT;
        size_t approved;

        ck_ok(certificates(&g, 0, &approved, &err), err);
        ck_assert_uint_eq(approved, 0);
        ck_assert_uint_eq(approvals(&g), 0);
}
END_TEST

START_TEST(a_request_for_another_address_is_never_approved) {
        static const char *const names[] = {
                "DNS:demo-1,IP:2001:db8:0:2::1", "DNS:demo-2,IP:2001:db8:0:1::1", "DNS:demo-1", "DNS:demo-1,IP:2001:db8:0:1::1,IP:10.0.0.1",
        };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                _cleanup_str_ char *lie = csr_json(names[i], MINUTE_MS, PENDING), *list = list_of(lie);
                GROUND(g, { 200, NULL, list }, YOUNG_NODE, { 200, NULL, list }, YOUNG_NODE, { 200, NULL, list }, YOUNG_NODE,
                       { 200, NULL, list }, YOUNG_NODE);
                _cleanup_error_ struct error err = ERROR_INIT;
                size_t approved;

                ck_fails(certificates(&g, 150, &approved, &err), err, ERR_TIMEOUT);
                ck_assert_uint_eq(approved + approvals(&g), 0);
                ck_assert_msg(strstr(err.message, "demo-1") && strstr(g.notes, "csr-a is not approved"), "%s\n%s",
                              err.message, g.notes);
        }
}
END_TEST

START_TEST(a_request_that_somebody_else_approved_meanwhile_is_fine) {
        _cleanup_str_ char *late = csr_json(OWN, MINUTE_MS, PENDING), *issued = csr_json(OWN, MINUTE_MS, ISSUED);
        _cleanup_str_ char *first = list_of(late), *second = list_of(issued);
        GROUND(g, { 200, NULL, first }, { 200, NULL, late },
               { 409, NULL, "{\"kind\":\"Status\",\"reason\":\"Conflict\"}" }, YOUNG_NODE, { 200, NULL, second });
        _cleanup_error_ struct error err = ERROR_INIT;
        size_t approved;

        ck_ok(certificates(&g, 0, &approved, &err), err);
        ck_assert_uint_eq(approved, 0);
}
END_TEST

START_TEST(an_old_nodes_request_has_been_removed) {
        GROUND(g, { 200, NULL, "{\"items\":[]}" }, OLD_NODE);
        _cleanup_error_ struct error err = ERROR_INIT;
        size_t approved;

        ck_ok(certificates(&g, 0, &approved, &err), err);
        ck_assert_uint_eq(peer_count(g.peer), 2);
}
END_TEST

START_TEST(a_short_outage_does_not_end_the_wait) {
        _cleanup_str_ char *issued = csr_json(OWN, MINUTE_MS, ISSUED), *list = list_of(issued);
        GROUND(g, { 503, NULL, "" }, { .drop = true }, { 200, NULL, list });
        _cleanup_error_ struct error err = ERROR_INIT;
        size_t approved;

        ck_ok(certificates(&g, 0, &approved, &err), err);
}
END_TEST

static Suite *suite(void) {
        Suite *s = suite_create("bootstrap certificates");
        TCase *t = tcase_create("serving");

        tcase_add_test(t, a_late_request_is_approved);
        tcase_add_test(t, a_fresh_request_is_left_to_the_ccm);
        tcase_add_test(t, a_request_for_another_address_is_never_approved);
        tcase_add_test(t, a_request_that_somebody_else_approved_meanwhile_is_fine);
        tcase_add_test(t, an_old_nodes_request_has_been_removed);
        tcase_add_test(t, a_short_outage_does_not_end_the_wait);
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite())
