/* Load balancers: everything but the balancing. Services and targets are checked, filled with defaults and kept as they are shown. */
#include "sim/hetzner/internal.h"

#include "sim/world/latency.h"

static struct cloud_load_balancer *subject(struct cloud_call *c) {
        return (struct cloud_load_balancer *) c->object;
}

static struct cloud_action *action_on(struct cloud_call *c, const char *command, int64_t id) {
        struct cloud_action *a = cloud_action_start(c->cloud, command, LATENCY_LOAD_BALANCER, NULL);

        cloud_action_on(a, KIND_LOAD_BALANCER, id);
        return a;
}

/* ---- showing ---- */

static json_t *health(const struct cloud_load_balancer *b) {
        json_t *list = json_array(), *s;
        size_t i;

        json_array_foreach(b->services, i, s)
                json_array_append_new(list, json_pack("{s:O,s:s}", "listen_port", json_object_get(s, "listen_port"), "status", "unknown"));
        return list;
}

static json_t *target_render(struct sim_hetzner *c, const struct cloud_load_balancer *b, json_t *t) {
        json_t *o = json_deep_copy(t);
        const char *selector = json_string_value(json_object_get(json_object_get(t, "label_selector"), "selector"));

        if (!selector) {
                json_object_set_new(o, "health_status", health(b));
                return o;
        }
        json_t *targets = json_array();
        CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s) {
                struct cloud_primary_ip *v4 = (struct cloud_primary_ip *) cloud_get(c, KIND_PRIMARY_IP, s->ipv4);
                if (!v4 || !cloud_label_selector_matches(selector, &s->o.labels))
                        continue;
                _cleanup_str_ char *ip = ip4_str(v4->ip4);
                json_array_append_new(targets, json_pack("{s:s,s:{s:I,s:s},s:o,s:b}", "type", "server", "server", "id", (json_int_t) s->o.id, "ip",
                                                         ip, "health_status", health(b), "use_private_ip", 0));
        }
        json_object_set_new(o, "targets", targets);
        return o;
}

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_load_balancer *b = (const struct cloud_load_balancer *) o;
        json_t *targets = json_array(), *private = json_array(), *t;
        char text[IP6_STR_MAX];
        size_t i;

        json_array_foreach(b->targets, i, t) json_array_append_new(targets, target_render(c, b, t));
        if (b->network) {
                _cleanup_str_ char *ip = ip4_str(b->private_ip);
                json_array_append_new(private, json_pack("{s:I,s:s}", "network", (json_int_t) b->network, "ip", ip));
        }
        _cleanup_str_ char *four = ip4_str(b->ip4);
        json_t *public = json_pack("{s:b,s:{s:s,s:o},s:{s:s,s:o}}", "enabled", b->public_interface, "ipv4", "ip", four, "dns_ptr",
                                   b->ptr4 ? json_string(b->ptr4) : json_null(), "ipv6", "ip", ip6_format(&b->ip6, text), "dns_ptr",
                                   b->ptr6 ? json_string(b->ptr6) : json_null());
        return json_pack("{s:I,s:s,s:o,s:o,s:o,s:o,s:{s:b},s:o,s:o,s:O,s:o,s:{s:s},s:I,s:I,s:I}", "id", (json_int_t) o->id, "name", o->name,
                         "public_net", public, "private_net", private, "location", location_render(c, &b->location->o), "load_balancer_type",
                         load_balancer_type_render(c, &b->type->o), "protection", "delete", o->protect_delete, "labels",
                         json_from_kvs(&o->labels), "created", json_time(o->created_ms), "services", b->services, "targets", targets, "algorithm",
                         "type", b->algorithm, "outgoing_traffic", (json_int_t) 0, "ingoing_traffic", (json_int_t) 0, "included_traffic",
                         (json_int_t) 21990232555520);
}

/* ---- services ---- */

static json_t *service_at(struct cloud_load_balancer *b, json_int_t port, size_t *ret_index) {
        json_t *s;
        size_t i;

        json_array_foreach(b->services, i, s)
                if (json_integer_value(json_object_get(s, "listen_port")) == port) {
                        if (ret_index)
                                *ret_index = i;
                        return s;
                }
        return NULL;
}

