#include "sim/real/kubelet-api.h"

#include "sim/net/http1.h"

#define PORT 10250

struct kubelet_api {
        struct mirror *mirror;
        struct http1_server *http;
};

static void answer(struct http1_exchange *x, int status, const char *text) {
        _cleanup_kvs_ struct kvs headers = { 0 };
        kvs_set(&headers, "Content-Type", "text/plain");
        http1_respond(x, status, &headers, text, strlen(text));
}

/* The last lines of a text. */
static const char *tail(const char *text, int64_t lines) {
        const char *p = text + strlen(text);
        if (p > text && p[-1] == '\n')
                p--;
        while (p > text && !(p[-1] == '\n' && --lines <= 0))
                p--;
        return p;
}

/* GET /containerLogs/NAMESPACE/POD/CONTAINER?tailLines=N (kubernetes: pkg/kubelet/server). */
static void logs(struct kubelet_api *k, struct http1_exchange *x, const char *path) {
        _cleanup_strv_ struct strv parts = { 0 };
        strv_split(&parts, path, '/');
        if (parts.n != 3) {
                answer(x, 404, "404 page not found\n");
                return;
        }
        _cleanup_str_ char *text = mirror_pod_log(k->mirror, parts.items[0], parts.items[1]), *lines = http1_param(x, "tailLines", 0);
        int64_t n;
        if (!text)
                answer(x, 200, "");      /* a container that only pretends says nothing */
        else
                answer(x, 200, lines && parse_int64(lines, 0, 1 << 20, &n) ? tail(text, n) : text);
}

static void handle(void *data, struct http1_exchange *x) {
        struct kubelet_api *k = data;
        const struct tls_peer *peer = http1_tls_peer(x);
        const char *path = http1_path(x);
        if (str_eq(path, "/healthz"))
                answer(x, 200, "ok");
        else if (!peer)
                answer(x, 401, "Unauthorized");
        else if (!tls_peer_in(peer, "system:masters"))   /* the real one asks the API server: SubjectAccessReview on nodes/proxy */
                answer(x, 403, "Forbidden");
        else if (str_starts(path, "/containerLogs/"))
                logs(k, x, path + strlen("/containerLogs/"));
        else
                answer(x, 404, "404 page not found\n");
}

int kubelet_api_new(struct mirror *mirror, struct kube_machine *m, const struct cert_pair *serving, struct kubelet_api **ret, struct error *err) {
        static const char *const alpn[] = { "http/1.1", NULL };
        _cleanup_(tls_server_unrefp) struct tls_server *tls = NULL;
        _cleanup_(kubelet_api_freep) struct kubelet_api *k = xnew0(struct kubelet_api);
        k->mirror = mirror;
        struct tls_options options = { .cert_pem = serving->cert_pem, .key_pem = serving->key_pem, .client_ca_pem = mirror->client.ca_pem,
                                       .client_auth = TLS_CLIENT_OPTIONAL, .alpn = alpn };
        if (tls_server_new(&options, &tls, err) < 0)
                return error_wrap(err, "the kubelet's TLS");
        struct http1_options http = { .addr = &m->settings.addr, .port = PORT, .tls = tls, .handler = handle, .data = k };
        if (http1_server_new(mirror->world->loop, &http, &k->http, err) < 0)
                return error_wrap(err, "the kubelet's API");
        *ret = TAKE(k);
        return 0;
}

void kubelet_api_free(struct kubelet_api *k) {
        if (!k)
                return;
        http1_server_free(k->http);
        free(k);
}
