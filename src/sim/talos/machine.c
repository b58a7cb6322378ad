/* MachineService, the calls that change something: configs, power, etcd's start. Texts and codes as talos'
 * internal/app/machined/internal/server/v1alpha1/v1alpha1_server.go has them. */
#include <stdio.h>

#include "base/codec.h"
#include "sim/kube/kube.h"
#include "sim/talos/internal.h"

enum apply_mode { APPLY_REBOOT, APPLY_AUTO, APPLY_NO_REBOOT, APPLY_STAGED, APPLY_TRY };

#define TRY_DEFAULT_MS 60000

static char *new_actor(void) {
        uint8_t id[16];
        random_bytes(id, sizeof(id));
        _cleanup_str_ char *hex = hex_encode(id, sizeof(id));
        return xasprintf("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

static unsigned minor_of(const struct grpc_call *c) {
        unsigned minor;
        return sscanf(c->talos->machine->talos_version, "v1.%u", &minor) == 1 ? minor : 13;
}

/* --- ApplyConfiguration --- */

struct apply { const uint8_t *data; size_t n; enum apply_mode mode; bool dry_run; int64_t try_ms; };

static struct apply read_apply(struct grpc_call *c) {
        struct apply a = { .try_ms = TRY_DEFAULT_MS };
        struct pb_reader r = pb_reader(c->request, c->request_len);
        struct pb_value v, d;
        while (pb_next(&r, &v)) {
                if (v.field == 1) {
                        a.data = v.bytes;
                        a.n = v.n;
                } else if (v.field == 4) {
                        a.mode = (enum apply_mode) v.number;
                } else if (v.field == 5) {
                        a.dry_run = v.number != 0;
                } else if (v.field == 6 && v.bytes) {
                        struct pb_reader duration = pb_reader(v.bytes, v.n);
                        while (pb_next(&duration, &d))
                                if (d.field == 1 && d.number > 0)
                                        a.try_ms = (int64_t) d.number * 1000;
                }
        }
        return a;
}

static void reply_apply(struct grpc_call *c, const struct sim_config *config, enum apply_mode mode, bool dry_run,
                        const char *details) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        _cleanup_str_ char *text =
                dry_run ? xasprintf("Dry run summary:\n%s (skipped in dry-run).\n", details) : xstrdup(details);
        for (size_t i = 0; i < config->warnings.n; i++)
                pb_text(&b, 2, config->warnings.items[i]);
        pb_uint(&b, 3, mode);
        pb_text(&b, 4, text);
        grpc_reply(c, &b);
}

static void revert_try(void *data) {
        struct sim_talos *t = data;
        struct sim_config *old = TAKE(t->before_try);
        talos_say(t, "the time of the tried config is over: going back");
        talos_apply(t, old);
        sim_config_unref(old);
}

static void apply_try(struct sim_talos *t, struct sim_config *config, int64_t ms) {
        if (!t->before_try)
                t->before_try = sim_config_ref(t->config);
        talos_apply(t, config);
        loop_timer_set(t->world->loop, &t->try_timer, ms, revert_try, t);
}

static void end_try(struct sim_talos *t) {
        loop_timer_cancel(&t->try_timer);
        sim_config_unref(t->before_try);
        t->before_try = NULL;
}

static void apply_running(struct grpc_call *c, const struct apply *a, struct sim_config *config) {
        struct sim_talos *t = c->talos;
        const char *why;
        bool needs_reboot = sim_config_needs_reboot(t->config, config, &why);
        enum apply_mode mode = a->mode;

        if (mode == APPLY_REBOOT && minor_of(c) >= 14) {
                grpc_fail(c, GRPC_UNIMPLEMENTED, "apply configuration with mode REBOOT is not supported");
                return;
        }
        if ((mode == APPLY_NO_REBOOT || mode == APPLY_TRY) && needs_reboot) {
                grpc_fail(c, GRPC_INVALID_ARGUMENT, "this config change can't be applied in immediate mode\n(.%s)", why);
                return;
        }
        if (mode == APPLY_AUTO)
                mode = needs_reboot ? APPLY_REBOOT : APPLY_NO_REBOOT;
        static const char *const details[] = { [APPLY_REBOOT] = "Applied configuration with a reboot",
                                               [APPLY_NO_REBOOT] = "Applied configuration without a reboot",
                                               [APPLY_STAGED] = "Staged configuration to be applied after the next reboot",
                                               [APPLY_TRY] = "Applied configuration in try mode" };
        if (!a->dry_run) {
                if (mode == APPLY_TRY) {
                        apply_try(t, config, a->try_ms);
                } else {
                        end_try(t);
                        talos_store(t, config);
                        t->applied += mode != APPLY_NO_REBOOT;
                }
                if (mode == APPLY_NO_REBOOT)
                        talos_apply(t, config);
                if (mode == APPLY_REBOOT)
                        talos_stop(t, SIM_STAGE_REBOOTING, "applyConfiguration", NULL, sim_hetzner_reset);
        }
        reply_apply(c, config, mode, a->dry_run, details[mode]);
}

/* Up to 1.12 a server of its own answers in maintenance mode; since then it is apid, and REBOOT counts as NO_REBOOT. */
static void apply_maintenance(struct grpc_call *c, const struct apply *a, struct sim_config *config) {
        struct sim_talos *t = c->talos;
        if (minor_of(c) < 13 && (a->mode == APPLY_NO_REBOOT || a->mode == APPLY_STAGED)) {
                grpc_fail(c, GRPC_UNIMPLEMENTED, "apply configuration mode is not supported in maintenance mode");
                return;
        }
        if (!a->dry_run) {
                talos_store(t, config);
                talos_apply(t, config);
        }
        reply_apply(c, config, minor_of(c) < 13 ? a->mode : APPLY_NO_REBOOT, a->dry_run,
                    "Applied configuration without a reboot");
}

static void apply_configuration(struct grpc_call *c) {
        struct sim_talos *t = c->talos;
        struct apply a = read_apply(c);
        _cleanup_error_ struct error err = ERROR_INIT;
        _cleanup_sim_config_ struct sim_config *config = NULL;

        if (t->applying || t->stop_timer) {
                grpc_fail(c, GRPC_FAILED_PRECONDITION, "another apply configuration is already in progress");
                return;
        }
        if ((unsigned) a.mode > APPLY_TRY) {
                grpc_fail(c, GRPC_INVALID_ARGUMENT, "incorrect mode '%u' specified for the apply config call", (unsigned) a.mode);
                return;
        }
        if (sim_config_load((const char *) a.data, a.n, t->machine->talos_version, &config, &err) < 0) {
                t->rejected++;
                talos_set_reason(t, error_text(&err));
                grpc_fail(c, GRPC_INVALID_ARGUMENT, "%s", error_text(&err));
                return;
        }
        if (t->maintenance)
                apply_maintenance(c, &a, config);
        else
                apply_running(c, &a, config);
}

/* --- Bootstrap --- */

static void bootstrap(struct grpc_call *c) {
        struct sim_talos *t = c->talos;

        if (!t->config->control_plane && minor_of(c) < 13)
                grpc_fail(c, GRPC_FAILED_PRECONDITION, "bootstrap can only be performed on a control plane node");
        else if (!t->config->control_plane)
                grpc_fail(c, GRPC_UNIMPLEMENTED, "bootstrap is only available on control plane nodes");
        else if (!t->cri_up || t->stop_timer)
                grpc_fail(c, GRPC_FAILED_PRECONDITION, "bootstrap is not available yet");
        else if (!talos_time_synced(t))
                grpc_fail(c, GRPC_FAILED_PRECONDITION, "time is not in sync yet");
        else if (talos_etcd_present(t))
                grpc_fail(c, GRPC_ALREADY_EXISTS, "etcd data directory is not empty");
        else {
                t->machine->etcd_data = true;
                talos_say(t, "bootstrap request received");
                sim_kube_bootstrap(t->machine, t->config);
                talos_touch(t);
                grpc_reply(c, NULL);
        }
}

/* --- power --- */

static void reply_actor(struct grpc_call *c, const char *actor) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        pb_text(&b, 2, actor);
        grpc_reply(c, &b);
}

