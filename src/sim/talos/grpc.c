/* gRPC over HTTP/2, the server's side, with apid's manners: roles from the client certificate, `node` and `nodes` headers. */
#include <stdarg.h>
#include <stdio.h>

#include "sim/talos/internal.h"

#define FRAME_PREFIX 5
#define HTTP2_INTERNAL_ERROR 2
#define HTTP2_REFUSED_STREAM 7

/* --- answers --- */

static void call_free(struct grpc_call *c) {
        struct sim_talos *t = c->talos;
        for (size_t i = 0; i < t->n_calls; i++)
                if (t->calls[i] == c) {
                        t->calls[i] = t->calls[--t->n_calls];
                        break;
                }
        if (c->data && c->data_free)
                c->data_free(c->data);
        strbuf_done(&c->merged);
        free(c->node);
        free(c);
}

static void start(struct grpc_call *c) {
        if (c->started)
                return;
        c->started = true;
        _cleanup_kvs_ struct kvs headers = { 0 };
        kvs_set(&headers, "content-type", "application/grpc");
        http2_start(c->stream, 200, &headers);
}

static void send_frame(struct grpc_call *c, const struct strbuf *message) {
        uint8_t prefix[FRAME_PREFIX] = { 0, (uint8_t) (message->len >> 24), (uint8_t) (message->len >> 16),
                                         (uint8_t) (message->len >> 8), (uint8_t) message->len };
        if (c->spoil)
                return;
        start(c);
        http2_data(c->stream, prefix, sizeof(prefix));
        if (message->len)
                http2_data(c->stream, message->data, message->len);
}

/* grpc-message: percent-encoded, all but printable ASCII (gRPC over HTTP/2, "Responses"). */
static char *encode_message(const char *s) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (; *s; s++) {
                unsigned char ch = (unsigned char) *s;
                if (ch < 0x20 || ch > 0x7e || ch == '%')
                        strbuf_addf(&b, "%%%02X", ch);
                else
                        strbuf_addc(&b, *s);
        }
        return strbuf_take(&b);
}

/* Ends the stream. Without a message before it this is gRPC's trailers-only form. */
static void end(struct http2_stream *s, bool started, enum grpc_status code, const char *message) {
        _cleanup_kvs_ struct kvs trailers = { 0 };
        char number[16];
        snprintf(number, sizeof(number), "%d", (int) code);
        if (!started)
                kvs_set(&trailers, "content-type", "application/grpc");
        _cleanup_str_ char *encoded = encode_message(message);
        kvs_set(&trailers, "grpc-status", number);
        kvs_set(&trailers, "grpc-message", encoded);
        http2_on_gone(s, NULL, NULL);
        http2_trailers(s, &trailers);
}

/* The end of a call whose answer a fault has spoilt. */
static void end_spoilt(struct grpc_call *c) {
        static const uint8_t garbled[] = { 0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff };
        _cleanup_kvs_ struct kvs headers = { 0 };

        kvs_set(&headers, "content-type", "application/grpc");
        http2_on_gone(c->stream, NULL, NULL);
        if (c->spoil == TALOS_DROP) {
                http2_reset(c->stream, HTTP2_INTERNAL_ERROR);
        } else if (c->spoil == TALOS_EMPTY) {
                http2_trailers(c->stream, &headers);
        } else if (c->spoil == TALOS_GARBLED) {
                http2_start(c->stream, 200, &headers);
                http2_data(c->stream, garbled, sizeof(garbled));
                end(c->stream, true, GRPC_OK, "");
        }                                        /* TALOS_SILENT: it stays open until the client leaves */
}

static void end_call(struct grpc_call *c, enum grpc_status code, const char *message) {
        if (c->spoil)
                end_spoilt(c);
        else
                end(c->stream, c->started, code, message);
        call_free(c);
}

void grpc_metadata(struct grpc_call *c, struct strbuf *b) {
        if (!c->node)
                return;
        _cleanup_strbuf_ struct strbuf m = STRBUF_INIT;
        pb_text(&m, 1, c->node);
        pb_message(b, 1, &m);
}

void grpc_send(struct grpc_call *c, const struct strbuf *message) {
        if (!c->over)
                send_frame(c, message);
}

void grpc_finish(struct grpc_call *c) {
        c->over = true;
        if (c->merging)
                return;                  /* the dispatcher ends it after the last node */
        end_call(c, GRPC_OK, "");
}