static int add_service(struct cloud_call *c, struct cloud_load_balancer *b, json_t *given) {
        _cleanup_json_ json_t *s = NULL;

        if (load_balancer_service(c, given, &s) < 0)
                return -1;
        if (service_at(b, json_integer_value(json_object_get(s, "listen_port")), NULL))
                return reply_error(c, 412, "source_port_already_used", "the source port is already used");
        if (json_array_size(b->services) >= b->type->max_services)
                return reply_error(c, 403, "resource_limit_exceeded", "Load Balancer service limit exceeded");
        json_array_append(b->services, s);
        return 0;
}

/* ---- targets ---- */

static bool same_target(json_t *a, json_t *b) {
        const char *type = json_string_value(json_object_get(a, "type"));

        if (!str_eq(type, json_string_value(json_object_get(b, "type"))))
                return false;
        if (str_eq(type, "server"))
                return json_integer_value(json_object_get(json_object_get(a, "server"), "id")) ==
                       json_integer_value(json_object_get(json_object_get(b, "server"), "id"));
        if (str_eq(type, "label_selector"))
                return json_equal(json_object_get(json_object_get(a, "label_selector"), "selector"),
                                  json_object_get(json_object_get(b, "label_selector"), "selector"));
        return json_equal(json_object_get(json_object_get(a, "ip"), "ip"), json_object_get(json_object_get(b, "ip"), "ip"));
}

/* An explicit ip (since July 2026) is the server's IPv4 or any address of its /64. */
static int read_server_target(struct cloud_call *c, struct cloud_load_balancer *b, json_t *t, json_t **ret) {
        json_t *given = json_object_get(t, "server");
        bool private = json_is_true(json_object_get(t, "use_private_ip"));
        struct cloud_server *s = cloud_server(c->cloud, json_integer_value(json_object_get(given, "id")));
        const char *ip = json_string_value(json_object_get(given, "ip"));
        _cleanup_str_ char *own = NULL;

        if (!s)
                return reply_not_found(c, KIND_SERVER, json_integer_value(json_object_get(given, "id")));
        struct cloud_primary_ip *v4 = (struct cloud_primary_ip *) cloud_get(c->cloud, KIND_PRIMARY_IP, s->ipv4);
        if (private) {
                if (!b->network)
                        return reply_error(c, 422, "load_balancer_not_attached_to_network", "the Load Balancer is not attached to a network");
                for (size_t i = 0; i < s->n_nets; i++)
                        if (s->nets[i].network == b->network)
                                own = ip4_str(s->nets[i].ip);
                if (!own)
                        return reply_error(c, 422, "server_not_attached_to_network", "the server is not attached to the Load Balancer's network");
        } else if (ip) {
                struct ip6_addr a;
                uint32_t four;
                bool good = ip6_parse(ip, &a) ? s->ipv6 && ip6_prefix_has(&s->machine.prefix, &a) : v4 && ip4_parse(ip, &four) && four == v4->ip4;
                if (!good)
                        return reply_error(c, 422, "ip_not_assigned_to_server", "the IP is not assigned to the server");
                own = xstrdup(ip);
        } else {
                if (!v4)
                        return reply_error(c, 422, "resolve_cloud_public_targets_error", "the server has no public IPv4");
                own = ip4_str(v4->ip4);
        }
        *ret = json_pack("{s:s,s:{s:I,s:s},s:b}", "type", "server", "server", "id", (json_int_t) s->o.id, "ip", own, "use_private_ip", private);
        return 0;
}

static int add_target(struct cloud_call *c, struct cloud_load_balancer *b, json_t *t) {
        const char *type = json_string_value(json_object_get(t, "type"));
        _cleanup_json_ json_t *made = NULL;
        json_t *other;
        size_t i;

        if (str_eq(type, "server")) {
                if (read_server_target(c, b, t, &made) < 0)
                        return -1;
        } else if (str_eq(type, "label_selector")) {
                const char *selector = json_string_value(json_object_get(json_object_get(t, "label_selector"), "selector"));
                if (!selector || !*selector || !cloud_label_selector_valid(selector))
                        return reply_invalid(c, "label_selector", "label selector is malformed");
                made = json_pack("{s:s,s:{s:s},s:b}", "type", "label_selector", "label_selector", "selector", selector, "use_private_ip",
                                 json_is_true(json_object_get(t, "use_private_ip")));
        } else if (str_eq(type, "ip")) {
                return reply_error(c, 422, "ip_not_owned", "the IP is not owned by the owner of the project");
        } else {
                return reply_invalid(c, "type", "Must be one of: server, label_selector, ip.");
        }
        json_array_foreach(b->targets, i, other)
                if (same_target(other, made))
                        return reply_error(c, 422, "target_already_defined", "the Load Balancer target is already defined");
        if (json_array_size(b->targets) >= b->type->max_targets)
                return reply_error(c, 403, "resource_limit_exceeded", "Load Balancer target limit exceeded");
        json_array_append(b->targets, made);
        return 0;
}

