#include "talos/contract.h"

#include <ctype.h>
#include <stdio.h>

/* talos: pkg/machinery/compatibility/talos1xx: a Talos minor and the first and last Kubernetes 1.x that it runs. */
static const struct {
        unsigned talos_minor, min, max;
} kubernetes_ranges[] = {
        { 11, 29, 34 },
        { 12, 30, 35 },
        { 13, 31, 36 },
        { 14, 32, 37 },
};

static bool read_number(const char **p, unsigned *ret) {
        unsigned v = 0;
        const char *s = *p;

        if (!isdigit((unsigned char) *s))
                return false;
        for (; isdigit((unsigned char) *s); s++) {
                if (v > 99999)
                        return false;
                v = v * 10 + (unsigned) (*s - '0');
        }
        *p = s;
        *ret = v;
        return true;
}

static bool read_dot_number(const char **p, unsigned *ret) {
        if (**p != '.')
                return false;
        (*p)++;
        return read_number(p, ret);
}

static bool valid_suffix(const char *s) {
        if (!*s)
                return true;
        if (*s != '-' && *s != '+')
                return false;
        for (s++; *s; s++)
                if (!isalnum((unsigned char) *s) && !strchr(".-+", *s))
                        return false;
        return true;
}

int talos_version_parse(const char *text, struct talos_version *ret_version, struct error *err) {
        struct talos_version v = { 0 };
        const char *p = text ? text : "";

        if (*p == 'v')
                p++;
        if (!read_number(&p, &v.major) || !read_dot_number(&p, &v.minor) || !read_dot_number(&p, &v.patch) || !valid_suffix(p))
                return error_set(err, ERR_INVALID, "'%s' is no version such as v1.13.9", text ? text : "");
        v.prerelease = *p == '-';
        *ret_version = v;
        return 0;
}

int talos_contract_parse(const char *text, struct talos_contract *ret_contract, struct error *err) {
        struct talos_contract c = { 0 };
        const char *p = text ? text : "";

        if (*p == 'v')
                p++;
        if (!read_number(&p, &c.major) || !read_dot_number(&p, &c.minor) || (*p && *p != '.'))
                return error_set(err, ERR_INVALID, "'%s' is no Talos version such as v1.13.9", text ? text : "");
        if (c.major != 1 || c.minor < 11)
                return error_set(err, ERR_INVALID, "Talos %s: machine configs can be written for 1.11 and newer 1.x only", text);
        *ret_contract = c;
        return 0;
}

bool talos_contract_at_least(const struct talos_contract *contract, unsigned major, unsigned minor) {
        return contract->major != major ? contract->major > major : contract->minor >= minor;
}

int talos_kubernetes_range(const struct talos_contract *contract, unsigned *ret_min_minor, unsigned *ret_max_minor,
                           struct error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(kubernetes_ranges); i++) {
                if (contract->major != 1 || contract->minor != kubernetes_ranges[i].talos_minor)
                        continue;
                *ret_min_minor = kubernetes_ranges[i].min;
                *ret_max_minor = kubernetes_ranges[i].max;
                return 0;
        }
        return error_set(err, ERR_NOT_FOUND, "the Kubernetes versions of Talos %u.%u are not known", contract->major,
                         contract->minor);
}

int talos_kubernetes_check(const struct talos_contract *contract, const char *kubernetes_version, struct error *err) {
        struct talos_version v;
        unsigned min, max;

        if (talos_version_parse(kubernetes_version, &v, err) < 0)
                return error_wrap(err, "Kubernetes version");
        if (talos_kubernetes_range(contract, &min, &max, err) < 0)
                return -1;
        if (v.major != 1 || v.minor < min || v.minor > max)
                return error_set(err, ERR_INVALID, "Talos %u.%u runs Kubernetes 1.%u to 1.%u, not %s", contract->major,
                                 contract->minor, min, max, kubernetes_version);
        return 0;
}
