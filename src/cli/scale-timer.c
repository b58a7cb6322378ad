#include "cli/scale-timer.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "scaler/timer.h"

/* systemctl --user …; false when there is none or it says no. */
static bool systemctl(const char *a, const char *b, const char *unit) {
        char *argv[] = { (char *) "systemctl", (char *) "--user", (char *) a, (char *) (b ? b : unit), (char *) (b ? unit : NULL), NULL };
        posix_spawn_file_actions_t actions;
        pid_t pid;
        int status = -1;

        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
        _cleanup_free_ char **environment = environment_of_child();
        int x = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environment);
        posix_spawn_file_actions_destroy(&actions);
        if (x != 0)
                return false;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void add_option(struct strv *v, const char *name, const char *value) {
        if (str_empty(value))
                return;
        strv_add(v, name);
        strv_add(v, value);
}

/* A timer starts somewhere else: names of files are made absolute. */
static int add_file(struct strv *v, const char *name, const char *file, bool must_exist, struct error *err) {
        if (str_empty(file))
                return 0;
        _cleanup_str_ char *here = getcwd(NULL, 0), *joined = *file == '/' || !here ? xstrdup(file) : path_join(here, file);
        if (must_exist && !file_exists(joined))
                return error_set(err, ERR_PROFILE, "%s: no such file", joined);
        add_option(v, name, joined);
        return 0;
}

static int arguments(const struct scale_timer *t, struct strv *ret, struct error *err) {
        bool is_file = t->profile && (strchr(t->profile, '/') || str_ends(t->profile, ".yaml") || str_ends(t->profile, ".yml"));
        if (is_file && add_file(ret, "--profile", t->profile, true, err) < 0)
                return -1;
        if (!is_file)
                add_option(ret, "--profile", t->profile);
        for (size_t i = 0; i < t->types->n; i++)
                add_option(ret, "--type", t->types->items[i]);
        for (size_t i = 0; i < t->locations->n; i++)
                add_option(ret, "--location", t->locations->items[i]);
        add_option(ret, "--talos", t->talos);
        add_option(ret, "--kubernetes", t->kubernetes);
        add_option(ret, "--network", t->network);
        if (t->ipv4)
                strv_add(ret, "--ipv4");
        if (t->drain_timeout_s) {
                strv_add(ret, "--drain-timeout");
                strv_take(ret, xasprintf("%lld", (long long) t->drain_timeout_s));
        }
        return add_file(ret, "--metrics", t->metrics, false, err);
}

static int own_path(char **ret, struct error *err) {
        char buf[4096];
        ssize_t n = readlink("/proc/self/exe", buf, sizeof(buf) - 1);
        if (n < 0)
                return error_set_errno(err, "finding this program's own path");
        *ret = xstrndup(buf, (size_t) n);
        return 0;
}

static void say_installed(const struct timer_options *o, const struct timer_files *f, bool started) {
        const char *unit = strrchr(f->timer, '/') + 1;
        const char *user = getenv("USER");
        printf("%s\n%s\n", f->service, f->timer);
        if (started)
                printf("a tick every %lld s from now on; systemctl --user list-timers; journalctl --user -u %s\n", (long long) o->every_s, unit);
        else
                printf("systemd was not told (no systemctl, or no user session here). Type:\n  systemctl --user daemon-reload && systemctl --user enable --now %s\n", unit);
        printf("to go on after you log out:\n  loginctl enable-linger %s\n", str_empty(user) ? "$USER" : user);
        printf("the token: from the hcloud CLI's active context, or as HCLOUD_TOKEN=… in %s (mode 0600)\n", f->environment);
        if (getenv("HCLOUD_TOKEN"))
                printf("  HCLOUD_TOKEN of this shell is not seen by the timer\n");
}

int scale_timer_install(struct app *app, const struct shape_options *shape, const struct scale_timer *t, struct error *err) {
        _cleanup_strv_ struct strv words = { 0 };
        _cleanup_str_ char *program = NULL;
        struct timer_files f = { 0 };
        if (app_open(app, shape, false, err) < 0 || arguments(t, &words, err) < 0 || own_path(&program, err) < 0)
                return -1;
        bool any = false;
        for (size_t i = 0; i < app->spec->n_pools; i++)
                any |= app->spec->pools[i].autoscale;
        if (!any) {
                error_set(err, ERR_PROFILE, "no pool of %s has autoscale: the scaler would have nothing to scale", app->spec->source);
                return error_hint(err, "give a pool autoscale: {min: 1, max: 5} in a profile of your own (hcloud-v6 profile default > team.yaml)");
        }
        struct timer_options o = { .cluster = cluster_name(app->cluster), .program = program, .arguments = &words, .every_s = t->every_s };
        if (timer_install(&o, &f, err) < 0)
                return -1;
        const char *unit = strrchr(f.timer, '/') + 1;
        bool started = systemctl("daemon-reload", NULL, NULL) && systemctl("enable", "--now", unit);
        say_installed(&o, &f, started);
        timer_files_done(&f);
        return 0;
}

int scale_timer_remove(struct app *app, const struct shape_options *shape, struct error *err) {
        struct timer_files f = { 0 };
        bool found = false;
        if (app_open(app, shape, false, err) < 0)
                return -1;
        struct timer_options o = { .cluster = cluster_name(app->cluster) };
        _cleanup_str_ char *unit = xasprintf("hcloud-v6-scale-%s.timer", o.cluster);
        (void) systemctl("disable", "--now", unit);    /* before its file is gone */
        if (timer_remove(&o, &f, &found, err) < 0)
                return -1;
        (void) systemctl("daemon-reload", NULL, NULL);
        printf(found ? "%s and its service were removed\n" : "%s was not there\n", f.timer);
        timer_files_done(&f);
        return 0;
}
