/* What the files of the CCM's double share. */
#pragma once

#include "sim/kube/cluster.h"

/* What a released version does, where they differ on a server with a /64. */
struct ccm_version {
        const char *since;               /* the first release that does so: "v1.8.0" */
        bool allocator;                  /* has node-ipam-controller: hands out the first /80 of the node's /64, the own-address trap */
        bool approval;                   /* node-csr-approval is a controller that can be named */
        bool guards_names;               /* denies requests for "kubernetes" and "kubernetes.*" */
        bool account_by_environment;     /* its ServiceAccount's name comes from SERVICE_ACCOUNT */
};
/* By the tag of an image; what is newer than all known, or no version, is taken for the newest. */
const struct ccm_version *ccm_version_of(const char *image);

/* Its command line. */
struct ccm_options { const struct ccm_version *version; struct strv controllers; bool allocate, own_accounts; };
void ccm_options_read(const json_t *pod, struct ccm_options *ret);
void ccm_options_done(struct ccm_options *o);
/* Why this pod's program ends at once, as it says itself; owned, or NULL. */
char *ccm_options_trouble(struct kube_cluster *c, const json_t *pod);

struct ccm {
        char *pod_uid;                   /* the leader; a new one has forgotten everything below */
        int64_t due_ms;                  /* works not before */
        const struct ccm_version *version;
        bool nodes, approve, ipam, own_accounts;
        json_t *seen;                    /* requests that were looked at once: there is no second look */
        json_t *next_index;              /* /64 -> index of the next /80 */
        /* With a real API server (ccm-account.c). */
        struct kube_identity self, nodes_as, approval_as;
        char *holder, *tokens[3];
        int64_t lease_due_ms;
        unsigned step;                   /* of the start that was reached */
};

/* The start of the real program, request by request, and its Lease; true once it leads and has all its tokens. */
bool ccm_accounts_ready(struct kube_cluster *c, struct ccm *ccm, const json_t *pod);
void ccm_accounts_done(struct ccm *ccm);
/* The Node as the approving controller asks for it; NULL: not there, or not allowed. */
const json_t *ccm_node(struct kube_cluster *c, const char *name);
