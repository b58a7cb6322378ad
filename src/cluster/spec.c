/* Reading a profile, laying the flags over it, and every check that needs no cloud. */
#include "cluster/spec.h"

#include <ctype.h>
#include <stdio.h>

#include "base/file.h"
#include "cluster/spec-keys.h"
#include "cluster/versions.h"

static const char *const default_types[] = { "cax11", "cx23", "cpx22" };
static const char *const default_locations[] = { "hel1", "nbg1", "fsn1" };
/* nat64.net's free resolvers, those of the blog post. */
static const char *const default_dns64[] = { "2a01:4f9:c010:3f02::1", "2a00:1098:2c::1", "2a01:4f8:c2c:123f::1" };
static const char *const default_ntp[] = { "ntp1.hetzner.de", "ntp2.hetzner.com", "ntp3.hetzner.net" };
/* Multi-arch, on a registry with IPv6. The digest is the one that several public repositories pin for this tag; nobody has pulled it for this project. */
#define DEFAULT_HELM_IMAGE "docker.io/alpine/helm:4.2.3@sha256:b97ba4f9b27fe7af16ee3d37e6815783c9d4a51289b6240a9024ec471611ae9b"

/* The files of profiles/, made part of the program by base/embed.py. */
extern const char *const profiles_names[], *const profiles_texts[];

const char *const *profile_names(void) {
        return profiles_names;
}

const char *profile_text(const char *name) {
        for (size_t i = 0; profiles_names[i]; i++)
                if (str_eq(profiles_names[i], name))
                        return profiles_texts[i];
        return NULL;
}

void spec_pool_done(struct spec_pool *p) {
        free(p->name);
        strv_done(&p->types);
        strv_done(&p->locations);
        kvs_done(&p->labels);
        for (size_t i = 0; i < p->n_taints; i++) {
                free(p->taints[i].key);
                free(p->taints[i].value);
                free(p->taints[i].effect);
        }
        free(p->taints);
        *p = (struct spec_pool) { 0 };
}

void spec_addon_done(struct spec_addon *a) {
        free(a->name);
        free(a->repository);
        free(a->chart);
        free(a->version);
        free(a->digest);
        free(a->namespace_);
        free(a->values_source);
        yaml_free(a->values);
        *a = (struct spec_addon) { 0 };
}

static void patches_free(struct spec_patch *p, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(p[i].name);
                free(p[i].text);
                yaml_free(p[i].tree);
        }
        free(p);
}

static void registries_free(struct cluster_spec *s) {
        for (size_t i = 0; i < s->n_mirrors; i++) {
                free(s->mirrors[i].registry);
                strv_done(&s->mirrors[i].endpoints);
        }
        free(s->mirrors);
        for (size_t i = 0; i < s->n_auths; i++) {
                free(s->auths[i].registry);
                free(s->auths[i].username);
                free(s->auths[i].password);
                free(s->auths[i].token);
        }
        free(s->auths);
}

void cluster_spec_free(struct cluster_spec *s) {
        if (!s)
                return;
        for (size_t i = 0; i < s->n_pools; i++)
                spec_pool_done(&s->pools[i]);
        free(s->pools);
        spec_pool_done(&s->control_planes);
        for (size_t i = 0; i < s->n_open; i++) {
                free(s->open[i].description);
                free(s->open[i].protocol);
                free(s->open[i].port);
                strv_done(&s->open[i].sources);
        }
        free(s->open);
        registries_free(s);
        patches_free(s->patches_all, s->n_patches_all);
        patches_free(s->patches_control_plane, s->n_patches_control_plane);
        patches_free(s->patches_worker, s->n_patches_worker);
        for (size_t i = 0; i < s->n_addons; i++)
                spec_addon_done(&s->addons[i]);
        free(s->addons);
        spec_addon_done(&s->cilium);
        spec_scaler_done(&s->scaler);
        schematic_done(&s->schematic);
        struct strv *lists[] = { &s->locations, &s->operators, &s->dns64, &s->ntp, &s->ccm_controllers, &s->ccm_extra_args, &s->warnings };
        for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
                strv_done(lists[i]);
        char *texts[] = { s->source, s->name, s->talos, s->contract_text, s->kubernetes, s->network_range, s->ccm_version, s->helm_image, s->pod_subnet, s->service_subnet };
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(texts[i]);
        free(s);
}

