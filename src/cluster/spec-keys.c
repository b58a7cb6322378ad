/* The table of profile keys, and the reader that walks a YAML map by it. */
#include "cluster/spec-keys.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/file.h"

static const char *const network_choices[] = { "private", "none", NULL };
static const char *const large_choices[] = { "supernets", "refuse", NULL };
static const char *const delivery_choices[] = { "auto", "user-data", "push", NULL };
static const char *const pod_cidr_choices[] = { "auto", "ccm", "client", NULL };
static const char *const helm_choices[] = { "job", "local", NULL };

#define AT(type, field) offsetof(struct type, field)

const struct spec_key spec_autoscale_keys[] = {
        { "min", KEY_INT, AT(spec_pool, min), "number", NULL, "fewest nodes the scaler keeps", .min = 0, .max = SPEC_NODES_MAX, .required = true },
        { "max", KEY_INT, AT(spec_pool, max), "number", NULL, "most nodes the scaler makes", .min = 1, .max = SPEC_NODES_MAX, .required = true },
        { NULL },
};

const struct spec_key spec_control_plane_keys[] = {
        { "count", KEY_INT, AT(cluster_spec, control_planes.count), "odd number", "1", "how many", .min = 1, .max = SPEC_CONTROL_PLANES_MAX },
        { "types", KEY_STRV, AT(cluster_spec, control_planes.types), "list of server types", "as for pools", "in order of preference" },
        { "locations", KEY_STRV, AT(cluster_spec, control_planes.locations), "list of locations", "`locations`", "in order of preference" },
        { "labels", KEY_KVS, AT(cluster_spec, control_planes.labels), "map of strings", "none", "Kubernetes labels of these nodes" },
        { "schedulable", KEY_BOOL, AT(cluster_spec, control_planes_schedulable), "boolean", "false", "ordinary pods may run there" },
        { NULL },
};

const struct spec_key spec_pool_keys[] = {
        { "name", KEY_STRING, AT(spec_pool, name), "string", NULL, "part of the servers' names; not `control-plane`", .required = true },
        { "count", KEY_INT, AT(spec_pool, count), "number", "1, or `autoscale.min`", "nodes of the pool", .min = 0, .max = SPEC_NODES_MAX },
        { "types", KEY_STRV, AT(spec_pool, types), "list of server types", "`cax11`, `cx23`, `cpx22`",
          "in order of preference; the next is taken when one cannot be had" },
        { "locations", KEY_STRV, AT(spec_pool, locations), "list of locations", "`locations`", "in order of preference" },
        { "labels", KEY_KVS, AT(spec_pool, labels), "map of strings", "none", "Kubernetes labels of the pool's nodes" },
        { "taints", KEY_CUSTOM, 0, "list of `key=value:Effect`", "none", "Kubernetes taints of the pool's nodes", .read = spec_read_taints },
        { "autoscale", KEY_CUSTOM, 0, "map", "off", "bounds for `hcloud-v6 scale`; `up` keeps any count inside them", .read = spec_read_autoscale,
          .sub = spec_autoscale_keys },
        { NULL },
};

const struct spec_key spec_network_keys[] = {
        { "mode", KEY_CHOICE, AT(cluster_spec, network), "`private` or `none`", "`private`", "whether there is a private network", .choices = network_choices },
        { "range", KEY_STRING, AT(cluster_spec, network_range), "IPv4 network", "`10.0.0.0/16`", "its address range" },
        { NULL },
};

const struct spec_key spec_talos_keys[] = {
        { "version", KEY_STRING, AT(cluster_spec, talos), "version", "built in, or the one that goes with `contract`", "of Talos Linux" },
        { "contract", KEY_STRING, AT(cluster_spec, contract_text), "`1.11` to `1.14`", "that of the version, at most 1.13",
          "form of the machine configs, not newer than the version; with `1.14` every concern is a document of its own, and patches are written for those "
          "(`docs/talos-documents.md`)" },
        { "extensions", KEY_STRV, AT(cluster_spec, schematic.extensions), "list of names", "none",
          "of the image: `siderolabs/qemu-guest-agent`; the snapshot must have them, and `up` builds one that has" },
        { "kernelArgs", KEY_STRV, AT(cluster_spec, schematic.kernel_args), "list of arguments", "none", "of the image, beside Talos' own" },
        { NULL },
};

