#include "hcloud/watch.h"

#include <hcloud/action.h>
#include <hcloud/server.h>

#include "hcloud/resource.h"
#include "hcloud/kinds.h"

#define BATCH 25                /* ids in one GET /actions, as hcloud-go */
#define FIRST_INTERVAL_MS 500
#define LAST_INTERVAL_MS 2000
#define GATHER_MS 100           /* a server is often ready when somebody begins to wait for it: look soon, but let others join */
#define INTERVAL_PER_REQUEST_MS 250     /* many requests a round make the rounds rarer: at most 4 requests a second */
#define SLICE_MS 100            /* how soon the sleeping leader notices who has joined */
#define ONE_BY_ONE 3            /* without a selector so many servers are asked for by id; more by list */
#define PER_PAGE 50
#define MISSES 2                /* an id may be unknown once, right after the answer that named it */

struct id_set { int64_t *slots; size_t capacity, n; };

/* When one kind of thing is asked for: actions and servers have a rhythm each. Monotonic times. */
enum kind { ACTIONS, SERVERS, N_KINDS };
struct schedule { int64_t interval_ms, due_ms, last_ms; };

struct watch {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        struct watch_entry *entries;
        bool has_leader;
        struct schedule schedule[N_KINDS];
        size_t list_pages;              /* how many requests the last list of servers took */
        struct id_set succeeded;
};

struct watch *watch_new(void) {
        struct watch *w = xnew0(struct watch);
        pthread_mutex_init(&w->lock, NULL);
        pthread_cond_init(&w->changed, NULL);
        w->list_pages = 1;
        for (size_t i = 0; i < N_KINDS; i++)
                w->schedule[i].last_ms = INT64_MIN / 2;
        return w;
}

void watch_free(struct watch *w) {
        if (!w)
                return;
        pthread_mutex_destroy(&w->lock);
        pthread_cond_destroy(&w->changed);
        free(w->succeeded.slots);
        free(w);
}

/* ---- the set of actions known to have succeeded: open addressing, 0 is an empty slot ---- */

static int64_t *id_slot(const struct id_set *set, int64_t id) {
        size_t i = (size_t) ((uint64_t) id * 0x9e3779b97f4a7c15ULL >> 20) & (set->capacity - 1);
        while (set->slots[i] != 0 && set->slots[i] != id)
                i = (i + 1) & (set->capacity - 1);
        return &set->slots[i];
}

static void id_set_add(struct id_set *set, int64_t id) {
        if (2 * (set->n + 1) > set->capacity) {
                struct id_set bigger = { .capacity = set->capacity ? 2 * set->capacity : 64 };
                bigger.slots = xcalloc(bigger.capacity, sizeof(int64_t));
                for (size_t i = 0; i < set->capacity; i++)
                        if (set->slots[i])
                                *id_slot(&bigger, set->slots[i]) = set->slots[i];
                bigger.n = set->n;
                free(set->slots);
                *set = bigger;
        }
        int64_t *slot = id_slot(set, id);
        set->n += *slot == 0;
        *slot = id;
}

void watch_note_success(struct watch *w, int64_t action) {
        pthread_mutex_lock(&w->lock);
        id_set_add(&w->succeeded, action);
        pthread_mutex_unlock(&w->lock);
}

bool watch_knows_success(struct watch *w, int64_t action) {
        pthread_mutex_lock(&w->lock);
        bool known = w->succeeded.capacity && *id_slot(&w->succeeded, action) == action;
        pthread_mutex_unlock(&w->lock);
        return known;
}

/* ---- one round ---- */

/* What is waiting at the start of a round: copies, judged without the lock and written back with it, so that nobody leaves
 * half-judged. */
struct round { struct watch_entry *items; size_t n; };

static void round_done(struct round *round) {
        for (size_t i = 0; i < round->n; i++)
                error_done(&round->items[i].error);
        free(round->items);
}

static void write_back(struct watch *w, struct round *round) {
        for (size_t i = 0; i < round->n; i++) {
                struct watch_entry *judged = &round->items[i], *e = judged->origin;
                if (!e->server && judged->state == WATCH_DONE)
                        id_set_add(&w->succeeded, e->id);
                e->state = judged->state;
                e->missing = judged->missing;
                memcpy(e->seen, judged->seen, sizeof(e->seen));
                if (judged->error.kind != ERR_NONE)
                        error_move(&e->error, &judged->error);
        }
}

static void fail(struct watch_entry *e, struct error *error) {
        error_move(&e->error, error);
        e->state = WATCH_FAILED;
}

