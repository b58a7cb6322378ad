#include "talos/secrets-import.h"

#include <ctype.h>

#include "base/codec.h"
#include "base/json.h"
#include "base/secret.h"
#include "talos/tree.h"

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

static int check_root(const char *name, const struct yaml_node *root, struct error *err) {
        if (root->type != YAML_MAP)
                return error_set(err, ERR_INVALID, "%s: this is no secrets bundle, but %s", name, root->type == YAML_SEQ ? "a list" : "a single value");
        if (!yaml_get(root, "sops"))
                return 0;
        error_set(err, ERR_INVALID, "%s: this bundle is encrypted by SOPS", name);
        return error_hint(err, "decrypt it on the way: sops -d FILE | hcloud-v6 secrets import -");
}

/* JSON is read as JSON: tabs may indent it, which YAML forbids. */
static int parse_tree(const char *name, const char *text, size_t len, struct yaml_node **ret, struct error *err) {
        size_t blank = strspn(text, " \t\r\n");
        json_t *json = NULL;

        if (text[blank] != '{')
                return yaml_parse_one(name, text, len, ret, err);
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
        plain = plain_tree(find_bundle(root));
        _cleanup_secret_ char *written = yaml_write(plain, 4);
        return talos_secrets_parse(name, written, strlen(written), ret_secrets, err);
}
