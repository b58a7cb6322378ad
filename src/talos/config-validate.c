/* Rules of Talos' validation that a patch can break (talos: v1alpha1_validation.go, container/validate.go, cloud mode). A node
 * that is given a config against them waits for ever and says so on its console only. */
#include "talos/config-private.h"

#include <stdio.h>

#include "talos/patch-moved.h"
#include "talos/patch-schema.h"
#include "talos/tree.h"

static int broken(struct error *err, const char *rule) {
        return error_set(err, ERR_PROFILE, "machine config: %s", rule);
}

static const char *text_at(const struct yaml_node *root, const char *dotted) {
        return yaml_str(yaml_path(root, dotted));
}

static bool is_true(const struct yaml_node *root, const char *dotted) {
        const struct yaml_node *n = yaml_path(root, dotted);

        return n && n->type == YAML_BOOL && n->boolean;
}

static bool is_set(const struct yaml_node *root, const char *dotted) {
        const struct yaml_node *n = yaml_path(root, dotted);

        if (!n || n->type == YAML_NULL)
                return false;
        return n->type == YAML_MAP || n->type == YAML_SEQ ? n->n > 0 : n->type != YAML_STR || *n->text;
}

static int check_documents(const struct yaml_docs *config, struct error *err) {
        for (size_t i = 0; i < config->n; i++) {
                const struct schema *s = schema_of_document(config->items[i]);
                if (config->items[i]->type != YAML_MAP || !s)
                        return broken(err, "a document is of no kind that Talos knows");
                _cleanup_secret_tree_ struct yaml_node *copy = yaml_copy(config->items[i]);
                if (schema_check(s, copy, "machine config", err) < 0)
                        return -1;
        }
        return 0;
}

static int check_type(const struct yaml_node *root, enum talos_machine_type type, struct error *err) {
        const char *wanted = type == TALOS_CONTROL_PLANE ? "controlplane" : "worker";
        const char *keys[] = { "machine.ca.key", "cluster.ca.key" };

        if (!str_eq(text_at(root, "machine.type"), wanted))
                return error_set(err, ERR_PROFILE, "machine config: machine.type must stay '%s'", wanted);
        if (type == TALOS_CONTROL_PLANE)
                return is_set(root, "machine.ca.key")
                               ? 0
                               : broken(err, "a control plane needs machine.ca.key (a patch that names crt alone empties key)");
        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (is_set(root, keys[i]))
                        return error_set(err, ERR_PROFILE, "machine config: %s must not be on a worker", keys[i]);
        if (is_set(root, "cluster.etcd"))
                return broken(err, "cluster.etcd must not be on a worker");
        if (is_true(root, "machine.features.kubernetesTalosAPIAccess.enabled"))
                return broken(err, "machine.features.kubernetesTalosAPIAccess can be enabled on control planes only");
        return 0;
}

int config_check_image(const char *what, const char *image, struct error *err) {
        const char *tag = strrchr(image, ':');
        _cleanup_error_ struct error ignored = ERROR_INIT;
        struct talos_version v;

        if (strchr(image, '@'))
                return 0;
        if (!tag || strchr(tag, '/') || talos_version_parse(tag + 1, &v, &ignored) < 0)
                return error_set(err, ERR_PROFILE, "machine config: %s '%s' has no tag of the form v1.2.3", what, image);
        return 0;
}

static int check_images(const struct yaml_node *root, struct error *err) {
        static const char *const images[] = { "machine.kubelet.image", "cluster.apiServer.image",
                                              "cluster.controllerManager.image", "cluster.scheduler.image" };

        for (size_t i = 0; i < ARRAY_SIZE(images); i++)
                if (text_at(root, images[i]) && config_check_image(images[i], text_at(root, images[i]), err) < 0)
                        return -1;
        return 0;
}

int config_check_kubelet_config(const char *what, const struct yaml_node *extra, struct error *err) {
        static const char *const forbidden[] = {
                "apiVersion", "authentication", "authorization", "cgroupRoot", "kind", "kubeletCgroups", "port",
                "protectKernelDefaults", "resolvConf", "rotateCertificates", "systemCgroups", "staticPodPath", "seccompDefault",
        };

        for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++)
                if (yaml_get(extra, forbidden[i]))
                        return error_set(err, ERR_PROFILE, "machine config: %s may not set '%s', Talos does", what, forbidden[i]);
        return 0;
}

int config_check_taints(const struct yaml_node *taints, struct error *err) {
        for (size_t i = 0; taints && taints->type == YAML_MAP && i < taints->n; i++) {
                const char *value = yaml_str(taints->pairs[i].value), *colon = value ? strrchr(value, ':') : NULL;
                const char *effect = colon ? colon + 1 : value;
                if (!effect || (!str_eq(effect, "NoSchedule") && !str_eq(effect, "PreferNoSchedule") &&
                                !str_eq(effect, "NoExecute")))
                        return error_set(err, ERR_PROFILE,
                                         "machine config: taint '%s': '%s' is no [value:]NoSchedule, PreferNoSchedule or NoExecute",
                                         taints->pairs[i].key, value ? value : "");
        }
        return 0;
}

