/* The Lease hcloud-v6-scale in kube-system: of several machines that could scale a cluster one does. Renewed by a thread while it is held. */
#pragma once

#include "base/cancel.h"
#include "kube/client.h"

struct hold;
/* ERR_LOCKED: somebody else has it (named, and until when). */
int hold_take(struct kube_client *kube, const char *holder, struct hold **ret, struct error *err);
/* The same with another pause between renewals than 15 s, for tests. */
int hold_take_renewing(struct kube_client *kube, const char *holder, int renew_ms, struct hold **ret, struct error *err);
/* Not known to be lost? ERR_LOCKED when somebody else took it over, or it could not be renewed in time. */
int hold_check(struct hold *h, struct error *err);
void hold_release(struct hold *h);     /* NULL-safe */
DEFINE_CLEANUP(struct hold *, hold_release)
