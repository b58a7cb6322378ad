#include "sim/talos/config.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/codec.h"
#include "sim/talos/config-private.h"

#define USER_DATA_MAX (4u << 20)

void config_error(struct config_errors *e, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_str_ char *text = xvasprintf(fmt, ap);
        va_end(ap);
        if (!strv_has(&e->list, text))
                strv_add(&e->list, text);
}

/* --- life --- */

static void pairs_done(struct sim_config *c) {
        cert_pair_done(&c->os_ca);
        cert_pair_done(&c->k8s_ca);
        cert_pair_done(&c->aggregator_ca);
        cert_pair_done(&c->etcd_ca);
}

static void arrays_done(struct sim_config *c) {
        for (size_t i = 0; i < c->n_node_taints; i++) {
                free(c->node_taints[i].key);
                free(c->node_taints[i].value);
                free(c->node_taints[i].effect);
        }
        for (size_t i = 0; i < c->n_mirrors; i++) {
                free(c->mirrors[i].host);
                strv_done(&c->mirrors[i].endpoints);
        }
        for (size_t i = 0; i < c->n_inline_manifests; i++) {
                free(c->inline_manifests[i].name);
                free(c->inline_manifests[i].contents);
        }
        free(c->node_taints);
        free(c->mirrors);
        free(c->inline_manifests);
}

static void config_free(struct sim_config *c) {
        struct strv *lists[] = { &c->accepted_ca,
                                 &c->cert_sans,
                                 &c->node_ip_subnets,
                                 &c->nameservers,
                                 &c->ntp_servers,
                                 &c->registry_auth_hosts,
                                 &c->talos_api_roles,
                                 &c->talos_api_namespaces,
                                 &c->pod_subnets,
                                 &c->service_subnets,
                                 &c->accepted_k8s_ca,
                                 &c->api_server_cert_sans,
                                 &c->etcd_advertised_subnets,
                                 &c->warnings };
        struct kvs *maps[] = { &c->kubelet_args, &c->node_labels, &c->node_annotations, &c->sysctls, &c->api_server_args,
                               &c->controller_manager_args, &c->scheduler_args, &c->etcd_args };
        char *texts[] = { c->text,
                          c->kubernetes_version,
                          c->token,
                          c->hostname,
                          c->kubelet_image,
                          c->cluster_id,
                          c->cluster_secret,
                          c->cluster_name,
                          c->endpoint,
                          c->endpoint_host,
                          c->dns_domain,
                          c->cni,
                          c->bootstrap_token,
                          c->service_account_key,
                          c->secretbox_secret,
                          c->aescbc_secret,
                          c->api_server_image,
                          c->controller_manager_image,
                          c->scheduler_image,
                          c->proxy_image,
                          c->etcd_image };
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                strv_done(lists[i]);
        for (size_t i = 0; i < ARRAY_SIZE(maps); i++)
                kvs_done(maps[i]);
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(texts[i]);
        json_decref(c->kubelet_extra_config);
        json_decref(c->admission_control);
        json_decref(c->audit_policy);
        pairs_done(c);
        arrays_done(c);
        free(c);
}

struct sim_config *sim_config_ref(const struct sim_config *c) {
        struct sim_config *own = (struct sim_config *) c;        /* the count is not part of its value */
        if (own)
                own->references++;
        return own;
}

void sim_config_unref(const struct sim_config *c) {
        struct sim_config *own = (struct sim_config *) c;
        if (own && --own->references == 0)
                config_free(own);
}

/* --- loading --- */

unsigned config_talos_minor(const char *v) {
        unsigned major, minor;
        return v && sscanf(v, "v%u.%u", &major, &minor) == 2 && major == 1 ? minor : 13;
}

static const char *scalar(const struct yaml_node *doc, const char *key) {
        const char *text = yaml_str(yaml_get(doc, key));
        return text ? text : "";
}

/* The documents 1.0 knew have no kind (talos: configloader/internal/decoder). */
static bool is_v1alpha1(const struct yaml_node *doc) {
        if (!str_empty(scalar(doc, "kind")))
                return false;
        return yaml_get(doc, "machine") || yaml_get(doc, "cluster") || yaml_pair(doc, "debug") || yaml_pair(doc, "persist") ||
               yaml_pair(doc, "machine") || yaml_pair(doc, "cluster") || str_eq(scalar(doc, "apiVersion"), "v1alpha1");
}

static int decode_error(const struct yaml_node *doc, struct config_errors *errors, struct error *err) {
        _cleanup_str_ char *text = strv_join(&errors->list, "\n");
        strv_done(&errors->list);
        errors->list = (struct strv) { 0 };
        const char *kind = scalar(doc, "kind");
        return error_set(err, ERR_INVALID, "error decoding document %s/%s/%s (line %u): %s", scalar(doc, "apiVersion"),
                         *kind ? kind : "v1alpha1", scalar(doc, "name"), doc->line, text);
}

