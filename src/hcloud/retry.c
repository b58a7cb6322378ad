#include "hcloud/retry.h"

#include "base/util.h"

#define FIRST_WAIT_MS 1000
#define LONG 60000      /* the other side is in trouble: leave it time */
#define SHORT 8000      /* another change is running: it ends within seconds */

/* Codes and statuses: hcloud API, "Errors", and the tables of the single operations. Which are repeated: what hcloud-go repeats
 * (conflict, rate_limit_exceeded, bad_gateway, timeout), and what its users had to repeat themselves (locked, unavailable,
 * server_error). */
static const struct retry_rule rules[] = {
        /* code                        status kind              retry         tries wait at most */
        { "unauthorized",                   0, ERR_AUTH,         RETRY_NO,     0, 0 },
        { "token_readonly",                 0, ERR_AUTH,         RETRY_NO,     0, 0 },
        { "forbidden",                      0, ERR_AUTH,         RETRY_NO,     0, 0 },
        { "maintenance",                    0, ERR_UNAVAILABLE,  RETRY_NO,     0, 0 },
        { "resource_limit_exceeded",        0, ERR_QUOTA,        RETRY_NO,     0, 0 },
        { "not_found",                      0, ERR_NOT_FOUND,    RETRY_NO,     0, 0 },
        { "uniqueness_error",               0, ERR_EXISTS,       RETRY_NO,     0, 0 },
        { "conflict",                       0, ERR_CONFLICT,     RETRY_YES,    0, SHORT },
        { "resource_unavailable",           0, ERR_CAPACITY,     RETRY_NO,     0, 0 },
        { "placement_error",                0, ERR_CAPACITY,     RETRY_NO,     0, 0 },
        { "no_space_left_in_location",      0, ERR_CAPACITY,     RETRY_NO,     0, 0 },
        { "invalid_input",                  0, ERR_INVALID,      RETRY_NO,     0, 0 },
        { "invalid_server_type",            0, ERR_INVALID,      RETRY_NO,     0, 0 },
        { "json_error",                     0, ERR_BUG,          RETRY_NO,     0, 0 },
        { "locked",                         0, ERR_LOCKED,       RETRY_YES,    0, SHORT },
        { "resource_locked",                0, ERR_LOCKED,       RETRY_YES,    0, SHORT },
        { "protected",                      0, ERR_REFUSED,      RETRY_NO,     0, 0 },
        { "resource_in_use",                0, ERR_CONFLICT,     RETRY_NO,     0, SHORT },
        { "must_be_unassigned",             0, ERR_REFUSED,      RETRY_NO,     0, SHORT },
        { "service_error",                  0, ERR_REFUSED,      RETRY_NO,     0, SHORT },
        { "no_subnet_available",            0, ERR_REFUSED,      RETRY_NO,     0, SHORT },
        { "firewall_resource_not_found",    0, ERR_NOT_FOUND,    RETRY_NO,     0, 0 },
        { "rate_limit_exceeded",            0, ERR_RATE_LIMITED, RETRY_RATE,   0, LONG },
        { "server_error",                   0, ERR_UNAVAILABLE,  RETRY_UNSURE, 6, LONG },
        { "bad_gateway",                    0, ERR_UNAVAILABLE,  RETRY_UNSURE, 0, LONG },
        { "unavailable",                    0, ERR_UNAVAILABLE,  RETRY_UNSURE, 0, LONG },
        { "timeout",                        0, ERR_TIMEOUT,      RETRY_UNSURE, 0, LONG },
        /* answers without a code that is known */
        { NULL,                           200, ERR_PROTOCOL,     RETRY_UNSURE, 3, SHORT },    /* success without a readable body */
        { NULL,                           400, ERR_INVALID,      RETRY_NO,     0, 0 },
        { NULL,                           401, ERR_AUTH,         RETRY_NO,     0, 0 },
        { NULL,                           403, ERR_AUTH,         RETRY_NO,     0, 0 },
        { NULL,                           409, ERR_CONFLICT,     RETRY_NO,     0, 0 },
        { NULL,                           423, ERR_LOCKED,       RETRY_YES,    0, SHORT },
        { NULL,                           429, ERR_RATE_LIMITED, RETRY_RATE,   0, LONG },
        { NULL,                           500, ERR_UNAVAILABLE,  RETRY_UNSURE, 6, LONG },
        { NULL,                           502, ERR_UNAVAILABLE,  RETRY_UNSURE, 0, LONG },
        { NULL,                           503, ERR_UNAVAILABLE,  RETRY_UNSURE, 0, LONG },
        { NULL,                           504, ERR_TIMEOUT,      RETRY_UNSURE, 0, LONG },
        { NULL,                             0, ERR_REFUSED,      RETRY_NO,     0, 0 },
};

static const struct retry_rule never_answered = { NULL, 0, ERR_UNAVAILABLE, RETRY_UNSURE, 3, SHORT };
static const struct retry_rule lost           = { NULL, 0, ERR_UNAVAILABLE, RETRY_UNSURE, 0, LONG };
static const struct retry_rule not_connected  = { NULL, 0, ERR_UNAVAILABLE, RETRY_YES,    0, LONG };
static const struct retry_rule garbled        = { NULL, 0, ERR_PROTOCOL,    RETRY_UNSURE, 3, SHORT };
static const struct retry_rule final          = { NULL, 0, ERR_BUG,         RETRY_NO,     0, 0 };

const struct retry_rule *retry_rule_for(const char *code, int http_status) {
        const struct retry_rule *by_status = NULL;
        bool known_trouble = http_status == 502 || http_status == 503 || http_status == 504;
        int status = http_status >= 200 && http_status < 300 ? 200 : http_status >= 500 && !known_trouble ? 500 : http_status;
        for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
                const struct retry_rule *r = &rules[i];
                if (code && r->code && strcmp(code, r->code) == 0)
                        return r;
                if (!r->code && !by_status && (r->http_status == status || r->http_status == 0))
                        by_status = r;
        }
        return by_status;
}

const struct retry_rule *retry_rule_transport(const struct error *err, bool answered) {
        switch (err->kind) {
        case ERR_UNAVAILABLE:
        case ERR_TIMEOUT:
                /* A wrong endpoint or a machine without network should not cost minutes. */
                if (!answered)
                        return &never_answered;
                return err->ambiguous ? &lost : &not_connected;
        case ERR_PROTOCOL:
                return &garbled;
        default:
                return &final;
        }
}

enum error_kind retry_action_kind(const char *code) {
        for (size_t i = 0; code && i < ARRAY_SIZE(rules); i++)
                if (rules[i].code && strcmp(rules[i].code, code) == 0)
                        return rules[i].kind;
        return ERR_REFUSED;
}

int64_t retry_wait_ms(const struct retry_rule *rule, unsigned attempt, uint32_t random) {
        int64_t longest = FIRST_WAIT_MS;
        for (unsigned i = 1; i < attempt && longest < rule->cap_ms; i++)
                longest *= 2;
        if (longest > rule->cap_ms)
                longest = rule->cap_ms > FIRST_WAIT_MS ? rule->cap_ms : FIRST_WAIT_MS;
        return FIRST_WAIT_MS + (int64_t) ((uint64_t) (longest - FIRST_WAIT_MS) * random / UINT32_MAX);
}
