/* The engine: one thread owns libcurl's multi handle and drives all transfers; callers wait for theirs on a condition. What one
 * request means to libcurl is in http-request.c, what its end means is in http-result.c. */
#include "base/http.h"

#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "base/http-internal.h"
#include "base/log.h"

enum {
        DEFAULT_HOST_CONNECTIONS = 8,
        /* Idle connections kept for all hosts together: each costs memory with TLS, and a cluster of 500 nodes must fit into
         * 64 MB. Connections in use do not count. */
        IDLE_CONNECTIONS = 32,
        /* At once, to all hosts: some 100 kB each with HTTP/2 and TLS. Requests past that wait. */
        TOTAL_CONNECTIONS = 128,
        LONGEST_POLL_MS = 60 * 1000,
};

struct http_engine {
        char *user_agent;
        int (*guard)(void *data, struct error *err);      /* or NULL */
        void *guard_data;
        CURLM *multi;                     /* the I/O thread's alone once it runs */
        pthread_t thread;

        pthread_mutex_t lock;             /* guards all below */
        pthread_cond_t idle;              /* signalled when the last caller leaves */
        struct transfer *queue;           /* submitted, newest first */
        unsigned callers;                 /* threads inside http_perform() */
        bool stop;
        long max_host_connections;
        bool max_changed;
        struct http_engine_stats stats;

        struct transfer *active;          /* the I/O thread's alone: what multi holds */
        struct curl_waitfd *fds;
        size_t fds_size;
};

/* Hands the transfer back to its caller. */
static void finish(struct http_engine *e, struct transfer *t, CURLcode code, enum transfer_end end) {
        pthread_mutex_lock(&e->lock);
        t->code = code;
        t->end = end;
        t->done = true;
        pthread_cond_signal(&t->finished);
        pthread_mutex_unlock(&e->lock);
}

static void unlink_active(struct http_engine *e, struct transfer *t) {
        struct transfer **at = &e->active;
        while (*at && *at != t)
                at = &(*at)->next;
        if (*at)
                *at = t->next;
}

static void end_active(struct http_engine *e, struct transfer *t, CURLcode code, enum transfer_end end) {
        unlink_active(e, t);
        curl_multi_remove_handle(e->multi, t->easy);
        finish(e, t, code, end);
}

static void start(struct http_engine *e, struct transfer *t) {
        if (cancel_is_set(t->req->cancel)) {
                finish(e, t, CURLE_OK, END_CANCELLED);
                return;
        }
        t->last_byte_ms = clock_mono_ms(NULL);
        if (curl_multi_add_handle(e->multi, t->easy) != CURLM_OK) {
                finish(e, t, CURLE_FAILED_INIT, END_BY_CURL);
                return;
        }
        t->next = e->active;
        e->active = t;
}

/* Starts what was submitted, oldest first. False when the engine is to stop. */
static bool take_queue(struct http_engine *e) {
        pthread_mutex_lock(&e->lock);
        struct transfer *oldest_first = NULL;
        while (e->queue) {
                struct transfer *t = e->queue;
                e->queue = t->next;
                t->next = oldest_first;
                oldest_first = t;
        }
        bool stop = e->stop, changed = e->max_changed;
        long max = e->max_host_connections;
        e->max_changed = false;
        pthread_mutex_unlock(&e->lock);

        if (changed)
                curl_multi_setopt(e->multi, CURLMOPT_MAX_HOST_CONNECTIONS, max);
        while (oldest_first) {
                struct transfer *t = oldest_first;
                oldest_first = t->next;
                if (stop)
                        finish(e, t, CURLE_OK, END_STOPPED);
                else
                        start(e, t);
        }
        return !stop;
}

static void reap(struct http_engine *e) {
        CURLMsg *message;
        int left;
        while ((message = curl_multi_info_read(e->multi, &left))) {
                if (message->msg != CURLMSG_DONE)
                        continue;
                CURLcode code = message->data.result; /* message dies with the handle's removal */
                char *private = NULL;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
                end_active(e, (struct transfer *) private, code, END_BY_CURL);
        }
}