const struct spec_key spec_open_keys[] = {
        { "description", KEY_STRING, AT(spec_open, description), "string", "none", "shown in Hetzner's console" },
        { "protocol", KEY_STRING, AT(spec_open, protocol), "`tcp`, `udp`, `icmp`, `esp` or `gre`", NULL, "of the packets", .required = true },
        { "port", KEY_STRING, AT(spec_open, port), "`443` or `1024-5000`", "none", "with tcp and udp" },
        { "sources", KEY_STRV, AT(spec_open, sources), "list of prefixes", "`::/0`", "who may" },
        { NULL },
};

static const struct spec_key firewall_keys[] = {
        { "operators", KEY_STRV, AT(cluster_spec, operators), "list of `auto` and prefixes", "`auto`",
          "who may reach the Talos and Kubernetes API (50000, 6443); `auto` is the /64 of the machine that runs the command" },
        { "open", KEY_CUSTOM, 0, "list of maps", "nothing", "further rules for inbound traffic", .read = spec_read_open, .sub = spec_open_keys },
        { "large", KEY_CHOICE, AT(cluster_spec, firewall_large), "`supernets` or `refuse`", "`supernets`",
          "above 150 nodes: cover the nodes' /64s with fewer, larger prefixes, or stop", .choices = large_choices },
        { NULL },
};

const struct spec_key spec_mirror_keys[] = {
        { "endpoints", KEY_STRV, AT(spec_mirror, endpoints), "list of URLs", NULL, "asked in this order, then the registry itself", .required = true },
        { "overridePath", KEY_BOOL, AT(spec_mirror, override_path), "boolean", "false", "the URL ends in its own /v2/… path" },
        { "skipFallback", KEY_BOOL, AT(spec_mirror, skip_fallback), "boolean", "false", "never ask the registry itself" },
        { NULL },
};

const struct spec_key spec_auth_keys[] = {
        { "username", KEY_STRING, AT(spec_auth, username), "string", "none", "" },
        { "password", KEY_STRING, AT(spec_auth, password), "string", "none", "" },
        { "token", KEY_STRING, AT(spec_auth, token), "string", "none", "identity token" },
        { NULL },
};

const struct spec_key spec_registry_keys[] = {
        { "mirrors", KEY_CUSTOM, 0, "map of registry to list of URLs, or to a map", "none", "other places for a registry's images", .sub = spec_mirror_keys },
        { "proxy", KEY_CUSTOM, 0, "URL", "none",
          "a pull-through proxy that serves all registries by path; `{registry}` in the URL is replaced by each registry's name, else `/v2/<registry>` is appended" },
        { "auth", KEY_CUSTOM, 0, "map of registry to map", "none", "credentials", .sub = spec_auth_keys },
        { NULL },
};

const struct spec_key spec_patch_keys[] = {
        { "all", KEY_CUSTOM, 0, "list of maps or file names", "none", "for every node" },
        { "controlPlane", KEY_CUSTOM, 0, "list of maps or file names", "none", "for control planes, after `all`" },
        { "worker", KEY_CUSTOM, 0, "list of maps or file names", "none", "for all other nodes, after `all`" },
        { NULL },
};

const struct spec_key spec_addon_keys[] = {
        { "name", KEY_STRING, AT(spec_addon, name), "string", NULL, "name of the Helm release", .required = true },
        { "repository", KEY_STRING, AT(spec_addon, repository), "URL", "for `cilium`: Cilium's", "with an index.yaml" },
        { "chart", KEY_STRING, AT(spec_addon, chart), "string", "the name", "" },
        { "version", KEY_STRING, AT(spec_addon, version), "string", NULL, "exact version" },
        { "digest", KEY_STRING, AT(spec_addon, digest), "64 hex digits", "from the table or the index", "SHA-256 of the chart archive" },
        { "namespace", KEY_STRING, AT(spec_addon, namespace_), "string", "`kube-system`", "" },
        { "values", KEY_CUSTOM, 0, "map, or a file name", "none", "Helm values; for the two built-in add-ons laid over the built-in values. Keys that the chart does not know are warned of" },
        { NULL },
};

static const struct spec_key helm_keys[] = {
        { "mode", KEY_CHOICE, AT(cluster_spec, helm_mode), "`job` or `local`", "`job`",
          "charts are installed by a Job inside the cluster, or by the helm of this machine", .choices = helm_choices },
        { "image", KEY_STRING, AT(cluster_spec, helm_image), "image reference with digest", "built in", "what the Job runs; its registry must have IPv6" },
        { NULL },
};

