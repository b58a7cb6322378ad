/* How a transfer ended, in the program's words. libcurl's codes alone do not tell: c.f. the comments. */
#include "base/http-internal.h"

#include <openssl/x509.h>

void transfer_read_info(struct transfer *t) {
        struct http_response *r = t->response;
        long status = 0, header_size = 0;
        curl_off_t down = 0, up = 0, time_us = 0;
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &t->connects);
        curl_easy_getinfo(t->easy, CURLINFO_HTTP_VERSION, &t->http_version);
        curl_easy_getinfo(t->easy, CURLINFO_REQUEST_SIZE, &t->request_size);
        curl_easy_getinfo(t->easy, CURLINFO_SSL_VERIFYRESULT, &t->verify_result);
        curl_easy_getinfo(t->easy, CURLINFO_HEADER_SIZE, &header_size);
        curl_easy_getinfo(t->easy, CURLINFO_SIZE_DOWNLOAD_T, &down);
        curl_easy_getinfo(t->easy, CURLINFO_SIZE_UPLOAD_T, &up);
        curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &time_us);
        r->status = (int) status;
        r->http2 = t->http_version == CURL_HTTP_VERSION_2_0;
        r->new_connection = t->connects > 0;
        r->duration_ms = time_us / 1000;
        t->bytes_in = (uint64_t) down + (uint64_t) header_size;
        t->bytes_out = (uint64_t) up + (uint64_t) t->request_size;
        r->unread = t->code == CURLE_HTTP2_STREAM && !r->got_headers && t->req->body_len > 0 && up == 0;
}

char *cut_secret(const char *text, const char *secret) {
        if (str_empty(secret))
                return xstrdup(text);
        _cleanup_strbuf_ struct strbuf b = STRBUF_INIT;
        for (const char *at; (at = strstr(text, secret)); text = at + strlen(secret)) {
                strbuf_add(&b, text, (size_t) (at - text));
                strbuf_adds(&b, "***");
        }
        strbuf_adds(&b, text);
        return strbuf_take(&b);
}

/* "https://host:port" of the URL: what a person can do something with. */
static char *origin(const char *url) {
        const char *host = strstr(url, "://");
        host = host ? host + 3 : url;
        return xstrndup(url, (size_t) (host - url) + strcspn(host, "/?#"));
}

/* What the peer's TLS alert says about our certificate, or NULL when it says nothing about it (RFC 8446, 6.2). */
static const char *certificate_alert(const struct transfer *t) {
        bool ours = t->req->tls && t->req->tls->cert_pem;
        switch (t->alert) {
        case 42: /* bad_certificate */
        case 43: /* unsupported_certificate */
        case 44: /* certificate_revoked */
        case 46: /* certificate_unknown */
        case 49: /* access_denied */
        case 51: /* decrypt_error */
                return ours ? "it refused our client certificate" : NULL;
        case 45: /* certificate_expired; Go says so of one that is not valid yet, too */
                return ours ? "it refused our client certificate: expired, or not valid yet (is a clock wrong?)" : NULL;
        case 48: /* unknown_ca */
                return ours ? "it refused our client certificate: it does not know its CA (made for another cluster?)" : NULL;
        case 116: /* certificate_required */
                return "it wants a client certificate";
        default:
                return NULL;
        }
}

/* Under TLS 1.3 the client has finished its handshake before the server judges its certificate, and the alert can be lost with the connection:
 * then a refusal is only a connection that closes (libcurl 7.88.1 says 18, partial file; other builds 56 or 16). What tells it from a broken
 * one: it is new, TLS, and nothing ever came inside TLS. Only where client certificates are in play (ours was given, or the peer is a Talos
 * node in either mode: insecure); the public API's connections just break. */
static bool may_be_refusal(const struct transfer *t) {
        const struct http_tls *tls = t->req->tls;
        bool quiet = !t->req->accepted && !t->response->got_headers && !t->heard && t->connects > 0 && str_starts(t->req->url, "https:");
        return quiet && tls && (tls->cert_pem || tls->insecure);
}

