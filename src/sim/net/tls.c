#include "sim/net/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <time.h>

#include "sim/net/cert.h"
#include "sim/net/loop.h"

struct tls_server {
        unsigned references;
        SSL_CTX *context;
        uint8_t alpn[64];        /* wire form */
        size_t alpn_len;
        bool alpn_required;
        struct sim_loop *loop;
        struct tls_server *(*instead)(void *data);
        void *data;
};

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in, unsigned in_len,
                       void *arg) {
        struct tls_server *s = arg;
        unsigned char *chosen;

        if (SSL_select_next_proto(&chosen, out_len, s->alpn, (unsigned) s->alpn_len, in, in_len) == OPENSSL_NPN_NEGOTIATED) {
                *out = chosen;
                return SSL_TLSEXT_ERR_OK;
        }
        return s->alpn_required ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

static int load_chain(SSL_CTX *context, const char *pem, struct error *err) {
        BIO *bio = BIO_new_mem_buf(pem, -1);
        X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        int r = cert && SSL_CTX_use_certificate(context, cert) == 1 ? 0 : -1;
        X509_free(cert);
        while (r == 0 && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
                if (SSL_CTX_add1_chain_cert(context, cert) != 1)
                        r = -1;
                X509_free(cert);
        }
        BIO_free(bio);
        ERR_clear_error();
        return r < 0 ? error_set(err, ERR_INVALID, "the server certificate cannot be read") : 0;
}

static int load_client_ca(SSL_CTX *context, const char *pem, struct error *err) {
        X509_STORE *store = SSL_CTX_get_cert_store(context);
        BIO *bio = BIO_new_mem_buf(pem, -1);
        X509 *cert;
        size_t n = 0;

        for (; (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)); n++) {
                X509_STORE_add_cert(store, cert);
                SSL_CTX_add_client_CA(context, cert);
                X509_free(cert);
        }
        BIO_free(bio);
        ERR_clear_error();
        return n == 0 ? error_set(err, ERR_INVALID, "the client CA holds no certificate") : 0;
}

static int set_alpn(struct tls_server *s, const struct tls_options *o, struct error *err) {
        for (size_t i = 0; o->alpn && o->alpn[i]; i++) {
                size_t n = strlen(o->alpn[i]);
                if (s->alpn_len + n + 1 > sizeof(s->alpn))
                        return error_set(err, ERR_BUG, "too many ALPN names");
                s->alpn[s->alpn_len++] = (uint8_t) n;
                memcpy(s->alpn + s->alpn_len, o->alpn[i], n);
                s->alpn_len += n;
        }
        s->alpn_required = o->alpn_required;
        if (s->alpn_len)
                SSL_CTX_set_alpn_select_cb(s->context, choose_alpn, s);
        return 0;
}

static bool has_begun(X509_STORE_CTX *store) {
        SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
        const struct tls_server *s = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
        time_t now = s->loop ? (time_t) (loop_now_ms(s->loop) / 1000) : 0;
        return !s->loop || X509_cmp_time(X509_get0_notBefore(X509_STORE_CTX_get_current_cert(store)), &now) < 0;
}

/* The simulated clock may run ahead of or behind the real one, by which OpenSSL judges: when a certificate begins is judged again, by the simulated one.
 * Which extended key usages a client may have is the servers' own affair (apid: exactly clientAuth). */
static int verify_peer(int ok, X509_STORE_CTX *store) {
        int error = X509_STORE_CTX_get_error(store);
        if (!ok && error != X509_V_ERR_CERT_NOT_YET_VALID)
                return 0;
        if (!has_begun(store)) {
                X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_NOT_YET_VALID);
                return 0;
        }
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
}

