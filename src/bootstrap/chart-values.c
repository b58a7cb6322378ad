/* Values against what a chart knows. Helm takes any key and ignores those that nothing reads; a false alarm would be worse than a missed one, so whatever
 * might be read somewhere counts as known. */
#include <ctype.h>

#include "base/json.h"
#include "base/yaml.h"
#include "bootstrap/chart-files.h"
#include "bootstrap/chart-templates.h"

#define DEPTH_MAX 8                      /* subcharts of subcharts */
#define NEAREST_MAX 512                  /* siblings that are looked at for a slip */
#define SUBCHARTS_MAX 500                /* of one chart */

void unknown_values_done(struct unknown_values *u) {
        for (size_t i = 0; i < u->n; i++) {
                free(u->items[i].path);
                free(u->items[i].nearest);
        }
        free(u->items);
        *u = (struct unknown_values) { 0 };
}

/* A chart, or a subchart of one. */
struct known {
        struct yaml_node *defaults;      /* values.yaml; may be NULL */
        const char *defaults_text;       /* borrowed; "" when there is none */
        json_t *schema;                  /* values.schema.json; may be NULL */
        char *templates;
        struct strv subcharts;           /* names and aliases */
        const struct chart_files *files; /* borrowed */
        const char *folder;              /* "" or "charts/NAME/"; borrowed */
        const char *shown;               /* what stands before its paths on screen: "" or "NAME."; borrowed */
        struct unknown_values *found;    /* borrowed */
        unsigned depth;
};

static void known_done(struct known *k) {
        yaml_free(k->defaults);
        json_decref(k->schema);
        free(k->templates);
        strv_done(&k->subcharts);
}

static const struct chart_file *file_of(const struct known *k, const char *name) {
        _cleanup_str_ char *path = xasprintf("%s%s", k->folder, name);

        return chart_files_find(k->files, path);
}

static int read_map(const struct known *k, const char *name, struct yaml_node **ret, struct error *err) {
        const struct chart_file *f = file_of(k, name);

        *ret = NULL;
        return f ? yaml_parse_one(f->path, f->text, f->len, ret, err) : 0;
}

/* Each name once: a chart that names one a thousand times would be read a thousand times, and that again in each of its subcharts. */
static int add_subchart(struct known *k, const char *name, struct error *err) {
        if (!name || strv_has(&k->subcharts, name))
                return 0;
        if (k->subcharts.n == SUBCHARTS_MAX)
                return error_set(err, ERR_INVALID, "%sChart.yaml: more than %d subcharts", k->folder, SUBCHARTS_MAX);
        strv_add(&k->subcharts, name);
        return 0;
}

/* Names of subcharts: those that Chart.yaml depends on, by their aliases too, and the folders and archives below charts/. */
static int find_subcharts(struct known *k, struct error *err) {
        _cleanup_(yaml_freep) struct yaml_node *meta = NULL;
        _cleanup_str_ char *below = xasprintf("%scharts/", k->folder);
        const struct yaml_node *wanted;

        if (read_map(k, "Chart.yaml", &meta, err) < 0)
                return -1;
        wanted = yaml_get(meta, "dependencies");
        for (size_t i = 0; wanted && wanted->type == YAML_SEQ && i < wanted->n; i++) {
                const char *name = yaml_str(yaml_get(wanted->items[i], "name")), *alias = yaml_str(yaml_get(wanted->items[i], "alias"));
                if (add_subchart(k, name, err) < 0 || add_subchart(k, alias, err) < 0)
                        return -1;
        }
        for (size_t i = 0; i < k->files->n; i++) {
                const char *rest = k->files->items[i].path + strlen(below);
                if (!str_starts(k->files->items[i].path, below))
                        continue;
                _cleanup_str_ char *name = xstrndup(rest, strcspn(rest, "/"));
                if (strchr(rest, '/') && add_subchart(k, name, err) < 0)
                        return -1;
        }
        return 0;
}

static int known_read(struct known *k, struct error *err) {
        const struct chart_file *schema = file_of(k, "values.schema.json"), *text = file_of(k, "values.yaml");
        _cleanup_str_ char *folder = xasprintf("%stemplates/", k->folder);

        k->defaults_text = text ? text->text : "";
        k->templates = chart_templates_text(k->files, folder);
        if (read_map(k, "values.yaml", &k->defaults, err) < 0 || find_subcharts(k, err) < 0)
                return -1;
        if (!schema || json_parse(schema->path, schema->text, schema->len, &k->schema, err) >= 0)
                return 0;
        if (err)
                err->kind = ERR_INVALID;
        return -1;
}

/* ---- what is known ---- */

