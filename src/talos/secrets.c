#include "talos/secrets.h"

#include <ctype.h>
#include <pthread.h>
#include <stddef.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/secret.h"
#include "talos/tree.h"

/* The file holds five PEM blocks and a few tokens: some 10 KiB. */
#define SECRETS_FILE_MAX (256 * 1024)

#define DEFAULT_LIFETIME_S ((int64_t) 8760 * 3600)

#define TOKEN_ALPHABET "0123456789abcdefghijklmnopqrstuvwxyz"

/* The fields of secrets.yaml in the order in which talosctl writes them (talos: config/generate/secrets/bundle.go). */
static const struct field {
        const char *section, *part, *key;    /* "certs", "etcd", "crt": or without part */
        size_t offset;
        bool pem;                            /* base64 of PEM text in the file, PEM in memory */
        bool optional;
} fields[] = {
#define AT(member) offsetof(struct talos_secrets, member)
        { "cluster", NULL, "id", AT(cluster_id), false, false },
        { "cluster", NULL, "secret", AT(cluster_secret), false, false },
        { "secrets", NULL, "bootstraptoken", AT(bootstrap_token), false, false },
        { "secrets", NULL, "aescbcencryptionsecret", AT(aescbc_secret), false, true },
        { "secrets", NULL, "secretboxencryptionsecret", AT(secretbox_secret), false, true },
        { "trustdinfo", NULL, "token", AT(machine_token), false, false },
        { "certs", "etcd", "crt", AT(etcd.cert), true, false },
        { "certs", "etcd", "key", AT(etcd.key), true, false },
        { "certs", "k8s", "crt", AT(kubernetes.cert), true, false },
        { "certs", "k8s", "key", AT(kubernetes.key), true, false },
        { "certs", "k8saggregator", "crt", AT(aggregator.cert), true, false },
        { "certs", "k8saggregator", "key", AT(aggregator.key), true, false },
        { "certs", "k8sserviceaccount", "key", AT(service_account_key), true, false },
        { "certs", "os", "crt", AT(os.cert), true, false },
        { "certs", "os", "key", AT(os.key), true, false },
#undef AT
};

static char **value_at(struct talos_secrets *s, const struct field *f) {
        return (char **) ((char *) s + f->offset);
}

static const char *value_of(const struct talos_secrets *s, const struct field *f) {
        return *(char *const *) ((const char *) s + f->offset);
}

void talos_secrets_free(struct talos_secrets *s) {
        if (!s)
                return;
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                secret_free(*value_at(s, &fields[i]));
        free(s);
}

static char *field_path(const struct field *f) {
        return f->part ? xasprintf("%s.%s.%s", f->section, f->part, f->key) : xasprintf("%s.%s", f->section, f->key);
}

static char *random_base64(bool url) {
        uint8_t bytes[32];
        random_bytes(bytes, sizeof bytes);
        char *text = url ? base64url_encode(bytes, sizeof bytes) : base64_encode(bytes, sizeof bytes);
        secret_wipe(bytes, sizeof bytes);
        return text;
}

static char *random_join_token(void) {
        _cleanup_secret_ char *id = random_token(TOKEN_ALPHABET, 6), *secret = random_token(TOKEN_ALPHABET, 16);

        return xasprintf("%s.%s", id, secret);
}

struct service_account_job {
        char *key;
        struct error err;
        int r;
};

static void *make_service_account_key(void *arg) {
        struct service_account_job *job = arg;

        job->r = pki_key_new(PKI_RSA4096, &job->key, &job->err);
        return NULL;
}

static int make_authorities(struct talos_secrets *s, struct clock *clock, struct error *err) {
        if (pki_ca_new("etcd", PKI_P256, clock, &s->etcd, err) < 0 ||
            pki_ca_new("kubernetes", PKI_P256, clock, &s->kubernetes, err) < 0 ||
            pki_ca_new(NULL, PKI_P256, clock, &s->aggregator, err) < 0)
                return -1;
        return pki_ca_new("talos", PKI_ED25519, clock, &s->os, err);
}

