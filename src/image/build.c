/* The steps of a build. What is documented of the rescue system and the image factory, and what is not, stands in docs/images.md. */
#include "image/build.h"

#include <pthread.h>
#include <stdio.h>

#include "base/codec.h"
#include "base/http.h"
#include "base/ip6.h"
#include "image/guard.h"
#include "image/images.h"
#include "image/stream.h"

#define EXPIRY_S (60 * 60)               /* a build that takes longer is dead */
#define SYSTEM_IMAGE "debian-12"         /* never started: the rescue system is */
#define OFF_MS (2 * 60 * 1000)
#define APPLIED_MS (60 * 1000)         /* a firewall; seconds are usual */
#define IPV6_MS (2 * 60 * 1000)          /* a rescue system that has not answered there by then may have no IPv6 */

/* One server type in one location. rank: the location's place among the preferred ones, behind all of them for any other. hour: its price, in billionths. */
struct way { const struct hcloud_server_type *type; const char *location; size_t rank; int64_t hour; bool sold_out; };

struct build {
        struct image_job *job;
        char *arch;
        char *name;                      /* of the builder */
        struct way *ways; size_t n_ways, way;
        struct strv urls;                /* for the builder */
        char *local;                     /* read here instead, or NULL */
        int64_t server;
        struct hcloud_ids actions;
        struct strv addresses, addresses4;
        struct image_written written;
        int64_t image;
        double image_size;
        struct plan_step *step_write, *ready, *gone;
        int64_t began_ms;                /* writing */
};

struct image_job {
        struct image_options o;
        char *factory, *schematic, *run;
        bool plain;
        struct ssh_identity *identity;
        int64_t key, firewall;
        bool any_ipv4;                   /* may reach the builders' SSH from the beginning */
        struct build *builds; size_t n;
};

static const char *talos_arch(const char *arch) {
        return str_eq(arch, "arm") ? "arm64" : "amd64";
}

/* ---- what can be had ---- */

static int by_preference(const void *a, const void *b) {
        const struct way *x = a, *y = b;

        if (x->sold_out != y->sold_out)
                return x->sold_out - y->sold_out;
        if (x->type->disk != y->type->disk)      /* the snapshot fits on no smaller disk than its builder's */
                return x->type->disk < y->type->disk ? -1 : 1;
        if (x->rank != y->rank)
                return x->rank < y->rank ? -1 : 1;
        if (x->hour != y->hour)
                return x->hour < y->hour ? -1 : 1;
        int by_place = strcmp(x->location, y->location);
        return by_place ? by_place : strcmp(x->type->name, y->type->name);
}

static void add_way(struct build *b, const struct hcloud_server_type *t, const char *location, size_t rank) {
        int64_t now = 0, hour;

        for (size_t i = 0; i < b->n_ways; i++)
                if (b->ways[i].type == t && str_eq(b->ways[i].location, location))
                        return;
        if (!hcloud_client_server_time(b->job->o.hcloud, &now))
                now = clock_now_ms(b->job->o.clock);
        enum hcloud_offer offer = hcloud_server_type_offer(t, location, now);
        const struct hcloud_location_price *p = hcloud_server_type_price(t, location);
        if ((offer == HCLOUD_OFFER_YES || offer == HCLOUD_OFFER_SOLD_OUT) && p && hcloud_amount_parse(p->hourly.net, &hour))
                ARRAY_APPEND(b->ways, b->n_ways, ((struct way) { .type = t, .location = location, .rank = rank, .hour = hour,
                                                                 .sold_out = offer == HCLOUD_OFFER_SOLD_OUT }));
}

static int find_ways(struct build *b, struct error *err) {
        const struct image_options *o = &b->job->o;

        for (size_t i = 0; i < o->types->n; i++) {
                const struct hcloud_server_type *t = &o->types->items[i];
                if (!str_eq(t->architecture, b->arch))
                        continue;
                size_t preferred = o->locations ? o->locations->n : 0;
                for (size_t k = 0; k < preferred; k++)
                        add_way(b, t, o->locations->items[k], k);
                for (size_t k = 0; k < t->prices.n; k++)
                        add_way(b, t, t->prices.items[k].location, preferred);
        }
        if (!b->n_ways)
                return error_set(err, ERR_CAPACITY, "no server type of architecture %s is sold anywhere, so its image cannot be built", b->arch);
        qsort(b->ways, b->n_ways, sizeof(*b->ways), by_preference);
        return 0;
}

