#include "scene.h"

#include <check.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/json.h"

#define NOW "2026-11-23T12:00:00Z"

struct line { char *words[64]; size_t n; json_t *more; };

static const char *value_of(const struct line *l, const char *key, const char *standard) {
        size_t len = strlen(key);
        for (size_t i = 2; i < l->n; i++)
                if (strncmp(l->words[i], key, len) == 0 && l->words[i][len] == '=')
                        return l->words[i] + len + 1;
        return standard;
}

static bool flag(const struct line *l, const char *name) {
        for (size_t i = 1; i < l->n; i++)
                if (str_eq(l->words[i], name))
                        return true;
        return false;
}

/* "11m", "30s", "2h" ago. */
static json_t *ago(const char *span) {
        int64_t now = 0, ms = 0;
        ck_assert(time_parse_rfc3339(NOW, &now));
        ck_assert_msg(spec_span_parse(span, &ms), "'%s' is no span", span);
        _cleanup_str_ char *text = time_format_rfc3339(now - ms);
        return json_string(text);
}

/* Objects are merged, everything else is replaced; null removes. */
static void merge(json_t *into, json_t *more) {
        const char *key;
        json_t *v;
        json_object_foreach(more, key, v) {
                json_t *have = json_object_get(into, key);
                if (json_is_null(v))
                        json_object_del(into, key);
                else if (json_is_object(have) && json_is_object(v))
                        merge(have, v);
                else
                        json_object_set(into, key, v);
        }
}

static json_t *list(json_t *scene, const char *key) {
        json_t *a = json_object_get(scene, key);
        if (!a)
                json_object_set_new(scene, key, a = json_array());
        return a;
}

static void add(json_t *scene, const char *key, json_t *o, const struct line *l) {
        if (l && l->more)
                merge(o, l->more);
        json_array_append_new(list(scene, key), o);
}

/* All "key=a=b" words as an object. */
static json_t *pairs(const struct line *l, const char *key) {
        json_t *o = json_object();
        size_t len = strlen(key);
        for (size_t i = 2; i < l->n; i++) {
                if (strncmp(l->words[i], key, len) != 0 || l->words[i][len] != '=')
                        continue;
                const char *pair = l->words[i] + len + 1, *equals = strchr(pair, '=');
                _cleanup_str_ char *name = equals ? xstrndup(pair, (size_t) (equals - pair)) : xstrdup(pair);
                json_object_set_new(o, name, json_string(equals ? equals + 1 : ""));
        }
        return o;
}

static json_t *words(const char *commas) {
        _cleanup_strv_ struct strv parts = { 0 };
        json_t *a = json_array();
        strv_split(&parts, commas, ',');
        for (size_t i = 0; i < parts.n; i++)
                json_array_append_new(a, json_string(parts.items[i]));
        return a;
}

static json_t *taints(const struct line *l) {
        json_t *a = json_array();
        for (size_t i = 2; i < l->n; i++) {
                char key[64] = "", value[64] = "", effect[64] = "";
                if (sscanf(l->words[i], "taint=%63[^=:]=%63[^:]:%63s", key, value, effect) == 3 || sscanf(l->words[i], "taint=%63[^=:]:%63s", key, effect) == 2)
                        json_array_append_new(a, json_pack("{s:s, s:s, s:s}", "key", key, "value", value, "effect", effect));
        }
        return a;
}

static int64_t number_of(const char *name) {
        int64_t n = 7;
        for (const char *p = name; *p; p++)
                n = n * 31 + *p;
        return 1000 + (n & 0xffffff);
}

