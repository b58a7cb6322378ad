#include "sim/world/factory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/json.h"
#include "sim/net/child.h"
#include "sim/net/http1.h"
#include "sim/net/loop.h"
#include "sim/world/internal.h"

#define MAGIC "image of the simulated factory"
#define MIB (1024 * 1024)
#define IMAGE_MIB 16
#define NOISE_MIB 3                      /* in two pieces with a hole between, so that sparse writing shows */
#define NOISE_MOST (24 * MIB)            /* of each: an answer is held in memory whole, and may have 64 MiB */

struct packed { char *path; struct strbuf bytes; };
static struct { struct packed *items; size_t n; } cache;         /* packing takes a moment, and is asked for twice: HEAD, GET */
static struct strv known;                                        /* schematics that were announced */

/* ---- images ---- */

/* xorshift64: the same name gives the same bytes. */
static void add_noise(struct strbuf *b, uint64_t *state, size_t n) {
        for (size_t i = 0; i < n; i += sizeof(*state)) {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                strbuf_add(b, state, sizeof(*state));
        }
}

static void add_zeros(struct strbuf *b, size_t n) {
        static const char zeros[4096];
        for (size_t i = 0; i < n; i += sizeof(zeros))
                strbuf_add(b, zeros, sizeof(zeros));
}

void sim_factory_image(struct sim_world *w, const char *schematic, const char *version, const char *arch, struct strbuf *b) {
        size_t mib = w->options.image_mib ? w->options.image_mib : IMAGE_MIB, share = mib * NOISE_MIB / IMAGE_MIB * MIB / 2, noise = MIN(share, (size_t) NOISE_MOST);
        _cleanup_str_ char *name = xasprintf(MAGIC "\t%s\t%s\t%s\t%zu\n", schematic, version, arch, mib);
        uint64_t state;
        uint8_t hash[32];

        sha256(name, strlen(name), hash);
        memcpy(&state, hash, sizeof(state));
        *b = (struct strbuf) { .max = (mib + 1) * MIB };
        strbuf_adds(b, name);
        add_zeros(b, MIB);
        add_noise(b, &state, noise);
        add_zeros(b, (mib - 2) * MIB - 2 * noise);
        add_noise(b, &state, noise + 8);                 /* no whole number of blocks */
}

bool sim_factory_name(const char *head, size_t n, char **ret_schematic, char **ret_version, char **ret_arch) {
        _cleanup_strv_ struct strv fields = { 0 };
        const char *end = memchr(head, '\n', n);

        if (!end)
                return false;
        _cleanup_str_ char *line = xstrndup(head, (size_t) (end - head));
        strv_split(&fields, line, '\t');
        if (fields.n != 5 || !str_eq(fields.items[0], MAGIC))
                return false;
        *ret_schematic = TAKE(fields.items[1]);
        *ret_version = TAKE(fields.items[2]);
        *ret_arch = TAKE(fields.items[3]);
        return true;
}

/* ---- packing ---- */

static pid_t run_packer(const char *program, int in, int out) {
        pid_t pid = fork();
        if (pid == 0) {
                child_signals();
                dup2(in, 0);
                dup2(out, 1);
                execlp(program, program, "-q", "-1", "-c", "-T2", NULL);
                _exit(127);
        }
        return pid;
}

/* Both ways at once: neither side may wait for the other. */
static void exchange(int to, int from, const struct strbuf *raw, struct strbuf *ret) {
        size_t sent = 0;
        char buf[65536];

        for (;;) {
                struct pollfd fds[] = { { .fd = from, .events = POLLIN }, { .fd = sent < raw->len ? to : -1, .events = POLLOUT } };
                if (poll(fds, 2, -1) < 0 && errno != EINTR)
                        break;
                if (fds[1].revents) {
                        ssize_t n = write(to, raw->data + sent, MIN(raw->len - sent, (size_t) 4096));
                        sent = n < 0 ? raw->len : sent + (size_t) n;
                        if (sent == raw->len)
                                close(to);
                }
                if (fds[0].revents) {
                        ssize_t n = read(from, buf, sizeof(buf));
                        if (n <= 0)
                                break;
                        strbuf_add(ret, buf, (size_t) n);
                }
        }
        if (sent < raw->len)
                close(to);
}

