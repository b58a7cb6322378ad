/* The vault. One text file: a readable header, then the sealed secrets.yaml (docs/vault.md). */
#include "cluster/vault.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/strbuf.h"
#include "cluster/spec.h"

#define MAGIC "hcloud-v6-vault 1"
#define VAULT_MAX (256 * 1024)
#define KEY_LEN crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_LEN crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_LEN crypto_aead_xchacha20poly1305_ietf_ABYTES
/* Argon2id: about a second and 256 MiB on today's machines; both numbers stand in the file and may be raised. */
#define OPS_LIMIT crypto_pwhash_OPSLIMIT_MODERATE
#define MEM_LIMIT crypto_pwhash_MEMLIMIT_MODERATE
#define MEM_LIMIT_MAX (4ULL << 30)

struct header {
        struct kvs fields;
        size_t len;               /* bytes of the header with its blank line: the authenticated part */
};

void vault_free(struct vault *v) {
        if (!v)
                return;
        free(v->dir);
        free(v->uid);
        talos_secrets_free(v->secrets);
        free(v);
}

int vault_dir(const struct vault_options *o, char **ret, struct error *err) {
        if (cluster_name_check(o->cluster, err) < 0)
                return -1;
        _cleanup_str_ char *base = o->state_dir ? xstrdup(o->state_dir) : NULL;
        if (!base && xdg_state_dir(&base, err) < 0)
                return -1;
        *ret = path_join(base, o->cluster);
        return 0;
}

static int vault_path(const struct vault_options *o, const char *name, char **ret, struct error *err) {
        _cleanup_str_ char *dir = NULL;
        if (vault_dir(o, &dir, err) < 0)
                return -1;
        *ret = path_join(dir, name);
        return 0;
}

/* Whatever it is: a link into a medium that is not mounted is no reason to make new secrets. */
static bool is_there(const char *path) {
        struct stat st;
        return lstat(path, &st) == 0;
}

bool vault_exists(const struct vault_options *o) {
        _cleanup_str_ char *path = NULL;
        return vault_path(o, "vault", &path, NULL) >= 0 && is_there(path);
}

static int damaged(const char *path, const char *how, struct error *err) {
        error_set(err, ERR_REFUSED, "the vault %s is damaged: %s", path, how);
        return error_hint(err, "put back a copy of this file and of 'key' beside it; without them nobody can operate the cluster, only destroy it");
}

/* It becomes part of a path (vault_archive()) and of labels. */
static bool is_uid(const char *uid) {
        return !str_empty(uid) && uid[strspn(uid, "0123456789abcdefghijklmnopqrstuvwxyz-")] == '\0';
}

static int parse_header(const char *path, const char *text, struct header *ret, struct error *err) {
        struct header h = { 0 };
        if (!str_starts(text, MAGIC "\n"))
                return damaged(path, "it does not begin with '" MAGIC "'", err);
        const char *p = text + strlen(MAGIC) + 1;
        while (*p && *p != '\n') {
                const char *end = strchr(p, '\n'), *colon = strstr(p, ": ");
                if (!end || !colon || colon > end) {
                        kvs_done(&h.fields);
                        return damaged(path, "its header is cut short", err);
                }
                _cleanup_str_ char *key = xstrndup(p, (size_t) (colon - p)), *value = xstrndup(colon + 2, (size_t) (end - colon - 2));
                kvs_set(&h.fields, key, value);
                p = end + 1;
        }
        if (*p != '\n' || !kvs_get(&h.fields, "uid") || !kvs_get(&h.fields, "nonce") || !kvs_get(&h.fields, "seal") || !kvs_get(&h.fields, "check")) {
                kvs_done(&h.fields);
                return damaged(path, "its header is cut short", err);
        }
        if (!is_uid(kvs_get(&h.fields, "uid"))) {
                kvs_done(&h.fields);
                return damaged(path, "its uid is none", err);
        }
        h.len = (size_t) (p + 1 - text);
        *ret = h;
        return 0;
}

static int read_vault(const struct vault_options *o, char **ret_path, char **ret_text, size_t *ret_len, struct header *ret, struct error *err) {
        _cleanup_str_ char *path = NULL, *text = NULL;
        size_t len = 0;
        if (vault_path(o, "vault", &path, err) < 0 || file_read_private(path, VAULT_MAX, 022, &text, &len, err) < 0)
                return -1;
        if (parse_header(path, text, ret, err) < 0)
                return -1;
        *ret_path = TAKE(path);
        *ret_text = TAKE(text);
        *ret_len = len;
        return 0;
}