static void fail_copy(struct watch_entry *e, const struct error *error) {
        error_copy(&e->error, error);
        e->state = WATCH_FAILED;
}

/* Not in the answer: the second time in a row it does not exist. */
static void note_missing(struct watch_entry *e) {
        if (++e->missing < MISSES)
                return;
        error_set(&e->error, ERR_NOT_FOUND, "the API does not know %s %lld", e->server ? "server" : "action", (long long) e->id);
        e->state = WATCH_FAILED;
}

static void judge_action(struct watch_entry *e, const struct hcloud_action *action) {
        _cleanup_error_ struct error error = ERROR_INIT;
        e->missing = 0;
        if (str_eq(action->status, "success")) {
                e->state = WATCH_DONE;
                return;
        }
        if (!str_eq(action->status, "error")) {         /* running, or a word that is not known yet */
                snprintf(e->seen, sizeof(e->seen), "%s, %s", action->command ? action->command : "?", action->status ? action->status : "?");
                return;
        }
        const struct hcloud_action_resource *on = action->resources.n ? &action->resources.items[0] : NULL;
        error_set(&error, retry_action_kind(action->error_code), "action %s of %s %lld failed: %s (%s)",
                  action->command ? action->command : "?", on && on->type ? on->type : "resource", on ? (long long) on->id : 0LL,
                  action->error_message ? action->error_message : "no reason given",
                  action->error_code ? action->error_code : "no code");
        error.api_code = xstrdup(action->error_code);
        fail(e, &error);
}

static void judge_action_batch(struct round *batch, const struct hcloud_action_list *list) {
        for (size_t i = 0; i < batch->n; i++) {
                const struct hcloud_action *found = NULL;
                for (size_t k = 0; k < list->n && !found; k++)
                        if (list->items[k].id == batch->items[i].id)
                                found = &list->items[k];
                if (found)
                        judge_action(&batch->items[i], found);
                else
                        note_missing(&batch->items[i]);
        }
}

static void poll_action_batch(struct hcloud_client *c, struct round *batch) {
        _cleanup_strbuf_ struct strbuf path = STRBUF_INIT;
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct raw_list *list = NULL;
        for (size_t i = 0; i < batch->n; i++)
                strbuf_addf(&path, "%sid=%lld", i ? "&" : "/actions?", (long long) batch->items[i].id);
        int r = api_call(c, &(struct api_request) { .method = "GET", .path = strbuf_str(&path), .poll = true }, NULL, &answer,
                         &error);
        if (r >= 0)
                r = shape_read_list(&action_shape, jget(answer, "actions"), &list, &error);
        if (r < 0) {
                error_wrap(&error, "waiting for actions");
                for (size_t i = 0; i < batch->n; i++)
                        fail_copy(&batch->items[i], &error);
                return;
        }
        judge_action_batch(batch, (const struct hcloud_action_list *) list);
        shape_list_free(&action_shape, list);
}

static void judge_server(struct watch_entry *e, const struct hcloud_server *server) {
        const char *firewall = "not attached";
        e->missing = 0;
        for (size_t i = 0; i < server->firewalls.n; i++)
                if (server->firewalls.items[i].id == e->firewall)
                        firewall = server->firewalls.items[i].status ? server->firewalls.items[i].status : "unknown";
        bool done = e->firewall ? strcmp(firewall, "applied") == 0
                                : !server->locked && (!e->status || str_eq(e->status, server->status));
        if (done)
                e->state = WATCH_DONE;
        else if (e->firewall)
                snprintf(e->seen, sizeof(e->seen), "its firewall is '%s'", firewall);
        else
                snprintf(e->seen, sizeof(e->seen), "%s%s", server->locked ? "locked, " : "", server->status ? server->status : "?");
}

static void fail_all(struct round *round, const struct error *error) {
        for (size_t i = 0; i < round->n; i++)
                fail_copy(&round->items[i], error);
}

static void poll_one_server(struct hcloud_client *c, struct watch_entry *e) {
        _cleanup_json_ json_t *answer = NULL;
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_(hcloud_server_freep) struct hcloud_server *server = NULL;
        char path[48];
        snprintf(path, sizeof(path), "/servers/%lld", (long long) e->id);
        int r = api_call(c, &(struct api_request) { .method = "GET", .path = path, .poll = true }, NULL, &answer, &error);
        if (r >= 0)
                r = shape_read_new(&server_shape, jget(answer, "server"), (void **) &server, &error);
        if (r >= 0)
                judge_server(e, server);
        else if (error.kind == ERR_NOT_FOUND)
                note_missing(e);
        else
                fail(e, &error);
}