void grpc_reply(struct grpc_call *c, struct strbuf *x) {
        _cleanup_strbuf_ struct strbuf element = STRBUF_INIT, reply = STRBUF_INIT;
        grpc_metadata(c, &element);
        if (x)
                strbuf_add(&element, strbuf_str(x), x->len);
        pb_message(&reply, 1, &element);
        if (c->merging)
                strbuf_add(&c->merged, reply.data, reply.len);   /* concatenated messages merge: the repeated field grows */
        else
                send_frame(c, &reply);
        grpc_finish(c);
}

void grpc_fail(struct grpc_call *c, enum grpc_status code, const char *fmt, ...) {
        _cleanup_strbuf_ struct strbuf text = STRBUF_INIT;
        va_list ap;
        va_start(ap, fmt);
        strbuf_vaddf(&text, fmt, ap);
        va_end(ap);
        c->over = true;
        if (!c->merging) {
                end_call(c, code, strbuf_str(&text));
                return;
        }
        /* One of several nodes failed: its element carries the error, the call succeeds (talos: apid's backend). */
        _cleanup_strbuf_ struct strbuf status = STRBUF_INIT, metadata = STRBUF_INIT, element = STRBUF_INIT;
        pb_uint(&status, 1, code);
        pb_text(&status, 2, strbuf_str(&text));
        pb_text(&metadata, 1, c->node);
        pb_text(&metadata, 2, strbuf_str(&text));
        pb_message(&metadata, 3, &status);
        pb_message(&element, 1, &metadata);
        pb_message(&c->merged, 1, &element);
}

static void on_gone(void *data) {
        struct grpc_call *c = data;
        c->over = true;
        call_free(c);
}

void grpc_keep(struct grpc_call *c, void (*changed)(struct grpc_call *c)) {
        start(c);
        c->changed = changed;
        ARRAY_APPEND(c->talos->calls, c->talos->n_calls, c);
}

/* --- who may call what --- */

static unsigned role_of(const char *organization) {
        static const struct { const char *name; unsigned roles;
        } known[] = { { "os:admin", ROLE_ADMIN },
                      { "os:operator", ROLE_OPERATOR },
                      { "os:reader", ROLE_READER },
                      { "os:etcd:backup", ROLE_ETCD_BACKUP },
                      { "os:meta:writer", ROLE_META_WRITER } };
        for (size_t i = 0; i < ARRAY_SIZE(known); i++)
                if (str_eq(known[i].name, organization))
                        return known[i].roles;
        return 0;
}

/* Exactly [clientAuth] (talos: internal/app/apid/service.go, verifyExtKeyUsage). */
static bool usage_is_right(const struct tls_peer *p) {
        return p && p->key_usages.n == 1 && str_eq(p->key_usages.items[0], "clientAuth");
}

const struct grpc_method *grpc_method_find(const char *path) {
        const struct grpc_method *const tables[] = { machine_methods, machine_info_methods, etcd_methods, cosi_methods };
        for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
                for (const struct grpc_method *m = tables[i]; m->path; m++)
                        if (str_eq(m->path, path))
                                return m;
        return NULL;
}

static unsigned minor_of(const struct sim_talos *t) {
        unsigned minor;
        return t->machine->talos_version && sscanf(t->machine->talos_version, "v1.%u", &minor) == 1 ? minor : 13;
}

/* Refuses with apid's words, or returns the method. */
static const struct grpc_method *admit(struct sim_talos *t, struct http2_stream *s, unsigned roles, enum grpc_status *ret_code,
                                       char **ret_message) {
        const struct grpc_method *m = grpc_method_find(http2_path(s));
        const char *type = http2_header(s, "content-type");

        if (!type || !str_starts(type, "application/grpc")) {
                *ret_code = GRPC_UNKNOWN;
                *ret_message = xstrdup("malformed request: no gRPC content type");
                return NULL;
        }
        if (!m || m->since > minor_of(t)) {
                const char *method = strrchr(http2_path(s), '/');
                *ret_code = GRPC_UNIMPLEMENTED;
                *ret_message = xasprintf("unknown method %s", method ? method + 1 : http2_path(s));
                return NULL;
        }
        if (t->maintenance && !m->maintenance && minor_of(t) < 13) {
                *ret_code = GRPC_UNIMPLEMENTED;
                *ret_message = xstrdup("API is not implemented in maintenance mode");
                return NULL;
        }
        if ((t->maintenance && !m->maintenance) || (!t->maintenance && !(m->roles & roles))) {
                *ret_code = GRPC_PERMISSION_DENIED;
                *ret_message = xstrdup("not authorized");
                return NULL;
        }
        return m;
}

