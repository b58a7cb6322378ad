/* The cloud as a whole: its beginning, its end, and its state for GET /state. */
#include "sim/hetzner/internal.h"

#include "sim/world/faults.h"

int sim_hetzner_new(struct sim_world *w, struct error *err) {
        struct sim_hetzner *c = xnew0(struct sim_hetzner);

        (void) err;
        c->world = w;
        /* Far above 2^31, so that whoever keeps ids in an int is found out. */
        c->next_id = 100000000000 + (int64_t) sim_random_below(w, 1000000);
        c->bucket = 3600;
        c->bucket_ms = sim_now_ms(w);
        w->hetzner = c;
        cloud_images_fill(c);
        return cloud_catalogue_fill(c);
}

void sim_hetzner_free(struct sim_world *w) {
        struct sim_hetzner *c = w->hetzner;

        if (!c)
                return;
        for (size_t i = 0; i < c->n_actions; i++)
                cloud_action_free(c->actions[i]);
        free(c->actions);
        for (int kind = 0; kind < KIND_MAX; kind++) {
                while (c->stores[kind].n)
                        cloud_remove(c, c->stores[kind].items[c->stores[kind].n - 1]);
                free(c->stores[kind].items);
        }
        json_decref(c->past);
        free(c);
        w->hetzner = NULL;
}

struct sim_machine *sim_machine_by_id(struct sim_world *w, int64_t server_id) {
        struct cloud_server *s = cloud_server(w->hetzner, server_id);
        return s ? &s->machine : NULL;
}

struct sim_machine *sim_machine_nth(struct sim_world *w, size_t n) {
        struct cloud_store *s = &w->hetzner->stores[KIND_SERVER];
        return n < s->n ? &((struct cloud_server *) s->items[n])->machine : NULL;
}

/* A server as the API shows it, and what the API does not show. */
static json_t *server_state(struct sim_hetzner *c, struct cloud_server *s) {
        json_t *j = class_server.render(c, &s->o);
        struct sim_machine *m = &s->machine;

        json_object_set_new(j, "user_data", m->user_data ? json_string(m->user_data) : json_null());
        json_object_set_new(j, "powered", json_boolean(m->powered));
        json_object_set_new(j, "boot_count", json_integer(m->boot_count));
        json_object_set_new(j, "talos_version", m->talos_version ? json_string(m->talos_version) : json_null());
        json_object_set_new(j, "has_config", json_boolean(m->disk.len > 0));
        json_object_set_new(j, "etcd_data", json_boolean(m->etcd_data));
        if (m->prefix.len) {
                char text[IP6_STR_MAX];
                json_object_set_new(j, "address", json_string(ip6_format(&m->addr, text)));
        }
        for (size_t i = 0; c->world->parts[i]; i++) {
                json_t *part = c->world->parts[i]->machine_state ? c->world->parts[i]->machine_state(m) : NULL;
                if (part)
                        json_object_set_new(j, c->world->parts[i]->name, part);
        }
        return j;
}

json_t *sim_hetzner_state(struct sim_world *w) {
        static const enum cloud_kind kinds[] = { KIND_PRIMARY_IP, KIND_FLOATING_IP, KIND_FIREWALL, KIND_NETWORK, KIND_PLACEMENT_GROUP, KIND_SSH_KEY,
                                                 KIND_IMAGE, KIND_LOAD_BALANCER, KIND_VOLUME, KIND_CERTIFICATE, KIND_ZONE };
        struct sim_hetzner *c = w->hetzner;
        json_t *state = json_object(), *servers = json_array(), *actions = json_array();

        CLOUD_EACH(c, KIND_SERVER, struct cloud_server, s)
                json_array_append_new(servers, server_state(c, s));
        json_object_set_new(state, "servers", servers);
        for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
                json_t *list = json_array();
                for (size_t i = 0; i < c->stores[kinds[k]].n; i++)
                        json_array_append_new(list, cloud_classes[kinds[k]]->render(c, c->stores[kinds[k]].items[i]));
                json_object_set_new(state, cloud_classes[kinds[k]]->path, list);
        }
        for (size_t i = 0; i < c->n_actions; i++)
                if (str_eq(c->actions[i]->status, "running"))
                        json_array_append_new(actions, cloud_action_render(c->actions[i]));
        json_object_set_new(state, "running_actions", actions);
        json_object_set_new(state, "api", json_pack("{s:I,s:f,s:I,s:I,s:I}", "requests", (json_int_t) c->requests, "rate_limit_remaining", c->bucket,
                                                    "answers_2xx", (json_int_t) c->calls_by_status[2], "answers_4xx",
                                                    (json_int_t) c->calls_by_status[4], "answers_5xx", (json_int_t) c->calls_by_status[5]));
        return state;
}
