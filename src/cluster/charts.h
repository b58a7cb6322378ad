/* Charts as the planner sees them. */
#pragma once

#include "cluster/cluster.h"

/* Fills c->releases: every chart with its values, fetched and checked. Values of the profile that a chart does not know are warned of. ERR_PROFILE and the errors of
 * bootstrap_fetch_chart(). */
int charts_prepare(struct cluster *c, struct error *err);
