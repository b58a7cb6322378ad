/* The kubeconfig and talosconfig that the commands of these names print: those that up wrote, with a certificate that holds; or, with an endpoint, new ones
 * from the vault alone, for a cluster that was not made by up. */
#include "base/file.h"
#include "base/secret.h"
#include "cluster/model.h"

#define RENEW_BEFORE_MS (INT64_C(30) * 24 * 3600 * 1000)

static int config_text(struct cluster *c, const char *name, char **ret, struct error *err) {
        _cleanup_str_ char *path = access_own_file(c, name);
        size_t len;
        _cleanup_error_ struct error e = ERROR_INIT;
        if (file_read(path, 1 << 20, ret, &len, &e) >= 0)
                return 0;
        if (e.kind != ERR_NOT_FOUND)
                return error_move(err, &e);
        error_set(err, ERR_NOT_FOUND, "cluster '%s' has no %s on this machine", c->name, name);
        return error_hint(err, "hcloud-v6 up writes it, from the vault below %s; with --endpoint it is made from the vault alone", c->state_dir);
}

static int write_own(struct cluster *c, const char *name, const char *text, struct error *err) {
        _cleanup_str_ char *path = access_own_file(c, name);
        return file_write_atomic(path, text, strlen(text), 0600, err);
}

/* Does it end within a month? One that has not begun yet is said, since every server refuses it until then. */
static int judge_certificate(struct cluster *c, const char *name, const char *pem, bool *ret_ends, struct error *err) {
        struct pki_info info = { 0 };
        int64_t now = clock_now_ms(c->clock);
        if (pki_read(pem, &info, err) < 0)
                return error_wrap(err, "the certificate of the %s", name);
        *ret_ends = info.not_after_ms < now + RENEW_BEFORE_MS;
        if (info.not_before_ms > now) {
                _cleanup_str_ char *from = time_format_rfc3339(info.not_before_ms), *span = time_format_span(info.not_before_ms - now);
                cluster_warn(c, "the certificate of the %s begins at %s, %s from now by this machine's clock: either that clock is behind, or the one of the machine that "
                                "made it was ahead, and then the cluster refuses it until that time", name, from, span);
        }
        pki_info_done(&info);
        return 0;
}

static void say_renewed(struct cluster *c, const char *name, const char *old, const char *renewed) {
        struct pki_info was = { 0 }, is = { 0 };
        if (pki_read(old, &was, NULL) >= 0 && pki_read(renewed, &is, NULL) >= 0) {
                _cleanup_str_ char *ended = time_format_rfc3339(was.not_after_ms), *until = time_format_rfc3339(is.not_after_ms);
                bool over = was.not_after_ms <= clock_now_ms(c->clock);
                cluster_warn(c, "the certificate of the %s %s at %s: here is a new one, which lasts until %s", name, over ? "ended" : "ends", ended, until);
        }
        pki_info_done(&was);
        pki_info_done(&is);
}

static int open_vault(struct cluster *c, struct error *err) {
        struct vault_options o = vault_options_of(c);
        return c->vault || vault_exists(&o) ? access_open(c, err) : access_no_vault(c, err);
}

static bool wants_new(const struct config_wish *wish) {
        return wish->endpoints && wish->endpoints->n > 0;
}

/* ---- kubeconfig ---- */

static int mint_kubeconfig(struct cluster *c, const char *server, struct talos_kubeconfig *ret, struct error *err) {
        if (open_vault(c, err) < 0)
                return -1;
        return talos_kubeconfig_mint(c->vault->secrets, c->name, server, 0, c->clock, ret, err);
}

static int renew_kubeconfig(struct cluster *c, struct talos_kubeconfig *k, char **text, struct error *err) {
        struct talos_kubeconfig renewed;
        if (mint_kubeconfig(c, k->server, &renewed, err) < 0)
                return error_wrap(err, "the certificate of the kubeconfig has ended or ends soon, and no new one can be made");
        say_renewed(c, "kubeconfig", k->client.cert, renewed.client.cert);
        talos_kubeconfig_done(k);
        *k = renewed;
        secret_free(*text);
        *text = talos_kubeconfig_write(k);
        return write_own(c, "kubeconfig", *text, err);
}