int vault_read_uid(const struct vault_options *o, char **ret_uid, struct error *err) {
        _cleanup_str_ char *path = NULL, *text = NULL;
        size_t len;
        struct header h = { 0 };
        if (read_vault(o, &path, &text, &len, &h, err) < 0)
                return -1;
        *ret_uid = xstrdup(kvs_get(&h.fields, "uid"));
        kvs_done(&h.fields);
        return 0;
}

/* Tells a wrong key from a damaged file without helping anybody who has neither. */
static char *key_check(const uint8_t key[static KEY_LEN]) {
        static const char what[] = "hcloud-v6 vault key";
        uint8_t out[16];
        crypto_generichash(out, sizeof(out), (const uint8_t *) what, sizeof(what) - 1, key, KEY_LEN);
        return hex_encode(out, 8);
}

static int read_key_file(const char *path, uint8_t ret[static KEY_LEN], struct error *err) {
        _cleanup_secret_ char *text = NULL;
        size_t len = 0, got = 0;
        if (file_read_private(path, 1024, 077, &text, &len, err) < 0)
                return -1;
        size_t digits = strspn(text, "0123456789abcdef");        /* as they were written: no upper case */
        if (digits != 2 * KEY_LEN || digits + strspn(text + digits, "\r\n") != len || sodium_hex2bin(ret, KEY_LEN, text, digits, NULL, &got, NULL) < 0 || got != KEY_LEN)
                return error_set(err, ERR_REFUSED, "the vault's key %s is no key: 64 hex digits are expected", path);
        return 0;
}

/* An existing key file is used again: it may be the survivor of a run that died between the two writes. */
static int make_key_file(const char *path, uint8_t ret[static KEY_LEN], struct error *err) {
        if (is_there(path))
                return read_key_file(path, ret, err);
        random_bytes(ret, KEY_LEN);
        _cleanup_secret_ char *hex = hex_encode(ret, KEY_LEN);
        _cleanup_secret_ char *line = xasprintf("%s\n", hex);
        return file_write_atomic(path, line, strlen(line), 0600, err);
}

static int stretch(const char *passphrase, const uint8_t *salt, uint64_t ops, uint64_t mem, uint8_t ret[static KEY_LEN], struct error *err) {
        if (crypto_pwhash(ret, KEY_LEN, passphrase, strlen(passphrase), salt, ops, (size_t) mem, crypto_pwhash_ALG_ARGON2ID13) != 0)
                return error_set(err, ERR_IO, "not enough memory to derive the vault's key (%llu MiB are needed)", (unsigned long long) (mem >> 20));
        return 0;
}

static int ask_passphrase(const struct vault_options *o, const char *question, char **ret, struct error *err) {
        if (!o->ask) {
                error_set(err, ERR_REFUSED, "the vault of cluster '%s' is sealed with a passphrase, and there is nobody to ask", o->cluster);
                return error_hint(err, "run the command on a terminal");
        }
        *ret = o->ask(o->ask_data, question, err);
        return *ret ? 0 : -1;
}

static int open_key(const struct vault_options *o, const char *path, const struct header *h, uint8_t ret[static KEY_LEN], struct error *err) {
        if (str_eq(kvs_get(&h->fields, "seal"), "key")) {
                _cleanup_str_ char *key_path = NULL;
                if (vault_path(o, "key", &key_path, err) < 0)
                        return -1;
                if (!is_there(key_path))
                        return error_set(err, ERR_REFUSED, "the key of the vault %s is missing: %s", path, key_path);
                return read_key_file(key_path, ret, err);
        }
        _cleanup_free_ uint8_t *salt = NULL;
        size_t n = 0;
        int64_t ops = 0, mem = 0;
        const char *s = kvs_get(&h->fields, "salt"), *limits_ops = kvs_get(&h->fields, "ops"), *limits_mem = kvs_get(&h->fields, "mem");
        if (!s || base64_decode(s, strlen(s), false, &salt, &n, NULL) < 0 || n != crypto_pwhash_SALTBYTES || !limits_ops || !limits_mem ||
            !parse_int64(limits_ops, 1, 1000, &ops) || !parse_int64(limits_mem, 8192, (int64_t) MEM_LIMIT_MAX, &mem))
                return damaged(path, "salt or limits of the passphrase cannot be read", err);
        _cleanup_str_ char *question = xasprintf("Passphrase of cluster '%s'", o->cluster);
        _cleanup_secret_ char *pass = NULL;
        if (ask_passphrase(o, question, &pass, err) < 0)
                return -1;
        return stretch(pass, salt, (uint64_t) ops, (uint64_t) mem, ret, err);
}