static bool is_map(const struct yaml_node *n) {
        return n && n->type == YAML_MAP;
}

/* Only such names can stand in a template after a dot. */
static bool is_identifier(const char *s) {
        for (const char *p = s; *p; p++)
                if (!isalnum((unsigned char) *p) && *p != '_')
                        return false;
        return *s && !isdigit((unsigned char) *s);
}

static unsigned last_line(const struct yaml_node *n) {
        unsigned last = n->line;

        for (size_t i = 0; i < n->n; i++) {
                unsigned below = last_line(n->type == YAML_MAP ? n->pairs[i].value : n->items[i]);
                last = MAX(last, below);
        }
        return last;
}

/* "  # key: …" in the column of a map's keys: an optional value that is only shown. At most one blank after the #, or it is an example in prose. */
static bool is_commented_key(const char *line, size_t len, unsigned column, const char *key) {
        size_t at = column - 1, key_len = strlen(key);

        if (len < at + key_len + 2 || strspn(line, " ") != at || line[at] != '#')
                return false;
        at += line[at + 1] == ' ' ? 2 : 1;
        return len >= at + key_len + 1 && strncmp(line + at, key, key_len) == 0 && line[at + key_len] == ':';
}

/* Among the comments between a map's first and last line, and those around it. */
static bool is_commented_out(const char *text, const struct yaml_node *map, const char *key) {
        unsigned first = map->pairs[0].line, last = last_line(map), line = 1;
        bool before = false;             /* a comment right before the map's first line has the key */

        for (const char *p = text; *p; line++) {
                size_t len = strcspn(p, "\n"), blank = strspn(p, " ");
                bool comment = p[blank] == '#' || blank == len, hit = is_commented_key(p, len, map->pairs[0].column, key);

                if (line < first)
                        before = comment && (before || hit);
                else if ((line == first && before) || hit)
                        return true;
                else if (line > last && !comment)
                        return false;
                p += len + (p[len] == '\n');
        }
        return false;
}

/* Does a chart that keeps this map out of our sight have a use for the key? */
static bool may_be_read(const struct known *k, const char *path, const char *key) {
        for (const char *p = path; *p; p += strcspn(p, ".") + (p[strcspn(p, ".")] == '.')) {
                _cleanup_str_ char *part = xstrndup(p, strcspn(p, "."));
                if (!is_identifier(part))
                        return true;
        }
        enum template_use use = chart_template_use(k->templates, path);
        if (use == TEMPLATE_WHOLE && *path)
                return true;
        return use != TEMPLATE_BY_KEY && chart_template_mentions_anywhere(k->templates, key);
}

static bool knows(const struct known *k, const char *path, const char *key, const struct yaml_node *defaults, const json_t *schema) {
        return yaml_pair(defaults, key) || json_object_get(jget(schema, "properties"), key) || chart_template_mentions(k->templates, path, key) ||
               (is_map(defaults) && defaults->n > 0 && is_commented_out(k->defaults_text, defaults, key)) || may_be_read(k, path, key);
}

/* ---- what was meant ---- */

/* A path below the map that ends in this very key, if there is exactly one. */
static void find_deeper(const struct yaml_node *map, const char *path, const char *key, char **ret, size_t *count) {
        for (size_t i = 0; is_map(map) && i < map->n; i++) {
                bool hit = str_eq(map->pairs[i].key, key), has_more = is_map(map->pairs[i].value) && map->pairs[i].value->n > 0;
                if (!hit && !has_more)
                        continue;
                _cleanup_str_ char *here = xasprintf("%s%s%s", path, *path ? "." : "", map->pairs[i].key);
                if (hit && (*count)++ == 0)
                        *ret = xstrdup(here);
                find_deeper(map->pairs[i].value, here, key, ret, count);
        }
}

static char *nearest_of(const struct known *k, const char *path, const char *key, const struct yaml_node *defaults) {
        const char *names[NEAREST_MAX + 1];
        char *deeper = NULL;
        size_t count = 0, n = 0;

        for (; is_map(defaults) && n < defaults->n && n < NEAREST_MAX; n++)
                names[n] = defaults->pairs[n].key;
        names[n] = NULL;
        const char *near = str_nearest(key, names);
        if (near)
                return xasprintf("%s%s%s%s", k->shown, path, *path ? "." : "", near);
        find_deeper(defaults, path, key, &deeper, &count);
        if (count == 1) {
                char *shown = xasprintf("%s%s", k->shown, deeper);
                free(deeper);
                return shown;
        }
        free(deeper);
        return NULL;
}

