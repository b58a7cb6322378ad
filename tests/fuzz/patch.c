/* A patch over a small machine config in each of its forms. What applies had been allowed; a refused one leaves the config as it was. */
#include "check.h"
#include "talos/config.h"
#include "talos/patch.h"

static const char config_text[] =
        "version: v1alpha1\nmachine:\n    type: worker\n    token: a\n    certSANs: [a, b]\n    nodeLabels: {a: b}\n    kubelet:\n"
        "        extraArgs: {a: b}\n        nodeIP: {validSubnets: [\"::/0\"]}\n    network:\n        interfaces:\n"
        "            - {interface: eth0, dhcp: true}\n            - deviceSelector: {busPath: \"0*\"}\n              addresses: [\"::1/64\"]\n"
        "    sysctls: {a: \"1\"}\ncluster:\n    id: a\n    network: {podSubnets: [\"fd00::/48\"]}\n    apiServer: {admissionControl: [{name: a}]}\n"
        "---\napiVersion: v1alpha1\nkind: HostnameConfig\nauto: stable\n";

/* The form of contract 1.14. */
static const char documents_text[] =
        "version: v1alpha1\nmachine:\n    type: worker\n    token: a\n    certSANs: [a]\n    sysctls: {a: \"1\"}\ncluster:\n    token: a\n"
        "---\napiVersion: v1alpha1\nkind: KubeClusterConfig\nclusterName: a\nendpoint: https://a:6443\n"
        "---\napiVersion: v1alpha1\nkind: KubeNodeConfig\nnodeIP: {validSubnets: [\"::/0\"]}\nlabels: {a: b}\n"
        "---\napiVersion: v1alpha1\nkind: KubeletConfig\nimage: a:v1.37.0\nconfig: {a: [1]}\nextraArgs: {a: b}\n"
        "---\napiVersion: v1alpha1\nkind: ResolverConfig\nnameservers: [{address: \"::1\"}]\nsearchDomains: {domains: [a]}\n"
        "---\napiVersion: v1alpha1\nkind: KubeNetworkConfig\npodSubnets: [\"fd00::/56\"]\nserviceSubnets: [\"fd01::/112\"]\n";

static void try_on(const char *base, const uint8_t *p, size_t n) {
        struct yaml_docs config = { 0 };
        struct error err = ERROR_INIT, check_err = ERROR_INIT;
        CHECK(yaml_parse("config", base, strlen(base), &config, &err) >= 0);
        _cleanup_str_ char *before = yaml_write_docs(&config, 4), *after = NULL;
        int checked = talos_patch_check("fuzz", (const char *) p, n, &check_err);
        int applied = talos_patch_apply(&config, "fuzz", (const char *) p, n, &err);
        CHECK(checked >= 0 || check_err.kind == ERR_PROFILE);
        if (applied < 0) {
                CHECK(err.kind == ERR_PROFILE && strncmp(err.message, "fuzz:", 5) == 0);
                after = yaml_write_docs(&config, 4);
                CHECK(strcmp(before, after) == 0);
        } else {
                CHECK(checked >= 0);
                talos_config_validate(&config, TALOS_WORKER, &err);
        }
        talos_config_done(&config);
        error_done(&err);
        error_done(&check_err);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n) {
        try_on(config_text, p, n);
        try_on(documents_text, p, n);
        return 0;
}