int talos_secrets_generate(const struct talos_contract *contract, struct clock *clock, struct talos_secrets **ret_secrets,
                           struct error *err) {
        _cleanup_talos_secrets_ struct talos_secrets *s = xnew0(struct talos_secrets);
        struct service_account_job job = { .err = ERROR_INIT };
        pthread_t thread;

        /* RSA-4096 takes most of the time; the rest is made meanwhile. */
        bool threaded = pthread_create(&thread, NULL, make_service_account_key, &job) == 0;
        if (!threaded)
                make_service_account_key(&job);
        /* 1.14 went over to the standard alphabet; Talos never decodes it. */
        s->cluster_id = random_base64(!talos_contract_at_least(contract, 1, 14));
        s->cluster_secret = random_base64(false);
        s->secretbox_secret = random_base64(false);
        s->bootstrap_token = random_join_token();
        s->machine_token = random_join_token();
        int r = make_authorities(s, clock, err);
        if (threaded)
                pthread_join(thread, NULL);
        s->service_account_key = job.key;
        if (r >= 0 && job.r < 0)
                return error_move(err, &job.err);
        error_done(&job.err);
        if (r < 0)
                return r;
        *ret_secrets = TAKE(s);
        return 0;
}

static int take_field(struct talos_secrets *s, const struct field *f, const struct yaml_node *root, const char *name,
                      struct error *err) {
        const struct yaml_node *section = yaml_get(root, f->section);
        const struct yaml_node *n = yaml_get(f->part ? yaml_get(section, f->part) : section, f->key);
        _cleanup_str_ char *path = field_path(f);
        uint8_t *pem;
        size_t len;

        if (!n || n->type == YAML_NULL || str_empty(yaml_str(n)))
                return f->optional ? 0 : error_set(err, ERR_INVALID, "%s: '%s' is missing", name, path);
        if (!f->pem) {
                *value_at(s, f) = xstrdup(yaml_str(n));
                return 0;
        }
        if (base64_decode(yaml_str(n), strlen(yaml_str(n)), false, &pem, &len, err) < 0)
                return error_wrap(err, "%s:%u:%u: '%s'", name, n->line, n->column, path);
        if (strlen((char *) pem) != len) {
                free(pem);
                return error_set(err, ERR_INVALID, "%s:%u:%u: '%s' holds a NUL byte", name, n->line, n->column, path);
        }
        *value_at(s, f) = (char *) pem;
        return 0;
}

int talos_secrets_parse(const char *name, const char *text, size_t len, struct talos_secrets **ret_secrets, struct error *err) {
        _cleanup_talos_secrets_ struct talos_secrets *s = xnew0(struct talos_secrets);
        _cleanup_secret_tree_ struct yaml_node *root = NULL;

        if (yaml_parse_one(name, text, len, &root, err) < 0)
                return -1;
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
                if (take_field(s, &fields[i], root, name, err) < 0)
                        return -1;
        if (talos_secrets_validate(s, err) < 0)
                return error_wrap(err, "%s", name);
        *ret_secrets = TAKE(s);
        return 0;
}

static int check_token(const char *token, const char *path, struct error *err) {
        size_t id = token ? strspn(token, TOKEN_ALPHABET) : 0;

        if (id != 6 || token[6] != '.' || strspn(token + 7, TOKEN_ALPHABET) != 16 || token[23])
                return error_set(err, ERR_INVALID, "'%s' is no token of the form abcdef.0123456789abcdef", path);
        return 0;
}

static int check_key_bytes(const char *text, const char *path, struct error *err) {
        uint8_t *bytes;
        size_t n;

        if (base64_decode(text ? text : "", text ? strlen(text) : 0, false, &bytes, &n, err) < 0)
                return error_wrap(err, "'%s'", path);
        secret_wipe(bytes, n);
        free(bytes);
        return n == 32 ? 0 : error_set(err, ERR_INVALID, "'%s' is not the base64 form of 32 bytes", path);
}

static int check_authority(const struct pki_pair *ca, const char *path, struct error *err) {
        _cleanup_pki_info_ struct pki_info info = { 0 };

        if (pki_check_pair(ca->cert, ca->key, err) < 0 || pki_read(ca->cert, &info, err) < 0)
                return error_wrap(err, "'%s'", path);
        return info.is_ca ? 0 : error_set(err, ERR_INVALID, "'%s.crt' is no certificate authority", path);
}

