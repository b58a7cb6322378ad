#include "peer.h"

#include <ctype.h>
#include <netinet/in.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/codec.h"
#include "base/strbuf.h"

struct peer {
        struct peer_options o;
        struct identity id;
        SSL_CTX *ctx;
        int fd;
        unsigned port;
        pthread_t acceptor;
        atomic_uint connections, requests;
        pthread_mutex_t lock;
        int open_fds[512];
        pthread_t threads[512];
        size_t n_threads;
};

struct connection {
        struct peer *peer;
        int fd;
        SSL *ssl;
        unsigned served;
};

static void must(bool ok, const char *what) {
        if (ok)
                return;
        fprintf(stderr, "test peer: %s\n", what);
        ERR_print_errors_fp(stderr);
        abort();
}

/* --- identities --- */

static char *bio_text(BIO *b) {
        char *p;
        long n = BIO_get_mem_data(b, &p);
        char *text = xstrndup(p, (size_t) n);
        BIO_free(b);
        return text;
}

static char *cert_text(X509 *x) {
        BIO *b = BIO_new(BIO_s_mem());
        must(PEM_write_bio_X509(b, x) == 1, "writing a certificate");
        return bio_text(b);
}

static char *key_text(EVP_PKEY *k) {
        BIO *b = BIO_new(BIO_s_mem());
        must(PEM_write_bio_PKCS8PrivateKey(b, k, NULL, NULL, 0, NULL, NULL) == 1, "writing a key");
        return bio_text(b);
}

static void add_extension(X509 *x, int nid, const char *value) {
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
        must(e && X509_add_ext(x, e, -1) == 1, "adding an extension");
        X509_EXTENSION_free(e);
}

static X509 *make_cert(const char *name, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key) {
        X509 *x = X509_new();
        must(x != NULL, "a certificate");
        X509_set_version(x, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x), (long) random_uniform(1 << 30));
        X509_gmtime_adj(X509_getm_notBefore(x), -60);
        X509_gmtime_adj(X509_getm_notAfter(x), 3600);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "O", MBSTRING_ASC, (const unsigned char *) name, -1, -1, 0);
        X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer : x));
        X509_set_pubkey(x, key);
        if (issuer)
                add_extension(x, NID_subject_alt_name, "IP:::1");
        else
                add_extension(x, NID_basic_constraints, "critical,CA:TRUE");
        must(X509_sign(x, issuer_key, NULL) > 0, "signing");
        return x;
}

void identity_make(struct identity *id) {
        EVP_PKEY *ca_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"), *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        must(ca_key && key, "making keys");
        X509 *ca = make_cert("test-ca", ca_key, NULL, ca_key), *cert = make_cert("test", key, ca, ca_key);
        *id = (struct identity) { .ca_pem = cert_text(ca), .ca_key_pem = key_text(ca_key), .cert_pem = cert_text(cert),
                                  .key_pem = key_text(key) };
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(key, &der);
        uint8_t digest[32];
        sha256(der, (size_t) n, digest);
        char *text = base64_encode(digest, sizeof(digest));
        id->pin = xasprintf("sha256//%s", text);
        free(text);
        OPENSSL_free(der);
        X509_free(ca);
        X509_free(cert);
        EVP_PKEY_free(ca_key);
        EVP_PKEY_free(key);
}

void identity_done(struct identity *id) {
        free(id->ca_pem);
        free(id->ca_key_pem);
        free(id->cert_pem);
        free(id->key_pem);
        free(id->pin);
}

static X509 *read_cert(const char *pem) {
        BIO *b = BIO_new_mem_buf(pem, -1);
        X509 *x = PEM_read_bio_X509(b, NULL, NULL, NULL);
        BIO_free(b);
        must(x != NULL, "reading a certificate");
        return x;
}

