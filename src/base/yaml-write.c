/* A tree to text, laid out and quoted as Go's yaml.v3 does, in which Talos writes its configurations: a difference between our file
 * and Talos's is then a difference of content. (The rules: yaml.v3, encode.go stringv and emitterc.go analyze_scalar.) */
#include "base/yaml-internal.h"

struct writer {
        struct strbuf out;
        unsigned step;
};

/* What the characters of a text allow. */
struct shape {
        bool plain, single, literal;
        bool line_break;
};

/* One UTF-8 character's length and number; malformed bytes are characters of their own, marked invalid. */
static size_t decode(const unsigned char *s, uint32_t *ret, bool *ret_valid) {
        static const struct { unsigned char mask, lead; uint32_t min; } forms[] = { { 0x80, 0, 0 }, { 0xe0, 0xc0, 0x80 },
                                                                                    { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };
        for (size_t n = 0; n < ARRAY_SIZE(forms); n++) {
                if ((s[0] & forms[n].mask) != forms[n].lead)
                        continue;
                uint32_t c = s[0] & (unsigned char) ~forms[n].mask;
                size_t i = 1;
                for (; i <= n && (s[i] & 0xc0) == 0x80; i++)
                        c = c << 6 | (s[i] & 0x3f);
                if (i != n + 1 || c < forms[n].min || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
                        break;
                *ret = c;
                *ret_valid = true;
                return n + 1;
        }
        *ret = s[0];
        *ret_valid = false;
        return 1;
}

/* As yaml.v3 sees it: past the basic plane and everything invisible is written as an escape. */
static bool is_printable(uint32_t c) {
        return c == '\n' || (c >= 0x20 && c < 0x7f) || (c >= 0xa0 && c < 0xd800) || (c >= 0xe000 && c < 0xfffe && c != 0xfeff);
}

static bool is_break(uint32_t c) {
        return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool ends_word(unsigned char c) {
        return c == '\0' || c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Would this character, here, be read as syntax in a block-style plain scalar? */
static bool is_indicator(const unsigned char *s, size_t i) {
        if (i == 0 && strchr("#,[]{}&*!|>'\"%@`", s[0]))
                return true;
        if (i == 0 && (s[0] == '?' || s[0] == '-'))
                return ends_word(s[1]);
        if (s[i] == ':')
                return ends_word(s[i + 1]);
        return s[i] == '#' && ends_word(s[i - 1]);
}

static struct shape analyse(const char *text) {
        const unsigned char *s = (const unsigned char *) text;
        struct shape shape = { .plain = true, .single = true, .literal = true };
        if (!*s)
                return (struct shape) { .single = true };
        if (str_starts(text, "---") || str_starts(text, "..."))
                shape.plain = false;
        bool after_space = false, after_break = false;
        for (size_t i = 0, n; s[i]; i += n) {
                uint32_t c;
                bool valid, first = i == 0, last;
                n = decode(s + i, &c, &valid);
                last = !s[i + n];
                if (is_indicator(s, i))
                        shape.plain = false;
                if (c == '\t')
                        shape.plain = shape.single = false;
                else if (!valid || !is_printable(c) || (is_break(c) && c != '\n'))
                        shape.plain = shape.single = shape.literal = false;
                if (c == ' ') {
                        if (first || last)
                                shape.plain = false;
                        if (last)
                                shape.literal = false;
                        if (after_break)
                                shape.plain = shape.single = false;
                } else if (c == '\n') {
                        shape.line_break = true;
                        shape.plain = false;
                        if (after_space) /* a reader may drop spaces at a line's end */
                                shape.plain = shape.single = shape.literal = false;
                }
                after_space = c == ' ';
                after_break = c == '\n';
        }
        return shape;
}

static void write_escaped(struct strbuf *b, uint32_t c) {
        static const struct { uint32_t c; const char *text; } names[] = {
                { '\a', "\\a" }, { '\b', "\\b" }, { '\t', "\\t" }, { '\n', "\\n" }, { '\v', "\\v" },   { '\f', "\\f" },     { '\r', "\\r" },
                { 0x1b, "\\e" }, { '"', "\\\"" }, { '\\', "\\\\" }, { 0x85, "\\N" }, { 0xa0, "\\_" }, { 0x2028, "\\L" }, { 0x2029, "\\P" },
        };
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (names[i].c == c) {
                        strbuf_adds(b, names[i].text);
                        return;
                }
        if (c <= 0xff)
                strbuf_addf(b, "\\x%02X", (unsigned) c);
        else if (c <= 0xffff)
                strbuf_addf(b, "\\u%04X", (unsigned) c);
        else
                strbuf_addf(b, "\\U%08X", (unsigned) c);
}

static void write_double(struct strbuf *b, const char *text) {
        const unsigned char *s = (const unsigned char *) text;
        strbuf_addc(b, '"');
        while (*s) {
                uint32_t c;
                bool valid;
                size_t n = decode(s, &c, &valid);
                if (!valid || !is_printable(c) || is_break(c) || c == '"' || c == '\\')
                        write_escaped(b, c);
                else
                        strbuf_add(b, s, n);
                s += n;
        }
        strbuf_addc(b, '"');
}

static void write_single(struct strbuf *b, const char *text) {
        strbuf_addc(b, '\'');
        for (; *text; text++) {
                if (*text == '\'')
                        strbuf_addc(b, '\'');
                strbuf_addc(b, *text);
        }
        strbuf_addc(b, '\'');
}

static void write_spaces(struct strbuf *b, int n) {
        for (int i = 0; i < n; i++)
                strbuf_addc(b, ' ');
}

/* Content at column indent, inside a node at column parent. Ends with a line break. */
static void write_literal(struct strbuf *b, const char *text, int indent, int parent) {
        size_t n = strlen(text);
        strbuf_addc(b, '|');
        if (*text == ' ' || *text == '\n') /* a reader could not tell the indentation from the first line */
                strbuf_addf(b, "%d", indent - parent);
        if (text[n - 1] != '\n')
                strbuf_addc(b, '-');
        else if (n == 1 || text[n - 2] == '\n')
                strbuf_addc(b, '+');
        strbuf_addc(b, '\n');
        while (*text) {
                size_t length = strcspn(text, "\n");
                if (length > 0)
                        write_spaces(b, indent);
                strbuf_add(b, text, length);
                strbuf_addc(b, '\n');
                text += length + (text[length] == '\n');
        }
}

static void write_one_line(struct strbuf *b, const char *text) {
        struct shape shape = analyse(text);
        if (yaml_looks_typed(text) || shape.line_break)
                write_double(b, text);
        else if (shape.plain)
                strbuf_adds(b, text);
        else if (shape.single)
                write_single(b, text);
        else
                write_double(b, text);
}

/* Where children of a node at column indent stand: the next multiple of the step; inside "- " always two further. */
static int deeper(const struct writer *w, int indent, bool in_sequence) {
        int step = (int) w->step;
        return in_sequence ? indent + 2 : (indent + step) / step * step;
}

static bool is_empty(const struct yaml_node *n) {
        return (n->type == YAML_MAP || n->type == YAML_SEQ) && n->n == 0;
}

static void write_string(struct writer *w, const char *text, int indent, bool in_sequence, bool root) {
        struct shape shape = analyse(text);
        bool hint = *text == ' ' || *text == '\n';
        if (shape.line_break && shape.literal && !(root && hint)) {
                write_literal(&w->out, text, deeper(w, indent, in_sequence), indent);
                return;
        }
        write_one_line(&w->out, text);
        strbuf_addc(&w->out, '\n');
}

/* A scalar or an empty collection, on the line that has begun; with the line break. */
static void write_leaf(struct writer *w, const struct yaml_node *n, int indent, bool in_sequence, bool root) {
        switch (n->type) {
        case YAML_STR:
                write_string(w, n->text, indent, in_sequence, root);
                return;
        case YAML_NULL:
                strbuf_adds(&w->out, "null\n");
                return;
        case YAML_BOOL:
                strbuf_adds(&w->out, n->boolean ? "true\n" : "false\n");
                return;
        case YAML_INT:
        case YAML_FLOAT:
                strbuf_addf(&w->out, "%s\n", n->text);
                return;
        case YAML_MAP:
                strbuf_adds(&w->out, "{}\n");
                return;
        case YAML_SEQ:
                strbuf_adds(&w->out, "[]\n");
                return;
        }
}

/* The pairs or items of n at column indent; the first one goes on the line that has begun, when one has. */
static void write_children(struct writer *w, const struct yaml_node *n, int indent, bool line_begun) {
        for (size_t i = 0; i < n->n; i++) {
                if (i > 0 || !line_begun)
                        write_spaces(&w->out, indent);
                bool map = n->type == YAML_MAP;
                const struct yaml_node *child = map ? n->pairs[i].value : n->items[i];
                if (map) {
                        write_one_line(&w->out, n->pairs[i].key);
                        strbuf_addc(&w->out, ':');
                } else
                        strbuf_adds(&w->out, "- ");
                bool leaf = is_empty(child) || (child->type != YAML_MAP && child->type != YAML_SEQ);
                if (leaf) {
                        if (map)
                                strbuf_addc(&w->out, ' ');
                        write_leaf(w, child, indent, !map, false);
                        continue;
                }
                if (map)
                        strbuf_addc(&w->out, '\n');
                write_children(w, child, deeper(w, indent, !map), !map);
        }
}

static void write_document(struct writer *w, const struct yaml_node *n) {
        if (is_empty(n) || (n->type != YAML_MAP && n->type != YAML_SEQ))
                write_leaf(w, n, 0, false, true);
        else
                write_children(w, n, 0, false);
}

char *yaml_write(const struct yaml_node *n, unsigned indent) {
        struct writer w = { .step = indent == 2 ? 2 : 4 };
        write_document(&w, n);
        return strbuf_take(&w.out);
}

char *yaml_write_docs(const struct yaml_docs *d, unsigned indent) {
        struct writer w = { .step = indent == 2 ? 2 : 4 };
        for (size_t i = 0; i < d->n; i++) {
                if (i > 0)
                        strbuf_adds(&w.out, "---\n");
                write_document(&w, d->items[i]);
        }
        return strbuf_take(&w.out);
}
