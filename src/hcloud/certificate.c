#include <hcloud/certificate.h>

#include "hcloud/resource.h"

SHAPE(static, use_shape, hcloud_certificate_use, "certificate's use",
      FIELD(hcloud_certificate_use, id, "id", F_INT),
      FIELD(hcloud_certificate_use, type, "type", F_STR));

SHAPE(static, certificate_shape, hcloud_certificate, "certificate",
      FIELD(hcloud_certificate, id, "id", F_ID),
      FIELD(hcloud_certificate, name, "name", F_STR),
      FIELD(hcloud_certificate, type, "type", F_STR),
      FIELD(hcloud_certificate, certificate, "certificate", F_STR),
      FIELD(hcloud_certificate, fingerprint, "fingerprint", F_STR),
      FIELD(hcloud_certificate, domain_names, "domain_names", F_STRINGS),
      FIELD(hcloud_certificate, not_valid_before, "not_valid_before", F_TIME),
      FIELD(hcloud_certificate, not_valid_after, "not_valid_after", F_TIME),
      FIELD(hcloud_certificate, created, "created", F_TIME),
      FIELD(hcloud_certificate, issuance, "status.issuance", F_STR),
      FIELD(hcloud_certificate, renewal, "status.renewal", F_STR),
      FIELD(hcloud_certificate, error_code, "status.error.code", F_STR),
      FIELD(hcloud_certificate, error_message, "status.error.message", F_STR),
      FIELD_OF(hcloud_certificate, used_by, "used_by", F_LIST, use_shape),
      FIELD(hcloud_certificate, labels, "labels", F_LABELS));

static const struct resource certificate_resource = {
        .key = "certificate",
        .plural = "certificates",
        .title = "certificate",
        .shape = &certificate_shape,
        .rule = HCLOUD_NAME_ANY,
        .filters = FILTER_NAME | FILTER_LABELS | FILTER_TYPE | FILTER_SORT,
};

RESOURCE_FREE(certificate, certificate_shape)
RESOURCE_GET(certificate, certificate_resource)
RESOURCE_GET_BY_NAME(certificate, certificate_resource)
RESOURCE_LIST(certificate, certificate_resource)
RESOURCE_UPDATE(certificate, certificate_resource)
RESOURCE_DELETE(certificate, certificate_resource)

int hcloud_certificate_create(struct hcloud_client *client, const struct hcloud_certificate_create *create,
                              struct hcloud_certificate **ret, int64_t *ret_action, bool *ret_adopted, struct error *err) {
        _cleanup_json_ json_t *body = NULL;
        if (!create->certificate == !create->domain_names || !create->certificate != !create->private_key)
                return error_set(err, ERR_INVALID,
                                 "creating certificate '%s': either a certificate with its key, or domain names are needed",
                                 create->name ? create->name : "");
        if (create->certificate) {
                body = body_of(json_pack("{s:s, s:s, s:s}", "type", "uploaded", "certificate", create->certificate, "private_key",
                                         create->private_key));
        } else {
                size_t n = 0;
                while (create->domain_names[n])
                        n++;
                body = json_pack("{s:s}", "type", "managed");
                jset(body, "domain_names", json_texts(create->domain_names, n));
        }
        const struct create call = { .name = create->name, .body = body, .labels = create->labels, .adopt = create->adopt };
        return resource_create_simple(client, &certificate_resource, &call, (void **) ret, ret_action, ret_adopted, err);
}

int hcloud_certificate_retry(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err) {
        return resource_action(client, &certificate_resource, id, &(struct action_call) { .name = "retry" }, ret_action, err);
}
