#include "kube/pod.h"

#include "base/codec.h"
#include "kube/parse.h"

static void container_done(struct kube_container *c) {
        free(c->name);
        free(c->image);
        free(c->reason);
        free(c->message);
        free(c->last_reason);
        free(c->last_message);
        kvs_done(&c->requests);
}

void kube_pod_done(struct kube_pod *p) {
        if (!p)
                return;
        char *texts[] = { p->ns, p->name, p->uid, p->phase, p->node, p->owner_kind, p->owner_name, p->owner_uid, p->reason, p->message };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(texts[i]);
        kvs_done(&p->labels);
        kvs_done(&p->annotations);
        kube_conditions_done(&p->conditions);
        for (size_t i = 0; i < p->n_containers; i++)
                container_done(&p->containers[i]);
        free(p->containers);
        strv_done(&p->ips);
        *p = (struct kube_pod) { 0 };
}

void kube_pods_done(struct kube_pods *p) {
        if (!p)
                return;
        for (size_t i = 0; i < p->n; i++)
                kube_pod_done(&p->items[i]);
        free(p->items);
        *p = (struct kube_pods) { 0 };
}

/* ---- reading ---- */

static bool parse_owner(const json_t *metadata, struct kube_pod *p, struct error *err) {
        const json_t *owners;
        if (!parse_array(metadata, "ownerReferences", &owners, err))
                return false;
        for (size_t i = 0; i < json_array_size(owners); i++) {
                const json_t *o = json_array_get(owners, i);
                if (json_is_true(jget(o, "controller")))
                        return jget_str(o, "kind", &p->owner_kind, err) && jget_str(o, "name", &p->owner_name, err) &&
                               jget_str(o, "uid", &p->owner_uid, err);
        }
        return true;
}

static bool parse_containers(const json_t *spec, const char *key, bool init, struct kube_pod *p, struct error *err) {
        const json_t *list;
        if (!parse_array(spec, key, &list, err))
                return false;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *o = json_array_get(list, i);
                ARRAY_APPEND(p->containers, p->n_containers, (struct kube_container) { .init = init });
                struct kube_container *c = &p->containers[p->n_containers - 1];
                c->sidecar = init && str_eq(jget_text(o, "restartPolicy"), "Always");
                if (!jget_str(o, "name", &c->name, err) || !jget_str(o, "image", &c->image, err))
                        return false;
                const json_t *resources = jget(o, "resources");
                if (resources && !parse_quantities(resources, "requests", &c->requests, err))
                        return false;
        }
        return true;
}

/* A container that is listed twice must not leak what was said of it first. */
static bool replace_str(const json_t *o, const char *key, char **at, struct error *err) {
        free(TAKE(*at));
        return jget_str(o, key, at, err);
}

static bool parse_container_state(const json_t *o, struct kube_container *c, struct error *err) {
        const json_t *waiting = jget(o, "state.waiting"), *running = jget(o, "state.running"), *ended = jget(o, "state.terminated");
        const json_t *last = jget(o, "lastState.terminated");
        const json_t *detail = ended ? ended : waiting;
        c->state = running   ? KUBE_CONTAINER_RUNNING
                   : ended   ? KUBE_CONTAINER_TERMINATED
                   : waiting ? KUBE_CONTAINER_WAITING
                             : KUBE_CONTAINER_UNKNOWN;
        return jget_bool(o, "ready", &c->ready, err) && jget_int(o, "restartCount", &c->restarts, err) &&
               replace_str(detail, "reason", &c->reason, err) && replace_str(detail, "message", &c->message, err) &&
               jget_int(ended, "exitCode", &c->exit_code, err) && replace_str(last, "reason", &c->last_reason, err) &&
               replace_str(last, "message", &c->last_message, err) && jget_int(last, "exitCode", &c->last_exit_code, err);
}

static bool parse_container_states(const json_t *status, const char *key, bool init, struct kube_pod *p, struct error *err) {
        const json_t *list;
        if (!parse_array(status, key, &list, err))
                return false;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *o = json_array_get(list, i);
                for (size_t k = 0; k < p->n_containers; k++) {
                        struct kube_container *c = &p->containers[k];
                        if (c->init != init || c->state != KUBE_CONTAINER_UNKNOWN || !str_eq(c->name, jget_text(o, "name")))
                                continue;
                        if (!parse_container_state(o, c, err))
                                return false;
                        break;
                }
        }
        return true;
}

static bool parse_ips(const json_t *status, struct kube_pod *p, struct error *err) {
        const json_t *list;
        if (!parse_array(status, "podIPs", &list, err))
                return false;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const char *ip = jget_text(json_array_get(list, i), "ip");
                if (ip)
                        strv_add(&p->ips, ip);
        }
        return true;
}

static bool parse_pod_metadata(const json_t *o, struct kube_pod *p, struct error *err) {
        const json_t *m = jget(o, "metadata");
        p->deleting = jget(m, "deletionTimestamp") != NULL;
        return jget_str(m, "namespace", &p->ns, err) && jget_str(m, "name", &p->name, err) && jget_str(m, "uid", &p->uid, err) &&
               jget_kvs(m, "labels", &p->labels, err) && jget_kvs(m, "annotations", &p->annotations, err) &&
               parse_time(m, "creationTimestamp", &p->created_ms, err) && parse_owner(m, p, err);
}

static bool parse_pod_spec(const json_t *o, struct kube_pod *p, struct error *err) {
        const json_t *s = jget(o, "spec");
        p->gated = json_array_size(jget(s, "schedulingGates")) > 0;
        return jget_str(s, "nodeName", &p->node, err) && jget_bool(s, "hostNetwork", &p->host_network, err) &&
               jget_int(s, "priority", &p->priority, err) && parse_containers(s, "initContainers", true, p, err) &&
               parse_containers(s, "containers", false, p, err);
}

