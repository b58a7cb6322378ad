/* libssh blocks. Every link has a watchdog thread that shuts the socket down when the run is cancelled or nothing moves any more: then every
 * blocked call returns. (libssh 0.10, https://api.libssh.org) */
#include "image/ssh.h"

#include <errno.h>
#include <fcntl.h>
#include <libssh/libssh.h>
#include <netinet/tcp.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/memory.h"

#define CONNECT_MS 3000
#define ERRORS_MAX 4096
#define LINE_MAX_BYTES 4096
#define PUMP_MS 200

struct ssh_identity { ssh_key key; char *public_line; };

int ssh_identity_new(const char *comment, struct ssh_identity **ret, struct error *err) {
        _cleanup_(ssh_identity_freep) struct ssh_identity *i = xnew0(struct ssh_identity);
        char *base64 = NULL;

        if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, &i->key) != SSH_OK || ssh_pki_export_pubkey_base64(i->key, &base64) != SSH_OK)
                return error_set(err, ERR_BUG, "libssh cannot make an Ed25519 key");
        i->public_line = xasprintf("ssh-ed25519 %s %s", base64, comment);
        ssh_string_free_char(base64);
        *ret = TAKE(i);
        return 0;
}

const char *ssh_identity_public(const struct ssh_identity *i) {
        return i->public_line;
}

void ssh_identity_free(struct ssh_identity *i) {
        if (!i)
                return;
        ssh_key_free(i->key);            /* libssh wipes it */
        free(i->public_line);
        free(i);
}

/* ---- the connection ---- */

struct ssh_link {
        ssh_session session;
        int fd;                          /* the socket, ours */
        char *address;
        int64_t silence_ms;
        struct clock *clock;
        const struct cancel *cancel;
        _Atomic int64_t last_ms;         /* when a byte moved last, monotonic */
        atomic_bool silent;              /* the watchdog gave up on it */
        int stop[2];                     /* pipe: the watchdog shall end */
        pthread_t watchdog;
        bool watched;
};

static void touch(struct ssh_link *l) {
        atomic_store(&l->last_ms, clock_mono_ms(l->clock));
}

static void *watch(void *arg) {
        struct ssh_link *l = arg;
        struct pollfd fds[] = { { .fd = l->stop[0], .events = POLLIN }, { .fd = cancel_fd(l->cancel), .events = POLLIN } };

        for (;;) {
                if (poll(fds, ARRAY_SIZE(fds), 1000) < 0 && errno != EINTR)
                        break;
                if (fds[0].revents)
                        return NULL;
                if (fds[1].revents)
                        break;
                if (clock_mono_ms(l->clock) - atomic_load(&l->last_ms) > l->silence_ms) {
                        atomic_store(&l->silent, true);
                        break;
                }
        }
        shutdown(l->fd, SHUT_RDWR);
        return NULL;
}

/* What a failed call of libssh means. */
static int broken(struct ssh_link *l, const char *what, struct error *err) {
        if (cancel_check(l->cancel, err) < 0)
                return -1;
        if (atomic_load(&l->silent))
                return error_set(err, ERR_TIMEOUT, "%s: nothing moved on the SSH connection to %s for %lld s", what, l->address,
                                 (long long) (l->silence_ms / 1000));
        const char *why = ssh_get_error(l->session);
        return error_set(err, ERR_UNAVAILABLE, "%s: the SSH connection to %s broke%s%s", what, l->address, str_empty(why) ? "" : ": ", why ? why : "");
}

static int dial(const char *address, unsigned port, const struct cancel *cancel) {
        _cleanup_str_ char *service = xasprintf("%u", port);
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV }, *a = NULL;

        if (getaddrinfo(address, service, &hints, &a) != 0)
                return -1;
        _cleanup_fd_ int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        int rc = fd < 0 ? -1 : connect(fd, a->ai_addr, a->ai_addrlen);
        freeaddrinfo(a);
        if (fd < 0 || (rc < 0 && errno != EINPROGRESS))
                return -1;
        struct pollfd fds[] = { { .fd = fd, .events = POLLOUT }, { .fd = cancel_fd(cancel), .events = POLLIN } };
        if (rc < 0 && (poll(fds, ARRAY_SIZE(fds), CONNECT_MS) <= 0 || fds[1].revents))
                return -1;
        int why = 0, one = 1, dead_ms = 60 * 1000;
        socklen_t len = sizeof(why);
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0 || why)
                return -1;
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        (void) setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead_ms, sizeof(dead_ms));
        int result = fd;
        fd = -1;
        return fcntl(result, F_SETFL, 0) < 0 ? (close(result), -1) : result;
}

static struct ssh_link *link_new(const struct ssh_target *t, const char *address, int fd) {
        struct ssh_link *l = xnew0(struct ssh_link);
        bool no = false;
        long timeout_s = 20;

