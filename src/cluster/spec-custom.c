/* Profile keys whose form no table can say: a number or a map, lists of maps, files or inline text. */
#include <ctype.h>
#include <stdio.h>

#include "cluster/spec-keys.h"
#include "cluster/versions.h"
#include "talos/patch.h"

static int want_seq(const struct spec_reader *r, const struct yaml_node *n, const char *what, struct error *err) {
        if (n->type != YAML_SEQ)
                return spec_fail(r, n, err, "a list of %s is wanted here, not %s", what, spec_type_name(n));
        return 0;
}

int spec_read_control_planes(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct cluster_spec *s = target;
        const struct yaml_node *count = n;
        if (n->type == YAML_MAP) {
                if (spec_read_map(r, spec_control_plane_keys, n, s, err) < 0)
                        return -1;
                count = yaml_get(n, "count");
        } else if (n->type == YAML_INT) {
                if (n->integer < 1 || n->integer > SPEC_CONTROL_PLANES_MAX)
                        return spec_fail(r, n, err, "'controlPlanes' must be an odd number from 1 to %d", SPEC_CONTROL_PLANES_MAX);
                s->control_planes.count = n->integer;
        } else {
                return spec_fail(r, n, err, "'controlPlanes' wants an odd number or a map, not %s", spec_type_name(n));
        }
        if (count && s->control_planes.count % 2 == 0)
                return spec_fail(r, count, err, "%lld control planes: the number must be odd, else losing one loses the majority of etcd (1, 3 or 5)",
                                 (long long) s->control_planes.count);
        return 0;
}

static int parse_taint(const struct spec_reader *r, const struct yaml_node *n, struct spec_taint *ret, struct error *err) {
        const char *s = yaml_str(n);
        if (n->type != YAML_STR || !s)
                return spec_fail(r, n, err, "a taint is written as key=value:Effect or key:Effect");
        const char *colon = strrchr(s, ':'), *equals = strchr(s, '=');
        const char *effect = colon ? colon + 1 : "";
        if (!str_eq(effect, "NoSchedule") && !str_eq(effect, "PreferNoSchedule") && !str_eq(effect, "NoExecute"))
                return spec_fail(r, n, err, "the taint's effect must be NoSchedule, PreferNoSchedule or NoExecute");
        const char *key_end = equals && equals < colon ? equals : colon;
        if (key_end == s)
                return spec_fail(r, n, err, "the taint has no key");
        ret->key = xstrndup(s, (size_t) (key_end - s));
        ret->value = key_end == equals ? xstrndup(equals + 1, (size_t) (colon - equals - 1)) : xstrdup("");
        ret->effect = xstrdup(effect);
        return 0;
}

int spec_read_taints(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct spec_pool *p = target;
        if (want_seq(r, n, "taints", err) < 0)
                return -1;
        for (size_t i = 0; i < n->n; i++) {
                struct spec_taint t = { 0 };
                if (parse_taint(r, n->items[i], &t, err) < 0)
                        return -1;
                ARRAY_APPEND(p->taints, p->n_taints, t);
        }
        return 0;
}

int spec_read_autoscale(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct spec_pool *p = target;
        if (spec_read_map(r, spec_autoscale_keys, n, p, err) < 0)
                return -1;
        if (p->min > p->max)
                return spec_fail(r, n, err, "'min' is larger than 'max'");
        p->autoscale = true;
        return 0;
}

/* A pool's name becomes part of host names: lower-case letters, digits and dashes. */
static bool pool_name_ok(const char *s) {
        size_t len = strlen(s);
        if (len > 20 || !isalnum((unsigned char) s[0]) || !isalnum((unsigned char) s[len - 1]))
                return false;
        for (size_t i = 0; i < len; i++)
                if (!(islower((unsigned char) s[i]) || isdigit((unsigned char) s[i]) || s[i] == '-'))
                        return false;
        return true;
}

