#include "peer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
        const struct peer_answer *answers;
        size_t n_answers;
        int listener, fd;
        unsigned port;
        bool stop;
        pthread_t thread;
        pthread_mutex_t lock;
        struct peer_request *requests[64];
        size_t n;
};

/* Reads one request; false at the end of the connection. */
static bool read_request(int fd, struct peer_request *ret) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        char buf[4096];
        const char *end = NULL;
        size_t want = 0;
        while (!end || b.len < (size_t) (end - b.data) + 4 + want) {
                ssize_t n = read(fd, buf, sizeof(buf));
                if (n <= 0)
                        return false;
                strbuf_add(&b, buf, (size_t) n);
                end = strstr(strbuf_str(&b), "\r\n\r\n");
                const char *length = strcasestr(strbuf_str(&b), "\r\ncontent-length:");
                if (end && length && length < end)
                        want = strtoul(length + strlen("\r\ncontent-length:"), NULL, 10);
        }
        const char *type = strcasestr(b.data, "\r\ncontent-type: ");
        const char *version = strstr(b.data, " HTTP/1.1");
        ret->line = xstrndup(b.data, (size_t) (version - b.data));
        if (type && type < end) {
                type += strlen("\r\ncontent-type: ");
                ret->content_type = xstrndup(type, strcspn(type, "\r"));
        }
        ret->body = xstrndup(end + 4, want);
        return true;
}

static bool answer_one(struct peer *p, int fd) {
        struct peer_request *r = xnew0(struct peer_request);
        if (!read_request(fd, r)) {
                free(r);
                return false;
        }
        pthread_mutex_lock(&p->lock);
        const struct peer_answer *a = &p->answers[MIN(p->n, p->n_answers - 1)];
        if (p->n == ARRAY_SIZE(p->requests))
                abort();
        p->requests[p->n++] = r;
        pthread_mutex_unlock(&p->lock);
        if (a->drop)
                return false;
        const char *body = a->body ? a->body : "{}";
        _cleanup_str_ char *text = xasprintf("HTTP/1.1 %d x\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s", a->status,
                                             strlen(body), a->headers ? a->headers : "", body);
        size_t len = strlen(text);
        return write(fd, text, len) == (ssize_t) len;
}

static void *serve(void *arg) {
        struct peer *p = arg;
        for (;;) {
                int fd = accept(p->listener, NULL, NULL);
                if (fd < 0)
                        return NULL;
                pthread_mutex_lock(&p->lock);
                p->fd = fd;
                bool stop = p->stop;
                pthread_mutex_unlock(&p->lock);
                while (!stop && answer_one(p, fd))
                        ;
                pthread_mutex_lock(&p->lock);
                p->fd = -1;
                pthread_mutex_unlock(&p->lock);
                close(fd);
        }
}

struct peer *peer_new(const struct peer_answer *answers, size_t n) {
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        socklen_t len = sizeof(a);
        struct peer *p = xnew0(struct peer);
        signal(SIGPIPE, SIG_IGN);
        p->answers = answers;
        p->n_answers = n;
        p->fd = -1;
        pthread_mutex_init(&p->lock, NULL);
        p->listener = socket(AF_INET6, SOCK_STREAM, 0);
        if (bind(p->listener, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(p->listener, 8) < 0 ||
            getsockname(p->listener, (struct sockaddr *) &a, &len) < 0)
                abort();
        p->port = ntohs(a.sin6_port);
        pthread_create(&p->thread, NULL, serve, p);
        return p;
}

void peer_free(struct peer *p) {
        pthread_mutex_lock(&p->lock);
        p->stop = true;
        if (p->fd >= 0)
                shutdown(p->fd, SHUT_RDWR);
        pthread_mutex_unlock(&p->lock);
        shutdown(p->listener, SHUT_RDWR);
        pthread_join(p->thread, NULL);
        close(p->listener);
        for (size_t i = 0; i < p->n; i++) {
                free(p->requests[i]->line);
                free(p->requests[i]->content_type);
                free(p->requests[i]->body);
                free(p->requests[i]);
        }
        pthread_mutex_destroy(&p->lock);
        free(p);
}

char *peer_url(const struct peer *p) {
        return xasprintf("http://[::1]:%u", p->port);
}

size_t peer_count(struct peer *p) {
        pthread_mutex_lock(&p->lock);
        size_t n = p->n;
        pthread_mutex_unlock(&p->lock);
        return n;
}

const struct peer_request *peer_request(struct peer *p, size_t i) {
        pthread_mutex_lock(&p->lock);
        const struct peer_request *r = i < p->n ? p->requests[i] : NULL;
        pthread_mutex_unlock(&p->lock);
        if (!r)
                abort();
        return r;
}
