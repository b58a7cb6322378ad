#include "scaler/feed.h"

#include <pthread.h>

#include "base/codec.h"
#include "base/json.h"
#include "scaler/scan.h"

enum {
        WAITING_MAX = 3,       /* pages that are read but not yet taken, of all lists together */
        PAGES_MAX = 10000,     /* of one list: one that goes on behind that has no end */
};

struct feed {
        struct feeds *all;
        const struct feed_list *list;
        pthread_t thread;
};
struct feeds {
        struct kube_client *kube;
        struct feed *feeds; size_t n;          /* those whose thread was started */
        pthread_mutex_t lock;                  /* guards what follows */
        pthread_cond_t changed;
        struct feed_page *first, **last;
        size_t waiting, running, calls;
        int64_t time_ms;
        bool stop;
        struct error failure;                  /* the first one */
};

void feed_page_free(struct feed_page *p) {
        if (!p)
                return;
        strbuf_done(&p->body);
        free(p->next);
        free(p);
}

/* ---- a page's token ---- */

static int token_of_metadata(struct scan *scan, char **ret, struct error *err) {
        static const struct scan_field fields[] = { { "continue", NULL }, { NULL, NULL } };
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        _cleanup_json_ json_t *o = NULL;
        if (scan_value(scan, fields, &text, err) < 0 || json_parse("metadata", text.data, text.len, &o, err) < 0)
                return -1;
        const char *token = jget_text(o, "continue");
        *ret = str_empty(token) ? NULL : xstrdup(token);
        return 0;
}

int feed_token(const char *what, const char *text, size_t len, char **ret, struct error *err) {
        _cleanup_(scan_done) struct scan scan;
        _cleanup_strbuf_ struct strbuf key = STRBUF_INIT;
        bool more = true;
        scan_init_text(&scan, what, text, len);
        if (scan_expect(&scan, '{', err) < 0)
                return -1;
        for (bool first = true;; first = false) {
                if (scan_step(&scan, '}', first, &more, err) < 0)
                        return -1;
                if (!more)
                        break;
                if (scan_key(&scan, &key, err) < 0)
                        return -1;
                if (str_eq(strbuf_str(&key), "metadata"))
                        return token_of_metadata(&scan, ret, err);
                if (scan_value(&scan, NULL, NULL, err) < 0)
                        return -1;
        }
        *ret = NULL;
        return 0;
}

/* ---- one list ---- */

static int read_page(struct feed *f, const char *token, struct feed_page *p, struct error *err) {
        struct feeds *all = f->all;
        _cleanup_strbuf_ struct strbuf query = STRBUF_INIT;
        strbuf_addf(&query, "limit=%u", f->list->page);
        if (token) {
                _cleanup_str_ char *escaped = percent_encode(token);
                strbuf_addf(&query, "&continue=%s", escaped);
        }
        struct kube_request r = { .method = "GET", .path = f->list->path, .query = strbuf_str(&query), .retry = true };
        pthread_mutex_lock(&all->lock);
        all->calls++;
        pthread_mutex_unlock(&all->lock);
        if (kube_call(all->kube, &r, NULL, &p->body, err) < 0)
                return -1;
        int64_t now = kube_now_ms(all->kube);
        pthread_mutex_lock(&all->lock);
        if (!all->time_ms || now < all->time_ms)
                all->time_ms = now;
        pthread_mutex_unlock(&all->lock);
        if (feed_token(f->list->path, strbuf_str(&p->body), p->body.len, &p->next, err) < 0)
                return -1;
        if (p->next && str_eq(p->next, token))
                return error_set(err, ERR_PROTOCOL, "GET %s: the server repeats its continue token", f->list->path);
        return 0;
}

/* Hands the page over once there is room. False: nobody wants more. */
static bool hand_over(struct feeds *all, struct feed_page *p) {
        pthread_mutex_lock(&all->lock);
        while (!all->stop && all->waiting >= WAITING_MAX)
                pthread_cond_wait(&all->changed, &all->lock);
        bool wanted = !all->stop;
        if (wanted) {
                *all->last = p;
                all->last = &p->behind;
                all->waiting++;
                pthread_cond_broadcast(&all->changed);
        }
        pthread_mutex_unlock(&all->lock);
        if (!wanted)
                feed_page_free(p);
        return wanted;
}

