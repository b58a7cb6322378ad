/* The blog's Star Wars demo as a test: from every node the deathstar is reached by its Service and by its pods' addresses, an IPv6 host and, through
 * DNS64, an IPv4-only one are reached, and the policy keeps the x-wing away. */
#include "bootstrap/private.h"
#include "bootstrap/smoke-objects.h"
#include "kube/apply.h"
#include "kube/ready.h"

#define IPV6_HOST "https://quay.io/"
#define IPV4_ONLY_HOST "https://ghcr.io/"
#define CURL_TIMED_OUT 28          /* curl's exit code when the policy swallows the packets */
/* The simulated cloud says so on pods of images that it cannot run. */
#define NOT_EXECUTED "sim.hcloud-v6/not-executed"

struct smoke {
        const struct bootstrap *b;
        const struct bootstrap_node *nodes;
        size_t n;
        int64_t timeout_ms;
        struct gate_list *results;
        size_t jobs;
};

static const struct bootstrap_node *node_named(const struct smoke *s, const char *name) {
        for (size_t i = 0; i < s->n; i++)
                if (str_eq(s->nodes[i].name, name))
                        return &s->nodes[i];
        return NULL;
}

static int job_pod(const struct smoke *s, const char *job, struct kube_pods *pods, struct error *err) {
        _cleanup_str_ char *selector = xasprintf("job-name=%s", job);

        return kube_pods_list(s->b->kube, SMOKE_NAMESPACE, selector, NULL, pods, err);
}

/* Exit code of the Job's only container, -1 when unknown; whether it really ran. */
static int64_t exit_code_of(const struct kube_pods *pods, bool *ran, const char **message) {
        int64_t code = -1;

        for (size_t i = 0; i < pods->n; i++) {
                *ran = !str_eq(kvs_get(&pods->items[i].annotations, NOT_EXECUTED), "true");
                for (size_t j = 0; j < pods->items[i].n_containers; j++)
                        if (pods->items[i].containers[j].state == KUBE_CONTAINER_TERMINATED) {
                                code = pods->items[i].containers[j].exit_code;
                                *message = pods->items[i].containers[j].message;
                        }
        }
        return code;
}

static int wait_end(const struct smoke *s, const char *job, struct error *err) {
        struct wait w = wait_begin(s->b, s->timeout_ms, 3 * MINUTE_MS);

        for (;;) {
                _cleanup_(kube_ready_done) struct kube_ready ready = { 0 };
                int r = kube_ready_check(s->b->kube, KUBE_JOB, SMOKE_NAMESPACE, job, 1, &ready, err);

                if (r < 0)
                        return r;
                if (ready.ready || ready.failed)
                        return 0;
                bootstrap_note(s->b, "%s: %s", job, ready.text);
                r = wait_pause(&w, err, "the Job %s did not end: %s", job, ready.text);
                if (r < 0)
                        return r;
        }
}

/* One check as a Job. wanted is the exit code that passes. */
static int check(struct smoke *s, const char *gate, const char *node, const char *org, int64_t wanted, const char *const *arguments, struct error *err) {
        const struct kube_apply_options apply = { .force = true };
        _cleanup_str_ char *name = xasprintf("check-%zu", ++s->jobs);
        _cleanup_json_ json_t *job = smoke_job(name, node, org, arguments);
        _cleanup_(kube_pods_done) struct kube_pods pods = { 0 };
        const char *message = NULL, *object = node ? node : org;
        bool ran = true;
        int64_t code;
        int r = kube_apply(s->b->kube, job, &apply, NULL, err);

        r = r < 0 ? r : wait_end(s, name, err);
        r = r < 0 ? r : job_pod(s, name, &pods, err);
        if (r < 0)
                return error_wrap(err, "%s from %s", gate, object);
        code = exit_code_of(&pods, &ran, &message);
        if (!ran)
                gate_list_add(s->results, gate, object, false, "not possible here: no container runs in the simulated cloud");
        else if (code == wanted)
                gate_list_add(s->results, gate, object, true, "curl ended with %lld as it should", (long long) code);
        else
                gate_list_add(s->results, gate, object, false, "curl ended with %lld, not %lld%s%s", (long long) code, (long long) wanted,
                              str_empty(message) ? "" : ": ", str_empty(message) ? "" : message);
        return 0;
}

