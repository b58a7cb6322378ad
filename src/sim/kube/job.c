/* Jobs: pods are made, counted, retried; finished Jobs get their conditions and go when their time to live ends. */
#include "sim/kube/cluster.h"
#include "sim/kube/helm.h"

struct job_counts { int64_t active, ready, succeeded, failed, restarts; };

static struct job_counts count(struct kube_cluster *c, const json_t *job) {
        const struct kube_type *pods = kube_type(c, "", "pods");
        struct job_counts n = { 0 };
        _cleanup_str_ char *prefix = xasprintf("%s/%s-", meta_namespace(job), meta_name(job));
        for (size_t i = kube_lower_bound(pods, prefix); i < pods->n && str_starts(pods->items[i].key, prefix); i++) {
                const json_t *pod = pods->items[i].value;
                const char *phase = jget_text(pod, "status.phase");
                if (!meta_controlled_by(pod, meta_uid(job)))
                        continue;
                if (str_eq(phase, "Succeeded"))
                        n.succeeded++;
                else if (str_eq(phase, "Failed"))
                        n.failed++;
                else if (!meta_deleting(pod))
                        n.active++, n.ready += pod_ready(pod);
                n.restarts += meta_int(json_array_get(jget(pod, "status.containerStatuses"), 0), "restartCount", 0);
        }
        return n;
}

static void remove_pods(struct kube_cluster *c, const json_t *job, bool finished_too) {
        _cleanup_json_ json_t *pods = kube_all(c, "", "pods");
        size_t i;
        json_t *pod;
        json_array_foreach(pods, i, pod)
                if (meta_controlled_by(pod, meta_uid(job)) && (finished_too || !pod_finished(pod)))
                        kube_remove(c, pod);
}

static void finish(struct kube_cluster *c, const json_t *job, const char *type, const char *before, const char *reason,
                   const char *message, struct job_counts n) {
        json_t *copy = json_deep_copy(job), *status = meta_object(copy, "status");
        int64_t now = kube_now(c);
        meta_set_condition(status, before, "True", reason, message, now);
        meta_set_condition(status, type, "True", reason, message, now);
        if (str_eq(type, "Complete"))
                json_object_set_new(status, "completionTime", meta_time(now));
        json_object_del(status, "active");
        json_object_set_new(status, "ready", json_integer(0));
        json_object_set_new(status, "succeeded", json_integer(n.succeeded));
        if (n.failed)
                json_object_set_new(status, "failed", json_integer(n.failed));
        kube_save(c, "kube-controller-manager", "status", copy);
        kube_say(c, job, "job-controller", str_eq(type, "Complete") ? "Normal" : "Warning", str_eq(type, "Complete") ?
                 "Completed" : reason, "%s", message);
        if (!str_eq(type, "Complete"))
                remove_pods(c, job, false);
}

static bool finished(const json_t *job) {
        return meta_condition_is(job, "Complete", "True") || meta_condition_is(job, "Failed", "True");
}

static void expire(struct kube_cluster *c, const json_t *job) {
        const json_t *life = jget(job, "spec.ttlSecondsAfterFinished");
        const json_t *condition = meta_condition(job, meta_condition(job, "Complete") ? "Complete" : "Failed");
        if (!json_is_integer(life))
                return;
        int64_t due = meta_time_of(condition, "lastTransitionTime") + json_integer_value(life) * 1000;
        if (due > kube_now(c)) {
                kube_wake_at(c, due);
                return;
        }
        remove_pods(c, job, true);
        kube_remove(c, job);
}

static void status(struct kube_cluster *c, const json_t *job, struct job_counts n) {
        json_t *copy = json_deep_copy(job), *s = meta_object(copy, "status");
        if (!json_object_get(s, "startTime"))
                json_object_set_new(s, "startTime", meta_time(kube_now(c)));
        json_object_set_new(s, "active", json_integer(n.active));
        json_object_set_new(s, "ready", json_integer(n.ready));
        if (n.succeeded)
                json_object_set_new(s, "succeeded", json_integer(n.succeeded));
        if (n.failed)
                json_object_set_new(s, "failed", json_integer(n.failed));
        json_object_set_new(s, "terminating", json_integer(0));
        kube_save(c, "kube-controller-manager", "status", copy);
}