static int check_inline_manifests(const struct yaml_node *root, struct error *err) {
        const struct yaml_node *list = yaml_path(root, "cluster.inlineManifests");

        for (size_t i = 0; list && list->type == YAML_SEQ && i < list->n; i++) {
                const char *name = yaml_str(yaml_get(list->items[i], "name"));
                if (str_empty(name))
                        return broken(err, "an inline manifest has no name");
                for (size_t j = 0; j < i; j++)
                        if (str_eq(name, yaml_str(yaml_get(list->items[j], "name"))))
                                return error_set(err, ERR_PROFILE, "machine config: two inline manifests are called '%s'", name);
        }
        return 0;
}

static int check_cluster(const struct yaml_docs *config, const struct yaml_node *root, struct error *err) {
        const char *endpoint = text_at(root, "cluster.controlPlane.endpoint"), *cni = text_at(root, "cluster.network.cni.name");

        if (endpoint ? !str_starts(endpoint, "https://") : !config_find_document(config, "KubeClusterConfig"))
                return broken(err, "cluster.controlPlane.endpoint must be an https URL");
        if (cni && *cni && !str_eq(cni, "flannel") && !str_eq(cni, "custom") && !str_eq(cni, "none"))
                return error_set(err, ERR_PROFILE, "machine config: cluster.network.cni.name '%s' is not flannel, custom or none",
                                 cni);
        if (is_set(root, "cluster.network.cni.urls") && !str_eq(cni, "custom"))
                return broken(err, "cluster.network.cni.urls needs cni name custom");
        if (is_set(root, "cluster.externalCloudProvider.manifests") && !is_true(root, "cluster.externalCloudProvider.enabled"))
                return broken(err, "cluster.externalCloudProvider.manifests needs enabled: true");
        if (is_true(root, "cluster.discovery.enabled") && (!is_set(root, "cluster.id") || !is_set(root, "cluster.secret")))
                return broken(err, "cluster.discovery needs cluster.id and cluster.secret");
        return check_inline_manifests(root, err);
}

static int check_hostname(const struct yaml_docs *config, struct error *err) {
        const struct yaml_node *hostname = config_find_document(config, "HostnameConfig");

        if (hostname && is_set(hostname, "hostname") && is_set(hostname, "auto") && !str_eq(text_at(hostname, "auto"), "off"))
                return broken(err, "HostnameConfig: a fixed hostname needs auto: off");
        return 0;
}

int talos_config_validate(const struct yaml_docs *config, enum talos_machine_type type, struct error *err) {
        const struct yaml_node *root = NULL;

        for (size_t i = 0; i < config->n && !root; i++)
                if (config->items[i]->type == YAML_MAP && !yaml_get(config->items[i], "kind"))
                        root = config->items[i];
        if (!root || !is_set(root, "machine") || !is_set(root, "cluster"))
                return broken(err, "the sections machine and cluster must be there");
        const struct yaml_node *persist = yaml_get(root, "persist");
        if (persist && persist->type == YAML_BOOL && !persist->boolean)
                return broken(err, "persist: false is refused by Talos");
        if (is_true(root, "machine.features.hostDNS.forwardKubeDNSToHost") && !is_true(root, "machine.features.hostDNS.enabled"))
                return broken(err, "machine.features.hostDNS.forwardKubeDNSToHost needs enabled: true");
        if (check_documents(config, err) < 0 || check_type(root, type, err) < 0 || check_cluster(config, root, err) < 0 ||
            check_images(root, err) < 0 || config_check_taints(yaml_path(root, "machine.nodeTaints"), err) < 0 ||
            config_check_kubelet_config("machine.kubelet.extraConfig", yaml_path(root, "machine.kubelet.extraConfig"), err) < 0)
                return -1;
        if (check_hostname(config, err) < 0 || config_check_conflicts(config, err) < 0)
                return -1;
        return config_check_documents_114(config, type, err);
}

int talos_config_check_release(const struct yaml_docs *config, const struct talos_contract *release, struct error *err) {
        for (size_t i = 0; i < config->n; i++) {
                const char *kind = yaml_str(yaml_get(config->items[i], "kind"));
                const struct schema_document *d = kind ? schema_document_find(kind) : NULL;
                if (d && d->since > 0 && !talos_contract_at_least(release, 1, d->since))
                        return error_set(err, ERR_PROFILE, "machine config: Talos %u.%u does not know the document %s, which came with 1.%u", release->major, release->minor,
                                         kind, d->since);
        }
        return 0;
}
