/* `scale --install-timer` and `--remove-timer`: files for the user's systemd, and telling it of them. */
#pragma once

#include "cli/app.h"

struct scale_timer {
        const char *profile, *metrics, *talos, *kubernetes, *network;
        const struct strv *types, *locations;
        bool ipv4;
        int64_t every_s, drain_timeout_s;
};
int scale_timer_install(struct app *app, const struct shape_options *shape, const struct scale_timer *t, struct error *err);
int scale_timer_remove(struct app *app, const struct shape_options *shape, struct error *err);
