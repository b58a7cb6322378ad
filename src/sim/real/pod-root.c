#include "sim/real/pod-root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "sim/kube/token.h"

void pod_root_done(struct pod_root *r) {
        for (size_t i = 0; i < r->n_files; i++) {
                free(r->files[i].path);
                free(r->files[i].data);
        }
        free(r->files);
        strv_done(&r->folders);
        strv_done(&r->arguments);
        strv_done(&r->environment);
        *r = (struct pod_root) { 0 };
}

static void add_file(struct pod_root *r, const char *folder, const char *name, const void *data, size_t len, unsigned mode) {
        struct pod_file f = { .path = xasprintf("%s/%s", folder, name), .data = xcalloc(len + 1, 1), .len = len, .mode = mode };
        memcpy(f.data, data, len);
        ARRAY_APPEND(r->files, r->n_files, f);
}

static void add_text(struct pod_root *r, const char *folder, const char *name, const char *text) {
        add_file(r, folder, name, text, strlen(text), 0644);
}

static void add_bytes(struct pod_root *r, const char *folder, const char *name, const char *encoded) {
        _cleanup_free_ uint8_t *bytes = NULL;
        size_t n;
        _cleanup_error_ struct error err = ERROR_INIT;
        if (encoded && base64_decode(encoded, strlen(encoded), false, &bytes, &n, &err) == 0)
                add_file(r, folder, name, bytes, n, 0644);
}

static const char *path_of_key(const json_t *items, const char *key) {
        size_t i;
        json_t *each;
        if (!items)
                return key;
        json_array_foreach(items, i, each)
                if (str_eq(jget_text(each, "key"), key))
                        return jget_text(each, "path");
        return NULL;
}

/* Keys of a ConfigMap or Secret as files; items chooses and renames. */
static int add_keys(struct pod_root *r, const char *folder, const json_t *object, bool secret, const json_t *items) {
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(object, "data"), key, value) {
                const char *name = path_of_key(items, key);
                if (name && secret)
                        add_bytes(r, folder, name, json_string_value(value));
                else if (name)
                        add_text(r, folder, name, json_string_value(value));
        }
        json_object_foreach(json_object_get(object, "binaryData"), key, value)
                if (path_of_key(items, key))
                        add_bytes(r, folder, path_of_key(items, key), json_string_value(value));
        return 0;
}

static int add_object(struct mirror *m, struct pod_root *r, const json_t *pod, const char *folder, const json_t *source, bool secret, struct error *err) {
        const char *name = jget_text(source, "name") ? jget_text(source, "name") : jget_text(source, "secretName");
        const json_t *object = kube_find(m->cluster, "", secret ? "secrets" : "configmaps", meta_namespace(pod), name);
        if (object)
                return add_keys(r, folder, object, secret, json_object_get(source, "items"));
        if (meta_bool(source, "optional", false))
                return 0;
        return error_set(err, ERR_NOT_FOUND, "%s \"%s\" not found", secret ? "secret" : "configmap", name ? name : "");
}

/* What the downward API knows, as far as it is used: metadata.*, spec.*, status.* of strings. */
static const char *field_of(const json_t *pod, const char *path) {
        const char *text = path ? jget_text(pod, path) : NULL;
        return text ? text : "";
}

static int add_projected(struct mirror *m, struct kube_machine *machine, struct pod_root *r, const json_t *pod, const char *folder, const json_t *sources,
                         struct error *err) {
        size_t i, k;
        json_t *source, *item;
        json_array_foreach(sources, i, source) {
                const json_t *token = json_object_get(source, "serviceAccountToken"), *map = json_object_get(source, "configMap"),
                             *secret = json_object_get(source, "secret");
                if (token) {
                        _cleanup_str_ char *text = token_of_pod(m->cluster, &machine->self, pod);
                        if (!text)
                                return error_set(err, ERR_REFUSED, "failed to fetch token for service account \"%s\"",
                                                 field_of(pod, "spec.serviceAccountName"));
                        add_text(r, folder, jget_text(token, "path"), text);
                } else if (map || secret) {
                        if (add_object(m, r, pod, folder, map ? map : secret, secret != NULL, err) < 0)
                                return -1;
                }
                json_array_foreach(jget(source, "downwardAPI.items"), k, item)
                        add_text(r, folder, jget_text(item, "path"), field_of(pod, jget_text(item, "fieldRef.fieldPath")));
        }
        return 0;
}

static int add_mount(struct mirror *m, struct kube_machine *machine, struct pod_root *r, const json_t *pod, const json_t *mount, struct error *err) {
        const char *folder = jget_text(mount, "mountPath"), *name = jget_text(mount, "name");
        const json_t *volume = NULL;
        json_t *each;
        size_t i;
        json_array_foreach(jget(pod, "spec.volumes"), i, each)
                if (str_eq(jget_text(each, "name"), name))
                        volume = each;
        if (!folder || !volume)
                return error_set(err, ERR_NOT_FOUND, "volume \"%s\" not found", name ? name : "");
        strv_add(&r->folders, folder);
        const json_t *map = json_object_get(volume, "configMap"), *secret = json_object_get(volume, "secret"),
                     *projected = json_object_get(volume, "projected");
        if (map || secret)
                return add_object(m, r, pod, folder, map ? map : secret, secret != NULL, err);
        if (projected)
                return add_projected(m, machine, r, pod, folder, json_object_get(projected, "sources"), err);
        if (json_object_get(volume, "emptyDir"))
                return 0;
        return error_set(err, ERR_INVALID, "the simulated kubelet has no volumes of the kind of \"%s\"", name);
}