/* One selector for all, or the whole project. */
static const char *common_selector(const struct round *servers) {
        for (size_t i = 1; i < servers->n; i++)
                if (!str_eq(servers->items[i].selector, servers->items[0].selector))
                        return NULL;
        return servers->items[0].selector;
}

static void poll_server_list(struct hcloud_client *c, struct round *servers, size_t *ret_pages) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_(hcloud_server_list_freep) struct hcloud_server_list *list = NULL;
        const struct hcloud_list_options options = { .label_selector = common_selector(servers) };
        if (resource_list(c, &server_resource, NULL, &options, true, (void **) &list, &error) < 0) {
                fail_all(servers, &error);
                return;
        }
        *ret_pages = MAX((list->n + PER_PAGE - 1) / PER_PAGE, (size_t) 1);
        for (size_t i = 0; i < servers->n; i++) {
                const struct hcloud_server *found = NULL;
                for (size_t k = 0; k < list->n && !found; k++)
                        if (list->items[k].id == servers->items[i].id)
                                found = &list->items[k];
                if (found)
                        judge_server(&servers->items[i], found);
                else
                        note_missing(&servers->items[i]);
        }
}

static void check_deadlines(struct hcloud_client *c, struct round *round) {
        int64_t now = clock_mono_ms(c->clock);
        for (size_t i = 0; i < round->n; i++) {
                struct watch_entry *e = &round->items[i];
                if (e->state != WATCH_WAITING || now < e->deadline_ms)
                        continue;
                error_set(&e->error, ERR_TIMEOUT, "%s %lld is still %s: %s", e->server ? "server" : "action", (long long) e->id,
                          e->server ? "not ready" : "not done", e->seen[0] ? e->seen : "not seen");
                e->state = WATCH_FAILED;
        }
}

static void poll_actions(struct hcloud_client *c, struct round *actions) {
        for (size_t i = 0; i < actions->n; i += BATCH) {
                struct round batch = { actions->items + i, MIN(actions->n - i, (size_t) BATCH) };
                poll_action_batch(c, &batch);
        }
        check_deadlines(c, actions);
}

/* pages: what a list is expected to take, and what it took. */
static void poll_servers(struct hcloud_client *c, struct round *servers, size_t *pages) {
        if (servers->n > *pages && (servers->n > ONE_BY_ONE || common_selector(servers)))
                poll_server_list(c, servers, pages);
        else
                for (size_t i = 0; i < servers->n; i++)
                        poll_one_server(c, &servers->items[i]);
        check_deadlines(c, servers);
}

/* ---- leading and following; all with the lock held ---- */

static enum kind kind_of(const struct watch_entry *e) {
        return e->server ? SERVERS : ACTIONS;
}

static size_t count_waiting(const struct watch *w, enum kind kind) {
        size_t n = 0;
        for (const struct watch_entry *e = w->entries; e; e = e->next)
                n += e->state == WATCH_WAITING && kind_of(e) == kind;
        return n;
}

static void collect(const struct watch *w, enum kind kind, struct round *ret) {
        for (struct watch_entry *e = w->entries; e; e = e->next) {
                if (e->state != WATCH_WAITING || kind_of(e) != kind)
                        continue;
                struct watch_entry copy = *e;
                copy.origin = e;
                ARRAY_APPEND(ret->items, ret->n, copy);
        }
}

/* The shortest time between two rounds that the number of requests allows. */
static int64_t shortest_interval(const struct watch *w, enum kind kind) {
        size_t n = count_waiting(w, kind), requests = kind == ACTIONS ? (n + BATCH - 1) / BATCH : MIN(n, w->list_pages);
        return (int64_t) requests * INTERVAL_PER_REQUEST_MS;
}

/* Somebody has joined: the rhythm begins anew, but not faster than it may. */
static void restart(struct watch *w, enum kind kind, bool first, int64_t now) {
        struct schedule *s = &w->schedule[kind];
        int64_t soonest = now + (kind == SERVERS ? GATHER_MS : FIRST_INTERVAL_MS);
        int64_t allowed = s->last_ms + MAX(shortest_interval(w, kind), (int64_t) FIRST_INTERVAL_MS);
        int64_t due = MAX(soonest, allowed);
        s->due_ms = first ? due : MIN(s->due_ms, due);
        s->interval_ms = FIRST_INTERVAL_MS;
}

