/* hcloud-v6-sim: reads the command line. */
#include "sim/world/internal.h"

#include <stdio.h>

#include "base/clock.h"
#include "sim/real/real.h"
#include "version.h"

static const char help[] =
        "hcloud-v6-sim: a Hetzner Cloud that exists only on this machine, to rehearse with.\n"
        "\n"
        "  hcloud-v6-sim exec [OPTIONS] -- COMMAND…     a new world; run the command in it; it ends with the command\n"
        "  hcloud-v6-sim start --world NAME [OPTIONS]   a world that stays\n"
        "  hcloud-v6-sim exec --world NAME -- COMMAND…  run a command in it\n"
        "  hcloud-v6-sim stop --world NAME              end it\n"
        "  hcloud-v6-sim serve --listen [::1]:PORT      the Hetzner API alone, for clients outside\n"
        "\n"
        "Try:\n"
        "  hcloud-v6-sim exec -- sh -c 'hcloud-v6 up --nodes 3 --yes && hcloud-v6 status && hcloud-v6 destroy --yes'\n"
        "  hcloud-v6-sim exec --speed real -- bash\n"
        "  hcloud-v6-sim exec --fault no-capacity:type=cax* --fault 429:count=5 -- hcloud-v6 up --nodes 3 --yes\n"
        "\n"
        "A world is a network namespace: servers have real addresses in 2001:db8::/32, a Talos API on port 50000 and, once bootstrapped, a\n"
        "Kubernetes API on port 6443; firewalls are enforced by the kernel; nothing of it can reach the Internet, nor be reached. No root is\n"
        "needed. In it HCLOUD_ENDPOINT, HCLOUD_TOKEN, HCLOUD_V6_SIM_READONLY_TOKEN, HCLOUD_V6_SIM_CONTROL, HCLOUD_V6_CHART_REPOSITORY and\n"
        "HCLOUD_V6_IMAGE_FACTORY are set. No container runs anywhere.\n"
        "\n"
        "Options\n"
        "  --speed instant|real   no latencies (default), or those of the real thing; 2x to 100x: those, so many times as fast\n"
        "  --kubernetes KIND      double: the simulator's own (default); real or real:FOLDER: etcd, kube-apiserver, kube-controller-manager and\n"
        "                         kube-scheduler run on the control planes' addresses (found in FOLDER, $HCLOUD_V6_KUBERNETES or PATH)\n"
        "  --no-images            a world without Talos snapshots\n"
        "  --image-mib N          size of the image factory's images, 3 to 2000 (16)\n"
        "  --fault SPEC           NAME[:KEY=VALUE,…]; repeatable; see below\n"
        "  --seed N               the same run again: addresses, ids, chances\n"
        "  --clock TIME           start at this time, e.g. 2027-03-01T00:00:00Z\n"
        "  --trace FILE           every request and answer as a line of JSON, secrets cut\n"
        "  --world NAME           which world (start, stop, exec); start without it: default\n"
        "  --listen [ADDR]:PORT   for serve\n"
        "  --no-rate-limit        no 429 of its own (for fuzzers)\n"
        "  --legacy-assignee      free primary IPs say assignee_type \"server\", as before September 2026\n"
        "  --help, --version\n"
        "\n"
        "While it runs, below $HCLOUD_V6_SIM_CONTROL:\n"
        "  GET /state    POST /faults {\"spec\": \"…\"}    DELETE /faults    POST /clock {\"forward_s\": N}\n"
        "\n"
        "Faults. All know count=N (how often), skip=N (matches that pass first), p=0..1 (chance). Patterns are shell patterns, e.g.\n"
        "502:route=POST /servers*,count=2 or slow-node:name=*-control-plane-1,factor=10\n";

static void print_help(void) {
        fputs(help, stdout);
        for (const struct sim_fault_kind *k = sim_fault_kinds; k->name; k++) {
                _cleanup_str_ char *keys = xasprintf("%s%s%s", k->patterns, *k->patterns && *k->parameters ? "," : "", k->parameters);
                printf("  %-19s %-24s %s\n", k->name, keys, k->what);
        }
}

static int usage(const char *fmt, ...) _printf_(1, 2);
static int usage(const char *fmt, ...) {
        va_list ap;

        fputs("hcloud-v6-sim: ", stderr);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputs("\nhint: hcloud-v6-sim --help\n", stderr);
        return 4;
}

static const char *const option_names[] = { "--speed", "--no-images", "--image-mib", "--fault", "--seed", "--clock", "--trace", "--world", "--listen", "--kubernetes", "--no-rate-limit",
                                            "--legacy-assignee", "--help", "--version", NULL };

/* "3x": the latencies of the real thing, divided by three. */
static int set_speed(struct sim_command_line *o, const char *value) {
        _cleanup_str_ char *number = str_ends(value, "x") ? xstrndup(value, strlen(value) - 1) : NULL;
        int64_t times = 1;

        if (number ? !parse_int64(number, 2, 100, &times) : !str_eq(value, "instant") && !str_eq(value, "real"))
                return usage("--speed is instant, real, or 2x to 100x of real, not '%s'", value);
        o->options.speed_real = !str_eq(value, "instant");
        o->options.speed_times = (unsigned) times;
        return 0;
}

static int set_kubernetes(struct sim_command_line *o, const char *value) {
        if (!str_eq(value, "double") && !str_eq(value, "real") && !(str_starts(value, "real:") && value[5]))
                return usage("--kubernetes is double, real or real:FOLDER, not '%s'", value);
        o->options.kubernetes_real = !str_eq(value, "double");
        o->options.kubernetes_dir = str_starts(value, "real:") ? value + 5 : NULL;
        return 0;
}