/* Ends what was cancelled or has been silent for too long; returns how long the loop may sleep. */
static int check_active(struct http_engine *e) {
        int64_t wait = LONGEST_POLL_MS, now = clock_mono_ms(NULL);
        for (struct transfer *t = e->active, *next; t; t = next) {
                next = t->next;
                if (cancel_is_set(t->req->cancel)) {
                        end_active(e, t, CURLE_OK, END_CANCELLED);
                        continue;
                }
                if (t->req->idle_timeout_ms <= 0)
                        continue;
                int64_t left = t->last_byte_ms + t->req->idle_timeout_ms - now;
                if (left <= 0)
                        end_active(e, t, CURLE_OK, END_IDLE);
                else
                        wait = MIN(wait, left);
        }
        return (int) wait;
}

/* The cancel descriptors of all active transfers, each once: a run's requests mostly share one. */
static unsigned collect_fds(struct http_engine *e) {
        size_t n = 0;
        for (struct transfer *t = e->active; t; t = t->next) {
                int fd = cancel_fd(t->req->cancel);
                bool known = fd < 0;
                for (size_t i = 0; i < n && !known; i++)
                        known = e->fds[i].fd == fd;
                if (known)
                        continue;
                if (n == e->fds_size) {
                        e->fds_size = e->fds_size ? 2 * e->fds_size : 4;
                        e->fds = xrealloc(e->fds, e->fds_size, sizeof(*e->fds));
                }
                e->fds[n++] = (struct curl_waitfd) { .fd = fd, .events = CURL_WAIT_POLLIN };
        }
        return (unsigned) n;
}

static void *run(void *data) {
        struct http_engine *e = data;
        while (take_queue(e)) {
                int running;
                curl_multi_perform(e->multi, &running);
                reap(e);
                int wait = check_active(e);
                unsigned n = collect_fds(e);
                curl_multi_poll(e->multi, e->fds, n, wait, NULL);
        }
        while (e->active)
                end_active(e, e->active, CURLE_OK, END_STOPPED);
        return NULL;
}

static CURLcode global_result;

static void *memory_of_curl(size_t n) { return xrealloc(NULL, n, 1); }
static void *other_memory_of_curl(void *p, size_t n) { return xrealloc(p, n, 1); }

/* With our allocators: an option that libcurl could not store would be missing in silence. A program around libhcloud that started libcurl before keeps its own. */
static void global_init(void) {
        global_result = curl_global_init_mem(CURL_GLOBAL_DEFAULT, memory_of_curl, free, other_memory_of_curl, xstrdup, xcalloc);
}

static int need_curl(struct error *err) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        pthread_once(&once, global_init);
        if (global_result != CURLE_OK)
                return error_set(err, ERR_BUG, "libcurl does not start: %s", curl_easy_strerror(global_result));
        const curl_version_info_data *v = curl_version_info(CURLVERSION_NOW);
        if (!(v->features & CURL_VERSION_SSL) || !(v->features & CURL_VERSION_HTTP2))
                return error_set(err, ERR_UNAVAILABLE, "libcurl %s of this system lacks TLS or HTTP/2", v->version);
        return 0;
}

/* Signals stay with the program's own threads; SIGPIPE of a connection that broke must not end it either. */
static int start_thread(struct http_engine *e) {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int r = pthread_create(&e->thread, NULL, run, e);
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        return r;
}

static void dispose(struct http_engine *e) {
        if (e->multi)
                curl_multi_cleanup(e->multi);
        pthread_mutex_destroy(&e->lock);
        pthread_cond_destroy(&e->idle);
        free(e->fds);
        free(e->user_agent);
        free(e);
}

int http_engine_new(const char *user_agent, struct http_engine **ret, struct error *err) {
        int r = need_curl(err);
        if (r < 0)
                return r;
        struct http_engine *e = xnew0(struct http_engine);
        pthread_mutex_init(&e->lock, NULL);
        pthread_cond_init(&e->idle, NULL);
        e->user_agent = xstrdup(user_agent);
        e->max_host_connections = DEFAULT_HOST_CONNECTIONS;
        e->multi = curl_multi_init();
        if (e->multi) {
                curl_multi_setopt(e->multi, CURLMOPT_PIPELINING, (long) CURLPIPE_MULTIPLEX);
                curl_multi_setopt(e->multi, CURLMOPT_MAX_HOST_CONNECTIONS, e->max_host_connections);
                curl_multi_setopt(e->multi, CURLMOPT_MAXCONNECTS, (long) IDLE_CONNECTIONS);
                curl_multi_setopt(e->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long) TOTAL_CONNECTIONS);
        }
        if (!e->multi || start_thread(e) != 0) {
                dispose(e);
                return error_set(err, ERR_IO, "the HTTP engine does not start");
        }
        *ret = e;
        return 0;
}

