/* Members of etcd, by the JSON gateway that every etcd serves beside gRPC (etcd: api/etcdserverpb/rpc.proto; 64-bit numbers are strings there). */
#include <inttypes.h>
#include <time.h>

#include "base/json.h"
#include "sim/real/plane.h"

#define AGAIN_MS 500
#define FRESH_MS 1000

static void call(struct real_plane *p, const struct real_plane *at, const char *method, const char *body, real_answer_fn fn, struct real_call **slot) {
        _cleanup_str_ char *url = xasprintf("https://%u.%u.%u.%u:2379/v3/%s", at->loopback[0], at->loopback[1], at->loopback[2], at->loopback[3], method);
        struct real_request r = { .method = "POST", .url = url, .body = body, .ca_pem = p->config->etcd_ca.cert_pem, .identity = &p->etcd_client,
                                  .timeout_ms = 5000 };
        real_call(p->state->world, &r, fn, p, slot);
}

/* A voter of p's cluster that answers, another one rather than p itself. */
static struct real_plane *voter(const struct real_plane *p, bool not_itself) {
        struct real_plane *own = NULL;
        for (size_t i = 0; i < p->state->n_planes; i++) {
                struct real_plane *other = p->state->planes[i];
                if (other->stage <= REAL_LEARNING || other->leaving || !real_same_cluster(other->config, p->config))
                        continue;
                if (other != p)
                        return other;
                own = other;
        }
        return not_itself ? NULL : own;
}

static uint64_t number(const json_t *o, const char *key) {
        const json_t *v = json_object_get(o, key);
        return json_is_string(v) ? strtoull(json_string_value(v), NULL, 10) : (uint64_t) json_integer_value(v);
}

/* What an etcd says of itself went wrong: {"code": 14, "message": "…"}. Owned. */
static char *reason_of(int status, const char *body, size_t len, const struct error *err) {
        _cleanup_json_ json_t *j = len ? json_loadb(body, len, 0, NULL) : NULL;
        const char *message = jget_text(j, "message");
        return status == 0 ? xstrdup(error_text(err)) : message ? xstrdup(message) : xasprintf("status %d", status);
}

/* --- the list --- */

static void clear_members(struct real_plane *p) {
        for (size_t i = 0; i < p->n_members; i++)
                free(p->members[i].name);
        free(p->members);
        p->members = NULL;
        p->n_members = 0;
}

static const char *peer_of(const json_t *member) {
        return jget_text(member, "peerURLs.0");
}

/* "https://[ADDRESS]:2380" */
static bool address_of(const char *url, struct ip6_addr *ret) {
        const char *open = url ? strchr(url, '[') : NULL, *close = open ? strchr(open, ']') : NULL;
        _cleanup_str_ char *text = close ? xstrndup(open + 1, (size_t) (close - open - 1)) : NULL;
        return text && ip6_parse(text, ret);
}

static int64_t monotonic_ms(void) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t) t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void take_members(struct real_plane *p, const json_t *list) {
        size_t i;
        json_t *each;
        clear_members(p);
        json_array_foreach(list, i, each) {
                struct real_member m = { .id = number(each, "ID"), .learner = json_is_true(json_object_get(each, "isLearner")) };
                address_of(peer_of(each), &m.addr);
                m.name = xstrdup(jget_text(each, "name") ? jget_text(each, "name") : "");
                ARRAY_APPEND(p->members, p->n_members, m);
        }
        p->members_at_ms = monotonic_ms();
        if (p->state->listener.etcd_changed)
                p->state->listener.etcd_changed(p->state->listener.data, p->m);
}

static void listed(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct real_plane *p = data;
        _cleanup_json_ json_t *j = status == 200 ? json_loadb(body, len, 0, NULL) : NULL;
        (void) err;
        if (j)
                take_members(p, json_object_get(j, "members"));
        else
                p->members_at_ms = monotonic_ms();       /* not again at once */
}

void real_etcd_refresh(struct real_plane *p) {
        if (p->stage > REAL_LEARNING && !p->members_call)
                call(p, p, "cluster/member/list", "{}", listed, &p->members_call);
}

void real_etcd_done(struct real_plane *p) {
        real_call_cancel(&p->members_call);
        clear_members(p);
}

size_t real_etcd_members(struct sim_machine *m, struct sim_etcd_member *ret, size_t max) {
        struct real_plane *p = real_plane_of(m);
        size_t n = 0;

        if (!p || p->stage <= REAL_LEARNING)
                return 0;
        if (monotonic_ms() - p->members_at_ms > FRESH_MS)
                real_etcd_refresh(p);
        for (size_t i = 0; i < p->n_members && n < max; i++)
                ret[n++] = (struct sim_etcd_member) { p->members[i].id, p->members[i].name, p->members[i].addr, p->members[i].learner };
        return n;
}

/* --- joining (talos: buildInitialCluster, addMember) --- */

static void join_again(struct real_plane *p, const char *what, int status, const char *body, size_t len, const struct error *err) {
        _cleanup_str_ char *reason = reason_of(status, body, len, err);
        real_plane_problem(p, "%s: %s", what, reason);
        real_plane_later(p, AGAIN_MS, real_etcd_join);
}

