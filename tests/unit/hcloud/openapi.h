/* The API's own description as judge of what libhcloud sends, and as maker of answers. Only the little of JSON Schema that it
 * uses. */
#pragma once

#include <jansson.h>

#include "base/strbuf.h"

/* The operation for "GET /servers/42?x=1": the one whose path template fits, literal parts before variables. NULL: none. */
const json_t *openapi_operation(const json_t *spec, const char *line);
/* Complaints about query and body of a request; nothing added when it is as described. */
void openapi_judge(const json_t *operation, const char *line, const char *body, struct strbuf *complaints);
/* An answer made of the description's examples; NULL for 204. New reference. */
json_t *openapi_answer(const json_t *operation, int *ret_status);
