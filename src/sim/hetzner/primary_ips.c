/* Public addresses: where new ones come from, reverse DNS names, and the primary IPs that servers are given. */
#include "sim/hetzner/internal.h"

#include "sim/world/latency.h"

/* ---- new addresses ---- */

static bool prefix_taken(struct sim_hetzner *c, const struct ip6_prefix *p) {
        CLOUD_EACH(c, KIND_PRIMARY_IP, struct cloud_primary_ip, ip)
                if (ip->v6 && ip6_prefix_equal(&ip->prefix, p))
                        return true;
        CLOUD_EACH(c, KIND_FLOATING_IP, struct cloud_floating_ip, ip)
                if (ip->v6 && ip6_prefix_equal(&ip->prefix, p))
                        return true;
        return false;
}

struct ip6_prefix address6_new(struct sim_hetzner *c, unsigned group) {
        for (;;) {
                uint32_t n = 1 + sim_random_below(c->world, 0xffff);
                struct ip6_addr a = { { 0x20, 0x01, 0x0d, 0xb8, (uint8_t) (group >> 8), (uint8_t) group, (uint8_t) (n >> 8), (uint8_t) n } };
                struct ip6_prefix p = ip6_mask(&a, 64);
                if (!prefix_taken(c, &p))
                        return p;
        }
}

uint32_t address4_new(struct sim_hetzner *c) {
        return (198u << 24 | 18u << 16) + 1 + sim_random_below(c->world, (1u << 17) - 2);
}

/* ---- reverse DNS ---- */

json_t *dns_ptrs_render(const struct cloud_dns_ptr *ptrs, size_t n) {
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(list, json_pack("{s:s,s:s}", "ip", ptrs[i].ip, "dns_ptr", ptrs[i].name));
        return list;
}

void dns_ptrs_free(struct cloud_dns_ptr *ptrs, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(ptrs[i].ip);
                free(ptrs[i].name);
        }
        free(ptrs);
}

/* Reads {"ip", "dns_ptr": string|null} and changes the list; null takes the name away. */
int dns_ptr_change(struct cloud_call *c, struct cloud_dns_ptr **ptrs, size_t *n, bool v6, uint32_t ip4, const struct ip6_prefix *p) {
        const char *ip = NULL, *name = NULL;
        struct ip6_addr a;
        char text[IP6_STR_MAX];
        uint32_t four;

        if (body_required(c, (const char *const[]) { "ip", NULL }) < 0 || body_str(c, "ip", &ip) < 0 || body_str(c, "dns_ptr", &name) < 0)
                return -1;
        if (v6 ? !ip6_parse(ip, &a) || !ip6_prefix_has(p, &a) : !ip4_parse(ip, &four) || four != ip4)
                return reply_invalid(c, "ip", "the IP does not belong to the resource");
        if (v6)
                ip = ip6_format(&a, text);
        for (size_t i = 0; i < *n; i++) {
                if (!str_eq((*ptrs)[i].ip, ip))
                        continue;
                free((*ptrs)[i].name);
                (*ptrs)[i].name = xstrdup(name);
                if (!name) {
                        free((*ptrs)[i].ip);
                        (*ptrs)[i] = (*ptrs)[--*n];
                }
                return 0;
        }
        if (name) {
                struct cloud_dns_ptr new = { xstrdup(ip), xstrdup(name) };
                ARRAY_APPEND(*ptrs, *n, new);
        }
        return 0;
}

/* ---- primary IPs ---- */

struct cloud_primary_ip *primary_ip_new(struct sim_hetzner *c, bool v6, struct cloud_location *l, const char *name) {
        struct cloud_primary_ip *ip = xnew0(struct cloud_primary_ip);

