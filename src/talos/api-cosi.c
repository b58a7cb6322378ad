/* cosi.resource.State: the resources that Talos' controllers keep. */
#include <arpa/inet.h>

#include "base/yaml.h"
#include "talos/api-private.h"

/* ---- Get and List ---- */

void talos_resource_done(struct talos_resource *r) {
        if (!r)
                return;
        free(r->namespace_);
        free(r->type);
        free(r->id);
        free(r->version);
        free(r->phase);
        kvs_done(&r->labels);
        free(r->yaml_spec);
        strbuf_done(&r->proto_spec);
        *r = (struct talos_resource) { 0 };
}

void talos_resources_done(struct talos_resources *r) {
        if (!r)
                return;
        for (size_t i = 0; i < r->n; i++)
                talos_resource_done(&r->items[i]);
        free(r->items);
        *r = (struct talos_resources) { 0 };
}

struct map_entry { char *key, *value; };

static void map_entry_done(struct map_entry *e) {
        free(e->key);
        free(e->value);
}

static int map_entry_field(const struct proto_field *f, void *into, struct error *err) {
        struct map_entry *e = into;
        switch (f->number) {
        case 1: return proto_get_str(f, &e->key, err);
        case 2: return proto_get_str(f, &e->value, err);
        default: return 0;
        }
}

static int label_field(const struct proto_field *f, struct kvs *labels, struct error *err) {
        _cleanup_(map_entry_done) struct map_entry e = { 0 };
        if (labels->n >= PROTO_MAX_ITEMS / 16)
                return error_set(err, ERR_PROTOCOL, "a resource has too many labels");
        if (proto_each_in(f, "labels", map_entry_field, &e, err) < 0)
                return -1;
        kvs_set(labels, e.key ? e.key : "", e.value ? e.value : "");
        return 0;
}

static int metadata_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_resource *r = into;
        switch (f->number) {
        case 1: return proto_get_str(f, &r->namespace_, err);
        case 2: return proto_get_str(f, &r->type, err);
        case 3: return proto_get_str(f, &r->id, err);
        case 4: return proto_get_str(f, &r->version, err);
        case 6: return proto_get_str(f, &r->phase, err);
        case 10: return label_field(f, &r->labels, err);
        default: return 0;
        }
}

static int spec_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_resource *r = into;
        switch (f->number) {
        case 1: return proto_get_bytes(f, &r->proto_spec, err);
        case 2: return proto_get_str(f, &r->yaml_spec, err);
        default: return 0;
        }
}

static int resource_field(const struct proto_field *f, void *into, struct error *err) {
        switch (f->number) {
        case 1: return proto_each_in(f, "cosi Metadata", metadata_field, into, err);
        case 2: return proto_each_in(f, "cosi Spec", spec_field, into, err);
        default: return 0;
        }
}

static int answer_field(const struct proto_field *f, void *into, struct error *err) {
        return f->number == 1 ? proto_each_in(f, "cosi Resource", resource_field, into, err) : 0;
}

/* GetResponse and the messages of List's stream look the same: {1 Resource}. */
static int decode_answer(const void *p, size_t n, struct talos_resource *ret, struct error *err) {
        _cleanup_(talos_resource_done) struct talos_resource r = { .proto_spec = { .max = GRPC_MAX_MESSAGE + 1 } };
        if (proto_each(proto_read("cosi answer", p, n), answer_field, &r, err) < 0)
                return -1;
        if (!r.yaml_spec)
                r.yaml_spec = xstrdup("");
        *ret = r;
        r = (struct talos_resource) { 0 };
        return 0;
}

int talos_resource_get(const struct talos_client *c, const char *ns, const char *type, const char *id, struct talos_resource *ret,
                       struct error *err) {
        _cleanup_strbuf_ struct strbuf request = STRBUF_INIT, answer = STRBUF_INIT;
        proto_put_str(&request, 1, ns);
        proto_put_str(&request, 2, type);
        proto_put_str(&request, 3, id);
        if (api_unary(c, "/cosi.resource.State/Get", &request, 10000, &answer, err) < 0)
                return error_wrap(err, "reading %s/%s", type, id);
        if (decode_answer(answer.data, answer.len, ret, err) < 0) {
                api_unreadable(c, err);
                return error_wrap(err, "reading %s/%s", type, id);
        }
        return 0;
}

static int list_message(void *arg, const void *p, size_t n, struct error *err) {
        struct talos_resources *all = arg;
        struct talos_resource r;
        if (all->n >= PROTO_MAX_ITEMS)
                return error_set(err, ERR_PROTOCOL, "more than %d resources", PROTO_MAX_ITEMS);
        if (decode_answer(p, n, &r, err) < 0)
                return -1;
        ARRAY_APPEND(all->items, all->n, r);
        return 0;
}

