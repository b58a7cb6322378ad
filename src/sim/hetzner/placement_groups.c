/* Placement groups: at most ten servers each, spread over hosts. */
#include "sim/hetzner/internal.h"

size_t placement_group_count(struct sim_hetzner *c, int64_t id) {
        size_t n = 0;

        CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s)
                n += s->placement_group == id;
        return n;
}

json_t *placement_group_render(struct sim_hetzner *c, const struct cloud_object *o) {
        json_t *servers = json_array();

        CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s)
                if (s->placement_group == o->id)
                        json_array_append_new(servers, json_integer(s->o.id));
        return json_pack("{s:I,s:s,s:o,s:s,s:o,s:o}", "id", (json_int_t) o->id, "name", o->name, "labels", json_from_kvs(&o->labels), "type",
                         "spread", "created", json_time(o->created_ms), "servers", servers);
}

static int create(struct cloud_call *c) {
        const char *name = NULL, *type = NULL;

        if (body_required(c, (const char *const[]) { "name", "type", NULL }) < 0 || body_str(c, "name", &name) < 0 ||
            body_str(c, "type", &type) < 0)
                return -1;
        if (!str_eq(type, "spread"))
                return reply_invalid(c, "type", "Must be one of: spread.");
        if (check_name(c, KIND_PLACEMENT_GROUP, name, NULL) < 0 || check_quota(c, KIND_PLACEMENT_GROUP) < 0)
                return -1;
        _cleanup_kvs_ struct kvs labels = { 0 };
        if (body_labels(c, &labels) < 0)
                return -1;
        struct cloud_placement_group *g = xnew0(struct cloud_placement_group);
        g->o.name = xstrdup(name);
        kvs_copy(&g->o.labels, &labels);
        cloud_add(c->cloud, KIND_PLACEMENT_GROUP, &g->o);
        json_t *o = json_object();
        json_object_set_new(o, "placement_group", placement_group_render(c->cloud, &g->o));
        json_object_set_new(o, "action", json_null());
        return reply_json(c, 201, o);
}

static int delete(struct cloud_call *c) {
        CLOUD_EACH(c->cloud, KIND_SERVER, struct cloud_server, s)
                if (s->placement_group == c->object->id && s->deleting)
                        return reply_error(c, 409, "conflict", "placement group is still used by a server that is being deleted");
        CLOUD_EACH(c->cloud, KIND_SERVER, struct cloud_server, s)        /* the group goes, its servers stay */
                if (s->placement_group == c->object->id)
                        s->placement_group = 0;
        cloud_remove(c->cloud, c->object);
        return reply_empty(c, 204);
}

static bool matches(struct cloud_call *c, const struct cloud_object *o) {
        const char *type = call_query(c, "type", 0);

        (void) o;
        return !type || str_eq(type, "spread");
}

static const char *const sort[] = { "id", "name", "created", NULL };
const struct cloud_class class_placement_group = { .path = "placement_groups", .singular = "placement_group", .title = "Placement group",
                                                   .render = placement_group_render, .matches = matches, .sort = sort, .unique_names = true,
                                                   .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/placement_groups", KIND_PLACEMENT_GROUP, cloud_list, 0 },
        { "POST", "/placement_groups", KIND_PLACEMENT_GROUP, create, ROUTE_BODY },
        { "GET", "/placement_groups/{id}", KIND_PLACEMENT_GROUP, cloud_show, 0 },
        { "PUT", "/placement_groups/{id}", KIND_PLACEMENT_GROUP, cloud_update, ROUTE_BODY },
        { "DELETE", "/placement_groups/{id}", KIND_PLACEMENT_GROUP, delete, 0 },
};
const struct cloud_routes routes_placement_group = { routes, ARRAY_SIZE(routes) };
