/* Private networks: IPv4 only, as the real ones. */
#include "sim/hetzner/internal.h"

#include "sim/world/latency.h"

enum { MAX_SERVERS = 100 };

static uint32_t mask_of(unsigned len) {
        return len ? ~0u << (32 - len) : 0;
}

static bool is_private(uint32_t ip, unsigned len) {
        return (len >= 8 && ip >> 24 == 10) || (len >= 12 && ip >> 20 == (172u << 4 | 1)) || (len >= 16 && ip >> 16 == (192u << 8 | 168));
}

static char *cidr_str(uint32_t ip, unsigned len) {
        _cleanup_str_ char *text = ip4_str(ip);
        return xasprintf("%s/%u", text, len);
}

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_network *n = (const struct cloud_network *) o;
        json_t *subnets = json_array(), *routes = json_array(), *servers = json_array(), *balancers = json_array();

        for (size_t i = 0; i < n->n_subnets; i++) {
                const struct cloud_subnet *s = &n->subnets[i];
                _cleanup_str_ char *range = cidr_str(s->ip, s->len), *gateway = ip4_str(n->ip + 1);
                json_array_append_new(subnets, json_pack("{s:s,s:s,s:s,s:s,s:n}", "type", s->type, "ip_range", range, "network_zone", s->zone,
                                                         "gateway", gateway, "vswitch_id"));
        }
        for (size_t i = 0; i < n->n_routes; i++) {
                _cleanup_str_ char *to = cidr_str(n->routes[i].ip, n->routes[i].len), *gateway = ip4_str(n->routes[i].gateway);
                json_array_append_new(routes, json_pack("{s:s,s:s}", "destination", to, "gateway", gateway));
        }
        CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s)
                for (size_t i = 0; i < s->n_nets; i++)
                        if (s->nets[i].network == o->id)
                                json_array_append_new(servers, json_integer(s->o.id));
        CLOUD_EACH(c, KIND_LOAD_BALANCER, struct cloud_load_balancer, b)
                if (b->network == o->id)
                        json_array_append_new(balancers, json_integer(b->o.id));
        _cleanup_str_ char *range = cidr_str(n->ip, n->len);
        return json_pack("{s:I,s:s,s:s,s:o,s:o,s:o,s:o,s:{s:b},s:o,s:o,s:b}", "id", (json_int_t) o->id, "name", o->name, "ip_range", range,
                         "subnets", subnets, "routes", routes, "servers", servers, "load_balancers", balancers, "protection", "delete",
                         o->protect_delete, "labels", json_from_kvs(&o->labels), "created", json_time(o->created_ms), "expose_routes_to_vswitch",
                         n->expose_routes);
}

static struct cloud_action *action_on(struct cloud_call *c, const char *command, int64_t real_ms) {
        struct cloud_action *a = cloud_action_start(c->cloud, command, real_ms, NULL);

        cloud_action_on(a, KIND_NETWORK, c->object->id);
        return a;
}

/* ---- subnets and routes ---- */

static bool overlaps(uint32_t a, unsigned alen, uint32_t b, unsigned blen) {
        uint32_t m = mask_of(MIN(alen, blen));
        return (a & m) == (b & m);
}

static int add_subnet(struct cloud_call *c, struct cloud_network *n, json_t *j) {
        const char *type = json_string_value(json_object_get(j, "type")), *zone = json_string_value(json_object_get(j, "network_zone")),
                   *range = json_string_value(json_object_get(j, "ip_range"));
        struct cloud_subnet s = { .type = str_eq(type, "vswitch") ? "vswitch" : str_eq(type, "server") ? "server" : "cloud" };
        bool zone_known = false;

        if (!str_eq(type, s.type))
                return reply_invalid(c, "type", "Must be one of: cloud, server, vswitch.");
        CLOUD_EACH(c->cloud, KIND_LOCATION, struct cloud_location, l)
                zone_known |= str_eq(l->network_zone, zone);
        if (!zone_known)
                return reply_invalid(c, "network_zone", "network zone '%s' does not exist", zone ? zone : "");
        if (range) {
                if (!ip4_cidr_parse(range, &s.ip, &s.len, true) || s.len > 30 || s.len < n->len || (s.ip & mask_of(n->len)) != n->ip)
                        return reply_invalid(c, "ip_range", "must be a subnet of the network's range, at least /30");
        } else {
                bool found = false;
                s.len = MAX(24u, n->len);
                for (uint32_t ip = n->ip; !found && (ip & mask_of(n->len)) == n->ip; ip += 1u << (32 - s.len)) {
                        found = true;
                        for (size_t i = 0; i < n->n_subnets; i++)
                                found &= !overlaps(ip, s.len, n->subnets[i].ip, n->subnets[i].len);
                        s.ip = ip;
                }
                if (!found)
                        return reply_invalid(c, "ip_range", "no free range is left in the network");
        }
        for (size_t i = 0; i < n->n_subnets; i++)
                if (overlaps(s.ip, s.len, n->subnets[i].ip, n->subnets[i].len))
                        return reply_invalid(c, "ip_range", "overlaps with an existing subnet");
        s.zone = xstrdup(zone);
        ARRAY_APPEND(n->subnets, n->n_subnets, s);
        return 0;
}

