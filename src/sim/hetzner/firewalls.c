/* Firewalls: rules, what they are applied to, and the actions that carry both to the hosts. */
#include "sim/hetzner/internal.h"

#include "sim/world/firewall.h"
#include "sim/world/latency.h"

enum { MAX_RULES = 50, MAX_CIDRS = 100, MAX_EFFECTIVE = 500, MAX_PER_SERVER = 5 };

static void rules_free(struct cloud_rule *rules, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(rules[i].port);
                free(rules[i].description);
                strv_done(&rules[i].cidrs);
        }
        free(rules);
}

static void rules_copy(struct cloud_firewall *f) {
        rules_free(f->enforced, f->n_enforced);
        f->enforced = xcalloc(f->n_rules + 1, sizeof(*f->enforced));
        f->n_enforced = f->n_rules;
        for (size_t i = 0; i < f->n_rules; i++) {
                f->enforced[i] = f->rules[i];
                f->enforced[i].port = xstrdup(f->rules[i].port);
                f->enforced[i].description = xstrdup(f->rules[i].description);
                strv_copy(&f->enforced[i].cidrs, &f->rules[i].cidrs);
        }
}

/* ---- reading rules ---- */

/* Canonical text, or NULL when it is none or has host bits. */
static char *canonical_cidr(const char *s) {
        struct ip6_prefix p;
        uint32_t four;
        unsigned len;

        if (!s)
                return NULL;
        if (strchr(s, ':'))
                return ip6_prefix_parse(s, &p, NULL) ? ip6_prefix_str(&p) : NULL;
        if (!ip4_cidr_parse(s, &four, &len, true))
                return NULL;
        _cleanup_str_ char *ip = ip4_str(four);
        return xasprintf("%s/%u", ip, len);
}

static int read_cidrs(struct cloud_call *c, json_t *list, size_t rule, struct strv *ret) {
        json_t *item;
        size_t i;

        if (!list || json_is_null(list))
                return 0;
        if (!json_is_array(list))
                return reply_invalid(c, "rules", "rules.%zu: IPs must be an array", rule);
        if (json_array_size(list) > MAX_CIDRS)
                return reply_invalid(c, "rules", "rules.%zu: at most %d CIDR blocks in a rule", rule, MAX_CIDRS);
        json_array_foreach(list, i, item) {
                _cleanup_str_ char *text = canonical_cidr(json_string_value(item));
                if (!text)
                        return reply_invalid(c, "rules", "rules.%zu: '%s' is not a valid CIDR, or has host bits set", rule,
                                              json_is_string(item) ? json_string_value(item) : "?");
                strv_add(ret, text);
        }
        return 0;
}

static bool read_port(const char *text, struct cloud_rule *r) {
        int64_t from, to;
        const char *dash = text ? strchr(text, '-') : NULL;

        r->port_from = 1;
        r->port_to = 65535;
        if (str_eq(text, "any"))         /* not in the description, but taken and echoed (hetzner-k3s, Terraform provider) */
                return true;
        _cleanup_str_ char *first = dash ? xstrndup(text, (size_t) (dash - text)) : xstrdup(text);
        if (!first || !parse_int64(first, 1, 65535, &from))
                return false;
        to = from;
        if (dash && !parse_int64(dash + 1, from, 65535, &to))
                return false;
        r->port_from = (unsigned) from;
        r->port_to = (unsigned) to;
        return true;
}