static void add_server(json_t *scene, const struct line *l, bool control_plane) {
        const char *name = l->words[1], *pool = value_of(l, "pool", control_plane ? "control-plane" : "worker");
        const char *location = value_of(l, "location", "hel1");
        json_t *labels = json_pack("{s:s, s:s, s:s}", "hcloud-v6/cluster", value_of(l, "cluster", "c"), "hcloud-v6/pool", pool, "hcloud-v6/role",
                                   control_plane ? "control-plane" : "worker");
        json_t *o = json_pack("{s:I, s:s, s:s, s:o, s:o, s:{s:s}, s:{s:s}, s:{s:n}}", "id", (json_int_t) number_of(name), "name", name, "status",
                              value_of(l, "status", "running"), "created", ago(value_of(l, "age", "5h")), "labels", labels, "server_type", "name",
                              value_of(l, "type", "cx23"), "location", "name", location, "public_net", "ipv4");
        add(scene, "servers", o, str_eq(l->words[0], "server") ? l : NULL);
}

static json_t *conditions(const struct line *l) {
        const char *status = flag(l, "unready") ? "False" : "True";
        return json_pack("[{s:s, s:s, s:o}]", "type", "Ready", "status", status, "lastTransitionTime", ago(value_of(l, "changed", flag(l, "unready") ? "1h" : "4h")));
}

static void add_node(json_t *scene, const struct line *l, bool control_plane, bool server) {
        const char *name = l->words[1], *pool = value_of(l, "pool", control_plane ? "control-plane" : "worker");
        const char *since = value_of(l, "since", NULL), *seen = value_of(l, "seen", NULL), *phase = value_of(l, "phase", NULL);
        const char *type = value_of(l, "type", "cx23"), *location = value_of(l, "location", "hel1");
        json_t *labels = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kubernetes.io/hostname", name, "kubernetes.io/os", "linux", "kubernetes.io/arch", "amd64",
                                   "topology.kubernetes.io/region", location, "node.kubernetes.io/instance-type", type, "hcloud-v6/pool", pool);
        json_t *annotations = json_object(), *own = pairs(l, "label"), *spec = json_object();
        merge(labels, own);
        json_decref(own);
        if (control_plane)
                json_object_set_new(labels, "node-role.kubernetes.io/control-plane", json_string(""));
        jset(annotations, ANNOTATION_UNNEEDED_SINCE, since ? ago(since) : NULL);
        jset(annotations, ANNOTATION_UNNEEDED_SEEN, seen ? ago(seen) : NULL);
        jset(annotations, ANNOTATION_PHASE, phase ? json_string(phase) : NULL);
        jset(annotations, ANNOTATION_GONE_SINCE, value_of(l, "gone", NULL) ? ago(value_of(l, "gone", NULL)) : NULL);
        jset(annotations, ANNOTATION_SCALE_DOWN, flag(l, "keep") ? json_string("true") : NULL);
        jset(spec, "providerID", flag(l, "noid") ? NULL : json_strf("hcloud://%lld", (long long) number_of(name)));
        jset(spec, "unschedulable", flag(l, "cordoned") ? json_true() : NULL);
        jset(spec, "podCIDR", flag(l, "nocidr") ? NULL : json_string("2001:db8::/80"));
        jset(spec, "taints", taints(l));
        json_t *o = json_pack("{s:{s:s, s:o, s:o, s:o}, s:o, s:{s:{s:s, s:s, s:s, s:s}, s:o}}", "metadata", "name", name, "creationTimestamp", ago(value_of(l, "age", "5h")),
                              "labels", labels, "annotations", annotations, "spec", spec, "status", "allocatable", "cpu", value_of(l, "cpu", "1950m"), "memory",
                              value_of(l, "mem", "3600Mi"), "ephemeral-storage", "30000000000", "pods", value_of(l, "pods", "110"), "conditions", conditions(l));
        add(scene, "nodes", o, l);
        if (server)
                add_server(scene, l, control_plane);
}

static json_t *resources(const struct line *l) {
        json_t *requests = json_object();
        jset_str(requests, "cpu", value_of(l, "cpu", NULL));
        jset_str(requests, "memory", value_of(l, "mem", NULL));
        jset_str(requests, "nvidia.com/gpu", value_of(l, "gpu", NULL));
        jset_str(requests, "ephemeral-storage", value_of(l, "disk", NULL));
        return json_pack("{s:o}", "requests", requests);
}

