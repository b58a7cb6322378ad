/* Our side of the comparison with Talos' own code (tests/interop/talos/main.go), with the same questions and answers: one JSON object a line.
 *
 *   {"op": "patch", "config": "…", "patches": ["…"]}     {"op": "validate", "config": "…"}
 *   {"op": "generate", "secrets": "…", "contract": "v1.13", "cluster": …, "endpoint": …, "kubernetes": …, "type": "controlplane"}
 *   {"op": "secrets-import", "secrets": "…"}             {"op": "json", "config": "…"}: the documents as a JSON list
 *   {"op": "keys", "kind": "…"}: the keys of a document (none: the v1alpha1 one), with the kinds of their values
 *   {"op": "kinds"}: all kinds of documents */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/secret.h"
#include "talos/config.h"
#include "talos/patch-schema.h"
#include "talos/patch.h"
#include "talos/secrets-import.h"
#include "talos/tree.h"

static const char *text_of(const json_t *request, const char *key) {
        const char *s = jget_text(request, key);

        return s ? s : "";
}

static int patch(const json_t *request, char **ret, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs config = { 0 };
        const char *text = text_of(request, "config");
        const json_t *patches = json_object_get(request, "patches"), *one;
        size_t i;

        if (yaml_parse("config", text, strlen(text), &config, err) < 0)
                return -1;
        json_array_foreach(patches, i, one)
                if (talos_patch_apply(&config, "patch", json_string_value(one), json_string_length(one), err) < 0)
                        return -1;
        *ret = talos_config_write(&config);
        return 0;
}

static int validate(const json_t *request, char **ret, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs config = { 0 };
        const char *text = text_of(request, "config");

        if (yaml_parse("config", text, strlen(text), &config, err) < 0)
                return -1;
        const char *type = config.n ? yaml_str(yaml_path(config.items[0], "machine.type")) : NULL;
        *ret = xstrdup("");
        return talos_config_validate(&config, str_eq(type, "worker") ? TALOS_WORKER : TALOS_CONTROL_PLANE, err);
}

static int import(const json_t *request, char **ret, struct error *err) {
        _cleanup_talos_secrets_ struct talos_secrets *s = NULL;
        const char *text = text_of(request, "secrets");

        if (talos_secrets_import("secrets", text, strlen(text), &s, err) < 0)
                return -1;
        *ret = talos_secrets_write(s);
        return 0;
}

static int generate(const json_t *request, char **ret, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs config = { 0 };
        _cleanup_talos_secrets_ struct talos_secrets *s = NULL;
        const char *text = text_of(request, "secrets");
        struct talos_config_input in = {
                .cluster_name = text_of(request, "cluster"), .endpoint = text_of(request, "endpoint"), .kubernetes_version = text_of(request, "kubernetes"),
                .type = str_eq(text_of(request, "type"), "worker") ? TALOS_WORKER : TALOS_CONTROL_PLANE,
        };

        if (talos_contract_parse(text_of(request, "contract"), &in.contract, err) < 0 || talos_secrets_parse("secrets", text, strlen(text), &s, err) < 0)
                return -1;
        in.secrets = s;
        if (talos_config_generate_base(&in, &config, err) < 0)
                return -1;
        *ret = talos_config_write(&config);
        return 0;
}

static int json(const json_t *request, char **ret, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs config = { 0 };
        const char *text = text_of(request, "config");
        _cleanup_json_ json_t *list = json_array();

        if (yaml_parse("config", text, strlen(text), &config, err) < 0)
                return -1;
        for (size_t i = 0; i < config.n; i++)
                json_array_append_new(list, yaml_to_json(config.items[i]));
        *ret = json_write(list);
        return 0;
}

static const char *kind_of(const struct schema *s) {
        static const char *const names[] = { [SCHEMA_FREE] = "free", [SCHEMA_TEXT] = "text", [SCHEMA_NUMBER] = "number", [SCHEMA_MODE] = "mode", [SCHEMA_BOOLEAN] = "boolean",
                                             [SCHEMA_STRUCT] = "struct", [SCHEMA_TEXT_MAP] = "text map", [SCHEMA_ARGUMENTS] = "arguments", [SCHEMA_MAP] = "map", [SCHEMA_LIST] = "list" };

        if (s->kind == SCHEMA_LIST && s->item == &schema_text)
                return "texts";
        return s->flags & SCHEMA_BYTES_PAIR ? "bytes" : names[s->kind];
}

static void add_keys(const struct schema *s, const char *at, json_t *list) {
        for (const struct schema_field *f = s->fields; f && f->name; f++) {
                _cleanup_str_ char *path = xasprintf("%s%s%s", at, *at ? "." : "", f->name);
                json_array_append_new(list, json_pack("{s:s, s:s}", "path", path, "kind", kind_of(f->type)));
                if (f->type->kind == SCHEMA_STRUCT && !(f->type->flags & SCHEMA_BYTES_PAIR))
                        add_keys(f->type, path, list);
        }
}

/* Every key of a document (without kind: of the v1alpha1 one) that is not below a list or a free map. */
static int keys(const json_t *request, char **ret, struct error *err) {
        const struct schema_document *d = *text_of(request, "kind") ? schema_document_find(text_of(request, "kind")) : NULL;
        _cleanup_json_ json_t *list = json_array();

        add_keys(*text_of(request, "kind") ? d ? d->type_114 ? d->type_114 : d->type ? d->type : &schema_free : &schema_free : &schema_v1alpha1, "", list);
        *ret = json_write(list);
        return 0;
}

/* Every kind of document, with the minor of the Talos that brought it, whether control planes alone have it, and whether its keys are known. */
static int kinds(const json_t *request, char **ret, struct error *err) {
        _cleanup_json_ json_t *list = json_array();
        const struct schema_document *d;

        for (size_t i = 0; (d = schema_document_at(i)); i++)
                json_array_append_new(list, json_pack("{s:s, s:i, s:b, s:b}", "kind", d->kind, "since", (int) d->since, "controlPlane", d->control_plane, "known", d->type != NULL));
        *ret = json_write(list);
        return 0;
}

static int answer(const json_t *request, char **ret, struct error *err) {
        static const struct { const char *op; int (*fn)(const json_t *request, char **ret, struct error *err); } ops[] = {
                { "patch", patch }, { "validate", validate }, { "secrets-import", import }, { "generate", generate }, { "json", json }, { "keys", keys }, { "kinds", kinds },
        };

        for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
                if (str_eq(ops[i].op, text_of(request, "op")))
                        return ops[i].fn(request, ret, err);
        return error_set(err, ERR_USAGE, "there is no op '%s'", text_of(request, "op"));
}

int main(void) {
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        while (getline(&line, &size, stdin) > 0) {
                _cleanup_error_ struct error err = ERROR_INIT;
                _cleanup_secret_ char *text = NULL;
                json_t *request = json_loads(line, JSON_ALLOW_NUL, NULL), *reply = json_object();
                bool ok = answer(request, &text, &err) >= 0;
                jset(reply, "ok", json_boolean(ok));
                jset_str(reply, ok ? "text" : "error", ok ? text : error_text(&err));
                char *out = json_write(reply);
                puts(out);
                fflush(stdout);
                free(out);
                json_decref(reply);
                json_decref(request);
        }
        return 0;
}