void load_balancers_forget_server(struct sim_hetzner *c, int64_t server) {
        CLOUD_EACH(c, KIND_LOAD_BALANCER, struct cloud_load_balancer, b)
                for (size_t i = json_array_size(b->targets); i > 0; i--)
                        if (json_integer_value(json_object_get(json_object_get(json_array_get(b->targets, i - 1), "server"), "id")) == server)
                                json_array_remove(b->targets, i - 1);
}

/* ---- calls ---- */

static void free_balancer(struct cloud_object *o) {
        struct cloud_load_balancer *b = (struct cloud_load_balancer *) o;

        cloud_object_done(o);
        json_decref(b->services);
        json_decref(b->targets);
        free(b->ptr4);
        free(b->ptr6);
        free(b);
}

static int set_algorithm(struct cloud_call *c, struct cloud_load_balancer *b, const char *type) {
        if (!str_eq(type, "round_robin") && !str_eq(type, "least_connections"))
                return reply_invalid(c, "algorithm", "Must be one of: round_robin, least_connections.");
        b->algorithm = str_eq(type, "round_robin") ? "round_robin" : "least_connections";
        return 0;
}

static struct cloud_location *location_of(struct cloud_call *c, struct cloud_object *location, const char *zone) {
        if (location)
                return (struct cloud_location *) location;
        CLOUD_EACH(c->cloud, KIND_LOCATION, struct cloud_location, l)
                if (str_eq(l->network_zone, zone))
                        return l;
        return NULL;
}

static int fill(struct cloud_call *c, struct cloud_load_balancer *b) {
        json_t *list, *item;
        size_t i;
        const char *algorithm = json_string_value(json_object_get(json_object_get(c->body, "algorithm"), "type"));

        if (algorithm && set_algorithm(c, b, algorithm) < 0)
                return -1;
        if (body_labels(c, &b->o.labels) < 0 || body_int(c, "network", &b->network) < 0 || body_bool(c, "public_interface", &b->public_interface) < 0)
                return -1;
        struct cloud_network *n = (struct cloud_network *) cloud_get(c->cloud, KIND_NETWORK, b->network);
        if (b->network && !n)
                return reply_not_found(c, KIND_NETWORK, b->network);
        if (n && network_take_ip(c, n, b->location->network_zone, NULL, NULL, &b->private_ip) < 0)
                return -1;
        list = json_object_get(c->body, "services");
        json_array_foreach(list, i, item)
                if (add_service(c, b, item) < 0)
                        return -1;
        list = json_object_get(c->body, "targets");
        json_array_foreach(list, i, item)
                if (add_target(c, b, item) < 0)
                        return -1;
        return 0;
}

