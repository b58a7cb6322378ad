/* Subresources: status, scale, eviction, binding, log, approval, token. */
#include "sim/kube/rest.h"

/* Answers of eviction: a real kube-apiserver 1.36.3's, seen there. */
static const json_t *budgets_of(struct kube_cluster *c, const json_t *pod, size_t *ret_count) {
        const json_t *found = NULL;
        const struct kube_type *t = kube_type(c, "policy", "poddisruptionbudgets");
        *ret_count = 0;
        for (size_t i = 0; i < t->n; i++) {
                const json_t *budget = t->items[i].value;
                if (!str_eq(meta_namespace(budget), meta_namespace(pod)) ||
                    !selector_object_matches(jget(budget, "spec.selector"), jget(pod, "metadata.labels")))
                        continue;
                found = budget;
                (*ret_count)++;
        }
        return found;
}

static int too_many(struct kube_failure *f, int retry_after_s, const char *cause) {
        kube_fail(f, 429, "TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.");
        kube_fail_cause(f, "DisruptionBudget", NULL, cause);
        f->retry_after_s = retry_after_s;
        return -1;
}

static int check_budget(struct kube_cluster *c, const json_t *pod, bool dry_run, struct kube_failure *f) {
        size_t count;
        const json_t *budget = budgets_of(c, pod, &count);
        if (count > 1)
                return kube_fail(f, 500, "",
                                 "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.");
        if (!budget || pod_finished(pod) || str_eq(jget_text(pod, "status.phase"), "Pending"))
                return 0;
        if (meta_int(budget, "status.observedGeneration", 0) < meta_generation(budget)) {
                _cleanup_str_ char *cause = xasprintf("The disruption budget %s is still being processed by the server.",
                                                      meta_name(budget));
                return too_many(f, 10, cause);
        }
        int64_t allowed = meta_int(budget, "status.disruptionsAllowed", 0);
        if (allowed <= 0) {
                _cleanup_str_ char *cause = xasprintf("The disruption budget %s needs %lld healthy pods and has %lld currently",
                                                      meta_name(budget),
                                                      (long long) meta_int(budget, "status.desiredHealthy", 0),
                                                      (long long) meta_int(budget, "status.currentHealthy", 0));
                return too_many(f, 0, cause);
        }
        if (dry_run)
                return 0;
        json_t *copy = json_deep_copy(budget);
        json_object_set_new(meta_object(copy, "status"), "disruptionsAllowed", json_integer(allowed - 1));
        json_object_set_new(meta_object(copy, "status.disruptedPods"), meta_name(pod), meta_time(kube_now(c)));
        kube_save(c, "kube-apiserver", "status", copy);
        return 0;
}

