/* A cluster's life: made, its machines, the pass over all controllers. */
#include "sim/kube/cluster.h"

#include <stdio.h>

void kube_node_settings_done(struct kube_node_settings *s) {
        char *texts[] = { s->name, s->location, s->network_zone, s->server_type, s->arch, s->talos_version,
                          s->kubernetes_version, s->kubelet_image,
                          s->cluster_name, s->bootstrap_token };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(texts[i]);
        strv_done(&s->resolvers);
        strv_done(&s->mirrors);
        kvs_done(&s->labels);
        kvs_done(&s->annotations);
        for (size_t i = 0; i < s->n_taints; i++) {
                free(s->taints[i].key);
                free(s->taints[i].value);
                free(s->taints[i].effect);
        }
        free(s->taints);
        *s = (struct kube_node_settings) { 0 };
}

void kube_settings_done(struct kube_settings *s) {
        char *texts[] = { s->cluster_id, s->cluster_name, s->dns_domain, s->kubernetes_version, s->coredns_image,
                          s->proxy_image };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(texts[i]);
        free(s->ca.cert_pem);
        free(s->ca.key_pem);
        strv_done(&s->pod_subnets);
        strv_done(&s->talos_api_namespaces);
        *s = (struct kube_settings) { 0 };
}

struct kube_cluster *kube_cluster_new(const struct kube_env *env, struct kube_settings *settings) {
        struct kube_cluster *c = xnew0(struct kube_cluster);
        c->env = *env;
        c->settings = *settings;
        *settings = (struct kube_settings) { 0 };
        kube_types_init(&c->types);
        c->uids = json_object();
        c->rv = 1;
        c->dirty = true;
        if (!kube_is_copy(c))
                bootstrap_start(c);
        return c;
}

static void runs_done(struct kube_machine *m) {
        for (size_t i = 0; i < m->n_runs; i++) {
                if (kube_is_copy(m->cluster))
                        m->cluster->env.remote->stop(m->cluster->env.remote->data, m->runs[i].uid);
                free(m->runs[i].uid);
                free(m->runs[i].message);
        }
        free(m->runs);
        m->runs = NULL;
        m->n_runs = 0;
}

static void machine_free(struct kube_machine *m) {
        if (kube_is_copy(m->cluster))
                m->cluster->env.remote->forget(m->cluster->env.remote->data, m);
        kube_node_settings_done(&m->settings);
        free(m->csr_name);
        free(m->serving_key);
        runs_done(m);
        free(m);
}

void kube_cluster_free(struct kube_cluster *c) {
        if (!c)
                return;
        /* Watches belong to the connections they feed; those end first. What is left only loses its cluster. */
        for (struct kube_watch *w = c->watches; w; w = w->next)
                w->cluster = NULL;
        for (size_t i = 0; i < c->n_events; i++) {
                json_decref(c->events[i].before);
                json_decref(c->events[i].after);
        }
        free(c->events);
        for (size_t i = 0; i < c->n_machines; i++)
                machine_free(c->machines[i]);
        free(c->machines);
        ccm_free(c->ccm);
        json_decref(c->uids);
        kube_types_done(&c->types);
        kube_settings_done(&c->settings);
        free(c);
}

int64_t kube_now(struct kube_cluster *c) {
        return c->env.now_ms(c->env.data);
}

int64_t kube_latency(struct kube_cluster *c, const struct kube_machine *m, int64_t real_ms) {
        return c->env.latency(c->env.data, m, real_ms);
}

bool kube_fault(struct kube_cluster *c, const char *name, const struct kube_machine *m) {
        return c->env.fault && c->env.fault(c->env.data, name, m);
}

char *kube_uuid(struct kube_cluster *c) {
        uint64_t a = c->env.random(c->env.data), b = c->env.random(c->env.data);
        return xasprintf("%08x-%04x-4%03x-%04x-%012llx", (unsigned) (a >> 32), (unsigned) (a >> 16 & 0xffff),
                         (unsigned) (a & 0xfff),
                         (unsigned) (b >> 48 & 0x3fff) | 0x8000u, (unsigned long long) (b & 0xffffffffffffULL));
}

char *kube_suffix(struct kube_cluster *c, size_t n) {
        static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
        char *text = xcalloc(n + 1, 1);
        for (size_t i = 0; i < n; i++)
                text[i] = alphabet[c->env.random(c->env.data) % (sizeof(alphabet) - 1)];
        return text;
}

void kube_wake_at(struct kube_cluster *c, int64_t due_ms) {
        if (due_ms && (!c->next_due_ms || due_ms < c->next_due_ms))
                c->next_due_ms = due_ms;
}

