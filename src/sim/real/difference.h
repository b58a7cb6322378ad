/* What has to be sent so that one object becomes another. */
#pragma once

#include <jansson.h>

/* A patch (of the merge kind; with lists whole, so that it is a strategic merge patch too) that turns before into value, of those parts that the
 * subresource writes: "" all but status and the server's own metadata, "status" the status and, of Nodes, labels and annotations (kubelets set
 * them there). New reference, NULL when nothing differs. */
json_t *difference_patch(const json_t *before, const json_t *value, const char *subresource);