const struct spec_key spec_keys[] = {
        { "cluster", KEY_STRING, AT(cluster_spec, name), "string", "`default`", "name of the cluster, at most 32 of `[a-z0-9-]`" },
        { "talos", KEY_CUSTOM, 0, "version, or map", "built in", "Talos Linux; `up` builds the snapshot of it when the project has none", .read = spec_read_talos,
          .sub = spec_talos_keys },
        { "kubernetes", KEY_STRING, AT(cluster_spec, kubernetes), "version", "the one that goes with `talos`", "Kubernetes" },
        { "locations", KEY_STRV, AT(cluster_spec, locations), "list of locations", "`hel1`, `nbg1`, `fsn1`",
          "in order of preference; the next is taken when no type can be had in one" },
        { "controlPlanes", KEY_CUSTOM, 0, "odd number, or map", "1", "the control planes", .read = spec_read_control_planes, .sub = spec_control_plane_keys },
        { "pools", KEY_CUSTOM, 0, "list of maps", "one pool `worker` of 2", "the worker nodes", .read = spec_read_pools, .sub = spec_pool_keys },
        { "scaler", KEY_MAP, 0, "map", NULL, "when `hcloud-v6 scale --auto` makes and takes away nodes of pools with `autoscale` (docs/scaler.md)",
          .sub = spec_scaler_keys },
        { "network", KEY_CUSTOM, 0, "`private`, `none`, or map", "`private`",
          "Hetzner's private network (IPv4); Kubernetes never uses it. Left out above 100 nodes and across network zones", .read = spec_read_network,
          .sub = spec_network_keys },
        { "firewall", KEY_MAP, 0, "map", NULL, "the cloud firewall of all nodes", .sub = firewall_keys },
        { "dns64", KEY_CUSTOM, AT(cluster_spec, dns64), "list of IPv6 addresses, or `none`", "nat64.net's three",
          "resolvers of nodes and pods that make IPv4-only hosts reachable; `none` takes Hetzner's, which do not", .read = spec_read_addresses },
        { "ntp", KEY_STRV, AT(cluster_spec, ntp), "list of hosts", "Hetzner's three", "time servers of the nodes" },
        { "discovery", KEY_CUSTOM, AT(cluster_spec, discovery), "`auto` or boolean", "`auto`",
          "Talos' discovery service; `auto` is off with one control plane", .read = spec_read_discovery },
        { "registries", KEY_CUSTOM, 0, "map", "none", "mirrors, a pull-through proxy, credentials", .read = spec_read_registries, .sub = spec_registry_keys },
        { "patches", KEY_CUSTOM, 0, "map", "none", "strategic merge patches of the machine configs, inline or from files beside the profile",
          .read = spec_read_patches, .sub = spec_patch_keys },
        { "addons", KEY_CUSTOM, 0, "list of maps", "Cilium and the Talos CCM",
          "Helm charts. Entries named `cilium` and `talos-cloud-controller-manager` change the two that every cluster gets", .read = spec_read_addons,
          .sub = spec_addon_keys },
        { "helm", KEY_MAP, 0, "map", NULL, "how charts are installed", .sub = helm_keys },
        { "delivery", KEY_CHOICE, AT(cluster_spec, delivery), "`auto`, `user-data` or `push`", "`auto`",
          "how nodes get their machine config; `auto` pushes to control planes and gives workers user data", .choices = delivery_choices },
        { "podCIDRs", KEY_CHOICE, AT(cluster_spec, pod_cidrs), "`auto`, `ccm` or `client`", "`auto`",
          "who gives each node its pod CIDR: the Talos CCM, or this program; `auto` takes the CCM only where that is sound", .choices = pod_cidr_choices },
        { "podSubnet", KEY_STRING, AT(cluster_spec, pod_subnet), "IPv6 network", "`fd40:10::/96`",
          "a dummy that no pod gets an address from; too small for a node on purpose, so that a mistake shows" },
        { "serviceSubnet", KEY_STRING, AT(cluster_spec, service_subnet), "IPv6 network", "`fd40:10:100::/112`", "addresses of Services" },
        { "ipv4", KEY_BOOL, AT(cluster_spec, ipv4), "boolean", "false", "give every server a public IPv4 address too" },
        { NULL },
};

