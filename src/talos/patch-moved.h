/* Settings that may stand in the v1alpha1 document or in a document of their own, not in both (talos: V1Alpha1ConflictValidate() of each kind at 1.14.1), and
 * where each setting of the v1alpha1 document stands in contract 1.14. */
#pragma once

#include "base/error.h"
#include "base/yaml.h"

/* Is this config of the form of contract 1.14? */
bool config_is_documents(const struct yaml_docs *config);

/* ERR_PROFILE when the config sets something in both places. */
int config_check_conflicts(const struct yaml_docs *config, struct error *err);

/* The same after a patch, with its place in the patch: "file:line:column: machine.network.nameservers moved to the document ResolverConfig
 * (nameservers[].address)". Conflicts with which the patch has nothing to do, and those between documents older than 1.14, are left to
 * config_check_conflicts(). ERR_PROFILE. */
int patch_check_moved(const struct yaml_docs *config, const struct yaml_docs *patch, const char *name, struct error *err);