static int unseal(const char *path, const char *text, size_t len, const struct header *h, const uint8_t *key, char **ret, struct error *err) {
        _cleanup_str_ char *check = key_check(key);
        if (!secret_equal(check, kvs_get(&h->fields, "check"))) {
                bool phrase = !str_eq(kvs_get(&h->fields, "seal"), "key");
                error_set(err, ERR_REFUSED, phrase ? "wrong passphrase for the vault %s" : "the key file does not belong to the vault %s", path);
                return phrase ? -1 : error_hint(err, "put back the file 'key' that was made together with it");
        }
        _cleanup_free_ uint8_t *nonce = NULL, *sealed = NULL;
        size_t n_nonce = 0, n_sealed = 0;
        const char *nonce_text = kvs_get(&h->fields, "nonce");
        if (base64_decode(nonce_text, strlen(nonce_text), false, &nonce, &n_nonce, NULL) < 0 || n_nonce != NONCE_LEN ||
            base64_decode(text + h->len, len - h->len, false, &sealed, &n_sealed, NULL) < 0 || n_sealed <= TAG_LEN)
                return damaged(path, "the sealed part is cut short", err);
        char *plain = xcalloc(1, n_sealed - TAG_LEN + 1);
        unsigned long long n = 0;
        if (crypto_aead_xchacha20poly1305_ietf_decrypt((uint8_t *) plain, &n, NULL, sealed, n_sealed, (const uint8_t *) text, h->len, nonce, key) != 0) {
                free(plain);
                return damaged(path, "it was changed after it was written", err);
        }
        *ret = plain;
        return 0;
}

int vault_open(const struct vault_options *o, struct vault **ret, struct error *err) {
        _cleanup_str_ char *path = NULL, *text = NULL;
        size_t len;
        struct header h = { 0 };
        if (read_vault(o, &path, &text, &len, &h, err) < 0)
                return -1;
        uint8_t key[KEY_LEN];
        _cleanup_secret_ char *plain = NULL;
        int rc = open_key(o, path, &h, key, err);
        if (rc >= 0)
                rc = unseal(path, text, len, &h, key, &plain, err);
        sodium_memzero(key, sizeof(key));
        _cleanup_vault_ struct vault *v = xnew0(struct vault);
        v->uid = xstrdup(kvs_get(&h.fields, "uid"));
        const char *created = kvs_get(&h.fields, "created");
        if (created)
                time_parse_rfc3339(created, &v->created_ms);
        kvs_done(&h.fields);
        if (rc < 0 || vault_dir(o, &v->dir, err) < 0)
                return -1;
        if (talos_secrets_parse(path, plain, strlen(plain), &v->secrets, err) < 0)
                return -1;
        *ret = TAKE(v);
        return 0;
}

static void write_header(const struct vault_options *o, const char *uid, int64_t now, const char *check, const uint8_t *salt, const uint8_t *nonce,
                         struct strbuf *b) {
        _cleanup_str_ char *when = time_format_rfc3339(now), *n = base64_encode(nonce, NONCE_LEN);
        strbuf_addf(b, MAGIC "\ncluster: %s\nuid: %s\ncreated: %s\nseal: %s\n", o->cluster, uid, when, salt ? "passphrase" : "key");
        if (salt) {
                _cleanup_str_ char *s = base64_encode(salt, crypto_pwhash_SALTBYTES);
                strbuf_addf(b, "salt: %s\nops: %llu\nmem: %llu\n", s, (unsigned long long) OPS_LIMIT, (unsigned long long) MEM_LIMIT);
        }
        strbuf_addf(b, "check: %s\nnonce: %s\n\n", check, n);
}

static int new_key(const struct vault_options *o, uint8_t key[static KEY_LEN], uint8_t *salt, struct error *err) {
        if (!o->passphrase) {
                _cleanup_str_ char *path = NULL;
                return vault_path(o, "key", &path, err) < 0 ? -1 : make_key_file(path, key, err);
        }
        _cleanup_str_ char *question = xasprintf("New passphrase for cluster '%s'", o->cluster);
        _cleanup_secret_ char *pass = NULL;
        if (ask_passphrase(o, question, &pass, err) < 0)
                return -1;
        random_bytes(salt, crypto_pwhash_SALTBYTES);
        return stretch(pass, salt, OPS_LIMIT, MEM_LIMIT, key, err);
}

