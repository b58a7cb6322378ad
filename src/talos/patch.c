#include "talos/patch.h"

#include "talos/patch-merge.h"
#include "talos/patch-moved.h"
#include "talos/patch-schema.h"
#include "talos/tree.h"

/* Documents are one when apiVersion, kind and name are equal (talos: config/container). The v1alpha1 document has none of
 * them. */
static bool same_document(const struct yaml_node *a, const struct yaml_node *b) {
        static const char *const keys[] = { "apiVersion", "kind", "name" };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (!str_eq(yaml_str(yaml_get(a, keys[i])), yaml_str(yaml_get(b, keys[i]))))
                        return false;
        return true;
}

static ssize_t find_document(const struct yaml_docs *docs, size_t until, const struct yaml_node *wanted) {
        for (size_t i = 0; i < until; i++)
                if (docs->items[i]->type == YAML_MAP && same_document(docs->items[i], wanted))
                        return (ssize_t) i;
        return -1;
}

static const char *document_name(const struct yaml_node *d) {
        const char *kind = yaml_str(yaml_get(d, "kind"));

        return kind ? kind : "v1alpha1";
}

static int check_kind(const struct yaml_node *doc, const char *name, struct error *err) {
        const struct yaml_node *kind = yaml_get(doc, "kind"), *version = yaml_get(doc, "apiVersion");
        const struct schema_document *d;
        const char *kinds[160];
        size_t n = 0;

        if (!kind && !version)
                return 0;
        if (!kind || !version || !yaml_str(kind) || !yaml_str(version))
                return schema_error(err, name, doc->line, doc->column, "a document needs both apiVersion and kind, or neither");
        if (!str_eq(yaml_str(version), "v1alpha1"))
                return schema_error(err, name, version->line, version->column, "apiVersion '%s' is not v1alpha1",
                                    yaml_str(version));
        if (schema_of_document(doc))
                return 0;
        while (n + 1 < ARRAY_SIZE(kinds) && (d = schema_document_at(n)))
                kinds[n++] = d->kind;
        kinds[n] = NULL;
        const char *near = str_nearest(yaml_str(kind), kinds);
        if (near)
                return schema_error(err, name, kind->line, kind->column, "unknown kind '%s'; did you mean '%s'?",
                                    yaml_str(kind), near);
        return schema_error(err, name, kind->line, kind->column, "unknown kind '%s'", yaml_str(kind));
}

static int check_shape(const struct yaml_node *doc, const char *name, struct error *err) {
        if (doc->type == YAML_SEQ)
                return schema_error(err, name, doc->line, doc->column,
                                    "a list of operations (RFC 6902, JSON patch) cannot be applied: Talos refuses it for configs of "
                                    "several documents, which all configs since 1.12 are; write it as a strategic merge patch");
        if (doc->type != YAML_MAP)
                return schema_error(err, name, doc->line, doc->column, "a patch is a mapping such as 'machine: …'");
        return check_kind(doc, name, err);
}

/* A document that only deletes is none any more once its deletes are taken out, so the same one may follow it. */
static bool only_deletes(const struct yaml_node *doc) {
        _cleanup_patch_deletes_ struct patch_deletes deletes = { 0 };
        _cleanup_secret_tree_ struct yaml_node *copy = NULL;

        if (yaml_get(doc, "$patch"))
                return true;
        copy = yaml_copy(doc);
        return !yaml_get(doc, "kind") && patch_collect_deletes(copy, "patch", &deletes, NULL) >= 0 && deletes.n && copy->n == 0;
}

static bool stands_before(const struct yaml_docs *patch, size_t at) {
        for (size_t i = 0; i < at; i++)
                if (patch->items[i]->type == YAML_MAP && same_document(patch->items[i], patch->items[at]) && !only_deletes(patch->items[i]))
                        return true;
        return false;
}

/* Checks all documents of a patch; fills in the form that merging wants. in_order: it is for Talos 1.14, which applies one document after the other, also when
 * one stands there twice; up to 1.13 that is an error. */
static int check_documents(const struct yaml_docs *patch, bool in_order, const char *name, struct error *err) {
        for (size_t i = 0; i < patch->n; i++) {
                struct yaml_node *doc = patch->items[i];
                bool delete = false;
                if (doc->type == YAML_NULL)
                        continue;
                if (check_shape(doc, name, err) < 0 || patch_is_delete(doc, name, &delete, err) < 0)
                        return -1;
                if (!in_order && !only_deletes(doc) && stands_before(patch, i))
                        return schema_error(err, name, doc->line, doc->column, "the document '%s' stands twice in this patch",
                                            document_name(doc));
                /* Which of the two wins differs from release to release of Talos. */
                if (!in_order && delete && yaml_get(doc, "kind") && stands_before(patch, i))
                        return schema_error(err, name, doc->line, doc->column, "the document '%s' is defined and deleted in this patch", document_name(doc));
                if (!delete && schema_check(schema_of_document(doc), doc, name, err) < 0)
                        return -1;
        }
        return 0;
}

