#include "scaler/scan.h"

#include <errno.h>
#include <unistd.h>

#define PIECE ((size_t) 256 * 1024)

void scan_init_text(struct scan *s, const char *what, const char *text, size_t len) {
        *s = (struct scan) { .what = what, .p = text, .begin = text, .end = text + len, .line = 1, .fd = -1 };
}

void scan_init_file(struct scan *s, const char *what, int fd) {
        *s = (struct scan) { .what = what, .line = 1, .fd = fd, .buffer = xcalloc(1, PIECE) };
        s->p = s->begin = s->end = s->buffer;
}

void scan_done(struct scan *s) {
        free(s->buffer);
        strbuf_done(&s->key);
        *s = (struct scan) { .fd = -1 };
}

/* True when there is a character at p. A read that fails looks like the end: the text is incomplete then, which is refused. */
static bool fill(struct scan *s) {
        if (s->p < s->end)
                return true;
        if (s->fd < 0)
                return false;
        ssize_t n;
        do
                n = read(s->fd, s->buffer, PIECE);
        while (n < 0 && errno == EINTR);
        s->passed += (uint64_t) (s->end - s->begin);
        s->begin = s->p = s->end = s->buffer;
        if (n <= 0) {
                s->fd = -1;
                return false;
        }
        s->end = s->buffer + n;
        return true;
}

int scan_fail(const struct scan *s, struct error *err, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        va_list ap;
        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        uint64_t at = s->passed + (uint64_t) (s->p - s->begin);
        return error_set(err, ERR_INVALID, "%s:%u:%llu: %s", s->what, s->line, (unsigned long long) (at - s->line_start + 1), strbuf_str(&text));
}

int scan_peek(struct scan *s) {
        while (fill(s)) {
                char c = *s->p;
                if (c == '\n') {
                        s->line++;
                        s->line_start = s->passed + (uint64_t) (s->p - s->begin) + 1;
                } else if (c != ' ' && c != '\t' && c != '\r') {
                        return (unsigned char) c;
                }
                s->p++;
        }
        return -1;
}

/* What stands here, for a message. */
static const char *here(struct scan *s, char buf[static 32]) {
        int c = scan_peek(s);
        if (c < 0)
                return "the text ends";
        if (c < 0x20 || c > 0x7e)
                return "a byte stands there that is no JSON";
        memcpy(buf, "' ' stands there", sizeof("' ' stands there"));
        buf[1] = (char) c;
        return buf;
}

int scan_expect(struct scan *s, char c, struct error *err) {
        char buf[32];
        if (scan_peek(s) != c)
                return scan_fail(s, err, "no complete JSON: '%c' is expected, and %s", c, here(s, buf));
        s->p++;
        return 0;
}

int scan_step(struct scan *s, char close, bool first, bool *ret_more, struct error *err) {
        if (scan_peek(s) == close) {
                s->p++;
                *ret_more = false;
                return 0;
        }
        *ret_more = true;
        return first ? 0 : scan_expect(s, ',', err);
}

/* The rest of a string behind its opening quote; out gets what stands between the quotes, as written. */
static int string_rest(struct scan *s, struct strbuf *out, struct error *err) {
        while (fill(s)) {
                const char *from = s->p, *p = from;
                while (p < s->end && *p != '"' && *p != '\\' && (unsigned char) *p >= 0x20)
                        p++;
                s->p = p;
                if (out)
                        strbuf_add(out, from, (size_t) (s->p - from));
                if (s->p == s->end)
                        continue;
                char c = *s->p;
                if ((unsigned char) c < 0x20)
                        return scan_fail(s, err, "no JSON: a control character inside a string");
                s->p++;
                if (c == '"')
                        return 0;
                if (!fill(s))
                        break;
                if (out) {
                        strbuf_addc(out, '\\');
                        strbuf_addc(out, *s->p);
                }
                s->p++;
        }
        return scan_fail(s, err, "no complete JSON: the text ends inside a string");
}

static int string_value(struct scan *s, struct strbuf *out, struct error *err) {
        s->p++;
        if (out)
                strbuf_addc(out, '"');
        if (string_rest(s, out, err) < 0)
                return -1;
        if (out)
                strbuf_addc(out, '"');
        return 0;
}

int scan_key(struct scan *s, struct strbuf *ret_key, struct error *err) {
        strbuf_clear(ret_key);
        if (scan_expect(s, '"', err) < 0 || string_rest(s, ret_key, err) < 0)
                return -1;
        return scan_expect(s, ':', err);
}

