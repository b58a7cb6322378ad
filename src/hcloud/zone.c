/* DNS zones and rrsets. An rrset has no number: it is addressed by zone, name and type. */
#include <hcloud/zone.h>

#include "base/codec.h"
#include "hcloud/resource.h"

SHAPE(static, zone_shape, hcloud_zone, "zone",
      FIELD(hcloud_zone, id, "id", F_ID),
      FIELD(hcloud_zone, name, "name", F_STR),
      FIELD(hcloud_zone, mode, "mode", F_STR),
      FIELD(hcloud_zone, status, "status", F_STR),
      FIELD(hcloud_zone, ttl, "ttl", F_INT),
      FIELD(hcloud_zone, record_count, "record_count", F_INT),
      FIELD(hcloud_zone, assigned_nameservers, "authoritative_nameservers.assigned", F_STRINGS),
      FIELD(hcloud_zone, delegated_nameservers, "authoritative_nameservers.delegated", F_STRINGS),
      FIELD(hcloud_zone, delegation_status, "authoritative_nameservers.delegation_status", F_STR),
      FIELD(hcloud_zone, registrar, "registrar", F_STR),
      FIELD(hcloud_zone, protected_delete, "protection.delete", F_BOOL),
      FIELD(hcloud_zone, labels, "labels", F_LABELS),
      FIELD(hcloud_zone, created, "created", F_TIME));

static const struct resource zone_resource = {
        .key = "zone", .plural = "zones", .title = "zone", .shape = &zone_shape, .rule = HCLOUD_NAME_SERVER,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_MODE | FILTER_SORT,
};

RESOURCE_FREE(zone, zone_shape)
RESOURCE_GET(zone, zone_resource)
RESOURCE_GET_BY_NAME(zone, zone_resource)
RESOURCE_LIST(zone, zone_resource)
RESOURCE_PROTECT(zone, zone_resource)

int hcloud_zone_create(struct hcloud_client *client, const struct hcloud_zone_create *create, struct hcloud_zone **ret,
                       int64_t *ret_action, bool *ret_adopted, struct error *err) {
        _cleanup_json_ json_t *body = json_pack("{s:s}", "mode", "primary");
        if (create->ttl)
                jset(body, "ttl", json_integer(create->ttl));
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        return resource_create_simple(client, &zone_resource, &call, (void **) ret, ret_action, ret_adopted, err);
}

int hcloud_zone_update(struct hcloud_client *client, int64_t id, const struct hcloud_labels *labels, struct hcloud_zone **ret,
                       struct error *err) {
        return resource_update(client, &zone_resource, id, NULL, labels, (void **) ret, err);
}

int hcloud_zone_delete(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err) {
        return resource_delete(client, &zone_resource, id, NULL, NULL, ret_action, err);
}

int hcloud_zone_change_ttl(struct hcloud_client *client, int64_t id, int64_t ttl, int64_t *ret_action, struct error *err) {
        const struct action_call call = { .name = "change_ttl", .body = json_pack("{s:I}", "ttl", (json_int_t) ttl) };
        return resource_action(client, &zone_resource, id, &call, ret_action, err);
}

/* ---- rrsets ---- */

SHAPE(static, record_shape, hcloud_record, "DNS record",
      FIELD(hcloud_record, value, "value", F_STR),
      FIELD(hcloud_record, comment, "comment", F_STR));

SHAPE(static, rrset_shape, hcloud_rrset, "rrset",
      FIELD(hcloud_rrset, id, "id", F_STR),
      FIELD(hcloud_rrset, name, "name", F_STR),
      FIELD(hcloud_rrset, type, "type", F_STR),
      FIELD(hcloud_rrset, ttl, "ttl", F_INT),
      FIELD(hcloud_rrset, zone, "zone", F_INT),
      FIELD_OF(hcloud_rrset, records, "records", F_LIST, record_shape),
      FIELD(hcloud_rrset, protected_change, "protection.change", F_BOOL),
      FIELD(hcloud_rrset, labels, "labels", F_LABELS));

