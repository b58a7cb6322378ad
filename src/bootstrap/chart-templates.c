#include "bootstrap/chart-templates.h"

#include <ctype.h>

/* How far behind a `with` its body is looked at for something that writes the whole map. */
#define WITH_BODY 240
/* How far an action reaches to either side of a place in it, and how many places of one path are looked at: real charts have shorter actions and fewer
 * places (a few hundred in the largest), and what a hostile one costs stays within bounds. */
#define ACTION_MAX 4096
#define USES_MAX 2000

static bool is_word(char c) {
        return isalnum((unsigned char) c) || c == '_';
}

/* "((.Values.a).b).c" asks for .Values.a.b.c without failing where a or b is missing: the brackets go. */
static void drop_brackets(char *text) {
        char *to = text;

        for (const char *p = text; *p; p++)
                if (!(p[0] == ')' && p[1] == '.' && is_word(p[2])))
                        *to++ = *p;
        *to = '\0';
}

char *chart_templates_text(const struct chart_files *files, const char *folder) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

        for (size_t i = 0; i < files->n; i++)
                if (str_starts(files->items[i].path, folder)) {
                        strbuf_adds(&b, files->items[i].text);      /* up to a NUL, which no template has */
                        strbuf_addc(&b, '\n');
                }
        char *text = strbuf_take(&b);
        drop_brackets(text);
        return text;
}

/* The next place at or after `at` where the map at path itself is meant, and not a key in it. */
static const char *next_use(const char *at, const char *path, size_t *ret_len) {
        _cleanup_str_ char *wanted = xasprintf(".Values%s%s", *path ? "." : "", path);
        size_t len = strlen(wanted);

        for (const char *p = at; (p = strstr(p, wanted)); p += len)
                if (!is_word(p[len]) && !(p[len] == '.' && is_word(p[len + 1]))) {
                        *ret_len = len;
                        return p;
                }
        return NULL;
}

/* The action "{{ … }}" around a place. Owned. */
static char *action_around(const char *text, const char *at) {
        const char *begin = at, *end = memmem(at, strnlen(at, ACTION_MAX), "}}", 2);

        while (begin > text && at - begin < ACTION_MAX && !(begin[0] == '{' && begin[1] == '{'))
                begin--;
        return end ? xstrndup(begin, (size_t) (end - begin)) : xstrdup("");
}

/* A function's name, not the same word in quotes or as part of another. */
static bool calls(const char *action, const char *word) {
        size_t len = strlen(word);

        for (const char *p = action; (p = strstr(p, word)); p += len)
                if (p > action && strchr(" \t\n(|{-", p[-1]) && strchr(" \t\n(", p[len]))
                        return true;
        return false;
}

static bool calls_any(const char *action, const char *const *words) {
        for (; *words; words++)
                if (calls(action, *words))
                        return true;
        return false;
}

static bool body_writes_all(const char *after) {
        _cleanup_str_ char *body = xstrndup(after, WITH_BODY);

        return strstr(body, "toYaml .") || strstr(body, "toYaml $") || strstr(body, "toJson .") || strstr(body, "range ") || strstr(body, "tpl ");
}

enum template_use chart_template_use(const char *text, const char *path) {
        static const char *const whole[] = { "toYaml", "toYamlPretty", "toJson", "toPrettyJson", "toRawJson", "toString", "range", "tpl", "include", "template", "dict", "list",
                                             "keys", "values", "pick", "omit", "merge", "mustMerge", "mergeOverwrite", "mustMergeOverwrite", "deepCopy", "mustDeepCopy", NULL };
        enum template_use use = TEMPLATE_BY_KEY;
        size_t len, uses = 0;

        for (const char *p = text; (p = next_use(p, path, &len)); p += len) {
                if (++uses > USES_MAX)
                        return TEMPLATE_WHOLE;      /* in doubt a key is known */
                _cleanup_str_ char *action = action_around(text, p);
                bool scoped = calls(action, "with") || strstr(action, ":=") || strstr(action, "= .");

                if (calls_any(action, whole) || (calls(action, "with") && body_writes_all(p + len)))
                        return TEMPLATE_WHOLE;
                if (scoped)
                        use = TEMPLATE_SCOPED;
        }
        return use;
}

bool chart_template_mentions(const char *text, const char *path, const char *key) {
        _cleanup_str_ char *wanted = xasprintf(".Values%s%s.%s", *path ? "." : "", path, key), *quoted = xasprintf("\"%s\"", key);
        size_t len = strlen(wanted), uses = 0;

        for (const char *p = text; (p = strstr(p, wanted)); p += len)
                if (!is_word(p[len]))
                        return true;
        for (const char *p = text; (p = next_use(p, path, &len)); p += len) {
                if (++uses > USES_MAX)
                        return true;
                _cleanup_str_ char *action = action_around(text, p);
                if (strstr(action, quoted))
                        return true;
        }
        return false;
}

bool chart_template_mentions_anywhere(const char *text, const char *key) {
        _cleanup_str_ char *dotted = xasprintf(".%s", key), *quoted = xasprintf("\"%s\"", key);
        size_t len = strlen(dotted);

        for (const char *p = text; (p = strstr(p, dotted)); p += len)
                if (!is_word(p[len]))
                        return true;
        return strstr(text, quoted) != NULL;
}