static int read_rule(struct cloud_call *c, json_t *j, size_t n, struct cloud_rule *r) {
        static const char *const protocols[] = { "tcp", "udp", "icmp", "esp", "gre" };
        const char *direction = json_string_value(json_object_get(j, "direction")), *protocol = json_string_value(json_object_get(j, "protocol")),
                   *port = json_string_value(json_object_get(j, "port")), *description = json_string_value(json_object_get(j, "description"));

        if (!str_eq(direction, "in") && !str_eq(direction, "out"))
                return reply_invalid(c, "rules", "rules.%zu.direction: Must be one of: in, out.", n);
        r->in = str_eq(direction, "in");
        for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
                if (str_eq(protocol, protocols[i]))
                        r->protocol = protocols[i];
        if (!r->protocol)
                return reply_invalid(c, "rules", "rules.%zu.protocol: Must be one of: tcp, udp, icmp, esp, gre.", n);
        bool ports = str_eq(protocol, "tcp") || str_eq(protocol, "udp");
        if (ports && !read_port(port, r))
                return reply_invalid(c, "rules", "rules.%zu.port: must be a port or a range of ports from 1 to 65535", n);
        if (!ports && port)
                return reply_invalid(c, "rules", "rules.%zu.port: only possible with protocol tcp or udp", n);
        if (description && strlen(description) > 255)
                return reply_invalid(c, "rules", "rules.%zu.description: longer than 255", n);
        r->port = xstrdup(port);
        r->description = xstrdup(description);
        json_t *other = json_object_get(j, r->in ? "destination_ips" : "source_ips"), *own = json_object_get(j, r->in ? "source_ips" : "destination_ips");
        if (json_array_size(other) > 0)
                return reply_invalid(c, "rules", "rules.%zu: %s cannot be set with direction %s", n, r->in ? "destination_ips" : "source_ips", direction);
        if (json_array_size(own) == 0)
                return reply_invalid(c, "rules", "rules.%zu: %s is required", n, r->in ? "source_ips" : "destination_ips");
        return read_cidrs(c, own, n, &r->cidrs);
}

/* Replaces the rules of f by the body's. f may be NULL: then only checks. */
static int read_rules(struct cloud_call *c, struct cloud_rule **ret, size_t *ret_n) {
        json_t *list = json_object_get(c->body, "rules"), *item;
        struct cloud_rule *rules = NULL;
        size_t n = 0, i, effective = 0;

        *ret = NULL;
        *ret_n = 0;
        if (!list || json_is_null(list))
                return 0;
        if (!json_is_array(list))
                return reply_invalid(c, "rules", "must be an array");
        if (json_array_size(list) > MAX_RULES)
                return reply_invalid(c, "rules", "at most %d rules are possible", MAX_RULES);
        json_array_foreach(list, i, item) {
                struct cloud_rule r = { 0 };
                int bad = read_rule(c, item, i, &r);
                ARRAY_APPEND(rules, n, r);
                effective += r.cidrs.n;
                if (bad < 0) {
                        rules_free(rules, n);
                        return -1;
                }
        }
        if (effective > MAX_EFFECTIVE) {
                rules_free(rules, n);
                return reply_invalid(c, "rules", "at most %d effective rules are possible, these are %zu", MAX_EFFECTIVE, effective);
        }
        *ret = rules;
        *ret_n = n;
        return 0;
}

/* ---- showing ---- */

static json_t *strv_json(const struct strv *v) {
        json_t *list = json_array();

        for (size_t i = 0; i < v->n; i++)
                json_array_append_new(list, json_string(v->items[i]));
        return list;
}

