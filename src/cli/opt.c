#include "cli/opt.h"

#include <stdio.h>

static const char *const outputs[] = { "text", "json", NULL };

const struct opt common_opts[] = {
        { .name = "cluster", .type = OPT_STRING, .offset = offsetof(struct common_options, cluster), .value_name = "NAME",
          .help = "the cluster to work on; else the profile's name, else 'default'" },
        { .name = "output", .letter = 'o', .type = OPT_STRING, .offset = offsetof(struct common_options, output),
          .value_name = "text|json", .choices = outputs, .help = "how to print: for people, or JSON for programs" },
        { .name = "timings", .type = OPT_OPTIONAL, .offset = offsetof(struct common_options, timings), .value_name = "FILE.json",
          .help = "show how long each step took, the critical path and the API calls; with =FILE.json write a trace for Perfetto" },
        { .name = "debug", .type = OPT_FLAG, .offset = offsetof(struct common_options, debug),
          .help = "show every request and answer on standard error, secrets cut out" },
        { .name = "help", .letter = 'h', .type = OPT_FLAG, .offset = offsetof(struct common_options, help), .help = "show this help" },
        { .name = NULL },
};

void opt_each(const struct opt *table, void (*fn)(const struct opt *o, void *data), void *data) {
        for (const struct opt *o = table; o && o->name; o++)
                fn(o, data);
        for (const struct opt *o = common_opts; o->name; o++)
                fn(o, data);
}

static const struct opt *find_in(const struct opt *table, const char *name, size_t len, char letter) {
        for (const struct opt *o = table; o && o->name; o++)
                if (letter ? o->letter == letter : strlen(o->name) == len && strncmp(o->name, name, len) == 0)
                        return o;
        return NULL;
}

static const struct opt *find(const struct opt *table, const char *name, size_t len, char letter) {
        const struct opt *o = find_in(table, name, len, letter);

        return o ? o : find_in(common_opts, name, len, letter);
}

struct names { const char **items; size_t n; };

static void collect_name(const struct opt *o, void *data) {
        struct names *names = data;
        ARRAY_APPEND(names->items, names->n, o->name);
}

static int unknown(const struct opt *table, const char *arg, const char *name, struct error *err) {
        struct names names = { 0 };
        const char *near;

        opt_each(table, collect_name, &names);
        ARRAY_APPEND(names.items, names.n, (const char *) NULL);
        near = str_nearest(name, names.items);
        free(names.items);
        if (near)
                return error_set(err, ERR_USAGE, "unknown option '%s'; did you mean '--%s'?", arg, near);
        return error_set(err, ERR_USAGE, "unknown option '%s'; --help lists them", arg);
}

static int check_choice(const struct opt *o, const char *value, struct error *err) {
        if (!o->choices)
                return 0;
        for (const char *const *c = o->choices; *c; c++)
                if (str_eq(*c, value))
                        return 0;
        return error_set(err, ERR_USAGE, "--%s takes %s, not '%s'", o->name, o->value_name, value);
}

static int store_integer(const struct opt *o, void *target, const char *value, struct error *err) {
        struct opt_int *i = target;

        if (!parse_int64(value, o->min, o->max, &i->value))
                return error_set(err, ERR_USAGE, "--%s takes a whole number from %lld to %lld, not '%s'", o->name, (long long) o->min,
                                 (long long) o->max, value);
        i->is_set = true;
        return 0;
}

static int store(const struct opt *o, void *options, const char *value, struct error *err) {
        void *target = (char *) options + o->offset;
        int r;

        if (value && str_empty(value) && o->type != OPT_OPTIONAL)
                return error_set(err, ERR_USAGE, "--%s needs a value that is not empty", o->name);
        r = value ? check_choice(o, value, err) : 0;
        if (r < 0)
                return r;
        switch (o->type) {
        case OPT_FLAG:
                *(bool *) target = true;
                return 0;
        case OPT_NEGATED:
                *(bool *) target = false;
                return 0;
        case OPT_STRING:
                *(const char **) target = value;
                return 0;
        case OPT_OPTIONAL:
                *(const char **) target = value ? value : "";
                return 0;
        case OPT_LIST:
                strv_split(target, value, ',');
                return 0;
        case OPT_INTEGER:
                return store_integer(o, target, value, err);
        }
        return error_set(err, ERR_BUG, "option '--%s' has no type", o->name);
}

static bool takes_value(const struct opt *o) {
        return o->type == OPT_STRING || o->type == OPT_LIST || o->type == OPT_INTEGER;
}

/* Parses the option at argv[*i] and moves *i past what it used. */
static int parse_one(const struct opt *table, int argc, char **argv, int *i, void *options, struct error *err) {
        const char *arg = argv[*i], *name = arg + 2, *value = NULL;
        const struct opt *o;
        size_t len;

        if (arg[1] != '-') {
                o = find(table, NULL, 0, arg[1]);
                if (!o)
                        return unknown(table, arg, arg + 1, err);
                value = arg[2] ? arg + 2 : NULL;
        } else {
                len = strcspn(name, "=");
                o = find(table, name, len, 0);
                if (!o) {
                        _cleanup_str_ char *bare = xstrndup(name, len);
                        return unknown(table, arg, bare, err);
                }
                value = name[len] == '=' ? name + len + 1 : NULL;
        }
        if (value && (o->type == OPT_FLAG || o->type == OPT_NEGATED))
                return error_set(err, ERR_USAGE, "--%s takes no value", o->name);
        if (!value && takes_value(o)) {
                if (*i + 1 >= argc)
                        return error_set(err, ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->value_name);
                value = argv[++*i];
        }
        return store(o, options, value, err);
}

int opt_parse(const struct opt *table, int argc, char **argv, void *options, struct strv *args, struct error *err) {
        for (int i = 0; i < argc; i++) {
                int r;

                if (str_eq(argv[i], "--")) {
                        while (++i < argc)
                                strv_add(args, argv[i]);
                        return 0;
                }
                if (argv[i][0] != '-' || argv[i][1] == '\0') {
                        strv_add(args, argv[i]);
                        continue;
                }
                r = parse_one(table, argc, argv, &i, options, err);
                if (r < 0)
                        return r;
        }
        return 0;
}

void opt_done(const struct opt *table, void *options) {
        for (const struct opt *o = table; o && o->name; o++)
                if (o->type == OPT_LIST)
                        strv_done((struct strv *) ((char *) options + o->offset));
}
