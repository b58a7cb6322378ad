/* What the real API server refuses (kubernetes: pkg/apis/.../validation), in its words, as far as a client of ours can run into
 * it. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/codec.h"
#include "sim/kube/cluster.h"

#define SUBDOMAIN "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an " \
        "alphanumeric character (e.g. 'example.com', regex used for validation is " \
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric " \
        "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

/* 422 with one cause: `Kind.group "name" is invalid: field: detail`. */
_printf_(6, 7) static int invalid(struct kube_failure *f, const struct kube_type *t, const json_t *o, const char *reason,
                                  const char *field, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_str_ char *detail = xvasprintf(fmt, ap);
        va_end(ap);
        const char *name = meta_name(o) ? meta_name(o) : "";
        kube_fail_of(f, 422, "Invalid", t, name, "%s%s%s \"%s\" is invalid: %s: %s", t->kind, *t->group ? "." : "", t->group,
                     name, field, detail);
        kube_fail_cause(f, reason, field, detail);
        return -1;
}

static bool is_label(const char *s, size_t n) {
        if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-')
                return false;
        for (size_t i = 0; i < n; i++)
                if (!islower((unsigned char) s[i]) && !isdigit((unsigned char) s[i]) && s[i] != '-')
                        return false;
        return true;
}

static bool is_subdomain(const char *s) {
        if (strlen(s) > 253)
                return false;
        for (;;) {
                size_t n = strcspn(s, ".");
                /* A part may be longer than a label here. */
                if (n == 0 || s[0] == '-' || s[n - 1] == '-')
                        return false;
                for (size_t i = 0; i < n; i++)
                        if (!islower((unsigned char) s[i]) && !isdigit((unsigned char) s[i]) && s[i] != '-')
                                return false;
                if (!s[n])
                        return true;
                s += n + 1;
        }
}

static int check_name(const struct kube_type *t, const json_t *o, struct kube_failure *f) {
        const char *name = meta_name(o);
        if (str_empty(name))
                return invalid(f, t, o, "FieldValueRequired", "metadata.name",
                               "Required value: name or generateName is required");
        bool label = str_eq(t->kind, "Namespace") || str_eq(t->kind, "Service");
        bool segment = str_eq(t->group, "rbac.authorization.k8s.io");    /* path segment rules only */
        if (segment) {
                if (strchr(name, '/') || strchr(name, '%') || str_eq(name, ".") || str_eq(name, ".."))
                        return invalid(f, t, o, "FieldValueInvalid", "metadata.name",
                                       "Invalid value: \"%s\": may not contain '/' or '%%'", name);
        } else if (label ? !is_label(name, strlen(name)) : !is_subdomain(name)) {
                return invalid(f, t, o, "FieldValueInvalid", "metadata.name", "Invalid value: \"%s\": %s", name, label ? LABEL :
                               SUBDOMAIN);
        }
        return 0;
}

static bool is_qualified_part(const char *s, size_t n) {
        if (n == 0 || n > 63 || !isalnum((unsigned char) s[0]) || !isalnum((unsigned char) s[n - 1]))
                return false;
        for (size_t i = 0; i < n; i++)
                if (!isalnum((unsigned char) s[i]) && !strchr("-_.", s[i]))
                        return false;
        return true;
}

static int check_labels(const struct kube_type *t, const json_t *o, struct kube_failure *f) {
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(json_object_get(o, "metadata"), "labels"), key, value) {
                const char *text = json_string_value(value), *slash = strchr(key, '/'), *part = slash ? slash + 1 : key;
                if (!text)
                        return kube_fail(f, 400, "BadRequest",
                                         "%s in version \"%s\" cannot be handled as a %s: json: cannot unmarshal non-string into Go "
                                         "struct field ObjectMeta.metadata.labels of type string", t->kind, t->version, t->kind);
                if (!is_qualified_part(part, strlen(part)))
                        return invalid(f, t, o, "FieldValueInvalid", "metadata.labels",
                                       "Invalid value: \"%s\": name part must consist of alphanumeric "
                                       "characters, '-', '_' or '.', and must start and end with an alphanumeric character", key);
                if (*text && strlen(text) > 63)
                        return invalid(f, t, o, "FieldValueInvalid", "metadata.labels",
                                       "Invalid value: \"%s\": must be no more than 63 bytes", text);
                if (*text && !is_qualified_part(text, strlen(text)))
                        return invalid(f, t, o, "FieldValueInvalid", "metadata.labels",
                                       "Invalid value: \"%s\": a valid label must be an empty string or "
                                       "consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character", text);
        }
        return 0;
}