static json_t *tolerations(const struct line *l) {
        json_t *a = json_array(), *keys = pairs(l, "tolerates");
        const char *key;
        json_t *v;
        json_object_foreach(keys, key, v)
                json_array_append_new(a, json_pack("{s:s, s:s}", "key", key, "operator", "Exists"));
        if (flag(l, "tolerates-all"))
                json_array_append_new(a, json_pack("{s:s}", "operator", "Exists"));
        json_decref(keys);
        return a;
}

/* Required anti-affinity or spread of the pods with its own label app, by a topology key. */
static void add_topology(json_t *spec, const struct line *l, const char *app) {
        const char *anti = value_of(l, "anti", NULL), *spread = value_of(l, "spread", NULL), *with = value_of(l, "with", NULL);
        json_t *affinity = json_object();
        if (anti)
                jset(affinity, "podAntiAffinity", json_pack("{s:[{s:s, s:{s:{s:s}}}]}", "requiredDuringSchedulingIgnoredDuringExecution", "topologyKey", anti,
                                                            "labelSelector", "matchLabels", "app", app));
        if (with)
                jset(affinity, "podAffinity", json_pack("{s:[{s:s, s:{s:{s:s}}}]}", "requiredDuringSchedulingIgnoredDuringExecution", "topologyKey",
                                                        "kubernetes.io/hostname", "labelSelector", "matchLabels", "app", with));
        if (spread)
                jset(spec, "topologySpreadConstraints", json_pack("[{s:i, s:s, s:s, s:{s:{s:s}}}]", "maxSkew", 1, "topologyKey", spread, "whenUnsatisfiable",
                                                                  "DoNotSchedule", "labelSelector", "matchLabels", "app", app));
        jset(spec, "affinity", affinity);
}

static json_t *owner(const struct line *l, const char *app) {
        const char *kind = value_of(l, "owner", "ReplicaSet");
        if (str_eq(kind, "none"))
                return json_array();
        return json_pack("[{s:s, s:s, s:b}]", "kind", kind, "name", app, "controller", 1);
}

static json_t *pod_object(const struct line *l, const char *name, const char *app, bool pending) {
        json_t *annotations = pairs(l, "note"), *spec = json_object(), *selector = pairs(l, "select");
        json_t *container = json_pack("{s:s, s:o}", "name", "main", "resources", resources(l));
        if (value_of(l, "port", NULL))
                jset(container, "ports", json_pack("[{s:i, s:i, s:s}]", "containerPort", 80, "hostPort", atoi(value_of(l, "port", "0")), "protocol", "TCP"));
        jset(spec, "containers", json_pack("[o]", container));
        jset(spec, "nodeSelector", selector);
        jset(spec, "tolerations", tolerations(l));
        jset(spec, "priority", value_of(l, "priority", NULL) ? json_integer(atoi(value_of(l, "priority", "0"))) : NULL);
        jset(spec, "volumes", value_of(l, "claim", NULL) ? json_pack("[{s:s, s:{s:s}}]", "name", "v", "persistentVolumeClaim", "claimName", value_of(l, "claim", ""))
                              : flag(l, "emptydir")     ? json_pack("[{s:s, s:{}}]", "name", "v", "emptyDir")
                                                        : NULL);
        jset(spec, "nodeName", pending ? NULL : json_string(value_of(l, "on", "w1")));
        add_topology(spec, l, app);
        json_t *labels = json_pack("{s:s}", "app", app), *status = json_object();
        jset_str(status, "phase", value_of(l, "phase", pending ? "Pending" : "Running"));
        jset(status, "conditions", pending ? json_pack("[{s:s, s:s, s:s, s:s}]", "type", "PodScheduled", "status", "False", "reason",
                                                       flag(l, "gated") ? "SchedulingGated" : "Unschedulable", "message",
                                                       "0/2 nodes are available: 2 Insufficient cpu.")
                                           : json_pack("[{s:s, s:s}]", "type", "PodScheduled", "status", "True"));
        json_t *metadata = json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "name", name, "namespace", value_of(l, "ns", "default"), "creationTimestamp",
                                     ago(value_of(l, "age", "2h")), "labels", labels, "annotations", annotations, "ownerReferences", owner(l, app));
        if (flag(l, "deleting"))
                jset(metadata, "deletionTimestamp", ago("10s"));
        return json_pack("{s:o, s:o, s:o}", "metadata", metadata, "spec", spec, "status", status);
}

