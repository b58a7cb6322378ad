/* What can be done to a server besides its power: images, rescue, type, networks, placement group, protection. */
#include "sim/hetzner/internal.h"

#include "sim/hetzner/rescue.h"
#include "sim/world/latency.h"

static struct cloud_server *subject(struct cloud_call *c) {
        return (struct cloud_server *) c->object;
}

/* An action on the call's server that locks it. */
static struct cloud_action *start(struct cloud_call *c, const char *command, int64_t real_ms, cloud_action_fn done) {
        struct cloud_action *a = cloud_action_start(c->cloud, command, real_ms, done);

        a->subject = c->object->id;
        cloud_action_lock(a, subject(c));
        return a;
}

static int require_off(struct cloud_call *c) {
        if (subject(c)->machine.powered)
                return reply_error(c, 422, "server_not_stopped", "the server is running, but needs to be powered off");
        return 0;
}

/* ---- images ---- */

static void done_image(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_image *i = (struct cloud_image *) cloud_get(c, KIND_IMAGE, a->argument);

        if (!i)
                return;
        i->status = "available";
        i->image_size = 0.25 * (1 + sim_random_below(c->world, 8));
}

static int create_image(struct cloud_call *c) {
        struct cloud_server *s = subject(c);
        const char *type = "snapshot", *description = NULL;
        struct cloud_image *from = (struct cloud_image *) cloud_get(c->cloud, KIND_IMAGE, s->image);
        _cleanup_kvs_ struct kvs labels = { 0 };

        if (body_str(c, "type", &type) < 0 || body_str(c, "description", &description) < 0 || body_labels(c, &labels) < 0 ||
            check_quota(c, KIND_IMAGE) < 0)
                return -1;
        if (!str_eq(type, "snapshot") && !str_eq(type, "backup"))
                return reply_invalid(c, "type", "Must be one of: snapshot, backup.");
        if (str_eq(type, "backup") && !s->backups)
                return reply_invalid(c, "type", "backups are not enabled for this server");
        struct cloud_image *i = xnew0(struct cloud_image);
        i->type = str_eq(type, "backup") ? "backup" : "snapshot";
        i->status = "creating";
        i->description = xstrdup(description ? description : s->o.name);
        i->os_flavor = from ? from->os_flavor : "unknown";
        i->os_version = from ? xstrdup(from->os_version) : NULL;
        i->arch = s->type->arch;
        i->image_size = -1;
        i->disk_size = s->disk;
        i->from_id = s->o.id;
        i->from_name = xstrdup(s->o.name);
        i->bound_to = str_eq(type, "backup") ? s->o.id : 0;
        /* What was written in the rescue system counts, not what a label says. */
        bool written;
        char *version = rescue_disk_version(s, &written);
        i->talos_version = written ? version : xstrdup(s->machine.talos_version);
        kvs_copy(&i->o.labels, &labels);
        cloud_add(c->cloud, KIND_IMAGE, &i->o);
        struct cloud_action *a = start(c, "create_image", LATENCY_CREATE_IMAGE, done_image);
        cloud_action_on(a, KIND_IMAGE, i->o.id);
        a->argument = i->o.id;
        json_t *j = json_object();
        json_object_set_new(j, "image", image_render(c->cloud, &i->o));
        json_object_set_new(j, "action", cloud_action_render(a));
        return reply_json(c, 201, j);
}

static void done_rebuild(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);
        struct cloud_image *i = (struct cloud_image *) cloud_get(c, KIND_IMAGE, a->argument);

        if (!s || !i) {
                cloud_action_fail(a, "action_failed", "the image is gone");
                return;
        }
        server_power_cut(s);
        server_use_image(s, i);
        server_power_on(s);
}