static int add_route(struct cloud_call *c, struct cloud_network *n, json_t *j) {
        struct cloud_route r;

        if (!ip4_cidr_parse(json_string_value(json_object_get(j, "destination")), &r.ip, &r.len, true))
                return reply_invalid(c, "destination", "must be an IPv4 range");
        if (!ip4_parse(json_string_value(json_object_get(j, "gateway")), &r.gateway))
                return reply_invalid(c, "gateway", "must be an IPv4 address");
        ARRAY_APPEND(n->routes, n->n_routes, r);
        return 0;
}

static void free_network(struct cloud_object *o) {
        struct cloud_network *n = (struct cloud_network *) o;

        cloud_object_done(o);
        for (size_t i = 0; i < n->n_subnets; i++)
                free(n->subnets[i].zone);
        free(n->subnets);
        free(n->routes);
        free(n);
}

static int create(struct cloud_call *c) {
        const char *name = NULL, *range = NULL;
        json_t *list, *item;
        size_t i;

        if (body_required(c, (const char *const[]) { "name", "ip_range", NULL }) < 0 || body_str(c, "name", &name) < 0 ||
            body_str(c, "ip_range", &range) < 0 || check_name(c, KIND_NETWORK, name, NULL) < 0 || check_quota(c, KIND_NETWORK) < 0)
                return -1;
        struct cloud_network *n = xnew0(struct cloud_network);
        n->o.name = xstrdup(name);
        int bad = 0;
        if (!ip4_cidr_parse(range, &n->ip, &n->len, true) || n->len > 24 || !is_private(n->ip, n->len))
                bad = reply_invalid(c, "ip_range", "must be a private IPv4 range (RFC 1918), at least /24");
        if (bad >= 0)
                bad = body_labels(c, &n->o.labels);
        if (bad >= 0)
                bad = body_bool(c, "expose_routes_to_vswitch", &n->expose_routes);
        list = json_object_get(c->body, "subnets");
        json_array_foreach(list, i, item)
                if (bad >= 0)
                        bad = add_subnet(c, n, item);
        list = json_object_get(c->body, "routes");
        json_array_foreach(list, i, item)
                if (bad >= 0)
                        bad = add_route(c, n, item);
        if (bad < 0) {
                free_network(&n->o);
                return -1;
        }
        cloud_add(c->cloud, KIND_NETWORK, &n->o);
        json_t *j = json_object();
        json_object_set_new(j, "network", render(c->cloud, &n->o));
        return reply_json(c, 201, j);
}

static int update(struct cloud_call *c) {
        if (body_bool(c, "expose_routes_to_vswitch", &((struct cloud_network *) c->object)->expose_routes) < 0)
                return -1;
        return cloud_update(c);
}

static int delete(struct cloud_call *c) {
        if (c->object->protect_delete)
                return reply_error(c, 423, "protected", "network deletion is protected");
        if (cloud_object_busy(c->cloud, KIND_NETWORK, c->object->id))
                return reply_error(c, 409, "conflict", "another change of the network is running");
        CLOUD_EACH(c->cloud, KIND_SERVER, struct cloud_server, s)        /* servers are detached automatically */
                for (size_t i = s->n_nets; i > 0; i--)
                        if (s->nets[i - 1].network == c->object->id) {
                                free(s->nets[i - 1].aliases);
                                free(s->nets[i - 1].mac);
                                memmove(&s->nets[i - 1], &s->nets[i], (s->n_nets - i) * sizeof(*s->nets));
                                s->n_nets--;
                                s->machine.private_network = s->n_nets > 0;
                        }
        cloud_remove(c->cloud, c->object);
        return reply_empty(c, 204);
}

static int act_add_subnet(struct cloud_call *c) {
        if (add_subnet(c, (struct cloud_network *) c->object, c->body) < 0)
                return -1;
        return reply_action(c, action_on(c, "add_subnet", LATENCY_SMALL));
}

static bool subnet_used(struct sim_hetzner *c, const struct cloud_network *n, const struct cloud_subnet *subnet) {
        CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s)
                for (size_t i = 0; i < s->n_nets; i++)
                        if (s->nets[i].network == n->o.id && (s->nets[i].ip & mask_of(subnet->len)) == subnet->ip)
                                return true;
        CLOUD_EACH(c, KIND_LOAD_BALANCER, struct cloud_load_balancer, b)
                if (b->network == n->o.id && (b->private_ip & mask_of(subnet->len)) == subnet->ip)
                        return true;
        return false;
}

