/* The user's systemd runs the ticks: a service and a timer below $XDG_CONFIG_HOME/systemd/user. */
#pragma once

#include "base/error.h"
#include "base/strbuf.h"

struct timer_options {
        const char *cluster;
        const char *program;                   /* absolute */
        const struct strv *arguments;          /* after "scale --auto" */
        int64_t every_s;
        const char *config_dir;                /* NULL: $XDG_CONFIG_HOME or ~/.config */
};
struct timer_files { char *service, *timer, *environment; };       /* paths; environment: where HCLOUD_TOKEN may be put */
void timer_files_done(struct timer_files *f);

char *timer_service_text(const struct timer_options *o, const char *environment);      /* owned */
char *timer_timer_text(const struct timer_options *o);                                 /* owned */
/* Writes both files. ERR_INVALID: an argument that no unit file can hold. */
int timer_install(const struct timer_options *o, struct timer_files *ret, struct error *err);
/* Removes both. *ret_found: one of them was there. */
int timer_remove(const struct timer_options *o, struct timer_files *ret, bool *ret_found, struct error *err);
