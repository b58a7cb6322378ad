/* A request in libcurl's words: options, callbacks, the TLS identity. */
#include <ctype.h>
#include <fcntl.h>
#include <openssl/ssl.h>

#include "base/clock.h"
#include "base/http-internal.h"
#include "base/ip6.h"
#include "base/memory.h"
#include "base/secret.h"

enum { MAX_HEADER_BYTES = 256 * 1024, MAX_HEADERS = 1000, MAX_REDIRECTS = 5 };

#define DEFAULT_TIMEOUT_MS 60000L
#define DEFAULT_CONNECT_TIMEOUT_MS 10000L

void http_store_header(struct http_response *r, const char *line, size_t n) {
        const char *colon = memchr(line, ':', n);
        if (!colon || colon == line)
                return;
        _cleanup_str_ char *name = xstrndup(line, (size_t) (colon - line));
        for (char *p = name; *p; p++)
                *p = (char) tolower((unsigned char) *p);
        const char *value = colon + 1, *end = line + n;
        while (value < end && isspace((unsigned char) *value))
                value++;
        while (end > value && isspace((unsigned char) end[-1]))
                end--;
        _cleanup_str_ char *text = xstrndup(value, (size_t) (end - value));
        kvs_set(&r->headers, name, text);
}

/* Called for each header line; HTTP/2 trailers come here too, after the body (libcurl 7.88.1 does not mark them as trailers). A
 * status line begins a new set: of the answer after "100 Continue" or after a redirect. */
static size_t on_header(char *line, size_t size, size_t n, void *data) {
        struct transfer *t = data;
        n *= size;
        t->last_byte_ms = clock_mono_ms(NULL);
        t->response->got_headers = true;
        t->header_bytes += n;
        if (t->header_bytes > MAX_HEADER_BYTES || t->response->headers.n > MAX_HEADERS) {
                t->too_large = true;
                return 0;
        }
        if (n >= 5 && memcmp(line, "HTTP/", 5) == 0)
                kvs_done(&t->response->headers);
        else
                http_store_header(t->response, line, n);
        return n;
}

static size_t on_body(char *p, size_t size, size_t n, void *data) {
        struct transfer *t = data;
        n *= size;
        t->last_byte_ms = clock_mono_ms(NULL);
        if (t->req->on_data) {
                t->refused_by_caller = t->req->on_data(t->req->on_data_arg, p, n) != 0;
                return t->refused_by_caller ? CURL_WRITEFUNC_ERROR : n;
        }
        strbuf_add(&t->response->body, p, n);
        t->too_large = strbuf_failed(&t->response->body);
        return t->too_large ? CURL_WRITEFUNC_ERROR : n;
}

/* Programs that this one starts (helm, ssh) must not keep its connections open. */
static int on_socket(void *data, curl_socket_t fd, curlsocktype purpose) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        return CURL_SOCKOPT_OK;
}

static bool is_idempotent(const char *method) {
        return !str_eq(method, "POST") && !str_eq(method, "PATCH");
}

/* Called before each sending of the request. When a reused connection turns out dead, libcurl sends again on a new one, whatever the
 * method (Curl_retry_request); a POST may have been carried out by then, and whether to repeat it is the caller's decision. */
static int on_send(void *data, char *ip, char *local_ip, int port, int local_port) {
        struct transfer *t = data;
        t->attempts++;
        if (t->attempts > 1 && !t->response->got_headers && !is_idempotent(t->req->method)) {
                t->resend_refused = true;
                return CURL_PREREQFUNC_ABORT;
        }
        return CURL_PREREQFUNC_OK;
}

static bool has_line_break(const char *s) {
        return strpbrk(s, "\r\n") != NULL;
}

static void add_header(struct transfer *t, const char *line) {
        struct curl_slist *list = curl_slist_append(t->headers, line);
        if (!list)
                end_without("memory");
        t->headers = list;
}

static int set_headers(struct transfer *t, struct error *err) {
        bool has_type = false;
        for (size_t i = 0; t->req->headers && i < t->req->headers->n; i++) {
                const struct kv *h = &t->req->headers->items[i];
                if (has_line_break(h->key) || has_line_break(h->value))
                        return error_set(err, ERR_INVALID, "a line break in the request header '%s'", h->key);
                _cleanup_secret_ char *line = *h->value ? xasprintf("%s: %s", h->key, h->value) : xasprintf("%s;", h->key);
                add_header(t, line);
                has_type = has_type || strcasecmp(h->key, "content-type") == 0;
        }
        add_header(t, "Expect:"); /* no round trip of "100-continue" */
        if (!has_type)
                add_header(t, "Content-Type:"); /* libcurl's own guess, a web form, would be wrong */
        curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, t->headers);
        return 0;
}

