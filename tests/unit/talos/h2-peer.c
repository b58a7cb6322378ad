#include "h2-peer.h"

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define must(x) do { if (!(x)) { fprintf(stderr, "h2-peer: %s failed\n", #x); ERR_print_errors_fp(stderr); abort(); } } while (0)

/* ---- certificates ---- */

static EVP_PKEY *make_key(void) {
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        must(key);
        return key;
}

static void extension(X509 *crt, X509 *issuer, int nid, const char *value) {
        X509V3_CTX ctx;
        X509V3_set_ctx(&ctx, issuer, crt, NULL, NULL, 0);
        X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
        must(e && X509_add_ext(crt, e, -1));
        X509_EXTENSION_free(e);
}

static X509 *make_crt(EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key, const char *name, const char *usage) {
        static long serial = 1;
        X509 *crt = X509_new();
        must(crt && X509_set_version(crt, 2) && ASN1_INTEGER_set(X509_get_serialNumber(crt), serial++));
        X509_gmtime_adj(X509_getm_notBefore(crt), -3600);
        X509_gmtime_adj(X509_getm_notAfter(crt), 86400);
        must(X509_NAME_add_entry_by_txt(X509_get_subject_name(crt), "O", MBSTRING_ASC, (const unsigned char *) name, -1, -1, 0));
        must(X509_set_issuer_name(crt, X509_get_subject_name(issuer ? issuer : crt)) && X509_set_pubkey(crt, key));
        extension(crt, issuer ? issuer : crt, NID_basic_constraints, usage ? "critical,CA:FALSE" : "critical,CA:TRUE");
        if (usage)
                extension(crt, issuer, NID_ext_key_usage, usage);
        if (usage && strcmp(usage, "serverAuth") == 0)
                extension(crt, issuer, NID_subject_alt_name, "IP:::1");
        must(X509_sign(crt, issuer_key ? issuer_key : key, NULL));
        return crt;
}

static char *bio_text(BIO *b) {
        char *p;
        long n = BIO_get_mem_data(b, &p);
        char *text = xstrndup(p, (size_t) n);
        BIO_free_all(b);
        return text;
}

static char *crt_pem(X509 *crt) {
        BIO *b = BIO_new(BIO_s_mem());
        must(b && PEM_write_bio_X509(b, crt));
        return bio_text(b);
}

static char *key_pem(EVP_PKEY *key, bool talos_label) {
        BIO *b = BIO_new(BIO_s_mem());
        if (!talos_label) {
                must(b && PEM_write_bio_PrivateKey(b, key, NULL, NULL, 0, NULL, NULL));
                return bio_text(b);
        }
        unsigned char *der = NULL;
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key);
        int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
        must(n > 0 && PEM_write_bio(b, "ED25519 PRIVATE KEY", "", der, n));
        OPENSSL_free(der);
        PKCS8_PRIV_KEY_INFO_free(info);
        return bio_text(b);
}

void test_pki_make(struct test_pki *ret) {
        EVP_PKEY *ca_key = make_key(), *server_key = make_key(), *client_key = make_key();
        X509 *ca = make_crt(ca_key, NULL, NULL, "talos", NULL);
        X509 *server = make_crt(server_key, ca, ca_key, "server", "serverAuth");
        X509 *client = make_crt(client_key, ca, ca_key, "os:admin", "clientAuth");
        *ret = (struct test_pki) { crt_pem(ca), crt_pem(server), key_pem(server_key, false), crt_pem(client), key_pem(client_key, true) };
        X509_free(ca);
        X509_free(server);
        X509_free(client);
        EVP_PKEY_free(ca_key);
        EVP_PKEY_free(server_key);
        EVP_PKEY_free(client_key);
}

void test_pki_done(struct test_pki *p) {
        free(p->ca_pem);
        free(p->server_crt);
        free(p->server_key);
        free(p->client_crt);
        free(p->client_key);
}

/* ---- the peer ---- */

struct stream;

struct connection {
        struct h2_peer *peer;
        int fd;
        pthread_t thread;
        SSL *ssl;
        nghttp2_session *session;
        bool drop;
        struct stream *streams;        /* freed with the connection: nghttp2_session_del() does not call on_close */
        struct connection *next;
};

struct h2_peer {
        SSL_CTX *ctx;
        int listener;
        unsigned port;
        h2_handler handler;
        void *arg;
        pthread_t thread;
        pthread_mutex_t lock;
        bool stop;
        struct connection *connections;
        unsigned handshakes, requests;
        bool early;
};

struct stream {
        struct h2_request request;
        struct h2_answer answer;
        size_t sent;
        bool answered;
        struct stream *next;
};

static void stream_free(struct stream *s) {
        free(s->request.path);
        kvs_done(&s->request.headers);
        strbuf_done(&s->request.body);
        strbuf_done(&s->answer.body);
        free(s);
}

#define NV(n, v) ((nghttp2_nv) { (uint8_t *) (n), (uint8_t *) (v), strlen(n), strlen(v), NGHTTP2_NV_FLAG_NONE })

static size_t status_headers(const struct h2_answer *a, nghttp2_nv *nv) {
        size_t n = 0;
        if (a->grpc_status)
                nv[n++] = NV("grpc-status", a->grpc_status);
        if (a->grpc_message)
                nv[n++] = NV("grpc-message", a->grpc_message);
        return n;
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length, uint32_t *flags, nghttp2_data_source *source,
                         void *user_data) {
        struct stream *s = source->ptr;
        struct connection *c = user_data;
        size_t n = MIN(length, s->answer.body.len - s->sent);
        if (s->answer.split)
                n = MIN(n, s->answer.split);
        if (n)
                memcpy(buf, s->answer.body.data + s->sent, n);
        s->sent += n;
        if (s->sent < s->answer.body.len)
                return (ssize_t) n;
        if (s->answer.reset || s->answer.drop) {
                if (n)
                        return (ssize_t) n; /* called once more */
                c->drop = s->answer.drop;
                if (s->answer.reset)
                        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
                return NGHTTP2_ERR_DEFERRED;
        }
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (s->answer.grpc_status) {
                nghttp2_nv nv[2];
                *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
                nghttp2_submit_trailer(session, id, nv, status_headers(&s->answer, nv));
        }
        return (ssize_t) n;
}

static void answer(struct connection *c, int32_t id, struct stream *s) {
        pthread_mutex_lock(&c->peer->lock);
        c->peer->requests++;
        pthread_mutex_unlock(&c->peer->lock);
        c->peer->handler(c->peer->arg, &s->request, &s->answer);
        if (s->answer.reset_first)
                nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_INTERNAL_ERROR);
        if (s->answer.hang || s->answer.reset_first)
                return;
        char status[8];
        nghttp2_nv nv[4];
        size_t n = 0;
        snprintf(status, sizeof(status), "%d", s->answer.status ? s->answer.status : 200);
        nv[n++] = NV(":status", status);
        nv[n++] = NV("content-type", s->answer.content_type ? s->answer.content_type : "application/grpc");
        if (s->answer.trailers_only)
                n += status_headers(&s->answer, nv + n);
        nghttp2_data_provider provider = { .source.ptr = s, .read_callback = read_body };
        nghttp2_submit_response(c->session, id, nv, n, s->answer.trailers_only ? NULL : &provider);
        if (s->answer.reset_no_error) {
                nghttp2_session_send(c->session);
                nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
        }
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
        struct connection *c = user_data;
        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
                return 0;
        struct stream *s = xnew0(struct stream);
        s->next = c->streams;
        c->streams = s;
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, s);
        return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *user_data) {
        struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        _cleanup_str_ char *k = xstrndup((const char *) name, name_len), *v = xstrndup((const char *) value, value_len);
        if (!s)
                return 0;
        if (strcmp(k, ":path") == 0)
                s->request.path = xstrdup(v);
        kvs_set(&s->request.headers, k, v);
        return 0;
}

