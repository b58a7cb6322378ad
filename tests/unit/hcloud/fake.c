#include "fake.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

struct worker { struct fake *f; int fd; };

static void send_all(int fd, const char *p, size_t n) {
        while (n > 0) {
                ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
                if (k <= 0)
                        return;
                p += k;
                n -= (size_t) k;
        }
}

static struct fake_step next_step(struct fake *f, const char *line, const char *body) {
        if (f->handler)
                return f->handler(f, line, body);
        if (f->at >= f->n_steps) {
                strbuf_addf(&f->wrong, "\n  unexpected: %s", line);
                return (struct fake_step) { .status = 599, .body = "{}" };
        }
        struct fake_step step = f->steps[f->at++];
        if (step.expect && strncmp(line, step.expect, strlen(step.expect)) != 0)
                strbuf_addf(&f->wrong, "\n  expected: %s, came: %s", step.expect, line);
        return step;
}

static bool answer(struct fake *f, int fd, const char *method, const char *path, const char *body) {
        char *line = xasprintf("%s %s", method, str_starts(path, "/v1") ? path + 3 : path);
        pthread_mutex_lock(&f->lock);
        strv_add(&f->lines, line);
        strv_add(&f->bodies, body);
        struct fake_step step = next_step(f, line, body);
        pthread_mutex_unlock(&f->lock);
        free(line);
        if (step.status == 0)
                return false;
        struct strbuf out = STRBUF_INIT;
        strbuf_addf(&out, "HTTP/1.1 %d Text\r\nContent-Type: %s\r\nContent-Length: %zu\r\nX-Correlation-Id: corr-1\r\n%s\r\n%s",
                    step.status, step.html ? "text/html" : "application/json", step.body ? strlen(step.body) : 0,
                    step.headers ? step.headers : "", step.body ? step.body : "");
        send_all(fd, out.data, out.len);
        strbuf_done(&out);
        return true;
}

static size_t note_headers(struct fake *f, char *head) {
        size_t length = 0;
        char *save = NULL;
        pthread_mutex_lock(&f->lock);
        kvs_done(&f->last_headers);
        for (char *l = strtok_r(head, "\r\n", &save); l; l = strtok_r(NULL, "\r\n", &save)) {
                char *colon = strchr(l, ':');
                if (!colon)
                        continue;
                *colon = '\0';
                for (char *p = l; *p; p++)
                        *p = (char) tolower((unsigned char) *p);
                kvs_set(&f->last_headers, l, colon + 2);
                if (strcmp(l, "content-length") == 0)
                        length = strtoul(colon + 1, NULL, 10);
        }
        pthread_mutex_unlock(&f->lock);
        return length;
}

static void *serve_connection(void *arg) {
        struct worker *w = arg;
        struct strbuf in = STRBUF_INIT;
        char piece[16384], method[16], path[8192];
        for (;;) {
                char *end;
                while (!(end = in.data ? strstr(in.data, "\r\n\r\n") : NULL)) {
                        ssize_t n = recv(w->fd, piece, sizeof(piece), 0);
                        if (n <= 0)
                                goto out;
                        strbuf_add(&in, piece, (size_t) n);
                }
                char *head = xstrndup(in.data, (size_t) (end - in.data));
                ck_assert_int_eq(sscanf(head, "%15s %8191s", method, path), 2);
                size_t start = (size_t) (end - in.data) + 4, length = note_headers(w->f, head);
                free(head);
                while (in.len < start + length) {
                        ssize_t n = recv(w->fd, piece, sizeof(piece), 0);
                        if (n <= 0)
                                goto out;
                        strbuf_add(&in, piece, (size_t) n);
                }
                char *body = xstrndup(in.data + start, length), *rest = xstrdup(in.data + start + length);
                bool keep = answer(w->f, w->fd, method, path, body);
                strbuf_clear(&in);
                strbuf_adds(&in, rest);
                free(body);
                free(rest);
                if (!keep)
                        break;
        }
out:
        shutdown(w->fd, SHUT_RDWR);
        strbuf_done(&in);
        free(w);
        return NULL;
}

