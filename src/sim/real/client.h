/* Requests to a real API server, each in its writer's own name and from its node's address. They block: the API server needs nothing of the
 * event loop to answer. */
#pragma once

#include "base/http.h"
#include "sim/kube/cluster.h"
#include "sim/real/real.h"

struct api_client {
        struct sim_world *world;
        struct http_engine *engine;
        char *ca_pem;                            /* whom to trust */
        void *data;
        /* An API server that answers for who runs on this machine (NULL: anybody); NULL: there is none now. */
        struct sim_machine *(*server)(void *data, const struct kube_machine *at);
};

int api_client_init(struct api_client *a, struct error *err);     /* the engine; the other members are set before */
void api_client_done(struct api_client *a);

struct api_request {
        const char *method, *path;               /* path with its query */
        const char *content_type;                /* of the body; NULL: application/json */
        const json_t *body;                      /* or NULL */
        const struct kube_identity *as;          /* NULL: the administrator */
};
/* 0 and the answer (new reference; NULL where it is no JSON) for a status below 300; else negative with code, reason and message of the API
 * server's Status. Code 0: no answer came. ret may be NULL. */
int api_call(struct api_client *a, const struct api_request *r, json_t **ret, struct kube_failure *f);

/* Where objects of a type live: "/api/v1/namespaces/NS/pods/NAME"; name may be NULL. Owned. */
char *api_path(const struct kube_type *t, const char *name_space, const char *name);
