/* The simulated Hetzner Cloud: its REST API and the machines behind it. Created once a world; owns all resources.
 *
 * Transport is not its business: sim_hetzner_handle() takes one parsed request and gives one answer. Behaviour follows
 * https://docs.hetzner.cloud (the description of July 2026 and the changes since), listed in docs/simulator.md. */
#pragma once

#include "sim/world/world.h"

struct sim_api_request {
        const char *method;
        const char *path;               /* below /v1, "/servers/42", still percent-encoded, without query */
        const char *query;              /* or NULL */
        const char *token;              /* of "Authorization: Bearer …", or NULL */
        const char *host;               /* for Link headers: "http://[::1]:8080/v1", no trailing slash */
        const char *body;               /* or NULL */
        size_t body_len;
};

struct sim_api_answer {
        int status;
        struct kvs headers;
        struct strbuf body;
        bool drop;                      /* close the connection without an answer (a fault) */
        bool truncate;                  /* Content-Length says more than is sent, then the connection closes (a fault) */
        int spoil;                      /* enum sim_spoil (world/spoil.h): answer so; 0: as it is */
        int64_t delay_ms;               /* answer so much later */
        const char *spoilt;             /* the fault that made the body something the real API would not say, or NULL; static */
};
void sim_api_answer_done(struct sim_api_answer *a);

int sim_hetzner_new(struct sim_world *w, struct error *err);         /* sets w->hetzner */
void sim_hetzner_free(struct sim_world *w);                          /* halts all machines */
void sim_hetzner_handle(struct sim_world *w, const struct sim_api_request *req, struct sim_api_answer *ret);

/* Everything that exists as JSON for GET /state; new reference. */
json_t *sim_hetzner_state(struct sim_world *w);
