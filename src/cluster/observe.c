/* One parallel look at the cloud. Servers, addresses, firewalls, networks and groups are listed without a selector: names that others have
 * taken must be seen as well, and one list serves both. */
#include "cluster/model.h"

struct look { struct cluster *c; struct cloud *v; };

#define LOOK(fn, call, field)                                                                                   \
        static int fn(struct plan_step *s, void *arg, struct error *err) {                                      \
                struct look *l = arg;                                                                           \
                return call(l->c->hcloud, NULL, &l->v->field, err);                                             \
        }
LOOK(look_servers, hcloud_server_list, servers)
LOOK(look_primary_ips, hcloud_primary_ip_list, primary_ips)
LOOK(look_firewalls, hcloud_firewall_list, firewalls)
LOOK(look_networks, hcloud_network_list, networks)
LOOK(look_groups, hcloud_placement_group_list, groups)
LOOK(look_types, hcloud_server_type_list, types)
LOOK(look_volumes, hcloud_volume_list, volumes)
LOOK(look_balancers, hcloud_load_balancer_list, balancers)
LOOK(look_keys, hcloud_ssh_key_list, keys)
LOOK(look_floating_ips, hcloud_floating_ip_list, floating_ips)

static int look_images(struct plan_step *s, void *arg, struct error *err) {
        struct look *l = arg;
        static const char *const type[] = { "snapshot", NULL }, *const status[] = { "available", NULL };
        struct hcloud_list_options o = { .type = type, .status = status };
        return hcloud_image_list(l->c->hcloud, &o, &l->v->images, err);
}

void cloud_done(struct cloud *v) {
        hcloud_server_list_free(v->servers);
        hcloud_primary_ip_list_free(v->primary_ips);
        hcloud_firewall_list_free(v->firewalls);
        hcloud_network_list_free(v->networks);
        hcloud_placement_group_list_free(v->groups);
        hcloud_image_list_free(v->images);
        hcloud_server_type_list_free(v->types);
        hcloud_volume_list_free(v->volumes);
        hcloud_load_balancer_list_free(v->balancers);
        hcloud_ssh_key_list_free(v->keys);
        hcloud_floating_ip_list_free(v->floating_ips);
        *v = (struct cloud) { 0 };
}

/* The library's message says what was listed; the step's name would only say it again. */
static int first_failure(const struct plan *p, struct error *whole, struct error *err) {
        for (size_t i = 0; i < plan_size(p); i++)
                if (step_get_state(plan_at(p, i)) == STEP_FAILED) {
                        struct error copy;
                        error_copy(&copy, step_error(plan_at(p, i)));
                        return error_move(err, &copy);
                }
        return error_move(err, whole);
}

int cloud_observe(struct cluster *c, unsigned what, struct cloud *ret, struct error *err) {
        static const struct { const char *kind; step_fn fn; unsigned what; } looks[] = {
                { "servers", look_servers, 7 }, { "primary IPs", look_primary_ips, 7 }, { "firewalls", look_firewalls, 7 },
                { "networks", look_networks, 7 }, { "placement groups", look_groups, 7 },
                { "images", look_images, OBSERVE_UP }, { "server types", look_types, 7 },
                { "volumes", look_volumes, OBSERVE_DESTROY }, { "load balancers", look_balancers, OBSERVE_DESTROY },
                { "SSH keys", look_keys, OBSERVE_DESTROY }, { "floating IPs", look_floating_ips, OBSERVE_DESTROY },
        };
        struct cloud v = { 0 };
        struct look l = { c, &v };
        _cleanup_(plan_freep) struct plan *p = plan_new("look");
        for (size_t i = 0; i < ARRAY_SIZE(looks); i++)
                if (looks[i].what & what)
                        plan_step_quiet(plan_add(p, "list", looks[i].kind, "", looks[i].fn, &l));
        struct plan_options o = { .clock = c->clock, .cancel = c->o.cancel };
        _cleanup_error_ struct error e = ERROR_INIT;
        if (plan_run(p, &o, &e) < 0) {
                cloud_done(&v);
                return first_failure(p, &e, err);
        }
        c->observed_ms = clock_mono_ms(c->clock);
        *ret = v;
        return 0;
}

/* Calls fn for the labels of everything of ours in the first five lists but locks, until it says true. */
static bool any_of_ours(const struct cluster *c, const struct cloud *v, bool (*fn)(const struct hcloud_labels *l, const void *arg), const void *arg) {
#define SEARCH(list)                                                                                                                  \
        for (size_t i = 0; v->list && i < v->list->n; i++)                                                                            \
                if (is_ours(c, &v->list->items[i].labels) && !str_eq(hcloud_labels_get(&v->list->items[i].labels, LABEL_ROLE), ROLE_LOCK) && \
                    fn(&v->list->items[i].labels, arg))                                                                               \
                        return true;
        SEARCH(servers)
        SEARCH(primary_ips)
        SEARCH(firewalls)
        SEARCH(networks)
        SEARCH(groups)
#undef SEARCH
        return false;
}

static bool has_uid(const struct hcloud_labels *l, const void *arg) {
        return !arg || str_eq(hcloud_labels_get(l, LABEL_UID), arg);
}

bool cloud_has_ours(const struct cluster *c, const struct cloud *v, const char *uid) {
        return any_of_ours(c, v, has_uid, uid);
}

static bool take_uid(const struct hcloud_labels *l, const void *arg) {
        const char **ret = *(const char ***) (void *) &arg;
        *ret = hcloud_labels_get(l, LABEL_UID);
        return *ret != NULL;
}

const char *cloud_uid(const struct cluster *c, const struct cloud *v) {
        const char *uid = NULL;
        any_of_ours(c, v, take_uid, &uid);
        return uid;
}
