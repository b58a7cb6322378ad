#include "talos/kubeconfig.h"

#include "base/codec.h"
#include "base/secret.h"
#include "talos/tree.h"

void talos_kubeconfig_done(struct talos_kubeconfig *k) {
        if (!k)
                return;
        free(k->cluster);
        free(k->server);
        free(k->user);
        free(k->context);
        free(k->ca);
        pki_pair_done(&k->client);
        *k = (struct talos_kubeconfig) { 0 };
}

int talos_kubeconfig_mint(const struct talos_secrets *s, const char *cluster, const char *server, int64_t lifetime_s,
                          struct clock *clock, struct talos_kubeconfig *ret_kubeconfig, struct error *err) {
        struct talos_kubeconfig k = { 0 };

        if (talos_kubernetes_client_certificate(s, lifetime_s, clock, &k.client, err) < 0)
                return -1;
        k.cluster = xstrdup(cluster);
        k.server = xstrdup(server);
        k.user = xasprintf("admin@%s", cluster);
        k.context = xasprintf("admin@%s", cluster);
        k.ca = xstrdup(s->kubernetes.cert);
        *ret_kubeconfig = k;
        return 0;
}

/* The form of client-go: two spaces, lists not indented, keys sorted. Names and URLs need no quotes: a cluster's name
 * is [a-z0-9-], but some of these would be read as a number or a boolean. */
static void add_name(struct strbuf *b, const char *before, const char *name) {
        static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
        bool quote = !name[strspn(name, "0123456789.-")];

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                quote = quote || str_eq(name, words[i]);
        strbuf_addf(b, quote ? "%s\"%s\"\n" : "%s%s\n", before, name);
}

static void add_pem(struct strbuf *b, const char *before, const char *pem) {
        _cleanup_secret_ char *text = base64_encode(pem, strlen(pem));

        strbuf_addf(b, "%s%s\n", before, text);
}

char *talos_kubeconfig_write(const struct talos_kubeconfig *k) {
        struct strbuf b = { .secret = true };

        strbuf_adds(&b, "apiVersion: v1\nclusters:\n- cluster:\n");
        add_pem(&b, "    certificate-authority-data: ", k->ca);
        strbuf_addf(&b, "    server: %s\n", k->server);
        add_name(&b, "  name: ", k->cluster);
        strbuf_adds(&b, "contexts:\n- context:\n");
        add_name(&b, "    cluster: ", k->cluster);
        strbuf_adds(&b, "    namespace: default\n");
        add_name(&b, "    user: ", k->user);
        add_name(&b, "  name: ", k->context);
        add_name(&b, "current-context: ", k->context);
        strbuf_adds(&b, "kind: Config\nusers:\n");
        add_name(&b, "- name: ", k->user);
        strbuf_adds(&b, "  user:\n");
        add_pem(&b, "    client-certificate-data: ", k->client.cert);
        add_pem(&b, "    client-key-data: ", k->client.key);
        return strbuf_take(&b);
}

/* Entries of kubeconfigs are lists of {name, <kind>: {…}}. */
static struct yaml_node *find_entry(const struct yaml_node *root, const char *list, const char *name) {
        const struct yaml_node *entries = yaml_get(root, list);

        for (size_t i = 0; entries && entries->type == YAML_SEQ && i < entries->n; i++)
                if (name && str_eq(yaml_str(yaml_get(entries->items[i], "name")), name))
                        return entries->items[i];
        return NULL;
}

static const struct yaml_node *find(const struct yaml_node *root, const char *list, const char *kind, const char *name) {
        return yaml_get(find_entry(root, list, name), kind);
}

