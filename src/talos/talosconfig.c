#include "talos/talosconfig.h"

#include "base/codec.h"
#include "base/secret.h"
#include "talos/tree.h"

void talosconfig_context_done(struct talosconfig_context *c) {
        if (!c)
                return;
        free(c->name);
        strv_done(&c->endpoints);
        strv_done(&c->nodes);
        free(c->ca);
        pki_pair_done(&c->client);
        *c = (struct talosconfig_context) { 0 };
}

int talosconfig_mint(const struct talos_secrets *s, const char *name, const struct strv *endpoints, const struct strv *nodes,
                     const char *role,
                     int64_t lifetime_s, struct clock *clock, struct talosconfig_context *ret_context, struct error *err) {
        struct talosconfig_context c = { 0 };

        if (talos_client_certificate(s, role ? role : "os:admin", lifetime_s, clock, &c.client, err) < 0)
                return -1;
        c.name = xstrdup(name);
        c.ca = xstrdup(s->os.cert);
        if (endpoints)
                strv_copy(&c.endpoints, endpoints);
        if (nodes)
                strv_copy(&c.nodes, nodes);
        *ret_context = c;
        return 0;
}

static void add_list(struct yaml_node *map, const char *key, const struct strv *texts) {
        struct yaml_node *list = yaml_set_seq(map, key);

        for (size_t i = 0; i < texts->n; i++)
                yaml_append(list, yaml_new_str(texts->items[i]));
}

static void add_pem(struct yaml_node *map, const char *key, const char *pem) {
        _cleanup_secret_ char *text = base64_encode(pem, strlen(pem));

        yaml_set_str(map, key, text);
}

static struct yaml_node *context_tree(const struct talosconfig_context *c) {
        struct yaml_node *n = yaml_new_map();

        add_list(n, "endpoints", &c->endpoints);
        if (c->nodes.n)
                add_list(n, "nodes", &c->nodes);
        add_pem(n, "ca", c->ca);
        add_pem(n, "crt", c->client.cert);
        add_pem(n, "key", c->client.key);
        return n;
}

char *talosconfig_write(const struct talosconfig_context *c) {
        _cleanup_secret_tree_ struct yaml_node *root = yaml_new_map();

        yaml_set_str(root, "context", c->name);
        yaml_set(yaml_set_map(root, "contexts"), c->name, context_tree(c));
        return yaml_write(root, 4);
}

static int read_list(const struct yaml_node *n, const char *what, struct strv *ret, struct error *err) {
        if (!n || n->type == YAML_NULL)
                return 0;
        if (n->type != YAML_SEQ)
                return error_set(err, ERR_INVALID, "'%s' is no list", what);
        for (size_t i = 0; i < n->n; i++) {
                if (!yaml_str(n->items[i]))
                        return error_set(err, ERR_INVALID, "'%s' holds something else than texts", what);
                strv_add(ret, yaml_str(n->items[i]));
        }
        return 0;
}

static int read_pems(const struct yaml_node *n, struct talosconfig_context *c, struct error *err) {
        c->ca = userfile_pem(yaml_get(n, "ca"));
        c->client.cert = userfile_pem(yaml_get(n, "crt"));
        c->client.key = userfile_pem(yaml_get(n, "key"));
        if (!c->ca || !c->client.cert || !c->client.key)
                return error_set(err, ERR_INVALID, "'ca', 'crt' and 'key' must be there as base64");
        return pki_check_pair(c->client.cert, c->client.key, err);
}

