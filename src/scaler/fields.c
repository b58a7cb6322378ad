#include "scaler/fields.h"

#define KEEP(name) { name, NULL }
#define END { NULL, NULL }

/* ---- pods ---- */

static const struct scan_field resources[] = { KEEP("requests"), KEEP("limits"), KEEP("claims"), END };
static const struct scan_field port[] = { KEEP("hostPort"), KEEP("containerPort"), KEEP("hostIP"), KEEP("protocol"), END };
static const struct scan_field container[] = { { "resources", resources }, { "ports", port }, KEEP("restartPolicy"), END };
static const struct scan_field gate[] = { KEEP("name"), END };
static const struct scan_field claim[] = { KEEP("claimName"), END };
static const struct scan_field medium[] = { KEEP("medium"), END };
static const struct scan_field nothing[] = { END };
static const struct scan_field volume[] = {
        KEEP("name"), { "persistentVolumeClaim", claim }, { "emptyDir", medium }, { "hostPath", nothing }, { "ephemeral", nothing }, END,
};
static const struct scan_field required[] = { KEEP("requiredDuringSchedulingIgnoredDuringExecution"), END };
static const struct scan_field affinity[] = { { "nodeAffinity", required }, { "podAffinity", required }, { "podAntiAffinity", required }, END };
static const struct scan_field toleration[] = { KEEP("key"), KEEP("operator"), KEEP("value"), KEEP("effect"), END };
static const struct scan_field owner[] = { KEEP("kind"), KEEP("name"), KEEP("controller"), END };
static const struct scan_field pod_annotations[] = {
        KEEP("cluster-autoscaler.kubernetes.io/safe-to-evict"), KEEP("cluster-autoscaler.kubernetes.io/safe-to-evict-local-volumes"),
        KEEP("kubernetes.io/config.mirror"), END,
};

#define SHARED_SPEC                                                                                                                                \
        KEEP("nodeSelector"), { "tolerations", toleration }, KEEP("topologySpreadConstraints"), { "containers", container },                       \
                { "initContainers", container }, KEEP("overhead"), { "resources", resources }, KEEP("hostNetwork"), KEEP("priority"),              \
                KEEP("schedulerName"), { "schedulingGates", gate }, { "volumes", volume }, { "resourceClaims", gate }

static const struct scan_field pod_spec[] = { KEEP("nodeName"), SHARED_SPEC, { "affinity", affinity }, END };
static const struct scan_field shared_spec[] = { SHARED_SPEC, { "affinity", affinity }, END };
static const struct scan_field shared_daemon_spec[] = { SHARED_SPEC, END };

static const struct scan_field pod_condition[] = {
        KEEP("type"), KEEP("status"), KEEP("reason"), KEEP("message"), END,
};
static const struct scan_field pod_status[] = { KEEP("phase"), KEEP("nominatedNodeName"), { "conditions", pod_condition }, END };
static const struct scan_field pod_metadata[] = {
        KEEP("name"), KEEP("namespace"), KEEP("creationTimestamp"), KEEP("deletionTimestamp"), KEEP("labels"), { "annotations", pod_annotations },
        { "ownerReferences", owner }, END,
};
static const struct scan_field shared_metadata[] = {
        KEEP("namespace"), KEEP("labels"), { "annotations", pod_annotations }, { "ownerReferences", owner }, END,
};
static const struct scan_field pod[] = { { "metadata", pod_metadata }, { "spec", pod_spec }, { "status", pod_status }, END };
const struct scan_field pod_shared_fields[] = { { "metadata", shared_metadata }, { "spec", shared_spec }, END };
const struct scan_field pod_shared_daemon_fields[] = { { "metadata", shared_metadata }, { "spec", shared_daemon_spec }, END };

/* ---- what else Kubernetes has ---- */

