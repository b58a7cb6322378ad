/* The REST interface of the API server without its transport: one request in, one answer or one watch out. */
#pragma once

#include "sim/kube/cluster.h"

struct kube_request {
        const char *method;
        const char *path;                /* decoded, without query */
        struct kvs query;                /* decoded */
        const char *accept, *content_type, *user_agent;          /* or NULL */
        const char *body;
        size_t body_len;
        const char *user;                /* CN of the client certificate, NULL: anonymous */
        const struct strv *groups;
};

struct kube_answer {
        int status;
        const char *content_type;        /* static */
        struct kvs headers;
        char *body;                      /* owned */
        struct kube_watch *watch;        /* a stream instead of a body: start it; owned */
        int64_t watch_rv;
        bool watch_initial;              /* first everything that exists as ADDED */
        bool watch_bookmark;             /* then a bookmark that says so */
        bool table, table_objects;       /* events carry Tables */
        int64_t timeout_s;
};
void kube_answer_done(struct kube_answer *a);
#define _cleanup_kube_answer_ _cleanup_(kube_answer_done)

/* Answers one request. Never fails: what is wrong is an answer too. */
void kube_handle(struct kube_cluster *c, const struct kube_request *r, struct kube_answer *ret);

/* Where a path leads. */
struct kube_target { struct kube_type *type; char *name_space, *name, *subresource; };
void kube_target_done(struct kube_target *t);

/* discovery.c: true when the path was one of discovery, version, health or OpenAPI and was answered. */
bool discovery_handle(struct kube_cluster *c, const struct kube_request *r, struct kube_answer *ret);
/* table.c: objects as meta.k8s.io/v1 Table; new reference. */
json_t *table_of(struct kube_cluster *c, const struct kube_type *t, const json_t *objects, const char *resource_version,
                 bool whole_objects, bool headers);
/* subresource.c: true when it answered. */
bool subresource_handle(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to,
                        struct kube_answer *ret);

/* Shared. */
void answer_json(struct kube_answer *a, int status, json_t *body /* taken */);
void answer_object(struct kube_cluster *c, const struct kube_request *r, const struct kube_type *t, struct kube_answer *a,
                   int status, const json_t *object);
void answer_failure(struct kube_answer *a, const struct kube_failure *f);
bool request_is(const struct kube_request *r, const char *method);
bool request_dry_run(const struct kube_request *r);
char *request_manager(const struct kube_request *r);             /* owned */
/* The body as JSON (YAML too when yaml is set); 400 otherwise. */
int request_body(const struct kube_request *r, bool yaml, json_t **ret, struct kube_failure *f);
struct kube_writer request_writer(const struct kube_request *r, const char *manager, const char *subresource);
int object_of(struct kube_cluster *c, const struct kube_target *to, const json_t **ret, struct kube_failure *f);     /* 404 */
int rest_write(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, const char *subresource,
               struct kube_answer *a,
               struct kube_failure *f);                          /* PUT and PATCH of the object or its status */
