#include "image/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/http.h"

#define HEAD_BYTES 6                     /* enough to know every packing */
#define FILE_BLOCK (128 * 1024)
#define FETCH_LOOK_MS (10 * 60 * 1000)   /* the image factory makes an image when it is first asked for it */

void image_written_done(struct image_written *w) {
        free(w->from);
        w->from = NULL;
}

/* ---- the builder's words ---- */

struct stream {
        const struct stream_options *o;
        struct ssh_link *link;
        struct ssh_command *command;
        struct image_written *written;
        bool done;                       /* the builder said so */
        /* what is sent from here */
        int64_t total, sent;
        crypto_hash_sha256_state hash;
        struct strbuf head;
        struct error error;              /* why sending stopped */
        bool ended;                      /* the command ended before it had everything: it knows why */
};

static void on_line(void *data, const char *line) {
        struct stream *s = data;
        struct script_line l;

        script_line_parse(line, &l);
        switch (l.word) {
        case SCRIPT_FROM:
                free(s->written->from);
                s->written->from = TAKE(l.text);
                break;
        case SCRIPT_NOTE:
                s->o->note(s->o->data, l.text);
                break;
        case SCRIPT_PROGRESS: {
                struct image_progress p = { .packed = s->o->local ? s->sent : l.packed, .total = s->o->local ? s->total : l.total, .written = l.written };
                s->o->progress(s->o->data, &p);
                break;
        }
        case SCRIPT_DONE:
                memcpy(s->written->packed_sha256, l.packed_sha256, sizeof(l.packed_sha256));
                memcpy(s->written->raw_sha256, l.raw_sha256, sizeof(l.raw_sha256));
                s->written->bytes = l.written;
                s->done = true;
                break;
        case SCRIPT_OTHER:
                break;
        }
        script_line_done(&l);
}

static int start(struct stream *s, enum image_packing packing, struct error *err) {
        struct script_options o = { .urls = s->o->local ? NULL : s->o->urls, .packing = packing, .sha256 = s->o->sha256 };
        _cleanup_str_ char *script = script_write(&o);
        _cleanup_str_ char *base64 = base64_encode(script, strlen(script));
        /* Standard input is the image's, so the script comes as an argument. */
        _cleanup_str_ char *command = xasprintf("exec bash -c \"$(echo %s | base64 -d)\"", base64);

        return ssh_command_start(s->link, command, on_line, s, &s->command, err);
}

/* Ends the command. Its own words explain more than a broken pipe here does. */
static int finish(struct stream *s, struct error *err) {
        int status = 0;
        _cleanup_str_ char *errors = NULL;
        struct ssh_command *c = TAKE(s->command);

        if (ssh_command_finish(c, &status, &errors, err) < 0)
                return -1;
        size_t n = errors ? strlen(errors) : 0;
        while (n && errors[n - 1] == '\n')
                errors[--n] = '\0';
        const char *last = errors ? strrchr(errors, '\n') : NULL;
        const char *words = last ? last + 1 : errors;
        if (status != 0)
                return error_set(err, ERR_REFUSED, "%s", str_empty(words) ? "the script on the builder failed without a word" : words);
        if (!s->done)
                return error_set(err, ERR_PROTOCOL, "the script on the builder ended without saying that it is done");
        return 0;
}

/* ---- sent from here ---- */

/* Begins once the first bytes say what it is. */
static int send_bytes(struct stream *s, const void *p, size_t n, struct error *err) {
        if (!s->command) {
                strbuf_add(&s->head, p, n);
                if (s->head.len < HEAD_BYTES)
                        return 0;
                enum image_packing packing = image_packing_of(s->head.data, HEAD_BYTES);
                if (packing == PACKED_UNKNOWN)
                        return error_set(err, ERR_INVALID, "%s is no disk image: it begins with text, as a web page or an error message does", s->o->local);
                if (start(s, packing, err) < 0)
                        return -1;
                p = s->head.data;
                n = s->head.len;
        }
        crypto_hash_sha256_update(&s->hash, p, n);
        if (ssh_command_write(s->command, p, n, err) < 0) {
                s->ended = true;
                return -1;
        }
        s->sent += (int64_t) n;
        return 0;
}

static int send_file(struct stream *s, struct error *err) {
        _cleanup_fd_ int fd = open(s->o->local, O_RDONLY | O_CLOEXEC);
        _cleanup_free_ char *buf = xcalloc(FILE_BLOCK, 1);      /* a step's stack is small */

        if (fd < 0)
                return error_set_errno(err, "opening the image %s", s->o->local);
        for (;;) {
                ssize_t n = read(fd, buf, FILE_BLOCK);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_set_errno(err, "reading the image %s", s->o->local);
                if (n == 0)
                        return 0;
                if (send_bytes(s, buf, (size_t) n, err) < 0)
                        return -1;
        }
}

static int on_data(void *data, const void *p, size_t n) {
        struct stream *s = data;

        return send_bytes(s, p, n, &s->error);
}