static json_t *target_render(struct sim_hetzner *c, const struct cloud_firewall *f, const struct cloud_firewall_target *t) {
        if (t->server)
                return json_pack("{s:s,s:{s:I}}", "type", "server", "server", "id", (json_int_t) t->server);
        json_t *resources = json_array();
        CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s)
                for (size_t i = 0; i < s->n_firewalls; i++)
                        if (s->firewalls[i].firewall == f->o.id && s->firewalls[i].by_selector && cloud_label_selector_matches(t->selector, &s->o.labels))
                                json_array_append_new(resources, json_pack("{s:s,s:{s:I}}", "type", "server", "server", "id", (json_int_t) s->o.id));
        return json_pack("{s:s,s:{s:s},s:o}", "type", "label_selector", "label_selector", "selector", t->selector, "applied_to_resources", resources);
}

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_firewall *f = (const struct cloud_firewall *) o;
        json_t *rules = json_array(), *applied = json_array();

        for (size_t i = 0; i < f->n_rules; i++) {
                const struct cloud_rule *r = &f->rules[i];
                json_array_append_new(rules, json_pack("{s:s,s:s,s:o,s:o,s:o,s:o}", "direction", r->in ? "in" : "out", "protocol", r->protocol, "port",
                                                       r->port ? json_string(r->port) : json_null(), "source_ips",
                                                       r->in ? strv_json(&r->cidrs) : json_array(), "destination_ips",
                                                       r->in ? json_array() : strv_json(&r->cidrs), "description",
                                                       r->description ? json_string(r->description) : json_null()));
        }
        for (size_t i = 0; i < f->n_targets; i++)
                json_array_append_new(applied, target_render(c, f, &f->targets[i]));
        return json_pack("{s:I,s:s,s:o,s:o,s:o,s:o}", "id", (json_int_t) o->id, "name", o->name, "labels", json_from_kvs(&o->labels), "created",
                         json_time(o->created_ms), "rules", rules, "applied_to", applied);
}

/* ---- carrying to the hosts ---- */

static struct cloud_server_firewall *attachment(struct cloud_server *s, int64_t firewall) {
        for (size_t i = 0; s && i < s->n_firewalls; i++)
                if (s->firewalls[i].firewall == firewall)
                        return &s->firewalls[i];
        return NULL;
}

/* The kernel has it now. */
static void synchronised(void *data) {
        struct cloud_action *a = data;
        struct cloud_server_firewall *at = attachment(cloud_server(a->cloud, a->subject), a->argument);

        if (at && at->enforced)
                at->applied = true;
        cloud_action_finish(a);
}

static void done_apply(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server_firewall *at = attachment(cloud_server(c, a->subject), a->argument);

        if (at)
                at->enforced = true;
        a->held = true;
        sim_firewall_sync(c->world, synchronised, a);
}

static void done_rules(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_firewall *f = (struct cloud_firewall *) cloud_get(c, KIND_FIREWALL, a->argument);

        if (f)
                rules_copy(f);
        a->held = true;
        sim_firewall_sync(c->world, synchronised, a);
}

static struct cloud_action *apply_action(struct sim_hetzner *c, struct cloud_firewall *f, struct cloud_server *s) {
        struct cloud_action *a = cloud_action_start(c, "apply_firewall", LATENCY_APPLY_FIREWALL, done_apply);

        cloud_action_on(a, KIND_FIREWALL, f->o.id);
        cloud_action_on(a, KIND_SERVER, s->o.id);
        a->subject = s->o.id;
        a->argument = f->o.id;
        return a;
}

struct cloud_action *firewall_apply(struct sim_hetzner *c, struct cloud_firewall *f, struct cloud_server *s, bool by_selector) {
        struct cloud_server_firewall at = { .firewall = f->o.id, .by_selector = by_selector };

        ARRAY_APPEND(s->firewalls, s->n_firewalls, at);
        if (!by_selector) {
                struct cloud_firewall_target t = { .server = s->o.id };
                ARRAY_APPEND(f->targets, f->n_targets, t);
        }
        struct cloud_action *a = apply_action(c, f, s);
        if (by_selector)                /* selector runs lock the server: Packer plugin 205 */
                cloud_action_lock(a, s);
        return a;
}

static void nothing(void *data) {
        (void) data;
}

static void remove_attachment(struct cloud_server *s, int64_t firewall) {
        struct cloud_server_firewall *at = attachment(s, firewall);
        if (at)
                *at = s->firewalls[--s->n_firewalls];
}

static void remove_target(struct cloud_firewall *f, size_t i) {
        free(f->targets[i].selector);
        memmove(&f->targets[i], &f->targets[i + 1], (f->n_targets - i - 1) * sizeof(*f->targets));
        f->n_targets--;
}