static bool parse_pod_status(const json_t *o, struct kube_pod *p, struct error *err) {
        const json_t *s = jget(o, "status");
        return jget_str(s, "phase", &p->phase, err) && jget_str(s, "reason", &p->reason, err) && jget_str(s, "message", &p->message, err) &&
               kube_conditions_parse(jget(s, "conditions"), &p->conditions, err) == 0 &&
               parse_container_states(s, "initContainerStatuses", true, p, err) &&
               parse_container_states(s, "containerStatuses", false, p, err) && parse_ips(s, p, err);
}

int kube_pod_parse(const json_t *o, struct kube_pod *ret, struct error *err) {
        _cleanup_(kube_pod_done) struct kube_pod p = { 0 };
        if (!parse_pod_metadata(o, &p, err) || !parse_pod_spec(o, &p, err) || !parse_pod_status(o, &p, err))
                return error_wrap(err, "Pod %s/%s", p.ns ? p.ns : "?", p.name ? p.name : "?");
        *ret = p;
        p = (struct kube_pod) { 0 };
        return 0;
}

static int pod_item(const json_t *o, void *into, struct error *err) {
        return kube_pod_parse(o, into, err);
}

static void pod_item_done(void *item) {
        kube_pod_done(item);
}

static void add_selector(struct strbuf *query, const char *key, const char *selector) {
        if (str_empty(selector))
                return;
        _cleanup_str_ char *escaped = percent_encode(selector);
        strbuf_addf(query, "%s%s=%s", query->len ? "&" : "", key, escaped);
}

int kube_pods_list(struct kube_client *c, const char *ns, const char *label_selector, const char *field_selector, struct kube_pods *ret,
                   struct error *err) {
        _cleanup_str_ char *path = kube_path("v1", "pods", ns, NULL, NULL);
        _cleanup_strbuf_ struct strbuf query = STRBUF_INIT;
        _cleanup_json_ json_t *items = NULL;
        void *pods;
        size_t n;
        add_selector(&query, "labelSelector", label_selector);
        add_selector(&query, "fieldSelector", field_selector);
        if (kube_list(c, path, strbuf_str(&query), &items, err) < 0 ||
            parse_items(items, sizeof(struct kube_pod), pod_item, pod_item_done, &pods, &n, err) < 0)
                return error_wrap(err, "listing Pods");
        *ret = (struct kube_pods) { pods, n };
        return 0;
}

/* ---- judging ---- */

bool kube_pod_is_ready(const struct kube_pod *p) {
        return kube_condition_is_true(&p->conditions, "Ready");
}

bool kube_pod_is_finished(const struct kube_pod *p) {
        return str_eq(p->phase, "Succeeded") || str_eq(p->phase, "Failed");
}

static bool is_image_reason(const char *reason) {
        static const char *const reasons[] = { "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
                                               "ImageInspectError", "RegistryUnavailable" };
        for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
                if (str_eq(reason, reasons[i]))
                        return true;
        return false;
}

bool kube_pod_image_trouble(const struct kube_pod *p, const struct kube_container **ret) {
        for (size_t i = 0; i < p->n_containers; i++) {
                const struct kube_container *c = &p->containers[i];
                if (c->state != KUBE_CONTAINER_WAITING || !is_image_reason(c->reason))
                        continue;
                if (ret)
                        *ret = c;
                return true;
        }
        return false;
}

static void add_text(struct strbuf *b, const char *text) {
        if (str_empty(text))
                return;
        strbuf_adds(b, ": ");
        for (const char *p = text; *p; p++)
                strbuf_addc(b, (unsigned char) *p < 0x20 || *p == 0x7f ? ' ' : *p);
}

static void pod_place(struct strbuf *b, const struct kube_pod *p) {
        strbuf_addf(b, "%s/%s", p->ns ? p->ns : "default", p->name ? p->name : "?");
        if (p->node)
                strbuf_addf(b, " on %s", p->node);
}

/* Does the container show something that a person should know? */
static bool container_trouble(const struct kube_container *c, struct strbuf *b) {
        bool starting = str_eq(c->reason, "ContainerCreating") || str_eq(c->reason, "PodInitializing") || str_empty(c->reason);
        bool waits = c->state == KUBE_CONTAINER_WAITING && !starting;
        bool died = c->state == KUBE_CONTAINER_TERMINATED && c->exit_code != 0;
        if (!waits && !died)
                return false;
        strbuf_addf(b, ": container %s", c->name ? c->name : "?");
        add_text(b, c->reason);
        if (died)
                strbuf_addf(b, " (exit status %lld)", (long long) c->exit_code);
        add_text(b, c->message);
        if (str_eq(c->reason, "CrashLoopBackOff") && c->last_reason) {
                strbuf_addf(b, "; last time: %s (exit status %lld)", c->last_reason, (long long) c->last_exit_code);
                add_text(b, c->last_message);
        }
        return true;
}

char *kube_pod_trouble(const struct kube_pod *p) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        pod_place(&b, p);
        for (size_t i = 0; i < p->n_containers; i++)
                if (container_trouble(&p->containers[i], &b))
                        return strbuf_take(&b);
        const struct kube_condition *scheduled = kube_condition_find(&p->conditions, "PodScheduled");
        if (scheduled && str_eq(scheduled->status, "False")) {
                add_text(&b, scheduled->reason);
                add_text(&b, scheduled->message);
                return strbuf_take(&b);
        }
        if (!str_eq(p->phase, "Failed"))
                return NULL;
        add_text(&b, p->reason ? p->reason : "Failed");
        add_text(&b, p->message);
        return strbuf_take(&b);
}