/* ---- where the image comes from ---- */

static char *with_arch(const char *url, const char *arch) {
        const char *at = strstr(url, "{arch}");

        return at ? xasprintf("%.*s%s%s", (int) (at - url), url, talos_arch(arch), at + strlen("{arch}")) : xstrdup(url);
}

static bool is_web(const char *s) {
        return str_starts(s, "https://") || str_starts(s, "http://");
}

/* Zstandard unpacks several times faster than xz; the factory offers both (its path parser takes .xz, .gz and .zst). */
static int find_source(struct build *b, struct error *err) {
        static const char *const endings[] = { "zst", "xz" };
        struct image_job *j = b->job;

        if (j->o.image_url) {
                _cleanup_str_ char *url = with_arch(j->o.image_url, b->arch);
                if (is_web(url) && !j->o.no_ipv4) {
                        strv_add(&b->urls, url);
                        return 0;
                }
                b->local = TAKE(url);
        } else {
                for (size_t i = 0; i < ARRAY_SIZE(endings); i++)
                        strv_take(&b->urls, xasprintf("%s/image/%s/%s/hcloud-%s.raw.%s", j->factory, j->schematic, j->o.talos, talos_arch(b->arch), endings[i]));
                if (!j->o.no_ipv4)
                        return 0;
                b->local = xstrdup(b->urls.items[1]);    /* every rescue system has xz */
        }
        if (is_web(b->local))
                return 0;
        struct stream_options look = { .user_agent = j->o.user_agent, .cancel = j->o.cancel };
        int64_t size;
        enum image_packing packing;
        return image_look(&look, b->local, &size, &packing, err);
}

/* ---- the job ---- */

static void build_done(struct build *b) {
        free(b->arch);
        free(b->name);
        free(b->ways);
        strv_done(&b->urls);
        free(b->local);
        hcloud_ids_done(&b->actions);
        strv_done(&b->addresses);
        strv_done(&b->addresses4);
        image_written_done(&b->written);
}

void image_job_free(struct image_job *j) {
        if (!j)
                return;
        for (size_t i = 0; i < j->n; i++)
                build_done(&j->builds[i]);
        free(j->builds);
        free(j->factory);
        free(j->schematic);
        free(j->run);
        ssh_identity_free(j->identity);
        free(j);
}

static int check_options(const struct image_options *o, struct error *err) {
        if (schematic_check(o->schematic, err) < 0)
                return -1;
        if (o->sha256 && (strlen(o->sha256) != 64 || strspn(o->sha256, "0123456789abcdef") != 64))
                return error_set(err, ERR_USAGE, "'%s' is no SHA-256 checksum: it has 64 lower-case hexadecimal digits", o->sha256);
        if (o->archs->n > 1 && o->sha256)
                return error_set(err, ERR_USAGE, "one checksum cannot hold for two architectures; build them one by one with --arch");
        if (o->archs->n > 1 && o->image_url && !strstr(o->image_url, "{arch}")) {
                error_set(err, ERR_USAGE, "one image cannot be for two architectures: %s", o->image_url);
                return error_hint(err, "say which it is with --arch, or write {arch} where amd64 or arm64 belongs");
        }
        return 0;
}