static int closed(const struct transfer *t, const char *where, const char *what, struct error *err) {
        if (may_be_refusal(t)) {
                bool ours = t->req->tls->cert_pem;
                return error_set(err, ERR_TLS, "%s: closed a new connection without an answer: %s (%s)", where,
                                 ours ? "it refused our client certificate (made for another cluster, or expired?), or is going down"
                                      : "it wants a client certificate, or is going down",
                                 what);
        }
        if (t->response->unread)
                return error_set(err, ERR_UNAVAILABLE, "%s: ended the call before it was read", where);
        return error_set(err, ERR_UNAVAILABLE, "%s: %s", where, what);
}

/* A handshake that broke off because the other side went away is a matter of time, not of certificates. */
static bool is_broken_handshake(const char *message) {
        return strcasestr(message, "SYSCALL") || strcasestr(message, "reset by peer") || strcasestr(message, "unexpected eof");
}

/* Why the peer's certificate is not trusted, or NULL when that was not the trouble. Two Talos clusters' CAs carry the same name: with the
 * wrong one OpenSSL finds a CA whose signature does not even have the right form, breaks off with an error of its decoder, and libcurl
 * has no verdict to show. */
static const char *distrust(const struct transfer *t) {
        if (t->req->tls && t->req->tls->insecure)
                return NULL;
        if (t->code == CURLE_SSL_CONNECT_ERROR && strstr(t->message, "asn1 encoding routines"))
                return X509_verify_cert_error_string(X509_V_ERR_CERT_SIGNATURE_FAILURE);
        bool has_verdict = t->verify_result != X509_V_OK && t->verify_result != X509_V_ERR_UNSPECIFIED;
        return t->code == CURLE_PEER_FAILED_VERIFICATION && has_verdict ? X509_verify_cert_error_string(t->verify_result) : NULL;
}

/* What OpenSSL's words mean to somebody who has not heard of issuers. Only with an authority of our own: of the world's there are many. */
static const char *meaning_of(const struct transfer *t) {
        if (!t->req->tls || !t->req->tls->ca_pem)
                return "";
        switch (t->verify_result) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
                return " (is a clock wrong?)";
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
                return "";
        default:
                return " (it is not signed by the authority that we expect; another cluster's?)";
        }
}

static int curl_failure(const struct transfer *t, const char *where, struct error *err) {
        /* Of several messages libcurl keeps the first. That it cannot tell the name of a peer that has hung up explains nothing; an alert that did not
         * come to this connection is of an old one, cleared away on the way. */
        bool stale = str_starts(t->message, "getpeername()") || (t->req->tls && !t->alert && strstr(t->message, " alert "));
        bool telling = *t->message && !stale;
        const char *what = telling ? t->message : curl_easy_strerror(t->code);
        const char *alert = certificate_alert(t);
        const char *why = alert ? NULL : distrust(t);
        if (alert && !t->response->got_headers)
                return error_set(err, ERR_TLS, "%s: %s", where, alert);
        if (why)
                return error_set(err, ERR_TLS, "%s: its certificate is not trusted: %s%s", where, why, meaning_of(t));
        switch ((int) t->code) {
        case CURLE_OPERATION_TIMEDOUT:
                if (!strcasestr(what, "timed out") && !strcasestr(what, "timeout")) /* of a connection that was cleared away meanwhile */
                        return error_set(err, ERR_TIMEOUT, "%s: timed out after %lld ms", where, (long long) t->response->duration_ms);
                return error_set(err, ERR_TIMEOUT, "%s: %s", where, what);
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_CONNECT:
                return error_set(err, ERR_UNAVAILABLE, "%s: %s", where, what);
        case CURLE_SSL_CONNECT_ERROR:
                return error_set(err, is_broken_handshake(what) ? ERR_UNAVAILABLE : ERR_TLS, "%s: %s", where, what);
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        case CURLE_SSL_ISSUER_ERROR:
        case CURLE_SSL_INVALIDCERTSTATUS:
        case CURLE_SSL_CERTPROBLEM:
        case CURLE_SSL_CLIENTCERT:
        case CURLE_SSL_CACERT_BADFILE:
        case CURLE_SSL_CRL_BADFILE:
        case CURLE_SSL_CIPHER:
        case CURLE_USE_SSL_FAILED:
                return error_set(err, ERR_TLS, "%s: %s", where, what);
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
        case CURLE_PARTIAL_FILE:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
        case CURLE_SSL_SHUTDOWN_FAILED:
                return closed(t, where, what, err);
        case CURLE_URL_MALFORMAT:
                return error_set(err, ERR_INVALID, "%s: %s", where, what);
        case CURLE_FAILED_INIT:
        case CURLE_BAD_FUNCTION_ARGUMENT:
        case CURLE_UNKNOWN_OPTION:
                return error_set(err, ERR_BUG, "%s: %s", where, what);
        default:
                return error_set(err, ERR_PROTOCOL, "%s: %s", where, what);
        }
}