/* Strict decoding of one document: its kind, its keys, their types. */
static int decode_document(const struct yaml_node *doc, const char *talos_version, struct error *err) {
        struct config_errors errors = { 0 };
        const struct key *keys = v1alpha1_keys;
        const char *kind = scalar(doc, "kind");

        if (!is_v1alpha1(doc)) {
                const struct document_kind *k = document_kind_find(kind);
                if (!*kind)
                        config_error(&errors, "missing kind");
                else if (!str_eq(scalar(doc, "apiVersion"), "v1alpha1") && !*scalar(doc, "apiVersion"))
                        config_error(&errors, "missing apiVersion");
                else if (!k || k->since > config_talos_minor(talos_version) || !str_eq(scalar(doc, "apiVersion"), "v1alpha1"))
                        config_error(&errors, "\"%s\" \"%s\": not registered", kind, scalar(doc, "apiVersion"));
                else if (k->named && !*scalar(doc, "name"))
                        config_error(&errors, "name is required");
                keys = k ? k->keys : NULL;
        }
        if (errors.list.n == 0 && keys) {
                _cleanup_(yaml_freep) struct yaml_node *unknown = config_check_keys(doc, keys, true, config_talos_minor(talos_version), &errors);
                if (unknown) {
                        _cleanup_str_ char *text = yaml_write(unknown, 4);
                        config_error(&errors, "unknown keys found during decoding:\n%s", text);
                }
        }
        return errors.list.n ? decode_error(doc, &errors, err) : 0;
}

static int check_duplicates(const struct yaml_docs *docs, struct error *err) {
        _cleanup_strv_ struct strv seen = { 0 };
        for (size_t i = 0; i < docs->n; i++) {
                const struct yaml_node *d = docs->items[i];
                const char *kind = scalar(d, "kind");
                if (d->type == YAML_NULL)
                        continue;
                _cleanup_str_ char *id =
                        xasprintf("%s/%s/%s", scalar(d, "apiVersion"), *kind ? kind : "v1alpha1", scalar(d, "name"));
                if (strv_has(&seen, id))
                        return error_set(err, ERR_INVALID, "duplicate document %s is not allowed (line %u)", id, d->line);
                strv_add(&seen, id);
        }
        return 0;
}

static int decode(const char *text, size_t len, const char *talos_version, struct yaml_docs *ret, struct error *err) {
        struct yaml_docs docs = { 0 };
        int r = yaml_parse("config", text, len, &docs, err);
        if (r < 0)
                return error_wrap(err, "decode error");
        for (size_t i = 0; r == 0 && i < docs.n; i++) {
                const struct yaml_node *d = docs.items[i];
                if (d->type == YAML_NULL)
                        continue;
                r = d->type == YAML_MAP ? decode_document(d, talos_version, err)
                                        : error_set(err, ERR_INVALID, "expected a YAML document at line %u", d->line);
        }
        if (r == 0)
                r = check_duplicates(&docs, err);
        if (r < 0)
                yaml_docs_done(&docs);
        else
                *ret = docs;
        return r;
}

static const struct yaml_node *main_document(const struct yaml_docs *docs) {
        for (size_t i = 0; i < docs->n; i++)
                if (docs->items[i]->type == YAML_MAP && is_v1alpha1(docs->items[i]))
                        return docs->items[i];
        return NULL;
}

/* What Talos puts where the config is silent. Versions: each release's default. */
static void set_defaults(struct sim_config *c, const char *talos_version) {
        static const struct { unsigned minor; const char *kubernetes; } defaults[] = {
                { 11, "v1.34.1" }, { 12, "v1.35.4" }, { 13, "v1.36.3" }, { 14, "v1.37.0" } };
        const char *kubernetes = defaults[2].kubernetes;
        for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
                if (defaults[i].minor == config_talos_minor(talos_version))
                        kubernetes = defaults[i].kubernetes;
        const struct { char **target; const char *image; } images[] = {
                { &c->kubelet_image, "ghcr.io/siderolabs/kubelet" }, { &c->api_server_image, "registry.k8s.io/kube-apiserver" },
                { &c->controller_manager_image, "registry.k8s.io/kube-controller-manager" },
                { &c->scheduler_image, "registry.k8s.io/kube-scheduler" }, { &c->proxy_image, "registry.k8s.io/kube-proxy" } };
        for (size_t i = 0; i < ARRAY_SIZE(images); i++)
                if (!*images[i].target)
                        *images[i].target = xasprintf("%s:%s", images[i].image, kubernetes);
        const char *colon = strrchr(c->kubelet_image, ':');
        c->kubernetes_version = xstrdup(colon ? colon + 1 : kubernetes);
        c->kubernetes_version[strcspn(c->kubernetes_version, "@")] = '\0';
        if (!c->dns_domain)
                c->dns_domain = xstrdup("cluster.local");
        if (c->pod_subnets.n == 0)
                strv_add(&c->pod_subnets, "10.244.0.0/16");
        if (c->service_subnets.n == 0)
                strv_add(&c->service_subnets, "10.96.0.0/12");
        if (!c->cluster_name)
                c->cluster_name = xstrdup("");
}