static int read_list(struct feed *f, struct error *err) {
        _cleanup_str_ char *token = NULL;
        for (unsigned pages = 0; pages < PAGES_MAX; pages++) {
                struct feed_page *p = xnew0(struct feed_page);
                p->list = f->list;
                if (read_page(f, token, p, err) < 0) {
                        feed_page_free(p);
                        return -1;
                }
                free(token);
                token = xstrdup(p->next);
                if (!hand_over(f->all, p) || !token)
                        return 0;
        }
        return error_set(err, ERR_PROTOCOL, "GET %s: the list has no end", f->list->path);
}

static void *run(void *data) {
        struct feed *f = data;
        struct feeds *all = f->all;
        _cleanup_error_ struct error e = ERROR_INIT;
        int rc = read_list(f, &e);
        pthread_mutex_lock(&all->lock);
        if (rc < 0 && !all->stop) {
                error_move(&all->failure, &e);
                all->stop = true;
        }
        all->running--;
        pthread_cond_broadcast(&all->changed);
        pthread_mutex_unlock(&all->lock);
        return NULL;
}

/* ---- all ---- */

int feeds_start(struct kube_client *kube, const struct feed_list *lists, size_t n, struct feeds **ret, struct error *err) {
        struct feeds *all = xnew0(struct feeds);
        all->kube = kube;
        all->feeds = xcalloc(n, sizeof(*all->feeds));
        all->last = &all->first;
        all->failure = ERROR_INIT;
        pthread_mutex_init(&all->lock, NULL);
        pthread_cond_init(&all->changed, NULL);
        for (size_t i = 0; i < n; i++) {
                struct feed *f = &all->feeds[i];
                *f = (struct feed) { .all = all, .list = &lists[i] };
                pthread_mutex_lock(&all->lock);
                all->running++;
                pthread_mutex_unlock(&all->lock);
                if (pthread_create(&f->thread, NULL, run, f) != 0) {
                        pthread_mutex_lock(&all->lock);
                        all->running--;
                        pthread_mutex_unlock(&all->lock);
                        feeds_free(all);
                        return error_set(err, ERR_IO, "no thread to read %s with", lists[i].path);
                }
                all->n++;
        }
        *ret = all;
        return 0;
}

int feeds_next(struct feeds *f, struct feed_page **ret, struct error *err) {
        int rc = 0;
        *ret = NULL;
        pthread_mutex_lock(&f->lock);
        while (!f->stop && !f->first && f->running)
                pthread_cond_wait(&f->changed, &f->lock);
        if (f->stop) {
                rc = error_move(err, &f->failure);
        } else if (f->first) {
                *ret = f->first;
                f->first = (*ret)->behind;
                if (!f->first)
                        f->last = &f->first;
                (*ret)->behind = NULL;
                f->waiting--;
                pthread_cond_broadcast(&f->changed);
        }
        pthread_mutex_unlock(&f->lock);
        return rc;
}

size_t feeds_calls(struct feeds *f) {
        pthread_mutex_lock(&f->lock);
        size_t calls = f->calls;
        pthread_mutex_unlock(&f->lock);
        return calls;
}

int64_t feeds_time_ms(struct feeds *f) {
        pthread_mutex_lock(&f->lock);
        int64_t time_ms = f->time_ms;
        pthread_mutex_unlock(&f->lock);
        return time_ms;
}

void feeds_free(struct feeds *f) {
        if (!f)
                return;
        pthread_mutex_lock(&f->lock);
        f->stop = true;
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
        for (size_t i = 0; i < f->n; i++)
                pthread_join(f->feeds[i].thread, NULL);
        while (f->first) {
                struct feed_page *p = f->first;
                f->first = p->behind;
                feed_page_free(p);
        }
        error_done(&f->failure);
        pthread_mutex_destroy(&f->lock);
        pthread_cond_destroy(&f->changed);
        free(f->feeds);
        free(f);
}
