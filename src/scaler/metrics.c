#include "scaler/metrics.h"

#include "base/file.h"

/* One metric: HELP, TYPE, and the value with the cluster as label. Names and units: https://prometheus.io/docs/practices/naming/ */
static void gauge(struct strbuf *b, const char *cluster, const char *name, const char *help, double value) {
        strbuf_addf(b, "# HELP hcloud_v6_scale_%s %s\n# TYPE hcloud_v6_scale_%s gauge\nhcloud_v6_scale_%s{cluster=\"%s\"} %.17g\n", name, help, name, name, cluster,
                    value);
}

static void gauge_of(struct strbuf *b, const char *cluster, const char *name, const char *label, const char *value, double number) {
        strbuf_addf(b, "hcloud_v6_scale_%s{cluster=\"%s\",%s=\"%s\"} %.17g\n", name, cluster, label, value, number);
}

static void head(struct strbuf *b, const char *name, const char *help) {
        strbuf_addf(b, "# HELP hcloud_v6_scale_%s %s\n# TYPE hcloud_v6_scale_%s gauge\n", name, help, name);
}

static void seen(struct strbuf *b, const char *cluster, const struct tick_report *r) {
        const struct snapshot_counts *n = &r->seen;
        head(b, "nodes", "Nodes of Kubernetes that the last tick saw.");
        gauge_of(b, cluster, "nodes", "state", "ready", (double) n->ready);
        gauge_of(b, cluster, "nodes", "state", "not_ready", (double) (n->nodes - n->ready));
        gauge(b, cluster, "control_planes", "Of them control planes.", (double) n->control_planes);
        head(b, "servers", "Servers of the cluster.");
        gauge_of(b, cluster, "servers", "state", "node", (double) (n->servers > n->coming ? n->servers - n->coming : 0));
        gauge_of(b, cluster, "servers", "state", "coming", (double) n->coming);
        gauge(b, cluster, "pods", "Pods of all namespaces.", (double) n->pods);
        gauge(b, cluster, "pods_pending", "Pods that wait for room.", (double) n->pending);
}

static void decided(struct strbuf *b, const char *cluster, const struct tick_report *r) {
        const struct decision *d = &r->decision;
        int64_t up = 0;
        size_t unplaceable = 0;
        for (size_t i = 0; i < d->n_up; i++)
                up += d->up[i].count;
        for (size_t i = 0; i < d->n_unplaceable; i++)
                unplaceable += d->unplaceable[i].count;
        gauge(b, cluster, "wanted_up_nodes", "Servers that the last tick decided to add.", (double) up);
        gauge(b, cluster, "wanted_down_nodes", "Nodes that the last tick decided to take away.", (double) d->n_down);
        gauge(b, cluster, "repairs", "Things the last tick found out of step between cloud and Kubernetes.", (double) d->n_repairs);
        gauge(b, cluster, "pods_unplaceable", "Pending pods that no server is bought for.", (double) unplaceable);
        gauge(b, cluster, "added_nodes", "Servers that the last tick added.", (double) r->added);
        gauge(b, cluster, "removed_nodes", "Servers that the last tick removed.", (double) r->removed);
        gauge(b, cluster, "draining_nodes", "Nodes whose drain the next tick goes on with.", (double) r->draining);
        if (!d->currency)
                return;
        head(b, "cost_per_month", "Net price of the cluster's servers a month, in the account's currency.");
        strbuf_addf(b, "hcloud_v6_scale_cost_per_month{cluster=\"%s\",currency=\"%s\",state=\"seen\"} %.6g\n", cluster, d->currency, (double) d->before.month / MONEY_UNIT);
        strbuf_addf(b, "hcloud_v6_scale_cost_per_month{cluster=\"%s\",currency=\"%s\",state=\"decided\"} %.6g\n", cluster, d->currency, (double) d->after.month / MONEY_UNIT);
}

/* A label's value: https://prometheus.io/docs/instrumenting/exposition_formats/ */
static char *escape(const char *value) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (; *value; value++) {
                if (*value == '"' || *value == '\\' || *value == '\n')
                        strbuf_addc(&b, '\\');
                strbuf_addc(&b, *value == '\n' ? 'n' : *value);
        }
        return strbuf_take(&b);
}

char *metrics_text(const char *name, const struct tick_report *r, int exit_code) {
        _cleanup_str_ char *cluster = escape(name);
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        gauge(&b, cluster, "last_run_timestamp_seconds", "When the last tick ended, by this machine's clock.", (double) (clock_now_ms(NULL) / 1000));
        gauge(&b, cluster, "last_run_success", "1 when the last tick ended well.", exit_code == 0);
        gauge(&b, cluster, "last_run_exit_code", "Exit status of the last tick.", exit_code);
        gauge(&b, cluster, "last_run_duration_seconds", "How long the last tick took.", (double) r->duration_ms / 1000);
        if (r->observed)
                seen(&b, cluster, r);
        if (r->decided)
                decided(&b, cluster, r);
        return strbuf_take(&b);
}

int metrics_write(const char *path, const char *cluster, const struct tick_report *r, int exit_code, struct error *err) {
        _cleanup_str_ char *text = metrics_text(cluster, r, exit_code);
        return file_write_atomic(path, text, strlen(text), 0644, err);
}
