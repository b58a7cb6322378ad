/* The double of `helm upgrade --install` as a Job's pod runs it; see helm.h. */
#include "sim/kube/helm.h"

#include "base/codec.h"
#include "base/yaml.h"
#include "sim/kube/cluster.h"
#include "sim/kube/rest.h"

struct command { char *release, *chart, *name_space; struct strv values; bool create_namespace; };

static void command_done(struct command *o) {
        free(o->release);
        free(o->chart);
        free(o->name_space);
        strv_done(&o->values);
}

bool helm_is(const json_t *container) {
        const char *image = jget_text(container, "image");
        if (!image)
                return false;
        const char *slash = strrchr(image, '/'), *name = slash ? slash + 1 : image;
        _cleanup_str_ char *bare = xstrndup(name, strcspn(name, ":@"));
        return strstr(bare, "helm") != NULL;
}

static void words_of(const json_t *container, struct strv *words) {
        static const char *const parts[] = { "command", "args" };
        for (size_t p = 0; p < ARRAY_SIZE(parts); p++) {
                size_t i;
                json_t *each;
                json_array_foreach(json_object_get(container, parts[p]), i, each)
                        if (json_is_string(each))
                                strv_add(words, json_string_value(each));
        }
        if (words->n >= 3 && (str_ends(words->items[0], "sh")) && str_eq(words->items[1], "-c")) {
                _cleanup_str_ char *script = xstrdup(words->items[2]);
                for (char *p = script; *p; p++)
                        if (*p == '\n' || *p == '\\' || *p == '\t')
                                *p = ' ';
                strv_done(words);
                *words = (struct strv) { 0 };
                _cleanup_strv_ struct strv all = { 0 };
                strv_split(&all, script, ' ');
                for (size_t i = 0; i < all.n; i++)
                        if (*all.items[i])
                                strv_add(words, all.items[i]);
        }
}

static int command_read(const json_t *container, const char *pod_namespace, struct command *o, struct error *err) {
        _cleanup_strv_ struct strv words = { 0 };
        words_of(container, &words);
        size_t i = 0;
        while (i < words.n && !str_eq(words.items[i], "upgrade"))
                i++;
        if (i == words.n)
                return error_set(err, ERR_INVALID, "the simulated Helm knows only `helm upgrade --install`");
        bool install = false;
        for (i++; i < words.n; i++) {
                const char *word = words.items[i], *next = i + 1 < words.n ? words.items[i + 1] : NULL;
                if (str_eq(word, "--install") || str_eq(word, "-i")) {
                        install = true;
                } else if (str_eq(word, "--create-namespace")) {
                        o->create_namespace = true;
                } else if ((str_eq(word, "-n") || str_eq(word, "--namespace") || str_eq(word, "-f") ||
                            str_eq(word, "--values")) && next) {
                        if (strchr(word, 'n') && !str_eq(word, "--values"))
                                free(o->name_space), o->name_space = xstrdup(next);
                        else
                                strv_add(&o->values, next);
                        i++;
                } else if (str_starts(word, "--namespace=")) {
                        free(o->name_space);
                        o->name_space = xstrdup(strchr(word, '=') + 1);
                } else if (str_starts(word, "--values=")) {
                        strv_add(&o->values, strchr(word, '=') + 1);
                } else if (*word == '-') {
                        if (!strchr(word, '=') && next && *next != '-' &&
                            (str_eq(word, "--timeout") || str_eq(word, "--history-max") || str_eq(word, "--version")))
                                i++;
                } else if (!o->release) {
                        o->release = xstrdup(word);
                } else if (!o->chart) {
                        o->chart = xstrdup(word);
                } else {
                        return error_set(err, ERR_INVALID, "\"helm upgrade\" requires 2 arguments");
                }
        }
        if (!o->release || !o->chart || !install)
                return error_set(err, ERR_INVALID,
                                 "\"helm upgrade\" requires 2 arguments\n\nUsage:  helm upgrade [RELEASE] [CHART] [flags]");
        if (!o->name_space)
                o->name_space = xstrdup(pod_namespace);
        return 0;
}

/* What a key of a ConfigMap or Secret holds; owned. */
static bool key_bytes(const json_t *object, const char *key, bool secret, char **ret, size_t *ret_n) {
        const char *plain = json_string_value(json_object_get(json_object_get(object, "data"), key));
        const char *binary = json_string_value(json_object_get(json_object_get(object, "binaryData"), key));
        _cleanup_error_ struct error err = ERROR_INIT;
        if (plain && !secret) {
                *ret = xstrdup(plain);
                *ret_n = strlen(plain);
                return true;
        }
        const char *encoded = secret ? plain : binary;
        uint8_t *bytes;
        if (!encoded || base64_decode(encoded, strlen(encoded), false, &bytes, ret_n, &err) < 0)
                return false;
        *ret = (char *) bytes;
        return true;
}

