/* REST calls to one Kubernetes API server: identity, retries, typed errors. Objects pass here as JSON; what the program itself works
 * with are the plain structs of the other headers in this folder.
 *
 * A client may be used by many threads at once. Reads are tried again on 429, 5xx and transport errors with jittered back-off;
 * so are writes that are the same when repeated (server-side apply, merge patches, deletes). Creates and replaces are repeated
 * only when the server has certainly done nothing (429, no connection). While nothing answers at all it gives up after 15 s.
 *
 * Errors by the Status object: 400, 422 -> ERR_INVALID; 401, 403 -> ERR_AUTH (403 because the namespace is being removed:
 * ERR_CONFLICT); 404 -> ERR_NOT_FOUND; 409 -> ERR_EXISTS (reason AlreadyExists) or ERR_CONFLICT; 410 -> ERR_CONFLICT (reason
 * Expired); 429 -> ERR_RATE_LIMITED; 500, 502, 503 -> ERR_UNAVAILABLE; 504 -> ERR_TIMEOUT. err->api_code is the Status' reason,
 * err->details its details as one line of JSON. */
#pragma once

#include "base/clock.h"
#include "base/http.h"
#include "base/json.h"

struct kube_config {
        const char *server;                       /* "https://[2001:db8::1]:6443"; plain http only to a loopback address */
        const char *ca_pem, *cert_pem, *key_pem;
        int64_t clock_off_ms;                     /* to add to this machine's clock when the server's certificate is judged */
        struct http_engine *engine;               /* borrowed, as are the next two */
        struct clock *clock;                      /* NULL: the system's */
        const struct cancel *cancel;
        int64_t timeout_ms;                       /* of one try; 0 = 30 s */
        unsigned max_tries;                       /* 0 = 8; 1: never again */
};

struct kube_client;
/* Copies the strings. ERR_INVALID when the server's URL is none that is allowed. */
int kube_client_new(const struct kube_config *config, struct kube_client **ret, struct error *err);
/* Another client with the same identity that gives up sooner, for a look at a cluster that may be dead. Freed by the caller. */
struct kube_client *kube_client_hurried(const struct kube_client *c, int64_t timeout_ms, unsigned max_tries);
/* The same at another of the cluster's API servers: "https://[…]:6443". Freed by the caller. */
struct kube_client *kube_client_beside(const struct kube_client *c, const char *server, int64_t timeout_ms, unsigned max_tries);
void kube_client_free(struct kube_client *c);
DEFINE_CLEANUP(struct kube_client *, kube_client_free)

/* GET /readyz. 0 when it is ready; ERR_UNAVAILABLE with the failing checks in the message ("etcd, poststarthook/rbac"). One try. */
int kube_readyz(struct kube_client *c, struct error *err);
struct kube_version { char *git_version, *platform; int64_t major, minor; };
void kube_version_done(struct kube_version *v);
int kube_version(struct kube_client *c, struct kube_version *ret, struct error *err);
/* The API server's time by the Date header of its last answer, moved on by our clock; our own time before the first answer. */
int64_t kube_now_ms(struct kube_client *c);

/* "/api/v1/namespaces/kube-system/pods/x/eviction"; parts percent-encoded; ns, name and sub may be NULL. Owned. */
char *kube_path(const char *api_version, const char *plural, const char *ns, const char *name, const char *sub);

/* GET of one object. New reference. */
int kube_get(struct kube_client *c, const char *path, json_t **ret, struct error *err);
/* GET of a whole list: pages of 500, started again when the token expired (410), never a part. query is "labelSelector=…" already
 * percent-encoded, or NULL. *ret is a JSON array of the items. */
int kube_list(struct kube_client *c, const char *path, const char *query, json_t **ret, struct error *err);
/* The same in pages of at most `limit` items, each handed to fn and then forgotten: 500 Nodes of a real cluster are megabytes of JSON. When the list
 * has to begin again, restart is called first; what fn has made so far is then void. fn's error ends the list. */
struct kube_pages {
        unsigned limit;                           /* 0 = 500 */
        int (*fn)(const json_t *items, void *data, struct error *err);
        void (*restart)(void *data);
        void *data;
};
int kube_list_pages(struct kube_client *c, const char *path, const char *query, const struct kube_pages *pages, struct error *err);
int kube_create(struct kube_client *c, const char *path, const json_t *object, json_t **ret, struct error *err);   /* ret may be NULL */
int kube_replace(struct kube_client *c, const char *path, const json_t *object, json_t **ret, struct error *err);  /* PUT */
/* PATCH application/merge-patch+json (RFC 7386). */
int kube_merge_patch(struct kube_client *c, const char *path, const json_t *patch, json_t **ret, struct error *err);
/* DELETE with propagationPolicy Background; uid (or NULL) as precondition. ERR_NOT_FOUND when it is gone already. */
int kube_delete(struct kube_client *c, const char *path, const char *uid, struct error *err);

/* Anything else; content_type NULL is application/json. retry says that repeating it is harmless. Used by apply.h and evict.h. */
struct kube_request {
        const char *method, *path, *query, *content_type, *accept;
        const void *body;
        size_t body_len;
        bool retry;                               /* else only when the server has certainly done nothing */
        bool keep_429;                            /* 429 is an answer, not a reason to try again (evictions) */
};
/* *ret_body is the raw answer; *ret_status may be NULL. Statuses from 400 are errors. */
int kube_call(struct kube_client *c, const struct kube_request *r, int *ret_status, struct strbuf *ret_body, struct error *err);

/* What an error's Status said. */
int64_t kube_error_retry_after_s(const struct error *err);             /* details.retryAfterSeconds or Retry-After; -1 when not said */
char *kube_error_cause(const struct error *err, const char *reason);   /* message of the cause with that reason; owned, or NULL */