        ip->v6 = v6;
        ip->location = l;
        if (v6)
                ip->prefix = address6_new(c, 0xc010 + (unsigned) l->o.id);
        else
                ip->ip4 = address4_new(c);
        cloud_add(c, KIND_PRIMARY_IP, &ip->o);
        ip->o.name = name ? xstrdup(name) : xasprintf("primary_ip-%lld", (long long) ip->o.id);
        return ip;
}

void server_attach_primary_ip(struct sim_hetzner *c, struct cloud_server *s, struct cloud_primary_ip *ip) {
        (void) c;
        ip->assignee = s->o.id;
        if (ip->v6) {
                s->ipv6 = ip->o.id;
                s->machine.prefix = ip->prefix;
                s->machine.addr = ip6_host(&ip->prefix, 1);
        } else {
                s->ipv4 = ip->o.id;
        }
}

void server_detach_primary_ip(struct sim_hetzner *c, struct cloud_server *s, struct cloud_primary_ip *ip) {
        (void) c;
        ip->assignee = 0;
        if (ip->v6) {
                s->ipv6 = 0;
                s->machine.prefix = (struct ip6_prefix) { 0 };
                s->machine.addr = (struct ip6_addr) { 0 };
        } else {
                s->ipv4 = 0;
        }
}

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_primary_ip *ip = (const struct cloud_primary_ip *) o;
        char text[IP6_STR_MAX];
        _cleanup_str_ char *four = ip4_str(ip->ip4);
        const char *type = ip->assignee || c->world->options.legacy_assignee ? "server" : "unassigned";

        return json_pack("{s:I,s:s,s:o,s:o,s:b,s:o,s:s,s:o,s:{s:b},s:s,s:b,s:s,s:o}", "id", (json_int_t) o->id, "name", o->name, "labels",
                         json_from_kvs(&o->labels), "created", json_time(o->created_ms), "blocked", 0, "location",
                         location_render(c, &ip->location->o), "ip", ip->v6 ? ip6_prefix_format(&ip->prefix, text) : four, "dns_ptr",
                         dns_ptrs_render(ip->ptrs, ip->n_ptrs), "protection", "delete", o->protect_delete, "type", ip->v6 ? "ipv6" : "ipv4",
                         "auto_delete", ip->auto_delete, "assignee_type", type, "assignee_id", json_id(ip->assignee));
}

static bool matches(struct cloud_call *c, const struct cloud_object *o) {
        const struct cloud_primary_ip *ip = (const struct cloud_primary_ip *) o;
        const char *wanted = call_query(c, "ip", 0);

        if (!wanted)
                return true;
        if (!ip->v6) {
                uint32_t four;
                return ip4_parse(wanted, &four) && four == ip->ip4;
        }
        struct ip6_prefix p;
        struct ip6_addr a;
        return ip6_prefix_parse(wanted, &p, &a) && ip6_equal(&p.addr, &ip->prefix.addr);
}

static void done_nothing(struct sim_hetzner *c, struct cloud_action *a) {
        (void) c;
        (void) a;
}

/* May ip be given to s? */
static int check_assign(struct cloud_call *c, bool v6, struct cloud_server *s) {
        if (server_refuse_locked(c, s) < 0)
                return -1;
        if (s->machine.powered)
                return reply_error(c, 422, "server_not_stopped", "the server is running, but needs to be powered off");
        if (v6 && s->ipv6)
                return reply_error(c, 422, "server_has_ipv6", "the server already has an ipv6 address");
        if (!v6 && s->ipv4)
                return reply_error(c, 422, "server_has_ipv4", "the server already has an ipv4 address");
        return 0;
}