        l->fd = fd;
        l->address = xstrdup(address);
        l->silence_ms = t->silence_ms ? t->silence_ms : 2 * 60 * 1000;
        l->clock = t->clock;
        l->cancel = t->cancel;
        l->stop[0] = l->stop[1] = -1;
        l->session = ssh_new();
        if (!l->session)
                end_without("memory");
        ssh_options_set(l->session, SSH_OPTIONS_HOST, address);
        ssh_options_set(l->session, SSH_OPTIONS_USER, t->user);
        ssh_options_set(l->session, SSH_OPTIONS_FD, &fd);
        ssh_options_set(l->session, SSH_OPTIONS_PROCESS_CONFIG, &no);
        ssh_options_set(l->session, SSH_OPTIONS_TIMEOUT, &timeout_s);
        ssh_options_set(l->session, SSH_OPTIONS_HOSTKEYS, "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256");
        ssh_options_set(l->session, SSH_OPTIONS_KNOWNHOSTS, "/dev/null");
        ssh_options_set(l->session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
        touch(l);
        if (pipe2(l->stop, O_CLOEXEC) == 0 && pthread_create(&l->watchdog, NULL, watch, l) == 0)
                l->watched = true;
        return l;
}

void ssh_link_close(struct ssh_link *l) {
        if (!l)
                return;
        if (l->watched) {
                (void) !write(l->stop[1], "", 1);
                pthread_join(l->watchdog, NULL);
        }
        if (ssh_is_connected(l->session))
                ssh_disconnect(l->session);      /* closes the socket */
        else
                close(l->fd);
        ssh_free(l->session);
        for (int i = 0; i < 2; i++)
                if (l->stop[i] >= 0)
                        close(l->stop[i]);
        free(l->address);
        free(l);
}

const char *ssh_link_address(const struct ssh_link *l) {
        return l->address;
}

static int check_host_key(struct ssh_link *l, char **pin, struct error *err) {
        ssh_key key = NULL;
        unsigned char *hash = NULL;
        size_t n = 0;

        if (ssh_get_server_publickey(l->session, &key) != SSH_OK)
                return broken(l, "reading the host key", err);
        int rc = ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &n);
        ssh_key_free(key);
        if (rc != SSH_OK)
                return error_set(err, ERR_PROTOCOL, "the host key of %s cannot be read", l->address);
        char *text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, n);
        ssh_clean_pubkey_hash(&hash);
        rc = 0;
        if (!*pin)
                *pin = xstrdup(text);
        else if (!str_eq(*pin, text))
                rc = error_set(err, ERR_TLS, "%s shows the host key %s, and before it showed %s: somebody else answers there", l->address, text, *pin);
        ssh_string_free_char(text);
        return rc;
}

/* What can be repaired by trying again (the system is still booting) is ERR_UNAVAILABLE. */
static int greet(struct ssh_link *l, const struct ssh_target *t, struct error *err) {
        if (ssh_connect(l->session) != SSH_OK)
                return broken(l, "connecting", err);
        touch(l);
        if (check_host_key(l, t->pin, err) < 0)
                return -1;
        int rc = ssh_userauth_publickey(l->session, NULL, t->identity->key);
        if (rc == SSH_AUTH_SUCCESS)
                return 0;
        if (rc == SSH_AUTH_ERROR)
                return broken(l, "logging in", err);
        return error_set(err, ERR_REFUSED, "the system at %s does not accept the key that was made for it", l->address);
}

static int try_address(const struct ssh_target *t, const char *address, struct ssh_link **ret, struct error *err) {
        int fd = dial(address, t->port ? t->port : 22, t->cancel);

        if (fd < 0)
                return error_set(err, ERR_UNAVAILABLE, "nothing answers at %s", address);
        _cleanup_(ssh_link_closep) struct ssh_link *l = link_new(t, address, fd);
        if (!l->watched)                         /* a silent server would hold us for ever */
                return error_set(err, ERR_IO, "no thread or pipe is left to watch the connection to %s", address);
        if (greet(l, t, err) < 0)
                return -1;
        *ret = TAKE(l);
        return 0;
}

int ssh_link_open(const struct ssh_target *t, struct ssh_link **ret, struct error *err) {
        int64_t end = clock_mono_ms(t->clock) + (t->timeout_ms ? t->timeout_ms : 5 * 60 * 1000);
        _cleanup_error_ struct error last = ERROR_INIT;
        unsigned refused = 0;

        do {
                for (size_t i = 0; i < t->addresses->n; i++) {
                        if (cancel_check(t->cancel, err) < 0)
                                return -1;
                        error_done(&last);
                        if (try_address(t, t->addresses->items[i], ret, &last) == 0)
                                return 0;
                        if (last.kind == ERR_TLS || last.kind == ERR_CANCELLED)
                                return error_move(err, &last);
                        /* A system that is just starting may answer before its keys are in place. */
                        if (last.kind == ERR_REFUSED && ++refused >= 10)
                                return error_move(err, &last);
                }
                if (clock_sleep(t->clock, 500, t->cancel, err) < 0)
                        return -1;
        } while (clock_mono_ms(t->clock) < end);
        _cleanup_str_ char *all = strv_join(t->addresses, ", ");
        return error_set(err, ERR_TIMEOUT, "the rescue system does not answer on port %u of %s: %s", t->port ? t->port : 22, all, error_text(&last));
}

