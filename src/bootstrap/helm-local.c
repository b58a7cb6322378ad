/* `--helm local`: the operator's helm does the work of the Job. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "bootstrap/helm-job.h"
#include "bootstrap/private.h"

#define OUTPUT_MAX (64 * 1024)

struct scratch { char *dir, *chart, *values; };

static void scratch_done(struct scratch *s) {
        _cleanup_error_ struct error ignored = ERROR_INIT;

        if (s->chart)
                file_remove(s->chart, &ignored);
        if (s->values)
                file_remove(s->values, &ignored);
        if (s->dir)
                rmdir(s->dir);
        free(s->dir);
        free(s->chart);
        free(s->values);
}

static int scratch_fill(struct scratch *s, const struct helm_release *r, struct error *err) {
        const char *values = r->values ? r->values : "{}\n", *temporary = getenv("TMPDIR");
        _cleanup_str_ char *dir = path_join(str_empty(temporary) ? "/tmp" : temporary, "hcloud-v6-helm-XXXXXX");
        int x;

        if (!mkdtemp(dir))                       /* 0700: values may hold what is nobody's business */
                return error_set_errno(err, "making the folder %s for the chart", dir);
        s->dir = TAKE(dir);
        s->chart = path_join(s->dir, "chart.tgz");
        s->values = path_join(s->dir, "values.yaml");
        x = file_write_atomic(s->chart, r->chart->data, r->chart->len, 0600, err);
        return x < 0 ? x : file_write_atomic(s->values, values, strlen(values), 0600, err);
}

/* Keeps the end of what the program says. */
static void read_output(int fd, struct strbuf *out) {
        char piece[4096];
        ssize_t n;

        while ((n = read(fd, piece, sizeof(piece))) > 0 || (n < 0 && errno == EINTR)) {
                if (n > 0 && out->len + (size_t) n > OUTPUT_MAX)
                        strbuf_clear(out);
                if (n > 0)
                        strbuf_add(out, piece, (size_t) n);
        }
}

static int run(char *const *argv, struct strbuf *out, struct error *err) {
        posix_spawn_file_actions_t actions;
        int pipe_fds[2], status, x;
        pid_t pid;

        if (pipe2(pipe_fds, O_CLOEXEC) < 0)
                return error_set_errno(err, "making a pipe");
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], STDERR_FILENO);
        _cleanup_free_ char **environment = environment_of_child();
        x = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environment);
        posix_spawn_file_actions_destroy(&actions);
        close(pipe_fds[1]);
        if (x != 0) {
                close(pipe_fds[0]);
                return error_set(err, ERR_NOT_FOUND, "cannot run '%s': %s", argv[0], strerror(x));
        }
        read_output(pipe_fds[0], out);
        close(pipe_fds[0]);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
                return 0;
        return error_set(err, ERR_REFUSED, "helm failed: %s", strbuf_str(out));
}

static bool helm_in_path(void) {
        const char *path = getenv("PATH");
        _cleanup_strv_ struct strv dirs = { 0 };

        strv_split(&dirs, path ? path : "", ':');
        for (size_t i = 0; i < dirs.n; i++) {
                _cleanup_str_ char *file = path_join(dirs.items[i], "helm");
                if (access(file, X_OK) == 0)
                        return true;
        }
        return false;
}

/* Helm 3.18.0 renders numbers of 0 as if they were set: Cilium would get an MTU of 0 (seen; 3.17.2, 3.22.0 and 4.x do not). */
static int check_version(struct error *err) {
        _cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
        const char *version;

        if (run((char *const[]) { "helm", "version", "--short", NULL }, &out, err) < 0)
                return error_wrap(err, "asking helm for its version");
        version = strbuf_str(&out);
        if (str_starts(version, "v2.") || str_starts(version, "Client: v2."))
                error_set(err, ERR_REFUSED, "the helm in PATH is Helm 2, which needs a server of its own in the cluster");
        else if (str_starts(version, "v3.18.0"))
                error_set(err, ERR_REFUSED, "the helm in PATH is 3.18.0, which renders zeros as if they were set, and would break Cilium");
        else
                return 0;
        return error_hint(err, "install another Helm, or leave it to a Job in the cluster (--helm job)");
}

int bootstrap_check_helm(struct error *err) {
        if (helm_in_path())
                return check_version(err);
        error_set(err, ERR_NOT_FOUND, "there is no 'helm' in PATH, and charts are to be installed by it (--helm local, helm.mode)");
        return error_hint(err, "install Helm, or leave it to a Job in the cluster (--helm job)");
}

int helm_local(const struct bootstrap *b, const struct helm_release *r, struct error *err) {
        _cleanup_(scratch_done) struct scratch s = { 0 };
        _cleanup_strbuf_ struct strbuf out = STRBUF_INIT;
        _cleanup_str_ char *kubeconfig = NULL;
        int x = scratch_fill(&s, r, err);

        if (x < 0)
                return x;
        bootstrap_note(b, "running helm on this machine");
        kubeconfig = xasprintf("--kubeconfig=%s", r->kubeconfig_path);
        return run((char *const[]) { "helm", "upgrade", "--install", (char *) r->release, s.chart, "--namespace", (char *) r->namespace_,
                                     "--create-namespace", "--values", s.values, kubeconfig, NULL },
                   &out, err);
}
