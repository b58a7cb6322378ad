/* What each failure means: its kind, and whether and how it is tried again. The one retry table of the library. */
#pragma once

#include <stdint.h>

#include "base/error.h"

enum retry {
        RETRY_NO,
        RETRY_YES,      /* nothing was done: try again, whatever the method */
        RETRY_UNSURE,   /* it may have been done: again only what may be repeated; creates look first */
        RETRY_RATE,     /* wait for the bucket to refill */
};

struct retry_rule {
        const char *code;       /* the API's code; NULL: an answer without one, by status */
        int http_status;        /* only with code NULL; 0: any other */
        enum error_kind kind;
        enum retry retry;
        unsigned max_tries;     /* 0: as many as the budget allows */
        int64_t cap_ms;         /* the longest single wait */
};

/* By the API's code if given and known, else by status. Never NULL. */
const struct retry_rule *retry_rule_for(const char *code, int http_status);
/* For a failure without an answer: by the transport's error. Never NULL. answered: this client has had answers before. */
const struct retry_rule *retry_rule_transport(const struct error *err, bool answered);
/* The kind of an action's own error code; ERR_REFUSED when unknown. */
enum error_kind retry_action_kind(const char *code);

/* The wait after try number attempt (from 1): between 1 s and min(cap, 2^(attempt-1) s), spread by random in 0…UINT32_MAX. */
int64_t retry_wait_ms(const struct retry_rule *rule, unsigned attempt, uint32_t random);