/* Custom kinds come and go with their definitions. */
void crd_pass(struct kube_cluster *c) {
        const struct kube_type *definitions = kube_type(c, "apiextensions.k8s.io", "customresourcedefinitions");
        for (size_t i = c->types.n; i > 0; i--) {
                struct kube_type *t = c->types.items[i - 1];
                _cleanup_str_ char *name = xasprintf("%s.%s", t->plural, t->group);
                if (!kube_type_has(t, KUBE_CUSTOM) || kube_get(c, definitions, NULL, name))
                        continue;
                for (struct kube_watch *w = c->watches, *next; w; w = next) {
                        next = w->next;
                        if (w->type == t && !w->dead) {
                                w->dead = true;
                                if (w->ended)
                                        w->ended(w->data);
                        }
                }
                for (size_t k = 0; k < c->n_events; k++) {
                        struct kube_event *e = &c->events[(c->first_event + k) % KUBE_EVENT_RING];
                        if (e->type == t)
                                e->type = NULL;
                }
                kube_types_drop(&c->types, t);
        }
        _cleanup_json_ json_t *all = kube_all(c, "apiextensions.k8s.io", "customresourcedefinitions");
        size_t i, k;
        json_t *definition, *version;
        json_array_foreach(all, i, definition) {
                const char *group = jget_text(definition, "spec.group"), *plural = jget_text(definition, "spec.names.plural");
                if (kube_types_find(&c->types, group, NULL, plural))
                        continue;
                json_array_foreach(jget(definition, "spec.versions"), k, version) {
                        if (!json_is_true(json_object_get(version, "storage")))
                                continue;
                        _cleanup_strv_ struct strv names = { 0 };
                        size_t s;
                        json_t *name;
                        json_array_foreach(jget(definition, "spec.names.shortNames"), s, name)
                                strv_add(&names, json_string_value(name));
                        _cleanup_str_ char *joined = strv_join(&names, ",");
                        unsigned flags = KUBE_CUSTOM | KUBE_GENERATION | (str_eq(jget_text(definition, "spec.scope"),
                                                                                 "Namespaced") ? KUBE_NAMESPACED : 0u) |
                                (jget(version, "subresources.status") ? KUBE_STATUS : 0u);
                        kube_types_add(&c->types, group, jget_text(version, "name"), jget_text(definition, "spec.names.kind"),
                                       plural,
                                       jget_text(definition, "spec.names.singular"), joined, flags);
                }
                if (kube_is_copy(c))     /* the API server's own affair */
                        continue;
                json_t *copy = json_deep_copy(definition), *status = meta_object(copy, "status");
                json_object_set(status, "acceptedNames", json_object_get(json_object_get(definition, "spec"), "names"));
                meta_set_condition(status, "NamesAccepted", "True", "NoConflicts", "no conflicts found", kube_now(c));
                meta_set_condition(status, "Established", "True", "InitialNamesAccepted", "the initial names have been accepted",
                                   kube_now(c));
                kube_save(c, "kube-apiserver", "status", copy);
        }
}

void kube_reconcile(struct kube_cluster *c) {
        static const struct { void (*pass)(struct kube_cluster *); bool in_copy; } passes[] = {
                { crd_pass, true }, { bootstrap_pass }, { node_pass, true }, { csr_pass, true }, { talos_pass, true }, { ccm_pass, true },
                { cilium_pass, true }, { daemonset_pass }, { deployment_pass }, { job_pass }, { scheduler_pass }, { kubelet_pass, true },
                { disruption_pass }, { garbage_pass },
        };
        if (c->reconciling)
                return;
        c->reconciling = true;
        c->next_due_ms = 0;
        c->dirty = false;
        for (size_t i = 0; i < ARRAY_SIZE(passes); i++)
                if (!kube_is_copy(c) || passes[i].in_copy)
                        passes[i].pass(c);
        c->as = NULL;
        c->reconciling = false;
        if (c->dirty)
                c->env.wake(c->env.data, 0);
        else if (c->next_due_ms)
                c->env.wake(c->env.data, MAX(c->next_due_ms - kube_now(c), (int64_t) 0));
}

struct kube_machine *kube_machine_add(struct kube_cluster *c, struct kube_node_settings *settings) {
        struct kube_machine *m = xnew0(struct kube_machine);
        m->cluster = c;
        m->self.at = m;
        m->settings = *settings;
        *settings = (struct kube_node_settings) { 0 };
        ARRAY_APPEND(c->machines, c->n_machines, m);
        return m;
}

struct kube_machine *kube_machine_find(const struct kube_cluster *c, const char *name) {
        for (size_t i = 0; name && i < c->n_machines; i++)
                if (str_eq(c->machines[i]->settings.name, name))
                        return c->machines[i];
        return NULL;
}

void kube_machine_up(struct kube_machine *m) {
        struct kube_cluster *c = m->cluster;
        m->up = true;
        m->registered = m->static_pods = m->applied = false;
        m->down_since_ms = 0;
        m->kubelet_due_ms = kube_now(c) + kube_latency(c, m, LATENCY_KUBELET);
        c->dirty = true;
        c->env.wake(c->env.data, 0);
}

void kube_machine_down(struct kube_machine *m) {
        struct kube_cluster *c = m->cluster;
        if (!m->up)
                return;
        m->up = m->reached = m->registered = false;
        m->down_since_ms = kube_now(c);
        m->boots++;
        runs_done(m);
        c->dirty = true;
        c->env.wake(c->env.data, 0);
}