static int check_containers(const struct kube_type *t, const json_t *o, const json_t *spec, const char *at,
                            struct kube_failure *f) {
        const json_t *containers = json_object_get(spec, "containers");
        _cleanup_json_ json_t *names = json_object();
        if (json_array_size(containers) == 0) {
                _cleanup_str_ char *field = xasprintf("%scontainers", at);
                return invalid(f, t, o, "FieldValueRequired", field, "Required value");
        }
        size_t i;
        json_t *each;
        json_array_foreach(containers, i, each) {
                const char *name = jget_text(each, "name");
                _cleanup_str_ char *field = xasprintf("%scontainers[%zu].name", at,
                                                      i), *image = xasprintf("%scontainers[%zu].image", at, i);
                if (str_empty(name))
                        return invalid(f, t, o, "FieldValueRequired", field, "Required value");
                if (!is_label(name, strlen(name)))
                        return invalid(f, t, o, "FieldValueInvalid", field, "Invalid value: \"%s\": %s", name, LABEL);
                if (json_object_get(names, name))
                        return invalid(f, t, o, "FieldValueDuplicate", field, "Duplicate value: \"%s\"", name);
                json_object_set_new(names, name, json_true());
                if (str_empty(jget_text(each, "image")))
                        return invalid(f, t, o, "FieldValueRequired", image, "Required value");
                size_t k;
                json_t *mount;
                json_array_foreach(json_object_get(each, "volumeMounts"), k, mount) {
                        bool found = false;
                        size_t v;
                        json_t *volume;
                        json_array_foreach(json_object_get(spec, "volumes"), v, volume)
                                found |= str_eq(jget_text(volume, "name"), jget_text(mount, "name"));
                        _cleanup_str_ char *where = xasprintf("%scontainers[%zu].volumeMounts[%zu].name", at, i, k);
                        if (!found)
                                return invalid(f, t, o, "FieldValueNotFound", where, "Not found: \"%s\"",
                                               jget_text(mount, "name"));
                }
        }
        return 0;
}

static int check_workload(const struct kube_type *t, const json_t *o, struct kube_failure *f) {
        const json_t *spec = json_object_get(o, "spec"), *selector = json_object_get(spec, "selector");
        bool job = str_eq(t->kind, "Job");
        const char *policy = jget_text(spec, "template.spec.restartPolicy");
        if (!selector)
                return invalid(f, t, o, "FieldValueRequired", "spec.selector", "Required value");
        if (!selector_object_matches(selector, jget(spec, "template.metadata.labels"))) {
                _cleanup_str_ char *labels = json_write(jget(spec, "template.metadata.labels") ?
                                                        jget(spec, "template.metadata.labels") : json_null());
                return invalid(f, t, o, "FieldValueInvalid", "spec.template.metadata.labels",
                               "Invalid value: %s: `selector` does not match template `labels`",
                               labels);
        }
        if (job ? str_eq(policy, "Always") : !str_eq(policy, "Always"))
                return invalid(f, t, o, job ? "FieldValueRequired" : "FieldValueNotSupported",
                               "spec.template.spec.restartPolicy", "%s",
                               job ? "Required value: valid values: \"OnFailure\", \"Never\"" :
                               "Unsupported value: supported values: \"Always\"");
        return check_containers(t, o, jget(spec, "template.spec"), "spec.template.spec.", f);
}

static int check_data(const struct kube_type *t, const json_t *o, struct kube_failure *f) {
        size_t total = 0;
        bool secret = str_eq(t->kind, "Secret");
        const char *key;
        json_t *value;
        static const char *const parts[] = { "data", "binaryData" };
        for (size_t p = 0; p < ARRAY_SIZE(parts); p++) {
                json_object_foreach(json_object_get(o, parts[p]), key, value) {
                        bool binary = secret || p == 1;
                        if (!json_is_string(value))
                                return kube_fail(f, 400, "BadRequest",
                                                 "%s in version \"v1\" cannot be handled as a %s: json: cannot unmarshal non-string into "
                                                 "Go struct field %s.%s of type string", t->kind, t->kind, t->kind, parts[p]);
                        _cleanup_free_ uint8_t *bytes = NULL;
                        size_t n = json_string_length(value);
                        _cleanup_(error_done) struct error err = ERROR_INIT;
                        if (binary && base64_decode(json_string_value(value), n, false, &bytes, &n, &err) < 0)
                                return kube_fail(f, 400, "BadRequest",
                                                 "%s in version \"v1\" cannot be handled as a %s: illegal base64 data at input byte 0",
                                                 t->kind, t->kind);
                        total += n;
                        _cleanup_str_ char *field = xasprintf("%s[%s]", parts[p], key);
                        for (const char *c = key; *c; c++)
                                if (!isalnum((unsigned char) *c) && !strchr("-._", *c))
                                        return invalid(f, t, o, "FieldValueInvalid", field,
                                                       "Invalid value: \"%s\": a valid config key must consist of "
                                                       "alphanumeric characters, '-', '_' or '.'", key);
                }
        }
        if (total > 1048576)
                return invalid(f, t, o, "FieldValueTooLong", secret ? "data" : "",
                               "Too long: may not be more than 1048576 bytes");
        return 0;
}