static int seal_to_file(const struct vault_options *o, const struct vault *v, struct error *err) {
        uint8_t key[KEY_LEN], salt[crypto_pwhash_SALTBYTES], nonce[NONCE_LEN];
        if (new_key(o, key, salt, err) < 0)
                return -1;
        random_bytes(nonce, sizeof(nonce));
        _cleanup_str_ char *check = key_check(key);
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        write_header(o, v->uid, v->created_ms, check, o->passphrase ? salt : NULL, nonce, &b);
        _cleanup_secret_ char *plain = talos_secrets_write(v->secrets);
        size_t n = strlen(plain);
        _cleanup_free_ uint8_t *sealed = xcalloc(1, n + TAG_LEN);
        unsigned long long n_sealed = 0;
        crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, &n_sealed, (const uint8_t *) plain, n, (const uint8_t *) b.data, b.len, NULL, nonce, key);
        sodium_memzero(key, sizeof(key));
        _cleanup_str_ char *body = base64_encode(sealed, (size_t) n_sealed);
        for (size_t i = 0, len = strlen(body); i < len; i += 76)
                strbuf_addf(&b, "%.76s\n", body + i);
        _cleanup_str_ char *path = path_join(v->dir, "vault");
        return file_write_atomic(path, b.data, b.len, 0600, err);
}

int vault_create_with(const struct vault_options *o, const char *uid, struct talos_secrets *secrets, struct vault **ret, struct error *err) {
        _cleanup_vault_ struct vault *v = xnew0(struct vault);
        v->secrets = secrets;
        if (sodium_init() < 0)
                return error_set(err, ERR_BUG, "libsodium cannot be initialised");
        if (vault_exists(o))
                return error_set(err, ERR_EXISTS, "there is a vault for cluster '%s' already; its secrets are never replaced", o->cluster);
        if (vault_dir(o, &v->dir, err) < 0 || dir_make(v->dir, 0700, err) < 0)
                return -1;
        uint8_t id[8];
        random_bytes(id, sizeof(id));
        v->uid = uid ? xstrdup(uid) : hex_encode(id, sizeof(id));
        v->created_ms = clock_now_ms(o->clock);
        if (seal_to_file(o, v, err) < 0)
                return error_wrap(err, "writing the vault of cluster '%s'", o->cluster);
        *ret = TAKE(v);
        return 0;
}

int vault_create(const struct vault_options *o, const struct talos_contract *contract, struct vault **ret, struct error *err) {
        if (vault_exists(o))
                return error_set(err, ERR_EXISTS, "there is a vault for cluster '%s' already; its secrets are never replaced", o->cluster);
        struct talos_secrets *s = NULL;
        if (talos_secrets_generate(contract, o->clock, &s, err) < 0)
                return -1;
        return vault_create_with(o, NULL, s, ret, err);
}

static int move_file(const char *from_dir, const char *to_dir, const char *name, struct error *err) {
        _cleanup_str_ char *from = path_join(from_dir, name), *to = path_join(to_dir, name);
        if (!is_there(from))
                return 0;
        if (rename(from, to) < 0)
                return error_set_errno(err, "moving %s to %s", from, to);
        return 0;
}

int vault_archive(const struct vault_options *o, struct error *err) {
        _cleanup_str_ char *dir = NULL, *uid = NULL;
        if (vault_dir(o, &dir, err) < 0)
                return -1;
        if (vault_exists(o)) {
                if (vault_read_uid(o, &uid, NULL) < 0)
                        uid = xstrdup("unreadable");
                _cleanup_str_ char *base = o->state_dir ? xstrdup(o->state_dir) : NULL;
                if (!base && xdg_state_dir(&base, err) < 0)
                        return -1;
                _cleanup_str_ char *archive = xasprintf("%s/archive/%s-%s-%lld", base, o->cluster, uid, (long long) (clock_now_ms(o->clock) / 1000));
                if (dir_make(archive, 0700, err) < 0 || move_file(dir, archive, "key", err) < 0 || move_file(dir, archive, "vault", err) < 0)
                        return -1;
        }
        static const char *const others[] = { "kubeconfig", "talosconfig", "cloud", "destroying", "key" };
        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                _cleanup_str_ char *path = path_join(dir, others[i]);
                if (file_remove(path, err) < 0)
                        return -1;
        }
        return 0;
}
