/* One operator at a time: flock on this host, and for everybody else a placement group whose name is the lock.
 *
 * An empty spread placement group costs nothing, its name is unique in the project, and its labels say who holds it. Take-over is
 * delete by id and then create, so of two who try it only one succeeds. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/log.h"
#include "cluster/model.h"

#define EXPIRY_MS (10 * 60 * 1000)
#define RENEW_MS (4 * 60 * 1000)
#define CHECK_MS (60 * 1000)           /* within one group of changes a younger look is good enough */

char *host_name(void) {
        char host[256] = "";
        if (gethostname(host, sizeof(host) - 1) < 0 || !*host)
                return xstrdup("unknown");
        return xstrdup(host);
}

/* Names of hosts repeat ("debian"); a lock is taken over at once only from the very machine and state directory whose flock we hold. */
char *cluster_host_id(const struct cluster *c) {
        _cleanup_str_ char *machine = NULL, *host = host_name();
        size_t len;
        if (file_read("/etc/machine-id", 256, &machine, &len, NULL) < 0)
                machine = xstrdup("");
        _cleanup_str_ char *all = xasprintf("%s\n%s\n%s\n%d", machine, host, c->state_dir, (int) getuid());
        char *hex = sha256_hex(all, strlen(all));
        hex[16] = '\0';
        return hex;
}

char *lock_holder(const struct cluster *c) {
        _cleanup_str_ char *host = host_name(), *id = cluster_host_id(c);
        return xasprintf("%s_%s", host, id);
}

int lock_host(struct cluster *c, struct error *err) {
        if (c->lock.fd >= 0)
                return 0;
        _cleanup_str_ char *dir = path_join(c->state_dir, c->name), *path = path_join(dir, "lock"), *host = host_name();
        if (dir_make(dir, 0700, err) < 0)
                return -1;
        _cleanup_str_ char *note = xasprintf("process %d on %s\n", (int) getpid(), host);
        if (file_lock(path, note, &c->lock.fd, err) < 0)
                return error_wrap(err, "cluster '%s' is being worked on", c->name);
        file_sweep(dir, NULL);
        return 0;
}

static int64_t api_now(struct cluster *c) {
        int64_t now;
        return hcloud_client_server_time(c->hcloud, &now) ? now : clock_now_ms(c->clock);
}

static void lock_labels(struct cluster *c, struct hcloud_labels *ret) {
        _cleanup_str_ char *host = host_name(), *value = label_value(host), *id = cluster_host_id(c);
        c->lock.expiry_ms = api_now(c) + EXPIRY_MS;
        _cleanup_str_ char *expiry = xasprintf("%lld", (long long) (c->lock.expiry_ms / 1000));
        cluster_labels(c, ROLE_LOCK, NULL, 0, ret);
        hcloud_labels_set(ret, LABEL_HOST, value);
        hcloud_labels_set(ret, LABEL_HOST_ID, id);
        hcloud_labels_set(ret, LABEL_RUN, c->lock.run);
        hcloud_labels_set(ret, LABEL_EXPIRY, expiry);
}

static int64_t expiry_of(const struct hcloud_placement_group *g) {
        const char *text = hcloud_labels_get(&g->labels, LABEL_EXPIRY);
        int64_t s = 0;
        return text && parse_int64(text, 0, INT64_MAX / 1000, &s) ? s * 1000 : 0;
}

char *lock_describe(const struct hcloud_placement_group *g) {
        const char *host = hcloud_labels_get(&g->labels, LABEL_HOST);
        _cleanup_str_ char *until = time_format_rfc3339(expiry_of(g));
        return xasprintf("host %s, until %s at the latest", host ? host : "unknown", until);
}

/* Whether the lock that stands there may be taken away: it is of this host, whose flock we hold, or it has expired. */
static int remove_stale(struct cluster *c, const char *name, struct error *err) {
        struct hcloud_placement_group *g = NULL;
        _cleanup_error_ struct error e = ERROR_INIT;
        if (hcloud_placement_group_get_by_name(c->hcloud, name, &g, &e) < 0)
                return e.kind == ERR_NOT_FOUND ? 0 : error_move(err, &e);
        _cleanup_str_ char *id = cluster_host_id(c);
        int rc = 0;
        if (!is_ours(c, &g->labels)) {
                rc = error_set(err, ERR_EXISTS, "a placement group '%s' exists and is not this program's: it is left alone", name);
        } else if (str_eq(hcloud_labels_get(&g->labels, LABEL_HOST_ID), id) || expiry_of(g) < api_now(c)) {
                rc = hcloud_placement_group_delete(c->hcloud, g->id, err);
        } else {
                _cleanup_str_ char *who = lock_describe(g);
                error_set(err, ERR_LOCKED, "cluster '%s' is being worked on by %s", c->name, who);
                rc = error_hint(err, "wait for it; if that run is dead, its lock ends by itself, or delete the placement group '%s'", name);
                if (err)
                        err->retryable = false;
        }
        hcloud_placement_group_free(g);
        return rc;
}

