#include "talos/userfile.h"

#include <limits.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/secret.h"
#include "talos/tree.h"

#define USERFILE_MAX ((size_t) 16 << 20)

int userfile_read(const char *path, struct yaml_node **ret_root, struct error *err) {
        _cleanup_secret_ char *text = NULL;
        _cleanup_error_ struct error why = ERROR_INIT;
        _cleanup_secret_tree_ struct yaml_node *root = NULL;
        size_t len;

        if (file_read(path, USERFILE_MAX, &text, &len, &why) < 0) {
                if (why.kind != ERR_NOT_FOUND)
                        return error_move(err, &why);
                *ret_root = NULL;
                return 0;
        }
        if (yaml_parse_one(path, text, len, &root, err) < 0)
                return -1;
        if (root->type == YAML_NULL) {
                yaml_free(root);
                root = yaml_new_map();
        }
        if (root->type != YAML_MAP)
                return error_set(err, ERR_INVALID, "%s: a mapping was expected", path);
        *ret_root = TAKE(root);
        return 0;
}

static int make_parent(const char *path, struct error *err) {
        const char *slash = strrchr(path, '/');

        if (!slash || slash == path)
                return 0;
        _cleanup_str_ char *dir = xstrndup(path, (size_t) (slash - path));
        return dir_make(dir, 0700, err);
}

int userfile_write(const char *path, const struct yaml_node *root, unsigned indent, struct error *err) {
        _cleanup_secret_ char *text = yaml_write(root, indent);
        _cleanup_str_ char *real = realpath(path, NULL);

        if (!real && make_parent(path, err) < 0)
                return -1;
        return file_write_atomic(real ? real : path, text, strlen(text), 0600, err);
}

char *userfile_pem(const struct yaml_node *n) {
        _cleanup_error_ struct error ignored = ERROR_INIT;
        const char *text = yaml_str(n);
        uint8_t *bytes;
        size_t len;

        if (str_empty(text) || base64_decode(text, strlen(text), false, &bytes, &len, &ignored) < 0)
                return NULL;
        return (char *) bytes;
}