static void drop_document(struct yaml_docs *docs, size_t i) {
        tree_free_secret(docs->items[i]);
        memmove(&docs->items[i], &docs->items[i + 1], (docs->n - i - 1) * sizeof *docs->items);
        docs->n--;
}

/* Talos up to 1.13 appends the request itself to a config without that document and then panics. */
static int no_document(const struct yaml_node *doc, const char *name, struct error *err) {
        const char *of = yaml_str(yaml_get(doc, "name"));

        return schema_error(err, name, doc->line, doc->column, "cannot delete in '%s%s%s': the config has no such document",
                            document_name(doc),
                            of ? "/" : "", of ? of : "");
}

static int delete_document(struct yaml_docs *config, const struct yaml_node *doc, const char *name, struct error *err) {
        ssize_t at = find_document(config, config->n, doc);

        if (!yaml_get(doc, "kind"))
                return schema_error(err, name, doc->line, doc->column, "the v1alpha1 document as a whole cannot be deleted");
        if (at < 0)
                return no_document(doc, name, err);
        drop_document(config, (size_t) at);
        return 0;
}

/* Takes the deletes out of doc and carries them out. */
static int apply_deletes(struct yaml_docs *config, struct yaml_node *doc, const char *name, struct error *err) {
        _cleanup_patch_deletes_ struct patch_deletes deletes = { 0 };

        if (patch_collect_deletes(doc, name, &deletes, err) < 0)
                return -1;
        ssize_t at = find_document(config, config->n, doc);
        if (at < 0 && deletes.n)
                return no_document(doc, name, err);
        for (size_t i = 0; i < deletes.n; i++)
                if (patch_delete(schema_of_document(doc), config->items[at], &deletes.items[i], name, err) < 0)
                        return -1;
        return 0;
}

/* The type by which this config's Talos merges. */
static const struct schema *merge_type(const struct yaml_docs *config, const struct yaml_node *doc) {
        const char *kind = yaml_str(yaml_get(doc, "kind"));
        const struct schema_document *d = kind && config_is_documents(config) ? schema_document_find(kind) : NULL;

        return d && d->type_114 ? d->type_114 : schema_of_document(doc);
}

static int merge_document(struct yaml_docs *config, const struct yaml_node *doc, const char *name, struct error *err) {
        const struct schema *s = merge_type(config, doc);
        ssize_t at = find_document(config, config->n, doc);

        if (at < 0 && doc->n == 0)
                return 0;
        if (at < 0) {
                ARRAY_APPEND(config->items, config->n, yaml_copy(doc));
                at = (ssize_t) config->n - 1;
        } else if (patch_merge(s, config->items[at], doc, name, err) < 0)
                return -1;
        if (s != &schema_free)
                schema_order(s, config->items[at]);
        return 0;
}

static void copy_documents(const struct yaml_docs *from, struct yaml_docs *ret) {
        *ret = (struct yaml_docs) { 0 };
        for (size_t i = 0; i < from->n; i++)
                ARRAY_APPEND(ret->items, ret->n, yaml_copy(from->items[i]));
}

static bool is_v1alpha1(const struct yaml_node *doc) { return doc->type == YAML_MAP && !yaml_get(doc, "kind"); }

static int apply_other(struct yaml_docs *config, struct yaml_node *doc, const char *name, struct error *err) {
        bool delete;

        if (patch_is_delete(doc, name, &delete, err) < 0)
                return -1;
        if (delete)
                return delete_document(config, doc, name, err);
        return apply_deletes(config, doc, name, err) < 0 ? -1 : merge_document(config, doc, name, err);
}

/* The order in which Talos applies the documents of one patch (talos: config/container Documents()): all that is deleted in the v1alpha1 document, the
 * v1alpha1 document, then the others as they stand, what each deletes before the rest of it. */
