/* The Talos Cloud Controller Manager, applied natively: the objects that Helm makes of its chart 0.5.4, from one YAML text. */
#include "base/codec.h"
#include "base/yaml.h"
#include "bootstrap/ccm.h"
#include "bootstrap/private.h"
#include "kube/apply.h"
#include "kube/helm.h"

#define CCM_IMAGE "ghcr.io/siderolabs/talos-cloud-controller-manager"
#define CCM_CHART CCM "-0.5.4"

/* %1$s: the common labels, indented by four. */
static const char config_map[] =
        "apiVersion: v1\n"
        "kind: ConfigMap\n"
        "metadata:\n"
        "  name: " CCM "\n"
        "  labels:\n"
        "%1$s"
        "  namespace: kube-system\n"
        "data:\n"
        "  ccm-config.yaml: |\n"
        "    global:\n";

static const char accounts[] =
        "apiVersion: v1\n"
        "kind: ServiceAccount\n"
        "metadata:\n"
        "  name: " CCM "\n"
        "  labels:\n"
        "%1$s"
        "  namespace: kube-system\n"
        "---\n"
        "apiVersion: talos.dev/v1alpha1\n"
        "kind: ServiceAccount\n"
        "metadata:\n"
        "  name: " CCM "-talos-secrets\n"
        "  labels:\n"
        "%1$s"
        "  namespace: kube-system\n"
        "spec:\n"
        "  roles: [os:reader]\n";

static const char roles[] =
        "apiVersion: rbac.authorization.k8s.io/v1\n"
        "kind: ClusterRole\n"
        "metadata:\n"
        "  name: system:" CCM "\n"
        "  labels:\n"
        "%1$s"
        "rules:\n"
        "- {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update]}\n"
        "- {apiGroups: [\"\"], resources: [events], verbs: [create, patch, update]}\n"
        "- {apiGroups: [\"\"], resources: [nodes], verbs: [get, list, watch, update, patch]}\n"
        "- {apiGroups: [\"\"], resources: [nodes/status], verbs: [patch]}\n"
        "- {apiGroups: [\"\"], resources: [serviceaccounts], verbs: [create, get]}\n"
        "- {apiGroups: [\"\"], resources: [serviceaccounts/token], verbs: [create]}\n"
        "- {apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests], verbs: [list, watch]}\n"
        "- {apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/approval], verbs: [update]}\n"
        "- {apiGroups: [certificates.k8s.io], resources: [signers], resourceNames: [kubernetes.io/kubelet-serving], verbs: [approve]}\n"
        "---\n"
        "apiVersion: rbac.authorization.k8s.io/v1\n"
        "kind: ClusterRoleBinding\n"
        "metadata:\n"
        "  name: system:" CCM "\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: \"system:" CCM "\"}\n"
        "subjects:\n"
        "- {kind: ServiceAccount, name: " CCM ", namespace: kube-system}\n"
        "---\n"
        "apiVersion: rbac.authorization.k8s.io/v1\n"
        "kind: RoleBinding\n"
        "metadata:\n"
        "  name: system:" CCM ":extension-apiserver-authentication-reader\n"
        "  namespace: kube-system\n"
        "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: extension-apiserver-authentication-reader}\n"
        "subjects:\n"
        "- {kind: ServiceAccount, name: " CCM ", namespace: kube-system}\n";

