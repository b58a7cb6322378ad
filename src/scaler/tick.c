#include "scaler/tick.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "scaler/act.h"

void tick_report_done(struct tick_report *r) {
        decision_done(&r->decision);
        strv_done(&r->did);
        strv_done(&r->waits);
        *r = (struct tick_report) { 0 };
}

/* ---- the record ---- */

/* In pieces and not through file_write_atomic(): of a large cluster it is tens of megabytes. */
static int write_record(const struct snapshot *s, const char *path, struct error *err) {
        _cleanup_str_ char *temporary = NULL;
        int fd = file_temporary(path, &temporary, err);         /* 0600 */
        if (fd < 0)
                return -1;
        FILE *f = fdopen(fd, "w");
        if (!f) {
                close(fd);
                unlink(temporary);
                return error_set_errno(err, "writing %s", path);
        }
        int rc = snapshot_write(s, f, err);
        bool good = fflush(f) == 0 && fsync(fd) == 0;
        if (rc >= 0 && !good)
                rc = error_set_errno(err, "writing %s", path);
        if (rc >= 0 && rename(temporary, path) < 0)
                rc = error_set_errno(err, "writing %s", path);
        fclose(f);
        if (rc < 0)
                unlink(temporary);
        return rc;
}

/* ---- the tick ---- */

static int decide_of(const struct snapshot *s, struct tick_report *r, struct error *err) {
        snapshot_counts(s, &r->seen);
        r->observed = true;
        if (decide(s, &r->decision, err) < 0)
                return error_wrap(err, "no decision");
        r->decided = true;
        return 0;
}

static int preview(struct acting *a, struct error *err) {
        size_t work = 0;
        if (act_preview(a, &work, err) < 0)
                return -1;
        a->report->pending = work > 0 || !decision_is_empty(&a->report->decision);
        return 0;
}

static int with_lease(struct cluster *c, const struct tick_options *o, const struct scale_view *view, struct hold *hold, struct tick_report *r, struct error *err) {
        struct observation seen = { 0 };
        if (observe(c, view, o->record != NULL, &seen, err) < 0)
                return -1;
        r->time_ms = seen.time_ms;
        r->kube_calls = seen.calls;
        struct acting a = { .c = c, .o = o, .seen = &seen, .hold = hold, .report = r, .clock = cluster_clock(c), .cancel = cluster_cancel(c) };
        int rc = o->record ? write_record(seen.snapshot, o->record, err) : 0;
        if (rc >= 0)
                rc = decide_of(seen.snapshot, r, err);
        snapshot_free(TAKE(seen.snapshot));    /* decided: its memory is better used by what is done now */
        if (rc >= 0)
                rc = o->dry_run ? preview(&a, err) : act(&a, err);
        observation_done(&seen);
        return rc;
}

int tick_run(struct cluster *c, const struct tick_options *o, struct tick_report *ret, struct error *err) {
        int64_t begun = clock_mono_ms(NULL);
        struct scale_view view = { 0 };
        struct hold *hold = NULL;
        *ret = (struct tick_report) { 0 };
        int rc = cluster_scale_look(c, o->dry_run, &view, err);
        if (rc >= 0 && !o->dry_run) {
                _cleanup_str_ char *holder = cluster_holder(c);
                rc = hold_take(view.kube, holder, &hold, err);
                if (rc < 0 && err && err->kind != ERR_LOCKED && err->kind != ERR_CANCELLED) {
                        err->kind = ERR_UNAVAILABLE;
                        error_wrap(err, "no decision");
                }
        }
        if (rc >= 0)
                rc = with_lease(c, o, &view, hold, ret, err);
        hold_release(hold);
        cluster_scale_end(c);
        ret->duration_ms = clock_mono_ms(NULL) - begun;
        return rc;
}

int tick_replay(const char *file, struct tick_report *ret, struct error *err) {
        _cleanup_snapshot_ struct snapshot *s = NULL;
        int64_t begun = clock_mono_ms(NULL);
        *ret = (struct tick_report) { 0 };
        if (snapshot_load(file, &s, err) < 0 || decide_of(s, ret, err) < 0)
                return -1;
        ret->pending = !decision_is_empty(&ret->decision);
        ret->duration_ms = clock_mono_ms(NULL) - begun;
        return 0;
}

