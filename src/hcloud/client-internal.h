/* How the program that libhcloud ships with makes a client: on its own HTTP engine, clock and cancel flag. Not installed. */
#pragma once

#include <hcloud/client.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "base/http.h"

struct hcloud_client_inner {
        struct http_engine *engine;     /* shared and borrowed; NULL: the client makes its own */
        struct clock *clock;            /* borrowed; NULL: the system's */
        struct cancel *cancel; /* borrowed; ends all calls when triggered, and hcloud_client_cancel() triggers it; NULL: the
                                  client has its own */
        bool no_proxy;                  /* do not honour https_proxy and friends */
        uint64_t jitter_seed;           /* 0: random; else back-off jitter is repeatable */
};

/* hcloud_client_new() with insides; inner may be NULL. */
int hcloud_client_new_with(const struct hcloud_client_options *options, const struct hcloud_client_inner *inner,
                           struct hcloud_client **ret, struct error *err);
