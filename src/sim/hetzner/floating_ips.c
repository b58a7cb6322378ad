/* Floating IPs. */
#include "sim/hetzner/internal.h"

#include "sim/world/latency.h"

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_floating_ip *f = (const struct cloud_floating_ip *) o;
        char text[IP6_STR_MAX];
        _cleanup_str_ char *four = ip4_str(f->ip4);

        return json_pack("{s:I,s:s,s:o,s:s,s:s,s:o,s:o,s:o,s:b,s:{s:b},s:o,s:o}", "id", (json_int_t) o->id, "name", o->name, "description",
                         f->description ? json_string(f->description) : json_null(), "ip",
                         f->v6 ? ip6_prefix_format(&f->prefix, text) : four, "type", f->v6 ? "ipv6" : "ipv4", "server", json_id(f->server),
                         "dns_ptr", dns_ptrs_render(f->ptrs, f->n_ptrs), "home_location", location_render(c, &f->location->o), "blocked", 0,
                         "protection", "delete", o->protect_delete, "labels", json_from_kvs(&o->labels), "created", json_time(o->created_ms));
}

static struct cloud_action *action_on(struct cloud_call *c, const char *command, const struct cloud_floating_ip *f, int64_t server) {
        struct cloud_action *a = cloud_action_start(c->cloud, command, LATENCY_PRIMARY_IP, NULL);

        cloud_action_on(a, KIND_FLOATING_IP, f->o.id);
        if (server)
                cloud_action_on(a, KIND_SERVER, server);
        return a;
}

static int create(struct cloud_call *c) {
        const char *type = NULL, *name = NULL, *description = NULL;
        struct cloud_object *location = NULL;
        int64_t server = 0;
        _cleanup_kvs_ struct kvs labels = { 0 };

        if (body_required(c, (const char *const[]) { "type", NULL }) < 0 || body_str(c, "type", &type) < 0 || body_str(c, "name", &name) < 0 ||
            body_str(c, "description", &description) < 0 || body_int(c, "server", &server) < 0 || body_labels(c, &labels) < 0 ||
            body_ref(c, KIND_LOCATION, "home_location", &location) < 0)
                return -1;
        struct cloud_server *s = server ? cloud_server(c->cloud, server) : NULL;
        if (!str_eq(type, "ipv4") && !str_eq(type, "ipv6"))
                return reply_invalid(c, "type", "Must be one of: ipv4, ipv6.");
        if (server && !s)
                return reply_not_found(c, KIND_SERVER, server);
        if (!location && !s)
                return reply_invalid(c, "home_location", "either server or home_location must be provided");
        if ((name && check_name(c, KIND_FLOATING_IP, name, NULL) < 0) || check_quota(c, KIND_FLOATING_IP) < 0)
                return -1;
        struct cloud_floating_ip *f = xnew0(struct cloud_floating_ip);
        f->v6 = str_eq(type, "ipv6");
        f->location = location ? (struct cloud_location *) location : s->location;
        f->description = xstrdup(description);
        f->server = server;
        kvs_copy(&f->o.labels, &labels);
        if (f->v6)
                f->prefix = address6_new(c->cloud, 0xf10a);
        else
                f->ip4 = address4_new(c->cloud);
        cloud_add(c->cloud, KIND_FLOATING_IP, &f->o);
        f->o.name = name ? xstrdup(name) : xasprintf("floating-ip-%lld", (long long) f->o.id);
        json_t *j = json_object();
        json_object_set_new(j, "action", s ? cloud_action_render(action_on(c, "assign_floating_ip", f, server)) : json_null());
        json_object_set_new(j, "floating_ip", render(c->cloud, &f->o));
        return reply_json(c, 201, j);
}

static int update(struct cloud_call *c) {
        struct cloud_floating_ip *f = (struct cloud_floating_ip *) c->object;
        const char *description = NULL;

        if (body_str(c, "description", &description) < 0)
                return -1;
        if (description) {
                free(f->description);
                f->description = xstrdup(description);
        }
        return cloud_update(c);
}