static int check_node(const struct kube_type *t, const json_t *o, struct kube_failure *f) {
        const json_t *cidrs = jget(o, "spec.podCIDRs"), *one = jget(o, "spec.podCIDR");
        size_t i;
        json_t *each;
        json_array_foreach(cidrs, i, each) {
                struct ip6_prefix p;
                _cleanup_str_ char *field = xasprintf("spec.podCIDRs[%zu]", i);
                if (!json_is_string(each) || !strchr(json_string_value(each), '/') ||
                    !ip6_prefix_parse(json_string_value(each), &p, NULL))
                        return invalid(f, t, o, "FieldValueInvalid", field,
                                       "Invalid value: \"%s\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or "
                                       "2001:db8::/64)", json_is_string(each) ? json_string_value(each) : "");
        }
        if (json_array_size(cidrs) > 1)
                return invalid(f, t, o, "FieldValueInvalid", "spec.podCIDRs",
                               "Invalid value: may specify no more than one CIDR for each IP family");
        if (json_array_size(cidrs) == 1 && one && !json_equal(one, json_array_get(cidrs, 0)))
                return invalid(f, t, o, "FieldValueInvalid", "spec.podCIDRs",
                               "Invalid value: podCIDR and podCIDRs[0] do not match");
        return 0;
}

static int check_definition(const struct kube_type *t, const json_t *o, struct kube_failure *f) {
        const char *plural = jget_text(o, "spec.names.plural"), *group = jget_text(o, "spec.group");
        if (str_empty(plural) || str_empty(group))
                return invalid(f, t, o, "FieldValueRequired", str_empty(group) ? "spec.group" : "spec.names.plural",
                               "Required value");
        _cleanup_str_ char *name = xasprintf("%s.%s", plural, group);
        if (!str_eq(name, meta_name(o)))
                return invalid(f, t, o, "FieldValueInvalid", "metadata.name",
                               "Invalid value: \"%s\": must be spec.names.plural+\".\"+spec.group", meta_name(o));
        if (json_array_size(jget(o, "spec.versions")) == 0)
                return invalid(f, t, o, "FieldValueRequired", "spec.versions",
                               "Required value: must have exactly one version marked as storage version");
        return 0;
}

static int check_request(const struct kube_type *t, const json_t *o, struct kube_failure *f) {
        _cleanup_free_ uint8_t *pem = NULL;
        size_t n = 0;
        _cleanup_(error_done) struct error err = ERROR_INIT;
        struct cert_request parsed = { 0 };
        const char *request = jget_text(o, "spec.request");
        if (str_empty(jget_text(o, "spec.signerName")))
                return invalid(f, t, o, "FieldValueRequired", "spec.signerName", "Required value");
        if (!request || base64_decode(request, strlen(request), false, &pem, &n, &err) < 0 ||
            cert_request_parse((const char *) pem, &parsed, &err) < 0)
                return invalid(f, t, o, "FieldValueInvalid", "spec.request",
                               "Invalid value: PEM block type must be CERTIFICATE REQUEST");
        cert_request_done(&parsed);
        return 0;
}

int admit_validate(struct kube_cluster *c, const struct kube_type *t, const json_t *before, const json_t *value,
                   struct kube_failure *f) {
        if (check_name(t, value, f) < 0 || check_labels(t, value, f) < 0)
                return -1;
        if (kube_type_has(t, KUBE_CUSTOM))
                return 0;
        if (!*t->group && (str_eq(t->kind, "ConfigMap") || str_eq(t->kind, "Secret")))
                return check_data(t, value, f);
        if (!*t->group && str_eq(t->kind, "Node"))
                return check_node(t, value, f);
        if (!*t->group && str_eq(t->kind, "Pod") && !before)
                return check_containers(t, value, json_object_get(value, "spec"), "spec.", f);
        if (!*t->group && str_eq(t->kind, "Service") && json_array_size(jget(value, "spec.ports")) == 0 &&
            !str_eq(jget_text(value, "spec.clusterIP"), "None") && !str_eq(jget_text(value, "spec.type"), "ExternalName"))
                return invalid(f, t, value, "FieldValueRequired", "spec.ports", "Required value");
        if (str_eq(t->kind, "DaemonSet") || str_eq(t->kind, "Deployment") || str_eq(t->kind, "StatefulSet") ||
            str_eq(t->kind, "Job"))
                return check_workload(t, value, f);
        if (str_eq(t->kind, "CustomResourceDefinition"))
                return check_definition(t, value, f);
        if (str_eq(t->kind, "CertificateSigningRequest"))
                return check_request(t, value, f);
        return 0;
}

