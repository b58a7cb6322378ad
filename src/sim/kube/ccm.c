/* The double of the Talos Cloud Controller Manager, and of Talos' own controller that turns talos.dev ServiceAccounts into Secrets. It acts while a
 * pod with the image …/talos-cloud-controller-manager is ready in kube-system, by that pod's arguments and as the version of its tag does
 * (ccm-version.c; table in docs/simulator.md). With a real API server each of its controllers writes with the ServiceAccount that the real one
 * has, so that the roles that were given to it are judged (ccm-account.c).
 * Facts: siderolabs/talos-cloud-controller-manager at its tags v1.6.0 to v1.12.0: cmd, pkg/talos, pkg/certificatesigningrequest, pkg/nodeipam. */
#include "sim/kube/ccm.h"

#include "base/codec.h"

void ccm_free(struct ccm *ccm) {
        if (!ccm)
                return;
        ccm_accounts_done(ccm);
        free(ccm->pod_uid);
        json_decref(ccm->seen);
        json_decref(ccm->next_index);
        free(ccm);
}

static bool is_ccm(const json_t *pod) {
        const char *image = jget_text(json_array_get(jget(pod, "spec.containers"), 0), "image");
        return image && strstr(image, "/talos-cloud-controller-manager") && !str_eq(jget_text(meta_controller(pod), "kind"), "Job");
}

static const json_t *leader(struct kube_cluster *c) {
        const struct kube_type *pods = kube_type(c, "", "pods");
        for (size_t i = kube_lower_bound(pods, "kube-system/"); i < pods->n &&
             str_starts(pods->items[i].key, "kube-system/"); i++) {
                const json_t *pod = pods->items[i].value;
                if (is_ccm(pod) && pod_ready(pod))
                        return pod;
        }
        return NULL;
}

char *ccm_exit_message(struct kube_cluster *c, const json_t *pod) {
        return is_ccm(pod) ? ccm_options_trouble(c, pod) : NULL;
}

/* "cloud-node" is on by default with "*"; approval and IPAM are off unless named. */
static void read_arguments(struct ccm *ccm, const json_t *pod) {
        struct ccm_options o;
        ccm_options_read(pod, &o);
        ccm->version = o.version;
        ccm->nodes = strv_has(&o.controllers, "cloud-node") || strv_has(&o.controllers, "cloud-node-controller") ||
                (strv_has(&o.controllers, "*") && !strv_has(&o.controllers, "-cloud-node"));
        ccm->approve = o.version->approval && (strv_has(&o.controllers, "node-csr-approval") ||
                                               strv_has(&o.controllers, "certificatesigningrequest-approving-controller"));
        ccm->ipam = o.version->allocator && o.allocate &&
                (strv_has(&o.controllers, "node-ipam-controller") || strv_has(&o.controllers, "nodeipam"));
        ccm->own_accounts = o.own_accounts;
        ccm_options_done(&o);
}

static bool is_uninitialized(const json_t *node) {
        size_t i;
        json_t *each;
        json_array_foreach(jget(node, "spec.taints"), i, each)
                if (str_eq(jget_text(each, "key"), "node.cloudprovider.kubernetes.io/uninitialized"))
                        return true;
        return false;
}

static void set_cloud_labels(const struct kube_machine *m, json_t *node) {
        /* Talos' platform metadata on hcloud: region and zone from the metadata service; no instance type. */
        meta_set_label(node, "topology.kubernetes.io/region", m->settings.location);
        meta_set_label(node, "topology.kubernetes.io/zone", m->settings.location);
        meta_set_label(node, "failure-domain.beta.kubernetes.io/region", m->settings.location);
        meta_set_label(node, "failure-domain.beta.kubernetes.io/zone", m->settings.location);
        meta_set_label(node, "node.cloudprovider.kubernetes.io/platform", "hcloud");
        if (!str_empty(m->settings.cluster_name))
                meta_set_label(node, "node.cloudprovider.kubernetes.io/clustername", m->settings.cluster_name);
}

