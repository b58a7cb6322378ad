/* Charts by the real Helm: as a Job inside the cluster, or the operator's own program. */
#include "base/codec.h"
#include "bootstrap/helm-job.h"
#include "bootstrap/private.h"
#include "kube/apply.h"
#include "kube/helm.h"
#include "kube/ready.h"

char *bootstrap_release_hash(const struct helm_release *r) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        _cleanup_str_ char *hex = NULL;

        strbuf_addf(&b, "%s\n%s\n%s\n%s\n%s\n", r->release, r->namespace_, r->chart->name, r->chart->version, r->chart->digest);
        strbuf_adds(&b, r->values ? r->values : "");
        hex = sha256_hex(b.data, b.len);
        return xstrndup(hex, 16);
}

/* A run that was killed leaves pending-install behind, and the next one would refuse. Not while a Job of ours is at work. */
static int clear_pending(const struct bootstrap *b, const struct helm_release *r, const char *job, struct error *err) {
        _cleanup_(kube_helm_releases_done) struct kube_helm_releases all = { 0 };
        _cleanup_(kube_ready_done) struct kube_ready ready = { 0 };
        const struct kube_helm_release *newest;
        int x = kube_helm_releases_list(b->kube, r->namespace_, r->release, &all, err);

        if (x < 0)
                return x;
        newest = kube_helm_newest(&all, r->release);
        if (!newest || !kube_helm_is_pending(newest))
                return 0;
        if (job) {
                x = kube_ready_check(b->kube, KUBE_JOB, "kube-system", job, 1, &ready, err);
                if (x < 0)
                        return x;
                if (ready.exists && !ready.ready && !ready.failed)
                        return 0;
        }
        bootstrap_note(b, "clearing a left-over %s of release %s", newest->status, r->release);
        return kube_helm_forget(b->kube, newest, err);
}

/* The last words of the Job's pods: terminationMessagePolicy brings the log's end into the status. */
static char *job_words(const struct bootstrap *b, const char *job) {
        _cleanup_str_ char *selector = xasprintf("job-name=%s", job);
        _cleanup_(kube_pods_done) struct kube_pods pods = { 0 };
        _cleanup_error_ struct error ignored = ERROR_INIT;
        char *words = NULL;

        if (kube_pods_list(b->kube, "kube-system", selector, NULL, &pods, &ignored) < 0)
                return NULL;
        for (size_t i = 0; i < pods.n && !words; i++)
                for (size_t j = 0; j < pods.items[i].n_containers && !words; j++) {
                        const struct kube_container *c = &pods.items[i].containers[j];
                        const char *text = !str_empty(c->message) ? c->message : c->last_message;

                        if (!str_empty(text))
                                words = xstrdup(text);
                        else if (kube_pod_image_trouble(&pods.items[i], &c))
                                words = xasprintf("its image %s cannot be pulled", c->image);
                }
        return words;
}

static int wait_job(const struct bootstrap *b, const char *job, int64_t timeout_ms, struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 15 * MINUTE_MS);

        for (;;) {
                _cleanup_(kube_ready_done) struct kube_ready ready = { 0 };
                _cleanup_error_ struct error why = ERROR_INIT;
                _cleanup_str_ char *words = NULL;
                int r = kube_ready_check(b->kube, KUBE_JOB, "kube-system", job, 1, &ready, &why);

                if (r < 0 && !kube_error_passes(&why))
                        return error_move(err, &why);
                if (r >= 0 && ready.ready)
                        return 0;
                if (wait_elapsed(&w) > 5 * SECOND_MS || ready.failed)
                        words = job_words(b, job);
                if (ready.failed)
                        return error_set(err, ERR_REFUSED, "Helm failed: %s", words ? words : ready.text);
                bootstrap_note(b, "%s", words ? words : r < 0 ? error_text(&why) : ready.text);
                r = wait_pause(&w, err, "the Job kube-system/%s did not end: %s", job, words ? words : ready.text);
                if (r < 0)
                        return r;
        }
}

/* The account is an administrator of the cluster and the Secret has the values: neither may stay unnoticed. Tries all, fails with the first error; then
 * nothing says that the chart is installed, and the next run comes here again. */
static int remove_job(const struct bootstrap *b, const json_t *objects, struct error *err) {
        _cleanup_error_ struct error first = ERROR_INIT;
        json_t *object;
        size_t i;
        int x = 0;

        json_array_foreach(objects, i, object) {
                _cleanup_error_ struct error e = ERROR_INIT;
                if (kube_delete_object(b->kube, object, "kube-system", &e) < 0 && x == 0)
                        x = error_move(&first, &e);
        }
        return x < 0 ? error_wrap((error_move(err, &first), err), "tidying up after Helm") : 0;
}

/* What bootstrap_look_kube() reads back to see whether chart and values are still the wanted ones. */
static int write_marker(const struct bootstrap *b, const struct helm_release *r, const char *hash, struct error *err) {
        const struct kube_apply_options apply = { .force = true };
        _cleanup_json_ json_t *marker = NULL;

        marker = json_pack("{s:s, s:s, s:{s:o, s:s, s:{s:s, s:s}, s:{s:s, s:o}}}", "apiVersion", "v1", "kind", "ConfigMap", "metadata", "name",
                           json_strf("hcloud-v6-%s", r->release), "namespace", r->namespace_, "labels", RELEASE_LABEL, r->release,
                           "app.kubernetes.io/managed-by", "hcloud-v6", "annotations", SPEC_ANNOTATION, hash, CHART_ANNOTATION,
                           json_strf("%s-%s", r->chart->name, r->chart->version));
        return kube_apply(b->kube, marker, &apply, NULL, err);
}

static int install_by_job(const struct bootstrap *b, const struct helm_release *r, const char *hash, int64_t timeout_ms, struct error *err) {
        const struct kube_apply_options apply = { .force = true, .ns = "kube-system" };
        _cleanup_str_ char *job = helm_job_name(r, hash);
        _cleanup_json_ json_t *objects = helm_job_objects(r, hash);
        int x = clear_pending(b, r, job, err);

        x = x < 0 ? x : kube_apply_all(b->kube, objects, &apply, err);
        if (x < 0)
                return x;
        x = wait_job(b, job, timeout_ms, err);
        /* A cancelled wait leaves the Job at work; the next run finds it by its name. */
        if (x >= 0)
                return remove_job(b, objects, err);
        if (err->kind == ERR_REFUSED)
                remove_job(b, objects, NULL);
        return x;
}

int bootstrap_install_chart(const struct bootstrap *b, const struct helm_release *r, int64_t timeout_ms, struct error *err) {
        _cleanup_str_ char *hash = bootstrap_release_hash(r);
        int x;

        if (r->mode == HELM_LOCAL) {
                x = clear_pending(b, r, NULL, err);
                x = x < 0 ? x : helm_local(b, r, err);
        } else {
                x = install_by_job(b, r, hash, timeout_ms, err);
        }
        x = x < 0 ? x : write_marker(b, r, hash, err);
        return x < 0 ? error_wrap(err, "installing chart '%s' %s", r->chart->name, r->chart->version) : 0;
}
