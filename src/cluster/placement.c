/* Which server type in which location, what that costs, and the way through the list when something cannot be had. */
#include <stdio.h>

#include "base/secret.h"
#include "cluster/model.h"
#include "talos/config.h"

void pool_state_done(struct pool_state *p) {
        for (size_t i = 0; i < p->n_candidates; i++) {
                free(p->candidates[i].type);
                free(p->candidates[i].location);
                free(p->candidates[i].arch);
        }
        free(p->candidates);
        *p = (struct pool_state) { 0 };
}

static const struct hcloud_image *find_image(const struct cluster *c, const char *arch) {
        _cleanup_str_ char *schematic = schematic_id(&c->spec->schematic);
        return image_find(c->cloud.images, c->spec->talos, schematic, arch);
}

static int no_image(const struct cluster *c, struct error *err) {
        _cleanup_strbuf_ struct strbuf have = STRBUF_INIT;
        char buf[64];
        for (size_t i = 0; i < c->cloud.images->n; i++) {
                const struct hcloud_image *m = &c->cloud.images->items[i];
                const char *v = image_talos_version(&m->labels, buf);
                if (v)
                        strbuf_addf(&have, "%s%s (%s)", have.len ? ", " : "", v, m->architecture);
        }
        error_set(err, ERR_NOT_FOUND, "the project has no snapshot of Talos %s%s%s", c->spec->talos, have.len ? "; there are " : "", strbuf_str(&have));
        return error_hint(err, "hcloud-v6 image build makes it, and so does up without --no-image-build");
}

static int unknown_type(const struct cluster *c, const char *name, struct error *err) {
        _cleanup_strbuf_ struct strbuf list = STRBUF_INIT;
        const char **names = xcalloc(c->cloud.types->n + 1, sizeof(*names));
        for (size_t i = 0; i < c->cloud.types->n; i++) {
                names[i] = c->cloud.types->items[i].name;
                strbuf_addf(&list, "%s%s", i ? ", " : "", names[i]);
        }
        const char *near = str_nearest(name, names);
        error_set(err, ERR_PROFILE, "there is no server type '%s'%s%s%s; there are %s", name, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "",
                  strbuf_str(&list));
        free(names);
        return -1;
}

static bool known_location(const struct cluster *c, const char *name) {
        for (size_t i = 0; i < c->cloud.types->n; i++) {
                const struct hcloud_server_type *t = &c->cloud.types->items[i];
                for (size_t j = 0; j < t->locations.n; j++)
                        if (str_eq(t->locations.items[j].name, name))
                                return true;
                for (size_t j = 0; j < t->prices.n; j++)
                        if (str_eq(t->prices.items[j].location, name))
                                return true;
        }
        return false;
}

static int check_locations(const struct cluster *c, const struct strv *locations, struct error *err) {
        struct strv all = { 0 };
        for (size_t i = 0; i < c->cloud.types->n; i++)
                for (size_t j = 0; j < c->cloud.types->items[i].prices.n; j++)
                        if (!strv_has(&all, c->cloud.types->items[i].prices.items[j].location))
                                strv_add(&all, c->cloud.types->items[i].prices.items[j].location);
        _cleanup_str_ char *list = strv_join(&all, ", ");
        strv_done(&all);
        for (size_t i = 0; i < locations->n; i++)
                if (!known_location(c, locations->items[i]))
                        return error_set(err, ERR_PROFILE, "there is no location '%s'; there are %s", locations->items[i], list);
        return 0;
}

static struct money price_of(const struct hcloud_server_type *t, const char *location) {
        struct money m = { 0 };
        const struct hcloud_location_price *p = hcloud_server_type_price(t, location);
        if (p) {
                money_parse(p->hourly.net, &m.hour);
                money_parse(p->monthly.net, &m.month);
        }
        return m;
}

/* Snapshots are made on the smallest disk that is sold. */
static double smallest_disk(const struct cluster *c, const char *arch) {
        double least = 0;
        for (size_t i = 0; i < c->cloud.types->n; i++) {
                const struct hcloud_server_type *t = &c->cloud.types->items[i];
                if (str_eq(t->architecture, arch) && t->prices.n && (!least || t->disk < least))
                        least = t->disk;
        }
        return least;
}

