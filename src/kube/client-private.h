/* What the files of this folder share about a client. */
#pragma once

#include <pthread.h>

#include "kube/client.h"

struct known_kind { char *api_version, *kind, *plural; bool namespaced; };

struct kube_client {
        char *server, *ca_pem, *cert_pem, *key_pem;
        struct http_tls tls;
        struct http_engine *engine;
        struct clock *clock;
        const struct cancel *cancel;
        int64_t timeout_ms;
        unsigned max_tries;

        pthread_mutex_t lock;                     /* guards what follows */
        bool has_date;
        int64_t date_offset_ms;                   /* server's wall clock minus our monotonic one */
        struct known_kind *kinds;                 /* found by discovery */
        size_t n_kinds;
};

/* One try, no error for any HTTP status. The response is the caller's to free, also on failure. */
int kube_attempt(struct kube_client *c, const struct kube_request *r, struct http_response *resp, struct error *err);
/* Turns an answer from 400 on into an error. */
int kube_status_error(const struct kube_request *r, const struct http_response *resp, struct error *err);