static int delete(struct cloud_call *c) {
        struct cloud_floating_ip *f = (struct cloud_floating_ip *) c->object;

        if (f->o.protect_delete)
                return reply_error(c, 423, "protected", "floating IP deletion is protected");
        if (f->server)
                return reply_error(c, 422, "must_be_unassigned", "the floating IP must be unassigned before it can be deleted");
        cloud_remove(c->cloud, c->object);
        return reply_empty(c, 204);
}

static int assign(struct cloud_call *c) {
        struct cloud_floating_ip *f = (struct cloud_floating_ip *) c->object;
        int64_t id = 0;

        if (body_required(c, (const char *const[]) { "server", NULL }) < 0 || body_int(c, "server", &id) < 0)
                return -1;
        if (!cloud_server(c->cloud, id))
                return reply_not_found(c, KIND_SERVER, id);
        /* To another server it moves; the Hetzner provider's FloatingIPAssignment test relies on that. */
        if (f->server == id)
                return reply_error(c, 422, "floating_ip_assigned", "the floating IP is already assigned");
        f->server = id;
        return reply_action(c, action_on(c, "assign_floating_ip", f, id));
}

static int unassign(struct cloud_call *c) {
        struct cloud_floating_ip *f = (struct cloud_floating_ip *) c->object;
        int64_t server = f->server;

        f->server = 0;
        return reply_action(c, action_on(c, "unassign_floating_ip", f, server));
}

static int change_dns_ptr(struct cloud_call *c) {
        struct cloud_floating_ip *f = (struct cloud_floating_ip *) c->object;

        if (dns_ptr_change(c, &f->ptrs, &f->n_ptrs, f->v6, f->ip4, &f->prefix) < 0)
                return -1;
        return reply_action(c, action_on(c, "change_dns_ptr", f, 0));
}

static void free_floating_ip(struct cloud_object *o) {
        struct cloud_floating_ip *f = (struct cloud_floating_ip *) o;

        cloud_object_done(o);
        free(f->description);
        dns_ptrs_free(f->ptrs, f->n_ptrs);
        free(f);
}

static const char *const sort[] = { "id", "created", NULL };
const struct cloud_class class_floating_ip = { .path = "floating_ips", .singular = "floating_ip", .title = "Floating IP", .render = render,
                                               .free = free_floating_ip, .sort = sort, .unique_names = true, .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/floating_ips", KIND_FLOATING_IP, cloud_list, 0 },
        { "POST", "/floating_ips", KIND_FLOATING_IP, create, ROUTE_BODY },
        { "GET", "/floating_ips/actions", KIND_FLOATING_IP, cloud_list_all_actions, 0 },
        { "GET", "/floating_ips/actions/{action_id}", KIND_FLOATING_IP, cloud_show_own_action, 0 },
        { "GET", "/floating_ips/{id}", KIND_FLOATING_IP, cloud_show, 0 },
        { "PUT", "/floating_ips/{id}", KIND_FLOATING_IP, update, ROUTE_BODY },
        { "DELETE", "/floating_ips/{id}", KIND_FLOATING_IP, delete, 0 },
        { "GET", "/floating_ips/{id}/actions", KIND_FLOATING_IP, cloud_list_own_actions, 0 },
        { "GET", "/floating_ips/{id}/actions/{action_id}", KIND_FLOATING_IP, cloud_show_own_action, 0 },
        { "POST", "/floating_ips/{id}/actions/assign", KIND_FLOATING_IP, assign, ROUTE_BODY },
        { "POST", "/floating_ips/{id}/actions/unassign", KIND_FLOATING_IP, unassign, 0 },
        { "POST", "/floating_ips/{id}/actions/change_dns_ptr", KIND_FLOATING_IP, change_dns_ptr, ROUTE_BODY },
        { "POST", "/floating_ips/{id}/actions/change_protection", KIND_FLOATING_IP, cloud_change_protection, ROUTE_BODY },
};
const struct cloud_routes routes_floating_ip = { routes, ARRAY_SIZE(routes) };