static void add_pods(json_t *scene, const struct line *l, bool pending) {
        int n = atoi(value_of(l, "n", "1"));
        const char *app = value_of(l, "app", l->words[1]), *kind = value_of(l, "owner", "ReplicaSet");
        for (int i = 0; i < n; i++) {
                _cleanup_str_ char *name = n == 1 ? xstrdup(l->words[1]) : xasprintf("%s-%04d", l->words[1], i);
                add(scene, "pods", pod_object(l, name, app, pending), l);
        }
        if (str_eq(kind, "ReplicaSet") && !flag(l, "orphan"))
                add(scene, "replicaSets", json_pack("{s:{s:s, s:s}, s:{s:i}}", "metadata", "name", app, "namespace", value_of(l, "ns", "default"), "spec", "replicas", n), NULL);
}

/* A DaemonSet, and its pod on each node that was named before. */
static void add_daemon(json_t *scene, const struct line *l) {
        json_t *pod = pod_object(l, l->words[1], l->words[1], true), *node;
        json_t *template = json_pack("{s:{s:O}, s:O}", "metadata", "labels", jget(pod, "metadata.labels"), "spec", jget(pod, "spec"));
        add(scene, "daemonSets", json_pack("{s:{s:s, s:s}, s:{s:o}}", "metadata", "name", l->words[1], "namespace", value_of(l, "ns", "kube-system"), "spec", "template",
                                           template), l);
        json_decref(pod);
        size_t i;
        json_array_foreach(json_object_get(scene, "nodes"), i, node) {
                if (json_array_size(jget(node, "spec.taints")))
                        continue;
                _cleanup_str_ char *name = xasprintf("%s-%zu", l->words[1], i);
                json_t *on = pod_object(l, name, l->words[1], false);
                json_object_set(json_object_get(on, "spec"), "nodeName", json_object_get(json_object_get(node, "metadata"), "name"));
                json_object_set_new(json_object_get(on, "metadata"), "namespace", json_string(value_of(l, "ns", "kube-system")));
                json_object_set_new(json_object_get(on, "metadata"), "ownerReferences",
                                    json_pack("[{s:s, s:s, s:b}]", "kind", "DaemonSet", "name", l->words[1], "controller", 1));
                add(scene, "pods", on, NULL);
        }
}

static void add_pool(json_t *scene, const struct line *l) {
        json_t *o = json_pack("{s:s, s:o, s:o, s:o}", "name", l->words[1], "types", words(value_of(l, "types", "cx23")), "locations", words(value_of(l, "locations", "hel1")),
                              "labels", pairs(l, "label")), *own = json_array();
        for (size_t i = 2; i < l->n; i++)
                if (str_starts(l->words[i], "taint="))
                        json_array_append_new(own, json_string(l->words[i] + strlen("taint=")));
        jset(o, "taints", own);
        if (!flag(l, "fixed"))
                jset(o, "autoscale", json_pack("{s:i, s:i}", "min", atoi(value_of(l, "min", "0")), "max", atoi(value_of(l, "max", "10"))));
        add(scene, "pools", o, l);
}

