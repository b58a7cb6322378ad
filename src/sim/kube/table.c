/* Server-side printing: meta.k8s.io/v1 Tables with kubectl's columns (kubernetes: pkg/printers/internalversion/printers.go). */
#include "sim/kube/rest.h"

#include "base/clock.h"

struct column { const char *name; int priority; char *(*text)(struct kube_cluster *c, const json_t *o); };

static char *dup_or(const char *s, const char *otherwise) {
        return xstrdup(str_empty(s) ? otherwise : s);
}

/* kubectl's HumanDuration, coarse. */
static char *span(int64_t ms) {
        int64_t s = ms / 1000;
        if (s < 0)
                return xstrdup("0s");
        if (s < 120)
                return xasprintf("%llds", (long long) s);
        if (s < 600)
                return s % 60 ? xasprintf("%lldm%llds", (long long) (s / 60), (long long) (s % 60)) :
                xasprintf("%lldm", (long long) (s / 60));
        if (s < 3 * 3600)
                return xasprintf("%lldm", (long long) (s / 60));
        if (s < 48 * 3600)
                return xasprintf("%lldh", (long long) (s / 3600));
        return xasprintf("%lldd", (long long) (s / 86400));
}

static char *name_column(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(meta_name(o), ""); }
static char *age_column(struct kube_cluster *c, const json_t *o) { return span(kube_now(c) - meta_time_of(o,
                                                                                          "metadata.creationTimestamp")); }
static char *created_column(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o,
                                                                                          "metadata.creationTimestamp"),
                                                                                          "<unknown>"); }
static char *number(const json_t *o, const char *path) { return xasprintf("%lld", (long long) meta_int(o, path, 0)); }

static char *node_status(struct kube_cluster *c, const json_t *o) {
        (void) c;
        const char *state = meta_condition_is(o, "Ready", "True") ? "Ready" : meta_condition(o, "Ready") ? "NotReady" : "Unknown";
        return xasprintf("%s%s", state, meta_bool(o, "spec.unschedulable", false) ? ",SchedulingDisabled" : "");
}

static char *node_roles(struct kube_cluster *c, const json_t *o) {
        (void) c;
        _cleanup_strv_ struct strv roles = { 0 };
        const char *key;
        json_t *value;
        json_object_foreach((json_t *) jget(o, "metadata.labels"), key, value)
                if (str_starts(key, "node-role.kubernetes.io/"))
                        strv_add(&roles, key + strlen("node-role.kubernetes.io/"));
        return roles.n ? strv_join(&roles, ",") : xstrdup("<none>");
}

static char *node_version(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o,
                                                                                          "status.nodeInfo.kubeletVersion"),
                                                                                          ""); }
static char *node_os(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "status.nodeInfo.osImage"),
                                                                                        "<unknown>"); }
static char *node_kernel(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o,
                                                                                          "status.nodeInfo.kernelVersion"),
                                                                                          "<unknown>"); }
static char *node_runtime(struct kube_cluster *c, const json_t *o) {
        (void) c;
        return dup_or(jget_text(o, "status.nodeInfo.containerRuntimeVersion"), "<unknown>");
}

static char *node_address(const json_t *o, const char *type) {
        size_t i;
        json_t *each;
        json_array_foreach(jget(o, "status.addresses"), i, each)
                if (str_eq(jget_text(each, "type"), type))
                        return dup_or(jget_text(each, "address"), "<none>");
        return xstrdup("<none>");
}

static char *node_internal(struct kube_cluster *c, const json_t *o) { (void) c; return node_address(o, "InternalIP"); }
static char *node_external(struct kube_cluster *c, const json_t *o) { (void) c; return node_address(o, "ExternalIP"); }

static char *pod_ready_column(struct kube_cluster *c, const json_t *o) {
        (void) c;
        size_t i, ready = 0;
        json_t *each;
        json_array_foreach(jget(o, "status.containerStatuses"), i, each)
                ready += json_is_true(json_object_get(each, "ready"));
        return xasprintf("%zu/%zu", ready, json_array_size(jget(o, "spec.containers")));
}