int talos_resource_list(const struct talos_client *c, const char *ns, const char *type, struct talos_resources *ret, struct error *err) {
        _cleanup_(talos_resources_done) struct talos_resources all = { 0 };
        _cleanup_strbuf_ struct strbuf request = STRBUF_INIT;
        proto_put_str(&request, 1, ns);
        proto_put_str(&request, 2, type);
        if (api_stream(c, "/cosi.resource.State/List", &request, list_message, &all, err) < 0)
                return error_wrap(err, "listing %s", type);
        *ret = all;
        all = (struct talos_resources) { 0 };
        return 0;
}

/* ---- MachineStatus ---- */

static const char *const stage_names[] = {
        [TALOS_STAGE_UNKNOWN] = "unknown", [TALOS_STAGE_BOOTING] = "booting", [TALOS_STAGE_INSTALLING] = "installing",
        [TALOS_STAGE_MAINTENANCE] = "maintenance", [TALOS_STAGE_RUNNING] = "running", [TALOS_STAGE_REBOOTING] = "rebooting",
        [TALOS_STAGE_SHUTTING_DOWN] = "shutting down", [TALOS_STAGE_RESETTING] = "resetting", [TALOS_STAGE_UPGRADING] = "upgrading",
};

const char *talos_stage_name(enum talos_stage stage) {
        return (size_t) stage < ARRAY_SIZE(stage_names) ? stage_names[stage] : "unknown";
}

void talos_machine_status_done(struct talos_machine_status *s) {
        if (!s)
                return;
        for (size_t i = 0; i < s->n_unmet; i++) {
                free(s->unmet[i].name);
                free(s->unmet[i].reason);
        }
        free(s->unmet);
        *s = (struct talos_machine_status) { 0 };
}

static int unmet_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_unmet *u = into;
        switch (f->number) {
        case 1: return proto_get_str(f, &u->name, err);
        case 2: return proto_get_str(f, &u->reason, err);
        default: return 0;
        }
}

static int readiness_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_machine_status *s = into;
        if (f->number == 1)
                return proto_get_bool(f, &s->ready, err);
        if (f->number != 2)
                return 0;
        if (s->n_unmet >= PROTO_MAX_ITEMS)
                return error_set(err, ERR_PROTOCOL, "more than %d unmet conditions", PROTO_MAX_ITEMS);
        ARRAY_APPEND(s->unmet, s->n_unmet, (struct talos_unmet) { 0 });
        return proto_each_in(f, "UnmetCondition", unmet_field, &s->unmet[s->n_unmet - 1], err);
}

static int machine_status_field(const struct proto_field *f, void *into, struct error *err) {
        struct talos_machine_status *s = into;
        uint64_t stage = 0;
        switch (f->number) {
        case 1:
                if (proto_get_uint(f, &stage, err) < 0)
                        return -1;
                s->stage = stage < ARRAY_SIZE(stage_names) ? (enum talos_stage) stage : TALOS_STAGE_UNKNOWN;
                return 0;
        case 2: return proto_each_in(f, "MachineStatusStatus", readiness_field, s, err);
        default: return 0;
        }
}

static int machine_status_from_yaml(const char *text, struct talos_machine_status *s, struct error *err) {
        _cleanup_(yaml_freep) struct yaml_node *doc = NULL;
        if (yaml_parse_one("MachineStatus", text, strlen(text), &doc, err) < 0)
                return -1;
        const char *stage = yaml_str(yaml_get(doc, "stage"));
        for (size_t i = 0; stage && i < ARRAY_SIZE(stage_names); i++)
                if (str_eq(stage, stage_names[i]))
                        s->stage = (enum talos_stage) i;
        const struct yaml_node *ready = yaml_path(doc, "status.ready");
        s->ready = ready && ready->type == YAML_BOOL && ready->boolean;
        const struct yaml_node *unmet = yaml_path(doc, "status.unmetConditions");
        for (size_t i = 0; unmet && unmet->type == YAML_SEQ && i < unmet->n; i++) {
                struct talos_unmet u = { xstrdup(yaml_str(yaml_get(unmet->items[i], "name"))),
                                         xstrdup(yaml_str(yaml_get(unmet->items[i], "reason"))) };
                ARRAY_APPEND(s->unmet, s->n_unmet, u);
        }
        return 0;
}

int talos_machine_status(const struct talos_client *c, struct talos_machine_status *ret, struct error *err) {
        _cleanup_(talos_machine_status_done) struct talos_machine_status s = { 0 };
        _cleanup_(talos_resource_done) struct talos_resource r = { 0 };
        if (talos_resource_get(c, "runtime", "MachineStatuses.runtime.talos.dev", "machine", &r, err) < 0)
                return -1;
        int rc = r.proto_spec.len
                         ? proto_each(proto_read("MachineStatusSpec", r.proto_spec.data, r.proto_spec.len), machine_status_field, &s, err)
                         : machine_status_from_yaml(r.yaml_spec, &s, err);
        if (rc < 0)
                return api_unreadable(c, err);
        *ret = s;
        s = (struct talos_machine_status) { 0 };
        return 0;
}