static void added(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct real_plane *p = data;
        _cleanup_json_ json_t *j = status == 200 ? json_loadb(body, len, 0, NULL) : NULL;
        _cleanup_strbuf_ struct strbuf initial = STRBUF_INIT;
        size_t i;
        json_t *each;

        if (!j) {        /* another learner is there, or the others are not all healthy: Talos tries again too */
                join_again(p, "adding the etcd member", status, body, len, err);
                return;
        }
        uint64_t own = number(json_object_get(j, "member"), "ID");
        json_array_foreach(json_object_get(j, "members"), i, each) {
                const char *name = number(each, "ID") == own ? p->hostname : jget_text(each, "name");
                strbuf_addf(&initial, "%s%s=%s", initial.len ? "," : "", name ? name : "", peer_of(each));
        }
        real_plane_start_etcd(p, &(struct real_etcd_start) { .initial_cluster = strbuf_str(&initial), .existing = true });
}

static void stale_removed(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct real_plane *p = data;
        if (status == 200)
                real_etcd_join(p);
        else
                join_again(p, "removing the etcd member of before", status, body, len, err);
}

static void listed_before_join(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct real_plane *p = data;
        struct real_plane *at = voter(p, true);
        _cleanup_json_ json_t *j = status == 200 ? json_loadb(body, len, 0, NULL) : NULL;
        _cleanup_str_ char *peer = real_peer_url(&p->m->addr);
        size_t i;
        json_t *each;

        if (!j || !at) {
                join_again(p, "listing the etcd members", status, body, len, err);
                return;
        }
        json_array_foreach(json_object_get(j, "members"), i, each) {
                if (!str_eq(jget_text(each, "name"), p->hostname) && !str_eq(peer_of(each), peer))
                        continue;
                _cleanup_str_ char *request = xasprintf("{\"ID\": \"%" PRIu64 "\"}", number(each, "ID"));
                call(p, at, "cluster/member/remove", request, stale_removed, &p->call);
                return;
        }
        _cleanup_str_ char *request = xasprintf("{\"peerURLs\": [\"%s\"], \"isLearner\": true}", peer);
        call(p, at, "cluster/member/add", request, added, &p->call);
}

void real_etcd_join(void *plane) {
        struct real_plane *p = plane;
        const struct real_plane *at = voter(p, true);

        if (at) {
                call(p, at, "cluster/member/list", "{}", listed_before_join, &p->call);
                return;
        }
        real_plane_problem(p, "waiting for an etcd to join");
        real_plane_later(p, AGAIN_MS, real_etcd_join);
}

/* --- starting --- */

static void promoted(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct real_plane *p = data;
        if (status != 200) {
                _cleanup_str_ char *reason = reason_of(status, body, len, err);
                real_plane_problem(p, "promoting the etcd learner: %s", reason);
        }
        real_plane_later(p, status == 200 ? 0 : 200, real_etcd_wait);
}

static void promote(struct real_plane *p, uint64_t id) {
        const struct real_plane *at = voter(p, true);
        _cleanup_str_ char *request = xasprintf("{\"ID\": \"%" PRIu64 "\"}", id);

        p->stage = REAL_LEARNING;
        if (at)
                call(p, at, "cluster/member/promote", request, promoted, &p->call);
        else
                real_plane_later(p, AGAIN_MS, real_etcd_wait);
}

static void status_came(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct real_plane *p = data;
        _cleanup_json_ json_t *j = status == 200 ? json_loadb(body, len, 0, NULL) : NULL;

        (void) err;
        if (!j)
                real_plane_later(p, 100, real_etcd_wait);
        else if (json_is_true(json_object_get(j, "isLearner")))
                promote(p, number(json_object_get(j, "header"), "member_id"));
        else
                real_plane_etcd_ready(p);
}

void real_etcd_wait(void *plane) {
        struct real_plane *p = plane;
        call(p, p, "maintenance/status", "{}", status_came, &p->call);
}

/* --- leaving --- */

/* data: the plane whose member left; or, where that machine is gone already, the one that asked. */
static void removed(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct real_plane *p = data;
        struct real_state *s = p->state;

        if (status != 200) {
                _cleanup_str_ char *reason = reason_of(status, body, len, err);
                sim_say(s->world, "removing an etcd member: %s", reason);
                p->leaving = false;
        } else if (p->leaving) {
                real_plane_left(p);
        }
        for (size_t i = 0; i < s->n_planes; i++)
                real_etcd_refresh(s->planes[i]);
}

static void forget_member(struct real_plane *p, uint64_t id) {
        for (size_t i = 0; i < p->n_members; i++)
                if (p->members[i].id == id) {
                        free(p->members[i].name);
                        memmove(&p->members[i], &p->members[i + 1], (p->n_members - i - 1) * sizeof(*p->members));
                        p->n_members--;
                        return;
                }
}

bool real_etcd_remove(struct sim_machine *m, uint64_t id) {
        struct real_plane *p = real_plane_of(m), *target = p;
        const struct real_member *member = NULL;
        _cleanup_str_ char *request = xasprintf("{\"ID\": \"%" PRIu64 "\"}", id);

        for (size_t i = 0; p && i < p->n_members; i++)
                if (p->members[i].id == id)
                        member = &p->members[i];
        if (!member)
                return false;
        for (size_t i = 0; i < p->state->n_planes; i++)
                if (ip6_equal(&p->state->planes[i]->m->addr, &member->addr)) {
                        target = p->state->planes[i];
                        target->leaving = true;
                }
        const struct real_plane *at = voter(target, false);
        real_call_cancel(&target->leave_call);
        call(target, at ? at : p, "cluster/member/remove", request, removed, &target->leave_call);
        for (size_t i = 0; i < p->state->n_planes; i++)
                forget_member(p->state->planes[i], id);
        return true;
}
