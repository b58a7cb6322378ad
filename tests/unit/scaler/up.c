/* What is bought, and what is not. */
#include "table.h"

static const struct row rows[] = {
        /* ---- who counts ---- */
        { "nothing waits", "node w1\npod a cpu=500m", "", "!reason" },
        { "one pod without room", "node w1\npod a cpu=1500m\npending b cpu=1", "up worker=1 cx23@hel1", "one pod has room nowhere (default/b): pool 'worker' gets 1|3.49 EUR" },
        { "from nothing", "pending b cpu=1", "up worker=1 cx23@hel1", NULL },
        { "room is there after all", "node w1\npending b cpu=1", "", "left to the scheduler" },
        { "too young", "pending b cpu=1 age=29s", "", "!reason" },
        { "just old enough", "pending b cpu=1 age=30s", "up worker=1 cx23@hel1", NULL },
        { "another age in the profile", "scaler {\"pendingAge\": \"5m\"}\npending b cpu=1 age=4m", "", NULL },
        { "scheduling gates", "pending b cpu=1 {\"spec\": {\"schedulingGates\": [{\"name\": \"wait\"}]}}", "", "!reason" },
        { "gated by its condition", "pending b cpu=1 gated", "", "!reason" },
        { "on its way out", "pending b cpu=1 deleting", "", "!reason" },
        { "a DaemonSet's pod", "pending b cpu=1 owner=DaemonSet", "", "!reason" },
        { "a finished pod", "pending b cpu=1 phase=Failed", "", "!reason" },
        { "no word of the scheduler yet", "pending b cpu=1 {\"status\": {\"conditions\": []}}", "", "!reason" },
        { "expendable", "pending b cpu=1 priority=-11", "", "below -10" },
        { "of low priority", "pending b cpu=1 priority=-10", "up worker=1 cx23@hel1", NULL },
        { "waits for a preemption", "node w1\npod a cpu=1900m\npending b cpu=1 {\"status\": {\"nominatedNodeName\": \"w1\"}}", "", "!reason" },
        { "nominated for a node that is gone", "pending b cpu=1 {\"status\": {\"nominatedNodeName\": \"w7\"}}", "up worker=1 cx23@hel1", NULL },
        { "a preemption has taken the room", "node w1\npending a cpu=1500m {\"status\": {\"nominatedNodeName\": \"w1\"}}\npending b cpu=1", "up worker=1 cx23@hel1", "default/b" },
        { "of another scheduler", "pending b cpu=1 {\"spec\": {\"schedulerName\": \"volcano\"}}", "", "another scheduler" },
        { "resource claims", "pending b cpu=1 {\"spec\": {\"resourceClaims\": [{\"name\": \"gpu\"}]}}", "", "dynamic resource allocation" },
        { "of an unbound volume claim", "pending b cpu=1 {\"status\": {\"conditions\": [{\"type\": \"PodScheduled\", \"status\": \"False\", \"reason\": \"Unschedulable\", "
                                       "\"message\": \"0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.\"}]}}", "", "not bound" },
        { "of a volume claim that is not there", "pending b cpu=1 {\"status\": {\"conditions\": [{\"type\": \"PodScheduled\", \"status\": \"False\", \"reason\": \"Unschedulable\", "
                                       "\"message\": \"0/1 nodes are available: persistentvolumeclaim \\\"x\\\" not found.\"}]}}", "", "does not exist" },
        { "the control plane is no room", "pending b cpu=100m", "up worker=1 cx23@hel1", NULL },
        { "tolerates the control plane", "pending b cpu=100m tolerates-all", "", NULL },
        { "a cordoned node is no room", "node w1 cordoned\npending b cpu=1", "up worker=1 cx23@hel1", NULL },
        { "an unready node is no room", "node w1 unready\nnode w2\nnode w3\npod a on=w2 cpu=1900m\npod c on=w3 cpu=1900m\npending b cpu=1", "up worker=1 cx23@hel1; report w1",
          "not been for" },

        /* ---- how much it asks for ---- */
        { "no request at all needs a place", "node w1 pods=1\npod a\npending b", "up worker=1 cx23@hel1", NULL },
        { "the pods limit", "node w1 pods=3\npod a n=3\npending b n=2", "up worker=1 cx23@hel1", "2 pods" },
        { "two to a node", "pending b cpu=900m n=4", "up worker=2 cx23@hel1", NULL },
        { "memory decides", "pending b mem=3000Mi n=3", "up worker=3 cx23@hel1", NULL },
        { "large ones first", "pending a cpu=1200m n=2\npending b cpu=700m n=2", "up worker=2 cx23@hel1", NULL },
        { "too large for every type", "pending b cpu=3", "", "3 of cpu wanted, cx23 has 1.95" },
        { "an absurd request", "pending b cpu=100E", "", "of cpu wanted" },
        { "zero is allowed", "pending b cpu=0 mem=0", "up worker=1 cx23@hel1", NULL },
        { "a malformed quantity", "pending b cpu=1x", "", "cpu '1x' is no quantity" },
        { "a negative quantity", "pending b cpu=-1", "", "is negative" },
        { "cpu in exponent form", "pending b cpu=19e-1", "up worker=1 cx23@hel1", NULL },
        { "an init container is the largest", "pending b cpu=100m {\"spec\": {\"initContainers\": [{\"name\": \"i\", \"resources\": {\"requests\": {\"cpu\": \"3\"}}}]}}", "",
          "3 of cpu wanted" },
        { "init containers run one by one", "pending b cpu=100m n=1 {\"spec\": {\"initContainers\": [{\"resources\": {\"requests\": {\"cpu\": \"1900m\"}}}, "
                                            "{\"resources\": {\"requests\": {\"cpu\": \"1900m\"}}}]}}", "up worker=1 cx23@hel1", NULL },
        { "a sidecar runs beside", "pending b cpu=1 {\"spec\": {\"initContainers\": [{\"restartPolicy\": \"Always\", \"resources\": {\"requests\": {\"cpu\": \"1\"}}}]}}", "",
          "2 of cpu wanted" },
        { "a sidecar runs beside later init containers", "pending b cpu=100m {\"spec\": {\"initContainers\": [{\"restartPolicy\": \"Always\", \"resources\": {\"requests\": "
                                            "{\"cpu\": \"1\"}}}, {\"resources\": {\"requests\": {\"cpu\": \"1500m\"}}}]}}", "", "2.5 of cpu wanted" },
        { "a sidecar declared after does not", "pending b cpu=100m {\"spec\": {\"initContainers\": [{\"resources\": {\"requests\": {\"cpu\": \"1500m\"}}}, "
                                            "{\"restartPolicy\": \"Always\", \"resources\": {\"requests\": {\"cpu\": \"1\"}}}]}}", "up worker=1 cx23@hel1", NULL },
        { "overhead is added", "pending b cpu=1 {\"spec\": {\"overhead\": {\"cpu\": \"1\"}}}", "", "2 of cpu wanted" },
        { "the pod's own request replaces the sum", "pending b cpu=3 {\"spec\": {\"resources\": {\"requests\": {\"cpu\": \"1\"}}}}", "up worker=1 cx23@hel1", NULL },
        { "the pod's own request is larger", "pending b cpu=1 {\"spec\": {\"resources\": {\"requests\": {\"cpu\": \"3\"}}}}", "", "3 of cpu wanted" },
        { "a limit without request", "pending b {\"spec\": {\"containers\": [{\"name\": \"c\", \"resources\": {\"limits\": {\"cpu\": \"3\"}}}]}}", "", "3 of cpu wanted" },
        { "two containers", "pending b {\"spec\": {\"containers\": [{\"resources\": {\"requests\": {\"cpu\": \"1\"}}}, {\"resources\": {\"requests\": {\"cpu\": \"1\"}}}]}}", "",
          "2 of cpu wanted" },
        { "parts of a thousandth are summed before rounding", "pending b cpu=1949m {\"spec\": {\"overhead\": {\"cpu\": \"500u\"}}}", "up worker=1 cx23@hel1", NULL },
        { "ephemeral storage", "pending b disk=100Gi", "", "ephemeral-storage wanted" },
        { "a GPU nobody has", "pending b gpu=1 n=50", "", "unplaceable default/b-0000 ×50|nvidia.com/gpu" },
        { "a GPU that the pool's nodes have", "pool gpu types=cx43 max=3\nnode g1 pool=gpu type=cx43 cpu=7 mem=14Gi {\"status\": {\"allocatable\": {\"nvidia.com/gpu\": \"1\"}}}\n"
                                              "pod a on=g1 gpu=1\npending b gpu=1", "up gpu=1 cx43@hel1", NULL },

        /* ---- what a new node has ---- */
        { "a daemon takes its part", "daemon d cpu=1\npending b cpu=1", "", "1 of cpu wanted, cx23 has 950m" },
        { "a daemon that does not run there", "daemon d cpu=1 select=only=here\npending b cpu=1500m", "up worker=1 cx23@hel1", NULL },
        { "a daemon that does not tolerate the pool", "pool worker taint=a=b:NoSchedule\ndaemon d cpu=1\npending b cpu=1500m tolerates=a", "up worker=1 cx23@hel1", NULL },
        { "a daemon has the port", "daemon d port=8080\npending b port=8080", "", "host port" },
        { "room as on the node that is there", "node w1 cpu=1500m\npod a cpu=1400m\npending b cpu=1600m", "", "cx23 has 1.5" },
        { "the smallest of several nodes", "node w1 cpu=1500m\nnode w2 cpu=1900m\npod a on=w1 cpu=1400m\npod c on=w2 cpu=1400m\npending b cpu=1600m", "", "cx23 has 1.5" },
        { "reserved by the profile", "scaler {\"reservedCpu\": \"500m\"}\npending b cpu=1600m", "", "cx23 has 1.5" },
        { "reserved memory", "scaler {\"reservedMemory\": \"2Gi\"}\npending b mem=2Gi", "", "memory wanted" },

        /* ---- where it may run ---- */
        { "the pool's label is wanted", "pool worker label=disk=ssd\npending b cpu=1 select=disk=ssd", "up worker=1 cx23@hel1", NULL },
        { "a label nobody has", "pending b cpu=1 select=disk=ssd", "", "node selector or affinity" },
        { "a label that every node of the pool has", "node w1 label=rack=r1\npod a cpu=1900m\npending b cpu=1 select=rack=r1", "up worker=1 cx23@hel1", NULL },
        { "a label that one node of the pool has", "node w1 label=rack=r1\nnode w2\npod a on=w1 cpu=1900m\npod c on=w2 cpu=1900m\npending b cpu=1 select=rack=r1", "",
          "node selector or affinity" },
        { "an architecture", "pool arm types=cax11\npool x86 types=cx23\npending b cpu=1 select=kubernetes.io/arch=arm64", "up arm=1 cax11@hel1", NULL },
        { "an instance type", "pool worker types=cx23,cx33\npending b cpu=1 select=node.kubernetes.io/instance-type=cx33", "up worker=1 cx33@hel1", NULL },
        { "a region", "pool worker locations=hel1,nbg1\npending b cpu=1 select=topology.kubernetes.io/region=nbg1", "up worker=1 cx23@nbg1", NULL },
        { "In", "pool worker label=size=l\npending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": {\"nodeSelectorTerms\": "
                "[{\"matchExpressions\": [{\"key\": \"size\", \"operator\": \"In\", \"values\": [\"m\", \"l\"]}]}]}}}}}", "up worker=1 cx23@hel1", NULL },
        { "In, none of them", "pool worker label=size=s\npending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": \"size\", \"operator\": \"In\", \"values\": [\"m\", \"l\"]}]}]}}}}}", "", "node selector or affinity" },
        { "NotIn", "pool worker label=size=s\npending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": \"size\", \"operator\": \"NotIn\", \"values\": [\"m\", \"s\"]}]}]}}}}}", "", "node selector or affinity" },
        { "NotIn holds without the label", "pending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": \"size\", \"operator\": \"NotIn\", \"values\": [\"m\", \"s\"]}]}]}}}}}", "up worker=1 cx23@hel1", NULL },
        { "Exists", "pending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": \"size\", \"operator\": \"Exists\"}]}]}}}}}", "", "node selector or affinity" },
        { "DoesNotExist", "pending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": \"size\", \"operator\": \"DoesNotExist\"}]}]}}}}}", "up worker=1 cx23@hel1", NULL },
        { "Gt", "pool worker label=gen=4\npending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": \"gen\", \"operator\": \"Gt\", \"values\": [\"3\"]}]}]}}}}}", "up worker=1 cx23@hel1", NULL },
        { "Gt, equal is not greater", "pool worker label=gen=3\npending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": \"gen\", \"operator\": \"Gt\", \"values\": [\"3\"]}]}]}}}}}", "", "node selector or affinity" },
        { "Lt", "pool worker label=gen=2\npending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": \"gen\", \"operator\": \"Lt\", \"values\": [\"3\"]}]}]}}}}}", "up worker=1 cx23@hel1", NULL },
        { "Lt of no number", "pool worker label=gen=x\npending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchExpressions\": [{\"key\": \"gen\", \"operator\": \"Lt\", \"values\": [\"3\"]}]}]}}}}}", "", "node selector or affinity" },
        { "one term of two", "pending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": {\"nodeSelectorTerms\": "
                "[{\"matchExpressions\": [{\"key\": \"x\", \"operator\": \"Exists\"}]}, {\"matchExpressions\": [{\"key\": \"x\", \"operator\": \"DoesNotExist\"}]}]}}}}}",
          "up worker=1 cx23@hel1", NULL },
        { "all expressions of a term", "pending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": {\"nodeSelectorTerms\": "
                "[{\"matchExpressions\": [{\"key\": \"x\", \"operator\": \"Exists\"}, {\"key\": \"x\", \"operator\": \"DoesNotExist\"}]}]}}}}}", "", "node selector or affinity" },
        { "an empty term matches nothing", "pending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{}]}}}}}", "", "node selector or affinity" },
        { "a node by its name", "node w1\npod a cpu=1900m\npending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"requiredDuringSchedulingIgnoredDuringExecution\": "
                "{\"nodeSelectorTerms\": [{\"matchFields\": [{\"key\": \"metadata.name\", \"operator\": \"In\", \"values\": [\"w1\"]}]}]}}}}}", "", "node selector or affinity" },
        { "a host name", "node w1\npod a cpu=1900m\npending b cpu=1 select=kubernetes.io/hostname=w1", "", "node selector or affinity" },
        { "preferred is not required", "pending b cpu=1 {\"spec\": {\"affinity\": {\"nodeAffinity\": {\"preferredDuringSchedulingIgnoredDuringExecution\": "
                "[{\"weight\": 1, \"preference\": {\"matchExpressions\": [{\"key\": \"x\", \"operator\": \"Exists\"}]}}]}}}}", "up worker=1 cx23@hel1", NULL },
        { "the pool's taint", "pool worker taint=a=b:NoSchedule\npending b cpu=1", "", "does not tolerate" },
        { "the pool's taint is tolerated", "pool worker taint=a=b:NoSchedule\npending b cpu=1 tolerates=a", "up worker=1 cx23@hel1", NULL },
        { "another value of the taint", "pool worker taint=a=b:NoSchedule\npending b cpu=1 {\"spec\": {\"tolerations\": [{\"key\": \"a\", \"value\": \"c\"}]}}", "",
          "does not tolerate" },
        { "another effect of the taint", "pool worker taint=a=b:NoSchedule\npending b cpu=1 {\"spec\": {\"tolerations\": [{\"key\": \"a\", \"operator\": \"Exists\", \"effect\": "
                "\"NoExecute\"}]}}", "", "does not tolerate" },
        { "PreferNoSchedule hinders nobody", "pool worker taint=a=b:PreferNoSchedule\npending b cpu=1", "up worker=1 cx23@hel1", NULL },
        { "NoExecute hinders", "pool worker taint=a:NoExecute\npending b cpu=1", "", "does not tolerate" },
        { "the other pool has no taint", "pool gpu types=cx43 taint=gpu:NoSchedule\npool worker types=cx23\npending b cpu=1", "up worker=1 cx23@hel1", NULL },
        { "a taint of the nodes that boot is not the pool's", "node w1 taint=node.cilium.io/agent-not-ready:NoSchedule\npod a cpu=1900m\npending b cpu=1", "up worker=1 cx23@hel1", NULL },
        { "a host port is taken on the node", "node w1\npod a port=80\npending b port=80", "up worker=1 cx23@hel1", NULL },
        { "one host port a node", "pending b port=80 n=3", "up worker=3 cx23@hel1", NULL },
        { "different host ports share", "pending b port=80\npending c port=81", "up worker=1 cx23@hel1", NULL },
        { "host ports of different addresses share", "pending b cpu=100m {\"spec\": {\"containers\": [{\"ports\": [{\"hostPort\": 80, \"hostIP\": \"10.0.0.1\"}]}]}}\n"
                "pending c cpu=100m {\"spec\": {\"containers\": [{\"ports\": [{\"hostPort\": 80, \"hostIP\": \"10.0.0.2\"}]}]}}", "up worker=1 cx23@hel1", NULL },
        { "host ports of different protocols share", "pending b cpu=100m {\"spec\": {\"containers\": [{\"ports\": [{\"hostPort\": 80, \"protocol\": \"UDP\"}]}]}}\n"
                "pending c cpu=100m port=80", "up worker=1 cx23@hel1", NULL },
        { "the host's network has its container ports", "pending b n=2 {\"spec\": {\"hostNetwork\": true, \"containers\": [{\"ports\": [{\"containerPort\": 80}]}]}}",
          "up worker=2 cx23@hel1", NULL },
        { "a volume in this region", "pool worker locations=nbg1,hel1\npv v claim=data region=hel1\npending b cpu=1 claim=data", "up worker=1 cx23@hel1", NULL },
        { "a volume elsewhere", "pv v claim=data region=ash\npending b cpu=1 claim=data", "", "its volume is not in hel1" },
        { "a volume that is made later", "pending b cpu=1 claim=data", "up worker=1 cx23@hel1", NULL },

        /* ---- beside whom ---- */
        { "one a host", "node w1\npod a app=x\npending b app=x anti=kubernetes.io/hostname n=2", "up worker=2 cx23@hel1", NULL },
        { "others' anti-affinity", "node w1\npod a app=x anti=kubernetes.io/hostname\npending b app=x", "up worker=1 cx23@hel1", NULL },
        { "anti-affinity to others is no matter", "node w1\npod a app=y\npending b app=x anti=kubernetes.io/hostname", "", NULL },
        { "one a region, and there are two", "pool worker locations=hel1,nbg1\npending b anti=topology.kubernetes.io/region n=2", "up worker=1 cx23@hel1; up worker=1 cx23@nbg1", NULL },
        { "one a region, and there is one", "pending b anti=topology.kubernetes.io/region n=2", "up worker=1 cx23@hel1", "pod affinity or spread" },
        { "spread over hosts, of which the control plane counts as one", "pending b spread=kubernetes.io/hostname n=3 cpu=100m", "up worker=3 cx23@hel1", NULL },
        { "spread over hosts that it tolerates", "pending b n=3 cpu=100m {\"spec\": {\"topologySpreadConstraints\": [{\"maxSkew\": 1, \"topologyKey\": "
                "\"kubernetes.io/hostname\", \"whenUnsatisfiable\": \"DoNotSchedule\", \"nodeTaintsPolicy\": \"Honor\", \"labelSelector\": {\"matchLabels\": {\"app\": \"b\"}}}]}}",
          "up worker=1 cx23@hel1", NULL },
        { "spread over hosts, one is full", "node w1\npod f cpu=1900m\npod a app=b cpu=10m\npending b cpu=100m spread=kubernetes.io/hostname", "up worker=1 cx23@hel1", NULL },
        { "with a pod that is there, where there is no room", "node w1\npod a cpu=1900m\npending b cpu=1 with=a", "", "pod affinity or spread" },
        { "with a pod that is there", "node w1\npod a cpu=100m\npending b cpu=1 with=a", "", "left to the scheduler" },
        { "with itself", "pending b cpu=900m with=b n=2", "up worker=1 cx23@hel1", NULL },
        { "with itself, and it does not fit on one", "pending b cpu=900m with=b n=3", "up worker=1 cx23@hel1", "pod affinity or spread" },

        /* ---- which to buy ---- */
        { "the cheaper of two pools", "pool a types=cx33\npool b types=cx23\npending p cpu=1", "up b=1 cx23@hel1", NULL },
        { "the cheaper type of a pool, whatever the order", "pool worker types=cx33,cx23\npending p cpu=1", "up worker=1 cx23@hel1", NULL },
        { "the type that is large enough", "pool worker types=cx23,cx33,cx43\npending p cpu=3", "up worker=1 cx33@hel1", NULL },
        { "one large is cheaper than two small", "pool worker types=cx23,cx33\npending p cpu=1900m n=2", "up worker=1 cx33@hel1", "2 pods" },
        { "a large and a small", "pool worker types=cx23,cx33\npending p cpu=1900m n=3", "up worker=1 cx23@hel1; up worker=1 cx33@hel1", NULL },
        { "no large one for a rest", "pool worker types=cx23,cx33,cx43\npending p cpu=1900m n=5", "up worker=1 cx23@hel1; up worker=1 cx43@hel1", NULL },
        { "all of one is cheaper than a mix", "only\ntype a cores=4 memory=64 price=6\ntype b cores=5 memory=64 price=8.50\ntype c cores=1.1 memory=64 price=5\npool worker types=a,b,c\n"
                "pending p cpu=1 n=4", "up worker=1 b@hel1", NULL },
        { "the cheaper location", "only\ntype cx23 price=3.49 locations=nbg1 {\"prices\": [{\"location\": \"nbg1\", \"price_monthly\": {\"net\": \"3.10\"}}, {\"location\": \"hel1\", "
                "\"price_monthly\": {\"net\": \"3.49\"}}], \"locations\": [{\"name\": \"nbg1\", \"available\": true}, {\"name\": \"hel1\", \"available\": true}]}\n"
                "pool worker locations=hel1,nbg1\npending p cpu=1", "up worker=1 cx23@nbg1", NULL },
        { "the preferred of equal locations", "pool worker locations=nbg1,hel1\npending p cpu=1", "up worker=1 cx23@nbg1", NULL },
        { "the preferred of equal types", "only\ntype a price=3\ntype b price=3\npool worker types=b,a\npending p cpu=1", "up worker=1 b@hel1", NULL },
        { "sold out, and another is there", "only\ntype cx23 price=3.49 available=false\ntype cx33 cores=4 memory=8 price=5.49\npool worker types=cx23,cx33\npending p cpu=1",
          "up worker=1 cx33@hel1", NULL },
        { "sold out, and nothing else is there", "only\ntype cx23 price=3.49 available=false\npool worker\npending p cpu=1", "up worker=1 cx23@hel1", "said to be sold out" },
        { "not sold in the location", "only\ntype cx23 locations=nbg1\npool worker\npending p cpu=1", "", "cx23 in hel1 is not sold there" },
        { "no longer sold", "only\ntype cx23 {\"locations\": [{\"name\": \"hel1\", \"available\": true, \"deprecation\": {\"unavailable_after\": \"2026-11-01T00:00:00Z\"}}]}\npool worker\n"
                "pending p cpu=1", "", "no longer sold" },
        { "sold for some time yet", "only\ntype cx23 {\"locations\": [{\"name\": \"hel1\", \"available\": true, \"deprecation\": {\"unavailable_after\": \"2026-12-01T00:00:00Z\"}}]}\n"
                "pool worker\npending p cpu=1", "up worker=1 cx23@hel1", NULL },
        { "several pods of several kinds in several pools", "pool gpu types=cx43 taint=gpu:NoSchedule label=g=1\npool worker\npending g cpu=1 select=g=1 tolerates=gpu\npending p cpu=1 n=2",
          "up gpu=1 cx43@hel1; up worker=2 cx23@hel1", NULL },
        { "room on what is bought for others", "pool gpu types=cx43 label=g=1\npool worker\npending g cpu=1 select=g=1\npending p cpu=1 n=2", "up gpu=1 cx43@hel1", "3 pods" },

        /* ---- caps ---- */
        { "the pool's maximum", "pool worker max=2\npending p cpu=1 n=3", "up worker=2 cx23@hel1", "default/p-0002 ×1|at its maximum of 2" },
        { "the pool's maximum with what is there", "pool worker max=1\nnode w1\npod a cpu=1900m\npending p cpu=1", "", "at its maximum of 1" },
        { "the next pool when one is full", "pool a max=1\npool b types=cx33 max=5\npending p cpu=1900m n=3", "up a=1 cx23@hel1; up b=1 cx33@hel1", NULL },
        { "the cluster's cap", "scaler {\"maxNodes\": 3}\npending p cpu=1 n=5", "up worker=2 cx23@hel1", "scaler.maxNodes" },
        { "the cap on cost", "scaler {\"maxCostPerMonth\": \"7.00\"}\npending p cpu=1 n=5", "up worker=1 cx23@hel1", "would cost 10.47 a month, and the cap is 7.00" },
        { "the cap on cost as a number", "scaler {\"maxCostPerMonth\": 6.98}\npending p cpu=1 n=5", "up worker=1 cx23@hel1", NULL },
        { "the cap on cost, to the cent", "scaler {\"maxCostPerMonth\": \"6.97\"}\npending p cpu=1 n=5", "", "the cap is 6.97" },
        { "a cap on cost, and a server whose price nobody knows", "scaler {\"maxCostPerMonth\": \"100\"}\nnode w1 type=old cpu=100m\npending p cpu=1", "", "is not known" },
        { "below its minimum", "pool worker min=2", "up worker=2 cx23@hel1", "below its minimum of 2" },
        { "below its minimum, and pods wait", "pool worker min=2\npending p cpu=1", "up worker=2 cx23@hel1", "default/p" },
        { "a minimum of what boots", "pool worker min=1\nserver w9 age=1m", "", NULL },
        { "no minimum over the cap", "pool worker min=5\nscaler {\"maxNodes\": 2}", "up worker=1 cx23@hel1", NULL },
        { "more than its maximum stays as it is", "pool worker max=1\nnode w1 keep\nnode w2 keep", "", NULL },
};

START_TEST(rows_hold) {
        check_row(&rows[_i]);
}
END_TEST

static Suite *suite_up(void) {
        Suite *s = suite_create("up");
        TCase *t = tcase_create("up");
        tcase_add_loop_test(t, rows_hold, 0, (int) ARRAY_SIZE(rows));
        suite_add_tcase(s, t);
        return s;
}

UNIT_MAIN(suite_up())