static void initialize(struct kube_cluster *c, const struct kube_machine *m, const json_t *node) {
        const char *address = meta_annotation(node, "alpha.kubernetes.io/provided-node-ip");
        if (!address)
                return;
        json_t *copy = json_deep_copy(node), *taints = meta_array(copy, "spec.taints");
        for (size_t i = json_array_size(taints); i > 0; i--)
                if (str_eq(jget_text(json_array_get(taints, i - 1), "key"), "node.cloudprovider.kubernetes.io/uninitialized"))
                        json_array_remove(taints, i - 1);
        if (json_array_size(taints) == 0)
                json_object_del(json_object_get(copy, "spec"), "taints");
        _cleanup_str_ char *id = xasprintf("hcloud://%lld", (long long) m->settings.server_id);
        if (!jget(copy, "spec.providerID"))
                json_object_set_new(meta_object(copy, "spec"), "providerID", json_string(id));
        set_cloud_labels(m, copy);
        if (!kube_replace(c, "talos-cloud-controller-manager", "", copy))
                return;                  /* refused: the taint is there still */
        node = kube_find(c, "", "nodes", NULL, meta_name(node));
        copy = json_deep_copy(node);
        json_object_set_new(meta_object(copy, "status"), "addresses", json_pack("[{s:s, s:s}, {s:s, s:s}]", "type", "InternalIP",
                                                                                "address", address, "type",
                                                                                "Hostname", "address", m->settings.name));
        kube_save(c, "talos-cloud-controller-manager", "status", copy);
        kube_say(c, node, "cloud-node-controller", "Normal", "Synced", "Node synced successfully");
}

static void node_side(struct kube_cluster *c, const json_t *nodes) {
        size_t i;
        json_t *node;
        json_array_foreach(nodes, i, node) {
                const struct kube_machine *m = kube_machine_find(c, meta_name(node));
                if (!m || !m->up || !is_uninitialized(node))
                        continue;
                int64_t due = meta_time_of(node, "metadata.creationTimestamp") + kube_latency(c, m, LATENCY_CCM_NODE);
                if (due > kube_now(c))
                        kube_wake_at(c, due);
                else
                        initialize(c, m, node);
        }
}

static bool taken(const json_t *nodes, const char *cidr) {
        size_t i;
        json_t *node;
        json_array_foreach(nodes, i, node)
                if (str_eq(jget_text(node, "spec.podCIDR"), cidr))
                        return true;
        return false;
}

/* CloudAllocator: the /64 of the node's address is cut into /80s; the first goes first, though it holds the node's own ::1. */
static void allocate(struct kube_cluster *c, struct ccm *ccm, const json_t *node, const json_t *nodes) {
        const char *address = meta_annotation(node, "alpha.kubernetes.io/provided-node-ip");
        struct ip6_addr a;
        struct ip6_prefix whole, part;
        char text[IP6_STR_MAX];
        if (!address || !ip6_parse(address, &a) || !ip6_is_global(&a))
                return;
        whole = ip6_mask(&a, 64);
        _cleanup_str_ char *key = ip6_prefix_str(&whole);
        const json_t *next = json_object_get(ccm->next_index, key);
        uint64_t index = next ? (uint64_t) json_integer_value(next) : 0;
        do {
                if (!ip6_subnet(&whole, 80, index++, &part))
                        return;
        } while (taken(nodes, ip6_prefix_format(&part, text)));
        json_object_set_new(ccm->next_index, key, json_integer((json_int_t) index));
        json_t *copy = json_deep_copy(node);
        json_object_set_new(meta_object(copy, "spec"), "podCIDR", json_string(text));
        json_object_set_new(meta_object(copy, "spec"), "podCIDRs", json_pack("[s]", text));
        kube_save(c, "node-ipam-controller", "", copy);
}

static void ipam_side(struct kube_cluster *c, struct ccm *ccm) {
        _cleanup_json_ json_t *nodes = kube_all(c, "", "nodes");
        size_t i;
        json_t *node;
        json_array_foreach(nodes, i, node)
                if (!is_uninitialized(node) && json_array_size(jget(node, "spec.podCIDRs")) == 0)
                        allocate(c, ccm, node, nodes);
}

static bool node_has_address(const json_t *node, const struct ip6_addr *a) {
        struct ip6_addr own;
        size_t i;
        json_t *each;
        const char *hint = meta_annotation(node, "alpha.kubernetes.io/provided-node-ip");
        if (hint && ip6_parse(hint, &own) && ip6_equal(&own, a))
                return true;
        json_array_foreach(jget(node, "status.addresses"), i, each)
                if (jget_text(each, "address") && ip6_parse(jget_text(each, "address"), &own) && ip6_equal(&own, a))
                        return true;
        return false;
}

enum verdict { VERDICT_SKIP, VERDICT_APPROVE, VERDICT_DENY };

/* Since v1.11.0 (commit 7509491): names of the API server are not for kubelets. */
static bool reserved_name(const struct ccm *ccm, const struct strv *names) {
        for (size_t i = 0; ccm->version->guards_names && i < names->n; i++)
                if (str_eq(names->items[i], "kubernetes") || str_starts(names->items[i], "kubernetes."))
                        return true;
        return false;
}

