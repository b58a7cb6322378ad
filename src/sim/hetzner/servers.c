/* Servers: creating, showing, deleting. What can be done to one is in server_actions.c, its power in server_power.c. */
#include "sim/hetzner/internal.h"
#include "sim/hetzner/rescue.h"

#include "base/codec.h"
#include "sim/world/faults.h"
#include "sim/world/latency.h"

/* ---- showing ---- */

static json_t *public_net(struct sim_hetzner *c, const struct cloud_server *s) {
        struct cloud_primary_ip *v4 = (struct cloud_primary_ip *) cloud_get(c, KIND_PRIMARY_IP, s->ipv4),
                                *v6 = (struct cloud_primary_ip *) cloud_get(c, KIND_PRIMARY_IP, s->ipv6);
        json_t *o = json_object(), *firewalls = json_array(), *floating = json_array();

        if (v4) {
                _cleanup_str_ char *ip = ip4_str(v4->ip4);
                _cleanup_str_ char *name = xasprintf("static.%u.%u.%u.%u.clients.your-server.de", v4->ip4 & 255, v4->ip4 >> 8 & 255,
                                                     v4->ip4 >> 16 & 255, v4->ip4 >> 24);
                json_object_set_new(o, "ipv4", json_pack("{s:I,s:s,s:b,s:s}", "id", (json_int_t) v4->o.id, "ip", ip, "blocked", 0, "dns_ptr",
                                                         v4->n_ptrs ? v4->ptrs[0].name : name));
        } else {
                json_object_set_new(o, "ipv4", json_null());
        }
        if (v6) {
                char text[IP6_STR_MAX];
                json_object_set_new(o, "ipv6", json_pack("{s:I,s:s,s:b,s:o}", "id", (json_int_t) v6->o.id, "ip",
                                                         ip6_prefix_format(&v6->prefix, text), "blocked", 0, "dns_ptr",
                                                         dns_ptrs_render(v6->ptrs, v6->n_ptrs)));
        } else {
                json_object_set_new(o, "ipv6", json_null());
        }
        CLOUD_EACH(c, KIND_FLOATING_IP, struct cloud_floating_ip, f)
                if (f->server == s->o.id)
                        json_array_append_new(floating, json_integer(f->o.id));
        for (size_t i = 0; i < s->n_firewalls; i++)
                json_array_append_new(firewalls, json_pack("{s:I,s:s}", "id", (json_int_t) s->firewalls[i].firewall, "status",
                                                           s->firewalls[i].applied ? "applied" : "pending"));
        json_object_set_new(o, "floating_ips", floating);
        json_object_set_new(o, "firewalls", firewalls);
        return o;
}

static json_t *private_net(const struct cloud_server *s) {
        json_t *list = json_array();

        for (size_t i = 0; i < s->n_nets; i++) {
                const struct cloud_private_net *n = &s->nets[i];
                json_t *aliases = json_array();
                for (size_t a = 0; a < n->n_aliases; a++) {
                        _cleanup_str_ char *alias = ip4_str(n->aliases[a]);
                        json_array_append_new(aliases, json_string(alias));
                }
                _cleanup_str_ char *ip = ip4_str(n->ip);
                json_array_append_new(list, json_pack("{s:I,s:s,s:o,s:s}", "network", (json_int_t) n->network, "ip", ip, "alias_ips", aliases,
                                                      "mac_address", n->mac));
        }
        return list;
}