static void mark_in_use(struct sim_hetzner *c, struct cloud_firewall *f) {
        f->in_use_until_ms = sim_now_ms(c->world) + sim_latency(c->world, NULL, LATENCY_FIREWALL_IN_USE);
}

void firewall_detach_server(struct sim_hetzner *c, struct cloud_server *s) {
        CLOUD_EACH(c, KIND_FIREWALL, struct cloud_firewall, f) {
                if (attachment(s, f->o.id))
                        mark_in_use(c, f);
                for (size_t i = f->n_targets; i > 0; i--)
                        if (f->targets[i - 1].server == s->o.id)
                                remove_target(f, i - 1);
        }
        s->n_firewalls = 0;
        sim_firewall_sync(c->world, nothing, NULL);
}

static bool selected(const struct cloud_firewall *f, const struct cloud_server *s) {
        for (size_t i = 0; i < f->n_targets; i++)
                if (f->targets[i].selector && cloud_label_selector_matches(f->targets[i].selector, &s->o.labels))
                        return true;
        return false;
}

void firewalls_follow_labels(struct sim_hetzner *c) {
        CLOUD_EACH(c, KIND_FIREWALL, struct cloud_firewall, f)
                CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s) {
                        struct cloud_server_firewall *at = attachment(s, f->o.id);
                        bool wanted = selected(f, s);
                        if (wanted && !at && s->n_firewalls < MAX_PER_SERVER)
                                firewall_apply(c, f, s, true);
                        else if (!wanted && at && at->by_selector)
                                remove_attachment(s, f->o.id);
                }
}

/* ---- calls ---- */

/* Reads one element of apply_to; exactly one of server and selector is set. */
static int read_target(struct cloud_call *c, json_t *j, const char *field, struct cloud_server **ret_server, const char **ret_selector) {
        const char *type = json_string_value(json_object_get(j, "type"));

        *ret_server = NULL;
        *ret_selector = NULL;
        if (str_eq(type, "server")) {
                int64_t id = json_integer_value(json_object_get(json_object_get(j, "server"), "id"));
                *ret_server = cloud_server(c->cloud, id);
                if (!*ret_server)
                        return reply_error(c, 404, "firewall_resource_not_found", "firewall resource with ID '%lld' not found", (long long) id);
                return 0;
        }
        if (str_eq(type, "label_selector")) {
                *ret_selector = json_string_value(json_object_get(json_object_get(j, "label_selector"), "selector"));
                if (!*ret_selector || !cloud_label_selector_valid(*ret_selector))
                        return reply_invalid(c, field, "label selector is malformed");
                return 0;
        }
        return reply_invalid(c, field, "type must be one of: server, label_selector");
}

static int check_targets(struct cloud_call *c, const char *field, struct cloud_firewall *f) {
        json_t *list = json_object_get(c->body, field), *item;
        size_t i;

        json_array_foreach(list, i, item) {
                struct cloud_server *s;
                const char *selector;
                if (read_target(c, item, field, &s, &selector) < 0)
                        return -1;
                if (s && f && attachment(s, f->o.id))
                        return reply_error(c, 422, "firewall_already_applied", "firewall was already applied to server");
                if (s && s->n_firewalls >= MAX_PER_SERVER)
                        return reply_invalid(c, field, "at most %d firewalls can be applied to a server", MAX_PER_SERVER);
                if (s && !s->ipv4 && !s->ipv6)
                        return reply_error(c, 422, "private_net_only_server", "the server has no public interface");
                for (size_t t = 0; selector && f && t < f->n_targets; t++)
                        if (str_eq(f->targets[t].selector, selector))
                                return reply_error(c, 422, "firewall_already_applied", "firewall was already applied to label selector");
        }
        return 0;
}

