/* Defaults that the API server writes into objects (kubernetes: pkg/apis/.../defaults.go), as far as a client of ours can see
 * them. */
#include "base/codec.h"
#include "sim/kube/cluster.h"

static void if_absent(json_t *o, const char *key, json_t *value) {
        if (json_object_get(o, key) && !json_is_null(json_object_get(o, key)))
                json_decref(value);
        else
                json_object_set_new(o, key, value);
}

static void default_env(json_t *container) {
        size_t i;
        json_t *env;
        json_array_foreach(json_object_get(container, "env"), i, env) {
                json_t *reference = json_object_get(json_object_get(env, "valueFrom"), "fieldRef");
                if (json_is_object(reference))
                        if_absent(reference, "apiVersion", json_string("v1"));
        }
}

static void default_probe(json_t *probe) {
        if (!json_is_object(probe))
                return;
        if_absent(probe, "timeoutSeconds", json_integer(1));
        if_absent(probe, "periodSeconds", json_integer(10));
        if_absent(probe, "successThreshold", json_integer(1));
        if_absent(probe, "failureThreshold", json_integer(3));
        json_t *get = json_object_get(probe, "httpGet");
        if (json_is_object(get)) {
                if_absent(get, "path", json_string("/"));
                if_absent(get, "scheme", json_string("HTTP"));
        }
}

static void default_container(json_t *container) {
        const char *image = jget_text(container, "image");
        const char *slash = image ? strrchr(image, '/') : NULL, *colon = image ? strrchr(slash ? slash : image, ':') : NULL;
        bool latest = image && !strchr(image, '@') && (!colon || str_eq(colon, ":latest"));
        if_absent(container, "imagePullPolicy", json_string(latest ? "Always" : "IfNotPresent"));
        if_absent(container, "resources", json_object());
        if_absent(container, "terminationMessagePath", json_string("/dev/termination-log"));
        if_absent(container, "terminationMessagePolicy", json_string("File"));
        size_t i;
        json_t *port;
        json_array_foreach(json_object_get(container, "ports"), i, port)
                if_absent(port, "protocol", json_string("TCP"));
        static const char *const probes[] = { "livenessProbe", "readinessProbe", "startupProbe" };
        for (size_t p = 0; p < ARRAY_SIZE(probes); p++)
                default_probe(json_object_get(container, probes[p]));
        default_env(container);
}

static void default_volume(json_t *volume) {
        static const char *const moded[] = { "configMap", "secret", "downwardAPI", "projected" };
        for (size_t i = 0; i < ARRAY_SIZE(moded); i++)
                if (json_is_object(json_object_get(volume, moded[i])))
                        if_absent(json_object_get(volume, moded[i]), "defaultMode", json_integer(420));
        if (json_is_object(json_object_get(volume, "hostPath")))
                if_absent(json_object_get(volume, "hostPath"), "type", json_string(""));
}

static void default_pod_spec(json_t *spec, const char *restart_policy) {
        size_t i;
        json_t *each;
        json_array_foreach(json_object_get(spec, "containers"), i, each)
                default_container(each);
        json_array_foreach(json_object_get(spec, "initContainers"), i, each)
                default_container(each);
        json_array_foreach(json_object_get(spec, "volumes"), i, each)
                default_volume(each);
        if_absent(spec, "restartPolicy", json_string(restart_policy));
        if_absent(spec, "dnsPolicy", json_string("ClusterFirst"));
        if_absent(spec, "terminationGracePeriodSeconds", json_integer(30));
        if_absent(spec, "securityContext", json_object());
        if_absent(spec, "schedulerName", json_string("default-scheduler"));
        const char *account = jget_text(spec, "serviceAccountName");
        if (account)
                if_absent(spec, "serviceAccount", json_string(account));
        if (meta_bool(spec, "hostNetwork", false)) {
                json_array_foreach(json_object_get(spec, "containers"), i, each) {
                        size_t k;
                        json_t *port;
                        json_array_foreach(json_object_get(each, "ports"), k, port)
                                if (json_object_get(port, "containerPort"))
                                        if_absent(port, "hostPort", json_incref(json_object_get(port, "containerPort")));
                }
        }
}

static bool tolerates_key(const json_t *tolerations, const char *key) {
        size_t i;
        json_t *each;
        json_array_foreach(tolerations, i, each) {
                const char *own = jget_text(each, "key"), *effect = jget_text(each, "effect");
                if ((str_empty(own) || str_eq(own, key)) && (str_empty(effect) || str_eq(effect, "NoExecute")))
                        return true;
        }
        return false;
}