static json_t *balancers_of(struct sim_hetzner *c, int64_t server) {
        json_t *list = json_array(), *t;
        size_t i;

        CLOUD_EACH(c, KIND_LOAD_BALANCER, struct cloud_load_balancer, b)
                json_array_foreach(b->targets, i, t) {
                        json_t *target = json_object_get(t, "server");
                        if (json_integer_value(json_object_get(target, "id")) == server) {
                                json_array_append_new(list, json_integer(b->o.id));
                                break;
                        }
                }
        return list;
}

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_server *s = (const struct cloud_server *) o;
        const struct cloud_price *price = server_type_price(s->type, s->location->o.id);
        struct cloud_object *image = cloud_get(c, KIND_IMAGE, s->image), *iso = cloud_get(c, KIND_ISO, s->iso),
                            *group = cloud_get(c, KIND_PLACEMENT_GROUP, s->placement_group);
        json_t *j = json_object(), *volumes = json_array();

        json_object_set_new(j, "id", json_integer(o->id));
        json_object_set_new(j, "name", json_string(o->name));
        json_object_set_new(j, "status", json_string(sim_fault_on(c->world, "unknown-status") ? "hibernating" : s->status));
        json_object_set_new(j, "created", json_time(o->created_ms));
        json_object_set_new(j, "public_net", public_net(c, s));
        json_object_set_new(j, "private_net", private_net(s));
        json_object_set_new(j, "server_type", server_type_render(c, &s->type->o));
        json_object_set_new(j, "location", location_render(c, &s->location->o));
        json_object_set_new(j, "image", image ? image_render(c, image) : json_null());
        json_object_set_new(j, "iso", iso ? iso_render(c, iso) : json_null());
        json_object_set_new(j, "rescue_enabled", json_boolean(s->rescue));
        json_object_set_new(j, "locked", json_boolean(s->locks > 0));
        json_object_set_new(j, "backup_window", s->backups ? json_string("22-02") : json_null());
        json_object_set_new(j, "outgoing_traffic", json_integer(0));
        json_object_set_new(j, "ingoing_traffic", json_integer(0));
        json_object_set_new(j, "included_traffic", json_integer(price ? (json_int_t) (price->traffic_tb * 1099511627776.0) : 0));
        json_object_set_new(j, "protection", json_pack("{s:b,s:b}", "delete", o->protect_delete, "rebuild", s->protect_rebuild));
        json_object_set_new(j, "labels", json_from_kvs(&o->labels));
        CLOUD_EACH(c, KIND_VOLUME, struct cloud_volume, v)
                if (v->server == o->id)
                        json_array_append_new(volumes, json_integer(v->o.id));
        json_object_set_new(j, "volumes", volumes);
        json_object_set_new(j, "load_balancers", balancers_of(c, o->id));
        json_object_set_new(j, "primary_disk_size", json_size(s->disk));
        json_object_set_new(j, "placement_group", group ? placement_group_render(c, group) : json_null());
        return j;
}

static bool matches(struct cloud_call *c, const struct cloud_object *o) {
        const char *v;
        bool any = false, hit = false;

        for (size_t i = 0; (v = call_query(c, "status", i)); i++) {
                any = true;
                hit |= str_eq(v, ((const struct cloud_server *) o)->status);
        }
        return !any || hit;
}

/* ---- creating ---- */

/* What a create asks for, checked. */
struct order {
        const char *name, *user_data;
        struct kvs labels;
        struct cloud_server_type *type;
        struct cloud_image *image;
        struct cloud_location *location;
        struct cloud_primary_ip *v4, *v6;
        bool want_v4, want_v6, start;
        struct cloud_firewall *firewalls[5];
        size_t n_firewalls;
        struct cloud_placement_group *group;
        int64_t *networks, *volumes;
        size_t n_networks, n_volumes, n_keys;
};

static void order_done(struct order *o) {
        kvs_done(&o->labels);
        free(o->networks);
        free(o->volumes);
}

static int out_of_capacity(struct cloud_call *c) {
        return reply_error(c, 412, "resource_unavailable", "error during placement");
}

/* The image by id, or by name: then of the type's architecture. */
static int read_image(struct cloud_call *c, struct order *o) {
        json_t *v = json_object_get(c->body, "image");
        struct cloud_object *found = NULL;

        if (json_is_string(v))
                CLOUD_EACH(c->cloud, KIND_IMAGE, struct cloud_image, i)
                        if (str_eq(i->o.name, json_string_value(v)) && str_eq(i->arch, o->type->arch))
                                found = &i->o;
        if (!found && body_ref(c, KIND_IMAGE, "image", &found) < 0)
                return -1;
        o->image = (struct cloud_image *) found;
        if (!str_eq(o->image->arch, o->type->arch))
                return reply_invalid(c, "image", "image architecture '%s' is not compatible with server type architecture '%s'",
                                      o->image->arch, o->type->arch);
        if (!str_eq(o->image->status, "available"))
                return reply_error(c, 412, "resource_unavailable", "image is not available");
        if (o->image->disk_size > o->type->disk)
                return reply_invalid(c, "image", "image disk is bigger than server type disk");
        return 0;
}

