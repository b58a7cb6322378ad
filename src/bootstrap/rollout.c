/* Waiting for workloads, and saying why their pods do not start. */
#include "bootstrap/private.h"
#include "kube/ready.h"

#define LOOK_AT_PODS_MS (5 * SECOND_MS)   /* an image that cannot be pulled is on the screen within 15 s */

int bootstrap_diagnose_pulls(const struct bootstrap *b, const char *ns, char **ret, struct error *err) {
        _cleanup_(kube_pods_done) struct kube_pods pods = { 0 };
        int r = kube_pods_list(b->kube, ns ? ns : "kube-system", NULL, NULL, &pods, err);

        if (r < 0)
                return r;
        *ret = NULL;
        for (size_t i = 0; i < pods.n && !*ret; i++) {
                const struct kube_container *c = NULL;

                if (kube_pod_image_trouble(&pods.items[i], &c))
                        *ret = xasprintf("pod %s/%s on %s cannot pull %s: %s", pods.items[i].ns, pods.items[i].name,
                                         pods.items[i].node ? pods.items[i].node : "no node", c->image, c->message ? c->message : c->reason);
        }
        return 0;
}

int bootstrap_wait_deployment(const struct bootstrap *b, const char *ns, const char *name, int64_t timeout_ms, struct error *err) {
        struct wait w = wait_begin(b, timeout_ms, 10 * MINUTE_MS);
        _cleanup_str_ char *trouble = NULL;
        int64_t looked_ms = 0;

        for (;;) {
                _cleanup_(kube_ready_done) struct kube_ready ready = { 0 };
                _cleanup_error_ struct error why = ERROR_INIT;
                int r = kube_ready_check(b->kube, KUBE_DEPLOYMENT, ns, name, 1, &ready, &why);

                if (r < 0 && !kube_error_passes(&why))
                        return error_move(err, &why);
                if (r >= 0 && ready.ready)
                        return 0;
                if (r >= 0 && wait_elapsed(&w) - looked_ms >= LOOK_AT_PODS_MS) {
                        looked_ms = wait_elapsed(&w);
                        free(TAKE(trouble));
                        if (bootstrap_diagnose_pulls(b, ns, &trouble, &why) < 0)
                                trouble = NULL;
                }
                bootstrap_note(b, "%s", trouble ? trouble : r < 0 ? error_text(&why) : ready.text);
                r = wait_pause(&w, err, "Deployment %s/%s: %s", ns, name, trouble ? trouble : r < 0 ? error_text(&why) : ready.text);
                if (r < 0 && trouble)
                        return error_hint(err, "does the registry have IPv6? If not: check the profile's dns64 resolvers, or set registries.mirrors");
                if (r < 0)
                        return r;
        }
}