static void add_type(json_t *scene, const struct line *l) {
        _cleanup_strv_ struct strv at = { 0 };
        strv_split(&at, value_of(l, "locations", "hel1,nbg1,fsn1"), ',');
        json_t *locations = json_array(), *prices = json_array();
        for (size_t i = 0; i < at.n; i++) {
                const char *price = value_of(l, "price", "3.49");
                json_array_append_new(locations, json_pack("{s:s, s:b, s:n}", "name", at.items[i], "available", !str_eq(value_of(l, "available", "true"), "false"), "deprecation"));
                if (!str_eq(price, "none"))
                        json_array_append_new(prices, json_pack("{s:s, s:{s:s, s:s}, s:{s:s, s:s}}", "location", at.items[i], "price_hourly", "net", "0.0060", "gross",
                                                                "0.0071", "price_monthly", "net", price, "gross", "9.9999"));
        }
        add(scene, "serverTypes", json_pack("{s:s, s:f, s:f, s:i, s:s, s:o, s:o}", "name", l->words[1], "cores", atof(value_of(l, "cores", "2")), "memory",
                                            atof(value_of(l, "memory", "4")), "disk", 40, "architecture", value_of(l, "arch", "x86"), "locations", locations, "prices",
                                            prices), l);
}

static void add_line(json_t *scene, const struct line *l) {
        const char *kind = l->words[0];
        if (str_eq(kind, "node"))
                add_node(scene, l, false, true);
        else if (str_eq(kind, "lone"))
                add_node(scene, l, false, false);
        else if (str_eq(kind, "plane"))
                add_node(scene, l, true, true);
        else if (str_eq(kind, "server"))
                add_server(scene, l, false);
        else if (str_eq(kind, "pod") || str_eq(kind, "pending"))
                add_pods(scene, l, str_eq(kind, "pending"));
        else if (str_eq(kind, "daemon"))
                add_daemon(scene, l);
        else if (str_eq(kind, "pool"))
                add_pool(scene, l);
        else if (str_eq(kind, "type"))
                add_type(scene, l);
        else if (str_eq(kind, "pdb"))
                add(scene, "podDisruptionBudgets", json_pack("{s:{s:s, s:s}, s:{s:{s:{s:s}}}, s:{s:i}}", "metadata", "name", l->words[1], "namespace",
                                                             value_of(l, "ns", "default"), "spec", "selector", "matchLabels", "app", value_of(l, "app", "a"), "status",
                                                             "disruptionsAllowed", atoi(value_of(l, "allowed", "0"))), l);
        else if (str_eq(kind, "pv"))
                add(scene, "persistentVolumes", json_pack("{s:{s:s}, s:{s:{s:s, s:s}, s:{s:{s:[{s:[{s:s, s:s, s:[s]}]}]}}}}", "metadata", "name", l->words[1], "spec", "claimRef",
                                                          "namespace", "default", "name", value_of(l, "claim", "data"), "nodeAffinity", "required", "nodeSelectorTerms",
                                                          "matchExpressions", "key", "topology.kubernetes.io/region", "operator", "In", "values", value_of(l, "region", "hel1")), l);
        else if (str_eq(kind, "set") || str_eq(kind, "scaler"))
                merge(str_eq(kind, "set") ? scene : json_object_get(scene, "scaler"), l->more);
        else if (!str_eq(kind, "bare") && !str_eq(kind, "only"))
                ck_abort_msg("a scene has no '%s'", kind);
}

/* Splits at blanks; a '{' begins the JSON that ends the line. */
static void split(char *text, struct line *l) {
        *l = (struct line) { 0 };
        char *brace = strchr(text, '{');
        if (brace) {
                json_error_t why;
                l->more = json_loads(brace, 0, &why);
                ck_assert_msg(l->more != NULL, "no JSON: %s: %s", brace, why.text);
                *brace = '\0';
        }
        char *save = NULL;
        for (char *w = strtok_r(text, " ", &save); w && l->n < ARRAY_SIZE(l->words); w = strtok_r(NULL, " ", &save))
                l->words[l->n++] = w;
}

static void add_text(json_t *scene, const char *lines, const char *only_kind) {
        _cleanup_str_ char *copy = xstrdup(lines);
        char *save = NULL;
        for (char *text = strtok_r(copy, "\n", &save); text; text = strtok_r(NULL, "\n", &save)) {
                struct line l;
                split(text, &l);
                if (l.n && (!only_kind || str_eq(l.words[0], only_kind)) && (only_kind || !str_eq(l.words[0], "daemon")))
                        add_line(scene, &l);
                json_decref(l.more);
        }
}

