/* List and watch, as client-go's reflectors do: a list, then changes since its resource version, then again from where the watch ended; a list anew
 * when the server has forgotten that version (410). */
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "sim/net/loop.h"
#include "sim/real/internal.h"

#define AGAIN_MS 300
#define WATCH_S 300

/* What a feed tells the loop. */
struct news { struct feed *feed; char what[16]; json_t *value; };

/* One type. The thread owns what stands under "run" while running is set. */
struct feed {
        struct feeds *all;
        const char *group, *plural;
        bool needed;                     /* the cluster has this type from the start */
        bool synced, running;
        struct loop_timer *timer;
        int64_t server_id;
        /* run */
        pthread_t thread;
        struct cancel *cancel;
        char *url, *ca_pem, *cert_pem, *key_pem;
        char *revision;                  /* NULL: list first */
        struct strbuf line;
};

struct feeds {
        struct mirror *mirror;
        struct feed items[8];
        size_t n;
        int event_fd;
        struct loop_watch *watch;
        pthread_mutex_t lock;            /* guards news */
        struct news *news;
        size_t n_news;
};

/* What the doubles of kubelets and add-ons look at. */
static const struct { const char *group, *plural; bool needed; } wanted[] = {
        { "", "nodes", true }, { "", "pods", true }, { "", "configmaps", true }, { "", "secrets", true },
        { "certificates.k8s.io", "certificatesigningrequests", true }, { "apps", "daemonsets", true },
        { "apiextensions.k8s.io", "customresourcedefinitions", true }, { "talos.dev", "serviceaccounts", false },
};

static void tell(struct feed *f, const char *what, json_t *value) {
        struct news n = { .feed = f, .value = value };
        strncpy(n.what, what, sizeof(n.what) - 1);
        pthread_mutex_lock(&f->all->lock);
        ARRAY_APPEND(f->all->news, f->all->n_news, n);
        pthread_mutex_unlock(&f->all->lock);
        uint64_t one = 1;
        ssize_t r = write(f->all->event_fd, &one, sizeof(one));
        (void) r;
}

/* ---- on the thread ---- */

static int get(struct feed *f, const char *query, int (*on_data)(void *, const void *, size_t), struct http_response *answer, struct error *err) {
        _cleanup_str_ char *url = xasprintf("%s%s", f->url, query);
        struct http_tls tls = { .ca_pem = f->ca_pem, .cert_pem = f->cert_pem, .key_pem = f->key_pem };
        struct http_request r = { .method = "GET", .url = url, .tls = &tls, .timeout_ms = on_data ? -1 : 0, .cancel = f->cancel,
                                  .on_data = on_data, .on_data_arg = f };
        if (http_perform(f->all->mirror->client.engine, &r, answer, err) < 0)
                return -1;
        return answer->status == 200 ? 0 : error_set(err, ERR_REFUSED, "status %d", answer->status);
}

static int list(struct feed *f) {
        _cleanup_http_response_ struct http_response answer = { 0 };
        _cleanup_error_ struct error err = ERROR_INIT;
        if (get(f, "", NULL, &answer, &err) < 0)
                return -1;
        json_t *all = json_loadb(strbuf_str(&answer.body), answer.body.len, 0, NULL);
        const char *revision = jget_text(all, "metadata.resourceVersion");
        if (!revision) {
                json_decref(all);
                return -1;
        }
        f->revision = xstrdup(revision);
        tell(f, "LIST", all);
        return 0;
}

static void take_line(struct feed *f, const char *text, size_t n) {
        _cleanup_json_ json_t *event = json_loadb(text, n, 0, NULL);
        const char *what = jget_text(event, "type"), *revision = jget_text(event, "object.metadata.resourceVersion");
        if (!what)
                return;
        if (str_eq(what, "ERROR")) {     /* 410 Gone, mostly: begin with a list */
                free(f->revision);
                f->revision = NULL;
                return;
        }
        if (revision) {
                free(f->revision);
                f->revision = xstrdup(revision);
        }
        if (!str_eq(what, "BOOKMARK"))
                tell(f, what, json_incref(json_object_get(event, "object")));
}

