/* What all kinds of resources do alike: get, list by pages, find by name, create or adopt, update, delete, run an action. A
 * resource's own file holds its shape, one struct resource, and thin typed functions. */
#pragma once

#include <hcloud/label.h>
#include <hcloud/page.h>

#include "base/json.h"
#include "hcloud/request.h"
#include "hcloud/shape.h"

enum filter {
        FILTER_LABELS = 1 << 0,
        FILTER_STATUS = 1 << 1,
        FILTER_TYPE = 1 << 2,
        FILTER_ARCHITECTURE = 1 << 3,
        FILTER_IP = 1 << 4,
        FILTER_FINGERPRINT = 1 << 5,
        FILTER_MODE = 1 << 6,
        FILTER_BOUND_TO = 1 << 7,
        FILTER_DEPRECATED = 1 << 8,
        FILTER_SORT = 1 << 9,
        FILTER_NAME = 1 << 10,
};

struct resource {
        const char *key;        /* "primary_ip": root key of one */
        const char *plural;     /* "primary_ips": root key of many, and the path */
        const char *title;      /* "primary IP": for messages */
        const struct shape *shape;
        unsigned filters;
        enum hcloud_name_rule rule;
};

/* The query of a list: "?name=…&page=…"; page 0: not paged. Owned. ERR_INVALID for a filter the resource does not have. */
int list_query(const struct resource *res, const struct hcloud_list_options *options, int64_t page, char **ret, struct error *err);

int resource_get(struct hcloud_client *c, const struct resource *res, int64_t id, void **ret, struct error *err);
int resource_get_by_name(struct hcloud_client *c, const struct resource *res, const char *name, void **ret, struct error *err);
/* 1: a page; 0: there is none any more. path: NULL for "/<plural>". */
int resource_page(struct hcloud_client *c, const struct resource *res, const char *path,
                  const struct hcloud_list_options *options, bool poll, struct hcloud_page *page, void **ret, struct error *err);
int resource_list(struct hcloud_client *c, const struct resource *res, const char *path,
                  const struct hcloud_list_options *options, bool poll, void **ret, struct error *err);

/* Sends a create. The answer, owned by the caller, holds the object under res->key; when adopted nothing else is in it. body is
 * borrowed; labels are checked and set in it. path NULL: "/<plural>". check_name false: the name is not checked (DNS). */
struct create {
        const char *path;
        const char *name;
        json_t *body;
        const struct hcloud_labels *labels, *adopt;
        bool unchecked_name;
};
int resource_create(struct hcloud_client *c, const struct resource *res, const struct create *create, json_t **ret_answer,
                    bool *ret_adopted, struct error *err);
/* The same for answers of one object and perhaps an action; all ret_… but ret may be NULL. */
int resource_create_simple(struct hcloud_client *c, const struct resource *res, const struct create *create, void **ret,
                           int64_t *ret_action, bool *ret_adopted, struct error *err);

/* body is taken. ret may be NULL. path NULL: "/<plural>/<id>". */
int resource_put(struct hcloud_client *c, const struct resource *res, int64_t id, const char *path, json_t *body, void **ret,
                 struct error *err);
int resource_update(struct hcloud_client *c, const struct resource *res, int64_t id, const char *name,
                    const struct hcloud_labels *labels, void **ret, struct error *err);
/* 404 is success. ret_action may be NULL. path NULL: "/<plural>/<id>". */
int resource_delete(struct hcloud_client *c, const struct resource *res, int64_t id, const char *path,
                    const char *const *also_retry, int64_t *ret_action, struct error *err);

/* POST /<plural>/<id>/actions/<name>. body is taken, may be NULL. */
struct action_call {
        const char *name;
        json_t *body;
        const char *path;                       /* NULL: the one above */
        bool once;                              /* not harmless when done twice */
        const char *const *also_retry;          /* codes, NULL-ended */
        const char *const *done;                /* codes that mean "it is so already": success without action */
};
/* *ret_answer may be NULL: after a code in `done` it is NULL. */
int resource_action_answer(struct hcloud_client *c, const struct resource *res, int64_t id, const struct action_call *call,
                           json_t **ret_answer, struct error *err);
