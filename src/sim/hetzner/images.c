/* Images: systems that are always there, snapshots that servers leave behind, and the Talos snapshots a world begins with. */
#include "sim/hetzner/internal.h"

static const struct { int64_t id; const char *name, *description, *flavor, *version, *arch; } system_table[] = {
        { 114690387, "debian-12", "Debian 12", "debian", "12", "x86" },
        { 114690389, "debian-12", "Debian 12", "debian", "12", "arm" },
        { 161547269, "ubuntu-24.04", "Ubuntu 24.04", "ubuntu", "24.04", "x86" },
        { 161547270, "ubuntu-24.04", "Ubuntu 24.04", "ubuntu", "24.04", "arm" },
        { 310557660, "debian-13", "Debian 13", "debian", "13", "x86" },
        { 310557665, "debian-13", "Debian 13", "debian", "13", "arm" },
};

/* The versions with snapshots: the default of hcloud-v6, the one its blog profile takes, the one the blog post shows, and the line after the default. */
static const char *const talos_versions[] = { "v1.13.9", "v1.11.5", "v1.11.2", "v1.14.1" };

/* The id of the schematic without any customisation, public knowledge of the image factory; a label holds 63 characters. */
static const char schematic[] = "376567988ad370138ad8b2698212367b8edcb69b5fd68c80be1f2ec7d603b4ba";

static void add_talos(struct sim_hetzner *c, const char *version, const char *arch) {
        struct cloud_image *i = xnew0(struct cloud_image);
        _cleanup_str_ char *short_schematic = xstrndup(schematic, 63);

        i->type = "snapshot";
        i->status = "available";
        i->description = xasprintf("Talos Linux %s %s", version, arch);
        i->os_flavor = "unknown";
        i->arch = arch;
        i->image_size = 0.5;
        i->disk_size = 40;
        i->from_id = cloud_new_id(c);
        i->from_name = xasprintf("talos-image-builder-%s", arch);
        i->talos_version = xstrdup(version);
        kvs_set(&i->o.labels, "os", "talos");
        kvs_set(&i->o.labels, "hcloud-v6/talos-version", version);
        kvs_set(&i->o.labels, "hcloud-v6/arch", arch);
        kvs_set(&i->o.labels, "hcloud-v6/schematic", short_schematic);
        cloud_add(c, KIND_IMAGE, &i->o);
}

void cloud_images_fill(struct sim_hetzner *c) {
        for (size_t n = 0; n < ARRAY_SIZE(system_table); n++) {
                struct cloud_image *i = xnew0(struct cloud_image);
                i->o.id = system_table[n].id;
                i->o.name = xstrdup(system_table[n].name);
                i->o.created_ms = 1755000000000;
                i->type = "system";
                i->status = "available";
                i->description = xstrdup(system_table[n].description);
                i->os_flavor = system_table[n].flavor;
                i->os_version = xstrdup(system_table[n].version);
                i->arch = system_table[n].arch;
                i->image_size = -1;
                i->disk_size = 5;
                cloud_add(c, KIND_IMAGE, &i->o);
        }
        if (c->world->options.no_images)
                return;
        for (size_t v = 0; v < ARRAY_SIZE(talos_versions); v++) {
                add_talos(c, talos_versions[v], "x86");
                add_talos(c, talos_versions[v], "arm");
        }
}

json_t *image_render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_image *i = (const struct cloud_image *) o;
        json_t *j = json_object();

        (void) c;
        json_object_set_new(j, "id", json_integer(o->id));
        json_object_set_new(j, "type", json_string(i->type));
        json_object_set_new(j, "status", json_string(i->status));
        json_object_set_new(j, "name", o->name ? json_string(o->name) : json_null());
        json_object_set_new(j, "description", json_string(i->description ? i->description : ""));
        json_object_set_new(j, "image_size", i->image_size < 0 ? json_null() : json_size(i->image_size));
        json_object_set_new(j, "disk_size", json_size(i->disk_size));
        json_object_set_new(j, "created", json_time(o->created_ms));
        json_object_set_new(j, "created_from", i->from_id ? json_pack("{s:I,s:s}", "id", (json_int_t) i->from_id, "name", i->from_name)
                                                          : json_null());
        json_object_set_new(j, "bound_to", json_id(i->bound_to));
        json_object_set_new(j, "os_flavor", json_string(i->os_flavor));
        json_object_set_new(j, "os_version", i->os_version ? json_string(i->os_version) : json_null());
        json_object_set_new(j, "rapid_deploy", json_boolean(str_eq(i->type, "system")));
        json_object_set_new(j, "protection", json_pack("{s:b}", "delete", o->protect_delete));
        json_object_set_new(j, "deprecated", json_time(i->deprecated_ms));
        json_object_set_new(j, "deleted", json_null());
        json_object_set_new(j, "labels", json_from_kvs(&o->labels));
        json_object_set_new(j, "architecture", json_string(i->arch));
        return j;
}