static int read_location(struct cloud_call *c, struct order *o) {
        struct cloud_object *found = NULL;

        if (body_ref(c, KIND_LOCATION, "location", &found) < 0)
                return -1;
        if (!found && o->v6)
                found = &o->v6->location->o;
        if (!found)
                found = cloud_get(c->cloud, KIND_LOCATION, o->type->n_prices ? o->type->prices[0].location : 1);
        o->location = (struct cloud_location *) found;
        /* A type that is never sold there and one that is sold out give the same answer (kube-hetzner 1539). */
        if (!server_type_price(o->type, o->location->o.id) || o->type->deprecated)
                return out_of_capacity(c);
        const struct kv facts[] = { { (char *) "type", o->type->o.name }, { (char *) "location", o->location->o.name },
                                    { (char *) "name", (char *) o->name } };
        if (sim_fault_hit(c->cloud->world, "no-capacity", facts, ARRAY_SIZE(facts)))
                return out_of_capacity(c);
        return 0;
}

static int read_primary_ip(struct cloud_call *c, json_t *net, const char *key, bool v6, struct cloud_primary_ip **ret) {
        json_t *v = json_object_get(net, key);

        if (!v || json_is_null(v))
                return 0;
        struct cloud_primary_ip *ip = (struct cloud_primary_ip *) cloud_get(c->cloud, KIND_PRIMARY_IP, json_integer_value(v));
        if (!ip)
                return reply_invalid(c, "public_net", "primary_ip '%lld' not found", (long long) json_integer_value(v));
        if (ip->v6 != v6)
                return reply_error(c, 412, "primary_ip_version_mismatch", "the primary IP has the wrong IP version");
        if (ip->assignee)
                return reply_error(c, 422, "primary_ip_assigned", "the primary IP is already assigned");
        *ret = ip;
        return 0;
}

static int read_public_net(struct cloud_call *c, struct order *o) {
        json_t *net = json_object_get(c->body, "public_net"), *v4 = json_object_get(net, "enable_ipv4"), *v6 = json_object_get(net, "enable_ipv6");

        o->want_v4 = !v4 || json_is_true(v4);
        o->want_v6 = !v6 || json_is_true(v6);
        if (read_primary_ip(c, net, "ipv4", false, &o->v4) < 0 || read_primary_ip(c, net, "ipv6", true, &o->v6) < 0)
                return -1;
        /* Created off, it may be attached afterwards: the Hetzner provider does so. */
        if (!o->want_v4 && !o->want_v6 && o->n_networks == 0 && o->start)
                return reply_invalid(c, "public_net", "a server without public networking must be attached to a network");
        return 0;
}

static int read_firewalls(struct cloud_call *c, struct order *o) {
        json_t *list = json_object_get(c->body, "firewalls"), *item;
        size_t i;

        json_array_foreach(list, i, item) {
                int64_t id = json_integer_value(json_object_get(item, "firewall"));
                struct cloud_object *f = cloud_get(c->cloud, KIND_FIREWALL, id);
                if (!f)
                        return reply_invalid(c, "firewalls", "firewall '%lld' not found", (long long) id);
                if (o->n_firewalls == ARRAY_SIZE(o->firewalls))
                        return reply_invalid(c, "firewalls", "at most 5 firewalls can be applied to a server");
                o->firewalls[o->n_firewalls++] = (struct cloud_firewall *) f;
        }
        return 0;
}

static int read_group(struct cloud_call *c, struct order *o) {
        int64_t id = 0;

        if (body_int(c, "placement_group", &id) < 0)
                return -1;
        if (!id)
                return 0;
        o->group = (struct cloud_placement_group *) cloud_get(c->cloud, KIND_PLACEMENT_GROUP, id);
        if (!o->group)
                return reply_invalid(c, "placement_group", "placement_group '%lld' not found", (long long) id);
        if (placement_group_count(c->cloud, id) >= 10)
                return reply_error(c, 422, "placement_error", "the placement group is full");
        return 0;
}

