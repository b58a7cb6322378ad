/* TLS certificates for load balancers: uploaded, or managed by Hetzner for domains on its own DNS. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_certificate_use { int64_t id; char *type; };
struct hcloud_certificate_uses { struct hcloud_certificate_use *items; size_t n; };

struct hcloud_certificate {
        int64_t id;
        char *name;
        char *type;                 /* "uploaded", "managed" */
        char *certificate;          /* PEM, or NULL while it is not issued */
        char *fingerprint;
        struct hcloud_strings domain_names;
        int64_t not_valid_before, not_valid_after, created;
        char *issuance, *renewal;   /* managed only: "pending", "completed", "failed"; "scheduled" … */
        char *error_code, *error_message;
        struct hcloud_certificate_uses used_by;
        struct hcloud_labels labels;
};
struct hcloud_certificate_list { struct hcloud_certificate *items; size_t n; };
HCLOUD_API void hcloud_certificate_free(struct hcloud_certificate *certificate);
HCLOUD_API void hcloud_certificate_list_free(struct hcloud_certificate_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_certificate, hcloud_certificate_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_certificate_list, hcloud_certificate_list_free)

struct hcloud_certificate_create {
        const char *name;
        const char *certificate, *private_key;  /* PEM: uploaded … */
        const char *const *domain_names;        /* … or NULL-ended: managed */
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;      /* see hcloud_server_create */
};
/* *ret_action (may be NULL) is 0 for uploaded ones; ret_adopted may be NULL. (hcloud API: POST /certificates) */
HCLOUD_API int hcloud_certificate_create(struct hcloud_client *client, const struct hcloud_certificate_create *create,
                                         struct hcloud_certificate **ret, int64_t *ret_action, bool *ret_adopted,
                                         struct error *err);
HCLOUD_API int hcloud_certificate_get(struct hcloud_client *client, int64_t id, struct hcloud_certificate **ret, struct error *err);
HCLOUD_API int hcloud_certificate_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_certificate **ret,
                                              struct error *err);
HCLOUD_API int hcloud_certificate_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                       struct hcloud_certificate_list **ret, struct error *err);
HCLOUD_API int hcloud_certificate_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                            struct hcloud_page *page, struct hcloud_certificate_list **ret, struct error *err);
/* name and labels may be NULL: unchanged. labels replaces all labels. ret may be NULL. */
HCLOUD_API int hcloud_certificate_update(struct hcloud_client *client, int64_t id, const char *name,
                                         const struct hcloud_labels *labels, struct hcloud_certificate **ret, struct error *err);
/* Gone already is success. */
HCLOUD_API int hcloud_certificate_delete(struct hcloud_client *client, int64_t id, struct error *err);
/* Tries a failed issuance or renewal again. ret_action may be NULL. */
HCLOUD_API int hcloud_certificate_retry(struct hcloud_client *client, int64_t id, int64_t *ret_action, struct error *err);