static bool matches(struct cloud_call *c, const struct cloud_object *o) {
        const struct cloud_image *i = (const struct cloud_image *) o;
        const struct { const char *key, *value; } filters[] = { { "type", i->type }, { "status", i->status }, { "architecture", i->arch } };

        for (size_t f = 0; f < ARRAY_SIZE(filters); f++) {
                bool any = false, hit = false;
                const char *v;
                for (size_t n = 0; (v = call_query(c, filters[f].key, n)); n++) {
                        any = true;
                        hit |= str_eq(v, filters[f].value);
                }
                if (any && !hit)
                        return false;
        }
        const char *bound = call_query(c, "bound_to", 0);
        if (bound && strtoll(bound, NULL, 10) != i->bound_to)
                return false;
        return !i->deprecated_ms || str_eq(call_query(c, "include_deprecated", 0), "true");
}

static int update(struct cloud_call *c) {
        struct cloud_image *i = (struct cloud_image *) c->object;
        const char *description = NULL, *type = NULL;

        if (str_eq(i->type, "system"))
                return reply_error(c, 403, "forbidden", "system images cannot be changed");
        if (body_str(c, "description", &description) < 0 || body_str(c, "type", &type) < 0)
                return -1;
        if (type && !str_eq(type, "snapshot"))
                return reply_invalid(c, "type", "only 'snapshot' is possible");
        if (body_labels(c, &i->o.labels) < 0)
                return -1;
        if (description) {
                free(i->description);
                i->description = xstrdup(description);
        }
        if (type) {
                i->type = "snapshot";
                i->bound_to = 0;
        }
        return cloud_show(c);
}

static int delete(struct cloud_call *c) {
        struct cloud_image *i = (struct cloud_image *) c->object;

        if (str_eq(i->type, "system"))
                return reply_error(c, 403, "forbidden", "system images cannot be deleted");
        if (i->o.protect_delete)
                return reply_error(c, 423, "protected", "image deletion is protected");
        if (str_eq(i->status, "creating"))
                return reply_error(c, 423, "locked", "cannot perform operation because image is locked");
        cloud_remove(c->cloud, c->object);
        return reply_empty(c, 204);
}

static void free_image(struct cloud_object *o) {
        struct cloud_image *i = (struct cloud_image *) o;

        cloud_object_done(o);
        free(i->description);
        free(i->os_version);
        free(i->from_name);
        free(i->talos_version);
        free(i);
}

static const char *const sort[] = { "id", "name", "created", NULL };
const struct cloud_class class_image = { .path = "images", .singular = "image", .title = "Image", .render = image_render, .matches = matches,
                                         .free = free_image, .sort = sort, .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/images", KIND_IMAGE, cloud_list, 0 },
        { "GET", "/images/actions", KIND_IMAGE, cloud_list_all_actions, 0 },
        { "GET", "/images/actions/{action_id}", KIND_IMAGE, cloud_show_own_action, 0 },
        { "GET", "/images/{id}", KIND_IMAGE, cloud_show, 0 },
        { "PUT", "/images/{id}", KIND_IMAGE, update, ROUTE_BODY },
        { "DELETE", "/images/{id}", KIND_IMAGE, delete, 0 },
        { "GET", "/images/{id}/actions", KIND_IMAGE, cloud_list_own_actions, 0 },
        { "GET", "/images/{id}/actions/{action_id}", KIND_IMAGE, cloud_show_own_action, 0 },
        { "POST", "/images/{id}/actions/change_protection", KIND_IMAGE, cloud_change_protection, ROUTE_BODY },
};
const struct cloud_routes routes_image = { routes, ARRAY_SIZE(routes) };
