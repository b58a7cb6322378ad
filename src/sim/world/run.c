/* The commands: worlds that live as long as a command, worlds that stay, and the API alone. */
#include "sim/world/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/json.h"
#include "sim/net/child.h"
#include "sim/net/loop.h"
#include "sim/real/real.h"

static const char alphanumeric[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static int complain(struct error *err, int code) {
        fprintf(stderr, "hcloud-v6-sim: %s\n", error_text(err));
        if (err->hint)
                fprintf(stderr, "hint: %s\n", err->hint);
        error_done(err);
        return code;
}

/* ---- a world with its tokens ---- */

struct session {
        struct sim_world world;
        char *token, *readonly;
        pid_t child;
        int status;                      /* of the child, as waitpid() gave it */
        bool child_done;
        int signals;                     /* signalfd */
        struct loop_watch *watch;
};

static int add_faults(struct session *s, const struct sim_command_line *o, struct error *err) {
        for (size_t i = 0; i < o->faults.n; i++)
                if (sim_faults_add(s->world.faults, o->faults.items[i], err) < 0)
                        return -1;
        return 0;
}

static int session_start(struct session *s, const struct sim_command_line *o, struct sim_places *places, struct error *err) {
        static const struct sim_part *const parts[] = { &sim_talos_part, &sim_real_part, &sim_kube_part, NULL };
        struct sim_options options = o->options;

        s->token = random_token(alphanumeric, 64);
        s->readonly = random_token(alphanumeric, 64);
        options.token = s->token;
        options.readonly_token = s->readonly;
        options.namespaced = places->namespaced;
        if (sim_world_init(&s->world, &options, err) < 0 || add_faults(s, o, err) < 0)
                return -1;
        if (places->namespaced) {
                _cleanup_str_ char *why = NULL;
                if (sim_firewall_start(&s->world, &why, err) < 0)
                        return -1;
                if (why)
                        fprintf(stderr, "hcloud-v6-sim: firewalls are not enforced: %s\n", why);
        }
        if (sim_world_start(&s->world, places->namespaced ? parts : NULL, err) < 0)
                return -1;
        return sim_services_start(&s->world, places, err);
}

static void session_done(struct session *s) {
        loop_watch_remove(&s->watch);
        if (s->signals > 0)
                close(s->signals);
        if (s->world.loop)
                sim_world_done(&s->world);
        free(s->token);
        free(s->readonly);
}

static void environment(struct session *s, struct kvs *ret) {
        _cleanup_str_ char *endpoint = sim_services_endpoint(&s->world), *control = sim_services_control(&s->world),
                           *charts = sim_services_charts(&s->world), *factory = sim_services_factory(&s->world);

        kvs_set(ret, "HCLOUD_ENDPOINT", endpoint);
        kvs_set(ret, "HCLOUD_TOKEN", s->token);
        kvs_set(ret, "HCLOUD_V6_SIM_READONLY_TOKEN", s->readonly);
        kvs_set(ret, "HCLOUD_V6_SIM_CONTROL", control);
        kvs_set(ret, "HCLOUD_V6_CHART_REPOSITORY", charts);
        kvs_set(ret, "HCLOUD_V6_IMAGE_FACTORY", factory);
}

/* 500 nodes are 2000 sockets and more. */
static void raise_limits(void) {
        struct rlimit r;

        if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
                r.rlim_cur = r.rlim_max;
                (void) setrlimit(RLIMIT_NOFILE, &r);
        }
}

/* ---- the command ---- */

static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD };

static void block_signals(sigset_t *set) {
        sigemptyset(set);
        for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
                sigaddset(set, forwarded[i]);
        sigprocmask(SIG_BLOCK, set, NULL);
        signal(SIGPIPE, SIG_IGN);
}

/* Whoever is no root outside shall be none inside, so that unwritable files stay unwritable. */
static void drop_power(void) {
        struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { { 0 } };

        prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED, 0, 0, 0);
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        (void) syscall(SYS_capset, &head, data);
}

static void exec_command(char **command, const struct kvs *env, bool was_root) {
        static const char *const proxies[] = { "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY" };

        for (size_t i = 0; i < env->n; i++)
                setenv(env->items[i].key, env->items[i].value, 1);
        for (size_t i = 0; i < ARRAY_SIZE(proxies); i++) /* they are outside */
                unsetenv(proxies[i]);
        if (!was_root)
                drop_power();
        child_signals();
        execvp(command[0], command);
        fprintf(stderr, "hcloud-v6-sim: %s: %s\n", command[0], strerror(errno));
        _exit(errno == ENOENT ? 127 : 126);
}

static void on_signal(void *data, uint32_t events) {
        struct session *s = data;
        struct signalfd_siginfo info;

        (void) events;
        while (read(s->signals, &info, sizeof(info)) == sizeof(info)) {
                if (info.ssi_signo == SIGCHLD) {
                        if (s->child > 0 && waitpid(s->child, &s->status, WNOHANG) == s->child) {
                                s->child_done = true;
                                loop_stop(s->world.loop);
                        }
                } else if (s->child > 0 && info.ssi_code <= 0) {
                        /* What the terminal sends reaches the command by itself: it is in the same process group. */
                        kill(s->child, (int) info.ssi_signo);
                } else if (s->child <= 0) {
                        loop_stop(s->world.loop);
                }
        }
}