/* ret_action may be NULL. */
int resource_action(struct hcloud_client *c, const struct resource *res, int64_t id, const struct action_call *call,
                    int64_t *ret_action, struct error *err);

/* The action's id under key ("action") of an answer; 0 when null or missing. Successes are remembered for the waiter. */
int answer_action(struct hcloud_client *c, const json_t *answer, const char *key, int64_t *ret, struct error *err);
/* The ids of a list of actions under key, appended. */
int answer_actions(struct hcloud_client *c, const json_t *answer, const char *key, struct hcloud_ids *ret, struct error *err);

/* TAKE() for a struct: its value is given away, the variable becomes all zero. */
#define TAKE_STRUCT(s) ({ __typeof__(s) _value = (s); (s) = (__typeof__(s)) { 0 }; _value; })

/* json_pack() fails on texts that are not UTF-8; JSON null then stands for "refuse this call". */
static inline json_t *body_of(json_t *packed) { return packed ? packed : json_null(); }

/* JSON of lists, for bodies; NULL when n is 0. */
json_t *json_ids(const int64_t *ids, size_t n);
json_t *json_texts(const char *const *texts, size_t n);

/* The typed functions that every resource has: NAME_free, NAME_list_free, NAME_get, NAME_get_by_name, NAME_list, NAME_list_page. */
#define RESOURCE_FREE(KIND, shape_)                                                                               \
        void hcloud_##KIND##_free(struct hcloud_##KIND *object) { shape_free(&shape_, object); }                  \
        void hcloud_##KIND##_list_free(struct hcloud_##KIND##_list *list) { shape_list_free(&shape_, list); }
#define RESOURCE_GET(KIND, res)                                                                                   \
        int hcloud_##KIND##_get(struct hcloud_client *client, int64_t id, struct hcloud_##KIND **ret, struct error *err) { \
                return resource_get(client, &res, id, (void **) ret, err);                                        \
        }
#define RESOURCE_GET_BY_NAME(KIND, res)                                                                           \
        int hcloud_##KIND##_get_by_name(struct hcloud_client *client, const char *text, struct hcloud_##KIND **ret, \
                                            struct error *err) {                                                  \
                return resource_get_by_name(client, &res, text, (void **) ret, err);                              \
        }
#define RESOURCE_LIST(KIND, res)                                                                                  \
        int hcloud_##KIND##_list_page(struct hcloud_client *client, const struct hcloud_list_options *options, \
                                      struct hcloud_page *page, struct hcloud_##KIND##_list **ret, struct error *err) { \
                return resource_page(client, &res, NULL, options, false, page, (void **) ret, err);               \
        }                                                                                                         \
        int hcloud_##KIND##_list(struct hcloud_client *client, const struct hcloud_list_options *options, \
                                 struct hcloud_##KIND##_list **ret, struct error *err) {                          \
                return resource_list(client, &res, NULL, options, false, (void **) ret, err);                     \
        }
#define RESOURCE_UPDATE(KIND, res)                                                                                \
        int hcloud_##KIND##_update(struct hcloud_client *client, int64_t id, const char *text, const struct hcloud_labels *labels, \
                                   struct hcloud_##KIND **ret, struct error *err) {                               \
                return resource_update(client, &res, id, text, labels, (void **) ret, err);                       \
        }
#define RESOURCE_DELETE(KIND, res)                                                                                \
        int hcloud_##KIND##_delete(struct hcloud_client *client, int64_t id, struct error *err) {                 \
                return resource_delete(client, &res, id, NULL, NULL, NULL, err);                                  \
        }
#define RESOURCE_PROTECT(KIND, res)                                                                               \
        int hcloud_##KIND##_change_protection(struct hcloud_client *client, int64_t id, bool protect_delete,      \
                                                 int64_t *ret_action, struct error *err) {                        \
                return resource_action(client, &res, id, &(struct action_call) { .name = "change_protection",     \
                                       .body = body_of(json_pack("{s:b}", "delete", protect_delete)) }, ret_action, err); \
        }
