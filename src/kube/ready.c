#include "kube/ready.h"

static const struct { const char *api_version, *plural, *kind; } places[] = {
        [KUBE_DAEMON_SET] = { "apps/v1", "daemonsets", "DaemonSet" },
        [KUBE_DEPLOYMENT] = { "apps/v1", "deployments", "Deployment" },
        [KUBE_STATEFUL_SET] = { "apps/v1", "statefulsets", "StatefulSet" },
        [KUBE_JOB] = { "batch/v1", "jobs", "Job" },
};

void kube_ready_done(struct kube_ready *r) {
        if (!r)
                return;
        free(r->text);
        free(r->uid);
        kvs_done(&r->selector);
        *r = (struct kube_ready) { 0 };
}

static bool number(const json_t *o, const char *dotted, int64_t default_value, int64_t *ret, struct error *err) {
        const json_t *v = jget(o, dotted);
        *ret = default_value;
        if (!v)
                return true;
        if (json_is_integer(v) && json_integer_value(v) >= 0) {
                *ret = json_integer_value(v);
                return true;
        }
        error_set(err, ERR_PROTOCOL, "'%s' is no count", dotted);
        return false;
}

static char *count_text(const struct kube_ready *r, int64_t min_wanted) {
        if (r->updated < r->wanted)
                return xasprintf("%lld of %lld pods are of the newest template", (long long) r->updated, (long long) r->wanted);
        if (r->wanted < min_wanted)
                return xasprintf("%lld pods are wanted so far, %lld are expected", (long long) r->wanted, (long long) min_wanted);
        return xasprintf("%lld of %lld pods ready", (long long) r->ready_count, (long long) r->wanted);
}

/* The names of the counts differ by kind. */
static bool read_counts(enum kube_workload kind, const json_t *o, struct kube_ready *r, struct error *err) {
        switch (kind) {
        case KUBE_DAEMON_SET:
                return number(o, "status.desiredNumberScheduled", 0, &r->wanted, err) &&
                       number(o, "status.updatedNumberScheduled", 0, &r->updated, err) &&
                       number(o, "status.numberReady", 0, &r->ready_count, err);
        case KUBE_DEPLOYMENT:
                return number(o, "spec.replicas", 1, &r->wanted, err) && number(o, "status.updatedReplicas", 0, &r->updated, err) &&
                       number(o, "status.availableReplicas", 0, &r->ready_count, err);
        case KUBE_STATEFUL_SET:
                if (!number(o, "spec.replicas", 1, &r->wanted, err) || !number(o, "status.updatedReplicas", 0, &r->updated, err) ||
                    !number(o, "status.readyReplicas", 0, &r->ready_count, err))
                        return false;
                /* After a finished update some versions leave updatedReplicas out. */
                if (jget_text(o, "status.updateRevision") &&
                    str_eq(jget_text(o, "status.currentRevision"), jget_text(o, "status.updateRevision")))
                        r->updated = r->wanted;
                return true;
        default:
                return number(o, "spec.completions", 1, &r->wanted, err) && number(o, "status.succeeded", 0, &r->updated, err) &&
                       number(o, "status.succeeded", 0, &r->ready_count, err);
        }
}

static const json_t *condition(const json_t *o, const char *type) {
        const json_t *list = jget(o, "status.conditions");
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *c = json_array_get(list, i);
                if (str_eq(jget_text(c, "type"), type))
                        return c;
        }
        return NULL;
}

static bool condition_is(const json_t *o, const char *type, const char *status) {
        return str_eq(jget_text(condition(o, type), "status"), status);
}

static void judge_job(const json_t *o, struct kube_ready *r) {
        const json_t *failed = condition(o, "Failed");
        if (condition_is(o, "Complete", "True")) {
                r->ready = true;
                r->text = xstrdup("complete");
        } else if (condition_is(o, "Failed", "True")) {
                const char *reason = jget_text(failed, "reason"), *message = jget_text(failed, "message");
                r->failed = true;
                r->text = xasprintf("failed: %s: %s", reason ? reason : "?", message ? message : "?");
        } else if (condition_is(o, "Suspended", "True")) {
                r->text = xstrdup("suspended");
        } else {
                int64_t active = 0, failures = 0;
                number(o, "status.active", 0, &active, NULL);
                number(o, "status.failed", 0, &failures, NULL);
                r->text = xasprintf("%lld of %lld complete, %lld running, %lld failed", (long long) r->ready_count,
                                    (long long) r->wanted, (long long) active, (long long) failures);
        }
}

