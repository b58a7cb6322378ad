/* The store of sim/kube as a copy of a real API server's: kept fresh by list and watch, and written through it.
 *
 * A mirror belongs to one cluster. Feeds (list, then watch) run on threads of their own and hand whole lines of JSON to the loop; everything else
 * is called on the loop. */
#pragma once

#include "sim/kube/cluster.h"
#include "sim/real/real.h"

struct mirror;

struct mirror_options {
        struct sim_world *world;
        void *data;
        struct sim_machine *(*server)(void *data, const struct kube_machine *at);        /* see struct api_client */
        const char *ca_pem;
};
int mirror_new(const struct mirror_options *o, struct mirror **ret, struct error *err);
void mirror_free(struct mirror *m);              /* NULL-safe; after the cluster was freed */
DEFINE_CLEANUP(struct mirror *, mirror_free)
/* For struct kube_env; borrowed. */
const struct kube_remote *mirror_remote(struct mirror *m);
void mirror_attach(struct mirror *m, struct kube_cluster *c);
/* API servers came or went. */
void mirror_servers_changed(struct mirror *m);
/* Was everything that the doubles look at listed once? */
bool mirror_is_synced(const struct mirror *m);
/* What the API server refused, for GET /state: [{who, what, code, message, count}]; new reference. */
json_t *mirror_state(const struct mirror *m);
