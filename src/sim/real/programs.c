/* Finding the programs, and running them. */
#include "sim/real/plane.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "sim/net/child.h"

static const char *const names[REAL_PROGRAMS] = { "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler" };

const char *real_program_name(enum real_program which) {
        return names[which];
}

void real_programs_done(struct real_programs *p) {
        for (size_t i = 0; i < REAL_PROGRAMS; i++)
                free(p->paths[i]);
        *p = (struct real_programs) { 0 };
}

/* In folders separated by colons. Owned, NULL: in none. */
static char *find_in(const char *folders, const char *name) {
        _cleanup_strv_ struct strv list = { 0 };

        if (str_empty(folders))
                return NULL;
        strv_split(&list, folders, ':');
        for (size_t i = 0; i < list.n; i++) {
                _cleanup_str_ char *path = path_join(list.items[i], name);
                char *full = !str_empty(list.items[i]) && access(path, X_OK) == 0 ? realpath(path, NULL) : NULL;
                if (full)
                        return full;
        }
        return NULL;
}

int real_programs_find(const char *dir, struct real_programs *ret, struct error *err) {
        const char *variable = getenv("HCLOUD_V6_KUBERNETES"), *folders = dir ? dir : !str_empty(variable) ? variable : getenv("PATH");
        const char *where = dir ? dir : !str_empty(variable) ? "the folders of HCLOUD_V6_KUBERNETES" : "PATH";
        _cleanup_strbuf_ struct strbuf missing = STRBUF_INIT;
        struct real_programs found = { 0 };
        bool kubernetes = false, etcd = false;

        for (size_t i = 0; i < REAL_PROGRAMS; i++) {
                found.paths[i] = find_in(folders, names[i]);
                if (found.paths[i])
                        continue;
                strbuf_addf(&missing, "%s%s", missing.len ? ", " : "", names[i]);
                etcd |= i == REAL_ETCD;
                kubernetes |= i != REAL_ETCD;
        }
        if (missing.len) {
                real_programs_done(&found);
                error_set(err, ERR_NOT_FOUND, "--kubernetes real wants %s, not found in %s", strbuf_str(&missing), where);
                return error_hint(err, "%s%s%s builds them and prints their folder; put it into HCLOUD_V6_KUBERNETES (several: separated by colons)",
                                  kubernetes ? "tests/interop/witness kubernetes" : "", kubernetes && etcd ? " and " : "",
                                  etcd ? "tests/interop/witness etcd" : "");
        }
        *ret = found;
        return 0;
}

int sim_real_check(const char *dir, struct error *err) {
        struct real_programs found;

        if (real_programs_find(dir, &found, err) < 0)
                return -1;
        real_programs_done(&found);
        return 0;
}

/* --- running --- */

static void on_end(void *data, uint32_t events) {
        struct real_process *p = data;
        int status = 0;

        (void) events;
        loop_watch_remove(&p->watch);
        cleanup_fd_(&p->pidfd);
        while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
                ;
        kill(-p->pid, SIGKILL);          /* what it may have started */
        p->pid = 0;
        p->ended(p->data, status);
}

/* Between fork and exec of a process with threads: nothing that takes a lock. */
static void become(const struct real_program_start *s, char *const *argv, char *const *envp, int log, pid_t parent) {
        /* The API server's identity among its peers is its host's name. */
        if (unshare(CLONE_NEWUTS) < 0 || sethostname(s->hostname, strlen(s->hostname)) < 0)
                _exit(125);
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(126);
        int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        dup2(log, 1);
        dup2(log, 2);
        child_signals();
        execve(s->path, argv, envp);
        _exit(127);
}

int real_process_start(struct real_process *p, struct sim_world *w, const struct real_program_start *s, struct error *err) {
        _cleanup_str_ char *variable = xasprintf("HTTPS_PROXY=%s", s->proxy);
        char *envp[] = { (char *) "PATH=/usr/bin:/bin", (char *) "HOME=/nonexistent", variable, NULL };
        _cleanup_free_ char **argv = xcalloc(s->arguments->n + 2, sizeof(*argv));
        _cleanup_fd_ int fd = open(s->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        pid_t self = getpid();

        if (fd < 0)
                return error_set_errno(err, "opening %s", s->log);
        argv[0] = (char *) s->path;
        for (size_t i = 0; i < s->arguments->n; i++)
                argv[i + 1] = s->arguments->items[i];
        pid_t pid = fork();
        if (pid < 0)
                return error_set_errno(err, "starting %s", s->path);
        if (pid == 0)
                become(s, argv, envp, fd, self);
        setpgid(pid, pid);               /* here too: a kill of the group may come before the child's own */
        p->world = w;
        p->pid = pid;
        p->pidfd = (int) syscall(SYS_pidfd_open, pid, 0);
        if (p->pidfd < 0 || loop_watch_add(w->loop, p->pidfd, 1 /* EPOLLIN */, on_end, p, &p->watch, err) < 0) {
                real_process_kill(p);
                return error_set(err, ERR_IO, "watching %s", s->path);
        }
        return 0;
}

void real_process_kill(struct real_process *p) {
        if (!p->pid)
                return;
        loop_watch_remove(&p->watch);
        cleanup_fd_(&p->pidfd);
        kill(-p->pid, SIGKILL);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        p->pid = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void) st;
        (void) type;
        (void) ftw;
        (void) remove(path);
        return 0;
}

void real_remove_folder(const char *path) {
        (void) nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
