/* Volumes. */
#include "sim/hetzner/internal.h"

#include "sim/world/latency.h"

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_volume *v = (const struct cloud_volume *) o;
        _cleanup_str_ char *device = xasprintf("/dev/disk/by-id/scsi-0HC_Volume_%lld", (long long) o->id);

        return json_pack("{s:I,s:s,s:o,s:o,s:o,s:I,s:s,s:{s:b},s:o,s:s,s:o}", "id", (json_int_t) o->id, "name", o->name, "created",
                         json_time(o->created_ms), "server", json_id(v->server), "location", location_render(c, &v->location->o), "size",
                         (json_int_t) v->size, "linux_device", device, "protection", "delete", o->protect_delete, "labels",
                         json_from_kvs(&o->labels), "status", v->creating ? "creating" : "available", "format",
                         v->format ? json_string(v->format) : json_null());
}

static void done_create(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_volume *v = (struct cloud_volume *) cloud_get(c, KIND_VOLUME, a->subject);
        if (v)
                v->creating = false;
}

static struct cloud_action *action_on(struct sim_hetzner *c, const char *command, struct cloud_volume *v, cloud_action_fn done) {
        struct cloud_action *a = cloud_action_start(c, command, LATENCY_VOLUME, done);

        a->subject = v->o.id;
        cloud_action_on(a, KIND_VOLUME, v->o.id);
        return a;
}

int volume_attach(struct cloud_call *c, struct cloud_volume *v, struct cloud_server *s, struct cloud_action **ret) {
        if (v->server)
                return reply_error(c, 422, "volume_already_attached", "the volume is already attached");
        if (v->location != s->location)
                return reply_invalid(c, "server", "the volume and the server are in different locations");
        v->server = s->o.id;
        *ret = action_on(c->cloud, "attach_volume", v, NULL);
        cloud_action_lock(*ret, s);
        return 0;
}

static int create(struct cloud_call *c) {
        const char *name = NULL, *format = NULL;
        int64_t size = 0, server = 0;
        struct cloud_object *location = NULL;
        _cleanup_kvs_ struct kvs labels = { 0 };

        if (body_required(c, (const char *const[]) { "name", "size", NULL }) < 0 || body_str(c, "name", &name) < 0 ||
            body_int(c, "size", &size) < 0 || body_str(c, "format", &format) < 0 || body_int(c, "server", &server) < 0 ||
            check_name(c, KIND_VOLUME, name, NULL) < 0 || body_labels(c, &labels) < 0 || body_ref(c, KIND_LOCATION, "location", &location) < 0)
                return -1;
        struct cloud_server *s = server ? cloud_server(c->cloud, server) : NULL;
        if (server && !s)
                return reply_not_found(c, KIND_SERVER, server);
        if (size < 10 || size > 10240)
                return reply_invalid(c, "size", "Must be between 10 and 10240.");
        if (format && !str_eq(format, "ext4") && !str_eq(format, "xfs"))
                return reply_invalid(c, "format", "Must be one of: ext4, xfs.");
        if (!location == !s)
                return reply_invalid(c, "location", "either location or server must be provided");
        if (check_quota(c, KIND_VOLUME) < 0)
                return -1;
        struct cloud_volume *v = xnew0(struct cloud_volume);
        v->o.name = xstrdup(name);
        kvs_copy(&v->o.labels, &labels);
        v->size = size;
        v->format = xstrdup(format);
        v->location = s ? s->location : (struct cloud_location *) location;
        v->creating = true;
        cloud_add(c->cloud, KIND_VOLUME, &v->o);
        struct cloud_action *a = action_on(c->cloud, "create_volume", v, done_create), *attach = NULL;
        json_t *next = json_array();
        if (s && volume_attach(c, v, s, &attach) == 0) {
                attach->after = a->id;
                json_array_append_new(next, cloud_action_render(attach));
        }
        json_t *j = json_object();
        json_object_set_new(j, "volume", render(c->cloud, &v->o));
        json_object_set_new(j, "action", cloud_action_render(a));
        json_object_set_new(j, "next_actions", next);
        return reply_json(c, 201, j);
}

