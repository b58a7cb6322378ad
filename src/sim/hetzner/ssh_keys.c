/* SSH keys: checked for shape, unique by name and by fingerprint. */
#include "sim/hetzner/internal.h"

#include <openssl/evp.h>

#include "base/codec.h"

/* "ssh-ed25519 AAAA… comment" to the MD5 of the blob, colon-separated; NULL when it is no key. */
static char *fingerprint(const char *key) {
        static const char *const types[] = { "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
                                             "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com" };
        _cleanup_strv_ struct strv words = { 0 };
        _cleanup_free_ uint8_t *blob = NULL;
        size_t n = 0;
        bool known = false;

        strv_split(&words, key, ' ');
        for (size_t i = 0; i < ARRAY_SIZE(types); i++)
                known |= str_eq(words.items[0], types[i]);
        if (!known || words.n < 2)
                return NULL;
        struct error err = ERROR_INIT;
        words.items[1][strcspn(words.items[1], "\r\n")] = '\0';
        int r = base64_decode(words.items[1], strlen(words.items[1]), false, &blob, &n, &err);
        error_done(&err);
        size_t type_len = strlen(words.items[0]);
        if (r < 0 || n < 4 + type_len || blob[3] != type_len || memcmp(blob + 4, words.items[0], type_len) != 0)
                return NULL;
        uint8_t digest[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        if (EVP_Digest(blob, n, digest, &len, EVP_md5(), NULL) != 1)
                return NULL;
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (unsigned i = 0; i < len; i++)
                strbuf_addf(&b, "%s%02x", i ? ":" : "", digest[i]);
        return strbuf_take(&b);
}

static json_t *render(struct sim_hetzner *c, const struct cloud_object *o) {
        const struct cloud_ssh_key *k = (const struct cloud_ssh_key *) o;

        (void) c;
        return json_pack("{s:I,s:s,s:s,s:s,s:o,s:o}", "id", (json_int_t) o->id, "name", o->name, "fingerprint", k->fingerprint, "public_key",
                         k->public_key, "labels", json_from_kvs(&o->labels), "created", json_time(o->created_ms));
}

static int create(struct cloud_call *c) {
        const char *name = NULL, *key = NULL;

        if (body_required(c, (const char *const[]) { "name", "public_key", NULL }) < 0 || body_str(c, "name", &name) < 0 ||
            body_str(c, "public_key", &key) < 0)
                return -1;
        _cleanup_str_ char *print = fingerprint(key);
        if (!print)
                return reply_invalid(c, "public_key", "SSH key is malformed");
        if (check_name(c, KIND_SSH_KEY, name, NULL) < 0 || check_quota(c, KIND_SSH_KEY) < 0)
                return -1;
        CLOUD_EACH(c->cloud, KIND_SSH_KEY, struct cloud_ssh_key, other)
                if (str_eq(other->fingerprint, print)) {
                        json_t *details = json_pack("{s:[{s:s,s:[s]}]}", "fields", "name", "public_key", "messages", "is already used");
                        return reply_error_details(c, 409, "uniqueness_error", details, "SSH key with the same fingerprint already exists");
                }
        _cleanup_kvs_ struct kvs labels = { 0 };
        if (body_labels(c, &labels) < 0)
                return -1;
        struct cloud_ssh_key *k = xnew0(struct cloud_ssh_key);
        k->o.name = xstrdup(name);
        k->public_key = xstrdup(key);
        k->fingerprint = TAKE(print);
        kvs_copy(&k->o.labels, &labels);
        cloud_add(c->cloud, KIND_SSH_KEY, &k->o);
        json_t *o = json_object();
        json_object_set_new(o, "ssh_key", render(c->cloud, &k->o));
        return reply_json(c, 201, o);
}

static int delete(struct cloud_call *c) {
        cloud_remove(c->cloud, c->object);
        return reply_empty(c, 204);
}

static bool matches(struct cloud_call *c, const struct cloud_object *o) {
        const char *print = call_query(c, "fingerprint", 0);
        return !print || str_eq(print, ((const struct cloud_ssh_key *) o)->fingerprint);
}

static void free_key(struct cloud_object *o) {
        struct cloud_ssh_key *k = (struct cloud_ssh_key *) o;

        cloud_object_done(o);
        free(k->public_key);
        free(k->fingerprint);
        free(k);
}

static const char *const sort[] = { "id", "name", NULL };
const struct cloud_class class_ssh_key = { .path = "ssh_keys", .singular = "ssh_key", .title = "SSH key", .render = render, .matches = matches,
                                           .free = free_key, .sort = sort, .unique_names = true, .labels = true };

static const struct cloud_route_entry routes[] = {
        { "GET", "/ssh_keys", KIND_SSH_KEY, cloud_list, 0 },
        { "POST", "/ssh_keys", KIND_SSH_KEY, create, ROUTE_BODY },
        { "GET", "/ssh_keys/{id}", KIND_SSH_KEY, cloud_show, 0 },
        { "PUT", "/ssh_keys/{id}", KIND_SSH_KEY, cloud_update, ROUTE_BODY },
        { "DELETE", "/ssh_keys/{id}", KIND_SSH_KEY, delete, 0 },
};
const struct cloud_routes routes_ssh_key = { routes, ARRAY_SIZE(routes) };