/* Applies what check_targets() found good. */
static json_t *apply_targets(struct cloud_call *c, const char *field, struct cloud_firewall *f) {
        json_t *list = json_object_get(c->body, field), *item, *actions = json_array();
        size_t i;

        json_array_foreach(list, i, item) {
                struct cloud_server *s;
                const char *selector;
                if (read_target(c, item, field, &s, &selector) < 0)
                        continue;
                if (s) {
                        json_array_append_new(actions, cloud_action_render(firewall_apply(c->cloud, f, s, false)));
                        continue;
                }
                struct cloud_firewall_target t = { .selector = xstrdup(selector) };
                ARRAY_APPEND(f->targets, f->n_targets, t);
                firewalls_follow_labels(c->cloud);
        }
        return actions;
}

static int create(struct cloud_call *c) {
        const char *name = NULL;
        struct cloud_rule *rules = NULL;
        size_t n = 0;
        _cleanup_kvs_ struct kvs labels = { 0 };

        if (body_required(c, (const char *const[]) { "name", NULL }) < 0 || body_str(c, "name", &name) < 0 ||
            check_name(c, KIND_FIREWALL, name, NULL) < 0 || body_labels(c, &labels) < 0 || check_targets(c, "apply_to", NULL) < 0 ||
            check_quota(c, KIND_FIREWALL) < 0 || read_rules(c, &rules, &n) < 0)
                return -1;
        struct cloud_firewall *f = xnew0(struct cloud_firewall);
        f->o.name = xstrdup(name);
        kvs_copy(&f->o.labels, &labels);
        f->rules = rules;
        f->n_rules = n;
        rules_copy(f);
        cloud_add(c->cloud, KIND_FIREWALL, &f->o);
        json_t *actions = apply_targets(c, "apply_to", f), *j = json_object();
        json_object_set_new(j, "firewall", render(c->cloud, &f->o));
        json_object_set_new(j, "actions", actions);
        return reply_json(c, 201, j);
}

static int delete(struct cloud_call *c) {
        struct cloud_firewall *f = (struct cloud_firewall *) c->object;

        /* Also with a label selector that matches nothing (Terraform provider 463), and for seconds after the last server is gone. */
        if (f->n_targets > 0 || sim_now_ms(c->cloud->world) < f->in_use_until_ms || sim_fault_on(c->cloud->world, "firewall-in-use"))
                return reply_error(c, 422, "resource_in_use", "firewall is still in use");
        cloud_remove(c->cloud, c->object);
        return reply_empty(c, 204);
}

static int set_rules(struct cloud_call *c) {
        struct cloud_firewall *f = (struct cloud_firewall *) c->object;
        struct cloud_rule *rules = NULL;
        size_t n = 0;

        if (!json_is_array(json_object_get(c->body, "rules")))
                return reply_invalid(c, "rules", "Missing data for required field.");
        if (read_rules(c, &rules, &n) < 0)
                return -1;
        rules_free(f->rules, f->n_rules);
        f->rules = rules;
        f->n_rules = n;
        json_t *actions = json_array();
        struct cloud_action *a = cloud_action_start(c->cloud, "set_firewall_rules", LATENCY_SET_RULES, done_rules);
        cloud_action_on(a, KIND_FIREWALL, f->o.id);
        a->argument = f->o.id;
        json_array_append_new(actions, cloud_action_render(a));
        CLOUD_EACH(c->cloud, KIND_SERVER, struct cloud_server, s)
                if (attachment(s, f->o.id))
                        json_array_append_new(actions, cloud_action_render(apply_action(c->cloud, f, s)));
        return reply_actions(c, actions);
}

static int apply_to_resources(struct cloud_call *c) {
        struct cloud_firewall *f = (struct cloud_firewall *) c->object;

        if (json_array_size(json_object_get(c->body, "apply_to")) == 0)
                return reply_invalid(c, "apply_to", "Missing data for required field.");
        if (check_targets(c, "apply_to", f) < 0)
                return -1;
        return reply_actions(c, apply_targets(c, "apply_to", f));
}

