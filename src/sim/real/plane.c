/* One control plane: etcd, then the API server, then controller-manager and scheduler; what ends by itself is started again, as the kubelet does
 * with static pods and Talos with etcd. */
#include "sim/real/plane.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "sim/talos/talos.h"

#define READY_PAUSE_MS 100
#define RESTART_MS 1000
#define RESTART_MAX_MS 10000

struct real_state *real_state_of(const struct sim_world *w) {
        return w->real;
}

bool sim_real_on(const struct sim_world *w) {
        return w->real != NULL;
}

const char *sim_real_folder(const struct sim_world *w) {
        return real_state_of(w)->folder;
}

void real_listen(struct sim_world *w, const struct real_listener *l) {
        real_state_of(w)->listener = *l;
}

bool real_same_cluster(const struct sim_config *a, const struct sim_config *b) {
        return a && b && str_eq(a->cluster_id, b->cluster_id) && str_eq(a->k8s_ca.cert_pem, b->k8s_ca.cert_pem);
}

struct real_plane *real_plane_of(const struct sim_machine *m) {
        struct real_state *s = real_state_of(m->world);
        for (size_t i = 0; s && i < s->n_planes; i++)
                if (s->planes[i]->m == m)
                        return s->planes[i];
        return NULL;
}

void real_plane_later(struct real_plane *p, int64_t ms, loop_fn fn) {
        loop_timer_set(p->state->world->loop, &p->timer, ms, fn, p);
}

void real_plane_problem(struct real_plane *p, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        va_list ap;

        va_start(ap, fmt);
        strbuf_vaddf(&b, fmt, ap);
        va_end(ap);
        if (str_eq(p->problem, strbuf_str(&b)))
                return;
        free(p->problem);
        p->problem = strbuf_take(&b);
        sim_say(p->state->world, "%s: %s", p->m->name, p->problem);
}

static void solved(struct real_plane *p) {
        free(p->problem);
        p->problem = NULL;
}

static struct real_place place_of(const struct real_plane *p) {
        struct real_place place = { .folder = p->folder, .hostname = p->hostname, .addr = p->m->addr, .now_ms = sim_now_ms(p->state->world) };
        memcpy(place.loopback, p->loopback, sizeof(place.loopback));
        return place;
}

/* --- telling --- */

static void tell_etcd(struct real_plane *p) {
        const struct real_listener *l = &p->state->listener;
        if (l->etcd_changed)
                l->etcd_changed(l->data, p->m);
}

static void tell_api(struct real_plane *p, bool up) {
        const struct real_listener *l = &p->state->listener;
        if (up && l->api_up)
                l->api_up(l->data, p->m);
        else if (!up && l->api_down)
                l->api_down(l->data, p->m);
}

/* Leaves the stage that it is in, with all that was going on for it. */
static void set_stage(struct real_plane *p, enum real_stage stage) {
        bool had_etcd = p->stage > REAL_LEARNING, had_api = p->stage == REAL_RUNNING;

        loop_timer_cancel(&p->timer);
        real_call_cancel(&p->call);
        if (p->stage == REAL_MANIFESTS)
                real_manifests_stop(p);
        p->stage = stage;
        if (had_api && stage != REAL_RUNNING)
                tell_api(p, false);
        if (had_etcd != (stage > REAL_LEARNING))
                tell_etcd(p);
        if (!had_api && stage == REAL_RUNNING)
                tell_api(p, true);
}

/* --- processes --- */

static void on_ended(void *data, int status);

static void start_program(struct real_plane *p, enum real_program which, const struct real_etcd_start *etcd) {
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_strv_ struct strv arguments = { 0 };
        _cleanup_str_ char *file = xasprintf("%s.log", real_program_name(which)), *log = path_join(p->folder, file);
        _cleanup_str_ char *proxy = xasprintf("http://%u.%u.%u.%u:%d", p->loopback[0], p->loopback[1], p->loopback[2], p->loopback[3], REAL_RELAY_PORT);
        struct real_program_start start = { .path = p->state->programs.paths[which], .arguments = &arguments, .hostname = p->hostname, .proxy = proxy,
                                            .log = log };
        struct real_place place = place_of(p);
        struct real_process *process = &p->processes[which];

        if (process->pid)
                return;
        process->ended = on_ended;
        process->data = &p->slots[which];
        if (real_layout_arguments(which, p->config, &place, etcd, &arguments, &err) < 0 ||
            real_process_start(process, p->state->world, &start, &err) < 0)
                real_plane_problem(p, "%s", error_text(&err));
}