/* Adds one way when it is possible; why not goes into *why. */
static void consider(struct cluster *c, struct pool_state *p, const struct hcloud_server_type *t, const char *location, bool sold_out, struct strbuf *why,
                     bool *other_arch) {
        int64_t now = 0;
        if (!hcloud_client_server_time(c->hcloud, &now))
                now = clock_now_ms(c->clock);
        enum hcloud_offer offer = hcloud_server_type_offer(t, location, now);
        const struct hcloud_image *image = find_image(c, t->architecture);
        bool build = !image && strv_has(&c->build_archs, t->architecture);
        if (!image && !build) {
                *other_arch = true;
                strbuf_addf(why, "%s%s: no snapshot of Talos %s for %s", why->len ? "; " : "", t->name, c->spec->talos, t->architecture);
                return;
        }
        if (offer != HCLOUD_OFFER_YES && offer != HCLOUD_OFFER_SOLD_OUT) {
                strbuf_addf(why, "%s%s in %s: %s", why->len ? "; " : "", t->name, location, hcloud_offer_name(offer));
                return;
        }
        double disk_size = build ? smallest_disk(c, t->architecture) : image->disk_size;
        if (disk_size > t->disk) {
                strbuf_addf(why, "%s%s: its disk of %g GB is smaller than the snapshot's %g GB", why->len ? "; " : "", t->name, t->disk, disk_size);
                return;
        }
        if ((offer == HCLOUD_OFFER_SOLD_OUT) != sold_out)
                return;
        ARRAY_APPEND(p->candidates, p->n_candidates,
                     ((struct candidate) { .type = xstrdup(t->name), .location = xstrdup(location), .arch = xstrdup(t->architecture), .image = build ? 0 : image->id,
                                           .price = price_of(t, location), .sold_out = sold_out }));
}

static int build_pool(struct cluster *c, struct pool_state *p, struct error *err) {
        _cleanup_strbuf_ struct strbuf why = STRBUF_INIT;
        bool other_arch = false;
        if (check_locations(c, &p->spec->locations, err) < 0)
                return -1;
        for (int sold_out = 0; sold_out < 2; sold_out++)
                for (size_t i = 0; i < p->spec->locations.n; i++)
                        for (size_t j = 0; j < p->spec->types.n; j++) {
                                const struct hcloud_server_type *t = hcloud_server_type_find(c->cloud.types, p->spec->types.items[j]);
                                if (!t)
                                        return unknown_type(c, p->spec->types.items[j], err);
                                strbuf_clear(&why);
                                consider(c, p, t, p->spec->locations.items[i], sold_out, &why, &other_arch);
                        }
        if (p->n_candidates)
                return 0;
        strbuf_clear(&why);
        for (size_t i = 0; i < p->spec->locations.n; i++)
                for (size_t j = 0; j < p->spec->types.n; j++)
                        consider(c, p, hcloud_server_type_find(c->cloud.types, p->spec->types.items[j]), p->spec->locations.items[i], true, &why, &other_arch);
        error_set(err, ERR_PROFILE, "no server of pool '%s' can be made: %s", p->spec->name, strbuf_str(&why));
        return other_arch ? error_hint(err, "choose types of the architecture whose snapshot is there, or make the other one with hcloud-v6 image build") : -1;
}

static bool one_zone(struct cluster *c) {
        const char *zone = NULL;
        for (size_t i = 0; i < c->n_pools; i++)
                for (size_t j = 0; j < c->pools[i].n_candidates; j++) {
                        const char *z = location_zone(c->pools[i].candidates[j].location);
                        if (!z || (zone && !str_eq(zone, z)))
                                return false;
                        zone = z;
                }
        free(c->network_zone);
        c->network_zone = xstrdup(zone);
        return zone != NULL;
}

static bool needs_servers(const struct cluster *c, const struct pool_state *p) {
        bool any = false;
        for (size_t i = 0; i < c->n_nodes; i++)
                any |= c->nodes[i].pool == p && !c->nodes[i].existed;
        return any;
}

/* 1: one of the pool's types has a snapshot; 0: none has. */
static int has_image(const struct cluster *c, const struct pool_state *p, struct error *err) {
        int found = 0;
        for (size_t i = 0; i < p->spec->types.n; i++) {
                const struct hcloud_server_type *t = hcloud_server_type_find(c->cloud.types, p->spec->types.items[i]);
                if (!t)
                        return unknown_type(c, p->spec->types.items[i], err);
                found |= find_image(c, t->architecture) != NULL;
        }
        return found;
}

/* Without a snapshot that the pool could use, that of its first choice is made. One architecture, not all: each costs a builder and a stored image. */
static int place_pool(struct cluster *c, struct pool_state *p, bool may_build_images, struct error *err) {
        int image = has_image(c, p, err);
        if (image < 0)
                return -1;
        if (!image && !needs_servers(c, p))
                return 0;                /* nothing is to be made of it */
        if (!image && !may_build_images)
                return no_image(c, err);
        const char *arch = hcloud_server_type_find(c->cloud.types, p->spec->types.items[0])->architecture;
        if (!image && !strv_has(&c->build_archs, arch))
                strv_add(&c->build_archs, arch);
        return build_pool(c, p, err);
}