int tls_server_new(const struct tls_options *o, struct tls_server **ret, struct error *err) {
        _cleanup_(tls_server_unrefp) struct tls_server *s = xnew0(struct tls_server);
        _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
        int r;

        s->references = 1;
        s->context = SSL_CTX_new(TLS_server_method());
        if (!s->context)
                return error_set(err, ERR_TLS, "OpenSSL makes no context");
        s->loop = o->loop;
        s->instead = o->instead;
        s->data = o->data;
        SSL_CTX_set_app_data(s->context, s);
        SSL_CTX_set_min_proto_version(s->context, TLS1_2_VERSION);
        SSL_CTX_set_options(s->context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
        SSL_CTX_set_num_tickets(s->context, 0);
        SSL_CTX_set_session_cache_mode(s->context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_mode(s->context,
                         SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
        if ((r = load_chain(s->context, o->cert_pem, err)) < 0 || (r = cert_read_key(o->key_pem, &key, err)) < 0)
                return r;
        if (SSL_CTX_use_PrivateKey(s->context, key) != 1 || SSL_CTX_check_private_key(s->context) != 1) {
                ERR_clear_error();
                return error_set(err, ERR_INVALID, "the server's key does not belong to its certificate");
        }
        if (o->client_auth != TLS_CLIENT_NONE) {
                if ((r = load_client_ca(s->context, o->client_ca_pem, err)) < 0)
                        return r;
                SSL_CTX_set_verify(s->context,
                                   SSL_VERIFY_PEER |
                                           (o->client_auth == TLS_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                                   verify_peer);
        }
        if ((r = set_alpn(s, o, err)) < 0)
                return r;
        *ret = TAKE(s);
        return 0;
}

struct tls_server *tls_server_ref(struct tls_server *s) {
        if (s)
                s->references++;
        return s;
}

void tls_server_unref(struct tls_server *s) {
        if (!s || --s->references > 0)
                return;
        SSL_CTX_free(s->context);
        free(s);
}

SSL *tls_server_session(struct tls_server *s) {
        struct tls_server *other = s->instead ? s->instead(s->data) : NULL;
        SSL *ssl = SSL_new(other ? other->context : s->context);
        if (ssl)
                SSL_set_accept_state(ssl);
        return ssl;
}

/* --- the client's certificate --- */

static char *asn1_text(const ASN1_STRING *s) {
        return xstrndup((const char *) ASN1_STRING_get0_data(s), (size_t) ASN1_STRING_length(s));
}

static void read_subject(X509 *cert, struct tls_peer *p) {
        const X509_NAME *name = X509_get_subject_name(cert);
        for (int i = 0; i < X509_NAME_entry_count(name); i++) {
                const X509_NAME_ENTRY *e = X509_NAME_get_entry(name, i);
                int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(e));
                char *text = asn1_text(X509_NAME_ENTRY_get_data(e));
                if (nid == NID_organizationName) {
                        strv_take(&p->organizations, text);
                } else if (nid == NID_commonName) {
                        free(p->common_name);
                        p->common_name = text;
                } else {
                        free(text);
                }
        }
}

static void read_names(X509 *cert, struct tls_peer *p) {
        GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
        for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
                const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
                if (g->type == GEN_DNS) {
                        strv_take(&p->dns_names, asn1_text(g->d.dNSName));
                } else if (g->type == GEN_IPADD && ASN1_STRING_length(g->d.iPAddress) == 16) {
                        struct ip6_addr a;
                        memcpy(a.b, ASN1_STRING_get0_data(g->d.iPAddress), 16);
                        ARRAY_APPEND(p->addresses, p->n_addresses, a);
                }
        }
        GENERAL_NAMES_free(names);
}

static void read_usages(X509 *cert, struct tls_peer *p) {
        EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
        for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
                int nid = OBJ_obj2nid(sk_ASN1_OBJECT_value(usages, i));
                strv_add(&p->key_usages, nid == NID_undef ? "unknown" : OBJ_nid2sn(nid));
        }
        EXTENDED_KEY_USAGE_free(usages);
}

struct tls_peer *tls_peer_of(SSL *ssl) {
        X509 *cert = SSL_get0_peer_certificate(ssl);
        if (!cert)
                return NULL;
        struct tls_peer *p = xnew0(struct tls_peer);
        struct tm tm;
        read_subject(cert, p);
        read_names(cert, p);
        read_usages(cert, p);
        if (!p->common_name)
                p->common_name = xstrdup("");
        if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm) == 1)
                p->not_after_ms = (int64_t) timegm(&tm) * 1000;
        return p;
}

void tls_peer_free(struct tls_peer *p) {
        if (!p)
                return;
        free(p->common_name);
        strv_done(&p->organizations);
        strv_done(&p->dns_names);
        strv_done(&p->key_usages);
        free(p->addresses);
        free(p);
}

bool tls_peer_in(const struct tls_peer *p, const char *organization) {
        return p && strv_has(&p->organizations, organization);
}