int talos_secrets_validate(const struct talos_secrets *s, struct error *err) {
        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                _cleanup_str_ char *path = field_path(&fields[i]);
                if (!fields[i].optional && str_empty(value_of(s, &fields[i])))
                        return error_set(err, ERR_INVALID, "'%s' is missing", path);
        }
        if (str_empty(s->secretbox_secret) == str_empty(s->aescbc_secret))
                return error_set(err, ERR_INVALID,
                                 "exactly one of secrets.secretboxencryptionsecret and .aescbcencryptionsecret must be set");
        if (check_key_bytes(s->cluster_secret, "cluster.secret", err) < 0 ||
            (s->secretbox_secret && check_key_bytes(s->secretbox_secret, "secrets.secretboxencryptionsecret", err) < 0) ||
            (s->aescbc_secret && check_key_bytes(s->aescbc_secret, "secrets.aescbcencryptionsecret", err) < 0) ||
            check_token(s->bootstrap_token, "secrets.bootstraptoken", err) < 0 ||
            check_token(s->machine_token, "trustdinfo.token", err) < 0 ||
            check_authority(&s->etcd, "certs.etcd", err) < 0 || check_authority(&s->kubernetes, "certs.k8s", err) < 0 ||
            check_authority(&s->aggregator, "certs.k8saggregator", err) < 0 || check_authority(&s->os, "certs.os", err) < 0)
                return -1;
        if (pki_check_key(s->service_account_key, err) < 0)
                return error_wrap(err, "'certs.k8sserviceaccount.key'");
        return 0;
}

/* Written by hand: every value is base64 or a token, of which none needs quotes but a token that looks like a number. */
static bool looks_like_number(const char *s) {
        static const char digits[] = "0123456789";
        size_t n = strspn(s, digits);

        if (s[n] != '.')
                return false;
        n += 1 + strspn(s + n + 1, digits);
        return !s[n] || ((s[n] == 'e') && s[n + 1] && strspn(s + n + 1, digits) == strlen(s + n + 1));
}

char *talos_secrets_write(const struct talos_secrets *s) {
        struct strbuf b = { .secret = true };
        const char *section = "", *part = "";

        for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
                const struct field *f = &fields[i];
                const char *value = value_of(s, f);
                if (str_empty(value))
                        continue;
                if (!str_eq(section, f->section))
                        strbuf_addf(&b, "%s:\n", f->section);
                if (f->part && !str_eq(part, f->part))
                        strbuf_addf(&b, "    %s:\n", f->part);
                section = f->section;
                part = f->part ? f->part : "";
                _cleanup_secret_ char *encoded = f->pem ? base64_encode(value, strlen(value)) : xstrdup(value);
                const char *quote = !f->pem && looks_like_number(value) ? "\"" : "";
                strbuf_addf(&b, "%s%s: %s%s%s\n", f->part ? "        " : "    ", f->key, quote, encoded, quote);
        }
        return strbuf_take(&b);
}

int talos_secrets_load(const char *path, struct talos_secrets **ret_secrets, struct error *err) {
        _cleanup_secret_ char *text = NULL;
        size_t len;

        if (file_read(path, SECRETS_FILE_MAX, &text, &len, err) < 0)
                return -1;
        return talos_secrets_parse(path, text, len, ret_secrets, err);
}

int talos_secrets_save(const struct talos_secrets *s, const char *path, struct error *err) {
        _cleanup_secret_ char *text = talos_secrets_write(s);

        return file_write_atomic(path, text, strlen(text), 0600, err);
}

int talos_client_certificate(const struct talos_secrets *s, const char *role, int64_t lifetime_s, struct clock *clock,
                             struct pki_pair *ret_pair, struct error *err) {
        _cleanup_strv_ struct strv roles = { 0 };

        /* apid refuses a certificate whose extended key usage is anything but exactly clientAuth (talos: internal/app/apid). */
        strv_add(&roles, role);
        struct pki_request request = {
                .organizations = &roles, .client_auth = true, .lifetime_s = lifetime_s ? lifetime_s : DEFAULT_LIFETIME_S,
        };
        if (pki_leaf_new(&s->os, &request, clock, ret_pair, err) < 0)
                return error_wrap(err, "Talos API certificate");
        return 0;
}

int talos_kubernetes_client_certificate(const struct talos_secrets *s, int64_t lifetime_s, struct clock *clock,
                                        struct pki_pair *ret_pair, struct error *err) {
        _cleanup_strv_ struct strv groups = { 0 };

        strv_add(&groups, "system:masters");
        struct pki_request request = {
                .organizations = &groups, .common_name = "admin", .key_encipherment = true, .client_auth = true,
                .back_date_s = 10, .lifetime_s = lifetime_s ? lifetime_s : DEFAULT_LIFETIME_S,
        };
        if (pki_leaf_new(&s->kubernetes, &request, clock, ret_pair, err) < 0)
                return error_wrap(err, "Kubernetes API certificate");
        return 0;
}