static bool pack(const char *program, const struct strbuf *raw, struct strbuf *ret) {
        int in[2], out[2], status = -1;

        if (pipe2(in, O_CLOEXEC) < 0)
                return false;
        if (pipe2(out, O_CLOEXEC) < 0) {
                close(in[0]);
                close(in[1]);
                return false;
        }
        pid_t pid = run_packer(program, in[0], out[1]);
        close(in[0]);
        close(out[1]);
        if (pid > 0)
                exchange(in[1], out[0], raw, ret);
        else
                close(in[1]);
        close(out[0]);
        return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const struct strbuf *image_at(struct sim_world *w, const char *path, const char *schematic, const char *version, const char *arch, const char *ending) {
        _cleanup_strbuf_ struct strbuf raw = STRBUF_INIT;
        struct packed p = { .bytes = { .max = (size_t) 2048 * MIB } };

        for (size_t i = 0; i < cache.n; i++)
                if (str_eq(cache.items[i].path, path))
                        return &cache.items[i].bytes;
        sim_factory_image(w, schematic, version, arch, &raw);
        if (str_eq(ending, "raw"))
                strbuf_add(&p.bytes, raw.data, raw.len);
        else if (!pack(str_eq(ending, "zst") ? "zstd" : "xz", &raw, &p.bytes)) {
                sim_say(w, "the image factory cannot pack: the program for .%s is missing or failed", ending);
                strbuf_done(&p.bytes);
                return NULL;
        }
        p.path = xstrdup(path);
        ARRAY_APPEND(cache.items, cache.n, p);
        return &cache.items[cache.n - 1].bytes;
}

void sim_factory_free(void) {
        for (size_t i = 0; i < cache.n; i++) {
                free(cache.items[i].path);
                strbuf_done(&cache.items[i].bytes);
        }
        free(cache.items);
        cache.items = NULL;
        cache.n = 0;
        strv_done(&known);
        known = (struct strv) { 0 };
}

/* ---- serving ---- */

static void respond(struct http1_exchange *x, int status, const char *type, const void *p, size_t n) {
        _cleanup_kvs_ struct kvs headers = { 0 };

        kvs_set(&headers, "Content-Type", type);
        http1_respond(x, status, &headers, p, n);
}

static void respond_text(struct http1_exchange *x, int status, const char *text) {
        respond(x, status, "text/plain", text, strlen(text));
}

static void announce(struct http1_exchange *x) {
        size_t n;
        const char *body = http1_body(x, &n);
        _cleanup_str_ char *id = sha256_hex(body, n);

        if (n == 0 || !str_starts(body, "customization:")) {
                respond_text(x, 400, "the schematic cannot be read\n");
                return;
        }
        if (!strv_has(&known, id))
                strv_add(&known, id);
        _cleanup_json_ json_t *j = json_pack("{s:s}", "id", id);
        _cleanup_str_ char *text = json_write(j);
        respond(x, 201, "application/json", text, strlen(text));
}

/* Content-Length of the whole, half of the bytes, then the end. */
static void respond_half(struct http1_exchange *x, const struct strbuf *image) {
        _cleanup_strbuf_ struct strbuf b = { .max = image->len + 4096 };

        strbuf_addf(&b, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n", image->len);
        if (!str_eq(http1_method(x), "HEAD"))
                strbuf_add(&b, image->data, image->len / 2);
        http1_respond_raw(x, b.data, b.len);
}

/* Fault slow-link: a piece every quarter of a second. */
struct trickle { struct http1_exchange *exchange; struct loop_timer *timer; const struct strbuf *image; size_t at; };

static void trickle_gone(void *data) {
        struct trickle *t = data;

        loop_timer_cancel(&t->timer);
        free(t);
}

static void trickle_on(void *data) {
        struct trickle *t = data;
        size_t n = MIN((size_t) 64 * 1024, t->image->len - t->at);

        if (n == 0) {
                struct http1_exchange *x = t->exchange;
                http1_on_gone(x, NULL, NULL);
                free(t);
                http1_end(x);
                return;
        }
        http1_chunk(t->exchange, t->image->data + t->at, n);
        t->at += n;
        loop_timer_set(http1_loop(t->exchange), &t->timer, 250, trickle_on, t);
}

static void respond_slowly(struct http1_exchange *x, const struct strbuf *image) {
        struct trickle *t = xnew0(struct trickle);

        *t = (struct trickle) { .exchange = x, .image = image };
        http1_on_gone(x, trickle_gone, t);
        http1_start(x, 200, NULL);
        trickle_on(t);
}

static void respond_image(struct sim_world *w, struct http1_exchange *x, const struct strbuf *image) {
        static const char page[] = "<!DOCTYPE html><html><body>Please log in.</body></html>\n";
        _cleanup_strbuf_ struct strbuf wrong = { .max = image->len + 1 };

        if (sim_fault_on(w, "image-html")) {
                respond(x, 200, "text/html", page, sizeof(page) - 1);
        } else if (sim_fault_on(w, "image-short")) {             /* whole as HTTP sees it, but not as an image */
                respond(x, 200, "application/octet-stream", image->data, image->len / 2);
        } else if (sim_fault_on(w, "image-breaks-off")) {
                respond_half(x, image);
        } else if (sim_fault_on(w, "slow-link") && str_eq(http1_method(x), "GET")) {
                respond_slowly(x, image);
        } else {
                respond(x, 200, "application/octet-stream", image->data, image->len);
        }
}

void sim_factory_handle(struct sim_world *w, const char *path, struct http1_exchange *x) {
        char schematic[65], version[32], arch[6], ending[4];
        int end = 0;

        if (sim_fault_on(w, "factory-down")) {
                respond_text(x, 503, "unavailable\n");
                return;
        }
        if (str_eq(path, "/schematics") && str_eq(http1_method(x), "POST")) {
                announce(x);
                return;
        }
        if (sscanf(path, "/image/%64[0-9a-f]/%31[v0-9a-z.-]/hcloud-%5[a-z0-9].%n", schematic, version, arch, &end) == 3 && end &&
            (str_eq(arch, "amd64") || str_eq(arch, "arm64")) && (str_eq(schematic, FACTORY_PLAIN) || strv_has(&known, schematic))) {
                const char *rest = path + end;
                snprintf(ending, sizeof(ending), "%s", str_eq(rest, "raw.xz") ? "xz" : str_eq(rest, "raw.zst") ? "zst" : str_eq(rest, "raw") ? "raw" : "");
                const struct strbuf *image = *ending && !(str_eq(ending, "zst") && sim_fault_on(w, "no-zst")) ? image_at(w, path, schematic, version, arch, ending) : NULL;
                if (image) {
                        respond_image(w, x, image);
                        return;
                }
        }
        respond_text(x, 404, "no such image\n");
}