static void add_all(struct strv *v, const char *const *items, size_t n) {
        for (size_t i = 0; i < n; i++)
                strv_add(v, items[i]);
}

struct cluster_spec *spec_defaults(void) {
        struct cluster_spec *s = xnew0(struct cluster_spec);
        s->name = xstrdup("default");
        add_all(&s->locations, default_locations, ARRAY_SIZE(default_locations));
        s->control_planes = (struct spec_pool) { .name = xstrdup("control-plane"), .count = 1 };
        ARRAY_APPEND(s->pools, s->n_pools, ((struct spec_pool) { .name = xstrdup("worker"), .count = 2 }));
        s->network_range = xstrdup("10.0.0.0/16");
        strv_add(&s->operators, "auto");
        add_all(&s->dns64, default_dns64, ARRAY_SIZE(default_dns64));
        add_all(&s->ntp, default_ntp, ARRAY_SIZE(default_ntp));
        s->helm_image = xstrdup(DEFAULT_HELM_IMAGE);
        s->pod_subnet = xstrdup("fd40:10::/96");
        s->service_subnet = xstrdup("fd40:10:100::/112");
        spec_scaler_defaults(&s->scaler);
        return s;
}

int cluster_name_check(const char *name, struct error *err) {
        size_t n = strlen(name);
        bool ok = n >= 1 && n <= SPEC_NAME_MAX && name[0] != '-' && name[n - 1] != '-';
        for (size_t i = 0; ok && i < n; i++)
                ok = islower((unsigned char) name[i]) || isdigit((unsigned char) name[i]) || name[i] == '-';
        if (!ok)
                return error_set(err, ERR_USAGE, "'%.64s' cannot be a cluster's name: at most %d of [a-z0-9-], beginning and ending with a letter or digit",
                                 name, SPEC_NAME_MAX);
        return 0;
}

int64_t cluster_spec_nodes(const struct cluster_spec *s) {
        int64_t n = s->control_planes.count;
        for (size_t i = 0; i < s->n_pools; i++)
                n += s->pools[i].count;
        return n;
}

/* --nodes N: the profile's control planes plus N minus that many workers in its first pool (docs/design.md, section 5). */
static int apply_nodes(struct cluster_spec *s, const char *text, struct error *err) {
        int64_t n;
        if (!parse_int64(text, 1, SPEC_NODES_MAX, &n))
                return error_set(err, ERR_USAGE, "--nodes %s: the number of nodes must be a whole number from 1 to %d", text, SPEC_NODES_MAX);
        if (s->n_pools > 1)
                return error_set(err, ERR_USAGE, "--nodes does not say which of the %zu pools of %s to change: set their 'count' there", s->n_pools, s->source);
        int64_t cps = s->control_planes.count;
        if (n < cps)
                return error_set(err, ERR_USAGE, "--nodes %lld: fewer than the %lld control planes", (long long) n, (long long) cps);
        if (!s->n_pools && n > cps)
                ARRAY_APPEND(s->pools, s->n_pools, ((struct spec_pool) { .name = xstrdup("worker") }));
        if (n == cps)
                s->control_planes_schedulable = true;
        if (!s->n_pools)
                return 0;
        struct spec_pool *p = &s->pools[0];
        if (p->autoscale && (n - cps < p->min || n - cps > p->max))
                return error_set(err, ERR_USAGE, "--nodes %lld: pool '%s' may have %lld to %lld nodes", (long long) n, p->name, (long long) p->min,
                                 (long long) p->max);
        p->count = n - cps;
        p->count_given = true;
        return 0;
}

static int apply_control_planes(struct cluster_spec *s, const char *text, struct error *err) {
        int64_t n;
        if (!parse_int64(text, 1, SPEC_CONTROL_PLANES_MAX, &n) || n % 2 == 0)
                return error_set(err, ERR_USAGE, "--control-planes %s: an odd number from 1 to %d is needed (etcd needs a majority)", text,
                                 SPEC_CONTROL_PLANES_MAX);
        s->control_planes.count = n;
        return 0;
}