static int on_data(void *data, const void *p, size_t n) {
        struct feed *f = data;
        const char *at = p, *end = at + n;
        for (const char *newline; (newline = memchr(at, '\n', (size_t) (end - at))); at = newline + 1) {
                strbuf_add(&f->line, at, (size_t) (newline - at));
                take_line(f, strbuf_str(&f->line), f->line.len);
                strbuf_clear(&f->line);
        }
        strbuf_add(&f->line, at, (size_t) (end - at));
        return strbuf_failed(&f->line);
}

static void *run(void *data) {
        struct feed *f = data;
        bool good = f->revision || list(f) == 0;
        if (good) {
                _cleanup_http_response_ struct http_response answer = { 0 };
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_str_ char *query = xasprintf("?watch=1&allowWatchBookmarks=true&timeoutSeconds=%d&resourceVersion=%s", WATCH_S, f->revision);
                good = get(f, query, on_data, &answer, &err) == 0;
                if (!good && answer.status == 410) {
                        free(f->revision);
                        f->revision = NULL;
                }
        }
        strbuf_clear(&f->line);
        tell(f, good ? "END" : "BROKEN", NULL);
        return NULL;
}

/* ---- on the loop ---- */

static void feed_start(void *data);

static void start_later(struct feed *f, int64_t ms) {
        loop_timer_set(f->all->mirror->world->loop, &f->timer, ms, feed_start, f);
}

static void forget_run(struct feed *f) {
        free(f->url);
        free(f->ca_pem);
        free(f->cert_pem);
        free(f->key_pem);
        cancel_free(f->cancel);
        f->url = f->ca_pem = f->cert_pem = f->key_pem = NULL;
        f->cancel = NULL;
}

static void feed_start(void *data) {
        struct feed *f = data;
        struct mirror *m = f->all->mirror;
        const struct kube_type *t = kube_type(m->cluster, f->group, f->plural);
        struct sim_machine *server = m->client.server(m->client.data, NULL);
        const struct cert_pair *admin = server ? real_plane_admin(server) : NULL;
        if (f->running || !t)
                return;
        if (!admin) {                    /* feeds_start() comes when one answers */
                return;
        }
        _cleanup_str_ char *base = real_plane_url(server), *path = api_path(t, NULL, NULL);
        f->url = xasprintf("%s%s", base, path);
        f->ca_pem = xstrdup(m->client.ca_pem);
        f->cert_pem = xstrdup(admin->cert_pem);
        f->key_pem = xstrdup(admin->key_pem);
        f->cancel = cancel_new();
        f->server_id = server->server_id;
        f->running = pthread_create(&f->thread, NULL, run, f) == 0;
        if (!f->running) {
                forget_run(f);
                start_later(f, AGAIN_MS);
        }
}

/* The API server leaves kind and version out of the items of a list. */
static void complete(const struct kube_type *t, json_t *object) {
        _cleanup_str_ char *version = kube_type_api_version(t);
        json_object_set_new(object, "kind", json_string(t->kind));
        json_object_set_new(object, "apiVersion", json_string(version));
}

static void take_list(struct feed *f, struct kube_type *t, const json_t *all) {
        struct kube_cluster *c = f->all->mirror->cluster;
        _cleanup_json_ json_t *there = json_object(), *copies = kube_all(c, f->group, f->plural);
        size_t i;
        json_t *each;
        json_array_foreach(json_object_get(all, "items"), i, each) {
                complete(t, each);
                json_object_set_new(there, meta_uid(each), json_true());
                kube_copy_put(c, t, json_incref(each));
        }
        json_array_foreach(copies, i, each)
                if (!json_object_get(there, meta_uid(each)))
                        kube_copy_drop(c, t, each);
        if (!f->synced) {
                f->synced = true;
                c->dirty = true;
                c->env.wake(c->env.data, 0);
        }
}

