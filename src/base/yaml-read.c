/* libyaml's events to a tree. Everything that two readers could understand differently is refused here. */
#include <yaml.h>

#include "base/yaml-internal.h"

enum {
        MAX_INPUT = 8 * 1024 * 1024,
        MAX_DEPTH = 64,
        MAX_KEY = 512,            /* libyaml itself cannot find keys longer than 1024 characters */
        MAX_COPIED = 10000,       /* by all aliases of one input together, as weigh() counts */
        MAX_ANCHORS = 10000,      /* of one document: each alias looks through them */
        MAX_NODES = 500000,       /* a node takes some 200 bytes, and two are enough to write one */
        MAX_TAG_LINES = 100,      /* "%TAG": libyaml compares each with all before it */
};

struct anchor {
        char *name;
        const struct yaml_node *node; /* in the tree being built */
};

struct reader {
        yaml_parser_t parser;
        const char *name;
        struct anchor *anchors;
        size_t n_anchors;
        size_t copied, nodes;
        struct error *err;
};

_printf_(3, 4) static int fail_at(struct reader *r, const yaml_mark_t *mark, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        va_list ap;
        va_start(ap, fmt);
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        return error_set(r->err, ERR_INVALID, "%s:%zu:%zu: %s", r->name, mark->line + 1, mark->column + 1, strbuf_str(&b));
}

static int next_event(struct reader *r, yaml_event_t *ret) {
        if (yaml_parser_parse(&r->parser, ret))
                return 0;
        const char *problem = r->parser.problem ? r->parser.problem : "cannot be read";
        /* What the reader stage refuses (bytes that are no UTF-8, control characters) has an offset instead of a mark. */
        yaml_mark_t mark = r->parser.error == YAML_READER_ERROR ? r->parser.mark : r->parser.problem_mark;
        if (r->parser.error != YAML_READER_ERROR && r->parser.context)
                return fail_at(r, &mark, "%s (%s)", problem, r->parser.context);
        return fail_at(r, &mark, "%s", problem);
}

static void forget_anchors(struct reader *r) {
        for (size_t i = 0; i < r->n_anchors; i++)
                free(r->anchors[i].name);
        free(r->anchors);
        r->anchors = NULL;
        r->n_anchors = 0;
}

static int add_anchor(struct reader *r, const yaml_mark_t *mark, const yaml_char_t *name, const struct yaml_node *node) {
        if (!name)
                return 0;
        if (r->n_anchors == MAX_ANCHORS)
                return fail_at(r, mark, "more than %d anchors", MAX_ANCHORS);
        struct anchor a = { .name = xstrdup((const char *) name), .node = node };
        ARRAY_APPEND(r->anchors, r->n_anchors, a);
        return 0;
}

/* Counts nodes, a long text as one for each KiB, up to a limit: neither a tree of aliases to aliases nor many aliases of one long text cost more than that. */
static size_t weigh(const struct yaml_node *n, size_t limit) {
        size_t weight = 1 + (n->text ? strlen(n->text) / 1024 : 0);
        for (size_t i = 0; i < n->n && weight <= limit; i++)
                weight += weigh(n->type == YAML_MAP ? n->pairs[i].value : n->items[i], limit - weight);
        return weight;
}

static size_t depth_of(const struct yaml_node *n) {
        size_t deepest = 0;
        for (size_t i = 0; i < n->n; i++) {
                size_t d = depth_of(n->type == YAML_MAP ? n->pairs[i].value : n->items[i]);
                deepest = MAX(deepest, d);
        }
        return deepest + 1;
}

static int read_alias(struct reader *r, const yaml_event_t *event, unsigned depth, struct yaml_node **ret) {
        const char *name = (const char *) event->data.alias.anchor;
        for (size_t i = r->n_anchors; i-- > 0;) {
                if (!str_eq(r->anchors[i].name, name))
                        continue;
                r->copied += weigh(r->anchors[i].node, MAX_COPIED);
                if (r->copied > MAX_COPIED || depth + depth_of(r->anchors[i].node) > MAX_DEPTH)
                        return fail_at(r, &event->start_mark, "aliases make this too large");
                *ret = yaml_copy(r->anchors[i].node);
                return 0;
        }
        return fail_at(r, &event->start_mark, "the alias '*%s' has no anchor before it", name);
}

static bool has_type_of_tag(const struct yaml_node *n, const char *tag) {
        return (str_eq(tag, YAML_INT_TAG) && n->type == YAML_INT) || (str_eq(tag, YAML_BOOL_TAG) && n->type == YAML_BOOL) ||
               (str_eq(tag, YAML_NULL_TAG) && n->type == YAML_NULL) ||
               (str_eq(tag, YAML_FLOAT_TAG) && (n->type == YAML_FLOAT || n->type == YAML_INT));
}

