#include "kube/lease.h"

#include "kube/parse.h"

#define LEASES "coordination.k8s.io/v1", "leases"

void kube_lease_done(struct kube_lease *l) {
        if (!l)
                return;
        free(l->ns);
        free(l->name);
        free(l->resource_version);
        free(l->holder);
        kvs_done(&l->annotations);
        *l = (struct kube_lease) { 0 };
}

static int lease_parse(const json_t *o, struct kube_lease *ret, struct error *err) {
        _cleanup_(kube_lease_done) struct kube_lease l = { 0 };
        const json_t *m = jget(o, "metadata"), *s = jget(o, "spec");
        if (!jget_str(m, "namespace", &l.ns, err) || !jget_str(m, "name", &l.name, err) ||
            !jget_str(m, "resourceVersion", &l.resource_version, err) || !jget_kvs(m, "annotations", &l.annotations, err) ||
            !jget_str(s, "holderIdentity", &l.holder, err) || !jget_int(s, "leaseDurationSeconds", &l.duration_s, err) ||
            !jget_int(s, "leaseTransitions", &l.transitions, err) || !parse_time(s, "acquireTime", &l.acquired_ms, err) ||
            !parse_time(s, "renewTime", &l.renewed_ms, err))
                return error_wrap(err, "Lease %s", l.name ? l.name : "?");
        /* int32 in the API: anything else did not come from an API server. */
        if (l.duration_s < 0 || l.duration_s > INT32_MAX || l.transitions < 0 || l.transitions >= INT32_MAX)
                return error_set(err, ERR_PROTOCOL, "Lease %s: its duration or count of transitions is out of range", l.name ? l.name : "?");
        if (str_empty(l.holder)) {
                free(l.holder);
                l.holder = NULL;
        }
        *ret = l;
        l = (struct kube_lease) { 0 };
        return 0;
}

int kube_lease_get(struct kube_client *c, const char *ns, const char *name, struct kube_lease *ret, struct error *err) {
        _cleanup_str_ char *path = kube_path(LEASES, ns, name, NULL);
        _cleanup_json_ json_t *o = NULL;
        if (kube_get(c, path, &o, err) < 0)
                return -1;
        return lease_parse(o, ret, err);
}

static json_t *lease_spec(const char *holder, int64_t duration_s, int64_t acquired_ms, int64_t now_ms, int64_t transitions) {
        _cleanup_str_ char *acquired = time_format_micro(acquired_ms), *renewed = time_format_micro(now_ms);
        return json_pack("{s:s, s:I, s:s, s:s, s:I}", "holderIdentity", holder, "leaseDurationSeconds", (json_int_t) duration_s,
                         "acquireTime", acquired, "renewTime", renewed, "leaseTransitions", (json_int_t) transitions);
}

/* Somebody wrote between our look and our write: a further look tells who. */
static int lost_race(struct kube_client *c, const char *ns, const char *name, const struct error *cause, struct error *err) {
        _cleanup_str_ char *path = kube_path(LEASES, ns, name, NULL);
        _cleanup_json_ json_t *o = NULL;
        const char *holder = kube_get(c, path, &o, NULL) < 0 ? NULL : jget_text(o, "spec.holderIdentity");
        if (!str_empty(holder))
                return error_set(err, ERR_LOCKED, "Lease %s/%s is held by %s, who was faster", ns, name, holder);
        return error_set(err, ERR_LOCKED, "Lease %s: somebody else was faster (%s)", name, error_text(cause));
}

static int create_lease(struct kube_client *c, const char *ns, const char *name, const char *holder, int64_t duration_s, json_t **ret,
                        struct error *err) {
        _cleanup_str_ char *path = kube_path(LEASES, ns, NULL, NULL);
        _cleanup_error_ struct error create_err = ERROR_INIT;
        int64_t now = kube_now_ms(c);
        _cleanup_json_ json_t *o = json_pack("{s:s, s:s, s:{s:s, s:s}, s:o}", "apiVersion", "coordination.k8s.io/v1", "kind", "Lease",
                                             "metadata", "name", name, "namespace", ns, "spec",
                                             lease_spec(holder, duration_s, now, now, 0));
        if (kube_create(c, path, o, ret, &create_err) == 0)
                return 0;
        if (create_err.kind == ERR_EXISTS)
                return lost_race(c, ns, name, &create_err, err);
        return error_move(err, &create_err);
}

/* PUT with the resourceVersion that was read: the server refuses when anybody wrote since. */
static int take_lease(struct kube_client *c, json_t *o, const struct kube_lease *l, const char *holder, int64_t duration_s, json_t **ret,
                      struct error *err) {
        _cleanup_str_ char *path = kube_path(LEASES, l->ns, l->name, NULL);
        _cleanup_error_ struct error put_err = ERROR_INIT;
        int64_t now = kube_now_ms(c);
        bool ours = str_eq(l->holder, holder);
        json_object_set_new(o, "spec", lease_spec(holder, duration_s, ours ? l->acquired_ms : now, now, l->transitions + !ours));
        if (kube_replace(c, path, o, ret, &put_err) == 0)
                return 0;
        if (put_err.kind == ERR_CONFLICT)
                return lost_race(c, l->ns, l->name, &put_err, err);
        return error_move(err, &put_err);
}

int kube_lease_acquire(struct kube_client *c, const char *ns, const char *name, const char *holder, int64_t duration_s,
                       struct kube_lease *ret, struct error *err) {
        _cleanup_str_ char *path = kube_path(LEASES, ns, name, NULL);
        _cleanup_json_ json_t *o = NULL, *now_it_is = NULL;
        _cleanup_(kube_lease_done) struct kube_lease l = { 0 };
        _cleanup_error_ struct error get_err = ERROR_INIT;
        int rc;
        if (kube_get(c, path, &o, &get_err) < 0) {
                if (get_err.kind != ERR_NOT_FOUND)
                        return error_move(err, &get_err);
                rc = create_lease(c, ns, name, holder, duration_s, &now_it_is, err);
        } else {
                if (lease_parse(o, &l, err) < 0)
                        return -1;
                int64_t ends_ms = l.renewed_ms + l.duration_s * 1000;
                if (l.holder && !str_eq(l.holder, holder) && kube_now_ms(c) < ends_ms) {
                        _cleanup_str_ char *until = time_format_rfc3339(ends_ms);
                        return error_set(err, ERR_LOCKED, "Lease %s/%s is held by %s until %s", ns, name, l.holder, until);
                }
                rc = take_lease(c, o, &l, holder, duration_s, &now_it_is, err);
        }
        if (rc < 0 || !ret)
                return rc;
        return lease_parse(now_it_is, ret, err);
}

int kube_lease_release(struct kube_client *c, const char *ns, const char *name, const char *holder, struct error *err) {
        _cleanup_str_ char *path = kube_path(LEASES, ns, name, NULL);
        _cleanup_json_ json_t *o = NULL;
        _cleanup_error_ struct error why = ERROR_INIT;
        if (kube_get(c, path, &o, &why) < 0)
                return why.kind == ERR_NOT_FOUND ? 0 : error_move(err, &why);
        if (!str_eq(jget_text(o, "spec.holderIdentity"), holder))
                return 0;
        /* An empty holder is free for everybody; the object stays, with its count of transitions. */
        json_object_set_new(json_object_get(o, "spec"), "holderIdentity", json_string(""));
        if (kube_replace(c, path, o, NULL, &why) == 0 || why.kind == ERR_CONFLICT || why.kind == ERR_NOT_FOUND)
                return 0;
        return error_move(err, &why);
}
