/* The charts of a cluster: which there are, with which values, fetched before anything costs money, and compared with what the profile sets. */
#include "cluster/charts.h"

#include "base/file.h"
#include "cluster/model.h"
#include "cluster/offline.h"

#define OFFLINE_FETCH_MS 10000

static struct chart_ref ref_of(const struct spec_addon *a) {
        return (struct chart_ref) { .repository = a->repository, .name = a->chart, .version = a->version, .digest = a->digest, .pinned = a->pinned };
}

/* "team.yaml:12:5: …" as for errors of the profile. The columns of a block text are not known. */
static void warn_unknown(struct cluster *c, const struct spec_addon *a, const struct chart *chart, const struct unknown_value *u) {
        _cleanup_str_ char *place = a->values_line ? xasprintf("%s:%u", a->values_source, a->values_line + u->line)
                                                   : xasprintf("%s:%u:%u", a->values_source, u->line, u->column);
        _cleanup_str_ char *meant = u->nearest ? xasprintf("; did you mean '%s'?", u->nearest) : xstrdup("");

        cluster_warn(c, "%s: '%s' is not a value of chart %s %s, which ignores it%s", place, u->path, chart->name, chart->version, meant);
}

/* Only what the profile says: the built-in values are tested against the built-in charts. */
static void check_values(struct cluster *c, const struct spec_addon *a, const struct chart *chart) {
        _cleanup_(unknown_values_done) struct unknown_values unknown = { 0 };
        _cleanup_error_ struct error why = ERROR_INIT;

        if (!a->values)
                return;
        if (bootstrap_check_values(chart, a->values, &unknown, &why) < 0) {
                cluster_warn(c, "the values of add-on '%s' were not compared with its chart: %s", a->name, error_text(&why));
                return;
        }
        for (size_t i = 0; i < unknown.n; i++)
                warn_unknown(c, a, chart, &unknown.items[i]);
}

static int fetch_chart(struct cluster *c, struct release_state *r, struct error *err) {
        struct bootstrap b;
        cluster_bootstrap(c, NULL, &b);
        const struct chart_ref ref = ref_of(r->addon);
        if (bootstrap_fetch_chart(&b, &ref, &r->chart, err) < 0)
                return error_wrap(err, "chart %s %s", ref.name, ref.version);
        if (r->chart.digest_from_index)
                cluster_note(c, "chart %s %s comes from %s with the digest of its index, %.12s…", ref.name, ref.version, r->chart.repository, r->chart.digest);
        check_values(c, r->addon, &r->chart);
        return 0;
}

static void add_release(struct cluster *c, const struct spec_addon *a, char *values, bool before_cni) {
        ARRAY_APPEND(c->releases, c->n_releases, ((struct release_state) { .c = c, .addon = a, .values = values, .before_cni = before_cni }));
}

static char *values_of(const struct cluster *c, const struct spec_addon *a) {
        if (a == &c->spec->cilium)
                return cilium_values(c);
        return a->values ? yaml_write(a->values, 2) : xstrdup("{}\n");
}

int charts_prepare(struct cluster *c, struct error *err) {
        if (c->spec->helm_mode == HELM_LOCAL && bootstrap_check_helm(err) < 0)
                return -1;
        add_release(c, &c->spec->cilium, values_of(c, &c->spec->cilium), true);
        for (size_t i = 0; i < c->spec->n_addons; i++)
                add_release(c, &c->spec->addons[i], values_of(c, &c->spec->addons[i]), false);
        for (size_t i = 0; i < c->n_releases; i++)
                if (fetch_chart(c, &c->releases[i], err) < 0)
                        return -1;
        return 0;
}

/* ---- without a cloud ---- */

static const struct spec_addon *find_addon(const struct cluster_spec *s, const char *name) {
        if (str_eq(name, s->cilium.name))
                return &s->cilium;
        for (size_t i = 0; i < s->n_addons; i++)
                if (str_eq(s->addons[i].name, name))
                        return &s->addons[i];
        return NULL;
}

int cluster_chart_values(struct cluster *c, const char *name, char **ret, struct error *err) {
        const struct spec_addon *a = find_addon(c->spec, name);
        if (!a)
                return error_set(err, ERR_NOT_FOUND, "the profile has no chart '%s'", name);
        *ret = values_of(c, a);
        return 0;
}

/* A chart that was given by name of its file, whatever its version; its name decides which add-ons it is for. */
static int check_given(struct cluster *c, const char *path, struct strv *done, struct error *err) {
        _cleanup_(chart_done) struct chart chart = { 0 };
        if (bootstrap_chart_from_file(path, &chart, err) < 0)
                return -1;
        bool used = false;
        const struct cluster_spec *s = c->spec;
        for (size_t i = 0; i <= s->n_addons; i++) {
                const struct spec_addon *a = i ? &s->addons[i - 1] : &s->cilium;
                if (!str_eq(a->chart, chart.name))
                        continue;
                check_values(c, a, &chart);
                strv_add(done, a->name);
                used = true;
        }
        return used ? 0 : error_set(err, ERR_USAGE, "%s is the chart '%s', which the profile does not use", path, chart.name);
}

static void check_fetched(struct cluster *c, const struct spec_addon *a) {
        _cleanup_(chart_done) struct chart chart = { 0 };
        _cleanup_error_ struct error why = ERROR_INIT;
        struct bootstrap b;
        struct chart_ref ref = ref_of(a);
        cluster_bootstrap(c, NULL, &b);
        ref.timeout_ms = OFFLINE_FETCH_MS;
        if (bootstrap_fetch_chart(&b, &ref, &chart, &why) >= 0)
                check_values(c, a, &chart);
        else
                cluster_warn(c, "the values of add-on '%s' were not compared with its chart, which cannot be had: %s", a->name, error_text(&why));
}

int cluster_check_values(struct cluster *c, const struct strv *files, struct error *err) {
        _cleanup_strv_ struct strv done = { 0 };
        const struct cluster_spec *s = c->spec;
        for (size_t i = 0; files && i < files->n; i++)
                if (check_given(c, files->items[i], &done, err) < 0)
                        return -1;
        for (size_t i = 0; i <= s->n_addons; i++) {
                const struct spec_addon *a = i ? &s->addons[i - 1] : &s->cilium;
                if (a->values && !strv_has(&done, a->name))
                        check_fetched(c, a);
        }
        return cancel_check(c->o.cancel, err);
}