/* An engine of its own: while its thread waits for the builder, nothing else may wait for it. */
static int send_url(struct stream *s, struct error *err) {
        _cleanup_(http_engine_freep) struct http_engine *e = NULL;
        _cleanup_http_response_ struct http_response r = { 0 };
        struct http_request q = { .method = "GET", .url = s->o->local, .timeout_ms = -1, .idle_timeout_ms = 2 * 60 * 1000, .use_proxy = true, .follow = true,
                                  .cancel = s->o->cancel, .on_data = on_data, .on_data_arg = s };

        if (http_engine_new(s->o->user_agent, &e, err) < 0)
                return -1;
        int rc = http_perform(e, &q, &r, err);
        if (s->error.kind)
                return error_move(err, &s->error);
        if (rc < 0)
                return error_wrap(err, "fetching the image");
        if (r.status != 200)
                return error_set(err, ERR_NOT_FOUND, "%s answers with HTTP status %d", s->o->local, r.status);
        if (s->total && s->sent != s->total)
                return error_set(err, ERR_UNAVAILABLE, "the image broke off after %lld of %lld bytes", (long long) s->sent, (long long) s->total);
        return 0;
}

static bool is_url(const char *s) {
        return str_starts(s, "http://") || str_starts(s, "https://");
}

static int look_at_url(const struct stream_options *o, const char *url, int64_t *ret_size, struct error *err) {
        _cleanup_(http_engine_freep) struct http_engine *e = NULL;
        _cleanup_http_response_ struct http_response r = { 0 };
        struct http_request q = { .method = "HEAD", .url = url, .timeout_ms = FETCH_LOOK_MS, .use_proxy = true, .follow = true, .cancel = o->cancel };

        if (http_engine_new(o->user_agent, &e, err) < 0)
                return -1;
        if (http_perform(e, &q, &r, err) < 0)
                return error_wrap(err, "looking for the image");
        if (r.status != 200)
                return error_set(err, ERR_NOT_FOUND, "%s answers with HTTP status %d", url, r.status);
        if (!parse_int64(kvs_get(&r.headers, "content-length"), 1, INT64_MAX, ret_size))
                *ret_size = 0;
        return 0;
}

int image_look(const struct stream_options *o, const char *local, int64_t *ret_size, enum image_packing *ret_packing, struct error *err) {
        *ret_packing = image_packing_of_name(local);
        if (is_url(local))
                return look_at_url(o, local, ret_size, err);
        struct stat st;
        if (stat(local, &st) < 0)
                return errno == ENOENT ? error_set(err, ERR_NOT_FOUND, "there is no image file %s", local) : error_set_errno(err, "looking at the image %s", local);
        if (!S_ISREG(st.st_mode) || st.st_size == 0)
                return error_set(err, ERR_INVALID, "%s is no file with an image in it", local);
        char head[HEAD_BYTES];
        _cleanup_fd_ int fd = open(local, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));
        if (n < 0)
                return error_set_errno(err, "reading the image %s", local);
        *ret_packing = image_packing_of(head, (size_t) n);
        if (*ret_packing == PACKED_UNKNOWN)
                return error_set(err, ERR_INVALID, "%s is no disk image: it begins with text", local);
        *ret_size = st.st_size;
        return 0;
}

/* What was hashed here must be what arrived there. */
static int check_sent(struct stream *s, struct error *err) {
        uint8_t hash[32];

        crypto_hash_sha256_final(&s->hash, hash);
        _cleanup_str_ char *hex = hex_encode(hash, sizeof(hash));
        if (str_eq(hex, s->written->packed_sha256))
                return 0;
        return error_set(err, ERR_PROTOCOL, "the image changed on its way: %s was sent and %s arrived", hex, s->written->packed_sha256);
}

static int send_local(struct stream *s, struct error *err) {
        enum image_packing packing;

        if (image_look(s->o, s->o->local, &s->total, &packing, err) < 0)
                return -1;
        crypto_hash_sha256_init(&s->hash);
        s->written->from = xstrdup(s->o->local);
        int rc = is_url(s->o->local) ? send_url(s, err) : send_file(s, err);
        if (!s->command)
                return rc < 0 ? -1 : error_set(err, ERR_INVALID, "%s is too short for a disk image", s->o->local);
        if (rc < 0) {
                _cleanup_error_ struct error why = ERROR_INIT;
                if (finish(s, &why) < 0 && s->ended && why.kind == ERR_REFUSED)
                        return error_move(err, &why);
                return -1;
        }
        return finish(s, err) < 0 ? -1 : check_sent(s, err);
}

int image_stream(struct ssh_link *l, const struct stream_options *o, struct image_written *ret, struct error *err) {
        struct stream s = { .o = o, .link = l, .written = ret, .error = ERROR_INIT };
        int rc;

        *ret = (struct image_written) { 0 };
        if (o->local)
                rc = send_local(&s, err);
        else
                rc = start(&s, PACKED_UNKNOWN, err) < 0 ? -1 : finish(&s, err);
        strbuf_done(&s.head);
        error_done(&s.error);
        if (rc < 0)
                image_written_done(ret);
        return rc;
}
