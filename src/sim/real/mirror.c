#include "sim/real/mirror.h"

#include "sim/real/internal.h"

int mirror_new(const struct mirror_options *o, struct mirror **ret, struct error *err) {
        _cleanup_(mirror_freep) struct mirror *m = xnew0(struct mirror);
        m->world = o->world;
        m->refused = json_object();
        m->client = (struct api_client) { .world = o->world, .ca_pem = xstrdup(o->ca_pem), .data = o->data, .server = o->server };
        m->remote = (struct kube_remote) { .data = m, .write = mirror_write, .remove = mirror_remove, .call = mirror_call, .join = mirror_join,
                                           .forget = mirror_forget, .run = mirror_run, .stop = mirror_stop_pod, .serve = mirror_serve };
        if (api_client_init(&m->client, err) < 0 || feeds_new(m, &m->feeds, err) < 0)
                return error_wrap(err, "the mirror of the real API server");
        *ret = TAKE(m);
        return 0;
}

void mirror_free(struct mirror *m) {
        if (!m)
                return;
        feeds_free(m->feeds);
        mirror_stop_pods(m);
        api_client_done(&m->client);
        json_decref(m->refused);
        free(m);
}

const struct kube_remote *mirror_remote(struct mirror *m) {
        return &m->remote;
}

void mirror_attach(struct mirror *m, struct kube_cluster *c) {
        m->cluster = c;
}

/* What found no API server need not wait any longer. */
static void end_pauses(struct mirror *m) {
        const char *key;
        json_t *entry;
        json_object_foreach(m->refused, key, entry)
                if (meta_int(entry, "code", 0) == 0)
                        json_object_del(entry, "next_ms");
}

void mirror_servers_changed(struct mirror *m) {
        end_pauses(m);
        feeds_start(m->feeds);
        m->cluster->dirty = true;
        m->cluster->env.wake(m->cluster->env.data, 0);
}

bool mirror_is_synced(const struct mirror *m) {
        return feeds_synced(m->feeds);
}