static int read_pool(const struct spec_reader *r, const struct yaml_node *n, struct spec_pool *p, struct error *err) {
        p->count = -1;
        if (spec_read_map(r, spec_pool_keys, n, p, err) < 0)
                return -1;
        const struct yaml_node *name = yaml_get(n, "name");
        if (str_eq(p->name, "control-plane"))
                return spec_fail(r, name, err, "a pool may not be called 'control-plane': the control planes have that name");
        if (!pool_name_ok(p->name))
                return spec_fail(r, name, err, "a pool's name is at most 20 of [a-z0-9-], beginning and ending with a letter or digit");
        if (p->count < 0)
                p->count = p->autoscale ? p->min : 1;
        if (p->autoscale && (p->count < p->min || p->count > p->max))
                return spec_fail(r, yaml_get(n, "count"), err, "'count' lies outside autoscale's %lld to %lld", (long long) p->min, (long long) p->max);
        return 0;
}

int spec_read_pools(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct cluster_spec *s = target;
        if (want_seq(r, n, "pools", err) < 0)
                return -1;
        for (size_t i = 0; i < s->n_pools; i++)
                spec_pool_done(&s->pools[i]);
        free(s->pools);
        s->pools = NULL;
        s->n_pools = 0;
        for (size_t i = 0; i < n->n; i++) {
                ARRAY_APPEND(s->pools, s->n_pools, ((struct spec_pool) { 0 }));
                struct spec_pool *p = &s->pools[s->n_pools - 1];
                if (read_pool(r, n->items[i], p, err) < 0)
                        return -1;
                for (size_t j = 0; j + 1 < s->n_pools; j++)
                        if (str_eq(s->pools[j].name, p->name))
                                return spec_fail(r, n->items[i], err, "there is a pool '%s' already", p->name);
        }
        return 0;
}

int spec_read_talos(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct cluster_spec *s = target;

        return n->type == YAML_MAP ? spec_read_map(r, spec_talos_keys, n, s, err) : spec_read_string(r, n, &s->talos, err);
}

int spec_read_network(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct cluster_spec *s = target;
        if (n->type == YAML_MAP)
                return spec_read_map(r, spec_network_keys, n, s, err);
        const char *text = yaml_str(n);
        if (str_eq(text, "private"))
                s->network = NETWORK_PRIVATE;
        else if (str_eq(text, "none"))
                s->network = NETWORK_NONE;
        else
                return spec_fail(r, n, err, "'network' wants 'private', 'none' or a map");
        return 0;
}

int spec_read_open(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        static const char *const protocols[] = { "tcp", "udp", "icmp", "esp", "gre", NULL };
        struct cluster_spec *s = target;
        if (want_seq(r, n, "rules", err) < 0)
                return -1;
        for (size_t i = 0; i < n->n; i++) {
                const struct yaml_node *item = n->items[i];
                ARRAY_APPEND(s->open, s->n_open, ((struct spec_open) { 0 }));
                struct spec_open *o = &s->open[s->n_open - 1];
                if (spec_read_map(r, spec_open_keys, item, o, err) < 0)
                        return -1;
                bool known = false;
                for (size_t j = 0; protocols[j]; j++)
                        known |= str_eq(protocols[j], o->protocol);
                if (!known)
                        return spec_fail(r, yaml_get(item, "protocol"), err, "'protocol' must be tcp, udp, icmp, esp or gre");
                bool ports = str_eq(o->protocol, "tcp") || str_eq(o->protocol, "udp");
                if (ports != (o->port != NULL))
                        return spec_fail(r, item, err, ports ? "'port' is missing" : "'port' goes with tcp and udp only");
                if (!o->sources.n)
                        strv_add(&o->sources, "::/0");
                for (size_t j = 0; j < o->sources.n; j++) {
                        struct ip6_prefix p;
                        if (!strchr(o->sources.items[j], '.') && !ip6_prefix_parse(o->sources.items[j], &p, NULL))
                                return spec_fail(r, yaml_get(item, "sources"), err, "'%s' is no prefix (host bits must be zero)", o->sources.items[j]);
                }
        }
        return 0;
}