int talosconfig_parse(const char *name, const char *text, size_t len, const char *context,
                      struct talosconfig_context *ret_context, struct error *err) {
        _cleanup_secret_tree_ struct yaml_node *root = NULL;
        _cleanup_talosconfig_context_ struct talosconfig_context c = { 0 };

        if (yaml_parse_one(name, text, len, &root, err) < 0)
                return -1;
        if (!context)
                context = yaml_str(yaml_get(root, "context"));
        const struct yaml_node *n = context ? yaml_get(yaml_get(root, "contexts"), context) : NULL;
        if (!n || n->type != YAML_MAP)
                return error_set(err, ERR_NOT_FOUND, "%s has no context '%s'", name, context ? context : "");
        c.name = xstrdup(context);
        if (read_list(yaml_get(n, "endpoints"), "endpoints", &c.endpoints, err) < 0 ||
            read_list(yaml_get(n, "nodes"), "nodes", &c.nodes, err) < 0 ||
            read_pems(n, &c, err) < 0)
                return error_wrap(err, "%s: context '%s'", name, context);
        *ret_context = c;
        c = (struct talosconfig_context) { 0 };
        return 0;
}

static int contexts_of(const char *path, struct yaml_node *root, struct yaml_node **ret_contexts, struct error *err) {
        struct yaml_node *contexts = yaml_get(root, "contexts");

        if (contexts && contexts->type != YAML_MAP && contexts->type != YAML_NULL)
                return error_set(err, ERR_INVALID, "%s: 'contexts' is no mapping, so this is no talosconfig", path);
        *ret_contexts = contexts && contexts->type == YAML_MAP ? contexts : NULL;
        return 0;
}

/* Another cluster's context of the same name: its authority is not ours. */
static bool belongs_to_another(const struct yaml_node *context, const char *ca) {
        _cleanup_str_ char *theirs = userfile_pem(yaml_get(context, "ca"));

        return context && theirs && !str_eq(theirs, ca);
}

int talosconfig_check_file(const char *path, const char *context, const char *ca, struct error *err) {
        _cleanup_secret_tree_ struct yaml_node *root = NULL;
        struct yaml_node *contexts = NULL;

        if (userfile_read(path, &root, err) < 0)
                return -1;
        if (!root)
                return 0;
        if (contexts_of(path, root, &contexts, err) < 0)
                return -1;
        if (!belongs_to_another(yaml_get(contexts, context), ca))
                return 0;
        error_set(err, ERR_EXISTS, "%s has a context '%s' of another cluster", path, context);
        return error_hint(err, "talosctl config remove %s, if that cluster is gone; or another file in TALOSCONFIG", context);
}

int talosconfig_merge_file(const char *path, const struct talosconfig_context *c, unsigned flags, struct error *err) {
        _cleanup_secret_tree_ struct yaml_node *root = NULL;
        struct yaml_node *contexts = NULL;

        if (userfile_read(path, &root, err) < 0)
                return -1;
        if (!root)
                root = yaml_new_map();
        if (contexts_of(path, root, &contexts, err) < 0)
                return -1;
        if (!(flags & TALOS_MERGE_REPLACE) && belongs_to_another(yaml_get(contexts, c->name), c->ca))
                return error_set(err, ERR_EXISTS, "%s has a context '%s' of another cluster", path, c->name);
        if ((flags & TALOS_MERGE_CURRENT) || str_empty(yaml_str(yaml_get(root, "context"))))
                yaml_set_str(root, "context", c->name);
        if (!contexts) {
                yaml_set(root, "contexts", yaml_new_map());
                contexts = yaml_get(root, "contexts");
        }
        yaml_set(contexts, c->name, context_tree(c));
        return userfile_write(path, root, 4, err);
}

int talosconfig_remove_file(const char *path, const char *context, struct error *err) {
        _cleanup_secret_tree_ struct yaml_node *root = NULL;
        struct yaml_node *contexts = NULL;

        if (userfile_read(path, &root, err) < 0)
                return -1;
        if (!root)
                return 0;
        if (contexts_of(path, root, &contexts, err) < 0)
                return -1;
        if (!contexts || !yaml_unset(contexts, context))
                return 0;
        if (str_eq(yaml_str(yaml_get(root, "context")), context))
                yaml_set_str(root, "context", "");
        return userfile_write(path, root, 4, err);
}