static int create(struct cloud_call *c) {
        const char *name = NULL, *type = NULL;
        struct cloud_object *location = NULL;
        int64_t assignee = 0;
        bool auto_delete = false;
        _cleanup_kvs_ struct kvs labels = { 0 };

        if (body_required(c, (const char *const[]) { "name", "type", NULL }) < 0 || body_str(c, "name", &name) < 0 ||
            body_str(c, "type", &type) < 0 || body_int(c, "assignee_id", &assignee) < 0 || body_bool(c, "auto_delete", &auto_delete) < 0 ||
            body_labels(c, &labels) < 0 || check_name(c, KIND_PRIMARY_IP, name, NULL) < 0)
                return -1;
        if (!str_eq(type, "ipv4") && !str_eq(type, "ipv6"))
                return reply_invalid(c, "type", "Must be one of: ipv4, ipv6.");
        if (body_ref(c, KIND_LOCATION, "location", &location) < 0)
                return -1;
        if (!location && !assignee) {
                const char *text = "either assignee_id or location must be provided";
                json_t *details = json_pack("{s:[{s:s,s:[s]},{s:s,s:[s]}]}", "fields", "name", "assignee_id", "messages", text, "name", "location",
                                            "messages", text);
                return reply_error_details(c, 422, "invalid_input", details, "invalid input in fields 'assignee_id', 'location'");
        }
        bool v6 = str_eq(type, "ipv6");
        struct cloud_server *s = assignee ? cloud_server(c->cloud, assignee) : NULL;
        if (assignee && !s)
                return reply_not_found(c, KIND_SERVER, assignee);
        if ((s && check_assign(c, v6, s) < 0) || check_quota(c, KIND_PRIMARY_IP) < 0)
                return -1;
        struct cloud_primary_ip *ip = primary_ip_new(c->cloud, v6, s ? s->location : (struct cloud_location *) location, name);
        kvs_copy(&ip->o.labels, &labels);
        ip->auto_delete = auto_delete;
        json_t *action = json_null();
        if (s) {
                server_attach_primary_ip(c->cloud, s, ip);
                struct cloud_action *a = cloud_action_start(c->cloud, "assign_primary_ip", LATENCY_PRIMARY_IP, done_nothing);
                cloud_action_lock(a, s);
                cloud_action_on(a, KIND_PRIMARY_IP, ip->o.id);
                action = cloud_action_render(a);
        }
        json_t *j = json_object();
        json_object_set_new(j, "primary_ip", render(c->cloud, &ip->o));
        json_object_set_new(j, "action", action);
        return reply_json(c, 201, j);
}

static int update(struct cloud_call *c) {
        if (body_bool(c, "auto_delete", &((struct cloud_primary_ip *) c->object)->auto_delete) < 0)
                return -1;
        return cloud_update(c);
}

static int delete(struct cloud_call *c) {
        struct cloud_primary_ip *ip = (struct cloud_primary_ip *) c->object;

        if (ip->o.protect_delete)
                return reply_error(c, 423, "protected", "primary IP deletion is protected");
        if (ip->assignee)       /* in force since 2026-05-01; also while a server is being deleted */
                return reply_error(c, 422, "must_be_unassigned", "the primary IP must be unassigned before it can be deleted");
        cloud_remove(c->cloud, c->object);
        return reply_empty(c, 204);
}

static int assign(struct cloud_call *c) {
        struct cloud_primary_ip *ip = (struct cloud_primary_ip *) c->object;
        int64_t id = 0;

        if (body_required(c, (const char *const[]) { "assignee_id", NULL }) < 0 || body_int(c, "assignee_id", &id) < 0)
                return -1;
        struct cloud_server *s = cloud_server(c->cloud, id);
        if (!s)
                return reply_not_found(c, KIND_SERVER, id);
        if (ip->assignee)
                return reply_error(c, 422, "primary_ip_already_assigned", "the primary IP is already assigned");
        if (ip->location != s->location)
                return reply_error(c, 422, "primary_ip_datacenter_mismatch", "the primary IP is in a different location");
        if (check_assign(c, ip->v6, s) < 0)
                return -1;
        server_attach_primary_ip(c->cloud, s, ip);
        struct cloud_action *a = cloud_action_start(c->cloud, "assign_primary_ip", LATENCY_PRIMARY_IP, done_nothing);
        cloud_action_lock(a, s);
        cloud_action_on(a, KIND_PRIMARY_IP, ip->o.id);
        return reply_action(c, a);
}