/* Takes what is due and sets when the next round is. */
static void take_due(struct watch *w, enum kind kind, int64_t now, struct round *ret) {
        struct schedule *s = &w->schedule[kind];
        if (s->due_ms > now || count_waiting(w, kind) == 0)    /* nothing is asked: the next who joins need not keep a distance to it */
                return;
        collect(w, kind, ret);
        s->last_ms = now;
        s->interval_ms = MIN(2 * s->interval_ms, (int64_t) LAST_INTERVAL_MS);
        s->due_ms = now + MAX(s->interval_ms, shortest_interval(w, kind));
}

/* How long until something is due. */
static int64_t until_due(const struct watch *w, int64_t now) {
        int64_t soonest = INT64_MAX;
        for (enum kind kind = 0; kind < N_KINDS; kind++)
                if (count_waiting(w, kind) > 0)
                        soonest = MIN(soonest, w->schedule[kind].due_ms);
        return soonest - now;
}

/* Sleeps without the lock, in slices, since others may join. */
static int sleep_until_due(struct hcloud_client *c, struct watch *w, struct error *err) {
        for (;;) {
                int64_t left = until_due(w, clock_mono_ms(c->clock));
                if (left <= 0)
                        return 0;
                pthread_mutex_unlock(&w->lock);
                int r = clock_sleep(c->clock, MIN(left, (int64_t) SLICE_MS), c->cancel, err);
                pthread_mutex_lock(&w->lock);
                if (r < 0)
                        return r;
        }
}

static void lead_round(struct hcloud_client *c, struct watch *w) {
        _cleanup_(round_done) struct round actions = { 0 }, servers = { 0 };
        _cleanup_error_ struct error error = ERROR_INIT;
        size_t pages = w->list_pages;
        w->has_leader = true;
        if (sleep_until_due(c, w, &error) < 0) {
                collect(w, ACTIONS, &actions);
                collect(w, SERVERS, &servers);
                fail_all(&actions, &error);
                fail_all(&servers, &error);
        } else {
                take_due(w, ACTIONS, clock_mono_ms(c->clock), &actions);
                take_due(w, SERVERS, clock_mono_ms(c->clock), &servers);
                pthread_mutex_unlock(&w->lock);
                poll_actions(c, &actions);
                poll_servers(c, &servers, &pages);
                pthread_mutex_lock(&w->lock);
        }
        write_back(w, &actions);
        write_back(w, &servers);
        w->list_pages = pages;
        w->has_leader = false;
        pthread_cond_broadcast(&w->changed);
}

static bool any_waiting(const struct watch_entry *entries, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (entries[i].state == WATCH_WAITING)
                        return true;
        return false;
}

static void join(struct watch *w, struct watch_entry *entries, size_t n, int64_t now) {
        const bool first[N_KINDS] = { count_waiting(w, ACTIONS) == 0, count_waiting(w, SERVERS) == 0 };
        bool joined[N_KINDS] = { false };
        struct watch_entry **tail = &w->entries;
        while (*tail)
                tail = &(*tail)->next;
        for (size_t i = 0; i < n; i++) {
                if (entries[i].state != WATCH_WAITING)
                        continue;
                *tail = &entries[i];
                tail = &entries[i].next;
                joined[kind_of(&entries[i])] = true;
        }
        *tail = NULL;
        for (enum kind kind = 0; kind < N_KINDS; kind++)
                if (joined[kind])
                        restart(w, kind, first[kind], now);
}

static bool is_among(const struct watch_entry *e, const struct watch_entry *entries, size_t n) {
        return e >= entries && e < entries + n;
}

static void leave(struct watch *w, const struct watch_entry *entries, size_t n) {
        for (struct watch_entry **at = &w->entries; *at;) {
                if (is_among(*at, entries, n))
                        *at = (*at)->next;
                else
                        at = &(*at)->next;
        }
}

int watch_run(struct hcloud_client *c, struct watch_entry *entries, size_t n, struct error *err) {
        struct watch *w = c->watch;
        int r = 0;
        pthread_mutex_lock(&w->lock);
        join(w, entries, n, clock_mono_ms(c->clock));
        while (any_waiting(entries, n)) {
                if (w->has_leader)
                        pthread_cond_wait(&w->changed, &w->lock);
                else
                        lead_round(c, w);
        }
        leave(w, entries, n);
        pthread_mutex_unlock(&w->lock);
        for (size_t i = 0; i < n; i++) {
                if (entries[i].state == WATCH_FAILED && r == 0)
                        r = error_move(err, &entries[i].error);
                error_done(&entries[i].error);
        }
        return r;
}