static void replace(char **s, const char *with) {
        if (str_empty(with))
                return;
        free(*s);
        *s = xstrdup(with);
}

static void replace_list(struct strv *v, const struct strv *with) {
        if (!with || !with->n)
                return;
        strv_done(v);
        strv_copy(v, with);
}

static int apply_words(struct cluster_spec *s, const struct cluster_overrides *o, struct error *err) {
        if (o->delivery) {
                if (!str_eq(o->delivery, "user-data") && !str_eq(o->delivery, "push") && !str_eq(o->delivery, "auto"))
                        return error_set(err, ERR_USAGE, "--delivery %s: it is auto, user-data or push", o->delivery);
                s->delivery = str_eq(o->delivery, "push") ? DELIVERY_PUSH : str_eq(o->delivery, "auto") ? DELIVERY_AUTO : DELIVERY_USER_DATA;
        }
        if (o->network) {
                if (!str_eq(o->network, "private") && !str_eq(o->network, "none"))
                        return error_set(err, ERR_USAGE, "--network %s: it is private or none", o->network);
                s->network = str_eq(o->network, "none") ? NETWORK_NONE : NETWORK_PRIVATE;
        }
        if (o->helm) {
                if (!str_eq(o->helm, "job") && !str_eq(o->helm, "local"))
                        return error_set(err, ERR_USAGE, "--helm %s: it is job or local", o->helm);
                s->helm_mode = str_eq(o->helm, "local") ? HELM_LOCAL : HELM_JOB;
        }
        return 0;
}

static int apply_overrides(struct cluster_spec *s, const struct cluster_overrides *o, struct error *err) {
        if (o->name) {
                if (cluster_name_check(o->name, err) < 0)
                        return -1;
                replace(&s->name, o->name);
        }
        if (o->control_planes && apply_control_planes(s, o->control_planes, err) < 0)
                return -1;
        if (o->nodes && apply_nodes(s, o->nodes, err) < 0)
                return -1;
        if (o->talos && !o->kubernetes) {      /* the one that belongs to the other Talos */
                free(s->kubernetes);
                s->kubernetes = NULL;
        }
        replace(&s->talos, o->talos);
        replace(&s->kubernetes, o->kubernetes);
        replace_list(&s->locations, o->locations);
        if (o->locations && o->locations->n) {       /* the flag is the last word, also for pools with a list of their own */
                replace_list(&s->control_planes.locations, o->locations);
                for (size_t i = 0; i < s->n_pools; i++)
                        replace_list(&s->pools[i].locations, o->locations);
        }
        replace_list(&s->control_planes.types, o->types);
        for (size_t i = 0; i < s->n_pools; i++)
                replace_list(&s->pools[i].types, o->types);
        for (size_t i = 0; o->operators && i < o->operators->n; i++) {
                struct ip6_prefix p;
                struct ip6_addr a;
                if (!ip6_prefix_parse(o->operators->items[i], &p, &a))
                        return error_set(err, ERR_USAGE, "--operator %s: an IPv6 address or prefix is needed", o->operators->items[i]);
                _cleanup_str_ char *text = ip6_prefix_str(&p);
                if (!strv_has(&s->operators, text))
                        strv_add(&s->operators, text);
        }
        s->ipv4 |= o->ipv4;
        return apply_words(s, o, err);
}

