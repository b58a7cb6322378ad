/* Server streams of common.Data{1 metadata, 2 bytes}: files and logs. */
#include "talos/api-private.h"

struct sink {
        struct strbuf *whole;        /* Read: everything, up to its max */
        struct strv *tail;           /* logs: the last lines */
        unsigned lines;
        struct strbuf line;          /* the line under way */
        bool message_is_line;        /* Dmesg: one message a line, whether it ends with a line break or not */
        size_t next;                 /* ring position in tail once it is full */
};

struct data_message { struct api_metadata metadata; const uint8_t *p; size_t n; };

static void data_message_done(struct data_message *d) {
        api_metadata_done(&d->metadata);
}

static int data_field(const struct proto_field *f, void *into, struct error *err) {
        struct data_message *d = into;
        if (f->number == 1)
                return proto_each_in(f, "common.Metadata", api_metadata_field, &d->metadata, err);
        if (f->number != 2)
                return 0;
        if (f->wire != PROTO_BYTES)
                return error_set(err, ERR_PROTOCOL, "common.Data: bytes of wire type %d", (int) f->wire);
        d->p = f->data;
        d->n = f->len;
        return 0;
}

/* Takes the finished line into the ring. Control characters would move a terminal's cursor: they become '?'. */
static void sink_line(struct sink *s) {
        char *text = strbuf_take(&s->line);
        for (char *p = text; *p; p++)
                if (((unsigned char) *p < 0x20 && *p != '\t') || *p == 0x7f)
                        *p = '?';
        if (s->tail->n < s->lines) {
                strv_take(s->tail, text);
                return;
        }
        free(s->tail->items[s->next]);
        s->tail->items[s->next] = text;
        s->next = (s->next + 1) % s->lines;
}

static void sink_text(struct sink *s, const uint8_t *p, size_t n) {
        for (size_t i = 0; i < n; i++) {
                if (p[i] == '\n')
                        sink_line(s);
                else if (p[i] && p[i] != '\r' && s->line.len < 4096)
                        strbuf_addc(&s->line, (char) p[i]);
        }
}

static int on_chunk(void *arg, const void *p, size_t n, struct error *err) {
        struct sink *s = arg;
        _cleanup_(data_message_done) struct data_message d = { 0 };
        if (proto_each(proto_read("common.Data", p, n), data_field, &d, err) < 0 || api_metadata_check(&d.metadata, err) < 0)
                return -1;
        if (s->whole) {
                if (d.n)
                        strbuf_add(s->whole, d.p, d.n);
                return strbuf_failed(s->whole) ? error_set(err, ERR_PROTOCOL, "the file is bigger than the %zu bytes allowed", s->whole->max)
                                               : 0;
        }
        sink_text(s, d.p, d.n);
        if (s->message_is_line && s->line.len)
                sink_line(s);
        return 0;
}

int talos_read_file(const struct talos_client *c, const char *path, size_t max, struct strbuf *ret, struct error *err) {
        _cleanup_strbuf_ struct strbuf request = STRBUF_INIT, content = STRBUF_MAX(max);
        struct sink s = { .whole = &content };
        proto_put_str(&request, 1, path);
        if (api_stream(c, MACHINE_SERVICE "Read", &request, on_chunk, &s, err) < 0)
                return error_wrap(err, "reading '%s'", path);
        strbuf_done(ret);
        *ret = content;
        content = STRBUF_INIT;
        return 0;
}

static int tail(const struct talos_client *c, const char *method, const struct strbuf *request, unsigned lines, bool message_is_line,
                struct strv *ret, struct error *err) {
        _cleanup_strv_ struct strv ring = { 0 };
        struct sink s = { .tail = &ring, .lines = MAX(lines, 1u), .message_is_line = message_is_line };
        int rc = api_stream(c, method, request, on_chunk, &s, err);
        if (rc >= 0 && s.line.len)
                sink_line(&s);
        strbuf_done(&s.line);
        if (rc < 0)
                return rc;
        *ret = (struct strv) { 0 };
        for (size_t i = 0; i < ring.n; i++)
                strv_add(ret, ring.items[(s.next + i) % ring.n]);
        return 0;
}

int talos_logs_tail(const struct talos_client *c, const char *service, unsigned lines, struct strv *ret, struct error *err) {
        _cleanup_strbuf_ struct strbuf request = STRBUF_INIT;
        proto_put_str(&request, 1, "system");
        proto_put_str(&request, 2, service);
        proto_put_int(&request, 5, (int64_t) MAX(lines, 1u));
        return tail(c, MACHINE_SERVICE "Logs", &request, lines, false, ret, err);
}

int talos_dmesg_tail(const struct talos_client *c, unsigned lines, struct strv *ret, struct error *err) {
        /* The request's "tail" means "only what comes from now on": left out, and cut here. */
        return tail(c, MACHINE_SERVICE "Dmesg", NULL, lines, true, ret, err);
}