static int act_delete_subnet(struct cloud_call *c) {
        struct cloud_network *n = (struct cloud_network *) c->object;
        uint32_t ip;
        unsigned len;

        if (!ip4_cidr_parse(json_string_value(json_object_get(c->body, "ip_range")), &ip, &len, true))
                return reply_invalid(c, "ip_range", "must be an IPv4 range");
        for (size_t i = 0; i < n->n_subnets; i++) {
                if (n->subnets[i].ip != ip || n->subnets[i].len != len)
                        continue;
                if (subnet_used(c->cloud, n, &n->subnets[i]))   /* words that clients look for: Hetzner provider, resource_subnet.go */
                        return reply_error(c, 422, "service_error", "cannot remove subnet because network has attached resources");
                free(n->subnets[i].zone);
                memmove(&n->subnets[i], &n->subnets[i + 1], (n->n_subnets - i - 1) * sizeof(*n->subnets));
                n->n_subnets--;
                return reply_action(c, action_on(c, "delete_subnet", LATENCY_SMALL));
        }
        return reply_error(c, 404, "not_found", "subnet not found");
}

static int act_add_route(struct cloud_call *c) {
        if (add_route(c, (struct cloud_network *) c->object, c->body) < 0)
                return -1;
        return reply_action(c, action_on(c, "add_route", LATENCY_SMALL));
}

static int act_delete_route(struct cloud_call *c) {
        struct cloud_network *n = (struct cloud_network *) c->object;
        uint32_t ip = 0, gateway = 0;
        unsigned len = 0;

        (void) ip4_cidr_parse(json_string_value(json_object_get(c->body, "destination")), &ip, &len, true);
        (void) ip4_parse(json_string_value(json_object_get(c->body, "gateway")), &gateway);
        for (size_t i = 0; i < n->n_routes; i++)
                if (n->routes[i].ip == ip && n->routes[i].len == len && n->routes[i].gateway == gateway) {
                        memmove(&n->routes[i], &n->routes[i + 1], (n->n_routes - i - 1) * sizeof(*n->routes));
                        n->n_routes--;
                        return reply_action(c, action_on(c, "delete_route", LATENCY_SMALL));
                }
        return reply_error(c, 404, "not_found", "route not found");
}

static int act_change_range(struct cloud_call *c) {
        struct cloud_network *n = (struct cloud_network *) c->object;
        uint32_t ip;
        unsigned len;

        if (!ip4_cidr_parse(json_string_value(json_object_get(c->body, "ip_range")), &ip, &len, true) || len > n->len ||
            (n->ip & mask_of(len)) != ip)
                return reply_invalid(c, "ip_range", "the range can only be extended");
        n->ip = ip;
        n->len = len;
        return reply_action(c, action_on(c, "change_ip_range", LATENCY_SMALL));
}

/* ---- servers and load balancers in networks ---- */

static bool ip_taken(struct sim_hetzner *c, const struct cloud_network *n, uint32_t ip) {
        if (ip == n->ip + 1)             /* the gateway */
                return true;
        CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s)
                for (size_t i = 0; i < s->n_nets; i++)
                        if (s->nets[i].network == n->o.id && s->nets[i].ip == ip)
                                return true;
        CLOUD_EACH(c, KIND_LOAD_BALANCER, struct cloud_load_balancer, b)
                if (b->network == n->o.id && b->private_ip == ip)
                        return true;
        return false;
}

static bool free_ip(struct sim_hetzner *c, const struct cloud_network *n, const char *zone, const char *range, uint32_t *ret) {
        for (size_t i = 0; i < n->n_subnets; i++) {
                const struct cloud_subnet *s = &n->subnets[i];
                _cleanup_str_ char *text = cidr_str(s->ip, s->len);
                if (!str_eq(s->zone, zone) || (range && !str_eq(range, text)))
                        continue;
                for (uint32_t ip = s->ip + 1; ip < (s->ip | ~mask_of(s->len)); ip++)
                        if (!ip_taken(c, n, ip)) {
                                *ret = ip;
                                return true;
                        }
        }
        return false;
}

static bool in_range(const char *range, uint32_t ip) {
        uint32_t base;
        unsigned len;

        return !range || (ip4_cidr_parse(range, &base, &len, true) && (ip & mask_of(len)) == base);
}

