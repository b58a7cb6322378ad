#include "kube/quantity.h"

#include <ctype.h>

#define NANO ((__int128) 1000000000)
/* Sums of two never overflow. */
#define QUANTITY_MAX ((__int128) 1 << 125)

static __int128 clamp(__int128 v) {
        return v > QUANTITY_MAX ? QUANTITY_MAX : v < -QUANTITY_MAX ? -QUANTITY_MAX : v;
}

/* v * factor without overflow; both not negative. */
static __int128 multiply(__int128 v, __int128 factor) {
        return v > QUANTITY_MAX / factor ? QUANTITY_MAX : v * factor;
}

/* Power of ten or of two that a suffix stands for. */
static bool parse_suffix(const char *s, int *ret_ten, int *ret_two) {
        static const struct { const char *text; int ten, two; } suffixes[] = {
                { "", 0, 0 }, { "n", -9, 0 }, { "u", -6, 0 }, { "m", -3, 0 }, { "k", 3, 0 }, { "M", 6, 0 }, { "G", 9, 0 }, { "T", 12, 0 },
                { "P", 15, 0 }, { "E", 18, 0 }, { "Ki", 0, 10 }, { "Mi", 0, 20 }, { "Gi", 0, 30 }, { "Ti", 0, 40 }, { "Pi", 0, 50 },
                { "Ei", 0, 60 },
        };
        *ret_ten = *ret_two = 0;
        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                if (!str_eq(s, suffixes[i].text))
                        continue;
                *ret_ten = suffixes[i].ten;
                *ret_two = suffixes[i].two;
                return true;
        }
        if (*s != 'e' && *s != 'E')
                return false;
        int64_t exponent;
        const char *digits = s[1] == '+' ? s + 2 : s + 1;
        if ((s[1] == '+' && !isdigit((unsigned char) *digits)) || !parse_int64(digits, -1000, 1000, &exponent))
                return false;
        *ret_ten = (int) exponent;
        return true;
}

/* mantissa * 10^ten * 2^two in billionths, rounded up. */
static __int128 scale(__int128 mantissa, int ten, int two, bool lost) {
        __int128 v = mantissa;
        for (ten += 9; ten > 0; ten--)
                v = multiply(v, 10);
        /* Factors of two first: they make the digits behind the point whole. */
        v = two ? multiply(v, (__int128) 1 << two) : v;
        for (; ten < 0; ten++) {
                lost |= v % 10 != 0;
                v /= 10;
        }
        return lost ? clamp(v + 1) : v;
}

bool quantity_parse(const char *s, struct quantity *ret) {
        if (str_empty(s))
                return false;
        bool negative = *s == '-';
        if (*s == '-' || *s == '+')
                s++;
        __int128 mantissa = 0;
        int after_point = 0, dropped = 0;
        bool point = false, digit = false, lost = false;
        for (; isdigit((unsigned char) *s) || (*s == '.' && !point); s++) {
                if (*s == '.') {
                        point = true;
                        continue;
                }
                digit = true;
                /* 19 digits hold every int64 and leave room for every suffix; of more only the size counts. */
                if (mantissa >= (__int128) 1000000000 * 1000000000) {
                        lost |= *s != '0';
                        dropped += !point;
                        continue;
                }
                mantissa = mantissa * 10 + (*s - '0');
                after_point += point;
        }
        int ten, two;
        if (!digit || !parse_suffix(s, &ten, &two))
                return false;
        __int128 v = scale(mantissa, ten - after_point + dropped, two, lost);
        ret->nano = negative ? -v : v;
        return true;
}

struct quantity quantity_of(int64_t units) {
        return (struct quantity) { (__int128) units * NANO };
}

struct quantity quantity_add(struct quantity a, struct quantity b) {
        return (struct quantity) { clamp(a.nano + b.nano) };
}

struct quantity quantity_sub(struct quantity a, struct quantity b) {
        return (struct quantity) { clamp(a.nano - b.nano) };
}

int quantity_compare(struct quantity a, struct quantity b) {
        return a.nano < b.nano ? -1 : a.nano > b.nano;
}

static int64_t divide_up(__int128 v, __int128 by) {
        __int128 q = v / by;
        if (v % by > 0)
                q++;
        return q > INT64_MAX ? INT64_MAX : q < INT64_MIN ? INT64_MIN : (int64_t) q;
}

int64_t quantity_milli(struct quantity q) {
        return divide_up(q.nano, NANO / 1000);
}

int64_t quantity_units(struct quantity q) {
        return divide_up(q.nano, NANO);
}

double quantity_real(struct quantity q) {
        return (double) q.nano / 1e9;
}

char *quantity_text_cpu(struct quantity q) {
        int64_t milli = quantity_milli(q);
        if (milli > -1000 && milli < 1000 && milli != 0)
                return xasprintf("%lldm", (long long) milli);
        return xasprintf("%.15g", (double) milli / 1000);
}

char *quantity_text_bytes(struct quantity q) {
        static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        double v = quantity_real(q);
        size_t unit = 0;
        for (; (v >= 1024 || v <= -1024) && unit + 1 < ARRAY_SIZE(units); unit++)
                v /= 1024;
        return xasprintf("%.*f %s", v == (double) (int64_t) v ? 0 : 1, v, units[unit]);
}
