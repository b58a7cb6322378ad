/* Talos' bootstrap manifests (talos: controllers/k8s/manifest.go and internal/k8stemplates): objects that are created where they are not there yet, by
 * each control plane that comes up, and never changed afterwards. */
#include <stdio.h>

#include "base/json.h"
#include "base/yaml.h"
#include "sim/real/plane.h"

#define AGAIN_MS 500
#define RBAC "rbac.authorization.k8s.io"
#define COREDNS_IMAGE "registry.k8s.io/coredns/coredns:v1.14.6" /* Talos 1.13.9 */

/* --- the objects --- */

static json_t *named(const char *api_version, const char *kind, const char *name_space, const char *name) {
        json_t *metadata = json_pack("{s:s}", "name", name);
        jset_str(metadata, "namespace", name_space);
        return json_pack("{s:s, s:s, s:o}", "apiVersion", api_version, "kind", kind, "metadata", metadata);
}

static void add(json_t *list, json_t *object, const char *key, json_t *value) {
        if (key)
                json_object_set_new(object, key, value);
        json_array_append_new(list, object);
}

static json_t *group(const char *name) {
        return json_pack("{s:s, s:s, s:s}", "kind", "Group", "name", name, "apiGroup", RBAC);
}

static json_t *binding(const char *name, const char *role, json_t *subjects) {
        json_t *o = named(RBAC "/v1", "ClusterRoleBinding", NULL, name);
        json_object_set_new(o, "roleRef", json_pack("{s:s, s:s, s:s}", "kind", "ClusterRole", "name", role, "apiGroup", RBAC));
        json_object_set_new(o, "subjects", subjects);
        return o;
}

static json_t *account(const char *name) {
        return json_pack("[{s:s, s:s, s:s}]", "kind", "ServiceAccount", "name", name, "namespace", "kube-system");
}

static void add_bootstrap_token(json_t *list, const struct sim_config *c) {
        const char *dot = c->bootstrap_token ? strchr(c->bootstrap_token, '.') : NULL;
        if (!dot)
                return;
        _cleanup_str_ char *id = xstrndup(c->bootstrap_token, (size_t) (dot - c->bootstrap_token)), *name = xasprintf("bootstrap-token-%s", id);
        json_t *secret = named("v1", "Secret", "kube-system", name);
        json_object_set_new(secret, "type", json_string("bootstrap.kubernetes.io/token"));
        add(list, secret, "stringData", json_pack("{s:s, s:s, s:s, s:s}", "token-id", id, "token-secret", dot + 1, "usage-bootstrap-authentication", "true",
                                                  "auth-extra-groups", "system:bootstrappers:nodes"));
}

static void add_node_rules(json_t *list) {
        add(list, binding("system-bootstrap-approve-node-client-csr", "system:certificates.k8s.io:certificatesigningrequests:nodeclient",
                          json_pack("[o]", group("system:bootstrappers:nodes"))), NULL, NULL);
        add(list, binding("system-bootstrap-node-bootstrapper", "system:node-bootstrapper",
                          json_pack("[o, o]", group("system:bootstrappers:nodes"), group("system:nodes"))), NULL, NULL);
        add(list, binding("system-bootstrap-node-renewal", "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient",
                          json_pack("[o]", group("system:nodes"))), NULL, NULL);
        add(list, named(RBAC "/v1", "ClusterRole", NULL, "system:talos-nodes"), "rules",
            json_pack("[{s:[s], s:[s], s:[sss]}]", "apiGroups", "discovery.k8s.io", "resources", "endpointslices", "verbs", "get", "list", "watch"));
        add(list, binding("system:talos-nodes", "system:talos-nodes", json_pack("[o]", group("system:nodes"))), NULL, NULL);
}

static void add_kubeconfig(json_t *list, const struct sim_config *c) {
        _cleanup_str_ char *text = xasprintf("apiVersion: v1\nkind: Config\nclusters:\n- name: local\n  cluster:\n    server: %s\n"
                                             "    certificate-authority: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt\n"
                                             "users:\n- name: service-account\n  user:\n    tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token\n"
                                             "contexts:\n- context:\n    cluster: local\n    user: service-account\n", c->endpoint);
        add(list, named("v1", "ConfigMap", "kube-system", "kubeconfig-in-cluster"), "data", json_pack("{s:s}", "kubeconfig", text));
}