int network_take_ip(struct cloud_call *c, const struct cloud_network *n, const char *zone, const char *ip, const char *range, uint32_t *ret_ip) {
        if (!ip) {
                if (free_ip(c->cloud, n, zone, range, ret_ip))
                        return 0;
                return reply_error(c, 422, "no_subnet_available", "no subnet or IP is available within the network");
        }
        if (!ip4_parse(ip, ret_ip))
                return reply_invalid(c, "ip", "must be an IPv4 address");
        if (!in_range(range, *ret_ip))
                return reply_invalid(c, "ip", "is not part of ip_range");
        if (ip_taken(c->cloud, n, *ret_ip))
                return reply_error(c, 422, "ip_not_available", "the provided network IP is not available");
        return 0;
}

static void done_attach(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);
        if (s)
                s->machine.private_network = s->n_nets > 0;
}

int network_attach(struct cloud_call *c, struct cloud_server *s, int64_t network, const char *ip, json_t *aliases, const char *ip_range,
                   struct cloud_action **ret) {
        struct sim_hetzner *cloud = c->cloud;
        struct cloud_network *n = (struct cloud_network *) cloud_get(cloud, KIND_NETWORK, network);
        struct cloud_private_net at = { .network = network };
        size_t members = 0, i;
        json_t *item;

        if (!n)
                return reply_not_found(c, KIND_NETWORK, network);
        for (size_t k = 0; k < s->n_nets; k++)
                if (s->nets[k].network == network)
                        return reply_error(c, 422, "server_already_attached", "the server is already attached to the network");
        CLOUD_EACH(cloud, KIND_SERVER, struct cloud_server, other)
                for (size_t k = 0; k < other->n_nets; k++)
                        members += other->nets[k].network == network;
        if (members >= MAX_SERVERS)
                return reply_error(c, 403, "resource_limit_exceeded", "network can have at most %d attached servers", MAX_SERVERS);
        if (network_take_ip(c, n, s->location->network_zone, ip, ip_range, &at.ip) < 0)
                return -1;
        json_array_foreach(aliases, i, item) {
                uint32_t alias;
                if (ip4_parse(json_string_value(item), &alias))
                        ARRAY_APPEND(at.aliases, at.n_aliases, alias);
        }
        at.mac = xasprintf("86:00:00:%02x:%02x:%02x", sim_random_below(c->cloud->world, 256), sim_random_below(c->cloud->world, 256),
                           sim_random_below(c->cloud->world, 256));
        ARRAY_APPEND(s->nets, s->n_nets, at);
        struct cloud_action *a = cloud_action_start(cloud, "attach_to_network", LATENCY_NETWORK, done_attach);
        a->subject = s->o.id;
        cloud_action_lock(a, s);
        cloud_action_on(a, KIND_NETWORK, network);
        *ret = a;
        return 0;
}

void network_forget_server(struct sim_hetzner *c, struct cloud_server *s) {
        (void) c;
        for (size_t i = 0; i < s->n_nets; i++) {
                free(s->nets[i].aliases);
                free(s->nets[i].mac);
        }
        s->n_nets = 0;
}

static const char *const sort[] = { "id", "name", "created", NULL };
const struct cloud_class class_network = { .path = "networks", .singular = "network", .title = "Network", .render = render, .free = free_network,
                                           .sort = sort, .unique_names = true, .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/networks", KIND_NETWORK, cloud_list, 0 },
        { "POST", "/networks", KIND_NETWORK, create, ROUTE_BODY },
        { "GET", "/networks/actions", KIND_NETWORK, cloud_list_all_actions, 0 },
        { "GET", "/networks/actions/{action_id}", KIND_NETWORK, cloud_show_own_action, 0 },
        { "GET", "/networks/{id}", KIND_NETWORK, cloud_show, 0 },
        { "PUT", "/networks/{id}", KIND_NETWORK, update, ROUTE_BODY },
        { "DELETE", "/networks/{id}", KIND_NETWORK, delete, 0 },
        { "GET", "/networks/{id}/actions", KIND_NETWORK, cloud_list_own_actions, 0 },
        { "GET", "/networks/{id}/actions/{action_id}", KIND_NETWORK, cloud_show_own_action, 0 },
        { "POST", "/networks/{id}/actions/add_subnet", KIND_NETWORK, act_add_subnet, ROUTE_BODY },
        { "POST", "/networks/{id}/actions/delete_subnet", KIND_NETWORK, act_delete_subnet, ROUTE_BODY },
        { "POST", "/networks/{id}/actions/add_route", KIND_NETWORK, act_add_route, ROUTE_BODY },
        { "POST", "/networks/{id}/actions/delete_route", KIND_NETWORK, act_delete_route, ROUTE_BODY },
        { "POST", "/networks/{id}/actions/change_ip_range", KIND_NETWORK, act_change_range, ROUTE_BODY },
        { "POST", "/networks/{id}/actions/change_protection", KIND_NETWORK, cloud_change_protection, ROUTE_BODY },
};
const struct cloud_routes routes_network = { routes, ARRAY_SIZE(routes) };