bool lock_seen(struct cluster *c, char **ret) {
        _cleanup_str_ char *name = name_lock(c->name), *id = cluster_host_id(c);
        for (size_t i = 0; i < c->cloud.groups->n; i++) {
                const struct hcloud_placement_group *g = &c->cloud.groups->items[i];
                if (!str_eq(g->name, name) || !is_ours(c, &g->labels) || str_eq(hcloud_labels_get(&g->labels, LABEL_HOST_ID), id) || expiry_of(g) < api_now(c))
                        continue;
                *ret = lock_describe(g);
                return true;
        }
        return false;
}

static int renew(struct cluster *c, struct error *err) {
        struct hcloud_labels labels;
        lock_labels(c, &labels);
        int rc = hcloud_placement_group_update(c->hcloud, c->lock.id, NULL, &labels, NULL, err);
        hcloud_labels_done(&labels);
        return rc;
}

static void *renew_loop(void *arg) {
        struct cluster *c = arg;
        struct pollfd p = { .fd = cancel_fd(c->lock.stop), .events = POLLIN };
        int64_t next = clock_mono_ms(c->clock) + RENEW_MS;
        while (poll(&p, 1, 5000) == 0) {
                if (clock_mono_ms(c->clock) < next)
                        continue;
                _cleanup_error_ struct error e = ERROR_INIT;
                if (renew(c, &e) < 0) {
                        log_debug("lock", "renewing: %s", error_text(&e));
                        if (e.kind == ERR_NOT_FOUND)
                                __atomic_store_n(&c->lock.lost, true, __ATOMIC_RELAXED);
                }
                next = clock_mono_ms(c->clock) + (c->lock.lost ? INT32_MAX : RENEW_MS);
        }
        return NULL;
}

static int create(struct cluster *c, const char *name, struct error *err) {
        struct hcloud_labels labels, adopt = { 0 };
        lock_labels(c, &labels);
        hcloud_labels_set(&adopt, LABEL_RUN, c->lock.run);
        struct hcloud_placement_group_create o = { .name = name, .labels = &labels, .adopt = &adopt };
        struct hcloud_placement_group *g = NULL;
        int rc = hcloud_placement_group_create(c->hcloud, &o, &g, NULL, err);
        if (rc >= 0) {
                __atomic_store_n(&c->lock.id, g->id, __ATOMIC_RELEASE);
                hcloud_placement_group_free(g);
        }
        hcloud_labels_done(&labels);
        hcloud_labels_done(&adopt);
        return rc;
}

static void note_checked(struct cluster *c) {
        c->lock.checked_ms = clock_mono_ms(c->clock);
        c->lock.checked_wall_ms = clock_now_ms(c->clock);
}

/* The monotonic clock stands still while the machine is suspended, and the time of day may be set back: whichever has gone further counts. */
static bool is_old(struct cluster *c) {
        return clock_mono_ms(c->clock) - c->lock.checked_ms >= CHECK_MS || clock_now_ms(c->clock) - c->lock.checked_wall_ms >= CHECK_MS;
}

int lock_cloud(struct cluster *c, struct error *err) {
        if (c->lock.id)
                return 0;
        _cleanup_str_ char *name = name_lock(c->name);
        free(c->lock.run);
        c->lock.run = random_token("abcdefghijklmnopqrstuvwxyz0123456789", 16);
        for (int try = 0;; try++) {
                _cleanup_error_ struct error e = ERROR_INIT;
                if (create(c, name, &e) >= 0)
                        break;
                if (e.kind == ERR_AUTH)
                        return error_hint((error_move(err, &e), err), "up and destroy need a token with read and write permission");
                if (e.kind != ERR_EXISTS || try >= 3)
                        return error_move(err, &e);
                if (remove_stale(c, name, err) < 0)
                        return -1;
        }
        pthread_mutex_lock(&c->lock.mutex);
        note_checked(c);
        c->lock.checked = LOCK_BEGUN;
        pthread_mutex_unlock(&c->lock.mutex);
        c->lock.stop = cancel_new();
        errno = pthread_create(&c->lock.renewer, NULL, renew_loop, c);
        c->lock.renewing = errno == 0;
        /* A lock that nobody renews ends while we work. lock_release() takes it away. */
        return c->lock.renewing ? 0 : error_set_errno(err, "starting the thread that renews the lock");
}

