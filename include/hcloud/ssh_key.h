/* SSH keys. Both the name and the fingerprint are unique in a project. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>

struct hcloud_client;

struct hcloud_ssh_key {
        int64_t id;
        char *name;
        char *fingerprint;          /* MD5, colons */
        char *public_key;
        struct hcloud_labels labels;
        int64_t created;
};
struct hcloud_ssh_key_list { struct hcloud_ssh_key *items; size_t n; };
HCLOUD_API void hcloud_ssh_key_free(struct hcloud_ssh_key *key);
HCLOUD_API void hcloud_ssh_key_list_free(struct hcloud_ssh_key_list *list);
HCLOUD_DEFINE_CLEANUP(struct hcloud_ssh_key, hcloud_ssh_key_free)
HCLOUD_DEFINE_CLEANUP(struct hcloud_ssh_key_list, hcloud_ssh_key_list_free)

struct hcloud_ssh_key_create {
        const char *name, *public_key;
        const struct hcloud_labels *labels;
        const struct hcloud_labels *adopt;      /* see hcloud_server_create */
};
/* ret_adopted may be NULL. ERR_EXISTS also when the same key is there under another name. (hcloud API: POST /ssh_keys) */
HCLOUD_API int hcloud_ssh_key_create(struct hcloud_client *client, const struct hcloud_ssh_key_create *create,
                                     struct hcloud_ssh_key **ret, bool *ret_adopted, struct error *err);
HCLOUD_API int hcloud_ssh_key_get(struct hcloud_client *client, int64_t id, struct hcloud_ssh_key **ret, struct error *err);
HCLOUD_API int hcloud_ssh_key_get_by_name(struct hcloud_client *client, const char *name, struct hcloud_ssh_key **ret,
                                          struct error *err);
HCLOUD_API int hcloud_ssh_key_list(struct hcloud_client *client, const struct hcloud_list_options *options,
                                   struct hcloud_ssh_key_list **ret, struct error *err);
HCLOUD_API int hcloud_ssh_key_list_page(struct hcloud_client *client, const struct hcloud_list_options *options,
                                        struct hcloud_page *page, struct hcloud_ssh_key_list **ret, struct error *err);
/* name and labels may be NULL: unchanged. labels replaces all labels. ret may be NULL. */
HCLOUD_API int hcloud_ssh_key_update(struct hcloud_client *client, int64_t id, const char *name, const struct hcloud_labels *labels,
                                     struct hcloud_ssh_key **ret, struct error *err);
/* Gone already is success. */
HCLOUD_API int hcloud_ssh_key_delete(struct hcloud_client *client, int64_t id, struct error *err);