/* %2$s: checksum of the ConfigMap's text; %3$s: image; %4$s: arguments as YAML list items. */
static const char workload[] =
        "apiVersion: v1\n"
        "kind: Service\n"
        "metadata:\n"
        "  name: " CCM "\n"
        "  labels:\n"
        "%1$s"
        "  namespace: kube-system\n"
        "spec:\n"
        "  clusterIP: None\n"
        "  type: ClusterIP\n"
        "  ports:\n"
        "  - {name: metrics, port: 10458, targetPort: 10458, protocol: TCP}\n"
        "  selector: {app.kubernetes.io/name: " CCM ", app.kubernetes.io/instance: " CCM "}\n"
        "---\n"
        "apiVersion: apps/v1\n"
        "kind: DaemonSet\n"
        "metadata:\n"
        "  name: " CCM "\n"
        "  labels:\n"
        "%1$s"
        "  namespace: kube-system\n"
        "spec:\n"
        "  updateStrategy: {type: RollingUpdate}\n"
        "  selector:\n"
        "    matchLabels: {app.kubernetes.io/name: " CCM ", app.kubernetes.io/instance: " CCM "}\n"
        "  template:\n"
        "    metadata:\n"
        "      annotations: {checksum/config: \"%2$s\"}\n"
        "      labels: {app.kubernetes.io/name: " CCM ", app.kubernetes.io/instance: " CCM "}\n"
        "    spec:\n"
        "      serviceAccountName: " CCM "\n"
        "      securityContext:\n"
        "        {fsGroup: 10258, fsGroupChangePolicy: OnRootMismatch, runAsGroup: 10258, runAsNonRoot: true, runAsUser: 10258}\n"
        "      dnsPolicy: ClusterFirstWithHostNet\n"
        "      hostNetwork: true\n"
        "      priorityClassName: system-cluster-critical\n"
        "      containers:\n"
        "      - name: " CCM "\n"
        "        securityContext:\n"
        "          allowPrivilegeEscalation: false\n"
        "          capabilities: {drop: [ALL]}\n"
        "          seccompProfile: {type: RuntimeDefault}\n"
        "        image: \"%3$s\"\n"
        "        imagePullPolicy: IfNotPresent\n"
        "        command: [/talos-cloud-controller-manager]\n"
        "        args:\n"
        "%4$s"
        "        env:\n"
        "        - {name: SERVICE_ACCOUNT, valueFrom: {fieldRef: {fieldPath: spec.serviceAccountName}}}\n"
        "        - {name: TALOS_ENDPOINTS, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n"
        "        - {name: KUBERNETES_SERVICE_HOST, valueFrom: {fieldRef: {fieldPath: status.podIP}}}\n"
        "        - {name: KUBERNETES_SERVICE_PORT, value: \"6443\"}\n"
        "        ports:\n"
        "        - {name: metrics, containerPort: 10458, protocol: TCP}\n"
        "        livenessProbe:\n"
        "          httpGet: {path: /healthz, port: metrics, scheme: HTTPS}\n"
        "          initialDelaySeconds: 20\n"
        "          periodSeconds: 30\n"
        "          timeoutSeconds: 5\n"
        "        resources: {requests: {cpu: 10m, memory: 64Mi}}\n"
        "        volumeMounts:\n"
        "        - {name: cloud-config, mountPath: /etc/talos, readOnly: true}\n"
        "        - {name: talos-secrets, mountPath: /var/run/secrets/talos.dev, readOnly: true}\n"
        "      nodeSelector: {node-role.kubernetes.io/control-plane: \"\"}\n"
        "      tolerations:\n"
        "      - {effect: NoSchedule, operator: Exists}\n"
        "      - {effect: NoSchedule, key: node.kubernetes.io/not-ready, operator: Exists}\n"
        "      volumes:\n"
        "      - {name: cloud-config, configMap: {name: " CCM ", defaultMode: 416}}\n"
        "      - {name: talos-secrets, secret: {secretName: " CCM "-talos-secrets, defaultMode: 416}}\n";

static char *labels_of(const struct ccm_options *o) {
        return xasprintf("    helm.sh/chart: " CCM_CHART "\n"
                         "    app.kubernetes.io/name: " CCM "\n"
                         "    app.kubernetes.io/instance: " CCM "\n"
                         "    app.kubernetes.io/version: \"%s\"\n"
                         "    app.kubernetes.io/managed-by: Helm\n",
                         o->version);
}

static void add_argument(struct strbuf *b, const char *argument) {
        _cleanup_json_ json_t *text = json_string(argument);
        _cleanup_str_ char *quoted = json_write(text);   /* a JSON string is a YAML string */

        strbuf_addf(b, "        - %s\n", quoted);
}

