/* What is taken away, what stays, and what is put right. */
#include "table.h"

#define LOCAL "{\"spec\": {\"volumes\": [{\"name\": \"v\", \"hostPath\": {\"path\": \"/x\"}}]}}"

static const struct row rows[] = {
        /* ---- empty nodes ---- */
        { "unneeded for the first time", "node w1", "", "mark w1 unneeded-since 2026-11-23T12:00:00Z|mark w1 unneeded-seen 2026-11-23T12:00:00Z" },
        { "unneeded for long enough", "node w1 since=10m seen=1m", "down w1", "empty for 10 min|saves 3.49" },
        { "not quite long enough", "node w1 since=599s seen=1m", "", "!mark w1 unneeded-since|mark w1 unneeded-seen" },
        { "a gap in the ticks", "node w1 since=30m seen=7m", "", "mark w1 unneeded-since 2026-11-23T12:00:00Z" },
        { "just no gap", "node w1 since=30m seen=6m", "down w1", NULL },
        { "never confirmed", "node w1 since=30m", "", "mark w1 unneeded-since 2026-11-23T12:00:00Z" },
        { "a start in the future", "node w1 {\"metadata\": {\"annotations\": {\"hcloud-v6/unneeded-since\": \"2026-11-23T12:10:00Z\", \"hcloud-v6/unneeded-seen\": \"2026-11-23T12:10:00Z\"}}}",
          "", "mark w1 unneeded-since 2026-11-23T12:00:00Z" },
        { "a scribble instead of a time", "node w1 {\"metadata\": {\"annotations\": {\"hcloud-v6/unneeded-since\": \"yesterday\", \"hcloud-v6/unneeded-seen\": \"yes\"}}}", "",
          "mark w1 unneeded-since 2026-11-23T12:00:00Z" },
        { "another time in the profile", "scaler {\"unneededTime\": \"1m\"}\nnode w1 since=61s seen=1s", "down w1", NULL },
        { "another gap in the profile", "scaler {\"tickGap\": \"20m\"}\nnode w1 since=30m seen=15m", "down w1", NULL },
        { "only daemons on it", "node w1 since=11m seen=1m\ndaemon d cpu=1500m", "down w1", "empty for 11 min" },
        { "only finished pods on it", "node w1 since=11m seen=1m\npod a cpu=1 phase=Succeeded", "down w1", NULL },
        { "only mirror pods on it", "node w1 since=11m seen=1m\npod a cpu=1 owner=Node note=kubernetes.io/config.mirror=x", "down w1", NULL },
        { "only pods that are going", "node w1 since=11m seen=1m\npod a cpu=100m deleting", "down w1", NULL },
        { "several empty ones at once", "node w1 since=11m seen=1m\nnode w2 since=11m seen=1m\nnode w3 since=11m seen=1m", "down w1; down w2; down w3", NULL },
        { "not more empty ones than the profile says", "scaler {\"emptyAtOnce\": 1}\nnode w1 since=11m seen=1m\nnode w2 since=12m seen=1m", "down w2", NULL },
        { "the pool's minimum", "pool worker min=1\nnode w1 since=11m seen=1m\nnode w2 since=11m seen=1m", "down w1", "kept w2: pool 'worker' is at its minimum of 1" },
        { "at the minimum nobody is counted", "pool worker min=1\nnode w1 since=11m seen=1m", "", "mark w1 unneeded-since -|mark w1 unneeded-seen -" },
        { "the dearer goes first", "pool worker min=1 types=cx23,cx33\nnode w1 since=11m seen=1m\nnode w2 type=cx33 cpu=3900m since=11m seen=1m", "down w2", NULL },
        { "who waited longer goes first", "pool worker min=1\nnode w1 since=11m seen=1m\nnode w2 since=12m seen=1m", "down w2", NULL },
        { "a pool without autoscale", "pool worker fixed\nnode w1 since=11m seen=1m", "", "mark w1 unneeded-since -" },
        { "a control plane never", "plane cp2 since=11m seen=1m\nplane cp3", "", NULL },
        { "a control plane with a worker's label never", "node w1 since=11m seen=1m label=node-role.kubernetes.io/control-plane=", "", NULL },
        { "a person's cordon", "node w1 cordoned since=11m seen=1m", "", "mark w1 unneeded-since -" },
        { "a person's annotation", "node w1 keep since=11m seen=1m", "", "kept w1: a person said so" },
        { "cluster-autoscaler's annotation", "node w1 since=11m seen=1m {\"metadata\": {\"annotations\": {\"cluster-autoscaler.kubernetes.io/scale-down-disabled\": \"true\"}}}", "",
          "kept w1" },
        { "an unready node", "node w1 unready since=11m seen=1m changed=3m\nnode w2 keep\nnode w3 keep", "report w1", NULL },
        { "a hand-made node", "lone x noid since=11m seen=1m", "", NULL },
        { "a node of another provider", "lone x since=11m seen=1m {\"spec\": {\"providerID\": \"kind://x\"}}", "", NULL },
        { "a server of no pool of ours", "node w1 pool=old since=11m seen=1m", "report w1", "which the profile does not have" },
        { "needed by a pod that waits", "node w1 since=11m seen=1m\npending b cpu=1", "", "kept w1: pods that wait|mark w1 unneeded-since -" },

        /* ---- nodes with pods ---- */
        { "its pod fits elsewhere", "node w1 since=11m seen=1m\nnode w2\npod a on=w1 cpu=500m\npod b on=w2 cpu=1200m", "down w1 drain", "at 25 % for 11 min|its one pod fits elsewhere" },
        { "its pod fits nowhere", "node w1 since=11m seen=1m\nnode w2\npod a on=w1 cpu=500m\npod b on=w2 cpu=1600m", "", "pod default/a fits on no other node|mark w1 unneeded-since -" },
        { "at the threshold it stays", "node w1 cpu=2 since=11m seen=1m\nnode w2\npod a on=w1 cpu=1", "", NULL },
        { "just below the threshold", "node w1 cpu=2 since=11m seen=1m\nnode w2\npod a on=w1 cpu=999m\npod b on=w2 cpu=900m\npod c on=w2 cpu=50m", "down w1 drain", NULL },
        { "memory counts as well", "node w1 since=11m seen=1m\nnode w2\npod a on=w1 cpu=10m mem=2Gi", "", NULL },
        { "another threshold", "scaler {\"threshold\": 0.8}\nnode w1 cpu=2 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=1500m", "down w1 drain", NULL },
        { "daemons count in the utilisation", "node w1 cpu=2 since=11m seen=1m\nnode w2 keep\ndaemon d cpu=600m\npod a on=w1 cpu=500m", "", NULL },
        { "one drain a tick", "node w1 since=11m seen=1m\nnode w2 since=11m seen=1m\nnode w3 keep\npod a on=w1 cpu=300m\npod b on=w2 cpu=400m", "down w1 drain",
          "mark w2 unneeded-seen" },
        { "a drain and empty ones", "node w1 since=11m seen=1m\nnode w2 since=11m seen=1m\nnode w3 keep\npod a on=w1 cpu=300m", "down w2; down w1 drain", NULL },
        { "two half-empty nodes: one takes the other's", "node w1 since=11m seen=1m\nnode w2 since=11m seen=1m\npod a on=w1 cpu=300m\npod b on=w2 cpu=400m", "down w1 drain",
          "kept w2: pods of a node that is to go|mark w2 unneeded-since -" },
        { "no drain while servers are bought", "pool worker\npool gpu types=cx43 label=g=1\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=300m\npending g cpu=1 select=g=1",
          "up gpu=1 cx43@hel1", NULL },
        { "empty ones go while servers are bought", "pool worker\npool gpu types=cx43 label=g=1\nnode w1 since=11m seen=1m\npending g cpu=1 select=g=1",
          "up gpu=1 cx43@hel1; down w1", NULL },
        { "no second drain while one goes on", "node w1 since=11m seen=1m\nnode w2 keep\nnode w3 phase=draining cordoned\npod a on=w1 cpu=300m", "resume-drain w3", NULL },
        { "pods do not move to a cordoned node", "node w1 since=11m seen=1m\nnode w2 cordoned\npod a on=w1 cpu=300m", "", "fits on no other node" },
        { "pods do not move to an unready node", "node w1 since=11m seen=1m\nnode w2 unready changed=3m\nplane cp2 taint=x:NoSchedule\npod a on=w1 cpu=300m", "report w2", "fits on no other node" },
        { "pods do not move to a server that boots", "node w1 since=11m seen=1m\nserver w9 age=1m\npod a on=w1 cpu=300m", "", "fits on no other node" },
        { "pods that tolerate it may move to the control plane", "node w1 since=11m seen=1m\npod a on=w1 cpu=300m tolerates-all", "down w1 drain", NULL },
        { "room that pods wait for is not free", "node w1 since=11m seen=1m\nnode w2\npod x on=w2 cpu=1000m\npod a on=w1 cpu=300m\npending b cpu=900m", "",
          "!down" },
        { "its node selector fits elsewhere", "node w1 since=11m seen=1m label=z=1\nnode w2 keep label=z=1\npod a on=w1 cpu=300m select=z=1", "down w1 drain", NULL },
        { "its node selector fits nowhere else", "node w1 since=11m seen=1m label=z=1\nnode w2 keep\npod a on=w1 cpu=300m select=z=1", "", "fits on no other node" },
        { "its volume is in another region", "pv v claim=data region=hel1\nnode w1 since=11m seen=1m\nnode w2 keep location=nbg1\npod a on=w1 cpu=300m claim=data", "", "fits on no other node" },
        { "its host port is taken elsewhere", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 port=80\npod b on=w2 port=80", "", "fits on no other node" },
        { "one a host, and no other host", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 app=x cpu=100m anti=kubernetes.io/hostname\npod b on=w2 app=x cpu=100m anti=kubernetes.io/hostname", "",
          "fits on no other node" },
        { "one a host, and a third host", "node w1 since=11m seen=1m\nnode w2 keep\nnode w3 keep\npod a on=w1 app=x cpu=100m anti=kubernetes.io/hostname\n"
                                          "pod b on=w2 app=x cpu=100m anti=kubernetes.io/hostname", "down w1 drain", NULL },

        /* ---- what may be evicted ---- */
        { "a bare pod", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m owner=none", "", "kept w1: pod default/a: no controller" },
        { "a bare pod that says it may go", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m owner=none note=cluster-autoscaler.kubernetes.io/safe-to-evict=true",
          "down w1 drain", NULL },
        { "a pod that says it must stay", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m note=cluster-autoscaler.kubernetes.io/safe-to-evict=false", "",
          "safe-to-evict: false" },
        { "a StatefulSet's pod", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m owner=StatefulSet", "down w1 drain", NULL },
        { "a Job's pod", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m owner=Job", "down w1 drain", NULL },
        { "a pod of an unknown kind of controller", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m owner=Sandbox", "", "of a kind that is not known" },
        { "a pod whose ReplicaSet is gone", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m orphan", "", "ReplicaSet does not exist" },
        { "an emptyDir", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m emptydir", "", "local storage" },
        { "an emptyDir that may be lost", "scaler {\"evictLocalStorage\": true}\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m emptydir", "down w1 drain", NULL },
        { "an emptyDir in memory", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m {\"spec\": {\"volumes\": [{\"name\": \"v\", \"emptyDir\": {\"medium\": \"Memory\"}}]}}",
          "down w1 drain", NULL },
        { "an emptyDir that is listed as safe", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m emptydir note=cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes=u,v",
          "down w1 drain", NULL },
        { "another emptyDir is listed as safe", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m emptydir note=cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes=u",
          "", "local storage" },
        { "a hostPath", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m " LOCAL, "", "local storage" },
        { "a hostPath, and the pod says it may go", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m note=cluster-autoscaler.kubernetes.io/safe-to-evict=true " LOCAL,
          "down w1 drain", NULL },
        { "kube-system, young", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m ns=kube-system age=59m", "", "younger than an hour" },
        { "kube-system, old", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m ns=kube-system age=61m", "down w1 drain", NULL },
        { "kube-system, young, with a budget", "pdb p ns=kube-system allowed=1\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m ns=kube-system age=59m", "down w1 drain", NULL },
        { "a budget that allows", "pdb p allowed=1\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m", "down w1 drain", NULL },
        { "a budget that allows nothing", "pdb p allowed=0\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m", "", "PodDisruptionBudget 'p' allows no disruption" },
        { "a budget of another namespace", "pdb p ns=other allowed=0\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m", "down w1 drain", NULL },
        { "a budget of others", "pdb p app=z allowed=0\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m", "down w1 drain", NULL },
        { "a budget that nobody has looked at yet", "pdb p allowed=1 {\"metadata\": {\"generation\": 2}, \"status\": {\"observedGeneration\": 1}}\nnode w1 since=11m seen=1m\nnode w2 keep\n"
                                                    "pod a on=w1 cpu=100m", "", "allows no disruption" },
        { "two budgets", "pdb p allowed=1\npdb q allowed=1\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m", "", "several PodDisruptionBudgets" },
        { "a budget that selects everything", "pdb p {\"spec\": {\"selector\": {\"matchLabels\": null}}}\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m", "",
          "allows no disruption" },
        { "budgets unknown", "set {\"podDisruptionBudgets\": null}\nnode w1 since=11m seen=1m\nnode w2 since=11m seen=1m\npod a on=w1 cpu=100m", "down w2",
          "the snapshot has no 'podDisruptionBudgets'" },
        { "of another scheduler", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=100m {\"spec\": {\"schedulerName\": \"volcano\"}}", "", "another scheduler" },
        { "a pod that cannot be counted", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 cpu=1x", "", "is no quantity" },
        { "a spread that the drained node would break, and a budget that waits", "pdb p app=x allowed=1\nnode w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 app=x cpu=100m tolerates-all "
                "spread=kubernetes.io/hostname\npod b on=w2 app=x cpu=100m\npod c on=cp1 app=x cpu=100m", "", "fits on no other node" },
        { "a spread that the drained node would break, and nobody waits", "node w1 since=11m seen=1m\nnode w2 keep\npod a on=w1 app=x cpu=100m tolerates-all "
                "spread=kubernetes.io/hostname\npod b on=w2 app=x cpu=100m\npod c on=cp1 app=x cpu=100m", "down w1 drain", NULL },

        /* ---- repair ---- */
        { "a Node without a pod CIDR", "node w1 nocidr keep", "pod-cidr w1", NULL },
        { "a control plane without a pod CIDR", "bare\nplane cp1 nocidr\nnode w1 keep", "pod-cidr cp1", NULL },
        { "a hand-made Node without a pod CIDR", "lone x noid nocidr", "", NULL },
        { "a server that boots", "server w9 age=14m", "", NULL },
        { "a server that never came", "server w9 age=15m", "server-without-node w9", "no Node 15 min" },
        { "a server that never came, and is replaced", "server w9 age=16m\npending b cpu=1", "up worker=1 cx23@hel1; server-without-node w9", NULL },
        { "a server that boots is room to come", "server w9 age=3m\npending b cpu=1", "", "one pod waits for a server that boots" },
        { "a server that boots has only so much room", "server w9 age=3m\npending b cpu=1900m n=2", "up worker=1 cx23@hel1", "default/b-0001" },
        { "a server that boots counts for the maximum", "pool worker max=1\nserver w9 age=3m\npending b cpu=1900m n=2", "", "at its maximum of 1" },
        { "another boot time", "scaler {\"bootTime\": \"1h\"}\nserver w9 age=16m\npending b cpu=1", "", NULL },
        { "a server without Node in a fixed pool", "pool worker fixed\nserver w9 age=16m", "report w9", "left alone" },
        { "a server that is being deleted", "server w9 age=16m status=deleting", "", NULL },
        { "a Node that boots", "node w1 unready age=5m changed=5m\npending b cpu=1", "", "waits for a server that boots" },
        { "a Node that was never Ready", "node w1 unready age=16m changed=16m\nnode w2 keep\nnode w3 keep", "never-ready w1", NULL },
        { "a Node that was never Ready and holds a pod", "node w1 unready age=16m changed=16m\nnode w2 keep\nnode w3 keep\npod a on=w1", "report w1", "pods are bound to it" },
        { "a Node that was Ready once", "node w1 unready age=5h changed=16m\nnode w2 keep\nnode w3 keep", "report w1", "was Ready once" },
        { "a Node without a server, seen first", "lone w1 unready changed=6m\nnode w2 keep\nnode w3 keep", "report w1", "mark w1 server-gone-since 2026-11-23T12:00:00Z" },
        { "a Node without a server, seen again", "lone w1 unready changed=6m gone=2m\nnode w2 keep\nnode w3 keep", "node-without-server w1", NULL },
        { "a Node without a server, unready just now", "lone w1 unready changed=4m gone=2m\nnode w2 keep\nnode w3 keep", "report w1", NULL },
        { "a Node without a server that is Ready", "lone w1 gone=2m", "report w1", "does not have; nothing is done|mark w1 server-gone-since -" },
        { "a control plane without a server", "lone cp2 unready changed=1h gone=2m label=node-role.kubernetes.io/control-plane=\nnode w2 keep\nnode w3 keep", "report cp2", "!mark cp2" },
        { "its server is there again", "node w1 keep gone=2m", "", "mark w1 server-gone-since -" },
        { "a drain left over", "node w1 cordoned phase=draining", "resume-drain w1", "left draining" },
        { "a drain left over, its server gone", "lone w1 unready phase=deleting\nnode w2 keep\nnode w3 keep", "resume-drain w1", NULL },
        { "two drains left over, half of all nodes", "lone w1 unready phase=deleting\nlone w2 unready phase=deleting\nnode w3 keep", "resume-drain w1; resume-drain w2", NULL },
        { "a control plane in a phase", "plane cp2 cordoned phase=draining", "report cp2", "never taken away" },
        { "a drain is taken back", "node w1 cordoned phase=draining taint=node.kubernetes.io/unschedulable:NoSchedule\npending b cpu=1", "take-back w1", "it is taken back" },
        { "a drain is not taken back for what fits elsewhere", "node w1 cordoned phase=draining\nnode w2\npending b cpu=1", "resume-drain w1", NULL },
        { "a drain is not taken back for what does not fit", "node w1 cordoned phase=draining\npod a cpu=1500m\npending b cpu=1", "up worker=1 cx23@hel1; resume-drain w1", NULL },
        { "what is drained already is not taken back", "node w1 cordoned phase=deleting\npending b cpu=1", "up worker=1 cx23@hel1; resume-drain w1", NULL },
        { "a node that goes does not count for the minimum", "pool worker min=1\nnode w1 cordoned phase=draining\nnode w2 since=11m seen=1m", "resume-drain w1", "minimum of 1" },
        { "a server with its Node's name, a Node with another id", "node w1 keep {\"spec\": {\"providerID\": \"hcloud://5\"}}", "report w1; report w1", "a Ready Node of its name has another provider id" },
        { "a server with the name of a Node that is gone", "node w1 keep unready changed=2h {\"spec\": {\"providerID\": \"hcloud://5\"}}\nnode w2 keep\nnode w3 keep", "server-without-node w1; report w1", NULL },
        { "another cluster's Kubernetes", "bare\nserver s1 pool=worker\nserver s2 pool=worker\nlone x noid\nlone y noid", "report s1; report s2", "is this the cluster's Kubernetes?" },
};

START_TEST(rows_hold) {
        check_row(&rows[_i]);
}
END_TEST

static Suite *suite_down(void) {
        Suite *s = suite_create("down");
        TCase *t = tcase_create("down");
        tcase_add_loop_test(t, rows_hold, 0, (int) ARRAY_SIZE(rows));
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_down())