int spec_read_addresses(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct strv *v = target;
        if (n->type == YAML_STR && str_eq(n->text, "none")) {
                strv_done(v);
                *v = (struct strv) { 0 };
                return 0;
        }
        if (spec_read_strv(r, n, v, err) < 0)
                return -1;
        for (size_t i = 0; i < v->n; i++) {
                struct ip6_addr a;
                if (!ip6_parse(v->items[i], &a))
                        return spec_fail(r, n->type == YAML_SEQ ? n->items[i] : n, err, "'%s' is no IPv6 address", v->items[i]);
        }
        return 0;
}

int spec_read_discovery(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        enum spec_discovery *d = target;
        if (n->type == YAML_BOOL)
                *d = n->boolean ? DISCOVERY_ON : DISCOVERY_OFF;
        else if (str_eq(yaml_str(n), "auto"))
                *d = DISCOVERY_AUTO;
        else if (str_eq(yaml_str(n), "on") || str_eq(yaml_str(n), "off"))
                *d = str_eq(n->text, "on") ? DISCOVERY_ON : DISCOVERY_OFF;
        else
                return spec_fail(r, n, err, "'discovery' wants true, false or 'auto'");
        return 0;
}

/* ---- registries ---- */

static int check_url(const struct spec_reader *r, const struct yaml_node *n, const char *url, struct error *err) {
        if (!str_starts(url, "https://") && !str_starts(url, "http://"))
                return spec_fail(r, n, err, "'%s' is no URL", url);
        return 0;
}

static int read_mirror(const struct spec_reader *r, const struct yaml_pair *p, struct error *err) {
        struct cluster_spec *s = r->spec;
        ARRAY_APPEND(s->mirrors, s->n_mirrors, ((struct spec_mirror) { .registry = xstrdup(p->key) }));
        struct spec_mirror *m = &s->mirrors[s->n_mirrors - 1];
        int rc = p->value->type == YAML_MAP ? spec_read_map(r, spec_mirror_keys, p->value, m, err) : spec_read_strv(r, p->value, &m->endpoints, err);
        if (rc < 0)
                return -1;
        for (size_t i = 0; i < m->endpoints.n; i++)
                if (check_url(r, p->value, m->endpoints.items[i], err) < 0)
                        return -1;
        return 0;
}

/* A proxy such as Harbor serves each registry below a path of its own (…/v2/<project>/…). */
static int read_proxy(const struct spec_reader *r, const struct yaml_node *n, struct error *err) {
        static const char *const registries[] = { "ghcr.io", "registry.k8s.io", "quay.io", "docker.io", "gcr.io", "factory.talos.dev", NULL };
        _cleanup_str_ char *url = NULL;
        if (spec_read_string(r, n, &url, err) < 0 || check_url(r, n, url, err) < 0)
                return -1;
        char *hole = strstr(url, "{registry}");
        while (str_ends(url, "/"))
                url[strlen(url) - 1] = '\0';
        for (size_t i = 0; registries[i]; i++) {
                struct spec_mirror m = { .registry = xstrdup(registries[i]), .override_path = true };
                strv_take(&m.endpoints, hole ? xasprintf("%.*s%s%s", (int) (hole - url), url, registries[i], hole + strlen("{registry}"))
                                             : xasprintf("%s/v2/%s", url, registries[i]));
                ARRAY_APPEND(r->spec->mirrors, r->spec->n_mirrors, m);
        }
        return 0;
}

static int read_auth(const struct spec_reader *r, const struct yaml_pair *p, struct error *err) {
        struct cluster_spec *s = r->spec;
        ARRAY_APPEND(s->auths, s->n_auths, ((struct spec_auth) { .registry = xstrdup(p->key) }));
        struct spec_auth *a = &s->auths[s->n_auths - 1];
        if (spec_read_map(r, spec_auth_keys, p->value, a, err) < 0)
                return -1;
        if (!a->username != !a->password)
                return spec_fail(r, p->value, err, "'username' and 'password' go together");
        return 0;
}