static char *pod_status(struct kube_cluster *c, const json_t *o) {
        (void) c;
        size_t i;
        json_t *each;
        if (meta_deleting(o))
                return xstrdup("Terminating");
        json_array_foreach(jget(o, "status.containerStatuses"), i, each) {
                const char *waiting = jget_text(each, "state.waiting.reason"), *ended = jget_text(each,
                                                                                          "state.terminated.reason");
                if (waiting || ended)
                        return xstrdup(waiting ? waiting : ended);
        }
        return dup_or(jget_text(o, "status.phase"), "Unknown");
}

static char *pod_restarts(struct kube_cluster *c, const json_t *o) {
        (void) c;
        return xasprintf("%lld", (long long) meta_int(json_array_get(jget(o, "status.containerStatuses"), 0), "restartCount", 0));
}

static char *pod_ip(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "status.podIP"), "<none>"); }
static char *pod_node(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "spec.nodeName"),
                                                                                         "<none>"); }
static char *none_column(struct kube_cluster *c, const json_t *o) { (void) c; (void) o; return xstrdup("<none>"); }

static char *deployment_ready(struct kube_cluster *c, const json_t *o) {
        (void) c;
        return xasprintf("%lld/%lld", (long long) meta_int(o, "status.readyReplicas", 0),
                         (long long) meta_int(o, "spec.replicas", 0));
}
static char *updated(struct kube_cluster *c, const json_t *o) { (void) c; return number(o, "status.updatedReplicas"); }
static char *available(struct kube_cluster *c, const json_t *o) { (void) c; return number(o, "status.availableReplicas"); }
static char *desired_scheduled(struct kube_cluster *c, const json_t *o) { (void) c; return number(o,
                                                                                          "status.desiredNumberScheduled"); }
static char *current_scheduled(struct kube_cluster *c, const json_t *o) { (void) c; return number(o,
                                                                                          "status.currentNumberScheduled"); }
static char *number_ready(struct kube_cluster *c, const json_t *o) { (void) c; return number(o, "status.numberReady"); }
static char *updated_scheduled(struct kube_cluster *c, const json_t *o) { (void) c; return number(o,
                                                                                          "status.updatedNumberScheduled"); }
static char *number_available(struct kube_cluster *c, const json_t *o) { (void) c; return number(o, "status.numberAvailable"); }
static char *replicas_desired(struct kube_cluster *c, const json_t *o) { (void) c; return number(o, "spec.replicas"); }
static char *replicas_current(struct kube_cluster *c, const json_t *o) { (void) c; return number(o, "status.replicas"); }
static char *replicas_ready(struct kube_cluster *c, const json_t *o) { (void) c; return number(o, "status.readyReplicas"); }

static char *node_selector(struct kube_cluster *c, const json_t *o) {
        (void) c;
        _cleanup_strv_ struct strv parts = { 0 };
        const char *key;
        json_t *value;
        json_object_foreach((json_t *) jget(o, "spec.template.spec.nodeSelector"), key, value)
                strv_take(&parts, xasprintf("%s=%s", key, json_string_value(value)));
        return parts.n ? strv_join(&parts, ",") : xstrdup("<none>");
}

static char *job_status(struct kube_cluster *c, const json_t *o) {
        (void) c;
        return xstrdup(meta_condition_is(o, "Complete", "True") ? "Complete" : meta_condition_is(o, "Failed", "True") ?
                       "Failed" : "Running");
}
static char *job_completions(struct kube_cluster *c, const json_t *o) {
        (void) c;
        return xasprintf("%lld/%lld", (long long) meta_int(o, "status.succeeded", 0),
                         (long long) meta_int(o, "spec.completions", 1));
}
static char *job_duration(struct kube_cluster *c, const json_t *o) {
        int64_t start = meta_time_of(o, "status.startTime"), end = meta_time_of(o, "status.completionTime");
        return start ? span((end ? end : kube_now(c)) - start) : xstrdup("");
}

static char *service_type(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "spec.type"), ""); }
static char *service_ip(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "spec.clusterIP"),
                                                                                          "None"); }
static char *service_ports(struct kube_cluster *c, const json_t *o) {
        (void) c;
        _cleanup_strv_ struct strv parts = { 0 };
        size_t i;
        json_t *each;
        json_array_foreach(jget(o, "spec.ports"), i, each)
                strv_take(&parts, xasprintf("%lld/%s", (long long) meta_int(each, "port", 0), jget_text(each, "protocol")));
        return parts.n ? strv_join(&parts, ",") : xstrdup("<none>");
}