/* Pods have addresses of their node's /64; this can be seen anywhere, containers or not. */
static int check_addresses(struct smoke *s, struct strv *ret_ips, struct error *err) {
        _cleanup_(kube_pods_done) struct kube_pods pods = { 0 };
        int r = kube_pods_list(s->b->kube, SMOKE_NAMESPACE, "class=deathstar", NULL, &pods, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < pods.n; i++) {
                const struct kube_pod *p = &pods.items[i];
                const struct bootstrap_node *node = p->node ? node_named(s, p->node) : NULL;
                const char *ip = p->ips.n > 0 ? p->ips.items[0] : NULL;
                struct ip6_addr a;
                bool passed = node && ip && ip6_parse(ip, &a) && ip6_prefix_has(&node->prefix, &a);

                gate_list_add(s->results, "pod address in its node's /64", p->name, passed, "%s on %s", ip ? ip : "no address", p->node ? p->node : "no node");
                if (ip)
                        strv_add(ret_ips, ip);
        }
        return 0;
}

static int check_from_node(struct smoke *s, const struct bootstrap_node *node, const struct strv *ips, const struct strv *dns64, struct error *err) {
        const char *service[] = { "-6", "-fsS", "-m", "20", "-X", "POST", "http://deathstar." SMOKE_NAMESPACE ".svc.cluster.local/v1/request-landing", NULL };
        const char *ipv6[] = { "-6", "-sS", "-m", "20", "-o", "/dev/null", IPV6_HOST, NULL };
        const char *ipv4[] = { "-6", "-sS", "-m", "20", "-o", "/dev/null", IPV4_ONLY_HOST, NULL };
        int r = check(s, "Service", node->name, "empire", 0, service, err);

        for (size_t i = 0; r >= 0 && i < ips->n; i++) {
                _cleanup_str_ char *url = xasprintf("http://[%s]/v1/", ips->items[i]);
                const char *direct[] = { "-6", "-fsS", "-m", "20", "-o", "/dev/null", url, NULL };

                r = check(s, "pod address", node->name, "empire", 0, direct, err);
        }
        r = r < 0 ? r : check(s, "IPv6 host", node->name, "empire", 0, ipv6, err);
        if (r >= 0 && dns64 && dns64->n > 0)
                r = check(s, "IPv4-only host by DNS64", node->name, "empire", 0, ipv4, err);
        return r;
}

static int check_policy(struct smoke *s, struct error *err) {
        const struct kube_apply_options apply = { .force = true };
        const char *land[] = { "-6", "-fsS", "-m", "5", "-X", "POST", "http://deathstar." SMOKE_NAMESPACE ".svc.cluster.local/v1/request-landing", NULL };
        _cleanup_json_ json_t *policy = smoke_policy();
        int r = kube_apply(s->b->kube, policy, &apply, NULL, err);

        r = r < 0 ? r : check(s, "policy lets the tiefighter land", NULL, "empire", 0, land, err);
        return r < 0 ? r : check(s, "policy refuses the x-wing", NULL, "alliance", CURL_TIMED_OUT, land, err);
}

static int run(struct smoke *s, const struct strv *dns64, struct error *err) {
        const struct kube_apply_options apply = { .force = true };
        _cleanup_json_ json_t *ns = smoke_namespace(), *deathstar = smoke_deathstar(MIN(s->n, (size_t) 2));
        _cleanup_strv_ struct strv ips = { 0 };
        int r = kube_apply(s->b->kube, ns, &apply, NULL, err);

        r = r < 0 ? r : kube_apply_all(s->b->kube, deathstar, &apply, err);
        r = r < 0 ? r : bootstrap_wait_deployment(s->b, SMOKE_NAMESPACE, "deathstar", s->timeout_ms, err);
        r = r < 0 ? r : check_addresses(s, &ips, err);
        for (size_t i = 0; r >= 0 && i < s->n; i++)
                r = check_from_node(s, &s->nodes[i], &ips, dns64, err);
        return r < 0 ? r : check_policy(s, err);
}

static int remove_all(struct smoke *s, struct error *err) {
        _cleanup_json_ json_t *ns = smoke_namespace();

        return kube_delete_object(s->b->kube, ns, NULL, err);
}

int bootstrap_smoke(const struct bootstrap *b, const struct bootstrap_node *nodes, size_t n, const struct strv *dns64, int64_t timeout_ms,
                    struct gate_list *ret, struct error *err) {
        struct smoke s = { .b = b, .nodes = nodes, .n = n, .timeout_ms = timeout_ms, .results = ret };
        _cleanup_error_ struct error why = ERROR_INIT;
        size_t first = ret->n;
        int r = run(&s, dns64, err);

        if (remove_all(&s, &why) < 0 && r >= 0)
                r = error_move(err, &why);
        if (r < 0)
                return error_wrap(err, "smoke test");
        for (size_t i = first; i < ret->n; i++)
                if (!ret->items[i].passed && !str_starts(ret->items[i].text, "not possible here"))
                        return error_set(err, ERR_REFUSED, "smoke test: %s: %s: %s", ret->items[i].gate, ret->items[i].object, ret->items[i].text);
        return 0;
}
