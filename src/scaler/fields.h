/* Which fields of each kind of object the scaler reads. Everything else never enters a snapshot, so it is in no record either. */
#pragma once

#include "scaler/scan.h"
#include "scaler/snapshot.h"

extern const struct scan_field *const part_fields[_SNAPSHOT_PARTS];        /* NULL: the whole object */
/* A kept pod again: what it shares with the others of its owner. Pods of DaemonSets are tied to their node by
 * an affinity of its name, which would make each a kind of its own; it is left out, since such pods are never moved. */
extern const struct scan_field pod_shared_fields[], pod_shared_daemon_fields[];