static char *phase(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "status.phase"), ""); }
static char *csr_signer(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "spec.signerName"), ""); }
static char *csr_user(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "spec.username"), ""); }
static char *csr_condition(struct kube_cluster *c, const json_t *o) {
        (void) c;
        bool issued = jget_text(o, "status.certificate") != NULL;
        const char *text = meta_condition(o, "Denied") ? "Denied" : meta_condition(o, "Approved") ? "Approved" : "Pending";
        return xasprintf("%s%s", text, issued ? ",Issued" : "");
}

static char *data_count(struct kube_cluster *c, const json_t *o) {
        (void) c;
        return xasprintf("%zu", json_object_size(jget(o, "data")) + json_object_size(jget(o, "binaryData")));
}
static char *secret_type(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "type"), ""); }
static char *lease_holder(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "spec.holderIdentity"),
                                                                                          ""); }
static char *event_reason(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "reason"), ""); }
static char *event_type(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "type"), ""); }
static char *event_message(struct kube_cluster *c, const json_t *o) { (void) c; return dup_or(jget_text(o, "message"), ""); }
static char *event_object(struct kube_cluster *c, const json_t *o) {
        (void) c;
        const char *kind = jget_text(o, "involvedObject.kind");
        char *text = xasprintf("%s/%s", kind ? kind : "", jget_text(o, "involvedObject.name") ?
                               jget_text(o, "involvedObject.name") : "");
        for (char *p = text; *p && *p != '/'; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char) (*p + 'a' - 'A');
        return text;
}
static char *event_seen(struct kube_cluster *c, const json_t *o) { return span(kube_now(c) - meta_time_of(o, "lastTimestamp")); }
static char *pdb_min(struct kube_cluster *c, const json_t *o) {
        (void) c;
        const json_t *v = jget(o, "spec.minAvailable");
        return json_is_integer(v) ? number(o, "spec.minAvailable") : dup_or(json_string_value(v), "N/A");
}
static char *pdb_max(struct kube_cluster *c, const json_t *o) {
        (void) c;
        const json_t *v = jget(o, "spec.maxUnavailable");
        return json_is_integer(v) ? number(o, "spec.maxUnavailable") : dup_or(json_string_value(v), "N/A");
}
static char *pdb_allowed(struct kube_cluster *c, const json_t *o) { (void) c; return number(o, "status.disruptionsAllowed"); }

