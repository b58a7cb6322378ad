#include "base/clock.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

static int64_t read_clock(clockid_t id) {
        struct timespec t;
        clock_gettime(id, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_now(struct clock *c) {
        return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(struct clock *c) {
        return read_clock(CLOCK_MONOTONIC);
}

static void system_sleep(struct clock *c, int64_t ms, const struct cancel *cancel) {
        int64_t end = system_mono(c) + ms;
        struct pollfd fd = { .fd = cancel_fd(cancel), .events = POLLIN };
        for (int64_t left = ms; left > 0 && !cancel_is_set(cancel); left = end - system_mono(c))
                poll(&fd, fd.fd >= 0 ? 1 : 0, (int) MIN(left, (int64_t) 3600 * 1000));
}

struct clock *clock_system(void) {
        static struct clock c = { .now_ms = system_now, .mono_ms = system_mono, .sleep_ms = system_sleep };
        return &c;
}

static struct clock *or_system(struct clock *c) {
        return c ? c : clock_system();
}

int64_t clock_now_ms(struct clock *c) {
        c = or_system(c);
        return c->now_ms(c);
}

int64_t clock_mono_ms(struct clock *c) {
        c = or_system(c);
        return c->mono_ms(c);
}

int clock_sleep(struct clock *c, int64_t ms, const struct cancel *cancel, struct error *err) {
        int r = cancel_check(cancel, err);
        if (r < 0)
                return r;
        c = or_system(c);
        if (ms > 0)
                c->sleep_ms(c, ms, cancel);
        return cancel_check(cancel, err);
}

/* The manual clock: one number under a lock. */
struct manual {
        struct clock clock; /* first: a pointer to one is a pointer to the other */
        pthread_mutex_t lock;
        int64_t now;
};

static int64_t manual_now(struct clock *c) {
        struct manual *m = c->data;
        pthread_mutex_lock(&m->lock);
        int64_t now = m->now;
        pthread_mutex_unlock(&m->lock);
        return now;
}

void clock_manual_forward(struct clock *c, int64_t ms) {
        struct manual *m = c->data;
        pthread_mutex_lock(&m->lock);
        m->now += ms;
        pthread_mutex_unlock(&m->lock);
}

static void manual_sleep(struct clock *c, int64_t ms, const struct cancel *cancel) {
        if (!cancel_is_set(cancel))
                clock_manual_forward(c, ms);
}

struct clock *clock_manual_new(int64_t start_ms) {
        struct manual *m = xnew0(struct manual);
        pthread_mutex_init(&m->lock, NULL);
        m->now = start_ms;
        m->clock = (struct clock) { .now_ms = manual_now, .mono_ms = manual_now, .sleep_ms = manual_sleep, .data = m };
        return &m->clock;
}

void clock_manual_free(struct clock *c) {
        if (!c)
                return;
        struct manual *m = c->data;
        pthread_mutex_destroy(&m->lock);
        free(m);
}