static void add_environment(struct mirror *m, struct pod_root *r, const json_t *pod, const json_t *container) {
        struct ip6_addr service = ip6_host(&m->cluster->settings.service_subnet, 1);
        char text[IP6_STR_MAX];
        _cleanup_kvs_ struct kvs env = { 0 };
        size_t i;
        json_t *each;
        kvs_set(&env, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        kvs_set(&env, "HOSTNAME", meta_name(pod));
        kvs_set(&env, "KUBERNETES_SERVICE_HOST", ip6_format(&service, text));
        kvs_set(&env, "KUBERNETES_SERVICE_PORT", "443");
        json_array_foreach(json_object_get(container, "env"), i, each) {
                const char *path = jget_text(each, "valueFrom.fieldRef.fieldPath"), *value = jget_text(each, "value");
                kvs_set(&env, jget_text(each, "name"), path ? field_of(pod, path) : value ? value : "");
        }
        for (i = 0; i < env.n; i++)
                strv_take(&r->environment, xasprintf("%s=%s", env.items[i].key, env.items[i].value));
}

int pod_root_make(struct mirror *m, struct kube_machine *machine, const json_t *pod, struct pod_root *ret, struct error *err) {
        static const char *const folders[] = { "/usr", "/usr/bin", "/etc", "/tmp", "/dev", "/var", "/var/run" };
        static const char *const words[] = { "command", "args" };
        const json_t *container = json_array_get(jget(pod, "spec.containers"), 0);
        _cleanup_pod_root_ struct pod_root r = { 0 };
        size_t i;
        json_t *each;
        for (i = 0; i < ARRAY_SIZE(folders); i++)
                strv_add(&r.folders, folders[i]);
        add_text(&r, "/etc", "hosts", "127.0.0.1 localhost\n::1 localhost\n");
        add_text(&r, "/etc", "passwd", "root:x:0:0:root:/tmp:/sbin/nologin\n");
        json_array_foreach(json_object_get(container, "volumeMounts"), i, each)
                if (add_mount(m, machine, &r, pod, each, err) < 0)
                        return -1;
        for (size_t w = 0; w < ARRAY_SIZE(words); w++)
                json_array_foreach(json_object_get(container, words[w]), i, each)
                        strv_add(&r.arguments, json_string_value(each));
        add_environment(m, &r, pod, container);
        *ret = r;
        r = (struct pod_root) { 0 };
        return 0;
}

/* ---- in the child ---- */

static int make_folders(const char *root, const char *path, bool last_too) {
        char full[4096];
        snprintf(full, sizeof(full), "%s%s", root, path);
        for (char *p = full + strlen(root) + 1; *p; p++)
                if (*p == '/') {
                        *p = 0;
                        if (mkdir(full, 0755) < 0 && errno != EEXIST)
                                return -1;
                        *p = '/';
                }
        return !last_too || mkdir(full, 0777) == 0 || errno == EEXIST ? 0 : -1;
}

static int write_file(const char *root, const struct pod_file *f) {
        char full[4096];
        snprintf(full, sizeof(full), "%s%s", root, f->path);
        if (make_folders(root, f->path, false) < 0)
                return -1;
        _cleanup_fd_ int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, f->mode);
        if (fd < 0)
                return -1;
        for (size_t at = 0; at < f->len;) {
                ssize_t n = write(fd, f->data + at, f->len - at);
                if (n < 0)
                        return -1;
                at += (size_t) n;
        }
        return 0;
}

static int bind(const char *root, const char *source, const char *target) {
        char full[4096];
        snprintf(full, sizeof(full), "%s%s", root, target);
        int fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
        if (fd < 0)
                return -1;
        close(fd);
        return mount(source, full, NULL, MS_BIND, NULL);
}

int pod_root_enter(const struct pod_root *r, const char *folder, const char *program, const char *name) {
        char target[256];
        snprintf(target, sizeof(target), "/usr/bin/%s", name);
        if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
                return -1;
        for (size_t i = 0; i < r->folders.n; i++)
                if (make_folders(folder, r->folders.items[i], true) < 0)
                        return -1;
        for (size_t i = 0; i < r->n_files; i++)
                if (write_file(folder, &r->files[i]) < 0)
                        return -1;
        if (bind(folder, program, target) < 0 || bind(folder, "/dev/null", "/dev/null") < 0)
                return -1;
        return chroot(folder) < 0 || chdir("/") < 0 ? -1 : 0;
}