static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
                           void *data) {
        struct peer *p = data;
        static const unsigned char h2[] = "\x02h2", h1[] = "\x08http/1.1";
        const unsigned char *ours = p->o.http2 ? h2 : h1;
        unsigned n = p->o.http2 ? sizeof(h2) - 1 : sizeof(h1) - 1;
        return SSL_select_next_proto((unsigned char **) out, out_len, ours, n, in, in_len) == OPENSSL_NPN_NEGOTIATED
                       ? SSL_TLSEXT_ERR_OK
                       : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void make_context(struct peer *p) {
        p->ctx = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_min_proto_version(p->ctx, TLS1_3_VERSION);
        X509 *cert = read_cert(p->id.cert_pem);
        BIO *b = BIO_new_mem_buf(p->id.key_pem, -1);
        EVP_PKEY *key = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
        must(SSL_CTX_use_certificate(p->ctx, cert) == 1 && SSL_CTX_use_PrivateKey(p->ctx, key) == 1, "the server's certificate");
        SSL_CTX_set_alpn_select_cb(p->ctx, choose_protocol, p);
        if (p->o.client_ca_pem) {
                X509 *ca = read_cert(p->o.client_ca_pem);
                X509_STORE_add_cert(SSL_CTX_get_cert_store(p->ctx), ca);
                X509_free(ca);
                SSL_CTX_set_verify(p->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
        }
        X509_free(cert);
        EVP_PKEY_free(key);
        BIO_free(b);
}

/* --- bytes --- */

static ssize_t get_bytes(struct connection *c, void *p, size_t n) {
        return c->ssl ? SSL_read(c->ssl, p, (int) n) : recv(c->fd, p, n, 0);
}

static bool put_bytes(struct connection *c, const void *p, size_t n) {
        const char *s = p;
        while (n > 0) {
                ssize_t w = c->ssl ? SSL_write(c->ssl, s, (int) n) : send(c->fd, s, n, MSG_NOSIGNAL);
                if (w <= 0)
                        return false;
                s += w;
                n -= (size_t) w;
        }
        return true;
}

static bool put(struct connection *c, const char *text) {
        return put_bytes(c, text, strlen(text));
}

static void wait_for_close(struct connection *c) {
        char byte[64];
        while (get_bytes(c, byte, sizeof(byte)) > 0)
                ;
}

/* --- HTTP/1.1 --- */

struct request {
        struct strbuf head;
        char *method, *path, *body;
        size_t body_len;
};

static char *header_value(const struct request *r, const char *name) {
        _cleanup_str_ char *start = xasprintf("\r\n%s:", name);
        const char *at = strcasestr(strbuf_str(&r->head), start);
        if (!at)
                return NULL;
        at += strlen(start);
        at += strspn(at, " ");
        return xstrndup(at, strcspn(at, "\r"));
}

static bool read_request(struct connection *c, struct request *r) {
        *r = (struct request) { 0 };
        while (!strstr(strbuf_str(&r->head), "\r\n\r\n")) {
                char byte;
                if (get_bytes(c, &byte, 1) != 1)
                        return false;
                strbuf_addc(&r->head, byte);
        }
        const char *head = strbuf_str(&r->head);
        size_t n = strcspn(head, " ");
        r->method = xstrndup(head, n);
        r->path = xstrndup(head + n + 1, strcspn(head + n + 1, " ?"));
        _cleanup_str_ char *length = header_value(r, "content-length");
        r->body_len = length ? (size_t) strtoul(length, NULL, 10) : 0;
        r->body = xcalloc(r->body_len + 1, 1);
        for (size_t got = 0; got < r->body_len;) {
                ssize_t m = get_bytes(c, r->body + got, r->body_len - got);
                if (m <= 0)
                        return false;
                got += (size_t) m;
        }
        return true;
}

static void request_done(struct request *r) {
        strbuf_done(&r->head);
        free(r->method);
        free(r->path);
        free(r->body);
}

static bool answer(struct connection *c, const char *extra, const char *body, size_t n) {
        _cleanup_str_ char *head = xasprintf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n%s\r\n", n, extra);
        return put(c, head) && put_bytes(c, body, n);
}

static bool answer_echo(struct connection *c, const struct request *r) {
        _cleanup_str_ char *expect = header_value(r, "expect"), *type = header_value(r, "content-type");
        _cleanup_str_ char *agent = header_value(r, "user-agent");
        _cleanup_str_ char *extra = xasprintf("X-Method: %s\r\nX-Expect: %s\r\nX-Type: %s\r\nX-Agent: %s\r\n", r->method,
                                              expect ? expect : "none", type ? type : "none", agent ? agent : "none");
        return answer(c, extra, r->body, r->body_len);
}

static bool answer_redirect(struct connection *c, const char *to) {
        _cleanup_str_ char *text = xasprintf("HTTP/1.1 302 Found\r\nLocation: %s\r\nX-Stale: yes\r\nContent-Length: 0\r\n\r\n", to);
        return put(c, text);
}

static void never(struct connection *c) {
        if (c->peer->o.on_never)
                c->peer->o.on_never(c->peer->o.data);
        wait_for_close(c);
}

/* False: the connection is over. */
static bool answer_request(struct connection *c, const struct request *r) {
        c->served++;
        if (str_eq(r->path, "/hello"))
                return answer(c, "", "hello", 5);
        if (str_eq(r->path, "/echo"))
                return answer_echo(c, r);
        if (str_eq(r->path, "/twice"))
                return answer(c, "X-Twice: one\r\nX-Twice:  two \r\nX-Empty:\r\n", "", 0);
        if (str_starts(r->path, "/size/")) {
                size_t n = strtoul(r->path + 6, NULL, 10);
                _cleanup_str_ char *body = xcalloc(n + 1, 1);
                memset(body, 'x', n);
                return answer(c, "", body, n);
        }
        if (str_eq(r->path, "/redirect"))
                return answer_redirect(c, "/hello");
        if (str_eq(r->path, "/loop"))
                return answer_redirect(c, "/loop");
        if (str_eq(r->path, "/ftp"))
                return answer_redirect(c, "ftp://[::1]/x");
        if (str_eq(r->path, "/once") && c->served == 1)
                return answer(c, "", "once", 4);
        if (str_eq(r->path, "/stall"))
                put(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin");
        if (str_eq(r->path, "/half"))
                put(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegin");
        if (str_eq(r->path, "/stall") || str_eq(r->path, "/never"))
                never(c);
        return false;
}

static void serve_http1(struct connection *c) {
        for (bool more = true; more;) {
                struct request r;
                more = read_request(c, &r);
                if (more) {
                        c->peer->requests++;
                        more = answer_request(c, &r);
                }
                request_done(&r);
        }
}

/* --- HTTP/2 --- */

struct stream {
        char *path;
        bool te_lower;
        bool second_frame;
};

static ssize_t h2_body(nghttp2_session *s, int32_t id, uint8_t *buf, size_t n, uint32_t *flags, nghttp2_data_source *source, void *data) {
        struct stream *st = nghttp2_session_get_stream_user_data(s, id);
        buf[0] = st->second_frame ? 'b' : 'a';
        if (!st->second_frame) {
                st->second_frame = true;
                return 1;
        }
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (str_eq(st->path, "/grpc")) {
                *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                nghttp2_nv trailers[] = { { (uint8_t *) "grpc-status", (uint8_t *) "0", 11, 1, 0 },
                                          { (uint8_t *) "grpc-message", (uint8_t *) "", 12, 0, 0 } };
                nghttp2_submit_trailer(s, id, trailers, 2);
        } else if (str_eq(st->path, "/reset"))
                nghttp2_submit_rst_stream(s, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
        return 1;
}

static void h2_answer(nghttp2_session *s, int32_t id, struct connection *c) {
        struct stream *st = nghttp2_session_get_stream_user_data(s, id);
        c->peer->requests++;
        nghttp2_nv head[] = { { (uint8_t *) ":status", (uint8_t *) "200", 7, 3, 0 },
                              { (uint8_t *) "x-te", (uint8_t *) (st->te_lower ? "lower" : "none"), 4, st->te_lower ? 5 : 4, 0 },
                              { (uint8_t *) "grpc-status", (uint8_t *) "5", 11, 1, 0 } };
        if (str_eq(st->path, "/only")) {
                nghttp2_submit_response(s, id, head, 3, NULL);
                return;
        }
        if (str_eq(st->path, "/never")) {
                if (c->peer->o.on_never)
                        c->peer->o.on_never(c->peer->o.data);
                return;
        }
        nghttp2_data_provider body = { .read_callback = h2_body };
        nghttp2_submit_response(s, id, head, 2, &body);
}

static int h2_on_begin(nghttp2_session *s, const nghttp2_frame *f, void *data) {
        nghttp2_session_set_stream_user_data(s, f->hd.stream_id, xnew0(struct stream));
        return 0;
}

static int h2_on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_len, const uint8_t *value,
                        size_t value_len, uint8_t flags, void *data) {
        struct stream *st = nghttp2_session_get_stream_user_data(s, f->hd.stream_id);
        if (st && str_eq((const char *) name, ":path"))
                st->path = xstrndup((const char *) value, value_len);
        if (st && str_eq((const char *) name, "te"))
                st->te_lower = str_eq((const char *) value, "trailers");
        return 0;
}

static int h2_on_frame(nghttp2_session *s, const nghttp2_frame *f, void *data) {
        if ((f->hd.type == NGHTTP2_HEADERS || f->hd.type == NGHTTP2_DATA) && f->hd.flags & NGHTTP2_FLAG_END_STREAM)
                h2_answer(s, f->hd.stream_id, data);
        return 0;
}

static int h2_on_close(nghttp2_session *s, int32_t id, uint32_t code, void *data) {
        struct stream *st = nghttp2_session_get_stream_user_data(s, id);
        if (st) {
                free(st->path);
                free(st);
        }
        nghttp2_session_set_stream_user_data(s, id, NULL);
        return 0;
}

static ssize_t h2_send(nghttp2_session *s, const uint8_t *p, size_t n, int flags, void *data) {
        return put_bytes(data, p, n) ? (ssize_t) n : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void serve_http2(struct connection *c) {
        nghttp2_session_callbacks *cb;
        nghttp2_session *s;
        nghttp2_session_callbacks_new(&cb);
        nghttp2_session_callbacks_set_on_begin_headers_callback(cb, h2_on_begin);
        nghttp2_session_callbacks_set_on_header_callback(cb, h2_on_header);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb, h2_on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(cb, h2_on_close);
        nghttp2_session_callbacks_set_send_callback(cb, h2_send);
        nghttp2_session_server_new(&s, cb, c);
        nghttp2_submit_settings(s, NGHTTP2_FLAG_NONE, NULL, 0);
        uint8_t buf[4096];
        for (;;) {
                if (nghttp2_session_send(s) != 0)
                        break;
                ssize_t n = get_bytes(c, buf, sizeof(buf));
                if (n <= 0 || nghttp2_session_mem_recv(s, buf, (size_t) n) < 0)
                        break;
        }
        nghttp2_session_terminate_session(s, NGHTTP2_NO_ERROR);
        for (int32_t id = 1; id < 1000; id += 2)
                h2_on_close(s, id, 0, c);
        nghttp2_session_del(s);
        nghttp2_session_callbacks_del(cb);
}

/* --- connections --- */

static void *serve(void *data) {
        struct connection *c = data;
        struct peer *p = c->peer;
        bool ready = !p->o.drop;
        if (p->o.tls && ready) {
                c->ssl = SSL_new(p->ctx);
                SSL_set_fd(c->ssl, c->fd);
                ready = SSL_accept(c->ssl) == 1;
        }
        if (ready && p->o.http2)
                serve_http2(c);
        else if (ready)
                serve_http1(c);
        shutdown(c->fd, SHUT_RDWR); /* closed in peer_stop(): the number must not be given out anew before */
        SSL_free(c->ssl);
        free(c);
        return NULL;
}

static void *accept_all(void *data) {
        struct peer *p = data;
        for (;;) {
                int fd = accept(p->fd, NULL, NULL);
                if (fd < 0)
                        return NULL;
                p->connections++;
                struct connection *c = xnew0(struct connection);
                c->peer = p;
                c->fd = fd;
                pthread_mutex_lock(&p->lock);
                must(p->n_threads < ARRAY_SIZE(p->threads), "too many connections");
                p->open_fds[p->n_threads] = fd;
                must(pthread_create(&p->threads[p->n_threads], NULL, serve, c) == 0, "a thread");
                p->n_threads++;
                pthread_mutex_unlock(&p->lock);
        }
}

struct peer *peer_start(const struct peer_options *o) {
        signal(SIGPIPE, SIG_IGN);
        struct peer *p = xnew0(struct peer);
        p->o = *o;
        pthread_mutex_init(&p->lock, NULL);
        if (o->tls) {
                identity_make(&p->id);
                make_context(p);
        }
        p->fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        socklen_t n = sizeof(a);
        must(bind(p->fd, (struct sockaddr *) &a, n) == 0 && listen(p->fd, 64) == 0, "listening on [::1]");
        getsockname(p->fd, (struct sockaddr *) &a, &n);
        p->port = ntohs(a.sin6_port);
        must(pthread_create(&p->acceptor, NULL, accept_all, p) == 0, "a thread");
        return p;
}

void peer_stop(struct peer *p) {
        shutdown(p->fd, SHUT_RDWR);
        pthread_join(p->acceptor, NULL);
        close(p->fd);
        for (size_t i = 0; i < p->n_threads; i++) {
                shutdown(p->open_fds[i], SHUT_RDWR);
                pthread_join(p->threads[i], NULL);
                close(p->open_fds[i]);
        }
        SSL_CTX_free(p->ctx);
        identity_done(&p->id);
        pthread_mutex_destroy(&p->lock);
        free(p);
}

char *peer_url(const struct peer *p, const char *path) {
        return xasprintf("%s://[::1]:%u%s", p->o.tls ? "https" : "http", p->port, path);
}

unsigned peer_connections(struct peer *p) {
        return p->connections;
}

unsigned peer_requests(struct peer *p) {
        return p->requests;
}

const struct identity *peer_identity(const struct peer *p) {
        return &p->id;
}