static int judge_pods(enum kube_workload kind, const json_t *o, int64_t min_wanted, struct kube_ready *r, struct error *err) {
        int64_t generation, observed, replicas = 0;
        if (!number(o, "metadata.generation", 0, &generation, err) || !number(o, "status.observedGeneration", 0, &observed, err) ||
            !number(o, "status.replicas", 0, &replicas, err))
                return -1;
        if (observed < generation) {
                r->text = xstrdup("not seen by its controller yet");
                return 0;
        }
        bool old_left = kind == KUBE_DEPLOYMENT && replicas > r->updated;
        r->ready = r->updated >= r->wanted && r->ready_count >= r->wanted && r->wanted >= min_wanted && !old_left;
        if (old_left && r->updated >= r->wanted && r->ready_count >= r->wanted)
                r->text = xasprintf("%lld old pods are still there", (long long) (replicas - r->updated));
        else
                r->text = count_text(r, min_wanted);
        const json_t *progress = condition(o, "Progressing");
        if (!r->ready && str_eq(jget_text(progress, "reason"), "ProgressDeadlineExceeded")) {
                char *longer = xasprintf("%s; its progress deadline has passed", r->text);
                free(r->text);
                r->text = longer;
        }
        return 0;
}

int kube_ready_parse(enum kube_workload kind, const json_t *o, int64_t min_wanted, struct kube_ready *ret, struct error *err) {
        _cleanup_(kube_ready_done) struct kube_ready r = { .exists = true };
        if (!jget_str(jget(o, "metadata"), "uid", &r.uid, err) ||
            !jget_kvs(jget(o, "spec.selector"), "matchLabels", &r.selector, err) || !read_counts(kind, o, &r, err))
                return -1;
        if (kind == KUBE_JOB)
                judge_job(o, &r);
        else if (judge_pods(kind, o, min_wanted, &r, err) < 0)
                return -1;
        *ret = r;
        r = (struct kube_ready) { 0 };
        return 0;
}

int kube_ready_check(struct kube_client *c, enum kube_workload kind, const char *ns, const char *name, int64_t min_wanted,
                     struct kube_ready *ret, struct error *err) {
        _cleanup_str_ char *path = kube_path(places[kind].api_version, places[kind].plural, ns, name, NULL);
        _cleanup_error_ struct error get_err = ERROR_INIT;
        _cleanup_json_ json_t *o = NULL;
        if (kube_get(c, path, &o, &get_err) < 0) {
                if (get_err.kind != ERR_NOT_FOUND)
                        return error_move(err, &get_err);
                *ret = (struct kube_ready) { .text = xstrdup("does not exist") };
                return 0;
        }
        if (kube_ready_parse(kind, o, min_wanted, ret, err) < 0)
                return error_wrap(err, "%s %s/%s", places[kind].kind, ns, name);
        return 0;
}

int kube_ready_troubles(struct kube_client *c, const char *ns, const struct kube_ready *r, char **ret, struct error *err) {
        _cleanup_strbuf_ struct strbuf selector = STRBUF_INIT, lines = STRBUF_INIT;
        _cleanup_(kube_pods_done) struct kube_pods pods = { 0 };
        for (size_t i = 0; i < r->selector.n; i++)
                strbuf_addf(&selector, "%s%s=%s", i ? "," : "", r->selector.items[i].key,
                            r->selector.items[i].value ? r->selector.items[i].value : "");
        /* Without a selector every pod of the namespace would be blamed. */
        if (selector.len && kube_pods_list(c, ns, strbuf_str(&selector), NULL, &pods, err) < 0)
                return -1;
        for (size_t i = 0; i < pods.n; i++) {
                _cleanup_str_ char *trouble = kube_pod_trouble(&pods.items[i]);
                if (trouble)
                        strbuf_addf(&lines, "%s%s", lines.len ? "\n" : "", trouble);
        }
        *ret = strbuf_take(&lines);
        return 0;
}