/* The file relative to a volume's root, by its ConfigMap or Secret. */
static bool volume_file(struct kube_cluster *c, const json_t *pod, const json_t *volume, const char *path, char **ret,
                        size_t *ret_n) {
        bool secret = json_object_get(volume, "secret") != NULL;
        const json_t *source = json_object_get(volume, secret ? "secret" : "configMap");
        const char *name = jget_text(source, secret ? "secretName" : "name"), *key = path;
        if (json_object_get(volume, "projected")) {
                size_t i;
                json_t *each;
                json_array_foreach(jget(volume, "projected.sources"), i, each) {
                        _cleanup_json_ json_t *single = json_deep_copy(each);
                        if (json_object_get(single, "secret"))
                                json_object_set(json_object_get(single, "secret"), "secretName",
                                                json_object_get(json_object_get(single, "secret"), "name"));
                        if (volume_file(c, pod, single, path, ret, ret_n))
                                return true;
                }
                return false;
        }
        const json_t *object = name ? kube_find(c, "", secret ? "secrets" : "configmaps", meta_namespace(pod), name) : NULL;
        if (!object)
                return false;
        size_t i;
        json_t *item;
        json_array_foreach(json_object_get(source, "items"), i, item)
                if (str_eq(jget_text(item, "path"), path))
                        key = jget_text(item, "key");
        return key_bytes(object, key, secret, ret, ret_n);
}

static int mounted_file(struct kube_cluster *c, const json_t *pod, const json_t *container, const char *path, char **ret,
                        size_t *ret_n, struct error *err) {
        size_t i, k;
        json_t *mount, *volume;
        json_array_foreach(json_object_get(container, "volumeMounts"), i, mount) {
                const char *at = jget_text(mount, "mountPath"), *sub = jget_text(mount, "subPath");
                if (!at || !str_starts(path, at))
                        continue;
                const char *rest = path + strlen(at);
                rest += *rest == '/';
                json_array_foreach(jget(pod, "spec.volumes"), k, volume)
                        if (str_eq(jget_text(volume, "name"), jget_text(mount, "name")) &&
                            volume_file(c, pod, volume, sub ? sub : rest, ret, ret_n))
                                return 0;
        }
        return error_set(err, ERR_NOT_FOUND, "open %s: no such file or directory", path);
}

static const struct tar_entry *entry_named(const struct tar_files *t, const char *name) {
        for (size_t i = 0; i < t->n; i++) {
                const char *slash = strchr(t->items[i].path, '/');
                if (slash && str_eq(slash + 1, name))
                        return &t->items[i];
        }
        return NULL;
}

static int yaml_object(const char *name, const char *text, size_t n, json_t **ret, struct error *err) {
        _cleanup_(yaml_freep) struct yaml_node *tree = NULL;
        if (yaml_parse_one(name, text, n, &tree, err) < 0)
                return -1;
        *ret = tree->type == YAML_MAP ? yaml_to_json(tree) : json_object();
        return 0;
}

static int read_values(struct kube_cluster *c, const json_t *pod, const json_t *container, const struct command *o,
                       const struct tar_files *t, json_t **ret,
                       struct error *err) {
        const struct tar_entry *own = entry_named(t, "values.yaml");
        _cleanup_json_ json_t *values = NULL;
        if (own ? yaml_object("values.yaml", own->data, own->len, &values, err) < 0 : !(values = json_object()))
                return -1;
        for (size_t i = 0; i < o->values.n; i++) {
                _cleanup_str_ char *text = NULL;
                size_t n;
                _cleanup_json_ json_t *given = NULL;
                if (mounted_file(c, pod, container, o->values.items[i], &text, &n, err) < 0 ||
                    yaml_object(o->values.items[i], text, n, &given, err) < 0)
                        return -1;
                helm_merge_values(values, given);
        }
        *ret = TAKE(values);
        return 0;
}

/* Documents of a rendered file; empty ones are left out. */
static int add_documents(const char *name, const char *text, json_t *objects, struct error *err) {
        struct yaml_docs docs = { 0 };
        if (yaml_parse(name, text, strlen(text), &docs, err) < 0)
                return -1;
        for (size_t i = 0; i < docs.n; i++)
                if (docs.items[i]->type == YAML_MAP && docs.items[i]->n > 0)
                        json_array_append_new(objects, yaml_to_json(docs.items[i]));
        yaml_docs_done(&docs);
        return 0;
}