static json_t *coredns_pod(void) {
        json_t *container = json_pack("{s:s, s:s, s:[ss], s:{s:{s:s, s:s}, s:{s:s}}}", "name", "coredns", "image", COREDNS_IMAGE, "args", "-conf",
                                      "/etc/coredns/Corefile", "resources", "requests", "cpu", "100m", "memory", "70Mi", "limits", "memory", "170Mi");
        json_object_set_new(container, "ports", json_pack("[{s:s, s:s, s:i}, {s:s, s:s, s:i}, {s:s, s:s, s:i}]", "name", "dns", "protocol", "UDP",
                                                          "containerPort", 53, "name", "dns-tcp", "protocol", "TCP", "containerPort", 53, "name",
                                                          "metrics", "protocol", "TCP", "containerPort", 9153));
        json_object_set_new(container, "volumeMounts", json_pack("[{s:s, s:s, s:b}]", "name", "config-volume", "mountPath", "/etc/coredns", "readOnly", 1));
        json_object_set_new(container, "securityContext", json_pack("{s:b, s:b, s:{s:[s], s:[s]}}", "allowPrivilegeEscalation", 0,
                                                                    "readOnlyRootFilesystem", 1, "capabilities", "add", "NET_BIND_SERVICE", "drop", "ALL"));
        json_t *spec = json_pack("{s:s, s:s, s:s, s:[o]}", "serviceAccountName", "coredns", "priorityClassName", "system-cluster-critical", "dnsPolicy",
                                 "Default", "containers", container);
        json_object_set_new(spec, "nodeSelector", json_pack("{s:s}", "kubernetes.io/os", "linux"));
        json_object_set_new(spec, "tolerations", json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}]", "key", "node-role.kubernetes.io/control-plane",
                                                           "operator", "Exists", "effect", "NoSchedule", "key",
                                                           "node.cloudprovider.kubernetes.io/uninitialized", "operator", "Exists", "effect", "NoSchedule"));
        json_object_set_new(spec, "volumes", json_pack("[{s:s, s:{s:s, s:[{s:s, s:s}]}}]", "name", "config-volume", "configMap", "name", "coredns",
                                                       "items", "key", "Corefile", "path", "Corefile"));
        return spec;
}

static json_t *workload(const char *kind, const char *name, const char *label, json_t *pod) {
        json_t *o = named("apps/v1", kind, "kube-system", name);
        json_object_set_new(o, "spec", json_pack("{s:{s:{s:s}}, s:{s:{s:{s:s}}, s:o}}", "selector", "matchLabels", "k8s-app", label, "template",
                                                 "metadata", "labels", "k8s-app", label, "spec", pod));
        return o;
}

static void add_coredns(json_t *list, const struct sim_config *c) {
        struct ip6_prefix subnet;
        char address[IP6_STR_MAX];
        const char *domain = c->dns_domain ? c->dns_domain : "cluster.local";

        add(list, named("v1", "ServiceAccount", "kube-system", "coredns"), NULL, NULL);
        add(list, named(RBAC "/v1", "ClusterRole", NULL, "system:coredns"), "rules",
            json_pack("[{s:[s], s:[ssss], s:[ss]}, {s:[s], s:[s], s:[ss]}]", "apiGroups", "", "resources", "endpoints", "services", "pods", "namespaces",
                      "verbs", "list", "watch", "apiGroups", "discovery.k8s.io", "resources", "endpointslices", "verbs", "list", "watch"));
        add(list, binding("system:coredns", "system:coredns", account("coredns")), NULL, NULL);
        _cleanup_str_ char *corefile = xasprintf(".:53 {\n    errors\n    health {\n        lameduck 5s\n    }\n    ready\n    log . {\n        class error\n"
                                                 "    }\n    prometheus :9153\n\n    kubernetes %s in-addr.arpa ip6.arpa {\n        pods insecure\n"
                                                 "        fallthrough in-addr.arpa ip6.arpa\n        ttl 30\n    }\n    forward . /etc/resolv.conf {\n"
                                                 "       max_concurrent 1000\n    }\n    cache 30\n    loop\n    reload\n    loadbalance\n}\n", domain);
        add(list, named("v1", "ConfigMap", "kube-system", "coredns"), "data", json_pack("{s:s}", "Corefile", corefile));
        json_t *deployment = workload("Deployment", "coredns", "kube-dns", coredns_pod());
        json_object_set_new(json_object_get(deployment, "spec"), "replicas", json_integer(2));
        add(list, deployment, NULL, NULL);
        if (c->service_subnets.n == 0 || !ip6_prefix_parse(c->service_subnets.items[0], &subnet, NULL))
                return;
        struct ip6_addr dns = ip6_host(&subnet, 10);
        add(list, named("v1", "Service", "kube-system", "kube-dns"), "spec",
            json_pack("{s:{s:s}, s:s, s:[{s:s, s:i, s:s}, {s:s, s:i, s:s}, {s:s, s:i, s:s}]}", "selector", "k8s-app", "kube-dns", "clusterIP",
                      ip6_format(&dns, address), "ports", "name", "dns", "port", 53, "protocol", "UDP", "name", "dns-tcp", "port", 53, "protocol", "TCP",
                      "name", "metrics", "port", 9153, "protocol", "TCP"));
}

