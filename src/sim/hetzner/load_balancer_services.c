/* A load balancer's service as a client gives it: every field of the described type and within its bounds, unknown keys left out, absent fields
 * filled. Services are kept and shown as this JSON, so nothing else may pass. (hcloud API: POST /load_balancers, schema LoadBalancerService) */
#include "sim/hetzner/internal.h"

enum type { NUMBER, TEXT, TRUTH, IDS, TEXTS, OBJECT };

/* Bounds are of the number, or of the length of a text or list. What stands in for an absent field is of the field's type; no list is NULL. */
struct field { const char *name; enum type type; json_int_t min, max, number; const char *text; const char *const *texts; };

static bool is_list_of(const json_t *v, const struct field *f) {
        const json_t *item;
        size_t i;

        if (!json_is_array(v) || (json_int_t) json_array_size(v) > f->max)
                return false;
        json_array_foreach(v, i, item)
                if (f->type == IDS ? !json_is_integer(item) : !json_is_string(item))
                        return false;
        return true;
}

static bool is_good(const json_t *v, const struct field *f) {
        switch (f->type) {
        case NUMBER: return json_is_integer(v) && json_integer_value(v) >= f->min && json_integer_value(v) <= f->max;
        case TEXT: return json_is_string(v) && (json_int_t) json_string_length(v) >= f->min && (json_int_t) json_string_length(v) <= f->max;
        case TRUTH: return json_is_boolean(v);
        case OBJECT: return json_is_object(v);
        default: return is_list_of(v, f);
        }
}

static json_t *stand_in(const struct field *f) {
        json_t *list;

        switch (f->type) {
        case NUMBER: return json_integer(f->number);
        case TEXT: return json_string(f->text);
        case TRUTH: return json_false();
        case OBJECT: return json_object();
        default:
                list = json_array();
                for (size_t i = 0; f->texts && f->texts[i]; i++)
                        json_array_append_new(list, json_string(f->texts[i]));
                return list;
        }
}

/* The object's known fields, checked and filled, in *ret; 0, or -1 when it was refused. */
static int read_fields(struct cloud_call *c, const json_t *o, const struct field *fields, size_t n, json_t **ret) {
        json_t *made = json_object();

        for (size_t i = 0; i < n; i++) {
                json_t *v = json_object_get(o, fields[i].name);
                if (!v || json_is_null(v)) {
                        json_object_set_new(made, fields[i].name, stand_in(&fields[i]));
                } else if (is_good(v, &fields[i])) {
                        json_object_set(made, fields[i].name, v);
                } else {
                        json_decref(made);
                        return reply_invalid(c, fields[i].name, "is of a wrong type or out of bounds");
                }
        }
        *ret = made;
        return 0;
}

/* Replaces the object below key by its checked form. */
static int read_below(struct cloud_call *c, json_t *o, const char *key, const struct field *fields, size_t n) {
        json_t *made;

        if (read_fields(c, json_object_get(o, key), fields, n, &made) < 0)
                return -1;
        json_object_set_new(o, key, made);
        return 0;
}

static int read_health_check(struct cloud_call *c, json_t *s, const json_t *given, bool tcp, json_int_t port) {
        static const char *const good[] = { "2??", "3??", NULL };
        static const struct field http[] = {
                { .name = "domain", .type = TEXT, .max = 128, .text = "" },
                { .name = "path", .type = TEXT, .min = 1, .max = 256, .text = "/" },
                { .name = "response", .type = TEXT, .max = 256, .text = "" },
                { .name = "status_codes", .type = TEXTS, .max = 20, .texts = good },
                { .name = "tls", .type = TRUTH },
        };
        const struct field fields[] = {
                { .name = "protocol", .type = TEXT, .max = 8, .text = tcp ? "tcp" : "http" },
                { .name = "port", .type = NUMBER, .min = 1, .max = 65535, .number = port },
                { .name = "interval", .type = NUMBER, .min = 3, .max = 60, .number = 15 },
                { .name = "timeout", .type = NUMBER, .min = 1, .max = 60, .number = 10 },
                { .name = "retries", .type = NUMBER, .min = 1, .max = 5, .number = 3 },
                { .name = "http", .type = OBJECT },
        };
        json_t *check;

        if (read_fields(c, given, fields, ARRAY_SIZE(fields), &check) < 0)
                return -1;
        json_object_set_new(s, "health_check", check);
        const char *protocol = json_string_value(json_object_get(check, "protocol"));
        if (str_eq(protocol, "tcp"))
                return json_object_del(check, "http");
        if (!str_eq(protocol, "http"))
                return reply_invalid(c, "protocol", "Must be one of: tcp, http.");
        return read_below(c, check, "http", http, ARRAY_SIZE(http));
}

int load_balancer_service(struct cloud_call *c, const json_t *given, json_t **ret) {
        const char *protocol = json_string_value(json_object_get(given, "protocol"));
        bool tcp = str_eq(protocol, "tcp"), plain = str_eq(protocol, "http"), https = str_eq(protocol, "https");
        /* certificates and redirect_http are shown for http, too: hcloud-python reads them */
        static const struct field http[] = {
                { .name = "cookie_name", .type = TEXT, .min = 1, .max = 100, .text = "HCLBSTICKY" },
                { .name = "cookie_lifetime", .type = NUMBER, .min = 30, .max = 86400, .number = 300 },
                { .name = "timeout_idle", .type = NUMBER, .min = 30, .max = 300, .number = 50 },
                { .name = "sticky_sessions", .type = TRUTH },
                { .name = "certificates", .type = IDS, .max = 100 },
                { .name = "redirect_http", .type = TRUTH },
        };
        /* A TCP service has no usual ports: 0 is refused below. */
        const struct field fields[] = {
                { .name = "protocol", .type = TEXT, .max = 8 },
                { .name = "listen_port", .type = NUMBER, .min = 1, .max = 65535, .number = https ? 443 : plain ? 80 : 0 },
                { .name = "destination_port", .type = NUMBER, .min = 1, .max = 65535, .number = tcp ? 0 : 80 },
                { .name = "proxyprotocol", .type = TRUTH },
                { .name = "http", .type = OBJECT },
                { .name = "health_check", .type = OBJECT },
        };
        _cleanup_json_ json_t *s = NULL;

        if (!tcp && !plain && !https)
                return reply_invalid(c, "protocol", "Must be one of: tcp, http, https.");
        if (read_fields(c, given, fields, ARRAY_SIZE(fields), &s) < 0)
                return -1;
        json_int_t destination = json_integer_value(json_object_get(s, "destination_port"));
        if (json_integer_value(json_object_get(s, "listen_port")) == 0)
                return reply_invalid(c, "listen_port", "Must be between 1 and 65535.");
        if (destination == 0)
                return reply_invalid(c, "destination_port", "Must be between 1 and 65535.");
        if (tcp)
                json_object_del(s, "http");
        else if (read_below(c, s, "http", http, ARRAY_SIZE(http)) < 0)
                return -1;
        if (read_health_check(c, s, json_object_get(given, "health_check"), tcp, destination) < 0)
                return -1;
        *ret = TAKE(s);
        return 0;
}