static enum verdict judge(struct kube_cluster *c, const struct ccm *ccm, const json_t *request) {
        _cleanup_free_ uint8_t *pem = NULL;
        size_t n;
        _cleanup_error_ struct error err = ERROR_INIT;
        struct cert_request parsed = { 0 };
        const char *text = jget_text(request, "spec.request"), *user = jget_text(request, "spec.username");
        if (!text || base64_decode(text, strlen(text), false, &pem, &n, &err) < 0 ||
            cert_request_parse((const char *) pem, &parsed, &err) < 0)
                return VERDICT_DENY;
        enum verdict verdict = VERDICT_DENY;
        if (user && str_starts(user, "system:node:") && strv_has(&parsed.organizations, "system:nodes") && parsed.n_other == 0 &&
            parsed.dns_names.n > 0 &&
            !reserved_name(ccm, &parsed.dns_names)) {
                const json_t *node = ccm_node(c, parsed.dns_names.items[0]);
                verdict = node ? VERDICT_APPROVE : VERDICT_SKIP;
                for (size_t i = 0; node && i < parsed.n_addresses; i++)
                        if (!node_has_address(node, &parsed.addresses[i]))
                                verdict = VERDICT_SKIP;
        }
        cert_request_done(&parsed);
        return verdict;
}

static void approval_side(struct kube_cluster *c, struct ccm *ccm) {
        _cleanup_json_ json_t *all = kube_all(c, "certificates.k8s.io", "certificatesigningrequests");
        size_t i;
        json_t *request;
        json_array_foreach(all, i, request) {
                if (!str_eq(jget_text(request, "spec.signerName"), "kubernetes.io/kubelet-serving") ||
                    json_object_get(ccm->seen, meta_uid(request)) ||
                    json_array_size(jget(request, "status.conditions")) > 0)
                        continue;
                json_object_set_new(ccm->seen, meta_uid(request), json_true());
                enum verdict verdict = judge(c, ccm, request);
                if (verdict == VERDICT_SKIP)
                        continue;
                json_t *copy = json_deep_copy(request);
                meta_set_condition(meta_object(copy, "status"), verdict == VERDICT_APPROVE ? "Approved" : "Denied", "True",
                                   verdict == VERDICT_APPROVE ? "AutoApproved" : "AutoDenied",
                                   "by the Talos Cloud Controller Manager", kube_now(c));
                /* UpdateApproval: its right is "update" of the subresource, which no patch is. What is refused is not looked at again. */
                kube_replace(c, "talos-cloud-controller-manager", kube_is_copy(c) ? "approval" : "status", copy);
        }
}

void ccm_pass(struct kube_cluster *c) {
        const json_t *pod = leader(c);
        if (!pod) {
                ccm_free(TAKE(c->ccm));
                return;
        }
        if (!c->ccm || !str_eq(c->ccm->pod_uid, meta_uid(pod))) {
                ccm_free(TAKE(c->ccm));
                c->ccm = xnew0(struct ccm);
                c->ccm->pod_uid = xstrdup(meta_uid(pod));
                c->ccm->due_ms = kube_now(c) + kube_latency(c, NULL, LATENCY_CCM);
                c->ccm->seen = json_object();
                c->ccm->next_index = json_object();
                read_arguments(c->ccm, pod);
        }
        if (c->ccm->due_ms > kube_now(c)) {
                kube_wake_at(c, c->ccm->due_ms);
                return;
        }
        if (kube_fault(c, "ccm-silent", NULL))
                return;
        if (kube_is_copy(c) && !ccm_accounts_ready(c, c->ccm, pod))
                return;
        _cleanup_json_ json_t *nodes = kube_all(c, "", "nodes");
        c->as = &c->ccm->nodes_as;
        if (c->ccm->nodes)
                node_side(c, nodes);
        if (c->ccm->ipam)
                ipam_side(c, c->ccm);
        c->as = &c->ccm->approval_as;
        if (c->ccm->approve)
                approval_side(c, c->ccm);
        c->as = NULL;
}

/* Talos writes a Secret with a talosconfig for each talos.dev ServiceAccount of an allowed namespace. */
void talos_pass(struct kube_cluster *c) {
        _cleanup_json_ json_t *accounts = kube_all(c, "talos.dev", "serviceaccounts");
        size_t i;
        json_t *account;
        json_array_foreach(accounts, i, account) {
                const char *name_space = meta_namespace(account), *name = meta_name(account);
                if (kube_find(c, "", "secrets", name_space, name))
                        continue;
                if (!strv_has(&c->settings.talos_api_namespaces, name_space))
                        continue;
                json_t *secret = json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:s}}", "apiVersion", "v1", "kind", "Secret", "metadata",
                                           "name", name, "namespace", name_space,
                                           "stringData", "config", "context: simulated\ncontexts: {}\n");
                json_array_append_new(meta_array(secret, "metadata.ownerReferences"), meta_owner_reference(account));
                kube_save(c, "talos", "", secret);
        }
}
