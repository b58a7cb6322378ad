/* The simulated Hetzner API: lines "METHOD TARGET BODY" are calls, up to sixteen one after the other. Every answer has a status; a refusal has a code; whatever
 * was done, the world can be shown and ends cleanly. */
#include "check.h"
#include "sim/hetzner/internal.h"
#include "sim/world/internal.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void check_answer(const struct sim_api_answer *a) {
        CHECK(a->drop || (a->status >= 200 && a->status < 600));
        if (a->drop || a->status == 204 || a->body.len == 0)
                return;
        json_t *j = json_loadb(a->body.data, a->body.len, 0, NULL);
        CHECK(j != NULL);
        CHECK(a->status < 400 || jget_text(j, "error.code"));
        json_decref(j);
}

static void call(struct sim_world *w, char *line) {
        char *target = strchr(line, ' ');
        if (!target)
                return;
        *target++ = '\0';
        char *body = strchr(target, ' ');
        if (body)
                *body++ = '\0';
        char *query = strchr(target, '?');
        if (query)
                *query++ = '\0';
        const struct sim_api_request r = { .method = line, .path = target, .query = query, .token = TOKEN, .host = "http://[::1]:1/v1",
                                           .body = body, .body_len = body ? strlen(body) : 0 };
        struct sim_api_answer a = { 0 };
        sim_hetzner_handle(w, &r, &a);
        check_answer(&a);
        sim_api_answer_done(&a);
        for (int i = 0; i < 4; i++)
                loop_turn(w->loop, 0, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        static const struct sim_options o = { .seed = 7, .token = TOKEN, .readonly_token = "r", .start_ms = INT64_C(1800000000000), .no_rate_limit = true };
        static struct sim_world w;
        struct error err = ERROR_INIT;
        _cleanup_str_ char *text = xstrndup((const char *) p, n);
        char *save = text;
        w = (struct sim_world) { 0 };
        CHECK(sim_world_init(&w, &o, &err) >= 0 && sim_world_start(&w, NULL, &err) >= 0);
        for (int i = 0; i < 16 && save; i++)
                call(&w, strsep(&save, "\n"));
        json_decref(sim_hetzner_state(&w));
        sim_world_done(&w);
        return 0;
}