int talos_kubeconfig_parse(const char *name, const char *text, size_t len, const char *context,
                           struct talos_kubeconfig *ret_kubeconfig, struct error *err) {
        _cleanup_secret_tree_ struct yaml_node *root = NULL;
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = { 0 };

        if (yaml_parse_one(name, text, len, &root, err) < 0)
                return -1;
        if (!context)
                context = yaml_str(yaml_get(root, "current-context"));
        const struct yaml_node *c = find(root, "contexts", "context", context);
        if (!c)
                return error_set(err, ERR_NOT_FOUND, "%s has no context '%s'", name, context ? context : "");
        const char *cluster_name = yaml_str(yaml_get(c, "cluster")), *user_name = yaml_str(yaml_get(c, "user"));
        const struct yaml_node *cluster = find(root, "clusters", "cluster", cluster_name);
        const struct yaml_node *user = find(root, "users", "user", user_name);
        const char *server = yaml_str(yaml_get(cluster, "server"));
        if (!cluster_name || !user_name || !server || !user)
                return error_set(err, ERR_INVALID, "%s: context '%s' names a cluster or user that is not there", name, context);
        k.cluster = xstrdup(cluster_name);
        k.server = xstrdup(server);
        k.user = xstrdup(user_name);
        k.context = xstrdup(context);
        k.ca = userfile_pem(yaml_get(cluster, "certificate-authority-data"));
        k.client.cert = userfile_pem(yaml_get(user, "client-certificate-data"));
        k.client.key = userfile_pem(yaml_get(user, "client-key-data"));
        if (!k.ca || !k.client.cert || !k.client.key)
                return error_set(err, ERR_INVALID, "%s: context '%s' has no embedded certificates", name, context);
        if (pki_check_pair(k.client.cert, k.client.key, err) < 0)
                return error_wrap(err, "%s: context '%s'", name, context);
        *ret_kubeconfig = k;
        k = (struct talos_kubeconfig) { 0 };
        return 0;
}

static int check_lists(const char *path, const struct yaml_node *root, struct error *err) {
        static const char *const lists[] = { "clusters", "contexts", "users" };

        for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
                const struct yaml_node *n = yaml_get(root, lists[i]);
                if (n && n->type != YAML_SEQ && n->type != YAML_NULL)
                        return error_set(err, ERR_INVALID, "%s: '%s' is no list, so this is no kubeconfig", path, lists[i]);
        }
        return 0;
}

/* Whether a context other than ours names this cluster or user. */
static bool used_by_others(const struct yaml_node *root, const char *kind, const char *name, const char *our_context) {
        const struct yaml_node *contexts = yaml_get(root, "contexts");

        for (size_t i = 0; contexts && contexts->type == YAML_SEQ && i < contexts->n; i++) {
                const struct yaml_node *one = contexts->items[i];
                if (!str_eq(yaml_str(yaml_get(one, "name")), our_context) &&
                    str_eq(yaml_str(yaml_get(yaml_get(one, "context"), kind)), name))
                        return true;
        }
        return false;
}

static void put_entry(struct yaml_node *root, const char *list, const char *kind, const char *name, struct yaml_node *value) {
        struct yaml_node *entry = find_entry(root, list, name);

        if (!entry) {
                struct yaml_node *entries = yaml_get(root, list);
                if (!entries || entries->type != YAML_SEQ)
                        yaml_set(root, list, yaml_new_seq());
                entry = yaml_new_map();
                yaml_append(yaml_get(root, list), entry);
                yaml_set_str(entry, "name", name);
        }
        yaml_set(entry, kind, value);
}

static void set_pem(struct yaml_node *map, const char *key, const char *pem) {
        _cleanup_secret_ char *text = base64_encode(pem, strlen(pem));

        yaml_set_str(map, key, text);
}

static void put_ours(struct yaml_node *root, const struct talos_kubeconfig *k) {
        /* A cluster entry of the same name may serve somebody else's context, as "default" does for k3s: then ours takes the
         * context's name. */
        const char *cluster_name = used_by_others(root, "cluster", k->cluster, k->context) ? k->context : k->cluster;
        struct yaml_node *cluster = yaml_new_map(), *context = yaml_new_map(), *user = yaml_new_map();

        set_pem(cluster, "certificate-authority-data", k->ca);
        yaml_set_str(cluster, "server", k->server);
        put_entry(root, "clusters", "cluster", cluster_name, cluster);
        yaml_set_str(context, "cluster", cluster_name);
        yaml_set_str(context, "namespace", "default");
        yaml_set_str(context, "user", k->user);
        put_entry(root, "contexts", "context", k->context, context);
        set_pem(user, "client-certificate-data", k->client.cert);
        set_pem(user, "client-key-data", k->client.key);
        put_entry(root, "users", "user", k->user, user);
}

