#include "sim/world/spoil.h"

#include "sim/net/loop.h"

enum { DRIP_MS = 200, ENDLESS_MS = 2, ENDLESS_PIECE = 64 << 10, ENDLESS_WAITING = 1 << 20 };

enum sim_spoil sim_spoil_hit(struct sim_world *w, const char *prefix, const struct kv *facts, size_t n) {
        static const struct { const char *name; enum sim_spoil how; } all[] = {
                { "empty", SPOIL_EMPTY }, { "close", SPOIL_CLOSE },     { "silent", SPOIL_SILENT }, { "drip", SPOIL_DRIP },
                { "endless", SPOIL_ENDLESS }, { "html", SPOIL_HTML }, { "truncated", SPOIL_HALF },
        };
        size_t count = *prefix ? ARRAY_SIZE(all) : ARRAY_SIZE(all) - 2;

        for (size_t i = 0; i < count; i++) {
                _cleanup_str_ char *name = xasprintf("%s%s", prefix, all[i].name);
                if (sim_fault_hit(w, name, facts, n))
                        return all[i].how;
        }
        return SPOIL_NOT;
}

/* An answer that goes on. */
struct unending { struct http1_exchange *x; struct sim_loop *loop; struct loop_timer *timer; bool drip; };

static void unending_gone(void *data) {
        struct unending *u = data;
        loop_timer_cancel(&u->timer);
        free(u);
}

static void unending_more(void *data) {
        static const char padding[ENDLESS_PIECE] = "\"padding\"";
        struct unending *u = data;

        if (u->drip)
                http1_chunk(u->x, " ", 1);
        else if (http1_pending(u->x) < ENDLESS_WAITING)
                http1_chunk(u->x, padding, sizeof(padding));
        loop_timer_set(u->loop, &u->timer, u->drip ? DRIP_MS : ENDLESS_MS, unending_more, u);
}

static void unending_start(struct http1_exchange *x, int status, const struct kvs *headers, bool drip) {
        struct unending *u = xnew0(struct unending);

        u->x = x;
        u->loop = http1_loop(x);
        u->drip = drip;
        http1_start(x, status, headers);
        http1_on_gone(x, unending_gone, u);
        loop_timer_set(u->loop, &u->timer, 0, unending_more, u);
}

/* Nobody answers this one; it goes with its client. */
static void nothing(void *data) {
}

static void half(struct http1_exchange *x, int status, const char *body, size_t len) {
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;

        strbuf_addf(&b, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n", status, http1_reason(status), len + 1);
        strbuf_add(&b, body, len / 2);
        http1_respond_raw(x, b.data, b.len);
}

void sim_spoil_answer(struct http1_exchange *x, enum sim_spoil how, int status, const char *body, size_t len) {
        static const char page[] = "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>\r\n";
        _cleanup_kvs_ struct kvs headers = { 0 };

        kvs_set(&headers, "Content-Type", how == SPOIL_HTML ? "text/html" : "application/json");
        if (how == SPOIL_CLOSE)
                http1_respond_raw(x, "", 0);
        else if (how == SPOIL_SILENT)
                http1_on_gone(x, nothing, x);
        else if (how == SPOIL_DRIP || how == SPOIL_ENDLESS)
                unending_start(x, status, &headers, how == SPOIL_DRIP);
        else if (how == SPOIL_HTML)
                http1_respond(x, 502, &headers, page, sizeof(page) - 1);
        else if (how == SPOIL_HALF)
                half(x, status, body, len);
        else
                http1_respond(x, status, &headers, "", 0);
}

/* --- handshakes --- */

void sim_tls_spoil_done(struct sim_tls_spoil *s) {
        cert_pair_done(&s->ca);
        tls_server_unref(s->refusing);
        tls_server_unref(s->stranger);
        *s = (struct sim_tls_spoil) { 0 };
}

/* Another cluster's authority. */
static int foreign_ca(struct sim_tls_spoil *s, int64_t now_ms, struct error *err) {
        static const char *const somebody[] = { "somebody-else", NULL };
        const struct cert_spec spec = { .common_name = "somebody-else", .organizations = somebody, .not_before_ms = now_ms - 3600000,
                                        .lifetime_ms = 365LL * 86400000, .key = CERT_KEY_P256, .server_auth = true, .client_auth = true };

        return s->ca.cert_pem ? 0 : cert_make_ca(&spec, &s->ca, err);
}

/* The server's own certificate, and no trust in the client's: its alert says so. */
static int make_refusing(struct sim_tls_spoil *s, const struct tls_options *proper, struct error *err) {
        struct tls_options o = *proper;

        o.client_ca_pem = s->ca.cert_pem;
        o.client_auth = TLS_CLIENT_REQUIRED;
        o.instead = NULL;
        return tls_server_new(&o, &s->refusing, err);
}

/* The right address in a certificate of the wrong authority. */
static int make_stranger(struct sim_tls_spoil *s, const struct tls_options *proper, const struct ip6_addr *addr, int64_t now_ms, struct error *err) {
        _cleanup_cert_pair_ struct cert_pair pair = { 0 };
        struct tls_options o = *proper;
        const struct cert_spec spec = { .common_name = "somebody-else", .addresses = addr, .n_addresses = 1, .server_auth = true,
                                        .not_before_ms = now_ms - 3600000, .lifetime_ms = 365LL * 86400000, .key = CERT_KEY_P256 };

        if (cert_issue(&s->ca, &spec, &pair, err) < 0)
                return -1;
        o.client_auth = TLS_CLIENT_NONE;         /* it never comes to that */
        o.cert_pem = pair.cert_pem;
        o.key_pem = pair.key_pem;
        o.instead = NULL;
        return tls_server_new(&o, &s->stranger, err);
}

struct tls_server *sim_tls_spoiled(struct sim_tls_spoil *s, struct sim_world *w, const char *part, const char *name,
                                   const struct tls_options *proper, const struct ip6_addr *addr) {
        const struct kv facts[] = { { (char *) "part", (char *) part }, { (char *) "name", (char *) name } };
        _cleanup_error_ struct error err = ERROR_INIT;
        bool refusing = sim_fault_hit(w, "tls-alert", facts, ARRAY_SIZE(facts));
        int64_t now = loop_now_ms(w->loop);

        if (!refusing && !sim_fault_hit(w, "stranger", facts, ARRAY_SIZE(facts)))
                return NULL;
        if (foreign_ca(s, now, &err) < 0 || (refusing && !s->refusing && make_refusing(s, proper, &err) < 0) ||
            (!refusing && !s->stranger && make_stranger(s, proper, addr, now, &err) < 0)) {
                sim_say(w, "%s: %s", name, error_text(&err));
                return NULL;
        }
        return refusing ? s->refusing : s->stranger;
}