static int rebuild(struct cloud_call *c) {
        struct cloud_server *s = subject(c);
        struct cloud_object *found = NULL;
        const char *user_data = NULL;
        json_t *v = json_object_get(c->body, "image");

        if (s->protect_rebuild)
                return reply_error(c, 423, "protected", "server rebuild is protected");
        if (body_required(c, (const char *const[]) { "image", NULL }) < 0 || body_str(c, "user_data", &user_data) < 0)
                return -1;
        if (json_is_string(v))
                CLOUD_EACH(c->cloud, KIND_IMAGE, struct cloud_image, i)
                        if (str_eq(i->o.name, json_string_value(v)) && str_eq(i->arch, s->type->arch))
                                found = &i->o;
        if (!found && body_ref(c, KIND_IMAGE, "image", &found) < 0)
                return -1;
        if (!str_eq(((struct cloud_image *) found)->arch, s->type->arch))
                return reply_invalid(c, "image", "image architecture is not compatible with the server type");
        if (user_data && strlen(user_data) > 32768)
                return reply_invalid(c, "user_data", "user_data must not be longer than 32768 bytes");
        if (user_data) {
                free(s->machine.user_data);
                s->machine.user_data = *user_data ? xstrdup(user_data) : NULL;
        }
        server_power_cut(s);
        s->status = "rebuilding";
        struct cloud_action *a = start(c, "rebuild_server", LATENCY_REBUILD_SERVER, done_rebuild);
        a->argument = found->id;
        json_t *j = json_object();
        json_object_set_new(j, "root_password", json_null());
        json_object_set_new(j, "action", cloud_action_render(a));
        return reply_json(c, 201, j);
}

/* ---- rescue, passwords, console, ISO, backups ---- */

static void done_rescue_on(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);
        if (s)
                s->rescue = true;
}

static void done_rescue_off(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);
        if (s)
                s->rescue = false;
}

static void done_nothing(struct sim_hetzner *c, struct cloud_action *a) {
        (void) c;
        (void) a;
}

static int reply_password(struct cloud_call *c, struct cloud_action *a) {
        json_t *j = json_object();

        json_object_set_new(j, "root_password", json_string("sim-0000-not-a-password"));
        json_object_set_new(j, "action", cloud_action_render(a));
        return reply_json(c, 201, j);
}

static int enable_rescue(struct cloud_call *c) {
        const char *type = "linux64";
        int64_t *keys = NULL;
        size_t n = 0;

        if (body_str(c, "type", &type) < 0 || body_ids(c, "ssh_keys", &keys, &n) < 0)
                return -1;
        bool known = true;
        _cleanup_strv_ struct strv lines = { 0 };
        for (size_t i = 0; i < n; i++) {
                const struct cloud_ssh_key *k = (const struct cloud_ssh_key *) cloud_get(c->cloud, KIND_SSH_KEY, keys[i]);
                known &= k != NULL;
                if (k)
                        strv_add(&lines, k->public_key);
        }
        free(keys);
        if (!str_eq(type, "linux64"))
                return reply_invalid(c, "type", "Must be one of: linux64.");
        if (!known)
                return reply_invalid(c, "ssh_keys", "SSH key not found");
        strv_done(&subject(c)->rescue_keys);
        subject(c)->rescue_keys = lines;
        lines = (struct strv) { 0 };
        return reply_password(c, start(c, "enable_rescue", LATENCY_RESCUE, done_rescue_on));
}

static int disable_rescue(struct cloud_call *c) {
        return reply_action(c, start(c, "disable_rescue", LATENCY_RESCUE, done_rescue_off));
}

static int reset_password(struct cloud_call *c) {
        return reply_password(c, start(c, "reset_password", LATENCY_SMALL, done_nothing));
}

static int request_console(struct cloud_call *c) {
        json_t *j = json_pack("{s:s,s:s}", "wss_url", "wss://console.invalid/?token=none", "password", "sim-0000-not-a-password");

        json_object_set_new(j, "action", cloud_action_render(start(c, "request_console", LATENCY_SMALL, done_nothing)));
        return reply_json(c, 201, j);
}

static int attach_iso(struct cloud_call *c) {
        struct cloud_object *iso = NULL;

        if (body_required(c, (const char *const[]) { "iso", NULL }) < 0 || body_ref(c, KIND_ISO, "iso", &iso) < 0)
                return -1;
        subject(c)->iso = iso->id;
        return reply_action(c, start(c, "attach_iso", LATENCY_SMALL, done_nothing));
}

static int detach_iso(struct cloud_call *c) {
        subject(c)->iso = 0;
        return reply_action(c, start(c, "detach_iso", LATENCY_SMALL, done_nothing));
}

static int enable_backup(struct cloud_call *c) {
        subject(c)->backups = true;
        return reply_action(c, start(c, "enable_backup", LATENCY_SMALL, done_nothing));
}

static int disable_backup(struct cloud_call *c) {
        subject(c)->backups = false;
        return reply_action(c, start(c, "disable_backup", LATENCY_SMALL, done_nothing));
}

/* ---- type ---- */

