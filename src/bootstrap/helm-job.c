#include "bootstrap/helm-job.h"

#include "base/codec.h"
#include "base/json.h"

#define DEADLINE_S 900
#define KEEP_S 600
#define TRIES 10

char *helm_job_name(const struct helm_release *r, const char *hash) {
        return xasprintf("hcloud-v6-helm-%.30s-%.8s", r->release, hash);
}

static json_t *metadata(const char *name, const char *ns) {
        json_t *m = json_object();

        json_object_set_new(m, "name", json_string(name));
        jset_str(m, "namespace", ns);
        json_object_set_new(m, "labels", json_pack("{s:s}", "app.kubernetes.io/managed-by", "hcloud-v6"));
        return m;
}

static json_t *object(const char *api, const char *kind, const char *name, const char *ns) {
        return json_pack("{s:s, s:s, s:o}", "apiVersion", api, "kind", kind, "metadata", metadata(name, ns));
}

static json_t *binding(const char *name) {
        json_t *o = object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", name, NULL);

        json_object_set_new(o, "roleRef", json_pack("{s:s, s:s, s:s}", "apiGroup", "rbac.authorization.k8s.io", "kind", "ClusterRole", "name",
                                                    "cluster-admin"));
        json_object_set_new(o, "subjects", json_pack("[{s:s, s:s, s:s}]", "kind", "ServiceAccount", "name", name, "namespace", "kube-system"));
        return o;
}

static json_t *chart_map(const struct helm_release *r, const char *name) {
        json_t *o = object("v1", "ConfigMap", name, "kube-system");
        _cleanup_str_ char *text = base64_encode(r->chart->data, r->chart->len);

        json_object_set_new(o, "binaryData", json_pack("{s:s}", "chart.tgz", text));
        return o;
}

/* Values may hold passwords, so they are a Secret. */
static json_t *values_secret(const struct helm_release *r, const char *name) {
        json_t *o = object("v1", "Secret", name, "kube-system");
        const char *values = r->values ? r->values : "{}\n";
        _cleanup_str_ char *text = base64_encode(values, strlen(values));

        json_object_set_new(o, "type", json_string("Opaque"));
        json_object_set_new(o, "data", json_pack("{s:s}", "values.yaml", text));
        return o;
}

static json_t *environment(const struct helm_release *r) {
        json_t *env = json_pack("[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}]", "name", "HOME", "value", "/tmp", "name", "HELM_CACHE_HOME", "value",
                                "/tmp/helm/cache", "name", "HELM_CONFIG_HOME", "value", "/tmp/helm/config");

        if (!r->before_cni)
                return env;
        /* Without kube-proxy the Service address is dead until Cilium runs: ask KubePrism, which listens on IPv4 loopback (talos-config.md 5.6). */
        json_array_append_new(env, json_pack("{s:s, s:s}", "name", "KUBERNETES_SERVICE_HOST", "value", "localhost"));
        json_array_append_new(env, json_pack("{s:s, s:s}", "name", "KUBERNETES_SERVICE_PORT", "value", "7445"));
        return env;
}

static json_t *container(const struct helm_release *r) {
        json_t *c = json_pack("{s:s, s:s, s:[s], s:[s, s, s, s, s, s, s, s, s]}", "name", "helm", "image", r->image, "command", "helm", "args", "upgrade",
                              "--install", r->release, "/chart/chart.tgz", "--namespace", r->namespace_, "--create-namespace", "--values",
                              "/values/values.yaml");

        json_object_set_new(c, "env", environment(r));
        json_object_set_new(c, "terminationMessagePolicy", json_string("FallbackToLogsOnError"));
        json_object_set_new(c, "volumeMounts", json_pack("[{s:s, s:s, s:b}, {s:s, s:s, s:b}, {s:s, s:s}]", "name", "chart", "mountPath", "/chart",
                                                         "readOnly", 1, "name", "values", "mountPath", "/values", "readOnly", 1, "name", "tmp",
                                                         "mountPath", "/tmp"));
        json_object_set_new(c, "securityContext", json_pack("{s:b, s:{s:[s]}}", "allowPrivilegeEscalation", 0, "capabilities", "drop", "ALL"));
        return c;
}

static json_t *pod_spec(const struct helm_release *r, const char *name) {
        json_t *spec = json_pack("{s:s, s:s, s:[o]}", "serviceAccountName", name, "restartPolicy", "OnFailure", "containers", container(r));

        json_object_set_new(spec, "volumes", json_pack("[{s:s, s:{s:s}}, {s:s, s:{s:s}}, {s:s, s:{}}]", "name", "chart", "configMap", "name", name,
                                                       "name", "values", "secret", "secretName", name, "name", "tmp", "emptyDir"));
        json_object_set_new(spec, "tolerations", json_pack("[{s:s}]", "operator", "Exists"));
        if (r->before_cni) {
                json_object_set_new(spec, "hostNetwork", json_true());
                /* The node's own resolvers: CoreDNS does not run yet. */
                json_object_set_new(spec, "dnsPolicy", json_string("Default"));
                json_object_set_new(spec, "nodeSelector", json_pack("{s:s}", "node-role.kubernetes.io/control-plane", ""));
        }
        return spec;
}

static json_t *job(const struct helm_release *r, const char *name) {
        json_t *o = object("batch/v1", "Job", name, "kube-system");

        json_object_set_new(o, "spec", json_pack("{s:i, s:i, s:i, s:{s:{s:{s:s}}, s:o}}", "backoffLimit", TRIES, "activeDeadlineSeconds", DEADLINE_S,
                                                 "ttlSecondsAfterFinished", KEEP_S, "template", "metadata", "labels",
                                                 "app.kubernetes.io/managed-by", "hcloud-v6", "spec", pod_spec(r, name)));
        return o;
}

json_t *helm_job_objects(const struct helm_release *r, const char *hash) {
        _cleanup_str_ char *name = helm_job_name(r, hash);

        return json_pack("[o, o, o, o, o]", object("v1", "ServiceAccount", name, "kube-system"), binding(name), chart_map(r, name),
                         values_secret(r, name), job(r, name));
}
