/* The Kubeconfig call's answer: a gzipped tar with one file, minted from the Kubernetes CA in the config (talos:
 * pkg/kubeconfig). */
#include <stdio.h>

#include "base/codec.h"
#include "sim/talos/internal.h"

#define TAR_BLOCK 512

static void octal(char *field, size_t n, uint64_t v) {
        snprintf(field, n, "%0*llo", (int) n - 1, (unsigned long long) v);
}

/* One ustar header, the content, zeroes to the block's end; no end blocks, as the real one leaves them out. */
static void tar_add(struct strbuf *b, const char *name, const char *content, size_t n, int64_t now_ms) {
        char header[TAR_BLOCK] = { 0 }, padding[TAR_BLOCK] = { 0 };
        unsigned sum = 0;

        snprintf(header, 100, "%s", name);
        octal(header + 100, 8, 0600);
        octal(header + 108, 8, 0);
        octal(header + 116, 8, 0);
        octal(header + 124, 12, n);
        octal(header + 136, 12, (uint64_t) (now_ms / 1000));
        memset(header + 148, ' ', 8);
        header[156] = '0';
        memcpy(header + 257, "ustar", 6);
        memcpy(header + 263, "00", 2);
        for (size_t i = 0; i < TAR_BLOCK; i++)
                sum += (unsigned char) header[i];
        snprintf(header + 148, 8, "%06o", sum);
        header[155] = ' ';
        strbuf_add(b, header, TAR_BLOCK);
        strbuf_add(b, content, n);
        strbuf_add(b, padding, (TAR_BLOCK - n % TAR_BLOCK) % TAR_BLOCK);
}

static void write_kubeconfig(const struct sim_config *c, const struct cert_pair *admin, struct strbuf *b) {
        _cleanup_str_ char *ca = base64_encode(c->k8s_ca.cert_pem, strlen(c->k8s_ca.cert_pem));
        _cleanup_str_ char *cert = base64_encode(admin->cert_pem, strlen(admin->cert_pem));
        _cleanup_str_ char *key = base64_encode(admin->key_pem, strlen(admin->key_pem));
        const char *name = c->cluster_name;
        strbuf_addf(b,
                    "apiVersion: v1\nkind: Config\nclusters:\n- name: %s\n  cluster:\n    server: %s\n    "
                    "certificate-authority-data: %s\n",
                    name, c->endpoint, ca);
        strbuf_addf(b, "users:\n- name: admin@%s\n  user:\n    client-certificate-data: %s\n    client-key-data: %s\n", name,
                    cert, key);
        strbuf_addf(b, "contexts:\n- context:\n    cluster: %s\n    namespace: default\n    user: admin@%s\n  name: admin@%s\n",
                    name, name, name);
        strbuf_addf(b, "current-context: admin@%s\n", name);
}

int talos_kubeconfig_archive(struct sim_talos *t, struct strbuf *ret, struct error *err) {
        static const char *const organizations[] = { "system:masters", NULL };
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT, tar = STRBUF_INIT;
        _cleanup_cert_pair_ struct cert_pair admin = { 0 };
        int64_t now = loop_now_ms(t->world->loop);
        struct cert_spec s = { .common_name = "admin", .organizations = organizations, .client_auth = true,
                               .not_before_ms = now - 10000,
                               .lifetime_ms = t->config->admin_kubeconfig_ms };
        uint8_t *gz;
        size_t n;
        int r;

        if (!t->config->control_plane)
                return error_set(err, ERR_REFUSED, "kubeconfig is only available on control plane nodes");
        if ((r = cert_issue(&t->config->k8s_ca, &s, &admin, err)) < 0)
                return r;
        write_kubeconfig(t->config, &admin, &text);
        tar_add(&tar, "kubeconfig", text.data, text.len, now);
        if ((r = gzip_compress(tar.data, tar.len, &gz, &n, err)) < 0)
                return r;
        strbuf_add(ret, gz, n);
        free(gz);
        return 0;
}