/* --- one request --- */

/* The single message of a unary request or of a server stream's request. */
static bool unframe(const uint8_t *p, size_t n, const uint8_t **ret, size_t *ret_len) {
        if (n < FRAME_PREFIX || p[0] != 0)
                return false;
        size_t len = (size_t) p[1] << 24 | (size_t) p[2] << 16 | (size_t) p[3] << 8 | p[4];
        if (len != n - FRAME_PREFIX)
                return false;
        *ret = p + FRAME_PREFIX;
        *ret_len = len;
        return true;
}

static bool is_self(const struct sim_talos *t, const char *name) {
        struct ip6_addr a;
        if (ip6_parse(name, &a))
                return ip6_equal(&a, &t->machine->addr);
        return str_eq(name, "127.0.0.1") || str_eq(name, "localhost") || str_eq(name, sim_talos_hostname(t->machine));
}

/* The node that a header names: this one, or one of its cluster that a control plane can proxy to. */
static struct sim_talos *target_of(struct sim_talos *t, const char *name, enum grpc_status *ret_code, char **ret_message) {
        struct ip6_addr a;
        if (is_self(t, name))
                return t;
        if (!t->config || !t->config->control_plane) {
                *ret_code = GRPC_PERMISSION_DENIED;
                *ret_message = xstrdup("no request forwarding");
                return NULL;
        }
        for (size_t i = 0;; i++) {
                struct sim_machine *m = sim_machine_nth(t->world, i);
                if (!m)
                        break;
                bool named = ip6_parse(name, &a) ? ip6_equal(&a, &m->addr) : m->talos && str_eq(name, sim_talos_hostname(m));
                if (named && m->talos && m->talos->api_up && talos_same_cluster(t, m->talos))
                        return m->talos;
        }
        *ret_code = GRPC_UNAVAILABLE;
        *ret_message = xasprintf(
                "connection error: desc = \"transport: Error while dialing: dial tcp %s:50000: connect: no route to host\"",
                name);
        return NULL;
}

static struct grpc_call *call_new(struct sim_talos *t, struct http2_stream *s, unsigned roles, const uint8_t *p, size_t n) {
        struct grpc_call *c = xnew0(struct grpc_call);
        c->talos = t;
        c->stream = s;
        c->method = http2_path(s);
        c->request = p;
        c->request_len = n;
        c->roles = roles;
        return c;
}

/* `nodes` with several values: each node's elements follow each other in one answer. */
static void call_many(struct sim_talos *t, struct http2_stream *s, const struct grpc_method *m, struct grpc_call *c) {
        const char *name;
        c->merging = true;
        for (size_t i = 0; (name = http2_header_n(s, "nodes", i)); i++) {
                enum grpc_status code;
                _cleanup_str_ char *message = NULL;
                free(c->node);
                c->node = xstrdup(name);
                c->over = false;
                struct sim_talos *target = target_of(t, name, &code, &message);
                c->talos = target ? target : t;
                if (target)
                        m->handler(c);
                else
                        grpc_fail(c, code, "%s", message);
        }
        c->talos = t;
        if (c->merged.len)
                send_frame(c, &c->merged);
        end_call(c, GRPC_OK, "");
}

static void trace(struct sim_talos *t, struct http2_stream *s) {
        char peer[IP6_STR_MAX];
        sim_trace_exchange(t->world, "talos", ip6_format(http2_peer_addr(s), peer), http2_method(s), http2_path(s), NULL, 0, 200,
                           NULL, 0);
}

/* A message that says it has 2 GiB; more of it comes than any client should keep, and then nothing. */
static void answer_endless(struct http2_stream *s) {
        static const uint8_t prefix[FRAME_PREFIX] = { 0, 0x7f, 0xff, 0xff, 0xff };
        _cleanup_kvs_ struct kvs headers = { 0 };
        char piece[1024] = { 0 };

        kvs_set(&headers, "content-type", "application/grpc");
        http2_start(s, 200, &headers);
        http2_data(s, prefix, sizeof(prefix));
        for (int i = 0; i < 40 * 1024; i++)
                http2_data(s, piece, sizeof(piece));
}