static void one_job(struct kube_cluster *c, const json_t *job) {
        struct job_counts n = count(c, job);
        int64_t completions = meta_int(job, "spec.completions", 1), parallel = meta_int(job, "spec.parallelism",
                                                                                        1), limit = meta_int(job,
                                                                                          "spec.backoffLimit", 6);
        int64_t deadline = meta_int(job, "spec.activeDeadlineSeconds", 0), start = meta_time_of(job, "status.startTime");
        if (n.succeeded >= completions) {
                finish(c, job, "Complete", "SuccessCriteriaMet", "CompletionsReached",
                       "Reached expected number of succeeded pods", n);
                return;
        }
        if (n.failed > limit || n.restarts > limit) {
                finish(c, job, "Failed", "FailureTarget", "BackoffLimitExceeded", "Job has reached the specified backoff limit",
                       n);
                return;
        }
        if (deadline && start) {
                if (start + deadline * 1000 <= kube_now(c)) {
                        finish(c, job, "Failed", "FailureTarget", "DeadlineExceeded",
                               "Job was active longer than specified deadline", n);
                        return;
                }
                kube_wake_at(c, start + deadline * 1000);
        }
        bool suspended = meta_bool(job, "spec.suspend", false);
        for (; !suspended && n.active < parallel && n.active + n.succeeded < completions; n.active++) {
                _cleanup_str_ char *suffix = kube_suffix(c, 5), *name = xasprintf("%s-%s", meta_name(job), suffix);
                json_t *pod = pod_from_template(c, job, jget(job, "spec.template"), name, NULL, NULL);
                kube_save(c, "kube-controller-manager", "", pod);
                kube_say(c, job, "job-controller", "Normal", "SuccessfulCreate", "Created pod: %s", name);
        }
        status(c, kube_find(c, "batch", "jobs", meta_namespace(job), meta_name(job)), n);
}

void job_pass(struct kube_cluster *c) {
        _cleanup_json_ json_t *jobs = kube_all(c, "batch", "jobs");
        size_t i;
        json_t *job;
        json_array_foreach(jobs, i, job) {
                if (meta_deleting(job))
                        continue;
                if (finished(job))
                        expire(c, job);
                else
                        one_job(c, job);
        }
}

/* What the "container" of a Job's pod does. Helm is doubled; anything else only pretends, and its pod says so. */
void job_pod_action(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, struct pod_run *run) {
        const json_t *container = json_array_get(jget(pod, "spec.containers"), 0);
        if (!run->due_ms) {
                run->due_ms = kube_now(c) + kube_latency(c, m, LATENCY_HELM);
                if (!run->due_ms)
                        run->due_ms = 1;
        }
        if (run->due_ms > kube_now(c)) {
                kube_wake_at(c, run->due_ms);
                return;
        }
        free(run->message);
        run->message = NULL;
        if (helm_is(container) && kube_is_copy(c)) {
                run->acted = c->env.remote->run(c->env.remote->data, m, pod, run);
                return;
        }
        if (helm_is(container)) {
                _cleanup_error_ struct error err = ERROR_INIT;
                run->failed = helm_run(c, pod, &err) < 0;
                run->message = xstrdup(run->failed ? error_text(&err) : "release deployed");
        } else {
                json_t *copy = json_deep_copy(pod);
                const struct kube_identity *kubelet = c->as;
                meta_set_annotation(copy, "sim.hcloud-v6/not-executed", "true");
                c->as = NULL;            /* the simulator's own mark: no kubelet may write it */
                kube_save(c, "kubelet", "", copy);
                c->as = kubelet;
                run->failed = kube_fault(c, "job-fails", m);
        }
        run->acted = true;
}