/* Lists that were left out get the cluster's; versions the ones that belong together. */
static void complete(struct cluster_spec *s) {
        const struct version_set *v = s->talos ? version_for_talos(s->talos) : version_default();
        struct talos_contract contract;
        /* A contract alone asks for the Talos release that has it. */
        if (!s->talos && s->contract_text && version_contract(v->talos, s->contract_text, &contract, NULL) < 0) {
                _cleanup_str_ char *first = xasprintf("%s.0", s->contract_text);
                v = version_for_talos(first);
        }
        if (!v)
                v = version_default();
        if (!s->talos)
                s->talos = xstrdup(v->talos);
        else if (s->talos[0] != 'v') {
                char *t = xasprintf("v%s", s->talos);
                free(s->talos);
                s->talos = t;
        }
        if (!s->kubernetes)
                s->kubernetes = xstrdup(v->kubernetes);
        else if (s->kubernetes[0] != 'v') {
                char *t = xasprintf("v%s", s->kubernetes);
                free(s->kubernetes);
                s->kubernetes = t;
        }
        if (!s->ccm_version)
                s->ccm_version = xstrdup(v->ccm);
        struct spec_addon *c = &s->cilium;
        if (!c->name)
                c->name = xstrdup("cilium");
        if (!c->chart)
                c->chart = xstrdup("cilium");
        if (!c->namespace_)
                c->namespace_ = xstrdup("kube-system");
        if (!c->version)
                c->version = xstrdup(v->cilium.version);
        if (!c->repository) {
                c->repository = xstrdup(CILIUM_REPOSITORY);
                c->pinned = !c->digest;
                if (!c->digest)
                        c->digest = xstrdup(version_cilium_digest(c->version));
        }
        for (size_t i = 0; i <= s->n_pools; i++) {
                struct spec_pool *p = i == 0 ? &s->control_planes : &s->pools[i - 1];
                if (!p->types.n)
                        add_all(&p->types, default_types, ARRAY_SIZE(default_types));
                if (!p->locations.n)
                        strv_copy(&p->locations, &s->locations);
        }
}

/* Names of servers: at most 63 characters (RFC 1123), the longest is the last of a pool. */
static int check_names(const struct cluster_spec *s, struct error *err) {
        for (size_t i = 0; i < s->n_pools; i++) {
                _cleanup_str_ char *last = xasprintf("%s-%s-%lld", s->name, s->pools[i].name, (long long) SPEC_NODES_MAX);
                if (strlen(last) > 63)
                        return error_set(err, ERR_PROFILE, "%s: a server would be called '%s', longer than 63 characters", s->source, last);
        }
        return 0;
}

static int check_prefix(const struct cluster_spec *s, const char *key, const char *text, unsigned min_len, unsigned max_len, struct error *err) {
        struct ip6_prefix p;
        if (!ip6_prefix_parse(text, &p, NULL) || p.len < min_len || p.len > max_len)
                return error_set(err, ERR_PROFILE, "%s: '%s' must be an IPv6 network between /%u and /%u, not '%s'", s->source, key, min_len, max_len, text);
        return 0;
}

static int check_operators(const struct cluster_spec *s, struct error *err) {
        for (size_t i = 0; i < s->operators.n; i++) {
                struct ip6_prefix p;
                struct ip6_addr a;
                const char *o = s->operators.items[i];
                if (!str_eq(o, "auto") && !ip6_prefix_parse(o, &p, &a))
                        return error_set(err, ERR_PROFILE, "%s: firewall.operators: '%s' is neither 'auto' nor an IPv6 prefix", s->source, o);
        }
        return 0;
}

