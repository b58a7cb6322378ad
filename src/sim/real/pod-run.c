/* A pod that really runs: the program of its image as a process with a root, a network and rights of its own. Only Helm's images are known. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "sim/net/child.h"
#include "sim/net/loop.h"
#include "sim/real/internal.h"
#include "sim/real/pod-root.h"
#include "sim/real/pod-relay.h"

#define PROGRAM "helm"
#define MESSAGE_MAX 2048                 /* constant: FallbackToLogsOnError gives 2048 bytes or 80 lines, whichever is smaller */
#define MESSAGE_LINES 80
#define LOG_MAX (4u << 20)
#define CANNOT_RUN 128                   /* containerd's exit code for a container that could not be started */

struct pod_process {
        struct pod_process *next;
        struct mirror *mirror;
        char *uid, *name_space, *name, *log;
        pid_t pid;
        int pidfd;
        struct loop_watch *watch;
        bool ended;
        int status;
};

static struct pod_process *find(const struct mirror *m, const char *uid) {
        for (struct pod_process *p = m->pods; p; p = p->next)
                if (str_eq(p->uid, uid))
                        return p;
        return NULL;
}

static void process_end(struct pod_process *p) {
        if (p->pid > 0 && !p->ended) {
                kill(p->pid, SIGKILL);   /* its container dies with it */
                waitpid(p->pid, &p->status, 0);
        }
        loop_watch_remove(&p->watch);
        if (p->pidfd >= 0)
                close(p->pidfd);
        p->pidfd = -1;
        p->ended = true;
}

static void process_free(struct pod_process *p) {
        process_end(p);
        for (struct pod_process **at = &p->mirror->pods; *at; at = &(*at)->next)
                if (*at == p) {
                        *at = p->next;
                        break;
                }
        free(p->uid);
        free(p->name_space);
        free(p->name);
        if (p->log)
                (void) unlink(p->log);
        free(p->log);
        free(p);
}

static void on_end(void *data, uint32_t events) {
        struct pod_process *p = data;
        struct kube_cluster *c = p->mirror->cluster;
        (void) events;
        if (waitpid(p->pid, &p->status, WNOHANG) != p->pid)
                return;
        p->ended = true;
        process_end(p);
        c->dirty = true;
        c->env.wake(c->env.data, 0);
}

/* Where the program lies: the folders of --kubernetes real:DIR or of the environment, or PATH. Owned, NULL: nowhere. */
static char *program(const struct mirror *m) {
        const char *const places[] = { m->world->options.kubernetes_dir, getenv("HCLOUD_V6_KUBERNETES"), getenv("PATH") };
        for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
                _cleanup_strv_ struct strv folders = { 0 };
                if (!str_empty(places[i]))
                        strv_split(&folders, places[i], ':');
                for (size_t k = 0; k < folders.n; k++) {
                        char *path = path_join(folders.items[k], PROGRAM);
                        struct stat st;
                        if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
                                return path;
                        free(path);
                }
        }
        return NULL;
}

/* ---- the child ---- */

static void drop_rights(void) {
        struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct none[2] = { { 0 } };
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        (void) syscall(SYS_capset, &head, none);
}

static _Noreturn void fail(const char *what) {
        dprintf(STDERR_FILENO, "the simulated kubelet: %s: %s\n", what, strerror(errno));
        _exit(CANNOT_RUN);
}

static void to_container(const struct pod_root *root, const char *folder, const char *path) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (pod_root_enter(root, folder, path, PROGRAM) < 0)
                fail("the pod's root");
        char **argv = xcalloc(root->arguments.n + 1, sizeof(*argv)), **env = xcalloc(root->environment.n + 1, sizeof(*env));
        memcpy(argv, root->arguments.items, root->arguments.n * sizeof(*argv));
        memcpy(env, root->environment.items, root->environment.n * sizeof(*env));
        drop_rights();
        child_signals();
        execve("/usr/bin/" PROGRAM, argv, env);
        fail(argv[0]);
}

