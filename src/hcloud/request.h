/* One call of the API with its retries, and the insides of the client that other files here need. */
#pragma once

#include <hcloud/client.h>
#include <jansson.h>
#include <pthread.h>

#include "base/strbuf.h"
#include "hcloud/client-internal.h"
#include "hcloud/retry.h"

struct watch;           /* watch.h */

struct hcloud_client {
        char *endpoint, *token, *authorization, *user_agent;
        int64_t timeout_ms, connect_timeout_ms, budget_ms;      /* budget negative: no retry */
        hcloud_observer observer;
        void *observer_data;
        int (*guard)(void *data, struct error *err);
        void *guard_data;
        struct http_engine *engine;
        bool owns_engine, use_proxy;
        struct clock *clock;
        struct cancel *cancel;
        bool owns_cancel;
        struct watch *watch;
        pthread_mutex_t lock;           /* guards what follows */
        struct hcloud_client_stats stats;
        bool answered;                  /* at least one HTTP answer came */
        int64_t date_ms, date_mono_ms;  /* the last Date header and when it came; 0: none */
        int64_t rate_slot_ms;           /* when (monotonic) the next request that met 429 may go */
        uint64_t jitter_state;
};

/* The time and the tries that one call has. Several requests of one call share it. */
struct attempts {
        int64_t deadline_ms;            /* monotonic */
        int64_t rate_waited_ms;         /* waits for the rate limit move the deadline, up to a bound */
        unsigned n;                     /* requests so far */
};
void attempts_start(struct hcloud_client *client, struct attempts *a);

struct api_request {
        const char *method;
        const char *path;                       /* below the endpoint, encoded, with query */
        const json_t *body;                     /* borrowed, or NULL */
        bool once;                              /* may not be repeated when its answer was lost: err->ambiguous tells */
        bool poll;                              /* only waits for something */
        const char *const *also_retry;          /* further codes that are to be tried again, NULL-ended, or NULL */
};

/* *ret_json (may be NULL) is an object owned by the caller, or NULL after 204. attempts may be NULL: a budget of its own. */
int api_call(struct hcloud_client *client, const struct api_request *request, struct attempts *attempts, json_t **ret_json,
             struct error *err);

/* Before a lost create is looked into: waits a little, longer each time. 0: go on; negative: the tries or the time are used up, and
 * failure was moved to err; or cancelled. */
int api_wait_lost(struct hcloud_client *client, struct attempts *a, struct error *failure, struct error *err);