/* What a proxy on the way would say. */
static void answer_html(struct http2_stream *s) {
        static const char page[] = "<html><body>502 Bad Gateway</body></html>";
        _cleanup_kvs_ struct kvs headers = { 0 }, none = { 0 };

        kvs_set(&headers, "content-type", "text/html");
        http2_start(s, 502, &headers);
        http2_data(s, page, sizeof(page) - 1);
        kvs_set(&none, "x-end", "1");
        http2_trailers(s, &none);
}

/* Faults that strike before any work is done. True: the stream is over, or nobody's. */
static bool spoilt(struct sim_talos *t, struct http2_stream *s, const struct kv *facts, size_t n) {
        const struct sim_fault *f;
        if (sim_fault_hit(t->world, "talos-drop-before", facts, n)) {
                http2_reset(s, HTTP2_INTERNAL_ERROR);
                return true;
        }
        if (sim_fault_hit(t->world, "talos-endless", facts, n)) {
                answer_endless(s);
                return true;
        }
        if (sim_fault_hit(t->world, "talos-html", facts, n)) {
                answer_html(s);
                return true;
        }
        if (!(f = sim_fault_hit(t->world, "talos-error", facts, n)))
                return false;
        end(s, false, (enum grpc_status) sim_fault_number(f, "code", GRPC_UNAVAILABLE), "the simulator was told to fail here");
        return true;
}

/* Faults that strike when the work was done. */
static enum talos_spoil spoils_answer(struct sim_talos *t, const struct kv *facts, size_t n) {
        static const struct { const char *name; enum talos_spoil how; } all[] = {
                { "talos-drop", TALOS_DROP }, { "talos-empty", TALOS_EMPTY }, { "talos-silent", TALOS_SILENT }, { "talos-garbled", TALOS_GARBLED },
        };
        for (size_t i = 0; i < ARRAY_SIZE(all); i++)
                if (sim_fault_hit(t->world, all[i].name, facts, n))
                        return all[i].how;
        return TALOS_WHOLE;
}

void talos_grpc_request(void *data, struct http2_stream *s) {
        struct sim_talos *t = data;
        const struct tls_peer *peer = http2_tls_peer(s);
        _cleanup_str_ char *message = NULL;
        enum grpc_status code = GRPC_UNKNOWN;
        unsigned roles = t->maintenance ? ROLE_READER : 0;
        const uint8_t *p;
        size_t n, len;

        trace(t, s);
        const struct kv facts[] = { { "route", (char *) http2_path(s) }, { "name", t->machine->name } };
        if (spoilt(t, s, facts, ARRAY_SIZE(facts)))
                return;
        if (!t->maintenance && !usage_is_right(peer)) {  /* apid ends the handshake; nothing was answered either way */
                http2_reset(s, HTTP2_REFUSED_STREAM);
                return;
        }
        for (size_t i = 0; peer && i < peer->organizations.n; i++)
                roles |= role_of(peer->organizations.items[i]);
        const struct grpc_method *m = admit(t, s, roles, &code, &message);
        const char *node = t->maintenance ? NULL : http2_header(s, "node"),
                   *nodes = t->maintenance ? NULL : http2_header(s, "nodes");
        const uint8_t *body = http2_body(s, &len);
        if (m && !unframe(body, len, &p, &n)) {
                m = NULL;
                code = GRPC_INTERNAL;
                message = xstrdup("grpc: the request is not one uncompressed message");
        }
        if (!m) {
                end(s, false, code, message);
                return;
        }
        struct grpc_call *c = call_new(t, s, roles, p, n);
        c->spoil = spoils_answer(t, facts, ARRAY_SIZE(facts));
        http2_on_gone(s, on_gone, c);
        if (nodes && http2_header_n(s, "nodes", 1)) {
                call_many(t, s, m, c);
                return;
        }
        if (node || nodes) {
                struct sim_talos *target = target_of(t, node ? node : nodes, &code, &message);
                if (!target) {
                        grpc_fail(c, code, "%s", message);
                        return;
                }
                c->talos = target;
                c->node = node ? NULL : xstrdup(nodes);
        }
        m->handler(c);
}
