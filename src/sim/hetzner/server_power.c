/* The power of a simulated server, and what stands on its disk: the hardware below sim/talos. */
#include "sim/hetzner/internal.h"

#include "sim/hetzner/rescue.h"
#include "sim/world/faults.h"
#include "sim/world/latency.h"

static void booted(void *data) {
        struct cloud_server *s = data;

        if (!sim_fault_machine(s->machine.world, "node-never-boots", &s->machine))
                sim_talos_boot(&s->machine);
}

void server_power_on(struct cloud_server *s) {
        struct sim_machine *m = &s->machine;

        if (m->powered)
                return;
        m->powered = true;
        m->boot_count++;
        s->status = "running";
        bool rescue = s->rescue;
        s->rescue = false;                              /* armed for one boot */
        if (!m->world->parts[0])                        /* "serve" and unit tests: the API alone */
                return;
        if (rescue)
                rescue_boot(s);
        if (rescue || s->iso || !m->talos_version)      /* nothing else that answers */
                return;
        loop_timer_set(m->world->loop, &s->boot, sim_latency(m->world, m, LATENCY_FIRMWARE), booted, s);
}

void server_power_cut(struct cloud_server *s) {
        struct sim_machine *m = &s->machine;

        loop_timer_cancel(&s->boot);
        loop_timer_cancel(&s->stop);
        if (!m->powered)
                return;
        m->powered = false;
        if (!s->deleting)
                s->status = "off";
        rescue_halt(s);
        sim_talos_halt(m);
}

/* A new disk. */
void server_use_image(struct cloud_server *s, const struct cloud_image *image) {
        struct sim_machine *m = &s->machine;

        s->image = image->o.id;
        free(m->talos_version);
        m->talos_version = xstrdup(image->talos_version);
        strbuf_clear(&m->disk);
        m->etcd_data = false;
        sim_talos_wipe(m);
}

static struct cloud_server *server_of(struct sim_machine *m) {
        return cloud_server(m->world->hetzner, m->server_id);
}

/* ---- what the operating system asks of the hardware ---- */

static void off_later(void *data) {
        server_power_cut(data);
}

static void reset_later(void *data) {
        struct cloud_server *s = data;

        if (!s->machine.powered)
                return;
        server_power_cut(s);
        server_power_on(s);
}

/* Both are asked from inside the machine's own callbacks; it is taken apart at the next turn of the loop. */
void sim_hetzner_power_off(struct sim_machine *m) {
        struct cloud_server *s = server_of(m);
        if (s)
                loop_timer_set(m->world->loop, &s->stop, 0, off_later, s);
}

void sim_hetzner_reset(struct sim_machine *m) {
        struct cloud_server *s = server_of(m);
        if (s)
                loop_timer_set(m->world->loop, &s->stop, 0, reset_later, s);
}

/* ---- the power actions ---- */

static void done_start(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);
        if (s)
                server_power_on(s);
}

static void done_stop(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);
        if (s)
                server_power_cut(s);
}

static void done_reset(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);

        if (!s)
                return;
        server_power_cut(s);
        server_power_on(s);
}

/* The signal was sent: the action is a success before the machine is off. */
static void done_shutdown(struct sim_hetzner *c, struct cloud_action *a) {
        struct cloud_server *s = cloud_server(c, a->subject);

        if (s && s->machine.powered) {
                s->status = "stopping";
                loop_timer_set(c->world->loop, &s->stop, sim_latency(c->world, &s->machine, LATENCY_SHUTDOWN), off_later, s);
        }
}

struct cloud_action *server_start_action(struct sim_hetzner *c, struct cloud_server *s, const char *command, int64_t real_ms, cloud_action_fn done) {
        struct cloud_action *a = cloud_action_start(c, command, real_ms, done ? done : done_start);

        a->subject = s->o.id;
        cloud_action_lock(a, s);
        return a;
}

static int power(struct cloud_call *c, const char *command, const char *status, int64_t real_ms, cloud_action_fn done) {
        struct cloud_server *s = (struct cloud_server *) c->object;

        if (status && s->machine.powered == str_eq(status, "stopping"))
                s->status = status;
        return reply_action(c, server_start_action(c->cloud, s, command, real_ms, done));
}

static int poweron(struct cloud_call *c) {
        return power(c, "start_server", "starting", LATENCY_START_SERVER, done_start);
}

static int poweroff(struct cloud_call *c) {
        return power(c, "stop_server", "stopping", LATENCY_STOP_SERVER, done_stop);
}

static int reset(struct cloud_call *c) {
        return power(c, "reset_server", NULL, LATENCY_RESET_SERVER, done_reset);
}

static int reboot(struct cloud_call *c) {
        return power(c, "reboot_server", NULL, LATENCY_RESET_SERVER, done_reset);
}

static int shut_down(struct cloud_call *c) {
        return power(c, "shutdown_server", NULL, LATENCY_SMALL, done_shutdown);
}

static const struct cloud_route_entry routes[] = {
        { "POST", "/servers/{id}/actions/poweron", KIND_SERVER, poweron, ROUTE_LOCK },
        { "POST", "/servers/{id}/actions/poweroff", KIND_SERVER, poweroff, ROUTE_LOCK },
        { "POST", "/servers/{id}/actions/shutdown", KIND_SERVER, shut_down, ROUTE_LOCK },
        { "POST", "/servers/{id}/actions/reset", KIND_SERVER, reset, ROUTE_LOCK },
        { "POST", "/servers/{id}/actions/reboot", KIND_SERVER, reboot, ROUTE_LOCK },
};
const struct cloud_routes routes_server_power = { routes, ARRAY_SIZE(routes) };
