#include "sim/real/client.h"

#define TIMEOUT_MS 15000
#define MAX_CONNECTIONS 64               /* to one API server: every identity has its own */

int api_client_init(struct api_client *a, struct error *err) {
        if (http_engine_new("hcloud-v6-sim", &a->engine, err) < 0)
                return -1;
        http_engine_set_max_host_connections(a->engine, MAX_CONNECTIONS);
        return 0;
}

void api_client_done(struct api_client *a) {
        http_engine_free(a->engine);
        free(a->ca_pem);
}

char *api_path(const struct kube_type *t, const char *name_space, const char *name) {
        _cleanup_str_ char *version = kube_type_api_version(t);
        bool inside = name_space && kube_type_has(t, KUBE_NAMESPACED);
        return xasprintf("/%s/%s%s%s/%s%s%s", *t->group ? "apis" : "api", version, inside ? "/namespaces/" : "", inside ? name_space : "", t->plural,
                         name ? "/" : "", name ? name : "");
}

static int refuse(const struct http_response *answer, const json_t *status, struct kube_failure *f) {
        const char *reason = jget_text(status, "reason"), *message = jget_text(status, "message");
        return kube_fail(f, answer->status, reason ? reason : "Unknown", "%s", message ? message : "no Status in the answer");
}

int api_call(struct api_client *a, const struct api_request *r, json_t **ret, struct kube_failure *f) {
        const struct kube_machine *at = r->as ? r->as->at : NULL;
        struct sim_machine *server = a->server(a->data, at);
        if (!server)
                return kube_fail(f, 0, "Unavailable", "no API server answers");
        bool administrator = !r->as || r->as->administrator;
        const struct cert_pair *own = administrator ? real_plane_admin(server) : r->as->certificate;
        if (!own && (administrator || !r->as->token))
                return kube_fail(f, 0, "Unauthenticated", "no certificate and no token yet");
        char source[IP6_STR_MAX];
        _cleanup_str_ char *base = real_plane_url(server), *url = xasprintf("%s%s", base, r->path), *body = r->body ? json_write(r->body) : NULL;
        _cleanup_kvs_ struct kvs headers = { 0 };
        if (r->as && r->as->token) {
                _cleanup_str_ char *bearer = xasprintf("Bearer %s", r->as->token);
                kvs_set(&headers, "Authorization", bearer);
        }
        kvs_set(&headers, "Accept", "application/json");
        if (body)
                kvs_set(&headers, "Content-Type", r->content_type ? r->content_type : "application/json");
        struct http_tls tls = { .ca_pem = a->ca_pem, .cert_pem = own ? own->cert_pem : NULL, .key_pem = own ? own->key_pem : NULL };
        struct http_request request = { .method = r->method, .url = url, .headers = &headers, .body = body, .body_len = body ? strlen(body) : 0,
                                        .tls = &tls, .timeout_ms = TIMEOUT_MS, .source = at ? ip6_format(&at->settings.addr, source) : NULL };
        _cleanup_http_response_ struct http_response answer = { 0 };
        _cleanup_error_ struct error why = ERROR_INIT;
        if (http_perform(a->engine, &request, &answer, &why) < 0)
                return kube_fail(f, 0, "Unavailable", "%s", error_text(&why));
        _cleanup_json_ json_t *parsed = json_loadb(strbuf_str(&answer.body), answer.body.len, 0, NULL);
        if (answer.status >= 300)
                return refuse(&answer, parsed, f);
        if (ret)
                *ret = TAKE(parsed);
        return 0;
}