int image_job_new(const struct image_options *o, struct image_job **ret, struct error *err) {
        static const char digits[] = "abcdefghijklmnopqrstuvwxyz0123456789";
        const char *variable = getenv(IMAGE_FACTORY_VARIABLE);

        if (check_options(o, err) < 0)
                return -1;
        _cleanup_(image_job_freep) struct image_job *j = xnew0(struct image_job);
        j->o = *o;
        j->factory = xstrdup(o->factory ? o->factory : !str_empty(variable) ? variable : IMAGE_FACTORY);
        for (size_t n = strlen(j->factory); n && j->factory[n - 1] == '/'; n--)
                j->factory[n - 1] = '\0';
        j->schematic = schematic_id(o->schematic);
        j->plain = schematic_is_plain(o->schematic);
        j->run = random_token(digits, 8);
        j->builds = xcalloc(o->archs->n, sizeof(*j->builds));
        for (size_t i = 0; i < o->archs->n; i++) {
                struct build *b = &j->builds[j->n++];
                b->job = j;
                b->arch = xstrdup(o->archs->items[i]);
                b->name = xasprintf("talos-image-builder-%s-%s", b->arch, j->run);
                if (find_ways(b, err) < 0 || find_source(b, err) < 0)
                        return -1;
        }
        *ret = TAKE(j);
        return 0;
}

size_t image_job_results(const struct image_job *j) {
        return j->n;
}

struct image_result image_job_result(const struct image_job *j, size_t i) {
        const struct build *b = &j->builds[i];
        const struct way *w = &b->ways[MIN(b->way, b->n_ways - 1)];

        return (struct image_result) { .arch = b->arch, .ready = b->ready, .gone = b->gone, .type = w->type->name, .location = w->location,
                                       .ipv4 = !j->o.no_ipv4, .disk_size = w->type->disk, .image = b->image, .sha256 = b->image ? b->written.raw_sha256 : NULL, .image_size = b->image_size };
}

/* A factory that gives other bytes under the same name is worth a word; it may have been built anew. */
static void compare_known(const struct build *b) {
        const struct image_options *o = &b->job->o;
        const struct hcloud_image *m = o->images ? image_find(o->images, o->talos, b->job->schematic, b->arch) : NULL;
        const char *known = m ? hcloud_labels_get(&m->labels, LABEL_IMAGE_SHA256) : NULL;

        if (!known || str_starts(b->written.raw_sha256, known) || !o->warn)
                return;
        _cleanup_str_ char *text = xasprintf("the image has the checksum %s, and the snapshot %lld of the same version was made of %s…", b->written.raw_sha256,
                                             (long long) m->id, known);
        o->warn(o->warn_data, text);
}

/* ---- the steps ---- */

static void labels_of(const struct image_job *j, struct hcloud_labels *ret) {
        int64_t now = 0;

        if (!hcloud_client_server_time(j->o.hcloud, &now))
                now = clock_now_ms(j->o.clock);
        _cleanup_str_ char *expiry = xasprintf("%lld", (long long) (now / 1000 + EXPIRY_S));
        *ret = (struct hcloud_labels) { 0 };
        hcloud_labels_set(ret, LABEL_IMAGE_BUILDER, j->o.host_id);
        hcloud_labels_set(ret, LABEL_IMAGE_RUN, j->run);
        hcloud_labels_set(ret, LABEL_IMAGE_EXPIRY, expiry);
}

/* The factory must have seen a schematic before it makes images of it; saying it again is harmless. */
static int step_announce(struct plan_step *s, void *arg, struct error *err) {
        struct image_job *j = arg;
        _cleanup_(http_engine_freep) struct http_engine *e = NULL;
        _cleanup_http_response_ struct http_response r = { 0 };
        _cleanup_str_ char *url = xasprintf("%s/schematics", j->factory), *body = schematic_yaml(j->o.schematic);
        struct http_request q = { .method = "POST", .url = url, .body = body, .body_len = strlen(body), .use_proxy = true, .cancel = plan_cancel(s) };

        if (http_engine_new(j->o.user_agent, &e, err) < 0)
                return -1;
        if (http_perform(e, &q, &r, err) < 0) {
                error_hint(err, "the image factory must be reached from here once for an image with extensions; it has no IPv6");
                return -1;
        }
        if (r.status != 200 && r.status != 201)
                return error_set(err, ERR_REFUSED, "the image factory refuses the schematic (HTTP status %d): %.200s", r.status, strbuf_str(&r.body));
        return schematic_check_answer(j->schematic, strbuf_str(&r.body), r.body.len, err);
}

