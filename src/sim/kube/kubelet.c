/* The double of the kubelets: what becomes of pods that are bound to a running node. No container ever runs: stages have
 * latencies, and
 * pods of Jobs end as job_pod_action() says. */
#include <stdio.h>

#include "sim/kube/cluster.h"

#define REMOVE_AGAIN_MS 5000

bool pod_finished(const json_t *pod) {
        const char *phase = jget_text(pod, "status.phase");
        return str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

bool pod_ready(const json_t *pod) {
        return meta_condition_is(pod, "Ready", "True") && !meta_deleting(pod);
}

static void image_host(const char *image, char *buf, size_t n) {
        size_t len = strcspn(image, "/");
        bool host = image[len] && (memchr(image, '.', len) || memchr(image, ':', len));
        snprintf(buf, n, "%.*s", host ? (int) len : 9, host ? image : "docker.io");
}

/* Registries without an IPv6 address: they need DNS64 and NAT64, or a mirror. */
static bool ipv4_only(const char *host) {
        static const char *const hosts[] = { "ghcr.io", "factory.talos.dev", "public.ecr.aws" };
        for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
                if (str_eq(host, hosts[i]))
                        return true;
        return false;
}

char *image_problem(struct kube_cluster *c, const struct kube_machine *m, const char *image) {
        char host[256];
        if (str_empty(image))
                return NULL;
        image_host(image, host, sizeof(host));
        const char *resolver = m->settings.resolvers.n ? m->settings.resolvers.items[0] : "::1";
        if (kube_fault(c, "image-pull", m))
                return xasprintf("failed to pull and unpack image \"%s\": failed to resolve image: unexpected status from HEAD request to https://%s/v2/: "
                                 "503 Service Unavailable", image, host);
        if (!ipv4_only(host) || strv_has(&m->settings.mirrors, host) || strv_has(&m->settings.mirrors, "*"))
                return NULL;
        if (kube_fault(c, "dns64-down", NULL))
                return xasprintf("failed to pull and unpack image \"%s\": failed to resolve image: failed to do request: Head \"https://%s/v2/\": dial tcp: "
                                 "lookup %s on [%s]:53: no such host", image, host, host, resolver);
        if (kube_fault(c, "nat64-down", NULL))
                return xasprintf("failed to pull and unpack image \"%s\": failed to resolve image: failed to do request: Head \"https://%s/v2/\": dial tcp: "
                                 "i/o timeout", image, host);
        return NULL;
}

/* ConfigMaps and Secrets that are mounted must exist; NULL when they do. */
static char *missing_volume(struct kube_cluster *c, const json_t *pod) {
        size_t i;
        json_t *v;
        json_array_foreach(jget(pod, "spec.volumes"), i, v) {
                const char *map = jget_text(v, "configMap.name"), *secret = jget_text(v, "secret.secretName");
                if (map && !meta_bool(v, "configMap.optional", false) && !kube_find(c, "", "configmaps", meta_namespace(pod),
                                                                                    map))
                        return xasprintf("MountVolume.SetUp failed for volume \"%s\" : configmap \"%s\" not found",
                                         jget_text(v, "name"), map);
                if (secret && !meta_bool(v, "secret.optional", false) && !kube_find(c, "", "secrets", meta_namespace(pod),
                                                                                    secret))
                        return xasprintf("MountVolume.SetUp failed for volume \"%s\" : secret \"%s\" not found",
                                         jget_text(v, "name"), secret);
        }
        return NULL;
}

static void pod_address(struct kube_cluster *c, struct kube_machine *m, json_t *status, const json_t *pod) {
        char text[IP6_STR_MAX], host[IP6_STR_MAX];
        struct ip6_addr a = m->settings.addr;
        struct ip6_prefix cidr;
        const json_t *node = kube_find(c, "", "nodes", NULL, m->settings.name);
        ip6_format(&m->settings.addr, host);
        json_object_set_new(status, "hostIP", json_string(host));
        json_object_set_new(status, "hostIPs", json_pack("[{s:s}]", "ip", host));
        if (json_object_get(status, "podIP"))
                return;
        if (!meta_bool(pod, "spec.hostNetwork", false)) {
                if (!jget_text(node, "spec.podCIDR") || !ip6_prefix_parse(jget_text(node, "spec.podCIDR"), &cidr, NULL))
                        return;
                a = ip6_host(&cidr, 0x1000u + m->next_pod_address++);    /* clear of ::1 and of Cilium's router and health addresses */
        }
        json_object_set_new(status, "podIP", json_string(ip6_format(&a, text)));
        json_object_set_new(status, "podIPs", json_pack("[{s:s}]", "ip", text));
}

enum container_state { CONTAINER_WAITING, CONTAINER_RUNNING, CONTAINER_ENDED };

struct outcome { enum container_state state; const char *phase, *reason, *message; bool ready, failed, restarted; int exit_code; };

static json_t *container_status(struct kube_cluster *c, const json_t *container, const json_t *old, const struct outcome *o) {
        const char *image = jget_text(container, "image");
        _cleanup_str_ char *id = kube_suffix(c, 12), *full = xasprintf("containerd://%s", id);
        const char *started = jget_text(old, "state.running.startedAt");
        _cleanup_json_ json_t *since = started ? json_string(started) : meta_time(kube_now(c));
        json_t *state;
        if (o->state == CONTAINER_WAITING)
                state = json_pack("{s:{s:s}}", "waiting", "reason", o->reason);
        else if (o->state == CONTAINER_RUNNING)
                state = json_pack("{s:{s:O}}", "running", "startedAt", since);
        else
                state = json_pack("{s:{s:i, s:s, s:O, s:o, s:s}}", "terminated", "exitCode", o->failed ? MAX(o->exit_code, 1) : 0, "reason",
                                  o->failed ? "Error" : "Completed",
                                  "startedAt", since, "finishedAt", meta_time(kube_now(c)), "containerID", full);
        if (o->message && o->state != CONTAINER_RUNNING)
                json_object_set_new(json_object_get(state, o->state == CONTAINER_WAITING ? "waiting" : "terminated"), "message",
                                    json_string(o->message));
        bool running = o->state == CONTAINER_RUNNING;
        return json_pack("{s:s, s:s, s:s, s:b, s:b, s:I, s:o, s:{}}", "name", jget_text(container, "name"), "image", image,
                         "imageID",
                         o->state == CONTAINER_WAITING ? "" : image, "ready", running && o->ready, "started", running,
                         "restartCount",
                         (json_int_t) meta_int(old, "restartCount", 0) + (o->restarted ? 1 : 0), "state", state, "lastState");
}

static void write_status(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, const struct outcome *o) {
        json_t *copy = json_deep_copy(pod), *status = meta_object(copy, "status"), *list = json_array(), *container;
        int64_t now = kube_now(c);
        size_t i;
        json_object_set_new(status, "phase", json_string(o->phase));
        json_object_set_new(status, "observedGeneration", json_integer(meta_generation(pod)));
        if (!json_object_get(status, "startTime"))
                json_object_set_new(status, "startTime", meta_time(now));
        if (o->state != CONTAINER_WAITING || meta_bool(pod, "spec.hostNetwork", false))
                pod_address(c, m, status, pod);
        json_array_foreach(jget(pod, "spec.containers"), i, container)
                json_array_append_new(list, container_status(c, container, json_array_get(jget(pod, "status.containerStatuses"),
                                                                                          i), o));
        json_object_set_new(status, "containerStatuses", list);
        const char *ready = o->state == CONTAINER_RUNNING && o->ready ? "True" : "False";
        const char *reason = str_eq(ready, "True") ? "" : o->state == CONTAINER_ENDED ? "PodCompleted" : "ContainersNotReady";
        meta_set_condition(status, "PodScheduled", "True", NULL, NULL, now);
        meta_set_condition(status, "Initialized", "True", NULL, NULL, now);
        meta_set_condition(status, "ContainersReady", ready, reason, NULL, now);
        meta_set_condition(status, "Ready", ready, reason, NULL, now);
        kube_save(c, "kubelet", "status", copy);
}

static bool waiting_for(const json_t *pod, const char *reason, const char *message) {
        const json_t *status = json_array_get(jget(pod, "status.containerStatuses"), 0);
        return str_eq(jget_text(status, "state.waiting.reason"), reason) && (!message ||
                                                                             str_eq(jget_text(status, "state.waiting.message"),
                                                                                    message));
}

static void wait_for(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, const char *reason, const char *message) {
        struct outcome o = { .state = CONTAINER_WAITING, .phase = "Pending", .reason = reason, .message = message };
        if (!waiting_for(pod, reason, message))
                write_status(c, m, pod, &o);
}

static void try_pull(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, struct pod_run *run) {
        size_t i;
        json_t *container;
        json_array_foreach(jget(pod, "spec.containers"), i, container) {
                _cleanup_str_ char *problem = image_problem(c, m, jget_text(container, "image"));
                if (!problem)
                        continue;
                bool first = run->attempts++ == 0;
                _cleanup_str_ char *back_off = xasprintf("Back-off pulling image \"%s\": ErrImagePull: %s",
                                                         jget_text(container, "image"), problem);
                kube_say(c, pod, "kubelet", "Warning", "Failed", "Failed to pull image \"%s\": %s",
                         jget_text(container, "image"), problem);
                wait_for(c, m, pod, first ? "ErrImagePull" : "ImagePullBackOff", first ? problem : back_off);
                int64_t pause = 10000LL << MIN(run->attempts - 1, 5u);
                run->due_ms = kube_now(c) + MAX(kube_latency(c, m, MIN(pause, (int64_t) 300000)), (int64_t) BACKOFF_MIN_MS);
                kube_wake_at(c, run->due_ms);
                return;
        }
        run->stage = POD_STARTING;
        run->due_ms = kube_now(c) + kube_latency(c, m, LATENCY_START);
}

/* Cilium's agent waits for its node's pod CIDR when k8s-require-ipv6-pod-cidr is set; all others are ready at once. */
static bool becomes_ready(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, int64_t *ret_due) {
        const json_t *owner = meta_controller(pod), *config = kube_find(c, "", "configmaps", "kube-system", "cilium-config");
        *ret_due = 0;
        if (!str_eq(jget_text(owner, "kind"), "DaemonSet") || !str_eq(jget_text(owner, "name"), "cilium"))
                return true;
        const json_t *node = kube_find(c, "", "nodes", NULL, m->settings.name), *data = json_object_get(config, "data");
        bool required = str_eq(json_string_value(json_object_get(data, "k8s-require-ipv6-pod-cidr")), "true") ||
                str_eq(json_string_value(json_object_get(data, "ipam")), "kubernetes");
        if (required && str_empty(jget_text(node, "spec.podCIDR")))
                return false;
        int64_t due = meta_time_of(pod, "status.startTime") + kube_latency(c, m, LATENCY_CILIUM);
        if (due > kube_now(c)) {
                *ret_due = due;
                return false;
        }
        return true;
}

/* A program that ends at once: started again with a growing pause. */
static bool crashes(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, struct pod_run *run) {
        _cleanup_str_ char *message = ccm_exit_message(c, pod);
        if (!message)
                return false;
        struct outcome o = { .state = CONTAINER_WAITING, .phase = "Running", .reason = "CrashLoopBackOff", .message = message, .restarted = true,
                             .failed = true };
        write_status(c, m, pod, &o);
        run->stage = POD_STARTING;
        run->due_ms = kube_now(c) + MAX(kube_latency(c, m, 10000LL << MIN(run->attempts++, 5u)), (int64_t) BACKOFF_MIN_MS);
        kube_wake_at(c, run->due_ms);
        return true;
}

static void run_pod(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, struct pod_run *run, bool restarted) {
        int64_t due;
        bool ready = becomes_ready(c, m, pod, &due), was = meta_condition_is(pod, "Ready", "True");
        if (due)
                kube_wake_at(c, due);
        bool running = jget(json_array_get(jget(pod, "status.containerStatuses"), 0), "state.running") != NULL;
        if (running && ready == was && !restarted)
                return;
        struct outcome o = { .state = CONTAINER_RUNNING, .phase = "Running", .ready = ready, .restarted = restarted };
        write_status(c, m, pod, &o);
        if (!running)
                kube_say(c, pod, "kubelet", "Normal", "Started", "Started container %s",
                         jget_text(json_array_get(jget(pod, "spec.containers"), 0), "name"));
        (void) run;
}

static void end_pod(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, struct pod_run *run) {
        struct outcome o = { .state = CONTAINER_ENDED, .phase = run->failed ? "Failed" : "Succeeded", .message = run->message,
                             .failed = run->failed, .exit_code = run->exit_code };
        /* restartPolicy OnFailure: the kubelet starts the container again, with a growing pause; a Job's backoffLimit counts
         * the restarts. */
        if (run->failed && str_eq(jget_text(pod, "spec.restartPolicy"), "OnFailure")) {
                struct outcome again = { .state = CONTAINER_WAITING, .phase = "Running", .reason = "CrashLoopBackOff",
                                         .message = run->message, .restarted = true,
                                         .failed = true, .exit_code = run->exit_code };
                write_status(c, m, pod, &again);
                run->stage = POD_STARTING;
                run->acted = run->failed = false;
                int64_t pause = 10000LL << MIN(run->attempts++, 5u);
                run->due_ms = kube_now(c) + MAX(kube_latency(c, m, pause), (int64_t) BACKOFF_MIN_MS);
                kube_wake_at(c, run->due_ms);
                return;
        }
        write_status(c, m, pod, &o);
        run->stage = POD_DONE;
}

static struct pod_run *run_of(struct kube_machine *m, const json_t *pod) {
        for (size_t i = 0; i < m->n_runs; i++)
                if (str_eq(m->runs[i].uid, meta_uid(pod)))
                        return &m->runs[i];
        struct pod_run run = { .uid = xstrdup(meta_uid(pod)) };
        ARRAY_APPEND(m->runs, m->n_runs, run);
        return &m->runs[m->n_runs - 1];
}

static void stop_pod(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, struct pod_run *run) {
        if (run->stage != POD_STOPPING) {
                run->stage = POD_STOPPING;
                if (kube_is_copy(c))
                        c->env.remote->stop(c->env.remote->data, run->uid);
                run->due_ms = kube_now(c) + kube_latency(c, m,
                                                         MIN((int64_t) LATENCY_STOP,
                                                             meta_int(pod, "metadata.deletionGracePeriodSeconds", 30) * 1000));
        }
        if (run->due_ms > kube_now(c)) {
                kube_wake_at(c, run->due_ms);
                return;
        }
        kube_remove(c, pod);
        if (kube_is_copy(c)) {           /* gone when the watch says so; a finalizer may hold it */
                run->due_ms = kube_now(c) + REMOVE_AGAIN_MS;
                kube_wake_at(c, run->due_ms);
        }
}

static void begin_pod(struct kube_cluster *c, struct kube_machine *m, const json_t *pod, struct pod_run *run) {
        _cleanup_str_ char *missing = missing_volume(c, pod);
        bool host = meta_bool(pod, "spec.hostNetwork", false);
        if (missing || (!host && !node_network_ready(c, m))) {
                if (missing && !run->message) {
                        kube_say(c, pod, "kubelet", "Warning", "FailedMount", "%s", missing);
                        run->message = TAKE(missing);
                }
                wait_for(c, m, pod, "ContainerCreating", NULL);
                return;
        }
        free(run->message);
        run->message = NULL;
        run->stage = POD_PULLING;
        run->due_ms = kube_now(c) + (meta_annotation(pod, "kubernetes.io/config.mirror") ? 0 : kube_latency(c, m, LATENCY_PULL));
}

static void one_pod(struct kube_cluster *c, struct kube_machine *m, const json_t *pod) {
        struct pod_run *run = run_of(m, pod);
        _cleanup_json_ json_t *held = json_incref((json_t *) pod);
        if (meta_deleting(held)) {
                stop_pod(c, m, held, run);
                return;
        }
        if (pod_finished(held))
                return;
        if (run->stage == POD_NEW && jget(json_array_get(jget(held, "status.containerStatuses"), 0), "state.running")) {
                run->stage = POD_RUNNING;        /* it ran before this boot */
                run_pod(c, m, held, run, true);
                return;
        }
        if (run->stage == POD_NEW)
                begin_pod(c, m, held, run);
        if (run->stage == POD_PULLING && run->due_ms <= kube_now(c))
                try_pull(c, m, held, run);
        if (run->stage == POD_STARTING && run->due_ms <= kube_now(c)) {
                if (crashes(c, m, held, run))
                        return;
                run->stage = POD_RUNNING;
                run_pod(c, m, held, run, false);
                run->due_ms = 0;
                c->dirty = true;
        } else if (run->stage == POD_RUNNING) {
                run_pod(c, m, held, run, false);
                if (str_eq(jget_text(meta_controller(held), "kind"), "Job"))
                        job_pod_action(c, m, held, run);
                const json_t *now = run->acted ? kube_find(c, "", "pods", meta_namespace(held), meta_name(held)) : NULL;
                if (now)
                        end_pod(c, m, now, run);
        }
        if ((run->stage == POD_PULLING || run->stage == POD_STARTING) && run->due_ms > kube_now(c))
                kube_wake_at(c, run->due_ms);
}

static void forget_runs(struct kube_cluster *c, struct kube_machine *m) {
        for (size_t i = m->n_runs; i > 0; i--) {
                if (kube_uid_exists(c, m->runs[i - 1].uid))
                        continue;
                free(m->runs[i - 1].uid);
                free(m->runs[i - 1].message);
                m->runs[i - 1] = m->runs[--m->n_runs];
        }
}

/* Pods on silent nodes are not ready (node lifecycle), and are evicted when their toleration ends. */
static void silent_pod(struct kube_cluster *c, const json_t *pod, const json_t *node) {
        if (!meta_condition_is(node, "Ready", "Unknown") || meta_annotation(pod, "kubernetes.io/config.mirror"))
                return;
        if (meta_condition_is(pod, "Ready", "True")) {
                json_t *copy = json_deep_copy(pod);
                meta_set_condition(meta_object(copy, "status"), "Ready", "False", "NodeNotReady", NULL, kube_now(c));
                kube_save(c, "kube-controller-manager", "status", copy);
        }
}

void kubelet_pass(struct kube_cluster *c) {
        _cleanup_json_ json_t *pods = kube_all(c, "", "pods"), *index = json_object();
        size_t i;
        json_t *pod;
        for (size_t m = 0; m < c->n_machines; m++)
                json_object_set_new(index, c->machines[m]->settings.name, json_integer((json_int_t) m));
        json_array_foreach(pods, i, pod) {
                const char *name = jget_text(pod, "spec.nodeName");
                const json_t *at = name ? json_object_get(index, name) : NULL;
                struct kube_machine *m = at ? c->machines[json_integer_value(at)] : NULL;
                c->as = m ? &m->self : NULL;
                if (m && m->up && m->registered)
                        one_pod(c, m, pod);
                else if (name && !kube_is_copy(c))
                        silent_pod(c, pod, kube_find(c, "", "nodes", NULL, name));
        }
        c->as = NULL;
        for (size_t m = 0; m < c->n_machines; m++)
                forget_runs(c, c->machines[m]);
}