int spec_read_registries(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        if (spec_read_map(r, spec_registry_keys, n, target, err) < 0)
                return -1;
        const struct yaml_node *mirrors = yaml_get(n, "mirrors"), *auth = yaml_get(n, "auth"), *proxy = yaml_get(n, "proxy");
        if (mirrors && mirrors->type != YAML_MAP)
                return spec_fail(r, mirrors, err, "'mirrors' wants a map of registries, not %s", spec_type_name(mirrors));
        for (size_t i = 0; mirrors && i < mirrors->n; i++)
                if (read_mirror(r, &mirrors->pairs[i], err) < 0)
                        return -1;
        if (proxy && read_proxy(r, proxy, err) < 0)
                return -1;
        if (auth && auth->type != YAML_MAP)
                return spec_fail(r, auth, err, "'auth' wants a map of registries, not %s", spec_type_name(auth));
        for (size_t i = 0; auth && i < auth->n; i++)
                if (read_auth(r, &auth->pairs[i], err) < 0)
                        return -1;
        return 0;
}

/* ---- patches ---- */

static int read_patch(const struct spec_reader *r, const struct yaml_node *n, struct spec_patch **list, size_t *count, struct error *err) {
        struct spec_patch p = { 0 };
        if (n->type == YAML_STR && !n->block) {
                size_t len = 0;
                if (spec_read_file(r, n, &p.text, &len, err) < 0)
                        return -1;
                p.name = xstrdup(n->text);
                if (strlen(p.text) != len) {
                        free(p.text);
                        free(p.name);
                        return spec_fail(r, n, err, "'%s' is not a text file", n->text);
                }
        } else if (n->type == YAML_MAP || n->type == YAML_STR) {
                p.name = xstrdup(r->source);
                p.tree = yaml_copy(n);
        } else {
                return spec_fail(r, n, err, "a patch is a map, or the name of a file, not %s", spec_type_name(n));
        }
        ARRAY_APPEND(*list, *count, p);
        return p.tree ? talos_patch_check_tree(p.name, p.tree, err) : talos_patch_check(p.name, p.text, strlen(p.text), err);
}

static int read_patch_list(const struct spec_reader *r, const struct yaml_node *n, struct spec_patch **list, size_t *count, struct error *err) {
        if (!n || n->type == YAML_NULL)
                return 0;
        if (n->type != YAML_SEQ)
                return read_patch(r, n, list, count, err);
        for (size_t i = 0; i < n->n; i++)
                if (read_patch(r, n->items[i], list, count, err) < 0)
                        return -1;
        return 0;
}

int spec_read_patches(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct cluster_spec *s = target;
        if (spec_read_map(r, spec_patch_keys, n, s, err) < 0)
                return -1;
        if (read_patch_list(r, yaml_get(n, "all"), &s->patches_all, &s->n_patches_all, err) < 0 ||
            read_patch_list(r, yaml_get(n, "controlPlane"), &s->patches_control_plane, &s->n_patches_control_plane, err) < 0 ||
            read_patch_list(r, yaml_get(n, "worker"), &s->patches_worker, &s->n_patches_worker, err) < 0)
                return -1;
        return 0;
}

/* ---- add-ons ---- */

static int read_values(const struct spec_reader *r, const struct yaml_node *n, struct spec_addon *a, struct error *err) {
        struct yaml_node **ret = &a->values;
        bool elsewhere = n->type == YAML_STR && !n->block;
        a->values_source = xstrdup(elsewhere ? n->text : r->source);
        a->values_line = n->type == YAML_STR && n->block ? n->line : 0;
        if (n->type == YAML_MAP) {
                *ret = yaml_copy(n);
                return 0;
        }
        if (n->type != YAML_STR)
                return spec_fail(r, n, err, "'values' wants a map or the name of a file, not %s", spec_type_name(n));
        _cleanup_str_ char *text = NULL;
        size_t len = 0;
        if (n->block)
                text = xstrdup(n->text), len = strlen(n->text);
        else if (spec_read_file(r, n, &text, &len, err) < 0)
                return -1;
        if (yaml_parse_one(n->block ? r->source : n->text, text, len, ret, err) < 0) {
                if (err)
                        err->kind = ERR_PROFILE;
                return -1;
        }
        if ((*ret)->type != YAML_MAP)
                return spec_fail(r, n, err, "values must be a map");
        return 0;
}