static bool belongs_to_another(const struct yaml_node *root, const struct talos_kubeconfig *k) {
        const struct yaml_node *context = find(root, "contexts", "context", k->context);
        const struct yaml_node *cluster = find(root, "clusters", "cluster", yaml_str(yaml_get(context, "cluster")));
        _cleanup_str_ char *theirs = userfile_pem(yaml_get(cluster, "certificate-authority-data"));

        return theirs && !str_eq(theirs, k->ca);
}

static int check_merge(const char *path, const struct yaml_node *root, const struct talos_kubeconfig *k, unsigned flags, struct error *err) {
        if (check_lists(path, root, err) < 0)
                return -1;
        if (!(flags & TALOS_MERGE_REPLACE) && belongs_to_another(root, k)) {
                error_set(err, ERR_EXISTS, "%s has a context '%s' of another cluster", path, k->context);
                return error_hint(err, "kubectl config delete-context %s, if that cluster is gone; or another file in KUBECONFIG", k->context);
        }
        if (used_by_others(root, "user", k->user, k->context))
                return error_set(err, ERR_EXISTS, "%s has a user '%s' that other contexts use", path, k->user);
        return 0;
}

int talos_kubeconfig_check_file(const char *path, const char *cluster, const char *ca, struct error *err) {
        _cleanup_secret_tree_ struct yaml_node *root = NULL;
        _cleanup_str_ char *name = xasprintf("admin@%s", cluster);
        struct talos_kubeconfig k = { .cluster = (char *) cluster, .user = name, .context = name, .ca = (char *) ca };

        if (userfile_read(path, &root, err) < 0)
                return -1;
        return root ? check_merge(path, root, &k, 0, err) : 0;
}

int talos_kubeconfig_merge_file(const char *path, const struct talos_kubeconfig *k, unsigned flags, struct error *err) {
        _cleanup_secret_tree_ struct yaml_node *root = NULL;

        if (userfile_read(path, &root, err) < 0)
                return -1;
        if (!root)
                root = yaml_new_map();
        if (check_merge(path, root, k, flags, err) < 0)
                return -1;
        if (!yaml_get(root, "apiVersion"))
                yaml_set_str(root, "apiVersion", "v1");
        if (!yaml_get(root, "kind"))
                yaml_set_str(root, "kind", "Config");
        put_ours(root, k);
        if ((flags & TALOS_MERGE_CURRENT) || str_empty(yaml_str(yaml_get(root, "current-context"))))
                yaml_set_str(root, "current-context", k->context);
        return userfile_write(path, root, 2, err);
}

static void drop_entry(struct yaml_node *root, const char *list, const char *name) {
        struct yaml_node *entries = yaml_get(root, list);

        for (size_t i = 0; name && entries && entries->type == YAML_SEQ && i < entries->n; i++) {
                if (!str_eq(yaml_str(yaml_get(entries->items[i], "name")), name))
                        continue;
                tree_free_secret(entries->items[i]);
                memmove(&entries->items[i], &entries->items[i + 1], (entries->n - i - 1) * sizeof *entries->items);
                entries->n--;
                return;
        }
}

int talos_kubeconfig_remove_file(const char *path, const char *cluster, struct error *err) {
        _cleanup_secret_tree_ struct yaml_node *root = NULL;
        _cleanup_str_ char *ours = xasprintf("admin@%s", cluster);

        if (userfile_read(path, &root, err) < 0)
                return -1;
        if (!root)
                return 0;
        if (check_lists(path, root, err) < 0)
                return -1;
        const struct yaml_node *context = find(root, "contexts", "context", ours);
        if (!context)
                return 0;
        _cleanup_str_ char *cluster_name = xstrdup(yaml_str(yaml_get(context, "cluster")));
        _cleanup_str_ char *user_name = xstrdup(yaml_str(yaml_get(context, "user")));
        drop_entry(root, "contexts", ours);
        if (!used_by_others(root, "cluster", cluster_name, NULL))
                drop_entry(root, "clusters", cluster_name);
        if (!used_by_others(root, "user", user_name, NULL))
                drop_entry(root, "users", user_name);
        if (str_eq(yaml_str(yaml_get(root, "current-context")), ours))
                yaml_set_str(root, "current-context", "");
        return userfile_write(path, root, 2, err);
}