static int render_all(const struct tar_files *t, const struct helm_scope *scope, json_t *objects, struct strbuf *manifest,
                      struct error *err) {
        for (size_t i = 0; i < t->n; i++) {
                const char *slash = strchr(t->items[i].path, '/'), *path = slash ? slash + 1 : "", *base = strrchr(path, '/');
                bool crd = str_starts(path, "crds/");
                if ((!str_starts(path, "templates/") && !crd) || !base || base[1] == '_' || !str_ends(path, ".yaml"))
                        continue;
                _cleanup_str_ char *text = NULL;
                if (crd)
                        text = xstrdup(t->items[i].data);
                else if (helm_render(t->items[i].path, t->items[i].data, scope, &text, err) < 0)
                        return -1;
                if (add_documents(t->items[i].path, text, objects, err) < 0)
                        return -1;
                strbuf_addf(manifest, "---\n# Source: %s\n%s\n", t->items[i].path, text);
        }
        return 0;
}

/* Helm's ownership rules (helm: pkg/action/validate.go). */
static int check_ownership(const json_t *live, const struct command *o, struct error *err) {
        const char *name = meta_annotation(live, "meta.helm.sh/release-name"), *name_space = meta_annotation(live,
                                                                                          "meta.helm.sh/release-namespace");
        const char *kind = jget_text(live, "kind"), *managed = meta_label(live, "app.kubernetes.io/managed-by");
        if (str_eq(name, o->release) && str_eq(name_space, o->name_space) && str_eq(managed, "Helm"))
                return 0;
        return error_set(err, ERR_EXISTS,
                         "Unable to continue with install: %s \"%s\" in namespace \"%s\" exists and cannot be imported into the current release: "
                         "invalid ownership metadata; %s", kind, meta_name(live), meta_namespace(live) ? meta_namespace(live) :
                         "",
                         !str_eq(managed, "Helm") ?
                         "label validation error: missing key \"app.kubernetes.io/managed-by\": must be set to \"Helm\"" :
                         "annotation validation error: missing key \"meta.helm.sh/release-name\"");
}

static int apply_object(struct kube_cluster *c, const struct command *o, json_t *object, struct error *err) {
        struct kube_type *t = kube_types_kind(&c->types, jget_text(object, "apiVersion"), jget_text(object, "kind"));
        if (!t)
                return error_set(err, ERR_REFUSED,
                                 "unable to build kubernetes objects from release manifest: resource mapping not found for name: \"%s\" namespace: "
                                 "\"\" from \"\": no matches for kind \"%s\" in version \"%s\"", meta_name(object),
                                 jget_text(object, "kind"),
                                 jget_text(object, "apiVersion"));
        if (kube_type_has(t, KUBE_NAMESPACED) && !meta_namespace(object))
                json_object_set_new(meta_object(object, "metadata"), "namespace", json_string(o->name_space));
        const json_t *live = kube_get(c, t, meta_namespace(object), meta_name(object));
        if (live && check_ownership(live, o, err) < 0)
                return -1;
        meta_set_label(object, "app.kubernetes.io/managed-by", "Helm");
        meta_set_annotation(object, "meta.helm.sh/release-name", o->release);
        meta_set_annotation(object, "meta.helm.sh/release-namespace", o->name_space);
        _cleanup_str_ char *version = kube_type_api_version(t), *body = json_write(object), *path = NULL;
        _cleanup_(kvs_done) struct kvs query = { 0 };
        _cleanup_strv_ struct strv groups = { 0 };
        _cleanup_kube_answer_ struct kube_answer a = { 0 };
        const char *name_space = kube_type_has(t, KUBE_NAMESPACED) ? meta_namespace(object) : NULL;
        path = xasprintf("/%s/%s/%s%s%s%s/%s", *t->group ? "apis" : "api", version, name_space ? "namespaces/" : "", name_space ?
                         name_space : "", name_space ? "/" : "",
                         t->plural, meta_name(object));
        kvs_set(&query, "fieldManager", "helm");
        strv_add(&groups, "system:masters");
        struct kube_request r = { .method = "PATCH", .path = path, .query = query,
                                  .content_type = "application/apply-patch+yaml", .user_agent = "Helm", .body = body,
                                  .body_len = strlen(body), .user = "system:serviceaccount", .groups = &groups };
        kube_handle(c, &r, &a);
        if (a.status < 300)
                return 0;
        _cleanup_json_ json_t *status = json_loads(a.body ? a.body : "{}", 0, NULL);
        return error_set(err, a.status == 409 ? ERR_CONFLICT : ERR_REFUSED, "%s", jget_text(status, "message") ?
                         jget_text(status, "message") : "refused");
}