static int set_value(struct sim_command_line *o, const char *name, const char *value) {
        int64_t number;

        if (str_eq(name, "--speed"))
                return set_speed(o, value);
        if (str_eq(name, "--kubernetes"))
                return set_kubernetes(o, value);
        if (str_eq(name, "--seed")) {
                if (!parse_int64(value, 1, INT64_MAX, &number))
                        return usage("--seed wants a number from 1");
                o->options.seed = (uint64_t) number;
        } else if (str_eq(name, "--clock")) {
                if (!time_parse_rfc3339(value, &o->options.start_ms))
                        return usage("--clock wants a time like 2027-03-01T00:00:00Z");
        } else if (str_eq(name, "--image-mib")) {
                if (!parse_int64(value, 3, 2000, &number))
                        return usage("--image-mib wants a number from 3 to 2000");
                o->options.image_mib = (size_t) number;
        } else if (str_eq(name, "--trace")) {
                o->options.trace_file = value;
        } else if (str_eq(name, "--listen")) {
                o->listen = value;
        } else if (str_eq(name, "--world")) {
                if (strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(value) || !*value || strlen(value) > 64)
                        return usage("a world's name has 1 to 64 of a-z, 0-9 and '-'");
                o->name = value;
        } else {
                struct error err = ERROR_INIT;
                struct sim_faults *probe = sim_faults_new();
                int bad = sim_faults_add(probe, value, &err) < 0 ? usage("%s", error_text(&err)) : 0;
                sim_faults_free(probe);
                error_done(&err);
                if (bad)
                        return bad;
                strv_add(&o->faults, value);
        }
        return 0;
}

/* Reads the options from argv[2] on; what stands behind "--" is the command. 0, or an exit code; negative: done, exit 0. */
static int read_options(struct sim_command_line *o, int argc, char **argv) {
        for (int i = 2; i < argc; i++) {
                const char *a = argv[i], *value = NULL;
                char *equals = strchr(a, '=');
                _cleanup_str_ char *name = equals && str_starts(a, "--") ? xstrndup(a, (size_t) (equals - a)) : xstrdup(a);

                if (str_eq(a, "--")) {
                        o->command = argv + i + 1;
                        return 0;
                }
                if (!str_starts(a, "--")) {
                        o->command = argv + i;
                        return 0;
                }
                if (str_eq(name, "--help")) {
                        print_help();
                        return -1;
                } else if (str_eq(name, "--no-images")) {
                        o->options.no_images = true;
                } else if (str_eq(name, "--no-rate-limit")) {
                        o->options.no_rate_limit = true;
                } else if (str_eq(name, "--legacy-assignee")) {
                        o->options.legacy_assignee = true;
                } else {
                        bool known = false;
                        for (size_t k = 0; option_names[k]; k++)
                                known |= str_eq(option_names[k], name);
                        if (!known) {
                                const char *near = str_nearest(name, option_names);
                                return usage("unknown option '%s'%s%s%s", name, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
                        }
                        value = equals && str_starts(a, "--") ? equals + 1 : i + 1 < argc ? argv[++i] : NULL;
                        if (!value)
                                return usage("%s wants a value", name);
                        int bad = set_value(o, name, value);
                        if (bad)
                                return bad;
                }
        }
        return 0;
}

/* Before a world is made: what it needs is there. */
static int check_programs(const struct sim_command_line *o, const char *command) {
        struct error err = ERROR_INIT;

        if (!o->options.kubernetes_real)
                return 0;
        if (str_eq(command, "serve"))
                return usage("--kubernetes real wants a world with nodes: exec or start");
        if (sim_real_check(o->options.kubernetes_dir, &err) == 0)
                return 0;
        fprintf(stderr, "hcloud-v6-sim: %s\nhint: %s\n", error_text(&err), err.hint);
        error_done(&err);
        return str_eq(command, "exec") ? 125 : 1;
}

static int run(struct sim_command_line *o, const char *command) {
        static const char *const commands[] = { "exec", "start", "stop", "serve", NULL };
        bool has_command = o->command && o->command[0];

        if (str_eq(command, "exec")) {
                if (!has_command)
                        return usage("exec wants a command: hcloud-v6-sim exec [OPTIONS] -- COMMAND…");
                return o->name ? sim_run_exec_in(o) : sim_run_exec(o);
        }
        if (has_command)
                return usage("unexpected argument '%s'", o->command[0]);
        if (str_eq(command, "serve"))
                return o->listen ? sim_run_serve(o) : usage("serve wants --listen [ADDRESS]:PORT");
        if (!o->name)
                o->name = "default";
        if (str_eq(command, "start"))
                return sim_run_start(o);
        if (str_eq(command, "stop"))
                return sim_run_stop(o);
        const char *near = str_nearest(command, commands);
        return usage("unknown command '%s'%s%s%s", command, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

int main(int argc, char **argv) {
        struct sim_command_line o = { 0 };

        if (argc < 2 || str_eq(argv[1], "--help") || str_eq(argv[1], "help")) {
                print_help();
                return argc < 2 ? 4 : 0;
        }
        if (str_eq(argv[1], "--version")) {
                printf("hcloud-v6-sim %s\n", HCLOUD_V6_VERSION);
                return 0;
        }
        int code = read_options(&o, argc, argv);
        if (code == 0)
                code = check_programs(&o, argv[1]);
        if (code == 0)
                code = run(&o, argv[1]);
        strv_done(&o.faults);
        return code < 0 ? 0 : code;
}