/* Admission plugins: ServiceAccount, DefaultTolerationSeconds, Priority. */
static void default_pod(struct kube_cluster *c, json_t *pod) {
        static const char *const waits[] = { "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable" };
        json_t *spec = meta_object(pod, "spec");
        default_pod_spec(spec, "Always");
        if_absent(spec, "serviceAccountName", json_string("default"));
        if_absent(spec, "serviceAccount", json_incref(json_object_get(spec, "serviceAccountName")));
        if_absent(spec, "enableServiceLinks", json_true());
        if_absent(spec, "preemptionPolicy", json_string("PreemptLowerPriority"));
        for (size_t i = 0; i < ARRAY_SIZE(waits); i++)
                if (!tolerates_key(json_object_get(spec, "tolerations"), waits[i]))
                        json_array_append_new(meta_array(spec, "tolerations"),
                                              json_pack("{s:s, s:s, s:s, s:i}", "key", waits[i], "operator", "Exists", "effect",
                                                        "NoExecute",
                                                        "tolerationSeconds", 300));
        const char *class = jget_text(spec, "priorityClassName");
        const json_t *priority = class ? kube_find(c, "scheduling.k8s.io", "priorityclasses", NULL, class) : NULL;
        if_absent(spec, "priority", json_integer(meta_int(priority, "value", 0)));
        if_absent(meta_object(pod, "status"), "phase", json_string("Pending"));
        if_absent(meta_object(pod, "status"), "qosClass", json_string("Burstable"));
}

static void default_job(json_t *job) {
        json_t *spec = meta_object(job, "spec");
        default_pod_spec(meta_object(spec, "template.spec"), "Never");
        if (!json_object_get(spec, "completions") && !json_object_get(spec, "parallelism"))
                json_object_set_new(spec, "completions", json_integer(1));
        if_absent(spec, "parallelism", json_integer(1));
        if_absent(spec, "backoffLimit", json_integer(6));
        if_absent(spec, "completionMode", json_string("NonIndexed"));
        if_absent(spec, "suspend", json_false());
        if_absent(spec, "manualSelector", json_false());
        if_absent(spec, "podReplacementPolicy", json_string("TerminatingOrFailed"));
        json_t *labels = meta_object(spec, "template.metadata.labels");
        const char *uid = meta_uid(job);
        if (uid && !json_object_get(labels, "batch.kubernetes.io/controller-uid")) {
                json_object_set_new(labels, "batch.kubernetes.io/controller-uid", json_string(uid));
                json_object_set_new(labels, "batch.kubernetes.io/job-name", json_string(meta_name(job)));
                json_object_set_new(labels, "controller-uid", json_string(uid));
                json_object_set_new(labels, "job-name", json_string(meta_name(job)));
        }
        if (uid)
                if_absent(spec, "selector", json_pack("{s:{s:s}}", "matchLabels", "batch.kubernetes.io/controller-uid", uid));
}

static void default_service(struct kube_cluster *c, json_t *service, const json_t *before) {
        json_t *spec = meta_object(service, "spec"), *port;
        if_absent(spec, "type", json_string("ClusterIP"));
        if_absent(spec, "sessionAffinity", json_string("None"));
        size_t i;
        json_array_foreach(json_object_get(spec, "ports"), i, port) {
                if_absent(port, "protocol", json_string("TCP"));
                if_absent(port, "targetPort", json_incref(json_object_get(port, "port")));
        }
        if (str_eq(jget_text(spec, "type"), "ExternalName"))
                return;
        if_absent(spec, "internalTrafficPolicy", json_string("Cluster"));
        if_absent(spec, "ipFamilies", json_pack("[s]", "IPv6"));
        if_absent(spec, "ipFamilyPolicy", json_string("SingleStack"));
        /* An update that does not say keeps what was allocated. */
        if (str_empty(jget_text(spec, "clusterIP")) && jget(before, "spec.clusterIP"))
                json_object_set(spec, "clusterIP", (json_t *) jget(before, "spec.clusterIP"));
        if (str_empty(jget_text(spec, "clusterIP"))) {
                struct ip6_addr a = ip6_host(&c->settings.service_subnet, 0x100u + c->next_service_address++);
                char text[IP6_STR_MAX];
                json_object_set_new(spec, "clusterIP", json_string(ip6_format(&a, text)));
        }
        if_absent(spec, "clusterIPs", json_pack("[O]", json_object_get(spec, "clusterIP")));
}

static void default_secret(json_t *secret) {
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(secret, "stringData"), key, value) {
                _cleanup_str_ char *text = base64_encode(json_string_value(value), json_string_length(value));
                json_object_set_new(meta_object(secret, "data"), key, json_string(text));
        }
        json_object_del(secret, "stringData");
        if_absent(secret, "type", json_string("Opaque"));
}