static void take_end(struct feed *f, bool broken) {
        pthread_join(f->thread, NULL);
        f->running = false;
        forget_run(f);
        start_later(f, broken ? AGAIN_MS : 0);
}

static void take(struct news *n) {
        struct feed *f = n->feed;
        struct kube_cluster *c = f->all->mirror->cluster;
        struct kube_type *t = kube_type(c, f->group, f->plural);
        if (str_eq(n->what, "END") || str_eq(n->what, "BROKEN")) {
                take_end(f, str_eq(n->what, "BROKEN"));
        } else if (!t) {
                return;
        } else if (str_eq(n->what, "LIST")) {
                take_list(f, t, n->value);
        } else if (str_eq(n->what, "DELETED")) {
                complete(t, n->value);
                kube_copy_drop(c, t, n->value);
        } else {
                complete(t, n->value);
                kube_copy_put(c, t, json_incref(n->value));
        }
        /* A kind that came with a definition is watched from then on. */
        if (str_eq(f->plural, "customresourcedefinitions"))
                for (size_t i = 0; i < f->all->n; i++)
                        if (!f->all->items[i].needed && !f->all->items[i].running)
                                start_later(&f->all->items[i], AGAIN_MS);
}

static void on_event(void *data, uint32_t events) {
        struct feeds *all = data;
        uint64_t count;
        ssize_t r = read(all->event_fd, &count, sizeof(count));
        (void) r;
        (void) events;
        pthread_mutex_lock(&all->lock);
        struct news *news = TAKE(all->news);
        size_t n = all->n_news;
        all->n_news = 0;
        pthread_mutex_unlock(&all->lock);
        for (size_t i = 0; i < n; i++) {
                take(&news[i]);
                json_decref(news[i].value);
        }
        free(news);
}

int feeds_new(struct mirror *m, struct feeds **ret, struct error *err) {
        struct feeds *all = xnew0(struct feeds);
        all->mirror = m;
        pthread_mutex_init(&all->lock, NULL);
        all->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
                all->items[all->n++] = (struct feed) { .all = all, .group = wanted[i].group, .plural = wanted[i].plural, .needed = wanted[i].needed };
        if (all->event_fd < 0 || loop_watch_add(m->world->loop, all->event_fd, EPOLLIN, on_event, all, &all->watch, err) < 0) {
                feeds_free(all);
                return error_set_errno(err, "making the mirror's event descriptor");
        }
        *ret = all;
        return 0;
}

void feeds_free(struct feeds *all) {
        if (!all)
                return;
        for (size_t i = 0; i < all->n; i++)
                if (all->items[i].running)
                        cancel_trigger(all->items[i].cancel);
        for (size_t i = 0; i < all->n; i++) {
                struct feed *f = &all->items[i];
                if (f->running)
                        pthread_join(f->thread, NULL);
                loop_timer_cancel(&f->timer);
                forget_run(f);
                free(f->revision);
                strbuf_done(&f->line);
        }
        loop_watch_remove(&all->watch);
        if (all->event_fd >= 0)
                close(all->event_fd);
        for (size_t i = 0; i < all->n_news; i++)
                json_decref(all->news[i].value);
        free(all->news);
        pthread_mutex_destroy(&all->lock);
        free(all);
}

void feeds_start(struct feeds *all) {
        struct mirror *m = all->mirror;
        for (size_t i = 0; i < all->n; i++) {
                struct feed *f = &all->items[i];
                struct sim_machine *server = f->running ? sim_machine_by_id(m->world, f->server_id) : NULL;
                if (f->running && (!server || !real_plane_api_ready(server)))
                        cancel_trigger(f->cancel);       /* its end starts it anew, elsewhere */
                else if (!f->running)
                        start_later(f, 0);
        }
}

bool feeds_synced(const struct feeds *all) {
        for (size_t i = 0; i < all->n; i++)
                if (all->items[i].needed && !all->items[i].synced)
                        return false;
        return true;
}