static int failure(const struct transfer *t, struct error *err) {
        _cleanup_str_ char *whole = origin(t->req->url), *where = cut_secret(whole, t->req->secret);
        if (t->end == END_CANCELLED)
                return error_set(err, ERR_CANCELLED, "interrupted");
        if (t->end == END_STOPPED)
                return error_set(err, ERR_CANCELLED, "%s: the program is ending", where);
        if (t->end == END_IDLE)
                return error_set(err, ERR_TIMEOUT, "%s: silent for %lld ms", where, (long long) t->req->idle_timeout_ms);
        if (t->refused_by_caller)
                return error_set(err, ERR_CANCELLED, "%s: the answer was cut short here", where);
        if (t->too_large)
                return error_set(err, ERR_PROTOCOL, "%s: the answer is larger than %zu bytes", where, t->response->body.max);
        if (t->resend_refused)
                return error_set(err, ERR_UNAVAILABLE, "%s: the connection was closed before an answer", where);
        return curl_failure(t, where, err);
}

int transfer_result(const struct transfer *t, struct error *err) {
        bool whole = t->end == END_BY_CURL && t->code == CURLE_OK;
        if (whole && t->req->version == HTTP_2 && !t->response->http2) {
                _cleanup_str_ char *where = origin(t->req->url);
                return error_set(err, ERR_PROTOCOL, "%s: does not speak HTTP/2", where);
        }
        if (whole)
                return 0;
        int r = failure(t, err);
        err->ambiguous = t->request_size > 0 && !t->response->unread;
        err->http_status = t->response->status;
        return r;
}

static bool url_part(CURLU *u, CURLUPart what, char **ret) {
        char *text = NULL;
        if (curl_url_get(u, what, &text, 0) != CURLUE_OK)
                return false;
        *ret = xstrdup(text);
        curl_free(text);
        return true;
}

static void cleanup_url(CURLU **u) {
        curl_url_cleanup(*u);
}

bool url_split(const char *url, char **ret_scheme, char **ret_host, unsigned *ret_port, char **ret_path) {
        _cleanup_(cleanup_url) CURLU *u = curl_url();
        if (!url || !u || curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME | CURLU_DISALLOW_USER) != CURLUE_OK)
                return false;
        _cleanup_str_ char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *query = NULL;
        if (!url_part(u, CURLUPART_SCHEME, &scheme) || !url_part(u, CURLUPART_HOST, &host) || !url_part(u, CURLUPART_PATH, &path))
                return false;
        bool tls = str_eq(scheme, "https");
        if (!tls && !str_eq(scheme, "http"))
                return false;
        int64_t number = tls ? 443 : 80;
        if (url_part(u, CURLUPART_PORT, &port) && !parse_int64(port, 1, 65535, &number))
                return false;
        bool has_query = url_part(u, CURLUPART_QUERY, &query);
        size_t n = strlen(host);
        bool bracketed = n >= 2 && host[0] == '[';
        *ret_scheme = TAKE(scheme);
        *ret_host = bracketed ? xstrndup(host + 1, n - 2) : TAKE(host);
        *ret_port = (unsigned) number;
        *ret_path = has_query ? xasprintf("%s?%s", path, query) : TAKE(path);
        return true;
}