static int on_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len, void *user_data) {
        struct stream *s = nghttp2_session_get_stream_user_data(session, id);
        if (s)
                strbuf_add(&s->request.body, data, len);
        return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data) {
        struct connection *c = user_data;
        struct stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (!s || s->answered || (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !c->peer->early) || (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
                return 0;
        X509 *crt = SSL_get1_peer_certificate(c->ssl);
        s->request.has_client_certificate = crt != NULL;
        X509_free(crt);
        s->answered = true;
        answer(c, frame->hd.stream_id, s);
        return 0;
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *user_data) {
        struct connection *c = user_data;
        int n = SSL_write(c->ssl, data, (int) len);
        return n > 0 ? n : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void serve(struct connection *c) {
        static const nghttp2_settings_entry settings[] = { { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100 } };
        nghttp2_session_callbacks *cb;
        nghttp2_session_callbacks_new(&cb);
        nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_chunk);
        nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
        nghttp2_session_callbacks_set_send_callback(cb, on_send);
        nghttp2_session_server_new(&c->session, cb, c);
        nghttp2_session_callbacks_del(cb);
        nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings));
        uint8_t buf[16384];
        while (nghttp2_session_send(c->session) == 0 && !c->drop) {
                int n = SSL_read(c->ssl, buf, sizeof(buf));
                if (n <= 0 || nghttp2_session_mem_recv(c->session, buf, (size_t) n) < 0)
                        break;
        }
        nghttp2_session_del(c->session);
        for (struct stream *s = c->streams, *next; s; s = next) {
                next = s->next;
                stream_free(s);
        }
}