int spec_error(const struct spec_reader *r, unsigned line, unsigned column, struct error *err, const char *fmt, ...) {
        va_list ap;
        va_start(ap, fmt);
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        return error_set(err, ERR_PROFILE, "%s:%u:%u: %s", r->source, line ? line : 1, column ? column : 1, strbuf_str(&text));
}

const char *spec_type_name(const struct yaml_node *n) {
        switch (n->type) {
        case YAML_NULL: return "nothing";
        case YAML_BOOL: return "a boolean";
        case YAML_INT: return "a number";
        case YAML_FLOAT: return "a number with fraction";
        case YAML_STR: return "a string";
        case YAML_MAP: return "a map";
        case YAML_SEQ: return "a list";
        }
        return "something";
}

int spec_read_string(const struct spec_reader *r, const struct yaml_node *n, char **ret, struct error *err) {
        if (n->type == YAML_MAP || n->type == YAML_SEQ || n->type == YAML_NULL || n->type == YAML_BOOL)
                return spec_fail(r, n, err, "a string is wanted here, not %s", spec_type_name(n));
        if (str_empty(n->text))
                return spec_fail(r, n, err, "must not be empty");
        free(*ret);
        *ret = xstrdup(n->text);
        return 0;
}

int spec_read_strv(const struct spec_reader *r, const struct yaml_node *n, struct strv *ret, struct error *err) {
        strv_done(ret);
        *ret = (struct strv) { 0 };
        if (n->type == YAML_STR) {
                strv_add(ret, n->text);
                return 0;
        }
        if (n->type != YAML_SEQ)
                return spec_fail(r, n, err, "a list of strings is wanted here, not %s", spec_type_name(n));
        for (size_t i = 0; i < n->n; i++) {
                _cleanup_str_ char *s = NULL;
                if (spec_read_string(r, n->items[i], &s, err) < 0)
                        return -1;
                if (strv_has(ret, s))
                        return spec_fail(r, n->items[i], err, "'%s' stands in this list twice", s);
                strv_take(ret, TAKE(s));
        }
        return 0;
}

int spec_read_kvs(const struct spec_reader *r, const struct yaml_node *n, struct kvs *ret, struct error *err) {
        kvs_done(ret);
        *ret = (struct kvs) { 0 };
        if (n->type != YAML_MAP)
                return spec_fail(r, n, err, "a map of strings is wanted here, not %s", spec_type_name(n));
        for (size_t i = 0; i < n->n; i++) {
                const struct yaml_node *v = n->pairs[i].value;
                if (v->type == YAML_MAP || v->type == YAML_SEQ)
                        return spec_fail(r, v, err, "a string is wanted here, not %s", spec_type_name(v));
                kvs_set(ret, n->pairs[i].key, v->text && v->type != YAML_NULL ? v->text : "");
        }
        return 0;
}

int spec_read_file(const struct spec_reader *r, const struct yaml_node *n, char **ret, size_t *ret_len, struct error *err) {
        if (!r->dir)
                return spec_fail(r, n, err, "a file is named here, but this profile was not read from a file");
        _cleanup_str_ char *path = n->text[0] == '/' ? xstrdup(n->text) : path_join(r->dir, n->text);
        _cleanup_error_ struct error e = ERROR_INIT;
        if (file_read(path, SPEC_FILE_MAX, ret, ret_len, &e) < 0)
                return spec_fail(r, n, err, "%s", error_text(&e));
        return 0;
}

static int read_choice(const struct spec_reader *r, const struct spec_key *k, const struct yaml_node *n, void *at, struct error *err) {
        const char *s = yaml_str(n);
        for (int i = 0; s && k->choices[i]; i++)
                if (str_eq(s, k->choices[i])) {
                        memcpy(at, &i, sizeof(i));      /* all enums here have the size of int */
                        return 0;
                }
        const char *near = s ? str_nearest(s, k->choices) : NULL;
        if (near)
                return spec_fail(r, n, err, "'%s' is none of %s; did you mean '%s'?", s, k->form, near);
        return spec_fail(r, n, err, "%s wanted for '%s'", k->form, k->name);
}

