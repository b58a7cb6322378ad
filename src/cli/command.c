#include "cli/command.h"

size_t command_group(const struct command *c) {
        size_t len = strcspn(c->name, " ");

        return c->name[len] ? len : 0;
}

static bool is_of_group(const struct command *c, const char *word, size_t len) {
        return command_group(c) == len && len > 0 && strncmp(c->name, word, len) == 0;
}

bool command_is_group(const char *word) {
        for (const struct command *const *c = commands; *c; c++)
                if (is_of_group(*c, word, strlen(word)))
                        return true;
        return false;
}

bool command_group_is_named(const struct command *const *c) {
        for (const struct command *const *i = commands; i < c; i++)
                if (is_of_group(*i, (*c)->name, command_group(*c)))
                        return true;
        return false;
}

static const struct command *find(const char *name) {
        for (const struct command *const *c = commands; *c; c++)
                if (str_eq((*c)->name, name))
                        return *c;
        return NULL;
}

/* "config" alone, or with a word that the group has not got. */
static int unknown_in_group(const char *group, const char *word, struct error *err) {
        _cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
        _cleanup_strv_ struct strv names = { 0 };
        const char *near;

        for (const struct command *const *c = commands; *c; c++)
                if (is_of_group(*c, group, strlen(group))) {
                        strbuf_addf(&list, "%s%s", list.len ? ", " : "", (*c)->name + strlen(group) + 1);
                        strv_add(&names, (*c)->name + strlen(group) + 1);
                }
        if (!word)
                error_set(err, ERR_USAGE, "hcloud-v6 %s needs one of: %s", group, strbuf_str(&list));
        else {
                ARRAY_APPEND(names.items, names.n, (char *) NULL);
                near = str_nearest(word, (const char *const *) names.items);
                names.n--;
                if (near)
                        error_set(err, ERR_USAGE, "unknown command '%s %s'; did you mean '%s %s'?", group, word, group, near);
                else
                        error_set(err, ERR_USAGE, "unknown command '%s %s'; there are: %s", group, word, strbuf_str(&list));
        }
        return error_hint(err, "hcloud-v6 %s --help", group);
}

static int unknown_command(const char *word, struct error *err) {
        _cleanup_strv_ struct strv names = { 0 };
        const char *near;

        for (const struct command *const *c = commands; *c; c++)
                strv_take(&names, xstrndup((*c)->name, strcspn((*c)->name, " ")));
        ARRAY_APPEND(names.items, names.n, (char *) NULL);
        near = str_nearest(word, (const char *const *) names.items);
        names.n--;
        error_set(err, ERR_USAGE, near ? "unknown command '%s'; did you mean '%s'?" : "unknown command '%s'", word, near);
        return error_hint(err, "hcloud-v6 --help");
}

int command_match(const char *const *words, size_t n, const struct command **ret, size_t *ret_words, struct error *err) {
        const struct command *c = find(words[0]);
        _cleanup_str_ char *both = n > 1 ? xasprintf("%s %s", words[0], words[1]) : NULL;

        *ret_words = 1;
        if (!c && both && (c = find(both)))
                *ret_words = 2;
        if (!c)
                return command_is_group(words[0]) ? unknown_in_group(words[0], n > 1 && words[1][0] != '-' ? words[1] : NULL, err)
                                                  : unknown_command(words[0], err);
        *ret = c;
        return 0;
}