static void wait_ready(void *data);

static void restart(void *data) {
        struct real_slot *slot = data;
        struct real_plane *p = slot->plane;

        if (slot->which == REAL_ETCD) {
                real_plane_start_etcd(p, &(struct real_etcd_start) { .existing = true });
        } else {
                start_program(p, slot->which, NULL);
                if (slot->which == REAL_API_SERVER && p->stage == REAL_API_STARTING)
                        real_plane_later(p, READY_PAUSE_MS, wait_ready);
        }
}

static void on_ended(void *data, int status) {
        struct real_slot *slot = data;
        struct real_plane *p = slot->plane;
        const char *name = real_program_name(slot->which);

        if (p->leaving || p->stage == REAL_STOPPED)
                return;
        if (WIFSIGNALED(status))
                real_plane_problem(p, "%s was ended by signal %d", name, WTERMSIG(status));
        else
                real_plane_problem(p, "%s ended with status %d, see %s/%s.log", name, WEXITSTATUS(status), p->folder, name);
        if (slot->which == REAL_ETCD)
                set_stage(p, REAL_ETCD_STARTING);
        else if (slot->which == REAL_API_SERVER && p->stage > REAL_API_STARTING)
                set_stage(p, REAL_API_STARTING);
        unsigned n = p->failures[slot->which]++;
        loop_timer_set(p->state->world->loop, &p->restarts[slot->which], n < 4 ? RESTART_MS << n : RESTART_MAX_MS, restart, slot);
}

/* --- the way up --- */

static void ready_came(void *data, int status, const char *body, size_t len, const struct error *err) {
        struct real_plane *p = data;

        (void) body;
        (void) len;
        (void) err;
        if (status != 200) {
                real_plane_later(p, READY_PAUSE_MS, wait_ready);
                return;
        }
        p->failures[REAL_API_SERVER] = 0;
        /* Not before: the controller-manager ends at once where RBAC is not there yet. */
        start_program(p, REAL_CONTROLLER_MANAGER, NULL);
        start_program(p, REAL_SCHEDULER, NULL);
        solved(p);
        set_stage(p, REAL_MANIFESTS);
        real_manifests_apply(p);
}

static void wait_ready(void *data) {
        struct real_plane *p = data;
        _cleanup_str_ char *base = real_plane_url(p->m), *url = xasprintf("%s/readyz", base);
        struct real_request r = { .method = "GET", .url = url, .ca_pem = p->config->k8s_ca.cert_pem, .identity = &p->admin, .timeout_ms = 5000 };

        real_call(p->state->world, &r, ready_came, p, &p->call);
}

void real_plane_manifests_applied(struct real_plane *p) {
        set_stage(p, REAL_RUNNING);
}

void real_plane_etcd_ready(struct real_plane *p) {
        p->failures[REAL_ETCD] = 0;
        solved(p);
        set_stage(p, REAL_API_STARTING);
        for (size_t i = 0; i < p->state->n_planes; i++)          /* whoever is asked, knows of the new voter */
                real_etcd_refresh(p->state->planes[i]);
        start_program(p, REAL_API_SERVER, NULL);
        real_plane_later(p, READY_PAUSE_MS, wait_ready);
}

void real_plane_start_etcd(struct real_plane *p, const struct real_etcd_start *start) {
        set_stage(p, REAL_ETCD_STARTING);
        p->m->etcd_data = true;
        start_program(p, REAL_ETCD, start);
        real_plane_later(p, READY_PAUSE_MS, real_etcd_wait);
}

/* --- one control plane's life --- */