static int apply_in_order(struct yaml_docs *config, const struct yaml_docs *patch, const char *name, struct error *err) {
        for (size_t i = 0; i < patch->n; i++) {
                struct yaml_node *doc = patch->items[i];
                if (is_v1alpha1(doc) && (yaml_get(doc, "$patch") ? delete_document(config, doc, name, err) : apply_deletes(config, doc, name, err)) < 0)
                        return -1;
        }
        for (size_t i = 0; i < patch->n; i++)
                if (is_v1alpha1(patch->items[i]) && merge_document(config, patch->items[i], name, err) < 0)
                        return -1;
        for (size_t i = 0; i < patch->n; i++)
                if (patch->items[i]->type == YAML_MAP && !is_v1alpha1(patch->items[i]) && apply_other(config, patch->items[i], name, err) < 0)
                        return -1;
        return 0;
}

static int check_elements(const struct yaml_docs *patch, const char *name, struct error *err) {
        for (size_t i = 0; i < patch->n; i++)
                if (patch->items[i]->type == YAML_MAP && schema_check_elements(schema_of_document(patch->items[i]), patch->items[i], name, err) < 0)
                        return -1;
        return 0;
}

/* patch is changed. */
static int apply_documents(struct yaml_docs *config, const struct yaml_docs *patch, const char *name, struct error *err) {
        bool documents = config_is_documents(config);
        _cleanup_(tree_docs_free_secret) struct yaml_docs work = { 0 };

        if (check_documents(patch, documents, name, err) < 0 || (documents && check_elements(patch, name, err) < 0))
                return -1;
        copy_documents(config, &work);
        if (apply_in_order(&work, patch, name, err) < 0 || patch_check_moved(&work, patch, name, err) < 0)
                return -1;
        struct yaml_docs old = *config;
        *config = work;
        work = old;
        return 0;
}

static int parse(const char *name, const char *text, size_t len, struct yaml_docs *ret, struct error *err) {
        int r = yaml_parse(name, text, len, ret, err);

        if (r < 0 && err)
                err->kind = ERR_PROFILE;
        return r;
}

/* Text inside a profile: its lines begin below the line of the block scalar's mark. */
static void move_lines(struct yaml_node *n, unsigned by) {
        if (n->line)
                n->line += by;
        for (size_t i = 0; i < n->n; i++) {
                if (n->type == YAML_MAP && n->pairs[i].line)
                        n->pairs[i].line += by;
                move_lines(n->type == YAML_MAP ? n->pairs[i].value : n->items[i], by);
        }
}

static int tree_documents(const char *name, const struct yaml_node *patch, struct yaml_docs *ret, struct error *err) {
        *ret = (struct yaml_docs) { 0 };
        if (patch->type != YAML_STR) {
                ARRAY_APPEND(ret->items, ret->n, yaml_copy(patch));
                return 0;
        }
        if (parse(name, patch->text, strlen(patch->text), ret, err) < 0)
                return error_wrap(err, "patch at line %u", patch->line);
        for (size_t i = 0; i < ret->n; i++)
                move_lines(ret->items[i], patch->block ? patch->line : patch->line ? patch->line - 1 : 0);
        return 0;
}

int talos_patch_apply(struct yaml_docs *config, const char *name, const char *text, size_t len, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs patch = { 0 };

        if (parse(name, text, len, &patch, err) < 0)
                return -1;
        return apply_documents(config, &patch, name, err);
}

int talos_patch_apply_tree(struct yaml_docs *config, const char *name, const struct yaml_node *patch, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs docs = { 0 };

        if (tree_documents(name, patch, &docs, err) < 0)
                return -1;
        return apply_documents(config, &docs, name, err);
}

/* Which Talos it is for is not known yet: what one of them takes passes. */
static int check_all(const struct yaml_docs *patch, const char *name, struct error *err) {
        if (check_documents(patch, true, name, err) < 0)
                return -1;
        for (size_t i = 0; i < patch->n; i++) {
                _cleanup_patch_deletes_ struct patch_deletes deletes = { 0 };
                if (patch->items[i]->type == YAML_MAP && !yaml_get(patch->items[i], "$patch") &&
                    patch_collect_deletes(patch->items[i], name, &deletes, err) < 0)
                        return -1;
        }
        return 0;
}

int talos_patch_check(const char *name, const char *text, size_t len, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs patch = { 0 };

        if (parse(name, text, len, &patch, err) < 0)
                return -1;
        return check_all(&patch, name, err);
}

int talos_patch_check_tree(const char *name, const struct yaml_node *patch, struct error *err) {
        _cleanup_(tree_docs_free_secret) struct yaml_docs docs = { 0 };

        if (tree_documents(name, patch, &docs, err) < 0)
                return -1;
        return check_all(&docs, name, err);
}
