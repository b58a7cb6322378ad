/* Talos snapshots of the project: building what is missing (alone, and as a part of `up`), listing, pruning. */
#include <unistd.h>

#include "base/file.h"
#include "cluster/model.h"

static const char *const both[] = { "x86", "arm" };

/* ---- one builder at a time on this host ---- */

/* Whoever holds it knows that every builder of this host that is there was left behind. */
static int lock_builds(struct cluster *c, struct error *err) {
        if (c->image_lock >= 0)
                return 0;
        _cleanup_str_ char *path = path_join(c->state_dir, "image-build.lock"), *host = host_name();
        _cleanup_str_ char *note = xasprintf("process %d on %s\n", (int) getpid(), host);
        if (dir_make(c->state_dir, 0700, err) < 0)
                return -1;
        if (file_lock(path, note, &c->image_lock, err) < 0) {
                error_wrap(err, "a Talos image is being built on this machine");
                return error_hint(err, "wait for it: what it makes is used then");
        }
        return 0;
}

void images_unlock(struct cluster *c) {
        cleanup_fd_(&c->image_lock);
        c->image_lock = -1;
}

/* ---- removing ---- */

struct removal { struct cluster *c; struct image_waste waste; };

static void removal_free(void *p) {
        struct removal *r = p;
        struct image_wastes one = { .items = memcpy(xcalloc(1, sizeof(r->waste)), &r->waste, sizeof(r->waste)), .n = 1 };
        image_wastes_done(&one);
        free(r);
}

static int step_remove(struct plan_step *s, void *arg, struct error *err) {
        struct removal *r = arg;
        return image_waste_remove(r->c->hcloud, &r->waste, err);
}

static void plan_removals(struct cluster *c, struct image_wastes *found, struct plan *p) {
        for (size_t i = 0; i < found->n; i++) {
                struct removal *r = xnew0(struct removal);
                *r = (struct removal) { .c = c, .waste = found->items[i] };
                plan_own(p, r, removal_free);
                plan_step_detail(plan_add(p, "delete", r->waste.kind, r->waste.name, step_remove, r), "%s", r->waste.why);
        }
        free(found->items);
        *found = (struct image_wastes) { 0 };
}

int images_plan_leftovers(struct cluster *c, struct plan *p, struct error *err) {
        if (lock_builds(c, NULL) < 0)
                return 0;
        _cleanup_str_ char *host = cluster_host_id(c);
        struct image_look_options o = { .host_id = host };
        struct image_wastes found = { 0 };
        if (image_leftovers_find(c->hcloud, &o, &found, err) < 0)
                return -1;
        plan_removals(c, &found, p);
        return 0;
}

bool images_left_builder(const struct cluster *c) {
        _cleanup_str_ char *host = cluster_host_id(c);
        for (size_t i = 0; i < c->cloud.servers->n; i++)
                if (str_eq(hcloud_labels_get(&c->cloud.servers->items[i].labels, LABEL_IMAGE_BUILDER), host))
                        return true;
        return false;
}

/* ---- building ---- */

/* Removing a builder must work after ^C too: by a client that nobody cancels. */
static int make_cleaner(struct cluster *c, struct plan *p, struct hcloud_client **ret, struct error *err) {
        struct hcloud_client_options o = { .endpoint = c->endpoint_api, .token = c->token, .application = c->user_agent };
        if (hcloud_client_new(&o, ret, err) < 0)
                return -1;
        plan_own(p, *ret, (void (*)(void *)) hcloud_client_free);
        return 0;
}

static void warn(void *data, const char *text) {
        cluster_warn(data, "%s", text);
}

static void free_list(void *p) {
        strv_done(p);
        free(p);
}

/* Who may reach a builder: the operators that the cluster's firewall lets in. None without IPv6; an image can be built all the same. */
static struct strv *builder_operators(struct cluster *c, struct plan *p) {
        struct strv *v = xnew0(struct strv);
        plan_own(p, v, free_list);
        if (!c->operator_prefix.len)
                (void) operator_find(c, NULL);
        firewall_operators(c, v);
        _cleanup_str_ char *self = c->operator_prefix.len ? ip6_prefix_str(&c->operator_prefix) : NULL;
        if (self && !strv_has(v, self))
                strv_add(v, self);
        return v;
}

