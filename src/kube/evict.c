#include "kube/evict.h"

enum { ASK_AGAIN_S = 5 };                         /* kubectl drain's pause after a violated budget */

void kube_evict_answer_done(struct kube_evict_answer *a) {
        if (!a)
                return;
        free(a->text);
        *a = (struct kube_evict_answer) { 0 };
}

static json_t *eviction(const char *ns, const char *name, const char *uid, int64_t grace_s) {
        json_t *o = json_pack("{s:s, s:s, s:{s:s, s:s}}", "apiVersion", "policy/v1", "kind", "Eviction", "metadata", "name", name,
                              "namespace", ns);
        json_t *options = json_object();
        if (grace_s >= 0)
                json_object_set_new(options, "gracePeriodSeconds", json_integer(grace_s));
        if (uid)
                json_object_set_new(options, "preconditions", json_pack("{s:s}", "uid", uid));
        json_object_set_new(o, "deleteOptions", options);
        return o;
}

/* 429 is two things: a budget that would be violated (no Retry-After), and one that the disruption controller has not looked at yet
 * (Retry-After: 10). Seen on 1.36.3. */
static void too_many_requests(const struct error *why, struct kube_evict_answer *ret) {
        int64_t asked = kube_error_retry_after_s(why);
        ret->result = asked >= 0 ? KUBE_EVICT_WAIT : KUBE_EVICT_BLOCKED;
        ret->retry_after_s = asked >= 0 ? asked : ASK_AGAIN_S;
        ret->text = kube_error_cause(why, "DisruptionBudget");
        if (!ret->text)
                ret->text = xstrdup(error_text(why));
}

static int refused(struct error *why, struct kube_evict_answer *ret, struct error *err) {
        switch (why->http_status) {
        case 404:
                *ret = (struct kube_evict_answer) { .result = KUBE_EVICT_GONE };
                return 0;
        case 429:
                too_many_requests(why, ret);
                return 0;
        case 403:
                if (why->kind != ERR_CONFLICT)
                        return error_move(err, why);
                *ret = (struct kube_evict_answer) { KUBE_EVICT_WAIT, ASK_AGAIN_S, xstrdup(error_text(why)) };
                return 0;
        case 409:
                /* The uid is another one: the pod that was meant is gone. */
                if (strstr(error_text(why), "UID")) {
                        *ret = (struct kube_evict_answer) { .result = KUBE_EVICT_GONE };
                        return 0;
                }
                return error_move(err, why);
        case 500:
                if (strstr(error_text(why), "more than one PodDisruptionBudget")) {
                        why->kind = ERR_REFUSED;
                        why->retryable = false;
                }
                return error_move(err, why);
        default:
                return error_move(err, why);
        }
}

int kube_evict(struct kube_client *c, const char *ns, const char *name, const char *uid, int64_t grace_s, bool dry_run,
               struct kube_evict_answer *ret, struct error *err) {
        _cleanup_str_ char *path = kube_path("v1", "pods", ns, name, "eviction");
        _cleanup_json_ json_t *body = eviction(ns, name, uid, grace_s);
        _cleanup_str_ char *text = json_write(body);
        _cleanup_error_ struct error why = ERROR_INIT;
        _cleanup_(kube_evict_answer_done) struct kube_evict_answer answer = { .result = KUBE_EVICTED };
        struct kube_request r = { .method = "POST", .path = path, .query = dry_run ? "dryRun=All" : NULL, .body = text,
                                  .body_len = strlen(text), .keep_429 = true };
        if (kube_call(c, &r, NULL, NULL, &why) < 0 && refused(&why, &answer, err) < 0)
                return error_wrap(err, "evicting Pod %s/%s", ns, name);
        *ret = answer;
        answer = (struct kube_evict_answer) { 0 };
        return 0;
}