static int unassign(struct cloud_call *c) {
        struct cloud_primary_ip *ip = (struct cloud_primary_ip *) c->object;
        struct cloud_server *s = cloud_server(c->cloud, ip->assignee);

        if (!s)
                return reply_error(c, 422, "primary_ip_not_assigned", "the primary IP is not assigned");
        if (server_refuse_locked(c, s) < 0)
                return -1;
        if (s->machine.powered)
                return reply_error(c, 422, "server_not_stopped", "the server is running, but needs to be powered off");
        server_detach_primary_ip(c->cloud, s, ip);
        struct cloud_action *a = cloud_action_start(c->cloud, "unassign_primary_ip", LATENCY_PRIMARY_IP, done_nothing);
        cloud_action_lock(a, s);
        cloud_action_on(a, KIND_PRIMARY_IP, ip->o.id);
        return reply_action(c, a);
}

static int change_dns_ptr(struct cloud_call *c) {
        struct cloud_primary_ip *ip = (struct cloud_primary_ip *) c->object;

        if (dns_ptr_change(c, &ip->ptrs, &ip->n_ptrs, ip->v6, ip->ip4, &ip->prefix) < 0)
                return -1;
        struct cloud_action *a = cloud_action_start(c->cloud, "change_dns_ptr", LATENCY_SMALL, done_nothing);
        cloud_action_on(a, KIND_PRIMARY_IP, ip->o.id);
        return reply_action(c, a);
}

static void free_primary_ip(struct cloud_object *o) {
        struct cloud_primary_ip *ip = (struct cloud_primary_ip *) o;

        cloud_object_done(o);
        dns_ptrs_free(ip->ptrs, ip->n_ptrs);
        free(ip);
}

static const char *const sort[] = { "id", "created", NULL };
const struct cloud_class class_primary_ip = { .path = "primary_ips", .singular = "primary_ip", .title = "Primary IP", .render = render,
                                              .matches = matches, .free = free_primary_ip, .sort = sort, .unique_names = true, .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/primary_ips", KIND_PRIMARY_IP, cloud_list, 0 },
        { "POST", "/primary_ips", KIND_PRIMARY_IP, create, ROUTE_BODY },
        { "GET", "/primary_ips/actions", KIND_PRIMARY_IP, cloud_list_all_actions, 0 },
        { "GET", "/primary_ips/actions/{action_id}", KIND_PRIMARY_IP, cloud_show_own_action, 0 },
        { "GET", "/primary_ips/{id}", KIND_PRIMARY_IP, cloud_show, 0 },
        { "PUT", "/primary_ips/{id}", KIND_PRIMARY_IP, update, ROUTE_BODY },
        { "DELETE", "/primary_ips/{id}", KIND_PRIMARY_IP, delete, 0 },
        { "GET", "/primary_ips/{id}/actions", KIND_PRIMARY_IP, cloud_list_own_actions, 0 },
        { "GET", "/primary_ips/{id}/actions/{action_id}", KIND_PRIMARY_IP, cloud_show_own_action, 0 },
        { "POST", "/primary_ips/{id}/actions/assign", KIND_PRIMARY_IP, assign, ROUTE_BODY },
        { "POST", "/primary_ips/{id}/actions/unassign", KIND_PRIMARY_IP, unassign, 0 },
        { "POST", "/primary_ips/{id}/actions/change_dns_ptr", KIND_PRIMARY_IP, change_dns_ptr, ROUTE_BODY },
        { "POST", "/primary_ips/{id}/actions/change_protection", KIND_PRIMARY_IP, cloud_change_protection, ROUTE_BODY },
};
const struct cloud_routes routes_primary_ip = { routes, ARRAY_SIZE(routes) };