static int create(struct cloud_call *c) {
        const char *name = NULL, *zone = NULL;
        struct cloud_object *type = NULL, *location = NULL;

        if (body_required(c, (const char *const[]) { "name", "load_balancer_type", NULL }) < 0 || body_str(c, "name", &name) < 0 ||
            body_str(c, "network_zone", &zone) < 0 || check_name(c, KIND_LOAD_BALANCER, name, NULL) < 0 ||
            body_ref(c, KIND_LOAD_BALANCER_TYPE, "load_balancer_type", &type) < 0 || body_ref(c, KIND_LOCATION, "location", &location) < 0 ||
            check_quota(c, KIND_LOAD_BALANCER) < 0)
                return -1;
        struct cloud_location *at = location_of(c, location, zone);
        if (!at)
                return reply_invalid(c, "location", "either location or network_zone must be provided");
        struct cloud_load_balancer *b = xnew0(struct cloud_load_balancer);
        b->o.name = xstrdup(name);
        b->type = (struct cloud_load_balancer_type *) type;
        b->location = at;
        b->algorithm = "round_robin";
        b->public_interface = true;
        b->services = json_array();
        b->targets = json_array();
        b->ip4 = address4_new(c->cloud);
        struct ip6_prefix p = address6_new(c->cloud, 0x1b00);
        b->ip6 = ip6_host(&p, 1);
        if (fill(c, b) < 0) {
                free_balancer(&b->o);
                return -1;
        }
        cloud_add(c->cloud, KIND_LOAD_BALANCER, &b->o);
        struct cloud_action *a = action_on(c, "create_load_balancer", b->o.id);
        json_t *j = json_object();
        json_object_set_new(j, "load_balancer", render(c->cloud, &b->o));
        json_object_set_new(j, "action", cloud_action_render(a));
        return reply_json(c, 201, j);
}

static int delete(struct cloud_call *c) {
        if (c->object->protect_delete)
                return reply_error(c, 423, "protected", "Load Balancer deletion is protected");
        /* 204 without a body in the description of July 2026; hcloud-python 2.27 reads an action. */
        json_t *j = json_object();
        json_object_set_new(j, "action", cloud_action_render(action_on(c, "delete_load_balancer", c->object->id)));
        cloud_remove(c->cloud, c->object);
        return reply_json(c, 200, j);
}

static int act_add_service(struct cloud_call *c) {
        if (add_service(c, subject(c), c->body) < 0)
                return -1;
        return reply_action(c, action_on(c, "add_service", c->object->id));
}

static int act_update_service(struct cloud_call *c) {
        json_t *s = service_at(subject(c), json_integer_value(json_object_get(c->body, "listen_port")), NULL);

        if (!s)
                return reply_error(c, 404, "not_found", "service not found");
        _cleanup_json_ json_t *merged = json_deep_copy(s), *changed = NULL;
        json_object_update_recursive(merged, c->body);
        if (load_balancer_service(c, merged, &changed) < 0)
                return -1;
        json_object_clear(s);
        json_object_update(s, changed);
        return reply_action(c, action_on(c, "update_service", c->object->id));
}

static int act_delete_service(struct cloud_call *c) {
        size_t i;

        if (!service_at(subject(c), json_integer_value(json_object_get(c->body, "listen_port")), &i))
                return reply_error(c, 404, "not_found", "service not found");
        json_array_remove(subject(c)->services, i);
        return reply_action(c, action_on(c, "delete_service", c->object->id));
}

static int act_add_target(struct cloud_call *c) {
        if (add_target(c, subject(c), c->body) < 0)
                return -1;
        return reply_action(c, action_on(c, "add_target", c->object->id));
}

static int act_remove_target(struct cloud_call *c) {
        json_t *t;
        size_t i;

        json_array_foreach(subject(c)->targets, i, t)
                if (same_target(t, c->body)) {
                        json_array_remove(subject(c)->targets, i);
                        return reply_action(c, action_on(c, "remove_target", c->object->id));
                }
        return reply_error(c, 404, "not_found", "target not found");
}

static int act_algorithm(struct cloud_call *c) {
        if (set_algorithm(c, subject(c), json_string_value(json_object_get(c->body, "type"))) < 0)
                return -1;
        return reply_action(c, action_on(c, "change_algorithm", c->object->id));
}

static int act_type(struct cloud_call *c) {
        struct cloud_object *type = NULL;

        if (body_required(c, (const char *const[]) { "load_balancer_type", NULL }) < 0 ||
            body_ref(c, KIND_LOAD_BALANCER_TYPE, "load_balancer_type", &type) < 0)
                return -1;
        subject(c)->type = (struct cloud_load_balancer_type *) type;
        return reply_action(c, action_on(c, "change_load_balancer_type", c->object->id));
}