/* A number, true, false or null. */
static int word_value(struct scan *s, struct strbuf *out, struct error *err) {
        char word[64], buf[32];
        size_t n = 0;
        while (fill(s) && (strchr("+-.", *s->p) || (*s->p >= '0' && *s->p <= '9') || (*s->p >= 'a' && *s->p <= 'z') || *s->p == 'E') && *s->p) {
                if (n + 1 == sizeof(word))
                        return scan_fail(s, err, "no JSON: a number of more than %zu characters", sizeof(word) - 1);
                word[n++] = *s->p++;
        }
        word[n] = '\0';
        if (n == 0)
                return scan_fail(s, err, "no complete JSON: a value is expected, and %s", here(s, buf));
        bool is_number = word[0] == '-' || (word[0] >= '0' && word[0] <= '9');
        if (!is_number && strcmp(word, "true") != 0 && strcmp(word, "false") != 0 && strcmp(word, "null") != 0)
                return scan_fail(s, err, "no JSON: '%s' is no value", word);
        if (out)
                strbuf_adds(out, word);
        return 0;
}

static const struct scan_field everything = { NULL, NULL };

/* The row for a key; NULL: the value is passed over. */
static const struct scan_field *field_of(const struct scan_field *fields, const char *key, size_t len) {
        if (!fields)
                return &everything;
        for (; fields->key; fields++) {
                if (fields->key[0] == '*' && !fields->key[1])
                        return fields;
                if (len > 0 && fields->key[0] == key[0] && strncmp(fields->key, key, len) == 0 && !fields->key[len])
                        return fields;
        }
        return NULL;
}

/* A key and its colon; where it stays valid is until the next thing is read. */
static int any_key(struct scan *s, const char **ret_key, size_t *ret_len, struct error *err) {
        if (scan_peek(s) >= 0) {
                const char *behind = scan_quick_key(s->p, s->end, ret_len);
                if (behind) {
                        *ret_key = s->p + 1;
                        s->p = behind;
                        return 0;
                }
        }
        if (scan_key(s, &s->key, err) < 0)
                return -1;
        *ret_key = strbuf_str(&s->key);
        *ret_len = s->key.len;
        return 0;
}

static int object_value(struct scan *s, const struct scan_field *fields, struct strbuf *out, struct error *err) {
        bool written = false, more = true;
        const char *key;
        size_t len;
        if (out)
                strbuf_addc(out, '{');
        for (bool first = true;; first = false) {
                if (scan_step(s, '}', first, &more, err) < 0)
                        return -1;
                if (!more)
                        break;
                if (any_key(s, &key, &len, err) < 0)
                        return -1;
                const struct scan_field *f = out ? field_of(fields, key, len) : NULL;
                if (f) {
                        strbuf_adds(out, written ? ",\"" : "\"");
                        strbuf_add(out, key, len);
                        strbuf_add(out, "\":", 2);
                        written = true;
                }
                if (scan_value(s, f ? f->fields : NULL, f ? out : NULL, err) < 0)
                        return -1;
        }
        if (out)
                strbuf_addc(out, '}');
        return 0;
}

static int array_value(struct scan *s, const struct scan_field *fields, struct strbuf *out, struct error *err) {
        if (out)
                strbuf_addc(out, '[');
        for (bool first = true, more;; first = false) {
                if (scan_step(s, ']', first, &more, err) < 0)
                        return -1;
                if (!more)
                        break;
                if (out && !first)
                        strbuf_addc(out, ',');
                if (scan_value(s, fields, out, err) < 0)
                        return -1;
        }
        if (out)
                strbuf_addc(out, ']');
        return 0;
}

int scan_value(struct scan *s, const struct scan_field *fields, struct strbuf *out, struct error *err) {
        int c = scan_peek(s), rc;
        const char *behind = c >= 0 && (!out || !fields) ? scan_quick_value(s->p, s->end, s->depth) : NULL;
        if (behind) {
                if (out)
                        strbuf_add(out, s->p, (size_t) (behind - s->p));
                s->p = behind;
                return 0;
        }
        if (c == '"')
                return string_value(s, out, err);
        if (c != '{' && c != '[')
                return word_value(s, out, err);
        if (s->depth == SCAN_DEPTH)
                return scan_fail(s, err, "nested more than %d deep", SCAN_DEPTH);
        s->p++;
        s->depth++;
        rc = c == '{' ? object_value(s, fields, out, err) : array_value(s, fields, out, err);
        s->depth--;
        return rc;
}

int scan_end(struct scan *s, struct error *err) {
        return scan_peek(s) < 0 ? 0 : scan_fail(s, err, "something follows the end of the JSON text");
}