/* ---- words ---- */

static void add_list(struct strbuf *b, const char *before, const struct strv *list) {
        for (size_t i = 0; i < list->n; i++)
                strbuf_addf(b, "%s%s", i ? "; " : before, list->items[i]);
}

char *tick_line(const struct tick_report *r, const char *cluster, bool dry_run) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        const struct snapshot_counts *n = &r->seen;
        size_t unplaceable = 0, unneeded = 0;
        strbuf_addf(&b, "%s%s%zu of %zu nodes ready, %zu server%s", cluster ? cluster : "", cluster ? ": " : "", n->ready, n->nodes, n->servers, n->servers == 1 ? "" : "s");
        if (n->coming)
                strbuf_addf(&b, " (%zu coming)", n->coming);
        strbuf_addf(&b, ", %zu pods", n->pods);
        if (n->pending)
                strbuf_addf(&b, " (%zu pending)", n->pending);
        if (dry_run || !cluster) {
                add_list(&b, "; would: ", &r->decision.reasons);
                if (!r->decision.reasons.n)
                        strbuf_adds(&b, r->pending ? "; would finish what an earlier run began" : "; nothing to do");
        } else {
                add_list(&b, "; ", &r->did);
                add_list(&b, "; ", &r->waits);
                if (!r->did.n && !r->waits.n)
                        strbuf_adds(&b, "; nothing to do");
        }
        for (size_t i = 0; i < r->decision.n_marks; i++)
                unneeded += r->decision.marks[i].value && str_eq(r->decision.marks[i].key, ANNOTATION_UNNEEDED_SEEN);
        if (unneeded)
                strbuf_addf(&b, "; %zu node%s unneeded so far", unneeded, unneeded == 1 ? "" : "s");
        for (size_t i = 0; i < r->decision.n_unplaceable; i++)
                unplaceable += r->decision.unplaceable[i].count;
        if (unplaceable)
                strbuf_addf(&b, "; %zu pod%s no server is bought for (%s: %s%s)", unplaceable, unplaceable == 1 ? "" : "s", r->decision.unplaceable[0].pod,
                            r->decision.unplaceable[0].reason, r->decision.n_unplaceable > 1 ? "; …" : "");
        strbuf_addf(&b, "; %.1f s", (double) r->duration_ms / 1000);
        return strbuf_take(&b);
}

static json_t *strings(const struct strv *v) {
        json_t *a = json_array();
        for (size_t i = 0; i < v->n; i++)
                json_array_append_new(a, json_string(v->items[i]));
        return a;
}

json_t *tick_json(const struct tick_report *r, const char *cluster, bool dry_run) {
        json_t *o = decision_json(&r->decision);
        const struct snapshot_counts *n = &r->seen;
        if (!cluster)
                return o;                      /* a replay: the decision and nothing else */
        _cleanup_str_ char *time = time_format_rfc3339(r->time_ms), *line = tick_line(r, cluster, dry_run);
        jset_str(o, "event", "tick");
        jset_str(o, "cluster", cluster);
        jset_str(o, "time", time);
        jset(o, "dry_run", json_boolean(dry_run));
        jset(o, "seen", json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "nodes", (json_int_t) n->nodes, "ready", (json_int_t) n->ready, "control_planes",
                                  (json_int_t) n->control_planes, "pods", (json_int_t) n->pods, "pending", (json_int_t) n->pending, "servers",
                                  (json_int_t) n->servers, "coming", (json_int_t) n->coming));
        jset(o, "did", strings(&r->did));
        jset(o, "waits", strings(&r->waits));
        jset(o, "added", json_integer((json_int_t) r->added));
        jset(o, "removed", json_integer((json_int_t) r->removed));
        jset(o, "draining", json_integer((json_int_t) r->draining));
        jset_str(o, "line", line);
        jset(o, "kubernetes_calls", json_integer((json_int_t) r->kube_calls));
        jset(o, "duration_ms", json_integer(r->duration_ms));
        return o;
}
