/* The released versions of the Talos CCM, as far as they differ on a Hetzner server. Read from the repository's tags:
 *   v1.3.0, v1.4.0, v1.6.0   only the cloud provider's own controllers; certificates are approved by approveNodeCSR of the cloud config
 *   v1.8.0 (e1a0e0e, 09a5b9e)   node-ipam-controller with the CloudAllocator, node-csr-approval. A /64 is cut into /80s; the first one goes first
 *   v1.8.1 (68d4133), v1.10.0 (95b4c4b)   other sizes than a /64 are cut otherwise; nothing changes here
 *   v1.11.0 (7509491, 4b4c758)   certificates for names of the API server are denied; the ServiceAccount's name comes from the environment
 *   v1.12.0   nothing of this
 * No release marks the node's own address as taken (siderolabs/talos-cloud-controller-manager#358 is in none of them). */
#include <stdio.h>

#include "sim/kube/ccm.h"

static const struct ccm_version versions[] = {
        { .since = "v1.3.0" },
        { .since = "v1.8.0", .allocator = true, .approval = true },
        { .since = "v1.11.0", .allocator = true, .approval = true, .guards_names = true, .account_by_environment = true },
};

static bool parse(const char *text, unsigned *major, unsigned *minor, unsigned *patch) {
        return text && sscanf(text, "v%u.%u.%u", major, minor, patch) == 3;
}

const struct ccm_version *ccm_version_of(const char *image) {
        const char *colon = image ? strrchr(image, ':') : NULL;
        unsigned major, minor, patch, a, b, d;
        const struct ccm_version *found = &versions[ARRAY_SIZE(versions) - 1];
        if (!parse(colon ? colon + 1 : NULL, &major, &minor, &patch))
                return found;
        for (size_t i = ARRAY_SIZE(versions); i > 0; i--) {
                found = &versions[i - 1];
                if (parse(found->since, &a, &b, &d) && (major > a || (major == a && (minor > b || (minor == b && patch >= d)))))
                        break;
        }
        return found;
}

void ccm_options_done(struct ccm_options *o) {
        strv_done(&o->controllers);
}

/* The last one counts, as with all flags of Go programs. */
static void read_flag(const char *text, const char *name, bool *value) {
        const char *rest = str_starts(text, name) ? text + strlen(name) : NULL;
        if (rest && (!*rest || *rest == '='))
                *value = !*rest || str_eq(rest, "=true");
}

void ccm_options_read(const json_t *pod, struct ccm_options *ret) {
        const json_t *container = json_array_get(jget(pod, "spec.containers"), 0);
        struct ccm_options o = { .version = ccm_version_of(jget_text(container, "image")) };
        const char *controllers = "*";
        size_t i;
        json_t *arg;
        json_array_foreach(json_object_get(container, "args"), i, arg) {
                const char *text = json_string_value(arg);
                if (!text)
                        continue;
                if (str_starts(text, "--controllers="))
                        controllers = text + strlen("--controllers=");
                read_flag(text, "--allocate-node-cidrs", &o.allocate);
                read_flag(text, "--use-service-account-credentials", &o.own_accounts);
        }
        strv_split(&o.controllers, controllers, ',');
        *ret = o;
}

static bool is_known(const struct ccm_version *v, const char *name) {
        static const char *const always[] = { "*", "cloud-node", "cloud-node-controller", "cloud-node-lifecycle", "cloud-node-lifecycle-controller",
                                              "service", "service-lb-controller", "route", "node-route-controller" };
        static const char *const added[] = { "node-ipam-controller", "nodeipam", "node-csr-approval", "certificatesigningrequest-approving-controller" };
        const char *bare = *name == '-' ? name + 1 : name;
        for (size_t i = 0; i < ARRAY_SIZE(always); i++)
                if (str_eq(bare, always[i]))
                        return true;
        for (size_t i = 0; v->allocator && i < ARRAY_SIZE(added); i++)
                if (str_eq(bare, added[i]))
                        return true;
        return false;
}

char *ccm_options_trouble(struct kube_cluster *c, const json_t *pod) {
        struct ccm_options o;
        char *trouble = NULL;
        ccm_options_read(pod, &o);
        for (size_t i = 0; i < o.controllers.n && !trouble; i++)
                if (!is_known(o.version, o.controllers.items[i]))
                        trouble = xasprintf("\"%s\" is not in the list of known controllers", o.controllers.items[i]);
        /* A node's /80 in pod subnets wider than a /64 is refused: more than 16 bits between them (pkg/nodeipam/ipam/cidrset; issue #277). */
        bool ipam = o.version->allocator && o.allocate && (strv_has(&o.controllers, "node-ipam-controller") || strv_has(&o.controllers, "nodeipam"));
        for (size_t i = 0; ipam && i < c->settings.pod_subnets.n && !trouble; i++) {
                struct ip6_prefix p;
                if (ip6_prefix_parse(c->settings.pod_subnets.items[i], &p, NULL) && p.len < 64)
                        trouble = xstrdup("New CIDR set failed; the node CIDR size is too big");
        }
        ccm_options_done(&o);
        return trouble;
}
