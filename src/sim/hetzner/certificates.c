/* Certificates: uploaded ones are read, managed ones are issued after a while without anybody issuing anything. */
#include "sim/hetzner/internal.h"

#include "base/codec.h"
#include "sim/net/cert.h"
#include "sim/world/latency.h"

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_certificate *k = (const struct cloud_certificate *) o;
        json_t *domains = json_array(), *status = json_null();

        (void) c;
        for (size_t i = 0; i < k->domains.n; i++)
                json_array_append_new(domains, json_string(k->domains.items[i]));
        if (k->managed)
                status = json_pack("{s:s,s:s,s:n}", "issuance", k->pending ? "pending" : "completed", "renewal",
                                   k->pending ? "unavailable" : "scheduled", "error");
        return json_pack("{s:I,s:s,s:o,s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:[]}", "id", (json_int_t) o->id, "name", o->name, "labels",
                         json_from_kvs(&o->labels), "type", k->managed ? "managed" : "uploaded", "certificate",
                         k->pem ? json_string(k->pem) : json_null(), "created", json_time(o->created_ms), "not_valid_before",
                         json_time(k->from_ms), "not_valid_after", json_time(k->to_ms), "domain_names", domains, "fingerprint",
                         k->fingerprint ? json_string(k->fingerprint) : json_null(), "status", status, "used_by");
}

static void done_issue(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_certificate *k = (struct cloud_certificate *) cloud_get(c, KIND_CERTIFICATE, a->subject);

        if (!k)
                return;
        k->pending = false;
        k->from_ms = sim_now_ms(c->world);
        k->to_ms = k->from_ms + 90LL * 86400 * 1000;
}

static int read_uploaded(struct cloud_call *c, struct cloud_certificate *k) {
        const char *pem = json_string_value(json_object_get(c->body, "certificate")), *key = json_string_value(json_object_get(c->body, "private_key"));
        struct error err = ERROR_INIT;
        _cleanup_(X509_freep) X509 *x = NULL;
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *pk = NULL;

        if (!pem || cert_read(pem, &x, &err) < 0) {
                error_done(&err);
                return reply_invalid(c, "certificate", "certificate is invalid");
        }
        if (!key || cert_read_key(key, &pk, &err) < 0 || !cert_key_matches(x, pk)) {
                error_done(&err);
                return reply_invalid(c, "private_key", "private key is invalid or does not belong to the certificate");
        }
        k->pem = xstrdup(pem);
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned n = 0;
        X509_digest(x, EVP_sha256(), digest, &n);
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (unsigned i = 0; i < n; i++)
                strbuf_addf(&b, "%s%02x", i ? ":" : "", digest[i]);
        k->fingerprint = strbuf_take(&b);
        k->from_ms = k->o.created_ms;
        k->to_ms = k->from_ms + 365LL * 86400 * 1000;
        return 0;
}

static void free_certificate(struct cloud_object *o) {
        struct cloud_certificate *k = (struct cloud_certificate *) o;

        cloud_object_done(o);
        free(k->pem);
        free(k->fingerprint);
        strv_done(&k->domains);
        free(k);
}

static int create(struct cloud_call *c) {
        const char *name = NULL, *type = "uploaded";
        _cleanup_kvs_ struct kvs labels = { 0 };
        json_t *domains, *item;
        size_t i;

        if (body_required(c, (const char *const[]) { "name", NULL }) < 0 || body_str(c, "name", &name) < 0 || body_str(c, "type", &type) < 0 ||
            check_name(c, KIND_CERTIFICATE, name, NULL) < 0 || body_labels(c, &labels) < 0)
                return -1;
        struct cloud_certificate *k = xnew0(struct cloud_certificate);
        k->o.name = xstrdup(name);
        k->o.created_ms = sim_now_ms(c->cloud->world);
        k->managed = str_eq(type, "managed");
        k->pending = k->managed;
        kvs_copy(&k->o.labels, &labels);
        domains = json_object_get(c->body, "domain_names");
        json_array_foreach(domains, i, item)
                if (json_is_string(item))
                        strv_add(&k->domains, json_string_value(item));
        int bad = k->managed ? (k->domains.n ? 0 : reply_invalid(c, "domain_names", "Missing data for required field.")) : read_uploaded(c, k);
        if (bad < 0) {
                free_certificate(&k->o);
                return -1;
        }
        cloud_add(c->cloud, KIND_CERTIFICATE, &k->o);
        json_t *action = json_null();
        if (k->managed) {
                struct cloud_action *a = cloud_action_start(c->cloud, "create_certificate", LATENCY_CERTIFICATE, done_issue);
                a->subject = k->o.id;
                cloud_action_on(a, KIND_CERTIFICATE, k->o.id);
                action = cloud_action_render(a);
        }
        json_t *j = json_object();
        json_object_set_new(j, "certificate", render(c->cloud, &k->o));
        json_object_set_new(j, "action", action);
        return reply_json(c, 201, j);
}

static int delete(struct cloud_call *c) {
        cloud_remove(c->cloud, c->object);
        return reply_empty(c, 204);
}

static int retry(struct cloud_call *c) {
        struct cloud_action *a;

        if (!((struct cloud_certificate *) c->object)->managed)
                return reply_error(c, 422, "caa_record_does_not_allow_ca", "only managed certificates can be retried");
        a = cloud_action_start(c->cloud, "issue_certificate", LATENCY_CERTIFICATE, done_issue);
        a->subject = c->object->id;
        cloud_action_on(a, KIND_CERTIFICATE, c->object->id);
        return reply_action(c, a);
}

static bool matches(struct cloud_call *c, const struct cloud_object *o) {
        const char *type = call_query(c, "type", 0);
        return !type || str_eq(type, ((const struct cloud_certificate *) o)->managed ? "managed" : "uploaded");
}

static const char *const sort[] = { "id", "name", "created", NULL };
const struct cloud_class class_certificate = { .path = "certificates", .singular = "certificate", .title = "Certificate", .render = render,
                                               .matches = matches, .free = free_certificate, .sort = sort, .unique_names = true, .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/certificates", KIND_CERTIFICATE, cloud_list, 0 },
        { "POST", "/certificates", KIND_CERTIFICATE, create, ROUTE_BODY },
        { "GET", "/certificates/actions", KIND_CERTIFICATE, cloud_list_all_actions, 0 },
        { "GET", "/certificates/actions/{action_id}", KIND_CERTIFICATE, cloud_show_own_action, 0 },
        { "GET", "/certificates/{id}", KIND_CERTIFICATE, cloud_show, 0 },
        { "PUT", "/certificates/{id}", KIND_CERTIFICATE, cloud_update, ROUTE_BODY },
        { "DELETE", "/certificates/{id}", KIND_CERTIFICATE, delete, 0 },
        { "GET", "/certificates/{id}/actions", KIND_CERTIFICATE, cloud_list_own_actions, 0 },
        { "GET", "/certificates/{id}/actions/{action_id}", KIND_CERTIFICATE, cloud_show_own_action, 0 },
        { "POST", "/certificates/{id}/actions/retry", KIND_CERTIFICATE, retry, 0 },
};
const struct cloud_routes routes_certificate = { routes, ARRAY_SIZE(routes) };