static int delete(struct cloud_call *c) {
        struct cloud_volume *v = (struct cloud_volume *) c->object;

        if (v->o.protect_delete)
                return reply_error(c, 423, "protected", "volume deletion is protected");
        if (v->server)
                return reply_error(c, 423, "locked", "cannot perform operation because volume is attached");
        cloud_remove(c->cloud, c->object);
        return reply_empty(c, 204);
}

static int attach(struct cloud_call *c) {
        int64_t id = 0;
        struct cloud_action *a = NULL;

        if (body_required(c, (const char *const[]) { "server", NULL }) < 0 || body_int(c, "server", &id) < 0)
                return -1;
        struct cloud_server *s = cloud_server(c->cloud, id);
        if (!s)
                return reply_not_found(c, KIND_SERVER, id);
        if (server_refuse_locked(c, s) < 0 || volume_attach(c, (struct cloud_volume *) c->object, s, &a) < 0)
                return -1;
        return reply_action(c, a);
}

static int detach(struct cloud_call *c) {
        struct cloud_volume *v = (struct cloud_volume *) c->object;
        struct cloud_server *s = cloud_server(c->cloud, v->server);

        if (s && server_refuse_locked(c, s) < 0)
                return -1;
        v->server = 0;
        struct cloud_action *a = action_on(c->cloud, "detach_volume", v, NULL);
        if (s)
                cloud_action_lock(a, s);
        return reply_action(c, a);
}

static int resize(struct cloud_call *c) {
        struct cloud_volume *v = (struct cloud_volume *) c->object;
        int64_t size = 0;

        if (body_int(c, "size", &size) < 0)
                return -1;
        if (size <= v->size || size > 10240)
                return reply_invalid(c, "size", "must be greater than the current size and at most 10240");
        v->size = size;
        return reply_action(c, action_on(c->cloud, "resize_volume", v, NULL));
}

static bool matches(struct cloud_call *c, const struct cloud_object *o) {
        const char *status = call_query(c, "status", 0);
        return !status || str_eq(status, ((const struct cloud_volume *) o)->creating ? "creating" : "available");
}

static void free_volume(struct cloud_object *o) {
        cloud_object_done(o);
        free(((struct cloud_volume *) o)->format);
        free(o);
}

static const char *const sort[] = { "id", "name", "created", NULL };
const struct cloud_class class_volume = { .path = "volumes", .singular = "volume", .title = "Volume", .render = render, .matches = matches,
                                          .free = free_volume, .sort = sort, .unique_names = true, .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/volumes", KIND_VOLUME, cloud_list, 0 },
        { "POST", "/volumes", KIND_VOLUME, create, ROUTE_BODY },
        { "GET", "/volumes/actions", KIND_VOLUME, cloud_list_all_actions, 0 },
        { "GET", "/volumes/actions/{action_id}", KIND_VOLUME, cloud_show_own_action, 0 },
        { "GET", "/volumes/{id}", KIND_VOLUME, cloud_show, 0 },
        { "PUT", "/volumes/{id}", KIND_VOLUME, cloud_update, ROUTE_BODY },
        { "DELETE", "/volumes/{id}", KIND_VOLUME, delete, 0 },
        { "GET", "/volumes/{id}/actions", KIND_VOLUME, cloud_list_own_actions, 0 },
        { "GET", "/volumes/{id}/actions/{action_id}", KIND_VOLUME, cloud_show_own_action, 0 },
        { "POST", "/volumes/{id}/actions/attach", KIND_VOLUME, attach, ROUTE_BODY },
        { "POST", "/volumes/{id}/actions/detach", KIND_VOLUME, detach, 0 },
        { "POST", "/volumes/{id}/actions/resize", KIND_VOLUME, resize, ROUTE_BODY },
        { "POST", "/volumes/{id}/actions/change_protection", KIND_VOLUME, cloud_change_protection, ROUTE_BODY },
};
const struct cloud_routes routes_volume = { routes, ARRAY_SIZE(routes) };