static void done_type(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);
        struct cloud_server_type *t = (struct cloud_server_type *) cloud_get(c, KIND_SERVER_TYPE, a->argument);

        if (!s || !t)
                return;
        s->type = t;
        free(s->machine.server_type);
        s->machine.server_type = xstrdup(t->o.name);
        s->machine.cores = t->cores;
        s->machine.memory_gib = t->memory;
}

static int change_type(struct cloud_call *c) {
        struct cloud_server *s = subject(c);
        struct cloud_object *found = NULL;
        bool upgrade = false;

        if (body_required(c, (const char *const[]) { "server_type", "upgrade_disk", NULL }) < 0 ||
            body_ref(c, KIND_SERVER_TYPE, "server_type", &found) < 0 || body_bool(c, "upgrade_disk", &upgrade) < 0 || require_off(c) < 0)
                return -1;
        struct cloud_server_type *t = (struct cloud_server_type *) found;
        if (t == s->type || !str_eq(t->arch, s->type->arch) || t->disk < s->disk || t->deprecated)
                return reply_error(c, 422, "invalid_server_type", "the server type does not fit for the given server or is deprecated");
        if (!server_type_price(t, s->location->o.id))
                return reply_error(c, 412, "resource_unavailable", "error during placement");
        if (upgrade)
                s->disk = t->disk;
        struct cloud_action *a = start(c, "change_server_type", LATENCY_CHANGE_TYPE, done_type);
        a->argument = t->o.id;
        return reply_action(c, a);
}

/* ---- placement group ---- */

static int add_to_group(struct cloud_call *c) {
        struct cloud_server *s = subject(c);
        int64_t id = 0;

        if (body_required(c, (const char *const[]) { "placement_group", NULL }) < 0 || body_int(c, "placement_group", &id) < 0 || require_off(c) < 0)
                return -1;
        if (!cloud_get(c->cloud, KIND_PLACEMENT_GROUP, id))
                return reply_not_found(c, KIND_PLACEMENT_GROUP, id);
        if (s->placement_group)
                return reply_error(c, 422, "already_in_placement_group", "the server is already part of a placement group");
        if (placement_group_count(c->cloud, id) >= 10)
                return reply_error(c, 422, "placement_error", "the placement group is full");
        s->placement_group = id;
        /* It runs afterwards, although it had to be off before: the Hetzner provider's acceptance tests (1.68.0, PlacementGroup, last step) expect so of the real API. */
        struct cloud_action *a = server_start_action(c->cloud, s, "add_to_placement_group", LATENCY_START_SERVER, NULL);
        cloud_action_on(a, KIND_PLACEMENT_GROUP, id);
        return reply_action(c, a);
}

static int remove_from_group(struct cloud_call *c) {
        struct cloud_server *s = subject(c);

        if (!s->placement_group)
                return reply_error(c, 422, "not_in_placement_group", "the server is not part of a placement group");
        struct cloud_action *a = start(c, "remove_from_placement_group", LATENCY_SMALL, done_nothing);
        cloud_action_on(a, KIND_PLACEMENT_GROUP, s->placement_group);
        s->placement_group = 0;
        return reply_action(c, a);
}

/* ---- networks ---- */

static struct cloud_private_net *net_of(struct cloud_server *s, int64_t network) {
        for (size_t i = 0; i < s->n_nets; i++)
                if (s->nets[i].network == network)
                        return &s->nets[i];
        return NULL;
}

static int attach_to_network(struct cloud_call *c) {
        int64_t network = 0;
        const char *ip = NULL, *range = NULL;
        struct cloud_action *a = NULL;

        if (body_required(c, (const char *const[]) { "network", NULL }) < 0 || body_int(c, "network", &network) < 0 ||
            body_str(c, "ip", &ip) < 0 || body_str(c, "ip_range", &range) < 0 ||
            network_attach(c, subject(c), network, ip, json_object_get(c->body, "alias_ips"), range, &a) < 0)
                return -1;
        return reply_action(c, a);
}

static int detach_from_network(struct cloud_call *c) {
        struct cloud_server *s = subject(c);
        int64_t network = 0;

        if (body_required(c, (const char *const[]) { "network", NULL }) < 0 || body_int(c, "network", &network) < 0)
                return -1;
        struct cloud_private_net *n = net_of(s, network);
        if (!n)
                return reply_error(c, 422, "server_not_attached_to_network", "the server is not attached to the network");
        free(n->aliases);
        free(n->mac);
        memmove(n, n + 1, (size_t) (s->nets + --s->n_nets - n) * sizeof(*n));
        s->machine.private_network = s->n_nets > 0;
        struct cloud_action *a = start(c, "detach_from_network", LATENCY_NETWORK, done_nothing);
        cloud_action_on(a, KIND_NETWORK, network);
        return reply_action(c, a);
}