static int immutable_field(struct kube_failure *f, const struct kube_type *t, const json_t *before, const json_t *value,
                           const char *path) {
        const json_t *a = jget(before, path), *b = jget(value, path);
        if (a == b || (a && b && json_equal(a, b)))
                return 0;
        _cleanup_str_ char *shown = b ? json_dumps(b, JSON_COMPACT | JSON_ENCODE_ANY) : xstrdup("null");
        return invalid(f, t, value, "FieldValueInvalid", path, "Invalid value: %s: field is immutable", shown);
}

static int immutable_node(struct kube_failure *f, const struct kube_type *t, const json_t *before, const json_t *value) {
        const json_t *a = jget(before, "spec.podCIDRs"), *b = jget(value, "spec.podCIDRs");
        if (json_array_size(a) > 0 && !(b && json_equal(a, b)))
                return invalid(f, t, value, "FieldValueForbidden", "spec.podCIDRs",
                               "Forbidden: node updates may not change podCIDR except from \"\" to valid");
        const char *old = jget_text(before, "spec.providerID");
        if (!str_empty(old) && !str_eq(old, jget_text(value, "spec.providerID")))
                return invalid(f, t, value, "FieldValueForbidden", "spec.providerID",
                               "Forbidden: node updates may not change providerID except from \"\" to valid");
        return 0;
}

/* Only images, tolerations (added), activeDeadlineSeconds and grace may change; nodeName is set by binding alone. */
static int immutable_pod(struct kube_failure *f, const struct kube_type *t, const json_t *before, const json_t *value) {
        _cleanup_json_ json_t *a = json_deep_copy(json_object_get(before, "spec")), *b = json_deep_copy(json_object_get(value,
                                                                                          "spec"));
        json_t *both[] = { a, b };
        for (size_t i = 0; i < 2; i++) {
                static const char *const free_fields[] = { "tolerations", "activeDeadlineSeconds",
                                                           "terminationGracePeriodSeconds", "schedulingGates" };
                for (size_t k = 0; k < ARRAY_SIZE(free_fields); k++)
                        json_object_del(both[i], free_fields[k]);
                size_t k;
                json_t *container;
                json_array_foreach(json_object_get(both[i], "containers"), k, container)
                        json_object_del(container, "image");
                json_array_foreach(json_object_get(both[i], "initContainers"), k, container)
                        json_object_del(container, "image");
        }
        if (!json_object_get(a, "nodeName"))     /* the scheduler binds */
                json_object_del(b, "nodeName");
        if (json_equal(a, b))
                return 0;
        return invalid(f, t, value, "FieldValueForbidden", "spec",
                       "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
                       "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
                       "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)");
}

int admit_immutable(const struct kube_type *t, const json_t *before, const json_t *value, struct kube_failure *f) {
        static const struct { const char *kind, *path; } fixed[] = {
                { "DaemonSet", "spec.selector" }, { "Deployment", "spec.selector" }, { "ReplicaSet",
                                                                                       "spec.selector" }, { "StatefulSet",
                                                                                          "spec.selector" },
                { "Job", "spec.selector" }, { "Job", "spec.template" }, { "Job", "spec.completions" },
                { "Job", "spec.completionMode" }, { "Secret", "type" },
                { "ClusterRoleBinding", "roleRef" }, { "RoleBinding", "roleRef" }, { "PriorityClass", "value" },
                { "CertificateSigningRequest", "spec" }, { "CustomResourceDefinition", "spec.group" },
                { "CustomResourceDefinition", "spec.scope" },
                { "Service", "spec.clusterIP" },
        };
        if (kube_type_has(t, KUBE_CUSTOM))
                return 0;
        for (size_t i = 0; i < ARRAY_SIZE(fixed); i++)
                if (str_eq(t->kind, fixed[i].kind) && immutable_field(f, t, before, value, fixed[i].path) < 0)
                        return -1;
        if (!*t->group && str_eq(t->kind, "Node"))
                return immutable_node(f, t, before, value);
        if (!*t->group && str_eq(t->kind, "Pod"))
                return immutable_pod(f, t, before, value);
        if ((str_eq(t->kind, "ConfigMap") || str_eq(t->kind, "Secret")) && meta_bool(before, "immutable", false) &&
            !(json_equal(json_object_get(before, "data"), json_object_get(value, "data"))))
                return invalid(f, t, value, "FieldValueForbidden", "data",
                               "Forbidden: field is immutable when `immutable` is set");
        return 0;
}