/* CustomResourceDefinitions and Namespaces first, workloads last, roughly Helm's InstallOrder. */
static int order_of(const json_t *object) {
        static const char *const first[] = { "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "ServiceAccount",
                                             "Secret", "ConfigMap",
                                             "CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role",
                                             "RoleBinding", "Service", "DaemonSet",
                                             "Pod", "ReplicaSet", "Deployment", "StatefulSet", "Job" };
        for (size_t i = 0; i < ARRAY_SIZE(first); i++)
                if (str_eq(jget_text(object, "kind"), first[i]))
                        return (int) i;
        return 100;
}

static int apply_all(struct kube_cluster *c, const struct command *o, json_t *objects, struct error *err) {
        for (int order = 0; order <= 100; order++) {
                size_t i;
                json_t *object;
                json_array_foreach(objects, i, object)
                        if (order_of(object) == order && apply_object(c, o, object, err) < 0)
                                return -1;
        }
        return 0;
}

/* As the real one: only where the release is new, and a namespace that exists is left as it is (helm: pkg/action/install.go). */
static int make_namespace(struct kube_cluster *c, const struct command *o, struct error *err) {
        if (kube_get(c, kube_types_kind(&c->types, "v1", "Namespace"), NULL, o->name_space))
                return 0;
        _cleanup_json_ json_t *object = json_pack("{s:s, s:s, s:{s:s, s:{s:s}}}", "apiVersion", "v1", "kind", "Namespace", "metadata", "name", o->name_space,
                                                  "labels", "name", o->name_space);
        _cleanup_str_ char *body = json_write(object), *path = xasprintf("/api/v1/namespaces/%s", o->name_space);
        _cleanup_(kvs_done) struct kvs query = { 0 };
        _cleanup_strv_ struct strv groups = { 0 };
        _cleanup_kube_answer_ struct kube_answer a = { 0 };
        kvs_set(&query, "fieldManager", "helm");
        strv_add(&groups, "system:masters");
        struct kube_request r = { .method = "PATCH", .path = path, .query = query, .content_type = "application/apply-patch+yaml", .user_agent = "Helm",
                                  .body = body, .body_len = strlen(body), .user = "system:serviceaccount", .groups = &groups };
        kube_handle(c, &r, &a);
        return a.status < 300 ? 0 : error_set(err, ERR_REFUSED, "create: failed to create namespace \"%s\"", o->name_space);
}

static json_t *releases_of(struct kube_cluster *c, const struct command *o) {
        json_t *out = json_array();
        const struct kube_type *secrets = kube_type(c, "", "secrets");
        _cleanup_str_ char *prefix = xasprintf("%s/sh.helm.release.v1.%s.v", o->name_space, o->release);
        for (size_t i = kube_lower_bound(secrets, prefix); i < secrets->n && str_starts(secrets->items[i].key, prefix); i++)
                json_array_append(out, secrets->items[i].value);
        return out;
}

static int64_t revision_of(const json_t *secret) {
        int64_t v = 0;
        const char *text = meta_label(secret, "version");
        return text && parse_int64(text, 0, INT64_MAX, &v) ? v : 0;
}

