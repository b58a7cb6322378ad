/* The last tick for Prometheus: the text format that node_exporter's textfile collector reads. */
#pragma once

#include "scaler/tick.h"

/* Writes the file atomically, readable for all (0644): the collector runs as somebody else. exit_code: how the tick ended. */
int metrics_write(const char *path, const char *cluster, const struct tick_report *r, int exit_code, struct error *err);
/* The text alone; owned. */
char *metrics_text(const char *cluster, const struct tick_report *r, int exit_code);
