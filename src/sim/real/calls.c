/* One HTTPS exchange without blocking the loop. Each has a thread while it runs: they are few (a handful a second at most), and the engine that they
 * share keeps the connections. */
#include "sim/real/plane.h"

#include <pthread.h>

#include "base/http.h"

struct real_call {
        struct real_call *next;
        struct real_calls *all;
        struct real_call **slot;
        char *method, *url, *content_type, *body, *ca_pem, *authorization;
        struct cert_pair identity;
        int64_t timeout_ms;
        real_answer_fn fn;               /* NULL: nobody waits any more */
        void *data;
        struct cancel *cancel;
        pthread_t thread;
        struct http_response response;
        struct error err;
};

struct real_calls {
        struct sim_world *world;
        struct http_engine *engine;
        struct real_call *first;
};

static void call_free(struct real_call *c) {
        free(c->method);
        free(c->url);
        free(c->content_type);
        free(c->body);
        free(c->ca_pem);
        free(c->authorization);
        cert_pair_done(&c->identity);
        cancel_free(c->cancel);
        http_response_done(&c->response);
        error_done(&c->err);
        free(c);
}

static void unlink_call(struct real_call *c) {
        for (struct real_call **i = &c->all->first; *i; i = &(*i)->next)
                if (*i == c) {
                        *i = c->next;
                        return;
                }
}

static void answered(void *data) {
        struct real_call *c = data;

        pthread_join(c->thread, NULL);
        unlink_call(c);
        if (c->fn) {
                if (c->slot)
                        *c->slot = NULL;
                c->fn(c->data, c->response.status, strbuf_str(&c->response.body), c->response.body.len, &c->err);
        }
        call_free(c);
}

static void *perform(void *data) {
        struct real_call *c = data;
        _cleanup_kvs_ struct kvs headers = { 0 };
        struct http_tls tls = { .ca_pem = c->ca_pem, .cert_pem = c->identity.cert_pem, .key_pem = c->identity.key_pem };
        struct http_request r = { .method = c->method, .url = c->url, .headers = &headers, .body = c->body, .body_len = c->body ? strlen(c->body) : 0,
                                  .tls = &tls, .version = HTTP_1_1, .timeout_ms = c->timeout_ms, .cancel = c->cancel, .secret = c->authorization };

        kvs_set(&headers, "Accept", "application/json");
        if (c->body)
                kvs_set(&headers, "Content-Type", c->content_type);
        if (c->authorization)
                kvs_set(&headers, "Authorization", c->authorization);
        if (http_perform(c->all->engine, &r, &c->response, &c->err) < 0)
                c->response.status = 0;
        loop_post(c->all->world->loop, answered, c);
        return NULL;
}

void real_call(struct sim_world *w, const struct real_request *r, real_answer_fn fn, void *data, struct real_call **slot) {
        struct real_call *c = xnew0(struct real_call);

        c->all = real_state_of(w)->calls;
        c->method = xstrdup(r->method);
        c->url = xstrdup(r->url);
        c->content_type = xstrdup(r->content_type ? r->content_type : "application/json");
        c->body = xstrdup(r->body);
        c->ca_pem = xstrdup(r->ca_pem);
        if (r->token)
                c->authorization = xasprintf("Bearer %s", r->token);
        if (r->identity)
                c->identity = (struct cert_pair) { xstrdup(r->identity->cert_pem), xstrdup(r->identity->key_pem) };
        c->timeout_ms = r->timeout_ms ? r->timeout_ms : 10000;
        c->fn = fn;
        c->data = data;
        c->slot = slot;
        c->cancel = cancel_new();
        c->next = c->all->first;
        c->all->first = c;
        if (slot)
                *slot = c;
        if (pthread_create(&c->thread, NULL, perform, c) != 0)
                abort();                 /* as when memory is out */
}

void real_call_cancel(struct real_call **slot) {
        struct real_call *c = *slot;

        if (!c)
                return;
        *slot = NULL;
        c->fn = NULL;
        cancel_trigger(c->cancel);       /* its thread ends soon; answered() frees it */
}

void real_call_detach(struct real_call **slot) {
        if (*slot)
                (*slot)->fn = NULL;
        *slot = NULL;
}

int real_calls_new(struct sim_world *w, struct real_calls **ret, struct error *err) {
        struct real_calls *c = xnew0(struct real_calls);

        c->world = w;
        if (http_engine_new("hcloud-v6-sim", &c->engine, err) < 0) {
                free(c);
                return -1;
        }
        *ret = c;
        return 0;
}

void real_calls_free(struct real_calls *all) {
        if (!all)
                return;
        for (struct real_call *c = all->first; c; c = c->next)
                cancel_trigger(c->cancel);
        while (all->first) {
                struct real_call *c = all->first;
                pthread_join(c->thread, NULL);
                loop_forget(all->world->loop, c);
                all->first = c->next;
                if (c->slot && c->fn)
                        *c->slot = NULL;
                call_free(c);
        }
        http_engine_free(all->engine);
        free(all);
}
