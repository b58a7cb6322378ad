/* A scripted HTTP server on [::1] in a thread of the test, and a client towards it whose clock stands still until it sleeps. */
#pragma once

#include <hcloud/hcloud.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/strbuf.h"
#include "hcloud/client-internal.h"

#include "../unit.h"

#define FAKE_TOKEN "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01"

/* One expected request and its answer. */
struct fake_step {
        const char *expect;     /* how "METHOD /path?query" below /v1 begins; NULL: anything */
        int status;             /* 0: the connection is closed without an answer */
        const char *body;       /* NULL: none */
        const char *headers;    /* further lines, each ended by \r\n, or NULL */
        bool html;              /* content type text/html */
};

struct fake;
/* For what a script cannot say: fills the answer; called with the lock held. body strings must live on (fake_keep()). */
typedef struct fake_step (*fake_handler)(struct fake *f, const char *line, const char *body);

struct fake {
        pthread_mutex_t lock;
        pthread_t thread;
        int listener, port;
        bool stopping;
        const struct fake_step *steps;
        size_t n_steps, at;
        fake_handler handler;
        void *data;
        struct strv lines, bodies;      /* what came */
        struct strv kept;
        struct strbuf wrong;            /* requests that the script did not expect */
        struct kvs last_headers;        /* lower-case names */
        pthread_t workers[64];
        int sockets[64];
        size_t n_workers;

        struct clock *clock;
        struct hcloud_client *client;
        struct error error;
};

/* options may be NULL; endpoint and token are filled in when missing. */
void fake_start(struct fake *f, const struct hcloud_client_options *options);
void fake_script(struct fake *f, const struct fake_step *steps, size_t n);
#define FAKE_SCRIPT(f, ...) fake_script(f, (const struct fake_step[]) { __VA_ARGS__ }, \
                                        sizeof((struct fake_step[]) { __VA_ARGS__ }) / sizeof(struct fake_step))
/* Stops all, and fails the test when requests were unexpected or steps are left. */
void fake_stop(struct fake *f);
const char *fake_keep(struct fake *f, char *owned);
size_t fake_count(struct fake *f);                              /* requests so far */
char *fake_line(struct fake *f, size_t i);                      /* borrowed until stop */
char *fake_body(struct fake *f, size_t i);

/* A list answer with one page. */
#define PAGE_END                                                                                                          \
        "\"meta\":{\"pagination\":{\"page\":1,\"per_page\":50,\"previous_page\":null,\"next_page\":null,\"last_page\":1," \
        "\"total_entries\":1}}"
#define ERROR_BODY(code, message) "{\"error\":{\"code\":\"" code "\",\"message\":\"" message "\",\"details\":null}}"