static void *serve(void *arg) {
        struct fake *f = arg;
        for (;;) {
                int fd = accept(f->listener, NULL, NULL);
                pthread_mutex_lock(&f->lock);
                bool stop = f->stopping || fd < 0 || f->n_workers == 64;
                if (!stop) {
                        struct worker *w = xnew0(struct worker);
                        *w = (struct worker) { f, fd };
                        f->sockets[f->n_workers] = fd;
                        pthread_create(&f->workers[f->n_workers++], NULL, serve_connection, w);
                }
                pthread_mutex_unlock(&f->lock);
                if (stop) {
                        if (fd >= 0)
                                close(fd);
                        return NULL;
                }
        }
}

void fake_start(struct fake *f, const struct hcloud_client_options *options) {
        struct hcloud_client_options o = options ? *options : (struct hcloud_client_options) { 0 };
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
        socklen_t len = sizeof(a);
        *f = (struct fake) { .error = ERROR_INIT };
        pthread_mutex_init(&f->lock, NULL);
        f->listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert(bind(f->listener, (struct sockaddr *) &a, sizeof(a)) == 0 && listen(f->listener, 64) == 0);
        getsockname(f->listener, (struct sockaddr *) &a, &len);
        f->port = ntohs(a.sin6_port);
        pthread_create(&f->thread, NULL, serve, f);
        f->clock = clock_manual_new(1700000000000);
        char *endpoint = xasprintf("http://[::1]:%d/v1", f->port);
        o.endpoint = o.endpoint ? o.endpoint : endpoint;
        o.token = o.token ? o.token : FAKE_TOKEN;
        const struct hcloud_client_inner inner = { .clock = f->clock, .no_proxy = true, .jitter_seed = 42 };
        ck_ok(hcloud_client_new_with(&o, &inner, &f->client, &f->error), f->error);
        free(endpoint);
}

void fake_script(struct fake *f, const struct fake_step *steps, size_t n) {
        f->steps = xmemdup(steps, n * sizeof(*steps));
        f->n_steps = n;
}

void fake_stop(struct fake *f) {
        hcloud_client_free(f->client);
        pthread_mutex_lock(&f->lock);
        f->stopping = true;
        pthread_mutex_unlock(&f->lock);
        shutdown(f->listener, SHUT_RDWR);
        pthread_join(f->thread, NULL);
        close(f->listener);
        for (size_t i = 0; i < f->n_workers; i++) {
                shutdown(f->sockets[i], SHUT_RDWR);
                pthread_join(f->workers[i], NULL);
                close(f->sockets[i]);
        }
        ck_assert_msg(f->wrong.len == 0, "requests:%s", strbuf_str(&f->wrong));
        ck_assert_msg(f->at == f->n_steps, "%zu of %zu requests of the script came", f->at, f->n_steps);
        free((void *) f->steps);
        strv_done(&f->lines);
        strv_done(&f->bodies);
        strv_done(&f->kept);
        strbuf_done(&f->wrong);
        kvs_done(&f->last_headers);
        clock_manual_free(f->clock);
        error_done(&f->error);
        pthread_mutex_destroy(&f->lock);
}

const char *fake_keep(struct fake *f, char *owned) {
        strv_take(&f->kept, owned);
        return owned;
}

size_t fake_count(struct fake *f) {
        pthread_mutex_lock(&f->lock);
        size_t n = f->lines.n;
        pthread_mutex_unlock(&f->lock);
        return n;
}

char *fake_line(struct fake *f, size_t i) {
        ck_assert_uint_lt(i, f->lines.n);
        return f->lines.items[i];
}

char *fake_body(struct fake *f, size_t i) {
        ck_assert_uint_lt(i, f->bodies.n);
        return f->bodies.items[i];
}