static int lost(struct cluster *c, struct error *err) {
        __atomic_store_n(&c->lock.lost, true, __ATOMIC_RELAXED);
        error_set(err, ERR_LOCKED, "somebody else has taken over the lock of cluster '%s' while this run held it", c->name);
        if (err)
                err->retryable = false;
        return error_hint(err, "nothing more is changed by this run; see who works on the cluster, then run the command again");
}

static int look(struct cluster *c, struct error *err) {
        struct hcloud_placement_group *g = NULL;
        _cleanup_error_ struct error e = ERROR_INIT;
        if (hcloud_placement_group_get(c->hcloud, c->lock.id, &g, &e) < 0)
                return e.kind == ERR_NOT_FOUND ? lost(c, err) : error_move(err, &e);
        bool ours = str_eq(hcloud_labels_get(&g->labels, LABEL_RUN), c->lock.run);
        hcloud_placement_group_free(g);
        return ours ? 0 : lost(c, err);
}

int lock_check(struct cluster *c, enum lock_group group, struct error *err) {
        if (!__atomic_load_n(&c->lock.id, __ATOMIC_ACQUIRE))
                return 0;
        if (__atomic_load_n(&c->lock.lost, __ATOMIC_RELAXED))
                return lost(c, err);
        /* Held during the look: of many steps that begin together one asks, and none goes on before the answer. */
        pthread_mutex_lock(&c->lock.mutex);
        int rc = 0;
        if (group > c->lock.checked || is_old(c)) {
                rc = look(c, err);
                if (rc >= 0) {
                        c->lock.checked = MAX(group, c->lock.checked);
                        note_checked(c);
                }
        }
        pthread_mutex_unlock(&c->lock.mutex);
        return rc;
}

int cluster_still_ours(void *cluster, struct error *err) {
        return lock_check(cluster, LOCK_BEGUN, err);
}

/* A run that was killed left its lock, and this run found nothing to do, so it needed none: other hosts need not wait for its end. Ours by the
 * flock that we hold, or, another host's, expired; one of this run's own is never among the groups that were read before it. */
static void drop_leftover(struct cluster *c) {
        _cleanup_str_ char *name = name_lock(c->name), *id = cluster_host_id(c);
        if (c->lock.fd < 0 || c->lock.run || c->lock.left_looked || !c->cloud.groups || cancel_is_set(c->o.cancel))
                return;
        c->lock.left_looked = true;
        for (size_t i = 0; i < c->cloud.groups->n; i++) {
                const struct hcloud_placement_group *g = &c->cloud.groups->items[i];
                bool dead = str_eq(hcloud_labels_get(&g->labels, LABEL_HOST_ID), id) || expiry_of(g) < api_now(c);
                if (!str_eq(g->name, name) || !is_ours(c, &g->labels) || !dead)
                        continue;
                _cleanup_error_ struct error e = ERROR_INIT;
                if (hcloud_placement_group_delete(c->hcloud, g->id, &e) < 0 && e.kind != ERR_NOT_FOUND)
                        log_debug("lock", "removing what a killed run left: %s", error_text(&e));
        }
}

/* Also after cancellation, when the run's client answers nothing any more: then with one of its own. */
void lock_release(struct cluster *c) {
        if (c->lock.renewing) {
                cancel_trigger(c->lock.stop);
                pthread_join(c->lock.renewer, NULL);
                c->lock.renewing = false;
        }
        cancel_free(c->lock.stop);
        c->lock.stop = NULL;
        if (!c->lock.id) {
                drop_leftover(c);
                return;
        }
        _cleanup_error_ struct error e = ERROR_INIT;
        int rc = 0;
        if (!__atomic_load_n(&c->lock.lost, __ATOMIC_RELAXED) && !cancel_is_set(c->o.cancel)) {
                rc = hcloud_placement_group_delete(c->hcloud, c->lock.id, &e);
        } else if (!c->lock.lost) {
                struct hcloud_client *own = NULL;
                struct hcloud_client_options o = { .endpoint = c->endpoint_api, .token = c->token, .application = c->user_agent, .timeout_ms = 5000,
                                                   .retry_budget_ms = -1 };
                rc = hcloud_client_new(&o, &own, &e);
                if (rc >= 0) {
                        rc = hcloud_placement_group_delete(own, c->lock.id, &e);
                        struct hcloud_client_stats stats;
                        hcloud_client_stats(own, &stats);
                        c->base_requests += stats.requests;
                }
                hcloud_client_free(own);
        }
        if (rc < 0)
                cluster_warn(c, "the lock could not be removed (%s); it ends by itself within ten minutes", error_text(&e));
        __atomic_store_n(&c->lock.id, 0, __ATOMIC_RELEASE);
}