static void add_proxy(json_t *list, const struct sim_config *c) {
        _cleanup_str_ char *image = c->proxy_image ? xstrdup(c->proxy_image) : xasprintf("registry.k8s.io/kube-proxy:%s", c->kubernetes_version);
        json_t *pod = json_pack("{s:b, s:s, s:s, s:[{s:s, s:s}], s:[{s:s, s:s}]}", "hostNetwork", 1, "serviceAccountName", "kube-proxy", "priorityClassName",
                                "system-cluster-critical", "tolerations", "effect", "NoSchedule", "operator", "Exists", "containers", "name", "kube-proxy",
                                "image", image);
        add(list, named("v1", "ServiceAccount", "kube-system", "kube-proxy"), NULL, NULL);
        add(list, binding("kube-proxy", "system:node-proxier", account("kube-proxy")), NULL, NULL);
        add(list, workload("DaemonSet", "kube-proxy", "kube-proxy", pod), NULL, NULL);
}

static void add_talos_api(json_t *list) {
        json_t *schema = json_pack("{s:s, s:{s:{s:s, s:{s:{s:s, s:{s:s}}}}, s:{s:s, s:{s:{s:s}}}}}", "type", "object", "properties", "spec", "type", "object",
                                   "properties", "roles", "type", "array", "items", "type", "string", "status", "type", "object", "properties",
                                   "failureReason", "type", "string");
        json_t *version = json_pack("{s:s, s:b, s:b, s:{s:o}}", "name", "v1alpha1", "served", 1, "storage", 1, "schema", "openAPIV3Schema", schema);
        add(list, named("apiextensions.k8s.io/v1", "CustomResourceDefinition", NULL, "serviceaccounts.talos.dev"), "spec",
            json_pack("{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:[s]}, s:[o]}", "group", "talos.dev", "scope", "Namespaced", "names", "kind", "ServiceAccount",
                      "listKind", "ServiceAccountList", "plural", "serviceaccounts", "singular", "serviceaccount", "shortNames", "tsa", "versions", version));
        add(list, named("v1", "Service", "default", "talos"), "spec",
            json_pack("{s:[{s:s, s:i, s:s, s:i}]}", "ports", "name", "apid", "port", 50000, "protocol", "TCP", "targetPort", 50000));
}

/* What a user's manifest leaves out of a namespaced object's place is "default", as with kubectl. */
static int add_inline(json_t *list, const struct sim_inline_manifest *m, struct error *err) {
        struct yaml_docs docs = { 0 };

        if (yaml_parse(m->name, m->contents ? m->contents : "", strlen(m->contents ? m->contents : ""), &docs, err) < 0)
                return error_wrap(err, "inline manifest");
        for (size_t i = 0; i < docs.n; i++)
                if (docs.items[i]->type == YAML_MAP)
                        json_array_append_new(list, yaml_to_json(docs.items[i]));
        yaml_docs_done(&docs);
        return 0;
}

json_t *real_manifests_of(const struct sim_config *c, struct error *err) {
        _cleanup_json_ json_t *list = json_array();

        add_bootstrap_token(list, c);
        add_node_rules(list);
        add_kubeconfig(list, c);
        if (!c->proxy_disabled)
                add_proxy(list, c);
        if (!c->coredns_disabled)
                add_coredns(list, c);
        if (c->talos_api_access)
                add_talos_api(list);
        for (size_t i = 0; i < c->n_inline_manifests; i++)
                if (add_inline(list, &c->inline_manifests[i], err) < 0)
                        return NULL;
        return TAKE(list);
}

/* --- applying them --- */

struct manifests {
        struct real_plane *plane;
        json_t *list;
        size_t next;
        json_t *resources;               /* apiVersion -> the API server's list of its resources */
        struct real_call *call;
        struct loop_timer *timer;
        unsigned tries;                  /* of the next one */
        char *refusal;                   /* what was last refused, and why */
};

static void step(void *data);

static void next(struct manifests *m) {
        m->tries = 0;
        m->next++;
        step(m);
}

void real_manifests_stop(struct real_plane *p) {
        struct manifests *m = TAKE(p->manifests);

        if (!m)
                return;
        loop_timer_cancel(&m->timer);
        real_call_cancel(&m->call);
        json_decref(m->list);
        json_decref(m->resources);
        free(m->refusal);
        free(m);
}

static void request(struct manifests *m, const char *method, const char *path, const char *body, real_answer_fn fn) {
        struct real_plane *p = m->plane;
        _cleanup_str_ char *base = real_plane_url(p->m), *url = xasprintf("%s%s", base, path);
        struct real_request r = { .method = method, .url = url, .body = body, .ca_pem = p->config->k8s_ca.cert_pem, .identity = &p->admin };
        real_call(p->state->world, &r, fn, m, &m->call);
}