int images_plan(struct cluster *c, const struct image_build_options *o, const struct strv *archs, struct plan *p, struct plan_step *after, struct error *err) {
        struct hcloud_client *cleaner = NULL;
        if (!o->dry_run && lock_builds(c, err) < 0)
                return -1;
        char *host = cluster_host_id(c);
        plan_own(p, host, free);
        if (make_cleaner(c, p, &cleaner, err) < 0)
                return -1;
        struct image_options io = { .hcloud = c->hcloud, .cleaner = cleaner, .types = c->cloud.types, .images = c->cloud.images, .clock = c->clock, .cancel = c->o.cancel,
                                    .user_agent = c->user_agent, .host_id = host, .talos = c->spec->talos, .schematic = &c->spec->schematic, .archs = archs,
                                    .operators = builder_operators(c, p),
                                    .locations = &c->spec->locations, .image_url = o->image_url, .sha256 = o->sha256, .no_ipv4 = o->no_ipv4, .warn = warn,
                                    .warn_data = c };
        if (image_job_new(&io, &c->images, err) < 0)
                return -1;
        plan_own(p, c->images, (void (*)(void *)) image_job_free);
        image_job_plan(c->images, p, after);
        return 0;
}

struct plan_step *images_ready(const struct cluster *c, const char *arch) {
        for (size_t i = 0; c->images && i < image_job_results(c->images); i++) {
                struct image_result r = image_job_result(c->images, i);
                if (str_eq(r.arch, arch))
                        return r.ready;
        }
        return NULL;
}

int64_t images_of(const struct cluster *c, const struct candidate *k) {
        for (size_t i = 0; !k->image && c->images && i < image_job_results(c->images); i++) {
                struct image_result r = image_job_result(c->images, i);
                if (str_eq(r.arch, k->arch))
                        return r.image;
        }
        return k->image;
}

static int observe(struct cluster *c, struct error *err) {
        static const char *const types[] = { "snapshot", NULL };
        struct hcloud_list_options o = { .type = types };
        cluster_forget_observations(c);
        return hcloud_server_type_list(c->hcloud, NULL, &c->cloud.types, err) < 0 || hcloud_image_list(c->hcloud, &o, &c->cloud.images, err) < 0 ||
                               hcloud_server_list(c->hcloud, NULL, &c->cloud.servers, err) < 0
                       ? -1
                       : 0;
}

static int wanted_archs(const struct cluster *c, const struct image_build_options *o, struct strv *ret, struct error *err) {
        _cleanup_str_ char *schematic = schematic_id(&c->spec->schematic);
        for (size_t i = 0; o->archs && i < o->archs->n; i++)
                if (!str_eq(o->archs->items[i], both[0]) && !str_eq(o->archs->items[i], both[1]))
                        return error_set(err, ERR_USAGE, "there is no architecture '%s'; Hetzner has x86 and arm", o->archs->items[i]);
        for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
                if (o->archs && o->archs->n && !strv_has(o->archs, both[i]))
                        continue;
                if (o->force || !image_find(c->cloud.images, c->spec->talos, schematic, both[i]))
                        strv_add(ret, both[i]);
        }
        return 0;
}

int cluster_plan_image_build(struct cluster *c, const struct image_build_options *o, struct plan **ret, struct error *err) {
        _cleanup_(plan_freep) struct plan *p = plan_new("image build");
        if (!c->spec)
                return error_set(err, ERR_BUG, "an image build without a profile");
        if (observe(c, err) < 0 || wanted_archs(c, o, &c->build_archs, err) < 0)
                return -1;
        if ((c->build_archs.n ? images_plan(c, o, &c->build_archs, p, NULL, err) : images_plan_leftovers(c, p, err)) < 0)
                return -1;
        *ret = TAKE(p);
        return 0;
}

size_t cluster_image_outcomes(const struct cluster *c, struct image_outcome **ret) {
        size_t n = c->images ? image_job_results(c->images) : 0;
        *ret = xcalloc(n + 1, sizeof(**ret));
        for (size_t i = 0; i < n; i++) {
                struct image_result r = image_job_result(c->images, i);
                (*ret)[i] = (struct image_outcome) { .arch = r.arch, .image = r.image };
        }
        return n;
}

/* ---- what it costs ---- */