static char *arguments_of(const struct ccm_options *o) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        _cleanup_strv_ struct strv controllers = { 0 };
        _cleanup_str_ char *level = xasprintf("--v=%lld", (long long) (o->log_level ? o->log_level : 2)), *list = NULL, *joined = NULL;
        bool allocates = o->pod_cidrs == POD_CIDR_CCM;

        strv_add(&controllers, "cloud-node");
        strv_add(&controllers, "node-csr-approval");
        if (allocates)
                strv_add(&controllers, "node-ipam-controller");
        for (size_t i = 0; o->controllers && i < o->controllers->n; i++)
                if (!strv_has(&controllers, o->controllers->items[i]) && !str_eq(o->controllers->items[i], "node-ipam-controller"))
                        strv_add(&controllers, o->controllers->items[i]);
        joined = strv_join(&controllers, ",");
        list = xasprintf("--controllers=%s", joined);
        add_argument(&b, level);
        add_argument(&b, "--cloud-provider=talos");
        add_argument(&b, "--cloud-config=/etc/talos/ccm-config.yaml");
        add_argument(&b, list);
        add_argument(&b, "--leader-elect-resource-name=cloud-controller-manager-talos");
        add_argument(&b, "--use-service-account-credentials");
        add_argument(&b, "--secure-port=10458");
        add_argument(&b, "--authorization-always-allow-paths=/healthz,/livez,/readyz,/metrics");
        if (allocates) {
                add_argument(&b, "--allocate-node-cidrs");
                add_argument(&b, "--cidr-allocator-type=CloudAllocator");
                add_argument(&b, "--node-cidr-mask-size-ipv6=80");
        }
        for (size_t i = 0; o->extra_args && i < o->extra_args->n; i++)
                add_argument(&b, o->extra_args->items[i]);
        return strbuf_take(&b);
}

char *ccm_text(const struct ccm_options *o) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, config = STRBUF_INIT;
        _cleanup_str_ char *labels = labels_of(o), *arguments = arguments_of(o), *checksum = NULL, *image = NULL;

        image = xasprintf("%s:%s", o->image ? o->image : CCM_IMAGE, o->version);
        strbuf_addf(&config, config_map, labels);
        checksum = sha256_hex(config.data, config.len);
        strbuf_addf(&b, accounts, labels);
        strbuf_adds(&b, "---\n");
        strbuf_adds(&b, strbuf_str(&config));
        strbuf_adds(&b, "---\n");
        strbuf_addf(&b, roles, labels);
        strbuf_adds(&b, "---\n");
        strbuf_addf(&b, workload, labels, checksum, image, arguments);
        return strbuf_take(&b);
}

char *bootstrap_ccm_hash(const struct ccm_options *o) {
        _cleanup_str_ char *text = ccm_text(o), *hex = sha256_hex(text, strlen(text));

        return xstrndup(hex, 16);
}

/* Every object, the bindings too, needs Helm's label and annotations for a later `helm upgrade` to adopt it (witness-kube.md 4). */
static void add_ownership(json_t *object, const char *hash) {
        json_t *metadata = json_object_get(object, "metadata");
        json_t *labels = json_object_get(metadata, "labels"), *annotations = json_object();

        if (!labels) {
                labels = json_object();
                json_object_set_new(metadata, "labels", labels);
        }
        json_object_set_new(labels, "app.kubernetes.io/managed-by", json_string("Helm"));
        json_object_set_new(annotations, "meta.helm.sh/release-name", json_string(CCM));
        json_object_set_new(annotations, "meta.helm.sh/release-namespace", json_string("kube-system"));
        if (str_eq(jget_text(object, "kind"), "DaemonSet"))
                json_object_set_new(annotations, SPEC_ANNOTATION, json_string(hash));
        json_object_set_new(metadata, "annotations", annotations);
}

int ccm_objects(const struct ccm_options *o, json_t **ret, struct error *err) {
        _cleanup_str_ char *text = ccm_text(o), *hash = bootstrap_ccm_hash(o);
        _cleanup_(yaml_docs_done) struct yaml_docs docs = { 0 };
        _cleanup_json_ json_t *list = json_array();
        int r = yaml_parse("Talos CCM", text, strlen(text), &docs, err);

        if (r < 0)
                return r;
        for (size_t i = 0; i < docs.n; i++) {
                json_t *object = yaml_to_json(docs.items[i]);
                add_ownership(object, hash);
                json_array_append_new(list, object);
        }
        *ret = TAKE(list);
        return 0;
}