static int read_order(struct cloud_call *c, struct order *o) {
        struct cloud_object *type = NULL;
        int64_t *keys = NULL;

        o->start = true;
        if (body_required(c, (const char *const[]) { "name", "server_type", "image", NULL }) < 0 || body_str(c, "name", &o->name) < 0 ||
            check_name(c, KIND_SERVER, o->name, NULL) < 0 || body_labels(c, &o->labels) < 0 || body_bool(c, "start_after_create", &o->start) < 0 ||
            body_str(c, "user_data", &o->user_data) < 0)
                return -1;
        if (o->user_data && strlen(o->user_data) > 32768)
                return reply_invalid(c, "user_data", "user_data must not be longer than 32768 bytes");
        if (body_ref(c, KIND_SERVER_TYPE, "server_type", &type) < 0)
                return -1;
        o->type = (struct cloud_server_type *) type;
        if (json_is_array(json_object_get(c->body, "ssh_keys"))) {
                o->n_keys = json_array_size(json_object_get(c->body, "ssh_keys"));
                for (size_t i = 0; i < o->n_keys; i++) {
                        json_t *v = json_array_get(json_object_get(c->body, "ssh_keys"), i);
                        int64_t id = json_integer_value(v);
                        if (json_is_string(v) && !cloud_by_name(c->cloud, KIND_SSH_KEY, json_string_value(v)))
                                (void) parse_int64(json_string_value(v), 1, INT64_MAX, &id);
                        else if (json_is_string(v))
                                continue;
                        if (!cloud_get(c->cloud, KIND_SSH_KEY, id))
                                return reply_invalid(c, "ssh_keys", "SSH key not found");
                }
        }
        free(keys);
        if (body_ids(c, "networks", &o->networks, &o->n_networks) < 0 || body_ids(c, "volumes", &o->volumes, &o->n_volumes) < 0 ||
            read_public_net(c, o) < 0 || read_image(c, o) < 0 || read_firewalls(c, o) < 0 || read_group(c, o) < 0 ||
            check_quota(c, KIND_SERVER) < 0 || read_location(c, o) < 0)
                return -1;
        if ((o->v4 && o->v4->location != o->location) || (o->v6 && o->v6->location != o->location))
                return reply_error(c, 422, "primary_ip_datacenter_mismatch", "the primary IP is in a different location");
        return 0;
}

static void created(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);

        if (s && str_eq(s->status, "initializing"))
                s->status = "off";
}

static struct cloud_server *make(struct sim_hetzner *c, const struct order *o) {
        struct cloud_server *s = xnew0(struct cloud_server);
        struct sim_machine *m = &s->machine;

        s->o.name = xstrdup(o->name);
        kvs_copy(&s->o.labels, &o->labels);
        s->status = "initializing";
        s->type = o->type;
        s->location = o->location;
        s->disk = o->type->disk;
        s->placement_group = o->group ? o->group->o.id : 0;
        cloud_add(c, KIND_SERVER, &s->o);
        m->world = c->world;
        m->server_id = s->o.id;
        m->name = xstrdup(o->name);
        m->location = xstrdup(o->location->o.name);
        m->network_zone = xstrdup(o->location->network_zone);
        m->server_type = xstrdup(o->type->o.name);
        m->arch = xstrdup(o->type->arch);
        m->cores = o->type->cores;
        m->memory_gib = o->type->memory;
        m->disk_gb = o->type->disk;
        m->user_data = str_empty(o->user_data) ? NULL : xstrdup(o->user_data);
        server_use_image(s, o->image);
        return s;
}

static void give_addresses(struct sim_hetzner *c, struct cloud_server *s, const struct order *o) {
        for (int v6 = 0; v6 < 2; v6++) {
                struct cloud_primary_ip *ip = v6 ? o->v6 : o->v4;
                if (!(v6 ? o->want_v6 : o->want_v4))
                        continue;
                if (!ip) {
                        ip = primary_ip_new(c, v6, o->location, NULL);
                        ip->auto_delete = true;
                }
                server_attach_primary_ip(c, s, ip);
        }
}

static int create(struct cloud_call *c) {
        struct sim_hetzner *cloud = c->cloud;
        _cleanup_(order_done) struct order o = { 0 };

        if (read_order(c, &o) < 0)
                return -1;
        struct cloud_server *s = make(cloud, &o);
        give_addresses(cloud, s, &o);
        struct cloud_action *a = cloud_action_start(cloud, "create_server", LATENCY_CREATE_SERVER, created);
        a->subject = s->o.id;
        cloud_action_lock(a, s);
        for (size_t i = 0; i < o.n_firewalls; i++)
                firewall_apply(cloud, o.firewalls[i], s, false);
        firewalls_follow_labels(cloud);
        json_t *next = json_array();
        for (size_t i = 0; i < o.n_networks; i++) {
                struct cloud_action *n = NULL;
                if (network_attach(c, s, o.networks[i], NULL, NULL, NULL, &n) == 0) {
                        n->after = a->id;
                        json_array_append_new(next, cloud_action_render(n));
                }
        }
        for (size_t i = 0; i < o.n_volumes; i++) {
                struct cloud_volume *v = (struct cloud_volume *) cloud_get(cloud, KIND_VOLUME, o.volumes[i]);
                struct cloud_action *n = NULL;
                if (v && volume_attach(c, v, s, &n) == 0) {
                        n->after = a->id;
                        json_array_append_new(next, cloud_action_render(n));
                }
        }
        if (o.start) {
                struct cloud_action *n = server_start_action(cloud, s, "start_server", LATENCY_START_SERVER, NULL);
                n->after = a->id;
                json_array_append_new(next, cloud_action_render(n));
        }
        json_t *j = json_object();
        json_object_set_new(j, "server", render(cloud, &s->o));
        json_object_set_new(j, "action", cloud_action_render(a));
        json_object_set_new(j, "next_actions", next);
        json_object_set_new(j, "root_password", o.n_keys ? json_null() : json_string("sim-0000-not-a-password"));
        return reply_json(c, 201, j);
}