/* podCIDR and podCIDRs are one field in two forms (kubernetes: core/v1 conversion). */
static void default_node(json_t *node, const json_t *before) {
        json_t *spec = meta_object(node, "spec"), *one = json_object_get(spec, "podCIDR"), *many = json_object_get(spec,
                                                                                          "podCIDRs");
        bool one_changed = before && !json_equal(one, jget(before, "spec.podCIDR") ? jget(before, "spec.podCIDR") : json_null());
        if (json_array_size(many) == 0 && !str_empty(json_string_value(one)))
                json_object_set_new(spec, "podCIDRs", json_pack("[O]", one));
        else if (json_array_size(many) > 0 && (!one || (!one_changed && before)))
                json_object_set(spec, "podCIDR", json_array_get(many, 0));
}

static void default_definition(json_t *definition) {
        json_t *names = meta_object(definition, "spec.names");
        const char *kind = jget_text(names, "kind");
        if (!kind)
                return;
        _cleanup_str_ char *list = xasprintf("%sList", kind), *singular = xstrdup(kind);
        for (char *p = singular; *p; p++)
                if (*p >= 'A' && *p <= 'Z')
                        *p = (char) (*p + 'a' - 'A');
        if_absent(names, "listKind", json_string(list));
        if_absent(names, "singular", json_string(singular));
        if_absent(meta_object(definition, "spec"), "conversion", json_pack("{s:s}", "strategy", "None"));
}

static void default_workload(const struct kube_type *t, json_t *value) {
        json_t *spec = meta_object(value, "spec");
        default_pod_spec(meta_object(spec, "template.spec"), "Always");
        if_absent(spec, "revisionHistoryLimit", json_integer(10));
        if (str_eq(t->kind, "DaemonSet")) {
                if_absent(spec, "updateStrategy", json_pack("{s:s, s:{s:i, s:i}}", "type", "RollingUpdate", "rollingUpdate",
                                                            "maxUnavailable", 1,
                                                            "maxSurge", 0));
                if (str_eq(jget_text(spec, "updateStrategy.type"), "RollingUpdate"))
                        if_absent(meta_object(spec, "updateStrategy"), "rollingUpdate",
                                  json_pack("{s:i, s:i}", "maxUnavailable", 1, "maxSurge", 0));
                return;
        }
        if_absent(spec, "replicas", json_integer(1));
        if (str_eq(t->kind, "Deployment")) {
                if_absent(spec, "progressDeadlineSeconds", json_integer(600));
                if_absent(spec, "strategy", json_pack("{s:s}", "type", "RollingUpdate"));
                if (str_eq(jget_text(spec, "strategy.type"), "RollingUpdate"))
                        if_absent(meta_object(spec, "strategy"), "rollingUpdate",
                                  json_pack("{s:s, s:s}", "maxUnavailable", "25%", "maxSurge", "25%"));
        }
}

void admit_defaults(struct kube_cluster *c, const struct kube_type *t, json_t *value, const json_t *before) {
        if (str_eq(t->group, "apps") && json_is_object(jget(value, "spec.template")) && !str_eq(t->kind, "ReplicaSet")) {
                default_workload(t, value);
        } else if (str_eq(t->group, "batch") && str_eq(t->kind, "Job")) {
                default_job(value);
        } else if (str_eq(t->group, "apiextensions.k8s.io")) {
                default_definition(value);
        } else if (str_eq(t->group, "rbac.authorization.k8s.io")) {
                size_t i;
                json_t *subject;
                json_array_foreach(json_object_get(value, "subjects"), i, subject)
                        if (!str_eq(jget_text(subject, "kind"), "ServiceAccount"))
                                if_absent(subject, "apiGroup", json_string("rbac.authorization.k8s.io"));
        } else if (!*t->group && str_eq(t->kind, "Pod")) {
                default_pod(c, value);
        } else if (!*t->group && str_eq(t->kind, "Service")) {
                default_service(c, value, before);
        } else if (!*t->group && str_eq(t->kind, "Secret")) {
                default_secret(value);
        } else if (!*t->group && str_eq(t->kind, "Node")) {
                default_node(value, before);
        } else if (!*t->group && str_eq(t->kind, "Namespace")) {
                meta_set_label(value, "kubernetes.io/metadata.name", meta_name(value) ? meta_name(value) : "");
                if_absent(meta_object(value, "spec"), "finalizers", json_pack("[s]", "kubernetes"));
                if_absent(meta_object(value, "status"), "phase", json_string("Active"));
        }
}