static void done_remove(struct sim_hetzner *c, struct cloud_action *a) {
        a->held = true;
        sim_firewall_sync(c->world, synchronised, a);
}

static int remove_from_resources(struct cloud_call *c) {
        struct cloud_firewall *f = (struct cloud_firewall *) c->object;
        json_t *list = json_object_get(c->body, "remove_from"), *item, *actions = json_array();
        size_t i;

        json_array_foreach(list, i, item) {
                struct cloud_server *s;
                const char *selector;
                if (read_target(c, item, "remove_from", &s, &selector) < 0) {
                        json_decref(actions);
                        return -1;
                }
                struct cloud_server_firewall *at = attachment(s, f->o.id);
                if (s && at && at->by_selector) {
                        json_decref(actions);
                        return reply_error(c, 422, "firewall_managed_by_label_selector", "firewall was applied via a label selector");
                }
                for (size_t t = f->n_targets; t > 0; t--)
                        if ((s && f->targets[t - 1].server == s->o.id) || (selector && str_eq(f->targets[t - 1].selector, selector)))
                                remove_target(f, t - 1);
                if (selector)
                        firewalls_follow_labels(c->cloud);
                if (s)
                        remove_attachment(s, f->o.id);
                mark_in_use(c->cloud, f);
                struct cloud_action *a = cloud_action_start(c->cloud, "remove_firewall", LATENCY_APPLY_FIREWALL, done_remove);
                cloud_action_on(a, KIND_FIREWALL, f->o.id);
                if (s)
                        cloud_action_on(a, KIND_SERVER, s->o.id);
                json_array_append_new(actions, cloud_action_render(a));
        }
        return reply_actions(c, actions);
}

static void free_firewall(struct cloud_object *o) {
        struct cloud_firewall *f = (struct cloud_firewall *) o;

        cloud_object_done(o);
        rules_free(f->rules, f->n_rules);
        rules_free(f->enforced, f->n_enforced);
        for (size_t i = 0; i < f->n_targets; i++)
                free(f->targets[i].selector);
        free(f->targets);
        free(f);
}

static const char *const sort[] = { "id", "name", "created", NULL };
const struct cloud_class class_firewall = { .path = "firewalls", .singular = "firewall", .title = "Firewall", .render = render,
                                            .free = free_firewall, .sort = sort, .unique_names = true, .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/firewalls", KIND_FIREWALL, cloud_list, 0 },
        { "POST", "/firewalls", KIND_FIREWALL, create, ROUTE_BODY },
        { "GET", "/firewalls/actions", KIND_FIREWALL, cloud_list_all_actions, 0 },
        { "GET", "/firewalls/actions/{action_id}", KIND_FIREWALL, cloud_show_own_action, 0 },
        { "GET", "/firewalls/{id}", KIND_FIREWALL, cloud_show, 0 },
        { "PUT", "/firewalls/{id}", KIND_FIREWALL, cloud_update, ROUTE_BODY },
        { "DELETE", "/firewalls/{id}", KIND_FIREWALL, delete, 0 },
        { "GET", "/firewalls/{id}/actions", KIND_FIREWALL, cloud_list_own_actions, 0 },
        { "GET", "/firewalls/{id}/actions/{action_id}", KIND_FIREWALL, cloud_show_own_action, 0 },
        { "POST", "/firewalls/{id}/actions/set_rules", KIND_FIREWALL, set_rules, ROUTE_BODY },
        { "POST", "/firewalls/{id}/actions/apply_to_resources", KIND_FIREWALL, apply_to_resources, ROUTE_BODY },
        { "POST", "/firewalls/{id}/actions/remove_from_resources", KIND_FIREWALL, remove_from_resources, ROUTE_BODY },
};
const struct cloud_routes routes_firewall = { routes, ARRAY_SIZE(routes) };