/* 0 for a price that the API does not give. */
static int64_t net(const struct hcloud_price *p) {
        int64_t units = 0;
        return p && money_parse(p->net, &units) ? units : 0;
}

/* Servers and addresses are billed by the hour that has begun, snapshots by GB and month. */
char *cluster_image_build_cost(struct cluster *c) {
        int64_t hour = 0, stored_mb = 0;
        size_t n = c->images ? image_job_results(c->images) : 0;
        if (!n || (!c->pricing && hcloud_pricing_get(c->hcloud, &c->pricing, NULL) < 0))
                return NULL;
        int64_t gb_month = net(&c->pricing->image_per_gb_month);
        for (size_t i = 0; i < n; i++) {
                struct image_result r = image_job_result(c->images, i);
                const struct hcloud_server_type *t = hcloud_server_type_find(c->cloud.types, r.type);
                const struct hcloud_location_price *price = t ? hcloud_server_type_price(t, r.location) : NULL;
                const struct hcloud_location_price *ip = hcloud_pricing_primary_ip(c->pricing, "ipv4", r.location);
                hour += price ? net(&price->hourly) : 0;
                hour += ip && r.ipv4 ? net(&ip->hourly) : 0;
                stored_mb += (int64_t) (r.image_size * 1000 + 0.5);
        }
        const char *currency = c->pricing->currency;
        _cleanup_str_ char *hours = money_format(hour, 4), *month = money_format(stored_mb ? gb_month * stored_mb / 1000 : gb_month, 4);
        if (!stored_mb)
                return xasprintf("%zu builder%s, for each hour that begins %s %s; each snapshot %s %s a GB and month (net)", n, n == 1 ? "" : "s", hours, currency,
                                 month, currency);
        return xasprintf("the build cost %s %s; the snapshots hold %lld.%02lld GB, %s %s a month (net)", hours, currency, (long long) (stored_mb / 1000),
                         (long long) (stored_mb % 1000 / 10), month, currency);
}

/* ---- listing and pruning ---- */

void cluster_images_done(struct cluster_images *l) {
        for (size_t i = 0; i < l->n; i++) {
                struct cluster_image *m = &l->items[i];
                char *texts[] = { m->talos, m->arch, m->schematic, m->sha256, m->status };
                for (size_t k = 0; k < ARRAY_SIZE(texts); k++)
                        free(texts[k]);
        }
        free(l->items);
        *l = (struct cluster_images) { 0 };
}

int cluster_images(struct cluster *c, struct cluster_images *ret, struct error *err) {
        char buf[64];
        *ret = (struct cluster_images) { 0 };
        if (observe(c, err) < 0)
                return -1;
        for (size_t i = 0; i < c->cloud.images->n; i++) {
                const struct hcloud_image *m = &c->cloud.images->items[i];
                const char *version = image_talos_version(&m->labels, buf);
                if (!version)
                        continue;
                struct cluster_image item = { .id = m->id, .created = m->created, .talos = xstrdup(version), .arch = xstrdup(m->architecture),
                                              .schematic = xstrdup(hcloud_labels_get(&m->labels, LABEL_IMAGE_SCHEMATIC)),
                                              .sha256 = xstrdup(hcloud_labels_get(&m->labels, LABEL_IMAGE_SHA256)), .status = xstrdup(m->status),
                                              .size = m->image_size, .disk = m->disk_size, .ours = hcloud_labels_get(&m->labels, LABEL_IMAGE_VERSION) != NULL };
                for (size_t k = 0; k < c->cloud.servers->n; k++)
                        item.servers += c->cloud.servers->items[k].image == m->id;
                ARRAY_APPEND(ret->items, ret->n, item);
        }
        return 0;
}

int cluster_plan_image_prune(struct cluster *c, bool unused, struct plan **ret, struct error *err) {
        struct image_wastes found = { 0 };
        int64_t now = 0;
        if (lock_builds(c, err) < 0)
                return -1;
        if (!hcloud_client_server_time(c->hcloud, &now))
                now = clock_now_ms(c->clock);
        _cleanup_str_ char *host = cluster_host_id(c);
        struct image_look_options o = { .host_id = host, .now_ms = now, .unused = unused };
        if (image_waste_find(c->hcloud, &o, &found, err) < 0)
                return -1;
        struct plan *p = plan_new("image prune");
        plan_removals(c, &found, p);
        *ret = p;
        return 0;
}