/* "hostPort" with nothing in it but `enabled` is shown as "hostPort.enabled". */
static void report(const struct known *k, const char *path, const struct yaml_pair *p, const struct yaml_node *defaults) {
        struct unknown_value u = { .path = xasprintf("%s%s%s%s", k->shown, path, *path ? "." : "", p->key), .line = p->line, .column = p->column };

        u.nearest = nearest_of(k, path, p->key, defaults);
        for (const struct yaml_node *v = p->value; is_map(v) && v->n == 1; v = v->pairs[0].value) {
                char *longer = xasprintf("%s.%s", u.path, v->pairs[0].key);
                free(u.path);
                u.path = longer;
        }
        ARRAY_APPEND(k->found->items, k->found->n, u);
}

/* ---- the walk ---- */

/* Maps of Kubernetes itself, which charts write out by ways of their own. */
static bool is_free_form(const char *key) {
        static const char *const names[] = { "annotations", "labels", "nodeSelector", "affinity", "resources", "tolerations", "matchLabels", NULL };

        for (size_t i = 0; names[i]; i++)
                if (str_eq(names[i], key))
                        return true;
        return str_ends(key, "Annotations") || str_ends(key, "Labels");
}

static void walk(const struct known *k, const char *path, const struct yaml_node *values, const struct yaml_node *defaults, const json_t *schema) {
        for (size_t i = 0; i < values->n; i++) {
                const struct yaml_pair *p = &values->pairs[i];
                const struct yaml_node *below = yaml_get(defaults, p->key);
                const json_t *rules = json_object_get(jget(schema, "properties"), p->key);
                _cleanup_str_ char *here = xasprintf("%s%s%s", path, *path ? "." : "", p->key);

                if (!*path && (str_eq(p->key, "global") || strv_has(&k->subcharts, p->key)))
                        continue;
                if (!knows(k, path, p->key, defaults, schema)) {
                        report(k, path, p, defaults);
                        continue;
                }
                /* An empty map, null or a list by default says nothing of what may stand there. */
                bool described = (is_map(below) && below->n > 0) || (!below && json_object_size(jget(rules, "properties")) > 0);
                if (is_map(p->value) && described && !is_free_form(p->key) && !jget(rules, "additionalProperties") && !jget(rules, "patternProperties") &&
                    chart_template_use(k->templates, here) != TEMPLATE_WHOLE)
                        walk(k, here, p->value, below, rules);
        }
}

static int check_subchart(const struct known *parent, const char *name, const struct yaml_node *values, struct error *err) {
        _cleanup_str_ char *folder = xasprintf("%scharts/%s/", parent->folder, name), *shown = xasprintf("%s%s.", parent->shown, name);
        _cleanup_(known_done) struct known k = { .files = parent->files, .folder = folder, .shown = shown, .found = parent->found,
                                                    .depth = parent->depth + 1 };

        /* An alias, or an archive inside the archive: not looked into. */
        if (!is_map(values) || k.depth > DEPTH_MAX || !file_of(&k, "values.yaml"))
                return 0;
        if (known_read(&k, err) < 0)
                return error_wrap(err, "subchart '%s'", name);
        if (!is_map(k.defaults))
                return 0;
        /* What the parent's values.yaml says of a subchart counts beside the subchart's own. */
        yaml_overlay(k.defaults, yaml_get(parent->defaults, name));
        if (!yaml_get(k.defaults, "enabled"))
                yaml_set_bool(k.defaults, "enabled", true);     /* the usual condition of a dependency */
        walk(&k, "", values, k.defaults, k.schema);
        for (size_t i = 0; i < k.subcharts.n; i++)
                if (check_subchart(&k, k.subcharts.items[i], yaml_get(values, k.subcharts.items[i]), err) < 0)
                        return -1;
        return 0;
}

int bootstrap_check_values(const struct chart *chart, const struct yaml_node *values, struct unknown_values *ret, struct error *err) {
        _cleanup_(chart_files_done) struct chart_files files = { 0 };
        _cleanup_(unknown_values_done) struct unknown_values found = { 0 };
        _cleanup_(known_done) struct known k = { .files = &files, .folder = "", .shown = "", .found = &found };

        if (chart_files_read(chart->data, chart->len, &files, err) < 0 || known_read(&k, err) < 0)
                return error_wrap(err, "reading chart '%s' %s", chart->name, chart->version);
        /* Without values.yaml nothing is described. */
        if (is_map(values) && is_map(k.defaults) && k.defaults->n > 0) {
                walk(&k, "", values, k.defaults, k.schema);
                for (size_t i = 0; i < k.subcharts.n; i++)
                        if (check_subchart(&k, k.subcharts.items[i], yaml_get(values, k.subcharts.items[i]), err) < 0)
                                return -1;
        }
        *ret = found;
        found = (struct unknown_values) { 0 };
        return 0;
}