/* ---- deleting ---- */

static void deleted(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);

        if (!s)
                return;
        for (size_t i = 0; c->world->parts[i]; i++)
                if (c->world->parts[i]->machine_gone)
                        c->world->parts[i]->machine_gone(&s->machine);
        firewall_detach_server(c, s);
        network_forget_server(c, s);
        load_balancers_forget_server(c, s->o.id);
        CLOUD_EACH(c, KIND_VOLUME, struct cloud_volume, v)
                if (v->server == s->o.id)
                        v->server = 0;
        CLOUD_EACH(c, KIND_FLOATING_IP, struct cloud_floating_ip, f)
                if (f->server == s->o.id)
                        f->server = 0;
        for (int v6 = 0; v6 < 2; v6++) {
                struct cloud_primary_ip *ip = (struct cloud_primary_ip *) cloud_get(c, KIND_PRIMARY_IP, v6 ? s->ipv6 : s->ipv4);
                if (!ip)
                        continue;
                server_detach_primary_ip(c, s, ip);
                if (ip->auto_delete)
                        cloud_remove(c, &ip->o);
        }
        cloud_remove(c, &s->o);
}

static int delete(struct cloud_call *c) {
        struct cloud_server *s = (struct cloud_server *) c->object;

        if (s->o.protect_delete)
                return reply_error(c, 423, "protected", "server deletion is protected");
        if (server_refuse_locked(c, s) < 0)
                return -1;
        server_power_cut(s);
        s->deleting = true;
        s->status = "deleting";
        struct cloud_action *a = cloud_action_start(c->cloud, "delete_server", LATENCY_DELETE_SERVER, deleted);
        a->subject = s->o.id;
        cloud_action_lock(a, s);
        json_t *o = json_object();
        json_object_set_new(o, "action", cloud_action_render(a));
        return reply_json(c, 200, o);
}

int server_refuse_locked(struct cloud_call *c, const struct cloud_server *s) {
        if (s->locks == 0 && !s->deleting)
                return 0;
        return reply_error(c, 423, "locked", "cannot perform operation because server is locked");
}

static void free_server(struct cloud_object *o) {
        struct cloud_server *s = (struct cloud_server *) o;
        struct sim_machine *m = &s->machine;

        server_power_cut(s);
        rescue_free(s);
        cloud_object_done(o);
        for (size_t i = 0; i < s->n_nets; i++) {
                free(s->nets[i].aliases);
                free(s->nets[i].mac);
        }
        free(s->nets);
        free(s->firewalls);
        free(m->name);
        free(m->location);
        free(m->network_zone);
        free(m->server_type);
        free(m->arch);
        free(m->user_data);
        free(m->talos_version);
        strbuf_done(&m->disk);
        free(s);
}

static const char *const sort[] = { "id", "name", "created", NULL };
const struct cloud_class class_server = { .path = "servers", .singular = "server", .title = "Server", .render = render, .matches = matches,
                                          .free = free_server, .sort = sort, .unique_names = true, .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/servers", KIND_SERVER, cloud_list, 0 },
        { "POST", "/servers", KIND_SERVER, create, ROUTE_BODY },
        { "GET", "/servers/actions", KIND_SERVER, cloud_list_all_actions, 0 },
        { "GET", "/servers/actions/{action_id}", KIND_SERVER, cloud_show_own_action, 0 },
        { "GET", "/servers/{id}", KIND_SERVER, cloud_show, 0 },
        { "PUT", "/servers/{id}", KIND_SERVER, cloud_update, ROUTE_BODY },
        { "DELETE", "/servers/{id}", KIND_SERVER, delete, 0 },
        { "GET", "/servers/{id}/metrics", KIND_SERVER, cloud_metrics, 0 },
        { "GET", "/servers/{id}/actions", KIND_SERVER, cloud_list_own_actions, 0 },
        { "GET", "/servers/{id}/actions/{action_id}", KIND_SERVER, cloud_show_own_action, 0 },
};
const struct cloud_routes routes_server = { routes, ARRAY_SIZE(routes) };