static int step_key(struct plan_step *s, void *arg, struct error *err) {
        struct image_job *j = arg;
        _cleanup_str_ char *name = xasprintf("talos-image-builder-%s", j->run);
        struct hcloud_labels labels;
        struct hcloud_ssh_key *key = NULL;

        if (ssh_identity_new(name, &j->identity, err) < 0)
                return -1;
        labels_of(j, &labels);
        struct hcloud_ssh_key_create o = { .name = name, .public_key = ssh_identity_public(j->identity), .labels = &labels, .adopt = &labels };
        int rc = hcloud_ssh_key_create(j->o.hcloud, &o, &key, NULL, err);
        hcloud_labels_done(&labels);
        if (rc < 0)
                return -1;
        j->key = key->id;
        hcloud_ssh_key_free(key);
        return 0;
}

static int create(struct build *b, const struct way *w, struct error *err) {
        struct image_job *j = b->job;
        struct hcloud_labels labels;
        struct hcloud_server_created *made = NULL;

        labels_of(j, &labels);
        struct hcloud_server_create o = { .name = b->name, .server_type = w->type->name, .image_name = SYSTEM_IMAGE, .location = w->location, .no_start = true,
                                          .no_ipv4 = j->o.no_ipv4, .ssh_keys = &j->key, .n_ssh_keys = 1, .firewalls = &j->firewall,
                                          .n_firewalls = 1, .labels = &labels, .adopt = &labels };
        int rc = hcloud_server_create(j->o.hcloud, &o, &made, err);
        hcloud_labels_done(&labels);
        if (rc < 0)
                return -1;
        b->server = made->server->id;
        hcloud_ids_add_all(&b->actions, &made->actions);
        struct ip6_prefix p;
        if (made->server->ipv6 && ip6_prefix_parse(made->server->ipv6->ip, &p, NULL))
                for (uint64_t n = 1; n <= 2; n++) {      /* which of the two the rescue system takes is not documented */
                        struct ip6_addr a = ip6_host(&p, n);
                        strv_take(&b->addresses, ip6_str(&a));
                }
        if (made->server->ipv4)
                strv_add(&b->addresses4, made->server->ipv4->ip);
        hcloud_server_created_free(made);
        return 0;
}

static int step_builder(struct plan_step *s, void *arg, struct error *err) {
        struct build *b = arg;
        _cleanup_error_ struct error first = ERROR_INIT;

        for (b->way = 0; b->way < b->n_ways; b->way++) {
                const struct way *w = &b->ways[b->way];
                _cleanup_error_ struct error e = ERROR_INIT;
                plan_step_note(s, "%s in %s", w->type->name, w->location);
                if (create(b, w, &e) == 0)
                        return 0;
                if (e.kind != ERR_CAPACITY)
                        return error_move(err, &e);
                if (!first.kind)
                        error_move(&first, &e);
        }
        b->way = 0;
        error_move(err, &first);
        return error_wrap(err, "no builder can be had, %zu ways were tried; the first answer was", b->n_ways);
}

/* In front of every builder before it has power. Whoever has no IPv6 comes from an IPv4 address that is not known here: it is another one behind a translator. */
static int step_guard(struct plan_step *s, void *arg, struct error *err) {
        struct image_job *j = arg;
        _cleanup_str_ char *name = xasprintf("talos-image-builder-%s", j->run);
        struct hcloud_labels labels;

        j->any_ipv4 = !j->o.operators->n && !j->o.no_ipv4;
        if (j->any_ipv4 && j->o.warn)
                j->o.warn(j->o.warn_data, "this machine has no IPv6: port 22 of the builders is open to all of IPv4 while they work (only the key that was just made logs in)");
        labels_of(j, &labels);
        int rc = guard_create(j->o.hcloud, name, &labels, j->o.operators, j->any_ipv4, &j->firewall, err);
        hcloud_labels_done(&labels);
        return rc;
}

static int step_guard_gone(struct plan_step *s, void *arg, struct error *err) {
        struct image_job *j = arg;
        _cleanup_str_ char *name = xasprintf("talos-image-builder-%s", j->run);

        return guard_remove(j->o.cleaner, name, err) < 0 ? error_hint(err, "hcloud-v6 image prune removes it") : 0;
}

