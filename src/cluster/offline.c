#include "cluster/offline.h"

#include "base/secret.h"
#include "cluster/kubeadm.h"
#include "cluster/model.h"
#include "talos/secrets-import.h"
#include "talos/tree.h"

/* Of the documentation range, in the longest form there is: what fits with it fits with any. */
#define STAND_IN_ENDPOINT "https://[2001:db8:ffff:ffff::1]:6443"

int access_no_vault(const struct cluster *c, struct error *err) {
        error_set(err, ERR_NOT_FOUND, "cluster '%s' has no secrets yet", c->name);
        return error_hint(err, "hcloud-v6 secrets create --cluster %s makes them, hcloud-v6 secrets import FILE takes a bundle that exists", c->name);
}

static int open_vault(struct cluster *c, struct error *err) {
        struct vault_options o = vault_options_of(c);

        if (c->vault)
                return 0;
        return vault_exists(&o) ? vault_open(&o, &c->vault, err) : access_no_vault(c, err);
}

int cluster_secrets_export(struct cluster *c, char **ret, struct error *err) {
        if (open_vault(c, err) < 0)
                return -1;
        *ret = talos_secrets_write(c->vault->secrets);
        return 0;
}

int cluster_secrets_import(struct cluster *c, const char *name, const char *text, size_t len, struct error *err) {
        const struct talos_contract contract = { 1, 13 };      /* decides the alphabet of an identifier only */
        struct vault_options o = vault_options_of(c);
        struct talos_secrets *secrets = NULL;

        if (vault_exists(&o))
                return error_set(err, ERR_EXISTS, "there is a vault for cluster '%s' already; its secrets are never replaced", c->name);
        if (!text)
                return vault_create(&o, &contract, &c->vault, err);
        if (talos_secrets_import(name, text, len, &secrets, err) < 0)
                return -1;
        return vault_create_with(&o, NULL, secrets, &c->vault, err);
}

/* ---- rendering ---- */

void rendered_done(struct rendered *r) {
        for (size_t i = 0; i < r->n; i++) {
                free(r->items[i].name);
                secret_free(r->items[i].text);
        }
        free(r->items);
        *r = (struct rendered) { 0 };
}

static int open_secrets(struct cluster *c, bool throwaway, struct error *err) {
        struct vault_options o = vault_options_of(c);
        struct talos_contract contract;

        if (!throwaway || vault_exists(&o))
                return open_vault(c, err);
        if (talos_contract_parse(c->spec->talos, &contract, err) < 0)
                return -1;
        c->vault = xnew0(struct vault);
        return talos_secrets_generate(&contract, c->clock, &c->vault->secrets, err);
}

/* The nodes as up would name them and number their private addresses, in a cloud that is empty. */
static int build_nodes(struct cluster *c, struct error *err) {
        cluster_forget_observations(c);
        c->cloud.servers = xcalloc(1, sizeof(*c->cloud.servers));
        c->cloud.primary_ips = xcalloc(1, sizeof(*c->cloud.primary_ips));
        c->cloud.firewalls = xcalloc(1, sizeof(*c->cloud.firewalls));
        c->cloud.networks = xcalloc(1, sizeof(*c->cloud.networks));
        c->cloud.groups = xcalloc(1, sizeof(*c->cloud.groups));
        ARRAY_APPEND(c->pools, c->n_pools, ((struct pool_state) { .spec = &c->spec->control_planes, .control_plane = true }));
        for (size_t i = 0; i < c->spec->n_pools; i++)
                ARRAY_APPEND(c->pools, c->n_pools, ((struct pool_state) { .spec = &c->spec->pools[i] }));
        return nodes_build(c, err);
}

static int give_address(struct cluster *c, const char *pair, struct error *err) {
        const char *equals = strchr(pair, '=');
        size_t len = equals ? (size_t) (equals - pair) : strlen(pair);

        if (!equals)
                return error_set(err, ERR_USAGE, "'%s' is not of the form NODE=ADDRESS", pair);
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                if (strlen(n->name) != len || strncmp(n->name, pair, len) != 0)
                        continue;
                if (!ip6_parse(equals + 1, &n->addr))
                        return error_set(err, ERR_USAGE, "'%s' is no IPv6 address", equals + 1);
                n->prefix = ip6_mask(&n->addr, 64);
                return 0;
        }
        error_set(err, ERR_USAGE, "the profile makes no node '%.*s'", (int) len, pair);
        return error_hint(err, "its nodes are %s to %s", c->nodes[0].name, c->nodes[c->n_nodes - 1].name);
}

static void take_file(struct rendered *r, char *name, char *text) {
        ARRAY_APPEND(r->items, r->n, ((struct rendered_file) { .name = name, .text = text, .secret = true }));
}

static bool has_file(const struct rendered *r, const char *name) {
        for (size_t i = 0; i < r->n; i++)
                if (str_eq(r->items[i].name, name))
                        return true;
        return false;
}

/* One file for a node whose address is known; the others of a role share one, without an address and without private address. */
static int render_node(struct cluster *c, const struct node *n, const char *endpoint, struct rendered *r, struct error *err) {
        bool known = n->prefix.len > 0;
        _cleanup_str_ char *name = known ? xasprintf("%s.yaml", n->name) : xstrdup(n->control_plane ? "controlplane.yaml" : "worker.yaml");
        struct node shown = *n;
        char *text;

        if (has_file(r, name))
                return 0;
        if (!known)
                shown.private_ip = NULL;
        if (render_config_at(c, &shown, endpoint, &text, err) < 0)
                return error_wrap(err, "machine config '%s'", name);
        take_file(r, TAKE(name), text);
        return 0;
}

static int render_kubeadm(struct rendered *r, struct error *err) {
        struct rendered machine = *r;
        int rc = 0;

        *r = (struct rendered) { 0 };
        for (size_t i = 0; rc >= 0 && i < machine.n; i++) {
                struct kvs files = { 0 };
                rc = kubeadm_files(machine.items[i].name, machine.items[i].text, &files, err);
                for (size_t j = 0; rc >= 0 && j < files.n; j++)
                        take_file(r, xstrdup(files.items[j].key), xstrdup(files.items[j].value));
                kvs_done(&files);
        }
        rendered_done(&machine);
        return rc;
}

int cluster_render(struct cluster *c, const struct render_options *o, struct rendered *ret, struct error *err) {
        const char *endpoint = o->endpoint ? o->endpoint : STAND_IN_ENDPOINT;
        struct rendered r = { 0 };
        int rc = open_secrets(c, o->throwaway_secrets, err);

        rc = rc < 0 ? rc : build_nodes(c, err);
        for (size_t i = 0; rc >= 0 && o->addresses && i < o->addresses->n; i++)
                rc = give_address(c, o->addresses->items[i], err);
        for (size_t i = 0; rc >= 0 && i < c->n_nodes; i++)
                rc = render_node(c, &c->nodes[i], endpoint, &r, err);
        if (rc >= 0 && o->kubeadm)
                rc = render_kubeadm(&r, err);
        if (rc >= 0)
                *ret = r;
        else
                rendered_done(&r);
        return rc;
}

int cluster_validate(struct cluster *c, struct error *err) {
        if (open_secrets(c, true, err) < 0 || build_nodes(c, err) < 0)
                return -1;
        return render_check(c, err);
}