static const struct column
        nodes[] = { { "Name", 0, name_column }, { "Status", 0, node_status }, { "Roles", 0, node_roles },
                    { "Age", 0, age_column }, { "Version", 0, node_version },
                    { "Internal-IP", 1, node_internal }, { "External-IP", 1, node_external }, { "OS-Image", 1, node_os },
                    { "Kernel-Version", 1, node_kernel },
                    { "Container-Runtime", 1, node_runtime }, { NULL } },
        pods[] = { { "Name", 0, name_column }, { "Ready", 0, pod_ready_column }, { "Status", 0, pod_status },
                   { "Restarts", 0, pod_restarts }, { "Age", 0, age_column },
                   { "IP", 1, pod_ip }, { "Node", 1, pod_node }, { "Nominated Node", 1, none_column },
                   { "Readiness Gates", 1, none_column }, { NULL } },
        deployments[] = { { "Name", 0, name_column }, { "Ready", 0, deployment_ready }, { "Up-to-date", 0, updated },
                          { "Available", 0, available },
                          { "Age", 0, age_column }, { NULL } },
        daemonsets[] = { { "Name", 0, name_column }, { "Desired", 0, desired_scheduled }, { "Current", 0, current_scheduled },
                         { "Ready", 0, number_ready },
                         { "Up-to-date", 0, updated_scheduled }, { "Available", 0, number_available },
                         { "Node Selector", 0, node_selector },
                         { "Age", 0, age_column }, { NULL } },
        replicasets[] = { { "Name", 0, name_column }, { "Desired", 0, replicas_desired }, { "Current", 0, replicas_current },
                          { "Ready", 0, replicas_ready },
                          { "Age", 0, age_column }, { NULL } },
        jobs[] = { { "Name", 0, name_column }, { "Status", 0, job_status }, { "Completions", 0, job_completions },
                   { "Duration", 0, job_duration },
                   { "Age", 0, age_column }, { NULL } },
        services[] = { { "Name", 0, name_column }, { "Type", 0, service_type }, { "Cluster-IP", 0, service_ip },
                       { "External-IP", 0, none_column },
                       { "Port(s)", 0, service_ports }, { "Age", 0, age_column }, { NULL } },
        namespaces[] = { { "Name", 0, name_column }, { "Status", 0, phase }, { "Age", 0, age_column }, { NULL } },
        requests[] = { { "Name", 0, name_column }, { "Age", 0, age_column }, { "SignerName", 0, csr_signer },
                       { "Requestor", 0, csr_user },
                       { "RequestedDuration", 0, none_column }, { "Condition", 0, csr_condition }, { NULL } },
        configmaps[] = { { "Name", 0, name_column }, { "Data", 0, data_count }, { "Age", 0, age_column }, { NULL } },
        secrets[] = { { "Name", 0, name_column }, { "Type", 0, secret_type }, { "Data", 0, data_count },
                      { "Age", 0, age_column }, { NULL } },
        leases[] = { { "Name", 0, name_column }, { "Holder", 0, lease_holder }, { "Age", 0, age_column }, { NULL } },
        events[] = { { "Last Seen", 0, event_seen }, { "Type", 0, event_type }, { "Reason", 0, event_reason },
                     { "Object", 0, event_object },
                     { "Message", 0, event_message }, { NULL } },
        budgets[] = { { "Name", 0, name_column }, { "Min Available", 0, pdb_min }, { "Max Unavailable", 0, pdb_max },
                      { "Allowed Disruptions", 0, pdb_allowed },
                      { "Age", 0, age_column }, { NULL } },
        other[] = { { "Name", 0, name_column }, { "Created At", 0, created_column }, { NULL } };

static const struct { const char *plural; const struct column *columns; } tables[] = {
        { "nodes", nodes }, { "pods", pods }, { "deployments", deployments }, { "daemonsets", daemonsets }, { "replicasets",
                                                                                          replicasets }, { "jobs", jobs },
        { "services", services }, { "namespaces", namespaces }, { "certificatesigningrequests", requests },
        { "configmaps", configmaps },
        { "secrets", secrets }, { "leases", leases }, { "events", events }, { "poddisruptionbudgets", budgets },
};

static const struct column *columns_of(const struct kube_type *t) {
        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                if (str_eq(tables[i].plural, t->plural))
                        return tables[i].columns;
        return other;
}

static json_t *row_of(struct kube_cluster *c, const struct column *columns, const json_t *o, bool whole) {
        json_t *cells = json_array();
        for (const struct column *col = columns; col->name; col++) {
                _cleanup_str_ char *text = col->text(c, o);
                json_array_append_new(cells, json_string(text));
        }
        json_t *object = whole ? json_incref((json_t *) o) :
                json_pack("{s:s, s:s, s:O}", "kind", "PartialObjectMetadata", "apiVersion", "meta.k8s.io/v1", "metadata",
                          json_object_get(o, "metadata"));
        return json_pack("{s:o, s:o}", "cells", cells, "object", object);
}

json_t *table_of(struct kube_cluster *c, const struct kube_type *t, const json_t *objects, const char *resource_version,
                 bool whole, bool headers) {
        const struct column *columns = columns_of(t);
        json_t *definitions = json_array(), *rows = json_array(), *each;
        for (const struct column *col = columns; headers && col->name; col++)
                json_array_append_new(definitions, json_pack("{s:s, s:s, s:s, s:s, s:i}", "name", col->name, "type", "string",
                                                             "format",
                                                             str_eq(col->name, "Name") ? "name" : "", "description", "",
                                                             "priority", col->priority));
        size_t i;
        json_array_foreach(objects, i, each)
                json_array_append_new(rows, row_of(c, columns, each, whole));
        return json_pack("{s:s, s:s, s:{s:s}, s:o, s:o}", "kind", "Table", "apiVersion", "meta.k8s.io/v1", "metadata",
                         "resourceVersion",
                         resource_version ? resource_version : "", "columnDefinitions", definitions, "rows", rows);
}