/* A server that nobody starts cannot boot Debian instead; the rescue system is armed for the next boot within the hour. */
static int step_rescue(struct plan_step *s, void *arg, struct error *err) {
        struct build *b = arg;
        struct hcloud_client *c = b->job->o.hcloud;
        int64_t action = 0;

        plan_step_note(s, "waiting for the server");
        if (hcloud_actions_wait(c, b->actions.items, b->actions.n, err) < 0 || hcloud_servers_wait(c, &b->server, 1, NULL, "off", 0, err) < 0)
                return -1;
        plan_step_note(s, "waiting for the firewall");
        if (hcloud_firewall_wait_applied(c, b->job->firewall, &b->server, 1, NULL, APPLIED_MS, err) < 0)
                return -1;
        if (hcloud_server_enable_rescue(c, b->server, &b->job->key, 1, &action, NULL, err) < 0 || hcloud_actions_wait(c, &action, 1, err) < 0)
                return error_wrap(err, "arming the rescue system");
        plan_step_note(s, "starting the rescue system");
        if (hcloud_server_poweron(c, b->server, &action, err) < 0)
                return -1;
        return hcloud_actions_wait(c, &action, 1, err);
}

static void on_note(void *data, const char *text) {
        struct build *b = data;

        if (b->job->o.warn)
                b->job->o.warn(b->job->o.warn_data, text);
}

static void on_progress(void *data, const struct image_progress *p) {
        struct build *b = data;
        int64_t ms = clock_mono_ms(b->job->o.clock) - b->began_ms;
        double rate = ms > 0 ? (double) p->packed / (double) ms * 1000 : 0;

        if (p->total > 0 && p->packed <= p->total && rate > 0) {
                _cleanup_str_ char *left = time_format_span((int64_t) ((double) (p->total - p->packed) / rate * 1000));
                plan_step_note(b->step_write, "%.0f of %.0f MB came (%.1f MB/s, %s left), %.0f MB written", (double) p->packed / 1e6, (double) p->total / 1e6,
                               rate / 1e6, left, (double) p->written / 1e6);
        } else {
                plan_step_note(b->step_write, "%.0f MB came (%.1f MB/s), %.0f MB written", (double) p->packed / 1e6, rate / 1e6, (double) p->written / 1e6);
        }
}

/* By IPv6 from here alone. A rescue system that has none (whether that happens is not documented) is asked by IPv4, which must be open to all of it then. */
static int connect_to(struct build *b, const struct ssh_target *target, struct ssh_link **ret, struct error *err) {
        struct image_job *j = b->job;
        _cleanup_error_ struct error first = ERROR_INIT;
        struct ssh_target t = *target;

        if (!j->any_ipv4) {
                t.timeout_ms = b->addresses4.n ? IPV6_MS : 0;
                if (ssh_link_open(&t, ret, &first) == 0)
                        return 0;
                if (first.kind != ERR_TIMEOUT || !b->addresses4.n)
                        return error_move(err, &first);
                on_note(b, "the rescue system does not answer by IPv6: port 22 of the builders is opened to all of IPv4 (only the key that was just made logs in)");
                if (guard_admit(j->o.hcloud, j->firewall, j->o.operators, true, err) < 0)
                        return error_wrap(err, "opening the builder's firewall");
        }
        for (size_t i = 0; i < b->addresses4.n; i++)
                strv_add(&b->addresses, b->addresses4.items[i]);
        t.timeout_ms = 0;
        return ssh_link_open(&t, ret, err);
}

