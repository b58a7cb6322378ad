/* MachineService, the calls that only tell; and ClusterService/HealthCheck. */
#include <stdio.h>

#include "sim/talos/internal.h"

static const char *architecture(const struct sim_talos *t) {
        return str_eq(t->machine->arch, "arm") ? "arm64" : "amd64";
}

static void version(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, v = STRBUF_INIT, platform = STRBUF_INIT, features = STRBUF_INIT;
        unsigned minor;
        if (c->talos->maintenance && sscanf(c->talos->machine->talos_version, "v1.%u", &minor) == 1 && minor < 13) {
                grpc_fail(c, GRPC_UNIMPLEMENTED, "API is not implemented in maintenance mode");
                return;
        }
        pb_text(&v, 1, c->talos->machine->talos_version);
        pb_text(&v, 2, "simulated");
        pb_text(&v, 5, "linux");
        pb_text(&v, 6, architecture(c->talos));
        pb_text(&platform, 1, "hcloud");
        pb_text(&platform, 2, "cloud");
        pb_bool(&features, 1, true);
        pb_message(&b, 2, &v);
        pb_message(&b, 3, &platform);
        pb_message(&b, 4, &features);
        grpc_reply(c, &b);
}

static void hostname(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        pb_text(&b, 2, sim_talos_hostname(c->talos->machine));
        grpc_reply(c, &b);
}

static void service_list(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        talos_refresh(c->talos);
        talos_write_services(c->talos, &b);
        grpc_reply(c, &b);
}

/* One common.Data. */
static void send_data(struct grpc_call *c, const void *p, size_t n) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        grpc_metadata(c, &b);
        pb_bytes(&b, 2, p, n);
        grpc_send(c, &b);
}

static void kubeconfig(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf archive = STRBUF_INIT;
        _cleanup_error_ struct error err = ERROR_INIT;
        if (talos_kubeconfig_archive(c->talos, &archive, &err) < 0) {
                grpc_fail(c, GRPC_FAILED_PRECONDITION, "%s", error_text(&err));
                return;
        }
        send_data(c, archive.data, archive.len);
        grpc_finish(c);
}

/* --- logs. With follow the stream stays open and new lines come --- */

struct follow { size_t next; };

static void send_lines(struct grpc_call *c) {
        struct follow *f = c->data;
        struct sim_talos *t = c->talos;
        f->next = MIN(f->next, t->dmesg.n);
        for (; f->next < t->dmesg.n; f->next++) {
                _cleanup_str_ char *line = xasprintf("%s\n", t->dmesg.items[f->next]);
                send_data(c, line, strlen(line));
        }
}

static void lines(struct grpc_call *c, bool follow, size_t from) {
        struct follow *f = xnew0(struct follow);
        f->next = from;
        c->data = f;
        c->data_free = free;
        send_lines(c);
        if (follow && !c->merging)
                grpc_keep(c, send_lines);
        else
                grpc_finish(c);
}

static void dmesg(struct grpc_call *c) {
        struct pb_reader r = pb_reader(c->request, c->request_len);
        struct pb_value v;
        bool follow = false, tail = false;
        while (pb_next(&r, &v)) {
                follow = follow || (v.field == 1 && v.number);
                tail = tail || (v.field == 2 && v.number);
        }
        lines(c, follow, tail && follow ? c->talos->dmesg.n : 0);
}

/* No container runs here: only machined and the services have anything to say, and they say what the node's log says. */
static void logs(struct grpc_call *c) {
        struct pb_reader r = pb_reader(c->request, c->request_len);
        _cleanup_str_ char *id = NULL;
        struct pb_value v;
        bool follow = false;
        while (pb_next(&r, &v)) {
                if (v.field == 2 && !id)
                        id = pb_copy(&v);
                follow = follow || (v.field == 4 && v.number);
        }
        if (!id || !talos_service_find(c->talos, id))
                grpc_fail(c, GRPC_NOT_FOUND, "log \"%s\" was not registered", id ? id : "");
        else
                lines(c, follow, 0);
}

static void read_file(struct grpc_call *c) {
        struct pb_reader r = pb_reader(c->request, c->request_len);
        _cleanup_str_ char *path = NULL, *text = NULL;
        struct pb_value v;
        while (pb_next(&r, &v))
                if (v.field == 1 && !path)
                        path = pb_copy(&v);
        if (str_eq(path, "/proc/sys/kernel/random/boot_id"))
                text = xstrdup(c->talos->boot_id);
        else if (str_eq(path, "/etc/hostname"))
                text = xasprintf("%s\n", sim_talos_hostname(c->talos->machine));
        else if (str_eq(path, "/etc/os-release"))
                text = xasprintf("NAME=\"Talos\"\nID=talos\nVERSION_ID=%s\nPRETTY_NAME=\"Talos (%s, simulated)\"\n",
                                 c->talos->machine->talos_version, c->talos->machine->talos_version);
        else {
                grpc_fail(c, GRPC_NOT_FOUND, "stat %s: no such file or directory", path ? path : "");
                return;
        }
        send_data(c, text, strlen(text));
        grpc_finish(c);
}