/* Talos serves talos.dev/v1alpha1 once its own bootstrap manifests are applied. */
static int wait_for_talos_kind(const struct bootstrap *b, const struct wait *w, struct error *err) {
        for (;;) {
                struct kube_resource resource = { 0 };
                _cleanup_error_ struct error why = ERROR_INIT;
                int r = kube_resource_find(b->kube, "talos.dev/v1alpha1", "ServiceAccount", &resource, &why);

                if (r >= 0) {
                        kube_resource_done(&resource);
                        return 0;
                }
                if (why.kind != ERR_NOT_FOUND && !kube_error_passes(&why))
                        return error_move(err, &why);
                bootstrap_note(b, "waiting for talos.dev/v1alpha1");
                r = wait_pause(w, err, "the API does not serve talos.dev/v1alpha1: %s", error_text(&why));
                if (r < 0)
                        return r;
        }
}

/* The chart makes a Deployment by default, and its roles belong to the whole cluster: so both kinds count, in whatever namespace. */
int ccm_workloads(struct kube_client *k, json_t **ret, struct error *err) {
        static const struct { const char *plural, *kind; } kinds[] = { { "daemonsets", "DaemonSet" }, { "deployments", "Deployment" } };
        _cleanup_str_ char *label = percent_encode("app.kubernetes.io/name=" CCM), *query = xasprintf("labelSelector=%s", label);
        _cleanup_json_ json_t *all = json_array();

        for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
                _cleanup_str_ char *path = kube_path("apps/v1", kinds[i].plural, NULL, NULL, NULL);
                _cleanup_json_ json_t *items = NULL;
                json_t *item;
                size_t n;

                if (kube_list(k, path, query, &items, err) < 0)
                        return error_wrap(err, "looking for the Talos CCM");
                json_array_foreach(items, n, item)
                        json_object_set_new(item, "kind", json_string(kinds[i].kind));      /* items of a list do not say it */
                json_array_extend(all, items);
        }
        *ret = TAKE(all);
        return 0;
}

const char *ccm_workload_hash(const json_t *object) {
        return json_string_value(json_object_get(jget(object, "metadata.annotations"), SPEC_ANNOTATION));
}

static int find_stranger(const struct bootstrap *b, char **ret, struct error *err) {
        _cleanup_json_ json_t *all = NULL;
        json_t *one;
        size_t i;

        if (ccm_workloads(b->kube, &all, err) < 0)
                return -1;
        json_array_foreach(all, i, one)
                if (!*ret && !ccm_workload_hash(one)) {
                        _cleanup_str_ char *name = kube_object_name(one);
                        *ret = xasprintf("%s was not made by this program", name);
                }
        return 0;
}

/* Whose CCM is it, if not ours? A release that was uninstalled with its history kept owns nothing any more. */
static int find_owner(const struct bootstrap *b, char **ret, struct error *err) {
        _cleanup_(kube_helm_releases_done) struct kube_helm_releases releases = { 0 };
        const struct kube_helm_release *newest;

        *ret = NULL;
        if (kube_helm_releases_list(b->kube, NULL, CCM, &releases, err) < 0)
                return -1;
        newest = kube_helm_newest(&releases, CCM);
        if (newest && !str_eq(newest->status, "uninstalled")) {
                *ret = xasprintf("it is a Helm release of yours in %s (revision %lld, %s)", newest->ns, (long long) newest->revision, newest->status);
                return 0;
        }
        return find_stranger(b, ret, err);
}

int bootstrap_apply_ccm(const struct bootstrap *b, const struct ccm_options *o, int64_t timeout_ms, char **ret_foreign, struct error *err) {
        const struct kube_apply_options apply = { .field_manager = "helm", .force = true, .ns = "kube-system" };
        struct wait w = wait_begin(b, timeout_ms, 5 * MINUTE_MS);
        _cleanup_json_ json_t *objects = NULL;
        int r;

        r = find_owner(b, ret_foreign, err);
        if (r < 0)
                return error_wrap(err, "looking for the CCM's owner");
        if (*ret_foreign)
                return 0;
        r = ccm_objects(o, &objects, err);
        r = r < 0 ? r : wait_for_talos_kind(b, &w, err);
        r = r < 0 ? r : kube_apply_all(b->kube, objects, &apply, err);
        return r < 0 ? error_wrap(err, "applying the Talos cloud controller manager") : 0;
}