static int step_write(struct plan_step *s, void *arg, struct error *err) {
        struct build *b = arg;
        struct image_job *j = b->job;
        _cleanup_str_ char *pin = NULL;
        _cleanup_(ssh_link_closep) struct ssh_link *link = NULL;
        struct ssh_target t = { .addresses = &b->addresses, .user = "root", .identity = j->identity, .pin = &pin, .clock = j->o.clock, .cancel = plan_cancel(s) };

        plan_step_note(s, "waiting for the rescue system");
        if (connect_to(b, &t, &link, err) < 0)
                return -1;
        plan_step_note(s, "connected to %s, host key %s (trusted at first contact)", ssh_link_address(link), pin);
        struct stream_options o = { .urls = &b->urls, .local = b->local, .sha256 = j->o.sha256, .user_agent = j->o.user_agent, .clock = j->o.clock,
                                    .cancel = plan_cancel(s), .progress = on_progress, .note = on_note, .data = b };
        b->began_ms = clock_mono_ms(j->o.clock);
        if (image_stream(link, &o, &b->written, err) < 0) {
                if (err && err->kind == ERR_REFUSED && !b->local)
                        error_hint(err, "with --builder-ipv4=no this machine fetches the image and sends it; --image-url takes another place or a file");
                return -1;
        }
        compare_known(b);
        plan_step_note(s, "%.0f MB written, sha256 %s", (double) b->written.bytes / 1e6, b->written.raw_sha256);
        return 0;
}

static int step_off(struct plan_step *s, void *arg, struct error *err) {
        struct build *b = arg;
        int64_t action = 0;

        if (hcloud_server_poweroff(b->job->o.hcloud, b->server, &action, err) < 0 || hcloud_actions_wait(b->job->o.hcloud, &action, 1, err) < 0)
                return -1;
        return hcloud_servers_wait(b->job->o.hcloud, &b->server, 1, NULL, "off", OFF_MS, err);
}

static int step_snapshot(struct plan_step *s, void *arg, struct error *err) {
        struct build *b = arg;
        struct image_job *j = b->job;
        struct hcloud_labels labels = { 0 };
        _cleanup_str_ char *schematic = xstrndup(j->schematic, 63), *sum = xstrndup(b->written.raw_sha256, 63);
        _cleanup_str_ char *packed = xstrndup(b->written.packed_sha256, 63);
        _cleanup_str_ char *description = xasprintf("Talos Linux %s %s, schematic %s, sha256 %s", j->o.talos, talos_arch(b->arch), j->schematic, b->written.raw_sha256);
        _cleanup_(hcloud_image_freep) struct hcloud_image *image = NULL, *ready = NULL;
        int64_t action = 0;

        hcloud_labels_set(&labels, "os", "talos");
        hcloud_labels_set(&labels, LABEL_IMAGE_VERSION, j->o.talos);
        hcloud_labels_set(&labels, LABEL_IMAGE_ARCH, b->arch);
        hcloud_labels_set(&labels, LABEL_IMAGE_SCHEMATIC, schematic);
        hcloud_labels_set(&labels, LABEL_IMAGE_SHA256, sum);
        hcloud_labels_set(&labels, LABEL_IMAGE_PACKED, packed);
        int rc = hcloud_server_create_image(j->o.hcloud, b->server, description, &labels, &image, &action, err);
        hcloud_labels_done(&labels);
        if (rc < 0 || hcloud_actions_wait(j->o.hcloud, &action, 1, err) < 0)
                return -1;
        plan_step_note(s, "waiting for the snapshot to be available");
        if (hcloud_image_wait_available(j->o.hcloud, image->id, 0, &ready, err) < 0)
                return -1;
        b->image = ready->id;
        b->image_size = ready->image_size;
        return 0;
}

/* By label and not by what this run knows: an answer that was lost left a server whose id nobody has. */
static int step_gone(struct plan_step *s, void *arg, struct error *err) {
        struct build *b = arg;
        struct hcloud_client *c = b->job->o.cleaner;
        _cleanup_(hcloud_server_list_freep) struct hcloud_server_list *list = NULL;
        struct hcloud_list_options o = { .name = b->name };
        int64_t action = 0;

        if (hcloud_server_list(c, &o, &list, err) < 0)
                return -1;
        for (size_t i = 0; i < list->n; i++)
                if (str_eq(hcloud_labels_get(&list->items[i].labels, LABEL_IMAGE_RUN), b->job->run) &&
                    (hcloud_server_delete(c, list->items[i].id, &action, err) < 0 || hcloud_actions_wait(c, &action, 1, err) < 0))
                        return error_hint(err, "hcloud-v6 image prune removes it");
        return 0;
}

