#include "scaler/hold.h"

#include <poll.h>
#include <pthread.h>

#include "base/log.h"
#include "kube/lease.h"

#define NAMESPACE "kube-system"
#define NAME "hcloud-v6-scale"
#define DURATION_S 60
#define RENEW_MS 15000

struct hold {
        struct kube_client *kube;              /* borrowed */
        char *holder;
        pthread_t renewer;
        bool renewing;
        int renew_ms;
        struct cancel *stop;
        int64_t good_until_ms;                 /* by our monotonic clock; atomic, as are the next two */
        int64_t good_until_wall_ms;            /* by the time of day, which goes on while the machine is suspended */
        bool lost;
};

static void note_renewed(struct hold *h, int64_t asked_ms, int64_t asked_wall_ms) {
        __atomic_store_n(&h->good_until_ms, asked_ms + DURATION_S * 1000, __ATOMIC_RELAXED);
        __atomic_store_n(&h->good_until_wall_ms, asked_wall_ms + DURATION_S * 1000, __ATOMIC_RELAXED);
}

static void *renew_loop(void *arg) {
        struct hold *h = arg;
        struct pollfd p = { .fd = cancel_fd(h->stop), .events = POLLIN };
        while (poll(&p, 1, h->renew_ms) == 0) {
                _cleanup_error_ struct error e = ERROR_INIT;
                int64_t now = clock_mono_ms(NULL), wall = clock_now_ms(NULL);
                if (kube_lease_acquire(h->kube, NAMESPACE, NAME, h->holder, DURATION_S, NULL, &e) >= 0) {
                        note_renewed(h, now, wall);
                        continue;
                }
                log_debug("scale", "renewing the lease: %s", error_text(&e));
                if (e.kind == ERR_LOCKED)
                        __atomic_store_n(&h->lost, true, __ATOMIC_RELAXED);
        }
        return NULL;
}

int hold_take(struct kube_client *kube, const char *holder, struct hold **ret, struct error *err) {
        return hold_take_renewing(kube, holder, RENEW_MS, ret, err);
}

int hold_take_renewing(struct kube_client *kube, const char *holder, int renew_ms, struct hold **ret, struct error *err) {
        int64_t now = clock_mono_ms(NULL), wall = clock_now_ms(NULL);
        if (kube_lease_acquire(kube, NAMESPACE, NAME, holder, DURATION_S, NULL, err) < 0) {
                if (err && err->kind == ERR_LOCKED)
                        err->retryable = false;
                return -1;
        }
        struct hold *h = xnew0(struct hold);
        h->kube = kube;
        h->holder = xstrdup(holder);
        h->stop = cancel_new();
        h->renew_ms = renew_ms;
        note_renewed(h, now, wall);
        h->renewing = pthread_create(&h->renewer, NULL, renew_loop, h) == 0;
        *ret = h;
        return 0;
}

int hold_check(struct hold *h, struct error *err) {
        if (!h || (!__atomic_load_n(&h->lost, __ATOMIC_RELAXED) && clock_mono_ms(NULL) < __atomic_load_n(&h->good_until_ms, __ATOMIC_RELAXED) &&
                   clock_now_ms(NULL) < __atomic_load_n(&h->good_until_wall_ms, __ATOMIC_RELAXED)))
                return 0;
        error_set(err, ERR_LOCKED, "the Lease %s/%s is no longer ours: somebody else scales this cluster", NAMESPACE, NAME);
        if (err)
                err->retryable = false;
        return -1;
}

void hold_release(struct hold *h) {
        if (!h)
                return;
        cancel_trigger(h->stop);
        if (h->renewing)
                pthread_join(h->renewer, NULL);
        cancel_free(h->stop);
        _cleanup_error_ struct error e = ERROR_INIT;
        struct kube_client *hurried = kube_client_hurried(h->kube, 5000, 1);
        if (!__atomic_load_n(&h->lost, __ATOMIC_RELAXED) && kube_lease_release(hurried, NAMESPACE, NAME, h->holder, &e) < 0)
                log_debug("scale", "giving the lease back: %s", error_text(&e));
        kube_client_free(hurried);
        free(h->holder);
        free(h);
}