json_t *scene_json(const char *lines) {
        json_t *scene = json_pack("{s:s, s:{s:s}, s:{}}", "time", NOW, "pricing", "currency", "EUR", "scaler");
        static const char *const lists[] = { "nodes", "pods", "podDisruptionBudgets", "daemonSets", "replicaSets", "persistentVolumes", "servers", "serverTypes", "pools" };
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                list(scene, lists[i]);
        bool only = str_starts(lines, "only") || strstr(lines, "\nonly"), bare = str_starts(lines, "bare") || strstr(lines, "\nbare");
        if (!only)
                add_text(scene, "type cx23 cores=2 memory=4 price=3.49\ntype cx33 cores=4 memory=8 price=5.49\ntype cx43 cores=8 memory=16 price=9.49\n"
                                "type cax11 cores=2 memory=4 price=3.79 arch=arm\n", NULL);
        if (!only && !str_starts(lines, "pool ") && !strstr(lines, "\npool "))
                add_text(scene, "pool worker min=0 max=10 types=cx23 locations=hel1\n", NULL);
        if (!bare)
                add_text(scene, "plane cp1 taint=node-role.kubernetes.io/control-plane:NoSchedule\n", NULL);
        add_text(scene, lines, NULL);
        add_text(scene, lines, "daemon");      /* last: their pods are on all nodes */
        return scene;
}

struct snapshot *scene(const char *lines) {
        struct error err = ERROR_INIT;
        struct snapshot *s = NULL;
        json_t *o = scene_json(lines);
        char *text = json_dumps(o, JSON_INDENT(1));
        ck_assert_msg(snapshot_parse("scene", text, strlen(text), &s, &err) == 0, "%s\nin: %s", err.message ? err.message : "?", lines);
        free(text);
        json_decref(o);
        return s;
}

char *scene_decision(const struct decision *d) {
        struct strbuf b = STRBUF_INIT;
        for (size_t i = 0; i < d->n_up; i++)
                strbuf_addf(&b, "%sup %s=%lld %s@%s", b.len ? "; " : "", d->up[i].pool, (long long) d->up[i].count, d->up[i].choices[0].type,
                            d->up[i].choices[0].location);
        for (size_t i = 0; i < d->n_down; i++)
                strbuf_addf(&b, "%sdown %s%s", b.len ? "; " : "", d->down[i].node, d->down[i].drain ? " drain" : "");
        for (size_t i = 0; i < d->n_repairs; i++)
                strbuf_addf(&b, "%s%s %s", b.len ? "; " : "", repair_kind_name(d->repairs[i].kind), d->repairs[i].node ? d->repairs[i].node : d->repairs[i].server);
        return strbuf_take(&b);
}

char *scene_words(const struct decision *d) {
        struct strbuf b = STRBUF_INIT;
        for (size_t i = 0; i < d->reasons.n; i++)
                strbuf_addf(&b, "reason %s\n", d->reasons.items[i]);
        for (size_t i = 0; i < d->n_unplaceable; i++)
                strbuf_addf(&b, "unplaceable %s ×%zu: %s\n", d->unplaceable[i].pod, d->unplaceable[i].count, d->unplaceable[i].reason);
        for (size_t i = 0; i < d->n_kept; i++)
                strbuf_addf(&b, "kept %s: %s\n", d->kept[i].node, d->kept[i].reason);
        for (size_t i = 0; i < d->n_marks; i++)
                strbuf_addf(&b, "mark %s %s %s\n", d->marks[i].node, strchr(d->marks[i].key, '/') + 1, d->marks[i].value ? d->marks[i].value : "-");
        for (size_t i = 0; i < d->n_repairs; i++)
                strbuf_addf(&b, "repair %s: %s\n", repair_kind_name(d->repairs[i].kind), d->repairs[i].reason);
        return strbuf_take(&b);
}
