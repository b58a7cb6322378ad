#include "image/images.h"

#include <stdio.h>

#include "image/schematic.h"

/* Snapshots made by this program carry hcloud-v6/talos-version; those of other tools often os=talos and a version. */
const char *image_talos_version(const struct hcloud_labels *labels, char buf[static 64]) {
        const char *v = hcloud_labels_get(labels, LABEL_IMAGE_VERSION);
        if (!v && str_eq(hcloud_labels_get(labels, "os"), "talos")) {
                static const char *const keys[] = { "talos_version", "talos-version", "version" };
                for (size_t i = 0; !v && i < ARRAY_SIZE(keys); i++)
                        v = hcloud_labels_get(labels, keys[i]);
        }
        if (str_empty(v))
                return NULL;
        snprintf(buf, 64, "%s%s", v[0] == 'v' ? "" : "v", v);
        return buf;
}

bool image_is(const struct hcloud_image *m, const char *talos, const char *schematic) {
        char buf[64];
        const char *label = hcloud_labels_get(&m->labels, LABEL_IMAGE_SCHEMATIC);

        if (!str_eq(image_talos_version(&m->labels, buf), talos))
                return false;
        if (label)
                return strlen(label) >= 8 && str_starts(schematic, label);
        struct schematic plain = { 0 };
        _cleanup_str_ char *id = schematic_id(&plain);
        return str_eq(id, schematic);
}

const struct hcloud_image *image_find(const struct hcloud_image_list *list, const char *talos, const char *schematic, const char *arch) {
        const struct hcloud_image *best = NULL;

        for (size_t i = 0; i < list->n; i++) {
                const struct hcloud_image *m = &list->items[i];
                if (image_is(m, talos, schematic) && (!arch || str_eq(m->architecture, arch)) && str_eq(m->status, "available") &&
                    (!best || m->created > best->created))
                        best = m;
        }
        return best;
}

void image_wastes_done(struct image_wastes *w) {
        for (size_t i = 0; i < w->n; i++) {
                free(w->items[i].kind);
                free(w->items[i].name);
                free(w->items[i].why);
        }
        free(w->items);
        *w = (struct image_wastes) { 0 };
}

static void add(struct image_wastes *w, const char *kind, int64_t id, const char *name, char *why) {
        ARRAY_APPEND(w->items, w->n, ((struct image_waste) { .kind = xstrdup(kind), .id = id, .name = xstrdup(name), .why = why }));
}

/* Nobody works with it any more: NULL when somebody may. Owned. */
static char *why_abandoned(const struct hcloud_labels *labels, const struct image_look_options *o) {
        const char *host = hcloud_labels_get(labels, LABEL_IMAGE_BUILDER), *text = hcloud_labels_get(labels, LABEL_IMAGE_EXPIRY);
        int64_t expiry_s;

        if (str_eq(host, o->host_id))
                return xstrdup("left by a build on this machine that did not end");
        if (o->now_ms && (!text || !parse_int64(text, 0, INT64_MAX / 1000, &expiry_s) || expiry_s * 1000 < o->now_ms))
                return xstrdup("left by a build on another machine that should have ended long ago");
        return NULL;
}

int image_leftovers_find(struct hcloud_client *client, const struct image_look_options *o, struct image_wastes *w, struct error *err) {
        *w = (struct image_wastes) { 0 };
        struct hcloud_list_options list = { .label_selector = LABEL_IMAGE_BUILDER };
        _cleanup_(hcloud_server_list_freep) struct hcloud_server_list *servers = NULL;
        _cleanup_(hcloud_ssh_key_list_freep) struct hcloud_ssh_key_list *keys = NULL;
        _cleanup_(hcloud_firewall_list_freep) struct hcloud_firewall_list *firewalls = NULL;
        char *why;

        if (hcloud_server_list(client, &list, &servers, err) < 0 || hcloud_ssh_key_list(client, &list, &keys, err) < 0 ||
            hcloud_firewall_list(client, &list, &firewalls, err) < 0)
                return -1;
        for (size_t i = 0; i < servers->n; i++)
                if ((why = why_abandoned(&servers->items[i].labels, o)))
                        add(w, "server", servers->items[i].id, servers->items[i].name, why);
        for (size_t i = 0; i < keys->n; i++)
                if ((why = why_abandoned(&keys->items[i].labels, o)))
                        add(w, "ssh-key", keys->items[i].id, keys->items[i].name, why);
        for (size_t i = 0; i < firewalls->n; i++)        /* after its servers: until they are gone it cannot go */
                if ((why = why_abandoned(&firewalls->items[i].labels, o)))
                        add(w, "firewall", firewalls->items[i].id, firewalls->items[i].name, why);
        return 0;
}

