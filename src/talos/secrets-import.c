#include "talos/secrets-import.h"

#include <ctype.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "talos/tree.h"

#define KEYS_MAX 1000

/* All programs name the fields alike but for case and underscores; only a certificate is "crt" here and "cert" there. */
static char *plain_key(const char *key) {
        struct strbuf b = STRBUF_INIT;

        for (; *key; key++)
                if (*key != '_' && *key != '-')
                        strbuf_addc(&b, (char) tolower((unsigned char) *key));
        if (str_eq(strbuf_str(&b), "cert")) {
                strbuf_done(&b);
                return xstrdup("crt");
        }
        return strbuf_take(&b);
}

/* PEM text itself where talosctl writes it in base64. */
static struct yaml_node *plain_scalar(const struct yaml_node *n) {
        if (n->type == YAML_STR && strncmp(n->text, "-----BEGIN ", 11) == 0) {
                _cleanup_secret_ char *encoded = base64_encode(n->text, strlen(n->text));
                return yaml_new_str(encoded);
        }
        return yaml_copy(n);
}

static struct yaml_node *plain_tree(const struct yaml_node *n) {
        if (n->type != YAML_MAP)
                return plain_scalar(n);
        struct yaml_node *map = yaml_new_map();
        for (size_t i = 0; i < n->n; i++) {
                _cleanup_str_ char *key = plain_key(n->pairs[i].key);
                yaml_set(map, key, plain_tree(n->pairs[i].value));
        }
        return map;
}

/* The bundle may stand below machine_secrets (a Terraform resource), or below value (a Terraform output). */
static const struct yaml_node *find_bundle(const struct yaml_node *n) {
        static const char *const wrappers[] = { "machine_secrets", "value", "attributes", "secrets_bundle" };

        for (size_t i = 0; n && n->type == YAML_MAP && i < ARRAY_SIZE(wrappers); i++)
                if (yaml_get(n, wrappers[i]) && yaml_get(n, wrappers[i])->type == YAML_MAP)
                        return find_bundle(yaml_get(n, wrappers[i]));
        return n;
}

/* The first place of mark in a text of the tree, borrowed, or NULL. */
static const char *find_text(const struct yaml_node *n, const char *mark) {
        const char *found = NULL;

        if (n->type == YAML_STR)
                return strstr(n->text, mark);
        for (size_t i = 0; i < n->n && !found && (n->type == YAML_MAP || n->type == YAML_SEQ); i++)
                found = find_text(n->type == YAML_MAP ? n->pairs[i].value : n->items[i], mark);
        return found;
}

/* What people have at hand instead of a readable bundle, each with the way to one. SOPS keeps a file's names and encrypts its values in place
 * (talhelper's talsecret.sops.yaml, topf's secrets.yaml); talhelper fills in ${NAMES} from the environment; before 1.4 its gensecret printed a
 * talenv.yaml, which knows no cluster id. */
static int check_root(const char *name, const struct yaml_node *root, struct error *err) {
        if (root->type != YAML_MAP)
                return error_set(err, ERR_INVALID, "%s: this is no secrets bundle, but %s", name, root->type == YAML_SEQ ? "a list" : "a single value");
        const char *placeholder = find_text(root, "${");
        if (yaml_get(root, "sops") || find_text(root, "ENC[AES256_GCM,")) {
                error_set(err, ERR_INVALID, "%s: this bundle is encrypted by SOPS", name);
                return error_hint(err, "decrypt it on the way: sops -d FILE | hcloud-v6 secrets import -");
        }
        if (placeholder) {
                error_set(err, ERR_INVALID, "%s: a value is still to be filled in: %.*s", name, (int) strcspn(placeholder, "}") + 1, placeholder);
                return error_hint(err, "with the variables set: envsubst <FILE | hcloud-v6 secrets import -");
        }
        if (yaml_get(root, "machine") || yaml_get(root, "kind")) {
                error_set(err, ERR_INVALID, "%s: this is a machine config, not a secrets bundle", name);
                return error_hint(err, "talosctl gen secrets --from-controlplane-config FILE makes a bundle of a control plane's config");
        }
        if (yaml_get(root, "clusterSecret") && yaml_get(root, "machineToken")) {
                error_set(err, ERR_INVALID, "%s: this is a talenv.yaml of talhelper before 1.4, which lacks the cluster's id", name);
                return error_hint(err, "take the bundle out of a control plane's config: talosctl gen secrets --from-controlplane-config FILE");
        }
        return 0;
}

/* A bundle's maps have a handful of keys; each is looked up among the others. */
static bool is_too_wide(const struct yaml_node *n) {
        bool wide = n->type == YAML_MAP && n->n > KEYS_MAX;

        for (size_t i = 0; !wide && n->type == YAML_MAP && i < n->n; i++)
                wide = is_too_wide(n->pairs[i].value);
        return wide;
}

/* JSON is read as JSON: tabs may indent it, which YAML forbids. Of several documents the first tells what the file is. */
static int parse_tree(const char *name, const char *text, size_t len, struct yaml_node **ret, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs docs = { 0 };
        size_t blank = strspn(text, " \t\r\n");
        json_t *json = NULL;

        if (text[blank] != '{') {
                if (yaml_parse(name, text, len, &docs, err) < 0)
                        return -1;
                if (docs.n > 1 && check_root(name, docs.items[0], err) < 0)
                        return -1;
                return yaml_parse_one(name, text, len, ret, err);
        }
        if (json_parse(name, text, len, &json, err) < 0)
                return -1;
        *ret = yaml_from_json(json);
        json_decref(json);
        return 0;
}

int talos_secrets_import(const char *name, const char *text, size_t len, struct talos_secrets **ret_secrets, struct error *err) {
        _cleanup_secret_tree_ struct yaml_node *root = NULL, *plain = NULL;

        if (parse_tree(name, text, len, &root, err) < 0 || check_root(name, root, err) < 0)
                return -1;
        const struct yaml_node *bundle = find_bundle(root);
        if (is_too_wide(bundle))
                return error_set(err, ERR_INVALID, "%s: this is no secrets bundle: a map of more than %d keys", name, KEYS_MAX);
        plain = plain_tree(bundle);
        _cleanup_secret_ char *written = yaml_write(plain, 4);
        return talos_secrets_parse(name, written, strlen(written), ret_secrets, err);
}
