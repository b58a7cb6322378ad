#include "scaler/timer.h"

#include <ctype.h>

#include "base/file.h"

void timer_files_done(struct timer_files *f) {
        free(f->service);
        free(f->timer);
        free(f->environment);
        *f = (struct timer_files) { 0 };
}

/* One word of ExecStart: in double quotes, with what systemd would expand escaped (systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers"). */
static void quote(struct strbuf *b, const char *word) {
        bool plain = *word != '\0';
        for (const char *p = word; *p; p++)
                plain &= isalnum((unsigned char) *p) || strchr("/._:=,@+-", *p);
        if (plain) {
                strbuf_adds(b, word);
                return;
        }
        strbuf_addc(b, '"');
        for (const char *p = word; *p; p++) {
                if (*p == '"' || *p == '\\')
                        strbuf_addc(b, '\\');
                if (*p == '%' || *p == '$')
                        strbuf_addc(b, *p);
                strbuf_addc(b, *p);
        }
        strbuf_addc(b, '"');
}

char *timer_service_text(const struct timer_options *o, const char *environment) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_addf(&b, "# Made by hcloud-v6 scale --install-timer.\n"
                        "[Unit]\nDescription=One tick of the node scaler of cluster %s\nWants=network-online.target\nAfter=network-online.target\n\n"
                        "[Service]\nType=oneshot\n"
                        "# HCLOUD_TOKEN=..., or HCLOUD_CONTEXT=... for a context of the hcloud CLI's cli.toml; mode 0600.\n"
                        "EnvironmentFile=-%s\n"
                        "# 0: done or nothing to do. 7: somebody else works on the cluster, the next tick will do.\n"
                        "SuccessExitStatus=7\n"
                        "# A tick that adds or drains lasts up to some ten minutes; what is cut off is taken up by the next.\n"
                        "TimeoutStartSec=20min\nNice=5\nNoNewPrivileges=true\n"
                        "ExecStart=", o->cluster, environment);
        quote(&b, o->program);
        strbuf_adds(&b, " scale --auto --cluster ");
        quote(&b, o->cluster);
        for (size_t i = 0; o->arguments && i < o->arguments->n; i++) {
                strbuf_addc(&b, ' ');
                quote(&b, o->arguments->items[i]);
        }
        strbuf_addc(&b, '\n');
        return strbuf_take(&b);
}

/* Counted from the end of the last tick, so that ticks never pile up; the random part keeps many clusters of one machine apart. */
char *timer_timer_text(const struct timer_options *o) {
        return xasprintf("# Made by hcloud-v6 scale --install-timer.\n"
                         "[Unit]\nDescription=Ticks of the node scaler of cluster %s\n\n"
                         "[Timer]\nOnActiveSec=30s\nOnUnitInactiveSec=%llds\nRandomizedDelaySec=15s\nAccuracySec=5s\n\n"
                         "[Install]\nWantedBy=timers.target\n", o->cluster, (long long) o->every_s);
}

static int files_of(const struct timer_options *o, struct timer_files *ret, struct error *err) {
        _cleanup_str_ char *config = o->config_dir ? xstrdup(o->config_dir) : NULL;
        if (!config && xdg_config_dir(&config, err) < 0)
                return -1;
        *ret = (struct timer_files) { .service = xasprintf("%s/systemd/user/hcloud-v6-scale-%s.service", config, o->cluster),
                                      .timer = xasprintf("%s/systemd/user/hcloud-v6-scale-%s.timer", config, o->cluster),
                                      .environment = xasprintf("%s/hcloud-v6/scale-%s.env", config, o->cluster) };
        return 0;
}

static int check_words(const struct timer_options *o, struct error *err) {
        for (size_t i = 0; o->arguments && i < o->arguments->n; i++)
                for (const char *p = o->arguments->items[i]; *p; p++)
                        if (iscntrl((unsigned char) *p))
                                return error_set(err, ERR_INVALID, "an argument with a line break cannot stand in a unit file");
        return 0;
}

int timer_install(const struct timer_options *o, struct timer_files *ret, struct error *err) {
        struct timer_files f = { 0 };
        if (check_words(o, err) < 0 || files_of(o, &f, err) < 0)
                return -1;
        _cleanup_str_ char *service = timer_service_text(o, f.environment), *timer = timer_timer_text(o), *dir = xstrdup(f.service);
        *strrchr(dir, '/') = '\0';
        if (dir_make(dir, 0755, err) < 0 || file_write_atomic(f.service, service, strlen(service), 0644, err) < 0 ||
            file_write_atomic(f.timer, timer, strlen(timer), 0644, err) < 0) {
                timer_files_done(&f);
                return -1;
        }
        *ret = f;
        return 0;
}

int timer_remove(const struct timer_options *o, struct timer_files *ret, bool *ret_found, struct error *err) {
        struct timer_files f = { 0 };
        if (files_of(o, &f, err) < 0)
                return -1;
        *ret_found = file_exists(f.service) || file_exists(f.timer);
        if (file_remove(f.timer, err) < 0 || file_remove(f.service, err) < 0) {
                timer_files_done(&f);
                return -1;
        }
        *ret = f;
        return 0;
}