static int watch_signals(struct session *s, const sigset_t *set, struct error *err) {
        s->signals = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
        if (s->signals < 0)
                return error_set_errno(err, "watching signals");
        return loop_watch_add(s->world.loop, s->signals, 1 /* EPOLLIN */, on_signal, s, &s->watch, err);
}

static int exit_status(int status) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int spawn_command(struct session *s, char **command, bool was_root, struct error *err) {
        _cleanup_kvs_ struct kvs env = { 0 };

        environment(s, &env);
        s->child = fork();
        if (s->child < 0)
                return error_set_errno(err, "starting the command");
        if (s->child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGTERM);
                exec_command(command, &env, was_root);
        }
        return 0;
}

static struct sim_places inside(void) {
        struct sim_places p = { .api_port = SIM_API_PORT, .namespaced = true };

        ip6_parse(SIM_API_ADDRESS, &p.api);
        return p;
}

int sim_run_exec(const struct sim_command_line *o) {
        struct session s = { 0 };
        struct error err = ERROR_INIT;
        struct sim_places places = inside();
        bool was_root = geteuid() == 0;
        sigset_t set;
        int code;

        block_signals(&set);
        raise_limits();
        if (namespace_enter_new(&err) < 0 || namespace_furnish(&err) < 0 || session_start(&s, o, &places, &err) < 0 ||
            watch_signals(&s, &set, &err) < 0 || spawn_command(&s, o->command, was_root, &err) < 0 || loop_run(s.world.loop, &err) < 0)
                code = complain(&err, 125);
        else
                code = s.child_done ? exit_status(s.status) : 125;
        session_done(&s);
        return code;
}

/* ---- worlds that stay ---- */

static char *state_file(const char *name, struct error *err) {
        const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
        _cleanup_str_ char *base = !str_empty(state) ? xstrdup(state) : !str_empty(home) ? xasprintf("%s/.local/state", home) : NULL;

        if (!base) {
                error_set(err, ERR_IO, "neither XDG_STATE_HOME nor HOME is set");
                return NULL;
        }
        _cleanup_str_ char *dir = xasprintf("%s/hcloud-v6-sim", base);
        if (dir_make(dir, 0700, err) < 0)
                return NULL;
        return xasprintf("%s/%s.json", dir, name);
}

/* When the process began, so that a number used again is not taken for the world. 0: no such process. */
static int64_t start_time(long pid) {
        _cleanup_str_ char *path = xasprintf("/proc/%ld/stat", pid);
        char text[1024];
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        if (fd < 0)
                return 0;
        ssize_t n = read(fd, text, sizeof(text) - 1);
        close(fd);
        if (n <= 0)
                return 0;
        text[n] = '\0';
        char *p = strrchr(text, ')');
        for (int field = 2; p && field < 22; field++)
                p = strchr(p + 1, ' ');
        return p ? strtoll(p + 1, NULL, 10) : 0;
}

/* Reads the file of a running world. *ret_env may be NULL. ERR_NOT_FOUND when none runs. */
static int find_world(const char *name, long *ret_pid, struct kvs *ret_env, struct error *err) {
        _cleanup_str_ char *path = state_file(name, err), *text = NULL;
        _cleanup_json_ json_t *j = NULL;
        size_t n;

        if (!path)
                return -1;
        if (file_read(path, 1 << 20, &text, &n, err) < 0)
                return err->kind == ERR_NOT_FOUND ? error_set(err, ERR_NOT_FOUND, "no world '%s' runs; start one with: hcloud-v6-sim start --world %s",
                                                              name, name)
                                                  : -1;
        if (json_parse(path, text, n, &j, err) < 0)
                return -1;
        long pid = (long) json_integer_value(json_object_get(j, "pid"));
        int64_t began = json_integer_value(json_object_get(j, "start_time"));
        if (!pid || start_time(pid) != began) {
                (void) unlink(path);
                return error_set(err, ERR_NOT_FOUND, "world '%s' has ended; start it with: hcloud-v6-sim start --world %s", name, name);
        }
        *ret_pid = pid;
        return ret_env && !jget_kvs(j, "environment", ret_env, err) ? -1 : 0;
}

static int write_state(struct session *s, const char *path, struct error *err) {
        _cleanup_kvs_ struct kvs env = { 0 };

        environment(s, &env);
        _cleanup_json_ json_t *j = json_pack("{s:I,s:I,s:o}", "pid", (json_int_t) getpid(), "start_time", (json_int_t) start_time(getpid()),
                                             "environment", json_from_kvs(&env));
        _cleanup_str_ char *text = json_write(j);
        return file_write_atomic(path, text, strlen(text), 0600, err);
}