/* ---- a command ---- */

struct ssh_command {
        struct ssh_link *link;
        ssh_channel channel;
        void (*on_line)(void *data, const char *line);
        void *data;
        struct strbuf line, errors;
};

static void command_free(struct ssh_command *c) {
        if (c->channel)
                ssh_channel_free(c->channel);
        strbuf_done(&c->line);
        strbuf_done(&c->errors);
        free(c);
}

int ssh_command_start(struct ssh_link *l, const char *command, void (*on_line)(void *data, const char *line), void *data, struct ssh_command **ret,
                      struct error *err) {
        struct ssh_command *c = xnew0(struct ssh_command);

        c->link = l;
        c->on_line = on_line;
        c->data = data;
        c->channel = ssh_channel_new(l->session);
        touch(l);
        if (!c->channel || ssh_channel_open_session(c->channel) != SSH_OK || ssh_channel_request_exec(c->channel, command) != SSH_OK) {
                command_free(c);
                return broken(l, "starting a command", err);
        }
        *ret = c;
        return 0;
}

static void take_lines(struct ssh_command *c, const char *p, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (p[i] != '\n') {
                        if (c->line.len < LINE_MAX_BYTES)
                                strbuf_addc(&c->line, p[i]);
                        continue;
                }
                if (c->on_line)
                        c->on_line(c->data, strbuf_str(&c->line));
                strbuf_clear(&c->line);
        }
}

/* The last words count: what came first is dropped when there is too much. */
static void take_errors(struct ssh_command *c, const char *p, size_t n) {
        strbuf_add(&c->errors, p, n);
        if (c->errors.len > 2 * ERRORS_MAX) {
                memmove(c->errors.data, c->errors.data + c->errors.len - ERRORS_MAX, ERRORS_MAX);
                c->errors.len = ERRORS_MAX;
                c->errors.data[ERRORS_MAX] = '\0';
        }
}

/* Takes what has arrived, waiting up to wait_ms for the first of it. 1: the other side's output has ended. */
static int pump(struct ssh_command *c, int wait_ms, struct error *err) {
        char buf[16384];

        for (int errors = 0; errors < 2; errors++)
                for (;;) {
                        int n = errors == 0 && wait_ms ? ssh_channel_read_timeout(c->channel, buf, sizeof(buf), 0, wait_ms)
                                                       : ssh_channel_read_nonblocking(c->channel, buf, sizeof(buf), errors);
                        if (n == SSH_ERROR || (n < 0 && n != SSH_AGAIN && n != SSH_EOF))
                                return ssh_channel_is_eof(c->channel) ? 1 : broken(c->link, "reading a command's output", err);
                        if (n <= 0)
                                break;
                        touch(c->link);
                        wait_ms = 0;
                        if (errors)
                                take_errors(c, buf, (size_t) n);
                        else
                                take_lines(c, buf, (size_t) n);
                }
        return ssh_channel_is_eof(c->channel) ? 1 : 0;
}

int ssh_command_write(struct ssh_command *c, const void *p, size_t n, struct error *err) {
        const char *at = p;

        while (n > 0) {
                /* Never more than the other side has room for: a write beyond that would wait inside libssh, deaf to the command's output. */
                uint32_t window = ssh_channel_window_size(c->channel);
                int ended = pump(c, window ? 0 : PUMP_MS, err);
                if (ended < 0)
                        return -1;
                if (ended || ssh_channel_is_closed(c->channel))
                        return error_set(err, ERR_UNAVAILABLE, "the command ended before it had read everything");
                if (!window)
                        continue;
                size_t most = MIN((size_t) window, (size_t) 256 * 1024);
                int done = ssh_channel_write(c->channel, at, (uint32_t) MIN(n, most));
                if (done < 0)
                        return ssh_channel_is_eof(c->channel) || ssh_channel_is_closed(c->channel)
                                       ? error_set(err, ERR_UNAVAILABLE, "the command ended before it had read everything")
                                       : broken(c->link, "writing", err);
                touch(c->link);
                at += done;
                n -= (size_t) done;
        }
        return 0;
}

int ssh_command_finish(struct ssh_command *c, int *ret_status, char **ret_errors, struct error *err) {
        int rc = 0, ended = 0;

        ssh_channel_send_eof(c->channel);
        while (!ended && rc == 0) {
                ended = pump(c, PUMP_MS, err);
                if (ended < 0)
                        rc = -1;
        }
        if (c->line.len)
                take_lines(c, "\n", 1);
        if (rc == 0) {
                *ret_status = ssh_channel_get_exit_status(c->channel);
                /* -1 after a clean end: it was killed by a signal, or the connection broke without a word */
                if (*ret_status < 0)
                        rc = ssh_is_connected(c->link->session) ? error_set(err, ERR_UNAVAILABLE, "a command on %s ended without an exit status", c->link->address)
                                                                : broken(c->link, "waiting for a command", err);
        }
        if (ret_errors)
                *ret_errors = strbuf_take(&c->errors);
        command_free(c);
        return rc;
}