static int check(struct cluster_spec *s, struct error *err) {
        if (cluster_name_check(s->name, err) < 0) {
                if (err)
                        err->kind = ERR_PROFILE;
                return -1;
        }
        if (cluster_spec_nodes(s) > SPEC_NODES_MAX)
                return error_set(err, ERR_PROFILE, "%s: more than %d nodes", s->source, SPEC_NODES_MAX);
        if (!s->locations.n)
                return error_set(err, ERR_PROFILE, "%s: 'locations' is empty", s->source);
        if (check_names(s, err) < 0 || check_operators(s, err) < 0)
                return -1;
        /* Below /64 the CCM's fall-back would hand out addresses of this dummy silently; services: kube-apiserver takes at most 20 host bits. */
        if (check_prefix(s, "podSubnet", s->pod_subnet, 64, 120, err) < 0 || check_prefix(s, "serviceSubnet", s->service_subnet, 108, 120, err) < 0)
                return -1;
        if (schematic_check(&s->schematic, err) < 0) {
                if (err)
                        err->kind = ERR_PROFILE;
                return error_wrap(err, "%s", s->source);
        }
        if (version_contract(s->talos, s->contract_text, &s->contract, err) < 0)
                return error_wrap(err, "%s", s->source);
        if (version_check(s->talos, s->kubernetes, s->cilium.version, s->ccm_version, &s->warnings, err) < 0)
                return error_wrap(err, "%s", s->source);
        bool schedulable_somewhere = s->control_planes_schedulable;
        for (size_t i = 0; i < s->n_pools; i++)
                schedulable_somewhere |= s->pools[i].count > 0 || s->pools[i].autoscale;
        if (!schedulable_somewhere)
                s->control_planes_schedulable = true;
        bool free_service = s->dns64.n == ARRAY_SIZE(default_dns64);
        for (size_t i = 0; free_service && i < s->dns64.n; i++)
                free_service = str_eq(s->dns64.items[i], default_dns64[i]);
        if (free_service)
                strv_add(&s->warnings, "IPv4-only registries are reached through nat64.net, somebody's free service: all such traffic passes through it; set 'dns64' "
                                       "or 'registries' in a profile for anything that matters");
        bool discovery = s->discovery == DISCOVERY_ON || (s->discovery == DISCOVERY_AUTO && s->control_planes.count > 1);
        if (discovery)
                strv_add(&s->warnings, "discovery.talos.dev has been unreachable over IPv6 at times; the cluster works without it, but KubePrism then knows one control "
                                       "plane only ('discovery: false' switches it off)");
        return 0;
}

int cluster_spec_parse(const char *name, const char *text, size_t len, const char *dir, const struct cluster_overrides *o,
                       struct cluster_spec **ret, struct error *err) {
        if (len > SPEC_FILE_MAX)
                return error_set(err, ERR_PROFILE, "%s: larger than %d bytes; that is no profile", name, SPEC_FILE_MAX);
        _cleanup_(yaml_freep) struct yaml_node *root = NULL;
        if (yaml_parse_one(name, text, len, &root, err) < 0) {
                if (err)
                        err->kind = ERR_PROFILE;
                return -1;
        }
        _cleanup_cluster_spec_ struct cluster_spec *s = spec_defaults();
        s->source = xstrdup(name);
        struct spec_reader r = { .source = name, .dir = dir, .spec = s };
        if (root->type != YAML_NULL && spec_read_map(&r, spec_keys, root, s, err) < 0)
                return -1;
        if (yaml_get(root, "cluster") && cluster_name_check(s->name, NULL) < 0) {
                const struct yaml_node *n = yaml_get(root, "cluster");
                return spec_fail(&r, n, err, "'%.64s' cannot be a cluster's name: at most %d of [a-z0-9-], beginning and ending with a letter or digit", s->name,
                                 SPEC_NAME_MAX);
        }
        static const struct cluster_overrides none = { 0 };
        if (apply_overrides(s, o ? o : &none, err) < 0)
                return -1;
        complete(s);
        if (check(s, err) < 0)
                return -1;
        *ret = TAKE(s);
        return 0;
}

int cluster_spec_load(const char *profile, const struct cluster_overrides *o, struct cluster_spec **ret, struct error *err) {
        const char *name = profile ? profile : "default";
        if (!strchr(name, '/') && !str_ends(name, ".yaml") && !str_ends(name, ".yml")) {
                const char *text = profile_text(name);
                if (!text) {
                        const char *near = str_nearest(name, profile_names());
                        return error_set(err, ERR_PROFILE, "there is no built-in profile '%s'%s%s%s; a file needs a '/' or the ending .yaml", name,
                                         near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
                }
                _cleanup_str_ char *shown = xasprintf("profile '%s'", name);
                return cluster_spec_parse(shown, text, strlen(text), NULL, o, ret, err);
        }
        _cleanup_str_ char *text = NULL;
        size_t len = 0;
        if (file_read(name, SPEC_FILE_MAX, &text, &len, err) < 0) {
                if (err)
                        err->kind = ERR_PROFILE;
                return -1;
        }
        const char *slash = strrchr(name, '/');
        _cleanup_str_ char *dir = slash == name ? xstrdup("/") : slash ? xstrndup(name, (size_t) (slash - name)) : xstrdup(".");
        return cluster_spec_parse(name, text, len, dir, o, ret, err);
}