/* The process beside the container: gives it its namespaces, then carries its connections and ends as it does. */
static _Noreturn void supervise(struct pod_process *p, const struct pod_root *root, const char *folder, const char *path, struct relay *relay) {
        int log = open(p->log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600), null = open("/dev/null", O_RDONLY);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, STDIN_FILENO);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        (void) syscall(SYS_close_range, 3, ~0u, 0);      /* the simulator's sockets are not ours to keep open */
        int world = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        if (world < 0 || unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
                fail("the pod's namespaces");
        if (relay_listen(relay) < 0)
                fail("the pod's network");
        pid_t container = fork();
        if (container < 0)
                fail("fork");
        if (container == 0)
                to_container(root, folder, path);
        if (setns(world, CLONE_NEWNET) < 0)
                fail("the world's network");
        int status = relay_run(relay, container);
        _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* ---- on the loop ---- */

/* The pod's ways to the API server, from its node. */
static int relay_of(struct mirror *m, struct kube_machine *machine, const json_t *pod, struct relay *ret, struct error *err) {
        struct sim_machine *server = m->client.server(m->client.data, machine);
        if (!server)
                return error_set(err, ERR_UNAVAILABLE, "no API server answers");
        _cleanup_str_ char *url = real_plane_url(server), *scheme = NULL, *name = NULL, *path = NULL;
        unsigned port = 6443;
        bool host = meta_bool(pod, "spec.hostNetwork", false);
        (void) url_split(url, &scheme, &name, &port, &path);
        *ret = (struct relay) { .source = machine->settings.addr, .server = server->addr, .server_port = port,
                                .prism_port = host ? machine->settings.prism_port : 0,
                                .service = node_network_ready(m->cluster, machine), .service_addr = ip6_host(&m->cluster->settings.service_subnet, 1) };
        return 0;
}

static int start(struct mirror *m, struct kube_machine *machine, const json_t *pod, struct error *err) {
        const char *folder = sim_real_folder(m->world);
        _cleanup_pod_root_ struct pod_root root = { 0 };
        struct relay relay;
        _cleanup_str_ char *path = program(m), *place = xasprintf("%s/pod-%s", folder, meta_uid(pod));
        if (!path)
                return error_set(err, ERR_NOT_FOUND, "no program '" PROGRAM "' in the folders of --kubernetes real:DIR, $HCLOUD_V6_KUBERNETES or PATH");
        if (relay_of(m, machine, pod, &relay, err) < 0 || pod_root_make(m, machine, pod, &root, err) < 0)
                return -1;
        if (root.arguments.n == 0)
                strv_add(&root.arguments, PROGRAM);
        if (!str_eq(root.arguments.items[0], PROGRAM))
                return error_set(err, ERR_INVALID, "exec: \"%s\": executable file not found in $PATH", root.arguments.items[0]);
        if (dir_make(place, 0700, err) < 0)
                return -1;
        struct pod_process *p = xnew0(struct pod_process);
        p->mirror = m;
        p->uid = xstrdup(meta_uid(pod));
        p->name_space = xstrdup(meta_namespace(pod));
        p->name = xstrdup(meta_name(pod));
        p->log = xasprintf("%s.log", place);
        p->next = m->pods;
        m->pods = p;
        p->pidfd = -1;
        p->pid = fork();
        if (p->pid == 0)
                supervise(p, &root, place, path, &relay);
        p->pidfd = p->pid > 0 ? (int) syscall(SYS_pidfd_open, p->pid, 0) : -1;
        if (p->pidfd < 0 || loop_watch_add(m->world->loop, p->pidfd, EPOLLIN, on_end, p, &p->watch, err) < 0) {
                process_free(p);
                return error_set_errno(err, "starting the pod's process");
        }
        return 0;
}

static char *read_log(const struct pod_process *p) {
        _cleanup_error_ struct error err = ERROR_INIT;
        char *text;
        size_t n;
        return file_read(p->log, LOG_MAX, &text, &n, &err) < 0 ? NULL : text;
}

/* The end of the log that becomes the termination message. */
static char *last_words(const char *log) {
        size_t n = log ? strlen(log) : 0, lines = 0;
        const char *from = log + n;
        while (from > log && log + n - from < MESSAGE_MAX && (lines += from[-1] == '\n') <= MESSAGE_LINES)
                from--;
        return n ? xstrdup(from) : NULL;
}

bool mirror_run(void *data, struct kube_machine *machine, const json_t *pod, struct pod_run *run) {
        struct mirror *m = data;
        struct pod_process *p = find(m, meta_uid(pod));
        _cleanup_error_ struct error err = ERROR_INIT;
        if (p && !p->ended)
                return false;
        if (p && run->seen) {            /* ended since it was started */
                _cleanup_str_ char *log = read_log(p);
                run->seen = false;
                run->exit_code = WIFEXITED(p->status) ? WEXITSTATUS(p->status) : 128 + WTERMSIG(p->status);
                run->failed = run->exit_code != 0;
                run->message = run->failed && log ? last_words(log) : NULL;
                return true;
        }
        if (p)                           /* the container before a restart */
                process_free(p);
        if (start(m, machine, pod, &err) == 0) {
                run->seen = true;
                return false;
        }
        if (err.kind == ERR_UNAVAILABLE || err.kind == ERR_REFUSED) {    /* the kubelet tries its volumes again */
                kube_wake_at(m->cluster, kube_now(m->cluster) + BACKOFF_MIN_MS);
                return false;
        }
        run->failed = true;
        run->exit_code = CANNOT_RUN;
        run->message = xstrdup(error_text(&err));
        return true;
}

void mirror_stop_pod(void *data, const char *uid) {
        struct pod_process *p = find(data, uid);
        if (p)
                process_free(p);
}

void mirror_stop_pods(struct mirror *m) {
        while (m->pods)
                process_free(m->pods);
}

char *mirror_pod_log(const struct mirror *m, const char *name_space, const char *name) {
        for (const struct pod_process *p = m->pods; p; p = p->next)
                if (str_eq(p->name_space, name_space) && str_eq(p->name, name))
                        return read_log(p);
        return NULL;
}