static int read_scalar(struct reader *r, const yaml_event_t *event, struct yaml_node **ret) {
        const char *text = (const char *) event->data.scalar.value, *tag = (const char *) event->data.scalar.tag;
        if (strlen(text) != event->data.scalar.length)
                return fail_at(r, &event->start_mark, "a NUL character in a text");
        _cleanup_(yaml_freep) struct yaml_node *n = yaml_new_scalar(YAML_STR, xstrdup(text));
        yaml_scalar_style_t style = event->data.scalar.style;
        n->quoted = style != YAML_PLAIN_SCALAR_STYLE;
        n->block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
        if (tag && (str_eq(tag, "!") || str_eq(tag, YAML_STR_TAG)))
                n->quoted = true;
        else if (!n->quoted || tag)
                yaml_resolve(n);
        if (tag && !str_eq(tag, "!") && !str_eq(tag, YAML_STR_TAG) && !has_type_of_tag(n, tag))
                return fail_at(r, &event->start_mark, "the tag '%s' does not fit or is not understood", tag);
        *ret = TAKE(n);
        return 0;
}

static int read_node(struct reader *r, const yaml_event_t *event, unsigned depth, struct yaml_node **ret);

static int read_key(struct reader *r, const yaml_event_t *event, struct yaml_pair *ret) {
        if (event->type != YAML_SCALAR_EVENT)
                return fail_at(r, &event->start_mark, "a key must be plain text");
        const char *key = (const char *) event->data.scalar.value;
        size_t n = event->data.scalar.length;
        if (n > MAX_KEY)
                return fail_at(r, &event->start_mark, "a key longer than %d bytes", MAX_KEY);
        for (size_t i = 0; i < n; i++)
                if ((unsigned char) key[i] < 0x20)
                        return fail_at(r, &event->start_mark, "a control character in a key");
        if (strcmp(key, "<<") == 0 && event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
                return fail_at(r, &event->start_mark, "merge keys (<<) are not supported; write the keys out");
        *ret = (struct yaml_pair) { .key = xstrdup(key),
                                    .line = (unsigned) event->start_mark.line + 1,
                                    .column = (unsigned) event->start_mark.column + 1 };
        return 0;
}

static int by_key_then_place(const void *a, const void *b) {
        const struct yaml_pair *p = *(const struct yaml_pair *const *) a, *q = *(const struct yaml_pair *const *) b;
        int order = strcmp(p->key, q->key);
        return order ? order : p < q ? -1 : p > q;
}

/* Sorted, since a hostile file has a million keys. The first of all second occurrences is reported. */
static int refuse_duplicates(struct reader *r, const struct yaml_node *map) {
        if (map->n < 2)
                return 0;
        _cleanup_free_ const struct yaml_pair **sorted = xcalloc(map->n, sizeof(*sorted));
        for (size_t i = 0; i < map->n; i++)
                sorted[i] = &map->pairs[i];
        qsort(sorted, map->n, sizeof(*sorted), by_key_then_place);
        const struct yaml_pair *found = NULL;
        for (size_t i = 1; i < map->n; i++)
                if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0 && (!found || sorted[i] < found))
                        found = sorted[i];
        if (!found)
                return 0;
        const struct yaml_pair *first = yaml_pair(map, found->key);
        yaml_mark_t mark = { .line = found->line - 1, .column = found->column - 1 };
        return fail_at(r, &mark, "the key '%s' is already there in line %u", found->key, first->line);
}

static int read_children(struct reader *r, struct yaml_node *n, unsigned depth) {
        for (;;) {
                _cleanup_(yaml_event_delete) yaml_event_t event = { 0 };
                if (next_event(r, &event) < 0)
                        return -ERR_INVALID;
                if (event.type == YAML_SEQUENCE_END_EVENT)
                        return 0;
                if (event.type == YAML_MAPPING_END_EVENT)
                        return refuse_duplicates(r, n);
                if (n->type == YAML_SEQ) {
                        struct yaml_node *item;
                        if (read_node(r, &event, depth, &item) < 0)
                                return -ERR_INVALID;
                        yaml_append(n, item);
                        continue;
                }
                struct yaml_pair pair = { 0 };
                _cleanup_(yaml_event_delete) yaml_event_t value = { 0 };
                if (read_key(r, &event, &pair) < 0)
                        return -ERR_INVALID;
                if (next_event(r, &value) < 0 || read_node(r, &value, depth, &pair.value) < 0) {
                        free(pair.key);
                        return -ERR_INVALID;
                }
                ARRAY_APPEND(n->pairs, n->n, pair);
        }
}

