/* Single acts of the program against any Kubernetes API, for tests in which real servers and a real Helm judge them.
 *
 *   kube-acts KUBECONFIG ccm VERSION [ARGUMENT…]       applies the Talos CCM as up does; prints "applied", or why it was left alone
 *   kube-acts KUBECONFIG approve NODE ADDRESS SECONDS  waits for the node's serving certificate and approves a late request; prints how many
 *   kube-acts KUBECONFIG job RELEASE CHART VALUES      applies the Helm Job's objects as up does, prints them, and does not wait
 *   kube-acts KUBECONFIG install RELEASE CHART VALUES  installs with the helm in PATH (--helm local)
 *   kube-acts KUBECONFIG nodes                         prints the names of the Nodes */
#include <stdio.h>

#include "base/codec.h"
#include "base/file.h"
#include "bootstrap/bootstrap.h"
#include "bootstrap/helm-job.h"
#include "kube/apply.h"
#include "kube/client.h"
#include "kube/node.h"
#include "talos/kubeconfig.h"

static void note(void *data, const char *text) {
        fprintf(stderr, "%s\n", text);
}

static int act_ccm(const struct bootstrap *b, char **args, struct error *err) {
        _cleanup_strv_ struct strv extra = { 0 };
        _cleanup_str_ char *foreign = NULL;

        for (char **a = args + 1; *a; a++)
                strv_add(&extra, *a);
        const struct ccm_options o = { .version = args[0], .pod_cidrs = POD_CIDR_CLIENT, .extra_args = &extra };
        if (bootstrap_apply_ccm(b, &o, 0, &foreign, err) < 0)
                return -1;
        printf("%s\n", foreign ? foreign : "applied");
        return 0;
}

static int act_approve(const struct bootstrap *b, char **args, struct error *err) {
        struct bootstrap_node node = { .name = args[0], .server_id = 1 };
        int64_t seconds;
        size_t approved;

        if (!args[0] || !args[1] || !args[2] || !ip6_parse(args[1], &node.addr) || !parse_int64(args[2], 1, 600, &seconds))
                return error_set(err, ERR_USAGE, "approve NODE ADDRESS SECONDS");
        node.prefix = ip6_mask(&node.addr, 64);
        if (bootstrap_serving_certificates(b, &node, 1, seconds * 1000, &approved, err) < 0)
                return -1;
        printf("%zu approved\n", approved);
        return 0;
}

static int release_of(char **args, struct chart *chart, char **values, struct helm_release *ret, struct error *err) {
        char *data;
        size_t len;

        if (!args[1] || !args[2])
                return error_set(err, ERR_USAGE, "RELEASE CHART VALUES");
        if (file_read(args[1], 8u << 20, &data, &len, err) < 0)
                return -1;
        *chart = (struct chart) { .name = xstrdup(args[0]), .version = xstrdup("0.0.0"), .data = (uint8_t *) data, .len = len, .digest = sha256_hex(data, len) };
        if (file_read(args[2], 1u << 20, values, &len, err) < 0)
                return -1;
        *ret = (struct helm_release) { .release = args[0], .namespace_ = "kube-system", .chart = chart, .values = *values, .before_cni = true,
                                       .image = "registry.example/helm@sha256:0000000000000000000000000000000000000000000000000000000000000000" };
        return 0;
}

static int act_job(const struct bootstrap *b, char **args, struct error *err) {
        const struct kube_apply_options apply = { .force = true, .ns = "kube-system" };
        _cleanup_(chart_done) struct chart chart = { 0 };
        _cleanup_str_ char *values = NULL, *hash = NULL, *text = NULL;
        _cleanup_json_ json_t *objects = NULL;
        struct helm_release r;

        if (release_of(args, &chart, &values, &r, err) < 0)
                return -1;
        hash = bootstrap_release_hash(&r);
        objects = helm_job_objects(&r, hash);
        if (kube_apply_all(b->kube, objects, &apply, err) < 0)
                return -1;
        text = json_write(objects);
        puts(text);
        return 0;
}

static int act_install(const struct bootstrap *b, char **args, struct error *err) {
        _cleanup_(chart_done) struct chart chart = { 0 };
        _cleanup_str_ char *values = NULL;
        struct helm_release r;

        if (release_of(args, &chart, &values, &r, err) < 0)
                return -1;
        r.mode = HELM_LOCAL;
        r.kubeconfig_path = getenv("KUBECONFIG");
        return bootstrap_install_chart(b, &r, 0, err);
}

static int act_nodes(const struct bootstrap *b, char **args, struct error *err) {
        _cleanup_(kube_nodes_done) struct kube_nodes nodes = { 0 };

        if (kube_nodes_list(b->kube, &nodes, err) < 0)
                return -1;
        for (size_t i = 0; i < nodes.n; i++)
                puts(nodes.items[i].name);
        printf("%zu nodes\n", nodes.n);
        return 0;
}

static int act(const char *kubeconfig, const char *name, char **args, struct error *err) {
        static const struct { const char *name; int (*fn)(const struct bootstrap *b, char **args, struct error *err); } acts[] = {
                { "ccm", act_ccm }, { "approve", act_approve }, { "job", act_job }, { "install", act_install }, { "nodes", act_nodes },
        };
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = { 0 };
        _cleanup_(http_engine_freep) struct http_engine *http = NULL;
        _cleanup_(kube_client_freep) struct kube_client *kube = NULL;
        _cleanup_str_ char *text = NULL;
        size_t len;

        if (file_read(kubeconfig, 1 << 20, &text, &len, err) < 0 || talos_kubeconfig_parse(kubeconfig, text, len, NULL, &k, err) < 0 ||
            http_engine_new("kube-acts", &http, err) < 0)
                return -1;
        const struct kube_config o = { .server = k.server, .ca_pem = k.ca, .cert_pem = k.client.cert, .key_pem = k.client.key, .engine = http, .max_tries = 2 };
        if (kube_client_new(&o, &kube, err) < 0)
                return -1;
        const struct bootstrap b = { .http = http, .kube = kube, .note = note };
        for (size_t i = 0; i < ARRAY_SIZE(acts); i++)
                if (str_eq(acts[i].name, name))
                        return acts[i].fn(&b, args, err);
        return error_set(err, ERR_USAGE, "there is no act '%s'", name);
}

int main(int argc, char **argv) {
        _cleanup_error_ struct error err = ERROR_INIT;

        if (argc < 3)
                return 4;
        if (act(argv[1], argv[2], argv + 3, &err) >= 0)
                return 0;
        fprintf(stderr, "%s\n", error_text(&err));
        if (err.hint)
                fprintf(stderr, "  %s\n", err.hint);
        return error_exit_code(err.kind);
}