static void reboot(struct grpc_call *c) {
        _cleanup_str_ char *actor = new_actor();
        talos_stop(c->talos, SIM_STAGE_REBOOTING, "reboot", actor, sim_hetzner_reset);
        reply_actor(c, actor);
}

static void shut_down(struct grpc_call *c) {
        _cleanup_str_ char *actor = new_actor();
        talos_stop(c->talos, SIM_STAGE_SHUTTING_DOWN, "shutdown", actor, sim_hetzner_power_off);
        reply_actor(c, actor);
}

struct reset { bool graceful, reboot, state, ephemeral, labelled; uint64_t mode; };

static struct reset read_reset(struct grpc_call *c) {
        struct reset q = { 0 };
        struct pb_reader r = pb_reader(c->request, c->request_len);
        struct pb_value v, p;
        while (pb_next(&r, &v)) {
                if (v.field == 1)
                        q.graceful = v.number != 0;
                else if (v.field == 2)
                        q.reboot = v.number != 0;
                else if (v.field == 5)
                        q.mode = v.number;
                if (v.field != 3 || !v.bytes)
                        continue;
                struct pb_reader partition = pb_reader(v.bytes, v.n);
                _cleanup_str_ char *label = NULL;
                bool wipe = false;
                while (pb_next(&partition, &p)) {
                        if (p.field == 1 && !label)
                                label = pb_copy(&p);
                        else if (p.field == 2)
                                wipe = p.number != 0;
                }
                q.labelled = true;
                q.state = q.state || (wipe && str_eq(label, "STATE"));
                q.ephemeral = q.ephemeral || (wipe && str_eq(label, "EPHEMERAL"));
        }
        return q;
}