static void set_method(struct transfer *t) {
        const char *method = t->req->method;
        bool takes_body = str_eq(method, "POST") || str_eq(method, "PUT") || str_eq(method, "PATCH");
        if (str_eq(method, "HEAD")) {
                curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L);
        } else if (t->req->body || takes_body) {
                curl_easy_setopt(t->easy, CURLOPT_POST, 1L);
                curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) (t->req->body ? t->req->body_len : 0));
                curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, t->req->body ? t->req->body : "");
                curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
        } else if (!str_eq(method, "GET"))
                curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, method);
}

static bool is_loopback(const char *host) {
        struct ip6_addr a;
        return str_eq(host, "localhost") || str_starts(host, "127.") || (ip6_parse(host, &a) && ip6_is_loopback(&a));
}

/* libcurl drops the Authorization header by itself when a redirect leads to another host. */
static void set_redirects(struct transfer *t, const char *scheme, const char *host) {
        if (!t->req->follow)
                return;
        bool plain_too = str_eq(scheme, "http") && is_loopback(host);
        curl_easy_setopt(t->easy, CURLOPT_FOLLOWLOCATION, 1L);
        curl_easy_setopt(t->easy, CURLOPT_MAXREDIRS, (long) MAX_REDIRECTS);
        curl_easy_setopt(t->easy, CURLOPT_REDIR_PROTOCOLS_STR, plain_too ? "http,https" : "https");
}

static long http_version_option(enum http_version v, bool tls) {
        switch (v) {
        case HTTP_1_1:
                return CURL_HTTP_VERSION_1_1;
        case HTTP_2:
                return tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
        default:
                return CURL_HTTP_VERSION_2TLS;
        }
}

static void set_connection(struct transfer *t, bool tls) {
        const struct http_request *req = t->req;
        long timeout = req->timeout_ms > 0 ? (long) req->timeout_ms : req->timeout_ms < 0 ? 0 : DEFAULT_TIMEOUT_MS;
        curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS, timeout);
        curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS,
                         req->connect_timeout_ms > 0 ? (long) req->connect_timeout_ms : DEFAULT_CONNECT_TIMEOUT_MS);
        curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, http_version_option(req->version, tls));
        curl_easy_setopt(t->easy, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(t->easy, CURLOPT_QUICK_EXIT, 1L); /* being cancelled does not wait for a slow resolver */
        curl_easy_setopt(t->easy, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(t->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
        curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, 16384L); /* the memory of one transfer; 500 may run */
        curl_easy_setopt(t->easy, CURLOPT_UPLOAD_BUFFERSIZE, 16384L);
        if (req->gzip)
                curl_easy_setopt(t->easy, CURLOPT_ACCEPT_ENCODING, "gzip"); /* of a libcurl without zlib the option fails: plain, then */
        if (!req->use_proxy)
                curl_easy_setopt(t->easy, CURLOPT_PROXY, "");
        if (req->source)
                curl_easy_setopt(t->easy, CURLOPT_INTERFACE, req->source);
        if (req->fresh) {
                curl_easy_setopt(t->easy, CURLOPT_FRESH_CONNECT, 1L);
                curl_easy_setopt(t->easy, CURLOPT_FORBID_REUSE, 1L);
        } else if (req->version == HTTP_2 || (req->version == HTTP_AUTO && tls))
                /* Rather wait for a connection that may turn out to be HTTP/2 than open another. Without TLS it is known only after the
                 * first answer, and that may be long in coming. */
                curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, 1L);
}

/* Talos labels its PKCS#8 keys "ED25519 PRIVATE KEY", which OpenSSL 3 does not decode; the bytes inside are an ordinary
 * "PRIVATE KEY". Owned copy, to be wiped. */
static char *relabel_key(const char *pem) {
        static const char label[] = "ED25519 PRIVATE KEY";
        const size_t extra = strlen("ED25519 ");
        char *copy = xstrdup(pem);
        for (char *at = copy; (at = strstr(at, label));)
                memmove(at, at + extra, strlen(at + extra) + 1);
        return copy;
}

static void set_blob(CURL *easy, CURLoption option, const char *pem) {
        struct curl_blob blob = { .data = (void *) pem, .len = strlen(pem), .flags = CURL_BLOB_NOCOPY };
        curl_easy_setopt(easy, option, &blob);
}

/* libcurl shows each TLS message in its debug stream (OpenSSL's message callback). An alert is two bytes, level and description; the one byte 23
 * is the type inside an encrypted record of TLS 1.3: application data (RFC 8446, 5.1, 6). A ClientHello (1) begins anew: what came before was
 * of an old connection that libcurl cleared away on the way. Nothing of it is printed. */