static const struct resource rrset_resource = {
        .key = "rrset", .plural = "rrsets", .title = "rrset", .shape = &rrset_shape, .rule = HCLOUD_NAME_ANY,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_TYPE | FILTER_SORT,
};

RESOURCE_FREE(rrset, rrset_shape)

/* "/zones/1/rrsets/www/AAAA", with the rest appended. */
static char *rrset_path(int64_t zone, const char *name, const char *type, const char *rest) {
        _cleanup_str_ char *n = percent_encode(name ? name : ""), *t = percent_encode(type ? type : "");
        return xasprintf("/zones/%lld/rrsets/%s/%s%s", (long long) zone, n, t, rest);
}

static json_t *records_body(const char *const *values, size_t n) {
        json_t *list = json_array();
        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_pack("{s:s}", "value", values[i]));
        return list;
}

static int check_rrset(const char *name, const char *type, size_t n_values, struct error *err) {
        if (str_empty(name) || str_empty(type))
                return error_set(err, ERR_INVALID, "an rrset needs a name (\"@\" for the zone itself) and a type");
        for (const char *p = name; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        return error_set(err, ERR_INVALID, "rrset name '%s' must be in lower case", name);
        return n_values > 50 ? error_set(err, ERR_INVALID, "rrset '%s': %zu records; at most 50 are allowed", name, n_values) : 0;
}

/* The name is not unique (www/A and www/AAAA are two), so a lost create is looked into here and not by the common code. */
int hcloud_rrset_create(struct hcloud_client *client, int64_t zone, const struct hcloud_rrset_create *create,
                        struct hcloud_rrset **ret, int64_t *ret_action, bool *ret_adopted, struct error *err) {
        _cleanup_(hcloud_rrset_freep) struct hcloud_rrset *found = NULL;
        _cleanup_error_ struct error failure = ERROR_INIT;
        _cleanup_json_ json_t *body = json_object(), *answer = NULL;
        _cleanup_str_ char *path = xasprintf("/zones/%lld/rrsets", (long long) zone);
        int64_t action = 0;
        int r = check_rrset(create->name, create->type, create->n_values, err);
        if (r >= 0)
                r = hcloud_labels_check(create->labels, err);
        if (r < 0)
                return r;
        jset_str(body, "name", create->name);
        jset_str(body, "type", create->type);
        jset(body, "records", records_body(create->values, create->n_values));
        if (create->ttl)
                jset(body, "ttl", json_integer(create->ttl));
        if (create->labels)
                jset(body, "labels", json_from_kvs((const struct kvs *) create->labels));
        /* Sent twice it is refused the second time: uniqueness_error, and then the labels tell whose it is. */
        r = api_call(client, &(struct api_request) { .method = "POST", .path = path, .body = body }, NULL, &answer, &failure);
        if (r >= 0)
                r = answer_action(client, answer, "action", &action, &failure);
        if (r >= 0)
                r = shape_read_new(&rrset_shape, jget(answer, "rrset"), (void **) &found, &failure);
        bool ours = r < 0 && failure.kind == ERR_EXISTS && create->adopt && create->adopt->n > 0 &&
                    hcloud_rrset_get(client, zone, create->name, create->type, &found, NULL) >= 0 &&
                    hcloud_labels_contain(&found->labels, create->adopt);
        if (r < 0 && !ours) {
                error_move(err, &failure);
                return error_wrap(err, "creating rrset '%s/%s'", create->name, create->type);
        }
        *ret = TAKE(found);
        if (ret_action)
                *ret_action = action;
        if (ret_adopted)
                *ret_adopted = ours;
        return 0;
}

int hcloud_rrset_get(struct hcloud_client *client, int64_t zone, const char *name, const char *type, struct hcloud_rrset **ret,
                     struct error *err) {
        _cleanup_str_ char *path = rrset_path(zone, name, type, "");
        _cleanup_json_ json_t *answer = NULL;
        int r = api_call(client, &(struct api_request) { .method = "GET", .path = path }, NULL, &answer, err);
        if (r >= 0)
                r = shape_read_new(&rrset_shape, jget(answer, "rrset"), (void **) ret, err);
        return r < 0 ? error_wrap(err, "reading rrset '%s/%s'", name, type) : 0;
}

int hcloud_rrset_list(struct hcloud_client *client, int64_t zone, const struct hcloud_list_options *options,
                      struct hcloud_rrset_list **ret, struct error *err) {
        _cleanup_str_ char *path = xasprintf("/zones/%lld/rrsets", (long long) zone);
        return resource_list(client, &rrset_resource, path, options, false, (void **) ret, err);
}

int hcloud_rrset_update(struct hcloud_client *client, int64_t zone, const char *name, const char *type,
                        const struct hcloud_labels *labels, struct hcloud_rrset **ret, struct error *err) {
        _cleanup_str_ char *path = rrset_path(zone, name, type, "");
        int r = hcloud_labels_check(labels, err);
        if (r < 0)
                return r;
        json_t *body = json_object();
        if (labels)
                jset(body, "labels", json_from_kvs((const struct kvs *) labels));
        return resource_put(client, &rrset_resource, 0, path, body, (void **) ret, err);
}

int hcloud_rrset_delete(struct hcloud_client *client, int64_t zone, const char *name, const char *type, int64_t *ret_action,
                        struct error *err) {
        _cleanup_str_ char *path = rrset_path(zone, name, type, "");
        return resource_delete(client, &rrset_resource, 0, path, NULL, ret_action, err);
}

/* body is taken. */
static int rrset_action(struct hcloud_client *client, int64_t zone, const char *name, const char *type, const char *action,
                        json_t *body, int64_t *ret_action, struct error *err) {
        _cleanup_str_ char *rest = xasprintf("/actions/%s", action), *path = rrset_path(zone, name, type, rest);
        return resource_action(client, &rrset_resource, 0, &(struct action_call) { .name = action, .path = path, .body = body },
                               ret_action, err);
}

int hcloud_rrset_set_records(struct hcloud_client *client, int64_t zone, const char *name, const char *type,
                             const char *const *values, size_t n_values, int64_t *ret_action, struct error *err) {
        int r = check_rrset(name, type, n_values, err);
        return r < 0 ? r
                     : rrset_action(client, zone, name, type, "set_records",
                                    json_pack("{s:o}", "records", records_body(values, n_values)), ret_action, err);
}

int hcloud_rrset_add_records(struct hcloud_client *client, int64_t zone, const char *name, const char *type, int64_t ttl,
                             const char *const *values, size_t n_values, int64_t *ret_action, struct error *err) {
        int r = check_rrset(name, type, n_values, err);
        if (r < 0)
                return r;
        json_t *body = json_pack("{s:o}", "records", records_body(values, n_values));
        if (ttl)
                jset(body, "ttl", json_integer(ttl));
        return rrset_action(client, zone, name, type, "add_records", body, ret_action, err);
}

int hcloud_rrset_remove_records(struct hcloud_client *client, int64_t zone, const char *name, const char *type,
                                const char *const *values, size_t n_values, int64_t *ret_action, struct error *err) {
        int r = check_rrset(name, type, n_values, err);
        return r < 0 ? r
                     : rrset_action(client, zone, name, type, "remove_records",
                                    json_pack("{s:o}", "records", records_body(values, n_values)), ret_action, err);
}

int hcloud_rrset_change_ttl(struct hcloud_client *client, int64_t zone, const char *name, const char *type, int64_t ttl,
                            int64_t *ret_action, struct error *err) {
        json_t *body = ttl ? json_pack("{s:I}", "ttl", (json_int_t) ttl) : json_pack("{s:n}", "ttl");
        return rrset_action(client, zone, name, type, "change_ttl", body, ret_action, err);
}
