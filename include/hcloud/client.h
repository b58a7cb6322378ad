/* The client: endpoint, token, connections, retries and the request budget. One client serves any number of threads; calls block
 * their own thread only and share few connections (HTTP/2 where the API offers it).
 *
 * Every call retries by one table (docs/libhcloud.md, "Retries"): conflict, locked, rate_limit_exceeded, bad_gateway, timeout,
 * unavailable, lost connections, and server_error where a repetition is harmless. Waits grow 1, 2, 4 … 60 s with jitter until the
 * call's budget is used up; then the last error is returned, with its `retryable` still set.
 *
 * Errors of every call, beside those its own comment names: ERR_AUTH (unauthorized, forbidden, token_readonly), ERR_RATE_LIMITED,
 * ERR_QUOTA, ERR_UNAVAILABLE, ERR_TIMEOUT, ERR_TLS, ERR_PROTOCOL (an answer that is not what the API promises), ERR_CANCELLED,
 * ERR_INVALID (invalid_input, or a rule broken before sending), ERR_REFUSED (every other refusal). `api_code`, `http_status`,
 * `correlation_id` and `details` (one line of JSON, may be NULL) are filled where the API gave them. */
#pragma once

#include <hcloud/base.h>

#define HCLOUD_DEFAULT_ENDPOINT "https://api.hetzner.cloud/v1"

struct hcloud_client;

/* One request that was sent, for traces and statistics. Holds no secret. Strings are borrowed for the call. */
struct hcloud_exchange {
        const char *method;
        const char *path;              /* below the endpoint, with query: "/servers?name=web" */
        int status;                    /* HTTP status, 0 when no answer came */
        const char *api_code;          /* of an error answer, or NULL */
        const char *correlation_id;    /* or NULL */
        int64_t duration_ms;
        unsigned attempt;              /* from 1 */
        int64_t wait_ms;               /* how long the client now waits before it tries again; -1: it does not */
        int64_t rate_remaining;        /* -1: unknown */
};
/* Called after each request on the calling thread of that request; may be called by several threads at once. */
typedef void (*hcloud_observer)(void *data, const struct hcloud_exchange *exchange);

struct hcloud_client_options {
        const char *endpoint;          /* includes "/v1"; NULL or "": HCLOUD_DEFAULT_ENDPOINT. http:// only towards loopback and
                                          2001:db8::/32 */
        const char *token;             /* bound to one project */
        const char *application;       /* "name/version" for User-Agent, or NULL */
        int64_t timeout_ms;            /* of one request; 0: 60 s */
        int64_t connect_timeout_ms;    /* 0: 10 s */
        int64_t retry_budget_ms;       /* of one call with all its retries and waits; 0: 5 min; negative: no retry at all */
        unsigned max_connections;      /* 0: 8 */
        hcloud_observer observer;      /* or NULL */
        void *observer_data;
        int (*guard)(void *data, struct error *err);   /* asked before every request that changes something, and before each retry of it; what it refuses
                                                          is not sent, and its error ends the call. Its own GETs may go through this client. Or NULL */
        void *guard_data;
};

/* Checks endpoint (ERR_INVALID) and token (ERR_AUTH: none, or bytes that cannot stand in a header, a line break most often) and
 * starts nothing on the network. All options are copied. */
HCLOUD_API int hcloud_client_new(const struct hcloud_client_options *options, struct hcloud_client **ret, struct error *err);
/* No call may be running. NULL-safe. */
HCLOUD_API void hcloud_client_free(struct hcloud_client *client);
HCLOUD_DEFINE_CLEANUP(struct hcloud_client, hcloud_client_free)

/* Ends all running and future calls of this client with ERR_CANCELLED soon. May be called from a signal handler. */
HCLOUD_API void hcloud_client_cancel(struct hcloud_client *client);

struct hcloud_client_stats {
        uint64_t requests;             /* sent, with retries and polls */
        uint64_t reads;                /* GET */
        uint64_t writes;               /* POST, PUT, DELETE */
        uint64_t polls;                /* those GETs that only waited for something: actions, locks, firewalls */
        uint64_t retries;              /* requests that repeated an earlier one */
        uint64_t adopted;              /* creates whose answer was lost and whose object was found */
        uint64_t rate_limited;         /* 429 answers */
        uint64_t failed;               /* requests without a usable answer: no connection, timeout, 5xx */
        int64_t rate_limit;            /* of the last answer's headers; -1: unknown */
        int64_t rate_remaining;
        int64_t rate_reset;            /* Unix second at which the budget is full again */
};
HCLOUD_API void hcloud_client_stats(struct hcloud_client *client, struct hcloud_client_stats *ret);

/* The API's own time by the last answer's Date header, moved on by the time since then; false when no answer has come yet. Use it,
 * not the local clock, for what machines with different clocks agree on. */
HCLOUD_API bool hcloud_client_server_time(struct hcloud_client *client, int64_t *ret_ms);

HCLOUD_API const char *hcloud_version(void);