static struct real_plane *plane_get(struct sim_machine *m) {
        struct real_state *s = real_state_of(m->world);
        struct real_plane *p = real_plane_of(m);

        if (p)
                return p;
        p = xnew0(struct real_plane);
        p->state = s;
        p->m = m;
        p->folder = xasprintf("%s/%s-%lld", s->folder, m->name, (long long) m->server_id);
        unsigned n = ++s->next_loopback;
        memcpy(p->loopback, (uint8_t[]) { 127, 1, (uint8_t) (n >> 8), (uint8_t) n }, 4);
        for (size_t i = 0; i < REAL_PROGRAMS; i++)
                p->slots[i] = (struct real_slot) { p, (enum real_program) i };
        ARRAY_APPEND(s->planes, s->n_planes, p);
        return p;
}

static int prepare(struct real_plane *p, const struct sim_config *config, struct error *err) {
        static const char *const masters[] = { "system:masters", NULL };
        int64_t now = sim_now_ms(p->state->world);

        if (p->config)
                sim_config_unref(p->config);
        p->config = sim_config_ref(config);
        free(p->hostname);
        p->hostname = xstrdup(sim_talos_hostname(p->m));
        cert_pair_done(&p->admin);
        cert_pair_done(&p->etcd_client);
        if (real_mint_kubernetes_client(config, "admin", masters, now, &p->admin, err) < 0 ||
            real_mint_etcd_client(config, "talos", now, &p->etcd_client, err) < 0 || dir_make(p->folder, 0700, err) < 0)
                return -1;
        struct real_place place = place_of(p);
        return real_layout_write(config, &place, err);
}

void real_plane_start(struct sim_machine *m, const struct sim_config *config, bool bootstrap) {
        struct real_plane *p = plane_get(m);
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_str_ char *data = path_join(p->folder, "etcd-data");

        real_plane_stop(m);
        p->leaving = false;
        if (prepare(p, config, &err) < 0 || real_relay_new(p->loopback, &m->addr, &p->relay, &err) < 0) {
                real_plane_problem(p, "%s", error_text(&err));
                return;
        }
        if (!m->etcd_data)
                real_remove_folder(data);
        if (bootstrap) {
                _cleanup_str_ char *peer = real_peer_url(&m->addr), *initial = xasprintf("%s=%s", p->hostname, peer);
                real_plane_start_etcd(p, &(struct real_etcd_start) { .initial_cluster = initial });
        } else if (m->etcd_data) {
                real_plane_start_etcd(p, &(struct real_etcd_start) { .existing = true });
        } else {
                set_stage(p, REAL_JOINING);
                real_etcd_join(p);
        }
}

void real_plane_stop(struct sim_machine *m) {
        struct real_plane *p = real_plane_of(m);

        if (!p)
                return;
        for (size_t i = REAL_PROGRAMS; i > 0; i--) {
                loop_timer_cancel(&p->restarts[i - 1]);
                real_process_kill(&p->processes[i - 1]);
                p->failures[i - 1] = 0;
        }
        real_relay_free(TAKE(p->relay));
        real_etcd_done(p);
        set_stage(p, REAL_STOPPED);
        solved(p);
}

void real_plane_wipe(struct sim_machine *m) {
        struct real_plane *p = real_plane_of(m);

        if (!p)
                return;
        real_plane_stop(m);
        real_remove_folder(p->folder);
}

void real_plane_left(struct real_plane *p) {
        _cleanup_str_ char *data = path_join(p->folder, "etcd-data");

        real_plane_stop(p->m);
        real_remove_folder(data);
        p->m->etcd_data = false;
}

static void plane_free(struct real_plane *p) {
        for (size_t i = 0; i < REAL_PROGRAMS; i++) {
                loop_timer_cancel(&p->restarts[i]);
                real_process_kill(&p->processes[i]);
        }
        real_relay_free(p->relay);
        loop_timer_cancel(&p->timer);
        real_call_cancel(&p->call);
        real_manifests_stop(p);
        real_etcd_done(p);
        real_call_detach(&p->leave_call);        /* a member that leaves, leaves also when its machine is deleted meanwhile */
        cert_pair_done(&p->admin);
        cert_pair_done(&p->etcd_client);
        if (p->config)
                sim_config_unref(p->config);
        free(p->folder);
        free(p->hostname);
        free(p->problem);
        free(p);
}