static void *connection_thread(void *arg) {
        struct connection *c = arg;
        c->ssl = SSL_new(c->peer->ctx);
        SSL_set_fd(c->ssl, c->fd);
        if (SSL_accept(c->ssl) == 1) {
                pthread_mutex_lock(&c->peer->lock);
                c->peer->handshakes++;
                pthread_mutex_unlock(&c->peer->lock);
                serve(c);
        }
        SSL_free(c->ssl);
        shutdown(c->fd, SHUT_RDWR);
        return NULL;
}

static void *accept_thread(void *arg) {
        struct h2_peer *p = arg;
        for (;;) {
                int fd = accept(p->listener, NULL, NULL);
                if (fd < 0)
                        return NULL;
                struct connection *c = xnew0(struct connection);
                c->peer = p;
                c->fd = fd;
                pthread_mutex_lock(&p->lock);
                c->next = p->connections;
                p->connections = c;
                pthread_create(&c->thread, NULL, connection_thread, c);
                pthread_mutex_unlock(&p->lock);
        }
}

static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len, void *arg) {
        static const unsigned char h2[] = { 2, 'h', '2' };
        unsigned char *chosen;
        if (SSL_select_next_proto(&chosen, out_len, h2, sizeof(h2), in, in_len) != OPENSSL_NPN_NEGOTIATED)
                return SSL_TLSEXT_ERR_ALERT_FATAL;
        *out = chosen;
        return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_ctx(const struct test_pki *pki, enum h2_client_auth auth) {
        SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
        BIO *crt_bio = BIO_new_mem_buf(pki->server_crt, -1), *key_bio = BIO_new_mem_buf(pki->server_key, -1);
        BIO *ca_bio = BIO_new_mem_buf(pki->ca_pem, -1);
        X509 *crt = PEM_read_bio_X509(crt_bio, NULL, NULL, NULL), *ca = PEM_read_bio_X509(ca_bio, NULL, NULL, NULL);
        EVP_PKEY *key = PEM_read_bio_PrivateKey(key_bio, NULL, NULL, NULL);
        must(SSL_CTX_use_certificate(ctx, crt) && SSL_CTX_use_PrivateKey(ctx, key));
        must(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), ca));
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_alpn_select_cb(ctx, choose_h2, NULL);
        if (auth != H2_CLIENT_NONE)
                SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (auth == H2_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
        X509_free(crt);
        X509_free(ca);
        EVP_PKEY_free(key);
        BIO_free_all(crt_bio);
        BIO_free_all(key_bio);
        BIO_free_all(ca_bio);
        return ctx;
}

struct h2_peer *h2_peer_new(const struct test_pki *pki, enum h2_client_auth auth, h2_handler handler, void *arg) {
        struct h2_peer *p = xnew0(struct h2_peer);
        struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
        socklen_t len = sizeof(a);
        signal(SIGPIPE, SIG_IGN);
        p->ctx = make_ctx(pki, auth);
        p->handler = handler;
        p->arg = arg;
        pthread_mutex_init(&p->lock, NULL);
        p->listener = socket(AF_INET6, SOCK_STREAM, 0);
        must(p->listener >= 0 && bind(p->listener, (struct sockaddr *) &a, sizeof(a)) == 0 && listen(p->listener, 16) == 0);
        must(getsockname(p->listener, (struct sockaddr *) &a, &len) == 0);
        p->port = ntohs(a.sin6_port);
        pthread_create(&p->thread, NULL, accept_thread, p);
        return p;
}

void h2_peer_free(struct h2_peer *p) {
        shutdown(p->listener, SHUT_RDWR);
        pthread_join(p->thread, NULL);
        close(p->listener);
        for (struct connection *c = p->connections, *next; c; c = next) {
                next = c->next;
                shutdown(c->fd, SHUT_RDWR);
                pthread_join(c->thread, NULL);
                close(c->fd);
                free(c);
        }
        SSL_CTX_free(p->ctx);
        pthread_mutex_destroy(&p->lock);
        free(p);
}

void h2_peer_set_early(struct h2_peer *p, bool early) {
        p->early = early;
}

unsigned h2_peer_port(const struct h2_peer *p) {
        return p->port;
}

unsigned h2_peer_connections(struct h2_peer *p) {
        pthread_mutex_lock(&p->lock);
        unsigned n = p->handshakes;
        pthread_mutex_unlock(&p->lock);
        return n;
}

unsigned h2_peer_requests(struct h2_peer *p) {
        pthread_mutex_lock(&p->lock);
        unsigned n = p->requests;
        pthread_mutex_unlock(&p->lock);
        return n;
}