static void again(struct manifests *m) {
        loop_timer_set(m->plane->state->world->loop, &m->timer, AGAIN_MS, step, m);
}

/* "/api/v1" or "/apis/apps/v1". Owned. */
static char *version_path(const char *api_version) {
        return xasprintf("/%s/%s", strchr(api_version, '/') ? "apis" : "api", api_version);
}

static void resources_came(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct manifests *m = data;
        _cleanup_json_ json_t *j = status == 200 ? json_loadb(body, len, 0, NULL) : NULL;
        const char *api_version = jget_text(json_array_get(m->list, m->next), "apiVersion");

        (void) err;
        if (j)
                json_object_set(m->resources, api_version, json_object_get(j, "resources"));
        if (j || m->tries++ < 20) {      /* a definition of this list may not be served yet */
                if (j)
                        step(m);
                else
                        again(m);
                return;
        }
        real_plane_problem(m->plane, "manifest %zu: the API server knows no %s", m->next, api_version);
        next(m);
}

/* The path of object's collection; NULL when the API server has no such kind. Owned. */
static char *path_of(const struct manifests *m, const json_t *object) {
        const char *api_version = jget_text(object, "apiVersion"), *kind = jget_text(object, "kind"), *name_space = jget_text(object, "metadata.namespace");
        _cleanup_str_ char *base = version_path(api_version);
        size_t i;
        json_t *each;

        json_array_foreach(json_object_get(m->resources, api_version), i, each) {
                const char *name = jget_text(each, "name");
                if (!str_eq(jget_text(each, "kind"), kind) || strchr(name, '/'))
                        continue;
                if (json_is_true(json_object_get(each, "namespaced")))
                        return xasprintf("%s/namespaces/%s/%s", base, name_space ? name_space : "default", name);
                return xasprintf("%s/%s", base, name);
        }
        return NULL;
}

static void looked(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct manifests *m = data;

        (void) body;
        (void) len;
        (void) err;
        if (status != 200)
                real_plane_problem(m->plane, "%s", m->refusal);
        next(m);
}

/* What is refused may be there all the same: a Service whose own address is taken, by itself. */
static void created(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct manifests *m = data;
        const json_t *object = json_array_get(m->list, m->next);
        const char *name = jget_text(object, "metadata.name");

        if ((status == 0 || status >= 500 || status == 429) && m->tries++ < 20) {
                again(m);
                return;
        }
        if (status == 409 || (status >= 200 && status < 300)) {
                next(m);
                return;
        }
        _cleanup_json_ json_t *j = len ? json_loadb(body, len, 0, NULL) : NULL;
        const char *message = jget_text(j, "message");
        free(m->refusal);
        m->refusal = xasprintf("%s %s was refused: %s", jget_text(object, "kind"), name, message ? message : status ? "no reason given" : error_text(err));
        _cleanup_str_ char *collection = path_of(m, object), *path = collection ? xasprintf("%s/%s", collection, name) : NULL;
        if (path)
                request(m, "GET", path, NULL, looked);
        else
                looked(m, 404, NULL, 0, NULL);
}

static void step(void *data) {
        struct manifests *m = data;
        const json_t *object = json_array_get(m->list, m->next);
        const char *api_version = jget_text(object, "apiVersion");

        if (!object) {
                real_plane_manifests_applied(m->plane);
                return;
        }
        if (!api_version || !jget_text(object, "kind") || !jget_text(object, "metadata.name")) {
                real_plane_problem(m->plane, "manifest %zu has no apiVersion, kind or name", m->next);
                m->next++;
                loop_timer_set(m->plane->state->world->loop, &m->timer, 0, step, m);
                return;
        }
        if (!json_object_get(m->resources, api_version)) {
                _cleanup_str_ char *path = version_path(api_version);
                request(m, "GET", path, NULL, resources_came);
                return;
        }
        _cleanup_str_ char *collection = path_of(m, object), *path = collection ? xasprintf("%s?fieldManager=talos", collection) : NULL;
        _cleanup_str_ char *body = json_write(object);
        if (path)
                request(m, "POST", path, body, created);
        else
                created(m, 404, NULL, 0, NULL);
}

void real_manifests_apply(struct real_plane *p) {
        _cleanup_error_ struct error err = ERROR_INIT;
        struct manifests *m;

        real_manifests_stop(p);
        m = p->manifests = xnew0(struct manifests);
        m->plane = p;
        m->list = real_manifests_of(p->config, &err);
        m->resources = json_object();
        if (!m->list)
                real_plane_problem(p, "%s", error_text(&err));
        step(m);
}