static int read_kubeconfig(struct cluster *c, struct talos_kubeconfig *k, char **text, struct error *err) {
        bool ends;
        if (config_text(c, "kubeconfig", text, err) < 0 || talos_kubeconfig_parse("kubeconfig", *text, strlen(*text), NULL, k, err) < 0 ||
            judge_certificate(c, "kubeconfig", k->client.cert, &ends, err) < 0)
                return -1;
        return ends ? renew_kubeconfig(c, k, text, err) : 0;
}

static int new_kubeconfig(struct cluster *c, const struct strv *endpoints, struct talos_kubeconfig *k, char **text, struct error *err) {
        if (endpoints->n > 1)
                return error_set(err, ERR_USAGE, "a kubeconfig names one endpoint");
        if (!str_starts(endpoints->items[0], "https://"))
                return error_set(err, ERR_USAGE, "'%s' is no endpoint like https://[2001:db8::1]:6443", endpoints->items[0]);
        if (mint_kubeconfig(c, endpoints->items[0], k, err) < 0)
                return -1;
        *text = talos_kubeconfig_write(k);
        return 0;
}

int cluster_kubeconfig(struct cluster *c, const struct config_wish *wish, char **ret, struct error *err) {
        _cleanup_talos_kubeconfig_ struct talos_kubeconfig k = { 0 };
        _cleanup_secret_ char *text = NULL;
        int r = wants_new(wish) ? new_kubeconfig(c, wish->endpoints, &k, &text, err) : read_kubeconfig(c, &k, &text, err);
        if (r >= 0 && wish->merge_into)
                r = talos_kubeconfig_merge_file(wish->merge_into, &k, true, err);
        if (r < 0)
                return r;
        *ret = TAKE(text);
        return 0;
}

/* ---- talosconfig ---- */

static int mint_talosconfig(struct cluster *c, const struct strv *endpoints, struct talosconfig_context *ret, struct error *err) {
        struct strv none = { 0 };
        if (open_vault(c, err) < 0)
                return -1;
        return talosconfig_mint(c->vault->secrets, c->name, endpoints, &none, NULL, 0, c->clock, ret, err);
}

static int renew_talosconfig(struct cluster *c, struct talosconfig_context *k, char **text, struct error *err) {
        struct talosconfig_context renewed;
        if (mint_talosconfig(c, &k->endpoints, &renewed, err) < 0)
                return error_wrap(err, "the certificate of the talosconfig has ended or ends soon, and no new one can be made");
        say_renewed(c, "talosconfig", k->client.cert, renewed.client.cert);
        talosconfig_context_done(k);
        *k = renewed;
        secret_free(*text);
        *text = talosconfig_write(k);
        return write_own(c, "talosconfig", *text, err);
}

static int read_talosconfig(struct cluster *c, struct talosconfig_context *k, char **text, struct error *err) {
        bool ends;
        if (config_text(c, "talosconfig", text, err) < 0 || talosconfig_parse("talosconfig", *text, strlen(*text), NULL, k, err) < 0 ||
            judge_certificate(c, "talosconfig", k->client.cert, &ends, err) < 0)
                return -1;
        return ends ? renew_talosconfig(c, k, text, err) : 0;
}

static int new_talosconfig(struct cluster *c, const struct strv *endpoints, struct talosconfig_context *k, char **text, struct error *err) {
        struct ip6_addr address;
        for (size_t i = 0; i < endpoints->n; i++)
                if (!ip6_parse(endpoints->items[i], &address))
                        return error_set(err, ERR_USAGE, "'%s' is no IPv6 address of a control plane", endpoints->items[i]);
        if (mint_talosconfig(c, endpoints, k, err) < 0)
                return -1;
        *text = talosconfig_write(k);
        return 0;
}

int cluster_talosconfig(struct cluster *c, const struct config_wish *wish, char **ret, struct error *err) {
        _cleanup_talosconfig_context_ struct talosconfig_context k = { 0 };
        _cleanup_secret_ char *text = NULL;
        int r = wants_new(wish) ? new_talosconfig(c, wish->endpoints, &k, &text, err) : read_talosconfig(c, &k, &text, err);
        if (r >= 0 && wish->merge_into)
                r = talosconfig_merge_file(wish->merge_into, &k, true, err);
        if (r < 0)
                return r;
        *ret = TAKE(text);
        return 0;
}