void http_engine_free(struct http_engine *e) {
        if (!e)
                return;
        pthread_mutex_lock(&e->lock);
        e->stop = true;
        pthread_mutex_unlock(&e->lock);
        curl_multi_wakeup(e->multi);
        pthread_join(e->thread, NULL);
        pthread_mutex_lock(&e->lock);
        while (e->callers > 0)
                pthread_cond_wait(&e->idle, &e->lock);
        pthread_mutex_unlock(&e->lock);
        dispose(e);
}

void http_engine_stats(struct http_engine *e, struct http_engine_stats *ret) {
        pthread_mutex_lock(&e->lock);
        *ret = e->stats;
        pthread_mutex_unlock(&e->lock);
}

void http_engine_set_max_host_connections(struct http_engine *e, unsigned n) {
        pthread_mutex_lock(&e->lock);
        e->max_host_connections = (long) n;
        e->max_changed = true;
        pthread_mutex_unlock(&e->lock);
        curl_multi_wakeup(e->multi);
}

/* With the lock held. */
static void count(struct http_engine *e, const struct transfer *t) {
        e->stats.requests++;
        e->stats.connections += (uint64_t) t->connects;
        e->stats.bytes_in += t->bytes_in;
        e->stats.bytes_out += t->bytes_out;
}

/* Submits and waits. The engine may be freed as soon as the last caller has been signed off, so everything that touches it comes before. */
static void run_transfer(struct http_engine *e, struct transfer *t) {
        pthread_mutex_lock(&e->lock);
        if (e->stop) {
                t->end = END_STOPPED;
                transfer_read_info(t);
        } else {
                e->callers++;
                t->next = e->queue;
                e->queue = t;
                pthread_mutex_unlock(&e->lock);
                curl_multi_wakeup(e->multi);
                pthread_mutex_lock(&e->lock);
                while (!t->done)
                        pthread_cond_wait(&t->finished, &e->lock);
                transfer_read_info(t);
                count(e, t);
                if (--e->callers == 0)
                        pthread_cond_broadcast(&e->idle);
        }
        pthread_mutex_unlock(&e->lock);
}

static void trace(const struct transfer *t, const struct error *err) {
        if (!log_enabled())
                return;
        _cleanup_str_ char *url = cut_secret(t->req->url, t->req->secret);
        const struct http_response *a = t->response;
        if (err) {
                _cleanup_str_ char *why = cut_secret(error_text(err), t->req->secret);
                log_debug("http", "%s %s -> %s: %s", t->req->method, url, error_kind_name(err->kind), why);
        } else
                log_debug("http", "%s %s -> %d, %zu bytes, %lld ms, HTTP/%s%s", t->req->method, url, a->status, a->body.len,
                          (long long) a->duration_ms, a->http2 ? "2" : "1.1", a->new_connection ? ", new connection" : "");
}

void http_response_done(struct http_response *r) {
        kvs_done(&r->headers);
        strbuf_done(&r->body);
        *r = (struct http_response) { 0 };
}

void http_engine_set_guard(struct http_engine *e, int (*guard)(void *data, struct error *err), void *data) {
        e->guard = guard;
        e->guard_data = data;
}

int http_perform(struct http_engine *e, const struct http_request *req, struct http_response *ret, struct error *err) {
        *ret = (struct http_response) { .body = STRBUF_MAX(req->max_body ? req->max_body : (size_t) 32 * 1024 * 1024) };
        if (e->guard && !str_eq(req->method, "GET") && !str_eq(req->method, "HEAD") && e->guard(e->guard_data, err) < 0)
                return -1;
        struct transfer t = { .req = req, .response = ret };
        _cleanup_(error_done) struct error why = ERROR_INIT;
        int r = transfer_init(&t, e->user_agent, &why);
        if (r >= 0) {
                run_transfer(e, &t);
                r = transfer_result(&t, &why);
        }
        trace(&t, r < 0 ? &why : NULL);
        transfer_done(&t);
        return r < 0 ? error_move(err, &why) : 0;
}