static int evict(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, struct kube_answer *a,
                 struct kube_failure *f) {
        const json_t *pod;
        _cleanup_json_ json_t *body = NULL, *left = NULL, *held = NULL;
        if (!request_is(r, "POST"))
                return kube_fail(f, 405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        if (request_body(r, false, &body, f) < 0 || object_of(c, to, &pod, f) < 0)
                return -1;
        held = json_incref((json_t *) pod);
        if (meta_name(body) && !str_eq(meta_name(body), to->name))
                return kube_fail(f, 400, "BadRequest", "name in URL does not match name in Eviction object");
        bool dry_run = request_dry_run(r) || json_array_size(jget(body, "deleteOptions.dryRun")) > 0;
        if (check_budget(c, held, dry_run, f) < 0)
                return -1;
        struct kube_delete how = { .dry_run = dry_run, .grace = meta_int(body, "deleteOptions.gracePeriodSeconds", -1),
                                   .uid = jget_text(body, "deleteOptions.preconditions.uid"),
                                   .resource_version = jget_text(body, "deleteOptions.preconditions.resourceVersion") };
        if (kube_delete(c, to->type, held, &how, &left, f) < 0)
                return -1;
        answer_json(a, 201, json_pack("{s:s, s:s, s:{}, s:s, s:i}", "kind", "Status", "apiVersion", "v1", "metadata", "status",
                                      "Success", "code", 201));
        return 0;
}

static int bind_pod(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, struct kube_answer *a,
                    struct kube_failure *f) {
        const json_t *pod;
        _cleanup_json_ json_t *body = NULL;
        if (request_body(r, false, &body, f) < 0 || object_of(c, to, &pod, f) < 0)
                return -1;
        if (jget_text(pod, "spec.nodeName"))
                return kube_fail_of(f, 409, "Conflict", to->type, to->name,
                                    "Operation cannot be fulfilled on pods/binding \"%s\": pod %s is already assigned to "
                                    "node \"%s\"", to->name, to->name, jget_text(pod, "spec.nodeName"));
        json_t *copy = json_deep_copy(pod);
        jset_str(meta_object(copy, "spec"), "nodeName", jget_text(body, "target.name"));
        kube_save(c, "kube-scheduler", "", copy);
        answer_json(a, 201, json_pack("{s:s, s:s, s:{}, s:s, s:i}", "kind", "Status", "apiVersion", "v1", "metadata", "status",
                                      "Success", "code", 201));
        return 0;
}

static int scale(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, struct kube_answer *a,
                 struct kube_failure *f) {
        const json_t *object;
        _cleanup_json_ json_t *body = NULL;
        if (object_of(c, to, &object, f) < 0)
                return -1;
        if (!request_is(r, "GET")) {
                if (request_body(r, false, &body, f) < 0)
                        return -1;
                const json_t *wanted = jget(body, "spec.replicas");
                if (!json_is_integer(wanted) || json_integer_value(wanted) < 0)
                        return kube_fail(f, 422, "Invalid",
                                         "Scale.autoscaling \"%s\" is invalid: spec.replicas: Invalid value: must be greater than or equal to 0",
                                         to->name);
                json_t *copy = json_deep_copy(object);
                json_object_set(meta_object(copy, "spec"), "replicas", (json_t *) wanted);
                _cleanup_str_ char *manager = request_manager(r);
                kube_save(c, manager, "", copy);
                if (object_of(c, to, &object, f) < 0)
                        return -1;
        }
        answer_json(a, 200, json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s}, s:{s:I}, s:{s:I}}", "kind", "Scale", "apiVersion",
                                      "autoscaling/v1", "metadata", "name",
                                      to->name, "namespace", to->name_space, "uid", meta_uid(object), "resourceVersion",
                                      jget_text(object, "metadata.resourceVersion"), "spec", "replicas",
                                      (json_int_t) meta_int(object, "spec.replicas", 0), "status",
                                      "replicas", (json_int_t) meta_int(object, "status.replicas", 0)));
        return 0;
}

/* The API server asks the kubelet, whose serving certificate it checks. */
static int pod_log(struct kube_cluster *c, const struct kube_target *to, struct kube_answer *a, struct kube_failure *f) {
        const json_t *pod;
        if (object_of(c, to, &pod, f) < 0)
                return -1;
        const char *node = jget_text(pod, "spec.nodeName"), *container = jget_text(json_array_get(jget(pod, "spec.containers"),
                                                                                          0), "name");
        const json_t *status = json_array_get(jget(pod, "status.containerStatuses"), 0);
        if (!node)
                return kube_fail(f, 400, "BadRequest", "pod %s does not have a host assigned", to->name);
        if (jget_text(status, "state.waiting.reason") || !status)
                return kube_fail(f, 400, "BadRequest", "container \"%s\" in pod \"%s\" is waiting to start: %s", container,
                                 to->name,
                                 jget_text(status, "state.waiting.reason") ? jget_text(status, "state.waiting.reason") :
                                 "ContainerCreating");
        const struct kube_machine *m = kube_machine_find(c, node);
        char text[IP6_STR_MAX] = "::";
        if (m)
                ip6_format(&m->settings.addr, text);
        if (!m || !m->up)
                return kube_fail(f, 500, "InternalError",
                                 "Get \"https://[%s]:10250/containerLogs/%s/%s/%s\": dial tcp [%s]:10250: i/o timeout", text,
                                 to->name_space, to->name, container, text);
        if (m->settings.rotate_certificates && !m->has_serving)
                return kube_fail(f, 500, "InternalError",
                                 "Get \"https://[%s]:10250/containerLogs/%s/%s/%s\": remote error: tls: internal error", text,
                                 to->name_space, to->name, container);
        const char *message = jget_text(status, "state.terminated.message");
        a->status = 200;
        a->content_type = "text/plain";
        a->body = message ? xasprintf("%s\n", message) : xstrdup("(simulated: no container runs)\n");
        return 0;
}