/* --- what others ask --- */

bool real_plane_etcd_running(const struct sim_machine *m) {
        const struct real_plane *p = real_plane_of(m);
        return p && p->stage > REAL_LEARNING;
}

bool real_plane_api_ready(const struct sim_machine *m) {
        const struct real_plane *p = real_plane_of(m);
        return p && p->stage == REAL_RUNNING;
}

char *real_plane_url(const struct sim_machine *m) {
        const struct real_plane *p = real_plane_of(m);
        _cleanup_str_ char *host = ip6_bracket(&m->addr, p && p->config ? real_api_port(p->config) : 6443);
        return xasprintf("https://%s", host);
}

const struct cert_pair *real_plane_admin(const struct sim_machine *m) {
        const struct real_plane *p = real_plane_of(m);
        return p ? &p->admin : NULL;
}

/* --- the part of the world --- */

static int part_start(struct sim_world *w, struct error *err) {
        const char *tmp = getenv("TMPDIR");
        struct real_state *s;

        if (!w->options.kubernetes_real)
                return 0;
        s = xnew0(struct real_state);
        s->world = w;
        s->folder = xasprintf("%s/hcloud-v6-sim.XXXXXX", str_empty(tmp) ? "/tmp" : tmp);
        w->real = s;
        if (!mkdtemp(s->folder))
                return error_set_errno(err, "making a folder in %s", str_empty(tmp) ? "/tmp" : tmp);
        if (real_programs_find(w->options.kubernetes_dir, &s->programs, err) < 0)
                return -1;
        return real_calls_new(w, &s->calls, err);
}

static void part_stop(struct sim_world *w) {
        struct real_state *s = w->real;

        if (!s)
                return;
        s->listener = (struct real_listener) { 0 };
        for (size_t i = 0; i < s->n_planes; i++)
                plane_free(s->planes[i]);
        free(s->planes);
        real_calls_free(s->calls);
        real_programs_done(&s->programs);
        if (getenv("SIM_DEBUG"))
                sim_say(w, "logs are kept in %s", s->folder);
        else
                real_remove_folder(s->folder);
        free(s->folder);
        free(s);
        w->real = NULL;
}

static json_t *machine_state(struct sim_machine *m) {
        static const char *const stages[] = { "stopped", "joining", "etcd-starting", "learner", "api-starting", "manifests", "running" };
        const struct real_plane *p = real_plane_of(m);

        if (!p)
                return NULL;
        json_t *o = json_object(), *processes = json_object();
        jset_str(o, "kubernetes", "real");
        jset_str(o, "stage", stages[p->stage]);
        jset_str(o, "problem", p->problem);
        jset_str(o, "folder", p->folder);
        json_object_set_new(o, "loopback", json_strf("%u.%u.%u.%u", p->loopback[0], p->loopback[1], p->loopback[2], p->loopback[3]));
        for (size_t i = 0; i < REAL_PROGRAMS; i++)
                if (p->processes[i].pid)
                        json_object_set_new(processes, real_program_name((enum real_program) i), json_integer(p->processes[i].pid));
        json_object_set_new(o, "processes", processes);
        return o;
}

static void machine_gone(struct sim_machine *m) {
        struct real_state *s = real_state_of(m->world);
        struct real_plane *p = real_plane_of(m);

        if (!p)
                return;
        real_plane_wipe(m);
        for (size_t i = 0; i < s->n_planes; i++)
                if (s->planes[i] == p) {
                        memmove(&s->planes[i], &s->planes[i + 1], (s->n_planes - i - 1) * sizeof(*s->planes));
                        s->n_planes--;
                        break;
                }
        plane_free(p);
}

const struct sim_part sim_real_part = { .name = "control_plane", .start = part_start, .stop = part_stop, .machine_state = machine_state,
                                        .machine_gone = machine_gone };
