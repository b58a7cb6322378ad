/* Snapshots from a few lines of text, so that a table of cases can be read.
 *
 *   node w1 pool=worker type=cx23 cpu=1950m mem=3600Mi since=11m seen=1m unready label=a=b taint=k=v:NoSchedule
 *   server w9 pool=worker type=cx23 age=2m          (a server without a Node)
 *   lone x                                          (a Node without a server)
 *   pod a on=w1 cpu=500m mem=1Gi n=3                (three running pods of one ReplicaSet)
 *   pending b cpu=1 mem=1Gi n=2 age=2m              (that the scheduler found no room for)
 *   daemon d cpu=100m mem=100Mi                     (a DaemonSet; its pods on the nodes of "node" lines too)
 *   pdb p app=a allowed=0
 *   pv v claim=data region=hel1
 *   pool worker min=0 max=10 types=cx23,cx33 locations=hel1
 *   type cx23 cores=2 memory=4 price=3.49 arch=x86 available=false
 *   scaler {"threshold": 0.5}
 *   set {"time": …}                                 (into the whole snapshot)
 *
 * A line may end with a JSON object, which is merged into the object (into pods: the whole pod). A control plane "cp1" is there unless the line "bare" is.
 * A line "only" drops the standard pool and types. The moment is 2026-11-23T12:00:00Z. */
#pragma once

#include <jansson.h>

#include "scaler/decide.h"

json_t *scene_json(const char *lines);             /* new reference */
struct snapshot *scene(const char *lines);         /* must be sound */
/* The decision as text: "up worker=2; down w1 drain"; each part sorted as decided; "" when there is nothing to do. Owned. */
char *scene_decision(const struct decision *d);
/* All that is said: reasons, unplaceable pods, repairs, kept nodes, marks, one a line. Owned. */
char *scene_words(const struct decision *d);