static int change_alias_ips(struct cloud_call *c) {
        struct cloud_server *s = subject(c);
        int64_t network = 0;
        json_t *list = json_object_get(c->body, "alias_ips"), *item;
        size_t i;

        if (body_required(c, (const char *const[]) { "network", "alias_ips", NULL }) < 0 || body_int(c, "network", &network) < 0)
                return -1;
        struct cloud_private_net *n = net_of(s, network);
        if (!n)
                return reply_error(c, 422, "server_not_attached_to_network", "the server is not attached to the network");
        uint32_t *aliases = NULL, ip;
        size_t n_aliases = 0;
        json_array_foreach(list, i, item) {
                if (!ip4_parse(json_string_value(item), &ip)) {
                        free(aliases);
                        return reply_invalid(c, "alias_ips", "not an IPv4 address");
                }
                ARRAY_APPEND(aliases, n_aliases, ip);
        }
        free(n->aliases);
        n->aliases = aliases;
        n->n_aliases = n_aliases;
        struct cloud_action *a = start(c, "change_alias_ips", LATENCY_SMALL, done_nothing);
        cloud_action_on(a, KIND_NETWORK, network);
        return reply_action(c, a);
}

static int change_dns_ptr(struct cloud_call *c) {
        struct cloud_server *s = subject(c);
        struct cloud_primary_ip *v4 = (struct cloud_primary_ip *) cloud_get(c->cloud, KIND_PRIMARY_IP, s->ipv4),
                                *v6 = (struct cloud_primary_ip *) cloud_get(c->cloud, KIND_PRIMARY_IP, s->ipv6);
        const char *ip = json_string_value(json_object_get(c->body, "ip"));
        struct cloud_primary_ip *chosen = ip && strchr(ip, ':') ? v6 : v4;

        if (!chosen)
                return reply_invalid(c, "ip", "the IP does not belong to the server");
        if (dns_ptr_change(c, &chosen->ptrs, &chosen->n_ptrs, chosen->v6, chosen->ip4, &chosen->prefix) < 0)
                return -1;
        /* No lock: the Hetzner provider changes both names of a server at once and repeats nothing. */
        struct cloud_action *a = cloud_action_start(c->cloud, "change_dns_ptr", LATENCY_SMALL, done_nothing);
        cloud_action_on(a, KIND_SERVER, s->o.id);
        return reply_action(c, a);
}

#define ACTION(name, function, flags) { "POST", "/servers/{id}/actions/" name, KIND_SERVER, function, flags }
static const struct cloud_route_entry routes[] = {
        ACTION("create_image", create_image, ROUTE_LOCK),
        ACTION("rebuild", rebuild, ROUTE_LOCK | ROUTE_BODY),
        ACTION("enable_rescue", enable_rescue, ROUTE_LOCK),
        ACTION("disable_rescue", disable_rescue, ROUTE_LOCK),
        ACTION("reset_password", reset_password, ROUTE_LOCK),
        ACTION("request_console", request_console, ROUTE_LOCK),
        ACTION("attach_iso", attach_iso, ROUTE_LOCK | ROUTE_BODY),
        ACTION("detach_iso", detach_iso, ROUTE_LOCK),
        ACTION("enable_backup", enable_backup, ROUTE_LOCK),
        ACTION("disable_backup", disable_backup, ROUTE_LOCK),
        ACTION("change_type", change_type, ROUTE_LOCK | ROUTE_BODY),
        ACTION("add_to_placement_group", add_to_group, ROUTE_LOCK | ROUTE_BODY),
        ACTION("remove_from_placement_group", remove_from_group, ROUTE_LOCK),
        ACTION("attach_to_network", attach_to_network, ROUTE_LOCK | ROUTE_BODY),
        ACTION("detach_from_network", detach_from_network, ROUTE_LOCK | ROUTE_BODY),
        ACTION("change_alias_ips", change_alias_ips, ROUTE_LOCK | ROUTE_BODY),
        ACTION("change_dns_ptr", change_dns_ptr, ROUTE_BODY),
        ACTION("change_protection", cloud_change_protection, ROUTE_LOCK | ROUTE_BODY),
};
const struct cloud_routes routes_server_actions = { routes, ARRAY_SIZE(routes) };