static int step_key_gone(struct plan_step *s, void *arg, struct error *err) {
        struct image_job *j = arg;
        _cleanup_(hcloud_ssh_key_list_freep) struct hcloud_ssh_key_list *list = NULL;
        _cleanup_str_ char *name = xasprintf("talos-image-builder-%s", j->run);
        struct hcloud_list_options o = { .name = name };

        if (hcloud_ssh_key_list(j->o.cleaner, &o, &list, err) < 0)
                return -1;
        for (size_t i = 0; i < list->n; i++)
                if (hcloud_ssh_key_delete(j->o.cleaner, list->items[i].id, err) < 0)
                        return error_hint(err, "hcloud-v6 image prune removes it");
        return 0;
}

/* The caller holds this host's build lock, so whatever this host has built with is left over. */
static int step_tidy(struct plan_step *s, void *arg, struct error *err) {
        struct image_job *j = arg;
        struct image_look_options o = { .host_id = j->o.host_id };
        struct image_wastes w = { 0 };

        if (image_leftovers_find(j->o.hcloud, &o, &w, err) < 0)
                return -1;
        int rc = 0;
        for (size_t i = 0; i < w.n && rc == 0; i++) {
                plan_step_note(s, "removing %s, %s", w.items[i].name, w.items[i].why);
                rc = image_waste_remove(j->o.hcloud, &w.items[i], err);
        }
        image_wastes_done(&w);
        return rc;
}

static struct plan_step *add(struct build *b, struct plan *p, const char *verb, const char *kind, step_fn fn, struct plan_step *after) {
        struct plan_step *s = plan_add(p, verb, kind, b->name, fn, b);
        _cleanup_str_ char *row = xasprintf("talos-image-%s", b->arch);

        plan_step_row(s, row);
        plan_after(s, after);
        plan_apart(s);                   /* one architecture's image is worth having when the other's cannot be made */
        return s;
}

static struct plan_step *plan_build(struct build *b, struct plan *p, struct plan_step *after) {
        struct image_job *j = b->job;
        struct plan_step *s = add(b, p, "create", "server", step_builder, after);

        plan_step_detail(s, "%s in %s, %s", b->ways[0].type->name, b->ways[0].location, j->o.no_ipv4 ? "IPv6 only" : "with a temporary IPv4");
        s = add(b, p, "rescue", "server", step_rescue, s);
        b->step_write = s = add(b, p, "write", "image", step_write, s);
        plan_step_detail(s, "Talos %s for %s from %s", j->o.talos, talos_arch(b->arch), b->local ? b->local : b->urls.items[0]);
        s = add(b, p, "stop", "server", step_off, s);
        plan_step_quiet(s);
        b->ready = add(b, p, "create", "snapshot", step_snapshot, s);
        plan_step_detail(b->ready, "schematic %.12s…", j->schematic);
        b->gone = add(b, p, "delete", "server", step_gone, b->ready);
        plan_always(b->gone);
        return b->gone;
}

void image_job_plan(struct image_job *j, struct plan *p, struct plan_step *after) {
        _cleanup_str_ char *name = xasprintf("talos-image-builder-%s", j->run);

        struct plan_step *tidy = plan_add(p, "remove", "left-over builders", "", step_tidy, j);
        plan_step_quiet(tidy);
        plan_after(tidy, after);
        after = tidy;
        if (!j->plain && !j->o.image_url) {
                struct plan_step *s = plan_add(p, "announce", "schematic", j->schematic, step_announce, j);
                plan_step_quiet(s);
                plan_after(s, after);
                after = s;
        }
        struct plan_step *key = plan_add(p, "create", "ssh-key", name, step_key, j), *guard = plan_add(p, "create", "firewall", name, step_guard, j);
        struct plan_step *gone = plan_add(p, "delete", "ssh-key", name, step_key_gone, j), *open = plan_add(p, "delete", "firewall", name, step_guard_gone, j);
        plan_after(key, after);
        plan_after(guard, key);
        plan_after(gone, guard);
        plan_after(open, guard);
        plan_always(gone);
        plan_always(open);
        for (size_t i = 0; i < j->n; i++) {
                struct plan_step *last = plan_build(&j->builds[i], p, guard);
                plan_after(gone, last);
                plan_after(open, last);
        }
}