static void memory(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT, m = STRBUF_INIT;
        /* The kernel keeps some 4 % for itself. */
        uint64_t total = (uint64_t) (c->talos->machine->memory_gib * 1024 * 1024 * 0.96);
        pb_uint(&m, 1, total);
        pb_uint(&m, 2, total / 2);
        pb_uint(&m, 3, total * 7 / 10);
        pb_uint(&m, 5, total / 5);
        pb_message(&b, 2, &m);
        grpc_reply(c, &b);
}

static void write_cpu(struct strbuf *b, unsigned field, double seconds) {
        _cleanup_strbuf_ struct strbuf cpu = STRBUF_INIT;
        pb_double(&cpu, 1, seconds * 0.03);
        pb_double(&cpu, 3, seconds * 0.02);
        pb_double(&cpu, 4, seconds * 0.95);
        pb_message(b, field, &cpu);
}

static void system_stat(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        struct sim_talos *t = c->talos;
        double up = (double) (loop_now_ms(t->world->loop) - t->boot_ms) / 1000;
        unsigned cores = MAX(t->machine->cores, 1u);
        pb_uint(&b, 2, (uint64_t) (t->boot_ms / 1000));
        write_cpu(&b, 3, up * cores);
        for (unsigned i = 0; i < cores; i++)
                write_cpu(&b, 4, up);
        pb_uint(&b, 8, 2000);
        pb_uint(&b, 9, 1);
        grpc_reply(c, &b);
}

static void load_average(struct grpc_call *c) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        pb_double(&b, 2, 0.21);
        pb_double(&b, 3, 0.18);
        pb_double(&b, 4, 0.10);
        grpc_reply(c, &b);
}

/* --- health --- */

static void health_line(struct grpc_call *c, const char *text) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        grpc_metadata(c, &b);
        pb_text(&b, 2, text);
        grpc_send(c, &b);
}

/* The checks that this node can answer for, in Talos' order and words; the first that does not hold ends the call. The real one
 * waits for each up to the request's time-out, this one looks once. */
static void health_check(struct grpc_call *c) {
        struct sim_talos *t = c->talos;
        const struct { const char *what; bool holds; } checks[] = {
                { "etcd to be healthy", sim_kube_etcd_running(t->machine) },
                { "etcd members to be consistent across nodes", true },
                { "etcd members to be control plane nodes", true },
                { "apid to be ready", t->api_up },
                { "all nodes memory sizes", true },
                { "all nodes disk sizes", true },
                { "no diagnostics", !talos_metadata_stolen(t) },
                { "kubelet to be healthy", t->cri_up },
                { "all nodes to finish boot sequence", t->stage == SIM_STAGE_RUNNING },
                { "all k8s nodes to report ready", str_eq(t->config->cni, "none") || sim_kube_node_ready(t->machine) },
        };
        if (!t->config->control_plane) {
                grpc_fail(c, GRPC_UNIMPLEMENTED, "health check is only available on control plane nodes");
                return;
        }
        talos_refresh(t);
        for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
                _cleanup_str_ char *waiting = xasprintf("waiting for %s: ...", checks[i].what);
                _cleanup_str_ char *result = xasprintf("waiting for %s: %s", checks[i].what, checks[i].holds ? "OK" : "not yet");
                health_line(c, waiting);
                health_line(c, result);
                if (!checks[i].holds) {
                        grpc_fail(c, GRPC_FAILED_PRECONDITION, "healthcheck error: waiting for %s", checks[i].what);
                        return;
                }
        }
        grpc_finish(c);
}

#define MS "/machine.MachineService/"
const struct grpc_method machine_info_methods[] = {
        { MS "Version", ROLE_ANY, 0, true, version },
        { MS "Hostname", ROLE_ANY, 0, false, hostname },
        { MS "ServiceList", ROLE_ANY, 0, false, service_list },
        { MS "Kubeconfig", ROLE_ADMIN, 0, false, kubeconfig },
        { MS "Dmesg", ROLE_ANY, 0, false, dmesg },
        { MS "Logs", ROLE_ANY, 0, false, logs },
        { MS "Read", ROLE_ADMIN, 0, false, read_file },
        { MS "Events", ROLE_ANY, 0, false, talos_events_handler },
        { MS "Memory", ROLE_ANY, 0, false, memory },
        { MS "SystemStat", ROLE_ANY, 0, false, system_stat },
        { MS "LoadAvg", ROLE_ANY, 0, false, load_average },
        { "/cluster.ClusterService/HealthCheck", ROLE_ANY, 0, false, health_check },
        { NULL, 0, 0, false, NULL },
};
