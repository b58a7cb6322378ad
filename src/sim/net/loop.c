#include "sim/net/loop.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* A forward of the clock fires at most so many timers: a timer that makes itself again without delay must not hang the simulator.
 */
#define FORWARD_MAX 1000000

struct loop_timer {
        int64_t due_ms;
        uint64_t sequence;       /* order among equals, and "made before this turn" */
        size_t index;            /* in the heap */
        loop_fn fn;
        void *data;
        struct loop_timer **slot;
        struct sim_loop *loop;
};

struct loop_watch {
        struct sim_loop *loop;
        int fd;
        loop_watch_fn fn;        /* NULL once removed */
        void *data;
        struct loop_watch *next_dead;
};

struct deferred { loop_fn fn; void *data; };

struct sim_loop {
        int epoll_fd, event_fd;
        int64_t offset_ms;       /* from the monotonic clock to the loop's */
        int64_t fixed_ms;        /* the time while the clock is moved forward, else -1 */
        struct loop_timer **heap;
        size_t n_heap, cap_heap;
        uint64_t sequence;
        struct deferred *deferred;
        size_t n_deferred, cap_deferred;
        struct loop_watch *dead;
        pthread_mutex_t lock;    /* of posted */
        struct deferred *posted;
        size_t n_posted;
        _Atomic int stop;         /* set by a signal handler or, in tests, by another thread */
};

static int64_t clock_ms(clockid_t id) {
        struct timespec t;
        clock_gettime(id, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Every simulated server has sockets of its own: take as many descriptors as the system allows. */
static void raise_descriptor_limit(void) {
        struct rlimit r;
        if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
                r.rlim_cur = r.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &r);
        }
}

int loop_new(struct sim_loop **ret, struct error *err) {
        struct sim_loop *l = xnew0(struct sim_loop);

        l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        l->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        struct epoll_event e = { .events = EPOLLIN };
        if (l->epoll_fd < 0 || l->event_fd < 0 || epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->event_fd, &e) < 0) {
                int r = error_set_errno(err, "making the event loop");
                cleanup_fd_(&l->epoll_fd);
                cleanup_fd_(&l->event_fd);
                free(l);
                return r;
        }
        signal(SIGPIPE, SIG_IGN);
        raise_descriptor_limit();
        pthread_mutex_init(&l->lock, NULL);
        l->fixed_ms = -1;
        l->offset_ms = clock_ms(CLOCK_REALTIME) - clock_ms(CLOCK_MONOTONIC);
        *ret = l;
        return 0;
}

static void bury(struct sim_loop *l) {
        while (l->dead) {
                struct loop_watch *w = l->dead;
                l->dead = w->next_dead;
                free(w);
        }
}

void loop_free(struct sim_loop *l) {
        if (!l)
                return;
        for (size_t i = 0; i < l->n_heap; i++) {
                if (l->heap[i]->slot)
                        *l->heap[i]->slot = NULL;
                free(l->heap[i]);
        }
        bury(l);
        cleanup_fd_(&l->epoll_fd);
        cleanup_fd_(&l->event_fd);
        pthread_mutex_destroy(&l->lock);
        free(l->heap);
        free(l->deferred);
        free(l->posted);
        free(l);
}

int64_t loop_now_ms(struct sim_loop *l) {
        return l->fixed_ms >= 0 ? l->fixed_ms : clock_ms(CLOCK_MONOTONIC) + l->offset_ms;
}

void loop_set_now(struct sim_loop *l, int64_t now_ms) {
        int64_t by = now_ms - loop_now_ms(l);
        l->offset_ms += by;
        for (size_t i = 0; i < l->n_heap; i++)
                l->heap[i]->due_ms += by;
}

/* --- timers: a binary heap by time, then by order of making --- */

static bool earlier(const struct loop_timer *a, const struct loop_timer *b) {
        return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->sequence < b->sequence;
}

static void heap_put(struct sim_loop *l, struct loop_timer *t, size_t i) {
        l->heap[i] = t;
        t->index = i;
}