/* The life of a world that stays. ready is told with one byte. */
static int daemon_main(const struct sim_command_line *o, const char *path, int ready) {
        struct session s = { 0 };
        struct error err = ERROR_INIT;
        struct sim_places places = inside();
        sigset_t set;
        int code = 0;

        setsid();
        block_signals(&set);
        raise_limits();
        if (namespace_enter_new(&err) < 0 || namespace_furnish(&err) < 0 || session_start(&s, o, &places, &err) < 0 ||
            watch_signals(&s, &set, &err) < 0 || write_state(&s, path, &err) < 0) {
                code = complain(&err, 1);
        } else {
                (void) !write(ready, "1", 1);
                close(ready);
                int null = open("/dev/null", O_RDWR | O_CLOEXEC);
                for (int fd = 0; fd < 3 && null >= 0; fd++)
                        dup2(null, fd);
                if (loop_run(s.world.loop, &err) < 0)
                        code = complain(&err, 1);
                (void) unlink(path);
        }
        session_done(&s);
        return code;
}

int sim_run_start(const struct sim_command_line *o) {
        struct error err = ERROR_INIT;
        long pid;
        int pipes[2];
        char byte;

        if (find_world(o->name, &pid, NULL, &err) == 0) {
                fprintf(stderr, "hcloud-v6-sim: world '%s' runs already (process %ld)\n", o->name, pid);
                return 1;
        }
        if (err.kind != ERR_NOT_FOUND)
                return complain(&err, 1);
        error_done(&err);
        _cleanup_str_ char *path = state_file(o->name, &err);
        if (!path || pipe2(pipes, O_CLOEXEC) < 0)
                return complain(&err, 1);
        pid_t child = fork();
        if (child == 0) {
                close(pipes[0]);
                exit(daemon_main(o, path, pipes[1]));
        }
        close(pipes[1]);
        bool good = child > 0 && read(pipes[0], &byte, 1) == 1;
        close(pipes[0]);
        if (!good)
                return 1;                /* the child has said why */
        printf("world '%s' runs (process %d). Use it with:\n  hcloud-v6-sim exec --world %s -- COMMAND…\nand end it with:\n  hcloud-v6-sim stop --world %s\n",
               o->name, (int) child, o->name, o->name);
        return 0;
}

int sim_run_stop(const struct sim_command_line *o) {
        struct error err = ERROR_INIT;
        long pid;

        if (find_world(o->name, &pid, NULL, &err) < 0)
                return complain(&err, 1);
        int64_t began = start_time(pid);
        kill((pid_t) pid, SIGTERM);
        for (int i = 0; i < 500 && start_time(pid) == began; i++)
                nanosleep(&(struct timespec) { .tv_nsec = 10 * 1000 * 1000 }, NULL);
        if (start_time(pid) == began) {
                fprintf(stderr, "hcloud-v6-sim: process %ld does not end\n", pid);
                return 1;
        }
        printf("world '%s' is gone\n", o->name);
        return 0;
}

int sim_run_exec_in(const struct sim_command_line *o) {
        struct error err = ERROR_INIT;
        _cleanup_kvs_ struct kvs env = { 0 };
        bool was_root = geteuid() == 0;
        long pid;

        if (find_world(o->name, &pid, &env, &err) < 0 || namespace_enter(pid, &err) < 0)
                return complain(&err, 125);
        exec_command(o->command, &env, was_root);
        return 125;
}

/* ---- the API alone ---- */

static int parse_listen(const char *text, struct sim_places *p, struct error *err) {
        const char *end = text && *text == '[' ? strchr(text, ']') : NULL;
        int64_t port;

        if (!end || end[1] != ':' || !parse_int64(end + 2, 0, 65535, &port))
                return error_set(err, ERR_USAGE, "--listen wants [ADDRESS]:PORT, for example [::1]:8080");
        _cleanup_str_ char *address = xstrndup(text + 1, (size_t) (end - text - 1));
        if (!ip6_parse(address, &p->api))
                return error_set(err, ERR_USAGE, "--listen: '%s' is no IPv6 address", address);
        p->api_port = (unsigned) port;
        return 0;
}

int sim_run_serve(const struct sim_command_line *o) {
        struct session s = { 0 };
        struct error err = ERROR_INIT;
        struct sim_places places = { 0 };
        struct sim_command_line with = *o;
        sigset_t set;
        int code = 0;

        with.options.any_token = true;
        block_signals(&set);
        raise_limits();
        if (parse_listen(o->listen, &places, &err) < 0)
                return complain(&err, 4);
        if (session_start(&s, &with, &places, &err) < 0 || watch_signals(&s, &set, &err) < 0) {
                code = complain(&err, 1);
        } else {
                _cleanup_str_ char *endpoint = sim_services_endpoint(&s.world), *control = sim_services_control(&s.world);
                printf("HCLOUD_ENDPOINT=%s\nHCLOUD_V6_SIM_CONTROL=%s\n# any token of 64 characters is accepted; ^C ends it\n", endpoint, control);
                fflush(stdout);
                if (loop_run(s.world.loop, &err) < 0)
                        code = complain(&err, 1);
        }
        session_done(&s);
        return code;
}