static int act_attach(struct cloud_call *c) {
        int64_t network = 0;
        const char *ip = NULL, *range = NULL;
        uint32_t own = 0;

        if (body_int(c, "network", &network) < 0 || body_str(c, "ip", &ip) < 0 || body_str(c, "ip_range", &range) < 0)
                return -1;
        struct cloud_network *n = (struct cloud_network *) cloud_get(c->cloud, KIND_NETWORK, network);
        if (!n)
                return reply_not_found(c, KIND_NETWORK, network);
        if (subject(c)->network)
                return reply_error(c, 422, "load_balancer_already_attached", "the Load Balancer is already attached to a network");
        if (network_take_ip(c, n, subject(c)->location->network_zone, ip, range, &own) < 0)
                return -1;
        subject(c)->network = network;
        subject(c)->private_ip = own;
        return reply_action(c, action_on(c, "attach_to_network", c->object->id));
}

static int act_detach(struct cloud_call *c) {
        subject(c)->network = 0;
        return reply_action(c, action_on(c, "detach_from_network", c->object->id));
}

static int act_public_on(struct cloud_call *c) {
        subject(c)->public_interface = true;
        return reply_action(c, action_on(c, "enable_public_interface", c->object->id));
}

static int act_public_off(struct cloud_call *c) {
        json_t *t;
        size_t i;

        json_array_foreach(subject(c)->targets, i, t)
                if (!json_is_true(json_object_get(t, "use_private_ip")))
                        return reply_error(c, 422, "targets_without_use_private_ip", "the Load Balancer has targets without use_private_ip");
        subject(c)->public_interface = false;
        return reply_action(c, action_on(c, "disable_public_interface", c->object->id));
}

static int act_dns_ptr(struct cloud_call *c) {
        const char *ip = NULL, *name = NULL;

        if (body_str(c, "ip", &ip) < 0 || body_str(c, "dns_ptr", &name) < 0)
                return -1;
        char **slot = ip && strchr(ip, ':') ? &subject(c)->ptr6 : &subject(c)->ptr4;
        free(*slot);
        *slot = xstrdup(name);
        return reply_action(c, action_on(c, "change_dns_ptr", c->object->id));
}

static const char *const sort[] = { "id", "name", "created", NULL };
const struct cloud_class class_load_balancer = { .path = "load_balancers", .singular = "load_balancer", .title = "Load Balancer",
                                                 .render = render, .free = free_balancer, .sort = sort, .unique_names = true, .labels = true };

#define ACTION(name, function) { "POST", "/load_balancers/{id}/actions/" name, KIND_LOAD_BALANCER, function, 0 }
static const struct cloud_route_entry routes[] = {
        { "GET", "/load_balancers", KIND_LOAD_BALANCER, cloud_list, 0 },
        { "POST", "/load_balancers", KIND_LOAD_BALANCER, create, ROUTE_BODY },
        { "GET", "/load_balancers/actions", KIND_LOAD_BALANCER, cloud_list_all_actions, 0 },
        { "GET", "/load_balancers/actions/{action_id}", KIND_LOAD_BALANCER, cloud_show_own_action, 0 },
        { "GET", "/load_balancers/{id}", KIND_LOAD_BALANCER, cloud_show, 0 },
        { "PUT", "/load_balancers/{id}", KIND_LOAD_BALANCER, cloud_update, ROUTE_BODY },
        { "DELETE", "/load_balancers/{id}", KIND_LOAD_BALANCER, delete, 0 },
        { "GET", "/load_balancers/{id}/metrics", KIND_LOAD_BALANCER, cloud_metrics, 0 },
        { "GET", "/load_balancers/{id}/actions", KIND_LOAD_BALANCER, cloud_list_own_actions, 0 },
        { "GET", "/load_balancers/{id}/actions/{action_id}", KIND_LOAD_BALANCER, cloud_show_own_action, 0 },
        ACTION("add_service", act_add_service), ACTION("update_service", act_update_service), ACTION("delete_service", act_delete_service),
        ACTION("add_target", act_add_target), ACTION("remove_target", act_remove_target), ACTION("change_algorithm", act_algorithm),
        ACTION("change_type", act_type), ACTION("attach_to_network", act_attach), ACTION("detach_from_network", act_detach),
        ACTION("enable_public_interface", act_public_on), ACTION("disable_public_interface", act_public_off),
        ACTION("change_dns_ptr", act_dns_ptr), ACTION("change_protection", cloud_change_protection),
};
const struct cloud_routes routes_load_balancer = { routes, ARRAY_SIZE(routes) };