/* The CCM is not installed from its chart: only the values that its documentation names are understood. */
static int take_ccm_values(const struct spec_reader *r, const struct yaml_node *values, struct error *err) {
        static const char *const known[] = { "enabledControllers", "extraArgs", "daemonSet", "tolerations", NULL };
        struct cluster_spec *s = r->spec;
        for (size_t i = 0; values && i < values->n; i++) {
                const struct yaml_pair *p = &values->pairs[i];
                bool found = false;
                for (size_t j = 0; known[j]; j++)
                        found |= str_eq(known[j], p->key);
                if (!found)
                        return spec_error(r, p->line, p->column, err,
                                          "the Talos CCM's value '%s' is not supported; known are enabledControllers and extraArgs", p->key);
        }
        const struct yaml_node *controllers = yaml_get(values, "enabledControllers"), *args = yaml_get(values, "extraArgs");
        if (controllers && spec_read_strv(r, controllers, &s->ccm_controllers, err) < 0)
                return -1;
        if (args && spec_read_strv(r, args, &s->ccm_extra_args, err) < 0)
                return -1;
        return 0;
}

static bool is_digest(const char *s) {
        return strlen(s) == 64 && strspn(s, "0123456789abcdef") == 64;
}

static int finish_addon(const struct spec_reader *r, const struct yaml_node *n, struct spec_addon *a, struct error *err) {
        const struct yaml_node *values = yaml_get(n, "values");
        if (values && read_values(r, values, a, err) < 0)
                return -1;
        if (a->digest && str_starts(a->digest, "sha256:"))
                memmove(a->digest, a->digest + 7, strlen(a->digest + 7) + 1);
        if (a->digest && !is_digest(a->digest))
                return spec_fail(r, yaml_get(n, "digest"), err, "a digest is 64 hex digits");
        if (str_eq(a->name, CCM_NAME) || str_eq(a->name, "talos-ccm"))
                return take_ccm_values(r, a->values, err);
        if (!a->chart)
                a->chart = xstrdup(a->name);
        if (!a->namespace_)
                a->namespace_ = xstrdup("kube-system");
        if (str_eq(a->name, "cilium"))
                return 0;
        if (!a->repository || !a->version)
                return spec_fail(r, n, err, "add-on '%s' needs 'repository' and 'version'", a->name);
        return check_url(r, yaml_get(n, "repository"), a->repository, err);
}

int spec_read_addons(const struct spec_reader *r, const struct yaml_node *n, void *target, struct error *err) {
        struct cluster_spec *s = target;
        if (want_seq(r, n, "add-ons", err) < 0)
                return -1;
        for (size_t i = 0; i < n->n; i++) {
                struct spec_addon a = { 0 };
                if (spec_read_map(r, spec_addon_keys, n->items[i], &a, err) < 0 || finish_addon(r, n->items[i], &a, err) < 0) {
                        spec_addon_done(&a);
                        return -1;
                }
                if (str_eq(a.name, "cilium")) {
                        spec_addon_done(&s->cilium);
                        s->cilium = a;
                } else if (str_eq(a.name, CCM_NAME) || str_eq(a.name, "talos-ccm")) {
                        if (a.version) {
                                free(s->ccm_version);
                                s->ccm_version = TAKE(a.version);
                        }
                        spec_addon_done(&a);
                } else {
                        ARRAY_APPEND(s->addons, s->n_addons, a);
                }
        }
        return 0;
}