static int read_collection(struct reader *r, const yaml_event_t *event, unsigned depth, struct yaml_node **ret) {
        bool map = event->type == YAML_MAPPING_START_EVENT;
        const char *tag = (const char *) (map ? event->data.mapping_start.tag : event->data.sequence_start.tag);
        if (tag && !str_eq(tag, map ? YAML_MAP_TAG : YAML_SEQ_TAG))
                return fail_at(r, &event->start_mark, "the tag '%s' does not fit or is not understood", tag);
        if (depth >= MAX_DEPTH)
                return fail_at(r, &event->start_mark, "nested deeper than %d levels", MAX_DEPTH);
        _cleanup_(yaml_freep) struct yaml_node *n = map ? yaml_new_map() : yaml_new_seq();
        if (read_children(r, n, depth + 1) < 0)
                return -ERR_INVALID;
        *ret = TAKE(n);
        return 0;
}

static int read_node(struct reader *r, const yaml_event_t *event, unsigned depth, struct yaml_node **ret) {
        struct yaml_node *n = NULL;
        const yaml_char_t *anchor = NULL;
        int result;
        if (++r->nodes > MAX_NODES)
                return fail_at(r, &event->start_mark, "more than %d values", MAX_NODES);
        switch (event->type) {
        case YAML_ALIAS_EVENT:
                result = read_alias(r, event, depth, &n);
                break;
        case YAML_SCALAR_EVENT:
                anchor = event->data.scalar.anchor;
                result = read_scalar(r, event, &n);
                break;
        case YAML_MAPPING_START_EVENT:
                anchor = event->data.mapping_start.anchor;
                result = read_collection(r, event, depth, &n);
                break;
        case YAML_SEQUENCE_START_EVENT:
                anchor = event->data.sequence_start.anchor;
                result = read_collection(r, event, depth, &n);
                break;
        default:
                return fail_at(r, &event->start_mark, "unexpected here");
        }
        if (result < 0)
                return result;
        n->line = (unsigned) event->start_mark.line + 1;
        n->column = (unsigned) event->start_mark.column + 1;
        if (add_anchor(r, &event->start_mark, anchor, n) < 0) { /* only now: an alias inside its own anchor finds nothing */
                yaml_free(n);
                return -ERR_INVALID;
        }
        *ret = n;
        return 0;
}

static int read_stream(struct reader *r, struct yaml_docs *docs) {
        for (;;) {
                _cleanup_(yaml_event_delete) yaml_event_t event = { 0 };
                if (next_event(r, &event) < 0)
                        return -ERR_INVALID;
                switch (event.type) {
                case YAML_STREAM_END_EVENT:
                        return 0;
                case YAML_STREAM_START_EVENT:
                case YAML_DOCUMENT_START_EVENT:
                        break;
                case YAML_DOCUMENT_END_EVENT:
                        forget_anchors(r); /* they reach no further than their document */
                        break;
                default: {
                        struct yaml_node *n;
                        if (read_node(r, &event, 0, &n) < 0)
                                return -ERR_INVALID;
                        ARRAY_APPEND(docs->items, docs->n, n);
                }
                }
        }
}

static unsigned count_tag_lines(const char *text, size_t len) {
        unsigned count = 0;
        for (const char *p = text, *end = text + len; p && (p = memmem(p, (size_t) (end - p), "%TAG", 4)); p += 4)
                count += p == text || p[-1] == '\n' || p[-1] == '\r';
        return count;
}

int yaml_parse(const char *name, const char *text, size_t len, struct yaml_docs *ret, struct error *err) {
        if (len > MAX_INPUT)
                return error_set(err, ERR_INVALID, "%s:1:1: %zu bytes are too many; %d are allowed", name, len, MAX_INPUT);
        if (count_tag_lines(text, len) > MAX_TAG_LINES)
                return error_set(err, ERR_INVALID, "%s:1:1: more than %d lines of %%TAG", name, MAX_TAG_LINES);
        struct error why = ERROR_INIT;
        struct reader r = { .name = name, .err = &why };
        if (!yaml_parser_initialize(&r.parser))
                return error_set(err, ERR_BUG, "libyaml does not start");
        yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&r.parser, (const unsigned char *) (text ? text : ""), len);
        struct yaml_docs docs = { 0 };
        int result = read_stream(&r, &docs);
        yaml_parser_delete(&r.parser);
        forget_anchors(&r);
        if (result < 0) {
                yaml_docs_done(&docs);
                return error_move(err, &why);
        }
        *ret = docs;
        return 0;
}

int yaml_parse_one(const char *name, const char *text, size_t len, struct yaml_node **ret, struct error *err) {
        struct yaml_docs docs = { 0 };
        int r = yaml_parse(name, text, len, &docs, err);
        if (r < 0)
                return r;
        if (docs.n > 1) {
                unsigned line = docs.items[1]->line, column = docs.items[1]->column;
                yaml_docs_done(&docs);
                return error_set(err, ERR_INVALID, "%s:%u:%u: a second document; only one is expected", name, line, column);
        }
        *ret = docs.n == 1 ? TAKE(docs.items[0]) : yaml_new_map();
        docs.n = 0;
        yaml_docs_done(&docs);
        return 0;
}