int placement_pool(struct cluster *c, struct pool_state *p, struct error *err) {
        int image = has_image(c, p, err);
        if (image < 0)
                return -1;
        return image ? build_pool(c, p, err) : no_image(c, err);
}

int placement_build(struct cluster *c, bool may_build_images, struct error *err) {
        for (size_t i = 0; i < c->n_pools; i++)
                if ((c->pools[i].spec->count > 0 || c->pools[i].spec->autoscale) && place_pool(c, &c->pools[i], may_build_images, err) < 0)
                        return -1;
        if (c->use_network && !one_zone(c) && !c->network_id) {
                c->use_network = false;
                cluster_warn(c, "no private network: Hetzner's networks do not reach across the zones of the chosen locations");
        }
        return 0;
}

static int add_ipv4_cost(struct cluster *c, const char *location, bool is_new, struct error *err) {
        if (!c->pricing && hcloud_pricing_get(c->hcloud, &c->pricing, err) < 0)
                return -1;
        const struct hcloud_location_price *p = hcloud_pricing_primary_ip(c->pricing, "ipv4", location);
        struct money m = { 0 };
        if (p) {
                money_parse(p->hourly.net, &m.hour);
                money_parse(p->monthly.net, &m.month);
        }
        cost_add(&c->cost_all, "Primary IPv4", 1, m);
        if (is_new)
                cost_add(&c->cost_new, "Primary IPv4", 1, m);
        return 0;
}

int cost_build(struct cluster *c, struct error *err) {
        cost_done(&c->cost_all);
        cost_done(&c->cost_new);
        for (size_t i = 0; i < c->n_nodes; i++) {
                struct node *n = &c->nodes[i];
                const struct candidate *first = n->pool && n->pool->n_candidates ? &n->pool->candidates[0] : NULL;
                const char *type = n->existed ? n->type : first ? first->type : NULL, *location = n->existed ? n->location : first ? first->location : NULL;
                const struct hcloud_server_type *t = type ? hcloud_server_type_find(c->cloud.types, type) : NULL;
                if (!t)
                        continue;
                _cleanup_str_ char *what = xasprintf("%s in %s", type, location);
                struct money each = price_of(t, location), worst = each;
                cost_add(&c->cost_all, what, 1, each);
                if (!n->existed)
                        cost_add(&c->cost_new, what, 1, each);
                for (size_t j = 0; !n->existed && j < n->pool->n_candidates; j++) {
                        worst.hour = MAX(worst.hour, n->pool->candidates[j].price.hour);
                        worst.month = MAX(worst.month, n->pool->candidates[j].price.month);
                }
                struct cost *both[] = { &c->cost_all, &c->cost_new };
                for (size_t k = 0; !n->existed && k < 2; k++) {
                        both[k]->worst.hour += worst.hour - each.hour;
                        both[k]->worst.month += worst.month - each.month;
                }
                if (c->spec && c->spec->ipv4 && add_ipv4_cost(c, location, !n->existed, err) < 0)
                        return -1;
        }
        if (c->pricing) {
                c->cost_all.currency = xstrdup(c->pricing->currency);
                c->cost_new.currency = xstrdup(c->pricing->currency);
        }
        return 0;
}

/* ---- in a run ---- */

int place_ip(struct node *n, const char *location, struct error *err) {
        struct cluster *c = n->c;
        if (n->ip_id && !str_eq(n->location, location)) {
                if (hcloud_primary_ip_delete(c->hcloud, n->ip_id, true, err) < 0)
                        return error_wrap(err, "replacing the Primary IP of '%s' in %s", n->name, n->location);
                pthread_mutex_lock(&c->mutex);
                n->ip_id = 0;
                n->prefix = (struct ip6_prefix) { 0 };
                pthread_mutex_unlock(&c->mutex);
        }
        if (n->ip_id)
                return 0;
        struct hcloud_labels labels, adopt;
        cluster_labels(c, n->control_plane ? ROLE_CONTROL_PLANE : ROLE_WORKER, n->pool_name, n->index, &labels);
        hcloud_labels_copy(&adopt, &labels);
        if (n->private_ip)
                hcloud_labels_set(&labels, LABEL_PRIVATE, n->private_ip);
        struct hcloud_primary_ip_create o = { .name = n->name, .type = "ipv6", .location = location, .labels = &labels, .adopt = &adopt };
        struct hcloud_primary_ip *ip = NULL;
        int rc = hcloud_primary_ip_create(c->hcloud, &o, &ip, NULL, NULL, err);
        hcloud_labels_done(&labels);
        hcloud_labels_done(&adopt);
        if (rc < 0)
                return -1;
        struct ip6_prefix p;
        if (!ip6_prefix_parse(ip->ip ? ip->ip : "", &p, NULL) || p.len != 64) {
                rc = error_set(err, ERR_PROTOCOL, "the Primary IP of '%s' is '%s', not a /64", n->name, ip->ip ? ip->ip : "");
        } else {
                pthread_mutex_lock(&c->mutex);
                n->ip_id = ip->id;
                n->prefix = p;
                n->addr = ip6_host(&p, 1);
                free(n->location);
                n->location = xstrdup(ip->location);
                pthread_mutex_unlock(&c->mutex);
                mark_used(c);
        }
        hcloud_primary_ip_free(ip);
        return rc;
}

