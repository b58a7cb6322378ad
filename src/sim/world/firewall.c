/* Running nft beside the loop. */
#include "sim/world/firewall.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/net/loop.h"

struct waiter { sim_firewall_fn fn; void *data; };
struct waiters { struct waiter *items; size_t n; };

struct sim_firewall {
        struct sim_world *world;
        pid_t pid;                       /* nft that runs, 0: none */
        int pidfd;
        struct loop_watch *watch;
        struct loop_timer *delay;
        struct waiters waiting;          /* for the next run */
        struct waiters running;          /* for this one */
        uint64_t runs;
        unsigned current;                /* the table that holds */
        bool removing;                   /* what runs takes the former table away */
        bool failed;
};

static void run(struct sim_firewall *f);

/* A table that is replaced lets a packet pass now and then: it meets the old chain when its rules are gone already, and the new one before they are there (one of 600,000 was
 * seen, on a busy machine). So the new table comes beside the old one, and what either forbids is forbidden, before the old one goes. */
static const char *const tables[] = { "hcloud_v6_sim", "hcloud_v6_sim_too" };

/* nft reads the whole table from a file in memory: no pipe that could block the loop. */
static pid_t start_nft(const char *script, size_t n, struct error *err) {
        pid_t pid;
        int fd = memfd_create("nft", MFD_CLOEXEC);
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        char *argv[] = { (char *) "nft", (char *) "-f", (char *) "-", NULL };
        char *envp[] = { (char *) "PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
        sigset_t none;

        if (fd < 0 || write(fd, script, n) != (ssize_t) n || lseek(fd, 0, SEEK_SET) != 0) {
                error_set_errno(err, "preparing nft's input");
                if (fd >= 0)
                        close(fd);
                return -1;
        }
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, fd, 0);
        if (!getenv("SIM_DEBUG"))
                posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
        posix_spawnattr_init(&attributes);
        sigemptyset(&none);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        setenv("PATH", getenv("PATH") ? getenv("PATH") : "/usr/sbin:/usr/bin:/sbin:/bin", 0);
        int r = posix_spawn(&pid, "/usr/sbin/nft", &actions, &attributes, argv, envp);
        if (r == ENOENT)
                r = posix_spawnp(&pid, "nft", &actions, &attributes, argv, envp);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        close(fd);
        if (r != 0) {
                errno = r;
                error_set_errno(err, "running nft");
                return -1;
        }
        return pid;
}

static void call_all(struct waiters *w) {
        struct waiters mine = *w;

        *w = (struct waiters) { 0 };
        for (size_t i = 0; i < mine.n; i++)
                mine.items[i].fn(mine.items[i].data);
        free(mine.items);
}

static void run_later(void *data) {
        run(data);
}

static void launch(struct sim_firewall *f, const char *script, size_t n);

static void remove_former(struct sim_firewall *f) {
        const char *old = tables[f->current];
        _cleanup_str_ char *script = xasprintf("table inet %s\ndelete table inet %s\n", old, old);

        f->current ^= 1;
        f->removing = true;
        launch(f, script, strlen(script));
}

static void finished(void *data, uint32_t events) {
        struct sim_firewall *f = data;
        int status = 0;

        (void) events;
        loop_watch_remove(&f->watch);
        close(f->pidfd);
        while (waitpid(f->pid, &status, 0) < 0 && errno == EINTR)
                ;
        f->pid = 0;
        if (status == 0 && !f->removing) {
                remove_former(f);
                return;
        }
        f->removing = false;
        if (status != 0 && !f->failed) {
                f->failed = true;
                fprintf(stderr, "hcloud-v6-sim: nft refused the firewall table (status %d); firewalls are no longer as the API shows them\n", status);
        }
        call_all(&f->running);
        if (f->waiting.n && !f->delay)   /* a breath between runs, so that many small changes share one */
                loop_timer_set(f->world->loop, &f->delay, 20, run_later, f);
}

static void launch(struct sim_firewall *f, const char *script, size_t n) {
        struct error err = ERROR_INIT;

        f->pid = start_nft(script, n, &err);
        f->pidfd = f->pid > 0 ? (int) syscall(SYS_pidfd_open, f->pid, 0) : -1;
        if (f->pid < 0 || f->pidfd < 0 || loop_watch_add(f->world->loop, f->pidfd, 1 /* EPOLLIN */, finished, f, &f->watch, &err) < 0) {
                fprintf(stderr, "hcloud-v6-sim: %s\n", error_text(&err));
                error_done(&err);
                f->pid = 0;
                f->removing = false;
                call_all(&f->running);
        }
}

static void run(struct sim_firewall *f) {
        _cleanup_strbuf_ struct strbuf script = STRBUF_INIT;

        if (f->pid || !f->waiting.n)
                return;
        sim_hetzner_filter(f->world, tables[f->current ^ 1], &script);
        f->running = f->waiting;
        f->waiting = (struct waiters) { 0 };
        f->runs++;
        launch(f, script.data, script.len);
}

void sim_firewall_sync(struct sim_world *w, sim_firewall_fn fn, void *data) {
        struct waiter me = { fn, data };

        if (!w->firewall) {
                fn(data);
                return;
        }
        ARRAY_APPEND(w->firewall->waiting.items, w->firewall->waiting.n, me);
        if (!w->firewall->pid && !w->firewall->delay)
                loop_timer_set(w->loop, &w->firewall->delay, 1, run_later, w->firewall);
}

static void forget(struct waiters *w, const void *data) {
        for (size_t i = w->n; i > 0; i--)
                if (w->items[i - 1].data == data) {
                        memmove(&w->items[i - 1], &w->items[i], (w->n - i) * sizeof(*w->items));
                        w->n--;
                }
}

void sim_firewall_forget(struct sim_world *w, const void *data) {
        if (!w->firewall)
                return;
        forget(&w->firewall->waiting, data);
        forget(&w->firewall->running, data);
}

uint64_t sim_firewall_runs(const struct sim_world *w) {
        return w->firewall ? w->firewall->runs : 0;
}

int sim_firewall_start(struct sim_world *w, char **ret_why, struct error *err) {
        static const char probe[] = "table inet hcloud_v6_sim {\n  chain input {\n    type filter hook input priority 0; policy accept;\n"
                                    "    ct state established,related accept\n  }\n}\n";
        struct error e = ERROR_INIT;
        int status = 0;

        (void) err;
        *ret_why = NULL;
        pid_t pid = start_nft(probe, strlen(probe), &e);
        if (pid < 0) {
                *ret_why = xasprintf("nft cannot be run (%s); install the package nftables", error_text(&e));
                error_done(&e);
                return 0;
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (status != 0) {
                *ret_why = xstrdup("this kernel does not let an ordinary user run nftables");
                return 0;
        }
        w->firewall = xnew0(struct sim_firewall);
        w->firewall->world = w;
        return 0;
}

void sim_firewall_stop(struct sim_world *w) {
        struct sim_firewall *f = w->firewall;

        if (!f)
                return;
        loop_timer_cancel(&f->delay);
        if (f->pid) {
                loop_watch_remove(&f->watch);
                close(f->pidfd);
                while (waitpid(f->pid, NULL, 0) < 0 && errno == EINTR)
                        ;
        }
        free(f->waiting.items);
        free(f->running.items);
        free(f);
        w->firewall = NULL;
}
