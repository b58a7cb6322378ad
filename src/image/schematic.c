#include "image/schematic.h"

#include "base/codec.h"
#include "base/json.h"
#include "base/yaml.h"

void schematic_done(struct schematic *s) {
        strv_done(&s->extensions);
        strv_done(&s->kernel_args);
}

/* Both halves of "owner/name" as container registries allow them. */
static bool is_extension(const char *s) {
        const char *slash = strchr(s, '/');
        if (!slash || slash == s || !slash[1] || strchr(slash + 1, '/'))
                return false;
        return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_./") == strlen(s);
}

static bool twice(const struct strv *v, size_t i) {
        for (size_t k = 0; k < i; k++)
                if (str_eq(v->items[k], v->items[i]))
                        return true;
        return false;
}

int schematic_check(const struct schematic *s, struct error *err) {
        for (size_t i = 0; i < s->extensions.n; i++) {
                const char *name = s->extensions.items[i];
                if (!is_extension(name)) {
                        error_set(err, ERR_USAGE, "'%s' is no name of a Talos extension", name);
                        return error_hint(err, "names look like siderolabs/qemu-guest-agent; https://factory.talos.dev lists them");
                }
                if (twice(&s->extensions, i))
                        return error_set(err, ERR_USAGE, "extension '%s' is given twice", name);
        }
        for (size_t i = 0; i < s->kernel_args.n; i++) {
                const char *arg = s->kernel_args.items[i];
                if (str_empty(arg) || strpbrk(arg, " \t\r\n\"'\\"))
                        return error_set(err, ERR_USAGE, "'%s' is no kernel argument: neither blanks nor quotes are possible", arg);
                if (twice(&s->kernel_args, i))
                        return error_set(err, ERR_USAGE, "kernel argument '%s' is given twice", arg);
        }
        return 0;
}

bool schematic_is_plain(const struct schematic *s) {
        return s->extensions.n == 0 && s->kernel_args.n == 0;
}

static int by_name(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

char *schematic_yaml(const struct schematic *s) {
        _cleanup_(yaml_freep) struct yaml_node *root = yaml_new_map();
        struct yaml_node *custom = yaml_set_map(root, "customization");
        _cleanup_strv_ struct strv sorted = { 0 };

        strv_copy(&sorted, &s->extensions);
        if (sorted.n)
                qsort(sorted.items, sorted.n, sizeof(*sorted.items), by_name);
        if (s->kernel_args.n) {
                struct yaml_node *list = yaml_set_seq(custom, "extraKernelArgs");
                for (size_t i = 0; i < s->kernel_args.n; i++)
                        yaml_append(list, yaml_new_str(s->kernel_args.items[i]));
        }
        if (sorted.n) {
                struct yaml_node *list = yaml_set_seq(yaml_set_map(custom, "systemExtensions"), "officialExtensions");
                for (size_t i = 0; i < sorted.n; i++)
                        yaml_append(list, yaml_new_str(sorted.items[i]));
        }
        return yaml_write(root, 4);
}

char *schematic_id(const struct schematic *s) {
        _cleanup_str_ char *text = schematic_yaml(s);
        return sha256_hex(text, strlen(text));
}

int schematic_check_answer(const char *id, const char *body, size_t len, struct error *err) {
        _cleanup_json_ json_t *answer = NULL;

        if (json_parse("the image factory's answer", body, len, &answer, err) < 0)
                return -1;
        const char *theirs = jget_text(answer, "id");
        if (str_eq(theirs, id))
                return 0;
        return error_set(err, ERR_PROTOCOL, "the image factory calls the schematic %.80s, and %s was computed for it", theirs ? theirs : "nothing", id);
}