static int errors_to_error(struct config_errors *errors, struct error *err) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_addf(&b, "%zu error%s occurred:\n", errors->list.n, errors->list.n == 1 ? "" : "s");
        for (size_t i = 0; i < errors->list.n; i++)
                strbuf_addf(&b, "\t* %s\n", errors->list.items[i]);
        strbuf_adds(&b, "\n");
        strv_done(&errors->list);
        return error_set(err, ERR_INVALID, "%s", strbuf_str(&b));
}

static void read_all(const struct yaml_docs *docs, const struct yaml_node *main_doc, struct sim_config *c,
                     struct config_errors *errors) {
        config_read_v1alpha1(main_doc, c, errors);
        bool has_cni = false, many = false;
        for (size_t i = 0; i < docs->n; i++) {
                const char *kind = scalar(docs->items[i], "kind");
                if (docs->items[i]->type != YAML_MAP || !*kind)
                        continue;
                config_read_document(docs->items[i], kind, c, errors);
                has_cni = has_cni || str_eq(kind, "KubeFlannelCNIConfig");
                many = many || str_eq(kind, "KubeNetworkConfig");
        }
        if (!c->cni)             /* contract 1.14: no document, no CNI; before: flannel */
                c->cni = xstrdup(many && !has_cni ? "none" : "flannel");
}

int sim_config_load(const char *text, size_t len, const char *talos_version, struct sim_config **ret, struct error *err) {
        _cleanup_(sim_config_unrefp_) struct sim_config *c = NULL;
        struct yaml_docs docs = { 0 };
        struct config_errors errors = { 0 };
        int r = decode(text, len, talos_version, &docs, err);
        if (r < 0)
                return r;
        const struct yaml_node *main_doc = main_document(&docs);
        if (!main_doc) {
                yaml_docs_done(&docs);
                return error_set(err, ERR_INVALID, "the applied machine configuration is incomplete: no v1alpha1 document");
        }
        c = xnew0(struct sim_config);
        c->references = 1;
        c->text = xstrndup(text, len);
        c->api_port = 6443;
        c->kube_prism_port = 7445;
        c->admin_kubeconfig_ms = 8760LL * 3600 * 1000;
        read_all(&docs, main_doc, c, &errors);
        config_validate(&docs, main_doc, talos_version, c, &errors);
        yaml_docs_done(&docs);
        if (errors.list.n)
                return errors_to_error(&errors, err);
        set_defaults(c, talos_version);
        *ret = TAKE(c);
        return 0;
}

int sim_config_is_partial(const char *text, size_t len, const char *talos_version, bool *ret, struct error *err) {
        struct yaml_docs docs = { 0 };
        int r = decode(text, len, talos_version, &docs, err);
        if (r < 0)
                return r;
        *ret = main_document(&docs) == NULL;
        yaml_docs_done(&docs);
        return 0;
}

/* --- user data --- */

static bool is_gzip(const uint8_t *p, size_t n) {
        return n > 2 && p[0] == 0x1f && p[1] == 0x8b;
}

int sim_user_data_decode(const char *user_data, char **ret, size_t *ret_len, struct error *err) {
        _cleanup_free_ uint8_t *bytes = NULL;
        size_t n = 0;

        if (!user_data)
                user_data = "";
        /* Talos tries base64 first: plain YAML is never valid base64. */
        if (!*user_data || base64_decode(user_data, strlen(user_data), false, &bytes, &n, NULL) < 0 || n == 0) {
                free(bytes);
                n = strlen(user_data);
                bytes = xmemdup(user_data, n + 1);
        }
        if (is_gzip(bytes, n)) {
                uint8_t *plain;
                int r = gzip_decompress(bytes, n, USER_DATA_MAX, &plain, &n, err);
                if (r < 0)
                        return error_wrap(err, "decompressing the user data");
                free(bytes);
                bytes = plain;
        }
        *ret = xstrndup((const char *) bytes, n);
        *ret_len = strlen(*ret);
        return 0;
}

/* --- changes --- */

bool sim_config_needs_reboot(const struct sim_config *old, const struct sim_config *new_config, const char **ret_why) {
        /* talos: CanApplyImmediate copies everything over but what only a boot reads. */
        static const char *const paths[] = { "machine.type",
                                             "machine.disks",
                                             "machine.files",
                                             "machine.env",
                                             "machine.systemDiskEncryption",
                                             "machine.udev",
                                             "machine.baseRuntimeSpecOverrides" };
        struct yaml_docs a = { 0 }, b = { 0 };
        const char *why = NULL;

        if (yaml_parse("old", old->text, strlen(old->text), &a, NULL) == 0 &&
            yaml_parse("new", new_config->text, strlen(new_config->text), &b, NULL) == 0) {
                const struct yaml_node *x = main_document(&a), *y = main_document(&b);
                for (size_t i = 0; !why && i < ARRAY_SIZE(paths); i++) {
                        const struct yaml_node *v = yaml_path(x, paths[i]), *w = yaml_path(y, paths[i]);
                        if (v != w && (!v || !w || !yaml_equal(v, w)))
                                why = paths[i];
                }
        }
        yaml_docs_done(&a);
        yaml_docs_done(&b);
        *ret_why = why;
        return why != NULL;
}