static void save_release(struct kube_cluster *c, const struct command *o, int64_t revision, const char *status,
                         const struct helm_scope *scope, const char *manifest) {
        _cleanup_str_ char *name = xasprintf("sh.helm.release.v1.%s.v%lld", o->release,
                                             (long long) revision), *number = xasprintf("%lld", (long long) revision);
        _cleanup_str_ char *seconds = xasprintf("%lld", (long long) (kube_now(c) / 1000));
        _cleanup_json_ json_t *record = json_pack("{s:s, s:s, s:I, s:{s:s, s:o, s:o, s:s}, s:{s:{s:s, s:s, s:s, s:s}}, s:O, s:s, s:s}", "name", o->release, "namespace",
                                                  o->name_space, "version", (json_int_t) revision, "info", "status", status,
                                                  "first_deployed", meta_time(kube_now(c)),
                                                  "last_deployed", meta_time(kube_now(c)), "description", "Upgrade complete",
                                                  "chart", "metadata", "name", scope->chart,
                                                  "version", scope->version, "appVersion", scope->app_version, "apiVersion",
                                                  "v2", "config",
                                                  (json_t *) scope->values, "manifest", manifest, "apply_method", "ssa");
        _cleanup_str_ char *text = json_write(record), *inner = NULL, *outer = NULL;
        _cleanup_free_ uint8_t *packed = NULL;
        size_t n;
        _cleanup_error_ struct error err = ERROR_INIT;
        if (gzip_compress(text, strlen(text), &packed, &n, &err) < 0)
                return;
        inner = base64_encode(packed, n);
        outer = base64_encode(inner, strlen(inner));
        kube_save(c, "helm", "", json_pack("{s:s, s:s, s:{s:s, s:s, s:{s:s, s:s, s:s, s:s, s:s}}, s:s, s:{s:s}}", "apiVersion",
                                           "v1", "kind", "Secret", "metadata", "name",
                                           name, "namespace", o->name_space, "labels", "name", o->release, "owner", "helm",
                                           "status", status, "version", number,
                                           "modifiedAt", seconds, "type", "helm.sh/release.v1", "data", "release", outer));
}

static void supersede(struct kube_cluster *c, const json_t *releases) {
        size_t i;
        json_t *each;
        json_array_foreach(releases, i, each) {
                if (!str_eq(meta_label(each, "status"), "deployed"))
                        continue;
                json_t *copy = json_deep_copy(each);
                meta_set_label(copy, "status", "superseded");
                kube_save(c, "helm", "", copy);
        }
}

static int upgrade(struct kube_cluster *c, const json_t *pod, const json_t *container, const struct command *o,
                   struct error *err) {
        _cleanup_json_ json_t *releases = releases_of(c, o), *values = NULL, *chart = NULL, *objects = json_array();
        _cleanup_tar_files_ struct tar_files t = { 0 };
        _cleanup_str_ char *archive = NULL;
        _cleanup_strbuf_ struct strbuf manifest = STRBUF_INIT;
        size_t n, i;
        int64_t revision = 0;
        json_t *each;
        json_array_foreach(releases, i, each) {
                if (str_starts(meta_label(each, "status") ? meta_label(each, "status") : "", "pending-"))
                        return error_set(err, ERR_LOCKED, "another operation (install/upgrade/rollback) is in progress");
                revision = MAX(revision, revision_of(each));
        }
        if (mounted_file(c, pod, container, o->chart, &archive, &n, err) < 0 || tar_read_gz(archive, n, &t, err) < 0)
                return -1;
        const struct tar_entry *metadata = entry_named(&t, "Chart.yaml");
        if (!metadata)
                return error_set(err, ERR_INVALID, "Chart.yaml file is missing");
        if (yaml_object("Chart.yaml", metadata->data, metadata->len, &chart, err) < 0 ||
            read_values(c, pod, container, o, &t, &values, err) < 0)
                return -1;
        _cleanup_str_ char *app_version = NULL;
        const json_t *app = json_object_get(chart, "appVersion");
        app_version = json_is_string(app) ? xstrdup(json_string_value(app)) : app ? json_dumps(app,
                                                                                          JSON_ENCODE_ANY) : xstrdup("");
        struct helm_scope scope = { .values = values, .release = o->release, .name_space = o->name_space,
                                    .chart = jget_text(chart, "name") ? jget_text(chart, "name") : "",
                                    .version = jget_text(chart, "version") ? jget_text(chart, "version") : "",
                                    .app_version = app_version };
        if (render_all(&t, &scope, objects, &manifest, err) < 0)
                return -1;
        if (o->create_namespace && !json_array_size(releases) && make_namespace(c, o, err) < 0)
                return -1;
        bool applied = apply_all(c, o, objects, err) == 0;
        if (applied)
                supersede(c, releases);
        save_release(c, o, revision + 1, applied ? "deployed" : "failed", &scope, strbuf_str(&manifest));
        return applied ? 0 : -1;
}

int helm_run(struct kube_cluster *c, const json_t *pod, struct error *err) {
        const json_t *container = json_array_get(jget(pod, "spec.containers"), 0);
        _cleanup_(command_done) struct command o = { 0 };
        _cleanup_json_ json_t *held = json_incref((json_t *) pod);
        if (command_read(container, meta_namespace(pod), &o, err) < 0)
                return -1;
        if (upgrade(c, held, container, &o, err) < 0)
                return error_wrap(err, "Error: UPGRADE FAILED");
        return 0;
}