static bool same_image(const struct hcloud_image *a, const struct hcloud_image *b) {
        static const char *const keys[] = { LABEL_IMAGE_VERSION, LABEL_IMAGE_ARCH, LABEL_IMAGE_SCHEMATIC };

        for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
                if (!str_eq(hcloud_labels_get(&a->labels, keys[i]), hcloud_labels_get(&b->labels, keys[i])))
                        return false;
        return true;
}

static bool is_used(const struct hcloud_server_list *servers, int64_t image) {
        for (size_t i = 0; i < servers->n; i++)
                if (servers->items[i].image == image)
                        return true;
        return false;
}

/* Why a snapshot of ours may go, owned, or NULL. One that a server was made from stays: Hetzner rebuilds and shows by it. */
static char *why_superfluous(const struct hcloud_image_list *images, const struct hcloud_image *m, const struct hcloud_server_list *servers, bool unused) {
        if (is_used(servers, m->id))
                return NULL;
        for (size_t i = 0; i < images->n; i++) {
                const struct hcloud_image *other = &images->items[i];
                if (other->id != m->id && same_image(other, m) && str_eq(other->status, "available") &&
                    (other->created > m->created || (other->created == m->created && other->id > m->id)))
                        return xasprintf("the same as the newer snapshot %lld", (long long) other->id);
        }
        return unused ? xstrdup("no server was made from it") : NULL;
}

static int find_images(struct hcloud_client *client, const struct image_look_options *o, struct image_wastes *w, struct error *err) {
        static const char *const types[] = { "snapshot", NULL };
        struct hcloud_list_options list = { .label_selector = LABEL_IMAGE_VERSION "," LABEL_IMAGE_SCHEMATIC, .type = types };
        _cleanup_(hcloud_server_list_freep) struct hcloud_server_list *servers = NULL;
        _cleanup_(hcloud_image_list_freep) struct hcloud_image_list *images = NULL;

        if (hcloud_image_list(client, &list, &images, err) < 0 || hcloud_server_list(client, NULL, &servers, err) < 0)
                return -1;
        for (size_t i = 0; i < images->n; i++) {
                const struct hcloud_image *m = &images->items[i];
                char *why = m->protected_delete ? NULL : why_superfluous(images, m, servers, o->unused);
                if (why)
                        add(w, "image", m->id, m->description, why);
        }
        return 0;
}

int image_waste_find(struct hcloud_client *client, const struct image_look_options *o, struct image_wastes *ret, struct error *err) {
        if (image_leftovers_find(client, o, ret, err) < 0 || find_images(client, o, ret, err) < 0) {
                image_wastes_done(ret);
                return -1;
        }
        return 0;
}

int image_waste_remove(struct hcloud_client *client, const struct image_waste *w, struct error *err) {
        int64_t action = 0;

        if (str_eq(w->kind, "image"))
                return hcloud_image_delete(client, w->id, err);
        if (str_eq(w->kind, "ssh-key"))
                return hcloud_ssh_key_delete(client, w->id, err);
        if (str_eq(w->kind, "firewall"))
                return hcloud_firewall_delete(client, w->id, true, err);
        if (hcloud_server_delete(client, w->id, &action, err) < 0)
                return -1;
        return hcloud_actions_wait(client, &action, 1, err);
}