static int read_value(const struct spec_reader *r, const struct spec_key *k, const struct yaml_node *n, void *target, struct error *err) {
        char *at = (char *) target + k->offset;
        switch (k->type) {
        case KEY_STRING:
                return spec_read_string(r, n, (char **) (void *) at, err);
        case KEY_INT:
                if (n->type != YAML_INT)
                        return spec_fail(r, n, err, "'%s' wants a number, not %s", k->name, spec_type_name(n));
                if (n->integer < k->min || n->integer > k->max)
                        return spec_fail(r, n, err, "'%s' must be from %lld to %lld", k->name, (long long) k->min, (long long) k->max);
                memcpy(at, &n->integer, sizeof(n->integer));
                return 0;
        case KEY_BOOL:
                if (n->type != YAML_BOOL)
                        return spec_fail(r, n, err, "'%s' wants true or false, not %s", k->name, spec_type_name(n));
                *(bool *) at = n->boolean;
                return 0;
        case KEY_CHOICE:
                return read_choice(r, k, n, at, err);
        case KEY_STRV:
                return spec_read_strv(r, n, (struct strv *) (void *) at, err);
        case KEY_KVS:
                return spec_read_kvs(r, n, (struct kvs *) (void *) at, err);
        case KEY_MAP:
                return spec_read_map(r, k->sub, n, at, err);
        case KEY_CUSTOM:
                return k->read ? k->read(r, n, at, err) : 0;     /* without a reader: the caller of spec_read_map() looks at it itself */
        }
        return error_set(err, ERR_BUG, "profile key '%s' has no reader", k->name);
}

static int unknown_key(const struct spec_reader *r, const struct spec_key *keys, const struct yaml_pair *p, struct error *err) {
        const char *names[64] = { NULL };
        _cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
        for (size_t i = 0; keys[i].name && i < ARRAY_SIZE(names) - 1; i++) {
                names[i] = keys[i].name;
                strbuf_addf(&list, "%s%s", i ? ", " : "", keys[i].name);
        }
        const char *near = str_nearest(p->key, names);
        if (near)
                return spec_error(r, p->line, p->column, err, "unknown key '%s'; did you mean '%s'?", p->key, near);
        return spec_error(r, p->line, p->column, err, "unknown key '%s'; known here: %s", p->key, strbuf_str(&list));
}

int spec_read_map(const struct spec_reader *r, const struct spec_key *keys, const struct yaml_node *map, void *target, struct error *err) {
        if (map->type != YAML_MAP)
                return spec_fail(r, map, err, "a map is wanted here, not %s", spec_type_name(map));
        for (size_t i = 0; i < map->n; i++) {
                const struct yaml_pair *p = &map->pairs[i];
                const struct spec_key *k = keys;
                while (k->name && !str_eq(k->name, p->key))
                        k++;
                if (!k->name)
                        return unknown_key(r, keys, p, err);
                if (read_value(r, k, p->value, target, err) < 0)
                        return -1;
        }
        for (const struct spec_key *k = keys; k->name; k++)
                if (k->required && !yaml_get(map, k->name))
                        return spec_fail(r, map, err, "'%s' is missing", k->name);
        return 0;
}

static void reference_rows(struct strbuf *b, const struct spec_key *keys, const char *prefix) {
        for (const struct spec_key *k = keys; k->name; k++) {
                strbuf_addf(b, "| `%s%s` | %s | %s | %s%s |\n", prefix, k->name, k->form, k->standard ? k->standard : k->required ? "required" : "",
                            k->help, k->required ? "" : "");
                if (!k->sub)
                        continue;
                bool list = strstr(k->form, "list") != NULL && !strstr(k->form, "map of");
                bool named = strstr(k->form, "map of") != NULL;
                _cleanup_str_ char *deeper = xasprintf("%s%s%s.", prefix, k->name, list ? "[]" : named ? ".<registry>" : "");
                reference_rows(b, k->sub, deeper);
        }
}

char *cluster_spec_reference(void) {
        struct strbuf b = STRBUF_INIT;
        strbuf_adds(&b, "# The profile\n\n"
                        "One YAML file says what a cluster should be: `hcloud-v6 up --profile FILE`. Every key may be left out. Unknown keys, wrong types,\n"
                        "duplicate keys and tabs are refused with file, line and column. Flags override the profile. `hcloud-v6 profile` shows the built-in\n"
                        "ones; `profiles/` holds them as files. This page is made from the table that the program reads profiles by.\n\n"
                        "| key | form | default | meaning |\n|---|---|---|---|\n");
        reference_rows(&b, spec_keys, "");
        return strbuf_take(&b);
}
