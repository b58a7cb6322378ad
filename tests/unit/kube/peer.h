/* An HTTP/1.1 server with canned answers, on [::1], one thread. A test lists the requests that it expects in order; what came is kept
 * and compared by the test. */
#pragma once

#include "base/strbuf.h"

struct peer_answer {
        int status;
        const char *headers;           /* "Retry-After: 10\r\n", or NULL */
        const char *body;
        bool drop;                     /* close without an answer */
};

struct peer_request { char *line; char *content_type; char *body; };   /* line: "GET /api/v1/nodes?limit=500" */

struct peer;
/* The answers are used up in order; the last is repeated. They must outlive the peer. */
struct peer *peer_new(const struct peer_answer *answers, size_t n);
void peer_free(struct peer *p);
char *peer_url(const struct peer *p);                                  /* owned */
size_t peer_count(struct peer *p);
const struct peer_request *peer_request(struct peer *p, size_t i);     /* borrowed; only once the answer has come */
