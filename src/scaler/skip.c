/* Passing over JSON values that lie whole in memory, as fast as that goes: most of a large list is what no decision reads.
 *
 * An API server writes compact text. Whatever else is met (a blank, a line break, an escape in a key, the end of what is in memory, an error) ends
 * the fast way with NULL, and the careful one in scan.c begins again where this one began: it counts the lines and has the messages. */
#include "scaler/scan.h"

/* What ends a run of ordinary characters inside a string. */
static inline bool is_plain(char c) {
        return c != '"' && c != '\\' && (unsigned char) c >= 0x20;
}

/* Behind the string whose opening quote was passed. */
static inline const char *string_end(const char *p, const char *end) {
        for (;;) {
                while (p < end && is_plain(*p))
                        p++;
                if (end - p < 2 || (unsigned char) *p < 0x20)
                        return NULL;
                if (*p == '"')
                        return p + 1;
                if (!p[1] || !strchr("\"\\/bfnrtu", p[1]))
                        return NULL;
                p += 2;
        }
}

const char *scan_quick_key(const char *p, const char *end, size_t *ret_len) {
        const char *from = p + 1;
        if (end - p < 2 || *p != '"')
                return NULL;
        for (p = from; p < end && is_plain(*p); p++)
                ;
        if (end - p < 3 || p[0] != '"' || p[1] != ':')
                return NULL;
        *ret_len = (size_t) (p - from);
        return p + 2;
}

/* Behind at least one digit. */
static inline const char *digits_end(const char *p, const char *end) {
        const char *from = p;
        while (p < end && *p >= '0' && *p <= '9')
                p++;
        return p == from || p == end ? NULL : p;
}

/* By JSON's grammar (RFC 8259, 6). */
static const char *number_end(const char *p, const char *end) {
        const char *from = p;
        p += *p == '-';
        if (end - p > 1 && p[0] == '0')
                p++;
        else
                p = digits_end(p, end);
        if (p && *p == '.')
                p = digits_end(p + 1, end);
        if (p && (*p == 'e' || *p == 'E')) {
                p++;
                p = digits_end(p < end && (*p == '+' || *p == '-') ? p + 1 : p, end);
        }
        return p && p - from <= 40 ? p : NULL;
}

/* A number, true, false or null. What may go on behind the end of the memory is not judged here. */
static inline const char *word_end(const char *p, const char *end) {
        const char *from = p;
        if (*p == '-' || (*p >= '0' && *p <= '9'))
                p = number_end(p, end);
        else if (end - p > 5 && memcmp(p, "false", 5) == 0)
                p += 5;
        else if (end - p > 4 && (memcmp(p, "true", 4) == 0 || memcmp(p, "null", 4) == 0))
                p += 4;
        if (!p || p == from)
                return NULL;
        bool more_follows = (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == 'E' || *p == '.' || *p == '+' || *p == '-';
        return more_follows ? NULL : p;
}

/* Behind the key that must stand here. */
static inline const char *key_end(const char *p, const char *end) {
        size_t len;
        return scan_quick_key(p, end, &len);
}

/* Goes into the brackets at p; *n counts those that are open. An empty pair is left again. */
static inline const char *enter(const char *p, const char *end, char *closes, unsigned *n, unsigned depth) {
        char close = *p == '{' ? '}' : ']';
        p++;
        if (*n + depth == SCAN_DEPTH || p == end)
                return NULL;
        if (*p == close)
                return p + 1;
        closes[(*n)++] = close;
        return p;
}

const char *scan_quick_value(const char *p, const char *end, unsigned depth) {
        char closes[SCAN_DEPTH];
        unsigned n = 0;
        while (p && p < end) {
                unsigned before = n;
                if (*p == '{' || *p == '[') {
                        p = enter(p, end, closes, &n, depth);
                        if (n > before) {
                                p = closes[n - 1] == '}' ? key_end(p, end) : p;
                                continue;
                        }
                } else {
                        p = *p == '"' ? string_end(p + 1, end) : word_end(p, end);
                }
                while (p && n > 0 && p < end && *p == closes[n - 1]) {
                        n--;
                        p++;
                }
                if (!p || n == 0)
                        return p;
                if (p == end || *p++ != ',')
                        return NULL;
                p = closes[n - 1] == '}' ? key_end(p, end) : p;
        }
        return NULL;
}
