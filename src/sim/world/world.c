/* The world's clock, its randomness, its voice. */
#include "sim/world/internal.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/codec.h"
#include "sim/net/loop.h"

/* splitmix64 for the seed, xoroshiro128+ for the numbers: public algorithms by Blackman and Vigna. */
static uint64_t split(uint64_t *x) {
        uint64_t z = *x += 0x9e3779b97f4a7c15u;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int k) {
        return (x << k) | (x >> (64 - k));
}

uint64_t sim_random(struct sim_world *w) {
        uint64_t a = w->rng[0], b = w->rng[1], r = a + b;

        b ^= a;
        w->rng[0] = rotate(a, 24) ^ b ^ (b << 16);
        w->rng[1] = rotate(b, 37);
        return r;
}

uint32_t sim_random_below(struct sim_world *w, uint32_t upper) {
        return (uint32_t) ((sim_random(w) >> 32) * upper >> 32);
}

double sim_random_unit(struct sim_world *w) {
        return (double) (sim_random(w) >> 11) / 9007199254740992.0;
}

int64_t sim_now_ms(struct sim_world *w) {
        return loop_now_ms(w->loop);
}

void sim_say(struct sim_world *w, const char *fmt, ...) {
        va_list ap;

        (void) w;
        if (!getenv("SIM_DEBUG"))
                return;
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        va_start(ap, fmt);
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        fprintf(stderr, "sim: %s\n", strbuf_str(&b));
}

int sim_world_init(struct sim_world *w, const struct sim_options *o, struct error *err) {
        struct error e = ERROR_INIT;
        uint64_t seed;

        *w = (struct sim_world) { .options = *o };
        if (!w->options.seed)
                random_bytes(&w->options.seed, sizeof(w->options.seed));
        seed = w->options.seed;
        w->rng[0] = split(&seed);
        w->rng[1] = split(&seed);
        w->faults = sim_faults_new();
        int r = loop_new(&w->loop, &e);
        if (r < 0) {
                sim_faults_free(w->faults);
                return error_move(err, &e);
        }
        if (o->start_ms)
                loop_set_now(w->loop, o->start_ms);
        return 0;
}

int sim_world_start(struct sim_world *w, const struct sim_part *const *parts, struct error *err) {
        size_t n = 0;

        if (w->options.trace_file && sim_trace_open(w, w->options.trace_file, err) < 0)
                return -1;
        if (sim_hetzner_new(w, err) < 0)
                return -1;
        for (; parts && *parts && n + 1 < ARRAY_SIZE(w->parts); parts++) {
                if ((*parts)->start && (*parts)->start(w, err) < 0)
                        return error_wrap(err, "starting the simulated %s", (*parts)->name);
                w->parts[n++] = *parts;
        }
        return 0;
}

void sim_world_done(struct sim_world *w) {
        size_t n = 0;

        sim_services_stop(w);
        sim_firewall_stop(w);
        sim_hetzner_free(w);             /* halts every machine while the parts still live */
        while (n < ARRAY_SIZE(w->parts) && w->parts[n])
                n++;
        while (n > 0)
                if (w->parts[--n]->stop)
                        w->parts[n]->stop(w);
        sim_trace_close(w);
        sim_faults_free(w->faults);
        loop_free(w->loop);
        *w = (struct sim_world) { 0 };
}
