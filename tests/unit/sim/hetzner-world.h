/* A simulated cloud without a network, for tests: sim_hetzner_handle() and the turns of the loop. One world a test; start and stop are its fixture. */
#pragma once

#include "../unit.h"

#include "base/json.h"
#include "sim/hetzner/internal.h"
#include "sim/world/internal.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define READONLY "ro23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct sim_world world;

static inline void start(bool real) {
        struct sim_options o = { .seed = 7, .token = TOKEN, .readonly_token = READONLY, .speed_real = real, .start_ms = 1800000000000 };
        struct error err = ERROR_INIT;

        ck_ok(sim_world_init(&world, &o, &err), err);
        ck_ok(sim_world_start(&world, NULL, &err), err);
}

static struct sim_api_answer last;

static inline void stop(void) {
        sim_api_answer_done(&last);
        last = (struct sim_api_answer) { 0 };
        sim_world_done(&world);
}

static inline void start_instant(void) { start(false); }
static inline void start_real(void) { start(true); }

/* The loop until nothing is due at this moment. */
static inline void settle(void) {
        for (int i = 0; i < 20; i++)
                loop_turn(world.loop, 0, NULL);
}

static inline json_t *call_as(const char *token, const char *method, const char *target, const char *body, int want) {
        _cleanup_str_ char *path = xstrndup(target, strcspn(target, "?"));
        const char *query = strchr(target, '?');
        const struct sim_api_request r = { .method = method, .path = path, .query = query ? query + 1 : NULL, .token = token,
                                           .host = "http://[::1]:1/v1", .body = body, .body_len = body ? strlen(body) : 0 };

        sim_api_answer_done(&last);
        sim_hetzner_handle(&world, &r, &last);
        ck_assert_msg(last.status == want, "%s %s: %d, not %d: %s", method, target, last.status, want, strbuf_str(&last.body));
        return last.body.len ? json_loadb(last.body.data, last.body.len, 0, NULL) : NULL;
}

static inline json_t *call(const char *method, const char *target, const char *body, int want) {
        return call_as(TOKEN, method, target, body, want);
}

static inline void refused(const char *method, const char *target, const char *body, int want, const char *code) {
        _cleanup_json_ json_t *j = call(method, target, body, want);
        const char *got = jget_text(j, "error.code");
        ck_assert_msg(str_eq(got, code), "%s %s: %s, not %s", method, target, got ? got : "?", code);
        sim_api_answer_done(&last);
}

static inline int64_t id_of(json_t *j, const char *key) {
        const json_t *id = jget(j, key);
        ck_assert_msg(id != NULL, "no %s in the answer", key);
        return json_integer_value(id);
}

static inline int64_t make(const char *path, const char *key, const char *body) {
        _cleanup_json_ json_t *j = call("POST", path, body, 201);
        return id_of(j, key);
}

static inline int64_t talos_image(const char *arch) {
        _cleanup_str_ char *path = xasprintf("/images?type=snapshot&architecture=%s&label_selector=os%%3Dtalos,hcloud-v6/talos-version%%3Dv1.13.9", arch);
        _cleanup_json_ json_t *j = call("GET", path, NULL, 200);
        ck_assert_uint_eq(json_array_size(json_object_get(j, "images")), 1);
        return json_integer_value(json_object_get(json_array_get(json_object_get(j, "images"), 0), "id"));
}

/* A running server of this name; extra is more JSON for the body ("" or ",…"). */
static inline int64_t make_server(const char *name, const char *extra) {
        _cleanup_str_ char *body = xasprintf("{\"name\":\"%s\",\"server_type\":\"cx23\",\"image\":%lld,\"location\":\"hel1\",\"public_net\":"
                                             "{\"enable_ipv4\":false}%s}", name, (long long) talos_image("x86"), extra);
        return make("/servers", "server.id", body);
}

static inline json_t *show(const char *kind, int64_t id) {
        _cleanup_str_ char *path = xasprintf("/%s/%lld", kind, (long long) id);
        return call("GET", path, NULL, 200);
}

static inline void act(int64_t server, const char *action, const char *body, int want) {
        _cleanup_str_ char *path = xasprintf("/servers/%lld/actions/%s", (long long) server, action);
        json_decref(call("POST", path, body, want));
}
