#include "kube/helm.h"

#include "base/codec.h"

#define PREFIX "sh.helm.release.v1."

static void release_done(struct kube_helm_release *r) {
        free(r->ns);
        free(r->release);
        free(r->secret);
        free(r->status);
}

void kube_helm_releases_done(struct kube_helm_releases *r) {
        if (!r)
                return;
        for (size_t i = 0; i < r->n; i++)
                release_done(&r->items[i]);
        free(r->items);
        *r = (struct kube_helm_releases) { 0 };
}

static int compare_releases(const void *a, const void *b) {
        const struct kube_helm_release *x = a, *y = b;
        int by_name = strcmp(x->release, y->release);
        if (by_name == 0)
                by_name = strcmp(x->ns, y->ns);
        return by_name ? by_name : x->revision < y->revision ? -1 : x->revision > y->revision;
}

/* "sh.helm.release.v1.<release>.v<revision>": a release's name may hold dots. False when it is no such name. */
static bool parse_name(const char *secret, char **ret_release, int64_t *ret_revision) {
        const char *dot = strrchr(secret, '.');
        if (!str_starts(secret, PREFIX) || !dot || dot[1] != 'v' || !parse_int64(dot + 2, 1, INT32_MAX, ret_revision))
                return false;
        const char *begin = secret + strlen(PREFIX);
        if (dot <= begin)
                return false;
        *ret_release = xstrndup(begin, (size_t) (dot - begin));
        return true;
}

static void add_secret(const json_t *o, struct kube_helm_releases *all) {
        const json_t *labels = jget(o, "metadata.labels");
        const char *secret = jget_text(o, "metadata.name"), *ns = jget_text(o, "metadata.namespace");
        const char *modified = jget_text(labels, "modifiedAt");
        struct kube_helm_release r = { 0 };
        if (!secret || !parse_name(secret, &r.release, &r.revision))
                return;
        r.secret = xstrdup(secret);
        r.ns = xstrdup(ns ? ns : "default");
        r.status = xstrdup(jget_text(labels, "status") ? jget_text(labels, "status") : "unknown");
        int64_t seconds;
        if (modified && parse_int64(modified, 0, INT64_C(1) << 40, &seconds))
                r.modified_ms = seconds * 1000;
        ARRAY_APPEND(all->items, all->n, r);
}

int kube_helm_releases_list(struct kube_client *c, const char *ns, const char *release, struct kube_helm_releases *ret, struct error *err) {
        _cleanup_(kube_helm_releases_done) struct kube_helm_releases all = { 0 };
        _cleanup_str_ char *path = kube_path("v1", "secrets", ns, NULL, NULL);
        _cleanup_str_ char *selector = xasprintf("owner=helm%s%s", release ? ",name=" : "", release ? release : "");
        _cleanup_str_ char *escaped = percent_encode(selector);
        _cleanup_str_ char *query = xasprintf("labelSelector=%s", escaped);
        _cleanup_json_ json_t *items = NULL;
        if (kube_list(c, path, query, &items, err) < 0)
                return error_wrap(err, "looking for Helm releases");
        for (size_t i = 0; i < json_array_size(items); i++)
                add_secret(json_array_get(items, i), &all);
        if (all.n)
                qsort(all.items, all.n, sizeof(*all.items), compare_releases);
        *ret = all;
        all = (struct kube_helm_releases) { 0 };
        return 0;
}

const struct kube_helm_release *kube_helm_newest(const struct kube_helm_releases *r, const char *release) {
        const struct kube_helm_release *newest = NULL;
        for (size_t i = 0; i < r->n; i++)
                if (str_eq(r->items[i].release, release) && (!newest || r->items[i].revision > newest->revision))
                        newest = &r->items[i];
        return newest;
}

bool kube_helm_is_pending(const struct kube_helm_release *r) {
        return r && str_starts(r->status, "pending-");
}

int kube_helm_forget(struct kube_client *c, const struct kube_helm_release *r, struct error *err) {
        _cleanup_str_ char *path = kube_path("v1", "secrets", r->ns, r->secret, NULL);
        _cleanup_error_ struct error gone = ERROR_INIT;
        if (kube_delete(c, path, NULL, &gone) == 0 || gone.kind == ERR_NOT_FOUND)
                return 0;
        return error_move(err, &gone);
}