static const struct scan_field node_annotations[] = {
        KEEP(ANNOTATION_UNNEEDED_SINCE), KEEP(ANNOTATION_UNNEEDED_SEEN), KEEP(ANNOTATION_PHASE), KEEP(ANNOTATION_PHASE_SINCE),
        KEEP(ANNOTATION_GONE_SINCE), KEEP(ANNOTATION_SCALE_DOWN), KEEP("cluster-autoscaler.kubernetes.io/scale-down-disabled"), END,
};
static const struct scan_field node_metadata[] = {
        KEEP("name"), KEEP("creationTimestamp"), KEEP("deletionTimestamp"), KEEP("labels"), { "annotations", node_annotations }, END,
};
static const struct scan_field taint[] = { KEEP("key"), KEEP("value"), KEEP("effect"), END };
static const struct scan_field node_spec[] = {
        KEEP("providerID"), KEEP("unschedulable"), { "taints", taint }, KEEP("podCIDR"), KEEP("podCIDRs"), END,
};
static const struct scan_field node_condition[] = { KEEP("type"), KEEP("status"), KEEP("lastTransitionTime"), END };
static const struct scan_field node_status[] = { KEEP("allocatable"), KEEP("capacity"), { "conditions", node_condition }, END };
static const struct scan_field node[] = { { "metadata", node_metadata }, { "spec", node_spec }, { "status", node_status }, END };

static const struct scan_field names[] = { KEEP("name"), KEEP("namespace"), KEEP("generation"), END };
static const struct scan_field budget_spec[] = { KEEP("selector"), END };
static const struct scan_field budget_status[] = { KEEP("disruptionsAllowed"), KEEP("observedGeneration"), END };
static const struct scan_field budget[] = { { "metadata", names }, { "spec", budget_spec }, { "status", budget_status }, END };

static const struct scan_field template_metadata[] = { KEEP("labels"), { "annotations", pod_annotations }, END };
static const struct scan_field template[] = { { "metadata", template_metadata }, { "spec", shared_spec }, END };
static const struct scan_field daemon_spec[] = { { "template", template }, END };
static const struct scan_field daemon_set[] = { { "metadata", names }, { "spec", daemon_spec }, END };

static const struct scan_field replicas[] = { KEEP("replicas"), END };
static const struct scan_field replica_set[] = { { "metadata", names }, { "spec", replicas }, END };

static const struct scan_field claim_ref[] = { KEEP("name"), KEEP("namespace"), END };
static const struct scan_field volume_spec[] = { { "claimRef", claim_ref }, KEEP("nodeAffinity"), END };
static const struct scan_field persistent_volume[] = { { "metadata", names }, { "spec", volume_spec }, END };

/* ---- the cloud ---- */

static const struct scan_field name_only[] = { KEEP("name"), END };
static const struct scan_field id_only[] = { KEEP("id"), END };
static const struct scan_field datacenter[] = { { "location", name_only }, END };
static const struct scan_field public_net[] = { { "ipv4", id_only }, END };
static const struct scan_field server[] = {
        KEEP("id"), KEEP("name"), KEEP("status"), KEEP("created"), KEEP("labels"), { "server_type", name_only }, { "location", name_only },
        { "datacenter", datacenter }, { "public_net", public_net }, END,
};

static const struct scan_field net[] = { KEEP("net"), END };
static const struct scan_field price[] = {
        KEEP("location"), { "price_hourly", net }, { "price_monthly", net }, END,
};
static const struct scan_field until[] = { KEEP("unavailable_after"), END };
static const struct scan_field type_location[] = { KEEP("name"), KEEP("available"), { "deprecation", until }, END };
static const struct scan_field server_type[] = {
        KEEP("name"), KEEP("architecture"), KEEP("cores"), KEEP("memory"), KEEP("disk"), KEEP("deprecated"), { "prices", price },
        { "locations", type_location }, END,
};
static const struct scan_field priced_type[] = { KEEP("name"), KEEP("type"), { "prices", price }, END };
#define PRICING KEEP("currency"), { "server_types", priced_type }, { "primary_ips", priced_type }
static const struct scan_field pricing[] = { PRICING, END };
static const struct scan_field pricing_answer[] = { PRICING, { "pricing", pricing }, END };

const struct scan_field *const part_fields[_SNAPSHOT_PARTS] = {
        [SNAPSHOT_NODES] = node,
        [SNAPSHOT_PODS] = pod,
        [SNAPSHOT_BUDGETS] = budget,
        [SNAPSHOT_DAEMON_SETS] = daemon_set,
        [SNAPSHOT_REPLICA_SETS] = replica_set,
        [SNAPSHOT_VOLUMES] = persistent_volume,
        [SNAPSHOT_SERVERS] = server,
        [SNAPSHOT_SERVER_TYPES] = server_type,
        [SNAPSHOT_PRICING] = pricing_answer,
};