static int approve(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, struct kube_answer *a,
                   struct kube_failure *f) {
        const json_t *request;
        _cleanup_json_ json_t *body = NULL;
        if (!request_is(r, "PUT"))
                return rest_write(c, r, to, "status", a, f);
        if (object_of(c, to, &request, f) < 0 || request_body(r, false, &body, f) < 0)
                return -1;
        size_t i;
        json_t *each;
        json_array_foreach(jget(body, "status.conditions"), i, each) {
                const char *type = jget_text(each, "type");
                if (!type || !jget_text(each, "status"))
                        return kube_fail(f, 422, "Invalid",
                                         "CertificateSigningRequest.certificates.k8s.io \"%s\" is invalid: status.conditions[%zu].%s: Required value",
                                         to->name, i, type ? "status" : "type");
                if (meta_condition(request, str_eq(type, "Approved") ? "Denied" : "Approved") && !meta_condition(request, type))
                        return kube_fail(f, 422, "Invalid",
                                         "CertificateSigningRequest.certificates.k8s.io \"%s\" is invalid: status.conditions: Invalid value: "
                                         "\"%s\": Approved and Denied conditions are mutually exclusive", to->name, type);
        }
        return rest_write(c, r, to, "status", a, f);
}

static int token(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to, struct kube_answer *a,
                 struct kube_failure *f) {
        const json_t *account;
        _cleanup_json_ json_t *body = NULL;
        if (object_of(c, to, &account, f) < 0 || request_body(r, false, &body, f) < 0)
                return -1;
        return kube_fail(f, 501, "NotImplemented", "the simulated API server issues no service account tokens");
}

bool subresource_handle(struct kube_cluster *c, const struct kube_request *r, const struct kube_target *to,
                        struct kube_answer *a) {
        _cleanup_kube_failure_ struct kube_failure f = { 0 };
        const char *sub = to->subresource;
        bool pod = !*to->type->group && str_eq(to->type->kind, "Pod"), read = request_is(r, "GET"), write = request_is(r,
                                                                                          "PUT") || request_is(r, "PATCH");
        const json_t *object;
        int failed;
        if (str_eq(sub, "status") && kube_type_has(to->type, KUBE_STATUS) && read) {
                failed = object_of(c, to, &object, &f);
                if (!failed)
                        answer_object(c, r, to->type, a, 200, object);
        } else if (str_eq(sub, "status") && kube_type_has(to->type, KUBE_STATUS) && write) {
                failed = rest_write(c, r, to, "status", a, &f);
        } else if (str_eq(sub, "scale") && kube_type_has(to->type, KUBE_SCALE)) {
                failed = scale(c, r, to, a, &f);
        } else if (pod && str_eq(sub, "eviction")) {
                failed = evict(c, r, to, a, &f);
        } else if (pod && str_eq(sub, "binding") && request_is(r, "POST")) {
                failed = bind_pod(c, r, to, a, &f);
        } else if (pod && str_eq(sub, "log") && read) {
                failed = pod_log(c, to, a, &f);
        } else if (pod && (str_eq(sub, "exec") || str_eq(sub, "attach") || str_eq(sub, "portforward"))) {
                failed = kube_fail(&f, 501, "NotImplemented", "no container runs in the simulated cluster");
        } else if (str_eq(to->type->kind, "CertificateSigningRequest") && str_eq(sub, "approval") && (read || write)) {
                failed = approve(c, r, to, a, &f);
        } else if (str_eq(to->type->kind, "ServiceAccount") && str_eq(sub, "token") && request_is(r, "POST")) {
                failed = token(c, r, to, a, &f);
        } else {
                return false;
        }
        if (failed)
                answer_failure(a, &f);
        return true;
}