static int create_server(struct node *n, const struct candidate *k, struct error *err) {
        struct cluster *c = n->c;
        _cleanup_secret_ char *user_data = NULL;
        if (!node_gets_push(c, n)) {
                char *text = NULL;
                if (render_config(c, n, &text, err) < 0)
                        return -1;
                int rc = talos_user_data_encode(n->name, text, &user_data, err);
                secret_free(text);
                if (rc < 0)
                        return -1;
        }
        struct hcloud_labels labels, adopt;
        cluster_labels(c, n->control_plane ? ROLE_CONTROL_PLANE : ROLE_WORKER, n->pool_name, n->index, &labels);
        hcloud_labels_copy(&adopt, &labels);
        hcloud_labels_set(&labels, LABEL_TALOS, c->spec->talos);
        struct hcloud_server_create o = { .name = n->name, .server_type = k->type, .image = images_of(c, k), .location = k->location, .no_start = true,
                                          .no_ipv4 = !c->spec->ipv4, .primary_ipv6 = n->ip_id, .firewalls = &c->firewall_id, .n_firewalls = 1,
                                          .placement_group = n->group != SIZE_MAX ? c->groups[n->group].id : 0, .user_data = user_data, .labels = &labels,
                                          .adopt = &adopt };
        struct hcloud_server_created *made = NULL;
        int rc = hcloud_server_create(c->hcloud, &o, &made, err);
        hcloud_labels_done(&labels);
        hcloud_labels_done(&adopt);
        if (rc < 0)
                return -1;
        n->server_id = made->server->id;
        n->adopted = made->adopted;
        n->off = !made->adopted || str_eq(made->server->status, "off");
        free(n->type);
        n->type = xstrdup(made->server->server_type ? made->server->server_type : k->type);
        hcloud_ids_add_all(&n->actions, &made->actions);
        hcloud_server_created_free(made);
        return 0;
}

static bool way_failed(struct cluster *c, struct candidate *k, bool set) {
        pthread_mutex_lock(&c->mutex);
        if (set)
                k->failed = true;
        bool failed = k->failed;
        pthread_mutex_unlock(&c->mutex);
        return failed;
}

/* The Primary IP decides where to begin: in its location all types are tried first. */
static int try_way(struct node *n, struct candidate *k, struct plan_step *step, struct error *err) {
        bool moved = !str_eq(n->location, k->location);
        if (moved) {
                plan_step_note(step, "%s: a new address in %s", n->name, k->location);
                if (place_ip(n, k->location, err) < 0 || firewall_write(n->c, err) < 0)
                        return -1;
        }
        plan_step_note(step, "%s in %s", k->type, k->location);
        return create_server(n, k, err);
}

int place_server(struct node *n, struct plan_step *step, struct error *err) {
        struct cluster *c = n->c;
        _cleanup_strbuf_ struct strbuf tried = STRBUF_INIT;
        for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
                _cleanup_str_ char *home = xstrdup(n->location);
                for (size_t i = 0; i < n->pool->n_candidates; i++) {
                        struct candidate *k = &n->pool->candidates[i];
                        if ((elsewhere != 0) == str_eq(home, k->location))
                                continue;
                        _cleanup_error_ struct error e = ERROR_INIT;
                        if (!way_failed(c, k, false)) {
                                if (try_way(n, k, step, &e) >= 0)
                                        return 0;
                                if (e.kind != ERR_CAPACITY)
                                        return error_move(err, &e);
                                way_failed(c, k, true);
                        }
                        strbuf_addf(&tried, "%s%s in %s", tried.len ? ", " : "", k->type, k->location);
                }
        }
        error_set(err, ERR_CAPACITY, "Hetzner has no server for '%s' just now; tried %s", n->name, strbuf_str(&tried));
        return error_hint(err, "add server types or locations (--type, --location), or try again later: what exists is used again");
}