static void heap_up(struct sim_loop *l, size_t i) {
        struct loop_timer *t = l->heap[i];
        for (; i > 0 && earlier(t, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
                heap_put(l, l->heap[(i - 1) / 2], i);
        heap_put(l, t, i);
}

static void heap_down(struct sim_loop *l, size_t i) {
        struct loop_timer *t = l->heap[i];
        for (;;) {
                size_t child = 2 * i + 1;
                if (child >= l->n_heap)
                        break;
                if (child + 1 < l->n_heap && earlier(l->heap[child + 1], l->heap[child]))
                        child++;
                if (!earlier(l->heap[child], t))
                        break;
                heap_put(l, l->heap[child], i);
                i = child;
        }
        heap_put(l, t, i);
}

static void heap_remove(struct sim_loop *l, struct loop_timer *t) {
        size_t i = t->index;
        struct loop_timer *last = l->heap[--l->n_heap];
        if (last == t)
                return;
        heap_put(l, last, i);
        heap_up(l, i);
        heap_down(l, last->index);
}

void loop_timer_set(struct sim_loop *l, struct loop_timer **slot, int64_t ms, loop_fn fn, void *data) {
        if (slot)
                loop_timer_cancel(slot);
        struct loop_timer *t = xnew0(struct loop_timer);
        t->due_ms = loop_now_ms(l) + MAX(ms, (int64_t) 0);
        t->sequence = ++l->sequence;
        t->fn = fn;
        t->data = data;
        t->slot = slot;
        t->loop = l;
        if (l->n_heap == l->cap_heap) {
                l->cap_heap = l->cap_heap ? 2 * l->cap_heap : 64;
                l->heap = xrealloc(l->heap, l->cap_heap, sizeof(*l->heap));
        }
        l->heap[l->n_heap] = t;
        heap_up(l, l->n_heap++);
        if (slot)
                *slot = t;
}

void loop_timer_cancel(struct loop_timer **slot) {
        struct loop_timer *t = *slot;
        if (!t)
                return;
        *slot = NULL;
        heap_remove(t->loop, t);
        free(t);
}

static void fire(struct sim_loop *l, struct loop_timer *t) {
        loop_fn fn = t->fn;
        void *data = t->data;
        heap_remove(l, t);
        if (t->slot)
                *t->slot = NULL;
        free(t);
        fn(data);
}

/* --- deferred calls --- */

void loop_defer(struct sim_loop *l, loop_fn fn, void *data) {
        if (l->n_deferred == l->cap_deferred) {
                l->cap_deferred = l->cap_deferred ? 2 * l->cap_deferred : 16;
                l->deferred = xrealloc(l->deferred, l->cap_deferred, sizeof(*l->deferred));
        }
        l->deferred[l->n_deferred++] = (struct deferred) { fn, data };
}

static void run_deferred(struct sim_loop *l) {
        /* Calls made meanwhile run too; a call taken back by loop_forget() has become NULL. */
        for (size_t i = 0; i < l->n_deferred; i++) {
                struct deferred d = l->deferred[i];
                l->deferred[i].fn = NULL;
                if (d.fn)
                        d.fn(d.data);
        }
        l->n_deferred = 0;
}

void loop_forget(struct sim_loop *l, const void *data) {
        for (size_t i = 0; i < l->n_heap;) {
                struct loop_timer *t = l->heap[i];
                if (t->data != data) {
                        i++;
                        continue;
                }
                heap_remove(l, t);
                if (t->slot)
                        *t->slot = NULL;
                free(t);
                i = 0;
        }
        for (size_t i = 0; i < l->n_deferred; i++)
                if (l->deferred[i].data == data)
                        l->deferred[i].fn = NULL;
}

static void wake(struct sim_loop *l) {
        uint64_t one = 1;
        ssize_t r = write(l->event_fd, &one, sizeof(one));
        (void) r;                /* full means that it is awake already */
}

void loop_post(struct sim_loop *l, loop_fn fn, void *data) {
        pthread_mutex_lock(&l->lock);
        struct deferred d = { fn, data };
        ARRAY_APPEND(l->posted, l->n_posted, d);
        pthread_mutex_unlock(&l->lock);
        wake(l);
}

static void take_posted(struct sim_loop *l) {
        uint64_t count;
        ssize_t r = read(l->event_fd, &count, sizeof(count));
        (void) r;
        pthread_mutex_lock(&l->lock);
        struct deferred *posted = TAKE(l->posted);
        size_t n = l->n_posted;
        l->n_posted = 0;
        pthread_mutex_unlock(&l->lock);
        for (size_t i = 0; i < n; i++)
                loop_defer(l, posted[i].fn, posted[i].data);
        free(posted);
}

/* --- turning --- */

static void fire_due(struct sim_loop *l) {
        /* Timers made by these calls wait for the next turn, so that sockets get their share. */
        uint64_t before = l->sequence;
        int64_t now = loop_now_ms(l);
        while (l->n_heap && l->heap[0]->due_ms <= now && l->heap[0]->sequence <= before) {
                fire(l, l->heap[0]);
                run_deferred(l);
        }
}

static int wait_ms(struct sim_loop *l, int timeout_ms) {
        if (l->n_deferred)
                return 0;
        if (!l->n_heap)
                return timeout_ms;
        int64_t left = MAX(l->heap[0]->due_ms - loop_now_ms(l), (int64_t) 0);
        if (timeout_ms >= 0 && left > timeout_ms)
                return timeout_ms;
        return (int) MIN(left, (int64_t) 3600000);
}

int loop_turn(struct sim_loop *l, int timeout_ms, struct error *err) {
        struct epoll_event events[128];

        int n = epoll_wait(l->epoll_fd, events, ARRAY_SIZE(events), wait_ms(l, timeout_ms));
        if (n < 0 && errno != EINTR)
                return error_set_errno(err, "waiting for events");
        for (int i = 0; i < n; i++) {
                struct loop_watch *w = events[i].data.ptr;
                if (!w)
                        take_posted(l);
                else if (w->fn)
                        w->fn(w->data, events[i].events);
        }
        run_deferred(l);
        fire_due(l);
        bury(l);
        return 0;
}

int loop_run(struct sim_loop *l, struct error *err) {
        while (!l->stop) {
                int r = loop_turn(l, -1, err);
                if (r < 0)
                        return r;
        }
        l->stop = 0;
        return 0;
}

void loop_stop(struct sim_loop *l) {
        l->stop = 1;
        wake(l);
}

void loop_forward(struct sim_loop *l, int64_t ms) {
        int64_t target = loop_now_ms(l) + MAX(ms, (int64_t) 0);
        int64_t at = loop_now_ms(l);

        for (size_t fired = 0; l->n_heap && l->heap[0]->due_ms <= target && fired < FORWARD_MAX; fired++) {
                at = MAX(at, l->heap[0]->due_ms);
                l->fixed_ms = at;
                fire(l, l->heap[0]);
                run_deferred(l);
        }
        l->fixed_ms = -1;
        l->offset_ms = target - clock_ms(CLOCK_MONOTONIC);
        wake(l);
}

/* --- descriptors --- */

int loop_watch_add(struct sim_loop *l, int fd, uint32_t events, loop_watch_fn fn, void *data, struct loop_watch **ret,
                   struct error *err) {
        struct loop_watch *w = xnew0(struct loop_watch);
        struct epoll_event e = { .events = events, .data.ptr = w };

        if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) < 0) {
                free(w);
                return error_set_errno(err, "watching descriptor %d", fd);
        }
        w->loop = l;
        w->fd = fd;
        w->fn = fn;
        w->data = data;
        *ret = w;
        return 0;
}

void loop_watch_change(struct loop_watch *w, uint32_t events) {
        struct epoll_event e = { .events = events, .data.ptr = w };
        (void) epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_MOD, w->fd, &e);
}

void loop_watch_remove(struct loop_watch **slot) {
        struct loop_watch *w = *slot;
        if (!w)
                return;
        *slot = NULL;
        (void) epoll_ctl(w->loop->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL);
        /* Events already fetched may still name it: it is freed at the end of the turn. */
        w->fn = NULL;
        w->next_dead = w->loop->dead;
        w->loop->dead = w;
}
