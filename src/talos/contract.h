/* Versions of Talos and what follows from them: the contract (major.minor) a machine config is written for, and the Kubernetes
 * versions a Talos release runs. Which exact versions a cluster uses is decided elsewhere; nothing here is pinned. */
#pragma once

#include "base/error.h"

struct talos_version {
        unsigned major, minor, patch;
        bool prerelease;             /* "-rc.1" or the like followed */
};

/* The form of machine configs: Talos' major.minor. Comparable with talos_contract_at_least(). */
struct talos_contract { unsigned major, minor; };

/* Reads "v1.13.9" or "1.13.9" (also for Kubernetes versions), with a pre-release part or without. ERR_INVALID. */
int talos_version_parse(const char *text, struct talos_version *ret_version, struct error *err);

/* Reads "v1.13.9", "1.13.9" or "v1.13" as Talos does (talos: config/contract.go). ERR_INVALID when it is none, or when no config
 * can be written for it: below 1.11, or 2.x. */
int talos_contract_parse(const char *text, struct talos_contract *ret_contract, struct error *err);

bool talos_contract_at_least(const struct talos_contract *contract, unsigned major, unsigned minor);

/* The Kubernetes minors that a Talos release runs, e.g. 31 and 36 for Talos 1.13. ERR_NOT_FOUND for an unknown Talos minor. */
int talos_kubernetes_range(const struct talos_contract *contract, unsigned *ret_min_minor, unsigned *ret_max_minor,
                           struct error *err);

/* Checks that Talos (any patch level of the contract) accepts this Kubernetes version; patch level and pre-release part do not
 * count, as in Talos. ERR_INVALID names the range. */
int talos_kubernetes_check(const struct talos_contract *contract, const char *kubernetes_version, struct error *err);
