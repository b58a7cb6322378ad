/* The CCM's objects as they are applied; for tests, which compare them with what Helm renders. */
#pragma once

#include <jansson.h>

#include "bootstrap/bootstrap.h"

/* The objects as one YAML stream, without Helm's ownership annotations. Owned. */
char *ccm_text(const struct ccm_options *o);
/* The objects with them, as an array. New reference. */
int ccm_objects(const struct ccm_options *o, json_t **ret, struct error *err);