static int on_tls_message(CURL *easy, curl_infotype type, char *p, size_t n, void *data) {
        struct transfer *t = data;
        if (type == CURLINFO_SSL_DATA_OUT && n > 4 && p[0] == 1) {
                t->alert = 0;
                t->heard = false;
        }
        if (type != CURLINFO_SSL_DATA_IN)
                return 0;
        if (n == 2 && (p[0] == 1 || p[0] == 2))
                t->alert = (unsigned char) p[1];
        t->heard = t->heard || (n == 1 && p[0] == 23);
        return 0;
}

/* libcurl judges by this machine's clock; where that is known to be wrong, by the right time. */
static CURLcode on_tls_context(CURL *easy, void *context, void *data) {
        const struct transfer *t = data;
        X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(context), (time_t) ((clock_now_ms(NULL) + t->req->tls->clock_off_ms) / 1000));
        return CURLE_OK;
}

static void set_tls(struct transfer *t) {
        const struct http_tls *tls = t->req->tls;
        if (!tls)
                return;
        curl_easy_setopt(t->easy, CURLOPT_DEBUGFUNCTION, on_tls_message);
        curl_easy_setopt(t->easy, CURLOPT_DEBUGDATA, t);
        curl_easy_setopt(t->easy, CURLOPT_VERBOSE, 1L);
        if (tls->insecure) {
                curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYPEER, 0L);
                curl_easy_setopt(t->easy, CURLOPT_SSL_VERIFYHOST, 0L);
        }
        if (tls->ca_pem) {
                /* Without the two NULLs a distribution's built-in directory stays a second source of trust. */
                curl_easy_setopt(t->easy, CURLOPT_CAPATH, NULL);
                curl_easy_setopt(t->easy, CURLOPT_CAINFO, NULL);
                set_blob(t->easy, CURLOPT_CAINFO_BLOB, tls->ca_pem);
        }
        if (tls->cert_pem && tls->key_pem) {
                t->key = relabel_key(tls->key_pem);
                curl_easy_setopt(t->easy, CURLOPT_SSLCERTTYPE, "PEM");
                curl_easy_setopt(t->easy, CURLOPT_SSLKEYTYPE, "PEM");
                set_blob(t->easy, CURLOPT_SSLCERT_BLOB, tls->cert_pem);
                set_blob(t->easy, CURLOPT_SSLKEY_BLOB, t->key);
        }
        if (tls->clock_off_ms) {
                curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
                curl_easy_setopt(t->easy, CURLOPT_SSL_CTX_DATA, t);
        }
        if (tls->pin)
                curl_easy_setopt(t->easy, CURLOPT_PINNEDPUBLICKEY, tls->pin);
}

static void set_callbacks(struct transfer *t) {
        curl_easy_setopt(t->easy, CURLOPT_PRIVATE, t);
        curl_easy_setopt(t->easy, CURLOPT_ERRORBUFFER, t->message);
        curl_easy_setopt(t->easy, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(t->easy, CURLOPT_HEADERDATA, t);
        curl_easy_setopt(t->easy, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(t->easy, CURLOPT_WRITEDATA, t);
        curl_easy_setopt(t->easy, CURLOPT_PREREQFUNCTION, on_send);
        curl_easy_setopt(t->easy, CURLOPT_PREREQDATA, t);
        curl_easy_setopt(t->easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
}

int transfer_init(struct transfer *t, const char *user_agent, struct error *err) {
        pthread_cond_init(&t->finished, NULL);
        _cleanup_str_ char *scheme = NULL, *host = NULL, *path = NULL;
        unsigned port;
        if (str_empty(t->req->method) || !url_split(t->req->url, &scheme, &host, &port, &path)) {
                if (t->req->url && strchr(t->req->url, '@')) /* not quoted: a password may stand before it */
                        return error_set(err, ERR_INVALID, "a URL with a user name, or none at all");
                _cleanup_str_ char *url = cut_secret(t->req->url ? t->req->url : "", t->req->secret);
                return error_set(err, ERR_INVALID, "'%s' is no http or https URL", url);
        }
        t->easy = curl_easy_init();
        if (!t->easy)
                return error_set(err, ERR_BUG, "libcurl gives no handle");
        curl_easy_setopt(t->easy, CURLOPT_URL, t->req->url);
        curl_easy_setopt(t->easy, CURLOPT_PROTOCOLS_STR, "http,https");
        if (user_agent)
                curl_easy_setopt(t->easy, CURLOPT_USERAGENT, user_agent);
        set_callbacks(t);
        set_method(t);
        set_redirects(t, scheme, host);
        set_connection(t, str_eq(scheme, "https"));
        set_tls(t);
        return set_headers(t, err);
}

void transfer_done(struct transfer *t) {
        if (t->easy)
                curl_easy_cleanup(t->easy);
        for (struct curl_slist *h = t->headers; h; h = h->next)
                secret_wipe(h->data, strlen(h->data)); /* one of them is the token */
        curl_slist_free_all(t->headers);
        secret_free(t->key);
        pthread_cond_destroy(&t->finished);
}