char *talos_machine_status_text(const struct talos_machine_status *s) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        strbuf_adds(&b, talos_stage_name(s->stage));
        if (s->stage == TALOS_STAGE_RUNNING || s->n_unmet)
                strbuf_adds(&b, s->ready ? ", ready" : ", not ready");
        for (size_t i = 0; i < s->n_unmet; i++) {
                const struct talos_unmet *u = &s->unmet[i];
                strbuf_addf(&b, "%s%s", i ? ", " : ": ", u->name ? u->name : "?");
                if (!str_empty(u->reason))
                        strbuf_addf(&b, " (%s)", u->reason);
        }
        return strbuf_take(&b);
}

/* ---- RouteStatuses ---- */

void talos_routes_done(struct talos_routes *r) {
        if (!r)
                return;
        for (size_t i = 0; i < r->n; i++) {
                struct talos_route *t = &r->items[i];
                free(t->family);
                free(t->destination);
                free(t->gateway);
                free(t->link);
                free(t->table);
                free(t->protocol);
                free(t->type);
        }
        free(r->items);
        *r = (struct talos_routes) { 0 };
}

static char *yaml_text(const struct yaml_node *doc, const char *key) {
        const char *s = yaml_str(yaml_get(doc, key));
        return xstrdup(s ? s : "");
}

/* network.RouteStatusSpec as YAML: family, dst, gateway, outLinkName, table, priority, protocol, type … */
static int route_parse(const struct talos_resource *r, struct talos_route *ret, struct error *err) {
        _cleanup_(yaml_freep) struct yaml_node *doc = NULL;
        if (yaml_parse_one("RouteStatus", r->yaml_spec, strlen(r->yaml_spec), &doc, err) < 0)
                return error_wrap(err, "route %s", r->id ? r->id : "?");
        const struct yaml_node *priority = yaml_get(doc, "priority");
        *ret = (struct talos_route) {
                .family = yaml_text(doc, "family"), .destination = yaml_text(doc, "dst"), .gateway = yaml_text(doc, "gateway"),
                .link = yaml_text(doc, "outLinkName"), .table = yaml_text(doc, "table"), .protocol = yaml_text(doc, "protocol"),
                .type = yaml_text(doc, "type"), .priority = priority && priority->type == YAML_INT ? priority->integer : 0,
        };
        return 0;
}

int talos_route_list(const struct talos_client *c, struct talos_routes *ret, struct error *err) {
        _cleanup_(talos_resources_done) struct talos_resources all = { 0 };
        _cleanup_(talos_routes_done) struct talos_routes routes = { 0 };
        if (talos_resource_list(c, "network", "RouteStatuses.net.talos.dev", &all, err) < 0)
                return -1;
        for (size_t i = 0; i < all.n; i++) {
                struct talos_route t;
                if (route_parse(&all.items[i], &t, err) < 0)
                        return api_unreadable(c, err);
                ARRAY_APPEND(routes.items, routes.n, t);
        }
        *ret = routes;
        routes = (struct talos_routes) { 0 };
        return 0;
}

/* Length of the prefix when it holds the address, else -1. "" is 0.0.0.0/0. */
static int ipv4_prefix_match(const char *prefix, uint32_t address) {
        char text[INET_ADDRSTRLEN + 3];
        struct in_addr net;
        int64_t len = 32;
        if (!*prefix)
                return 0;
        if (strlen(prefix) >= sizeof(text))
                return -1;
        memcpy(text, prefix, strlen(prefix) + 1);
        char *slash = strchr(text, '/');
        if (slash) {
                *slash = '\0';
                if (!parse_int64(slash + 1, 0, 32, &len))
                        return -1;
        }
        if (inet_pton(AF_INET, text, &net) != 1)
                return -1;
        uint32_t mask = len ? UINT32_MAX << (32 - len) : 0;
        return (ntohl(net.s_addr) & mask) == (address & mask) ? (int) len : -1;
}

const struct talos_route *talos_routes_find_ipv4(const struct talos_routes *r, const char *address) {
        const struct talos_route *best = NULL;
        struct in_addr a;
        int best_len = -1;
        if (inet_pton(AF_INET, address, &a) != 1)
                return NULL;
        for (size_t i = 0; i < r->n; i++) {
                const struct talos_route *t = &r->items[i];
                if (!str_eq(t->family, "inet4") || !str_eq(t->table, "main"))
                        continue;
                int len = ipv4_prefix_match(t->destination, ntohl(a.s_addr));
                if (len < 0)
                        continue;
                if (len > best_len || (len == best_len && best && t->priority < best->priority)) {
                        best = t;
                        best_len = len;
                }
        }
        return best;
}