/* Without partitions the whole system disk is wiped: the machine cannot boot any more. With STATE and EPHEMERAL it boots like a
 * new one. */
static void reset(struct grpc_call *c) {
        struct sim_talos *t = c->talos;
        struct reset q = read_reset(c);
        _cleanup_str_ char *actor = new_actor();

        t->stop_wipes_all = !q.labelled && q.mode != 2 /* USER_DISKS */;
        t->stop_wipes_state = t->stop_wipes_all || q.state;
        t->stop_wipes_etcd = t->stop_wipes_all || q.ephemeral || q.graceful;
        if (q.graceful && t->config && t->config->control_plane) {
                struct sim_etcd_member members[64];
                size_t n = sim_kube_etcd_members(t->machine, members, ARRAY_SIZE(members));
                for (size_t i = 0; i < n && n > 1; i++)
                        if (ip6_equal(&members[i].addr, &t->machine->addr))
                                sim_kube_etcd_remove(t->machine, members[i].id);
        }
        talos_stop(t, SIM_STAGE_RESETTING, "reset", actor, q.reboot ? sim_hetzner_reset : sim_hetzner_power_off);
        reply_actor(c, actor);
}

/* A service that stops and starts again: nothing of it stays down here. */
static void service_action(struct grpc_call *c) {
        struct pb_reader r = pb_reader(c->request, c->request_len);
        struct pb_value v;
        _cleanup_str_ char *id = NULL;
        while (pb_next(&r, &v))
                if (v.field == 1 && !id)
                        id = pb_copy(&v);
        if (!id || !talos_service_find(c->talos, id)) {
                grpc_fail(c, GRPC_NOT_FOUND, "service \"%s\" not defined", id ? id : "");
                return;
        }
        if (!str_ends(c->method, "ServiceRestart") && !str_ends(c->method, "ServiceStart")) {
                grpc_fail(c, GRPC_FAILED_PRECONDITION, "service \"%s\" doesn't support stop operation via API", id);
                return;
        }
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        _cleanup_str_ char *text = xasprintf("Service \"%s\" %s", id, str_ends(c->method, "Restart") ? "restarted" : "started");
        pb_text(&b, 2, text);
        grpc_reply(c, &b);
}

#define MS "/machine.MachineService/"
const struct grpc_method machine_methods[] = {
        { MS "ApplyConfiguration", ROLE_ADMIN, 0, true, apply_configuration },
        { MS "Bootstrap", ROLE_ADMIN, 0, false, bootstrap },
        { MS "Reboot", ROLE_OPERATE, 0, false, reboot },
        { MS "Shutdown", ROLE_OPERATE, 0, false, shut_down },
        { MS "Reset", ROLE_ADMIN, 0, false, reset },
        { MS "ServiceRestart", ROLE_OPERATE, 0, false, service_action },
        { MS "ServiceStart", ROLE_OPERATE, 0, false, service_action },
        { MS "ServiceStop", ROLE_OPERATE, 0, false, service_action },
        { NULL, 0, 0, false, NULL },
};
